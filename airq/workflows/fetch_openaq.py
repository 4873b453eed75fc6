"""Fetch PM2.5 of monitors near cities from OpenAQ: its locations, and its archive's hourly readings.

:func:`fetch_openaq` writes a panel of daily means, and a table of the locations with their licences beside
it; :func:`plan_openaq` tells beforehand what that would ask for. Readings need no key; the list of locations
does, unless it comes from a file.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from airq.io import atomic_write, check_outputs, check_parquet_name, write_panel
from airq.panel import label_panel, panel_metadata
from airq.sources.days import MIN_HOURS
from airq.sources.online.address import is_loopback
from airq.sources.online.http import Patience
from airq.sources.online.openaq_panel import label, read_archive, some
from airq.workflows.ingest import IngestReport, check_options, counted, finish, in_brackets
from airq.workflows.openaq_request import (
    Cities,
    Locations,
    checked_request,
    find_locations,
    left_out_of,
    source_of,
)


@dataclass(frozen=True)
class OpenAQReport:
    """What a run found, fetched and wrote.

    Attributes
    ----------
    out, locations_file : str
        The panel, and the table of its locations.
    locations, locations_kept, cities, cities_with : int
        Locations near cities, those in the panel, cities asked for, those with a location in the panel.
    left_out : dict of str to int
        Locations that are not in the panel, by reason.
    months, empty_months : int
        Months of the locations that the archive was searched for, and those without a file.
    files, fetched : int
        Files of the days asked for, and those of them that this run fetched.
    requests, retries, bytes_received : int
        Requests of this run, those of them sent again, and bytes of the answers.
    ingest : IngestReport
        What became of the readings, and what the panel has.
    notes : tuple of str
        What else a user should know.
    """

    out: str
    locations_file: str
    locations: int
    locations_kept: int
    cities: int
    cities_with: int
    left_out: dict[str, int]
    months: int
    empty_months: int
    files: int
    fetched: int
    requests: int
    retries: int
    bytes_received: int
    ingest: IngestReport
    notes: tuple[str, ...]

    @property
    def panel(self) -> Path:
        """File of the panel."""
        return Path(self.out)

    def to_dict(self) -> dict:
        """Return the report as plain values."""
        return {**dataclasses.asdict(self), "notes": list(self.notes), "ingest": self.ingest.to_dict()}

    def __str__(self):
        made, near = self.ingest, f"near {self.cities_with:,} of {counted(self.cities, 'city', 'cities')}"
        sent = (
            f"{self.fetched:,} fetched now with {counted(self.requests, 'request')} ({self.retries:,} sent "
            f"again), {self.bytes_received / 1e6:,.1f} MB received"
            if self.requests
            else "all there before, nothing was sent"
        )
        left = self.locations - self.locations_kept
        gone = f" {counted(left, 'location')} left out{in_brackets(self.left_out)}." if left else ""
        return (
            f"{self.out}: {counted(made.rows, 'row')} of PM2.5 ({made.pm25_origin}) from "
            f"{counted(self.locations_kept, 'location')} {near}, {made.first} to {made.last}.{gone} "
            f"{counted(made.read, 'reading')}, {made.read - made.kept:,} dropped"
            f"{in_brackets(made.dropped)}. {counted(self.files, 'file')}, {sent}. "
            f"Providers and licences: {self.locations_file}."
        )


@dataclass(frozen=True)
class OpenAQPlan:
    """What a run would ask for.

    Attributes
    ----------
    locations : int
        Locations whose files would be fetched.
    left_out : dict of str to int
        Locations that would not, by reason.
    months, lists : int
        Months of the locations, and those of them whose list of files would be asked for.
    files_at_most : int
        Files that would be fetched if every location has one for every day.
    requests_at_most : int
        Requests in all without repetitions, those of the list of locations left aside.
    requests_sent : int
        Requests that were sent to know the locations.
    """

    locations: int
    left_out: dict[str, int]
    months: int
    lists: int
    files_at_most: int
    requests_at_most: int
    requests_sent: int

    def to_dict(self) -> dict:
        """Return the plan as plain values."""
        return dataclasses.asdict(self)

    def __str__(self):
        left = sum(self.left_out.values())
        gone = f" {counted(left, 'location')} left out{in_brackets(self.left_out)}." if left else ""
        return (
            f"At most {counted(self.requests_at_most, 'request')} for {counted(self.locations, 'location')}: "
            f"{counted(self.lists, 'list')} of {counted(self.months, 'month')}, up to "
            f"{counted(self.files_at_most, 'file')}; they need no key.{gone} "
            f"{counted(self.requests_sent, 'request')} sent to know the locations."
        )


def fetch_openaq(
    cities: Cities,
    start: str,
    end: str,
    *,
    out: str | PathLike,
    radius_km: float = 25.0,
    locations: Locations = None,
    url: str | None = None,
    cache: str | PathLike | None = None,
    workers: int = 8,
    twins: str = "keep",
    min_hours: int = MIN_HOURS,
    patience: Patience | None = None,
    report_progress=None,
) -> OpenAQReport:
    """Fetch daily PM2.5 of OpenAQ's locations near cities, and write it as a panel.

    Beside the panel stands ``<out>-locations.csv``: a row for each location with its provider, licence, and
    what became of it.

    Parameters
    ----------
    cities : DataFrame, str or Path
        `city, country, latitude, longitude`, or the file of such a table.
    start, end : str
        First and last day, such as ``2020-01-31``. Days are local.
    out : str or Path
        Parquet file to write, whole or not at all.
    radius_km : float
        Farthest that a location may lie from its nearest city. [km]
    locations : str, Path, DataFrame or list of dict, optional
        Locations to take: a saved answer of ``/v3/locations`` or a table of ids, see
        :func:`airq.sources.online.openaq.read_locations`. By default the API is asked, with the key in the
        environment variable ``OPENAQ_API_KEY``.
    url : str, optional
        Address in place of OpenAQ's own, for a mirror or a stand-in.
    cache : str or Path, optional
        Folder that keeps the files, ``<out>-files`` by default. What it holds is not fetched again.
    workers : int
        Requests at once to the archive.
    twins : {"keep", "merge"}
        What to do with locations within 100 m that read the same.
    min_hours : int
        Fewest hours that a daily value is made of.
    patience : Patience, optional
        How long to repeat what fails.
    report_progress : callable, optional
        Called with what is done, how much there is in all, and what it is.

    Returns
    -------
    OpenAQReport

    Raises
    ------
    ValueError
        If an argument is wrong, a key is missing or refused, or no reading is left.
    OSError
        If a file cannot be written, the service stays away, or a file stays broken; files that came whole are
        kept, and the same command goes on.
    """
    check_parquet_name(out)
    out, table_file = Path(out), Path(out).with_name(f"{Path(out).stem}-locations.csv")
    inputs = {"--cities": cities, "--locations": locations}
    inputs = {name: path for name, path in inputs.items() if isinstance(path, str | PathLike)}
    check_outputs({"--out": out, "the table of locations": table_file}, inputs)
    check_options("openaq", None, min_hours, "site", twins)
    settings = {"radius_km": radius_km, "locations": locations, "url": url, "cache": cache}
    request = checked_request(cities, start, end, out=out, workers=workers, patience=patience, **settings)
    table = find_locations(request, report_progress)
    months, lists, files, fetched = _fetch(request, table, report_progress)
    panel, tally = _read(request, table, files, fetched, min_hours, report_progress)
    panel, ingest = finish(panel, tally, format="openaq", files=len(files), twins=twins)
    with atomic_write(table_file) as unfinished:
        table.to_csv(unfinished, index=False)
    # The panel comes last: where it stands, all is there.
    write_panel(panel, out)
    kept = table[table["left_out"] == ""]
    return OpenAQReport(
        out=str(out),
        locations_file=str(table_file),
        locations=len(table),
        locations_kept=len(kept),
        cities=len(request.cities),
        cities_with=int(request.cities["city_id"].isin(kept["city_id"]).sum()),
        left_out=left_out_of(table),
        months=len(months),
        empty_months=sum(not own for own in lists),
        files=len(files),
        fetched=sum(new for _, new in fetched),
        requests=request.count("requests"),
        retries=request.count("retries"),
        bytes_received=request.count("bytes_received"),
        ingest=ingest,
        notes=(*_notes(request, table, months, lists), *ingest.notes),
    )


def _fetch(request, table, report_progress):
    """Return the months that were searched, the files of each, those of the days, and where these are."""
    request.archive.sweep()
    months = request.months(table)
    lists = request.archive.list_months(months, report_progress)
    files = request.near(lists)
    return months, lists, files, request.archive.fetch(files, report_progress)


def _read(request, table, files, fetched, min_hours, report_progress):
    """Return the panel of what was fetched, and its tally."""
    by_location = {location: [] for location in table["location_id"]}
    for file, (path, _) in zip(files, fetched, strict=True):
        by_location[file.location].append((file, path))
    table["files"] = table["location_id"].map({one: len(own) for one, own in by_location.items()})
    days, settings = (request.start, request.end), {"radius_km": request.radius_km, "min_hours": min_hours}
    settings["report_progress"] = report_progress
    panel, tally = read_archive(table, by_location, request.cities, days, **settings)
    return _labelled(panel, table, request.url), tally


def _labelled(panel, table, url):
    """Return the panel with its sources: a phrase for each provider and licence."""
    kept = table[table["left_out"] == ""]
    terms = kept[["provider", "licence"]].fillna("unknown").astype("str")
    phrases = [
        f"{source_of(url)}: provider {provider}, licence {licence}"
        for provider, licence in terms.drop_duplicates().sort_values(["provider", "licence"]).to_numpy()
    ]
    # What a stand-in serves says so; where only ids are known, one on this machine is taken for one.
    told = (
        kept[["provider", "name"]]
        .astype("str")
        .apply(lambda own: own.str.contains("SIMULATED"))
        .any(axis=None)
    )
    origin = "simulated" if told or is_loopback(url) else "sensor"
    return label_panel(panel, dataclasses.replace(panel_metadata(panel), sources=phrases, pm25_origin=origin))


def _notes(request, table, months, lists):
    """Return what a user should know of the locations."""
    if request.url is not None:
        yield f"{source_of(request.url)}: no figure of it is about a real place"
    details = table[table["left_out"] != ""]
    for reason, own in details.groupby(details["left_out"].str.split(":").str[0], sort=False):
        named = some(_detailed(row) for row in own.to_dict("records"))
        yield f"{counted(len(own), 'location')} left out, {reason}: {named}"
    empty = [
        f"{location} {month}" for (location, month), files in zip(months, lists, strict=True) if not files
    ]
    if empty:
        yield f"{len(empty):,} of {counted(len(months), 'month')} of locations have no files: {some(empty)}"
    kept = table[table["left_out"] == ""]
    without = request.cities.loc[~request.cities["city_id"].isin(kept["city_id"]), "city"]
    if len(without):
        yield f"{counted(len(without), 'city', 'cities')} without a location in the panel: {some(without)}"
    last = max((file.day for files in lists for file in files), default=request.end)
    if last < request.end:
        yield (
            f"the archive has no file after {last:%Y-%m-%d} yet, {counted((request.end - last).days, 'day')} "
            "before the end; files come some days later: run the same command again then"
        )
    unknown = kept[kept["licence"].isna()]
    if len(unknown):
        why = (
            "a list of ids does not tell them, a saved answer of /v3/locations does"
            if unknown["provider"].isna().all()
            else "OpenAQ tells none; ask the provider before you publish"
        )
        yield f"the licences of {counted(len(unknown), 'location')} are unknown: {why}"


def _detailed(row):
    """Return the name of a location, and what its reason says beyond the reason."""
    detail = row["left_out"].partition(": ")[2].rstrip(".")
    return f"{label(row)}{f' ({detail})' if detail else ''}"


def plan_openaq(
    cities: Cities,
    start: str,
    end: str,
    *,
    out: str | PathLike = "openaq.parquet",
    radius_km: float = 25.0,
    locations: Locations = None,
    url: str | None = None,
    cache: str | PathLike | None = None,
    workers: int = 8,
    patience: Patience | None = None,
    report_progress=None,
) -> OpenAQPlan:
    """Count what :func:`fetch_openaq` would ask for.

    Only what is needed to know the locations is sent: nothing if they come from a file. The arguments and
    errors are those of :func:`fetch_openaq`; what the cache holds is not counted.
    """
    settings = {"radius_km": radius_km, "locations": locations, "url": url, "cache": cache}
    request = checked_request(cities, start, end, out=out, workers=workers, patience=patience, **settings)
    table = find_locations(request, report_progress)
    months = request.months(table)
    known = {place: request.archive.known(*place) for place in months}
    n_files = len(
        request.archive.lacking(request.near(files for files in known.values() if files is not None))
    )
    first, last = request.start - pd.Timedelta(days=1), request.end + pd.Timedelta(days=1)
    days = pd.period_range(first, last, freq="D").asfreq("M").value_counts()
    n_files += sum(int(days[month]) for (_, month), files in known.items() if files is None)
    n_lists = sum(files is None for files in known.values())
    return OpenAQPlan(
        locations=int((table["left_out"] == "").sum()),
        left_out=left_out_of(table),
        months=len(months),
        lists=n_lists,
        files_at_most=n_files,
        requests_at_most=n_lists + n_files,
        requests_sent=request.count("requests"),
    )
