"""No held-out place touches training, whatever the scheme and the candidate."""

import functools

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.features.recipe import make_recipe
from airq.models.applicability import AreaOfApplicability
from airq.models.baselines import baselines
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictor import Predictor
from airq.panel import check_panel
from airq.sources.simulated import simulate
from airq.validation.evaluation import plan_folds, score_candidates
from airq.validation.schemes import SCHEMES
from airq.validation.scores import rmse
from airq.validation.splitters import make_folds

MEMBERS = (Member("lightgbm", 0.5, {"rounds": 25, "patience": 25, "min_data_in_leaf": 5}),)


def ours(recipe="retrospective"):
    "Our predictor with few rounds, kriging included."
    estimator = functools.partial(BoosterEnsemble, MEMBERS, n_inner=3)
    return functools.partial(
        Predictor, functools.partial(make_recipe, recipe), estimator, groups_for_position=5
    )


@pytest.fixture(scope="module")
def panel():
    "Ten simulated cities, sixty days."
    return check_panel(simulate(n_cities=10, start="2020-01-01", end="2020-02-29", random_state=3))


def held_out(panel, scheme, candidate, number=0):
    "Predictions of one fold, as the evaluation makes them."
    folds, _ = plan_folds(panel, [scheme])
    fold = folds[scheme][number]
    found = score_candidates(panel, {"default": candidate}, {scheme: [fold]})
    return fold, found.predictions["default"].to_numpy()


#: The sixty days are of one season; no cities are to be predicted.
SPLITS = [name for name, scheme in SCHEMES.items() if name != "season" and not scheme.for_cities]
OTHERS = [
    "climatology",
    "nearest",
    "inverse-distance",
    "day-mean",
    "kriging",
    "ridge-log",
    "lightgbm-stopped",
]


@pytest.mark.parametrize(
    ("scheme", "name"),
    [(scheme, "default") for scheme in SPLITS]
    + [(scheme, name) for scheme in ("random", "site", "city", "country", "buffer") for name in OTHERS],
)
def test_targets_of_held_out_rows_move_no_prediction(panel, scheme, name):
    "Multiply the held-out PM2.5 by ten: not one held-out prediction changes."
    candidate = ours() if name == "default" else baselines(panel)[name]
    fold, before = held_out(panel, scheme, candidate)
    spoiled = panel.copy()
    target = spoiled["pm25"].to_numpy().copy()
    target[fold.test] *= 10
    spoiled["pm25"] = target
    _, after = held_out(spoiled, scheme, candidate)
    npt.assert_array_equal(before, after)


def with_description():
    "Our predictor with few rounds, its residual_scale and domain."
    estimator = functools.partial(BoosterEnsemble, MEMBERS, n_inner=3)
    recipe = functools.partial(make_recipe, "retrospective")
    return Predictor(
        recipe,
        estimator,
        groups_for_position=5,
        residual_scale=ResidualScale,
        applicability=AreaOfApplicability,
    )


DESCRIPTION = ["lower", "upper", "scale_low", "scale_high", "dissimilarity", "p_above_25"]


@pytest.fixture(scope="module")
def described(panel):
    "Held-out predictions with 80 % intervals, and the rows of the first fold."
    return with_intervals(panel)


def with_intervals(panel):
    "The first fold of cities, and the evaluation with 80 % intervals."
    folds, _ = plan_folds(panel, ["city"], n_folds=4)
    found = score_candidates(panel, {"default": with_description}, folds, nominal=0.8)
    return folds["city"][0], found


@pytest.fixture(scope="module")
def spoiled(panel, described):
    "The same with the PM2.5 of the first fold multiplied by ten."
    fold, _ = described
    of_fold = panel.index.isin(fold.test)
    return with_intervals(panel.assign(pm25=panel["pm25"].mask(of_fold, panel["pm25"] * 10)))


@pytest.mark.slow
def test_targets_of_a_held_out_city_do_not_touch_its_interval(described, spoiled):
    "Multiply the PM2.5 of the first fold by ten: no interval, probability or flag in it changes."
    before, after = described[1].predictions, spoiled[1].predictions
    first = before["fold"] == 0
    assert before.loc[first, DESCRIPTION].notna().all(axis=None)
    npt.assert_array_equal(before.loc[first, DESCRIPTION], after.loc[first, DESCRIPTION])


def test_intervals_of_the_other_cities_do_change(described, spoiled):
    "The counterpart: the spoiled cities do calibrate and train for the others."
    before, after = described[1].predictions, spoiled[1].predictions
    others = before["fold"] != 0
    assert (before.loc[others, "upper"] != after.loc[others, "upper"]).all()


def test_coverage_is_the_share_of_rows_inside(described):
    "The record's coverage and width can be computed from the held-out table."
    _, found = described
    rows = found.predictions
    inside = (rows["observed"] >= rows["lower"]) & (rows["observed"] <= rows["upper"])
    assert found.records[0]["coverage"] == pytest.approx(inside.mean())
    assert found.records[0]["width"] == pytest.approx((rows["upper"] - rows["lower"]).mean())


@pytest.mark.slow
def test_seven_cities_give_no_90_percent_interval(panel):
    "In three folds of ten cities at most seven calibrate the others; nine are needed, as the reason says."
    folds, _ = plan_folds(panel, ["city"], n_folds=3)
    found = score_candidates(panel, {"default": with_description}, folds, nominal=0.9)
    assert found.predictions["lower"].isna().all()
    assert "at least 9" in found.skipped["city/intervals"]


