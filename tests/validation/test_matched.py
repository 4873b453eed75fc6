"""Folds whose held-out places lie as far from training as the places to predict."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.geo import geocentric_km
from airq.validation.matched import apart_km, factor_between, matched_folds, merged
from airq.validation.proximity import held_out_distances, with_distances
from airq.validation.splitters import HoldOut, make_folds

#: Half a degree of latitude at the equator. [km]
STEP = 55.3
DAYS = pd.date_range("2020-01-01", periods=12).strftime("%Y-%m-%d").tolist()


def meridian(*steps):
    "Positions on a meridian, so many steps of 55.3 km north of the equator."
    return geocentric_km(
        pd.DataFrame({"latitude": 0.5 * np.array(steps, dtype="float64"), "longitude": 32.0})
    )


@pytest.fixture
def panel(make_panel):
    "Twelve sites in a row on a meridian, 55.3 km apart, twelve days each."
    return make_panel(dict.fromkeys("abcdefghijkl", DAYS), pm25=np.arange(144.0))


def cities_at(*latitudes):
    return pd.DataFrame({"latitude": latitudes, "longitude": 32.0})


def test_a_place_is_measured_to_other_folds_only():
    "Of places at 0, 1, 2 and 5 steps the first two are one fold: 2 and 1 steps, 1 and 4 steps."
    distance = apart_km(meridian(0, 1, 2, 5), np.array([0, 0, 1, 1]))
    npt.assert_allclose(distance / STEP, [2, 1, 1, 4], rtol=0.002)


def test_clusters_are_dealt_out_along_the_meridian():
    "Four clusters of one place each, from south to north (or back), go to two folds in turn."
    folds = merged(meridian(0, 3, 1, 2), np.arange(4), 2)
    assert folds[0] == folds[3] and folds[1] == folds[2] and folds[0] != folds[1]


def test_a_large_cluster_is_a_fold_of_its_own():
    "Three of six places are half of them: one of two folds; the three others share the second."
    folds = merged(meridian(0, 1, 2, 10, 20, 30), np.array([0, 0, 0, 1, 2, 3]), 2)
    assert folds[:3].tolist() == [0, 0, 0] and folds[3:].tolist() == [1, 1, 1]


def test_near_cities_get_near_folds(panel):
    "Cities half a step from a site: every held-out site has a neighbour in training, one step away."
    folds = make_folds(panel, "knndm", n_folds=3, cities=cities_at(0.25, 2.75, 5.25))
    npt.assert_allclose(held_out_distances(panel, folds) / STEP, 1, rtol=0.01)


def test_far_cities_get_folds_of_neighbours(panel):
    "Cities three steps beyond the row: three folds of four sites in a row, as far as such folds can be."
    folds = make_folds(panel, "knndm", n_folds=3, cities=cities_at(-1.5, 7.0))
    held_out = sorted("".join(sorted(fold.groups)) for fold in folds)
    assert held_out == ["abcd", "efgh", "ijkl"]
    # The outer folds lie 1, 2, 3 and 4 steps from the middle one, which lies 1, 2, 2 and 1 from them.
    steps = np.sort(held_out_distances(panel, folds) / STEP).round()
    assert steps.tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4]


def test_matched_folds_are_nearer_to_the_cities_than_city_folds(panel):
    "By the mean factor between distances."
    cities = cities_at(-1.5, 7.0)
    distance = with_distances(cities, panel)["distance_km"]
    matched, city = (
        factor_between(distance, held_out_distances(panel, make_folds(panel, scheme, cities=cities)))
        for scheme in ("knndm", "city")
    )
    assert matched < city


def test_no_fold_holds_more_than_half_of_the_places():
    "Nine places in a clump and one far off: nine of ten are never held out at once."
    folds = matched_folds(meridian(*np.arange(9) / 100, 40), np.array([2000.0]), 2)
    assert np.bincount(folds).max() <= 6


def test_every_fold_holds_out_whole_stations(panel):
    "Every site has a twin 55 m away, which is in its fold."
    twins = panel.assign(site_id=panel["site_id"] + "-twin", latitude=panel["latitude"] + 0.0005)
    doubled = pd.concat([panel, twins]).sort_values(["site_id", "date"], ignore_index=True)
    station = doubled["site_id"].str[0]
    folds = make_folds(doubled, "knndm", cities=cities_at(3.0))
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(doubled)))
    for fold in folds:
        assert set(station.iloc[fold.test]).isdisjoint(station.iloc[fold.visible])


def test_without_cities_it_is_refused(panel):
    "The line says what to give."
    with pytest.raises(ValueError, match="knndm needs the cities to predict; give them .* --for"):
        list(HoldOut("knndm").split(panel))


def test_hold_out_takes_the_cities(panel):
    "The folds of the scheme."
    cities = cities_at(-1.5)
    splits = list(HoldOut("knndm", n_splits=3, cities=cities).split(panel))
    for (train, test), fold in zip(splits, make_folds(panel, "knndm", n_folds=3, cities=cities), strict=True):
        npt.assert_array_equal(train, fold.train)
        npt.assert_array_equal(test, fold.test)


def test_many_places_are_clustered_by_k_means(monkeypatch):
    "With more places than the limit, pairs 10 km apart are still held out whole for far cities."
    monkeypatch.setattr("airq.validation.matched.MOST_NESTED", 3)
    folds = matched_folds(meridian(0, 0.2, 20, 20.2, 40, 40.2), np.array([1000.0]), 3)
    assert (folds[::2] == folds[1::2]).all()
