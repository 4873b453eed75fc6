"""Importances of features in our estimator."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.ensemble import BoosterEnsemble, Member

QUICK = {"rounds": 20, "patience": 20}
MEMBERS = [
    Member("lightgbm", 1.0, QUICK | {"min_data_in_leaf": 5, "feature_fraction": 1.0}),
    Member("catboost", 1.0, QUICK | {"rsm": 1.0}),
]


@pytest.fixture(scope="module")
def table():
    "Four groups of 40 rows; the target is a step of the first column, the third is constant."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.uniform(size=160), "noise": rng.uniform(size=160), "flat": 1.0})
    return X, np.where(X["x"] > 0.5, 40.0, 10.0) + rng.normal(0, 1, 160), np.repeat(list("abcd"), 40)


@pytest.mark.parametrize("members", [MEMBERS[:1], MEMBERS[1:], MEMBERS])
def test_importance_goes_to_what_the_target_follows(table, members):
    "Shares of one; the step has nearly all of it, a constant none: either library and both."
    ensemble = BoosterEnsemble(members, n_inner=2, monitors=None).fit(*table)
    shares = ensemble.importances_
    assert shares.sum() == pytest.approx(1)
    assert shares[0] > 0.9
    assert shares[1] >= 0
    assert shares[2] == 0


def test_members_count_by_their_weight_in_the_blend(table):
    "Half of one member's shares and half of the other's; each is the mean of its two boosters'."
    ensemble = BoosterEnsemble(MEMBERS, n_inner=2, monitors=None).fit(*table)
    ensemble.weights_ = np.array([0.5, 0.5])
    (first, second), (third, fourth) = ([booster.importances for booster in b] for b in ensemble.boosters_)
    npt.assert_allclose(ensemble.importances_, (first + second + third + fourth) / 4)


def test_a_loaded_ensemble_has_the_same_importances(table, tmp_path):
    "Native files hold what the shares are made of."
    ensemble = BoosterEnsemble(MEMBERS, n_inner=2, monitors=None).fit(*table)
    again = BoosterEnsemble.load(tmp_path, ensemble.save(tmp_path))
    npt.assert_allclose(again.importances_, ensemble.importances_, rtol=1e-5)


def test_without_a_split_all_features_are_equal(table):
    "A constant target teaches nothing: a third each."
    X, y, groups = table
    ensemble = BoosterEnsemble(MEMBERS[:1], n_inner=2, monitors=None).fit(X, np.full(160, 5.0), groups)
    npt.assert_allclose(ensemble.importances_, np.full(3, 1 / 3))
