"""What to extract, and which Earth Engine to ask.

Extract: satellite and weather features of any cities and days from Google Earth Engine.

Whether Earth Engine answers for every product: one city, one day, nothing written.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

import airq
from airq.cities import check_swapped, read_cities
from airq.io import check_writable
from airq.messages import import_optional
from airq.report.console import request_progress
from airq.sources.earthengine.assembly import assemble, source_of
from airq.sources.earthengine.budget import DEFAULT_PATIENCE, Budget, Patience
from airq.sources.earthengine.catalogue import RINGS_KM, products_of
from airq.sources.earthengine.folder import MANIFEST, Folder, Wanted, held, open_folder
from airq.sources.earthengine.layers import EARTH_ENGINE, Extraction, day_labels, has_images, layers_of
from airq.sources.earthengine.planning import Block, estimate

DEFAULT_WORKERS = 20


@dataclass(frozen=True)
class Task:
    """What to extract, where and when, as the command line gives it.

    Attributes
    ----------
    cities : str or Path
        City table (CSV).
    start, end : str
        First and last day.
    recipe : str
        Name of a set of products.
    products : list of str, optional
        Keys of those to keep.
    radius_km : float
        Radius of the disc around a city. [km]
    rings_km : tuple of float
        Outer radii of the rings of fire power. [km]
    quality : bool
        Whether satellite columns bring their valid-pixel count and age.
    day_basis : {"utc", "local"}
        Whose midnight ends a day.
    """

    cities: object
    start: str
    end: str
    recipe: str = "default"
    products: list | None = None
    radius_km: float = 5.0
    rings_km: tuple = RINGS_KM
    quality: bool = False
    day_basis: str = "utc"

    def extraction(self, url=None):
        """What to extract, of the service at an address."""
        return Extraction(
            self.recipe,
            products_of(self.recipe, self.products),
            self.radius_km,
            self.rings_km,
            self.quality,
            self.day_basis,
            service_name(url),
        )

    def wanted(self):
        """Where and when."""
        days = day_labels(self.start, self.end)
        if days[-1] > pd.Timestamp(today()):
            raise ValueError(
                f"The end {days[-1]:%Y-%m-%d} lies in the future: today is {today()} (UTC). "
                "Run the same command again on later days; it fetches what is new."
            )
        cities = read_cities(self.cities)
        # A request for the wrong place costs; in a table of monitors one slip must not stop the others.
        check_swapped(cities, name=str(self.cities), tolerated=0.0)
        return Wanted.of(cities, days[0], days[-1])


@dataclass(frozen=True)
class Service:
    """Which Earth Engine to ask, and as whom.

    Attributes
    ----------
    url : str, optional
        Address; the standard one by default.
    project : str, optional
        Cloud project; by default that of the environment or the credentials.
    credentials : str
        ``default``, ``anonymous``, or the path of a service account's file.
    workers : int
        Requests at once.
    patience : Patience
        How long to repeat what fails.
    timeout : float
        Longest wait for an answer; Earth Engine itself ends a computation after 300 s. [s]
    """

    url: str | None = None
    project: str | None = None
    credentials: str = "default"
    workers: int = DEFAULT_WORKERS
    patience: Patience = DEFAULT_PATIENCE
    timeout: float = 330.0

    def connect(self, tag):
        """Open a connection, requests labelled with a tag."""
        import_optional("ee", "Requests to Earth Engine", package="earthengine-api")
        from airq.sources.earthengine.client import connect
        from airq.sources.earthengine.credentials import load_credentials, resolve_project

        credentials = load_credentials(self.credentials, url=self.url)
        project = resolve_project(self.project, credentials)
        return connect(
            url=self.url,
            project=project,
            credentials=credentials,
            workload_tag=tag,
            timeout=self.timeout,
        )


def service_name(url):
    """Who answers at an address: a host, or a server on this machine whatever its port."""
    from airq.sources.earthengine.credentials import is_loopback

    if url is None:
        return EARTH_ENGINE
    return "a server on this machine" if is_loopback(url) else urlsplit(url).netloc


def today():
    """Today's date in UTC."""
    return np.datetime64(datetime.datetime.now(datetime.UTC).date())


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes
    ----------
    cities, days : int
        Of the folder once the run is over.
    cost : Cost
        Of what is missing.
    layers : list of dict
        For each layer: `layer, products, cities, periods, requests, hours` of what is missing.
    products : list of dict
        For each product: `product, asset, columns, first_day, last_day` of its images.
    notes : tuple of str
        What else a user should know.
    """

    cities: int
    days: int
    cost: object
    layers: list
    products: list
    notes: tuple


def plan(task, *, out=None, url=None, workers=DEFAULT_WORKERS):
    """What an extraction would send and cost. Nothing is sent.

    Parameters
    ----------
    task : Task
        What to extract.
    out : str or Path, optional
        Folder; what it already holds is not counted.
    url : str, optional
        Address of the service that a run would ask.
    workers : int
        Requests at once.

    Returns
    -------
    Plan
    """
    if out is None:
        folder, chunks, damaged = Folder(Path(), task.extraction(url), task.wanted()), [], []
    else:
        folder = open_folder(out, task.extraction(url), task.wanted())
        chunks, damaged = folder.found()
    missing = folder.missing(chunks, today=today())
    return Plan(
        cities=len(folder.wanted.sites),
        days=len(folder.wanted.days),
        cost=estimate(missing, workers=workers),
        layers=[_layer_facts(name, blocks, workers) for name, blocks in by_layer(missing).items()],
        products=[_product_facts(product) for product in folder.extraction.products],
        notes=tuple(_notes(folder, damaged)),
    )


@dataclass(frozen=True)
class Report:
    """What a run did.

    Attributes
    ----------
    out : str
        The folder.
    rows, sites : int
        Of the panel.
    first_day, last_day : str
        Of the panel.
    fetched : int
        Values that this run brought.
    requests, retries, splits : int
        Requests; those of them sent again after a fault; those that were too large and divided.
    bytes_sent, bytes_received : int
        Over the wire. [bytes]
    seconds, request_seconds : float
        The run's time, and that of its requests added up. [s]
    workload_tag : str
        Label under which Earth Engine accounts for the run.
    notes : tuple of str
        What else a user should know.
    """

    out: str
    rows: int
    sites: int
    first_day: str
    last_day: str
    fetched: int = 0
    requests: int = 0
    retries: int = 0
    splits: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    request_seconds: float = 0.0
    workload_tag: str = ""
    notes: tuple = ()

    def to_dict(self):
        """The same facts as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes)}

    def __str__(self):
        panel = (
            f"{self.out}/panel.parquet: {self.rows:,} rows, {self.sites:,} cities, "
            f"{self.first_day} to {self.last_day}."
        )
        if not self.requests:
            return f"Nothing was missing, nothing was sent. {panel}"
        return (
            f"{self.requests:,} requests in {self.seconds:,.1f} s ({self.retries:,} sent again, "
            f"{self.splits:,} divided), {self.bytes_received / 1e6:,.1f} MB received; together they took "
            f"{self.request_seconds / 60:,.1f} min, accounted under workload tag {self.workload_tag}.\n"
            f"{panel}"
        )


