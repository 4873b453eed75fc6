"""Chunks: the answers of single requests as files that are either whole or found out.

A chunk is a Parquet file named by the hash of its bytes. What a folder already holds follows from the
files alone, so nothing can be out of step with them after a crash.

The folder of an extraction: what was asked for, what is there, what is missing.
"""

from __future__ import annotations

import contextlib
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

from airq.io import atomic_write, write_json
from airq.sources.earthengine.layers import ONCE, deciding, has_images
from airq.sources.earthengine.planning import Block

SUFFIX = ".parquet"
#: Name of the layer, first and last period, and hash; other files in the folder are left alone.
PATTERN = f"*_????-??-??_????-??-??_{'[0-9a-f]' * 16}{SUFFIX}"


@dataclass(frozen=True)
class Chunk:
    """What a chunk file holds.

    Attributes
    ----------
    path : Path
        The file.
    fingerprint : str
        Of the extraction that it belongs to.
    layer : str
        Name of the layer.
    sites : tuple of str
        Cities, in the order of its rows.
    places : numpy.ndarray of shape (n_sites, 2)
        Their longitude and latitude when they were asked for. [°]
    periods : numpy.ndarray of datetime64[D]
        Periods, in the order of its rows within a city.
    fetched : numpy.datetime64[s]
        When the answer came.
    """

    path: Path
    fingerprint: str
    layer: str
    sites: tuple[str, ...]
    places: np.ndarray
    periods: np.ndarray
    fetched: np.datetime64

    def values(self, columns):
        """The numbers, shape (n_sites, n_periods, n_columns); NaN in columns that it lacks."""
        table = pq.ParquetFile(self.path).read()
        shape = (len(self.sites), len(self.periods))
        empty = np.full(shape, np.nan)
        known = set(table.column_names)
        return np.stack(
            [
                table[name].to_numpy(zero_copy_only=False).reshape(shape) if name in known else empty
                for name in columns
            ],
            axis=-1,
        )


