"""Means and spread of several repeats of an evaluation."""

import numpy as np
import pandas as pd
import pytest

from airq.validation.evaluation import HeldOutScores, held_out_errors
from airq.validation.repeats import mean_of_repeats


def repeat(ours, mean, cams, **entries):
    "An evaluation with an RMSE for each model, one row of an error of that size."
    rmse = {"default": ours, "mean": mean, "cams": cams}
    records = [
        {"scheme": "city", "model": name, "n": 1, "rmse": value, "mae": value, "worst_city": f"of {value:g}"}
        for name, value in rmse.items()
    ]
    records[0] |= {"best_baseline": min(("mean", "cams"), key=rmse.get), "difference": 0.0}
    rows = pd.DataFrame(
        {"site_id": ["a"], "city_id": "a", "date": pd.Timestamp("2020-01-01"), "scheme": "city"}
    )
    rows = rows.assign(repeat=0, observed=10.0, **{name: 10 + value for name, value in rmse.items()})
    rows = rows.assign(scale_low=1.0, scale_high=1.0)
    return HeldOutScores(records=records, predictions=rows, described=("default",), **entries)


@pytest.fixture
def result():
    "RMSEs of ours 3, 5, 4; of the mean 4, 4, 10; of CAMS 5, 4.5, 5.5."
    return mean_of_repeats([repeat(3, 4, 5), repeat(5, 4, 4.5), repeat(4, 10, 5.5)])


def record(result, model):
    return next(one for one in result.records if one["model"] == model)


def test_a_record_is_the_mean_with_its_lowest_and_highest(result):
    "3, 5 and 4 are 4 on average."
    ours = record(result, "default")
    assert (ours["rmse"], ours["rmse_low"], ours["rmse_high"]) == (4, 3, 5)
    assert (ours["mae"], ours["mae_low"], ours["mae_high"], ours["repeats"]) == (4, 3, 5, 3)


def test_models_are_ranked_in_every_repeat(result):
    "Ours is first in two, the mean in one."
    assert [one["ranked_first"] for one in result.records] == [2, 1, 0]


def test_the_best_baseline_is_that_of_the_lowest_mean(result):
    "CAMS has 5, the mean 6: ours is better by 1, whatever was best in the first repeat."
    ours = record(result, "default")
    assert ours["best_baseline"] == "cams" and ours["difference"] == pytest.approx(-1)


def test_the_worst_city_is_that_of_the_first_repeat(result):
    "A mean of cities has no name."
    assert record(result, "default")["worst_city"] == "of 3"


def test_predictions_are_told_apart_by_repeat(result):
    "One row of each."
    assert result.predictions["repeat"].tolist() == [0, 1, 2]
    assert result.first_repeat["default"].tolist() == [13]


def test_only_the_first_repeat_calibrates(result):
    "Its models have the seed of the final one; no row counts three times."
    assert held_out_errors(result, "city", "default")["predicted"].tolist() == [13]


def test_coverage_is_the_mean_of_the_repeats():
    "80 % and 100 % of the days are 90 %; the worst city is that of the first."
    shared = {"scheme": "city", "model": "default", "period": "day", "value": ""}
    repeats = [
        repeat(
            3,
            4,
            5,
            coverage_records=[
                shared | {"part": "all", "coverage": share},
                shared | {"part": "worst_city", "value": name, "coverage": share},
            ],
        )
        for share, name in ((0.8, "Lira"), (1.0, "Gulu"))
    ]
    every, worst = mean_of_repeats(repeats).coverage_records
    assert every["coverage"] == pytest.approx(0.9)
    assert (worst["value"], worst["coverage"]) == ("Lira", 0.8)


def test_what_is_left_out_in_some_repeats_says_so():
    "A reason of all repeats stands as it is."
    repeats = [
        repeat(3, 4, 5, skipped={"site": "few"}),
        repeat(3, 4, 5, skipped={"site": "few", "city/x": "no"}),
    ]
    assert mean_of_repeats(repeats).skipped == {"site": "few", "city/x": "no (in 1 of 2 repeats)"}


def test_one_repeat_changes_no_figure():
    "It only adds what tells the spread."
    before = repeat(3, 4, 5).records[0]
    after = mean_of_repeats([repeat(3, 4, 5)]).records[0]
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {
        *("repeats", "ranked_first", "rmse_low", "rmse_high", "mae_low", "mae_high")
    }


def test_missing_figures_do_not_spoil_the_mean():
    "Of NaN and 2 the mean is 2."
    one, two = repeat(3, 4, 5), repeat(3, 4, 5)
    one.records[0]["rmse_outside"], two.records[0]["rmse_outside"] = np.nan, 2.0
    assert record(mean_of_repeats([one, two]), "default")["rmse_outside"] == 2
