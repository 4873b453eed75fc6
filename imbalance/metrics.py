"""Scores of class probabilities, weighted to the class shares of the population to predict for.

Everywhere `y` are the labels, of shape (n_samples,); `probabilities`, of shape (n_samples, n_classes), has a
column for each of `classes`; `target` is the share of each class in the population, in that order, or None,
which counts every row alike. A weighted score is NaN where the target holds a class that has no row here:
nothing is known of its loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score
from sklearn.utils.validation import check_consistent_length

from airq.messages import near_name
from imbalance.probability import (
    by_name,
    check_probabilities,
    fit_calibrator,
    log_clipped,
    resolve_prior,
)


def class_codes(y, classes):
    """Return the position in `classes` of every label; refuse labels that are none of them.

    >>> class_codes(["b", "a", "b"], ["a", "b"]).tolist()
    [1, 0, 1]
    """
    y, classes = np.asarray(y), np.asarray(classes)
    if not len(y):
        raise ValueError("There are no labels to score.")
    if y.dtype.kind == classes.dtype.kind == "U" and np.all(classes[:-1] < classes[1:]):
        # Thirty times as fast as an index of text.
        codes = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        codes = np.where(classes[codes] == y, codes, -1)
    else:
        codes = pd.Index(classes).get_indexer(pd.Index(y))
    if np.any(codes < 0):
        raise ValueError(f"Label {y[codes < 0].tolist()[0]!r} is none of the classes {classes.tolist()}.")
    return codes


def places(names, found):
    """Return where each of some names stands among `found`; None where that holds others, or one twice."""
    # Labels are compared, not looked up: pandas takes a list of truth values for a mask.
    names, found = np.asarray(names).tolist(), list(found)
    if len(found) != len(names) or set(found) != set(names):
        return None
    return [found.index(name) for name in names]


def columns_of(probabilities, classes):
    """Return probabilities as an array; a frame has the classes as columns, in any order, or 0, 1, 2 …

    >>> columns_of(pd.DataFrame({"b": [0.9], "a": [0.1]}), ["a", "b"]).tolist()
    [[0.1, 0.9]]
    """
    if isinstance(probabilities, pd.DataFrame):
        order, found = places(classes, probabilities.columns), list(probabilities.columns)
        if order is None and found != list(range(len(classes))):
            raise ValueError(
                f"The probabilities have the columns {found}, but the classes are "
                f"{np.asarray(classes).tolist()}."
            )
        probabilities = probabilities if order is None else probabilities.iloc[:, order]
    return np.asarray(probabilities, dtype="float64")


def class_shares(y, classes, weights=None):
    """Return the share of each class among labels, by row weight where there is one.

    >>> class_shares(["a", "a", "a", "b"], ["a", "b"]).tolist()
    [0.75, 0.25]
    """
    counts = np.bincount(class_codes(y, classes), weights=weights, minlength=len(classes))
    return counts / counts.sum()


def class_weights(y, classes, target):
    """Return the weight of a row of each class so that the classes have the shares of `target`.

    >>> class_weights(["a", "a", "a", "b"], ["a", "b"], [0.5, 0.5]).round(3).tolist()
    [0.667, 2.0]
    """
    shares = class_shares(y, classes)
    target = resolve_prior(target, classes, shares)
    absent = (shares == 0) & (target > 0)
    if absent.any():
        raise ValueError(
            f"Class {np.asarray(classes)[absent].tolist()[0]!r} has no row here, but a share in the target; "
            "no weight makes up for that."
        )
    return np.divide(target, shares, out=np.zeros_like(target), where=shares > 0)


def row_weights(y, classes, target):
    """Return the weight of every row, by which the classes have the shares of `target`."""
    return class_weights(y, classes, target)[class_codes(y, classes)]


def rarest(counts):
    """Return the position of the rarest class, the last of equals: the one to find where there are two.

    >>> rarest([5, 3, 3])
    2
    """
    return len(counts) - 1 - int(np.argmin(np.asarray(counts)[::-1]))


def _prepare(y, probabilities, classes, target):
    """Return codes, probabilities and row weights, which are NaN where a class of the target has no row."""
    probabilities, codes = columns_of(probabilities, classes), class_codes(y, classes)
    check_consistent_length(probabilities, codes)
    probabilities = check_probabilities(probabilities, len(classes))
    if target is None:
        return codes, probabilities, np.ones(len(codes))
    counts = np.bincount(codes, minlength=len(classes))
    target = resolve_prior(target, classes, counts / max(counts.sum(), 1))
    if np.any(target[counts == 0] > 0):
        return codes, probabilities, np.full(len(codes), np.nan)
    return codes, probabilities, row_weights(y, classes, target)


def weighted_log_loss(y, probabilities, *, classes, target=None):
    """Return the log loss on the target population, probabilities clipped at 1e-15. [nats]

    One row of "a" at a loss of ln 2 and one of "b" at ln 4:

    >>> p = [[0.5, 0.5], [0.75, 0.25]]
    >>> round(float(weighted_log_loss(["a", "b"], p, classes=["a", "b"]) / np.log(2)), 6)
    1.5
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    return float(np.average(-log_clipped(probabilities)[np.arange(len(codes)), codes], weights=weights))


