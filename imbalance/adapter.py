"""A classifier that learns the class proportions of a new population from its unlabelled rows."""

from __future__ import annotations

import numpy as np
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted

from imbalance.calibration import fit_calibrator
from imbalance.doors import MetaClassifier, mean_corrected
from imbalance.label_shift import SELDOM, bootstrap_priors, estimate_prior, judge_label_shift
from imbalance.metrics import class_codes
from imbalance.prior_corrected import PriorCorrectedClassifier, held_out_probabilities


class LabelShiftAdapter(MetaClassifier):
    """Classifier that learns the class shares of a new population from its unlabelled rows.

    Expectation maximisation finds the shares under which the rows are most probable if each class looks as
    in training [1]_; probabilities follow. A bootstrap tells how sure the shares are, a test whether the
    assumption holds. Before :meth:`adapt` the probabilities stand for the training prior.

    Parameters
    ----------
    estimator : scikit-learn classifier with ``predict_proba``
        It is cloned; for resampling or weights give a :class:`PriorCorrectedClassifier`.
    calibration : {"none", "prior", "sigmoid"}
        Calibration on held-out predictions; "sigmoid" is what [2]_ advises for classifiers that are
        overconfident.
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
    prior_interval_ : numpy.ndarray of shape (n_classes, 2)
        Low and high end for each share (after :meth:`adapt`). It covers the draw of the unlabelled rows,
        not errors of the classifier.
    plausible_ : bool
        Whether label shift explains the unlabelled rows: False where a fit as bad is seen in 1 of 100
        draws or fewer.
    reason_ : str
        Why, in a sentence.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a classifier to new a
       priori probabilities, Neural Computation 14, 21-41, 2002.
    .. [2] A. Alexandari, A. Kundaje, A. Shrikumar, Maximum likelihood with bias-corrected calibration is
       hard-to-beat at label shift adaptation, ICML 2020.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(400, 1)), np.repeat([0, 1], [360, 40])
    >>> X[y == 1] += 4
    >>> adapter = LabelShiftAdapter(GaussianNB(), random_state=0).fit(X, y)
    >>> new = rng.normal(size=(1000, 1)) + np.repeat([[0], [4]], 500, axis=0)
    >>> adapter.adapt(new).prior_.round(1).tolist(), adapter.plausible_
    ([0.5, 0.5], True)
    """

    def __init__(
        self, estimator, *, calibration="none", n_bootstrap=200, level=0.95, cv=5, random_state=None
    ):
        self.estimator = estimator
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
            raise ValueError(f"{self.n_bootstrap} draws cannot tell what is seldom; use 100 or more.")
        X, y, sample_weight, groups = self._check_training(X, y, sample_weight, groups)
        seed = check_random_state(self.random_state).randint(np.iinfo("int32").max)
        plain = PriorCorrectedClassifier(self.estimator, cv=self.cv, random_state=seed)
        self._copies, held_out = held_out_probabilities(
            plain, X, y, sample_weight=sample_weight, groups=groups
        )
        self._codes = class_codes(y, self.classes_)
        self._calibrator = fit_calibrator(
            held_out, self._codes, method=self.calibration, weights=sample_weight
        )
        self._held_out = self._calibrator(held_out)
        self.classifier_ = plain.fit(X, y, sample_weight)
        self.prior_ = self.training_prior_ = plain.training_prior_
        return self

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
        """
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(np.iinfo("int32").max))
        probabilities = self._training_proba(self.classifier_, X)
        self.prior_ = estimate_prior(probabilities, trained=self.training_prior_)
        draws = bootstrap_priors(
            probabilities, trained=self.training_prior_, n_bootstrap=self.n_bootstrap, rng=rng
        )
        tails = (1 - self.level) / 2
        self.prior_interval_ = np.quantile(draws, [tails, 1 - tails], axis=0).T
        self._judge(X, len(probabilities), rng)
        return self

    def _training_proba(self, classifier, X):
        return self._calibrator(classifier.proba_for(X, self.training_prior_))

    def _judge(self, X, n, rng):
        """Test with the copies, one for each part of the rows: the held-out rows were predicted so, too."""
        part = rng.permutation(n) % len(self._copies)
        unlabelled = np.empty((n, len(self.classes_)))
        for i, copy in enumerate(self._copies):
            rows = np.flatnonzero(part == i)
            if len(rows):
                unlabelled[rows] = self._training_proba(copy, _safe_indexing(X, rows))
        found = judge_label_shift(
            unlabelled,
            self._held_out,
            self._codes,
            trained=self.training_prior_,
            n_bootstrap=self.n_bootstrap,
            rng=rng,
        )
        self.plausible_ = found.p_value > SELDOM
        self.reason_ = _reason(found, self.classes_[found.worst : found.worst + 1].tolist()[0])

    def predict_proba(self, X):
        """Probabilities for ``prior_``, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        probabilities = self._training_proba(self.classifier_, X)
        return mean_corrected([probabilities], [self.training_prior_], self.prior_)

    @property
    def output_prior_(self):
        """Class shares that ``predict_proba`` stands for, of shape (n_classes,)."""
        return self.prior_


def _reason(found, name):
    figures = f"distance {found.distance:.2f} for class {name!r}, p = {found.p_value:.3f}"
    if found.p_value > SELDOM:
        return f"The predictions look like a mixture of the training classes ({figures})."
    return f"No mixture of the training classes gives such predictions: the rows changed, too ({figures})."
