"""Blend, inner folds and limits of our estimator."""

from types import SimpleNamespace

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.boosters import fit_booster
from airq.models.ensemble import RIDGE, BoosterEnsemble, Member, blend_weights, inner_folds

QUICK = {"rounds": 30, "patience": 30, "min_data_in_leaf": 5, "feature_fraction": 1.0}
MEMBER = Member("lightgbm", 1.0, QUICK)


@pytest.fixture(scope="module")
def table():
    "Eight groups of 30 rows; the target is a step of the first column plus noise."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.uniform(size=240), "noise": rng.uniform(size=240)}, dtype="float32")
    y = np.where(X["x"] > 0.5, 40.0, 10.0) + rng.normal(0, 1, 240)
    return X, y, np.repeat(list("abcdefgh"), 30)


def test_a_group_lies_in_one_inner_fold():
    "Ten groups in five folds: each group has one number, each fold two groups."
    groups = np.repeat(np.arange(10), 3)
    folds = pd.Series(inner_folds(groups)).groupby(groups)
    assert (folds.nunique() == 1).all()
    assert sorted(folds.first().value_counts()) == [2] * 5


def test_the_blend_is_convex():
    "Weights are not negative and sum to one, even if both members are too low."
    weights = blend_weights([[1.0, 2.0], [1.0, 2.0], [2.0, 3.0]], [5.0, 5.0, 5.0])
    npt.assert_allclose(weights.sum(), 1)
    assert (weights >= 0).all()


def test_targets_of_zero_leave_equal_weights():
    "Where every weight would do, none is missing."
    npt.assert_allclose(blend_weights(np.zeros((3, 2)), np.zeros(3)), [0.5, 0.5])


def test_the_better_member_wins_the_blend():
    "A perfect member beside a wrong one gets all the weight."
    npt.assert_allclose(blend_weights([[1, 9], [5, 2], [3, 7]], [1, 5, 3]), [1, 0], atol=1e-6)


def test_an_inner_prediction_comes_from_a_booster_that_never_saw_the_group(table):
    "Changing one group's targets changes no inner prediction of that group's own fold."
    X, y, groups = table
    folds = inner_folds(groups)
    mine = folds == folds[0]
    # Stopping is fixed by patience equal to rounds and a best round that the change leaves alone.
    fixed = Member("lightgbm", 1.0, QUICK | {"rounds": 1, "patience": 1})
    before = BoosterEnsemble([fixed], monitors=None).fit(X, y, groups)
    changed = np.where(mine, y + 5, y)
    after = BoosterEnsemble([fixed], monitors=None).fit(X, changed, groups)
    npt.assert_array_equal(before.inner_predictions_[mine], after.inner_predictions_[mine])
    assert not np.allclose(before.inner_predictions_[~mine], after.inner_predictions_[~mine])


def test_the_same_seed_gives_the_same_predictions(table):
    "Two fits agree to the last bit; another seed does not."
    X, y, groups = table
    first, second = (BoosterEnsemble([MEMBER], monitors=None).fit(X, y, groups) for _ in range(2))
    other = BoosterEnsemble([MEMBER], monitors=None, seed=1).fit(X, y, groups)
    npt.assert_array_equal(first.predict(X), second.predict(X))
    assert not np.array_equal(first.predict(X), other.predict(X))


def test_a_rare_spike_counts_less_by_the_huber_loss():
    """At x = 1 nine rows of ten have 20, one has 220: the mean is 40; at x = 0 all have 10.

    The standard deviation of all is 45. Where errors beyond a tenth of it count by their size, the
    best constant c at x = 1 solves 0.9 (c - 20) = 0.1 * 4.5, so it is 20.5.
    """
    number = np.arange(400)
    X = pd.DataFrame({"x": number % 2}, dtype="float32")
    y = np.where(number % 2 == 0, 10.0, np.where(number % 20 == 1, 220.0, 20.0))
    settings = {"bagging_fraction": 1.0, "lambda_l2": 0.0, "feature_fraction": 1.0, "patience": 1500}
    for changed, rows, expected in [({}, y >= 0, 40.0), ({"huber": 0.1}, y < 200, 20.5)]:
        booster = fit_booster(
            "lightgbm", lambda: X, y, lambda rows=rows: X[rows], y[rows], parameters=settings | changed
        )
        said = booster.predict(pd.DataFrame({"x": [1.0]}))[0]
        assert said == pytest.approx(expected, abs=0.05)


