"""The door: what a panel must be, and what is said when it is not."""

import numpy as np
import pandas as pd
import pytest

from airq.io import read_panel, write_panel
from airq.panel import PanelMetadata, check_panel, feature_columns, label_panel, panel_metadata

DAYS = {"a": ["2020-01-01", "2020-01-02"], "b": ["2020-01-01"]}


def test_a_panel_survives_the_file(make_panel, tmp_path):
    "Rows, dtypes, units, kind of day, origin and sources come back from Parquet."
    facts = PanelMetadata(
        units={"mine": "furlongs"},
        day_basis="local",
        pm25_origin="index",
        statistic="median",
        sources=["here"],
    )
    panel = check_panel(make_panel(DAYS, metadata=facts, pm25=[1, 2, 3], mine=[4, 5, 6]))
    write_panel(panel, tmp_path / "p.parquet")
    back = read_panel(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(back, panel)
    facts = panel_metadata(back)
    assert (facts.day_basis, facts.pm25_origin, facts.statistic) == ("local", "index", "median")
    assert facts.units["mine"] == "furlongs"
    assert facts.units["pm25"] == "µg m⁻³"
    assert facts.sources == ("here",)


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


def test_text_named_parquet_is_told(tmp_path):
    "A CSV under the wrong name names the command that reads it."
    path = tmp_path / "panel.parquet"
    path.write_text("site_id,date\na,2020-01-01\n")
    with pytest.raises(ValueError, match="not a whole Parquet file.*airq ingest"):
        read_panel(path)


def test_a_cut_file_is_told(make_panel, tmp_path):
    "Half of a Parquet file is refused."
    path = tmp_path / "panel.parquet"
    write_panel(make_panel(DAYS, pm25=[1, 2, 3]), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="not a whole Parquet file"):
        read_panel(path)


def test_foreign_parquet_is_told(tmp_path):
    "Parquet without panel metadata is refused."
    path = tmp_path / "panel.parquet"
    pd.DataFrame({"pm25": [1.0]}).to_parquet(path)
    with pytest.raises(ValueError, match="not a panel"):
        read_panel(path)


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
