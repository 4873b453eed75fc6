"""Read anybody's table by a mapping, which says what each column is and in which unit.

A mapping is checked before any table is read. What it leaves open is not guessed: the reading's notes
say what was assumed.
"""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

import pandas as pd

from airq import tables
from airq.cities import attach_places, city_ids, countries_of, country_code, moving_sites, places_of, settle
from airq.messages import near_name
from airq.panel import COLUMNS, DAY_BASES, IDENTITY, ORIGINS, STATISTICS, TARGET
from airq.sources import cleaning
from airq.sources.cleaning import SEVERAL, Tally, numbers
from airq.units import convert, is_aqi, unit_name

NEEDED = ("date", "latitude", "longitude")
TEXT = ("site_id", "city_id", "city", "country")
PANEL_CHOICES = {"pm25_origin": tuple(ORIGINS), "day_basis": DAY_BASES, "statistic": STATISTICS}

#: How columns are called that hold what a monitor reads: PM2.5, an index, or "pm" without a size.
#: PM10 is something else, and CAMS is a model, which places without a monitor have too.
READING = r"(?<!cams_)pm[ _.-]?2[ _.,p-]?5|^pm(?![a-z])(?!.?\d)|aqi"


class ColumnSource(NamedTuple):
    """Where a column of the panel comes from."""

    #: Column of the table; three (year, month, day) for a date in parts; none for a constant.
    columns: tuple = ()
    #: Unit of the table's values; the panel's if None.
    unit: str | None = None
    #: The constant, if it is one.
    value: object = None


class Mapping(NamedTuple):
    """A checked mapping."""

    #: Sources by name of the panel's column.
    columns: dict[str, ColumnSource]
    #: Columns that stay under their own names; "*" for all but other readings of PM2.5.
    keep: str | list
    #: What to do with rows of one site and day, of :data:`airq.sources.cleaning.SEVERAL`.
    several: str
    #: What it says of `pm25_origin`, `day_basis` and `statistic`.
    panel: dict[str, str]


def read_mapping(mapping):
    """Read and check a mapping.

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

    `mapping` is a TOML file, or what it would hold as a dict. A ValueError is raised if it is not TOML, has
    a key, column, choice or unit that is not known or is no text, lacks a column that every panel needs,
    names no unit for PM2.5, or calls an index a sensor's values.
    """
    path, content = "The mapping", mapping
    if not isinstance(mapping, dict):
        path = mapping
        try:
            content = tomllib.loads(tables.read_text(mapping))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path} is not TOML: {error}.") from None
    _check_keys(content, ("keep", "several", "panel", "columns"), path)
    panel, keep, entries = content.get("panel", {}), content.get("keep", "*"), content.get("columns")
    _check_keys(panel, PANEL_CHOICES, f"{path}, [panel]")
    for key, choices in {**PANEL_CHOICES, "several": SEVERAL}.items():
        chosen = {**panel, **content}.get(key, choices[0])
        if chosen not in choices:
            near = near_name(str(chosen), choices)
            raise ValueError(f"{path}: {key} is {chosen!r}; it must be one of {', '.join(choices)}.{near}")
    if keep != "*" and not (isinstance(keep, list) and all(isinstance(name, str) for name in keep)):
        raise ValueError(f'{path}: keep must be "*" or a list of column names.')
    if not isinstance(entries, dict) or not entries:
        raise ValueError(f"{path} has no [columns]; it must say where site_id, date, latitude … come from.")
    columns = {name: _column_source(name, entry, path) for name, entry in entries.items()}
    for name in (*NEEDED, *(["site_id"] if "city" not in columns else [])):
        if name not in columns:
            raise ValueError(f"{path}: [columns] does not say where {name!r} comes from.")
    origin = panel.get("pm25_origin", "index")
    if TARGET in columns and is_aqi(columns[TARGET].unit) and origin not in ("index", "model"):
        unit = columns[TARGET].unit
        raise ValueError(
            f"{path}: pm25 is an index ({unit}), so pm25_origin must be index or model, not {origin}."
        )
    return Mapping(columns, keep, content.get("several", "mean"), panel)


def _check_keys(content, known, where):
    if not isinstance(content, dict):
        raise ValueError(f"{where} must be a table of names, not {content!r}.")
    for key in content:
        if key not in known:
            near = near_name(key, known)
            raise ValueError(f"{where}: unknown key {key!r}.{near} Known: {', '.join(known)}.")


def _column_source(name, entry, path):
    """Return the checked source of one column."""
    vocabulary = name.removesuffix("_count").removesuffix("_age")
    if vocabulary not in COLUMNS:
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
    if "from" in entry:
        return ColumnSource(_checked_columns(name, entry["from"], path), _checked_unit(name, entry, path))
    value, text = entry["value"], COLUMNS[vocabulary].dtype == "str"
    if name == "date":
        raise ValueError(f"{path}: date comes from a column; it cannot be a constant.")
    if not isinstance(value, str if text else int | float) or isinstance(value, bool):
        kind = "text" if text else "a number"
        raise ValueError(f"{path}: {name}: `value` must be {kind}, not {value!r}.")
    return ColumnSource((), _checked_unit(name, entry, path), value)


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