def test_predictions_stay_in_the_physical_range(table):
    "A linear booster far outside its data neither falls below zero nor runs away upwards."
    X, y, groups = table
    steep = Member("lightgbm", 1.0, QUICK | {"linear_tree": True})
    ensemble = BoosterEnsemble([steep], monitors=None).fit(X, y, groups)
    for far in (-1e6, 1e6):
        predicted = ensemble.predict(pd.DataFrame({"x": [far], "noise": [far]}, dtype="float32"))
        assert 0 <= predicted[0] <= 1.2 * y.max()


def test_features_end_at_their_training_range():
    "Of a feature on [0, 4] plain trees and the ridge see -9 as 0 and 9 as 4, linear trees as -4 and 8."
    ensemble = BoosterEnsemble()
    ensemble.ranges_ = np.array([[0.0], [4.0]])
    linear = Member("lightgbm", parameters={"linear_tree": True})
    beyond = pd.DataFrame({"x": [-9.0, 9.0, np.nan]})
    for member, ends in [(MEMBER, [0, 4]), (RIDGE, [0, 4]), (linear, [-4, 8])]:
        seen = ensemble.within_ranges(beyond, member.reach)
        npt.assert_array_equal(seen["x"], [*ends, np.nan])


def test_linear_leaves_extrapolate_a_width_and_no_more():
    "Leaves of y = 10 + 10 x on [0, 1], limited to 24: 15 at 0.5, above 21 at 1.3; 0 at -1 and beyond."
    x = np.tile(np.linspace(0, 1, 30), 8).astype("float32")
    settings = QUICK | {"linear_tree": True, "rounds": 200, "patience": 200, "num_leaves": 2}
    linear = Member("lightgbm", 1.0, settings)
    groups = np.repeat(list("abcdefgh"), 30)
    ensemble = BoosterEnsemble([linear], monitors=None).fit(pd.DataFrame({"x": x}), 10 + 10.0 * x, groups)
    predicted = ensemble.predict(pd.DataFrame({"x": [0.5, 1.3, -1.0, -9.0]}, dtype="float32"))
    npt.assert_allclose(predicted, [15, 23, 0, 0], atol=0.5)


def test_weights_come_from_predictions_that_meet_the_limits_of_features():
    """Nine groups of x in [0, 1], one at 9, whose PM2.5 is 2^x - 1 of x cut at 1.

    The ridge of the fold that leaves the tenth group out sees its 9 as 1, and is right.
    """
    x = np.r_[np.tile(np.linspace(0, 1, 20), 9), np.full(20, 9.0)].astype("float32")
    y = 2 ** np.minimum(x, 1.0) - 1
    groups = np.repeat(np.arange(10), 20)
    ensemble = BoosterEnsemble([RIDGE], monitors=None).fit(pd.DataFrame({"x": x}), 100 * y, groups)
    npt.assert_allclose(ensemble.inner_predictions_[-20:], 100, rtol=0.25)


def test_a_ridge_that_is_right_weighs_half():
    "PM2.5 is 2^x - 1 of x from 0 to 6, which a ridge of the logarithm meets; a single split does not."
    x = np.tile(np.linspace(0, 6, 20), 9).astype("float32")
    stump = Member("lightgbm", 1.0, {"rounds": 1, "patience": 1, "num_leaves": 2})
    groups = np.repeat(np.arange(9), 20)
    ensemble = BoosterEnsemble([stump, RIDGE], monitors=None).fit(pd.DataFrame({"x": x}), 2.0**x - 1, groups)
    npt.assert_allclose(ensemble.weights_, [0.5, 0.5])


