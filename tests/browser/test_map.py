"""The map in a browser."""

import pytest

from app import theme

pytestmark = pytest.mark.slow
MAP = ".st-key-map_points, .js-plotly-plot"


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
def test_the_page_of_a_city_is_drawn(visit, app_url):
    "The calendar holds colours of the classes; the link that does not exist is told in words."
    here = visit(f"{app_url}/city?city=nowhere")
    assert "nowhere" in here.page.get_by_text("The link asks for").inner_text()
    assert here.pixels("[data-testid=stPlotlyChart]:has(.heatmaplayer)", theme.READABLE) > 400
    here.assert_clean()
