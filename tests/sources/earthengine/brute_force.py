"""What an extraction must bring, worked out from the server's public answers alone.

Every column has its line below: asset, band, and in words of numpy which images make its day. Nothing
of the package and nothing of the server's evaluation is used, only its formulas for the value, the mask
and the images of an asset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from earthengine_server import answers

EARTH_KM = 6371.0088
DEGREE_M = 111_319.49079327358
HOUR, DAY = 3_600_000, 86_400_000


def every(image):
    """Take every image."""
    return True


def first_day_of_midnight_run(image):
    """Of CAMS: the run of 00 UTC and its first 24 hours."""
    hour, ahead = image.properties["model_initialization_hour"], image.properties["model_forecast_hour"]
    return hour == 0 and ahead < 24


def next_six_hours(image):
    """Of GFS: forecasts of 1 to 6 hours."""
    return 1 <= image.properties["forecast_hours"] <= 6


def hour_six(image):
    """Of GFS: forecasts of 6 hours, which hold the rain since the run began."""
    return image.properties["forecast_hours"] == 6


def analysis(image):
    """Of GFS: hour 0."""
    return image.properties["forecast_hours"] == 0


@dataclass(frozen=True)
class Daily:
    """A column that is made of a day's images.

    `metres` is the size of the pixels, `later` by how much images' times lie after what they hold [ms].
    """

    asset: str
    band: str
    composite: str = "mean"
    factor: float = 1.0
    plus: float = 0.0
    lowest: float = -np.inf
    clear: str = ""
    takes: object = every
    metres: float = 1113.2
    later: int = 0


#: Pixels of weather and of CAMS: a fortieth of a degree.
COARSE = DEGREE_M / 40


def _sentinel(stream):
    start, end = f"COPERNICUS/S5P/{stream}/L3_", "_column_number_density"
    return {
        "no2": Daily(f"{start}NO2", f"tropospheric_NO2{end}", lowest=-0.001),
        "co": Daily(f"{start}CO", f"CO{end}", lowest=-0.001),
        "hcho": Daily(f"{start}HCHO", f"tropospheric_HCHO{end}", lowest=-0.001),
        "so2": Daily(f"{start}SO2", f"SO2{end}", lowest=-0.001),
        "o3": Daily(f"{start}O3", f"O3{end}", lowest=-0.001),
        "aer_ai": Daily(f"{start}AER_AI", "absorbing_aerosol_index"),
        "cloud_fraction": Daily(f"{start}CLOUD", "cloud_fraction"),
    }


MAIAC, CAMS, ERA5, GFS = (
    "MODIS/061/MCD19A2_GRANULES",
    "ECMWF/CAMS/NRT",
    "ECMWF/ERA5/HOURLY",
    "NOAA/GFS0P25",
)
_CAMS = {
    "cams_pm25": Daily(
        CAMS,
        "particulate_matter_d_less_than_25_um_surface",
        factor=1e9,
        takes=first_day_of_midnight_run,
        metres=COARSE,
    ),
    "cams_aod": Daily(
        CAMS,
        "total_aerosol_optical_depth_at_550nm_surface",
        takes=first_day_of_midnight_run,
        metres=COARSE,
    ),
}

DAILY = {
    **_sentinel("OFFL"),
    "aod047": Daily(MAIAC, "Optical_Depth_047", factor=0.001, clear="AOD_QA"),
    "aod055": Daily(MAIAC, "Optical_Depth_055", factor=0.001, clear="AOD_QA"),
    **_CAMS,
    "temp_air": Daily(ERA5, "temperature_2m", plus=-273.15, metres=COARSE),
    "temp_dew": Daily(ERA5, "dewpoint_temperature_2m", plus=-273.15, metres=COARSE),
    "wind_u": Daily(ERA5, "u_component_of_wind_10m", metres=COARSE),
    "wind_v": Daily(ERA5, "v_component_of_wind_10m", metres=COARSE),
    "pressure": Daily(ERA5, "surface_pressure", factor=0.01, metres=COARSE),
    "boundary_layer_height": Daily(ERA5, "boundary_layer_height", metres=COARSE),
    "precipitation": Daily(
        ERA5, "total_precipitation", composite="sum", factor=1000.0, later=HOUR, metres=COARSE
    ),
}

DAILY_LIVE = {
    **_sentinel("NRTI"),
    **_CAMS,
    "temp_air": Daily(GFS, "temperature_2m_above_ground", takes=next_six_hours, metres=COARSE),
    "temp_dew": Daily(GFS, "dew_point_temperature_2m_above_ground", takes=next_six_hours, metres=COARSE),
    "relative_humidity": Daily(GFS, "relative_humidity_2m_above_ground", takes=next_six_hours, metres=COARSE),
    "wind_u": Daily(GFS, "u_component_of_wind_10m_above_ground", takes=next_six_hours, metres=COARSE),
    "wind_v": Daily(GFS, "v_component_of_wind_10m_above_ground", takes=next_six_hours, metres=COARSE),
    "precipitable_water": Daily(
        GFS, "precipitable_water_entire_atmosphere", takes=next_six_hours, metres=COARSE
    ),
    "boundary_layer_height": Daily(
        GFS, "planetary_boundary_layer_height", takes=next_six_hours, metres=COARSE
    ),
    "precipitation": Daily(
        GFS, "total_precipitation_surface", composite="sum", takes=hour_six, metres=COARSE
    ),
}

#: Of the 2020 set, a column of each way in which its days are made.
DAILY_REFERENCE = {
    "0_stratospheric_NO2_column_number_density": Daily(
        "COPERNICUS/S5P/OFFL/L3_NO2",
        "stratospheric_NO2_column_number_density",
        composite="recent",
        metres=5000,
    ),
    "4_cloud_top_pressure": Daily(
        "COPERNICUS/S5P/OFFL/L3_CLOUD", "cloud_top_pressure", composite="recent", metres=5000
    ),
    "temperature_2m_above_ground": Daily(
        GFS, "temperature_2m_above_ground", composite="first", takes=analysis, metres=5000
    ),
}


@dataclass(frozen=True)
class Discs:
    """Pixels whose centres lie within a distance of cities.

    Attributes
    ----------
    city : numpy.ndarray of int, shape (n,)
        The city that each pixel belongs to.
    places : answers.Places
        The pixels' centres.
    """

    city: np.ndarray
    places: answers.Places
    n_cities: int

    def mean(self, values, valid):
        """Mean of the valid pixels by city, NaN without any; shape (n_cities,)."""
        with np.errstate(invalid="ignore"):
            return self.total(np.where(valid, values, 0.0)) / self.total(valid)

    def total(self, values):
        """Sum by city."""
        return np.bincount(self.city, weights=values, minlength=self.n_cities)


def discs(cities, radius_km, metres):
    """Pixels of the grid of so many metres at the equator, in degrees, around cities (lon, lat)."""
    step = metres / DEGREE_M
    owners, longitudes, latitudes = [], [], []
    for number, (longitude, latitude) in enumerate(cities):
        tall = np.rad2deg(radius_km / EARTH_KM) + step
        wide = tall / np.cos(np.deg2rad(abs(latitude) + tall))
        columns = np.arange(np.floor((longitude - wide) / step), np.floor((longitude + wide) / step) + 1)
        lines = np.arange(np.floor((latitude - tall) / step), np.floor((latitude + tall) / step) + 1)
        east, north = (grid.ravel() for grid in np.meshgrid((columns + 0.5) * step, (lines + 0.5) * step))
        inside = kilometres(longitude, latitude, east, north) <= radius_km
        owners.append(np.full(inside.sum(), number))
        longitudes.append(east[inside])
        latitudes.append(north[inside])
    places = answers.Places(np.concatenate(longitudes), np.concatenate(latitudes))
    return Discs(np.concatenate(owners), places, len(cities))


def kilometres(longitude, latitude, east, north):
    """Great-circle distance by the angle between unit vectors, exact for near points, too."""
    a, b, c, d = (np.deg2rad(angle) for angle in (longitude, latitude, east, north))
    one = np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
    two = np.array([np.cos(d) * np.cos(c), np.cos(d) * np.sin(c), np.sin(d)])
    chord = np.sqrt(((two.T - one) ** 2).sum(axis=1))
    return 2 * EARTH_KM * np.arcsin(chord / 2)


def daily(column, disc, start, end):
    """Mean, count of valid pixels and mean time of a column's images from `start` to `end`. [ms]"""
    if column.composite == "recent":
        start, end = start - 5 * DAY, start
    start, end = start + column.later, end + column.later
    pictures = [
        image
        for image in answers.images(column.asset, start, end)
        if column.takes(image) and column.band in answers.bands_of(column.asset, image)
    ]
    pictures.sort(key=lambda image: image.time)
    if column.composite == "first":
        pictures = pictures[:1]
    n = len(disc.city)
    total, seen, times = np.zeros(n), np.zeros(n), np.zeros(n)
    for image in pictures:
        known = answers.valid_at(column.asset, column.band, disc.places, image.field_time)
        if not known.any():
            continue
        values = answers.field_at(column.asset, column.band, disc.places, image.field_time)
        if column.clear:
            quality = answers.field_at(column.asset, column.clear, disc.places, image.field_time)
            bits = quality.astype(int)
            clear, adjacency, retrieval = bits % 8 == 1, bits // 32 % 8, bits // 256 % 16
            known = known & clear & (adjacency == 0) & (retrieval == 0)
        known = known & (values >= column.lowest)
        if column.composite == "recent":
            total[known], times[known], seen[known] = values[known], image.time, 1
        else:
            total[known] += values[known]
            times[known] += image.time
            seen[known] += 1
    valid = seen > 0
    pixels = total if column.composite == "sum" else total / np.maximum(seen, 1)
    mean = disc.mean(pixels, valid) * column.factor + column.plus
    return mean, disc.total(valid), disc.mean(times / np.maximum(seen, 1), valid)


