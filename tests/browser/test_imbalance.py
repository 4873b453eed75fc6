"""The page Imbalance in a browser."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from app import comparisons

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def comparison_url(server, predictions, tmp_path_factory):
    "Address of the app over a comparison of three strategies."
    from imbalance.comparison.compare import compare
    from imbalance.comparison.report import write_comparison

    rng = np.random.default_rng(0)
    y = np.repeat(["no", "yes"], [300, 60])
    X = rng.normal(size=(360, 3)) + (y == "yes")[:, None]
    found = compare(X, y, models="lightgbm", rows=["none", "under-sample"], cv=3, repeats=1)
    folder = tmp_path_factory.mktemp("comparison") / "loans"
    write_comparison(found, folder)
    return server(predictions=predictions, comparison=folder)


@pytest.mark.parametrize("dark", [True])
def test_every_chart_is_drawn(visit, comparison_url, dark):
    "Pixels in the colour of the marks or lines, on each of the five charts; nothing beyond the server."
    here = visit(f"{comparison_url}/imbalance", dark=dark)
    colours = comparisons.PALETTE["dark" if dark else "light"]
    for name in ("Against none", "Log loss", "Class shares", "Reliability", "Other populations"):
        here.page.get_by_role("radio", name=name).or_(
            here.page.get_by_role("button", name=name)
        ).first.click()
        here.settle()
        assert here.pixels("svg.marks", colours) > 20, name
    here.assert_clean()


def test_a_chart_is_saved_with_its_data(visit, comparison_url):
    "A PNG wider than its plot, and a CSV of the strategies that say their unit."
    from PIL import Image

    here = visit(f"{comparison_url}/imbalance")
    here.page.get_by_role("button", name="Picture, data").click()
    here.settle()
    saved = {kind: here.download(f".st-key-imbalance_given_chart_{kind} button") for kind in ("png", "csv")}
    with Image.open(saved["png"]) as picture:
        assert picture.format == "PNG" and picture.width > 1800
    table = pd.read_csv(saved["csv"], encoding="utf-8-sig")
    assert set(table["name"].str.split("+").str[0]) == {"as they are", "under-sample"}
    assert table["unit"].str.contains("nats").all()
    here.assert_clean()


def test_a_narrow_screen_needs_no_sideways_scrolling(visit, comparison_url):
    "At 390 pixels nothing is wider than the screen."
    here = visit(f"{comparison_url}/imbalance", width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    here.assert_clean()


def test_an_upload_is_compared_on_and_downloaded(visit, comparison_url, tmp_path):
    "A table with a formula for a class: compared, and every file of the ZIP read back."
    rng = np.random.default_rng(0)
    late = np.where(np.arange(200) % 5 == 0, "=late()", "no")
    table = pd.DataFrame({"size": rng.normal(size=200) + 2 * (late != "no"), "late": late})
    table.to_csv(tmp_path / "table.csv", index=False)
    here = visit(f"{comparison_url}/imbalance?part=own")
    here.page.locator("input[type=file]").set_input_files(tmp_path / "table.csv")
    here.page.get_by_role("button", name="Compare").click()
    here.page.get_by_role("heading", name="200 rows").wait_for()
    here.settle()
    with here.page.expect_download() as caught:
        here.page.get_by_role("button", name="All tables and pictures").click()
    files = zipfile.ZipFile(caught.value.path())
    rows = pd.read_csv(io.BytesIO(files.read("table.csv")))["rows"]
    assert set(rows) == {"as they are", "under-sample", "weights"}
    assert b",=" not in files.read("reliability.csv")
    here.assert_clean()


def test_a_large_upload_is_refused_in_words(visit, comparison_url, tmp_path):
    "More than 5 MB, and more than 20,000 rows of less."
    here = visit(f"{comparison_url}/imbalance?part=own")
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * 20_001)
    here.page.locator("input[type=file]").set_input_files(tmp_path / "rows.csv")
    here.page.get_by_text("20,002 lines").wait_for()
    (tmp_path / "bytes.csv").write_text("a,b\n" + "1,2\n" * 1_400_000)
    here.page.locator("input[type=file]").set_input_files(tmp_path / "bytes.csv")
    here.page.get_by_text("5.0MB or smaller").or_(here.page.get_by_text("must be 5")).first.wait_for()
    here.assert_clean()
