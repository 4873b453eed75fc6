"""SIMULATED monitors around cities, with the traps that real ones set.

A monitor reads what :class:`~.air.Air` has at its place, rounded to 0.01 µg m⁻³, except where a trap says
otherwise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from airq.sources.atmosphere import stream

from .air import TRUTH
from .zones import ZONES, country_names, zones_of

#: What can be wrong with a monitor.
TRAPS = {
    "moved": "stands 4 km further north from `moved_on`",
    "twins": "has two sensors of PM2.5, the second reads 10 % more",
    "shared_place": "another location at the same place reads 10 % less",
    "other_parameters": "measures PM10 and ozone (ppm), too",
    "other_unit": "gives PM2.5 in mg/m³",
    "months_missing": "has no files in every third month",
    "hours_missing": "lacks a third of the hours, and on every fifth day all but ten",
    "bad_values": "reads -999 or a small negative number in a tenth of the hours",
    "mobile": "moves about within some kilometres",
    "no_licence": "its licenses are null",
    "low_cost": "is no reference monitor",
    "ended": "has nothing from `moved_on`",
}
#: Number, name, units, name in words of OpenAQ's parameters. MICRO SIGN, not the Greek letter.
PARAMETERS = {
    "pm10": (1, "pm10", "µg/m³", "PM10"),
    "pm25": (2, "pm25", "µg/m³", "PM2.5"),
    "o3": (10, "o3", "ppm", "O₃ mass"),
}
FIRST_ID = 900_001
MOVED_NORTH = 0.036


@dataclass(frozen=True)
class Sensor:
    """A sensor: its readings are `factor` x PM2.5 of the air (ozone is invented)."""

    id: int
    parameter: str
    units: str
    factor: float = 1.0


@dataclass(frozen=True)
class Monitor:
    """A location of OpenAQ.

    Attributes
    ----------
    id : int
    name, zone, country : str
        The country by its alpha-3 code.
    latitude, longitude : float
        At first. [°]
    sensors : tuple of Sensor
    traps : frozenset of str
        Of :data:`TRAPS`.
    city_id : str
    first : date
    moved_on : date
    """

    id: int
    name: str
    zone: str
    country: str
    latitude: float
    longitude: float
    sensors: tuple
    traps: frozenset
    city_id: str
    first: date
    moved_on: date

    def position(self, day):
        """Return latitude and longitude [°] on a day."""
        moved = "moved" in self.traps and day >= self.moved_on
        return round(self.latitude + MOVED_NORTH * moved, 6), self.longitude

    def measures_on(self, day):
        """Tell whether there is a file of a day, if it is not too new."""
        if day < self.first or ("ended" in self.traps and day >= self.moved_on):
            return False
        return not ("months_missing" in self.traps and day.month % 3 == 0)


class Monitors:
    """Locations around cities, one after another by id.

    Parameters
    ----------
    cities : DataFrame
        With `city_id, city, country, latitude, longitude`.
    air : Air
    per_city : int
        Locations of a city.
    seed : int
        Of places and of traps.
    traps : dict
        {city_id or row number of the city: a trap or several}, of :data:`TRAPS`; they catch the city's first
        location.
    first, moved_on : str
        First day of all (by default that of the air), and when the moved ones move and the ended ones end.
    """

    def __init__(self, cities, air, per_city=1, seed=0, *, traps=None, first=None, moved_on="2023-07-01"):
        self.air, self.seed = air, seed
        self._days = {
            "first": air.first_day if first is None else date.fromisoformat(first),
            "moved_on": date.fromisoformat(moved_on),
        }
        self._sensor_id = 1_000 * FIRST_ID
        wanted = _by_city(cities, traps or {})
        self.all = []
        for city in cities.itertuples():
            for number in range(per_city):
                own = wanted.get(city.city_id, frozenset()) if number == 0 else frozenset()
                self._add(city, number, own)
        self._by_id = {monitor.id: monitor for monitor in self.all}

    def __getitem__(self, number):
        """Return the monitor of an id; raise KeyError if there is none."""
        return self._by_id[number]

    def __iter__(self):
        return iter(self.all)

    def __len__(self):
        return len(self.all)

    def of(self, city_id):
        """Return the monitors of a city."""
        return [monitor for monitor in self.all if monitor.city_id == city_id]

    def _add(self, city, number, traps):
        random = stream(self.seed, f"monitor {city.city_id} {number}")
        north, east = random.uniform(-0.02, 0.02, 2)
        monitor = Monitor(
            id=FIRST_ID + len(self.all),
            name=f"SIMULATED {city.city} {number + 1}",
            zone=ZONES.get(city.country) or zones_of([city.latitude], [city.longitude])[0],
            country=city.country,
            latitude=round(city.latitude + north, 6),
            longitude=round(city.longitude + east, 6),
            sensors=self._sensors(traps),
            traps=traps,
            city_id=city.city_id,
            **self._days,
        )
        self.all.append(monitor)
        if "shared_place" in traps:
            sensors = (replace(self._sensors(frozenset())[0], factor=0.9),)
            twin = {"id": FIRST_ID + len(self.all), "name": monitor.name + " (other)", "sensors": sensors}
            self.all.append(replace(monitor, **twin, traps=frozenset()))

    def _sensors(self, traps):
        in_milligrams = "other_unit" in traps
        wanted = [("pm25", "mg/m³" if in_milligrams else "µg/m³", 0.001 if in_milligrams else 1.0)]
        if "twins" in traps:
            wanted.append(("pm25", "µg/m³", 1.1))
        if "other_parameters" in traps:
            wanted += [("pm10", "µg/m³", 1.8), ("o3", "ppm", 1.0)]
        sensors = [Sensor(self._sensor_id + number, *own) for number, own in enumerate(wanted, 1)]
        self._sensor_id += len(sensors)
        return tuple(sensors)

    def rows(self, monitor, day):
        """Return the rows of a location's file of a local day, as tuples in the archive's order."""
        if not monitor.measures_on(day):
            return []
        zone = ZoneInfo(monitor.zone)
        begin = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
        after = day + timedelta(days=1)
        end = datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()
        hours = np.arange(int(begin // 3600), int(end // 3600))
        truth = self.truth(monitor, hours, day)
        random = stream(self.seed, f"day {monitor.id} {day}")
        kept, bad = _kept(monitor, hours, day, random), _bad(monitor, hours, random)
        stamps = [
            datetime.fromtimestamp(3600 * (hour + 1), zone).isoformat(timespec="seconds")
            for hour in hours.tolist()
        ]
        walk = random.uniform(-0.03, 0.03, (len(hours), 2)) * ("mobile" in monitor.traps)
        position = np.round(walk + monitor.position(day), 6).tolist()
        name, kept = f"{monitor.name}-{monitor.id}", np.flatnonzero(kept).tolist()
        rows = []
        for sensor in monitor.sensors:
            readings = np.where(np.isnan(bad), _readings(sensor, truth), bad).tolist()
            own = (sensor.parameter, sensor.units)
            rows += [
                (monitor.id, sensor.id, name, stamps[hour], *position[hour], *own, readings[hour])
                for hour in kept
            ]
        return rows

    def truth(self, monitor, hours, day):
        """Return PM2.5 [µg m⁻³] of hours (numbers since 1970) at the place of a day, unrounded."""
        years = pd.to_datetime(3600 * np.asarray(hours), unit="s").year
        values = np.empty(len(hours))
        for year in sorted(set(years)):
            first, series = self._year(*monitor.position(day), year)
            values[years == year] = series[np.asarray(hours)[years == year] - first]
        return values

    @functools.lru_cache(maxsize=512)  # noqa: B019  (as long as the server)
    def _year(self, latitude, longitude, year):
        times = pd.date_range(f"{year}-01-01", f"{year}-12-31T23:00", freq="h")
        # All at once, as one by one takes long.
        self.air.warm(*zip(*self._places(), strict=True), times[-1])
        series = self.air.arrays([latitude], [longitude], times, [TRUTH])[TRUTH][0]
        return int((times[0] - pd.Timestamp(0)) // pd.Timedelta(hours=1)), series

    def _places(self):
        """Return every position that a monitor ever has."""
        days = self._days["first"], self._days["moved_on"]
        return sorted({monitor.position(day) for monitor in self.all for day in days})

    def describe(self, monitor, now, distance=None):
        """Return a location as version 3 of the API shows it, at a moment (UTC)."""
        number, alpha2, name = country_names()[monitor.country]
        latitude, longitude = monitor.position(now.date())
        last = (
            min(now, datetime.combine(monitor.moved_on, datetime.min.time())) if _over(monitor, now) else now
        )
        return {
            "id": monitor.id,
            "name": monitor.name,
            "locality": monitor.name.split(" ", 1)[1].rsplit(" ", 1)[0],
            "timezone": monitor.zone,
            "country": {"id": number, "code": alpha2, "name": name},
            "owner": {"id": 901, "name": "SIMULATED owner"},
            "provider": {"id": 902, "name": "SIMULATED provider"},
            "isMobile": "mobile" in monitor.traps,
            "isMonitor": "low_cost" not in monitor.traps,
            "instruments": [{"id": 903, "name": "SIMULATED instrument"}],
            "sensors": [_sensor(sensor) for sensor in monitor.sensors],
            "coordinates": {"latitude": latitude, "longitude": longitude},
            "licenses": None if "no_licence" in monitor.traps else [_licence(monitor)],
            "bounds": [longitude, latitude, longitude, latitude],
            "distance": distance,
            "datetimeFirst": _both(datetime.combine(monitor.first, datetime.min.time()), monitor.zone),
            "datetimeLast": _both(last.replace(minute=0, second=0, microsecond=0), monitor.zone),
        }


def _over(monitor, now):
    return "ended" in monitor.traps and now.date() >= monitor.moved_on


def _by_city(cities, traps):
    """Return {city_id: set of traps}; raise ValueError if there is no such city or trap."""
    wanted = {}
    for key, names in traps.items():
        city = cities["city_id"].iloc[key] if isinstance(key, int) else key
        names = {names} if isinstance(names, str) else set(names)
        if city not in set(cities["city_id"]):
            raise ValueError(f"No city {city!r} to set a trap in.")
        if names - set(TRAPS):
            raise ValueError(f"No trap {min(names - set(TRAPS))!r}. Choose from {', '.join(TRAPS)}.")
        wanted[city] = wanted.get(city, frozenset()) | names
    return wanted


def _kept(monitor, hours, day, random):
    kept = np.ones(len(hours), dtype=bool)
    if "hours_missing" in monitor.traps:
        kept = random.random(len(hours)) >= 1 / 3
        if day.toordinal() % 5 == 0:
            kept = np.arange(len(hours)) < 10
    return kept


def _bad(monitor, hours, random):
    """Return what stands in the place of a reading, NaN where the reading stands."""
    bad = np.full(len(hours), np.nan)
    if "bad_values" in monitor.traps:
        draw = random.random(len(hours))
        bad[draw < 0.1] = -999
        bad[draw < 0.05] = -1.5
    return bad


def _readings(sensor, truth):
    if sensor.parameter == "o3":
        return np.round(0.02 + 0.0001 * truth, 4)
    return np.round(sensor.factor * truth, 5 if sensor.units == "mg/m³" else 2)


def _sensor(sensor):
    number, name, _, words = PARAMETERS[sensor.parameter]
    parameter = {"id": number, "name": name, "units": sensor.units, "displayName": words}
    return {"id": sensor.id, "name": f"{name} {sensor.units}", "parameter": parameter}


def _licence(monitor):
    return {
        "id": 41,
        "name": "CC BY 4.0",
        "attribution": {"name": "SIMULATED provider", "url": None},
        "dateFrom": str(monitor.first),
        "dateTo": None,
    }


def _both(moment, zone):
    """Return a moment (naive, UTC) as the API gives it."""
    utc = moment.replace(tzinfo=ZoneInfo("UTC"))
    local = utc.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return {"utc": utc.strftime("%Y-%m-%dT%H:%M:%SZ"), "local": local}
