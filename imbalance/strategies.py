"""What can be done about rare classes: a sampler, a weight rule and what happens to the probabilities.

>>> from imblearn.over_sampling import RandomOverSampler
>>> _ = register(Strategy("repeat", "Repeat rows of the small classes", sampler=RandomOverSampler()))
>>> STRATEGIES.pop("repeat").posthoc
'none'
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from imbalance.boosters import MODELS, make_model
from imbalance.doors import resolve_prior
from imbalance.estimators import LabelShiftAdapter, PriorCorrectedClassifier
from imbalance.label_shift import estimate_prior
from imbalance.metrics import class_codes, class_weights
from imbalance.resampling import AsManyAsTheOthers, AtMost, DropMajority, Grow

__all__ = [
    "MODELS",
    "STRATEGIES",
    "Strategy",
    "StrategyFailed",
    "deployment_rows",
    "make_model",
    "predict_strategies",
    "register",
]

POSTHOC = ("none", "prior", "em", "calibrated-prior", "calibrated-em")


@dataclass(frozen=True)
class Strategy:
    """A way to treat rare classes.

    Parameters
    ----------
    name : str
        Short, as on the command line.
    meaning : str
        A line for tables.
    sampler : imbalanced-learn sampler or tuple of them, optional
        For the training rows.
    weights : None, "balanced", "target" or mapping
        Row weights by class, after the sampler.
    posthoc : {"none", "prior", "em", "calibrated-prior", "calibrated-em"}
        Leave the probabilities; correct them to the known target prior; correct them to the prior that EM
        finds in unlabelled rows; calibrate them on held-out original rows, then do either.
    bag : int
        Classifiers, each on its own draw of the sampler.
    """

    name: str
    meaning: str = ""
    sampler: object = None
    weights: object = None
    posthoc: str = "none"
    bag: int = 1

    def __post_init__(self):
        if self.posthoc not in POSTHOC:
            raise ValueError(
                f"Strategy {self.name!r} has posthoc {self.posthoc!r}; use one of {', '.join(POSTHOC)}."
            )
        if self.adapts and self.weights == "target":
            raise ValueError(f"Strategy {self.name!r} weights to a known prior and estimates it; choose one.")
        if self.bag < 1:
            raise ValueError(f"Strategy {self.name!r} has {self.bag} classifiers in its bag; use 1 or more.")

    @property
    def fit_key(self):
        """Strategies of equal key differ only in what happens after the fit, and can share it."""
        samplers = self.sampler if isinstance(self.sampler, list | tuple) else [self.sampler]
        return tuple(map(_described, samplers)), _described(self.weights), self.bag

    @property
    def adapts(self):
        """Whether it estimates the prior from unlabelled rows instead of being told."""
        return self.posthoc.endswith("em")

    @property
    def calibrates(self):
        """Whether it calibrates on held-out original rows, which takes more fits."""
        return self.posthoc.startswith("calibrated")

    def classifier(self, model, *, target_prior, random_state=0):
        """The strategy as one scikit-learn classifier, not fitted.

        Parameters
        ----------
        model : scikit-learn classifier
            It is cloned when fitted.
        target_prior : {"training", "balanced"}, mapping or array-like of shape (n_classes,)
            Class shares to predict for; for "none" and "em" it does not matter, unless weights follow it.
        random_state : int
            Of samplers and folds.

        Returns
        -------
        PriorCorrectedClassifier or LabelShiftAdapter
            The latter where the strategy `adapts`: call ``adapt`` with unlabelled rows after ``fit``.
        """
        calibration = "sigmoid" if self.calibrates else "none"
        if self.adapts:
            base = self._base(model, "training", random_state)
            return LabelShiftAdapter(base, calibration=calibration, random_state=random_state)
        known = self._known(target_prior) if self.posthoc == "none" else target_prior
        return self._base(model, known, random_state).set_params(calibration=calibration)

    def _known(self, target_prior):
        """The prior where the weights need it: they make it the effective one, nothing is corrected."""
        return target_prior if self.weights == "target" else None

    def _base(self, model, target_prior, random_state):
        return PriorCorrectedClassifier(
            model,
            target_prior=target_prior,
            sampler=self.sampler,
            weights=self.weights,
            n_members=self.bag,
            random_state=random_state,
        )


def _described(part):
    """A sampler by type and parameters, since the representation of large ones is cut."""
    if not hasattr(part, "get_params"):
        return repr(part)
    return f"{type(part).__qualname__}({sorted(part.get_params().items())})"


#: Strategies by name, in the order of tables; :func:`register` adds to them.
STRATEGIES = {}


def register(strategy):
    """Add a strategy, which comparisons then know by its name; return it.

    Raises
    ------
    ValueError
        If another strategy has the name.
    """
    if strategy.name in STRATEGIES and STRATEGIES[strategy.name] != strategy:
        raise ValueError(f"There is a strategy {strategy.name!r} already; give yours another name.")
    STRATEGIES[strategy.name] = strategy
    return strategy


def _under(rule):
    return RandomUnderSampler(sampling_strategy=rule)


SMOTE_UNDER = (SMOTE(sampling_strategy=Grow(3)), _under(AsManyAsTheOthers()))

for _strategy in (
    Strategy("none", "Nothing: the training rows as they are"),
    Strategy("drop-majority", "Drop 5/6 of the largest class", _under(DropMajority(5 / 6))),
    Strategy("under-sample", "Cut every class to the rows of the rarest", _under(AtMost(1))),
    Strategy("smote", "SMOTE every class to the rows of the largest", SMOTE()),
    Strategy(
        "smote-under",
        "SMOTE the others to 3 times their rows, then cut the largest class to all others together",
        SMOTE_UNDER,
    ),
    Strategy("weights", "Row weights: classes count alike", weights="balanced"),
    Strategy("weights-target", "Row weights: classes count as in the target prior", weights="target"),
    Strategy(
        "bagged-under", "Mean of 10 classifiers, each under-sampled on its own", _under(AtMost(1)), bag=10
    ),
    Strategy("none+prior", "Nothing, then corrected to the known target prior", posthoc="prior"),
    Strategy(
        "none+em", "Nothing, then corrected to the prior that EM finds in unlabelled rows", posthoc="em"
    ),
    Strategy(
        "calibrated+prior",
        "Nothing, calibrated on held-out training rows, then corrected to the known target prior",
        posthoc="calibrated-prior",
    ),
):
    register(_strategy)


class StrategyFailed(ValueError):
    """A strategy cannot be used on these rows; the message names it and says why."""


@contextmanager
def _named(strategy):
    try:
        yield
    except ValueError as error:
        raise StrategyFailed(f"Strategy {strategy.name!r}: {error}") from None


@dataclass(frozen=True)
class Outcome:
    """What a strategy predicts for some rows.

    Attributes
    ----------
    probabilities : numpy.ndarray of shape (n_samples, n_classes)
        In the order of the classes given.
    prior : numpy.ndarray of shape (n_classes,)
        Class shares that they stand for, nominally: as counted from labels and weights, or corrected to.
        For SMOTE, repeated rows and weights boosted trees do not stand for the counted prior.
    seconds : float
        Time of the fit (shared or not) and of all that follows. [s]
    notes : list of str
        What had to be changed to fit.
    """

    probabilities: np.ndarray
    prior: np.ndarray
    seconds: float
    notes: list = field(default_factory=list)


def predict_strategies(
    strategies, model, X, y, X_new, *, target_prior, random_state=0, unlabelled=None, groups=None
):
    """Fit what some strategies share once, and predict with each.

    Parameters
    ----------
    strategies : list of Strategy
        All with the same ``fit_key``.
    model : scikit-learn classifier
        It is cloned.
    X, y : pandas.DataFrame or array-like of shape (n_samples, n_features), array-like of shape (n_samples,)
        Training rows: the only ones that are resampled, weighted and calibrated on.
    X_new : pandas.DataFrame or array-like of shape (n_new, n_features)
        Rows to predict.
    target_prior : {"training", "balanced"}, mapping or array-like of shape (n_classes,)
        Class shares to predict for, an array in the order of the sorted classes.
    random_state : int
        Of samplers and folds: one seed, one result, whichever process it runs in.
    unlabelled : pandas.DataFrame or array-like of shape (n_unlabelled, n_features), optional
        Rows of the population that "em" adapts to, without labels. If None they are `X_new` themselves
        (transductive); these must then come from that population (:func:`deployment_rows`).
    groups : array-like of shape (n_samples,), optional
        Training rows of a group stay together in the folds of a calibration.

    Returns
    -------
    dict of str to Outcome

    Raises
    ------
    StrategyFailed
        If one of them cannot be fitted or calibrated; the line names it.
    ValueError
        If the strategies cannot share a fit.
    """
    keys = {strategy.fit_key for strategy in strategies}
    if len(keys) != 1:
        raise ValueError("These strategies cannot share a fit: they differ in sampler, weights or bag.")
    began = time.perf_counter()
    with _named(strategies[0]):
        fitted = strategies[0]._base(model, strategies[0]._known(target_prior), random_state).fit(X, y)
    stages = {False: (fitted, time.perf_counter() - began)}
    calibrating = [strategy for strategy in strategies if strategy.calibrates]
    if calibrating:
        with _named(calibrating[0]):
            calibrated = copy(fitted).calibrate(X, y, method="sigmoid", groups=groups)
        stages[True] = calibrated, time.perf_counter() - began
    target = resolve_prior(target_prior, fitted.classes_, fitted.training_prior_)
    outcomes = {}
    for strategy in strategies:
        ready, spent = stages[strategy.calibrates]
        began = time.perf_counter()
        with _named(strategy):
            probabilities, prior = _after_fit(strategy, ready, X_new, target, unlabelled)
        seconds = spent + time.perf_counter() - began
        outcomes[strategy.name] = Outcome(probabilities, prior, seconds, list(fitted.notes_))
    return outcomes


def _after_fit(strategy, fitted, X_new, target, unlabelled):
    if strategy.posthoc == "none":
        return fitted.raw_proba(X_new), fitted.effective_prior_
    if strategy.adapts:
        population = X_new if unlabelled is None else unlabelled
        trained = fitted.training_prior_
        target = estimate_prior(fitted.proba_for(population, trained), trained=trained)
    return fitted.proba_for(X_new, target), target


def deployment_rows(y, classes, target, *, size=None, random_state=0):
    """Draw rows so that the classes have the shares of a population: a deployment, simulated.

    A test fold has the class shares of training; a score weighted to the target prior judges a population
    that the fold is not. An estimate from unlabelled rows needs rows of that population. Whoever simulates
    it knows the labels, as whoever weights the score does; give the estimator the drawn rows without them.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of the test rows.
    classes : array-like of shape (n_classes,)
        Classes.
    target : array-like of shape (n_classes,)
        Share of each class in the population.
    size : int, optional
        Rows to draw, with replacement; as many as there are if None.
    random_state : int
        Seed.

    Returns
    -------
    numpy.ndarray of int, shape (size,)
        Positions in `y`.

    Raises
    ------
    ValueError
        If the target holds a class that has no row.

    Examples
    --------
    >>> rows = deployment_rows(["a"] * 98 + ["b"] * 2, ["a", "b"], [0.5, 0.5], size=1000)
    >>> bool(0.4 < (rows >= 98).mean() < 0.6)
    True
    """
    rng = np.random.default_rng(random_state)
    chances = class_weights(y, classes, target)[class_codes(y, classes)]
    return rng.choice(len(chances), len(chances) if size is None else size, p=chances / chances.sum())
