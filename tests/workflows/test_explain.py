"""`airq explain`: a bundle from disk, a site and a day, what is written."""

import json

import numpy as np
import pandas as pd
import pytest

from airq.io import write_panel
from airq.panel import PanelMetadata, label_panel, sort_panel
from airq.workflows.explain import explain, explain_row, find_row, products_of_columns
from airq.workflows.train import train


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    "A panel of six cities, 20 days each, and a bundle trained on it."
    folder = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(0)
    city = np.repeat(["Gulu", "Jinja", "Lira", "Masaka", "Mbale", "Soroti"], 20)
    co = rng.uniform(0.02, 0.06, 120)
    panel = pd.DataFrame(
        {
            "site_id": np.char.lower(city),
            "city_id": city,
            "city": city,
            "country": "UGA",
            "latitude": np.repeat(np.arange(6.0), 20),
            "longitude": 32.0,
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.tile(np.arange(20), 6), unit="D"),
            "pm25": 1000 * co,
            "co": co,
            "temp_air": rng.normal(25, 3, 120),
        }
    )
    panel = label_panel(sort_panel(panel), PanelMetadata(pm25_origin="simulated"))
    write_panel(panel, folder / "panel.parquet")
    train(folder / "panel.parquet", out=folder / "bundle", recipe="live", schemes=[])
    return folder


def test_a_bundle_is_explained_with_tables_and_pictures(files, tmp_path):
    "By product: `co`, which PM2.5 follows, first; the simulation is marked."
    out, records = tmp_path / "why", tmp_path / "why.json"
    explain(files / "panel.parquet", bundle=files / "bundle", out=out, json_path=records)
    names = {"explanation.json", "explanation.md", "importance.csv", "importance.png"}
    assert {path.name for path in out.iterdir()} == names | {"dependence.csv", "dependence.png"}
    first = json.loads(records.read_text())[0]
    assert (first["by"], first["name"], first["unit"]) == ("product", "co", "µg m⁻³")
    assert "SIMULATED" in (out / "explanation.md").read_text()


def test_one_day_is_explained(files, tmp_path):
    "The records sum to the prediction that the sentences begin with."
    table, sentences = explain_row(
        files / "panel.parquet",
        bundle=files / "bundle",
        site="gulu",
        date="2020-01-05",
        out=tmp_path / "why",
    )
    records = json.loads((tmp_path / "why" / "explanation.json").read_text())
    total = sum(record["contribution"] for record in records)
    assert f"PM2.5 {total:.1f} µg m⁻³ predicted" in sentences[0]
    assert {record["date"] for record in records} == {"2020-01-05"}
    assert table["product"].iloc[1] == "co"


@pytest.mark.parametrize(
    ("site", "date", "hint"),
    [
        ("gullu", "2020-01-05", "gulu"),
        ("Jinja", "2020-01-05", "Sites in Jinja: jinja"),
        ("gulu", "2020-02-05", "nearest day is 2020-01-20"),
        ("gulu", "5 January", "write it like 2020-03-01"),
    ],
)
def test_an_unknown_site_or_day_is_one_line_with_what_is_near(files, site, date, hint):
    "A misspelt site, a city's name, a day outside, no day at all."
    with pytest.raises(ValueError, match=hint) as error:
        explain_row(files / "panel.parquet", bundle=files / "bundle", site=site, date=date)
    assert "\n" not in str(error.value)


def test_the_row_is_that_of_site_and_day(make_panel):
    "The second day of the second site is row 3."
    panel = make_panel({"a": ["2020-01-01", "2020-01-02"], "b": ["2020-01-01", "2020-01-02"]}, pm25=[1] * 4)
    assert find_row(panel, "b", "2020-01-02") == 3


def test_columns_of_the_catalogue_have_its_products():
    "Also their counts and ages; streams and recipes of one product share its name."
    found = products_of_columns(["no2_age", "fire_power_150km", "0_NO2_column_number_density", "wind_u"])
    assert list(found.values()) == ["no2", "fires", "no2", "weather"]
