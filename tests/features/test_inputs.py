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
