"""One fit for all endings that share it, and what each of them predicts."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from textwrap import shorten

import numpy as np

from imbalance.comparison.models import with_trees
from imbalance.comparison.strategies import label
from imbalance.estimators import held_out_members
from imbalance.metrics import class_codes, class_weights
from imbalance.probability import correct_prior, estimate_prior


class StrategyFailed(ValueError):
    """Something cannot be done with these rows; the message names it and says why.

    Attributes
    ----------
    name, reason : str
        What, and why.
    endings : tuple of str
        Those that share what failed.
    """

    def __init__(self, name, reason, endings=()):
        super().__init__(name, reason, endings)
        self.name, self.reason, self.endings = name, reason, tuple(endings)

    def __str__(self):
        return f"{self.name}: {self.reason}"


@contextmanager
def _failing(strategy, endings):
    try:
        yield
    except Exception as error:  # somebody's estimator or sampler runs here: whatever it raises is about it
        reason = shorten(str(error), 240, placeholder=" …") or type(error).__name__
        raise StrategyFailed(label(strategy.name, endings[0]), reason, endings) from error


@dataclass(frozen=True)
class Outcome:
    """What one ending predicts for some rows.

    Attributes
    ----------
    probabilities : numpy.ndarray of shape (n_samples, n_classes)
        In the order of the sorted classes.
    prior : numpy.ndarray of shape (n_classes,)
        Class shares that they stand for: as counted from labels and weights, or corrected to.
    seconds : float
        Time of the fit (shared or not) and of all that follows. [s]
    for_prior : callable
        ``for_prior(shares)`` gives the probabilities corrected to other class shares, from what was fitted.
    by_copies : numpy.ndarray of shape (n_samples, n_classes) or None
        For "em", calibrated probabilities for the training prior by classifiers of the calibration's folds:
        what EM reads.
    held_out : numpy.ndarray of shape (n_training, n_classes) or None
        The same ending's probabilities for training rows, by copies that were not fitted on them.
    """

    probabilities: np.ndarray
    prior: np.ndarray
    seconds: float
    for_prior: Callable = field(repr=False)
    by_copies: np.ndarray | None = None
    held_out: np.ndarray | None = None


def fit_endings(
    strategy,
    model,
    endings,
    X,
    y,
    X_new,
    *,
    target,
    unlabelled=None,
    groups=None,
    seed=0,
    held_out=False,
):
    """Fit once after one treatment of the rows, and predict with each ending.

    Parameters
    ----------
    strategy : Strategy
        What is done to the rows.
    model : scikit-learn classifier
        It is cloned.
    endings : sequence of str
        Keys of :data:`imbalance.comparison.strategies.ENDINGS`.
    X, y : table of shape (n_samples, n_features), numpy.ndarray of shape (n_samples,)
        Training rows: the only ones that are resampled, weighted, calibrated and stopped on.
    X_new : table of shape (n_new, n_features)
        Rows to predict.
    target : numpy.ndarray of shape (n_classes,)
        Class shares to predict for, in the order of the sorted classes.
    unlabelled : numpy.ndarray of int, optional
        Rows among `X_new`, perhaps repeated, that "em" adapts to; all of them if None. They must come from
        the population to predict for (:func:`deployment_rows`).
    groups : array-like of shape (n_samples,), optional
        Training rows of a group stay together in inner folds.
    seed : int
        Of samplers and folds: one seed, one result, whichever process it runs in.
    held_out : bool
        Whether to predict the training rows, too, which takes inner fits.

    Returns
    -------
    outcomes : dict of str to Outcome
    notes : list of str
        What had to be changed to fit.

    Raises
    ------
    StrategyFailed
        If something cannot be fitted or calibrated, or predicts what is no number.
    """
    began = time.perf_counter()
    with _failing(strategy, endings):
        model, notes = with_trees(model, strategy, X, y, target=target, groups=groups, seed=seed)
        base = strategy.classifier(model, ending="raw", target=target, seed=seed).fit(X, y)
        members = base.members_proba(X_new)
    stages = {"none": (base, members, time.perf_counter() - began)}
    kinds = {ending: strategy.calibration(ending, model) for ending in endings}
    inner = [ending for ending in endings if held_out or kinds[ending] != "none"]
    by_members, found = None, None
    if inner:
        with _failing(strategy, inner):
            copies, by_members = held_out_members(base, X, y, groups=groups)
            for kind in {kinds[ending] for ending in inner} - {"none"}:
                ready = copy(base).calibrate_on(copies, by_members, y, method=kind)
                found = ready.members_proba(X_new) if found is None else found
                stages[kind] = ready, found, time.perf_counter() - began
    outcomes, told = {}, {}
    if held_out:
        told = dict.fromkeys(stages, [np.mean(by_members, axis=0)])
        told["none"] = [  # as the members gave them, before they were corrected
            correct_prior(p, trained=base.training_prior_, target=prior)
            for p, prior in zip(by_members, base.priors_, strict=True)
        ]
    for ending, kind in kinds.items():
        with _failing(strategy, [ending]):
            outcomes[ending] = _outcome(ending, *stages[kind], target, unlabelled, told.get(kind))
    return outcomes, [*notes, *base.notes_]


def _outcome(ending, ready, members, seconds, target, unlabelled, held_out):
    """What an ending makes of the predictions of its members."""
    began, by_copies = time.perf_counter(), None
    if ending == "em":
        by_copies = ready.dealt(members)
        seen = by_copies if unlabelled is None else by_copies[unlabelled]
        target = estimate_prior(seen, trained=ready.training_prior_)

    def ended(members):
        return np.mean(members, axis=0) if ending == "raw" else ready.corrected(members, target)

    probabilities = ended(members)
    if not np.isfinite(probabilities).all():
        raise ValueError("its probabilities are not numbers.")
    return Outcome(
        probabilities,
        ready.effective_prior_ if ending == "raw" else target,
        seconds + time.perf_counter() - began,
        partial(ready.corrected, members),
        by_copies,
        None if held_out is None else ended(held_out),
    )


def deployment_rows(y, classes, target, *, size=None, random_state=0):
    """Draw rows so that the classes have the shares of a population: a deployment, simulated.

    A test fold has the class shares of training; an estimate from unlabelled rows needs rows of the
    population that the score is weighted to. Give the estimator the drawn rows without their labels.

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
