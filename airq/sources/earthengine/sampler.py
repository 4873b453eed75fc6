"""Send many requests at once, keep every answer, and go on after anything.

One request becomes one expression, and its answer numbers in the panel's units. Worker threads ask; the
main thread alone cuts requests and writes chunks, so that Ctrl-C, a full disk and a refusal all end in one
place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

import numpy as np

from airq.sources.earthengine import graph, pixels
from airq.sources.earthengine.budget import Budget, Patience
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import (
    Incomplete,
    OutOfMemory,
    Refused,
    Silent,
    TooLarge,
    Unavailable,
)
from airq.sources.earthengine.layers import DAY_MS, has_images
from airq.sources.earthengine.planning import TILE_SCALES, PixelRequest, RequestQueue, sample_requests
from airq.sources.online.errors import AGAIN

#: How long requests under way are waited for when the run is stopped. [s]
GRACE_SECONDS = 10.0
#: How often the main thread looks up. [s]
TICK_SECONDS = 0.2


@dataclass
class Progress:
    """How far a run is; it is kept up to date, and so is right after an error, too."""

    #: Cells to ask for, and written. [cities times bands]
    total: int = 0
    done: int = 0
    #: Values that came, and chunks written.
    fetched: int = 0
    chunks: int = 0
    #: Requests sent so far, and waiting for their answer.
    requests: int = 0
    under_way: int = 0
    #: Requests sent again; those that ran out of memory and were sent with smaller tiles; and those that
    #: were too large and divided.
    retries: int = 0
    smaller_tiles: int = 0
    splits: int = 0
    #: Of tasks, `under_way` being those that Earth Engine has not ended: those that this run started, those
    #: of them that were started again, and blocks in all.
    started: int = 0
    restarted: int = 0
    blocks: int = 0


def sample(connection, missing, folder, *, budget, progress, report_progress=None):
    """Send the requests that are `missing` and write their answers as chunks of a folder.

    `report_progress` is called with `progress` after everything that happens. Refused names the product that
    the service refuses for good; an OSError means that the service stays away (ConnectionError) or a chunk
    cannot be written. On Ctrl-C, answers that come within :data:`GRACE_SECONDS` are kept. In all cases the
    chunks that were written stay.
    """
    run = _Run(connection, folder, budget, progress, report_progress)
    run.queue.add(sample_requests(missing, run.places))
    progress.total = run.queue.cells
    with _first_interrupt_noted(run.interrupted):
        try:
            run.until_done()
        except KeyboardInterrupt:
            run.until_quiet(GRACE_SECONDS)
            raise
        finally:
            run.stop.set()
            run.workers.close()


@contextlib.contextmanager
def _first_interrupt_noted(event):
    """Let the first Ctrl-C set an event, lest an answer be lost between two instructions."""

    def note(*_):
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Run:
    def __init__(self, connection, folder, budget, progress, report_progress):
        self.connection, self.folder, self.budget = connection, folder, budget
        self.progress, self.report = progress, report_progress or (lambda progress: None)
        self.places = folder.places
        self.queue = RequestQueue(budget.asked)
        self.stop, self.interrupted = threading.Event(), threading.Event()
        # Its threads are daemons: a request that hangs for minutes must not keep the program from ending.
        self.workers, self.outcomes = ThreadPool(budget.asked), queue.SimpleQueue()

    def until_done(self):
        """Send requests while there is room, and settle what comes back, until nothing is left."""
        while True:
            while self.progress.under_way < self.budget.limit and (request := self.queue.take()) is not None:
                self.progress.under_way += 1
                self.workers.apply_async(self._work, [request])
            if not self.progress.under_way:
                return
            with contextlib.suppress(queue.Empty):
                self._settle(*self.outcomes.get(timeout=TICK_SECONDS))
            self._tick()
            if self.interrupted.is_set():
                raise KeyboardInterrupt

    def until_quiet(self, seconds):
        """Keep the answers that still come; nothing new is asked."""
        self.stop.set()
        end = time.monotonic() + seconds
        while self.progress.under_way and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                request, values, _, error = self.outcomes.get(timeout=TICK_SECONDS)
                self.progress.under_way -= 1
                if error is None:
                    self._keep(request, values)
            self._tick()

    def _tick(self):
        stats = self.connection.stats
        self.progress.requests, self.progress.retries = stats.requests, stats.retries
        self.report(self.progress)

    def _work(self, request):
        values, error = None, None
        try:
            values = fetch(self.connection, request, self.places, budget=self.budget, stop=self.stop)
        except BaseException as caught:
            # Whatever it is, the main thread raises it again: a worker that dies would hang the run.
            error = caught
        self.outcomes.put((request, values, self.connection.here.seconds, error))

    def _settle(self, request, values, seconds, error):
        self.progress.under_way -= 1
        pace = self.queue.pace(request)
        if isinstance(error, Silent) and self.budget.silent:
            raise Unavailable(f"Earth Engine hangs: {error}, again and again. {AGAIN}")
        if isinstance(error, OutOfMemory) and pace.ran_out_of_memory(request.tile_scale):
            self.progress.smaller_tiles += 1
            self.queue.add([request])
        elif isinstance(error, TooLarge):
            self.progress.splits += 1
            pace.was_too_large(request.cells, seconds)
            self.queue.add([request])
        elif isinstance(error, Refused):
            raise self._naming_products(error, request)
        elif error is not None:
            raise error
        else:
            pace.came_back(request.cells, seconds)
            self._keep(request, values)

    def _naming_products(self, error, request):
        """Return the refusal with the products that it is about, unless it is about all: then about none."""
        products = request.layer.products
        refused = [product for product in products if len(products) == 1 or product.asset == error.asset]
        if not refused:
            refused = refused_products(self.connection, request, self.places)
            refused = refused if len(refused) < len(products) else []
        names = ", ".join(
            product.key if product.asset in str(error) else f"{product.key} ({product.asset})"
            for product in refused
        )
        return Refused(f"{names}: {error}", asset=error.asset) if names else error

    def _keep(self, request, values):
        self.folder.keep(request, values)
        self.progress.chunks += 1
        self.progress.done += request.cells
        self.progress.fetched += int(np.isfinite(values).sum())


def fetch(connection, request, places, **settings):
    """Return the values of a request, shape (n_cities, n_periods, n_columns), NaN where there is none.

    They are in the panel's units. A single city and period that is too large, for the smallest tiles, too, is
    asked for product by product. `places` are longitude and latitude of all cities, shape (n_sites, 2) [°];
    `settings` are `budget` and `stop` of :func:`airq.sources.earthengine.client.call_with_retries`.
    """
    layer = request.layer
    try:
        return _fetch_once(connection, request, places, **settings)
    except TooLarge as error:
        if len(request.rows) * len(request.periods) > 1:
            raise
        smaller = [scale for scale in TILE_SCALES if scale > request.tile_scale]
        if isinstance(error, OutOfMemory) and smaller:
            request = dataclasses.replace(request, tile_scale=smaller[0])
            return fetch(connection, request, places, **settings)
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
    parts = [dataclasses.replace(request, layer=layer.only(product)) for product in layer.products]
    return np.concatenate([fetch(connection, part, places, **settings) for part in parts], axis=-1)


def _fetch_once(connection, request, places, **settings):
    def read(features):
        return read_answer(features, request, host=connection.host)

    if isinstance(request, PixelRequest):
        return read(pixels.fetch_pixels(connection, request, places, **settings))
    own = {"offset_hours": request.offset_hours, "tile_scale": request.tile_scale}
    expression = graph.table(request.layer, places[request.rows], request.periods, **own)
    rows = len(request.rows)
    return call_with_retries(
        lambda: connection.compute(expression, rows=rows), connection, read=read, **settings
    )


def probe(connection, request, places):
    """Return the values of one city and one period, after few attempts."""
    return fetch(connection, request, places, budget=Budget(1, patience=Patience(attempts=3, base=0.2)))


def refused_products(connection, request, places):
    """Return the products of a request that the service refuses for one city and one period."""
    refused = []
    for product in request.layer.products:
        periods = [period for period in request.periods if has_images(product, period)][:1]
        layer, row = request.layer.only(product), request.rows[:1]
        if periods:
            try:
                asked = dataclasses.replace(request, layer=layer, rows=row, periods=np.array(periods))
                probe(connection, asked, places)
            except Refused:
                refused.append(product)
            except (ConnectionError, TooLarge):
                continue
    return refused


def read_answer(features, request, *, host="Earth Engine"):
    """Return the numbers of an answer in the panel's units, NaN where it has no property.

    Their shape is (n_cities, n_periods, n_columns); `features` are lists of properties in any order. Raise
    Incomplete if a city is missing, unknown or there twice, Unavailable if a property is not a number.
    """
    rows = [feature.get(graph.CITY) for feature in features]
    if sorted(row for row in rows if isinstance(row, (int, float))) != list(range(len(request.rows))):
        raise Incomplete(f"{host} answered for {len(features)} of {len(request.rows)} cities")
    layer = request.layer
    positions = range(len(request.periods))
    names = [
        (layer.property_of(output, position), layer.count_of(output, position))
        for position in positions
        for output in layer.outputs
    ]
    values = np.full((len(request.rows), len(names)), np.nan)
    try:
        for row, feature in zip(rows, features, strict=True):
            values[int(row)] = [
                feature.get(name, np.nan) if count is None or feature.get(count) else np.nan
                for name, count in names
            ]
    except (TypeError, ValueError):
        raise Unavailable(f"{host} sent a property that is not a number") from None
    values = values.reshape(len(request.rows), len(request.periods), -1)
    ends = np.array([graph.end_ms(layer, period, request.offset_hours) for period in request.periods])
    for number, output in enumerate(layer.outputs):
        own = values[:, :, number]
        values[:, :, number] = (ends - own) / DAY_MS if output.is_time else output.scale * own + output.offset
    return values
