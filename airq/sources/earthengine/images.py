"""Count the images that composites are made of: "not there" and "there, but masked" are two things."""

from __future__ import annotations

import threading

import numpy as np

from airq.sources.earthengine import graph
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import Incomplete, Refused, Silent, TooLarge
from airq.sources.earthengine.layers import period_bounds
from airq.sources.earthengine.sampler import CountedConnection

#: Most periods that one request counts the images of: an answer of some 100 kB.
MOST_VIEWS = 300


def count_images(connection, views, offsets, *, budget, progress):
    """Return how many images each of some Views has, a list of int, None where the service does not tell.

    `offsets` are the hours by which local days of the cities begin before those in UTC. Counted is from the
    first city's midnight to the last one's; a local day with images only outside of the hours that all cities
    share counts as one without. ConnectionError says that the service stays away.
    """
    windows, shared = [], []
    for view in views:
        first, last = (period_bounds(view.part, view.period, hours) for hours in (max(offsets), min(offsets)))
        windows.append((view.part.products[0], first[0], last[1]))
        shared.append((last[0], first[1]) if last[0] < first[1] else (first[0], last[1]))
    found = []
    for start in range(0, len(windows), MOST_VIEWS):
        found += _times(connection, windows[start : start + MOST_VIEWS], budget, progress)
    return [None if times is None else _count(times, *own) for times, own in zip(found, shared, strict=True)]


def _count(times, start, end):
    """Return how many times there are, none if none of them lies between the start and the end."""
    times = np.array(times, dtype="float64").astype("datetime64[ms]")
    return len(times) if ((times >= start) & (times < end)).any() else 0


def _times(connection, windows, budget, progress):
    """Return the times of images that one request brings; where it is too large or refused, its parts."""
    counted, answers = CountedConnection(connection), []
    counted.expressions = 1

    def read(value):
        if not isinstance(value, list) or [list] * len(windows) != list(map(type, value)):
            raise Incomplete(f"{connection.host} sent something else than the times of images")
        answers.append(value)

    settings = {"budget": budget, "patience": budget.patience, "stop": threading.Event()}
    try:
        call_with_retries(counted, graph.image_times(windows), rows=None, check=read, **settings)
        return answers[-1]
    except Refused as error:
        # A refusal that names an asset is about the products made of it alone.
        kept = [window for window in windows if window[0].asset != error.asset]
        if error.asset is None or len(kept) in (0, len(windows)):
            return [None] * len(windows)
        rest = iter(_times(connection, kept, budget, progress))
        return [None if product.asset == error.asset else next(rest) for product, _, _ in windows]
    except TooLarge as error:
        if isinstance(error, Silent) or len(windows) == 1:
            return [None] * len(windows)
        middle = len(windows) // 2
        halves = windows[:middle], windows[middle:]
        return [times for half in halves for times in _times(connection, half, budget, progress)]
    finally:
        progress.retries += counted.retries
