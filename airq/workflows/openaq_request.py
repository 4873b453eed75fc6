"""What to fetch from OpenAQ: arguments, checked, and the locations that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import pandas as pd

from airq.cities import read_cities
from airq.sources.online.address import named_service, service_name
from airq.sources.online.http import Client, Patience
from airq.sources.online.openaq import ask_locations, is_kept, key_header, location_table, read_locations
from airq.sources.online.openaq_archive import Archive
from airq.sources.online.openaq_panel import too_far
from airq.sources.site_days import day_labels, today
from airq.workflows.ingest import counted, in_brackets

OFFICIAL = "OpenAQ"
#: Largest radius: a city has no say in the air farther away. [km]
MOST_KM = 200.0
#: Most requests at once.
MOST_WORKERS = 64

Cities = pd.DataFrame | str | PathLike
Locations = str | PathLike | pd.DataFrame | Sequence[dict] | None


@dataclass
class OpenAQRequest:
    """What to fetch, and the connections that it takes.

    Attributes
    ----------
    cities : DataFrame
        Checked cities.
    start, end : Timestamp
        First and last local day.
    radius_km : float
        Farthest that a location may lie from its nearest city. [km]
    locations : DataFrame, list of dict or None
        What a file says of locations; None to ask.
    cache : Path
        Folder of what was fetched.
    archive : Archive
        Connection to the archive.
    url : str, optional
        Address in place of OpenAQ's own.
    patience : Patience
        How long to repeat what fails.
    clients : list of Client
        Connections so far.
    """

    cities: pd.DataFrame
    start: pd.Timestamp
    end: pd.Timestamp
    radius_km: float
    locations: Locations
    cache: Path
    archive: Archive
    url: str | None
    patience: Patience
    clients: list[Client] = field(default_factory=list)

    def months(self, table):
        """Return the (location, month) to search; one day more at both ends, as files may end otherwise."""
        day = pd.Timedelta(days=1)
        months = pd.period_range(self.start - day, self.end + day, freq="M")
        wanted = table.loc[table["left_out"] == "", "location_id"]
        return [(location, month) for location in wanted for month in months]

    def near(self, lists):
        """Return the files that may hold hours of the days that are asked for."""
        first, last = self.start - pd.Timedelta(days=1), self.end + pd.Timedelta(days=1)
        return [file for files in lists for file in files if first <= file.day <= last]

    def count(self, name):
        """Return what the connections count, in all."""
        return sum(getattr(client, name) for client in self.clients)


def checked_request(cities, start, end, *, out, radius_km, locations, url, cache, workers, patience):
    """Return arguments of :func:`airq.workflows.fetch_openaq.fetch_openaq` as a request, or refuse them."""
    table, days = read_cities(cities, tolerated=0.0), day_labels(start, end, on_day=today())
    if not 0 < radius_km <= MOST_KM:
        raise ValueError(f"The radius is {radius_km:g} km; it must lie above 0 and not above {MOST_KM:g}.")
    if not isinstance(workers, int) or not 1 <= workers <= MOST_WORKERS:
        raise ValueError(f"workers is {workers}; it must be a whole number from 1 to {MOST_WORKERS}.")
    cache = Path(cache) if cache is not None else Path(out).with_name(f"{Path(out).stem}-files")
    if cache.exists() and not cache.is_dir():
        raise NotADirectoryError(f"{cache} is a file; the fetched files need a folder: give another --cache.")
    found = None if locations is None else read_locations(locations)
    patience = patience or Patience()
    client = Client(url, patience)
    archive = Archive(client, cache, workers=workers)
    return OpenAQRequest(
        table, days[0], days[-1], float(radius_km), found, cache, archive, url, patience, [client]
    )


def find_locations(request, report_progress):
    """Return the table of locations, with why some of them are not to be fetched."""
    found, asked = request.locations, request.locations is None
    if asked:
        near = (request.cities, request.radius_km)
        kept = is_kept(*near, request.url, cache=request.cache)
        client = Client(request.url, request.patience, {} if kept else key_header(request.url))
        request.clients.append(client)
        found = ask_locations(*near, client, cache=request.cache, report_progress=report_progress)
    table = location_table(found, request.cities)
    if asked:
        # A box has corners, which nobody asked for.
        table = table[~(table["distance_km"] > request.radius_km)].reset_index(drop=True)
    table = table.assign(
        first_day=f"{request.start:%Y-%m-%d}",
        last_day=f"{request.end:%Y-%m-%d}",
        files=0,
        rows=0,
        days=0,
        left_out="",
        source=source_of(request.url),
    )
    table.loc[table["distance_km"] > request.radius_km, "left_out"] = too_far(request.radius_km)
    table.loc[table["has_pm25"].astype("str").str.lower() == "false", "left_out"] = "without PM2.5"
    table.loc[table["is_mobile"].astype("str").str.lower() == "true", "left_out"] = "mobile"
    if (table["left_out"] != "").all():
        reasons = in_brackets(left_out_of(table)) or " (none was found)"
        raise ValueError(
            f"No location of OpenAQ with PM2.5 stands within {request.radius_km:g} km of any of "
            f"{counted(len(request.cities), 'city', 'cities')}{reasons}. Raise --radius-km, or check "
            "--cities."
        )
    return table


def source_of(url):
    """Return how a panel names the service that answered."""
    return named_service(service_name(url, OFFICIAL), OFFICIAL, OFFICIAL)


def left_out_of(table):
    """Return how many locations are left out, by reason without its details."""
    reasons = table.loc[table["left_out"] != "", "left_out"].str.split(":").str[0]
    return dict(Counter(reasons))
