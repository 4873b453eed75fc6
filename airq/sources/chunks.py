"""Chunks: the answers of requests, each a Parquet file that is whole or known to be damaged.

A file is named by the hash of its bytes. Its metadata tell what it holds and, product by product, the
fingerprint of what decided the values.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airq.io import atomic_write

SUFFIX = ".parquet"
#: Name of the layer, first and last period, and hash; other files in the folder are left alone.
PATTERN = f"*_????-??-??_????-??-??_{'[0-9a-f]' * 16}{SUFFIX}"


@dataclass(frozen=True)
class Chunk:
    """What a chunk file holds."""

    path: Path
    #: Name of the layer.
    layer: str
    #: Cities, in the order of its rows.
    sites: tuple[str, ...]
    #: Their longitude and latitude when they were asked for, shape (n_sites, 2). [°]
    places: np.ndarray
    #: Periods, in the order of its rows within a city, datetime64[D].
    periods: np.ndarray
    #: When the answer came, datetime64[ms].
    fetched: np.datetime64
    #: Names of its columns.
    columns: frozenset
    #: Fingerprint of what decided the values, by product; empty if an earlier version wrote the chunk.
    fingerprints: dict
    #: Of the extraction as a whole, where an earlier version wrote the chunk.
    fingerprint: str | None = None
    #: By product, positions of the periods in which no city has a value; None where that is not written.
    without: dict | None = None
    #: What the service says of each city's value beside it, such as the cell that it is of.
    cells: tuple = ()
    #: Row and column of cities and periods without any value that may still come.
    empty: tuple = ()
    _found: dict = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, path, facts, columns):
        """Return the chunk that the metadata and the names of the columns of a file describe."""
        return cls(
            path=path,
            layer=facts["layer"],
            sites=tuple(map(sys.intern, facts["sites"])),
            places=np.array(facts["places"], dtype="float64").reshape(-1, 2),
            periods=np.array(facts["periods"], dtype="datetime64[D]"),
            fetched=np.datetime64(facts["fetched"], "ms"),
            columns=frozenset(columns),
            fingerprints=facts.get("fingerprints", {}),
            fingerprint=facts.get("fingerprint"),
            without=facts.get("without"),
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

    def has_values(self, key, columns):
        """Return in which periods any city has a value of a product's columns, shape (n_periods,)."""
        if key not in self._found:
            there = np.ones(len(self.periods), dtype=bool)
            if self.without is None:
                there = ~np.isnan(self.values(columns)).all(axis=(0, 2))
            else:
                there[self.without.get(key, [])] = False
            self._found[key] = there
        return self._found[key]


def write_chunk(
    folder, *, fingerprints, layer, columns, sites, places, periods, values, fetched, without=None, **more
):
    """Write the answer of a request, whole or not at all, and return its Chunk.

    The numbers of the `columns` are `values` of shape (n_sites, n_periods, n_columns), NaN where there is
    none; everything else, `cells` and `empty` among it, is as a Chunk has it. An OSError leaves nothing
    behind.
    """
    facts = {
        "fingerprints": fingerprints,
        "layer": layer,
        "sites": list(sites),
        "places": np.asarray(places).tolist(),
        "periods": [str(period) for period in periods],
        "fetched": str(fetched),
        **(
            {} if without is None else {"without": {key: list(map(int, own)) for key, own in without.items()}}
        ),
        **{name: np.asarray(own).tolist() for name, own in more.items() if len(own)},
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
    return Chunk.from_dict(path, facts, columns)


def read_chunks(folder):
    """Return the whole chunks of a folder, those fetched first in front, and the paths of damaged files."""
    chunks, damaged = [], []
    for path in sorted(Path(folder).glob(PATTERN)):
        content, chunk = path.read_bytes(), None
        if path.stem.endswith(f"_{_hash(content)}"):
            with contextlib.suppress(pa.ArrowException, KeyError, ValueError):
                schema = pq.read_schema(pa.BufferReader(content))
                chunk = Chunk.from_dict(path, json.loads(schema.metadata[b"chunk"]), schema.names)
        if chunk is None:
            damaged.append(path)
        else:
            chunks.append(chunk)
    return sorted(chunks, key=lambda chunk: chunk.fetched), damaged


def _hash(content):
    return hashlib.sha256(content).hexdigest()[:16]
