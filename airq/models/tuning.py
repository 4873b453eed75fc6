"""Search for booster parameters on inner folds; an interrupted search goes on where it stopped.

Trials limit it, or the time that they take; with a limit of time the result depends on the machine.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from airq.messages import import_optional

#: Library -> parameter -> its type, lowest and highest value, and whether they are drawn on a log scale.
SEARCHED = {
    "lightgbm": {
        "learning_rate": ("float", 0.01, 0.1, True),
        "num_leaves": ("int", 4, 63, True),
        "min_data_in_leaf": ("int", 5, 100, True),
        "feature_fraction": ("float", 0.05, 0.8, False),
        "lambda_l2": ("float", 0.1, 100, True),
    },
    "catboost": {
        "learning_rate": ("float", 0.02, 0.15, True),
        "depth": ("int", 3, 8, False),
        "rsm": ("float", 0.05, 0.8, False),
        "l2_leaf_reg": ("float", 0.5, 50, True),
    },
}


@dataclass(frozen=True)
class Tuning:
    """A search by tree-structured Parzen estimators [1]_.

    References
    ----------
    .. [1] T. Akiba et al., Optuna: a next-generation hyperparameter optimization framework,
       KDD 2019.
    """

    #: Number of trials of every search; None for as many as the time allows.
    trials: int | None
    #: File that stores the trials of all searches.
    journal: Path
    #: Called as ``advance(done, total, text)`` after every trial; they are seconds where only time limits it.
    advance: Callable | None = None
    #: Time that the trials of a search may take, one at least; None for no limit. [s]
    seconds: float | None = None

    def __call__(self, members, score, data, seed):
        """Return the best members of all trials; the first trial takes the given ones as they are.

        `score` maps members to their error on inner folds. [µg m⁻³] It depends on `data`, a tuple of arrays;
        another search with the same data and seed reuses its trials.
        """
        optuna = import_optional("optuna", "Searches of settings")

        study = self._study(_name(members, data, seed))
        while self._goes_on(finished := _finished(study)):
            # Seeded by the number of finished trials, so that an interrupted search repeats itself.
            study.sampler = optuna.samplers.TPESampler(seed=seed * 100_003 + len(finished))
            first = not finished
            study.optimize(functools.partial(_try, members, score, first=first), n_trials=1)
            if self.advance is not None:
                self.advance(*self._progress(_finished(study)), f"best {study.best_value:.2f}")
        best = min(_finished(study)[: self.trials], key=lambda trial: trial.value)
        return tuple(_changed(member, best.params) for member in members)

    def _goes_on(self, finished):
        """Return whether another trial is due: one that takes as long as the last must fit into the time."""
        if self.trials is not None and len(finished) >= self.trials:
            return False
        if self.seconds is None or not finished:
            return True
        # The journal keeps how long trials took, so an interrupted search has only the rest of its time.
        return _spent(finished) + _spent(finished[-1:]) <= self.seconds

    def _progress(self, finished):
        if self.trials is not None:
            return len(finished), self.trials
        return round(_spent(finished)), round(self.seconds)

    def _study(self, name):
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        # Its report of a trial that Ctrl-C stopped would look like an error of ours.
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        path = str(self.journal)
        storage = optuna.storages.JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
        return optuna.create_study(study_name=name, storage=storage, load_if_exists=True)


def _spent(trials):
    return sum(trial.duration.total_seconds() for trial in trials)


def _try(members, score, trial, *, first):
    """Return the error of one trial, the first of which changes nothing; names begin with the library."""
    suggested = {}
    kinds = {member.kind for member in members}
    for kind, searched in SEARCHED.items():
        for name, (draw, low, high, log) in searched.items() if kind in kinds and not first else ():
            key = f"{kind}.{name}"
            suggested[key] = getattr(trial, f"suggest_{draw}")(key, low, high, log=log)
    return score(tuple(_changed(member, suggested) for member in members))


def _changed(member, suggested):
    prefix = f"{member.kind}."
    own = {name.removeprefix(prefix): value for name, value in suggested.items() if name.startswith(prefix)}
    return dataclasses.replace(member, parameters=member.parameters | own)


def _finished(study):
    import optuna

    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))


def _name(members, data, seed):
    digest = hashlib.sha256(repr((members, seed)).encode())
    for part in data:
        values = np.asarray(part)
        digest.update(values.tobytes() if values.dtype != object else repr(values.tolist()).encode())
    return digest.hexdigest()[:24]
