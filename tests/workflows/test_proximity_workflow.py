"""Text, records and files about the distance of cities to predict."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from airq.io import write_panel
from airq.workflows.evaluate import proximity, save_proximity


@pytest.fixture
def panel_path(make_panel, tmp_path):
    "Six Ugandan cities of one site in a row, 55.3 km apart, twenty days."
    days = pd.date_range("2020-01-01", periods=20).strftime("%Y-%m-%d").tolist()
    panel = make_panel(dict.fromkeys("abcdef", days), pm25=np.arange(120.0), no2=np.arange(120.0) * 1e-6)
    write_panel(panel, tmp_path / "panel.parquet")
    return tmp_path / "panel.parquet"


def city_table(folder, text):
    path = folder / "cities.csv"
    path.write_text(text, encoding="utf-8")
    return path


NEAR_AND_FAR = "city,country,latitude,longitude\nNear,UGA,2.75,32.0\nFar,UGA,3.9,32.0\n"


def test_the_text_names_the_scheme_and_the_city_beyond_it(panel_path, tmp_path):
    "Far lies 2.8 steps of 55 km beyond the last site, no held-out city more than two, Near half a one."
    found = proximity(panel_path, city_table(tmp_path, NEAR_AND_FAR), schemes=["city"])
    save_proximity(found, tmp_path / "distances")
    text = (tmp_path / "distances" / "proximity.md").read_text(encoding="utf-8")
    assert found.nearest_scheme["scheme"] == "city"
    assert "2 cities to predict, 6 sites with PM2.5" in text
    assert "The scheme `city` comes closest" in text
    assert "1 city lies farther than any held-out site of any scheme" in text
    assert "km): Far (155 km). Errors there may be larger than any figure here." in text


def test_bars_count_cities_and_held_out_sites(panel_path, tmp_path):
    "Near stands below 50 km, Far (155 km) above 100; six held-out cities lie one step (55 km) from training."
    found = proximity(panel_path, city_table(tmp_path, NEAR_AND_FAR), schemes=["city"])
    save_proximity(found, tmp_path / "distances")
    text = (tmp_path / "distances" / "proximity.md").read_text(encoding="utf-8")
    bars = [re.findall(r"\d+", line) for line in text.splitlines() if re.match(" *\\d+ - ", line)]
    assert bars == [["20", "50", "1", "0"], ["50", "100", "0", "6"], ["100", "200", "1", "0"]]


def test_the_folder_holds_records_text_plot_and_table(panel_path, tmp_path):
    "Exactly four files; the table has a distance for both cities, the record says which scheme applies."
    found = proximity(panel_path, city_table(tmp_path, NEAR_AND_FAR), schemes=["city"])
    save_proximity(found, tmp_path / "distances")
    names = sorted(path.name for path in (tmp_path / "distances").iterdir())
    assert names == ["cities.csv", "distances.png", "proximity.json", "proximity.md"]
    table = pd.read_csv(tmp_path / "distances" / "cities.csv")
    assert table["distance_km"].tolist() == pytest.approx([27.6, 154.8], rel=0.002)
    records = json.loads((tmp_path / "distances" / "proximity.json").read_text(encoding="utf-8"))
    assert [(record["scheme"], record["applies"], record["cities"]) for record in records] == [
        ("city", True, 2)
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("city,country,latitude\nNear,UGA,3.0\n", "no column 'longitude'"),
        ("city,country,latitude,longitude\nNear,UGA,,32.0\n", "latitude of 'Near' is not a number"),
    ],
)
def test_a_table_without_coordinates_is_refused(panel_path, tmp_path, text, message):
    "One line that names what is missing."
    with pytest.raises(ValueError, match=message):
        proximity(panel_path, city_table(tmp_path, text))


def test_an_unknown_scheme_is_refused(panel_path, tmp_path):
    "With the list of those that exist."
    with pytest.raises(ValueError, match="Unknown scheme 'town'; choose from random, site, city"):
        proximity(panel_path, city_table(tmp_path, NEAR_AND_FAR), schemes=["town"])
