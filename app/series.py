"""Values of one place by day: what is counted and averaged of them, before anything is drawn."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ROLLING_DAYS = 30
#: With fewer years a trend is the weather of one of them.
TREND_YEARS = 5
#: Step of the calendar by period, as NumPy names it.
STEPS = {"day": "D", "month": "M", "year": "Y"}
EXPECTED, COUNTED = "Expected from the probability of each day", "Counted from the predictions"


@dataclass(frozen=True)
class Series:
    """Values of one place by day.

    Attributes
    ----------
    dates : DatetimeIndex of n_days
        Sorted; days may be missing.
    amounts : numpy.ndarray of shape (n_days,)
        In `unit`, NaN where unknown.
    unit : str
        µg m⁻³ or an index.
    lower, upper : numpy.ndarray of shape (n_days,), optional
        Ends of the interval.
    level : float, optional
        Its level.
    period : {"day", "month", "year"}
        What a value stands for.
    chances : dict of float to numpy.ndarray of shape (n_days,), optional
        Level to the probability that a day is above it.
    """

    dates: pd.DatetimeIndex
    amounts: np.ndarray
    unit: str
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    level: float | None = None
    period: str = "day"
    chances: dict | None = None

    @functools.cached_property
    def spans(self):
        """Number of every value's day, month or year since 1970."""
        return self.dates.to_numpy().astype(f"datetime64[{STEPS[self.period]}]").astype("int64")

    @property
    def calendar(self):
        """Every day, month or year from the first to the last value, known or not."""
        first, last = self.spans[[0, -1]]
        return np.arange(first, last + 1).astype(f"datetime64[{STEPS[self.period]}]")

    def spread(self, values):
        """Return values of the days of the series over the :attr:`calendar`, NaN in between."""
        there = np.full(self.spans[-1] - self.spans[0] + 1, np.nan, dtype="float32")
        there[self.spans - self.spans[0]] = values
        return there

    @property
    def interval_words(self):
        """What the interval is called."""
        return f"{self.level:.0%} interval" if self.level else "interval"


def days_of(dates, period):
    """Count the days that values stand for: one each, or those of their months or years.

    >>> days_of(pd.DatetimeIndex(["2019-01-01", "2019-02-01"]), "month")
    59
    """
    return int(lengths(dates, period).sum())


def lengths(dates, period):
    """Return the length of every value's day, month or year. [d]

    >>> lengths(pd.DatetimeIndex(["2019-02-01", "2020-02-01"]), "month").tolist()
    [28, 29]
    """
    if period == "day":
        return np.ones(len(dates), dtype="int64")
    return np.asarray(dates.days_in_month if period == "month" else 365 + dates.is_leap_year, dtype="int64")


@dataclass(frozen=True)
class Month:
    """A month of the year: the mean of its days, where eight of ten lie, and their number."""

    name: str
    mean: float
    low: float
    high: float
    days: int


@dataclass(frozen=True)
class Year:
    """A year: the share of its known days above each level (0 to 1), and how many are known."""

    year: int
    above: tuple
    known: int


def rolling(values):
    """Return the mean of the days around each day; NaN where fewer than half of them are known."""
    known = np.isfinite(values)
    count = _sum_around(known)
    total = _sum_around(np.where(known, values, 0.0))
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count >= ROLLING_DAYS / 2)


def _sum_around(values):
    first = (ROLLING_DAYS - 1) // 2
    return np.convolve(values, np.ones(ROLLING_DAYS))[first : first + len(values)]


def by_month(series):
    """Return the months of the year that have a known day, as a list of :class:`Month`."""
    known = np.isfinite(series.amounts)
    amounts = np.asarray(series.amounts, dtype="float64")[known]
    number = series.dates.to_numpy()[known].astype("datetime64[M]").astype("int64") % 12
    parts = {month: np.sort(amounts[number == month]) for month in range(12)}
    return [
        # The quantiles of numpy.quantile, in a tenth of its time.
        Month(
            MONTHS[month],
            part.mean(),
            *np.interp(np.array([0.1, 0.9]) * (len(part) - 1), np.arange(len(part)), part),
            len(part),
        )
        for month, part in parts.items()
        if len(part)
    ]


