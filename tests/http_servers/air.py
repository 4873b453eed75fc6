"""The SIMULATED atmosphere by the hour, at any place or grid cell.

:func:`airq.sources.simulated.simulate` gives daily values, for a place as if it were a city. Hours are
interpolated between the middles of the days, and what the sun does within a day is added. A place's values
depend on the seed, the epoch, the place and the table of cities (for its population), not on what else
was asked.
"""

from __future__ import annotations

import threading
from functools import cached_property

import numpy as np
import pandas as pd

from airq.cities import bundled_cities
from airq.geo import nearest
from airq.meteorology import relative_humidity
from airq.sources import atmosphere
from airq.sources.atmosphere import pressure_at, stream
from airq.sources.simulated import simulate

from . import grids
from .variables import AIR_QUALITY, WEATHER, rounded

#: Column of the panel -> its name here.
DAILY = ("temp_air", "temp_dew", "wind_u", "wind_v", "precipitation", "pressure", "boundary_layer_height")
DAILY += ("pm25", "cams_pm25", "elevation")
#: Farthest city whose people a place gets [km], and their number where there is none.
CITY_KM, PEOPLE = 30, 20_000
#: Days are simulated in blocks of so many, with a margin, as gaps of monitors are filled from both sides.
BLOCK, MARGIN = 366, 60
#: What a monitor at the place would read, in the hour that begins at the time. [µg m⁻³]
TRUTH = "pm25"


