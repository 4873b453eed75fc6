"""Read population rasters: people per cell, such as GHS-POP or WorldPop, in any projection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from airq.geo import cell_areas_km2
from airq.messages import import_optional, warn

#: Side of the cells that urban centres are made of: in degrees, 30 arc seconds, as archives have them. [km]
CELL_KM, CELL_DEGREES = 1.0, 1 / 120
#: Cells with longer sides tell little about urban centres. [km]
COARSE_KM = 2.0
#: Length of a degree of a great circle. [km]
DEGREE_KM = 111.195
#: Cells that are read at once.
AT_ONCE = 4_000_000


class People(NamedTuple):
    """People per cell of a raster's part, rows from north to south.

    Attributes
    ----------
    people : array of shape (n_rows, n_columns)
        NaN for cells whose middle lies outside the outline.
    area : array that broadcasts to the same shape
        [km²]
    longitude, latitude : arrays that broadcast to the same shape
        Middles of the cells. [°]
    cell_of : callable
        ``cell_of(places)`` returns the row and the column of places; they may lie outside.
    """

    people: np.ndarray
    area: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    cell_of: object


def read_people(path, outline) -> People:
    """Read the people inside an outline, in cells of 1 km or 30 arc seconds: finer ones are added up.

    Parameters
    ----------
    path : str or Path
        Raster of people per cell, in whatever GDAL reads.
    outline : shapely geometry
        In degrees (EPSG:4326).

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is turned, has no projection, several bands, or does not reach the outline.
    """
    with _open(path) as raster:
        side = CELL_DEGREES * DEGREE_KM if raster.crs.is_geographic else CELL_KM
        factor = max(1, round(side / _side_km(raster)))
        if factor * _side_km(raster) > COARSE_KM:
            warn(
                f"{path}: cells of {_side_km(raster):.1f} km are coarse; urban centres are defined on cells "
                "of 1 km."
            )
        window, transform, inside = _part(raster, outline, factor, path)
        people = np.concatenate([block for _, block in _strips(raster, window, factor)])
        crs = pyproj.CRS.from_wkt(raster.crs.to_wkt())
    x = transform.c + transform.a * (np.arange(people.shape[1]) + 0.5)
    edges = transform.f + transform.e * np.arange(people.shape[0] + 1)
    y = (edges[1:] + edges[:-1]) / 2
    to_map = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def cell_of(places):
        east, north = to_map.transform(places["longitude"], places["latitude"])
        row = np.floor((np.asarray(north) - transform.f) / transform.e)
        return row.astype(int), np.floor((np.asarray(east) - transform.c) / transform.a).astype(int)

    people[~inside] = np.nan
    if crs.is_geographic:
        area = cell_areas_km2(edges, transform.a)[:, None]
        return People(people, area, x[None, :], y[:, None], cell_of)
    longitude, latitude = to_map.transform(*np.meshgrid(x, y), direction="INVERSE")
    # PROJ finds the scale numerically; that of equal-area projections is 1.
    scale = pyproj.Proj(crs).get_factors(longitude, latitude).areal_scale.round(8)
    unit_m = crs.axis_info[0].unit_conversion_factor
    area = abs(transform.a * transform.e) * unit_m**2 / scale / 1e6
    return People(people, area, longitude, latitude, cell_of)


def people_on_grid(density, grid, outline) -> People:
    """Return the people inside an outline from their density [people km⁻²] (n_rows, n_columns) on a grid.

    `grid` is an :class:`airq.grids.Grid`, `outline` a shapely geometry in degrees (EPSG:4326).
    """
    edges = grid.north - grid.step_y * np.arange(grid.height + 1)
    area = cell_areas_km2(edges, grid.step_x)[:, None]
    shapely.prepare(outline)
    inside = shapely.contains_xy(outline, *np.meshgrid(grid.longitudes, grid.latitudes))
    people = np.where(inside, np.nan_to_num(density) * area, np.nan)
    return People(people, area, grid.longitudes[None, :], grid.latitudes[:, None], grid.cells)


def people_of_cells(path, grid, cells) -> np.ndarray:
    """Return the people of a grid's cells, each raster cell counted where its middle lies. [people].

    Parameters
    ----------
    path : str or Path
        Raster of people per cell.
    grid : airq.grids.Grid
    cells : DataFrame
        Places on the grid.

    Returns
    -------
    numpy.ndarray of shape (n_cells,)
        NaN for cells that the raster does not reach.
    """
    total, n_counted = np.zeros((2, grid.height * grid.width))
    south, east = grid.north - grid.step_y * grid.height, grid.west + grid.step_x * grid.width
    # Where the sides of the box are straight in degrees, they are curves on a map.
    box = shapely.segmentize(shapely.box(grid.west, south, east, grid.north), max(grid.step_x, 0.1))
    with _open(path) as raster:
        window, transform, _ = _part(raster, box, 1, path)
        to_degrees = pyproj.Transformer.from_crs(raster.crs.to_wkt(), "EPSG:4326", always_xy=True)
        x = transform.c + transform.a * (np.arange(round(window.width)) + 0.5)
        for first, block in _strips(raster, window, 1):
            y = transform.f + transform.e * (first + np.arange(len(block)) + 0.5)
            longitude, latitude = to_degrees.transform(*(axis.ravel() for axis in np.meshgrid(x, y)))
            row, column = grid.cells(pd.DataFrame({"longitude": longitude, "latitude": latitude}))
            there = (row >= 0) & (row < grid.height) & (column >= 0) & (column < grid.width)
            number = row[there] * grid.width + column[there]
            total += np.bincount(number, block.ravel()[there], minlength=len(total))
            n_counted += np.bincount(number, minlength=len(total))
    row, column = grid.cells(cells)
    return np.where(n_counted > 0, total, np.nan)[row * grid.width + column]


@contextlib.contextmanager
def _open(path):
    rasterio = import_optional("rasterio", "Rasters")
    if not Path(path).exists():
        raise FileNotFoundError(f"No such file: {path}.")
    try:
        raster = rasterio.open(path)
    except rasterio.errors.RasterioIOError as error:
        raise ValueError(f"{path} is no raster that can be read: {error}") from None
    with raster:
        if raster.crs is None:
            raise ValueError(f"{path} has no projection (CRS), so nothing tells where it lies.")
        if raster.count != 1:
            raise ValueError(f"{path} has {raster.count} bands; people per cell are one.")
        if raster.transform.b or raster.transform.d or raster.transform.a <= 0 or raster.transform.e >= 0:
            raise ValueError(f"{path} is turned or upside down; warp it to a grid with north up.")
        yield raster


def _side_km(raster):
    """Return the height of a raster's cells [km], in degrees or in units of length."""
    height = abs(raster.transform.e)
    return (
        height * DEGREE_KM if raster.crs.is_geographic else height * raster.crs.linear_units_factor[1] / 1000
    )


