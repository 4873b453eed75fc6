"""Baselines: what any predictor must beat, from the training mean to the boosters that others run.

A baseline is a candidate like ours (see :mod:`airq.validation.evaluation`): an object with ``fit(panel,
groups)`` and ``predict(panel)``. Three of them need no features: the mean, the climatology, and a column
of the panel taken as it is. The other three are boosters with the settings of a library's defaults, of
the published method and of AirQo's operational job; each is an estimator with the interface of ours,
``fit(X, y, groups, places)`` and ``predict(X)``, where X is a DataFrame of shape (n_samples,
n_features) and y is PM2.5 [µg m⁻³], inside a :class:`airq.models.predictor.Predictor`. :func:`baselines`
is the table of all that a panel supports.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from airq.features.recipe import raw, reference_method
from airq.models.boosters import Booster, CannotFit, catboost_regressor
from airq.models.predictor import Predictor, WithoutMonitors
from airq.panel import TARGET
from airq.units import PM25_UNIT

LATITUDE_BAND = 10.0
#: Rounds without improvement on the inner held-out groups after which the reference's method stops.
PATIENCE = 100


class TrainingMean:
    """The mean of the training rows, everywhere [µg m⁻³]."""

    def fit(self, panel, groups=None):
        """Learn the mean of the panel's targets."""
        self.mean_ = float(panel[TARGET].mean())
        return self

    def predict(self, panel):
        """Return PM2.5 of every row, shape (n_rows,) [µg m⁻³]."""
        return np.full(len(panel), self.mean_)


class Climatology:
    """Mean of the calendar month in a band of latitude; of the month, then of all, where it is unknown.

    `band` is the width of the bands. [°]
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
        """Return PM2.5 of every row, shape (n_rows,) [µg m⁻³]."""
        keys = self._keys(panel)
        cell = self.by_cell_.reindex(pd.MultiIndex.from_frame(keys)).to_numpy(dtype="float64")
        month = pd.Series(self.by_month_.reindex(keys["month"]).to_numpy(dtype="float64"))
        return pd.Series(cell).fillna(month).fillna(self.mean_).to_numpy()

    def _keys(self, panel):
        band = np.floor(panel["latitude"] / self.band)
        return pd.DataFrame({"month": panel["date"].dt.month, "band": band}, index=panel.index)


class RawColumn(TrainingMean):
    """A column as it is [µg m⁻³], such as a transport model's PM2.5; the training mean fills gaps."""

    def __init__(self, column="cams_pm25"):
        self.column = column

    def predict(self, panel):
        """Return PM2.5 of every row, shape (n_rows,) [µg m⁻³]."""
        return panel[self.column].fillna(self.mean_).to_numpy(dtype="float64")


class BoosterBaseline(WithoutMonitors):
    """A booster with fixed settings, which `fit` leaves in ``booster_``."""

    def __init__(self, *, seed=0):
        self.seed = seed

    def predict(self, X):
        """Return PM2.5, shape (n_samples,), not below zero [µg m⁻³]."""
        return np.maximum(self.booster_.predict(X), 0)


class LightgbmDefaults(BoosterBaseline):
    """LightGBM with its default settings: 100 trees of 31 leaves, no stopping."""

    n_trees = 100
    highest_target = np.inf

    def fit(self, X, y, groups=None, places=None):
        """Learn from the rows whose target is below the limit."""
        import lightgbm

        rows = y < self.highest_target
        if not rows.any():
            raise CannotFit(f"no training row is below {self.highest_target:g} {PM25_UNIT}")
        settings = {"objective": "regression", "verbosity": -1, "num_threads": 1, "seed": self.seed}
        data = lightgbm.Dataset(X.to_numpy(dtype="float32")[rows], y[rows], params=settings)
        self.booster_ = Booster("lightgbm", lightgbm.train(settings, data, self.n_trees))
        return self


class AirqoJob(LightgbmDefaults):
    """LightGBM as AirQo's operational satellite job runs it: 200 trees, targets below 200 µg m⁻³."""

    n_trees = 200
    highest_target = 200.0


class ReferenceMethod(BoosterBaseline):
    """CatBoost with 1,000 rounds and RMSE loss, stopped on a fifth of the training groups.

    The published method stopped on the test fold; here inner held-out groups take its place.
    """

    def fit(self, X, y, groups, places=None):
        """Learn from four fifths of the groups, stop on the others."""
        try:
            model = catboost_regressor(1000, PATIENCE, self.seed)
        except ModuleNotFoundError as error:
            raise CannotFit(str(error)) from None
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


#: Name -> recipe and estimator of the baselines that are boosters.
BOOSTERS = {
    "lightgbm-defaults": (raw, LightgbmDefaults),
    "reference-method": (reference_method, ReferenceMethod),
    "airqo-job": (raw, AirqoJob),
}


def baselines(panel, *, seed=0):
    """Return the baselines that a checked panel supports, by name; each makes a fresh predictor.

    `mean`, `climatology`, `cams` (where the panel has `cams_pm25`), `lightgbm-defaults`, `reference-method`
    and `airqo-job`; `seed` is that of every fit.
    """
    table = {"mean": TrainingMean, "climatology": Climatology}
    if "cams_pm25" in panel.columns and panel["cams_pm25"].notna().any():
        table["cams"] = RawColumn
    for name, (recipe, estimator) in BOOSTERS.items():
        table[name] = functools.partial(Predictor, recipe, functools.partial(estimator, seed=seed))
    return table
