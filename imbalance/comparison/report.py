"""The folder of a comparison: scores, table, settings and pictures; and the same for a terminal."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pandas as pd

from airq.io import atomic_write, write_json, write_text
from airq.report.words import markdown_table
from imbalance.reading import write_csv

#: Column of the table -> heading, format, and what it is where that needs words; other scores are headed by
#: their names.
COLUMNS = {
    "strategy": ("strategy", "s", ""),
    "model": ("model", "s", ""),
    "cost": ("cost", ".4g", "Cost: of a row where every decision costs least."),
    "cost_vs_none": ("less none's", "+.4g", ""),
    "cost_low": ("95 % low", "+.4g", ""),
    "cost_high": ("high", "+.4g", ""),
    "log_loss": ("log loss", ".4f", ""),
    "log_loss_sd": ("±", ".4f", "±: standard deviation over folds."),
    "vs_none": (
        "difference to none", "+.4f", "Difference to none: to the same model on the rows as they are, "
        "nothing corrected, with its 95 % interval (Nadeau and Bengio).",
    ),
    "ci_low": ("95 % low", "+.4f", ""),
    "ci_high": ("high", "+.4f", ""),
    "wins": ("wins", "d", "Wins: folds below that."),
    "mismatch": (
        "mismatch", ".3f",
        "Mismatch: how far the class shares it was trained on are from yours (0 = none).",
    ),
    "brier": ("Brier", ".4f", ""),
    "auc": ("AUC", ".4f", ""),
    "average_precision": ("AP", ".4f", "AP: average precision."),
    "seconds": ("s", ".2f", "s: seconds of a fit and its predictions; endings share a fit."),
    "calibration_slope": (
        "slope", ".2f", "Slope, intercept: logistic recalibration, 1 and 0 where nothing is to mend.",
    ),
    "calibration_intercept": ("intercept", "+.2f", ""),
}  # fmt: skip
RECALL = "recall_"
#: Columns that repeat others: the mark stands before the strategy, which has rows and ending in its name.
UNSEEN = ("rows", "ending", "level")
#: Columns that a terminal of fewer characters does without, the first to go first.
SPARE = ("calibration_intercept", "calibration_slope", "seconds", "brier", "average_precision",
         "log_loss_sd", "wins", "auc", "mismatch")  # fmt: skip
#: Stands before what is not told apart from the best.
MARK = "≈ "
TITLE = "Comparison for rare classes"

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd }}
th:nth-child(-n+2), td:nth-child(-n+2) {{ text-align: left }}
.wide {{ overflow-x: auto }}
img {{ max-width: 100% }}
</style>
<h1>{title}</h1>
{table}
{sentences}
{pictures}
</html>
"""


def write_comparison(comparison, folder):
    """Write a comparison as a folder; each file is whole or absent, `settings.json` comes last."""
    from imbalance.comparison.plots import draw_pictures

    folder = Path(folder)
    tables = {name: getattr(comparison, name) for name in ("table", "differences", "reliability", "sweep")}
    write_tables(folder, tables, markdown(comparison), comparison.table.to_dict("records"))
    with atomic_write(folder / "scores.parquet") as path:
        comparison.scores.to_parquet(path, index=False)
    write_text(folder / "table.html", page(comparison, draw_pictures(comparison, folder)))
    said = {"findings": comparison.findings, "notes": list(comparison.notes)}
    write_json(folder / "settings.json", comparison.settings | said)