def _part(raster, outline, factor, path):
    """Return the window around an outline, its transform in blocks of cells, and which blocks lie inside.

    The window begins at a multiple of the block's size, so that blocks do not depend on the outline.
    """
    from rasterio import Affine
    from rasterio.features import geometry_mask
    from rasterio.windows import Window, from_bounds

    shape = gpd.GeoSeries([outline], crs="EPSG:4326").to_crs(raster.crs.to_wkt())
    around = from_bounds(*shape.total_bounds, transform=raster.transform)
    first = [int(np.floor(offset / factor)) * factor for offset in (around.col_off, around.row_off)]
    last = [
        int(np.ceil((offset + size) / factor - 1e-9)) * factor
        for offset, size in ((around.col_off, around.width), (around.row_off, around.height))
    ]
    left, top = (max(offset, 0) for offset in first)
    right, bottom = min(last[0], raster.width), min(last[1], raster.height)
    if right <= left or bottom <= top:
        raise ValueError(f"{path} does not reach the country; is it the right raster?")
    if (
        left > around.col_off + 1
        or top > around.row_off + 1
        or right < last[0] - factor
        or bottom < last[1] - factor
    ):
        warn(f"{path} covers only a part of the country; nobody is counted beyond it.")
    window = Window(left, top, right - left, bottom - top)
    corner, side = raster.window_transform(window), raster.transform
    transform = Affine(side.a * factor, 0, corner.c, 0, side.e * factor, corner.f)
    size = (-(-(bottom - top) // factor), -(-(right - left) // factor))
    return window, transform, geometry_mask(shape, size, transform, invert=True)


def _strips(raster, window, factor) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first row of each strip, in blocks, and the sums of its blocks; no number is nobody."""
    from rasterio.windows import Window

    columns = -(-window.width // factor) * factor
    n_rows = max(1, AT_ONCE // (columns * factor)) * factor
    for top in range(0, window.height, n_rows):
        height = min(n_rows, window.height - top)
        cells = raster.read(
            1, window=Window(window.col_off, window.row_off + top, window.width, height), masked=True
        )
        cells = np.nan_to_num(cells.filled(0).astype("float64"), posinf=0.0)
        cells = np.maximum(cells, 0.0)
        rows = -(-height // factor) * factor
        padded = np.pad(cells, ((0, rows - height), (0, columns - window.width)))
        blocks = padded.reshape(rows // factor, factor, columns // factor, factor).sum(axis=(1, 3))
        yield top // factor, blocks
