"""Tables of models' fields: Open-Meteo, and the published predictions of the reference project."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import (
    at_cities,
    attach_places,
    city_ids,
    countries_of,
    country_code,
    places_of,
    position_ids,
)
from airq.files import tables
from airq.messages import near_name
from airq.panel import COLUMNS, TARGET
from airq.sources import cleaning, days
from airq.sources.cleaning import Tally
from airq.units import KNOWN_UNITS, convert

#: Open-Meteo's name -> name in the panel, in the panel's unit.
OPEN_METEO_COLUMNS = {
    "temperature_2m_mean": "temp_air",
    "dew_point_2m_mean": "temp_dew",
    "relative_humidity_2m_mean": "relative_humidity",
    "surface_pressure_mean": "pressure",
    "precipitation_sum": "precipitation",
    "boundary_layer_height_mean": "boundary_layer_height",
    "elevation": "elevation",
    "pm2_5": "pm25",
    "aerosol_optical_depth": "aod055",
}
#: Names of hourly values -> names in the panel, in the panel's unit, once they are daily.
HOURLY_COLUMNS = {
    "temperature_2m": "temp_air",
    "dew_point_2m": "temp_dew",
    "relative_humidity_2m": "relative_humidity",
    "surface_pressure": "pressure",
    "precipitation": "precipitation",
    "boundary_layer_height": "boundary_layer_height",
}

#: Open-Meteo's name -> unit; columns that the vocabulary lacks keep their names.
OPEN_METEO_UNITS = {
    name: COLUMNS[column].unit for name, column in (OPEN_METEO_COLUMNS | HOURLY_COLUMNS).items()
} | {
    name: unit
    for unit, names in {
        "°C": "temperature_2m_max temperature_2m_min apparent_temperature_max apparent_temperature_min "
        "apparent_temperature_mean",
        "°": "wind_direction_10m_dominant wind_direction_10m",
        "km h⁻¹": "wind_speed_10m_max wind_speed_10m_mean wind_gusts_10m_max wind_speed_10m wind_gusts_10m",
        "mm": "rain_sum et0_fao_evapotranspiration rain showers",
        "cm": "snowfall_sum snowfall",
        "h": "precipitation_hours",
        "s": "daylight_duration sunshine_duration",
        "MJ m⁻²": "shortwave_radiation_sum",
        "µg m⁻³": "pm10 dust carbon_monoxide nitrogen_dioxide sulphur_dioxide ozone",
        "1": "uv_index uv_index_clear_sky",
        "WMO code": "weather_code",
    }.items()
    for name in names.split()
}

_UNIT_IN_NAME = re.compile(r"^(?P<name>.+?) \((?P<unit>[^()]*)\)$")
#: How hourly columns become daily where their names do not tell it.
HOURLY_AGGREGATION = {
    "showers": "sum",
    "sunshine_duration": "sum",
    "et0_fao_evapotranspiration": "sum",
    "weather_code": "max",
}


def read_open_meteo(paths, *, cities=None, min_hours=days.MIN_HOURS):
    """Read tables of Open-Meteo, daily or hourly, as one table with coordinates or as its CSV download.

    Takes tables with `date` (or `time`), `latitude` and `longitude`, perhaps `city` and `country`, which
    come from `cities` otherwise. Units in brackets behind a name, as the download has them, are followed.

    PM2.5 is the field of a model (CAMS). Gases are concentrations near the ground [µg m⁻³], so they keep
    their own names: the panel's `no2`, `co` … are columns [mol m⁻²]. `wind_u` and `wind_v` come from the
    mean speed and the dominant direction where both are there; the day's highest speed says nothing
    about the mean and keeps its name.
    """
    tally, files = Tally(), cleaning.name_of(paths)
    tables, units, bases = [], {}, set()
    for path in paths:
        table, own_units, basis = _read_open_meteo_file(Path(path), tally, min_hours)
        tables.append(table)
        units |= own_units
        bases.add(basis)
    if len(bases) > 1:
        raise ValueError(f"{files}: some files have days in UTC and some local ones; ingest them apart.")
    rows = cleaning.with_coordinates(pd.concat(tables, ignore_index=True), tally, path=files)
    if TARGET in rows.columns:
        rows = cleaning.with_target(rows, tally)
    rows = cleaning.without_implausible(_with_wind(rows, tally), tally, path=files)
    rows = _with_cities(rows, tally, cities, path=files)
    rows = cleaning.one_per_key(cleaning.with_values(rows, tally), tally)
    source, basis = "Open-Meteo, fields of weather and air-quality models", bases.pop()
    return cleaning.to_panel(rows, tally, paths, source, units=units, day_basis=basis, pm25_origin="model")


def read_reference(paths, *, cities=None):
    """Read the predictions that the reference project published [1]_, in US AQI points of 2012.

    Takes tables with `City, Date, Lat, Long, Predicted_PM25`; countries come from `cities`. The panel has
    the points in `aqi`, and its `pm25` is empty.

    References
    ----------
    .. [1] J. Whitaker, air_quality_prediction, 2020,
       https://github.com/johnowhitaker/air_quality_prediction (CC0).
    """
    tally, files = Tally(), cleaning.name_of(paths)
    rows = pd.concat([_read_reference_file(path, tally) for path in paths], ignore_index=True)
    rows = cleaning.with_coordinates(rows, tally, path=files)
    rows = tally.drop_each(rows, {"missing AQI": rows["aqi"].isna(), "negative AQI": rows["aqi"] < 0})
    rows = cleaning.without_implausible(rows, tally, path=files).assign(**{TARGET: np.nan})
    rows = cleaning.one_per_key(_with_cities(rows, tally, cities, path=files), tally)
    tally.notes.append("values are US AQI points (2012 table) that a model predicted, not concentrations")
    source = "Published predictions of johnowhitaker/air_quality_prediction"
    units = {"aqi": "aqi-us-2012", "pop_density2010_5000_max": "people km⁻²"}
    return cleaning.to_panel(rows, tally, paths, source, units=units, pm25_origin="model", statistic="median")


def _read_open_meteo_file(path, tally, min_hours):
    """Return rows under the panel's names, the units of other columns, and the day basis."""
    table, basis = _read_either_form(path)
    tally.read += len(table)
    table = table.rename(columns={"time": "date"}).drop(columns="Unnamed: 0", errors="ignore")
    written = {name: match for name in table.columns if (match := _UNIT_IN_NAME.match(str(name)))}
    units = {match["name"]: match["unit"] for match in written.values()}
    table = table.rename(columns={name: match["name"] for name, match in written.items()})
    cleaning.require_columns(table, ("date", "latitude", "longitude"), path, format="open-meteo")
    if not set(table.columns) & set(OPEN_METEO_UNITS) - {"elevation"}:
        near = near_name(str(table.columns[-1]), OPEN_METEO_UNITS)
        raise ValueError(f"{path} has no column of Open-Meteo, such as temperature_2m_mean.{near}")
    times = days.read_times(table["date"])
    table, units = _in_panel_units(table, units, path)
    if not days.stands_for_hours(times):
        return days.with_days(table["date"], tally, table, column="date", path=path), units, basis
    wrong = days.check_times(times, table["date"], column="date", path=path)
    table = tally.drop_each(table.assign(begin=times.wall), wrong).drop(columns="date")
    return _daily(table, tally, min_hours), units, basis


