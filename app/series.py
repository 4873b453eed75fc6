"""Values by day: what is counted and averaged of one place, and what a map shows of all.

A map shows a day, the mean of a span, or the share of days above a level.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from airq.models.intervals import MIN_SHARE
from airq.units import PM25_UNIT
from app import scales, style

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ROLLING_DAYS = 30
#: With fewer years a trend is the weather of one of them.
TREND_YEARS = 5
#: Step of the calendar by period, as NumPy names it.
STEPS = {"day": "D", "month": "M", "year": "Y"}
EXPECTED, COUNTED = "Expected from the probability of each day", "Counted from the predictions"
#: What a map shows; values that do not stand for days are called otherwise, see :func:`app.style.by_period`.
SHOWN = {"day": "One day", "mean": "Period mean", "share": "Days above a level"}
#: A span lies inside the domain where this share of its days does, as in `airq predict --period`.
MOSTLY = 0.75
#: Lengths of the spans that a bundle is calibrated for. [d]
LENGTHS = {"month": (28, 31), "year": (365, 366)}


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


@dataclass(frozen=True, eq=False)
class Layer:
    """What a map shows: a number for every city, with what belongs to it.

    Attributes
    ----------
    amounts : numpy.ndarray of shape (n_cities,)
        In the scale's unit.
    scale : app.scales.Scale
        Classes and colours.
    lower, upper : numpy.ndarray of shape (n_cities,), optional
        Ends of the interval.
    inside : numpy.ndarray of shape (n_cities,), optional
        Share of the sites where the model does not extrapolate; below 1 the marker is hollow.
    level : float, optional
        Level of the interval.
    days : numpy.ndarray of int of shape (n_cities,), optional
        Days that each number averages, where these differ.
    few : numpy.ndarray of bool of shape (n_cities,), optional
        Where these are too few for a class.
    """

    amounts: np.ndarray
    scale: scales.Scale
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    inside: np.ndarray | None = None
    level: float | None = None
    days: np.ndarray | None = None
    few: np.ndarray | None = None


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


def nan_mean(values):
    """Return the mean along the last axis over what is known; NaN where nothing is.

    >>> nan_mean(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])).tolist()
    [2.0, nan]
    """
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1, dtype="float64")
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


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
    """Median change of monthly means from year to year, the ends of its 95 % interval, and how many years.

    Changes are in the unit of the series per year.
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


def day_layer(store, date, *, scale, palette="readable"):
    """Show a day of all cities, with intervals and applicability where the file holds them.

    `date` is one of the store's; for `scale` and `palette` see :func:`app.scales.scale`.
    """
    days = days_of(store.dates[store.days(date, date)], store.period)
    return Layer(
        store.day(store.main, date),
        scales.scale(scale, unit=store.unit, days=days, period=store.period, palette=palette),
        lower=store.day("lower", date) if store.has_interval else None,
        upper=store.day("upper", date) if store.has_interval else None,
        inside=store.day("inside_domain", date) if store.has("inside_domain") else None,
        level=store.level,
    )


def mean_layer(store, start, end, *, scale, palette="readable", calibration=None):
    """Show the mean of a span of days, with intervals where the span is a month or a year.

    These need the `calibration` of the bundle; a span of one value has that of the file. A city is hollow
    where the model extrapolates on more than a quarter of the days. It has no class where
    too few of its days are known for the levels by which the others are classed.
    """
    days = store.days_averaged(start, end)
    chosen = mean_scale(store, days, scale, palette)
    lower, upper = mean_ends(store, start, end, calibration)
    return Layer(
        store.mean(store.main, start, end),
        chosen,
        lower=lower,
        upper=upper,
        level=store.level,
        inside=_mostly_inside(store, start, end),
        days=days,
        few=too_few(store, days, chosen),
    )


