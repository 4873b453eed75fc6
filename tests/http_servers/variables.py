"""Variables of Open-Meteo: units, how finely they are stored, how they are rounded in answers.

Units and digits follow its sources (open-meteo/open-meteo and its SDK); how finely values are stored is
partly belief.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Variable(NamedTuple):
    """A unit, and the step [same unit] that values are stored in; none for what is computed when asked."""

    unit: str
    step: float | None = None


#: GREEK SMALL LETTER MU, as the service writes it; OpenAQ has the MICRO SIGN.
MICROGRAMS = "\u03bcg/m³"

WEATHER = {
    "temperature_2m": Variable("°C", 0.05),
    "relative_humidity_2m": Variable("%"),
    "dew_point_2m": Variable("°C", 0.05),
    "apparent_temperature": Variable("°C"),
    "precipitation": Variable("mm", 0.1),
    "rain": Variable("mm", 0.1),
    "surface_pressure": Variable("hPa"),
    "pressure_msl": Variable("hPa", 0.1),
    "cloud_cover": Variable("%", 1),
    "wind_speed_10m": Variable("m/s"),
    "wind_direction_10m": Variable("°"),
    "wind_gusts_10m": Variable("m/s"),
    "boundary_layer_height": Variable("m", 5),
    "total_column_integrated_water_vapour": Variable("kg/m²", 0.1),
    "vapour_pressure_deficit": Variable("kPa"),
    "shortwave_radiation": Variable("W/m²", 1),
}
#: Old spelling -> new one; the answer keeps the one that was asked.
OLD_NAMES = {
    "relativehumidity_2m": "relative_humidity_2m",
    "dewpoint_2m": "dew_point_2m",
    "cloudcover": "cloud_cover",
    "windspeed_10m": "wind_speed_10m",
    "winddirection_10m": "wind_direction_10m",
    "windgusts_10m": "wind_gusts_10m",
}
#: What ERA5-Land does not have: null, in the unit "undefined".
NOT_ON_LAND = {
    *("boundary_layer_height", "total_column_integrated_water_vapour", "pressure_msl", "surface_pressure"),
    *("cloud_cover", "wind_gusts_10m"),
}
AIR_QUALITY = {
    "pm2_5": Variable(MICROGRAMS, 0.1),
    "pm10": Variable(MICROGRAMS, 0.1),
    "dust": Variable(MICROGRAMS, 1),
    "carbon_monoxide": Variable(MICROGRAMS, 1),
    "nitrogen_dioxide": Variable(MICROGRAMS, 0.1),
    "sulphur_dioxide": Variable(MICROGRAMS, 0.1),
    "ozone": Variable(MICROGRAMS, 1),
    "ammonia": Variable(MICROGRAMS, 0.1),
    "aerosol_optical_depth": Variable("", 0.01),
    "uv_index": Variable("", 0.05),
    "uv_index_clear_sky": Variable("", 0.05),
    "us_aqi": Variable("USAQI"),
    "us_aqi_pm2_5": Variable("USAQI"),
    "european_aqi": Variable("EAQI"),
    "european_aqi_pm2_5": Variable("EAQI"),
}
#: Only the European domain has it, so in Africa it is null.
ONLY_IN_EUROPE = {"ammonia"}

#: Digits after the point by unit.
DIGITS = {
    **dict.fromkeys(["°C", "°F", "km/h", "mp/h", "kn", "hPa", "W/m²", "h", MICROGRAMS], 1),
    **dict.fromkeys(["m/s", "mm", "m", "kPa", "kg/m²", ""], 2),
    **dict.fromkeys(["inch", "ft"], 3),
    **dict.fromkeys(["%", "°", "USAQI", "EAQI", "undefined"], 0),
}
#: (unit, parameter, its value) -> (unit, factor, offset).
CONVERSIONS = {
    ("°C", "temperature_unit", "fahrenheit"): ("°F", 1.8, 32),
    ("m/s", "wind_speed_unit", "kmh"): ("km/h", 3.6, 0),
    ("m/s", "wind_speed_unit", "mph"): ("mp/h", 2.237, 0),
    ("m/s", "wind_speed_unit", "kn"): ("kn", 1.94384, 0),
    ("mm", "precipitation_unit", "inch"): ("inch", 1 / 25.4, 0),
    ("m", "precipitation_unit", "inch"): ("ft", 3.280839895, 0),
}

#: Statistics of the daily names. Others than these are refused.
STATISTICS = ("mean", "max", "min")
DAILY_OF = [
    *("temperature_2m", "apparent_temperature", "dew_point_2m", "relative_humidity_2m", "cloud_cover"),
    *("surface_pressure", "pressure_msl", "wind_speed_10m", "wind_gusts_10m"),
]
#: Daily name -> (hourly name, statistic).
DAILY = {f"{name}_{statistic}": (name, statistic) for name in DAILY_OF for statistic in STATISTICS} | {
    "precipitation_sum": ("precipitation", "sum"),
    "rain_sum": ("rain", "sum"),
    "precipitation_hours": ("precipitation", "hours"),
    "wind_direction_10m_dominant": ("wind_direction_10m", "dominant"),
}


def rounded(name, values, **units):
    """Return values as they stand in an answer, and their unit.

    Parameters
    ----------
    name : str
        Of a variable, old or new.
    values : array-like
        Unrounded, in the unit of its :class:`Variable`. "pm25", which no service has, is rounded like PM2.5.
    units : str
        Parameters of the service: `temperature_unit`, `wind_speed_unit`, `precipitation_unit`.

    Examples
    --------
    >>> rounded("wind_speed_10m", [2.04])
    (array([7.3]), 'km/h')
    >>> rounded("wind_speed_10m", [2.04], wind_speed_unit="ms")
    (array([2.04]), 'm/s')
    """
    name = {"pm25": "pm2_5"}.get(name, OLD_NAMES.get(name, name))
    unit, step = {**WEATHER, **AIR_QUALITY}[name]
    values = np.asarray(values, dtype="float64")
    return convert(values if step is None else np.round(values / step) * step, unit, **units)


def convert(values, unit, **units):
    """Return values in the unit that is asked for, rounded to its digits, and that unit."""
    units = {"wind_speed_unit": "kmh", **units}
    for parameter, choice in units.items():
        target = CONVERSIONS.get((unit, parameter, choice))
        if target is not None:
            unit, factor, offset = target
            values = values * factor + offset
            break
    return np.round(values, DIGITS[unit]), unit
