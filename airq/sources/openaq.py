"""OpenAQ's measurements: answers of its API (version 3), its archive, its website's exports.

Read offline, from files that somebody has saved.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import at_cities, country_code, moving_sites, position_ids
from airq.files import tables
from airq.messages import near_name
from airq.panel import KEYS, TARGET
from airq.sources import cleaning, days
from airq.sources.cleaning import Tally
from airq.units import PM25_UNIT, convert

#: Our name -> names of the column in OpenAQ's files, without marks and capitals.
COLUMN_NAMES = {
    "value": "value",
    "parameter": "parameter parametername",
    "units": "units unit parameterunits",
    "location_id": "locationid locationsid",
    "city": "location locationname",
    "sensor_id": "sensorid sensorsid",
    "latitude": "lat latitude coordinateslatitude",
    "longitude": "lon longitude coordinateslongitude",
    "country": "countryiso country",
    "from_local": "perioddatetimefromlocal",
    "from_utc": "perioddatetimefromutc",
    "interval": "periodinterval coverageexpectedinterval",
    "interval_value": "averagingperiodvalue",
    "interval_unit": "averagingperiodunit",
    "to_local": "datetime datetimelocal local datelocal",
    "to_utc": "datetimeutc utc dateutc",
    "complete": "coveragepercentcomplete",
}
#: Columns of time by preference -> (day basis, whether it marks the end of a period).
TIME_COLUMNS = {
    "from_local": ("local", False),
    "to_local": ("local", True),
    "from_utc": ("utc", False),
    "to_utc": ("utc", True),
}
LOCATION = ["location_id", "city", "country", "latitude", "longitude"]

_SENSOR_IN_NAME = re.compile(r"sensors?[-_ ]?(\d+)", re.IGNORECASE)


def read_openaq(paths, *, cities=None, min_hours=days.MIN_HOURS, tally=None):
    """Read measurements of OpenAQ as daily means of its locations.

    Takes answers of ``/v3/sensors/{id}/days`` and ``/hours`` (JSON), the archive's ``.csv.gz``, the
    website's CSV export, and what was saved of the API's versions 1 and 2 (JSON and CSV). Hourly values
    become daily means where at least `min_hours` are there, 18 by default. The API's answers name no
    sensor and often no position: save them as ``sensor-<id>….json``, and give an answer of
    ``/v3/locations`` (JSON) among the files.

    The panel has one row per location and day, the mean of its sensors. Days are local where the files
    have local time. A location within 50 km of one of `cities` belongs to it. A `tally` that is given
    tells what became of the rows also where none is left, which is a ValueError.

    References
    ----------
    .. [1] OpenAQ, https://docs.openaq.org/resources/measurements and /using-the-api/dates-datetimes:
       times mark the end of an hour; a day is the mean of the hours marked 01:00 to 00:00, local time.
    """
    tally, files = Tally() if tally is None else tally, cleaning.name_of(paths)
    locations, tables = [], []
    for path in paths:
        content = _read_openaq_file(path)
        if isinstance(content, pd.DataFrame):
            tables.append(_measurements(content, path, tally))
        else:
            locations += content
    if not tables:
        raise ValueError(f"{files}: locations of OpenAQ, but no measurements.")
    tables = [table for table in tables if len(table)]
    if not tables:
        return cleaning.to_panel(pd.DataFrame(), tally, paths, "OpenAQ")
    rows = pd.concat(tables, ignore_index=True)
    bases = rows["basis"].unique()
    if len(bases) > 1:
        raise ValueError(f"{files}: some files have local time and some UTC only; ingest them apart.")
    rows = cleaning.with_coordinates(_with_locations(rows, locations), tally, path=files)
    rows = _daily(cleaning.with_target(rows, tally), tally, min_hours, path=files)
    rows = _with_sites(rows, tally, cities, path=files)
    rows = cleaning.one_per_key(tally.drop(rows, rows[TARGET] == 0, "PM2.5 of zero"), tally)
    return cleaning.to_panel(rows, tally, paths, "OpenAQ", day_basis=bases[0], pm25_origin="sensor")


def _read_openaq_file(path):
    """Return a table of measurements, or a list of locations, whichever the file has."""
    if ".json" not in Path(str(path).lower()).suffixes:
        return tables.read_file(path, text=("location_id", "sensors_id", "country", "country_iso"))
    answers = tables.read_json(path)
    results = []
    for answer in answers if isinstance(answers, list) else [answers]:
        if isinstance(answer, dict):
            results += answer["results"] if isinstance(answer.get("results"), list) else [answer]
    if not results:
        raise ValueError(f"{path} has no results of OpenAQ; was it an error message or an empty page?")
    if all("sensors" in result and "coordinates" in result for result in results):
        return results
    if not all("value" in result and "parameter" in result for result in results):
        raise ValueError(
            f"{path} has neither measurements nor locations of OpenAQ; save the answers of "
            "/v3/sensors/{id}/days and of /v3/locations."
        )
    return pd.json_normalize(results)


def _measurements(table, path, tally):
    """Return the PM2.5 rows of a file under our names, with the wall time at which each period begins."""
    tally.read += len(table)
    table = _renamed(table, path)
    other = ~table["parameter"].astype("str").str.lower().isin(["pm25", "pm2.5"])
    table = tally.drop(table, other, "other parameter")
    if "sensor_id" not in table.columns:
        number = _SENSOR_IN_NAME.search(Path(path).name)
        table = table.assign(sensor_id=number[1] if number else None)
    for name in ("sensor_id", *LOCATION, "complete", "interval"):
        if name not in table.columns:
            table = table.assign(**{name: np.nan if name in ("latitude", "longitude", "complete") else None})
    if table.empty:
        return table
    column = next(name for name in TIME_COLUMNS if name in table.columns and table[name].notna().any())
    basis, ends = TIME_COLUMNS[column]
    if basis == "local" and table[column].astype("str").str.strip().str.endswith("Z").all():
        basis = "utc"
    begin = days.read_times(table[column]).wall
    table = table.drop(columns=list(set(TIME_COLUMNS) & set(table)))
    table = table.assign(begin=begin, basis=basis, ends=ends, interval=_intervals(table))
    table = table.assign(hourly=_stands_for_hours(table))
    table = tally.drop(table, table["begin"].isna(), "missing or impossible date")
    return _in_panel_unit(table, tally, path)


def _stands_for_hours(table):
    """Mark rows that stand for less than a day: by their interval, or else as not all times are midnights."""
    timed = bool((table["begin"].dropna() != table["begin"].dropna().dt.normalize()).any())
    return (table["interval"] < pd.Timedelta(hours=20)).where(table["interval"].notna(), timed)


def _intervals(table):
    """Return how long each row's period lasts; missing where it is not told."""
    length = pd.to_timedelta(table["interval"], errors="coerce")
    if not {"interval_value", "interval_unit"} <= set(table.columns):
        return length
    unit = table["interval_unit"].astype("str").str.lower().str.slice(0, 1)
    hours = cleaning.numbers(table["interval_value"])[0] * unit.map({"h": 1.0, "d": 24.0, "m": 1 / 60})
    return length.fillna(pd.to_timedelta(hours.fillna(0.0), unit="h").where(hours.notna()))


