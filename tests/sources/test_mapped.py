"""Tables as archives write them: what a row means decides what becomes of it."""

import copy
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings

from airq.panel import PanelMetadata, label_panel, panel_metadata
from airq.workflows.ingest import read_table
from airq.workflows.join import join

MAPPING = {
    "panel": {"pm25_origin": "sensor", "day_basis": "local", "statistic": "mean"},
    "columns": {
        "site_id": "station",
        "date": "when",
        "latitude": {"value": 0.31},
        "longitude": {"value": 32.58},
        "country": {"value": "UGA"},
        "pm25": {"from": "value", "unit": "µg/m³"},
    },
}


def mapped(table, *, columns=None, panel=None, stations=None, min_hours=18, **keys):
    """Panel and report of a table; a text is CSV."""
    mapping = copy.deepcopy(MAPPING) | keys
    mapping["columns"] |= columns or {}
    mapping["columns"] = {name: source for name, source in mapping["columns"].items() if source is not None}
    mapping["panel"] |= panel or {}
    return read_table(table, mapping=mapping, stations=stations, min_hours=min_hours)


def day_values(panel):
    """PM2.5 by day of the month."""
    return dict(zip(panel["date"].dt.day, panel["pm25"].tolist(), strict=True))


def readings(values, start="2020-01-01", station="a", **columns):
    """A table of hours."""
    when = pd.date_range(start, periods=len(values), freq="h").strftime("%Y-%m-%d %H:%M")
    return pd.DataFrame({"station": station, "when": when, "value": values, **columns})


LONG = pd.DataFrame(
    {
        "station": "a",
        "when": ["2020-01-01", "2020-01-01", "2020-01-01", "2020-01-02"],
        "parameter": ["pm25", "pm10", "no2", "pm25"],
        "unit": ["µg/m³", "µg/m³", "ppb", "µg/m³"],
        "value": [10.0, 60.0, 30.0, 12.0],
    }
)


# -- rows that mean different things


def test_rows_of_several_pollutants_are_not_averaged():
    "The columns and their values are named."
    with pytest.raises(ValueError, match=r"'parameter' \(no2, pm10, pm25\) and 'unit'.*where = .*pm25"):
        mapped(LONG)


def test_where_chooses_rows():
    "Of the four rows those of PM2.5; capitals do not matter."
    panel, report = mapped(LONG, where={"parameter": "PM25"})
    assert day_values(panel) == {1: 10, 2: 12}
    assert report.dropped == {"of another parameter": 2}


def test_over_allows_a_mean():
    "Two sensors of one station, 10 and 20."
    table = LONG[:2].assign(parameter=["s1", "s2"], unit="µg/m³", value=[10.0, 20.0])
    assert day_values(mapped(table, over=["parameter"])[0]) == {1: 15}


def test_where_without_any_row_names_what_is_there():
    "A misspelt value."
    with pytest.raises(ValueError, match=r"no row has parameter = pm2\.5; it has pm25, pm10, no2"):
        mapped(LONG, where={"parameter": "pm2.5"})


def test_daily_and_hourly_rows_do_not_mix():
    "One daily value of 10 beside hours of 90; chosen, it stands alone."
    table = readings([90.0] * 24, averaging="hour")
    daily = pd.DataFrame(
        {"station": ["a"], "when": ["2020-01-01 00:00"], "value": [10.0], "averaging": "day"}
    )
    table = pd.concat([table, daily], ignore_index=True)
    with pytest.raises(ValueError, match=r"'averaging' \(day, hour\)"):
        mapped(table)
    assert day_values(mapped(table, where={"averaging": "day"})[0]) == {1: 10}
    assert day_values(mapped(table, where={"averaging": "hour"})[0]) == {1: 90}


def test_valid_and_invalid_rows_do_not_mix():
    "Whole numbers are compared as numbers."
    table = readings([10.0] * 24, Validity=[1] * 20 + [-1] * 4)
    with pytest.raises(ValueError, match=r"'Validity' \(-1, 1\)"):
        mapped(table)
    panel, report = mapped(table, where={"Validity": [1, 2, 3]})
    assert panel["n_hours"].tolist() == [20] and report.dropped == {"of another Validity": 4}


