"""Read anybody's table from a file: CSV or Parquet, whole or refused in one line that names the file."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.files.header import EMPTY_CELLS, SEPARATORS, check_width, find_header
from airq.files.texts import check_file, read_json, read_text, read_toml

__all__ = [
    "EMPTY_CELLS",
    "SEPARATORS",
    "find_header",
    "parse_csv",
    "read_file",
    "read_json",
    "read_text",
    "read_toml",
]

#: How JSON of records begins.
JSON_BEGINS = re.compile(r'\s*(\[\s*)?\{\s*"')
#: Most cells of a Parquet file, of which a few bytes may stand for millions.
MOST_CELLS = 500_000_000

_DECIMAL_COMMA = r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?"
#: Numbers whose commas may separate thousands: 1,234 and 12,345,678.9, not 0,123.
_THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"
_WHOLE, _LONG, _POINT = r"[+-]?\d+", r"[+-]?\d{4,}", r"\d\.|\.\d"


def read_file(path, *, text=(), needed=(), skip=None, separator=None, decimal=None, notes=None):
    """Read a table of at least one row from CSV or Parquet.

    The file's name ends in ``.csv``, ``.tsv`` or ``.txt``, perhaps with ``.gz`` behind it, or in
    ``.parquet``. Names of columns and cells of text lose outer blanks; a blank cell is empty. An OSError is
    raised if the file cannot be opened, a ValueError if it is empty, cut off, not UTF-8, too large, or
    something else than its name says, a MemoryError if it does not fit; all name the file.

    Parameters
    ----------
    path : str or Path
    text : sequence of str
        Columns that stay as they are written: no number, no missing value is made of them.
    needed : sequence of str
        Names that the header must hold, by which it is found where other lines stand above it.
    skip : int, optional
        Number of lines above the header. By default, comments (``#``), a line ``sep=;`` and sentences
        are skipped where that is safe.
    separator : str, optional
        What stands between cells, one character; by default, whichever of commas, semicolons, tabs and
        bars fits.
    decimal : {".", ","}, optional
        Mark of decimals. By default, commas are read as decimal points in columns where most cells have
        them, unless they may separate thousands; where they separate cells, too, no number of the column
        may have a point.
    notes : list, optional
        Gets a sentence for whatever was recognised beyond plain CSV.

    Returns
    -------
    DataFrame
    """
    path, notes = Path(path), [] if notes is None else notes
    try:
        if path.suffix.lower() == ".parquet":
            table = _cleaned(_read_parquet(path, notes), path, text=text, decimal=decimal, notes=notes)
        else:
            options = {"skip": skip, "separator": separator, "decimal": decimal, "notes": notes}
            content = read_text(path)
            if JSON_BEGINS.match(content):
                raise ValueError(f"{path} is JSON, not a table; save its table as CSV.")
            table = parse_csv(content, path, text=text, needed=needed, **options)
    except MemoryError:
        raise MemoryError(f"{path} does not fit into it") from None
    if table.empty:
        raise ValueError(f"{path} has columns but no rows.")
    return table


def _read_parquet(path, notes):
    """Read a Parquet file; its index becomes columns, bytes become text, and nested columns are left out."""
    check_file(path)
    try:
        facts = pq.read_metadata(path)
        check_width(facts.num_columns, path)
        if facts.num_rows * facts.num_columns > MOST_CELLS:
            raise ValueError(f"it has {facts.num_rows:,} rows of {facts.num_columns:,} columns")
        table = _flat(pq.read_table(path, partitioning=None), path, notes)
        for number, field in enumerate(table.schema):
            if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
                table = table.set_column(number, field.name, table.column(number).cast("string"))
        table = table.to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, MemoryError) or str(error).startswith(str(path)):
            raise
        reason = (str(error) or repr(error)).splitlines()[0].split(". ")[0][:100]
        raise ValueError(f"{path} is not a whole Parquet file ({reason}).") from None
    table = table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    names = [name.strip() if isinstance(name, str) else name for name in table.columns]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: two columns are called {twice!r}.")
    return table.set_axis(names, axis=1)


def _flat(table, path, notes):
    """Return an Arrow table without columns of lists, structs or maps."""
    nested = [number for number, field in enumerate(table.schema) if pa.types.is_nested(field.type)]
    if not nested:
        return table
    if len(nested) == table.num_columns:
        raise ValueError(f"{path} has only columns of lists, structs or maps; write their values apart.")
    names = ", ".join(table.column_names[number] for number in nested)
    notes.append(f"{path.name}: lists, structs or maps were left out: {names}")
    return table.select([number for number in range(table.num_columns) if number not in nested])


def parse_csv(content, path, *, text=(), needed=(), skip=None, separator=None, decimal=None, notes=None):
    """Return the table in a piece of CSV text; see :func:`read_file`. `path` is what messages call it."""
    if decimal not in (None, ".", ","):
        raise ValueError(f'{path}: decimal must be "." or ",", got {decimal!r}.')
    notes = [] if notes is None else notes
    header = find_header(content, path, needed=needed, skip=skip, separator=separator)
    if skip is None and header.skipped:
        lines = (
            "1 line above the header was"
            if header.line == 1
            else f"{header.line} lines above the header were"
        )
        notes.append(f"{Path(path).name}: {lines} skipped")
    if separator is None and len(header.names) > 1 and header.separator != ",":
        marks = SEPARATORS.get(header.separator, repr(header.separator))
        notes.append(f"{Path(path).name}: cells are separated by {marks}")
    table = _body(content, header, path, text, notes)
    return _cleaned(table, path, text=text, decimal=decimal, notes=notes, quoted=header.separator == ",")


def _body(content, header, path, text, notes):
    """Return the rows below a header, without those that are the header again."""
    body = content[header.end :]
    behind = [f"behind the last separator {n}" for n in range(header.trailing)]
    names = [*header.names, *behind]
    if not body.strip():
        return pd.DataFrame(columns=names)
    try:
        table = _rows(body, header.separator, names, text)
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        raise ValueError(_irregular(body, header, path)) from None
    if table[behind].notna().any(axis=None):
        raise ValueError(_irregular(body, header, path))
    table = table.drop(columns=behind)
    again = _headers(table, path)
    if again.any():
        notes.append(f"{Path(path).name}: the header stands {again.sum() + 1} times; {again.sum()} dropped")
        # What stood above the first one may stand above the others.
        again |= table.iloc[:, 0].isin(header.above) & table.iloc[:, 1:].isna().all(axis=1)
        rows = table[~again].to_csv(sep=header.separator, header=False, index=False)
        table = _rows(rows, header.separator, header.names, text)
    return table


def _rows(body, separator, names, text):
    """Parse rows that have no header; a warning of the parser is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            io.StringIO(body),
            sep=separator,
            header=None,
            names=names,
            dtype=dict.fromkeys(set(text) & set(names), "str"),
            keep_default_na=False,
            na_values={name: EMPTY_CELLS for name in names if name not in text},
            skipinitialspace=True,
            low_memory=False,
            index_col=False,
        )


