"""Read mappings, which say what the columns of anybody's table are, in which units, and what its rows mean.

A mapping is checked before any table is read. What it leaves open is not guessed: the notes of
:func:`airq.sources.mapped.read_mapped` say what was assumed.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import NamedTuple

from airq.files.tables import read_toml
from airq.messages import near_name
from airq.panel import COLUMNS, DAY_BASES, ORIGINS, STATISTICS, TARGET
from airq.sources.cleaning import SEVERAL
from airq.sources.days import CLOCKS, INTERVALS, MARKS, time_zone
from airq.units import convert, is_aqi, unit_name

TEXT = ("site_id", "city_id", "city", "country")
#: What [panel] may say of the panel, and the words to choose from.
PANEL_CHOICES = {"pm25_origin": tuple(ORIGINS), "day_basis": DAY_BASES, "statistic": STATISTICS}
#: What it may say of the table's times.
TIME_CHOICES = {"interval": INTERVALS, "marks": MARKS, "times": CLOCKS}
KEYS = (
    "keep",
    "several",
    "over",
    "where",
    "missing",
    "skip",
    "separator",
    "decimal",
    "note",
    "panel",
    "columns",
)
#: Mappings of well-known layouts, shipped with the package: name of a format -> its file.
SHIPPED = {path.stem: path for path in sorted((Path(__file__).parent / "formats").glob("*.toml"))}


class ColumnSource(NamedTuple):
    """Where a column of the panel comes from."""

    #: Columns of the table: one, several that make a name or a date, or speed and direction of the wind.
    columns: tuple = ()
    #: Unit of the table's values; the panel's if None.
    unit: str | None = None
    #: The constant, if it is one.
    value: object = None
    #: How a date is written, in the codes of strptime; year first if None.
    format: str | None = None
    #: Pattern whose group is the value, looked for in the file's name.
    file: str | None = None
    #: The same, looked for in the cells of the column.
    pattern: str | None = None


class Mapping(NamedTuple):
    """A checked mapping."""

    #: Sources by name of the panel's column.
    columns: dict[str, ColumnSource]
    #: Columns that stay under their own names; "*" for all but what is no input.
    keep: str | list
    #: What to do with rows of one site and day, of :data:`airq.sources.cleaning.SEVERAL`.
    several: str
    #: What it says of `pm25_origin`, `day_basis` and `statistic`.
    panel: dict[str, str]
    #: Values that a row must have to be read, by column of the table, or {"min": the least}.
    where: dict[str, list | dict]
    #: Columns of the table over whose values rows may be merged; "*" for all.
    over: str | list
    #: Values that stand for none, in any column.
    missing: list
    #: `skip`, `separator` and `decimal`, as :func:`airq.files.tables.read_file` takes them.
    layout: dict
    #: What it says of `interval`, `marks` and `times`.
    times: dict[str, str]
    #: Time zone of the places.
    zone: datetime.tzinfo | None
    #: What a reader of the panel should know of these files.
    notes: list


def read_mapping(mapping: str | Path | dict, *, stations: bool = False) -> Mapping:
    """Read and check a mapping.

    Its form, with every key that it may have; only `date`, a place and a site or city are needed::

        keep = "*"                       # or a list of columns; "*" keeps all that may be an input
        several = "mean"                 # rows of one site and day: mean, median, first, refuse
        over = ["sensor"]                # they may differ in these columns; "*" for all
        where = { parameter = "pm25", Validity = [1, 2, 3], Percent = { min = 75 } }     # rows to read
        missing = [-9999, "None"]        # values that stand for none
        skip = 3                         # lines above the header
        separator = ";"
        decimal = ","
        note = "uncorrected readings"    # what the report should say of these files
        [panel]
        pm25_origin = "sensor"           # sensor, index, model, simulated
        day_basis = "local"              # whose midnight ends a day: utc, local
        statistic = "mean"               # mean, median
        interval = "hour"                # what a row stands for: day, hour (or less)
        marks = "end"                    # times mark the begin or the end of an hour
        times = "utc"                    # what times without a zone are: utc, local
        time_zone = "Africa/Kampala"     # of the places, or +03:00
        [columns]                        # column of the panel = column of the table
        site_id = "station"              # or { from = ["State Code", "Site Num"] }
        date = "day"                     # or { from = ["day", "hour"] }, or year, month, day and perhaps hour
        latitude = "lat"
        longitude = "lon"
        city = "town"                    # optional; the site's name if it is not there
        country = { value = "KEN" }      # a constant; optional: else that of the nearest known city
        pm25 = { from = "pm2_5", unit = "µg/m³" }     # or unit = "aqi-us-2012"
        temp_air = { from = "t2m", unit = "K" }
        wind = { speed = "ws", direction = "wd", unit = "m/s" }   # fills wind_u and wind_v

    Of a date written otherwise, ``date = { from = "When", format = "%d-%m-%Y %H:%M" }`` says how; of a
    city that only the file's name tells, ``city = { file = "(.+)-air-quality" }``; of a date, a name or a
    coordinate within a cell, ``date = { from = "id", pattern = "^([0-9]{8})_" }``.

    Parameters
    ----------
    mapping : path or dict
        TOML file, or what it would hold.
    stations : bool
        Whether a table of stations goes with it, which has the positions.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not TOML, has a key, column, choice or unit that is not known, lacks what every panel needs,
        names no unit for PM2.5, or calls an index a sensor's values.
    """
    path, content = "The mapping", mapping
    if not isinstance(mapping, dict):
        path, content = mapping, read_toml(mapping)
    _check_keys(content, KEYS, path)
    panel, keep, entries = content.get("panel", {}), content.get("keep", "*"), content.get("columns")
    _check_keys(panel, (*PANEL_CHOICES, *TIME_CHOICES, "time_zone"), f"{path}, [panel]")
    for key, choices in {**PANEL_CHOICES, **TIME_CHOICES, "several": SEVERAL}.items():
        chosen = {**panel, **content}.get(key, choices[0])
        if chosen not in choices:
            near = near_name(str(chosen), choices)
            raise ValueError(f"{path}: {key} is {chosen!r}; it must be one of {', '.join(choices)}.{near}")
    if keep != "*" and not _is_names(keep):
        raise ValueError(f'{path}: keep must be "*" or a list of column names.')
    if not isinstance(entries, dict) or not entries:
        raise ValueError(f"{path} has no [columns]; it must say where site_id, date, latitude … come from.")
    columns = {name: _column_source(name, entry, path) for name, entry in entries.items()}
    _check_needed(columns, path, stations)
    origin = panel.get("pm25_origin", "index")
    if TARGET in columns and is_aqi(columns[TARGET].unit) and origin not in ("index", "model"):
        unit = columns[TARGET].unit
        raise ValueError(
            f"{path}: pm25 is an index ({unit}), so pm25_origin must be index or model, not {origin}."
        )
    try:
        zone = time_zone(str(panel["time_zone"])) if "time_zone" in panel else None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Mapping(
        columns,
        keep if keep == "*" else [name.strip() for name in keep],
        content.get("several", "mean"),
        {key: panel[key] for key in PANEL_CHOICES if key in panel},
        _where(content.get("where", {}), path),
        content["over"]
        if content.get("over") == "*"
        else _checked_list(content.get("over", []), "over", path),
        content.get("missing", []) if isinstance(content.get("missing", []), list) else [content["missing"]],
        _layout(content, path),
        {key: panel[key] for key in TIME_CHOICES if key in panel},
        zone,
        _checked_list(content.get("note", []), "note", path),
    )


def _is_names(names):
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _checked_list(names, key, path):
    names = [names] if isinstance(names, str) else names
    if not _is_names(names):
        raise ValueError(
            f"{path}: {key} must be a list of {'sentences' if key == 'note' else 'column names'}."
        )
    return [name.strip() for name in names]


def _check_keys(content, known, where):
    if not isinstance(content, dict):
        raise ValueError(f"{where} must be a table of names, not {content!r}.")
    for key in content:
        if key not in known:
            near = near_name(key, known)
            raise ValueError(f"{where}: unknown key {key!r}.{near} Known: {', '.join(known)}.")


def _check_needed(columns, path, stations):
    """Refuse a mapping that does not say where a day, a place and its name come from."""
    if "date" not in columns:
        raise ValueError(f"{path}: [columns] does not say where 'date' comes from.")
    if not {"site_id", "city"} & set(columns):
        raise ValueError(f"{path}: [columns] does not say where 'site_id' comes from.")
    given = [name for name in ("latitude", "longitude") if name in columns]
    if not stations and (len(given) == 1 or (not given and "city" not in columns)):
        name = "longitude" if given == ["latitude"] else "latitude"
        raise ValueError(
            f"{path}: [columns] does not say where {name!r} comes from; without coordinates name the city, "
            "whose position is then looked up, or give a table with --stations."
        )


def _where(rows, path):
    """Return the values that rows must have, lists of them by column."""
    if not isinstance(rows, dict):
        raise ValueError(f'{path}: where names columns and their values: where = {{ parameter = "pm25" }}.')
    rows = {name.strip(): own if isinstance(own, list | dict) else [own] for name, own in rows.items()}
    for name, chosen in rows.items():
        if isinstance(chosen, dict) and set(chosen) == {"min"} and isinstance(chosen["min"], int | float):
            continue
        if (
            not chosen
            or isinstance(chosen, dict)
            or not all(isinstance(value, str | int | float) for value in chosen)
        ):
            raise ValueError(
                f"{path}: where: {name} must be a value, a list of values or {{ min = 75 }}, not {chosen!r}."
            )
    return rows


def _layout(content, path):
    """Return how the file is laid out, as far as the mapping says it."""
    layout = {key: content[key] for key in ("skip", "separator", "decimal") if key in content}
    skip = layout.get("skip", 0)
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise ValueError(f"{path}: skip is the number of lines above the header, not {skip!r}.")
    for key in ("separator", "decimal"):
        mark = layout.get(key, ",")
        if not isinstance(mark, str) or len(mark) != 1:
            raise ValueError(f"{path}: {key} is one character, not {mark!r}.")
    return layout


def _column_source(name, entry, path):
    """Return the checked source of one column."""
    vocabulary = name.removesuffix("_count").removesuffix("_age")
    if name == "wind":
        return _wind_source(entry, path)
    if vocabulary not in COLUMNS:
        near = near_name(name, COLUMNS, similarity=0.75)
        raise ValueError(
            f"{path}: [columns] fills {name!r}, which is no column of a panel.{near} It has "
            f"{', '.join(COLUMNS)} and wind; others stay under their own names by `keep`."
        )
    entry = {"from": entry} if isinstance(entry, str | list) else entry
    if not isinstance(entry, dict):
        raise ValueError(f"{path}: {name} must be a column's name or {{ from = …, unit = … }}.")
    own = {"date": ("format", "pattern"), **dict.fromkeys(TEXT, ("file", "pattern"))}
    own |= dict.fromkeys(("latitude", "longitude"), ("pattern",))
    own = own.get(name, ())
    _check_keys(entry, ("from", "unit", "value", *own), f"{path}, {name}")
    if len({"from", "value", "file"} & set(entry)) != 1:
        raise ValueError(f"{path}: {name} needs either `from` or `value`.")
    if "file" in entry:
        return ColumnSource(file=_checked_pattern(entry["file"], f"{path}: {name}: file"))
    unit = _checked_unit(name, entry, path)
    if "from" in entry:
        form = entry.get("format")
        if form is not None and not (isinstance(form, str) and "%" in form):
            raise ValueError(f'{path}: {name}: format must be text such as "%d-%m-%Y %H:%M", not {form!r}.')
        if form is not None and not _is_time_format(form):
            raise ValueError(f"{path}: {name}: format {form!r} has a code that strptime does not know.")
        columns, pattern = _checked_columns(name, entry["from"], path), None
        if "pattern" in entry:
            pattern = _checked_pattern(entry["pattern"], f"{path}: {name}: pattern")
            if len(columns) > 1:
                raise ValueError(f"{path}: {name}: pattern goes with one column.")
        return ColumnSource(columns, unit, format=form, pattern=pattern)
    value, text = entry["value"], COLUMNS[vocabulary].dtype == "str"
    if name in ("date", TARGET, "aqi"):
        raise ValueError(f"{path}: {name} comes from a column; it cannot be a constant.")
    if not isinstance(value, str if text else int | float) or isinstance(value, bool):
        kind = "text" if text else "a number"
        raise ValueError(f"{path}: {name}: `value` must be {kind}, not {value!r}.")
    return ColumnSource((), unit, value)


def _is_time_format(form):
    try:
        datetime.datetime.strptime(datetime.datetime(2020, 1, 31).strftime(form), form)
    except ValueError as error:
        return "bad directive" not in str(error) and "stray" not in str(error)
    return True


def _wind_source(entry, path):
    """Return the source of both components: columns of speed and direction, and the unit of the speed."""
    _check_keys(entry, ("speed", "direction", "unit"), f"{path}, wind")
    columns = [entry.get("speed"), entry.get("direction")]
    if not _is_names(columns):
        raise ValueError(f'{path}: wind needs its columns: wind = {{ speed = "ws", direction = "wd" }}.')
    return ColumnSource(tuple(name.strip() for name in columns), _checked_unit("wind_u", entry, path))


def _checked_pattern(pattern, where):
    try:
        if re.compile(pattern).groups == 1:
            return pattern
    except (TypeError, re.error):
        pass
    raise ValueError(f"{where} must be a pattern with one group in brackets, not {pattern!r}.")


def _checked_columns(name, columns, path):
    columns = columns if isinstance(columns, list) else [columns]
    for column in columns:
        if not isinstance(column, str):
            raise ValueError(f"{path}: {name}: `from` names a column as text, not {column!r}.")
    if name == "date" and len(columns) not in (1, 2, 3, 4):
        raise ValueError(
            f"{path}: date comes from one column, a day and an hour, or year, month, day (, hour)."
        )
    if len(set(columns)) < len(columns):
        raise ValueError(f"{path}: {name} names the same column twice.")
    if name not in ("date", "site_id", "city_id") and len(columns) != 1:
        raise ValueError(f"{path}: {name} comes from one column; only a date or a name can have several.")
    return tuple(column.strip() for column in columns)


def _checked_unit(name, entry, path):
    """Return the unit of a column's values; refuse one that does not lead to the panel's unit."""
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
