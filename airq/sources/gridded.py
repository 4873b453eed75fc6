"""Collect the fields of rasters by column of a panel, sampled at places, and make them daily."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.panel import COLUMNS, FIRST_DATE, IDENTITY
from airq.sources import steps
from airq.sources.coverage import covered_cells
from airq.sources.rasters import open_fields
from airq.sources.variables import checked_unit, column_of, in_column_unit, is_rate, range_in, why_no_mean

#: What values stand for, in the order in which they fill a column.
ORDER = ["hour", "day", "month", "year", "none"]
#: Columns that a mean over cells cannot fill: keys, and the people of a city.
NOT_SAMPLED = [*IDENTITY, "population"]


class Part(NamedTuple):
    """What one file holds of a column.

    `step` is what its values stand for and the hours between two, see :func:`airq.sources.steps.step_of`;
    `outside` counts the cells that are out of range.
    """

    path: Path
    source: str
    attributes: dict
    times: np.ndarray
    begins: np.ndarray | None
    means: np.ndarray
    unit: str
    step: tuple
    outside: int


@dataclass
class Series:
    """What files hold of one column, by time and place, in the order of the files.

    `step` and `hours` are those of all its parts, once :func:`by_step` has told them apart.
    """

    column: str
    variable: str
    known: bool
    parts: list[Part] = field(default_factory=list)
    step: str | None = None
    hours: float = 24.0

    @property
    def unit(self):
        """Unit of the values in the panel."""
        return COLUMNS[self.column].unit if self.known else self.parts[0].unit

    def in_order(self):
        """Return times in rising order, their begins or None, the file and the position of each.

        Of values that stand twice those of the last file count.
        """
        times = np.concatenate([part.times for part in self.parts])
        begins = [part.begins for part in self.parts]
        begins = None if any(one is None for one in begins) else np.concatenate(begins)
        number = np.repeat(range(len(self.parts)), [len(part.times) for part in self.parts])
        last = pd.Series(times).drop_duplicates(keep="last").sort_values().index.to_numpy()
        return times[last], begins if begins is None else begins[last], number[last], last


def read_series(files, places, radius_km, units, keep, left_out, advance=None) -> list[Series]:
    """Return the series of files, sampled at places, each of one column and step.

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
    return [own for series in found.values() for own in by_step(series, left_out)]


def _column(one, keep, left_out):
    """Return the column that a field fills and whether the vocabulary has it; None, and why, if none."""
    column = column_of(one.name, one.attributes, one.source)
    why = why_no_mean(column, one.attributes)
    if column is not None and why is None:
        return column, True
    if one.name not in keep:
        left_out.add(one.path, one.name, f"{why or 'no column of a panel'}; keep it with --keep {one.name}")
    elif one.name in COLUMNS or one.name in NOT_SAMPLED:
        left_out.add(one.path, one.name, why or "cannot be sampled at a place")
    else:
        return one.name, False
    return None, False


def _take(one, found, grids, places, radius_km, units, keep, left_out):
    """Sample a field and add it to the series of its column, or say why not."""
    column, known = _column(one, keep, left_out)
    if column is None:
        return
    where = f"{one.path}: variable {one.name}"
    unit = units.get(one.name, one.attributes.get("units"))
    unit = checked_unit(column, unit, where) if known else str(unit or "unknown")
    try:
        step = steps.step_of(one.times, one.frequency, one.widths)
        if one.grid.key not in grids:
            grids[one.grid.key] = covered_cells(one.grid, places, radius_km)
    except ValueError as error:
        left_out.add(one.path, one.name, str(error))
        return
    cells = grids[one.grid.key]
    if cells is None:
        left_out.add(one.path, one.name, "none of the places lies on it")
        return
    series = found.setdefault((column, one.name), Series(column, one.name, known))
    limits = range_in(column, unit, step[1] or 1.0) if known else None
    values, outside = one.means(cells, limits)
    times = one.times if len(one.times) else np.full(len(values), np.datetime64("NaT"), "datetime64[us]")
    facts = one.path, one.source, one.attributes, times, one.begins
    series.parts.append(Part(*facts, values, unit, step, outside))


