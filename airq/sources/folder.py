"""The folder of an extraction: what was asked for, what is there, and what is missing.

The answer of a request is a *chunk*, a Parquet file named by the hash of its bytes, so that a file is
either whole or known to be damaged. What a folder already holds follows from these files alone: nothing
can be out of step with them after a crash. The manifest remembers what was asked for.

What a service can bring is its *extraction*: `layers`, `fingerprint`, `day_basis`, `assets` and `source` for
the manifest and the panel, `offset_hours(longitudes)`, `units_on(days)`, `derived(columns)`, `to_dict()` and
`differences(facts)`. A *layer* is what one request brings: `name`, `columns`, `cadence` ("day", "year",
"once"), `has_local_days`, `periods(start, end)`, `period_of(days)` and `complete_from(period)`.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import airq
from airq.io import atomic_write, write_json

MANIFEST = "manifest.json"
CHUNKS = "chunks"
PANEL = "panel.parquet"
SUFFIX = ".parquet"
#: Name of the layer, first and last period, and hash; other files in the folder are left alone.
PATTERN = f"*_????-??-??_????-??-??_{'[0-9a-f]' * 16}{SUFFIX}"

#: Days after which what had not yet arrived is asked for again, by cadence. [d]
ASK_AGAIN = {"day": 1, "year": 30, "once": 30}
#: Days for which values that were empty are asked for again, where a service notes them. [d]
EMPTY_DAYS = 30
#: Coordinates that differ by less are the same. [°]
SAME_DEGREES = 1e-6
#: The one period of what never changes.
ONCE = np.datetime64("1970-01-01", "D")

_PLACE = ["city_id", "city", "country", "latitude", "longitude", "population"]


@dataclass(frozen=True)
class Chunk:
    """What a chunk file holds."""

    path: Path
    #: Of the extraction that it belongs to.
    fingerprint: str
    #: Name of the layer.
    layer: str
    #: Cities, in the order of its rows.
    sites: tuple[str, ...]
    #: Their longitude and latitude when they were asked for, shape (n_sites, 2). [°]
    places: np.ndarray
    #: Periods, in the order of its rows within a city, datetime64[D].
    periods: np.ndarray
    #: When the answer came, datetime64[s].
    fetched: np.datetime64
    #: What the service says of each city's value beside it, such as the cell that it is of.
    cells: tuple = ()
    #: Row and column of cities and periods without any value that may still come.
    empty: tuple = ()

    @classmethod
    def from_dict(cls, path, facts):
        """Return the chunk that the metadata of a file describe."""
        return cls(
            path=path,
            fingerprint=facts["fingerprint"],
            layer=facts["layer"],
            sites=tuple(map(sys.intern, facts["sites"])),
            places=np.array(facts["places"], dtype="float64").reshape(-1, 2),
            periods=np.array(facts["periods"], dtype="datetime64[D]"),
            fetched=np.datetime64(facts["fetched"], "s"),
            cells=tuple(facts.get("cells", ())),
            empty=tuple(map(tuple, facts.get("empty", ()))),
        )

    def values(self, columns):
        """Return the numbers, shape (n_sites, n_periods, n_columns); NaN in columns that it lacks."""
        table = pq.ParquetFile(self.path).read()
        shape = (len(self.sites), len(self.periods))
        values = np.full((*shape, len(columns)), np.nan)
        for number, name in enumerate(columns):
            if name in table.column_names:
                values[:, :, number] = table[name].to_numpy(zero_copy_only=False).reshape(shape)
        return values


def write_chunk(
    folder, *, fingerprint, layer, columns, sites, places, periods, values, fetched, cells=(), empty=()
):
    """Write the answer of a request, whole or not at all, and return its Chunk.

    The numbers of the `columns` are `values` of shape (n_sites, n_periods, n_columns), NaN where there is
    none; everything else is as a Chunk has it. An OSError leaves nothing behind.
    """
    facts = {
        "fingerprint": fingerprint,
        "layer": layer,
        "sites": list(sites),
        "places": np.asarray(places).tolist(),
        "periods": [str(period) for period in periods],
        "fetched": str(fetched),
        **({"cells": list(cells)} if len(cells) else {}),
        **({"empty": [list(map(int, one)) for one in empty]} if len(empty) else {}),
    }
    flat = values.reshape(-1, len(columns)).T
    table = pa.table(
        {
            "site_id": np.repeat(np.asarray(sites, dtype=object), len(periods)),
            "period": pa.array(np.tile(periods, len(sites))),
            **{name: flat[number] for number, name in enumerate(columns)},
        }
    ).replace_schema_metadata({b"chunk": json.dumps(facts).encode()})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    content = buffer.getvalue().to_pybytes()
    path = Path(folder) / f"{layer}_{periods[0]}_{periods[-1]}_{_hash(content)}{SUFFIX}"
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(content)
    return Chunk.from_dict(path, facts)


def read_chunks(folder):
    """Return the whole chunks of a folder, those fetched first in front, and the paths of damaged files."""
    chunks, damaged = [], []
    for path in sorted(Path(folder).glob(PATTERN)):
        content, chunk = path.read_bytes(), None
        if path.stem.endswith(f"_{_hash(content)}"):
            with contextlib.suppress(pa.ArrowException, KeyError, ValueError):
                metadata = pq.read_schema(pa.BufferReader(content)).metadata
                chunk = Chunk.from_dict(path, json.loads(metadata[b"chunk"]))
        if chunk is None:
            damaged.append(path)
        else:
            chunks.append(chunk)
    return sorted(chunks, key=lambda chunk: chunk.fetched), damaged


def _hash(content):
    return hashlib.sha256(content).hexdigest()[:16]


@dataclass
class SiteDays:
    """Cities, and the days of each that are asked for."""

    #: `city, country, latitude, longitude, population`, indexed by `city_id`, sorted.
    sites: pd.DataFrame
    #: First and last days, pairs of text by `city_id`, in order and apart from each other.
    spans: dict = field(default_factory=dict)

    @classmethod
    def from_cities(cls, cities, start, end):
        """Return the cities of a table with one span of days for all."""
        sites = cities[_PLACE].set_index("city_id").sort_index()
        return cls(sites, {site: [(f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}")] for site in sites.index})

    def union(self, other):
        """Return the cities and days of this and of the other; the other's facts of a city prevail.

        Raises ValueError if a city has other coordinates in the other.
        """
        both, place = self.sites.index.intersection(other.sites.index), ["latitude", "longitude"]
        moved = (self.sites.loc[both, place] - other.sites.loc[both, place]).abs().max(axis=1)
        if (moved > SAME_DEGREES).any():
            raise ValueError(
                f"City {moved.idxmax()!r} has other coordinates than when this folder was begun; "
                "values of two places would mix. Choose another --out, or give the city another city_id."
            )
        sites = pd.concat([self.sites.drop(index=both), other.sites]).sort_index()
        spans = {
            site: _merged([*self.spans.get(site, []), *other.spans.get(site, [])]) for site in sites.index
        }
        return SiteDays(sites, spans)

    @property
    def days(self):
        """All days from the first to the last of any city."""
        ends = [np.datetime64(day) for spans in self.spans.values() for span in spans for day in span]
        return np.arange(min(ends), max(ends) + 1)

    def mask(self, days):
        """Return which of the days are asked for of each city, shape (n_cities, n_days)."""
        mask = np.zeros((len(self.sites), len(days)), dtype=bool)
        for row, site in enumerate(self.sites.index):
            for start, end in self.spans[site]:
                mask[row] |= (days >= np.datetime64(start)) & (days <= np.datetime64(end))
        return mask

    def cells_of(self, chunk, periods):
        """Return rows and columns of a chunk in a table of cities and periods, those outside left out."""
        rows = self.sites.index.get_indexer(chunk.sites)
        columns = np.searchsorted(periods, chunk.periods)
        inside = columns < len(periods)
        inside[inside] = periods[columns[inside]] == chunk.periods[inside]
        return rows[rows >= 0], columns[inside]

    @property
    def cities_hash(self):
        """Hash of the cities' names and coordinates."""
        table = self.sites[["latitude", "longitude"]].to_csv(lineterminator="\n")
        return hashlib.sha256(table.encode()).hexdigest()

    def to_dict(self):
        """Return the same as plain values."""
        return {
            site: {**facts, "days": self.spans[site]}
            for site, facts in self.sites.astype(object).to_dict(orient="index").items()
        }

    @classmethod
    def from_dict(cls, facts):
        """Return the inverse of :meth:`to_dict`."""
        rows = {site: {key: own[key] for key in _PLACE[1:]} for site, own in facts.items()}
        sites = pd.DataFrame.from_dict(rows, orient="index", columns=_PLACE[1:]).sort_index()
        sites = sites.astype(dict.fromkeys(["latitude", "longitude", "population"], "float64"))
        sites.index.name = "city_id"
        return cls(
            sites.astype({"city": "str", "country": "str"}),
            {site: [tuple(span) for span in own["days"]] for site, own in facts.items()},
        )


