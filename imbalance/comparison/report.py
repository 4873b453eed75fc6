"""The folder of a comparison: scores, table, settings and pictures; and the same for a terminal."""

from __future__ import annotations

import html
from pathlib import Path

from airq.io import atomic_write, write_json, write_text
from imbalance.cells import without_formulas

#: Column of the table -> heading and format; other scores are headed by their names.
HEADINGS = {
    "strategy": ("strategy", "s"),
    "model": ("model", "s"),
    "log_loss": ("log loss", ".4f"),
    "log_loss_sd": ("±", ".4f"),
    "vs_none": ("difference to none", "+.4f"),
    "ci_low": ("95 % low", "+.4f"),
    "ci_high": ("high", "+.4f"),
    "wins": ("wins", "d"),
    "mismatch": ("mismatch", ".3f"),
    "brier": ("Brier", ".4f"),
    "auc": ("AUC", ".4f"),
    "average_precision": ("AP", ".4f"),
    "cost": ("cost", ".4g"),
    "seconds": ("s", ".2f"),
    "calibration_slope": ("slope", ".2f"),
    "calibration_intercept": ("intercept", "+.2f"),
}
RECALL = "recall_"
#: Columns that repeat others: the mark stands before the strategy, which has rows and ending in its name.
UNSEEN = ("rows", "ending", "level")
#: Columns that a terminal of fewer characters does without, the first to go first.
SPARE = (
    "calibration_intercept",
    "calibration_slope",
    "seconds",
    "brier",
    "average_precision",
    "log_loss_sd",
    "wins",
    "auc",
    "mismatch",
)
#: Stands before what is not told apart from the best.
MARK = "≈ "

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
    """Write a comparison as a folder; each file is whole or absent, `settings.json` comes last.

    Parameters
    ----------
    comparison : imbalance.comparison.compare.Comparison
        What was found.
    folder : str or Path
        Where `scores.parquet`, `table.csv`, `.md`, `.html` and `.json`, `differences.csv`,
        `reliability.csv`, `sweep.csv`, `settings.json` and the pictures go. No cell of a CSV is a formula.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from imbalance.comparison.plots import draw_pictures

    folder, table = Path(folder), comparison.table
    with atomic_write(folder / "scores.parquet") as path:
        comparison.scores.to_parquet(path, index=False)
    for name in ("table", "differences", "reliability", "sweep"):
        with atomic_write(folder / f"{name}.csv") as path:
            without_formulas(getattr(comparison, name)).to_csv(path, index=False)
    pictures = draw_pictures(comparison, folder)
    write_text(folder / "table.md", markdown(comparison))
    write_text(folder / "table.html", page(comparison, pictures))
    write_json(folder / "table.json", table.to_dict("records"))
    write_json(folder / "settings.json", facts(comparison))


def facts(comparison):
    """Everything about a comparison but its figures, for `settings.json`."""
    return {**comparison.settings, "findings": comparison.findings, "notes": list(comparison.notes)}


def cells(table, columns=None):
    """Headings and cells as text, recalls headed by their class, a mark where several are level."""
    columns = shown_columns(table) if columns is None else list(columns)
    chosen = [HEADINGS.get(name, (name.replace(RECALL, "recall "), ".3f")) for name in columns]
    marks = [MARK if level and table["level"].sum() > 1 else "" for level in table["level"]]
    rows = [
        [format_cell(value, form) for value, (_, form) in zip(row, chosen, strict=True)]
        for row in table.assign(strategy=marks + table["strategy"])[columns].itertuples(index=False)
    ]
    return [heading for heading, _ in chosen], rows


def shown_columns(table):
    """Columns of a table that are shown; the model only where there are several."""
    alone = ("model",) if table["model"].nunique() == 1 else ()
    return [name for name in table.columns if name not in (*UNSEEN, *alone)]


def format_cell(value, form):
    """A value as text, nothing where it is missing.

    >>> format_cell(0.25, "+.1f"), format_cell(float("nan"), ".1f")
    ('+0.2', '')
    """
    return "" if value != value else format(value, form)


def narrow_columns(table, width):
    """Columns of a table that fit a terminal of so many characters."""
    columns = [name for name in shown_columns(table) if not name.startswith(RECALL)]
    spare = list(SPARE)
    while spare and sum(max(map(len, column)) + 2 for column in _columns(table, columns)) > width:
        columns.remove(spare.pop(0))
    return columns


def _columns(table, columns):
    headings, rows = cells(table, columns)
    return zip(headings, *rows, strict=True)


def caption(settings):
    """What the figures are: the population, the folds, the intervals."""
    target = ", ".join(f"{name} {share:.3g}" for name, share in settings["target_prior"].items())
    times = "once" if settings["n_repeats"] == 1 else f"{settings['n_repeats']} times"
    return (
        f"Log loss [nats], Brier, AUC, average precision (AP) and costs for a population with {target}; "
        f"{settings['n_splits']} folds, dealt {times}, the same for all. {MARK.strip()}: not told apart from "
        "the first, of which any might be the lowest by luck (Bonferroni). Difference to none: to the same "
        "model on the rows as they are, nothing corrected, with its 95 % interval (Nadeau and Bengio); wins: "
        "folds below that. ±: standard deviation over folds. Mismatch: how far the class shares it was "
        "trained on are from yours (0 = none). Slope, intercept: logistic recalibration, 1 and 0 where "
        "nothing is to mend. s: seconds of a fit and its predictions; endings share a fit."
    )


def plain(comparison):
    """The answer and the table as text."""
    headings, rows = cells(comparison.table, narrow_columns(comparison.table, 100))
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [
        "  ".join(
            f"{cell:<{w}}" if n < 2 else f"{cell:>{w}}"
            for n, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [headings, *rows]
    ]
    return "\n".join([comparison.findings[0], "", *map(str.rstrip, lines)])


def markdown(comparison):
    """The answer, the table with its caption, and the other findings and notes in Markdown."""
    answer, *others = comparison.findings
    table = markdown_table(*cells(comparison.table))
    sentences = "\n".join(f"- {sentence}" for sentence in [*others, *comparison.notes])
    return f"{_title(comparison)}\n\n{answer}\n\n{table}\n\n{caption(comparison.settings)}\n\n{sentences}\n"


def markdown_table(headings, rows):
    """A table in Markdown, two columns of words first.

    >>> print(markdown_table(["a", "b", "c"], [["x", "y", "1"]]))
    | a | b | c |
    | --- | --- | ---: |
    | x | y | 1 |
    """
    lines = [headings, ["---", "---", *["---:"] * (len(headings) - 2)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def html_table(comparison):
    """The answer and the table as a piece of HTML, what is level with the best in bold."""
    headings, rows = cells(comparison.table)
    lines = ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    lines = [
        line.replace("<tr>", '<tr style="font-weight: bold">') if level else line
        for line, level in zip(lines, comparison.table["level"], strict=True)
    ]
    return (
        f'<p>{html.escape(comparison.findings[0])}</p>\n<div class="wide"><table>\n<thead><tr>'
        + "".join(f"<th>{html.escape(heading)}</th>" for heading in headings)
        + "</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def page(comparison, pictures=()):
    """The same as a page with the other findings, notes and pictures, which lie beside it."""
    return PAGE.format(
        title=html.escape(_title(comparison)),
        table=html_table(comparison),
        sentences=_paragraphs([*comparison.findings[1:], caption(comparison.settings), *comparison.notes]),
        pictures="\n".join(
            f'<p><img src="{name}" alt="{name[:-4].replace("_", " ")}"></p>' for name in pictures
        ),
    )


def _title(comparison):
    return comparison.settings.get("title") or "Comparison for rare classes"


def _paragraphs(sentences):
    return "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
