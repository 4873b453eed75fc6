"""One feature: name, needs, and whether it looks ahead."""

import numpy as np
import numpy.testing as npt
import pytest

from airq.features.feature import KINDS, Feature
from airq.features.recipe import Recipe

COLUMN = {"calendar": "dayofyear", "weather": "days_since_rain"}
VALUE = {"days": 3, "radius_km": 100}


def example(kind):
    """A feature of a kind, windows and shifts of three days."""
    parameters = {name: VALUE[name] for name in KINDS[kind].parameters}
    return Feature(kind, COLUMN.get(kind, "no2"), **parameters)


@pytest.fixture
def panel(make_panel):
    """Three near sites over twenty days, some days and some values missing."""
    rng = np.random.default_rng(0)
    days = {
        site: [f"2020-01-{day:02d}" for day in range(1, 21) if day % 7 != number]
        for number, site in enumerate("abc")
    }
    n_rows = sum(len(listed) for listed in days.values())
    no2 = np.where(rng.random(n_rows) < 0.2, np.nan, rng.random(n_rows))
    return make_panel(days, no2=no2, precipitation=rng.choice([0.0, 5.0], n_rows))


def changed_after(panel, day):
    """The panel with other values on every later day, and some later rows gone."""
    later = panel["date"] > day
    changed = panel.copy(deep=True)
    for name in ("no2", "precipitation"):
        changed.loc[later, name] = panel.loc[later, name].fillna(3.0) * 2 + 1
    return changed[~(later & (np.arange(len(panel)) % 3 == 0))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_looks_ahead_exactly_if_it_says_so(panel, kind):
    "Values up to a day stay the same, bit for bit, when later days change or are cut off; else some differ."
    recipe = Recipe("one", [example(kind)])
    day = np.datetime64("2020-01-11")
    until = panel[panel["date"] <= day]
    now = recipe.transform(panel).loc[until.index]
    changed = recipe.transform(changed_after(panel, day)).loc[until.index]
    truncated = recipe.transform(until)
    assert now.notna().any(axis=None)
    assert now.equals(changed) == (not recipe.looks_ahead)
    assert now.equals(truncated) or recipe.looks_ahead


def test_names_follow_from_kind_column_and_parameters():
    "A few of each sort."
    assert Feature("value", "no2").name == "no2"
    assert Feature("lag", "no2", days=1).name == "no2_lag1"
    assert Feature("lead", "no2", days=2).name == "no2_lead2"
    assert Feature("difference", "no2", days=1).name == "no2_diff1"
    assert Feature("count_centred", "no2", days=7).name == "no2_count7c"
    assert Feature("near", "no2", days=1, radius_km=100).name == "no2_near100km"
    assert Feature("area_centred", "no2", days=7, radius_km=2.5).name == "no2_area2.5km_mean7c"
    assert Feature("calendar", "week").name == "week"


def test_a_name_may_be_given():
    "As the reference does for its shifts."
    assert Feature("lag", "no2", days=1, name="no2shift1").name == "no2shift1"


def test_inputs_are_the_columns_that_it_needs():
    "A calendar feature needs none, a weather quantity its own."
    assert Feature("lag", "no2", days=1).inputs == ("no2",)
    assert Feature("calendar", "year").inputs == ()
    assert Feature("weather", "stagnation").inputs == ("wind_u", "wind_v", "precipitation")


@pytest.mark.parametrize("kind", ["value", "lag", "mean", "near"])
@pytest.mark.parametrize("target", ["pm25", "aqi"])
def test_target_never_becomes_a_feature(kind, target):
    "Not as it is, not shifted, not over windows, not of neighbours."
    parameters = {name: VALUE[name] for name in KINDS[kind].parameters}
    with pytest.raises(ValueError, match="cannot become a feature"):
        Feature(kind, target, **parameters)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"kind": "lagg", "column": "no2"}, "No feature kind 'lagg'"),
        ({"kind": "lag", "column": "no2"}, "needs days"),
        ({"kind": "lag", "column": "no2", "days": 0}, "needs days above 0"),
        ({"kind": "near", "column": "no2", "days": 1}, "needs radius_km"),
        ({"kind": "value", "column": "no2", "days": 1}, "takes no days"),
        ({"kind": "mean_centred", "column": "no2", "days": 4}, "odd number"),
        ({"kind": "calendar", "column": "hour"}, "No calendar quantity 'hour'"),
        ({"kind": "weather", "column": "hail"}, "No weather quantity 'hail'"),
    ],
)
def test_senseless_features_are_refused(feature, message):
    "One line says what is wrong."
    with pytest.raises(ValueError, match=message):
        Feature(**feature)


def test_difference_ahead_is_today_less_a_later_day(make_panel):
    "1 less 4 is -3, and the last day has no later one."
    panel = make_panel({"a": ["2020-01-01", "2020-01-02"]}, no2=[1.0, 4.0])
    recipe = Recipe("one", [Feature("difference_ahead", "no2", days=1)])
    npt.assert_array_equal(recipe.transform(panel)["no2_diffnext1"], [-3.0, np.nan])
