"""Places of a mapped table: from a table of stations by identifier, or from a city table by name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import bundled_cities, match_cities, plain
from airq.files.tables import read_file
from airq.sources.mapping import ColumnSource

_OF_A_PLACE = r"((site|station|location|loc|gps|geo|coordinates?)?[ _.]?"
_DEGREES = r")([ _.([]*(deg(rees?)?|dd|wgs.?84|°)[)\]]?)?"
#: How stations tables call coordinates, the likeliest names first.
_COORDINATES = {
    "latitude": (rf"{_OF_A_PLACE}(lat|latitude){_DEGREES}", "y"),
    "longitude": (rf"{_OF_A_PLACE}(lon|long|lng|longitude){_DEGREES}", "x"),
}


def read_stations(stations):
    """Return a table of stations, its identifiers as text, and what messages call it."""
    if isinstance(stations, pd.DataFrame):
        return stations, "The stations table"
    table = read_file(stations)
    # Codes keep their zeros in front; coordinates are numbers.
    codes = [name for name in table.columns if not pd.api.types.is_float_dtype(table[name])]
    return read_file(stations, text=codes), str(stations)


def with_stations(table, stations, rules, tally, path, ids=None):
    """Add to each reading what the stations table has of the mapping and the readings lack.

    `ids` are identifiers that stand in no column of the readings, such as those of a file's name.
    """
    (stations, name), own = stations, site_source(rules)[1].columns if ids is None else ()
    identified = identifiers if own else _loose_identifiers
    ids = identifiers(table[list(own)]) if own else _loosely(ids)
    theirs = _station_key(set(ids), stations, own, identified, (name, path))
    wanted = [
        column
        for source in rules.columns.values()
        for column in source.columns
        if column not in table.columns and column in stations.columns
    ]
    places = stations[list(dict.fromkeys([*theirs, *wanted]))].drop_duplicates()
    key = identified(places[theirs])
    if key.duplicated().any():
        raise ValueError(f"{name} has the station {key[key.duplicated()].iloc[0]!r} twice.")
    places = places.drop(columns=[column for column in theirs if column not in wanted]).set_axis(key)
    unknown = sorted(set(ids) - set(key))
    if unknown:
        tally.notes.append(f"not in {name}: {', '.join(unknown[:3])}{' …' if len(unknown) > 3 else ''}")
    table = tally.drop(table, ~ids.isin(key), f"of a station that is not in {Path(name).name}")
    found = places.loc[ids[table.index]].set_axis(table.index)
    return pd.concat([table, found.drop(columns=[c for c in found.columns if c in table.columns])], axis=1)


def _station_key(ids, stations, own, identified, names):
    """Return the columns of the stations table that hold the readings' identifiers."""
    if own and set(own) <= set(stations.columns):
        return list(own)
    shared = {
        column: len(ids & set(values)) / max(len(ids), 1)
        for column in stations.columns
        if not (values := identified(stations[[column]].drop_duplicates())).duplicated().any()
    }
    best = max(shared, key=shared.get, default=None)
    if best is None or shared[best] == 0:
        raise ValueError(
            f"{names[0]} has no column that holds the identifiers of {names[1]}, such as {min(ids)!r}."
        )
    return [best]


def identifiers(parts):
    """Return one text for each row of the columns that make a name; whole numbers have no point."""
    texts = []
    for name in parts.columns:
        values = parts[name]
        whole = pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all()
        text = values.astype("Int64").astype("str") if whole else values.astype("str").str.strip()
        texts.append(text.where(values.notna(), ""))
    joined = texts[0]
    for text in texts[1:]:
        joined = joined + "-" + text
    return joined


def with_positions(rows, cities, tally):
    """Add the coordinates of each row's city, from the city table."""
    cities = bundled_cities() if cities is None else cities
    pairs = rows[["city", *(["country"] if "country" in rows.columns else [])]].drop_duplicates()
    if "country" in pairs.columns:
        row = match_cities(pairs["city"], pairs["country"], cities)
    else:
        names = cities["city"].map(plain)
        found = [np.flatnonzero(names == plain(name)) for name in pairs["city"]]
        row = np.array([own[0] if len(own) == 1 else -1 for own in found])
    missing = pairs["city"][row < 0].tolist()
    if missing:
        tally.notes.append(
            f"no position for {', '.join(missing[:3])}; give a table with --cities or --stations"
        )
    known = pairs[row >= 0].assign(
        **{name: cities[name].to_numpy()[row[row >= 0]] for name in ("latitude", "longitude")}
    )
    rows = rows.merge(known, how="left", on=pairs.columns.tolist()).set_axis(rows.index)
    return tally.drop(rows, rows["latitude"].isna(), "of a city without a known position")


def completed(rules, stations):
    """Return a mapping that takes from a stations table what it does not say itself of the places.

    Raise ValueError if neither tells where they are.
    """
    found = {name: [name] for name in ("city_id", "city", "country") if name in stations.columns}
    if "city" not in found:
        found["city"] = [name for name in stations.columns if str(name).lower() in ("town", "municipality")]
    for name, patterns in _COORDINATES.items():
        columns = [
            [column for column in stations.columns if re.fullmatch(pattern, str(column), re.IGNORECASE)]
            for pattern in patterns
        ]
        found[name] = next(filter(None, columns), [])
    sources = {name: ColumnSource(tuple(columns)) for name, columns in found.items() if len(columns) == 1}
    columns = sources | rules.columns
    missing = [name for name in _COORDINATES if name not in columns]
    if len(missing) == 1 or (missing and "city" not in columns):
        raise ValueError(
            f"The stations table has no column that is clearly the {missing[0]}; it has "
            f"{', '.join(map(str, stations.columns))}. Call it {missing[0]!r}, or name it in the mapping."
        )
    return rules._replace(columns=columns)


def site_source(rules):
    """Return which column of the panel tells the stations apart, and where it comes from."""
    name = "site_id" if "site_id" in rules.columns else "city"
    return name, rules.columns[name]


def _loose_identifiers(parts):
    return _loosely(identifiers(parts))


def _loosely(texts):
    """Return names of files, whose capitals, hyphens and underscores mean nothing, for matching."""
    return texts.str.replace(r"[-_,\s]+", " ", regex=True).str.strip().str.casefold()
