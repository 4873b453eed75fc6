"""A mapping is checked before any table is read; what it does not say is not guessed."""

import pandas as pd
import pytest

from airq.panel import panel_metadata
from airq.sources.mapped import read_mapped
from airq.sources.mapping import ColumnSource, read_mapping

MAPPING = """
keep = "*"
several = "mean"
[panel]
pm25_origin = "sensor"
day_basis = "local"
statistic = "mean"
[columns]
site_id = "station"
date = "day"
latitude = "lat"
longitude = "lon"
city = "town"
country = "nation"
pm25 = { from = "pm2_5", unit = "µg/m³" }
temp_air = { from = "t2m", unit = "K" }
"""

TABLE = """station,day,lat,lon,town,nation,pm2_5,t2m,road
01,2020-01-01,0.32,32.58,Kampala,Uganda,40,295.15,3
01,2020-01-01,0.32,32.58,Kampala,Uganda,60,297.15,5
02,2020-01-01,0.35,32.60,Kampala,UG,20,,7
03,2020-01-01,0.44,33.20,Jinja,UGA,-5,290,7
"""


@pytest.fixture
def mapping_of(tmp_path):
    def read_text(text):
        path = tmp_path / "m.toml"
        path.write_text(text)
        return read_mapping(path)

    return read_text


def test_a_mapping_says_where_columns_come_from(mapping_of):
    "By name, with a unit, as parts, or as a constant; what is left out has its default."
    text = MAPPING.replace('date = "day"', 'date = { from = ["y", "m", "d"] }')
    found = mapping_of(text.replace('country = "nation"', 'country = { value = "KEN" }'))
    assert found.columns["latitude"] == ColumnSource(("lat",))
    assert found.columns["date"] == ColumnSource(("y", "m", "d"))
    assert found.columns["country"] == ColumnSource(value="KEN")
    assert found.columns["pm25"] == ColumnSource(("pm2_5",), "µg m⁻³")
    assert (found.keep, found.several) == ("*", "mean")


