"""Regular grids in degrees: the cells of a country as a city table, and the grid that places stand on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely

#: Most cells that a grid of a country may have.
MAX_CELLS = 1_000_000
#: Widest and narrowest cells. [°]
STEPS = (0.001, 10.0)
#: Farthest that a place may lie from the middle of its cell, as a share of the cell's width.
OFF_CENTRE = 0.02
#: Longest side of a cell, in shortest sides.
LONGEST = 4
NO_GRID = "The panel is no regular grid of cells, so it makes no raster"
HINT = "make the places with `airq places --grid 0.1 --country UGA --out grid.csv`."


class Grid(NamedTuple):
    """A grid of cells between meridians and parallels, rows from north to south.

    Attributes
    ----------
    west, north : float
        Outer edges. [°]
    step_x, step_y : float
        Width and height of a cell. [°]
    width, height : int
        Number of columns and rows.
    """

    west: float
    north: float
    step_x: float
    step_y: float
    width: int
    height: int

    @property
    def longitudes(self):
        """Return the middles [°] of the columns, from west to east."""
        return np.round(self.west + self.step_x * (np.arange(self.width) + 0.5), 9)

    @property
    def latitudes(self):
        """Return the middles [°] of the rows, from north to south."""
        return np.round(self.north - self.step_y * (np.arange(self.height) + 0.5), 9)

    def window(self, rows: slice, columns: slice) -> Grid:
        """Return the part of the grid in some rows and columns."""
        west, north = self.west + columns.start * self.step_x, self.north - rows.start * self.step_y
        size = (columns.stop - columns.start, rows.stop - rows.start)
        return Grid(west, north, self.step_x, self.step_y, *size)

    def cells(self, places) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column, from 0, of places with `latitude` and `longitude` [°]; also outside."""
        row = np.floor((self.north - places["latitude"].to_numpy()) / self.step_y)
        east = places["longitude"].to_numpy() - self.west
        # Longitudes of 180° and more go on at -180°.
        east = np.where((east < 0) & (self.step_x * self.width > east + 360), east + 360, east)
        column = np.floor(east / self.step_x)
        return row.astype(int), column.astype(int)


def grid_around(bounds, step, *, most=10 * MAX_CELLS) -> Grid:
    """Return the grid that covers a box west, south, east, north [°], its edges at multiples of `step` [°].

    Grids of one step therefore share their cells, whatever country they are of. Raises ValueError if there
    are more than `most` cells.

    >>> grid_around((29.57, -1.48, 34.97, 4.22), 0.1)
    Grid(west=29.5, north=4.3, step_x=0.1, step_y=0.1, width=55, height=58)
    """
    if not STEPS[0] <= step <= STEPS[1]:
        raise ValueError(f"Cells are {STEPS[0]:g} to {STEPS[1]:g} degrees wide, got {step:g}.")
    # The small shift keeps an edge that is a multiple of the step from gaining a row by rounding.
    first = np.floor(np.array(bounds[:2]) / step + 1e-9).astype(int)
    last = np.ceil(np.array(bounds[2:]) / step - 1e-9).astype(int)
    width, height = np.maximum(last - first, 1).tolist()
    if width * height > most:
        raise ValueError(
            f"The box around it has {width * height:,} cells of {step:g} degrees; choose a wider step."
        )
    west, north = round(float(first[0] * step), 9), round(float(last[1] * step), 9)
    return Grid(west, north, step, step, width, height)


