"""Space-time ordinary kriging: against PyKrige, and limits that a reader can reason out."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pykrige
import pytest

from airq.geo import arc_km, geocentric_km
from airq.models.kriging import OWN, covariances, krige

PARAMETERS = {"range_km": 50.0, "nugget": 0.1, "lasting": 0.3}
TODAY = np.array([0])


def place_and_monitors(latitudes, at):
    "Positions of monitors at latitudes on a meridian, and their distances from a place on it. [km]"
    table = pd.DataFrame({"latitude": [*latitudes, at], "longitude": 30.0})
    positions = geocentric_km(table)
    return positions[:-1], arc_km(np.linalg.norm(positions[:-1] - positions[-1], axis=1))


def krige_at(values, latitudes, at, days=(0,), lags=TODAY, **changes):
    values = np.asarray(values, dtype="float64")
    positions, apart = place_and_monitors(latitudes, at)
    return krige(values, positions, apart, np.asarray(days), lags, **(PARAMETERS | changes))


def test_one_day_is_ordinary_kriging_as_pykrige_does_it():
    """Six monitors within 100 km, one day, an exponential variogram.

    PyKrige writes the range as three times ours and knows no share of a monitor's own: on one day it is a
    nugget. Its distances are chords, ours arcs.
    """
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"latitude": rng.uniform(0, 0.6, 7), "longitude": rng.uniform(30, 30.6, 7)})
    positions, values = geocentric_km(table), rng.normal(3, 1, 6)
    apart = arc_km(np.linalg.norm(positions[:6] - positions[6], axis=1))
    mean, variance = krige(values[:, None], positions[:6], apart, np.array([0]), TODAY, **PARAMETERS)
    nugget = PARAMETERS["nugget"] + OWN
    variogram = {"psill": 1.0, "range": 3 * PARAMETERS["range_km"], "nugget": nugget}
    oracle = pykrige.OrdinaryKriging3D(
        *positions[:6].T, values, variogram_model="exponential", variogram_parameters=variogram
    )
    expected, error = oracle.execute("points", *positions[6:].T)
    npt.assert_allclose(mean, expected, rtol=1e-5)
    # PyKrige predicts a new observation, nugget included; ours is what a monitor there would show.
    npt.assert_allclose(variance, error - PARAMETERS["nugget"], rtol=1e-5)


def test_far_from_all_monitors_the_result_is_their_mean():
    "Thirty degrees north; two monitors 0.1 degrees apart count the same."
    mean, _ = krige_at([[2.0], [4.0]], [0.0, 0.1], at=30.0)
    npt.assert_allclose(mean, 3.0, rtol=1e-6)


def test_the_nearer_monitor_counts_more():
    "Between 2 and 4, a quarter of the way from 2, the result is below 3."
    mean, _ = krige_at([[2.0], [4.0]], [0.0, 0.4], at=0.1)
    assert 2 < mean[0] < 3


def test_a_missing_value_is_as_if_there_were_no_monitor():
    "Of three monitors one has no value: the other two alone give the same."
    with_gap, variance = krige_at([[2.0], [np.nan], [4.0]], [0.0, 0.2, 0.4], at=0.1)
    without, expected = krige_at([[2.0], [4.0]], [0.0, 0.4], at=0.1)
    npt.assert_allclose(with_gap, without, rtol=1e-9)
    npt.assert_allclose(variance, expected, rtol=1e-6)


def test_the_day_before_stands_in_for_a_missing_day():
    "The only monitor showed 5 yesterday and nothing today."
    mean, _ = krige_at([[5.0, np.nan]], [0.0], at=0.1, days=[1], lags=np.array([-1, 0, 1]))
    npt.assert_allclose(mean, 5.0)


@pytest.mark.parametrize("day", [-5, 40])
def test_beyond_the_days_of_the_monitors_there_is_nothing(day):
    "Values of two days say nothing of a day weeks away."
    mean, variance = krige_at([[5.0, 6.0]], [0.0], at=0.1, days=[day], lags=np.array([-1, 0, 1]))
    assert np.isnan(mean).all() and np.isnan(variance).all()


def test_the_own_part_of_a_monitor_is_not_shared():
    """At the very place of a monitor a stranger shares 1 of its variance of 1 + own + nugget.

    Two values of one monitor, a day apart: what lasts, what fades within two days, and its own.
    """
    between, towards = covariances(np.zeros((1, 3)), np.zeros(1), np.array([-1, 0]), **PARAMETERS)
    fading = 0.3 + 0.7 * np.exp(-0.5)
    npt.assert_allclose(towards, [fading, 1.0])
    npt.assert_allclose(between, [[1.0 + OWN + 0.1, fading + OWN], [fading + OWN, 1.0 + OWN + 0.1]])
