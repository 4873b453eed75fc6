"""The jobs of a comparison: one fit on one fold, scored for every ending that shares it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
from sklearn.utils import _safe_indexing

from imbalance import metrics
from imbalance.comparison.fits import StrategyFailed, deployment_rows, fit_endings
from imbalance.comparison.scoring import Scoring
from imbalance.comparison.strategies import Strategy, label, mark
from imbalance.probability import estimate_prior

#: Bins of equal width for the reliability diagram.
BINS = 10
#: Changes with what a record holds, so that those of another version are not read.
RECORD = 3


@dataclass(frozen=True)
class FitJob:
    """One fit on one fold.

    Attributes
    ----------
    model : str
        Name of the classifier.
    estimator : scikit-learn classifier
        It is cloned.
    by_name : bool
        Whether it learns from numbers and categories rather than from the rows as given.
    strategy : Strategy
        What is done to the rows.
    endings : tuple of str
        What is done to the probabilities.
    scoring : Scoring
        Further scores.
    known : str
        What the file's name ends with: a hash of all of these.
    fold : int
        Which split, from 0, repeat by repeat.
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
        """Name of the result's file."""
        name = re.sub(r"[^\w.-]+", "_", f"{self.model}-{self.strategy.name}")[:60]
        return f"{name}-{self.known}-{self.fold}.npz"

    @property
    def text(self):
        """What a progress bar says of it."""
        return f"{self.model}, {self.strategy.name}"

    def run(self, problem):
        """Fit once, then predict and score with every ending.

        Returns
        -------
        record : dict
            `scores`, `sweep` and `reliability`: lists of records; `notes`: list of str; `failed`: ending ->
            reason, for each that these rows do not allow.
        arrays : dict of str to numpy.ndarray
            `test`: rows that were predicted; `probabilities`: float32, shape (n_endings, n_test, n_classes).
        """
        train, test = problem.splits[self.fold]
        X = problem.clean if self.by_name else problem.X
        y, y_train, new = problem.y[test], problem.y[train], _safe_indexing(X, test)
        repeat, fold = divmod(self.fold, len(problem.splits) // problem.n_repeats)
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
            key = {
                "strategy": label(self.strategy.name, ending), "model": self.model,
                "rows": self.strategy.name, "ending": ending, "repeat": repeat, "fold": fold,
            }  # fmt: skip
            priors = {f"prior_{n}": float(p) for n, p in zip(problem.names, outcome.prior, strict=True)}
            scores = self.scoring.scores(problem, new, y, outcome, y_train)
            record["scores"].append(key | scores | priors | {"seconds": outcome.seconds})
            key = {name: key[name] for name in ("strategy", "model")}
            record["sweep"] += [key | row for row in _sweep(problem, ending, y, outcome, y_train, seed)]
            record["reliability"] += [key | row for row in _reliability(problem, y, outcome.probabilities)]
        shape = len(outcomes), len(test), len(problem.classes)
        probabilities = np.array([one.probabilities for one in outcomes.values()], "float32").reshape(shape)
        return record, {"test": np.asarray(test, "int32"), "probabilities": probabilities}

    def _feasible(self, *rows, **options):
        """Outcomes of the endings that these rows allow, and why they do not allow the others."""
        left, failed = list(self.endings), {}
        while left:
            try:
                outcomes, notes = fit_endings(self.strategy, self.estimator, left, *rows, **options)
                return outcomes, notes, failed
            except StrategyFailed as error:
                failed |= dict.fromkeys(error.endings, error.reason)
                left = [ending for ending in left if ending not in failed]
        return {}, [], failed


def make_jobs(models, by_name, strategies, scoring, n_splits):
    """Jobs of a comparison, the longest first, so that no process is left alone with one at the end.

    Parameters
    ----------
    models : dict of str to classifier
    by_name : set of str
        Models that learn from numbers and categories.
    strategies : list of (Strategy, tuple of str)
        What is done to the rows, and the endings of each.
    scoring : Scoring
    n_splits : int
        Folds of all repeats.

    Returns
    -------
    jobs : list of FitJob
    passing : list of str
        Models and strategies that another run cannot know again.
    """
    jobs, passing = [], []
    for name, model in models.items():
        for strategy, endings in strategies:
            marks = [
                mark(one) for one in (model, (strategy.sampler, strategy.weights, strategy.bag), scoring)
            ]
            if None in marks:
                passing += [
                    what for what, one in zip((name, strategy.name, "scoring"), marks, strict=True) if not one
                ]
                marks = [uuid4().hex]
            known = mark((RECORD, name, strategy.name, marks, endings, name in by_name))
            jobs += [
                FitJob(name, model, name in by_name, strategy, endings, scoring, known, fold)
                for fold in range(n_splits)
            ]
    jobs.sort(key=lambda job: -job.strategy.bag * (1 + 5 * (job.endings != ("raw",))))
    return jobs, list(dict.fromkeys(passing))


def _sweep(problem, ending, y, outcome, y_train, seed):
    """Log loss on each population of the sweep; endings with a correction are corrected to it."""
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
    """Share of the target population in every bin of every class, its predicted and its observed sum."""
    codes = metrics.class_codes(y, problem.classes)
    weights = metrics.class_weights(y, problem.classes, problem.target)[codes]
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
            yield {
                "class": name, "bin": int(place), "rows": int(rows[place]),
                "share": share, "predicted": told, "observed": true,
            }  # fmt: skip
