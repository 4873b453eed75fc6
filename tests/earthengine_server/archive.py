"""The data catalogue: which images exist, and who may not see them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import shapely

from . import answers
from .assets import ASSETS, DAY, HOUR
from .errors import EarthEngineError
from .geometry import SINUSOIDAL, Shape, centre_of_cell
from .values import Band, Collection, Image


@dataclass(frozen=True)
class Archive:
    """The assets, less what is left out.

    Attributes
    ----------
    missing_days : dict of str to collection of str
        Days (ISO 8601) without images, by asset.
    last_days : dict of str to str
        Last day with images, by asset, where it is earlier than in the catalogue.
    missing_runs : dict of str to collection of str
        Days (ISO 8601) whose run of 00 UTC is missing, by asset.
    refusals : callable
        Takes an asset id; returns the error that loading it raises, or None.
    hidden : callable
        Takes an asset id and the facts of an image; returns whether it has not arrived yet.
    stated : callable
        Takes the same; returns properties of the image beside, or instead of, its own.
    """

    missing_days: dict = field(default_factory=dict)
    last_days: dict = field(default_factory=dict)
    missing_runs: dict = field(default_factory=dict)
    refusals: object = staticmethod(lambda asset: None)
    hidden: object = staticmethod(lambda asset, image: False)
    stated: object = staticmethod(lambda asset, image: {})

    def collection(self, asset):
        """The image collection of an id."""
        self._check(asset)
        if asset not in ASSETS:
            raise EarthEngineError(
                f"ImageCollection.load: ImageCollection asset '{asset}' not found "
                "(does not exist or caller does not have access)."
            )
        return AssetCollection(self, asset)

    def image(self, path):
        """The image of an id: collection, slash, index."""
        asset, _, index = path.rpartition("/")
        self._check(asset)
        if path in ASSETS:
            raise EarthEngineError(f"Image.load: Asset '{path}' is not an Image.")
        found = (image for image in self.images(asset, *_period(index)) if image.index == index)
        for image in found if asset in ASSETS else ():
            return self.made(asset, image)
        raise EarthEngineError(
            f"Image.load: Image asset '{path}' not found (does not exist or caller does not have access)."
        )

    def images(self, asset, start, end):
        """Those :func:`answers.images` that this archive holds."""
        missing = {answers.milliseconds(day) for day in self.missing_days.get(asset, ())}
        if asset in self.last_days:
            end = min(end, answers.milliseconds(self.last_days[asset]) + DAY)
        runs = {answers.milliseconds(day) for day in self.missing_runs.get(asset, ())}
        for image in answers.images(asset, start, end):
            run = image.time - HOUR * image.properties.get("model_forecast_hour", 0)
            late = self.hidden(asset, image)
            if image.time // DAY * DAY not in missing and run not in runs and not late:
                yield image

    def made(self, asset, facts):
        """The image of some facts."""
        image = _image(asset, facts)
        return image.with_properties({**image.properties, **self.stated(asset, facts)})

    def _check(self, asset):
        error = self.refusals(asset)
        if error is not None:
            raise error


class AssetCollection(Collection):
    """A collection of the catalogue, which lists its images only for the time that filters leave."""

    def __init__(self, archive, asset, filters=()):
        super().__init__(self._images, {"system:id": asset}, holds="Image")
        self.archive, self.asset, self.filters = archive, asset, filters

    def filtered(self, condition):
        return AssetCollection(self.archive, self.asset, (*self.filters, condition))

    def _images(self):
        start = max((condition.start for condition in self.filters), default=-np.inf)
        end = min((condition.end for condition in self.filters), default=np.inf)
        for facts in self.archive.images(self.asset, start, end):
            image = self.archive.made(self.asset, facts)
            if all(condition.passes(image) for condition in self.filters):
                yield image


def _image(asset, facts):
    properties = {
        "system:id": f"{asset}/{facts.index}",
        "system:index": facts.index,
        "system:version": 1,
        "system:time_start": facts.time,
        "system:time_end": facts.time + facts.duration,
        **facts.properties,
    }
    if facts.footprint is not None:
        properties["system:footprint"] = Shape(shapely.box(*facts.footprint))
    bands = {
        name: Band(functools.partial(_sampled, asset, name, facts)) for name in answers.bands_of(asset, facts)
    }
    return Image(bands, properties, ASSETS[asset].scale)


def _sampled(asset, band, facts, pixels):
    time, cell = facts.field_time, ASSETS[asset].cell
    if cell is not None:
        # Earth Engine takes the cell below the centre of a pixel.
        pixels = answers.Places(*centre_of_cell(pixels.longitude, pixels.latitude, cell, SINUSOIDAL))
    seen = answers.valid_at(asset, band, pixels, time)
    if facts.footprint is not None:
        west, south, east, north = facts.footprint
        seen &= (pixels.longitude >= west) & (pixels.longitude < east)
        seen &= (pixels.latitude >= south) & (pixels.latitude < north)
    if not seen.any():
        return np.zeros(seen.shape), seen
    return answers.field_at(asset, band, pixels, time), seen


def _period(index):
    """When an image of this index can start: around the date that it begins with, if it does."""
    digits = index.lstrip("F").replace("_", "")[:8]
    try:
        day = answers.milliseconds(f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}")
    except ValueError:
        return -np.inf, np.inf
    return day - DAY, day + 8 * DAY
