"""Open-Meteo's services: what they bring, how much of the allowance that takes, and days from their hours.

Two services bring hourly values of a model's cell: weather (ERA5 of the past, or forecasts) and air quality
(CAMS). They count calls by variables, days and places [1]_. The free service grants so many a minute, an hour
and a day, for uses that are not commercial.

A day holds the hours that carry its date, as in the services' own daily values; rain, which is stamped at the
end of its hour, too.

References
----------
.. [1] Open-Meteo, https://open-meteo.com/en/pricing and /en/terms; documentation of the archive and of the
   air-quality service, https://open-meteo.com/en/docs. Data: CC BY 4.0, Copernicus ERA5 and CAMS.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.io import json_ready
from airq.panel import COLUMNS
from airq.sources import days
from airq.sources.cleaning import Tally
from airq.sources.folder import LayerRequest
from airq.sources.online.address import named_service
from airq.sources.online.errors import Passing
from airq.sources.open_meteo import HOURLY_COLUMNS, OPEN_METEO_UNITS
from airq.sources.site_days import offset_hours
from airq.units import unit_name

#: The free service's calls a minute, an hour and a day.
FREE_CALLS = (600.0, 5000.0, 10_000.0)
#: Most calls of one request: small beside a minute's, so that no allowance is left unused.
MOST_CALLS = 100.0
#: Most days and places of one request: an answer is a few MB, an address a few kB.
MOST_DAYS, MOST_PLACES = 366, 100
#: Days and variables that count as one call for a place.
DAYS_OF_A_CALL, VARIABLES_OF_A_CALL = 14, 10
#: Bytes of an hourly value in an answer, and of an hour's time. [bytes]
BYTES_PER_VALUE, BYTES_PER_TIME = 6, 19
#: Cells of irregular grids may be found nearest by another measure: half of the widest grid. [°]
SAME_CELL = 0.2
#: Days ahead that the air-quality forecast reaches.
MOST_AHEAD = 4
RECIPES = ("default", "live")
SERVICE = "open-meteo.com"


class Endpoint(NamedTuple):
    """Address of a service, what it is always asked, and the grid that answers."""

    host: str
    path: str
    fixed: dict
    words: str

    def address(self, api_key=None):
        """Return where to ask: with a key, at the customers' host."""
        return f"https://{'customer-' if api_key else ''}{self.host}.{SERVICE}{self.path}"


_UNITS = {"wind_speed_unit": "ms"}
#: Values of the cell itself, not corrected to the height of the place.
_CELL = {"timezone": "GMT", "cell_selection": "nearest", "elevation": "nan"}
ARCHIVE = Endpoint("archive-api", "/v1/archive", {"models": "era5", **_UNITS, **_CELL}, "ERA5")
#: That of the model whose analyses ERA5 is made of, lest a region's own model answers for it.
FORECAST = Endpoint("api", "/v1/forecast", {"models": "ecmwf_ifs025", **_UNITS, **_CELL}, "IFS forecasts")
_GLOBAL = {"domains": "cams_global", "timezone": "GMT", "cell_selection": "nearest"}
AIR = Endpoint("air-quality-api", "/v1/air-quality", _GLOBAL, "CAMS")


