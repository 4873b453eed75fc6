"""What monitors nearby show: their PM2.5 of the day, around a place, as features and by kriging.

A monitor some kilometres away says more about the air of a day than any satellite; one at a thousand
kilometres says nothing. So that one predictor can know which of the two it has before it, every training row
sees only the monitors beyond a radius that is drawn for it (*monitor dropout*), from those next to it to none
at all, and never those of its own group.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.cities import STATION_KM
from airq.geo import arc_km, geocentric_km
from airq.models.kriging import GRID, NEAREST, krige
from airq.parallel import product_by_row

#: Monitors farther than this are not looked at. [km]
REACH_KM = 1000.0
#: Radii within which monitors are hidden in training. [km]
RADII_KM = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)
#: Share of the training rows that see all monitors, and of those that see none; the others draw a radius.
SHARE_ALL, SHARE_NONE = 0.5, 0.15
#: Days that are used around the day asked for; a live prediction does not look ahead. [d]
LAGS = {"retrospective": np.array([-1, 0, 1]), "live": np.array([-1, 0])}
#: Logarithms are limited to so many robust standard deviations from their monitor's median.
CLIP = 5.0
#: A monitor with fewer days has no usual value. [d]
MIN_DAYS = 10
#: Sum of the weights where there is no monitor, of which the logarithm is taken. [km⁻²]
NEARNESS_OF_NONE = 1e-9
#: The parameters of the kriging are chosen on so many rows.
SAMPLE = 2000
#: Places times days that are looked at together: it bounds the memory.
AT_ONCE = 200_000
#: Logarithms of PM2.5 plus 1 µg m⁻³, their differences, a logarithm of a distance, a count.
FEATURES = (
    "monitors_kriging",
    "monitors_variance",
    "monitors_weighted",
    "monitors_anomaly",
    "monitors_nearest",
    "monitors_second",
    "monitors_distance",
    "monitors_mean",
    "monitors_mean_anomaly",
    "monitors_usual",
    "monitors_nearness",
    "monitors_before",
    "monitors_after",
)


class Monitors:
    """Daily PM2.5 of monitors by site and day.

    Parameters
    ----------
    places : DataFrame of n_rows
        `site_id, date, latitude, longitude`; a site has a day once.
    pm25 : array-like of shape (n_rows,)
        Daily means, none missing. [µg m⁻³]
    lags : numpy.ndarray of int
        Days around a day that its features may use.
    parameters : dict
        Of the kriging, one of :data:`airq.models.kriging.GRID`.

    Attributes
    ----------
    site, day : numpy.ndarray of int, shape (n_rows,)
        Number of the site and of the day of every row.
    positions : numpy.ndarray of shape (n_sites, 3)
        See :func:`airq.geo.geocentric_km`. [km]
    logs : numpy.ndarray of shape (n_sites, n_days)
        Logarithm of PM2.5 plus 1, limited; NaN where there is none.
    """

    def __init__(self, places, pm25, *, lags=LAGS["retrospective"], parameters=GRID[0]):
        self.lags, self.parameters = lags, parameters
        names, first, self.site = np.unique(
            places["site_id"].to_numpy(dtype=str), return_index=True, return_inverse=True
        )
        self.sites = (
            places.iloc[first][["latitude", "longitude"]].assign(site_id=names).reset_index(drop=True)
        )
        self.first_row = first
        self.origin = places["date"].min()
        self.day = self.days(places["date"])
        self.positions = geocentric_km(self.sites)
        self.pm25 = np.full((len(names), self.day.max() + 1), np.nan, dtype="float32")
        self.pm25[self.site, self.day] = pm25
        logs = np.log1p(self.pm25.astype("float64"))
        # Usual values and limits rest on all days, so a live prediction does without them.
        self.looks_ahead = bool((lags > 0).any())
        self.logs = _limited(logs) if self.looks_ahead else logs

    def days(self, dates):
        """Return the number of every date, the first day of the monitors being 0; shape (n_rows,)."""
        return (dates - self.origin).dt.days.to_numpy()

    def without(self, rows):
        """Return the monitors without the values of some rows, given as booleans of shape (n_rows,)."""
        fewer = object.__new__(Monitors)
        fewer.__dict__ |= self.__dict__
        fewer.logs = self.logs.copy()
        fewer.logs[self.site[rows], self.day[rows]] = np.nan
        return fewer

    def joined(self, others):
        """Return these monitors and others, whose values replace those of the same site and day.

        `others` has `site_id, date, latitude, longitude, pm25` [µg m⁻³]; rows without PM2.5 do not count.
        """
        others = others.loc[others["pm25"].notna(), ["site_id", "latitude", "longitude", "date", "pm25"]]
        both = pd.concat([self.table(), others.astype({"site_id": "str"})], ignore_index=True)
        both = both.drop_duplicates(["site_id", "date"], keep="last").reset_index(drop=True)
        return Monitors(both, both["pm25"], lags=self.lags, parameters=self.parameters)

    def table(self):
        """Return all values as a table `site_id, latitude, longitude, date, pm25` [µg m⁻³]."""
        site, day = np.nonzero(~np.isnan(self.pm25))
        table = self.sites.iloc[site].reset_index(drop=True)
        return table.assign(date=self.origin + pd.to_timedelta(day, unit="D"), pm25=self.pm25[site, day])

    def fit(self, groups, *, seed=0):
        """Choose the parameters of the kriging that best predict rows from other groups' monitors.

        `groups`, (n_rows,), are cities or sites; some 2,000 rows drawn with the `seed` are predicted.
        """
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.site))[:SAMPLE])
        hidden, loss = self.own_group(groups), {}
        observed = self.logs[self.site[rows], self.day[rows]]
        for number, parameters in enumerate(GRID):
            self.parameters = parameters
            mean, _ = self.kriged(self.positions, self.site[rows], self.day[rows], hidden)
            known = ~np.isnan(mean)
            loss[number] = np.mean(np.square(mean[known] - observed[known])) if known.any() else 0.0
        self.parameters = GRID[min(loss, key=loss.get)]
        return self

    def own_group(self, groups):
        """Return which monitors belong to the group of each site, booleans of shape (n_sites, n_sites).

        Those within 100 m of it may be the same monitor under another name, and belong to it, too.
        """
        group = np.asarray(groups, dtype=object)[self.first_row]
        apart, _ = self._apart(self.positions, None)
        return (group[:, None] == group[None, :]) | (apart <= STATION_KM)

    def around(self, places):
        """Return :data:`FEATURES` of rows of `site_id, date, latitude, longitude`, wherever they are.

        A DataFrame of shape (n_rows, n_features), float32, with the index of `places`.
        """
        where, place = np.unique(places[["latitude", "longitude"]], axis=0, return_inverse=True)
        positions = geocentric_km(pd.DataFrame(where, columns=["latitude", "longitude"]))
        table = self.features(positions, place.ravel(), self.days(places["date"]))
        return pd.DataFrame(table.T, columns=list(FEATURES), index=places.index)

    def features(self, positions, place, days, hidden=None):
        """Return :data:`FEATURES` at places on days, shape (n_features, n_rows).

        `positions` are those of the places [km], (n_places, 3); `place` and `days`, (n_rows,), are numbers of
        places and days; `hidden`, (n_places, n_sites), holds which monitors are not looked at.
        """
        table = np.full((len(FEATURES), len(place)), np.nan, dtype="float32")
        order = np.argsort(place, kind="stable")
        step = max(AT_ONCE // self.logs.shape[1], 1)
        for start in range(0, len(positions), step):
            part = slice(start, start + step)
            rows = order[slice(*np.searchsorted(place[order], [start, start + step]))]
            looked_at = None if hidden is None else hidden[part]
            table[:, rows] = self._features(positions[part], place[rows] - start, days[rows], looked_at)
        return table

    def _features(self, positions, place, days, hidden):
        apart, usable = self._apart(positions, hidden)
        known = ~np.isnan(self.logs)
        values = np.where(known, self.logs, 0.0)
        often = known & self.looks_ahead & (known.sum(axis=1) >= MIN_DAYS)[:, None]
        usual = values.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        anomalies = np.where(often, self.logs - usual[:, None], 0.0)
        weights = np.where(usable, 1 / (apart**2 + 1), 0.0)
        weighted = _mean(weights, values, known)
        nearest, second, distance = _nearest(apart, usable, self.logs)
        before, after = (
            self._on_day(weighted, place, days + shift) if shift in self.lags else np.full(len(days), np.nan)
            for shift in (-1, 1)
        )
        kriging, variance = self.kriged(positions, place, days, hidden)
        today = {
            "weighted": weighted,
            "anomaly": _mean(weights, anomalies, often),
            "nearest": nearest,
            "second": second,
            "distance": np.log1p(distance),
            "mean": _mean(usable, values, known),
            "mean_anomaly": _mean(usable, anomalies, often),
            "nearness": np.log(product_by_row(weights, known) + NEARNESS_OF_NONE),
        }
        of_day = {name: self._on_day(table, place, days) for name, table in today.items()}
        of_place = _mean(weights, usual[:, None], often.any(axis=1)[:, None])[place, 0]
        result = of_day | {
            "kriging": kriging, "variance": variance, "usual": of_place, "before": before, "after": after
        }  # fmt: skip
        table = np.array([result[name.removeprefix("monitors_")] for name in FEATURES], dtype="float32")
        nothing = np.isnan([of_day["nearest"], kriging]).all(axis=0)
        table[:, nothing] = no_monitor(nothing.sum())
        return table

    def kriged(self, positions, place, days, hidden=None):
        """Return logarithm and variance of the kriging, see :func:`airq.models.kriging.krige`."""
        apart, usable = self._apart(positions, hidden)
        usable &= (~np.isnan(self.logs)).any(axis=1)
        mean, variance = np.full((2, len(days)), np.nan)
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(positions) + 1))
        for number in np.unique(place):
            monitors = np.flatnonzero(usable[number])
            if len(monitors):
                rows = order[starts[number] : starts[number + 1]]
                near = monitors[np.argsort(apart[number, monitors], kind="stable")[:NEAREST]]
                data = self.logs[near], self.positions[near], apart[number, near]
                mean[rows], variance[rows] = krige(*data, days[rows], self.lags, **self.parameters)
        return mean, variance

    def _apart(self, positions, hidden):
        """Return distances [km] and which monitors may be used, both of shape (n_places, n_sites)."""
        apart = arc_km(np.linalg.norm(positions[:, None] - self.positions, axis=-1))
        usable = apart <= REACH_KM
        return apart, usable if hidden is None else usable & ~hidden

    def _on_day(self, table, place, days):
        inside = (days >= 0) & (days < self.logs.shape[1])
        return np.where(inside, table[place, np.where(inside, days, 0)], np.nan)


class TrainingMonitors:
    """The monitors as the training rows see them: never their own group, nor a fold that is left out.

    `monitors` holds the training rows, in their order; `groups` and `folds`, (n_rows,), are their groups and
    inner folds.
    """

    def __init__(self, monitors, groups, folds):
        self.monitors, self.folds = monitors, folds
        self.own = monitors.own_group(groups)
        self.apart, _ = monitors._apart(monitors.positions, None)
        #: How many monitors are nearer to a site than each one is, (n_sites, n_sites).
        self.rank = np.argsort(np.argsort(self.apart, axis=1, kind="stable"), axis=1, kind="stable")

    def dropped(self, fold, seed):
        """Return the features of all rows when `fold` is left out, every row beyond a radius of its own.

        The shape is (n_rows, n_features); the radii are drawn with the `seed`.
        """
        rng = np.random.default_rng([seed, fold])
        share = rng.random(len(self.folds))
        radius = rng.choice(RADII_KM, len(self.folds))
        radius = np.where(share < SHARE_ALL, 0.0, np.where(share < 1 - SHARE_NONE, radius, np.inf))
        return self._features(fold, radius, np.ones(len(radius), dtype=bool))

    def beyond(self, fold, radius_km):
        """Return the features of the rows of a fold from the other folds' monitors beyond a radius."""
        rows = self.folds == fold
        return self._features(fold, np.full(len(rows), radius_km), rows)[rows]

    def _features(self, fold, radius, rows):
        """Return the features of some rows; those of a site that hide the same monitors come together."""
        monitors, table = (
            self.monitors.without(self.folds == fold),
            np.full((len(rows), len(FEATURES)), np.nan),
        )
        n_hidden = np.empty(len(rows), dtype=int)
        for radius_km in np.unique(radius[rows]):
            within = (self.apart < radius_km).sum(axis=1)
            n_hidden = np.where(radius == radius_km, within[monitors.site], n_hidden)
        pairs, place = np.unique(
            np.column_stack([monitors.site, n_hidden])[rows], axis=0, return_inverse=True
        )
        site, number = pairs.T
        hidden = self.own[site] | (self.rank[site] < number[:, None])
        seen = monitors.features(monitors.positions[site], place.ravel(), monitors.day[rows], hidden)
        table[rows] = seen.T
        return table.astype("float32")


