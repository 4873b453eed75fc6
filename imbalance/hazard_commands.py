"""The command `imbalance hazard`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from airq.messages import exit_cleanly, notes, progress
from imbalance.console import listed, print_table, room, screen

EXAMPLE = "Example: imbalance hazard panel.parquet --above 100 --out hazard"
Out = Annotated[Path, typer.Option(help="Folder of the result; run again to go on after an interruption.")]
Group = Annotated[
    Literal["auto", "city", "site"],
    typer.Option(help="What is held out; auto: cities where there are enough, else sites."),
]
Rates = Annotated[
    str, typer.Option(help="False alarms to ask for, shares of the other days, separated by commas.")
]
Recipe = Annotated[
    Literal["retrospective", "live", "reference"],
    typer.Option(help="Features; retrospective ones look ahead, live ones do not."),
]


@exit_cleanly
def hazard(
    panel: Annotated[Path, typer.Argument(help="Panel (Parquet) with PM2.5, as `airq ingest` makes it.")],
    above: Annotated[float, typer.Option(help="A day is hazardous where PM2.5 exceeds this. [µg m⁻³]")],
    out: Out,
    group: Group = "auto",
    rates: Rates = ".01,.05,.1",
    methods: Annotated[
        str | None, typer.Option(help="Names separated by commas: regressions and strategies.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of whole groups.")] = 5,
    recipe: Recipe = "retrospective",
    json: Annotated[Path | None, typer.Option(help="Also write the figures as JSON records.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every fit.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = os.cpu_count() or 1,
):
    """Compare ways to catch high-pollution days in places without a sensor, at stated false alarms."""
    from airq.io import check_writable, read_panel, write_json
    from airq.panel import origin_warnings, panel_metadata
    from imbalance.comparison.regression import check_rates
    from imbalance.hazard import comparison as hazards
    from imbalance.hazard import report
    from imbalance.hazard.panel import check_question

    asked, names = check_rates(_numbers(rates)), listed(methods)
    hazards.choose_methods(names)
    table = read_panel(panel, target="required")
    check_question(table, above, group=group, cv=folds)
    for path in filter(None, (out, json)):
        check_writable(path)
    for warning in origin_warnings(panel_metadata(table)):
        notes.print(f"[bold yellow]{warning}[/]")
    with progress("Fitting") as advance:
        found = hazards.compare_hazard(
            table, above, group=group, methods=names, rates=asked, cv=folds, recipe=recipe,
            seed=seed, n_jobs=jobs, out=out, advance=advance,
        )  # fmt: skip
    report.write_hazard(found, out)
    if json is not None:
        write_json(json, report.records(found))
    answer, *others = report.headlines(found)
    screen.print(answer, markup=False, style="bold")
    for sentence in others:
        screen.print(f"- {sentence}", markup=False)
    print_table(*report.headline_cells(found, room()), left=1)
    screen.print(report.caption(found.settings), markup=False, style="dim")
    screen.print(f"Written to {out}: every rate and figure stands in table.md", markup=False)


def _numbers(text):
    try:
        return [float(part) for part in listed(text)]
    except ValueError:
        raise typer.BadParameter(f"--rates must be numbers separated by commas, not {text!r}") from None
