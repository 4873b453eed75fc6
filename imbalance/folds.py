"""Folds for rare classes: repeated, stratified, and never with the same row on both sides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, issparse
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedKFold

#: How often groups are dealt anew when a fold lacks a class.
ATTEMPTS = 20


class TooFewRows(ValueError):
    """A class has too few rows or groups for the folds; the message says which."""


def duplicate_groups(X):
    """Group number of every row; rows with equal features share one, missing values being equal.

    Parameters
    ----------
    X : DataFrame or sparse matrix of shape (n_samples, n_features)
        Numbers and categories; sparse rows in canonical CSR format.

    Returns
    -------
    numpy.ndarray of int of shape (n_samples,)

    Examples
    --------
    >>> duplicate_groups(pd.DataFrame({"a": [1.0, 2.0, 1.0], "b": ["x", "x", "x"]})).tolist()
    [0, 1, 0]
    """
    if issparse(X):
        starts = X.indptr.tolist()
        parts = [slice(*ends) for ends in pairwise(starts)]
        return pd.factorize(pd.Series([X.indices[p].tobytes() + X.data[p].tobytes() for p in parts]))[0]
    codes = np.zeros(len(X), dtype="int64")
    for name in X.columns:
        # Column by column, exactly: hashes of rows might collide.
        values = pd.factorize(X[name], use_na_sentinel=False)[0]
        codes = pd.factorize(codes * (values.max(initial=0) + 1) + values)[0]
    return codes


def joined_groups(*groups):
    """Groups that keep together whatever any of the given groupings keeps together.

    Parameters
    ----------
    *groups : array-like of int of shape (n_samples,)
        Group numbers.

    Returns
    -------
    numpy.ndarray of int of shape (n_samples,)

    Examples
    --------
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


def make_folds(y, *, groups=None, n_splits=5, n_repeats=2, seed=0):
    """Repeated stratified folds; with groups, none stands on both sides.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class of every row.
    groups : array-like of int of shape (n_samples,), optional
        Group of every row.
    n_splits, n_repeats : int
        Folds, and how often they are dealt.
    seed : int
        Order of the rows.

    Returns
    -------
    list of (train, test)
        Row numbers, repeat by repeat.

    Raises
    ------
    TooFewRows
        If a class has fewer rows or groups than folds, or cannot be dealt to all of them.
    ValueError
        If there is one class only, or the numbers make no sense.
    """
    if n_splits < 2 or n_repeats < 1:
        raise ValueError(f"At least 2 folds and 1 repetition are needed, not {n_splits} and {n_repeats}.")
    return [
        split
        for repeat in range(n_repeats)
        for split in stratified_split(y, groups, n_splits=n_splits, seed=seed + 1000 * repeat)
    ]


def stratified_split(y, groups=None, *, n_splits=5, seed=0):
    """Stratified folds once; the arguments are those of :func:`make_folds`.

    Returns
    -------
    list of (train, test)
        Row numbers.
    """
    y = np.asarray(y)
    single = groups is None or len(np.unique(groups)) == len(y)
    _check_counts(y, None if single else np.asarray(groups), n_splits)
    if single:
        return list(StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(y, y))
    return _deal_groups(y, groups, n_splits, seed)


def _deal_groups(y, groups, n_splits, seed):
    classes, y = np.unique(y, return_inverse=True)
    groups = pd.factorize(np.asarray(groups))[0]
    for attempt in range(ATTEMPTS):
        fold = _stratified_deal(y, groups, n_splits, seed + attempt)
        counts = coo_array((np.ones(len(y)), (fold, y)), shape=(n_splits, len(classes))).toarray()
        if np.all(counts > 0):
            return [
                (np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(n_splits)
            ]
    lacking = classes[np.any(counts == 0, axis=0)][0]
    raise TooFewRows(
        f"Class {lacking} cannot be dealt to all {n_splits} folds, since its rows stand in few groups. "
        "Take fewer folds."
    )


def _stratified_deal(y, groups, n_splits, seed):
    """Fold of every row: large groups first, each to the fold that has least of its classes.

    scikit-learn's StratifiedGroupKFold does the same in minutes where groups are many.
    """
    shape = groups.max() + 1, y.max() + 1
    counts = coo_array((np.ones(len(y)), (groups, y)), shape=shape).toarray()
    order = np.random.default_rng(seed).permutation(len(counts))
    # Sizes by powers of two, so that another seed deals large groups differently, too.
    size = np.floor(np.log2(counts.sum(axis=1)))
    order = order[np.argsort(-size[order], kind="stable")]
    shares = counts / counts.sum(axis=0)
    filled, rows = np.zeros((n_splits, shape[1])), np.zeros(n_splits)
    fold_of = np.empty(len(counts), dtype="int64")
    for group in order:
        fold = np.argmin(filled @ shares[group] + 1e-9 * rows)
        fold_of[group] = fold
        filled[fold] += shares[group]
        rows[fold] += counts[group].sum()
    return fold_of[groups]


def _check_counts(y, groups, n_splits):
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"There is one class only ({classes[0]}); at least two are needed.")
    if groups is not None:
        pairs = pd.DataFrame({"class": y, "group": groups}).drop_duplicates()
        counts = pairs["class"].value_counts().reindex(classes).to_numpy()
    rarest = counts.argmin()
    if counts[rarest] < n_splits:
        units = ("row", "rows") if groups is None else ("group of equal rows", "groups of rows")
        what = units[int(counts[rarest] != 1)]
        raise TooFewRows(
            f"Class {classes[rarest]} has {counts[rarest]} {what}, fewer than the {n_splits} folds. "
            "Take fewer folds or more rows."
        )
