"""The command `imbalance`: parse, call one function, print where the result is.

Boosters and tables are imported inside the commands, because the help of a command must not wait for them.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated

import typer

import airq
from airq.messages import exit_cleanly, notes, progress
from imbalance import hazard_commands
from imbalance.console import listed, print_table, screen

app = typer.Typer(
    name="imbalance",
    help="What to do when the class that matters is rare.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[Path | None, typer.Option("--json", help="Also write the figures as JSON records.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed: the same input and seed give the same figures.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that fit side by side, one thread each.")]
ALL_CORES = os.cpu_count() or 1
DATASETS_NOTE = (
    "text: columns of categories; ratio: rows of the largest over rows of the rarest class; repeats: rows "
    "with the features of an earlier row, kept on one side of a fold. Sets of a family count once. Licences "
    "and notes: --licences full."
)


def _version(value: bool):
    if value:
        typer.echo(f"imbalance {airq.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
):
    """What to do when the class that matters is rare."""


@app.command(
    epilog="Example: imbalance compare loans.csv --target default --target-prior no=.7,yes=.3 --out result"
)
@exit_cleanly
def compare(
    out: Annotated[
        Path, typer.Option(help="Folder of the result; run again to go on after an interruption.")
    ],
    file: Annotated[Path | None, typer.Argument(help="Table (CSV or Parquet), a row per case.")] = None,
    target: Annotated[str | None, typer.Option(help="Column of the classes.")] = None,
    target_prior: Annotated[
        str, typer.Option(help="Population to predict for: a=.5,b=.5 or balanced or training.")
    ] = "balanced",
    strategies: Annotated[
        str | None,
        typer.Option(
            help="Strategies, separated by commas; all by default. Some take a number: drop-majority:.5 (the "
            "fraction to drop), under-sample:2 and bagged-under:2 (rows at most, in multiples of the rarest "
            "class), smote:.3 (rows at least, as a share of the largest), smote-under:5 (factor of growth)."
        ),
    ] = None,
    models: Annotated[str, typer.Option(help="Of lightgbm, catboost.")] = "lightgbm",
    group: Annotated[str | None, typer.Option(help="Column whose equal values stay in one fold.")] = None,
    categorical: Annotated[
        str | None, typer.Option(help="Columns of numbers that only name something.")
    ] = None,
    drop: Annotated[str | None, typer.Option(help="Columns to leave out.")] = None,
    suite: Annotated[
        str | None, typer.Option(help="Compare on a list of sets instead of FILE, see `imbalance datasets`.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often the folds are dealt.")] = 2,
    json: Json = None,
    seed: Seed = 0,
    jobs: Jobs = ALL_CORES,
):
    """Compare strategies for rare classes on a table: log loss on the target population, with intervals.

    Typical time: all strategies with LightGBM on 10,000 rows of 25 columns, 5 folds dealt twice, under 3
    minutes on 2 cores; a few thousand rows, a minute; CatBoost takes about five times as long.
    """
    if (file is None) == (suite is None):
        raise typer.BadParameter("give either a FILE or --suite")
    if file is not None and target is None:
        raise typer.BadParameter("FILE needs --target, the column of the classes")
    if suite is not None and any(option is not None for option in (target, group, categorical, drop)):
        raise typer.BadParameter("--target, --group, --categorical and --drop go with FILE, not with --suite")
    options = {
        "strategies": listed(strategies),
        "models": listed(models),
        "target_prior": target_prior,
        "n_splits": folds,
        "n_repeats": repeats,
        "seed": seed,
        "n_jobs": jobs,
    }
    if json is not None:
        from airq.io import check_writable

        check_writable(json)
    if suite is not None:
        _compare_suite(suite, out, json, options)
        return
    from imbalance.comparison.compare import compare_strategies
    from imbalance.comparison.report import write_comparison
    from imbalance.reading import read_labelled

    table = read_labelled(
        file, target=target, group=group, categorical=listed(categorical) or (), drop=listed(drop) or ()
    )
    with progress("Comparing") as advance:
        comparison = compare_strategies(
            table.X, table.y, groups=table.groups, out=out, title=f"{file.name}: {target}", notes=table.notes,
            advance=advance, **options,
        )  # fmt: skip
    write_comparison(comparison, out)
    _write_json(json, comparison.table.to_dict("records"))
    _print_comparison(comparison)
    screen.print(f"Written to {out}")


def _compare_suite(suite, out, json, options):
    from imbalance.datasets.suite import CAPTION, compare_suite, write_suite

    with progress("Comparing") as advance:
        result = compare_suite(suite, out=out, advance=advance, **options)
    write_suite(result, out)
    _write_json(json, result.table.to_dict("records"))
    print_table(*result.cells(), sections=1)
    screen.print(CAPTION, markup=False, style="dim")
    for sentence in result.findings:
        screen.print(sentence, markup=False)
    for note in result.notes:
        notes.print(f"note: {note}", markup=False)
    screen.print(f"Written to {out}")


@app.command(epilog="Example: imbalance datasets --suite note --json sets.json")
@exit_cleanly
def datasets(
    suite: Annotated[str, typer.Option(help="quick, note, all, or names separated by commas.")] = "all",
    licences: Annotated[
        str,
        typer.Option(help="`short` for the table alone, `full` for a line a set with licences and notes."),
    ] = "short",
    json: Json = None,
):
    """List real imbalanced sets that load offline: rows, ratio, repeats, source family, licence.

    Typical time: ten seconds for all sets.
    """
    from airq.io import check_writable, write_json
    from imbalance.datasets.loading import dataset_table, install_hint, suite_names

    if licences not in ("short", "full"):
        raise typer.BadParameter("--licences is short or full")
    if json is not None:
        check_writable(json)
    table, absent = dataset_table(suite_names(suite))
    if len(table):
        print_table(*_dataset_cells(table), left=2)
        screen.print(DATASETS_NOTE, markup=False, style="dim")
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


def _dataset_cells(table):
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


@app.command(
    epilog="Example: imbalance reproduce --out reproduction   (a trial: --seeds 2 --scale 0.1)",
)
@exit_cleanly
def reproduce(
    out: Annotated[Path, typer.Option(help="Folder of the result; run again to go on.")],
    seeds: Annotated[int, typer.Option(min=1, help="Stand-ins to draw.")] = 20,
    scale: Annotated[
        float,
        typer.Option(help="Fraction of the published rows; below 1 it is a trial, not the published shape."),
    ] = 1.0,
    json: Json = None,
    jobs: Annotated[int, typer.Option(min=1, help="Seeds side by side, one thread each.")] = ALL_CORES,
):
    """Run the published comparison on a simulated STAND-IN for its private rows, beside ours.

    Typical time on 2 cores: 20 seeds half an hour, the trial below a minute.
    """
    from airq.io import check_writable, write_json
    from imbalance.reproduction import VALIDATION_ROWS
    from imbalance.reproduction import reproduce as run
    from imbalance.reproduction_report import findings, opening, reproduction_table, write_reproduction

    for path in filter(None, (out, json)):
        check_writable(path)
    notes.print(f"[bold yellow]{opening(scale)}[/]")
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


app.command(epilog=hazard_commands.EXAMPLE)(hazard_commands.hazard)


@app.command(epilog="Example: imbalance mismatch --target no=.7,yes=.3 --trained yes=.05,no=.95")
@exit_cleanly
def mismatch(
    target: Annotated[
        str,
        typer.Option(help="Shares of the classes in the population to predict for: a=.5,b=.5 or .5,.5."),
    ],
    trained: Annotated[
        str,
        typer.Option(help="Shares that the classifier was trained on; without names, in the same order."),
    ],
):
    """Print how much log loss a wrong class prior costs at most: a guide, for exact posteriors."""
    from imbalance.probability import kl_divergence

    cost = kl_divergence(*_paired_shares(target, trained))
    if math.isinf(cost):
        raise ValueError("A class of the target was never trained on; no correction can help.")
    typer.echo(
        f"KL(target, trained) = {cost:.3f} nats: at most so much log loss is lost to the prior (a guide)."
    )


def _paired_shares(target, trained):
    """Two lists of shares of the same classes, by name where names are given."""
    target, trained = _shares(target, "--target"), _shares(trained, "--trained")
    if isinstance(target, dict) != isinstance(trained, dict):
        raise typer.BadParameter("give names in both, --target and --trained, or in neither")
    if isinstance(target, dict):
        if set(target) != set(trained):
            name = sorted(set(target) ^ set(trained))[0]
            raise typer.BadParameter(f"--target and --trained must name the same classes; one lacks {name!r}")
        return list(target.values()), [trained[name] for name in target]
    if len(target) != len(trained):
        raise typer.BadParameter("--target and --trained must list the same classes")
    return target, trained


def _shares(text, name):
    if "=" in text:
        from imbalance.comparison.problem import parse_target_prior

        return parse_target_prior(text)
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{name} must be shares separated by commas, with or without names, not {text!r}"
        ) from None


def main():
    """Entry point of the console script."""
    app()


def _print_comparison(comparison):
    from imbalance.comparison.report import caption, cells, narrow_columns

    print_table(*cells(comparison.table, narrow_columns(comparison.table, screen.width)), sections=1)
    screen.print(caption(comparison.settings), markup=False, style="dim")
    for sentence in comparison.findings:
        screen.print(sentence, markup=False)
    for note in comparison.notes:
        notes.print(f"note: {note}", markup=False)


def _write_json(path, records):
    if path is not None:
        from airq.io import write_json

        write_json(path, records)
