"""Commands about places and rasters: places to predict, and what local rasters hold there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airq.cli_options import Json, check_files, refuse_given, write_records
from airq.messages import exit_cleanly
from airq.report.console import screen

app = typer.Typer()


@app.command(epilog="Example: airq places --grid 0.1 --country UGA --out grid.csv")
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
    json: Json = None,
):
    """Write the urban centres of a country, or a grid of cells over it, as a city table."""
    if (clusters is None) == (grid is None):
        raise typer.BadParameter("give either --clusters COUNTRY or --grid DEGREES")
    if clusters is not None:
        refuse_given(ctx, ["country"], "with --clusters, which names its own")
        if population is None:
            raise typer.BadParameter("--clusters needs --population, a raster of people per cell")
    elif country is None:
        raise typer.BadParameter("--grid needs --country")
    inputs = {"--population": population, "--boundary": boundary}
    check_files({"--out": out, "--json": json}, inputs)
    if out.suffix != ".csv":
        raise ValueError(f"{out} would hold CSV; give it a name that ends in .csv.")
    from airq.io import atomic_write
    from airq.workflows.places import places as run

    table = run(clusters or country, grid=grid, population=population, boundary=boundary)
    with atomic_write(out) as unfinished:
        table.to_csv(unfinished, index=False)
    people = table["population"].sum(min_count=1)
    found = {"out": str(out), "country": table["country"].iloc[0], "places": len(table), "population": people}
    write_records(json, [found])
    what = "urban centre" if grid is None else f"cell of {grid:g}°"
    several = "urban centres" if grid is None else f"cells of {grid:g}°"
    counted = f"{len(table):,} {what if len(table) == 1 else several} of {found['country']}"
    screen.print(f"{out}: {counted}{f', {people:,.0f} people' if people > 0 else ''}", markup=False)
