"""Tables in, a panel and an account of the rows out."""

import json

import pandas as pd
import pandas.testing as pdt
import pytest

from airq.panel import panel_metadata
from airq.workflows.ingest import READERS, read_table

WAQI = (
    "Date,Country,City,Specie,count,min,max,median,variance\n"
    "2020-01-01,UG,Kampala,pm25,40,1,9,50,2\n"
    "2020-01-02,UG,Kampala,pm25,40,1,9,100,2\n"
    "2020-01-02,UG,Kampala,pm10,40,1,9,70,2\n"
    "2020-01-03,UG,Kampala,pm25,40,1,9,-1,2\n"
)


@pytest.fixture
def waqi(tmp_path):
    path = tmp_path / "waqi.csv"
    path.write_text(WAQI)
    return path


MAPPING = {
    "panel": {"pm25_origin": "sensor", "day_basis": "local", "statistic": "mean"},
    "columns": {
        "site_id": "station",
        "date": {"from": ["y", "m", "d"]},
        "latitude": "lat",
        "longitude": "lon",
        "country": {"value": "UG"},
        "pm25": {"from": "fine", "unit": "mg/m³"},
    },
}


@pytest.fixture
def table():
    return pd.DataFrame(
        {"station": [1, 1], "y": 2020, "m": 1, "d": [1, 2], "lat": 0.31, "lon": 32.58, "fine": [0.04, -1]},
        index=[7, 3],
    )


def test_the_panel_and_what_became_of_the_rows(waqi):
    "Four rows read; one of another species and one below zero dropped; two kept."
    panel, report = read_table([waqi], "waqi")
    assert (report.read, report.kept, report.rows, report.sites, report.days) == (4, 2, 2, 1, 2)
    assert report.dropped == {"other species": 1, "negative AQI": 1}
    assert panel["pm25"].tolist() == pytest.approx([12.0, 35.4])
    assert panel_metadata(panel).sources == ("World Air Quality Index project, daily city values (waqi.csv)",)


def test_one_path_is_a_list_of_one(waqi):
    "As a Path or as text."
    expected, _ = read_table([waqi], "waqi")
    for path in (waqi, str(waqi)):
        pdt.assert_frame_equal(read_table(path, "waqi")[0], expected)


def test_a_dataframe_and_a_dict_are_read_like_files(table, tmp_path):
    "0.04 mg/m³ are 40 µg/m³; the negative row goes. The TOML and CSV of the same content give the same."
    panel, report = read_table(table, mapping=MAPPING)
    assert (panel["pm25"].tolist(), panel["site_id"].tolist()) == ([40], ["1"])
    assert report.dropped == {"negative PM2.5": 1}
    assert panel_metadata(panel).sources == ("Tables read by a mapping (a DataFrame)",)
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "m.toml").write_text(
        '[panel]\npm25_origin = "sensor"\nday_basis = "local"\nstatistic = "mean"\n[columns]\n'
        'site_id = "station"\ndate = ["y", "m", "d"]\nlatitude = "lat"\nlongitude = "lon"\n'
        'country = { value = "UG" }\npm25 = { from = "fine", unit = "mg/m³" }\n'
    )
    again, _ = read_table(tmp_path / "t.csv", mapping=tmp_path / "m.toml")
    pdt.assert_frame_equal(again.drop(columns=[]), panel)


def test_an_index_with_names_is_read_as_columns(table):
    "Stations in the index of a DataFrame; the table itself stays as it was."
    table = table.set_index("station")
    before = table.copy()
    assert read_table(table, mapping=MAPPING)[0]["site_id"].tolist() == ["1"]
    pdt.assert_frame_equal(table, before)


def test_a_wrong_table_or_mapping_is_named(table):
    "Neither has a file's name."
    with pytest.raises(ValueError, match="^The table has no column 'fine'"):
        read_table(table.rename(columns={"fine": "coarse"}), mapping=MAPPING)
    with pytest.raises(ValueError, match="^The mapping: unknown key 'colums'"):
        read_table(table, mapping={"colums": {}})
    with pytest.raises(ValueError, match="^The table has no rows"):
        read_table(table[:0], mapping=MAPPING)


def test_the_report_is_one_line(waqi):
    "Rows read, kept, dropped and why; what the panel has, and where its PM2.5 comes from."
    assert str(read_table([waqi], "waqi")[1]) == (
        "4 rows read, 2 kept, 2 dropped (1 other species, 1 negative AQI). The panel has 2 rows, "
        "2 with PM2.5 (index), from 1 site and 2 UTC days, 2020-01-01 to 2020-01-02. "
        "Inputs by product: population."
    )


def test_the_report_is_plain_data(waqi):
    "It goes through JSON unchanged."
    facts = read_table([waqi], "waqi")[1].to_dict()
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("as_file", [True, False])
def test_positions_come_from_the_users_cities(waqi, tmp_path, as_file):
    "They go before the bundled table."
    cities = tmp_path / "cities.csv"
    cities.write_text("city_id,city,country,latitude,longitude\nmine,Kampala,Uganda,0.5,32.5\n")
    panel, _ = read_table([waqi], "waqi", cities=cities if as_file else pd.read_csv(cities))
    assert panel["site_id"].unique().tolist() == ["mine"]


def test_formats_are_those_of_the_command():
    "As DESIGN lists them."
    assert list(READERS) == ["waqi", "openaq", "uganda", "airathon", "open-meteo", "reference", "table"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "waki"}, "Unknown format 'waki'.*Did you mean waqi"),
        ({"format": "table"}, "needs a mapping .--mapping"),
        ({"format": "waqi", "mapping": "m.toml"}, "A mapping goes with format table"),
        ({"format": "uganda"}, "site_latitude.*looks like --format waqi"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(waqi, options, words):
    "One line says why."
    with pytest.raises(ValueError, match=words):
        read_table([waqi], **options)


def test_a_dataframe_of_another_format_is_refused(table):
    "Other formats are files."
    with pytest.raises(ValueError, match="format waqi takes files"):
        read_table(table, "waqi")


def test_a_file_named_twice_is_refused(waqi):
    "Its rows would count twice."
    with pytest.raises(ValueError, match="named twice"):
        read_table([waqi, waqi], "waqi")


def test_no_file_is_refused():
    "An empty list has nothing to read."
    with pytest.raises(ValueError, match="at least one file"):
        read_table([], "waqi")
