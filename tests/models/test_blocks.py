"""Predictions in blocks of places are those in one piece, bit for bit."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.features.recipe import make_recipe
from airq.models import predictor as module
from airq.models.applicability import AreaOfApplicability
from airq.models.blocks import beside, cut
from airq.models.ensemble import RIDGE, BoosterEnsemble, Member
from airq.models.intervals import ResidualScale
from airq.models.predictor import Predictor
from airq.panel import IDENTITY, check_panel
from airq.parallel import product_by_row
from airq.sources.simulated import simulate

MEMBERS = (
    Member("lightgbm", 0.5, {"rounds": 25, "linear_tree": True, "lambda_l2": 0.0}),
    Member("catboost", 1.0, {"rounds": 25}),
    RIDGE,
)


@pytest.fixture(scope="module")
def predictor():
    "One of all kinds of boosters, with kriging, residual scale and area of applicability."
    panel = check_panel(simulate(n_cities=10, start="2020-01-01", end="2020-02-29", random_state=3))
    panel = panel[[*IDENTITY, "pm25", "no2", "precipitation"]]
    made = Predictor(
        lambda panel: make_recipe("retrospective", panel),
        lambda: BoosterEnsemble(MEMBERS, n_inner=3),
        residual_scale=ResidualScale,
        applicability=AreaOfApplicability,
    )
    return made.fit(panel, "city_id")


@pytest.fixture(scope="module")
def elsewhere():
    "Twenty other places, some within 300 km of training, during and after its days; some days are missing."
    panel = simulate(n_cities=20, start="2020-02-20", end="2020-03-10", random_state=7).drop(columns="pm25")
    panel = panel.drop(index=panel.sample(frac=0.2, random_state=0).index)
    return check_panel(panel.assign(site_id="new " + panel["site_id"], city_id="new " + panel["city_id"]))


@pytest.mark.slow
@pytest.mark.parametrize(("block", "at_once"), [(150, 70), (61, 1)])
def test_blocks_of_any_size_give_the_same_bits(predictor, elsewhere, monkeypatch, block, at_once):
    "Some places a block or one, some rows at a time or one by one: not a bit of any column changes."
    whole = predictor.describe(elsewhere)
    monkeypatch.setattr(module, "BLOCK_ROWS", block)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", at_once)
    pd.testing.assert_frame_equal(predictor.describe(elsewhere), whole, check_exact=True)


def test_a_block_alone_with_its_surroundings_gives_the_same_bits(predictor, elsewhere):
    "Five places are predicted, the others only lend their inputs: these are the rows of the whole."
    sites = elsewhere["site_id"].unique()[10:15]
    mine = elsewhere["site_id"].isin(sites)
    alone = predictor.describe(elsewhere[mine].reset_index(drop=True), around=elsewhere[~mine])
    whole = predictor.describe(elsewhere)[mine.to_numpy()].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, whole, check_exact=True)


def test_surroundings_count(predictor, elsewhere):
    "Without the other places around, the means over areas differ: the test above would see it."
    mine = elsewhere["site_id"].isin(elsewhere["site_id"].unique()[10:15])
    alone, whole = predictor.features(elsewhere[mine]), predictor.features(elsewhere)[mine.to_numpy()]
    assert not alone.equals(whole.reset_index(drop=True))


def test_predictions_that_are_no_numbers_are_refused(predictor, elsewhere, monkeypatch):
    "A model that predicts NaN ends with the row that it does so for, and nothing is returned."
    monkeypatch.setattr(BoosterEnsemble, "predict", lambda self, X: np.full(len(X), np.nan))
    with pytest.raises(ValueError, match="no finite PM2.5 for 99 of 99 rows, first site new"):
        predictor.describe(elsewhere.head(99))


def test_a_row_of_a_product_does_not_depend_on_the_others():
    "Of 300 rows any few give the same bits as all of them do."
    rng = np.random.default_rng(0)
    rows, matrix = rng.normal(size=(300, 700)), rng.normal(size=(700, 33))
    whole = product_by_row(rows, matrix)
    for some in ([5], [299, 0, 64], range(17, 190)):
        npt.assert_array_equal(product_by_row(rows[list(some)], matrix), whole[list(some)])
    npt.assert_allclose(whole, rows @ matrix, atol=1e-12)


def test_places_around_a_block():
    "On the equator a degree is 111 km: 120 km from the block of places 0 and 1 lies place 2 only."
    places = pd.DataFrame({"longitude": [0.0, 1.0, 2.0, 3.0, 9.0], "latitude": 0.0})
    assert beside(places, np.array([0, 1]), 120.0).tolist() == [2]
    assert beside(places, np.array([0, 1]), 0.0).tolist() == []


def test_blocks_hold_every_place_once_and_no_more_rows_than_they_may():
    "Eleven places of 7 rows in blocks of 20: two a block; a place of 100 rows stands alone."
    places = pd.DataFrame({"longitude": np.arange(12.0), "latitude": 0.0})
    n_rows = np.array([7] * 11 + [100])
    blocks = cut(places, n_rows, 20)
    assert sorted(np.concatenate(blocks).tolist()) == list(range(12))
    assert max(n_rows[block].sum() for block in blocks if 11 not in block) == 14
    assert [11] in [block.tolist() for block in blocks]
