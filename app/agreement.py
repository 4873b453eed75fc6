"""Compare the predictions of one city with what was observed there, held-out ones first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from airq.validation.schemes import HEADLINES
from app import theme
from app.evidence import short
from app.series import STEPS, lengths

#: Columns of a table of held-out predictions.
HELD_OUT = ("city_id", "date", "repeat", "scheme", "observed", "default", "lower", "upper")
#: Fewer days say nothing of a city.
FEWEST = 5
#: A month or year is observed where this share of its days is.
MOSTLY = 0.75


@dataclass(frozen=True)
class Agreement:
    """Errors of the predictions of a city.

    Attributes
    ----------
    days : int
        Days (months, years) with a prediction and an observation.
    bias, error : float
        Mean of the differences (above 0: predicted too high), and of their sizes. [µg m⁻³]
    inside : float
        Share of the days inside the interval, from 0 to 1; NaN without intervals.
    """

    days: int
    bias: float
    error: float
    inside: float


def agreement(rows):
    """Compare the predictions of a city with what was observed.

    Parameters
    ----------
    rows : DataFrame
        `observed, predicted, lower, upper` [µg m⁻³], a row a day, month or year.

    Returns
    -------
    Agreement or None
        None with fewer than :data:`FEWEST` days.

    Examples
    --------
    >>> rows = pd.DataFrame({"observed": [10.0] * 5, "predicted": [12.0] * 5, "lower": 9.0, "upper": 11.0})
    >>> agreement(rows)
    Agreement(days=5, bias=2.0, error=2.0, inside=1.0)
    """
    rows = rows.dropna(subset=["observed", "predicted"])
    if len(rows) < FEWEST:
        return None
    difference = (rows["predicted"] - rows["observed"]).astype("float64")
    known = rows.dropna(subset=["lower", "upper"])
    inside = known["observed"].between(known["lower"], known["upper"]).mean() if len(known) else np.nan
    return Agreement(len(rows), float(difference.mean()), float(difference.abs().mean()), float(inside))


def held_out_days(path, city_id):
    """Read the predictions of a city by models that had not seen it.

    Of repeated evaluations only the first counts: a mean over repeats has smaller errors than any model.

    Parameters
    ----------
    path : Path or None
        Table of held-out predictions of `airq evaluate`.
    city_id : str
        City.

    Returns
    -------
    rows : DataFrame
        `date, observed, predicted, lower, upper`; means over the sites of the city. Empty where there are
        none.
    scheme : str
        What was held out, in two or three words.
    """
    columns = ["date", "observed", "predicted", "lower", "upper"]
    if path is None:
        return pd.DataFrame(columns=columns), ""
    there = set(pq.read_schema(path).names)
    if not {"city_id", "date", "scheme", "observed", "default"} <= there:
        return pd.DataFrame(columns=columns), ""
    chosen = [name for name in HELD_OUT if name in there]
    rows = pq.read_table(path, columns=chosen, filters=[("city_id", "=", city_id)]).to_pandas()
    for scheme in HEADLINES:
        mine = rows[rows["scheme"] == scheme]
        if len(mine):
            mine = mine[mine["repeat"] == mine["repeat"].min()] if "repeat" in mine else mine
            mine = mine.rename(columns={"default": "predicted"}).reindex(columns=columns)
            return mine.groupby("date", as_index=False).mean(), short(scheme)
    return pd.DataFrame(columns=columns), ""


def averaged(observed, period):
    """Average the observations of days over the days, months or years that predictions stand for.

    Parameters
    ----------
    observed : Series of float by date
        A value a day. [µg m⁻³]
    period : {"day", "month", "year"}
        What a prediction stands for.

    Returns
    -------
    Series of float by date
        By first day of the period; only periods of which :data:`MOSTLY` of the days are observed.

    Examples
    --------
    >>> days = pd.date_range("2020-01-01", "2020-02-10")
    >>> averaged(pd.Series(8.0, index=days), "month")
    date
    2020-01-01    8.0
    dtype: float64
    """
    if period == "day" or observed.empty:
        return observed
    observed = observed.dropna()
    begins = observed.index.to_numpy().astype(f"datetime64[{STEPS[period]}]").astype("datetime64[us]")
    by = observed.groupby(pd.DatetimeIndex(begins, name="date"))
    means, known = by.mean(), by.size()
    return means[known >= MOSTLY * lengths(means.index, period)]


def words(found, period="day"):
    """Write an agreement as a sentence; `period` is what its predictions stand for.

    >>> words(Agreement(120, -1.25, 3.5, 0.925))
    'On 120 days with an observation the predictions were off by 3.5 µg/m³ and 1.2 µg/m³ too low on average; \
92% of the days lay inside their interval.'
    >>> words(Agreement(12, 0.01, 3.5, float("nan")), "month")
    'In 12 months with an observation the predictions were off by 3.5 µg/m³ on average, with no bias.'
    """
    when = f"{'On' if period == 'day' else 'In'} {theme.count_words(found.days, period)} with an observation"
    off = f"the predictions were off by {found.error:.1f} µg/m³"
    high, size = "high" if found.bias > 0 else "low", f"{abs(found.bias):.1f}"
    bias = " on average, with no bias" if size == "0.0" else f" and {size} µg/m³ too {high} on average"
    text = f"{when} {off}{bias}"
    if np.isnan(found.inside):
        return f"{text}."
    return f"{text}; {theme.chance_words(found.inside)} of the {period}s lay inside their interval."