def _renamed(table, path):
    """Return the columns that we know, under our names."""
    ours = {name: our for our, names in COLUMN_NAMES.items() for name in names.split()}
    names = {}
    for column in table.columns:
        name = ours.get(re.sub(r"[^a-z0-9]", "", str(column).lower()))
        if name is not None and name not in names.values():
            names[column] = name
    for needed in ("value", "parameter", "units"):
        if needed not in names.values():
            near = near_name(needed, table.columns)
            raise ValueError(f"{path} has no column {needed!r}, which format openaq needs.{near}")
    if not set(TIME_COLUMNS) & set(names.values()):
        raise ValueError(f"{path} has no column 'datetime', which format openaq needs.")
    table = table[list(names)].rename(columns=names)
    for name in {"sensor_id", "location_id"} & set(table.columns):
        table[name] = table[name].astype("str").str.removesuffix(".0").where(table[name].notna(), None)
    return table


def _in_panel_unit(table, tally, path):
    """Convert values to the panel's unit; drop and count those that are no concentration of mass."""
    values, unreadable = cleaning.numbers(table.pop("value"))
    foreign, refused = pd.Series(False, index=table.index), ""
    for unit in table["units"].astype("str").unique():
        own = table["units"].astype("str") == unit
        try:
            values[own] = convert(values[own], unit, PM25_UNIT)
        except ValueError as error:
            foreign, refused = foreign | own, str(error)
    if len(foreign) and foreign.all():
        raise ValueError(f"{path}: PM2.5 must be in µg/m³. {refused}")
    reasons = {"PM2.5 in another unit": foreign, "PM2.5 is not a number": unreadable}
    return tally.drop_each(table.drop(columns="units").assign(**{TARGET: values}), reasons)


