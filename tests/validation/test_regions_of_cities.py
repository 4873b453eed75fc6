"""What regions and surroundings hold."""

import numpy as np
import pandas as pd

from airq.geo import geocentric_km
from airq.validation.splitters import region_of_city, within_km


def test_a_city_is_never_cut(make_panel):
    "A city with sites at both ends has one region, and so has every other of eight cities."
    panel = make_panel({site: ["2020-01-01"] for site in "abcdefghi"}, pm25=np.arange(9.0))
    panel["city_id"] = panel["city_id"].replace({"i": "a"})
    regions = region_of_city(panel, np.arange(9))
    assert regions.index.tolist() == list("abcdefgh")
    assert regions.nunique() == 4


def test_the_same_seed_gives_the_same_regions(make_panel):
    "Also if the rows come in another order."
    panel = make_panel({site: ["2020-01-01"] for site in "abcdefgh"}, pm25=np.arange(8.0))
    again = region_of_city(panel.iloc[::-1].reset_index(drop=True), np.arange(8), seed=3)
    pd.testing.assert_series_equal(region_of_city(panel, np.arange(8), seed=3), again)


def test_regions_cross_the_date_line(make_panel):
    "Fiji at 178° east and Samoa at 172° west are neighbours; Kampala and Nairobi are the other block."
    panel = make_panel({site: ["2020-01-01"] for site in "abcd"}, pm25=np.arange(4.0))
    panel["latitude"] = [-18.0, -14.0, 0.0, -1.0]
    panel["longitude"] = [178.0, -172.0, 33.0, 37.0]
    regions = region_of_city(panel, np.arange(4))
    assert regions["a"] == regions["b"] != regions["c"] == regions["d"]


def test_a_city_without_monitor_joins_the_nearest_region(make_panel):
    "City e at 51.5° north has no PM2.5; it falls to b and d at 50° and 51°."
    panel = make_panel({site: ["2020-01-01"] for site in "abcde"}, pm25=[0, 1, 2, 3, np.nan])
    panel["latitude"] = [0.0, 50.0, 1.0, 51.0, 51.5]
    regions = region_of_city(panel, np.arange(4))
    assert regions["e"] == regions["b"] == regions["d"] != regions["a"]


def test_surroundings_end_at_the_radius():
    "On the equator one degree is 111.3 km."
    places = pd.DataFrame({"latitude": 0.0, "longitude": [0.0, 1.0, 2.0]})
    assert within_km(geocentric_km(places), [0], 111.0).tolist() == [True, False, False]
    assert within_km(geocentric_km(places), [0], 112.0).tolist() == [True, True, False]
