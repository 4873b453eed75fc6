"""Baselines without features, by hand, and the table of all."""

import pandas as pd
import pytest

from airq.models.baselines import Climatology, RawColumn, TrainingMean, baselines


def table(*rows):
    "Rows of month, latitude and PM2.5."
    months, latitudes, pm25 = zip(*rows, strict=True)
    dates = pd.to_datetime([f"2020-{month:02}-15" for month in months])
    return pd.DataFrame({"date": dates, "latitude": latitudes, "pm25": pm25})


@pytest.fixture
def known():
    "Bands 0 and 10 degrees north in January, band 0 in July."
    return table((1, 2.0, 10.0), (1, 8.0, 20.0), (1, 12.0, 60.0), (7, 5.0, 50.0), (7, 5.0, None))


def test_the_mean_is_the_same_everywhere(known):
    "Of 10, 20, 60 and 50: 35."
    assert TrainingMean().fit(known).predict(known).tolist() == [35] * 5


def test_climatology_is_the_mean_of_month_and_band(known):
    "January in band 0 is (10 + 20) / 2, in band 10 it is 60; July in band 0 is 50."
    asked = table((1, 9.9, None), (1, 10.0, None), (7, 0.0, None))
    assert Climatology().fit(known).predict(asked).tolist() == [15, 60, 50]


def test_climatology_falls_back_to_the_month_and_then_to_all(known):
    "No band at 45 degrees: January is (10 + 20 + 60) / 3; no March anywhere: 35."
    asked = table((1, 45.0, None), (3, 5.0, None))
    assert Climatology().fit(known).predict(asked).tolist() == [30, 35]


def test_a_raw_column_has_its_gaps_filled_by_the_training_mean(known):
    "12 as it is, 35 where it is missing."
    asked = pd.DataFrame({"cams_pm25": [12.0, None]})
    assert RawColumn().fit(known).predict(asked).tolist() == [12, 35]


def test_cams_is_a_baseline_only_where_the_panel_has_it(make_panel):
    "Without a value in `cams_pm25` it is not offered."
    days = {"a": ["2020-01-01", "2020-01-02"]}
    with_cams = make_panel(days, pm25=[1, 2], cams_pm25=[1.0, None])
    without = make_panel(days, pm25=[1, 2], cams_pm25=[None, None])
    assert set(baselines(with_cams)) - set(baselines(without)) == {"cams"}
