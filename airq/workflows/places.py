"""Make places to predict: the urban centres of a country, or the cells of a grid over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from airq.cities import bundled_cities, check_cities, country_code, country_codes, country_name
from airq.clusters import MIN_DENSITY, centre_table, dense_parts, name_centres, urban_centres
from airq.files.population import CELL_DEGREES, people_of_cells, people_on_grid, read_people
from airq.grids import grid_around, grid_cells, in_one_piece
from airq.sources.earthengine.windows import cell_window
from airq.workflows.app import HERE
from airq.workflows.extract import EarthEngine

#: Scale, in millions, of the bundled outlines that are fine enough for the edge of a grid.
FINE = 50
#: Most cells of 30 arc seconds in the box around a country: Russia's has half as many.
MOST_CELLS = 200_000_000


def places(
    country: str,
    *,
    grid: float | None = None,
    population: str | Path | None = None,
    boundary: str | Path | None = None,
    client: EarthEngine | None = None,
    advance: Callable | None = None,
) -> pd.DataFrame:
    """Return the urban centres of a country, or the cells of a grid over it, as a city table.

    Urban centres are those of the Degree of Urbanisation: cells of 1 km that share sides, with at least 1,500
    people per km² each and 50,000 together, gaps filled and edges smoothed, see :mod:`airq.clusters`. They
    carry the name of the most populous bundled city inside. Only people inside the outline count, so a city
    at a border is the part of it that lies inside.

    Parameters
    ----------
    country : str
        English name or ISO code.
    grid : float, optional
        Width of the cells of a grid [°]; without it, urban centres. A cell belongs to the country if its
        middle lies inside the outline.
    population : str or Path, optional
        Raster of people per cell, such as GHS-POP or WorldPop; cells of a grid get their `population` from
        it. The extra `rasters` reads it. Urban centres need it, or a `client`.
    boundary : str or Path, optional
        Outline of the country in GeoJSON, GeoPackage or another format of vectors; by default the bundled one
        (Natural Earth 1:50m), which African countries have. Of several outlines in the file, those that name
        the country count, or all if none names any.
    client : EarthEngine, optional
        Takes the people of 2020 for urban centres from Earth Engine (GHS-POP R2023A [2]_), on cells of 30 arc
        seconds.
    advance : callable, optional
        Called as ``advance(done, total)`` after every answer of Earth Engine.

    Returns
    -------
    DataFrame
        `city_id, city, country, latitude, longitude, population` [°, people], and `area_km2` of urban
        centres. `city_id` is unique; every command takes such a table.

    Raises
    ------
    OSError
        If a file cannot be read, or Earth Engine stays away (ConnectionError).
    ValueError
        If the country is unknown, has no outline or no such place, or arguments do not go together.

    References
    ----------
    .. [1] European Union, FAO, UN-Habitat, OECD, World Bank, Applying the Degree of Urbanisation, 2021.
    .. [2] M. Schiavina, S. Freire, A. Carioli, K. MacManus, GHS-POP R2023A, European Commission, Joint
       Research Centre, 2023, doi:10.2905/2FF68A52-5B5B-4A22-8F40-C41DA8332CFE.

    Examples
    --------
    >>> cells = places("Rwanda", grid=0.25)
    >>> len(cells), cells.loc[0, "city_id"]
    (32, 'RWA:-1.125_30.375')
    """
    code = country_code(country)
    if client is not None and (grid is not None or population is not None):
        raise ValueError(
            "Earth Engine (client) gives people for urban centres; leave out grid and population."
        )
    outline = read_outline(code, boundary)
    if grid is not None:
        cells = grid_cells(outline, grid, code)
        if population is not None:
            # A window of the raster does not cross the antimeridian.
            across = (cells["longitude"] < 0) & (np.ptp(cells["longitude"]) > 180)
            for _, own in cells.groupby(across):
                window = cell_window(own[["longitude", "latitude"]].to_numpy(), grid)
                cells.loc[own.index, "population"] = people_of_cells(population, window, own).round(1)
        return check_cities(cells, name="The grid")
    if client is not None:
        return _urban_centres(code, _people_of_earth_engine(outline, client, advance))
    if population is None:
        raise ValueError(
            "Urban centres need people: give a raster of them (population) or Earth Engine (client)."
        )
    return _urban_centres(code, [read_people(population, outline)])


def _people_of_earth_engine(outline, client, advance):
    """Yield the people inside an outline on cells of 30 arc seconds, by GHS-POP, in parts that lie apart."""
    outline = in_one_piece(outline)
    grid = grid_around(outline.bounds, CELL_DEGREES, most=MOST_CELLS)
    rows, east = slice(0, grid.height), round((180 - grid.west) / grid.step_x)
    # Pixels of one request do not cross the antimeridian.
    sides = [grid.window(rows, slice(0, min(east, grid.width)))]
    if east < grid.width:
        sides.append(grid.window(rows, slice(east, grid.width))._replace(west=-180.0))
    with client.connect("airq-places") as connection:
        from airq.sources.earthengine.budget import Budget
        from airq.sources.earthengine.pixels import PEOPLE_BYTES, compute_pixels, people_per_km2

        settings = {"most_bytes": PEOPLE_BYTES, "advance": advance}
        settings["budget"] = Budget(client.workers, patience=client.patience)
        found = [compute_pixels(connection, people_per_km2(), ["people"], own, **settings) for own in sides]
    density = np.nan_to_num(np.concatenate(found, axis=2)[0], copy=False)
    for rows, columns, mask in dense_parts(density):
        part = people_on_grid(density[rows, columns], grid.window(rows, columns), outline)
        part.people[~mask] = np.nan
        yield part


def _urban_centres(country, parts):
    """Return the city table of the urban centres among the people of a country, which come in parts."""
    # Only African countries have any.
    cities = bundled_cities()
    cities = cities[cities["country"] == country].reset_index(drop=True)
    tables, member, dense = [], np.zeros(len(cities), dtype=int), 0.0
    for found in parts:
        dense += found.people[found.people >= MIN_DENSITY * found.area].sum()
        centres = urban_centres(found.people, found.area)
        if not centres.any():
            continue
        before = sum(map(len, tables))
        own = centre_table(centres, found.people, found.area, found.longitude, found.latitude)
        tables.append(own.set_index(own.index + before))
        row, column = found.cell_of(cities)
        there = (row >= 0) & (row < centres.shape[0]) & (column >= 0) & (column < centres.shape[1])
        inside = np.zeros(len(cities), dtype=int)
        inside[there] = centres[row[there], column[there]]
        member[inside > 0] = inside[inside > 0] + before
    if not tables:
        raise ValueError(
            f"{country_name(country)} has no urban centre: {dense:,.0f} people live on cells of "
            f"{MIN_DENSITY:,} people per km² and more, no 50,000 of them side by side. "
            "Does a raster of --population hold people per cell?"
        )
    table = pd.concat(tables).sort_values("population", ascending=False, kind="stable")
    table["longitude"] = (table["longitude"] + 180) % 360 - 180
    table = table.round({"latitude": 6, "longitude": 6, "population": 1, "area_km2": 3})
    named = name_centres(table, member, cities, country)
    return check_cities(named, name="The urban centres").assign(area_km2=named["area_km2"])


def read_outline(country: str, boundary: str | Path | None = None):
    """Return the outline of a country as one geometry in degrees (EPSG:4326).

    `country` is an alpha-3 code, `boundary` a file of vectors; see :func:`places`.
    """
    if boundary is not None:
        return _outline_of_file(country, boundary)
    bundled = json.loads((HERE / "app" / "static" / "world.json").read_text(encoding="utf-8"))
    shapes = [
        shapely.geometry.shape(feature["geometry"])
        for feature in bundled["features"]
        if (feature["properties"]["country"], feature["properties"]["scale"]) == (country, FINE)
    ]
    if not shapes:
        raise ValueError(
            f"There is no bundled outline of {country_name(country)} that is fine enough, only of African "
            "countries; give one with --boundary, such as a GeoJSON file."
        )
    return shapely.union_all([shapely.make_valid(shape) for shape in shapes])


def _outline_of_file(country, path):
    if not Path(path).exists():
        raise FileNotFoundError(f"No such file: {path}.")
    try:
        shapes = gpd.read_file(path)
    # Every fault of GDAL has its own class here, and no common one but this.
    except RuntimeError as error:
        raise ValueError(f"{path} is no file of outlines that can be read: {error}") from None
    if not isinstance(shapes, gpd.GeoDataFrame):
        raise ValueError(f"{path} holds no outlines.")
    texts = [name for name in shapes.columns if pd.api.types.is_string_dtype(shapes[name])]
    codes = {name: country_codes(shapes[name].fillna("")) for name in texts}
    named = (
        np.any([own == country for own in codes.values()], axis=0) if codes else np.zeros(len(shapes), bool)
    )
    if named.any():
        shapes = shapes[named]
    elif any((own != "").all() for own in codes.values()):
        raise ValueError(f"{path} names countries, but not {country_name(country)} ({country}).")
    shapes = shapes[shapes.geom_type.isin(["Polygon", "MultiPolygon"])]
    if shapes.empty:
        raise ValueError(f"{path} holds no polygon to be an outline.")
    shapes = shapes.set_crs("EPSG:4326") if shapes.crs is None else shapes.to_crs("EPSG:4326")
    west, south, east, north = shapes.total_bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError(f"{path}: the outline is not in degrees, and the file does not name its projection.")
    return shapely.union_all(shapely.make_valid(shapes.geometry.to_numpy()))
