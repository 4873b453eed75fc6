"""Intervals of held-out rows, from calibration units that share nothing with them.

The rows of fold *k* are predicted by a predictor that left fold *k* out. What calibrates their
intervals are errors on every other fold *j*, of predictors that left both *j* and *k* out. So a held-out
city has touched neither the predictions nor the spreads, nor the errors that its interval is made of: a
whole bundle, intervals included, is judged, not only its predictions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.models.intervals import HELD_OUT, Calibration
from airq.units import exceedance_column

#: Column of a place whose days belong together, by scheme; cities unless sites are asked about.
UNIT = {"site": "site_id"}


def unit_column(scheme):
    """Column of the unit that calibrates and judges the intervals of a scheme.

    >>> unit_column("site"), unit_column("country")
    ('site_id', 'city_id')
    """
    return UNIT.get(scheme, "city_id")


def unit_words(scheme):
    """What the units of a scheme are called.

    >>> unit_words("site")
    'sites'
    """
    return "sites" if unit_column(scheme) == "site_id" else "cities"


def held_out_errors(predictions, scheme, model):
    """What :class:`airq.models.intervals.Calibration` learns from, out of held-out predictions.

    Parameters
    ----------
    predictions : DataFrame
        See :class:`airq.models.evaluation.Evaluation`.
    scheme, model : str
        Whose rows are taken, and whose predictions.

    Returns
    -------
    DataFrame
        `unit, site_id, date` and :data:`airq.models.intervals.HELD_OUT`.
    """
    rows = predictions[predictions["scheme"] == scheme]
    return calibration_rows(rows.rename(columns={model: "predicted"}), scheme)


def calibration_rows(rows, scheme):
    """The columns that calibrate, `unit` among them."""
    rows = rows.assign(unit=rows[unit_column(scheme)])
    return rows[["unit", "site_id", "date", *HELD_OUT]].reset_index(drop=True)


def nested_calibrations(errors, scheme, blocks):
    """One calibration per block, from errors at the other blocks.

    Parameters
    ----------
    errors : dict of (int, int) to DataFrame
        By pair of blocks, the rows of both, predicted without either: `block` and what
        :func:`calibration_rows` takes.
    scheme : str
        The scheme.
    blocks : iterable of int
        Blocks to calibrate; those that no pair holds are left out.

    Returns
    -------
    dict of int to Calibration
    """
    found = {}
    for block in blocks:
        others = [part[part["block"] != block] for pair, part in errors.items() if block in pair]
        if others:
            found[block] = Calibration.from_held_out(calibration_rows(pd.concat(others), scheme))
    return found


def nested_intervals(table, calibrations, *, level, levels=(), period="day"):
    """Intervals and probabilities of held-out rows, each from the calibration of its block.

    Parameters
    ----------
    table : DataFrame of n_rows
        `block, predicted, spread_low, spread_high` of days or of means over a period.
    calibrations : dict of int to Calibration
        By block, see :func:`nested_calibrations`.
    level : float
        Level of the intervals.
    levels : sequence of float
        Levels that may be exceeded. [µg m⁻³]
    period : {"day", "month", "year"}
        What a row stands for.

    Returns
    -------
    DataFrame of n_rows
        `lower, upper` and a probability for each of `levels`; missing where too few units calibrate.
    """
    columns = ["lower", "upper", *map(exceedance_column, levels)]
    found = pd.DataFrame(np.nan, index=table.index, columns=columns)
    for block, rows in table.groupby("block"):
        if block in calibrations:
            calibration = calibrations[block]
            described = rows["predicted"].to_numpy(), rows[["spread_low", "spread_high"]].to_numpy()
            found.loc[rows.index, columns[:2]] = calibration.interval(*described, level, period)
            found.loc[rows.index, columns[2:]] = calibration.exceedance(*described, levels, period)
    return found
