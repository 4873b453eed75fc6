"""A recipe and an estimator in one object that takes panels: what is trained, saved and judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.features.recipe import Recipe
from airq.panel import KEYS, PLACE, TARGET

#: What tells groups apart without telling what a new one is like.
POSITION = ("latitude", "longitude", "day_number")
PLACES = ["site_id", "date", "latitude", "longitude"]


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

    Attributes
    ----------
    recipe_ : Recipe
        The features that `fit` used.
    estimator_ : object
        The fitted estimator.
    context_ : DataFrame
        Inputs at the training places, which the features of a new place may look at
        (its neighbours' values); empty where no feature does.
    """

    def __init__(self, recipe, estimator, *, groups_for_position=0):
        self.recipe = recipe
        self.estimator = estimator
        self.groups_for_position = groups_for_position

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
        features = self.recipe_.transform(panel)
        self.estimator_ = self.estimator()
        self.estimator_.fit(
            features[labelled].reset_index(drop=True),
            panel.loc[labelled, TARGET].to_numpy(dtype="float64"),
            panel.loc[labelled, groups].to_numpy(dtype=object) if groups else np.arange(labelled.sum()),
            panel.loc[labelled, PLACES].reset_index(drop=True),
        )
        self.context_ = self._context(panel)
        return self

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