def test_a_panels_own_unit_is_known(mapping_of):
    "Degrees and people are units of a panel, though nothing converts to them."
    text = MAPPING.replace('latitude = "lat"', 'latitude = { from = "lat", unit = "°" }')
    assert mapping_of(text).columns["latitude"] == ColumnSource(("lat",), "°")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("several", "sevral", "unknown key 'sevral'.*Did you mean several"),
        ("day_basis", "daybasis", "unknown key 'daybasis'.*Did you mean day_basis"),
        ('"local"', '"lokal"', "day_basis is 'lokal'.*utc, local"),
        ('"mean"\n[panel]', '"average"\n[panel]', "several is 'average'"),
        ("latitude =", "latitud =", "'latitud', which is no column.*Did you mean latitude"),
        ('latitude = "lat"\n', "", "does not say where 'latitude' comes from"),
        (', unit = "µg/m³"', "", "pm25 needs its unit"),
        ('{ from = "pm2_5", unit = "µg/m³" }', '"pm2_5"', "pm25 needs its unit"),
        ("µg/m³", "µg/m4", "pm25: Unknown unit 'µg/m4'"),
        ("µg/m³", "ppm", "pm25: Unknown unit 'ppm'"),
        ("µg/m³", "K", "pm25: No conversion"),
        ('unit = "K"', 'unit = "µg/m³"', "temp_air: No conversion"),
        ("unit =", "unitt =", "unknown key 'unitt'.*Did you mean unit"),
        ('keep = "*"', "keep = 3", "keep must be"),
        ("[columns]", "[columns", "is not TOML"),
        ("[columns]", "[column]", "unknown key 'column'.*Did you mean columns"),
        ("[panel]", "[panel.x]", "unknown key 'x'"),
        ('"day"', "{ from = [1, 2, 3] }", "date: `from` names a column as text, not 1"),
        ('"day"', '["y", 2, "d"]', "date: `from` names a column as text, not 2"),
        ('"day"', '{ from = ["y", "m", "d", "h", "s"] }', "date comes from one column, a day and"),
        ('"day"', "{ value = 2020-01-01 }", "date comes from a column"),
        ('"lat"', "{ from = 3 }", "latitude: `from` names a column as text, not 3"),
        ('"lat"', "{ from = [] }", "latitude comes from one column"),
        ('"lat"', '{ from = "lat", pattern = "x" }', "latitude: pattern must be a pattern with one group"),
        ("several", "where = { a = { max = 3 } }\nseveral", "where: a must be a value"),
        ('"lat"', '["lat", "lon"]', "latitude comes from one column"),
        ('"lat"', '{ value = "north" }', "latitude: `value` must be a number, not 'north'"),
        ('"lat"', "{ value = true }", "latitude: `value` must be a number, not True"),
        ('"nation"', '{ value = ["a"] }', r"country: `value` must be text, not \['a'\]"),
        ('"nation"', "{ value = 3 }", "country: `value` must be text, not 3"),
        ('unit = "K"', 'unit = ["K"]', r"temp_air: `unit` must be text, not \['K'\]"),
        ('keep = "*"', 'keep = ["road", 3]', "keep must be"),
        ('"mean"\n[panel]', '["mean"]\n[panel]', r"several is \['mean'\]"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused(tmp_path, old, new, words):
    "One line that names the file, what is wrong, and what it may have meant."
    assert old in MAPPING
    path = tmp_path / "m.toml"
    path.write_text(MAPPING.replace(old, new, 1))
    with pytest.raises(ValueError, match=f"m.toml.*{words}") as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def read(tmp_path):
    def read_texts(table=TABLE, mapping=MAPPING, **options):
        tables = [table] if isinstance(table, str) else table
        paths = []
        for number, text in enumerate(tables):
            paths.append(tmp_path / f"t{number}.csv")
            paths[-1].write_text(text)
        (tmp_path / "m.toml").write_text(mapping)
        return read_mapped(paths, mapping=tmp_path / "m.toml", **options)

    return read_texts


def test_columns_move_to_the_panels_names_and_units(read):
    "The mean of 40 and 60 is 50; 295.15 K and 297.15 K are 22 and 24 °C, 23 on average."
    found = read()
    first = found.panel.iloc[0]
    assert first[["site_id", "city", "country"]].tolist() == ["01", "Kampala", "UGA"]
    assert first["pm25"] == 50
    assert first["temp_air"] == pytest.approx(23, abs=1e-4)
    assert first["road"] == 4
    assert found.tally.dropped == {"negative PM2.5": 1}
    assert found.tally.merged == 1


def test_the_panel_block_becomes_metadata(read):
    "As the file says."
    metadata = panel_metadata(read().panel)
    assert (metadata.pm25_origin, metadata.day_basis, metadata.statistic) == ("sensor", "local", "mean")
    assert metadata.units["temp_air"] == "°C"
    assert metadata.units["road"] == "unknown"


def test_sites_of_one_town_share_its_city(read):
    "Two stations in Kampala."
    assert read().panel["city_id"].unique().tolist() == ["UGA:Kampala"]


def test_keep_is_a_list_or_everything(read):
    "A list leaves out what it does not name."
    assert "road" not in read(mapping=MAPPING.replace('keep = "*"', "keep = []")).panel.columns
    assert "road" in read(mapping=MAPPING.replace('keep = "*"', 'keep = ["road"]')).panel.columns


@pytest.mark.parametrize(("several", "pm25"), [("median", 50.0), ("first", 40.0)])
def test_several_rows_become_one_as_told(read, several, pm25):
    "40 and 60: their middle is 50, the first is 40."
    panel = read(mapping=MAPPING.replace('"mean"\n[panel]', f'"{several}"\n[panel]')).panel
    assert panel["pm25"].iloc[0] == pm25


def test_several_rows_can_be_refused(read):
    "The message names the site and the day."
    with pytest.raises(ValueError, match="site 01 on 2020-01-01"):
        read(mapping=MAPPING.replace('"mean"\n[panel]', '"refuse"\n[panel]'))


def test_an_index_is_inverted_by_its_table(read):
    "100 points are 35.4 µg/m³ in both tables, 50 are 12.0 in that of 2012 and 9.0 in that of 2024."
    table = TABLE.replace(",40,", ",100,").replace(",60,", ",100,").replace(",20,", ",50,")
    for unit, low in (("aqi-us-2012", 12.0), ("aqi-us-2024", 9.0)):
        mapping = MAPPING.replace("µg/m³", unit).replace('"sensor"', '"index"')
        found = read(table, mapping)
        assert found.panel["pm25"].tolist() == pytest.approx([35.4, low])
        assert found.panel["aqi"].tolist() == [100, 50]
        assert panel_metadata(found.panel).units["aqi"] == unit
        assert found.tally.dropped == {"negative AQI": 1}


def test_an_index_is_no_sensors_value(read):
    "pm25_origin must say so."
    with pytest.raises(ValueError, match="pm25_origin must be index or model, not sensor"):
        read(mapping=MAPPING.replace("µg/m³", "aqi-us-2012"))


def test_a_concentration_in_milligrams_is_converted(read):
    "0.05 mg/m³ are 50 µg/m³."
    table = TABLE.replace(",40,", ",0.05,").replace(",60,", ",0.05,")
    assert read(table, MAPPING.replace("µg/m³", "mg/m³")).panel["pm25"].iloc[0] == pytest.approx(50)


def test_without_a_city_every_site_is_one(read):
    "The country is that of the bundled city nearby."
    mapping = MAPPING.replace('city = "town"\n', "").replace('country = "nation"\n', "")
    mapping = mapping.replace('keep = "*"', "keep = []")
    panel = read(mapping=mapping).panel
    assert panel["city_id"].tolist() == ["01", "02"]
    assert set(panel["country"]) == {"UGA"}


def test_without_a_site_every_city_is_one(read):
    "site_id is the city's: two stations of Kampala make one."
    table = TABLE.replace("0.35,32.60", "0.32,32.58")
    panel = read(table, MAPPING.replace('site_id = "station"\n', "")).panel
    assert panel["site_id"].tolist() == ["UGA:Kampala"]
    assert panel["pm25"].iloc[0] == 40


def test_a_constant_fills_a_column(read):
    "A table of one country need not have a column for it."
    mapping = MAPPING.replace('country = "nation"', 'country = { value = "UG" }').replace('"*"', "[]")
    assert set(read(mapping=mapping).panel["country"]) == {"UGA"}


def test_a_date_may_stand_in_three_columns(read):
    "Year, month and day."
    table = TABLE.replace("day,", "y,m,d,").replace("2020-01-01", "2020,1,1")
    mapping = MAPPING.replace('date = "day"', 'date = { from = ["y", "m", "d"] }')
    assert read(table, mapping).panel["date"].unique().tolist() == [pd.Timestamp("2020-01-01")]


def test_times_in_utc_are_no_local_days(read):
    "21:30 UTC is the next day in Kampala; which one is meant cannot be known."
    table = TABLE.replace("2020-01-01", "2020-01-01T21:30:00Z")
    with pytest.raises(ValueError, match="'day' has times in UTC"):
        read(table)


def test_times_with_a_zone_give_the_day_of_the_basis(read):
    "00:30 at +03:00 is January 2nd locally and January 1st in UTC."
    table = TABLE.replace("2020-01-01", "2020-01-02T00:30:00+03:00")
    local = read(table, min_hours=1).panel["date"].iloc[0]
    utc = read(table, MAPPING.replace('"local"', '"utc"'), min_hours=1).panel["date"].iloc[0]
    assert (local.day, utc.day) == (2, 1)


def test_times_without_a_zone_beside_others_stand_as_written(read):
    "January 1st in UTC for 00:30 at +03:00 on the 2nd; the other two rows say the 1st themselves."
    table = TABLE.replace("2020-01-01", "2020-01-02T00:30:00+03:00", 1)
    found = read(table, MAPPING.replace('"local"', '"utc"'), min_hours=1)
    assert found.panel["date"].unique().tolist() == [pd.Timestamp("2020-01-01")]
    assert found.tally.dropped == {"negative PM2.5": 1}


def test_parquet_is_read_as_csv_is(tmp_path, read):
    "The same table with real dates and numbers as names of stations."
    expected = read().panel
    table = pd.read_csv(tmp_path / "t0.csv", dtype={"station": "str"}, parse_dates=["day"])
    table.to_parquet(tmp_path / "t.parquet")
    found = read_mapped([tmp_path / "t.parquet"], mapping=tmp_path / "m.toml").panel
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_files_that_share_a_site_and_day_are_reconciled(read):
    "Twice the same file: three of its good rows merge into others of their key, twice."
    found = read([TABLE, TABLE])
    assert found.panel["pm25"].tolist() == [50, 20]
    assert (found.tally.read, found.tally.kept, found.tally.merged) == (8, 6, 4)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE.replace("pm2_5", "pm25"), "has no column 'pm2_5'.*Did you mean pm25"),
        (TABLE.replace("road", "aqi"), "has a column 'aqi' that .columns. does not map"),
        (TABLE.replace("road", "temp_air"), "the mapping fills 'temp_air' from another column"),
        (TABLE.replace("Uganda", "Ugandda").replace("UG", "Ugandda"), "Unknown country 'Ugandda'.*uganda"),
        (TABLE.replace("2020-01-01", "01/02/2020"), "'day'.*2020-01-31"),
        (TABLE.replace("295.15", '"295,15"'), "'t2m'.*decimal point"),
        (TABLE.replace("295.15,3", "22.5,3").replace("297.15", "21"), "'temp_air' lie outside.*Wrong unit"),
        (TABLE.replace("lat,lon", "lon,lat"), "swapped"),
    ],
)
def test_a_table_that_is_wrong_is_refused(read, table, words):
    "The file and the column are named."
    with pytest.raises(ValueError, match=f"t0.csv.*{words}"):
        read(table)


