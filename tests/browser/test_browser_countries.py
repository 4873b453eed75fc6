"""The page Countries in a browser."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest

from app import style

pytestmark = pytest.mark.slow
MAP = ".st-key-countries_map_frame canvas"


def weighted(rows):
    "Mean by country: of every city over its days, then of the cities by their people."
    cities = rows.groupby(["country", "city_id", "population"], as_index=False)["pm25"].mean()
    groups = cities.groupby("country")[["pm25", "population"]]
    return groups.apply(lambda one: np.average(one["pm25"], weights=one["population"]))


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.long)])
def test_countries_are_drawn_and_ask_nobody_else(visit, app_url, dark):
    "Areas in the colours of the classes, bars of the shares; nothing beyond the server."
    here = visit(f"{app_url}/countries", dark=dark)
    assert here.pixels(MAP, style.READABLE) > 200
    assert here.pixels(".st-key-countries_shares svg.marks", style.READABLE) > 2000
    here.assert_clean()


def test_a_click_on_a_country_selects_it(visit, app_url, predictions):
    "The address bar follows the area that was clicked, then the search box, then the same area again."
    here = visit(f"{app_url}/countries")
    cities = pd.read_parquet(predictions).drop_duplicates("city_id").sort_values("population")
    chosen = cities["city_id"].iloc[-1]
    largest = set(cities.groupby("country").last()["city_id"]) - {chosen}
    for area in here.places("countries_map"):
        here.click(area)
        here.settle()
        if city_of(here) in largest:
            break
    clicked = city_of(here)
    assert clicked in largest
    box = here.page.get_by_role("combobox", name="Find a country")
    box.click()
    box.fill(style.country_name(cities["country"].iloc[-1]))
    here.page.keyboard.press("Enter")
    here.page.wait_for_url(f"**city={chosen}**")
    here.settle()
    here.click(area)
    here.page.wait_for_url(f"**city={clicked}**")
    here.settle()
    here.assert_clean()


@pytest.mark.long
def test_a_click_on_a_country_without_data_changes_nothing(visit, app_url):
    "The corner of the map: the address stays, no error is told."
    here = visit(f"{app_url}/countries")
    before = here.page.url
    box = here.page.locator(MAP).bounding_box()
    here.page.mouse.click(box["x"] + 6, box["y"] + 6)
    here.settle()
    assert here.page.url == before
    here.assert_clean()


def city_of(here):
    "City that the address bar names, if any."
    return parse_qs(urlsplit(here.page.url).query).get("city", [""])[0]


@pytest.mark.long
def test_the_table_of_countries_is_downloaded(visit, app_url, predictions):
    "Every mean is the one of the file, weighted by people; unit and licence stand in every row."
    here = visit(f"{app_url}/countries")
    path = here.download(".st-key-countries_get button")
    table = pd.read_csv(path, encoding="utf-8-sig", keep_default_na=False).set_index("country")
    expected = weighted(pd.read_parquet(predictions))
    assert set(table.index) == set(expected.index)
    np.testing.assert_allclose(table["pm25"], expected[table.index], rtol=1e-5)
    assert table["pm25"].is_monotonic_decreasing
    assert set(table["unit"]) == {"µg m⁻³"}
    assert table["licence"].str.contains("CC BY").all()
    assert set(table["trained_on"]) == {"simulated"}
    here.assert_clean()


@pytest.mark.long
def test_a_link_chooses_the_span(visit, app_url, predictions):
    "Five days in the link: words and means are of these."
    here = visit(f"{app_url}/countries?from=2020-01-01&to=2020-01-05")
    assert here.page.get_by_text("1 January 2020 to 5 January 2020. They").count() == 1
    table = pd.read_csv(here.download(".st-key-countries_get button"), encoding="utf-8-sig")
    rows = pd.read_parquet(predictions)
    expected = weighted(rows[rows["date"] <= "2020-01-05"])
    np.testing.assert_allclose(table["pm25"], expected[table["country"]], rtol=1e-5)
    here.assert_clean()


@pytest.mark.long
def test_a_span_that_does_not_exist_gives_words(visit, app_url):
    "A path for a day: told, and all days are shown."
    here = visit(f"{app_url}/countries?from=../../etc/passwd")
    assert "passwd" in here.page.get_by_text("The link asks for").inner_text()
    assert here.page.get_by_text("1 January 2020 to 9 February 2020. They").count() == 1
    here.assert_clean()


@pytest.mark.long
def test_no_table_has_a_download_that_lets_formulas_through(visit, app_url):
    "The tools of a table are shown when it is pointed at; a CSV that nobody neutralised is not among them."
    here = visit(f"{app_url}/countries")
    here.page.locator("[data-testid=stDataFrame]").first.hover()
    here.page.get_by_role("button", name="Search").first.wait_for()
    assert not here.page.get_by_role("button", name="Download as CSV").first.is_visible()
    here.assert_clean()


@pytest.mark.long
def test_countries_on_a_narrow_screen_need_no_sideways_scrolling(visit, app_url):
    "At 390 pixels nothing is wider than the screen."
    here = visit(f"{app_url}/countries", width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    here.assert_clean()
