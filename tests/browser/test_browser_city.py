"""The page City in a browser."""

import re

import numpy as np
import pandas as pd
import pytest
from patience import wait_until
from PIL import Image

from app import style
from app.charts import city as charts

pytestmark = pytest.mark.slow
SERIES, CALENDAR = (f"svg.marks:has(.{name}_marks)" for name in ("pointed", "cells"))


@pytest.fixture(scope="module")
def rows(predictions):
    "The predictions of the file."
    return pd.read_parquet(predictions)


def label(row):
    "What the app calls the city of a row."
    return f"{row.city}, {style.country_name(row.country)}"


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_page_of_a_city_is_drawn_and_asks_nobody_else(visit, app_url, dark):
    "Classes in the calendar, a line over time; nothing beyond the server."
    here = visit(f"{app_url}/city", dark=dark)
    assert here.pixels(CALENDAR, style.READABLE) > 400
    assert here.pixels(SERIES, [style.tones(dark)["line"]]) > 50
    here.assert_clean()


@pytest.mark.long
def test_a_link_chooses_city_and_day(visit, app_url, rows):
    "The last row of the file: its city is the heading, its value stands below the day."
    row = rows.iloc[-1]
    here = visit(f"{app_url}/city?city={row.city_id}&date={row.date:%Y-%m-%d}")
    assert here.page.get_by_role("heading", name=label(row), exact=True).count() == 1
    shown = here.page.get_by_test_id("stMetricValue").get_by_text(f"{row.pm25:.1f} µg/m³", exact=True)
    assert shown.count() == 1
    here.assert_clean()


@pytest.mark.long
@pytest.mark.parametrize(("name", "asked"), [("city", "nowhere"), ("date", "1999-01-01")])
def test_a_link_that_leads_nowhere_gives_words(visit, app_url, name, asked):
    "The page names what was asked for, and is drawn."
    here = visit(f"{app_url}/city?{name}={asked}")
    assert asked in here.page.get_by_text(f"The link asks for the {name}").inner_text()
    assert here.pixels(CALENDAR, style.READABLE) > 400
    here.assert_clean()


@pytest.mark.long
def test_the_search_box_of_the_page_selects_a_city(visit, app_url, rows):
    "Its whole name is typed; heading and address bar follow."
    row = rows.drop_duplicates("city_id").sort_values("population").iloc[0]
    here = visit(f"{app_url}/city")
    here.page.get_by_role("combobox", name="City", exact=True).fill(label(row))
    here.page.keyboard.press("Enter")
    here.page.wait_for_url(f"**city={row.city_id}**")
    here.page.get_by_role("heading", name=label(row), exact=True).wait_for()
    here.assert_clean()


@pytest.mark.long
def test_the_scale_changes_the_words_of_the_legend(visit, app_url):
    "With the US index the lowest class is Good, with the WHO the guideline."
    here = visit(f"{app_url}/city")
    legend = here.page.get_by_role("group", name="Legend").first
    assert "Within the guideline" in legend.inner_text()
    here.page.get_by_role("radio", name="US AQI 2024").or_(
        here.page.get_by_role("button", name="US AQI 2024")
    ).first.click()
    here.page.wait_for_url("**scale=aqi-us-2024**")
    here.settle()
    assert "Good" in legend.inner_text()
    assert "guideline" not in legend.inner_text()
    here.assert_clean()


@pytest.mark.long
def test_another_city_is_drawn_beside(visit, app_url, rows):
    "A line in a colour that was not there."
    most, least = (rows.loc[at] for at in (rows["population"].idxmax(), rows["population"].idxmin()))
    here = visit(f"{app_url}/city?city={most.city_id}")
    other = here.page.locator(f"{SERIES} .other0_marks path")
    assert other.count() == 0
    here.page.get_by_role("button", name="Another place").click()
    here.page.get_by_role("combobox", name="Place").fill(label(least))
    here.page.get_by_role("option", name=label(least)).click()
    here.page.wait_for_url(f"**with={least.city_id}**")
    here.page.get_by_role("group", name="Lines").get_by_text(label(least), exact=True).wait_for()
    here.settle()
    assert other.get_attribute("stroke") == charts.OTHERS[0][0]
    here.assert_clean()