@dataclass(frozen=True, eq=False)
class HourlyLayer:
    """Variables that one request brings, hour by hour, and the columns that they fill, day by day."""

    name: str
    #: Service's name of a variable -> name of the column.
    variables: dict
    #: First day, ISO.
    start: str
    #: Days after which a day's values no longer change.
    latency: int
    #: Days before today up to which there are values; negative for days ahead.
    delay: int
    #: Where days that no longer change are asked for, and where the days after them, if anywhere else.
    past: Endpoint
    recent: Endpoint

    cadence = "day"
    has_local_days = True
    counts_images = False

    @property
    def parts(self):
        """What of it can be asked for alone: all of it."""
        return (self,)

    @property
    def products(self):
        """What it draws."""
        return (self.name,)

    @property
    def key(self):
        """Name of its product."""
        return self.name

    @property
    def value_columns(self):
        """Columns of values, without the height of the cell, which there is without them."""
        return [name for name in self.columns if name != "elevation"]

    def only(self, *_products):
        """Return the layer, which has one product."""
        return self

    @functools.cached_property
    def columns(self):
        """Names of the columns, in the order of the values of a chunk."""
        names = list(self.variables.values())
        if "wind_speed_10m" in self.variables:
            names = [name for name in names if name not in ("wind_speed_10m", "wind_direction_10m")]
            names += ["wind_u", "wind_v", "elevation"]
        return names

    @property
    def units(self):
        """Unit of every column."""
        return {name: _unit(name) for name in self.columns}

    def periods(self, start, end):
        """Return the days from `start` to `end` from its own first day on."""
        first = max(np.datetime64(start, "D"), np.datetime64(self.start))
        return np.arange(first, np.datetime64(end, "D") + 1)

    def period_of(self, periods):
        """Return the period that each day belongs to: itself."""
        return periods

    def period_end(self, period):
        """Return the day after a period."""
        return period + 1

    def complete_from(self, period):
        """Return the first day on which the values of a day no longer change."""
        return period + self.latency

    def last_day(self, today):
        """Return the last day of which there are values."""
        return today - self.delay


def _unit(column):
    return COLUMNS[column].unit if column in COLUMNS else OPEN_METEO_UNITS[column]


_WEATHER = {**HOURLY_COLUMNS, "wind_speed_10m": "wind_speed_10m", "wind_direction_10m": "wind_direction_10m"}
_AIR = {
    "pm2_5": "cams_pm25",
    "aerosol_optical_depth": "aod055",
    **{name: name for name in ("pm10", "dust", "carbon_monoxide", "nitrogen_dioxide")},
    **{name: name for name in ("sulphur_dioxide", "ozone")},
}
#: ERA5 comes five days late and is settled a little later; CAMS' forecasts are replaced within two days.
_ERA5 = HourlyLayer("weather-era5", _WEATHER, "1940-01-01", 7, 5, ARCHIVE, ARCHIVE)
_NOW = dataclasses.replace(_ERA5, name="weather-live", delay=-MOST_AHEAD, recent=FORECAST)
_CAMS = HourlyLayer("cams-global", _AIR, "2022-08-01", 2, -MOST_AHEAD, AIR, AIR)
LAYERS = {"default": {"weather": _ERA5, "cams": _CAMS}, "live": {"weather": _NOW, "cams": _CAMS}}


