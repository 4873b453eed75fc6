"""What the server knows about the Earth. Everything here is SIMULATED: invented, and no measurement.

Seven waves travel over the globe. Every band of every asset is its own mixture of them between the
two ends of its range, so that the value at any place and time is a formula that a reader can
evaluate without the server: :func:`field` for the value, :func:`valid` for the mask,
:func:`images` for what exists. Bands share the phases of the waves up to a shift of their own, so
that a model can learn one from the others.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np

from .assets import ASSETS, DAY, HOUR
from .geometry import to_sinusoidal

#: The waves: full waves around the globe eastward and northward, and period. [1, 1, d]
WAVES = np.array(
    [
        (1, 2, 365.25),
        (3, -2, 27.0),
        (12, 9, 6.5),
        (-17, 14, 3.7),
        (180, 140, 41.0),
        (900, -1_100, 13.0),
        (-1, 0, 1.0),  # follows the Sun
    ]
)

#: Shares of the waves in cloudiness: much of it changes within a city.
_CLOUD_SHARES = np.array([0.04, 0.05, 0.12, 0.10, 0.07, 0.12, 0.0])

#: Share of cells that burn, by a lot of their own, where the simulated fire danger is greatest.
_FIRES_AT_MOST = 0.02

#: average_masked exists where the simulated lights, between 0 and 1, are above this.
_LIT_ABOVE = 0.4

_OVERPASS = 13.5  # local time at which satellites pass [h]


@dataclass(frozen=True)
class ImageFacts:
    """One image of a collection.

    Attributes
    ----------
    index : str
        Its `system:index`.
    time : int
        Its `system:time_start`. [ms since 1970-01-01 UTC]
    duration : int
        Its `system:time_end` less its `system:time_start`. [ms]
    properties : dict
        Other properties.
    field_time : int
        When the values hold: forecasts are made before. [ms since 1970-01-01 UTC]
    footprint : tuple of float or None
        West, south, east and north of what it covers; None for the Earth. [°]
    """

    index: str
    time: int
    duration: int
    properties: dict
    field_time: int
    footprint: tuple[float, float, float, float] | None = None


class Places:
    """Places on the Earth, with what all bands need of them.

    Parameters
    ----------
    longitude, latitude : array-like of shape (n,)
        Positions. [°]

    Attributes
    ----------
    longitude : numpy.ndarray of shape (n,)
        From -180 to 180. [°]
    latitude : numpy.ndarray of shape (n,)
        [°]
    """

    def __init__(self, longitude, latitude):
        self.longitude = (np.asarray(longitude, float) + 180) % 360 - 180
        self.latitude = np.asarray(latitude, float)

    @functools.cached_property
    def waves(self):
        """Sine, then cosine, of every wave's angle at time 0; shape (14, n)."""
        east, north = WAVES[:, 0], WAVES[:, 1]
        angle = np.deg2rad(np.outer(east, self.longitude) + np.outer(north, self.latitude))
        return np.concatenate([np.sin(angle), np.cos(angle)])

    @functools.cached_property
    def degree_km(self):
        """Length of a degree of longitude. [km]"""
        return 111.195 * np.cos(np.deg2rad(self.latitude))


def field(asset, band, longitude, latitude, time):
    """Value of a band, whether or not the pixel is masked.

    Parameters
    ----------
    asset : str
        Asset id.
    band : str
        Band name.
    longitude, latitude : array-like of shape (n,)
        Places. [°]
    time : int
        Time at which the values hold: `field_time` of the image. [ms since 1970-01-01 UTC]

    Returns
    -------
    numpy.ndarray of shape (n,)
        Values, in the band's native unit.

    Examples
    --------
    >>> kelvin = field("ECMWF/ERA5/HOURLY", "temperature_2m", [32.6, 36.8], [0.3, -1.3], 1577836800000)
    >>> bool(np.all((kelvin > 278) & (kelvin < 310)))
    True
    """
    return field_at(asset, band, Places(longitude, latitude), time)


