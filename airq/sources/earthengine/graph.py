"""Graphs: what Earth Engine must compute, as expressions. Nothing here sends a request.

One request asks for *stacks*, images whose bands are the composites of every product for every period,
reduced over a disc around every city; bands of other pixels have another stack. What follows shapes it:

- a collection of tiles or granules is filtered by the box of the cities before anything is made of it;
- a composite of no images has no bands, and one such day would fail the whole stack: every collection
  gets a fully masked image first, and as the images of a collection must be of one type, all are doubles;
- names are most of an answer: bands are called ``v3_14`` (third band, period 14) and features carry no
  geometry;
- the points are most of a request: they are sent as points, and buffered by the service.
"""

from __future__ import annotations

import functools
import itertools

import ee
import numpy as np

from airq.geo import EARTH_RADIUS_KM, longitude_span
from airq.sources.earthengine.layers import has_images, period_bounds

#: Below every value of a band.
LARGE = 1e30

#: Property that tells the cities of an answer apart.
CITY = "c"

TIME = "system:time_start"
#: What images may lie beside a disc and still be read, as their outlines are rounded. [km]
MARGIN_KM = 5.0


def table(layer, places, periods, *, offset_hours=0, tile_scale=1):
    """Return the values of a layer around cities over periods, as an unevaluated ee.FeatureCollection.

    `places` are longitude and latitude [°], shape (n_cities, 2); `periods` datetime64[D] of the layer's
    cadence, at least one of them with images; a local day begins `offset_hours` before the day in UTC;
    `tile_scale` makes the tiles smaller that the service holds in memory. Each city has a feature without
    geometry: property :data:`CITY` is its row, and a property for each output and period, as
    :meth:`Layer.property_of` names it, is missing where no pixel is valid.
    """
    regions = squares(places, layer.cell) if layer.is_cells else discs(places, layer.radius_km * 1000)
    near = box_filter(places, layer.reach_km + MARGIN_KM)
    for grid in layer.grids:
        if names := band_names(layer, periods, grid):
            regions = stack(layer, periods, grid, near, offset_hours=offset_hours).reduceRegions(
                collection=regions,
                reducer=_reducer(layer, names),
                scale=grid.metres,
                crs=grid.crs,
                tileScale=tile_scale if tile_scale > 1 else None,
            )
    return regions.select(propertySelectors=[".*"], newProperties=None, retainGeometry=False)


def stack(layer, periods, grid, near, *, offset_hours=0):
    """Return one image: the composites of a grid's bands for every period, unevaluated.

    Images are taken that pass the filter `near`. The bands have the names of :func:`band_names`.
    """
    bands = {}
    for product, band, _ in layer.grids[grid]:
        bands.setdefault(product, []).append(band)
    sources = [Source(own, timed=layer.quality, bands=bands[own], near=near) for own in bands]
    filters = functools.cache(lambda start, end: ee.Filter.date(str(start), str(end)))
    composites = [
        source.composite(*period_bounds(layer, period, offset_hours), filters)
        for period in periods
        for source in sources
        if has_images(source.product, period)
    ]
    image = ee.ImageCollection(composites).toBands().rename(band_names(layer, periods, grid))
    if grid.blocks == 1:
        return image
    # A composite has forgotten the cells that it is made of.
    image = image.setDefaultProjection(crs=grid.crs, scale=grid.metres / grid.blocks)
    # The mean, as the weights of inputs are shares of the output, so that a sum would be one, too.
    return image.reduceResolution(ee.Reducer.mean(), bestEffort=False, maxPixels=(grid.blocks + 1) ** 2)


def cell_means(layer, periods, window, near, *, offset_hours=0):
    """Return the values of a layer over the cells of a grid and periods, as one unevaluated ee.Image.

    The arguments are those of :func:`stack`, and `window` is the :class:`airq.grids.Grid` of the cells. Bands
    are called as the properties of :func:`table`. Times count from the end of their period [ms], as single
    precision would round those since 1970 to minutes.
    """
    ends = [end_ms(layer, period, offset_hours) for period in periods]
    images = []
    for grid in layer.grids:
        if not (names := band_names(layer, periods, grid)):
            continue
        image = stack(layer, periods, grid, near, offset_hours=offset_hours)
        if layer.quality:
            after = [ends[int(name.partition("_")[2])] if name.startswith("t") else 0 for name in names]
            image = image.subtract(ee.Image.constant(after))
        across = layer.pixels_across(grid)
        # Pixels that fill the cells, so that none lies in two of them.
        step = window.step_x / across
        transform = [step, 0, window.west, 0, -step, window.north]
        image = image.setDefaultProjection(crs="EPSG:4326", crsTransform=transform)
        for name in layer.reducers:
            own = image.reduceResolution(getattr(ee.Reducer, name)(), False, (across + 1) ** 2)
            own = own.unmask(0, False) if name == "count" else own
            several = len(layer.reducers) > 1
            images.append(own.rename([f"{band}_{name}" for band in names]) if several else own)
    return ee.Image.cat(*images)


