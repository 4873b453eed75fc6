"""Columns that follow from the date."""

import numpy.testing as npt
import pandas as pd
import pytest

from airq.features.calendar import REFERENCE_CALENDAR, calendar_values
from airq.features.feature import Feature


def columns_of(*dates, names=REFERENCE_CALENDAR):
    """Calendar columns of some dates."""
    dates = pd.to_datetime(list(dates))
    return pd.DataFrame({name: calendar_values(dates, name) for name in names})


def test_reference_columns_of_a_leap_day():
    "Saturday 29 February 2020: week 9, day 60, the month's last, 29 = 1 * 15 + 14."
    row = columns_of("2020-02-29").iloc[0].to_dict()
    assert row == {
        "day": 29,
        "month": 2,
        "year": 2020,
        "week": 9,
        "dayofweek": 5,
        "weekofyear": 9,
        "days_in_month": 29,
        "is_month_start": 0,
        "is_month_end": 1,
        "dayofyear": 60,
        "is_weekend": 1,
        "fortnight": 14,
        "which_fortnight": 1,
    }
    assert list(row) == list(REFERENCE_CALENDAR)


def test_week_is_the_iso_week():
    "Friday 1 January 2021 belongs to week 53 of 2020, Monday 4 January starts week 1."
    assert columns_of("2021-01-01", "2021-01-04")["week"].tolist() == [53, 1]


def test_weekend_is_saturday_and_sunday():
    "Friday 3, Saturday 4, Sunday 5, Monday 6 January 2020."
    dates = ["2020-01-03", "2020-01-04", "2020-01-05", "2020-01-06"]
    assert columns_of(*dates)["is_weekend"].tolist() == [0, 1, 1, 0]


def test_fortnights_of_a_month_with_31_days():
    "Days 14, 15, 30, 31 leave 14, 0, 0, 1 and stand in fortnights 0, 1, 2, 2."
    found = columns_of("2020-01-14", "2020-01-15", "2020-01-30", "2020-01-31")
    assert found["fortnight"].tolist() == [14, 0, 0, 1]
    assert found["which_fortnight"].tolist() == [0, 1, 2, 2]


def test_year_is_a_circle_of_its_own_length():
    "1 January is angle 0 in every year; the middle of a common year and of a leap year is half a turn."
    found = columns_of("2019-01-01", "2020-01-01", "2020-07-02", names=["year_sin", "year_cos"])
    npt.assert_allclose(found["year_cos"], [1, 1, -1], atol=1e-6)
    npt.assert_allclose(found["year_sin"], [0, 0, 0], atol=1e-6)


def test_week_is_a_circle_of_seven_days():
    "Monday is angle 0; the seven points add up to nothing."
    found = columns_of(*pd.date_range("2020-01-06", periods=7), names=["week_sin", "week_cos"])
    npt.assert_allclose(found.iloc[0], [0, 1], atol=1e-6)
    npt.assert_allclose(found.sum(), [0, 0], atol=1e-6)


def test_day_number_counts_from_1970():
    "2 January 1970 is day 1."
    assert columns_of("1970-01-02", "1971-01-01", names=["day_number"])["day_number"].tolist() == [1, 365]


def test_columns_are_float32_and_aligned():
    "Whatever index the panel has."
    dates = pd.to_datetime(["2020-01-01", "2020-01-02"])
    panel = pd.DataFrame({"site_id": "a", "date": dates}, index=[8, 3])
    for name in REFERENCE_CALENDAR:
        column = Feature("calendar", name).compute(panel)
        assert (column.name, column.index.tolist(), column.dtype) == (name, [8, 3], "float32")


def test_unknown_column_is_refused():
    "The message lists the choices."
    with pytest.raises(ValueError, match="'hour'.*dayofweek"):
        columns_of("2020-01-01", names=["hour"])
