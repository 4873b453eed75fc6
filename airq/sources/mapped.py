"""Read anybody's table as a panel, by a mapping that says what it is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import (
    attach_places,
    city_ids,
    countries_of,
    country_code,
    country_codes,
    moving_sites,
    places_of,
    settle,
)
from airq.features.inputs import CALENDAR, POLLUTANT, named, own_columns
from airq.files.tables import read_file
from airq.messages import near_name
from airq.panel import COLUMNS, IDENTITY, KEYS, TARGET
from airq.sources import cleaning, days
from airq.sources.cells import own_values, wind_components, without_fill_values
from airq.sources.cleaning import Tally, numbers
from airq.sources.mapping import PANEL_CHOICES, TEXT, read_mapping
from airq.sources.mixtures import may_be_code, refuse_mixtures, unchosen
from airq.sources.stations import (
    completed,
    identifiers,
    read_stations,
    site_source,
    with_positions,
    with_stations,
)
from airq.units import convert, is_aqi

_COUNTER = re.compile(
    r"^(no|nr|n°|num|number|#|id|idx|index|row.*|record.*|objectid|fid|serial|seq)\.?$", re.I
)
#: Fewest rows in which a rise by one from row to row tells a counter that is not called one.
FEWEST_COUNTED = 20
_HOUR = re.compile(
    r"^((start|end|begin|local|utc|lst)[ _.]?)?(hour|hr|hh|time)([ _.]?(of.?day|local|utc|lst))?$",
    re.IGNORECASE,
)
#: Columns of the panel that say where and when a row is.
NAMING = (*TEXT, "date", "latitude", "longitude")
_DURATION = re.compile(r"duration|averag|interval|resolution|agg.?type", re.IGNORECASE)


def read_mapped(paths, *, mapping, cities=None, stations=None, min_hours=days.MIN_HOURS):
    """Read tables by a mapping.

    Rows that stand for less than a day become days, see :func:`airq.sources.days.to_days`. Columns of the
    vocabulary come in the panel's units; an index that stood for PM2.5 is inverted by its table and stays
    beside it as `aqi`.

    Parameters
    ----------
    paths : list of paths, or DataFrame
    mapping : path or dict
        See :func:`airq.sources.mapping.read_mapping`.
    cities : DataFrame, optional
        City table: the position of cities whose coordinates no column holds, and countries.
    stations : path or DataFrame, optional
        Table of stations, with positions, names and whatever else of the mapping the table lacks.
    min_hours : int
        Fewest hours of a daily value.
    """
    rules, tally = read_mapping(mapping, stations=stations is not None), Tally()
    files, tables = cleaning.name_of(paths), _tables(paths, rules, tally)
    tally.notes.extend(rules.notes)
    if stations is not None:
        stations = read_stations(stations)
        rules = completed(rules, stations[0])
    tables = [_rows(table, rules, tally, path, stations) for path, table in tables]
    rows = pd.concat([rows for rows, _ in tables], ignore_index=True)
    codes = pd.concat([codes for _, codes in tables], ignore_index=True)
    if rows.empty:
        missed = next((f" {note}." for note in tally.notes if "no row has" in note), "")
        return cleaning.to_panel(rows, tally, paths, "Tables read by a mapping", hint=missed)
    if "latitude" not in rows.columns:
        rows = with_positions(rows, cities, tally)
    rows = cleaning.with_coordinates(rows, tally, path=files)
    rows = _with_target(rows, rules, tally, files)
    rows = cleaning.without_implausible(rows, tally, path=files)
    rows = _with_identity(rows, tally, cities, path=files)
    filled = rows.index if TARGET not in rows.columns else rows.index[rows[TARGET].notna()]
    if rules.over != "*":
        tally.notes.extend(unchosen(codes.loc[filled], rules))
        if rules.several in ("mean", "median"):
            refuse_mixtures(rows.loc[filled], codes.loc[filled], rules, files)
    rows = _days(rows, rules, tally, min_hours, files) if len(rows) else rows.assign(date=pd.NaT)
    rows = cleaning.with_values(rows, tally)
    rows = cleaning.one_per_key(rows, tally, several=rules.several)
    units = [rules.columns[name].unit for name in (TARGET, "aqi") if name in rules.columns]
    index = next((unit for unit in units if is_aqi(unit)), None)
    metadata = {"pm25_origin": "index", "units": {"aqi": index}} if index else {}
    metadata["kept"] = () if rules.keep == "*" else rules.keep
    metadata["like"] = [
        column for name in (TARGET, "aqi") if name in rules.columns for column in rules.columns[name].columns
    ]
    source = "Tables read by a mapping"
    hint = ' If rows stand for days, say interval = "day" in [panel]; else see --min-hours.'
    hint = hint if any("hours" in reason for reason in tally.dropped) else ""
    reading = cleaning.to_panel(rows, tally, paths, source, hint=hint, **{**metadata, **rules.panel})
    tally.notes[:] = dict.fromkeys(tally.notes)
    tally.notes.extend(_assumptions(rules, reading.panel))
    return reading


def _tables(paths, rules, tally):
    """Yield each table and what messages call it."""
    if isinstance(paths, pd.DataFrame):
        if paths.empty:
            raise ValueError(f"{cleaning.name_of(paths)} has no rows.")
        yield cleaning.name_of(paths), paths.reset_index(drop=set(paths.index.names) == {None})
        return
    text = [column for name in TEXT if name in rules.columns for column in rules.columns[name].columns]
    needed = [column for source in rules.columns.values() for column in source.columns]
    for path in paths:
        options = {"needed": needed, "notes": tally.notes, **rules.layout}
        yield path, read_file(path, text=[*text, *TEXT, *rules.where], **options)


def _rows(table, rules, tally, path, stations):
    """Return the rows of one table under the panel's names, and the columns that say what each is.

    The rows have `begin` and `hourly` in place of a date, PM2.5 and texts as they are written, and the
    panel's units.
    """
    tally.read += len(table)
    table = _chosen(table, rules.where, tally, path)
    if table.empty:
        return pd.DataFrame(), pd.DataFrame()
    if stations is not None:
        site, source = site_source(rules)
        named = bool(source.columns) and source.pattern is None
        ids = None if named else _values(table, site, source, tally, path)
        table = with_stations(table, stations, rules, tally, path, ids)
    used = [column for source in rules.columns.values() for column in source.columns]
    listed = [column for names in (rules.over, rules.keep) if names != "*" for column in names]
    for column in [*used, *listed]:
        if column not in table.columns:
            near = near_name(column, table.columns)
            raise ValueError(f"{path} has no column {column!r}, which the mapping names.{near}")
    clock = _hour_column(table, rules, used, tally)
    used += [clock] if clock else []
    where = {column for name in NAMING if name in rules.columns for column in rules.columns[name].columns}
    read = used + ([*table.columns] if rules.keep == "*" else rules.keep)
    read = [name for name in table.columns if name in read and name not in (*where, clock)]
    table = _without_missing(table, rules.missing, tally, read)
    kept = _kept_columns(table, rules, used, tally, path)
    columns = {
        name: _values(table, name, rules.columns[name], tally, path)
        for name in rules.columns
        if name not in ("date", "wind")
    }
    if "wind" in rules.columns:
        columns |= wind_components(table, rules.columns["wind"], tally)
    columns |= {name: own_values(table[name], name, tally) for name in kept}
    rows = pd.DataFrame(columns, index=table.index)
    rows = _with_times(rows, table, rules, clock, tally, path)
    unmapped = [name for name in table.columns if name not in used]
    return rows, table.loc[rows.index, [name for name in unmapped if may_be_code(table[name], name)]]


def _same(values, chosen):
    """Mark the cells that hold one of some values; numbers are compared as numbers, texts without case."""
    numeric = pd.to_numeric(pd.Series(chosen, dtype=object), errors="coerce").dropna()
    if pd.api.types.is_numeric_dtype(values):
        return values.isin(numeric.astype("float64"))
    distinct = pd.Series(values.unique())
    texts = (
        distinct.astype("str").str.strip().str.casefold().isin([str(value).casefold() for value in chosen])
    )
    same = texts | pd.to_numeric(distinct, errors="coerce").isin(numeric.astype("float64"))
    return values.isin(distinct[same])


def _chosen(table, where, tally, path):
    """Drop the rows that `where` does not choose."""
    for name, chosen in where.items():
        if name not in table.columns:
            raise ValueError(
                f"{path} has no column {name!r}, which `where` names.{near_name(name, table.columns)}"
            )
        if isinstance(chosen, dict):
            enough = numbers(table[name])[0] >= chosen["min"]
            table = tally.drop(table, ~enough, f"with {name} below {chosen['min']:g}")
            continue
        right = _same(table[name], chosen)
        if not right.any() and len(table):
            there = ", ".join(map(str, table[name].dropna().unique()[:6]))
            tally.notes.append(f"{path}: no row has {name} = {' or '.join(map(str, chosen))}; it has {there}")
        table = tally.drop(table, ~right, f"of another {name}")
    return table


def _without_missing(table, missing, tally, names):
    """Empty the cells of some columns that hold a value that stands for none."""
    columns = {}
    for name in names if missing else []:
        wrong = _same(table[name], missing) & table[name].notna()
        if wrong.any():
            columns[name] = tally.empty(table[name], wrong, f"{name} marked as missing")
    return table.assign(**columns)


def _hour_column(table, rules, used, tally):
    """Return the column with the hour of a date that has none, or None."""
    source = rules.columns["date"]
    if source.format or len(source.columns) not in (1, 3):
        return None
    names = [name for name in table.columns if _HOUR.search(str(name)) and name not in used]
    if len(names) != 1 or table[names[0]].isna().all():
        return None
    text = table[names[0]].dropna().astype("str").str.strip().str.removesuffix(".0")
    hours = text.str.fullmatch(r"([01]?\d|2[0-4])(:[0-5]\d(:[0-5]\d)?)?|([01]?\d|2[0-4])00")
    if not hours.all() or text.nunique() < 2:
        return None
    if len(source.columns) == 1 and days.read_times(table[source.columns[0]]).timed.any():
        return None
    tally.notes.append(f"the hour of a row is in column {names[0]!r}")
    return names[0]


def _kept_columns(table, mapping, used, tally, path):
    """List the columns that stay under their own names; a note names the others."""
    unused = [name for name in table.columns if name not in (*used, *mapping.where)]
    kept = unused if mapping.keep == "*" else [name for name in mapping.keep if name not in used]
    index = any(
        is_aqi(mapping.columns[name].unit or "1") for name in (TARGET, "aqi") if name in mapping.columns
    )
    reasons = {
        name: "an index of another pollutant"
        if index and POLLUTANT.search(str(name))
        else _no_input(table[name], name)
        for name in kept
        if mapping.keep == "*"
    }
    reasons = {name: reason for name, reason in reasons.items() if reason}
    kept = [name for name in kept if name not in reasons]
    left_out = [str(name) for name in unused if name not in kept and name not in reasons]
    if reasons:
        tally.notes.append(f"left out: {named(reasons)}")
    if left_out:
        hint = '; to keep them all, write keep = "*" above the first [section] of the mapping'
        tally.notes.append(f"columns left out: {', '.join(left_out)}{hint if mapping.keep else ''}")
    for name in kept:
        if name in mapping.columns:
            raise ValueError(
                f"{path}: the mapping fills {name!r} from another column, and the table has a column of that "
                "name; leave it out with a list in `keep`."
            )
        if name in (TARGET, "aqi", "date"):
            raise ValueError(
                f"{path}: the table has a column {name!r} that [columns] does not map; map it, with its unit "
                "if it has one, or leave it out with a list in `keep`."
            )
    return kept


def _no_input(values, name):
    """Return why a column of the table only counts its rows or is a part of their date, or None."""
    row = "a number of the row"
    if str(name).startswith("Unnamed:") or str(name) in ("system:index", ".geo"):
        return row
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        return "a time"
    if not pd.api.types.is_numeric_dtype(values) or len(values) < 3 or values.isna().any():
        return None
    numbers = values.to_numpy(dtype="float64")
    if re.search(CALENDAR, str(name), re.IGNORECASE) and (numbers % 1 == 0).all():
        return "a part of the date"
    in_order = len(numbers) >= FEWEST_COUNTED and (np.diff(numbers) > 0).all()
    counts = bool(in_order or _COUNTER.search(str(name)))
    return row if counts and (np.diff(np.sort(numbers)) == 1).all() else None


def _values(table, name, source, tally, path):
    """Return one column of the panel in its unit; text and PM2.5 as they are written."""
    if source.pattern is not None:
        cells = table[source.columns[0]].astype("str")
        found = cells.str.extract(source.pattern, expand=False)
        return found if name in TEXT else tally.numbers(found, name)
    if source.file is not None:
        found = re.search(source.file, Path(str(path)).name, re.IGNORECASE)
        if found is None:
            raise ValueError(f"{path}: the file's name does not tell the {name}, as {source.file!r} asks.")
        return pd.Series(re.sub(r"[-_]+", " ", found[1]).strip().title(), index=table.index)
    if len(source.columns) > 1:
        return identifiers(table[list(source.columns)])
    column = source.columns[0] if source.columns else name
    values = table[column] if source.columns else pd.Series(source.value, index=table.index)
    if name in TEXT:
        return identifiers(table[[column]]) if source.columns else values
    if name == TARGET:
        return values
    numeric, unreadable = numbers(values)
    _refuse_decimal_commas(values[unreadable], column, path)
    if name not in ("latitude", "longitude"):
        numeric = tally.empty(numeric, unreadable, f"{name} is not a number")
        numeric = without_fill_values(numeric, name, tally)
    if name not in COLUMNS or name == "aqi" or source.unit in (None, COLUMNS[name].unit):
        return numeric
    return pd.Series(convert(numeric, source.unit, COLUMNS[name].unit), index=numeric.index)


def _refuse_decimal_commas(unreadable, column, path):
    if unreadable.astype("str").str.fullmatch(r"\s*-?\d+,\d+\s*").any():
        raise ValueError(
            f"{path}: column {column!r} has {unreadable.iloc[0]!r}; write numbers with a decimal point, or "
            'say decimal = "," in the mapping.'
        )


def _with_times(rows, table, rules, clock, tally, path):
    """Add when each row begins, and whether rows stand for less than a day; drop those without a time."""
    source = rules.columns["date"]
    names = [*source.columns, *([clock] if clock else [])]
    values = table[names[0]] if len(names) == 1 else days.joined(table[names])
    if source.pattern is not None:
        values = values.astype("str").str.extract(source.pattern, expand=False)
    times = days.read_times(values, source.format)
    wrong = days.check_times(times, values, column="+".join(names), path=path, form=source.format)
    longitude = rows.get("longitude", pd.Series(np.nan, rows.index))
    options = {"clock": rules.times.get("times"), "zone": rules.zone, "path": path, "column": names[0]}
    basis = rules.panel.get("day_basis")
    begin, offset = days.wall_times(times, basis=basis, longitude=numbers(longitude)[0], **options)
    hourly = _hourly(rows, table, rules, times, begin, tally)
    # A daily value without a time of day, or at a local midnight, is of the day that is written.
    midnight = times.wall == times.wall.dt.normalize()
    begin = begin.mask(~hourly & (~times.timed | (midnight & (basis == "local"))), times.wall)
    if rules.times.get("marks") == "end":
        # What a time ends lies before it: midnight ends a day.
        begin = begin.mask(hourly, begin - pd.Timedelta(seconds=1))
    wrong["ambiguous hour"] = begin.isna() & times.wall.notna()
    return tally.drop_each(rows.assign(begin=begin, offset=offset, hourly=hourly), wrong)


def _hourly(rows, table, rules, times, begin, tally):
    """Tell which rows stand for less than a day: by the mapping, a column of durations, or their times."""
    if "interval" in rules.times:
        return pd.Series(rules.times["interval"] == "hour", index=rows.index)
    by_times = days.stands_for_hours(times) and days.stands_for_hours(times._replace(wall=begin))
    several = pd.DataFrame({name: rows[name] for name in TEXT if name in rows.columns})
    several = several.assign(day=begin.dt.normalize())[begin.notna()]
    if by_times and TARGET not in rules.columns and len(several) > 1 and not several.duplicated().any():
        by_times = False
        tally.notes.append("no site has two rows a day, so rows are taken for days, whatever their times")
    hourly = _told_hourly(table).fillna(by_times).astype(bool)
    clocks = times.wall[times.timed].dropna().dt.strftime("%H:%M")
    if len(clocks) and clocks.nunique() == 1 and clocks.iloc[0] != "00:00" and not hourly.any():
        tally.notes.append(
            f"every time is {clocks.iloc[0]}, so rows are taken for days; if they are single readings, say "
            'interval = "hour" in [panel]'
        )
    return hourly


def _told_hourly(table):
    """Tell by a column of durations whether rows stand for less than a day; missing where none tells it."""
    told = pd.Series(pd.NA, index=table.index, dtype="boolean")
    for name in table.columns:
        if _DURATION.search(str(name)) and not pd.api.types.is_numeric_dtype(table[name]):
            words = table[name].astype("str").str.strip().str.lower()
            told = told.mask(
                words.str.fullmatch(r"(1|one|60)?[ -]*(h|hr|hour|hourly|min|minutes?)(s|\.)?"), True
            )
            told = told.mask(words.str.fullmatch(r"(1|one)?[ -]*da(y|ily)|24[ -]*(h|hr|hour)s?.*"), False)
    return told


def _with_target(rows, mapping, tally, path):
    """Convert PM2.5 to the panel's unit; keep the index beside it if it was one."""
    if TARGET not in rows.columns:
        return rows
    unit = mapping.columns[TARGET].unit
    values, unreadable = numbers(rows[TARGET])
    _refuse_decimal_commas(rows.loc[unreadable, TARGET], TARGET, path)
    rows = tally.drop(rows.assign(**{TARGET: values}), unreadable, "PM2.5 is not a number")
    if is_aqi(unit):
        values = rows[TARGET]
        reasons = {"negative AQI": values < 0, "AQI at the ceiling of 999": values >= 999}
        rows = tally.drop_each(rows, reasons)
        rows = rows.assign(aqi=rows[TARGET])
        above = int((rows["aqi"] > 500).sum())
        if above:
            tally.notes.append(f"{above:,} values of the index lie above 500, where its table ends")
    rows = rows.assign(**{TARGET: convert(rows[TARGET], unit, COLUMNS[TARGET].unit)})
    return cleaning.with_target(rows, tally)