@dataclass(frozen=True)
class OpenMeteoExtraction:
    """What to fetch, apart from where and when; the `extraction` of a folder.

    Raise ValueError if a word is none of its choices.
    """

    recipe: str = "default"
    products: tuple[str, ...] = ("weather", "cams")
    day_basis: str = "utc"
    min_hours: int = days.MIN_HOURS
    #: Who answers: values of a stand-in must not mix with the service's.
    service: str = SERVICE

    def __post_init__(self):
        choices = {"recipe": RECIPES, "day_basis": ("utc", "local")}
        for name, words in choices.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(words)}.")
        unknown = [name for name in self.products if name not in LAYERS[self.recipe]]
        if unknown or not self.products:
            raise ValueError(f"products are some of weather and cams, not {', '.join(unknown) or 'none'}.")
        if not 1 <= self.min_hours <= 24:
            raise ValueError(f"min_hours is {self.min_hours}; a day has 1 to 24 hours.")

    @property
    def layers(self):
        """What single requests bring, as a list of HourlyLayer."""
        return [layer for name, layer in LAYERS[self.recipe].items() if name in self.products]

    @property
    def assets(self):
        """Where layers come from."""
        return {
            layer.name: ", then ".join(dict.fromkeys(f"{own.host}{own.path}" for own in _endpoints(layer)))
            for layer in self.layers
        }

    @property
    def source(self):
        """How a panel names where its values come from."""
        words = ", ".join(dict.fromkeys(own.words for layer in self.layers for own in _endpoints(layer)))
        if self.service == SERVICE:
            return f"Open-Meteo (CC BY 4.0), recipe {self.recipe}: {words}, Copernicus"
        return f"{named_service(self.service, SERVICE, 'Open-Meteo')}, recipe {self.recipe}: {words}"

    @property
    def units(self):
        """Unit of every column."""
        return {name: unit for layer in self.layers for name, unit in layer.units.items()}

    def units_on(self, days):
        """Return the unit of every column; layers without any of the days have none."""
        units = {}
        for layer in self.layers:
            if len(layer.periods(days[0], days[-1])):
                units |= layer.units
        return units

    def derived(self, columns):
        """Return the height of each city's cell on days that came without it, too."""
        if "elevation" not in columns:
            return {}
        heights = pd.DataFrame(columns["elevation"])
        return {"elevation": heights.bfill(axis=1).ffill(axis=1).to_numpy()}

    def offset_hours(self, longitudes):
        """Return the hours by which each city's day begins before the day in UTC."""
        return offset_hours(longitudes, self.day_basis)

    def to_dict(self):
        """Return the same as plain values, every layer whole."""
        layers = [
            {
                "name": own.name,
                "variables": own.variables,
                "asked": [end._asdict() for end in _endpoints(own)],
            }
            for own in self.layers
        ]
        return json_ready({**dataclasses.asdict(self), "layers": layers})

    def differences(self, before, columns=()):
        """Return what decides a value and differs from the facts of another extraction, in words."""
        now = self.to_dict()
        return [name for name in now if before.get(name) != now[name]]

    def joined(self, before, columns):
        """Return this extraction: one that differs is refused."""
        return self

    def fingerprint_of(self, layer):
        """Return the hash of what decides the values of a layer."""
        return self.fingerprint

    def fingerprints_of(self, before):
        """Return none: chunks name the extraction."""
        return {}

    @property
    def fingerprint(self):
        """Hash of everything that decides a value, apart from where and when."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]


def _endpoints(layer):
    return (layer.past, layer.recent)


def calls_of(n_variables, n_days, n_places):
    """Return how many calls a request counts as.

    Eight hourly variables of one place for a year:

    >>> round(calls_of(8, 365, 1), 1)
    20.9
    """
    weight = n_variables / VARIABLES_OF_A_CALL
    return max(1.0, weight, weight * n_days / DAYS_OF_A_CALL) * n_places


class HourlyRequest(NamedTuple):
    """Cities and days to ask one endpoint for."""

    endpoint: Endpoint
    layer: HourlyLayer
    rows: np.ndarray
    #: Days in a row, datetime64[D].
    periods: np.ndarray
    offset_hours: int

    @property
    def span(self):
        """First and last day in UTC that hold the hours of the days."""
        hours = np.timedelta64(self.offset_hours, "h")
        first = (self.periods[0].astype("datetime64[h]") - hours).astype("datetime64[D]")
        last = ((self.periods[-1] + 1).astype("datetime64[h]") - hours - 1).astype("datetime64[D]")
        return first, last

    @property
    def n_days(self):
        """Days in UTC that are asked for."""
        first, last = self.span
        return int((last - first).astype(int)) + 1

    @property
    def calls(self):
        """How many calls it counts as."""
        return calls_of(len(self.layer.variables), self.n_days, len(self.rows))

    @property
    def bytes(self):
        """Size of its answer, about."""
        hour = len(self.layer.variables) * BYTES_PER_VALUE + BYTES_PER_TIME
        return len(self.rows) * self.n_days * 24 * hour

    def params(self, places):
        """Return the parameters, for places of all cities, shape (n_sites, 2): longitude, latitude [°]."""
        own, (first, last) = places[self.rows], self.span
        # A height for each place, where one is given.
        fixed = {
            name: ",".join([value] * len(own)) if name == "elevation" else value
            for name, value in self.endpoint.fixed.items()
        }
        return {
            "latitude": ",".join(f"{value:.5f}" for value in own[:, 1]),
            "longitude": ",".join(f"{value:.5f}" for value in own[:, 0]),
            "start_date": str(first),
            "end_date": str(last),
            "hourly": ",".join(self.layer.variables),
            **fixed,
        }


def hourly_requests(missing: list[LayerRequest], *, today, most_calls=MOST_CALLS) -> list[HourlyRequest]:
    """Return the requests for what is missing of a folder; days of which there are no values are left out.

    Days come in runs of at most a year, fewer where one city's exceed `most_calls`, of as many cities as
    these allow.
    """
    requests = []
    for own in missing:
        layer = own.layer
        there = own.periods[own.periods <= layer.last_day(today)]
        settled = np.array([layer.complete_from(day) <= today for day in there], dtype=bool)
        parts = [(layer.past, there[settled]), (layer.recent, there[~settled])]
        if layer.past == layer.recent:
            parts = [(layer.past, there)]
        for endpoint, periods in parts:
            most_days = max(
                int(most_calls * DAYS_OF_A_CALL * VARIABLES_OF_A_CALL / len(layer.variables)) - 1, 1
            )
            for run in _runs(periods, min(most_days, MOST_DAYS)):
                one = HourlyRequest(endpoint, layer, own.rows[:1], run, own.offset_hours)
                most = int(np.clip(most_calls // one.calls, 1, MOST_PLACES))
                pieces = np.array_split(own.rows, -(-len(own.rows) // most))
                requests += [one._replace(rows=rows) for rows in pieces]
    return requests


def _runs(periods, most_days):
    """Return days in a row, in pieces of nearly equal length."""
    breaks = np.flatnonzero(np.diff(periods).astype(int) > 1) + 1
    runs = [run for run in np.split(periods, breaks) if len(run)]
    return [piece for run in runs for piece in np.array_split(run, -(-len(run) // most_days))]


def read_answer(answer, request: HourlyRequest, places, *, min_hours=days.MIN_HOURS):
    """Return the values of an answer, the cell of each city, and how many values lack hours.

    Values have the shape (n_cities, n_periods, n_columns). A cell is `[latitude, longitude, elevation]`.
    A value of fewer than `min_hours` hours is empty, and counted if it has any. Raise Passing if the answer
    is not whole, or is not of the places, days and quantities that were asked for.
    """
    answers = answer if isinstance(answer, list) else [answer]
    if len(answers) != len(request.rows) or not all(isinstance(own, dict) for own in answers):
        raise Passing(f"An answer has {len(answers)} of {len(request.rows)} places")
    cells = _cells(answers, places[request.rows])
    first, last = request.span
    hours = np.arange(first.astype("datetime64[h]"), (last + 1).astype("datetime64[h]"))
    tables = [_hourly(own, request.layer, hours) for own in answers]
    begin = pd.Series(hours + np.timedelta64(request.offset_hours, "h")).astype("datetime64[us]")
    inside = ((begin >= request.periods[0]) & (begin < request.periods[-1] + 1)).to_numpy()
    rows = [pd.DataFrame({"site_id": "", "begin": begin, **table})[inside] for table in tables]
    short = sum(_short(own, min_hours) for own in rows)
    values = [_daily(*pair, request, min_hours) for pair in zip(rows, cells, strict=True)]
    return np.stack(values), cells.tolist(), short


def _cells(answers, places):
    """Return `latitude, longitude, elevation` of each answer, checked to be that of its place."""
    try:
        facts = [[own["latitude"], own["longitude"], own.get("elevation")] for own in answers]
        cells = np.array(facts, dtype="float64")
        if not np.isfinite(cells[:, :2]).all():
            raise ValueError("a cell without a place")
        numbers = [own.get("location_id", number) for number, own in enumerate(answers)]
    except (KeyError, TypeError, ValueError):
        raise Passing("An answer does not say which cell it is of") from None
    # The cell is the one nearest to its place: in the right order hardly any other answer's is nearer.
    east = (cells[None, :, 1] - places[:, None, 0] + 180) % 360 - 180
    apart = np.hypot(cells[None, :, 0] - places[:, None, 1], east * np.cos(np.radians(places[:, None, 1])))
    if numbers != list(range(len(answers))) or (np.diag(apart) > apart.min(axis=1) + SAME_CELL).any():
        raise Passing("An answer has its places in another order")
    if (np.diag(apart) > 1).any():
        raise Passing("An answer is of other places than were asked for")
    return cells


def _hourly(answer, layer, hours):
    """Return the hourly values of one place by column, in the panel's units, which were asked for."""
    own, units = answer.get("hourly"), answer.get("hourly_units")
    if not isinstance(own, dict) or not isinstance(units, dict):
        raise Passing("An answer has no hourly values")
    if answer.get("utc_offset_seconds", 0) != 0:
        raise Passing("An answer has hours of another time zone than was asked for")
    times = pd.to_datetime(pd.Series(own.get("time", []), dtype="str"), errors="coerce").to_numpy()
    if not np.array_equal(times.astype("datetime64[m]"), hours.astype("datetime64[m]")):
        raise Passing(f"An answer has {len(times):,} hours of the {len(hours):,} asked for, or others")
    columns = {}
    for name, column in layer.variables.items():
        try:
            values = np.array(own[name], dtype="float64")
        except (KeyError, TypeError, ValueError):
            raise Passing(f"An answer lacks {name}, or has it not in numbers") from None
        if values.shape != hours.shape:
            raise Passing(f"An answer has {values.size:,} values of {name} in {len(hours):,} hours")
        columns[column] = _checked(values, name, units.get(name), column)
    return _with_components(columns)


