"""Mapping files: which column of anybody's table is what, in which unit."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass

from airq.panel import COLUMNS, DAY_BASES, ORIGINS, STATISTICS, TARGET, near_name
from airq.sources.cleaning import SEVERAL
from airq.sources.reading import read_text
from airq.units import convert, is_aqi, unit_name

NEEDED = ("date", "latitude", "longitude")
PANEL_CHOICES = {"pm25_origin": ORIGINS, "day_basis": DAY_BASES, "statistic": STATISTICS}


@dataclass(frozen=True)
class ColumnSource:
    """Where a column of the panel comes from.

    Attributes
    ----------
    columns : tuple of str
        Column of the table; three (year, month, day) for a date in parts; none for a constant.
    unit : str or None
        Unit of the table's values; the panel's if None.
    value : object
        The constant, if it is one.
    """

    columns: tuple = ()
    unit: str | None = None
    value: object = None


@dataclass(frozen=True)
class Mapping:
    """A mapping file.

    Attributes
    ----------
    columns : dict of str to ColumnSource
        By name of the panel's column.
    keep : "*" or tuple of str
        Columns that stay under their own names; "*" for all but other readings of PM2.5.
    several : {"mean", "median", "first", "refuse"}
        What to do with rows of one site and day.
    panel : dict of str to str
        What it says of `pm25_origin`, `day_basis` and `statistic`.
    """

    columns: dict
    keep: str | tuple = "*"
    several: str = "mean"
    panel: dict = dataclasses.field(default_factory=dict)


def read_mapping(path):
    """Read and check a mapping file.

    Its form, with every key that it may have::

        keep = "*"                       # or a list of columns; "*" keeps all but other readings of PM2.5
        several = "mean"                 # rows of one site and day: mean, median, first, refuse
        [panel]
        pm25_origin = "sensor"           # sensor, index, model, simulated
        day_basis = "local"              # utc, local
        statistic = "mean"               # mean, median
        [columns]                        # column of the panel = column of the table
        site_id = "station"
        date = "day"                     # or { from = ["year", "month", "day"] }
        latitude = "lat"
        longitude = "lon"
        city = "town"                    # optional; the site's name if it is not there
        country = { value = "KEN" }      # a constant; optional: else that of the nearest known city
        pm25 = { from = "pm2_5", unit = "µg/m³" }     # or unit = "aqi-us-2012"
        temp_air = { from = "t2m", unit = "K" }

    Parameters
    ----------
    path : str or Path
        TOML file.

    Returns
    -------
    Mapping

    Raises
    ------
    ValueError
        If it is not TOML, has a key, column, choice or unit that is not known or is no text, lacks a
        column that every panel needs, or names no unit for PM2.5.
    """
    try:
        facts = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}.") from None
    _check_keys(facts, ("keep", "several", "panel", "columns"), path)
    _check_keys(facts.get("panel", {}), PANEL_CHOICES, f"{path}, [panel]")
    for key, choices in PANEL_CHOICES.items():
        _check_choice(facts.get("panel", {}), key, choices, path)
    _check_choice(facts, "several", SEVERAL, path)
    if not isinstance(facts.get("columns"), dict) or not facts["columns"]:
        raise ValueError(f"{path} has no [columns]; it must say where site_id, date, latitude … come from.")
    columns = {name: _column_source(name, entry, path) for name, entry in facts["columns"].items()}
    for name in NEEDED:
        if name not in columns:
            raise ValueError(f"{path}: [columns] does not say where {name!r} comes from.")
    if "site_id" not in columns and "city" not in columns:
        raise ValueError(f"{path}: [columns] does not say where 'site_id' comes from.")
    return Mapping(
        columns, _kept(facts.get("keep", "*"), path), facts.get("several", "mean"), facts.get("panel", {})
    )


def _check_keys(facts, known, where):
    if not isinstance(facts, dict):
        raise ValueError(f"{where} must be a table of names, not {facts!r}.")
    for key in facts:
        if key not in known:
            raise ValueError(
                f"{where}: unknown key {key!r}.{near_name(key, known)} Known: {', '.join(known)}."
            )


def _check_choice(facts, key, choices, path):
    if key in facts and facts[key] not in choices:
        near = near_name(str(facts[key]), choices)
        raise ValueError(f"{path}: {key} is {facts[key]!r}; it must be one of {', '.join(choices)}.{near}")


def _kept(keep, path):
    if keep == "*":
        return "*"
    if isinstance(keep, list) and all(isinstance(name, str) for name in keep):
        return tuple(keep)
    raise ValueError(f'{path}: keep must be "*" or a list of column names.')


def _column_source(name, entry, path):
    if _vocabulary_name(name) not in COLUMNS:
        raise ValueError(
            f"{path}: [columns] fills {name!r}, which is no column of a panel.{near_name(name, COLUMNS)} "
            "Other columns stay under their own names by `keep`."
        )
    entry = {"from": entry} if isinstance(entry, str | list) else entry
    if not isinstance(entry, dict):
        raise ValueError(f"{path}: {name} must be a column's name or {{ from = …, unit = … }}.")
    _check_keys(entry, ("from", "unit", "value"), f"{path}, {name}")
    if ("from" in entry) == ("value" in entry):
        raise ValueError(f"{path}: {name} needs either `from` or `value`.")
    columns = _checked_columns(name, entry["from"], path) if "from" in entry else ()
    if "value" in entry:
        _check_constant(name, entry["value"], path)
    return ColumnSource(columns, _checked_unit(name, entry, path), entry.get("value"))


def _checked_columns(name, columns, path):
    columns = columns if isinstance(columns, list) else [columns]
    for column in columns:
        if not isinstance(column, str):
            raise ValueError(f"{path}: {name}: `from` names a column as text, not {column!r}.")
    if name == "date" and len(columns) not in (1, 3):
        raise ValueError(f"{path}: date comes from one column, or from three: year, month, day.")
    if name != "date" and len(columns) != 1:
        raise ValueError(f"{path}: {name} comes from one column; only a date can have three.")
    return tuple(columns)


def _check_constant(name, value, path):
    if name == "date":
        raise ValueError(f"{path}: date comes from a column; it cannot be a constant.")
    text = COLUMNS[_vocabulary_name(name)].dtype == "str"
    fits = isinstance(value, str) if text else isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        raise ValueError(f"{path}: {name}: `value` must be {'text' if text else 'a number'}, not {value!r}.")


def _vocabulary_name(name):
    return name.removesuffix("_count").removesuffix("_age")


def _checked_unit(name, entry, path):
    """Unit of a column's values, if it is known and leads to the panel's unit."""
    if name in (TARGET, "aqi") and "unit" not in entry:
        example = "µg/m³" if name == TARGET else "aqi-us-2012"
        raise ValueError(
            f'{path}: {name} needs its unit, such as {name} = {{ from = "…", unit = "{example}" }}; '
            "a concentration and an index look alike."
        )
    if not isinstance(entry.get("unit", ""), str):
        raise ValueError(f"{path}: {name}: `unit` must be text, not {entry['unit']!r}.")
    if "unit" not in entry or (name in COLUMNS and entry["unit"] == COLUMNS[name].unit):
        return entry.get("unit")
    try:
        unit = unit_name(entry["unit"])
        if name == "aqi" and not is_aqi(unit):
            raise ValueError(f"{unit!r} is not an air-quality index.")
        if name in COLUMNS and name != "aqi":
            convert(1.0, unit, COLUMNS[name].unit)
    except ValueError as error:
        raise ValueError(f"{path}: {name}: {error}") from None
    return unit
