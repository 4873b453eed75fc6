"""What happens to a request, without HTTP."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import threading
import time
from collections import OrderedDict, deque

import numpy as np

from .archive import Archive
from .encoding import encoded, feature_json
from .errors import EarthEngineError, not_implemented
from .exports import Exports
from .faults import damaged_features
from .interpreter import Interpreter
from .rasters import pixels_of_grid
from .values import Collection
from .work import Work

#: Invented, of a request, and of a pixel and band in a region. [EECU-s]
EECU_SECONDS, EECU_SECONDS_PER_PIXEL = 0.5, 1e-5

_COMPUTING = 2  # at once, which bounds the memory; more would only share the processor
_TABLES = 16  # remembered for their next page


class Service:
    """What happens to a request, without HTTP."""

    def __init__(self, limits, latency, plan, inventory, pixels, stats, closing):
        self.limits, self.latency, self.plan, self.stats = limits, latency, plan, stats
        self.closing = closing
        self.hidden, self.stated = lambda asset, image: False, lambda asset, image: {}
        self._archive = Archive(
            **inventory,
            refusals=lambda asset: self.plan.faults.refusal(asset),
            hidden=lambda asset, image: self.hidden(asset, image),
            stated=lambda asset, image: self.stated(asset, image),
        )
        self._pixels = pixels
        self._lock = threading.Lock()
        self._computing = threading.Semaphore(_COMPUTING)
        self._active = 0
        self.under_way = 0
        self._arrivals = deque()
        self._tables = OrderedDict()
        self.profiles = {}
        self.started = time.monotonic()
        self.exports = Exports(self)

    @contextlib.contextmanager
    def admitted(self):
        """One of the compute requests at once."""
        with self._lock:
            self._check_rate()
            if self._active >= self.limits.concurrent:
                raise EarthEngineError("Too many concurrent aggregations.", 429)
            self._active += 1
            self.stats.saw_concurrent(self._active)
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1

    def count_under_way(self, change):
        """Note that compute requests came, or were answered."""
        with self._lock:
            self.under_way += change

    def _check_rate(self):
        now = time.monotonic()
        self._arrivals.append(now)
        while now - self._arrivals[0] > 1:
            self._arrivals.popleft()
        if len(self._arrivals) > self.limits.per_second:
            raise EarthEngineError("Quota exceeded: too many requests per second.", 429)

    def work(self):
        limits = self.limits
        return Work(
            limits.bands, limits.cells, self._pixels, tiles_help=limits.tiles_help, profiles=self.profiles
        )

    def profiled(self, work):
        """The id of a request's profile."""
        name = f"profile-{len(self.profiles)}"
        self.profiles[name] = EECU_SECONDS + EECU_SECONDS_PER_PIXEL * work.looked_at
        return name

    def compute_value(self, body, work, fault):
        with self._computing:
            value = Interpreter(body.get("expression"), self._archive, work).result()
            result = encoded(value, self.limits.elements)
        if isinstance(result, dict) and "features" in result:
            result["features"] = damaged_features(fault, result["features"], seed=0)
        return {"result": result}, work.regions

    def compute_features(self, body, work, fault):
        """A page of features, with a token of the next one if there are more."""
        size = body.get("pageSize") or self.limits.page_size
        size = min(int(size), self.limits.page_size)
        key = hashlib.sha256(json.dumps(body.get("expression"), sort_keys=True).encode()).hexdigest()[:16]
        start = _offset(body.get("pageToken"), key)
        features, bands = (self._tables.get(key) if start else None) or self.table(body, work)
        page = features[start : start + size]
        work.bands = bands
        answer = {"type": "FeatureCollection", "features": damaged_features(fault, page, start)}
        if start + size < len(features):
            answer["nextPageToken"] = f"{key}:{start + size}"
            self._keep(key, (features, bands))
        return answer, len(page)

    def compute_pixels(self, body, work, fault):
        """The pixels of a grid as NPY, a structured array with a field for every band; masked ones are 0."""
        if body.get("fileFormat") != "NPY":
            raise not_implemented(f"the file format {body.get('fileFormat')}")
        with self._computing:
            image = Interpreter(body.get("expression"), self._archive, work).result()
            raster = pixels_of_grid(image, body["grid"], body.get("bandIds"))
        work.reduce(image, raster.size)
        content = io.BytesIO()
        np.save(content, raster, allow_pickle=False)
        return content.getvalue(), raster.size

    def table(self, body, work):
        """All features of an expression, and the bands of its image."""
        with self._computing:
            value = Interpreter(body.get("expression"), self._archive, work).result()
            features = list(value) if isinstance(value, Collection) else [value]
            return [feature_json(feature) for feature in features], work.bands

    def _keep(self, key, table):
        """Remember a table for its further pages, a few at once."""
        with self._lock:
            self._tables[key] = table
            if len(self._tables) > _TABLES:
                self._tables.popitem(last=False)


def _offset(token, key):
    if not token:
        return 0
    given, _, start = token.partition(":")
    if given != key or not start.isdigit():
        raise EarthEngineError("Invalid page token.")
    return int(start)