def test_words_that_change_with_the_hours_do_not_matter():
    "A day of two categories of air is a day."
    table = readings([10.0] * 12 + [60.0] * 12, category=["Good"] * 12 + ["Moderate"] * 12)
    assert day_values(mapped(table)[0]) == {1: 35}


def test_rows_without_a_value_are_not_asked():
    "Marked as missing, with a value that says so, too."
    table = readings([10.0] * 20 + [-999.0] * 4, QC=["Valid"] * 20 + ["Missing"] * 4)
    panel, _ = mapped(table)
    assert day_values(panel) == {1: 10}


def test_codes_of_validity_are_named():
    "Days of different marks: not mixed, and not known to be good."
    table = pd.DataFrame(
        {"station": "a", "when": ["2020-01-01", "2020-01-02"], "value": [10.0, 300.0], "flag": ["V", "I"]}
    )
    assert any("column 'flag' has I, V" in note for note in mapped(table)[1].notes)


# -- hours


def test_a_day_of_one_hour_is_no_day():
    "25 hours: the second day has one."
    panel, report = mapped(readings(np.arange(25.0)))
    assert day_values(panel) == {1: 11.5}
    assert report.dropped == {"fewer than 18 hours": 1}


def test_times_that_end_hours():
    "01:00 of the first to 00:00 of the second are the first day."
    table = readings(np.arange(24.0), start="2020-01-01 01:00")
    assert day_values(mapped(table, panel={"marks": "end"})[0]) == {1: 11.5}


def test_the_hour_may_stand_in_a_column_of_its_own():
    "Recognised and said; the date alone would make a mean of whatever hours there are."
    table = readings(np.arange(24.0)).assign(when="2020-01-01", hour=range(24))
    panel, report = mapped(table)
    assert panel["n_hours"].tolist() == [24]
    assert "the hour of a row is in column 'hour'" in report.notes


def test_a_column_says_that_rows_are_hours():
    "One midnight a day, of an hour each."
    table = LONG.iloc[[0, 3]].assign(Duration="1 Hr")
    with pytest.raises(ValueError, match="2 fewer than 18 hours"):
        mapped(table)


def test_wind_from_speed_and_direction():
    "2 m/s from the west is 2 m/s towards the east, hour by hour; the compass may say it."
    table = readings([10.0] * 24, ws=2.0, wd=["W"] * 12 + ["270"] * 12)
    panel, _ = mapped(table, columns={"wind": {"speed": "ws", "direction": "wd", "unit": "m/s"}})
    assert panel["wind_u"].tolist() == pytest.approx([2]) and panel["wind_v"].tolist() == pytest.approx(
        [0], abs=1e-6
    )


@pytest.fixture
def files(tmp_path):
    def write(*tables):
        paths = []
        for number, table in enumerate(tables):
            paths.append(tmp_path / f"{number}.csv")
            table.to_csv(paths[-1], index=False)
        return paths

    return write


@pytest.mark.parametrize("first", [0, 1])
def test_files_apart_or_together_give_the_same_panel(files, first):
    "A file of days and one of hours, in either order."
    daily = pd.DataFrame({"station": "b", "when": ["2020-01-01", "2020-01-02"], "value": [1.0, 2.0]})
    paths = files(daily, readings(np.arange(48.0)))
    together = mapped([paths[first], paths[1 - first]])[0]
    apart = pd.concat([mapped(path)[0] for path in paths]).sort_values(["site_id", "date"], ignore_index=True)
    columns = ["site_id", "date", "pm25", "n_hours"]
    pd.testing.assert_frame_equal(together[columns], apart[columns], check_like=True)


def test_a_site_with_days_and_hours_is_refused(files):
    "One day, told twice."
    daily = pd.DataFrame({"station": ["a"], "when": ["2020-01-01"], "value": [1.0]})
    with pytest.raises(ValueError, match="site a has both a daily value and hourly ones on 2020-01-01"):
        mapped(files(daily, readings(np.arange(24.0))))


