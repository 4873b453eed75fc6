"""A recipe and an estimator in one object that takes panels: what is trained, saved and scored.

`Predictor` joins the two. The estimator is our ensemble of boosters (:func:`default_candidate`) or any
scikit-learn regressor (:func:`regressor_candidate`), which then gets the same features, residual scale and
area of applicability.
"""

from __future__ import annotations

import copy
import functools

import numpy as np
import pandas as pd
from sklearn.base import clone, is_regressor
from sklearn.inspection import permutation_importance

from airq.cities import check_swapped, station_ids
from airq.features.inputs import only_inputs
from airq.features.recipe import GROUPS_FOR_POSITION, POSITION, make_recipe
from airq.features.shifts import site_numbers
from airq.io import read_panel
from airq.messages import warn
from airq.models.applicability import AreaOfApplicability
from airq.models.blocks import beside, cut
from airq.models.boosters import CannotFit
from airq.models.ensemble import inner_folds, make_estimator
from airq.models.intervals import DEFAULT_COVERAGE, Calibration, ResidualScale
from airq.models.monitors import kilometres
from airq.panel import (
    KEYS,
    MIN_TRAINING_ROWS,
    PLACE,
    TARGET,
    feature_columns,
    origin_warning,
    panel_metadata,
)

PLACES = ["site_id", "date", "latitude", "longitude"]
SCALE = ["scale_low", "scale_high"]
NO_INPUTS = (
    "There are no input columns: predictions rest on the monitors around, the season and the position alone."
)
#: Training rows on which the importance of the features of a scikit-learn regressor is measured.
N_IMPORTANCE = 2000
#: Rows whose features are held at a time, and of them those that are predicted together.
BLOCK_ROWS, ROWS_AT_ONCE = 100_000, 10_000


def open_panel(source, *, target="optional"):
    """Return a checked panel, sorted by site and day; refuse one whose coordinates are swapped.

    `source` is a panel or its Parquet file; with the `target` ``"required"`` one row at least must have a
    `pm25`. OSError is raised if the file cannot be opened, ValueError if it is not a sound panel.
    """
    panel = read_panel(source, target=target)
    name = "the panel" if isinstance(source, pd.DataFrame) else str(source)
    check_swapped(panel.drop_duplicates("site_id"), name=name)
    return panel


def training_panel(source):
    """Return a checked panel to learn from or to score on; warn if its PM2.5 is not a daily mean of monitors.

    `source` is a panel or its Parquet file. Input columns that are empty are dropped, and those that are no
    inputs, see :func:`airq.features.inputs.not_inputs`. A panel without any input column gets a warning.
    ValueError is raised also if PM2.5 is constant or missing in too many rows.
    """
    panel = open_panel(source, target="required")
    if empty := [name for name in feature_columns(panel) if panel[name].isna().all()]:
        warn(f"Left out, because no row has a value: {', '.join(empty)}.")
        panel = panel.drop(columns=empty)
    panel, left_out = only_inputs(panel)
    if left_out:
        warn(f"{left_out[0].upper()}{left_out[1:]}.")
    if not feature_columns(panel):
        warn(NO_INPUTS)
    check_targets(panel[TARGET].dropna().to_numpy())
    if text := origin_warning(panel_metadata(panel)):
        warn(text)
    return panel


def check_targets(pm25):
    """Refuse values of PM2.5, none missing, that are too few or all the same; shape (n_rows,)."""
    if len(pm25) < MIN_TRAINING_ROWS:
        raise ValueError(
            f"The panel has PM2.5 in {len(pm25)} row{'s' * (len(pm25) != 1)}; at least "
            f"{MIN_TRAINING_ROWS} are needed."
        )
    if pm25.min() == pm25.max():
        raise ValueError(f"PM2.5 is {pm25[0]:g} in every row, so there is nothing to learn.")


