"""A recipe and an estimator in one object that takes panels: what is trained, saved and judged.

The predictors that are trained and compared: ours and its baselines.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from airq.features.recipe import GROUPS_FOR_POSITION, POSITION, Recipe, make_recipe
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import make_estimator
from airq.models.intervals import DEFAULT_COVERAGE, Calibration, ResidualScale
from airq.panel import KEYS, PLACE, TARGET

PLACES = ["site_id", "date", "latitude", "longitude"]
SCALE = ["scale_low", "scale_high"]


class Predictor:
    """Predict PM2.5 of a panel's rows.

    Parameters
    ----------
    recipe : callable
        ``recipe(panel)`` makes the :class:`airq.features.recipe.Recipe` for the panel's columns.
    estimator : callable
        Makes a fresh estimator with ``fit(X, y, groups, places)`` and ``predict(X, places)``.

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
        """Learn from the rows with a target.

        Parameters
        ----------
        panel : DataFrame
            A checked panel. Rows without a target lend their inputs to lags and neighbours.
        groups : str or None
            Column that groups the inner folds; None for single rows.
        """
        self.recipe_ = self.recipe(panel)
        labelled = panel[TARGET].notna().to_numpy()
        if groups and panel.loc[labelled, groups].nunique() < self.groups_for_position:
            self.recipe_ = self.recipe_.without(POSITION)
        X = self.recipe_.transform(panel)[labelled].reset_index(drop=True)
        y = panel.loc[labelled, TARGET].to_numpy(dtype="float64")
        group = panel.loc[labelled, groups].to_numpy(dtype=object) if groups else np.arange(labelled.sum())
        self.estimator_ = self.estimator()
        self.estimator_.fit(X, y, group, panel.loc[labelled, PLACES].reset_index(drop=True))
        self._fit_description(X, y, group)
        self.context_ = self._context(panel)
        return self

    def _fit_description(self, X, y, group):
        """Learn how large errors are, and which features training has seen."""
        self.residual_scale_ = self.applicability_ = self.calibration_ = None
        if self.residual_scale is not None:
            inner = self.estimator_.inner_predictions_
            self.residual_scale_ = self.residual_scale().fit(X, inner, y - inner, group)
        if self.applicability is not None:
            self.applicability_ = self.applicability().fit(
                X, self.estimator_.importances_, self.estimator_.folds_
            )

    @property
    def looks_ahead(self):
        """Whether a prediction may depend on later days, by its features or by kriging."""
        return self.recipe_.looks_ahead or self.estimator_.kriging_ is not None

    def predict(self, panel):
        """PM2.5 of every row.

        Parameters
        ----------
        panel : DataFrame of n_rows
            A checked panel; a target in it is not looked at.

        Returns
        -------
        numpy.ndarray of shape (n_rows,)
            PM2.5, never negative. [µg m⁻³]
        """
        return self.estimator_.predict(self.features(panel), panel[PLACES].reset_index(drop=True))

    def describe(self, panel):
        """PM2.5 of every row, how large its error is expected to be, and whether training knows its like.

        Parameters
        ----------
        panel : DataFrame of n_rows
            A checked panel; a target in it is not looked at.

        Returns
        -------
        DataFrame of n_rows
            `pm25`; with a residual scale `scale_low, scale_high` [µg m⁻³]; with an area of
            applicability `dissimilarity` [1] and `inside_domain`.
        """
        X = self.features(panel)
        described = {"pm25": self.estimator_.predict(X, panel[PLACES].reset_index(drop=True))}
        if self.residual_scale_ is not None:
            residual_scale = self.residual_scale_.predict(X, described["pm25"])
            described |= {"scale_low": residual_scale[:, 0], "scale_high": residual_scale[:, 1]}
        if self.applicability_ is not None:
            described["dissimilarity"] = self.applicability_.dissimilarity(X)
            described["inside_domain"] = described["dissimilarity"] <= self.applicability_.threshold_
        return pd.DataFrame(described)

    def features(self, panel):
        """The features of every row, in the order of the recipe.

        The surroundings of a place are the training places within the radius; a training place is
        itself one of them, a new place is not. So what a new place gets does not depend on which
        other new places stand beside it in the table. Where no training place around has a value,
        the table's own places stand in, the place itself among them.
        """
        features = self.recipe_.transform(panel).reset_index(drop=True)
        if len(self.context_):
            around = self._from_context(panel)
            features = around.combine_first(features)[self.recipe_.names]
        return features.astype("float32")

    def calibrate(self, held_out):
        """Learn how wide intervals must be from predictions of places that the predictor never saw.

        Parameters
        ----------
        held_out : DataFrame
            See :meth:`airq.models.intervals.Calibration.from_held_out`.
        """
        self.calibration_ = Calibration.from_held_out(held_out)
        return self

    def predict_interval(self, panel, *, coverage=DEFAULT_COVERAGE):
        """Lower and upper ends for every row.

        Parameters
        ----------
        panel : DataFrame of n_rows
            A checked panel; a target in it is not looked at.
        coverage : float
            Share of the days of a new place that the interval should hold.

        Returns
        -------
        numpy.ndarray of shape (n_rows, 2)
            Never below zero; missing where too few places calibrate for it. [µg m⁻³]

        Raises
        ------
        ValueError
            Before :meth:`calibrate`.
        """
        if self.calibration_ is None:
            raise ValueError("The predictor is not calibrated; call calibrate with held-out places first.")
        described = self.describe(panel)
        return self.calibration_.interval(described["pm25"], described[SCALE], coverage)

    def _from_context(self, panel):
        """Features of the surroundings, from the training places alone; missing where there is none."""
        recipe = _surroundings(self.recipe_)
        known = pd.MultiIndex.from_frame(self.context_[KEYS])
        own = pd.MultiIndex.from_frame(panel[KEYS])
        new = panel.loc[~own.isin(known), [*PLACE, "date"]].reindex(columns=self.context_.columns)
        together = pd.concat([self.context_, new], ignore_index=True)
        values = recipe.transform(together)
        row = pd.Series(np.arange(len(together)), index=known.append(pd.MultiIndex.from_frame(new[KEYS])))
        return values.iloc[row.loc[own].to_numpy()].reset_index(drop=True)

    def _context(self, panel):
        recipe = _surroundings(self.recipe_)
        if not recipe.features:
            return panel.iloc[:0]
        columns = dict.fromkeys([*PLACE, "date", *recipe.inputs])
        return panel[list(columns)].reset_index(drop=True)


def _surroundings(recipe):
    """The part of a recipe that looks at other places."""
    return Recipe(recipe.name, tuple(feature for feature in recipe.features if feature.radius_km))


def default_candidate(*, model, recipe, seed=0, tuning=None):
    """Function without arguments that makes our predictor.

    Parameters
    ----------
    model : {"blend", "lightgbm", "catboost"}
        Boosters.
    recipe : {"retrospective", "live", "reference"}
        Features.
    seed : int
        Seed of every fit; each runs in one thread.
    tuning : Tuning, optional
        A search for parameters, done anew on the inner folds of every fit.
    """
    # On a live day no monitor elsewhere has a residual to carry.
    residuals = "ignored" if recipe == "live" else "kriging"
    estimator = functools.partial(make_estimator, model, residuals=residuals, seed=seed, tuning=tuning)
    return functools.partial(
        Predictor,
        functools.partial(make_recipe, recipe),
        estimator,
        groups_for_position=GROUPS_FOR_POSITION,
        residual_scale=ResidualScale,
        applicability=AreaOfApplicability,
    )