def end_ms(layer, period, offset_hours):
    """Return the end of a period, in milliseconds since 1970."""
    return int(period_bounds(layer, period, offset_hours)[1].astype("datetime64[ms]").astype("int64"))


def image_facts(windows, names):
    """Return properties of the images that composites are made of, an unevaluated list.

    `windows` are a Source each, with the start and end of a period in UTC, the end excluded. For each comes a
    list of lists, one for each name of a property, without the images that lack it.
    """
    filters = functools.cache(lambda start, end: ee.Filter.date(str(start), str(end)))
    images = [source.images(start, end, filters) for source, start, end in windows]
    return ee.List([ee.List([own.aggregate_array(name) for name in names]) for own in images])


def band_names(layer, periods, grid):
    """Return the names of the bands of :func:`stack`, in order."""
    numbers = {}
    for product, _, number in layer.grids[grid]:
        numbers.setdefault(product, []).append(number)
    return [
        f"{kind}{number}_{position}"
        for position, period in enumerate(periods)
        for product, own in numbers.items()
        if has_images(product, period)
        for kind in ("vt" if layer.quality else "v")
        for number in own
    ]


def discs(places, radius):
    """Return discs of a radius [m] around places, unevaluated.

    `places` are longitude and latitude [°], shape (n_cities, 2); property :data:`CITY` is the row.
    """
    points = [
        ee.Feature(ee.Geometry.Point([round(float(longitude), 6), round(float(latitude), 6)]), {CITY: row})
        for row, (longitude, latitude) in enumerate(np.asarray(places, dtype="float64"))
    ]
    return ee.FeatureCollection(points).map(lambda point: point.buffer(radius))


def squares(places, width):
    """Return the cells of a width [°] around places, unevaluated; arguments are as in :func:`discs`."""
    cells = []
    for row, (longitude, latitude) in enumerate(np.asarray(places, dtype="float64")):
        south, north = np.clip([latitude - width / 2, latitude + width / 2], -90, 90)
        edges = [longitude - width / 2, south, longitude + width / 2, north]
        edges = [round(float(edge), 9) for edge in edges]
        cells.append(ee.Feature(ee.Geometry.Rectangle(edges, None, False), {CITY: row}))
    return ee.FeatureCollection(cells)


def box_filter(places, reach_km):
    """Return a filter of images that touch the box of places and what lies within a reach, unevaluated.

    A box that crosses the antimeridian becomes two.
    """
    longitudes, latitudes = np.asarray(places, dtype="float64").T
    reach = np.degrees(reach_km / EARTH_RADIUS_KM)
    south, north = max(latitudes.min() - reach, -90.0), min(latitudes.max() + reach, 90.0)
    west, width = longitude_span(longitudes)
    shrink = np.cos(np.radians(np.abs(latitudes).max()))
    if np.sin(np.radians(reach)) < shrink:
        aside = np.degrees(np.arcsin(np.sin(np.radians(reach)) / shrink))
        west, width = west - aside, width + 2 * aside
    else:
        width = 360.0
    if width >= 360:
        spans = [(-180.0, 180.0)]
    else:
        west = (west + 180) % 360 - 180
        east = west + width
        spans = [(west, east)] if east <= 180 else [(west, 180.0), (-180.0, east - 360)]
    boxes = [
        ee.Filter.bounds(
            ee.Geometry.Rectangle([round(float(x), 4) for x in (w, south, e, north)], None, False)
        )
        for w, e in spans
    ]
    return boxes[0] if len(boxes) == 1 else ee.Filter.Or(*boxes)


