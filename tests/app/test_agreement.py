"""What is said of a city's predictions against what was observed there."""

import numpy as np
import pandas as pd
import pytest

from app.agreement import agreement, held_out_days, words

DAYS = pd.date_range("2020-01-01", periods=6)


@pytest.fixture
def held_out(tmp_path):
    "Six days of Kampala by two schemes: 10 observed, 12 predicted by city, 10 by site."
    one = pd.DataFrame({"city_id": "kla", "date": DAYS, "observed": 10.0, "lower": 9.0, "upper": 11.0})
    rows = pd.concat([one.assign(scheme="site", default=10.0), one.assign(scheme="city", default=12.0)])
    rows.to_parquet(tmp_path / "held_out.parquet")
    return tmp_path / "held_out.parquet"


def test_the_scheme_of_an_unseen_city_counts_first(held_out):
    "By city the predictions are 2 too high; those by site, which are right, do not count."
    rows, scheme = held_out_days(held_out, "kla")
    assert rows["predicted"].tolist() == [12.0] * 6
    assert agreement(rows).bias == 2.0
    assert "cit" in scheme


def test_repeats_are_not_averaged(held_out):
    "One repeat is 2 too high, the other 2 too low; their mean would be right, the first one is not."
    rows = pd.read_parquet(held_out)
    more = [rows.assign(repeat=0), rows.assign(repeat=1, default=20.0 - rows["default"])]
    pd.concat(more).to_parquet(held_out)
    assert held_out_days(held_out, "kla")[0]["predicted"].tolist() == [12.0] * 6


def test_another_city_has_no_rows(held_out):
    "Nairobi was not held out."
    assert held_out_days(held_out, "nbo")[0].empty
    assert held_out_days(None, "kla")[0].empty


def test_few_days_say_nothing():
    "Four days are too few, five are enough; a day without an observation does not count."
    rows = pd.DataFrame({"observed": [1.0, 1, 1, 1, np.nan], "predicted": 2.0})
    rows[["lower", "upper"]] = np.nan
    assert agreement(rows) is None
    found = agreement(rows.fillna({"observed": 1.0}))
    assert (found.days, found.bias) == (5, 1.0)
    assert "interval" not in words(found)


def test_the_share_inside_counts_days_with_an_interval():
    "Four of five days lie between 0 and 2."
    rows = pd.DataFrame({"observed": [1.0, 1, 1, 1, 3], "predicted": 1.0, "lower": 0.0, "upper": 2.0})
    assert agreement(rows).inside == pytest.approx(0.8)
