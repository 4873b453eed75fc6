"""Read the files of a provider and clean their rows into a panel.

A reader has the form ``read_x(paths, *, cities=None)``: `paths` are files of one provider, `cities` is a
checked city table that places take what they lack from, by default the bundled African one. It returns
a :class:`Reading`. On the way it drops bad rows and makes impossible values missing; a :class:`Tally`
counts both by reason. Whatever would spoil every row, such as a wrong unit or a day written month first,
is an error in one line that names the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.cities import check_swapped
from airq.features.inputs import only_inputs
from airq.files.tables import read_file
from airq.messages import near_name
from airq.panel import (
    COLUMNS,
    IDENTITY,
    KEYS,
    PLACE,
    TARGET,
    PanelMetadata,
    at_ceiling,
    check_panel,
    label_panel,
)

#: What to do with rows of one site and day.
SEVERAL = ("mean", "median", "first", "refuse")


#: Format of `airq ingest` -> columns that its tables need, and by which they are known.
FORMAT_COLUMNS = {
    "waqi": ("Date", "Country", "City", "Specie", "median"),
    "openaq": ("location_id", "datetime", "parameter", "units", "value"),
    "uganda": ("site_latitude", "site_longitude", "humidity", "temp_mean"),
    "airathon": ("datetime", "grid_id", "date", "location", "Optical_Depth_055_avg", "lat", "lon", "value"),
    "open-meteo": ("latitude", "longitude", "temperature_2m_mean"),
    "reference": ("City", "Date", "Lat", "Long", "Predicted_PM25"),
    "waqi-city": ("date", "pm25", "pm10"),
}


@dataclass
class Tally:
    """Counts of what became of the rows of the files that a reader got.

    Attributes
    ----------
    read, merged : int
        Rows in the files, rows that were averaged into another of the same key.
    dropped, emptied : dict of str to int
        Rows left out and values made missing, by reason.
    notes : list of str
        What else a user of the panel should know.
    """

    read: int = 0
    dropped: dict = field(default_factory=dict)
    merged: int = 0
    emptied: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    @property
    def kept(self):
        """Number of rows that are in the panel, alone or merged into another."""
        return self.read - sum(self.dropped.values())

    def drop(self, rows, wrong, reason):
        """Drop the rows that are `wrong` and count them under `reason`."""
        wrong = np.asarray(wrong, dtype=bool)
        if not wrong.any():
            return rows
        self.dropped[reason] = self.dropped.get(reason, 0) + int(wrong.sum())
        return rows[~wrong]

    def drop_each(self, rows, reasons):
        """Drop rows by a mask for each reason; a row counts under the first that applies to it."""
        for reason, wrong in reasons.items():
            rows = self.drop(rows, wrong.loc[rows.index], reason)
        return rows

    def empty(self, values, wrong, reason):
        """Make the values that are `wrong` missing and count them under `reason`."""
        wrong = np.asarray(wrong, dtype=bool)
        if not wrong.any():
            return values
        self.emptied[reason] = self.emptied.get(reason, 0) + int(wrong.sum())
        return values.mask(wrong)

    def numbers(self, values, name):
        """Return a column as float64; count what is no number as made missing."""
        values, unreadable = numbers(values)
        return self.empty(values, unreadable, f"{name} is not a number")


class Reading(NamedTuple):
    """A panel, and the tally of the rows that it was made of."""

    panel: pd.DataFrame
    tally: Tally


def read_format(path, format, tally, *, text=()):
    """Read a table of a known format, check its columns and count its rows; see :func:`read_file`."""
    table = read_file(path, text=text)
    require_columns(table, FORMAT_COLUMNS[format], path, format=format)
    tally.read += len(table)
    return table


def require_columns(table, columns, path, *, format):
    """Raise a ValueError if a table lacks a column, with a hint at a similar name or the format that fits."""
    missing = [name for name in columns if name not in table.columns]
    if not missing:
        return
    fitting = [other for other, known in FORMAT_COLUMNS.items() if set(known) <= set(table.columns)]
    near = near_name(missing[0], [name for name in table.columns if name not in columns])
    hint = f" It looks like --format {fitting[0]}." if fitting else near
    raise ValueError(f"{path} has no column {missing[0]!r}, which format {format} needs.{hint}")


def name_of(paths):
    """Return what a message calls the files, or a DataFrame in place of them."""
    if isinstance(paths, pd.DataFrame):
        return "The table"
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def numbers(values):
    """Return a column as float64 where it can be read as numbers, and a mask of where it cannot.

    >>> values, unreadable = numbers(pd.Series(["1.5", "", "n.d."]))
    >>> values.tolist(), unreadable.tolist()
    ([1.5, nan, nan], [False, False, True])
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype("float64"), pd.Series(False, index=values.index)
    # Words repeat, so each is looked at once.
    number, distinct = pd.factorize(values, use_na_sentinel=False)
    distinct = pd.Series(distinct)
    numeric = pd.to_numeric(distinct, errors="coerce").astype("float64")
    unreadable = numeric.isna() & ~(distinct.isna() | (distinct.astype("str").str.strip() == ""))
    return numeric.iloc[number].set_axis(values.index), unreadable.iloc[number].set_axis(values.index)


