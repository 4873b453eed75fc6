"""Cut the work into requests of half a minute to a minute, and estimate what they cost.

The work of a request is counted in *cells*, its cities times the bands of its stack, because its time
grows with them. How long a cell takes is learned from every answer; the first guess is what the reference
project's requests took. The estimate before a run comes from the same code that cuts the requests of a run.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import heapq
import json
import math
from dataclasses import dataclass, field

import numpy as np

from airq.geo import order_in_space
from airq.io import json_ready, write_json
from airq.sources.earthengine import windows
from airq.sources.earthengine.extraction import UNDECIDING
from airq.sources.folder import LayerRequest
from airq.sources.online.calls import user_file
from airq.sources.site_days import today

#: What a request takes beside its cells. [s]
SECONDS_PER_REQUEST = 1.5
#: First guess for a cell of a disc of 5 km: 16.8 s for 555 cities and 10 bands. [s]
SECONDS_PER_CELL = 2.76e-3
#: First guess for a pixel, which counts where discs are large or pixels small; an assumption. [s]
SECONDS_PER_PIXEL = 1e-7

#: What a request should take, and the least that is worth one while others wait. [s]
TARGET_SECONDS = 57.0
LEAST_SECONDS = 45.0
LEAST_CELLS = int(LEAST_SECONDS / SECONDS_PER_CELL)

#: Most bands that Earth Engine stacks, and most features that it answers with in a page.
MOST_BANDS = 5000
MOST_CITIES = 1000
#: Most cells of a request: a bound on the memory that its answer takes.
MOST_CELLS = 28_000

#: Most bytes of pixels in an answer: half of what Earth Engine allows, as 20 answers are held at once. And
#: most pixels times bands that a request looks at: 160 MB of numbers in double precision.
MOST_ANSWERED, MOST_LOOKED_AT = windows.MOST_BYTES // 2, 20_000_000
#: Bytes of a graph by pixels, beside its composites.
BYTES_PER_GRAPH = 2000

#: Days of one request, if there are as many: finer steps of size, less waste at the end.
FEWEST_DAYS = 6
GOOD_DAYS = 16

#: How much smaller the tiles get that the service holds in memory, each time that it runs out of it.
TILE_SCALES = (1, 4, 16)

#: Sizes of what goes over the wire, measured against the loopback server, as JSON. [bytes]
BYTES_PER_CITY = 190
BYTES_PER_COMPOSITE = 520
BYTES_PER_VALUE = 32
BYTES_PER_FEATURE = 60


@dataclass(frozen=True)
class SampleRequest(LayerRequest):
    """Cities and periods of a layer to ask for, in one request or, if they are too many, in several."""

    #: One of :data:`TILE_SCALES`.
    tile_scale: int = 1

    @property
    def cells(self):
        """Cities times bands."""
        return len(self.rows) * len(self.periods) * self.layer.bands_per_period

    @property
    def work(self):
        """How many times that of one city and one period."""
        return len(self.rows) * len(self.periods)

    @property
    def bytes_sent(self):
        """Bytes of the graph."""
        composites = len(self.periods) * len(self.layer.products)
        return BYTES_PER_CITY * len(self.rows) + BYTES_PER_COMPOSITE * composites

    @property
    def bytes_received(self):
        """Bytes of the answer."""
        values = len(self.rows) * len(self.periods) * len(self.layer.outputs)
        return BYTES_PER_VALUE * values + BYTES_PER_FEATURE * len(self.rows)

    def first_pace(self):
        """Return the Pace that requests like this one start with."""
        layer = self.layer
        pace = Pace(max(SECONDS_PER_CELL, SECONDS_PER_PIXEL * layer.pixels / layer.bands_per_period))
        pace.most = min(MOST_CELLS, 2 * pace.size(TARGET_SECONDS))
        return pace

    def split(self, cells):
        """Return a first request of about so many cells, and the rest as a list of requests.

        Cities are divided before days, until a request holds enough days for its size to be tuned
        by them; then days, into pieces of nearly equal size.
        """
        per_period = self.layer.bands_per_period
        site_days = max(1, cells // per_period)
        rows, periods = self.rows, self.periods
        if site_days / len(rows) < min(len(periods), FEWEST_DAYS) or len(rows) > MOST_CITIES:
            most = min(MOST_CITIES, max(1, site_days // min(len(periods), GOOD_DAYS)))
            parts = np.array_split(rows, math.ceil(len(rows) / most))
            rows, others = parts[0], np.concatenate([[], *parts[1:]]).astype(int)
        else:
            others = rows[:0]
        pieces = max(1, round(len(periods) * len(rows) / site_days))
        days = max(1, min(math.ceil(len(periods) / pieces), MOST_BANDS // per_period))
        rest = [(rows, periods[days:]), (others, periods)]
        first = dataclasses.replace(self, rows=rows, periods=periods[:days])
        return first, [
            SampleRequest(self.layer, *part, self.offset_hours) for part in rest if all(map(len, part))
        ]


@dataclass(frozen=True)
class PixelRequest(SampleRequest):
    """Cells of a grid, and periods of a layer, to ask for by the pixels of a window."""

    #: Longitude and latitude of all cities, shape (n_sites, 2). [°]
    places: np.ndarray = None

    @functools.cached_property
    def answers(self):
        """Pixels of the answers: for each Grid of the layer, or once for all, an :class:`airq.grids.Grid`."""
        layer, own = self.layer, self.places[self.rows]
        if layer.is_cells:
            return [(None, windows.cell_window(own, layer.cell))]
        return [(grid, windows.sinusoidal_window(own, layer.radius_km, grid.metres)) for grid in layer.grids]

    @functools.cached_property
    def _of_a_period(self):
        """Bytes of the answers, pixels times bands that are looked at, and most bands of an answer."""
        layer, each = self.layer, 2 if self.layer.quality else 1
        if layer.is_cells:
            ((_, window),) = self.answers
            area, bands = window.width * window.height, len(layer.outputs)
            across = {grid: layer.pixels_across(grid) for grid in layer.grids}
            looked_at = sum(each * len(own) * area * across[grid] ** 2 for grid, own in layer.grids.items())
            return windows.VALUE_BYTES * bands * area, looked_at, bands
        sizes = [(window.width * window.height, len(layer.grids[grid])) for grid, window in self.answers]
        looked_at = sum(area * bands for area, bands in sizes)
        return windows.VALUE_BYTES * looked_at, looked_at, max(bands for _, bands in sizes)

    @property
    def looked_at(self):
        """Pixels times bands that Earth Engine looks at."""
        return self._of_a_period[1] * len(self.periods)

    @property
    def work(self):
        """How many times that of one cell and one period alone."""
        alone = dataclasses.replace(self, rows=self.rows[:1], periods=self.periods[:1])
        return self.looked_at / alone.looked_at

    @property
    def bytes_sent(self):
        """Bytes of the graph."""
        return BYTES_PER_GRAPH + BYTES_PER_COMPOSITE * len(self.periods) * len(self.layer.products)

    @property
    def bytes_received(self):
        """Bytes of the answers."""
        return self._of_a_period[0] * len(self.periods)

    def first_pace(self):
        """Return the Pace that requests like this one start with; smaller tiles are of no use to them."""
        unbounded = {"most": 10**9, "largest": 10**9, "least": math.inf, "tile_scale": TILE_SCALES[-1]}
        return Pace(SECONDS_PER_PIXEL * self.looked_at / self.cells, **unbounded)

    def split(self, cells):
        """Return a first request of at most so many cells that one answer can bring, and the rest.

        Periods are divided, into pieces of nearly equal size, and the window only where it is too large for
        one of them.
        """
        part, others = self, []
        while not (days := part._most_periods(cells)) and len(part.rows) > 1:
            part, other = part._halves()
            others.insert(0, other)
        days = math.ceil(len(self.periods) / math.ceil(len(self.periods) / max(days, 1)))
        first = dataclasses.replace(part, periods=part.periods[:days])
        rest = [dataclasses.replace(part, periods=part.periods[days:]), *others]
        return first, [own for own in rest if len(own.periods)]

    def _most_periods(self, cells):
        size, looked_at, bands = self._of_a_period
        if max(max(window.width, window.height) for _, window in self.answers) > windows.MOST_SIDE:
            return 0
        limits = (MOST_ANSWERED / size, MOST_LOOKED_AT / looked_at, windows.MOST_BANDS / bands)
        return int(min(*limits, cells / (len(self.rows) * self.layer.bands_per_period)))

    def _halves(self):
        """Return the western and the eastern half of the cells, or the southern and the northern one."""
        own = self.places[self.rows]
        along = own[:, int(np.argmax(np.ptp(own, axis=0)))]
        first = along <= (along.min() + along.max()) / 2
        return [dataclasses.replace(self, rows=self.rows[part]) for part in (first, ~first)]


@dataclass
class Pace:
    """How large a request of a layer may be, learned from the answers so far."""

    #: Running mean. [s]
    seconds_per_cell: float
    #: Largest request that the answers so far allow: twice the largest that came back, half the
    #: smallest that failed. [cells]
    most: int = MOST_CELLS
    #: Smallest request that was too large; forgotten step by step while others come back. [cells]
    failed: float = math.inf
    #: Answers since the last step.
    answers: int = 0
    #: Of requests to come.
    tile_scale: int = 1
    #: Largest request, whatever comes back, and the least that is worth one while others wait. [cells]
    largest: int = MOST_CELLS
    least: float = LEAST_CELLS

    def size(self, seconds):
        """Return the cells of a request that should take so long."""
        return int(max(1, min(seconds / self.seconds_per_cell, self.most)))

    def came_back(self, cells, seconds):
        """Learn from an answer."""
        observed = max(seconds - SECONDS_PER_REQUEST, 0.05 * seconds, 1e-3) / cells
        self.seconds_per_cell += 0.3 * (observed - self.seconds_per_cell)
        self.answers += 1
        if self.answers >= 20:
            self.answers, self.failed = 0, 1.5 * self.failed
        self.most = int(min(self.largest, 0.75 * self.failed, max(self.most, 2 * cells)))

    def was_too_large(self, cells, seconds):
        """Learn from a request that ran out of memory or time."""
        self.answers, self.failed = 0, min(self.failed, cells)
        self.most = max(1, int(self.failed / 2))
        self.seconds_per_cell = max(self.seconds_per_cell, seconds / cells)

    def ran_out_of_memory(self, tile_scale):
        """Return whether smaller tiles may help a request of this scale, and let others have them, too."""
        larger = [scale for scale in TILE_SCALES if scale > tile_scale]
        if larger:
            self.tile_scale = max(self.tile_scale, larger[0])
        return bool(larger)


@dataclass
class RequestQueue:
    """Requests that wait to be sent, and the paces of their layers.

    They are cut by rounds, one request for each worker. The last round is divided evenly, so that all
    workers end together.
    """

    workers: int
    #: What was not yet taken, in order.
    waiting: list[SampleRequest] = field(default_factory=list)
    #: By kind of request and name of the layer.
    paces: dict[tuple, Pace] = field(default_factory=dict)
    #: The current round: requests it still takes, whether it is the last, whether any was begun before
    #: it, and the seconds of a request of a full round.
    slots: int = 0
    last: bool = False
    begun: bool = False
    full: float = TARGET_SECONDS

    def add(self, requests):
        """Put requests in front."""
        self.waiting[:0] = requests
        for request in requests:
            self.paces.setdefault((type(request), request.layer.name), request.first_pace())

    def pace(self, request):
        """Return the pace of a request's layer."""
        return self.paces[type(request), request.layer.name]

    @property
    def cells(self):
        """Cells that wait."""
        return sum(request.cells for request in self.waiting)

    def take(self):
        """Return the next request, cut to its size, or None."""
        if not self.waiting:
            return None
        request = self.waiting.pop(0)
        first, rest = request.split(self.pace(request).size(self._seconds_for(request)))
        self.waiting[:0] = rest
        return dataclasses.replace(first, tile_scale=self.pace(request).tile_scale)

    def _seconds_for(self, request):
        """Return the seconds that the next request, cut from this one, should take."""
        pace = self.pace(request)
        left = sum(own.cells * self.pace(own).seconds_per_cell for own in self.waiting)
        left += request.cells * pace.seconds_per_cell
        if self.slots == 0:
            self.full = min(TARGET_SECONDS, pace.most * pace.seconds_per_cell)
            self.last = left <= 1.1 * self.full * self.workers
            # What fits into one round must not wait for requests to be long.
            least = min(LEAST_SECONDS, pace.least * pace.seconds_per_cell) / (1 if self.begun else 6)
            self.slots, self.begun = max(1, min(self.workers, math.ceil(left / least))), True
        self.slots -= 1
        return left / (self.slots + 1) if self.last else self.full


