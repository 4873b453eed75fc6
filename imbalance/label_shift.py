"""Learn the class shares of a population without labels: once by an adapter, over time by a tracker."""

from __future__ import annotations

import copy
import warnings
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from imbalance import probability
from imbalance.estimators import (
    MetaClassifier,
    PriorCorrectedClassifier,
    copy_of,
    held_out_members,
    learns_as_counted,
)
from imbalance.metrics import class_codes
from imbalance.reading import is_number

METHODS = ("pacc", "em")
#: Unlabelled rows at most that shares are estimated from.
MOST_UNLABELLED = 10_000
#: Columns of numbers at most that are compared with training.
MOST_COLUMNS = 100
#: A difference of two estimates of a share that is not worth a word.
SMALL = 0.01
NUMBERS = ["share", "low", "high", "pacc", "em", "p_value"]
#: What the reason of a batch says where its reference has too few rows.
ALL_COMPARED = "all training rows were compared with"
HISTORY = [
    "when",
    "label",
    "n_rows",
    "n_used",
    "n_held_out",
    *NUMBERS[:5],
    "agree",
    "p_value",
    "alarm",
    "reason",
]


class LabelShiftAdapter(MetaClassifier):
    """Adapt a classifier to the class shares of a new population, from its unlabelled rows.

    The shares are those at which each class looks as in training. They are estimated twice: by
    probabilistic adjusted classify and count (PACC, soft BBSE) [1]_ [2]_, which holds for any classifier,
    and by expectation maximisation (EM) on calibrated probabilities [3]_ [4]_, which varies less where
    the calibration is right. Probabilities follow. An interval tells how sure the shares are, given both
    the held-out training rows and the unlabelled ones, and a test whether the assumption holds. Before
    :meth:`adapt` the probabilities stand for the training prior. At the end of a pipeline, use
    :func:`adapt`.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned, and may resample or weight by itself; a :class:`PriorCorrectedClassifier` around it
        resamples inside the folds.
    method : {"pacc", "em"}
        Which estimate the probabilities follow; the other one is a second opinion. The interval is PACC's.
    calibration : {"sigmoid", "prior", "none"}
        On held-out predictions: slope and biases, as [4]_ advises, or biases only; the classifiers of the
        folds then predict together. "none" trusts the classifier, except for the prior that it stands for
        where it resamples or weights by itself.
    n_bootstrap, coverage : int, float
        Draws at most for the test of label shift, 100 or more; coverage of the interval.
    cv, n_jobs, random_state
        As for :class:`~imbalance.estimators.PriorCorrectedClassifier`; the seed is that of folds and draws.

    Attributes
    ----------
    classes_, training_prior_, prior_ : numpy.ndarray of shape (n_classes,)
        Sorted labels; shares of the training rows; shares that the probabilities stand for.
    estimates_ : dict of str to numpy.ndarray of shape (n_classes,)
        The shares by PACC and by EM (after :meth:`adapt`).
    agree_ : bool
        Whether EM's shares lie in PACC's interval, or within .01 of its end. Where not, :meth:`adapt` warns:
        the probabilities are not calibrated, or the rows changed.
    prior_interval_ : numpy.ndarray of shape (n_classes, 2)
        Low and high end for each share, by PACC, for the draw of the unlabelled and of the held-out rows;
        from 0 to 1 where the predictions do not tell the classes apart.
    plausible_, p_value_, reason_ : bool, float, str
        Whether label shift explains the rows' predictions and columns of numbers: False where at most 1 of
        100 draws under label shift fits as badly; the share of those that do; and why, in a sentence.

    Notes
    -----
    The unlabelled rows are predicted by the classifiers that predicted the held-out rows: one that was fitted
    on more rows is surer of itself, which misleads EM. PACC is computed on the probabilities for its own
    first estimate, where it varies as little as EM. Of more than 10,000 rows that many are drawn (EM: 5,000).

    References
    ----------
    .. [1] A. Bella et al., Quantification via probability estimators, ICDM 2010.
    .. [2] Z. Lipton et al., Detecting and correcting for label shift with black box predictors, ICML 2018.
    .. [3] M. Saerens et al., Adjusting the outputs of a classifier, Neural Computation 14, 21-41, 2002.
    .. [4] A. Alexandari et al., Maximum likelihood with bias-corrected calibration, ICML 2020.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(400, 1)), np.repeat([0, 1], [360, 40])
    >>> X[y == 1] += 4
    >>> adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    >>> new = rng.normal(size=(1000, 1)) + np.repeat([[0], [4]], 500, axis=0)
    >>> adapter.adapt(new).prior_.round(1).tolist(), adapter.plausible_, adapter.agree_
    ([0.5, 0.5], True, True)
    """

    def __init__(
        self,
        estimator,
        *,
        method="pacc",
        calibration="sigmoid",
        n_bootstrap=200,
        coverage=0.95,
        cv=5,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.calibration = calibration
        self.n_bootstrap = n_bootstrap
        self.coverage = coverage
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the classifier and copies for held-out predictions; return self.

        Takes rows, labels, weights and groups as :meth:`PriorCorrectedClassifier.fit`.
        """
        if self.n_bootstrap < 100:
            raise ValueError(f"n_bootstrap must be at least 100, got {self.n_bootstrap}.")
        for name, known in (("method", METHODS), ("calibration", probability.CALIBRATIONS)):
            if (given := getattr(self, name)) not in known:
                raise ValueError(f"Unknown {name} {given!r}; use one of {', '.join(known)}.")
        probability.check_coverage(self.coverage)
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo("int32").max)
        inner = self.estimator
        if isinstance(inner, PriorCorrectedClassifier) and self.calibration != "none" and inner._asks("auto"):
            inner = copy_of(inner).set_params(trained_prior="count")  # the calibration finds its prior
        plain = PriorCorrectedClassifier(
            inner, trained_prior="count", cv=self.cv, n_jobs=self.n_jobs, random_state=seed
        )
        self._copies, raw = held_out_members(plain, X, y, sample_weight=sample_weight, groups=groups)
        self._raw, self._codes = raw.mean(axis=0), class_codes(y, self.classes_)
        self._weights = np.ones(len(y)) if sample_weight is None else sample_weight
        # Without calibration the probabilities are trusted, but for the prior of what weights by itself.
        trusted = self.calibration != "none" or learns_as_counted(self.estimator)
        self._method = self.calibration if trusted else "prior"
        self._compared = probability.some_rows_by_class(self._codes, probability.MOST_ROWS)
        self._names, self._features = _numbers(_safe_indexing(X, self._compared))
        self.classifier_ = plain.fit(X, y, sample_weight)
        self.prior_ = self.training_prior_ = plain.training_prior_
        self._reference = None
        self._refer_to()
        return self

    def _refer_to(self, reference=None):
        """Compare with some held-out rows from now on, or with all where they are too few.

        Return a sentence that says so, or nothing.
        """
        every, said = np.ones(len(self._codes), dtype=bool), ""
        mask = every if reference is None else self._checked(reference)
        compared = self._compared[(mask & (self._weights > 0))[self._compared]]
        rows = np.bincount(self._codes[compared], minlength=len(self.classes_))
        if reference is not None and rows.min() < probability.FEWEST_ROWS:
            name, mask = self.classes_.tolist()[rows.argmin()], every
            said = (
                f" The reference has {rows.min()} rows of class {name!r} among those compared, fewer than "
                f"{probability.FEWEST_ROWS}, so {ALL_COMPARED}."
            )
        if np.array_equal(mask, self._reference):
            return said
        codes, weights, raw = self._codes[mask], self._weights[mask], self._raw[mask]
        # The classes count as in training: for these shares the probabilities stand.
        shares = np.bincount(codes, weights, len(self.classes_))
        weights = weights * (self.training_prior_ / (shares / shares.sum()))[codes]
        self._calibrator = probability.fit_calibrator(raw, codes, method=self._method, weights=weights)
        self._reference, self._held_out = mask, (self._calibrator(raw), codes, weights)
        return said

    def _checked(self, reference):
        mask, n_rows = np.asarray(reference), len(self._codes)
        if mask.shape != (n_rows,) or mask.dtype != bool:
            raise ValueError(f"The reference must be true or false for each of {n_rows:,} training rows.")
        return mask

    def adapt(self, X):
        """Estimate the class shares of unlabelled rows and predict for them from now on; return self.

        Of fewer than 10 rows a ValueError says that they are too few. A UserWarning says that PACC and EM
        disagree.
        """
        check_is_fitted(self)
        rng = self._rng()
        X, raw = self._predicted(X, rng)
        self._estimate(raw)
        self._test(X, raw, rng)
        if doubt := self._doubt():
            warnings.warn(doubt, UserWarning, stacklevel=2)
        return self

    def _rng(self):
        return np.random.default_rng(check_random_state(self.random_state).randint(np.iinfo("int32").max))

    def _predicted(self, X, rng):
        """Return rows, of many some, and every copy's predictions, shape (n_copies, n_rows, n_classes)."""
        X = self._check_rows(X, reset=False)
        n_rows = X.shape[0]
        probability.check_enough(n_rows)
        X = _safe_indexing(X, probability.some_rows(n_rows, MOST_UNLABELLED, rng))
        return X, np.stack([copy.proba_for(X, self.training_prior_) for copy in self._copies])

    def _estimate(self, raw):
        """Estimate the shares twice, with PACC's interval, and note whether both agree."""
        trained, n_rows = self.training_prior_, raw.shape[1]
        calibrated = np.stack([self._calibrator(p) for p in raw])
        held_out, codes, weights = self._held_out
        means = probability.class_means(held_out, codes, weights=weights)
        told = np.linalg.matrix_rank(means, tol=1e-6) == len(means)
        # Probabilities for about the shares sought are the score function of the likelihood there: on them
        # PACC is as sure as EM where the probabilities are right, and unbiased where they are not.
        about = 0.9 * probability.fit_mixture(means.T, calibrated.mean(axis=(0, 1))) + 0.1 / len(means)
        unlabelled = probability.mean_corrected(calibrated, [trained] * len(raw), about)
        pacc, self.prior_interval_ = probability.pacc_with_intervals(
            unlabelled,
            probability.mean_corrected([held_out], [trained], about),
            codes,
            weights=weights,
            coverage=self.coverage,
            n_copies=len(raw),
        )
        # One more row, spread as in training, as in EM: no share is zero.
        pacc = (n_rows * pacc + trained) / (n_rows + 1)
        low, high = self.prior_interval_.T
        low, high = np.minimum(low, pacc), np.maximum(high, pacc)
        self.prior_interval_ = np.column_stack([low, high])
        em = probability.estimate_prior(probability.deal(calibrated), trained=trained)
        self.estimates_ = {"pacc": pacc, "em": em} if told else {"pacc": trained, "em": trained}
        self.prior_ = self.estimates_[self.method]
        self.agree_ = bool(np.maximum(low - em, em - high).max() <= SMALL)

    def _test(self, X, raw, rng, *, significance=probability.SIGNIFICANCE):
        """Test predictions and numbers among the features together."""
        of = self._reference[self._compared]
        kept = self._compared[of]
        found = probability.label_shift_test(
            np.column_stack([self._calibrator(probability.deal(raw)), _numbers(X, self._names)[1]]),
            np.column_stack([self._calibrator(self._raw[kept]), self._features[of]]),
            self._codes[kept],
            weights=self._weights[kept],
            n_bootstrap=max(self.n_bootstrap, int(np.ceil(2 / significance))),
            rng=rng,
        )
        self.p_value_, self.plausible_ = found.p_value, found.p_value > significance
        columns = [f"the probability of class {name!r}" for name in self.classes_.tolist()]
        where = [*columns, *[f"column {name!r}" for name in self._names]][found.worst]
        says = (
            "The rows look like a mixture of the training classes"
            if self.plausible_
            else "No mixture of the training classes looks like these rows: they changed, too"
        )
        self.reason_ = f"{says} (distance {found.distance:.2f} for {where}, p = {found.p_value:.3f})."

    def _doubt(self):
        """Return what speaks against the estimate, in a sentence, or nothing."""
        low, high = self.prior_interval_.T
        if high[0] - low[0] == 1:
            return (
                "The predictions do not tell the classes apart, so the rows say nothing about their shares, "
                "which stay those of training."
            )
        if self.agree_:
            return ""
        pacc, em = self.estimates_["pacc"], self.estimates_["em"]
        worst = int(np.maximum(low - em, em - high).argmax())
        return (
            f"PACC and EM disagree about the share of class {self.classes_.tolist()[worst]!r}: "
            f"{pacc[worst]:.3f} ({self.coverage:.0%} interval {low[worst]:.3f} to {high[worst]:.3f}) and "
            f"{em[worst]:.3f}. EM needs calibrated probabilities, PACC does not; both need that only the "
            "class shares changed."
        )

    def predict_proba(self, X):
        """Return probabilities for ``prior_``, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        several = [self.classifier_] if self.calibration == "none" else self._copies
        members = [self._calibrator(one.proba_for(X, self.training_prior_)) for one in several]
        return probability.mean_corrected(members, [self.training_prior_] * len(members), self.prior_)

    @property
    def output_prior_(self):
        """Return the class shares that ``predict_proba`` stands for, of shape (n_classes,)."""
        return self.prior_


def _numbers(X, names=None):
    """Return names and values of some columns of numbers, or of `names`; a gap is the smallest value."""
    if issparse(X):
        return [], np.empty((X.shape[0], 0))
    frame = pd.DataFrame(X)
    if names is None:
        kinds = frame.infer_objects()
        names = [name for name in frame.columns if is_number(kinds[name])][:MOST_COLUMNS]
    values = frame[names].apply(pd.to_numeric, errors="coerce").to_numpy("float64", na_value=np.nan)
    return names, np.nan_to_num(values, nan=-2e30, posinf=1e30, neginf=-1e30)


def adapt(model, X):
    """Adapt a fitted model to the class shares of unlabelled rows, also at the end of a pipeline.

    Parameters
    ----------
    model : LabelShiftAdapter, Pipeline, search or CostSensitiveClassifier
        Fitted; a pipeline ends with the adapter, of a search it is the best estimator, a
        :class:`~imbalance.decisions.CostSensitiveClassifier` has it inside.
    X : pandas.DataFrame or array-like of shape (n_samples, n_features)
        Unlabelled rows of the new population, as `model` takes them.

    Returns
    -------
    model
        The same object, adapted. A TypeError says that no adapter was found.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], [360, 40])
    >>> X, new = rng.normal(size=(400, 1)) + 4 * y[:, None], rng.normal(size=(1000, 1))
    >>> new[500:] += 4
    >>> model = Pipeline([("adapter", LabelShiftAdapter(GaussianNB(), random_state=0))])
    >>> adapt(model.fit(X, y), new)[-1].prior_.round(1).tolist()
    [0.5, 0.5]
    """
    before, adapter = _unpacked(model, lambda one: not hasattr(one, "best_estimator_"))
    if not hasattr(adapter, "adapt"):
        raise TypeError(f"{type(adapter).__name__} does not adapt; put a LabelShiftAdapter around it first.")
    adapter.adapt(_transformed(before, X))
    return model


def _unpacked(model, found):
    """Return what a fitted model does to rows before the part that is `found` in it, and this, or None."""
    before = []
    while model is not None and (isinstance(model, Pipeline) or not found(model)):
        if isinstance(model, Pipeline):
            before, model = [*before, model[:-1]] if len(model) > 1 else before, model[-1]
        else:
            model = getattr(model, "best_estimator_", getattr(model, "estimator_", None))
    return before, model


def _transformed(before, X):
    for steps in before:
        X = steps.transform(X)
    return X


class PriorTracker(MetaClassifier):
    """Track the class shares of unlabelled batches (months, cities), with an alarm.

    Every batch is adapted to as by :class:`LabelShiftAdapter`: shares with an interval for both sides,
    held-out and unlabelled rows, and a test whether label shift still explains the rows. The probabilities
    stand for the shares of the latest batch.

    Parameters
    ----------
    estimator : classifier or LabelShiftAdapter
        A classifier is put into an adapter. An adapter that is fitted already needs no `fit`, also at the end
        of a pipeline, in a search, or inside a :class:`~imbalance.decisions.CostSensitiveClassifier`.
    half_life : float, optional
        Batches after which the rows of one count half. The shares are then those of the rows so far, the
        older the fewer of them: steadier, and late where the shares move. None forgets at once.
    false_alarms, horizon : float, int
        Chance of one false alarm or more among so many batches: each is tested at the level
        ``1 - (1 - false_alarms) ** (1 / horizon)``, .0043 for 5 % in a year of months.
    random_state : int, RandomState instance or None
        Of the adapter that is put around a classifier.

    Attributes
    ----------
    adapter_ : LabelShiftAdapter
        Adapted to the latest batch.
    history_ : pandas.DataFrame
        A row for each batch and class: ``when, label, n_rows`` (of the batch), ``n_used`` (with those of
        earlier ones that are not forgotten), ``n_held_out`` (rows compared with), ``share, low, high`` (PACC
        or as the adapter says, and the interval), ``pacc, em, agree, p_value, alarm, reason``. A batch of
        fewer than 10 rows has no share.

    Notes
    -----
    The intervals hold one at a time: of 20 at 95 % one misses. All rest on the same held-out rows, so that
    differences between batches are surer than each share. A batch that raises the alarm is not remembered,
    and its shares should not be believed. A batch of one season raises it where features follow the season:
    give :meth:`update` the training rows of that season as `reference`.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["clean", "hazardous"], [900, 100])
    >>> X = rng.normal(size=(1000, 1)) + 4.0 * (y == "hazardous")[:, None]
    >>> tracker = PriorTracker(GaussianNB(), random_state=0).fit(X, y)
    >>> for month, share in [("May", 0.1), ("June", 0.4)]:
    ...     _ = tracker.update(rng.normal(size=(1000, 1)) + 4.0 * (rng.random((1000, 1)) < share), when=month)
    >>> tracker.history_.query("label == 'hazardous'")[["when", "share", "alarm"]].round(1)
       when  share  alarm
    1   May    0.1  False
    3  June    0.4  False
    """

    def __init__(self, estimator, *, half_life=None, false_alarms=0.05, horizon=12, random_state=None):
        self.estimator = estimator
        self.half_life = half_life
        self.false_alarms = false_alarms
        self.horizon = horizon
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the adapter as :meth:`LabelShiftAdapter.fit` and begin a history; return self."""
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        adapter = self.estimator
        adapter = (
            copy_of(adapter)
            if isinstance(adapter, LabelShiftAdapter)
            else LabelShiftAdapter(adapter, random_state=self.random_state)
        )
        return self._begin(adapter.fit(X, y, sample_weight, groups), [])

    def _begin(self, adapter, before):
        if not (0 < self.false_alarms < 1 and self.horizon >= 1):
            raise ValueError(
                "false_alarms must lie between 0 and 1 and horizon be 1 or more, "
                f"got {self.false_alarms} and {self.horizon}."
            )
        if self.half_life is not None and not self.half_life > 0:
            raise ValueError(f"half_life must be more than 0 batches, got {self.half_life}.")
        self.adapter_, self.classes_, self._before = copy.copy(adapter), adapter.classes_, before
        self.history_, self._earlier = pd.DataFrame(columns=HISTORY), None
        return self

    def update(self, X, when=None, *, reference=None):
        """Add a batch of unlabelled rows to the history.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows, as the estimator takes them.
        when : str or other scalar, optional
            Name of the batch, a new one; its number if None.
        reference : array-like of bool of shape (n_training_rows,), optional
            Held-out training rows to compare with, by position, such as those of the same month of any year;
            all if None, and where it has fewer than 10 rows of a class, which `reason` then says.

        Returns
        -------
        self
            A ValueError says that the name is known already, or that the reference does not fit.
        """
        if not hasattr(self, "adapter_"):
            before, adapter = _unpacked(self.estimator, lambda one: isinstance(one, LabelShiftAdapter))
            if adapter is not None:
                check_is_fitted(adapter)
                self._begin(adapter, before)
        check_is_fitted(self)
        known = self.history_["when"].unique()
        when = len(known) + 1 if when is None else when
        if when in known:
            raise ValueError(f"Batch {when!r} is in the history already; give this one another name.")
        if reference is not None:
            self.adapter_._checked(reference)
            if self.half_life is not None:
                raise ValueError("Give a reference or half_life: remembered rows are of another reference.")
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        found = {"when": when, "label": self.classes_, "n_rows": n_rows}
        if n_rows < probability.FEWEST_ROWS:
            reason = f"{n_rows} rows say too little about their class shares."
            found |= {"n_used": 0, "n_held_out": 0, "agree": True, "alarm": False, "reason": reason}
        else:
            found |= self._follow(X, len(known), reference)
        new = pd.DataFrame(found, columns=HISTORY)
        new[NUMBERS] = new[NUMBERS].astype("float64")
        self.history_ = new if self.history_.empty else pd.concat([self.history_, new], ignore_index=True)
        return self

    def _follow(self, X, n_before, reference):
        adapter, said = self.adapter_, self.adapter_._refer_to(reference)
        rng = np.random.default_rng([int(adapter._rng().integers(2**31)), n_before])
        X, raw = adapter._predicted(_transformed(self._before, X), rng)
        adapter._test(X, raw, rng, significance=1 - (1 - self.false_alarms) ** (1 / self.horizon))
        if self._earlier is not None:
            raw = np.concatenate([raw, self._earlier], axis=1)
        adapter._estimate(raw)
        if self.half_life is not None and adapter.plausible_:
            self._earlier = raw[:, rng.random(raw.shape[1]) < 0.5 ** (1 / self.half_life)]
        low, high = adapter.prior_interval_.T
        return {
            "n_used": raw.shape[1], "n_held_out": adapter._reference.sum(), "share": adapter.prior_,
            "low": low, "high": high, **adapter.estimates_, "agree": adapter.agree_,
            "p_value": adapter.p_value_, "alarm": not adapter.plausible_, "reason": adapter.reason_ + said,
        }  # fmt: skip

    def track(self, X, when):
        """Add every batch of a table to the history, in the order of its names; return self.

        `when` is the batch of every row, or its column in `X`, which is then left out of the features. A
        ValueError says that a row has no batch, or that there is no such column.
        """
        if isinstance(when, str):
            if when not in getattr(X, "columns", ()):
                raise ValueError(f"The rows have no column {when!r}; give the batch of every row.")
            X, when = X.drop(columns=when), X[when]
        when = pd.Series(np.asarray(when))
        check_consistent_length(X, when)
        if when.isna().any():
            raise ValueError(f"{int(when.isna().sum())} rows have no batch; drop them or say when they are.")
        for name, rows in sorted(when.groupby(when).indices.items()):
            self.update(_safe_indexing(X, rows), when=name)
        return self

    def predict_proba(self, X):
        """Return probabilities for the shares of the latest batch, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.adapter_.predict_proba(_transformed(self._before, self._check_rows(X, reset=False)))

    @property
    def output_prior_(self):
        """Return the class shares that ``predict_proba`` stands for, of shape (n_classes,)."""
        return self.adapter_.prior_
