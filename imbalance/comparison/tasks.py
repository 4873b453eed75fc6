"""The pieces of a comparison: one fit on one fold, judged for every strategy that shares it.

A piece runs in any process and gives the same figures in each. With a folder its result is a file of its
own, by which an interrupted comparison goes on.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np

from airq.io import atomic_write
from airq.parallel import one_thread
from imbalance import metrics
from imbalance.boosters import SETTINGS, make_model
from imbalance.comparison.fits import StrategyFailed, deployment_rows, predict_strategies
from imbalance.comparison.strategies import Strategy
from imbalance.probability import estimate_prior

#: Bins of equal width for the reliability diagram.
BINS = 10
#: Changes with what a record holds, so that those of another version are not read.
RECORD = 2


@dataclass(frozen=True)
class Task:
    """One fit on one fold.

    Attributes
    ----------
    model : str
        A name for :func:`imbalance.boosters.make_model`.
    strategies : tuple of Strategy
        All of one `fit_key`.
    repeat, fold : int
        Which split.
    """

    model: str
    strategies: tuple[Strategy, ...]
    repeat: int
    fold: int

    @property
    def file_name(self):
        """Name of the result's file; it changes with what the strategies and the model do."""
        after = [(strategy.name, strategy.posthoc) for strategy in self.strategies]
        rules = repr((RECORD, self.strategies[0].fit_key, after, SETTINGS[self.model]))
        mark = hashlib.sha256(rules.encode()).hexdigest()[:12]
        name = re.sub(r"[^\w.+-]", "_", self.strategies[0].name)
        return f"{self.model}-{name}-{mark}-{self.repeat}-{self.fold}.npz"

    @property
    def text(self):
        """What a progress bar says of it."""
        return f"{self.model}, {self.strategies[0].name}"


def run_task(task, problem_path, folder=None):
    """Run a piece in whatever process this is.

    Parameters
    ----------
    task : Task
        What to do.
    problem_path : str
        File of the :class:`Problem`, which is mapped into memory rather than copied.
    folder : str, optional
        Where the result and the probabilities of the test rows (float32) are written.

    Returns
    -------
    file_name : str
        Which piece it was.
    record : dict
        `scores`, `sweep` and `reliability`: lists of records; `notes`: list of str; `failed`: a record
        (`strategy, model, reason`) for each strategy that these rows do not allow.
    """
    with one_thread():
        record, test, probabilities = judge(task, _load(problem_path))
    if folder is not None:
        with atomic_write(Path(folder) / task.file_name) as path:
            np.savez(path, record=json.dumps(record), test=test, probabilities=probabilities)
    return task.file_name, record


def read_result(task, folder):
    """Result of a piece that was done before, or None where there is no whole one."""
    try:
        # Opened here: NumPy leaves a file open that turns out to be damaged.
        with open(Path(folder) / task.file_name, "rb") as file, np.load(file, allow_pickle=False) as parts:
            return json.loads(str(parts["record"]))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


@functools.lru_cache(maxsize=1)
def _load(path):
    return joblib.load(path, mmap_mode="r")


