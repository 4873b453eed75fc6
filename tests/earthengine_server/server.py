"""The service over HTTP: discovery, algorithms, value:compute, table:computeFeatures, image:computePixels.

Exports of tables are in it, too, with the storage that they write into.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
from urllib.parse import parse_qsl, unquote, urlsplit

from stand_ins import Handler, StandIn

from .errors import EarthEngineError
from .faults import Faults, fault_error
from .limits import NO_LATENCY, Limits
from .registry import document
from .service import Service
from .stats import ComputeRequest, Stats

_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o(?:/([^/]+))?")
_DRIVE = re.compile(r"/drive/v3/files(?:/([^/]+))?")
_PROJECT = re.compile(r"/v1(?:alpha|beta)?/projects/([^/:]+)(?:/|:)?(.*)")
#: What Python raises where an expression puts values together that do not fit.
_WRONG_VALUES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class _Handler(Handler):
    @property
    def service(self):
        return self.server.owner._service

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/stats":
            self._send(200, self.service.stats.to_dict())
        elif path == "/$discovery/rest":
            self._describe("discovery", self._discovery)
        elif (match := _PROJECT.fullmatch(path)) and match[2] == "algorithms":
            self._describe("algorithms", lambda: document("algorithms.json"), match[1])
        elif match and match[2] == "operations":
            self._answer("operations", self.service.exports.listed)
        elif match and match[2].startswith("operations/"):
            name = f"projects/{match[1]}/{match[2]}"
            self._answer("operation", lambda: self.service.exports.get(name))
        elif found := _OBJECT.fullmatch(path) or _DRIVE.fullmatch(path):
            self._answer("storage", lambda: self._stored(*map(unquote, filter(None, found.groups()))))
        else:
            self._unknown(path)

    def _stored(self, *names):
        """A list of files, or the content of one."""
        parts, exports = urlsplit(self.path), self.service.exports
        params = dict(parse_qsl(parts.query))
        if parts.path.startswith("/drive/"):
            return exports.drive_file(*names) if names else exports.drive_files(params)
        return exports.object(*names) if len(names) > 1 else exports.objects(*names, params)

    def _answer(self, path, make):
        """Answer what needs no computing, with the faults of compute requests."""
        plan = self.service.plan
        kind = plan.next()
        try:
            if error := fault_error(kind):
                raise error
            status, facts = 200, make()
        except EarthEngineError as error:
            status, facts = error.status, error.answer()
        status = 0 if kind == "dropped" else status
        self.service.stats.count(path, status)
        self._send(status, facts, kind)

    def do_POST(self):
        path = urlsplit(self.path).path
        body = self.read_body()
        match = _PROJECT.fullmatch(path)
        if path == "/faults":
            self._change_faults(body)
        elif path == "/stats/reset":
            self.service.stats.reset()
            self._send(200, {})
        elif match and match[2] == "table:export":
            self._answer(match[2], lambda: self.service.exports.start(match[1], json.loads(body)))
        elif match and match[2].startswith("operations/") and match[2].endswith(":cancel"):
            name = f"projects/{match[1]}/{match[2].removesuffix(':cancel')}"
            self._answer("cancel", lambda: self.service.exports.cancel(name))
        elif match and match[2] == "value:compute":
            _ComputeCall(self, match[2], match[1], body, self.service.compute_value).answer()
        elif match and match[2] == "table:computeFeatures":
            _ComputeCall(self, match[2], match[1], body, self.service.compute_features).answer()
        elif match and match[2] == "image:computePixels":
            _ComputeCall(self, match[2], match[1], body, self.service.compute_pixels).answer()
        else:
            self._unknown(path)

    def _discovery(self):
        """The shipped document, with this server in the place of Google's."""
        facts = json.loads(document("cloud_api_discovery_document.json"))
        host = f"http://{self.headers.get('Host', '127.0.0.1')}/"
        return json.dumps({**facts, "rootUrl": host, "baseUrl": host})

    def _describe(self, path, make, project=None):
        plan = self.service.plan
        error = plan.faults.project_error(project) if project is not None else None
        kind = plan.next() if plan.faults.everywhere else None
        if error or fault_error(kind):
            error = error or fault_error(kind)
            self.service.stats.count(path, error.status)
            self._send(error.status, error.answer())
        else:
            status = 0 if kind == "dropped" else 200
            self.service.stats.count(path, status)
            self._send(status, make().encode(), kind)

    def _change_faults(self, body):
        plan = self.service.plan
        try:
            plan.change(Faults().changed(json.loads(body)))
        except ValueError as error:
            self._send(400, EarthEngineError(str(error)).answer())
        else:
            self._send(200, asdict(plan.faults))

    def _unknown(self, path):
        self.service.stats.count(path, 404)
        self._send(404, EarthEngineError(f"The simulated Earth Engine has no {path}.", 404).answer())

    def _send(self, status, facts, fault=None, headers=()):
        body = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
        kind = "application/json; charset=UTF-8"
        if fault == "html":
            body, kind = b"<!DOCTYPE html><title>Error 502 (Server Error)!!1</title>", "text/html"
        self.send(status, body, {"Content-Type": kind, **dict(headers)}, fault)