def extract(task, *, out, service):
    """Extract what a folder lacks, and write its panel.

    Parameters
    ----------
    task : Task
        What to extract, where and when.
    out : str or Path
        Folder for ``panel.parquet``, ``manifest.json`` and ``chunks/``; one that an earlier run
        began is gone on with, by later days or more cities, too.
    service : Service
        Which Earth Engine to ask.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If the task or the folder is wrong, or Earth Engine refuses; the message says what to do.
    OSError
        If the folder cannot be written or Earth Engine cannot be reached.
    KeyboardInterrupt
        On Ctrl-C. Chunks that were written are kept, in all cases.
    """
    extraction, wanted = task.extraction(service.url), task.wanted()
    check_writable(Path(out) / MANIFEST)
    open_folder(out, extraction, wanted)
    with held(out):
        folder = open_folder(out, extraction, wanted)
        chunks, damaged = folder.found()
        notes = _notes(folder, damaged)
        for path in damaged:
            path.unlink()
        missing, run = folder.missing(chunks, today=today()), {}
        panel = folder.panel_facts
        if missing:
            run = _run(folder, missing, service)
            chunks, _ = folder.found()
        made_of = _digest(folder.wanted, chunks)
        if missing or panel is None or panel.get("made_of") != made_of or not folder.panel.exists():
            idle = {chunk.path for chunk in folder.superseded(chunks)}
            lasting = [chunk for chunk in chunks if chunk.path not in idle]
            panel = {**assemble(folder, chunks), "made_of": _digest(folder.wanted, lasting)}
            folder.write_manifest(version=airq.__version__, panel=panel)
            for path in idle:
                path.unlink()
    return Report(
        out=str(out),
        **{name: panel[name] for name in ("rows", "sites", "first_day", "last_day")},
        **{name: run[name] for name in _OF_RUN if name in run},
        notes=(*notes, *_panel_notes(panel)),
    )


