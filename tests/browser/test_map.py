"""The map in a browser."""

import re

import pandas as pd
import pytest

from app import theme

pytestmark = pytest.mark.slow
#: Not the button Display.
PLAY = re.compile(r"\bPlay$")


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_map_is_drawn_and_asks_nobody_else(visit, app_url, dark):
    "Pixels in the colours of the classes and of the land, inside the map; nothing beyond the server."
    here = visit(app_url, dark=dark)
    assert here.page.locator(".geo path.point").count() >= 12
    assert here.pixels(".js-plotly-plot", theme.READABLE) > 40
    assert here.pixels(".js-plotly-plot", [theme.tones(dark)["land"]]) > 10_000
    here.assert_clean()


def test_a_click_on_a_city_selects_it(visit, app_url):
    "The card and the address bar follow the marker that was clicked."
    here = visit(app_url)
    before = here.page.url
    points = here.page.locator(".geo path.point")
    box = points.nth(points.count() // 2).bounding_box()
    here.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    here.page.wait_for_url(lambda url: url != before and "city=" in url)
    here.settle()
    here.assert_clean()


@pytest.mark.long
def test_the_search_box_selects_a_city(visit, app_url):
    "Typing a part of a name and Enter."
    here = visit(app_url)
    box = here.page.get_by_role("combobox", name="Find a city")
    box.click()
    first = here.page.get_by_role("option").first
    name = first.inner_text()
    box.fill(name[:6])
    here.page.keyboard.press("Enter")
    here.page.wait_for_url("**city=**")
    here.settle()
    here.assert_clean()


def test_a_step_of_the_slider_redraws_the_map_only(visit, app_url):
    "The heading shows the day before, and less than 500 kB came."
    here = visit(f"{app_url}/?date=2020-02-09")
    received = here.received
    here.page.locator("[data-testid=stSlider] input").first.focus()
    here.page.keyboard.press("ArrowLeft")
    here.page.get_by_role("heading", name="8 February 2020").wait_for()
    here.settle()
    assert here.received - received < 500_000
    here.assert_clean()


def test_a_narrow_screen_needs_no_sideways_scrolling(visit, app_url):
    "At 390 pixels nothing is wider than the screen."
    here = visit(app_url, width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    here.assert_clean()


@pytest.mark.long
def test_play_goes_on_by_a_day(visit, app_url):
    "From 1 January the heading comes to 2 January by itself; stopped, the address bar holds the day shown."
    here = visit(f"{app_url}/?date=2020-01-01")
    here.page.get_by_role("button", name=PLAY).click()
    here.page.get_by_role("heading", name="Daily mean, 2 January 2020").wait_for(timeout=30_000)
    here.page.get_by_role("button", name="Stop").click()
    here.page.get_by_role("button", name=PLAY).wait_for(timeout=60_000)
    here.settle()
    shown = here.page.get_by_role("heading", name="Daily mean").inner_text().removeprefix("Daily mean, ")
    day = here.page.url.split("date=")[1].split("&")[0]
    assert pd.Timestamp(shown) == pd.Timestamp(day) > pd.Timestamp("2020-01-01")
    here.assert_clean()


@pytest.mark.long
def test_a_click_on_a_country_selects_its_largest_city(visit, app_url, predictions):
    "The areas of the classes are clicked one by one; the land does not fade."
    here = visit(f"{app_url}/?as=countries")
    land = here.pixels(".js-plotly-plot", [theme.tones(False)["land"]])
    cities = pd.read_parquet(predictions).drop_duplicates("city_id")
    largest = cities.sort_values("population").groupby("country").last()["city_id"]
    chosen = cities.loc[cities["population"].idxmax(), "city_id"]
    areas = here.page.locator(".geo .choropleth path.choroplethlocation")
    fills = [
        areas.nth(number).evaluate("area => getComputedStyle(area).fill") for number in range(areas.count())
    ]
    drawn = [number for number, fill in enumerate(fills) if rgb(fill) in theme.READABLE]
    for number in drawn:
        areas.nth(number).click(force=True)
        here.settle()
        if "city=" in here.page.url and f"city={chosen}" not in here.page.url:
            break
    assert here.page.url.split("city=")[1].split("&")[0] in set(largest) - {chosen}
    assert here.pixels(".js-plotly-plot", [theme.tones(False)["land"]]) > 0.9 * land
    here.assert_clean()


def rgb(fill):
    "A colour of the browser, rgb(255, 255, 204), as #ffffcc."
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", fill)[:3])