#: Of the sinusoidal grid: cells of a nominal kilometre, and the radius of its sphere. [m]
CELL_M, SPHERE_M = 926.625433055833, 6_371_007.181


def sinusoidal_cells(city, radius_km):
    """Longitude and latitude of the centres of the cells whose centres lie within a distance."""
    longitude, latitude = city
    half = np.rad2deg(radius_km / EARTH_KM) + 0.05
    rows = np.arange(*(np.floor(SPHERE_M * np.deg2rad(latitude + end) / CELL_M) for end in (-half, half)))
    east, north = [], []
    for row in rows:
        degrees = np.rad2deg((row + 0.5) * CELL_M / SPHERE_M)
        across = CELL_M / (SPHERE_M * np.cos(np.deg2rad(degrees)))
        wide = half / np.cos(np.deg2rad(min(abs(latitude) + half, 89)))
        columns = np.arange(*(np.floor(np.deg2rad(longitude + end) / across) for end in (-wide, wide)))
        east.append(np.rad2deg((columns + 0.5) * across))
        north.append(np.full(len(columns), degrees))
    east, north = np.concatenate(east), np.concatenate(north)
    inside = kilometres(longitude, latitude, east, north) <= radius_km
    return east[inside], north[inside]


def fires(city, day_starts, rings_km, asset="NASA/VIIRS/002/VNP14A1"):
    """Fire power in rings around a city [MW], and the share of their cells that was seen.

    Both of shape (n_days, n_rings). Power and classes are added up cell by cell.
    """
    east, north = sinusoidal_cells(city, rings_km[-1])
    ring = np.searchsorted(rings_km, kilometres(*city, east, north))
    places = answers.Places(east, north)
    powers, seen = np.zeros((2, len(day_starts), len(rings_km)))
    for row, start in enumerate(day_starts):
        (image,) = answers.images(asset, start, start + DAY)
        burns = answers.valid_at(asset, "MaxFRP", places, image.time)
        power = np.where(burns, answers.field_at(asset, "MaxFRP", places, image.time), 0.0)
        classes = answers.field_at(asset, "FireMask", places, image.time)
        powers[row] = 0.1 * np.bincount(ring, weights=power, minlength=len(rings_km))
        looked_at = np.bincount(ring, weights=(classes >= 5) & (classes <= 9), minlength=len(rings_km))
        seen[row] = looked_at / np.bincount(ring, minlength=len(rings_km))
    return powers, seen


