"""A recipe and an estimator in one object that takes panels: what is trained, saved and judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.panel import KEYS, PLACE, TARGET, label_panel, panel_metadata, sort_panel

WHEN_AND_WHERE = ["site_id", "date", "latitude", "longitude"]


class Predictor:
    """Predict PM2.5 of a panel's rows.

    Parameters
    ----------
    recipe : callable
        ``recipe(panel)`` makes the :class:`airq.features.recipe.Recipe` for the panel's columns.
    estimator : callable
        Makes a fresh estimator with ``fit(X, y, groups, places)`` and ``predict(X, places)``.

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

    def __init__(self, recipe, estimator):
        self.recipe = recipe
        self.estimator = estimator

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
        features = self.recipe_.transform(panel)
        labelled = panel[TARGET].notna().to_numpy()
        self.estimator_ = self.estimator()
        self.estimator_.fit(
            features[labelled].reset_index(drop=True),
            panel.loc[labelled, TARGET].to_numpy(dtype="float64"),
            panel.loc[labelled, groups].to_numpy(dtype=object) if groups else np.arange(labelled.sum()),
            panel.loc[labelled, WHEN_AND_WHERE].reset_index(drop=True),
        )
        self.context_ = self._context(panel)
        return self

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
        return self.estimator_.predict(self.features(panel), panel[WHEN_AND_WHERE].reset_index(drop=True))

    def features(self, panel):
        """The features of every row, in the order of the recipe."""
        if not len(self.context_):
            return self.recipe_.transform(panel).reset_index(drop=True)
        own = pd.MultiIndex.from_frame(panel[KEYS])
        other = ~pd.MultiIndex.from_frame(self.context_[KEYS]).isin(own)
        inputs = panel[[name for name in self.context_.columns if name in panel.columns]]
        marked = pd.concat(
            [inputs.assign(own=np.arange(len(panel))), self.context_[other].assign(own=-1)], ignore_index=True
        )
        together = label_panel(sort_panel(marked), panel_metadata(panel))
        position = together.pop("own").to_numpy()
        features = self.recipe_.transform(together)[position >= 0]
        return features.iloc[np.argsort(position[position >= 0])].reset_index(drop=True)

    def _context(self, panel):
        if not any(feature.radius_km for feature in self.recipe_.features):
            return panel.iloc[:0]
        columns = dict.fromkeys([*PLACE, "date", *self.recipe_.inputs])
        return panel[[name for name in columns if name in panel.columns]].reset_index(drop=True)
