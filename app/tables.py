"""Read tables of predictions part by part, Parquet or CSV, so that a large one never fills memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.messages import near_name

NEEDED = ("city_id", "city", "country", "latitude", "longitude", "date")
TEXT = ("site_id", "city_id", "city", "country", "aqi_table", "unit", "trained_on")
ROWS_AT_ONCE = 100_000
#: A CSV of so many bytes holds about as many rows. [bytes]
BYTES_AT_ONCE = 10_000_000


@dataclass(frozen=True)
class PredictionTable:
    """A file of predictions: its columns, its facts, and its rows in parts.

    Attributes
    ----------
    path : Path
        The file.
    columns : tuple of str
        Names of its columns.
    facts : dict
        What its metadata tell; empty for CSV.
    large : bool
        Whether it has more rows than are read at once.
    """

    path: Path
    columns: tuple
    facts: dict = field(default_factory=dict)
    large: bool = False

    def parts(self, columns):
        """Yield the given columns in the file's order, at most :data:`ROWS_AT_ONCE` rows at once."""
        reader = _csv_parts if self.path.suffix == ".csv" else _parquet_parts
        yield from reader(self.path, [name for name in columns if name in self.columns])


def open_table(path):
    """Look at a file of predictions without reading more than its first row.

    Parameters
    ----------
    path : str or Path
        Parquet or CSV.

    Returns
    -------
    PredictionTable

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is neither Parquet nor CSV, lacks a column, has no rows, or is a panel of what was measured.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No such file: {path}. Make one with `airq predict` or `airq demo`.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the file of predictions in it.")
    table, filled = _open_csv(path) if path.suffix == ".csv" else _open_parquet(path)
    for name in NEEDED:
        if name not in table.columns:
            raise ValueError(
                f"{path} has no column {name!r}.{near_name(name, table.columns)} "
                "Predictions have the columns that `airq predict` writes."
            )
    if not {"pm25", "aqi"} & set(table.columns):
        raise ValueError(f"{path} has neither a column 'pm25' nor 'aqi', so there is nothing to show.")
    if table.facts.get("pm25_origin", "model") != "model":
        raise ValueError(
            f"{path} is a panel of measured or simulated days, no table of predictions; name it with --panel."
        )
    if not filled:
        raise ValueError(f"{path} has no rows; predict for at least one city and day.")
    return table


def _open_parquet(path):
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except pa.ArrowException as error:
        raise ValueError(
            f"{path} is not a whole Parquet file ({str(error).splitlines()[0][:120]})."
        ) from None
    try:
        facts = json.loads((schema.metadata or {}).get(b"airq", b"{}"))
    except ValueError:
        raise ValueError(f"The metadata of {path} are damaged; make the file again.") from None
    facts = facts if isinstance(facts, dict) else {}
    return PredictionTable(path, tuple(schema.names), facts, large=rows > ROWS_AT_ONCE), rows > 0


def _open_csv(path):
    try:
        head = pd.read_csv(path, nrows=1)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty; predictions have a line of column names.") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV table in UTF-8: {str(error).splitlines()[0]}") from None
    large = path.stat().st_size > BYTES_AT_ONCE
    return PredictionTable(path, tuple(head.columns), large=large), not head.empty


def _parquet_parts(path, columns):
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns):
            yield batch.to_pandas()


def _csv_parts(path, columns):
    dtypes = {name: "str" for name in columns if name in TEXT}
    parts = pd.read_csv(
        path,
        usecols=columns,
        dtype=dtypes,
        chunksize=ROWS_AT_ONCE,
        keep_default_na=False,
        na_values={name: ["", "NA", "NaN", "nan"] for name in columns if name not in TEXT},
    )
    try:
        yield from parts
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} is not a sound CSV table: {str(error).splitlines()[0]}") from None
