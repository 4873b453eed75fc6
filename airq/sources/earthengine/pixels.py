"""Ask Earth Engine for the pixels of a grid, tile by tile, instead of means over discs.

A request of `projects.image.computePixels` [1]_ may bring 48 MB of uncompressed pixels, 32,768 on a side, in
1,024 bands. Pixels without a value come back as zeros, so each gets a value that no band has.

References
----------
.. [1] https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels
"""

from __future__ import annotations

import threading
from multiprocessing.pool import ThreadPool

import ee
import numpy as np

from airq.grids import Grid
from airq.sources.earthengine.budget import Budget
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import Refused, TooLarge, Unavailable

MOST_BYTES, MOST_SIDE, MOST_BANDS = 48_000_000, 32_768, 1_024
#: Bytes of a value: single precision.
VALUE_BYTES = 4
#: Stands for no value. [unit of the band]
NOTHING = -1e30
#: Residential population, people per cell of 100 m, by M. Schiavina et al., European Commission, Joint
#: Research Centre, 2023, doi:10.2905/2FF68A52-5B5B-4A22-8F40-C41DA8332CFE.
GHS_POP, GHS_BAND, GHS_YEAR = "JRC/GHSL/P2023A/GHS_POP", "population_count", 2020
#: Cells of 100 m in a square kilometre.
CELLS_PER_KM2 = 100.0
#: Of a request for people: under each of its pixels of 30 arc seconds lie some 86 cells.
PEOPLE_BYTES = 2_000_000


def tiles(grid: Grid, n_bands: int, *, most_bytes: int = MOST_BYTES) -> list[tuple[slice, slice]]:
    """Cut a grid into tiles, rows and columns each, that one request may bring.

    >>> tiles(Grid(0.0, 1.0, 0.1, 0.1, 10, 8), 2, most_bytes=400)
    [(slice(0, 5, None), slice(0, 10, None)), (slice(5, 8, None), slice(0, 10, None))]
    """
    most = most_bytes // (VALUE_BYTES * n_bands)
    if n_bands > MOST_BANDS or not most:
        raise ValueError(f"A request may bring {MOST_BANDS:,} bands, not {n_bands:,}.")
    width = min(grid.width, MOST_SIDE, most)
    height = min(grid.height, MOST_SIDE, most // width)
    return [
        (slice(top, min(top + height, grid.height)), slice(left, min(left + width, grid.width)))
        for top in range(0, grid.height, height)
        for left in range(0, grid.width, width)
    ]


def compute_pixels(
    connection, image, bands, grid: Grid, *, budget: Budget, most_bytes=MOST_BYTES, advance=None
):
    """Return the bands of an image over the cells of a grid, NaN where a pixel has no value.

    Parameters
    ----------
    connection : airq.sources.earthengine.client.Connection
    image : ee.Image
        Unevaluated.
    bands : list of str
        Names of its bands.
    grid : airq.grids.Grid
    budget : airq.sources.earthengine.budget.Budget
        How many requests may be under way at once, and how long to repeat them.
    most_bytes : int
        Of a request's pixels.
    advance : callable, optional
        Called as ``advance(done, total)`` after every tile.

    Returns
    -------
    numpy.ndarray of shape (n_bands, n_rows, n_columns)
        In single precision.

    Raises
    ------
    ConnectionError
        If the service stays away.
    Refused
        If it refuses the request for good; see :mod:`airq.sources.earthengine.errors`.
    """
    values = np.empty((len(bands), grid.height, grid.width), dtype="float32")
    image = image.select(bands).unmask(NOTHING).toFloat()
    cut = tiles(grid, len(bands), most_bytes=most_bytes)
    stop = threading.Event()

    def fill(tile):
        values[:, tile[0], tile[1]] = _tile(connection, image, bands, grid, tile, budget, stop)

    # Its threads are daemons: after Ctrl-C nobody waits for the answers under way.
    pool = ThreadPool(min(budget.asked, len(cut)))
    try:
        for done, _ in enumerate(pool.imap_unordered(fill, cut), start=1):
            if advance is not None:
                advance(done, len(cut))
    finally:
        stop.set()
        pool.terminate()
    values[values < NOTHING / 10] = np.nan
    return values


def _tile(connection, image, bands, grid, tile, budget, stop):
    """Return the pixels of a tile (n_bands, n_rows, n_columns); one that is too large comes in halves."""
    rows, columns = tile
    asked = _TileRequest(connection, bands, grid, tile)
    try:
        return call_with_retries(asked, image, rows=0, budget=budget, patience=budget.patience, stop=stop)
    except TooLarge:
        if rows.stop - rows.start < 2:
            raise
        middle = (rows.start + rows.stop) // 2
        parts = [(slice(rows.start, middle), columns), (slice(middle, rows.stop), columns)]
        return np.concatenate(
            [_tile(connection, image, bands, grid, part, budget, stop) for part in parts], axis=1
        )


class _TileRequest:
    """A connection that computes the pixels of one tile, for :func:`call_with_retries`."""

    def __init__(self, connection, bands, grid, tile):
        self.connection, self.bands, self.shape = (
            connection,
            bands,
            tuple(part.stop - part.start for part in tile),
        )
        west, north = grid.west + tile[1].start * grid.step_x, grid.north - tile[0].start * grid.step_y
        self.grid = {
            "dimensions": {"width": self.shape[1], "height": self.shape[0]},
            "affineTransform": {
                **{"scaleX": grid.step_x, "shearX": 0, "translateX": west},
                **{"shearY": 0, "scaleY": -grid.step_y, "translateY": north},
            },
            "crsCode": "EPSG:4326",
        }

    @property
    def host(self):
        return self.connection.host

    @property
    def restricted(self):
        return self.connection.restricted

    def compute(self, image, *, rows):
        """Return the pixels (n_bands, n_rows, n_columns), in one attempt."""
        params = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": self.grid}
        with self.connection.translated():
            try:
                pixels = ee.data.computePixels(params)
            except Refused:
                raise
            except (ValueError, EOFError) as error:
                raise Unavailable(f"{self.host} sent something else than pixels") from error
        if pixels.shape != self.shape or set(self.bands) - set(pixels.dtype.names or ()):
            raise Unavailable(f"{self.host} sent other pixels than those asked for")
        return np.stack([pixels[band] for band in self.bands])


def people_per_km2():
    """Return the density of people in 2020 by GHS-POP, on cells of 100 m, as an unevaluated ee.Image.

    Its band is called `people`. What a coarser grid asks for is the mean over the cells below a pixel. Water,
    which has no data, has no people. [people km⁻²]
    """
    images = ee.ImageCollection(GHS_POP).filterDate(f"{GHS_YEAR}-01-01", f"{GHS_YEAR + 1}-01-01")
    count = ee.Image(images.first()).select([GHS_BAND], ["people"])
    return count.unmask(0).multiply(CELLS_PER_KM2).reduceResolution(ee.Reducer.mean(), maxPixels=1024)
