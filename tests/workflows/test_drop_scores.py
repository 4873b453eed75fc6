"""Drop-product scores: how the error on held-out places grows without a product."""

import functools
import json

import numpy as np
import pandas as pd
import pytest

from airq.features.recipe import raw
from airq.messages import AirqWarning
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.predictor import Predictor
from airq.panel import PanelMetadata
from airq.workflows.explain import Without, drop_product_scores, drop_score_rows, write_drop_scores

QUICK = {"rounds": 40, "patience": 40, "learning_rate": 0.2, "min_data_in_leaf": 5, "feature_fraction": 1.0}


def quick():
    members = [Member("lightgbm", 1.0, QUICK)]
    return Predictor(raw, functools.partial(BoosterEnsemble, members, monitors=None))


@pytest.fixture
def panel(make_panel):
    "Ten cities, 30 days each: PM2.5 is 10 or 40 as `aer_ai` says; `o3` is noise."
    rng = np.random.default_rng(0)
    days = [f"2020-01-{day:02}" for day in range(1, 31)]
    high = rng.random(300) < 0.5
    return make_panel(
        {f"c{number}": days for number in range(10)},
        pm25=np.where(high, 40.0, 10.0),
        aer_ai=high * 1.0,
        o3=rng.uniform(0.1, 0.2, 300),
    )


def test_the_error_grows_without_the_only_informative_product(panel):
    "Without `aer_ai` the error is about the standard deviation of PM2.5, 15; without noise nothing changes."
    scores = drop_product_scores(quick, panel, schemes=["city"])
    (_, first), (_, last) = scores.iterrows()
    assert (first["product"], last["product"]) == ("aerosol-index", "o3")
    assert first["ci_low"] > 10
    assert first["increase"] == pytest.approx(15, abs=2)
    assert abs(last["increase"]) < 0.5
    assert first["increase"] == pytest.approx(first["rmse_without"] - first["rmse"])
    columns = "scheme, product, columns, increase, ci_low, ci_high, resampled, rmse, rmse_without, n, unit"
    assert ", ".join(scores.columns) == columns


class Model:
    "An estimator that says how to make its predictor, as PM25Regressor does."

    def candidate(self):
        return quick


def test_an_estimator_is_scored_like_its_candidate(panel):
    "By default on held-out cities."
    expected = drop_product_scores(quick, panel, schemes=["city"])
    pd.testing.assert_frame_equal(drop_product_scores(Model(), panel), expected)


def test_a_scheme_that_the_panel_does_not_support_is_left_out_with_a_warning(panel):
    "One country cannot be held out."
    with pytest.warns(AirqWarning, match="country is left out"):
        scores = drop_product_scores(quick, panel, schemes=["city", "country"])
    assert set(scores["scheme"]) == {"city"}


def test_dropped_columns_are_never_seen(panel):
    "The recipe of a predictor without `aer_ai` makes nothing of it."
    fitted = Without(quick, ["aer_ai"]).fit(panel, "city_id")
    assert fitted.predictor.recipe_.inputs == ["o3", "latitude", "longitude"]
    assert len(fitted.predict(panel)) == len(panel)


def test_one_product_alone_has_no_score(panel):
    "Nothing would be left without it."
    with pytest.raises(ValueError, match="belongs to the product 'o3'"):
        drop_product_scores(quick, panel.drop(columns="aer_ai"), schemes=["city"])


def test_scores_are_written(tmp_path):
    "Records, text and a picture per scheme; the table says where there are too few places for an interval."
    known = {"scheme": "city", "columns": ["o3"], "rmse": 3.0, "rmse_without": 4.0, "n": 9, "unit": "µg m⁻³"}
    known |= {"resampled": "cities", "increase": 1.0, "ci_low": 0.5, "ci_high": 1.5}
    unknown = {"product": "co", "ci_low": np.nan, "ci_high": np.nan}
    scores = pd.DataFrame([known | {"product": "o3"}, known | unknown])
    write_drop_scores(scores, PanelMetadata(), tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"drop_scores.json", "drop_scores.md", "drop_scores_city.png"}
    assert json.loads((tmp_path / "out" / "drop_scores.json").read_text())[1]["ci_low"] is None
    assert [row[-1] for row in drop_score_rows(scores)[1]] == ["+0.50 to +1.50", "too few places"]
