"""A table's own columns that would give a model the answer, or only count, are named with the reason."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import airq
from airq.features.inputs import named, not_inputs, only_inputs
from airq.messages import AirqWarning
from airq.models.predictor import training_panel
from airq.panel import feature_columns, label_panel, panel_metadata
from airq.workflows.join import join


@pytest.fixture(scope="module")
def panel():
    "Four cities, every day with PM2.5."
    simulated = airq.simulate(n_cities=4, start="2020-01-01", end="2020-01-20", random_state=0)
    return simulated.assign(pm25=simulated["pm25"].fillna(30.0))


def reasons(panel, **columns):
    return not_inputs(panel.assign(**columns))


def test_the_columns_of_the_vocabulary_are_inputs(panel):
    "A simulated panel has no other."
    assert not not_inputs(panel)


def test_a_column_in_the_order_of_pm25_is_a_reading(panel):
    "Its square has the same ranks."
    found = reasons(panel, squared=panel["pm25"] ** 2)
    assert "their ranks correlate by 1.00 within places" in found["squared"]


def test_a_column_in_the_opposite_order_is_a_reading(panel):
    "Visibility that falls as PM2.5 rises."
    assert "their ranks correlate by -1.00" in reasons(panel, visibility=-(panel["pm25"]))["visibility"]


def test_a_linear_function_of_pm25_is_told_in_five_rows(make_panel):
    "3 · PM2.5 + 2 at one day of each of five sites; four tell nothing, nor does one value beside the line."
    days = {site: ["2020-01-01"] for site in "abcde"}
    small = make_panel(days, pm25=[1, 4, 2, 8, 5], own=[5, 14, 8, 26, 17])
    assert not_inputs(small) == {"own": "looks like a reading of PM2.5: it is a linear function of PM2.5"}
    assert not not_inputs(small[:4])
    assert not reasons(small, own=[5, 14, 8, 26, 17.001])


def test_a_correlation_between_places_alone_is_none(panel):
    "Each city's mean is the same on all days."
    mean = panel.groupby("site_id")["pm25"].transform("mean").round(1)
    assert not reasons(panel, typical=mean)


def test_a_noisy_twin_of_pm25_is_an_input(panel):
    "Ranks that correlate by some 0.7 may be those of an aerosol column."
    noise = np.random.default_rng(0).normal(0, panel["pm25"].std(), len(panel))
    assert not reasons(panel, aerosol=panel["pm25"] + noise)


def test_a_column_that_is_there_exactly_where_pm25_is(panel):
    "Random numbers, missing where the monitor is silent; filled in there, they are an input."
    silent = np.arange(len(panel)) % 3 == 0
    values = pd.Series(np.random.default_rng(0).normal(size=len(panel)))
    part = panel.assign(pm25=panel["pm25"].mask(silent))
    assert "exactly where PM2.5 is" in not_inputs(part.assign(box=values.mask(silent)))["box"]
    assert not not_inputs(part.assign(box=values))


@pytest.mark.parametrize("name", ["NowCast Conc.", "P2", "pm02", "IQA", "us_aqi", "max", "Arithmetic Mean"])
def test_names_of_readings(panel, name):
    "As archives write them."
    assert "its name" in reasons(panel, **{name: 1.5})[name]


@pytest.mark.parametrize(
    "name", ["PM10", "cams_pm25_raw", "humidity", "P1", "maximum_temperature", "co_conc"]
)
def test_names_of_other_things(panel, name):
    "Particles of another size, a model's field, weather."
    assert not reasons(panel, **{name: np.random.default_rng(0).normal(size=len(panel))})


@pytest.mark.parametrize("name", ["merra2_pm25", "geos_pm2.5", "pm25_forecast", "PM2.5 model", "silam_pm25"])
def test_names_of_models_are_no_readings(panel, name):
    "A model's PM2.5 is there for places without a monitor."
    assert not reasons(panel, **{name: np.random.default_rng(0).normal(size=len(panel))})


@pytest.mark.parametrize("name", ["mean", "max", "std", "value", "conc"])
def test_bare_statistics_are_inputs_without_pm25(panel, name):
    "Earth Engine calls the mean of any product so; beside PM2.5 it is that of the monitor."
    assert not not_inputs(panel.drop(columns="pm25").assign(**{name: 1.5}))
    assert not not_inputs(panel.assign(pm25=np.nan, **{name: 1.5}))
    assert "its name" in reasons(panel, **{name: 1.5})[name]


def test_a_bare_statistic_of_the_inputs_stays_in_a_join(panel):
    "Also when the joined panel is learned from; one in the order of PM2.5 does not."
    inputs = panel.drop(columns="pm25").assign(mean=np.random.default_rng(0).normal(size=len(panel)))
    targets = panel[["pm25", *panel.columns[:7]]]
    joined, _ = join(inputs, targets)
    assert "mean" in joined and "mean" in only_inputs(joined)[0]
    assert "mean" not in join(inputs.assign(mean=panel["pm25"] ** 2), targets)[0]


def test_a_smooth_rise_is_no_counter(panel):
    "Days get longer by more each day; a clock's steps are equal, also over a gap."
    day = panel.groupby("site_id").cumcount()
    assert not reasons(panel, daylight_duration=9.1 + 0.001 * (day + 1.0) ** 2)
    gap = panel[day != 5]
    assert reasons(gap, uptime=0.5 * day[day != 5] + 0.25) == {"uptime": "it rises with time from day to day"}


@pytest.mark.parametrize("name", ["site_altitude", "loc_pop", "station_dist_road", "grid_area"])
def test_what_is_known_of_a_place_is_no_number_of_it(panel, name):
    "Whole metres, people, square kilometres."
    assert not reasons(panel, **{name: panel.groupby("site_id").ngroup() * 100})


def test_a_code_that_is_the_same_everywhere_numbers_no_place(panel):
    "The weather may be 3 on all days of all cities; a station's code differs."
    assert not reasons(panel, weather_code=3)
    assert reasons(panel, district_code=panel.groupby("site_id").ngroup())


def test_counters_dates_and_numbers_of_places(panel):
    "What rises from day to day, what is part of a date, what numbers a station."
    day = panel.groupby("site_id").cumcount()
    found = reasons(panel, uptime=3 * day + 7, month=1, station_no=panel.groupby("site_id").ngroup())
    assert found == {
        "uptime": "it rises with time from day to day",
        "month": "a part of the date",
        "station_no": "a number of the place",
    }


def test_a_height_of_places_is_an_input(panel):
    "Whole metres, one for each place."
    assert not reasons(panel, roughness=panel.groupby("site_id").ngroup() * 100)


def test_what_was_asked_for_stays(panel):
    "The metadata remember it."
    kept = dataclasses.replace(panel_metadata(panel), kept=["squared"])
    asked = label_panel(panel.assign(squared=panel["pm25"] ** 2), kept)
    assert only_inputs(asked)[1] == "" and "squared" in feature_columns(only_inputs(asked)[0])


def test_a_reason_is_said_once():
    "Columns of one reason stand together."
    assert named({"a": "x", "b": "y", "c": "x"}) == "a, c (x); b (y)"


def test_training_leaves_them_out_with_a_warning(panel):
    "On what is learned from, evaluated and explained alike."
    with pytest.warns(AirqWarning, match=r"Columns left out: squared .* name them at ingest"):
        table = training_panel(panel.assign(squared=panel["pm25"] ** 2))
    assert "squared" not in table


def test_a_join_leaves_them_out_with_a_note(panel):
    "The inputs of one file, the target of another."
    inputs = panel.drop(columns="pm25").assign(squared=panel["pm25"] ** 2)
    joined, report = join(inputs, panel[["pm25", *panel.columns[:7]]])
    assert "squared" not in joined and any("columns left out: squared" in note for note in report.notes)
