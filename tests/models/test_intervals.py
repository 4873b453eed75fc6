"""Intervals and probabilities: quantiles by group, ends, consistency, storage."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.intervals import Calibration, group_weights, groups_needed, hierarchical_quantile


def held_out(residuals, *, predicted=20.0, residual_scale=(1.0, 1.0), first="2020-01-01"):
    "Table of held-out days from residuals by group, consecutive days each."
    parts = [
        pd.DataFrame(
            {
                "group": group,
                "date": pd.date_range(first, periods=len(values)),
                "observed": predicted + np.asarray(values, dtype="float64"),
                "predicted": predicted,
                "scale_low": residual_scale[0],
                "scale_high": residual_scale[1],
            }
        )
        for group, values in residuals.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def nine():
    "Nine cities of one day each, observed 1 to 9 above a prediction of 20."
    return held_out({f"city {number}": [float(number)] for number in range(1, 10)})


def test_three_groups_of_unequal_size():
    """Weights are 1/4 for each group, shared by its rows, and 1/4 at infinity.

    In order: 1 (1/4 of a), 2 and 3 (1/8 each of b), 4 to 7 (1/16 each of c): sums 4/16, 6/16, 8/16, 9/16,
    10/16, 11/16, 12/16.
    """
    scores, groups = [1, 2, 3, 4, 5, 6, 7], list("abbcccc")
    assert hierarchical_quantile(scores, groups, 4 / 16) == 1
    assert hierarchical_quantile(scores, groups, 7 / 16) == 3
    assert hierarchical_quantile(scores, groups, 9 / 16) == 4
    assert hierarchical_quantile(scores, groups, 12 / 16) == 7
    assert hierarchical_quantile(scores, groups, 13 / 16) == np.inf


def test_the_group_is_the_city_and_not_the_row():
    """A city with 100 easy days beside two hard ones: rows as groups would say 1, cities say 9."""
    scores, cities = [1.0] * 100 + [9.0, 9.0], ["easy"] * 100 + ["hard", "harder"]
    assert hierarchical_quantile(scores, cities, 0.7) == 9
    assert hierarchical_quantile(scores, np.arange(102), 0.7) == 1


def test_order_and_repetition_of_rows_do_not_matter():
    "Shuffled rows, or every row of one city written twice, give the same quantiles."
    rng = np.random.default_rng(0)
    scores, groups = rng.random(60), rng.choice(list("abcde"), 60)
    order = rng.permutation(60)
    twice = np.concatenate([np.arange(60), np.flatnonzero(groups == "a")])
    for coverage in (0.3, 0.5, 0.8):
        expected = hierarchical_quantile(scores, groups, coverage)
        assert hierarchical_quantile(scores[order], groups[order], coverage) == expected
        assert hierarchical_quantile(scores[twice], groups[twice], coverage) == expected


def test_weights_of_a_repeated_city_stay():
    "Two rows or four, a city has half of the weight beside one other."
    npt.assert_allclose(group_weights(list("aab"))[:2].sum(), 0.5)
    npt.assert_allclose(group_weights(list("aaaab"))[:4].sum(), 0.5)


@pytest.mark.parametrize(("coverage", "n"), [(0.5, 1), (0.8, 4), (0.85, 6), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_groups_needed_is_where_intervals_begin(coverage, n):
    "n / (n + 1) reaches the coverage: n groups give a quantile, n - 1 do not; 5 / 6 is less than 0.85."
    assert groups_needed(coverage) == n
    assert hierarchical_quantile(np.arange(n), np.arange(n), coverage) == n - 1
    assert hierarchical_quantile(np.arange(n - 1), np.arange(n - 1), coverage) == np.inf


@pytest.mark.parametrize("coverage", [0.0, 1.0, 90.0])
def test_a_coverage_is_a_share(coverage):
    "90 is refused: 0.9 was meant."
    with pytest.raises(ValueError, match="between 0 and 1"):
        groups_needed(coverage)


def test_nine_cities_give_the_largest_score_at_90_percent(nine):
    "The interval reaches as far as the worst of nine; below zero it ends at zero."
    calibration = Calibration.from_held_out(nine)
    interval = calibration.interval([20.0, 5.0], [[1.0, 1.0], [1.0, 2.0]], 0.9)
    npt.assert_allclose(interval, [[11, 29], [0, 23]])
    assert "raised from 90 % to 100.0 %" in calibration.explain(0.9)


def test_too_few_cities_give_no_interval_and_say_how_many_are_needed(nine):
    "Eight cities at 90 %: missing ends, and a sentence that names nine."
    calibration = Calibration.from_held_out(nine[nine["group"] != "city 9"])
    assert np.isnan(calibration.interval([20.0], [[1.0, 1.0]], 0.9)).all()
    assert "at least 9" in calibration.explain(0.9)
    assert "only 8 are here" in calibration.explain(0.9)
    assert np.isfinite(calibration.interval([20.0], [[1.0, 1.0]], 0.8)).all()


def test_a_table_without_rows_calibrates_nothing(nine):
    "No city: no interval, no probability, and the sentence counts none."
    calibration = Calibration.from_held_out(nine.head(0))
    assert calibration.n_groups() == 0
    assert np.isnan(calibration.interval([20.0], [[1.0, 1.0]], 0.5)).all()
    assert np.isnan(calibration.exceedance([20.0], [[1.0, 1.0]], [15.0])).all()


def test_sides_are_scaled_by_their_own_residual_scale():
    """Residuals of +6 over 3 and -2 over 1 both score 2, so every coverage gives 2 scales either way."""
    table = held_out({"a": [6.0], "b": [-2.0], "c": [6.0], "d": [-2.0]}, residual_scale=(1.0, 3.0))
    interval = Calibration.from_held_out(table).interval([20.0], [[1.0, 3.0]], 0.5)
    npt.assert_allclose(interval, [[18, 26]])


def test_monthly_intervals_are_not_averaged_daily_ones():
    """Days off by +4 and -4 in turn cancel in a month; a city that is always off by 1 stays off by 1.

    At 50 % of two groups: days take the 4, months of 30 and 31 days take at most 1.
    """
    days = pd.date_range("2021-04-01", "2021-04-30")
    swinging, steady = np.tile([4.0, -4.0], 15), np.ones(30)
    table = held_out({"swinging": swinging, "steady": steady}, first=days[0])
    calibration = Calibration.from_held_out(table)
    residual_scale = [[1.0, 1.0]]
    npt.assert_allclose(calibration.interval([20.0], residual_scale, 0.6), [[16, 24]])
    npt.assert_allclose(calibration.interval([20.0], residual_scale, 0.6, period="month"), [[19, 21]])


def test_a_month_with_gaps_is_no_month():
    "Of April's 30 days 23 count for a mean, 22 do not."
    enough, too_few = np.ones(23), np.ones(22)
    table = held_out({"a": enough, "b": too_few}, first="2021-04-01")
    assert Calibration.from_held_out(table).n_groups("month") == 1
    assert Calibration.from_held_out(table).n_groups("day") == 2


def test_exceedance_by_hand():
    """Five cities at -2, -1, 0, 1, 2 scales: 20 + 0.5 scales is exceeded by two of five.

    A threshold below is measured by the lower scale: 16 is 2 scales of 2 below, exceeded by four of five.
    """
    table = held_out({group: [float(value)] for group, value in zip("abcde", range(-2, 3), strict=True)})
    calibration = Calibration.from_held_out(table)
    probability = calibration.exceedance([20.0], [[2.0, 4.0]], [16.0, 20.0, 22.0, 28.0])
    npt.assert_allclose(probability, [[0.8, 0.4, 0.4, 0.0]], atol=1e-12)


def test_exceedance_weighs_cities_and_not_rows():
    "A city of 96 low days beside four high cities of one day: four of five, not 4 of 100."
    residuals = {"low": [-5.0] * 96, **{group: [5.0] for group in "abcd"}}
    calibration = Calibration.from_held_out(held_out(residuals))
    npt.assert_allclose(calibration.exceedance([20.0], [[1.0, 1.0]], [20.0]), [[0.8]])


def test_exceedance_falls_with_the_threshold_and_stays_a_probability():
    "Over 60 thresholds and 200 predictions, unsorted scores of unequal cities."
    rng = np.random.default_rng(1)
    residuals = {str(group): rng.normal(group - 4, 5, rng.integers(1, 50)) for group in range(9)}
    calibration = Calibration.from_held_out(held_out(residuals))
    residual_scale = rng.uniform(0.5, 9, (200, 2))
    probability = calibration.exceedance(rng.uniform(0, 90, 200), residual_scale, np.linspace(0, 200, 60))
    assert (np.diff(probability, axis=1) <= 0).all()
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_interval_and_probabilities_agree():
    "The probability between the ends of an interval is at least its coverage."
    rng = np.random.default_rng(2)
    residuals = {str(group): rng.normal(group - 10, 3, rng.integers(1, 30)) for group in range(20)}
    calibration = Calibration.from_held_out(held_out(residuals))
    for coverage in (0.5, 0.8, 0.9):
        ends = calibration.interval([100.0], [[1.0, 2.0]], coverage)[0]
        above = calibration.exceedance([100.0], [[1.0, 2.0]], [ends[0] - 1e-6, ends[1] + 1e-6])[0]
        assert above[0] - above[1] >= coverage - 1e-9


def test_few_groups_give_no_probability(nine):
    "Four cities do not tell how often a threshold is exceeded."
    four = Calibration.from_held_out(nine.head(4))
    assert np.isnan(four.exceedance([20.0], [[1.0, 1.0]], [25.0])).all()


def test_what_is_stored_gives_the_same_intervals(nine, tmp_path):
    "Written to Parquet and read again, every period gives the same numbers."
    days = {f"city {n}": np.sin(np.arange(40.0) * n) for n in range(9)}
    calibration = Calibration.from_held_out(held_out(days))
    calibration.to_table().to_parquet(tmp_path / "calibration.parquet", index=False)
    again = Calibration.from_table(pd.read_parquet(tmp_path / "calibration.parquet"))
    for period in ("day", "month"):
        expected = calibration.interval([20.0], [[2.0, 3.0]], 0.9, period=period)
        assert np.isfinite(expected).all()
        npt.assert_array_equal(again.interval([20.0], [[2.0, 3.0]], 0.9, period=period), expected)
    assert again.n_groups("year") == 0


def test_a_day_twice_in_a_group_is_refused(nine):
    "Two sites of a city need their site_id; with it they share the city's weight."
    twice = pd.concat([nine, nine.head(1)], ignore_index=True)
    with pytest.raises(ValueError, match="a day twice"):
        Calibration.from_held_out(twice)
    sites = twice.assign(site_id=twice.index.astype(str))
    assert Calibration.from_held_out(sites).n_groups() == 9


@pytest.mark.parametrize("residual_scale", [0.0, -1.0])
def test_a_residual_scale_is_positive(nine, residual_scale):
    "A residual scale of zero would make a score infinite."
    with pytest.raises(ValueError, match="not positive"):
        Calibration.from_held_out(nine.assign(scale_low=residual_scale))


def test_rows_without_observation_do_not_calibrate(nine):
    "A tenth city without observations changes nothing."
    silent = nine.head(1).assign(group="silent", observed=np.nan)
    calibration = Calibration.from_held_out(pd.concat([nine, silent], ignore_index=True))
    assert calibration.n_groups() == 9


def test_one_row_a_group_is_ordinary_split_conformal():
    "With a row per group and equal residual scales, crepes gives the same intervals and distributions."
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(3)
    # Numbers of few binary digits, so that storing scores in single precision loses nothing.
    residual, sigma = rng.integers(-64, 64, 31) / 8, 2.0 ** rng.integers(-1, 3, 31)
    table = pd.DataFrame({"group": np.arange(31).astype(str), "date": pd.Timestamp("2020-01-01")})
    table = table.assign(observed=100 + residual, predicted=100.0, scale_low=sigma, scale_high=sigma)
    calibration = Calibration.from_held_out(table)
    new, scale = np.array([100.0, 150.0, 200.0]), np.array([0.5, 1.0, 4.0])
    residual_scale = np.column_stack([scale, scale])
    regressor = crepes.ConformalRegressor().fit(residuals=residual, sigmas=sigma)
    for coverage in (0.25, 0.5, 0.75):
        theirs = regressor.predict_int(new, sigmas=scale, confidence=coverage)
        npt.assert_allclose(calibration.interval(new, residual_scale, coverage), theirs)
    system = crepes.ConformalPredictiveSystem().fit(residuals=residual, sigmas=sigma)
    values = system.predict_cpds(new, sigmas=scale)
    ours = calibration.exceedance(new, residual_scale, [90.0, 101.3, 152.7])
    theirs = [[np.mean(row > threshold) for threshold in (90.0, 101.3, 152.7)] for row in values]
    npt.assert_allclose(ours, theirs, atol=1e-12)


def test_coverage_of_new_cities_reaches_the_nominal_one():
    """Cities with a bias of their own: 400 draws of 19 cities cover a new city 80 % of the time or more.

    A city's bias is shared by its days, so pooling rows would pretend to know more than 19 examples.
    """
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(400):
        bias = rng.normal(0, 3, 20)
        days = bias[:, None] + rng.normal(0, 1, (20, 15))
        groups = np.repeat(np.arange(19), 15)
        quantile = hierarchical_quantile(np.abs(days[:19]).ravel(), groups, 0.8)
        covered.append(np.mean(np.abs(days[19]) <= quantile))
    error = np.std(covered) / np.sqrt(len(covered))
    assert np.mean(covered) >= 0.8 - 2 * error
    assert np.mean(covered) <= 0.8 + 1 / 20 + 2 * error