def _merged(spans):
    """Return spans in order, those that touch or overlap made one.

    >>> _merged([("2020-01-03", "2020-01-04"), ("2020-01-01", "2020-01-02")])
    [('2020-01-01', '2020-01-04')]
    """
    merged = []
    for start, end in sorted(spans):
        if merged and np.datetime64(start) <= np.datetime64(merged[-1][1]) + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


@dataclass(frozen=True)
class LayerRequest:
    """Cities and periods of a layer that are asked for."""

    layer: object
    #: Row numbers of the cities in the table of sites, int of shape (n_cities,).
    rows: np.ndarray
    #: Periods, datetime64[D] of shape (n_periods,).
    periods: np.ndarray
    #: Hours by which the local day of these cities begins before the day in UTC.
    offset_hours: int = 0


@dataclass
class Folder:
    """An extraction's folder."""

    path: Path
    #: Of the service that fills it.
    extraction: object
    #: Cities and days, those of earlier runs among them.
    site_days: SiteDays
    #: What earlier runs cost.
    runs: list = field(default_factory=list)
    #: What the panel holds, where it was written.
    panel_facts: dict | None = None
    #: The date in UTC, datetime64[D].
    on_day: np.datetime64 = field(default_factory=lambda: today())

    @property
    def chunks(self):
        """Folder of the chunks."""
        return self.path / CHUNKS

    @property
    def panel(self):
        """File of the panel."""
        return self.path / PANEL

    def read_chunks(self):
        """Return the chunks of this extraction whose cities have not moved, and damaged files."""
        chunks, damaged = read_chunks(self.chunks)
        sites = self.site_days.sites
        places = dict(zip(sites.index, sites[["longitude", "latitude"]].to_numpy(), strict=True))

        def is_own(chunk):
            if chunk.fingerprint != self.extraction.fingerprint:
                return False
            # Cities that are not asked for now have no place to compare with.
            here = [places.get(site, own) for site, own in zip(chunk.sites, chunk.places, strict=True)]
            return (np.abs(np.array(here) - chunk.places) <= SAME_DEGREES).all()

        # What a clock that ran ahead has stamped must not prevail over what came since.
        own = sorted((chunk for chunk in chunks if is_own(chunk)), key=lambda chunk: not self._ahead(chunk))
        return own, damaged

    def _ahead(self, chunk):
        return chunk.fetched.astype("datetime64[D]") > self.on_day

    def missing(self, chunks):
        """Return what must be asked for, as a list of LayerRequest, the longest work first.

        Chunks that were fetched before today and before their products were complete count as missing.
        """
        offsets = self.extraction.offset_hours(self.site_days.sites["longitude"])
        requests = []
        for layer in self.extraction.layers:
            periods, asked_for = self._asked_for(layer)
            lacking = asked_for.copy()
            complete = np.array([layer.complete_from(period) for period in periods], dtype="datetime64[D]")
            for chunk in chunks:
                if chunk.layer == layer.name:
                    rows, columns = self.site_days.cells_of(chunk, periods)
                    lasting = _is_lasting(layer, complete[columns], chunk.fetched, self.on_day)
                    lacking[np.ix_(rows, columns[lasting])] = False
                    if chunk.fetched.astype("datetime64[D]") < self.on_day:
                        lacking[self._still_empty(chunk, layer, periods)] = True
            lacking &= asked_for
            by_day = offsets if layer.has_local_days else np.zeros_like(offsets)
            requests += _grouped(layer, lacking, periods, by_day)
        return sorted(requests, key=lambda own: -len(own.rows) * len(own.periods) * len(own.layer.columns))

    def ages(self, chunks, days):
        """Return when each city's values of each day came, and whether they no longer change.

        Three arrays of shape (n_cities, n_days): the time (datetime64[s]) at which all of them had come, and
        that at which any came last, NaT where a layer's values have not come; and a mask, which what changes
        with the year or never does not decide. Layers without a period of a day have nothing to wait for.
        """
        never = np.datetime64("0001-01-01", "s")
        all_came = np.full((len(self.site_days.sites), len(days)), np.datetime64("9999-01-01", "s"))
        last_came, settled = np.full(all_came.shape, never), np.ones(all_came.shape, dtype=bool)
        for layer in self.extraction.layers:
            periods, _ = self._asked_for(layer)
            complete = np.array([layer.complete_from(period) for period in periods], dtype="datetime64[D]")
            came = np.full((len(settled), len(periods)), never)
            empty = np.zeros(came.shape, dtype=bool)
            for chunk in [own for own in chunks if own.layer == layer.name and not self._ahead(own)]:
                at = np.ix_(*self.site_days.cells_of(chunk, periods))
                came[at], empty[at] = np.maximum(came[at], chunk.fetched), False
                empty[self._still_empty(chunk, layer, periods)] = True
            known = np.isin(layer.period_of(days), periods)
            columns = np.searchsorted(periods, layer.period_of(days)[known])
            all_came[:, known] = np.minimum(all_came[:, known], came[:, columns])
            last_came[:, known] = np.maximum(last_came[:, known], came[:, columns])
            if layer.cadence == "day":
                settled[:, known] &= ((came >= complete) & ~empty)[:, columns]
        lacking = (all_came == never) | (last_came == never)
        all_came[lacking], last_came[lacking] = np.datetime64("NaT"), np.datetime64("NaT")
        return all_came, last_came, settled

    def _still_empty(self, chunk, layer, periods):
        """Return rows and columns of a layer's table where a chunk has no value that may still come."""
        if not chunk.empty:
            return np.array([], dtype=int), np.array([], dtype=int)
        own, when = np.array(chunk.empty).T
        rows = self.site_days.sites.index.get_indexer(np.array(chunk.sites, dtype=object)[own])
        columns = np.searchsorted(periods, chunk.periods[when])
        there = (rows >= 0) & (columns < len(periods))
        there[there] = periods[columns[there]] == chunk.periods[when][there]
        ended = np.array(
            [layer.complete_from(period) for period in chunk.periods[when]], dtype="datetime64[D]"
        )
        there &= ended + EMPTY_DAYS > self.on_day
        return rows[there], columns[there]

    def superseded(self, chunks):
        """Return the chunks all of whose values were fetched again since."""
        idle = []
        for layer in self.extraction.layers:
            periods, asked_for = self._asked_for(layer)
            seen = np.zeros_like(asked_for)
            for chunk in reversed([chunk for chunk in chunks if chunk.layer == layer.name]):
                rows, columns = self.site_days.cells_of(chunk, periods)
                # What is not asked for now may be later: such a chunk stays.
                whole = len(rows) == len(chunk.sites) and len(columns) == len(chunk.periods)
                if whole and seen[np.ix_(rows, columns)].all():
                    idle.append(chunk)
                seen[np.ix_(rows, columns)] = True
        return idle

    def _asked_for(self, layer):
        """Return periods of a layer, and which of each city are asked for, shape (n_cities, n_periods)."""
        days = self.site_days.days
        periods = layer.periods(days[0], days[-1])
        mask, of_day = self.site_days.mask(days), layer.period_of(days)
        if layer.cadence == "day":
            return periods, mask[:, np.isin(days, periods)]
        columns = [mask[:, of_day == period].any(axis=1) for period in periods]
        return periods, np.column_stack(columns) if columns else np.zeros((len(mask), 0), dtype=bool)

    def write_manifest(self):
        """Write what the folder holds. No credential is among it."""
        write_json(
            self.path / MANIFEST,
            {
                "airq": airq.__version__,
                "fingerprint": self.extraction.fingerprint,
                "extraction": self.extraction.to_dict(),
                "assets": self.extraction.assets,
                "first_day": str(self.site_days.days[0]),
                "last_day": str(self.site_days.days[-1]),
                "cities_sha256": self.site_days.cities_hash,
                "panel": self.panel_facts,
                "runs": self.runs,
                "cities": self.site_days.to_dict(),
            },
        )


