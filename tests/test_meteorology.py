"""Formulas of the weather against tables."""

import numpy.testing as npt

from airq.meteorology import relative_humidity

NAN = float("nan")


def test_saturated_air_has_100_percent():
    "Where the dew point is the temperature; a dew point above it is capped."
    npt.assert_array_equal(relative_humidity([0.0, 30.0, 20.0], [0.0, 30.0, 21.0]), [100, 100, 100])


def test_humidity_agrees_with_psychrometric_tables():
    "20 °C with a dew point of 9.3 °C is 50 %, 30 °C with 21.4 °C is 60 %, both within half a percent."
    npt.assert_allclose(relative_humidity([20.0, 30.0], [9.3, 21.4]), [50, 60], atol=0.5)


def test_humidity_of_a_missing_temperature_is_missing():
    "Not 100 %, although a cap applies."
    npt.assert_array_equal(relative_humidity([NAN, 20.0], [10.0, NAN]), [NAN, NAN])
