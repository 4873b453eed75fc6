"""The command line: parse, read, call the public function, write, print.

Everything that computes is imported inside the commands, because help must not wait for pandas or boosters.
"""

from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import airq
from airq.cluster import on_cluster
from airq.commands.options import (
    ALL_CORES,
    OF_A_PANEL,
    Cluster,
    Jobs,
    Json,
    Model,
    PanelFile,
    RecipeName,
    Seed,
    check_files,
    refuse_given,
    split,
    split_schemes,
    write_records,
)
from airq.commands.predictions import explain, predict
from airq.commands.rasters import app as rasters
from airq.commands.services import app as services
from airq.models import FAST_BASELINES, SLOW_BASELINES
from airq.report.console import (
    print_evaluation,
    print_proximity,
    print_records,
    print_report,
    print_written,
    screen,
)
from airq.terminal import exit_cleanly, notes, progress
from airq.validation.schemes import FEW_FITS, PLACE_SCHEMES, SCHEMES

app = typer.Typer(
    name="airq",
    help="Daily PM2.5 for cities that have no sensor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

FAST, SLOW = ", ".join(FAST_BASELINES), ", ".join(SLOW_BASELINES)
DEFAULT_SCHEMES, ALL_SCHEMES = ",".join(FEW_FITS), ",".join(SCHEMES)
Several = StrEnum("Several", ["mean", "nearest", "each"])
Period = StrEnum("Period", ["day", "month", "year"])
_CODED = ["waqi", "openaq", "uganda", "airathon", "open-meteo", "reference", "table"]
_SHIPPED = {path.name.split(".")[0] for path in (Path(__file__).parent / "sources/formats").glob("*.toml")}
Format = StrEnum("Format", [(name, name) for name in [*_CODED, *sorted(_SHIPPED)]])
By = StrEnum("By", ["site", "city"])
Twins = StrEnum("Twins", ["keep", "merge"])
Example = StrEnum("Example", [(name, name) for name in ("south-africa", "demonstration")])

Boosters = Annotated[
    Model, typer.Option("--model", help="Boosters; fast: fewer and shorter, in a third of the time.")
]
Fast = Annotated[bool, typer.Option("--fast", help="Short for --model fast.")]
NewPanel = Annotated[Path, typer.Option("--out", help="Panel to write.")]


def _version(value: bool):
    if value:
        typer.echo(f"airq {airq.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
):
    """Daily PM2.5 for cities that have no sensor."""


@contextlib.contextmanager
def _stages():
    """Show one progress bar after the other; yields ``stage(text)``, which returns ``advance``."""
    with contextlib.ExitStack() as stack:

        def stage(text):
            stack.close()
            return stack.enter_context(progress(text))

        yield stage


@app.command(epilog="Example: airq demo --out demo")
@exit_cleanly
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything that the demonstration makes.")] = Path(
        "demo"
    ),
    json: Json = None,
    seed: Seed = 0,
    jobs: Jobs = ALL_CORES,
):
    """Run the main job on a SIMULATED atmosphere: evaluate, train, predict."""
    check_files({"--json": json}, {})
    from airq.io import read_panel
    from airq.workflows.demo import demo as run

    with progress("") as advance:
        evaluation = run(out, random_state=seed, n_jobs=jobs, advance=advance)
    write_records(json, evaluation.records)
    panel = read_panel(out / "panel.parquet")
    n_days = panel.groupby("site_id")["pm25"].count()
    notes.print(
        "[bold yellow]SIMULATED: these figures describe a simulated atmosphere, "
        "not the air of any city.[/]\n"
        f"{len(panel):,} days of {len(n_days)} cities, {(n_days == 0).sum()} of them without a sensor, "
        f"{panel['date'].min():%Y-%m-%d} to {panel['date'].max():%Y-%m-%d}"
    )
    print_evaluation(evaluation)
    screen.print(
        f"\nWritten to {out}: panel.parquet evaluation.json evaluation.md evaluation/ bundle/ "
        "predictions.parquet\n"
        "Next, with a table of your own:\n"
        "  airq ingest mine.csv --format table --mapping mine.toml --out panel.parquet\n"
        "  airq evaluate panel.parquet --out evaluation\n"
        "  airq train panel.parquet --out bundle\n"
        "  airq predict elsewhere.parquet --bundle bundle --out predictions.parquet",
        markup=False,
    )


