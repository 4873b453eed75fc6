"""Open-Meteo and OpenAQ over HTTP on the loopback interface. All values are SIMULATED."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import date
from urllib.parse import parse_qsl, unquote, urlsplit

from stand_ins import Handler, StandIn

from airq.cities import bundled_cities

from .air import Air
from .archive import Bucket
from .faults import SERVICES, Faults
from .limits import Limits, Meter
from .monitors import Monitors
from .open_meteo import OpenMeteo, moment
from .openaq import OpenAQ
from .replies import Reply, answer
from .stats import Stats

_PATHS = {"/v1/archive": "archive", "/v1/air-quality": "air-quality", "/v1/forecast": "forecast"}


class _Handler(Handler):
    def do_GET(self):
        path, query = self._asked()
        if path == "/stats":
            self._send(Reply.json(self.server.owner.stats.to_dict()))
        elif path == "/faults":
            self._send(Reply.json(asdict(self.server.owner.faults)))
        else:
            self._serve(path, query)

    do_HEAD = do_GET

    def do_POST(self):
        path, query = self._asked()
        body = self.read_body().decode()
        if path in _PATHS:
            self._serve(path, query | _joined(body))
            return
        try:
            facts = json.loads(body) if body else {}
            self._send(Reply.json(self.server.owner.control(path, facts)))
        except (KeyError, TypeError, ValueError) as error:
            self._send(Reply.json({"error": True, "reason": str(error)}, 400))

    def _asked(self):
        parts = urlsplit(self.path)
        return unquote(parts.path), _joined(parts.query)

    def _serve(self, path, query):
        """Answer a request to one of the services."""
        owner = self.server.owner
        service = _PATHS.get(path) or ("openaq" if path.startswith("/v3/") else "s3")
        if service in owner.down:
            fault, reply = "down", Reply.down(owner.down[service])
        else:
            fault = owner.plan.next(service)
            reply = answer(owner, service, path, query, dict(self.headers), fault)
        # Counted before it is sent, so that who has the answer finds it counted.
        owner.stats.add(reply.record(service, path, query, owner.clock(), fault))
        if fault == "slow":
            owner.closing.wait(owner.faults.slow_seconds)
        self._send(reply, fault)

    def _send(self, reply, fault=None):
        self.send(reply.status, reply.body, {"Content-Type": reply.kind, **reply.headers}, fault)


class AirServer(StandIn):
    """Stand-ins of Open-Meteo (three services), OpenAQ's API and its archive, in threads of this process.

    Parameters
    ----------
    air : Air, optional
    cities : DataFrame, optional
        Cities with a monitor each, see :class:`~.monitors.Monitors`. Their cells are simulated together at
        the first request, which is quicker than one by one.
    today : str, optional
        The services' date, where it is not that of the clock.
    faults : Faults
    limits : Limits
    clock : callable
        Returns seconds since 1970: for the limits, and for today where it is not given.
    monitors : Monitors, optional
        Instead of those of `cities`.
    strict : bool
        Refuse what the real services ignore, such as parameters that they do not know.
    port : int
        0: any that is free.

    Attributes
    ----------
    url : str
        Base of all services; also the root of the bucket.
    stats : Stats
    today : str or None
        May be set while it runs; mornings of it, 6:00 UTC.
    faults : Faults
        Setting them starts their count over.
    limits : Limits
        May be set.
    down : dict or set of str
        Services of :data:`~.faults.SERVICES` that end connections, or answer a status: {"archive": 503}.
    air, monitors, bucket
        What is served, for tests that compute it by themselves.

    Examples
    --------
    >>> with AirServer(today="2024-06-30") as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    handler = _Handler

    def __init__(
        self,
        air=None,
        cities=None,
        today="2024-06-30",
        faults=None,
        limits=None,
        clock=time.time,
        monitors=None,
        strict=True,
        port=0,
    ):
        super().__init__(faults or Faults(), port)
        self.air = air or Air()
        self.today, self.limits, self.clock, self._down = today, limits or Limits(), clock, {}
        self.stats, self.meter, self.openaq_meter = Stats(), Meter(clock), Meter(clock)
        if monitors is None:
            monitors = Monitors(bundled_cities().head(0) if cities is None else cities, self.air)
        self.monitors = monitors
        self.open_meteo = OpenMeteo(self.air, self.now, cities=cities, strict=strict)
        self.openaq = OpenAQ(monitors, self.now, strict=strict)
        self.bucket = Bucket(monitors, self.now)

    def now(self):
        """Return the services' moment (naive, UTC)."""
        return moment(self.today, self.clock)

    @property
    def down(self):
        return self._down

    @down.setter
    def down(self, services):
        services = dict.fromkeys(services) | (dict(services) if isinstance(services, dict) else {})
        if foreign := set(services) - set(SERVICES):
            raise ValueError(f"No service {min(foreign)!r}. Choose from {', '.join(SERVICES)}.")
        self._down = services

    def reset(self):
        """Forget what was counted."""
        self.stats.reset()
        self.meter.reset()
        self.openaq_meter.reset()

    def control(self, path, facts):
        """Change faults, the day or what is down, as POST to /faults, /today or /down asks; return it."""
        if path == "/faults":
            self.faults = Faults().changed(facts)
            return asdict(self.faults)
        if path == "/today":
            self.today = None if facts["today"] is None else str(date.fromisoformat(facts["today"]))
        elif path == "/down":
            self.down = facts
        elif path == "/stats/reset":
            self.reset()
        else:
            raise ValueError(f"Nothing to set at {path}.")
        return {"today": self.today, "down": self.down}


def _joined(text):
    """Return parameters as text; one that is repeated becomes a list with commas, as for Open-Meteo."""
    joined = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
