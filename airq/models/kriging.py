"""Regression kriging: carry the boosters' errors at monitors to new places nearby.

A booster's error is often shared by places near each other on the same days. So the out-of-fold residuals
of the training places are interpolated in space and time [1]_ and added to the prediction. Far from every
monitor, or on days without any, nothing is added.

References
----------
.. [1] T. Hengl, G. Heuvelink, D. Rossiter, About regression-kriging: from equations to case
   studies, Computers & Geosciences 33, 1301-1315, 2007.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from airq.geo import arc_km, geocentric_km

#: Parameters that are tried: range [km], nugget and shared part of the variance [1].
GRID = tuple(
    {"range_km": range_km, "nugget": nugget, "shared": shared}
    for range_km, nugget, shared in itertools.product((10.0, 50.0, 250.0), (1.0, 4.0), (0.7, 0.3))
)
#: Memory from day to day [d]; days either way [d] and nearest monitors that are used.
MEMORY = 0.5
REACH = 1
NEAREST = 12
#: Residuals are clipped at this many robust standard deviations, so that one spike does not spread.
CLIP = 2.5
#: The parameters are chosen on so many rows.
SAMPLE = 4000


class ResidualKriging:
    """Interpolate residuals of training places in space and time.

    The covariance of two residuals ``d`` km and ``t`` days apart is
    ``shared * exp(-d / range - t / memory)``, plus ``1 - shared`` at the same site, plus `nugget`
    for the same row, relative to the variance. Only the shared part reaches a new place. `seed` is that of
    the rows on which parameters are chosen.

    Attributes
    ----------
    parameters_ : dict
        The member of :data:`GRID` that best predicts each fold's residuals from the other folds.
    amplitude_ : float
        Factor on what is added, between 0 and 1, chosen likewise; 0 adds nothing.
    """

    def __init__(self, *, seed=0):
        self.seed = seed

    def fit(self, residual, folds, places):
        """Learn from out-of-fold residuals [µg m⁻³], observed minus predicted, (n_samples,).

        `folds`, (n_samples,), are the inner folds; `places` are rows of `site_id, date, latitude,
        longitude`.
        """
        deviation = 1.4826 * np.median(np.abs(residual))
        self._store(np.clip(residual, -CLIP * deviation, CLIP * deviation), places)
        sample = np.sort(np.random.default_rng(self.seed).permutation(len(residual))[:SAMPLE])
        aim = np.clip(residual, -2 * CLIP * deviation, 2 * CLIP * deviation)[sample]
        best = (np.inf, 0.0, GRID[0])
        for parameters in GRID if deviation > 0 else ():
            guess = self._from_other_folds(folds, sample, parameters)
            amplitude = float(np.clip(aim @ guess / max(guess @ guess, 1e-9), 0, 1))
            loss = float(np.mean(np.square(aim - amplitude * guess)))
            if loss < best[0]:
                best = (loss, amplitude, parameters)
        _, self.amplitude_, self.parameters_ = best
        return self

    def predict(self, places):
        """Return what to add at every row, shape (n_rows,) [µg m⁻³]."""
        if self.amplitude_ == 0:
            return np.zeros(len(places))
        where, place = np.unique(places[["latitude", "longitude"]], axis=0, return_inverse=True)
        positions = geocentric_km(pd.DataFrame(where, columns=["latitude", "longitude"]))
        days = _days(places["date"], self.origin_)
        return self.amplitude_ * self._interpolate(
            self.cube_, positions, place.ravel(), days, self.parameters_
        )

    def observations(self):
        """Return the residuals as a table `site_id, latitude, longitude, date, residual`."""
        site, day = np.nonzero(~np.isnan(self.cube_))
        table = self.sites_.iloc[site].reset_index(drop=True)
        table["date"] = self.origin_ + pd.to_timedelta(day, unit="D")
        table["residual"] = self.cube_[site, day]
        return table

    @classmethod
    def from_observations(cls, table, *, parameters, amplitude):
        """Return the kriging whose residuals :meth:`observations` stored."""
        kriging = cls()
        kriging._store(table["residual"].to_numpy(), table)
        kriging.parameters_, kriging.amplitude_ = parameters, amplitude
        return kriging

    def _store(self, residual, places):
        self.origin_ = places["date"].min()
        sites, site = np.unique(places["site_id"].to_numpy(dtype=str), return_inverse=True)
        first = places.assign(site_id=places["site_id"].astype("str")).drop_duplicates("site_id")
        self.sites_ = first.set_index("site_id").loc[sites, ["latitude", "longitude"]].reset_index()
        self.positions_ = geocentric_km(self.sites_)
        self.rows_ = (site, _days(places["date"], self.origin_))
        self.cube_ = np.full((len(sites), self.rows_[1].max() + 1), np.nan)
        self.cube_[self.rows_] = residual

    def _from_other_folds(self, folds, sample, parameters):
        site, day = self.rows_
        guess = np.zeros(len(sample))
        for fold in np.unique(folds[sample]):
            mine = folds[sample] == fold
            rows = sample[mine]
            others = self.cube_.copy()
            others[site[folds == fold], day[folds == fold]] = np.nan
            here, place = np.unique(site[rows], return_inverse=True)
            guess[mine] = self._interpolate(others, self.positions_[here], place, day[rows], parameters)
        return guess

    def _interpolate(self, cube, positions, place, days, parameters):
        """Krige at `positions[place]` on `days`, from the nearest monitors of `cube`."""
        monitors = np.flatnonzero((~np.isnan(cube)).any(axis=1))
        result = np.zeros(len(days))
        if not len(monitors):
            return result
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(positions) + 1))
        for number, position in enumerate(positions):
            rows = order[starts[number] : starts[number + 1]]
            apart = np.linalg.norm(self.positions_[monitors] - position, axis=1)
            near = np.argsort(apart, kind="stable")[:NEAREST]
            used = monitors[near]
            result[rows] = self._at_place(cube[used], used, apart[near], days[rows], parameters)
        return result

    def _at_place(self, cube, monitors, apart, days, parameters):
        lags = np.arange(-REACH, REACH + 1)
        when = days[:, None] + lags
        inside = (when >= 0) & (when < cube.shape[1])
        values = np.where(inside, cube[:, np.where(inside, when, 0)], np.nan)
        # On the days around, shape (n_rows, n_monitors * n_lags); missing outside the cube.
        values = values.transpose(1, 0, 2).reshape(len(days), -1)
        seen = ~np.isnan(values)
        between, towards = self._covariances(monitors, apart, lags, **parameters)
        result = np.zeros(len(days))
        patterns, pattern = np.unique(seen, axis=0, return_inverse=True)
        for number, valid in enumerate(patterns):
            if valid.any():
                rows = pattern.ravel() == number
                weights = np.linalg.solve(between[np.ix_(valid, valid)], towards[valid])
                result[rows] = values[np.ix_(rows, valid)] @ weights
        return result

    def _covariances(self, monitors, apart, lags, *, range_km, nugget, shared):
        positions = self.positions_[monitors]
        distance = arc_km(np.linalg.norm(positions[:, None] - positions, axis=-1))
        in_time = np.exp(-np.abs(lags[:, None] - lags) / MEMORY)
        between = np.kron(shared * np.exp(-distance / range_km), in_time)
        between += np.kron((1 - shared) * np.eye(len(monitors)), np.ones_like(in_time))
        between += nugget * np.eye(len(between))
        towards = np.kron(shared * np.exp(-arc_km(apart) / range_km), np.exp(-np.abs(lags) / MEMORY))
        return between, towards


def _days(dates, origin):
    return (dates - origin).dt.days.to_numpy()