# -- names, dates, places


def test_a_name_of_several_columns(files):
    "State, county and number, with their leading zeros."
    (path,) = files(pd.DataFrame({"state": ["06"], "site": ["0007"], "when": ["2020-01-01"], "value": [5.0]}))
    panel, _ = mapped(path, columns={"site_id": {"from": ["state", "site"]}})
    assert panel["site_id"].tolist() == ["06-0007"]


def test_a_date_with_a_format():
    "Days first."
    table = LONG[:1].assign(when="02-01-2020")
    panel, _ = mapped(table, columns={"date": {"from": "when", "format": "%d-%m-%Y"}})
    assert panel["date"].tolist() == [pd.Timestamp("2020-01-02")]


STATIONS = pd.DataFrame(
    {"code": ["a", "b"], "lat": [0.31, 0.35], "lon": [32.58, 32.60], "name": ["Kampala", "Bweyogerere"]}
)


def test_stations_give_positions_and_names():
    "By whichever column of theirs holds the identifiers; a station that is not there is counted."
    table = pd.DataFrame({"station": ["a", "b", "c"], "when": "2020-01-01", "value": [1.0, 2.0, 3.0]})
    columns = {"latitude": "lat", "longitude": "lon", "city": "name"}
    panel, report = mapped(table, columns=columns, stations=STATIONS)
    assert panel[["latitude", "city"]].to_numpy().tolist() == [[0.31, "Kampala"], [0.35, "Bweyogerere"]]
    assert report.dropped == {"of a station that is not in The stations table": 1}


def test_a_station_that_stands_twice_is_refused():
    "Two positions for one name."
    columns = {"latitude": "lat", "longitude": "lon"}
    with pytest.raises(ValueError, match="The stations table"):
        mapped(LONG[:1], columns=columns, stations=STATIONS.assign(code=["a", "a"]))


def test_a_city_has_its_position_from_the_city_table():
    "No coordinates, but a name that is known."
    columns = {"site_id": None, "latitude": None, "longitude": None, "city": {"value": "Jinja"}}
    panel, _ = mapped(LONG[:1], columns=columns)
    assert panel["latitude"].iloc[0] == pytest.approx(0.44, abs=0.05)


# -- columns that stay under their own names


def test_one_word_does_not_make_a_column_text():
    "It is counted, and the column stays an input."
    table = pd.DataFrame(
        {
            "station": "a",
            "when": [f"2020-01-0{day}" for day in (1, 2, 3)],
            "value": 5.0,
            "traffic": ["1", "-", "3"],
        }
    )
    panel, report = mapped(table)
    assert report.emptied == {"traffic is not a number": 1}
    assert report.inputs == {"traffic": ("traffic",)} and panel["traffic"].tolist()[0] == 1


def test_fill_values_of_own_columns_are_missing():
    "-9999 lies far from 0.1 and 0.2; a temperature of -20 does not lie far from 15."
    table = pd.DataFrame(
        {
            "station": "a",
            "when": [f"2020-01-0{day}" for day in (1, 2, 3)],
            "value": 5.0,
            "ndvi": [0.1, -9999, 0.2],
            "frost": [-20.0, 15.0, 3.0],
        }
    )
    panel, report = mapped(table)
    assert report.emptied == {"ndvi of -9999": 1} and panel["frost"].notna().all()


def test_values_that_stand_for_none():
    "Numbers and words, in any column."
    table = LONG[:2].assign(
        parameter="pm25", unit="µg/m³", when=["2020-01-01", "2020-01-02"], value=["None", "7"]
    )
    panel, report = mapped(table.assign(ndvi=[-1, 2]), missing=[-1, "None"])
    assert day_values(panel)[2] == 7
    assert report.emptied == {"value marked as missing": 1, "ndvi marked as missing": 1}


def test_what_is_asked_for_by_name_stays():
    "In the panel and for whoever learns from it."
    table = pd.DataFrame({"station": "a", "when": ["2020-01-01"], "value": [5.0], "pm25_raw": [9.0]})
    assert "pm25_raw" not in mapped(table)[0]
    panel, _ = mapped(table, keep=["pm25_raw"])
    assert panel["pm25_raw"].tolist() == [9] and panel_metadata(panel).kept == ("pm25_raw",)


