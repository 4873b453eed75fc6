"""The page Countries, drawn without a browser."""

import numpy as np
import pytest

pytest.importorskip("streamlit")

PM25 = {"kla": [10.0, 60.0, 20.0], "nbo": [30.0, 31.0, 8.0]}


def said(app):
    "All text of a page."
    parts = (*app.markdown, *app.metric, *app.caption, *app.warning, *app.error, *app.info)
    return "\n".join(str(part.value) for part in parts)


def test_the_page_tells_over_whom_it_averages(draw, make_rows):
    "Two cities in two countries: 1.7 and 4.4 million people, named as the listed cities."
    app = draw("countries", make_rows(PM25))
    assert not app.exception
    assert not app.error
    assert "2 listed cities in 2 countries, 6.1 million people" in said(app)


def test_the_table_has_the_means_highest_first(draw, make_rows):
    "Kampala 30, Nairobi 23."
    table = draw("countries", make_rows(PM25)).dataframe[0].value
    assert table["name"].tolist() == ["Uganda", "Kenya"]
    assert table["value"].tolist() == [30.0, 23.0]


def test_a_link_chooses_the_period(draw, make_rows):
    "On 2 January Kampala had 60."
    app = draw("countries", make_rows(PM25), query={"from": "2020-01-02", "to": "2020-01-02"})
    assert app.dataframe[0].value["value"].tolist() == [60.0, 31.0]


def test_a_day_that_is_not_there_gives_words(draw, make_rows):
    "The link asks for 1999; all days are shown."
    app = draw("countries", make_rows(PM25), query={"from": "<b>1999"})
    assert not app.exception
    assert len(app.warning) == 1
    assert app.dataframe[0].value["value"].tolist() == [30.0, 23.0]


def test_a_year_can_be_chosen(draw, make_rows):
    "Of two days in 2019 at 50 and one in 2020 at 10, the year 2019 has 50."
    rows = make_rows({"kla": [50.0, 50.0, 10.0]}, start="2019-12-30")
    app = draw("countries", rows)
    app.button_group(key="span").set_value("2019").run()
    assert app.dataframe[0].value["value"].tolist() == [50.0]
    assert app.query_params["to"] in ("2019-12-31", ["2019-12-31"])


def test_a_country_is_chosen_by_its_largest_city(draw, make_rows):
    "Nairobi is the largest of all; the box chooses Uganda: Kampala is in the link, its 30.0 on the card."
    app = draw("countries", make_rows(PM25))
    assert app.selectbox(key="country").value == "KEN"
    app.selectbox(key="country").select("UGA").run()
    assert app.query_params["country"] in ("UGA", ["UGA"])
    assert app.query_params["city"] in ("kla", ["kla"])
    assert "30.0 µg/m³" in said(app)
    assert "1 listed city, 1.7 million people" in said(app)


def test_a_link_chooses_the_country_of_its_city(draw, make_rows):
    "?city=kla shows Uganda, number 1 of 2."
    app = draw("countries", make_rows(PM25), query={"city": "kla"})
    assert app.selectbox(key="country").value == "UGA"
    assert "Number 1 of 2" in said(app)


def test_a_link_names_its_country(draw, make_rows):
    "?country=UGA shows Uganda, number 1 of 2, though Nairobi is the largest city of all."
    app = draw("countries", make_rows(PM25), query={"country": "UGA"})
    assert app.selectbox(key="country").value == "UGA"
    assert "Number 1 of 2" in said(app)
    assert not app.warning


def test_a_country_that_is_not_there_gives_words(draw, make_rows):
    "?country=XYZ: one warning that names it; Kenya is shown, that of the largest city."
    app = draw("countries", make_rows(PM25), query={"country": "XYZ"})
    assert "the country “XYZ”, which is not here" in app.warning[0].value
    assert len(app.warning) == 1
    assert app.selectbox(key="country").value == "KEN"


def test_a_city_chosen_later_takes_its_own_country_along(draw, make_rows):
    "The link asks for Kenya; where Kampala is then chosen on the map, the link names no other country."
    app = draw("map", make_rows(PM25), query={"country": "KEN"})
    app.selectbox(key="city").select("kla").run()
    assert "country" not in app.query_params


def test_a_country_without_a_prediction_is_called_so(draw, make_rows):
    "Kampala has none on 3 January."
    rows = make_rows({"kla": [10.0, 60.0], "nbo": [30.0, 31.0, 8.0]})
    day = "2020-01-03"
    app = draw("countries", rows, query={"city": "kla", "from": day, "to": day})
    assert not app.exception
    assert "No city of Uganda has a prediction" in said(app)


def test_daily_levels_for_days_and_annual_ones_for_a_year(draw, make_rows):
    "Three days have no annual level; a year has both and the choice between them."
    assert "annual" not in said(draw("countries", make_rows(PM25)))
    app = draw("countries", make_rows({"kla": [12.0] * 366}))
    assert "**annual** levels" in said(app)


def test_index_points_stay_index_points(draw, make_rows):
    "No µg/m³ stands on the page of a file of AQI points."
    rows = make_rows(PM25).rename(columns={"pm25": "aqi"}).assign(aqi_table="aqi-us-2012")
    app = draw("countries", rows)
    assert not app.exception
    assert not app.error
    assert "µg" not in said(app).replace("concentrations", "")


def test_months_are_held_against_the_annual_guideline(draw, make_rows, write_predictions):
    "January to March 2020 are 91 of 365 days, and no word of a day stands beside them."
    rows = make_rows({"kla": [10.0, 20.0, 30.0]})
    rows["date"] = np.array(["2020-01-01", "2020-02-01", "2020-03-01"], dtype="datetime64[us]")
    app = draw("countries", path=write_predictions(rows, facts={"period": "month", "trained_on": "sensor"}))
    assert not app.exception
    assert "Held against the annual guideline; 91 of 365 days." in said(app)
    assert "daily" not in said(app)


def test_hostile_names_are_shown_not_followed(draw, make_rows):
    "A country of markup, right-to-left letters and 10,000 characters draws like any other."
    name = "<img src=x>![x](http://example.org)\u202e" + "x" * 10_000
    app = draw("countries", make_rows(PM25).assign(country=name, city=name))
    assert not app.exception
    assert not app.error
    assert "![x](" not in said(app)
