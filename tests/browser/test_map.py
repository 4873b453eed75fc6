"""The map in a browser."""

import math
import re

import pandas as pd
import pytest
from patience import wait_until

from app import theme

pytestmark = pytest.mark.slow
#: Not the button Display.
PLAY = re.compile(r"\bPlay$")
MAP, POINTS, AREAS = "[data-testid=stVegaLiteChart]", ".cities_marks path", ".countries_marks path"


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_map_is_drawn_and_asks_nobody_else(visit, app_url, dark):
    "Pixels in the colours of the classes and of the land, inside the map; nothing beyond the server."
    here = visit(app_url, dark=dark)
    assert here.page.locator(POINTS).count() == 12
    assert here.pixels(MAP, theme.READABLE) > 40
    assert here.pixels(MAP, [theme.tones(dark)["land"]]) > 10_000
    here.assert_clean()


def test_a_click_on_a_city_selects_it(visit, app_url):
    "The card and the address bar follow the marker that was clicked."
    here = visit(app_url)
    before = here.page.url
    points = here.page.locator(POINTS)
    box = points.nth(points.count() // 2).bounding_box()
    here.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    here.page.wait_for_url(lambda url: url != before and "city=" in url)
    here.settle()
    here.assert_clean()


@pytest.mark.long
def test_a_city_that_was_clicked_before_can_be_clicked_again(visit, app_url):
    "One city, another one, the first again: the address bar follows three times."
    here = visit(app_url)
    points = here.page.locator(POINTS)
    asked = []
    for number in (0, 11, 0):
        before = here.page.url
        points.nth(number).click(force=True)
        here.page.wait_for_url(lambda url, before=before: url != before and "city=" in url)
        here.settle()
        asked.append(here.page.url.split("city=")[1].split("&")[0])
    assert asked[0] == asked[2] != asked[1]
    here.assert_clean()


@pytest.mark.long
def test_a_click_beside_the_cities_changes_nothing(visit, app_url):
    "A city, then its ring and a way over the land with the button pressed: the city stays, no error is told."
    here = visit(app_url)
    point = here.page.locator(POINTS).nth(3)
    point.click(force=True)
    here.page.wait_for_url("**city=**")
    here.settle()
    chosen = here.page.url
    x, y = middle(here.page.locator(".chosen_marks path").bounding_box())
    here.page.mouse.click(x + 13, y)
    here.settle()
    here.page.mouse.move(x + 40, y - 60)
    here.page.mouse.down()
    here.page.mouse.move(x + 70, y - 40, steps=4)
    here.page.mouse.up()
    here.settle()
    assert here.page.url == chosen
    here.assert_clean()


@pytest.mark.long
def test_a_zoom_outlasts_the_day(visit, app_url):
    "The wheel makes the way between two cities longer, and it stays so the day before."
    here = visit(f"{app_url}/?date=2020-02-09")
    before = apart(here)
    here.page.mouse.move(*middle(here.page.locator(MAP).bounding_box()))
    here.page.mouse.wheel(0, -300)
    wait_until(lambda: apart(here) > 1.2 * before, "The zoom")
    here.settle()
    zoomed = apart(here)
    here.page.locator("[data-testid=stSlider] input").first.press("ArrowLeft")
    here.page.get_by_role("heading", name="8 February 2020").wait_for()
    here.settle()
    assert apart(here) == pytest.approx(zoomed, rel=0.01)
    here.assert_clean()


def apart(here):
    "Pixels from the first city of the map to the last one."
    points = here.page.locator(POINTS)
    return math.dist(*(middle(points.nth(number).bounding_box()) for number in (0, 11)))


def middle(box):
    "Middle of a box on the page."
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


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


@pytest.mark.long
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
    here.page.get_by_role("heading", name="Daily mean, 2 January 2020").wait_for()
    here.page.get_by_role("button", name="Stop").click()
    here.page.get_by_role("button", name=PLAY).wait_for()
    here.settle()
    shown = here.page.get_by_role("heading", name="Daily mean").inner_text().removeprefix("Daily mean, ")
    day = here.page.url.split("date=")[1].split("&")[0]
    assert pd.Timestamp(shown) == pd.Timestamp(day) > pd.Timestamp("2020-01-01")
    here.assert_clean()


@pytest.mark.long
def test_a_click_on_a_country_selects_its_largest_city(visit, app_url, predictions):
    "The areas are clicked one by one until one is of another country than the city that is shown."
    here = visit(f"{app_url}/?as=countries")
    cities = pd.read_parquet(predictions).drop_duplicates("city_id")
    largest = cities.sort_values("population").groupby("country").last()["city_id"]
    chosen = cities.loc[cities["population"].idxmax(), "city_id"]
    areas = here.page.locator(AREAS)
    for number in range(areas.count()):
        areas.nth(number).click()
        here.settle()
        if "city=" in here.page.url and f"city={chosen}" not in here.page.url:
            break
    assert here.page.url.split("city=")[1].split("&")[0] in set(largest) - {chosen}
    here.assert_clean()


def test_the_map_is_high_on_a_telephone_and_its_legend_is_seen(visit, app_url):
    "Of 844 pixels the map begins above 560; on 1280 by 900 the legend ends above the lower edge."
    here = visit(app_url, width=390, height=844)
    assert here.page.locator(MAP).bounding_box()["y"] < 560
    here = visit(app_url, width=1280, height=900)
    legend = here.page.get_by_role("group", name="Legend").bounding_box()
    assert legend["y"] + legend["height"] < 900


def test_south_africa_is_opened_from_the_first_page(visit, server):
    "Two clicks away from `airq app`: 72 places in points, what they are, on a telephone, too."
    here = visit(server(), width=390)
    here.page.get_by_role("button", name="72 places in South Africa").click()
    here.page.wait_for_url(lambda url: "example=south-africa" in url)
    here.settle()
    assert here.page.locator(POINTS).count() == 72
    text = here.page.inner_text("body")
    assert "These data end 1 August 2020" in text
    assert "AQI points (2012)" in text and "µg" not in text
    assert here.page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    here.assert_clean()


@pytest.mark.long
def test_the_way_back_from_a_demonstration_that_is_being_made(visit, server):
    "While it works no real number stands below SIMULATED; leaving it opens the other without an error."
    here = visit(server(example="south-africa"))
    here.page.get_by_role("button", name="Open the demonstration").click()
    here.page.wait_for_selector("text=Making a demonstration")
    here.page.wait_for_selector(MAP, state="detached")
    assert "Johannesburg" not in here.page.inner_text("body")
    here.page.get_by_role("button", name="72 places in South Africa").click()
    here.page.wait_for_url(lambda url: "example=south-africa" in url)
    here.settle()
    assert here.page.locator(POINTS).count() == 72
    here.assert_clean()
