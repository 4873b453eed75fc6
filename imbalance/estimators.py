"""Correct a classifier's probabilities from the class shares that they stand for to those of a population.

Here is also what holds for any classifier: the prior that it learns, its checks, weights, rows, and held-out
predictions.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils import (
    _safe_indexing,
    assert_all_finite,
    check_random_state,
    compute_sample_weight,
    get_tags,
)
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _routing_enabled, process_routing
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
    validate_data,
)

from imbalance.metrics import class_codes, class_shares
from imbalance.probability import (
    by_name,
    check_probabilities,
    deal,
    fit_calibrator,
    mean_corrected,
    resolve_prior,
)
from imbalance.resampling import (
    FoldImputer,
    check_groups,
    inner_folds,
    missing_columns,
    resample,
    takes_missing,
)

#: Classifiers of scikit-learn whose mean probability is the class share in the rows they are given. Of naive
#: Bayes it is not where columns depend on each other, of quadratic discriminants where they are skewed;
#: nearest neighbours were .010 short of .06, and .025 short of .30 after a correction; boosted trees are too
#: sure on new rows.
PLAIN = """
DecisionTreeClassifier ExtraTreesClassifier LinearDiscriminantAnalysis LogisticRegression MLPClassifier
RandomForestClassifier
"""
#: Their parameters that leave these shares alone. Any other one that is set costs fits, no accuracy:
#: `solver`, say, which may shrink the intercept of a logistic regression ("liblinear").
SHAPE_ONLY = """
C alpha bootstrap criterion early_stopping hidden_layer_sizes l1_ratio learning_rate max_depth max_features
max_iter max_leaf_nodes max_samples min_samples_leaf min_samples_split n_estimators n_iter_no_change n_jobs
oob_score penalty random_state tol validation_fraction verbose warm_start
"""


def learns_as_counted(estimator):
    """Return whether a classifier surely learns the class shares of its rows, or says what it learns."""
    kind = type(estimator)
    if kind is Pipeline:
        return learns_as_counted(estimator.steps[-1][1])
    if hasattr(kind, "output_prior_"):
        return True
    if kind.__name__ not in PLAIN.split() or not kind.__module__.startswith("sklearn."):
        return False
    default = kind().get_params(deep=False)
    changed = {k for k, v in estimator.get_params(deep=False).items() if repr(v) != repr(default.get(k))}
    return changed <= set(SHAPE_ONLY.split())


def counts_its_prior(estimator, samplers, weights):
    """Return whether the prior of a classifier's probabilities can be counted from its rows."""
    return not samplers and weights is None and learns_as_counted(estimator)


def last_step(model):
    """Return the classifier at the end of a pipeline, and the best one of a fitted search."""
    while True:
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model


def check_classifier(model, name):
    """Raise ValueError where a model cannot give probabilities."""
    if isinstance(model, type) or not hasattr(model, "get_params"):
        what = getattr(model, "__name__", str(name))
        raise ValueError(f"Model {what!r} is no scikit-learn classifier; give an instance of one.")
    if not is_classifier(model):
        raise ValueError(f"Model {str(name)!r} is no classifier.")
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"Model {str(name)!r} has no predict_proba, so it gives no probabilities; "
            "CalibratedClassifierCV of scikit-learn adds it."
        )


def rule_weights(rule, y, classes, sample_weight, target):
    """Return row weights by "balanced", "target" or a weight per class; None where all count alike."""
    if rule is None:
        return sample_weight
    shares, rule, names = class_shares(y, classes, sample_weight), by_name(rule), np.asarray(classes).tolist()
    if isinstance(rule, Mapping):
        if set(rule) != set(names):
            raise ValueError(f"The weights name {list(rule)}, but the classes are {names}.")
        factors = np.array([rule[name] for name in names], dtype="float64")
        if not np.all(factors > 0):
            raise ValueError("The weight of a class must be more than zero.")
    elif rule not in ("balanced", "target"):
        raise ValueError(f"Unknown weights {rule!r}; use None, 'balanced', 'target' or weights by class.")
    elif rule == "target" and target is None:
        raise ValueError("weights='target' needs a target_prior.")
    else:
        factors = (1 / len(names) if rule == "balanced" else target) / shares
    rows = factors[class_codes(y, classes)]
    return rows if sample_weight is None else rows * sample_weight


