"""What users upload: a list of cities to predict, a table to compare on. Both are data and nothing else.

They are read as text and numbers, within limits that are checked before anything is parsed; the work itself
is a job, see :mod:`app.jobs`.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from airq.cities import check_cities
from airq.files.tables import find_header, read_file
from airq.geo import arc_km, geocentric_km, nearest
from airq.io import open_panel_file
from airq.panel import PLACE, check_names
from imbalance.reading import labels

#: Limits of a list of cities. [bytes, rows, columns]
LIST_BYTES, LIST_CITIES, LIST_COLUMNS = 1_000_000, 5_000, 50
#: A listed city is the site of the panel that lies nearest, at most so far. [km]
NEAR_KM = 10.0
#: The same identifier counts only this near: it may be another list's. [km]
SAME_ID_KM = 50.0
#: Most days of all cities that are predicted at once; more are for `airq predict`.
MOST_DAYS = 60_000
MISSING = {"latitude": [""], "longitude": [""], "population": ["", "NA", "NaN"]}
#: Limits of a table. [MB, rows, columns, classes]
MOST_MB, MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 5, 20_000, 200, 20
#: What is done to the rows, where it takes few fits; "as they are" is always compared with. Probabilities are
#: raw, corrected, and calibrated and corrected.
QUICK = {
    "under-sample": "cut every class to the rows of the rarest",
    "drop-majority": "drop 5/6 of the largest class",
    "weights": "weigh rows so that all classes count alike",
    "smote": "add made-up rows to the small classes (SMOTE)",
}
FEWEST, MOST = 1, 4
FOLDS = (3, 5)
#: What messages and results call a table.
TABLE = "table.csv"


def read_city_list(data, name="The list"):
    """Read and check an uploaded list of cities, see :func:`airq.cities.read_cities`.

    It is CSV in UTF-8 with `city, country, latitude, longitude` and perhaps `city_id, population`; commas or,
    as some spreadsheets write, semicolons. `name` is what messages call it. ValueError if it is too large,
    not such a table, or a place in it is impossible.

    >>> read_city_list(b"city,country,latitude,longitude\\nKampala,Uganda,0.32,32.58")["city_id"].tolist()
    ['UGA:Kampala']
    """
    if len(data) > LIST_BYTES:
        raise ValueError(f"{name} has {len(data):,} bytes; at most {LIST_BYTES:,} are read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not text in UTF-8; save it as “CSV UTF-8”.") from None
    head = text.lstrip().split("\n", 1)[0]
    if not head.strip():
        raise ValueError(
            f"{name} is empty; its first line names the columns city,country,latitude,longitude."
        )
    separator = ";" if head.count(";") > head.count(",") else ","
    if head.count(separator) >= LIST_COLUMNS:
        raise ValueError(f"{name} has more than {LIST_COLUMNS} columns; four are needed.")
    cities = _parsed(text, separator, name)
    if len(cities) > LIST_CITIES:
        raise ValueError(f"{name} has more than {LIST_CITIES:,} rows; split it, or use `airq predict`.")
    return check_cities(cities, name=name)


def _parsed(text, separator, name):
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype={"city_id": "str", "city": "str", "country": "str"},
            keep_default_na=False,
            na_values=MISSING,
            nrows=LIST_CITIES + 1,
            index_col=False,
            on_bad_lines="error",
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{name} is not a CSV table: {str(error).splitlines()[0][:200]}") from None


def match(cities, places, *, key="site_id"):
    """Find the places of a panel, or of predictions, that the cities of a checked list stand for.

    `places` holds `city_id, latitude, longitude` and the column `key` that names the place. A row a city: its
    `city_id, city, country`, `place` (missing where there is none), `how` ("id", "position" or empty) and
    `distance` of the place. [km] A city of the same identifier counts up to 50 km away, else the nearest
    place up to 10 km.
    """
    found = cities[["city_id", "city", "country"]].assign(place=None, how="", distance=np.nan)
    places = places.dropna(subset=["latitude", "longitude"]).reset_index(drop=True)
    if places.empty:
        return found
    position, distance = nearest(cities, places)
    near = distance <= NEAR_KM
    same = _same_identifier(cities, places)
    found["how"] = np.where(same >= 0, "id", np.where(near, "position", ""))
    row = np.where(same >= 0, same, np.where(near, position, -1))
    away = _pairwise_km(cities, places, np.where(row >= 0, row, position))
    found["distance"] = away
    found["place"] = np.where(row >= 0, places[key].to_numpy(dtype=object)[row], None)
    return found


def _same_identifier(cities, places):
    """Return the row of the nearest place of the same `city_id` within 50 km, or -1."""
    first = places.drop_duplicates("city_id")
    at = pd.Index(first["city_id"]).get_indexer(cities["city_id"])
    row = np.where(at >= 0, first.index.to_numpy()[at], -1)
    known = row >= 0
    if known.any():
        away = _pairwise_km(cities[known], places, row[known])
        row[np.flatnonzero(known)[away > SAME_ID_KM]] = -1
    return row


def _pairwise_km(cities, places, rows):
    """Return the distance of every city from the place in its row. [km]"""
    apart = geocentric_km(cities) - geocentric_km(places.iloc[rows])
    return arc_km(np.linalg.norm(apart, axis=1))


def match_words(found, what="panel"):
    """Say how many cities of a list were found, and how.

    >>> found = pd.DataFrame({"how": ["id", "position", ""], "distance": [0.0, 4.2, 80.0]})
    >>> match_words(found)
    '2 of 3 cities stand in the panel: 1 by city_id, 1 by position (the site lies up to 4.2 km away).'
    """
    known = found[found["how"] != ""]
    text = f"{len(known):,} of {len(found):,} cities stand in the {what}"
    if known.empty:
        return text + "."
    by_position = known[known["how"] == "position"]
    parts = [f"{(known['how'] == 'id').sum():,} by city_id"] * bool((known["how"] == "id").any())
    if len(by_position):
        parts.append(
            f"{len(by_position):,} by position (the site lies up to {by_position['distance'].max():.1f} km "
            f"away)"
        )
    return f"{text}: {', '.join(parts)}."


def panel_places(path):
    """Return the sites of a panel (Parquet) with the number of their `days`; its features stay on disk.

    OSError or ValueError if it is not a panel.
    """
    parts = []
    with open_panel_file(path) as (file, _):
        check_names(file.schema_arrow.names)
        for batch in file.iter_batches(100_000, columns=PLACE):
            parts.append(batch.to_pandas().groupby(PLACE, as_index=False, dropna=False).size())
    if not parts:
        raise ValueError(f"{path} has no rows.")
    return (
        pd.concat(parts)
        .groupby(PLACE, as_index=False, dropna=False)["size"]
        .sum()
        .rename(columns={"size": "days"})
        .drop_duplicates("site_id")
    )


@dataclass(frozen=True)
class Upload:
    """A table that may be compared on.

    Attributes
    ----------
    rows : int
        Its rows.
    columns : tuple of str
        All columns; text from data.
    candidates : DataFrame
        Columns with 2 to 20 different values, as text.
    """

    rows: int
    columns: tuple
    candidates: pd.DataFrame


def read_upload(content):
    """Read an uploaded CSV as data, within limits that are checked before anything is parsed.

    ValueError if it is too large, no table, or has no column that could be the classes.

    >>> read_upload(b"size,kind\\n1,a\\n2,b\\n3,a\\n").rows
    3
    """
    check_size(content)
    with as_file(content) as path:
        table = read_file(path, text=_header(content))
    if len(table) > MOST_ROWS or table.shape[1] > MOST_COLUMNS:
        raise ValueError(_too_large(f"{len(table):,} rows of {table.shape[1]:,} columns"))
    if table.shape[1] < 2:
        raise ValueError(
            "The file has one column only; a column of classes and others to learn from are needed."
        )
    kept = [name for name in table if 2 <= table[name].nunique() <= MOST_CLASSES]
    if not kept:
        raise ValueError(f"No column has 2 to {MOST_CLASSES} different values, so none can be the classes.")
    return Upload(len(table), tuple(map(str, table.columns)), table[kept].astype("str").astype("category"))


def check_size(content):
    """Refuse more bytes, lines or columns than a table may have, before it is parsed."""
    if len(content) > MOST_MB * 1_000_000:
        raise ValueError(_too_large(f"{len(content) / 1e6:.1f} MB"))
    lines = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    if lines > MOST_ROWS + 1:
        raise ValueError(_too_large(f"{lines:,} lines"))
    names = _header(content)
    if len(names) > MOST_COLUMNS:
        raise ValueError(_too_large(f"{len(names):,} columns"))


def _too_large(what):
    return (
        f"The file has {what}; at most {MOST_MB} MB, {MOST_ROWS:,} rows and {MOST_COLUMNS} columns are taken "
        "here. For more, use `imbalance compare` in a terminal."
    )


def _header(content):
    """Return names in the header of a file, or none where it has no header."""
    try:
        return find_header(content.decode("utf-8-sig", errors="replace"), "The file").names
    except ValueError:
        return []


@contextmanager
def as_file(content):
    """Keep the upload under a name of our own; messages call it "The file"."""
    with tempfile.TemporaryDirectory(prefix="airq-upload-") as folder:
        path = Path(folder) / TABLE
        path.write_bytes(content)
        try:
            yield path
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(path), "The file")) from None


def class_rows(upload, target):
    """Count the rows of every class of a column, by label.

    ValueError if the column cannot be the classes: a label is missing, or it looks continuous.
    """
    found = labels(upload.candidates[target].astype("str"), name=target)
    counts = pd.Series(found).value_counts().sort_index()
    return {str(label): int(n) for label, n in counts.items()}


def target_shares(given):
    """Scale numbers by class to shares that sum to one; ValueError if one is not above zero.

    >>> target_shares({"a": 3, "b": 1})
    {'a': 0.75, 'b': 0.25}
    """
    for name, share in given.items():
        if not share > 0:
            raise ValueError(f"The share of {name} must be above zero.")
    total = sum(given.values())
    return {name: share / total for name, share in given.items()}


def comparison_arguments(*, target, target_prior, strategies, folds):
    """Return what was chosen, as arguments of `imbalance compare`; ValueError for what is not on offer.

    `target` is the column of the classes, `target_prior` the population to predict for ("balanced",
    "training" or shares by class), `strategies` are one to four of :data:`QUICK`, `folds` is one of
    :data:`FOLDS`.

    >>> shares = {"a": 0.75, "b": 0.25}
    >>> print(*comparison_arguments(target="late", target_prior=shares, strategies=["smote"], folds=3))
    --target late --target-prior a=0.75,b=0.25 --models lightgbm --rows none,smote --folds 3 --repeats 1
    """
    if not FEWEST <= len(strategies) <= MOST or not set(strategies) <= set(QUICK):
        raise ValueError(f"Choose {FEWEST} to {MOST} of {', '.join(QUICK)}.")
    if folds not in FOLDS:
        raise ValueError(f"Choose {FOLDS[0]} or {FOLDS[1]} folds.")
    if isinstance(target_prior, dict):
        target_prior = ",".join(f"{label}={share:.6g}" for label, share in target_prior.items())
    chosen = {"--target": target, "--target-prior": target_prior, "--models": "lightgbm"}
    chosen |= {"--rows": ",".join(["none", *strategies]), "--folds": str(folds), "--repeats": "1"}
    return [part for option in chosen.items() for part in option]
