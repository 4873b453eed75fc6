"""Layers: products that one request can draw together, and the periods that they are drawn for."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from airq.geo import EARTH_RADIUS_KM
from airq.sources.earthengine.product import DEGREE_METRES, DISC_METRES, MODEL_METRES, Product
from airq.sources.site_days import ONCE

DAY_MS = 86_400_000
#: Most pixels along the side of a cell: in wider cells they lie farther apart.
MOST_ACROSS = 200


@dataclass(frozen=True)
class Output:
    """A number that a request brings for every city and period."""

    #: Where it goes.
    column: str
    #: Short name of the band of the stack, without its period.
    band: str
    #: What is taken over the area.
    reducer: str
    #: From Earth Engine's value to the column's: ``scale * value + offset``; a time becomes an age.
    scale: float
    offset: float
    unit: str
    #: Where it comes from.
    product: Product

    @property
    def is_time(self):
        """Whether Earth Engine gives a time in milliseconds since 1970 for it."""
        return self.band.startswith("t")


class Grid(NamedTuple):
    """Pixels that areas are reduced over."""

    #: Size of a pixel. [m]
    metres: float
    #: Projection by its name in Earth Engine; None for degrees.
    crs: str | None
    #: Cells of the asset along each side of a pixel, which holds their mean.
    blocks: int


def grid_of(product, band, radius_km):
    """Return the Grid that a band of a product is reduced on over an area of a radius.

    Small rings take the asset's own cells; in a larger one a pixel holds a block of them. A ring of 300 km so
    has 160 pixels along its radius, as that of 150 km has, and three times those of 50 km: its edge is drawn
    no coarser. Shares need a third of that.

    >>> from airq.sources.earthengine.catalogue import PRODUCTS
    >>> [grid_of(PRODUCTS["fires"], band, 300).blocks for band in PRODUCTS["fires"].bands]
    [2, 6]
    """
    blocks = 1
    if product.shape == "rings":
        blocks = max(1, int(radius_km // (50 if band.classes else 150)))
    return Grid(product.resolution * blocks, product.crs, blocks)


def shared_metres(product):
    """Return the size of pixels by which products find together; models, of larger ones, join satellites."""
    return DISC_METRES if product.resolution == MODEL_METRES else product.resolution


def disc_area(radius_km):
    """Return the area of a disc on the sphere [km²]."""
    return 2 * math.pi * EARTH_RADIUS_KM**2 * (1 - math.cos(radius_km / EARTH_RADIUS_KM))


@dataclass(frozen=True)
class Layer:
    """Products over the same area, with the same reducers and cadence."""

    products: tuple[Product, ...]
    #: Radius of the disc around a city. [km]
    radius_km: float
    #: Whether columns bring their valid-pixel count and age.
    quality: bool = False
    #: Width of the cells that are taken instead of discs; None for discs. Rings are around their middles. [°]
    cell: float | None = None

    counts_images = True

    @property
    def is_cells(self):
        """Whether its areas are the cells of a grid."""
        return self.cell is not None and self.products[0].shape == "disc"

    @property
    def reach_km(self):
        """How far an area reaches from its middle, in km."""
        return self.cell * DEGREE_METRES / 1000 / math.sqrt(2) if self.is_cells else self.radius_km

    def pixels_across(self, grid):
        """Return the pixels along the side of a cell that stand for those of a Grid."""
        return min(max(1, round(self.cell * DEGREE_METRES / grid.metres)), MOST_ACROSS)

    @property
    def cadence(self):
        """How often it changes: ``day``, ``year`` or ``once``."""
        return self.products[0].cadence

    @property
    def has_local_days(self):
        """Whether its days can begin at a local midnight."""
        return self.cadence == "day" and not any(product.whole_days for product in self.products)

    @functools.cached_property
    def reducers(self):
        """What Earth Engine takes over the disc, in order."""
        own = self.products[0].reducers
        # The sum of no pixel is 0, and must not be taken for one: a count tells.
        return (*own, "count") if self.quality or "sum" in own else own

    @functools.cached_property
    def name(self):
        """Name, fit for a file and unique in an extraction: what its products have in common."""
        cadence, shape = self.cadence, self.products[0].shape
        if all(product.whole_days for product in self.products):
            cadence = f"utc{cadence}"
        metres = shared_metres(self.products[0])
        area = f"cells{self.cell:g}deg" if self.is_cells else f"{shape}{self.radius_km:g}km"
        words = [cadence, area, f"{metres:g}m", *self.products[0].reducers]
        words += ["count"] if self.quality else []
        words += ["pixels"] if self.cell is not None else []
        return "-".join(words).replace(".", "p")

    @functools.cached_property
    def grids(self):
        """Bands as (product, band, number) by the Grid that they are reduced on, in order, as a dict."""
        grids = {}
        for product, band, number in self.numbered_bands():
            grids.setdefault(grid_of(product, band, self.radius_km), []).append((product, band, number))
        return grids

    @property
    def pixels(self):
        """Pixels of the area times bands, for one city and one period."""
        area, each = disc_area(self.radius_km) * 1e6, 2 if self.quality else 1
        return sum(each * len(bands) * max(1.0, area / grid.metres**2) for grid, bands in self.grids.items())

    @functools.cached_property
    def outputs(self):
        """What a request brings for every city and period, as a tuple of Output."""
        outputs = []
        for product, band, number in self.numbered_bands():
            column = f"{band.name}_within_{self.radius_km:g}km" if product.shape == "rings" else band.name
            scale, unit, several = band.scale, band.unit, len(product.reducers) > 1
            grid = grid_of(product, band, self.radius_km)
            if product.shape == "rings":
                # Of a block Earth Engine gives the mean; a cell that counts stands for the pixel's area.
                scale *= (grid.metres / 1000) ** 2 if band.classes else grid.blocks**2
                unit = "km²" if band.classes else unit
            for reducer in product.reducers:
                name = f"{column}_{reducer}" if several else column
                outputs.append(Output(name, f"v{number}", reducer, scale, band.offset, unit, product))
            if self.quality and product.is_counted:
                outputs.append(Output(f"{column}_count", f"v{number}", "count", 1.0, 0.0, "1", product))
            if self.quality:
                outputs.append(Output(f"{column}_age", f"t{number}", "mean", 1.0, 0.0, "d", product))
        return tuple(outputs)

    @property
    def columns(self):
        """Names of the columns, in the order of `outputs`."""
        return [output.column for output in self.outputs]

    def numbered_bands(self):
        """Return product, band and a number unique in the layer, for every band."""
        pairs = [(product, band) for product in self.products for band in product.bands]
        return [(product, band, number) for number, (product, band) in enumerate(pairs)]

    @property
    def first_bands(self):
        """Number of the first band of every product, by its key."""
        return {product.key: number for product, _, number in reversed(self.numbered_bands())}

    def property_of(self, output, position):
        """Return the property of an answer that holds an output and the period at a position."""
        band = f"{output.band}_{position}"
        return band if len(self.reducers) == 1 else f"{band}_{output.reducer}"

    def count_of(self, output, position):
        """Return the property that must not be 0 for an output to be a value, None where there is none."""
        return f"{output.band}_{position}_count" if output.reducer == "sum" else None

    def name_of(self, product):
        """Return what a product of this layer is called; rings of one product are several layers."""
        return f"{product.key} within {self.radius_km:g} km" if product.shape == "rings" else product.key

    @property
    def bands_per_period(self):
        """Bands of the stack for a period."""
        return sum(len(product.bands) for product in self.products) * (2 if self.quality else 1)

    def only(self, *products):
        """Return the same layer with some of its products alone."""
        return dataclasses.replace(self, products=products)

    @functools.cached_property
    def parts(self):
        """Layers of one product each."""
        return tuple(self.only(product) for product in self.products)

    @property
    def keys(self):
        """Keys of its products."""
        return [product.key for product in self.products]

    @property
    def key(self):
        """Key of the product of a layer that has one alone."""
        (key,) = self.keys
        return key

    @functools.cached_property
    def value_columns(self):
        """Columns that have no value where no pixel is valid: all but counts and ages."""
        return [own.column for own in self.outputs if own.reducer != "count" and not own.is_time]

    def periods(self, start, end):
        """Return the periods that the days from `start` to `end` need: days, new year's days, `ONCE`.

        Periods in which no product has images are left out.
        """
        days = np.arange(np.datetime64(start, "D"), np.datetime64(end, "D") + 1)
        periods = np.unique(self.period_of(days))
        return periods[[any(has_images(product, period) for product in self.products) for period in periods]]

    def period_of(self, days):
        """Return the period that each day belongs to."""
        if self.cadence == "day":
            return days
        if self.cadence == "year":
            return days.astype("datetime64[Y]").astype("datetime64[D]")
        return np.full(len(days), ONCE)

    def period_end(self, period):
        """Return the first day after a period."""
        if self.cadence == "day":
            return period + 1
        if self.cadence == "year":
            return (period.astype("datetime64[Y]") + 1).astype("datetime64[D]")
        return period

    def complete_from(self, period):
        """Return the first day on which all images of a period are normally there."""
        if period == ONCE:
            return period
        latency = max(product.latency for product in self.products if has_images(product, period))
        return self.period_end(period) + latency


def column_units(product, *, rings_km=(), quality=False):
    """Return the columns of a panel that a product fills in order, and their units, as a dict.

    With `quality`, every band of a satellite has its count of valid pixels [1] and their age [d], and those
    of CAMS the age of the run. Rings bring none: how much of them was seen is a column of its own.
    `rings_km` are outer radii [km].

    >>> from airq.sources.earthengine.catalogue import PRODUCTS
    >>> column_units(PRODUCTS["no2"], quality=True)
    {'no2': 'mol m⁻²', 'no2_count': '1', 'no2_age': 'd'}
    >>> list(column_units(PRODUCTS["fires"], rings_km=(50, 150)))
    ['fire_power_50km', 'fire_power_150km', 'fire_seen_50km', 'fire_seen_150km']
    """
    if product.shape == "rings":
        return {f"{band.name}_{radius:g}km": band.unit for band in product.bands for radius in rings_km}
    layer = Layer((product,), 1.0, quality and product.is_aged)
    return {output.column: output.unit for output in layer.outputs}


@functools.lru_cache(maxsize=100_000)
def has_images(product, period):
    """Return whether a product's range of dates touches a period of its cadence."""
    if product.cadence == "once" or product.composite == "latest":
        return True
    start, end = np.datetime64(product.start, "D"), np.datetime64(product.end or "9999-01-01", "D")
    if product.cadence == "year":
        return (period.astype("datetime64[Y]") + 1).astype("datetime64[D]") > start
    # A day east of Greenwich begins on the day before in UTC, one west of it ends on the day after.
    before = product.window if product.composite == "recent" else 0
    return period + 1 >= start and period - before - 1 <= end


def period_bounds(layer, period, offset_hours):
    """Return start and end of a period in UTC, the end excluded, as numpy.datetime64[s].

    Midnight at 30° east comes two hours before midnight in UTC:

    >>> from airq.sources.earthengine.catalogue import PRODUCTS
    >>> layer = Layer((PRODUCTS["no2"],), 5.0)
    >>> [str(time) for time in period_bounds(layer, np.datetime64("2020-01-02"), 2)]
    ['2020-01-01T22:00:00', '2020-01-02T22:00:00']
    """
    shift = np.timedelta64(int(offset_hours) if layer.has_local_days else 0, "h")
    start, end = period.astype("datetime64[s]"), layer.period_end(period).astype("datetime64[s]")
    return start - shift, end - shift
