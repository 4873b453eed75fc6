"""Anybody's table: a small TOML file says which column is what, in which unit."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass

import pandas as pd

from airq.cities import country_code
from airq.panel import (
    COLUMNS,
    DAY_BASES,
    IDENTITY,
    ORIGINS,
    STATISTICS,
    TARGET,
    PanelMetadata,
    near_name,
)
from airq.sources.cleaning import (
    SEVERAL,
    Tally,
    days,
    file_names,
    finished,
    named,
    numbers,
    one_per_key,
    plausible,
    with_coordinates,
    with_target,
    with_values,
)
from airq.sources.places import city_ids, countries_of, moving_sites, places_of, settled, spread
from airq.sources.reading import read_table, read_text
from airq.units import convert, is_aqi, unit_name

TEXT = ("site_id", "city_id", "city", "country")
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
        Columns that stay under their own names.
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

        keep = "*"                       # or a list of columns; "*" keeps all under their own names
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
        If it is not TOML, has a key, column, choice or unit that is not known, lacks a column that
        every panel needs, or names no unit for PM2.5.
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
    if not facts.get("columns"):
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


def read_mapped(paths, *, mapping, cities=None):
    """Read tables as a mapping file says.

    Parameters
    ----------
    paths : list of str or Path
        CSV or Parquet files of the same columns.
    mapping : str or Path
        The mapping file, see :func:`read_mapping`.
    cities : DataFrame, optional
        Cities to tell countries by, if the table does not; the bundled African ones by default.

    Returns
    -------
    Reading
        Columns of the vocabulary in the panel's units; an index that stood for PM2.5 is inverted by
        its table and stays beside it as `aqi`.
    """
    found, tally, files = read_mapping(mapping), Tally(), named(paths)
    _check_origin(found, mapping)
    rows = pd.concat([_mapped_rows(path, found, mapping, tally) for path in paths], ignore_index=True)
    rows = with_coordinates(rows, tally, path=files)
    rows = _with_target(rows, found, tally, files)
    rows = plausible(rows, tally, path=files)
    rows = with_values(_with_identity(rows, tally, cities, path=files), tally)
    rows = one_per_key(rows, tally, several=found.several)
    _note_defaults(found, rows, tally)
    index = _index_unit(found)
    facts = {"pm25_origin": "index", **found.panel} if index else found.panel
    units = {"aqi": index} if index else {}
    metadata = PanelMetadata(
        units=units, sources=[f"Tables read by a mapping ({file_names(paths)})"], **facts
    )
    return finished(rows, metadata, tally, path=files)


def _check_keys(facts, known, where):
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
    columns = entry.get("from", ())
    columns = (columns,) if isinstance(columns, str) else tuple(columns)
    if len(columns) > 1 and name != "date":
        raise ValueError(f"{path}: {name} comes from one column; only a date can have three.")
    return ColumnSource(columns, _checked_unit(name, entry, path), entry.get("value"))


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
    if "unit" not in entry:
        return None
    try:
        unit = unit_name(entry["unit"])
        if name == "aqi" and not is_aqi(unit):
            raise ValueError(f"{unit!r} is not an air-quality index.")
        if name in COLUMNS and name != "aqi" and COLUMNS[name].unit not in ("", "°"):
            convert(1.0, unit, COLUMNS[name].unit)
    except ValueError as error:
        raise ValueError(f"{path}: {name}: {error}") from None
    return unit


def _index_unit(mapping):
    """Unit of the index that the table holds, if it holds one."""
    units = [mapping.columns[name].unit for name in (TARGET, "aqi") if name in mapping.columns]
    return next((unit for unit in units if is_aqi(unit)), None)


def _check_origin(mapping, path):
    target = mapping.columns.get(TARGET)
    origin = mapping.panel.get("pm25_origin", "index")
    if target is not None and is_aqi(target.unit) and origin not in ("index", "model"):
        raise ValueError(
            f"{path}: pm25 is an index ({target.unit}), so pm25_origin must be index or model, not {origin}."
        )


def _mapped_rows(path, mapping, mapping_path, tally):
    sources = mapping.columns
    text = {source.columns[0] for name, source in sources.items() if name in TEXT and source.columns}
    table = read_table(path, text=[*text, *TEXT])
    tally.read += len(table)
    _check_columns(table, mapping, path)
    kept = _kept_columns(table, mapping, path)
    columns = {
        name: _values(table, name, source, tally, path) for name, source in sources.items() if name != "date"
    }
    rows = pd.DataFrame({**columns, **{name: table[name] for name in kept}}, index=table.index)
    date = _written_days(table, sources["date"], mapping.panel.get("day_basis"), path)
    return days(date, tally, rows, column="+".join(sources["date"].columns), path=path)


def _check_columns(table, mapping, path):
    needed = [column for source in mapping.columns.values() for column in source.columns]
    needed += [] if mapping.keep == "*" else mapping.keep
    for column in needed:
        if column not in table.columns:
            raise ValueError(
                f"{path} has no column {column!r}, which the mapping names.{near_name(column, table.columns)}"
            )


def _kept_columns(table, mapping, path):
    used = {column for source in mapping.columns.values() for column in source.columns}
    kept = [name for name in table.columns if name not in used] if mapping.keep == "*" else mapping.keep
    kept = [name for name in kept if name not in used and not str(name).startswith("Unnamed:")]
    for name in kept:
        if name in mapping.columns:
            raise ValueError(
                f"{path}: the mapping fills {name!r} from another column, and the table has a column of that "
                "name; leave it out with a list in `keep`."
            )
        if name in (TARGET, "aqi", "date", "latitude", "longitude"):
            raise ValueError(
                f"{path}: column {name!r} stands in the table but not in [columns]; map it, with its unit if "
                "it has one, or leave it out with a list in `keep`."
            )
    return kept


def _values(table, name, source, tally, path):
    if not source.columns:
        return pd.Series(source.value, index=table.index)
    values = table[source.columns[0]]
    if name in TEXT or name == TARGET:
        return values
    found, unreadable = numbers(values)
    _refuse_decimal_commas(values[unreadable], source.columns[0], path)
    if name not in ("latitude", "longitude"):
        found = tally.empty(found, unreadable, f"{name} is not a number")
    if source.unit is None or name not in COLUMNS or COLUMNS[name].unit == "°" or name == "aqi":
        return found
    return pd.Series(convert(found, source.unit, COLUMNS[name].unit), index=found.index)


def _refuse_decimal_commas(unreadable, column, path):
    if unreadable.astype("str").str.fullmatch(r"\s*-?\d+,\d+\s*").any():
        raise ValueError(
            f"{path}: column {column!r} holds {unreadable.iloc[0]!r}; write numbers with a decimal point."
        )


def _written_days(table, source, basis, path):
    if len(source.columns) == 3:
        parts = [numbers(table[column])[0].astype("Int64").astype("str") for column in source.columns]
        return parts[0] + "-" + parts[1] + "-" + parts[2]
    if len(source.columns) != 1:
        raise ValueError(f"{path}: date comes from one column, or from three: year, month, day.")
    values = table[source.columns[0]]
    zoned = isinstance(values.dtype, pd.DatetimeTZDtype)
    text = values.astype("str").str.strip()
    zone = text.str.extract(r"\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$")[0]
    if not zone.notna().any():
        return values
    times = pd.to_datetime(
        values if zoned else text.where(zone.notna()), utc=True, format="ISO8601", errors="coerce"
    )
    if basis != "local":
        return times.dt.tz_localize(None).where(zone.notna(), pd.NaT)
    if zone.dropna().isin(["Z", "+00:00", "-00:00", "+0000"]).all():
        raise ValueError(
            f'{path}: column {source.columns[0]!r} holds times in UTC, but [panel] says day_basis = "local"; '
            'give local days, or say day_basis = "utc".'
        )
    return text.str.slice(0, 10)


def _with_target(rows, mapping, tally, path):
    """Rows with PM2.5 in the panel's unit, beside the index if it was one."""
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
    return with_target(rows, tally)


