"""Images: bands, masks, arithmetic, metadata."""

from __future__ import annotations

import functools
import re

import numpy as np

from ..coercion import constant
from ..errors import EarthEngineError, not_implemented
from ..geometry import DEGREES, SINUSOIDAL
from ..registry import algorithm
from ..values import DEGREE, Band, Date, Image, Projection
from .arithmetic import each


@algorithm("Image.load")
def image_load(context, id):
    return context.archive.image(id)


@algorithm("Image.constant")
def image_constant(value):
    values = value if isinstance(value, list) else [value]
    if all(isinstance(number, (int, float)) for number in values):
        pairs = [(name, band) for number in values for name, band in constant(number).bands.items()]
        names = ["constant"] if len(pairs) == 1 else [f"constant_{k}" for k in range(len(pairs))]
        return Image.stacked(zip(names, [band for _, band in pairs], strict=True))
    raise EarthEngineError("Image.constant: A constant image is made of numbers.")


@algorithm("Image.select")
def image_select(input, bandSelectors, newNames):
    chosen = [name for selector in bandSelectors for name in _selected(input, selector)]
    if newNames is not None and len(newNames) != len(chosen):
        raise EarthEngineError(
            f"Image.select: The number of new names ({len(newNames)}) must match the number of "
            f"selected bands ({len(chosen)})."
        )
    pairs = zip(newNames or chosen, (input.bands[name] for name in chosen), strict=True)
    return Image.stacked(pairs, input.properties, input.scale)


def _selected(image, selector):
    names = list(image.bands)
    if isinstance(selector, (int, float)):
        if not 0 <= selector < len(names):
            raise EarthEngineError(f"Image.select: Band index {selector:g} is out of bounds.")
        return [names[int(selector)]]
    if selector in image.bands:
        return [selector]
    try:
        matches = [name for name in names if re.fullmatch(selector, name)]
    except re.error:
        matches = []
    if not matches:
        raise EarthEngineError(
            f"Image.select: Band pattern '{selector}' did not match any bands. "
            f"Available bands: [{', '.join(names)}]"
        )
    return matches


@algorithm("Image.rename")
def image_rename(input, names):
    if len(names) != len(input.bands):
        raise EarthEngineError(
            f"Image.rename: The number of names ({len(names)}) must match the number of bands "
            f"({len(input.bands)})."
        )
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise EarthEngineError(f"Image.rename: Duplicate band name '{repeated[0]}'.")
    return input.with_bands(zip(names, input.bands.values(), strict=True))


@algorithm("Image.regexpRename")
def image_regexp_rename(input, regex, replacement, all):
    count = 0 if all else 1
    names = [re.sub(regex, replacement.replace("$", "\\"), name, count=count) for name in input.bands]
    return image_rename(input, names)


@algorithm("Image.slice")
def image_slice(image, start, end):
    return image.with_bands(list(image.bands.items())[start:end])


@algorithm("Image.bandNames")
def image_band_names(image):
    return list(image.bands)


@algorithm("Image.addBands")
def image_add_bands(dstImg, srcImg, names, overwrite):
    added = image_select(srcImg, names, None).bands if names is not None else srcImg.bands
    if overwrite:
        return dstImg.with_bands({**dstImg.bands, **added})
    pairs = [*dstImg.bands.items(), *added.items()]
    return Image.stacked(pairs, dstImg.properties, dstImg.scale)


@algorithm("Image.cat")
def image_cat(images):
    images = [constant(image) if isinstance(image, (int, float)) else image for image in images]
    if not all(isinstance(image, Image) for image in images):
        raise EarthEngineError("Image.cat: Every element must be an image or a number.")
    if not images:
        return Image({})
    pairs = [pair for image in images for pair in image.bands.items()]
    return Image.stacked(pairs, images[0].properties, images[0].scale)


@algorithm("Image.updateMask")
def image_update_mask(image, mask):
    def updated(pixels, raster, mask):
        return raster[0], raster[1] & mask[1] & (mask[0] != 0)

    return _banded(updated, image, mask, "Image.updateMask")


@algorithm("Image.mask")
def image_mask(image, mask):
    """Get the mask of every band, or set it; what was masked becomes 0."""
    if mask is None:
        return each(image, lambda values, valid: (valid.astype(float), np.ones_like(valid)))

    def updated(pixels, raster, mask):
        return np.where(raster[1], raster[0], 0.0), mask[1] & (mask[0] != 0)

    return _banded(updated, image, mask, "Image.mask")


@algorithm("Image.unmask")
def image_unmask(input, value):
    def filled(pixels, raster, value):
        return np.where(raster[1], raster[0], value[0]), raster[1] | value[1]

    return _banded(filled, input, value or constant(0), "Image.unmask")


@algorithm("Image.selfMask")
def image_self_mask(image):
    return each(image, lambda values, valid: (values, valid & (values != 0)))


@algorithm("Image.where")
def image_where(input, test, value):
    def chosen(pixels, raster, test, value):
        use = test[1] & (test[0] != 0) & value[1]
        return np.where(use, value[0], raster[0]), raster[1]

    tests, values = _matched(input, test, "Image.where"), _matched(input, value, "Image.where")
    triples = zip(input.bands.items(), tests, values, strict=True)
    return input.with_bands((name, Band(chosen, (band, t, v))) for (name, band), t, v in triples)


