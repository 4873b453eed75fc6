"""Recipes: names in order, needs, look-ahead, transformation."""

import json
import warnings

import numpy as np
import numpy.testing as npt
import pandas as pd
import pandas.testing as pdt
import pytest

from airq.features import recipe as recipes
from airq.features.recipe import Feature, Recipe, make_recipe, raw, reference, reference_method

NAN = float("nan")

CALENDAR_13 = [
    "day",
    "month",
    "year",
    "week",
    "dayofweek",
    "weekofyear",
    "days_in_month",
    "is_month_start",
    "is_month_end",
    "dayofyear",
    "is_weekend",
    "fortnight",
    "which_fortnight",
]


@pytest.fixture
def panel(make_panel):
    """Four sites, 55 km apart, over a month, with gaps, a static column and a target."""
    rng = np.random.default_rng(0)
    days = {
        site: [f"2020-01-{day:02d}" for day in range(1, 32) if (day + number) % 6]
        for number, site in enumerate("abcd")
    }
    n_rows = sum(len(listed) for listed in days.values())
    columns = {name: rng.normal(0, 3, n_rows) for name in ("wind_u", "wind_v", "aer_ai")}
    columns["no2"] = np.where(rng.random(n_rows) < 0.3, NAN, rng.random(n_rows) / 1000)
    panel = make_panel(
        days, pm25=rng.gamma(2, 20, n_rows), precipitation=rng.gamma(0.3, 5, n_rows), **columns
    )
    panel["elevation"] = panel["site_id"].map({"a": 100.0, "b": 200.0, "c": 300.0, "d": 400.0})
    return panel


def reference_panel(make_panel):
    """Three days of one site with every input of the reference."""
    days = ["2020-01-01", "2020-01-02", "2020-01-04"]
    columns = {name: [1.0, 2.0, 4.0] for name in reference().inputs}
    return make_panel({"a": days}, **columns)


def test_reference_has_the_163_names_in_order():
    "6 weather, 26 satellite, 6 static; 14 columns shifted both ways by 1, 2, 3, 5 days; 13 of the calendar."
    names = reference().names
    assert len(names) == 6 + 26 + 6 + 14 * 4 * 2 + 13 == 163
    assert names[0] == "precipitable_water_entire_atmosphere"
    assert names[5:7] == ["v_component_of_wind_10m_above_ground", "0_NO2_column_number_density"]
    assert names[31:33] == ["5_solar_zenith_angle", "avg_vis_5000_mean"]
    assert names[33:38] == [
        "avg_vis_5000_min",
        "avg_vis_5000_max",
        "pop_density2010_5000_mean",
        "pop_density2010_5000_min",
        "pop_density2010_5000_max",
    ]
    assert names[38:41] == [
        "2_CO_column_number_densityshift1",
        "2_CO_column_number_densitynshift1",
        "0_NO2_slant_column_number_densityshift1",
    ]
    assert names[38 + 28] == "2_CO_column_number_densityshift2"
    assert names[149] == "4_cloud_optical_depthnshift5"
    assert names[150:] == CALENDAR_13


def test_reference_needs_38_columns_and_looks_ahead():
    "Shifts and calendar are computed, everything else must be there."
    assert reference().inputs == reference().names[:38]
    assert reference().looks_ahead


def test_reference_shift_is_the_past_and_nshift_the_future(make_panel):
    "By the calendar: on the second, yesterday had 1 and tomorrow has no row; in two days there is 4."
    panel = reference_panel(make_panel)
    second = make_recipe("reference", panel).transform(panel).iloc[1]
    assert second["4_cloud_fraction"] == 2
    assert second["4_cloud_fractionshift1"] == 1
    assert np.isnan(second["4_cloud_fractionnshift1"])
    assert second["4_cloud_fractionnshift2"] == 4
    assert second["dayofyear"] == 2


def test_reference_refuses_a_panel_without_its_columns(make_panel):
    "The message names what is missing and what may have been meant."
    panel = reference_panel(make_panel).rename(columns={"4_cloud_fraction": "4_cloud_fractoin"})
    with pytest.raises(ValueError, match="'4_cloud_fraction'. Did you mean 4_cloud_fractoin"):
        make_recipe("reference", panel)


def test_long_lists_of_missing_columns_are_cut(panel):
    "38 are missing: ten are named."
    with pytest.raises(ValueError, match="needs 38 columns .* and 28 more"):
        make_recipe("reference", panel)


def test_unknown_recipe_is_refused_with_the_choices(panel):
    "A near name is suggested."
    with pytest.raises(ValueError, match="Did you mean live.*reference, retrospective, live"):
        make_recipe("life", panel)


