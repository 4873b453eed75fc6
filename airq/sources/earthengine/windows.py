"""Windows of pixels that one request for a grid's cells brings, and sums within rings from their pixels.

The fires around all cells of a country are the pixels of one window, a margin around it included. They come
on the product's own cells, in the sinusoidal projection, and are summed here: along a row, which is a
parallel, a disc covers one interval, whose sum is the difference of two running sums.
"""

from __future__ import annotations

import numpy as np

from airq.geo import EARTH_RADIUS_KM
from airq.grids import Grid

#: Limits of a request: bytes of uncompressed pixels, pixels of a side, and bands.
MOST_BYTES, MOST_SIDE, MOST_BANDS = 48_000_000, 32_768, 1_024
#: Bytes of a value: single precision.
VALUE_BYTES = 4
#: Of the sphere of the sinusoidal projection of MODIS and VIIRS. [m]
SINUSOIDAL_RADIUS = 6_371_007.181


def cell_window(places, width) -> Grid:
    """Return the grid of cells of a width [°] whose middles are `places`, longitude and latitude [°].

    >>> cell_window(np.array([[32.45, 0.25], [32.65, 0.15]]), 0.1)
    Grid(west=32.4, north=0.3, step_x=0.1, step_y=0.1, width=3, height=2)
    """
    (west, south), (east, north) = places.min(axis=0), places.max(axis=0)
    size = (round((east - west) / width) + 1, round((north - south) / width) + 1)
    edges = (round(float(west) - width / 2, 9), round(float(north) + width / 2, 9))
    return Grid(*edges, width, width, *size)


def in_one_map(places, radius_km) -> bool:
    """Return whether discs around places stay off the antimeridian and the poles, where the map ends."""
    longitude, latitude, aside, reach = _extents(places, radius_km)
    return bool((np.abs(latitude) + reach < 90).all() and (np.abs(longitude) + aside < 180).all())


def sinusoidal_window(places, radius_km, metres) -> Grid:
    """Return the pixels of a size [m] around discs about places, in the sinusoidal projection.

    Its edges and steps are in metres, and its pixels are those that begin at the projection's origin.
    """
    longitude, latitude, aside, reach = _extents(places, radius_km)
    y = np.radians([(latitude - reach).min(), (latitude + reach).max()])
    shrink = np.cos(np.radians([np.abs(latitude) + reach, np.maximum(np.abs(latitude) - reach, 0)]))
    x = np.radians([((longitude - aside) * shrink).min(), ((longitude + aside) * shrink).max()])
    edges = SINUSOIDAL_RADIUS / metres * np.array([x, y])
    (left, bottom), (right, top) = np.floor(edges[:, 0]).astype(int), np.ceil(edges[:, 1]).astype(int)
    size = (int(right - left), int(top - bottom))
    return Grid(float(left * metres), float(top * metres), metres, metres, *size)


def _extents(places, radius_km):
    """Return longitudes, latitudes, and how far discs reach to the side of each and to the north [°]."""
    longitude, latitude = np.asarray(places, dtype="float64").T
    reach = radius_km / EARTH_RADIUS_KM
    wide = np.sin(reach) / np.maximum(np.cos(np.radians(latitude)), 1e-12)
    return longitude, latitude, np.degrees(np.arcsin(np.minimum(wide, 1))), np.degrees(reach)


def disc_sums(pixels, window, places, radius_km):
    """Return sum and number of the pixels of a sinusoidal window whose middles lie within discs.

    `pixels` have shape (n_bands, n_rows, n_columns), NaN where there is no value; `places` are longitude and
    latitude [°] of the middles of the discs, shape (n_places, 2). Results have shape (n_bands, n_places).
    """
    first, last = _intervals(window, places, radius_km)
    sums, counts = np.zeros((2, len(pixels), len(places)))
    for number, band in enumerate(pixels):
        valid = ~np.isnan(band)
        for result, values in ((sums, np.where(valid, band, 0)), (counts, valid)):
            running = np.zeros((window.height, window.width + 1))
            np.cumsum(values, axis=1, dtype="float64", out=running[:, 1:])
            flat = running.ravel()
            result[number] = (flat[last] - flat[first]).sum(axis=1)
    return sums, counts


def _intervals(window, places, radius_km):
    """Return, for each disc and row, where its interval begins and ends in rows of running sums, flat.

    Both have shape (n_places, n_rows of a disc).
    """
    east, north = np.radians(np.asarray(places, dtype="float64").T)[..., None]
    reach, step = radius_km / EARTH_RADIUS_KM, window.step_y / SINUSOIDAL_RADIUS
    top = window.north / SINUSOIDAL_RADIUS
    row = np.floor((top - north - reach) / step).astype(int) + np.arange(int(2 * reach / step) + 2)
    latitude = top - step * (row + 0.5)
    # The spherical law of cosines, for half of the interval [rad]; above 1 the disc does not reach the row.
    cosine = np.cos(reach) - np.sin(latitude) * np.sin(north)
    cosine /= np.cos(latitude) * np.cos(north)
    half = np.arccos(np.clip(cosine, -1, 1))
    metres = SINUSOIDAL_RADIUS * np.cos(latitude)
    begin, end = (((east + side * half) * metres - window.west) / window.step_x for side in (-1, 1))
    first, last = np.ceil(begin - 0.5), np.floor(end - 0.5) + 1
    first, last = (np.clip(own, 0, window.width).astype("int32") for own in (first, last))
    empty = (cosine > 1) | (row < 0) | (row >= window.height)
    last = np.where(empty, first, np.maximum(first, last))
    start = (np.clip(row, 0, window.height - 1) * (window.width + 1)).astype("int32")
    return start + first, start + last
