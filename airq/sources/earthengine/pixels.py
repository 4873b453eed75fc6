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
import pandas as pd
from numpy.lib.recfunctions import structured_to_unstructured

from airq.grids import Grid
from airq.sources.earthengine import graph
from airq.sources.earthengine.budget import Budget
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import TooLarge, Unavailable
from airq.sources.earthengine.layers import has_images
from airq.sources.earthengine.windows import MOST_BANDS, MOST_BYTES, MOST_SIDE, VALUE_BYTES, disc_sums

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
    """Return bands of an unevaluated image over a grid, shape (n_bands, n_rows, n_columns), float32.

    They are NaN where a pixel has no value. A request brings at most so many bytes of pixels; ``advance(done,
    total)`` is called after every tile. ConnectionError says that the service stays away, Refused that it
    refuses for good.
    """
    values = np.empty((len(bands), grid.height, grid.width), dtype="float32")
    cut = tiles(grid, len(bands), most_bytes=most_bytes)
    settings = {"budget": budget, "stop": threading.Event()}

    def fill(tile):
        values[:, tile[0], tile[1]] = _tile(connection, image, bands, grid.window(*tile), settings)

    # Its threads are daemons: after Ctrl-C nobody waits for the answers under way.
    pool = ThreadPool(min(budget.asked, len(cut)))
    try:
        for done, _ in enumerate(pool.imap_unordered(fill, cut), start=1):
            if advance is not None:
                advance(done, len(cut))
    finally:
        settings["stop"].set()
        pool.terminate()
    return values


def _tile(connection, image, bands, grid, settings):
    """Return the pixels of a tile; one that is too large comes in halves."""
    try:
        return window_pixels(connection, image, bands, grid, **settings)
    except TooLarge:
        if grid.height < 2:
            raise
        halves = slice(0, grid.height // 2), slice(grid.height // 2, grid.height)
        parts = [grid.window(rows, slice(0, grid.width)) for rows in halves]
        return np.concatenate([_tile(connection, image, bands, part, settings) for part in parts], axis=1)


def window_pixels(connection, image, bands, grid, *, crs="EPSG:4326", **settings):
    """Return the pixels of one request, as :func:`compute_pixels` does; too many raise TooLarge.

    Edges and steps of the grid are in the units of the projection `crs`; `settings` are those
    of :func:`airq.sources.earthengine.client.call_with_retries`.
    """
    corner = {"scaleX": grid.step_x, "shearX": 0, "translateX": grid.west}
    corner |= {"shearY": 0, "scaleY": -grid.step_y, "translateY": grid.north}
    size = {"width": grid.width, "height": grid.height}
    params = {"expression": image.select(bands).unmask(NOTHING, False).toFloat()}
    params["grid"] = {"dimensions": size, "affineTransform": corner, "crsCode": crs}

    def read(pixels):
        if pixels.shape != (grid.height, grid.width) or set(bands) - set(pixels.dtype.names or ()):
            raise Unavailable(f"{connection.host} sent other pixels than those asked for")
        # A view of what is in single precision already: a window may hold many megabytes.
        values = np.moveaxis(structured_to_unstructured(pixels[bands], dtype="float32"), -1, 0)
        values[values < NOTHING / 10] = np.nan
        return values

    return call_with_retries(lambda: connection.pixels(params), connection, read=read, **settings)


def fetch_pixels(connection, request, places, **settings):
    """Return the answer of a PixelRequest, as features of :func:`graph.table` have it: properties by city.

    `places` are longitude and latitude [°] of all cities, shape (n_sites, 2); `settings` are those of
    :func:`window_pixels`.
    """
    near = graph.box_filter(places[request.rows], request.layer.reach_km + graph.MARGIN_KM)
    fetch = _cell_means if request.layer.is_cells else _ring_sums
    found = fetch(connection, request, places[request.rows], near, settings)
    rows = np.column_stack(list(found.values())).tolist()
    return [{graph.CITY: row, **dict(zip(found, own, strict=True))} for row, own in enumerate(rows)]


def _cell_means(connection, request, places, near, settings):
    """Return what each property is in the cells around places, a dict of arrays (n_places,)."""
    layer, ((_, window),) = request.layer, request.answers
    image = graph.cell_means(layer, request.periods, window, near, offset_hours=request.offset_hours)
    outputs = {
        layer.property_of(output, position): (output, period)
        for position, period in enumerate(request.periods)
        for output in layer.outputs
        if has_images(output.product, period)
    }
    pixels = window_pixels(connection, image, list(outputs), window, **settings)
    row, column = window.cells(pd.DataFrame(places, columns=["longitude", "latitude"]))
    found = dict(zip(outputs, pixels[:, row, column].astype("float64"), strict=True))
    for name, (output, period) in outputs.items():
        if output.is_time:
            found[name] += graph.end_ms(layer, period, request.offset_hours)
    return found


def _ring_sums(connection, request, places, near, settings):
    """Return what each property is within discs around places, summed from the pixels around all of them."""
    layer, found, seconds = request.layer, {}, 0.0
    for grid, window in request.answers:
        if names := graph.band_names(layer, request.periods, grid):
            image = graph.stack(layer, request.periods, grid, near, offset_hours=request.offset_hours)
            pixels = window_pixels(connection, image, names, window, crs=grid.crs, **settings)
            seconds += connection.here.seconds
            sums = disc_sums(pixels, window, places, layer.radius_km)
            for kind, values in zip(("sum", "count"), sums, strict=True):
                found |= {f"{name}_{kind}": own for name, own in zip(names, values, strict=True)}
    # The pace is that of all answers.
    connection.here.seconds = seconds
    return found


def people_per_km2():
    """Return the density of people in 2020 by GHS-POP, on cells of 100 m, as an unevaluated ee.Image.

    Its band is called `people`. What a coarser grid asks for is the mean over the cells below a pixel. Water,
    which has no data, has no people. [people km⁻²]
    """
    images = ee.ImageCollection(GHS_POP).filterDate(f"{GHS_YEAR}-01-01", f"{GHS_YEAR + 1}-01-01")
    count = ee.Image(images.first()).select([GHS_BAND], ["people"])
    return count.unmask(0).multiply(CELLS_PER_KM2).reduceResolution(ee.Reducer.mean(), maxPixels=1024)
