"""Computing bands over pixels: shared layers once, and each freed after its last use."""

from __future__ import annotations

from collections import Counter

import numpy as np

from . import answers


class Pixels(answers.Places):
    """Centres of pixels, at which bands are computed.

    Parameters
    ----------
    longitude, latitude : numpy.ndarray of shape (n,)
        Positions. [°]
    scale : float
        Size of a pixel. [m]
    """

    def __init__(self, longitude, latitude, scale):
        super().__init__(longitude, latitude)
        self.scale = scale

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
