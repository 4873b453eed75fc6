"""OpenAQ's answers, archive and exports, in small."""

import json

import numpy as np
import pandas as pd
import pytest

from airq.panel import panel_metadata
from airq.sources.openaq import read_openaq

POSITION = {"latitude": 0.32, "longitude": 32.58}

LOCATIONS = {
    "meta": {"found": 1},
    "results": [
        {
            "id": 77,
            "name": "Embassy",
            "locality": "Kampala",
            "country": {"id": 1, "code": "UG", "name": "Uganda"},
            "sensors": [
                {"id": 501, "name": "pm25 µg/m³", "parameter": {"id": 2, "name": "pm25"}},
                {"id": 502, "name": "pm25 µg/m³", "parameter": {"id": 2, "name": "pm25"}},
            ],
            "coordinates": POSITION,
        }
    ],
}


def measured(
    value, day="2024-01-01", *, coordinates=POSITION, parameter="pm25", units="µg/m³", complete=100.0
):
    return {
        "value": value,
        "flagInfo": {"hasFlags": False},
        "parameter": {"id": 2, "name": parameter, "units": units, "displayName": "PM2.5"},
        "period": {
            "label": "1day",
            "interval": "24:00:00",
            "datetimeFrom": {"utc": f"{day}T21:00:00Z", "local": f"{day}T00:00:00+03:00"},
            "datetimeTo": {"utc": f"{day}T21:00:00Z", "local": f"{day}T23:59:59+03:00"},
        },
        "coordinates": coordinates,
        "summary": {"min": 1.0, "max": 90.0},
        "coverage": {"expectedCount": 24, "observedCount": 24, "percentComplete": complete},
    }


