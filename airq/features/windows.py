"""Statistics over windows of calendar days at the same site.

A window counts calendar days, whether or not the panel has a row on them, and ignores missing
values. Windows end on the day itself, or are centred on it and then look ahead.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.features.shifts import day_line, numbers

ALIGNMENTS = ("trailing", "centred")


def rolling_mean(panel, column, days, align="trailing"):
    """Mean of `column` over a window of calendar days.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    column : str
        A numeric column.
    days : int
        Length of the window, today included. [d]
    align : {"trailing", "centred"}
        Windows that end today, or have as many days after as before (odd `days`; looks ahead).

    Returns
    -------
    Series
        ``<column>_mean<days>`` (``…c`` where centred), aligned with the panel, in the column's unit;
        NaN where the window has no value.

    Examples
    --------
    >>> panel = pd.DataFrame({"site_id": ["a", "a", "a"], "no2": [1.0, 2.0, 4.0],
    ...                       "date": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04"])})
    >>> rolling_mean(panel, "no2", 3).tolist()
    [1.0, 1.5, 3.0]
    """
    return _rolling(panel, column, "mean", days, align)


def rolling_max(panel, column, days, align="trailing"):
    """Largest value of `column` over a window of calendar days, ``<column>_max<days>``.

    Parameters and missing values as in :func:`rolling_mean`.
    """
    return _rolling(panel, column, "max", days, align)


def rolling_std(panel, column, days, align="trailing"):
    """Sample standard deviation of `column` over a window, ``<column>_std<days>``.

    Parameters as in :func:`rolling_mean`; NaN where the window has fewer than two values.
    """
    return _rolling(panel, column, "std", days, align)


def rolling_count(panel, column, days, align="trailing"):
    """How many days of the window have a value of `column`, ``<column>_count<days>``. [d]

    Parameters as in :func:`rolling_mean`; 0 where the window has no value.
    """
    return _rolling(panel, column, "count", days, align)


def bounds(days, align):
    """Days before and after today in a window.

    Returns
    -------
    before, after : int

    Raises
    ------
    ValueError
        If the window is empty, or centred and even.

    >>> bounds(7, "trailing"), bounds(7, "centred")
    ((6, 0), (3, 3))
    """
    if align not in ALIGNMENTS:
        raise ValueError(f"align is {align!r}; it must be one of {', '.join(ALIGNMENTS)}.")
    if days < 1:
        raise ValueError(f"A window has at least 1 day, not {days}.")
    if align == "trailing":
        return days - 1, 0
    if days % 2 == 0:
        raise ValueError(f"A centred window has an odd number of days, not {days}.")
    return days // 2, days // 2


def window_statistic(cells, statistic, before, after):
    """A statistic of the window around every cell of a line of days.

    Parameters
    ----------
    cells : numpy.ndarray of shape (..., n_cells)
        Values by day along the last axis, NaN where missing.
    statistic : {"mean", "max", "std", "count"}
        What to compute, missing values ignored.
    before, after : int
        Days of the window before and after each cell. [d]

    Returns
    -------
    numpy.ndarray of shape (..., n_cells)
        The first `before` and the last `after` cells, whose windows are cut off, are NaN.
    """
    return STATISTICS[statistic](cells, before, after)


def window_sum(cells, before, after):
    """Sum over the window around every cell; NaN where the window is cut off.

    Adding slice after slice, rather than subtracting cumulative sums, leaves no rounding error of
    other days and sites behind.
    """
    return _over_window(np.add, cells, before, after)


def _mean(cells, before, after):
    total = window_sum(np.where(np.isnan(cells), 0.0, cells), before, after)
    return ratio(total, _count(cells, before, after))


def _max(cells, before, after):
    return _over_window(np.fmax, cells, before, after)


def _std(cells, before, after):
    mean, count = _mean(cells, before, after), _count(cells, before, after)
    squares = np.zeros_like(mean)
    for day in range(-before, after + 1):
        deviation = _moved(cells, day) - mean
        squares += np.where(np.isnan(deviation), 0.0, deviation**2)
    return np.sqrt(ratio(squares, count - 1))


def _count(cells, before, after):
    return window_sum((~np.isnan(cells)).astype("float64"), before, after)


STATISTICS = {"mean": _mean, "max": _max, "std": _std, "count": _count}


def ratio(total, count):
    """`total` / `count`, NaN where `count` is not positive."""
    quotient = np.full(np.broadcast_shapes(np.shape(total), np.shape(count)), np.nan)
    return np.divide(total, count, out=quotient, where=count > 0)


def _rolling(panel, column, statistic, days, align):
    before, after = bounds(days, align)
    line = day_line(panel, max(before, after, 1))
    cells = line.lay(numbers(panel, column).astype("float64", copy=False))
    values = line.take(window_statistic(cells, statistic, before, after))
    centred = "c" if align == "centred" else ""
    return pd.Series(values, index=panel.index, name=f"{column}_{statistic}{days}{centred}")


def _over_window(combine, cells, before, after):
    """Combine the cells of each window pairwise with a ufunc."""
    length = cells.shape[-1] - before - after
    result = np.full(cells.shape, np.nan, dtype="float64")
    inner = result[..., before : before + length]
    inner[...] = cells[..., :length]
    for start in range(1, before + after + 1):
        combine(inner, cells[..., start : start + length], out=inner)
    return result


def _moved(cells, day):
    """The cells `day` days later, NaN beyond the ends."""
    moved = np.full_like(cells, np.nan)
    if day >= 0:
        moved[..., : cells.shape[-1] - day] = cells[..., day:]
    else:
        moved[..., -day:] = cells[..., :day]
    return moved
