"""Rare values of a continuous target: relevance, its score, weights, and the regressor that uses them."""

import numpy as np
import numpy.testing as npt
import pytest
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from imbalance.regression import (
    DenseWeightRegressor,
    dense_weights,
    inverse_density_weights,
    medcouple,
    relevance_of,
    relevance_points,
    sera,
    sera_scorer,
    target_density,
)

PM25 = np.array([10.0, 11, 12, 11, 10, 12, 11, 150])


@parametrize_with_checks([DenseWeightRegressor(Ridge()), DenseWeightRegressor(LinearRegression(), "lds")])
def test_the_regressor_keeps_the_contract_of_scikit_learn(estimator, check):
    "All checks of scikit-learn pass, those of row weights among them: a weight of 2 is a row twice."
    check(estimator)


def test_the_skewness_of_symmetric_values_is_zero_and_of_mirrored_ones_the_opposite():
    "Of 0, 1, 5 with median 1 the pairs have (4 - 1) / 5, 0 and 1 and -1: their median is (0 + 0.6) / 2."
    assert medcouple([1, 2, 3, 4, 100, -94]) == 0
    npt.assert_allclose(medcouple([0, 1, 5]), 0.3)
    npt.assert_allclose(medcouple([0, -1, -5]), -0.3)


def test_many_values_are_as_skewed_as_their_order_statistics():
    "Of 5,000 exponential values the 2,000 order statistics have the same medcouple to 0.003."
    values = np.random.default_rng(0).exponential(size=5000)
    centred = np.sort(values) - np.median(values)
    low, high = centred[centred < 0], centred[centred > 0][:, None]
    npt.assert_allclose(medcouple(values), np.median((high + low) / (high - low)), atol=3e-3)


def test_a_long_tail_moves_its_whisker_outwards():
    "Box 2 to 4, median 2.5: Tukey's whisker would end at 7; skewed as the values are, 8 is inside, too."
    values = [1, 2, 2, 2, 2, 3, 4, 4, 6, 8, 90]
    assert relevance_points(values, extremes="high")[-1].tolist() == [8.0, 1.0]


def test_a_side_without_outliers_is_not_relevant():
    "Only the 50 lies beyond a whisker, so low values do not matter; asked for low ones, there are none."
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 50]
    points = relevance_points(values)
    npt.assert_array_equal(relevance_of([1, 5.5, 9, 50], points), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="none is rare; give control points of your own"):
        relevance_points(values, extremes="low")


def test_relevance_is_a_cubic_between_points_and_constant_beyond():
    "3 t² - 2 t³ of the way from 0 to 1: 0.104 at a fifth."
    points = [(10, 0), (20, 1)]
    npt.assert_allclose(relevance_of([-5, 12, 15, 18, 99], points), [0, 0.104, 0.5, 0.896, 1])


@pytest.mark.parametrize(
    "points", [[(1, 0)], [(2, 0), (1, 1)], [(1, 0), (2, 1.5)], [1, 2], [(1, 0), (np.nan, 1)]]
)
def test_control_points_that_make_no_function_are_refused(points):
    "One point, falling values, a relevance of 1.5, no pairs, a missing value."
    with pytest.raises(ValueError, match="Control points"):
        relevance_of([1.0], points)


def test_sera_is_the_area_under_the_squared_error_of_ever_more_relevant_rows():
    "Brute force: for each of 100,000 cut-offs, add up the squared errors of the rows at or above it."
    rng = np.random.default_rng(0)
    y = rng.lognormal(3, 0.8, 300)
    predicted, points = y + rng.normal(size=300) * 10, [(20, 0), (40, 0.4), (80, 1)]
    relevance = relevance_of(y, points)
    order = np.argsort(-relevance)
    summed = np.append(0, np.cumsum(np.square(predicted - y)[order]))
    cuts = (np.arange(100_000) + 0.5) / 100_000
    area = summed[np.searchsorted(-relevance[order], -cuts, side="right")].mean()
    npt.assert_allclose(sera(y, predicted, relevance=points), area, rtol=1e-4)


def test_sera_counts_a_row_of_weight_two_twice():
    "An error of 3 where the relevance is 1, counted once, and of 2 where it is a half, counted twice: 13."
    assert sera([50, 30], [53, 32], relevance=[(20, 0), (40, 1)], sample_weight=[1, 2]) == 13
    with pytest.raises(ValueError, match="inconsistent"):
        sera([1, 2], [1], relevance=[(0, 0), (1, 1)])


