"""Means over months and years: which days count, which periods stand."""

import numpy as np
import pandas as pd
import pytest

from airq.models.intervals import period_means


def days(first, n, group="a", **columns):
    "A group's consecutive days, observed 10 and predicted 20."
    table = pd.DataFrame({"group": group, "date": pd.date_range(first, periods=n)})
    return table.assign(observed=10.0, predicted=20.0).assign(**columns)


def test_predictions_are_averaged_over_the_observed_days_only():
    "Three days without observation are predicted 1,000; the mean of the month stays 20."
    table = days("2021-04-01", 30)
    table.loc[:2, ["observed", "predicted"]] = [np.nan, 1000.0]
    means = period_means(table, "month")
    assert means[["observed", "predicted"]].to_numpy().tolist() == [[10, 20]]
    assert means["date"].tolist() == [pd.Timestamp("2021-04-01")]


@pytest.mark.parametrize(
    ("first", "n", "count"), [("2020-02-01", 22, 1), ("2020-02-01", 21, 0), ("2021-02-01", 21, 1)]
)
def test_three_quarters_of_the_days_are_needed(first, n, count):
    "Three quarters of 29 days are 21.75, of 28 days 21."
    assert len(period_means(days(first, n), "month")) == count


def test_a_year_needs_274_days():
    "Three quarters of 365 are 273.75."
    assert len(period_means(days("2021-01-01", 274), "year")) == 1
    assert len(period_means(days("2021-01-01", 273), "year")) == 0


def test_sites_of_a_unit_have_months_of_their_own():
    "Two sites of a city, 10 and 30: two means, not one of 20."
    table = pd.concat(
        [days("2021-04-01", 30, site_id=site, observed=value) for site, value in (("x", 10.0), ("y", 30.0))]
    )
    assert period_means(table, "month")["observed"].tolist() == [10, 30]


def test_a_day_is_what_a_row_is():
    "Days come back as they are, those without an observation left out."
    table = days("2021-04-01", 3).assign(observed=[1.0, np.nan, 3.0])
    assert period_means(table, "day")["observed"].tolist() == [1, 3]


def test_an_unknown_period_is_refused():
    "The message names those that exist."
    with pytest.raises(ValueError, match="day, month, year"):
        period_means(days("2021-04-01", 3), "week")
