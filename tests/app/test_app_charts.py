"""Figures from arrays, without a page."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("streamlit")

from app.charts import city as charts
from app.scales import scale
from app.series import COUNTED, EXPECTED, Series, by_month, class_shares, how_counted, rolling, share_above

DAILY = scale("who", unit="µg m⁻³")


@pytest.fixture
def hand():
    dates = pd.DatetimeIndex(["2019-12-31", "2020-01-01", "2020-01-03"])
    return Series(dates, np.array([16.0, 10.0, 40.0]), "µg m⁻³")


def test_days_above_are_shares_of_the_known_days_of_a_year(hand):
    "2019: 16; 2020: 10 and 40. Above 15: one of one and one of two; above 37.5: none and one of two."
    years = share_above(hand, (15.0, 37.5))
    assert [(one.year, one.above, one.known) for one in years] == [(2019, (1, 0), 1), (2020, (0.5, 0.5), 2)]


def test_days_above_are_expected_where_there_are_probabilities(hand):
    "Chances .2, .9 and .8 to be above 15: .2 in 2019, and their mean .85 in 2020."
    chancy = dataclasses.replace(hand, chances={15.0: np.array([0.2, 0.9, 0.8])})
    assert [one.above[0] for one in share_above(chancy, (15.0,))] == pytest.approx([0.2, 0.85])


def test_days_are_counted_where_a_level_has_no_probability(hand):
    "With chances for 15 alone, both levels are counted, so that no row mixes two ways."
    chancy = dataclasses.replace(hand, chances={15.0: np.array([0.2, 0.9, 0.8])})
    assert (how_counted(chancy, (15.0,)), how_counted(chancy, (15.0, 37.5))) == (EXPECTED, COUNTED)
    assert [one.above for one in share_above(chancy, (15.0, 37.5))] == [(1, 0), (0.5, 0.5)]


def test_shares_of_classes_follow_the_probabilities(hand):
    "Mean chances .6 above 15 and .3 above every other level: .4 meet the guideline, .3 target 4, .3 none."
    chances = {edge: np.full(3, 0.3) for edge in DAILY.edges} | {15.0: np.full(3, 0.6)}
    shares = class_shares(dataclasses.replace(hand, chances=chances), DAILY)
    assert shares == pytest.approx([0.4, 0.3, 0, 0, 0, 0.3])


def test_shares_of_classes_are_counted_without_probabilities(hand):
    "16 is in the second class, 10 in the first, 40 in the fourth."
    assert class_shares(hand, DAILY) == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3, 0, 0])


def test_a_missing_day_is_a_gap_not_a_line(hand):
    "2 January 2020 is absent from the data and empty in the chart."
    days = charts.time_series(hand, DAILY)["datasets"]["days"].to_pandas().set_index("day")["value"]
    assert days.notna().tolist() == [True, True, False, True]
    assert days.index[2] == pd.Timestamp("2020-01-02").timestamp() * 1000


def test_a_mean_needs_half_of_its_days():
    "Sixteen days of 10 and then none: where at least 15 lie in the 30 around a day it is 10, else nothing."
    values = np.r_[np.full(16, 10.0), np.full(30, np.nan)]
    mean = rolling(values)
    assert np.isfinite(mean).tolist() == [True] * 17 + [False] * 29
    assert mean[:17] == pytest.approx(10)


def test_the_mean_of_days_lies_in_their_middle():
    "Day n has the value n: the mean of the 30 days from 15 before to 14 after lies half a day before."
    assert rolling(np.arange(100.0))[50] == pytest.approx(49.5)


def test_observations_stand_on_their_own_days(hand):
    "One on a predicted day, one two days after the last prediction."
    observed = pd.Series([12.0, 30.0], index=pd.DatetimeIndex(["2020-01-01", "2020-01-05"]))
    table = charts.time_series(hand, DAILY, observed=observed)["datasets"]["days"].to_pandas()
    table = table.set_index(pd.to_datetime(table["day"], unit="ms"))
    assert table.loc["2020-01-01", ["value", "observed"]].tolist() == [10, 12]
    assert table.loc["2020-01-05", "observed"] == 30
    assert np.isnan(table.loc["2020-01-05", "value"])


def test_every_line_has_an_entry_in_the_legend(hand):
    "Another city, the prediction and the observations, in the order in which they are drawn."
    parts = {"observed": pd.Series([12.0], index=hand.dates[:1]), "others": {"Kano": np.ones(3)}}
    named = charts.legend_of(hand, **parts)
    assert [entry.name for entry in named.values()] == ["Kano", "predicted", "observed"]
    drawn = [layer["name"] for layer in charts.time_series(hand, DAILY, **parts)["layer"]]
    assert [name for name in drawn if name in named] == list(named)


def test_a_day_without_neighbours_is_a_point(hand):
    "31 December and 1 January are neighbours; 3 January stands alone, and no line shows it."
    days = charts.time_series(hand, DAILY)["datasets"]["days"].to_pandas()
    assert days["lone"].isna().tolist() == [True, True, True, False]


def test_the_calendar_puts_a_day_in_its_month(hand):
    "31 December stands at the end of its row, 3 January third in the next; 10 is in class 0, 40 in class 3."
    cells = charts.calendar(hand, DAILY)["datasets"]["days"].to_pylist()
    found = [(one["month"], one["column"], one["number"]) for one in cells]
    assert found == [("Dec 2019", 31, 1), ("Jan 2020", 1, 0), ("Jan 2020", 3, 3)]


def test_lines_stand_at_the_levels_near_the_data(hand):
    "With a highest value of 40 the levels 15, 25 and 37.5 are drawn, 50 and 75 are not."
    assert levels_of(hand)["level"] == [15, 25, 37.5]


def test_numbers_of_levels_do_not_lie_on_each_other(hand):
    "One a line; where the highest value is 400, 25 and 50 have no room."
    assert levels_of(hand)["words"] == ["15", "25", "37.5"]
    high = dataclasses.replace(hand, amounts=np.array([16.0, 10.0, 400.0]))
    assert levels_of(high)["words"] == ["15", "", "37.5", "", "75"]


def levels_of(series):
    "The table of the lines at the levels."
    return charts.time_series(series, DAILY)["datasets"]["levels"].to_pydict()


def test_another_city_changes_tables_only(hand):
    "So that the browser changes the chart that it has."
    other = dataclasses.replace(hand, amounts=np.array([1.0, np.nan, 90.0]))
    for draw in (charts.time_series, charts.calendar):
        one, two = (json.dumps(without_tables(draw(series, DAILY))) for series in (hand, other))
        assert one == two


def without_tables(chart):
    return {key: value for key, value in chart.items() if key != "datasets"}


def test_a_month_is_summed_up_by_its_days(hand):
    "January: 10 and 40, mean 25 of two days, with 13 and 37 a tenth from either end."
    january = by_month(hand)[0]
    assert (january.name, january.mean, january.days) == ("Jan", 25, 2)
    assert (january.low, january.high) == pytest.approx((13, 37))


def test_the_page_about_a_city_is_a_picture(store):
    "A PNG of A4 at 150 dots an inch."
    from app.charts.city import poster

    series = Series(store.dates, store.city("pm25", "kla"), store.unit)
    picture = poster(store.cities.iloc[0], series, DAILY, simulated=True)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1240, 1754)
