"""Contributions of the features sum to the prediction, in µg m⁻³."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models import BASE, MONITORS, REMAINDER
from airq.models.ensemble import RIDGE, BoosterEnsemble, Member
from airq.models.explanation import Explainer, grouped, mean_size, to_concentration

LN2 = np.log(2)
LIGHTGBM = {"rounds": 25, "patience": 25, "min_data_in_leaf": 5, "feature_fraction": 1.0}
LINEAR = {**LIGHTGBM, "linear_tree": True, "linear_lambda": 1.0, "lambda_l2": 0.0}
CATBOOST = {"rounds": 20, "patience": 20, "rsm": 1.0, "depth": 3}
PLAIN, ROOT = Member("lightgbm", 1.0, LIGHTGBM), Member("lightgbm", 0.5, LINEAR)
MEMBERS = {
    "plain trees": [PLAIN],
    "linear trees of the square root": [ROOT],
    "catboost": [Member("catboost", 1.0, CATBOOST)],
    "ridge": [RIDGE],
    "blend": [PLAIN, ROOT, Member("catboost", 1.0, CATBOOST), RIDGE],
}


@pytest.fixture(scope="module")
def table():
    "Ten sites on a line, 24 days each; PM2.5 grows with `x`, some values of which are missing."
    rng = np.random.default_rng(0)
    site = np.repeat(np.arange(10), 24)
    X = pd.DataFrame({"x": rng.uniform(size=240), "idle": rng.uniform(size=240)}, dtype="float32")
    y = 15 + 50 * X["x"].to_numpy() ** 2 + rng.normal(0, 2, 240) + np.tile(rng.normal(0, 8, 24), 10)
    X.loc[::7, "x"] = np.nan
    places = pd.DataFrame(
        {
            "site_id": [f"s{number}" for number in site],
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.tile(np.arange(24), 10), unit="D"),
            "latitude": 0.02 * site,
            "longitude": 32.0,
        }
    )
    return X, np.maximum(y, 0), places["site_id"].to_numpy(dtype=object), places


@pytest.mark.parametrize("name", list(MEMBERS))
def test_contributions_base_monitors_and_remainder_sum_to_the_prediction(table, name):
    "To 1e-6 µg m⁻³ in every row, also where values are missing."
    X, y, groups, places = table
    ensemble = BoosterEnsemble(MEMBERS[name]).fit(X, y, groups, places)
    assert X.isna().any(axis=None)
    # A share of three tenths whatever the data say, so that the sum must hold with it.
    ensemble.shares_[:] = 0.3
    inputs = ensemble.with_monitors(X, places)
    npt.assert_allclose(ensemble.share_of_kriging(inputs), 0.3)
    found = Explainer(ensemble, inputs).contributions(inputs)
    npt.assert_allclose(found.sum(axis=1), ensemble.predict(inputs), rtol=0, atol=1e-6)
    # The ridge runs into the upper limit; one of its boosters says half of what the others do.
    assert (found[REMAINDER] == 0).mean() > 0.9
    assert found[BASE].nunique() == 1
    assert found[MONITORS].abs().mean() > 1
    assert list(found.columns) == ["x", "idle", BASE, MONITORS, REMAINDER]


def test_the_sum_holds_beyond_the_training_ranges(table):
    "A value that no training row had is explained as the boosters get it, cut beyond the range."
    X, y, groups, places = table
    ensemble = BoosterEnsemble([ROOT], monitors=None).fit(X, y, groups, places)
    beyond = pd.DataFrame({"x": [5.0, -5.0], "idle": [9.0, np.nan]}, dtype="float32")
    found = Explainer(ensemble, X).contributions(beyond)
    npt.assert_allclose(found.sum(axis=1), ensemble.predict(beyond), rtol=0, atol=1e-6)


def test_what_keeps_a_booster_near_the_others_is_in_the_remainder(table):
    "Four ridges say 30, one says 90 of which 62 is allowed: the base has the 90, the remainder the rest."
    X, y, groups, places = table
    ensemble = BoosterEnsemble([RIDGE]).fit(X, y, groups)
    ensemble.highest_ = 500.0
    for ridge, pm25 in zip(ensemble.boosters_[0], (30, 30, 30, 30, 90), strict=True):
        ridge.slopes[:], ridge.base = 0.0, np.log1p(pm25)
    found = Explainer(ensemble).contributions(X[:1])
    predicted = np.exp(np.log(31) * 0.8 + np.log(63) * 0.2) - 1
    npt.assert_allclose(ensemble.predict(X[:1]), predicted)
    npt.assert_allclose(found[BASE] + found[REMAINDER], predicted)
    npt.assert_allclose(found[BASE], np.exp(np.log(31) * 0.8 + np.log(91) * 0.2) - 1)


def test_the_upper_limit_is_the_remainder(table):
    "With a limit 5 below the highest prediction, the remainder of that row is -5."
    X, y, groups, places = table
    ensemble = BoosterEnsemble([PLAIN], monitors=None).fit(X, y, groups, places)
    free = ensemble.predict(X)
    ensemble.highest_ = free.max() - 5
    found = Explainer(ensemble, X).contributions(X)
    npt.assert_allclose(found[REMAINDER].iloc[free.argmax()], -5)
    npt.assert_allclose(found.sum(axis=1), ensemble.predict(X), rtol=0, atol=1e-6)


def test_a_feature_that_no_tree_looks_at_contributes_nothing(table):
    "Where `idle` is constant in training, every contribution is that of `x`."
    X, y, groups, places = table
    X = X.assign(idle=np.float32(1.0))
    ensemble = BoosterEnsemble([PLAIN, ROOT], monitors=None).fit(X, y, groups, places)
    found = Explainer(ensemble, X).contributions(X)
    npt.assert_array_equal(found["idle"], 0)
    assert found["x"].abs().mean() > 5


@pytest.mark.parametrize(
    ("power", "scale", "parts", "lifted"),
    [
        # 8² = 64 from 6² = 36: two steps of 1 count (8 + 6) each.
        (0.5, [1.0, 1.0, 6.0], [14.0, 14.0, 36.0], 0.0),
        # Below zero the chord ends at 0: slope 6, of which 2 * 6 must be lifted.
        (0.5, [-8.0, 0.0, 6.0], [-48.0, 0.0, 36.0], 12.0),
        (1.0, [-8.0, 0.0, 6.0], [-8.0, 0.0, 6.0], 2.0),
        # On the logarithm of 1 + PM2.5, from 1 to 3 by halves of ln 2: each half of the step.
        (0.0, [LN2 / 2, LN2 / 2, LN2], [1.0, 1.0, 1.0], 0.0),
        # No step at all: the tangent 2 * 6 shares out what cancels.
        (0.5, [1.0, -1.0, 6.0], [12.0, -12.0, 36.0], 0.0),
    ],
)
def test_from_the_scale_of_a_member_to_concentrations(power, scale, parts, lifted):
    "Contributions times (s + b), by hand."
    found, up = to_concentration(np.array([scale]), Member("lightgbm", power))
    npt.assert_allclose(found, [parts])
    npt.assert_allclose(up, lifted)


def test_groups_add_up_and_shared_features_are_split():
    "`speed` of 4 is half `u`, half `v`; the row's sum stays 36."
    table = pd.DataFrame({"u": [1.0], "speed": [4.0], "no2": [-2.0], BASE: [33.0], MONITORS: [0.0]})
    found = grouped(table, {"u": ["u"], "speed": ["u", "v"], "no2": ["no2"]})
    assert found.iloc[0].to_dict() == {"u": 3.0, "v": 2.0, "no2": -2.0, BASE: 33.0, MONITORS: 0.0}


def test_importance_takes_sizes_before_the_mean():
    "+3 and -3 are a mean size of 3, not 0; the base is no contribution."
    table = pd.DataFrame({"a": [3.0, -3.0], "b": [1.0, 2.0], BASE: [30.0, 30.0]})
    assert mean_size(table).to_dict() == {"a": 3.0, "b": 1.5}
