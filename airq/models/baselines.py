"""Baselines: what any predictor must beat, from the training mean to the boosters that others run.

A baseline is a candidate like ours (see :mod:`airq.validation.evaluation`): an object with ``fit(panel,
groups)`` and ``predict(panel)``. Some need no features: the mean, the climatology, a column of the panel
taken as it is, and what other monitors read that day (:mod:`airq.models.interpolation`). The others are a
linear regression, forests and boosters with the settings of a library's defaults, of the published method
or of AirQo's operational job; each is an estimator with the interface of ours, ``fit(X, y, groups, places)``
and ``predict(X)``, where X is a DataFrame of shape (n_samples, n_features) and y is PM2.5 [µg m⁻³],
inside a :class:`airq.models.predictor.Predictor`. :func:`baselines` is the table of all that a panel
supports.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupShuffleSplit, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from airq.features.recipe import raw, reference_method
from airq.models import FAST_BASELINES, SLOW_BASELINES
from airq.models.boosters import Booster, CannotFit, catboost_regressor
from airq.models.ensemble import HEADROOM, inner_folds
from airq.models.interpolation import DayMean, InverseDistance, Kriging, NearestMonitor
from airq.models.predictor import Predictor, WithoutMonitors
from airq.panel import TARGET
from airq.parallel import one_thread
from airq.units import PM25_UNIT

LATITUDE_BAND = 10.0
#: Rounds without improvement on the inner held-out groups after which boosters stop, and their most rounds.
PATIENCE, MOST_ROUNDS = 100, 1000
#: Penalties that the ridge regression chooses from.
ALPHAS = np.logspace(-1, 5, 7)
#: Date columns beside the inputs and the position: those of the trees, those of the linear regression.
DATE, SEASON = ("dayofyear", "day_number", "dayofweek"), ("year_sin", "year_cos")


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


class RegressorBaseline(WithoutMonitors):
    """A regressor with fixed settings, which `fit` leaves in ``regressor_``."""

    def __init__(self, *, seed=0):
        self.seed = seed

    def predict(self, X):
        """Return PM2.5, shape (n_samples,), not below zero [µg m⁻³]."""
        # One thread, as every fit of an evaluation.
        with one_thread():
            return np.maximum(self.regressor_.predict(X), 0)


class RidgeLog(RegressorBaseline):
    """Ridge regression of log(PM2.5 + 1) on standardised inputs, gaps filled with the median.

    The penalty has the least squared error on inner held-out groups. The mean of the exponentials of the
    residuals, Duan's smearing factor [1]_, makes means of the exponentials of the predictions.

    References
    ----------
    .. [1] N. Duan, Smearing estimate: a nonparametric retransformation method, Journal of the American
       Statistical Association 78, 605-610, 1983.

    Attributes
    ----------
    regressor_ : sklearn.pipeline.Pipeline
        Predicts log(PM2.5 + 1).
    smearing_ : float
        Factor on PM2.5 + 1, at least about one.
    highest_ : float
        Upper limit of the predictions: 1.2 times the highest training target. [µg m⁻³]
    """

    def fit(self, X, y, groups, places=None):
        """Learn from all rows; the inner folds of the groups choose the penalty."""
        folds = PredefinedSplit(inner_folds(groups, seed=self.seed))
        self.regressor_ = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            RidgeCV(ALPHAS, cv=folds, scoring="neg_mean_squared_error"),
        )
        # In single precision linear models are ill-conditioned.
        X, log = X.astype("float64"), np.log1p(y)
        with one_thread():
            self.regressor_.fit(X, log)
            self.smearing_ = float(np.mean(np.exp(log - self.regressor_.predict(X))))
        self.highest_ = float(y.max() * HEADROOM)
        return self

    def predict(self, X):
        """Return PM2.5, shape (n_samples,), from zero to :attr:`highest_` [µg m⁻³]."""
        with one_thread():
            log = self.regressor_.predict(X.astype("float64"))
        # Beyond the range of training an exponential may overflow.
        return np.clip(self.smearing_ * np.exp(np.minimum(log, 50)) - 1, 0, self.highest_)


class ExtraTrees(RegressorBaseline):
    """Extremely randomised trees: 300 with at least 5 rows a leaf, 40 % of the columns at a split [1]_.

    Gaps are filled with the median.

    References
    ----------
    .. [1] P. Geurts, D. Ernst, L. Wehenkel, Extremely randomized trees, Machine Learning 63, 3-42, 2006.
    """

    def fit(self, X, y, groups=None, places=None):
        """Learn from all rows."""
        trees = ExtraTreesRegressor(
            300, min_samples_leaf=5, max_features=0.4, n_jobs=1, random_state=self.seed
        )
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        self.regressor_ = make_pipeline(imputer, trees).fit(X, y)
        return self


class HistGradientBoosting(RegressorBaseline):
    """Histogram gradient boosting of scikit-learn with its default settings."""

    def fit(self, X, y, groups=None, places=None):
        """Learn from all rows; beyond 10,000 the library stops on a random tenth of them."""
        with one_thread():
            self.regressor_ = HistGradientBoostingRegressor(random_state=self.seed).fit(X, y)
        return self


class LightgbmDefaults(RegressorBaseline):
    """LightGBM with its default settings: 100 trees of 31 leaves, no stopping."""

    n_trees = 100
    highest_target = np.inf

    def fit(self, X, y, groups=None, places=None):
        """Learn from the rows whose target is below the limit."""
        rows = y < self.highest_target
        if not rows.any():
            raise CannotFit(f"no training row is below {self.highest_target:g} {PM25_UNIT}")
        self.regressor_ = self._train((X.to_numpy(dtype="float32")[rows], y[rows]), self.n_trees)
        return self

    def _train(self, learn, rounds, *, stop=None, **settings):
        """Return the booster that learned from inputs and targets, and stopped on others if there are any."""
        import lightgbm

        settings = {
            "objective": "regression",
            "verbosity": -1,
            "num_threads": 1,
            "seed": self.seed,
        } | settings
        data = lightgbm.Dataset(*learn, params=settings)
        options = {}
        if stop is not None:
            options["valid_sets"] = [lightgbm.Dataset(*stop, reference=data, params=settings)]
            options["callbacks"] = [lightgbm.early_stopping(PATIENCE, verbose=False)]
        return Booster("lightgbm", lightgbm.train(settings, data, rounds, **options))


class LightgbmStopped(LightgbmDefaults):
    """LightGBM with up to 1,000 trees at learning rate 0.05, stopped on a fifth of the training groups."""

    def fit(self, X, y, groups, places=None):
        """Learn from four fifths of the groups, stop on the others; one group alone is learned in full."""
        learn, stop = _stopping_rows(X.to_numpy(dtype="float32"), y, groups, self.seed)
        self.regressor_ = self._train(learn, MOST_ROUNDS, stop=stop, learning_rate=0.05)
        return self


class AirqoJob(LightgbmDefaults):
    """LightGBM as AirQo's operational satellite job runs it: 200 trees, targets below 200 µg m⁻³."""

    n_trees = 200
    highest_target = 200.0


