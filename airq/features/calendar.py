"""Features of the date alone."""

from __future__ import annotations

import numpy as np
import pandas as pd


def _turn(position, length):
    return 2 * np.pi * np.asarray(position, dtype="float64") / length


def _year(date):
    return _turn(date.day_of_year - 1, np.where(date.is_leap_year, 366, 365))


#: Name of a calendar column -> function of a DatetimeIndex.
CALENDAR = {
    "day": lambda date: date.day,
    "month": lambda date: date.month,
    "year": lambda date: date.year,
    "week": lambda date: date.isocalendar()["week"],
    "dayofweek": lambda date: date.day_of_week,
    "weekofyear": lambda date: date.isocalendar()["week"],
    "days_in_month": lambda date: date.days_in_month,
    "is_month_start": lambda date: date.is_month_start,
    "is_month_end": lambda date: date.is_month_end,
    "dayofyear": lambda date: date.day_of_year,
    "is_weekend": lambda date: date.day_of_week >= 5,
    "fortnight": lambda date: date.day % 15,
    "which_fortnight": lambda date: date.day // 15,
    "year_sin": lambda date: np.sin(_year(date)),
    "year_cos": lambda date: np.cos(_year(date)),
    "week_sin": lambda date: np.sin(_turn(date.day_of_week, 7)),
    "week_cos": lambda date: np.cos(_turn(date.day_of_week, 7)),
    "day_number": lambda date: date.to_numpy().astype("datetime64[D]").astype("int64"),
}

#: The calendar columns of the published reference model, in its order; `week` and `weekofyear` are
#: both the ISO week, and Monday is day 0 of the week.
REFERENCE_CALENDAR = tuple(CALENDAR)[:13]


def calendar_values(date: pd.DatetimeIndex, name: str) -> np.ndarray:
    """Return one calendar column of the dates, as float32; raise ValueError if there is none of that name.

    `year_sin`, `year_cos`, `week_sin` and `week_cos` are the position in the year and in the week as a point
    on a circle; `day_number` counts days from 1970-01-01.

    >>> calendar_values(pd.to_datetime(["2020-02-29", "2021-01-01"]), "week").tolist()
    [9.0, 53.0]
    """
    if name not in CALENDAR:
        raise ValueError(f"No calendar column {name!r}. Choose from {', '.join(CALENDAR)}.")
    return np.asarray(CALENDAR[name](date), dtype="float32")
