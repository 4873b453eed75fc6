"""Statistics over windows of calendar days."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airq.features.feature import Feature

NAN = float("nan")


def rolling(panel, kind, days, column="no2"):
    """Values of a window feature."""
    return Feature(kind, column, days=days).compute(panel)


@pytest.fixture
def panel(make_panel):
    """Site a without its third of January, site b right after it; one value missing."""
    days = {"a": ["2020-01-01", "2020-01-02", "2020-01-04"], "b": ["2020-01-05", "2020-01-06"]}
    return make_panel(days, no2=[1.0, 3.0, 5.0, NAN, 7.0])


def test_mean_counts_days_not_rows(panel):
    "Over two days the fourth stands alone: the third is missing. Site b starts anew."
    npt.assert_array_equal(rolling(panel, "mean", 2), [1.0, 2.0, 5.0, NAN, 7.0])


def test_mean_over_three_days_spans_the_gap(panel):
    "The window of the fourth holds the second and the fourth: (3 + 5) / 2."
    npt.assert_array_equal(rolling(panel, "mean", 3), [1.0, 2.0, 4.0, NAN, 7.0])


def test_centred_mean_looks_both_ways(panel):
    "The day before, the day, the day after; the second has 1 and 3, the fourth only itself."
    npt.assert_array_equal(rolling(panel, "mean_centred", 3), [2.0, 2.0, 5.0, 7.0, 7.0])


def test_max_ignores_missing_values(panel):
    "The largest of the last four days; NaN where all are missing."
    npt.assert_array_equal(rolling(panel, "max", 4), [1.0, 3.0, 5.0, NAN, 7.0])
    npt.assert_array_equal(rolling(panel, "max_centred", 3), [3.0, 3.0, 5.0, 7.0, 7.0])


def test_count_is_the_number_of_days_with_a_value(panel):
    "Absent rows and missing values count alike: not."
    npt.assert_array_equal(rolling(panel, "count", 3), [1, 2, 2, 0, 1])


def test_std_needs_two_values(panel):
    "Of 1 and 3 it is sqrt(2), of 3 and 5 too; of one value there is none."
    root = np.sqrt(2.0)
    npt.assert_allclose(rolling(panel, "std", 3), [NAN, root, root, NAN, NAN])


def test_names_tell_statistic_length_and_alignment(panel):
    "mean3, max7, count7, and c for centred."
    assert rolling(panel, "mean", 3).name == "no2_mean3"
    assert rolling(panel, "max", 7).name == "no2_max7"
    assert rolling(panel, "count", 7).name == "no2_count7"
    assert rolling(panel, "mean_centred", 7).name == "no2_mean7c"


def test_impossible_windows_are_refused(panel):
    "No days, an even centred window, an alignment that does not exist."
    with pytest.raises(ValueError, match="needs days above 0"):
        rolling(panel, "mean", 0)
    with pytest.raises(ValueError, match="odd number"):
        rolling(panel, "mean_centred", 4)
    with pytest.raises(ValueError, match="No feature kind 'mean_leading'"):
        rolling(panel, "mean_leading", 3)


def test_small_values_survive_beside_large_ones(make_panel):
    "After a fire of 1e16 the mean of ones is 1: no rounding error of other days is left behind."
    days = [f"2020-01-{day:02d}" for day in range(1, 7)]
    panel = make_panel({"a": days}, fire=[1e16, 1.0, 1.0, 1.0, 1.0, 1.0])
    npt.assert_array_equal(rolling(panel, "mean", 2, "fire")[2:], [1.0, 1.0, 1.0, 1.0])


def test_windows_leave_the_panel_alone(panel):
    "The panel is the same before and after."
    before = panel.copy(deep=True)
    rolling(panel, "mean", 3)
    rolling(panel, "std_centred", 3)
    pdt.assert_frame_equal(panel, before)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 20)), min_size=1, max_size=30, unique=True))
def test_windows_agree_with_pandas_rolling_by_time(site_days):
    "pandas' rolling over '4D' windows of each site gives the same, row for row, in any row order."
    panel = pd.DataFrame(site_days, columns=["site_id", "day"])
    panel["date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(panel["day"], unit="D")
    panel["no2"] = np.where(np.arange(len(panel)) % 4 == 3, NAN, np.sqrt(np.arange(len(panel))))
    theirs = panel.sort_values("date").groupby("site_id").rolling("4D", on="date", min_periods=1)["no2"]
    keys = pd.MultiIndex.from_frame(panel[["site_id", "date"]])
    for name in ("mean", "max", "std"):
        npt.assert_allclose(rolling(panel, name, 4), getattr(theirs, name)().loc[keys], atol=1e-6)
