"""Means, months and shares of countries."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from app.store import by_country, country_means, open_store
from app.views import countries
from app.views.countries import levels_of, span_of


@pytest.fixture
def opened(write_predictions):
    """Function that opens rows as a store."""
    return lambda rows, **options: open_store(write_predictions(rows, **options))


def whole(store):
    return span_of(store, store.dates[0], store.dates[-1])


def two_ugandan_cities(make_rows, pm25, people=(3e6, 1e6), **columns):
    rows = make_rows({"kla": pm25[0], "jin": pm25[1]}, **columns)
    return rows.assign(population=rows["city_id"].map(dict(zip(("kla", "jin"), people, strict=True))))


def table_of(store):
    "The table of countries over all days."
    return countries.country_table(store, whole(store), countries.monthly(store, whole(store)))


def test_the_mean_of_a_country_is_weighted_by_people(opened, make_rows):
    "3 million at 10 and 1 million at 30: (3 x 10 + 1 x 30) / 4 = 15."
    store = opened(two_ugandan_cities(make_rows, ([10.0], [30.0])))
    table = table_of(store)
    assert table["value"].tolist() == [15.0]
    assert table["people"].tolist() == [4e6]


def test_the_worst_month_is_that_of_the_highest_mean(opened, make_rows):
    "January at 10, February at 40, March at 20: February, 40."
    days = pd.date_range("2020-01-01", "2020-03-31")
    pm25 = days.month.map({1: 10.0, 2: 40.0, 3: 20.0}).to_list()
    store = opened(make_rows({"kla": pm25}))
    table = table_of(store)
    assert table["worst"].iloc[0] == pd.Timestamp("2020-02-01")
    assert table["worst_value"].iloc[0] == 40.0


def test_two_months_have_no_worst_one(opened, make_rows):
    "A month is worst among three at least."
    store = opened(make_rows({"kla": [10.0] * 31 + [20.0] * 29}))
    assert table_of(store)["worst"].isna().all()


def test_a_city_with_few_days_of_a_month_does_not_speak_for_it(opened, make_rows):
    "Nairobi has 3 of 31 days of January: the month is empty there."
    rows = make_rows({"kla": [10.0] * 31, "nbo": [90.0] * 31})
    rows = rows[(rows["city_id"] == "kla") | (rows["date"] <= "2020-01-03")]
    store = opened(rows)
    months = countries.monthly(store, whole(store))
    assert months.loc["UGA"].tolist() == [10.0]
    assert np.isnan(months.loc["KEN"].iloc[0])


def test_people_above_annual_levels_are_counted_by_the_mean_of_their_city(opened, make_rows):
    "A year at 12 for 3 million, at 40 for 1 million: all above 10, a quarter above 15 and above 35."
    store = opened(two_ugandan_cities(make_rows, ([12.0] * 366, [40.0] * 366)))
    shares = countries.shares_above(store, whole(store), "people").loc["UGA"]
    assert shares.to_dict() == {5.0: 1.0, 10.0: 1.0, 15.0: 0.25, 25.0: 0.25, 35.0: 0.25}


def test_days_above_daily_levels_count_every_day_of_everyone(opened, make_rows):
    "Of four days 3 million have one above 15, 1 million all four: (3 x 0.25 + 1 x 1) / 4 = 0.4375."
    store = opened(two_ugandan_cities(make_rows, ([20.0, 10.0, 10.0, 10.0], [20.0] * 4)))
    assert countries.shares_above(store, whole(store), "days").loc["UGA", 15.0] == 0.4375


def test_probabilities_are_used_where_the_file_holds_them(opened, make_rows):
    "Predictions of 10 with a probability of 0.3 above 15: 0.3 of the days, not none."
    store = opened(make_rows({"kla": [10.0, 10.0]}, p_above_15=0.3))
    npt.assert_allclose(countries.shares_above(store, whole(store), "days").loc["UGA", 15.0], 0.3)


def test_annual_levels_need_thirty_days(opened, make_rows):
    "29 days are not held against them, 30 are; days have the daily ones in both."
    short = opened(make_rows({"kla": [10.0] * 29}))
    long = opened(make_rows({"kla": [10.0] * 30}), name="long.parquet")
    assert levels_of(short, whole(short), "people") == ()
    assert levels_of(long, whole(long), "people") == (5.0, 10.0, 15.0, 25.0, 35.0)
    assert levels_of(short, whole(short), "days") == (15.0, 25.0, 37.5, 50.0, 75.0)


def test_levels_of_the_who_do_not_apply_to_index_points(opened, make_rows):
    "AQI points have the classes of their own table."
    rows = make_rows({"kla": [1.0]}).drop(columns="pm25").assign(aqi=151.0, aqi_table="aqi-us-2012")
    store = opened(rows, facts={})
    assert levels_of(store, whole(store), "people") == ()
    assert levels_of(store, whole(store), "days") == (50.0, 100.0, 150.0, 200.0, 300.0)


def test_the_bars_of_a_country_fill_a_hundred_percent(opened, make_rows):
    "10 % up to the first level, then what lies between two levels."
    shares = pd.DataFrame({15.0: [0.9], 25.0: [0.5], 37.5: [0.5], 50.0: [0.2], 75.0: [0.0]}, index=["UGA"])
    scale = countries.scales.scale("who", unit="µg m⁻³")
    bars = pd.DataFrame(countries.draw_shares(shares, scale)["data"]["values"])
    classes = [f"{label} ({span})" for label, span in zip(scale.labels, scale.ranges, strict=True)]
    assert bars["class"].tolist() == [classes[number] for number in (0, 1, 3, 4)]
    npt.assert_allclose(bars["until"] - bars["from"], [0.1, 0.4, 0.3, 0.2])


def test_days_outside_the_domain_are_shared_by_people(opened, make_rows):
    "One of two days outside for everyone: a half."
    store = opened(make_rows({"kla": [10.0, 10.0]}, inside_domain=[True, False]))
    assert table_of(store)["outside"].tolist() == [0.5]


def test_words_tell_whom_the_means_describe(opened, make_rows):
    "Two cities, one without a known population and at sea, where no city of the bundled table is."
    rows = two_ugandan_cities(make_rows, ([10.0], [30.0]), people=(3e6, np.nan))
    rows.loc[rows["population"].isna(), ["latitude", "longitude"]] = [-40.0, -10.0]
    store = opened(rows)
    words = countries.people_words(table_of(store))
    assert words.startswith(
        "2 listed cities in 1 country, 3.0 million people; 1 of them has no known population"
    )


def test_uncertainty_is_told_from_the_evaluation():
    "A bias of -2 in unseen countries is told as too low."
    record = {"scheme": "country", "model": "default", "bias": -2.0, "mae": 9.0}
    told = " ".join(countries.uncertainty_words([record], []))
    assert "countries" in told
    assert "2.0 µg/m³ too low" in told


def test_many_columns_are_averaged_as_one():
    "Known and unknown populations, missing values: every column as `by_country` has it."
    cities = pd.DataFrame(
        {"country": ["UGA", "UGA", "UGA", "KEN", "KEN"], "population": [3e6, 1e6, np.nan, np.nan, 0.0]}
    )
    values = np.array([[1.0, np.nan], [5.0, np.nan], [9.0, 7.0], [2.0, np.nan], [4.0, np.nan]])
    averaged = country_means(cities, values)
    npt.assert_allclose(averaged, [[3.0, np.nan], [2.0, 7.0]])
    for column in range(2):
        one = by_country(cities, values[:, column]).set_index("country")["value"].reindex(["KEN", "UGA"])
        npt.assert_allclose(averaged[:, column], one)


def test_people_above_a_level_are_counted_city_by_city(opened, make_rows):
    "Thirty days of 12 (3 million people) and of 8 (1 million): all above 5, three of four million above 10."
    store = opened(two_ugandan_cities(make_rows, ([12.0] * 30, [8.0] * 30)))
    above = countries.people_above(store, whole(store))
    assert above["level"].tolist()[:3] == [5, 10, 15]
    assert above["people"].tolist()[:3] == [4e6, 3e6, 0]
    assert set(above["of"]) == {4e6}
