"""How large a computation is, and how its regions are sampled."""

from __future__ import annotations

from dataclasses import dataclass

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
        Regions that were reduced, and the bands of the widest image.
    """

    max_bands: int = 5000
    max_cells: float = float("inf")
    pixels: str = "all"
    regions: int = 0
    bands: int = 0

    def reduce(self, image, regions):
        """Note that an image is reduced over so many regions.

        Raises
        ------
        EarthEngineError
            If that is more than the limits allow.
        """
        if len(image.bands) > self.max_bands:
            raise EarthEngineError(
                f"Image has too many bands: {len(image.bands)}. The maximum is {self.max_bands}."
            )
        self.regions += regions
        self.bands = max(self.bands, len(image.bands))
        if regions * len(image.bands) > self.max_cells:
            raise EarthEngineError("User memory limit exceeded.")
