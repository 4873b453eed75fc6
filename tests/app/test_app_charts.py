"""Figures from arrays, without a page."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("plotly")

from app import charts, layers, maps, theme
from app.store import by_country, open_store

DAILY = theme.scale("who", unit="µg m⁻³")


@pytest.fixture
def store(make_rows, write_predictions):
    rows = make_rows({"kla": [10.0, 20.0], "nbo": [80.0, np.nan]}, inside_domain=[True, True, False, True])
    return open_store(
        write_predictions(rows.assign(lower=rows["pm25"] / 2, upper=rows["pm25"] * 2, level=0.9))
    )


@pytest.fixture
def hand():
    dates = pd.DatetimeIndex(["2019-12-31", "2020-01-01", "2020-01-03"])
    return charts.Series(dates, np.array([16.0, 10.0, 40.0]), "µg m⁻³")


def test_a_city_is_in_its_class_and_hollow_outside_the_domain(store):
    "10 µg/m³ meets the guideline, class 0; 80 lies above all targets, class 5, outside the domain."
    table = maps.places(store.cities, layers.day_layer(store, "2020-01-01", scale="who"))
    table = table.set_index("place").sort_index()
    assert table["number"].tolist() == [0, 5]
    assert table["hollow"].tolist() == [False, True]


def test_a_city_without_a_prediction_is_in_no_class(store):
    "On the second day Nairobi has none."
    table = maps.places(store.cities, layers.day_layer(store, "2020-01-02", scale="who"))
    assert table.set_index("place")["number"][1] == -1


def test_small_cities_lie_on_top_of_large_ones(store):
    "The most populous city is drawn first."
    cities = store.cities.assign(population=[1e5, 4e6])
    table = maps.places(cities, layers.day_layer(store, "2020-01-01", scale="who"))
    assert table["place"].tolist() == [1, 0]


def test_the_tooltip_gives_the_unit_and_the_interval(store):
    "A number never appears without them."
    picture = a_map(store, layers.day_layer(store, "2020-01-01", scale="who"))
    (points,) = [layer for layer in picture["layer"] if layer.get("name") == "cities"]
    assert "µg/m³" in points["transform"][0]["calculate"]
    assert "90% interval" in points["encoding"]["tooltip"]["value"]["expr"]


def test_names_are_data_of_the_map_not_part_of_its_expressions(make_rows, write_predictions):
    "A name with quotes and a call stands in the tables only, which nobody evaluates."
    name = "' + alert(1) + '"
    store = open_store(write_predictions(make_rows({"kla": [10.0]}).assign(city=name)))
    picture = a_map(store, layers.day_layer(store, "2020-01-01", scale="who"), selected=0)
    assert picture["datasets"]["chosen"]["city"].tolist() == [name]
    assert "alert" not in json.dumps({key: value for key, value in picture.items() if key != "datasets"})


def a_map(store, layer, **options):
    "A map of all cities without any land."
    return maps.points_map(store.cities, layer, outlines={"features": []}, **options)


def test_a_country_is_drawn_with_all_its_outlines(store):
    "Uganda has one, Kenya one; each has the class of its mean."
    countries = by_country(store.cities, [10.0, 80.0])
    picture = maps.countries_map(countries, DAILY, outlines="/there.json", cities=store.cities)
    table = picture["datasets"]["countries"]
    assert dict(zip(table["id"], table["number"], strict=True)) == {"KEN": 5, "UGA": 0}


def test_the_map_shows_where_the_cities_are():
    "Delhi, Los Angeles and Taipei: the whole span; one city: its surroundings, six degrees wide."
    cities = pd.DataFrame({"longitude": [77.2, -118.2, 121.5], "latitude": [28.6, 34.1, 25.0]})
    (west, east), (south, north) = maps.view_range(cities)
    assert west < -118.2
    assert east > 121.5
    assert south < 25 < 34.1 < north
    west, east = maps.view_range(cities.iloc[:1])[0]
    assert east - west == pytest.approx(6)


def test_an_aqi_file_makes_an_aqi_map(make_rows, write_predictions):
    "151 points are Unhealthy, class 3, and are not called µg/m³ anywhere."
    rows = make_rows({"kla": [np.nan]}, aqi=[151.0], aqi_table="aqi-us-2012")
    store = open_store(write_predictions(rows))
    picture = a_map(store, layers.day_layer(store, "2020-01-01", scale="who"))
    table = picture["datasets"].pop("cities")
    assert table["number"].tolist() == [3]
    assert "µg" not in json.dumps(picture, ensure_ascii=False)


def test_days_above_are_counted_by_year(hand):
    "2019: 16; 2020: 10 and 40. Above 15: one and one; above 37.5: none and one."
    counts = charts.count_above(hand, (15.0, 37.5))
    assert counts.loc[2019].tolist() == [1, 0, 1]
    assert counts.loc[2020].tolist() == [1, 1, 2]


def test_days_above_are_expected_where_there_are_probabilities(hand):
    "Chances .2, .9 and .8 to be above 15: .2 in 2019, which is 0 days, and 1.7 in 2020, which is 2."
    chancy = dataclasses.replace(hand, chances={15.0: np.array([0.2, 0.9, 0.8])})
    counts = charts.count_above(chancy, (15.0,))
    assert counts[15.0].tolist() == [0, 2]


def test_a_missing_day_is_a_gap_not_a_line(hand):
    "2 January 2020 is absent from the data and empty in the chart."
    figure = charts.time_series(hand, DAILY)
    (line,) = [trace for trace in figure.data if trace.name == "predicted"]
    assert line.x.tolist()[2] == "2020-01-02"
    assert np.isnan(line.y[2])


def test_the_calendar_puts_a_day_in_its_month(hand):
    "31 December stands at the end of the first row, 3 January third in the second."
    z = np.asarray(charts.calendar(hand, DAILY).data[0].z, dtype="float64")
    assert z.shape == (2, 31)
    assert (z[0, 30], z[1, 2]) == (1, 3)
    assert np.isfinite(z).sum() == 3


def test_lines_stand_at_the_levels_near_the_data(hand):
    "With a highest value of 40 the levels 15, 25 and 37.5 are drawn, 50 and 75 are not."
    lines = [shape.y0 for shape in charts.time_series(hand, DAILY).layout.shapes]
    assert lines == [15, 25, 37.5]


def test_numbers_of_levels_stand_outside_the_days(hand):
    "Right of the plot, one a line; where the highest value is 400, 25 and 50 have no room."
    numbers = charts.time_series(hand, DAILY).layout.annotations
    assert [one.text for one in numbers] == ["15", "25", "37.5"]
    assert {(one.x, one.xanchor) for one in numbers} == {(1, "left")}
    high = dataclasses.replace(hand, amounts=np.array([16.0, 10.0, 400.0]))
    assert [one.text for one in charts.time_series(high, DAILY).layout.annotations] == ["15", "37.5", "75"]


def test_a_month_is_summed_up_by_its_days(hand):
    "January: 10 and 40, mean 25 of two days."
    months = charts.by_month(hand)
    assert months.loc[1, ["mean", "days"]].tolist() == [25, 2]


def test_reasons_have_names_that_people_know():
    "no2 is nitrogen dioxide; a product of one's own keeps its name, and no two bars share one."
    table = pd.DataFrame({"product": ["base", "no2", "myband"], "contribution": [20.0, 3.0, -1.0]})
    assert list(charts.reasons(table).data[0].y) == ["start", "nitrogen dioxide", "myband"]
    twice = table.assign(product=["base", "o3", "ozone"])
    assert list(charts.reasons(twice).data[0].y) == ["base", "o3", "ozone"]


def test_the_page_about_a_city_is_a_picture(store):
    "A PNG of A4 at 150 dots an inch."
    from app.poster import poster

    series = charts.Series(store.dates, store.city("pm25", "kla"), store.unit)
    picture = poster(store.cities.iloc[0], series, DAILY, simulated=True)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1240, 1754)