def night_lights(cities, year, radius_km):
    """The image of the year, or the last before it, or else the first; dark pixels count as 0."""
    disc = discs(cities, radius_km, 463.83)
    pictures = list(answers.images("NOAA/VIIRS/DNB/ANNUAL_V22", 0, answers.milliseconds("2100-01-01")))
    before = [image for image in pictures if image.time <= answers.milliseconds(f"{year}-12-31")]
    image = before[-1] if before else pictures[0]
    lit = answers.valid_at("NOAA/VIIRS/DNB/ANNUAL_V22", "average_masked", disc.places, image.time)
    light = answers.field_at("NOAA/VIIRS/DNB/ANNUAL_V22", "average_masked", disc.places, image.time)
    return disc.mean(np.where(lit, light, 0.0), np.ones(len(lit), bool))


def population_density(cities, year, radius_km):
    """People a cell of 0.01 km², of the last multiple of five years, times 100."""
    disc = discs(cities, radius_km, 100.0)
    time = answers.milliseconds(f"{year // 5 * 5}-01-01")
    people = answers.field_at("JRC/GHSL/P2023A/GHS_POP", "population_count", disc.places, time)
    return 100 * disc.mean(people, np.ones(len(people), bool))


def elevation(cities, radius_km):
    """Mean height of the surface."""
    disc = discs(cities, radius_km, 300.0)
    time = answers.milliseconds("2010-12-01")
    height = answers.field_at("COPERNICUS/DEM/GLO30_2024_1", "DEM", disc.places, time)
    return disc.mean(height, np.ones(len(height), bool))