def test_numbers_of_rows_and_parts_of_the_date_are_left_out():
    "They are named with the reason."
    table = readings(np.arange(24.0), No=range(1, 25), Month=1)
    panel, report = mapped(table)
    assert not report.inputs
    assert "left out: No (a number of the row); Month (a part of the date)" in report.notes


def test_an_index_leaves_out_the_indices_of_others():
    "Ozone beside it is in points, too."
    table = pd.DataFrame({"station": "a", "when": ["2020-01-01"], "value": [50.0], "o3": [40.0]})
    columns = {"pm25": {"from": "value", "unit": "aqi-us-2012"}}
    panel, report = mapped(table, columns=columns, panel={"pm25_origin": "index"})
    assert "o3" not in panel and panel["pm25"].tolist() == [12]


def test_the_ceiling_of_an_index_is_no_value():
    "999 is what archives write beyond it."
    table = pd.DataFrame({"station": "a", "when": ["2020-01-01", "2020-01-02"], "value": [50.0, 999.0]})
    columns = {"pm25": {"from": "value", "unit": "aqi-us-2012"}}
    report = mapped(table, columns=columns, panel={"pm25_origin": "index"})[1]
    assert report.dropped == {"AQI at the ceiling of 999": 1}


def test_an_infinite_number_is_refused_by_column_and_row():
    "1e300 is infinite as float32, which models compute with."
    table = pd.DataFrame({"station": "a", "when": ["2020-01-01"], "value": [5.0], "ratio": [1e300]})
    with pytest.raises(ValueError, match="Column 'ratio' is infinite.*site a on 2020-01-01"):
        mapped(table)


# -- places


def test_twins_are_named_and_merged_by_choice():
    "One monitor under two names at one position."
    table = pd.DataFrame(
        {
            "station": ["a", "b"] * 2,
            "when": ["2020-01-01"] * 2 + ["2020-01-02"] * 2,
            "value": [5.0, 5.0, 7.0, 7.0],
        }
    )
    panel, report = mapped(table)
    assert any("a, b" in note and "equal values" in note for note in report.notes)
    merged, _ = read_table(table, mapping=MAPPING, twins="merge")
    assert panel["site_id"].nunique() == 2 and day_values(merged) == {1: 5, 2: 7}


def test_sites_that_read_differently_are_no_twins():
    "Two monitors at one place."
    table = pd.DataFrame({"station": ["a", "b"], "when": "2020-01-01", "value": [5.0, 9.0]})
    assert read_table(table, mapping=MAPPING, twins="merge")[0]["site_id"].nunique() == 2


def test_a_city_is_the_mean_of_its_monitors():
    "10, 20 and 90 make 40, of three monitors."
    table = pd.DataFrame({"station": ["a", "b", "c"], "when": "2020-01-01", "value": [10.0, 20.0, 90.0]})
    mapping = copy.deepcopy(MAPPING)
    mapping["columns"]["city"] = {"value": "Kampala"}
    panel, _ = read_table(table, mapping=mapping, by="city")
    assert panel[["pm25", "n_monitors"]].to_numpy().tolist() == [[40, 3]]


def test_swapped_coordinates_are_named_or_refused():
    "One of three sites stands in Libya's desert; strict refuses it."
    table = pd.DataFrame(
        {
            "station": ["a", "b", "c"],
            "when": "2020-01-01",
            "value": 5.0,
            "lat": [0.31, 0.45, 32.58],
            "lon": [32.58, 33.2, 0.31],
        }
    )
    columns = {"latitude": "lat", "longitude": "lon"}
    report = mapped(table, columns=columns)[1]
    assert any(note.startswith("1 of 3 sites lies far") and "swapped?" in note for note in report.notes)
    mapping = copy.deepcopy(MAPPING)
    mapping["columns"] |= columns
    with pytest.raises(ValueError, match="1 of 3 sites lies far"):
        read_table(table, mapping=mapping, strict=True)


