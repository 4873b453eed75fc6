"""What a product of Earth Engine is: an asset, the columns that it fills, how a day is made of its images.

The products themselves stand in :mod:`airq.sources.earthengine.catalogue`. Nothing
here talks to Earth Engine.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

KINDS = ("satellite", "model", "static")
COMPOSITES = ("mean", "sum", "latest", "recent", "first")
CADENCES = ("day", "year", "once")
COMPARISONS = ("eq", "lt", "lte", "gt", "gte")
REDUCERS = ("mean", "min", "max", "sum")
SHAPES = ("disc", "rings")

#: Pixels over which discs are reduced: the hundredth of a degree of Sentinel-5P's grids. Products of one
#: resolution can share a request, so models take it, too, though their cells are far larger: at their
#: own resolution a pixel of the disc could take a neighbouring cell's value, and a disc hold none. [m]
DISC_METRES = 1113.2


@dataclass(frozen=True)
class Band:
    """A band of an asset and the column that it fills: column = scale * value + offset.

    Attributes
    ----------
    name : str
        Column of the panel.
    band : str
        Name in the asset.
    unit : str
        Unit of the column.
    scale, offset : float
        From the asset's unit to the column's.
    low : float, optional
        Pixels below it are masked. [the asset's unit]
    """

    name: str
    band: str
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    low: float | None = None


@dataclass(frozen=True)
class Mask:
    """Pixels to keep: those where ``(band & bits) == value``."""

    band: str
    bits: int
    value: int

    def __post_init__(self):
        if self.bits <= 0 or self.value & ~self.bits:
            raise ValueError(f"Mask of {self.band!r}: {self.value} asks for bits beyond {self.bits:#b}.")


@dataclass(frozen=True)
class Product:
    """An asset, the columns that it fills, and how a day's value is made of its images.

    Attributes
    ----------
    key, title : str
        Short name, and the name that its makers gave it.
    asset : str
        Earth Engine's id.
    bands : tuple of Band
        At least one.
    start, end : str
        First and last day, ISO; `end` is None while the asset goes on. What stands still serves days
        after its end, too.
    citation : str
        Who made it and the terms of use; facts that no document confirms are called unconfirmed.
    kind : {"satellite", "model", "static"}
        Satellites miss days: their columns bring a count and an age on request.
    resolution : float
        Size of the pixels over which areas are reduced; for sums, that of the asset's own cells. [m]
    latency : int
        Days after which a day's images are normally all there. [d]
    composite : {"mean", "sum", "latest", "recent", "first"}
        ``mean``, ``sum``: over the images of the day. ``first``: the day's first image. ``latest``:
        the most recent image up to the day's end. ``recent``: the most recent valid pixel of the
        `window` days before the day, never of the day itself.
    window : int
        Days that ``recent`` looks back. [d]
    cadence : {"day", "year", "once"}
        How often the asset changes; with ``once`` images are taken whatever their day.
    where : tuple of (property, comparison, value)
        Which images to take.
    mask : Mask, optional
        Which pixels to take.
    reducers : tuple of str
        What is taken over the area; with several, the columns' names end in the reducer's.
    shape : {"disc", "rings"}
        The area. Columns of rings end in their outer radius.
    serves_before : str, optional
        With ``latest``: images up to this day serve earlier periods, too.
    fill : float, optional
        Value of masked pixels on days that have images.
    whole_days : bool
        Whether an image sums up a day in UTC: a local day, too, takes that of its date.

    Raises
    ------
    ValueError
        If a word is not of those above, a day is not ISO, or two bands share a name.
    """

    key: str
    title: str
    asset: str
    bands: tuple[Band, ...]
    start: str
    end: str | None
    citation: str
    kind: Literal["satellite", "model", "static"]
    resolution: float
    latency: int
    composite: Literal["mean", "sum", "latest", "recent", "first"] = "mean"
    window: int = 5
    cadence: Literal["day", "year", "once"] = "day"
    where: tuple[tuple[str, str, float], ...] = ()
    mask: Mask | None = None
    reducers: tuple[str, ...] = ("mean",)
    shape: Literal["disc", "rings"] = "disc"
    serves_before: str | None = None
    fill: float | None = None
    whole_days: bool = False

    def __post_init__(self):
        for word, choices in (
            ("kind", KINDS),
            ("composite", COMPOSITES),
            ("cadence", CADENCES),
            ("shape", SHAPES),
        ):
            self._check(word, getattr(self, word), choices)
        for reducer in self.reducers:
            self._check("reducers", reducer, REDUCERS)
        for _, comparison, _ in self.where:
            self._check("where", comparison, COMPARISONS)
        names = [band.name for band in self.bands]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"Product {self.key!r}: its bands must fill columns, each another one.")
        if datetime.date.fromisoformat(self.start) > datetime.date.fromisoformat(self.end or "9999-12-31"):
            raise ValueError(f"Product {self.key!r} ends on {self.end}, before it starts on {self.start}.")

    def _check(self, word, value, choices):
        if value not in choices:
            raise ValueError(
                f"Product {self.key!r}: {word} is {value!r}; it must be of {', '.join(choices)}."
            )
