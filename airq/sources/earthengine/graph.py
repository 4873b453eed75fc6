"""Graphs: what Earth Engine must compute, as expressions. Nothing here sends a request.

One request asks for a *stack*, an image whose bands are the composites of every product for every
period, reduced over a disc around every city. Three facts of the service shape it:

- a composite of no images has no bands, and one such day would fail the whole stack: every collection
  gets a fully masked image first, and as the images of a collection must be of one type, all are doubles;
- names are most of an answer: bands are called ``v3_14`` (third band, period 14) and features carry no
  geometry;
- the points are most of a request: they are sent as points, and buffered by the service.
"""

from __future__ import annotations

import functools

import ee
import numpy as np

from airq.sources.earthengine.layers import has_images, period_bounds

#: Below every value of a band.
LARGE = 1e30

#: Property that tells the cities of an answer apart.
CITY = "c"


def table(layer, places, periods, *, offset_hours=0):
    """Return the values of a layer around cities over periods, as an unevaluated ee.FeatureCollection.

    `places` are longitude and latitude [°], shape (n_cities, 2); `periods` datetime64[D] of the layer's
    cadence, at least one of them with images; a local day begins `offset_hours` before the day in UTC. Each
    city has a feature without geometry: property :data:`CITY` is its row, and a property for each output and
    period, as :meth:`Layer.property_of` names it, is missing where no pixel is valid.
    """
    reduced = stack(layer, periods, offset_hours=offset_hours).reduceRegions(
        collection=discs(places, layer.radius_km * 1000),
        reducer=_reducer(layer, band_names(layer, periods)),
        scale=layer.resolution,
    )
    return reduced.select(propertySelectors=[".*"], newProperties=None, retainGeometry=False)


def stack(layer, periods, *, offset_hours=0):
    """Return one image: every product's composite for every period, unevaluated.

    Its bands have the names of :func:`band_names`.
    """
    sources = [Source(product, timed=layer.quality) for product in layer.products]
    filters = functools.cache(lambda start, end: ee.Filter.date(str(start), str(end)))
    composites = [
        source.composite(*period_bounds(layer, period, offset_hours), filters)
        for period in periods
        for source in sources
        if has_images(source.product, period)
    ]
    return ee.ImageCollection(composites).toBands().rename(band_names(layer, periods))


def image_times(windows):
    """Return the times of the images that composites are made of, an unevaluated list of lists.

    `windows` are products with the start and end of a period in UTC, the end excluded.
    """
    source = functools.cache(lambda product: Source(product, timed=False))
    filters = functools.cache(lambda start, end: ee.Filter.date(str(start), str(end)))
    return ee.List([source(product).times(start, end, filters) for product, start, end in windows])


def band_names(layer, periods):
    """Return the names of the bands of :func:`stack`, in order."""
    numbers = {}
    for product, _, number in layer.numbered_bands():
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


class Source:
    """A product in the graph: what its composites share is built once.

    If it is `timed`, each band is followed, after the last band, by the times of its pixels. [ms since 1970]
    """

    def __init__(self, product, *, timed):
        self.product, self.timed = product, timed
        self._time_names = [f"{band.band}_time" for band in product.bands]
        self._prepare = ee.CustomFunction.create(self._prepared, "Image", ["Image"])
        self._images = ee.ImageCollection(product.asset)
        for name, comparison, value in product.where:
            self._images = self._images.filter(getattr(ee.Filter, comparison)(name, value))
        names = [band.band for band in product.bands] + (self._time_names if timed else [])
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
            return images.sum().updateMask(images.count())
        return images.mean() if product.composite == "mean" else images.mosaic()

    def times(self, start, end, between):
        """Return the times of the images of a period, unevaluated; arguments are those of `composite`."""
        return self._images_from(start, end, between).aggregate_array("system:time_start")

    def _images_from(self, start, end, between):
        """Return the images of a period, in the order of their time where a mosaic depends on it."""
        product = self.product
        if product.cadence == "once":
            return self._images
        if product.composite == "recent":
            start, end = start - np.timedelta64(product.window, "D"), start
        elif product.composite == "latest":
            start = np.datetime64(0, "s")
            if product.serves_before is not None:
                end = max(end, (np.datetime64(product.serves_before) + 1).astype("datetime64[s]"))
        images = self._images.filter(between(start, end))
        return images.sort("system:time_start") if product.composite in ("recent", "latest") else images

    def _prepared(self, image):
        """Return the product's bands of an image, masked, and with `timed` their pixels' times."""
        product = self.product
        image = ee.Image(image)
        bands = image.select([band.band for band in product.bands])
        if product.mask is not None:
            quality = image.select([product.mask.band]).bitwiseAnd(product.mask.bits)
            bands = bands.updateMask(quality.eq(product.mask.value))
        lows = [band.low for band in product.bands]
        if any(low is not None for low in lows):
            lowest = [-LARGE if low is None else low for low in lows]
            bands = bands.updateMask(bands.gte(ee.Image.constant(lowest)))
        if product.fill is not None:
            bands = bands.unmask(product.fill)
        if not self.timed:
            return bands.toDouble()
        # Zeros keep the mask of each band; the time is added to them.
        times = bands.multiply(0).add(image.metadata("system:time_start"))
        return bands.addBands(times.rename(self._time_names)).toDouble()


def _reducer(layer, bands):
    reducers = [getattr(ee.Reducer, name)() for name in layer.reducers]
    combined = functools.reduce(lambda one, other: one.combine(other, None, True), reducers)
    if len(bands) > 1:
        return combined
    # With one band alone Earth Engine calls the outputs by the reducers' names.
    several = len(reducers) > 1
    return combined.setOutputs([f"{bands[0]}_{name}" if several else bands[0] for name in layer.reducers])
