"""Folds: every class in each, equal rows on one side, groups whole."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from imbalance.resampling import TooFewRows, check_groups, duplicate_groups, joined_groups, make_folds


def test_groups_are_one_column():
    "Two columns are named as groups, not as labels."
    with pytest.raises(ValueError, match=r"groups must be one column, not have the shape \(4, 2\)"):
        check_groups(np.zeros((4, 2)), 4)


def test_rows_with_equal_features_share_a_group():
    "Missing equals missing; another category is another row."
    X = pd.DataFrame({"a": [1.0, np.nan, 1.0, np.nan], "b": pd.Categorical(["x", "x", "x", "y"])})
    assert duplicate_groups(X).tolist() == [0, 1, 0, 2]
    assert duplicate_groups(csr_matrix([[0, 1], [2, 0], [0, 1], [0, 2]])).tolist() == [0, 1, 0, 2]


def test_groups_that_share_a_row_are_joined():
    "0 and 1 are linked by 6, and 1 and 2 by 7: one group of all; 3 stays alone."
    assert joined_groups([0, 1, 1, 2, 3], [6, 6, 7, 7, 8]).tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("groups", [None, np.arange(60) // 2])
def test_every_row_judges_once_a_repeat_and_each_fold_has_every_class(groups):
    "12 of 60 rows are rare: at least one in each of 5 folds, 2 repeats, 10 folds."
    y = np.repeat([0, 1], [48, 12])
    folds = make_folds(y, groups=groups, cv=5, repeats=2)
    assert len(folds) == 10
    for repeat in range(2):
        tests = [test for _, test in folds[5 * repeat : 5 * repeat + 5]]
        assert sorted(np.concatenate(tests)) == list(range(60))
    for train, test in folds:
        assert set(y[test]) == set(y[train]) == {0, 1}
        assert not set(train) & set(test)


def test_no_group_stands_on_both_sides():
    "Groups of 1 to 6 rows."
    groups = np.repeat(np.arange(30), np.arange(30) % 6 + 1)
    y = np.arange(len(groups)) % 3 == 0
    for train, test in make_folds(y, groups=groups, cv=4):
        assert not set(groups[train]) & set(groups[test])


def test_classes_are_dealt_evenly_although_groups_are_whole():
    "200 groups of 1 to 4 rows, a tenth rare: each of 5 folds has a fifth of both, within a tenth."
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), rng.integers(1, 5, 200))
    y = rng.random(len(groups)) < 0.1
    for _, test in make_folds(y, groups=groups, repeats=1):
        assert y[test].sum() == pytest.approx(y.sum() / 5, rel=0.1)
        assert len(test) == pytest.approx(len(y) / 5, rel=0.1)


def test_repeats_deal_otherwise_and_the_same_seed_the_same():
    "Groups of different size, too."
    groups = np.repeat(np.arange(20), np.arange(20) + 3)
    y = np.arange(len(groups)) % 4 == 0
    first, second = (make_folds(y, groups=groups, cv=2, repeats=2, seed=seed) for seed in (1, 1))
    for one, other in zip(first, second, strict=True):
        assert one[1].tolist() == other[1].tolist()
    assert first[0][1].tolist() not in (first[2][1].tolist(), first[3][1].tolist())


def test_a_class_with_fewer_rows_than_folds_is_refused():
    "Four rows cannot be dealt to five folds; nor can six that are all equal."
    with pytest.raises(TooFewRows, match="Class rare has 4 rows, fewer than the 5 folds"):
        make_folds(np.repeat(["common", "rare"], [30, 4]))
    groups = np.r_[np.arange(30), [30] * 6]
    with pytest.raises(TooFewRows, match="Class rare has 1 group"):
        make_folds(np.repeat(["common", "rare"], [30, 6]), groups=groups)


def test_one_class_is_refused():
    "There is nothing to tell apart."
    with pytest.raises(ValueError, match=r"one class only \(7\)"):
        make_folds([7, 7, 7])


def test_classes_that_no_deal_brings_to_all_folds_are_refused():
    "Classes of groups (1, 2), (1, 3) and (2, 3): of three groups two lie in one of two folds."
    groups = [1, 2, 1, 3, 2, 3]
    with pytest.raises(TooFewRows, match="cannot be dealt to all 2 folds"):
        make_folds(list("aabbcc"), groups=groups, cv=2)
