"""The commands `imbalance datasets` and `imbalance reproduce`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from airq.console import notes, plainly, progress
from imbalance.console import print_table, screen

DATASETS_EXAMPLE = "Example: imbalance datasets --suite note --json sets.json"
REPRODUCE_EXAMPLE = "Example: imbalance reproduce --out reproduction   (a trial: --seeds 2 --scale 0.1)"
FOOTNOTE = (
    "text: columns of categories; ratio: rows of the largest over rows of the rarest class; repeats: rows "
    "with the features of an earlier row, kept on one side of a fold. Sets of a family count once. Licences "
    "and notes: --licences full."
)
Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures as JSON records.")]


@plainly
def datasets(
    suite: Annotated[str, typer.Option(help="quick, note, all, or names separated by commas.")] = "all",
    licences: Annotated[
        str,
        typer.Option(help="`short` for the table alone, `full` for a line a set with licences and notes."),
    ] = "short",
    json: Json = None,
):
    """List real imbalanced sets that load offline: rows, ratio, repeats, source family, licence."""
    from airq.files import check_writable, write_json
    from imbalance.datasets import dataset_table, install_hint, suite_names

    if licences not in ("short", "full"):
        raise typer.BadParameter("--licences is short or full")
    if json is not None:
        check_writable(json)
    table, absent = dataset_table(suite_names(suite))
    if len(table):
        print_table(*dataset_cells(table), left=2)
        screen.print(FOOTNOTE, markup=False, style="dim")
    for row in table.itertuples() if licences == "full" else ():
        note = f"; {row.note}" if row.note else ""
        screen.print(
            f"{row.name}: {row.package} ({row.package_licence}); data: {row.licence}{note}", markup=False
        )
    if absent:
        notes.print(
            f"{len(absent)} of {len(absent) + len(table)} sets are not here. {install_hint()}", markup=False
        )
    if json is not None:
        write_json(json, table.to_dict("records"))


def dataset_cells(table):
    """Headings and cells of the table of sets as text."""
    headings = [
        "set",
        "family",
        "rows",
        "features",
        "text",
        "missing",
        "classes",
        "rarest",
        "ratio",
        "repeats",
    ]
    rows = [
        [
            row.name, row.family, f"{row.rows:,}", f"{row.features}", f"{row.categorical}",
            f"{row.missing:,}", f"{row.classes}", f"{row.share:.1%}", f"{row.ratio:.1f}", f"{row.repeats:,}",
        ]
        for row in table.itertuples()
    ]  # fmt: skip
    return headings, rows


@plainly
def reproduce(
    out: Annotated[Path, typer.Option(help="Folder of the result; run again to go on.")],
    seeds: Annotated[int, typer.Option(min=1, help="Stand-ins to draw.")] = 20,
    scale: Annotated[
        float,
        typer.Option(help="Fraction of the published rows; below 1 it is a trial, not the published shape."),
    ] = 1.0,
    json: Json = None,
    jobs: Annotated[int, typer.Option(min=1, help="Seeds side by side, one thread each.")] = os.cpu_count()
    or 1,
):
    """Run the published comparison on a simulated STAND-IN for its private rows, beside ours."""
    from airq.files import check_writable, write_json
    from imbalance.reproduction import VALIDATION_ROWS
    from imbalance.reproduction import reproduce as run
    from imbalance.reproduction_report import findings, reproduction_table, write_reproduction
    from imbalance.standin import ASSUMPTIONS

    for path in filter(None, (out, json)):
        check_writable(path)
    notes.print(
        f"[bold yellow]STAND-IN: simulated tables of the published shape, not the competition's rows. "
        f"{ASSUMPTIONS}[/]"
    )
    with progress("Seeds") as advance:
        scores = run(
            out, seeds=seeds, scale=scale, validation_rows=max(300, round(scale * VALIDATION_ROWS)),
            n_jobs=jobs, advance=advance,
        )  # fmt: skip
    write_reproduction(scores, out)
    if json is not None:
        write_json(json, reproduction_table(scores).to_dict("records"))
    _print_reproduction(scores)
    for sentence in findings(scores):
        screen.print(sentence, markup=False)
    screen.print(f"Written to {out}")


def _print_reproduction(scores):
    from imbalance.reproduction_report import shown_orders, shown_table

    table = shown_table(scores).drop(columns=["AUC", "s"])
    print_table(list(table.columns), table.to_numpy().tolist(), left=2)
    orders = shown_orders(scores)
    print_table(list(orders.columns), orders.to_numpy().tolist(), left=2, sections=0)
