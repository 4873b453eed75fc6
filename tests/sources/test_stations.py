"""A table of stations tells where the readings are from."""

import pandas as pd
import pytest

from airq.workflows.ingest import read_table

MAPPING = {
    "panel": {"pm25_origin": "sensor", "day_basis": "local", "statistic": "mean"},
    "columns": {
        "site_id": "station",
        "date": "when",
        "country": {"value": "UGA"},
        "pm25": {"from": "value", "unit": "µg/m³"},
    },
}
READINGS = pd.DataFrame({"station": ["a"], "when": ["2020-01-01"], "value": [10.0]})


def position(**stations):
    """Latitude and longitude of the only reading; names are those of the columns."""
    panel, _ = read_table(READINGS, mapping=MAPPING, stations=pd.DataFrame({"station": ["a"], **stations}))
    return panel[["latitude", "longitude"]].iloc[0].tolist()


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [("Y", "X"), ("site_latitude", "site_longitude"), ("Lat", "Lng"), ("Latitude (deg)", "Longitude (deg)")],
)
def test_names_of_coordinates(latitude, longitude):
    "x is the longitude, y the latitude."
    assert position(**{latitude: [0.31], longitude: [32.58]}) == [0.31, 32.58]


def test_only_a_whole_name_is_that_of_a_coordinate():
    "The latest reading is no latitude, nor is a y beside one."
    assert position(latitude=[0.31], latest_reading=[17.0], longitude=[32.58], y=[3.0]) == [0.31, 32.58]


@pytest.mark.parametrize("stations", [{"height": [1200]}, {"height": [1200], "lon": [32.58]}])
def test_stations_without_a_position_are_refused(stations):
    "Their columns are named."
    with pytest.raises(ValueError, match="no column that is clearly the latitude; it has station, height"):
        position(**stations)
