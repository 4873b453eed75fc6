"""The tables of the Ugandan challenge, in small."""

import numpy as np
import pandas as pd
import pytest

from airq.sources.airqo import read_uganda

NO2 = "NitrogenDioxide_tropospheric_NO2_column_number_density"

UGANDA = f"""site_latitude,site_longitude,humidity,temp_mean,{NO2},pm2_5,year,month,day,{NO2}_na
0.31310,32.58110,0.8,22.5,0.00002,40,2020,1,31,0
0.31312,32.58108,0.9,23.5,0.00004,60,2020,1,31,0
0.31310,32.58110,0,0,0.00003,50,2020,2,1,1
0.05600,32.47900,0.7,21.0,0.00001,30,2020,2,1,0
0.05600,32.47900,0.7,21.0,0.00001,-3,2020,2,2,0
"""


def read(tmp_path, text=UGANDA):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read_uganda([path])


def row(panel, site, day):
    found = panel[(panel["site_id"] == site) & (panel["date"] == pd.Timestamp(day))]
    assert len(found) == 1
    return found.iloc[0]


def test_ugandan_sites_are_positions_to_100_metres(tmp_path):
    "Two devices 3 m apart are one site; their rows of one day are averaged: (40 + 60) / 2 = 50."
    found = read(tmp_path)
    assert found.panel["site_id"].unique().tolist() == ["0.056_32.479", "0.313_32.581"]
    first = row(found.panel, "0.313_32.581", "2020-01-31")
    assert first["pm25"] == 50
    assert first["relative_humidity"] == pytest.approx(85)
    assert found.tally.merged == 1


def test_ugandan_gaps_come_back(tmp_path):
    "A filled-in NO2 (flag 1) and the zeros of humidity and temperature are missing; the flags are gone."
    found = read(tmp_path)
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
    panel = read(tmp_path).panel
    assert panel.groupby("site_id")["city"].first().tolist() == ["Entebbe", "Kampala"]
    assert set(panel["country"]) == {"UGA"}


def test_a_negative_ugandan_target_is_dropped(tmp_path):
    "Five rows read, one dropped, two of the others merged."
    found = read(tmp_path)
    assert (found.tally.read, found.tally.kept, len(found.panel)) == (5, 4, 3)
    assert found.tally.dropped == {"negative PM2.5": 1}


def test_the_unlabelled_table_gives_the_same_places(tmp_path):
    "Another subset of the network, with `date` and without a target: the same ids for the same place."
    other = f"ID,date,device,site_latitude,site_longitude,humidity,temp_mean,{NO2}\n"
    other += "ID_1,2020-09-01,d1,0.3131,32.5811,0.5,20,\n"
    here = read(tmp_path).panel
    there = read(tmp_path, other).panel
    place = ["site_id", "city_id", "city", "country", "latitude", "longitude"]
    assert there[place].iloc[0].tolist() == here.loc[here["city"] == "Kampala", place].iloc[0].tolist()
    assert "pm25" not in there.columns


def test_exchanged_ugandan_coordinates_are_refused(tmp_path):
    "32.6 N 0.3 E is in Algeria."
    text = UGANDA.replace("site_latitude,site_longitude", "site_longitude,site_latitude")
    with pytest.raises(ValueError, match="swapped"):
        read(tmp_path, text)


def test_words_among_the_numbers_are_emptied(tmp_path):
    "A humidity of n.d. is missing, and the row stays; a target of n.d. takes its row with it."
    found = read(tmp_path, UGANDA.replace("0.7,21.0,0.00001,30", "n.d.,21.0,0.00001,30"))
    assert found.tally.emptied["humidity is not a number"] == 1
    found = read(tmp_path, UGANDA.replace("0.00001,30", "0.00001,n.d."))
    assert found.tally.dropped["PM2.5 is not a number"] == 1


def test_a_day_in_three_columns_must_be_one(tmp_path):
    "The 31st of February goes, and so does a day without a month."
    text = UGANDA.replace("30,2020,2,1", "30,2020,2,31").replace("-3,2020,2,2", "20,2020,,2")
    assert read(tmp_path, text).tally.dropped == {"missing date": 1, "impossible date": 1}
