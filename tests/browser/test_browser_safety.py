"""What a browser does with names and links that mean harm: nothing."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from patience import wait_until

from airq.io import write_table

pytestmark = [pytest.mark.slow, pytest.mark.long]
PAGES = ["", "city", "countries", "trust", "imbalance", "data"]
#: Each would set a mark on the window if it were run.
NAMES = [
    "<img src=x onerror=\"window.harmed='img'\">",
    "</script><script>window.harmed='script'</script>",
    "[click](javascript:window.harmed='link')",
    "![picture](http://192.0.2.1/x.png)",
    "<a href=\"javascript:window.harmed='a'\">a</a>",
    '=HYPERLINK("http://192.0.2.1")',
    "\u202eالقاهرة 🏙️",
    "W" * 10_000,
]


@pytest.fixture(scope="module")
def harmful(tmp_path_factory, server):
    "Address of the app over predictions whose cities and countries have those names; the first is largest."
    dates = pd.date_range("2020-01-01", periods=60)
    frames = [
        pd.DataFrame(
            {
                "site_id": name,
                "city_id": f"c{number}",
                "city": name,
                "country": name,
                "latitude": -5.0 + 2 * number,
                "longitude": 15.0 + 2 * number,
                "population": 1e6 - number,
                "date": dates,
                "pm25": 20.0 + number + np.arange(60) % 7,
            }
        )
        for number, name in enumerate(NAMES)
    ]
    path = tmp_path_factory.mktemp("harmful") / "predictions.parquet"
    rows = pd.concat(frames, ignore_index=True)
    write_table(rows, path, metadata={"airq": {"trained_on": "sensor", "period": "day", "unit": "µg m⁻³"}})
    return server(predictions=path)


def harm(here):
    "What a name did: set the mark, became a link or a picture; also, nobody else may have been asked."
    here.assert_clean()
    became = "a[href^='javascript'], a[href*='192.0.2.1'], svg a, img[src='x'], img[src*='192.0.2.1']"
    marks = [mark for mark in [here.page.evaluate("window.harmed")] if mark is not None]
    return [*marks, *here.page.locator(became).all()]


@pytest.mark.parametrize("path", PAGES)
def test_names_are_text_on_every_page(visit, harmful, path):
    "With the tag that would load a picture as the city that is shown."
    here = visit(f"{harmful}/{path}?city=c0")
    assert harm(here) == []


@pytest.mark.parametrize("path", ["", "city"])
def test_a_long_name_does_not_widen_the_page(visit, harmful, path):
    "Ten thousand letters, on a screen of 390 pixels."
    here = visit(f"{harmful}/{path}?city=c7", width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert harm(here) == []


def test_names_are_text_in_the_tooltip(visit, harmful):
    "Every marker is pointed at: its name stands there letter by letter, the longest one up to 59 letters."
    here = visit(f"{harmful}/?city=c0")
    tooltip = here.page.locator(".tooltip")
    steering = "\u202e"
    missing = {name.removeprefix(steering) if len(name) < 60 else name[:59] + "…" for name in NAMES}

    def told():
        for place in here.places():
            here.page.mouse.move(place["x"], place["y"])
            tooltip.first.wait_for()
            texts = [re.sub(r"\s+", " ", text) for text in tooltip.all_inner_texts()]
            missing.difference_update([name for name in missing if any(name in text for text in texts)])
        return not missing

    wait_until(told, "A tooltip for every name")
    assert harm(here) == []


@pytest.mark.parametrize("path", ["", "data"])
def test_a_link_is_data(visit, harmful, path):
    "Markup, a path and a formula in the address bar: words at most."
    query = "city=%3Cimg%20src%3Dx%20onerror%3D%22window.harmed%3D1%22%3E&date=../../etc/passwd&scale==1%2B1"
    assert harm(visit(f"{harmful}/{path}?{query}")) == []


def test_names_are_text_in_a_download(visit, harmful):
    "The CSV of the page Data: no cell begins a formula, and every name is whole behind its apostrophe."
    here = visit(f"{harmful}/data")
    with here.page.expect_download() as caught:
        here.page.locator(".st-key-data_get button").click()
    with open(caught.value.path(), encoding="utf-8-sig", newline="") as file:
        cities = pd.read_csv(io.StringIO(file.read()), keep_default_na=False)["city"].unique()
    assert {city.removeprefix("'") for city in cities} == set(NAMES)
    assert not [city for city in cities if city.startswith(("=", "+", "-", "@"))]
    assert harm(here) == []
