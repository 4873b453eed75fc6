"""A surface: predictions on a grid, from a table or a GeoTIFF, as maps draw it between the cities."""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from airq.grids import Grid, grid_of
from airq.messages import import_optional
from airq.units import PM25_UNIT
from app import maps, scales, theme
from app.cube import open_table
from app.store import Store, guess_period, open_store

#: What can be seen of a surface, in the words of the page.
VIEWS = {"pm25": "Prediction", "lower": "Lower end", "upper": "Upper end", "width": "Width of the interval"}
QUANTITIES = ("pm25", "lower", "upper")
RASTERS = (".tif", ".tiff")
#: Most that a cell of the browser's picture can say [unit], in steps of a tenth.
MOST = 6553.5
#: Ends of the classes of an interval's width. [µg m⁻³]
WIDTHS = (5.0, 10.0, 20.0, 40.0, 80.0)
#: Cells that must be there at least for a file of predictions to be a surface by itself.
LEAST_CELLS = 60


@dataclass(frozen=True, eq=False)
class Surface:
    """Predictions on a grid.

    Attributes
    ----------
    grid : airq.grids.Grid
        Its cells.
    dates : DatetimeIndex of n_days
        The days (or months, or years) that occur, sorted.
    period : {"day", "month", "year"}
        What a value stands for.
    level : float or None
        Level of the intervals.
    notes : tuple of str
        What the file says of itself and must be told.
    source : Store or dict
        Where values are: a store of the cells, or the numbers of a raster's bands by (quantity, date).
    path : Path
        The file.
    """

    grid: Grid
    dates: pd.DatetimeIndex
    period: str
    level: float | None
    notes: tuple
    source: Store | dict
    path: Path

    def has(self, quantity):
        """Tell whether the file holds a quantity of :data:`QUANTITIES` or ``inside_domain``."""
        if isinstance(self.source, Store):
            return self.source.has(quantity)
        return any(name == quantity for name, _ in self.source)

    @property
    def simulated(self):
        """Whether the model behind it learned from a simulation."""
        if isinstance(self.source, Store):
            return self.source.simulated
        return any(note.startswith("SIMULATED") for note in self.notes)

    def told(self, name):
        """Return what the file tells of itself under a name, as :meth:`app.store.Store.told` does."""
        return self.source.told(name) if isinstance(self.source, Store) else ""

    @property
    def views(self):
        """The :data:`VIEWS` that the file has something for."""
        known = self.has("lower") and self.has("upper")
        return {name: words for name, words in VIEWS.items() if name == "pm25" or known}

    def values(self, quantity, date):
        """Return a quantity on a date, of shape (height, width); NaN where there is none."""
        date = pd.Timestamp(date)
        if isinstance(self.source, Store):
            return _spread(self, self.source.day(quantity, date))
        return _band(str(self.path), self.source[quantity, date])

    def view(self, name, date):
        """Return what a view of :attr:`views` shows on a date, of shape (height, width)."""
        if name == "width":
            return self.values("upper", date) - self.values("lower", date)
        return self.values(name, date)

    def outside(self, date):
        """Return where the model extrapolates, bool of shape (height, width)."""
        if not self.has("inside_domain"):
            return np.zeros((self.grid.height, self.grid.width), dtype=bool)
        return self.values("inside_domain", date) < 1

    def absent(self, date, period):
        """Say why there is nothing to see beside values of a date and period; empty where there is."""
        if self.period == period and pd.Timestamp(date) in self.dates:
            return ""
        span = theme.span_words(self.dates[0], self.dates[-1], self.period)
        return f"The surface is not drawn here: it holds a {theme.PERIOD_WORDS[self.period]} each of {span}."


def open_surface(path):
    """Open a GeoTIFF of `airq predict --raster`, or a table of predictions whose places are cells of a grid.

    ModuleNotFoundError if rasterio is needed and not installed; OSError or ValueError if it is no such file.
    """
    path = Path(path)
    if path.suffix.lower() in RASTERS:
        return _open_raster(path)
    return of_store(open_store(path), path)


def check_surface(path):
    """Refuse a file that is no surface, as :func:`open_surface` does; of a table, only positions are read."""
    if Path(path).suffix.lower() in RASTERS:
        _open_raster(Path(path))
    else:
        parts = open_table(path).parts(["latitude", "longitude"])
        grid_of(pd.concat([part.drop_duplicates() for part in parts]).drop_duplicates())