@pytest.mark.parametrize("name", ["retrospective", "live"])
def test_what_changes_is_pooled_over_areas_and_days(panel, name):
    "Inputs as they are, areas with neighbours, weather, calendar, position; never the target."
    names = make_recipe(name, panel).names
    assert names[:6] == ["precipitation", "wind_u", "wind_v", "aer_ai", "no2", "elevation"]
    assert {"no2_area100km", "no2_area300km", "wind_speed", "days_since_rain", "stagnation"} <= set(names)
    assert {"year_sin", "year_cos", "latitude", "longitude"} <= set(names)
    assert not [name for name in names if name.startswith(("pm25", "elevation_"))]
    assert "no2_area25km" not in names, "no two sites are within 25 km"


def test_sites_without_neighbours_get_windows_of_their_own(panel):
    "Nobody is near a lone site: its own days take the place of the area's."
    names = make_recipe("retrospective", panel[panel["site_id"] == "a"]).names
    assert {"no2_mean3c", "no2_lag1", "no2_lead1"} <= set(names)
    assert not [name for name in names if "_area" in name]


def changed_after(panel, day):
    """Every numeric column shifted and scaled on later days, and every third later row gone."""
    later = (panel["date"] > day).to_numpy()
    changed = panel.copy(deep=True)
    for name in panel.select_dtypes("number").columns.difference(["latitude", "longitude"]):
        changed.loc[later, name] = panel.loc[later, name].fillna(1).abs() * 3 + 2
    return changed[~(later & (np.arange(len(panel)) % 3 == 0))]


@pytest.mark.parametrize("sites", [["a", "b", "c", "d"], ["b"]])
def test_live_does_not_look_ahead(panel, sites):
    "On every day: cut the later days off, or change them all, and no value up to it moves by a bit."
    panel = panel[panel["site_id"].isin(sites)]
    live = make_recipe("live", panel)
    assert not live.looks_ahead
    whole = live.transform(panel)
    for day in panel["date"].unique():
        until = panel[panel["date"] <= day]
        assert live.transform(until).equals(whole.loc[until.index])
        assert live.transform(changed_after(panel, day)).loc[until.index].equals(whole.loc[until.index])


def test_retrospective_looks_ahead_and_says_so(panel):
    "Changing the days after the tenth moves values of days before."
    recipe = make_recipe("retrospective", panel)
    assert recipe.looks_ahead
    until = panel.index[panel["date"] <= "2020-01-10"]
    changed = recipe.transform(changed_after(panel, pd.Timestamp("2020-01-10")))
    assert not changed.loc[until].equals(recipe.transform(panel).loc[until])


@pytest.mark.parametrize("name", ["retrospective", "live"])
def test_target_moves_no_feature(panel, name):
    "Other PM2.5, the same recipe and the same features."
    other = panel.assign(pm25=panel["pm25"] * 2 + 1)
    recipe = make_recipe(name, panel)
    assert make_recipe(name, other) == recipe
    pdt.assert_frame_equal(recipe.transform(other), recipe.transform(panel))


@pytest.mark.parametrize("name", ["retrospective", "live"])
def test_order_of_rows_and_names_of_sites_do_not_matter(panel, name):
    "Rows shuffled, then sites renamed backwards: the same features row by row."
    recipe = make_recipe(name, panel)
    expected = recipe.transform(panel)
    shuffled = panel.sample(frac=1, random_state=0)
    pdt.assert_frame_equal(recipe.transform(shuffled).sort_index(), expected)
    renamed = shuffled.assign(site_id=shuffled["site_id"].map(dict(zip("abcd", "zyxw", strict=True))))
    pdt.assert_frame_equal(recipe.transform(renamed.sort_values("site_id")).sort_index(), expected)


def test_transform_gives_float32_in_order_and_aligned(panel):
    "One block of float32, columns as the recipe names them, index as the panel's; the panel stays."
    panel.index = panel.index[::-1] + 5
    before = panel.copy(deep=True)
    recipe = make_recipe("retrospective", panel)
    found = recipe.transform(panel)
    assert found.columns.tolist() == recipe.names
    assert found.index.equals(panel.index)
    assert set(found.dtypes) == {np.dtype("float32")}
    pdt.assert_frame_equal(panel, before)


def test_transform_agrees_with_the_functions(make_panel):
    "Gap after the second: lag, difference and mean by hand."
    panel = make_panel({"a": ["2020-01-01", "2020-01-02", "2020-01-04"]}, no2=[1.0, 2.0, 4.0])
    features = [Feature(kind, "no2", days=2) for kind in ("lag", "difference", "mean")]
    found = Recipe("mine", features).transform(panel)
    npt.assert_array_equal(found["no2_lag2"], [NAN, NAN, 2.0])
    npt.assert_array_equal(found["no2_diff2"], [NAN, NAN, 2.0])
    npt.assert_array_equal(found["no2_mean2"], [1.0, 1.5, 4.0])


