"""One fit for all strategies that share it, and what each of them predicts.

Strategies of equal ``fit_key`` differ only in what happens after the fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from imbalance.estimators import held_out_members
from imbalance.metrics import class_codes, class_weights
from imbalance.probability import estimate_prior, resolve_prior


class StrategyFailed(ValueError):
    """A strategy cannot be used on these rows; the message names it and says why.

    Attributes
    ----------
    name, reason : str
        Which one, and why.
    others : tuple of str
        Strategies that share what failed.
    """

    def __init__(self, name, reason, others=()):
        super().__init__(name, reason, others)
        self.name, self.reason, self.others = name, reason, tuple(others)

    def __str__(self):
        return f"Strategy {self.name!r}: {self.reason}"


@contextmanager
def _named(strategies):
    try:
        yield
    except ValueError as error:
        name, *others = [strategy.name for strategy in strategies]
        raise StrategyFailed(name, str(error), others) from None


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
    for_prior : callable
        ``for_prior(shares)`` gives the probabilities corrected to other class shares, from what was fitted.
    notes : list of str
        What had to be changed to fit.
    by_copies : numpy.ndarray of shape (n_samples, n_classes) or None
        For "em", calibrated probabilities for the training prior by classifiers of the calibration's folds:
        what EM reads.
    """

    probabilities: np.ndarray
    prior: np.ndarray
    seconds: float
    for_prior: Callable = field(repr=False)
    notes: list = field(default_factory=list)
    by_copies: np.ndarray | None = None


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
        If one of them cannot be fitted or calibrated, or predicts what is no number; the line names it.
    ValueError
        If the strategies cannot share a fit.
    """
    keys = {strategy.fit_key for strategy in strategies}
    if len(keys) != 1:
        raise ValueError("These strategies cannot share a fit: they differ in sampler, weights or bag.")
    began = time.perf_counter()
    with _named(strategies):
        fitted = strategies[0].uncorrected(model, target_prior, random_state).fit(X, y)
        members = fitted.members_proba(X_new)
    stages = {"none": (fitted, members, time.perf_counter() - began)}
    calibrating = [strategy for strategy in strategies if strategy.calibration(model) != "none"]
    if calibrating:
        with _named(calibrating):
            copies, held_out = held_out_members(fitted, X, y, groups=groups)
            for method in {strategy.calibration(model) for strategy in calibrating}:
                ready = copy(fitted).calibrate_on(copies, held_out, y, method=method)
                found = ready.members_proba(X_new) if method == "sigmoid" else members
                stages[method] = ready, found, time.perf_counter() - began
    target = resolve_prior(target_prior, fitted.classes_, fitted.training_prior_)
    outcomes = {}
    for strategy in strategies:
        ready, found, spent = stages[strategy.calibration(model)]
        began = time.perf_counter()
        with _named([strategy]):
            probabilities, prior = _after_fit(strategy, ready, found, target, unlabelled)
            if not np.isfinite(probabilities).all():
                raise ValueError("its probabilities are not numbers.")
        seconds = spent + time.perf_counter() - began
        for_prior = partial(ready.corrected, found)
        by_copies = ready.dealt(found) if strategy.adapts else None
        outcomes[strategy.name] = Outcome(
            probabilities, prior, seconds, for_prior, list(fitted.notes_), by_copies
        )
    return outcomes


def _after_fit(strategy, fitted, members, target, unlabelled):
    if strategy.posthoc == "none":
        return np.mean(members, axis=0), fitted.effective_prior_
    if strategy.adapts:
        population = members if unlabelled is None else fitted.members_proba(unlabelled)
        target = estimate_prior(fitted.dealt(population), trained=fitted.training_prior_)
    return fitted.corrected(members, target), target


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
