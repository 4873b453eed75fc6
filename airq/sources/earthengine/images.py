"""Count the images that composites are made of: "not there" and "there, but masked" are two things."""

from __future__ import annotations

import dataclasses
import functools
import threading

import numpy as np

from airq.sources.earthengine import graph
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import Incomplete, Refused, Silent, TooLarge
from airq.sources.earthengine.layers import period_bounds

#: Most periods that one request counts the images of: an answer of some 100 kB.
MOST_VIEWS = 300


def count_images(connection, views, places, offsets, *, budget):
    """Return how many images each of some Views has, a list of int, None where the service does not tell.

    `places` are longitude and latitude [°] of all cities, shape (n_sites, 2), `offsets` the hours by which
    their local days begin before those in UTC. Counted are images near the cities of a View, from the first
    one's midnight to the last one's. A local day with images only outside of the hours that all of them share
    counts as one without, and so does a sum of too few. ConnectionError says that the service stays away.
    """

    @functools.cache
    def source(product, reach_km, cities):
        near = graph.box_filter(places[np.frombuffer(cities, dtype=bool)], reach_km + graph.MARGIN_KM)
        # What stands in for missing images is used, and the images are waited for.
        return graph.Source(dataclasses.replace(product, instead=()), timed=False, near=near)

    windows, shared = [], []
    for view in views:
        hours = offsets[view.cities]
        first, last = (period_bounds(view.part, view.period, own) for own in (hours.max(), hours.min()))
        (product,) = view.part.products
        windows.append((source(product, view.part.reach_km, view.cities.tobytes()), first[0], last[1]))
        shared.append((last[0], first[1]) if last[0] < first[1] else (first[0], last[1]))
    found = []
    for start in range(0, len(windows), MOST_VIEWS):
        found += _times(connection, windows[start : start + MOST_VIEWS], budget)
    return [
        None if times is None else _count(view.part.products[0], times, *own)
        for view, times, own in zip(views, found, shared, strict=True)
    ]


def _count(product, times, start, end):
    """Return how many times there are, none if they are too few or all lie outside of the span of a day."""
    times = np.array(times, dtype="float64").astype("datetime64[ms]")
    # Other composites are made of earlier images.
    of_day = product.cadence == "day" and product.composite != "recent"
    enough = len(times) >= product.fewest and (not of_day or ((times >= start) & (times < end)).any())
    return len(times) if enough else 0


def _times(connection, windows, budget):
    """Return the times of images that one request brings; where it is too large or refused, its parts."""

    def read(value):
        if not isinstance(value, list) or [list] * len(windows) != list(map(type, value)):
            raise Incomplete(f"{connection.host} sent something else than the times of images")
        return value

    expression = graph.image_times(windows)
    settings = {"budget": budget, "patience": budget.patience, "stop": threading.Event()}
    try:
        return call_with_retries(lambda: connection.value(expression), connection, read=read, **settings)
    except Refused as error:
        # A refusal that names an asset is about the products made of it alone.
        kept = [window for window in windows if window[0].product.asset != error.asset]
        if error.asset is None or len(kept) in (0, len(windows)):
            return [None] * len(windows)
        rest = iter(_times(connection, kept, budget))
        return [None if own.product.asset == error.asset else next(rest) for own, _, _ in windows]
    except TooLarge as error:
        if isinstance(error, Silent) or len(windows) == 1:
            return [None] * len(windows)
        middle = len(windows) // 2
        halves = windows[:middle], windows[middle:]
        return [times for half in halves for times in _times(connection, half, budget)]