def grid_cells(outline, step, country: str) -> pd.DataFrame:
    """Return a city table of the cells whose middle lies inside an outline.

    Parameters
    ----------
    outline : shapely geometry
        In degrees (EPSG:4326).
    step : float
        Width and height of a cell. [°]
    country : str
        ISO 3166-1 alpha-3 code.

    Returns
    -------
    DataFrame
        `city_id, city, country, latitude, longitude` [°], from north to south and from west to east.

    Raises
    ------
    ValueError
        If no middle of a cell lies inside, or more than :data:`MAX_CELLS` do.

    Examples
    --------
    >>> grid_cells(shapely.box(32.4, 0.2, 32.6, 0.3), 0.1, "UGA")[["city_id", "city"]].values.tolist()
    [['UGA:0.25_32.45', '0.25°N 32.45°E'], ['UGA:0.25_32.55', '0.25°N 32.55°E']]
    """
    outline = in_one_piece(outline)
    grid = grid_around(shapely.bounds(outline), step)
    longitude, latitude = (axis.ravel() for axis in np.meshgrid(grid.longitudes, grid.latitudes))
    shapely.prepare(outline)
    inside = shapely.contains_xy(outline, longitude, latitude)
    east = ((longitude[inside] + 180) % 360 - 180).round(9)
    cells = pd.DataFrame({"country": country, "latitude": latitude[inside], "longitude": east})
    if cells.empty:
        raise ValueError(
            f"No middle of a cell of {step:g} degrees lies inside {country}; choose a narrower step."
        )
    if len(cells) > MAX_CELLS:
        raise ValueError(
            f"{country} has {len(cells):,} cells of {step:g} degrees; at most {MAX_CELLS:,} go. Choose a "
            "wider step."
        )
    cells.insert(0, "city_id", _cell_ids(cells))
    cells.insert(1, "city", cells["latitude"].map(_north) + " " + cells["longitude"].map(_east))
    return cells


def in_one_piece(outline):
    """Return an outline that the antimeridian cuts with its eastern parts at longitudes of 180° and more.

    >>> both = shapely.union(shapely.box(178, 0, 180, 1), shapely.box(-180, 0, -179, 1))
    >>> in_one_piece(both).bounds
    (178.0, 0.0, 181.0, 1.0)
    """
    parts = shapely.get_parts(outline)
    ends = shapely.bounds(parts)
    order = np.argsort(ends[:, 0])
    west, east = ends[order, 0], np.maximum.accumulate(ends[order, 2])
    gaps = west[1:] - east[:-1]
    if not len(gaps) or gaps.max() <= west[0] + 360 - east[-1]:
        return outline
    cut = west[int(gaps.argmax()) + 1]
    moved = [shapely.transform(part, lambda xy: xy + [360, 0]) for part in parts[ends[:, 0] < cut]]
    return shapely.union_all([*parts[ends[:, 0] >= cut], *moved])


def _cell_ids(cells):
    north, east = (cells[name].map("{:.8g}".format) for name in ("latitude", "longitude"))
    return cells["country"] + ":" + north + "_" + east


def cell_width(places) -> float | None:
    """Return the width [°] of a city table's cells as :func:`grid_cells` makes them, None of other places.

    Parameters
    ----------
    places : DataFrame
        `city_id, country, latitude, longitude` [°]; cells may be left out.

    Examples
    --------
    >>> cells = grid_cells(shapely.box(32.4, 0.2, 32.7, 0.4), 0.1, "UGA")
    >>> cell_width(cells), cell_width(cells.assign(city_id=["a", "b", "c", "d", "e", "f"]))
    (0.1, None)
    """
    if not (places["city_id"] == _cell_ids(places)).all():
        return None
    try:
        grid = grid_of(places)
    except ValueError:
        return None
    # Where every other cell was left out the others seem twice as wide, and their edges betray it.
    edges = np.array([grid.west, grid.north]) / grid.step_x
    aligned = (np.abs(edges - edges.round()) < OFF_CENTRE).all()
    return grid.step_x if grid.step_x == grid.step_y and aligned else None


def _north(latitude):
    return f"{abs(latitude):.8g}°{'N' if latitude >= 0 else 'S'}"


def _east(longitude):
    return f"{abs(longitude):.8g}°{'E' if longitude >= 0 else 'W'}"


