"""Random fields: their variance, their reach in space and time, their independence."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.sources.atmosphere import autoregression, city_noise, smooth_field


@pytest.fixture
def line():
    """Places on the equator, 0, 111 and 3,330 km east of the first."""
    return pd.DataFrame({"city_id": ["a", "b", "c"], "latitude": 0.0, "longitude": [20.0, 21.0, 50.0]})


def test_a_field_has_unit_variance_and_fades_with_distance(line):
    "At length 111 km the correlation is exp(-1/2) = 0.61 one length away, and 0 far away."
    days = smooth_field("x", line, 3000, seed=0, length_km=111, memory_days=0.01)
    npt.assert_allclose(days.std(axis=1), 1, atol=0.05)
    correlation = np.corrcoef(days)
    npt.assert_allclose(correlation[0, 1], np.exp(-0.5), atol=0.15)
    npt.assert_allclose(correlation[0, 2], 0, atol=0.25)


def test_fields_of_other_names_are_independent(line):
    "Two names, one seed: no correlation in time."
    one, other = (smooth_field(name, line, 3000, seed=0, length_km=111, memory_days=0.01)[0] for name in "xy")
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.07


def test_autoregression_remembers_and_keeps_its_variance():
    "Memory of 10 days: correlation exp(-1/10) from day to day, variance 1 on the first day and the last."
    series = autoregression(np.random.default_rng(0).standard_normal((4000, 30)), memory_days=10)
    npt.assert_allclose(series[:, [0, 29]].std(axis=0), 1, atol=0.05)
    npt.assert_allclose(np.corrcoef(series[:, 28], series[:, 29])[0, 1], np.exp(-0.1), atol=0.02)


def test_a_citys_noise_is_its_own(line):
    "City b has the same noise alone as among others; a and b differ."
    among = city_noise(line, 5, ["x", "y"], seed=0)
    alone = city_noise(line[1:2], 5, ["x", "y"], seed=0)
    npt.assert_array_equal(among["y"][1], alone["y"][0])
    assert not (among["x"][0] == among["x"][1]).any()
