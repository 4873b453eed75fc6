"""Contributions of linear trees: exact, where LightGBM gives none."""

import lightgbm
import numpy as np
import numpy.testing as npt
import pytest

from airq.models.linear_trees import LinearTrees

SETTINGS = {
    "linear_tree": True,
    "linear_lambda": 1.0,
    "num_leaves": 6,
    "min_data_in_leaf": 10,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 0,
}


def fitted(values, target, rounds=8, **settings):
    settings = SETTINGS | settings
    return lightgbm.train(settings, lightgbm.Dataset(values, target, params=settings), rounds)


@pytest.fixture(scope="module")
def values():
    "Four features, each missing in a tenth of the rows."
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 4)).astype("float32")
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


@pytest.fixture(scope="module")
def booster(values):
    "A slope of the first feature and a step of the second."
    known = np.nan_to_num(values)
    return fitted(values, 5 + 2 * known[:, 0] + np.where(known[:, 1] > 0, 3.0, 0.0))


def test_contributions_sum_to_the_prediction_of_every_row(booster, values):
    "With or without missing values, with centres from the boxes or from a background."
    predicted = booster.predict(values)
    trees = LinearTrees(booster)
    npt.assert_allclose(trees.contributions(values).sum(axis=1), predicted, rtol=0, atol=1e-9)
    trees.centre_on(values)
    npt.assert_allclose(trees.contributions(values).sum(axis=1), predicted, rtol=0, atol=1e-9)


def test_the_slopes_are_part_of_the_sum(booster, values):
    "The plain trees alone miss the prediction, so that the linear parts are not idle."
    plain = LinearTrees(booster).plain_.predict(values)
    assert np.abs(plain - booster.predict(values)).mean() > 0.05


def test_a_row_without_values_gets_the_constants():
    "All features missing: the linear models are not used, the contributions are those of the plain trees."
    rng = np.random.default_rng(1)
    values = rng.normal(size=(300, 2)).astype("float32")
    booster = fitted(values, values[:, 0] * 2.0)
    empty = np.full((1, 2), np.nan, dtype="float32")
    trees = LinearTrees(booster)
    npt.assert_allclose(trees.contributions(empty), trees.plain_.predict(empty, pred_contrib=True))


def test_two_straight_lines_are_told_apart():
    "y = 3 a + b over a square grid: the contributions are about 3 a and b, the base the mean of y, 0."
    a, b = (axis.ravel() for axis in np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21)))
    values = np.column_stack([a, b]).astype("float32")
    booster = fitted(values, 3 * a + b, rounds=150, linear_lambda=0.0)
    found = LinearTrees(booster).centre_on(values).contributions(values)
    npt.assert_allclose(found, np.column_stack([3 * a, b, np.zeros(441)]), atol=0.5)


def test_a_leaf_without_a_linear_model_predicts_its_other_constant():
    "LightGBM then answers `leaf_const`, here 8, and not `leaf_value`, the 1 of the row's leaf."
    x = np.repeat([0.0, 1.0], 20).astype("float32")[:, None]
    head, first, _ = (
        fitted(x, np.repeat([1.0, 3.0], 20), rounds=2, num_leaves=2).model_to_string().split("\nTree=")
    )
    lines = dict(line.split("=", 1) for line in first.splitlines() if "=" in line)
    by_hand = {
        "leaf_value": "1 3",
        "is_linear": "1",
        "leaf_const": "8 2",
        "num_features": "0 1",
        "leaf_features": "0 ",
        "leaf_coeff": "1 ",
    }
    shrinkage = lines.pop("shrinkage")
    tree = "0\n" + "".join(f"{name}={value}\n" for name, value in (lines | by_hand).items())
    tree += f"shrinkage={shrinkage}\n\n\n"
    head = "\n".join(line for line in head.splitlines() if not line.startswith("tree_sizes="))
    edited = lightgbm.Booster(model_str=f"{head}\n\nTree={tree}end of trees\n")
    rows = np.array([[0.0], [1.0], [np.nan]], dtype="float32")
    npt.assert_allclose(edited.predict(rows)[:2], [8, 3])
    found = LinearTrees(edited).contributions(rows).sum(axis=1)
    npt.assert_allclose(found, edited.predict(rows), rtol=0, atol=1e-9)


def test_a_constant_target_is_all_base():
    "Trees of a single leaf have nothing to share out."
    values = np.arange(60, dtype="float32").reshape(30, 2)
    found = LinearTrees(fitted(values, np.full(30, 7.0), rounds=2)).contributions(values[:3])
    npt.assert_allclose(found, [[0, 0, 7.0]] * 3)
