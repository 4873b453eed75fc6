"""Tables of models' fields: Open-Meteo and the published predictions of the reference project."""

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
from airq.messages import near_name
from airq.panel import COLUMNS, TARGET, PanelMetadata
from airq.sources.cleaning import (
    FORMAT_COLUMNS,
    Tally,
    csv_table,
    days,
    file_names,
    finished,
    named,
    numbers,
    one_per_key,
    plausible,
    read_table,
    read_text,
    require_columns,
    with_coordinates,
    with_target,
    with_text,
    with_values,
)
from airq.units import KNOWN_UNITS, convert

#: Open-Meteo's name -> name in the panel, the same name where the vocabulary has none; its unit.
OPEN_METEO_COLUMNS = {
    "temperature_2m_mean": ("temp_air", "°C"),
    "dew_point_2m_mean": ("temp_dew", "°C"),
    "relative_humidity_2m_mean": ("relative_humidity", "%"),
    "surface_pressure_mean": ("pressure", "hPa"),
    "precipitation_sum": ("precipitation", "mm"),
    "boundary_layer_height_mean": ("boundary_layer_height", "m"),
    "elevation": ("elevation", "m"),
    "pm2_5": ("pm25", "µg m⁻³"),
    "aerosol_optical_depth": ("aod055", "1"),
    "weather_code": ("weather_code", "WMO code"),
    "temperature_2m_max": ("temperature_2m_max", "°C"),
    "temperature_2m_min": ("temperature_2m_min", "°C"),
    "apparent_temperature_max": ("apparent_temperature_max", "°C"),
    "apparent_temperature_min": ("apparent_temperature_min", "°C"),
    "apparent_temperature_mean": ("apparent_temperature_mean", "°C"),
    "daylight_duration": ("daylight_duration", "s"),
    "sunshine_duration": ("sunshine_duration", "s"),
    "rain_sum": ("rain_sum", "mm"),
    "snowfall_sum": ("snowfall_sum", "cm"),
    "precipitation_hours": ("precipitation_hours", "h"),
    "wind_speed_10m_max": ("wind_speed_10m_max", "km h⁻¹"),
    "wind_speed_10m_mean": ("wind_speed_10m_mean", "km h⁻¹"),
    "wind_gusts_10m_max": ("wind_gusts_10m_max", "km h⁻¹"),
    "wind_direction_10m_dominant": ("wind_direction_10m_dominant", "°"),
    "shortwave_radiation_sum": ("shortwave_radiation_sum", "MJ m⁻²"),
    "et0_fao_evapotranspiration": ("et0_fao_evapotranspiration", "mm"),
    "pm10": ("pm10", "µg m⁻³"),
    "carbon_monoxide": ("carbon_monoxide", "µg m⁻³"),
    "nitrogen_dioxide": ("nitrogen_dioxide", "µg m⁻³"),
    "sulphur_dioxide": ("sulphur_dioxide", "µg m⁻³"),
    "ozone": ("ozone", "µg m⁻³"),
    "dust": ("dust", "µg m⁻³"),
    "uv_index": ("uv_index", "1"),
    "uv_index_clear_sky": ("uv_index_clear_sky", "1"),
}

_UNIT_IN_NAME = re.compile(r"^(?P<name>.+?) \((?P<unit>[^()]*)\)$")
_TIME_OF_DAY = r"T(?!00:00)\d\d:\d\d"


