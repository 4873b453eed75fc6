"""The splitter for other people's estimators."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import cross_val_score

from airq.validation.schemes import SCHEMES
from airq.validation.splitters import HoldOut, make_folds

DAYS = pd.date_range("2020-01-01", periods=12).strftime("%Y-%m-%d").tolist()


@pytest.fixture
def panel(make_panel):
    "Six cities of twelve days, one PM2.5 of each missing."
    pm25 = np.where(np.arange(72) % 12 == 3, np.nan, np.arange(72.0))
    return make_panel(dict.fromkeys("abcdef", DAYS), pm25=pm25)


@pytest.mark.parametrize("scheme", ["random", "city", "buffer", "leave-city-out"])
def test_it_hands_out_the_folds_of_the_scheme(panel, scheme):
    "The same rows to learn from and to score, fold by fold."
    splits = list(HoldOut(scheme, n_splits=3, buffer_km=10).split(panel))
    folds = make_folds(panel, scheme, n_folds=3, buffer_km=10)
    assert len(splits) == len(folds) == HoldOut(scheme, n_splits=3, buffer_km=10).get_n_splits(panel)
    for (train, test), fold in zip(splits, folds, strict=True):
        npt.assert_array_equal(train, fold.train)
        npt.assert_array_equal(test, fold.test)


def test_rows_without_pm25_are_not_handed_out(panel):
    "One row of each of six cities has no target."
    handed_out = np.concatenate([test for _, test in HoldOut("city").split(panel)])
    assert sorted(handed_out) == np.flatnonzero(panel["pm25"].notna()).tolist()


def test_y_says_which_rows_have_a_target(panel):
    "A y without gaps makes all rows usable."
    handed_out = np.concatenate([test for _, test in HoldOut("city").split(panel, np.ones(len(panel)))])
    assert len(handed_out) == len(panel)


def test_an_array_is_no_panel(panel):
    "Place and day of a row cannot be known."
    with pytest.raises(ValueError, match="needs the panel itself"):
        list(HoldOut().split(panel[["latitude"]].to_numpy()))


def test_a_table_without_places_is_refused(panel):
    "The missing column is named."
    with pytest.raises(ValueError, match="city_id"):
        list(HoldOut().split(panel.drop(columns="city_id")))


def test_an_unknown_scheme_is_refused(panel):
    "With those that exist."
    with pytest.raises(ValueError, match=f"choose from {', '.join(SCHEMES)}"):
        list(HoldOut("town").split(panel))


def test_scikit_learn_takes_it(panel):
    "The mean of the other five cities, scored on each of six."
    labelled = panel[panel["pm25"].notna()]
    scores = cross_val_score(
        DummyRegressor(),
        labelled,
        labelled["pm25"],
        cv=HoldOut("city", n_splits=6),
        scoring="neg_mean_absolute_error",
    )
    assert len(scores) == 6 and np.isfinite(scores).all()
