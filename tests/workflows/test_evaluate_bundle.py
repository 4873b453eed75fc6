"""A bundle on labelled rows: what is new, and whether its own intervals hold there."""

import functools
import shutil
from types import SimpleNamespace

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
from airq.workflows import predict_blocks
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


def test_parts_in_blocks_have_the_scores_of_one_piece(model, panel, new_panel, tmp_path, monkeypatch):
    "Known and new places in two files, eighty rows at a time: every figure is that of the whole panel."
    both = pd.concat([panel, new_panel.assign(**{c: "new " + new_panel[c] for c in ("site_id", "city_id")})])
    both.attrs = panel.attrs
    write_panel(check_panel(both), tmp_path / "both.parquet")
    for name, part in (("a", both.iloc[::2]), ("b", both.iloc[1::2])):
        part.attrs = panel.attrs
        write_panel(part, tmp_path / "parts" / f"{name}.parquet")

    def figures(source):
        with pytest.warns(AirqWarning, match="no validation"):
            found = evaluate_bundle(model, source, coverage=0.8)
        records = [{k: v for k, v in record.items() if k != "seconds"} for record in found.records]
        return pd.DataFrame(records), found.coverage, found.exceedance, found.reliability

    whole = figures(tmp_path / "both.parquet")
    monkeypatch.setattr(predict_blocks, "_rows_within", lambda memory, n_features: 80)
    for found, expected in zip(figures(tmp_path / "parts"), whole, strict=True):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert len(whole[0]) == 2 and len(whole[1]) and len(whole[3])


@pytest.mark.filterwarnings("ignore::airq.messages.AirqWarning")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda panel: panel.drop(columns="pm25"), "has no PM2.5"),
        (lambda panel: panel.assign(pm25=np.nan), "has no PM2.5"),
        (lambda panel: panel.assign(pm25=panel["pm25"].where(panel.index < 9)), "PM2.5 in 9 rows; at least"),
        (lambda panel: panel.assign(pm25=7.0), "PM2.5 is 7 in every row"),
    ],
)
def test_too_little_pm25_is_refused_before_the_work(model, new_panel, tmp_path, monkeypatch, change, reason):
    "In one piece and in blocks alike, before anything is predicted."
    changed = change(new_panel)
    changed.attrs = new_panel.attrs
    write_panel(changed, tmp_path / "p.parquet")
    monkeypatch.setattr(Predictor, "describe", lambda *_, **__: pytest.fail("a prediction"))
    for most in (10_000, 80):
        monkeypatch.setattr(predict_blocks, "_rows_within", lambda memory, n_features, most=most: most)
        with pytest.raises(ValueError, match=reason):
            evaluate_bundle(model, tmp_path / "p.parquet")


def test_a_temporary_folder_without_room_is_named(model, new_panel, tmp_path, monkeypatch):
    "A panel that is scored in blocks needs room on a disk; the error says which variable names another one."
    write_panel(new_panel, tmp_path / "p.parquet")
    monkeypatch.setattr(predict_blocks, "_rows_within", lambda memory, n_features: 80)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(OSError, match=r"rows need .* GB of room in .* while airq works.*variable TMPDIR"):
        evaluate_bundle(model, tmp_path / "p.parquet")


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
