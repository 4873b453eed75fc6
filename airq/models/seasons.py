"""Seasons of the year, and the days near them."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Meteorological seasons, by the first letters of their months.
SEASONS = ("DJF", "MAM", "JJA", "SON")
#: Days before and after a held-out season that training does not see: longer than kriging reaches [d].
SEASON_MARGIN_DAYS = 7


def season_of(dates):
    """Meteorological season of each day.

    Parameters
    ----------
    dates : Series of datetime64

    Returns
    -------
    numpy.ndarray of str
        Members of :data:`SEASONS`.

    Examples
    --------
    >>> season_of(pd.Series(pd.to_datetime(["2019-12-01", "2020-02-29", "2020-03-01"]))).tolist()
    ['DJF', 'DJF', 'MAM']
    """
    return np.array(SEASONS)[dates.dt.month.to_numpy() % 12 // 3]


def in_or_near_season(dates, season, margin_days):
    """Whether each day lies in a season of any year, or at most so many days before or after it.

    Parameters
    ----------
    dates : Series of datetime64
    season : str
        Member of :data:`SEASONS`.
    margin_days : int
        Length of the margin, shorter than a season. [d]

    Returns
    -------
    numpy.ndarray of bool
    """
    margin = pd.Timedelta(days=margin_days)
    return np.any([season_of(dates + shift) == season for shift in (-margin, 0 * margin, margin)], axis=0)