def test_rows_of_an_unknown_country_are_counted():
    "The rest is read."
    table = pd.DataFrame(
        {"station": ["a", "b"], "when": "2020-01-01", "value": 5.0, "nation": ["Uganda", "Atlantis"]}
    )
    assert mapped(table, columns={"country": "nation"})[1].dropped == {"of an unknown country": 1}


def test_codes_of_stations_keep_their_zeros(files, tmp_path):
    "Station 007 of both tables is one."
    (path,) = files(pd.DataFrame({"station": ["007"], "when": ["2020-01-01"], "value": [5.0]}))
    stations = tmp_path / "stations.csv"
    stations.write_text("code;lat;lon\n007;0.31;32.58\n")
    columns = {"latitude": "lat", "longitude": "lon"}
    assert mapped(path, columns=columns, stations=stations)[0]["site_id"].tolist() == ["007"]


def test_two_instruments_of_a_site_are_not_averaged_unasked():
    "Numbered 1 and 2."
    table = pd.DataFrame({"station": "a", "when": "2020-01-01", "value": [10.0, 20.0], "sensor_id": [1, 2]})
    with pytest.raises(ValueError, match=r"'sensor_id' \(1, 2\)"):
        mapped(table)


def test_fill_values_of_most_rows_are_missing():
    "Two of three days without a view of the ground: not a column in another unit."
    table = pd.DataFrame(
        {
            "station": "a",
            "when": [f"2020-01-0{day}" for day in (1, 2, 3)],
            "value": 5.0,
            "aod": [-9999, 0.2, -9999],
        }
    )
    panel, report = mapped(table, columns={"aod055": "aod"})
    assert panel["aod055"].notna().tolist() == [False, True, False]
    assert report.emptied == {"aod055 of -9999": 2}


def test_one_time_of_day_is_said():
    "Nine o'clock every day may be a daily value."
    table = pd.DataFrame({"station": "a", "when": ["2020-01-01 09:00", "2020-01-02 09:00"], "value": 5.0})
    panel, report = mapped(table)
    assert len(panel) == 2 and any("every time is 09:00" in note for note in report.notes)


# -- what overlaps, and what may not be averaged


def test_files_that_overlap_do_not_double_the_rain(files):
    "The second file repeats the day: 24 hours of 1 mm stay 24 mm."
    day = readings(np.ones(24), rain=1.0)
    panel, report = mapped(files(day, day))
    assert panel["rain"].tolist() == [24] and report.dropped == {"repeated": 24}


@pytest.mark.parametrize(("several", "value"), [("mean", 15), ("first", 10)])
def test_two_readings_of_one_hour(files, several, value):
    "10 and 20: their mean, or the first; or a refusal."
    paths = files(readings(np.full(24, 10.0)), readings(np.full(24, 20.0)))
    assert day_values(mapped(paths, several=several)[0]) == {1: value}
    with pytest.raises(ValueError, match="24 rows repeat a site and time"):
        mapped(paths, several="refuse")


def test_a_site_of_another_pollutant_is_no_monitor():
    "Each site has one parameter, so no day mixes them."
    table = pd.concat(
        [readings([5.0] * 24, parameter="pm25"), readings([30.0] * 24, station="b", parameter="no2")]
    )
    with pytest.raises(ValueError, match=r"'parameter' \(no2, pm25\)"):
        mapped(table.reset_index(drop=True))


def test_spellings_of_one_unit_are_one():
    "Two sites, two ways to write it."
    units = ["ug/m3", "µg/m³"]
    table = pd.DataFrame({"station": ["a", "b"], "when": "2020-01-01", "value": 5.0, "unit": units})
    assert len(mapped(table)[0]) == 2


def test_codes_of_many_values_are_codes():
    "Twelve parameters of a site and day."
    table = pd.DataFrame(
        {"station": "a", "when": "2020-01-01", "value": 5.0, "Parameter Code": range(88101, 88113)}
    )
    with pytest.raises(ValueError, match="'Parameter Code'"):
        mapped(table)