def _headers(table, path):
    """Return where rows of a table are its header again; refuse a header in another order."""
    again, named = pd.Series(False, index=table.index), [n for n in table if not n.startswith("Unnamed: ")]
    if len(named) < 2 or pd.api.types.is_numeric_dtype(table[named[0]]):
        return again
    first = table[named[0]].astype("str").str.strip("\ufeff \t")
    for row in np.flatnonzero(first.isin(named)):
        cells = [str(table[name].iloc[row]).strip("\ufeff \t") for name in named]
        again.iloc[row] = cells == named
        if cells != named and sorted(cells) == sorted(named):
            raise ValueError(
                f"{path}: the header stands again above row {row + 1:,}, with its columns in another order; "
                "read files apart whose columns differ."
            )
    return again


def _irregular(body, header, path):
    """Say which row of a text has too many cells, or quotation marks that do not match."""
    reader = csv.reader(
        io.StringIO(body, newline=""), delimiter=header.separator, skipinitialspace=True, strict=True
    )
    line, width, marks = header.below, len(header.names), SEPARATORS.get(header.separator, "separators")
    try:
        for cells in reader:
            extra = (
                cells[width + header.trailing :]
                if header.trailing and not any(cells[width:])
                else cells[width:]
            )
            if extra:
                remedy = f"put quotation marks around cells with {marks} in them"
                if not any(extra):
                    remedy = f"there are {marks} at its end, remove them"
                return (
                    f"{path} is not a table: line {line + 1} has {len(cells)} cells, its header in line "
                    f"{header.line + 1} has {width}; {remedy}."
                )
            line = header.below + reader.line_num
    except csv.Error:
        pass
    return f"{path} is not a table: the quotation marks that begin in line {line + 1} do not match."


