"""The ridge on the logarithm."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV

from airq.models.ridge import ALPHAS, Ridge


@pytest.fixture(scope="module")
def line():
    "The logarithm of PM2.5 is 2 + 0.5 x; a column that never varies is of no use."
    X = pd.DataFrame({"x": np.linspace(0, 4, 200), "constant": 7.0})
    return X, 2 + 0.5 * X["x"].to_numpy()


def test_a_straight_line_is_found_again(line):
    "Within the smallest penalty, also beyond the training rows."
    ridge = Ridge.fit(*line)
    npt.assert_allclose(
        ridge.predict(pd.DataFrame({"x": [2.0, 6.0], "constant": 7.0})), [3.0, 5.0], rtol=0.02
    )


def test_a_missing_value_counts_as_the_median(line):
    "The median of x is 2."
    ridge = Ridge.fit(*line)
    unknown, median = (pd.DataFrame({"x": [x], "constant": [7.0]}) for x in (np.nan, 2.0))
    npt.assert_array_equal(ridge.predict(unknown), ridge.predict(median))


def test_the_mean_of_the_concentrations_is_kept():
    "Noise of either sign on the logarithm: the exponentials of predictions have the mean of the targets."
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.uniform(size=500)})
    target = 2 + X["x"].to_numpy() + rng.normal(0, 1, 500)
    npt.assert_allclose(np.exp(Ridge.fit(X, target).predict(X)).mean(), np.exp(target).mean(), rtol=1e-9)


def test_contributions_sum_to_the_prediction(line):
    "Slope times distance from the median, then the base."
    ridge = Ridge.fit(*line)
    parts = ridge.contributions(line[0].to_numpy())
    npt.assert_allclose(parts.sum(axis=1), ridge.predict(line[0]))
    npt.assert_array_equal(parts[:, 1], 0)


@pytest.mark.parametrize(("n_rows", "noise"), [(300, 0.1), (300, 5.0), (30, 0.1)])
def test_the_penalty_is_that_of_scikit_learn(n_rows, noise):
    "The slopes on 40 columns, in more rows or fewer, are those of RidgeCV on the same standardised columns."
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, 40)))
    target = X[0].to_numpy() + noise * rng.normal(size=n_rows)
    apart, scale = X - X.median(), X.std(ddof=0)
    expected = RidgeCV(ALPHAS).fit(apart / scale, target).coef_ / scale
    npt.assert_allclose(Ridge.fit(X, target).slopes, expected, rtol=1e-6, atol=1e-9)


def test_an_empty_column_is_left_out(line):
    "No value at all: the other column alone predicts."
    X, target = line
    wider = X.assign(empty=np.nan)
    npt.assert_allclose(Ridge.fit(wider, target).predict(wider), Ridge.fit(X, target).predict(X))


def test_noise_is_penalised():
    "Forty columns of noise for fifty rows: the slopes are a tenth of those without a penalty, or less."
    rng = np.random.default_rng(0)
    X, target = pd.DataFrame(rng.normal(size=(50, 40))), rng.normal(size=50)
    free = np.linalg.lstsq(X - X.mean(), target - target.mean())[0]
    assert np.abs(Ridge.fit(X, target).slopes).max() < 0.1 * np.abs(free).max()


def test_what_is_saved_predicts_the_same(line, tmp_path):
    "To the last bit: JSON keeps every digit."
    ridge = Ridge.fit(*line)
    ridge.save(tmp_path / "ridge.json")
    npt.assert_array_equal(
        Ridge.load(tmp_path / "ridge.json", line[0].shape[1]).predict(line[0]), ridge.predict(line[0])
    )
