"""From the times of rasters to days: what step they have, when a value's span begins, sums since midnight."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from airq.sources import days
from airq.sources.cleaning import Tally

#: Step of times -> fewest and most hours between two.
LONG_STEPS = {"day": (23, 25), "month": (27 * 24, 32 * 24), "year": (364 * 24, 367 * 24)}
#: Days of places, each with so many rises, that tell a sum since midnight from rain of each hour.
RAINY_DAYS, RISES = 3, 3


def step_of(times, frequency: str | None) -> tuple[str, float]:
    """Return what values stand for ("hour", "day", "month" or "year") and how many hours lie between two.

    Parameters
    ----------
    times : array of datetime64 of shape (n_times,)
        Different times in rising order.
    frequency : str or None
        What names of files say, where each holds a single time.

    Raises
    ------
    ValueError
        If the step is another one, such as of eight days.

    Examples
    --------
    >>> step_of(np.array(["2020-01-01T00", "2020-01-01T03"], dtype="datetime64[h]"), None)
    ('hour', 3.0)
    >>> step_of(np.array(["2020-01-01"], dtype="datetime64[D]"), "month")
    ('month', 24.0)
    """
    if frequency in LONG_STEPS:
        return frequency, 24.0
    if len(times) < 2:
        return "day", 24.0
    hours = float(np.median(np.diff(times) / np.timedelta64(1, "s"))) / 3600
    for name, (least, most) in LONG_STEPS.items():
        if least <= hours <= most:
            return name, 24.0
    if hours <= 12:
        return "hour", hours
    raise ValueError(f"has a value every {hours / 24:g} days")


def begins_of(times, hours: float, *, ends: bool) -> np.ndarray:
    """Return when the span of each value begins: at its time, or a step before where times are ends."""
    return times - np.timedelta64(round(hours * 3600), "s") if ends else times


def are_ends(column: str | None, attributes: dict, rate: bool) -> bool:
    """Tell whether times are the ends of spans, as of amounts of rain over the hours before."""
    summed = "time: sum" in str(attributes.get("cell_methods", ""))
    accumulated = attributes.get("GRIB_stepType") == "accum" or summed
    return accumulated or (column == "precipitation" and not rate)


def hourly_amounts(values, begins) -> tuple[np.ndarray, bool]:
    """Return amounts of each step, and whether they were sums since midnight, as ERA5-Land has them.

    They were if they never fall within a day in UTC, at any place, and rise three times on three days.

    Parameters
    ----------
    values : array of shape (n_times, n_places)
        Amounts in the order of time.
    begins : array of datetime64 of shape (n_times,)
    """
    day = begins.astype("datetime64[D]")
    first = np.r_[True, day[1:] != day[:-1]]
    steps = np.where(first[:, None], values, np.diff(values, axis=0, prepend=0.0))
    rises = pd.DataFrame((steps > 1e-6) & ~first[:, None]).groupby(day).sum()
    if (steps < -1e-6).any() or int((rises >= RISES).to_numpy().sum()) < RAINY_DAYS:
        return values, False
    return steps, True


def daily(values, begins, hours, column, places, tally, *, day_basis, min_hours) -> pd.DataFrame:
    """Return a value per place and day from several a day.

    A day needs as large a share of its values as `min_hours` is of 24 hours; see
    :func:`airq.sources.days.to_days`. Local days follow the longitude, in whole hours.

    Parameters
    ----------
    values : array of shape (n_times, n_places)
    begins : array of datetime64 of shape (n_times,)
        In UTC.
    hours : float
        Between two values.
    column : str
        Its name tells how values become one of a day.
    places : DataFrame of n_places
        `city_id, longitude` [°].
    tally : airq.sources.cleaning.Tally
    day_basis : {"utc", "local"}
    min_hours : int

    Returns
    -------
    DataFrame
        `site_id, date` and the column.
    """
    n_times, n_places = values.shape
    ahead = np.round(places["longitude"].to_numpy() / 15) if day_basis == "local" else np.zeros(n_places)
    begin = begins[:, None] + ahead.astype("timedelta64[h]")[None, :]
    rows = pd.DataFrame(
        {
            "site_id": np.tile(places["city_id"].to_numpy(dtype=object), n_times),
            "begin": begin.ravel(),
            column: values.ravel(),
        }
    ).dropna(subset=column)
    if rows.empty:
        return pd.DataFrame(columns=["site_id", "date", column])
    fewest = math.ceil(min_hours / max(hours, 1.0))
    own = Tally()
    made = days.to_days(rows, own, min_hours=fewest)
    if own.dropped:
        fallen = rows["begin"].dt.normalize().groupby(rows["site_id"]).nunique().sum() - len(made)
        tally.notes.append(
            f"{column}: {fallen:,} days of places fell, with fewer than {fewest} hours of values"
        )
    return made[["site_id", "date", column]]
