"""Find the locations of OpenAQ near cities: by its API, or in a file that somebody has saved.

The API (version 3) wants a key, which is read from the environment and written nowhere. A file needs none: a
saved answer of ``/v3/locations``, or a list of ids.
"""

from __future__ import annotations

import collections
import hashlib
import json
import math
import os
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import country_codes
from airq.files import tables
from airq.geo import nearest
from airq.io import write_json
from airq.messages import near_name
from airq.sources.online.address import is_loopback
from airq.sources.online.errors import Passing, Refused, Unavailable
from airq.sources.online.http import Client, read_json

API = "https://api.openaq.org/v3/locations"
KEY = "OPENAQ_API_KEY"
#: Number of PM2.5 among OpenAQ's parameters.
PM25_ID = 2
#: Locations on a page, the most that there may be.
PAGE = 1000
#: Largest radius that the API takes; more is asked for as a box. [km]
API_RADIUS_KM = 25.0
#: Requests that a key has, within so many seconds: https://docs.openaq.org/using-the-api/rate-limits.
LIMITS = ((60, 60.0), (2000, 3600.0))
#: How long an answer about locations counts. [s]
KEPT_FOR = 86_400.0

#: Columns of a table of locations, whatever it was made of; [°], [km].
LOCATION_COLUMNS = [
    "location_id",
    "name",
    "city_id",
    "city",
    "country",
    "latitude",
    "longitude",
    "distance_km",
    "provider",
    "owner",
    "licence",
    "attribution",
    "is_monitor",
    "is_mobile",
    "has_pm25",
]
_TEXTS = ("name", "country", "provider", "owner", "licence", "attribution")
_ID_NAMES = ("location_id", "locations_id", "id")
_OTHER_NAMES = {"lat": "latitude", "lon": "longitude", "license": "licence", "licenses": "licence"}


class Pace:
    """Wait so that no limit of requests within a time is exceeded, nor what the service says of it.

    `limits` are pairs (requests, seconds). One thread asks at a time.
    """

    def __init__(self, limits=LIMITS, *, clock=time.monotonic, sleep=time.sleep):
        self.limits, self._clock, self._sleep = limits, clock, sleep
        self._sent = collections.deque(maxlen=max(number for number, _ in limits))
        self._not_before = -math.inf

    def wait(self):
        """Wait for a turn and take it."""
        turns = [self._not_before]
        turns += [self._sent[-number] + span for number, span in self.limits if len(self._sent) >= number]
        if (pause := max(turns) - self._clock()) > 0:
            self._sleep(pause)
        self._sent.append(self._clock())

    def heed(self, headers):
        """Wait for the next period before the next request where an answer says that nothing is left."""
        left, reset = (str(headers.get(f"x-ratelimit-{name}", "")) for name in ("remaining", "reset"))
        if left == "0" and reset.isdigit():
            self._not_before = self._clock() + float(reset)


def key_header(url: str | None = None) -> dict[str, str]:
    """Return the header with the key of the environment, for the service or an address in its place.

    ValueError is raised, saying how to get one, where there is none, or where it could be overheard.
    """
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise ValueError(
            f"OpenAQ's list of locations needs a key: set the environment variable {KEY} (free at "
            "https://explore.openaq.org/register), or give --locations with a saved answer of /v3/locations "
            "(.json) or a CSV of ids (column location_id), which needs none."
        )
    if url is not None and not (url.startswith("https://") or is_loopback(url)):
        raise ValueError(f"The key in {KEY} would go to {url} unencrypted; use https.")
    return {"X-API-Key": key}


def queries(cities: pd.DataFrame, radius_km: float) -> list[dict]:
    """Return the parameters of the requests that together cover a radius [km] around every city.

    >>> queries(pd.DataFrame({"latitude": [0.0], "longitude": [32.5]}), 10)[0]["coordinates"]
    '0.0,32.5'
    """
    common = {"parameters_id": PM25_ID, "limit": PAGE}
    if radius_km <= API_RADIUS_KM:
        return [
            # The API cuts coordinates after four digits, which moves a place by 16 m at most.
            {
                "coordinates": f"{latitude},{longitude}",
                "radius": min(math.ceil(1000 * radius_km) + 20, math.floor(1000 * API_RADIUS_KM)),
                **common,
            }
            for latitude, longitude in _positions(cities)
        ]
    return [
        {"bbox": ",".join(f"{edge:.5f}" for edge in box), **common}
        for latitude, longitude in _positions(cities)
        for box in _boxes(latitude, longitude, radius_km)
    ]


def _positions(cities):
    return cities[["latitude", "longitude"]].drop_duplicates().round(5).itertuples(index=False, name=None)


