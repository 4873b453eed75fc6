"""The hazardous days of a panel, the places that hold them, and features that no held-out place reaches."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import has_fit_parameter

from airq.cities import station_ids
from airq.features.recipe import GROUPS_FOR_POSITION, POSITION, Recipe, make_recipe
from airq.panel import (
    MIN_TRAINING_ROWS,
    TARGET,
    feature_columns,
    origin_label,
    origin_warnings,
    panel_metadata,
)
from airq.units import PM25_UNIT
from airq.validation.schemes import PLURALS, SCHEMES
from airq.validation.splitters import Fold, training_groups
from imbalance.comparison.runner import N_INNER

#: A threshold must be exceeded in so many places, or nothing can be said of a new one.
MIN_GROUPS = 5
#: Share of the rows above a usual threshold, which is named where more than a rare share lies above another.
USUAL_SHARE, RARE_SHARE = 0.05, 0.2


def hazardous_rows(panel, above):
    """Return which rows have a PM2.5 above a threshold.

    >>> hazardous_rows(pd.DataFrame({"pm25": np.float32([55.4, 55.5, np.nan])}), 55.4).tolist()
    [False, True, False]
    """
    # In the panel's own precision: 55.4 as float32 is a little more than 55.4.
    return panel[TARGET].to_numpy(dtype="float32") > np.float32(above)


def held_out_group(panel, group="auto"):
    """Return what is held out, ``"city"`` or ``"site"``; ``"auto"`` takes cities where there are enough."""
    if group not in ("auto", "city", "site"):
        raise ValueError(f"Groups are 'city' or 'site' (or 'auto'), not {group!r}.")
    return group if group != "auto" else training_groups(panel).removesuffix("_id")


def place_of_rows(panel, group):
    """Return the city or station of every row; sites within 100 m of each other are one station."""
    return (panel["city_id"] if group == "city" else station_ids(panel)).to_numpy(dtype=object)


def check_question(panel, above, *, group="auto", cv=5):
    """Return what is held out; refuse a panel and a threshold from which nothing about new places follows."""
    if not feature_columns(panel):
        raise ValueError("The panel has no input column to learn from, only places, days and PM2.5.")
    if not np.isfinite(above) or above < 0:
        raise ValueError(f"The threshold must be a PM2.5 of 0 {PM25_UNIT} or more, not {above:g}.")
    if cv < 2:
        raise ValueError(f"At least 2 folds are needed, not {cv}.")
    group = held_out_group(panel, group)
    asked = describe(panel, above, group)
    reach, known, what = asked["groups_that_reach"], asked["groups"], PLURALS[group]
    if reach < MIN_GROUPS:
        counts = (
            f"PM2.5 exceeds {above:g} {PM25_UNIT} in {asked['hazardous']:,} of {asked['rows']:,} rows, in "
            f"{reach} of {known} {what}; at least {MIN_GROUPS} {what} must do so."
        )
        if known < MIN_GROUPS:
            raise ValueError(f"{counts} The panel has PM2.5 in {known} {what} only.")
        worst = panel[TARGET].groupby(place_of_rows(panel, group)).max().dropna().astype("float64")
        tenths = np.ceil(np.round(np.sort(worst)[-MIN_GROUPS] * 10, 3)) - 1
        raise ValueError(
            f"{counts} {MIN_GROUPS} {what} exceed {tenths / 10:g} {PM25_UNIT}, the highest threshold that "
            "can be asked for."
        )
    if asked["share"] > 0.5:
        raise ValueError(
            f"PM2.5 is above {above:g} {PM25_UNIT} in {asked['share']:.0%} of the rows, so the class above "
            f"it is not the rare one; choose a threshold above the median, {panel[TARGET].median():.1f}."
        )
    if reach < cv:
        raise ValueError(
            f"{reach} {what} exceed {above:g} {PM25_UNIT}, fewer than the {cv} folds; "
            f"take at most {reach} folds."
        )
    return group


def describe(panel, above, group):
    """Return the question and the counts behind it."""
    labelled, metadata = panel[panel[TARGET].notna()], panel_metadata(panel)
    hazardous, places = hazardous_rows(labelled, above), place_of_rows(labelled, group)
    return {
        "data": origin_label(metadata),
        "warnings": origin_warnings(metadata),
        "above": float(above),
        "unit": PM25_UNIT,
        "group": group,
        "groups": len(np.unique(places)),
        "groups_that_reach": len(np.unique(places[hazardous])),
        "rows": len(labelled),
        "hazardous": int(hazardous.sum()),
        "share": float(hazardous.mean()),
        "usual_threshold": float(np.quantile(labelled[TARGET], 1 - USUAL_SHARE).round()),
        "first_day": f"{labelled['date'].min():%Y-%m-%d}",
        "last_day": f"{labelled['date'].max():%Y-%m-%d}",
    }


def nested_folds(panel, above, group, cv=5):
    """Return for each fold of whole places a list of itself and its inner folds, rows of the whole panel.

    Places are dealt like cards, those with most hazardous days first, so that no fold goes without; the
    training part of every fold is split once more in the same way.
    """
    labelled = np.flatnonzero(panel[TARGET].notna().to_numpy())
    places, hazardous = place_of_rows(panel, group), hazardous_rows(panel, above)
    station = station_ids(panel).to_numpy(dtype=object)

    def split(visible, labelled, n_folds):
        days = pd.Series(hazardous[labelled]).groupby(places[labelled]).agg(["sum", "size"])
        dealt = days.sort_values(["sum", "size"], ascending=False, kind="stable").index
        there_and_back = np.resize([*range(n_folds), *reversed(range(n_folds))], len(dealt))
        for number in range(n_folds):
            out = np.isin(places, dealt[there_and_back == number])
            # A station under two names in two cities would be on both sides.
            hidden = np.isin(station, station[out])
            train = labelled[~hidden[labelled]]
            if len(train) < MIN_TRAINING_ROWS:
                left = f"Fold {number + 1} leaves {len(train)} rows to learn from"
                raise ValueError(f"{left}; {MIN_TRAINING_ROWS} are needed.")
            yield Fold(group, number, labelled[out[labelled]], train, visible[~hidden[visible]])

    outer = split(np.arange(len(panel)), labelled, cv)
    return [[fold, *split(fold.visible, fold.train, N_INNER)] for fold in outer]


@dataclass(eq=False)
class Question:
    """What the jobs of a comparison share: the panel, its hazardous days and the splits."""

    panel: pd.DataFrame
    above: float
    group: str
    folds: list[list[Fold]]
    recipe: str

    def recipe_for(self, fold):
        """Return the recipe for what is visible in a fold; without position where places are few."""
        outer = self.folds[fold][0]
        recipe = make_recipe(self.recipe, outer.training_panel(self.panel))
        few = self.panel[SCHEMES[self.group].column].iloc[outer.train].nunique() < GROUPS_FOR_POSITION
        return recipe.without(POSITION) if few else recipe

    def predicted(self, estimator, fold, split):
        """Fit a copy on a split; return scores of its held-out rows, and notes on the fit.

        A regressor's score is PM2.5 [µg m⁻³], a classifier's the probability that it is above the threshold.
        """
        (learn, new), rows = split_features(self, fold, split), self.folds[fold][split].train
        model = clone(estimator)
        if not is_classifier(model):
            model.fit(learn.to_numpy(), self.panel[TARGET].to_numpy("float64")[rows])
            return np.maximum(model.predict(new.to_numpy()), 0.0), []
        places = pd.factorize(place_of_rows(self.panel, self.group), sort=True)[0][rows]
        known = {"groups": places} if has_fit_parameter(model, "groups") else {}
        model.fit(learn, hazardous_rows(self.panel, self.above)[rows], **known)
        if hasattr(model, "adapt"):
            model.adapt(new)
        return model.predict_proba(new)[:, 1], list(getattr(model, "notes_", []))


@functools.lru_cache(maxsize=1 + N_INNER)
def split_features(question, fold, split):
    """Return the features of a split, made once for all methods that a process fits on it, one by one."""
    return features_of(question.recipe_for(fold), question.panel, question.folds[fold][split])


def features_of(recipe, panel, fold):
    """Return the features of a fold's training rows and of its held-out rows, float32.

    A training row sees the inputs of training places only. A held-out row sees its own place's
    inputs and, around it, those of the training places, as one new place would; where no training
    place around has a value, held-out ones stand in. PM2.5 is in neither.
    """
    blank = panel.drop(columns=[name for name in (TARGET, "aqi") if name in panel.columns])
    seen = np.sort(fold.visible)
    learn = recipe.transform(blank.iloc[seen])[np.isin(seen, fold.train)]
    hidden = np.setdiff1d(np.arange(len(panel)), seen)
    new = recipe.transform(blank.iloc[hidden])
    around = Recipe(recipe.name, tuple(feature for feature in recipe.features if feature.radius_km))
    if around.features:
        known = np.isin(np.arange(len(panel)), seen)
        elsewhere = blank.assign(**{name: blank[name].where(known) for name in around.inputs})
        new = around.transform(elsewhere).iloc[hidden].combine_first(new)[recipe.names]
    new = new[np.isin(hidden, fold.test)]
    return learn.reset_index(drop=True), new.astype("float32").reset_index(drop=True)