def test_one_bad_direction_is_one_missing_value():
    "990 beside north: the day's direction is that of the other hours."
    table = readings([5.0] * 24, wd=[350.0, 10.0] * 11 + [0.0, 990.0])
    panel, report = mapped(table)
    assert report.emptied == {"wd is no direction": 1}
    assert panel["wd"].iloc[0] % 360 == pytest.approx(0, abs=1e-3)


def test_calm_hours_count():
    "Half the day 4 m/s from the west, half of it calm without a direction: 2 m/s towards the east."
    table = readings([5.0] * 24, ws=[4.0] * 12 + [0.0] * 12, wd=["W"] * 12 + [None] * 12)
    panel, _ = mapped(table, columns={"wind": {"speed": "ws", "direction": "wd", "unit": "m/s"}})
    assert panel["wind_u"].tolist() == pytest.approx([2])


@pytest.mark.parametrize(
    ("when", "panel"),
    [
        (["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"], {"time_zone": "America/Lima"}),
        (["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"], {"time_zone": "America/Lima", "interval": "day"}),
        (["2020-01-01", "2020-01-02"], {"times": "utc", "time_zone": "America/Lima"}),
        (["2019-12-31T23:00:00Z", "2020-01-01T23:00:00Z"], {"time_zone": "Europe/Berlin"}),
    ],
)
def test_daily_values_stay_on_their_day(when, panel):
    "As it is written, or as the zone of the places has it."
    table = pd.DataFrame({"station": "a", "when": when, "value": [1.0, 2.0]})
    assert day_values(mapped(table, panel=panel)[0]) == {1: 1, 2: 2}


def test_local_days_are_no_days_in_utc():
    "Refused, as midnights with their offset are."
    table = pd.DataFrame({"station": "a", "when": ["2020-01-01"], "value": [1.0]})
    with pytest.raises(ValueError, match="are local, so they are no days in UTC"):
        mapped(table, panel={"day_basis": "utc", "times": "local", "time_zone": "Africa/Kampala"})


@pytest.mark.parametrize("name", ["Hour_LST", "hour", "time", "Start Hour"])
@pytest.mark.parametrize("scale", [1, 100])
def test_columns_with_the_hour(name, scale):
    "0 to 23, or 0 to 2300; an hour that is marked as missing elsewhere stays one."
    table = readings(np.arange(24.0)).assign(
        when="2020-01-01", **{name: [scale * hour for hour in range(24)]}
    )
    panel, report = mapped(table, missing=[100])
    assert panel["n_hours"].tolist() == [24] and not report.inputs


def test_many_rows_of_a_day_without_an_hour_are_said():
    "24 rows, whatever they are."
    table = readings(np.arange(24.0)).assign(when="2020-01-01")
    assert any("up to 24 rows stand for one site and day" in note for note in mapped(table)[1].notes)


def test_numbers_of_sites_are_not_values():
    "Site 999 stays, and site 1 is not called 1.0."
    table = pd.DataFrame({"station": [1, 999], "when": "2020-01-01", "value": [5.0, 999.0]})
    panel, _ = mapped(table, missing=[999])
    assert panel["site_id"].tolist() == ["1"]


def test_a_measurement_that_happens_to_be_consecutive_stays():
    "21, 22 and 23 degrees."
    table = pd.DataFrame(
        {"station": "a", "when": [f"2020-01-0{day}" for day in (1, 2, 3)], "value": 5.0, "temp": [21, 23, 22]}
    )
    assert mapped(table)[1].inputs


def test_a_file_without_any_row_to_choose_is_noted(files):
    "The other file is read."
    valid = pd.DataFrame({"station": "a", "when": ["2020-01-01"], "value": [5.0], "Validity": [1]})
    paths = files(valid, valid.assign(when="2020-01-02", Validity=-1))
    panel, report = mapped(paths, where={"Validity": [1, 2]})
    assert day_values(panel) == {1: 5} and any(
        "no row has Validity = 1 or 2" in note for note in report.notes
    )


