"""Values of other days at the same site: lags, leads, differences.

A lag goes by the calendar, never by the row. :func:`day_line` lays the panel out once: a cell for
every calendar day, site after site, in one line of cells. A shift is then a slice of that line.

Statistics over windows of calendar days at the same site.

A window counts calendar days, whether or not the panel has a row on them, and ignores missing
values. Windows end on the day itself, or are centred on it and then look ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Few enough that their cells stay in a processor's cache from one shift to the next.
ROWS_AT_A_TIME = 1 << 15


@dataclass(frozen=True, eq=False)
class DayLine:
    """The rows of a panel on a line of calendar days, site after site.

    Within `reach` days of a row, a step along the line is a calendar day at the same site. What lies
    further apart (the next site, the far side of a longer gap) stands ``reach + 1`` cells away
    instead: nobody can reach it, and a gap of decades costs no more than one of weeks.

    Attributes
    ----------
    cell : numpy.ndarray of shape (n_rows,)
        Position of every row, counted from the first row's; rows need not be in order.
    n_cells : int
        Length of the line, with `reach` empty cells at either end.
    reach : int
        Largest shift. [d]
    """

    cell: np.ndarray
    n_cells: int
    reach: int

    def lay(self, values):
        """The values of the rows on the line, NaN in cells that have no row.

        Parameters
        ----------
        values : numpy.ndarray of shape (n_rows,)
            Floating-point values; their dtype is kept.

        Returns
        -------
        numpy.ndarray of shape (n_cells,)
        """
        cells = np.full(self.n_cells, np.nan, dtype=values.dtype)
        cells[self.reach :][self.cell] = values
        return cells

    def take(self, cells, days=0):
        """What stands `days` before each row on the line; negative `days` look ahead.

        Parameters
        ----------
        cells : numpy.ndarray of shape (n_cells,)
            What :meth:`lay` returned, or something computed from it cell by cell.
        days : int
            Shift, at most `reach` either way. [d]

        Returns
        -------
        numpy.ndarray of shape (n_rows,)

        Raises
        ------
        ValueError
            If the shift is longer than the line was laid out for.
        """
        out = np.empty((1, len(self.cell)), dtype=cells.dtype)
        self.take_into(out, cells, [days])
        return out[0]

    def take_into(self, out, cells, days):
        """Write :meth:`take` for several shifts into an array of shape (len(days), n_rows)."""
        if max(np.abs(days), default=0) > self.reach:
            raise ValueError(f"The line was laid out for shifts of {self.reach} days, not for {days}.")
        for start in range(0, len(self.cell), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            for shift, row in zip(days, out, strict=True):
                # mode="clip" writes straight to `out`; no index is ever outside.
                np.take(cells[self.reach - shift :], self.cell[rows], out=row[rows], mode="clip")


def day_line(panel, reach):
    """Lay the rows of a panel out by calendar day.

    Parameters
    ----------
    panel : DataFrame
        A panel. Rows in the panel's order are fastest; any order is right.
    reach : int
        Largest shift that will be asked for, at least 1. [d]

    Returns
    -------
    DayLine
        At most ``reach + 1`` cells a row; about one where days are seldom missing.

    Raises
    ------
    ValueError
        If a site has two rows on one day.
    """
    site, day = site_numbers(panel), day_numbers(panel)
    order = None if _in_order(site, day) else np.lexsort((day, site))
    if order is not None:
        site, day = site[order], day[order]
    new_site, step = np.diff(site) != 0, np.diff(day)
    if np.any((step == 0) & ~new_site):
        raise ValueError("The panel repeats a (site_id, date) row; features need one row per site and day.")
    apart = np.where(new_site, reach + 1, np.minimum(step, reach + 1))
    along = np.concatenate([[0], np.cumsum(apart)])[: len(site)].astype(np.intp)
    cell = along
    if order is not None:
        cell = np.empty_like(along)
        cell[order] = along
    return DayLine(cell, (int(along[-1]) + 1 if len(along) else 0) + 2 * reach, reach)


def lag(panel, column, days):
    """Value of `column` at the same site `days` calendar days earlier.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    column : str
        A numeric column.
    days : int
        How many days earlier, at least 1. [d]

    Returns
    -------
    Series
        ``<column>_lag<days>``, aligned with the panel; NaN where that day has no row.

    Examples
    --------
    >>> panel = pd.DataFrame({"site_id": ["a", "a", "a"], "no2": [1.0, 2.0, 3.0],
    ...                       "date": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04"])})
    >>> lag(panel, "no2", 1).tolist()
    [nan, 1.0, nan]
    """
    return _shift_one(panel, column, _at_least_one(days))


def lead(panel, column, days):
    """Value of `column` at the same site `days` calendar days later: it looks ahead.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    column : str
        A numeric column.
    days : int
        How many days later, at least 1. [d]

    Returns
    -------
    Series
        ``<column>_lead<days>``, aligned with the panel; NaN where that day has no row.
    """
    return _shift_one(panel, column, -_at_least_one(days))


def difference(panel, column, days):
    """Change of `column` since `days` calendar days earlier, in the unit of the column.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    column : str
        A numeric column.
    days : int
        Over how many days, at least 1. [d]

    Returns
    -------
    Series
        ``<column>_diff<days>``, aligned with the panel; NaN where either day has no value.
    """
    values = numbers(panel, column)
    line = day_line(panel, _at_least_one(days))
    change = values - line.take(line.lay(values), days)
    return pd.Series(change, index=panel.index, name=f"{column}_diff{days}")


def shift_columns(panel, columns, days):
    """Many columns shifted by many days, in one block of memory.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    columns : list of str
        Numeric columns.
    days : list of int
        Shifts: positive take the value that many days earlier, negative that many days later. [d]

    Returns
    -------
    DataFrame of shape (n_rows, len(columns) * len(days))
        ``<column>_lag<k>`` and ``<column>_lead<k>``, column by column in the order of `days`; float32
        if every column is, else float64.

    Raises
    ------
    ValueError
        If a shift is 0 or a column is not numeric.
    """
    if 0 in days:
        raise ValueError("A shift by 0 days is the column itself; leave 0 out of `days`.")
    values = [numbers(panel, column) for column in columns]
    line = day_line(panel, max((abs(day) for day in days), default=1))
    out = np.empty((len(columns) * len(days), len(panel)), dtype=np.result_type("float32", *values))
    for number, column in enumerate(values):
        cells = line.lay(column.astype(out.dtype, copy=False))
        line.take_into(out[number * len(days) :][: len(days)], cells, days)
    names = [shift_name(column, day) for column in columns for day in days]
    return pd.DataFrame(out.T, index=panel.index, columns=names, copy=False)


def shift_name(column, days):
    """Name of a shifted column.

    >>> shift_name("no2", 1), shift_name("no2", -2)
    ('no2_lag1', 'no2_lead2')
    """
    return f"{column}_lag{days}" if days > 0 else f"{column}_lead{-days}"


def numbers(panel, column):
    """A numeric column as floating-point values, missing ones as NaN.

    Raises
    ------
    ValueError
        If the column holds something else.
    """
    values = panel[column]
    if not pd.api.types.is_numeric_dtype(values):
        raise ValueError(f"Column {column!r} is {values.dtype}, not a number; features need numbers.")
    kept = values.dtype in ("float32", "float64")
    return values.to_numpy() if kept else values.to_numpy(dtype="float64", na_value=np.nan)


def site_numbers(panel):
    """Number of each row's site, counted by first appearance."""
    return pd.factorize(panel["site_id"])[0]


def day_numbers(panel):
    """Days from 1970-01-01 to each row's date. [d]"""
    return panel["date"].to_numpy().astype("datetime64[D]").astype(np.int64)


def _in_order(site, day):
    next_site = np.diff(site)
    return bool(np.all((next_site > 0) | ((next_site == 0) & (np.diff(day) > 0))))


def _at_least_one(days):
    if days < 1:
        raise ValueError(f"days is {days}; it must be at least 1.")
    return days


def _shift_one(panel, column, days):
    return shift_columns(panel, [column], [days]).iloc[:, 0]


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
