"""One fit on one fold: what each ending that shares it predicts, and what these predictions score."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from textwrap import shorten
from uuid import uuid4

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils import _safe_indexing

from airq.messages import near_name
from imbalance import metrics
from imbalance.comparison.models import with_trees
from imbalance.comparison.runner import Job, mark
from imbalance.comparison.strategies import Strategy, label
from imbalance.decisions import cost_matrix, expected_cost, threshold_at
from imbalance.estimators import held_out_members
from imbalance.probability import correct_prior, estimate_prior

#: Bins of equal width for the reliability diagram.
BINS = 10
#: Changes with what a record holds, so that those of another version are not read.
RECORD = 5
#: Name of a score that every comparison has -> what it is.
ALWAYS = {
    "log_loss": "Mean of -log(probability of the true class), classes weighted to the target [nats]",
    "brier": "Mean squared error of the probabilities of all classes, weighted to the target",
    "auc": "Chance that a row of the rarest class gets a higher probability of it than another row; of "
    "three or more classes, the mean of each against the others",
    "average_precision": "Mean precision over the recalls of the rarest class; of three or more, as for auc",
}
#: Further scores -> what they are.
FURTHER = {
    "recall@0.05": "Recall of the rarest class at 5 % (or another rate) of false alarms",
    "cost": "Expected cost of a row where every decision costs least, with --costs",
    "balanced_accuracy": "and every other score of scikit-learn by its name",
}
RECALL_AT = "recall@"


# Endings that share a fit


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
    """Fit once after one treatment of the rows; return outcomes, notes and failures.

    Only the rows `X` are resampled, weighted, calibrated and stopped on. "em" adapts to `unlabelled`, rows of
    `X_new`, perhaps repeated (all of them if None), which must come from the population to predict for
    (:func:`deployment_rows`). `groups` stay together in inner folds; `held_out` says whether to predict the
    rows `X`, too, which takes inner fits.

    Returns
    -------
    outcomes, notes, failed : dict of str to Outcome, list of str, dict of str to str
        By ending; what was changed to fit; by ending, why these rows do not allow it.
    """
    began, outcomes, failed = time.perf_counter(), {}, {}

    @contextmanager
    def noting(several):
        try:
            yield
        except Exception as error:  # whatever somebody's estimator or sampler raises is about it
            reason = shorten(str(error), 240, placeholder=" …") or type(error).__name__
            failed.update(dict.fromkeys(several, reason))

    with noting(endings):
        model, notes = with_trees(model, strategy, X, y, target=target, groups=groups, seed=seed)
        base = strategy.classifier(model, ending="raw", target=target, seed=seed).fit(X, y)
        members = base.members_proba(X_new)
    if failed:
        return {}, [], failed
    kinds = {ending: strategy.calibration(ending, model) for ending in endings}
    stages = {"none": (base, members, time.perf_counter() - began, None)}
    if inner := [ending for ending, kind in kinds.items() if held_out or kind != "none"]:
        with noting(inner):
            copies, by_members = held_out_members(base, X, y, groups=groups)
            told, found = [np.mean(by_members, axis=0)] if held_out else None, None
            if held_out:  # as the members gave them, before they were corrected
                pairs = zip(by_members, base.priors_, strict=True)
                own = [correct_prior(p, trained=base.training_prior_, target=prior) for p, prior in pairs]
                stages["none"] = *stages["none"][:-1], own
            for kind in {kinds[ending] for ending in inner} - {"none"}:
                ready = copy(base).calibrate_on(copies, by_members, y, method=kind)
                found = ready.members_proba(X_new) if found is None else found
                stages[kind] = ready, found, time.perf_counter() - began, told
    for ending, kind in kinds.items():
        if ending not in failed:
            with noting([ending]):
                outcomes[ending] = _outcome(ending, *stages[kind], target, unlabelled)
    return outcomes, [*notes, *base.notes_], failed


def _outcome(ending, ready, members, seconds, held_out, target, unlabelled):
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


# Scores


class _Predicted(ClassifierMixin, BaseEstimator):
    """Predictions that are there already, as a fitted classifier for scorers."""

    def __init__(self, probabilities=None, classes=None):
        self.probabilities = probabilities
        self.classes = self.classes_ = classes

    def predict_proba(self, X):
        """Return the probabilities, of shape (n_samples, n_classes)."""
        return self.probabilities

    def predict(self, X):
        """Return the most probable class of each row, of shape (n_samples,)."""
        return self.classes_[np.argmax(self.probabilities, axis=1)]


@dataclass(frozen=True)
class Scoring:
    """Scores beside those that every comparison has.

    `costs`: by true class (row) and predicted class (column), or None; `rates`: false alarms at which recall
    is wanted; `scorers`: scikit-learn's and their like, by name.
    """

    costs: np.ndarray | None = None
    rates: tuple = ()
    scorers: dict = field(default_factory=dict)

    def scores(self, problem, X, y, outcome, y_train):
        """Return the scores of test rows by name, on the target; `y_train` labels ``outcome.held_out``."""
        p, classes = outcome.probabilities, problem.classes
        known = {"classes": classes, "target": problem.target}
        # The rarest class of all rows: that of a fold may be another.
        found = known | {"positive": problem.rarest}
        slope, intercept = metrics.calibration(y, p, **found)
        recalls = metrics.recalls(y, p, classes=classes)
        scores = {
            "log_loss": metrics.weighted_log_loss(y, p, **known),
            "brier": metrics.brier(y, p, **known),
            "auc": metrics.auc(y, p, **found),
            "average_precision": metrics.average_precision(y, p, **found),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
            **{f"recall_{name}": float(one) for name, one in zip(problem.names, recalls, strict=True)},
        }
        if self.costs is not None:
            scores["cost"] = expected_cost(y, p, self.costs, **known)
        for rate in self.rates:
            scores |= _recall_at(rate, problem, y, outcome, y_train)
        shared = X, y, metrics.row_weights(y, classes, problem.target), problem.rarest
        predicted = _Predicted(p, classes)
        return scores | {name: _scored(name, one, predicted, *shared) for name, one in self.scorers.items()}

    @property
    def names(self):
        """Return the names of the further scores, in the order of tables."""
        at = [f"{what}@{rate:g}" for rate in self.rates for what in ("recall", "false_alarms")]
        return [*(["cost"] if self.costs is not None else []), *at, *self.scorers]


def _recall_at(rate, problem, y, outcome, y_train):
    """Return recall and false alarms of the rarest class, in the target, at a threshold of training rows."""
    column = problem.classes.tolist().index(problem.rarest)
    train, test = (metrics.row_weights(one, problem.classes, problem.target) for one in (y_train, y))
    of_training = outcome.held_out[:, column], y_train == problem.rarest
    alarm = outcome.probabilities[:, column] > threshold_at(*of_training, rate, sample_weight=train)
    event = y == problem.rarest
    return {
        f"recall@{rate:g}": float(alarm[event].mean()),
        f"false_alarms@{rate:g}": float(np.average(alarm[~event], weights=test[~event])),
    }


def _scored(name, scorer, predicted, X, y, weights, rarest):
    taken = inspect.signature(getattr(scorer, "_score_func", lambda: 0)).parameters
    named = "pos_label" in taken and not {"pos_label", "labels"} & set(getattr(scorer, "_kwargs", {}))
    classes = predicted.classes_.tolist()
    if len(classes) == 2 and named and taken["pos_label"].default not in classes:
        # Of two classes called otherwise than 0 and 1, the rarest is the positive one.
        order = np.argsort(predicted.classes_ == rarest)
        predicted, y = _Predicted(predicted.probabilities[:, order], np.arange(2)), (y == rarest).astype(int)
    options = {"sample_weight": weights} if "sample_weight" in taken else {}
    try:
        return float(scorer(predicted, X, y, **options))
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"Scoring {name!r} cannot be computed here: {reason}") from None


def choose_scoring(scoring=None, costs=None, *, classes=()):
    """Return scores from names, scorers, a list of them or a mapping, and costs as a matrix.

    >>> choose_scoring(["brier", "recall@0.05", "balanced_accuracy"]).names
    ['recall@0.05', 'false_alarms@0.05', 'balanced_accuracy']
    """
    if not isinstance(scoring, Mapping):
        several = scoring if isinstance(scoring, list | tuple | set) else [] if scoring is None else [scoring]
        scoring = {one if isinstance(one, str) else _name(one): one for one in several}
    rates, scorers = [], {}
    for name, one in scoring.items():
        if not isinstance(one, str):
            if not callable(one):
                raise ValueError(f"{one!r} is neither the name of a score nor a scorer.")
            scorers[str(name)] = one
        elif one.startswith(RECALL_AT):
            rates.append(float(pd.to_numeric(one.removeprefix(RECALL_AT), errors="coerce")))
            if not 0 < rates[-1] < 1:
                wrong = f"{one!r}: the rate of false alarms must lie between 0 and 1"
                raise ValueError(f"{wrong}, as in recall@0.05.")
        elif one in get_scorer_names() and one not in ALWAYS:
            scorers[str(name)] = get_scorer(one)
        elif one not in ALWAYS:
            hint = near_name(one, [*ALWAYS, "recall@0.05", *get_scorer_names()])
            raise ValueError(
                f"Unknown score {one!r}.{hint} Known: {', '.join(ALWAYS)}, recall@0.05 and its like, "
                "scikit-learn's scorers by name, and scorers."
            )
    return Scoring(None if costs is None else cost_matrix(costs, classes), tuple(rates), scorers)


def _name(scorer):
    function = getattr(scorer, "_score_func", scorer)
    return getattr(function, "__name__", type(scorer).__name__)


# Jobs


@dataclass(frozen=True)
class FitJob(Job):
    """One fit on one fold (of all repeats), see :func:`imbalance.comparison.runner.run_jobs`.

    `by_name` says whether the model learns from numbers and categories rather than from the rows as given.
    """

    model: str
    estimator: object
    by_name: bool
    strategy: Strategy
    endings: tuple
    scoring: Scoring

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
        outcomes, notes, failed = fit_endings(
            self.strategy, self.estimator, self.endings, _safe_indexing(X, train), y_train, new,
            target=problem.target,
            unlabelled=deployment_rows(y, problem.classes, problem.target, random_state=seed),
            groups=None if problem.groups is None else problem.groups[train],
            seed=seed,
            held_out=bool(self.scoring.rates),
        )  # fmt: skip
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


def make_jobs(models, by_name, strategies, scoring, n_folds):
    """Return jobs, the longest first, and the models and strategies that another run cannot know again.

    `models` are classifiers by name, `by_name` those that learn from numbers and categories, `strategies`
    pairs of a strategy and its endings, `n_folds` the folds of all repeats.
    """
    jobs, passing = [], []
    for name, model in models.items():
        for strategy, endings in strategies:
            done_to_rows = strategy.sampler, strategy.weights, strategy.bag
            parts = (name, model), (strategy.name, done_to_rows), ("scoring", scoring)
            marks = [mark(value) for _, value in parts]
            passing += [part for (part, _), known in zip(parts, marks, strict=True) if known is None]
            marks = uuid4().hex if None in marks else marks
            known = mark((RECORD, name, strategy.name, marks, endings, name in by_name))
            given = name, model, name in by_name, strategy, endings, scoring
            jobs += [FitJob(f"{name}, {strategy.name}", known, fold, *given) for fold in range(n_folds)]
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
        p, own = probabilities[:, number], weights * (codes == number)
        rows = pd.DataFrame({"rows": 1, "share": weights, "predicted": weights * p, "observed": own})
        bins = rows.groupby(np.minimum((p * BINS).astype(int), BINS - 1)).sum()
        yield from bins.rename_axis("bin").reset_index().assign(**{"class": name}).to_dict("records")
