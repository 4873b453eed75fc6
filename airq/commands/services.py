"""Commands that ask services: Earth Engine, Open-Meteo, OpenAQ, and live folders that are kept up to date."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from airq.commands.options import (
    CitiesFile,
    Day,
    DayBasis,
    End,
    Json,
    Start,
    check_files,
    refuse_given,
    split,
    write_records,
)
from airq.report.console import (
    call_progress,
    print_call_plan,
    print_plan,
    print_probes,
    print_report,
    request_progress,
    screen,
    task_progress,
)
from airq.terminal import exit_cleanly, notes, progress

app = typer.Typer()
Extractions = StrEnum("Extractions", ["default", "live", "reference"])
Extracted = Annotated[
    Extractions,
    typer.Option("--recipe", help="Set of products: for past days, for today, of 2020."),
]
Products = Annotated[str | None, typer.Option(help="Only these products of the recipe, separated by commas.")]
Radius = Annotated[
    float | None,
    typer.Option(help="Radius of the disc around a city, in km: 5, or a grid's whole cells, by default."),
]
Rings = Annotated[str, typer.Option(help="Outer radii of the rings of fire power, in km.")]
Quality = Annotated[
    bool, typer.Option("--quality", help="Satellite columns bring valid-pixel count and pixel's age.")
]
Refresh = Annotated[
    str | None,
    typer.Option(
        metavar="START..END", help="Fetch these days of the products anew, in a folder that is there."
    ),
]
Project = Annotated[
    str | None, typer.Option(help="Cloud project; else $EARTHENGINE_PROJECT, else the credentials'.")
]
Url = Annotated[str | None, typer.Option(help="Another address of the service.")]
Credentials = Annotated[
    str, typer.Option(help="`default`, a service account's file, or `anonymous` (loopback only).")
]
Workers = Annotated[int, typer.Option(min=1, max=100, help="Requests at once; a project may send 40.")]


@app.command(
    epilog="Example: airq plan --cities cities.csv --start 2020-01-01 --end 2020-12-31 --out features"
)
@exit_cleanly
def plan(
    ctx: typer.Context,
    cities: CitiesFile,
    start: Start,
    end: End,
    out: Annotated[
        Path | None, typer.Option(help="Folder of an extraction; what it holds is not counted.")
    ] = None,
    recipe: Extracted = Extractions.default,
    products: Products = None,
    radius_km: Radius = None,
    rings_km: Rings = "50,150,300",
    quality: Quality = False,
    day: Day = DayBasis.utc,
    refresh: Refresh = None,
    ee_url: Url = None,
    workers: Workers = 20,
    json: Json = None,
):
    """Print what an extraction from Google Earth Engine would send and cost; nothing is sent."""
    if out is None:
        refuse_given(ctx, ["refresh"], "without --out, the folder that holds these days")
    check_files({"--json": json}, {"--cities": cities, "--out": out})
    from airq.workflows.extract import EarthEngine
    from airq.workflows.extract import plan as run

    settings = _extraction_settings(recipe, products, radius_km, rings_km, quality, day)
    client = EarthEngine(url=ee_url, workers=workers)
    planned = run(cities, start, end, out=out, client=client, refresh=refresh, **settings)
    facts = {"cities": planned.cities, "days": planned.days, **dataclasses.asdict(planned.cost)}
    facts |= {"batch": {"tasks": planned.batch.requests, "minutes": planned.batch.minutes}}
    facts |= {"measured": planned.measured, "changes": planned.changes, "waiting": planned.waiting}
    write_records(json, [facts])
    print_plan(planned, workers)


@app.command(
    epilog="Example: airq extract --cities cities.csv --start 2020-01-01 --end 2020-12-31 --out features "
    "--ee-project my-project"
)
@exit_cleanly
def extract(
    ctx: typer.Context,
    cities: CitiesFile,
    start: Start,
    end: End,
    out: Annotated[
        Path | None, typer.Option(help="Folder to begin or to go on with; --check needs none.")
    ] = None,
    recipe: Extracted = Extractions.default,
    products: Products = None,
    radius_km: Radius = None,
    rings_km: Rings = "50,150,300",
    quality: Quality = False,
    day: Day = DayBasis.utc,
    refresh: Refresh = None,
    ee_project: Project = None,
    ee_url: Url = None,
    ee_credentials: Credentials = "default",
    workers: Workers = 20,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="gs://BUCKET/PREFIX|drive:FOLDER",
            help="Let tasks of Earth Engine write there what is missing; they go on without this machine.",
        ),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="End the tasks of this command with --batch; write no data.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Try one city and one day, product by product, and measure their cost; write no data.",
        ),
    ] = False,
    json: Json = None,
):
    """Extract features of cities and days from Google Earth Engine; run again to go on or to add days."""
    if check:
        refuse_given(ctx, ["out", "refresh", "batch", "cancel"], "with --check, which writes no data")
    elif out is None:
        raise typer.BadParameter("extract needs --out, the folder to write into (or --check)")
    elif cancel and batch is None:
        raise typer.BadParameter("--cancel needs --batch, which tells where the tasks write")
    elif cancel:
        refuse_given(ctx, ["refresh"], "with --cancel, which fetches nothing")
    check_files({"--out": out, "--json": json}, {"--cities": cities}, folders={"--out": None})
    from airq.workflows.extract import EarthEngine, ExtractionRequest, cancel_tasks, run_extraction
    from airq.workflows.extract import check as try_products

    settings = _extraction_settings(recipe, products, radius_km, rings_km, quality, day)
    client = EarthEngine(ee_project, ee_credentials, ee_url, workers)
    if check:
        probes = try_products(cities, start, end, client=client, **settings)
        write_records(json, [dataclasses.asdict(probe) for probe in probes])
        print_probes(probes)
        return
    request = ExtractionRequest(cities, start, end, **settings)
    if cancel:
        ended = cancel_tasks(request, out=out, batch=batch, client=client)
        write_records(json, [{"cancelled": ended}])
        screen.print(f"{ended:,} tasks were cancelled; what others have written stays in {batch}.")
    else:
        with request_progress() if batch is None else task_progress() as report_progress:
            settings = {"client": client, "refresh": refresh, "batch": batch}
            settings |= {"report_progress": report_progress}
            report = run_extraction(request, out=out, **settings)
        write_records(json, [report.to_dict()])
        print_report(report)


def _extraction_settings(recipe, products, radius_km, rings_km, quality, day):
    try:
        rings = tuple(float(radius) for radius in split(rings_km))
    except ValueError:
        raise typer.BadParameter(f"--rings-km {rings_km} is not a list of numbers") from None
    return {
        "recipe": recipe.value,
        "products": split(products),
        "radius_km": radius_km,
        "rings_km": rings,
        "quality": quality,
        "day_basis": day.value,
    }


fetching = typer.Typer(no_args_is_help=True, help="Fetch data of public services that need no account.")
app.add_typer(fetching, name="fetch")
FetchRecipe = StrEnum("FetchRecipe", ["default", "live"])
Twins = StrEnum("Twins", ["keep", "merge"])
Moved = Annotated[
    str | None, typer.Option("--url", help="Address of a mirror or stand-in; paths and parameters stay.")
]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Print what would be sent; send nothing.")]


@fetching.command(
    "open-meteo",
    epilog="Example: airq fetch open-meteo --cities cities.csv --start 2023-01-01 --end 2023-12-31 "
    "--out features",
)
@exit_cleanly
def open_meteo(
    ctx: typer.Context,
    cities: CitiesFile,
    start: Start,
    end: End,
    out: Annotated[Path, typer.Option(help="Folder to begin, or to go on with.")],
    recipe: Annotated[
        FetchRecipe, typer.Option(help="default: ERA5 and CAMS; live: forecasts where ERA5 is not there yet.")
    ] = FetchRecipe.default,
    products: Annotated[str | None, typer.Option(help="Only these of weather,cams.")] = None,
    day: Day = DayBasis.utc,
    min_hours: Annotated[int, typer.Option(min=1, max=24, help="Fewest hours of a daily value.")] = 18,
    plan: PlanOnly = False,
    calls: Annotated[
        str | None,
        typer.Option(help="Most calls a minute, hour, day; 600,5000,10000 on the free service, else none."),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="OPEN_METEO_API_KEY", help="Key of a customer; it is never written down."),
    ] = None,
    url: Moved = None,
    json: Json = None,
):
    """Fetch weather (ERA5) and CAMS fields of cities and days; free for uses that are not commercial."""
    check_files({"--out": out, "--json": json}, {"--cities": cities}, folders={"--out": None})
    from airq.workflows.fetch import OpenMeteo, fetch_open_meteo, plan_open_meteo

    if url is not None and ctx.get_parameter_source("api_key").name == "ENVIRONMENT":
        # A key that lies about must not go to another host than it is for.
        api_key = None
    client = OpenMeteo(url, api_key, _numbers(calls, "--calls"))
    settings = {"recipe": recipe.value, "products": split(products), "day_basis": day.value}
    settings |= {"min_hours": min_hours, "client": client, "out": out}
    planned = plan_open_meteo(cities, start, end, **settings)
    if plan or planned.requests:
        print_call_plan(planned, screen if plan else notes)
    if plan:
        write_records(json, [dataclasses.asdict(planned)])
        return
    with call_progress() as report_progress:
        report = fetch_open_meteo(cities, start, end, report_progress=report_progress, **settings)
    write_records(json, [report.to_dict()])
    print_report(report)


@fetching.command(
    epilog="Example: airq fetch openaq --cities cities.csv --start 2023-01-01 --end 2023-12-31 "
    "--out monitors.parquet",
)
@exit_cleanly
def openaq(
    ctx: typer.Context,
    cities: CitiesFile,
    start: Start,
    end: End,
    out: Annotated[Path, typer.Option(help="Panel to write (.parquet).")],
    radius_km: Annotated[float, typer.Option(help="Farthest that a monitor may be from a city, in km.")] = 25,
    locations: Annotated[
        Path | None,
        typer.Option(help="Locations: ids (CSV) or a saved answer of /v3/locations (JSON); needs no key."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps the archive's files; beside --out by default.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Files fetched at once.")] = 8,
    twins: Annotated[Twins, typer.Option(help="What to do with monitors that are one.")] = Twins.keep,
    min_hours: Annotated[int, typer.Option(min=1, max=24, help="Fewest hours of a daily value.")] = 18,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what would be fetched; asks for the locations at most.")
    ] = False,
    url: Moved = None,
    json: Json = None,
):
    """Fetch PM2.5 of OpenAQ's monitors near cities; locations need $OPENAQ_API_KEY, or --locations."""
    if plan:
        refuse_given(ctx, ["workers", "twins", "min_hours"], "with --plan, which fetches no file")
    inputs = {"--cities": cities, "--locations": locations}
    check_files({"--out": out, "--cache": cache, "--json": json}, inputs, folders={"--cache": None})
    from airq.workflows.fetch_openaq import fetch_openaq, plan_openaq

    settings = {"radius_km": radius_km, "locations": locations, "url": url}
    if plan:
        planned = plan_openaq(cities, start, end, out=out, cache=cache, **settings)
        write_records(json, [planned.to_dict()])
        screen.print(str(planned), markup=False)
        return
    settings |= {"cache": cache, "workers": workers, "twins": twins.value, "min_hours": min_hours}
    with progress("Fetching") as advance:
        report = fetch_openaq(cities, start, end, out=out, report_progress=advance, **settings)
    write_records(json, [report.to_dict()])
    print_report(report)


