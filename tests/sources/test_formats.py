"""Well-known layouts are read by the name of their format; stations and numbers here are made up."""

from decimal import Decimal

import pandas as pd
import pytest

from airq.panel import panel_metadata
from airq.sources.mapping import SHIPPED
from airq.sources.shipped import formats_of, shipped_mapping
from airq.workflows.ingest import read_table

LAKESIDE = pd.DataFrame(
    {"city": ["Lakeside"], "country": ["UGA"], "latitude": [0.3], "longitude": [32.6], "population": [1e5]}
)
STATIONS = pd.DataFrame(
    {"station": ["131075", "Lake Side"], "latitude": [0.3, 0.3], "longitude": [32.6, 32.6]}
)
WRONG = pd.DataFrame({"station": ["a"], "day": ["2020-01-01"], "lat": [0.3], "lon": [32.5], "fine": [10]})


@pytest.fixture
def ingest(tmp_path):
    def read_frame(format, frame, name="table.csv", *, above="", sep=",", **options):
        path = tmp_path / name
        path.write_text(above + frame.to_csv(index=False, sep=sep))
        return read_table([path], format, **options)

    return read_frame


def hours(first, form="%Y-%m-%d %H:%M", count=24):
    "Times an hour apart."
    return pd.date_range(first, periods=count, freq="h").strftime(form)


def days(panel, column="pm25"):
    "The days of a panel, and what they hold."
    return dict(zip(panel["date"].dt.strftime("%Y-%m-%d"), panel[column].round(3).tolist(), strict=True))


def airnow(first, form, column, values, valid=None):
    "Hours of a post from a time on."
    times = pd.date_range(first, periods=len(values), freq="h")
    parts = {"Year": times.year, "Month": times.month, "Day": times.day, "Hour": times.hour}
    return pd.DataFrame(
        {"Site": "Lakeside", "Parameter": "PM2.5", "Date (LT)": times.strftime(form), **parts}
        | {"NowCast Conc.": 33, column: values, "QC Name": valid or "Valid"}
    )


def test_airnow_hours_end_at_their_time(ingest):
    "The midnight that ends January 5th is its 24th hour; 12 valid hours are no January 6th."
    valid = ["Valid"] * 36 + ["Invalid"] * 12
    values = [10] * 23 + [34] + [20] * 24
    frame = airnow("2020-01-05 01:00", "%Y-%m-%d %I:%M %p", "Raw Conc.", values, valid)
    panel, report = ingest("airnow", frame, "Lakeside_PM2.5_2020_YTD.csv", cities=LAKESIDE)
    assert days(panel) == {"2020-01-05": 11.0}
    assert panel["n_hours"].tolist() == [24]
    assert report.dropped["of another QC Name"] == 12
    assert "NowCast Conc." not in panel.columns


def test_airnow_with_sentences_above_the_header(ingest):
    "As older files have them, with Value in place of Raw Conc. and days written otherwise; -999 is no value."
    frame = airnow("2014-03-01 01:00", "%m/%d/%Y %H:%M", "Value", [42] * 23 + [-999])
    above = "Data of a made-up post\nWrite to x@example.org\n\n"
    panel, _ = ingest("airnow", frame, above=above, cities=LAKESIDE)
    assert days(panel) == {"2014-03-01": 42.0}
    assert panel["n_hours"].tolist() == [23]


def test_waqi_city_is_an_index(ingest):
    "50 points of 2012 are 12.0 µg/m³; 999 is dropped; the city is in the file's name; newest day first."
    frame = pd.DataFrame(
        {"date": ["2021/1/3", "2021/1/2", "2020/12/31"], " pm25": [" 999", " 50", " "], " pm10": 5, "": ""}
    )
    panel, report = ingest("waqi-city", frame, "lakeside, uganda-air-quality.csv", cities=LAKESIDE)
    assert days(panel) == {"2021-01-02": 12.0}
    assert report.dropped["AQI at the ceiling of 999"] == 1
    assert panel["city"].tolist() == ["Lakeside"]
    assert panel_metadata(panel).pm25_origin == "index"
    assert "pm10" not in panel.columns
    assert any("table of 2012" in note for note in report.notes)


