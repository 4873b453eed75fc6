"""Whose errors make whose interval: blocks, units, and one calibration for new places."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.intervals import Calibration
from airq.validation.evaluation import (
    held_out_errors,
    judge_calibration,
    judge_domain,
    nested_calibrations,
    nested_intervals,
)


def errors(block, residuals):
    "A day of each of some cities of a block, predicted 20 with spreads of 1."
    cities = [f"{block}{number}" for number in range(len(residuals))]
    table = pd.DataFrame({"block": block, "site_id": cities, "city_id": cities})
    table["date"] = pd.Timestamp("2020-01-01")
    return table.assign(
        observed=20.0 + np.asarray(residuals), predicted=20.0, spread_low=1.0, spread_high=1.0
    )


@pytest.fixture
def pairs():
    "Three blocks of three cities; in every pair the cities of block b are wrong by b + 1."
    rows = {block: errors(block, [block + 1.0] * 3) for block in range(3)}
    return {pair: pd.concat([rows[block] for block in pair]) for pair in [(0, 1), (0, 2), (1, 2)]}


def test_a_block_is_calibrated_by_the_others_alone(pairs):
    "Block 2 is wrong by 3, and its interval of 0.8 reaches as far as 2, the error of block 1."
    table = pd.concat([errors(block, [0.0]) for block in range(3)], ignore_index=True)
    calibrations = nested_calibrations(pairs, "city", range(3))
    assert {block: calibration.n_units() for block, calibration in calibrations.items()} == {0: 6, 1: 6, 2: 6}
    found = nested_intervals(table, calibrations, level=0.8)
    npt.assert_allclose(found[["lower", "upper"]], [[17, 23], [17, 23], [18, 22]])


def test_no_city_calibrates_itself(pairs):
    "Cities of block 0 stand in two pairs; in its calibration there is none of them."
    units = nested_calibrations(pairs, "city", [0])[0].scores["day"]["unit"]
    assert set(units) == {"10", "11", "12", "20", "21", "22"}


def test_a_block_without_pairs_gets_no_interval(pairs):
    "Nothing to calibrate with: missing, not the others' interval."
    calibrations = nested_calibrations({(0, 1): pairs[0, 1]}, "city", range(3))
    found = nested_intervals(errors(2, [0.0]), calibrations, level=0.5, levels=[15.0])
    assert found.isna().all(axis=None)


def test_months_are_judged_by_the_errors_of_months():
    "Days wrong by 5, above and below in turn: their interval reaches 5, that of a month of them nothing."
    days = [errors(0, [5.0 * (-1) ** day] * 3) for day in range(30)]
    dated = [
        rows.assign(date=pd.Timestamp("2020-06-01") + pd.Timedelta(days=day)) for day, rows in enumerate(days)
    ]
    calibration = {1: Calibration.from_held_out(pd.concat(dated).assign(unit=lambda rows: rows["city_id"]))}
    new = errors(1, [0.0])
    for period, expected in (("day", [15, 25]), ("month", [20, 20])):
        found = nested_intervals(new, calibration, level=0.5, period=period)
        npt.assert_allclose(found[["lower", "upper"]], [expected], atol=1e-9)


@pytest.mark.parametrize(("scheme", "unit"), [("city", ["a", "a", "b"]), ("site", ["x", "y", "z"])])
def test_the_unit_is_the_city_unless_sites_are_asked_about(scheme, unit):
    "Two sites of one city are one unit of the city split, and two of the site split; rows are none."
    table = errors(0, [1.0, 2.0, 3.0]).assign(scheme=scheme, city_id=list("aab"), site_id=list("xyz"))
    rows = held_out_errors(table.rename(columns={"predicted": "mine"}), scheme, "mine")
    assert rows["unit"].tolist() == unit


def test_one_calibration_judges_new_places():
    "Cities wrong by 1, 2, 3 give half-widths of 2 at 50 %: of new days off by 0, 2 and 5 two are inside."
    calibration = Calibration.from_held_out(errors(0, [1.0, 2.0, 3.0]).assign(unit=list("abc")))
    new = errors(1, [0.0, 2.0, 5.0]).assign(scheme="new sites", country="UGA")
    new["city"] = new["city_id"]
    coverage, _, reliable = judge_calibration(new, calibration, level=0.5, levels=[15.0])
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
        npt.assert_equal(judge_domain(table)["outside_ratio"], ratio)
