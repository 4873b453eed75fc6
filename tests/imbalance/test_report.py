"""The folder of a comparison and its pieces of text."""

import json

import numpy as np
import pandas as pd
import pytest

from imbalance.comparison import plots
from imbalance.comparison.compare import compare_strategies
from imbalance.comparison.report import cells, markdown, narrow_columns, page, write_comparison

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
        for words in ("0.333", "3 folds, dealt once,", "Nadeau-Bengio", "nats"):
            assert words in text


def test_a_narrow_terminal_gets_fewer_columns(comparison):
    "The log loss and the difference to none stay."
    table = comparison.table
    narrow = narrow_columns(table, 80)
    headings, rows = cells(table, narrow)
    assert sum(max(map(len, column)) + 2 for column in zip(headings, *rows, strict=True)) <= 80
    assert {"strategy", "log_loss", "vs_none", "ci_low", "ci_high"} <= set(narrow)
    assert len(narrow) < len(narrow_columns(table, 300))


def test_reliability_joins_only_neighbouring_bins_with_enough_rows(comparison):
    "Bins 0, 1, 3 and 4 have 50 rows, bin 6 has nine: two lines of two bins, one grey ring, nothing cut off."
    bins = pd.DataFrame({"bin": [0, 1, 3, 4, 6], "rows": [50, 50, 50, 50, 9]})
    bins = bins.assign(predicted=(bins["bin"] + 0.5) / 10, observed=1.0)
    figure, axes = plots._figure()
    plots._draw_bins(axes, bins, 50, color="k", label="lightgbm")
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0.05, 0.15], [0.35, 0.45]]
    rings, marks = axes.collections
    assert rings.get_offsets().tolist() == [[0.65, 1.0]]
    assert len(marks.get_offsets()) == 4
    assert not any(artist.get_clip_on() for artist in [*axes.lines, rings, marks])
    drawn = plots.reliability(comparison)
    assert "Grey ring: fewer than 10 rows" in drawn.get_supxlabel()


def test_marks_of_the_reliability_diagram_grow_with_their_rows():
    "Fifty rows and a hundred."
    bins = pd.DataFrame({"bin": [0, 1], "rows": [50, 100], "predicted": [0.1, 0.2], "observed": [0.1, 0.2]})
    _, axes = plots._figure()
    plots._draw_bins(axes, bins, 100, color="k", label="lightgbm")
    small, large = axes.collections[1].get_sizes()
    assert small < large


def test_rows_of_the_bins_are_all_rows(comparison):
    "120 rows: the bins of a class hold each once."
    bins = comparison.reliability
    assert bins.groupby(["strategy", "class"])["rows"].sum().unique().tolist() == [120]


def test_curves_of_twenty_one_strategies_are_told_apart():
    "No two of equal colour and line; what follows the population is solid."
    names = [f"s{number}" for number in range(21)]
    sweep = pd.DataFrame({"strategy": names, "follows": [number < 3 for number in range(21)]})
    styles = plots.curve_styles(sweep, names)
    assert len({(style["color"], style["linestyle"]) for style in styles.values()}) == 21
    assert [name for name in names if styles[name]["linestyle"] == "-"] == names[:3]


def test_a_legend_of_many_long_names_is_cut():
    "Twenty classes of forty letters: twelve, shortened, and a word on the rest."
    figure, _ = plots._figure()
    plots._class_legend(figure, [f"{number:02d} " + "x" * 37 for number in range(20)])
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(texts) == 13
    assert max(map(len, texts)) == 24
    assert texts[-1] == "and 8 more"
