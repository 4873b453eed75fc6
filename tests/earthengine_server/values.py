"""What expressions evaluate to: images, features, collections, dates, filters.

Numbers, strings, lists, dictionaries and null are Python's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

DEGREE = 111_319.49079327358  # Earth Engine's length of a degree, on a sphere of 6378137 m [m]


@dataclass(frozen=True, eq=False)
class Band:
    """A layer that is computed once its pixels are known.

    Attributes
    ----------
    compute : callable
        Takes the pixels and a (values, valid) pair of arrays of each input; returns such a pair.
    inputs : tuple of Band
    """

    compute: Callable
    inputs: tuple[Band, ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """Bands by name, in order, with properties.

    `scale` is the size of a pixel of its default projection, in `crs`; a composite has 1 degree. [m] `origin`
    is a corner of these pixels, where it matters. [°]
    """

    bands: dict[str, Band]
    properties: dict = field(default_factory=dict)
    scale: float = DEGREE
    crs: str = "EPSG:4326"
    origin: tuple[float, float] | None = None

    @classmethod
    def stacked(cls, pairs, properties=None, scale=DEGREE):
        """An image of (name, band) pairs; a repeated name gets _1, _2, …"""
        bands = {}
        for name, band in pairs:
            bands[_free_name(name, bands)] = band
        return cls(bands, properties or {}, scale)

    def with_bands(self, bands):
        return replace(self, bands=dict(bands))

    def with_properties(self, properties):
        return replace(self, properties=properties)


def _free_name(name, taken):
    if name not in taken:
        return name
    return next(f"{name}_{number}" for number in itertools.count(1) if f"{name}_{number}" not in taken)


@dataclass(frozen=True, eq=False)
class Feature:
    """A geometry (or None) with properties."""

    geometry: object
    properties: dict = field(default_factory=dict)

    def with_properties(self, properties):
        return replace(self, properties=properties)


class Collection:
    """Elements in order, made when first needed.

    Parameters
    ----------
    source : callable
        Returns a new iterator over the elements.
    properties : dict
        Properties of the collection itself.
    holds : {"Image", "Feature"}
        What it holds, which matters once it is empty.
    """

    def __init__(self, source, properties=None, holds="Feature"):
        self._source = source
        self._elements = None
        self.properties = properties or {}
        self.holds = holds

    def __iter__(self):
        return iter(self._elements) if self._elements is not None else self._source()

    @property
    def elements(self):
        """All elements as a list, made once."""
        if self._elements is None:
            self._elements = list(self._source())
        return self._elements

    def with_properties(self, properties):
        return Collection(self.__iter__, properties, self.holds)

    def filtered(self, condition):
        """Those elements that pass."""
        return Collection(lambda: filter(condition.passes, self), self.properties, self.holds)


def collection_of(elements, holds="Feature"):
    """A collection of listed elements, which get the indices 0, 1, …"""
    elements = [with_index(element, str(number)) for number, element in enumerate(elements)]
    return Collection(lambda: iter(elements), holds=holds)


def with_index(element, index):
    """The element under another `system:index`."""
    if not hasattr(element, "with_properties"):
        return element
    return element.with_properties({**element.properties, "system:index": index})


def index_of(element):
    return element.properties.get("system:index")


@dataclass(frozen=True)
class Filter:
    """A condition on elements.

    `start` and `end` bound the `system:time_start` of what can pass, so that a collection need not
    list its images of other times. [ms]
    """

    passes: Callable
    start: float = -np.inf
    end: float = np.inf


@dataclass(frozen=True)
class Date:
    """A moment. [ms since 1970-01-01 UTC]"""

    millis: int

    @classmethod
    def parse(cls, text):
        """A date from ISO 8601; without a zone it is UTC."""
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return cls(round(moment.timestamp() * 1000))

    @property
    def moment(self):
        return datetime.fromtimestamp(self.millis / 1000, UTC)


@dataclass(frozen=True)
class DateRange:
    """From start to end, end not included. [ms since 1970-01-01 UTC]"""

    start: float
    end: float


@dataclass(frozen=True)
class Projection:
    """A coordinate system with the size of its pixels. [m]"""

    crs: str = "EPSG:4326"
    scale: float = DEGREE
