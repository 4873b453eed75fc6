"""Decisions from class probabilities: least expected cost, thresholds at a stated rate of false alarms.

An *alarm* is a score above a threshold. *Recall* is the share of the events that raise one, the
*false-alarm rate* the share of the other rows that do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_method_params, check_is_fitted, has_fit_parameter

from imbalance.doors import MetaClassifier, resolve_prior
from imbalance.metrics import class_codes, class_shares, class_weights, rarest
from imbalance.prior_corrected import _inner_folds
from imbalance.priors import correct_prior

N_DRAWS = 1000


# Costs


def cost_matrix(costs, classes):
    """Return costs as an array, checked.

    Parameters
    ----------
    costs : mapping, pandas.DataFrame, array-like of shape (n_classes, n_classes) or None
        A mapping ``{(true, predicted): cost}`` names every pair of different classes; right predictions
        cost 0 unless it says otherwise. A frame has the true classes as index and the predicted ones as
        columns, in any order; an array has both in the order of `classes`. A negative cost is a gain. None
        charges 1 for each error.
    classes : array-like of shape (n_classes,)
        Classes in the order of the columns of the probabilities.

    Returns
    -------
    numpy.ndarray of shape (n_classes, n_classes)
        Row: true class; column: predicted class.

    Raises
    ------
    ValueError
        If a pair is missing or unknown, or a cost is not a finite number.

    Examples
    --------
    >>> cost_matrix({("yes", "no"): 20, ("no", "yes"): 1}, ["no", "yes"]).tolist()
    [[0.0, 1.0], [20.0, 0.0]]
    """
    names = np.asarray(classes).tolist()
    if costs is None:
        return 1 - np.eye(len(names))
    if isinstance(costs, Mapping):
        costs = _frame_of_pairs(costs, names)
    if isinstance(costs, pd.DataFrame):
        if set(costs.index) != set(names) or set(costs.columns) != set(names):
            raise ValueError(
                f"The costs are for true classes {costs.index.tolist()} and predicted classes "
                f"{costs.columns.tolist()}; the classes are {names}."
            )
        costs = costs.loc[names, names]
    matrix = np.asarray(costs, dtype="float64")
    if matrix.shape != (len(names), len(names)):
        raise ValueError(f"Costs of shape {matrix.shape} do not fit {len(names)} classes: {names}.")
    if not np.all(np.isfinite(matrix)):
        true, predicted = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(
            f"The cost of predicting {names[predicted]!r} for {names[true]!r} is {matrix[true, predicted]}; "
            "it must be a finite number."
        )
    return matrix


def _frame_of_pairs(costs, names):
    pairs = [(true, predicted) for true in names for predicted in names]
    unknown = [pair for pair in costs if pair not in pairs]
    missing = [pair for pair in pairs if pair not in costs and pair[0] != pair[1]]
    if unknown:
        raise ValueError(
            f"Costs are given for {unknown[0]!r}, which is no pair (true, predicted) of the classes {names}."
        )
    if missing:
        raise ValueError(
            f"No cost is given for {', '.join(map(repr, missing))} (true, predicted). "
            "Name every pair of different classes."
        )
    values = [[costs.get((true, predicted), 0.0) for predicted in names] for true in names]
    return pd.DataFrame(values, index=names, columns=names)


def least_cost(probabilities, costs, classes):
    """Return the prediction of least expected cost for every row [1]_.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        For the population to predict for.
    costs : mapping, pandas.DataFrame, array-like or None
        See :func:`cost_matrix`.
    classes : array-like of shape (n_classes,)
        Class of each column.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Labels; of predictions that cost the same, the first in the order of `classes`.

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.

    Examples
    --------
    A miss costs as much as 20 false alarms, so 10 % are enough for an alarm:

    >>> least_cost([[0.9, 0.1], [0.99, 0.01]], {("yes", "no"): 20, ("no", "yes"): 1}, ["no", "yes"]).tolist()
    ['yes', 'no']
    """
    expected = _expected(probabilities, cost_matrix(costs, classes))
    return np.asarray(classes)[np.argmin(expected, axis=1)]


def _expected(probabilities, matrix):
    """Expected cost of each prediction for each row."""
    probabilities = np.asarray(probabilities, dtype="float64")
    if probabilities.ndim != 2 or probabilities.shape[1] != len(matrix):
        raise ValueError(f"Probabilities of shape {probabilities.shape} do not fit {len(matrix)} classes.")
    if not np.all(np.isfinite(probabilities)):
        raise ValueError("Probabilities hold missing or infinite values.")
    return probabilities @ matrix


def expected_cost(y, predictions, costs, *, classes, target=None):
    """Return the mean cost of a row on a population with the class shares of `target`.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    predictions : array-like of shape (n_samples,) or (n_samples, n_classes)
        Predicted labels; or probabilities for that population, from which :func:`least_cost` predicts.
    costs : mapping, pandas.DataFrame, array-like or None
        See :func:`cost_matrix`.
    classes : array-like of shape (n_classes,)
        Class of each column.
    target : array-like of shape (n_classes,), optional
        Share of each class in the population; every row alike if None.

    Returns
    -------
    float
        NaN where a class of the target has no row.

    Examples
    --------
    One miss at 20 and one false alarm at 1, in four rows:

    >>> costs = {("yes", "no"): 20, ("no", "yes"): 1}
    >>> y, predicted = ["no", "no", "yes", "yes"], ["no", "yes", "no", "yes"]
    >>> expected_cost(y, predicted, costs, classes=["no", "yes"])
    5.25
    >>> round(expected_cost(y, predicted, costs, classes=["no", "yes"], target=[0.9, 0.1]), 3)
    1.45
    """
    if np.ndim(predictions) == 2:
        predictions = least_cost(predictions, costs, classes)
    confusion = _confusion(class_codes(y, classes), class_codes(predictions, classes), len(classes))
    rows = confusion.sum(axis=1)
    shares = rows / rows.sum() if target is None else resolve_prior(target, classes, rows / rows.sum())
    if np.any((rows == 0) & (shares > 0)):
        return np.nan
    by_class = (confusion * cost_matrix(costs, classes)).sum(axis=1) / np.maximum(rows, 1)
    return float(shares @ by_class)


def _confusion(codes, predicted, n_classes):
    """Rows by true class and prediction, of shape (n_classes, n_classes)."""
    return np.bincount(codes * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


# Alarms


def threshold_at(scores, event, rate):
    """The lowest threshold that keeps false alarms within a rate.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher means more likely an event.
    event : array-like of bool, shape (n_samples,)
        Which rows are events.
    rate : float
        Largest share of the other rows that may raise an alarm.

    Returns
    -------
    float
        An alarm is a score *above* it; scores that tie with it raise none.

    Raises
    ------
    ValueError
        If every row is an event.

    Examples
    --------
    >>> threshold_at([1, 2, 3, 4, 9], [False, False, False, False, True], 0.25)
    3.0
    """
    scores, event = np.asarray(scores, dtype="float64"), np.asarray(event, dtype=bool)
    others = np.sort(scores[~event])[::-1]
    if not len(others):
        raise ValueError("Every row is an event; no rate of false alarms can be stated.")
    # The small addition keeps 0.29 * 100 = 28.999... whole.
    allowed = int(np.floor(rate * len(others) + 1e-9))
    return float(others[allowed]) if allowed < len(others) else -np.inf


def exceedance(reference, scores):
    """Share of reference scores that are at least as high as each score.

    With the scores of rows that are not events as the reference it puts the scores of several models
    on one scale: a row is an alarm at a rate of false alarms where its exceedance is at most the rate.

    Parameters
    ----------
    reference : array-like of shape (n_reference,)
        Scores to compare with.
    scores : array-like of shape (n_samples,)
        Scores to place.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)

    Examples
    --------
    >>> exceedance([1, 2, 3, 4], [0, 2.5, 4, 9]).tolist()
    [1.0, 0.5, 0.25, 0.0]
    """
    reference = np.sort(np.asarray(reference, dtype="float64"))
    return 1 - np.searchsorted(reference, np.asarray(scores, dtype="float64"), side="left") / len(reference)


def count_alarms(alarm, event, group, n_groups=0):
    """Hits and false alarms of every group.

    Parameters
    ----------
    alarm, event : array-like of bool, shape (n_samples,)
        Which rows raise an alarm, and which should.
    group : array-like of int, shape (n_samples,)
        Number of the group of every row, from 0.
    n_groups : int
        At least so many groups are counted.

    Returns
    -------
    numpy.ndarray of shape (n_groups, 4)
        Hits, events, false alarms, other rows.

    Examples
    --------
    >>> count_alarms([True, False, True], [True, True, False], [0, 0, 1]).tolist()
    [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """
    alarm, event = np.asarray(alarm, dtype=bool), np.asarray(event, dtype=bool)
    marks = np.stack([alarm & event, event, alarm & ~event, ~event])
    return np.stack([np.bincount(group, weights=mark, minlength=n_groups) for mark in marks], axis=1)


def alarm_rates(counts):
    """Recall, false-alarm rate and precision from counts.

    Parameters
    ----------
    counts : array-like of shape (..., 4)
        Hits, events, false alarms, other rows, see :func:`count_alarms`.

    Returns
    -------
    dict of str to numpy.ndarray of shape (...)
        `recall, false_alarm_rate, precision`; NaN where a denominator is zero.

    Examples
    --------
    >>> {name: float(value) for name, value in alarm_rates([3, 4, 1, 10]).items()}
    {'recall': 0.75, 'false_alarm_rate': 0.1, 'precision': 0.75}
    """
    hits, events, false, others = np.moveaxis(np.asarray(counts, dtype="float64"), -1, 0)
    return {
        "recall": _ratio(hits, events),
        "false_alarm_rate": _ratio(false, others),
        "precision": _ratio(hits, hits + false),
    }


def group_draws(n_groups, *, n_draws=N_DRAWS, seed=0):
    """How often each group stands in every bootstrap sample of whole groups.

    Returns
    -------
    numpy.ndarray of int, shape (n_draws, n_groups)
        Rows sum to `n_groups`.
    """
    return np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_draws)


def interval(values, *, level=0.95):
    """Percentile interval of bootstrap values; missing ones are left out.

    >>> interval([float("nan"), 0, 1, 2, 3, 4], level=0.5)
    (1.0, 3.0)
    """
    values = np.asarray(values, dtype="float64")
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _ratio(part, whole):
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)


# Cost curves and the classifier


def cost_curve(
    y,
    probabilities,
    costs,
    *,
    classes,
    trained=None,
    groups=None,
    positive=None,
    priors=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    ratios=(1.0,),
    n_bootstrap=1000,
    level=0.95,
    random_state=None,
):
    """Return the expected cost of least-cost decisions over class priors and cost ratios."""
    raise NotImplementedError


class HeldOutClassifier(MetaClassifier):
    """Classifier around another one of which held-out predictions are had."""


class CostSensitiveClassifier(HeldOutClassifier):
    """Classifier whose prediction is the one of least expected cost, or an alarm at a stated rate."""

    def __init__(self, estimator, costs=None, *, false_alarms=None, positive=None, cv=5, random_state=None):
        self.estimator = estimator
        self.costs = costs
        self.false_alarms = false_alarms
        self.positive = positive
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None, **params):
        raise NotImplementedError
