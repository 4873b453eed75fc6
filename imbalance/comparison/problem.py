"""The rows of a comparison, checked and made ready: folds, groups, target, populations to sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, issparse

from imbalance.cells import cell_text
from imbalance.folds import duplicate_groups, joined_groups, make_folds
from imbalance.metrics import class_shares, rarest
from imbalance.probability import resolve_prior
from imbalance.reading import features, labels, parse_target_prior, telling_columns

#: Shares of the rarest class along the sweep of targets.
SWEEP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class Problem:
    """What all jobs of a comparison share.

    Attributes
    ----------
    X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
        Features as they were given, for classifiers of the user.
    clean : DataFrame of shape (n_samples, n_columns)
        The same as numbers and categories, for models by name; sparse rows as they are.
    y : numpy.ndarray of shape (n_samples,)
        Labels.
    classes : numpy.ndarray of shape (n_classes,)
        Sorted labels.
    target : numpy.ndarray of shape (n_classes,)
        Share of each class in the population to predict for.
    groups : numpy.ndarray of shape (n_samples,) or None
        Rows of a group stand on one side.
    splits : list of (train, test)
        Row numbers, repeat by repeat.
    n_repeats : int
        How often the folds were dealt.
    sweep : numpy.ndarray of shape (n_priors, n_classes)
        Further populations to score for.
    seed : int
        Of everything drawn.
    """

    X: object
    clean: object
    y: np.ndarray
    classes: np.ndarray
    target: np.ndarray
    groups: np.ndarray | None
    splits: list
    n_repeats: int
    sweep: np.ndarray
    seed: int

    @property
    def rarest(self):
        """Label of the class with the fewest rows of all, the last of equals."""
        return self.classes[rarest(class_shares(self.y, self.classes))]

    @property
    def names(self):
        """Classes as text."""
        return [str(label) for label in self.classes]


def make_problem(X, y, *, target="balanced", cv=5, repeats=2, groups=None, seed=0, by_name=True):
    """Check rows and deal folds.

    Parameters
    ----------
    X, y, target, cv, repeats, groups, seed
        As for :func:`imbalance.comparison.compare.compare`.
    by_name : bool
        Whether a model by name is among those compared, which needs the rows as numbers and categories.

    Returns
    -------
    Problem
    notes : list of str
        What a reader of the result should know.

    Raises
    ------
    ValueError
        If the rows, the labels, the groups, the folds or the target make no sense.
    """
    X, clean, readable, notes = _tables(X, by_name)
    y = class_labels(y)
    if X.shape[0] != len(y):
        raise ValueError(f"There are {X.shape[0]:,} rows of features, but {len(y):,} labels.")
    classes = np.unique(y)
    target, said = _target(target, classes, class_shares(y, classes))
    if np.any(target == 0):
        absent = classes[target == 0][0]
        raise ValueError(f"The target prior gives {absent} no share; leave its rows out instead.")
    whole, grouped = whole_groups(clean, groups)
    splits, n_repeats, dealt = _splits(X, y, whole, cv, repeats, seed, given=groups)
    sweep = _sweep(y, classes, target)
    problem = Problem(X, clean, y, classes, target, whole, splits, n_repeats, sweep, seed)
    telling = telling_columns(clean, y, whole) if readable else []
    return problem, [*notes, *telling, *said, *grouped, *dealt]


def _tables(X, by_name):
    """Rows as given, and as numbers and categories, whether they could be read so, and what was left out."""
    X = as_table(X)
    if issparse(X):
        return X, X, False, []
    try:
        clean, notes = features(X if isinstance(X, pd.DataFrame) else pd.DataFrame(X))
    except ValueError:
        if by_name:
            raise
        return X, pd.DataFrame(X), False, []
    return X, clean, True, notes if by_name else []


def as_table(X):
    """A frame as it is, sparse rows in canonical CSR format, all else as an array of two dimensions."""
    if issparse(X):
        X = csr_matrix(X, copy=True)  # LightGBM takes no sparse arrays
        X.sum_duplicates()
        return X
    if not isinstance(X, pd.DataFrame) and np.ndim(X) != 2:
        raise ValueError(f"X must have rows and columns, not {np.ndim(X)} dimensions.")
    return X if isinstance(X, pd.DataFrame) else np.asarray(X)


def class_labels(y):
    """Labels of shape (n_samples,) as they are: truth values, numbers or text.

    Raises
    ------
    ValueError
        If one is missing, if they are continuous, of one class only, or of several columns.

    Examples
    --------
    >>> class_labels(["b ", "a"]).tolist(), class_labels([1.0, 0.0]).tolist()
    (['b ', 'a'], [1.0, 0.0])
    """
    shape = np.shape(y)
    if len(shape) != 1 and shape[1:] != (1,):
        raise ValueError(f"The target must be one column, a class for every row; it has the shape {shape}.")
    y = pd.Series(np.asarray(y).ravel())
    labels(y, name="the target")
    plain = np.asarray(y.tolist())
    return plain if plain.dtype.kind in "biufU" else plain.astype("str")


def _target(target, classes, training):
    """Shares in the order of the classes, and a note where they were given in another."""
    target = parse_target_prior(target) if isinstance(target, str) else target
    target = target.to_dict() if isinstance(target, pd.Series) else target
    if not isinstance(target, Mapping):
        return resolve_prior(target, classes, training), []
    names = [str(label) for label in classes]
    # A class that is the number 1.0 may be called 1.
    own = {name: str(label) for label in classes.tolist() for name in (label, cell_text(label))}
    given = {own.get(name, str(name)): share for name, share in target.items()}
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


def whole_groups(X, groups=None):
    """Groups that keep equal rows together, too, and notes that say so; None where every row is alone."""
    equal = duplicate_groups(X if issparse(X) else pd.DataFrame(X))
    repeated = int((np.bincount(equal)[equal] > 1).sum())
    said = []
    if repeated:
        said.append(
            f"{repeated:,} of {len(equal):,} rows have the features of another row; equal rows stay in "
            "one fold."
        )
    if groups is None:
        return (equal if repeated else None), said
    groups = np.asarray(groups)
    if len(groups) != len(equal):
        raise ValueError(f"There are {len(groups):,} groups for {len(equal):,} rows.")
    if missing := int(pd.isna(groups).sum()):
        raise ValueError(f"{missing:,} rows have no group; fill or remove them.")
    joined = joined_groups(groups, equal)
    if joined.max() < pd.factorize(groups)[0].max():
        said.append(f"Groups that share a row were joined: {joined.max() + 1:,} groups are left.")
    return joined, said


def _splits(X, y, groups, cv, repeats, seed, *, given):
    """Train and test rows of every fold, the repeats, and a note where groups cross given folds."""
    if isinstance(cv, Integral):
        return make_folds(y, groups=groups, cv=cv, repeats=repeats, seed=seed), int(repeats), []
    if not (hasattr(cv, "split") or hasattr(cv, "__iter__")) or isinstance(cv, str):
        raise ValueError(f"cv must be a number of folds, a splitter or folds, not {cv!r}.")
    splits, crossing = [], 0
    for train, test in cv.split(X, y, given) if hasattr(cv, "split") else cv:
        train, test = (np.flatnonzero(one) if np.asarray(one).dtype == bool else one for one in (train, test))
        own = np.isin(train, test) if groups is None else np.isin(groups[train], groups[test])
        crossing += int(own.sum())
        splits.append((np.asarray(train)[~own], np.asarray(test)))
    if len(splits) < 2:
        raise ValueError(f"cv gives {len(splits)} folds; at least two are needed.")
    for number, sides in enumerate(splits):
        for side, rows in zip(("trains on", "tests"), sides, strict=True):
            if absent := sorted(set(np.unique(y).tolist()) - set(np.unique(y[rows]).tolist())):
                raise ValueError(f"Fold {number} of cv {side} no row of class {absent[0]!r}.")
    said = f"{crossing:,} training rows of the given folds equal test rows or share their group; left out."
    return splits, 1, [said] if crossing else []


def _sweep(y, classes, target):
    """Populations with ever more of the rarest class, the others in the target's proportions."""
    training = class_shares(y, classes)
    rare = rarest(training)
    shares = np.unique([*SWEEP, target[rare], training[rare]])
    priors = np.outer((1 - shares) / (1 - target[rare]), target)
    priors[:, rare] = shares
    return priors