_OF_RUN = (
    *("fetched", "requests", "retries", "splits", "bytes_sent", "bytes_received"),
    *("seconds", "request_seconds", "workload_tag"),
)


def _run(folder, missing, service):
    """Ask for what is missing; what the run cost is written down, however it ends."""
    from airq.sources.earthengine.sampler import Progress, Target, sample

    wanted = folder.wanted
    target = Target(
        folder.chunks,
        folder.extraction.fingerprint,
        wanted.sites.index.to_numpy(),
        wanted.sites[["longitude", "latitude"]].to_numpy(),
    )
    tag, progress, begun = f"airq-{folder.extraction.recipe}", Progress(), time.monotonic()
    run = {"started": _now(), "ended": "in progress", "workload_tag": tag}
    with service.connect(tag) as engine:
        folder.runs.append(run)
        folder.write_manifest(version=airq.__version__, panel=folder.panel_facts)
        try:
            with request_progress(engine.stats) as tell:
                sample(
                    engine,
                    missing,
                    target,
                    budget=Budget(service.workers, patience=service.patience),
                    patience=service.patience,
                    progress=progress,
                    tell=tell,
                )
            run["ended"] = "complete"
        except BaseException as error:
            # The message may name the project or an account.
            run["ended"] = type(error).__name__
            raise
        finally:
            run |= _run_facts(engine, progress, time.monotonic() - begun)
            folder.write_manifest(version=airq.__version__, panel=folder.panel_facts)
    return run


def _run_facts(engine, progress, seconds):
    wire = engine.stats.as_dict()
    return {
        "finished": _now(),
        "seconds": round(seconds, 3),
        "request_seconds": wire["seconds"],
        "requests": wire["requests"],
        "by_status": wire["by_status"],
        "bytes_sent": wire["bytes_sent"],
        "bytes_received": wire["bytes_received"],
        **{name: getattr(progress, name) for name in ("fetched", "chunks", "retries", "splits")},
    }


def by_layer(blocks):
    """Blocks by the name of their layer."""
    layers = {}
    for block in blocks:
        layers.setdefault(block.layer.name, []).append(block)
    return layers


def _layer_facts(name, blocks, workers):
    cost = estimate(blocks, workers=workers)
    return {
        "layer": name,
        "products": [asked_as(product, blocks[0].layer) for product in blocks[0].layer.products],
        "cities": len(np.unique(np.concatenate([block.rows for block in blocks]))),
        "periods": len(np.unique(np.concatenate([block.periods for block in blocks]))),
        "requests": cost.requests,
        "hours": cost.compute_hours,
    }


def asked_as(product, layer):
    """What a product is called in a layer; rings of one product are several layers."""
    return f"{product.key} within {layer.radius_km:g} km" if product.shape == "rings" else product.key