def offset_hours(longitudes, day_basis):
    """Return the hours by which days begin before those in UTC; local ones follow the longitude [°]."""
    longitudes = np.asarray(longitudes, dtype="float64")
    hours = np.round(longitudes / 15) if day_basis == "local" else np.zeros(len(longitudes))
    return hours.astype(int)


def today():
    """Return today's date in UTC, datetime64[D]."""
    return np.datetime64(datetime.datetime.now(datetime.UTC).date())


def _is_lasting(layer, complete, fetched, today):
    """Return for each period whether values fetched then need not be asked for again.

    What came too early is asked for again, but not twice on a day. A clock that ran ahead is not believed.
    """
    day = fetched.astype("datetime64[D]")
    if day > today:
        return np.zeros(len(complete), dtype=bool)
    return (complete <= day) | (today - day < ASK_AGAIN[layer.cadence])


def _grouped(layer, lacking, periods, offsets):
    """Return requests of cities that lack the same periods."""
    requests = []
    packed = np.packbits(lacking, axis=1)
    keys = np.column_stack([offsets.astype("int16").view("uint8").reshape(len(offsets), -1), packed])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    for number, row in enumerate(first):
        if lacking[row].any():
            rows = np.flatnonzero(inverse.ravel() == number)
            requests.append(LayerRequest(layer, rows, periods[lacking[row]], int(offsets[row])))
    return requests