def _checked(values, name, unit, column):
    """Return values whose unit is the one that was asked for, the column's."""
    if unit == "undefined" and np.isnan(values).all():
        # So the service answers for what a model lacks.
        return values
    wanted = "m s⁻¹" if name == "wind_speed_10m" else _unit(column)
    try:
        same = unit == wanted or unit_name(unit or "1") == wanted
    except (TypeError, ValueError, AttributeError):
        same = False
    if unit is None or not same:
        raise Passing(f"An answer has {name} in {unit!r}, which was not asked for")
    return values


def _with_components(columns):
    """Put the wind towards east and north in the place of its speed and the direction it comes from."""
    if "wind_speed_10m" not in columns:
        return columns
    speed, angle = columns.pop("wind_speed_10m"), np.radians(columns.pop("wind_direction_10m"))
    return {**columns, "wind_u": -speed * np.sin(angle), "wind_v": -speed * np.cos(angle)}


def _short(rows, min_hours):
    """Return how many daily values have some hours, but too few."""
    there = rows.drop(columns=["site_id", "begin"]).notna().to_numpy()
    n_hours = there.reshape(-1, 24, there.shape[1]).sum(axis=1)
    return int(((n_hours > 0) & (n_hours < min_hours)).sum())


def _daily(rows, cell, request, min_hours):
    """Return the daily values of a place from its hours, shape (n_periods, n_columns)."""
    made = days.to_days(rows, Tally(), min_hours=min_hours).set_index("date")
    made = made.reindex(pd.DatetimeIndex(request.periods)).assign(elevation=cell[2])
    if request.endpoint is FORECAST:
        # Another model's cell has another height.
        made["elevation"] = np.nan
    return made[request.layer.columns].to_numpy(dtype="float64")