@app.command(epilog="Example: airq cities --country KEN,UGA --min-population 100000 --out cities.csv")
@exit_cleanly
def cities(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    country: Annotated[
        str | None, typer.Option(help="Names or ISO codes, separated by commas; all by default.")
    ] = None,
    min_population: Annotated[float, typer.Option(help="Fewest people of a city.")] = 15000,
    json: Json = None,
):
    """Write the bundled table of African cities (GeoNames, CC BY 4.0), or a part of it."""
    check_files({"--out": out, "--json": json}, {})
    from airq.cities import bundled_cities
    from airq.io import atomic_write

    table = bundled_cities(countries=split(country), min_population=min_population)
    with atomic_write(out) as unfinished:
        table.to_csv(unfinished, index=False)
    n_cities, n_countries = len(table), table["country"].nunique()
    write_records(json, [{"out": str(out), "cities": n_cities, "countries": n_countries}])
    counted = f"{n_cities:,} {'city' if n_cities == 1 else 'cities'}"
    where = f"{n_countries} {'country' if n_countries == 1 else 'countries'}"
    screen.print(f"{out}: {counted} of {where} (GeoNames, CC BY 4.0)")


@app.command(
    epilog="Example: airq ingest sensors.csv --format table --mapping sensors.toml --out panel.parquet"
)
@exit_cleanly
def ingest(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files of one format.")],
    format: Annotated[Format | None, typer.Option(help="What the files are.")] = None,
    out: Annotated[Path | None, typer.Option(help="Panel to write; with --suggest, the mapping.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="Mapping (TOML) of `--format table`.")] = None,
    stations: Annotated[
        Path | None, typer.Option(help="Table of stations: positions and names by identifier.")
    ] = None,
    cities: Annotated[
        Path | None, typer.Option(help="City table (CSV) that gives coordinates by name.")
    ] = None,
    min_hours: Annotated[
        int, typer.Option(min=1, max=24, help="Fewest hours that a daily value is made of.")
    ] = 18,
    by: Annotated[By, typer.Option(help="Keep the sites, or average those of each city.")] = By.site,
    twins: Annotated[
        Twins, typer.Option(help="Sites within 100 m that read the same: keep or merge.")
    ] = Twins.keep,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse places that look wrong.")] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Only write a mapping to start from: what the files tell.")
    ] = False,
    json: Json = None,
):
    """Turn tables of stations, satellites or models into a panel."""
    if suggest:
        others = [name for name in ctx.params if name not in ("files", "out", "suggest")]
        refuse_given(ctx, others, "with --suggest, which only looks at the files")
        _write_suggestion(files, out)
        return
    if format is None or out is None:
        raise typer.BadParameter("ingest needs --format and --out (or --suggest)")
    inputs = {"FILES": files, "--mapping": mapping, "--stations": stations, "--cities": cities}
    check_files({"--out": out, "--json": json}, inputs)
    from airq.io import check_parquet_name, write_panel
    from airq.workflows.ingest import read_table

    check_parquet_name(out)
    panel, report = read_table(
        files,
        format=format.value,
        mapping=mapping,
        stations=stations,
        cities=cities,
        min_hours=min_hours,
        by=by.value,
        twins=twins.value,
        strict=strict,
    )
    write_panel(panel, out)
    write_records(json, [{"out": str(out), **report.to_dict()}])
    print_report(report, out)


def _write_suggestion(files, out):
    """Write a mapping to start from, to the screen if `out` is None."""
    check_files({"--out": out}, {"FILES": files})
    if out is not None and out.exists():
        raise FileExistsError(f"{out} exists, and may have answers in it; choose another name for --out.")
    from airq.io import write_text
    from airq.sources.suggest import suggest_mapping

    text = suggest_mapping(files)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"{out}: a mapping to start from; lines that begin with # ask for the rest.")


@app.command(
    epilog="Example: airq join features.parquet weather.parquet monitors.parquet --out panel.parquet"
)
@exit_cleanly
def join(
    panels: Annotated[
        list[Path], typer.Argument(help="Panels: those with PM2.5 give targets, the others inputs.")
    ],
    out: NewPanel,
    several: Annotated[
        Several,
        typer.Option(help="Of several monitors at a place: their mean, the nearest, or a row for each."),
    ] = Several.mean,
    max_km: Annotated[float, typer.Option(min=0, help="Farthest match by position. [km]")] = 5.0,
    json: Json = None,
):
    """Put inputs side by side, and targets beside them, by site and day."""
    check_files({"--out": out, "--json": json}, {"PANELS": panels})
    from airq.io import check_parquet_name, write_panel
    from airq.workflows.join import join as run

    check_parquet_name(out)
    panel, report = run(*panels, several=several.value, max_km=max_km)
    write_panel(panel, out)
    write_records(json, [{"out": str(out), **report.to_dict()}])
    print_report(report, out)


