"""Scores of class probabilities, weighted to the class shares of the population to predict for.

Where a row weight says so, the rows of a class count together as much as the `target` prior gives the
class; `target=None` counts every row alike. A weighted score is NaN where the target holds a class that
has no row here: nothing is known of its loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from airq.messages import near_name
from imbalance.probability import by_name, check_prior, fit_calibrator, log_clipped, resolve_prior


def class_codes(y, classes):
    """Return the position in `classes` of every label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    classes : array-like of shape (n_classes,)
        Classes in the order of the columns of the probabilities.

    Returns
    -------
    numpy.ndarray of int, shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is none of the classes, or if there is no label.

    Examples
    --------
    >>> class_codes(["b", "a", "b"], ["a", "b"]).tolist()
    [1, 0, 1]
    """
    y, classes = np.asarray(y), np.asarray(classes)
    plain = y.ndim == classes.ndim == 1 and y.dtype.kind == classes.dtype.kind and y.dtype.kind in "iU"
    if plain and len(classes) and np.all(classes[:-1] < classes[1:]):
        codes = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        codes[classes[codes] != y] = -1
    else:
        codes = pd.Index(classes).get_indexer(pd.Index(y))
    if not len(y):
        raise ValueError("There are no labels to score.")
    if np.any(codes < 0):
        raise ValueError(f"Label {y[codes < 0].tolist()[0]!r} is none of the classes {classes.tolist()}.")
    return codes


def places(names, found):
    """Return where each of some names stands among `found`; None where that holds others, or one twice.

    Labels are compared, not looked up: pandas takes a list of truth values for a mask.

    >>> places([False, True], [True, False])
    [1, 0]
    """
    names, found = np.asarray(names).tolist(), list(found)
    if len(found) != len(names) or set(found) != set(names):
        return None
    return [found.index(name) for name in names]


def columns_of(probabilities, classes):
    """Return probabilities as an array with a column for each class, of a frame by its names.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        A frame has the classes as columns, in any order, or the numbers from 0, which are positions.
    classes : array-like of shape (n_classes,)
        Classes.

    Raises
    ------
    ValueError
        If a frame has other columns.

    Examples
    --------
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
    """Return the share of each class among labels, of shape (n_classes,), by row weight where there is one.

    Examples
    --------
    >>> class_shares(["a", "a", "a", "b"], ["a", "b"]).tolist()
    [0.75, 0.25]
    """
    counts = np.bincount(class_codes(y, classes), weights=weights, minlength=len(classes))
    return counts / counts.sum()


def class_weights(y, classes, target):
    """Return the weight of a row of each class so that the classes have the shares of `target`.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    classes : array-like of shape (n_classes,)
        Classes.
    target : array-like of shape (n_classes,)
        Share of each class in the population, in the order of `classes`.

    Returns
    -------
    numpy.ndarray of shape (n_classes,)
        Target share by share among `y`; 0 for a class that neither has.

    Raises
    ------
    ValueError
        If the target holds a class that has no row.

    Examples
    --------
    >>> class_weights(["a", "a", "a", "b"], ["a", "b"], [0.5, 0.5]).round(3).tolist()
    [0.667, 2.0]
    """
    target, shares = check_prior(target, name="target prior"), class_shares(y, classes)
    if len(target) != len(shares):
        raise ValueError(f"The target prior has {len(target)} shares for {len(shares)} classes.")
    absent = (shares == 0) & (target > 0)
    if absent.any():
        raise ValueError(
            f"Class {np.asarray(classes)[absent].tolist()[0]!r} has no row here, but a share in the target; "
            "no weight makes up for that."
        )
    return np.divide(target, shares, out=np.zeros_like(target), where=shares > 0)


def rarest(counts):
    """Return the position of the rarest class, the last of equals: the one to find where there are two.

    >>> rarest([5, 3, 3])
    2
    """
    return len(counts) - 1 - int(np.argmin(np.asarray(counts)[::-1]))


