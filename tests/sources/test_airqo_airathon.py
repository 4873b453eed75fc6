"""The tables of the Ugandan and the Airathon challenge, in small."""

import numpy as np
import pandas as pd
import pytest

from airq.panel import panel_metadata
from airq.sources.airathon import read_airathon
from airq.sources.airqo import read_uganda

NO2 = "NitrogenDioxide_tropospheric_NO2_column_number_density"

UGANDA = f"""site_latitude,site_longitude,humidity,temp_mean,{NO2},pm2_5,year,month,day,{NO2}_na
0.31310,32.58110,0.8,22.5,0.00002,40,2020,1,31,0
0.31312,32.58108,0.9,23.5,0.00004,60,2020,1,31,0
0.31310,32.58110,0,0,0.00003,50,2020,2,1,1
0.05600,32.47900,0.7,21.0,0.00001,30,2020,2,1,0
0.05600,32.47900,0.7,21.0,0.00001,-3,2020,2,2,0
"""

AIRATHON = """datetime,grid_id,value,date,Column_WV,Optical_Depth_055_avg,Optical_Depth_055_p95,\
lon,lat,location
2019-07-01T18:30:00Z,D1,100,2019-07-01,3.0,0.5,0.6,77.1,28.7,Delhi
2019-07-02T18:30:00Z,D1,999.99,2019-07-02,3.1,0.7,0.8,77.1,28.7,Delhi
2019-07-03T18:30:00Z,D1,0,2019-07-03,,,,77.1,28.7,Delhi
2019-07-01T16:00:00Z,T1,20,2019-07-01,,,,121.5,25.0,Taipei
2019-07-01T08:00:00Z,L1,12,2019-07-01,1.0,0.1,0.2,-118.2,34.0,Los Angeles (SoCAB)
2019-01-01T08:00:00Z,L1,15,2019-01-01,1.0,0.2,0.3,-118.2,34.0,Los Angeles (SoCAB)
"""


