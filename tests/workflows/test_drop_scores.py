"""The price of a product: what its columns save in error on held-out places."""

import functools
import json

import numpy as np
import pytest

from airq.features.recipe import raw
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.predictor import Predictor
from airq.panel import PanelMetadata
from airq.workflows.explain import Without, drop_score_rows, drop_scores, write_drop_scores

QUICK = {"rounds": 40, "patience": 40, "learning_rate": 0.2, "min_data_in_leaf": 5, "feature_fraction": 1.0}


def quick():
    members = [Member("lightgbm", 1.0, QUICK)]
    return Predictor(raw, functools.partial(BoosterEnsemble, members, residuals="ignored"))


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


def test_the_only_informative_product_has_a_price_and_noise_has_none(panel):
    "Without it the error is about the residual_scale of PM2.5, 15; without noise nothing changes."
    first, last = drop_scores(panel, quick, ["city"])
    assert (first["product"], last["product"]) == ("aerosol-index", "o3")
    assert first["ci_low"] > 10
    assert first["price"] == pytest.approx(15, abs=2)
    assert abs(last["price"]) < 0.5
    assert first["price"] == pytest.approx(first["rmse_without"] - first["rmse"])


def test_dropped_columns_are_never_seen(panel):
    "The recipe of a predictor without `aer_ai` makes nothing of it."
    fitted = Without(quick, ["aer_ai"]).fit(panel, "city_id")
    assert fitted.predictor.recipe_.inputs == ["o3", "latitude", "longitude"]
    assert len(fitted.predict(panel)) == len(panel)


def test_one_product_alone_has_no_price(panel):
    "Nothing would be left without it."
    with pytest.raises(ValueError, match="belongs to the product 'o3'"):
        drop_scores(panel.drop(columns="aer_ai"), quick, ["city"])


def test_prices_are_written(tmp_path):
    "Records, text and a picture per scheme; an interval that is not known is said to be so."
    known = {"scheme": "city", "columns": ["o3"], "rmse": 3.0, "rmse_without": 4.0, "n": 9, "unit": "µg m⁻³"}
    known |= {"resampled": "cities", "price": 1.0, "ci_low": 0.5, "ci_high": 1.5}
    records = [known | {"product": "o3"}, known | {"product": "co", "ci_low": np.nan, "ci_high": np.nan}]
    write_drop_scores(records, PanelMetadata(), tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"prices.json", "prices.md", "prices_city.png"}
    assert json.loads((tmp_path / "out" / "prices.json").read_text())[1]["ci_low"] is None
    assert [row[-1] for row in drop_score_rows(records)[1]] == ["+0.50 to +1.50", "too few places"]