def test_what_is_taken_for_granted_is_said(read):
    "No [panel] block, and a column that bears a name of the vocabulary."
    mapping = MAPPING[: MAPPING.index("[panel]")] + MAPPING[MAPPING.index("[columns]") :]
    notes = read(TABLE.replace("road", "elevation"), mapping).tally.notes
    assert any("pm25_origin = sensor, day_basis = utc, statistic = mean" in note for note in notes)
    assert any("elevation [m]" in note for note in notes)


def test_a_site_in_two_places_is_refused(read):
    "Station 01 moved by 3 degrees in the middle of the day."
    table = TABLE.replace("01,2020-01-01,0.32", "01,2020-01-01,3.32", 1)
    with pytest.raises(ValueError, match="site '01' has positions more than 1 km apart"):
        read(table)


def test_a_constant_is_converted_as_a_column_is(read):
    "An elevation of 1.2 km is 1200 m at every site."
    mapping = MAPPING + 'elevation = { value = 1.2, unit = "km" }\n'
    assert set(read(mapping=mapping).panel["elevation"]) == {1200}


READINGS = [
    "pm",
    "PM",
    "pm_raw",
    "pm_2_5",
    "PM2.5 (µg/m³)",
    "pm25_median",
    "pm2p5_raw",
    "s1_pm2_5",
    "us_aqi",
    "AQI_category",
    "pm25_count",
]
INPUTS = ["cams_pm25", "cams_pm25_count", "pm10", "PM10", "pm_10", "pmsl", "rain_pm", "no2_raw"]


