"""Every story runs from top to bottom, and its main claim holds."""

import runpy
import tempfile
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
STORIES = (
    "own_csv_to_map",
    "held_out_cities",
    "your_own_estimator",
    "prior_correction",
    "extraction_on_a_simulated_earth_engine",
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function that runs a story in a temporary folder and returns the names that it leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return lambda name: runpy.run_path(str(HERE / f"{name}.py"))


@pytest.mark.slow
def test_own_csv_to_map(run, tmp_path):
    "All cities without a monitor are predicted, with intervals, and drawn; the app's files are there."
    story = run("own_csv_to_map")
    predictions = story["predictions"]
    assert set(predictions["city_id"]) == set(story["elsewhere"]["city_id"])
    assert set(predictions["place"]) == {"new"} and predictions["lower"].notna().all()
    assert set(story["months"]["city"]) == set(predictions["city"])
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in story["folder"].iterdir()} >= {
        "bundle",
        "panel.parquet",
        "predictions.parquet",
    }


@pytest.mark.slow
def test_held_out_cities(run):
    "Random days flatter the model but not the training mean; errors are larger outside the area."
    story = run("held_out_cities")
    rmse = story["rmse"]
    assert rmse.loc["default", "random"] < rmse.loc["default", "city"]
    assert rmse.loc["mean", "city"] == pytest.approx(rmse.loc["mean", "random"], rel=0.1)
    assert 0.8 < story["overall"]["coverage"] <= 1
    assert story["ours"]["outside_ratio"] > 1


@pytest.mark.long
@pytest.mark.slow
def test_your_own_estimator(run):
    "All three estimators have coverage and width, the baseline has not; cross_val_score gives five errors."
    story = run("your_own_estimator")
    intervals = story["scores"][["coverage", "width"]]
    assert (intervals.loc[["ours", "ridge", "trees"], "coverage"] > 0.8).all()
    assert intervals.loc["mean"].isna().all()
    assert len(story["errors"]) == 5 and np.isfinite(story["errors"]).all()
    assert story["silent"] > 0


def test_prior_correction(run):
    "Correction to the known prior lowers the log loss and brings the mean probability to the share."
    story = run("prior_correction")
    assert story["losses"]["corrected"] < story["losses"]["resampled"]
    assert story["probability"][:, 1].mean() == pytest.approx(story["share"], abs=0.02)
    assert story["screening"][:, 1].mean() < story["probability"][:, 1].mean()


@pytest.mark.slow
def test_extraction_on_a_simulated_earth_engine(run):
    "The plan sends nothing, the run as many requests as planned, the same run again none; so do tasks."
    story = run("extraction_on_a_simulated_earth_engine")
    assert story["sent_by_plan"] == story["sent_by_resume"] == 0
    assert story["sent_by_extract"] == story["planned"].cost.requests
    assert story["again"].equals(story["panel"])
    assert 0 < story["sent_by_update"] < story["sent_by_extract"] and len(story["saved"]) == 2 * 7
    assert story["by_tasks"].equals(story["panel"]) and story["found"].equals(story["panel"])
    assert story["n_tasks"] > story["n_more_tasks"] == 0


@pytest.mark.slow
def test_twelve_lines(run, tmp_path):
    "Fit, calibrate, predict and plot in at most twelve lines, blank ones counted."
    assert len((HERE / "twelve_lines.py").read_text().splitlines()) <= 12
    story = run("twelve_lines")
    assert story["table"]["city"].nunique() == 3 and story["table"]["lower"].notna().all()
    assert "vega" in (tmp_path / "pm25.html").read_text()


@pytest.mark.parametrize("name", STORIES)
def test_stories_are_short(name):
    "A story has percent cells and at most a hundred lines."
    text = (HERE / f"{name}.py").read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n# # ") and len(text.splitlines()) <= 100
