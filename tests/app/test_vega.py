"""Charts as files that stand alone."""

import io

import numpy as np
import pandas as pd
import pytest

from app.charts import city as charts
from app.charts import vega
from app.scales import scale
from app.series import Series

pytest.importorskip("vl_convert")

LOOK = {
    "title": "Predicted daily means of Kampala",
    "entries": [("predicted", "#0b5c8f"), ("mean over 30 days", "#1c2529")],
}

LINE = "Unit: µg/m³. Made with airq."
SIMULATED, REAL = (vega.Origin((LINE,), simulated, bytes) for simulated in (True, False))


@pytest.fixture(scope="module")
def series():
    "Ninety days of 20 µg/m³."
    return Series(pd.date_range("2019-01-01", periods=90), np.full(90, 20.0), "µg m⁻³")


@pytest.mark.parametrize("draw", [charts.time_series, charts.calendar])
def test_a_picture_says_all_that_it_needs(draw, series):
    "Title, unit, legend and SIMULATED stand in the file."
    chart = draw(series, scale("who", unit="µg m⁻³"))
    text = vega.picture(chart, "svg", SIMULATED, **LOOK).decode()
    for words in (LOOK["title"], LINE, "predicted", "mean over 30 days", "SIMULATED."):
        assert words in text
    assert "SIMULATED" not in vega.picture(chart, "svg", REAL, **LOOK).decode()


def test_a_picture_is_a_png(series):
    "It is wider than its plot of 900 px, at twice the resolution."
    image = pytest.importorskip("PIL.Image")
    content = vega.picture(charts.season(series), "png", REAL, **LOOK)
    assert image.open(io.BytesIO(content)).width > 1800


def test_the_days_of_a_chart_are_dates_in_its_table(series):
    "The first day is 1 January 2019."
    table = vega.table_of(charts.time_series(series, scale("who", unit="µg m⁻³")))
    assert table["day"].iloc[0] == pd.Timestamp("2019-01-01")
    assert table["value"].iloc[0] == 20


def test_a_name_with_nan_in_it_is_drawn_whole():
    "Only numbers that are missing become null."
    chart = {"data": {"values": [{"name": "NaNtes", "value": float("nan")}]}, "mark": "point"}
    spec = vega.alone(chart, title="", lines=(), entries=(), tone={"text": "#000", "page": "#fff"})
    assert spec["layer"][0]["data"]["values"] == [{"name": "NaNtes", "value": None}]


def test_the_data_of_a_chart_are_its_longest_table():
    "A dashed line is a table of one row, the intervals beside it are three."
    tables = {"line": [{"at": 90}], "parts": [{"value": one} for one in (88, 91, 97)]}
    assert vega.table_of({"datasets": tables})["value"].tolist() == [88, 91, 97]