@pytest.mark.long
def test_the_pointer_is_told_the_numbers_of_a_day(visit, app_url, rows):
    "At the right end of the chart: the last day with its value and its interval."
    row = rows.iloc[-1]
    here = visit(f"{app_url}/city?city={row.city_id}")
    here.page.locator(f"{SERIES} .pointed_marks path").last.hover()
    told = here.page.locator("#vg-tooltip-element")
    told.filter(has_text=f"{row.date.day} {row.date:%B %Y}").wait_for()
    words = " ".join(told.inner_text().split())
    assert words.startswith(f"{row.date.day} {row.date:%B %Y}")
    assert f"{row.pm25:.1f} µg/m³" in words
    assert f"{row.lower:.1f} to {row.upper:.1f} µg/m³" in words
    here.assert_clean()


@pytest.mark.long
def test_the_wheel_scrolls_the_page_not_the_chart(visit, app_url):
    "Over the chart, without a key: its first label stays and the page moves."
    here = visit(f"{app_url}/city")
    labels = here.page.locator(f"{SERIES} .role-axis-label").first
    before = labels.text_content()
    here.page.locator(SERIES).hover()
    where = here.page.locator(SERIES).bounding_box()["y"]
    here.page.mouse.wheel(0, 300)
    wait_until(lambda: here.page.locator(SERIES).bounding_box()["y"] < where - 100, "The way down the page")
    assert labels.text_content() == before


@pytest.mark.long
def test_the_picture_of_a_city_opens(visit, app_url):
    "A4 at 150 dpi, with bars in the colours of the classes and the yellow box that says SIMULATED."
    here = visit(f"{app_url}/city")
    with here.page.expect_download() as caught:
        here.page.get_by_role("button", name="one page (PNG)").click()
    name = caught.value.suggested_filename
    assert name.startswith("SIMULATED_pm25_")
    assert name.endswith("_2020-01-01_2020-02-09.png")
    picture = Image.open(caught.value.path())
    assert picture.format == "PNG"
    assert picture.size == (1240, 1754)
    found = {"#" + bytes(colour[:3]).hex() for _, colour in picture.getcolors(1 << 24)}
    assert "#ffe08a" in found
    assert len(found & set(style.READABLE)) >= 2
    here.assert_clean()


@pytest.mark.long
def test_observations_of_the_panel_are_drawn(visit, trained_url, app_url):
    "Diamonds with a panel, none without."
    diamonds = f"{SERIES} .observed_marks path"
    here, without = visit(f"{trained_url}/city"), visit(f"{app_url}/city")
    assert here.page.locator(diamonds).count() > 20
    assert without.page.locator(diamonds).count() == 0
    here.assert_clean()


@pytest.mark.long
def test_the_reasons_add_up_to_the_prediction(visit, trained, trained_url):
    "Their numbers, rounded to a tenth as the parts that are too small to draw, sum to the value of the file."
    row = pd.read_parquet(trained / "predictions.parquet").iloc[-1]
    here = visit(f"{trained_url}/city?city={row.city_id}&date={row.date:%Y-%m-%d}")
    here.page.get_by_text("Why this prediction?").click()
    here.page.locator(".st-key-city_reasons svg.marks").wait_for()
    here.page.get_by_text("In words").click()
    words = here.page.get_by_test_id("stCode")
    words.wait_for()
    amounts = np.array(re.findall(r"^ *([+-]?\d+\.\d)  ", words.inner_text(), re.MULTILINE), dtype="float64")
    # The base and one product at least: next to a monitor it alone may decide.
    assert len(amounts) >= 2
    assert amounts.sum() == pytest.approx(row.pm25, abs=0.05 * len(amounts) + 0.3)
    here.assert_clean()


@pytest.mark.long
def test_the_city_on_a_narrow_screen_needs_no_sideways_scrolling(visit, app_url):
    "At 390 pixels nothing is wider than the screen."
    here = visit(f"{app_url}/city", width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    here.assert_clean()
