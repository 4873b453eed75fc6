"""Inputs of the sites near by, on the same days; never their PM2.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from airq.features.shifts import day_numbers, site_numbers, window_sum
from airq.geo import pairs_within

#: Cells of (site, day) held at a time, whatever the size of the panel.
BLOCK_CELLS = 1 << 20


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The pairs of sites within a radius, and the rows of a panel by day."""

    #: 1 where two sites are near each other, shape (n_sites, n_sites).
    pairs: csr_array
    #: Number of the site and of the day of every row, from 0, shape (n_rows,).
    site: np.ndarray
    day: np.ndarray
    #: Rows by day, shape (n_rows,).
    order: np.ndarray

    def sums(self, values, windows):
        """Compute sum and count of the neighbours' values, (n_rows,), missing ones (NaN) ignored.

        Every value of every neighbour in the window weighs the same. A window is its days before and after
        today; the result is an array of shape (2, n_rows) for each.
        """
        results = [np.zeros((2, len(values))) for _ in windows]
        before, after = np.max(windows, axis=0)
        days = int(self.day[self.order[-1]]) + 1 if len(self.order) else 0
        length = max(BLOCK_CELLS // max(self.pairs.shape[0], 1), 1)
        for first in range(0, days, length):
            last = min(first + length, days)
            rows = self._rows(first, last)
            if not len(rows) or not self.pairs.nnz:
                continue
            near = self._near(values, first - before, last + after)
            cells = self.site[rows] * near[0].shape[1] + self.day[rows] - first + before
            for result, window in zip(results, windows, strict=True):
                for kind, sums in enumerate(near):
                    result[kind, rows] = window_sum(sums, *window).ravel()[cells]
        return results

    def _rows(self, first, last):
        """Return the rows of the days from `first` to before `last`, in the panel's order."""
        return np.sort(self.order[slice(*np.searchsorted(self.day, [first, last], sorter=self.order))])

    def _near(self, values, first, last):
        """Return sums and counts over the neighbours of every site by day, each (n_sites, n_days)."""
        rows = self._rows(first, last)
        rows = rows[~np.isnan(values[rows])]
        cells = np.zeros((2, self.pairs.shape[0], last - first))
        cells[0, self.site[rows], self.day[rows] - first] = values[rows]
        cells[1, self.site[rows], self.day[rows] - first] = 1
        return self.pairs @ cells[0], self.pairs @ cells[1]


def neighbourhood(panel: pd.DataFrame, radius_km: float, *, itself: str = "left out") -> Neighbourhood:
    """Find the neighbours of every site of a panel, at most `radius_km` away.

    `itself` is "left out" or "included": whether a site is among its own neighbours.
    """
    site, day = site_numbers(panel), day_numbers(panel)
    day = day - (day.min() if len(day) else 0)
    places = panel.loc[~panel["site_id"].duplicated().to_numpy(), ["longitude", "latitude"]]
    pairs = pairs_within(places, radius_km) if len(places) else np.empty((0, 2), dtype=int)
    if itself == "included":
        pairs = np.vstack([pairs, np.repeat(np.arange(len(places))[:, None], 2, axis=1)])
    ones = np.ones(len(pairs))
    matrix = csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    return Neighbourhood(matrix, site, day, np.argsort(day, kind="stable"))
