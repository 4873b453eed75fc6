"""What a product of Earth Engine is: an asset, the columns that it fills, how a day is made of its images.

The products themselves are listed in :mod:`airq.sources.earthengine.catalogue`.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

#: Pixels over which discs of satellites are reduced: the hundredth of a degree of Sentinel-5P's grids. [m]
DISC_METRES = 1113.2
#: Of longitude at the equator, by Earth Engine's scales. [m]
DEGREE_METRES = 111_319.49079327358
#: Pixels over which discs of models are reduced: 0.025°. The edges of their cells, 0.25° or 0.4° wide, are
#: edges of such pixels, too, so that each pixel holds the value of one cell. [m]
MODEL_METRES = 0.025 * DEGREE_METRES
#: Sinusoidal projection of the land products of MODIS and VIIRS, by its name in Earth Engine. Its cells
#: have one area wherever they lie.
SINUSOIDAL = "SR-ORG:6974"
#: Side of a cell of a nominal kilometre: 1,200 of them are a tile, 36 tiles the equator of a sphere of
#: 6,371,007.181 m. [m]
SINUSOIDAL_METRES = 926.625433055833


@dataclass(frozen=True)
class Band:
    """A band of an asset and the column that it fills: column = scale * value + offset."""

    name: str  # column of the panel
    band: str  # name in the asset
    unit: str  # of the column
    scale: float = 1.0  # from the asset's unit to the column's
    offset: float = 0.0
    low: float | None = None  # pixels below it are masked [the asset's unit]
    #: First and last class of those that count: over rings, the share of their cells.
    classes: tuple[int, int] | None = None


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

    Raise ValueError if a word is not one of its choices, a day is not ISO, or two bands share a name.
    """

    #: Short name, and the name that its makers gave it.
    key: str
    title: str
    #: Earth Engine's id.
    asset: str
    #: At least one.
    bands: tuple[Band, ...]
    #: First day, ISO.
    start: str
    #: Who made it and the terms of use; facts that no document confirms are called unconfirmed.
    citation: str
    #: Satellites miss days: their columns bring a count and an age on request.
    kind: Literal["satellite", "model", "static"]
    #: Size of the pixels over which areas are reduced; for rings, that of the asset's own cells. [m]
    resolution: float
    #: Days after which a day's images are normally all there. [d]
    latency: int
    #: Last day, ISO; None while the asset goes on. What never changes serves days after its end, too.
    end: str | None = None
    #: ``mean``, ``sum``: over the images of the day. ``first``: the day's first image. ``latest``: the
    #: newest image that begins before the period's end, or else the earliest of all. ``recent``: the most
    #: recent valid pixel of the `window` days before the day, never of the day itself.
    composite: Literal["mean", "sum", "latest", "recent", "first"] = "mean"
    #: Days that ``recent`` looks back. [d]
    window: int = 5
    #: How often the asset changes; with ``once`` images are taken whatever their day.
    cadence: Literal["day", "year", "once"] = "day"
    #: Which images to take: (property, comparison, value).
    where: tuple[tuple[str, str, float], ...] = ()
    #: Which images to take on a day in UTC without images of `where`.
    instead: tuple[tuple[str, str, float], ...] = ()
    #: Property that tells how many hours an image's time lies after the run that made it; an age counts
    #: from the run.
    lead: str | None = None
    #: Whether an image holds the hour that ends at its time.
    ends_hour: bool = False
    #: Fewest images that make a sum: of fewer it would be too small, and not be asked for again.
    fewest: int = 1
    #: Which pixels to take.
    mask: Mask | None = None
    #: What is taken over the area; with several, the columns' names end in the reducer's.
    reducers: tuple[str, ...] = ("mean",)
    #: The area. Columns of rings end in their outer radius.
    shape: Literal["disc", "rings"] = "disc"
    #: Projection of the pixels, by its name in Earth Engine; degrees by default.
    crs: str | None = None
    #: Value of masked pixels on days that have images.
    fill: float | None = None
    #: Whether an image sums up a day in UTC: a local day, too, takes that of its date.
    whole_days: bool = False
    #: What is taken for a fact and no document confirms, a sentence each.
    unconfirmed: tuple[str, ...] = ()

    def __post_init__(self):
        for word, values, choices in (
            ("kind", [self.kind], ("satellite", "model", "static")),
            ("composite", [self.composite], ("mean", "sum", "latest", "recent", "first")),
            ("cadence", [self.cadence], ("day", "year", "once")),
            ("shape", [self.shape], ("disc", "rings")),
            ("reducers", self.reducers, ("mean", "min", "max", "sum")),
            (
                "where",
                [comparison for _, comparison, _ in (*self.where, *self.instead)],
                ("eq", "lt", "lte", "gt", "gte"),
            ),
        ):
            for value in values:
                if value not in choices:
                    raise ValueError(
                        f"Product {self.key!r}: {word} is {value!r}; it must be one of {', '.join(choices)}."
                    )
        names = [band.name for band in self.bands]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"Product {self.key!r} needs bands, each with a column of its own.")
        if datetime.date.fromisoformat(self.start) > datetime.date.fromisoformat(self.end or "9999-12-31"):
            raise ValueError(f"Product {self.key!r} ends on {self.end}, before it starts on {self.start}.")

    @property
    def is_counted(self):
        """Whether its columns bring a count of valid pixels on request."""
        return self.kind == "satellite" and self.shape == "disc"

    @property
    def is_aged(self):
        """Whether its columns bring an age on request."""
        return self.is_counted or bool(self.instead)