def read_open_meteo(paths, *, cities=None):
    """Read daily tables of Open-Meteo, as one table with coordinates or as its CSV download.

    Parameters
    ----------
    paths : list of str or Path
        Tables with `date` (or `time`), `latitude` and `longitude`, perhaps `city` and `country`.
        Units in brackets behind a name, as the download has them, are followed.
    cities : DataFrame, optional
        Cities to name places and countries after; the bundled African ones by default.

    Returns
    -------
    Reading
        PM2.5 is the field of a model (CAMS). Gases are concentrations near the ground [µg m⁻³], so
        they keep their own names: the panel's `no2`, `co` … are columns [mol m⁻²]. `wind_u` and
        `wind_v` come from the mean speed and the dominant direction where both are there; the day's
        highest speed says nothing about the mean and keeps its name.
    """
    tally = Tally()
    tables = [_open_meteo_rows(path, tally) for path in paths]
    bases = {basis for _, _, basis in tables}
    if len(bases) > 1:
        raise ValueError(
            f"{named(paths)}: some files have days in UTC and some local ones; ingest them apart."
        )
    rows = pd.concat([table for table, _, _ in tables], ignore_index=True)
    units = {name: unit for _, own, _ in tables for name, unit in own.items()}
    rows = with_coordinates(rows, tally, path=named(paths))
    if TARGET in rows.columns:
        rows = with_target(rows, tally)
    rows = plausible(_with_wind(rows, tally), tally, path=named(paths))
    rows = _with_cities(rows, tally, cities, path=named(paths))
    rows = one_per_key(with_values(rows, tally), tally)
    metadata = PanelMetadata(
        units=units,
        day_basis=bases.pop(),
        pm25_origin="model",
        sources=[f"Open-Meteo, fields of weather and air-quality models ({file_names(paths)})"],
    )
    return finished(rows, metadata, tally, path=named(paths))


def read_reference(paths, *, cities=None):
    """Read the predictions that the reference project published, in US AQI points of 2012.

    Parameters
    ----------
    paths : list of str or Path
        Tables with `City, Date, Lat, Long, Predicted_PM25`.
    cities : DataFrame, optional
        Cities to tell countries by; the bundled African ones by default.

    Returns
    -------
    Reading
        `aqi` holds the points and `pm25` is empty.

    References
    ----------
    .. [1] J. Whitaker, air_quality_prediction, 2020,
       https://github.com/johnowhitaker/air_quality_prediction (CC0).
    """
    tally = Tally()
    rows = pd.concat([_reference_rows(path, tally) for path in paths], ignore_index=True)
    rows = with_coordinates(rows, tally, path=named(paths))
    rows = tally.drop(rows, rows["aqi"].isna(), "missing AQI")
    rows = tally.drop(rows, rows["aqi"] < 0, "negative AQI")
    rows = plausible(rows, tally, path=named(paths)).assign(**{TARGET: np.nan})
    rows = one_per_key(_with_cities(rows, tally, cities, path=named(paths)), tally)
    tally.notes.append("values are US AQI points (2012 table) that a model predicted, not concentrations")
    metadata = PanelMetadata(
        units={"aqi": "aqi-us-2012", "pop_density2010_5000_max": "people km⁻²"},
        pm25_origin="model",
        statistic="median",
        sources=[f"Published predictions of johnowhitaker/air_quality_prediction ({file_names(paths)})"],
    )
    return finished(rows, metadata, tally, path=named(paths))


def _open_meteo_rows(path, tally):
    """Rows with the panel's names, units by column, and the day basis."""
    table, basis = _open_meteo_table(Path(path))
    tally.read += len(table)
    table = table.rename(columns={"time": "date"})
    written = {name: _UNIT_IN_NAME.match(str(name)) for name in table.columns}
    units = {match["name"]: match["unit"] for match in written.values() if match}
    table = table.rename(columns={name: match["name"] for name, match in written.items() if match})
    require_columns(table, ("date", "latitude", "longitude"), path, format="open-meteo")
    known = [name for name in table.columns if name in OPEN_METEO_COLUMNS and name != "elevation"]
    if not known:
        near = near_name(str(table.columns[-1]), OPEN_METEO_COLUMNS)
        raise ValueError(f"{path} has no daily column of Open-Meteo, such as temperature_2m_mean.{near}")
    if table["date"].astype("str").str.contains(_TIME_OF_DAY).any():
        raise ValueError(
            f"{path} holds hourly values; ask Open-Meteo for daily ones, or average them by day."
        )
    table, units = _in_panel_units(table.drop(columns=["Unnamed: 0"], errors="ignore"), units, path)
    return days(table["date"], tally, table, column="date", path=path), units, basis


