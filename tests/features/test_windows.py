"""Statistics over windows of calendar days."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airq.features.shifts import rolling_count, rolling_max, rolling_mean, rolling_std

NAN = float("nan")


@pytest.fixture
def panel(make_panel):
    """Site a without its third of January, site b right after it; one value missing."""
    days = {"a": ["2020-01-01", "2020-01-02", "2020-01-04"], "b": ["2020-01-05", "2020-01-06"]}
    return make_panel(days, no2=[1.0, 3.0, 5.0, NAN, 7.0])


def test_mean_counts_days_not_rows(panel):
    "Over two days the fourth stands alone: the third is missing. Site b starts anew."
    npt.assert_array_equal(rolling_mean(panel, "no2", 2), [1.0, 2.0, 5.0, NAN, 7.0])


def test_mean_over_three_days_spans_the_gap(panel):
    "The window of the fourth holds the second and the fourth: (3 + 5) / 2."
    npt.assert_array_equal(rolling_mean(panel, "no2", 3), [1.0, 2.0, 4.0, NAN, 7.0])


def test_centred_mean_looks_both_ways(panel):
    "The day before, the day, the day after; the second has 1 and 3, the fourth only itself."
    npt.assert_array_equal(rolling_mean(panel, "no2", 3, "centred"), [2.0, 2.0, 5.0, 7.0, 7.0])


def test_max_ignores_missing_values(panel):
    "The largest of the last four days; NaN where all are missing."
    npt.assert_array_equal(rolling_max(panel, "no2", 4), [1.0, 3.0, 5.0, NAN, 7.0])
    npt.assert_array_equal(rolling_max(panel, "no2", 3, "centred"), [3.0, 3.0, 5.0, 7.0, 7.0])


def test_count_is_the_number_of_days_with_a_value(panel):
    "Absent rows and missing values count alike: not."
    npt.assert_array_equal(rolling_count(panel, "no2", 3), [1, 2, 2, 0, 1])


def test_std_needs_two_values(panel):
    "Of 1 and 3 it is sqrt(2), of 3 and 5 too; of one value there is none."
    root = np.sqrt(2.0)
    npt.assert_allclose(rolling_std(panel, "no2", 3), [NAN, root, root, NAN, NAN])


def test_names_tell_statistic_length_and_alignment(panel):
    "mean3, max7, count7, and c for centred."
    assert rolling_mean(panel, "no2", 3).name == "no2_mean3"
    assert rolling_max(panel, "no2", 7).name == "no2_max7"
    assert rolling_count(panel, "no2", 7).name == "no2_count7"
    assert rolling_mean(panel, "no2", 7, "centred").name == "no2_mean7c"


def test_impossible_windows_are_refused(panel):
    "No days, an even centred window, an alignment that does not exist."
    with pytest.raises(ValueError, match="at least 1 day"):
        rolling_mean(panel, "no2", 0)
    with pytest.raises(ValueError, match="odd number"):
        rolling_mean(panel, "no2", 4, "centred")
    with pytest.raises(ValueError, match="trailing, centred"):
        rolling_mean(panel, "no2", 3, "leading")


def test_small_values_survive_beside_large_ones(make_panel):
    "After a fire of 1e16 the mean of ones is 1: no rounding error of other days is left behind."
    days = [f"2020-01-{day:02d}" for day in range(1, 7)]
    panel = make_panel({"a": days}, fire=[1e16, 1.0, 1.0, 1.0, 1.0, 1.0])
    npt.assert_array_equal(rolling_mean(panel, "fire", 2)[2:], [1.0, 1.0, 1.0, 1.0])


def test_windows_leave_the_panel_alone(panel):
    "The panel is the same before and after."
    before = panel.copy(deep=True)
    rolling_mean(panel, "no2", 3)
    rolling_std(panel, "no2", 3, "centred")
    pdt.assert_frame_equal(panel, before)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 20)), min_size=1, max_size=30, unique=True))
def test_windows_agree_with_pandas_rolling_by_time(site_days):
    "pandas' rolling over '4D' windows of each site gives the same, row for row, in any row order."
    panel = pd.DataFrame(site_days, columns=["site_id", "day"])
    panel["date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(panel["day"], unit="D")
    panel["no2"] = np.where(np.arange(len(panel)) % 4 == 3, NAN, np.sqrt(np.arange(len(panel))))
    theirs = panel.sort_values("date").groupby("site_id").rolling("4D", on="date", min_periods=1)["no2"]
    ours = {"mean": rolling_mean, "max": rolling_max, "std": rolling_std}
    for name, function in ours.items():
        expected = getattr(theirs, name)()
        keys = pd.MultiIndex.from_frame(panel[["site_id", "date"]])
        npt.assert_allclose(function(panel, "no2", 4), expected.loc[keys], atol=1e-6)