class Predictor:
    """Predict PM2.5 of a panel's rows.

    Parameters
    ----------
    recipe : callable
        ``recipe(panel)`` makes the :class:`airq.features.recipe.Recipe` for the panel's columns.
    estimator : callable
        Makes a fresh estimator with ``fit(X, y, groups, places)``, ``predict(X)`` and
        ``joined(others).with_monitors(X, places)``, whose `monitors_` is None if it does not look at any.
    groups_for_position : int
        With fewer groups than this, position and number of the day are left out of the features: they
        would only name the group.
    residual_scale : callable, optional
        Makes a fresh :class:`airq.models.intervals.ResidualScale`, the expected size of the error.
    applicability : callable, optional
        Makes a fresh :class:`airq.models.applicability.AreaOfApplicability`.

    Attributes
    ----------
    recipe_ : Recipe
        The features that `fit` used.
    estimator_ : object
        The fitted estimator.
    context_ : DataFrame
        Inputs at the training places, which the features of a new place may look at
        (its neighbours' values); empty where no feature does.
    residual_scale_ : ResidualScale or None
        Fitted on the out-of-fold residuals of the training rows.
    applicability_ : AreaOfApplicability or None
        Fitted on the features of the training rows.
    calibration_ : Calibration or None
        Errors at places that took no part in training, see :meth:`calibrate`.
    """

    def __init__(self, recipe, estimator, *, groups_for_position=0, residual_scale=None, applicability=None):
        self.recipe = recipe
        self.estimator = estimator
        self.groups_for_position = groups_for_position
        self.residual_scale = residual_scale
        self.applicability = applicability

    def fit(self, panel, groups):
        """Learn from the rows of a checked panel that have a target.

        The other rows lend inputs to lags and neighbours. `groups` is the column that groups the inner folds;
        None for single rows.
        """
        self.recipe_ = self.recipe(panel)
        labelled = panel[TARGET].notna().to_numpy()
        if groups and panel.loc[labelled, groups].nunique() < self.groups_for_position:
            self.recipe_ = self.recipe_.without(POSITION)
        X = self.recipe_.transform(panel)[labelled].reset_index(drop=True)
        y = panel.loc[labelled, TARGET].to_numpy(dtype="float64")
        group = np.arange(labelled.sum())
        if groups:
            names = station_ids(panel) if groups == "site_id" else panel[groups]
            group = names[labelled].to_numpy(dtype=object)
        self.estimator_ = self.estimator()
        self.estimator_.fit(X, y, group, panel.loc[labelled, PLACES].reset_index(drop=True))
        self._fit_description(y, group)
        self.context_ = self._context(panel)
        return self

    def _fit_description(self, y, group):
        """Learn how large errors are, and which features training has seen."""
        self.residual_scale_ = self.applicability_ = self.calibration_ = None
        if self.residual_scale is not None:
            inner = self.estimator_.held_out_
            row, predicted = inner["row"].to_numpy(), inner["predicted"].to_numpy()
            self.residual_scale_ = self.residual_scale().fit(
                inner["km"].to_numpy(), predicted, y[row] - predicted, group[row]
            )
        if self.applicability is not None:
            self.applicability_ = self.applicability().fit(
                self.estimator_.training_, self.estimator_.importances_, self.estimator_.folds_
            )
        # They are needed no longer, and are as large as the features.
        self.estimator_.training_ = self.estimator_.held_out_ = None

    @property
    def looks_ahead(self):
        """Return whether a prediction may depend on later days, by its features or by monitors nearby."""
        monitors = self.estimator_.monitors_
        return self.recipe_.looks_ahead or (monitors is not None and monitors.looks_ahead)

    def seeing(self, monitors):
        """Return this predictor with a panel of monitors seen beside the training places, None for none."""
        more = copy.copy(self)
        more.estimator_ = self.estimator_.joined(monitors)
        return more

    def predict(self, panel, monitors=None):
        """Return PM2.5 [µg m⁻³] of every row, shape (n_rows,), never negative; a target is ignored.

        `monitors` is a panel whose `pm25` is seen beside that of the training places.
        """
        return self.describe(panel, monitors)["pm25"].to_numpy()

    def describe(self, panel, monitors=None, *, around=None):
        """Predict every row of a checked panel, with the expected size of the error; a target is ignored.

        Places are predicted in blocks of some 100,000 rows. `around` holds rows of further places within
        ``recipe_.reach_km`` that are seen as neighbours, but not predicted.

        The DataFrame of n_rows has `pm25`; with a residual scale `scale_low, scale_high` [µg m⁻³]; with an
        area of applicability `dissimilarity` [1] and `inside_domain`; with monitors `monitor_km`, the
        distance to the nearest one with a value on the day [km], infinite without one.
        """
        estimator, described = self.seeing(monitors).estimator_, {}
        for rows, outside in self._blocks(panel, around=around):
            block = panel if len(rows) == len(panel) else panel.iloc[rows].reset_index(drop=True)
            X = self.features(block, outside)
            for start in range(0, len(rows), ROWS_AT_ONCE):
                part = slice(start, start + ROWS_AT_ONCE)
                seen = estimator.with_monitors(X.iloc[part], block[PLACES].iloc[part])
                for name, values in self._describe(seen).items():
                    described.setdefault(name, np.empty(len(panel), values.dtype))[rows[part]] = values
        wrong = ~np.isfinite(described["pm25"])
        if wrong.any():
            first = panel.iloc[int(wrong.argmax())]
            raise ValueError(
                f"The model predicts no finite PM2.5 for {wrong.sum():,} of {len(panel):,} rows, first site "
                f"{first['site_id']} on {first['date']:%Y-%m-%d}; nothing is written. Train the bundle again."
            )
        return pd.DataFrame(described)

    def _blocks(self, panel, sites=None, *, around=None):
        """Yield the rows of every block, (n_rows,), and the rows of the places around it or None.

        The blocks hold the sites of some numbers, by default all.
        """
        if sites is None and len(panel) <= BLOCK_ROWS:
            yield np.arange(len(panel)), around
            return
        site = site_numbers(panel)
        places = panel[["site_id", "longitude", "latitude"]].drop_duplicates("site_id")
        sites = np.arange(len(places)) if sites is None else sites
        columns = [*PLACES, *self.recipe_.surroundings.inputs]
        for part in cut(places.iloc[sites], np.bincount(site)[sites], BLOCK_ROWS):
            block = sites[part]
            outside = panel.loc[np.isin(site, beside(places, block, self.recipe_.reach_km)), columns]
            yield (
                np.flatnonzero(np.isin(site, block)),
                outside if around is None else pd.concat([outside, around[columns]]),
            )

    def _describe(self, X):
        """Describe some rows by their features and what monitors show them."""
        described = {"pm25": self.estimator_.predict(X)}
        km = np.full(len(X), np.inf)
        if self.estimator_.monitors_ is not None:
            described["monitor_km"] = km = kilometres(X)
        if self.residual_scale_ is not None:
            residual_scale = self.residual_scale_.predict(km, described["pm25"])
            described |= {"scale_low": residual_scale[:, 0], "scale_high": residual_scale[:, 1]}
        if self.applicability_ is not None:
            described["dissimilarity"] = self.applicability_.dissimilarity(X)
            described["inside_domain"] = described["dissimilarity"] <= self.applicability_.threshold_
        return described

    def features(self, panel, around=None):
        """Return the features of every row, in the order of the recipe.

        The surroundings of a place are the training places within the radius; a training place is
        itself one of them, a new place is not. So the features of a new place do not depend on which
        other new places are in the table. Where no training place around has a value, the table's own
        places are used, the place itself among them, and those of `around`.
        """
        features = self.recipe_.transform(panel, around).reset_index(drop=True)
        if len(self.context_):
            trained = self._from_context(panel)
            values, columns = np.array(features), features.columns.get_indexer(trained.columns)
            values[:, columns] = np.where(trained.isna(), values[:, columns], trained)
            features = pd.DataFrame(values, columns=features.columns, copy=False)
        return features

    def inputs(self, panel, rows, *, around=None):
        """Return what the estimator gets for some rows of a checked panel, which are given by number.

        A DataFrame with these numbers as index: the features, and what monitors nearby show where the
        estimator looks at them. Places are taken in blocks, with rows `around`, see :meth:`describe`.
        """
        rows, site, tables = np.asarray(rows), site_numbers(panel), []
        for whole, outside in self._blocks(panel, np.unique(site[rows]), around=around):
            block, part = panel.iloc[whole].reset_index(drop=True), np.flatnonzero(np.isin(rows, whole))
            at = np.searchsorted(whole, rows[part])
            X = self.estimator_.with_monitors(self.features(block, outside).iloc[at], block[PLACES].iloc[at])
            tables.append(X.set_axis(part))
        return pd.concat(tables).sort_index().set_axis(rows)

    def calibrate(self, held_out):
        """Learn how wide intervals must be, see :meth:`airq.models.intervals.Calibration.from_held_out`."""
        self.calibration_ = Calibration.from_held_out(held_out)
        return self

    def predict_interval(self, panel, *, coverage=DEFAULT_COVERAGE, monitors=None):
        """Return lower and upper ends [µg m⁻³] for every row, shape (n_rows, 2).

        `monitors` are those of :meth:`predict`; `coverage` is the share of the days of a new
        place that an interval should hold. The ends are never below zero, and NaN where too few places
        calibrate. ValueError is raised before :meth:`calibrate`.
        """
        if self.calibration_ is None:
            raise ValueError("The predictor is not calibrated; call calibrate with held-out places first.")
        described = self.describe(panel, monitors)
        return self.calibration_.interval(described["pm25"], described[SCALE], coverage)

    def _from_context(self, panel):
        """Return features of the surroundings from the training places alone; NaN where there is none."""
        recipe, context = self.recipe_.surroundings, self._context_near(panel)
        own = panel[PLACES].reset_index(drop=True)
        # What training saw on the row's own day, nothing for a new place.
        seen = own[KEYS].merge(context[[*KEYS, *recipe.inputs]], on=KEYS, how="left")
        own[recipe.inputs] = seen[recipe.inputs]
        where = self.context_.drop_duplicates("site_id").set_index("site_id")
        for name in ("longitude", "latitude"):
            own[name] = own["site_id"].map(where[name]).fillna(own[name])
        keys = pd.MultiIndex.from_frame(own[KEYS])
        return recipe.transform(own, context[~pd.MultiIndex.from_frame(context[KEYS]).isin(keys)])

    def _context_near(self, panel):
        """Return the rows of the context that features of a panel may look at."""
        # pandas copies the metadata of a table with every column that is read.
        self.context_.attrs = {}
        context, reach = self.context_, pd.Timedelta(days=self.recipe_.reach_days)
        days = context["date"].between(panel["date"].min() - reach, panel["date"].max() + reach)
        places = ["site_id", "longitude", "latitude"]
        trained, own = (table[places].drop_duplicates("site_id") for table in (context, panel))
        both = pd.concat([own, trained], ignore_index=True)
        near = beside(both, np.arange(len(own)), self.recipe_.reach_km)
        return context[days & context["site_id"].isin([*both["site_id"].iloc[near], *own["site_id"]])]

    def _context(self, panel):
        recipe = self.recipe_.surroundings
        if not recipe.features:
            return panel.iloc[:0]
        columns = dict.fromkeys([*PLACE, "date", *recipe.inputs])
        return panel[list(columns)].reset_index(drop=True)