def kilometres(features):
    """Return the distance [km] to the nearest monitor with a value, (n_rows,); infinity without any.

    `features` is a DataFrame with :data:`FEATURES`.
    """
    distance = np.expm1(features["monitors_distance"].to_numpy(dtype="float64"))
    return np.where(np.isnan(distance), np.inf, distance)


def no_monitor(n_rows):
    """Return :data:`FEATURES` of rows that see no monitor, shape (n_features, n_rows)."""
    table = np.full((len(FEATURES), n_rows), np.nan, dtype="float32")
    table[FEATURES.index("monitors_nearness")] = np.log(NEARNESS_OF_NONE)
    return table


def _limited(values):
    """Limit logarithms, (n_sites, n_days), so that one spike does not spread.

    Monitors of few days are limited around the median of all, and do not set the limit if others can.
    """
    n_days = (~np.isnan(values)).sum(axis=1)
    often = n_days >= min(MIN_DAYS, n_days.max())
    median = np.full(len(values), np.nanmedian(values[often]))
    median[often] = np.nanmedian(values[often], axis=1)
    apart = values - median[:, None]
    limit = CLIP * 1.4826 * np.nanmedian(np.abs(apart[often])) or np.inf
    return median[:, None] + np.clip(apart, -limit, limit)


def _mean(weights, values, known):
    """Return weighted means over the sites, (n_places, n_days); NaN where no value is known."""
    total = product_by_row(weights, known)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, product_by_row(weights, values) / total, np.nan)


def _nearest(apart, usable, values):
    """Return the values of the nearest two monitors with one on each day, and the distance of the first.

    Among the nearest :data:`airq.models.kriging.NEAREST`; each of shape (n_places, n_days).
    """
    ranked = np.argsort(np.where(usable, apart, np.inf), axis=1, kind="stable")[:, :NEAREST]
    shape = len(apart), values.shape[1]
    first, second, distance = (np.full(shape, np.nan) for _ in range(3))
    places = np.arange(len(apart))
    for monitor in ranked.T:
        value = np.where(usable[places, monitor][:, None], values[monitor], np.nan)
        newly = np.isnan(second) & ~np.isnan(first)
        second[newly] = value[newly]
        newly = np.isnan(first) & ~np.isnan(value)
        first[newly] = value[newly]
        distance[newly] = np.broadcast_to(apart[places, monitor][:, None], shape)[newly]
    return first, second, distance
