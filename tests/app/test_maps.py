"""Maps as the browser gets them: tables, words and colours, without a page."""

import base64
import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("streamlit")

from app import maps, series, style
from app.scales import scale
from app.store import by_country, open_store

DAILY = scale("who", unit="µg m⁻³")


def day(store, date="2020-01-01"):
    "The layer of a day in the classes of the WHO."
    return series.day_layer(store, date, scale="who")


def unpacked(text, kind):
    "Numbers as the browser reads them."
    return np.frombuffer(base64.b64decode(text), dtype=kind).tolist()


def test_a_city_is_in_its_class_and_hollow_outside_the_domain(store):
    "10 µg/m³ meets the guideline, class 0; 80 lies above all targets, class 5, outside the domain."
    table = maps.places(store.cities, day(store)).set_index("place").sort_index()
    assert table["number"].tolist() == [0, 5]
    assert table["hollow"].tolist() == [False, True]


def test_a_city_without_a_prediction_is_in_no_class(store):
    "On the second day Nairobi has none."
    table = maps.places(store.cities, day(store, "2020-01-02"))
    assert table.set_index("place")["number"][1] == -1


def test_the_worst_is_drawn_last_whatever_its_size(store):
    "Nairobi's 80 lies above Kampala's 10, though it has more people; a city without a value lies lowest."
    assert maps.places(store.cities, day(store))["place"].tolist() == [0, 1]
    assert maps.places(store.cities, day(store, "2020-01-02"))["place"].tolist() == [1, 0]


def test_of_equal_values_the_small_city_lies_on_top(store):
    "Two cities at 10 µg/m³: the one of 100,000 is drawn after the one of 4 million."
    cities = store.cities.assign(population=[1e5, 4e6])
    table = maps.places(cities, maps.Layer(np.array([10.0, 10.0]), DAILY))
    assert table["place"].tolist() == [1, 0]


def test_the_browser_gets_the_numbers_of_the_table(store):
    "Kampala's 10 µg/m³, 5 to 20, at 32.58° east; 80, hollow, is bit 1 of Nairobi."
    points = maps.points_map(store.cities, day(store), selected=1)["points"]
    assert unpacked(points["value"], "<f4") == [10, 80]
    assert unpacked(points["lower"], "<f4") == [5, 40]
    assert unpacked(points["longitude"], "<f4") == pytest.approx([32.58, 36.82])
    assert unpacked(points["flags"], "u1") == [0, maps.HOLLOW]


def test_a_city_that_trained_the_model_is_marked(make_rows, write_predictions):
    "Rows whose place is `training` are no test of the model."
    rows = make_rows({"kla": [10.0], "nbo": [20.0]}).assign(place=["training", "new"])
    store = open_store(write_predictions(rows))
    points = maps.points_map(store.cities, day(store))["points"]
    assert unpacked(points["flags"], "u1") == [maps.MONITOR, 0]


def test_a_number_on_the_map_has_its_unit_its_class_and_its_interval(store):
    "A number never appears without them."
    look = maps.points_map(store.cities, day(store))["look"]
    assert (look["unit"], look["interval"], look["labels"][0]) == (
        "µg/m³",
        "90% interval",
        "within the guideline",
    )


def test_an_aqi_file_makes_an_aqi_map(make_rows, write_predictions):
    "151 points are Unhealthy, class 3, and are not called µg/m³ anywhere."
    rows = make_rows({"kla": [np.nan]}, aqi=[151.0], aqi_table="aqi-us-2012")
    store = open_store(write_predictions(rows))
    picture = maps.points_map(store.cities, day(store))
    assert unpacked(picture["points"]["number"], "i1") == [3]
    assert "µg" not in json.dumps(picture, ensure_ascii=False)


def test_over_a_surface_only_the_chosen_cell_is_a_point(store):
    "The second of two."
    points = maps.points_map(store.cities, day(store), selected=1, alone=True)["points"]
    assert unpacked(points["place"], "<i4") == [1]


def test_a_country_is_drawn_with_all_its_outlines(store):
    "Uganda has one, Kenya one; each has the class of its mean."
    countries = by_country(store.cities, [10.0, 80.0])
    picture = maps.countries_map(countries, DAILY, cities=store.cities)
    assert {area["id"]: area["number"] for area in picture["areas"]} == {"KEN": 5, "UGA": 0}


def test_one_city_is_not_called_several(store):
    "Kampala alone in Uganda: 1 city."
    countries = by_country(store.cities, [10.0, 80.0])
    said = [area["of"] for area in maps.countries_map(countries, DAILY, cities=store.cities)["areas"]]
    assert said[1] == "Of 1 city, 1,700,000 people"


def test_a_country_without_an_outline_is_named():
    "Réunion and Mayotte are parts of France in the outlines; Kenya has its own."
    assert maps.without_outline(["KEN"]) == ""
    assert maps.without_outline(["KEN", "REU", "MYT"]) == "Mayotte, Reunion have no outline on this map."


def test_the_map_shows_where_the_cities_are():
    "Delhi, Los Angeles and Taipei: the whole span; one city: its surroundings, six degrees wide."
    cities = pd.DataFrame({"longitude": [77.2, -118.2, 121.5], "latitude": [28.6, 34.1, 25.0]})
    (west, east), (south, north) = maps.view_range(cities)
    assert (east - west) < 300
    assert west < 77.2 < 121.5 < -118.2 + 360 < east
    assert south < 25 < 34.1 < north
    west, east = maps.view_range(cities.iloc[:1])[0]
    assert east - west == pytest.approx(6)


def test_the_world_has_an_outline_of_nearly_every_country():
    "Africa in 1:50m; of what lacks one no country has a million people but the parts of others."
    features = json.loads(style.OUTLINES.read_text("utf-8"))["features"]
    drawn = {one["properties"]["country"] for one in features}
    assert {"IND", "TWN", "COL", "USA", "SGP", "MLT", "BHR", "MUS"} <= drawn
    scales = {one["properties"]["country"]: one["properties"]["scale"] for one in features}
    assert (scales["KEN"], scales["IND"]) == (50, 110)


def test_outlines_and_names_are_small():
    "Together below half a megabyte, which the first visitor fetches once."
    assert style.OUTLINES.stat().st_size + style.CITY_NAMES.stat().st_size < 500_000


def test_a_saved_picture_says_what_is_simulated():
    "In its title and in the name of its file, with unit and origin inside."
    saved = maps.saved_picture("Daily mean", DAILY, ["Made by hand"], simulated=True)
    assert saved["title"].startswith("SIMULATED")
    assert saved["file"].startswith("SIMULATED")
    assert "µg/m³" in saved["legend"][0]["words"]
    assert "Made by hand" in saved["lines"]