def with_text(rows, columns, tally):
    """Strip the texts in `columns`; drop rows where one is blank."""
    for name in columns:
        rows = rows.assign(**{name: rows[name].astype("str").str.strip()})
        blank = rows[name].isna() | rows[name].isin(["", "nan", "None", "<NA>"])
        rows = tally.drop(rows, blank, f"missing {name}")
    return rows


def with_coordinates(rows, tally, *, path):
    """Drop rows whose `latitude` and `longitude` [°] are missing or not on Earth.

    A ValueError is raised if most would be on Earth with the two exchanged.
    """
    latitude, longitude = numbers(rows["latitude"])[0], numbers(rows["longitude"])[0]
    exchanged = (latitude.abs() > 90) & (latitude.abs() <= 180) & (longitude.abs() <= 90)
    if exchanged.sum() > len(rows) / 2:
        raise ValueError(f"{path}: latitude and longitude look swapped; latitude is {latitude.iloc[0]:g}.")
    reasons = {
        "missing coordinates": latitude.isna() | longitude.isna(),
        "coordinates out of range": (latitude.abs() > 90) | (longitude.abs() > 180),
    }
    return tally.drop_each(rows.assign(latitude=latitude, longitude=longitude), reasons)


def with_target(rows, tally, *, zero="keep"):
    """Drop rows whose `pm25` [µg m⁻³] is impossible; a missing one stays.

    A day of exactly zero, which a monitor reports when it does not measure, goes if `zero` is ``"drop"``
    rather than ``"keep"``. A ValueError is raised if most values lie above the plausible range.
    """
    column = COLUMNS[TARGET]
    values, unreadable = numbers(rows[TARGET])
    reasons = {
        "PM2.5 is not a number": unreadable,
        "negative PM2.5": values < column.low,
        "PM2.5 of zero": (values == 0) & (zero == "drop"),
        "PM2.5 at a sensor's ceiling": pd.Series(at_ceiling(values), index=values.index),
    }
    rows = tally.drop_each(rows.assign(**{TARGET: values}), reasons)
    above = rows[TARGET] > column.high
    wrong = rows.loc[above & np.isfinite(rows[TARGET]), TARGET]
    if len(wrong) > rows[TARGET].notna().sum() / 2:
        raise ValueError(
            f"{len(wrong):,} of {rows[TARGET].notna().sum():,} values of PM2.5 lie above {column.high:g} "
            f"{column.unit}, such as {wrong.iloc[0]:g}. Wrong unit or column?"
        )
    return tally.drop(rows, above, "PM2.5 above the plausible range")


