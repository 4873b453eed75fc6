"""Open-Meteo's tables and the reference project's predictions, in small."""

import numpy as np
import pandas as pd
import pytest

from airq.panel import panel_metadata
from airq.sources.open_meteo import read_open_meteo, read_reference

OPEN_METEO = """,date,temperature_2m_mean,precipitation_sum,wind_speed_10m_max,\
wind_direction_10m_dominant,sunrise,city,latitude,longitude,pm2_5,carbon_monoxide,nitrogen_dioxide,aerosol_optical_depth
0,2022-08-04,24.7,0.8,15.5,237.0,0,Douala,4.0483,9.7043,12.5,192.0,1.02,0.28
1,2022-08-05,24.6,0.7,17.0,246.0,0,Douala,4.0483,9.7043,14.0,213.0,1.19,0.26
2,2022-08-04,22.1,3.6,13.3,228.0,0,Yaoundé,3.8667,11.5167,9.9,201.0,1.14,0.14
"""

DOWNLOAD = """latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation
0.35,32.55,1190.0,{offset},{zone},{zone}

time,temperature_2m_mean (°C),wind_speed_10m_mean ({speed}),wind_direction_10m_dominant (°)
2024-01-01,22.0,{value},270
"""

REFERENCE = """City,Date,Lat,Long,Predicted_PM25,pop_density2010_5000_max
Middelburg,2019-01-01,-25.7751,29.4648,50,900
Middelburg,2019-01-01,-31.4931,25.0061,20,100
Durban,2019-01-01,-29.8579,31.0292,-4,5000
Durban,2019-01-02,-29.8579,31.0292,60,5000
"""


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="t.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_text


def test_open_meteo_takes_the_panels_names(write):
    "Daily means under the vocabulary's names; PM2.5 is a model's."
    panel = read_open_meteo([write(OPEN_METEO)]).panel
    first = panel[panel["city"] == "Yaoundé"].iloc[0]
    assert first[["temp_air", "precipitation", "aod055", "pm25"]].tolist() == pytest.approx(
        [22.1, 3.6, 0.14, 9.9]
    )
    assert panel_metadata(panel).pm25_origin == "model"
    assert panel_metadata(panel).day_basis == "utc"


def test_gases_near_the_ground_are_not_the_panels_columns(write):
    "µg m⁻³ of NO2 under its own name; the vocabulary's no2 is a column in mol m⁻²."
    panel = read_open_meteo([write(OPEN_METEO)]).panel
    assert {"no2", "co"}.isdisjoint(panel.columns)
    assert panel_metadata(panel).units["nitrogen_dioxide"] == "µg m⁻³"


def test_countries_come_from_the_cities_names(write):
    "Douala and Yaoundé are in Cameroon; the index column of the file is gone."
    panel = read_open_meteo([write(OPEN_METEO)]).panel
    assert panel["city_id"].unique().tolist() == ["CMR:Douala", "CMR:Yaoundé"]
    assert panel["site_id"].tolist() == panel["city_id"].tolist()
    assert "Unnamed: 0" not in panel.columns


def test_the_highest_wind_of_a_day_gives_no_components(write):
    "wind_u and wind_v are means; a maximum and a direction say nothing about them."
    found = read_open_meteo([write(OPEN_METEO)])
    assert "wind_u" not in found.panel.columns
    assert found.panel["wind_speed_10m_max"].iloc[0] == 15.5
    assert any("wind_u" in note for note in found.tally.notes)


@pytest.mark.parametrize(("value", "speed"), [("36", "km/h"), ("10", "m/s")])
def test_a_download_follows_its_units(write, value, speed):
    "A wind of 36 km/h = 10 m/s from the west (270°) blows eastwards: u = 10, v = 0."
    path = write(DOWNLOAD.format(offset=0, zone="GMT", speed=speed, value=value))
    panel = read_open_meteo([path]).panel
    assert panel["wind_u"].iloc[0] == pytest.approx(10)
    assert panel["wind_v"].iloc[0] == pytest.approx(0, abs=1e-6)
    assert panel["elevation"].iloc[0] == 1190


def test_a_download_belongs_to_the_city_it_lies_in(write):
    "0.35 N 32.55 E is in the middle of the towns around Kampala, in Uganda."
    panel = read_open_meteo([write(DOWNLOAD.format(offset=0, zone="GMT", speed="km/h", value=1))]).panel
    assert panel["country"].iloc[0] == "UGA"
    assert panel["site_id"].iloc[0] == "0.350_32.550"


