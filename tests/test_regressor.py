"""The model as a scikit-learn estimator: fit, calibrate, predict, save, load."""

import importlib.util
import inspect
import re

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

import airq
from airq import HoldOut, PM25Regressor
from airq.messages import AirqWarning
from airq.panel import PanelMetadata, label_panel, panel_metadata
from airq.sources.simulated import simulate
from airq.workflows.evaluate import evaluate

pytestmark = pytest.mark.usefixtures("few_rounds")


@pytest.fixture(scope="module")
def panel():
    "Eleven simulated cities, forty days."
    return simulate(n_cities=11, start="2020-01-01", end="2020-02-09", random_state=2)


@pytest.fixture(scope="module")
def model(panel, few_rounds):
    "Fitted and calibrated."
    return PM25Regressor(random_state=1).fit(panel).calibrate(panel)


@pytest.fixture(scope="module")
def steady():
    "Thirty monitors 2 km apart: 20 µg m⁻³ times a factor of the day; the inputs tell nothing of it."
    rng = np.random.default_rng(0)
    sites, days = np.arange(30), pd.date_range("2020-01-01", periods=40)
    rows = pd.MultiIndex.from_product([sites, days]).to_frame(index=False, name=["site", "date"])
    factor = np.exp(rng.normal(0, 0.5, len(days)))[rows["date"].dt.day_of_year - 1]
    table = pd.DataFrame(
        {
            **{name: "m" + rows["site"].astype("str") for name in ("site_id", "city_id", "city")},
            "country": "UGA",
            "latitude": 0.02 * rows["site"],
            "longitude": 32.5,
            "date": rows["date"],
            "pm25": 20 * factor * np.exp(rng.normal(0, 0.05, len(rows))),
            "no2": rng.uniform(1e-5, 2e-5, len(rows)),
        }
    )
    return label_panel(table.sort_values(["site_id", "date"], ignore_index=True), PanelMetadata())


@pytest.fixture(scope="module")
def local(steady):
    "Learned from the first thirty days."
    return PM25Regressor().fit(steady[steady["date"] < "2020-01-31"])


def test_monitors_of_later_days_are_seen(steady, local):
    "Ten days later, at a place between two monitors: with theirs of those days the error is a fifth or less."
    later = steady[steady["date"] >= "2020-01-31"]
    new = later[later["site_id"] == "m5"].assign(site_id="new", city_id="new", city="new", latitude=0.11)
    new, truth = label_panel(new.drop(columns="pm25"), PanelMetadata()), new["pm25"].to_numpy()
    alone, told = local.predict(new), local.predict(new, monitors=later)
    assert np.abs(told - truth).mean() < 0.2 * np.abs(alone - truth).mean()
    with pytest.warns(AirqWarning, match="outside the days of training"):
        rows = local.predict_table(new, monitors=later)
    # From 0.11 degrees north the nearest monitors stand at 0.10 and 0.12.
    npt.assert_allclose(rows["monitor_km"], 0.01 * 110.574, rtol=1e-3)
    with pytest.warns(AirqWarning, match="outside the days of training"):
        assert local.predict_table(new)["monitor_km"].isna().all()


def test_monitors_that_moved_are_refused(steady, local):
    "A name of training, 110 km away."
    moved = label_panel(steady.assign(latitude=steady["latitude"] + 1), PanelMetadata())
    with pytest.raises(ValueError, match="is not where the training place of that name is"):
        local.predict(steady, monitors=moved)


def test_monitors_of_a_model_are_told(steady, local):
    "PM2.5 of a transport model is no monitor's."
    other = label_panel(steady, PanelMetadata(pm25_origin="model"))
    with pytest.warns(AirqWarning, match="Monitors: "):
        local.predict(steady, monitors=other)


@pytest.mark.slow
def test_intervals_are_wider_far_from_monitors(steady):
    "The same inputs without and with the monitors of these days."
    model = PM25Regressor().fit(steady).calibrate(steady)
    new = steady[steady["site_id"] == "m5"].assign(site_id="new", city_id="new", latitude=0.11)
    far = new.assign(latitude=40.0)
    near, far = (label_panel(one.drop(columns="pm25"), PanelMetadata()) for one in (new, far))
    width = [np.diff(model.predict_interval(one) / model.predict(one)[:, None]).mean() for one in (near, far)]
    assert width[0] < 0.5 * width[1]