@pytest.mark.parametrize("name", READINGS)
def test_another_reading_of_the_target_is_no_feature(read, name):
    "A second sensor or an index beside it gives the answer away; the note says how to keep it."
    found = read(TABLE.replace("road", name))
    assert name not in found.panel.columns
    assert [note for note in found.tally.notes if name in note and f'keep = ["{name}", …]' in note]


@pytest.mark.parametrize("name", INPUTS)
def test_what_no_monitor_of_the_target_reads_stays(read, name):
    "A model's PM2.5, coarse particles, pressure at mean sea level, an afternoon's rain, a gas."
    found = read(
        TABLE.replace("road", name).replace("pm2_5,t2m", "fine,t2m"), MAPPING.replace("pm2_5", "fine")
    )
    assert name in found.panel.columns
    assert not any("readings of PM2.5" in note for note in found.tally.notes)


def test_columns_named_after_the_targets_own_are_readings(read):
    "With the target in `target`, `target_min` is its least hour; `targets` is another word."
    mapping = MAPPING.replace('"pm2_5"', '"target"')
    table = TABLE.replace("pm2_5", "target")
    assert "target_min" not in read(table.replace("road", "target_min"), mapping).panel.columns
    assert "targets" in read(table.replace("road", "targets"), mapping).panel.columns


