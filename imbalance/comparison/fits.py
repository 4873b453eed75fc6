"""The jobs of a comparison: one fit on one fold, and what each ending that shares it predicts and scores."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from textwrap import shorten
from uuid import uuid4

import numpy as np
from sklearn.utils import _safe_indexing

from imbalance import metrics
from imbalance.comparison.models import with_trees
from imbalance.comparison.scoring import Scoring
from imbalance.comparison.strategies import Strategy, label, mark
from imbalance.estimators import held_out_members
from imbalance.probability import correct_prior, estimate_prior

#: Bins of equal width for the reliability diagram.
BINS = 10
#: Changes with what a record holds, so that those of another version are not read.
RECORD = 4


class StrategyFailed(ValueError):
    """Something (`name`) cannot be done with these rows, and why; `endings` are those that share it."""

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
    """What one ending predicts for some rows: `probabilities`, and the class shares (`prior`) of these.

    `seconds` is the time of the fit (shared or not) and of all that follows [s]; ``for_prior(shares)`` gives
    the probabilities corrected to other class shares. `by_copies` are, for "em", calibrated probabilities for
    the training prior by classifiers of the calibration's folds: what EM reads. `held_out` are the same
    ending's probabilities for training rows, by copies that were not fitted on them.
    """

    probabilities: np.ndarray
    prior: np.ndarray
    seconds: float
    for_prior: Callable = field(repr=False)
    by_copies: np.ndarray | None = None
    held_out: np.ndarray | None = None


def fit_endings(
    strategy, model, endings, X, y, X_new, *, target, unlabelled=None, groups=None, seed=0, held_out=False
):
    """Fit once after one treatment of the rows; return an outcome by ending, and what was changed to fit.

    Only the rows `X` are resampled, weighted, calibrated and stopped on. "em" adapts to `unlabelled`, rows of
    `X_new`, perhaps repeated (all of them if None), which must come from the population to predict for
    (:func:`deployment_rows`). `groups` stay together in inner folds; `held_out` says whether to predict the
    rows `X`, too, which takes inner fits. Raises StrategyFailed.
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
    """Return what an ending makes of the predictions of its members."""
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
    """Draw positions in `y`, with replacement, so that the classes have the shares of a population.

    A test fold has the class shares of training; an estimate from unlabelled rows needs rows of the
    population that the score is weighted to.

    >>> rows = deployment_rows(["a"] * 98 + ["b"] * 2, ["a", "b"], [0.5, 0.5], size=1000)
    >>> bool(0.4 < (rows >= 98).mean() < 0.6)
    True
    """
    chances = metrics.row_weights(y, classes, target)
    rng = np.random.default_rng(random_state)
    return rng.choice(len(chances), len(chances) if size is None else size, p=chances / chances.sum())


