"""What a request asks of Open-Meteo, or why it is refused.

Reasons are worded as by the service (open-meteo/open-meteo, ForecastapiQuery.swift and others); those that
begin with "Stand-in:" are this server's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from . import zones
from .variables import AIR_QUALITY, DAILY, OLD_NAMES, WEATHER

ARCHIVE_MODELS = ("best_match", "era5", "era5_seamless", "era5_land", "era5_ensemble", "ecmwf_ifs")
FORECAST_MODELS = ("best_match", "icon_seamless", "gfs_seamless", "ecmwf_ifs025")
DOMAINS = ("auto", "cams_global", "cams_europe")
CHOICES = {
    "temperature_unit": ("celsius", "fahrenheit"),
    "wind_speed_unit": ("kmh", "ms", "mph", "kn"),
    "precipitation_unit": ("mm", "inch"),
    "timeformat": ("iso8601", "unixtime"),
    "cell_selection": ("land", "sea", "nearest"),
}
TYPES = {
    "temperature_unit": "TemperatureUnit",
    "wind_speed_unit": "WindspeedUnit",
    "precipitation_unit": "PrecipitationUnit",
    "timeformat": "Timeformat",
    "cell_selection": "GridSelectionMode",
}
NAMES = {
    *("latitude", "longitude", "elevation", "hourly", "daily", "models", "domains", "timezone", "apikey"),
    *("start_date", "end_date", "past_days", "forecast_days", "format", "windspeed_unit"),
    *CHOICES,
}
WEATHER_TYPE = (
    "SurfacePressureAndHeightVariable<VariableAndPreviousDay, VariableOrSpread<ForecastPressureVariable>, "
    "ForecastHeightVariable>"
)
AIR_TYPE = "VariableOrDerived<CamsVariable, CamsVariableDerived>"
#: Days of a forecast by default and at most, and how far ahead an end_date may lie.
FORECAST_DAYS = {"archive": (1, 1, 0), "air-quality": (5, 7, 6), "forecast": (7, 16, 16)}
EARLIEST = {"archive": date(1940, 1, 1), "air-quality": date(2013, 1, 1)}
PAST_DAYS = 92


class Refused(Exception):
    """A request that is answered with an error.

    Attributes
    ----------
    status : int
    reason : str
    """

    def __init__(self, reason, status=400):
        super().__init__(reason)
        self.reason, self.status = reason, status


@dataclass(frozen=True)
class Asked:
    """A request to Open-Meteo, checked.

    Attributes
    ----------
    latitude, longitude : ndarray of shape (n_places,)
        [°]
    elevation : ndarray of shape (n_places,) or None
        NaN: that of the cell. [m]
    zones : list of str
        Time zone of each place.
    first, last : date
        Local days.
    hourly, daily, models : list of str
    units : dict
    unixtime : bool
    """

    service: str
    latitude: np.ndarray
    longitude: np.ndarray
    elevation: np.ndarray | None
    zones: list
    first: date
    last: date
    hourly: list
    daily: list
    models: list
    units: dict
    unixtime: bool

    @property
    def days(self):
        return (self.last - self.first).days + 1

    @property
    def n_variables(self):
        return (len(self.hourly) + len(self.daily)) * len(self.models)


def read(service, query, now, *, places, strict):
    """Return what a query {name: text} asks of a service at a moment (UTC); raise :class:`Refused`."""
    unknown = sorted(set(query) - NAMES)
    if unknown and strict:
        raise Refused(f"Stand-in: unknown parameter '{unknown[0]}' (the service would ignore it)")
    if query.get("format", "json") != "json":
        raise Refused("Stand-in: only format=json")
    query = {"wind_speed_unit": query.get("windspeed_unit", "kmh"), **query}
    for name, choices in CHOICES.items():
        if query.get(name, choices[0]) not in choices:
            raise Refused(_corrupt(TYPES[name], query[name], name))
    latitude, longitude = _numbers(query, "latitude"), _numbers(query, "longitude")
    if len(latitude) != len(longitude):
        raise Refused("Parameter 'latitude' and 'longitude' must have the same number of elements")
    _check_positions(latitude, longitude, places)
    elevation = _numbers(query, "elevation", missing_ok=True)
    if len(elevation) not in (0, len(latitude)):
        raise Refused("Parameter 'elevation' must have the same number of elements as coordinates")
    first, last = _days(service, query, now)
    return Asked(
        service=service,
        latitude=np.array(latitude),
        longitude=np.array(longitude),
        elevation=np.array(elevation) if elevation else None,
        zones=_zones(query, latitude, longitude),
        first=first,
        last=last,
        **_variables(service, query, strict),
        units={name: query[name] for name in CHOICES if name.endswith("_unit") and name in query},
        unixtime=query.get("timeformat") == "unixtime",
    )


def _variables(service, query, strict):
    """Return the hourly and daily names and the models of a query."""
    hourly, daily = _list(query, "hourly"), _list(query, "daily")
    if service == "air-quality":
        if daily and strict:
            raise Refused("Stand-in: the air-quality service has no daily variables (it would ignore them)")
        daily, models, known = [], _list(query, "domains") or _list(query, "models") or ["auto"], DOMAINS
        variables, kind, model_kind = AIR_QUALITY, AIR_TYPE, "Domain"
    else:
        models = _list(query, "models") or ["best_match"]
        known = ARCHIVE_MODELS if service == "archive" else FORECAST_MODELS
        variables, kind, model_kind = WEATHER, WEATHER_TYPE, "MultiDomains"
    for name in hourly:
        if OLD_NAMES.get(name, name) not in variables:
            raise Refused(_corrupt(kind, name))
    for name in daily:
        if name not in DAILY:
            raise Refused(_corrupt("ForecastVariableDaily", name))
    for name in models:
        if name not in known:
            raise Refused(_corrupt(model_kind, name))
    return {"hourly": hourly, "daily": daily, "models": models}


def _corrupt(kind, value, path=""):
    return f"Data corrupted at path '{path}'. Cannot initialize {kind} from invalid String value {value}."


def _list(query, name):
    return [entry for entry in query.get(name, "").split(",") if entry]


def _numbers(query, name, *, missing_ok=False):
    if name not in query:
        if missing_ok:
            return []
        raise Refused(f"Parameter '{name}' is required")
    try:
        return [float(entry) for entry in query[name].split(",")]
    except ValueError:
        raise Refused(_corrupt("Float", query[name], name)) from None


def _check_positions(latitude, longitude, places):
    for values, name, bound in ((latitude, "Latitude", 90), (longitude, "Longitude", 180)):
        for value in values:
            if not abs(value) <= bound or math.isnan(value):
                raise Refused(f"{name} must be in range of -{bound} to {bound}°. Given: {value}.")
    if len(latitude) > places:
        raise Refused(f"Only up to {places} locations can be requested at once")


def _zones(query, latitude, longitude):
    """Return the time zone of each place."""
    names = _list(query, "timezone") or ["GMT"]
    if len(names) not in (1, len(latitude)):
        raise Refused("Parameter 'latitude' and 'longitude' must have the same number of elements")
    names = names * len(latitude) if len(names) == 1 else names
    own = zones.zones_of(latitude, longitude) if "auto" in names else names
    found = [here if name == "auto" else name for name, here in zip(names, own, strict=True)]
    for name in set(found):
        try:
            zones.offset_of(name, datetime(2020, 1, 1))
        except KeyError:
            raise Refused("Invalid timezone") from None
    return found


def _days(service, query, now):
    """Return the first and the last local day of a query."""
    default, most, ahead = FORECAST_DAYS[service]
    today = now.date()
    if "start_date" in query or "end_date" in query:
        if not ("start_date" in query and "end_date" in query):
            raise Refused("Both 'start_date' and 'end_date' must be set in the url")
        for name in ("past_days", "forecast_days"):
            if query.get(name, "0") != "0":
                raise Refused(f"Parameter '{name}' is mutually exclusive with 'start_date' and 'end_date'")
        first, last = _date(query["start_date"]), _date(query["end_date"])
        if last < first:
            raise Refused("End-date must be larger or equals than start-date")
        bounds = EARLIEST.get(service, today - timedelta(days=PAST_DAYS)), today + timedelta(days=ahead)
        for name, day in (("start_date", first), ("end_date", last)):
            if not bounds[0] <= day <= bounds[1]:
                raise Refused(f"Parameter '{name}' is out of allowed range from {bounds[0]} to {bounds[1]}")
        return first, last
    if service == "archive":
        raise Refused("Both 'start_date' and 'end_date' must be set in the url")
    past, future = _whole(query, "past_days", 0), _whole(query, "forecast_days", default)
    if not 0 <= future <= most:
        # The service names its limit where it means what was given.
        raise Refused(f"Forecast days is invalid. Allowed range 0 to {most}. Given {most}.")
    if not 0 <= past <= PAST_DAYS:
        raise Refused(f"Past days is invalid. Allowed range 0 to {PAST_DAYS}. Given {past}.")
    return today - timedelta(days=past), today + timedelta(days=future - 1)


def _date(text):
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("Invalid date format. Make sure to use 'YYYY-MM-DD'") from None


def _whole(query, name, default):
    try:
        return int(query.get(name, default))
    except ValueError:
        raise Refused(_corrupt("Int", query[name], name)) from None
