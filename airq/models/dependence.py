"""Partial dependence: how an ensemble's answer changes with one input.

It describes the model, not nature: inputs that occur together are moved apart, and what the model
learned from their neighbours stands in for the input itself.
"""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd

N_VALUES = 15
#: The grid ends where only this share of the rows lies beyond.
TAIL = 0.02


def partial_dependence(estimator, X, features, values):
    """Mean prediction over a background where some features have a given value.

    Parameters
    ----------
    estimator : BoosterEnsemble
        A fitted ensemble; its boosters answer, without monitors nearby.
    X : DataFrame of shape (n_samples, n_features)
        Features of the background rows.
    features : sequence of str
        Features that are set together.
    values : array-like of shape (n_values,)
        What they are set to, in every row.

    Returns
    -------
    numpy.ndarray of shape (n_values,)
        [µg m⁻³]

    References
    ----------
    .. [1] J. H. Friedman, Greedy function approximation: a gradient boosting machine, Annals of
       Statistics 29, 1189-1232, 2001.
    """
    boosters = copy.copy(estimator)
    boosters.kriging_ = None
    means = []
    for value in np.asarray(values, dtype="float64"):
        changed = X.copy()
        changed[list(features)] = np.float32(value)
        means.append(float(boosters.predict(changed).mean()))
    return np.array(means)


def value_grid(values, *, n_values=N_VALUES, tail=TAIL):
    """Quantiles of the values of a column, without those missing, each once.

    >>> value_grid([1.0, 2.0, 3.0, np.nan], n_values=3, tail=0.0).tolist()
    [1.0, 2.0, 3.0]
    """
    known = pd.Series(values, dtype="float64").dropna().to_numpy()
    if not len(known):
        return np.empty(0)
    return np.unique(np.quantile(known, np.linspace(tail, 1 - tail, n_values)))
