"""Commands about places and rasters: places to predict, and what local rasters hold there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airq.commands.options import (
    CitiesFile,
    Day,
    DayBasis,
    Json,
    check_files,
    refuse_given,
    split,
    write_records,
)
from airq.commands.services import Credentials, Project, Url
from airq.report.console import print_report, screen
from airq.terminal import exit_cleanly, progress

app = typer.Typer()


@app.command(
    epilog="Example: airq places --grid 0.1 --country UGA --out grid.csv; "
    "airq places --clusters UGA --population GHS_POP.tif --out cities.csv"
)
@exit_cleanly
def places(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="City table (CSV) to write.")],
    clusters: Annotated[
        str | None, typer.Option(help="Urban centres of this country: 1,500 people per km², 50,000 together.")
    ] = None,
    grid: Annotated[
        float | None, typer.Option(help="Cells of this width over --country, in degrees.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Country of --grid, a name or an ISO code.")] = None,
    population: Annotated[
        Path | None, typer.Option(help="Raster of people per cell, such as GHS-POP or WorldPop.")
    ] = None,
    boundary: Annotated[
        Path | None,
        typer.Option(help="Outline of the country (GeoJSON, GeoPackage); bundled for African countries."),
    ] = None,
    earth_engine: Annotated[
        bool,
        typer.Option("--earth-engine", help="Take the people of --clusters from GHS-POP by Earth Engine."),
    ] = False,
    ee_project: Project = None,
    ee_url: Url = None,
    ee_credentials: Credentials = "default",
    json: Json = None,
):
    """Write the urban centres of a country, or a grid of cells over it, as a city table."""
    if (clusters is None) == (grid is None):
        raise typer.BadParameter("give either --clusters COUNTRY or --grid DEGREES")
    if clusters is not None:
        refuse_given(ctx, ["country"], "with --clusters, which names its own")
        if (population is None) != earth_engine:
            raise typer.BadParameter("--clusters needs people: either --population RASTER or --earth-engine")
    else:
        refuse_given(ctx, ["earth_engine"], "with --grid, whose people come from --population")
        if country is None:
            raise typer.BadParameter("--grid needs --country")
    if not earth_engine:
        refuse_given(ctx, ["ee_project", "ee_url", "ee_credentials"], "without --earth-engine")
    inputs = {"--population": population, "--boundary": boundary}
    check_files({"--out": out, "--json": json}, inputs)
    if out.suffix.lower() != ".csv":
        raise ValueError(f"{out} would hold CSV; give it a name that ends in .csv.")
    from airq.io import atomic_write
    from airq.workflows.places import places as run

    client = None
    if earth_engine:
        from airq.workflows.extract import EarthEngine

        client = EarthEngine(ee_project, ee_credentials, ee_url)
    with progress("Asking Earth Engine") as advance:
        settings = {"population": population, "boundary": boundary, "client": client, "advance": advance}
        table = run(clusters or country, grid=grid, **settings)
    with atomic_write(out) as unfinished:
        table.to_csv(unfinished, index=False)
    people = table["population"].sum(min_count=1)
    found = {"out": str(out), "country": table["country"].iloc[0], "places": len(table), "population": people}
    write_records(json, [found])
    what = "urban centre" if grid is None else f"cell of {grid:g}°"
    several = "urban centres" if grid is None else f"cells of {grid:g}°"
    counted = f"{len(table):,} {what if len(table) == 1 else several} of {found['country']}"
    screen.print(f"{out}: {counted}{f', {people:,.0f} people' if people > 0 else ''}", markup=False)


@app.command(epilog="Example: airq sample rasters --cities cities.csv --out features.parquet")
@exit_cleanly
def sample(
    rasters: Annotated[
        list[Path],
        typer.Argument(help="Folder or files: NetCDF, GeoTIFF, Zarr (CAMS, ERA5, MERRA-2, GHAP …)."),
    ],
    cities: CitiesFile,
    out: Annotated[Path, typer.Option(help="Panel to write (.parquet).")],
    radius_km: Annotated[
        float, typer.Option(help="Radius of the disc around a city; 0 takes the cell it lies in. [km]")
    ] = 5.0,
    units: Annotated[
        str | None, typer.Option(help="Units that files do not say: VARIABLE=UNIT, separated by commas.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Other variables to keep under their own names, separated by commas.")
    ] = None,
    day: Day = DayBasis.utc,
    min_hours: Annotated[int, typer.Option(min=1, max=24, help="Fewest hours of a daily value.")] = 18,
    json: Json = None,
):
    """Sample local rasters at cities or cells of a grid, day by day, into a panel."""
    check_files({"--out": out, "--json": json}, {"RASTERS": rasters, "--cities": cities})
    pairs = [pair.partition("=")[::2] for pair in split(units) or []]
    if any(not name or not unit for name, unit in pairs):
        raise typer.BadParameter(f"--units {units} is not VARIABLE=UNIT, such as t2m=K")
    from airq.io import check_parquet_name, write_panel
    from airq.workflows.sample import run_sample

    check_parquet_name(out)
    settings = {"radius_km": radius_km, "units": dict(pairs), "keep": split(keep) or []}
    with progress("Sampling") as advance:
        panel, report = run_sample(
            rasters, cities, **settings, day_basis=day.value, min_hours=min_hours, advance=advance
        )
    write_panel(panel, out)
    write_records(json, [{"out": str(out), **report.to_dict()}])
    print_report(report, out)