def _with_locations(rows, locations):
    """Fill in what rows lack about their place, from the location of their sensor or of their id."""
    sensors = {}
    for location in locations:
        position = location.get("coordinates") or {}
        own = (
            str(location["id"]),
            location.get("locality") or location.get("name"),
            (location.get("country") or {}).get("code"),
            position.get("latitude"),
            position.get("longitude"),
        )
        sensors |= {str(sensor["id"]): own for sensor in location["sensors"]}
    sensors = pd.DataFrame.from_dict(sensors, orient="index", columns=LOCATION)
    known = sensors.reindex(rows["sensor_id"]).set_axis(rows.index)
    by_location = sensors.drop_duplicates("location_id").set_index("location_id")
    for name in LOCATION:
        rows[name] = rows[name].where(rows[name].notna(), known[name])
    for name in LOCATION[1:]:
        own = rows["location_id"].map(by_location[name])
        rows[name] = rows[name].where(rows[name].notna(), own)
    return rows


def _daily(rows, tally, min_hours, *, path):
    """Return rows of days, from rows of days and of hours."""
    sensor = rows["sensor_id"].fillna(rows["location_id"])
    rows, hourly = rows.assign(sensor=sensor.fillna(position_ids(rows))), rows["hourly"].astype(bool)
    # A time that marks the end of an hour belongs to the hour before it: midnight ends a day.
    ends = pd.to_timedelta((rows["ends"].astype(bool) & hourly).astype(int), unit="s")
    rows = rows.assign(begin=rows["begin"] - ends)
    rows = days.with_days(rows["begin"], tally, rows, column="datetime", path=path)
    whole = rows[~hourly.loc[rows.index]]
    whole = tally.drop(whole, whole["complete"] < 100 * min_hours / 24, f"fewer than {min_hours} hours")
    readings = rows.loc[hourly.loc[rows.index], ["sensor", "begin", *LOCATION, TARGET]]
    if len(readings):
        made = days.to_days(readings.rename(columns={"sensor": "site_id"}), tally, min_hours=min_hours)
        whole = pd.concat([whole, made.drop(columns="site_id")], ignore_index=True)
    return whole


def _with_sites(rows, tally, cities, *, path):
    """Add the identity of each row's location; drop locations that move."""
    if rows.empty:
        return rows
    own = position_ids(rows)
    rows = rows.assign(site_id=("openaq-" + rows["location_id"]).where(rows["location_id"].notna(), own))
    rows = tally.drop(rows, rows["site_id"].isin(moving_sites(rows)), "of a location that moves")
    places = rows[["site_id", "city", "country", "latitude", "longitude"]].drop_duplicates("site_id")
    places["country"] = [country_code(code) if isinstance(code, str) else "" for code in places["country"]]
    places["city"] = places["city"].where(places["city"].notna(), places["site_id"])
    places = at_cities(places.reset_index(drop=True), cities, path=path).set_index("site_id")
    measured = [name for name in (TARGET, "n_hours") if name in rows.columns]
    return rows[[*KEYS, *measured]].join(places.loc[rows["site_id"]].set_axis(rows.index))
