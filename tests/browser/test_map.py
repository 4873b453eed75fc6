"""The map in a browser."""

import math
import re

import pandas as pd
import pytest
from patience import wait_until

from app import style

pytestmark = pytest.mark.slow
#: Not the button Display.
PLAY = re.compile(r"\bPlay$")
MAP = ".st-key-map_points_frame canvas"


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_map_is_drawn_and_asks_nobody_else(visit, app_url, dark):
    "Pixels in the colours of the classes and of the land, inside the map; nothing beyond the server."
    here = visit(app_url, dark=dark)
    assert len(here.places()) == 12
    assert here.pixels(MAP, style.READABLE) > 40
    assert here.pixels(MAP, [style.tones(dark)["land"]]) > 10_000
    here.assert_clean()


def test_a_click_on_a_city_selects_it(visit, app_url):
    "Another city than the chosen one, the first again: the address bar follows each click."
    here = visit(app_url)
    first, other = apart(here)
    for place in (other, first, other):
        before = here.page.url
        here.click(place)
        here.page.wait_for_url(lambda url, before=before: url != before and "city=" in url)
        here.settle()
    here.assert_clean()


@pytest.mark.long
def test_a_click_beside_the_cities_changes_nothing(visit, app_url):
    "The corner of the map, and a way over the land with the button pressed: no city, no error."
    here = visit(app_url)
    before, box = here.page.url, here.page.locator(MAP).bounding_box()
    here.page.mouse.click(box["x"] + 8, box["y"] + 8)
    here.page.mouse.move(box["x"] + 40, box["y"] + 60)
    here.page.mouse.down()
    here.page.mouse.move(box["x"] + 90, box["y"] + 80, steps=4)
    here.page.mouse.up()
    here.settle()
    # The map itself was moved.
    assert here.page.url.split("&view=")[0] == before
    here.assert_clean()


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(visit, app_url):
    "Alone it leaves the cities as far apart as they were; with Ctrl they part. The button shows all again."
    here = visit(app_url)
    here.page.locator(MAP).hover()
    before = distance(here)
    here.page.mouse.wheel(0, 200)
    main = here.page.locator("[data-testid=stMain]")
    wait_until(lambda: main.evaluate("page => page.scrollTop") > 100, "The page's scrolling")
    assert distance(here) == pytest.approx(before)
    here.page.keyboard.down("Control")
    here.page.mouse.wheel(0, -200)
    here.page.keyboard.up("Control")
    wait_until(lambda: distance(here) > 1.2 * before, "The zoom")
    here.page.get_by_role("button", name="Show all").click()
    wait_until(lambda: distance(here) == pytest.approx(before), "The whole map")
    here.assert_clean()


@pytest.mark.long
def test_a_zoom_outlasts_the_day(visit, app_url):
    "A button makes the way between two cities twice as long, and it stays so the day before."
    here = visit(f"{app_url}/?date=2020-02-09")
    before = distance(here)
    here.page.get_by_role("button", name="Zoom in").click()
    wait_until(lambda: distance(here) == pytest.approx(2 * before), "The zoom")
    here.page.locator("[data-testid=stSlider] input").first.press("ArrowLeft")
    here.page.get_by_role("heading", name="8 February 2020").wait_for()
    here.settle()
    assert distance(here) == pytest.approx(2 * before)
    here.assert_clean()


def test_a_link_holds_the_part_of_the_world_that_is_seen(visit, app_url):
    "Zoomed in, the address says so without a word to the server; another window shows the same."
    here = visit(app_url)
    whole, received = distance(here), here.received
    here.page.get_by_role("button", name="Zoom in").click()
    here.page.wait_for_url(lambda url: "view=" in url)
    assert here.received == received
    here.page.get_by_text("Ranking", exact=True).click()
    here.page.wait_for_url(lambda url: "beside=list" in url and "view=" in url)
    other = visit(here.page.url)
    assert distance(other) == pytest.approx(2 * whole, rel=0.02)
    other.page.get_by_role("button", name="Show all").click()
    other.page.wait_for_url(lambda url: "view=" not in url)
    assert distance(other) == pytest.approx(whole)
    other.assert_clean()


@pytest.mark.long
@pytest.mark.parametrize("view", ["", "1_2", "nan_0_0", "<b>_1_1", "99_400_-999"])
def test_a_view_that_is_none_shows_a_map(visit, app_url, view):
    "Words, too few numbers, a place beyond the poles: a map of twelve cities and no error."
    here = visit(f"{app_url}/?view={view}")
    assert len(here.places()) == 12
    here.assert_clean()


def apart(here):
    "The two cities of the map that lie farthest apart."
    places = here.places()
    pairs = [(one, other) for one in places for other in places]
    return max(pairs, key=lambda pair: way(*pair))


def way(one, other):
    "Pixels from one place to another."
    return math.dist((one["x"], one["y"]), (other["x"], other["y"]))


