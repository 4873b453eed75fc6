"""A server on this machine that opens for the Earth Engine client and then says what it is told."""

import http.server
import importlib.resources
import json
import socket
import threading
from contextlib import contextmanager

import ee
import google.auth.credentials

from airq.sources.earthengine.budget import Budget, Patience
from airq.sources.earthengine.client import call_with_retries, connect

DOCUMENTS = importlib.resources.files("ee") / "tests"
TOKEN = "dG9rZW4tbWFyaw"
ANONYMOUS = google.auth.credentials.AnonymousCredentials()
#: Waits a hundredth as long as for users.
QUICK = Patience(base=0.01, longest=0.6, silence=1.0)


def features(*properties):
    """Content of an answer with these features."""
    listed = [{"type": "Feature", "geometry": None, "properties": own} for own in properties]
    return json.dumps({"type": "FeatureCollection", "features": listed}).encode()


def error(code, message, **more):
    """Content of a refusal as Google writes it."""
    return json.dumps({"error": {"code": code, "message": message, **more}}).encode()


def few_algorithms():
    """Of the 991 algorithms those that the client or a test calls for: it opens in a tenth of the time."""
    found = json.loads((DOCUMENTS / "algorithms.json").read_bytes())
    wanted = ("algorithms/Collection", "algorithms/Feature", "algorithms/GeometryConstructors")
    few = [own for own in found["algorithms"] if own["name"].startswith(wanted)]
    return json.dumps(found | {"algorithms": few}).encode()


ALGORITHMS = few_algorithms()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    # Opening a connection gives new sockets of this process a time-out of 2 s: not those of the server.
    timeout = 600

    def do_GET(self):
        fault = next(self.server.faults, None)
        if fault is not None:
            fault(self)
        elif "$discovery" in self.path:
            self.answer(200, self.server.discovery)
        else:
            self.answer(200, self.server.algorithms)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":
            self.server.renewals.append(body)
            self.server.renew(self)
            return
        with self.server.lock:
            self.server.asked.append(json.loads(body))
            self.server.headers.append(dict(self.headers))
            number = len(self.server.asked) - 1
        self.server.reply(self, number)

    def answer(self, status, content, *, length=None, **headers):
        self.send_response(status)
        headers = {"Content-Type": "application/json"} | headers
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
        if length is not None:
            self.drop()

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Answers the client's opening; what it says to a request is `reply(handler, number)`."""

    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.discovery = (DOCUMENTS / "cloud_api_discovery_document.json").read_bytes()
        self.algorithms = ALGORITHMS
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.forget()

    def forget(self):
        """Be as at the beginning."""
        self.asked, self.headers, self.renewals = [], [], []
        self.faults = iter(())
        self.reply = self.renew = says(200, features({"a": 1}))

    def handle_error(self, *_):
        pass


def says(status, content=b"", **more):
    """A reply that is always the same."""
    return lambda handler, *_: handler.answer(status, content, **more)


def in_turn(*replies):
    """One reply after the other, the last for ever."""
    return lambda handler, number: replies[min(number, len(replies) - 1)](handler, number)


@contextmanager
def running():
    """A server at work."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def opened(server, credentials=ANONYMOUS, **settings):
    settings = {"project": "rain-or-shine", "patience": QUICK} | settings
    return connect(url=server.url, credentials=credentials, **settings)


def places():
    return ee.FeatureCollection([ee.Feature(ee.Geometry.Point([30.0, 0.0]), {"k": 1})])


def ask(engine, **settings):
    settings = {"budget": Budget(4, patience=settings.pop("patience", QUICK))} | settings
    rows = settings.pop("rows", 5)
    return call_with_retries(lambda: engine.compute(places(), rows=rows), engine, **settings)
