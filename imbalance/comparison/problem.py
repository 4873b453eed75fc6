"""The rows of a comparison, checked and made ready: folds, groups, target, populations to sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, issparse
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from imbalance.metrics import class_shares, rarest
from imbalance.probability import by_name, parse_target_prior, resolve_prior
from imbalance.reading import cell_text, features, holds_lists, labels
from imbalance.resampling import check_groups, duplicate_groups, joined_groups, listed_folds, make_folds

#: Shares of the rarest class along the sweep of targets.
SWEEP = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
#: A column alone tells the class if it is right for this share of the rows of every class; rows looked at.
TELLS, MOST_LOOKED_AT = 0.98, 5_000


@dataclass(frozen=True)
class Problem:
    """What all jobs of a comparison share.

    `X` are the features as they were given, for classifiers of the user; `clean` the same as numbers and
    categories, for models by name. `target` is the share of each of `classes`, which are sorted, in the
    population to predict for, `sweep` further populations, of shape (n_priors, n_classes). Rows of a group
    stand on one side of all `splits` (train, test), which come `repeats` times.
    """

    X: object
    clean: object
    y: np.ndarray
    classes: np.ndarray
    target: np.ndarray
    groups: np.ndarray | None
    splits: list
    repeats: int
    sweep: np.ndarray
    seed: int

    @property
    def rarest(self):
        """Return the label of the class with the fewest rows of all, the last of equals."""
        return self.classes[rarest(class_shares(self.y, self.classes))]

    @property
    def names(self):
        """Return the classes as text."""
        return [str(label) for label in self.classes]


def make_problem(X, y, *, target="balanced", cv=5, repeats=2, groups=None, seed=0, by_name=True):
    """Check rows and deal folds; return the problem, and notes that a reader of the result should know.

    `by_name` says whether a model by name is compared, which needs the rows as numbers and categories; the
    rest is as for :func:`imbalance.comparison.compare.compare`.
    """
    X, y = as_table(X), class_labels(y)
    if X.shape[0] != len(y):
        raise ValueError(f"There are {X.shape[0]:,} rows of features, but {len(y):,} labels.")
    clean = X if issparse(X) or isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    readable, notes = not issparse(X), []
    if readable:
        try:
            clean, notes, _ = features(clean)
        except ValueError:
            if by_name:
                raise
            readable = False
    whole, grouped = whole_groups(clean, groups)
    notes = [*(notes if by_name else ()), *(telling_columns(clean, y, whole) if readable else ())]
    classes = np.unique(y)
    shares = class_shares(y, classes)
    target, said = _target(target, classes, shares)
    if isinstance(cv, Integral):
        splits, dealt = make_folds(y, groups=whole, cv=cv, repeats=repeats, seed=seed), []
    else:
        splits, dealt = given_folds(cv, X, y, whole, given=groups)
        repeats = 1
        for number, sides in enumerate(splits):
            for side, rows in zip(("trains on", "tests"), sides, strict=True):
                if absent := sorted(set(classes.tolist()) - set(y[rows].tolist())):
                    raise ValueError(f"Fold {number} of cv {side} no row of class {absent[0]!r}.")
    # Populations with ever more of the rarest class, the others in the target's proportions.
    rare = rarest(shares)
    of_rare = np.unique([*SWEEP, target[rare], shares[rare]])
    sweep = np.outer((1 - of_rare) / (1 - target[rare]), target)
    sweep[:, rare] = of_rare
    problem = Problem(X, clean, y, classes, target, whole, splits, int(repeats), sweep, seed)
    return problem, [*notes, *said, *grouped, *dealt]


def as_table(X):
    """Return a frame as it is, one of Polars or Arrow as one of pandas, sparse rows in canonical CSR format,
    all else as an array."""
    if issparse(X):
        X = csr_matrix(X, copy=True)  # LightGBM takes no sparse arrays
        X.sum_duplicates()
        return X
    X = X.to_pandas() if hasattr(X, "to_pandas") else X
    if np.ndim(X) != 2 or not np.shape(X)[1]:
        raise ValueError(f"X must have rows and columns, not the shape {np.shape(X)}.")
    if not isinstance(X, pd.DataFrame):
        return np.asarray(X)
    if not X.columns.is_unique:
        raise ValueError(f"Two columns are called {X.columns[X.columns.duplicated()][0]!r}; rename one.")
    return X


def class_labels(y):
    """Return truth values, whole numbers and text as they are, other labels as text; refuse what names no
    classes.

    >>> class_labels(["b ", "a"]).tolist(), class_labels([1.0, 0.0]).tolist(), class_labels([0.5, 1]).tolist()
    (['b ', 'a'], [1.0, 0.0], ['0.5', '1.0'])
    """
    shape = np.shape(y)
    if len(shape) != 1 and shape[1:] != (1,):
        raise ValueError(f"The target must be one column, a class for every row; it has the shape {shape}.")
    y = pd.Series(np.asarray(y).ravel())
    labels(y, name="the target")
    plain = np.asarray(y.tolist())
    whole = plain.dtype.kind == "f" and np.all(plain % 1 == 0)  # scikit-learn takes no other for classes
    return plain if plain.dtype.kind in "biuU" or whole else plain.astype("str")


def _target(target, classes, training):
    """Return shares in the order of the classes, and a note where they were given in another."""
    target, said = by_name(parse_target_prior(target) if isinstance(target, str) else target), []
    if isinstance(target, Mapping):
        # A class that is the number 1.0 may be called 1.
        own = {name: label for label in classes.tolist() for name in (cell_text(label), str(label), label)}
        target = {own.get(name, name): share for name, share in target.items()}
    prior, order = resolve_prior(target, classes, training), ", ".join(map(str, classes))
    if isinstance(target, Mapping) and list(target) != classes.tolist():
        said = [f"The target prior lists the classes in another order than {order}; it was read by name."]
    if np.any(prior == 0):
        absent = classes[prior == 0][0]
        raise ValueError(f"The target prior gives {absent} no share; leave its rows out instead.")
    return prior, said


def whole_groups(X, groups=None):
    """Return groups that keep equal rows together, too (None where every row is alone), and notes."""
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
    groups = check_groups(groups, len(equal))
    joined = joined_groups(groups, equal)
    if joined.max() < pd.factorize(groups)[0].max():
        said.append(f"Groups that share a row were joined: {joined.max() + 1:,} groups are left.")
    return joined, said


def telling_columns(X, y, groups=None):
    """Return sentences on columns each of which alone tells the class of 98 % of the rows of every class: a
    tree of one column says so of half of at most 5,000 rows, one a group, that it was not fitted on."""
    if groups is not None:
        alone = np.unique(groups, return_index=True)[1]
        X, y = X.iloc[alone], np.asarray(y)[alone]
    y = np.unique(np.asarray(y), return_inverse=True)[1]
    counts = np.bincount(y)
    if counts.min() < 2:
        return []
    rows = np.random.default_rng(0).permutation(len(y))
    first = np.concatenate([rows[y[rows] == code][:100] for code in range(len(counts))])
    rows = np.union1d(first, rows[:MOST_LOOKED_AT])
    said, split = [], StratifiedKFold(2, shuffle=True, random_state=0)
    for name in X:
        words = isinstance(X[name].dtype, pd.CategoricalDtype)
        values = X[name].cat.codes if words else X[name].astype("float64")
        tree = DecisionTreeClassifier(max_leaf_nodes=max(32, 2 * len(counts)), random_state=0)
        told = cross_val_predict(tree, values.to_numpy()[rows, None], y[rows], cv=split)
        right = min(np.mean(told[y[rows] == code] == code) for code in range(len(counts)))
        if right >= TELLS:
            said.append(
                f"{name} alone tells the class of {right:.0%} of the rows of every class; leave it out "
                "(--drop) if it is not known before the class is."
            )
    return said


def given_folds(cv, X, y, groups, *, given=None):
    """Return the folds of a splitter or an iterable, less training rows that a test row or its group equals.

    The splitter sees the groups as `given`; a note says how many rows were left out.
    """
    splits, crossing = [], 0
    for train, test in listed_folds(cv, X, y, given):
        own = np.isin(train, test) if groups is None else np.isin(groups[train], groups[test])
        crossing += int(own.sum())
        splits.append((train[~own], test))
    said = f"{crossing:,} training rows of the given folds equal test rows or share their group; left out."
    return splits, [said] if crossing else []


def hashed(X):
    """Return what tells the rows of a table from others: names, types and a hash of every row of a frame."""
    if issparse(X):
        return X
    X = pd.DataFrame(X)
    types = [(name, str(dtype)) for name, dtype in X.dtypes.items()]
    for name in [name for name in X if holds_lists(X[name])]:
        X = X.copy(deep=False)
        X[name] = X[name].map(str)
    return types, pd.util.hash_pandas_object(X, index=False).to_numpy()


def problem_facts(problem):
    """Return what the jobs of one comparison have in common, for its settings."""
    shares = class_shares(problem.y, problem.classes)
    counts = (shares * len(problem.y)).round().astype(int)
    dtypes = [] if issparse(problem.clean) else problem.clean.dtypes

    def by_class(values):
        return dict(zip(problem.names, values.tolist(), strict=True))

    return {
        "data": joblib.hash((hashed(problem.X), problem.y.astype("str"), problem.groups))[:16],
        "rows": len(problem.y),
        "features": problem.clean.shape[1],
        "categorical": sum(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes),
        "classes": problem.names,
        "class_rows": by_class(counts),
        "training_prior": by_class(shares),
        "target_prior": by_class(problem.target),
        "rarest": str(problem.rarest),
        "groups": None if problem.groups is None else len(np.unique(problem.groups)),
        "folds": len(problem.splits) // problem.repeats,
        "repeats": problem.repeats,
        "seed": problem.seed,
    }
