"""Lay a table of predictions out as an array (quantity, city, day) in a folder of the cache.

Rows are read in parts and added into an array that lies on disk, so that memory stays flat whatever the
size of the table. A large one is left to a process of its own, ``python -m app.cube FOLDER``: what reading
takes does not stay with the server.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import airq
from airq.io import atomic_folder
from airq.workflows.app import environment
from app.tables import open_table
from app.text import words_of

FORMAT = 2
ARRAY, CITIES, FACTS = "values.npy", "cities.parquet", "facts.json"
#: Quantities in their order; probabilities of exceedance follow.
QUANTITIES = ("pm25", "lower", "upper", "aqi", "inside_domain")
EXCEEDANCE = "p_above_"
IDENTITY = ["site_id", "city_id", "city", "country", "latitude", "longitude", "population"]
#: Refuse an array of more cells than this, which only a table with nearly one day a city would need.
MOST_CELLS = 400_000_000


def cached(path):
    """Return the folder of the array of a file of predictions; made on first use, found again afterwards.

    Parameters
    ----------
    path : str or Path
        Predictions (Parquet or CSV).

    Returns
    -------
    Path
        Folder that holds :data:`ARRAY`, :data:`CITIES` and :data:`FACTS`.

    Raises
    ------
    OSError, ValueError
        If the file is not a sound table of predictions.
    """
    path = Path(path)
    table = open_table(path)
    name = f"{path.stem[:40]}-{fingerprint(path)}"
    for root in (cache_root(), Path(tempfile.gettempdir()) / f"airq-{_user()}"):
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
    command = [sys.executable, "-P", "-m", "app.cube", str(table.path), str(folder)]
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
    """Write the array, the cities and the facts of a table of predictions.

    Parameters
    ----------
    table : PredictionTable
        Where the rows come from.
    folder : Path
        Empty folder.
    """
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
    known = np.zeros(values.shape, dtype="uint16") if _shares_cells(cities) else None
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


def _shares_cells(cities):
    return bool((cities["sites"] > 1).any())


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


def _user():
    return os.getuid() if hasattr(os, "getuid") else "user"


def main():
    """Lay out the table that the command line names into a folder: ``python -m app.cube TABLE FOLDER``."""
    try:
        write_array(open_table(sys.argv[1]), Path(sys.argv[2]))
    except (ValueError, OSError) as error:
        sys.stdout.write(words_of(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