def sample_requests(missing, places=None):
    """Return what is missing of a folder as requests, the longest work first.

    With the longitude and latitude [°] of all cities, `places` of shape (n_sites, 2), the cities of a request
    come in the order of space, so that those asked for together lie together. Cells of a grid need `places`.
    """
    requests = [request for own in missing for request in _requests(own, places)]
    return sorted(requests, key=lambda request: -request.cells)


def _requests(own, places):
    facts = (own.periods, own.offset_hours)
    if places is None or own.layer.cell is None:
        rows = own.rows if places is None else own.rows[order_in_space(*places[own.rows].T)]
        return [SampleRequest(own.layer, rows, *facts)]
    longitude, found = places[own.rows, 0], []
    # A window does not cross the antimeridian.
    parts = (longitude < 0, longitude >= 0) if np.ptp(longitude) > 180 else (longitude == longitude,)
    for rows in (own.rows[part] for part in parts):
        if own.layer.is_cells or windows.in_one_map(places[rows], own.layer.radius_km):
            found.append(PixelRequest(own.layer, rows, *facts, places=places))
        else:
            found.append(SampleRequest(own.layer, rows, *facts))
    return found


def plan_requests(missing, *, workers, places=None):
    """Return the requests of a run in order, each with the seconds that it takes by the first guess.

    The code of a run cuts what is `missing` (a list of LayerRequest) for so many workers; `places` are as in
    :func:`sample_requests`.
    """
    queue, planned = RequestQueue(workers), []
    queue.add(sample_requests(missing, places))
    while (request := queue.take()) is not None:
        seconds = SECONDS_PER_REQUEST + request.cells * queue.pace(request).seconds_per_cell
        planned.append((request, seconds))
    return planned


