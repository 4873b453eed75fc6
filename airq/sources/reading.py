"""Files of tables and records, read so that whatever is wrong with one is said in one line."""

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

from airq.panel import near_name

#: First bytes of files that people hand over under a wrong name -> what the file is.
SIGNATURES = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "compressed with gzip",
    b"PK\x03\x04": "an Excel workbook or a zip archive",
}

SEPARATORS = (",", ";", "\t", "|")

#: What pandas takes for an empty cell, for the columns that are not text: Namibia's code is NA.
EMPTY_CELLS = ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#N/A", "<NA>"]

#: Format of `airq ingest` -> columns by which its tables are known.
FORMAT_COLUMNS = {
    "waqi": ("Date", "Country", "City", "Specie", "median"),
    "openaq": ("location_id", "datetime", "parameter", "units", "value"),
    "uganda": ("site_latitude", "site_longitude", "humidity", "temp_mean"),
    "airathon": ("datetime", "grid_id", "date", "location", "Optical_Depth_055_avg"),
    "open-meteo": ("latitude", "longitude", "temperature_2m_mean"),
    "reference": ("City", "Date", "Lat", "Long", "Predicted_PM25"),
}


def read_table(path, *, text=()):
    """Read a table from CSV or Parquet.

    Parameters
    ----------
    path : str or Path
        File ending in ``.csv``, ``.tsv`` or ``.txt``, perhaps with ``.gz`` behind it, or in
        ``.parquet``. Columns are separated by commas, semicolons, tabs or bars; lines that begin
        with ``#`` before the header are skipped.
    text : sequence of str
        Columns to leave as they are written: no number, no missing value made of them.

    Returns
    -------
    DataFrame
        At least one row.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is empty, cut off, not UTF-8, or something else than its name says.
    """
    path = _existing(path)
    table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path, text)
    if table.empty:
        raise ValueError(f"{path} has columns but no rows.")
    return table


def read_json(path):
    """Read a JSON file, perhaps with ``.gz`` behind its name.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is empty, cut off or not JSON.
    """
    path = _existing(path)
    content = read_text(path)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is not whole JSON: {error.msg} in line {error.lineno}. Was the download cut off?"
        ) from None


def read_text(path):
    """Text of a UTF-8 file, perhaps compressed.

    Raises
    ------
    ValueError
        If it is empty, cut off, not UTF-8, or something else than its name says.
    """
    content = _read_bytes(Path(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} is not UTF-8 text (line {line}); save it as UTF-8.") from None
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    return text


def require_columns(table, columns, path, *, format):
    """Refuse a table that lacks a column.

    Parameters
    ----------
    table : DataFrame
        A table as read.
    columns : sequence of str
        Names that it needs.
    path : str or Path
        Where it comes from, for the message.
    format : str
        Format that the user chose.

    Raises
    ------
    ValueError
        Naming the first missing column, the most similar one, and the format that would fit.
    """
    missing = [name for name in columns if name not in table.columns]
    if not missing:
        return
    others = [name for name in table.columns if name not in columns]
    hint = near_name(missing[0], others) or _other_format(table, format)
    raise ValueError(f"{path} has no column {missing[0]!r}, which format {format} needs.{hint}")


def _other_format(table, format):
    fitting = [name for name, columns in FORMAT_COLUMNS.items() if set(columns) <= set(table.columns)]
    fitting = [name for name in fitting if name != format]
    return f" It looks like --format {fitting[0]}." if fitting else ""


def _existing(path):
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the files in it.")
    if not path.exists():
        raise FileNotFoundError(f"No such file: {path}.")
    return path


def _read_bytes(path):
    content = path.read_bytes()
    zipped = path.suffix == ".gz"
    kind = next((kind for start, kind in SIGNATURES.items() if content.startswith(start)), None)
    if kind == "compressed with gzip" and not zipped:
        raise ValueError(f"{path} is {kind}; give it a name that ends in .gz.")
    if kind is not None and not zipped:
        raise ValueError(f"{path} is {kind}, not the text that its name says.")
    if not zipped or not content:
        return content
    try:
        return gzip.decompress(content)
    except gzip.BadGzipFile:
        raise ValueError(f"{path} is not compressed with gzip, although its name says so.") from None
    except (EOFError, zlib.error):
        raise ValueError(f"{path} is cut off or damaged: its gzip data do not end. Fetch it again.") from None


def _read_parquet(path):
    try:
        table = pq.read_table(path, partitioning=None)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0].split(". ")[0][:100]
        raise ValueError(f"{path} is not a whole Parquet file ({reason}).") from None
    frame = table.to_pandas()
    return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()


def _read_csv(path, text):
    content = read_text(path)
    lines = content.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if first is None:
        raise ValueError(f"{path} holds comments only, no table.")
    return csv_table("\n".join(lines[first:]), path, text=text)


def csv_table(content, path, *, text=()):
    """The table in a piece of CSV text whose first line is the header; see :func:`read_table`."""
    header = content.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    names = [name.strip().strip('"') for name in header.rstrip("\r").split(separator)]
    numbers = {name: EMPTY_CELLS for name in names if name not in text}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(content),
                sep=separator,
                dtype=dict.fromkeys(set(text) & set(names), "str"),
                keep_default_na=False,
                na_values=numbers,
                low_memory=False,
                index_col=False,
            )
    except pd.errors.ParserWarning:
        raise ValueError(f"{path} is not a table: its rows have more cells than its header.") from None
    except pd.errors.ParserError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ")
        raise ValueError(f"{path} is not a table: {reason}.") from None
