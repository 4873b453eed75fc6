"""Errors and skill by part of the held-out rows, and by distance."""

import numpy as np
import pandas as pd
import pytest

from airq.validation.parts import error_by_distance, expected_error, skill_by_part
from airq.validation.proximity import training_distances
from airq.validation.splitters import make_folds


@pytest.fixture
def rows():
    "Two winter days of Kampala (25 and 5 µg m⁻³ too high, 100 observed), two summer days of Nairobi (10)."
    table = pd.DataFrame({"site_id": list("kknn"), "city_id": list("kknn")})
    table["city"] = ["Kampala"] * 2 + ["Nairobi"] * 2
    table["country"] = ["UGA"] * 2 + ["KEN"] * 2
    table["date"] = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-07-01", "2020-07-02"])
    table["observed"] = [100.0, 100.0, 10.0, 10.0]
    return table.assign(ours=[125.0, 105.0, 12.0, 12.0], mean=[90.0, 90.0, 14.0, 14.0])


def skills(records, part):
    return {one["value"]: one["skill"] for one in records if one["part"] == part}


def test_skill_is_that_of_the_squared_error(rows):
    "DJF: (625 + 25) / (100 + 100) is 3.25; JJA: 4 / 16, a skill of 0.75. Classes and countries are the same."
    records = skill_by_part(rows, "city", "ours", "mean")
    assert skills(records, "season") == {"DJF": -2.25, "JJA": 0.75}
    assert skills(records, "observed_class") == {"guideline met": 0.75, "above interim target 1": -2.25}
    assert skills(records, "country") == {"KEN": 0.75, "UGA": -2.25}


def test_the_worst_places_come_first_with_their_bias(rows):
    "Kampala: errors of 25 and 5, root of 325, 15 on average."
    worst = [one for one in skill_by_part(rows, "city", "ours", "mean") if one["part"] == "worst_city"]
    assert [one["value"] for one in worst] == ["Kampala, UGA", "Nairobi, KEN"]
    assert (worst[0]["rmse"], worst[0]["bias"], worst[0]["n"]) == (pytest.approx(325**0.5), 15.0, 2)


def test_worst_sites_are_named_where_sites_are_held_out(rows):
    "With their city."
    worst = [one["value"] for one in skill_by_part(rows, "site", "ours") if one["part"] == "worst_site"]
    assert worst == ["k (Kampala, UGA)", "n (Nairobi, KEN)"]


def test_without_a_baseline_there_is_no_skill(rows):
    "The errors are there."
    first = skill_by_part(rows, "city", "ours")[0]
    assert np.isnan(first["skill"]) and first["mae"] == 15


def test_a_class_of_distance_holds_its_low_end(rows):
    "5 km belongs to 5-10 km, 600 km to the last, which has no end."
    records = error_by_distance(rows.assign(distance_km=[5.0, 5.0, 600.0, 600.0]), "city", "ours")
    assert [(one["low_km"], one["high_km"], one["n"]) for one in records] == [
        (5.0, 10.0, 2),
        (500.0, np.inf, 2),
    ]


def test_rows_without_an_interval_do_not_count_in_the_coverage(rows):
    "Of two rows with an interval one is inside; both are 20 wide."
    rows = rows.assign(
        distance_km=1.0, ours_lower=[90, 0, np.nan, np.nan], ours_upper=[110, 20, np.nan, np.nan]
    )
    (record,) = error_by_distance(rows, "city", "ours", prefix="ours_")
    assert (record["coverage"], record["width"]) == (0.5, 20.0)


def test_rows_are_as_far_as_the_nearest_site_to_learn_from(make_panel):
    "Sites a, b, c at 0, 1 and 3 steps of 55.3 km, each held out alone: 1, 1 and 2 steps, every day."
    days = pd.date_range("2020-01-01", periods=12).strftime("%Y-%m-%d").tolist()
    panel = make_panel(dict.fromkeys("abc", days), pm25=np.arange(36.0))
    panel["latitude"] = panel["site_id"].map({"a": 0.0, "b": 0.5, "c": 1.5})
    folds = make_folds(panel, "city")
    found = pd.Series(training_distances(panel, folds))
    sites = np.concatenate([panel["site_id"].to_numpy()[fold.test] for fold in folds])
    assert (found / 55.3).groupby(sites).agg(["min", "max"]).round(1).to_numpy().tolist() == [
        [1, 1],
        [1, 1],
        [2, 2],
    ]


def by_distance(**rmse):
    classes = {"near": (0.0, 2.0), "far": (250.0, 500.0)}
    return [
        {"scheme": "city", "model": "default", "low_km": low, "high_km": high, "rmse": rmse[name]}
        for name, (low, high) in classes.items()
    ]


def test_a_city_between_scored_distances_is_neither_scored_nor_beyond():
    "One at 1 km (RMSE 8), one at 20 km where nothing was scored, one at 900 km beyond."
    found = expected_error([1.0, 20.0, 900.0], by_distance(near=8.0, far=20.0))
    assert (found["rmse"], found["cities_scored"], found["cities_beyond"]) == (8.0, 1, 1)


def test_cities_at_no_scored_distance_have_no_error():
    "Missing, not zero."
    assert np.isnan(expected_error([20.0], by_distance(near=8.0, far=20.0))["rmse"])
