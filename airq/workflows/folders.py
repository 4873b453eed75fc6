"""Fill a folder from a service: ask for what it lacks, write its panel, and report what the run did."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from airq.io import check_writable
from airq.sources.assembly import assemble
from airq.sources.folder import MANIFEST, PANEL, Folder, locked_folder, open_folder
from airq.sources.online.errors import Refused
from airq.sources.site_days import today

#: Why no city has a value, as `Folder.waiting` tells it, in words.
KINDS = {
    "no_image": "no or too few images",
    "masked": "images, but no valid pixel in any city,",
    "unknown": "no value in any city",
}


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
    #: Products with days on which no city has a value, as :meth:`Folder.waiting` gives them.
    waiting: tuple = ()

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
        return {**dataclasses.asdict(self), "notes": list(self.notes), "waiting": list(self.waiting)}

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


def survey(out, extraction, site_days, on_day=None, refresh=None):
    """Return a Folder, its chunks and its damaged files; without `out`, an empty folder that is nowhere.

    `refresh` is as :func:`fill_folder` takes it. Errors are those of :func:`airq.sources.folder.open_folder`.
    """
    if out is None:
        return Folder(Path(), extraction, site_days, on_day=on_day or today()), [], []
    folder = _opened(out, extraction, site_days, on_day, refresh)
    return folder, *folder.read_chunks()


def _opened(out, extraction, site_days, on_day, refresh):
    folder = open_folder(out, extraction, site_days, on_day)
    if refresh is not None:
        folder.refresh(*refresh, {part.key for layer in extraction.layers for part in layer.parts})
    return folder


def fill_folder(out, extraction, site_days, *, fetch, notes_of, on_day=None, partial=False, refresh=None):
    """Ask for what a folder lacks, write its panel, and return facts of the panel, the run, and notes.

    `fetch(folder, chunks)` writes what the chunks lack and returns what the run cost, nothing if they lack
    nothing; `notes_of(folder)` returns what a user should know of what is asked for. Chunks that were written
    are kept, whatever fails; where the service stays away, `partial` says whether the panel takes up what
    came before the error is raised. `on_day` (datetime64[D]) is the date in UTC, by default today; `refresh`
    is the first and the last day of a span to fetch anew, of the products of the extraction.
    """
    check_writable(Path(out) / MANIFEST)
    asked = (out, extraction, site_days, on_day, refresh)
    # What is wrong is said before anything is written.
    _opened(*asked)
    with locked_folder(out):
        folder, chunks, damaged = survey(*asked)
        notes = (*damage_notes(damaged), *notes_of(folder), *change_notes(folder, chunks))
        for path in damaged:
            path.unlink()
        run, failure = {}, None
        try:
            run = fetch(folder, chunks)
        except (ConnectionError, Refused) as error:
            if not partial:
                raise
            failure = error
        if run or failure is not None:
            chunks, _ = folder.read_chunks()
        if failure is not None and not chunks:
            raise failure
        if failure is None:
            folder.refreshes.clear()
        if run or not _is_current(folder, chunks):
            _write_panel(folder, chunks)
        panel, waiting = folder.panel_facts, folder.waiting(chunks)
    if failure is not None:
        raise failure
    notes = (*dict.fromkeys(notes), *waiting_notes(waiting), *_panel_notes(panel))
    return {**panel, **run, "out": str(out), "notes": notes, "waiting": tuple(waiting)}


def _write_panel(folder, chunks):
    """Write the panel, if it is not made of these chunks already, and the manifest; drop what has no use."""
    idle = {chunk.path for chunk in folder.superseded(chunks)}
    lasting = [chunk for chunk in chunks if chunk.path not in idle]
    if not _is_current(folder, lasting):
        folder.panel_facts = {**assemble(folder, chunks), "made_of": _made_of(folder, lasting)}
    folder.write_manifest()
    for path in idle:
        path.unlink()


def _is_current(folder, chunks):
    """Return whether the panel is there, and made of these chunks."""
    return folder.panel.exists() and (folder.panel_facts or {}).get("made_of") == _made_of(folder, chunks)


@contextlib.contextmanager
def account(folder, costs, **facts):
    """Note a run in the manifest, which gets what it cost however it ends; yields the `facts` of the run.

    `costs()` returns what is known at the end.
    """
    facts, begun = {"started": now(), "ended": "in progress", **facts}, time.monotonic()
    folder.runs.append(facts)
    folder.write_manifest()
    ended = "complete"
    try:
        yield facts
    except BaseException as error:
        # The message may name the project or an account.
        ended = type(error).__name__
        raise
    finally:
        seconds = round(time.monotonic() - begun, 3)
        facts |= {"ended": ended, **costs(), "finished": now(), "seconds": seconds}
        folder.write_manifest()


def now():
    """Return the time in UTC as text."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def damage_notes(damaged):
    """Return what a user should know of damaged chunks."""
    if damaged:
        plural = "s" * (len(damaged) > 1)
        yield f"{len(damaged)} damaged chunk{plural} will be fetched again, first {damaged[0].name}"


def change_notes(folder, chunks):
    """Return what of a folder is fetched anew, or besides what it held, and why."""
    alike = {}
    for own in folder.changes(chunks):
        alike.setdefault((own["reason"], own["city_days"]), []).append(own["product"])
    for (reason, city_days), products in alike.items():
        each = " each" * (len(products) > 1)
        yield f"{', '.join(products)}: {reason}, {city_days:,} city-days{each} to fetch"
    keys = {part.key for part in folder.parts}
    gone = [own["key"] for own in folder.replaced if own["until"] == str(folder.on_day)]
    if gone := [key for key in gone if key not in keys]:
        yield f"{', '.join(gone)}: no longer in the recipe, no column of it is made"
    if unidentified := folder.unidentified():
        yield (
            f"{len(unidentified):,} chunks of an earlier version are not used: the manifest that named their "
            f"products is gone, first {unidentified[0].path.name}"
        )


def waiting_notes(waiting):
    """Return which days of products no city has a value of, and whether they may still get one."""
    for own in waiting:
        parts = [
            f"{words} on {len(own[kind]):,} of {own['periods']:,} days ({', '.join(own[kind][:3])}"
            f"{' …' * (len(own[kind]) > 3)})"
            for kind, words in KINDS.items()
            if own[kind]
        ]
        again = f"; asked again from {own['again']}" if own["again"] else ""
        yield f"{own['product']}: {', '.join(parts)}{again}"


def _panel_notes(panel):
    empty = [name for name, share in panel["filled"].items() if share == 0]
    if empty:
        yield f"no value in any row of {', '.join(empty)}"
    for name, number in panel["emptied"].items():
        yield f"{number:,} implausible values of {name} emptied"


def _made_of(folder, chunks):
    """Return the hash of what a panel is made of: products, cities and days, and chunks."""
    facts = [folder.extraction.fingerprint, folder.site_days.to_dict()]
    facts.append(sorted(chunk.path.name for chunk in chunks))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
