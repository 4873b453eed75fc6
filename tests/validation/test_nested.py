"""Whose errors make whose interval: superfolds, groups, and one calibration for new places."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.intervals import Calibration
from airq.validation.evaluation import (
    HeldOutScores,
    held_out_errors,
    nested_calibrations,
    nested_intervals,
    score_applicability,
    score_calibration,
)


def errors(superfold, residuals):
    "A day of each of some cities of a superfold, predicted 20 with residual_scales of 1."
    cities = [f"{superfold}{number}" for number in range(len(residuals))]
    table = pd.DataFrame({"superfold": superfold, "site_id": cities, "city_id": cities})
    table["date"] = pd.Timestamp("2020-01-01")
    return table.assign(observed=20.0 + np.asarray(residuals), predicted=20.0, scale_low=1.0, scale_high=1.0)


@pytest.fixture
def pairs():
    "Three superfolds of three cities; in every pair the cities of superfold b are wrong by b + 1."
    rows = {superfold: errors(superfold, [superfold + 1.0] * 3) for superfold in range(3)}
    return {pair: pd.concat([rows[superfold] for superfold in pair]) for pair in [(0, 1), (0, 2), (1, 2)]}


def test_a_superfold_is_calibrated_by_the_others_alone(pairs):
    "Superfold 2 is wrong by 3, and its interval of 0.8 reaches as far as 2, the error of superfold 1."
    table = pd.concat([errors(superfold, [0.0]) for superfold in range(3)], ignore_index=True)
    calibrations = nested_calibrations(pairs, "city", range(3))
    assert {superfold: calibration.n_groups() for superfold, calibration in calibrations.items()} == {
        0: 6,
        1: 6,
        2: 6,
    }
    found = nested_intervals(table, calibrations, nominal=0.8)
    npt.assert_allclose(found[["lower", "upper"]], [[17, 23], [17, 23], [18, 22]])


def test_no_city_calibrates_itself(pairs):
    "Cities of superfold 0 stand in two pairs; in its calibration there is none of them."
    groups = nested_calibrations(pairs, "city", [0])[0].scores["day"]["group"]
    assert set(groups) == {"10", "11", "12", "20", "21", "22"}


def test_a_superfold_without_pairs_gets_no_interval(pairs):
    "Nothing to calibrate with: missing, not the others' interval."
    calibrations = nested_calibrations({(0, 1): pairs[0, 1]}, "city", range(3))
    found = nested_intervals(errors(2, [0.0]), calibrations, nominal=0.5, thresholds=[15.0])
    assert found.isna().all(axis=None)


def test_months_are_judged_by_the_errors_of_months():
    "Days wrong by 5, above and below in turn: their interval reaches 5, that of a month of them nothing."
    days = [errors(0, [5.0 * (-1) ** day] * 3) for day in range(30)]
    dated = [
        rows.assign(date=pd.Timestamp("2020-06-01") + pd.Timedelta(days=day)) for day, rows in enumerate(days)
    ]
    calibration = {1: Calibration.from_held_out(pd.concat(dated).assign(group=lambda rows: rows["city_id"]))}
    new = errors(1, [0.0])
    for period, expected in (("day", [15, 25]), ("month", [20, 20])):
        found = nested_intervals(new, calibration, nominal=0.5, period=period)
        npt.assert_allclose(found[["lower", "upper"]], [expected], atol=1e-9)


@pytest.mark.parametrize(("scheme", "group"), [("city", ["a", "a", "b"]), ("site", ["x", "y", "z"])])
def test_the_group_is_the_city_unless_sites_are_asked_about(scheme, group):
    "Two sites of one city are one group of the city split, and two of the site split; rows are none."
    table = errors(0, [1.0, 2.0, 3.0]).assign(scheme=scheme, city_id=list("aab"), site_id=list("xyz"))
    rows = held_out_errors(
        HeldOutScores(predictions=table.rename(columns={"predicted": "mine"}), described=("mine",)),
        scheme,
        "mine",
    )
    assert rows["group"].tolist() == group


def test_one_calibration_judges_new_places():
    "Cities wrong by 1, 2, 3 give half-widths of 2 at 50 %: of new days off by 0, 2 and 5 two are inside."
    calibration = Calibration.from_held_out(errors(0, [1.0, 2.0, 3.0]).assign(group=list("abc")))
    new = errors(1, [0.0, 2.0, 5.0]).assign(scheme="new sites", country="UGA")
    new["city"] = new["city_id"]
    coverage, _, reliable = score_calibration(new, calibration, nominal=0.5, thresholds=[15.0])
    assert coverage[0]["coverage"] == pytest.approx(2 / 3)
    # Width 4, and 2 / 0.5 * 3 for the day that lies 3 outside: (4 + 4 + 16) / 3.
    assert (coverage[0]["width"], coverage[0]["winkler"]) == (4, 8)
    # Five cities are needed for probabilities.
    assert reliable.empty


def test_few_rows_outside_give_no_ratio():
    "Nineteen rows outside are too few, twenty are enough: errors of 2 outside and 1 inside."
    for n, ratio in ((19, np.nan), (20, 2.0)):
        inside = np.r_[np.ones(30, dtype=bool), np.zeros(n, dtype=bool)]
        table = pd.DataFrame({"inside_domain": inside, "observed": 0.0, "city_id": "a"})
        table["predicted"] = np.where(inside, 1.0, 2.0)
        npt.assert_equal(score_applicability(table)["outside_ratio"], ratio)
