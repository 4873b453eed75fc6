"""Computing bands over pixels: shared layers once, and each freed after its last use."""

from __future__ import annotations

from collections import Counter

import numpy as np

from . import answers
from .geometry import DEGREES, from_sinusoidal, to_sinusoidal
from .values import DEGREE


class Pixels(answers.Places):
    """Centres of pixels, at which bands are computed.

    Parameters
    ----------
    longitude, latitude : numpy.ndarray of shape (n,)
        Positions. [°]
    scale : float
        Size of a pixel. [m]
    crs : str
        Projection of their grid.
    """

    def __init__(self, longitude, latitude, scale, crs=DEGREES):
        super().__init__(longitude, latitude)
        self.scale, self.crs = scale, crs

    def divided(self, blocks):
        """The pixels of which this number, along each side, make one of these, as so many Pixels."""
        size = self.scale / blocks
        for down in range(blocks):
            for aside in range(blocks):
                offsets = [(step - (blocks - 1) / 2) * size for step in (aside, down)]
                yield self._moved(*offsets, size)

    def _moved(self, east, north, size):
        if self.crs == DEGREES:
            return Pixels(self.longitude + east / DEGREE, self.latitude + north / DEGREE, size)
        x, y = to_sinusoidal(self.longitude, self.latitude)
        return Pixels(*from_sinusoidal(x + east, y + north), size, self.crs)

    def filled(self, value):
        """One value, everywhere valid."""
        shape = self.longitude.shape
        return np.full(shape, value), np.ones(shape, dtype=bool)


def computed(bands, pixels):
    """Values and validity of bands, one after the other.

    Parameters
    ----------
    bands : list of Band
    pixels : Pixels

    Yields
    ------
    values, valid : numpy.ndarray of shape (n,)
    """
    waiting = _uses(bands)
    kept = {}
    for band in bands:
        yield _computed(band, pixels, kept, waiting)
        _release(band, kept, waiting)


def _computed(wanted, pixels, kept, waiting):
    # Without recursion: a chain of images may be thousands long.
    stack = [wanted]
    while stack:
        band = stack[-1]
        missing = [source for source in band.inputs if source not in kept]
        if band in kept:
            stack.pop()
        elif missing:
            stack.extend(missing)
        else:
            kept[band] = band.compute(pixels, *(kept[source] for source in band.inputs))
            for source in band.inputs:
                _release(source, kept, waiting)
            stack.pop()
    return kept[wanted]


def _release(band, kept, waiting):
    waiting[band] -= 1
    if not waiting[band]:
        del kept[band]


def _uses(bands):
    """How often every band below these is an input or wanted."""
    uses = Counter(bands)
    stack, seen = list(bands), set()
    while stack:
        band = stack.pop()
        if band in seen:
            continue
        seen.add(band)
        uses.update(band.inputs)
        stack.extend(band.inputs)
    return uses