def read_mapped(paths, *, mapping, cities=None):
    """Read tables by a mapping.

    `paths` may also be a DataFrame. Columns of the vocabulary come in the panel's units; an index that
    stood for PM2.5 is inverted by its table and stays beside it as `aqi`. Where the mapping keeps
    everything, columns that look like other readings of PM2.5 are left out all the same, and a note
    names them. `mapping` is what :func:`read_mapping` takes.
    """
    rules, tally, files = read_mapping(mapping), Tally(), cleaning.name_of(paths)
    if isinstance(paths, pd.DataFrame):
        if paths.empty:
            raise ValueError(f"{files} has no rows.")
        tables = [(files, paths.reset_index(drop=set(paths.index.names) == {None}))]
    else:
        text = [column for name in TEXT if name in rules.columns for column in rules.columns[name].columns]
        tables = ((path, tables.read_file(path, text=[*text, *TEXT])) for path in paths)
    rows = pd.concat([_mapped_rows(table, rules, tally, path) for path, table in tables], ignore_index=True)
    rows = _without_readings(rows, rules, tally)
    rows = cleaning.with_coordinates(rows, tally, path=files)
    rows = _with_target(rows, rules, tally, files)
    rows = cleaning.without_implausible(rows, tally, path=files)
    rows = cleaning.with_values(_with_identity(rows, tally, cities, path=files), tally)
    rows = cleaning.one_per_key(rows, tally, several=rules.several)
    units = [rules.columns[name].unit for name in (TARGET, "aqi") if name in rules.columns]
    index = next((unit for unit in units if is_aqi(unit)), None)
    metadata = {"pm25_origin": "index", "units": {"aqi": index}} if index else {}
    source = "Tables read by a mapping"
    reading = cleaning.to_panel(rows, tally, paths, source, **{**metadata, **rules.panel})
    tally.notes.extend(_assumptions(rules, reading.panel))
    return reading


def _mapped_rows(table, mapping, tally, path):
    """Return the rows of one table under the panel's names, all but PM2.5 in its units."""
    tally.read += len(table)
    used = [column for source in mapping.columns.values() for column in source.columns]
    for column in used + ([] if mapping.keep == "*" else mapping.keep):
        if column not in table.columns:
            near = near_name(column, table.columns)
            raise ValueError(f"{path} has no column {column!r}, which the mapping names.{near}")
    kept = _kept_columns(table, mapping, used, tally, path)
    columns = {
        name: _values(table, name, source, tally, path)
        for name, source in mapping.columns.items()
        if name != "date"
    }
    rows = pd.DataFrame({**columns, **{name: table[name] for name in kept}}, index=table.index)
    source = mapping.columns["date"]
    date = _written_days(table, source, mapping.panel.get("day_basis"), path)
    return cleaning.days(date, tally, rows, column="+".join(source.columns), path=path)


def _kept_columns(table, mapping, used, tally, path):
    """List the columns that stay under their own names; a note names the others."""
    unused = [name for name in table.columns if name not in used]
    kept = unused if mapping.keep == "*" else [name for name in mapping.keep if name not in used]
    kept = [name for name in kept if not str(name).startswith("Unnamed:")]
    left_out = [str(name) for name in unused if name not in kept]
    if left_out:
        tally.notes.append(
            f'columns left out: {", ".join(left_out)}; to keep them all, write keep = "*" above the first '
            "[section] of the mapping"
        )
    for name in kept:
        if name in mapping.columns:
            raise ValueError(
                f"{path}: the mapping fills {name!r} from another column, and the table has a column of that "
                "name; leave it out with a list in `keep`."
            )
        if name in (TARGET, "aqi", "date", "latitude", "longitude"):
            raise ValueError(
                f"{path}: the table has a column {name!r} that [columns] does not map; map it, with its unit "
                "if it has one, or leave it out with a list in `keep`."
            )
    return kept


def _values(table, name, source, tally, path):
    """Return one column of the panel in its unit; text and PM2.5 as they are written."""
    column = source.columns[0] if source.columns else name
    values = table[column] if source.columns else pd.Series(source.value, index=table.index)
    if name in TEXT or name == TARGET:
        return values
    numeric, unreadable = numbers(values)
    _refuse_decimal_commas(values[unreadable], column, path)
    if name not in ("latitude", "longitude"):
        numeric = tally.empty(numeric, unreadable, f"{name} is not a number")
    if name not in COLUMNS or name == "aqi" or source.unit in (None, COLUMNS[name].unit):
        return numeric
    return pd.Series(convert(numeric, source.unit, COLUMNS[name].unit), index=numeric.index)


