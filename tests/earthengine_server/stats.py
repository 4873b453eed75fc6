"""What the server counted."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class ComputeRequest:
    """One request to value:compute or table:computeFeatures.

    Attributes
    ----------
    path : str
        ``"value:compute"`` or ``"table:computeFeatures"``.
    status : int
        HTTP status; 0 if the connection was dropped.
    arrived, seconds : float
        When it came, since the server started or was reset, and how long until it was answered. [s]
    regions, bands : int
        Regions that were reduced and bands that they were reduced over; 0 if nothing was computed.
    pixels : int
        Pixels of the regions times bands.
    images : int
        Images of collections to which a function was applied.
    tile_scale : float
        The largest that was asked for.
    workload_tag : str or None
        The client's tag.
    received, sent : int
        Length of the request's and the answer's body. [bytes]
    fault : str or None
        The injected fault, if there was one.
    """

    path: str
    status: int
    arrived: float
    seconds: float
    regions: int
    bands: int
    pixels: int
    images: int
    tile_scale: float
    workload_tag: str | None
    received: int
    sent: int
    fault: str | None


@dataclass
class Stats:
    """Counts since the start or the last reset; safe to read while the server runs.

    Attributes
    ----------
    requests : Counter
        Number of requests by (path, status); the status of a dropped connection is 0.
    compute : list of ComputeRequest
        Compute requests in the order of their answers.
    max_concurrent : int
        Most compute requests at once, without those that were refused for being too many.
    """

    requests: Counter = field(default_factory=Counter)
    compute: list = field(default_factory=list)
    max_concurrent: int = 0

    def __post_init__(self):
        self._lock = threading.Lock()

    def reset(self):
        """Forget everything."""
        with self._lock:
            self.requests.clear()
            self.compute.clear()
            self.max_concurrent = 0

    def count(self, path, status, compute=None):
        """Add an answered request."""
        with self._lock:
            self.requests[path, status] += 1
            if compute is not None:
                self.compute.append(compute)

    def saw_concurrent(self, number):
        with self._lock:
            self.max_concurrent = max(self.max_concurrent, number)

    def statuses(self):
        """Number of compute requests by status."""
        with self._lock:
            return Counter(request.status for request in self.compute)

    def to_dict(self):
        """Everything as JSON can hold it."""
        with self._lock:
            return {
                "requests": [[path, status, number] for (path, status), number in self.requests.items()],
                "compute": [asdict(request) for request in self.compute],
                "max_concurrent": self.max_concurrent,
            }
