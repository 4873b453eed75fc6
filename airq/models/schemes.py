"""What schemes hold out: blocks of cities, surroundings of places."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from airq.geography import chord_km, geocentric_km, sites_of

#: Most blocks that a panel is cut into, and cities that a block holds on average at least.
MAX_BLOCKS = 25
CITIES_IN_BLOCK = 2


def block_of_city(panel, labelled, *, seed=0):
    """Cut the cities of a panel into compact blocks by k-means on the unit sphere.

    A city has the mean position of its sites and is never cut. There are half as many blocks as
    places of cities with a target, 25 at most; a city without a target falls to the nearest centre.

    Parameters
    ----------
    panel : DataFrame
        A checked panel.
    labelled : numpy.ndarray of int
        Rows with a target.
    seed : int
        Seed of the start; the same seed gives the same blocks.

    Returns
    -------
    Series of str
        Name of the block, by city_id; all cities are in one block where there are too few for two.
    """
    cities = _unit_positions(panel)
    known = cities.loc[cities.index.isin(set(panel["city_id"].iloc[labelled]))]
    n_places = len(known.round(9).drop_duplicates())
    n_blocks = min(MAX_BLOCKS, max(1, n_places // CITIES_IN_BLOCK))
    # One thread, because sums over several depend on their number.
    with threadpool_limits(1):
        clusters = KMeans(n_blocks, n_init=10, random_state=seed).fit(known.to_numpy())
        number = clusters.predict(cities.to_numpy())
    return pd.Series([f"block {block + 1:02d}" for block in number], index=cities.index)


def site_positions(panel):
    """Number of the site of each row, shape (n_rows,), and positions of the sites, (n_sites, 3). [km]"""
    sites = sites_of(panel)
    return sites.index.get_indexer(panel["site_id"]), geocentric_km(sites)


def within_km(positions, chosen, radius_km):
    """Which places lie closer than a radius to a chosen one.

    Parameters
    ----------
    positions : numpy.ndarray of shape (n_places, 3)
        From :func:`airq.geography.geocentric_km`. [km]
    chosen : array-like of int
        Row numbers of the chosen places.
    radius_km : float
        Distance along the Earth. [km]

    Returns
    -------
    numpy.ndarray of bool, shape (n_places,)
    """
    apart, _ = cKDTree(positions[chosen]).query(positions)
    return apart < chord_km(radius_km)


def _unit_positions(panel):
    """Mean direction of the sites of every city, as a table by city_id."""
    sites = sites_of(panel)
    towards = pd.DataFrame(_normalised(geocentric_km(sites)), index=sites["city_id"].to_numpy())
    means = towards.groupby(level=0).mean()
    return pd.DataFrame(_normalised(means.to_numpy()), index=means.index)


def _normalised(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
