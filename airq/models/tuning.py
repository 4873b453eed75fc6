"""Search for booster parameters on inner folds; stopped and started again, it goes on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Tuning:
    """A search by tree-structured Parzen estimators.

    Attributes
    ----------
    trials : int
        Number of trials of every search.
    journal : Path
        File that keeps the trials of all searches.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every trial.

    References
    ----------
    .. [1] T. Akiba et al., Optuna: a next-generation hyperparameter optimization framework,
       KDD 2019.
    """

    trials: int
    journal: Path
    advance: Callable | None = None

    def __call__(self, members, score, data, seed):
        """The best members found.

        Parameters
        ----------
        members : tuple of Member
            Where the search starts; the first trial takes them as they are.
        score : callable
            Members -> error on inner folds. [µg m⁻³]
        data : tuple of array-like
            What the score depends on; another search with the same data goes on with its trials.
        seed : int
            Seed.

        Returns
        -------
        tuple of Member
        """
        study = self._study(_name(members, data, seed))
        while (done := len(_finished(study))) < self.trials:
            # Seeded by the number of finished trials, an interrupted search repeats itself.
            self._ask(study, members, score, seed * 100_003 + done)
            if self.advance is not None:
                self.advance(done + 1, self.trials, f"best {study.best_value:.2f}")
        best = min(_finished(study)[: self.trials], key=lambda trial: trial.value)
        return tuple(_changed(member, best.params) for member in members)

    def _study(self, name):
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        # Its report of a trial that Ctrl-C stopped would look like a failure of ours.
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        path = str(self.journal)
        storage = optuna.storages.JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
        return optuna.create_study(study_name=name, storage=storage, load_if_exists=True)

    def _ask(self, study, members, score, seed):
        import optuna

        first = not _finished(study)
        study.sampler = optuna.samplers.TPESampler(seed=seed)

        def objective(trial):
            suggested = {} if first else _suggest(trial, {member.kind for member in members})
            return score(tuple(_changed(member, suggested) for member in members))

        study.optimize(objective, n_trials=1)


def _suggest(trial, kinds):
    """Parameters of one trial; names are prefixed by the library."""
    found = {}
    if "lightgbm" in kinds:
        found["lightgbm.learning_rate"] = trial.suggest_float("lightgbm.learning_rate", 0.01, 0.1, log=True)
        found["lightgbm.num_leaves"] = trial.suggest_int("lightgbm.num_leaves", 4, 63, log=True)
        found["lightgbm.min_data_in_leaf"] = trial.suggest_int("lightgbm.min_data_in_leaf", 5, 100, log=True)
        found["lightgbm.feature_fraction"] = trial.suggest_float("lightgbm.feature_fraction", 0.05, 0.8)
        found["lightgbm.lambda_l2"] = trial.suggest_float("lightgbm.lambda_l2", 0.1, 100, log=True)
    if "catboost" in kinds:
        found["catboost.learning_rate"] = trial.suggest_float("catboost.learning_rate", 0.02, 0.15, log=True)
        found["catboost.depth"] = trial.suggest_int("catboost.depth", 3, 8)
        found["catboost.rsm"] = trial.suggest_float("catboost.rsm", 0.05, 0.8)
        found["catboost.l2_leaf_reg"] = trial.suggest_float("catboost.l2_leaf_reg", 0.5, 50, log=True)
    return found


def _changed(member, suggested):
    own = {
        name.partition(".")[2]: value
        for name, value in suggested.items()
        if name.startswith(f"{member.kind}.")
    }
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
