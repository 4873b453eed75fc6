"""Make samplers ready for the training rows at hand: seeds, categories, missing values, small classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from imblearn.utils import check_sampling_strategy
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags

from imbalance.reading import is_number


@dataclass(frozen=True)
class DropMajority:
    """Rows to keep of each class when a fraction of the largest one is dropped.

    Examples
    --------
    >>> DropMajority(5 / 6)(["a"] * 60 + ["b"] * 5)
    {'a': 10}
    """

    fraction: float = 5 / 6

    def __call__(self, y):
        """Return the rows to keep of the largest class, by its name."""
        rows = _rows(y)
        largest = max(rows, key=rows.get)
        return {largest: max(1, round(rows[largest] * (1 - self.fraction)))}


@dataclass(frozen=True)
class AtMost:
    """Rows to keep of each class when none may exceed `times` the rarest one.

    Examples
    --------
    >>> AtMost(2)(["a"] * 60 + ["b"] * 7 + ["c"] * 5)
    {'a': 10, 'b': 7}
    """

    times: float = 1.0

    def __call__(self, y):
        """Return the rows to keep of every class but the rarest, by name."""
        rows = _rows(y)
        rarest = min(rows, key=rows.get)
        return {c: min(n, int(self.times * rows[rarest])) for c, n in rows.items() if c != rarest}


@dataclass(frozen=True)
class Grow:
    """Rows of each class when all but the largest grow by one factor, at most to its size.

    Examples
    --------
    >>> Grow(3)(["a"] * 60 + ["b"] * 25 + ["c"] * 5)
    {'b': 60, 'c': 15}
    """

    times: float = 3.0

    def __call__(self, y):
        """Return the rows to reach of every class but the largest, by name."""
        rows = _rows(y)
        largest = max(rows, key=rows.get)
        return {c: min(rows[largest], round(self.times * n)) for c, n in rows.items() if c != largest}


@dataclass(frozen=True)
class AtLeast:
    """Rows of each class when none may have less than a share of the largest one.

    Examples
    --------
    >>> AtLeast(0.5)(["a"] * 60 + ["b"] * 40 + ["c"] * 5)
    {'b': 40, 'c': 30}
    """

    share: float = 1.0

    def __call__(self, y):
        """Return the rows to reach of every class but the largest, by name."""
        rows = _rows(y)
        largest = max(rows, key=rows.get)
        return {c: max(n, round(self.share * rows[largest])) for c, n in rows.items() if c != largest}


@dataclass(frozen=True)
class AsManyAsTheOthers:
    """Rows to keep of the largest class when it may be no more than all others together.

    Examples
    --------
    >>> AsManyAsTheOthers()(["a"] * 60 + ["b"] * 25 + ["c"] * 5)
    {'a': 30}
    """

    def __call__(self, y):
        """Return the rows to keep of the largest class, by its name."""
        rows = _rows(y)
        largest = max(rows, key=rows.get)
        return {largest: min(rows[largest], sum(rows.values()) - rows[largest])}


def _rows(y):
    classes, counts = np.unique(np.asarray(y), return_counts=True)
    return dict(zip(classes.tolist(), counts.tolist(), strict=True))


def categorical_columns(X):
    """Return the columns between whose values there is nothing: categories, words, true or false, 0 or 1.

    Parameters
    ----------
    X : pandas.DataFrame or array-like of shape (n_samples, n_features)

    Returns
    -------
    list
        Names of a frame's columns, numbers of an array's. A 0-1 column may be part of a one-hot code: 0.3
        of a category does not exist.

    Examples
    --------
    >>> categorical_columns(pd.DataFrame({"size": [1.5, 2.5], "road": [0, 1], "city": ["A", "B"]}))
    ['road', 'city']
    """
    if issparse(X):
        return []
    if isinstance(X, pd.DataFrame):
        return [c for c in X.columns if not is_number(X[c]) or _is_indicator(X[c].to_numpy())]
    X = np.asarray(X)
    return [i for i in range(X.shape[1]) if X.dtype.kind not in "iuf" or _is_indicator(X[:, i])]


def _is_indicator(values):
    return not np.any((values != 0) & (values != 1) & ~pd.isna(values))


class FoldImputer(TransformerMixin, BaseEstimator):
    """Fill what is missing: the median of a number, the most frequent value of a category.

    Attributes
    ----------
    fillers_ : dict
        Column (name or number) to the value that stands in: 0, or a word, in a column without values.
    empty_ : list
        Columns without values.
    """

    def fit(self, X, y=None):
        """Learn the values from training rows."""
        frame = pd.DataFrame(X)
        words = set(categorical_columns(X))
        self.empty_ = [c for c in frame.columns if frame[c].isna().all()]
        self.fillers_ = {c: _filler(frame[c], c in words) for c in frame.columns}
        return self

    def transform(self, X):
        """Return rows without gaps, of the same type as `X`."""
        filled = pd.DataFrame(X).fillna(self.fillers_)
        return filled if isinstance(X, pd.DataFrame) else filled.to_numpy()


def _filler(column, is_category):
    known = column.dropna()
    if known.empty:
        return _constant(column)
    return known.mode().iloc[0] if is_category else known.median()


def _constant(column):
    if isinstance(column.dtype, pd.CategoricalDtype):
        return next(iter(column.cat.categories), np.nan)
    return 0 if pd.api.types.is_numeric_dtype(column) else "missing"


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
    """Return a copy of a sampler that fits the training rows, and what had to change.

    A plain SMOTE becomes SMOTENC where some columns are categorical and SMOTEN where all are [1]_; its
    neighbours become fewer where a class to grow has fewer rows. A seed is set where there is none.

    Parameters
    ----------
    sampler : imbalanced-learn sampler
        It is cloned.
    X : pandas.DataFrame or array-like of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,)
        Their classes.
    seed : int
        For its random numbers.

    Returns
    -------
    sampler : imbalanced-learn sampler
    notes : list of str

    Raises
    ------
    ValueError
        If a class to grow has one row, or if a column of words meets a sampler that needs numbers.

    References
    ----------
    .. [1] N. Chawla, K. Bowyer, L. Hall, W. Kegelmeyer, SMOTE: synthetic minority over-sampling
       technique, Journal of Artificial Intelligence Research 16, 321-357, 2002, section 6.
    """
    sampler, notes = clone(sampler), []
    if type(sampler) is SMOTE:
        sampler = _smote_for_columns(sampler, X, notes)
    _refuse_words(sampler, X)
    if isinstance(sampler, SMOTE):
        _lessen_neighbours(sampler, y, notes)
    if "random_state" in sampler.get_params(deep=False) and sampler.random_state is None:
        sampler.set_params(random_state=seed)
    return sampler, notes


def _smote_for_columns(sampler, X, notes):
    columns = categorical_columns(X)
    if not columns:
        return sampler
    if len(columns) == X.shape[1]:
        notes.append("SMOTEN draws all columns from the neighbours: none is a number to interpolate.")
        return SMOTEN(**sampler.get_params())
    listed = ", ".join(map(str, columns[:5])) + (", …" if len(columns) > 5 else "")
    what = "1 categorical column" if len(columns) == 1 else f"{len(columns)} categorical columns"
    notes.append(f"SMOTENC does not interpolate {what} ({listed}).")
    return SMOTENC(columns, **sampler.get_params())


def _refuse_words(sampler, X):
    if get_tags(sampler).input_tags.string or not isinstance(X, pd.DataFrame):
        return
    words = [c for c in X.columns if not pd.api.types.is_numeric_dtype(X[c])]
    if words:
        raise ValueError(
            f"{type(sampler).__name__} cannot take the words of column {words[0]!r}; use SMOTE, or encode it."
        )


def _lessen_neighbours(sampler, y, notes):
    k = sampler.k_neighbors
    rows = _rows(y)
    grown = check_sampling_strategy(sampler.sampling_strategy, np.asarray(y), "over-sampling")
    smallest = min((c for c, new in grown.items() if new > 0), key=rows.get, default=None)
    if smallest is None or not isinstance(k, int) or rows[smallest] > k:
        return
    name = np.asarray(smallest).tolist()
    if rows[smallest] < 2:
        raise ValueError(
            f"SMOTE draws between rows, but class {name!r} has only one here; "
            "gather more, use fewer folds, or choose another strategy."
        )
    sampler.set_params(k_neighbors=rows[smallest] - 1)
    notes.append(
        f"SMOTE looks at {rows[smallest] - 1} neighbours instead of {k}: "
        f"class {name!r} has {rows[smallest]} rows."
    )


def resample(samplers, X, y, *, seeds):
    """Return the training rows after every sampler in turn.

    Parameters
    ----------
    samplers : list of imbalanced-learn samplers
    X : pandas.DataFrame or array-like of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,)
        Their classes.
    seeds : list of int
        One for each sampler.

    Returns
    -------
    X, y
        The rows to fit on; of the same types.
    rows : numpy.ndarray of int or None
        Where each of them comes from; None where a sampler made new ones.
    notes : list of str

    Raises
    ------
    ValueError
        If a sampler leaves no row of a class.
    """
    rows, notes, classes = np.arange(len(y)), [], set(np.unique(y).tolist())
    for sampler, seed in zip(samplers, seeds, strict=True):
        ready, said = prepare_sampler(sampler, X, y, seed=seed)
        if isinstance(ready, SMOTE):
            X = _floats(X)
        X, y = ready.fit_resample(X, y)
        notes += said
        rows = rows[ready.sample_indices_] if rows is not None and hasattr(ready, "sample_indices_") else None
        lost = classes - set(np.unique(y).tolist())
        if lost:
            raise ValueError(f"{type(ready).__name__} leaves no row of class {sorted(lost)[0]!r}.")
    return X, y, rows, notes


def _floats(X):
    """Return whole numbers as floats: the sampler would cut off what it interpolates."""
    if not isinstance(X, pd.DataFrame):
        return X.astype("float64") if getattr(X, "dtype", np.dtype("O")).kind in "iu" else X
    words = categorical_columns(X)
    return X.astype({c: "float64" for c in X.columns if c not in words})
