"""Find the cells of a raster that places or the discs around them cover."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from scipy.sparse import csr_array

from airq.messages import import_optional

#: Length of a degree of a great circle. [km]
DEGREE_KM = 111.195
#: Largest unevenness of an axis, as a share of its step.
UNEVEN = 0.02
#: Corners of the polygon that stands for a disc; its area is 0.2 % too small.
CORNERS = 64


class RasterGrid(NamedTuple):
    """Middles of a raster's columns and rows, in the order of the file.

    Attributes
    ----------
    x, y : array
        Longitudes and latitudes [°], or coordinates of the projection.
    projection : str or None
        WKT of a projection; None for longitudes and latitudes.
    """

    x: np.ndarray
    y: np.ndarray
    projection: str | None = None

    @property
    def key(self):
        """What tells it from other grids."""
        return self.x.tobytes(), self.y.tobytes(), self.projection


class Cells(NamedTuple):
    """Cells that places cover.

    Attributes
    ----------
    rows, columns : array of int
        Rows and columns of the file that are needed, in its order.
    row, column : array of int of shape (n_cells,)
        Position of each cell in these.
    weights : sparse array of shape (n_places, n_cells)
        Area of each cell that a place covers, in a unit of its own.
    """

    rows: np.ndarray
    columns: np.ndarray
    row: np.ndarray
    column: np.ndarray
    weights: csr_array

    def means(self, values, limits=None) -> tuple[np.ndarray, int, int]:
        """Return means over each place of values (n_times, n_rows, n_columns).

        Missing cells do not count, nor do those beyond `limits` (low, high); what follows are the numbers of
        values that are there and of those that lie beyond.
        """
        values = np.asarray(values, dtype="float64")[:, self.row, self.column]
        there = np.isfinite(values)
        n_there, n_beyond = int(there.sum()), 0
        if limits is not None:
            there &= (values >= limits[0]) & (values <= limits[1])
            n_beyond = n_there - int(there.sum())
        total = self.weights @ np.where(there, values, 0.0).T
        weight = self.weights @ there.astype("float64").T
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(weight > 0, total / weight, np.nan).T, n_there, n_beyond


def covered_cells(grid: RasterGrid, places, radius_km: float) -> Cells | None:
    """Return the cells that discs around places cover, or those that the places lie in.

    Parameters
    ----------
    grid : RasterGrid
    places : DataFrame
        `latitude, longitude` [°].
    radius_km : float
        Radius of the discs; 0 for the cell that a place lies in. [km]

    Returns
    -------
    Cells or None
        None if no place lies on the raster.

    Raises
    ------
    ModuleNotFoundError
        If discs are asked for and exactextract is missing.
    ValueError
        If the rows or columns are uneven.
    """
    x, x_order, wrap = _even(grid.x, circle=grid.projection is None)
    y, y_order, _ = _even(-grid.y, circle=False)
    y = -y
    step_x, step_y = _step(x), _step(y)
    whole = grid.projection is None and abs(len(x) * step_x - 360) < step_x / 2
    if radius_km > 0:
        place, row, column, weight = _under_discs(grid, places, radius_km, x, y, wrap, whole)
    else:
        east, north = _positions(grid, places, wrap)
        column = np.floor((east - x[0]) / step_x + 0.5).astype(int)
        column = column % len(x) if whole else column
        row = np.floor((y[0] - north) / step_y + 0.5).astype(int)
        place = np.flatnonzero((row >= 0) & (row < len(y)) & (column >= 0) & (column < len(x)))
        row, column, weight = row[place], column[place], np.ones(len(place))
    if not len(place):
        return None
    row, column = y_order[row], x_order[column]
    rows, columns = np.unique(row), np.unique(column)
    at = np.searchsorted(rows, row), np.searchsorted(columns, column)
    cell, number = np.unique(at[0] * len(columns) + at[1], return_inverse=True)
    weights = csr_array((weight, (place, number)), shape=(len(places), len(cell)))
    return Cells(rows, columns, cell // len(columns), cell % len(columns), weights)


def _even(axis, *, circle):
    """Return an axis in rising order, the position of its elements in the file, and where longitudes wrap.

    Longitudes may run from -180 or from 0; those of a part of the globe are even in one of the two ways.
    """
    for start in (-180.0, 0.0) if circle else (None,):
        values = np.asarray(axis, dtype="float64")
        values = values if start is None else (values - start) % 360 + start
        order = np.argsort(values, kind="stable")
        values = values[order]
        gaps = np.diff(values)
        if len(values) > 1 and gaps.min() > 0 and np.ptp(gaps) <= 2 * UNEVEN * gaps.mean():
            return values, order, start
    raise ValueError("its rows or columns are uneven" if len(axis) > 1 else "it has a single row or column")


def _step(axis):
    return abs(axis[-1] - axis[0]) / (len(axis) - 1)


def _positions(grid, places, wrap):
    longitude, latitude = places["longitude"].to_numpy(), places["latitude"].to_numpy()
    if grid.projection is None:
        return (longitude - wrap) % 360 + wrap, latitude
    to_map = pyproj.Transformer.from_crs("EPSG:4326", grid.projection, always_xy=True)
    return to_map.transform(longitude, latitude)


def _under_discs(grid, places, radius_km, x, y, wrap, whole):
    """Return place, row, column and covered area of each pair of a place and a cell under its disc."""
    import_optional("exactextract", "Discs (--radius-km above 0)")
    import exactextract
    from exactextract.raster import NumPyRasterSource

    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    latitude = places["latitude"].to_numpy()[:, None]
    north = np.clip(latitude + radius_km / DEGREE_KM * np.sin(angle), -90, 90)
    wide = radius_km / DEGREE_KM / np.maximum(np.cos(np.radians(latitude)), 0.01)
    longitude = places["longitude"].to_numpy()
    middle = longitude if wrap is None else (longitude - wrap) % 360 + wrap
    corners = np.stack([middle[:, None] + wide * np.cos(angle), north], axis=-1)
    owner = np.arange(len(places))
    if whole:
        # What reaches beyond an edge of the globe lies at the other one.
        west, east = x[0] - _step(x) / 2, x[-1] + _step(x) / 2
        over, under = (
            np.flatnonzero(beyond.any(axis=1)) for beyond in (corners[..., 0] > east, corners[..., 0] < west)
        )
        corners = np.concatenate([corners, corners[over] - [360, 0], corners[under] + [360, 0]])
        owner = np.concatenate([owner, over, under])
    crs = grid.projection or pyproj.CRS.from_epsg(4326).to_wkt()
    discs = gpd.GeoDataFrame(geometry=shapely.polygons(corners), crs="EPSG:4326")
    discs = discs if grid.projection is None else discs.to_crs(crs)
    step_x, step_y = _step(x), _step(y)
    edges = {"xmin": x[0] - step_x / 2, "xmax": x[-1] + step_x / 2}
    edges |= {"ymin": y[-1] - step_y / 2, "ymax": y[0] + step_y / 2}
    # Only the shape of the raster matters here.
    blank = np.broadcast_to(np.zeros(1), (len(y), len(x)))
    source = NumPyRasterSource(blank, srs_wkt=crs, **edges)
    found = exactextract.exact_extract(source, discs, ["cell_id", "coverage"], output="pandas")
    place = np.repeat(owner, found["cell_id"].map(len))
    if not len(place):
        return place, place, place, place
    row, column = np.divmod(np.concatenate(found["cell_id"].to_list()).astype(int), len(x))
    area = np.cos(np.radians(y[row])) if grid.projection is None else 1.0
    return place, row, column, np.concatenate(found["coverage"].to_list()) * area