class _ComputeCall:
    """One compute request from its arrival to its answer."""

    def __init__(self, handler, path, project, body, compute):
        self.arrived = time.monotonic()
        handler.service.count_under_way(+1)
        self.handler, self.path, self.project, self.body = handler, path, project, body
        self.service, self.compute = handler.service, compute
        self.work, self.tag = self.service.work(), None
        self.fault = self.service.plan.next()
        self.regions, self.profile = 0, None

    def answer(self):
        """Compute, wait as long as the latency model says, send, count."""
        try:
            with self.service.admitted():
                status, facts = self._computed()
                body = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
                self._wait()
        except EarthEngineError as error:
            status, body = error.status, json.dumps(error.answer()).encode()
        # Counted before it is sent, so that who has the answer finds it counted.
        status = 0 if self.fault == "dropped" else status
        self.service.stats.count(self.path, status, self._record(status, len(body)))
        self.service.count_under_way(-1)
        self.handler._send(status, body, self.fault, self._headers())

    def _computed(self):
        try:
            self._refuse()
            facts = json.loads(self.body)
            self.tag = facts.get("workloadTag")
            answer, self.regions = self.compute(facts, self.work, self.fault)
            if self.handler.headers.get("X-Earth-Engine-Computation-Profiling"):
                self.profile = self.service.profiled(self.work)
            if self._modelled() > self.service.limits.seconds:
                raise EarthEngineError("Computation timed out.")
        except EarthEngineError as error:
            return error.status, error.answer()
        except json.JSONDecodeError as error:
            refusal = EarthEngineError(f"Invalid JSON payload received. {error}")
            return refusal.status, refusal.answer()
        except _WRONG_VALUES as error:
            refusal = EarthEngineError(f"Cannot evaluate this: {type(error).__name__}: {error}")
            return refusal.status, refusal.answer()
        return 200, answer

    def _refuse(self):
        error = self.service.plan.faults.project_error(self.project) or fault_error(self.fault)
        if error is not None:
            raise error

    def _modelled(self):
        return self.service.latency.seconds(self.regions, self.work.bands)

    def _wait(self):
        latency = self.service.latency
        seconds = latency.scale * min(self._modelled(), self.service.limits.seconds)
        if self.fault == "slow":
            seconds += self.service.plan.faults.slow_seconds
        self.service.closing.wait(max(0.0, self.arrived + seconds - time.monotonic()))

    def _headers(self):
        headers = []
        if self.service.plan.faults.restricted:
            headers.append(("x-earth-engine-quota-status", "parallelism_restricted=true"))
        if self.profile is not None:
            headers.append(("x-earth-engine-computation-profile", self.profile))
        return headers

    def _record(self, status, sent):
        return ComputeRequest(
            path=self.path,
            status=status,
            arrived=self.arrived - self.service.started,
            seconds=time.monotonic() - self.arrived,
            regions=self.regions or self.work.regions,
            bands=self.work.bands,
            pixels=self.work.looked_at,
            images=self.work.images,
            tile_scale=self.work.tile_scale,
            workload_tag=self.tag,
            received=len(self.body),
            sent=sent if status else 0,
            fault=self.fault,
        )


class EarthEngineServer(StandIn):
    """A simulated Earth Engine on the loopback interface, in threads of this process.

    Parameters
    ----------
    limits : Limits
    latency : Latency
        By default answers come as soon as they are computed.
    faults : Faults
    missing_days : dict of str to collection of str
        Days (ISO 8601) without images, by asset.
    last_days : dict of str to str
        Last day with images, by asset, where it is earlier than in the catalogue.
    missing_runs : dict of str to collection of str
        Days (ISO 8601) whose run of 00 UTC is missing, by asset.
    pixels : {"all", "centre"}
        Which pixels of a region are looked at: all, or only the one under its centre (cheap, for
        measurements of speed).
    port : int
        0: any that is free.

    Attributes
    ----------
    url : str
        Where it listens.
    stats : Stats
        What it counted.
    hidden : callable
        Takes an asset id and the facts of an image; returns whether that has not arrived yet. None is hidden
        until it is set, and images arrive once it is set again.
    stated : callable
        Takes the same; returns properties of the image beside, or instead of, its own.

    Examples
    --------
    >>> with EarthEngineServer() as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    handler = _Handler

    def __init__(
        self,
        *,
        limits=None,
        latency=NO_LATENCY,
        faults=None,
        missing_days=None,
        last_days=None,
        missing_runs=None,
        pixels="all",
        port=0,
    ):
        super().__init__(faults or Faults(), port)
        self.stats = Stats()
        inventory = {"missing_days": missing_days or {}, "last_days": last_days or {}}
        inventory["missing_runs"] = missing_runs or {}
        settings = (limits or Limits(), latency, self.plan, inventory, pixels, self.stats, self.closing)
        self._service = Service(*settings)

    @property
    def under_way(self):
        """Compute requests that came and are not yet counted."""
        return self._service.under_way

    @property
    def exports(self):
        """Tasks, and what they have written."""
        return self._service.exports

    @property
    def hidden(self):
        """Tell which images have not arrived yet."""
        return self._service.hidden

    @hidden.setter
    def hidden(self, hidden):
        self._service.hidden = hidden

    @property
    def stated(self):
        """Tell properties of images."""
        return self._service.stated

    @stated.setter
    def stated(self, stated):
        self._service.stated = stated