def day_labels(start, end):
    """Return the days from `start` to `end`, both ISO 8601 or time stamps, as Timestamps.

    Raises ValueError if a day is not ISO or the end lies before the start.
    """
    ends = {"start": start, "end": end}
    for name, day in ends.items():
        try:
            whole = datetime.date.fromisoformat(day) if isinstance(day, str) else day
            ends[name] = pd.Timestamp(whole).normalize()
        except ValueError:
            raise ValueError(f"The {name} {day!r} is not a day such as 2020-01-31.") from None
    start, end = ends.values()
    if end < start:
        raise ValueError(f"The end {end:%Y-%m-%d} lies before the start {start:%Y-%m-%d}.")
    return pd.date_range(start, end, freq="D")


def open_folder(path, extraction, site_days, on_day=None):
    """Return the Folder at a path, with the cities and days that are asked for now added.

    `on_day` (datetime64[D]) is the date in UTC, by default today.

    Raise ValueError if it belongs to another extraction, its manifest is damaged, or a city has moved;
    FileExistsError if it holds something else.
    """
    path, on_day = Path(path), on_day or today()
    if not (path / MANIFEST).exists():
        names = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
        visible = {name for name in names if not name.startswith(".")}
        ours = visible <= {CHUNKS} or (CHUNKS in visible and visible <= {CHUNKS, PANEL})
        if path.exists() and not (path.is_dir() and ours):
            raise FileExistsError(f"{path} exists and has no {MANIFEST}; choose another name for --out.")
        return Folder(path, extraction, site_days, on_day=on_day)
    facts = _read_manifest(path / MANIFEST)
    if changed := extraction.differences(facts["extraction"]):
        raise ValueError(
            f"{path} was begun with other settings ({', '.join(changed)}); values of two kinds would mix. "
            "Repeat the command that began it, or choose another --out."
        )
    both = SiteDays.from_dict(facts["cities"]).union(site_days)
    return Folder(path, extraction, both, facts["runs"], facts.get("panel"), on_day)


def _read_manifest(path):
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        for key, kind in (("extraction", dict), ("cities", dict), ("runs", list)):
            facts[key] = kind(facts[key])
    except (ValueError, KeyError, TypeError):
        message = f"{path} is damaged. Delete it and run again: whole chunks are used again."
        raise ValueError(message) from None
    return facts


@contextlib.contextmanager
def locked_folder(path):
    """Lock the folder; remove leftovers of a killed run.

    Raises BlockingIOError if another process has locked it.
    """
    chunks = Path(path) / CHUNKS
    chunks.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(chunks / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"Another airq process is at work in {path}; wait until it ends, or choose another --out."
        ) from None
    try:
        for pattern in (f"{CHUNKS}/.*{SUFFIX}.*", f".{PANEL}.*", f".{MANIFEST}.*"):
            for scratch in Path(path).glob(pattern):
                shutil.rmtree(scratch, ignore_errors=True)
        yield
    finally:
        lock.release()
