"""Fetching: one block becomes one request, and its answer numbers in the panel's units.

Sampler: ask for many blocks at once, keep every answer, go on after anything.

A block is asked for by a worker thread; the main thread alone cuts blocks and writes chunks, so that
Ctrl-C, a full disk and a refusal all end in one place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np

from airq.sources.earthengine import graph
from airq.sources.earthengine.budget import Budget
from airq.sources.earthengine.client import Patience, call_with_retries
from airq.sources.earthengine.errors import AGAIN, Incomplete, Refused, Silent, TooLarge, Unavailable
from airq.sources.earthengine.folder import write_chunk
from airq.sources.earthengine.layers import DAY_MS, has_images, period_bounds
from airq.sources.earthengine.planning import Block, Work


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
        As :func:`airq.sources.earthengine.client.call_with_retries` takes them.

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


#: How long requests under way are waited for when the run is stopped. [s]
GRACE_SECONDS = 10.0
#: How often the main thread looks up. [s]
TICK_SECONDS = 0.2


@dataclass(frozen=True)
class Target:
    """Where chunks go, and whose they are.

    Attributes
    ----------
    folder : Path
        Folder of the chunks.
    fingerprint : str
        Of the extraction.
    sites : numpy.ndarray of str
        Names of the cities.
    places : numpy.ndarray of shape (n_sites, 2)
        Their longitude and latitude. [°]
    """

    folder: object
    fingerprint: str
    sites: np.ndarray
    places: np.ndarray


@dataclass
class Progress:
    """How far a run is.

    Attributes
    ----------
    total, done : int
        Cells.
    chunks : int
        Chunks written.
    retries : int
        Requests that were sent again.
    splits : int
        Requests that were too large.
    under_way : int
        Requests under way.
    fetched : int
        Values that came.
    """

    total: int = 0
    done: int = 0
    fetched: int = 0
    chunks: int = 0
    retries: int = 0
    splits: int = 0
    under_way: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a block: its values, or the error that ended it."""

    block: Block
    values: np.ndarray | None = None
    error: Exception | None = None
    seconds: float = 0.0
    retries: int = 0


def sample(engine, blocks, target, *, budget, patience, progress, tell=None):
    """Ask for blocks and write their chunks.

    Parameters
    ----------
    engine : EarthEngine
        The connection.
    blocks : list of Block
        What is missing.
    target : Target
        Where the chunks go.
    budget : Budget
        How many requests at once.
    patience : Patience
        How long to repeat what fails.
    progress : Progress
        Kept up to date, so that it tells the truth after an error, too.
    tell : callable, optional
        Called with it after everything that happens.

    Raises
    ------
    Refused
        If the service refuses for good; the message names the product.
    ConnectionError
        If the service stays away.
    OSError
        If a chunk cannot be written.
    KeyboardInterrupt
        On Ctrl-C; answers that come within :data:`GRACE_SECONDS` are kept. In all cases the chunks
        that were written stay.
    """
    run = _Run(engine, target, budget, patience, progress, tell or (lambda progress: None))
    run.work.add(blocks)
    progress.total = run.work.cells
    with _interrupts_noted(run.interrupted):
        try:
            run.until_done()
        except KeyboardInterrupt:
            run.until_quiet(GRACE_SECONDS)
            raise
        finally:
            run.end()


@contextlib.contextmanager
def _interrupts_noted(event):
    """Let the first Ctrl-C set an event, lest an answer be lost between two instructions."""

    def note(*_):
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Run:
    def __init__(self, engine, target, budget, patience, progress, tell):
        self.engine, self.target, self.budget = engine, target, budget
        self.patience, self.progress, self.tell = patience, progress, tell
        self.work = Work(budget.asked)
        self.stop, self.interrupted = threading.Event(), threading.Event()
        self.tasks, self.outcomes = queue.SimpleQueue(), queue.SimpleQueue()
        self.threads = 0

    def until_done(self):
        while True:
            while self.progress.under_way < self.budget.limit and (block := self.work.take()) is not None:
                self._begin(block)
            if not self.progress.under_way:
                return
            with contextlib.suppress(queue.Empty):
                self._settle(self.outcomes.get(timeout=TICK_SECONDS))
            self.tell(self.progress)
            if self.interrupted.is_set():
                raise KeyboardInterrupt

    def until_quiet(self, seconds):
        """Keep the answers that still come; nothing new is asked."""
        self.stop.set()
        end = time.monotonic() + seconds
        while self.progress.under_way and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                outcome = self.outcomes.get(timeout=TICK_SECONDS)
                self.progress.under_way -= 1
                if outcome.error is None:
                    self._keep(outcome)
            self.tell(self.progress)

    def end(self):
        """Send the workers home: each when its request is over."""
        self.stop.set()
        for _ in range(self.threads):
            self.tasks.put(None)

    def _begin(self, block):
        self.progress.under_way += 1
        if self.threads < self.progress.under_way:
            self.threads += 1
            # Daemons, since a request that hangs for minutes must not keep the program from ending.
            threading.Thread(target=self._ask, daemon=True).start()
        self.tasks.put(block)

    def _ask(self):
        for block in iter(self.tasks.get, None):
            self.outcomes.put(self._outcome(block))

    def _outcome(self, block):
        engine, values, error = Attempts(self.engine), None, None
        try:
            values = fetch(
                engine,
                block,
                self.target.places,
                budget=self.budget,
                patience=self.patience,
                stop=self.stop,
            )
        except BaseException as caught:
            # The main thread raises it again: a worker that dies in silence would hang the run.
            error = caught
        return Outcome(block, values, error, engine.seconds, engine.retries)

    def _settle(self, outcome):
        self.progress.under_way -= 1
        self.progress.retries += outcome.retries
        pace = self.work.pace(outcome.block)
        if isinstance(outcome.error, Silent) and self.budget.silent:
            raise Unavailable(f"Earth Engine hangs: {outcome.error}, again and again. {AGAIN}")
        if isinstance(outcome.error, TooLarge):
            self.progress.splits += 1
            pace.was_too_large(outcome.block.cells, outcome.seconds)
            self.work.add([outcome.block])
        elif outcome.error is not None:
            raise self._named(outcome)
        else:
            pace.came_back(outcome.block.cells, outcome.seconds)
            self._keep(outcome)

    def _named(self, outcome):
        """The error that ends the run; a refusal tells the product that it is about."""
        error = outcome.error
        if not isinstance(error, Refused):
            return error
        names = ", ".join(
            product.key if product.asset in str(error) else f"{product.key} ({product.asset})"
            for product in self._guilty(error, outcome.block)
        )
        return Refused(f"{names}: {error}", asset=error.asset) if names else error

    def _guilty(self, error, block):
        """Products that a refusal is about; none if it is about all, that is, about something else."""
        products = block.layer.products
        if len(products) == 1:
            return products
        if named := [product for product in products if product.asset == error.asset]:
            return named
        refused = refused_products(self.engine, block, self.target.places)
        return refused if len(refused) < len(products) else []

    def _keep(self, outcome):
        block = outcome.block
        write_chunk(
            self.target.folder,
            fingerprint=self.target.fingerprint,
            layer=block.layer.name,
            columns=block.layer.columns,
            sites=self.target.sites[block.rows].tolist(),
            places=self.target.places[block.rows],
            periods=block.periods,
            values=outcome.values,
            fetched=np.datetime64("now"),
        )
        self.progress.chunks += 1
        self.progress.done += block.cells
        self.progress.fetched += int(np.isfinite(outcome.values).sum())
