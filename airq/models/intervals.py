"""Prediction intervals for places that no monitor watches, calibrated on held-out places.

**Groups.** Days of one city resemble each other, so a hundred days of ten cities are ten examples of
"another city", not a thousand. The exchangeable *group* is therefore the city (or the site), and every
group has the same weight however many rows it has: hierarchical conformal prediction [1]_. How far the
quantile must be raised for a group that did not calibrate is measured by leaving each one out.

**Residual scale.** What is calibrated is the residual divided by a fitted scale, one below the prediction
and one above. Errors grow with concentration, and they are larger above the prediction than below it,
where zero bounds them; a power of the prediction with a factor for each side describes both. The factors
grow with the distance to the nearest monitor, as the errors do. So intervals are wide where errors are
large and need not be symmetric. Scaled residuals are one way to adapt conformal intervals to the place,
conformal quantile regression [2]_ is another. At equal coverage the power
makes the Winkler score of 90 % intervals in unseen cities some 17 % better than a constant does on the
simulated atmosphere; boosters on the features gain one or two per cent more, but cost files and time, so
they are not used. Only the shape of the scale matters: calibration sets how wide intervals are.

**Guarantee.** If predictor and scale never saw the groups that calibrate, and a new city is drawn like
those groups, then a randomly chosen day of it lies inside its interval with close to the stated
probability, over the draw of all cities; with the quantile of [1]_, which is the upper limit here, with at
least that. Here every group is predicted by a predictor that left its fold
out, and the final predictor is fitted on all of them: cross-conformal prediction [3]_. It wastes no
group, but its exact guarantee is weaker (1 - 2 (1 - coverage) for its relative CV+ [4]_), although the
coverage comes close to the nominal one where the predictors of the folds resemble each other; so report
the measured coverage beside it. Nothing is guaranteed for one given city, season or concentration, nor
where new cities are unlike those that calibrate.

**Periods.** Means over calendar months and years get a calibration of their own, never averaged daily
bounds: what remains in a mean is the bias of the place.

References
----------
.. [1] Y. Lee, R. F. Barber, R. Willett, Distribution-free inference with hierarchical data,
   arXiv:2306.06342, 2023.
.. [2] Y. Romano, E. Patterson, E. Candès, Conformalized quantile regression, NeurIPS 32, 2019.
.. [3] V. Vovk, Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74,
   9-28, 2015.
.. [4] R. F. Barber, E. Candès, A. Ramdas, R. Tibshirani, Predictive inference with the jackknife+,
   Annals of Statistics 49, 486-507, 2021.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from airq.models.shares import CENTRES_KM, at_distance, distance_class

#: Coverage of intervals unless another is asked for.
DEFAULT_COVERAGE = 0.9
#: With fewer groups there are no probabilities of exceeding a threshold.
MIN_GROUPS_EXCEEDANCE = 5
#: Levels of a quantile that are tried, and number of groups from which on there is no need.
N_LEVELS = 21
MANY_GROUPS = 200
#: Sums of weights are compared with this tolerance.
ROUNDING = 1e-9
#: Columns of the table that calibrates, beside `group` and `date`. [µg m⁻³]
HELD_OUT = ("observed", "predicted", "scale_low", "scale_high")

#: Added to predictions before the power is taken, and to residuals before the logarithm. [µg m⁻³]
OFFSET = 5.0
RESIDUAL_OFFSET = 0.5
#: Exponents stay between a constant and a little more than proportional.
EXPONENTS = (0.0, 1.2)
#: A class of distance with so many groups has half a say in its factors, all rows together the other half.
GROUPS_OF_ALL = 10
#: A side's factor is this quantile of its scaled residuals, that of a central 90 % interval.
SIDE = 0.95
#: A side's factor is at least this share of the other's.
LEAST_SHARE = 0.1
#: Smallest residual scale. [µg m⁻³]
FLOOR = 0.5

#: Period -> its pandas frequency; a day is what a row already is.
PERIODS = {"day": None, "month": "M", "year": "Y"}
#: Power of the residual scale for the errors of a period. What remains in a mean is the bias of the place,
#: which grows more slowly with the concentration than the error of a day.
POWERS = {"day": 1.0, "month": 0.5, "year": 0.5}
#: A mean over a period needs this share of its days.
MIN_SHARE = 0.75
#: Columns that are averaged; of the others the first value is kept.
AVERAGED = ("observed", "predicted", "scale_low", "scale_high", "pm25", "inside_domain", "dissimilarity")


def check_coverage(coverage):
    """Refuse a coverage that is not between 0 and 1."""
    if not 0 < coverage < 1:
        raise ValueError(f"The coverage is {coverage:g}; give a share between 0 and 1, such as 0.9.")


def groups_needed(coverage):
    """Return the number of calibration groups below which no interval of a coverage exists.

    Even an interval beyond every score that was seen leaves a new group outside with probability
    ``1 / (n + 1)``.

    >>> groups_needed(0.9), groups_needed(0.95), groups_needed(0.5)
    (9, 19, 1)
    """
    check_coverage(coverage)
    return max(1, math.ceil(coverage / (1 - coverage) - ROUNDING))


def quantile_level(scores, groups, coverage):
    """Return the level of the quantile that holds the coverage for a group that is left out.

    Every group is left out in turn, and the mean share of its scores below the quantile of the others is
    measured: the level is the lowest of :data:`N_LEVELS` at which it reaches the coverage. It is at least the
    coverage and at most that times ``(n + 1) / n``, where :func:`hierarchical_quantile` is: that one allows
    for groups of which each has a single error size, and is too wide where groups are alike. With more than
    :data:`MANY_GROUPS` groups both are the same to half a per cent.

    Where all groups are alike, nothing need be added:

    >>> quantile_level(np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 20), np.repeat(np.arange(20), 5), 0.8)
    0.8
    """
    check_coverage(coverage)
    scores, groups = np.asarray(scores, dtype="float64"), np.asarray(groups, dtype="str")
    names, number = np.unique(groups, return_inverse=True)
    highest = min(1.0, coverage * (len(names) + 1) / len(names))
    if not 1 < len(names) <= MANY_GROUPS:
        return highest
    order = np.argsort(scores, kind="stable")
    sorted_scores, number, weights = scores[order], number[order], group_weights(groups)[order]
    levels = np.linspace(coverage, highest, N_LEVELS)
    covered = np.zeros(len(levels))
    for group in range(len(names)):
        mine = number == group
        reached = np.cumsum(np.where(mine, 0.0, weights))
        position = np.searchsorted(reached / reached[-1], levels - ROUNDING)
        limit = sorted_scores[np.minimum(position, len(order) - 1)]
        covered += np.mean(sorted_scores[mine] <= limit[:, None], axis=1)
    enough = np.flatnonzero(covered / len(names) >= coverage - ROUNDING)
    return float(levels[enough[0]]) if len(enough) else highest


def group_weights(groups):
    """Return the weight of every row: each group has the same, shared by its rows; all sum to one.

    >>> group_weights(["a", "b", "b"]).tolist()
    [0.5, 0.25, 0.25]
    """
    _, number, rows = np.unique(np.asarray(groups, dtype="str"), return_inverse=True, return_counts=True)
    return 1 / (len(rows) * rows[number])


def hierarchical_quantile(scores, groups, coverage):
    """Return the quantile of scores in which every group weighs the same and one more lies at infinity.

    It is the smallest score of a row that reaches the coverage, between 0 and 1; infinity where there are
    too few groups. Source: Y. Lee, R. F. Barber, R. Willett, arXiv:2306.06342, 2023.

    Three groups weigh a quarter each, the fourth quarter lies at infinity:

    >>> hierarchical_quantile([1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "c"], 0.6)
    3.0
    >>> hierarchical_quantile([1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "c"], 0.8)
    inf
    """
    check_coverage(coverage)
    scores, groups = np.asarray(scores, dtype="float64"), np.asarray(groups, dtype="str")
    n_groups = len(np.unique(groups))
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(group_weights(groups)[order]) * n_groups / (n_groups + 1)
    position = np.searchsorted(reached, coverage - ROUNDING)
    return float(scores[order[position]]) if position < len(order) else math.inf


class ResidualScale:
    """Scale of the error as a power of the prediction and a step function of the distance to a monitor.

    The scale of a side is ``factor * (prediction + 5) ** exponent``, at least 0.5 µg m⁻³, where the factor
    belongs to the class of distance, see :mod:`airq.models.shares`, and does not fall with it.

    Attributes
    ----------
    exponent_ : float
        Slope of the logarithm of the absolute residual in that of the prediction, between 0 and 1.2.
    factors_ : numpy.ndarray of shape (n_classes, 2)
        Factors below and above: the 95 % quantiles of the scaled residuals of either sign. Those of a class
        are drawn to those of all rows, the more the fewer groups it has.

    Examples
    --------
    >>> predicted = np.tile([5.0, 20.0, 45.0], 40)
    >>> residual = np.repeat([-0.2, 0.4], 60) * (predicted + 5)
    >>> km = np.full(120, np.inf)
    >>> scale = ResidualScale().fit(km, predicted, residual, np.arange(120)).predict([np.inf], [15.0])
    >>> (scale[:, 1] / scale[:, 0]).round(1).tolist()
    [2.0]
    """

    def fit(self, km, predicted, residual, groups):
        """Learn from out-of-fold predictions [µg m⁻³] and their residuals, observed minus predicted [µg m⁻³].

        All have the shape (n_samples,): `km` is the distance to the nearest monitor that the prediction saw,
        infinite without one; of `groups`, cities or sites, each has the same weight.
        """
        residual, groups = np.asarray(residual, dtype="float64"), np.asarray(groups)
        weights, size = group_weights(groups), _log_size(predicted)
        self.exponent_ = _slope(size, np.log(np.abs(residual) + RESIDUAL_OFFSET), weights)
        scaled = residual / np.exp(self.exponent_ * size)
        overall = _side_factors(scaled, groups)
        number = distance_class(np.broadcast_to(km, residual.shape))
        self.factors_ = np.full((len(CENTRES_KM), 2), np.nan)
        for seen in np.unique(number):
            mine = number == seen
            share = 1 / (1 + GROUPS_OF_ALL / len(np.unique(groups[mine])))
            own = np.log(_side_factors(scaled[mine], groups[mine]) / overall)
            self.factors_[seen] = overall * np.exp(share * own)
        known = ~np.isnan(self.factors_[:, 0])
        # A class that no row belongs to has the factor of the next nearer one, or of the nearest there is.
        latest = np.maximum.accumulate(np.where(known, np.arange(len(known)), np.argmax(known)))
        self.factors_ = np.maximum.accumulate(self.factors_[latest], axis=0)
        return self

    def predict(self, km, predicted):
        """Return the residual scale [µg m⁻³] below and above every prediction [µg m⁻³], shape (n_rows, 2).

        `km`, (n_rows,), are the distances to the nearest monitor, infinite without one.
        """
        scale = np.exp(self.exponent_ * _log_size(predicted))
        factors = at_distance(self.factors_, np.broadcast_to(km, scale.shape))
        return np.maximum(scale[:, None] * factors, FLOOR)

    def save(self, folder):
        """Return what :meth:`load` needs; no file is written into the folder."""
        return {"exponent": float(self.exponent_), "factors": self.factors_.tolist()}

    @classmethod
    def load(cls, folder, state):
        """Return the scale that :meth:`save` stored."""
        scale = cls()
        scale.exponent_, scale.factors_ = state["exponent"], np.array(state["factors"], dtype="float64")
        return scale


def _side_factors(scaled, groups):
    """Return the quantiles of scaled residuals below and above, the smaller at least a share of the other."""
    weights = group_weights(groups)
    factors = np.array([_weighted_quantile(sign * scaled, weights, SIDE) for sign in (-1, 1)])
    return np.maximum(factors, max(LEAST_SHARE * factors.max(), 1e-6))


def _log_size(predicted):
    return np.log(np.maximum(np.asarray(predicted, dtype="float64"), 0) + OFFSET)


def _slope(x, y, weights):
    """Slope of the weighted least-squares line, within :data:`EXPONENTS`; 0 where `x` does not vary."""
    apart = x - np.average(x, weights=weights)
    square = np.average(apart**2, weights=weights)
    if square < 1e-12:
        return EXPONENTS[0]
    return float(np.clip(np.average(apart * y, weights=weights) / square, *EXPONENTS))


def _weighted_quantile(values, weights, share):
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return values[order][min(np.searchsorted(reached, share * reached[-1]), len(values) - 1)]


def frequency_of(period):
    """Return the pandas frequency of a period, None for days; refuse an unknown period."""
    if period not in PERIODS:
        raise ValueError(f"Unknown period {period!r}; choose from {', '.join(PERIODS)}.")
    return PERIODS[period]


def period_means(table, period, *, keys=None):
    """Return means over the calendar months or years of which three quarters of the days are there.

    `table` has `date`, the key columns (by default those of `group` and `site_id` that it has), and any of
    :data:`AVERAGED` [µg m⁻³]. Rows whose `observed` is missing do not count, so that predictions and
    observations are averaged over the same days. The result has one row per place and `period`, by key and
    `date`, the period's first day. Averaging the residual scales gives a *scale* for a mean, not its error:
    a period needs a calibration of its own. ValueError is raised if the period is unknown, or a place has a
    day twice.

    >>> import pandas as pd
    >>> days = pd.date_range("2020-02-01", "2020-02-29")
    >>> table = pd.DataFrame({"group": "a", "date": days, "observed": 4.0, "predicted": 6.0})
    >>> period_means(table, "month")[["observed", "predicted"]].values.tolist()
    [[4.0, 6.0]]
    >>> len(period_means(table.head(21), "month"))
    0
    """
    frequency = frequency_of(period)
    keys = [name for name in ("group", "site_id") if name in table] if keys is None else list(keys)
    if "observed" in table:
        table = table[table["observed"].notna()]
    if table.duplicated([*keys, "date"]).any():
        raise ValueError("A place has a day twice; add the column site_id where a group has several sites.")
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


def scale_of(residual_scale, period):
    """Return what divides the errors of a period, given its mean residual scale; see :data:`POWERS`.

    >>> scale_of([4.0, 9.0], "month").tolist()
    [2.0, 3.0]
    """
    return np.asarray(residual_scale, dtype="float64") ** POWERS[period]


def scaled(residual, scale):
    """Return residuals over the scale of their side, below or above [1].

    >>> scaled(np.array([-2.0, 6.0]), np.array([[1.0, 3.0], [1.0, 3.0]])).tolist()
    [-2.0, 2.0]
    """
    return residual / np.where(residual < 0, scale[:, 0], scale[:, 1])


class Calibration:
    """Scaled residuals of held-out groups, from which intervals and probabilities of any coverage follow.

    `scores` are tables by period: `group` and `score`, the residual over the residual scale of its side,
    negative where the observation lies below the prediction. [1]
    """

    def __init__(self, scores):
        self.scores = scores

    @classmethod
    def from_held_out(cls, table):
        """Take the scores of days, months and years from rows that their predictor never saw.

        `table` has `group, date, observed, predicted, scale_low, scale_high` [µg m⁻³], and `site_id` where a
        group has several sites. ValueError is raised if a column is missing, or a prediction or residual
        scale is missing or not positive.
        """
        if missing := [name for name in ("group", "date", *HELD_OUT) if name not in table.columns]:
            raise ValueError(f"The held-out rows lack the column {missing[0]!r}.")
        known = table.loc[table["observed"].notna(), list(HELD_OUT)]
        if known.isna().any(axis=None):
            raise ValueError("A held-out row has no prediction or residual scale; leave it out.")
        if (known[["scale_low", "scale_high"]] <= 0).any(axis=None):
            raise ValueError("A residual scale of a held-out row is not positive.")
        table = table.astype({"group": "str"})
        scores = {}
        for period in PERIODS:
            means = period_means(table, period)
            observed, predicted = (means[name].to_numpy(dtype="float64") for name in HELD_OUT[:2])
            score = scaled(observed - predicted, scale_of(means[["scale_low", "scale_high"]], period))
            scores[period] = means[["group"]].assign(score=score.astype("float32"))
        return cls(scores)

    def n_groups(self, period="day"):
        """Return the number of groups that calibrate a period."""
        return self._of(period)["group"].nunique()

    def factor(self, coverage, period="day"):
        """Return the factor on residual scales; infinity where there are too few groups [1].

        It is the quantile at :func:`quantile_level`, every group weighing the same.
        """
        size, groups = (self._of(period)[name].to_numpy() for name in ("score", "group"))
        size = np.abs(size)
        highest = hierarchical_quantile(size, groups, coverage)
        if math.isinf(highest):
            return highest
        level = quantile_level(size, groups, coverage)
        return min(highest, float(_weighted_quantile(size, group_weights(groups), level - ROUNDING)))

    def interval(self, predicted, residual_scale, coverage, period="day"):
        """Return the interval of every prediction, (n_rows, 2) [µg m⁻³], never below zero.

        `predicted`, (n_rows,), are predictions for days, or their means over months or years;
        `residual_scale`, (n_rows, 2), is the scale below and above, likewise. [µg m⁻³] NaN where there are
        too few groups.
        """
        predicted = np.asarray(predicted, dtype="float64")[:, None]
        factor = self.factor(coverage, period)
        if math.isinf(factor):
            return np.full((len(predicted), 2), np.nan)
        return np.maximum(predicted + factor * scale_of(residual_scale, period) * [-1.0, 1.0], 0)

    def exceedance(self, predicted, residual_scale, thresholds, period="day"):
        """Return the probability that the observation lies above thresholds [µg m⁻³], (n_rows, n_thresholds).

        It is the share of the scores, every group weighing the same, that lie above the threshold on the
        scale of the prediction's own error [1]_: not increasing with the threshold, NaN with fewer than five
        groups. The other parameters are those of :meth:`interval`.

        References
        ----------
        .. [1] V. Vovk, J. Shen, V. Manokhin, M. Xie, Nonparametric predictive distributions based on
           conformal prediction, Machine Learning 108, 445-474, 2019.
        """
        predicted, scale = np.asarray(predicted, dtype="float64"), scale_of(residual_scale, period)
        shares = np.full((len(predicted), len(thresholds)), np.nan)
        if self.n_groups(period) < MIN_GROUPS_EXCEEDANCE:
            return shares
        scores = self._of(period)
        order = np.argsort(scores["score"].to_numpy(), kind="stable")
        known = scores["score"].to_numpy(dtype="float64")[order]
        above = np.append(np.cumsum(group_weights(scores["group"])[order][::-1])[::-1], 0.0)
        for column, threshold in enumerate(thresholds):
            score = scaled(threshold - predicted, scale)
            share = above[np.searchsorted(known, score, side="right")]
            shares[:, column] = np.where(np.isnan(score), np.nan, np.minimum(share, 1))
        return shares

    def explain(self, coverage, period="day", *, groups="cities"):
        """Return in words what the intervals of a coverage promise, or how many groups are missing."""
        have, need = self.n_groups(period), groups_needed(coverage)
        of = "" if period == "day" else f" with {period}s of which three quarters of the days are observed"
        if have < need:
            return (
                f"No {100 * coverage:g} % interval for a {period}: it needs at least {need} held-out "
                f"{groups}{of}, and only {have} are here."
            )
        scores = self._of(period)
        raised = quantile_level(scores["score"].abs(), scores["group"], coverage)
        return (
            f"{100 * coverage:g} % intervals for a {period} are made to hold for a random {period} at "
            f"another place like these. They are calibrated on {have} held-out {groups}{of}, each with the "
            f"same weight. The quantile is raised from {100 * coverage:g} % to {100 * raised:.1f} % so that "
            f"it holds for {groups} that are left out, of which there are only {have}. The final model has "
            "also learned from these places, so how often its intervals hold must be measured."
        )

    def to_table(self):
        """Return all scores as one table `period, group, score`, to be stored in a bundle."""
        parts = [part.assign(period=period) for period, part in self.scores.items()]
        table = pd.concat(parts, ignore_index=True)[["period", "group", "score"]]
        return table.astype({"period": "category", "group": "category"})

    @classmethod
    def from_table(cls, table):
        """Return the calibration that :meth:`to_table` stored; refuse a table of another form."""
        if not {"period", "group", "score"} <= set(table.columns):
            raise ValueError("The calibration is damaged: it must have the columns period, group, score.")
        table = table.astype({"period": "str", "group": "str"})
        parts = {period: table.loc[table["period"] == period, ["group", "score"]] for period in PERIODS}
        return cls({period: part.reset_index(drop=True) for period, part in parts.items()})

    def _of(self, period):
        frequency_of(period)
        return self.scores[period]
