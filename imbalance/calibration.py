"""Calibration of multi-class probabilities: one slope and a bias a class, on the log probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

#: Probabilities closer to zero than this count as this.
SMALLEST = 1e-15
#: Classes that a classifier separates perfectly would ask for an infinite slope or bias.
STEEPEST, FURTHEST = 10.0, 20.0
METHODS = ("none", "prior", "sigmoid")


def log_clipped(probabilities):
    """Logarithm of probabilities, none taken smaller than 1e-15."""
    return np.log(np.clip(np.asarray(probabilities, dtype="float64"), SMALLEST, 1))


@dataclass(frozen=True)
class Calibrator:
    """Probabilities proportional to ``exp(slope * log p + bias)``.

    Attributes
    ----------
    slope : float
        One for all classes; below 1 where the classifier was overconfident.
    biases : numpy.ndarray of shape (n_classes,)
        Added to the log probabilities; their mean is zero.
    """

    slope: float
    biases: np.ndarray

    def __call__(self, probabilities):
        """Calibrated probabilities of shape (n_samples, n_classes)."""
        return softmax(self.slope * log_clipped(probabilities) + self.biases, axis=1)


def fit_calibrator(probabilities, codes, *, method="sigmoid", weights=None):
    """Calibrator with the largest likelihood of some held-out rows.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Predictions for rows that the classifier was not fitted on.
    codes : array-like of shape (n_samples,)
        Column of `probabilities` that came true.
    method : {"none", "prior", "sigmoid"}
        "none" changes nothing. "prior" fits the biases only: the mean prediction then equals the share
        of each class, and ``exp(-bias)`` is the factor by which the prior in the predictions differs from
        it. "sigmoid" fits the slope, too: Platt's sigmoid on the log odds for two classes [1]_, and
        bias-corrected temperature scaling for more [2]_.
    weights : array-like of shape (n_samples,), optional
        Weight of each row.

    Returns
    -------
    Calibrator

    Raises
    ------
    ValueError
        If the method is unknown.

    References
    ----------
    .. [1] J. Platt, Probabilistic outputs for support vector machines, Advances in Large Margin
       Classifiers, 61-74, 1999.
    .. [2] A. Alexandari, A. Kundaje, A. Shrikumar, Maximum likelihood with bias-corrected calibration is
       hard-to-beat at label shift adaptation, ICML 2020.

    Examples
    --------
    Predictions of .8 that come true in half of the rows:

    >>> calibrator = fit_calibrator([[0.2, 0.8], [0.2, 0.8]], [0, 1], method="prior")
    >>> calibrator([[0.2, 0.8]]).round(3).tolist()
    [[0.5, 0.5]]
    """
    if method not in METHODS:
        raise ValueError(f"Unknown calibration {method!r}; use one of {', '.join(METHODS)}.")
    logs, codes = log_clipped(probabilities), np.asarray(codes)
    n_classes = logs.shape[1]
    if method == "none":
        return Calibrator(1.0, np.zeros(n_classes))
    slopes = (1.0, 1.0) if method == "prior" else (0.0, STEEPEST)
    best = minimize(
        _loss_and_gradient,
        np.concatenate([[1.0], np.zeros(n_classes)]),
        args=(logs, np.eye(n_classes)[codes], _shares_of_rows(weights, len(codes))),
        jac=True,
        method="L-BFGS-B",
        bounds=[slopes] + [(-FURTHEST, FURTHEST)] * n_classes,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    return Calibrator(float(best.x[0]), best.x[1:] - best.x[1:].mean())


def _shares_of_rows(weights, n_rows):
    weights = np.ones(n_rows) if weights is None else np.asarray(weights, dtype="float64")
    return weights / weights.sum()


def _loss_and_gradient(parameters, logs, truth, shares):
    scores = log_softmax(parameters[0] * logs + parameters[1:], axis=1)
    excess = (np.exp(scores) - truth) * shares[:, None]
    gradient = np.concatenate([[np.sum(excess * logs)], excess.sum(axis=0)])
    return -np.sum(scores * truth * shares[:, None]), gradient
