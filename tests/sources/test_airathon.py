"""The tables of the Airathon challenge, in small."""

import numpy as np
import pandas as pd
import pytest

from airq.panel import panel_metadata
from airq.sources.airathon import read_airathon

AIRATHON = """datetime,grid_id,value,date,Column_WV,Optical_Depth_055_avg,Optical_Depth_055_p95,\
lon,lat,location
2019-07-01T18:30:00Z,D1,100,2019-07-01,3.0,0.5,0.6,77.1,28.7,Delhi
2019-07-02T18:30:00Z,D1,999.99,2019-07-02,3.1,0.7,0.8,77.1,28.7,Delhi
2019-07-03T18:30:00Z,D1,0,2019-07-03,,,,77.1,28.7,Delhi
2019-07-01T16:00:00Z,T1,20,2019-07-01,,,,121.5,25.0,Taipei
2019-07-01T08:00:00Z,L1,12,2019-07-01,1.0,0.1,0.2,-118.2,34.0,Los Angeles (SoCAB)
2019-01-01T08:00:00Z,L1,15,2019-01-01,1.0,0.2,0.3,-118.2,34.0,Los Angeles (SoCAB)
"""


def read(tmp_path, text=AIRATHON):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read_airathon([path])


def row(panel, site, day):
    found = panel[(panel["site_id"] == site) & (panel["date"] == pd.Timestamp(day))]
    assert len(found) == 1
    return found.iloc[0]


def test_targets_of_delhi_and_taipei_belong_to_the_next_day(tmp_path):
    "18:30 UTC is midnight in Delhi (+5:30), 16:00 UTC in Taipei (+8): the day that begins then."
    panel = read(tmp_path).panel
    assert row(panel, "D1", "2019-07-02")["pm25"] == 100
    assert row(panel, "T1", "2019-07-02")["pm25"] == 20


def test_targets_of_los_angeles_stay_on_their_day(tmp_path):
    "08:00 UTC is midnight in winter and 1 o'clock in summer, of the same date."
    panel = read(tmp_path).panel
    assert row(panel, "L1", "2019-07-01")["pm25"] == 12
    assert row(panel, "L1", "2019-01-01")["pm25"] == 15


def test_satellite_columns_stay_on_date(tmp_path):
    "Delhi's target of July 1st meets the AOD of July 2nd; the AOD of July 1st keeps a row without a target."
    panel = read(tmp_path).panel
    met, alone = row(panel, "D1", "2019-07-02"), row(panel, "D1", "2019-07-01")
    assert met["aod055"] == pytest.approx(0.7)
    assert alone["aod055"] == pytest.approx(0.5)
    assert np.isnan(alone["pm25"])
    assert met["Optical_Depth_055_p95"] == 0.8


def test_ceilings_and_zeros_of_airathon_lose_their_target_only(tmp_path):
    "The ceiling's row keeps its AOD; the zero's row has nothing else and goes."
    found = read(tmp_path)
    assert found.tally.emptied == {"PM2.5 of zero": 1, "PM2.5 at a sensor's ceiling": 1}
    assert found.tally.dropped == {"without values": 1}
    assert len(found.panel) == 5


def test_airathon_days_are_local(tmp_path):
    "The metadata say so, and the three cities have their countries."
    panel = read(tmp_path).panel
    assert panel_metadata(panel).day_basis == "local"
    assert panel.groupby("site_id")["country"].first().to_dict() == {"D1": "IND", "L1": "USA", "T1": "TWN"}


def test_a_place_without_a_time_zone_is_refused(tmp_path):
    "Its local day is not known."
    with pytest.raises(ValueError, match="'Paris' has no known time zone"):
        read(tmp_path, AIRATHON.replace("Taipei", "Paris"))


def test_exchanged_cells_are_refused(tmp_path):
    "Delhi at 77.1 N 28.7 E would lie in the Barents Sea; dropping the other two places would hide it."
    with pytest.raises(ValueError, match="'D1' lies .* km from Delhi; are lat and lon swapped"):
        read(tmp_path, AIRATHON.replace("lon,lat,", "lat,lon,"))


def test_a_target_without_its_time_is_emptied(tmp_path):
    "Its day cannot be known; the satellite's columns have a date of their own."
    found = read(tmp_path, AIRATHON.replace("2019-07-01T18:30:00Z", "evening"))
    assert found.tally.emptied["PM2.5 without a readable datetime"] == 1
    assert row(found.panel, "D1", "2019-07-01")["aod055"] == pytest.approx(0.5)


def test_a_cell_without_a_name_is_dropped(tmp_path):
    "It belongs nowhere."
    found = read(tmp_path, AIRATHON.replace(",T1,", ",,"))
    assert found.tally.dropped["missing grid_id"] == 1
