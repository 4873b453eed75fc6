"""Errors of parts of the held-out rows: seasons, classes, countries, the worst places, distances.

All functions take the held-out predictions of an evaluation: place, date, `scheme, observed`, a column per
model [µg m⁻³] and, of models with intervals, `lower` and `upper`. Rows of several repeats count each time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.units import PM25_UNIT, WHO_CLASSES, who_class
from airq.validation.schemes import SCHEMES
from airq.validation.scores import MIN_CITY_ROWS, SEASONS, season_of

#: Edges of the classes of distance to the nearest training site; the last class has no end. [km]
DISTANCE_EDGES = (0.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, np.inf)
#: How many of the worst places are named.
N_WORST = 3


def skill_by_part(rows, scheme, model, baseline=None):
    """Return errors of a model, and its skill against a baseline, in every part of a scheme's rows.

    `rows` are held-out predictions of one scheme, `model` and `baseline` columns of them.

    Returns
    -------
    list of dict
        `scheme, model, part` (season, observed_class, country, worst_city or worst_site), `value` (which
        one), `n, rmse, mae, bias` [µg m⁻³], `baseline` and `skill`, one minus the ratio of the mean squared
        errors: 1 without error, 0 where the model is as good as the baseline, NaN without one. The worst
        places are three at most, of ten rows or more where there are such, the worst first.
    """
    error = (rows[model] - rows["observed"]).to_numpy()
    beside = np.nan * error if baseline is None else (rows[baseline] - rows["observed"]).to_numpy()
    records = []
    for part, value, mask in _parts(rows, error, SCHEMES[scheme].group):
        square, reference = np.mean(error[mask] ** 2), np.mean(beside[mask] ** 2)
        records.append(
            {
                "scheme": scheme,
                "model": model,
                "part": part,
                "value": value,
                **_errors(error[mask]),
                "baseline": baseline,
                "skill": float(1 - square / reference) if reference > 0 else np.nan,
                "unit": PM25_UNIT,
            }
        )
    return records


def _parts(rows, error, group):
    """Yield part, value and mask of every record, in order."""
    for part, labels, values in (
        ("season", season_of(rows["date"]), SEASONS),
        ("observed_class", who_class(np.maximum(rows["observed"], 0), "day"), WHO_CLASSES),
        ("country", rows["country"].to_numpy(), sorted(rows["country"].unique())),
    ):
        for value in values:
            if (mask := np.asarray(labels) == value).any():
                yield part, value, mask
    place = "site" if group == "site" else "city"
    for name in worst_places(rows[f"{place}_id"].to_numpy(), error):
        mask = (rows[f"{place}_id"] == name).to_numpy()
        first = rows[mask].iloc[0]
        label = f"{first['city']}, {first['country']}"
        yield f"worst_{place}", f"{name} ({label})" if place == "site" else label, mask


def worst_places(places, error, *, n_worst=N_WORST):
    """Return the names of the places with the largest RMSE, the worst first.

    `places` and `error` [µg m⁻³] have shape (n_rows,). Places of fewer than ten rows count only where all are
    so small.

    >>> worst_places(np.array(["a", "b", "b", "c"]), np.array([1.0, 3.0, -3.0, 2.0]), n_worst=2)
    ['b', 'c']
    """
    squares = pd.Series(np.square(error)).groupby(places)
    mean, n = squares.mean(), squares.size()
    mean = mean[n >= MIN_CITY_ROWS] if (n >= MIN_CITY_ROWS).any() else mean
    return mean.sort_values(ascending=False, kind="stable").index[:n_worst].tolist()


def _errors(error):
    return {
        "n": len(error),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.abs(error).mean()),
        "bias": float(error.mean()),
    }


def error_by_distance(rows, scheme, model, *, prefix=""):
    """Return errors of a model by the distance to the nearest training site.

    `rows` are held-out predictions of one scheme with `distance_km`; `prefix` stands before `lower` and
    `upper` of the model, None where it has no intervals.

    Returns
    -------
    list of dict
        One per class of :data:`DISTANCE_EDGES` that holds rows: `scheme, model, low_km, high_km` (the low end
        belongs to the class; the last has infinity for its high end), `places, n, rmse, mae, bias`
        [µg m⁻³], `coverage` [1] and `width` [µg m⁻³] of the rows with an interval, NaN without any.

    Examples
    --------
    >>> rows = pd.DataFrame({"site_id": ["a", "b", "c"], "distance_km": [1.0, 60.0, 99.0], "observed": 10.0,
    ...     "ours": [11.0, 13.0, 6.0], "lower": 7.0, "upper": [12.0, 12.0, 9.0]})
    >>> near, far = error_by_distance(rows, "city", "ours")
    >>> near["rmse"], far["low_km"], far["high_km"], far["places"], far["mae"], far["coverage"], far["width"]
    (1.0, 50.0, 100.0, 2, 3.5, 0.5, 3.5)
    """
    number = np.searchsorted(DISTANCE_EDGES, rows["distance_km"], side="right") - 1
    records = []
    for position in np.unique(number):
        part = rows[number == position]
        records.append(
            {
                "scheme": scheme,
                "model": model,
                "low_km": DISTANCE_EDGES[position],
                "high_km": DISTANCE_EDGES[position + 1],
                "places": part["site_id"].nunique(),
                **_errors((part[model] - part["observed"]).to_numpy()),
                **_intervals(part, prefix),
                "unit": PM25_UNIT,
            }
        )
    return records


def _intervals(rows, prefix):
    if prefix is None or f"{prefix}lower" not in rows:
        return {"coverage": np.nan, "width": np.nan}
    lower, upper = rows[f"{prefix}lower"], rows[f"{prefix}upper"]
    inside = rows["observed"].between(lower, upper)[lower.notna()]
    return {"coverage": float(inside.mean()), "width": float((upper - lower).mean())}


def expected_error(distance, records):
    """Return the error to expect at places to predict, from the errors by distance of a scheme and model.

    `distance` is that of the places from the nearest monitor, shape (n_places,) [km]; `records` are those of
    :func:`error_by_distance`.

    Returns
    -------
    dict
        `scheme, model`; `rmse`, the mean of the RMSE of the classes of distance, each weighted by its share
        of the places, of those that lie in a class that was scored [µg m⁻³], NaN for none; `cities,
        cities_scored` (in such a class), `cities_beyond` (farther than all of them).

    Examples
    --------
    Two places in a class of RMSE 10, one in a class of 16, one beyond both:

    >>> shared = {"scheme": "city", "model": "default"}
    >>> records = [{**shared, "low_km": 10.0, "high_km": 25.0, "rmse": 10.0},
    ...            {**shared, "low_km": 50.0, "high_km": 100.0, "rmse": 16.0}]
    >>> found = expected_error([12.0, 20.0, 60.0, 300.0], records)
    >>> found["rmse"], found["cities_scored"], found["cities_beyond"]
    (12.0, 3, 1)
    """
    distance = np.asarray(distance, dtype="float64")
    number = np.array([((one["low_km"] <= distance) & (distance < one["high_km"])).sum() for one in records])
    weighted = number @ np.array([one["rmse"] for one in records])
    return {
        "scheme": records[0]["scheme"],
        "model": records[0]["model"],
        "rmse": float(weighted / number.sum()) if number.sum() else np.nan,
        "cities": len(distance),
        "cities_scored": int(number.sum()),
        "cities_beyond": int((distance >= max(one["high_km"] for one in records)).sum()),
        "unit": PM25_UNIT,
    }
