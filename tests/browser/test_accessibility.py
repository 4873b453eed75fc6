"""What people need who do not see well, or have no pointer."""

from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]
PAGES = ["", "?beside=list", "city", "countries", "trust", "data"]
#: A part of Streamlit's own, which the app cannot change.
THEIRS = ["[data-testid=stFileUploaderDropzone]"]


@pytest.fixture(scope="module")
def axe():
    "The rules of axe-core, from a package that holds them."
    found = find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-playwright-python is not installed")
    return Path(found.submodule_search_locations[0], "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("path", PAGES)
def test_no_rule_of_accessibility_is_broken(visit, app_url, axe, path, dark):
    "axe-core finds nothing on any page, light and dark."
    here = visit(f"{app_url}/{path}", dark=dark)
    here.page.evaluate(axe)
    found = here.page.evaluate("(theirs) => axe.run({exclude: theirs})", [[one] for one in THEIRS])
    told = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found["violations"]]
    assert told == []


def test_a_city_is_reached_without_a_pointer(visit, app_url):
    "Tab leads to the search box; letters and Enter choose a city, which the address then names."
    here = visit(app_url)
    for _ in range(40):
        here.page.keyboard.press("Tab")
        if here.page.evaluate("document.activeElement.getAttribute('aria-label') || ''").startswith("Find a"):
            break
    before = here.page.url
    here.page.keyboard.press("ArrowDown")
    here.page.keyboard.press("ArrowDown")
    here.page.keyboard.press("Enter")
    here.page.wait_for_url(lambda url: url != before)
    here.settle()
    chosen = here.page.get_by_role("combobox", name="Find a city").input_value()
    assert here.page.get_by_test_id("stMetric").inner_text().startswith(chosen)


def test_the_menu_of_a_telephone_has_a_name(visit, app_url):
    "Beside the sign that opens it stands the word."
    here = visit(app_url, width=390, height=844)
    button = here.page.get_by_test_id("stExpandSidebarButton")
    said = button.evaluate("one => getComputedStyle(one, '::after').content")
    assert said == '"Menu"'
