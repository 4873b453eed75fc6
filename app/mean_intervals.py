"""Intervals of means over a month or a year, from those of single days and the calibration of the bundle."""

from __future__ import annotations

import numpy as np

from airq.models.intervals import MIN_SHARE
from app.store import nan_mean

#: Lengths of the spans that a bundle is calibrated for. [d]
LENGTHS = {"month": (28, 31), "year": (365, 366)}


def mean_interval(calibration, predicted, lower, upper, level):
    """Return the interval of the mean over the last axis, as `airq predict --period` gives it.

    The errors of days go together, so the intervals of days say nothing of a mean: months and years have
    a calibration of their own, and only spans as long as these, with three quarters of their days, have an
    interval. Daily intervals tell the residual scale of every day; where their lower end is cut at zero, the
    scale above stands for that below.

    Parameters
    ----------
    calibration : airq.models.intervals.Calibration
        Of the bundle that made the predictions.
    predicted, lower, upper : numpy.ndarray of shape (..., n_days)
        Predictions of all days of the span and the ends of their intervals, NaN where there is none. [µg m⁻³]
    level : float
        Coverage of the intervals.

    Returns
    -------
    numpy.ndarray of shape (..., 2)
        Ends. [µg m⁻³] NaN where the mean has no interval.
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
