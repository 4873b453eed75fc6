"""Open-Meteo: weather of the past, air quality, weather forecast. All values are SIMULATED.

What follows the service's sources (open-meteo/open-meteo): names, units, digits, the cell's coordinates as
32-bit numbers, `location_id` from the second place on, the offset of a zone that is today's for all times,
the words of refusals, the counting of calls. What is belief: that temperatures are moved by 6.5 °C a
kilometre from the cell's height to the place's, how late the data are, and what :mod:`.variables` says is.

There are no coasts, so `cell_selection` changes nothing; the European domain has no data; a forecast is what
the archive will say, at its own cells; `timezone=auto` knows African countries.

Nulls instead of refusals: an archive's days after its last one up to today, PM2.5 before August 2022, the
forecast of CAMS after 120 hours.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from airq.sources.atmosphere import pressure_at

from . import asked, grids, zones
from .asked import Refused
from .limits import calls_of
from .variables import DAILY, DIGITS, NOT_ON_LAND, OLD_NAMES, ONLY_IN_EUROPE, rounded

#: Full days between a model's last one in the archive and today.
DELAY = {"era5": 5, "era5_land": 5, "era5_ensemble": 5, "ecmwf_ifs": 2}
#: First hour of a model.
BEGIN = {"ecmwf_ifs": "2017-01-01", "era5_land": "1950-01-01", "cams_global": "2022-08-01"}
#: Parts of the mixed models: the first that has a value gives it.
PARTS = {
    ("archive", "best_match"): ("ecmwf_ifs", "era5"),
    ("archive", "era5_seamless"): ("era5_land", "era5"),
    ("forecast", "best_match"): ("icon_seamless",),
    ("air-quality", "auto"): ("cams_global",),
    ("air-quality", "cams_europe"): (),
}
#: Hours that CAMS forecasts, from the beginning of today. [h]
CAMS_HOURS = 121
#: [°C m⁻¹].
LAPSE = 0.0065


class OpenMeteo:
    """The three services.

    Parameters
    ----------
    air : Air
    now : callable
        Returns the moment (naive, UTC).
    cities : DataFrame, optional
        Whose cells are simulated together, once one of a grid is asked for.
    strict : bool
        Refuse what the service would ignore: unknown parameters, daily names of air quality.
    """

    def __init__(self, air, now, *, cities=None, strict=True):
        self._air, self._now, self._cities, self._strict = air, now, cities, strict
        self._warm = set()

    def read(self, service, query, *, places=1_000):
        """Return what a query asks, of at most so many places; raise :class:`~.asked.Refused`."""
        return asked.read(service, query, self._now(), places=places, strict=self._strict)

    def calls(self, ask):
        """Return what a request counts."""
        return calls_of(ask.n_variables, ask.days, places=len(ask.latitude))

    def answer(self, ask):
        """Return the answers, one a place."""
        begun = time.perf_counter()
        answers = [None] * len(ask.latitude)
        now = self._now()
        offsets = [zones.offset_of(zone, now) for zone in ask.zones]
        for offset in sorted({seconds for seconds, _ in offsets}):
            members = [number for number, (seconds, _) in enumerate(offsets) if seconds == offset]
            for number, own in zip(members, self._places_of(ask, members, offset, now), strict=True):
                answers[number] = own
        took = (time.perf_counter() - begun) * 1000 / len(answers)
        return [
            self._place(number, own, ask.zones[number], offsets[number], took)
            for number, own in enumerate(answers)
        ]

    @staticmethod
    def _place(number, own, zone, offset, took):
        head = {
            "latitude": own["latitude"],
            "longitude": own["longitude"],
            "generationtime_ms": took,
            "utc_offset_seconds": offset[0],
            "timezone": "GMT" if zone == "UTC" else zone,
            "timezone_abbreviation": offset[1],
            "elevation": own["elevation"],
        }
        return head | ({"location_id": number} if number else {}) | own["sections"]

    def _places_of(self, ask, members, offset, now):
        """Return cell, elevation and sections of some places, all in zones of one offset."""
        latitude, longitude = ask.latitude[members], ask.longitude[members]
        local = pd.date_range(ask.first, ask.last + timedelta(days=1), freq="h", inclusive="left")
        # Values are read at whole hours, whatever the zone.
        times = local - pd.Timedelta(hours=int(offset / 3600))
        elevation = None if ask.elevation is None else ask.elevation[members]
        models = {}
        for model in ask.models:
            parts = PARTS.get((ask.service, model), (model,))
            if not parts:
                continue
            hourly = self._model(ask, parts, latitude, longitude, times, elevation, now)
            models[model] = parts, hourly
        if not models:
            raise Refused("No data is available for this location")
        grid = next(iter(models.values()))[0][0]
        cell = grids.cells(latitude, longitude, grid)
        height = self._target(latitude, longitude, elevation, grid)
        columns = [self._sections(ask, models, local, offset, row) for row in range(len(members))]
        return [
            {"latitude": _plain(lat), "longitude": _plain(lon), "elevation": float(metres), "sections": own}
            for lat, lon, metres, own in zip(*cell, height, columns, strict=True)
        ]

    def _model(self, ask, parts, latitude, longitude, times, elevation, now):
        """Return {name: (values of shape (n_places, n_hours), unit)} of a model, as they are answered."""
        daily = [DAILY[name][0] for name in ask.daily]
        names = dict.fromkeys([OLD_NAMES.get(name, name) for name in ask.hourly] + daily)
        values = {name: np.full((len(latitude), len(times)), np.nan) for name in names}
        has = dict.fromkeys(names, False)
        for part in parts:
            own = [name for name in names if not (part == "era5_land" and name in NOT_ON_LAND)]
            available = self._available(ask.service, part, times, now)
            arrays = self._part(ask.service, own, part, latitude, longitude, times, elevation)
            for name, array in arrays.items():
                array = np.where(available, array, np.nan)
                has[name] = True
                values[name] = np.where(np.isnan(values[name]), array, values[name])
        return {
            name: rounded(name, array, **ask.units) if has[name] else (array, "undefined")
            for name, array in values.items()
        }

    def _part(self, service, names, part, latitude, longitude, times, elevation):
        """Return unrounded values of one model at the height of the places."""
        if self._cities is not None and part not in self._warm:
            cities = self._cities["latitude"].to_numpy(), self._cities["longitude"].to_numpy()
            self._air.warm(*cities, self._now() + timedelta(days=17), part)
            self._warm.add(part)
        arrays = self._air.arrays(latitude, longitude, times, names, grid=part)
        if service == "air-quality":
            return arrays | {name: np.full_like(arrays[name], np.nan) for name in ONLY_IN_EUROPE & set(names)}
        cell = self._air.elevation(latitude, longitude, part)
        target = self._target(latitude, longitude, elevation, part)
        for name in {"temperature_2m", "dew_point_2m", "apparent_temperature"} & set(names):
            arrays[name] = arrays[name] + LAPSE * (cell - target)[:, None]
        if "surface_pressure" in names:
            arrays["surface_pressure"] = (
                arrays["surface_pressure"] * (pressure_at(target) / pressure_at(cell))[:, None]
            )
        return arrays

    def _target(self, latitude, longitude, elevation, grid):
        """Return the height of the places: given, the cell's where it is NaN, else that of the ground."""
        if elevation is None:
            return self._air.elevation(latitude, longitude)
        return np.where(np.isnan(elevation), self._air.elevation(latitude, longitude, grid), elevation)

    @staticmethod
    def _available(service, part, times, now):
        """Mark the hours that a model has."""
        today = pd.Timestamp(now).normalize()
        if service == "archive":
            end = today - pd.Timedelta(days=DELAY[part] - 1)
        elif service == "air-quality":
            end = today + pd.Timedelta(hours=CAMS_HOURS)
        else:
            end = today + pd.Timedelta(days=16)
        begin = pd.Timestamp(BEGIN.get(part, "1940-01-01"))
        return np.asarray((times >= begin) & (times < end))

    @staticmethod
    def _sections(ask, models, local, offset, row):
        """Return the hourly and daily sections of one place."""
        suffix = (lambda model: f"_{model}") if len(models) > 1 else (lambda model: "")
        sections = {}
        for section, names in (("hourly", ask.hourly), ("daily", ask.daily)):
            if not names:
                continue
            days = local[::24] if section == "daily" else local
            columns, units = {"time": _stamps(days, offset, ask.unixtime, section)}, {}
            for model, (_, hourly) in models.items():
                for name in names:
                    own = DAILY[name][0] if section == "daily" else OLD_NAMES.get(name, name)
                    values, unit = hourly[own]
                    if section == "daily":
                        values, unit = _by_day(name, hourly, row, unit)
                    else:
                        values = values[row]
                    columns[name + suffix(model)] = _json(values, unit)
                    units[name + suffix(model)] = unit
            units = {"time": "unixtime" if ask.unixtime else "iso8601", **units}
            sections |= {f"{section}_units": units, section: columns}
        return sections


