"""Fetching: one block becomes one request, and its answer numbers in the panel's units."""

from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np

from airq.sources.earthengine import graph
from airq.sources.earthengine.blocks import Block
from airq.sources.earthengine.budget import Budget
from airq.sources.earthengine.errors import AGAIN, Incomplete, Refused, Silent, TooLarge, Unavailable
from airq.sources.earthengine.layers import DAY_MS, has_images, period_bounds
from airq.sources.earthengine.transport import Patience, call_with_retries


def fetch(engine, block, places, *, budget, patience, stop):
    """The values of a block.

    A single city and period that is still too large is asked for product by product.

    Parameters
    ----------
    engine : Attempts
        The connection.
    block : Block
        What to ask for.
    places : numpy.ndarray of shape (n_sites, 2)
        Longitude and latitude of all cities. [°]
    budget, patience, stop
        As :func:`airq.sources.earthengine.transport.call_with_retries` takes them.

    Returns
    -------
    numpy.ndarray of shape (n_cities, n_periods, n_columns)
        In the panel's units, NaN where there is no value.
    """
    layer, settings = block.layer, {"budget": budget, "patience": patience, "stop": stop}
    try:
        return _fetch_once(engine, block, places, **settings)
    except TooLarge as error:
        if len(block.rows) * len(block.periods) > 1:
            raise
        if isinstance(error, Silent):
            raise Unavailable(
                f"Earth Engine hangs: {error}, not even for one city and one {layer.cadence}. {AGAIN}"
            ) from error
        if len(layer.products) == 1:
            product = layer.products[0]
            raise Refused(
                f"{product.title} ({product.asset}) is too large even for one city and one {layer.cadence} "
                f"within {layer.radius_km:g} km: {error} Choose a smaller radius."
            ) from error
    parts = [dataclasses.replace(block, layer=layer.only(product)) for product in layer.products]
    return np.concatenate([fetch(engine, part, places, **settings) for part in parts], axis=-1)


def _fetch_once(engine, block, places, **settings):
    expression = graph.table(block.layer, places[block.rows], block.periods, offset_hours=block.offset_hours)
    engine.expressions += 1
    values = []

    def read(features):
        values.append(read_answer(features, block, host=engine.host))

    call_with_retries(engine, expression, rows=len(block.rows), check=read, **settings)
    return values[-1]


def probe(engine, block, places):
    """The values of a block in one attempt, whatever the outcome."""
    once = {"budget": Budget(1), "patience": Patience(attempts=3, base=0.2), "stop": threading.Event()}
    return fetch(Attempts(engine), block, places, **once)


def refused_products(engine, block, places):
    """Products of a block that the service refuses for one city and one period."""
    refused = []
    for product in block.layer.products:
        periods = [period for period in block.periods if has_images(product, period)][:1]
        one = Block(block.layer.only(product), block.rows[:1], np.array(periods), block.offset_hours)
        if periods:
            try:
                probe(engine, one, places)
            except Refused:
                refused.append(product)
            except (ConnectionError, TooLarge):
                continue
    return refused


class Attempts:
    """A connection that counts expressions and attempts, and how long the last attempt took. [s]"""

    def __init__(self, engine):
        self._engine, self.host = engine, engine.host
        self.expressions, self.count, self.seconds = 0, 0, 0.0

    @property
    def retries(self):
        """Attempts beyond the first of each expression."""
        return self.count - self.expressions

    @property
    def restricted(self):
        """Whether the last answer asked for less parallelism."""
        return self._engine.restricted

    def compute(self, collection, *, rows):
        """One attempt."""
        self.count += 1
        start = time.monotonic()
        try:
            return self._engine.compute(collection, rows=rows)
        finally:
            self.seconds = time.monotonic() - start


def read_answer(features, block, *, host="Earth Engine"):
    """The numbers of an answer, in the panel's units.

    Parameters
    ----------
    features : list of dict
        Properties of the features, in any order.
    block : Block
        What was asked for.

    Returns
    -------
    numpy.ndarray of shape (n_cities, n_periods, n_columns)
        NaN where the answer has no property.

    Raises
    ------
    Incomplete
        If a city is missing, unknown or there twice.
    Unavailable
        If a property is not a number.
    """
    rows = [feature.get(graph.CITY) for feature in features]
    if sorted(row for row in rows if isinstance(row, (int, float))) != list(range(len(block.rows))):
        raise Incomplete(f"{host} answered for {len(features)} of {len(block.rows)} cities")
    layer = block.layer
    names = [
        layer.property_of(output, position)
        for position in range(len(block.periods))
        for output in layer.outputs
    ]
    values = np.full((len(block.rows), len(names)), np.nan)
    try:
        for row, feature in zip(rows, features, strict=True):
            values[int(row)] = [feature.get(name, np.nan) for name in names]
    except (TypeError, ValueError):
        raise Unavailable(f"{host} sent a property that is not a number") from None
    return _in_units(values.reshape(len(block.rows), len(block.periods), -1), block)


def _in_units(values, block):
    ends = [period_bounds(block.layer, period, block.offset_hours)[1] for period in block.periods]
    ends = np.array(ends, dtype="datetime64[ms]").astype("int64")
    for number, output in enumerate(block.layer.outputs):
        own = values[:, :, number]
        values[:, :, number] = (ends - own) / DAY_MS if output.is_time else output.scale * own + output.offset
    return values
