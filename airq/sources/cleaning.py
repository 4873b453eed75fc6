"""From rows as they come to a panel: days, numbers, plausible values, one row per key.

Bad rows go, and a :class:`Tally` counts them by reason; what would make every row wrong is refused.

Files of tables and records, read so that whatever is wrong with one is said in one line.
"""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import io
import json
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.cities import check_swapped
from airq.messages import near_name
from airq.panel import (
    COLUMNS,
    FIRST_DATE,
    IDENTITY,
    KEYS,
    PLACE,
    TARGET,
    at_ceiling,
    check_panel,
    label_panel,
)

SEVERAL = ("mean", "median", "first", "refuse")

#: Days as they may be written: year first, perhaps with a time and its zone behind.
_DAY = r"^\s*(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?:[T ].*)?\s*$"


@dataclass
class Tally:
    """What became of the rows of a file.

    Attributes
    ----------
    read : int
        Rows in the files.
    dropped : dict of str to int
        Rows left out, by reason.
    merged : int
        Rows that were averaged into another of the same key.
    emptied : dict of str to int
        Values made missing, by reason.
    notes : list of str
        What else a reader of the panel should know.
    """

    read: int = 0
    dropped: dict = field(default_factory=dict)
    merged: int = 0
    emptied: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    @property
    def kept(self):
        """Rows that are in the panel, alone or merged into another."""
        return self.read - sum(self.dropped.values())

    def drop(self, rows, wrong, reason):
        """`rows` without those that are `wrong`, which are counted under `reason`."""
        wrong = np.asarray(wrong, dtype=bool)
        if not wrong.any():
            return rows
        self.dropped[reason] = self.dropped.get(reason, 0) + int(wrong.sum())
        return rows[~wrong]

    def empty(self, values, wrong, reason):
        """`values` with those that are `wrong` made missing and counted under `reason`."""
        wrong = np.asarray(wrong, dtype=bool)
        if not wrong.any():
            return values
        self.count_emptied(int(wrong.sum()), reason)
        return values.mask(wrong)

    def count_emptied(self, number, reason):
        """Count values that were made missing under `reason`."""
        self.emptied[reason] = self.emptied.get(reason, 0) + number

    def to_dict(self):
        """The same facts as plain values, with the rows kept."""
        return {**dataclasses.asdict(self), "kept": self.kept}


@dataclass(frozen=True)
class Reading:
    """A panel and what became of the rows it was made of."""

    panel: pd.DataFrame
    tally: Tally


def days(values, tally, rows, *, column, path):
    """Calendar days of a column; rows that have none are dropped.

    Parameters
    ----------
    values : Series
        Days or times: ISO 8601 text, dates, times, or whole numbers such as 20200131.
    tally : Tally
        Where dropped rows are counted.
    rows : DataFrame
        Rows that the values belong to.
    column, path : str
        What to call the column and the file in messages.

    Returns
    -------
    DataFrame
        `rows` that have a possible day, with the column `date`. Days are those written; a time of
        day and its zone do not move them.

    Raises
    ------
    ValueError
        If most values are not written year first.
    """
    missing = values.isna() | (values.astype("str").str.strip() == "")
    parsed, written = _parse_days(values)
    strange = ~missing & ~written
    if strange.sum() > (~missing).sum() / 2:
        raise ValueError(f"{path}: column {column!r} holds {_strange_date(values[strange].iloc[0])}")
    last = pd.Timestamp(datetime.date.today()) + pd.Timedelta(days=366)
    impossible = ~missing & ~strange & ~parsed.between(FIRST_DATE, last)
    rows = rows.assign(date=parsed)
    reasons = {"missing date": missing, "unreadable date": strange, "impossible date": impossible}
    for reason, wrong in reasons.items():
        rows = tally.drop(rows, wrong.loc[rows.index], reason)
    return rows


def joined_days(parts):
    """Text of days whose year, month and day stand in columns of their own.

    >>> joined_days(pd.DataFrame({"y": [2020], "m": [1], "d": [31]})).tolist()
    ['2020-1-31']
    """
    text = [numbers(parts[name])[0].map("{:g}".format) for name in parts.columns]
    return (text[0] + "-" + text[1] + "-" + text[2]).where(parts.notna().all(axis=1))


