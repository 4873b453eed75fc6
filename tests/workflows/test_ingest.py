"""Files in, a panel out, and a line that says what became of the rows."""

import json

import pytest

from airq.io import read_panel
from airq.panel import panel_metadata
from airq.workflows.ingest import READERS, ingest

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


def test_ingest_writes_the_panel_and_says_what_became_of_the_rows(waqi, tmp_path):
    "Four rows read; one of another species and one below zero dropped; two kept."
    out = tmp_path / "new" / "panel.parquet"
    report = ingest([waqi], format="waqi", out=out)
    assert (report.read, report.kept, report.rows, report.sites, report.days) == (4, 2, 2, 1, 2)
    assert report.dropped == {"other species": 1, "negative AQI": 1}
    panel = read_panel(out)
    assert panel["pm25"].tolist() == pytest.approx([12.0, 35.4])
    assert panel_metadata(panel).sources == ("World Air Quality Index project, daily city values (waqi.csv)",)


def test_the_report_is_one_line(waqi, tmp_path):
    "Rows read, kept, dropped and why; sites, days, the unit's origin, and the file."
    out = tmp_path / "panel.parquet"
    line = str(ingest([waqi], format="waqi", out=out))
    assert "\n" not in line
    assert line.startswith("4 rows read, 2 kept, 2 dropped (1 other species, 1 negative AQI).")
    assert line.endswith(
        f"{out}: 2 rows, 1 site, 2 UTC days from 2020-01-01 to 2020-01-02, 2 with PM2.5 (index)."
    )


def test_the_report_is_plain_data(waqi, tmp_path):
    "It goes through JSON unchanged."
    facts = ingest([waqi], format="waqi", out=tmp_path / "panel.parquet").to_dict()
    assert json.loads(json.dumps(facts)) == facts


def test_positions_come_from_the_users_cities(waqi, tmp_path):
    "--cities goes before the bundled table."
    cities = tmp_path / "cities.csv"
    cities.write_text("city_id,city,country,latitude,longitude\nmine,Kampala,Uganda,0.5,32.5\n")
    ingest([waqi], format="waqi", cities=cities, out=tmp_path / "panel.parquet")
    assert read_panel(tmp_path / "panel.parquet")["site_id"].unique().tolist() == ["mine"]


def test_formats_are_those_of_the_command():
    "As DESIGN lists them."
    assert list(READERS) == ["waqi", "openaq", "uganda", "airathon", "open-meteo", "reference", "table"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "waki"}, "Unknown format 'waki'.*Did you mean waqi"),
        ({"format": "table"}, "needs --mapping"),
        ({"format": "waqi", "mapping": "m.toml"}, "--mapping goes with --format table"),
        ({"format": "uganda"}, "site_latitude.*looks like --format waqi"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(waqi, tmp_path, options, words):
    "Nothing is written."
    out = tmp_path / "panel.parquet"
    with pytest.raises(ValueError, match=words):
        ingest([waqi], out=out, **options)
    assert not out.exists()


def test_a_file_named_twice_is_refused(waqi, tmp_path):
    "Its rows would count twice."
    with pytest.raises(ValueError, match="named twice"):
        ingest([waqi, waqi], format="waqi", out=tmp_path / "panel.parquet")


def test_the_output_does_not_replace_an_input(waqi):
    "The raw file would be gone."
    with pytest.raises(ValueError, match="choose another name"):
        ingest([waqi], format="waqi", out=waqi)
    assert waqi.read_text() == WAQI


def test_an_output_folder_that_is_a_file_is_refused_before_reading(waqi, tmp_path):
    "The missing input is not even looked for."
    with pytest.raises(NotADirectoryError):
        ingest([tmp_path / "missing.csv"], format="waqi", out=waqi / "panel.parquet")


def test_ingest_is_repeatable(waqi, tmp_path):
    "The same files make the same bytes."
    for name in ("a.parquet", "b.parquet"):
        ingest([waqi], format="waqi", out=tmp_path / name)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
