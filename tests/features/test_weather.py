"""Quantities that follow from weather columns."""

import numpy as np
import numpy.testing as npt
import pytest

from airq.features.weather import days_since_rain, stagnation
from airq.meteorology import ventilation, wind_direction, wind_speed

NAN = float("nan")


@pytest.mark.parametrize(
    ("u", "v", "degrees"), [(0, -1, 0), (-1, 0, 90), (0, 1, 180), (1, 0, 270), (-1, -1, 45)]
)
def test_direction_is_where_the_wind_comes_from(u, v, degrees):
    "Air that moves south comes from the north, 0°; air that moves west from the east, 90°."
    assert float(wind_direction(u, v)) == pytest.approx(degrees)


def test_still_air_has_no_direction():
    "NaN, also where a component is missing."
    npt.assert_array_equal(wind_direction([0.0, NAN], [0.0, 1.0]), [NAN, NAN])


def test_speed_and_ventilation():
    "Components 3 and 4 make 5 m/s; through 100 m that is 500 m²/s."
    assert float(wind_speed(3.0, 4.0)) == 5
    assert float(ventilation(3.0, 4.0, 100.0)) == 500


def test_stagnation_is_the_share_of_calm_dry_days(make_panel):
    "Calm and dry, windy, rainy, calm and dry: 1/1, 1/2, 1/3, then 1/3 of the last three."
    days = [f"2020-01-0{day}" for day in range(1, 5)]
    panel = make_panel({"a": days}, wind_u=[1, 9, 1, 1], wind_v=[0] * 4, precipitation=[0, 0, 5, 0])
    npt.assert_allclose(stagnation(panel), [1, 1 / 2, 1 / 3, 1 / 3])


def test_stagnation_counts_known_days_only(make_panel):
    "A missing day and a day without wind are neither stagnant nor not; alone they give NaN."
    panel = make_panel(
        {"a": ["2020-01-01", "2020-01-03", "2020-01-09"]},
        wind_u=[9, 1, NAN],
        wind_v=[0, 0, 0],
        precipitation=[0, 0, 0],
    )
    npt.assert_allclose(stagnation(panel), [0, 1 / 2, NAN])


def test_stagnation_thresholds(make_panel):
    "3.2 m/s is not calm any more, 1 mm is not dry any more."
    panel = make_panel(
        {"a": ["2020-01-01"], "b": ["2020-01-01"], "c": ["2020-01-01"]},
        wind_u=[3.2, 3.1, 3.1],
        wind_v=[0, 0, 0],
        precipitation=[0, 1.0, 0.9],
    )
    npt.assert_array_equal(stagnation(panel), [0, 0, 1])


def test_days_since_rain_counts_from_the_last_wet_day(make_panel):
    "Unknown before the first rain; 1 mm is rain, 0.9 mm is not."
    days = [f"2020-01-0{day}" for day in range(1, 7)]
    panel = make_panel({"a": days}, precipitation=[0, 1, 0, 0.9, 30, 0])
    npt.assert_array_equal(days_since_rain(panel), [NAN, 0, 1, 2, 0, 1])


def test_days_since_rain_are_unknown_after_a_gap(make_panel):
    "It may have rained on the missing third and on the empty fifth; rain on the sixth is rain."
    days = ["2020-01-01", "2020-01-02", "2020-01-04", "2020-01-05", "2020-01-06", "2020-01-07"]
    panel = make_panel({"a": days}, precipitation=[5, 0, 0, NAN, 2, 0])
    npt.assert_array_equal(days_since_rain(panel), [0, 1, NAN, NAN, 0, 1])


def test_rain_of_one_site_is_not_that_of_the_next(make_panel):
    "Site b has had no rain."
    panel = make_panel({"a": ["2020-01-01"], "b": ["2020-01-02"]}, precipitation=[5, 0])
    npt.assert_array_equal(days_since_rain(panel), [0, NAN])


def test_weather_is_aligned_with_the_panel(make_panel):
    "Series carry the panel's index, in any row order."
    panel = make_panel({"a": ["2020-01-01", "2020-01-02", "2020-01-03"]}, precipitation=[5, 0, 0])
    backwards = panel.iloc[::-1]
    assert days_since_rain(backwards).index.tolist() == [2, 1, 0]
    npt.assert_array_equal(days_since_rain(backwards), np.array([2, 1, 0]))
