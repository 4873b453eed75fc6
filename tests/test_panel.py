"""The panel: its check, its metadata, and the words for where its PM2.5 comes from."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from airq.panel import (
    ORIGINS,
    PanelMetadata,
    check_panel,
    feature_columns,
    label_panel,
    origin_label,
    origin_warnings,
    panel_metadata,
)

DAYS = {"a": ["2020-01-01", "2020-01-02"], "b": ["2020-01-01"]}


def test_checking_sorts_by_site_and_day(make_panel):
    "Rows in any order come out by site, then day."
    panel = make_panel(DAYS, pm25=[1, 2, 3]).iloc[[2, 1, 0]]
    assert check_panel(panel)["pm25"].tolist() == [1, 2, 3]


def test_keys_target_and_index_are_no_features(make_panel):
    "A model learns from neither the answer nor the name of a place."
    panel = make_panel(DAYS, pm25=[1, 2, 3], aqi=[4, 5, 6], no2=[0, 0, 0])
    assert feature_columns(panel) == ["no2"]


BROKEN = {
    "missing column": (lambda p: p.rename(columns={"latitude": "latitud"}), "Did you mean latitud"),
    "no rows": (lambda p: p.iloc[:0], "no rows"),
    "repeated key": (lambda p: pd.concat([p, p.iloc[:1]]), "repeats 1 .* site a on 2020-01-01"),
    "numbers as text": (lambda p: p.assign(pm25=["1", "2", "x"]), "'pm25' must be numbers"),
    "dates as text": (lambda p: p.assign(date="2020-01-01"), "'date' must be days"),
    "a moment": (lambda p: p.assign(date=p["date"] + pd.Timedelta("1h")), "whole days"),
    "no date": (lambda p: p.assign(date=pd.NaT), "empty in 3 rows"),
    "a date long ago": (lambda p: p.assign(date=pd.Timestamp("1900-01-01")), "Impossible date 1900-01-01"),
    "a date far ahead": (lambda p: p.assign(date=pd.Timestamp("2190-01-01")), "Impossible date 2190-01-01"),
    "latitude out of range": (lambda p: p.assign(latitude=[95.0, 95.0, 1.0], longitude=100.0), "within ±90"),
    "coordinates swapped": (lambda p: p.assign(latitude=95.0, longitude=1.0), "swapped"),
    "no coordinates": (lambda p: p.assign(longitude=np.nan), "Coordinates are empty in 3 rows"),
    "a site that moves": (lambda p: p.assign(latitude=[1.0, 2.0, 3.0]), "Site 'a' has two positions"),
    "no country": (lambda p: p.assign(country=""), "'country' is empty"),
    "a city in two countries": (
        lambda p: p.assign(city_id="x", country=["UGA", "UGA", "KEN"]),
        "City 'x' lies in two countries",
    ),
    "a city without a name": (lambda p: p.assign(city_id=""), "'city_id' is empty"),
    "negative": (lambda p: p.assign(pm25=[1.0, -2.0, 3.0]), "negative in 1 row, first site a on 2020-01-02"),
    "ceiling": (lambda p: p.assign(pm25=[1.0, 999.99, 3.0]), "sensor's ceiling in 1 row"),
    "infinite": (lambda p: p.assign(pm25=[1.0, np.inf, 3.0]), "infinite"),
    "no target": (lambda p: p.drop(columns="pm25"), "no PM2.5"),
    "index only": (lambda p: p.assign(pm25=np.nan, aqi=50.0), "AQI only"),
    "kelvin": (lambda p: p.assign(temp_air=300.0), "'temp_air' is 300 .*Wrong unit"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_each_fault_gets_one_clear_line(make_panel, fault):
    "What is wrong, and where, stands in one line."
    spoil, message = BROKEN[fault]
    panel = spoil(make_panel(DAYS, pm25=[1, 2, 3]))
    panel.attrs["airq"] = PanelMetadata().to_dict()
    with pytest.raises(ValueError, match=message) as raised:
        check_panel(panel, target="required")
    assert "\n" not in str(raised.value)


def test_a_target_in_index_points_is_refused(make_panel):
    "pm25 labelled as an index is not taken for a concentration."
    panel = make_panel(DAYS, metadata=PanelMetadata(units={"pm25": "aqi-us-2012"}), pm25=[1, 2, 3])
    with pytest.raises(ValueError, match="'pm25' is in aqi-us-2012"):
        check_panel(panel)


def test_a_plain_table_is_not_a_panel():
    "A table without metadata is refused rather than guessed at."
    with pytest.raises(ValueError, match="no panel metadata"):
        check_panel(pd.DataFrame({"pm25": [1.0]}))


@pytest.mark.parametrize("name", ["day_basis", "pm25_origin", "statistic"])
def test_metadata_know_their_words(name):
    "A word outside the vocabulary is refused with the choices."
    with pytest.raises(ValueError, match=f"{name} is 'guess'; it must be one of"):
        PanelMetadata(**{name: "guess"})


def test_labelling_does_not_touch_the_original(make_panel):
    "label_panel returns a new frame."
    panel = make_panel(DAYS, pm25=[1, 2, 3])
    label_panel(panel, PanelMetadata(pm25_origin="simulated"))
    assert panel_metadata(panel).pm25_origin == "sensor"


@pytest.mark.parametrize("origin", ORIGINS)
def test_whatever_no_monitor_measured_has_a_warning(origin):
    "It begins with the label that tables and pictures carry; monitors need none."
    metadata = PanelMetadata(pm25_origin=origin)
    assert bool(origin_warnings(metadata)) == (origin != "sensor")
    assert origin_label(metadata) == ORIGINS[origin].label
    assert all(text.startswith(f"{ORIGINS[origin].label}: ") for text in origin_warnings(metadata))


def test_simulated_inputs_and_medians_are_warned_of():
    "Measured PM2.5 beside simulated weather, summarised by medians: two sentences."
    metadata = PanelMetadata(statistic="median", sources=["SIMULATED weather"])
    assert [text.split(":")[0] for text in origin_warnings(metadata)] == ["SIMULATED inputs", "MEDIANS"]


def test_the_vocabulary_loads_without_the_heavy_packages():
    "airq.panel is read by pages and small tools; it must not wait for boosters, maps or plots."
    code = (
        "import sys, airq.panel; "
        "print([name for name in ('sklearn', 'geopandas', 'matplotlib', 'lightgbm') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