def brier(y, probabilities, *, classes, target=None):
    """Return the Brier score (Monthly Weather Review 78, 1-3, 1950), in 0 to 1.

    It is half the squared distance between prediction and truth, so that for two classes it is the usual
    ``(p - y) ** 2``.

    >>> round(brier(["a", "b"], [[0.9, 0.1], [0.9, 0.1]], classes=["a", "b"]), 3)
    0.41
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    errors = np.square(probabilities - np.eye(len(classes))[codes]).sum(axis=1) / 2
    return float(np.average(errors, weights=weights))


def _one_vs_rest(score, y, probabilities, classes, target, positive):
    """Return a rank score of one of two classes, the mean over more classes."""
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    counts = np.bincount(codes, minlength=len(classes))
    if np.any(counts == 0):
        return np.nan
    found = range(len(counts))
    if len(counts) == 2:
        found = [rarest(counts) if positive is None else class_codes([positive], classes)[0]]
    used = weights > 0  # a class without a share in the target is no part of the population
    scores = [score(codes[used] == k, probabilities[used, k], sample_weight=weights[used]) for k in found]
    return float(np.mean(scores))


def auc(y, probabilities, *, classes, target=None, positive=None):
    """Return the area under the ROC curve; of more than two classes, the mean of one-vs-rest areas.

    Of two classes it is that of the `positive` one, by default the rarer.

    >>> auc(["a", "a", "b"], [[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]], classes=["a", "b"])
    0.5
    """
    return _one_vs_rest(roc_auc_score, y, probabilities, classes, target, positive)


def average_precision(y, probabilities, *, classes, target=None, positive=None):
    """Return the average precision, of the classes as in :func:`auc`; it depends on the target.

    >>> average_precision(["a", "b"], [[0.9, 0.1], [0.2, 0.8]], classes=["a", "b"])
    1.0
    """
    return _one_vs_rest(average_precision_score, y, probabilities, classes, target, positive)


def calibration(y, probabilities, *, classes, target=None, positive=None):
    """Return the slope and intercept that recalibrate the predictions: 1 and 0 where nothing is to mend.

    For two classes this is Cox's logistic recalibration (Biometrika 45, 562-565, 1958), ``logit(y) =
    intercept + slope * logit(p)``, of the `positive` class, by default the rarer one; for more, its
    multinomial form, and the intercept is of that class against the commonest of the others. A slope below 1:
    the predictions are too extreme. An intercept above 0, log odds: the class is predicted too seldom. Here
    the log odds are twice what they should be (9:1 comes true as 3:1):

    >>> p = [[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4
    >>> slope, intercept = calibration(list("aaabbbba"), p, classes=["a", "b"])
    >>> round(slope, 3), round(abs(intercept), 3)
    (0.5, 0.0)
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    counts = np.bincount(codes, minlength=len(classes))
    if np.any(counts == 0):
        return np.nan, np.nan
    fitted = fit_calibrator(probabilities, codes, weights=weights)
    rare = rarest(counts) if positive is None else class_codes([positive], classes)[0]
    common = np.argmax(np.where(np.arange(len(counts)) == rare, -1, counts))
    return fitted.slope, float(fitted.biases[rare] - fitted.biases[common])


def recalls(y, probabilities, *, classes):
    """Return the share of each class's rows whose most probable class is right; NaN without rows.

    >>> recalls(["a", "b", "b"], [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], classes=["a", "b"]).tolist()
    [1.0, 0.5]
    """
    codes, probabilities, _ = _prepare(y, probabilities, classes, None)
    predicted, known = probabilities.argmax(axis=1), range(len(classes))
    return recall_score(codes, predicted, labels=known, average=None, zero_division=np.nan)


def accuracy(y, probabilities, *, classes, target=None):
    """Return the share of rows whose most probable class is right."""
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    return float(np.average(probabilities.argmax(axis=1) == codes, weights=weights))


#: Scores by name, and the sign that makes a larger one a better one.
SCORES = {
    "log_loss": (weighted_log_loss, -1),
    "brier": (brier, -1),
    "auc": (auc, 1),
    "average_precision": (average_precision, 1),
    "accuracy": (accuracy, 1),
}


@dataclass(frozen=True)
class TargetScorer:
    """Score a fitted classifier on rows of a target population; made by :func:`scorer`."""

    metric: str
    target: object = None
    positive: object = None

    def __call__(self, estimator, X, y):
        """Return the score of an estimator's probabilities, larger being better."""
        score, sign = SCORES[self.metric]
        options = {} if self.positive is None else {"positive": self.positive}
        if self.target is not None:
            options["target"] = resolve_prior(self.target, estimator.classes_, None)
        return sign * score(y, estimator.predict_proba(X), classes=estimator.classes_, **options)


def scorer(metric="log_loss", *, target=None, positive=None):
    """Return a scikit-learn scorer that weights the rows to a target population.

    Folds have the class shares of training: scores that count every row of them alike choose a model wrongly
    whose probabilities are meant for other shares.

    Parameters
    ----------
    metric : {"log_loss", "brier", "auc", "average_precision", "accuracy"}
        Losses are returned negative, as scikit-learn's "neg_log_loss".
    target : "balanced", mapping, pandas.Series or array-like of shape (n_classes,), optional
        Share of each class in the population, by name, or in the order of the sorted classes; every row
        counts alike if None.
    positive : label, optional
        For "auc" and "average_precision" of two classes, the one to find; the rarer one if None.

    Returns
    -------
    TargetScorer
        For ``scoring=`` of GridSearchCV, cross_validate and others; NaN in a fold that lacks a class. A
        ValueError says that the metric is unknown, or cannot have a positive class.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from imbalance import PriorCorrectedClassifier
    >>> X, y = [[float(i)] for i in range(40)], ["no"] * 32 + ["yes"] * 8
    >>> target = {"no": 0.7, "yes": 0.3}
    >>> model = PriorCorrectedClassifier(LogisticRegression(), target_prior=target)
    >>> grid = {"estimator__C": [0.001, 1.0]}
    >>> search = GridSearchCV(model, grid, scoring=scorer("log_loss", target=target), cv=3)
    >>> search.fit(X, y).best_params_
    {'estimator__C': 1.0}
    """
    if metric not in SCORES:
        raise ValueError(f"Unknown metric {metric!r}.{near_name(metric, SCORES)} Known: {', '.join(SCORES)}.")
    if positive is not None and metric not in ("auc", "average_precision"):
        raise ValueError(f"Metric {metric!r} has no positive class; leave it out.")
    target = None if isinstance(target, str) and target == "training" else by_name(target)
    return TargetScorer(metric, target, positive)


def corrected_error(differences, test_share):
    """Return the standard error of mean differences over cross-validation folds, along the first axis.

    The training rows of folds overlap, so that the variance of the mean is the sample variance times
    ``1/n + test rows / training rows`` instead of ``1/n`` (Nadeau, Bengio, Machine Learning 52, 2003).
    """
    factor = 1 / len(differences) + test_share / (1 - test_share)
    return np.std(differences, axis=0, ddof=1) * np.sqrt(factor)


def corrected_t_interval(differences, *, test_share):
    """Return the 95 % interval of a mean paired difference over folds, see :func:`corrected_error`.

    >>> low, high = corrected_t_interval([-0.1, -0.3], test_share=0.5)
    >>> round(low, 3), round(high, 3)
    (-2.401, 2.001)
    """
    differences = np.asarray(differences, dtype="float64")
    if len(differences) < 2 or np.isnan(differences).any():
        raise ValueError(f"An interval needs two or more differences, none missing: {differences.tolist()}.")
    reach = student.ppf(0.975, len(differences) - 1) * corrected_error(differences, test_share)
    return float(differences.mean() - reach), float(differences.mean() + reach)
