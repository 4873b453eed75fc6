"""Look at the images that composites are made of: how many there are, and whether they are still the same."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json

import numpy as np

from airq.sources.earthengine import graph
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import Incomplete, Refused, Silent, TooLarge
from airq.sources.earthengine.layers import period_bounds

#: Most periods that one request looks at: an answer of some 500 kB.
MOST_VIEWS = 300
#: What is asked of images. The service gives every image a new version when it is replaced.
FACTS = (graph.TIME, "system:index", "system:version")


def look_at_images(connection, folder, views, *, budget):
    """Note how many images each of some Views has, and what tells them from others that replace them.

    The folder's arrivals get both: the number, None where the service does not tell it; and ``version HASH``,
    ``index HASH`` where images have no versions, or None where they have no names either.

    Counted are images near the cities of a View, from the first one's midnight to the last one's. A local day
    with images only outside of the hours that all of them share counts as one without, and so does a sum of
    too few. ConnectionError says that the service stays away.
    """
    places = folder.places
    offsets = folder.extraction.offset_hours(places[:, 0])

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
        found += _facts(connection, windows[start : start + MOST_VIEWS], budget)
    for view, facts, own in zip(views, found, shared, strict=True):
        images = None if facts is None else _count(view.part.products[0], facts[0], *own)
        folder.arrivals.note(view, images, folder.now, None if facts is None else _identity(*facts))
    folder.write_manifest()


def _identity(times, indices=(), versions=()):
    """Return what tells images from others that take their places."""
    indices, versions = indices or (), versions or ()
    if not times or len(indices) < len(times):
        return None
    versions = versions if len(versions) == len(times) else ()
    images = sorted(zip(indices, versions, strict=True)) if versions else sorted(indices)
    digest = hashlib.sha256(json.dumps(images).encode()).hexdigest()[:12]
    return f"{'version' if versions else 'index'} {digest}"


def _count(product, times, start, end):
    """Return how many times there are, none if they are too few or all lie outside of the span of a day."""
    times = np.array(times, dtype="float64").astype("datetime64[ms]")
    # Other composites are made of earlier images.
    of_day = product.cadence == "day" and product.composite != "recent"
    enough = len(times) >= product.fewest and (not of_day or ((times >= start) & (times < end)).any())
    return len(times) if enough else 0


def _facts(connection, windows, budget, names=FACTS):
    """Return the facts of images that one request brings; where it is too large or refused, its parts."""

    def read(value):
        # Of a property that it does not know a service may say null, but not of the times.
        told = value if isinstance(value, list) else []
        whole = [own for own in told if isinstance(own, list) and own and isinstance(own[0], list)]
        if not len(told) == len(whole) == len(windows):
            raise Incomplete(f"{connection.host} sent something else than the times of images")
        return value

    expression = graph.image_facts(windows, names)
    try:
        return call_with_retries(lambda: connection.value(expression), connection, budget=budget, read=read)
    except Refused as error:
        # A refusal that names an asset is about the products made of it alone.
        kept = [window for window in windows if window[0].product.asset != error.asset]
        if error.asset is None or len(kept) in (0, len(windows)):
            # It may be about properties that the service does not know.
            alone = len(names) > 1 and error.asset is None
            return _facts(connection, windows, budget, names[:1]) if alone else [None] * len(windows)
        rest = iter(_facts(connection, kept, budget, names))
        return [None if own.product.asset == error.asset else next(rest) for own, _, _ in windows]
    except TooLarge as error:
        if isinstance(error, Silent) or len(windows) == 1:
            return [None] * len(windows)
        middle = len(windows) // 2
        halves = windows[:middle], windows[middle:]
        return [own for half in halves for own in _facts(connection, half, budget, names)]