def test_a_bundle_needs_calibration_for_an_interval(panel):
    "Without held-out places there is nothing to make an interval from."
    predictor = with_description().fit(panel, "city_id")
    with pytest.raises(ValueError, match="not calibrated"):
        predictor.predict_interval(panel)


def test_targets_of_training_rows_do_move_predictions(panel):
    "The counterpart, so that the test above can fail."
    fold, before = held_out(panel, "city", ours())
    spoiled = panel.copy()
    target = spoiled["pm25"].to_numpy().copy()
    target[fold.train] *= 2
    spoiled["pm25"] = target
    _, after = held_out(spoiled, "city", ours())
    assert not np.allclose(before, after)


def test_inputs_of_held_out_cities_do_not_touch_training(panel):
    "Change every input of the held-out cities: what was learned predicts a third place as before."
    fold = make_folds(panel, "city")[0]
    inputs = ["no2", "aod055", "temp_air", "wind_u", "boundary_layer_height"]
    spoiled = panel.copy()
    rows = np.setdiff1d(np.arange(len(panel)), fold.visible)
    for name in inputs:
        values = spoiled[name].to_numpy().copy()
        values[rows] += 1
        spoiled[name] = values
    third = simulate(n_cities=3, start="2020-01-01", end="2020-01-31", random_state=9).drop(columns="pm25")
    before = ours()().fit(fold.training_panel(panel), "city_id").predict(third)
    after = ours()().fit(fold.training_panel(spoiled), "city_id").predict(third)
    npt.assert_array_equal(before, after)


@pytest.fixture(scope="module")
def predictor(panel):
    "Ours, fitted on all ten cities."
    return ours()().fit(panel, "city_id")


def test_a_new_city_needs_no_history_of_pm25(predictor):
    "A panel of places never seen, without the column pm25, gets a prediction in every row."
    new = simulate(n_cities=4, start="2020-01-01", end="2020-01-10", random_state=8).drop(columns="pm25")
    predicted = predictor.predict(new)
    assert predicted.shape == (40,)
    assert np.isfinite(predicted).all()
    assert predicted.min() >= 0


def test_few_cities_do_not_teach_positions(panel, predictor):
    "From four cities latitude and longitude would only tell which of the four it is; from ten they are kept."
    four = panel[panel["site_id"].isin(sorted(panel["site_id"].unique())[:4])].reset_index(drop=True)
    assert "latitude" not in ours()().fit(four, "city_id").recipe_.names
    assert "latitude" in predictor.recipe_.names


def test_predictions_follow_the_rows(panel, predictor):
    "Reversing the rows of a panel reverses the predictions."
    npt.assert_allclose(predictor.predict(panel.iloc[::-1])[::-1], predictor.predict(panel), rtol=1e-6)


def test_live_predictions_do_not_wait_for_tomorrow(panel):
    "Cut the panel after a day: the live predictions of all days before stay the same."
    predictor = ours("live")().fit(panel, "city_id")
    predictor.context_ = predictor.context_.iloc[:0]
    new = simulate(n_cities=4, start="2020-01-01", end="2020-02-10", random_state=8).drop(columns="pm25")
    cut = new[new["date"] <= pd.Timestamp("2020-01-20")]
    whole = pd.Series(predictor.predict(new))[(new["date"] <= pd.Timestamp("2020-01-20")).to_numpy()]
    npt.assert_array_equal(predictor.predict(cut), whole)


@pytest.mark.long
@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_figures(panel):
    "One process and two agree to the last bit."
    folds, _ = plan_folds(panel, ["city"])
    one = score_candidates(panel, {"default": ours()}, folds, n_jobs=1)
    two = score_candidates(panel, {"default": ours()}, folds, n_jobs=2)
    pd.testing.assert_frame_equal(one.predictions, two.predictions)


def test_records_agree_with_the_held_out_predictions(panel):
    "The RMSE of a record is that of the table of held-out predictions."
    folds, _ = plan_folds(panel, ["city"])
    found = score_candidates(panel, {"mean": baselines(panel)["mean"]}, folds)
    table = found.predictions
    npt.assert_allclose(found.records[0]["rmse"], rmse(table["observed"], table["mean"]))
    assert found.records[0]["groups"] == 10


def test_other_new_places_do_not_change_a_prediction(panel, predictor):
    "A new city gets the same PM2.5 alone as beside nine other new cities, where training places are near."
    known = panel.drop_duplicates("site_id").iloc[0]
    new = simulate(n_cities=10, start="2020-01-01", end="2020-02-10", random_state=8).drop(columns="pm25")
    first = new["site_id"].iloc[0]
    # Beside a training city, so that its surroundings are known on every day of training.
    new.loc[new["site_id"] == first, ["latitude", "longitude"]] = known[["latitude", "longitude"]].to_list()
    alone = new[new["site_id"] == first]
    together = predictor.predict(new)[(new["site_id"] == first).to_numpy()]
    npt.assert_array_equal(predictor.predict(alone), together)


def test_training_rows_keep_their_features(panel, predictor):
    "Rows that were learned from get the same features again."
    pd.testing.assert_frame_equal(predictor.features(panel), predictor.recipe_.transform(panel))
