"""Randomness with a shape: fields that are smooth in space and time, and noise of one city.

Every field and every city draws from a stream of its own: fields are functions of position and day,
a city's noise depends on its `city_id`. So what a city gets does not depend on the cities beside it.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from airq.geography import geocentric_km

#: Plane waves in a field: the correlation of two places errs by about 1 / sqrt(2 WAVES).
WAVES = 96


def stream(seed, name):
    """Random generator of its own for a seed and a name."""
    return np.random.default_rng([seed, *name.encode()])


def smooth_field(name, cities, n_days, *, seed, length_km, memory_days):
    """Gaussian random field, smooth in space and with a memory in time, of mean 0 and variance 1.

    Sums of plane waves through the geocentric frame (random Fourier features), whose amplitudes
    follow first-order autoregressions in time.

    Parameters
    ----------
    name : str
        Which field; different names are independent.
    cities : DataFrame of n_cities rows
        With `latitude` and `longitude`. [°]
    n_days : int
        Number of days. Fewer days give the beginning of the same field.
    seed : int
        Seed.
    length_km : float
        Distance at which the correlation has fallen to exp(-1/2). [km]
    memory_days : float
        Time in which it falls to exp(-1). [d]

    Returns
    -------
    numpy.ndarray of shape (n_cities, n_days), float32

    References
    ----------
    .. [1] A. Rahimi, B. Recht, Random features for large-scale kernel machines, NIPS 2007.
    """
    rng = stream(seed, f"field {name}")
    phase = geocentric_km(cities) @ (rng.standard_normal((3, WAVES)) / length_km)
    features = np.hstack([np.cos(phase), np.sin(phase)]) / np.sqrt(WAVES)
    amplitudes = autoregression(rng.standard_normal((n_days, 2 * WAVES)).T, memory_days)
    return (features @ amplitudes).astype("float32")


def autoregression(noise, memory_days):
    """First-order autoregression along the last axis, stationary, of the noise's variance.

    Parameters
    ----------
    noise : numpy.ndarray of shape (n_series, n_days)
        White noise.
    memory_days : float
        Time in which the correlation falls to exp(-1). [d]
    """
    keep = np.exp(-1 / memory_days)
    series = np.sqrt(1 - keep**2) * noise
    series[:, 0] = noise[:, 0]
    return lfilter([1], [1, -keep], series, axis=1).astype(noise.dtype)


def city_noise(cities, n_days, names, *, seed):
    """White Gaussian noise of every city by name, each of shape (n_cities, n_days), float32."""
    block = np.empty((len(names), len(cities), n_days), dtype="float32")
    for position, city_id in enumerate(cities["city_id"]):
        rng = stream(seed, f"city {city_id}")
        block[:, position] = rng.standard_normal((n_days, len(names)), dtype="float32").T
    return dict(zip(names, block, strict=True))
