"""Chunks: the answers of single requests as files that are either whole or found out.

A chunk is a Parquet file named by the hash of its bytes. What a folder already holds follows from the
files alone, so nothing can be out of step with them after a crash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airq.files import whole_file

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
    with whole_file(path) as unfinished:
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
