"""Contributions beside predictions: they sum, they group, they read well."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.features.feature import Feature
from airq.features.recipe import Recipe
from airq.models import BESIDE
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.explanation import Contributions
from airq.models.predictor import Predictor
from airq.panel import PanelMetadata, label_panel, sort_panel
from airq.report.contributions import contribution_sentences

QUICK = {"rounds": 25, "patience": 25, "min_data_in_leaf": 5, "feature_fraction": 1.0}
PRODUCTS = {"no2": "no2", "wind_u": "weather", "wind_v": "weather"}


@pytest.fixture(scope="module")
def panel():
    "Eight sites, 30 days each; PM2.5 follows `no2` alone, `wind` blows at random, some `no2` is missing."
    rng = np.random.default_rng(0)
    site = np.repeat(np.arange(8), 30)
    no2 = rng.uniform(0, 1e-4, 240)
    panel = pd.DataFrame(
        {
            "site_id": [f"s{number}" for number in site],
            "city_id": [f"s{number}" for number in site],
            "city": [f"Town {number}" for number in site],
            "country": "UGA",
            "latitude": 2.0 * site,
            "longitude": 30.0,
            "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.tile(np.arange(30), 8), unit="D"),
            "pm25": 10 + 4e5 * no2,
            "no2": np.where(np.arange(240) % 9 == 0, np.nan, no2),
            "wind_u": rng.normal(size=240),
            "wind_v": rng.normal(size=240),
        }
    )
    return label_panel(sort_panel(panel), PanelMetadata())


@pytest.fixture(scope="module")
def predictor(panel):
    "Trained on `no2`, the wind's speed and the day of the week."
    features = (Feature("value", "no2"), Feature("weather", "wind_speed"), Feature("calendar", "dayofweek"))
    recipe = Recipe("mine", features)
    estimator = BoosterEnsemble([Member("lightgbm", 1.0, QUICK), Member("lightgbm", 0.5, QUICK)])
    return Predictor(lambda _: recipe, lambda: estimator).fit(panel, "site_id")


@pytest.mark.parametrize("by", ["product", "column", "feature"])
def test_contributions_sum_to_what_predict_says(predictor, panel, by):
    "By product, column and feature, for every row."
    found = Contributions(predictor, panel, PRODUCTS).contributions(np.arange(len(panel)), by=by)
    npt.assert_allclose(found.sum(axis=1), predictor.predict(panel), rtol=0, atol=1e-6)


def test_a_speed_counts_for_both_components_of_the_wind(predictor, panel):
    "Half of it for `wind_u`, half for `wind_v`, all of it for the product."
    made = Contributions(predictor, panel, PRODUCTS)
    by_feature = made.contributions([5, 6], by="feature")
    by_column = made.contributions([5, 6], by="column")
    npt.assert_allclose(by_column["wind_u"], by_feature["wind_speed"] / 2)
    npt.assert_allclose(by_column["wind_v"], by_feature["wind_speed"] / 2)
    npt.assert_allclose(made.contributions([5, 6])["weather"], by_feature["wind_speed"])


def test_what_pm25_follows_is_the_most_important(predictor, panel):
    "`no2`, by more than ten times the weather."
    found = Contributions(predictor, panel, PRODUCTS).importance()
    products = found[found["by"] == "product"].set_index("name")["importance"]
    assert products.index[0] == "no2"
    assert products["no2"] > 10 * products["weather"]


def test_a_contribution_names_the_value_behind_it(predictor, panel):
    "Of the largest product: its column, that day's value, its unit, and how many of the panel lie below."
    row = int(np.nanargmax(panel["no2"]))
    table = Contributions(predictor, panel, PRODUCTS).table([row])
    first = table.query("product == 'no2'").iloc[0]
    assert (first["column"], first["unit"]) == ("no2", "mol m⁻²")
    npt.assert_allclose(first["value"], panel["no2"].iloc[row])
    # The highest of 213 values, itself counted half.
    npt.assert_allclose(first["rank"], 1 - 0.5 / panel["no2"].notna().sum())
    assert first["contribution"] > 10


def test_contributions_to_a_row_do_not_depend_on_the_others_asked_for(predictor, panel):
    "One by one or together: the same table."
    made = Contributions(predictor, panel, PRODUCTS)
    alone = pd.concat([made.table([3]), made.table([70])], ignore_index=True)
    pd.testing.assert_frame_equal(made.table([3, 70]), alone)


def test_the_target_is_not_looked_at(predictor, panel):
    "The contributions are the same where PM2.5 is not known."
    blind = panel.drop(columns="pm25")
    blind.attrs = panel.attrs
    with_target, without = (Contributions(predictor, table, PRODUCTS).table([3]) for table in (panel, blind))
    pd.testing.assert_frame_equal(with_target, without)


def test_sentences_add_up_and_tell_what_is_missing(predictor, panel):
    "The amounts in front of the lines sum to the prediction of the first, up to rounding."
    row = int(np.flatnonzero(panel["no2"].isna())[0])
    table = Contributions(predictor, panel, PRODUCTS).table([row])
    first, *lines = contribution_sentences(table, panel)
    assert first.startswith(f"{panel['site_id'].iloc[row]}, Town")
    amounts = [float(line.split()[0]) for line in lines]
    npt.assert_allclose(sum(amounts), predictor.predict(panel)[row], atol=0.05 * len(amounts))
    assert any("no2 is missing on that day" in line for line in lines)


def test_dependence_rises_with_no2_and_not_with_what_has_no_feature_of_its_size(predictor, panel):
    "PM2.5 spans 40; the answer rises by more than 20. `wind_u` stands in no feature by itself."
    found = Contributions(predictor, panel, PRODUCTS).dependence(["no2", "wind_u"])
    assert set(found["column"]) == {"no2"}
    assert found["pm25"].iloc[-1] - found["pm25"].iloc[0] > 20


def test_what_stands_beside_products_is_listed_last(predictor, panel):
    "Base first, then products, then monitors and remainder."
    listed = Contributions(predictor, panel, PRODUCTS).table([0])["product"].tolist()
    assert [listed[0], *listed[-2:]] == list(BESIDE)
