"""Decisions from class probabilities: least expected cost, alarms at a stated rate, sets of labels.

An *alarm* is a score above a threshold. *Recall* is the share of the events that raise one, the
*false-alarm rate* the share of the other rows that do.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from imbalance.estimators import HeldOutClassifier, last_step
from imbalance.label_shift import adapt
from imbalance.metrics import class_codes, class_shares, columns_of, places, rarest
from imbalance.probability import by_name, check_coverage, check_probabilities, mean_corrected, resolve_prior
from imbalance.resampling import check_groups

# Costs


def cost_matrix(costs, classes):
    """Return costs by true class (row) and predicted class (column) as an array, checked; from a mapping
    of pairs (true, predicted), a frame, an array, or None, which charges 1 for each error."""
    names = np.asarray(classes).tolist()
    if costs is None:
        return 1 - np.eye(len(names))
    if isinstance(costs, Mapping):
        costs = _in_pairs(costs, names)
    if isinstance(costs, pd.DataFrame):
        true, predicted = places(names, costs.index), places(names, costs.columns)
        if true is None or predicted is None:
            raise ValueError(
                f"The costs are for true classes {costs.index.tolist()} and predicted classes "
                f"{costs.columns.tolist()}; the classes are {names}."
            )
        costs = costs.iloc[true, predicted]
    try:
        matrix = np.asarray(costs, dtype="float64")
    except (TypeError, ValueError):
        raise ValueError(f"Costs are numbers by pair, a frame or an array, not {costs!r}.") from None
    if matrix.shape != (len(names), len(names)):
        raise ValueError(f"Costs of shape {matrix.shape} do not fit {len(names)} classes: {names}.")
    for true, predicted in np.argwhere(~np.isfinite(matrix)):
        raise ValueError(
            f"The cost of predicting {names[predicted]!r} for {names[true]!r} is {matrix[true, predicted]}; "
            "it must be a finite number."
        )
    return matrix


def _in_pairs(costs, names):
    """Return costs by pair, of labels or their text, in rows and columns; 0 for unnamed right ones."""
    own = {str(name): name for name in names}
    costs = {
        tuple(own.get(str(one), one) for one in pair) if isinstance(pair, tuple) else pair: cost
        for pair, cost in costs.items()
    }
    pairs = [(true, predicted) for true in names for predicted in names]
    if unknown := [pair for pair in costs if pair not in pairs]:
        raise ValueError(
            f"The costs name {_pair(unknown[0])}, which is no pair true>predicted of {', '.join(own)}."
        )
    if missing := [pair for pair in pairs if pair not in costs and pair[0] != pair[1]]:
        raise ValueError(f"No cost is given for {', '.join(map(_pair, missing))}; add it.")
    return [[costs.get((true, predicted), 0.0) for predicted in names] for true in names]


def _pair(pair):
    """Name a pair as the command line writes it: a class, and what it is taken for."""
    return ">".join(map(str, pair)) if isinstance(pair, tuple) else repr(pair)


def least_cost(probabilities, costs, classes):
    """Return the label of least expected cost for every row (Elkan, IJCAI 2001), the first of equals."""
    probabilities = check_probabilities(columns_of(probabilities, classes), len(classes))
    return np.asarray(classes)[np.argmin(probabilities @ cost_matrix(costs, classes), axis=1)]


def expected_cost(y, predictions, costs, *, classes, target=None):
    """Return the mean cost of a row on a population with the class shares of `target`, or of `y`; NaN
    where a class of the target has no row."""
    if np.ndim(predictions) == 2:
        predictions = least_cost(predictions, costs, classes)
    confusion = _confusion(class_codes(y, classes), class_codes(predictions, classes), len(classes))
    rows = confusion.sum(axis=1)
    shares = rows / rows.sum() if target is None else resolve_prior(target, classes, rows / rows.sum())
    if np.any((rows == 0) & (shares > 0)):
        return np.nan
    by_class = (confusion * cost_matrix(costs, classes)).sum(axis=1) / np.maximum(rows, 1)
    return float(shares @ by_class)


def _confusion(codes, predicted, n_classes):
    """Return the rows by true class and prediction, of shape (n_classes, n_classes)."""
    return np.bincount(codes * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


# Alarms


def threshold_at(scores, event, rate, *, sample_weight=None):
    """Return the lowest threshold, to be exceeded, that keeps false alarms within a rate of non-events."""
    scores, event = np.asarray(scores, dtype="float64"), np.asarray(event, dtype=bool)
    weights = np.ones(len(scores)) if sample_weight is None else np.asarray(sample_weight, dtype="float64")
    others = np.flatnonzero(~event & (weights > 0))
    if not len(others):
        raise ValueError("Every row is an event; no rate of false alarms can be stated.")
    others = others[np.argsort(-scores[others])]
    raised = np.cumsum(weights[others])
    # The small addition keeps 0.29 * 100 = 28.999... whole.
    first = np.searchsorted(raised, rate * raised[-1] + 1e-9, side="right")
    return float(scores[others[first]]) if first < len(others) else -np.inf


def count_alarms(alarm, event, group):
    """Return hits, events, false alarms and other rows of every group, of shape (n_groups, 4)."""
    alarm, event = np.asarray(alarm, dtype=bool), np.asarray(event, dtype=bool)
    marks = np.stack([alarm & event, event, alarm & ~event, ~event])
    return np.stack([np.bincount(group, weights=mark) for mark in marks], axis=1)


def alarm_rates(counts):
    """Return recall, false-alarm rate and precision from counts as of :func:`count_alarms`; NaN for 0 / 0."""
    hits, events, false, others = np.moveaxis(np.asarray(counts, dtype="float64"), -1, 0)
    parts = {"recall": (hits, events), "false_alarm_rate": (false, others), "precision": (hits, hits + false)}
    return {name: _ratio(*part) for name, part in parts.items()}


def group_draws(n_groups, *, n_draws=1000, seed=0):
    """Draw how often each group stands in every bootstrap sample of whole groups: (n_draws, n_groups)."""
    return np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_draws)


def interval(values, *, level=0.95):
    """Return the percentile interval of bootstrap values; missing ones are left out."""
    values = np.asarray(values, dtype="float64")
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _ratio(part, whole):
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)


# Cost curves


def cost_curve(
    y,
    probabilities,
    costs,
    *,
    classes,
    trained=None,
    groups=None,
    positive=None,
    priors=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    ratios=(1.0,),
    n_bootstrap=500,
    level=0.95,
    random_state=None,
):
    """Return the expected cost of decisions over class priors and cost ratios [1]_.

    For every prior the probabilities are corrected to it, every row gets its least-cost prediction, and the
    rows of each class count as much as the prior gives the class.

    Parameters
    ----------
    y, probabilities : array-like of shape (n_samples,), (n_samples, n_classes)
        Labels and held-out predictions; of a frame with the classes as columns by their names.
    costs : mapping, pandas.DataFrame, array-like of shape (n_classes, n_classes) or None
        By pair ``(true, predicted)``, see :class:`CostSensitiveClassifier`.
    classes : array-like of shape (n_classes,)
        Classes in the order of the columns.
    trained : mapping or array-like of shape (n_classes,), optional
        Class shares that the probabilities stand for; those of `y` if None.
    groups : array-like of shape (n_samples,), optional
        Whole groups are resampled for the intervals.
    positive : label, optional
        The class whose share and costs vary; the rarest in `y` if None.
    priors : list of float, mapping or array-like of shape (n_classes,)
        Shares of the positive class, the others in proportion as in `y`; or whole priors.
    ratios : list of float
        Factors on what a row of the positive class costs, whatever it is predicted as.
    n_bootstrap, level, random_state
        Draws for the intervals, 100 or more, the share of them that an interval holds, and their seed.

    Returns
    -------
    pandas.DataFrame
        ``prior`` (share of the positive class), ``ratio``, ``policy``, ``cost`` and the ends of its interval,
        ``low`` and ``high``, for the classifier as it was fitted. Policies: "least cost"; "always A" for
        every class A, which is exact; and for two classes "best threshold", the cheapest for these very rows,
        found with hindsight: what better calibration could save at most.

    References
    ----------
    .. [1] C. Drummond, R. Holte, Cost curves, Machine Learning 65, 95-130, 2006.

    Examples
    --------
    >>> p = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.9])
    >>> curve = cost_curve([0, 0, 0, 0, 1, 1], np.column_stack([1 - p, p]), {(1, 0): 5, (0, 1): 1},
    ...                    classes=[0, 1], trained=[0.5, 0.5], priors=[0.1], random_state=0)
    >>> curve.set_index("policy")["cost"].round(3).to_dict()
    {'least cost': 0.25, 'best threshold': 0.225, 'always 0': 0.5, 'always 1': 0.9}
    """
    if n_bootstrap < 100:
        raise ValueError(f"n_bootstrap must be at least 100, got {n_bootstrap}.")
    check_coverage(level, name="level")
    check_consistent_length(y, probabilities, groups)
    codes, matrix = class_codes(y, classes), cost_matrix(costs, classes)
    probabilities = check_probabilities(columns_of(probabilities, classes), len(matrix))
    shares = class_shares(y, classes)
    for name in np.asarray(classes)[shares == 0].tolist():
        raise ValueError(f"Class {name!r} has no row to count costs of.")
    positive = rarest(shares) if positive is None else class_codes([positive], classes)[0]
    trained = shares if trained is None else resolve_prior(trained, classes, shares, name="trained prior")
    rng = np.random.default_rng(check_random_state(random_state).randint(np.iinfo("int32").max))
    drawn = None
    if groups is not None:
        groups = pd.factorize(check_groups(groups, len(codes)))[0]
        drawn = group_draws(groups.max() + 1, n_draws=n_bootstrap, seed=rng).astype("float32")
    records, priors = [], by_name(priors)
    for prior in [priors] if np.ndim(priors) == 0 else priors:
        prior = _whole_prior(prior, positive, classes, shares)
        corrected = mean_corrected([probabilities], [trained], prior)
        for ratio in np.atleast_1d(ratios):
            charged = matrix * np.where(np.arange(len(matrix)) == positive, ratio, 1)[:, None]
            policies = {"least cost": np.argmin(corrected @ charged, axis=1)}
            if len(matrix) == 2:
                policies["best threshold"] = _cheapest_cut(corrected[:, 1], codes, charged, prior / shares)
            for policy, predicted in policies.items():
                cost = np.average(charged[codes, predicted], weights=(prior / shares)[codes])
                if groups is None:
                    by_class = _posterior_costs(codes, predicted, charged, n_bootstrap, rng)
                else:
                    by_class = _group_costs(codes, predicted, charged, groups, drawn)
                low, high = interval(by_class @ prior, level=level)
                ends = np.fmin(low, cost), np.fmax(high, cost)  # at the edge draws do not reach it
                records.append((prior[positive], ratio, policy, cost, *ends))
            always = zip(classes, prior @ charged, strict=True)
            records += [(prior[positive], ratio, f"always {name}", cost, cost, cost) for name, cost in always]
    return pd.DataFrame(records, columns=["prior", "ratio", "policy", "cost", "low", "high"])


def _whole_prior(prior, positive, classes, shares):
    """Return the shares of all classes from that of the positive one, or as given."""
    if isinstance(prior, str | Mapping) or np.ndim(prior):
        return resolve_prior(prior, classes, shares, name="prior")
    if not 0 <= prior <= 1:
        raise ValueError(f"A share of the positive class must lie between 0 and 1, got {prior:g}.")
    whole = shares / (1 - shares[positive]) * (1 - prior)
    whole[positive] = prior
    return whole


def _cheapest_cut(scores, codes, matrix, weights):
    """Return predictions 0 or 1 by the threshold that is cheapest for these rows."""
    order = np.argsort(-scores, kind="stable")
    change = ((matrix[:, 1] - matrix[:, 0]) * weights)[codes[order]]
    total = np.append(0, np.cumsum(change))
    whole = np.concatenate([[True], np.diff(scores[order]) < 0, [True]])  # no cut between equal scores
    predicted = np.zeros(len(codes), dtype="int64")
    predicted[order[: np.argmin(np.where(whole, total, np.inf))]] = 1
    return predicted


def _posterior_costs(codes, predicted, matrix, n_draws, rng):
    """Return the mean cost of a row of each class in every draw, of shape (n_draws, n_classes)."""
    counts = _confusion(codes, predicted, len(matrix)) + 1 / len(matrix)
    by_class = zip(counts, matrix, strict=True)
    return np.stack([rng.dirichlet(count, n_draws) @ costs for count, costs in by_class], axis=1)


def _group_costs(codes, predicted, matrix, groups, drawn):
    """Do as :func:`_posterior_costs`, from how often each group is drawn."""
    place, shape = groups * len(matrix) + codes, (drawn.shape[1], len(matrix))
    spent = np.bincount(place, weights=matrix[codes, predicted], minlength=np.prod(shape)).reshape(shape)
    rows = np.bincount(place, minlength=np.prod(shape)).reshape(shape)
    return _ratio(drawn @ spent.astype("float32"), drawn @ rows.astype("float32"))


# The classifiers


class CostSensitiveClassifier(HeldOutClassifier):
    """Classifier that predicts what costs least, or raises alarms at a stated rate of false ones [1]_.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned. Its probabilities should stand for the population to predict for
        (:class:`~imbalance.estimators.PriorCorrectedClassifier`, `LabelShiftAdapter`).
    costs : mapping, pandas.DataFrame, array-like of shape (n_classes, n_classes) or None
        A mapping ``{(true, predicted): cost}`` names every pair of different classes; right predictions cost
        0 unless it says otherwise. A frame has the true classes as index and the predicted ones as columns,
        in any order; an array has both in the order of ``classes_``. A negative cost is a gain. None charges
        1 for each error, so that the most probable class is predicted.
    false_alarms : float, optional
        Predict the class `positive` where its probability lies above a threshold, so that this share of
        the other rows, at most, are false alarms; among the other classes what costs least. Not with
        `costs` where there are two classes, since nothing is left to weigh.
    positive : label, optional
        The class of the alarms; the rarest in training if None.
    cv : int, splitter or iterable of (train, test)
        Folds for the held-out predictions from which the threshold is chosen.
    random_state : int, RandomState instance or None
        Of the folds.

    Attributes
    ----------
    classes_, estimator_ : numpy.ndarray of shape (n_classes,); classifier
        Sorted labels; the classifier, fitted on all rows.
    costs_ : numpy.ndarray of shape (n_classes, n_classes)
        Cost by true class (row) and predicted class (column).
    threshold_ : float
        With `false_alarms`: an alarm is a probability above it. It is chosen on predictions by copies that
        were not fitted on the row, nor on one of its group. The rate holds in the mean over populations.

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(1000, 1)), np.repeat(["no", "yes"], [900, 100])
    >>> X[y == "yes"] += 2
    >>> model = CostSensitiveClassifier(GaussianNB(), {("yes", "no"): 20, ("no", "yes"): 1}).fit(X, y)
    >>> model.predict([[0.0], [0.8]]).tolist()
    ['no', 'yes']
    >>> model = CostSensitiveClassifier(GaussianNB(), false_alarms=0.05, random_state=0).fit(X, y)
    >>> round(float(np.mean(model.predict(X[y == "no"]) == "yes")), 2)
    0.05
    """

    def __init__(self, estimator, costs=None, *, false_alarms=None, positive=None, cv=5, random_state=None):
        self.estimator = estimator
        self.costs = costs
        self.false_alarms = false_alarms
        self.positive = positive
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None, **params):
        """Fit the classifier and, for a rate of false alarms, find the threshold.

        Takes rows, labels, weights and groups as :meth:`imbalance.estimators.PriorCorrectedClassifier.fit`;
        groups and `params` also go to the estimator's fit. Returns self.
        """
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        self.costs_ = cost_matrix(self.costs, self.classes_)
        if self.false_alarms is None:
            self._fit_inner(X, y, sample_weight, groups, params)
            return self
        if not isinstance(self.false_alarms, Real) or not 0 < self.false_alarms < 1:
            raise ValueError(f"false_alarms must be a number between 0 and 1, got {self.false_alarms!r}.")
        if len(self.classes_) == 2 and self.costs is not None:
            raise ValueError("Give costs or false_alarms: one threshold cannot follow both.")
        named = [] if self.positive is None else class_codes([self.positive], self.classes_)
        self._fit_inner(X, y, sample_weight, groups, params, held_out=True)
        self._positive = int(named[0]) if len(named) else rarest(self._training_prior)
        self._weights, self._prior = sample_weight, self._output_prior()
        return self._find_threshold()

    def _output_prior(self):
        """Return the class shares that the probabilities stand for: the estimator's word, or training's."""
        return np.asarray(getattr(last_step(self.estimator_), "output_prior_", self._training_prior))

    def _find_threshold(self):
        prior = self._output_prior()
        probabilities = mean_corrected([self._probabilities], [self._prior], prior)[:, self._positive]
        weights = (prior / self._training_prior)[self._codes]
        weights = weights if self._weights is None else weights * self._weights
        event = self._codes == self._positive
        self.threshold_ = threshold_at(probabilities, event, self.false_alarms, sample_weight=weights)
        return self

    @available_if(lambda self: hasattr(last_step(getattr(self, "estimator_", self.estimator)), "adapt"))
    def adapt(self, X):
        """Adapt the estimator inside, or one in it, to unlabelled rows; decisions and threshold follow."""
        check_is_fitted(self)
        adapt(self.estimator_, X)
        return self if self.false_alarms is None else self._find_threshold()

    def predict(self, X):
        """Predict labels, of shape (n_samples,): what costs least, or alarms at the rate asked for."""
        probabilities = check_probabilities(self.predict_proba(X), len(self.classes_))
        expected = probabilities @ self.costs_
        if self.false_alarms is not None:
            alarm = probabilities[:, self._positive] > self.threshold_
            expected[:, self._positive] = np.where(alarm, -np.inf, np.inf)
        return self.classes_[np.argmin(expected, axis=1)]


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
    rows, .013 for 500). A class of fewer than 9 rows is in every set of 90 %, and `fit` warns. With `groups`
    the coverage is that of rows of new groups. An empty set: a row unlike most of any class in training.

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
        used = np.ones(len(y), dtype=bool) if sample_weight is None else sample_weight > 0
        self.n_rows_ = np.bincount(class_codes(y, self.classes_)[used], minlength=len(self.classes_))
        self._training_prior = class_shares(y, self.classes_, sample_weight)
        self._weights_of_rows()
        self.estimators_ = self._fit_inner(X, y, sample_weight, groups, params, held_out=True)
        own = self._probabilities[np.arange(len(y)), self._codes]
        self._scores = [np.sort(own[used & (self._codes == k)]) for k in range(len(self.classes_))]
        self._warn_of_small_classes(self.coverage)
        return self

    def _weights_of_rows(self):
        """Return the weight of a training row of each class (column) for a label (row)."""
        if self.target is None:
            return np.eye(len(self.classes_))
        target = resolve_prior(self.target, self.classes_, self._training_prior)
        return np.tile(target / self.n_rows_ * self.n_rows_.sum(), (len(target), 1))

    def _warn_of_small_classes(self, coverage):
        fewest = int(np.ceil(1 / (1 - coverage) - 1 - TINY))
        for name, rows in zip(self.classes_.tolist(), self.n_rows_, strict=True):
            if self.target is None and rows < fewest:
                said = f"Class {name!r} has {rows} rows; sets of {coverage:.0%} need {fewest}."
                warnings.warn(f"{said} It is in every set.", UserWarning, stacklevel=3)

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
        if coverage is not None:
            check_coverage(coverage)
            self._warn_of_small_classes(coverage)
        return self.p_values(X) > 1 - (self.coverage if coverage is None else coverage) + TINY

    def p_values(self, X):
        """Return how usual each row is for each class: a label is in the sets of coverage 1 - p and above.

        That is the share of the training rows of the class (of all rows, with `target`) that look as unlike
        it, equal ones by lot; a frame of floats of shape (n_samples, n_classes), under the index of `X`.
        """
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        rng = np.random.default_rng(self._seed)
        copy_of = rng.integers(len(self.estimators_), size=X.shape[0])
        scores = np.empty((len(copy_of), len(self.classes_)))
        for number, copy in enumerate(self.estimators_):
            if len(rows := np.flatnonzero(copy_of == number)):
                scores[rows] = copy.predict_proba(_safe_indexing(X, rows))
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

    def predict(self, X):
        """Return labels by the estimator inside, of shape (n_samples,)."""
        check_is_fitted(self)
        return self.estimator_.predict(self._check_rows(X, reset=False))