def _prepare(y, probabilities, classes, target):
    """Return codes, probabilities and row weights; no weights where a class of the target has no row."""
    probabilities = columns_of(probabilities, classes)
    codes = class_codes(y, classes)
    if probabilities.shape != (len(codes), len(classes)):
        raise ValueError(
            f"Probabilities of shape {probabilities.shape} do not fit {len(codes)} labels and "
            f"{len(classes)} classes."
        )
    totals = probabilities.sum(axis=1)
    wrong = ~((np.abs(totals - 1) <= 1e-3) & (probabilities.min(axis=1) >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"Row {row} of the probabilities, {probabilities[row].tolist()}, does not sum to one or has a "
            "negative or missing value."
        )
    if target is None:
        return codes, probabilities, np.ones(len(codes))
    target = check_prior(target, name="target prior")
    if np.any(target[np.bincount(codes, minlength=len(target)) == 0] > 0):
        return codes, probabilities, None
    return codes, probabilities, class_weights(y, classes, target)[codes]


def weighted_log_loss(y, probabilities, *, classes, target=None):
    """Return the log loss on a population with the class shares of `target`. [nats]

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    probabilities : array-like of shape (n_samples, n_classes)
        Predictions, clipped at 1e-15.
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
    Two rows of "a" at a loss of ln 2 and one of "b" at ln 4, half and half:

    >>> p = [[0.5, 0.5], [0.5, 0.5], [0.75, 0.25]]
    >>> loss = weighted_log_loss(["a", "a", "b"], p, classes=["a", "b"], target=[0.5, 0.5])
    >>> round(float(loss / np.log(2)), 6)
    1.5
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    if weights is None:
        return np.nan
    return float(np.average(-log_clipped(probabilities)[np.arange(len(codes)), codes], weights=weights))


def brier(y, probabilities, *, classes, target=None):
    """Return the Brier score: half the squared distance between prediction and truth, in 0 to 1.

    Half, so that for two classes it is the usual ``(p - y) ** 2``. Arguments as in
    :func:`weighted_log_loss`.

    References
    ----------
    .. [1] G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review
       78, 1-3, 1950.

    Examples
    --------
    >>> round(brier(["a", "b"], [[0.9, 0.1], [0.9, 0.1]], classes=["a", "b"]), 3)
    0.41
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    if weights is None:
        return np.nan
    distance = np.sum((probabilities - np.eye(len(classes))[codes]) ** 2, axis=1)
    return float(np.average(distance, weights=weights) / 2)


def _one_vs_rest(score, y, probabilities, classes, target, positive):
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    if weights is None or len(np.unique(codes)) < len(classes):
        return np.nan
    if len(classes) > 2:
        columns = range(len(classes))
    elif positive is None:
        columns = [rarest(np.bincount(codes, minlength=len(classes)))]
    else:
        columns = class_codes([positive], classes)
    used = weights > 0  # a class without a share in the target is no part of the population
    scores = [score(codes[used] == c, probabilities[used, c], sample_weight=weights[used]) for c in columns]
    return float(np.mean(scores))


def auc(y, probabilities, *, classes, target=None, positive=None):
    """Return the area under the ROC curve: of the rare class for two classes, mean of one-vs-rest for more.

    For two classes the target does not matter; for more it weights the classes within "the rest".

    Parameters
    ----------
    y, probabilities, classes, target
        As in :func:`weighted_log_loss`.
    positive : label, optional
        For two classes, the one to find; the rarer in `y` (the last of equals) if None.

    Returns
    -------
    float
        NaN where a class has no row.

    Examples
    --------
    >>> auc(["a", "b"], [[0.9, 0.1], [0.2, 0.8]], classes=["a", "b"])
    1.0
    """
    return _one_vs_rest(roc_auc_score, y, probabilities, classes, target, positive)


def average_precision(y, probabilities, *, classes, target=None, positive=None):
    """Return the average precision: of the rare class for two classes, mean of one-vs-rest for more.

    Precision depends on the class shares, thus on the target. Arguments as in :func:`auc`.

    Examples
    --------
    >>> average_precision(["a", "b"], [[0.9, 0.1], [0.2, 0.8]], classes=["a", "b"])
    1.0
    """
    return _one_vs_rest(average_precision_score, y, probabilities, classes, target, positive)


def calibration(y, probabilities, *, classes, target=None, positive=None):
    """Return the slope and intercept that recalibrate the predictions: 1 and 0 where nothing is to mend.

    For two classes this is Cox's logistic recalibration, ``logit(y) = intercept + slope * logit(p)``, of
    the rarer class; for more, its multinomial form with one slope and an intercept for each class, of
    which the one of the rarest class against the commonest of the others is returned.

    Parameters
    ----------
    y, probabilities, classes, target
        As in :func:`weighted_log_loss`.
    positive : label, optional
        The class whose intercept is meant; the rarest in `y` (the last of equals) if None. The commonest is
        that in `y`.

    Returns
    -------
    slope : float
        Below 1: the predictions are too extreme; above 1: too timid. Between 0 and 10.
    intercept : float
        Log odds to add. Above 0: the rare class is predicted too seldom.

    References
    ----------
    .. [1] D. Cox, Two further applications of a model for binary regression, Biometrika 45, 562-565, 1958.

    Examples
    --------
    The log odds are twice what they should be (9:1 comes true as 3:1):

    >>> p = [[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4
    >>> slope, intercept = calibration(list("aaabbbba"), p, classes=["a", "b"])
    >>> round(slope, 3), round(abs(intercept), 3)
    (0.5, 0.0)
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    counts = np.bincount(codes, minlength=len(classes))
    if weights is None or np.any(counts == 0):
        return np.nan, np.nan
    fitted = fit_calibrator(probabilities, codes, weights=weights)
    rare = rarest(counts) if positive is None else class_codes([positive], classes)[0]
    common = np.argmax(np.where(np.arange(len(counts)) == rare, -1, counts))
    return fitted.slope, float(fitted.biases[rare] - fitted.biases[common])


def recalls(y, probabilities, *, classes):
    """Return the share of each class's rows whose most probable class is right, of shape (n_classes,).

    NaN for a class without rows. The most probable class depends on the prior that the probabilities
    stand for.

    Examples
    --------
    >>> p = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]
    >>> recalls(["a", "b", "b"], p, classes=["a", "b"]).tolist()
    [1.0, 0.5]
    """
    codes, probabilities, _ = _prepare(y, probabilities, classes, None)
    return recall_score(
        codes, probabilities.argmax(axis=1), labels=range(len(classes)), average=None, zero_division=np.nan
    )


def accuracy(y, probabilities, *, classes, target=None):
    """Return the share of rows whose most probable class is right; arguments as in :func:`weighted_log_loss`.

    Examples
    --------
    >>> p = [[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]]
    >>> round(accuracy(["a", "a", "b"], p, classes=["a", "b"], target=[0.5, 0.5]), 6)
    1.0
    """
    codes, probabilities, weights = _prepare(y, probabilities, classes, target)
    if weights is None:
        return np.nan
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

    Folds have the class shares of training. A model whose probabilities are meant for other shares is chosen
    wrongly by scores that count every row of them alike.

    Parameters
    ----------
    metric : {"log_loss", "brier", "auc", "average_precision", "accuracy"}
        Losses are returned negative, as scikit-learn's "neg_log_loss".
    target : "balanced", mapping, pandas.Series or array-like of shape (n_classes,), optional
        Share of each class in the population, by name, or an array in the order of the sorted classes; every
        row counts alike if None.
    positive : label, optional
        For "auc" and "average_precision" of two classes, the one to find; the rarer one if None.

    Returns
    -------
    TargetScorer
        For ``scoring=`` of GridSearchCV, cross_validate and others. Its score is NaN in a fold that lacks a
        class of the target.

    Raises
    ------
    ValueError
        If the metric is unknown, or cannot have a positive class.

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
    return TargetScorer(
        metric, None if isinstance(target, str) and target == "training" else by_name(target), positive
    )


def corrected_t_interval(differences, *, test_share, level=0.95):
    """Return the interval of a mean difference over cross-validation folds, whose training rows overlap.

    The variance of the mean is the sample variance times ``1/n + test rows / training rows`` instead of
    ``1/n``, which takes the folds for independent and the interval too narrow.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Paired differences of a score, one a fold (over all repeats).
    test_share : float
        Share of the rows that a fold tests on: 1/5 for five folds.
    level : float
        Share of such intervals that should hold the true difference.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        With fewer than two differences, a missing one, or a share or level that is not between 0 and 1.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, Inference for the generalization error, Machine Learning 52, 239-281, 2003.

    Examples
    --------
    >>> low, high = corrected_t_interval([-0.1, -0.3], test_share=0.5, level=0.5)
    >>> round(low, 4), round(high, 4)
    (-0.3732, -0.0268)
    """
    differences = np.asarray(differences, dtype="float64")
    n = len(differences)
    if n < 2 or np.isnan(differences).any():
        raise ValueError(
            f"An interval needs two or more differences, none missing, not {differences.tolist()}."
        )
    if not 0 < test_share < 1 or not 0 < level < 1:
        raise ValueError(f"Test share {test_share:g} and level {level:g} must lie between 0 and 1.")
    variance = differences.var(ddof=1) * (1 / n + test_share / (1 - test_share))
    reach = student.ppf((1 + level) / 2, n - 1) * np.sqrt(variance)
    return float(differences.mean() - reach), float(differences.mean() + reach)
