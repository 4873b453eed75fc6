"""A classifier that keeps book of the class proportions its probabilities stand for."""

from __future__ import annotations

from contextlib import suppress
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted

from imbalance.calibration import fit_calibrator
from imbalance.doors import MetaClassifier, mean_corrected, resolve_prior
from imbalance.folds import TooFewRows, stratified_split
from imbalance.metrics import class_codes, class_shares
from imbalance.resampling import FoldImputer, missing_columns, resample, takes_missing
from imbalance.weighting import fit_weighted, own_weights, rule_weights


class PriorCorrectedClassifier(MetaClassifier):
    """Classifier whose probabilities stand for the class shares of a given population.

    A sampler and weights change the class shares that a classifier learns from, and its probabilities with
    them. This one keeps book: it resamples and weights the training rows inside `fit`, computes the
    *effective* prior of what the classifier really saw, and corrects its probabilities to `target_prior`
    [1]_ [2]_. It corrects once: of a nested classifier of this kind it takes the prior that one stands for.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned. Its own ``class_weight`` is counted; other ways to weight or resample inside are
        refused, because they hide the prior.
    target_prior : {"training", "balanced"}, mapping, array-like of shape (n_classes,) or None
        Class shares of the population to predict for: a mapping from class to share in any order, or
        shares in the order of ``classes_`` (sorted). None leaves the probabilities as the estimator gives
        them.
    sampler : imbalanced-learn sampler or list of them, optional
        Applied in turn to the training rows only.
    weights : None, "balanced", "target" or mapping
        Row weights by class: so that the classes count alike, so that they have the shares of
        `target_prior`, or as given. They come after the sampler, on top of `sample_weight`.
    calibration : {"none", "prior", "sigmoid"}
        On held-out predictions for original training rows, never resampled ones, inside `fit`. "prior"
        estimates the effective prior instead of counting it; "sigmoid" calibrates slope and biases
        (:func:`imbalance.calibration.fit_calibrator`). Both cost `cv` more fits.
    n_members : int
        Copies fitted on their own draws of the sampler and averaged (bagging).
    cv : int, splitter or iterable of (train, test)
        Stratified folds for held-out predictions, fewer where a class has fewer rows or groups; or folds
        of your own, which test every row once.
    random_state : int, RandomState instance or None
        Of the samplers and of the inner folds; the estimator's seed is its own.

    Attributes
    ----------
    classes_ : numpy.ndarray of shape (n_classes,)
        Sorted labels.
    training_prior_, effective_prior_, target_prior_ : numpy.ndarray of shape (n_classes,)
        Shares of the training rows; of what the estimator saw after sampler and weights (for calibration
        "prior", as estimated); and of the population that the probabilities stand for.
    nominal_prior_ : numpy.ndarray of shape (n_classes,)
        The effective prior as counted from resampled labels and weights.
    estimators_ : list of length n_members
        The fitted classifiers.
    priors_ : numpy.ndarray of shape (n_members, n_classes)
        The effective prior of each.
    notes_ : list of str
        What had to be changed to fit: imputed columns, fewer neighbours, another SMOTE.

    Notes
    -----
    The counted prior is what the probabilities stand for if they are calibrated for the rows that the
    classifier saw, and if those look, class by class, like original ones: linear models, random
    under-sampling. SMOTE's rows lie between neighbours, repeated rows are known by heart; boosted trees
    tell both from new ones, and on new rows their probabilities stay close to the training prior although
    the labels were balanced. Corrected from the counted prior they are corrected wrongly, too.
    ``calibration="prior"`` estimates the prior that they do stand for. If the probabilities are
    proportional to ``p(x | class) * effective prior``, then correcting from the right prior to the
    training prior makes their mean over original rows equal to the training prior, and no other does; the
    estimate is the prior with that property on held-out rows, which is also the one of largest
    likelihood. The mean probability by itself is no such estimate: it is a mean over the training
    population of probabilities for another.

    Members are corrected each from its own prior and then averaged. The loss is convex, so the average is
    at least as good on the target population as its members are in the mean; averaged before, that would
    hold for the resampled population only.

    Rows with missing values reach samplers that refuse them through an imputer that is fitted on the
    training rows, in prediction, too: otherwise "missing" would mean "not synthetic".

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    .. [2] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a classifier to new a
       priori probabilities, Neural Computation 14, 21-41, 2002.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = [[0.0], [1.0], [2.0], [1.0], [2.0], [3.0]], ["no", "no", "no", "no", "yes", "yes"]
    >>> model = PriorCorrectedClassifier(GaussianNB(), target_prior={"yes": 0.5, "no": 0.5}).fit(X, y)
    >>> model.effective_prior_.round(3).tolist(), model.target_prior_.tolist()
    ([0.667, 0.333], [0.5, 0.5])
    """

    def __init__(
        self,
        estimator,
        *,
        target_prior="training",
        sampler=None,
        weights=None,
        calibration="none",
        n_members=1,
        cv=5,
        random_state=None,
    ):
        self.estimator = estimator
        self.target_prior = target_prior
        self.sampler = sampler
        self.weights = weights
        self.calibration = calibration
        self.n_members = n_members
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        """Resample, weight, fit, and keep book of the prior.

        Parameters
        ----------
        X : pandas.DataFrame or array-like of shape (n_samples, n_features)
            Training rows, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row; refused where a sampler makes new rows.
        groups : array-like of shape (n_samples,), optional
            Rows of a group stay together in the folds of the calibration.

        Returns
        -------
        self
        """
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        self.training_prior_ = class_shares(y, self.classes_, sample_weight)
        self.notes_ = []
        random = check_random_state(self.random_state)
        self._fit_members(self._imputed(X, fit=True), y, sample_weight, random)
        self._note_target()
        self._calibrator = None
        if self.calibration != "none":
            self.calibrate(X, y, sample_weight=sample_weight, groups=groups)
        return self

    def _note_target(self):
        self.target_prior_ = self.effective_prior_
        if self.target_prior is not None:
            self.target_prior_ = resolve_prior(self.target_prior, self.classes_, self.training_prior_)

    def _samplers(self):
        if self.sampler is None:
            return []
        return list(self.sampler) if isinstance(self.sampler, list | tuple) else [self.sampler]

    def _imputed(self, X, *, fit=False):
        if fit:
            self.imputer_ = None
            strict = [s for s in self._samplers() if not takes_missing(s)]
            gaps = missing_columns(X) if strict else []
            if gaps:
                self.imputer_ = FoldImputer().fit(X)
                filled = "1 column was filled" if len(gaps) == 1 else f"{len(gaps)} columns were filled"
                self.notes_.append(
                    f"{type(strict[0]).__name__} cannot take missing values: {filled} "
                    "with the median or the most frequent value of the training rows."
                )
                self.notes_ += [
                    f"Column {name!r} holds no value in the training rows; it was filled with a constant."
                    for name in self.imputer_.empty_
                ]
        return X if self.imputer_ is None else self.imputer_.transform(X)

    def _fit_members(self, X, y, sample_weight, random):
        self.estimators_, priors = [], []
        for _ in range(self.n_members):
            seeds = random.randint(np.iinfo("int32").max, size=len(self._samplers())).tolist()
            estimator, prior = self._fit_member(X, y, sample_weight, seeds)
            self.estimators_.append(estimator)
            priors.append(prior)
        self._counted = self.priors_ = np.array(priors)
        self.nominal_prior_ = self.effective_prior_ = self.priors_.mean(axis=0)
        self.notes_ = list(dict.fromkeys(self.notes_))

    def _fit_member(self, X, y, sample_weight, seeds):
        if seeds:
            X, y, rows, notes = resample(self._samplers(), X, y, seeds=seeds)
            self.notes_ += notes
            if sample_weight is not None and rows is None:
                raise ValueError(
                    "Rows that a sampler makes have no weight; pass sample_weight or that sampler."
                )
            sample_weight = None if sample_weight is None else sample_weight[rows]
        by_rule = rule_weights(self.weights, y, self.classes_, sample_weight, self._weight_target)
        own = own_weights(self.estimator, y, weighted=by_rule is not None)
        estimator = fit_weighted(clone(self.estimator), X, y, by_rule)
        seen = np.ones(len(y)) if by_rule is None else by_rule
        return estimator, _output_prior(estimator, class_shares(y, self.classes_, seen * own))

    def _weight_target(self):
        if self.target_prior is None:
            raise ValueError("weights='target' needs a target_prior.")
        return resolve_prior(self.target_prior, self.classes_, self.training_prior_)

    def calibrate(self, X, y, *, method=None, sample_weight=None, groups=None):
        """Calibrate a fitted classifier on held-out predictions for its own training rows.

        Parameters
        ----------
        X, y, sample_weight, groups
            The rows that the classifier was fitted on, as for :meth:`fit`.
        method : {"none", "prior", "sigmoid"}, optional
            Kind of calibration; as the parameter `calibration` says if None.

        Returns
        -------
        self
        """
        method = self.calibration if method is None else method
        _, held_out = held_out_probabilities(self, X, y, sample_weight=sample_weight, groups=groups)
        fitted = fit_calibrator(held_out, class_codes(y, self.classes_), method=method, weights=sample_weight)
        self._calibrator = None if method in ("none", "prior") else fitted
        if method == "prior":
            self.priors_ = self._counted * np.exp(-fitted.biases)
            self.priors_ /= self.priors_.sum(axis=1, keepdims=True)
            self.effective_prior_ = self.priors_.mean(axis=0)
        self._note_target()
        return self

    def raw_proba(self, X):
        """Probabilities as the estimator gives them, for the effective prior; a mean over the members."""
        return np.mean(self.members_proba(X), axis=0)

    def members_proba(self, X):
        """Probabilities of each member of the bag as it gives them, a list of (n_samples, n_classes)."""
        check_is_fitted(self)
        X = self._imputed(self._check_rows(X, reset=False))
        return [estimator.predict_proba(X) for estimator in self.estimators_]

    def proba_for(self, X, prior):
        """Probabilities for a population with the class shares `prior`.

        Parameters
        ----------
        X : pandas.DataFrame or array-like of shape (n_samples, n_features)
        prior : array-like of shape (n_classes,)
            Shares in the order of ``classes_``.

        Returns
        -------
        numpy.ndarray of shape (n_samples, n_classes)
        """
        return self.corrected(self.members_proba(X), prior)

    def corrected(self, members, prior):
        """What :meth:`members_proba` gave, for a population with the class shares `prior`."""
        if self._calibrator is None:
            return mean_corrected(members, self.priors_, prior)
        calibrated = self._calibrator(mean_corrected(members, self.priors_, self.training_prior_))
        return mean_corrected([calibrated], [self.training_prior_], prior)

    def predict_proba(self, X):
        """Probabilities for the target prior, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        if self.target_prior is None and self._calibrator is None:
            return self.raw_proba(X)
        return self.proba_for(X, self.target_prior_)

    @property
    def output_prior_(self):
        """Class shares that ``predict_proba`` stands for, of shape (n_classes,)."""
        return self.target_prior_


def _output_prior(estimator, counted):
    """The prior that a fitted estimator's probabilities stand for: its own word, or as counted."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return np.asarray(getattr(last, "output_prior_", counted))