def fit_weighted(estimator, X, y, sample_weight):
    """Fit an estimator, or the last step of a pipeline, with row weights where there are any; with scikit-
    learn's metadata routing, the steps that request them."""
    if sample_weight is None:
        return estimator.fit(X, y)
    params = accepted(estimator, {"sample_weight": sample_weight})
    if get_config()["enable_metadata_routing"]:
        with suppress(UnsetMetadataPassedError):
            return estimator.fit(X, y, sample_weight=sample_weight)
    with config_context(enable_metadata_routing=False):
        return estimator.fit(X, y, **params)


def accepted(estimator, given):
    """Return weights and groups by the names that an estimator, or a pipeline's last step, has for them."""
    last, prefix = estimator, ""
    while isinstance(last, Pipeline):
        prefix, last = f"{prefix}{last.steps[-1][0]}__", last.steps[-1][1]
    taken = {prefix + k: v for k, v in given.items() if v is not None and has_fit_parameter(last, k)}
    if given["sample_weight"] is not None and f"{prefix}sample_weight" not in taken:
        raise ValueError(f"{type(last).__name__} takes no sample_weight; use a sampler instead.")
    return taken


def copy_of(estimator):
    """Return an unfitted copy, also of CatBoost with a list of ``cat_features``, which `clone` refuses."""
    try:
        return clone(estimator, safe=False)
    except RuntimeError:
        return copy.deepcopy(estimator)


def check_labels(y):
    """Check labels; return them and their sorted classes, of which there are two or more."""
    if y is None:
        raise ValueError("This classifier requires y to be passed, but the target y is None.")
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    if missing := int(pd.isna(y).sum()):
        raise ValueError(f"{missing:,} of {len(y):,} labels are missing; remove or label these rows.")
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"The rows hold 1 class, {classes.tolist()[0]!r}; two or more are needed.")
    return y, classes


def check_known(estimator, classes):
    """Raise ValueError where a fitted estimator knows other classes than the rows hold."""
    known, held = np.asarray(getattr(estimator, "classes_", classes)).tolist(), classes.tolist()
    if known != held:
        raise ValueError(f"The estimator knows the classes {known}, but the rows hold {held}.")


class MetaClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Prediction from probabilities, rows as the inner estimator takes them, its tags and requests."""

    def predict(self, X):
        """Return the most probable class of each row, of shape (n_samples,)."""
        check_is_fitted(self)
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def _check_rows(self, X, *, reset):
        """Check rows: frames stay frames, with their gaps and words; anything else becomes an array."""
        if isinstance(X, pd.DataFrame):
            if X.empty:
                raise ValueError(f"Found no value in a table of {len(X)} rows and {X.shape[1]} columns.")
            return validate_data(self, X, reset=reset, skip_check_array=True)
        # Whether sparse rows can be learned from is the estimator's to say; older ones have no tag for it.
        return validate_data(self, X, reset=reset, dtype=None, accept_sparse="csr", ensure_all_finite=False)

    def _check_training(self, X, y, sample_weight, groups):
        check_classifier(self.estimator, type(last_step(self.estimator)).__name__)
        X = self._check_rows(X, reset=True)
        check_consistent_length(X, y)
        y, self.classes_ = check_labels(y)
        groups = check_groups(groups, len(y))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            for label in self.classes_.tolist():
                if not sample_weight[y == label].any():
                    raise ValueError(f"All rows of class {label!r} have a weight of zero; leave them out.")
        return X, y, sample_weight, groups

    def get_metadata_routing(self):
        """Return the metadata that `fit` and the inner estimator's `fit` request, as a MetadataRouter."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_clone__(self):
        made = type(self)(**{name: copy_of(value) for name, value in self.get_params(deep=False).items()})
        if hasattr(self, "_metadata_request"):
            made._metadata_request = copy.deepcopy(self._metadata_request)
        return made

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        for name in ("sparse", "allow_nan", "categorical", "string"):
            setattr(tags.input_tags, name, getattr(inner.input_tags, name))
        tags.non_deterministic = inner.non_deterministic
        tags.classifier_tags.poor_score = True
        return tags