def _with_identity(rows, tally, cities, *, path):
    """Complete the columns of identity from those that the table has."""
    rows = cleaning.with_text(rows, [name for name in TEXT if name in rows.columns], tally)
    if rows.empty:
        return rows
    if "city" not in rows.columns:
        rows = rows.assign(city=rows["site_id"])
    if "country" in rows.columns:
        rows = _with_country(rows, tally, path=path)
    known = [name for name in (*TEXT, "latitude", "longitude") if name in rows.columns]
    places, number = places_of(rows, known)
    if "country" not in places.columns:
        places["country"] = countries_of(places, cities, path=path)
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


def _with_country(rows, tally, *, path):
    """Turn countries into their codes; drop rows of unknown ones, unless all are unknown."""
    names = rows["country"].unique()
    codes = dict(zip(names, country_codes(names), strict=True))
    unknown = next((name for name in names if not codes[name]), None)
    if unknown is not None:
        try:
            country_code(unknown)
        except ValueError as error:
            if not any(codes.values()):
                raise ValueError(f"{path}: {error}") from None
            tally.notes.append(str(error))
    rows = rows.assign(country=rows["country"].map(codes))
    return tally.drop(rows, rows["country"] == "", "of an unknown country")


def _days(rows, rules, tally, min_hours, path):
    """Return rows of days; readings are aggregated, and rows that stand for days stay."""
    hourly = rows.pop("hourly").to_numpy(dtype=bool)
    whole = rows[~hourly].assign(date=rows.loc[~hourly, "begin"].dt.normalize())
    whole = whole.drop(columns=["begin", "offset"])
    most = int(whole.groupby(KEYS).size().max()) if len(whole) else 0
    if most > 3:
        tally.notes.append(
            f"up to {most:,} rows stand for one site and day and go into one value; if they are hours, say "
            'where the hour is: date = { from = ["day", "hour"] }'
        )
    if not hourly.any():
        return whole
    moment = ["site_id", "begin", "offset"]
    readings = _once(rows[hourly], moment, tally)
    readings = cleaning.one_per_key(readings, tally, several=rules.several, keys=moment)
    made = days.to_days(readings, tally, min_hours=min_hours)
    both = made.merge(whole[KEYS].drop_duplicates(), on=KEYS)
    if len(both):
        first = both.iloc[0]
        raise ValueError(
            f"{path}: site {first['site_id']} has both a daily value and hourly ones on "
            f"{first['date']:%Y-%m-%d}; ingest the files apart, choose rows with `where`, or say what all of "
            'them are: interval = "hour" in [panel].'
        )
    return pd.concat([whole, made], ignore_index=True) if len(whole) else made