def _boxes(latitude, longitude, radius_km):
    """Return the boxes (west, south, east, north) [°] around a circle: two where it crosses 180°."""
    # A degree has 110.57 km at least; the API cuts coordinates after four digits.
    high = radius_km / 110.5 + 2e-4
    south, north = max(-90.0, latitude - high), min(90.0, latitude + high)
    widest = math.cos(math.radians(max(abs(south), abs(north))))
    wide = min(180.0, high / widest) if widest > 1e-6 else 180.0
    west, east = longitude - wide, longitude + wide
    if wide == 180.0:
        return [(-180.0, south, 180.0, north)]
    if west < -180:
        return [(west + 360, south, 180.0, north), (-180.0, south, east, north)]
    if east > 180:
        return [(west, south, 180.0, north), (-180.0, south, east - 360, north)]
    return [(west, south, east, north)]


def ask_locations(
    cities: pd.DataFrame, radius_km: float, client: Client, *, cache: Path, pace=None, report_progress=None
) -> list[dict]:
    """Return OpenAQ's locations with PM2.5 near cities, each once, as its API describes them.

    The answer is kept in the folder `cache` for a day, so that a run that goes on asks nothing again; see
    :func:`is_kept`. `client` holds the key, see :func:`key_header`; `report_progress` is called with the
    requests done and in all.

    Raises
    ------
    ValueError
        If the service refuses the key.
    ConnectionError
        If the service cannot be reached, or leaves out some of what it found.
    """
    asked = queries(cities, radius_km)
    path = _kept_answer(asked, client.url, cache)
    if (kept := _read_kept(path)) is not None:
        return kept
    pace, found = pace or Pace(), {}
    for number, query in enumerate(asked):
        for location in _pages(query, client, pace):
            found.setdefault(location["id"], location)
        if report_progress is not None:
            report_progress(number + 1, len(asked), "locations")
    write_json(path, {"asked": time.time(), "results": list(found.values())})
    return list(found.values())


def is_kept(cities: pd.DataFrame, radius_km: float, url: str | None, *, cache: Path) -> bool:
    """Return whether :func:`ask_locations` would send nothing."""
    return _read_kept(_kept_answer(queries(cities, radius_km), url, cache)) is not None


def _kept_answer(asked, url, cache):
    text = json.dumps([url, asked])
    return Path(cache) / f"locations-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def _read_kept(path):
    """Return the locations of an answer that was kept, or None if there is none that still counts."""
    try:
        kept = json.loads(path.read_bytes())
        return kept["results"] if 0 <= time.time() - kept["asked"] < KEPT_FOR else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pages(query, client, pace):
    """Return the locations of all pages that answer a query."""

    def read(content, headers):
        pace.heed(headers)
        answer = read_json(content, headers)
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise Passing("OpenAQ's answer has no list of locations")
        return answer

    locations, page = [], 1
    while True:
        try:
            answer = client.get(API, {**query, "page": page}, read=read, before=pace.wait)
        except Refused as error:
            hint = f" Is {KEY} right?" if error.status in (401, 403) else ""
            raise Refused(f"{error}{hint}", status=error.status) from None
        locations += answer["results"]
        facts = answer.get("meta") or {}
        found, limit = facts.get("found"), min(PAGE, facts.get("limit") or PAGE)
        # A number counts all, or those of the page; ">1000" says that there are more.
        told = found if isinstance(found, int) else None
        if not answer["results"] and told is not None and len(locations) < told:
            raise Unavailable(f"OpenAQ found {told:,} locations, but listed {len(locations):,} only.")
        whole = len(locations) >= told if told is not None else len(answer["results"]) < limit
        if whole or not answer["results"]:
            return locations
        page += 1


def read_locations(source: str | Path | pd.DataFrame | list[dict]) -> list[dict] | pd.DataFrame:
    """Read locations from a file: saved answers of ``/v3/locations`` (JSON), or a table or list of ids.

    Parameters
    ----------
    source : str, Path, DataFrame or list of dict
        A file, whose name tells what it holds, or its content. A table has `location_id`, `locations_id` or
        `id`; a list of ids needs no header.

    Returns
    -------
    list of dict or DataFrame
        What the answers describe; or a table with a `location_id` of text, whose other columns are kept.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it holds neither; the message says what is needed.
    """
    if isinstance(source, pd.DataFrame):
        return _with_ids(source, "The table of locations")
    if isinstance(source, list):
        return _described(source, "The list of locations")
    path = Path(source)
    if ".json" in Path(path.name.lower()).suffixes:
        return _described(tables.read_json(path), path)
    if path.suffix.lower() != ".parquet":
        words = re.split(r"[\s,;]+", tables.read_text(path).strip().strip(",;"))
        if all(re.fullmatch(r"\d+", word) for word in words):
            return pd.DataFrame({"location_id": words})
    return _with_ids(tables.read_file(path, text=(*_ID_NAMES, *_TEXTS)), path)


