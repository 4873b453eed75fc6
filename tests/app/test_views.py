"""The pages Map and City, drawn without a browser."""

import numpy as np
import pytest

pytest.importorskip("streamlit")

PM25 = {"kla": [10.0, 60.0, 20.0], "nbo": [30.0, 31.0, 8.0]}


def said(app):
    "All text of a page."
    parts = (*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.title, *app.subheader)
    return "\n".join(str(part.value) for part in parts)


@pytest.mark.parametrize("page", ["map", "city"])
def test_a_page_draws_without_an_error(page, draw, make_rows):
    "Two cities and three days: no exception, no error, and the most populous city is chosen."
    app = draw(page, make_rows(PM25))
    assert not app.exception
    assert not app.error
    assert app.selectbox[0].value == 1


@pytest.mark.parametrize("page", ["map", "city"])
def test_a_link_chooses_city_and_day(page, draw, make_rows):
    "?city=kla&date=2020-01-02 shows 60.0 µg/m³."
    app = draw(page, make_rows(PM25), query={"city": "kla", "date": "2020-01-02"})
    assert "60.0 µg/m³" in said(app)


def test_a_link_to_what_is_not_there_gives_words(draw, make_rows):
    "Unknown city, date and scale are each named in a warning; markup in them is shown."
    query = {"city": "<b>", "date": "../../etc/passwd", "scale": "x"}
    app = draw("map", make_rows(PM25), query=query)
    assert not app.exception
    assert len(app.warning) == 3
    assert "<b>" not in said(app)


def test_choosing_a_city_writes_the_link(draw, make_rows):
    "The address bar then leads back to the same city."
    app = draw("map", make_rows(PM25))
    app.selectbox(key="map_city").select(0).run()
    assert app.query_params["city"] in ("kla", ["kla"])
    assert "20.0 µg/m³" in said(app)


def test_the_mean_of_a_period_is_that_of_its_days(draw, make_rows):
    "Kampala: 10, 60 and 20 make 30."
    app = draw("map", make_rows(PM25), query={"show": "mean", "city": "kla"})
    assert "30.0 µg/m³" in said(app)


def test_the_share_of_days_above_a_level(draw, make_rows):
    "Kampala is above 15 on two of three days."
    app = draw("map", make_rows(PM25), query={"show": "share", "level": "15", "city": "kla"})
    assert "67 %" in said(app)


def test_index_points_are_never_called_concentrations(draw, make_rows):
    "A file with AQI only: its unit stands in the numbers, µg/m³ nowhere."
    rows = make_rows({"kla": [np.nan] * 3}, aqi=[60.0, 151.0, 301.0], aqi_table="aqi-us-2012")
    for page in ("map", "city"):
        app = draw(page, rows)
        assert not app.exception
        assert "301 AQI points (2012)" in said(app)
        assert "µg/m³" not in said(app)


def test_one_row_is_enough(draw, make_rows):
    "One city, one day."
    for page in ("map", "city"):
        app = draw(page, make_rows({"kla": [10.0]}))
        assert not app.exception
        assert "10.0 µg/m³" in said(app)


def test_a_simulation_says_so(draw, make_rows, write_predictions):
    "Predictions of a model that learned from a simulation carry the word on the page."
    path = write_predictions(make_rows(PM25), facts={"trained_on": "simulated"})
    for page in ("map", "city"):
        assert "SIMULATED" in said(draw(page, path=path))
    assert "SIMULATED" not in said(draw("map", make_rows(PM25)))


def test_a_file_that_is_none_gives_words(draw, tmp_path):
    "The page says what is wrong and shows no traceback."
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    app = draw("map", path=tmp_path / "x.parquet")
    assert not app.exception
    assert "not a whole Parquet file" in said(app)


def test_hostile_names_are_shown_not_obeyed(draw, make_rows):
    "Markup, Markdown and ten thousand letters."
    for name in ("<script>alert(1)</script>", "# [x](javascript:alert(1)) $a$", "x" * 10_000):
        app = draw("city", make_rows({"kla": [10.0]}).assign(city=name))
        assert not app.exception
        assert "<script>" not in said(app)
        assert len(app.header[0].value) < 300
