"""Maps: cities as points, countries as areas and a surface between them, over outlines and names.

A map is a dict that ``static/map.js`` draws on a canvas: Vega-Lite has no buttons, no tiles, no names that
avoid each other, and no way for a finger or a keyboard to a city. Outlines and names are files of this
server, which the browser fetches once.
"""

from __future__ import annotations

import base64
import functools
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from airq.units import PM25_UNIT
from app import scales, style
from app.series import Layer
from app.sources import open_table
from app.store import Store, guess_period, open_store
from app.style import for_markdown, shown

if TYPE_CHECKING:
    from airq.grids import Grid

#: Longitudes and latitudes of Africa. [°]
AFRICA = ((-26.0, 58.0), (-36.0, 38.0))
#: Smallest span of a map. [°]
LEAST_SPAN = 6.0
SIZES = (6.0, 17.0)
#: Colour of a mean over too few days for a class; its number is the one after all classes.
NO_CLASS = "#b5bdc2"
#: Bits of a point: the model extrapolates, and the city trained the model.
HOLLOW, MONITOR = 1, 2
#: What a picture of a map owes to whom.
OUTLINES_CREDIT = "Outlines: Natural Earth. Names of cities: GeoNames, CC BY 4.0."
#: From so many points on some lie under others.
MANY = 100


def points_map(cities, layer, *, selected=None, alone=False, dark=False):
    """Return a map of cities as points, for :func:`app.parts.show_map`; `place` is the row of a city.

    `cities` are those of a store, `layer` is what to show of them, `selected` is the row of the city to mark;
    `alone` draws only that one, over a surface that shows the others.
    """
    table = places(cities, layer)
    table = table[table["place"] == selected] if alone else table
    points = {
        "labels": table["label"].tolist(),
        "lengths": _packed(table["length"], "uint8"),
        "thousands": _packed(table["thousands"], "uint16"),
        "flags": _packed(HOLLOW * table["hollow"] + MONITOR * table["monitor"], "uint8"),
        "place": _packed(table["place"], "int32"),
        "number": _packed(table["number"], "int8"),
    }
    columns = ("longitude", "latitude", "size", "value", "lower", "upper")
    points |= {name: _packed(table[name], "float32") for name in columns if name in table}
    return {
        **_frame(cities, layer, dark, "Map of cities"),
        "points": points,
        "chosen": None if selected is None else {"place": int(selected)},
    }


def countries_map(countries, scale, *, cities, selected=None, dark=False):
    """Return a map of countries as areas, for :func:`app.parts.show_map`; `place` of an area is its code.

    `countries` is what :func:`app.store.by_country` makes; `few`, if there, tells which have no class.
    `scale` has the classes of `value`, `cities` decide what part of the world is shown, `selected` is the
    code to mark.
    """
    number = numbers_of(scale, countries["value"], countries.get("few"))
    rows = countries.assign(number=number).set_index("country")
    areas = [
        {
            "id": feature["id"],
            "place": code,
            "title": shown(style.country_name(code)),
            "number": int(rows["number"][code]),
            "value": float(rows["value"][code]),
            "of": f"Of {style.count_words(int(rows['cities'][code]), 'city')}, "
            f"{rows['people'][code]:,.0f} people",
        }
        for feature in style.outlines()["features"]
        if (code := feature["properties"]["country"]) in rows.index and rows["number"][code] >= 0
    ]
    frame = _frame(cities, Layer(rows["value"].to_numpy(), scale), dark, "Map of countries")
    frame["look"]["what"] = "Mean"
    marked = any(area["place"] == selected for area in areas)
    return {**frame, "areas": areas, "chosen": {"place": selected} if marked else None}


def without_outline(codes):
    """Say in Markdown which countries have no outline on the map; empty where all have one.

    >>> without_outline(["KEN", "REU"])
    'Reunion has no outline on this map.'
    """
    drawn = {feature["properties"]["country"] for feature in style.outlines()["features"]}
    lacking = sorted(for_markdown(style.country_name(code), limit=40) for code in set(codes) - drawn)
    if not lacking:
        return ""
    named = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
    return f"{named} {'has' if len(lacking) == 1 else 'have'} no outline on this map."


def order_words(cities):
    """Say what lies on top where points overlap; empty where they are few."""
    if len(cities) <= MANY:
        return ""
    return "Where points overlap, the highest value lies on top; they part as the map is zoomed."


