"""Fill a folder from a service: ask for what it lacks, write its panel, and report what the run did."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from airq.io import check_writable
from airq.sources.assembly import assemble
from airq.sources.folder import MANIFEST, PANEL, locked_folder, open_folder
from airq.sources.online.errors import Refused


@dataclass(frozen=True)
class FolderReport:
    """What a run did."""

    #: The folder, and rows, cities and days of its panel.
    out: str
    rows: int
    sites: int
    first_day: str
    last_day: str
    #: Values that this run brought.
    fetched: int = 0
    #: Requests; those of them sent again after a fault.
    requests: int = 0
    retries: int = 0
    #: Over the wire. [bytes]
    bytes_received: int = 0
    #: The run's time. [s]
    seconds: float = 0.0
    #: What else a user should know.
    notes: tuple = ()

    @property
    def panel(self):
        """File of the panel."""
        return Path(self.out) / PANEL

    @classmethod
    def from_facts(cls, facts):
        """Return the report of a panel's and a run's facts; others are left out."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: facts[name] for name in names if name in facts})

    def to_dict(self):
        """Return the same as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        panel = (
            f"{self.panel}: {self.rows:,} rows, {self.sites:,} cities, {self.first_day} to {self.last_day}."
        )
        if not self.requests:
            return f"Nothing was missing, nothing was sent. {panel}"
        return f"{self._sent()}\n{panel}"

    def _sent(self):
        return (
            f"{self.requests:,} requests in {self.seconds:,.1f} s ({self.retries:,} sent again), "
            f"{self.bytes_received / 1e6:,.1f} MB received."
        )


def fill_folder(out, extraction, site_days, *, fetch, notes_of, on_day=None, partial=False):
    """Ask for what a folder lacks, write its panel, and return facts of the panel, the run, and notes.

    `fetch(folder, missing)` writes chunks for a list of LayerRequest and returns what the run cost;
    `notes_of(folder)` returns what a user should know of what is asked for. Chunks that were written are
    kept, whatever fails; where the service stays away, `partial` says whether the panel takes up what came
    before the error is raised. `on_day` (datetime64[D]) is the date in UTC, by default today.
    """
    check_writable(Path(out) / MANIFEST)
    open_folder(out, extraction, site_days, on_day)
    with locked_folder(out):
        folder = open_folder(out, extraction, site_days, on_day)
        chunks, damaged = folder.read_chunks()
        notes = (*damage_notes(damaged), *notes_of(folder))
        for path in damaged:
            path.unlink()
        missing, run, failure = folder.missing(chunks), {}, None
        panel = folder.panel_facts
        if missing:
            try:
                run = fetch(folder, missing)
            except (ConnectionError, Refused) as error:
                if not partial:
                    raise
                failure = error
            chunks, _ = folder.read_chunks()
            if failure is not None and not chunks:
                raise failure
        made_of = _made_of(folder.site_days, chunks)
        if missing or panel is None or panel.get("made_of") != made_of or not folder.panel.exists():
            idle = {chunk.path for chunk in folder.superseded(chunks)}
            lasting = [chunk for chunk in chunks if chunk.path not in idle]
            panel = {**assemble(folder, chunks), "made_of": _made_of(folder.site_days, lasting)}
            folder.panel_facts = panel
            folder.write_manifest()
            for path in idle:
                path.unlink()
    if failure is not None:
        raise failure
    return {**panel, **run, "out": str(out), "notes": (*dict.fromkeys(notes), *_panel_notes(panel))}


class Run:
    """Account of a run in the manifest, which gets what it cost however it ends.

    Use as ``with Run(folder, costs) as facts``: `costs()` returns what is known at the end.
    """

    def __init__(self, folder, costs, **facts):
        self.folder, self.costs = folder, costs
        self.facts = {"started": now(), "ended": "in progress", **facts}

    def __enter__(self):
        self.begun = time.monotonic()
        self.folder.runs.append(self.facts)
        self.folder.write_manifest()
        return self.facts

    def __exit__(self, kind, error, trace):
        # The message may name the project or an account.
        self.facts["ended"] = "complete" if kind is None else kind.__name__
        seconds = round(time.monotonic() - self.begun, 3)
        self.facts |= {**self.costs(), "finished": now(), "seconds": seconds}
        self.folder.write_manifest()


def now():
    """Return the time in UTC as text."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def damage_notes(damaged):
    """Return what a user should know of damaged chunks."""
    if damaged:
        plural = "s" * (len(damaged) > 1)
        yield f"{len(damaged)} damaged chunk{plural} will be fetched again, first {damaged[0].name}"


def _panel_notes(panel):
    empty = [name for name, share in panel["filled"].items() if share == 0]
    if empty:
        yield f"no value in any row of {', '.join(empty)}"
    for name, number in panel["emptied"].items():
        yield f"{number:,} implausible values of {name} emptied"


def _made_of(site_days, chunks):
    """Return the hash of what a panel is made of: cities and days, as some need no chunk, and chunks."""
    facts = [site_days.to_dict(), sorted(chunk.path.name for chunk in chunks)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
