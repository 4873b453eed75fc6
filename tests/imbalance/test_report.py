"""The folder of a comparison and its pieces of text."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from imbalance.comparison import plots
from imbalance.comparison.compare import compare
from imbalance.comparison.report import caption, cells, markdown, narrow_columns, page, write_comparison

COLUMNS = [
    "strategy", "model", "rows", "ending", "log_loss", "log_loss_sd", "vs_none", "ci_low", "ci_high", "wins",
    "level", "mismatch", "brier", "auc", "average_precision", "seconds",
]  # fmt: skip


@pytest.fixture(scope="module")
def comparison():
    "Three classes, one of them with a name that HTML and Markdown would trip over."
    rng = np.random.default_rng(0)
    y = np.repeat(["a<b", "b|c", "c"], [80, 25, 15])
    X = rng.normal(size=(120, 2)) + (y == "c")[:, None]
    return compare(
        X, y, models=GaussianNB(), rows="none", ending="prior", cv=3, repeats=1, title="Cases & rows"
    )


def test_the_table_begins_with_the_columns_that_others_read(comparison):
    "Calibration and the recall of each class stand behind them."
    names = comparison.table.columns.tolist()
    assert names[: len(COLUMNS)] == COLUMNS
    assert set(names[len(COLUMNS) :]) == {
        "calibration_slope", "calibration_intercept", "recall_a<b", "recall_b|c", "recall_c",
    }  # fmt: skip


def test_the_caption_explains_the_columns_that_are_there(comparison):
    "A terminal that has room for the log loss and its spread alone."
    said = caption(comparison, ["strategy", "log_loss", "log_loss_sd"])
    assert said.startswith("Scores for a population with a<b 0.333, b|c 0.333, c 0.333, log loss in nats;")
    assert said.endswith("±: standard deviation over folds.")
    assert not any(word in said for word in ("Slope", "AP:", "s: seconds", "Cost:", "Wins"))


def test_the_caption_explains_the_sign_and_further_scores_where_they_are(comparison):
    "A single best row has no sign; recall at stated false alarms is explained where it was asked for."
    assert len(comparison.table) == 2
    alone, both, below = (
        caption(replace(comparison, table=comparison.table.assign(level=level)))
        for level in ([True, False], [True, True], [False, True])
    )
    assert "≈" not in alone + below
    assert "≈: no other row is told to be better" in both
    three = pd.concat([comparison.table, comparison.table.iloc[:1]], ignore_index=True)
    said = caption(replace(comparison, table=three.assign(level=[True, False, True])))
    assert "A row without the sign that stands above one with it" in said and "stands above" not in both
    assert "cut-off" in caption(comparison, ["recall@0.1"]) and "cut-off" not in both


def test_the_folder_holds_the_same_table_in_every_form(comparison, tmp_path):
    "CSV and JSON to the last digit; no NaN in JSON; the scores have a row per strategy and fold."
    write_comparison(comparison, tmp_path)
    from_csv = pd.read_csv(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(from_csv, comparison.table, check_exact=False, rtol=1e-12)
    records = json.loads((tmp_path / "table.json").read_text(), parse_constant=pytest.fail)
    assert [row["strategy"] for row in records] == comparison.table["strategy"].tolist()
    assert len(pd.read_parquet(tmp_path / "scores.parquet")) == 2 * 3
    assert all(path.read_bytes()[1:4] == b"PNG" for path in tmp_path.glob("*.png"))
    assert len(list(tmp_path.glob("*.png"))) == 3
    for name in ("differences", "reliability", "sweep"):
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(getattr(comparison, name))
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
        for words in ("0.333", "3 folds, dealt once,", "95 % interval", "nats", "0 = none"):
            assert words in text


def test_a_narrow_terminal_gets_fewer_columns(comparison):
    "The log loss and the difference to none stay."
    table = comparison.table
    narrow = narrow_columns(table, 80)
    headings, rows = cells(table, narrow)
    assert sum(max(map(len, column)) + 2 for column in zip(headings, *rows, strict=True)) <= 80
    assert {"strategy", "log_loss", "vs_none", "ci_low", "ci_high"} <= set(narrow)
    assert len(narrow) < len(narrow_columns(table, 300))


def test_rows_of_the_bins_are_all_rows(comparison):
    "120 rows: the bins of a class hold each once."
    bins = comparison.reliability
    assert bins.groupby(["strategy", "class"])["rows"].sum().unique().tolist() == [120]


def test_solid_curves_follow_the_population(comparison):
    "What is corrected does; nothing done does not."
    styles = plots.curve_styles(comparison)
    assert styles["as they are+prior"]["linestyle"] == "-" != styles["as they are"]["linestyle"]


def test_the_answer_comes_first_and_what_is_level_is_marked(comparison):
    "In text, Markdown, a notebook and on the page: the first finding, then the table."
    answer = comparison.findings[0]
    assert repr(comparison).startswith(answer)
    assert comparison.to_markdown().split("\n\n")[1] == answer
    assert comparison._repr_html_().startswith(f"<p>{answer}</p>")
    marked = repr(comparison).count("\n≈ ")
    assert marked == comparison.table["level"].sum() >= 1
    assert comparison._repr_html_().count("<td>≈ ") == marked


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    "A class called =cmd() is text in every CSV."
    y = np.repeat(["=cmd()", "b"], [40, 20])
    X = np.random.default_rng(0).normal(size=(60, 1)) + (y == "b")[:, None]
    found = compare(X, y, models={"=model": GaussianNB()}, rows="none", ending="prior", cv=3, repeats=1)
    write_comparison(found, tmp_path)
    assert set(pd.read_csv(tmp_path / "reliability.csv")["class"]) == {"'=cmd()", "b"}
    assert set(pd.read_csv(tmp_path / "table.csv")["model"]) == {"'=model"}


def test_a_best_row_alone_has_no_mark(comparison):
    "The mark says that several are level; one that is clearly best has none."
    table = comparison.table.assign(level=[True, False])
    assert not any(row[0].startswith("≈") for row in cells(table)[1])
    assert all(row[0].startswith("≈") for row in cells(table.assign(level=True))[1])
