"""The demonstration makes everything that it promises, and says SIMULATED wherever it does."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from airq.io import read_panel
from airq.panel import panel_metadata
from airq.validation.evaluation import SECONDS
from airq.workflows.demo import demo

PROMISED = ["panel.parquet", "evaluation.json", "evaluation.md", "bundle", "predictions.parquet"]


#: What the demonstration told while it was made.
STEPS = []


@pytest.fixture(scope="module")
def folder(tmp_path_factory, few_rounds):
    "A smaller demonstration: twelve cities, thirty days, few rounds."
    out = tmp_path_factory.mktemp("demo") / "demo"
    demo(out, n_cities=12, start="2020-01-01", end="2020-01-30", advance=lambda *step: STEPS.append(step))
    return out


@pytest.mark.parametrize("name", PROMISED)
def test_everything_promised_is_there(folder, name):
    "Each name of the contract."
    assert (folder / name).exists()


def test_every_stage_is_told(folder):
    "Simulating, evaluating fit by fit, writing, training, predicting; the share that is done never falls."
    firsts = list(dict.fromkeys(text.split()[0] for _, _, text in STEPS))
    assert firsts == ["Simulating", "Evaluating", "Writing", "Training", "Predicting"]
    shares = [done / total if total else 0 for done, total, _ in STEPS]
    assert shares == sorted(shares) and shares[-1] < 1


def test_it_says_simulated_in_every_file(folder):
    "In the panel's metadata, the records, the text, the card and the metadata of the predictions."
    assert panel_metadata(read_panel(folder / "panel.parquet")).pm25_origin == "simulated"
    assert {r["pm25_origin"] for r in json.loads((folder / "evaluation.json").read_text())} == {"simulated"}
    assert "SIMULATED" in (folder / "evaluation.md").read_text()
    assert "SIMULATED" in (folder / "bundle" / "card.md").read_text()
    facts = json.loads(pq.read_schema(folder / "predictions.parquet").metadata[b"airq"])
    assert facts["trained_on"] == "simulated"


def test_the_predictions_are_for_the_cities_without_a_sensor(folder):
    "Two of twelve cities have no PM2.5 in the panel; each of their thirty days has a prediction."
    panel = read_panel(folder / "panel.parquet")
    counts = panel.groupby("site_id")["pm25"].count()
    rows = pd.read_parquet(folder / "predictions.parquet")
    assert set(rows["site_id"]) == set(counts.index[counts == 0])
    assert len(rows) == 60
    assert np.isfinite(rows["pm25"]).all()


def test_random_stands_beside_city(folder):
    "Both schemes, ours and the same baselines in each."
    records = json.loads((folder / "evaluation.json").read_text())
    models = {scheme: {r["model"] for r in records if r["scheme"] == scheme} for scheme in ("random", "city")}
    assert models["random"] == models["city"] >= {"default", "mean", "cams"}


def test_the_bundle_carries_its_evaluation(folder):
    "The records in bundle.json are those of evaluation.json, without the time that they took."
    facts = json.loads((folder / "bundle" / "bundle.json").read_text())
    records = json.loads((folder / "evaluation.json").read_text())
    assert all(record["seconds"] >= 0 for record in records)
    untimed = [{name: one[name] for name in one if name not in SECONDS} for one in records]
    assert facts["evaluation"] == untimed
