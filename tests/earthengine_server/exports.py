"""Batch: exports of tables, the operations that they are, and the storage that they write into.

Cloud Storage and Drive are on the same address, as far as their lists and contents of files go.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import threading
from collections import deque
from dataclasses import dataclass, field

from .errors import EarthEngineError, not_implemented

#: Tasks at once of a project, and tasks that wait.
AT_ONCE, MOST_WAITING = 2, 3000
_OVER = ("SUCCEEDED", "FAILED", "CANCELLED")
#: Files of one answer.
_PAGE = 1000


def _now():
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


@dataclass
class Operation:
    """A task as the service tells of it."""

    name: str
    body: dict
    state: str = "PENDING"
    error: str | None = None
    created: str = field(default_factory=_now)
    started: str | None = None

    def to_dict(self):
        times = {"createTime": self.created, "updateTime": _now()}
        times |= {"startTime": self.started} if self.started else {}
        metadata = {"state": self.state, "description": self.body.get("description", ""), **times}
        kind = {"@type": "type.googleapis.com/google.earthengine.v1.OperationMetadata"}
        answer = {"name": self.name, "metadata": {**kind, **metadata, "type": "EXPORT_FEATURES"}}
        if self.state in _OVER:
            answer["done"] = True
            answer |= {} if self.state == "SUCCEEDED" else {"error": {"code": 3, "message": self.error}}
        return answer


@dataclass
class StoredFile:
    """A file in a bucket, or in Drive."""

    name: str
    content: bytes
    created: str = field(default_factory=_now)
    kind: str = "text/csv"


class Exports:
    """Tasks of a service, worked on by threads, two at once.

    Attributes
    ----------
    failing : callable
        Takes the body of a request and the number of tasks with its beginning of a description before it;
        returns why such a task fails, None if it does not.
    held : bool
        Tasks wait until it is taken back.
    repeats_refused : bool
        A second request of an id is refused, instead of answered with the task of the first.
    files_of : callable
        Takes the rows of a table and returns them in parts, a file each.
    buckets : dict
        Files by name, by bucket; a bucket that is not there is refused.
    drive : list
        Files of Drive.
    """

    def __init__(self, service):
        self._service = service
        self._lock = threading.Condition()
        self._waiting, self._threads = deque(), 0
        self.operations, self._by_request = {}, {}
        self.failing = lambda body: None
        self.held = self.repeats_refused = False
        self.files_of = lambda rows: [rows]
        self.buckets, self.drive = {"bucket": {}}, []

    def start(self, project, body):
        """Queue a task; answers its operation."""
        options = body.get("fileExportOptions") or {}
        if options.get("fileFormat") != "CSV":
            raise not_implemented(f"exports as {options.get('fileFormat')}")
        request = body.get("requestId") or ""
        if not re.fullmatch("[A-Za-z0-9-]{0,60}", request):
            raise EarthEngineError(f"Invalid requestId: {request}.")
        if not re.fullmatch(r"[A-Za-z0-9.,:;_-]{0,100}", body.get("description") or ""):
            raise EarthEngineError("Invalid description.")
        with self._lock:
            if request and request in self._by_request:
                if self.repeats_refused:
                    raise EarthEngineError(f"A task with requestId {request} already exists.", 409)
                return self._by_request[request].to_dict()
            if sum(own.state not in _OVER for own in self.operations.values()) >= MOST_WAITING:
                raise EarthEngineError(f"Too many tasks already in the queue ({MOST_WAITING}).", 429)
            name = f"projects/{project}/operations/T{len(self._by_request) + len(self.operations):06}"
            operation = self.operations[name] = self._by_request[request or name] = Operation(name, body)
            self._waiting.append(operation)
            if self._threads < AT_ONCE:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._lock.notify_all()
        return operation.to_dict()

    def listed(self):
        """All operations, the newest first."""
        with self._lock:
            return {"operations": [own.to_dict() for own in reversed(self.operations.values())]}

    def get(self, name):
        """One operation."""
        with self._lock:
            if name not in self.operations:
                raise EarthEngineError(f"Operation {name} not found.", 404)
            return self.operations[name].to_dict()

    def cancel(self, name):
        """End a task that is not over."""
        self.get(name)
        with self._lock:
            if self.operations[name].state not in _OVER:
                self.operations[name].state, self.operations[name].error = "CANCELLED", "Cancelled by user."
        return {}

    def states(self):
        """States of all tasks in the order of their starts."""
        with self._lock:
            return [own.state for own in self.operations.values()]

    def descriptions(self):
        """Descriptions of all tasks in the order of their starts."""
        with self._lock:
            return [own.body["description"] for own in self.operations.values()]

    def release(self):
        """Let tasks that are held go on."""
        with self._lock:
            self.held = False
            self._lock.notify_all()

    def _work(self):
        while True:
            with self._lock:
                while self.held or not self._waiting:
                    if self._service.closing.is_set():
                        return
                    self._lock.wait(0.05)
                operation = self._waiting.popleft()
                if operation.state != "PENDING":
                    continue
                operation.state, operation.started = "RUNNING", _now()
            state, error = self._run(operation)
            with self._lock:
                if operation.state == "RUNNING":
                    operation.state, operation.error = state, error

    def _run(self, operation):
        body, work = operation.body, self._service.work()
        try:
            if reason := self.failing(body):
                raise EarthEngineError(reason)
            features, _ = self._service.table(body, work)
            latency = self._service.latency
            seconds = latency.scale * latency.seconds(len(features), work.bands)
            self._service.closing.wait(seconds)
            self._write(body, features)
        except EarthEngineError as error:
            return "FAILED", error.message
        except Exception as error:
            return "FAILED", f"{type(error).__name__}: {error}"
        return "SUCCEEDED", None

    def _write(self, body, features):
        options, parts = body["fileExportOptions"], self.files_of(features)
        where = options.get("cloudStorageDestination") or options["driveDestination"]
        for number, part in enumerate(parts):
            shard = f"{number:05}" if len(parts) > 1 else ""
            file = StoredFile(f"{where['filenamePrefix']}{shard}.csv", _csv(part, body.get("selectors")))
            if "bucket" not in where:
                self.drive.append(file)
            elif where["bucket"] not in self.buckets:
                raise EarthEngineError(f"Failed to write to bucket {where['bucket']}: permission denied.")
            else:
                self.buckets[where["bucket"]][file.name] = file

    # -- storage

    def objects(self, bucket, params):
        """A page of the files of a bucket, as the JSON API of Cloud Storage lists them."""
        if bucket not in self.buckets:
            raise EarthEngineError("The specified bucket does not exist.", 404)
        names = sorted(own for own in self.buckets[bucket] if own.startswith(params.get("prefix", "")))
        page, token = _page(names, params, "maxResults")
        items = [{"name": own, "timeCreated": self.buckets[bucket][own].created} for own in page]
        return ({"items": items} if items else {"kind": "storage#objects"}) | token

    def object(self, bucket, name):
        """The content of a file in a bucket."""
        file = self.buckets.get(bucket, {}).get(name)
        if file is None:
            raise EarthEngineError(f"No such object: {bucket}/{name}", 404)
        return file.content

    def drive_files(self, params):
        """A page of files of Drive, whose names begin as asked."""
        match = re.fullmatch(r"name contains '([^']*)' and trashed = false", params.get("q", ""))
        if match is None:
            raise not_implemented(f"a search of Drive for {params.get('q')}")
        found = [number for number, own in enumerate(self.drive) if own.name.startswith(match[1])]
        page, token = _page(found, params, "pageSize")
        files = [(f"id{number}", self.drive[number]) for number in page]
        listed = [
            {"id": key, "name": own.name, "createdTime": own.created, "mimeType": own.kind}
            for key, own in files
        ]
        return {"files": listed} | token

    def drive_file(self, key):
        """The content of a file in Drive."""
        if not re.fullmatch("id[0-9]+", key) or int(key[2:]) >= len(self.drive):
            raise EarthEngineError(f"File not found: {key}.", 404)
        return self.drive[int(key[2:])].content


def _page(found, params, size):
    start, most = int(params.get("pageToken", 0)), min(_PAGE, int(params.get(size, _PAGE)))
    more = {"nextPageToken": str(start + most)} if start + most < len(found) else {}
    return found[start : start + most], more


def _csv(features, selectors):
    """Features as the service writes them: without selectors the columns of the first, and two of its own."""
    rows = [{"system:index": own.get("id", ""), ".geo": "", **own["properties"]} for own in features]
    first = [name for name in (rows[0] if rows else {}) if name != ".geo"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, selectors or [*first, ".geo"], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
