"""Folds for rare classes: repeated, stratified, and never with the same row on both sides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, issparse
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import column_or_1d

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


def stratified_split(y, groups=None, *, cv=5, seed=0):
    """Return stratified folds (train, test) dealt once; raise TooFewRows where a class cannot be in each."""
    y = np.asarray(y)
    single = groups is None or len(np.unique(groups)) == len(y)
    _check_counts(y, None if single else np.asarray(groups), cv)
    if single:
        return list(StratifiedKFold(cv, shuffle=True, random_state=seed).split(y, y))
    classes, codes = np.unique(y, return_inverse=True)
    groups = pd.factorize(np.asarray(groups))[0]
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


def _check_counts(y, groups, cv):
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"There is one class only ({classes[0]}); at least two are needed.")
    if groups is not None:
        counts = np.array([len(np.unique(groups[y == label])) for label in classes])
    rarest = counts.argmin()
    if counts[rarest] < cv:
        one, more = ("row", "rows") if groups is None else ("group of equal rows", "groups of rows")
        what = one if counts[rarest] == 1 else more
        raise TooFewRows(
            f"Class {classes[rarest]} has {counts[rarest]} {what}, fewer than "
            f"the {cv} folds. Take fewer folds or more rows."
        )
