"""The folder of a comparison: scores, table, settings and pictures; and the same for a terminal."""

from __future__ import annotations

import html
from pathlib import Path

from matplotlib import rc_context

from airq.io import atomic_write, write_json, write_text
from imbalance.comparison.plots import PICTURES

#: Column of the table -> heading and format.
HEADINGS = {
    "strategy": ("strategy", "s"),
    "model": ("model", "s"),
    "log_loss": ("log loss", ".4f"),
    "log_loss_sd": ("±", ".4f"),
    "vs_none": ("vs none", "+.4f"),
    "ci_low": ("95 % low", "+.4f"),
    "ci_high": ("high", "+.4f"),
    "wins": ("wins", "d"),
    "prior_kl": ("prior KL", ".3f"),
    "brier": ("Brier", ".4f"),
    "auc": ("AUC", ".4f"),
    "average_precision": ("AP", ".4f"),
    "seconds": ("s", ".2f"),
    "calibration_slope": ("slope", ".2f"),
    "calibration_intercept": ("intercept", "+.2f"),
}
RECALL = "recall_"
PRIOR_KL = (
    "divergence of the target from the nominal prior, as counted from labels and weights (for SMOTE, "
    "repeated rows and weights boosted trees do not stand for the counted prior)"
)
ESTIMATED = "; for EM, from the prior that it estimated"
#: Columns that a terminal of fewer characters does without, the first to go first.
SPARE = (
    "calibration_intercept",
    "calibration_slope",
    "seconds",
    "brier",
    "average_precision",
    "log_loss_sd",
    "auc",
)

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
{sentences}
<div class="wide"><table>
<thead><tr>{heading}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
<p>{caption}</p>
{notes}
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
        `reliability.csv`, `sweep.csv`, `settings.json` and the pictures go.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder, table = Path(folder), comparison.table
    with atomic_write(folder / "scores.parquet") as path:
        comparison.scores.to_parquet(path, index=False)
    with atomic_write(folder / "table.csv") as path:
        table.to_csv(path, index=False)
    for name in ("differences", "reliability", "sweep"):
        with atomic_write(folder / f"{name}.csv") as path:
            getattr(comparison, name).to_csv(path, index=False)
    write_text(folder / "table.md", markdown(comparison))
    write_text(folder / "table.html", page(comparison))
    write_json(folder / "table.json", table.to_dict("records"))
    _write_pictures(comparison, folder)
    write_json(folder / "settings.json", facts(comparison))


def _write_pictures(comparison, folder):
    for name, draw in PICTURES.items():
        # Names of classes are drawn as they are written, dollar signs too.
        with rc_context({"text.parse_math": False}), atomic_write(folder / name) as path:
            figure = draw(comparison)
            if title := comparison.settings.get("title"):
                figure.suptitle(title, fontsize=11)
            figure.savefig(path, dpi=110)


def facts(comparison):
    """Everything about a comparison but its figures, for `settings.json`."""
    return {**comparison.settings, "findings": comparison.findings, "notes": list(comparison.notes)}


def cells(table, columns):
    """Headings and cells as text; recalls are headed by their class."""
    chosen = [HEADINGS.get(name, (f"recall {name.removeprefix(RECALL)}", ".3f")) for name in columns]
    rows = [
        [format_cell(value, form) for value, (_, form) in zip(row, chosen, strict=True)]
        for row in table[list(columns)].itertuples(index=False)
    ]
    return [heading for heading, _ in chosen], rows


def format_cell(value, form):
    """A value as text, nothing where it is missing.

    >>> format_cell(0.25, "+.1f"), format_cell(float("nan"), ".1f")
    ('+0.2', '')
    """
    return "" if value != value else format(value, form)


def narrow_columns(table, width):
    """Columns of a table that fit a terminal of so many characters."""
    columns = [name for name in table.columns if not name.startswith(RECALL)]
    spare = list(SPARE)
    while spare and _width(table, columns) > width:
        columns.remove(spare.pop(0))
    return columns


def _width(table, columns):
    headings, rows = cells(table, columns)
    return sum(max(map(len, column)) + 2 for column in zip(headings, *rows, strict=True))


def caption(settings):
    """What the figures are: the population, the folds, the intervals."""
    target = ", ".join(f"{name} {share:.3g}" for name, share in settings["target_prior"].items())
    return (
        f"Log loss in nats, Brier, AUC and average precision (AP) for a population with {target}; "
        f"{settings['n_splits']} folds, dealt {_times(settings['n_repeats'])}, the same for all. ±: standard "
        "deviation over folds; vs none: paired difference with its Nadeau-Bengio interval, each for itself, "
        "not widened for their number; wins: folds below "
        f"none; prior KL: {PRIOR_KL}{ESTIMATED}, a guide to what it can cost; slope, intercept: logistic "
        "recalibration, 1 and 0 where nothing is to mend; s: "
        "seconds of a fit and its predictions; some strategies share a fit."
    )


def _times(n):
    return "once" if n == 1 else f"{n} times"


def markdown(comparison):
    """The table with its caption, findings and notes in Markdown."""
    headings, rows = cells(comparison.table, comparison.table.columns)
    table = markdown_table(headings, rows)
    sentences = "\n".join(f"- {sentence}" for sentence in [*comparison.findings, *comparison.notes])
    return f"{_title(comparison)}\n\n{table}\n\n{caption(comparison.settings)}\n\n{sentences}\n"


def markdown_table(headings, rows):
    """A table in Markdown, two columns of words first.

    >>> print(markdown_table(["a", "b", "c"], [["x", "y", "1"]]))
    | a | b | c |
    | --- | --- | ---: |
    | x | y | 1 |
    """
    lines = [headings, ["---", "---", *["---:"] * (len(headings) - 2)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(comparison):
    """The same as a page that shows the pictures beside it."""
    headings, rows = cells(comparison.table, comparison.table.columns)
    pictures = [f'<p><img src="{name}" alt="{name[:-4].replace("_", " ")}"></p>' for name in PICTURES]
    return PAGE.format(
        title=html.escape(_title(comparison)),
        sentences=_paragraphs(comparison.findings),
        heading="".join(f"<th>{html.escape(heading)}</th>" for heading in headings),
        rows="\n".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        ),
        caption=html.escape(caption(comparison.settings)),
        notes=_paragraphs(comparison.notes),
        pictures="\n".join(pictures),
    )


def _title(comparison):
    return comparison.settings.get("title") or "Comparison of strategies for rare classes"


def _paragraphs(sentences):
    return "\n".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
