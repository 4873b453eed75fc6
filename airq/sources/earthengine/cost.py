"""Cost: what a run will ask of Earth Engine, before the first request."""

from __future__ import annotations

import dataclasses
import heapq
from dataclasses import dataclass

from airq.sources.earthengine.blocks import SECONDS_PER_REQUEST, Work

#: Sizes of what goes over the wire, measured against the loopback server, as JSON. [bytes]
BYTES_PER_CITY = 190
BYTES_PER_COMPOSITE = 520
BYTES_PER_VALUE = 32
BYTES_PER_FEATURE = 60


@dataclass(frozen=True)
class Cost:
    """What a run will ask of Earth Engine.

    Attributes
    ----------
    requests : int
        Requests, if none fails and the first guess of their time holds.
    bands : int
        Bands of all their stacks together.
    cells : int
        Cities times bands.
    bytes_sent, bytes_received : int
        Over the wire, before compression. [bytes]
    minutes : float
        From the first request to the last answer. [min]
    compute_hours : float
        Time of the requests added up. It stands for EECU-hours, taking one compute unit to be busy
        for as long as a request lasts, which no live run has confirmed. [h]
    """

    requests: int
    bands: int
    cells: int
    bytes_sent: int
    bytes_received: int
    minutes: float
    compute_hours: float

    def to_dict(self):
        """The same facts as plain values."""
        return dataclasses.asdict(self)


def estimate(blocks, *, workers):
    """What it costs to ask for blocks.

    Parameters
    ----------
    blocks : list of Block
        What is missing.
    workers : int
        Requests at once.

    Returns
    -------
    Cost

    Notes
    -----
    The same code as in a run cuts the blocks; the seconds of a request are the first guess of
    :class:`airq.sources.earthengine.blocks.Pace`.
    """
    work, requests, ends, seconds = Work(workers), [], [], 0.0
    work.add(blocks)
    while (block := work.take()) is not None:
        took = SECONDS_PER_REQUEST + block.cells * work.pace(block).seconds_per_cell
        begun = heapq.heappop(ends) if len(ends) >= workers else 0.0
        heapq.heappush(ends, begun + took)
        requests.append(block)
        seconds += took
    values = sum(len(block.rows) * len(block.periods) * block.layer.values_per_period for block in requests)
    composites = sum(len(block.periods) * len(block.layer.products) for block in requests)
    cities = sum(len(block.rows) for block in requests)
    return Cost(
        requests=len(requests),
        bands=sum(len(block.periods) * block.layer.bands_per_period for block in requests),
        cells=sum(block.cells for block in requests),
        bytes_sent=BYTES_PER_CITY * cities + BYTES_PER_COMPOSITE * composites,
        bytes_received=BYTES_PER_VALUE * values + BYTES_PER_FEATURE * cities,
        minutes=max(ends, default=0.0) / 60,
        compute_hours=seconds / 3600,
    )
