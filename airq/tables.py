"""Read anybody's table from a file: CSV or Parquet, whole or refused in one line that names the file."""

from __future__ import annotations

import gzip
import io
import json
import warnings
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

#: First bytes of files that people hand over under a wrong name -> what the file is, what to do.
SIGNATURES = {
    b"PAR1": "Parquet; give it a name that ends in .parquet",
    b"\x1f\x8b": "compressed with gzip; give it a name that ends in .gz",
    b"PK\x03\x04": "an Excel workbook or a zip archive; save it as CSV",
}

SEPARATORS = (",", ";", "\t", "|")

#: What pandas takes for an empty cell, for the columns that are not text: Namibia's code is NA.
EMPTY_CELLS = ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#N/A", "<NA>"]


def read_file(path, *, text=()):
    """Read a table of at least one row from CSV or Parquet.

    The file's name ends in ``.csv``, ``.tsv`` or ``.txt``, perhaps with ``.gz`` behind it, or in
    ``.parquet``. Columns are separated by commas, semicolons, tabs or bars; lines that begin with ``#``
    before the header are skipped. Columns in `text` stay as they are written: no number, no missing value
    is made of them. An OSError is raised if the file cannot be opened, a ValueError if it is empty, cut
    off, not UTF-8, or something else than its name says.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        _check_file(path)
        try:
            table = pq.read_table(path, partitioning=None).to_pandas()
        except pa.ArrowException as error:
            reason = str(error).splitlines()[0].split(". ")[0][:100]
            raise ValueError(f"{path} is not a whole Parquet file ({reason}).") from None
        table = table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    else:
        lines = read_text(path).split("\n")
        first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
        if first is None:
            raise ValueError(f"{path} has comments only, no table.")
        table = parse_csv("\n".join(lines[first:]), path, text=text)
    if table.empty:
        raise ValueError(f"{path} has columns but no rows.")
    return table


def read_json(path):
    """Read a JSON file; see :func:`read_text`. A ValueError is raised if it is cut off or not JSON."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is not whole JSON: {error.msg} in line {error.lineno}. Was the download cut off?"
        ) from None


def read_text(path):
    """Read a text file in UTF-8, compressed with gzip if its name ends in ``.gz``.

    An OSError is raised if it cannot be opened, a ValueError if it is empty, cut off, not UTF-8, or
    something else than its name says.
    """
    path = Path(path)
    _check_file(path)
    content = path.read_bytes()
    kind = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except gzip.BadGzipFile:
            raise ValueError(f"{path} is not compressed with gzip, although its name says so.") from None
        except (EOFError, zlib.error):
            raise ValueError(
                f"{path} is cut off or damaged: its gzip data do not end. Fetch it again."
            ) from None
    elif kind is not None:
        raise ValueError(f"{path} is {kind}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8.") from None
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    return text


def parse_csv(content, path, *, text=()):
    """Return the table in a piece of CSV text whose first line is the header; see :func:`read_file`."""
    header = content.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    names = [name.strip().strip('"') for name in header.rstrip("\r").split(separator)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(content),
                sep=separator,
                dtype=dict.fromkeys(set(text) & set(names), "str"),
                keep_default_na=False,
                na_values={name: EMPTY_CELLS for name in names if name not in text},
                low_memory=False,
                index_col=False,
            )
    except pd.errors.ParserWarning:
        raise ValueError(f"{path} is not a table: its rows have more cells than its header.") from None
    except pd.errors.ParserError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} is not a table: {reason}.") from None


def _check_file(path):
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the files in it.")
    if not path.exists():
        raise FileNotFoundError(f"No such file: {path}.")