def _open_meteo_table(path):
    if path.suffix == ".parquet":
        return read_table(path), "utc"
    if not path.exists() or not _is_download(path):
        return read_table(path, text=("city", "country")), "utc"
    head, _, body = read_text(path).replace("\r\n", "\n").strip().partition("\n\n")
    places = csv_table(head, path)
    table = csv_table(body.strip(), path)
    require_columns(places, ("latitude", "longitude", "utc_offset_seconds"), path, format="open-meteo")
    columns = ["latitude", "longitude", *(["elevation"] if "elevation" in places.columns else [])]
    if "location_id" in table.columns:
        table = table.merge(places[["location_id", *columns]], on="location_id").drop(columns="location_id")
    else:
        table = table.assign(**places.loc[0, columns].to_dict())
    return table, "utc" if (places["utc_offset_seconds"] == 0).all() else "local"


def _is_download(path):
    """Whether a CSV begins with Open-Meteo's block about the places."""
    if path.is_dir() or path.stat().st_size == 0:
        return False
    text = read_text(path).lstrip()
    return text.startswith(("latitude,longitude,", "location_id,latitude,")) and "\n\n" in text.replace(
        "\r", ""
    )


def _in_panel_units(table, written, path):
    """The table with the panel's names, in the units of the list above; the unit of each number."""
    columns, units, names = {}, {}, {}
    for name in table.columns:
        names[name], unit = OPEN_METEO_COLUMNS.get(name, (name, written.get(name, "unknown")))
        if names[name] not in COLUMNS:
            units[names[name]] = unit
        if name in OPEN_METEO_COLUMNS and name in written and unit in KNOWN_UNITS:
            try:
                columns[name] = convert(numbers(table[name])[0], written[name], unit)
            except ValueError as error:
                raise ValueError(f"{path}: column {name!r}: {error}") from None
    return table.assign(**columns).rename(columns=names), units


def _with_wind(rows, tally):
    """Rows with wind components where the mean speed and the direction it comes from are there."""
    if "wind_direction_10m_dominant" not in rows.columns:
        return rows
    if "wind_speed_10m_mean" not in rows.columns:
        tally.notes.append("no wind_u and wind_v: the table has no daily mean of the wind speed")
        return rows
    speed = convert(numbers(rows["wind_speed_10m_mean"])[0], "km/h", "m/s")
    direction = np.radians(numbers(rows["wind_direction_10m_dominant"])[0])
    tally.notes.append("wind_u and wind_v from the mean speed and the dominant direction")
    return rows.assign(wind_u=-speed * np.sin(direction), wind_v=-speed * np.cos(direction))


def _reference_rows(path, tally):
    table = read_table(path, text=("City", "Country"))
    require_columns(table, FORMAT_COLUMNS["reference"], path, format="reference")
    tally.read += len(table)
    names = {"City": "city", "Country": "country", "Lat": "latitude", "Long": "longitude"}
    table = table.rename(columns={**names, "Predicted_PM25": "aqi"})
    aqi, unreadable = numbers(table["aqi"])
    table = table.assign(aqi=tally.empty(aqi, unreadable, "aqi is not a number"))
    return days(table["Date"], tally, table, column="Date", path=path).drop(columns="Date")


def _with_cities(rows, tally, cities, *, path):
    """Rows with the identity of their place: the city that they name, or else a known one nearby."""
    texts = [name for name in ("city", "country") if name in rows.columns]
    rows = with_text(rows, texts, tally)
    if rows.empty:
        return rows
    columns = ["latitude", "longitude", *texts]
    places, number = places_of(rows, columns)
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
