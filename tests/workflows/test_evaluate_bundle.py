"""A bundle on labelled rows: what is new, and whether its own intervals hold there."""

import functools

import numpy as np
import pandas as pd
import pytest

from airq.features.recipe import make_recipe
from airq.io import write_panel
from airq.messages import AirqWarning
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictions import at_training_places
from airq.models.predictor import Predictor
from airq.panel import check_panel
from airq.sources.simulated import simulate
from airq.validation.evaluation import HeldOutScores
from airq.workflows.evaluate import evaluate_bundle

MEMBERS = (Member("lightgbm", 0.5, {"rounds": 15, "patience": 15, "min_data_in_leaf": 5}),)


@pytest.fixture(scope="module")
def panel():
    return check_panel(simulate(n_cities=10, start="2020-01-01", end="2020-01-31", random_state=1))


@pytest.fixture(scope="module")
def model(panel, fitted_around):
    "Ten cities, calibrated as if nine others had been wrong by 1 to 9 residual_scales."
    estimator = functools.partial(BoosterEnsemble, MEMBERS, n_inner=2)
    recipe = functools.partial(make_recipe, "retrospective")
    predictor = Predictor(
        recipe, estimator, residual_scale=ResidualScale, applicability=AreaOfApplicability
    ).fit(panel, "city_id")
    predictor.calibrate(
        pd.DataFrame(
            {
                "group": list("abcdefghi"),
                "date": pd.Timestamp("2020-01-01"),
                "observed": 10 + np.arange(1.0, 10),
                "predicted": 10.0,
                "scale_low": 1.0,
                "scale_high": 1.0,
            }
        )
    )
    return fitted_around(predictor, panel)


@pytest.fixture(scope="module")
def new_panel():
    "Other cities with PM2.5."
    return check_panel(simulate(n_cities=6, start="2020-01-01", end="2020-01-31", random_state=7))


def test_coverage_is_that_of_the_predictions(model, new_panel):
    "The table of predictions for new cities, compared with their PM2.5 by hand, has the same coverage."
    found = evaluate_bundle(model, new_panel, coverage=0.8)
    rows = model.predict_table(new_panel, coverage=0.8)
    observed = new_panel.merge(rows, on=["site_id", "date"], suffixes=("", "_said"))
    observed = observed[observed["pm25"].notna()]
    inside = observed["pm25"].between(observed["lower"], observed["upper"])
    (record,) = found.records
    assert (record["scheme"], record["n"]) == ("new sites", len(observed))
    assert record["coverage"] == pytest.approx(inside.mean())
    assert record["width"] == pytest.approx((observed["upper"] - observed["lower"]).mean())
    assert record["outside_share"] == pytest.approx((~observed["inside_domain"].astype(bool)).mean())


def test_too_few_places_for_the_coverage_give_the_reason(model, new_panel):
    "Nine do not give a 95 % interval."
    found = evaluate_bundle(model, new_panel, coverage=0.95)
    assert "coverage" not in found.records[0]
    assert "at least 19" in found.skipped["new sites/intervals"]


def test_known_sites_are_not_scored_by_their_intervals(model, panel, tmp_path):
    "Places of training would be too easy; a saved model and a panel's file serve as well."
    model.save(tmp_path / "bundle")
    write_panel(panel, tmp_path / "known.parquet")
    with pytest.warns(AirqWarning, match="no validation"):
        found = evaluate_bundle(tmp_path / "bundle", tmp_path / "known.parquet")
    assert [record["scheme"] for record in found.records] == ["known sites"]
    assert "coverage" not in found.records[0]
    assert found.coverage.empty


def test_a_training_place_under_another_name_is_known(make_panel):
    "Sites lie 0.5° apart from the equator on: `renamed` lies where training had `first`, `other` does not."
    panel = make_panel({"renamed": ["2020-01-01"], "other": ["2020-01-01"]})
    assert at_training_places(panel, {"first": (0.0, 32.0)}).tolist() == (panel["latitude"] == 0).tolist()
    assert (
        at_training_places(panel, {"renamed": (9.0, 9.0)}).tolist()
        == (panel["site_id"] == "renamed").tolist()
    )


def test_a_model_that_could_not_be_fitted_gives_no_interval(panel, fitted_around):
    "The reason is a warning; training does not end in the middle."
    evaluation = HeldOutScores(
        skipped={"city/default": "PM2.5 is constant"},
        predictions=panel[["site_id", "city_id", "date"]].assign(scheme="city", observed=panel["pm25"]),
        described=("default",),
    )
    estimator = functools.partial(BoosterEnsemble, MEMBERS, n_inner=2)
    predictor = Predictor(functools.partial(make_recipe, "retrospective"), estimator).fit(panel, "city_id")
    with pytest.warns(AirqWarning, match="no intervals: PM2.5 is constant"):
        model = fitted_around(predictor, panel).calibrate(panel, evaluation=evaluation)
    assert model.predictor_.calibration_ is None
