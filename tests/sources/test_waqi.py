"""WAQI's archive, in small: an index turned into concentrations, files that overlap reconciled."""

import pandas as pd
import pytest

from airq.cities import check_cities
from airq.panel import panel_metadata
from airq.sources.waqi import read_waqi

HEADER = "Date,Country,City,Specie,count,min,max,median,variance\n"
CITIES = check_cities(
    pd.DataFrame(
        {
            "city": ["Accra", "Kampala", "Kampala"],
            "country": ["GH", "UG", "CO"],
            "latitude": [5.56, 0.32, 4.0],
            "longitude": [-0.2, 32.58, -74.0],
        }
    )
)


@pytest.fixture
def write(tmp_path):
    def write_rows(*rows, name="w.csv", head=""):
        path = tmp_path / name
        path.write_text(head + HEADER + "\n".join(rows) + "\n")
        return path

    return write_rows


def test_the_index_becomes_a_concentration(write):
    "50 points of the 2012 table are 12.0 µg/m³, 100 are 35.4; the points stay beside them."
    path = write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2", "2020-01-02,UG,Kampala,pm25,40,1,9,100,2")
    panel = read_waqi([path], cities=CITIES).panel
    assert panel["pm25"].tolist() == pytest.approx([12.0, 35.4])
    assert panel["aqi"].tolist() == [50, 100]


def test_the_panel_says_that_it_is_an_inverted_median_index(write):
    "Its days end in UTC, as WAQI states."
    metadata = panel_metadata(
        read_waqi([write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2")], cities=CITIES).panel
    )
    assert (metadata.pm25_origin, metadata.statistic, metadata.day_basis) == ("index", "median", "utc")
    assert metadata.units["aqi"] == "aqi-us-2012"


def test_other_species_are_left_out(write):
    "Only pm25 becomes PM2.5."
    path = write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2", "2020-01-01,UG,Kampala,pm10,40,1,9,70,2")
    tally = read_waqi([path], cities=CITIES).tally
    assert (tally.read, tally.kept, tally.dropped) == (2, 1, {"other species": 1})


def test_comments_head_the_archives_files(write):
    "Four lines of them, before the header."
    path = write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2", head="# WAQI\n# terms\n# of use\n#\n")
    assert len(read_waqi([path], cities=CITIES).panel) == 1


def test_overlapping_files_are_reconciled(write):
    "An identical row counts once; of two that differ, the one made of more samples."
    early = write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2", "2020-01-02,UG,Kampala,pm25,10,1,9,70,2")
    late = write(
        "2020-01-01,UG,Kampala,pm25,40,1,9,50,2", "2020-01-02,UG,Kampala,pm25,44,1,9,100,2", name="late.csv"
    )
    found = read_waqi([early, late], cities=CITIES)
    assert found.panel["aqi"].tolist() == [50, 100]
    assert found.tally.dropped == {"repeated": 1, "fewer samples than another row of its day": 1}


def test_a_city_is_matched_with_its_country(write):
    "The Kampala of Uganda is not a Kampala of Colombia; accents and case do not matter."
    panel = read_waqi([write("2020-01-01,CO,KAMPÁLA,pm25,40,1,9,50,2")], cities=CITIES).panel
    assert panel[["country", "latitude"]].iloc[0].tolist() == ["COL", 4.0]


def test_unknown_cities_are_dropped_and_named(write):
    "Up to three by name; a country code that nobody knows is an unknown city, not an error."
    rows = [
        f"2020-01-01,{code},{city},pm25,40,1,9,50,2"
        for code, city in [("UG", "Kampala"), ("UG", "A"), ("GH", "B"), ("QQ", "C"), ("GH", "D")]
    ]
    tally = read_waqi([write(*rows)], cities=CITIES).tally
    assert tally.dropped == {"of a city without a known position": 4}
    assert tally.notes == ["no position for A (UG), B (GH), C (QQ) and 1 more; give a table with --cities"]


def test_the_bundled_table_knows_african_cities(write):
    "Without --cities."
    panel = read_waqi([write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2")]).panel
    assert panel["country"].iloc[0] == "UGA"
    assert panel["latitude"].iloc[0] == pytest.approx(0.32, abs=0.1)


@pytest.mark.parametrize(
    ("median", "reason"),
    [
        ("-1", "negative AQI"),
        ("0", "AQI of zero"),
        ("999", "AQI at the ceiling of 999"),
        ("", "missing AQI"),
        ("n.d.", "AQI is not a number"),
    ],
)
def test_points_that_cannot_be_are_dropped(write, median, reason):
    "By reason; the good row stays."
    path = write("2020-01-01,UG,Kampala,pm25,40,1,9,50,2", f"2020-01-02,UG,Kampala,pm25,40,1,9,{median},2")
    found = read_waqi([path], cities=CITIES)
    assert len(found.panel) == 1
    assert found.tally.dropped == {reason: 1}


def test_a_file_without_pm25_says_so(write):
    "Nothing is left, and why."
    with pytest.raises(ValueError, match="none of 1 rows is left .1 other species."):
        read_waqi([write("2020-01-01,UG,Kampala,pm10,40,1,9,50,2")], cities=CITIES)