def without_implausible(rows, tally, *, path):
    """Make impossible values missing in the vocabulary's columns other than keys, place and PM2.5.

    Values that miss the range by rounding, such as a cloud fraction of 1.00000005, move to its end. A
    ValueError is raised if most values of a column are impossible: it has another unit or quantity.
    """
    columns = {}
    for name in [name for name in COLUMNS if name in rows.columns and name not in (*IDENTITY, TARGET)]:
        column, values = COLUMNS[name], tally.numbers(rows[name], name)
        inside = values.clip(column.low, column.high)
        values = values.where((values - inside).abs() > 1e-6 * inside.abs(), inside)
        outside = (values < column.low) | (values > column.high)
        if outside.sum() > values.notna().sum() / 2:
            unit = "" if column.unit == "1" else f" {column.unit}"
            raise ValueError(
                f"{path}: {outside.sum():,} of {values.notna().sum():,} values of {name!r} lie outside "
                f"{column.low:g} to {column.high:g}{unit}, such as {values[outside].iloc[0]:g}. "
                "Wrong unit or column?"
            )
        columns[name] = tally.empty(values, outside, f"{name} out of range")
    return rows.assign(**columns)


def with_values(rows, tally):
    """Drop rows without any number beside the keys and the place."""
    return tally.drop(rows, rows[_measured(rows)].isna().all(axis=1), "without values")


def _measured(rows):
    """List the numeric columns beside the keys and the place."""
    return [n for n in rows.columns if n not in IDENTITY and pd.api.types.is_numeric_dtype(rows[n])]


def one_per_key(rows, tally, *, several="mean", keys=KEYS):
    """Merge the rows of one site and day, or of other `keys`; count those that go into another.

    Their numbers are averaged, missing ones aside, and a text is the first that there is. Where
    `several` is ``"median"``, ``"first"`` or ``"refuse"`` rather than ``"mean"``, numbers are those in the
    middle, the first row counts, or a ValueError names the first of them.
    """
    repeated = rows.duplicated(keys, keep=False)
    if not repeated.any():
        return rows
    extra = int(rows.duplicated(keys).sum())
    if several == "refuse":
        site, time = rows.loc[repeated, keys[:2]].iloc[0]
        time = f"{time:%Y-%m-%d}" if keys == KEYS else f"{time:%Y-%m-%d %H:%M}"
        raise ValueError(
            f"{extra:,} rows repeat a site and {'day' if keys == KEYS else 'time'}, first site {site} on "
            f'{time}, and several = "refuse".'
        )
    tally.merged += extra
    if several == "first":
        return rows.drop_duplicates(keys)
    averaged = _measured(rows)
    how = {name: several if name in averaged else "first" for name in rows.columns if name not in keys}
    merged = rows[repeated].groupby(keys, sort=False).agg(how).reset_index()
    return pd.concat([rows[~repeated], merged], ignore_index=True)[rows.columns.tolist()]


def to_panel(rows, tally, paths, source, *, hint="", like=(), **metadata):
    """Label and check cleaned rows as a panel, without columns that have no value or are no inputs.

    `source` says whose the files are; `metadata` are other attributes of :class:`airq.panel.PanelMetadata`;
    `like` are columns that PM2.5 was read from, see :func:`airq.features.inputs.not_inputs`.
    A ValueError is raised if no row is left, which `hint` may help with, or the coordinates look swapped.
    """
    path = name_of(paths)
    if rows.empty:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.dropped.items())
        raise ValueError(f"{path}: none of {tally.read:,} rows is left ({reasons}).{hint}")
    empty = [name for name in rows.columns if name not in IDENTITY and rows[name].isna().all()]
    if "aqi" in rows.columns:
        # An index that is not inverted stands beside an empty target, which says that it could be.
        empty = [name for name in empty if name != TARGET]
    if set(empty) - {TARGET}:
        tally.notes.append(f"columns without any value left out: {', '.join(empty)}")
    rows = rows.drop(columns=empty)
    check_swapped(rows[PLACE].drop_duplicates("site_id"), name=path)
    names = "a DataFrame" if isinstance(paths, pd.DataFrame) else ", ".join(Path(path).name for path in paths)
    metadata = PanelMetadata(sources=[f"{source} ({names})"], **metadata)
    panel, left_out = only_inputs(check_panel(label_panel(rows, metadata)), like=like)
    tally.notes += [left_out] if left_out else []
    return Reading(panel, tally)