def mean_ends(store, start, end, calibration):
    """Return the ends of the intervals of means over a span, two arrays of shape (n_cities,), or two None."""
    if not store.has_interval:
        return None, None
    span = store.days(start, end)
    predicted, lower, upper = (store.array(name)[:, span] for name in ("pm25", "lower", "upper"))
    if predicted.shape[1] == 1:
        return lower[:, 0], upper[:, 0]
    if (
        calibration is None
        or store.period != "day"
        or len(store.dates[span]) != len(pd.date_range(start, end))
    ):
        return None, None
    ends = mean_interval(calibration, predicted, lower, upper, store.level)
    return (None, None) if np.isnan(ends).all() else (ends[:, 0], ends[:, 1])


def mean_scale(store, days, scale, palette="readable"):
    """Return the scale of the means of cities that average `days` each: that of the most of them."""
    most = max(int(days.max(initial=0)), 1)
    several = bool((days[days > 0] < most).any())
    return scales.scale(scale, unit=store.unit, days=most, period=store.period, most=several, palette=palette)


def too_few(store, days, scale):
    """Tell which means average too few `days` for a class of a scale."""
    known = days > 0
    return known & (not scale.daily) & scale.classed & ~scales.annual(days, store.period)


def share_layer(store, start, end, level):
    """Show the share of days above a level, in the way that :meth:`app.store.Store.how_counted` tells. [%]"""
    share = 100 * store.share_above(level, start, end, how=store.how_counted(level))
    chosen = scales.share_scale(level, unit=store.unit, span=style.SPANS[store.period])
    return Layer(share, chosen, inside=_mostly_inside(store, start, end))


def levels(store, scale):
    """Return the levels that a share can be asked for [store's unit], rising, with their names.

    They are the ends of the classes of a scale, see :func:`app.scales.scale`.
    """
    chosen = scales.scale(scale, unit=store.unit, period=store.period)
    unit, who = style.unit_words(store.unit), f"WHO {chosen.kind} " * (chosen.guideline is not None)
    named = zip(chosen.edges, chosen.level_names, strict=True)
    return {level: f"{level:g} {unit}" + f" ({who}{what})" * chosen.classed for level, what in named}


def level_words(level, unit=PM25_UNIT):
    """Name a level and the class that begins above it.

    >>> level_words(15.0)
    '15 µg/m³ (WHO daily guideline)'
    """
    names = {15.0: "WHO daily guideline", 5.0: "WHO annual guideline"} if unit == PM25_UNIT else {}
    words = f"{level:g} {style.unit_words(unit)}"
    return f"{words} ({names[level]})" if level in names else words


def _mostly_inside(store, start, end):
    """Tell where the model knows the like of three quarters of the days, 0 or 1; None where nobody told."""
    if not store.has("inside_domain"):
        return None
    share = store.mean("inside_domain", start, end)
    return np.where(np.isnan(share), np.nan, (share >= MOSTLY).astype("float64"))


def mean_interval(calibration, predicted, lower, upper, level):
    """Return the ends of the interval of the mean over the last axis, as `airq predict --period` gives it.

    The errors of days go together, so the intervals of days say nothing of a mean: months and years have a
    calibration of their own, and only spans as long as these, with three quarters of their days, have an
    interval. Daily intervals tell the residual scale of every day; where their lower end is cut at zero, the
    scale above stands for that below.

    `predicted, lower, upper` [µg m⁻³] have the shape (..., n_days), NaN where there is none, and `level` is
    their coverage; the ends have the shape (..., 2), NaN where the mean has no interval.
    """
    n_days = predicted.shape[-1]
    period = next((name for name, (low, high) in LENGTHS.items() if low <= n_days <= high), None)
    none = np.full((*predicted.shape[:-1], 2), np.nan)
    if period is None:
        return none
    above = (upper - predicted) / calibration.factor(level)
    below = np.where(lower > 0, (predicted - lower) / calibration.factor(level), above)
    known = np.isfinite(above)
    scale = np.stack([nan_mean(np.where(known, one, np.nan)) for one in (below, above)], axis=-1)
    mean = nan_mean(np.where(known, predicted, np.nan))
    ends = calibration.interval(mean.ravel(), scale.reshape(-1, 2), level, period).reshape(none.shape)
    enough = known.sum(axis=-1) >= MIN_SHARE * n_days
    return np.where(enough[..., None], ends, none)