def numbers(values):
    """A column as float64 where it can be read as numbers, and where it could not be.

    >>> values, unreadable = numbers(pd.Series(["1.5", "", "n.d."]))
    >>> values.tolist(), unreadable.tolist()
    ([1.5, nan, nan], [False, False, True])
    """
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        found = values.astype("float64")
        return found, pd.Series(False, index=values.index)
    found = pd.to_numeric(values, errors="coerce").astype("float64")
    blank = values.isna() | (values.astype("str").str.strip() == "")
    return found, found.isna() & ~blank


def with_text(rows, columns, tally):
    """Rows whose texts in `columns` say something, without outer blanks; the others are dropped."""
    for name in columns:
        rows = rows.assign(**{name: rows[name].astype("str").str.strip()})
        blank = rows[name].isna() | rows[name].isin(["", "nan", "None", "<NA>"])
        rows = tally.drop(rows, blank, f"missing {name}")
    return rows


def with_coordinates(rows, tally, *, path):
    """Rows whose `latitude` and `longitude` are on Earth; the others are dropped.

    Raises
    ------
    ValueError
        If most would be on Earth with the two exchanged.
    """
    latitude, _ = numbers(rows["latitude"])
    longitude, _ = numbers(rows["longitude"])
    rows = rows.assign(latitude=latitude, longitude=longitude)
    exchanged = (latitude.abs() > 90) & (latitude.abs() <= 180) & (longitude.abs() <= 90)
    if exchanged.sum() > len(rows) / 2:
        raise ValueError(f"{path}: latitude and longitude look swapped; latitude is {latitude.iloc[0]:g}.")
    rows = tally.drop(rows, rows["latitude"].isna() | rows["longitude"].isna(), "missing coordinates")
    outside = (rows["latitude"].abs() > 90) | (rows["longitude"].abs() > 180)
    return tally.drop(rows, outside, "coordinates out of range")


def with_target(rows, tally, *, zero="keep"):
    """Rows whose `pm25` is missing or possible; the others are dropped.

    Parameters
    ----------
    rows : DataFrame
        Rows with `pm25`. [µg m⁻³]
    tally : Tally
        Where they are counted.
    zero : {"keep", "drop"}
        What to do with a day of exactly zero, which a monitor reports when it does not measure.
    """
    low = COLUMNS[TARGET].low
    values, unreadable = numbers(rows[TARGET])
    rows = tally.drop(rows.assign(**{TARGET: values}), unreadable, "PM2.5 is not a number")
    rows = tally.drop(rows, rows[TARGET] < low, "negative PM2.5")
    if zero == "drop":
        rows = tally.drop(rows, rows[TARGET] == 0, "PM2.5 of zero")
    rows = tally.drop(rows, at_ceiling(rows[TARGET]), "PM2.5 at a sensor's ceiling")
    above = rows[TARGET] > COLUMNS[TARGET].high
    wrong = rows.loc[above & np.isfinite(rows[TARGET]), TARGET]
    if len(wrong) > rows[TARGET].notna().sum() / 2:
        raise ValueError(
            f"{len(wrong):,} of {rows[TARGET].notna().sum():,} values of PM2.5 lie above "
            f"{COLUMNS[TARGET].high:g} {COLUMNS[TARGET].unit}, such as {wrong.iloc[0]:g}. "
            "Wrong unit or column?"
        )
    return tally.drop(rows, above, "PM2.5 above the plausible range")


def plausible(rows, tally, *, path):
    """Rows with the values of the vocabulary's other columns that are impossible made missing.

    Raises
    ------
    ValueError
        If that would be most of a column: then it holds something else, or another unit.
    """
    columns = {}
    for name, column in COLUMNS.items():
        if name not in rows.columns or name in IDENTITY or name == TARGET:
            continue
        values, unreadable = numbers(rows[name])
        values = tally.empty(values, unreadable, f"{name} is not a number")
        values = _snapped(values, column)
        outside = (values < column.low) | (values > column.high)
        if outside.sum() > values.notna().sum() / 2:
            raise ValueError(
                f"{path}: {outside.sum():,} of {values.notna().sum():,} values of {name!r} lie outside "
                f"{column.low:g} to {column.high:g} {column.unit}, such as {values[outside].iloc[0]:g}. "
                "Wrong unit or column?"
            )
        columns[name] = tally.empty(values, outside, f"{name} out of range")
    return rows.assign(**columns)