class PriorCorrectedClassifier(MetaClassifier):
    """Correct a classifier's probabilities to the class shares of a given population.

    Samplers and weights, in front of a classifier or inside it, change the class shares that its
    probabilities stand for. That *effective* prior is estimated from held-out predictions, or counted where
    nothing of the kind is in play, and the probabilities are corrected from it to `target_prior` [1]_ [2]_:
    once, since a nested classifier of this kind says which prior its own stand for.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned. It may weight or resample by itself (``class_weight``, ``scale_pos_weight``, a pipeline
        or an ensemble of imbalanced-learn, a search over weights), or be fitted already
        (``FrozenEstimator``): then the rows given to `fit` should not be those that it was fitted on.
    target_prior : {"training", "balanced"}, mapping, Series, array-like of shape (n_classes,) or None
        Class shares of the population to predict for, by class in any order, or in the order of ``classes_``.
        None leaves the probabilities as the estimator gives them.
    trained_prior : {"auto", "estimate", "count", "balanced", "training"}, mapping or array-like
        Class shares that the estimator's probabilities stand for. "estimate" finds them from held-out
        predictions for original training rows, which costs `cv` more fits, and lets the classifiers of the
        folds predict together, because it is theirs; "count" trusts labels, weights and ``class_weight``; or
        shares, for who knows better. "auto" counts where logistic regression, trees or the like are fitted
        without sampler, `weights` or parameters that could weight, and estimates otherwise: for boosted
        trees, naive Bayes, nearest neighbours.
    sampler : imbalanced-learn sampler or list of them, optional
        Applied in turn to the training rows only.
    weights : None, "balanced", "target", mapping or pandas.Series
        Row weights by class: so that the classes count alike, so that they have the shares of
        `target_prior`, or as given. They come after the sampler, on top of `sample_weight`.
    calibration : {"none", "sigmoid"}
        "sigmoid" calibrates slope and biases on held-out predictions, as "estimate" finds the prior.
    n_members : int
        Copies fitted on their own draws of the sampler and averaged (bagging).
    cv : int, splitter or iterable of (train, test)
        Stratified folds for held-out predictions, fewer where a class has fewer rows or groups; or folds
        of your own, which test every row once.
    n_jobs : int, optional
        Processes that fit the members and the copies for the folds; the result is the same for any number.
    random_state : int, RandomState instance or None
        Of the samplers and of the inner folds; the estimator's seed is its own.

    Attributes
    ----------
    classes_ : numpy.ndarray of shape (n_classes,)
        Sorted labels.
    training_prior_, effective_prior_, target_prior_ : numpy.ndarray of shape (n_classes,)
        Shares of the training rows; of what the estimator's probabilities stand for; and of the population
        that the corrected probabilities stand for.
    nominal_prior_ : numpy.ndarray of shape (n_classes,)
        The prior as counted from resampled labels, weights and the estimator's ``class_weight``.
    estimators_, priors_ : list of classifiers; numpy.ndarray of shape (n_members, n_classes)
        The fitted members and the effective prior of each.
    notes_ : list of str
        What had to be changed to fit: imputed columns, fewer neighbours, another SMOTE.

    Notes
    -----
    If probabilities are proportional to ``p(x | class) * effective prior``, then correcting from that prior,
    and no other, to the training prior makes their mean over original held-out rows the training prior; it is
    also the one of largest likelihood. A counted prior is right for a classifier that is calibrated for the
    rows it saw, if those look, class by class, like original ones. SMOTE's rows lie between neighbours and
    repeated rows are known by heart: boosted trees tell both from new rows, on which they stay close to the
    training prior.

    A correction moves odds, so it cannot repair probabilities of 0 and 1. Where a nearest-neighbour vote or
    deep trees give them, use ``calibration="sigmoid"``: at a target of 30 % after training on 6 %, the mean
    of five neighbours was .06 too low without it and right to .003 with it.

    Members are corrected each from its own prior and then averaged: the loss being convex, the average is at
    least as good as its members are in the mean. Rows with gaps reach samplers that refuse them through an
    imputer fitted on the training rows, in prediction, too, or "missing" would mean "not synthetic".

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    .. [2] M. Saerens et al., Adjusting the outputs of a classifier, Neural Computation 14, 21-41, 2002.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[0.0], [1.0], [2.0], [1.0], [2.0], [3.0]], ["no", "no", "no", "no", "yes", "yes"]
    >>> model = PriorCorrectedClassifier(LogisticRegression(), target_prior={"yes": 0.5, "no": 0.5}).fit(X, y)
    >>> model.effective_prior_.round(3).tolist(), model.target_prior_.tolist()
    ([0.667, 0.333], [0.5, 0.5])
    """

    def __init__(
        self,
        estimator,
        *,
        target_prior="training",
        trained_prior="auto",
        sampler=None,
        weights=None,
        calibration="none",
        n_members=1,
        cv=5,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.target_prior = target_prior
        self.trained_prior = trained_prior
        self.sampler = sampler
        self.weights = weights
        self.calibration = calibration
        self.n_members = n_members
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        """Resample, weight, fit, and find the prior that the probabilities stand for; return self.

        Parameters
        ----------
        X, y : DataFrame or array-like of shape (n_samples, n_features); array-like of shape (n_samples,)
            Training rows, as the estimator takes them, and their labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row; refused where a sampler makes new rows.
        groups : array-like of shape (n_samples,), optional
            Rows of a group stay together in the folds for held-out predictions, for which every class needs
            two rows or groups.
        """
        self._check_options()
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        self.training_prior_ = class_shares(y, self.classes_, sample_weight)
        self.notes_ = []
        self._fit_imputer(X)
        self._fit_members(self._imputed(X), y, sample_weight)
        self._calibrator = self._together = None
        if self.calibration != "none" or self._estimates_prior("none"):
            copies, members = held_out_members(self, X, y, sample_weight=sample_weight, groups=groups)
            self.calibrate_on(copies, members, y, sample_weight=sample_weight)
        return self

    def _check_options(self):
        """Raise ValueError for parameters that make no sense."""
        if not isinstance(self.n_members, Integral) or self.n_members < 1:
            raise ValueError(f"n_members must be a whole number, at least 1, got {self.n_members!r}.")
        if self.calibration not in ("none", "sigmoid"):
            raise ValueError(f"Unknown calibration {self.calibration!r}; use 'none' or 'sigmoid'.")
        for one in self._samplers():
            if isinstance(one, type) or not hasattr(one, "fit_resample"):
                raise ValueError(f"A sampler must be one of imbalanced-learn, such as SMOTE(), not {one!r}.")

    def _estimates_prior(self, method):
        counted = counts_its_prior(self.estimator, self._samplers(), self.weights)
        return method == "prior" or self._asks("estimate") or (self._asks("auto") and not counted)

    def _asks(self, *options):
        return isinstance(self.trained_prior, str) and self.trained_prior in options

    def _resolved_target(self):
        return resolve_prior(self.target_prior, self.classes_, self.training_prior_)

    def _note_priors(self, priors):
        self.priors_, self.effective_prior_ = np.array(priors), np.mean(priors, axis=0)
        self.target_prior_ = self.effective_prior_ if self.target_prior is None else self._resolved_target()

    def _samplers(self):
        if self.sampler is None:
            return []
        return list(self.sampler) if isinstance(self.sampler, list | tuple) else [self.sampler]

    def _strict_samplers(self):
        return [sampler for sampler in self._samplers() if not takes_missing(sampler)]

    def _fit_imputer(self, X):
        """Fill gaps where a sampler refuses them, and say so."""
        strict, self.imputer_ = self._strict_samplers(), None
        if not (strict and (gaps := missing_columns(X))):
            return
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

    def _imputed(self, X):
        return X if self.imputer_ is None else self.imputer_.transform(X)

    def _fit_members(self, X, y, sample_weight):
        random, n_samplers = check_random_state(self.random_state), len(self._samplers())
        seeds = [random.randint(2**31 - 1, size=n_samplers).tolist() for _ in range(self.n_members)]
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(self._fit_member)(X, y, sample_weight, of_member) for of_member in seeds
        )
        self.estimators_, priors, notes = map(list, zip(*fitted, strict=True))
        self.notes_ = list(dict.fromkeys([*self.notes_, *(note for said in notes for note in said)]))
        self.nominal_prior_ = np.mean(priors, axis=0)
        if not self._asks("auto", "estimate", "count"):
            known = self.classes_, self.training_prior_
            priors = [resolve_prior(self.trained_prior, *known, name="trained prior")] * self.n_members
        self._first_priors = np.array(priors)
        self._note_priors(priors)

    def _fit_member(self, X, y, sample_weight, seeds):
        notes = []
        if seeds:
            X, y, rows, notes = resample(self._samplers(), X, y, seeds=seeds)
            if sample_weight is not None and rows is None:
                raise ValueError("Rows that a sampler makes have no weight; pass weights or that sampler.")
            sample_weight = None if sample_weight is None else sample_weight[rows]
        target = None if self.target_prior is None else self._resolved_target()
        by_rule = rule_weights(self.weights, y, self.classes_, sample_weight, target)
        estimator = fit_weighted(copy_of(self.estimator), X, y, by_rule)
        check_known(estimator, self.classes_)
        last = last_step(estimator)
        if hasattr(last, "output_prior_"):  # it says itself what its probabilities stand for
            return estimator, np.asarray(last.output_prior_), notes
        own = getattr(last_step(self.estimator), "class_weight", None)
        seen = compute_sample_weight("balanced" if own == "balanced_subsample" else own, y)
        return estimator, class_shares(y, self.classes_, seen * (1 if by_rule is None else by_rule)), notes

    def calibrate_on(self, copies, members, y, *, method=None, sample_weight=None):
        """Estimate the prior ("prior") or calibrate ("sigmoid") on what :func:`held_out_members` gave."""
        method = self.calibration if method is None else method
        codes, held_out = class_codes(y, self.classes_), np.mean(members, axis=0)
        priors, self._calibrator, self._together, self._copies = self._first_priors, None, None, copies
        if self._estimates_prior(method):
            self._together = fit_calibrator(held_out, codes, method="prior", weights=sample_weight)
            priors = priors * np.exp(-self._together.biases)
            priors /= priors.sum(axis=1, keepdims=True)
        if method == "sigmoid":
            self._calibrator = fit_calibrator(held_out, codes, method=method, weights=sample_weight)
            self._together = self._calibrator
        self._note_priors(priors)
        return self

    def raw_proba(self, X):
        """Return the mean over the members of probabilities as the estimator gives them."""
        check_is_fitted(self)
        return np.mean(self._raw_members(self._check_rows(X, reset=False)), axis=0)

    def _raw_members(self, X):
        X = self._imputed(X)
        return [estimator.predict_proba(X) for estimator in self.estimators_]

    def members_proba(self, X):
        """Return the probabilities of each member of the bag, or, once the prior is estimated or the
        classifier calibrated, of the classifiers of the folds, for the training prior."""
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        if self._together is None:
            return self._raw_members(X)
        return [copy.proba_for(X, self.training_prior_) for copy in self._copies]

    def proba_for(self, X, prior):
        """Return probabilities for a population with the class shares `prior`."""
        return self.corrected(self.members_proba(X), prior)

    def corrected(self, members, prior):
        """Correct what :meth:`members_proba` gave to a population with the class shares `prior`."""
        if self._together is None:
            return mean_corrected(members, self.priors_, prior)
        calibrated = [self._together(member) for member in members]
        return mean_corrected(calibrated, [self.training_prior_] * len(members), prior)

    def dealt(self, members):
        """Deal what :meth:`members_proba` gave, calibrated for the training prior, one member a row."""
        return self._together(deal(np.stack(members)))

    def predict_proba(self, X):
        """Return probabilities for the target prior, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        if self.target_prior is None and self._calibrator is None:
            return self.raw_proba(X)
        return self.proba_for(X, self.target_prior_)

    @property
    def output_prior_(self):
        """Return the class shares that ``predict_proba`` stands for, of shape (n_classes,)."""
        return self.target_prior_


def held_out_members(classifier, X, y, *, sample_weight=None, groups=None):
    """Return copies, one a fold, and their members' probabilities, for the training prior, of the rows that
    they were not fitted on: (n_members, n_samples, n_classes)."""
    y = np.asarray(y)
    classes = np.unique(y)
    seed = check_random_state(classifier.random_state).randint(np.iinfo("int32").max)
    folds = inner_folds(y, groups, cv=classifier.cv, seed=seed)
    predicted = Parallel(n_jobs=classifier.n_jobs)(
        delayed(_held_out_copy)(classifier, X, y, sample_weight, train, test) for train, test in folds
    )
    members = np.full((classifier.n_members, len(y), len(classes)), np.nan)
    for (_, test), (_, found) in zip(folds, predicted, strict=True):
        members[:, test] = found
    return [copy for copy, _ in predicted], members


def _held_out_copy(classifier, X, y, sample_weight, train, test):
    """Fit a copy on the rows `train`; return it and what its members predict for the rows `test`."""
    one = clone(classifier).set_params(calibration="none", n_jobs=None)
    if one._asks("auto", "estimate"):
        one.set_params(trained_prior="count")
    weights = None if sample_weight is None else sample_weight[train]
    one.fit(_safe_indexing(X, train), y[train], sample_weight=weights)
    if one.imputer_ is None and one._strict_samplers() and missing_columns(X):
        one.imputer_ = FoldImputer().fit(_safe_indexing(X, train))  # gaps in other rows only
    found = zip(one.members_proba(_safe_indexing(X, test)), one.priors_, strict=True)
    training = class_shares(y, np.unique(y), sample_weight)
    return one, [mean_corrected([p], [prior], training) for p, prior in found]


class HeldOutClassifier(MetaClassifier):
    """Classifier around another one, from whose held-out predictions for its training rows it learns."""

    def predict_proba(self, X):
        """Return the probabilities of the estimator inside, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(self._check_rows(X, reset=False))

    def _fit_inner(self, X, y, sample_weight, groups, params, *, held_out=False):
        """Fit the estimator, and, for held-out predictions, copies without one fold each; return these."""
        self._codes = class_codes(y, self.classes_)
        self._training_prior = class_shares(y, self.classes_, sample_weight)
        given = {"sample_weight": sample_weight, "groups": groups}
        if _routing_enabled():
            params = process_routing(self, "fit", **given, **params)["estimator"]["fit"]
        else:
            params |= accepted(self.estimator, given)
        self.estimator_ = self._fitted(X, y, params)
        if not held_out:
            return []
        self._seed = check_random_state(self.random_state).randint(np.iinfo("int32").max)
        copies, self._probabilities = [], np.full((len(y), len(self.classes_)), np.nan)
        for train, test in inner_folds(y, groups, cv=self.cv, seed=self._seed):
            own = _check_method_params(X, params, train)
            copies.append(self._fitted(_safe_indexing(X, train), y[train], own))
            found = copies[-1].predict_proba(_safe_indexing(X, test))
            self._probabilities[test] = check_probabilities(found, len(self.classes_))
        return copies

    def _fitted(self, X, y, params):
        estimator = copy_of(self.estimator).fit(X, y, **params)
        check_known(estimator, self.classes_)
        return estimator
