"""Geometry of sites: positions, distances, neighbours.

Sites are GeoDataFrames in EPSG:4326, indexed by `site_id`. Places are tables with `latitude` and `longitude`
[°]. Distances come from geocentric coordinates (EPSG:4978) that PROJ computes: straight lines through the
Earth, turned into arcs.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
from scipy.spatial import cKDTree

from airq.panel import PLACE

EARTH_RADIUS_KM = 6371.0088


def sites_of(panel: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the sites of a panel: one row per `site_id`, sorted, with a point `geometry` (EPSG:4326)."""
    columns = PLACE + [name for name in ("population",) if name in panel.columns]
    places = panel[columns].drop_duplicates("site_id").set_index("site_id").sort_index()
    points = gpd.points_from_xy(places["longitude"], places["latitude"])
    return gpd.GeoDataFrame(places, geometry=points, crs="EPSG:4326")


def geocentric_km(places: pd.DataFrame) -> np.ndarray:
    """Return positions on the ellipsoid [km], (n_places, 3), in a frame that turns with the Earth."""
    points = gpd.points_from_xy(places["longitude"], places["latitude"], z=np.zeros(len(places)))
    points = gpd.GeoSeries(points, crs="EPSG:4979").to_crs("EPSG:4978")
    return np.column_stack([points.x, points.y, points.z]) / 1000


def arc_km(chord):
    """Return the length along the Earth [km] of a straight line through it of `chord` km.

    >>> round(float(arc_km(100.0)), 3)
    100.001
    """
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(np.asarray(chord) / (2 * EARTH_RADIUS_KM), 1))


def chord_km(arc):
    """Return the straight line through the Earth [km] between places `arc` km apart along it."""
    return 2 * EARTH_RADIUS_KM * np.sin(np.minimum(np.asarray(arc) / (2 * EARTH_RADIUS_KM), np.pi / 2))


def longitude_span(longitudes) -> tuple[float, float]:
    """Return the western end and the width of the shortest span that holds all longitudes [°].

    It may cross the antimeridian:

    >>> longitude_span([-179.0, 170.0, 178.0])
    (170.0, 11.0)
    """
    around = np.unique(np.mod(np.asarray(longitudes, dtype="float64"), 360))
    gaps = np.diff(around, append=around[0] + 360)
    widest = int(gaps.argmax())
    west = around[(widest + 1) % len(around)]
    return float((west + 180) % 360 - 180), float(360 - gaps[widest])


def order_in_space(longitudes, latitudes) -> np.ndarray:
    """Return the row numbers of places such that places next to each other come one after another.

    They follow a Hilbert curve over the box of the places, the antimeridian being no border.

    >>> order_in_space([179.0, 10.0, -179.0, 11.0], [0.0, 0.0, 0.0, 1.0]).tolist()
    [1, 3, 0, 2]
    """
    west, _ = longitude_span(longitudes)
    points = gpd.points_from_xy(np.mod(np.asarray(longitudes) - west, 360), latitudes)
    return np.argsort(gpd.GeoSeries(points).hilbert_distance().to_numpy(), kind="stable")


def distances_km(places: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Return the distance along the Earth [km] between all places and others, (n_places, n_others)."""
    here, there = geocentric_km(places), geocentric_km(others)
    return arc_km(np.linalg.norm(here[:, None, :] - there[None, :, :], axis=-1))


def nearest(places: pd.DataFrame, others: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of `others` to each place.

    Returns its row number in `others` and its distance along the Earth [km], each of shape (n_places,).
    """
    chord, position = cKDTree(geocentric_km(others)).query(geocentric_km(places))
    return position, arc_km(chord)


def pairs_within(places: pd.DataFrame, radius_km: float) -> np.ndarray:
    """Find the pairs of different places that are at most `radius_km` apart, by row number.

    Shape (n_pairs, 2); each pair in both orders. Places have `longitude` and `latitude`.
    """
    pairs = cKDTree(geocentric_km(places)).query_pairs(chord_km(radius_km), output_type="ndarray")
    return np.vstack([pairs, pairs[:, ::-1]])


def cell_areas_km2(edges, width: float) -> np.ndarray:
    """Return the areas [km²] of cells between parallels and meridians on the ellipsoid (WGS 84).

    Parameters
    ----------
    edges : array-like of shape (n + 1,)
        Latitudes of the cells' edges, from north to south or from south to north. [°]
    width : float
        Difference in longitude. [°]

    Returns
    -------
    numpy.ndarray of shape (n,)

    References
    ----------
    .. [1] J. P. Snyder, Map Projections: A Working Manual, US Geological Survey Professional Paper 1395,
       1987, equation 3-12: the area between the equator and a parallel.

    Examples
    --------
    >>> cell_areas_km2([-90, 90], 360).round().tolist()
    [510065622.0]
    >>> cell_areas_km2([0, 1 / 120, 60, 60 + 1 / 120], 1 / 120)[[0, 2]].round(3).tolist()
    [0.855, 0.432]
    """
    ellipsoid = pyproj.Geod(ellps="WGS84")
    sine, e = np.sin(np.radians(np.asarray(edges, dtype="float64"))), np.sqrt(ellipsoid.es)
    zone = ellipsoid.b**2 / 2 * (sine / (1 - ellipsoid.es * sine**2) + np.arctanh(e * sine) / e)
    return np.abs(np.diff(zone)) * np.radians(width) / 1e6
