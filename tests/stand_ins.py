"""What the simulated services share: a server on the loopback interface, faults on purpose, a front."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, fields, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class StandIn:
    """A service on the loopback interface, in threads of this process, as a context manager.

    Its handlers, of the class `handler`, find it as ``self.server.owner``.

    Attributes
    ----------
    url : str
        Where it listens.
    plan : FaultPlan
    closing : threading.Event
        Set once it stops.
    """

    handler: ClassVar[type]

    def __init__(self, faults, port):
        self.plan, self.closing, self._port = FaultPlan(faults), threading.Event(), port

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.close()

    def start(self):
        """Listen; returns at once."""
        self._server = _Server(("127.0.0.1", self._port), self.handler)
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

    @property
    def faults(self):
        """The faults; setting them starts their count over."""
        return self.plan.faults

    @faults.setter
    def faults(self, faults):
        self.plan.change(faults)


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


class Handler(BaseHTTPRequestHandler):
    """A request to a stand-in."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    # Google's client gives new sockets of this process a time-out of 2 s: not those of the server.
    timeout = 600

    def log_message(self, *arguments):
        """Say nothing."""

    def read_body(self):
        """Return the body of the request, bytes."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status, body, headers, fault=None):
        """Send an answer, damaged as a fault says; with the status 0 the connection ends without one."""
        if status == 0:
            self._end()
            return
        headers = dict(headers)
        if fault == "truncated_gzip" and headers["Content-Type"].startswith("application/json"):
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        half = body[: len(body) // 2]
        if fault in ("truncated", "truncated_gzip"):
            body = half
        if fault == "invalid_json":
            body = b"{]" + half
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        midway = fault in ("dropped_midway", "truncated_length")
        if self.command != "HEAD":
            self.wfile.write(half if midway else body)
        self.wfile.flush()
        if midway:
            self._end()

    def _end(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class CommonFaults:
    """How often which fault happens to a request.

    A number below 1 is the share of requests, drawn by `seed`; 1 is every request; a list names requests by
    their number (the first is 0, counted since the faults were set).

    Attributes
    ----------
    kinds : tuple of str
        Names of the faults, in the order in which they are drawn.
    unavailable, internal, too_many : float or list of int
        Answered 503, 500 or 429.
    dropped, dropped_midway : float or list of int
        The connection ends without an answer, or in the middle of one.
    truncated, truncated_length : float or list of int
        Half of the body: with the Content-Length of the half, or that of the whole.
    invalid_json, html : float or list of int
        200 with a body that is no JSON, or a page of HTML.
    slow : float or list of int
        Answered only after `slow_seconds`, whatever the time scale.
    """

    kinds: ClassVar[tuple[str, ...]]

    unavailable: float | list[int] = 0.0
    internal: float | list[int] = 0.0
    too_many: float | list[int] = 0.0
    dropped: float | list[int] = 0.0
    dropped_midway: float | list[int] = 0.0
    truncated: float | list[int] = 0.0
    truncated_length: float | list[int] = 0.0
    invalid_json: float | list[int] = 0.0
    html: float | list[int] = 0.0
    slow: float | list[int] = 0.0
    slow_seconds: float = 60.0
    seed: int = 0

    def changed(self, facts):
        """Return these faults with some others; raise ValueError if there is no fault of a name."""
        unknown = set(facts) - {attribute.name for attribute in fields(self)}
        if unknown:
            raise ValueError(f"No fault {min(unknown)!r}. Choose from {', '.join(self.kinds)}.")
        return replace(self, **facts)


class FaultPlan:
    """Which fault the next request gets."""

    def __init__(self, faults):
        self._lock = threading.Lock()
        self.change(faults)

    def change(self, faults):
        """Start over with other faults."""
        with self._lock:
            self.faults = faults
            self._random = random.Random(faults.seed)
            self._number = 0

    def next(self, service=None):
        """Return the name of the fault of the next request, to a service if there are several, or None."""
        with self._lock:
            if service is not None and service not in self.faults.services:
                return None
            number, self._number = self._number, self._number + 1
            for kind in self.faults.kinds:
                when = getattr(self.faults, kind)
                listed = isinstance(when, (list, tuple, range))
                if number in when if listed else when and self._random.random() < when:
                    return kind
        return None


# -- the front: a server as a process, alone or beside one command that it serves


def split_command(arguments):
    """Return a front's own arguments, and those of the command behind ``--``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--" not in arguments:
        return arguments, []
    end = arguments.index("--")
    return arguments[:end], arguments[end + 1 :]


def serve(server, name, command):
    """Serve until interrupted, or until the command ends; return its exit code, which then is ours."""
    with server:
        print(f"{name} at {server.url}", file=sys.stderr if command else sys.stdout, flush=True)
        if command:
            return _run([word.replace("{url}", server.url) for word in command])
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


def _run(command):
    """Return the exit code of a command, which handles Ctrl-C itself."""
    with subprocess.Popen(command) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def add_fault_option(parser):
    """Add ``--fault NAME=VALUE``, which :func:`faults_of` reads."""
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an attribute of Faults, its value in JSON: unavailable=0.3, dropped=[1,5]; may be repeated",
    )


def faults_of(options, faults):
    """Return faults with those of the option; raise SystemExit if there is no fault of a name."""
    facts = {}
    for text in options.fault:
        name, _, value = text.partition("=")
        try:
            facts[name] = json.loads(value)
        except json.JSONDecodeError:
            facts[name] = value
    try:
        return faults.changed(facts)
    except ValueError as error:
        raise SystemExit(f"--fault: {error}") from None
