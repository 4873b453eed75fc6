"""Monitors that are one become one; the monitors of a city become its mean."""

import numpy as np
import pandas as pd
import pytest

from airq.panel import label_panel, panel_metadata
from airq.sources.sites import mean_by_city, merge_twins

DAYS = [f"2020-01-0{day}" for day in range(1, 6)]
NONE = np.nan


@pytest.fixture
def two(make_panel):
    """Function that makes a panel of sites a and b at one position, in one city."""

    def make(**columns):
        panel = make_panel({"a": DAYS, "b": DAYS}, **columns)
        return label_panel(panel.assign(latitude=0.3, city_id="a", city="a"), panel_metadata(panel))

    return make


def test_merged_twins_have_all_values_of_both(two):
    "a is silent on the last two days, b is not."
    panel, merged = merge_twins(two(pm25=[1, 2, 3, NONE, NONE, 1, 2, 3, 4, 5]))
    assert merged == ["b into a"]
    assert panel["pm25"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([1, 2, NONE, NONE, NONE], id="two common days"),
        pytest.param([1, 2, 3, 4, 6], id="one day differs"),
    ],
)
def test_other_readings_are_no_twins(two, other):
    "Three common days at least, all of them equal."
    assert merge_twins(two(pm25=[1, 2, 3, 4, 5, *other]))[1] == []


def test_a_constant_makes_no_twins(two):
    "Two monitors that both stand at 7 need not be one."
    assert merge_twins(two(pm25=[7] * 10))[1] == []


def test_directions_of_a_city_are_averaged_as_vectors(two):
    "350° and 20° give 5°, not 185°."
    panel = mean_by_city(two(pm25=[1.0] * 10, wind_dir=[350.0] * 5 + [20.0] * 5))
    np.testing.assert_allclose(panel["wind_dir"], 5.0)


def test_the_index_of_a_city_is_that_of_its_mean(two):
    "12 and 35.4 µg/m³ are 50 and 100 points; the mean, 23.7, is 51 + 49 · 11.6 / 23.3 = 75 of 2012."
    panel = mean_by_city(two(pm25=[12.0] * 5 + [35.4] * 5, aqi=[50.0] * 5 + [100.0] * 5))
    assert panel["aqi"].tolist() == [75] * 5
    assert panel["n_monitors"].tolist() == [2] * 5


def test_a_single_index_of_a_city_stays(two):
    "On days without PM2.5 of b, the values are those of a."
    panel = mean_by_city(two(pm25=[12.0] * 5 + [NONE] * 5, aqi=[49.0] * 5 + [NONE] * 5))
    assert panel["aqi"].tolist() == [49] * 5
    assert panel["n_monitors"].tolist() == [1] * 5


def test_a_city_keeps_the_type_of_its_columns(two):
    "Single precision stays."
    panel = two(pm25=[1.0] * 10, roughness=[1.0] * 10).astype({"roughness": "float32"})
    assert mean_by_city(panel)["roughness"].dtype == pd.Series(dtype="float32").dtype