def _once(rows, moment, tally):
    """Drop readings that repeat another in all they say, such as those of files that overlap."""
    repeated = rows.duplicated(moment, keep=False)
    again = pd.Series(False, index=rows.index)
    again[repeated] = rows[repeated].duplicated()
    return tally.drop(rows, again, "repeated")


def _assumptions(mapping, panel):
    """Yield notes on what the mapping leaves open."""
    metadata = panel.attrs["airq"]
    assumed = [f"{key} = {metadata[key]}" for key in PANEL_CHOICES if key not in mapping.panel]
    if "n_hours" in panel.columns and "marks" not in mapping.times:
        assumed.append("marks = begin")
    if "n_hours" in panel.columns and "times" not in mapping.times:
        assumed.append(f"times = {metadata['day_basis']}, unless a zone stands behind them")
    if assumed:
        yield f"assumed, as the mapping has no entry for it: {', '.join(assumed)}"
    given = [*IDENTITY, TARGET, "aqi", "n_hours", *mapping.columns]
    given += ["wind_u", "wind_v"] if "wind" in mapping.columns else []
    own = [name for name in panel.columns if name in COLUMNS and name not in given]
    if own:
        units = ", ".join(f"{name} [{COLUMNS[name].unit}]" for name in own)
        yield f"assumed to be in the panel's unit: {units}"
    text = [
        str(name)
        for name in panel.columns
        if name not in IDENTITY and not pd.api.types.is_numeric_dtype(panel[name])
    ]
    if text:
        yield f"texts, so no inputs: {', '.join(text)}"
    gases = [str(name) for name in own_columns(panel) if POLLUTANT.search(str(name))]
    if gases and metadata["pm25_origin"] == "sensor" and TARGET in panel.columns:
        yield (
            f"{', '.join(gases)}: if the monitor of PM2.5 reads them, too, no place without one has them; "
            "leave them out with a list in `keep`"
        )