@algorithm("Image.blend")
def image_blend(bottom, top):
    def blended(pixels, below, above):
        return np.where(above[1], above[0], below[0]), below[1] | above[1]

    return _banded(blended, bottom, top, "Image.blend")


@algorithm("Image.clip")
def image_clip(input, geometry):
    shape = getattr(geometry, "geometry", geometry)

    def clipped(pixels, raster):
        return raster[0], raster[1] & shape.contains(pixels.longitude, pixels.latitude)

    return input.with_bands((name, Band(clipped, (band,))) for name, band in input.bands.items())


@algorithm("Image.metadata")
def image_metadata(image, property, name):
    value = image.properties.get(property)
    if isinstance(value, Date):
        value = value.millis
    if not isinstance(value, (int, float)):
        raise EarthEngineError(f"Image.metadata: Metadata property '{property}' is missing or no number.")
    return constant(value, name or property)


@algorithm("Image.pixelLonLat")
def image_pixel_lon_lat():
    ones = functools.partial(np.ones_like, dtype=bool)
    longitude = Band(lambda pixels: (pixels.longitude, ones(pixels.longitude)))
    return Image(
        {"longitude": longitude, "latitude": Band(lambda pixels: (pixels.latitude, ones(pixels.latitude)))}
    )


@algorithm("Image.pixelArea")
def image_pixel_area():
    """Area of every pixel on the sphere. [m²]"""

    def area(pixels):
        height = np.deg2rad(pixels.scale / DEGREE) / 2
        belt = 2 * np.sin(height) * np.cos(np.deg2rad(pixels.latitude))
        return 6_371_008.8**2 * 2 * height * belt, np.ones(pixels.latitude.shape, dtype=bool)

    return Image({"area": Band(area)})


@algorithm("Image.setDefaultProjection", "Image.reproject")
def image_set_default_projection(image, crs, crsTransform, scale):
    """Fixes the pixels at which values are computed if the caller gives none."""
    if crsTransform is not None:
        return _on_degrees(image, crs, crsTransform, scale)
    projection = crs if isinstance(crs, Projection) else Projection(crs)
    if projection.crs not in (DEGREES, SINUSOIDAL):
        raise not_implemented(f"the projection {projection.crs}")
    return Image(image.bands, image.properties, scale or projection.scale, projection.crs)


def _on_degrees(image, crs, transform, scale):
    (width, shear_x, west), (shear_y, height, north) = transform[:3], transform[3:]
    if scale is not None:
        raise EarthEngineError("Image.setDefaultProjection: crsTransform and scale are mutually exclusive.")
    if getattr(crs, "crs", crs) != DEGREES or shear_x or shear_y or width != -height:
        raise not_implemented("a transform other than of squares in EPSG:4326, from north to south")
    return Image(image.bands, image.properties, width * DEGREE, DEGREES, (west, north))


@algorithm("Image.resample")
def image_resample(image, mode):
    """Fields are formulas: they need no interpolation."""
    return image


@algorithm("Image.projection")
def image_projection(image):
    return Projection(image.crs, image.scale)


@algorithm("Image.date")
def image_date(image):
    time = image.properties.get("system:time_start")
    if time is None:
        raise EarthEngineError("Image.date: Image does not have a 'system:time_start' property.")
    return time if isinstance(time, Date) else Date(int(time))


@algorithm("Image.id")
def image_id(element):
    return element.properties.get("system:index")


@algorithm("Image.remap")
def image_remap(image, from_, to, defaultValue, bandName):
    band = image.bands[bandName or next(iter(image.bands))]

    def remapped(pixels, raster):
        values, valid = np.zeros_like(raster[0]), np.zeros_like(raster[1])
        for old, new in zip(from_, to, strict=True):
            hit = raster[0] == old
            values[hit], valid[hit] = new, True
        if defaultValue is not None:
            values[~valid], valid[:] = defaultValue, True
        return values, valid & raster[1]

    return Image({"remapped": Band(remapped, (band,))}, image.properties, image.scale)


@algorithm("Image.clamp")
def image_clamp(input, low, high):
    return each(input, lambda values, valid: (np.clip(values, low, high), valid))


@algorithm("Image.unitScale")
def image_unit_scale(input, low, high):
    return each(input, lambda values, valid: ((values - low) / (high - low), valid))


@algorithm("Image.normalizedDifference")
def image_normalized_difference(input, bandNames):
    names = bandNames or list(input.bands)[:2]
    first, second = image_select(input, names, None).bands.values()

    def difference(pixels, a, b):
        total = a[0] + b[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num((a[0] - b[0]) / total), a[1] & b[1] & (total != 0)

    return Image({"nd": Band(difference, (first, second))}, scale=input.scale)


def _banded(change, image, other, name):
    """The image with every band changed by the band of another that belongs to it."""
    partners = _matched(image, other, name)
    pairs = zip(image.bands.items(), partners, strict=True)
    return image.with_bands((key, Band(change, (band, partner))) for (key, band), partner in pairs)


def _matched(image, other, name):
    """The other image's bands for every band of this one: its only one, the equally named, or in order."""
    bands = list(other.bands.values())
    if len(bands) == 1:
        return bands * len(image.bands)
    if set(other.bands) >= set(image.bands):
        return [other.bands[key] for key in image.bands]
    if len(bands) == len(image.bands):
        return bands
    raise EarthEngineError(
        f"{name}: Image must have 1 band or as many as the input ({len(image.bands)}); it has {len(bands)}."
    )