def write_chunk(folder, *, fingerprint, layer, columns, sites, places, periods, values, fetched):
    """Write the answer of a request, whole or not at all.

    Parameters
    ----------
    folder : Path
        Folder of the chunks.
    fingerprint, layer : str
        Of the extraction, and the layer's name.
    columns : list of str
        Names of the numbers.
    sites : sequence of str
        Cities.
    places : numpy.ndarray of shape (n_sites, 2)
        Their longitude and latitude. [°]
    periods : numpy.ndarray of datetime64[D]
        Periods.
    values : numpy.ndarray of shape (n_sites, n_periods, n_columns)
        Numbers, NaN where there is none.
    fetched : numpy.datetime64[s]
        When the answer came.

    Returns
    -------
    Chunk

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; nothing is left behind.
    """
    facts = {
        "fingerprint": fingerprint,
        "layer": layer,
        "sites": list(sites),
        "places": np.asarray(places).tolist(),
        "periods": [str(period) for period in periods],
        "fetched": str(fetched),
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
    path = Path(folder) / f"{layer}_{periods[0]}_{periods[-1]}_{_digest(content)}{SUFFIX}"
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(content)
    return _described(path, facts)


def read_chunks(folder):
    """Describe all chunks of a folder, those fetched first in front.

    Returns
    -------
    chunks : list of Chunk
        Whole ones.
    damaged : list of Path
        Files whose bytes are not those that were written.
    """
    chunks, damaged = [], []
    for path in sorted(Path(folder).glob(PATTERN)):
        chunk = _read_chunk(path)
        if chunk is None:
            damaged.append(path)
        else:
            chunks.append(chunk)
    return sorted(chunks, key=lambda chunk: chunk.fetched), damaged


def _read_chunk(path):
    content = path.read_bytes()
    if not path.stem.endswith(f"_{_digest(content)}"):
        return None
    with contextlib.suppress(pa.ArrowException, KeyError, ValueError):
        schema = pq.read_schema(pa.BufferReader(content))
        return _described(path, json.loads(schema.metadata[b"chunk"]))
    return None


def _described(path, facts):
    return Chunk(
        path=path,
        fingerprint=facts["fingerprint"],
        layer=facts["layer"],
        sites=tuple(map(sys.intern, facts["sites"])),
        places=np.array(facts["places"], dtype="float64").reshape(-1, 2),
        periods=np.array(facts["periods"], dtype="datetime64[D]"),
        fetched=np.datetime64(facts["fetched"], "s"),
    )


def _digest(content):
    return hashlib.sha256(content).hexdigest()[:16]


MANIFEST = "manifest.json"
CHUNKS = "chunks"
PANEL = "panel.parquet"

#: Days after which what had not yet arrived is asked for again, by cadence. [d]
ASK_AGAIN = {"day": 1, "year": 30, "once": 30}

#: Coordinates that differ by less are the same. [°]
SAME_DEGREES = 1e-6

_PLACE = ["city_id", "city", "country", "latitude", "longitude", "population"]


@dataclass
class Wanted:
    """Cities and the days that are wanted of each.

    Attributes
    ----------
    sites : DataFrame
        `city, country, latitude, longitude, population`, indexed by `city_id`, sorted.
    spans : dict of str to list of (str, str)
        First and last days, by `city_id`, in order and apart from each other.
    """

    sites: pd.DataFrame
    spans: dict = field(default_factory=dict)

    @classmethod
    def of(cls, cities, start, end):
        """A table of cities and one span of days."""
        sites = cities[_PLACE].set_index("city_id").sort_index()
        return cls(sites, {site: [(f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}")] for site in sites.index})

    def with_more(self, other):
        """This and the other together.

        Raises
        ------
        ValueError
            If a city stands elsewhere in the other.
        """
        both = self.sites.index.intersection(other.sites.index)
        moved = (
            self.sites.loc[both, ["latitude", "longitude"]] - other.sites.loc[both, ["latitude", "longitude"]]
        )
        moved = moved.abs().max(axis=1)
        if (moved > SAME_DEGREES).any():
            raise ValueError(
                f"City {moved.idxmax()!r} has other coordinates than when this folder was begun; "
                "values of two places would mix. Choose another --out, or give the city another city_id."
            )
        sites = pd.concat([self.sites.drop(index=both), other.sites]).sort_index()
        spans = {
            site: _merged([*self.spans.get(site, []), *other.spans.get(site, [])]) for site in sites.index
        }
        return Wanted(sites, spans)

    @property
    def days(self):
        """All days from the first to the last that is wanted anywhere."""
        ends = [np.datetime64(day) for spans in self.spans.values() for span in spans for day in span]
        return np.arange(min(ends), max(ends) + 1)

    def mask(self, days):
        """Which of the days are wanted of each city, shape (n_cities, n_days)."""
        mask = np.zeros((len(self.sites), len(days)), dtype=bool)
        for row, site in enumerate(self.sites.index):
            for start, end in self.spans[site]:
                mask[row] |= (days >= np.datetime64(start)) & (days <= np.datetime64(end))
        return mask

    @property
    def cities_hash(self):
        """Hash of the cities' names and coordinates."""
        return hashlib.sha256(
            self.sites[["latitude", "longitude"]].to_csv(lineterminator="\n").encode()
        ).hexdigest()

    def to_dict(self):
        """The same facts as plain values."""
        return {
            site: {**facts, "days": self.spans[site]}
            for site, facts in self.sites.astype(object).to_dict(orient="index").items()
        }

    @classmethod
    def from_dict(cls, facts):
        """Inverse of :meth:`to_dict`."""
        rows = {site: {key: known[key] for key in _PLACE[1:]} for site, known in facts.items()}
        sites = pd.DataFrame.from_dict(rows, orient="index", columns=_PLACE[1:]).sort_index()
        sites = sites.astype(dict.fromkeys(["latitude", "longitude", "population"], "float64"))
        sites.index.name = "city_id"
        return cls(
            sites.astype({"city": "str", "country": "str"}),
            {site: [tuple(span) for span in known["days"]] for site, known in facts.items()},
        )


def _merged(spans):
    """Spans in order, those that touch or overlap made one.

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


@dataclass
class Folder:
    """An extraction's folder.

    Attributes
    ----------
    path : Path
        The folder.
    extraction : Extraction
        What is extracted.
    wanted : Wanted
        Cities and days, those of earlier runs among them.
    runs : list of dict
        What earlier runs cost.
    panel_facts : dict, optional
        What the panel holds, where it was written.
    """

    path: Path
    extraction: object
    wanted: Wanted
    runs: list = field(default_factory=list)
    panel_facts: dict | None = None

    @property
    def chunks(self):
        """Folder of the chunks."""
        return self.path / CHUNKS

    @property
    def panel(self):
        """File of the panel."""
        return self.path / PANEL

    def found(self):
        """The chunks of this extraction whose cities stand where they are wanted, and damaged files."""
        chunks, damaged = read_chunks(self.chunks)
        places = dict(
            zip(self.wanted.sites.index, self.wanted.sites[["longitude", "latitude"]].to_numpy(), strict=True)
        )
        return [chunk for chunk in chunks if self._is_own(chunk, places)], damaged

    def _is_own(self, chunk, places):
        if chunk.fingerprint != self.extraction.fingerprint:
            return False
        # Cities that are not wanted now have no place to compare with.
        here = np.array([places.get(site, own) for site, own in zip(chunk.sites, chunk.places, strict=True)])
        return bool((np.abs(here - chunk.places) <= SAME_DEGREES).all())

    def missing(self, chunks, *, today):
        """What must be asked for, as a list of Block, the longest work first.

        Parameters
        ----------
        chunks : list of Chunk
            What is there.
        today : numpy.datetime64[D]
            Chunks that were fetched on an earlier day, before their products were complete, count as
            missing.
        """
        positions = {site: row for row, site in enumerate(self.wanted.sites.index)}
        offsets = self.extraction.offset_hours(self.wanted.sites["longitude"])
        blocks = []
        for layer in self.extraction.layers:
            periods, lacking = self._lacking(layer)
            complete = np.array([_complete_from(layer, period) for period in periods], dtype="datetime64[D]")
            for chunk in chunks:
                if chunk.layer == layer.name:
                    rows, columns = _cells(chunk, positions, periods)
                    lasting = _is_lasting(layer, complete[columns], chunk.fetched, today)
                    lacking[np.ix_(rows, columns[lasting])] = False
            by_day = offsets if layer.has_local_days else np.zeros_like(offsets)
            blocks += _blocks(layer, lacking, periods, by_day)
        return sorted(blocks, key=lambda block: -block.cells)

    def _lacking(self, layer):
        """Periods of a layer, and which are wanted of each city."""
        days = self.wanted.days
        periods = layer.periods(days[0], days[-1])
        wanted, of_day = self.wanted.mask(days), layer.period_of(days)
        if layer.cadence == "day":
            return periods, wanted[:, np.isin(days, periods)]
        lacking = [wanted[:, of_day == period].any(axis=1) for period in periods]
        return periods, np.column_stack(lacking) if lacking else np.zeros((len(wanted), 0), dtype=bool)

    def superseded(self, chunks):
        """Chunks all of whose values were fetched again since."""
        positions = {site: row for row, site in enumerate(self.wanted.sites.index)}
        idle = []
        for layer in self.extraction.layers:
            periods, wanted = self._lacking(layer)
            seen = np.zeros_like(wanted)
            for chunk in reversed([chunk for chunk in chunks if chunk.layer == layer.name]):
                rows, columns = _cells(chunk, positions, periods)
                # What is not wanted now may be wanted later: such a chunk stays.
                whole = len(rows) == len(chunk.sites) and len(columns) == len(chunk.periods)
                if whole and seen[np.ix_(rows, columns)].all():
                    idle.append(chunk)
                seen[np.ix_(rows, columns)] = True
        return idle

    def write_manifest(self, *, version, panel=None):
        """Write down what the folder holds. No credential is among it."""
        write_json(
            self.path / MANIFEST,
            {
                "airq": version,
                "fingerprint": self.extraction.fingerprint,
                "extraction": self.extraction.to_dict(),
                "assets": {product.key: product.asset for product in self.extraction.products},
                "first_day": str(self.wanted.days[0]),
                "last_day": str(self.wanted.days[-1]),
                "cities_sha256": self.wanted.cities_hash,
                "panel": panel,
                "runs": self.runs,
                "cities": self.wanted.to_dict(),
            },
        )


def open_folder(path, extraction, wanted):
    """The folder as it stands, with what is wanted now added.

    Parameters
    ----------
    path : str or Path
        Folder; it need not exist.
    extraction : Extraction
        What to extract.
    wanted : Wanted
        Where and when.

    Returns
    -------
    Folder

    Raises
    ------
    ValueError
        If the folder belongs to another extraction, or a city has moved.
    FileExistsError
        If it holds something else.
    """
    path = Path(path)
    if not (path / MANIFEST).exists():
        if path.exists() and not (path.is_dir() and _only_ours(path)):
            raise FileExistsError(f"{path} exists and has no {MANIFEST}; choose another name for --out.")
        return Folder(path, extraction, wanted)
    facts = read_manifest(path)
    _check_same(facts["extraction"], extraction.to_dict(), path)
    both = Wanted.from_dict(facts["cities"]).with_more(wanted)
    return Folder(path, extraction, both, facts["runs"], facts.get("panel"))


def read_manifest(path):
    """The manifest of an extraction's folder.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    try:
        facts = json.loads((Path(path) / MANIFEST).read_text(encoding="utf-8"))
        facts["extraction"], facts["cities"], facts["runs"] = (
            dict(facts["extraction"]),
            dict(facts["cities"]),
            list(facts["runs"]),
        )
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{Path(path) / MANIFEST} is damaged. Delete it and run again: whole chunks are used again."
        ) from None
    return facts


def _only_ours(path):
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    return names <= {CHUNKS} or (CHUNKS in names and names <= {CHUNKS, PANEL})


def _check_same(before, now, path):
    before, now = deciding(before), deciding(now)
    if before == now:
        return
    changed = [key for key in now if key != "products" and before.get(key) != now[key]]
    then = {product["key"]: product for product in before["products"]}
    here = {product["key"]: product for product in now["products"]}
    changed += [f"product {key}" for key in {**then, **here} if then.get(key) != here.get(key)]
    raise ValueError(
        f"{path} was begun with other settings ({', '.join(changed)}); values of two kinds would mix. "
        "Repeat the command that began it, or choose another --out."
    )


@contextlib.contextmanager
def held(path):
    """Hold a folder, so that no other process writes into it; what a killed one left is swept away.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    """
    chunks = Path(path) / CHUNKS
    chunks.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(chunks / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"Another airq extract is at work in {path}; wait until it ends, or choose another --out."
        ) from None
    try:
        for pattern in (f"{CHUNKS}/.*{SUFFIX}.*", f".{PANEL}.*", f".{MANIFEST}.*"):
            for scratch in Path(path).glob(pattern):
                shutil.rmtree(scratch, ignore_errors=True)
        yield
    finally:
        lock.release()


def _cells(chunk, positions, periods):
    """Rows and columns of a chunk in a table of cities and periods, those outside left out."""
    rows = np.array([positions[site] for site in chunk.sites if site in positions], dtype=int)
    columns = np.searchsorted(periods, chunk.periods)
    inside = columns < len(periods)
    inside[inside] = periods[columns[inside]] == chunk.periods[inside]
    return rows, columns[inside]


def _complete_from(layer, period):
    """First day on which all images of a period are normally there."""
    if period == ONCE:
        return period
    latency = max(product.latency for product in layer.products if has_images(product, period))
    return layer.period_end(period) + latency


def _is_lasting(layer, complete, fetched, today):
    """Whether values fetched then need not be asked for again, for each period.

    What came too early is asked for again, but not twice on a day. A clock that ran ahead is not believed.
    """
    day = fetched.astype("datetime64[D]")
    if day > today:
        return np.zeros(len(complete), dtype=bool)
    return (complete <= day) | (today - day < ASK_AGAIN[layer.cadence])


def _blocks(layer, lacking, periods, offsets):
    """Blocks of cities that lack the same periods."""
    blocks = []
    packed = np.packbits(lacking, axis=1)
    keys = np.column_stack([offsets.astype("int16").view("uint8").reshape(len(offsets), -1), packed])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    for number, row in enumerate(first):
        if lacking[row].any():
            rows = np.flatnonzero(inverse.ravel() == number)
            blocks.append(Block(layer, rows, periods[lacking[row]], int(offsets[row])))
    return blocks
