"""Baselines that know only what other monitors read on the same day.

Each has ``fit(panel, groups)`` and ``predict(panel)``, see :mod:`airq.models.baselines`. The training rows
are laid out once as an array of monitors by days. On a day without any monitor all of them return the mean
of the calendar month in training, and the mean of all days where no such month was seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.geo import arc_km, geocentric_km
from airq.models.monitors import Monitors
from airq.panel import TARGET

#: Monitors that inverse distance weighting uses.
N_NEAREST = 12
#: Nearer monitors weigh as much as one at this distance. [km]
MIN_DISTANCE_KM = 1.0


class DayMean:
    """The mean of all training monitors of the day, everywhere [µg m⁻³].

    Attributes
    ----------
    days_ : DatetimeIndex of n_days
        The days of which training has a value.
    values_ : numpy.ndarray of shape (n_monitors, n_days)
        What every monitor read; NaN where it has no value. [µg m⁻³]
    positions_ : numpy.ndarray of shape (n_monitors, 3)
        Where they stand, in geocentric coordinates. [km]
    by_month_ : Series
        Mean of every calendar month, for days without a monitor. [µg m⁻³]
    mean_ : float
        Mean of all rows, for months without one. [µg m⁻³]
    """

    def fit(self, panel, groups=None):
        """Learn from the rows with a target."""
        labelled = panel[panel[TARGET].notna()]
        monitor, _ = pd.factorize(labelled["site_id"])
        day, self.days_ = pd.factorize(labelled["date"], sort=True)
        self.values_ = np.full((monitor.max() + 1, len(self.days_)), np.nan)
        self.values_[monitor, day] = labelled[TARGET]
        self.positions_ = geocentric_km(labelled.drop_duplicates("site_id"))
        target = labelled[TARGET].astype("float64")
        self.by_month_ = target.groupby(labelled["date"].dt.month).mean()
        self.mean_ = float(target.mean())
        return self

    def predict(self, panel):
        """Return PM2.5 of every row, shape (n_rows,) [µg m⁻³]."""
        day = self.days_.get_indexer(panel["date"])
        month = self.by_month_.reindex(panel["date"].dt.month)
        predicted = month.fillna(self.mean_).to_numpy(copy=True)
        watched = np.flatnonzero(day >= 0)
        predicted[watched] = self._on_days(panel.iloc[watched], day[watched])
        return predicted

    def _on_days(self, panel, day):
        """Return PM2.5 of rows on days with a monitor; `day` is the column of :attr:`values_`."""
        return np.nanmean(self.values_, axis=0)[day]


class _ByPlace(DayMean):
    """What depends on how far the monitors are: every place is worked out for all its days at once."""

    def _on_days(self, panel, day):
        places, place = np.unique(panel[["longitude", "latitude"]], axis=0, return_inverse=True)
        positions = geocentric_km(pd.DataFrame(places, columns=["longitude", "latitude"]))
        order = np.argsort(place.ravel(), kind="stable")
        starts = np.searchsorted(place.ravel()[order], np.arange(len(places) + 1))
        predicted = np.empty(len(day))
        for number, position in enumerate(positions):
            rows = order[starts[number] : starts[number + 1]]
            distance = arc_km(np.linalg.norm(self.positions_ - position, axis=1))
            near = np.argsort(distance, kind="stable")
            predicted[rows] = self._at_place(self.values_[np.ix_(near, day[rows])], distance[near])
        return predicted


class NearestMonitor(_ByPlace):
    """What the nearest training monitor with a value on that day reads [µg m⁻³]."""

    def _at_place(self, values, distance):
        """Combine values [µg m⁻³], (n_monitors, n_days), sorted by distance [km]; every day has one."""
        first = np.isfinite(values).argmax(axis=0)
        return values[first, np.arange(values.shape[1])]


class InverseDistance(_ByPlace):
    """Mean of the 12 nearest training monitors of the day, weighted by the inverse square of distance.

    Monitors nearer than 1 km weigh as if they were 1 km away [µg m⁻³]. At the very position of a monitor the
    mean is what it reads.

    References
    ----------
    .. [1] D. Shepard, A two-dimensional interpolation function for irregularly-spaced data, Proceedings of
       the 23rd ACM National Conference, 517-524, 1968.
    """

    def _at_place(self, values, distance):
        """Combine values [µg m⁻³], (n_monitors, n_days), sorted by distance [km]; every day has one."""
        known = np.isfinite(values)
        used = known & (np.cumsum(known, axis=0) <= N_NEAREST)
        here = known & (distance == 0)[:, None]
        used = np.where(here.any(axis=0), here, used)
        weights = used / np.maximum(distance, MIN_DISTANCE_KM)[:, None] ** 2
        return (weights * np.where(known, values, 0)).sum(axis=0) / weights.sum(axis=0)


class Kriging(DayMean):
    """Space-time ordinary kriging of the logarithm, see :mod:`airq.models.kriging` [µg m⁻³].

    Its parameters best predict the training rows from monitors of other groups. Where no monitor within 1,000
    km has a value on the day or next to it, the mean of the day stands in.
    """

    def fit(self, panel, groups=None):
        """Learn from the rows with a target; `groups` is the column of what is left out together."""
        super().fit(panel)
        labelled = panel[panel[TARGET].notna()].reset_index(drop=True)
        self.monitors_ = Monitors(labelled, labelled[TARGET]).fit(labelled[groups or "site_id"])
        return self

    def predict(self, panel):
        """Return PM2.5 of every row, shape (n_rows,) [µg m⁻³]."""
        kriged = np.expm1(self.monitors_.around(panel)["monitors_kriging"].to_numpy(dtype="float64"))
        return np.where(np.isnan(kriged), super().predict(panel), np.maximum(kriged, 0))