def test_transform_of_no_rows(panel):
    "An empty panel gives an empty table with all columns."
    recipe = make_recipe("retrospective", panel)
    assert recipe.transform(panel.iloc[:0]).shape == (0, len(recipe.names))


def test_recipe_survives_json(panel):
    "Written and read back, it is equal and computes the same."
    for recipe in (make_recipe("retrospective", panel), reference(), raw(panel)):
        again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
        assert again == recipe
    pdt.assert_frame_equal(again.transform(panel), recipe.transform(panel))


@pytest.mark.parametrize(
    "facts", [{}, {"name": "mine", "features": [{"kind": "value", "column": "no2", "hours": 3}]}]
)
def test_other_facts_are_not_a_recipe(facts):
    "Nothing in them, or a parameter that no feature has."
    with pytest.raises(ValueError, match="not a recipe"):
        Recipe.from_dict(facts)


def test_names_that_only_users_choose(make_panel):
    "Spaces, brackets, other scripts: they stay as they are."
    panel = make_panel({"a": ["2020-01-01", "2020-01-02"]}, **{"NO₂ [mol/m²]": [1, 2], 'a "b", {c}': [3, 4]})
    recipe = Recipe.from_dict(json.loads(json.dumps(make_recipe("retrospective", panel).to_dict())))
    assert recipe.names[:2] == ["NO₂ [mol/m²]", 'a "b", {c}']
    npt.assert_array_equal(recipe.transform(panel)["NO₂ [mol/m²]_lag1"], [NAN, 1.0])


def test_a_column_of_the_table_keeps_its_name(panel):
    "A table that brings its own `month` and `wind_speed` is not overruled, and no name repeats."
    panel["month"], panel["wind_speed"] = 40.0, 50.0
    found = make_recipe("retrospective", panel).transform(panel)
    assert found.columns.is_unique
    assert set(found["month"]) == {40.0}
    assert set(found["wind_speed"]) == {50.0}


def test_two_features_of_one_name_are_refused():
    "A model could not tell them apart."
    with pytest.raises(ValueError, match="two features called 'no2'"):
        Recipe("mine", [Feature("value", "no2"), Feature("lag", "co", days=1, name="no2")])


def test_transform_refuses_a_text_column(panel):
    "By name."
    with pytest.raises(ValueError, match="'city' is str"):
        Recipe("mine", [Feature("value", "city")]).transform(panel)


def test_reference_method_shifts_what_changes(panel):
    "All inputs, each changing one 8 times, 13 of the calendar; no coordinates, no shifted elevation."
    recipe = reference_method(panel)
    names = recipe.names
    assert len(names) == 6 + 5 * 8 + 13
    assert {"no2shift5", "no2nshift5", "wind_ushift1"} <= set(names)
    assert not {"elevationshift1", "latitude", "longitude", "pm25", "pm25shift1"} & set(names)
    assert names[-13:] == CALENDAR_13


def test_raw_is_the_inputs_as_they_are(panel):
    "Nothing computed."
    inputs = ["precipitation", "wind_u", "wind_v", "aer_ai", "no2", "elevation"]
    assert raw(panel).names == [*inputs, "latitude", "longitude"]
    npt.assert_array_equal(raw(panel).transform(panel)["aer_ai"], panel["aer_ai"])


def test_wide_tables_are_not_fragmented(make_panel):
    "Hundreds of columns come without pandas' warning, in one block."
    bands = pd.DataFrame({f"band {number}": [1.0, 2.0] for number in range(120)})
    panel = pd.concat([make_panel({"a": ["2020-01-01", "2020-01-02"]}), bands], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reference_method(panel).transform(panel)
    assert found.shape == (2, 120 * 9 + 13)
    assert np.shares_memory(found.iloc[:, 0].to_numpy(), found.to_numpy())


@pytest.mark.realdata
def test_real_table_transforms(shared_data):
    "Cameroon's 5,150 rows: every recipe that adapts gives a finite, complete weekday and no target."
    table = pd.read_csv(shared_data / "cameroon_open_meteo_cams.csv.gz")
    keys = {"city": "site_id", "pm2_5": "pm25"}
    panel = table.rename(columns=keys).assign(date=pd.to_datetime(table["date"]).astype("datetime64[us]"))
    for recipe in [*(make_recipe(name, panel) for name in recipes.PLANS), reference_method(panel)]:
        found = recipe.transform(panel)
        assert found.shape == (5150, len(recipe.names))
        assert found["dayofweek"].between(0, 6).all()
        assert "pm25" not in found
