"""What a map shows of a store: a day, the mean of a span, or the share of days above a level."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.models.intervals import MIN_SHARE
from airq.units import PM25_UNIT
from app import scales, theme
from app.maps import Layer
from app.series import days_of
from app.store import nan_mean

#: What values that stand for days are called; see :func:`app.theme.by_period` for others.
SHOWN = {"day": "One day", "mean": "Period mean", "share": "Days above a level"}
#: A span lies inside the domain where this share of its days does, as in `airq predict --period`.
MOSTLY = 0.75
SPANS = {"day": "days", "month": "months", "year": "years"}
#: Lengths of the spans that a bundle is calibrated for. [d]
LENGTHS = {"month": (28, 31), "year": (365, 366)}


def day_layer(store, date, *, scale, palette="readable"):
    """Show a day of all cities, with intervals and applicability where the file holds them.

    `date` is one of the store's; for `scale` and `palette` see :func:`app.scales.scale`.
    """
    days = days_of(store.dates[store.days(date, date)], store.period)
    chosen = scales.scale(scale, unit=store.unit, days=days, period=store.period, palette=palette)
    interval = store.main == "pm25" and store.has("lower") and store.has("upper")
    return Layer(
        amounts=store.day(store.main, date),
        scale=chosen,
        lower=store.day("lower", date) if interval else None,
        upper=store.day("upper", date) if interval else None,
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
    if not (store.main == "pm25" and store.has("lower") and store.has("upper")):
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
    """Show the share of days above a level, in the way that :func:`how_counted` tells. [%]"""
    share = 100 * store.share_above(level, start, end, how=how_counted(store, level))
    chosen = scales.share_scale(level, unit=store.unit, span=SPANS[store.period])
    return Layer(share, chosen, inside=_mostly_inside(store, start, end))


def how_counted(store, level):
    """Return ``"probability"`` where the file holds that of a level, else ``"prediction"``."""
    return "probability" if store.main == "pm25" and level in store.exceedance_thresholds else "prediction"


def levels(store, scale):
    """Return the levels that a share can be asked for [store's unit], rising, with their names.

    They are the ends of the classes of a scale, see :func:`app.scales.scale`.
    """
    chosen = scales.scale(scale, unit=store.unit, period=store.period)
    names = {}
    for level, below, above in zip(chosen.edges, chosen.labels, chosen.labels[1:], strict=False):
        what = (
            f"WHO {chosen.kind} {above.removeprefix('above ').removeprefix('the ')}"
            if chosen.guideline
            else f"end of “{below}”"
        )
        names[level] = f"{level:g} {theme.unit_words(store.unit)}" + (f" ({what})" if chosen.classed else "")
    return names


def level_words(level, unit=PM25_UNIT):
    """Name a level and the class that begins above it.

    >>> level_words(15.0)
    '15 µg/m³ (WHO daily guideline)'
    """
    names = {15.0: "WHO daily guideline", 5.0: "WHO annual guideline"} if unit == PM25_UNIT else {}
    words = f"{level:g} {theme.unit_words(unit)}"
    return f"{words} ({names[level]})" if level in names else words


def _mostly_inside(store, start, end):
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