def problem_facts(problem):
    """What the jobs of one comparison have in common, for its settings."""
    shares = class_shares(problem.y, problem.classes)
    counts = (shares * len(problem.y)).round().astype(int)
    dtypes = [] if issparse(problem.clean) else problem.clean.dtypes
    return {
        "data": _fingerprint(problem),
        "rows": len(problem.y),
        "features": problem.clean.shape[1],
        "categorical": sum(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes),
        "classes": problem.names,
        "class_rows": dict(zip(problem.names, counts.tolist(), strict=True)),
        "training_prior": dict(zip(problem.names, shares.tolist(), strict=True)),
        "target_prior": dict(zip(problem.names, problem.target.tolist(), strict=True)),
        "rarest": str(problem.rarest),
        "groups": None if problem.groups is None else len(np.unique(problem.groups)),
        "n_splits": len(problem.splits) // problem.n_repeats,
        "n_repeats": problem.n_repeats,
        "seed": problem.seed,
    }


def _fingerprint(problem):
    """Hash of features, labels and groups."""
    X = problem.X
    if not issparse(X):
        X = pd.DataFrame(X)
        types = [(name, str(dtype)) for name, dtype in X.dtypes.items()]
        X = types, pd.util.hash_pandas_object(X, index=False).to_numpy()
    return joblib.hash((X, problem.y.astype("str"), problem.groups))[:16]