def test_waqi_archive_and_download_are_told_apart(ingest):
    "The archive of all cities has other columns."
    frame = pd.DataFrame({"date": ["2021/1/3"], " pm25": [50], " pm10": [5]})
    with pytest.raises(ValueError, match="no column 'Date'.*looks like --format waqi-city"):
        ingest("waqi", frame)


def eea(point, span, values, begin, *, pollutant="PM2.5", valid=1):
    "Rows of one sampling point."
    columns = {"Countrycode": "NO", "SamplingPoint": point, "AirPollutant": pollutant, "AveragingTime": span}
    measured = {"Concentration": values, "UnitOfMeasurement": "µg/m3", "DatetimeBegin": begin}
    return pd.DataFrame({**columns, **measured, "Validity": valid})


SAMPLING_POINTS = pd.DataFrame(
    {"SamplingPoint": ["SPO_1", "SPO_2"], "Latitude": [59.9, 59.9], "Longitude": [10.7, 10.7]}
)


def test_eea_days_and_hours_stand_apart(ingest):
    "A daily point has 10 and 12, an hourly one three hours, which are no day; Validity -1 is left out."
    midnights = [f"2021-01-{day} 00:00:00 +01:00" for day in (12, 13, 14)]
    frame = pd.concat(
        [
            eea("SPO_1", "day", [10, 12, 300], midnights, valid=[1, 2, -1]),
            eea("SPO_2", "hour", 90, [f"2021-01-12 0{hour}:00:00 +01:00" for hour in range(3)]),
            eea("SPO_1", "day", [44], midnights[:1], pollutant="NO2"),
        ]
    )
    panel, report = ingest("eea", frame, stations=SAMPLING_POINTS)
    assert days(panel) == {"2021-01-12": 10.0, "2021-01-13": 12.0}
    assert panel["country"].unique().tolist() == ["NOR"]
    assert report.dropped["fewer than 18 hours"] == 3


def test_eea_daily_values_keep_the_day_that_is_written(ingest):
    "Midnight at +02:00 is 23:00 of the day before at +01:00."
    frame = eea("SPO_1", "day", [7, 8], [f"2021-07-0{day} 00:00:00 +02:00" for day in (1, 2)])
    panel, _ = ingest("eea", frame, stations=SAMPLING_POINTS)
    assert days(panel) == {"2021-07-01": 7.0, "2021-07-02": 8.0}


def test_eea_parquet(tmp_path):
    "Code 6001 is PM2.5; values are decimals, -999 is none; the country begins the sampling point."
    begin = pd.date_range("2022-05-01", periods=48, freq="h")
    values = [Decimal("6.5")] * 24 + [Decimal("-999")] * 8 + [Decimal("3")] * 16
    frame = pd.DataFrame({"Samplingpoint": "NO/SPO_1", "Pollutant": 6001, "Start": begin, "Value": values})
    frame = frame.assign(Unit="ug.m-3", AggType="hour", Validity=[1, 2, 3, -1] + [1] * 44, Verification=1)
    frame.to_parquet(tmp_path / "t.parquet")
    stations = pd.DataFrame({"id": ["NO/SPO_1"], "lat": [59.9], "lon": [10.7]})
    panel, _ = read_table([tmp_path / "t.parquet"], "eea", stations=stations)
    assert days(panel) == {"2022-05-01": 6.5}
    assert panel["n_hours"].tolist() == [23]
    assert panel["country"].tolist() == ["NOR"]


def test_aqs_daily_chooses_one_kind_of_row(ingest):
    "Two monitors of 24 hours make 11; the same hours as 1 HOUR, without events, or half a day do not count."
    columns = ["POC", "Sample Duration", "Event Type", "Observation Percent", "Arithmetic Mean"]
    rows = [
        (1, "24 HOUR", "None", 100, 10),
        (3, "24-HR BLK AVG", "Included", 96, 12),
        (3, "24-HR BLK AVG", "Excluded", 96, 5),
        (3, "1 HOUR", "None", 96, 99),
        (4, "24-HR BLK AVG", "None", 50, 70),
    ]
    frame = pd.DataFrame(rows, columns=columns).assign(
        **{"State Code": "06", "County Code": "001", "Site Num": "0007", "Parameter Code": 88101},
        **{"Latitude": 37.7, "Longitude": -122.2, "Date Local": "2019-11-08", "1st Max Value": 40},
    )
    panel, report = ingest("aqs-daily", frame)
    assert days(panel) == {"2019-11-08": 11.0}
    assert panel["site_id"].tolist() == ["06-001-0007"]
    assert report.dropped["with Observation Percent below 75"] == 1
    assert report.dropped["of another Sample Duration"] == 1
    assert report.dropped["of another Event Type"] == 1


