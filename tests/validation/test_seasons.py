"""Seasons and their margins."""

import pandas as pd
import pytest

from airq.validation.splitters import in_or_near_season, season_of


@pytest.mark.parametrize(
    ("day", "season"),
    [
        ("2019-12-01", "DJF"),
        ("2020-02-29", "DJF"),
        ("2020-03-01", "MAM"),
        ("2020-06-01", "JJA"),
        ("2020-09-01", "SON"),
    ],
)
def test_seasons_are_the_meteorological_ones(day, season):
    "December, January and February belong together, across the turn of the year."
    assert season_of(pd.Series([pd.Timestamp(day)])).tolist() == [season]


def test_the_margin_reaches_so_many_days_beyond_a_season():
    "MAM with two days: 27 February 2019 is inside, 26 February is not; 2 June is, 3 June is not."
    days = pd.Series(pd.to_datetime(["2019-02-26", "2019-02-27", "2019-04-15", "2019-06-02", "2019-06-03"]))
    assert in_or_near_season(days, "MAM", 2).tolist() == [False, True, True, True, False]


def test_the_margin_counts_a_leap_day():
    "In 2020 two days before 1 March is 28 February."
    days = pd.Series(pd.to_datetime(["2020-02-27", "2020-02-28"]))
    assert in_or_near_season(days, "MAM", 2).tolist() == [False, True]