def _described(answers, path):
    """Return the locations of one page or several."""
    found, told = [], 0
    for answer in answers if isinstance(answers, list) else [answers]:
        own = answer.get("results", answer) if isinstance(answer, dict) else answer
        found += own if isinstance(own, list) else [own]
        number = answer.get("meta", {}).get("found") if isinstance(answer, dict) else None
        told = max(told, number if isinstance(number, int) else 0)
    if told > len(found):
        raise ValueError(
            f"{path} has {len(found):,} of {told:,} locations; save all pages, as a list in one file, or ask "
            "with a larger limit."
        )
    if not found or not all(isinstance(one, dict) and {"id", "coordinates"} <= set(one) for one in found):
        raise ValueError(f"{path} has no locations of OpenAQ; save the answer of /v3/locations.")
    return found


def _with_ids(table, path):
    """Return a table of locations with its ids checked, as text."""
    column = next((name for name in _ID_NAMES if name in table.columns), None)
    if column is None:
        near = near_name("location_id", table.columns)
        raise ValueError(
            f"{path} has no column 'location_id'.{near} Give the ids of OpenAQ's locations in a column "
            "location_id, one in a line; explore.openaq.org shows them."
        )
    ids = table[column].astype("str").str.strip().str.removesuffix(".0")
    wrong = ~ids.str.fullmatch(r"\d+").astype(bool)
    if wrong.any():
        first = ids[wrong].iloc[0]
        raise ValueError(f"{path}: {column} {first!r} is not the number of a location of OpenAQ.")
    return table.drop(columns=[name for name in _ID_NAMES if name in table.columns]).assign(location_id=ids)


def location_table(found: list[dict] | pd.DataFrame, cities: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each location, by id, with the nearest city and its distance [km].

    `found` is what :func:`ask_locations` or :func:`read_locations` return. What is not known is empty.
    """
    if isinstance(found, pd.DataFrame):
        short = {old: new for old, new in _OTHER_NAMES.items() if new not in found.columns}
        table = found.rename(columns=short).drop(columns=["city_id", "city", "distance_km"], errors="ignore")
    else:
        table = pd.DataFrame([_facts(location) for location in found], columns=LOCATION_COLUMNS)
    table = table.drop_duplicates("location_id").reset_index(drop=True)
    for name in LOCATION_COLUMNS:
        if name not in table.columns:
            table[name] = None
    for name in ("latitude", "longitude", "distance_km"):
        table[name] = pd.to_numeric(table[name], errors="coerce").astype("float64")
    for name in _TEXTS:
        text = table[name].astype("str").str.strip()
        table[name] = table[name].where(table[name].notna() & (text != ""), None)
    table["country"] = country_codes(table["country"].fillna(""))
    table = with_nearest(table, cities)
    order = table["location_id"].astype("int64").sort_values().index
    others = [name for name in table.columns if name not in LOCATION_COLUMNS]
    return table.loc[order, [*LOCATION_COLUMNS, *others]].reset_index(drop=True)


def with_nearest(table, cities):
    """Fill in the nearest city and its distance [km] where a position is known."""
    known = table["latitude"].between(-90, 90) & table["longitude"].between(-180, 180)
    table = table.astype(dict.fromkeys(["city_id", "city"], object))
    if known.any():
        position, apart = nearest(table[known], cities)
        for name in ("city_id", "city"):
            table.loc[known, name] = cities[name].to_numpy()[position]
        table.loc[known, "distance_km"] = np.round(apart, 3)
    return table


def _facts(location):
    """Return what a table of locations says of one that the API describes."""
    position = location.get("coordinates") or {}
    licences = [one for one in location.get("licenses") or [] if isinstance(one, dict)]
    sensors = [one.get("parameter") or {} for one in location.get("sensors") or []]
    givers = [(one.get("attribution") or {}).get("name") for one in licences]
    return {
        "location_id": str(location["id"]),
        "name": location.get("name") or location.get("locality"),
        "country": (location.get("country") or {}).get("code") or "",
        "latitude": position.get("latitude"),
        "longitude": position.get("longitude"),
        "provider": (location.get("provider") or {}).get("name"),
        "owner": (location.get("owner") or {}).get("name"),
        "licence": "; ".join(dict.fromkeys(one["name"] for one in licences if one.get("name"))) or None,
        "attribution": "; ".join(dict.fromkeys(giver for giver in givers if giver)) or None,
        "is_monitor": location.get("isMonitor"),
        "is_mobile": location.get("isMobile"),
        "has_pm25": any(one.get("id") == PM25_ID or one.get("name") == "pm25" for one in sensors)
        if "sensors" in location
        else None,
    }
