"""How large a computation is, and how its regions are sampled."""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import EarthEngineError


@dataclass
class Work:
    """What one expression asks for, added up while it is evaluated.

    Attributes
    ----------
    max_bands : int
        Most bands that an image may have.
    max_cells : float
        Most values (regions times bands) that fit in the user's memory.
    pixels : {"all", "centre"}
        Which pixels of a region are looked at: all, or the one under its centre (quick, for
        measurements of speed).
    regions, bands : int
        Regions that were reduced, and the bands that they were reduced over.
    tiles_help : bool
        Whether a `tileScale` lets so many times more fit in memory.
    profiles : dict of str to float
        EECU-seconds by the id of a profile.
    images : int
        Images of collections to which a function was applied.
    looked_at : int
        Pixels of regions times bands.
    tile_scale : float
        The largest that was asked for.
    """

    max_bands: int = 5000
    max_cells: float = float("inf")
    pixels: str = "all"
    regions: int = 0
    bands: int = 0
    tiles_help: bool = False
    profiles: dict = field(default_factory=dict)
    images: int = 0
    looked_at: int = 0
    tile_scale: float = 1.0

    def reduce(self, image, regions):
        """Note that an image is reduced over so many regions.

        Raises
        ------
        EarthEngineError
            If that is more than the limits allow.
        """
        self.regions += regions
        self.bands = max(self.bands, len(image.bands))
        self._check(len(image.bands), regions)

    def reduce_table(self, image, regions, tile_scale):
        """Note that an image is reduced over the regions of a table, which other images may be, too."""
        self.regions = max(self.regions, regions)
        self.bands += len(image.bands)
        self.tile_scale = max(self.tile_scale, tile_scale)
        self._check(len(image.bands), regions)

    def _check(self, bands, regions):
        if bands > self.max_bands:
            raise EarthEngineError(f"Image has too many bands: {bands}. The maximum is {self.max_bands}.")
        if regions * self.bands > self.max_cells * (self.tile_scale if self.tiles_help else 1):
            raise EarthEngineError("User memory limit exceeded.")