@pytest.mark.parametrize("unix", [True, False])
def test_purpleair_is_utc_and_uncorrected(ingest, unix):
    "Seconds since 1970 or ISO 8601; the sensor is in the file's name; the housing's temperature is no input."
    times = 1646092800 + 3600 * pd.Series(range(24)) if unix else hours("2022-03-01", "%Y-%m-%dT%H:%M:%SZ")
    frame = pd.DataFrame({"time_stamp": times, "temperature": 88, "pm2.5_atm": 20, "pm2.5_cf_1": 25})
    panel, report = ingest("purpleair", frame, "131075 2022-03-01 60-Minute Average.csv", stations=STATIONS)
    assert days(panel) == {"2022-03-01": 20.0}
    assert panel["site_id"].tolist() == ["131075"]
    assert "temperature" not in panel.columns
    assert any("uncorrected" in note for note in report.notes)
    assert "PM2.5 is read from 'pm2.5_atm'" in report.notes


def test_purpleair_of_the_api_names_its_sensor(ingest):
    "pm2.5_cf_1 where there is no other."
    times = hours("2022-03-01", "%Y-%m-%dT%H:%M:%SZ")
    frame = pd.DataFrame({"time_stamp": times, "sensor_index": 131075, "pm2.5_cf_1": 9})
    assert days(ingest("purpleair", frame, stations=STATIONS)[0]) == {"2022-03-01": 9.0}


def test_purpleair_of_days(ingest):
    "A mean of 1440 minutes is a day as it is."
    frame = pd.DataFrame(
        {"time_stamp": ["2022-03-01T00:00:00Z", "2022-03-02T00:00:00Z"], "pm2.5_atm": [7, 8]}
    )
    panel, _ = ingest("purpleair", frame, "131075 Daily.csv", stations=STATIONS)
    assert days(panel) == {"2022-03-01": 7.0, "2022-03-02": 8.0}


def test_purpleair_needs_positions(ingest):
    "One line that says which table is asked for."
    frame = pd.DataFrame({"time_stamp": [1646092800], "sensor_index": 1, "pm2.5_atm": 9})
    with pytest.raises(ValueError, match=r"x.csv: files of format purpleair hold no positions.*--stations"):
        ingest("purpleair", frame, "x.csv")


def test_sensor_community(ingest):
    "P2 is PM2.5, several readings of an hour count once; a counter of particles is left out."
    kinds = [(10, 8, "SDS011"), (40, 12, "SDS011"), (50, 70, "PPD42NS")]
    rows = [(f"2021-06-01T{h:02}:{m}:44", v, kind) for h in range(24) for m, v, kind in kinds]
    frame = pd.DataFrame(rows, columns=["timestamp", "P2", "sensor_type"])
    frame = frame.assign(sensor_id=88, location=77, lat=0.3, lon=32.6, P1=40)
    panel, report = ingest("sensor-community", frame, sep=";")
    assert days(panel) == {"2021-06-01": 10.0}
    assert panel["site_id"].tolist() == ["88-77"]
    assert report.dropped == {"of another sensor_type": 24}


@pytest.mark.parametrize(
    "names",
    [
        ["locationId", "timestamp", "pm02", "pm02_corrected"],
        ["Location ID", "UTC Date/Time", "PM2.5 (μg/m³) raw", "PM2.5 (μg/m³) corrected"],
    ],
)
def test_airgradient(ingest, names):
    "The corrected reading, of the API or the dashboard; a hyphen is no value."
    values = ["-"] + ["21"] * 23
    rows = [(131075, time, 30, value) for time, value in zip(hours("2024-01-01"), values, strict=True)]
    panel, _ = ingest("airgradient", pd.DataFrame(rows, columns=names), stations=STATIONS)
    assert days(panel) == {"2024-01-01": 21.0}
    assert panel["n_hours"].tolist() == [23]