def read(reader, tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return reader([path])


def row(panel, site, day):
    found = panel[(panel["site_id"] == site) & (panel["date"] == pd.Timestamp(day))]
    assert len(found) == 1
    return found.iloc[0]


def test_ugandan_sites_are_positions_to_100_metres(tmp_path):
    "Two devices 3 m apart are one site; their rows of one day are averaged: (40 + 60) / 2 = 50."
    found = read(read_uganda, tmp_path, UGANDA)
    assert found.panel["site_id"].unique().tolist() == ["0.056_32.479", "0.313_32.581"]
    first = row(found.panel, "0.313_32.581", "2020-01-31")
    assert first["pm25"] == 50
    assert first["relative_humidity"] == pytest.approx(85)
    assert found.tally.merged == 1


def test_ugandan_gaps_come_back(tmp_path):
    "A filled-in NO2 (flag 1) and the zeros of humidity and temperature are missing; the flags are gone."
    found = read(read_uganda, tmp_path, UGANDA)
    later = row(found.panel, "0.313_32.581", "2020-02-01")
    assert np.isnan([later["no2"], later["relative_humidity"], later["temp_air"]]).all()
    assert f"{NO2}_na" not in found.panel.columns
    assert found.tally.emptied == {
        "filled in by the publisher": 1,
        "humidity of zero": 1,
        "temp_mean of zero": 1,
    }


def test_ugandan_places_are_named_after_their_city(tmp_path):
    "0.313 N 32.581 E is in Kampala, 0.056 N 32.479 E in Entebbe."
    panel = read(read_uganda, tmp_path, UGANDA).panel
    assert panel.groupby("site_id")["city"].first().tolist() == ["Entebbe", "Kampala"]
    assert set(panel["country"]) == {"UGA"}


def test_a_negative_ugandan_target_is_dropped(tmp_path):
    "Five rows read, one dropped, two of the others merged."
    found = read(read_uganda, tmp_path, UGANDA)
    assert (found.tally.read, found.tally.kept, len(found.panel)) == (5, 4, 3)
    assert found.tally.dropped == {"negative PM2.5": 1}


def test_the_unlabelled_table_gives_the_same_places(tmp_path):
    "Another subset of the network, with `date` and without a target: the same ids for the same place."
    other = f"ID,date,device,site_latitude,site_longitude,humidity,temp_mean,{NO2}\n"
    other += "ID_1,2020-09-01,d1,0.3131,32.5811,0.5,20,\n"
    here = read(read_uganda, tmp_path, UGANDA).panel
    there = read(read_uganda, tmp_path, other).panel
    place = ["site_id", "city_id", "city", "country", "latitude", "longitude"]
    assert there[place].iloc[0].tolist() == here.loc[here["city"] == "Kampala", place].iloc[0].tolist()
    assert "pm25" not in there.columns


def test_exchanged_ugandan_coordinates_are_refused(tmp_path):
    "32.6 N 0.3 E is in Algeria."
    text = UGANDA.replace("site_latitude,site_longitude", "site_longitude,site_latitude")
    with pytest.raises(ValueError, match="swapped"):
        read(read_uganda, tmp_path, text)


def test_targets_of_delhi_and_taipei_belong_to_the_next_day(tmp_path):
    "18:30 UTC is midnight in Delhi (+5:30), 16:00 UTC in Taipei (+8): the day that begins then."
    panel = read(read_airathon, tmp_path, AIRATHON).panel
    assert row(panel, "D1", "2019-07-02")["pm25"] == 100
    assert row(panel, "T1", "2019-07-02")["pm25"] == 20


def test_targets_of_los_angeles_stay_on_their_day(tmp_path):
    "08:00 UTC is midnight in winter and 1 o'clock in summer, of the same date."
    panel = read(read_airathon, tmp_path, AIRATHON).panel
    assert row(panel, "L1", "2019-07-01")["pm25"] == 12
    assert row(panel, "L1", "2019-01-01")["pm25"] == 15


def test_satellite_columns_stay_on_date(tmp_path):
    "Delhi's target of July 1st meets the AOD of July 2nd; the AOD of July 1st keeps a row without a target."
    panel = read(read_airathon, tmp_path, AIRATHON).panel
    met, alone = row(panel, "D1", "2019-07-02"), row(panel, "D1", "2019-07-01")
    assert met["aod055"] == pytest.approx(0.7)
    assert alone["aod055"] == pytest.approx(0.5)
    assert np.isnan(alone["pm25"])
    assert met["Optical_Depth_055_p95"] == 0.8


def test_ceilings_and_zeros_of_airathon_lose_their_target_only(tmp_path):
    "The ceiling's row keeps its AOD; the zero's row has nothing else and goes."
    found = read(read_airathon, tmp_path, AIRATHON)
    assert found.tally.emptied == {"PM2.5 of zero": 1, "PM2.5 at a sensor's ceiling": 1}
    assert found.tally.dropped == {"without values": 1}
    assert len(found.panel) == 5


def test_airathon_days_are_local(tmp_path):
    "The metadata say so, and the three cities have their countries."
    panel = read(read_airathon, tmp_path, AIRATHON).panel
    assert panel_metadata(panel).day_basis == "local"
    assert panel.groupby("site_id")["country"].first().to_dict() == {"D1": "IND", "L1": "USA", "T1": "TWN"}


def test_a_place_without_a_time_zone_is_refused(tmp_path):
    "Its local day is not known."
    with pytest.raises(ValueError, match="'Paris' has no known time zone"):
        read(read_airathon, tmp_path, AIRATHON.replace("Taipei", "Paris"))


def test_exchanged_cells_are_refused(tmp_path):
    "Delhi at 77.1 N 28.7 E would lie in the Barents Sea; dropping the other two places would hide it."
    with pytest.raises(ValueError, match="'D1' lies .* km from Delhi; are lat and lon swapped"):
        read(read_airathon, tmp_path, AIRATHON.replace("lon,lat,", "lat,lon,"))


def test_a_target_without_its_time_is_emptied(tmp_path):
    "Its day cannot be known; the satellite's columns have a date of their own."
    found = read(read_airathon, tmp_path, AIRATHON.replace("2019-07-01T18:30:00Z", "evening"))
    assert found.tally.emptied["PM2.5 without a readable datetime"] == 1
    assert row(found.panel, "D1", "2019-07-01")["aod055"] == pytest.approx(0.5)


def test_a_cell_without_a_name_is_dropped(tmp_path):
    "It belongs nowhere."
    found = read(read_airathon, tmp_path, AIRATHON.replace(",T1,", ",,"))
    assert found.tally.dropped["missing grid_id"] == 1


def test_words_among_the_numbers_are_emptied(tmp_path):
    "A humidity of n.d. is missing, and the row stays; a target of n.d. takes its row with it."
    found = read(read_uganda, tmp_path, UGANDA.replace("0.7,21.0,0.00001,30", "n.d.,21.0,0.00001,30"))
    assert found.tally.emptied["humidity is not a number"] == 1
    found = read(read_uganda, tmp_path, UGANDA.replace("0.00001,30", "0.00001,n.d."))
    assert found.tally.dropped["PM2.5 is not a number"] == 1


def test_a_day_in_three_columns_must_be_one(tmp_path):
    "The 31st of February goes, and so does a day without a month."
    text = UGANDA.replace("30,2020,2,1", "30,2020,2,31").replace("-3,2020,2,2", "20,2020,,2")
    assert read(read_uganda, tmp_path, text).tally.dropped == {"missing date": 1, "impossible date": 1}