@dataclass(frozen=True)
class Cost:
    """What a run will ask of Earth Engine."""

    #: Requests, if none fails and the first guess of their time holds.
    requests: int
    #: Bands of all their stacks together, and cities times bands.
    bands: int
    cells: int
    #: Requests that bring pixels of a grid.
    tiles: int
    #: Over the wire, before compression. [bytes]
    bytes_sent: int
    bytes_received: int
    #: From the first request to the last answer. [min]
    minutes: float
    #: Time of the requests added up. It stands for EECU-hours, taking one compute unit to be busy for as
    #: long as a request lasts, which no live run has confirmed. [h]
    compute_hours: float


def estimate(planned, *, workers):
    """Return the Cost of requests as :func:`plan_requests` gives them, with so many workers."""
    ends = []
    for _, seconds in planned:
        begun = heapq.heappop(ends) if len(ends) >= workers else 0.0
        heapq.heappush(ends, begun + seconds)
    requests = [request for request, _ in planned]
    return Cost(
        requests=len(requests),
        bands=sum(len(own.periods) * own.layer.bands_per_period for own in requests),
        cells=sum(own.cells for own in requests),
        tiles=sum(isinstance(own, PixelRequest) for own in requests),
        bytes_sent=sum(own.bytes_sent for own in requests),
        bytes_received=sum(own.bytes_received for own in requests),
        minutes=max(ends, default=0.0) / 60,
        compute_hours=sum(seconds for _, seconds in planned) / 3600,
    )