@app.command(epilog="Example: airq train panel.parquet --out bundle --recipe live --tune 30")
@exit_cleanly
def train(
    ctx: typer.Context,
    panel: PanelFile,
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    model: Boosters = Model.lightgbm,
    fast: Fast = False,
    recipe: Annotated[
        RecipeName, typer.Option(help="Features; `live` never looks ahead.")
    ] = RecipeName.retrospective,
    tune: Annotated[int, typer.Option(min=0, help="Trials of a search on inner folds.")] = 0,
    tune_seconds: Annotated[
        float | None,
        typer.Option(min=0, help="Time for the trials of every search, with or without --tune. [s]"),
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option(help=f"How to score it, of {OF_A_PANEL}, or none; by default city or site."),
    ] = None,
    json: Json = None,
    seed: Seed = 0,
    jobs: Jobs = ALL_CORES,
    cluster: Cluster = None,
):
    """Train a model, score it on held-out places, save it as a bundle."""
    from airq.bundle_metadata import BUNDLE_JSON

    if fast:
        refuse_given(ctx, ["model", "tune", "tune_seconds"], "with --fast, which is a model of its own")
        model = Model.fast
    schemes = [] if scheme == "none" else split_schemes(scheme)
    check_files({"--out": out, "--json": json}, {"PANEL": panel}, folders={"--out": BUNDLE_JSON})
    from airq.models.predictor import training_panel
    from airq.regressor import PM25Regressor
    from airq.workflows.train import train as run

    search = {"n_trials": tune, "search_seconds": tune_seconds}
    journal = out.with_name(f"{out.name}.tuning.log")
    regressor = PM25Regressor(model.value, recipe.value, seed, **search, journal=journal, n_jobs=jobs)
    if regressor.searches:
        notes.print(
            f"The search keeps its trials in {journal}; start again and it goes on. With a search, the "
            "coverage of the intervals is not measured: that would take ten more searches."
        )
    table = training_panel(panel)
    with on_cluster(cluster), _stages() as stage:
        run(regressor, table, schemes=schemes, n_jobs=jobs, advance=stage)
    regressor.save(out)
    metadata = regressor.metadata_
    write_records(json, metadata["evaluation"])
    print_records(metadata["evaluation"])
    screen.print(
        f"{out}: {len(metadata['features'])} features, {metadata['data']['rows']:,} rows; read {out}/card.md"
    )


@app.command(epilog="Example: airq evaluate panel.parquet --scheme random,city --json evaluation.json")
@exit_cleanly
def evaluate(
    ctx: typer.Context,
    panel: PanelFile,
    scheme: Annotated[
        str, typer.Option(help=f"What is held out, of {ALL_SCHEMES}; separated by commas.")
    ] = DEFAULT_SCHEMES,
    buffer_km: Annotated[
        float, typer.Option(min=0, help="Radius of the schemes `buffer` and `leave-city-out`. [km]")
    ] = 50.0,
    cities: Annotated[
        Path | None,
        typer.Option(
            "--for",
            help="City table to predict: which scheme applies to it? Fits nothing without --scheme; with it, "
            "which error?",
        ),
    ] = None,
    coverage: Annotated[
        float, typer.Option(help="Coverage of the intervals; 0 for none, in a third of the time.")
    ] = 0.9,
    bundle: Annotated[
        Path | None, typer.Option(help="Score this bundle on the panel's rows instead.")
    ] = None,
    model: Boosters = Model.lightgbm,
    fast: Fast = False,
    recipe: Annotated[RecipeName, typer.Option(help="Features.")] = RecipeName.retrospective,
    baselines: Annotated[
        str,
        typer.Option(help=f"Baselines beside it: fast ({FAST}), all (also {SLOW}), none, or names."),
    ] = "fast",
    out: Annotated[
        Path | None, typer.Option(help="Folder for table, held-out predictions and pictures.")
    ] = None,
    json: Json = None,
    seed: Seed = 0,
    repeats: Annotated[
        int, typer.Option(min=1, help="How often, each time with the next seed; mean and spread are given.")
    ] = 1,
    jobs: Jobs = ALL_CORES,
    cluster: Cluster = None,
):
    """Score the model and the baselines on held-out rows, sites, cities and countries.

    With --bundle PANEL may be a folder of panels, which need not fit into memory.
    """
    if fast:
        refuse_given(ctx, ["model"], "with --fast, which is a model of its own")
        model = Model.fast
    fitting = ["model", "fast", "recipe", "baselines", "repeats", "jobs", "cluster"]
    only_distances = cities is not None and ctx.get_parameter_source("scheme").name != "COMMANDLINE"
    if bundle is not None:
        refuse_given(ctx, [*fitting, "scheme", "buffer_km", "cities", "out", "seed"], "with --bundle")
    elif only_distances:
        refuse_given(ctx, [*fitting, "coverage"], "with --for alone, which fits nothing; add --scheme")
    schemes = split_schemes(scheme)
    if not any(SCHEMES[name].buffered for name in schemes):
        refuse_given(ctx, ["buffer_km"], "without the schemes buffer and leave-city-out")
    if cities is None and any(SCHEMES[name].for_cities for name in schemes):
        raise typer.BadParameter("the scheme knndm needs the cities to predict; give them with --for")
    marker = "proximity.json" if only_distances else "evaluation.json"
    inputs = {"PANEL": panel, "--bundle": bundle, "--for": cities}
    check_files({"--out": out, "--json": json}, inputs, folders={"--out": marker})
    if only_distances:
        _compare_distances(panel, cities, PLACE_SCHEMES, buffer_km, seed, out, json)
    else:
        from airq.regressor import PM25Regressor
        from airq.workflows.evaluate import evaluate as run
        from airq.workflows.evaluate import evaluate_bundle

        if bundle is not None:
            evaluation = evaluate_bundle(bundle, panel, coverage=coverage or None)
        else:
            with on_cluster(cluster), progress("evaluating") as advance:
                evaluation = run(
                    PM25Regressor(model.value, recipe.value, seed),
                    panel,
                    schemes,
                    coverage=coverage or None,
                    baselines={"fast": True, "all": "all", "none": False}.get(baselines, split(baselines)),
                    buffer_km=buffer_km,
                    cities=cities,
                    random_state=seed,
                    repeats=repeats,
                    n_jobs=jobs,
                    advance=advance,
                )
        if out is not None:
            evaluation.save(out)
        write_records(json, evaluation.records)
        print_evaluation(evaluation)
    print_written(out, json)


