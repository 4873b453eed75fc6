"""The command `imbalance hazard`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airq.messages import exit_cleanly, notes, progress
from imbalance.console import listed, print_table, room, screen

Group = StrEnum("Group", ["auto", "city", "site"])
RecipeName = StrEnum("RecipeName", ["retrospective", "live", "reference"])
EXAMPLE = "Example: imbalance hazard panel.parquet --above 100 --out hazard"


@exit_cleanly
def hazard(
    panel: Annotated[Path, typer.Argument(help="Panel (Parquet) with PM2.5, as `airq ingest` makes it.")],
    above: Annotated[float, typer.Option(help="A day is hazardous where PM2.5 exceeds this. [µg m⁻³]")],
    out: Annotated[
        Path, typer.Option(help="Folder of the result; run again to go on after an interruption.")
    ],
    group: Annotated[
        Group, typer.Option(help="What is held out; auto: cities where there are enough, else sites.")
    ] = Group.auto,
    rates: Annotated[
        str, typer.Option(help="False alarms to ask for, shares of the other days, separated by commas.")
    ] = ".01,.05,.1",
    methods: Annotated[
        str | None, typer.Option(help="Names separated by commas: regressions and strategies.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of whole groups.")] = 5,
    recipe: Annotated[
        RecipeName, typer.Option(help="Features; retrospective ones look ahead, live ones do not.")
    ] = RecipeName.retrospective,
    json: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures as JSON records.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every fit.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that fit side by side, one thread each.")] = (
        os.cpu_count() or 1
    ),
):
    """Compare ways to catch high-pollution days in places without a sensor, at stated false alarms."""
    from airq.io import check_writable, read_panel, write_json
    from airq.panel import origin_warnings, panel_metadata
    from imbalance.comparison.regression import check_rates
    from imbalance.hazard import compare_hazard, write_hazard
    from imbalance.hazard.comparison import choose_methods
    from imbalance.hazard.panel import check_question
    from imbalance.hazard.report import caption, headline_cells, headlines, records

    asked, names = check_rates(_numbers(rates)), listed(methods)
    choose_methods(names)
    table = read_panel(panel, target="required")
    check_question(table, above, group=group.value, n_folds=folds)
    for path in filter(None, (out, json)):
        check_writable(path)
    for warning in origin_warnings(panel_metadata(table)):
        notes.print(f"[bold yellow]{warning}[/]")
    with progress("Fitting") as advance:
        comparison = compare_hazard(
            table,
            above,
            group=group.value,
            methods=names,
            rates=asked,
            n_folds=folds,
            recipe=recipe.value,
            seed=seed,
            n_jobs=jobs,
            out=out,
            advance=advance,
        )
    write_hazard(comparison, out)
    if json is not None:
        write_json(json, records(comparison))
    answer, *others = headlines(comparison)
    screen.print(answer, markup=False, style="bold")
    for sentence in others:
        screen.print(f"- {sentence}", markup=False)
    print_table(*headline_cells(comparison, room()), left=1)
    screen.print(caption(comparison.settings), markup=False, style="dim")
    screen.print(f"Written to {out}: every rate and figure stands in table.md", markup=False)


def _numbers(text):
    try:
        return [float(part) for part in listed(text)]
    except ValueError:
        raise typer.BadParameter(f"--rates must be numbers separated by commas, not {text!r}") from None