def by_step(series, left_out) -> list[Series]:
    """Return a series for each step of the files of one, hours first, then days.

    Files of a single time whose step nothing tells are looked at together; a lone one counts to the files
    that it continues, and as a day or an hour where there are no others.
    """
    known = {part.step: part.step for part in series.parts if part.step[1] is not None}
    times = {step: np.concatenate([p.times for p in series.parts if p.step == step]) for step in known}
    times.pop(("none", 24.0), None)
    for key in dict.fromkeys(part.step for part in series.parts if part.step not in known):
        parts = [part for part in series.parts if part.step == key]
        try:
            known[key] = steps.step_of_files([part.times[0] for part in parts], key[0], times)
        except ValueError as error:
            for part in parts:
                left_out.add(part.path, series.variable, str(error))
    groups = {}
    for part in series.parts:
        if part.step in known:
            groups.setdefault(known[part.step], []).append(part)
    made = [replace(series, parts=parts, step=step, hours=hours) for (step, hours), parts in groups.items()]
    return sorted(made, key=lambda own: (ORDER.index(own.step), -sum(len(part.times) for part in own.parts)))


def days_of(series, places, tally, *, day_basis, min_hours) -> pd.DataFrame:
    """Return the values of a series of :func:`by_step` by place and day.

    Returns
    -------
    DataFrame
        `site_id`, the column, and `date`: the day, the first day of the month or year, or none where the
        field has no time.

    Raises
    ------
    ValueError
        If days in UTC are wanted as local ones, a time is alone, or dates are impossible.
    """
    times, begins, number, order = series.in_order()
    if series.step != "none" and times[0] < np.datetime64(FIRST_DATE):
        raise ValueError(f"begins in {times[0]}, before {FIRST_DATE:%Y}")
    values = np.concatenate([part.means for part in series.parts])
    _note(series, len(values) - len(order), tally)
    values, units = values[order], [part.unit for part in series.parts]
    values = _converted(values, series, units, number, series.hours)
    if series.step == "none":
        return _table(values, None, series.column, places)
    if series.step != "hour":
        if series.step == "day" and day_basis == "local":
            raise ValueError("holds days in UTC, which are no local days")
        code = {"day": "D", "month": "M", "year": "Y"}[series.step]
        starts = (times if begins is None else begins).astype(f"datetime64[{code}]")
        return _table(values, starts.astype("datetime64[us]"), series.column, places)
    if len(times) == 1:
        raise ValueError(f"holds a single hour ({str(times[0])[:16]}), which is no day")
    rate = is_rate(units[0])
    if begins is None:
        ends = steps.are_ends(series.column, series.parts[0].attributes, rate)
        begins = steps.begins_of(times, series.hours, ends=ends)
    if series.column == "precipitation" and not rate:
        values, since_midnight = steps.hourly_amounts(values, begins)
        if since_midnight:
            tally.notes.append(f"{series.variable} are sums since midnight (ERA5-Land); taken apart by hour")
    settings = {"day_basis": day_basis, "min_hours": min_hours}
    return steps.daily(values, begins, series.hours, series.column, places, tally, **settings)


def _note(series, n_twice, tally):
    """Note times that stand twice, a day that is none for certain, and cells that did not count."""
    if n_twice:
        twice = f"{n_twice:,} times stand twice"
        tally.notes.append(f"{series.variable}: {twice}; those of the last file count")
    if series.step == "day" and len(series.parts) == 1 and series.parts[0].step[1] is None:
        tally.notes.append(f"{series.variable}: a single time without bounds is taken as a day, not a month")
    outside = sum(part.outside for part in series.parts)
    if outside:
        column = COLUMNS[series.column]
        limits = f"{column.low:g} to {column.high:g} {column.unit}"
        tally.notes.append(f"{series.variable}: cells beyond {limits} did not count, {outside:,} times")


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
