"""Composites: one image of many, by a statistic at every pixel."""

from __future__ import annotations

import numpy as np

from ..errors import EarthEngineError, not_implemented
from ..graph import computed
from ..reducers import simple
from ..registry import algorithm
from ..values import Band, Image, index_of


@algorithm("ImageCollection.toBands")
def image_collection_to_bands(context, collection):
    """Bands of all images, each called after its image's index and its own name."""
    pairs = [
        (f"{index_of(image)}_{name}", band) for image in collection for name, band in image.bands.items()
    ]
    if len(pairs) > context.work.max_bands:
        raise EarthEngineError(
            f"ImageCollection.toBands: The maximum number of bands is {context.work.max_bands}, "
            f"but this collection has {len(pairs)}."
        )
    return Image.stacked(pairs)


@algorithm("ImageCollection.mosaic")
def image_collection_mosaic(context, collection):
    """The last image on top; below its masked pixels the one before."""
    return _composite(context.name, collection, simple("last"), lambda band, output: band)


@algorithm("ImageCollection.qualityMosaic")
def image_collection_quality_mosaic(context, collection, qualityBand):
    """At every pixel the image with the highest quality."""
    images = _homogeneous(context.name, collection)
    if not images:
        return Image({})
    if qualityBand not in images[0].bands:
        raise EarthEngineError(f"ImageCollection.qualityMosaic: No band '{qualityBand}'.")
    qualities = tuple(image.bands[qualityBand] for image in images)

    def best(pixels, *rasters):
        quality = np.stack([np.where(valid, values, -np.inf) for values, valid in rasters[: len(images)]])
        position = quality.argmax(axis=0)[None]
        values, valid = _stacked(rasters[len(images) :])
        return np.take_along_axis(values, position, 0)[0], np.take_along_axis(valid, position, 0)[0]

    layers = {name: tuple(image.bands[name] for image in images) for name in images[0].bands}
    return Image({name: Band(best, qualities + layer) for name, layer in layers.items()})


@algorithm("ImageCollection.reduce")
def image_collection_reduce(context, collection, reducer):
    """Bands are called after the input band and the reducer's output."""
    if reducer.inputs > 1:
        return _composite_of_several(context.name, collection, reducer)
    return _composite(context.name, collection, reducer, lambda band, output: f"{band}_{output}")


_NAMED = ("and", "count", "max", "mean", "median", "min", "mode", "or", "product", "sum")


@algorithm(*(f"reduce.{name}" for name in _NAMED))
def reduce_collection(context, collection):
    """Bands keep their names."""
    reducer = simple(context.name.removeprefix("reduce."))
    return _composite(context.name, collection, reducer, lambda band, output: band)


@algorithm("Image.reduce")
def image_reduce(image, reducer):
    """One reducer over all bands of an image, pixel by pixel."""
    bands = tuple(image.bands.values())
    if reducer.inputs == 1:
        outputs = [Band(_one_output(output.statistic), bands) for output in reducer.outputs]
    elif reducer.inputs == len(bands):
        outputs = [Band(_one_output(output.statistic), (bands[output.slot],)) for output in reducer.outputs]
    else:
        raise EarthEngineError(
            f"Image.reduce: Reducer has {reducer.inputs} inputs, but the image has {len(bands)} bands."
        )
    return Image.stacked(zip((output.name for output in reducer.outputs), outputs, strict=True))


@algorithm("Image.reduceResolution")
def image_reduce_resolution(image, reducer, maxPixels):
    """The pixels of the default projection that lie in each one that is asked for, reduced.

    Bands keep their names. Grids that do not fit into each other are refused.
    """
    (output,) = reducer.outputs

    def reduced(band):
        def compute(pixels):
            blocks = round(pixels.scale / image.scale)
            if pixels.crs != image.crs or not blocks:
                raise not_implemented("reduceResolution to pixels that the image's own do not fill")
            if blocks**2 > maxPixels:
                raise EarthEngineError(
                    f"Image.reduceResolution: {blocks**2} input pixels per output pixel (> {maxPixels})."
                )
            if image.origin is not None and not pixels.begin_at(image.origin):
                raise not_implemented("reduceResolution to pixels whose edges cut the image's own")
            parts = [next(iter(computed([band], part))) for part in pixels.divided(blocks)]
            values, valid = (
                np.concatenate([own.reshape(-1, len(pixels.longitude)) for own in kind])
                for kind in zip(*parts, strict=True)
            )
            return output.statistic(values, valid)

        return Band(compute)

    return image.with_bands((name, reduced(band)) for name, band in image.bands.items())


def _composite(name, collection, reducer, rename):
    """Image of a reducer over the images of a collection; without images it has no bands."""
    images = _homogeneous(name, collection)
    pairs = [
        (rename(band, output.name), Band(_one_output(output.statistic), tuple(i.bands[band] for i in images)))
        for band in (images[0].bands if images else ())
        for output in reducer.outputs
    ]
    return Image.stacked(pairs)


def _composite_of_several(name, collection, reducer):
    images = _homogeneous(name, collection)
    if images and len(images[0].bands) != reducer.inputs:
        raise EarthEngineError(
            f"{name}: Reducer has {reducer.inputs} inputs, but the images have {len(images[0].bands)} bands."
        )
    names = list(images[0].bands) if images else []
    pairs = [
        (output.name, Band(_one_output(output.statistic), tuple(i.bands[names[output.slot]] for i in images)))
        for output in (reducer.outputs if images else ())
    ]
    return Image.stacked(pairs)


def _one_output(statistic):
    def compute(pixels, *rasters):
        # What is masked everywhere changes no statistic, and most orbits see none of the cities.
        seen = [raster for raster in rasters if raster[1].any()]
        return statistic(*_stacked(seen or rasters[:1]))

    return compute


def _stacked(rasters):
    return np.stack([values for values, _ in rasters]), np.stack([valid for _, valid in rasters])


def _homogeneous(name, collection):
    """The images as a list; all must have the same bands."""
    images = list(collection)
    for image in images:
        if not isinstance(image, Image):
            raise EarthEngineError(f"{name}: A collection of images is required.")
        if set(image.bands) != set(images[0].bands):
            raise EarthEngineError(
                f"{name}: Expected a homogeneous image collection, but an image with incompatible bands "
                f"was encountered. First image type: {_type(images[0])}. Current image type: "
                f"{_type(image)}. Some bands might require explicit casts."
            )
    return images


def _type(image):
    return f"{len(image.bands)} bands ([{', '.join(image.bands)}])"