def valid(asset, band, longitude, latitude, time):
    """Whether a pixel of a band is not masked: seen by the orbit, without cloud, with fire.

    Parameters
    ----------
    asset, band, longitude, latitude, time
        As in :func:`field`.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    return valid_at(asset, band, Places(longitude, latitude), time)


def field_at(asset, band, places, time):
    """:func:`field` at :class:`Places`, which keep what several bands share."""
    facts = ASSETS[asset]
    days = time / DAY * facts.pace
    if band == "AOD_QA":
        return _quality_bits(places.waves, days)
    low, high = facts.bands[band]
    shares, phases = _mixture(f"{facts.seed or facts.id}/{band}")
    values = low + (high - low) * _mixed(shares, phases, places.waves, days)
    return np.round(values) if band in facts.whole_numbers else values


def valid_at(asset, band, places, time):
    """:func:`valid` at :class:`Places`."""
    facts = ASSETS[asset]
    days = time / DAY * facts.pace
    if facts.swath_km is None:
        seen = np.ones(places.longitude.shape, dtype=bool)
    else:
        seen = _in_swath(places, time, facts.swath_km)
    if facts.clear_below < 1 and seen.any():
        seen &= _cloudiness(places.waves, days) < facts.clear_below
    if band == "MaxFRP":
        danger = _mixed(*_mixture("fire danger"), places.waves, days)
        seen &= _lot(places, facts.cell, days) < _FIRES_AT_MOST * danger**2
    if band == "average_masked":
        seen &= _mixed(*_mixture("lit ground"), places.waves, days) > _LIT_ABOVE
    return seen


def images(asset, start, end) -> Iterator[ImageFacts]:
    """The images of an asset that start in a period, in order of their time.

    Parameters
    ----------
    asset : str
        Asset id.
    start, end : int
        The period, `end` not in it. [ms since 1970-01-01 UTC]

    Yields
    ------
    ImageFacts

    Examples
    --------
    >>> day = milliseconds("2020-01-01")
    >>> len(list(images("COPERNICUS/S5P/OFFL/L3_NO2", day, day + 86_400_000)))
    14
    >>> next(images("ECMWF/ERA5/HOURLY", day, day + 1)).index
    '20200101T000000'
    """
    facts = ASSETS[asset]
    first = milliseconds(facts.first)
    last = milliseconds(facts.last) if facts.last else milliseconds("2026-07-31")
    for image in CADENCES[facts.cadence](max(start, first), min(end, last + DAY)):
        if max(start, first) <= image.time < min(end, last + DAY):
            yield image


def bands_of(asset, image):
    """Names of the bands of one image: some start late, some only forecasts have."""
    facts = ASSETS[asset]
    analysis = image.properties.get("forecast_hours") == 0
    return [
        band
        for band in facts.bands
        if image.time >= milliseconds(facts.later_bands.get(band, "1900-01-01"))
        and not (analysis and band in facts.forecast_bands)
    ]


@functools.cache
def milliseconds(day):
    """Start of a day, given as ISO 8601. [ms since 1970-01-01 UTC]

    >>> milliseconds("1970-01-02")
    86400000
    """
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY


@functools.cache
def _mixture(name):
    """Shares of the waves, 0.5 in all, and their phases."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    shares = random.dirichlet(np.ones(len(WAVES)))
    return 0.5 * shares, np.arange(len(WAVES)) + random.uniform(-1, 1, len(WAVES))


def _mixed(shares, phases, waves, days):
    """Mixture of the waves, between 0 and 1: sin(a + b) = sin a cos b + cos a sin b."""
    turn = phases - 2 * np.pi * days / WAVES[:, 2]
    return 0.5 + np.concatenate([shares * np.cos(turn), shares * np.sin(turn)]) @ waves


def _cloudiness(waves, days):
    return _mixed(_CLOUD_SHARES, np.arange(len(WAVES)), waves, days)


def _lot(places, cell, days):
    """A number between 0 and 1 that differs from sinusoidal cell to cell and from day to day."""
    row, column = (np.floor(metres / cell) for metres in to_sinusoidal(places.longitude, places.latitude))
    return np.abs(np.modf(np.sin(12.9898 * row + 78.233 * column + 37.719 * days) * 43_758.5453)[0])


def _quality_bits(waves, days):
    """Bits of AOD_QA.

    0-2: 1 clear, 2 possibly cloudy, 3 cloudy. 5-7: 0 normal, 1 next to clouds. 8-11: 0 best, 3 a neighbour is
    cloudy, 11 possibly cloudy.
    """
    cloudiness = _cloudiness(waves, days)
    possibly, beside = (cloudiness > 0.42) & (cloudiness <= 0.44), cloudiness > 0.46
    retrieval = np.where(beside, 3, np.where(possibly, 11, 0))
    return 1.0 + (cloudiness > 0.5) + (cloudiness > 0.57) + 32.0 * beside + 256.0 * retrieval


