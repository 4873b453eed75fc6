"""Predictions for a list of cities that a user uploads, where a panel holds their inputs.

The list is data and nothing else: it is read as text and numbers, within limits, and its cities are found
in the panel by their identifier or by their position. The boosters run in a process of their own.
"""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd

from airq.cities import check_cities
from airq.geo import arc_km, geocentric_km, nearest
from airq.io import open_panel_file
from airq.models.intervals import DEFAULT_COVERAGE
from airq.panel import PLACE, check_names
from app.processes import Task, job_folder

#: Limits of an uploaded list. [bytes, rows, columns]
MOST_BYTES, MOST_CITIES, MOST_COLUMNS = 1_000_000, 5_000, 50
#: A listed city is the site of the panel that lies nearest, at most so far. [km]
NEAR_KM = 10.0
#: The same identifier counts only this near: it may be another list's. [km]
SAME_ID_KM = 50.0
#: Most days of all cities that are predicted at once; more are for `airq predict`.
MOST_ROWS = 60_000
ROWS, FACTS = "rows.parquet", "facts.json"
PREDICTION = Task(
    "app.prediction_process",
    "prediction",
    longest=300,
    instead="Upload fewer cities, or use `airq predict`.",
    begins="Starting the model",
)
MISSING = {"latitude": [""], "longitude": [""], "population": ["", "NA", "NaN"]}


def read_city_list(data, name="The list"):
    """Read and check an uploaded list of cities.

    Parameters
    ----------
    data : bytes
        CSV in UTF-8 with `city, country, latitude, longitude` and perhaps `city_id, population`; commas or,
        as some spreadsheets write, semicolons.
    name : str
        What to call it in messages.

    Returns
    -------
    DataFrame
        See :func:`airq.cities.read_cities`.

    Raises
    ------
    ValueError
        If it is too large, not such a table, or a place in it is impossible.

    Examples
    --------
    >>> read_city_list(b"city,country,latitude,longitude\\nKampala,Uganda,0.32,32.58")["city_id"].tolist()
    ['UGA:Kampala']
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"{name} has {len(data):,} bytes; at most {MOST_BYTES:,} are read.")
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
    if head.count(separator) >= MOST_COLUMNS:
        raise ValueError(f"{name} has more than {MOST_COLUMNS} columns; four are needed.")
    cities = _parsed(text, separator, name)
    if len(cities) > MOST_CITIES:
        raise ValueError(f"{name} has more than {MOST_CITIES:,} rows; split it, or use `airq predict`.")
    return check_cities(cities, name=name)


def _parsed(text, separator, name):
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            dtype={"city_id": "str", "city": "str", "country": "str"},
            keep_default_na=False,
            na_values=MISSING,
            nrows=MOST_CITIES + 1,
            index_col=False,
            on_bad_lines="error",
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{name} is not a CSV table: {str(error).splitlines()[0][:200]}") from None


def match(cities, places, *, key="site_id"):
    """Find the places of a panel, or of predictions, that the cities of a list stand for.

    Parameters
    ----------
    cities : DataFrame of n_cities rows
        A checked list.
    places : DataFrame
        `city_id, latitude, longitude` and `key`, one row a place.
    key : str
        Column that names the place.

    Returns
    -------
    DataFrame of n_cities rows
        `city_id, city, country` of the list, `place` (missing where there is none), `how` (``"id"``,
        ``"position"`` or empty) and `distance` of the place. [km] A city of the same identifier counts up
        to 50 km away, else the nearest place up to 10 km.
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
    """Row of the nearest place of the same `city_id` within 50 km, or -1."""
    first = places.drop_duplicates("city_id")
    at = pd.Index(first["city_id"]).get_indexer(cities["city_id"])
    row = np.where(at >= 0, first.index.to_numpy()[at], -1)
    known = row >= 0
    if known.any():
        away = _pairwise_km(cities[known], places, row[known])
        row[np.flatnonzero(known)[away > SAME_ID_KM]] = -1
    return row


def _pairwise_km(cities, places, rows):
    """Distance of every city from the place in its row. [km]"""
    apart = geocentric_km(cities) - geocentric_km(places.iloc[rows])
    return arc_km(np.linalg.norm(apart, axis=1))


def match_words(found, what="panel"):
    """How many cities of a list were found, and how, in a sentence.

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
    """Sites of a panel with the number of their days; its features stay on disk.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.

    Returns
    -------
    DataFrame
        `site_id, city_id, city, country, latitude, longitude, days`.

    Raises
    ------
    OSError, ValueError
        If it is not a panel.
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


def prediction_folder(panel, bundle, sites, level=DEFAULT_COVERAGE):
    """A folder for the prediction of all days of some sites; gone afterwards.

    Parameters
    ----------
    panel : str or Path
        Parquet file of a panel.
    bundle : str or Path
        Folder of the bundle.
    sites : list of str
        Sites.
    level : float
        Level of the intervals.
    """
    return job_folder({"panel": str(panel), "bundle": str(bundle), "sites": list(sites), "level": level})


def read_predicted(folder):
    """What the process of a folder predicted.

    Returns
    -------
    rows : DataFrame
        See :func:`airq.workflows.predict.prediction_rows`.
    facts : dict
        What a download tells of them, see :func:`app.provenance.about_bundle`.
    trained : list of str
        Those of the sites that the bundle was trained on: predictions there flatter it.
    """
    told = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return pd.read_parquet(folder / ROWS), told["facts"], told["trained"]