def middle(box):
    "Middle of a box on the page."
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def distance(here):
    "Pixels between the same two cities."
    places = {place["place"]: place for place in here.places()}
    return way(places[0], places[11])


def test_keys_reach_a_city(visit, app_url):
    "An arrow goes to the chosen city, the next one to another, which Enter selects; each is said."
    here = visit(app_url)
    before = here.page.url
    here.page.locator(MAP).focus()
    here.page.keyboard.press("ArrowRight")
    heard = here.page.locator(".heard")
    wait_until(lambda: "µg/m³" in heard.text_content(), "The chosen city's words")
    first = heard.text_content()
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        here.page.keyboard.press(key)
        if heard.text_content() not in (first, "No further place this way."):
            break
    assert heard.text_content() != first
    here.page.keyboard.press("Enter")
    here.page.wait_for_url(lambda url: url != before and "city=" in url)
    here.assert_clean()


def test_a_tooltip_stays_on_a_narrow_screen(visit, app_url):
    "Whichever city is pointed at, its words lie within 390 pixels, and go when the page scrolls."
    here = visit(app_url, width=390, height=844)
    here.page.locator(MAP).evaluate("map => map.scrollIntoView({ block: 'center' })")
    here.settle()
    for place in here.places():
        here.page.mouse.move(place["x"], place["y"])
        box = here.page.locator(".tooltip").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    here.page.mouse.wheel(0, 200)
    here.page.locator(".tooltip").wait_for(state="hidden")
    here.assert_clean()


@pytest.mark.long
def test_find_me_asks_the_browser_and_falls_back_to_the_chosen_city(visit, app_url):
    "Refused, it says so and shows the chosen city; allowed, it selects the nearest one."
    here = visit(app_url)
    button = here.page.get_by_role("button", name="Find me")
    here.page.context.clear_permissions()
    button.click()
    here.page.get_by_text("did not tell the position").wait_for()
    here.page.context.grant_permissions(["geolocation"])
    here.page.context.set_geolocation({"latitude": -1.29, "longitude": 36.82})
    before = here.page.url
    button.click()
    here.page.get_by_text("You are at the blue dot").wait_for()
    here.page.wait_for_url(lambda url: url != before)
    here.settle()
    here.assert_clean()


@pytest.mark.long
def test_tiles_come_from_the_named_server_only(visit, server, predictions):
    "Every request beyond the app goes to the address that was named; its host is thanked."
    asked = []
    here = visit(server(predictions=predictions, basemap="http://tiles.invalid/{z}/{x}/{y}.png"))
    asked = [url for url in here.requests if "localhost" not in url and url.startswith("http")]
    assert asked
    assert all(re.fullmatch(r"http://tiles\.invalid/\d+/\d+/\d+\.png", url) for url in asked)
    assert here.page.get_by_text("Tiles: tiles.invalid").count() == 1


@pytest.mark.long
def test_cells_of_a_grid_are_drawn_and_say_their_interval(visit, server, tmp_path):
    "Eight by ten cells of 20 µg/m³, the western half hatched; a click tells of a cell: 10 to 40."
    cells = pd.DataFrame({"latitude": [0.05 + 0.1 * (n // 10) for n in range(80)]})
    cells["longitude"] = [30.05 + 0.1 * (n % 10) for n in range(80)]
    cells = cells.assign(city_id=[f"c{n}" for n in range(80)], city="cell", country="UGA", date="2020-01-01")
    cells = cells.assign(
        pm25=20.0, lower=10.0, upper=40.0, level=0.9, inside_domain=cells["longitude"] > 30.5
    )
    cells.to_csv(tmp_path / "cells.csv", index=False)
    here = visit(server(surface=tmp_path / "cells.csv"))
    plane = ".st-key-surface_map_frame canvas"
    assert here.pixels(plane, [style.READABLE[1]]) > 20_000
    # Names of cities are dark as well, but few.
    assert sum(count for colour, count in here.colours(plane).items() if max(colour) < 112) > 3_000
    box = here.page.locator(plane).bounding_box()
    here.page.mouse.click(*middle(box))
    here.settle()
    text = here.page.inner_text("body")
    assert "modelled: 20.0 µg/m³" in text
    assert "90% interval: 10.0 µg/m³ to 40.0 µg/m³" in text
    assert "Modelled on a grid of 0.1°" in text
    here.assert_clean()


@pytest.mark.long
def test_the_picture_of_a_map_is_saved_whole(visit, app_url):
    "A PNG that is named SIMULATED and is higher than the map: title and legend are inside."
    from PIL import Image

    here = visit(app_url)
    with here.page.expect_download() as caught:
        here.page.get_by_role("button", name="Save picture").click()
    assert caught.value.suggested_filename == "SIMULATED_map.png"
    with Image.open(caught.value.path()) as picture:
        assert picture.height > 1.2 * 2 * here.page.locator(MAP).bounding_box()["height"]


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
    for place in here.places("map_countries"):
        here.click(place)
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
    assert len(here.places()) == 72
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
    assert len(here.places()) == 72
    here.assert_clean()
