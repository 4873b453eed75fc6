"""The rows of a comparison, checked and made ready: folds, groups, target prior, populations to sweep."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from imbalance.comparison.folds import duplicate_groups, joined_groups, make_folds
from imbalance.metrics import class_shares, rarest
from imbalance.probability import resolve_prior
from imbalance.reading import features, labels

#: Shares of the rarest class along the sweep of target priors.
SWEEP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class Problem:
    """What all pieces of a comparison share.

    Attributes
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Features.
    y : numpy.ndarray of shape (n_samples,)
        Labels.
    classes : numpy.ndarray of shape (n_classes,)
        Sorted labels.
    target : numpy.ndarray of shape (n_classes,)
        Share of each class in the population to predict for.
    groups : numpy.ndarray of shape (n_samples,) or None
        Rows of a group stand on one side.
    fold_of : numpy.ndarray of int, shape (n_repeats, n_samples)
        In which fold a row judges.
    sweep : numpy.ndarray of shape (n_priors, n_classes)
        Further populations to judge for.
    seed : int
        Of everything drawn.
    """

    X: object
    y: np.ndarray
    classes: np.ndarray
    target: np.ndarray
    groups: np.ndarray | None
    fold_of: np.ndarray
    sweep: np.ndarray
    seed: int

    @property
    def rarest(self):
        """Label of the class with the fewest rows of all, the last of equals."""
        return self.classes[rarest(class_shares(self.y, self.classes))]


def make_problem(X, y, *, target_prior, n_splits, n_repeats, groups=None, seed=0):
    """Rows made ready to be compared on: checked, with folds and target prior.

    Returns
    -------
    Problem
    notes : list of str
        What a reader of the result should know.
    """
    X, notes = features(X if isinstance(X, pd.DataFrame) else pd.DataFrame(X))
    y = labels(pd.Series(np.asarray(y)), name="the target")
    if len(X) != len(y):
        raise ValueError(f"There are {len(X):,} rows of features, but {len(y):,} labels.")
    classes = np.unique(y)
    target, said = _target(target_prior, classes, class_shares(y, classes))
    if np.any(target == 0):
        absent = classes[target == 0][0]
        raise ValueError(f"The target prior gives {absent} no share; leave its rows out instead.")
    groups, grouped = _groups(X, groups)
    fold_of = np.empty((n_repeats, len(y)), dtype="int16")
    for fold in make_folds(y, groups=groups, n_splits=n_splits, n_repeats=n_repeats, seed=seed):
        fold_of[fold.repeat, fold.test] = fold.number
    problem = Problem(X, y, classes, target, groups, fold_of, _sweep(y, classes, target), seed)
    return problem, [*notes, *said, *grouped]


def _target(target_prior, classes, training):
    """The prior in the order of the classes, and a note where it was given in another."""
    if isinstance(target_prior, str):
        target_prior = parse_target_prior(target_prior)
    if isinstance(target_prior, pd.Series):
        target_prior = target_prior.to_dict()
    if not isinstance(target_prior, Mapping):
        return resolve_prior(target_prior, classes, training), []
    names = [str(label) for label in classes]
    given = {str(name): share for name, share in target_prior.items()}
    for name in given:
        if name not in names:
            raise ValueError(f"The target prior names {name!r}, but the classes are {', '.join(names)}.")
    for name in names:
        if name not in given:
            raise ValueError(f"The target prior lacks {name!r}; the classes are {', '.join(names)}.")
    prior = resolve_prior([given[name] for name in names], classes, training)
    if list(given) == names:
        return prior, []
    order = ", ".join(names)
    return prior, [f"The target prior lists the classes in another order than {order}; it was read by name."]


def _groups(X, groups):
    """Groups that keep equal rows together, and the note that says so; None where every row is alone."""
    equal = duplicate_groups(X)
    repeated = int((np.bincount(equal)[equal] > 1).sum())
    said = []
    if repeated:
        said.append(
            f"{repeated:,} of {len(X):,} rows have the features of another row; equal rows stay in one fold."
        )
    if groups is None:
        return (equal if repeated else None), said
    groups = np.asarray(groups)
    if len(groups) != len(X):
        raise ValueError(f"There are {len(groups):,} groups for {len(X):,} rows.")
    missing = int(pd.isna(groups).sum())
    if missing:
        raise ValueError(f"{missing:,} rows have no group; fill or remove them.")
    joined = joined_groups(groups, equal)
    if joined.max() < pd.factorize(groups)[0].max():
        said.append(f"Groups that share a row were joined: {joined.max() + 1:,} groups are left.")
    return joined, said


def _sweep(y, classes, target):
    """Populations with ever more of the rarest class, the others in the target's proportions."""
    training = class_shares(y, classes)
    rare = rarest(training)
    shares = np.unique([*SWEEP, target[rare], training[rare]])
    priors = np.outer((1 - shares) / (1 - target[rare]), target)
    priors[:, rare] = shares
    return priors


def parse_target_prior(text):
    """Class shares written as ``a=.5,b=.5``; the words "balanced" and "training" stay as they are.

    Parameters
    ----------
    text : str
        Shares by class, separated by commas.

    Returns
    -------
    str or dict of str to float

    Raises
    ------
    ValueError
        If it is not of this form or names a class twice.

    Examples
    --------
    >>> parse_target_prior("a=.25, b=.75")
    {'a': 0.25, 'b': 0.75}
    """
    if text in ("balanced", "training"):
        return text
    prior = {}
    for part in text.split(","):
        name, sign, share = part.strip().rpartition("=")
        try:
            value = float(share)
        except ValueError:
            value = None
        if not sign or value is None:
            raise ValueError(
                f"The target prior {text!r} is not of the form class=share,class=share, balanced or training."
            )
        if name.strip() in prior:
            raise ValueError(f"The target prior names {name.strip()!r} twice.")
        prior[name.strip()] = value
    return prior


def problem_facts(problem):
    """What the pieces of one comparison have in common, for its settings."""
    names = [str(label) for label in problem.classes]
    shares = class_shares(problem.y, problem.classes)
    counts = (shares * len(problem.y)).round().astype(int)
    return {
        "data": _fingerprint(problem),
        "rows": len(problem.y),
        "features": problem.X.shape[1],
        "categorical": int(sum(isinstance(dtype, pd.CategoricalDtype) for dtype in problem.X.dtypes)),
        "classes": names,
        "class_rows": dict(zip(names, counts.tolist(), strict=True)),
        "training_prior": dict(zip(names, shares.tolist(), strict=True)),
        "target_prior": dict(zip(names, problem.target.tolist(), strict=True)),
        "rarest": str(problem.rarest),
        "groups": None if problem.groups is None else len(np.unique(problem.groups)),
        "n_splits": int(problem.fold_of.max()) + 1,
        "n_repeats": len(problem.fold_of),
        "seed": problem.seed,
    }


def _fingerprint(problem):
    """Hash of features, labels and groups."""
    mark = hashlib.sha256(repr([(name, str(problem.X[name].dtype)) for name in problem.X]).encode())
    mark.update(pd.util.hash_pandas_object(problem.X, index=False).to_numpy().tobytes())
    groups = np.arange(0) if problem.groups is None else problem.groups.astype("int64")
    for values in (problem.y.astype("str"), groups):
        mark.update(np.ascontiguousarray(values).tobytes())
    return mark.hexdigest()[:16]
