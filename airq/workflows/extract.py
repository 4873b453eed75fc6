"""Extract satellite and weather features of any cities and days from Google Earth Engine.

:func:`extract` asks for what a folder lacks and returns its panel; :func:`plan` estimates beforehand what
that sends and costs; :func:`check` tries one city and one day, product by product, and has measured what that
costs. The package ``earthengine-api`` is needed only once something is sent.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
import pandas as pd

from airq.cities import read_cities
from airq.grids import cell_width
from airq.io import read_panel
from airq.messages import import_optional, warn
from airq.sources.earthengine.blocks import blocks_of, estimate_tasks
from airq.sources.earthengine.budget import DEFAULT_PATIENCE, Budget, Patience
from airq.sources.earthengine.catalogue import RINGS_KM, products_of
from airq.sources.earthengine.destinations import read_destination
from airq.sources.earthengine.extraction import EARTH_ENGINE, Extraction
from airq.sources.earthengine.layers import has_images
from airq.sources.earthengine.planning import (
    MOST_ANSWERED,
    Cost,
    estimate,
    layer_rows,
    plan_requests,
    remember_prices,
    sample_requests,
)
from airq.sources.folder import LayerRequest
from airq.sources.online.address import service_name
from airq.sources.site_days import SiteDays, day_labels, today
from airq.workflows.folders import (
    FolderReport,
    account,
    change_notes,
    damage_notes,
    fill_folder,
    survey,
    waiting_notes,
)

#: Radius of the disc around a city, by default. [km]
RADIUS_KM = 5.0


@dataclass(frozen=True)
class EarthEngine:
    """Which Earth Engine to ask, and as whom. Nothing is sent until an extraction lacks something.

    Attributes
    ----------
    project : str, optional
        Cloud project; by default that of the environment or the credentials.
    credentials : str
        ``default``, ``anonymous``, or the path of a service account's file.
    url : str, optional
        Address; the standard one by default.
    workers : int
        Requests at once; a project may send 40.
    patience : Patience
        How long to repeat what fails.
    timeout : float
        Longest wait for an answer; Earth Engine itself ends a computation after 300 s. [s]

    Examples
    --------
    >>> EarthEngine("my-project", workers=40).workers
    40
    """

    project: str | None = None
    credentials: str | PathLike = "default"
    url: str | None = None
    workers: int = 20
    patience: Patience = DEFAULT_PATIENCE
    timeout: float = 330.0

    def connect(self, tag):
        """Open a connection, requests labelled with a tag."""
        import_optional("ee", "Requests to Earth Engine", package="earthengine-api")
        from airq.sources.earthengine.client import connect
        from airq.sources.earthengine.credentials import load_credentials, resolve_project

        credentials = load_credentials(self.credentials, url=self.url)
        project = resolve_project(self.project, credentials)
        settings = {"url": self.url, "timeout": self.timeout, "workload_tag": tag}
        return connect(project=project, credentials=credentials, **settings)


@dataclass(frozen=True)
class ExtractionRequest:
    """What to extract, where and when: the arguments of :func:`extract`."""

    cities: pd.DataFrame | str | PathLike
    start: str
    end: str
    recipe: str = "default"
    products: Sequence[str] | None = None
    radius_km: float | None = None
    rings_km: Sequence[float] = RINGS_KM
    quality: bool = False
    day_basis: str = "utc"

    @functools.cached_property
    def _table(self):
        return read_cities(self.cities, tolerated=0.0)

    def extraction(self, url=None):
        """Return what to extract, of the service at an address."""
        products = products_of(self.recipe, self.products)
        service = service_name(url, EARTH_ENGINE, option="--ee-url")
        radius_km, cell = self.radius_km, None
        if radius_km is None:
            radius_km, cell = RADIUS_KM, None if self.cities is None else cell_width(self._table)
        settings = (radius_km, self.rings_km, self.quality, self.day_basis, service, cell)
        return Extraction(self.recipe, products, *settings)

    def site_days(self, on_day=None):
        """Return where and when, checked; `on_day` (datetime64[D]) is the date in UTC, by default today."""
        days = day_labels(self.start, self.end, on_day=on_day or today())
        return SiteDays.from_cities(self._table, days[0], days[-1])


def extract(
    cities: pd.DataFrame | str | PathLike,
    start: str,
    end: str,
    *,
    out: str | PathLike,
    recipe: str = "default",
    products: Sequence[str] | None = None,
    radius_km: float | None = None,
    rings_km: Sequence[float] = RINGS_KM,
    quality: bool = False,
    day_basis: str = "utc",
    refresh: str | Sequence[str] | None = None,
    batch: str | None = None,
    client: EarthEngine | None = None,
) -> pd.DataFrame:
    """Extract what a folder lacks, and return its panel.

    Parameters
    ----------
    cities : DataFrame, str or Path
        `city, country, latitude, longitude` and, if there are, `city_id` and `population`; or the CSV
        file of such a table.
    start, end : str
        First and last day, such as ``2020-01-31``.
    out : str or Path
        Folder for ``panel.parquet``, ``manifest.json`` and ``chunks/``. The folder of an earlier run is
        continued: what it holds is not asked for again, and later days, more cities, products, rings or
        `quality` are added to it. A product that the catalogue has corrected since is fetched anew, and so
        are days of which no city had a value, once there are images.
    recipe : {"default", "live", "reference"}
        Set of products: for past days, for today, or those of the reference model of 2020.
    products : sequence of str, optional
        Keys of the products of the recipe to take; those that the folder holds stay in it.
    radius_km : float, optional
        Radius of the disc around a city, by default 5. [km] Without it, the cells of a grid, such as
        ``airq.places(grid=0.1)`` makes, are taken as a whole, by the pixels of the country at once; rings
        are around their middles.
    rings_km : sequence of float
        Outer radii of the rings of fire power. [km]
    quality : bool
        Whether satellite columns bring their valid-pixel count [1] and age [d].
    day_basis : {"utc", "local"}
        Whose midnight ends a day: that of UTC, or the city's by its longitude.
    refresh : str or pair of str, optional
        First and last day of a span whose `products` are fetched anew, such as ``2023-06-01..2023-06-30``.
    batch : str, optional
        ``gs://BUCKET/PREFIX`` or ``drive:FOLDER``, where tasks of Earth Engine write what is missing; by
        default it is asked for at once. Tasks go on without this machine, and the same call on any machine
        takes up those that run or are finished.
    client : EarthEngine, optional
        Which Earth Engine to ask; the standard one with the credentials of this machine by default.

    Returns
    -------
    DataFrame
        The panel: a row for each city and day, with units and sources in its metadata.

    Raises
    ------
    ValueError
        If an argument or the folder is wrong, or Earth Engine refuses; the message says what to do.
    OSError
        If the folder cannot be written or Earth Engine cannot be reached.
    ModuleNotFoundError
        If something must be sent and ``earthengine-api`` is not installed.
    KeyboardInterrupt
        On Ctrl-C. Chunks that were written are kept, in all cases.

    Warns
    -----
    AirqWarning
        For what a user should know of the panel, such as products without images.
    """
    request = ExtractionRequest(cities, start, end, recipe, products, radius_km, rings_km, quality, day_basis)
    report = run_extraction(request, out=out, client=client, refresh=refresh, batch=batch)
    for note in report.notes:
        warn(note)
    return read_panel(report.panel)


@dataclass(frozen=True)
class ExtractionReport(FolderReport):
    """What a run did."""

    #: Requests that ran out of memory and were sent again with smaller tiles; those that were divided.
    smaller_tiles: int = 0
    splits: int = 0
    #: Over the wire. [bytes]
    bytes_sent: int = 0
    #: The time of the requests added up. [s]
    request_seconds: float = 0.0
    #: Label under which Earth Engine accounts for the run.
    workload_tag: str = ""
    #: Where tasks wrote, "" if all was asked for at once; files of tasks that were read, tasks that this run
    #: started, and those of them that were started again.
    batch: str = ""
    chunks: int = 0
    started: int = 0
    restarted: int = 0

    def _sent(self):
        if self.batch:
            return (
                f"{self.chunks:,} tasks wrote into {self.batch}; {self.started:,} were started in this run, "
                f"{self.restarted:,} of them again after a failure. {self.requests:,} requests in "
                f"{self.seconds:,.1f} s, {self.bytes_received / 1e6:,.1f} MB received; accounted under "
                f"workload tag {self.workload_tag}."
            )
        return (
            f"{self.requests:,} requests in {self.seconds:,.1f} s ({self.retries:,} sent again, "
            f"{self.smaller_tiles:,} with smaller tiles, {self.splits:,} divided), "
            f"{self.bytes_received / 1e6:,.1f} MB received; together they took "
            f"{self.request_seconds / 60:,.1f} min, accounted under workload tag {self.workload_tag}."
        )


def run_extraction(request, *, out, client=None, report_progress=None, refresh=None, batch=None, on_day=None):
    """Extract what a folder lacks, write its panel, and return the ExtractionReport of the run.

    `out`, `client`, `refresh` and `batch` are as :func:`extract` takes them, and so are the errors.
    `report_progress` is called with a :class:`airq.sources.earthengine.sampler.Progress` after everything
    that happens; `on_day` (datetime64[D]) is the date in UTC, by default today.
    """
    client = client or EarthEngine()
    extraction, site_days = request.extraction(client.url), request.site_days(on_day)
    destination = None if batch is None else read_destination(batch)

    def fetch(folder, chunks):
        return _fetch(folder, chunks, client, destination, report_progress)

    span = None if refresh is None else span_of(refresh)
    settings = {"fetch": fetch, "notes_of": _notes, "on_day": on_day, "refresh": span}
    return ExtractionReport.from_facts(fill_folder(out, extraction, site_days, **settings))


def span_of(text):
    """Return first and last day of a span, `START..END` or a pair; raise ValueError if it is none.

    >>> [str(day) for day in span_of("2023-06-01..2023-06-30")]
    ['2023-06-01', '2023-06-30']
    """
    ends = text.split("..") if isinstance(text, str) else list(text)
    if len(ends) != 2:
        raise ValueError(f"The span to refresh, {text!r}, is not two days such as 2023-06-01..2023-06-30.")
    days = day_labels(*ends)
    return days[0].date(), days[-1].date()


def _fetch(folder, chunks, client, destination, report_progress):
    """Count images where it is doubtful whether there are any, ask for what is missing, return the cost."""
    views, missing = folder.to_look_at(chunks), folder.missing(chunks)
    if not (views or missing):
        return {}
    tag = f"airq-{folder.extraction.recipe}"
    with client.connect(tag) as connection:
        from airq.sources.earthengine.batch import collect
        from airq.sources.earthengine.images import look_at_images
        from airq.sources.earthengine.sampler import Progress, sample

        progress = Progress()
        reporting = {"progress": progress, "report_progress": report_progress}
        budget = Budget(client.workers, patience=client.patience)

        def costs():
            wire = connection.stats.as_dict()
            return {**dataclasses.asdict(progress), **wire, "request_seconds": wire["seconds"]}

        facts = {} if destination is None else {"batch": str(destination)}
        with account(folder, costs, workload_tag=tag, **facts) as run:
            if views:
                look_at_images(connection, folder, views, budget=budget)
                missing = folder.missing(chunks)
            if missing and destination is None:
                sample(connection, missing, folder, budget=budget, **reporting)
            # What an old task brought may lack images that came since.
            for _ in range(2 if missing and destination else 0):
                if blocks := blocks_of(folder, folder.read_chunks()[0], destination):
                    collect(connection, folder, blocks, destination, patience=client.patience, **reporting)
            if missing and (views := folder.to_look_at(folder.read_chunks()[0], asked=True)):
                look_at_images(connection, folder, views, budget=budget)
    return run


def cancel_tasks(request, *, out, batch, client=None, on_day=None):
    """Ask Earth Engine to end the tasks that an extraction waits for, and return how many these are.

    The arguments are those of :func:`run_extraction`, and so are the errors. Nothing is written, and what
    finished tasks have written stays where it is.
    """
    client, destination = client or EarthEngine(), read_destination(batch)
    folder, chunks, _ = survey(out, request.extraction(client.url), request.site_days(on_day), on_day)
    blocks = blocks_of(folder, chunks, destination)
    if not blocks:
        return 0
    with client.connect(f"airq-{request.recipe}") as connection:
        from airq.sources.earthengine.batch import cancel

        return cancel(connection, folder, blocks, destination, patience=client.patience)


def _notes(folder):
    """Return what a user should know before and after a run."""
    notes, days = [], folder.site_days.days
    if days[-1] == folder.on_day:
        notes.append(f"today, {days[-1]}, has few images yet")
    if folder.extraction.service != EARTH_ENGINE:
        notes.append(f"{folder.extraction.service_words}: no figure of it is about a real place")
    for part in folder.parts:
        (product,), periods = part.products, np.unique(part.period_of(days))
        lacking = sum(not has_images(product, period) for period in periods)
        if lacking:
            where = "" if lacking == len(periods) else f" in {lacking:,} of {len(periods):,} days"
            left = "no column of it is made" if lacking == len(periods) else "its values are empty there"
            notes.append(f"{product.key} ({product.asset}) has no images{where}: {_dates(product)}; {left}")
    return list(dict.fromkeys(notes))


def _dates(product):
    return f"it runs from {product.start} to {product.end or 'today'}"


@dataclass(frozen=True)
class Plan:
    """What a run would do."""

    #: Of the folder once the run is over.
    cities: int
    days: int
    #: Of what is missing, asked for at once, and by tasks (`--batch`): their number and minutes.
    cost: Cost
    batch: Cost
    #: What is missing, by :func:`airq.sources.earthengine.planning.layer_rows`; requests and hours add up to
    #: those of `cost`.
    layers: list
    #: For each product `product, asset, columns, first_day, last_day` of its images, and `unconfirmed`.
    products: list
    #: For each product that is fetched although the folder has these days and cities `product, reason,
    #: city_days, requests`; a request may bring several products.
    changes: list
    #: Products with days on which no city has a value, as :meth:`Folder.waiting` gives them.
    waiting: list
    #: What else a user should know.
    notes: tuple

    @property
    def measured(self):
        """The day of the oldest measurement that the hours rest on, None if one of them is a guess."""
        days = [row["measured"] for row in self.layers]
        return None if None in days or not days else min(days)


def plan(cities, start, end, *, out=None, client=None, refresh=None, on_day=None, **settings):
    """Estimate what an extraction would send and cost, as a Plan. Nothing is sent.

    The arguments are those of :func:`extract` and :func:`run_extraction`; what the folder `out` already holds
    is not counted. Days that may have got images since count as missing.
    """
    client = client or EarthEngine()
    request = ExtractionRequest(cities, start, end, **settings)
    extraction, span = request.extraction(client.url), None if refresh is None else span_of(refresh)
    folder, chunks, damaged = survey(out, extraction, request.site_days(on_day), on_day, span)
    missing = folder.missing(chunks, hopeful=True)
    planned = plan_requests(missing, workers=client.workers, places=folder.places)
    waiting, layers = folder.waiting(chunks), layer_rows(planned, extraction.service)
    cost = estimate(planned, workers=client.workers)
    return Plan(
        cities=len(folder.site_days.sites),
        days=len(folder.site_days.days),
        cost=dataclasses.replace(cost, compute_hours=sum(row["hours"] for row in layers)),
        batch=estimate_tasks(blocks_of(folder, chunks, hopeful=True)),
        layers=layers,
        products=[
            {
                "product": product.key,
                "asset": product.asset,
                "columns": [band.name for band in product.bands],
                "first_day": product.start,
                "last_day": product.end,
                "unconfirmed": list(product.unconfirmed),
            }
            for product in folder.extraction.products
        ],
        changes=[
            {**own, "requests": sum(own["product"] in request.layer.keys for request, _ in planned)}
            for own in folder.changes(chunks)
        ],
        waiting=waiting,
        notes=(
            *damage_notes(damaged),
            *_notes(folder),
            *_by_pixels(folder.extraction.cell, cost.tiles),
            *change_notes(folder, chunks),
            *waiting_notes(waiting),
            *(
                f"unconfirmed of {product.key}: {fact}"
                for product in folder.extraction.products
                for fact in product.unconfirmed
            ),
        ),
    )


def _by_pixels(cell, tiles):
    """Return how cells of a grid are asked for, where there are any."""
    if tiles:
        yield (
            f"by pixels: {tiles:,} tile{'s' * (tiles > 1)} of less than {MOST_ANSWERED / 1e6:.0f} MB each; a "
            f"value is the mean over a cell of {cell:g}°. With --radius-km cells are asked for as discs, as "
            "cities are"
        )


@dataclass(frozen=True)
class Probe:
    """What one product gave for one city and one period; `works` is None where it was not tried.

    `eecu_seconds` is what Earth Engine says that it took, None where it does not say.
    """

    product: str
    asset: str
    works: bool | None
    answer: str
    eecu_seconds: float | None = None


def check(cities, start, end, *, client=None, **settings):
    """Ask for the first city and the first day, product by product, and for what that takes.

    Nothing is written but the EECU-seconds, into a file of the user for :func:`plan`. The arguments are those
    of :func:`extract`. Return a Probe for each product of every layer; raise
    ValueError or OSError if no connection can be opened.
    """
    client = client or EarthEngine()
    request = ExtractionRequest(cities, start, end, **settings)
    extraction, site_days = request.extraction(client.url), request.site_days()
    site, day = site_days.sites.iloc[[0]], site_days.days[0]
    offset = int(extraction.offset_hours(site["longitude"])[0])
    probes, prices = [], {}
    with client.connect(f"airq-{request.recipe}-check") as connection:
        for part in [part for layer in extraction.layers for part in layer.parts]:
            (product,), periods = part.products, part.periods(day, day)
            works, took, answer = None, None, f"not tried, no images on {day}: {_dates(product)}"
            if len(periods):
                place = site[["longitude", "latitude"]].to_numpy()
                local = offset if part.has_local_days else 0
                (asked,) = sample_requests([LayerRequest(part, np.array([0]), periods, local)], place)
                works, took, answer = _try(connection, asked, place)
            if took is not None:
                prices[part] = took
            probes.append(Probe(part.name_of(product), product.asset, works, answer, took))
    if prices:
        try:
            remember_prices(extraction.service, prices)
        except OSError as error:
            warn(f"What was measured cannot be kept for `airq plan`: {error}.")
    return probes


def _try(connection, request, place):
    """Return whether a request works, its EECU-seconds, and its values with their units or the refusal."""
    from airq.sources.earthengine.errors import Refused, Unavailable
    from airq.sources.earthengine.sampler import probe

    try:
        values, took = connection.profiled(lambda: probe(connection, request, place).ravel())
    except (Refused, Unavailable) as error:
        return False, None, str(error)
    texts = [
        f"{output.column} {'no valid pixel' if np.isnan(value) else f'{value:.4g} {output.unit}'}"
        for output, value in zip(request.layer.outputs, values, strict=True)
    ]
    return True, took, ", ".join(texts)
