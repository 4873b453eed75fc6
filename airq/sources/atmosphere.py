"""A plausible atmosphere over Africa: weather, dust, fires and urban smoke, by place and day.

Randomness has a shape here: fields are smooth in space and time, and every city has noise of its own.
Each field and each city draws from its own stream, so that what a city gets does not depend on the
cities beside it.

Arrays have the shape (n_cities, n_days). Latitudes [°] and days of the year [d], 1 on the first of
January, broadcast against each other, so the functions of the season also take plain numbers. The shapes
of the seasons follow the literature that each function names; magnitudes without a reference are orders of
magnitude, chosen so that the result looks like the continent's monitors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import expit, ndtr

from airq.geo import distances_km, geocentric_km
from airq.meteorology import relative_humidity

#: Plane waves in a field: the correlation of two places errs by about 1 / sqrt(2 WAVES).
WAVES = 96
#: Days in a year. [d]
YEAR = 365.25
#: Dust storms approach it and do not exceed it. [µg m⁻³]
DENSEST_DUST = 800.0
BODELE = pd.DataFrame({"latitude": [17.0], "longitude": [18.0]})

#: Latitude [°], longitude [°], height [m] and radius [km] of the highlands that the simulation knows.
HIGHLANDS = (
    (9.5, 39.0, 2300, 350),  # Ethiopia
    (-1.0, 34.0, 1300, 600),  # East African plateau
    (-13.0, 24.0, 1000, 900),  # Angola to Zambia
    (-28.0, 27.0, 1500, 500),  # Highveld
    (33.0, -3.0, 900, 350),  # Atlas
    (6.0, 11.0, 900, 250),  # Cameroon
    (10.0, 9.0, 600, 200),  # Jos
    (-19.0, 47.0, 1200, 200),  # Madagascar
)

#: Areas of the rings of the fire columns. [km²]
FIRE_RINGS = {
    "fire_power_50km": np.pi * 50**2,
    "fire_power_150km": np.pi * (150**2 - 50**2),
    "fire_power_300km": np.pi * (300**2 - 150**2),
}


def stream(seed, name):
    """Return a random generator of its own for a seed and a name."""
    return np.random.default_rng([seed, *name.encode()])


def smooth_field(name, cities, n_days, *, seed, length_km, memory_days):
    """Return a Gaussian random field, smooth in space and with a memory in time, of mean 0 and variance 1.

    It sums plane waves through the geocentric frame (random Fourier features: A. Rahimi, B. Recht,
    Random features for large-scale kernel machines, NIPS 2007), whose amplitudes follow first-order
    autoregressions in time. Fields of different names are independent; fewer days give the beginning of
    the same field. The correlation is exp(-1/2) at the distance `length_km` [km] and falls to exp(-1) in the
    time `memory_days` [d]. The array has the shape (n_cities, n_days), float32.
    """
    rng = stream(seed, f"field {name}")
    phase = geocentric_km(cities) @ (rng.standard_normal((3, WAVES)) / length_km)
    features = np.hstack([np.cos(phase), np.sin(phase)]) / np.sqrt(WAVES)
    amplitudes = autoregression(rng.standard_normal((n_days, 2 * WAVES)).T, memory_days)
    return (features @ amplitudes).astype("float32")


def autoregression(noise, memory_days):
    """Turn white noise of shape (n_series, n_days) into first-order autoregressions along its last axis.

    They are stationary, have the noise's variance, and their correlation falls to exp(-1) in
    `memory_days`. [d]
    """
    keep = np.exp(-1 / memory_days)
    series = np.sqrt(1 - keep**2) * noise
    series[:, 0] = noise[:, 0]
    return lfilter([1], [1, -keep], series, axis=1).astype(noise.dtype)


def city_noise(cities, n_days, names, *, seed):
    """Draw white Gaussian noise of every city by name, each of shape (n_cities, n_days), float32."""
    block = np.empty((len(names), len(cities), n_days), dtype="float32")
    for position, city_id in enumerate(cities["city_id"]):
        rng = stream(seed, f"city {city_id}")
        block[:, position] = rng.standard_normal((n_days, len(names)), dtype="float32").T
    return dict(zip(names, block, strict=True))


def grid(cities, dates):
    """Return latitudes of shape (n_cities, 1) [°] and days of the year of shape (n_days,) [d]."""
    return cities["latitude"].to_numpy()[:, None], dates.day_of_year.to_numpy()


def season(day_of_year, peak, sharpness):
    """Return a yearly bell curve: 1 on the peak's day, exp(-2 sharpness) half a year later.

    >>> float(season(30, peak=30, sharpness=2.0))
    1.0
    """
    return np.exp(sharpness * (np.cos(2 * np.pi * (day_of_year - peak) / YEAR) - 1))


def winter(latitude, day_of_year):
    """Return 1 in the middle of the hemisphere's winter, 0 in the middle of its summer.

    >>> float(winter(36.8, 15))
    1.0
    """
    return 0.5 + 0.5 * np.sign(latitude) * np.cos(2 * np.pi * (day_of_year - 15) / YEAR)


def rain_belt(day_of_year):
    """Return the latitude of the middle of the tropical rain belt, in degrees.

    It follows the sun by about six weeks, from 9° S in February to 11° N in August (S. Nicholson, Bull. Am.
    Meteorol. Soc. 99, 337-348, 2018, who also says what this picture leaves out).

    >>> float(rain_belt(220))
    11.0
    """
    return 1 + 10 * np.cos(2 * np.pi * (day_of_year - 220) / YEAR)


def wetness(latitude, day_of_year):
    """Return how deep in a rainy season a place is, from 0 (dry) to 1.

    Niamey (13.5° N) in August and in January:

    >>> wetness(13.5, np.array([220, 15])).round(2).tolist()
    [0.88, 0.0]
    """
    away = latitude - rain_belt(day_of_year)
    tropical = np.exp(-0.5 * (away / np.where(away > 0, 5, 11)) ** 2)
    return np.maximum(tropical, 0.6 * expit((np.abs(latitude) - 31.5) / 1.5) * winter(latitude, day_of_year))


def elevation(cities):
    """Return the height [m] of each city, from eight round highlands; this is no terrain model."""
    places = pd.DataFrame(HIGHLANDS, columns=["latitude", "longitude", "height", "radius"])
    nearness = np.exp(-0.5 * (distances_km(cities, places) / places["radius"].to_numpy()) ** 2)
    return 30 + (nearness * places["height"].to_numpy()).max(axis=1)


def pressure_at(height):
    """Return the pressure [hPa] of the U.S. Standard Atmosphere (1976) at a height [m].

    >>> float(pressure_at(0))
    1013.25
    """
    return 1013.25 * (1 - 2.25577e-5 * np.asarray(height)) ** 5.25588


def weather(cities, dates, noise, *, seed):
    """Return the daily weather of cities on consecutive days, arrays by name, float32.

    These are the panel's weather columns in its units, and `wetness` [1], `cloud` [1] and `speed` [m s⁻¹].
    `noise` is white noise by name, see :func:`city_noise`; `seed` is that of the fields.
    """

    def field(name, length_km, memory_days):
        shape = {"length_km": length_km, "memory_days": memory_days}
        return smooth_field(name, cities, len(dates), seed=seed, **shape)

    latitude, day = grid(cities, dates)
    height = elevation(cities)[:, None]
    wet = wetness(latitude, day)
    moist = 0.85 * field("moisture", 400, 1.5) + 0.53 * noise["rain"]
    temp_air = usual_temperature(latitude, day, height) - 1.5 * wet
    temp_air = temp_air + 1.8 * field("temperature", 900, 4) + 0.7 * noise["temp"]
    depression = np.maximum(2 + 22 * np.exp(-3 * wet) - 2.5 * moist + 1.5 * noise["dew"], 0.3)
    wind_u, wind_v = prevailing_wind(latitude, day)
    wind_u = wind_u + 1.6 * field("wind u", 800, 2.5) + 0.5 * noise["wind_u"]
    wind_v = wind_v + 1.6 * field("wind v", 800, 2.5) + 0.5 * noise["wind_v"]
    speed = np.hypot(wind_u, wind_v)
    mixing = 0.2 * field("mixing", 500, 3) + 0.15 * noise["mixing"]
    columns = {
        "temp_air": temp_air,
        "temp_dew": temp_air - depression,
        "relative_humidity": relative_humidity(temp_air, temp_air - depression),
        "wind_u": wind_u,
        "wind_v": wind_v,
        "precipitation": rain(wet, moist),
        "pressure": pressure_at(height) + (1 + np.abs(latitude) / 12) * field("pressure", 1200, 4),
        "boundary_layer_height": mixing_height(temp_air, depression, speed, mixing),
        "wetness": wet,
        "cloud": expit(-1.6 + 4 * wet + 1.2 * moist + 0.8 * noise["cloud"]),
        "speed": speed,
    }
    return {name: values.astype("float32") for name, values in columns.items()}


def usual_temperature(latitude, day_of_year, height):
    """Return the air temperature [°C] of the season, 6.5 °C colder for every kilometre of height [m].

    >>> float(usual_temperature(0.0, 100, 0.0))
    28.0
    """
    swing = np.cos(2 * np.pi * (day_of_year - 200) / YEAR)
    return 28 - 0.009 * latitude**2 + 0.24 * latitude * swing - 0.0065 * height


def prevailing_wind(latitude, day_of_year):
    """Return the mean wind towards east and north [m s⁻¹]: trades, monsoon south of the rain, westerlies.

    >>> u, v = prevailing_wind(13.5, 15)  # Harmattan: from the north-east
    >>> bool(u < 0), bool(v < 0)
    (True, True)
    """
    north = np.tanh((latitude - rain_belt(day_of_year)) / 5)
    turned = expit((latitude - 3) / 2)  # the south-east trade turns right north of the equator
    westerly = 4 * expit((np.abs(latitude) - 31) / 2) * winter(latitude, day_of_year)
    trade_u = np.where(north > 0, -2.2 * north, -north * (-2 + 3.5 * turned))
    return trade_u + westerly, -2 * north * np.exp(-((latitude / 25) ** 2))


def rain(wet, moist):
    """Return daily rain [mm]: on 0.6 wet^1.2 of the days, with exponential amounts of mean 5 + 6 wet.

    `wet` is the depth in the rainy season [1], see :func:`wetness`; `moist` is standard normal [1], and the
    moistest days have the most rain.
    """
    chance = np.maximum(0.6 * wet**1.2, 1e-6)
    excess = np.maximum(ndtr(moist) - (1 - chance), 0) / chance
    return -(5 + 6 * wet) * np.log1p(-np.minimum(excess, 1 - 1e-6))


def mixing_height(temp_air, depression, speed, anomaly):
    """Return the daily mean boundary-layer height [m]: deep over dry ground, in heat and in wind.

    It depends on air temperature and dew-point depression [°C] and wind speed [m s⁻¹]; `anomaly` is the
    logarithm of what these do not explain.
    """
    height = (300 + 30 * depression + 60 * speed) * np.exp(0.015 * (temp_air - 25) + anomaly)
    return np.clip(height, 60, 4000)


def washout(precipitation):
    """Return the share of particles that today's rain and, at half strength, yesterday's leaves [1].

    >>> washout(np.array([[0.0, 10.0, 0.0]])).round(2).tolist()
    [[1.0, 0.74, 0.86]]
    """
    yesterday = np.pad(precipitation, ((0, 0), (1, 0)))[:, :-1]
    return np.maximum(np.exp(-0.03 * (precipitation + 0.5 * yesterday)), 0.4)


def dust(cities, dates, air, *, seed):
    """Return desert dust below 2.5 µm [µg m⁻³]: Harmattan from the Bodélé, the Sahara's own in spring.

    November to March, decreasing with the distance from the Bodélé depression, west of it, in
    episodes of some days that are coherent over some hundred kilometres, stronger in northerly wind,
    none in the rain belt. Sahelian stations record monthly mean PM10 of 100 to 300 µg m⁻³ in these
    months and several thousand on single days [1]_; a quarter or so of it is PM2.5.

    References
    ----------
    .. [1] B. Marticorena et al., Atmos. Chem. Phys. 10, 8899-8915, 2010.
    .. [2] R. Washington et al., Dust and the low-level circulation over the Bodélé depression, J.
       Geophys. Res. 111, D03201, 2006.
    """
    latitude, day = grid(cities, dates)
    longitude = cities["longitude"].to_numpy()[:, None]
    reach = np.exp(-distances_km(cities, BODELE) / 1700) * expit((26 - longitude) / 4)
    desert = np.exp(-0.5 * ((latitude - 22) / 6) ** 2)
    mean = 130 * reach * season(day, 25, 2.2) + desert * (5 + 22 * season(day, 110, 1.5))
    episode = smooth_field("dust", cities, len(dates), seed=seed, length_km=600, memory_days=3)
    northerly = np.clip(1 - 0.2 * air["wind_v"], 0.3, 2.2)
    dry = (1 - air["wetness"]) ** 2
    thick = mean * np.exp(0.9 * episode - 0.4) * northerly * dry
    return (DENSEST_DUST * -np.expm1(-thick / DENSEST_DUST)).astype("float32")


def fires(cities, dates, air, *, seed):
    """Return the burning of savannas, 1 where and when it is usually at its height.

    North of the equator the fires peak around the turn of the year at 5 to 12° N, south of it in
    August and September at 5 to 15° S (G. Roberts, M. Wooster, E. Lagoudakis, Annual and diurnal African
    biomass burning temporal dynamics, Biogeosciences 6, 849-866, 2009).
    """
    latitude, day = grid(cities, dates)
    north = np.exp(-0.5 * ((latitude - 8.5) / 3) ** 2) * season(day, 1, 4)
    south = np.exp(-0.5 * ((latitude + 10) / 5) ** 2) * season(day, 232, 3)
    episode = smooth_field("fires", cities, len(dates), seed=seed, length_km=350, memory_days=5)
    return ((north + south) * np.exp(0.6 * episode - 0.18) * washout(air["precipitation"])).astype("float32")


def fire_power(burning, cloud, noise):
    """Return the fire radiative power [MW] that a satellite sees in each ring of :data:`FIRE_RINGS`.

    At the height of the season some 10 kW per km²; clouds hide up to 70 %, and less than 1 MW is not
    detected. Small rings hold few fires, so they vary most.
    """
    seen = burning * (1 - 0.7 * cloud) * 0.012
    powers = {}
    for (name, area), sigma in zip(FIRE_RINGS.items(), (1.0, 0.5, 0.3), strict=True):
        power = seen * np.float32(area) * np.exp(sigma * noise[name] - np.float32(sigma**2 / 2))
        powers[name] = np.where(power < 1, np.float32(0), power)
    return powers


def ventilation(air):
    """Return how often the boundary layer is flushed, relative to 600 m and 2.5 m s⁻¹.

    >>> round(float(ventilation({"speed": 2.5, "boundary_layer_height": 600.0})), 6)
    1.0
    """
    return np.sqrt(air["speed"] ** 2 + 1) / np.sqrt(7.25) * air["boundary_layer_height"] / 600


def urban(population, air):
    """Return PM2.5 [µg m⁻³] of a city's own traffic, kitchens, waste fires and heating before rain.

    It grows with the fifth root of the `population` of shape (n_cities,) [people], falls with ventilation
    (a box model, with a softer power, as part of the smoke comes from the neighbourhood), and rises with
    heating below 18 °C.
    """
    emission = 21 * (population[:, None] / 1e6) ** 0.2
    heating = 1 + 0.06 * np.maximum(18 - air["temp_air"], 0)
    return (emission * heating * ventilation(air) ** -0.6).astype("float32")
