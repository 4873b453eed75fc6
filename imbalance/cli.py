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
from airq.console import notes, plainly, progress
from imbalance import dataset_commands, hazard_commands
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
@plainly
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
        str | None, typer.Option(help="Strategies, separated by commas; all by default.")
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
    """Compare strategies for rare classes on a table: log loss on the target population, with intervals."""
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
        from airq.files import check_writable

        check_writable(json)
    if suite is not None:
        _compare_suite(suite, out, json, options)
        return
    from imbalance.comparison import compare_strategies
    from imbalance.reading import read_labelled
    from imbalance.report import write_comparison

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
    from imbalance.suite import CAPTION, compare_suite, write_suite

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


app.command(epilog=dataset_commands.DATASETS_EXAMPLE)(dataset_commands.datasets)
app.command(epilog=dataset_commands.REPRODUCE_EXAMPLE)(dataset_commands.reproduce)
app.command(epilog=hazard_commands.EXAMPLE)(hazard_commands.hazard)


def _shares(text, name):
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{name} must be numbers separated by commas, not {text!r}") from None


@app.command(epilog="Example: imbalance mismatch --target .749,.171,.080 --trained .952,.035,.013")
@plainly
def mismatch(
    target: Annotated[str, typer.Option(help="Shares of the classes in the population to predict for.")],
    trained: Annotated[
        str, typer.Option(help="Shares that the classifier was trained on, in the same order.")
    ],
):
    """Print how much log loss a wrong class prior costs at most: a guide, for exact posteriors."""
    from imbalance.priors import kl_divergence

    shares = _shares(target, "--target"), _shares(trained, "--trained")
    if len(shares[0]) != len(shares[1]):
        raise typer.BadParameter("--target and --trained must list the same classes")
    cost = kl_divergence(*shares)
    if math.isinf(cost):
        raise ValueError("A class of the target was never trained on; no correction can help.")
    typer.echo(
        f"KL(target, trained) = {cost:.3f} nats: at most so much log loss is lost to the prior (a guide)."
    )


def main():
    """Entry point of the console script."""
    app()


def _print_comparison(comparison):
    from imbalance.report import caption, cells, narrow_columns

    print_table(*cells(comparison.table, narrow_columns(comparison.table, screen.width)), sections=1)
    screen.print(caption(comparison.settings), markup=False, style="dim")
    for sentence in comparison.findings:
        screen.print(sentence, markup=False)
    for note in comparison.notes:
        notes.print(f"note: {note}", markup=False)


def _write_json(path, records):
    if path is not None:
        from airq.files import write_json

        write_json(path, records)