class Source:
    """A product in the graph, or some of its `bands`: what their composites share is built once.

    If it is `timed`, each band is followed, after the last band, by the times of its pixels. [ms since 1970]
    Images are taken that pass the filter `near`, or wherever they lie.
    """

    def __init__(self, product, *, timed, bands=None, near=None):
        self.product, self.bands, self.timed = product, bands or product.bands, timed
        self._names = [band.band for band in self.bands]
        self._time_names = [f"{name}_time" for name in self._names]
        self._prepare = ee.CustomFunction.create(self._prepared, "Image", ["Image"])
        images = ee.ImageCollection(product.asset)
        images = images if near is None else images.filter(near)
        self._images, self._instead = _taken(images, product.where), _taken(images, product.instead)
        names = self._names + (self._time_names if timed else [])
        masked = ee.Image.constant([0] * len(names)).rename(names).updateMask(0).toDouble()
        self._blank = ee.ImageCollection([masked])

    def composite(self, start, end, between):
        """Return one image for the period from `start` to `end` in UTC, the end excluded.

        ``between(start, end)`` gives a filter of images by time; the client takes long to build one, and
        products can share it.
        """
        product = self.product
        images = self._images_from(start, end, between)
        if product.composite == "first":
            images = images.limit(1)
        prepared = ee.ImageCollection(ee.call("Collection.map", images, self._prepare))
        images = self._blank.merge(prepared)
        if product.composite == "sum":
            # The sum of no image could be taken for a day without rain.
            return images.sum().updateMask(images.count().gte(product.fewest))
        return images.mean() if product.composite == "mean" else images.mosaic()

    def images(self, start, end, between):
        """Return the images that a composite can take, unevaluated; the arguments are its own.

        Before a newest one there may be others.
        """
        if self.product.composite == "latest":
            return self._images.filter(_begun_before(end))
        return self._images_from(start, end, between)

    def _images_from(self, start, end, between):
        """Return the images of a period, in the order of their time where a mosaic depends on it."""
        product, images = self.product, self._images
        if product.cadence == "once":
            return images
        if product.composite == "latest":
            before = images.filter(_begun_before(end)).limit(1, TIME, False)
            return before.merge(images.limit(1, TIME)).limit(1)
        if product.composite == "recent":
            days = np.timedelta64(product.window, "D")
            return images.filter(between(start - days, start)).sort(TIME)
        if product.ends_hour:
            # The image of midnight holds the last hour of the day before.
            start, end = start + np.timedelta64(1, "h"), end + np.timedelta64(1, "h")
        if not product.instead:
            return images.filter(between(start, end))
        # The runs of each day in UTC that the period touches.
        midnights = np.arange(start.astype("datetime64[D]") + 1, (end - 1).astype("datetime64[D]") + 1)
        edges, runs = [start, *midnights.astype("datetime64[s]"), end], []
        for first, last in itertools.pairwise(edges):
            own, other = (part.filter(between(first, last)) for part in (images, self._instead))
            runs.append(ee.ImageCollection(ee.Algorithms.If(own.size(), own, other)))
        return functools.reduce(lambda one, other: one.merge(other), runs)

    def _prepared(self, image):
        """Return the bands of an image, masked, and with `timed` their pixels' times."""
        product = self.product
        image = ee.Image(image)
        bands = image.select(self._names)
        if product.mask is not None:
            quality = image.select([product.mask.band]).bitwiseAnd(product.mask.bits)
            bands = bands.updateMask(quality.eq(product.mask.value))
        lows = [band.low for band in self.bands]
        if any(low is not None for low in lows):
            lowest = [-LARGE if low is None else low for low in lows]
            bands = bands.updateMask(bands.gte(ee.Image.constant(lowest)))
        for band in self.bands:
            if band.classes:
                value, (first, last) = image.select([band.band]), band.classes
                bands = bands.addBands(value.gte(first).And(value.lte(last)), None, True).select(self._names)
        if product.fill is not None:
            bands = bands.unmask(product.fill)
        if not self.timed:
            return bands.toDouble()
        time = image.metadata(TIME)
        if product.lead is not None:
            time = time.subtract(image.metadata(product.lead).multiply(3_600_000))
        # Zeros keep the mask of each band; the time is added to them.
        times = bands.multiply(0).add(time)
        return bands.addBands(times.rename(self._time_names)).toDouble()


def _taken(images, where):
    for name, comparison, value in where:
        images = images.filter(getattr(ee.Filter, comparison)(name, value))
    return images


def _begun_before(end):
    return ee.Filter.lt(TIME, int(end.astype("datetime64[ms]").astype("int64")))


def _reducer(layer, bands):
    reducers = [getattr(ee.Reducer, name)() for name in layer.reducers]
    combined = functools.reduce(lambda one, other: one.combine(other, None, True), reducers)
    if len(bands) > 1:
        return combined
    # With one band alone Earth Engine calls the outputs by the reducers' names.
    several = len(reducers) > 1
    return combined.setOutputs([f"{bands[0]}_{name}" if several else bands[0] for name in layer.reducers])
