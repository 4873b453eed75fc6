"""Small inputs of the kinds that public archives write, each with its right answer."""

import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

from airq.cities import country_code
from airq.panel import feature_columns
from airq.sources.mapping import SHIPPED
from airq.units import convert, unit_name
from airq.workflows.ingest import read_table
from airq.workflows.join import join
from imbalance.cli import app as imbalance
from imbalance.reading import read_labelled

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def case(shared_data):
    "The folder of a case by its number."

    def folder(number):
        found = sorted((shared_data.parent / "cases").glob(f"{number:02}-*"))
        if not found:
            pytest.skip("../shared/cases is not there")
        return found[0]

    return folder


def ingest(folder, table, mapping="m.toml", **changes):
    "Panel and report of a table of a case, by its mapping with some keys changed."
    content = tomllib.loads((folder / mapping).read_text()) | changes
    return read_table(folder / table, mapping=content)


def pm25(panel):
    "PM2.5 by day."
    return {
        f"{day:%Y-%m-%d}": round(float(value), 4) for day, value in panel.set_index("date")["pm25"].items()
    }


def test_01_rows_of_one_pollutant_are_chosen(case):
    "Refused with the columns named; 10 and 12 by a filter."
    with pytest.raises(ValueError, match=r"'parameter' \(no2, pm10, pm25\) and 'unit'"):
        ingest(case(1), "long.csv")
    panel, _ = ingest(case(1), "long.csv", where={"parameter": "pm25"})
    assert sorted(pm25(panel).values()) == [10, 12]


def test_02_days_of_few_hours_fall(case):
    "The 3rd and the 5th of January; by format name midnight ends the day before."
    panel, report = ingest(case(2), "embassy.csv")
    assert not {"2020-01-03", "2020-01-05"} & set(pm25(panel)) and report.dropped["fewer than 18 hours"] == 6


def test_03_days_at_local_midnight_stay(case):
    "Refused as days in UTC; as local days they are those that are written."
    with pytest.raises(ValueError, match=r"midnights of \+01:00, so these are local days; say day_basis"):
        ingest(case(3), "eea.csv")
    with pytest.raises(ValueError, match=r"midnights of \+03:00, so these are local days"):
        ingest(case(3), "tz.parquet", "m_tz.toml")
    local = {"pm25_origin": "sensor", "statistic": "mean", "day_basis": "local"}
    days = list(pm25(ingest(case(3), "eea.csv", panel=local)[0]))
    assert days == ["2021-01-12", "2021-01-13", "2021-01-14"]


def test_04_daily_and_hourly_and_invalid_rows_do_not_mix(case):
    "Refused; 10 and 12 by a filter, and nothing on the 14th."
    with pytest.raises(ValueError, match=r"'AveragingTime' \(day, hour\)"):
        ingest(case(4), "eea.csv")
    panel, _ = ingest(case(4), "eea.csv", where={"AveragingTime": "day", "Validity": [1, 2, 3]})
    assert pm25(panel) == {"2021-01-12": 10, "2021-01-13": 12}


@pytest.mark.parametrize("mapping", ["m.toml", "m_blank.toml"])
def test_05_blanks_in_a_header_and_the_ceiling_of_an_index(case, mapping):
    "999 is no value; the indices of other pollutants are left out."
    panel, report = ingest(case(5), "city.csv", mapping)
    assert panel["aqi"].max() < 500 and report.dropped["AQI at the ceiling of 999"] == 2
    assert not feature_columns(panel)


def test_06_one_word_does_not_take_an_input_away(case):
    "Counted; quoted commas and a header in the middle do no harm either."
    panel, report = ingest(case(6), "t.csv")
    assert "traffic" in feature_columns(panel) and report.emptied["traffic is not a number"] == 1
    assert feature_columns(ingest(case(6), "quoted.csv", "m_csv.toml")[0]) == ["aod, terra"]
    assert feature_columns(ingest(case(6), "repeat2.csv", "m_csv.toml")[0]) == ["ndvi"]


def test_07_fill_values_of_own_columns(case):
    "-9999 in two rows."
    panel, report = ingest(case(7), "t.csv")
    assert report.emptied["ndvi of -9999"] == 2 and panel["ndvi"].min() > -1


def test_08_a_city_has_the_mean_of_its_monitors(case):
    "40 of three; with the nearest alone the others are said not to be used."
    features = ingest(case(8), "f.csv", "f.toml")[0]
    monitors = ingest(case(8), "m.csv")[0]
    panel, report = join(features, monitors)
    assert panel["pm25"].dropna().unique().tolist() == [40] and report.monitors_used == 3
    panel, report = join(features, monitors, several="nearest")
    assert panel["pm25"].dropna().unique().tolist() == [20]
    assert any("2 monitors within 5 km not used" in note for note in report.notes)


def test_09_numbers_of_rows_and_hours_are_no_inputs(case):
    "They are named; four hours are no day; other readings of the monitor are pointed at."
    panel, report = ingest(case(9), "prsa.csv", "p.toml")
    assert not {"No", "hour"} & set(feature_columns(panel))
    assert panel["pm25"].notna().tolist() == [True, False]
    assert any("No (a number of the row)" in note for note in report.notes)
    assert any(note.startswith("PM10, SO2") for note in report.notes)


@pytest.mark.parametrize("name", ["v1.csv", "v2.csv", "v2.json"])
def test_10_older_files_of_openaq(case, name):
    "Their times are found; a value in ppm and -999 are counted; one hour is no day unless it is asked for."
    with pytest.raises(ValueError, match="1 fewer than 18 hours"):
        read_table(case(10) / name, "openaq")
    assert read_table(case(10) / name, "openaq", min_hours=1)[0]["pm25"].tolist() == [20]


