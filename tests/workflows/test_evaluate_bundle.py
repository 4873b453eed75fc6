"""A bundle on labelled rows: what is new, and whether its own intervals hold there."""

import functools

import numpy as np
import pandas as pd
import pytest

from airq.features.recipe import make_recipe
from airq.io import write_panel
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictor import Predictor
from airq.panel import check_panel
from airq.sources.simulated import simulate
from airq.validation.evaluation import Evaluation
from airq.workflows.evaluate import at_training_places, evaluate_bundle
from airq.workflows.predict import predict
from airq.workflows.train import calibrate, save_predictor

MEMBERS = (Member("lightgbm", 0.5, {"rounds": 15, "patience": 15, "min_data_in_leaf": 5}),)


@pytest.fixture(scope="module")
def panel():
    return check_panel(simulate(n_cities=10, start="2020-01-01", end="2020-01-31", seed=1))


@pytest.fixture(scope="module")
def bundle(panel, tmp_path_factory):
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
    folder = tmp_path_factory.mktemp("trained") / "bundle"
    save_predictor(predictor, panel, {"model": "lightgbm", "seed": 0}, None, folder)
    return folder


@pytest.fixture(scope="module")
def new_panel(tmp_path_factory):
    "Other cities with PM2.5."
    path = tmp_path_factory.mktemp("new") / "new.parquet"
    write_panel(check_panel(simulate(n_cities=6, start="2020-01-01", end="2020-01-31", seed=7)), path)
    return path


def test_coverage_is_that_of_the_predictions(bundle, new_panel, tmp_path):
    "What `predict` writes for new cities, compared with their PM2.5 by hand, is what is told."
    found = evaluate_bundle(new_panel, bundle=bundle, level=0.8)
    rows = predict(new_panel, bundle=bundle, out=tmp_path / "p.parquet", level=0.8)
    observed = pd.read_parquet(new_panel).merge(rows, on=["site_id", "date"], suffixes=("", "_said"))
    observed = observed[observed["pm25"].notna()]
    inside = observed["pm25"].between(observed["lower"], observed["upper"])
    (record,) = found.records
    assert (record["scheme"], record["n"]) == ("new sites", len(observed))
    assert record["coverage"] == pytest.approx(inside.mean())
    assert record["width"] == pytest.approx((observed["upper"] - observed["lower"]).mean())
    assert record["outside_share"] == pytest.approx((~observed["inside_domain"].astype(bool)).mean())


def test_too_few_places_for_the_level_is_said(bundle, new_panel):
    "Nine do not give a 95 % interval."
    found = evaluate_bundle(new_panel, bundle=bundle, level=0.95)
    assert "coverage" not in found.records[0]
    assert "at least 19" in found.skipped["new sites/intervals"]


def test_known_sites_are_not_judged_by_their_intervals(bundle, panel, tmp_path):
    "Places of training would flatter."
    write_panel(panel, tmp_path / "known.parquet")
    found = evaluate_bundle(tmp_path / "known.parquet", bundle=bundle)
    assert [record["scheme"] for record in found.records] == ["known sites"]
    assert "coverage" not in found.records[0]
    assert found.coverage == []


def test_a_training_place_under_another_name_is_known(make_panel):
    "Sites lie 0.5° apart from the equator on: `renamed` lies where training had `first`, `other` does not."
    panel = make_panel({"renamed": ["2020-01-01"], "other": ["2020-01-01"]})
    assert at_training_places(panel, {"first": (0.0, 32.0)}).tolist() == (panel["latitude"] == 0).tolist()
    assert (
        at_training_places(panel, {"renamed": (9.0, 9.0)}).tolist()
        == (panel["site_id"] == "renamed").tolist()
    )


def test_a_default_that_could_not_be_fitted_gives_no_interval(panel):
    "The reason is told; training does not end in the middle."
    evaluation = Evaluation(
        skipped={"city/default": "PM2.5 is constant"},
        predictions=panel[["site_id", "city_id", "date"]].assign(scheme="city", observed=panel["pm25"]),
    )
    predictor = Predictor(None, None)
    predictor.calibration_ = None
    calibrate(predictor, panel, evaluation, None)
    assert predictor.calibration_ is None
