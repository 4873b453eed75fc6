"""What to extract, and which Earth Engine to ask."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from airq.cities import check_swapped, read_cities
from airq.sources.catalogue import RINGS_KM, products_of
from airq.sources.earthengine.budget import DEFAULT_PATIENCE, Patience
from airq.sources.earthengine.folder import Wanted
from airq.sources.earthengine.layers import EARTH_ENGINE, Extraction, day_labels

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
        from airq.sources.earthengine.credentials import load_credentials, resolve_project
        from airq.sources.earthengine.transport import connect

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
