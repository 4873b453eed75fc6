"""Collect the fields of rasters by column of a panel, sampled at places, and make them daily."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from airq.panel import COLUMNS, FIRST_DATE, IDENTITY
from airq.sources import steps
from airq.sources.coverage import covered_cells
from airq.sources.rasters import open_fields
from airq.sources.variables import checked_unit, column_of, in_column_unit, is_rate

#: Columns that a mean over cells cannot fill: keys, and the people of a city.
NOT_SAMPLED = [*IDENTITY, "population"]


@dataclass
class Series:
    """What files hold of one column, by time and place, in the order of the files.

    `parts` has a tuple (times, begins or None, values (n_times, n_places), unit) for each file.
    """

    column: str
    variable: str
    known: bool
    attributes: dict
    source: str
    frequencies: set = field(default_factory=set)
    parts: list = field(default_factory=list)

    @property
    def unit(self):
        """Unit of the values in the panel."""
        return COLUMNS[self.column].unit if self.known else self.parts[0][3]

    def in_order(self):
        """Return times in rising order, their begins or None, the file and the position of each.

        Of values that stand twice those of the last file count.
        """
        times = np.concatenate([part[0] for part in self.parts])
        begins = [part[1] for part in self.parts]
        begins = None if any(one is None for one in begins) else np.concatenate(begins)
        number = np.repeat(range(len(self.parts)), [len(part[0]) for part in self.parts])
        last = pd.Series(times).drop_duplicates(keep="last").sort_values().index.to_numpy()
        return times[last], begins if begins is None else begins[last], number[last], last


def read_series(files, places, radius_km, units, keep, left_out, advance=None) -> dict[str, Series]:
    """Return the series of files by column, sampled at places.

    Parameters
    ----------
    files : list of Path
    places : DataFrame
        `latitude, longitude` [°].
    radius_km : float
        See :func:`airq.sources.coverage.covered_cells`. [km]
    units : dict of str to str
        Units of variables, which prevail over those of the files.
    keep : list of str
        Variables that keep their own names.
    left_out : airq.sources.rasters.LeftOut
        Gets what is not among the series.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every file.

    Raises
    ------
    ValueError
        If the unit of a variable is unknown.
    """
    found, grids = {}, {}
    for done, path in enumerate(files, start=1):
        with open_fields(path, left_out) as fields:
            for one in fields:
                _take(one, found, grids, places, radius_km, units, keep, left_out)
        if advance is not None:
            advance(done, len(files), path.name)
    return found


def _take(one, found, grids, places, radius_km, units, keep, left_out):
    """Sample a field and add it to the series of its column, or say why not."""
    column = column_of(one.name, one.attributes, one.source)
    known = column is not None
    if not known and one.name not in keep:
        left_out.add(one.path, one.name, f"no column of a panel; keep it with --keep {one.name}")
        return
    column = column or one.name
    if not known and (column in COLUMNS or column in NOT_SAMPLED):
        left_out.add(one.path, one.name, "cannot be sampled at a place")
        return
    series = found.get(column)
    if series is not None and series.variable != one.name:
        left_out.add(one.path, one.name, f"{column} is already {series.variable}")
        return
    where = f"{one.path}: variable {one.name}"
    unit = units.get(one.name, one.attributes.get("units"))
    unit = checked_unit(column, unit, where) if known else str(unit or "unknown")
    if one.grid.key not in grids:
        try:
            grids[one.grid.key] = covered_cells(one.grid, places, radius_km)
        except ValueError as error:
            grids[one.grid.key] = str(error)
    cells = grids[one.grid.key]
    if cells is None or isinstance(cells, str):
        left_out.add(one.path, one.name, cells or "none of the places lies on it")
        return
    if series is None:
        series = found[column] = Series(column, one.name, known, one.attributes, one.source)
    series.frequencies.add(one.frequency if len(one.times) <= 1 else None)
    values = one.means(cells)
    times = one.times if len(one.times) else np.full(len(values), np.datetime64("NaT"), "datetime64[us]")
    series.parts.append((times, one.begins, values, unit))


def days_of(series, places, tally, *, day_basis, min_hours) -> tuple[pd.DataFrame, str, float]:
    """Return the values of a series by place and day, what they stand for, and the hours between two.

    Returns
    -------
    DataFrame
        `site_id`, the column, and `date`: the day, the first day of the month or year, or none where the
        field has no time.
    str
        "hour", "day", "month", "year" or "none".
    float
        Hours between two values.

    Raises
    ------
    ValueError
        If times have another step, days in UTC are wanted as local ones, or dates are impossible.
    """
    times, begins, number, order = series.in_order()
    values = np.concatenate([part[2] for part in series.parts])
    if len(values) - len(order):
        twice = f"{len(values) - len(order):,} times stand twice"
        tally.notes.append(f"{series.variable}: {twice}; those of the last file count")
    values, units = values[order], [part[3] for part in series.parts]
    step, hours = _step_of(series, times)
    values = _converted(values, series, units, number, hours)
    if step == "none":
        return _table(values, None, series.column, places), step, hours
    if step != "hour":
        if step == "day" and day_basis == "local":
            raise ValueError("holds days in UTC, which are no local days")
        code = {"day": "D", "month": "M", "year": "Y"}[step]
        starts = (times if begins is None else begins).astype(f"datetime64[{code}]")
        return _table(values, starts.astype("datetime64[us]"), series.column, places), step, hours
    rate = is_rate(units[0])
    if begins is None:
        begins = steps.begins_of(times, hours, ends=steps.are_ends(series.column, series.attributes, rate))
    if series.column == "precipitation" and not rate:
        values, since_midnight = steps.hourly_amounts(values, begins)
        if since_midnight:
            tally.notes.append(f"{series.variable} are sums since midnight (ERA5-Land); taken apart by hour")
    settings = {"day_basis": day_basis, "min_hours": min_hours}
    return steps.daily(values, begins, hours, series.column, places, tally, **settings), step, hours


def _step_of(series, times):
    """Return what the values of a series stand for, and the hours between two; "none" without a time."""
    if np.isnat(times).any():
        if not np.isnat(times).all():
            raise ValueError("some files have a time and some have none")
        return "none", 24.0
    if times[0] < np.datetime64(FIRST_DATE):
        raise ValueError(f"begins in {times[0]}, before {FIRST_DATE:%Y}")
    return steps.step_of(times, min(series.frequencies) if len(series.frequencies) == 1 else None)


def _converted(values, series, units, number, hours):
    """Return values in the unit of their column, each in the unit of its file."""
    if not series.known:
        if len(set(units)) > 1:
            raise ValueError(f"is in {units[0]} and in {next(unit for unit in units if unit != units[0])}")
        return values
    if len(set(units)) == 1:
        return in_column_unit(values, series.column, units[0], hours)
    pairs = zip(values, number, strict=True)
    return np.stack([in_column_unit(row, series.column, units[file], hours) for row, file in pairs])


def _table(values, dates, column, places):
    n_times, n_places = values.shape
    table = pd.DataFrame({"site_id": np.tile(places["city_id"].to_numpy(dtype=object), n_times)})
    if dates is not None:
        table["date"] = np.repeat(dates, n_places)
    table[column] = values.ravel()
    table = table.dropna(subset=column)
    return table.drop_duplicates([name for name in ("site_id", "date") if name in table.columns], keep="last")
