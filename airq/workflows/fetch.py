"""Fetch inputs and monitors from public services that need no account.

:func:`fetch` returns a panel: of Open-Meteo's weather and CAMS fields for any cities and days, in a folder
that can be extended, or of OpenAQ's monitors near them.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from airq.cities import read_cities
from airq.io import read_panel
from airq.messages import near_name, warn
from airq.sources.online.address import service_name
from airq.sources.online.calls import CallBudget, ledger_of
from airq.sources.online.errors import AGAIN, Refused, Unavailable
from airq.sources.online.http import Client, Patience, read_json
from airq.sources.online.open_meteo import (
    FREE_CALLS,
    MOST_AHEAD,
    MOST_CALLS,
    SERVICE,
    OpenMeteoExtraction,
    hourly_requests,
    read_answer,
)
from airq.sources.site_days import SiteDays, day_labels, today
from airq.workflows.fetch_openaq import fetch_openaq
from airq.workflows.folders import FolderReport, account, damage_notes, fill_folder, survey

#: Longest wait for the allowance of an hour; a day's is not waited for. [s]
LONGEST_PAUSE = 3700.0
#: What may be chosen of what is fetched.
SETTINGS = ("recipe", "products", "day_basis", "min_hours")
#: Words of Open-Meteo's refusals when the calls of a minute, an hour or a day are used up. [s]
_USED_UP = {"minutely": 60.0, "hourly": 3600.0, "daily": 86_400.0}


@dataclass(frozen=True)
class OpenMeteo:
    """Which Open-Meteo to ask, and how often. Nothing is sent until something is missing.

    Attributes
    ----------
    url : str, optional
        Address of a mirror, or of a stand-in on this machine; paths and parameters stay.
    api_key : str, optional
        Key of a customer, for the customers' hosts; it is never written down.
    calls : sequence of float, optional
        Most calls a minute, an hour and a day. By default those of the free service, and no limits for who
        has a key or a mirror.
    patience : Patience
        How long to repeat what fails.

    Examples
    --------
    >>> OpenMeteo().limits
    (600.0, 5000.0, 10000.0)
    """

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    calls: Sequence[float] | None = None
    patience: Patience = Patience()

    @property
    def limits(self):
        """Most calls a minute, an hour and a day; None without limits."""
        if self.calls is not None:
            return self.calls
        return FREE_CALLS if self.is_official and not self.api_key else None

    @property
    def is_official(self):
        """Whether the service itself is asked, not a mirror or stand-in."""
        host = urlsplit(self.url or f"https://{SERVICE}").hostname or ""
        return host == SERVICE or host.endswith(f".{SERVICE}")

    @property
    def most_calls(self):
        """Most calls of one request: small beside what is granted at once."""
        return MOST_CALLS if self.limits is None else min(MOST_CALLS, max(min(self.limits) / 5, 1.0))

    def budget(self):
        """Return the calls that are left, of the ledger of this user."""
        service = SERVICE if self.is_official else service_name(self.url, SERVICE)
        name = f"{service}{'-customer' * bool(self.api_key)}"
        return CallBudget(self.limits, ledger=None if self.limits is None else ledger_of(name))


def fetch(
    source: str,
    cities: pd.DataFrame | str | PathLike,
    start: str,
    end: str,
    *,
    out: str | PathLike,
    **options,
) -> pd.DataFrame:
    """Fetch what is missing from a public service, and return the panel.

    Parameters
    ----------
    source : {"open-meteo", "openaq"}
        Weather and CAMS fields of models, or hourly monitors.
    cities : DataFrame, str or Path
        `city, country, latitude, longitude`, or the CSV file of such a table.
    start, end : str
        First and last day, such as ``2023-01-31``.
    out : str or Path
        For ``open-meteo`` a folder, which later runs continue and extend; for ``openaq`` a Parquet file.
    **options
        ``open-meteo``: `recipe` ("default", or "live" with forecasts for the days that ERA5 does not have
        yet), `products` (of "weather", "cams"), `day_basis` ("utc" or "local"), `min_hours`, and `url` or
        `client`, an :class:`OpenMeteo`. ``openaq``: those of
        :func:`airq.workflows.fetch_openaq.fetch_openaq`.

    Returns
    -------
    DataFrame
        The panel, with units and sources in its metadata.

    Raises
    ------
    ValueError
        If an argument or the folder is wrong, or the service refuses; the message says what to do.
    OSError
        If the service stays away or its allowance is used up, or something cannot be written. What is
        finished is kept.

    Warns
    -----
    AirqWarning
        For what a user should know of the panel, such as days that the service does not have.
    """
    if source not in SOURCES:
        hint = near_name(source, SOURCES)
        raise ValueError(f"Unknown source {source!r}.{hint} Choose one of {', '.join(SOURCES)}.")
    if source == "open-meteo" and "url" in options:
        options["client"] = OpenMeteo(options.pop("url"))
    report = SOURCES[source](cities, start, end, out=out, **options)
    for note in report.notes:
        warn(note)
    return read_panel(report.panel)


@dataclass(frozen=True)
class FetchReport(FolderReport):
    """What a run did."""

    #: Calls that the service counts for it.
    calls: float = 0.0

    def _sent(self):
        return (
            f"{self.requests:,} requests, {self.calls:,.0f} calls, in {self.seconds:,.1f} s "
            f"({self.retries:,} sent again), {self.bytes_received / 1e6:,.1f} MB received."
        )


@dataclass
class FetchProgress:
    """How far a run is."""

    total: float = 0.0
    #: Calls that came back.
    done: float = 0.0
    #: When the next request may be sent, while the run waits for the service's allowance.
    waiting_until: datetime.datetime | None = None


@dataclass(frozen=True)
class FetchPlan:
    """What a run would send."""

    #: Of the folder once the run is over.
    cities: int
    days: int
    #: Of what is missing; how long it takes within the limits, if answers come at once. [min]
    requests: int
    calls: float
    bytes_received: int
    minutes: float
    #: Calls a minute, an hour and a day; None without limits.
    limits: Sequence[float] | None
    #: For each layer `layer, asset, columns, requests, calls` of what is missing.
    layers: list
    #: What else a user should know.
    notes: tuple


def fetch_open_meteo(cities, start, end, *, out, client=None, report_progress=None, on_day=None, **settings):
    """Fetch what a folder lacks from Open-Meteo, write its panel, and return the FetchReport.

    The arguments and errors are those of :func:`fetch`; `report_progress` is called with a FetchProgress
    after everything that happens; `on_day` (datetime64[D]) is the date in UTC, by default today.
    """
    client, on_day = client or OpenMeteo(), on_day or today()
    extraction, site_days = _request(cities, start, end, client, on_day, settings)

    def ask(folder, chunks):
        requests = hourly_requests(folder.missing(chunks), today=on_day, most_calls=client.most_calls)
        return _fetch(folder, requests, client, report_progress or (lambda progress: None))

    def notes_of(folder):
        return _notes(folder, on_day)

    facts = fill_folder(out, extraction, site_days, fetch=ask, notes_of=notes_of, on_day=on_day, partial=True)
    if facts.get("short"):
        hours = f"values of days with fewer than {extraction.min_hours} hours left empty"
        facts["notes"] = (*facts["notes"], f"{facts['short']:,} {hours}")
    return FetchReport.from_facts(facts)


def plan_open_meteo(cities, start, end, *, out=None, client=None, on_day=None, **settings):
    """Estimate what :func:`fetch_open_meteo` would send, as a FetchPlan. Nothing is sent.

    What the folder `out` already holds is not counted; without one, everything is.
    """
    client, on_day = client or OpenMeteo(), on_day or today()
    extraction, site_days = _request(cities, start, end, client, on_day, settings)
    folder, chunks, damaged = survey(out, extraction, site_days, on_day)
    requests = hourly_requests(folder.missing(chunks), today=on_day, most_calls=client.most_calls)
    return FetchPlan(
        cities=len(folder.site_days.sites),
        days=len(folder.site_days.days),
        requests=len(requests),
        calls=sum(own.calls for own in requests),
        bytes_received=sum(own.bytes for own in requests),
        minutes=_seconds_within(client.limits, requests) / 60,
        limits=client.limits,
        layers=[
            {
                "layer": layer.name,
                "asset": extraction.assets[layer.name],
                "columns": layer.columns,
                "requests": sum(own.layer == layer for own in requests),
                "calls": sum(own.calls for own in requests if own.layer == layer),
            }
            for layer in extraction.layers
        ],
        notes=(*damage_notes(damaged), *_notes(folder, on_day)),
    )


def _request(cities, start, end, client, on_day, settings):
    """Return what to fetch, and where and when, checked."""
    if settings.get("products") is not None:
        settings = {**settings, "products": tuple(settings["products"])}
    settings = {name: value for name, value in settings.items() if value is not None}
    if unknown := set(settings) - set(SETTINGS):
        hint = near_name(min(unknown), SETTINGS)
        raise ValueError(
            f"open-meteo has no option {min(unknown)!r}.{hint} Choose from {', '.join(SETTINGS)}."
        )
    extraction = OpenMeteoExtraction(service=service_name(client.url, SERVICE), **settings)
    live = extraction.recipe == "live"
    how = f"at most {MOST_AHEAD} days ahead" if live else "only with --recipe live"
    settings = {"ahead": MOST_AHEAD if live else 0, "advice": f"Days to come are fetched {how}."}
    days = day_labels(start, end, on_day=on_day, **settings)
    first = min(layer.start for layer in extraction.layers)
    if days[-1] < pd.Timestamp(first):
        raise ValueError(
            f"Open-Meteo has none of these days: {', '.join(extraction.products)} begin on {first}."
        )
    return extraction, SiteDays.from_cities(read_cities(cities, tolerated=0.0), days[0], days[-1])


def _fetch(folder, requests, client, report_progress):
    """Send requests, write their answers as chunks, and return what the run cost."""
    if not requests:
        return {}
    places = folder.site_days.sites[["longitude", "latitude"]].to_numpy()
    progress, budget = FetchProgress(sum(own.calls for own in requests)), client.budget()
    connection = Client(client.url, client.patience, exhausted=_USED_UP)
    counts = {"fetched": 0, "chunks": 0, "short": 0, "calls": 0.0}

    def costs():
        wire = {name: getattr(connection, name) for name in ("requests", "retries", "bytes_received")}
        return {**wire, **counts}

    with account(folder, costs) as run:
        for request in requests:

            def turn(calls=request.calls):
                _wait_for(budget, calls, progress, report_progress)
                counts["calls"] += calls

            def unsent(calls=request.calls):
                budget.give_back(calls)
                counts["calls"] -= calls

            turns = {"before": turn, "unsent": unsent}
            values, cells, short = _ask(connection, request, places, client.api_key, turns, folder.extraction)
            own = values[:, :, [name != "elevation" for name in request.layer.columns]]
            folder.keep(request, values, cells=cells, empty=np.argwhere(np.isnan(own).all(axis=2)))
            counts["chunks"] += 1
            counts["short"] += short
            counts["fetched"] += int(np.isfinite(values).sum())
            progress.done += request.calls
            report_progress(progress)
    return run


def _ask(connection, request, places, api_key, turns, extraction):
    """Return what :func:`read_answer` makes of the answer to a request."""

    def read(content, headers):
        answer = read_json(content, headers)
        return read_answer(answer, request, places, min_hours=extraction.min_hours)

    params = request.params(places) | ({"apikey": api_key} if api_key else {})
    try:
        return connection.get(request.endpoint.address(api_key), params, read=read, **turns)
    except Refused as error:
        raise Refused(f"Open-Meteo: {error}", status=error.status) from None


def _wait_for(budget, calls, progress, report_progress):
    """Wait until so many calls may be sent; stop where that is not within the hour."""
    while pause := budget.take(calls):
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=pause)
        if pause > LONGEST_PAUSE:
            raise Unavailable(
                "The calls that the free service grants in a day are used up. Go on after "
                f"{until:%Y-%m-%d %H:%M} UTC. {AGAIN}"
            )
        progress.waiting_until = until
        report_progress(progress)
        time.sleep(min(pause, 5.0))
    progress.waiting_until = None


def _seconds_within(limits, requests):
    """Return how long the requests take within limits, if each is answered at once."""
    clock = [0.0]
    budget = CallBudget(limits, clock=lambda: clock[0])
    for request in requests:
        while pause := budget.take(request.calls):
            clock[0] += pause
    return clock[0]


def _notes(folder, on_day):
    """Return what a user should know of what is asked for."""
    extraction, days = folder.extraction, folder.site_days.days
    notes = []
    if extraction.service != SERVICE:
        notes.append(f"{extraction.source}: no figure of it is about a real place")
    for layer in extraction.layers:
        asset = layer.past.words
        early = int((days < np.datetime64(layer.start)).sum())
        late = int((days > layer.last_day(on_day)).sum())
        if early:
            notes.append(
                f"{asset} begins on {layer.start}: {early:,} of {len(days):,} days have no values of it"
            )
        if late:
            notes.append(
                f"{asset} ends on {layer.last_day(on_day)} now: {late:,} of {len(days):,} days stay empty; "
                "run the same command later"
            )
    return notes


SOURCES = {"open-meteo": fetch_open_meteo, "openaq": fetch_openaq}
