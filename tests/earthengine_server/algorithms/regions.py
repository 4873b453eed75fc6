"""Statistics of an image over regions, and its pixels as features."""

from __future__ import annotations

import itertools

import numpy as np

from ..errors import EarthEngineError, not_implemented
from ..geometry import DEGREES, SINUSOIDAL, Disc, pixels_of
from ..graph import Pixels, computed
from ..reducers import run
from ..registry import algorithm
from ..values import DEGREE, Collection, Feature, Projection, collection_of

_MAX_PIXELS = 200_000  # computed together, which bounds the memory
_MAX_PIXELS_OF_REGION = 10_000_000


@algorithm("Image.reduceRegions")
def image_reduce_regions(context, image, collection, reducer, scale, crs, tileScale):
    """Every feature with the reducer's outputs; a property without value is left out.

    One band: properties are called after the outputs (`mean`). Several bands: after the band, or
    band and output (`band_mean`) if there are several outputs.
    """
    features = collection.elements
    context.work.reduce_table(image, len(features), tileScale)
    _check_inputs("Image.reduceRegions", image, reducer)
    rows = _statistics(image, features, reducer, _pixel(image, scale, crs), context, lone_band="output")
    reduced = [
        feature.with_properties({**feature.properties, **found})
        for feature, found in zip(features, rows, strict=True)
    ]
    return Collection(lambda: iter(reduced), collection.properties)


@algorithm("Image.reduceRegion")
def image_reduce_region(context, image, reducer, geometry, scale, crs):
    """Outputs by name (band, or band and output), null where there is no valid pixel."""
    if geometry is None:
        raise EarthEngineError("Image.reduceRegion: Cannot reduce an unbounded image without geometry.")
    context.work.reduce(image, 1)
    _check_inputs("Image.reduceRegion", image, reducer)
    chosen = _pixel(image, scale, crs)
    (found,) = _statistics(image, [Feature(geometry)], reducer, chosen, context, lone_band="band")
    names = itertools.chain.from_iterable(_names(image, reducer, lone_band="band"))
    return {name: found.get(name) for name in names}


@algorithm("Image.sampleRegions")
def image_sample_regions(context, image, collection, properties, scale, projection, geometries):
    """A feature for every pixel of the regions in which all bands are valid."""
    features = collection.elements
    context.work.reduce(image, len(features))
    sampled = []
    for feature in features:
        kept = properties if properties is not None else feature.properties
        facts = {key: value for key, value in feature.properties.items() if key in kept}
        facts.pop("system:index", None)
        for pixel in _samples(image, feature.geometry, _pixel(image, scale, projection), context):
            sampled.append(Feature(pixel.geometry if geometries else None, {**facts, **pixel.properties}))
    return collection_of(sampled)


@algorithm("Image.sample")
def image_sample(context, image, region, scale, projection, dropNulls, geometries):
    """A feature for every pixel of the region in which all bands are valid."""
    if region is None or not dropNulls:
        raise not_implemented("Image.sample without a region, or with nulls")
    context.work.reduce(image, 1)
    pixels = list(_samples(image, region, _pixel(image, scale, projection), context))
    return collection_of(
        [Feature(pixel.geometry if geometries else None, pixel.properties) for pixel in pixels]
    )


def _pixel(image, scale, crs):
    """Size and projection of the pixels to reduce over."""
    if isinstance(crs, str):
        crs = Projection(crs)
    chosen = crs.crs if crs is not None else image.crs
    if chosen not in (DEGREES, SINUSOIDAL):
        raise not_implemented(f"the projection {chosen}")
    return scale or (crs.scale if crs is not None else image.scale) or DEGREE, chosen


def _check_inputs(name, image, reducer):
    if not image.bands:
        raise EarthEngineError(f"{name}: Image has no bands.")
    if reducer.inputs not in (1, len(image.bands)):
        raise EarthEngineError(
            f"{name}: Reducer has {reducer.inputs} inputs, but the image has {len(image.bands)} bands."
        )


def _names(image, reducer, lone_band):
    if reducer.inputs > 1:
        return [[output.name for output in reducer.outputs]]
    return reducer.names(list(image.bands), lone_band=lone_band)


def _statistics(image, features, reducer, pixel, context, lone_band):
    """Properties that the reducer gives to every feature."""
    found = []
    for pixels, positions in _chunks(features, pixel, context.work.pixels):
        context.work.looked_at += int((positions >= 0).sum()) * len(image.bands)
        rows = [{} for _ in range(positions.shape[1])]
        columns = _columns(image, reducer, pixels, positions)
        for names, results in zip(_names(image, reducer, lone_band), columns, strict=True):
            for name, (values, known) in zip(names, results, strict=True):
                _add(rows, name, values, known, reducer.listed)
        found += rows
    return found


def _columns(image, reducer, pixels, positions):
    """Results of the reducer: for every band, or once if it takes all bands together."""
    inside = positions >= 0
    rasters = computed(list(image.bands.values()), pixels)
    blocks = ((values[positions], valid[positions] & inside) for values, valid in rasters)
    if reducer.inputs > 1:
        yield run(reducer, list(blocks))
    else:
        for block in blocks:
            yield run(reducer, [block])


def _add(rows, name, values, known, listed):
    for row, value, exists in zip(rows, values.tolist(), known.tolist(), strict=True):
        if listed:
            row.setdefault(name, []).append(value if exists else None)
        elif exists:
            row[name] = value


def _chunks(features, pixel, which):
    """Pixels of successive features, with the position of every feature's pixels.

    Positions have shape (most pixels of a feature, features), -1 where a feature has fewer.
    """
    chunk, largest = [], 0
    for feature in features:
        places = _places(feature.geometry, pixel, which)
        grown = max(largest, len(places[0]))
        if chunk and grown * (len(chunk) + 1) > _MAX_PIXELS:
            yield _chunk(chunk, pixel)
            chunk, grown = [], len(places[0])
        chunk.append(places)
        largest = grown
    if chunk:
        yield _chunk(chunk, pixel)


def _places(geometry, pixel, which):
    scale, crs = pixel
    if geometry is None:
        return np.empty(0), np.empty(0)
    if isinstance(geometry, Disc) and (geometry.radius / scale) ** 2 * np.pi > _MAX_PIXELS_OF_REGION:
        raise EarthEngineError(
            f"Too many pixels in the region: more than {_MAX_PIXELS_OF_REGION}. Use a larger scale."
        )
    return pixels_of(geometry, scale, which, crs)


def _chunk(places, pixel):
    sizes = np.array([len(longitude) for longitude, _ in places])
    positions = np.full((max(sizes.max(), 1), len(sizes)), -1)
    first = np.cumsum(sizes) - sizes
    for column, (start, size) in enumerate(zip(first, sizes, strict=True)):
        positions[:size, column] = np.arange(start, start + size)
    longitude = np.concatenate([longitude for longitude, _ in places])
    latitude = np.concatenate([latitude for _, latitude in places])
    if not len(longitude):
        longitude, latitude = np.zeros(1), np.zeros(1)  # only features without geometry
    return Pixels(longitude, latitude, *pixel), positions


def _samples(image, region, pixel, context):
    longitude, latitude = _places(region, pixel, context.work.pixels)
    pixels = Pixels(longitude, latitude, *pixel)
    rasters = list(computed(list(image.bands.values()), pixels))
    every = np.all([valid for _, valid in rasters], axis=0)
    for position in np.flatnonzero(every):
        values = {
            name: float(raster[position]) for name, (raster, _) in zip(image.bands, rasters, strict=True)
        }
        yield Feature(Disc(float(longitude[position]), float(latitude[position])), values)