def _cleaned(table, path, *, text, decimal, notes, quoted=False):
    """Return a table whose words are stripped, whose blank cells are empty, and with decimal points."""
    words = {}
    for number, name in enumerate(table.columns):
        column = table.iloc[:, number]
        if pd.api.types.infer_dtype(column, skipna=True) != "string":
            continue
        stripped = column.str.strip()
        table.isetitem(number, stripped)
        if name not in text:
            words[number] = stripped.mask(stripped.isin(EMPTY_CELLS))
            if not words[number].equals(column):
                table.isetitem(number, _numbers(words[number]))
    commas, thousands = _commas(words, table, decimal, quoted)
    for number in commas:
        column = words[number]
        points = column.mask(column.str.fullmatch(_DECIMAL_COMMA), column.str.replace(",", "."))
        table.isetitem(number, _numbers(points))
    for numbers, said in (
        (commas, "were read as decimal points"),
        (thousands, "may separate thousands; write decimal or remove them"),
    ):
        if numbers:
            names = ", ".join(str(table.columns[number]) for number in sorted(numbers))
            notes.append(f"{Path(path).name}: commas in {names} {said}")
    nameless = [name for name in table.columns if str(name).startswith("Unnamed: ")]
    return table.drop(columns=[name for name in nameless if table[name].isna().all()])


def _commas(words, table, decimal, quoted):
    """Return which columns of words have decimal commas, and in which commas may separate thousands.

    Where commas can be either, they are decimal only if others of the table are and no number has a point.
    """
    if decimal == ".":
        return [], []
    if decimal == ",":
        return [n for n, column in words.items() if column.str.fullmatch(_DECIMAL_COMMA).eq(True).any()], []
    kinds = {n: _kind_of_commas(column, quoted) for n, column in words.items()}
    either = "decimal"
    if {"likely", "unsure"} & set(kinds.values()):
        told = {"decimal", "likely"} & set(kinds.values())
        pointed = any(_has_points(table.iloc[:, n]) for n in range(table.shape[1]))
        either = "decimal" if told and not pointed else "thousands"
    kinds = {n: either if kind in ("likely", "unsure") else kind for n, kind in kinds.items()}
    return tuple([n for n, kind in kinds.items() if kind == own] for own in ("decimal", "thousands"))


def _kind_of_commas(column, quoted):
    """Return "decimal", "thousands", "likely" decimal, or "unsure" for the commas of a column, or None."""
    filled = column.dropna()
    decimal, grouped = filled.str.fullmatch(_DECIMAL_COMMA), filled.str.fullmatch(_THOUSANDS)
    rest = filled[~(decimal | grouped)]
    if len(rest) == len(filled):
        return None
    # In most cells, or wherever there is no whole number.
    if len(rest) >= len(filled) / 2 and not rest.str.fullmatch(_WHOLE).all():
        return None
    if not (decimal & ~grouped).any():
        if (grouped & ~decimal).any():
            return "thousands"
        return "likely" if rest.str.fullmatch(_LONG).any() else "unsure"
    return None if quoted and filled.str.contains(_POINT).any() else "decimal"


def _has_points(column):
    """Tell whether numbers of a column have decimals behind a point."""
    if pd.api.types.is_float_dtype(column):
        return bool((column.dropna() % 1 != 0).any())
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return False
    return bool(column.dropna().str.fullmatch(r"[+-]?[\d,]*\.\d+").any())


def _numbers(column):
    """Return a column of words as numbers where all of them are."""
    numeric = pd.to_numeric(column, errors="coerce")
    return numeric if (numeric.notna() == column.notna()).all() else column
