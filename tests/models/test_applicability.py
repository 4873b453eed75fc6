"""Dissimilarity, threshold and missing values of the area of applicability."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from airq.models import applicability
from airq.models.applicability import AreaOfApplicability, whisker

#: Means 1 and 0, standard deviations 1 and 1.
THREE = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, -1.0, 0.0]})


def rows(**columns):
    return pd.DataFrame(columns, dtype="float32")


def exact(**options):
    "An area whose components carry everything."
    return AreaOfApplicability(carried=1.0, n_candidates=1000, **options)


@pytest.fixture(scope="module")
def cloudy():
    "600 rows of 12 correlated features, the last of no importance; 30 % of the first six are missing."
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 4)) @ rng.normal(size=(4, 12)) + 0.2 * rng.normal(size=(600, 12))
    values[:, :6][rng.uniform(size=(600, 6)) < 0.3] = np.nan
    X = pd.DataFrame(values, columns=list("abcdefghijkl"))
    weights = np.append(rng.uniform(size=11), 0)
    return X, weights / weights.sum(), rng.integers(5, size=600)


def test_two_features_three_rows_by_hand():
    "Weights 3 : 4 lay the rows at (-3, 4), (0, -4), (3, 0) of 7: mean distance (8.54 + 7.21 + 5) / 3."
    area = exact().fit(THREE, [3 / 7, 4 / 7], [0, 1, 2])
    mean = (np.sqrt(73) + np.sqrt(52) + 5) / 3
    assert area.mean_distance_ * 7 == pytest.approx(mean)
    # (1, 0) lies at (0, 0): its nearest training row is the third, 3 away.
    npt.assert_allclose(area.dissimilarity(rows(a=[1, 2], b=[0, 0])), [3 / mean, 0], atol=1e-6)


def test_the_threshold_by_hand():
    "One feature, folds 0 0 1 1 1 at 0 1 3 4 9: nearest rows of the other fold are 3 2 2 3 8 away; 8 is out."
    X = pd.DataFrame({"a": [0.0, 1.0, 3.0, 4.0, 9.0]})
    area = exact().fit(X, [1.0], [0, 0, 1, 1, 1])
    mean = (1 + 3 + 4 + 9 + 2 + 3 + 8 + 1 + 6 + 5) / 10
    assert area.threshold_ == pytest.approx(3 / mean)
    # The threshold itself is inside: 12 is 3 away from 9; 12.1 is more.
    assert area.inside(rows(a=[11.9, 12.1])).tolist() == [True, False]


def test_the_own_fold_lends_no_neighbour():
    "Twins in one fold: were they each other's neighbours, the threshold would be 0 instead of 10 apart."
    X = pd.DataFrame({"a": [0.0, 0.0, 10.0, 10.0]})
    twins = exact().fit(X, [1.0], [0, 0, 1, 1])
    # Pairs: two of distance 0, four of distance 10.
    assert twins.threshold_ == pytest.approx(10 / (40 / 6))
    assert exact().fit(X, [1.0], [0, 1, 0, 1]).threshold_ == 0


def test_the_threshold_leaves_outliers_out():
    "Quartiles of 0 1 2 3 4 9 are 1.25 and 3.75: the bound is 3.75 + 1.5 * 2.5 = 7.5, so 9 is out."
    assert whisker([0, 1, 2, 3, 4, 9]) == 4
    assert whisker([0, 1, 2, 3, 4, 7.5]) == 7.5
    assert whisker([0, 1, 2, 3, 4]) == 4


def test_a_feature_of_no_importance_does_not_count():
    "Weight zero: neither its value nor its absence moves a row."
    area = exact().fit(THREE, [1.0, 0.0], [0, 1, 2])
    near, far, lacking = area.dissimilarity(rows(a=[0.5, 0.5, 0.5], b=[0, 1e6, np.nan]))
    assert near == pytest.approx(far) == pytest.approx(lacking)
    # Neighbours 0.5 away; the mean of 1, 1 and 2 is 4 / 3.
    assert near == pytest.approx(0.5 / (4 / 3))


def test_a_feature_that_never_varied_does_not_count():
    "A constant in training stands in no tree, so another value is no news; thirds do not round it away."
    X = THREE.assign(c=1 / 3)
    area = exact().fit(X, [0.5, 0.0, 0.5], [0, 1, 2])
    npt.assert_allclose(area.dissimilarity(rows(a=[1], b=[0], c=[50])), 0, atol=1e-6)


def test_a_missing_value_that_training_never_lacked_stands_one_deviation_aside():
    "Present at 0 1 2, mean 1, deviation 1: the row that lacks it is 1 from the middle row."
    area = exact().fit(THREE, [1.0, 0.0], [0, 1, 2])
    npt.assert_allclose(area.dissimilarity(rows(a=[np.nan], b=[0])), 1 / (4 / 3), rtol=1e-6)


def test_a_missing_value_is_ordinary_where_training_lacked_it_too():
    "Rows that lack the feature under the same other values are at distance 0 from each other."
    X = rows(a=[0, 1, 2, np.nan], b=[5, 6, 7, 8])
    area = exact().fit(X, [0.5, 0.5], [0, 1, 2, 3])
    lacking, present = area.dissimilarity(rows(a=[np.nan, 1], b=[8, 8]))
    assert lacking == pytest.approx(0, abs=1e-6)
    assert present > 0.3


def test_a_row_that_lacks_what_matters_is_outside_and_one_that_lacks_little_is_not():
    "Complete training rows on a fine grid; weights 0.98 and 0.02."
    X = pd.DataFrame({"a": np.linspace(0, 1, 50), "b": np.linspace(0, 1, 50)})
    area = AreaOfApplicability().fit(X, [0.98, 0.02], np.arange(50) % 5)
    asked = rows(a=[0.5, np.nan, 0.5, np.nan], b=[0.5, 0.5, np.nan, np.nan])
    assert area.inside(asked).tolist() == [True, False, True, False]


def test_the_stated_error_holds(cloudy):
    "Against distances by scipy in all weighted features, few components searched."
    X, weights, folds = cloudy
    area = AreaOfApplicability(carried=0.9, n_searched=2, n_candidates=8).fit(X, weights, folds)
    assert 2 < len(area.space_.carried) < 12
    laid = area.space_.coordinates(X)
    other = cdist(laid, laid)
    other[folds[:, None] == folds] = np.inf
    true = other.min(axis=1) / area.mean_distance_
    ours = area._across_folds(folds, np.arange(600))
    assert np.mean(ours - true) == pytest.approx(area.error_["mean"], abs=0.01)
    assert np.quantile(np.abs(ours - true), 0.95) == pytest.approx(area.error_["p95"], abs=0.02)
    same = (true <= whisker(true)) == (ours <= whisker(ours))
    assert np.mean(same) == pytest.approx(area.error_["same_verdict"], abs=0.01)


def test_the_default_is_near_brute_force(cloudy):
    "Error of the index below 5 % of its mean, the same verdict on 99 rows of 100."
    X, weights, folds = cloudy
    error = AreaOfApplicability().fit(X, weights, folds).error_
    assert error["p95"] < 0.05 * error["true_mean"]
    assert error["same_verdict"] >= 0.99


def test_components_alone_never_overstate(cloudy):
    "With every row a candidate, what the components leave out can only shorten a distance."
    X, weights, folds = cloudy
    area = AreaOfApplicability(max_components=3, n_candidates=400).fit(X[:400], weights, folds[:400])
    laid = area.space_.coordinates(X)
    true = cdist(laid[400:], laid[:400]).min(axis=1) / area.mean_distance_
    ours = area.dissimilarity(X[400:])
    assert (ours <= true + 1e-6).all()
    assert ours.mean() < 0.99 * true.mean()


def test_all_components_agree_with_brute_force(cloudy):
    "Nothing left out: the search finds the distances that scipy finds."
    X, weights, folds = cloudy
    area = exact().fit(X[:400], weights, folds[:400])
    laid = area.space_.coordinates(X)
    true = cdist(laid[400:], laid[:400]).min(axis=1) / area.mean_distance_
    npt.assert_allclose(area.dissimilarity(X[400:]), true, rtol=1e-4)


def test_far_in_a_direction_that_no_component_has_is_far():
    "Two equal features make one component; a row that breaks the equality by ten deviations is outside."
    line = np.linspace(-1, 1, 40)
    X = pd.DataFrame({"a": line, "b": line})
    area = AreaOfApplicability(max_components=1).fit(X, [0.5, 0.5], np.arange(40) % 5)
    broken = rows(a=[5], b=[-5])
    true = cdist(area.space_.coordinates(broken), area.space_.coordinates(X)).min() / area.mean_distance_
    npt.assert_allclose(area.dissimilarity(broken), true, rtol=1e-3)
    assert not area.inside(broken)[0]


def test_a_training_row_is_at_no_distance(cloudy):
    "Also with few components and missing values."
    X, weights, folds = cloudy
    area = AreaOfApplicability(max_components=3).fit(X, weights, folds)
    npt.assert_allclose(area.dissimilarity(X), 0, atol=1e-5)


def test_chunks_and_threads_change_nothing(cloudy, monkeypatch):
    "Sixty rows at a time and two threads give what all rows at once give."
    X, weights, folds = cloudy
    whole = AreaOfApplicability().fit(X[:400], weights, folds[:400])
    monkeypatch.setattr(applicability, "CHUNK", 60)
    parts = AreaOfApplicability(threads=2).fit(X[:400], weights, folds[:400])
    npt.assert_allclose(parts.dissimilarity(X), whole.dissimilarity(X), atol=1e-5)
    assert parts.threshold_ == pytest.approx(whole.threshold_, abs=1e-5)


def test_a_sample_of_pairs_gives_the_mean_distance(cloudy, monkeypatch):
    "20,000 pairs by lot come within four standard errors of all 179,700."
    X, weights, folds = cloudy
    everything = AreaOfApplicability().fit(X, weights, folds)
    assert everything.mean_distance_error_ == 0
    monkeypatch.setattr(applicability, "N_PAIRS", 20_000)
    sampled = AreaOfApplicability().fit(X, weights, folds)
    off = abs(sampled.mean_distance_ / everything.mean_distance_ - 1)
    assert 0 < off < 4 * sampled.mean_distance_error_ < 0.02


def test_a_saved_area_says_the_same(cloudy, tmp_path):
    "The facts and two Parquet files bring everything back."
    X, weights, folds = cloudy
    area = AreaOfApplicability().fit(X[:400], weights, folds[:400])
    again = AreaOfApplicability.load(tmp_path, area.save(tmp_path))
    npt.assert_array_equal(again.dissimilarity(X), area.dissimilarity(X))
    assert again.summary() == area.summary()
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".parquet"] * 2


def test_the_scale_of_weights_and_units_does_not_matter(cloudy):
    "Weights times ten, one feature in other units: the same index."
    X, weights, folds = cloudy
    area = AreaOfApplicability().fit(X, weights, folds)
    other = AreaOfApplicability().fit(X.assign(a=X["a"] * 1e-5 + 3), 10 * weights, folds)
    moved = X + 0.5
    npt.assert_allclose(
        other.dissimilarity(moved.assign(a=moved["a"] * 1e-5 + 3)),
        area.dissimilarity(moved),
        rtol=1e-3,
        atol=1e-5,
    )


def test_equal_rows_have_an_area():
    "All training rows alike: their like is inside, a row that lacks the value is not."
    area = AreaOfApplicability().fit(rows(a=[3, 3, 3, 3]), [1.0], [0, 0, 1, 1])
    assert area.inside(rows(a=[3, np.nan])).tolist() == [True, False]


def test_no_rows_have_no_dissimilarity():
    "An empty table gives an empty answer."
    area = exact().fit(THREE, [0.5, 0.5], [0, 1, 2])
    assert area.dissimilarity(THREE[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("weights", "folds", "message"),
    [
        ([1.0], [0, 1, 2], "2 features need as many weights"),
        ([1.0, -0.1], [0, 1, 2], "none of them negative"),
        ([1.0, np.nan], [0, 1, 2], "none of them negative"),
        ([0.5, 0.5], [0, 0, 0], "at least two folds"),
        ([0.5, 0.5], [0, 1], "3 rows need as many fold numbers"),
    ],
)
def test_what_does_not_fit_together_is_refused(weights, folds, message):
    "One line says what is wrong."
    with pytest.raises(ValueError, match=message):
        AreaOfApplicability().fit(THREE, weights, folds)


def test_other_features_are_refused():
    "A column of another name does not pass for the one of training."
    area = exact().fit(THREE, [0.5, 0.5], [0, 1, 2])
    with pytest.raises(ValueError, match="not those"):
        area.dissimilarity(THREE.rename(columns={"a": "c"}))
