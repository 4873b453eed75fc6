"""Inputs of the sites near by, on the same days; never their PM2.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from airq.features.shifts import day_numbers, window_sum
from airq.geo import pairs_within

#: Cells of (site, day) held at a time, whatever the size of the panel.
BLOCK_CELLS = 1 << 20


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The sites around those of a panel, and the rows by day; rows that only stand beside it come last."""

    #: 1 where a site is near one of the panel, shape (n_own_sites, n_sites).
    pairs: csr_array
    #: Number of the site and of the day of every row, from 0, shape (n_rows,).
    site: np.ndarray
    day: np.ndarray
    #: Rows by day, shape (n_rows,).
    order: np.ndarray
    #: Line of `pairs` of the rows of the panel, shape (n_own_rows,).
    own: np.ndarray

    def sums(self, values, windows):
        """Compute sum and count of the neighbours' values, (n_rows,), missing ones (NaN) ignored.

        Every value of every neighbour in the window weighs the same. A window is its days before and after
        today; the result is an array of shape (2, n_own_rows) for each.
        """
        results = [np.zeros((2, len(self.own))) for _ in windows]
        before, after = np.max(windows, axis=0)
        days = int(self.day[self.order[-1]]) + 1 if len(self.order) else 0
        length = max(BLOCK_CELLS // max(self.pairs.shape[1], 1), 1)
        for first in range(0, days, length):
            last = min(first + length, days)
            rows = self._rows(first, last)
            rows = rows[rows < len(self.own)]
            if not len(rows) or not self.pairs.nnz:
                continue
            near = self._near(values, first - before, last + after)
            cells = self.own[rows] * near[0].shape[1] + self.day[rows] - first + before
            for result, window in zip(results, windows, strict=True):
                for kind, sums in enumerate(near):
                    result[kind, rows] = window_sum(sums, *window).ravel()[cells]
        return results

    def _rows(self, first, last):
        """Return the rows of the days from `first` to before `last`, in their order."""
        return np.sort(self.order[slice(*np.searchsorted(self.day, [first, last], sorter=self.order))])

    def _near(self, values, first, last):
        """Return sums and counts over the neighbours of every site of the panel by day."""
        rows = self._rows(first, last)
        rows = rows[~np.isnan(values[rows])]
        cells = np.zeros((2, self.pairs.shape[1], last - first))
        cells[0, self.site[rows], self.day[rows] - first] = values[rows]
        cells[1, self.site[rows], self.day[rows] - first] = 1
        return self.pairs @ cells[0], self.pairs @ cells[1]


def neighbourhood(
    panel: pd.DataFrame, radius_km: float, *, itself: str = "left out", beside: pd.DataFrame | None = None
) -> Neighbourhood:
    """Find the neighbours of every site of a panel, at most `radius_km` away.

    `itself` is "left out" or "included": whether a site is among its own neighbours. `beside` holds rows of
    other sites, or of other days of the same, that are looked at, too; it tells where their sites lie.
    """
    columns = ["site_id", "date", "longitude", "latitude"]
    both = panel[columns]
    if beside is not None:
        # Sums go by the order of the sites, which must not depend on who stands beside whom.
        both = pd.concat([both, beside[columns]], ignore_index=True)
    site, names = pd.factorize(both["site_id"], sort=beside is not None)
    day = day_numbers(both)
    day = day - (day.min() if len(day) else 0)
    places = both[::-1].drop_duplicates("site_id").set_index("site_id").loc[names, columns[2:]]
    pairs = pairs_within(places, radius_km) if len(places) else np.empty((0, 2), dtype=int)
    if itself == "included":
        pairs = np.vstack([pairs, np.repeat(np.arange(len(places))[:, None], 2, axis=1)])
    ones = np.ones(len(pairs))
    matrix = csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    mine, own = np.unique(site[: len(panel)], return_inverse=True)
    return Neighbourhood(matrix[mine], site, day, np.argsort(day, kind="stable"), own)