def of_store(store, path):
    """Return the surface of a store whose places are cells of a grid; ValueError for others."""
    if store.main != "pm25":
        raise ValueError("A surface needs predictions of PM2.5, not points of an index.")
    grid = grid_of(store.cities)
    return Surface(grid, store.dates, store.period, store.level, tuple(store.notes), store, Path(path))


@functools.lru_cache(maxsize=2)
def surface_in(store, path):
    """Return the surface that predictions are by themselves, as cells of a grid; None where they are none."""
    if len(store.cities) < LEAST_CELLS or store.cities[["latitude", "longitude"]].isna().any(axis=None):
        return None
    try:
        return of_store(store, path)
    except ValueError:
        return None


def _open_raster(path):
    import_optional("rasterio", "GeoTIFF files")
    import rasterio

    make = "make it with `airq predict --raster`."
    if not path.exists():
        raise FileNotFoundError(f"No such file: {path}.")
    try:
        with rasterio.open(path) as raster:
            bands = {}
            for number in range(1, raster.count + 1):
                told = raster.tags(number)
                if told.get("quantity") in QUANTITIES and "date" in told:
                    bands[told["quantity"], pd.Timestamp(told["date"])] = number
            tags, crs, transform = raster.tags(), raster.crs, raster.transform
            width, height, unit = raster.width, raster.height, next(iter(raster.units), None)
    except rasterio.errors.RasterioIOError as error:
        raise ValueError(f"{path} is no GeoTIFF that can be read: {error}") from None
    dates = sorted({date for name, date in bands if name == "pm25"})
    if not dates:
        raise ValueError(f"{path} has no band that names PM2.5 and a date; {make}")
    if crs is None or crs.to_epsg() != 4326 or transform.b or transform.d or transform.e >= 0:
        raise ValueError(f"{path} is not in degrees (EPSG:4326), north up; {make}")
    if unit not in (None, PM25_UNIT):
        raise ValueError(f"{path} is in {unit}, not in {PM25_UNIT}; {make}")
    grid = Grid(transform.c, transform.f, transform.a, -transform.e, width, height)
    dates, level = pd.DatetimeIndex(dates), tags.get("COVERAGE")
    names = ("WARNING", "TITLE", "ORIGIN", "MASKED", "VALIDATION", "SOURCES")
    texts = [theme.with_page_units(tags[name]) for name in names if tags.get(name)]
    notes = tuple(text[:1].upper() + text[1:] for text in texts)
    period = tags.get("PERIOD") if tags.get("PERIOD") in theme.PERIOD_WORDS else guess_period(dates)
    return Surface(grid, dates, period, float(level) if level else None, notes, bands, path)


@functools.lru_cache(maxsize=12)
def _band(path, number):
    import rasterio

    with rasterio.open(path) as raster:
        return raster.read(number, masked=True).filled(np.nan).astype("float32")


@functools.lru_cache(maxsize=2)
def _cells(surface):
    return surface.grid.cells(surface.source.cities)


def scale_of(surface, view, name="who", palette="readable"):
    """Return the scale of a view: classes for its values, steps in another hue for a width."""
    if view != "width":
        return scales.scale(name, unit=PM25_UNIT, period=surface.period, palette=palette)
    heading = "Width of the interval" + (f" ({surface.level:.0%})" if surface.level else "")
    labels = ("",) * (len(WIDTHS) + 1)
    return scales.Scale(
        "width", PM25_UNIT, WIDTHS, labels, scales.UNCLASSED, heading, scales.DAYS[surface.period]
    )


def words_of(surface):
    """Say what a surface is, in a sentence.

    >>> words_of(Surface(Grid(29.5, 4.3, 0.1, 0.1, 55, 58), None, "day", 0.9, (), {}, None))
    'Modelled on a grid of 0.1° (cells of about 11 km), not measured: one value a cell, nothing smoothed.'
    """
    grid = surface.grid
    side = (
        f"{grid.step_y:.3g}°" if grid.step_x == grid.step_y else f"{grid.step_x:.3g}° by {grid.step_y:.3g}°"
    )
    return (
        f"Modelled on a grid of {side} (cells of about {111.2 * grid.step_y:.2g} km), not measured: one "
        "value a cell, nothing smoothed."
    )