def test_overpasses_of_a_satellite_are_days():
    "One a day, whenever it comes by."
    when = ["2020-01-01 10:32", "2020-01-02 11:01", "2020-01-03 10:40"]
    table = pd.DataFrame({"station": "a", "when": when, "aod": [0.1, 0.2, 0.3]})
    panel, report = mapped(table, columns={"pm25": None, "aod055": "aod"})
    assert len(panel) == 3 and any("taken for days" in note for note in report.notes)


def test_too_few_hours_say_what_to_do():
    "The interval, or fewer hours."
    with pytest.raises(ValueError, match='interval = "day".*--min-hours'):
        mapped(readings(np.ones(5)))


@pytest.mark.parametrize(
    ("columns", "panel", "words"),
    [
        ({"date": {"from": ["when", "when"]}}, {}, "date names the same column twice"),
        ({"date": {"from": "when", "format": "%Q"}}, {}, "a code that strptime does not know"),
        ({}, {"time_zone": "+99:00"}, "no time zone"),
    ],
)
def test_mappings_that_cannot_be_followed(columns, panel, words):
    "In one line."
    with pytest.raises(ValueError, match=words):
        mapped(LONG[:1], columns=columns, panel=panel)


def test_an_hour_that_the_clock_shows_twice_is_dropped():
    "Local time to days in UTC when summer time ends in Paris: which of the two it is cannot be told."
    table = readings(np.ones(96), start="2020-10-24")
    panel = {"day_basis": "utc", "times": "local", "time_zone": "Europe/Paris"}
    assert mapped(table, panel=panel)[1].dropped["ambiguous hour"] == 1


def test_times_of_other_columns_are_no_inputs(tmp_path):
    "A second time in Parquet."
    path = tmp_path / "t.parquet"
    LONG[:1].assign(unit="µg/m³", sent=pd.Timestamp("2020-01-01 05:00")).to_parquet(path)
    assert not mapped(path)[1].inputs


@pytest.mark.parametrize("basis", ["local", "utc"])
def test_a_time_zone_alone_does_not_tell_the_clock(basis):
    "Hours in UTC, or already local? Nothing is guessed."
    with pytest.raises(ValueError, match='whose clock the times show: times = "utc" or times = "local"'):
        mapped(readings(np.ones(24)), panel={"day_basis": basis, "time_zone": "Africa/Kampala"})


@pytest.mark.parametrize(("name", "basis"), [("valid_utc", "local"), ("DateTime (local)", "utc")])
def test_a_name_that_contradicts_the_days_is_asked(name, basis):
    "The column says one clock, the days are on the other."
    table = readings(np.ones(24)).rename(columns={"when": name})
    with pytest.raises(ValueError, match="says (utc|local), but the days are"):
        mapped(table, columns={"date": name}, panel={"day_basis": basis})


def test_the_clock_that_was_taken_is_said():
    "As the begin of the hours is."
    assert any("times = local, unless" in note for note in mapped(readings(np.ones(24)))[1].notes)


def test_where_that_chooses_nothing_says_what_there_is():
    "Also with stations, of which none is asked for."
    columns = {"latitude": "lat", "longitude": "lon"}
    with pytest.raises(ValueError, match=r"no row has parameter = PM2\.5; it has pm25"):
        mapped(LONG, where={"parameter": "PM2.5"}, columns=columns, stations=STATIONS)


def test_where_that_leaves_too_little_says_why():
    "Every row has less than the 75 that are asked for."
    table = LONG[:1].assign(complete=50)
    with pytest.raises(ValueError, match="none of 1 rows is left .1 with complete below 75"):
        mapped(table, where={"complete": {"min": 75}})


def test_a_column_that_chooses_rows_is_no_input():
    "One value is left of it."
    table = readings(np.ones(24), Validity=1)
    assert not mapped(table, where={"Validity": 1})[1].inputs


def test_validity_is_not_chosen_for_the_user():
    "Nobody but she knows whether 0 or 1 is good."
    with pytest.raises(ValueError, match=r'one site and day differ in .Validity. \(0, 1\).*"Validity" = …'):
        mapped(readings([1.0] * 24, Validity=[0, 1] * 12))