@pytest.fixture
def write(tmp_path):
    def write_json(content, name="days.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content, ensure_ascii=False))
        return path

    return write_json


@pytest.fixture
def archive(tmp_path):
    def write_csv(rows, name="location-77-20240101.csv.gz"):
        columns = [
            "location_id",
            "sensors_id",
            "location",
            "datetime",
            "lat",
            "lon",
            "parameter",
            "units",
            "value",
        ]
        path = tmp_path / name
        pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
        return path

    return write_csv


def hours(number, value, *, sensor=501, first="2024-01-01T01:00:00"):
    times = pd.date_range(first, periods=number, freq="h").strftime("%Y-%m-%dT%H:%M:%S+03:00")
    return [[77, sensor, "Embassy-77", time, 0.32, 32.58, "pm25", "µg/m³", value] for time in times]


def test_daily_answers_become_local_days(write):
    "The day is the local date at which the period begins, not the UTC one."
    panel = read_openaq([write({"results": [measured(20.0), measured(30.0, "2024-01-02")]})]).panel
    assert panel["date"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-01", "2024-01-02"]
    assert panel["pm25"].tolist() == [20, 30]
    assert panel_metadata(panel).day_basis == "local"
    assert panel["city"].iloc[0] == "Kampala"


def test_an_answer_without_positions_takes_them_from_the_locations(write):
    "The file's name tells the sensor; two sensors of one location and day average to 25."
    files = [
        write({"results": [measured(20.0, coordinates=None)]}, "sensor-501.json"),
        write({"results": [measured(30.0, coordinates=None)]}, "sensor-502.json"),
        write(LOCATIONS, "locations.json"),
    ]
    found = read_openaq(files)
    assert found.panel[["site_id", "pm25"]].iloc[0].tolist() == ["openaq-77", 25.0]
    assert found.panel["country"].iloc[0] == "UGA"
    assert (found.tally.read, found.tally.merged) == (2, 1)


def test_without_any_position_nothing_is_left(write):
    "The count says why."
    with pytest.raises(ValueError, match="1 missing coordinates"):
        read_openaq([write({"results": [measured(20.0, coordinates=None)]})])


def test_bad_days_are_dropped_by_reason(write):
    "Negative, at a ceiling, zero, of too few hours, of another pollutant."
    content = [
        measured(20.0),
        measured(-3.0, "2024-01-02"),
        measured(985.0, "2024-01-03"),
        measured(0.0, "2024-01-04"),
        measured(20.0, "2024-01-05", complete=50.0),
        measured(20.0, "2024-01-06", parameter="pm10"),
    ]
    found = read_openaq([write({"results": content})])
    assert len(found.panel) == 1
    assert found.tally.dropped == {
        "other parameter": 1,
        "negative PM2.5": 1,
        "PM2.5 at a sensor's ceiling": 1,
        "fewer than 18 hours": 1,
        "PM2.5 of zero": 1,
    }


def test_a_volume_fraction_is_refused(write):
    "ppm of a gas cannot be µg/m³ of particles."
    with pytest.raises(ValueError, match="days.json: PM2.5 must be in µg/m³.*ppm"):
        read_openaq([write({"results": [measured(20.0, units="ppm")]})])


def test_milligrams_are_converted(write):
    "0.02 mg/m³ are 20 µg/m³."
    panel = read_openaq([write({"results": [measured(0.02, units="mg/m³")]})]).panel
    assert panel["pm25"].iloc[0] == pytest.approx(20)


def test_hours_become_a_day_that_ends_at_midnight(archive):
    "OpenAQ marks an hour by its end: 01:00 to 00:00 are one day, the last mark bearing the next date."
    found = read_openaq([archive(hours(23, 10.0) + hours(1, 34.0, first="2024-01-02T00:00:00"))])
    assert found.panel["date"].tolist() == [pd.Timestamp("2024-01-01")]
    assert found.panel["pm25"].iloc[0] == pytest.approx((23 * 10 + 34) / 24)
    assert (found.tally.read, found.tally.merged) == (24, 23)


def test_a_day_of_17_hours_is_dropped(archive):
    "18 of 24 make a day."
    rows = hours(18, 10.0) + hours(17, 10.0, first="2024-01-02T01:00:00")
    found = read_openaq([archive(rows)])
    assert len(found.panel) == 1
    assert found.tally.dropped == {"fewer than 18 hours": 17}


def test_minutes_count_once_an_hour(archive):
    "An hour of 60 values weighs as much as an hour of one: 23 hours of 10 and one of 34 give 11."
    minutes = pd.date_range("2024-01-01T23:01:00", periods=60, freq="min").strftime("%Y-%m-%dT%H:%M:%S+03:00")
    rows = hours(23, 10.0) + [[77, 501, "E", time, 0.32, 32.58, "pm25", "µg/m³", 34.0] for time in minutes]
    panel = read_openaq([archive(rows)]).panel
    assert panel["pm25"].iloc[0] == pytest.approx(11)


def test_one_value_a_day_is_a_daily_value(tmp_path):
    "The website's export of days has one row each; local time counts."
    path = tmp_path / "openaq_location_77.csv"
    path.write_text(
        "location_id,location_name,parameter,value,unit,datetimeUtc,datetimeLocal,latitude,longitude,country_iso\n"
        "77,Embassy,pm25,20,µg/m³,2023-12-31T21:00:00Z,2024-01-01T00:00:00+03:00,0.32,32.58,UG\n"
        "77,Embassy,pm25,30,µg/m³,2024-01-01T21:00:00Z,2024-01-02T00:00:00+03:00,0.32,32.58,UG\n",
        encoding="utf-8",
    )
    panel = read_openaq([path]).panel
    assert panel["date"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-01", "2024-01-02"]
    assert panel["site_id"].unique().tolist() == ["openaq-77"]


def test_local_and_utc_days_do_not_mix(write, tmp_path):
    "One file tells local time, the other UTC only."
    path = tmp_path / "utc.csv"
    path.write_text(
        "datetimeUtc,parameter,unit,value,lat,lon\n2024-01-01T00:00:00Z,pm25,ug/m3,20,0.32,32.58\n"
    )
    assert panel_metadata(read_openaq([path]).panel).day_basis == "utc"
    with pytest.raises(ValueError, match="ingest them apart"):
        read_openaq([path, write({"results": [measured(20.0)]})])


def test_a_location_that_moves_is_left_out(archive):
    "0.1 degrees of latitude are 11 km: no place of one name."
    rows = hours(24, 10.0) + [
        [78, 601, "Bus", f"2024-01-0{day}T00:00:00+03:00", 0.32 + day / 10, 32.58, "pm25", "µg/m³", 10.0]
        for day in (2, 3)
    ]
    rows += [
        [78, 601, "Bus", f"2024-01-03T0{h}:00:00+03:00", 0.9, 32.58, "pm25", "µg/m³", 10.0]
        for h in range(1, 10)
    ]
    rows += [
        [78, 601, "Bus", f"2024-01-03T{h}:00:00+03:00", 0.7, 32.58, "pm25", "µg/m³", 10.0]
        for h in range(10, 24)
    ]
    rows += [
        [78, 601, "Bus", f"2024-01-04T{h:02d}:00:00+03:00", 0.5, 32.58, "pm25", "µg/m³", 9.0]
        for h in range(1, 24)
    ]
    found = read_openaq([archive(rows)])
    assert found.panel["site_id"].unique().tolist() == ["openaq-77"]
    assert "of a location that moves" in found.tally.dropped


@pytest.mark.parametrize(
    "content", [{"detail": "Invalid key"}, {"results": []}, [1, 2], {"results": [{"id": 1}]}]
)
def test_answers_without_measurements_are_refused(write, content):
    "An error message of the API, an empty page, anything else."
    with pytest.raises(ValueError, match="days.json has n"):
        read_openaq([write(content)])


def test_locations_alone_are_refused(write):
    "They tell where, not how much."
    with pytest.raises(ValueError, match="no measurements"):
        read_openaq([write(LOCATIONS)])


def test_pages_of_an_answer_may_stand_in_one_file(write):
    "A list of answers is read as one."
    pages = [{"results": [measured(20.0)]}, {"results": [measured(30.0, "2024-01-02")]}]
    panel = read_openaq([write(pages)]).panel
    assert np.allclose(panel["pm25"], [20, 30])


def test_a_column_that_is_missing_is_named(tmp_path):
    "Without units nothing is guessed."
    path = tmp_path / "a.csv"
    path.write_text("datetime,parameter,value,lat,lon\n2024-01-01,pm25,20,0.32,32.58\n")
    with pytest.raises(ValueError, match="no column 'units'"):
        read_openaq([path])


def test_a_file_of_other_pollutants_adds_nothing(write):
    "It is counted; alone it leaves nothing."
    other = write({"results": [measured(20.0, parameter="pm10")]}, "other.json")
    found = read_openaq([write({"results": [measured(20.0)]}), other])
    assert (len(found.panel), found.tally.dropped) == (1, {"other parameter": 1})
    with pytest.raises(ValueError, match="1 other parameter"):
        read_openaq([other])


def one_a_day(tmp_path, clock, more="", tail=""):
    "File of version 2 with one row on each of five days."
    path = tmp_path / "measurements.csv"
    rows = [
        f"77,Embassy,2024-01-0{day}T{clock}+03:00,pm25,µg/m³,20,0.32,32.58,UG{tail}\n" for day in range(1, 6)
    ]
    head = f"locationId,location,local,parameter,unit,value,latitude,longitude,country{more}\n"
    path.write_text(head + "".join(rows), encoding="utf-8")
    return [path]


def test_one_hour_a_day_is_no_daily_value(tmp_path):
    "13:00 of five days: one hour of each, and 18 make a day."
    with pytest.raises(ValueError, match="5 fewer than 18 hours"):
        read_openaq(one_a_day(tmp_path, "13:00:00"))
    assert len(read_openaq(one_a_day(tmp_path, "00:00:00")).panel) == 5


def test_a_told_interval_of_a_day_makes_daily_values(tmp_path):
    "Whatever the time of day is."
    files = one_a_day(tmp_path, "13:00:00", ",averagingPeriod.value,averagingPeriod.unit", ",1,days")
    assert len(read_openaq(files).panel) == 5


def test_files_saved_from_older_versions(tmp_path):
    "Times in two columns, the length of the period in two more; 17 hours are no day, 18 are one."
    header = "location,value,unit,parameter,country,date_utc,date_local,latitude,longitude"
    header += ",averagingPeriodValue,averagingPeriodUnit"
    rows = [
        f"Post,{hour},µg/m³,pm25,UG,2021-08-16T{hour:02}:00:00.000Z,2021-08-16T{hour + 3:02}:00:00+03:00"
        ",0.5,32.2,1,hours"
        for hour in range(18)
    ]
    path = tmp_path / "v1.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    found = read_openaq([path])
    assert found.panel["pm25"].tolist() == [8.5] and found.panel.attrs["airq"]["day_basis"] == "local"
    path.write_text("\n".join([header, *rows[1:]]) + "\n")
    with pytest.raises(ValueError, match="17 fewer than 18 hours"):
        read_openaq([path])


def test_a_value_in_another_unit_is_counted(tmp_path):
    "One of two rows is a volume fraction."
    rows = [
        "Post,20,µg/m³,pm25,UG,2021-08-16T00:00:00Z,0.5,32.2",
        "Post,1,ppm,pm25,UG,2021-08-17T00:00:00Z,0.5,32.2",
    ]
    path = tmp_path / "days.csv"
    path.write_text("\n".join(["location,value,unit,parameter,country,utc,latitude,longitude", *rows]) + "\n")
    found = read_openaq([path])
    assert found.panel["pm25"].tolist() == [20] and found.tally.dropped == {"PM2.5 in another unit": 1}
