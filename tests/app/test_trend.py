"""What is said of years, and of means over months and years."""

import numpy as np
import pandas as pd
import pytest

from airq.models.intervals import Calibration
from app.series import Series, mean_interval, same_months, trend


def months(*years):
    "Months of years in a row, each of a value, the first from 2015."
    dates = pd.date_range("2015-01-01", periods=12 * len(years), freq="MS")
    return Series(dates, np.repeat(years, 12).astype("float64"), "µg m⁻³", period="month")


def test_a_trend_is_the_median_step_of_the_years():
    "Five years, each 2 above the one before: 2 a year, and no slope between two of them is another."
    found = trend(months(10, 12, 14, 16, 18))
    assert (found.change, found.low, found.high, found.years) == (2, 2, 2, 5)


def test_a_trend_takes_five_years():
    "Four years are the weather of one of them."
    assert trend(months(10, 12, 14, 16)) is None


def test_years_that_go_up_and_down_have_no_clear_trend():
    "10, 14, 10, 14, 10: the interval holds 0."
    found = trend(months(10, 14, 10, 14, 10))
    assert found.low < 0 < found.high


def test_two_years_are_compared_over_the_months_of_both():
    "The second year has January to March only, each 3 above those of the first."
    whole = months(10, 13)
    short = Series(whole.dates[:15], whole.amounts[:15], whole.unit, period="month")
    assert same_months(short) == (2015, 2016, 3, 3.0)


@pytest.fixture(scope="module")
def calibration():
    "Forty groups whose days are off by the scale and whose months by half of it."
    groups = pd.DataFrame({"group": [f"g{number}" for number in range(40)]})
    scores = {"day": 1.0, "month": 0.5, "year": 0.25}
    return Calibration({period: groups.assign(score=score) for period, score in scores.items()})


@pytest.mark.parametrize(("n_days", "period"), [(30, "month"), (365, "year")])
def test_the_interval_of_a_mean_is_that_of_its_own_calibration(calibration, n_days, period):
    "Days of 20 (18 to 22) have a scale of 2 on each side; the mean has what the bundle gives for it."
    days = np.full((1, n_days), 20.0)
    ends = mean_interval(calibration, days, days - 2, days + 2, 0.9)
    assert ends == pytest.approx(calibration.interval([20.0], [[2.0, 2.0]], 0.9, period))


def test_other_spans_have_no_interval(calibration):
    "The bundle is calibrated for months and years; and a month of which ten days are known has none."
    days = np.full((1, 60), 20.0)
    assert np.isnan(mean_interval(calibration, days, days - 2, days + 2, 0.9)).all()
    few = np.where(np.arange(30) < 10, 20.0, np.nan)[None]
    assert np.isnan(mean_interval(calibration, few, few - 2, few + 2, 0.9)).all()