def held_out_probabilities(classifier, X, y, *, sample_weight=None, groups=None):
    """Probabilities for training rows by copies that were not fitted on them, for the training prior.

    Parameters
    ----------
    classifier : PriorCorrectedClassifier
        Its copies resample and weight inside their own training rows; the rows predicted are original.
    X, y, sample_weight, groups
        As for :meth:`PriorCorrectedClassifier.fit`.

    Returns
    -------
    copies : list of PriorCorrectedClassifier
        One a fold.
    probabilities : numpy.ndarray of shape (n_samples, n_classes)

    Raises
    ------
    ValueError
        If a class has one row or group, or is absent outside one of the folds, or if a row is in no fold.
    """
    y = np.asarray(y)
    classes = np.unique(y)
    seed = check_random_state(classifier.random_state).randint(np.iinfo("int32").max)
    training = class_shares(y, classes, sample_weight)
    probabilities, copies = np.full((len(y), len(classes)), np.nan), []
    for train, test in _inner_folds(y, groups, cv=classifier.cv, seed=seed):
        if len(np.unique(y[train])) < len(classes):
            raise ValueError("A class lies in one group only; its held-out predictions cannot be had.")
        copy = clone(classifier).set_params(calibration="none")
        if sample_weight is None:
            copy.fit(_safe_indexing(X, train), y[train])
        else:
            copy.fit(_safe_indexing(X, train), y[train], sample_weight=sample_weight[train])
        probabilities[test] = copy.proba_for(_safe_indexing(X, test), training)
        copies.append(copy)
    if np.isnan(probabilities).any():
        raise ValueError("The folds of cv leave out rows; each row must be tested once.")
    return copies, probabilities


def _inner_folds(y, groups, *, cv, seed):
    if not isinstance(cv, Integral):
        return check_cv(cv).split(np.zeros(len(y)), y, groups)
    units = np.arange(len(y)) if groups is None else np.asarray(groups)
    classes = np.unique(y)
    counts = np.array([len(np.unique(units[y == label])) for label in classes])
    if min(cv, counts.min()) < 2:
        raise ValueError(
            f"Held-out predictions need two folds, and two {'rows' if groups is None else 'groups'} of each "
            f"class; class {classes[counts.argmin()].tolist()!r} has {counts.min()}."
        )
    # Groups of several classes cannot always be dealt to as many folds as a class has groups.
    for folds in range(int(min(cv, counts.min())), 2, -1):
        with suppress(TooFewRows):
            return stratified_split(y, groups, n_splits=folds, seed=seed)
    return stratified_split(y, groups, n_splits=2, seed=seed)
