"""The page Data in a browser: what it saves is opened and held against the file."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow
GET = ".st-key-data_get button"
KEYS = ["city_id", "date"]
UNIT = "µg m⁻³"


@pytest.fixture(scope="module")
def rows(predictions):
    "The predictions of the file by city and day."
    return pd.read_parquet(predictions).set_index(KEYS).sort_index()


def same(read, rows):
    "Every number that was read is the one of the file."
    read = read.assign(date=pd.to_datetime(read["date"])).set_index(KEYS).sort_index()
    assert list(read.index) == list(rows.index)
    for name in ("pm25", "lower", "upper"):
        np.testing.assert_allclose(read[name].astype("float64"), rows[name], rtol=1e-6)
    assert (read["inside_domain"].astype(bool) == rows["inside_domain"].astype(bool)).all()


def choose(here, name):
    "Choose a format."
    here.page.get_by_role("radio", name=name).or_(here.page.get_by_role("button", name=name)).first.click()
    here.settle()


def test_a_csv_is_saved_and_read_back(visit, app_url, rows):
    "480 rows as in the file; unit, origin and licence in columns; nothing beyond the server."
    here = visit(f"{app_url}/data")
    read = pd.read_csv(here.download(GET), encoding="utf-8-sig")
    same(read, rows)
    assert set(read["unit"]) == {UNIT}
    assert set(read["trained_on"]) == {"simulated"}
    assert read["licence"].str.contains("CC BY 4.0").all()
    here.assert_clean()


@pytest.mark.long
def test_a_parquet_file_is_saved_and_read_back(visit, app_url, rows):
    "The numbers of the file; unit and licence in its metadata, and the unit at the column."
    here = visit(f"{app_url}/data")
    choose(here, "Parquet (programs)")
    table = pq.read_table(here.download(GET))
    same(table.to_pandas(), rows)
    told = json.loads(table.schema.metadata[b"airq"])
    assert told["unit"] == UNIT
    assert "CC BY 4.0" in told["licence"]
    assert "SIMULATED" in told["warning"]
    assert table.schema.field("pm25").metadata[b"unit"].decode() == UNIT
    here.assert_clean()


@pytest.mark.long
def test_a_geojson_file_is_saved_and_read_back(visit, app_url, rows):
    "A point a row, at the place of the file; units and licence beside the features."
    here = visit(f"{app_url}/data")
    choose(here, "GeoJSON (maps)")
    read = json.loads(here.download(GET).read_text(encoding="utf-8"))
    same(pd.DataFrame([one["properties"] for one in read["features"]]), rows)
    for feature in read["features"]:
        own = feature["properties"]
        row = rows.loc[(own["city_id"], pd.Timestamp(own["date"]))]
        assert feature["geometry"]["coordinates"] == pytest.approx([row.longitude, row.latitude], abs=1e-5)
    assert read["about"]["units"]["pm25"] == UNIT
    assert "CC BY 4.0" in read["about"]["licence"]
    here.assert_clean()


@pytest.mark.long
def test_a_selection_is_saved(visit, app_url, rows):
    "The first three days by link and one country by its box: as many rows as the file has of them."
    country = rows["country"].value_counts().index[-1]
    from app import style

    here = visit(f"{app_url}/data?from=2020-01-01&to=2020-01-03")
    here.page.get_by_role("combobox", name="Countries").fill(style.country_name(country))
    here.page.keyboard.press("Enter")
    here.page.keyboard.press("Escape")
    days = rows.index.get_level_values("date") <= "2020-01-03"
    wanted = rows[days & (rows["country"] == country)]
    here.page.get_by_role("button", name=f"Download {len(wanted)} rows", exact=False).wait_for()
    here.settle()
    same(pd.read_csv(here.download(GET), encoding="utf-8-sig"), wanted)
    here.assert_clean()


@pytest.mark.long
def test_an_uploaded_list_is_predicted(visit, trained, trained_url, tmp_path):
    "Two cities of the panel, found by position: what is saved is what the bundle predicts of their days."
    from airq.bundle import load_bundle
    from airq.io import read_panel

    panel = read_panel(trained / "panel.parquet")
    places = panel.drop_duplicates("site_id").iloc[:2]
    own = pd.DataFrame({"city": ["=first()", "second"]}).join(
        places[["country", "latitude", "longitude"]].reset_index(drop=True)
    )
    own.to_csv(tmp_path / "cities.csv", index=False)
    here = visit(f"{trained_url}/data")
    here.page.locator("input[type=file]").set_input_files(tmp_path / "cities.csv")
    here.page.get_by_text("2 of 2 cities stand in the panel: 2 by position").wait_for()
    here.settle()
    here.page.locator(".st-key-data_predict button").click()
    here.page.locator(".st-key-data_predicted_get button").wait_for()
    here.settle()
    read = pd.read_csv(here.download(".st-key-data_predicted_get button"), encoding="utf-8-sig")
    asked = panel[panel["site_id"].isin(places["site_id"])]
    expected = load_bundle(trained / "bundle")[0].predict(asked)
    order = np.lexsort((asked["date"], asked["site_id"]))
    read = read.assign(date=pd.to_datetime(read["date"])).sort_values(["site_id", "date"])
    assert read["date"].tolist() == asked["date"].iloc[order].tolist()
    np.testing.assert_allclose(read["pm25"], expected[order], rtol=1e-5)
    here.assert_clean()


@pytest.mark.long
def test_a_list_that_is_none_gives_words(visit, app_url, tmp_path):
    "Columns of something else: told in words, no traceback."
    (tmp_path / "cities.csv").write_text("a,b\n1,2\n")
    here = visit(f"{app_url}/data")
    here.page.locator("input[type=file]").set_input_files(tmp_path / "cities.csv")
    here.page.locator("[data-testid=stAlert]", has_text="no column 'city'").wait_for()
    here.assert_clean()


@pytest.mark.long
def test_data_on_a_narrow_screen_needs_no_sideways_scrolling(visit, app_url):
    "At 390 pixels nothing is wider than the screen."
    here = visit(f"{app_url}/data", width=390, height=844)
    assert here.page.evaluate("document.documentElement.scrollWidth") <= 390
    here.assert_clean()


@pytest.mark.long
def test_boxes_of_the_demonstration_do_not_outlast_it(visit, server, predictions, tmp_path):
    "A city and the columns in µg/m³ are chosen; South Africa, opened instead, has points and all its rows."
    (tmp_path / "demo").mkdir()
    shutil.copy(predictions, tmp_path / "demo" / "predictions.parquet")
    here = visit(f"{server(cwd=tmp_path)}/data")
    here.page.locator(".st-key-data_cities input").click()
    here.page.keyboard.press("ArrowDown")
    here.page.keyboard.press("Enter")
    here.page.keyboard.press("Escape")
    here.settle()
    assert here.page.get_by_text("Download 40 rows").count() == 1
    here.page.get_by_role("button", name="72 places in South Africa").click()
    here.page.wait_for_url(lambda url: "example=south-africa" in url)
    here.settle()
    here.page.get_by_role("link", name="Data").first.click()
    here.page.wait_for_selector("text=Download 41,688 rows")
    here.settle()
    assert "µg" not in here.page.inner_text("body")
    here.assert_clean()
