"""Weights for rare targets in several regressors, on the same folds."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from imbalance.regression import compare_regressors, summary, weighted

POINTS = [(0, 0), (10, 1)]


@pytest.fixture
def curve():
    "Two hundred rows on a curve, its high end rare."
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    return X, np.exp(X[:, 0] + 0.2 * rng.normal(size=200))


def test_scores_of_constant_predictions_by_hand():
    """Each of two folds tests 0, 0 and 10, and 5 is predicted: every error is 5.

    SERA by row is 25 / 3, since only the 10 is relevant; RMSE, MAE and RMSE where it matters are 5. One score
    for all leaves no cut-off between them: nothing is above 5, so nothing is caught, at no false alarm.
    """
    X, y = np.arange(6.0)[:, None], np.array([0.0, 0, 10] * 2)
    found = compare_regressors(
        X,
        y,
        models=DummyRegressor(strategy="constant", constant=5.0),
        weights=[],
        cv=[([3, 4, 5], [0, 1, 2]), ([0, 1, 2], [3, 4, 5])],
        relevance=POINTS,
        above=9,
    )
    row = found.table.iloc[0]
    npt.assert_allclose(row[["sera", "rmse", "mae", "rmse_relevant"]].astype(float), [25 / 3, 5, 5, 5])
    assert (row["recall_0.05"], row["false_alarms_0.05"]) == (0, 0)


def test_differences_are_paired_by_fold():
    "1 and 3 less than 5 and 7: the difference is -4 in both folds, without a spread."
    scores = pd.DataFrame(
        {
            "model": "m",
            "weights": ["none", "none", "dense", "dense"],
            "fold": [0, 1, 0, 1],
            "sera": [5.0, 7, 1, 3],
            "rmse": [1.0, 1, 2, 2],
        }
    )
    best, plain = summary(scores, test_share=0.5).to_dict("records")
    assert (best["weights"], best["sera"], plain["sera"]) == ("dense", 2, 6)
    assert (best["sera_vs_none"], best["sera_low"], best["sera_high"], best["rmse_vs_none"]) == (
        -4,
        -4,
        -4,
        1,
    )


def test_cut_offs_are_chosen_on_training_rows_only(curve):
    "Test targets made larger, still events: no prediction, recall or false alarm of their own fold moves."
    X, y = curve
    splits = [(np.arange(100, 200), np.arange(100)), (np.arange(100), np.arange(100, 200))]
    options = {"models": Ridge(), "cv": splits, "relevance": [(1, 0), (4, 1)]}
    changed = np.where((np.arange(200) < 100) & (y > 4), y + 100, y)
    first, second = (compare_regressors(X, one, **options).scores for one in (y, changed))
    columns = ["recall_0.05", "false_alarms_0.05"]
    own = first["fold"] == 0
    npt.assert_array_equal(second.loc[own, columns], first.loc[own, columns])
    assert (second.loc[own, "rmse"] > first.loc[own, "rmse"]).all()


class Groups(RegressorMixin, BaseEstimator):
    "Refuses to predict for a group that it learned from: the first column."

    def fit(self, X, y, sample_weight=None):
        self.seen_ = set(X[:, 0])
        return self

    def predict(self, X):
        assert not self.seen_ & set(X[:, 0])
        return X[:, 1]


def test_groups_stay_on_one_side_of_outer_and_inner_folds(curve):
    "Ten groups; the regressor that knows a group never sees it again."
    X, y = curve
    X = np.column_stack([np.arange(200) % 10, X[:, 0]])
    found = compare_regressors(X, y, models=Groups(), groups=np.arange(200) % 10, relevance="high")
    assert len(found.scores) == 3 * 5


def test_equal_rows_stay_on_one_side():
    "Every row stands there twice: a nearest neighbour would know all answers, and knows none."
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 1)), 2, axis=0)
    y = np.repeat(rng.normal(size=60), 2)
    options = {"models": KNeighborsRegressor(1), "weights": [], "relevance": POINTS}
    assert compare_regressors(X, y, **options).table["rmse"].min() > 0.8


def test_weights_lower_the_error_where_it_matters_and_the_table_says_so(curve):
    "On a curve a line cannot follow, weights move it to the rare end: less SERA, more RMSE."
    X, y = curve
    found = compare_regressors(X, y, models={"line": Ridge()}, relevance="high")
    table = found.table.set_index("weights")
    assert table.loc["dense", "sera"] < table.loc["none", "sera"]
    assert table.loc["dense", "rmse"] > table.loc["none", "rmse"]
    assert found.answer.startswith(f"line, weights {found.table['weights'][0]}, has the lowest SERA")
    assert "<table" in found._repr_html_()


def test_the_winner_is_an_ordinary_regressor(curve):
    "Fitted on all rows, it predicts as the named weights on the named model do."
    X, y = curve
    found = compare_regressors(X, y, models={"line": Ridge()}, relevance="high")
    expected = weighted(Ridge(), found.table["weights"][0]).fit(X, y)
    npt.assert_array_equal(found.fit(X, y).predict(X), expected.predict(X))


def test_an_interrupted_comparison_goes_on(curve, tmp_path):
    "Stopped after two of ten fits; the rest follows, with the values of a run that never stopped."

    def stop(done, total, text):
        if done == 2:
            raise KeyboardInterrupt

    X, y = curve
    options = {"models": Ridge(), "weights": ["dense"], "relevance": "high"}
    with pytest.raises(KeyboardInterrupt):
        compare_regressors(X, y, **options, out=tmp_path / "out", advance=stop)
    told = []
    again = compare_regressors(
        pd.DataFrame(X).to_numpy(),
        y,
        **options,
        out=tmp_path / "out",
        advance=lambda *said: told.append(said[0]),
    )
    assert told == list(range(2, 11))
    pd.testing.assert_frame_equal(again.scores, compare_regressors(X, y, **options).scores)
    with pytest.raises(ValueError, match="other data; choose another folder"):
        compare_regressors(X, y + 1, **options, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": ["density"]}, "Unknown weights 'density'"),
        ({"weights": ["none:2"]}, "Unknown weights 'none:2'"),
        ({"cv": 1}, "cv must be 2 or more and at most the 200 groups"),
        ({"rates": [2]}, "between 0 and 1, not 2"),
        ({"relevance": "sideways"}, "extremes must be"),
        ({"relevance": [(1, 2), (3, 4)]}, "relevances between 0 and 1"),
    ],
)
def test_questions_that_make_no_sense_are_refused(curve, options, words):
    "One line each, before anything is fitted."
    with pytest.raises(ValueError, match=words):
        compare_regressors(*curve, models=Ridge(), **options)


@pytest.mark.slow
def test_defaults_are_a_ridge_and_lightgbm(curve):
    "Two models, three weights each, and no result depends on the number of processes."
    one = compare_regressors(*curve, cv=3, relevance="high")
    two = compare_regressors(*curve, cv=3, relevance="high", n_jobs=2)
    assert set(one.table["model"]) == {"ridge", "lightgbm"}
    assert len(one.table) == 6
    pd.testing.assert_frame_equal(one.scores, two.scores)


def test_sparse_rows_are_compared_like_dense_ones(curve):
    "The same folds, and the same ridge but for the solver."
    X, y = curve
    options = {"models": Ridge(solver="lsqr", tol=1e-9), "weights": ["dense"], "cv": 3}
    found, same = (compare_regressors(one, y, **options) for one in (csr_matrix(X), np.asarray(X)))
    npt.assert_allclose(found.table["sera"], same.table["sera"], rtol=1e-4)
