"""Weights by class: by a rule, and those that an estimator applies by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.utils import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from imbalance.metrics import class_codes, class_shares

#: Parameters that weight or resample inside an estimator, and their harmless values.
HIDDEN = {
    "is_unbalance": (None, False),
    "scale_pos_weight": (None, 1),
    "class_weights": (None,),
    "auto_class_weights": (None, "None"),
    "sampling_strategy": (),
}


def rule_weights(rule, y, classes, sample_weight, target):
    """Weight of each row, of shape (n_samples,), or None where all count alike.

    Parameters
    ----------
    rule : None, "balanced", "target" or mapping
        Classes count alike, or have the shares of the target, or each row has its class's weight.
    y : array-like of shape (n_samples,)
        Labels after resampling.
    classes : array-like of shape (n_classes,)
        Classes.
    sample_weight : array-like of shape (n_samples,) or None
        Weight that each row has already.
    target : callable
        Gives the target prior.

    Raises
    ------
    ValueError
        If the rule is unknown, or lacks a class, or gives one no or a negative weight.

    Examples
    --------
    >>> rule_weights("balanced", ["a", "a", "a", "b"], ["a", "b"], None, None).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    if rule is None:
        return sample_weight
    shares = class_shares(y, classes, sample_weight)
    if isinstance(rule, Mapping):
        factors = _named_factors(rule, classes)
    elif rule == "balanced":
        factors = 1 / (len(classes) * shares)
    elif rule == "target":
        factors = target() / shares
    else:
        raise ValueError(f"Unknown weights {rule!r}; use None, 'balanced', 'target' or weights by class.")
    rows = factors[class_codes(y, classes)]
    return rows if sample_weight is None else rows * sample_weight


def _named_factors(rule, classes):
    names = np.asarray(classes).tolist()
    if set(rule) != set(names):
        raise ValueError(f"The weights name {list(rule)}, but the classes are {names}.")
    factors = np.array([rule[name] for name in names], dtype="float64")
    if not np.all(factors > 0):
        raise ValueError("The weight of a class must be more than zero.")
    return factors


def own_weights(estimator, y, *, weighted):
    """Factor by which an estimator's own ``class_weight`` weights each row, of shape (n_samples,).

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline
        Not fitted.
    y : array-like of shape (n_samples,)
        Labels that it will see.
    weighted : bool
        Whether rows have other weights already.

    Raises
    ------
    ValueError
        If it weights in a way that cannot be counted, or on top of other weights.
    """
    parameters = estimator.get_params(deep=True)
    last = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
    if hasattr(type(estimator[-1]) if last else type(estimator), "output_prior_"):
        return np.ones(len(y))  # it keeps book itself
    own = parameters.pop(f"{last}class_weight", None)
    for name, value in parameters.items():
        harmless = HIDDEN.get(name.split("__")[-1], (None,) if name.endswith("__class_weight") else None)
        if harmless is not None and not any(value is h or value == h for h in harmless):
            raise ValueError(
                f"{type(estimator).__name__} weights or resamples by itself ({name}={value!r}), which hides "
                "the prior it learns; use sampler= or weights= instead."
            )
    if own is None:
        return np.ones(len(y))
    if weighted:
        raise ValueError(
            f"{type(estimator).__name__} weights classes by itself (class_weight={own!r}) on top of other "
            "weights; keep one of the two."
        )
    return compute_sample_weight(own, y)


def fit_weighted(estimator, X, y, sample_weight):
    """Fit an estimator or pipeline, with row weights where there are any.

    Raises
    ------
    ValueError
        If there are weights, but the estimator takes none.
    """
    if sample_weight is None:
        return estimator.fit(X, y)
    name, last = estimator.steps[-1] if hasattr(estimator, "steps") else (None, estimator)
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(f"{type(last).__name__} takes no weights; use a sampler instead.")
    key = "sample_weight" if name is None else f"{name}__sample_weight"
    return estimator.fit(X, y, **{key: sample_weight})