def _in_swath(places, time, swath_km):
    """Whether an orbit sees a place: it looks down where the local time is 13:30."""
    centre = ((_OVERPASS - time % DAY / HOUR) * 15 + 180) % 360 - 180
    away = np.abs(places.longitude - centre)
    return np.minimum(away, 360 - away) * places.degree_km <= swath_km / 2


def _image(time, duration, *, index=None, field_time=None, **properties):
    index = index or datetime.fromtimestamp(time / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    return ImageFacts(index, time, duration, properties, time if field_time is None else field_time)


def _days(start, end):
    return range(int(start // DAY) * DAY, int(end), DAY)


def _evenly(step):
    """Images that follow each other without gap, the first of a day at 00:00."""

    def cadence(start, end):
        for day in _days(start, end):
            for number in range(round(DAY / step)):
                yield _image(day + round(number * step), round(step))

    return cadence


def _daily(start, end):
    for day in _days(start, end):
        yield _image(day, DAY, index=datetime.fromtimestamp(day / 1000, UTC).strftime("%Y_%m_%d"))


def _cams_runs(start, end):
    """Two runs a day, every third forecast hour of five days; time_start is when a forecast holds."""
    for day in _days(start, end):
        for hour in range(0, 24, 3):
            time = day + hour * HOUR
            for ahead in range(0, 121, 3):
                run = time - ahead * HOUR
                if run % (12 * HOUR) == 0:
                    yield _cams_image(run, ahead)


def _cams_image(run, ahead):
    made = datetime.fromtimestamp(run / 1000, UTC)
    return _image(
        run + ahead * HOUR,
        0,
        index=f"F{made:%Y%m%dT%H%M}V{ahead:03d}",
        model_initialization_hour=made.hour,
        model_forecast_hour=ahead,
    )


def _gfs_runs(start, end):
    """Four runs a day, every forecast hour of one day; time_start is when a run began.

    Runs before 2017-07-09 have every third hour only, and no hour 0.
    """
    for day in _days(start, end):
        for run in range(day, day + DAY, 6 * HOUR):
            for ahead in range(0, 25) if run >= milliseconds("2017-07-09") else range(3, 25, 3):
                yield _image(
                    run,
                    0,
                    index=f"{datetime.fromtimestamp(run / 1000, UTC):%Y%m%d%H}F{ahead:03d}",
                    field_time=run + ahead * HOUR,
                    creation_time=run,
                    forecast_time=run + ahead * HOUR,
                    forecast_hours=ahead,
                )


def _years(names):
    """Images of whole years, by the name of each."""

    def cadence(start, end):
        for year, name in names.items():
            time = milliseconds(f"{year}-01-01")
            yield _image(time, milliseconds(f"{year}-12-31") + DAY - time, index=name)

    return cadence


def _gpw_years(name):
    return _years({year: f"gpw_v4_{name}_rev11_{year}_30_sec" for year in range(2000, 2021, 5)})


def _tiles(start, end, degrees=15):
    """Squares that cover the Earth together, all of one day."""
    for south in range(-90, 90, degrees):
        for west in range(-180, 180, degrees):
            image = _image(milliseconds("2010-12-01"), DAY, index=f"tile_{west}_{south}")
            yield replace(image, footprint=(west, south, west + degrees, south + degrees))


#: How the images of an asset lie in time.
CADENCES = {
    "orbits": _evenly(DAY / 14),
    "granules": _evenly(DAY / 4),
    "hourly": _evenly(HOUR),
    "daily": _daily,
    "cams_runs": _cams_runs,
    "gfs_runs": _gfs_runs,
    "yearly": _years({year: f"{year}0101" for year in range(2013, 2025)}),
    "five_yearly": _years({year: str(year) for year in range(1975, 2031, 5)}),
    "gpw_years": _gpw_years("population_density"),
    "gpw_adjusted_years": _gpw_years("population_density_adjusted_to_2015_unwpp_country_totals"),
    "dmsp_years": _years({1999: "F12_1999_rad_v4", 2006: "F16_2006_rad_v4", 2010: "F16_2010_rad_v4"}),
    "tiles": _tiles,
}