def _refuse_decimal_commas(unreadable, column, path):
    if unreadable.astype("str").str.fullmatch(r"\s*-?\d+,\d+\s*").any():
        raise ValueError(
            f"{path}: column {column!r} has {unreadable.iloc[0]!r}; write numbers with a decimal point."
        )


def _written_days(table, source, basis, path):
    """Return days as they are written; of times with a zone, the day of the basis."""
    if len(source.columns) == 3:
        return cleaning.joined_days(table[list(source.columns)])
    values = table[source.columns[0]]
    text = values.astype("str").str.strip()
    zone = text.str.extract(r"\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$")[0]
    if not zone.notna().any():
        return values
    if basis != "local":
        zoned = values if isinstance(values.dtype, pd.DatetimeTZDtype) else text.where(zone.notna())
        in_utc = pd.to_datetime(zoned, utc=True, format="ISO8601", errors="coerce").dt.strftime("%Y-%m-%d")
        return in_utc.where(in_utc.notna(), text.str.slice(0, 10))
    if zone.dropna().isin(["Z", "+00:00", "-00:00", "+0000"]).all():
        raise ValueError(
            f'{path}: column {source.columns[0]!r} has times in UTC, but [panel] says day_basis = "local"; '
            'give local days, or say day_basis = "utc".'
        )
    return text.str.slice(0, 10)


def _without_readings(rows, mapping, tally):
    """Leave out columns that would give a model the answer, unless the mapping names them.

    They are known by :data:`READING`, or by a name that begins with that of the target's own column.
    """
    if mapping.keep != "*":
        return rows
    targets = [mapping.columns[name] for name in (TARGET, "aqi") if name in mapping.columns]
    own = [rf"^(?!pm.?1){re.escape(column)}[\W_]" for source in targets for column in source.columns]
    reading = re.compile("|".join([READING, *own]), re.IGNORECASE)
    readings = [name for name in rows.columns if name not in mapping.columns and reading.search(str(name))]
    if readings:
        tally.notes.append(
            f"left out: {', '.join(readings)}; they look like readings of PM2.5, which no place without a "
            f'monitor has. To learn from them all the same, list what to keep: keep = ["{readings[0]}", …]'
        )
    return rows.drop(columns=readings)


def _with_target(rows, mapping, tally, path):
    """Convert PM2.5 to the panel's unit; keep the index beside it if it was one."""
    if TARGET not in rows.columns:
        return rows
    unit = mapping.columns[TARGET].unit
    values, unreadable = numbers(rows[TARGET])
    _refuse_decimal_commas(rows.loc[unreadable, TARGET], TARGET, path)
    rows = tally.drop(rows.assign(**{TARGET: values}), unreadable, "PM2.5 is not a number")
    if is_aqi(unit):
        rows = tally.drop(rows, rows[TARGET] < 0, "negative AQI")
        rows = rows.assign(aqi=rows[TARGET])
    rows = rows.assign(**{TARGET: convert(rows[TARGET], unit, COLUMNS[TARGET].unit)})
    return cleaning.with_target(rows, tally)


def _with_identity(rows, tally, cities, *, path):
    """Complete the columns of identity from those that the table has."""
    rows = cleaning.with_text(rows, [name for name in TEXT if name in rows.columns], tally)
    if rows.empty:
        return rows
    if "city" not in rows.columns:
        rows = rows.assign(city=rows["site_id"])
    known = [name for name in (*TEXT, "latitude", "longitude") if name in rows.columns]
    places, number = places_of(rows, known)
    if "country" not in places.columns:
        places["country"] = countries_of(places, cities, path=path)
    else:
        try:
            places["country"] = places["country"].map(
                {c: country_code(c) for c in places["country"].unique()}
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    if "city_id" not in places.columns:
        no_names = "site_id" in places.columns and (places["city"] == places["site_id"]).all()
        places["city_id"] = places["site_id"] if no_names else city_ids(places)
    if "site_id" not in places.columns:
        places["site_id"] = places["city_id"]
    moving = moving_sites(places)
    if moving:
        raise ValueError(
            f"{path}: site {moving[0]!r} has positions more than 1 km apart ({len(moving)} such sites); "
            "give every place a site_id of its own."
        )
    return attach_places(rows, settle(places, tally), number)


def _assumptions(mapping, panel):
    """Yield notes on what the mapping leaves open."""
    metadata = panel.attrs["airq"]
    assumed = [f"{key} = {metadata[key]}" for key in PANEL_CHOICES if key not in mapping.panel]
    if assumed:
        yield f"assumed, as the mapping has no entry for it: {', '.join(assumed)}"
    given = (*IDENTITY, TARGET, "aqi", *mapping.columns)
    own = [name for name in panel.columns if name in COLUMNS and name not in given]
    if own:
        units = ", ".join(f"{name} [{COLUMNS[name].unit}]" for name in own)
        yield f"assumed to be in the panel's unit: {units}"