def _daily(table, tally, min_hours):
    """Return rows of days from rows of hours, each place by itself."""
    texts = [name for name in ("city", "country") if name in table.columns]
    columns = {}
    for name in table.columns.difference([*texts, "latitude", "longitude", "begin"], sort=False):
        columns[name] = tally.numbers(table[name], name)
    if {"wind_speed_10m", "wind_direction_10m"} <= set(columns):
        speed = convert(columns["wind_speed_10m"], "km/h", "m/s")
        angle = np.radians(columns["wind_direction_10m"])
        columns |= {"wind_u": -speed * np.sin(angle), "wind_v": -speed * np.cos(angle)}
    places, number = places_of(table, ["latitude", "longitude", *texts])
    hourly = pd.DataFrame({**columns, "site_id": number, "begin": table["begin"]}, index=table.index)
    made = days.to_days(hourly, tally, min_hours=min_hours, how=HOURLY_AGGREGATION)
    return made.join(places, on="site_id").drop(columns="site_id")


def _read_either_form(path):
    """Return a table with coordinates, and its day basis.

    A download of Open-Meteo begins with a block about the places, and an empty line ends it.
    """
    if path.suffix.lower() == ".parquet":
        return tables.read_file(path), "utc"
    head, empty_line, body = tables.read_text(path).replace("\r\n", "\n").strip().partition("\n\n")
    if not empty_line or not head.startswith(("latitude,longitude,", "location_id,latitude,")):
        return tables.read_file(path, text=("city", "country")), "utc"
    places, table = tables.parse_csv(head, path), tables.parse_csv(body.strip(), path)
    needed = ("latitude", "longitude", "utc_offset_seconds")
    cleaning.require_columns(places, needed, path, format="open-meteo")
    columns = ["latitude", "longitude", *(["elevation"] if "elevation" in places.columns else [])]
    if "location_id" in table.columns:
        table = table.merge(places[["location_id", *columns]], on="location_id").drop(columns="location_id")
    else:
        table = table.assign(**places.loc[0, columns].to_dict())
    return table, "utc" if (places["utc_offset_seconds"] == 0).all() else "local"


