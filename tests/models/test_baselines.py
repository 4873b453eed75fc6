"""Baselines without features, by hand, those that learn, and the table of all."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models import FAST_BASELINES, SLOW_BASELINES
from airq.models.baselines import (
    ESTIMATORS,
    Climatology,
    LightgbmStopped,
    RawColumn,
    RidgeLog,
    TrainingMean,
    _stopping_rows,
    baselines,
)
from airq.panel import label_panel, panel_metadata


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


@pytest.fixture
def bare(make_panel):
    "Four sites of six days, without any input column."
    days = [f"2020-01-0{day}" for day in range(1, 7)]
    return make_panel(dict.fromkeys("abcd", days), pm25=np.arange(24) + 5.0)


def test_fast_baselines_come_first_and_slow_ones_after(bare):
    "In the order in which they are listed; a panel without CAMS lacks it only."
    assert [*FAST_BASELINES, *SLOW_BASELINES] == [
        *list(baselines(bare))[:2],
        "cams",
        *list(baselines(bare))[2:],
    ]


def test_ridge_undoes_the_logarithm_with_the_smearing_factor():
    """Residuals of log(PM2.5 + 1) are +0.3 and -0.3 beside any value of the input.

    So the factor is cosh(0.3) = 1.045, and the prediction is the mean of the two, not the median.
    """
    x = np.repeat(np.linspace(0.0, 3.0, 100), 2)
    y = np.exp(1 + x + np.tile([0.3, -0.3], 100)) - 1
    X = pd.DataFrame({"x": x})
    ridge = RidgeLog().fit(X, y, np.repeat(np.arange(100), 2))
    assert ridge.smearing_ == pytest.approx(np.cosh(0.3), rel=1e-3)
    middle = np.exp(2.5) * np.cosh(0.3) - 1
    npt.assert_allclose(ridge.predict(pd.DataFrame({"x": [1.5]})), middle, rtol=1e-3)


def test_ridge_stays_between_zero_and_a_fifth_above_the_highest_target():
    "Far beyond the training rows the exponential is cut at 0 and at 1.2 times 40."
    x = np.linspace(0.0, 3.0, 40)
    ridge = RidgeLog().fit(pd.DataFrame({"x": x}), np.linspace(1.0, 40.0, 40), np.arange(40))
    assert ridge.predict(pd.DataFrame({"x": [-1e4, 1e4]})).tolist() == [0, 48]


def test_ridge_takes_a_missing_value_for_the_median():
    "The median of 0, 1 and 5 is 1, whatever their mean is."
    X = pd.DataFrame({"x": [0.0, 1.0, 5.0] * 10})
    ridge = RidgeLog().fit(X, np.tile([2.0, 5.0, 30.0], 10), np.arange(30))
    missing, median = ridge.predict(pd.DataFrame({"x": [np.nan, 1.0]}))
    assert missing == pytest.approx(median)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("lightgbm-defaults", ["latitude", "longitude"]),
        ("lightgbm-date", ["latitude", "longitude", "dayofyear", "day_number", "dayofweek"]),
        ("ridge-log", ["latitude", "longitude", "year_sin", "year_cos"]),
    ],
)
def test_columns_of_the_baselines_that_learn(bare, name, columns):
    "The input, then position and date."
    panel = label_panel(bare.assign(no2=1.0), panel_metadata(bare))
    fitted = baselines(panel)[name]().fit(panel, "site_id")
    assert fitted.recipe_.names == ["no2", *columns]


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "reference-method"])
def test_without_inputs_position_and_date_are_left(bare, name):
    "Every baseline that learns gives a value that is not negative."
    predicted = baselines(bare)[name]().fit(bare, "site_id").predict(bare)
    assert np.isfinite(predicted).all() and (predicted >= 0).all()


def test_stopping_rows_are_whole_groups():
    "Of five groups of four rows one stops; none is in both parts."
    groups = np.repeat(np.arange(5), 4)
    X = groups[:, None].astype("float32")
    learn, stop = _stopping_rows(X, groups.astype("float64"), groups, 0)
    assert len(learn[1]) == 16 and len(set(stop[1])) == 1
    assert not set(learn[1]) & set(stop[1])


def test_one_group_alone_stops_nothing():
    "There is nothing to hold out, so all rows are learned from."
    learn, stop = _stopping_rows(np.zeros((4, 1)), np.arange(4.0), ["a"] * 4, 0)
    assert len(learn[1]) == 4 and stop is None


def test_lightgbm_that_stops_keeps_the_best_rounds():
    "Noise that trees learn by heart: the rounds after the best one, long before 1,000, are thrown away."
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame({"x": rng.uniform(size=200)}), rng.uniform(10, 20, 200)
    native = LightgbmStopped().fit(X, y, np.repeat(np.arange(10), 20)).regressor_.native
    assert native.num_trees() == native.best_iteration < 500