def _snapped(values, column):
    """Values that miss the range by rounding (a cloud fraction of 1.00000005) put on its end."""
    inside = values.clip(column.low, column.high)
    return values.where((values - inside).abs() > 1e-6 * inside.abs(), inside)


def with_values(rows, tally):
    """Rows that say something: at least one number beside the keys and the place."""
    measured = [name for name in rows.columns if name not in IDENTITY]
    measured = [name for name in measured if pd.api.types.is_numeric_dtype(rows[name])]
    return tally.drop(rows, rows[measured].isna().all(axis=1), "without values")


def one_per_key(rows, tally, *, several="mean"):
    """One row per site and day.

    Parameters
    ----------
    rows : DataFrame
        Rows with `site_id` and `date`.
    tally : Tally
        Where merged rows are counted.
    several : {"mean", "median", "first", "refuse"}
        What to do with rows of one key: average their numbers, missing ones aside, take the first
        row, or refuse. Text comes from the first row that has any.

    Raises
    ------
    ValueError
        If there are any and `several` is ``"refuse"``.
    """
    repeated = rows.duplicated(KEYS, keep=False)
    if not repeated.any():
        return rows
    extra = int(rows.duplicated(KEYS).sum())
    if several == "refuse":
        first = rows.loc[repeated, KEYS].iloc[0]
        raise ValueError(
            f"{extra:,} rows repeat a site and day, first site {first['site_id']} on "
            f'{first["date"]:%Y-%m-%d}, and several = "refuse".'
        )
    tally.merged += extra
    if several == "first":
        return rows.drop_duplicates(KEYS)
    groups = rows[repeated].groupby(KEYS, sort=False)
    how = {name: several if _averaged(rows, name) else "first" for name in rows.columns if name not in KEYS}
    merged = groups.agg(how).reset_index()
    return pd.concat([rows[~repeated], merged], ignore_index=True)[rows.columns.tolist()]


def finished(rows, metadata, tally, *, path, hint=""):
    """The panel made of cleaned rows, labelled and checked.

    Raises
    ------
    ValueError
        If no row is left, which `hint` may help with, or the coordinates look swapped.
    """
    if rows.empty:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.dropped.items())
        raise ValueError(f"{path}: none of {tally.read:,} rows is left ({reasons}).{hint}")
    empty = [name for name in rows.columns if name not in IDENTITY and rows[name].isna().all()]
    if "aqi" in rows.columns:
        # An index that is not inverted stands beside an empty target, which says that it could be.
        empty = [name for name in empty if name != TARGET]
    if set(empty) - {TARGET}:
        tally.notes.append(f"left out columns without any value: {', '.join(empty)}")
    rows = rows.drop(columns=empty)
    places = rows[PLACE].drop_duplicates("site_id")
    check_swapped(places, name=str(path))
    return Reading(check_panel(label_panel(rows, metadata)), tally)


def named(paths):
    """Files as a message calls them."""
    paths = [str(path) for path in paths]
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def file_names(paths):
    """Names of files without their folders, for the sources of a panel."""
    return ", ".join(Path(path).name for path in paths)


def _averaged(rows, name):
    return name not in IDENTITY and pd.api.types.is_numeric_dtype(rows[name])


def _parse_days(values):
    """Days and whether each was written as one."""
    if pd.api.types.is_datetime64_any_dtype(values):
        days = values.dt.tz_localize(None).dt.normalize().astype("datetime64[us]")
        return days, days.notna()
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    # Panels repeat every day once a site, so each is read once.
    number, distinct = pd.factorize(values.astype("str").str.strip(), use_na_sentinel=False)
    text = pd.Series(distinct, dtype="str")
    parts = text.str.extract(_DAY)
    # Only eight digits may stand without a mark between: 43831 is a day number of Excel.
    written = parts["year"].notna() & ((parts["mark"] != "") | (text.str.len() == 8))
    text = parts["year"] + "-" + parts["month"].str.zfill(2) + "-" + parts["day"].str.zfill(2)
    days = pd.to_datetime(text.where(written), format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    return days.iloc[number].set_axis(values.index), written.iloc[number].set_axis(values.index)


def _strange_date(value):
    text = str(value)
    if pd.api.types.is_number(value) and 10_000 < float(value) < 100_000:
        return f"{text}, which looks like a day number of Excel; write days as 2020-01-31."
    return f"{text!r}, which is not a day written year first; write days as 2020-01-31."


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
