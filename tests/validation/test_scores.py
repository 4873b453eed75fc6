"""Figures against values worked out by hand."""

import numpy as np
import numpy.testing as npt
import pytest

from airq.validation.scores import bootstrap_difference, r2, rmse, scores, smoothed, top_error, worst_city

DAYS = ["2020-01-01", "2020-01-02"]


def test_rmse_by_hand():
    "Errors 3 and 4: sqrt((9 + 16) / 2)."
    npt.assert_allclose(rmse([0, 0], [3, 4]), np.sqrt(12.5))


def test_r2_by_hand():
    "Observed 0 and 2 residual_scale by 2 around 1; errors of 1 and 0 leave half."
    npt.assert_allclose(r2([0, 2], [1, 2]), 0.5)


def test_r2_of_a_constant_is_missing():
    "Without variance there is nothing to explain."
    assert np.isnan(r2([3, 3], [1, 2]))


def test_scores_by_hand(make_panel):
    "Predicted 5, 40, 10, 60 for observed 5, 20, 10, 30: errors 0, 20, 0, 30; classes 0, 2-1, 1, 3-1 apart."
    panel = make_panel({"a": DAYS, "b": DAYS}, pm25=[5, 20, 10, 30])
    found = scores(panel, [5, 40, 10, 60])
    npt.assert_allclose(found["rmse"], np.sqrt((400 + 900) / 4), rtol=1e-6)
    npt.assert_allclose(found["mae"], 12.5)
    npt.assert_allclose(found["bias"], 12.5)
    assert found["n"] == 4
    assert found["aqi_right"] == 0.5
    assert found["aqi_within_one"] == 0.75
    assert (found["unit"], found["aqi_table"]) == ("µg m⁻³", "aqi-us-2024")


def test_robust_figures_by_hand(make_panel):
    "Errors 1, 2, 3 and 30, the last of the highest of four rows: 900 of 914; without it the root of 14 / 3."
    panel = make_panel({"a": DAYS, "b": DAYS}, pm25=[5, 6, 7, 100])
    found = scores(panel, [6, 8, 10, 70])
    assert found["median_error"] == pytest.approx(2.5)
    assert found["top1_share"] == pytest.approx(900 / 914)
    assert found["rmse_without_top1"] == pytest.approx((14 / 3) ** 0.5)


def test_the_highest_hundredth_of_many_rows():
    "Of 300 rows the highest three: errors of 10 there and of 1 elsewhere, 300 of 597."
    observed = np.arange(300.0)
    error = np.where(observed >= 297, 10.0, 1.0)
    assert top_error(observed, observed + error)["top1_share"] == pytest.approx(300 / 597)


def test_the_worst_city_by_hand(make_panel):
    "City b has errors of 2 on both days, city a none."
    panel = make_panel({"a": DAYS, "b": DAYS}, pm25=[1, 1, 1, 1])
    assert worst_city(panel, [1, 1, 3, 3]) == ("b, UGA", 2.0)


def test_a_city_of_few_days_is_not_the_worst(make_panel):
    "One wild day of a city with a single row does not name the worst city."
    days = [f"2020-01-{day:02d}" for day in range(1, 13)]
    panel = make_panel({"a": days, "b": days[:1]}, pm25=np.ones(13))
    predicted = np.r_[np.full(12, 2.0), 100.0]
    assert worst_city(panel, predicted)[0] == "a, UGA"


def test_smoothing_goes_by_the_calendar(make_panel):
    "Five of ten days suffice for a mean; after a gap of ten days one value does not."
    days = [f"2020-01-{day:02d}" for day in (1, 2, 3, 4, 5, 25)]
    panel = make_panel({"a": days}, pm25=[1, 2, 3, 4, 5, 6])
    npt.assert_allclose(smoothed(panel, panel["pm25"]), [np.nan, np.nan, np.nan, np.nan, 3, np.nan])


def test_smoothing_does_not_mix_sites(make_panel):
    "Site b starts anew."
    days = [f"2020-01-{day:02d}" for day in range(1, 6)]
    panel = make_panel({"a": days, "b": days}, pm25=[1] * 5 + [7] * 5)
    npt.assert_allclose(smoothed(panel, panel["pm25"])[[4, 9]], [1, 7])


def test_a_better_model_has_an_interval_below_zero(make_panel):
    "Six cities, ours always right, theirs wrong by 1: difference and both limits are -1."
    panel = make_panel(dict.fromkeys("abcdef", DAYS), pm25=np.ones(12))
    found = bootstrap_difference(panel, np.ones(12), np.zeros(12))
    assert (found["difference"], found["ci_low"], found["ci_high"]) == (-1, -1, -1)
    assert found["resampled"] == "cities"


def test_the_bootstrap_draws_cities_not_rows(make_panel):
    "One of six cities decides; days of the same city do not shrink the interval."
    few = make_panel(dict.fromkeys("abcdef", DAYS), pm25=np.zeros(12))
    many_days = [f"2020-03-{day:02d}" for day in range(1, 21)]
    many = make_panel(dict.fromkeys("abcdef", many_days), pm25=np.zeros(120))
    theirs_few, theirs_many = np.repeat([1, 2, 3, 4, 5, 6], 2), np.repeat([1, 2, 3, 4, 5, 6], 20)
    narrow = bootstrap_difference(many, np.zeros(120), theirs_many)
    wide = bootstrap_difference(few, np.zeros(12), theirs_few)
    npt.assert_allclose([narrow["ci_low"], narrow["ci_high"]], [wide["ci_low"], wide["ci_high"]])


@pytest.mark.parametrize("n_cities", [2, 4])
def test_too_few_cities_give_no_interval(make_panel, n_cities):
    "With fewer than five groups the limits stay empty."
    panel = make_panel(dict.fromkeys("abcd"[:n_cities], DAYS), pm25=np.ones(2 * n_cities))
    found = bootstrap_difference(panel, np.ones(2 * n_cities), np.zeros(2 * n_cities))
    assert found["difference"] == -1
    assert np.isnan(found["ci_low"])