def test_coarse_particles_beside_a_target_called_pm_stay(read):
    "`pm_10` is named after `pm` and yet another quantity; `pm_low` is the same."
    mapping = MAPPING.replace('"pm2_5"', '"pm"')
    table = TABLE.replace("pm2_5", "pm")
    assert "pm_10" in read(table.replace("road", "pm_10"), mapping).panel.columns
    assert "pm_low" not in read(table.replace("road", "pm_low"), mapping).panel.columns


def test_a_reading_that_the_mapping_names_stays(read):
    "In `keep`, or as a column of the panel."
    table = TABLE.replace("road", "pm25_raw")
    listed = read(table, MAPPING.replace('keep = "*"', 'keep = ["pm25_raw"]'))
    assert listed.panel["pm25_raw"].iloc[0] == 4
    assert not any("readings of PM2.5" in note for note in listed.tally.notes)
    mapped = read(table, MAPPING + 'cams_pm25 = "pm25_raw"\n')
    assert mapped.panel["cams_pm25"].iloc[0] == 4


def test_a_reading_in_several_files_is_noted_once(read):
    "One note for both."
    table = TABLE.replace("road", "pm25_raw")
    assert len([note for note in read([table, table]).tally.notes if "pm25_raw" in note]) == 1


def test_rows_can_need_a_least_value(read):
    "Half a day of readings is left out."
    table = TABLE.replace("road", "percent").replace(",3\n", ",50\n", 1)
    found = read(table, "where = { percent = { min = 5 } }\n" + MAPPING.replace('"*"', "[]"))
    assert found.panel["pm25"].tolist() == [50, 20]
    found = read(table, "where = { percent = { min = 6 } }\n" + MAPPING.replace('"*"', "[]"))
    assert found.panel["pm25"].tolist() == [40, 20]
    assert found.tally.dropped == {"with percent below 6": 1, "negative PM2.5": 1}


def test_rows_may_differ_in_everything(read):
    "Two instruments are averaged."
    table = TABLE.replace("road", "method").replace(",3\n", ",a\n").replace(",5\n", ",b\n")
    with pytest.raises(ValueError, match="differ in 'method'"):
        read(table)
    assert read(table, 'over = "*"\n' + MAPPING).panel["pm25"].tolist() == [50, 20]


def test_a_pattern_finds_a_date_and_a_place_in_a_cell(read):
    "As identifiers of images and GeoJSON have them."
    table = "id,where,pm\n20200131_a,POINT (32.58 0.32),40\n"
    mapping = """
[columns]
site_id = { from = "id", pattern = "_(.+)$" }
date = { from = "id", pattern = "^([0-9]{8})" }
latitude = { from = "where", pattern = " ([-.0-9]+)[)]" }
longitude = { from = "where", pattern = "[(]([-.0-9]+) " }
pm25 = { from = "pm", unit = "µg/m³" }
"""
    row = read(table, mapping).panel.iloc[0]
    assert row[["site_id", "latitude", "longitude"]].tolist() == ["a", 0.32, 32.58]
    assert row["date"] == pd.Timestamp("2020-01-31")


def test_a_stations_table_completes_a_mapping_that_names_no_place(read):
    "Positions, country and city are those of the station; two rows that say the same are one."
    table = "station,day,pm2_5\n007,2020-01-01,40\n"
    mapping = '[columns]\nsite_id = "station"\ndate = "day"\npm25 = { from = "pm2_5", unit = "µg/m³" }\n'
    stations = pd.DataFrame(
        {"code": ["007", "007"], "lat": 0.32, "lon": 32.58, "city": "Kampala", "country": "UG"}
    )
    row = read(table, mapping, stations=stations).panel.iloc[0]
    assert row[["site_id", "city", "country"]].tolist() == ["007", "Kampala", "UGA"]
    with pytest.raises(ValueError, match="or give a table with --stations"):
        read(table, mapping)


def test_what_the_files_are_is_noted(read):
    "A sentence of the mapping stands in the report."
    assert "raw readings" in read(mapping='note = "raw readings"\n' + MAPPING).tally.notes