def test_one_place_alone_has_no_monitors(steady):
    "Nothing to hide, nothing to krige: predictions come all the same."
    one = steady[steady["site_id"] == "m5"]
    model = PM25Regressor().fit(label_panel(one.reset_index(drop=True), PanelMetadata()))
    assert model.predict_table(one)["monitor_km"].isna().all()
    with pytest.raises(ValueError, match="does not look at monitors nearby"):
        model.predict(one, monitors=steady)


def test_monitors_of_other_days_are_refused(steady, local):
    "Local days do not fit a model of UTC days."
    other = label_panel(steady, PanelMetadata(day_basis="local"))
    with pytest.raises(ValueError, match="monitors' days are local"):
        local.predict(steady, monitors=other)


def test_a_saved_model_knows_its_monitors(steady, local, tmp_path):
    "The same predictions at a new place on the days of training."
    known = steady[(steady["date"] < "2020-01-31") & (steady["site_id"] == "m5")]
    new = known.assign(site_id="new", city_id="new", latitude=0.11).drop(columns="pm25")
    new = label_panel(new, PanelMetadata())
    local.save(tmp_path / "bundle")
    npt.assert_allclose(airq.load(tmp_path / "bundle").predict(new), local.predict(new), rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in airq.__all__ if name != "__version__"])
def test_every_public_name_is_there_and_documented(name):
    "`airq.NAME` is importable, in dir(airq), and its docstring has parameters or attributes."
    public = getattr(airq, name)
    assert name in dir(airq)
    assert re.search(r"Parameters|Attributes", inspect.getdoc(public))


def test_a_name_that_is_not_public_is_refused():
    "As for any module."
    with pytest.raises(AttributeError, match="no attribute 'fit_everything'"):
        airq.fit_everything  # noqa: B018


def test_types_are_declared():
    "Editors read the hints of the package (PEP 561)."
    assert (importlib.util.find_spec("airq").submodule_search_locations[0] + "/py.typed") is not None
    hints = inspect.signature(PM25Regressor.predict_interval).parameters
    assert hints["coverage"].annotation == "float"


def test_it_is_cloned_with_its_parameters():
    "clone, get_params and the representation are scikit-learn's."
    model = PM25Regressor("catboost", recipe="live", random_state=3)
    assert clone(model).get_params() == model.get_params()
    assert repr(model) == "PM25Regressor(booster='catboost', random_state=3, recipe='live')"


def test_an_unfitted_model_predicts_nothing(panel):
    "scikit-learn's own error."
    with pytest.raises(NotFittedError):
        PM25Regressor().predict(panel)


def test_predictions_are_in_the_order_of_the_rows(model, panel):
    "Rows shuffled, predictions and intervals shuffled alike."
    order = np.random.default_rng(0).permutation(len(panel))
    shuffled = panel.iloc[order]
    npt.assert_array_equal(model.predict(shuffled), model.predict(panel)[order])
    npt.assert_array_equal(model.predict_interval(shuffled), model.predict_interval(panel)[order])


def test_the_table_holds_the_same_numbers(model, panel):
    "PM2.5 and interval of the table are those of predict and predict_interval."
    rows = model.predict_table(panel, coverage=0.8)
    npt.assert_array_equal(rows["pm25"], model.predict(panel))
    npt.assert_array_equal(rows[["lower", "upper"]], model.predict_interval(panel, coverage=0.8))
    assert set(rows["place"]) == {"training"} and set(rows["n_days"]) == {1} and set(rows["level"]) == {0.8}


def test_a_new_place_is_called_new(model):
    "Of cities that are not those of training."
    new = simulate(n_cities=2, start="2020-01-01", end="2020-01-05", random_state=9).drop(columns="pm25")
    assert set(model.predict_table(new)["place"]) == {"new"}


def test_a_saved_model_is_the_same(model, panel, tmp_path):
    "Parameters, predictions and intervals come back; so does what it knows of itself."
    model.save(tmp_path / "bundle")
    loaded = airq.load(tmp_path / "bundle")
    assert loaded.get_params() == model.get_params()
    npt.assert_allclose(loaded.predict(panel), model.predict(panel), rtol=1e-9)
    npt.assert_allclose(loaded.predict_interval(panel), model.predict_interval(panel), rtol=1e-6)
    assert loaded.metadata_["uncertainty"] == model.metadata_["uncertainty"]
    assert (tmp_path / "bundle" / "card.md").read_text().startswith("# ")


