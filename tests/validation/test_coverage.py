"""Coverage, width and Winkler score, in all and in parts; probabilities judged."""

import numpy as np
import numpy.testing as npt
import pandas as pd

from airq.validation.scores import (
    bootstrap_share,
    brier,
    coverage_table,
    exceedance_scores,
    interval_scores,
    reliability,
)


def rows(groups, observed, **columns):
    "Held-out rows with intervals from 10 to 30 around 20, one group a city of Uganda."
    table = pd.DataFrame({"group": list(groups), "observed": np.asarray(observed, dtype="float64")})
    table["city_id"] = table["city"] = table["group"]
    table["country"] = "UGA"
    table["date"] = pd.Timestamp("2020-07-01")
    return table.assign(predicted=20.0, lower=10.0, upper=30.0).assign(**columns)


def only(records, part):
    "The records of a part by value."
    return {record["value"]: record for record in records if record["part"] == part}


def test_the_winkler_score_by_hand():
    "Inside: the width of 20. Below by 2, at 90 %: 20 + 2 / 0.1 * 2 = 60. Above by 1: 40. Mean 40."
    scores = interval_scores([20.0, 8.0, 31.0], [[10.0, 30.0]] * 3, 0.9)
    npt.assert_allclose(list(scores.values()), [1 / 3, 20, 40])


def test_the_ends_belong_to_the_interval():
    "Observed 10 and 30 lie in [10, 30]."
    assert interval_scores([10.0, 30.0], [[10.0, 30.0]] * 2, 0.9)["coverage"] == 1


def test_rows_without_interval_do_not_count():
    "One row inside beside one without an interval: covered, not half covered."
    scores = interval_scores([20.0, 20.0], [[10.0, 30.0], [np.nan, np.nan]], 0.9)
    assert scores["coverage"] == 1
    assert np.isnan(interval_scores([20.0], [[np.nan, np.nan]], 0.9)["width"])


def test_rows_and_units_are_counted_apart():
    "Three covered days of one city and one day outside of another: 3/4 of the days, 1/2 of the cities."
    record = only(coverage_table(rows("aaab", [20, 20, 20, 90]), 0.9), "all")[""]
    assert record["coverage"] == 0.75
    assert record["coverage_by_group"] == 0.5
    assert (record["n"], record["groups"]) == (4, 2)


def test_parts_by_country_season_and_class():
    "Kenya's July day lies outside; its own record says so, and Uganda's does not."
    table = rows("ab", [20, 90], country=["UGA", "KEN"], date=pd.to_datetime(["2020-01-05", "2020-07-05"]))
    records = coverage_table(table, 0.9)
    assert {value: record["coverage"] for value, record in only(records, "country").items()} == {
        "KEN": 0,
        "UGA": 1,
    }
    assert {value: record["coverage"] for value, record in only(records, "season").items()} == {
        "DJF": 1,
        "JJA": 0,
    }
    assert only(records, "predicted_class")["interim target 4"]["coverage"] == 0.5
    assert only(records, "observed_class")["above interim target 1"]["coverage"] == 0


def test_the_worst_city_has_enough_rows():
    "A city with one row outside does not count beside a city of ten rows of which five are outside."
    table = rows(["a"] * 10 + ["b"] + ["c"] * 10, [20] * 5 + [90] * 5 + [90] + [20] * 10)
    worst = only(coverage_table(table, 0.9), "worst_city")
    assert {value: record["coverage"] for value, record in worst.items()} == {"a, UGA": 0.5}


def test_a_month_has_no_class_and_a_year_no_season():
    "WHO has no levels for months."
    table = rows("ab", [20, 20])
    assert {record["part"] for record in coverage_table(table, 0.9, period="month")} == {
        "all",
        "country",
        "season",
        "worst_city",
    }
    assert "season" not in {record["part"] for record in coverage_table(table, 0.9, period="year")}


def test_no_interval_gives_no_record():
    "Too few groups: nothing to judge."
    assert coverage_table(rows("ab", [20, 20], lower=np.nan, upper=np.nan), 0.9) == []


def test_the_bootstrap_draws_units_and_not_rows():
    """Ten cities of 100 days, five wholly inside and five wholly outside.

    The share is uncertain by sqrt(0.25 / 10) = 0.16 if cities are drawn, by 0.016 if rows were.
    """
    groups = np.repeat(np.arange(10), 100)
    low, high = bootstrap_share(groups < 5, groups)
    assert 0.1 <= low <= 0.3
    assert 0.7 <= high <= 0.9


def test_few_units_give_no_bootstrap_interval():
    "Four groups do not tell how groups differ."
    assert np.isnan(bootstrap_share([1, 0, 1, 1], list("abcd"))).all()


def test_brier_of_coin_flips_is_a_quarter():
    "Saying 0.5 costs 0.25 whatever happens; being sure and right costs nothing."
    assert brier([0.5, 0.5], [True, False]) == 0.25
    assert brier([1.0, 0.0], [True, False]) == 0


def test_exceedance_scores_by_hand():
    "Above 15: two of four. Said 1, 1, 0, 0.5 of 20, 20, 10, 10: Brier 1/16, constant 1/4, skill 3/4."
    records = exceedance_scores([20, 20, 10, 10], [[1.0], [1.0], [0.0], [0.5]], [15.0])
    assert records[0]["frequency"] == 0.5
    npt.assert_allclose([records[0]["brier"], records[0]["skill"]], [1 / 16, 3 / 4])


def test_a_threshold_itself_is_not_above():
    "A day of 15 does not exceed 15."
    assert exceedance_scores([15.0, 16.0], [[0.5], [0.5]], [15.0])[0]["frequency"] == 0.5


def test_rows_without_probability_do_not_count():
    "Nothing known: no record; one known: one row."
    assert exceedance_scores([20.0], [[np.nan]], [15.0]) == []
    assert exceedance_scores([20.0, 20.0], [[np.nan], [1.0]], [15.0])[0]["n"] == 1


def test_reliability_by_hand():
    "Where 10 % was said, one of ten happened; where 100 % was said, all."
    observed, probability = [20.0] + [10.0] * 9 + [20.0] * 5, [[0.1]] * 10 + [[1.0]] * 5
    table = reliability(observed, probability, [15.0], np.arange(15))
    npt.assert_allclose(table["probability"], [0.1, 1.0])
    npt.assert_allclose(table["frequency"], [0.1, 1.0])
    assert table["n"].tolist() == [10, 5]
