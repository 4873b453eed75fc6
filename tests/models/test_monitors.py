"""What monitors nearby show: by hand, and never of a row's own group or of a fold that is left out."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.models.monitors import FEATURES, LAGS, Monitors, TrainingMonitors, kilometres

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
    "Another value tomorrow changes nothing today."
    changed = {latitude: [*values[:2], values[2] * 3, values[3]] for latitude, values in STEADY.items()}
    around = [
        monitors(values, lags=LAGS["live"]).around(rows([0.02]))[["monitors_kriging", "monitors_weighted"]]
        for values in (STEADY, changed)
    ]
    npt.assert_array_equal(around[0].iloc[:2], around[1].iloc[:2])
    assert not np.allclose(around[0].iloc[2], around[1].iloc[2])


@pytest.mark.parametrize("place", [30.0, -15.0])
def test_beyond_a_thousand_kilometres_there_is_no_monitor(place):
    "Thirty degrees are 3,300 km."
    around = monitors(STEADY).around(rows([place]))
    assert around.drop(columns="monitors_nearness").isna().all(axis=None)
    npt.assert_array_equal(kilometres(around), np.inf)


def test_on_days_without_monitors_there_is_none():
    "A year later."
    around = monitors(STEADY).around(rows([0.02], pd.date_range("2021-06-01", periods=2)))
    assert around.drop(columns="monitors_usual").isna().all(axis=None)


def test_a_spike_does_not_spread():
    "One value of 100,000 among days of 9 to 11 at ten monitors is limited before a neighbour sees it."
    rng = np.random.default_rng(0)
    values = {round(number / 100, 2): rng.uniform(9, 11, 4) for number in range(10)}
    values[0.0][1] = 100_000.0
    assert seen(monitors(values).around(rows([0.001])), "nearest").max() < 20


def test_other_monitors_are_seen_beside_those_of_training():
    "A monitor at 0.02 degrees that training did not know, on one day of training and one later."
    days = pd.DatetimeIndex([DAYS[1], "2020-03-01"])
    others = rows([0.02], days).assign(pm25=[70.0, 80.0])
    around = monitors(STEADY).joined(others).around(rows([0.021], days))
    npt.assert_allclose(seen(around, "second")[0], 12.0, rtol=1e-5)
    npt.assert_allclose(seen(around, "nearest")[1], 80.0, rtol=1e-5)


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
    table = rows(LATITUDES, pd.date_range("2020-01-01", periods=200))
    folds = np.repeat(np.arange(10) % 5, 200)
    drawn = TrainingMonitors(Monitors(table, np.full(len(table), 10.0)), table["site_id"], folds)
    features = [pd.DataFrame(drawn.dropped(fold, 0), columns=list(FEATURES)) for fold in (0, 1)]
    apart = [kilometres(table) for table in features]
    # Of those that draw a radius, most radii hide all of these monitors within 20 km, too.
    assert 0.5 < np.mean(apart[0] < 5) < 0.65
    assert 0.15 < np.mean(np.isinf(apart[0])) < 0.5
    assert not np.array_equal(apart[0], apart[1])


def test_beyond_a_radius():
    "Within 3 km hidden: the neighbours at 2.2 km are not seen, those at 4.4 km are."
    found, _ = training()
    features = pd.DataFrame(found.beyond(0, 3.0), columns=list(FEATURES))
    npt.assert_allclose(kilometres(features).min(), 0.04 * 110.574, rtol=1e-3)
