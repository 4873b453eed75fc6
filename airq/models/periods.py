"""Means over calendar months and years: which count, and how they are made, written once."""

from __future__ import annotations

import numpy as np

#: Period -> its pandas frequency; a day is what a row already is.
PERIODS = {"day": None, "month": "M", "year": "Y"}
#: A mean over a period stands for it only with this share of its days.
MIN_SHARE = 0.75
#: Columns that are averaged; of the others the first value is kept.
AVERAGED = ("observed", "predicted", "spread_low", "spread_high", "pm25", "inside_domain", "dissimilarity")


def period_means(table, period, *, keys=None):
    """Means over the calendar months or years of which three quarters of the days are there.

    Parameters
    ----------
    table : DataFrame of n_rows
        `date`, the key columns, and any of :data:`AVERAGED`. [µg m⁻³] Rows whose `observed` is missing
        do not count, so that predictions and observations are averaged over the same days.
    period : {"day", "month", "year"}
        What a row shall stand for.
    keys : sequence of str, optional
        What tells the places apart; by default those of `unit` and `site_id` that the table has.

    Returns
    -------
    DataFrame
        One row per place and period, by key and `date`, the period's first day. Averaging the spreads
        gives a *scale* for a mean, not its error: a period needs a calibration of its own.

    Raises
    ------
    ValueError
        If the period is unknown, or a place has a day twice.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2020-02-01", "2020-02-29")
    >>> table = pd.DataFrame({"unit": "a", "date": days, "observed": 4.0, "predicted": 6.0})
    >>> period_means(table, "month")[["observed", "predicted"]].values.tolist()
    [[4.0, 6.0]]
    >>> len(period_means(table.head(21), "month"))
    0
    """
    frequency = frequency_of(period)
    keys = [name for name in ("unit", "site_id") if name in table] if keys is None else list(keys)
    if "observed" in table:
        table = table[table["observed"].notna()]
    if table.duplicated([*keys, "date"]).any():
        raise ValueError("A place has a day twice; give the column site_id where a unit has several sites.")
    if frequency is None:
        return table.sort_values([*keys, "date"], ignore_index=True)
    table = table.assign(date=table["date"].dt.to_period(frequency))
    groups = table.groupby([*keys, "date"], observed=True)
    means = groups.first()
    averaged = [name for name in AVERAGED if name in table]
    means[averaged] = groups[averaged].mean()
    periods = means.index.get_level_values("date")
    days = (periods.end_time.normalize() - periods.start_time).days + 1
    means = means[groups.size().to_numpy() >= MIN_SHARE * np.asarray(days)].reset_index()
    means["date"] = means["date"].dt.start_time.astype("datetime64[us]")
    return means


def frequency_of(period):
    """The pandas frequency of a period, None for days.

    Raises
    ------
    ValueError
        If the period is unknown.
    """
    if period not in PERIODS:
        raise ValueError(f"Unknown period {period!r}; choose from {', '.join(PERIODS)}.")
    return PERIODS[period]