def _product_facts(product):
    return {
        "product": product.key,
        "asset": product.asset,
        "columns": [band.name for band in product.bands],
        "kind": product.kind,
        "composite": product.composite,
        "first_day": product.start,
        "last_day": product.end,
        "citation": product.citation,
    }


def _notes(folder, damaged):
    """What a user should know before and after a run."""
    notes, days = [], folder.wanted.days
    if damaged:
        notes.append(
            f"{len(damaged)} damaged chunk{'s' * (len(damaged) > 1)} found, to be fetched again: "
            f"{damaged[0].name}"
        )
    if days[-1] == today():
        notes.append(f"today, {days[-1]}, has few images yet")
    if folder.extraction.service != EARTH_ENGINE:
        notes.append(f"{source_of(folder.extraction.service)}: no figure of it is about a real place")
    for product, layer in layers_of(folder.extraction):
        periods = np.unique(layer.period_of(days))
        lacking = sum(not has_images(product, period) for period in periods)
        if lacking:
            where = "" if lacking == len(periods) else f" in {lacking:,} of {len(periods):,} days"
            left = "no column of it is made" if lacking == len(periods) else "its values are empty there"
            notes.append(f"{product.key} ({product.asset}) has no images{where}: {dates_of(product)}; {left}")
    return list(dict.fromkeys(notes))


def dates_of(product):
    """When a product has images, in words."""
    return f"it runs from {product.start} to {product.end or 'today'}"


def _panel_notes(panel):
    empty = [name for name, share in panel["filled"].items() if share == 0]
    if empty:
        yield f"no value in any row of {', '.join(empty)}"
    for name, number in panel["emptied"].items():
        yield f"{number:,} implausible values of {name} emptied"


def _digest(wanted, chunks):
    """Hash of what a panel is made of: cities and days, as some need no further chunk, and chunks."""
    facts = [wanted.to_dict(), sorted(chunk.path.name for chunk in chunks)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _now():
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Probe:
    """What one product gave for one city and one period; `works` is None where it was not tried."""

    product: str
    asset: str
    works: bool | None
    answer: str


def check(task, *, service):
    """Ask for one city and one day, product by product, and say what works. Nothing is written.

    Parameters
    ----------
    task : Task
        What to extract; the first city and the first day are tried.
    service : Service
        Which Earth Engine to ask.

    Returns
    -------
    list of Probe
        One for each product of every layer.

    Raises
    ------
    ValueError, OSError
        If no connection can be opened.
    """
    from airq.sources.earthengine.errors import Refused, Unavailable
    from airq.sources.earthengine.sampler import probe

    wanted, extraction, probes = task.wanted(), task.extraction(service.url), []
    day = wanted.days[0]
    site = wanted.sites.iloc[[0]]
    offset = int(extraction.offset_hours(site["longitude"])[0])
    with service.connect(f"airq-{task.recipe}-check") as engine:
        for product, layer in layers_of(extraction):
            periods = layer.periods(day, day)
            if not len(periods):
                probes.append(
                    _probe(product, layer, None, f"not tried, no images on {day}: {dates_of(product)}")
                )
                continue
            block = Block(layer, np.array([0]), periods, offset if layer.has_local_days else 0)
            try:
                values = probe(engine, block, site[["longitude", "latitude"]].to_numpy())
            except (Refused, Unavailable) as error:
                probes.append(_probe(product, layer, False, str(error)))
            else:
                probes.append(_probe(product, layer, True, _values_text(layer, values, extraction.units)))
    return probes


def _probe(product, layer, works, answer):
    return Probe(asked_as(product, layer), product.asset, works, answer)


def _values_text(layer, values, units):
    """The values of one city and period, with their units."""
    texts = []
    for name, value in zip(layer.columns, values.ravel(), strict=True):
        unit = units.get(name, layer.products[0].bands[0].unit)
        texts.append(f"{name} {'no valid pixel' if np.isnan(value) else f'{value:.4g} {unit}'}")
    return ", ".join(texts)
