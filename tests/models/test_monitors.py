"""What monitors nearby show: by hand, and never of a row's own group or of a fold that is left out."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.monitors import FEATURES, LAGS, Monitors, TrainingMonitors, kilometres, no_monitor

DAYS = pd.date_range("2020-01-01", periods=4)


def rows(latitudes, days=DAYS):
    "Rows of sites on a meridian; a site is called by its latitude."
    table = [(f"s{latitude}", day, latitude, 30.0) for latitude in latitudes for day in days]
    table = pd.DataFrame(table, columns=["site_id", "date", "latitude", "longitude"])
    return table.astype({"site_id": "str", "date": "datetime64[us]"})


def monitors(values, **options):
    "Monitors at latitudes, with a value of each on four days."
    return Monitors(rows(values), np.ravel(list(values.values())), **options)


def seen(table, name):
    "A feature in µg m⁻³."
    return np.expm1(table[f"monitors_{name}"].to_numpy(dtype="float64"))


STEADY = {0.0: [9.0, 12.0, 8.0, 11.0], 0.1: [19.0, 22.0, 18.0, 21.0], 1.0: [39.0, 42.0, 38.0, 41.0]}


def test_the_nearest_two_monitors_and_the_distance():
    "From 0.02 degrees north, the equator is 2.2 km and 0.1 degrees 8.8 km away."
    around = monitors(STEADY).around(rows([0.02]))
    npt.assert_allclose(seen(around, "nearest"), STEADY[0.0], rtol=1e-5)
    npt.assert_allclose(seen(around, "second"), STEADY[0.1], rtol=1e-5)
    npt.assert_allclose(kilometres(around), 0.02 * 110.574, rtol=1e-4)


def test_the_days_before_and_after():
    "One monitor: the features of the second day hold its first and its third."
    around = monitors({0.0: STEADY[0.0]}).around(rows([0.1]))
    npt.assert_allclose(seen(around, "before")[1], 9.0, rtol=1e-5)
    npt.assert_allclose(seen(around, "after")[1], 8.0, rtol=1e-5)
    assert np.isnan(around["monitors_before"][0]) and np.isnan(around["monitors_after"][3])


def test_live_features_do_not_look_ahead():
    "Another value tomorrow changes nothing today, in no feature; forty days, so that there is a usual value."
    days = pd.date_range("2020-01-01", periods=40)
    table, at = rows([0.0, 0.1, 1.0], days), rows([0.02], days)
    pm25 = np.random.default_rng(0).uniform(10, 60, len(table))
    changed = np.where(table["date"] > days[20], 9 * pm25, pm25)
    for recipe, same in (("live", True), ("retrospective", False)):
        before, after = (Monitors(table, values, lags=LAGS[recipe]).around(at) for values in (pm25, changed))
        assert np.allclose(before[:21], after[:21], equal_nan=True) is same
        assert not np.allclose(before[21:], after[21:], equal_nan=True)


@pytest.mark.parametrize("place", [30.0, -15.0])
def test_beyond_a_thousand_kilometres_there_is_no_monitor(place):
    "Thirty degrees are 3,300 km."
    around = monitors(STEADY).around(rows([place]))
    npt.assert_array_equal(around, no_monitor(len(around)).T)
    npt.assert_array_equal(kilometres(around), np.inf)


def test_on_days_without_monitors_there_is_none():
    "A year later a place is as one far from every monitor."
    around = monitors(STEADY).around(rows([0.02], pd.date_range("2021-06-01", periods=2)))
    npt.assert_array_equal(around, no_monitor(2).T)


def test_places_are_looked_at_in_parts(monkeypatch):
    "One at a time, and rows in any order: the same features."
    at = rows([0.02, 0.3, 0.05]).sample(frac=1, random_state=0)
    whole = monitors(STEADY).around(at)
    monkeypatch.setattr("airq.models.monitors.AT_ONCE", 1)
    pd.testing.assert_frame_equal(monitors(STEADY).around(at), whole)


def field(range_km, n_sites=30, n_days=20):
    "Monitors 11 km apart whose logarithms are a random field of a range, anew every day."
    table = rows(
        [round(number / 10, 1) for number in range(n_sites)], pd.date_range("2020-01-01", periods=n_days)
    )
    where = 11.06 * np.arange(n_sites)
    covariance = np.exp(-np.abs(where[:, None] - where) / range_km) + 0.01 * np.eye(n_sites)
    logs = np.random.default_rng(0).multivariate_normal(np.full(n_sites, 3.0), 0.2 * covariance, n_days)
    return table, np.exp(logs.T.ravel())


@pytest.mark.parametrize("range_km", [20.0, 100.0])
def test_the_range_of_a_field_is_found_again(range_km):
    "Of 20, 100 and 500 km."
    table, pm25 = field(range_km)
    assert Monitors(table, pm25).fit(table["site_id"]).parameters["range_km"] == range_km


def test_a_spike_does_not_spread():
    "One value of 100,000 among days of 9 to 11 at ten monitors is limited before a neighbour sees it."
    rng = np.random.default_rng(0)
    values = {round(number / 100, 2): rng.uniform(9, 11, 4) for number in range(10)}
    values[0.0][1] = 100_000.0
    assert seen(monitors(values).around(rows([0.001])), "nearest").max() < 20


def test_monitors_of_one_day_do_not_set_the_limit():
    "Ten monitors of forty days, and a hundred of one: what the ten showed stays as it is."
    days = pd.date_range("2020-01-01", periods=40)
    table = rows([round(number / 100, 2) for number in range(10)], days)
    pm25 = np.exp(np.random.default_rng(0).normal(3, 0.6, len(table)))
    before = Monitors(table, pm25)
    once = rows([round(1 + number / 100, 2) for number in range(100)], days[:1]).assign(pm25=20.0)
    npt.assert_allclose(before.joined(once).logs[:10], before.logs, rtol=1e-6)


def test_other_monitors_are_seen_beside_those_of_training():
    "A monitor at 0.02 degrees that training did not know, on one day of training and one later."
    days = pd.DatetimeIndex([DAYS[1], "2020-03-01"])
    others = rows([0.02], days).assign(pm25=[15.0, 18.0])
    around = monitors(STEADY).joined(others).around(rows([0.021], days))
    npt.assert_allclose(seen(around, "second")[0], 12.0, rtol=1e-5)
    npt.assert_allclose(seen(around, "nearest")[1], 18.0, rtol=1e-5)


def test_the_table_makes_the_same_monitors():
    "What a bundle stores."
    before = monitors(STEADY)
    again = Monitors(before.table(), before.table()["pm25"])
    pd.testing.assert_frame_equal(again.around(rows([0.02])), before.around(rows([0.02])))


LATITUDES = [round(number / 50, 2) for number in range(10)]


def training(change=None, groups=None, seed=0):
    "Ten sites in five folds; `change` multiplies the values of a site."
    rng = np.random.default_rng(seed)
    table = rows(LATITUDES)
    pm25 = rng.uniform(10, 60, len(table))
    if change is not None:
        pm25[table["site_id"] == f"s{LATITUDES[change]}"] *= 1.5
    groups = table["site_id"] if groups is None else np.repeat(groups, len(DAYS))
    folds = np.repeat(np.arange(10) % 5, len(DAYS))
    return TrainingMonitors(Monitors(table, pm25), groups, folds), folds


def differs(before, after):
    "Which rows of two tables of features differ."
    return (~np.isclose(before, after, equal_nan=True)).any(axis=1)


def test_a_row_does_not_see_its_own_site():
    "Site 0 changes: no feature of its own rows does, those of its neighbours do."
    (before, folds), (after, _) = training(), training(change=0)
    moved = differs(before.beyond(0, 0.0), after.beyond(0, 0.0))
    assert not moved[: len(DAYS)].any()
    # Left out is fold 1; site 1 sees site 0.
    assert differs(before.beyond(1, 0.0), after.beyond(1, 0.0))[: len(DAYS)].all()
    assert (folds[: len(DAYS)] == 0).all()


def test_a_row_does_not_see_its_own_group():
    "Sites 0 and 1 are one city: a change of site 0 moves no feature of site 1 in any fold that is left out."
    city = ["a", "a", *"bcdefghi"]
    (before, _), (after, _) = training(groups=city), training(change=0, groups=city)
    for fold in (2, 3, 4):
        moved = differs(before.dropped(fold, 0), after.dropped(fold, 0)).reshape(10, -1)
        assert not moved[:2].any() and moved[2:].any()


def test_no_row_sees_a_fold_that_is_left_out():
    "Site 0 is in fold 0: with that left out, no feature of any row changes with it."
    (before, _), (after, _) = training(), training(change=0)
    assert not differs(before.dropped(0, 0), after.dropped(0, 0)).any()
    assert differs(before.dropped(1, 0), after.dropped(1, 0)).any()


def test_some_rows_see_all_monitors_and_some_none():
    "Half of the rows see a neighbour at 2.2 km, one in seven sees no monitor; drawn anew for every fold."
    table = rows([*LATITUDES, 6.5], pd.date_range("2020-01-01", periods=200))
    folds = np.repeat([*(np.arange(10) % 5), 4], 200)
    drawn = TrainingMonitors(Monitors(table, np.full(len(table), 10.0)), table["site_id"], folds)
    features = [pd.DataFrame(drawn.dropped(fold, 0), columns=list(FEATURES)) for fold in (0, 1)]
    apart = [kilometres(table) for table in features]
    # The monitor at 700 km is beyond every radius that is drawn.
    near = np.arange(len(table)) < 10 * 200
    assert 0.5 < np.mean(apart[0][near] < 5) < 0.65
    npt.assert_allclose(np.mean(np.isinf(apart[0][near])), 0.15, atol=0.03)
    # Rows of folds 2 to 4 have the same neighbours when fold 0 or 1 is left out, at these distances.
    others = near & (folds > 1) & (apart[0] > 100) & (apart[1] > 100)
    assert np.mean(np.isinf(apart[0][others]) != np.isinf(apart[1][others])) > 0.02


def test_beyond_a_radius():
    "Within 3 km hidden: the neighbours at 2.2 km are not seen, those at 4.4 km are."
    found, _ = training()
    features = pd.DataFrame(found.beyond(0, 3.0), columns=list(FEATURES))
    npt.assert_allclose(kilometres(features).min(), 0.04 * 110.574, rtol=1e-3)