def grid_of(places) -> Grid:
    """Return the grid on whose cells' middles all places stand.

    Parameters
    ----------
    places : DataFrame
        `latitude, longitude` [°] of every site, each once.

    Raises
    ------
    ValueError
        If they stand on no regular grid: at uneven steps, two in a cell, or most without a neighbour.

    Examples
    --------
    >>> grid_of(pd.DataFrame({"latitude": [0.25, 0.25, 0.15], "longitude": [32.55, 32.65, 32.55]}))
    Grid(west=32.5, north=0.3, step_x=0.1, step_y=0.1, width=2, height=2)
    """
    x, y = (np.unique(places[name].to_numpy(dtype="float64").round(9)) for name in ("longitude", "latitude"))
    x = _unwrapped(x)
    steps = [_step(axis) for axis in (x, y)]
    known = [step for step in steps if step]
    if not known:
        what = "one cell has no known width" if len(places) == 1 else "all places stand at one position"
        raise ValueError(f"{NO_GRID}: {what}; {HINT}")
    # In a single row or column cells are as high as they are wide; two axes of nearly one step have one.
    step_x, step_y = (step or known[0] for step in steps)
    if max(step_x, step_y) > LONGEST * min(step_x, step_y):
        raise ValueError(f"{NO_GRID}: cells would be {step_x / step_y:.3g} times as wide as high; {HINT}")
    if abs(step_x - step_y) < 2e-5 * step_x:
        step_x = step_y = round((step_x + step_y) / 2, 9)
    width, height = (round(np.ptp(axis) / step) + 1 for axis, step in ((x, step_x), (y, step_y)))
    west, north = float(x[0]) - step_x / 2, float(y[-1]) + step_y / 2
    grid = Grid(round(west, 9), round(north, 9), step_x, step_y, width, height)
    row, column = grid.cells(places)
    off = np.abs((grid.longitudes[column] - places["longitude"] + 180) % 360 - 180) / step_x
    off = np.maximum(off, np.abs(grid.latitudes[row] - places["latitude"]) / step_y).to_numpy()
    if off.max() > OFF_CENTRE:
        first = places.iloc[int(off.argmax())]
        raise ValueError(
            f"{NO_GRID}: the place at {first['latitude']:g}, {first['longitude']:g} stands between cells; "
            f"{HINT}"
        )
    cell = pd.Series(row * width + column)
    if cell.duplicated().any():
        raise ValueError(f"{NO_GRID}: two places share a cell; {HINT}")
    # A neighbour to the east, where there is one, has the next number; one to the south the next row's.
    beside = (cell.isin(cell + 1) & (column > 0)) | (cell.isin(cell - 1) & (column < width - 1))
    if (beside | cell.isin(cell + width) | cell.isin(cell - width)).mean() < 0.5:
        raise ValueError(
            f"{NO_GRID}: most of its {len(cell):,} places have no neighbour one step away; {HINT}"
        )
    return grid


def _unwrapped(longitudes):
    """Return longitudes in rising order, from the end of the widest gap, those across 180° as 180 and more.

    >>> _unwrapped(np.array([-179.5, -178.5, 178.5, 179.5])).tolist()
    [178.5, 179.5, 180.5, 181.5]
    """
    gaps = np.diff(longitudes)
    if not len(gaps) or gaps.max() <= 360 - np.ptp(longitudes) + 1e-6:
        return longitudes
    first = int(gaps.argmax()) + 1
    return np.concatenate([longitudes[first:], longitudes[:first] + 360]).round(9)


def _step(axis):
    """Return the distance [°] of neighbouring positions in rising order, 0 where there is only one.

    Positions may be rounded, so the step is that of all of them together.
    """
    gaps = np.diff(axis)
    if not len(gaps):
        return 0.0
    near = gaps[gaps < 1.5 * gaps.min()].mean()
    return round(float(np.ptp(axis) / round(np.ptp(axis) / near)), 9)