def saved_picture(title, scale, lines, *, simulated, surface=None):
    """Return what the picture of a map that is saved says around it, so that it can stand alone.

    `title` is what the map shows, with the day; `scale` its legend; `lines` are origin and caveats;
    `simulated` puts SIMULATED into it, and into the name of its file; `surface` is what a surface below
    shows, and its scale.
    """
    under = [{"words": surface[0]}, *_legend(surface[1])] if surface else []
    return {
        "title": "SIMULATED. " * simulated + title,
        "legend": [*_legend(scale), *under],
        "lines": [*filter(None, lines), OUTLINES_CREDIT],
        "file": "SIMULATED_" * simulated + "map.png",
    }


def _legend(scale):
    heading = f"{scale.heading} [{style.unit_words(scale.unit)}]"
    classes = zip(scale.colours, scale.labels, scale.ranges, strict=True)
    named = [{"colour": one, "words": f"{label}: {span}" if label else span} for one, label, span in classes]
    return [{"words": heading}, *named]


def view_range(cities, least=LEAST_SPAN):
    """Choose what a map shows: Africa where the cities fill it, else the cities' own region.

    West and east, south and north. [°]
    """
    places = cities[["longitude", "latitude"]].dropna()
    if places.empty or _fills_africa(places):
        return AFRICA
    return (
        _with_margin(*_around(places["longitude"].to_numpy()), 720.0, least),
        _with_margin(places["latitude"].min(), places["latitude"].max(), 85.0, least),
    )


def _around(longitudes):
    """Return the ends of the shortest span that holds all longitudes; east of 180° it goes on counting.

    >>> _around(np.array([178.0, -179.0]))
    (178.0, 181.0)
    """
    ordered = np.unique(longitudes)
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    first = (int(gaps.argmax()) + 1) % len(ordered)
    west = float(ordered[first])
    return west, west + 360 - float(gaps.max())


def _with_margin(low, high, limit, least):
    margin = max(0.06 * (high - low), (least - (high - low)) / 2, least / 6)
    return max(float(low - margin), -limit), min(float(high + margin), limit)


def _fills_africa(places):
    """Tell whether all places lie in Africa and reach over more than half of it either way."""
    (west, east), (south, north) = AFRICA
    low, high = places.min(), places.max()
    inside = west <= low["longitude"] and high["longitude"] <= east
    inside = inside and south <= low["latitude"] and high["latitude"] <= north
    spans = (high - low) / pd.Series({"longitude": east - west, "latitude": north - south})
    return bool(inside and (spans > 0.5).all())


def sizes(population):
    """Return the diameter of a city's marker: it grows with the fourth root of its people. [px]

    >>> sizes(np.array([np.nan, 1e5, 1e7])).round(1).tolist()
    [6.0, 7.5, 17.0]
    """
    people = np.nan_to_num(population, nan=0.0).clip(2e4, 1e7)
    reach = (people**0.25 - 2e4**0.25) / (1e7**0.25 - 2e4**0.25)
    return np.round(SIZES[0] + reach * (SIZES[1] - SIZES[0]), 1)


