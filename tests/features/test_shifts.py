"""Shifts by calendar day, and statistics over windows of calendar days."""

import tracemalloc

import numpy as np
import numpy.testing as npt
import pandas as pd
import pandas.testing as pdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airq.features.feature import Feature
from airq.features.recipe import Recipe
from airq.features.shifts import day_line

NAN = float("nan")


def shift(panel, kind, days, column="no2"):
    """Values of a lag, a lead or a difference."""
    return Feature(kind, column, days=days).compute(panel)


def shift_columns(panel, columns, days):
    """Many columns shifted by many days: positive ones earlier, negative ones later."""
    shifts = [Feature("lag" if day > 0 else "lead", c, days=abs(day)) for c in columns for day in days]
    return Recipe("shifts", shifts).transform(panel)


@pytest.fixture
def gap(make_panel):
    """One site, its third of January missing."""
    return make_panel({"a": ["2020-01-01", "2020-01-02", "2020-01-04"]}, no2=[1.0, 2.0, 4.0])


def table(rows, columns=("no2",)):
    """A table of (site, day of January 2020, values...), rows as they are given."""
    frame = pd.DataFrame(rows, columns=["site_id", "day", *columns])
    frame["date"] = pd.Timestamp("2019-12-31") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame


def test_lag_leaves_a_gap_empty(gap):
    "A missing day yields NaN, not the previous row."
    npt.assert_array_equal(shift(gap, "lag", 1), [NAN, 1.0, NAN])
    npt.assert_array_equal(shift(gap, "lag", 2), [NAN, NAN, 2.0])
    npt.assert_array_equal(shift(gap, "lag", 3), [NAN, NAN, 1.0])


def test_lead_is_the_value_of_a_later_day(gap):
    "A lead looks the other way, and also leaves a gap empty."
    npt.assert_array_equal(shift(gap, "lead", 1), [2.0, NAN, NAN])
    npt.assert_array_equal(shift(gap, "lead", 2), [NAN, 4.0, NAN])


def test_difference_is_the_change_since_an_earlier_day(gap):
    "4 on the fourth less 2 on the second is 2; the other days have nothing two days before."
    npt.assert_array_equal(shift(gap, "difference", 2), [NAN, NAN, 2.0])


def test_series_are_named_and_aligned(gap):
    "The name follows from the arguments, the index from the panel."
    gap.index = [7, 5, 9]
    for series, name in (
        (shift(gap, "lag", 1), "no2_lag1"),
        (shift(gap, "lead", 3), "no2_lead3"),
        (shift(gap, "difference", 1), "no2_diff1"),
    ):
        assert series.name == name
        assert series.index.tolist() == [7, 5, 9]


def test_nothing_crosses_from_site_to_site(make_panel):
    "The last day of one site and the first of the next follow each other as rows, not as days."
    panel = make_panel(
        {"a": ["2020-01-01", "2020-01-02"], "b": ["2020-01-03", "2020-01-04"]}, no2=[1.0, 2.0, 3.0, 4.0]
    )
    npt.assert_array_equal(shift(panel, "lag", 1), [NAN, 1.0, NAN, 3.0])
    npt.assert_array_equal(shift(panel, "lead", 1), [2.0, NAN, 4.0, NAN])


def test_site_with_one_row_has_no_other_day(make_panel):
    "Its shifts are empty, and it takes nothing from the sites around it."
    panel = make_panel(
        {"a": ["2020-01-01"], "b": ["2020-01-02"], "c": ["2020-01-01", "2020-01-02"]}, no2=[1, 2, 3, 4]
    )
    npt.assert_array_equal(shift(panel, "lag", 1), [NAN, NAN, NAN, 3.0])


def test_rows_may_be_in_any_order():
    "Rows of two sites, mixed and backwards: each finds its own yesterday."
    mixed = table([("b", 2, 20.0), ("a", 2, 2.0), ("b", 1, 10.0), ("a", 3, 3.0), ("a", 1, 1.0)])
    npt.assert_array_equal(shift(mixed, "lag", 1), [10.0, 1.0, NAN, 2.0, NAN])
    npt.assert_array_equal(shift(mixed, "lead", 1), [NAN, 3.0, 20.0, NAN, 2.0])


def test_order_of_site_names_does_not_matter():
    "Sites that come in blocks, z before a."
    panel = table([("z", 1, 1.0), ("z", 2, 2.0), ("a", 1, 3.0), ("a", 2, 4.0)])
    npt.assert_array_equal(shift(panel, "lag", 1), [NAN, 1.0, NAN, 3.0])


def test_repeated_day_is_refused():
    "Two rows of a site on one day have no one value to shift."
    with pytest.raises(ValueError, match="repeats"):
        shift(table([("a", 1, 1.0), ("b", 1, 1.0), ("a", 1, 2.0)]), "lag", 1)


@pytest.mark.parametrize("days", [0, -1])
def test_shift_of_less_than_a_day_is_refused(gap, days):
    "`lag(…, -1)` would be a lead that its name hides."
    for kind in ("lag", "lead", "difference"):
        with pytest.raises(ValueError, match="needs days above 0"):
            shift(gap, kind, days)


def test_text_is_refused_by_name(gap):
    "Shifting a text column says which one it was."
    with pytest.raises(ValueError, match="'city' is str"):
        shift(gap, "lag", 1, "city")


