"""Computing bands over pixels: shared layers once, and each freed after its last use."""

from __future__ import annotations

from collections import Counter

import numpy as np

from . import answers
from .geometry import DEGREES, from_sinusoidal, to_sinusoidal
from .values import DEGREE

_AT_ONCE = 400_000  # pixels computed together, which bounds the memory


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
        self.scale, self.crs, self._divided = scale, crs, {}

    def begin_at(self, origin):
        """Whether a place, longitude and latitude [°], is a corner of the grid of these pixels."""
        corner = np.stack([self.longitude - origin[0], self.latitude - origin[1]]) * DEGREE / self.scale - 0.5
        return bool((np.abs(corner - corner.round()) < 1e-6).all())

    def divided(self, blocks):
        """The pixels of which this number, along each side, make one of these.

        They are a list of Pixels that hold one or several of each, one after another; all bands share them.
        """
        if blocks not in self._divided:
            size, steps = self.scale / blocks, np.arange(blocks) - (blocks - 1) / 2
            offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 1, 2) * size
            groups = np.array_split(offsets, np.ceil(len(offsets) * len(self.longitude) / _AT_ONCE))
            self._divided[blocks] = [self._moved(*np.moveaxis(own, 2, 0), size) for own in groups if len(own)]
        return self._divided[blocks]

    def _moved(self, east, north, size):
        if self.crs == DEGREES:
            longitude, latitude = self.longitude + east / DEGREE, self.latitude + north / DEGREE
            return Pixels(longitude.ravel(), latitude.ravel(), size)
        x, y = to_sinusoidal(self.longitude, self.latitude)
        places = from_sinusoidal((x + east).ravel(), (y + north).ravel())
        return Pixels(*places, size, self.crs)

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