def _in_panel_units(table, written, path):
    """Return the table under the panel's names and in the units above, and the units of other columns."""
    known, columns, units = OPEN_METEO_COLUMNS | HOURLY_COLUMNS, {}, {}
    for name in table.columns:
        unit = OPEN_METEO_UNITS.get(name, written.get(name, "unknown"))
        if known.get(name, name) not in COLUMNS:
            units[name] = unit
        if name in OPEN_METEO_UNITS and name in written and unit in KNOWN_UNITS:
            try:
                columns[name] = convert(cleaning.numbers(table[name])[0], written[name], unit)
            except ValueError as error:
                raise ValueError(f"{path}: column {name!r}: {error}") from None
    return table.assign(**columns).rename(columns=known), units


def _with_wind(rows, tally):
    """Add wind components to rows that have the mean speed and the direction that it comes from."""
    if "wind_direction_10m_dominant" not in rows.columns:
        return rows
    if "wind_speed_10m_mean" not in rows.columns:
        tally.notes.append("no wind_u and wind_v: the table has no daily mean of the wind speed")
        return rows
    speed = convert(cleaning.numbers(rows["wind_speed_10m_mean"])[0], "km/h", "m/s")
    direction = np.radians(cleaning.numbers(rows["wind_direction_10m_dominant"])[0])
    tally.notes.append("wind_u and wind_v from the mean speed and the dominant direction")
    return rows.assign(wind_u=-speed * np.sin(direction), wind_v=-speed * np.cos(direction))


def _read_reference_file(path, tally):
    table = cleaning.read_format(path, "reference", tally, text=("City", "Country"))
    names = {"City": "city", "Country": "country", "Lat": "latitude", "Long": "longitude"}
    table = table.rename(columns={**names, "Predicted_PM25": "aqi"})
    table = table.assign(aqi=tally.numbers(table["aqi"], "aqi"))
    return days.with_days(table["Date"], tally, table, column="Date", path=path).drop(columns="Date")


def _with_cities(rows, tally, cities, *, path):
    """Add the identity of each row's place: the city that it names, or else a known one nearby."""
    texts = [name for name in ("city", "country") if name in rows.columns]
    rows = cleaning.with_text(rows, texts, tally)
    if rows.empty:
        return rows
    places, number = places_of(rows, ["latitude", "longitude", *texts])
    if "country" in places.columns:
        places["country"] = [country_code(country) for country in places["country"]]
    if "city" not in places.columns:
        places["site_id"] = position_ids(places)
        return attach_places(rows, at_cities(places, cities, path=path), number)
    if "country" not in places.columns:
        places["country"] = countries_of(places, cities, path=path)
    places["city_id"] = city_ids(places)
    alone = ~places["city_id"].duplicated(keep=False)
    places["site_id"] = places["city_id"].where(alone, position_ids(places))
    return attach_places(rows, places, number)