def _by_day(name, hourly, row, unit):
    """Return daily values from hours that are rounded already, NaN where one is missing, and their unit."""
    source, statistic = DAILY[name]
    values = hourly[source][0][row].reshape(-1, 24)
    if statistic == "hours":
        return np.where(np.isnan(values).any(axis=1), np.nan, (values > 0.001).sum(axis=1)), "h"
    if statistic == "dominant":
        angle = np.radians(values)
        mean = np.degrees(np.arctan2(np.sin(angle).sum(axis=1), np.cos(angle).sum(axis=1))) % 360
        return np.round(mean), unit
    return np.round(getattr(values, statistic)(axis=1), DIGITS[unit]), unit


def _stamps(local, offset, unixtime, section):
    """Return local times as an answer has them."""
    if unixtime:
        return ((local - pd.Timestamp(0)) // pd.Timedelta(seconds=1) - offset).tolist()
    return np.datetime_as_string(local.to_numpy(), unit="m" if section == "hourly" else "D").tolist()


def _json(values, unit):
    """Return a list of numbers, whole ones in units without digits, with None for NaN."""
    missing = np.isnan(values)
    listed = (values if DIGITS[unit] else np.where(missing, 0, values).astype(int)).tolist()
    if missing.any():
        if not DIGITS[unit]:
            return [None if gap else value for gap, value in zip(missing.tolist(), listed, strict=True)]
        return [None if value != value else value for value in listed]
    return listed


def _plain(number):
    """Return a 32-bit number as its shortest decimals say it."""
    return float(str(np.float32(number)))


def moment(today, clock, hour=6):
    """Return the moment (naive, UTC): the hour of a simulated day (ISO 8601), or that of the clock."""
    if today is None:
        return datetime.fromtimestamp(clock(), UTC).replace(tzinfo=None)
    return datetime.fromisoformat(str(today)[:10]) + timedelta(hours=hour)
