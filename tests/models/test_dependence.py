"""Partial dependence of an ensemble."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.explanation import partial_dependence, value_grid

QUICK = {"rounds": 60, "patience": 60, "min_data_in_leaf": 5, "feature_fraction": 1.0}


@pytest.fixture(scope="module")
def stepped():
    "PM2.5 is 10 where `x` is at most 0.5, else 40; `twin` is the same again, `idle` says nothing."
    rng = np.random.default_rng(0)
    x = rng.uniform(size=300)
    X = pd.DataFrame({"x": x, "twin": x, "idle": rng.uniform(size=300)}, dtype="float32")
    y = np.where(x > 0.5, 40.0, 10.0)
    ensemble = BoosterEnsemble([Member("lightgbm", 1.0, QUICK)], monitors=None)
    return ensemble.fit(X, y, np.repeat(np.arange(10), 30)), X


def test_the_response_follows_the_step(stepped):
    "About 10 below the step and 40 above, if all that is of `x` is set together."
    found = partial_dependence(*stepped, ["x", "twin"], [0.2, 0.8])
    npt.assert_allclose(found, [10, 40], atol=2)


def test_an_idle_feature_has_a_flat_response(stepped):
    "Setting `idle` moves nothing by more than 2, where `x` moves 30."
    assert np.ptp(partial_dependence(*stepped, ["idle"], [0.0, 0.5, 1.0])) < 2


def test_the_background_stays_as_it_is(stepped):
    "The rows handed over are not changed."
    ensemble, X = stepped
    before = X.copy()
    partial_dependence(ensemble, X, ["x"], [0.1])
    pd.testing.assert_frame_equal(X, before)


def test_a_column_without_values_has_no_grid():
    "Nothing to set, no value."
    assert len(value_grid([np.nan, np.nan])) == 0