@dataclass(frozen=True)
class Trend:
    """Change of monthly means from year to year. [unit of the series per year]

    Attributes
    ----------
    change, low, high : float
        Median change, and the ends of its 95 % interval.
    years : int
        Years that it compares.
    """

    change: float
    low: float
    high: float
    years: int


def trend(series):
    """Estimate the trend of a place: median slope of its years (Theil-Sen), with Kendall's interval [1]_.

    Every month is held against the mean of that month of the year, and a year is one observation, because its
    months go together. The interval is that of the scatter of the years, not of the model's error. None with
    fewer than :data:`TREND_YEARS` years of half their months.

    References
    ----------
    .. [1] R. O. Gilbert, "Statistical methods for environmental pollution monitoring", 1987, section 16.5.
    """
    months = monthly_means(series)
    years = (months - months.mean())[months.notna().sum(axis=1) >= 6].mean(axis=1)
    n = len(years)
    if n < TREND_YEARS:
        return None
    first, later = np.triu_indices(n, 1)
    year, value = years.index.to_numpy(), years.to_numpy()
    slopes = np.sort((value[later] - value[first]) / (year[later] - year[first]))
    # Kendall's S is about normal with this variance; the ends are ranks among the slopes.
    reach = 1.96 * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    low, high = int((len(slopes) - reach) / 2), int(np.ceil((len(slopes) + reach) / 2))
    ends = slopes[max(low - 1, 0)], slopes[min(high, len(slopes) - 1)]
    return Trend(float(np.median(slopes)), *map(float, ends), n)


def monthly_means(series):
    """Return the means of months that have half their days: a row a year, a column a month of the year."""
    table = pd.Series(np.asarray(series.amounts, dtype="float64"), index=series.dates).dropna()
    months = table.groupby([table.index.year, table.index.month]).agg(["mean", "size"])
    need = {"day": 15, "month": 1, "year": np.inf}[series.period]
    means = months["mean"][months["size"] >= need].rename_axis(["year", "month"]).reset_index()
    return means.pivot_table(index="year", columns="month", values="mean")


def same_months(series):
    """Return the change from the last year but one to the last over the months that both have, or None.

    The two years, the number of months, and the mean change. [unit of the series]
    """
    table = monthly_means(series)
    if len(table) < 2:
        return None
    change = (table.iloc[-1] - table.iloc[-2]).dropna()
    return (*table.index[-2:].tolist(), len(change), float(change.mean())) if len(change) else None


def how_counted(series, levels):
    """Say how days above some levels are counted: by probabilities where each level has one.

    A smooth prediction understates how often a level is exceeded. :data:`EXPECTED` or :data:`COUNTED`.
    """
    return EXPECTED if set(levels) <= set(series.chances or {}) else COUNTED


def share_above(series, levels):
    """Return the share of the known days above each level as a :class:`Year` each, see :func:`how_counted`.

    Years have different numbers of known days, so their shares can be compared, their counts cannot.
    """
    known = np.isfinite(series.amounts)
    years = years_of(series)[known]
    above = _above(series, levels)[known]
    listed, number = np.unique(years, return_counts=True)
    shares = [above[years == year].mean(axis=0) for year in listed]
    return [
        Year(year, tuple(share.tolist()), days)
        for year, share, days in zip(listed.tolist(), shares, number.tolist(), strict=True)
    ]


def years_of(series):
    """Return the year of every value."""
    return series.dates.to_numpy().astype("datetime64[Y]").astype("int64") + 1970


def class_shares(series, scale):
    """Return the share of the known days in each class of a scale, as :func:`how_counted` says.

    From 0 to 1, of shape (n_classes,); NaN where no day is known.
    """
    known = np.isfinite(series.amounts)
    if not known.any():
        return np.full(len(scale.labels), np.nan)
    above = _above(series, scale.edges)[known].mean(axis=0)
    return np.r_[1.0, above] - np.r_[above, 0.0]


def _above(series, levels):
    """Return the probability of every day to be above each level; 0 or 1 where none is told."""
    counted = np.asarray(series.amounts, dtype="float32")[:, None] > np.asarray(levels, dtype="float32")
    if how_counted(series, levels) == COUNTED:
        return counted.astype("float64")
    chances = np.column_stack([series.chances[level] for level in levels])
    return np.where(np.isfinite(chances), chances, counted)