def layer_of(surface, view, date, scale, *, dark=False):
    """Return a view of a surface on a date as a map draws it, see :func:`drawn`."""
    values = surface.view(view, date)
    known = surface.has("lower") and surface.has("upper")
    ends = [surface.values(end, date) for end in ("lower", "upper")] if known else ()
    look = maps.look_of(scale, VIEWS[view], surface.level, dark=dark)
    return drawn(surface.grid, values, scale.index(values), look, outside=surface.outside(date), ends=ends)


def layer_of_cells(surface, layer, *, dark=False):
    """Return a layer of the cells themselves, such as their means of a span, as a map draws it."""
    number = maps.numbers_of(layer.scale, layer.amounts, layer.few)
    inside = np.ones(len(number)) if layer.inside is None else np.nan_to_num(layer.inside, nan=1.0)
    columns = [layer.amounts, number, inside] + (
        [layer.lower, layer.upper] if layer.lower is not None else []
    )
    values, number, inside, *ends = (_spread(surface, column) for column in columns)
    what = "Share" if layer.scale.unit == "%" else VIEWS["pm25"]
    look = maps.look_of(layer.scale, what, layer.level, dark=dark)
    return drawn(surface.grid, values, np.nan_to_num(number, nan=-1), look, outside=inside < 1, ends=ends)


def _spread(surface, values):
    """Return a number of every cell that the file has, of shape (height, width); NaN elsewhere."""
    found = np.full((surface.grid.height, surface.grid.width), np.nan, dtype="float32")
    found[_cells(surface)] = values
    return found


def drawn(grid, values, number, look, *, outside, ends=()):
    """Return values on a grid as a map draws them: a picture whose pixels are cells.

    The value stands in red and green, in tenths of the unit; blue is the class and one, 0 for no value, and
    128 more outside the domain. Two more pictures below hold the ends of the interval, if there are any.

    `values`, `number` (the class; -1 for none), `outside` and `ends` have the shape (height, width) of the
    grid; `look` is that of :func:`app.maps.look_of`.
    """
    from PIL import Image

    code = np.where(np.isfinite(values), number + 1, 0).astype("uint8")
    code |= np.where((code > 0) & outside, 128, 0).astype("uint8")
    pictures = [_coded(values, code), *(_coded(end, np.isfinite(end).astype("uint8")) for end in ends)]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(pictures)).save(file, "png")
    png = base64.b64encode(file.getvalue()).decode()
    return {**grid._asdict(), "parts": len(pictures), "png": png, "look": look}


def _coded(values, blue):
    tenths = np.rint(np.clip(np.nan_to_num(values), 0, MOST) * 10).astype("uint16")
    return np.stack([(tenths >> 8).astype("uint8"), (tenths & 255).astype("uint8"), blue], axis=-1)


def cell_at(surface, longitude, latitude, date):
    """Return the values of a surface at a place on a date, and `outside`; None beside its cells."""
    place = pd.DataFrame({"longitude": [longitude], "latitude": [latitude]})
    (row,), (column,) = surface.grid.cells(place)
    if not (0 <= row < surface.grid.height and 0 <= column < surface.grid.width):
        return None
    found = {name: float(surface.values(name, date)[row, column]) for name in QUANTITIES if surface.has(name)}
    if not np.isfinite(found["pm25"]):
        return None
    return {**found, "outside": bool(surface.outside(date)[row, column])}


def row_at(surface, longitude, latitude):
    """Return the row, in the surface's own store, of the cell around a place; None beside the cells."""
    (row,), (column,) = surface.grid.cells(pd.DataFrame({"longitude": [longitude], "latitude": [latitude]}))
    rows, columns = _cells(surface)
    found = np.flatnonzero((rows == row) & (columns == column))
    return int(found[0]) if len(found) else None


def corners(surface):
    """Return the corners of a surface as places, which decide what part of the world a map shows."""
    grid = surface.grid
    west, north = grid.west, grid.north
    east, south = west + grid.step_x * grid.width, north - grid.step_y * grid.height
    middle = (west + east) / 2
    return pd.DataFrame({"longitude": [west, middle, east], "latitude": [north, north, south]})