@pytest.mark.slow
def test_the_evaluation_calibrates_as_its_own_folds_do(model, panel):
    "Held-out predictions of `evaluate`, with another estimator beside it, give the same intervals."
    evaluation = evaluate(
        {"mine": PM25Regressor(random_state=1), "live": PM25Regressor(recipe="live", random_state=1)},
        panel,
        ["city"],
        coverage=None,
        baselines=False,
        random_state=1,
    )
    other = PM25Regressor(random_state=1).fit(panel).calibrate(panel, evaluation=evaluation, name="mine")
    npt.assert_array_equal(other.predict_interval(panel), model.predict_interval(panel))
    with pytest.raises(ValueError, match="which of mine, live this model is"):
        other.calibrate(panel, evaluation=evaluation)


@pytest.mark.parametrize("method", ["check_panel", "predict_table"])
def test_a_warning_points_to_the_line_of_the_caller(model, panel, method):
    "Not into the package."
    with pytest.warns(AirqWarning, match="SIMULATED") as caught:
        getattr(model, method)(panel)
    assert {warning.filename for warning in caught} == {__file__}


def test_no_interval_before_calibration(panel):
    "The message says what to call."
    model = PM25Regressor().fit(panel)
    with pytest.raises(ValueError, match="call calibrate"):
        model.predict_interval(panel)
    assert model.predict_table(panel)[["lower", "upper"]].isna().all(axis=None)


def test_y_replaces_the_target(panel):
    "Twice the PM2.5 as y: the model learns twice as high values."
    doubled = PM25Regressor().fit(panel, 2 * panel["pm25"])
    assert doubled.metadata_["data"]["pm25_mean"] == pytest.approx(2 * panel["pm25"].mean(), rel=1e-6)


def test_scikit_learn_cross_validates_it(panel):
    "Two folds of cities, a finite error for each."
    scores = cross_val_score(
        PM25Regressor(),
        panel,
        panel["pm25"],
        cv=HoldOut("city", n_splits=2),
        scoring="neg_root_mean_squared_error",
    )
    assert scores.shape == (2,) and np.isfinite(scores).all() and (scores < 0).all()


def test_a_panel_without_metadata_is_refused(panel):
    "Units and origin must be known."
    bare = panel.copy()
    bare.attrs = {}
    with pytest.raises(ValueError, match="no panel metadata"):
        PM25Regressor().fit(bare)


def test_an_index_is_no_measurement(panel):
    "A model of inverted index values warns when it is fitted and when it predicts."
    facts = panel_metadata(panel).to_dict() | {"pm25_origin": "index", "sources": ["an archive"]}
    inverted = label_panel(panel, PanelMetadata.from_dict(facts))
    with pytest.warns(AirqWarning, match="INDEX"):
        model = PM25Regressor().fit(inverted)
    with pytest.warns(AirqWarning, match="INDEX"):
        model.predict_table(inverted)


def test_days_outside_training_are_counted(model):
    "Ten days, of which none was trained on."
    later = simulate(n_cities=2, start="2021-06-01", end="2021-06-05", random_state=9)
    with pytest.warns(AirqWarning, match="10 of 10 rows are outside the days of training"):
        model.predict_table(later)


def test_a_search_needs_a_journal(panel):
    "An interrupted search goes on from a file, so there must be one."
    with pytest.raises(ValueError, match="needs a journal"):
        PM25Regressor(n_trials=2).fit(panel)


def test_predictions_are_written_with_their_metadata(model, panel, tmp_path):
    "Parquet and CSV hold the same PM2.5; a table that lost its metadata is refused."
    rows = model.predict_table(panel)
    for name, read in (("p.parquet", pd.read_parquet), ("p.csv", pd.read_csv)):
        airq.write_predictions(rows, tmp_path / name)
        npt.assert_allclose(read(tmp_path / name)["pm25"], rows["pm25"])
    bare = rows.copy()
    bare.attrs = {}
    with pytest.raises(ValueError, match="carry no metadata"):
        airq.write_predictions(bare, tmp_path / "q.parquet")


def test_a_path_serves_as_a_panel(model, panel, tmp_path):
    "Predictions for a file are those for the same DataFrame."
    airq.write_panel(panel, tmp_path / "panel.parquet")
    npt.assert_array_equal(model.predict(tmp_path / "panel.parquet"), model.predict(panel))
    assert isinstance(airq.read_panel(tmp_path / "panel.parquet"), pd.DataFrame)