def places(cities, layer):
    """Return the table behind a map of points, the highest values last, so that they lie on top.

    Columns: `place` (row of the city), `label`, `length` of the city's own name in it, `longitude, latitude`
    [°], `size` [px], `thousands` of people, `value`, `number` (the class, -1 without a prediction), `hollow`,
    `monitor`, and `lower`, `upper` where the layer has intervals.
    """
    people = np.nan_to_num(cities["population"].to_numpy(dtype="float64"))
    columns = {
        "place": np.arange(len(cities), dtype="int32"),
        "label": cities["label"].to_numpy(dtype=object),
        # As the browser counts letters.
        "length": [len(shown(city).encode("utf-16-le")) // 2 for city in cities["city"]],
        "longitude": cities["longitude"].to_numpy("float32"),
        "latitude": cities["latitude"].to_numpy("float32"),
        "size": sizes(cities["population"].to_numpy()),
        "thousands": np.rint(people / 1000).astype("int32"),
        "value": np.asarray(layer.amounts, dtype="float32"),
        "number": numbers_of(layer.scale, layer.amounts, layer.few).astype("int8"),
        "hollow": _outside(layer),
        "monitor": cities["trained"].to_numpy("bool"),
    }
    columns["hollow"] &= columns["number"] >= 0
    if layer.lower is not None:
        columns |= {"lower": layer.lower.astype("float32"), "upper": layer.upper.astype("float32")}
    # Of equal values the small city lies on top of the large one.
    order = np.lexsort((-people, np.nan_to_num(columns["value"], nan=-np.inf)))
    table = pd.DataFrame(columns).iloc[order]
    return table.dropna(subset=["longitude", "latitude"]).reset_index(drop=True)


def numbers_of(scale, values, few):
    """Return the class of every value: -1 where it is missing, the one after all where days are too few."""
    number = scale.index(values)
    return number if few is None else np.where((number >= 0) & np.asarray(few), len(scale.labels), number)


def _outside(layer):
    if layer.inside is None:
        return np.zeros(len(layer.amounts), dtype=bool)
    return np.nan_to_num(layer.inside, nan=1.0) < 1


def look_of(scale, what, level=None, *, dark=False):
    """Return the colours and words of a scale's classes, as a map draws and says them."""
    colours = [*scale.colours, NO_CLASS]
    return {
        "colours": colours,
        "rims": [style.rim(one, dark=dark) for one in colours],
        "labels": [*scale.labels, scales.FEW_DAYS] if scale.classed else [],
        "unit": style.unit_words(scale.unit),
        "digits": 0 if style.is_index(scale.unit) or scale.unit == "%" else 1,
        "what": what,
        "interval": style.first_capital(style.interval_words(level)),
    }


def land_map(places, scale, *, dark=False):
    """Return a map of nothing but the land around some places, for a surface to lie on."""
    frame = _frame(places, Layer(np.zeros(0), scale), dark, "Map of a modelled surface")
    return {**frame, "range": view_range(places, least=0.5)}


def _frame(cities, layer, dark, words):
    """Return what every map has: its part of the world, colours and what it is called."""
    what = "Share" if layer.scale.unit == "%" else "Prediction"
    keys = "arrow keys go from place to place, Enter chooses one, plus and minus zoom, zero shows all"
    return {
        "words": f"{words}: {keys}",
        "tone": {**style.tones(dark), "font": style.FONT},
        "range": view_range(cities),
        "look": look_of(layer.scale, what, layer.level, dark=dark),
    }


def _packed(values, kind):
    """Return numbers as the browser unpacks them: little-endian bytes, in base64."""
    return base64.b64encode(np.asarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()).decode()


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
        span = style.span_words(self.dates[0], self.dates[-1], self.period)
        return f"The surface is not drawn here: it holds a {style.PERIOD_WORDS[self.period]} each of {span}."


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
        # Geometry comes with it, which only surfaces need.
        from airq.grids import grid_of

        parts = open_table(path).parts(["latitude", "longitude"])
        grid_of(pd.concat([part.drop_duplicates() for part in parts]).drop_duplicates())


def of_store(store, path):
    """Return the surface of a store whose places are cells of a grid; ValueError for others."""
    if store.main != "pm25":
        raise ValueError("A surface needs predictions of PM2.5, not points of an index.")
    from airq.grids import grid_of

    grid = grid_of(store.cities)
    return Surface(grid, store.dates, store.period, store.level, tuple(store.notes), store, Path(path))


@functools.lru_cache(maxsize=2)
def surface_in(store, path):
    """Return the surface that predictions are by themselves, as cells of a grid; None where they are none."""
    places = store.cities[["latitude", "longitude"]]
    # Cells of a grid share a latitude or a longitude with others, cities do not.
    if len(places) < LEAST_CELLS or places.isna().any(axis=None) or 2 * places.nunique().min() > len(places):
        return None
    try:
        return of_store(store, path)
    except ValueError:
        return None


def _open_raster(path):
    from airq.grids import Grid
    from airq.messages import import_optional

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
    texts = [style.with_page_units(tags[name]) for name in names if tags.get(name)]
    notes = tuple(text[:1].upper() + text[1:] for text in texts)
    period = tags.get("PERIOD") if tags.get("PERIOD") in style.PERIOD_WORDS else guess_period(dates)
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

    >>> from airq.grids import Grid
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
    look = look_of(scale, VIEWS[view], surface.level, dark=dark)
    return drawn(surface.grid, values, scale.index(values), look, outside=surface.outside(date), ends=ends)


def layer_of_cells(surface, layer, *, dark=False):
    """Return a layer of the cells themselves, such as their means of a span, as a map draws it."""
    number = numbers_of(layer.scale, layer.amounts, layer.few)
    inside = np.ones(len(number)) if layer.inside is None else np.nan_to_num(layer.inside, nan=1.0)
    columns = [layer.amounts, number, inside] + (
        [layer.lower, layer.upper] if layer.lower is not None else []
    )
    values, number, inside, *ends = (_spread(surface, column) for column in columns)
    what = "Share" if layer.scale.unit == "%" else VIEWS["pm25"]
    look = look_of(layer.scale, what, layer.level, dark=dark)
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