def default_candidate(*, model="lightgbm", recipe="retrospective", seed=0, tuning=None):
    """Return a function without arguments that makes our predictor.

    `model` (lightgbm, catboost, blend, fast), `recipe` and `seed` are those of
    :class:`airq.PM25Regressor`; every fit runs in one thread. With a `tuning`, a search for parameters is
    done anew on the inner folds of every fit.
    """
    monitors = "live" if recipe == "live" else "retrospective"
    return _candidate(
        recipe, functools.partial(make_estimator, model, monitors=monitors, seed=seed, tuning=tuning)
    )


def regressor_candidate(regressor, *, recipe="retrospective", seed=0):
    """Return a function without arguments that makes a predictor around a scikit-learn regressor.

    Every fit works on a clone of it; `recipe` names the features, `seed` is that of the inner folds.
    ValueError is raised if it is not a scikit-learn regressor.
    """
    if isinstance(regressor, type) or not (hasattr(regressor, "fit") and is_regressor(regressor)):
        raise ValueError(f"{regressor!r} is not a scikit-learn regressor (or a pipeline that ends in one).")
    return _candidate(recipe, functools.partial(OutOfFoldRegressor, regressor, seed=seed))


def _candidate(recipe, estimator):
    return functools.partial(
        Predictor,
        functools.partial(make_recipe, recipe),
        estimator,
        groups_for_position=GROUPS_FOR_POSITION,
        residual_scale=ResidualScale,
        applicability=AreaOfApplicability,
    )


