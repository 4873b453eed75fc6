"""What is held out, what is visible, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from airq.panel import sort_panel
from airq.sources.simulated import simulate
from airq.validation.splitters import (
    UnsupportedScheme,
    fold_of_rows,
    inner_column,
    make_folds,
    training_groups,
)

DAYS = pd.date_range("2020-01-01", periods=15).strftime("%Y-%m-%d").tolist()


@pytest.fixture
def panel(make_panel):
    "Six sites in three cities of two countries, fifteen days each, the last day without PM2.5."
    sites = ["a", "b", "c", "d", "e", "f"]
    values = np.arange(90.0)
    values[14::15] = np.nan
    panel = make_panel(dict.fromkeys(sites, DAYS), pm25=values)
    city = {"a": "X", "b": "X", "c": "Y", "d": "Y", "e": "Z", "f": "Z"}
    panel["city_id"] = panel["city"] = panel["site_id"].map(city)
    panel["country"] = panel["city_id"].map({"X": "UGA", "Y": "KEN", "Z": "KEN"})
    return panel


@pytest.mark.parametrize(
    ("scheme", "column", "n_folds"),
    [("site", "site_id", 5), ("city", "city_id", 3), ("country", "country", 2)],
)
def test_a_group_is_never_on_both_sides(panel, scheme, column, n_folds):
    "No held-out site, city or country has a visible row, labelled or not."
    folds = make_folds(panel, scheme)
    assert len(folds) == n_folds
    for fold in folds:
        held_out = set(panel[column].iloc[fold.test])
        assert held_out.isdisjoint(panel[column].iloc[fold.visible])
        assert set(fold.train) <= set(fold.visible)


def test_one_monitor_under_two_names_is_in_one_fold(panel):
    "Every site has a twin 55 m away; six stations are held out, each with both of its names."
    twins = panel.assign(site_id=panel["site_id"] + "-twin", latitude=panel["latitude"] + 0.0005)
    doubled = sort_panel(pd.concat([panel, twins], ignore_index=True))
    folds = make_folds(doubled, "site")
    assert sorted(group for fold in folds for group in fold.groups) == ["a", "b", "c", "d", "e", "f"]
    for fold in folds:
        station = doubled["site_id"].str[0]
        assert set(station.iloc[fold.test]).isdisjoint(station.iloc[fold.visible])


@pytest.mark.parametrize("scheme", ["random", "site", "city", "country"])
def test_every_labelled_row_is_judged_once(panel, scheme):
    "The test rows of all folds are the 84 rows with PM2.5, each once."
    test = np.concatenate([fold.test for fold in make_folds(panel, scheme)])
    assert sorted(test) == np.flatnonzero(panel["pm25"].notna()).tolist()


def test_a_random_fold_shows_inputs_but_not_targets(panel):
    "A held-out day keeps its row; its PM2.5 is gone."
    fold = make_folds(panel, "random")[0]
    training = fold.training_panel(panel)
    assert len(training) == len(panel)
    assert training["pm25"].iloc[fold.test].isna().all()
    assert training["pm25"].notna().sum() == len(fold.train)


def test_the_original_keeps_its_targets(panel):
    "Building a training panel does not blank the panel itself."
    before = panel["pm25"].copy()
    make_folds(panel, "random")[0].training_panel(panel)
    pd.testing.assert_series_equal(panel["pm25"], before)


def test_the_buffer_empties_the_surroundings(panel):
    "Sites lie 0.5° (55 km) apart in a row; within 60 km of held-out city X (a, b) lies c, so d, e, f remain."
    folds = make_folds(panel, "buffer", buffer_km=60)
    fold = next(fold for fold in folds if set(panel["city_id"].iloc[fold.test]) == {"X"})
    assert set(panel["site_id"].iloc[fold.train]) == {"d", "e", "f"}


def test_one_city_cannot_be_split(panel):
    "The reason names the city."
    panel["city_id"] = "Kampala"
    with pytest.raises(UnsupportedScheme, match="in one city only .Kampala."):
        make_folds(panel, "city")


def test_too_wide_a_buffer_leaves_nothing(panel):
    "With 1,000 km around them no row is left to learn from."
    with pytest.raises(UnsupportedScheme, match="leaves 0 rows"):
        make_folds(panel, "buffer", buffer_km=1000)


def test_training_keeps_sites_together_where_cities_are_few(panel):
    "Three cities are too few to hold cities out; six cities of equal size are enough."
    assert training_groups(panel) == "site_id"
    assert training_groups(panel.assign(city_id=panel["site_id"])) == "city_id"


def test_training_keeps_sites_together_where_one_city_dominates(panel):
    "Of six cities one holds nine tenths of the rows, so leaving cities out would leave nearly nothing."
    heavy = pd.concat([panel.assign(city_id="big")] * 10 + [panel.assign(city_id=panel["site_id"])])
    assert training_groups(heavy) == "site_id"


def test_inner_folds_ask_the_question_of_the_outer_ones(panel):
    "A city split chooses its settings on held-out cities, a random one on rows."
    assert inner_column("city", panel) == "city_id"
    assert inner_column("site", panel) == "site_id"
    assert inner_column("random", panel) is None


def test_two_countries_leave_one_to_train_on(panel):
    "One country is left after holding one of two out; the inner folds then keep sites together."
    assert inner_column("country", panel) == "site_id"


def test_every_country_is_a_fold_of_its_own(panel):
    "Seven countries make five folds of `country`, and seven of `leave-country-out`."
    rows = pd.concat(
        [
            panel.assign(country=name, site_id=name + panel["site_id"], longitude=panel["longitude"] + number)
            for number, name in enumerate("ABCDEFG")
        ]
    )
    rows = rows.reset_index(drop=True)
    assert len(make_folds(rows, "country")) == 5
    folds = make_folds(rows, "leave-country-out")
    assert sorted(fold.groups for fold in folds) == [(name,) for name in "ABCDEFG"]
    for fold in folds:
        assert set(rows["country"].iloc[fold.visible]) == set("ABCDEFG") - set(fold.groups)


def test_one_city_at_a_time_with_its_surroundings(panel):
    "Sites lie 55 km apart in a row; with 60 km around it city Y (c, d) leaves only a and f."
    folds = make_folds(panel, "leave-city-out", buffer_km=60)
    left = {fold.groups[0]: "".join(sorted(set(panel["site_id"].iloc[fold.train]))) for fold in folds}
    assert left == {"X": "def", "Y": "af", "Z": "abc"}


def test_a_city_whose_surroundings_hold_everything_is_named(panel):
    "Within 200 km of either outer city lie all sites but the farthest one."
    panel["city"] = panel["city_id"].map({"X": "Kampala", "Y": "Lira", "Z": "Kampala"})
    with pytest.raises(UnsupportedScheme, match="Kampala with 200 km around it leaves 14 rows of 1 site"):
        make_folds(panel, "leave-city-out", buffer_km=200)


def test_regions_keep_neighbouring_cities_together(make_panel):
    "Of four cities, two near the equator and two at 50° north, the near ones are held out together."
    panel = make_panel(dict.fromkeys("abcd", DAYS), pm25=np.arange(60.0))
    panel["latitude"] = panel["site_id"].map({"a": 0.0, "c": 1.0, "b": 50.0, "d": 51.0})
    held_out = [set(panel["city_id"].iloc[fold.test]) for fold in make_folds(panel, "region")]
    assert sorted(held_out, key=min) == [{"a", "c"}, {"b", "d"}]


def test_three_cities_are_too_few_for_regions(panel):
    "Two regions of two cities need four."
    with pytest.raises(UnsupportedScheme, match="too few cities for two regions"):
        make_folds(panel, "region")


@pytest.fixture
def two_years(make_panel):
    "Two sites, every day from 2018-12-01 to 2020-11-30."
    days = pd.date_range("2018-12-01", "2020-11-30").strftime("%Y-%m-%d").tolist()
    return make_panel({"a": days, "b": days}, pm25=np.arange(2.0 * len(days)))


def test_a_season_is_held_out_in_all_years_with_a_week_around_it(two_years):
    "JJA hides June to August of both years; training ends on 24 May and begins again on 8 September."
    fold = next(fold for fold in make_folds(two_years, "season") if fold.groups == ("JJA",))
    test, visible = two_years["date"].iloc[fold.test], two_years["date"].iloc[fold.visible]
    assert set(test.dt.month) == {6, 7, 8}
    assert set(test.dt.year) == {2019, 2020}
    assert len(test) == 2 * 2 * 92
    for year in (2019, 2020):
        ours = visible[visible.dt.year == year]
        assert ours[ours.dt.month < 6].max() == pd.Timestamp(year, 5, 24)
        assert ours[ours.dt.month > 5].min() == pd.Timestamp(year, 9, 8)


def test_winter_is_one_season_across_the_turn_of_the_year(two_years):
    "DJF holds out December 2018 with January 2019, and 29 February 2020."
    fold = next(fold for fold in make_folds(two_years, "season") if fold.groups == ("DJF",))
    test = set(two_years["date"].iloc[fold.test])
    assert {pd.Timestamp("2018-12-31"), pd.Timestamp("2019-01-01"), pd.Timestamp("2020-02-29")} <= test
    assert pd.Timestamp("2020-03-01") not in test


def test_one_season_cannot_be_split(panel):
    "All days lie in January."
    with pytest.raises(UnsupportedScheme, match="in one season only .DJF."):
        make_folds(panel, "season")


def test_a_held_out_season_judges_a_predictor_trained_like_the_final_one(panel):
    "Its inner folds are sites here, as `training_groups` says."
    assert inner_column("season", panel) == "site_id"
    assert inner_column("season", panel.assign(city_id=panel["site_id"])) == "city_id"


def held_out(folds):
    return [set(fold.groups) for fold in folds]


def test_seed_zero_gives_the_folds_of_scikit_learn(panel):
    "Those of every figure published so far: GroupKFold without shuffling."
    labelled = np.flatnonzero(panel["pm25"].notna())
    splits = GroupKFold(5).split(labelled, groups=panel["site_id"].iloc[labelled])
    for fold, (_, test) in zip(make_folds(panel, "site", seed=0), splits, strict=True):
        np.testing.assert_array_equal(fold.test, labelled[test])


def test_other_seeds_shuffle_the_groups_of_a_fold(panel):
    "Six sites in three folds of two: three seeds give more than one division, each seed always the same."
    divisions = [held_out(make_folds(panel, "site", n_folds=3, seed=seed)) for seed in (1, 2, 3)]
    assert len({frozenset(map(frozenset, one)) for one in divisions}) > 1
    assert divisions[0] == held_out(make_folds(panel, "site", n_folds=3, seed=1))
    assert all(len(fold) == 2 for one in divisions for fold in one)


@pytest.mark.parametrize("seed", range(1, 6))
def test_shuffled_folds_are_balanced_in_rows(seed):
    "Groups of 1 to 9 rows: no two of three folds differ by more than nine."
    groups = np.repeat(np.arange(9), np.arange(1, 10))
    sizes = np.bincount(fold_of_rows(groups, 3, seed), minlength=3)
    assert sizes.sum() == 45 and np.ptp(sizes) <= 9


def test_twins_stay_together_when_folds_are_shuffled(panel):
    "Every site has a twin 55 m away, in its fold with any seed."
    twins = panel.assign(site_id=panel["site_id"] + "-twin", latitude=panel["latitude"] + 0.0005)
    doubled = sort_panel(pd.concat([panel, twins], ignore_index=True))
    station = doubled["site_id"].str[0]
    for fold in make_folds(doubled, "site", seed=4):
        assert set(station.iloc[fold.test]).isdisjoint(station.iloc[fold.visible])


def test_a_station_in_two_cities_is_on_one_side_only():
    "The same position under a name in city 0 and one in city 9: where one is held out, the other is hidden."
    panel = simulate(n_cities=10, start="2020-01-01", end="2020-01-10", random_state=0)
    cities = panel["city_id"].unique()
    twin = panel[panel["city_id"] == cities[0]].assign(site_id="twin", city_id=cities[9], city="twin")
    panel = sort_panel(pd.concat([panel[panel["city_id"] != cities[9]], twin], ignore_index=True))
    pair = panel["city_id"].isin([cities[0], cities[9]]).to_numpy()
    folds = make_folds(panel, "city")
    assert sum(pair[fold.test].any() for fold in folds) == 2
    assert not any(pair[fold.test].any() and pair[fold.visible].any() for fold in folds)
