"""Open-Meteo and OpenAQ over HTTP on the loopback interface. All values are SIMULATED."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import sys
import threading
import time
from dataclasses import asdict
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from airq.cities import bundled_cities

from .air import Air
from .archive import Bucket
from .faults import SERVICES, FaultPlan, Faults
from .limits import Limits, Meter
from .monitors import Monitors
from .open_meteo import OpenMeteo, moment
from .openaq import OpenAQ
from .replies import Reply, answer
from .stats import Stats

_PATHS = {"/v1/archive": "archive", "/v1/air-quality": "air-quality", "/v1/forecast": "forecast"}


class AirServer:
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
        self.air = air or Air()
        self.today, self.limits, self.clock, self._down = today, limits or Limits(), clock, {}
        self.stats, self.meter, self.openaq_meter = Stats(), Meter(clock), Meter(clock)
        self.plan = FaultPlan(faults or Faults())
        self.closing = threading.Event()
        if monitors is None:
            monitors = Monitors(_nowhere() if cities is None else cities, self.air)
        self.monitors = monitors
        self.open_meteo = OpenMeteo(self.air, self.now, cities=cities, strict=strict)
        self.openaq = OpenAQ(monitors, self.now, strict=strict)
        self.bucket = Bucket(monitors, self.now)
        self._port = port

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.close()

    def start(self):
        """Listen; returns at once."""
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.owner = self
        self.closing.clear()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        """Stop, and end every connection."""
        self.closing.set()
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()
        self._thread.join()

    def now(self):
        """Return the services' moment (naive, UTC)."""
        return moment(self.today, self.clock)

    @property
    def faults(self):
        return self.plan.faults

    @faults.setter
    def faults(self, faults):
        self.plan.change(faults)

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


def _nowhere():
    return bundled_cities().head(0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, *arguments):
        self._connections = set()
        self._lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self):
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        # A client that goes away is no error of the server.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 600

    def log_message(self, *arguments):
        """Say nothing."""

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
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
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
        if reply.status == 0:
            self._end()
            return
        body, headers = reply.body, dict(reply.headers)
        half = len(body) // 2
        if fault == "truncated_gzip" and reply.kind.startswith("application/json"):
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
            half = len(body) // 2
        if fault in ("truncated", "truncated_gzip"):
            body = body[:half]
        if fault == "invalid_json":
            body = b"{]" + body[:half]
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        midway = fault in ("dropped_midway", "truncated_length")
        if self.command != "HEAD":
            self.wfile.write(body[:half] if midway else body)
        self.wfile.flush()
        if midway:
            self._end()

    def _end(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _joined(text):
    """Return parameters as text; one that is repeated becomes a list with commas, as for Open-Meteo."""
    joined = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