def test_whole_numbers_and_missing_integers_shift():
    "Integers become floating point, because the first day has nothing before it."
    panel = table([("a", 1, 5), ("a", 2, 6)])
    npt.assert_array_equal(shift(panel, "lag", 1), [NAN, 5.0])
    panel["no2"] = pd.array([5, None], dtype="Int64")
    npt.assert_array_equal(shift(panel, "lead", 1), [NAN, NAN])


def test_shift_columns_names_and_order(gap):
    "Column by column, in the order of the days; positive is earlier, negative later."
    gap["co"] = [10.0, 20.0, 40.0]
    shifted = shift_columns(gap, ["no2", "co"], [1, -2])
    assert shifted.columns.tolist() == ["no2_lag1", "no2_lead2", "co_lag1", "co_lead2"]
    npt.assert_array_equal(shifted["co_lag1"], [NAN, 10.0, NAN])
    npt.assert_array_equal(shifted["co_lead2"], [NAN, 40.0, NAN])


def test_shifts_keep_float32_exactly(gap):
    "0.1 as float32 comes back as the same float32, from a feature and from a recipe."
    narrow = gap.assign(no2=np.array([0.1, 0.2, 0.3], dtype="float32"))
    shifted = shift_columns(narrow, ["no2"], [1])["no2_lag1"]
    assert shifted.dtype == "float32"
    npt.assert_array_equal(shifted, np.array([NAN, 0.1, NAN], dtype="float32"))
    npt.assert_array_equal(shift(narrow, "lag", 1), shifted)


def test_shifts_leave_the_panel_alone(gap):
    "The panel is the same before and after."
    before = gap.copy(deep=True)
    shift_columns(gap, ["no2"], [1, -1])
    shift(gap, "difference", 1)
    pdt.assert_frame_equal(gap, before)


def test_empty_panel_gives_empty_columns(gap):
    "No rows in, no rows out."
    assert shift_columns(gap.iloc[:0], ["no2"], [1, -1]).shape == (0, 2)


def test_a_gap_of_decades_costs_little():
    "Rows 50 years apart take as many cells as rows a fortnight apart, and do not see each other."
    panel = pd.DataFrame(
        {"site_id": ["a"] * 2, "date": pd.to_datetime(["1970-01-01", "2020-01-01"]), "no2": [1.0, 2.0]}
    )
    assert day_line(panel, reach=5).n_cells == 6 + 1 + 2 * 5
    npt.assert_array_equal(shift(panel, "lag", 5), [NAN, NAN])


def test_line_refuses_a_shift_beyond_its_reach(gap):
    "Cells further apart than the reach are not days any more."
    line = day_line(gap, reach=2)
    with pytest.raises(ValueError, match="2 days"):
        line.take(line.lay(gap["no2"].to_numpy()), 3)


SITE_DAYS = st.lists(
    st.tuples(st.sampled_from("zab"), st.integers(1, 25)), min_size=1, max_size=40, unique=True
)


@settings(max_examples=150)
@given(SITE_DAYS, st.integers(1, 8), st.booleans())
def test_shifts_agree_with_looking_up_each_day(site_days, days, sort):
    "For every row, the shift is what a dictionary of (site, day) holds for the other day."
    site_days = sorted(site_days) if sort else site_days
    panel = table([(site, day, float(number)) for number, (site, day) in enumerate(site_days)])
    known = {site_day: float(number) for number, site_day in enumerate(site_days)}
    earlier = [known.get((site, day - days), NAN) for site, day in site_days]
    later = [known.get((site, day + days), NAN) for site, day in site_days]
    shifted = shift_columns(panel, ["no2"], [days, -days])
    npt.assert_array_equal(shifted[f"no2_lag{days}"], earlier)
    npt.assert_array_equal(shifted[f"no2_lead{days}"], later)


def test_complete_panel_agrees_with_pandas():
    "Where no day is missing, shifting by day is pandas' shifting by row, on more rows than one block."
    rng = np.random.default_rng(0)
    dates = pd.date_range("2019-01-01", periods=900)
    panel = pd.DataFrame({"site_id": np.repeat([f"s{n:02d}" for n in range(50)], 900)})
    panel["date"] = np.tile(dates, 50)
    panel["no2"] = rng.random(len(panel), dtype="float32")
    shifted = shift_columns(panel, ["no2"], [2, -5])
    by_row = panel.groupby("site_id")["no2"]
    npt.assert_array_equal(shifted["no2_lag2"], by_row.shift(2))
    npt.assert_array_equal(shifted["no2_lead5"], by_row.shift(-5))


def test_memory_stays_near_the_size_of_the_result():
    "14 columns by 8 shifts: the peak is at most 2.5 times what comes back."
    panel = pd.DataFrame({f"band{n}": np.ones(20_000, dtype="float32") for n in range(14)})
    columns = list(panel)
    panel["site_id"] = np.repeat([f"s{n}" for n in range(50)], 400)
    panel["date"] = np.tile(pd.date_range("2020-01-01", periods=400), 50)
    tracemalloc.start()
    shifted = shift_columns(panel, columns, [1, -1, 2, -2, 3, -3, 5, -5])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 2.5 * shifted.to_numpy().nbytes


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
