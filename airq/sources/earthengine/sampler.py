"""Sampler: ask for many blocks at once, keep every answer, go on after anything.

A block is asked for by a worker thread; the main thread alone cuts blocks and writes chunks, so that
Ctrl-C, a full disk and a refusal all end in one place.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
import time
from dataclasses import dataclass

import numpy as np

from airq.sources.earthengine.blocks import Block, Work
from airq.sources.earthengine.chunks import write_chunk
from airq.sources.earthengine.errors import AGAIN, Refused, Silent, TooLarge, Unavailable
from airq.sources.earthengine.fetching import Attempts, fetch, refused_products

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
