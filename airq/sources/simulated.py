"""Simulate a panel: a made-up atmosphere over real African cities, labelled SIMULATED.

Realistic: the positions and populations of the cities; the calendar of rains, Harmattan dust and
savanna fires; that weather, clouds, dust and smoke are coherent over hundreds of kilometres and some
days; that satellites miss cloudy days and their columns are noisy, negative at times; that a model's
prior (`cams_pm25`) is biased and coarse; that a city differs from its neighbours in ways that no column
shows, so that a city without a sensor is harder to predict than a missing day.

Not realistic: there is no coast, no terrain beyond eight round highlands, no transport from one city
to the next, no chemistry, no hours of the day, no industry or power stations, no trend. No figure
obtained on it says anything about the air of a place.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from airq.cities import bundled_cities, check_cities
from airq.panel import COLUMNS, PanelMetadata, label_panel, sort_panel
from airq.sources import atmosphere
from airq.sources.atmosphere import autoregression, city_noise, smooth_field, stream

SOURCES = (
    "SIMULATED atmosphere, not measured: airq.sources.simulated",
    "positions and populations of cities: GeoNames (CC BY 4.0)",
)

#: Highest PM2.5 that the simulation approaches, below every ceiling of a sensor. [µg m⁻³]
HIGHEST = 900.0
BACKGROUND = 4.0
DEFAULT_POPULATION = 50_000

NOISES = [
    *("rain", "temp", "dew", "wind_u", "wind_v", "mixing", "cloud"),
    *atmosphere.FIRE_RINGS,
    *("drift", "day", "outage", "orbit", "view", "cloud_quality"),
    *("cloud_fraction", "no2", "co", "hcho", "so2", "o3", "aer_ai", "aod", "aod_colour"),
]

#: Cloud fraction above which a product is usually missing.
CLOUD_LIMITS = {"no2": 0.55, "co": 0.65, "hcho": 0.6, "so2": 0.35, "aod047": 0.4, "aod055": 0.4}


def simulate(
    cities: pd.DataFrame | None = None,
    *,
    n_cities: int = 120,
    start: str | pd.Timestamp = "2019-01-01",
    end: str | pd.Timestamp = "2020-06-30",
    random_state: int = 0,
) -> pd.DataFrame:
    """Simulate a panel.

    A city's rows depend on `random_state`, the start, and the city's own row, up to rounding: adding
    cities or a later end leaves them as they are. Another start gives another weather.

    Parameters
    ----------
    cities : DataFrame, optional
        A city table; by default `n_cities` of the bundled African cities, see :func:`sample_cities`.
        Cities without a population count as 50,000 people in their emissions. The climate is
        Africa's, whatever the longitude.
    n_cities : int
        How many cities to draw where `cities` is not given.
    start, end : str or Timestamp
        First and last day.
    random_state : int
        The same seed gives the same panel.

    Returns
    -------
    DataFrame
        A panel of canonical columns, one site a city, labelled ``pm25_origin="simulated"``. Rows
        whose PM2.5 is missing (sensors' outages) keep their inputs.

    Raises
    ------
    ValueError
        If `end` lies before `start`, if `random_state` is negative, if `n_cities` is not between 1 and the
        number of bundled cities, or if the city table is wrong.

    Examples
    --------
    >>> panel = simulate(n_cities=2, start="2020-01-01", end="2020-01-03")
    >>> len(panel), panel.attrs["airq"]["pm25_origin"]
    (6, 'simulated')
    """
    start, end = pd.Timestamp(start).normalize(), pd.Timestamp(end).normalize()
    if end < start:
        raise ValueError(f"The end {end:%Y-%m-%d} lies before the start {start:%Y-%m-%d}.")
    if random_state < 0:
        raise ValueError(f"random_state must be a whole number of at least 0, got {random_state}.")
    cities = sample_cities(n_cities, random_state=random_state) if cities is None else check_cities(cities)
    cities = cities.sort_values("city_id", ignore_index=True)
    dates = pd.date_range(start, end, freq="D")
    return _panel(cities, dates, _columns(cities, dates, seed=random_state))


def sample_cities(n_cities, *, random_state=0):
    """Draw bundled cities without replacement, larger ones and ones of small countries more often.

    A city's weight is its population to the power 0.75 over the square root of the number of bundled
    cities of its country. Gumbel noise added to the logarithm of the weights makes the draw (P. Efraimidis,
    P. Spirakis, Inf. Process. Lett. 97, 181-185, 2006), and the draw of fewer cities is part of the draw of
    more. Rows keep the order of the bundled table.
    """
    cities = bundled_cities()
    if not 1 <= n_cities <= len(cities):
        raise ValueError(f"n_cities is {n_cities}; the bundled table allows 1 to {len(cities):,}.")
    of_country = cities.groupby("country")["city_id"].transform("size")
    weight = 0.75 * np.log(cities["population"]) - 0.5 * np.log(of_country)
    rank = weight + stream(random_state, "sample of cities").gumbel(size=len(cities))
    return cities.loc[rank.nlargest(n_cities).index.sort_values()].reset_index(drop=True)


def _columns(cities, dates, *, seed):
    """Return the panel's columns of shape (n_cities, n_days) or (n_cities, 1), by name."""
    noise = city_noise(cities, len(dates), NOISES, seed=seed)
    air = atmosphere.weather(cities, dates, noise, seed=seed)
    particles = _particles(cities, dates, air, seed=seed)
    traits = _traits(cities, seed=seed)
    # A transport model's PM2.5 is coarse, too dusty, and blind to what is a city's own.
    model = BACKGROUND + 0.8 * particles["smoke"] + 1.3 * particles["dust"] + 0.55 * particles["urban"]
    error = smooth_field("prior", cities, len(dates), seed=seed, length_km=700, memory_days=4)
    return {
        "pm25": _sensor(particles, traits, noise),
        **_satellites(cities, dates, air, particles, traits, noise),
        "cams_pm25": model * particles["left"] * np.exp(0.3 * error),
        **{name: values for name, values in air.items() if name in COLUMNS},
        **atmosphere.fire_power(particles["burning"], air["cloud"], noise),
        "night_lights": traits["night_lights"],
        "population": cities["population"].to_numpy()[:, None],
        "elevation": atmosphere.elevation(cities)[:, None],
    }


def _traits(cities, *, seed):
    """Draw what is a city's own, each of shape (n_cities, 1).

    Logarithms of its factors on emissions (at most 0.75, a fifth of the variance shared within some
    200 km), on PM2.5 by the sensor's siting, and on NOx; its night lights [nW cm⁻² sr⁻¹];
    the share of days that its sensor is out.
    """
    own = np.array([stream(seed, f"traits {city}").standard_normal(5) for city in cities["city_id"]])
    near = smooth_field("city effect", cities, 1, seed=seed, length_km=200, memory_days=1)[:, 0]
    people = _people(cities)
    return {
        "emission": 0.5 * np.clip(np.sqrt(0.2) * near + np.sqrt(0.8) * own[:, 0], -1.5, 1.5)[:, None],
        "siting": 0.12 * own[:, 1:2],
        "nox": 0.3 * own[:, 2:3],
        "night_lights": (3 * (people / 1e5) ** 0.6 * np.exp(0.5 * own[:, 3]))[:, None],
        "outage": np.clip(0.35 * ndtr(own[:, 4]) - 0.15, 0, 0.15)[:, None],
    }


def _people(cities):
    return cities["population"].fillna(DEFAULT_POPULATION).clip(lower=1000).to_numpy()


def _particles(cities, dates, air, *, seed):
    """Return PM2.5 [µg m⁻³] by kind before the city's own factors, of shape (n_cities, n_days)."""
    burning = atmosphere.fires(cities, dates, air, seed=seed)
    shallow = (700 / air["boundary_layer_height"]) ** 0.3
    return {
        "burning": burning,
        "smoke": 35 * burning * shallow,
        "dust": atmosphere.dust(cities, dates, air, seed=seed),
        "urban": atmosphere.urban(_people(cities), air),
        "left": atmosphere.washout(air["precipitation"]),
    }


def _sensor(particles, traits, noise):
    """Return the daily means that the city's monitor reports [µg m⁻³], NaN on days of outage."""
    drift = 0.2 * autoregression(noise["drift"], memory_days=75)
    local = particles["urban"] * np.exp(traits["emission"] + drift)
    total = (BACKGROUND + particles["smoke"] + particles["dust"] + local) * particles["left"]
    total = total * np.exp(traits["siting"] + 0.18 * noise["day"])
    bounded = total / (1 + (total / HIGHEST) ** 4) ** 0.25
    return np.where(ndtr(noise["outage"]) < traits["outage"], np.nan, bounded)


def _satellites(cities, dates, air, particles, traits, noise):
    """Return satellite columns with noise, and gaps on cloudy days, by name."""
    columns = {
        **_gases(cities, dates, air, particles, traits, noise),
        **_optical_depths(air, particles, noise),
        "aer_ai": -1.5 + 0.04 * particles["smoke"] + 0.02 * particles["dust"] + 0.6 * noise["aer_ai"],
        "cloud_fraction": np.clip(air["cloud"] + 0.08 * noise["cloud_fraction"], 0, 1),
    }
    off = ndtr(noise["orbit"]) < 0.04
    for name, values in columns.items():
        missing = off
        if name in CLOUD_LIMITS:
            missing = off | (air["cloud"] + 0.12 * noise["view"] > CLOUD_LIMITS[name])
        elif name == "cloud_fraction":
            missing = off | (ndtr(noise["cloud_quality"]) < 0.4)
        columns[name] = np.where(missing, np.nan, values)
    return columns


def _gases(cities, dates, air, particles, traits, noise):
    """Return columns of trace gases [mol m⁻²].

    Means and noise are of the size of TROPOMI's over Africa: the noise of NO2 is the slant column's
    9.45 µmol m⁻² (J. van Geffen et al., Atmos. Meas. Tech. 13, 1315-1335, 2020) over an air-mass factor
    near 1.3; NO2 over cities more than doubles from one to ten million people (L. Lamsal et al., Environ.
    Sci. Technol. 47, 7855-7861, 2013).
    """
    latitude, day = atmosphere.grid(cities, dates)
    burning, urban = particles["burning"], particles["urban"]
    spring = np.cos(2 * np.pi * (day - 100) / atmosphere.YEAR)
    nox = (_people(cities)[:, None] / 1e6) ** 0.4 * np.exp(traits["nox"])
    nox = nox * atmosphere.ventilation(air) ** -0.5
    depth = air["pressure"] / 1013.25
    return {
        "no2": 1.2e-5 + 3.5e-5 * nox + 1.5e-5 * burning + 0.7e-5 * noise["no2"],
        "co": depth * (0.031 + 0.014 * burning + 1e-4 * urban) + 0.0015 * noise["co"],
        "hcho": 6e-5 + 8e-5 * air["wetness"] + 1.5e-4 * burning + 1.3e-4 * noise["hcho"],
        "so2": 1e-5 + 1e-6 * urban + 2.8e-4 * noise["so2"],
        "o3": 0.114 + 3.5e-4 * (np.abs(latitude) + 0.4 * latitude * spring) + 0.002 * noise["o3"],
    }


def _optical_depths(air, particles, noise):
    """Return aerosol optical depth at 0.47 and 0.55 µm: extinction times mass times depth of the layer.

    Fine particles extinguish 3.5 m² g⁻¹ at 0.55 µm and swell with humidity, smoke in a layer 2 km
    deep; dust, with the coarse grains that PM2.5 leaves out, 1.5 m² per gram of PM2.5 in a layer 2.5 km
    deep (orders of magnitude of M. Hess, P. Koepke, I. Schult, Bull. Am. Meteorol. Soc. 79, 831, 1998);
    0.05 lies above. The retrieval's error is 0.05 + 10 % (A. Lyapustin et al., Atmos. Meas. Tech. 11,
    5741-5765, 2018).
    """
    swelling = (1 - np.minimum(air["relative_humidity"], 95) / 100) ** -0.4
    mixed = (BACKGROUND + particles["urban"]) * air["boundary_layer_height"] + particles["smoke"] * 2000
    fine = 3.5e-6 * mixed * swelling * particles["left"]
    coarse = 1.5e-6 * particles["dust"] * 2500 * particles["left"]
    columns = {}
    for name, wavelength in (("aod047", 0.47), ("aod055", 0.55)):
        depth = 0.05 + fine * (wavelength / 0.55) ** -1.4 + coarse * (wavelength / 0.55) ** -0.2
        error = noise["aod"] + (0.2 * noise["aod_colour"] if name == "aod047" else 0)
        columns[name] = np.clip(depth + (0.05 + 0.1 * depth) * error, -0.05, 6)
    return columns


def _panel(cities, dates, columns):
    """Return a long table from arrays of shape (n_cities, n_days) or (n_cities, 1)."""
    shape = (len(cities), len(dates))
    places = cities[["city_id", "city", "country", "latitude", "longitude"]]
    panel = places.loc[np.repeat(places.index, len(dates))].reset_index(drop=True)
    panel.insert(0, "site_id", panel["city_id"])
    panel["date"] = np.tile(dates.to_numpy(), len(cities))
    arrays = {name: np.broadcast_to(values, shape).ravel() for name, values in columns.items()}
    panel = sort_panel(pd.concat([panel, pd.DataFrame(arrays)], axis=1))
    metadata = PanelMetadata(day_basis="utc", pm25_origin="simulated", statistic="mean", sources=SOURCES)
    return label_panel(panel, metadata)