def write_tables(folder, tables, text, records):
    """Write tables by name as CSV, and the main one as `table.md` and `table.json`, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
    write_text(folder / "table.md", text)
    write_json(folder / "table.json", records)


def cells(table, columns=None):
    """Return headings and cells as text, a mark where several rows are level with the best."""
    columns = shown_columns(table) if columns is None else list(columns)
    chosen = {name: COLUMNS.get(name, (name.replace(RECALL, "recall "), ".3f")) for name in columns}
    marks = np.where(table["level"] & (table["level"].sum() > 1), MARK, "")
    return headed_cells(table.assign(strategy=marks + table["strategy"]), chosen)


def headed_cells(table, headings):
    """Return headings and cells as text, empty where a value is missing, from a mapping of columns to their
    headings and formats.

    >>> headed_cells(pd.DataFrame({"a": [0.25, float("nan")]}), {"a": ("share", "+.1f")})
    (['share'], [['+0.2'], ['']])
    """
    rows = [
        [
            "" if row[name] != row[name] else format(row[name], form)
            for name, (_, form, *_) in headings.items()
        ]
        for row in table.to_dict("records")
    ]
    return [heading for heading, *_ in headings.values()], rows


def shown_columns(table):
    """Return the columns of a table that are shown; the model only where there are several."""
    alone = ("model",) if table["model"].nunique() == 1 else ()
    return [name for name in table.columns if name not in (*UNSEEN, *alone)]


def narrow_columns(table, width):
    """Return the columns of a table that fit a terminal of so many characters."""

    def characters():
        headings, rows = cells(table, columns)
        return sum(max(map(len, column)) + 2 for column in zip(headings, *rows, strict=True))

    columns = [name for name in shown_columns(table) if not name.startswith(RECALL)]
    intervals = ("ci_low", "ci_high", "vs_none", "cost_low", "cost_high") if "cost" in columns else ()
    spare = [name for name in (*SPARE, *intervals) if name in columns]
    while spare and characters() > width:
        columns.remove(spare.pop(0))
    return columns


def caption(comparison, columns=None):
    """Return what the figures of some columns, or of all, are: the population, the folds, the intervals."""
    settings, level = comparison.settings, comparison.table["level"]
    target = ", ".join(f"{name} {share:.3g}" for name, share in settings["target_prior"].items())
    times = "once" if settings["repeats"] == 1 else f"{settings['repeats']} times"
    said = [
        f"Scores for a population with {target}, log loss in nats; {settings['folds']} folds, dealt {times}, "
        "the same for all."
    ]
    if level.sum() > 1:
        said.append(
            f"{MARK.strip()}: no other row is told to be better, so that any of these may be the best (Hsu's "
            "multiple comparisons with the best)."
        )
        if not level[: level.sum()].all():
            said.append(
                "A row without the sign that stands above one with it is worse than another row in nearly "
                "every fold, if only by little."
            )
    shown = shown_columns(comparison.table) if columns is None else columns
    meanings = [COLUMNS[name][-1] for name in shown if name in COLUMNS]
    if any(name.startswith("recall@") for name in shown):
        meanings.append(
            "recall@R: recall of the rarest class at a cut-off that training rows set for a share R of false "
            "alarms; false_alarms@R: those that test rows got."
        )
    return " ".join([*said, *filter(None, meanings)])


def plain(comparison):
    """Return the answer and the table as text."""
    headings, rows = cells(comparison.table, narrow_columns(comparison.table, 100))
    table = pd.DataFrame(rows, columns=headings).set_index(headings[0]).rename_axis(None)
    return f"{comparison.findings[0]}\n\n{table.to_string()}"


def markdown(comparison):
    """Return the answer, the table with its caption, and the other findings and notes in Markdown."""
    answer, *others = comparison.findings
    sentences = "\n".join(f"- {sentence}" for sentence in [*others, *comparison.notes])
    title, table = comparison.settings["title"] or TITLE, markdown_table(*cells(comparison.table))
    return "\n\n".join([title, answer, table, caption(comparison), sentences]) + "\n"


def html_table(comparison):
    """Return the answer and the table as a piece of HTML."""
    headings, rows = cells(comparison.table)
    table = pd.DataFrame(rows, columns=headings).to_html(index=False, border=0)
    return f'{_paragraphs(comparison.findings[:1])}\n<div class="wide">{table}</div>'


def page(comparison, pictures=()):
    """Return the same as a page with the other findings, notes and pictures, which lie beside it."""
    shown = [f'<p><img src="{name}" alt="{name[:-4].replace("_", " ")}"></p>' for name in pictures]
    return PAGE.format(
        title=html.escape(comparison.settings["title"] or TITLE),
        table=html_table(comparison),
        sentences=_paragraphs([*comparison.findings[1:], caption(comparison), *comparison.notes]),
        pictures="\n".join(shown),
    )


def _paragraphs(sentences):
    return "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
