"""Cut places into blocks that are predicted one after another, so that memory is bounded by a block.

A place is in one block with all its days, because lags, windows and the days since rain look along them.
Neighbours lie in the same block or next to it, so blocks hold places that are near each other.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from airq.geo import chord_km, geocentric_km, order_in_space


def cut(places, n_rows, most):
    """Return the numbers of the places of every block, of at most so many rows unless a place has more.

    `places` is a DataFrame with `latitude, longitude` [°], `n_rows`, (n_places,), are their rows. The numbers
    are sorted within a block.

    >>> import pandas as pd
    >>> places = pd.DataFrame({"longitude": [10.0, 30.0, 11.0], "latitude": 0.0})
    >>> [block.tolist() for block in cut(places, [5, 5, 5], 10)]
    [[0, 2], [1]]
    """
    blocks, filled = [[]], 0
    for place in order_in_space(places["longitude"].to_numpy(), places["latitude"].to_numpy()):
        if blocks[-1] and filled + n_rows[place] > most:
            blocks.append([])
            filled = 0
        blocks[-1].append(place)
        filled += n_rows[place]
    return [np.sort(block) for block in blocks]


def beside(places, block, reach_km):
    """Return the numbers of the places outside of a block that are at most `reach_km` from one in it."""
    if not reach_km:
        return np.empty(0, dtype=int)
    positions = geocentric_km(places)
    chord, _ = cKDTree(positions[block]).query(positions)
    # A little more than the reach: who is a neighbour is decided elsewhere.
    return np.setdiff1d(np.flatnonzero(chord <= chord_km(reach_km) * (1 + 1e-9)), block)
