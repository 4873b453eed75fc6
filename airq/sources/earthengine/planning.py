"""Cut the work into requests of half a minute to a minute, and estimate what they cost.

The work of a request is counted in *cells*, its cities times the bands of its stack, because its time
grows with them. How long a cell takes is learned from every answer; the first guess is what the reference
project's requests took. The estimate before a run comes from the same code that cuts the requests of a run.
"""

from __future__ import annotations

import dataclasses
import heapq
import math
from dataclasses import dataclass, field

import numpy as np

from airq.geo import order_in_space
from airq.sources.folder import LayerRequest

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

    @classmethod
    def first_guess(cls, layer):
        """Return the pace that a layer starts with."""
        pace = cls(max(SECONDS_PER_CELL, SECONDS_PER_PIXEL * layer.pixels / layer.bands_per_period))
        pace.most = min(MOST_CELLS, 2 * pace.size(TARGET_SECONDS))
        return pace

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
        self.most = int(min(MOST_CELLS, 0.75 * self.failed, max(self.most, 2 * cells)))

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
    #: By the name of the layer.
    paces: dict[str, Pace] = field(default_factory=dict)
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
            self.paces.setdefault(request.layer.name, Pace.first_guess(request.layer))

    def pace(self, request):
        """Return the pace of a request's layer."""
        return self.paces[request.layer.name]

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
            least = min(LEAST_SECONDS, LEAST_CELLS * pace.seconds_per_cell) / (1 if self.begun else 6)
            self.slots, self.begun = max(1, min(self.workers, math.ceil(left / least))), True
        self.slots -= 1
        return left / (self.slots + 1) if self.last else self.full


def sample_requests(missing, places=None):
    """Return what is missing of a folder as requests, the longest work first.

    With the longitude and latitude [°] of all cities, `places` of shape (n_sites, 2), the cities of a request
    come in the order of space, so that those asked for together lie together.
    """
    requests = [SampleRequest(own.layer, own.rows, own.periods, own.offset_hours) for own in missing]
    if places is not None:
        requests = [
            dataclasses.replace(own, rows=own.rows[order_in_space(*places[own.rows].T)]) for own in requests
        ]
    return sorted(requests, key=lambda request: -request.cells)


def plan_requests(missing, *, workers):
    """Return the requests of a run in order, each with the seconds that it takes by the first guess.

    The code of a run cuts what is `missing` (a list of LayerRequest) for so many workers.
    """
    queue, planned = RequestQueue(workers), []
    queue.add(sample_requests(missing))
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
    values = sum(len(own.rows) * len(own.periods) * len(own.layer.outputs) for own in requests)
    composites = sum(len(own.periods) * len(own.layer.products) for own in requests)
    cities = sum(len(own.rows) for own in requests)
    return Cost(
        requests=len(requests),
        bands=sum(len(own.periods) * own.layer.bands_per_period for own in requests),
        cells=sum(own.cells for own in requests),
        bytes_sent=BYTES_PER_CITY * cities + BYTES_PER_COMPOSITE * composites,
        bytes_received=BYTES_PER_VALUE * values + BYTES_PER_FEATURE * cities,
        minutes=max(ends, default=0.0) / 60,
        compute_hours=sum(seconds for _, seconds in planned) / 3600,
    )