def test_a_format_that_many_dates_do_not_fit_is_refused():
    "Half of the days of a month are no months."
    when = [f"{day:02}/01/2020" for day in range(1, 25)]
    table = pd.DataFrame({"station": "a", "when": when, "value": 5.0})
    with pytest.raises(ValueError, match="12 of 24 cells of column 'when' do not fit the format"):
        mapped(table, columns={"date": {"from": "when", "format": "%m/%d/%Y"}})


def test_towns_of_stations_are_cities():
    "Two monitors of one town are averaged; sites without a town are said to be cities of their own."
    stations = STATIONS.assign(town="Kampala").drop(columns="name")
    table = pd.DataFrame({"station": ["a", "b"], "when": "2020-01-01", "value": [10.0, 20.0]})
    mapping = copy.deepcopy(MAPPING)
    mapping["columns"] = {name: mapping["columns"][name] for name in ("site_id", "date", "country", "pm25")}
    assert read_table(table, mapping=mapping, stations=stations, by="city")[0]["pm25"].tolist() == [15]
    report = read_table(table, mapping=mapping, stations=stations.drop(columns="town"), by="city")[1]
    assert "every site is a city of its own, as no column tells its city" in report.notes


# -- any table


ZONES = {"Z": 0, "+03:00": 180, "+05:30": 330, "-05:00": -300}
WRITTEN = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(0, 60 * 24 * 3), st.integers(1, 500), st.sampled_from([*ZONES])
    ),
    min_size=40,
    max_size=150,
)


def written(readings):
    """A table whose times stand in several zones."""
    start = pd.Timestamp("2020-02-28")
    rows = []
    for site, minute, value, zone in readings:
        when = start + pd.Timedelta(minutes=minute + ZONES[zone])
        rows.append((site, f"{when:%Y-%m-%d %H:%M}{zone}", value))
    return pd.DataFrame(rows, columns=["station", "when", "value"])


@pytest.mark.long
@settings(deadline=None, max_examples=12)
@given(WRITTEN, st.integers(1, 4), st.randoms())
def test_days_in_utc_equal_a_slow_reference_from_files_in_any_order(readings, min_hours, random):
    "Readings in four zones, shuffled over two files: the mean of hourly means of days in UTC."
    moments, slow = {}, {}
    for site, minute, value, _ in readings:
        moments.setdefault((site, minute), set()).add(value)
    for (site, minute), values in moments.items():
        mean = sum(values) / len(values)
        slow.setdefault((site, minute // 1440), {}).setdefault(minute // 60, []).append(mean)
    slow = {
        key: sum(sum(own) / len(own) for own in by_hour.values()) / len(by_hour)
        for key, by_hour in slow.items()
        if len(by_hour) >= min_hours
    }
    assume(slow)
    random.shuffle(readings)
    half = random.randint(1, len(readings) - 1)
    panel = {"day_basis": "utc", "interval": "hour"}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.csv" for number in range(2)]
        for path, part in zip(paths, (readings[:half], readings[half:]), strict=True):
            written(part).to_csv(path, index=False)
        found, _ = mapped(paths, panel=panel, min_hours=min_hours)
    day = (found["date"] - pd.Timestamp("2020-02-28")).dt.days
    keys = zip(found["site_id"], day, strict=True)
    assert dict(zip(keys, found["pm25"].astype(float), strict=True)) == pytest.approx(slow, rel=1e-6)


@pytest.mark.long
@settings(deadline=None, max_examples=12)
@given(WRITTEN)
def test_files_apart_or_together_join_alike(readings):
    "Monitors of one file, or of a file each, joined to the same inputs."
    table = written(readings)
    assume(table["station"].nunique() > 1)
    options = {"panel": {"day_basis": "utc", "interval": "hour"}, "min_hours": 1}
    together, _ = mapped(table, **options)
    apart = [mapped(own.reset_index(drop=True), **options)[0] for _, own in table.groupby("station")]
    inputs = label_panel(together.drop(columns=["pm25", "n_hours"]).assign(aod055=0.1), PanelMetadata())
    pd.testing.assert_frame_equal(join(inputs, together)[0], join(inputs, *apart)[0])