def judge(task, problem):
    """Fit once, then predict and judge with every strategy of a piece.

    Returns
    -------
    record : dict
        See :func:`run_task`.
    test : numpy.ndarray of int, shape (n_test,)
        Rows that judged.
    probabilities : numpy.ndarray of float32, shape (n_strategies, n_test, n_classes)
    """
    fold_of = problem.fold_of[task.repeat]
    train, test = np.flatnonzero(fold_of != task.fold), np.flatnonzero(fold_of == task.fold)
    y, new = problem.y[test], problem.X.iloc[test]
    seed = int(np.random.SeedSequence([problem.seed, task.repeat, task.fold]).generate_state(1)[0] >> 1)
    population = deployment_rows(y, problem.classes, problem.target, random_state=seed)
    outcomes, failed = _feasible(
        task.strategies,
        make_model(task.model, random_state=problem.seed),
        problem.X.iloc[train],
        problem.y[train],
        new,
        target_prior=problem.target,
        random_state=seed,
        unlabelled=new.iloc[population],
        groups=None if problem.groups is None else problem.groups[train],
    )
    record = {"scores": [], "sweep": [], "reliability": [], "notes": []}
    record["failed"] = [{"strategy": n, "model": task.model, "reason": why} for n, why in failed.items()]
    for strategy in task.strategies:
        if strategy.name in failed:
            continue
        outcome = outcomes[strategy.name]
        key = {"strategy": strategy.name, "model": task.model, "repeat": task.repeat, "fold": task.fold}
        record["scores"].append(key | _scores(problem, y, outcome))
        record["sweep"] += [key | row for row in _sweep(problem, strategy, y, outcome, train, seed)]
        record["reliability"] += [key | row for row in _reliability(problem, y, outcome.probabilities)]
        record["notes"] += outcome.notes
    shape = len(outcomes), len(test), len(problem.classes)
    probabilities = np.array([one.probabilities for one in outcomes.values()], "float32").reshape(shape)
    return record, test.astype("int32"), probabilities


def _feasible(strategies, *rows, **options):
    """Outcomes of the strategies that these rows allow, and why they do not allow the others."""
    left, failed = list(strategies), {}
    while left:
        try:
            return predict_strategies(left, *rows, **options), failed
        except StrategyFailed as error:
            failed |= dict.fromkeys([error.name, *error.others], error.reason)
            left = [strategy for strategy in left if strategy.name not in failed]
    return {}, failed


def _scores(problem, y, outcome):
    judged = {"classes": problem.classes, "target": problem.target}
    # The rarest class of all rows: that of a fold may be another.
    found = judged | {"positive": problem.rarest}
    p = outcome.probabilities
    slope, intercept = metrics.calibration(y, p, **found)
    recalls = metrics.recalls(y, p, classes=problem.classes)
    names = [str(label) for label in problem.classes]
    return {
        "log_loss": metrics.weighted_log_loss(y, p, **judged),
        "brier": metrics.brier(y, p, **judged),
        "auc": metrics.auc(y, p, **found),
        "average_precision": metrics.average_precision(y, p, **found),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        **{f"recall_{name}": float(recall) for name, recall in zip(names, recalls, strict=True)},
        **{f"prior_{name}": float(share) for name, share in zip(names, outcome.prior, strict=True)},
        "seconds": outcome.seconds,
    }


def _sweep(problem, strategy, y, outcome, train, seed):
    """Log loss on each population of the sweep, for strategies with a correction corrected to it."""
    classes, p = problem.classes, outcome.probabilities
    follows = strategy.posthoc != "none"
    trained = metrics.class_shares(problem.y[train], classes)
    for prior in problem.sweep:
        known = prior
        if strategy.adapts:
            rows = deployment_rows(y, classes, prior, random_state=seed)
            known = estimate_prior(outcome.by_copies[rows], trained=trained)
        predicted = outcome.for_prior(known) if follows else p
        loss = metrics.weighted_log_loss(y, predicted, classes=classes, target=prior)
        yield {"prior": prior.tolist(), "log_loss": loss, "follows": follows}


def _reliability(problem, y, probabilities):
    """Share of the target population in every bin of every class, its predicted and its observed sum."""
    codes = metrics.class_codes(y, problem.classes)
    weights = metrics.class_weights(y, problem.classes, problem.target)[codes]
    weights = weights / weights.sum()
    for number, name in enumerate(problem.classes):
        predicted = probabilities[:, number]
        bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
        rows, share = np.bincount(bins, minlength=BINS), np.bincount(bins, weights, BINS)
        sums = (
            np.bincount(bins, weights * predicted, BINS),
            np.bincount(bins, weights * (codes == number), BINS),
        )
        for place in np.flatnonzero(rows):
            yield {
                "class": str(name),
                "bin": int(place),
                "rows": int(rows[place]),
                "share": float(share[place]),
                "predicted": float(sums[0][place]),
                "observed": float(sums[1][place]),
            }
