"""What is left when two parts of a panel are held out together."""

import itertools

import numpy as np
import pandas as pd
import pytest

from airq.validation.schemes import FEW_FITS
from airq.validation.splitters import make_folds, pair_folds, superfolds_of

DAYS = pd.date_range("2020-01-01", periods=200).strftime("%Y-%m-%d").tolist()


@pytest.fixture
def panel(make_panel):
    "Eight cities of one site each, 55 km apart in a row, in four countries, 200 days; every tenth is bare."
    values = np.arange(1600.0)
    values[::10] = np.nan
    panel = make_panel(dict.fromkeys("abcdefgh", DAYS), pm25=values)
    panel["country"] = panel["site_id"].map(dict(zip("abcdefgh", "AABBCCDD", strict=True)))
    return panel


@pytest.mark.parametrize("scheme", [*FEW_FITS, "leave-city-out", "leave-country-out"])
def test_a_pair_hides_what_each_of_its_folds_hides(panel, scheme):
    "No pair sees a row that a fold of either superfold hides, nor the target of a row that it tests."
    folds = make_folds(panel, scheme, buffer_km=60)
    pairs, superfold = pair_folds(panel, folds)
    assert pairs
    for pair in pairs:
        training = set(pair.train)
        assert training <= set(pair.visible)
        for fold in itertools.compress(folds, np.isin(superfold, pair.number)):
            assert training.isdisjoint(fold.test)
            assert training <= set(fold.train)
            assert set(pair.visible) <= set(fold.visible)
            assert set(fold.test) <= set(pair.test[pair.superfolds == superfold[fold.number]])


def test_the_training_panel_of_a_pair_of_countries(panel):
    "Without A and B it has the rows of C and D, and their PM2.5."
    folds = make_folds(panel, "leave-country-out")
    pairs, _ = pair_folds(panel, folds)
    names = {fold.number: fold.groups[0] for fold in folds}
    pair = next(pair for pair in pairs if {names[number] for number in pair.number} == {"A", "B"})
    expected = panel[panel["country"].isin(["C", "D"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(pair.training_panel(panel), expected)


def test_a_pair_of_random_folds_shows_inputs_without_targets(panel):
    "All 1,600 rows are visible; of 1,440 targets three fifths are."
    pairs, _ = pair_folds(panel, make_folds(panel, "random"))
    training = pairs[0].training_panel(panel)
    assert len(training) == 1600
    assert training["pm25"].notna().sum() == 864


def test_four_folds_make_six_pairs_and_five_make_ten(panel):
    "Each unordered pair once."
    pairs, superfold = pair_folds(panel, make_folds(panel, "country"))
    assert [pair.number for pair in pairs] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert superfold.tolist() == [0, 1, 2, 3]
    assert len(pair_folds(panel, make_folds(panel, "city"))[0]) == 10


def test_eight_folds_are_merged_into_five_superfolds(panel):
    "Cities are of equal size, so three superfolds hold two of them and two hold one."
    folds = make_folds(panel, "leave-city-out", buffer_km=0)
    assert sorted(np.bincount(superfolds_of(folds)).tolist()) == [1, 1, 2, 2, 2]
    assert len(pair_folds(panel, folds)[0]) == 10


def test_a_pair_that_leaves_one_site_is_left_out(panel):
    "Of three cities a pair leaves one site, too few to learn from."
    three = panel[panel["site_id"].isin(["a", "b", "c"])].reset_index(drop=True)
    folds = make_folds(three, "city")
    pairs, superfold = pair_folds(three, folds)
    assert len(folds) == 3
    assert pairs == []
    assert superfold.tolist() == [0, 1, 2]
