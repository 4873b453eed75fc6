"""Values of other days at the same site: shifts, and statistics over windows of days.

Both go by the calendar, never by the row. :func:`day_line` lays a panel out once: a cell for every
calendar day, site after site, in one line of cells. A shift is a slice of that line. A window counts
calendar days, whether or not the panel has a row on them, and ignores missing values; it ends on the day
itself, or is centred on it and then looks ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class DayLine:
    """The rows of a panel on a line of calendar days, site after site.

    Within `reach` days of a row, a step along the line is a calendar day at the same site. Whatever is
    further apart (the next site, the far side of a longer gap) is ``reach + 1`` cells away instead: no shift
    reaches it, and a gap of decades takes no more cells than one of weeks.
    """

    #: Position of every row, counted from the first row's; rows need not be in order. Shape (n_rows,).
    cell: np.ndarray
    #: Length of the line, with `reach` empty cells at either end.
    n_cells: int
    #: Largest shift. [d]
    reach: int

    def lay(self, values):
        """Lay the values of the rows, of shape (n_rows,), on the line; cells without a row are NaN."""
        cells = np.full(self.n_cells, np.nan, dtype=values.dtype)
        cells[self.reach :][self.cell] = values
        return cells

    def take(self, cells, days=0):
        """Return the value `days` before each row, (n_rows,); negative `days` look ahead.

        `cells`, of shape (n_cells,), is what :meth:`lay` returned, or something computed from it cell by
        cell. ValueError is raised if the shift is longer than `reach`.
        """
        if abs(days) > self.reach:
            raise ValueError(f"The line was laid out for shifts of {self.reach} days, not of {days}.")
        return cells[self.reach - days :][self.cell]


def day_line(panel: pd.DataFrame, reach: int) -> DayLine:
    """Lay the rows of a panel, in any order, out by calendar day, for shifts of at most `reach` days.

    At most ``reach + 1`` cells a row; about one where few days are missing. ValueError is raised if a site
    has two rows on one day.
    """
    site, day = site_numbers(panel), day_numbers(panel)
    order = np.lexsort((day, site))
    site, day = site[order], day[order]
    new_site, step = np.diff(site) != 0, np.diff(day)
    if np.any((step == 0) & ~new_site):
        raise ValueError("The panel repeats a (site_id, date) row; features need one row per site and day.")
    apart = np.where(new_site, reach + 1, np.minimum(step, reach + 1))
    along = np.concatenate([[0], np.cumsum(apart)])[: len(site)].astype(np.intp)
    cell = np.empty_like(along)
    cell[order] = along
    return DayLine(cell, (int(along[-1]) + 1 if len(along) else 0) + 2 * reach, reach)


def numbers(panel: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as floating-point values (float32 stays float32); raise ValueError for text."""
    values = panel[column]
    if not pd.api.types.is_numeric_dtype(values):
        raise ValueError(f"Column {column!r} is {values.dtype}, not a number; features need numbers.")
    if values.dtype in ("float32", "float64"):
        return values.to_numpy()
    return values.to_numpy(dtype="float64", na_value=np.nan)


def site_numbers(panel: pd.DataFrame) -> np.ndarray:
    """Return the number of each row's site, in order of first appearance."""
    return pd.factorize(panel["site_id"])[0]


def day_numbers(panel: pd.DataFrame) -> np.ndarray:
    """Count the days from 1970-01-01 to the date of each row."""
    return panel["date"].to_numpy().astype("datetime64[D]").astype(np.int64)


def bounds(days: int, align: str) -> tuple[int, int]:
    """Return how many days of a window, "trailing" or "centred", lie before and after today.

    ValueError is raised if the window is empty, or centred and even.

    >>> bounds(7, "trailing"), bounds(7, "centred")
    ((6, 0), (3, 3))
    """
    if days < 1:
        raise ValueError(f"A window has at least 1 day, not {days}.")
    if align == "trailing":
        return days - 1, 0
    if days % 2 == 0:
        raise ValueError(f"A centred window has an odd number of days, not {days}.")
    return days // 2, days // 2


def window_statistic(cells: np.ndarray, statistic: str, before: int, after: int) -> np.ndarray:
    """Compute a statistic of the window around every cell of a line of days, missing values ignored.

    `cells` are values by day along the last axis, NaN where missing; `before` and `after` are days of the
    window. The statistic is "mean", "max", "count" or "std", the sample standard deviation, which needs two
    values. The result has the shape of `cells`: NaN where the window has no value (0 for counts), and in the
    first `before` and the last `after` cells, whose windows are cut off.
    """
    if statistic == "max":
        return _over_window(np.fmax, cells, before, after)
    known = ~np.isnan(cells)
    count = window_sum(known.astype("float64"), before, after)
    if statistic == "count":
        return count
    mean = ratio(window_sum(np.where(known, cells, 0.0), before, after), count)
    return mean if statistic == "mean" else _std(cells, mean, count, before, after)


def window_sum(cells: np.ndarray, before: int, after: int) -> np.ndarray:
    """Add up the window around every cell; NaN where the window is cut off.

    Slices are added one after another. Differences of cumulative sums would be faster, but would carry
    rounding errors from other days and sites.
    """
    return _over_window(np.add, cells, before, after)


def ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Divide `total` by `count`; NaN where `count` is not positive."""
    quotient = np.full(np.broadcast_shapes(np.shape(total), np.shape(count)), np.nan)
    return np.divide(total, count, out=quotient, where=count > 0)


def _std(cells, mean, count, before, after):
    length = cells.shape[-1] - before - after
    inner = slice(before, before + length)
    squares = np.zeros_like(mean)
    for start in range(before + after + 1):
        deviation = cells[..., start : start + length] - mean[..., inner]
        squares[..., inner] += np.where(np.isnan(deviation), 0.0, deviation**2)
    return np.sqrt(ratio(squares, count - 1))


def _over_window(combine, cells, before, after):
    """Combine the cells of each window pairwise with a ufunc."""
    length = cells.shape[-1] - before - after
    result = np.full(cells.shape, np.nan, dtype="float64")
    inner = result[..., before : before + length]
    inner[...] = cells[..., :length]
    for start in range(1, before + after + 1):
        combine(inner, cells[..., start : start + length], out=inner)
    return result
