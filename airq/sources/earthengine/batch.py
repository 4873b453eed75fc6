"""Batch: tasks that go on at Earth Engine without this machine, and whose files become chunks.

A task computes a *block*, cities and periods of a layer, as one request does, only larger. Its name is the
hash of all that decides the block, with the number of the attempt: Earth Engine starts no second task of a
name, and any machine finds running tasks and finished files by it. Nothing about them is remembered here.

No document says what a repeated start is answered, or how a file that is divided is called. The first task
and a refusal are both taken; a file is known by how its name begins, and is whole once it has all cities.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import re
import time

import ee
import numpy as np
import pandas as pd
import tenacity

from airq.sources.earthengine import graph
from airq.sources.earthengine.blocks import Attempt, note_begun
from airq.sources.earthengine.budget import Budget
from airq.sources.earthengine.client import call_with_retries
from airq.sources.earthengine.errors import (
    OutOfMemory,
    Refused,
    Reply,
    Silent,
    Throttled,
    TooLarge,
    Unavailable,
    classify,
)
from airq.sources.earthengine.layers import has_images
from airq.sources.earthengine.planning import TILE_SCALES
from airq.sources.earthengine.sampler import Progress, read_answer

#: Starts of a block in one run, before its failure is final.
STARTS = 3
#: Looks after the end of a task in which its file may still appear.
LOOKS = 3
#: Beginning of the name of a task and its file: hash of the block and number of the attempt.
NAME = re.compile(r"airq-([0-9a-f]{40})-(\d+)_")
#: What no further attempt changes, in words of the service.
FINAL = re.compile(
    r"permission|denied|access|not found|does not exist|quota|budget|no such|not registered", re.IGNORECASE
)
#: The queue is full; a task of that request is there, or was.
QUEUE = re.compile(r"tasks.{0,60}queue", re.IGNORECASE)
REPEATED = re.compile(r"already|duplicate|request.?id", re.IGNORECASE)
ACTIVE = ("PENDING", "RUNNING", "CANCELLING")
#: States of operations as the client's tasks call them.
STATES = {"UNSUBMITTED": "PENDING", "READY": "PENDING", "CANCEL_REQUESTED": "CANCELLING"}
STATES |= {"COMPLETED": "SUCCEEDED"}


def selectors(request):
    """Return the names of a block's columns: every property of its features.

    All are named, as a feature lacks those without a valid pixel.
    """
    layer, names = request.layer, [graph.CITY]
    for position, period in enumerate(request.periods):
        for output in layer.outputs:
            if has_images(output.product, period):
                own = [layer.property_of(output, position), layer.count_of(output, position)]
                names += [name for name in own if name is not None]
    return list(dict.fromkeys(names))


def read_features(contents):
    r"""Return the properties of every feature in some CSV files (bytes), a list of dict without empty ones.

    Columns that are no number, such as ``system:index`` and ``.geo``, are left out.

    >>> read_features([b"system:index,c,v0_0,v1_0,.geo\n0_1,1,2.5,,\n"])
    [{'c': 1.0, 'v0_0': 2.5}]
    """
    settings = {"encoding": "utf-8-sig", "dtype": "str", "index_col": False}
    table = pd.concat([pd.read_csv(io.BytesIO(content), **settings) for content in contents])
    rows = table.drop(columns=["system:index", ".geo"], errors="ignore").to_dict("records")
    return [{name: float(value) for name, value in row.items() if pd.notna(value)} for row in rows]


def collect(connection, folder, blocks, destination, *, patience, progress, report_progress=None):
    """Start a task for every block, wait for them, and write their files as chunks of a folder.

    What runs or is finished already is taken up. Raise Refused once nothing runs any more and blocks have
    failed for good or were cancelled, with their names and reasons; KeyboardInterrupt with words of its own.
    """
    run = _Run(connection, folder, destination, patience, progress, report_progress)
    run.add(blocks)
    note_begun(folder, blocks)
    waits = {"multiplier": patience.base, "max": patience.longest}
    looks = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool), wait=tenacity.wait_exponential(**waits), sleep=time.sleep
    )
    try:
        looks(run.look)
    except KeyboardInterrupt:
        alone = " and without --refresh" if folder.refreshes else ""
        raise KeyboardInterrupt(
            f"Interrupted. {progress.under_way:,} tasks go on at Earth Engine, and what they write waits in "
            f"{destination}. Run the same command again, on this or another machine, to go on; with --cancel"
            f"{alone} it ends them."
        ) from None
    if run.lost:
        named = [f"{block}: {reason}" for block, reason in run.lost.values()]
        more = f"; and {len(named) - 3:,} more" if len(named) > 3 else ""
        raise Refused(
            f"{len(named):,} of {progress.blocks:,} tasks brought nothing: {'; '.join(named[:3])}{more}. "
            "What the others brought is kept. Run the same command again to start them again."
        )
    note_begun(folder, [])


def cancel(connection, folder, blocks, destination, *, patience):
    """Ask Earth Engine to end the tasks of blocks, nothing else, and return how many that were."""
    run = _Run(connection, folder, destination, patience, Progress(), None)
    run.add(blocks)
    run.find()
    count = 0
    while run.open:
        # The halves of what was divided are blocks of their own.
        halves = []
        for block in run.open.values():
            halves += block.halves(run.places) if _too_large(block) else []
            for own in block.attempts.values():
                if own.state in ACTIVE:
                    with contextlib.suppress(Refused):
                        run.ask(ee.data.cancelOperation, own.operation)
                        count += 1
        run.open = {}
        run.add(halves)
        run.find()
    return count


class _Run:
    def __init__(self, connection, folder, destination, patience, progress, report_progress):
        self.connection, self.folder, self.destination = connection, folder, destination
        self.progress, self.report = progress, report_progress or (lambda _: None)
        # Tasks take hours: nothing is given up before its last attempt.
        self.budget = Budget(1, patience=dataclasses.replace(patience, silence=math.inf))
        self.places = folder.places
        #: Blocks by their key: those that are not yet settled, and, with the reason, those that are lost.
        self.open, self.lost = {}, {}
        #: Whether the service may take further tasks.
        self.room = True

    def ask(self, call, *arguments):
        """Return what a call returns, repeated for as long as that can help."""

        def translated():
            try:
                with self.connection.translated():
                    return call(*arguments)
            except Silent as error:
                raise Unavailable(str(error)) from error

        return call_with_retries(translated, self.connection, budget=self.budget)

    def add(self, blocks):
        """Take up blocks."""
        self.open |= {block.key: block for block in blocks}
        self.progress.blocks += len(blocks)
        self.progress.total += sum(block.request.cells for block in blocks)

    def look(self):
        """Bring every block one step further; return how many are not settled."""
        self.find()
        self.room = True
        for block in list(self.open.values()):
            self.settle(block)
        self.tell()
        return len(self.open)

    def tell(self):
        """Report the progress."""
        attempts = [own for block in self.open.values() for own in block.attempts.values()]
        self.progress.under_way = sum(own.state in ACTIVE for own in attempts)
        self.progress.requests = self.connection.stats.requests
        self.report(self.progress)

    def find(self):
        """Note the tasks and files of all blocks."""
        files = self.ask(self.destination.files, self.connection, "airq-")
        for block in self.open.values():
            for own in block.attempts.values():
                own.files = []
        for file in sorted(files, key=lambda own: own.created):
            if file.name.endswith(".csv") and (attempt := self._attempt(file.name)) is not None:
                # Drive allows two files of a name: the newer one counts.
                attempt.files = [own for own in attempt.files if own.name != file.name] + [file]
        for operation in self.ask(ee.data.listOperations):
            self._note(operation)

    def _attempt(self, name):
        match = NAME.match(name)
        if match is None or match[1] not in self.open:
            return None
        return self.open[match[1]].attempts.setdefault(int(match[2]), Attempt())

    def _note(self, operation):
        facts = operation.get("metadata") or {}
        attempt = self._attempt(facts.get("description") or "")
        if attempt is not None:
            state, error = facts.get("state") or "PENDING", operation.get("error") or {}
            attempt.state, attempt.operation = STATES.get(state, state), operation.get("name")
            attempt.began = facts.get("startTime") or facts.get("createTime") or ""
            attempt.reason = error.get("message") or ""

    def settle(self, block):
        """Bring a block one step further."""
        number = max(block.attempts, default=-1)
        last = block.attempts.get(number, Attempt("FAILED"))
        if last.state in ACTIVE:
            block.seen = True
        elif last.state == "CANCELLED" and block.seen:
            self._lose(block, f"its task {last.operation} was cancelled")
        elif last.state in ("FAILED", "CANCELLED"):
            self._again(block, number, last.reason)
        elif not (last.files and self._kept(block, last)):
            block.looks += 1
            if block.looks >= LOOKS:
                last.reason = f"its file is not whole, or not in {self.destination}"
                self._again(block, number, last.reason)

    def _kept(self, block, attempt):
        """Return whether the files of an attempt became a chunk; they may lack rows that are yet to come."""
        contents = [self.ask(self.destination.read, self.connection, file) for file in attempt.files]
        try:
            values = read_answer(block.renumbered(read_features(contents)), block.request)
        except (Unavailable, ValueError):
            return False
        began = (attempt.began or attempt.files[0].created).removesuffix("Z")
        self.folder.keep(block.request, values, began=began or None)
        del self.open[block.key]
        self.progress.chunks += 1
        self.progress.done += block.request.cells
        self.progress.fetched += int(np.isfinite(values).sum())
        self.tell()
        return True

    def _again(self, block, number, reason):
        """Start a block, again after its task failed; divide it if it was too large, or give it up.

        One that cannot be started as it was is dropped, and what is missing then makes other blocks.
        """
        if block.is_part or _too_large(block):
            del self.open[block.key]
            self.progress.splits += not block.is_part
            self.progress.blocks -= 1
            self.progress.total -= block.request.cells
            self.add([] if block.is_part else block.halves(self.places))
            note_begun(self.folder, self.open.values())
        elif block.starts >= STARTS or (block.starts and FINAL.search(reason)):
            starts = f"after {block.starts} starts" if block.starts > 1 else "another start would not help"
            self._lose(block, f"{reason.rstrip('.') or 'its task failed'} ({starts})")
        elif self.room:
            self._start(block, number + 1)

    def _lose(self, block, reason):
        del self.open[block.key]
        self.lost[block.key] = (block, reason)

    def _start(self, block, number):
        """Start an attempt of a block, unless the queue is full or the service has that attempt already."""
        without_memory = sum(isinstance(own, OutOfMemory) for own in _faults(block))
        request = dataclasses.replace(block.request, tile_scale=TILE_SCALES[min(without_memory, 2)])
        try:
            operation = self._export(request, block.name(number))
        except Refused as error:
            if QUEUE.search(str(error)):
                self.room = False
                return
            if not REPEATED.search(str(error)):
                raise Refused(f"{block}: {error}", asset=error.asset) from error
            # Another machine has started it since the list was read, or it is too old to be listed.
            self.find()
            if number not in block.attempts:
                block.attempts[number] = Attempt("FAILED", reason=str(error))
                block.starts += 1
            return
        block.attempts[number] = Attempt("PENDING", operation.get("name"))
        self._note(operation)
        block.starts, block.looks, block.seen = block.starts + 1, 0, True
        self.progress.started += 1
        self.progress.restarted += number > 0
        self.progress.smaller_tiles += request.tile_scale > 1
        self.tell()

    def _export(self, request, name):
        """Return the operation of a new task."""
        table = (request.layer, self.places[request.rows], request.periods)
        settings = {"offset_hours": request.offset_hours, "tile_scale": request.tile_scale}
        params = {
            "expression": graph.table(*table, **settings),
            "description": name,
            "selectors": selectors(request),
            "fileExportOptions": self.destination.export_options(name),
        }

        def begin():
            try:
                return ee.data.exportTable(name.split("_")[0], params)
            except Throttled as error:
                # No repetition makes room in a queue of days.
                raise Refused(str(error)) if QUEUE.search(str(error)) else error from None

        return self.ask(begin)


def _faults(block):
    """Return what the failures of a block's attempts stand for, in order, as errors."""
    reasons = [block.attempts[number].reason for number in sorted(block.attempts)]
    answers = [json.dumps({"error": {"message": reason}}).encode() for reason in reasons if reason]
    return [classify(Reply(400, content=answer), host="Earth Engine", project="") for answer in answers]


def _too_large(block):
    """Return whether a block's tasks failed by its size, for the smallest tiles, too, and it has halves."""
    faults = _faults(block)
    without_memory = sum(isinstance(own, OutOfMemory) for own in faults)
    too_large = without_memory >= len(TILE_SCALES) or any(type(own) is TooLarge for own in faults)
    return too_large and len(block.request.rows) * len(block.request.periods) > 1