class WithoutMonitors:
    """An estimator that gets the features alone."""

    monitors_ = None

    def joined(self, others):
        """Return the estimator as it is."""
        return self

    def with_monitors(self, X, places):
        """Return the features as they are."""
        return X


class OutOfFoldRegressor(WithoutMonitors):
    """A scikit-learn regressor with the out-of-fold predictions that intervals need.

    `seed` is that of the inner folds.

    Attributes
    ----------
    regressor_ : estimator
        Fitted on all training rows.
    folds_ : numpy.ndarray of int, shape (n_samples,)
        Inner fold of every training row; rows of a group stay together.
    inner_predictions_ : numpy.ndarray of shape (n_samples,)
        Predictions of clones that left the row's fold out. [µg m⁻³]
    held_out_, training_ : DataFrame
        The same as a table with `row`, `km` and `predicted`, and the features of the training rows.
    """

    def __init__(self, regressor, *, seed=0):
        self.regressor = regressor
        self.seed = seed

    def fit(self, X, y, groups, places=None):
        """Fit the regressor on all rows, and clones of it for the out-of-fold predictions.

        Missing values (NaN) are passed on as they are. CannotFit is raised with the regressor's own message.
        """
        self.folds_ = inner_folds(groups, seed=self.seed)
        # In single precision linear models are ill-conditioned.
        X = X.astype("float64")
        self.inner_predictions_ = np.empty(len(y))
        try:
            self.regressor_ = clone(self.regressor).fit(X, y)
            for fold in range(self.folds_.max() + 1):
                rows = self.folds_ == fold
                left_out = clone(self.regressor).fit(X[~rows], y[~rows])
                self.inner_predictions_[rows] = np.ravel(left_out.predict(X[rows]))
        except (ValueError, TypeError) as error:
            text = str(error).strip().splitlines()[0]
            if "NaN" in text:
                text += " Put an imputer before it: make_pipeline(SimpleImputer(), ...)."
            raise CannotFit(f"{type(self.regressor).__name__} cannot be fitted: {text}") from error
        row = np.arange(len(y))
        self.held_out_ = pd.DataFrame({"row": row, "km": np.inf, "predicted": self.inner_predictions_})
        self.training_ = X.astype("float32")
        self._rows = X.iloc[:: -(-len(X) // N_IMPORTANCE)], y[:: -(-len(X) // N_IMPORTANCE)]
        return self

    def predict(self, X):
        """Return PM2.5 [µg m⁻³] of shape (n_samples,), as the regressor gives it."""
        return np.ravel(self.regressor_.predict(X.astype("float64"))).astype("float64")

    @property
    def importances_(self):
        """Return the share of every feature in what the regressor learned, of shape (n_features,).

        It is the increase of the squared error of some 2,000 training rows when the feature's values are
        shuffled; equal shares where nothing increases it.
        """
        X, y = self._rows
        increase = permutation_importance(
            self.regressor_, X, y, scoring="neg_mean_squared_error", n_repeats=1, random_state=self.seed
        ).importances_mean
        positive = np.maximum(increase, 0)
        return positive / positive.sum() if positive.any() else np.full(X.shape[1], 1 / X.shape[1])
