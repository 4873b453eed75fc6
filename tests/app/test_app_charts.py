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


def traces(figure, name):
    return [trace for trace in json.loads(figure.to_json())["data"] if trace.get("name") == name]


def rows_of(trace):
    "Rows of the cities that a trace draws."
    return [] if not trace["customdata"] else np.atleast_2d(maps_array(trace["customdata"]))[:, 0].tolist()


def maps_array(packed):
    "An array as Plotly packs it."
    import base64

    values = np.frombuffer(base64.b64decode(packed["bdata"]), dtype=packed["dtype"])
    return values.reshape([int(one) for one in str(packed["shape"]).split(",")])


def test_a_city_is_drawn_in_the_trace_of_its_class(store):
    "10 µg/m³ meets the guideline; 80 lies above all targets and, outside the domain, is hollow."
    figure = maps.points_map(
        store.cities, layers.day_layer(store, "2020-01-01", scale="who"), outlines={"features": []}
    )
    filled, hollow = traces(figure, "guideline met")
    assert (rows_of(filled), rows_of(hollow)) == ([0], [])
    filled, hollow = traces(figure, "above interim target 1")
    assert (rows_of(filled), rows_of(hollow)) == ([], [1])
    assert hollow["marker"]["symbol"] == "circle-open"


def test_a_city_without_a_prediction_is_a_cross(store):
    "On the second day Nairobi has none."
    figure = maps.points_map(
        store.cities, layers.day_layer(store, "2020-01-02", scale="who"), outlines={"features": []}
    )
    (missing,) = traces(figure, "no prediction")
    assert rows_of(missing) == [1]


def test_the_hover_gives_the_unit_and_the_interval(store):
    "A number never appears without them."
    figure = maps.points_map(
        store.cities, layers.day_layer(store, "2020-01-01", scale="who"), outlines={"features": []}
    )
    hover = traces(figure, "guideline met")[0]["hovertemplate"]
    assert "µg/m³" in hover
    assert "90% interval" in hover


def test_names_with_markup_are_escaped_on_the_map(make_rows, write_predictions):
    "Plotly reads a little HTML, so a name must not contain any."
    rows = make_rows({"kla": [10.0]}).assign(city="<b onclick=x>Kampala")
    store = open_store(write_predictions(rows))
    figure = maps.points_map(
        store.cities,
        layers.day_layer(store, "2020-01-01", scale="who"),
        outlines={"features": []},
        selected=0,
    )
    assert "<b onclick" not in figure.to_json().replace("\\u003c", "<")


def test_a_country_is_drawn_with_all_its_outlines(store):
    "Uganda has one, Kenya one; each has the class of its mean."
    countries = by_country(store.cities, [10.0, 80.0])
    figure = maps.countries_map(countries, DAILY, outlines="/there.json", cities=store.cities)
    assert list(figure.data[1].locations) == ["KEN", "UGA"]
    assert np.asarray(figure.data[1].z).tolist() == [5, 0]


def test_the_map_shows_where_the_cities_are():
    "Delhi, Los Angeles and Taipei: the whole span; one city: its surroundings, six degrees wide."
    cities = pd.DataFrame({"longitude": [77.2, -118.2, 121.5], "latitude": [28.6, 34.1, 25.0]})
    (west, east), (south, north) = maps.view_range(cities)
    assert west < -118.2
    assert east > 121.5
    assert south < 25 < 34.1 < north
    west, east = maps.view_range(cities.iloc[:1])[0]
    assert east - west == pytest.approx(6)


def test_no_map_asks_for_a_base_map_elsewhere():
    "The address of Plotly's base map holds the map itself, an empty one."
    assert maps.CONFIG["topojsonURL"].startswith("data:application/json,")


def test_an_aqi_file_makes_an_aqi_map(make_rows, write_predictions):
    "Points are not called µg/m³ anywhere."
    rows = make_rows({"kla": [np.nan]}, aqi=[151.0], aqi_table="aqi-us-2012")
    store = open_store(write_predictions(rows))
    figure = maps.points_map(
        store.cities, layers.day_layer(store, "2020-01-01", scale="who"), outlines={"features": []}
    )
    assert rows_of(traces(figure, "Unhealthy")[0]) == [0]
    assert "µg" not in figure.to_json()


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


def test_a_month_is_summed_up_by_its_days(hand):
    "January: 10 and 40, mean 25 of two days."
    months = charts.by_month(hand)
    assert months.loc[1, ["mean", "days"]].tolist() == [25, 2]


def test_the_page_about_a_city_is_a_picture(store):
    "A PNG of A4 at 150 dots an inch."
    from app.poster import poster

    series = charts.Series(store.dates, store.city("pm25", "kla"), store.unit)
    picture = poster(store.cities.iloc[0], series, DAILY, simulated=True)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (1240, 1754)
