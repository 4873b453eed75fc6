"""The published predictions for South Africa that ship, and the script that makes their file."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

DATA = Path(__file__).resolve().parents[1] / "data"
SHIPPED = DATA / "south_africa.parquet"
PUBLISHED = """City,Date,Lat,Long,Predicted_PM25,pop_density2010_5000_max
Middelburg,2019-01-01,-25.775071,29.464821,60.25,100
Middelburg,2019-01-01,-31.492849,25.00633,20.5,100
Middelburg,2019-01-02,-31.492849,25.00633,21.5,100
Paarl,2019-01-01,-33.733781,18.975228,50.123456789,100
Paarl,2019-01-02,-33.733781,18.975228,-1,100
"""


@pytest.fixture(scope="module")
def script():
    "The script as a module."
    spec = importlib.util.spec_from_file_location("make_south_africa", DATA / "make_south_africa.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def facts():
    "What the shipped file tells of itself."
    return json.loads(pq.read_schema(SHIPPED).metadata[b"airq"])


def test_the_script_keeps_two_places_of_one_name(script, tmp_path):
    "Two Middelburgs on one day are two cities; a negative index is left out; points keep single precision."
    (tmp_path / "published.csv").write_text(PUBLISHED)
    script.main(tmp_path / "published.csv", tmp_path / "made.parquet")
    made = pd.read_parquet(tmp_path / "made.parquet")
    rows = list(zip(made["city_id"], made["date"].dt.strftime("%d"), made["aqi"], strict=True))
    assert rows == [
        ("ZAF:Middelburg (-25.775, 29.465)", "01", 60.25),
        ("ZAF:Middelburg (-31.493, 25.006)", "01", 20.5),
        ("ZAF:Middelburg (-31.493, 25.006)", "02", 21.5),
        ("ZAF:Paarl", "01", pytest.approx(50.123456789, rel=1e-7)),
    ]
    assert made.columns.tolist() == pq.read_schema(SHIPPED).names
    told = json.loads(pq.read_schema(tmp_path / "made.parquet").metadata[b"airq"])
    assert told["title"].startswith("3 places in South Africa, 2019 to 2019")


def test_an_address_is_fetched(script, tmp_path, monkeypatch):
    "The answer is read like a file."
    (tmp_path / "published.csv").write_text(PUBLISHED)

    def answer(address, timeout):
        return (tmp_path / "published.csv").open("rb")

    monkeypatch.setattr(script.urllib.request, "urlopen", answer)
    assert len(script.read_published("https://localhost/published.csv")) == 4


def test_72_places_and_579_days_ship():
    "Every place on every day from 2019-01-01 to 2020-08-01, each once, in a file below 200 kB."
    rows = pd.read_parquet(SHIPPED)
    assert rows["city_id"].nunique() == 72
    assert not rows.duplicated(["city_id", "date"]).any()
    assert rows.duplicated(["city", "date"]).sum() == 579
    assert (rows["date"].min(), rows["date"].max()) == (
        pd.Timestamp("2019-01-01"),
        pd.Timestamp("2020-08-01"),
    )
    assert len(rows) == 72 * 579
    assert rows["aqi"].between(0, 200).all()
    assert set(rows["country"]) == {"ZAF"}
    assert SHIPPED.stat().st_size < 200_000


def test_the_file_says_points_and_nothing_of_concentrations(facts):
    "Unit, statistic, source and licence; no column of µg/m³."
    schema = pq.read_schema(SHIPPED)
    assert schema.field("aqi").metadata[b"unit"] == b"aqi-us-2012"
    assert "pm25" not in schema.names
    assert set(pd.read_parquet(SHIPPED)["aqi_table"]) == {"aqi-us-2012"}
    assert (facts["unit"], facts["statistic"], facts["period"]) == ("aqi-us-2012", "median", "day")
    assert "CC0 1.0" in facts["licence"]
    assert "johnowhitaker/air_quality_prediction" in facts["cite"]
    assert "µg" not in json.dumps(facts, ensure_ascii=False)


def test_readme_of_the_data_has_source_and_licence():
    "In the line of the file; the script is named, too."
    text = (DATA / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("| `south_africa.parquet`")]
    assert "CC0 1.0" in line and "johnowhitaker/air_quality_prediction" in line
    assert "not µg/m³" in line
    assert "make_south_africa.py" in text


@pytest.mark.realdata
def test_the_shipped_file_is_what_the_script_makes(script, shared_data, tmp_path):
    "From the published table; versions of pandas differ in the last digit that they read."
    script.main(shared_data / "za_cities_predictions.csv.gz", tmp_path / "made.parquet")
    made, shipped = pq.read_table(tmp_path / "made.parquet"), pq.read_table(SHIPPED)
    pd.testing.assert_frame_equal(made.to_pandas(), shipped.to_pandas(), rtol=1e-12)
    assert made.schema.metadata == shipped.schema.metadata
