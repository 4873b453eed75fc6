"""What intervals, probabilities and the flag of extrapolation were worth at held-out places."""

from __future__ import annotations

import numpy as np

from airq.models.coverage import coverage_table
from airq.models.exceedance import exceedance_scores, reliability
from airq.models.nested import nested_intervals, unit_column
from airq.models.periods import PERIODS, period_means
from airq.units import exceedance_column

#: An error ratio outside to inside needs this many rows on either side.
MIN_ROWS = 20


def judge_intervals(table, calibrations, *, level, levels):
    """Coverage of the intervals of days, months and years, and scores of the probabilities of days.

    Parameters
    ----------
    table : DataFrame of n_rows
        Held-out days of one scheme: place, date, `scheme, block, observed, predicted, spread_low,
        spread_high, lower, upper` and a probability for each of `levels`. [µg m⁻³]
    calibrations : dict of int to Calibration
        See :func:`airq.models.nested.nested_calibrations`.
    level : float
        Level of the intervals.
    levels : sequence of float
        Levels that may be exceeded. [µg m⁻³]

    Returns
    -------
    coverage : list of dict
        Records of :func:`airq.models.coverage.coverage_table` with their `scheme`.
    exceedance : list of dict
        Records of :func:`airq.models.exceedance.exceedance_scores` with their `scheme`.
    reliable : DataFrame
        See :func:`airq.models.exceedance.reliability`.
    """
    scheme = table["scheme"].iloc[0]
    table = table.assign(unit=table[unit_column(scheme)])
    coverage = []
    for period in PERIODS:
        rows = table if period == "day" else _means(table, calibrations, level, period)
        coverage += coverage_table(rows, level, period=period)
    probability = table[[exceedance_column(limit) for limit in levels]].to_numpy()
    exceedance = exceedance_scores(table["observed"], probability, levels)
    reliable = reliability(table["observed"], probability, levels, table["unit"])
    return _of(scheme, coverage), _of(scheme, exceedance), reliable.assign(scheme=scheme)


def judge_calibration(table, calibration, *, level, levels):
    """The same for rows of places that took no part in one calibration, such as new places of a bundle.

    Parameters
    ----------
    table : DataFrame of n_rows
        As for :func:`judge_intervals`, without block, intervals and probabilities.
    calibration : Calibration
        What makes all intervals.
    level, levels
        As for :func:`judge_intervals`.

    Returns
    -------
    coverage, exceedance, reliable
        See :func:`judge_intervals`; no coverage where too few units calibrate.
    """
    table, calibrations = table.assign(block=0), {0: calibration}
    found = nested_intervals(table, calibrations, level=level, levels=levels)
    return judge_intervals(table.join(found), calibrations, level=level, levels=levels)


def judge_domain(table):
    """Errors inside and outside the domain of training.

    Parameters
    ----------
    table : DataFrame of n_rows
        `city_id, observed, predicted` [µg m⁻³] and `inside_domain`.

    Returns
    -------
    dict
        `outside_share` [1], `rmse_inside, rmse_outside` [µg m⁻³], `outside_ratio` of the two, and
        `outside_ratio_within`, the same with every error divided by the RMSE of its city, so that a
        clean city outside and a dirty one inside do not decide. Missing with fewer than 20 rows a side.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"predicted": [1.0, 3.0] * 20, "inside_domain": [True, False] * 20})
    >>> judge_domain(table.assign(observed=0.0, city_id="a"))["outside_ratio"]
    3.0
    """
    inside = table["inside_domain"].to_numpy(dtype=bool)
    square = np.square(table["predicted"] - table["observed"])
    own = square / square.groupby(table["city_id"]).transform("mean")
    rmse_inside, rmse_outside = _on_either_side(square, inside)
    own_inside, own_outside = _on_either_side(own, inside)
    return {
        "outside_share": float(np.mean(~inside)),
        "rmse_inside": rmse_inside,
        "rmse_outside": rmse_outside,
        "outside_ratio": rmse_outside / rmse_inside,
        "outside_ratio_within": own_outside / own_inside,
    }


def interval_figures(coverage):
    """What the record of a scheme tells of its intervals: the figures of the days of all rows."""
    return {name: coverage[0][name] for name in ("level", "coverage", "width", "winkler")}


def _on_either_side(square, inside):
    return [
        float(np.sqrt(square[rows].mean())) if rows.sum() >= MIN_ROWS else np.nan
        for rows in (inside, ~inside)
    ]


def _means(table, calibrations, level, period):
    """Means over periods with intervals of their own, never means of daily bounds."""
    means = period_means(table.drop(columns=["lower", "upper"]), period, keys=["unit", "site_id"])
    return means.join(nested_intervals(means, calibrations, level=level, period=period))


def _of(scheme, records):
    return [{"scheme": scheme, **record} for record in records]