@pytest.mark.parametrize(("column", "raw"), [("pm2_5_calibrated_value", False), ("pm2_5", True)])
def test_airqo_calibrated_before_raw(ingest, column, raw):
    "The calibrated value if there is one; a note says that raw ones are raw."
    times = hours("2023-02-01", "%Y-%m-%dT%H:%M:%SZ")
    frame = pd.DataFrame({"datetime": times, "device_name": "aq_1", "site_name": "Lakeside", column: 30})
    panel, report = ingest("airqo", frame.assign(latitude=0.3, longitude=32.6, pm10=50))
    assert days(panel) == {"2023-02-01": 30.0}
    assert panel["site_id"].tolist() == ["Lakeside"]
    assert any("before AirQo's calibration" in note for note in report.notes) == raw


def test_cpcb_writes_days_first(ingest):
    "01-02-2020 is February 1st; None is no value; the station is the file's name."
    begin = hours("2020-02-01", "%d-%m-%Y %H:%M")
    frame = pd.DataFrame({"From Date": begin, "To Date": begin, "PM2.5": ["None"] + ["88"] * 23, "PM10": 120})
    above = "Central board of a made-up country\nStation report\n\n"
    panel, _ = ingest("cpcb", frame, "Lake_Side.csv", above=above, stations=STATIONS)
    assert days(panel) == {"2020-02-01": 88.0}
    assert panel[["city", "country"]].to_numpy().tolist() == [["Lake Side", "IND"]]


def test_cpcb_raw_data_of_a_city(ingest):
    "Timestamp year first, the unit in the column's name, the position that of the city."
    frame = pd.DataFrame({"Timestamp": hours("2023-01-01"), "PM2.5 (µg/m³)": 61, "PM10 (µg/m³)": 90})
    cities = LAKESIDE.assign(country="IND")
    panel, _ = ingest("cpcb", frame, "Raw_data_1Hr_2023_lakeside.csv", cities=cities)
    assert days(panel) == {"2023-01-01": 61.0}


def test_prsa_has_weather_and_no_counter(ingest):
    "Rain is added up, the wind from the north blows south, No and the monitor's gases are left out."
    parts = {"year": 2013, "month": 3, "day": 1, "hour": range(24), "station": "131075"}
    weather = {"TEMP": 2.5, "PRES": 1020, "DEWP": -18, "RAIN": 0.5, "wd": "N", "WSPM": 3}
    frame = pd.DataFrame({"No": range(1, 25), **parts, "PM2.5": 10, "PM10": 50, "SO2": 5, **weather})
    panel, _ = ingest("prsa", frame, stations=STATIONS)
    assert days(panel) == {"2013-03-01": 10.0}
    row = panel.iloc[0]
    assert (row["temp_air"], row["temp_dew"], row["pressure"], row["precipitation"]) == (2.5, -18, 1020, 12)
    assert (row["wind_u"], row["wind_v"]) == pytest.approx((0, -3), abs=1e-6)
    assert not {"No", "hour", "PM10", "SO2"} & set(panel.columns)


@pytest.mark.parametrize("named", [True, False])
def test_earthengine_exports(ingest, named):
    "Day and site from columns or from system:index, the position from .geo; -9999 is no value; no PM2.5."
    index = ["20200101_lakeside", "20200102_lakeside"]
    frame = pd.DataFrame({"system:index": index, "NO2": [1, 2], "aod": [0.5, -9999]})
    if named:
        frame = frame.assign(date=["2020-01-01", "2020-01-02"], site_id="lakeside")
    frame[".geo"] = '{"type":"Point","coordinates":[32.6,0.3]}'
    panel, _ = ingest("earthengine", frame)
    assert days(panel, "NO2") == {"2020-01-01": 1.0, "2020-01-02": 2.0}
    assert panel["aod"].isna().tolist() == [False, True]
    assert panel[["latitude", "longitude"]].iloc[0].tolist() == [0.3, 32.6]
    assert panel["site_id"].unique().tolist() == ["lakeside"]
    assert "pm25" not in panel.columns


def test_an_earthengine_mean_is_an_input(ingest):
    "The commonest export calls its only value so; without PM2.5 it is no reading."
    frame = pd.DataFrame(
        {"system:index": ["0", "1"], "date": ["2020-01-01", "2020-01-02"], "name": "lakeside"}
    )
    frame = frame.assign(mean=[0.5, 0.7], **{".geo": '{"type":"Point","coordinates":[32.6,0.3]}'})
    assert days(ingest("earthengine", frame)[0], "mean") == {"2020-01-01": 0.5, "2020-01-02": 0.7}


