"""A classifier that learns the class proportions of a new population from its unlabelled rows."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted

from imbalance.estimators import (
    MetaClassifier,
    PriorCorrectedClassifier,
    held_out_probabilities,
    learns_as_counted,
)
from imbalance.metrics import class_codes
from imbalance.probability import (
    MOST_ROWS,
    SELDOM,
    check_enough,
    class_means,
    deal,
    estimate_prior,
    estimate_prior_pacc,
    fit_calibrator,
    fit_mixture,
    judge_label_shift,
    mean_corrected,
    share_intervals,
    solve_pacc,
    some_rows,
    some_rows_by_class,
)
from imbalance.reading import is_number

METHODS = ("pacc", "em")
#: Unlabelled rows at most that shares are estimated from.
MOST_UNLABELLED = 10_000
#: Columns of numbers at most that are compared with training.
MOST_COLUMNS = 100
#: A difference of two estimates of a share that is not worth a word.
SMALL = 0.01


class LabelShiftAdapter(MetaClassifier):
    """Classifier that learns the class shares of a new population from its unlabelled rows.

    The shares are those at which each class looks as in training. They are estimated twice: by
    probabilistic adjusted classify and count (PACC, soft BBSE) [1]_ [2]_, which holds for any classifier,
    and by expectation maximisation (EM) on calibrated probabilities [3]_ [4]_, which varies less where
    the calibration is right. Probabilities follow. A bootstrap of the held-out training rows and the
    unlabelled ones tells how sure the shares are, a test whether the assumption holds. Before
    :meth:`adapt` the probabilities stand for the training prior.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned, and may resample or weight by itself; a :class:`PriorCorrectedClassifier` around it
        resamples inside the folds.
    method : {"pacc", "em"}
        Which estimate the probabilities and the interval follow; the other one is a second opinion.
    calibration : {"sigmoid", "prior", "none"}
        Calibration on held-out predictions. "sigmoid" fits a slope and biases, as [4]_ advises; "prior"
        biases only; the classifiers of the folds then predict together. "none" trusts the classifier,
        except for the prior that it stands for where it resamples or weights by itself.
    n_bootstrap : int
        Draws for the interval and for the test, 100 or more.
    level : float
        Of the interval.
    cv : int, splitter or iterable of (train, test)
        Folds for held-out predictions, as for :class:`~imbalance.estimators.PriorCorrectedClassifier`.
    random_state : int, RandomState instance or None
        Of the folds and the draws.

    Attributes
    ----------
    classes_ : numpy.ndarray of shape (n_classes,)
        Sorted labels.
    training_prior_ : numpy.ndarray of shape (n_classes,)
        Shares of the training rows.
    prior_ : numpy.ndarray of shape (n_classes,)
        Shares that the probabilities stand for.
    estimates_ : dict of str to numpy.ndarray of shape (n_classes,)
        The shares by PACC and by EM (after :meth:`adapt`).
    agree_ : bool
        Whether both say the same: the second estimate lies in the interval of the first, or within .01 of
        its end. Where not, :meth:`adapt` warns: the probabilities are not calibrated, or the rows changed.
    prior_interval_ : numpy.ndarray of shape (n_classes, 2)
        Low and high end for each share. It covers the draw of the unlabelled rows, of the held-out rows and
        the calibration by them, for the classifier as it was fitted, and is never shorter than labels would
        give; from 0 to 1 where the predictions do not tell the classes apart.
    plausible_ : bool
        Whether label shift explains the unlabelled rows, by their predictions and by their columns of
        numbers: False where a fit as bad is seen in 1 of 100 draws or fewer.
    reason_ : str
        Why, in a sentence.

    Notes
    -----
    The unlabelled rows are predicted by the classifiers that predicted the held-out rows: one that was fitted
    on more rows is surer of itself, which misleads EM. PACC is computed on the probabilities for its own
    first estimate, where it varies as little as EM. Of more than 10,000 rows that many are drawn (EM: 5,000).

    References
    ----------
    .. [1] A. Bella, C. Ferri, J. Hernandez-Orallo, M. Ramirez-Quintana, Quantification via probability
       estimators, ICDM 2010.
    .. [2] Z. Lipton, Y.-X. Wang, A. Smola, Detecting and correcting for label shift with black box
       predictors, ICML 2018.
    .. [3] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a classifier to new a
       priori probabilities, Neural Computation 14, 21-41, 2002.
    .. [4] A. Alexandari, A. Kundaje, A. Shrikumar, Maximum likelihood with bias-corrected calibration is
       hard-to-beat at label shift adaptation, ICML 2020.

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
        level=0.95,
        cv=5,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.calibration = calibration
        self.n_bootstrap = n_bootstrap
        self.level = level
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit the classifier and copies for held-out predictions.

        Parameters
        ----------
        X, y, sample_weight, groups
            As for :meth:`PriorCorrectedClassifier.fit`.

        Returns
        -------
        self
        """
        if self.n_bootstrap < 100:
            raise ValueError(f"n_bootstrap must be at least 100, got {self.n_bootstrap}.")
        if self.method not in METHODS:
            raise ValueError(f"Unknown method {self.method!r}; use one of {', '.join(METHODS)}.")
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo("int32").max)
        plain = PriorCorrectedClassifier(self._inner(), trained_prior="count", cv=self.cv, random_state=seed)
        self._copies, self._raw = held_out_probabilities(
            plain, X, y, sample_weight=sample_weight, groups=groups
        )
        self._codes, self._weights = class_codes(y, self.classes_), sample_weight
        self._calibrator = self._fitted_calibrator(np.arange(len(y)))
        self._held_out = self._calibrator(self._raw)
        self._compared = some_rows_by_class(self._codes, MOST_ROWS)
        self._names, self._features = _numbers(_safe_indexing(X, self._compared))
        self.classifier_ = plain.fit(X, y, sample_weight)
        self.prior_ = self.training_prior_ = plain.training_prior_
        return self

    def _inner(self):
        """The estimator; one that estimates its prior need not, because the calibration does."""
        nested = isinstance(self.estimator, PriorCorrectedClassifier)
        if nested and self.calibration != "none" and self.estimator.trained_prior == "auto":
            return clone(self.estimator).set_params(trained_prior="count")
        return self.estimator

    def _fitted_calibrator(self, rows):
        trusted = self.calibration != "none" or learns_as_counted(self.estimator)
        return fit_calibrator(
            self._raw[rows],
            self._codes[rows],
            method=self.calibration if trusted else "prior",
            weights=None if self._weights is None else self._weights[rows],
        )

    def adapt(self, X):
        """Estimate the class shares of unlabelled rows and predict for them from now on.

        Parameters
        ----------
        X : pandas.DataFrame or array-like of shape (n_samples, n_features)
            Rows of the new population, 10 or more: those to predict, or others from the same population.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            With fewer than 10 rows.

        Warns
        -----
        UserWarning
            If PACC and EM disagree.
        """
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        check_enough(rows := np.arange(X.shape[0]))
        rng = np.random.default_rng(check_random_state(self.random_state).randint(np.iinfo("int32").max))
        X = _safe_indexing(X, some_rows(len(rows), MOST_UNLABELLED, rng))
        raw = np.stack([copy.proba_for(X, self.training_prior_) for copy in self._copies])
        dealt = raw[deal(raw.shape[1], len(raw)), np.arange(raw.shape[1])]
        self._estimate(raw, dealt, rng)
        self._judge(X, self._calibrator(dealt), rng)
        self._compare()
        return self

    def _estimate(self, raw, dealt, rng):
        n = len(dealt)
        means = class_means(self._held_out, self._codes, weights=self._weights)
        mean = np.mean([self._calibrator(p) for p in raw], axis=(0, 1))
        rows = np.arange(len(self._codes))
        at = fit_mixture(means.T, mean)
        pacc = estimate_prior_pacc(*self._sides(raw, rows, self._calibrator, at), weights=self._weights)
        # One more row, spread as in training, as in EM: no share is zero.
        kept = (n * pacc + self.training_prior_) / (n + 1)
        em = estimate_prior(self._calibrator(dealt), trained=self.training_prior_)
        self.estimates_ = {"pacc": kept, "em": em}
        self.prior_ = self.estimates_[self.method]
        draws = self._pacc_draws(raw, at, rng) if self.method == "pacc" else self._em_draws(dealt, rng)
        self.prior_interval_ = share_intervals(draws, pacc if self.method == "pacc" else em, n, self.level)
        if np.linalg.matrix_rank(means, tol=1e-6) < len(means):
            self.prior_ = self.training_prior_
            self.prior_interval_ = np.tile([0.0, 1.0], (len(means), 1))
            warnings.warn(
                "The predictions do not tell the classes apart, so the rows say nothing about their shares, "
                "which stay those of training.",
                UserWarning,
                stacklevel=3,
            )

    def _sides(self, raw, rows, calibrator, shares):
        """What PACC compares: probabilities for about its shares, the score function of the likelihood there.

        On them it is as sure as EM where the probabilities are right, and unbiased where they are not.
        """
        shares = 0.9 * shares + 0.1 / len(shares)
        trained = [self.training_prior_]
        unlabelled = mean_corrected([calibrator(p) for p in raw], trained * len(raw), shares)
        return unlabelled, mean_corrected([calibrator(self._raw[rows])], trained, shares), self._codes[rows]

    def _resampled(self, n, rng):
        """Draw both sides anew: held-out rows, a calibrator fitted again on them, unlabelled rows.

        Of more than 5,000 held-out rows its few parameters are taken as known.
        """
        refits = len(self._codes) <= MOST_ROWS
        own = [np.flatnonzero(self._codes == code) for code in range(len(self.classes_))]
        for _ in range(self.n_bootstrap):
            rows = np.concatenate([rng.choice(of, len(of)) for of in own])
            calibrator = self._fitted_calibrator(rows) if refits else self._calibrator
            yield rows, calibrator, rng.integers(n, size=n)

    def _pacc_draws(self, raw, at, rng):
        for_weights = np.ones(len(self._codes)) if self._weights is None else self._weights
        return [
            solve_pacc(*self._sides(raw[:, new], rows, calibrator, at), weights=for_weights[rows])
            for rows, calibrator, new in self._resampled(raw.shape[1], rng)
        ]

    def _em_draws(self, dealt, rng):
        dealt = dealt[some_rows(len(dealt), MOST_ROWS)]
        return [
            estimate_prior(calibrator(dealt[new]), trained=self.training_prior_, tol=1e-5)
            for _, calibrator, new in self._resampled(len(dealt), rng)
        ]

    def _judge(self, X, unlabelled, rng):
        """Test predictions and numbers among the features together."""
        kept = self._compared
        found = judge_label_shift(
            np.column_stack([unlabelled, _numbers(X, self._names)[1]]),
            np.column_stack([self._held_out[kept], self._features]),
            self._codes[kept],
            weights=None if self._weights is None else self._weights[kept],
            n_bootstrap=self.n_bootstrap,
            rng=rng,
        )
        self.plausible_ = found.p_value > SELDOM
        classes = [f"the probability of class {name!r}" for name in self.classes_.tolist()]
        self.reason_ = _reason(found, [*classes, *[f"column {name!r}" for name in self._names]][found.worst])

    def _compare(self):
        (other,) = set(METHODS) - {self.method}
        second, (low, high) = self.estimates_[other], self.prior_interval_.T
        beyond = np.maximum(low - second, second - high)
        self.agree_ = bool(beyond.max() <= SMALL)
        if self.agree_:
            return
        worst = int(beyond.argmax())
        warnings.warn(
            f"{self.method.upper()} and {other.upper()} disagree about the share of class "
            f"{self.classes_[worst : worst + 1].tolist()[0]!r}: {self.prior_[worst]:.3f} "
            f"({self.level:.0%} interval {low[worst]:.3f} to {high[worst]:.3f}) and {second[worst]:.3f}. "
            "EM needs calibrated probabilities, PACC does not; both need that only the class shares changed.",
            UserWarning,
            stacklevel=3,
        )

    def predict_proba(self, X):
        """Probabilities for ``prior_``, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        several = [self.classifier_] if self.calibration == "none" else self._copies
        members = [self._calibrator(one.proba_for(X, self.training_prior_)) for one in several]
        return mean_corrected(members, [self.training_prior_] * len(members), self.prior_)

    @property
    def output_prior_(self):
        """Class shares that ``predict_proba`` stands for, of shape (n_classes,)."""
        return self.prior_


def _numbers(X, names=None):
    """Names and values of the columns of numbers, 100 at most, or of `names`; a gap is the smallest value."""
    if issparse(X):
        return [], np.empty((X.shape[0], 0))
    frame = pd.DataFrame(X)
    if names is None:
        kinds = frame.infer_objects()
        names = [name for name in frame.columns if is_number(kinds[name])][:MOST_COLUMNS]
    values = frame[names].apply(pd.to_numeric, errors="coerce").to_numpy("float64", na_value=np.nan)
    return names, np.nan_to_num(values, nan=-2e30, posinf=1e30, neginf=-1e30)


def _reason(found, where):
    figures = f"distance {found.distance:.2f} for {where}, p = {found.p_value:.3f}"
    if found.p_value > SELDOM:
        return f"The rows look like a mixture of the training classes ({figures})."
    return f"No mixture of the training classes looks like these rows: they changed, too ({figures})."