def layer_rows(planned, service):
    """Return a row for each layer of requests as :func:`plan_requests` gives them.

    They are dicts of `layer, products, cities, periods, requests, hours, measured`. With `measured`, a day,
    hours are EECU-hours by what Earth Engine then took for one city and one period; without, the time of the
    requests.
    """
    by_layer = {}
    for request, seconds in planned:
        by_layer.setdefault(request.layer, []).append((request, seconds))
    rows = []
    for layer, own in by_layer.items():
        requests, seconds = zip(*own, strict=True)
        price, measured = price_of(service, layer)
        if measured is not None:
            seconds = [price * request.work for request in requests]
        rows.append(
            {
                "layer": layer.name,
                "products": [layer.name_of(product) for product in layer.products],
                "cities": len(np.unique(np.concatenate([request.rows for request in requests]))),
                "periods": len(np.unique(np.concatenate([request.periods for request in requests]))),
                "requests": len(requests),
                "hours": sum(seconds) / 3600,
                "measured": measured,
            }
        )
    return rows


# -- what Earth Engine itself has measured, in a file of the user by service and all that decides a value


def remember_prices(service, prices):
    """Keep the EECU-seconds of a city and a period, by layers of one product, as measured today."""
    path = user_file("eecu", service)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {_key(layer): {"eecu_seconds": price, "on": str(today())} for layer, price in prices.items()}
    write_json(path, _known(service) | known)


def price_of(service, layer):
    """Return the EECU-seconds of a city and a period of a layer, and the day of the oldest measurement.

    None and None unless each of its products was measured.
    """
    known = _known(service)
    found = [known.get(_key(layer.only(product))) for product in layer.products]
    if None in found:
        return None, None
    return sum(one["eecu_seconds"] for one in found), min(one["on"] for one in found)


def _known(service):
    try:
        found = json.loads(user_file("eecu", service).read_text(encoding="utf-8"))
        return {
            key: {"eecu_seconds": float(own["eecu_seconds"]), "on": str(own["on"])}
            for key, own in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _key(layer):
    (product,) = json_ready(dataclasses.asdict(layer))["products"]
    deciding = {name: value for name, value in product.items() if name not in UNDECIDING}
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]
    return f"{layer.name} {product['key']} {digest}"
