"""What the app opens: the files that were named, else an example that was chosen, else those of ./demo.

A table of predictions is laid out as an array (quantity, city, day) in a folder of the cache. Its rows are
read in parts, Parquet or CSV, and added into an array that lies on disk, so that memory stays flat whatever
the size of the table.

``python -m app.sources --predictions FILE …`` tells whether the app can show what it is given: a process of
its own looks at headers and facts before the server starts, so that what this takes is gone afterwards. It
writes what is wrong and ends with 1. ``python -m app.sources lay-out TABLE FOLDER`` lays out a large table:
what reading takes does not stay with the server.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import airq
from airq.io import atomic_folder
from airq.workflows.app import EXAMPLES, check_basemap, check_example, environment
from app.style import words_of

#: What a page may need, and how to give it.
KINDS = {
    "predictions": "a file of predictions: `airq app --predictions predictions.parquet`",
    "bundle": "a trained bundle: `airq app --bundle bundle`",
    "panel": "a panel: `airq app --panel panel.parquet`",
    "comparison": "a folder of a comparison: `airq app --comparison comparison`",
    "evaluation": "an evaluation: `airq app --evaluation evaluation.json`",
    "surface": "predictions on a grid: `airq app --surface map.tif`",
}
DEMO_NAMES = {
    "predictions": "predictions.parquet",
    "bundle": "bundle",
    "panel": "panel.parquet",
    "comparison": "comparison",
    "evaluation": "evaluation.json",
}
DEMO = "demo"
#: How arrays are laid out, and the word that asks for it.
FORMAT, LAY_OUT = 2, "lay-out"
ARRAY, CITIES, FACTS = "values.npy", "cities.parquet", "facts.json"
#: Quantities in their order; probabilities of exceedance follow.
QUANTITIES = ("pm25", "lower", "upper", "aqi", "inside_domain")
EXCEEDANCE = "p_above_"
IDENTITY = ["site_id", "city_id", "city", "country", "latitude", "longitude", "population"]
#: Refuse an array of more cells than this, which only a table with nearly one day a city would need.
MOST_CELLS = 400_000_000
NEEDED = ("city_id", "city", "country", "latitude", "longitude", "date")
TEXT = ("site_id", "city_id", "city", "country", "aqi_table", "unit", "trained_on")
ROWS_AT_ONCE = 100_000
#: A CSV of so many bytes holds about as many rows. [bytes]
BYTES_AT_ONCE = 10_000_000


@dataclass(frozen=True)
class Sources:
    """Paths of what the app shows; None for what was not given.

    Attributes
    ----------
    predictions, bundle, panel, comparison, evaluation, surface : Path or None
        See :data:`KINDS`.
    simulated : bool
        Whether this is the demonstration.
    example : str or None
        A key of :data:`airq.workflows.app.EXAMPLES`, where one is asked for or open.
    """

    predictions: Path | None = None
    bundle: Path | None = None
    panel: Path | None = None
    comparison: Path | None = None
    evaluation: Path | None = None
    surface: Path | None = None
    simulated: bool = False
    example: str | None = None


def named(arguments=None):
    """Return the paths that the command line names, after ``--`` of `streamlit run`.

    ValueError if an argument is unknown, or files are named beside an example.

    >>> named(["--bundle", "here"]).bundle.name
    'here'
    """
    return _parsed(tuple(sys.argv[1:] if arguments is None else arguments))[0]


def basemap(arguments=None):
    """Return the server of tiles that the command line names and whom to thank for them, or None.

    >>> basemap(["--basemap", "https://tiles.example.org/{z}/{x}/{y}.png"])["credit"]
    'Tiles: tiles.example.org'
    """
    return _parsed(tuple(sys.argv[1:] if arguments is None else arguments))[1]


@functools.lru_cache(maxsize=8)
def _parsed(arguments):
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path)
    parser.add_argument("--example", choices=tuple(EXAMPLES))
    parser.add_argument("--basemap")
    parser.add_argument("--basemap-credit")
    try:
        found, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise ValueError(f"The app does not understand its arguments: {error}.") from None
    if unknown:
        raise ValueError(
            f"The app does not know the argument {unknown[0]!r}; it takes --{', --'.join(KINDS)}, --example, "
            "--basemap, --basemap-credit."
        )
    check_example(found.example, [kind for kind in KINDS if getattr(found, kind) is not None])
    url, credit = check_basemap(found.basemap, found.basemap_credit)
    tiles = url and {"url": url, "credit": credit or f"Tiles: {urlsplit(url).netloc}"}
    return Sources(**{name: getattr(found, name) for name in (*KINDS, "example")}), tiles


def found(given, *, folder=DEMO):
    """Return what was named, or what a demonstration left in a folder, or nothing."""
    if given != Sources():
        return given
    return in_folder(folder)


def in_folder(folder):
    """Return the files of a demonstration in a folder that exist."""
    paths = {kind: Path(folder) / name for kind, name in DEMO_NAMES.items()}
    kept = {kind: path for kind, path in paths.items() if path.exists()}
    if "predictions" not in kept:
        return Sources()
    return replace(Sources(**kept), simulated=True, example="demonstration")


def south_africa():
    """Return the published predictions that ship with the package."""
    # A wheel is unpacked where it is installed, so the resource is a file.
    path = Path(str(files("airq._data").joinpath("south_africa.parquet")))
    return Sources(predictions=path, example="south-africa")


def demonstration_folder():
    """Return the folder of the demonstration that the app makes itself."""
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        root = Path(tempfile.gettempdir())
    if not os.access(root, os.W_OK):
        root = Path(tempfile.gettempdir())
    return root / "demonstration"


def check(given):
    """Refuse files that no page could show; rows stay on disk.

    ValueError in the words of the page that would need the file, after the name of the option.
    """
    for kind, (module, look) in CHECKS.items():
        path = getattr(given, kind)
        if path is None:
            continue
        try:
            getattr(importlib.import_module(module), look)(path)
        except (ValueError, OSError) as error:
            raise ValueError(f"--{kind}: {words_of(error)}") from None


#: What looks at a file of each kind, in modules that are loaded only for such a file.
CHECKS = {
    "predictions": ("app.sources", "open_table"),
    "bundle": ("airq.bundle_metadata", "read_metadata"),
    "panel": ("app.evidence", "check_panel"),
    "comparison": ("app.comparisons", "open_comparison"),
    "evaluation": ("app.evidence", "read_evaluation"),
    "surface": ("app.maps", "check_surface"),
}


def cached(path):
    """Return the folder of the array of a file of predictions; made on first use, found again afterwards.

    It holds :data:`ARRAY`, :data:`CITIES` and :data:`FACTS`. OSError or ValueError if the file is no sound
    table.
    """
    path = Path(path)
    table = open_table(path)
    name = f"{path.stem[:40]}-{fingerprint(path)}"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    for root in (cache_root(), Path(tempfile.gettempdir()) / f"airq-{user}"):
        if (root / name / FACTS).is_file():
            return root / name
        if _writable(root):
            with atomic_folder(root / name, marker=FACTS) as folder:
                _lay_out(table, folder)
            return root / name
    raise PermissionError("Neither the cache folder nor the folder for temporary files can be written.")


def _lay_out(table, folder):
    if not table.large:
        write_array(table, folder)
        return
    command = [sys.executable, "-P", "-m", "app.sources", LAY_OUT, str(table.path), str(folder)]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if ran.returncode and ran.stdout:
        raise ValueError(ran.stdout)
    if ran.returncode:
        raise OSError("Reading the predictions stopped before its end; perhaps memory is short.")


def fingerprint(path):
    """Return a short hash of a file's path, size and time of change, and of this layout."""
    path = Path(path).resolve()
    stat = path.stat()
    facts = f"{FORMAT}|{airq.__version__}|{path}|{stat.st_size}|{stat.st_mtime_ns}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def cache_root():
    """Return the folder for what can be made again: ``$XDG_CACHE_HOME/airq`` or ``~/.cache/airq``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "airq"


def write_array(table, folder):
    """Write the array, the cities and the facts of a :class:`PredictionTable` into an empty folder."""
    places, dates, level, units = _survey(table)
    cities = _cities(places)
    extra = sorted((name for name in table.columns if name.startswith(EXCEEDANCE)), key=_level_of)
    quantities = [name for name in (*QUANTITIES, *extra) if name in table.columns]
    shape = (len(quantities), len(cities), len(dates))
    if np.prod(shape[1:], dtype=float) * len(quantities) > MOST_CELLS:
        raise ValueError(
            f"{table.path} has {len(cities):,} cities and {len(dates):,} days, too many to lay out "
            "as an array; give the app a part of it."
        )
    values = np.lib.format.open_memmap(folder / ARRAY, mode="w+", dtype="float32", shape=shape)
    counts = np.zeros(shape[1:], dtype="uint16")
    negative = _fill(values, counts, table, quantities, cities, dates)
    filled = [bool(np.isfinite(values[number]).any()) for number in range(len(quantities))]
    values.flush()
    cities.to_parquet(folder / CITIES)
    facts = {
        "path": str(table.path),
        "quantities": quantities,
        "filled": filled,
        "dates": [f"{date:%Y-%m-%d}" for date in dates],
        "level": level,
        "about": table.facts,
        "negative": negative,
        "repeated": int(np.maximum(counts.astype("int64") - cities["sites"].to_numpy()[:, None], 0).sum()),
        **units,
    }
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def _survey(table):
    """Read places, days, level of the intervals and names of units of a table, in one pass over it."""
    places, dates, levels, tables, origins = [], [], set(), set(), set()
    for part in table.parts([*IDENTITY, "date", "level", "aqi_table", "trained_on", "place"]):
        part["date"] = _days(part["date"], table.path)
        places.append(_places(part))
        dates.append(part["date"].drop_duplicates())
        for column, found in (("level", levels), ("aqi_table", tables), ("trained_on", origins)):
            if column in part:
                found |= set(part[column].dropna().unique())
    days = pd.DatetimeIndex(pd.concat(dates).drop_duplicates().sort_values())
    level = float(min(levels)) if len(levels) == 1 else None
    units = {"aqi_tables": sorted(map(str, tables - {""})), "origins": sorted(map(str, origins))}
    return pd.concat(places, ignore_index=True).drop_duplicates(["city_id", "site_id"]), days, level, units


def _places(part):
    if "site_id" not in part:
        part["site_id"] = part["city_id"]
    if "population" not in part:
        part["population"] = np.nan
    part["trained"] = part["place"].eq("training") if "place" in part else False
    rows = part[[*IDENTITY, "trained"]].drop_duplicates(["city_id", "site_id"])
    for name in ("latitude", "longitude", "population"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
    return rows.astype(dict.fromkeys(("site_id", "city_id", "city", "country"), "str"))


def _days(column, path):
    days = pd.to_datetime(column, errors="coerce", format=None if column.dtype.kind == "M" else "ISO8601")
    if days.isna().any():
        first = column[days.isna()].iloc[0]
        raise ValueError(f"{path}: {str(first)[:40]!r} is not a date; write days like 2020-01-31.")
    return days.dt.tz_localize(None).dt.normalize().astype("datetime64[us]")


def _cities(places):
    """Return one row a city, in the order of `city_id`; a city of several sites lies in their middle."""
    cities = places.groupby("city_id", sort=True, as_index=False).agg(
        city=("city", "first"),
        country=("country", "first"),
        latitude=("latitude", "mean"),
        longitude=("longitude", "mean"),
        population=("population", "first"),
        sites=("site_id", "nunique"),
        trained=("trained", "any"),
    )
    return cities.astype({"sites": "int32", "population": "float64", "trained": "bool"})


def _fill(values, counts, table, quantities, cities, dates):
    """Add the rows into the array and divide by their number; return how many were negative."""
    rows, days = pd.Index(cities["city_id"]), pd.DatetimeIndex(dates)
    known = np.zeros(values.shape, dtype="uint16") if (cities["sites"] > 1).any() else None
    values[:] = np.nan if known is None else 0
    negative = 0
    for part in table.parts(["city_id", "date", *quantities]):
        at = (
            rows.get_indexer(part["city_id"].astype("str")),
            days.get_indexer(_days(part["date"], table.path)),
        )
        np.add.at(counts, at, 1)
        for number, name in enumerate(quantities):
            numbers = _numbers(part[name])
            if name in ("pm25", "aqi"):
                negative += int(np.sum(numbers < 0))
                numbers[numbers < 0] = np.nan
            if known is None:
                values[number][at] = numbers
            else:
                there = np.isfinite(numbers)
                here = (at[0][there], at[1][there])
                np.add.at(values[number], here, numbers[there])
                np.add.at(known[number], here, 1)
    if known is not None:
        for number in range(len(quantities)):
            with np.errstate(invalid="ignore"):
                values[number] /= np.where(known[number], known[number], np.nan)
    return negative


def _numbers(column):
    if column.dtype == "boolean" or column.dtype == bool:
        column = column.astype("Float32")
    elif column.dtype == object or column.dtype == "str":
        column = column.replace({"True": 1, "False": 0, True: 1, False: 0})
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype="float32", na_value=np.nan).copy()
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _level_of(name):
    try:
        return float(name.removeprefix(EXCEEDANCE))
    except ValueError:
        return np.inf


def _writable(folder):
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    return False


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
        reader = _csv_parts if self.path.suffix.lower() == ".csv" else _parquet_parts
        yield from reader(self.path, [name for name in columns if name in self.columns])


def open_table(path):
    """Look at a file of predictions (Parquet or CSV) without reading more than its first row.

    OSError if it cannot be opened; ValueError if it is neither Parquet nor CSV, lacks a column, has no rows,
    or is a panel of what was measured.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No such file: {path}. Make one with `airq predict` or `airq demo`.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name the file of predictions in it.")
    table, filled = _open_csv(path) if path.suffix.lower() == ".csv" else _open_parquet(path)
    for name in NEEDED:
        if name not in table.columns:
            # With it come the parts of the command line.
            from airq.messages import near_name

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


def main():
    """Check what the command line names, or lay out a table into a folder: ``lay-out TABLE FOLDER``."""
    try:
        if sys.argv[1:2] == [LAY_OUT]:
            write_array(open_table(sys.argv[2]), Path(sys.argv[3]))
        else:
            check(named())
    except (ValueError, OSError) as error:
        sys.stdout.write(words_of(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