def worst_error(found, expected):
    """Largest relative error; infinite where one is empty and the other is not.

    Relative to the value, or to the thousandth part of the column's largest one if that is more, for
    wind and noise pass through zero.
    """
    found, expected = np.asarray(found, dtype="float64"), np.asarray(expected, dtype="float64")
    if (np.isnan(found) != np.isnan(expected)).any():
        return np.inf
    known = ~np.isnan(expected)
    if not known.any():
        return 0.0
    size = np.abs(expected[known])
    floor = max(1e-3 * size.max(), np.finfo(float).tiny)
    return float((np.abs(found[known] - expected[known]) / np.maximum(size, floor)).max())


def expected(cities, days, columns, *, quality=False, offset_hours=None, radius_km=5.0):
    """Every daily column of cities, with its count and age where asked for.

    Parameters
    ----------
    cities : list of (float, float)
        Longitude and latitude. [°]
    days : list of str
        ISO 8601.
    columns : dict of str to Daily
        What to work out.
    offset_hours : list of int, optional
        Hours by which each city's day begins before the day in UTC.

    Returns
    -------
    dict of str to numpy.ndarray of shape (n_cities, n_days)
    """
    offsets = np.zeros(len(cities), dtype=int) if offset_hours is None else np.asarray(offset_hours)
    names = [f"{name}{end}" for name in columns for end in (("", "_count", "_age") if quality else ("",))]
    table = {name: np.full((len(cities), len(days)), np.nan) for name in names}
    for offset in np.unique(offsets):
        rows = np.flatnonzero(offsets == offset)
        grids = {
            metres: discs([cities[row] for row in rows], radius_km, metres)
            for metres in {column.metres for column in columns.values()}
        }
        for position, day in enumerate(days):
            start = answers.milliseconds(day) - int(offset) * HOUR
            for name, column in columns.items():
                mean, count, time = daily(column, grids[column.metres], start, start + DAY)
                table[name][rows, position] = mean
                if quality:
                    table[f"{name}_count"][rows, position] = count
                    table[f"{name}_age"][rows, position] = (start + DAY - time) / DAY
    return table
