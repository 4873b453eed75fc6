"""Label sets that hold the true one at a stated rate for every class."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted

from imbalance.estimators import HeldOutClassifier
from imbalance.metrics import class_codes, class_shares
from imbalance.probability import check_coverage, resolve_prior

#: What floats may add to a share of rows.
TINY = 1e-9


class LabelSetClassifier(HeldOutClassifier):
    """Classifier that predicts sets of labels, which hold the true one at a stated rate for every class.

    A label is in the set of a row unless the row's probability for it is among the lowest 10 % of those that
    training rows of that class have, by classifiers that were not fitted on them [1]_ [2]_. So 90 % of the
    rows of each class have it in their set: of the rare class, too, and in a population with other shares.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned. It may weight, resample or correct its prior.
    coverage : float
        Share of the rows whose set holds their class.
    target : {"training", "balanced"}, mapping or array-like of shape (n_classes,), optional
        Where given (now or by ``set_params`` after `fit`), the coverage is that of all rows of a population
        with these class shares together [3]_, and of no single class: the sets are smaller, at the expense
        of the classes that are hard to tell. The `estimator` should be corrected to the same shares.
    cv : int, splitter or iterable of (train, test)
        Folds for the held-out predictions: so many copies are fitted besides the classifier.
    random_state : int, RandomState instance or None
        Of the folds, of the copies that rows are dealt to, and of ties.

    Attributes
    ----------
    classes_, n_rows_ : numpy.ndarray of shape (n_classes,)
        Sorted labels, and the training rows of each.
    estimator_, estimators_ : classifier, list of length n_folds
        Fitted on all rows, it gives `predict` and `predict_proba`; the copies, each fitted without one fold,
        give the sets.

    Notes
    -----
    Each new row is dealt at random to one of the copies, as a training row was predicted by one that did not
    know it. The mean of the copies would break the coverage (.89 and .94 instead of .90, for boosted trees
    and a class of 50 rows), a comparison of each with its own fold makes sets larger than asked for (.93).
    For a classifier fitted before (``FrozenEstimator``, other rows) the coverage of a class of n rows lies
    between what is asked for and 1 / (n + 1) above it, in the mean; that of one fit varies (by .04 for 50
    rows, .013 for 500). A class of fewer than 9 rows is in every set of 90 %, and `fit` warns. Probabilities
    that tie are drawn by lot. With `groups` the coverage is that of rows of new groups. An empty set says
    that the row is unlike most training rows of any class.

    References
    ----------
    .. [1] V. Vovk, Conditional validity of inductive conformal predictors, Machine Learning 92, 2013.
    .. [2] M. Sadinle, J. Lei, L. Wasserman, Least ambiguous set-valued classifiers, JASA 114, 2019.
    .. [3] A. Podkopaev, A. Ramdas, Distribution-free uncertainty under label shift, UAI 2021.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(1000, 1)), np.repeat(["common", "rare"], [900, 100])
    >>> X[y == "rare"] += 2
    >>> model = LabelSetClassifier(GaussianNB(), coverage=0.9, random_state=0).fit(X, y)
    >>> model.predict_set([[-1.0], [1.0], [3.0]]).to_numpy().tolist()
    [[True, False], [True, True], [False, True]]
    """

    def __init__(self, estimator, coverage=0.9, *, target=None, cv=5, random_state=None):
        self.estimator = estimator
        self.coverage = coverage
        self.target = target
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None, **params):
        """Fit the classifier and the copies for held-out predictions.

        Takes rows, labels, weights and groups as
        :meth:`imbalance.estimators.PriorCorrectedClassifier.fit`; rows of weight zero are left out of the
        comparison. Groups and `params` also go to the estimator's fit. Warns if a class has too few rows for
        the coverage. Returns self.
        """
        check_coverage(self.coverage)
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        codes = class_codes(y, self.classes_)
        used = np.ones(len(y), dtype=bool) if sample_weight is None else sample_weight > 0
        self.n_rows_ = np.bincount(codes[used], minlength=len(self.classes_))
        self._training_prior = class_shares(y, self.classes_, sample_weight)
        self._weights_of_rows()
        params = self._fit_parameters(sample_weight, groups, params)
        self.estimator_ = self._fitted(X, y, params)
        self._seed = check_random_state(self.random_state).randint(np.iinfo("int32").max)
        self.estimators_, held_out = self._held_out(X, y, groups, params, self._seed)
        own = held_out[np.arange(len(y)), codes]
        self._scores = [np.sort(own[used & (codes == k)]) for k in range(len(self.classes_))]
        self._warn_of_small_classes(self.coverage)
        return self

    def _weights_of_rows(self):
        """Return the weight of a training row of each class (column) for a label (row)."""
        if self.target is None:
            return np.eye(len(self.classes_))
        target = resolve_prior(self.target, self.classes_, self._training_prior)
        return np.tile(target / self.n_rows_ * self.n_rows_.sum(), (len(target), 1))

    def _warn_of_small_classes(self, coverage):
        small = (
            [] if self.target is not None else np.flatnonzero(1 / (self.n_rows_ + 1) > 1 - coverage + TINY)
        )
        for k in small:
            warnings.warn(
                f"Class {self.classes_[k : k + 1].tolist()[0]!r} has {self.n_rows_[k]} rows; sets of "
                f"{coverage:.0%} need {int(np.ceil(1 / (1 - coverage) - 1 - TINY))}. It is in every set.",
                UserWarning,
                stacklevel=3,
            )

    def predict_set(self, X, coverage=None):
        """Return whether each class (column) is in the set of each row, at another coverage if one is given.

        Parameters
        ----------
        X : pandas.DataFrame or array-like of shape (n_samples, n_features)
        coverage : float, optional

        Returns
        -------
        pandas.DataFrame of bool, shape (n_samples, n_classes)
            Under the index of `X`.
        """
        check_is_fitted(self)
        if coverage is None:
            coverage = self.coverage
        else:
            check_coverage(coverage)
            self._warn_of_small_classes(coverage)
        return self.p_values(X) > 1 - coverage + TINY

    def p_values(self, X):
        """Return how usual each row is for each class: a label is in the sets of coverage 1 - p and above.

        That is the share of the training rows of the class (of all rows, with `target`) that look as unlike
        it; a frame of floats of shape (n_samples, n_classes).
        """
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        rng = np.random.default_rng(self._seed)
        scores = self._dealt(X, rng)
        lots = rng.random(scores.shape)
        weights = self._weights_of_rows()
        itself = np.diag(weights)
        total = weights @ self.n_rows_ + itself
        values = np.empty_like(scores)
        for label in range(len(self.classes_)):
            lower = np.full(len(scores), itself[label])
            for k in np.flatnonzero(weights[label]):
                below = np.searchsorted(self._scores[k], scores[:, label], side="left")
                ties = np.searchsorted(self._scores[k], scores[:, label], side="right") - below
                lower += weights[label, k] * (below + lots[:, label] * ties)
            values[:, label] = lower / total[label]
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(values, index=index, columns=self.classes_)

    def _dealt(self, X, rng):
        """Return the probabilities of every row by the copy that it is dealt to."""
        copy_of = rng.integers(len(self.estimators_), size=X.shape[0])
        probabilities = np.empty((len(copy_of), len(self.classes_)))
        for number, copy in enumerate(self.estimators_):
            if len(rows := np.flatnonzero(copy_of == number)):
                probabilities[rows] = copy.predict_proba(_safe_indexing(X, rows))
        return probabilities

    def predict(self, X):
        """Return labels by the estimator inside, of shape (n_samples,)."""
        check_is_fitted(self)
        return self.estimator_.predict(self._check_rows(X, reset=False))