def test_11_hours_of_open_meteo(case):
    "Two hours are no day; with enough of them asked for, they are averaged."
    with pytest.raises(ValueError, match="2 fewer than 18 hours"):
        read_table(case(11) / "omh.csv", "open-meteo")
    panel, report = read_table(case(11) / "omh.csv", "open-meteo", min_hours=2)
    assert panel["pm25"].tolist() == [21] and report.day_basis == "local"


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        ("UG/M3", "µg/m³", 1),
        ("ug.m-3", "µg/m³", 1),
        ("Micrograms/cubic meter (LC)", "µg/m³", 1),
        ("µg/m^3", "µg/m³", 1),
        ("µgm⁻³", "µg/m³", 1),
        ("micrograms per cubic meter", "µg/m³", 1),
        ("μg m-3", "µg/m³", 1),
        ("kg m**-3", "µg/m³", 1e9),
        ("kg/m^3", "µg/m³", 1e9),
        ("m s**-1", "m/s", 1),
        ("knots", "m/s", 1852 / 3600),
        ("mph", "m/s", 0.44704),
        ("inHg", "hPa", 33.86389),
        ("kPa", "hPa", 10),
    ],
)
def test_12_units_as_they_are_printed(text, unit, factor):
    "One of each, in the unit of panels."
    assert float(convert(1.0, text, unit)) == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize("text", ["deg C", "Celsius", "°C"])
def test_12_degrees(text):
    "And Fahrenheit: 212 °F are 100 °C."
    assert unit_name(text) == "°C" and float(convert(212, "°F", text)) == pytest.approx(100)


def test_13_lines_above_the_header(case):
    "Skipped and said; a separator named in the first line, and one too many at the end of rows."
    folder = case(13)
    for name, n_rows in [("stateair.csv", 2), ("stateair2.csv", 1)]:
        _, report = read_table(folder / name, mapping=folder / "s.toml", min_hours=1)
        assert report.read == n_rows and any("above the header were skipped" in note for note in report.notes)
    mapping = case(6) / "m_csv.toml"
    assert read_table(folder / "sep.csv", mapping=mapping)[1].kept == 1
    assert read_table(folder / "trail.csv", mapping=mapping)[1].kept == 2


def test_14_days_written_day_first(case):
    "Refused with the way to say it; read as the mapping says it."
    folder = case(14)
    with pytest.raises(ValueError, match='format = "%d-%m-%Y %H:%M"'):
        ingest(folder, "cpcb.csv", "cp.toml")
    content = tomllib.loads((folder / "cp.toml").read_text())
    content["columns"]["date"] = {"from": "From Date", "format": "%d-%m-%Y %H:%M"}
    panel, _ = read_table(folder / "cpcb.csv", mapping=content, min_hours=1)
    assert pm25(panel) == {"2020-01-01": 88}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Côte d’Ivoire", "CIV"),
        ("Palestine", "PSE"),
        ("Guinea Bissau", "GNB"),
        ("Tanzania, United Republic of", "TZA"),
        ("Iran (Islamic Republic of)", "IRN"),
        ("Bolivia (Plurinational State of)", "BOL"),
        ("Republic of Congo", "COG"),
        ("Libyan Arab Jamahiriya", "LBY"),
        ("Macau", "MAC"),
    ],
)
def test_15_countries_of_un_tables(name, code):
    "As the UN and the WHO write them."
    assert country_code(name) == code


def compare(table, out, *options):
    "What a comparison prints."
    few = ["--target", "y", "--folds", "2", "--repeats", "1", "--rows", "none", "--ending", "raw"]
    few += ["--models", "logistic", "--out", str(out)]
    done = CliRunner().invoke(imbalance, ["compare", str(table), *few, *options])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_16_groups_that_group_nothing(case, tmp_path):
    "Noted; a header with blanks has its target, which one row lacks."
    assert "Every row of 'rid' is a group of its own" in compare(
        case(16) / "base.csv", tmp_path / "o", "--group", "rid"
    )
    with pytest.raises(ValueError, match="1 of 400 rows have no value in 'y'"):
        read_labelled(case(16) / "lead.csv", target="y")


def test_17_one_monitor_under_two_names(case):
    "Named, and made one by choice."
    _, report = read_table(case(17) / "dup.csv", "openaq")
    assert any("2 sites stand at the same position" in note for note in report.notes)


def test_18_the_target_under_another_name(case):
    "NowCast, the index, and the parts of the date."
    panel, report = ingest(case(18), "embassy.csv")
    assert not feature_columns(panel)
    assert any("NowCast Conc." in note and "looks like a reading" in note for note in report.notes)


def test_19_a_row_number_is_no_feature(case):
    "With and without the index, the same features, and the note on equal rows."
    plain, numbered = (read_labelled(case(19) / f"dups{end}.csv", target="y") for end in ("", "_index"))
    pd.testing.assert_frame_equal(plain.X, numbered.X)
    assert any("a number of the row" in note for note in numbered.notes)


def test_the_embassy_by_format_name(case):
    "No mapping is written: hours marked by their end, invalid ones dropped."
    assert "airnow" in SHIPPED
    places = pd.DataFrame(
        {"Site": ["Freetown"], "latitude": [8.48], "longitude": [-13.23], "country": ["SLE"]}
    )
    panel, _ = read_table(case(2) / "embassy.csv", "airnow", stations=places)
    assert "2020-01-05" not in pm25(panel)