def test_earthengine_areas_take_the_position_of_their_station(ingest):
    "A polygon has no position of its own."
    frame = pd.DataFrame({"system:index": ["20200101_131075"], "NO2": [1]})
    frame[".geo"] = '{"type":"Polygon","coordinates":[[[32.5,0.2],[32.7,0.2],[32.6,0.4],[32.5,0.2]]]}'
    panel, _ = ingest("earthengine", frame, stations=STATIONS)
    assert panel[["site_id", "latitude", "longitude"]].to_numpy().tolist() == [["131075", 0.3, 32.6]]
    with pytest.raises(ValueError, match="1 missing coordinates"):
        ingest("earthengine", frame)


def test_two_files_of_a_format_are_one_panel(tmp_path):
    "One of them compressed."
    for name, value in (("131075 a.csv", 10), ("131075 b.csv.gz", 30)):
        day = f"2022-03-0{value // 10}"
        frame = pd.DataFrame({"time_stamp": hours(day, "%Y-%m-%dT%H:%M:%SZ"), "pm2.5_atm": value})
        frame.to_csv(tmp_path / name, index=False)
    panel, _ = read_table(sorted(tmp_path.glob("131075*")), "purpleair", stations=STATIONS)
    assert days(panel) == {"2022-03-01": 10.0, "2022-03-03": 30.0}


def test_cams_stations_count_the_first_day_of_a_forecast(ingest):
    "Hours 24 to 47 of the forecast before are left out; it is a model's output."
    times = [*hours("2025-04-18"), *hours("2025-04-18")]
    frame = pd.DataFrame({"station_id": 131075, "datetime": times, "lead_time_hour": range(48)})
    frame = frame.assign(species="PM2.5", conc_mos_micrograms_per_m3=[14] * 24 + [60] * 24)
    panel, _ = ingest("cams-stations", frame, sep=";", stations=STATIONS)
    assert days(panel) == {"2025-04-18": 14.0}
    assert panel_metadata(panel).pm25_origin == "model"


@pytest.mark.parametrize("format", SHIPPED)
def test_another_layout_is_refused_in_one_line(ingest, format):
    "The message names the file and the format."
    with pytest.raises(ValueError, match=f"table.csv.*{format}") as caught:
        ingest(format, WRONG)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_named(ingest):
    "The column of the first layout and that of the second."
    frame = eea("SPO_1", "day", [7], ["2021-07-01"]).drop(columns=["AirPollutant"])
    words = "none of the layouts of eea fits: it has no column 'AirPollutant' or 'Pollutant'"
    with pytest.raises(ValueError, match=words):
        ingest("eea", frame)


def test_the_format_that_fits_is_named(ingest):
    "A file of PurpleAir is none of AirNow."
    frame = pd.DataFrame({"time_stamp": [1646092800], "sensor_index": 1, "pm2.5_atm": 9})
    words = "no column 'Parameter', which format airnow needs. It looks like --format purpleair"
    with pytest.raises(ValueError, match=words):
        ingest("airnow", frame)


def test_a_file_tells_its_format(tmp_path):
    "By the columns that it has."
    header = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n"
    (tmp_path / "a.csv").write_text(header + "1;SDS011;2;0;32;2020-01-01T00:00:00;1;2\n")
    WRONG.to_csv(tmp_path / "b.csv", index=False)
    assert formats_of(tmp_path / "a.csv") == ["sensor-community"]
    assert formats_of(tmp_path / "b.csv") == []


def test_files_of_several_layouts_are_ingested_apart(tmp_path):
    "A file of EEA as it was and one as it is now."
    first = eea("SPO_1", "day", [7], ["2021-07-01"])
    first.to_csv(tmp_path / "a.csv", index=False)
    names = {"SamplingPoint": "Samplingpoint", "AirPollutant": "Pollutant", "AveragingTime": "AggType"}
    names |= {"Concentration": "Value", "UnitOfMeasurement": "Unit", "DatetimeBegin": "Start"}
    first.rename(columns=names).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ValueError, match="different layouts of eea; ingest them apart"):
        shipped_mapping("eea", [tmp_path / "a.csv", tmp_path / "b.csv"])
