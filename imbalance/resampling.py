"""Choose rows: folds for rare classes, and samplers ready for the training rows at hand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from imblearn.utils import check_sampling_strategy
from scipy.sparse import coo_array, issparse
from scipy.sparse.csgraph import connected_components
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import get_tags
from sklearn.utils.validation import column_or_1d

from imbalance.reading import is_number

#: How often groups are dealt anew when a fold lacks a class.
ATTEMPTS = 20


class TooFewRows(ValueError):
    """A class has too few rows or groups for the folds; the message says which."""


def duplicate_groups(X):
    """Return a group number for every row of a frame or CSR matrix; equal rows share one, gaps being equal.

    >>> duplicate_groups(pd.DataFrame({"a": [1.0, 2.0, 1.0], "b": ["x", "x", "x"]})).tolist()
    [0, 1, 0]
    """
    if issparse(X):
        parts = [slice(*ends) for ends in pairwise(X.indptr.tolist())]
        return pd.factorize(pd.Series([X.indices[p].tobytes() + X.data[p].tobytes() for p in parts]))[0]
    codes = np.zeros(len(X), dtype="int64")
    for name in X.columns:
        # Column by column, exactly: hashes of rows might collide.
        values = pd.factorize(X[name], use_na_sentinel=False)[0]
        codes = pd.factorize(codes * (values.max(initial=0) + 1) + values)[0]
    return codes


def joined_groups(*groups):
    """Return groups that keep together whatever any of the given groupings keeps together.

    >>> joined_groups([0, 0, 1, 2], [5, 6, 6, 7]).tolist()
    [0, 0, 0, 1]
    """
    first, *others = [pd.factorize(np.asarray(group))[0] for group in groups]
    for other in others:
        size = first.max() + 1
        n_nodes = size + other.max() + 1
        links = coo_array((np.ones(len(first)), (first, size + other)), shape=(n_nodes, n_nodes))
        first = pd.factorize(connected_components(links, directed=False)[1][first])[0]
    return first


def check_groups(groups, n_rows):
    """Return the number of the group of every row, or None for None; refuse a row without group."""
    if groups is None:
        return None
    if np.ndim(groups) > 1 and np.shape(groups)[1:] != (1,):
        raise ValueError(f"groups must be one column, not have the shape {np.shape(groups)}.")
    groups = column_or_1d(groups)
    if len(groups) != n_rows:
        raise ValueError(f"There are {len(groups):,} groups for {n_rows:,} rows.")
    if missing := int(pd.isna(groups).sum()):
        raise ValueError(f"{missing:,} rows have no group; fill or remove them.")
    return groups


def listed_folds(cv, X, y, groups=None):
    """Return the folds of a splitter, or folds as they are given, as positions (train, test)."""
    if not (hasattr(cv, "split") or hasattr(cv, "__iter__")) or isinstance(cv, str):
        raise ValueError(f"cv must be a number of folds, a splitter or folds, not {cv!r}.")
    splits = [
        tuple(np.flatnonzero(side) if np.asarray(side).dtype == bool else np.asarray(side) for side in sides)
        for sides in (cv.split(X, y, groups) if hasattr(cv, "split") else cv)
    ]
    if len(splits) < 2:
        raise ValueError(f"cv gives {len(splits)} folds; at least two are needed.")
    for number, sides in enumerate(splits):
        if not all(len(rows) and rows.min() >= 0 and rows.max() < len(y) for rows in sides):
            raise ValueError(f"Fold {number} of cv needs rows on both sides, from 0 to {len(y) - 1}.")
    return splits


def make_folds(y, *, groups=None, cv=5, repeats=2, seed=0):
    """Return stratified folds (train, test), dealt several times; no group stands on both sides."""
    if cv < 2 or repeats < 1:
        raise ValueError(f"At least 2 folds and 1 repetition are needed, not {cv} and {repeats}.")
    seeds = range(seed, seed + 1000 * repeats, 1000)
    return [split for one in seeds for split in stratified_split(y, groups, cv=cv, seed=one)]


def inner_folds(y, groups=None, *, cv=5, seed=0):
    """Return the folds (train, test) of held-out predictions, in which every row is tested: of a splitter,
    folds as given, or stratified ones, fewer than `cv` where a class has fewer rows or groups."""
    cv = 5 if cv is None else cv
    folds = _as_many_folds(y, groups, cv, seed) if isinstance(cv, Integral) else None
    folds = listed_folds(cv, np.zeros(len(y)), y, groups) if folds is None else folds
    if any(len(np.unique(y[train])) < len(np.unique(y)) for train, _ in folds):
        raise ValueError("A class lies in one group only; its held-out predictions cannot be had.")
    if len(np.unique(np.concatenate([test for _, test in folds]))) < len(y):
        raise ValueError("The folds of cv leave out rows; each row must be tested once.")
    return folds


def _as_many_folds(y, groups, cv, seed):
    classes, counts = _counts(y, groups)
    if cv < 2:
        raise ValueError(f"cv must be two folds or more, got {cv}.")
    if counts.min() < 2:
        raise ValueError(
            f"Held-out predictions need two folds, and two {'rows' if groups is None else 'groups'} of each "
            f"class; class {classes[counts.argmin()].tolist()!r} has {counts.min()}."
        )
    # Groups of several classes cannot always be dealt to as many folds as a class has groups.
    for folds in range(int(min(cv, counts.min())), 2, -1):
        with suppress(TooFewRows):
            return stratified_split(y, groups, cv=folds, seed=seed)
    return stratified_split(y, groups, cv=2, seed=seed)


def _counts(y, groups):
    """Return the classes, and the rows or groups of each."""
    classes, codes = np.unique(y, return_inverse=True)
    pairs = pd.DataFrame({"code": codes, "of": range(len(codes)) if groups is None else groups})
    return classes, np.bincount(pairs.drop_duplicates()["code"])


def stratified_split(y, groups=None, *, cv=5, seed=0):
    """Return stratified folds (train, test) dealt once; raise TooFewRows where a class cannot be in each."""
    y = np.asarray(y)
    groups = None if groups is None else pd.factorize(np.asarray(groups))[0]
    groups = None if groups is None or groups.max() == len(y) - 1 else groups
    classes, counts = _counts(y, groups)
    if len(classes) < 2:
        raise ValueError(f"There is one class only ({classes[0]}); at least two are needed.")
    fewest = counts.min()
    if fewest < cv:
        one, more = ("row", "rows") if groups is None else ("group of equal rows", "groups of rows")
        raise TooFewRows(
            f"Class {classes[counts.argmin()]} has {fewest} {one if fewest == 1 else more}, fewer than "
            f"the {cv} folds. Take fewer folds or more rows."
        )
    if groups is None:
        return list(StratifiedKFold(cv, shuffle=True, random_state=seed).split(y, y))
    codes = np.unique(y, return_inverse=True)[1]
    for attempt in range(ATTEMPTS):
        fold = _deal(codes, groups, cv, seed + attempt)
        counts = coo_array((np.ones(len(y)), (fold, codes)), shape=(cv, len(classes))).toarray()
        if np.all(counts > 0):
            return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(cv)]
    raise TooFewRows(
        f"Class {classes[np.any(counts == 0, axis=0)][0]} cannot be dealt to all {cv} folds, since its rows "
        "stand in few groups. Take fewer folds."
    )


def _deal(codes, groups, cv, seed):
    """Return the fold of every row: large groups first, each to the fold that has least of its classes.

    scikit-learn's StratifiedGroupKFold does the same in minutes where groups are many.
    """
    shape = groups.max() + 1, codes.max() + 1
    counts = coo_array((np.ones(len(codes)), (groups, codes)), shape=shape).toarray()
    order = np.random.default_rng(seed).permutation(len(counts))
    # Sizes by powers of two, so that another seed deals large groups differently, too.
    size = np.floor(np.log2(counts.sum(axis=1)))
    order = order[np.argsort(-size[order], kind="stable")]
    shares = counts / counts.sum(axis=0)
    filled, rows = np.zeros((cv, shape[1])), np.zeros(cv)
    fold_of = np.empty(len(counts), dtype="int64")
    for group in order:
        fold = np.argmin(filled @ shares[group] + 1e-9 * rows)
        fold_of[group] = fold
        filled[fold] += shares[group]
        rows[fold] += counts[group].sum()
    return fold_of[groups]


# Samplers


@dataclass(frozen=True)
class Rule:
    """How many rows of some classes a sampler leaves: its ``sampling_strategy``."""

    number: float = 1.0

    def __call__(self, y):
        """Return the rows of each class that changes, by its name."""
        rows = _rows(y)
        return self._wanted(rows, max(rows, key=rows.get), min(rows, key=rows.get))


class DropMajority(Rule):
    """Drop a fraction of the largest class."""

    def _wanted(self, rows, largest, _):
        return {largest: max(1, round(rows[largest] * (1 - self.number)))}


class AtMost(Rule):
    """Cut every class to so many times the rows of the rarest.

    >>> AtMost(2)(["a"] * 60 + ["b"] * 7 + ["c"] * 5)
    {'a': 10, 'b': 7}
    """

    def _wanted(self, rows, _, rarest):
        return {c: min(n, int(self.number * rows[rarest])) for c, n in rows.items() if c != rarest}


class Grow(Rule):
    """Grow all classes but the largest by one factor, at most to its size.

    >>> Grow(3)(["a"] * 60 + ["b"] * 25 + ["c"] * 5)
    {'b': 60, 'c': 15}
    """

    def _wanted(self, rows, largest, _):
        return {c: min(rows[largest], round(self.number * n)) for c, n in rows.items() if c != largest}


class AtLeast(Rule):
    """Grow every class to at least a share of the rows of the largest."""

    def _wanted(self, rows, largest, _):
        return {c: max(n, round(self.number * rows[largest])) for c, n in rows.items() if c != largest}


class AsManyAsTheOthers(Rule):
    """Cut the largest class to the rows of all others together."""

    def _wanted(self, rows, largest, _):
        return {largest: min(rows[largest], sum(rows.values()) - rows[largest])}


def _rows(y):
    return pd.Series(np.asarray(y)).value_counts(sort=False).sort_index().to_dict()


def categorical_columns(X):
    """Return the columns between whose values there is nothing: categories, words, true or false, 0 or 1,
    which may be one of a one-hot code."""
    if issparse(X):
        return []
    if isinstance(X, pd.DataFrame):
        return [c for c in X.columns if not is_number(X[c]) or _is_indicator(X[c].to_numpy())]
    X = np.asarray(X)
    return [i for i in range(X.shape[1]) if X.dtype.kind not in "iuf" or _is_indicator(X[:, i])]


def _is_indicator(values):
    return not np.any((values != 0) & (values != 1) & ~pd.isna(values))


class FoldImputer(TransformerMixin, BaseEstimator):
    """Fill what is missing: the median of a number, the most frequent value of a category."""

    def fit(self, X, y=None):
        """Learn the values from training rows."""
        frame = pd.DataFrame(X)
        words = set(categorical_columns(X))
        self.empty_ = [c for c in frame.columns if frame[c].isna().all()]
        self.fillers_ = {c: _filler(frame[c].dropna(), c in words) for c in frame.columns}
        return self

    def transform(self, X):
        """Return rows without gaps, of the same type as `X`."""
        filled = pd.DataFrame(X).fillna(self.fillers_)
        return filled if isinstance(X, pd.DataFrame) else filled.to_numpy()


def _filler(known, is_category):
    """Return what stands in for a gap: of a column without values 0, a known category, or a word."""
    if len(known):
        return known.mode().iloc[0] if is_category else known.median()
    if isinstance(known.dtype, pd.CategoricalDtype):
        return next(iter(known.cat.categories), np.nan)
    return 0 if pd.api.types.is_numeric_dtype(known) else "missing"


def missing_columns(X):
    """Return the names (or numbers) of the columns with gaps."""
    if issparse(X):
        return []
    gaps = pd.DataFrame(X).isna().any()
    return gaps.index[gaps].tolist()


def takes_missing(sampler):
    """Return whether a sampler copies rows with gaps instead of refusing them."""
    return bool(get_tags(sampler).input_tags.allow_nan)


def prepare_sampler(sampler, X, y, *, seed):
    """Return a copy of a sampler that fits the training rows, and what had to change: SMOTE becomes
    SMOTENC or SMOTEN where columns are categorical (Chawla et al., JAIR 16, 2002), and looks at fewer
    neighbours."""
    sampler, notes = clone(sampler), []
    columns = categorical_columns(X) if type(sampler) is SMOTE else []
    if columns and len(columns) == X.shape[1]:
        sampler = SMOTEN(**sampler.get_params())
        notes.append("SMOTEN draws all columns from the neighbours: none is a number to interpolate.")
    elif columns:
        sampler = SMOTENC(columns, **sampler.get_params())
        listed = ", ".join(map(str, columns[:5])) + (", …" if len(columns) > 5 else "")
        what = "1 categorical column" if len(columns) == 1 else f"{len(columns)} categorical columns"
        notes.append(f"SMOTENC does not interpolate {what} ({listed}).")
    if isinstance(X, pd.DataFrame) and not get_tags(sampler).input_tags.string:
        for name in X.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in X.dtypes]]:
            raise ValueError(f"{type(sampler).__name__} cannot take the words of column {name!r}; encode it.")
    if isinstance(sampler, SMOTE):
        _lessen_neighbours(sampler, y, notes)
    if "random_state" in sampler.get_params(deep=False) and sampler.random_state is None:
        sampler.set_params(random_state=seed)
    return sampler, notes


def _lessen_neighbours(sampler, y, notes):
    k, rows = sampler.k_neighbors, _rows(y)
    grown = check_sampling_strategy(sampler.sampling_strategy, np.asarray(y), "over-sampling")
    smallest = min((c for c, new in grown.items() if new > 0), key=rows.get, default=None)
    if smallest is None or not isinstance(k, int) or (n := rows[smallest]) > k:
        return
    name = np.asarray(smallest).tolist()
    if n < 2:
        raise ValueError(
            f"SMOTE draws between rows, but class {name!r} has only one here; "
            "gather more, use fewer folds, or choose another strategy."
        )
    sampler.set_params(k_neighbors=n - 1)
    notes.append(f"SMOTE looks at {n - 1} neighbours instead of {k}: class {name!r} has {n} rows.")


def resample(samplers, X, y, *, seeds):
    """Return rows and labels after all samplers, the origin of each row (None where some are new), notes."""
    rows, notes, classes = np.arange(len(y)), [], set(np.unique(y).tolist())
    for sampler, seed in zip(samplers, seeds, strict=True):
        ready, said = prepare_sampler(sampler, X, y, seed=seed)
        X, y = ready.fit_resample(_floats(X) if isinstance(ready, SMOTE) else X, y)
        notes += said
        rows = rows[ready.sample_indices_] if rows is not None and hasattr(ready, "sample_indices_") else None
        if lost := classes - set(np.unique(y).tolist()):
            raise ValueError(f"{type(ready).__name__} leaves no row of class {sorted(lost)[0]!r}.")
    return X, y, rows, notes


def _floats(X):
    """Return whole numbers as floats: the sampler would cut off what it interpolates."""
    if not isinstance(X, pd.DataFrame):
        return X.astype("float64") if getattr(X, "dtype", np.dtype("O")).kind in "iu" else X
    words = categorical_columns(X)
    return X.astype({c: "float64" for c in X.columns if c not in words})