@pytest.mark.parametrize("weigh", [dense_weights, inverse_density_weights])
def test_the_rare_value_weighs_most(weigh):
    "One day of 150 among seven around 11; weights have a mean of one, and at strength zero all are one."
    weights = weigh(PM25)
    assert weights.argmax() == 7
    npt.assert_allclose(weights.mean(), 1)
    npt.assert_allclose(weigh(PM25, alpha=0), np.ones(8))
    npt.assert_array_equal(weigh([5.0, 5.0]), [1, 1])


def test_the_densest_value_loses_its_weight_at_strength_one():
    "Its scaled density is 1, and 1 - 1 leaves the smallest weight, a millionth."
    weights = dense_weights(PM25)
    npt.assert_allclose(weights[target_density(PM25).argmax()], 1e-6 * weights[7])


def test_root_of_the_inverse():
    "A value a hundred times as dense weighs a tenth; at strength two, a hundredth."
    density = target_density(PM25)
    for strength, power in ((1, 0.5), (2, 1)):
        weights = inverse_density_weights(PM25, alpha=strength)
        npt.assert_allclose(weights[7] / weights[0], (density[0] / density[7]) ** power)


def test_missing_targets_are_refused():
    "No density can be told of them."
    with pytest.raises(ValueError, match="NaN"):
        dense_weights([5.0, np.nan])


def test_the_weighted_mean_moves_to_the_rare_value():
    "A constant regressor predicts the weighted mean: (sum of weight times target) / (sum of weights)."
    X = np.zeros((8, 1))
    model = DenseWeightRegressor(DummyRegressor()).fit(X, PM25)
    npt.assert_allclose(model.predict(X[:1]), np.average(PM25, weights=dense_weights(PM25)))
    assert model.predict(X[:1])[0] > PM25.mean()
    plain = DenseWeightRegressor(DummyRegressor(), alpha=0).fit(X, PM25)
    npt.assert_allclose(plain.predict(X[:1]), PM25.mean())


@pytest.fixture
def line():
    "Two hundred rows on a curve, its high end rare."
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    return X, np.exp(X[:, 0] + 0.2 * rng.normal(size=200))


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_the_last_step_of_a_pipeline(line, routing):
    "Scaled inside or outside, the weighted line is the same, with metadata routing and without."
    X, y = line
    expected = Ridge().fit(StandardScaler().fit_transform(X), y, sample_weight=dense_weights(y))
    with sklearn.config_context(enable_metadata_routing=routing):
        inside = DenseWeightRegressor(make_pipeline(StandardScaler(), Ridge())).fit(X, y)
        outside = make_pipeline(StandardScaler(), DenseWeightRegressor(Ridge())).fit(X, y)
    npt.assert_allclose(inside.predict(X), expected.predict(StandardScaler().fit_transform(X)))
    npt.assert_allclose(outside.predict(X), inside.predict(X))


def test_row_weights_are_routed_through_a_search(line):
    "With metadata routing, weights of one for all choose and predict as no weights do."
    X, y = line
    search = GridSearchCV(
        DenseWeightRegressor(Ridge()), {"alpha": [0, 1]}, scoring=sera_scorer([(1, 0), (4, 1)])
    )
    plain = search.fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        model = DenseWeightRegressor(Ridge()).set_fit_request(sample_weight=True)
        scorer = sera_scorer([(1, 0), (4, 1)]).set_score_request(sample_weight=True)
        routed = GridSearchCV(model, {"alpha": [0, 1]}, scoring=scorer).fit(X, y, sample_weight=np.ones(200))
    assert routed.best_params_ == plain.best_params_
    npt.assert_allclose(routed.predict(X), plain.predict(X))


def test_a_search_by_sera_takes_the_strength_that_serves_rare_values(line):
    "By mean squared error no weights are best; by the error where it matters, strong ones are."
    X, y = line
    grid, points = {"alpha": [0, 1]}, relevance_points(y, extremes="high")
    by_square = GridSearchCV(DenseWeightRegressor(Ridge()), grid, scoring="neg_mean_squared_error").fit(X, y)
    by_sera = GridSearchCV(DenseWeightRegressor(Ridge()), grid, scoring=sera_scorer(points)).fit(X, y)
    assert (by_square.best_params_["alpha"], by_sera.best_params_["alpha"]) == (0, 1)


def test_what_cannot_be_weighted_is_refused():
    "Nearest neighbours take no weights; no such method; a strength below zero: one line each."
    X, y = np.arange(8.0)[:, None], PM25
    with pytest.raises(ValueError, match="KNeighborsRegressor takes no sample_weight"):
        DenseWeightRegressor(KNeighborsRegressor()).fit(X, y)
    with pytest.raises(ValueError, match="Unknown method 'denser'"):
        DenseWeightRegressor(Ridge(), "denser").fit(X, y)
    with pytest.raises(ValueError, match="alpha must be 0 or more, got -1"):
        DenseWeightRegressor(Ridge(), alpha=-1).fit(X, y)
