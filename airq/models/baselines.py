"""Simple baselines: what any predictor must beat.

Each has ``fit(panel, groups)`` and ``predict(panel)``, as the candidates of
:mod:`airq.validation.evaluation` do. Boosters of others stand in :mod:`airq.models.baselines`.

Boosters as others run them: estimators of the baselines, with the interface of ours.

Each has ``fit(X, y, groups, places)`` and ``predict(X, places)``; X is a DataFrame of shape
(n_samples, n_features), y PM2.5 [µg m⁻³].
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from airq.features.recipe import raw, reference_method
from airq.models import OURS
from airq.models.boosters import Booster, CannotFit
from airq.models.predictor import Predictor, default_candidate
from airq.panel import TARGET
from airq.units import PM25_UNIT

LATITUDE_BAND = 10.0


class TrainingMean:
    """The mean of the training rows, everywhere. [µg m⁻³]"""

    def fit(self, panel, groups=None):
        """Learn the mean of the panel's targets."""
        self.mean_ = float(panel[TARGET].mean())
        return self

    def predict(self, panel):
        """PM2.5 of every row, shape (n_rows,). [µg m⁻³]"""
        return np.full(len(panel), self.mean_)


class Climatology:
    """Mean of the calendar month in a band of latitude; of the month, then of all, where it is unknown.

    Parameters
    ----------
    band : float
        Width of the bands. [°]
    """

    def __init__(self, band=LATITUDE_BAND):
        self.band = band

    def fit(self, panel, groups=None):
        """Learn the means from the rows with a target."""
        labelled = panel[panel[TARGET].notna()]
        keys = self._keys(labelled)
        self.by_cell_ = labelled[TARGET].groupby([keys["month"], keys["band"]]).mean()
        self.by_month_ = labelled[TARGET].groupby(keys["month"]).mean()
        self.mean_ = float(labelled[TARGET].mean())
        return self

    def predict(self, panel):
        """PM2.5 of every row, shape (n_rows,). [µg m⁻³]"""
        keys = self._keys(panel)
        cells = pd.MultiIndex.from_frame(keys)
        values = pd.Series(self.by_cell_.reindex(cells).to_numpy(dtype="float64"))
        month = pd.Series(self.by_month_.reindex(keys["month"]).to_numpy(dtype="float64"))
        return values.fillna(month).fillna(self.mean_).to_numpy()

    def _keys(self, panel):
        band = np.floor(panel["latitude"] / self.band)
        return pd.DataFrame({"month": panel["date"].dt.month, "band": band}, index=panel.index)


class RawColumn:
    """A column of the panel as it is, such as a transport model's PM2.5.

    Parameters
    ----------
    column : str
        Name of the column. [µg m⁻³]
    """

    def __init__(self, column="cams_pm25"):
        self.column = column

    def fit(self, panel, groups=None):
        """Nothing to learn, except what to say where the column is missing."""
        self.mean_ = float(panel[TARGET].mean())
        return self

    def predict(self, panel):
        """The column; the mean of the training targets where it is missing. [µg m⁻³]"""
        return panel[self.column].fillna(self.mean_).to_numpy(dtype="float64")


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


def baselines(panel, *, seed=0):
    """The baselines that a panel supports, by name.

    Parameters
    ----------
    panel : DataFrame
        A checked panel.
    seed : int
        Seed of every fit.

    Returns
    -------
    dict of str to callable
        `mean`, `climatology`, `cams` (where the panel has `cams_pm25`), `lightgbm-defaults`,
        `reference-method` and `airqo-job`.
    """
    found = {"mean": TrainingMean, "climatology": Climatology}
    if "cams_pm25" in panel.columns and panel["cams_pm25"].notna().any():
        found["cams"] = RawColumn
    boosters = {
        "lightgbm-defaults": (raw, LightgbmDefaults),
        "reference-method": (reference_method, ReferenceMethod),
        "airqo-job": (raw, AirqoJob),
    }
    for name, (recipe, estimator) in boosters.items():
        found[name] = functools.partial(Predictor, recipe, functools.partial(estimator, seed=seed))
    return found


def candidates(panel, *, model, recipe, seed=0, chosen=None):
    """Ours, called ``default``, and the chosen baselines beside it; all that the panel supports by default.

    Raises
    ------
    ValueError
        If a chosen baseline is unknown or the panel cannot support it.
    """
    known = baselines(panel, seed=seed)
    for name in chosen or ():
        if name not in known:
            raise ValueError(f"No baseline {name!r} for this panel; choose from {', '.join(known)}.")
    ours = {OURS: default_candidate(model=model, recipe=recipe, seed=seed)}
    return ours | {name: known[name] for name in (known if chosen is None else chosen)}
