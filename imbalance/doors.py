"""What a classifier that corrects priors checks at the door, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from imbalance.priors import check_prior, correct_prior

#: A probability of exactly zero could not be corrected where the other classes have no share.
NEVER = 1e-30


def resolve_prior(target, classes, training, *, name="target prior"):
    """Class shares to predict for, in the order of `classes`.

    Parameters
    ----------
    target : {"training", "balanced"}, mapping or array-like of shape (n_classes,)
        A mapping from class to share, in any order, or shares in the order of `classes`.
    classes : array-like of shape (n_classes,)
        Sorted, as in ``classes_``.
    training : array-like of shape (n_classes,)
        Shares of the training rows.
    name : str
        What to call it in a message.

    Returns
    -------
    numpy.ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a class is missing or unknown, or if the shares are no prior.

    Examples
    --------
    >>> resolve_prior({"rare": 0.4, "common": 0.6}, ["common", "rare"], [0.9, 0.1]).tolist()
    [0.6, 0.4]
    """
    names = np.asarray(classes).tolist()
    if isinstance(target, str):
        if target not in ("training", "balanced"):
            raise ValueError(f"Unknown {name} {target!r}; use 'training', 'balanced' or shares by class.")
        return np.asarray(training) if target == "training" else np.full(len(names), 1 / len(names))
    if isinstance(target, Mapping):
        unknown, missing = set(target) - set(names), set(names) - set(target)
        if unknown or missing:
            wrong = (
                f"names {min(unknown, key=str)!r}, which"
                if unknown
                else f"lacks {min(missing, key=str)!r}, which"
            )
            raise ValueError(
                f"The {name} {wrong} training {'never saw' if unknown else 'has'}; classes: {names}."
            )
        target = [target[name] for name in names]
    prior = check_prior(target, name=name)
    if len(prior) != len(names):
        raise ValueError(f"The {name} has {len(prior)} shares, but the classes are {names}.")
    return prior


def mean_corrected(members, priors, target):
    """Mean of several classifiers' probabilities, each corrected from its own prior.

    Parameters
    ----------
    members : list of array-like of shape (n_samples, n_classes)
    priors : array-like of shape (n_members, n_classes)
    target : array-like of shape (n_classes,)

    Returns
    -------
    numpy.ndarray of shape (n_samples, n_classes)

    Examples
    --------
    >>> halves, skewed = [[0.5, 0.5]], [[0.75, 0.25]]
    >>> mean_corrected([halves, skewed], [[0.5, 0.5], [0.75, 0.25]], [0.5, 0.5]).tolist()
    [[0.5, 0.5]]
    """
    corrected = [
        correct_prior(np.maximum(p, NEVER), trained=prior, target=target)
        for p, prior in zip(members, priors, strict=True)
    ]
    return np.mean(corrected, axis=0)


def check_labels(y):
    """Labels of shape (n_samples,) and their sorted classes, of which there are two or more."""
    if y is None:
        raise ValueError("This classifier requires y to be passed, but the target y is None.")
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"The rows hold 1 class, {classes.tolist()[0]!r}; two or more are needed.")
    return y, classes


class MetaClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Prediction from probabilities, rows as the inner estimator takes them, and its tags."""

    def predict(self, X):
        """Most probable class of each row, of shape (n_samples,)."""
        check_is_fitted(self)
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def _check_rows(self, X, *, reset):
        """Frames stay frames, with their gaps and words; anything else becomes an array."""
        if isinstance(X, pd.DataFrame):
            if X.empty:
                raise ValueError(f"Found no value in a table of {len(X)} rows and {X.shape[1]} columns.")
            return validate_data(self, X, reset=reset, skip_check_array=True)
        sparse = "csr" if get_tags(self.estimator).input_tags.sparse else False
        return validate_data(self, X, reset=reset, dtype=None, accept_sparse=sparse, ensure_all_finite=False)

    def _check_training(self, X, y, sample_weight, groups):
        X = self._check_rows(X, reset=True)
        y, self.classes_ = check_labels(y)
        groups = None if groups is None else column_or_1d(groups)
        check_consistent_length(X, y, groups)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        return X, y, sample_weight, groups

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.categorical = inner.input_tags.categorical
        tags.input_tags.string = inner.input_tags.string
        tags.non_deterministic = inner.non_deterministic
        tags.classifier_tags.poor_score = True
        return tags
