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


def step_of(times, frequency: str | None, widths=None) -> tuple[str | None, float | None]:
    """Return what the values of a file stand for, and how many hours lie between two.

    Parameters
    ----------
    times : array of datetime64 of shape (n_times,)
        Empty where the file has no time.
    frequency : str or None
        What the file's name says.
    widths : array of timedelta64 of shape (n_times,), optional
        Widths of the time spans, where the file tells them; they prevail.

    Returns
    -------
    str or None
        "hour", "day", "month", "year", "none" (no time), or None if nothing in the file tells it.
    float or None
        None where the times of other files tell it.

    Raises
    ------
    ValueError
        If the step is another one, such as of eight days, or changes within the file.

    Examples
    --------
    >>> step_of(np.array(["2020-01-01T00", "2020-01-01T03"], dtype="datetime64[h]"), None)
    ('hour', 3.0)
    >>> step_of(np.array(["2020-01-01"], dtype="datetime64[D]"), "month")
    ('month', 24.0)
    >>> step_of(np.array(["2020-01-16"], dtype="datetime64[D]"), None, [np.timedelta64(31, "D")])
    ('month', 24.0)
    >>> step_of(np.array(["2020-01-16"], dtype="datetime64[D]"), None)
    (None, None)
    """
    if not len(times):
        return "none", 24.0
    gaps = np.diff(np.unique(times)) / np.timedelta64(1, "s") / 3600
    if widths is not None:
        width = np.asarray(widths) / np.timedelta64(1, "s") / 3600
        step = _named(float(np.median(width)), "has values over {:g} days")
        if len({_named(hours, "has values over {:g} days")[0] for hours in width}) > 1:
            raise ValueError("has time spans of several lengths")
        spaced = round(float(np.median(gaps)), 3) if len(gaps) else step[1]
        return (step[0], min(spaced, 24.0)) if step[0] == "hour" else _apart(gaps, step)
    if not len(gaps):
        return (frequency, 24.0) if frequency in LONG_STEPS else (frequency, None)
    return _apart(gaps, _named(float(np.median(gaps)), "has a value every {:g} days"))


def step_of_files(times, frequency: str | None, others: dict) -> tuple[str, float]:
    """Return the step of files of a single time each, as :func:`step_of` does of those in a file.

    Parameters
    ----------
    times : list of datetime64
    frequency : str or None
        "hour" where the names of the files say so.
    others : dict of tuple to array of datetime64
        Times of other files of the variable by their step.

    Raises
    ------
    ValueError
        If the step is another one, or a lone time goes with none of the other files.

    Examples
    --------
    >>> step_of_files([np.datetime64("2020-01-01"), np.datetime64("2020-02-01")], None, {})
    ('month', 24.0)
    >>> step_of_files([np.datetime64("2020-01-01T12:00")], None, {})
    ('hour', 1.0)
    """
    times = np.unique(np.array(times, dtype="datetime64[us]"))
    if len(times) > 1:
        step = step_of(times, None)
        if frequency == "hour" and step[0] != "hour":
            raise ValueError("has too few hours of each day")
        if step[0] == "day" and (times != times.astype("datetime64[D]")).any():
            raise ValueError(f"has one hour a day ({str(times[0])[11:16]}), and no bounds make it the day's")
        return step
    for (name, hours), own in others.items():
        gap = float(np.abs(own - times[0]).min() / np.timedelta64(1, "s")) / 3600
        least, most = LONG_STEPS.get(name, (0, 1.5 * hours))
        if least <= gap <= most and frequency in (None, name):
            return name, hours
    if frequency == "hour" or times[0] != times[0].astype("datetime64[D]"):
        return "hour", 1.0
    if {name for name, _ in others} - {"day"}:
        raise ValueError("has a single time, and nothing tells whether it is of an hour, a day or a month")
    return "day", 24.0


def _named(hours, words):
    """Return the step that a number of hours is, and the hours between two values."""
    for name, (least, most) in LONG_STEPS.items():
        if least <= hours <= most:
            return name, 24.0
    if hours <= 12:
        return "hour", round(hours, 3)
    raise ValueError(words.format(hours / 24))


def _apart(gaps, step):
    """Return a step; refuse it where two times [h] are closer than it."""
    if step[0] in LONG_STEPS and len(gaps) and gaps.min() < LONG_STEPS[step[0]][0]:
        raise ValueError(f"has values of a {step[0]} that are {gaps.min():g} hours apart")
    return step


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