class ReferenceMethod(RegressorBaseline):
    """CatBoost with 1,000 rounds and RMSE loss, stopped on a fifth of the training groups.

    The published method stopped on the test fold; here inner held-out groups take its place.
    """

    def fit(self, X, y, groups, places=None):
        """Learn from four fifths of the groups, stop on the others; one group alone is learned in full."""
        try:
            model = catboost_regressor(MOST_ROUNDS, PATIENCE, self.seed)
        except ModuleNotFoundError as error:
            raise CannotFit(str(error)) from None
        learn, stop = _stopping_rows(X.to_numpy(dtype="float32"), y, groups, self.seed)
        if learn[1].min() == learn[1].max():
            raise CannotFit("PM2.5 is constant in its training rows")
        model.fit(*learn, eval_set=stop, use_best_model=stop is not None)
        self.regressor_ = Booster("catboost", model)
        return self


def _stopping_rows(X, y, groups, seed):
    """Return inputs and targets of four fifths of the groups, and of the others; None for these if one."""
    if len(set(groups)) < 2:
        return (X, y), None
    split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    learn, stop = next(split.split(X, y, groups))
    return (X[learn], y[learn]), (X[stop], y[stop])


_RAW_DATE = functools.partial(raw, calendar=DATE)

#: Name -> class of the baselines that need no features.
FEATURELESS = {
    "mean": TrainingMean,
    "climatology": Climatology,
    "cams": RawColumn,
    "nearest": NearestMonitor,
    "inverse-distance": InverseDistance,
    "day-mean": DayMean,
    "kriging": Kriging,
}
#: Name -> recipe and estimator of the others.
ESTIMATORS = {
    "ridge-log": (functools.partial(raw, calendar=SEASON), RidgeLog),
    "lightgbm-defaults": (raw, LightgbmDefaults),
    "lightgbm-date": (_RAW_DATE, LightgbmDefaults),
    "lightgbm-stopped": (_RAW_DATE, LightgbmStopped),
    "hist-gradient-boosting": (_RAW_DATE, HistGradientBoosting),
    "extra-trees": (_RAW_DATE, ExtraTrees),
    "reference-method": (reference_method, ReferenceMethod),
    "airqo-job": (raw, AirqoJob),
}


def baselines(panel, *, seed=0):
    """Return the baselines that a checked panel supports, by name; each makes a fresh predictor.

    Those of :data:`airq.models.FAST_BASELINES` come first; `cams` is among them where
    the panel has `cams_pm25`. `seed` is that of every fit.
    """
    table = dict(FEATURELESS)
    if "cams_pm25" not in panel.columns or panel["cams_pm25"].isna().all():
        del table["cams"]
    for name, (recipe, estimator) in ESTIMATORS.items():
        table[name] = functools.partial(Predictor, recipe, functools.partial(estimator, seed=seed))
    return {name: table[name] for name in (*FAST_BASELINES, *SLOW_BASELINES) if name in table}
