"""The page Trust in a browser."""

import json

import pytest

from app import style

pytestmark = pytest.mark.slow
DOMAIN = ".st-key-trust_domain_frame canvas"
RECORD = {
    "model": "default",
    "folds": 5,
    "groups": 20,
    "group": "cities",
    "n": 100,
    "rmse": 18.0,
    "rmse_sd": 3.0,
    "mae": 9.0,
    "bias": -1.0,
    "r2": 0.5,
    "unit": "µg m⁻³",
    "aqi_table": "aqi-us-2024",
}
PART = {
    "period": "day",
    "part": "all",
    "value": "",
    "n": 100,
    "groups": 20,
    "level": 0.9,
    "width": 50.0,
    "winkler": 60.0,
    "ci_low": 0.5,
    "ci_high": 1.0,
}


@pytest.fixture(scope="module")
def judged_url(server, trained, tmp_path_factory):
    "Address of the app over an evaluation by hand, in new cities (91 of 100 days) and countries (77 of 100)."
    folder = tmp_path_factory.mktemp("evaluation")
    records = [RECORD | {"scheme": "city"}, RECORD | {"scheme": "country", "mae": 12.5}]
    parts = [
        PART | {"scheme": "city", "coverage": 0.91},
        PART | {"scheme": "country", "coverage": 0.77},
    ]
    (folder / "evaluation.json").write_text(json.dumps(records))
    (folder / "coverage.json").write_text(json.dumps(parts))
    return server(
        predictions=trained / "predictions.parquet",
        bundle=trained / "bundle",
        evaluation=folder / "evaluation.json",
    )


def test_the_domain_is_drawn_and_asks_nobody_else(visit, app_url):
    "Two of the twelve cities lie outside on all days: two dark markers, the others pale; said in words."
    here = visit(f"{app_url}/trust")
    assert here.page.get_by_text("2 of 12 cities").count() == 1
    assert here.pixels(DOMAIN, style.READABLE[:1]) > here.pixels(DOMAIN, style.READABLE[-1:]) > 10
    here.assert_clean()


@pytest.mark.long
@pytest.mark.parametrize("dark", [False, True])
def test_the_evaluation_is_drawn(visit, judged_url, dark):
    "Errors and coverage in the colour of the predictor; the mean error in words."
    here = visit(f"{judged_url}/trust", dark=dark)
    for chart in ("trust_errors", "trust_coverage"):
        assert here.pixels(f".st-key-{chart} svg.marks", [style.tones(dark)["line"]]) > 20
    assert here.page.get_by_text("off by 9.0 µg/m³").count() == 1
    here.assert_clean()


@pytest.mark.long
def test_another_way_of_judging_is_chosen(visit, judged_url):
    "In new cities 91 of 100 days lay in the interval, in new countries 77; each is said where it is chosen."
    here = visit(f"{judged_url}/trust")
    box = here.page.locator(".st-key-trust_coverage_scheme").get_by_role("combobox")
    said = here.page.locator("[data-testid=stMarkdown] li:below(.st-key-trust_coverage_scheme)").first
    assert "91 % of 100 days lay inside" in said.inner_text()
    box.click()
    box.fill("country")
    here.page.keyboard.press("Enter")
    here.page.locator("li", has_text="77 % of 100 days lay inside").wait_for()
    assert "77 % of 100 days lay inside" in said.inner_text()
    here.assert_clean()


@pytest.mark.long
def test_the_card_is_downloaded(visit, judged_url, trained):
    "Letter by letter the card of the bundle."
    here = visit(f"{judged_url}/trust")
    path = here.download(".st-key-trust_card button")
    assert path.read_text(encoding="utf-8") == (trained / "bundle" / "card.md").read_text(encoding="utf-8")
    here.assert_clean()


@pytest.mark.long
def test_trust_on_a_narrow_screen_needs_no_sideways_scrolling(visit, judged_url):
    "At 390 pixels nothing is wider than the screen."
    here = visit(f"{judged_url}/trust", width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    here.assert_clean()