class Air:
    """Hourly fields of the simulated atmosphere.

    Parameters
    ----------
    random_state : int
        As of :func:`~airq.sources.simulated.simulate`.
    epoch : str
        First day; values before its noon are missing.
    cities : DataFrame, optional
        Whose people live at the places; by default the bundled African cities.

    Examples
    --------
    >>> air = Air()
    >>> lagos = air.hours(6.45, 3.39, "2020-01-01", "2020-01-02", ["temperature_2m", "pm25"])
    >>> lagos.shape
    (48, 2)
    """

    def __init__(self, random_state=0, epoch="2019-01-01", cities=None):
        self.random_state, self.epoch = random_state, pd.Timestamp(epoch)
        self._cities = bundled_cities() if cities is None else cities
        self._days = {}
        self._lock = threading.RLock()

    def hours(self, latitude, longitude, start, end, names, *, grid=None, round_as=None):
        """Return values as a table, one row an hour (UTC), or a place and hour.

        Parameters
        ----------
        latitude, longitude : float or array-like of shape (n_places,)
            [°]
        start, end : str or Timestamp
            First and last hour; a date as the end is its whole day. UTC.
        names : list of str
            Of :data:`~.variables.WEATHER`, :data:`~.variables.AIR_QUALITY`, or "pm25": what a monitor would
            read.
        grid : str, optional
            Name of a grid of :data:`~.grids.STEPS`; then values are those of the cells around the places.
        round_as : dict, optional
            The service's units (``{"wind_speed_unit": "ms"}``, or empty for its defaults): values are
            converted and rounded as in its answers. By default they are neither; wind is in m s⁻¹.

        Returns
        -------
        DataFrame
            Indexed by `time` for one place given as numbers, by (`place`, `time`) otherwise.
        """
        times = _times(start, end)
        values = self.arrays(*np.atleast_1d(latitude, longitude), times, names, grid=grid)
        if round_as is not None:
            values = {name: rounded(name, array, **round_as)[0] for name, array in values.items()}
        if np.ndim(latitude) == 0:
            index = pd.Index(times, name="time")
        else:
            index = pd.MultiIndex.from_product([range(len(latitude)), times], names=["place", "time"])
        return pd.DataFrame({name: array.ravel() for name, array in values.items()}, index=index)

    def arrays(self, latitude, longitude, times, names, *, grid=None):
        """Return arrays of shape (n_places, n_hours) by name, NaN before the epoch."""
        if grid is not None:
            latitude, longitude = grids.cells(latitude, longitude, grid)
        hour = ((pd.DatetimeIndex(times) - self.epoch) / pd.Timedelta(hours=1)).to_numpy()
        hours = self._at(latitude, longitude, hour)
        modelled = [name for name in names if name in AIR_QUALITY]
        values = self._modelled(latitude, longitude, hour, modelled) if modelled else {}
        values |= {name: getattr(hours, name) for name in names if name not in values}
        return {name: np.where(hour < 12, np.nan, values[name]) for name in names}

    @property
    def first_day(self):
        """The first local day that has all its hours anywhere."""
        return (self.epoch + pd.Timedelta(days=2)).date()

    def elevation(self, latitude, longitude, grid=None):
        """Return the height [m] of cells of a grid, or of the ground at places, which is rougher."""
        latitude, longitude = np.atleast_1d(latitude, longitude)
        if grid is not None:
            latitude, longitude = grids.cells(latitude, longitude, grid)
        places = pd.DataFrame({"latitude": latitude, "longitude": longitude}, dtype="float64")
        height = atmosphere.elevation(places)
        if grid is None:
            height = (
                height + 25 * np.sin(211 * np.radians(latitude)) + 25 * np.sin(307 * np.radians(longitude))
            )
        return np.maximum(np.round(height), 0)

    def warm(self, latitude, longitude, until, grid=None):
        """Simulate places ahead of the first question, all at once."""
        if grid is not None:
            latitude, longitude = grids.cells(latitude, longitude, grid)
        self._rows(latitude, longitude, (pd.Timestamp(until) - self.epoch).days + 3)

    def _at(self, latitude, longitude, hour):
        rows = self._rows(latitude, longitude, int(np.max(hour, initial=0) // 24) + 3)
        return Hours(rows, np.asarray(longitude, dtype="float64"), hour)

    def _modelled(self, latitude, longitude, hour, names):
        """Return what a transport model of 3-hourly fields gives, interpolated to the hours."""
        first, last = hour.min() - 27, hour.max() + 3
        steps = np.arange(np.floor(first / 3) * 3, last + 3, 3)
        model = Model(self._at(latitude, longitude, np.maximum(steps, 0)))
        every = np.arange(hour.min() - 24, hour.max() + 1)
        values = {}
        for name in names:
            running = name in ("us_aqi", "us_aqi_pm2_5", "european_aqi", "european_aqi_pm2_5")
            field = model.pm2_5 if running else getattr(model, name)
            series = _between(steps, field, every)
            if running:
                series = _index(_running_mean(series), european=name.startswith("european"))
            values[name] = series[:, np.searchsorted(every, hour)]
        return values

    def _rows(self, latitude, longitude, n_days):
        """Return the daily values of places, by name, of shape (n_places, n_days or more)."""
        keys = [f"{lat:.4f} {lon:.4f}" for lat, lon in zip(latitude, longitude, strict=True)]
        with self._lock:
            short = {
                key: position
                for key, position in zip(keys, zip(latitude, longitude, strict=True), strict=True)
                if key not in self._days or len(self._days[key]["pm25"]) < n_days + MARGIN
            }
            if short:
                self._simulate(short, -(-(n_days + MARGIN) // BLOCK) * BLOCK)
            rows = [self._days[key] for key in keys]
        length = min(len(row["pm25"]) for row in rows)
        return {name: np.stack([row[name][:length] for row in rows]) for name in rows[0]}

    def _simulate(self, places, n_days):
        """Add the daily values of places {key: (latitude, longitude)}."""
        table = pd.DataFrame(list(places.values()), columns=["latitude", "longitude"], dtype="float64")
        table.insert(0, "city_id", list(places))
        table.insert(1, "city", "SIMULATED " + table["city_id"])
        table.insert(2, "country", "NGA")
        near, km = nearest(table, self._cities)
        people = self._cities["population"].to_numpy()[near]
        table["population"] = np.where(km <= CITY_KM, people, PEOPLE)
        last = self.epoch + pd.Timedelta(days=n_days - 1)
        panel = simulate(table, start=self.epoch, end=last, random_state=self.random_state)
        for key, own in panel.groupby("city_id"):
            days = {name: own[name].to_numpy(dtype="float64") for name in DAILY}
            # A simulated monitor's days of outage have air all the same.
            days["pm25"] = own["pm25"].interpolate(limit_direction="both").to_numpy(dtype="float64")
            random = stream(self.random_state, f"hours {key}")
            draws = random.standard_normal((n_days, 2, 24), dtype="float32")
            days["noise"], days["share_of_rain"] = draws[:, 0], _shares(draws[:, 1])
            self._days[key] = days


class Hours:
    """Weather and PM2.5 of places at hours since the epoch, each of shape (n_places, n_hours)."""

    def __init__(self, days, longitude, hour):
        self._days, self._hour = days, hour
        self._day = np.maximum(hour // 24, 0).astype(int)
        self._of_day = (hour % 24).astype(int)
        #: Solar time. [h]
        self.solar = (hour + longitude[:, None] / 15) % 24
        middle = (hour - 12) / 24
        self._before = np.maximum(np.floor(middle), 0).astype(int)
        share = np.clip(middle - self._before, 0, 1)
        self._share = share * share * (3 - 2 * share)

    def daily(self, name):
        """Return daily values, smoothly between the middles of the days."""
        days = self._days[name]
        return days[:, self._before] * (1 - self._share) + days[:, self._before + 1] * self._share

    def wave(self, peak, per_day=1):
        """Return a cosine of the solar time with its maximum at an hour."""
        return np.cos(2 * np.pi * per_day * (self.solar - peak) / 24)

    def bump(self, peak, width):
        """Return a bell around an hour of the day."""
        away = (self.solar - peak + 12) % 24 - 12
        return np.exp(-0.5 * (away / width) ** 2)

    @cached_property
    def elevation(self):
        return self.daily("elevation")

    @cached_property
    def temperature_2m(self):
        depression = self.daily("temp_air") - self.daily("temp_dew")
        return self.daily("temp_air") + np.clip(2 + 0.25 * depression, 2, 8) * self.wave(14.5)

    @cached_property
    def dew_point_2m(self):
        return np.minimum(self.daily("temp_dew") + 0.6 * self.wave(9), self.temperature_2m - 0.1)

    @cached_property
    def relative_humidity_2m(self):
        return relative_humidity(self.temperature_2m, self.dew_point_2m)

    @cached_property
    def apparent_temperature(self):
        return self.temperature_2m + 0.33 * self.vapour_pressure - 0.7 * self.wind_speed_10m - 4

    @cached_property
    def vapour_pressure(self):
        """[hPa]."""
        return 6.1094 * np.exp(17.625 * self.dew_point_2m / (self.dew_point_2m + 243.04))

    @cached_property
    def vapour_pressure_deficit(self):
        return self.vapour_pressure * (100 / self.relative_humidity_2m - 1) / 10

    @cached_property
    def total_column_integrated_water_vapour(self):
        return 1.6 * self.vapour_pressure

    @cached_property
    def wind(self):
        """Eastward and northward wind: it turns by 100° and doubles within a day. [m s⁻¹]."""
        turn = np.radians(50) * self.wave(15)
        strength = 1 + 0.35 * self.wave(15)
        u, v = self.daily("wind_u"), self.daily("wind_v")
        east, north = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
        return strength * east, strength * north

    @cached_property
    def wind_speed_10m(self):
        return np.hypot(*self.wind)

    @cached_property
    def wind_direction_10m(self):
        u, v = self.wind
        return np.degrees(np.arctan2(-u, -v)) % 360

    @cached_property
    def wind_gusts_10m(self):
        return 1.6 * self.wind_speed_10m + 1

    @cached_property
    def boundary_layer_height(self):
        # The mean over a day of the shape is 1.
        shape = 0.25 + 0.75 * self.bump(14.5, 3.5) * 24 / (3.5 * np.sqrt(2 * np.pi))
        return np.maximum(self.daily("boundary_layer_height") * shape, 20)

    @cached_property
    def surface_pressure(self):
        return self.daily("pressure") + 1.2 * self.wave(10, per_day=2)

    @cached_property
    def pressure_msl(self):
        return self.surface_pressure * 1013.25 / pressure_at(self.elevation)

    @cached_property
    def precipitation(self):
        """Rain of the hour before: that of a day falls in a few of its hours."""
        ended = self._hour - 1
        day, hour = np.maximum(ended // 24, 0).astype(int), (ended % 24).astype(int)
        return self._days["precipitation"][:, day] * self._days["share_of_rain"][:, day, hour]

    @property
    def rain(self):
        return self.precipitation

    @cached_property
    def cloud_cover(self):
        return 100 / (1 + np.exp((68 - self.relative_humidity_2m - 12 * (self.precipitation > 0.1)) / 10))

    @cached_property
    def shortwave_radiation(self):
        return 950 * np.maximum(self.wave(12), 0) * (1 - 0.6 * self.cloud_cover / 100)

    @cached_property
    def pm25(self):
        """PM2.5 that a monitor reads, with peaks in the morning and the evening. [µg m⁻³]."""
        noise = self._days["noise"][:, self._day, self._of_day]
        return self.daily("pm25") * self._traffic(0.9, 1.3) * np.exp(0.12 * noise - 0.0072)

    @cached_property
    def modelled(self):
        """PM2.5 of a transport model: coarse and biased. [µg m⁻³]."""
        return self.daily("cams_pm25") * self._traffic(0.3, 0.4)

    def _traffic(self, morning, evening):
        """Return a factor of mean 1 that peaks at 7:30 and 20:00 solar time."""
        mean = 1 + (morning * 1.8 + evening * 2.2) * np.sqrt(2 * np.pi) / 24
        return (1 + morning * self.bump(7.5, 1.8) + evening * self.bump(20, 2.2)) / mean


class Model:
    """Variables of the air-quality service, invented around the model's PM2.5."""

    def __init__(self, hours):
        self._hours = hours
        self.pm2_5 = hours.modelled
        self.dust = np.maximum(self.pm2_5 - 15, 0) * 0.9
        self.pm10 = 1.3 * self.pm2_5 + 0.8 * self.dust
        self.carbon_monoxide = 110 + 7 * self.pm2_5
        self.nitrogen_dioxide = 2 + 0.3 * self.pm2_5
        self.sulphur_dioxide = 0.8 + 0.08 * self.pm2_5
        self.ammonia = 1 + 0.05 * self.pm2_5
        self.ozone = np.maximum(65 + 30 * hours.wave(15) - 0.1 * self.pm2_5, 2)
        self.aerosol_optical_depth = 0.06 + 0.009 * self.pm2_5
        self.uv_index_clear_sky = 11 * np.maximum(hours.wave(12), 0)
        self.uv_index = self.uv_index_clear_sky * (1 - 0.5 * hours.cloud_cover / 100)


def _times(start, end):
    last = pd.Timestamp(end)
    if isinstance(end, str) and len(end) == len("2020-01-01"):
        last += pd.Timedelta(hours=23)
    return pd.date_range(pd.Timestamp(start), last, freq="h")


def _shares(draws):
    """Return the shares of a day's rain by the hour, from draws of shape (n_days, 24): five have some."""
    amounts = np.exp(draws)
    amounts[amounts < np.sort(amounts, axis=1)[:, -5:-4]] = 0
    return amounts / amounts.sum(axis=1, keepdims=True)


def _between(steps, field, hour):
    """Return a field at hours by straight lines between steps of 3 hours."""
    before = np.clip(((hour - steps[0]) // 3).astype(int), 0, len(steps) - 2)
    share = (hour - steps[before]) / 3
    return field[:, before] * (1 - share) + field[:, before + 1] * share


def _running_mean(series):
    """Return the mean of 24 hours that end with each; NaN in the first 23."""
    sums = np.cumsum(series, axis=1)
    sums[:, 24:] = sums[:, 24:] - sums[:, :-24]
    sums[:, :23] = np.nan
    return sums / 24


def _index(pm25, *, european):
    """Return the air-quality index of a mean PM2.5 [µg m⁻³]; the U.S. one is of 2024."""
    if european:
        return np.interp(pm25, [0, 10, 20, 25, 50, 75, 800], [0, 20, 40, 60, 80, 100, 1000])
    return np.interp(pm25, [0, 9, 35.4, 55.4, 125.4, 225.4, 325.4], [0, 50, 100, 150, 200, 300, 500])


__all__ = ["AIR_QUALITY", "TRUTH", "WEATHER", "Air"]