def _compare_distances(panel, cities, schemes, buffer_km, seed, out, json):
    from airq.report.words import proximity_records
    from airq.workflows.evaluate import proximity, save_proximity

    comparison = proximity(panel, cities, schemes=schemes, buffer_km=buffer_km, random_state=seed)
    if out is not None:
        save_proximity(comparison, out)
    write_records(json, proximity_records(comparison))
    print_proximity(comparison)


app.command(
    epilog="Example: airq predict panel.parquet --bundle bundle --out predictions.parquet; "
    "of a grid: airq predict grid.parquet --bundle bundle --raster map.tif"
)(predict)
app.command(
    epilog="Example: airq explain panel.parquet --bundle bundle --site 0.307_32.612 --date 2020-04-22"
)(explain)


@app.command(
    "app", epilog="Example: airq app --predictions predictions.parquet --bundle bundle --panel panel.parquet"
)
@exit_cleanly
def show(
    predictions: Annotated[
        Path | None, typer.Option(help="Predictions, as `airq predict` makes them.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Their bundle: card, evaluation, contributions.")
    ] = None,
    panel: Annotated[Path | None, typer.Option(help="Their panel: observations, contributions.")] = None,
    comparison: Annotated[Path | None, typer.Option(help="Folder of an `imbalance` command.")] = None,
    evaluation: Annotated[Path | None, typer.Option(help="Folder of `airq evaluate`.")] = None,
    surface: Annotated[
        Path | None,
        typer.Option(help="Predictions on a grid, drawn between the cities: a GeoTIFF, or a table of cells."),
    ] = None,
    basemap: Annotated[
        str | None,
        typer.Option(
            help="Address of map tiles, https://…/{z}/{x}/{y}.png: the browsers of all visitors then ask "
            "that server. Without it no other server is asked."
        ),
    ] = None,
    basemap_credit: Annotated[str | None, typer.Option(help="Whom to thank for the tiles.")] = None,
    example: Annotated[
        Example | None,
        typer.Option(
            help="Without files of your own: 72 places in South Africa, 2019 to 2020 (real places, published "
            "predictions in US AQI points), or the demonstration (SIMULATED)."
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of this machine; a free one by default.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
):
    """Open the map on this machine; without files ./demo (SIMULATED), or a choice of examples.

    `airq app --example south-africa` shows predictions for real places at once, without internet.
    """
    from airq.workflows.app import start_app

    code = start_app(
        predictions=predictions,
        bundle=bundle,
        panel=panel,
        comparison=comparison,
        evaluation=evaluation,
        surface=surface,
        basemap=basemap,
        basemap_credit=basemap_credit,
        example=example,
        port=port,
        browser=browser,
        announce=lambda url: notes.print(f"The app is at {url}; Ctrl-C stops it."),
    )
    raise typer.Exit(code)


app.add_typer(services)
app.add_typer(rasters)


def main():
    """Run the command line."""
    app()
