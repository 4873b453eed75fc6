"""Space-time ordinary kriging: the best unbiased linear interpolation between monitors.

The logarithm of PM2.5 is interpolated from the nearest monitors, on the day itself and on the days around it
[1]_. The covariance of two values ``d`` km and ``t`` days apart is

    exp(-d / range) * (lasting + (1 - lasting) * exp(-t / memory)),

plus `own` for values of the same monitor, and `nugget` for the same value, both relative to the variance that
places share. The mean is unknown and taken from the same monitors, so far from all of them the result is
their mean.

References
----------
.. [1] N. Cressie, Statistics for Spatial Data, Wiley, 1993, section 3.2.
"""

from __future__ import annotations

import itertools

import numpy as np

from airq.geo import arc_km

#: Parameters that are tried: range [km], nugget [1], share of the covariance that lasts [1].
GRID = tuple(
    {"range_km": range_km, "nugget": nugget, "lasting": lasting}
    for range_km, nugget, lasting in itertools.product((20.0, 100.0, 500.0), (0.1, 0.5), (0.3, 0.7))
)
#: Memory from day to day [d] and variance of a monitor's own, relative to the shared one [1].
MEMORY = 2.0
OWN = 0.1
#: So many monitors are used, the nearest.
NEAREST = 12
#: Variance that takes a missing value out. [1]
MISSING = 1e7


def krige(values, positions, apart, days, lags, *, range_km, nugget, lasting):
    """Interpolate at one place on several days.

    Parameters
    ----------
    values : numpy.ndarray of shape (n_monitors, n_days)
        Logarithms of PM2.5 by monitor and day; NaN where a value is missing.
    positions : numpy.ndarray of shape (n_monitors, 3)
        Of the monitors, see :func:`airq.geo.geocentric_km`. [km]
    apart : numpy.ndarray of shape (n_monitors,)
        Their distance from the place. [km]
    days : numpy.ndarray of int, shape (n_rows,)
        Columns of `values` on which the place is asked for; they may lie outside.
    lags : numpy.ndarray of int, shape (n_lags,)
        Days that are used, relative to the day asked for.
    range_km, nugget, lasting : float
        Of the covariance, see the module.

    Returns
    -------
    mean, variance : numpy.ndarray of shape (n_rows,)
        Interpolated logarithm and its kriging variance, relative to the shared one; NaN without any value.
    """
    known = _on_lags(values, days, lags)
    patterns, pattern = _patterns(~np.isnan(known))
    between, towards = covariances(positions, apart, lags, range_km, nugget, lasting)
    weights, reduction = _solve(between, towards, patterns)
    mean = np.sum(weights[pattern] * np.nan_to_num(known), axis=1)
    variance = 1 + OWN - reduction[pattern]
    nothing = ~patterns.any(axis=1)[pattern]
    return np.where(nothing, np.nan, mean), np.where(nothing, np.nan, variance)


def covariances(positions, apart, lags, range_km, nugget, lasting):
    """Return the covariances between all values, and towards the place on the day asked for.

    The shapes are (n_values, n_values) and (n_values,) with the lags of a monitor one after the other.
    """
    kept = lasting + (1 - lasting) * np.exp(-np.abs(lags[:, None] - lags) / MEMORY)
    distance = arc_km(np.linalg.norm(positions[:, None] - positions, axis=-1))
    # Products by broadcasting: np.kron takes ten times as long for matrices as small as these.
    between = np.exp(-distance / range_km)[:, None, :, None] * kept[:, None, :]
    monitor = np.arange(len(positions))
    between[monitor, :, monitor, :] += OWN
    n_values = len(positions) * len(lags)
    between = between.reshape(n_values, n_values)
    value = np.arange(n_values)
    between[value, value] += nugget
    in_time = lasting + (1 - lasting) * np.exp(-np.abs(lags) / MEMORY)
    return between, (np.exp(-apart / range_km)[:, None] * in_time).ravel()


def _on_lags(values, days, lags):
    """Return the values around every day, shape (n_rows, n_monitors * n_lags)."""
    when = days[:, None] + lags
    inside = (when >= 0) & (when < values.shape[1])
    around = np.where(inside, values[:, np.where(inside, when, 0)], np.nan)
    return around.transpose(1, 0, 2).reshape(len(days), -1)


def _patterns(known):
    """Return the different rows of booleans, (n_patterns, n_values), and the number of each row's."""
    packed = np.packbits(known, axis=1)
    # Bytes as text sort and compare much faster than rows of booleans.
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, pattern = np.unique(keys, return_index=True, return_inverse=True)
    return known[first], pattern


def _solve(between, towards, patterns):
    """Return the kriging weights of every pattern of known values, and what they take from the variance."""
    n_values, known = len(towards), patterns.astype("float64")
    system = np.zeros((len(patterns), n_values + 1, n_values + 1))
    system[:, :n_values, :n_values] = between
    diagonal = np.arange(n_values)
    system[:, diagonal, diagonal] += MISSING * (1 - known)
    # The last row asks the weights of known values to sum to one.
    system[:, n_values, :n_values] = system[:, :n_values, n_values] = known
    system[~patterns.any(axis=1), n_values, n_values] = 1.0
    right = np.column_stack([known * towards, np.ones(len(patterns))])
    solution = np.linalg.solve(system, right[..., None])[..., 0]
    return solution[:, :n_values] * known, np.sum(solution * right, axis=1)