def test_a_download_in_local_time_has_local_days(write):
    "Three hours east of Greenwich; and it cannot be read together with days in UTC."
    local = write(DOWNLOAD.format(offset=10800, zone="EAT", speed="km/h", value=1), "local.csv")
    utc = write(DOWNLOAD.format(offset=0, zone="GMT", speed="km/h", value=1), "utc.csv")
    assert panel_metadata(read_open_meteo([local]).panel).day_basis == "local"
    with pytest.raises(ValueError, match="ingest them apart"):
        read_open_meteo([local, utc])


def test_one_hour_is_no_day(write):
    "A file with times of day has readings, not days."
    with pytest.raises(ValueError, match="fewer than 18 hours"):
        read_open_meteo([write(OPEN_METEO.replace("2022-08-05", "2022-08-05T13:00"))])


def test_a_unit_that_leads_nowhere_is_refused(write):
    "Rankine is not known."
    text = DOWNLOAD.format(offset=0, zone="GMT", speed="km/h", value=1).replace("°C", "°R")
    with pytest.raises(ValueError, match="'temperature_2m_mean'.*°R"):
        read_open_meteo([write(text)])


def test_a_table_without_coordinates_is_refused(write):
    "The missing column is named, with the nearest."
    with pytest.raises(ValueError, match="'latitude'.*latitud"):
        read_open_meteo([write(OPEN_METEO.replace("latitude", "latitud"))])


def test_the_references_points_are_no_concentrations(write):
    "They stand in `aqi`, of the 2012 table, and `pm25` is empty until it is inverted."
    panel = read_reference([write(REFERENCE)]).panel
    assert panel["pm25"].isna().all()
    assert sorted(panel["aqi"]) == [20, 50, 60]
    assert panel_metadata(panel).units["aqi"] == "aqi-us-2012"
    assert panel_metadata(panel).pm25_origin == "model"


def test_two_places_called_middelburg_stay_two(write):
    "One in Mpumalanga, one in the Eastern Cape, on the same day."
    panel = read_reference([write(REFERENCE)]).panel
    assert panel.loc[panel["city"] == "Middelburg", "site_id"].nunique() == 2
    assert set(panel["country"]) == {"ZAF"}


def test_a_negative_prediction_is_dropped(write):
    "An index cannot be negative."
    assert read_reference([write(REFERENCE)]).tally.dropped == {"negative AQI": 1}


def test_exchanged_coordinates_of_cities_are_refused(write):
    "Douala at 9.7 N 4.0 E would lie in Nigeria."
    text = OPEN_METEO.replace("latitude,longitude", "longitude,latitude")
    with pytest.raises(ValueError, match="swapped"):
        read_open_meteo([write(text)])


def test_a_country_that_the_table_names_counts(write):
    "By name or code; nothing has to be near."
    text = OPEN_METEO.replace("city,", "country,city,").replace(",0,Douala", ",0,Colombia,Douala")
    text = text.replace(",0,Yaoundé", ",0,CO,Yaoundé").replace("4.0483,9.7043", "4.6,-74.1")
    panel = read_open_meteo([write(text.replace("3.8667,11.5167", "6.2,-75.6"))]).panel
    assert set(panel["country"]) == {"COL"}
    assert not np.isnan(panel["pm25"]).any()
    assert pd.api.types.is_float_dtype(panel["pm25"])


def test_a_row_without_a_city_is_dropped(write):
    "It must not fall to another city."
    found = read_open_meteo([write(OPEN_METEO.replace("Yaoundé", ""))])
    assert found.tally.dropped == {"missing city": 1}
    assert found.panel["city"].unique().tolist() == ["Douala"]


def test_hours_become_days_of_the_files_clock(tmp_path):
    "24 hours: rain is added up, wind averaged as a vector, one gust is the day's; half a day falls."
    rows = [f"2023-01-01T{hour:02}:00,20,0.5,{3.6 if hour < 12 else 0},270,{hour}" for hour in range(24)]
    rows += [f"2023-01-02T{hour:02}:00,20,0.5,3.6,270,5" for hour in range(12)]
    columns = "time,temperature_2m (°C),precipitation (mm),wind_speed_10m (km/h),wind_direction_10m (°)"
    path = tmp_path / "hourly.csv"
    path.write_text(
        "latitude,longitude,elevation,utc_offset_seconds\n0.35,32.55,1200,10800\n\n"
        + f"{columns},wind_gusts_10m (km/h)\n"
        + "\n".join(rows)
        + "\n"
    )
    panel, tally = read_open_meteo([path])
    assert panel.attrs["airq"]["day_basis"] == "local" and tally.dropped == {"fewer than 18 hours": 12}
    day = panel.iloc[0]
    found = [day["temp_air"], day["precipitation"], day["wind_u"], day["wind_v"], day["wind_gusts_10m"]]
    assert found == pytest.approx([20, 12, 0.5, 0, 23], abs=1e-5)