@dataclass(frozen=True)
class FitJob:
    """One fit on one fold (of all repeats), see :func:`imbalance.comparison.runner.run_jobs`.

    `by_name` says whether the model learns from numbers and categories rather than from the rows as given;
    `known` is a hash of all but the fold.
    """

    model: str
    estimator: object
    by_name: bool
    strategy: Strategy
    endings: tuple
    scoring: Scoring
    known: str
    fold: int

    @property
    def file_name(self):
        """Return the name of the result's file."""
        name = re.sub(r"[^\w.-]+", "_", f"{self.model}-{self.strategy.name}")[:60]
        return f"{name}-{self.known}-{self.fold}.npz"

    @property
    def text(self):
        """Return what a progress bar says of it."""
        return f"{self.model}, {self.strategy.name}"

    def run(self, problem):
        """Fit once, then predict and score with every ending; return a record and arrays.

        The record has lists of records `scores`, `sweep` and `reliability`, `notes`, and `failed`: ending ->
        reason, for each that these rows do not allow. `probabilities` is (n_endings, n_test, n_classes).
        """
        train, test = problem.splits[self.fold]
        X = problem.clean if self.by_name else problem.X
        y, y_train, new = problem.y[test], problem.y[train], _safe_indexing(X, test)
        repeat, fold = divmod(self.fold, len(problem.splits) // problem.repeats)
        seed = int(np.random.SeedSequence([problem.seed, repeat, fold]).generate_state(1)[0] >> 1)
        outcomes, notes, failed = self._feasible(
            _safe_indexing(X, train),
            y_train,
            new,
            target=problem.target,
            unlabelled=deployment_rows(y, problem.classes, problem.target, random_state=seed),
            groups=None if problem.groups is None else problem.groups[train],
            seed=seed,
            held_out=bool(self.scoring.rates),
        )
        record = {"scores": [], "sweep": [], "reliability": [], "notes": notes, "failed": failed}
        for ending, outcome in outcomes.items():
            key = {"strategy": label(self.strategy.name, ending), "model": self.model}
            place = {"rows": self.strategy.name, "ending": ending, "repeat": repeat, "fold": fold}
            priors = {f"prior_{n}": float(p) for n, p in zip(problem.names, outcome.prior, strict=True)}
            scores = self.scoring.scores(problem, new, y, outcome, y_train)
            record["scores"].append(key | place | scores | priors | {"seconds": outcome.seconds})
            record["sweep"] += [key | row for row in _sweep(problem, ending, y, outcome, y_train, seed)]
            record["reliability"] += [key | row for row in _reliability(problem, y, outcome.probabilities)]
        shape = len(outcomes), len(test), len(problem.classes)
        probabilities = np.array([one.probabilities for one in outcomes.values()], "float32").reshape(shape)
        return record, {"test": np.asarray(test, "int32"), "probabilities": probabilities}

    def _feasible(self, *rows, **options):
        """Return outcomes of the endings that these rows allow, and why they do not allow the others."""
        left, failed = list(self.endings), {}
        while left:
            try:
                return *fit_endings(self.strategy, self.estimator, left, *rows, **options), failed
            except StrategyFailed as error:
                failed |= dict.fromkeys(error.endings, error.reason)
                left = [ending for ending in left if ending not in failed]
        return {}, [], failed


def make_jobs(models, by_name, strategies, scoring, n_folds):
    """Return jobs, the longest first, and the models and strategies that another run cannot know again.

    `models` are classifiers by name, `by_name` those that learn from numbers and categories, `strategies`
    pairs of a strategy and its endings, `n_folds` the folds of all repeats.
    """
    jobs, passing = [], []
    for name, model in models.items():
        for strategy, endings in strategies:
            marks = [
                mark(one) for one in (model, (strategy.sampler, strategy.weights, strategy.bag), scoring)
            ]
            if None in marks:
                what = zip((name, strategy.name, "scoring"), marks, strict=True)
                passing += [one for one, known in what if known is None]
                marks = uuid4().hex
            known = mark((RECORD, name, strategy.name, marks, endings, name in by_name))
            job = partial(FitJob, name, model, name in by_name, strategy, endings, scoring, known)
            jobs += [job(fold) for fold in range(n_folds)]
    # So that no process is left alone with a long one at the end.
    jobs.sort(key=lambda job: -job.strategy.bag * (1 + 5 * (job.endings != ("raw",))))
    return jobs, list(dict.fromkeys(passing))


def _sweep(problem, ending, y, outcome, y_train, seed):
    """Yield the log loss on each population of the sweep; endings with a correction are corrected to it."""
    classes, follows = problem.classes, ending != "raw"
    trained = metrics.class_shares(y_train, classes)
    for prior in problem.sweep:
        known = prior
        if ending == "em":
            rows = deployment_rows(y, classes, prior, random_state=seed)
            known = estimate_prior(outcome.by_copies[rows], trained=trained)
        predicted = outcome.for_prior(known) if follows else outcome.probabilities
        loss = metrics.weighted_log_loss(y, predicted, classes=classes, target=prior)
        yield {"prior": prior.tolist(), "log_loss": loss, "follows": follows}


def _reliability(problem, y, probabilities):
    """Yield the share of the target population in each bin of each class, its predicted and observed sum."""
    codes = metrics.class_codes(y, problem.classes)
    weights = metrics.row_weights(y, problem.classes, problem.target)
    weights = weights / weights.sum()
    for number, name in enumerate(problem.names):
        predicted = probabilities[:, number]
        bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
        rows, *sums = (
            np.bincount(bins, values, BINS)
            for values in (None, weights, weights * predicted, weights * (codes == number))
        )
        for place in np.flatnonzero(rows):
            share, told, true = (float(one[place]) for one in sums)
            bin = {"class": name, "bin": int(place), "rows": int(rows[place])}
            yield bin | {"share": share, "predicted": told, "observed": true}