def _with_identity(rows, tally, cities, *, path):
    """Rows with all columns of identity, from what the table says."""
    for name in TEXT:
        if name in rows.columns:
            rows = rows.assign(**{name: rows[name].astype("str").str.strip()})
            blank = rows[name].isna() | rows[name].isin(["", "nan", "None", "<NA>"])
            rows = tally.drop(rows, blank, f"missing {name}")
    if rows.empty:
        return rows
    if "city" not in rows.columns:
        rows = rows.assign(city=rows["site_id"])
    places, number = places_of(
        rows, [name for name in (*TEXT, "latitude", "longitude") if name in rows.columns]
    )
    places["country"] = _country_codes(places, cities, path)
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
    return spread(rows, settled(places, tally), number)


def _country_codes(places, cities, path):
    if "country" not in places.columns:
        return countries_of(places, cities, path=path)
    try:
        codes = {country: country_code(country) for country in places["country"].unique()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return places["country"].map(codes)


def _note_defaults(mapping, rows, tally):
    """Say what was taken for granted."""
    unsaid = [key for key in PANEL_CHOICES if key not in mapping.panel]
    if unsaid:
        tally.notes.append(f"the mapping does not say {', '.join(unsaid)}; the panel's defaults stand")
    own = [name for name in rows.columns if name in COLUMNS and name not in (*IDENTITY, *mapping.columns)]
    own = [f"{name} [{COLUMNS[name].unit}]" for name in own if name not in (TARGET, "aqi")]
    if own:
        tally.notes.append(f"taken to be in the panel's unit: {', '.join(own)}")
