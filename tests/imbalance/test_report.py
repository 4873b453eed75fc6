"""The folder of a comparison and its pieces of text."""

import json

import numpy as np
import pandas as pd
import pytest

from imbalance.comparison import compare_strategies
from imbalance.report import cells, markdown, narrow_columns, page, write_comparison

COLUMNS = [
    "strategy", "model", "log_loss", "log_loss_sd", "vs_none", "ci_low", "ci_high", "wins", "prior_kl",
    "brier", "auc", "average_precision", "seconds",
]  # fmt: skip


@pytest.fixture(scope="module")
def comparison():
    "Three classes, one of them with a name that HTML and Markdown would trip over."
    rng = np.random.default_rng(0)
    y = np.repeat(["a<b", "b|c", "c"], [80, 25, 15])
    X = rng.normal(size=(120, 2)) + (y == "c")[:, None]
    return compare_strategies(X, y, strategies=["none+prior"], n_splits=3, n_repeats=1, title="Cases & rows")


def test_the_table_begins_with_the_columns_that_others_read(comparison):
    "Calibration and the recall of each class stand behind them."
    names = comparison.table.columns.tolist()
    assert names[: len(COLUMNS)] == COLUMNS
    assert set(names[len(COLUMNS) :]) == {
        "calibration_slope", "calibration_intercept", "recall_a<b", "recall_b|c", "recall_c",
    }  # fmt: skip


def test_the_folder_holds_the_same_table_in_every_form(comparison, tmp_path):
    "CSV and JSON to the last digit; no NaN in JSON; the scores have a row per strategy and fold."
    write_comparison(comparison, tmp_path)
    from_csv = pd.read_csv(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(from_csv, comparison.table, check_exact=False, rtol=1e-12)
    records = json.loads((tmp_path / "table.json").read_text(), parse_constant=pytest.fail)
    assert [row["strategy"] for row in records] == comparison.table["strategy"].tolist()
    assert len(pd.read_parquet(tmp_path / "scores.parquet")) == 2 * 3
    assert all(path.read_bytes()[1:4] == b"PNG" for path in tmp_path.glob("*.png"))
    assert len(list(tmp_path.glob("*.png"))) == 4
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["class_rows"] == {"a<b": 80, "b|c": 25, "c": 15}
    assert settings["findings"] == comparison.findings


def test_names_do_not_break_the_page_or_the_table(comparison):
    "They are escaped."
    assert "recall a&lt;b" in page(comparison)
    assert "Cases &amp; rows" in page(comparison)
    assert "recall b\\|c" in markdown(comparison)
    assert "a<b" not in page(comparison)


def test_a_number_never_stands_without_its_population(comparison):
    "Target shares, folds and what the interval is are said below the table."
    for text in (markdown(comparison), page(comparison)):
        for words in ("0.333", "3 folds, 1 times", "Nadeau-Bengio", "nats"):
            assert words in text


def test_a_narrow_terminal_gets_fewer_columns(comparison):
    "The log loss and the difference to none stay."
    table = comparison.table
    narrow = narrow_columns(table, 80)
    headings, rows = cells(table, narrow)
    assert sum(max(map(len, column)) + 2 for column in zip(headings, *rows, strict=True)) <= 80
    assert {"strategy", "log_loss", "vs_none", "ci_low", "ci_high"} <= set(narrow)
    assert len(narrow) < len(narrow_columns(table, 300))
