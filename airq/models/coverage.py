"""How often intervals hold at held-out places, how wide they are, and where they fail.

The guarantee of :mod:`airq.models.intervals` is about a random day of a random unit, so beside the share
of all rows stands the mean over units (`coverage_by_unit`). Parts of the rows show where coverage is
lower; the parts by *observed* concentration are for diagnosis only, because no one knows them when
predicting and high values lie above their prediction by selection. The parts by predicted
concentration are what a reader of a prediction can use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.models.metrics import MIN_CITY_ROWS
from airq.models.seasons import SEASONS, season_of
from airq.units import PM25_UNIT, WHO_CLASSES, who_class

#: Fewer units than this give no bootstrap interval.
MIN_UNITS_BOOTSTRAP = 5


def interval_scores(observed, interval, level):
    """Coverage, mean width and mean Winkler score of intervals.

    Parameters
    ----------
    observed : array-like of shape (n_rows,)
        What was observed. [µg m⁻³]
    interval : array-like of shape (n_rows, 2)
        Lower and upper ends; rows without an interval do not count. [µg m⁻³]
    level : float
        Level that the intervals were made for.

    Returns
    -------
    dict
        `coverage` [1], `width` and `winkler` [µg m⁻³]. The Winkler score is the width plus
        ``2 / (1 - level)`` times the distance to an observation outside: lower is better [1]_.
        Missing where no row has an interval.

    References
    ----------
    .. [1] T. Gneiting, A. Raftery, Strictly proper scoring rules, prediction, and estimation,
       Journal of the American Statistical Association 102, 359-378, 2007, section 6.2.

    Examples
    --------
    >>> interval_scores([5.0, 12.0], [[0.0, 10.0], [0.0, 10.0]], 0.5)
    {'coverage': 0.5, 'width': 10.0, 'winkler': 14.0}
    """
    return _means(_row_scores(observed, interval, level))


def coverage_table(rows, level, *, period="day", n_draws=2000, seed=0):
    """Coverage of all held-out rows, and of their parts.

    Parameters
    ----------
    rows : DataFrame of n_rows
        `unit, city_id, city, country, date, observed, predicted, lower, upper`. Rows without an
        interval or an observation do not count. [µg m⁻³]
    level : float
        Level that the intervals were made for.
    period : {"day", "month", "year"}
        What a row stands for. Classes exist for days and years only, seasons for days and months.
    n_draws, seed : int
        Number of bootstrap samples of units, and their seed.

    Returns
    -------
    list of dict
        `part` (all, country, season, predicted_class, observed_class, worst_city), `value` (which one),
        `n, units, coverage, ci_low, ci_high` (95 % of the coverage, units resampled; missing with
        fewer than five), `coverage_by_unit, width, winkler, level, period, unit`. Empty where no row
        has an interval.
    """
    known = rows[["observed", "lower", "upper"]].notna().all(axis=1)
    rows = rows[known].reset_index(drop=True)
    if rows.empty:
        return []
    table = _row_scores(rows["observed"], rows[["lower", "upper"]], level).assign(unit=rows["unit"])
    shared = {"level": level, "period": period, "unit": PM25_UNIT}
    return [
        {"part": part, "value": value, **_record(table[mask], n_draws, seed), **shared}
        for part, value, mask in _parts(rows, table, period)
    ]


def worst_city_rows(rows, inside):
    """Name of the city that is covered least, and which rows are its.

    Cities of fewer than ten rows count only where all are so small.

    Parameters
    ----------
    rows : DataFrame of n_rows
        `city_id, city, country`.
    inside : array-like of bool, shape (n_rows,)
        Whether the row's observation lies in its interval.

    Returns
    -------
    name : str
    mask : numpy.ndarray of bool, shape (n_rows,)
    """
    cities = pd.DataFrame({"inside": np.asarray(inside, dtype="float64")}).groupby(rows["city_id"].to_numpy())
    share, n = cities["inside"].mean(), cities.size()
    worst = (share[n >= MIN_CITY_ROWS] if (n >= MIN_CITY_ROWS).any() else share).idxmin()
    mask = (rows["city_id"] == worst).to_numpy()
    first = rows[mask].iloc[0]
    return f"{first['city']}, {first['country']}", mask


def bootstrap_share(inside, units, *, level=0.95, n_draws=2000, seed=0):
    """Percentile interval of a share of rows, whole units drawn with replacement.

    Parameters
    ----------
    inside : array-like of shape (n_rows,)
        Zeros and ones.
    units : array-like of shape (n_rows,)
        What each row belongs to.
    level : float
        Level of the interval.
    n_draws, seed : int
        Number of draws and their seed.

    Returns
    -------
    tuple of float
        Lower and upper end, missing with fewer than five units.
    """
    sums = pd.DataFrame({"inside": np.asarray(inside, dtype="float64"), "n": 1.0})
    sums = sums.groupby(np.asarray(units, dtype="str")).sum().to_numpy()
    if len(sums) < MIN_UNITS_BOOTSTRAP:
        return np.nan, np.nan
    draws = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), n_draws)
    total = draws @ sums
    low, high = np.quantile(total[:, 0] / total[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _row_scores(observed, interval, level):
    observed = np.asarray(observed, dtype="float64")
    lower, upper = np.asarray(interval, dtype="float64").T
    outside = np.maximum(lower - observed, 0) + np.maximum(observed - upper, 0)
    table = pd.DataFrame({"coverage": (outside == 0).astype("float64"), "width": upper - lower})
    table["winkler"] = table["width"] + 2 / (1 - level) * outside
    return table.where(table["width"].notna())


def _means(table):
    return {name: float(table[name].mean()) for name in ("coverage", "width", "winkler")}


def _record(table, n_draws, seed):
    means = _means(table)
    low, high = bootstrap_share(table["coverage"], table["unit"], n_draws=n_draws, seed=seed)
    by_unit = table.groupby("unit")["coverage"].mean()
    return {
        "n": len(table),
        "units": len(by_unit),
        "coverage": means["coverage"],
        "ci_low": low,
        "ci_high": high,
        "coverage_by_unit": float(by_unit.mean()),
        "width": means["width"],
        "winkler": means["winkler"],
    }


def _parts(rows, table, period):
    """Part, value and mask of every record, in order."""
    yield "all", "", np.ones(len(rows), dtype=bool)
    yield from _by("country", rows["country"], sorted(rows["country"].unique()))
    if period != "year":
        yield from _by("season", season_of(rows["date"]), SEASONS)
    if period != "month":
        for part, column in (("predicted_class", "predicted"), ("observed_class", "observed")):
            yield from _by(part, who_class(np.maximum(rows[column], 0), period), WHO_CLASSES)
    yield "worst_city", *worst_city_rows(rows, table["coverage"])


def _by(part, labels, values):
    labels = np.asarray(labels)
    for value in values:
        if (labels == value).any():
            yield part, value, labels == value
