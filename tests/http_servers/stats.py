"""What the server was asked."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Request:
    """One request and its answer.

    Attributes
    ----------
    service : str
        "archive", "air-quality", "forecast", "openaq" or "s3".
    path : str
    query : dict
        Its parameters, as text.
    status : int
        0 if the connection was dropped before an answer.
    places, variables : int
        Of Open-Meteo; variables are counted once for each model.
    days : float
    calls : float
        What Open-Meteo's limits count; 1 for a request to another service.
    time : float
        Of the server's clock. [s]
    sent : int
        Length of the body. [bytes]
    key : str or None
        The API key that came with it.
    fault : str or None
        What was done to the answer on purpose.
    """

    service: str
    path: str
    query: dict
    status: int
    places: int = 0
    variables: int = 0
    days: float = 0
    calls: float = 0
    time: float = 0
    sent: int = 0
    key: str | None = None
    fault: str | None = None


@dataclass
class Stats:
    """Requests since the start or the last reset; safe to read while the server runs."""

    requests: list = field(default_factory=list)

    def __post_init__(self):
        self._lock = threading.Lock()

    def reset(self):
        """Forget everything."""
        with self._lock:
            self.requests.clear()

    def add(self, request):
        """Add an answered request."""
        with self._lock:
            self.requests.append(request)

    def of(self, *services):
        """Return the requests to services, all of them without a name."""
        with self._lock:
            return [request for request in self.requests if not services or request.service in services]

    def calls(self, *services):
        """Return the sum of calls to services."""
        return sum(request.calls for request in self.of(*services))

    def statuses(self, *services):
        """Return the number of requests by status."""
        return Counter(request.status for request in self.of(*services))

    def to_dict(self):
        """Return everything as JSON can hold it."""
        return {"requests": [asdict(request) for request in self.of()]}