def test_predictions_end_a_fifth_above_the_highest_target(table):
    "Boosters that say 1,000 and more: the answer is 1.2 times the highest PM2.5 of training."
    X, y, groups = table
    ensemble = BoosterEnsemble([MEMBER], monitors=None).fit(X, y, groups)
    ensemble.boosters_ = [[SimpleNamespace(predict=lambda X: np.full(len(X), 1000.0))]]
    npt.assert_allclose(ensemble.predict(X[:2]), 1.2 * y.max())


def test_a_booster_that_runs_away_is_kept_near_the_others(table):
    "Boosters say 20, 24 and 900: twice the median and 2 more are 50, so their mean is 31.3."
    X, y, groups = table
    ensemble = BoosterEnsemble([MEMBER], monitors=None).fit(X, y, groups)
    ensemble.highest_ = 1000.0
    ensemble.boosters_ = [
        [
            SimpleNamespace(predict=lambda X, value=value: np.full(len(X), value))
            for value in (20.0, 24.0, 900)
        ]
    ]
    npt.assert_allclose(ensemble.predict(X[:2]), (20 + 24 + 50) / 3)


@pytest.mark.parametrize("power", [1.0, 0.5, 0.0])
def test_boosters_agree_on_every_scale(power):
    "Around a median of 24 boosters are limited to 10 and 50 µg m⁻³, whatever scale they learned."
    member = Member("lightgbm", power)
    said = member.forward(np.array([[0.0], [24.0], [24.0], [30.0], [90.0]]))
    kept = member.backward(member.agreed(said, 500.0))
    npt.assert_allclose(kept.ravel(), [10, 24, 24, 30, 50])


def test_a_member_that_runs_away_is_limited_before_the_blend(table):
    "One of two members says a million: the blend is half of the limit and half of the other."
    X, y, groups = table
    ensemble = BoosterEnsemble([MEMBER, MEMBER], monitors=None).fit(X, y, groups)
    ensemble.weights_ = np.array([0.5, 0.5])
    ensemble.boosters_ = [
        [SimpleNamespace(predict=lambda X, value=value: np.full(len(X), value))] for value in (1e6, 10.0)
    ]
    npt.assert_allclose(ensemble.predict(X[:2]), (1.2 * y.max() + 10) / 2)


def test_missing_values_are_left_to_the_trees(table):
    "A row without any value gets a prediction."
    X, y, groups = table
    holes = X.mask(np.random.default_rng(1).uniform(size=X.shape) < 0.5)
    ensemble = BoosterEnsemble([MEMBER], monitors=None).fit(holes, y, groups)
    assert np.isfinite(ensemble.predict(pd.DataFrame({"x": [np.nan], "noise": [np.nan]}))).all()


@pytest.mark.parametrize("power", [1.0, 0.5, 0.0])
def test_the_scale_of_a_member_has_an_inverse(power):
    "There and back again."
    member = Member("lightgbm", power)
    npt.assert_allclose(member.backward(member.forward(np.array([0.0, 4.0, 9.0]))), [0, 4, 9])


@pytest.mark.parametrize("kind", ["lightgbm", "catboost"])
def test_a_saved_ensemble_predicts_the_same(table, tmp_path, kind):
    "Native files bring the same predictions back."
    X, y, groups = table
    member = Member(kind, 0.5, {"rounds": 20, "patience": 20})
    ensemble = BoosterEnsemble([member], monitors=None, n_inner=2).fit(X, y, groups)
    again = BoosterEnsemble.load(tmp_path, ensemble.save(tmp_path))
    npt.assert_allclose(again.predict(X), ensemble.predict(X), rtol=1e-12)