def _numbers(text, option):
    try:
        return None if text is None else tuple(float(part) for part in split(text))
    except ValueError:
        raise typer.BadParameter(f"{option} {text} is not a list of numbers") from None


class _Folders(TyperGroup):
    """Commands of a live folder: a first word that is none of them is the folder to update."""

    def parse_args(self, ctx, args):
        if args and args[0] not in self.commands and args[0] not in ("--help", "--install-completion"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


updating = typer.Typer(
    cls=_Folders,
    no_args_is_help=True,
    help="Keep predictions up to date: airq update FOLDER, such as from cron.",
)
app.add_typer(updating, name="update")
Source = StrEnum("Source", [("open_meteo", "open-meteo"), ("earthengine", "earthengine")])


@updating.command("run", epilog="Example: airq update live")
@exit_cleanly
def run(
    folder: Annotated[Path, typer.Argument(help="Folder that `airq update init` began.")],
    json: Json = None,
):
    """Fetch what is new and predict it (`airq update FOLDER`); ends with 1 if days are missing for good."""
    check_files({"--json": json}, {"FOLDER": folder})
    from airq.workflows.update import update

    with call_progress() as report_progress:
        report = update(folder, report_progress=report_progress)
    write_records(json, [report.to_dict()])
    print_report(report)
    raise typer.Exit(1 if report.lasting else 0)


@updating.command(
    "init",
    epilog="Example: airq update init live --cities cities.csv --bundle bundle --source open-meteo --ahead 4",
)
@exit_cleanly
def init(
    folder: Annotated[Path, typer.Argument(help="New folder.")],
    cities: CitiesFile,
    bundle: Annotated[Path, typer.Option(help="Bundle that was trained with --recipe live.")],
    source: Annotated[Source, typer.Option(help="Where inputs come from.")] = Source.open_meteo,
    recipe: Annotated[str, typer.Option(help="Set of products of the source.")] = "live",
    start: Annotated[str | None, typer.Option(help="First day to predict; two weeks ago by default.")] = None,
    ahead: Annotated[int, typer.Option(min=0, help="Days ahead to predict, with Open-Meteo.")] = 0,
    monitors: Annotated[
        Path | None, typer.Option(help="Panel of monitors, seen by predictions and by what calibrates leads.")
    ] = None,
    url: Moved = None,
    ee_project: Project = None,
    ee_credentials: Credentials = "default",
):
    """Begin a live folder: writes a small update.toml."""
    check_files(
        {"FOLDER": folder},
        {"--cities": cities, "--bundle": bundle, "--monitors": monitors},
        folders={"FOLDER": None},
    )
    from airq.workflows.live import init

    settings = {"source": source.value, "recipe": recipe, "ahead": ahead, "url": url, "project": ee_project}
    settings |= {"credentials": ee_credentials if source is Source.earthengine else None}
    init(folder, cities, bundle, start=start, monitors=monitors, **settings)
    screen.print(f"{folder}/update.toml says what each run does; now: airq update {folder}", markup=False)
