"""What the sites near by have on the same days: inputs only, never PM2.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from airq.features.shifts import bounds, day_numbers, numbers, ratio, site_numbers, window_sum
from airq.geo import pairs_within
from airq.panel import TARGET

#: What must not be averaged over neighbours here: that learns, and belongs to a model's `fit`.
TARGETS = (TARGET, "aqi")

#: Cells of (site, day) held at a time, whatever the size of the panel.
BLOCK_CELLS = 1 << 20


def near_mean(panel, column, radius_km, days=1, align="trailing"):
    """Mean of an input over other sites near by.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    column : str
        A numeric input; neither `pm25` nor `aqi`.
    radius_km : float
        Largest distance; the site itself is left out. [km]
    days : int
        Length of the window of calendar days, today included. [d]
    align : {"trailing", "centred"}
        As in :func:`airq.features.shifts.rolling_mean`; centred windows look ahead.

    Returns
    -------
    Series
        ``<column>_near<radius>km``, with ``_mean<days>`` after it for windows of several days (and
        ``c`` where centred), aligned with the panel, in the column's unit: every value of every
        neighbour in the window weighs the same; NaN where there is none.

    Raises
    ------
    ValueError
        If asked for PM2.5 or AQI: means of these over neighbours must come from training cities.
    """
    total, count = _sums(panel, column, radius_km, days, align)
    name = radius_name(f"{column}_near", "mean", radius_km, days, align)
    return pd.Series(ratio(total, count), index=panel.index, name=name)


def near_count(panel, column, radius_km, days=1, align="trailing"):
    """How many values :func:`near_mean` averages, ``<column>_near<radius>km_count<days>``."""
    _, count = _sums(panel, column, radius_km, days, align)
    name = radius_name(f"{column}_near", "count", radius_km, days, align)
    return pd.Series(count, index=panel.index, name=name)


def area_mean(panel, column, radius_km, days=1, align="trailing"):
    """Mean of an input over all sites within a radius, the site itself among them.

    Parameters and result as in :func:`near_mean`; ``area`` stands for ``near`` in the name.
    """
    total, count = _sums(panel, column, radius_km, days, align, itself="included")
    name = radius_name(f"{column}_area", "mean", radius_km, days, align)
    return pd.Series(ratio(total, count), index=panel.index, name=name)


def radius_name(stem, statistic, radius_km, days, align):
    """Name of a column that looks around.

    >>> radius_name("no2_near", "mean", 100, 1, "trailing")
    'no2_near100km'
    >>> radius_name("no2_area", "mean", 25, 7, "centred")
    'no2_area25km_mean7c'
    """
    name = f"{stem}{radius_km:g}km"
    if statistic == "mean" and days == 1:
        return name
    return f"{name}_{statistic}{days}{'c' if align == 'centred' else ''}"


def check_input(column):
    """Refuse PM2.5 and AQI.

    Raises
    ------
    ValueError
        If `column` is what is to be predicted.
    """
    if column in TARGETS:
        raise ValueError(f"Column {column!r} is what is to be predicted; it cannot become a feature.")


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The pairs of sites within a radius, and the rows of a panel by day.

    Attributes
    ----------
    pairs : scipy.sparse.csr_array of shape (n_sites, n_sites)
        1 where two sites are near each other.
    site, day : numpy.ndarray of shape (n_rows,)
        Number of the site and of the day of every row, from 0.
    order : numpy.ndarray of shape (n_rows,)
        Rows by day.
    """

    pairs: csr_array
    site: np.ndarray
    day: np.ndarray
    order: np.ndarray

    def sums(self, values, windows):
        """Sum and count of the neighbours' values, missing ones ignored.

        Parameters
        ----------
        values : numpy.ndarray of shape (n_rows,)
            Values, NaN where missing.
        windows : list of tuple of int
            Days before and after today of every window. [d]

        Returns
        -------
        list of numpy.ndarray of shape (2, n_rows)
            Sum and count by window.
        """
        results = [np.zeros((2, len(values))) for _ in windows]
        before = max((window[0] for window in windows), default=0)
        after = max((window[1] for window in windows), default=0)
        for first, last in self._blocks():
            rows = self._rows(first, last)
            if not len(rows) or not self.pairs.nnz:
                continue
            near = self._near(values, first - before, last + after)
            cells = self.site[rows] * near[0].shape[1] + self.day[rows] - first + before
            for result, window in zip(results, windows, strict=True):
                for kind, sums in enumerate(near):
                    result[kind, rows] = window_sum(sums, *window).ravel()[cells]
        return results

    def _blocks(self):
        days = int(self.day[self.order[-1]]) + 1 if len(self.order) else 0
        length = max(BLOCK_CELLS // max(self.pairs.shape[0], 1), 1)
        return [(first, min(first + length, days)) for first in range(0, days, length)]

    def _rows(self, first, last):
        """Rows of the days from `first` to before `last`, in the panel's order."""
        return np.sort(self.order[slice(*np.searchsorted(self.day, [first, last], sorter=self.order))])

    def _near(self, values, first, last):
        """Sums and counts over the neighbours of every site by day, each of shape (n_sites, n_days)."""
        rows = self._rows(first, last)
        rows = rows[~np.isnan(values[rows])]
        cells = np.zeros((2, self.pairs.shape[0], last - first))
        cells[0, self.site[rows], self.day[rows] - first] = values[rows]
        cells[1, self.site[rows], self.day[rows] - first] = 1
        return self.pairs @ cells[0], self.pairs @ cells[1]


def neighbourhood(panel, radius_km, *, itself="left out"):
    """Find the neighbours of every site of a panel.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    radius_km : float
        Largest distance. [km]

    itself : {"left out", "included"}
        Whether a site is among its own neighbours.

    Returns
    -------
    Neighbourhood
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


def _sums(panel, column, radius_km, days, align, itself="left out"):
    check_input(column)
    values = numbers(panel, column).astype("float64", copy=False)
    return neighbourhood(panel, radius_km, itself=itself).sums(values, [bounds(days, align)])[0]
