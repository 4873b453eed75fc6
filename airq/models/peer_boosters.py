"""Boosters as others run them: estimators of the peers, with the interface of ours.

Each has ``fit(X, y, groups, places)`` and ``predict(X, places)``; X is a DataFrame of shape
(n_samples, n_features), y PM2.5 [µg m⁻³].
"""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from airq.models.boosters import Booster, CannotFit
from airq.units import PM25_UNIT

#: Rounds without improvement on the inner held-out groups after which the reference's method stops.
PATIENCE = 100


class LightgbmDefaults:
    """LightGBM as it comes: 100 trees of 31 leaves, no stopping.

    Parameters
    ----------
    seed : int
        Seed.
    """

    n_trees = 100
    highest_target = np.inf

    def __init__(self, *, seed=0):
        self.seed = seed

    def fit(self, X, y, groups=None, places=None):
        """Learn from the rows whose target is below the limit."""
        import lightgbm

        rows = y < self.highest_target
        if not rows.any():
            raise CannotFit(f"no training row is below {self.highest_target:g} {PM25_UNIT}")
        settings = {"objective": "regression", "verbosity": -1, "num_threads": 1, "seed": self.seed}
        data = lightgbm.Dataset(X.to_numpy(dtype="float32")[rows], y[rows], params=settings)
        native = lightgbm.train(settings, data, self.n_trees)
        self.booster_ = Booster("lightgbm", native)
        return self

    def predict(self, X, places=None):
        """PM2.5 of shape (n_samples,), not below zero. [µg m⁻³]"""
        return np.maximum(self.booster_.predict(X), 0)


class AirqoJob(LightgbmDefaults):
    """LightGBM as AirQo's operational satellite job runs it: 200 trees, targets below 200 µg m⁻³."""

    n_trees = 200
    highest_target = 200.0


class ReferenceMethod:
    """CatBoost with 1,000 rounds and RMSE loss, stopped on a fifth of the training groups.

    The published method stopped on the test fold; here inner held-out groups take its place.

    Parameters
    ----------
    seed : int
        Seed.
    """

    def __init__(self, *, seed=0):
        self.seed = seed

    def fit(self, X, y, groups, places=None):
        """Learn from four fifths of the groups, stop on the others."""
        import catboost

        model = catboost.CatBoostRegressor(
            iterations=1000,
            early_stopping_rounds=PATIENCE,
            loss_function="RMSE",
            random_seed=self.seed,
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
        )
        matrix = X.to_numpy(dtype="float32")
        if len(set(groups)) > 1:
            split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=self.seed)
            learn, stop = next(split.split(matrix, y, groups))
            if y[learn].min() == y[learn].max():
                raise CannotFit("PM2.5 is constant in its training rows")
            model.fit(matrix[learn], y[learn], eval_set=(matrix[stop], y[stop]), use_best_model=True)
        else:
            model.fit(matrix, y)
        self.booster_ = Booster("catboost", model)
        return self

    def predict(self, X, places=None):
        """PM2.5 of shape (n_samples,), not below zero. [µg m⁻³]"""
        return np.maximum(self.booster_.predict(X), 0)
