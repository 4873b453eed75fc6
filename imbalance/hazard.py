"""High-pollution days as a rare class: what catches them in places without a sensor, and at what price.

A day is hazardous where PM2.5 lies above a threshold [µg m⁻³]. Whole cities or sites are held out, and
cut-offs are chosen on inner held-out places of the training rows: the share of false alarms that was asked
for and the one that new places get are two figures, both shown.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.metrics import average_precision_score
from sklearn.utils.validation import has_fit_parameter

from airq.cities import station_ids
from airq.features.recipe import GROUPS_FOR_POSITION, POSITION, Recipe, make_recipe
from airq.messages import near_name, versions
from airq.panel import (
    KEYS,
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
from imbalance.comparison.models import SETTINGS, BoostedClassifier
from imbalance.comparison.runner import N_INNER, claim_parts, run_nested
from imbalance.comparison.strategies import ENDINGS, ROWS, find_rows
from imbalance.decisions import alarm_rates, count_alarms, group_draws, interval, threshold_at
from imbalance.metrics import brier, weighted_log_loss
from imbalance.regression import check_rates, weighted

#: A threshold must be exceeded in so many places, or nothing can be said of a new one.
MIN_GROUPS = 5
#: Share of the rows above a usual threshold.
USUAL_SHARE = 0.05
#: False alarms asked for, as shares of the days that are not hazardous; and those of the curve.
RATES, CURVE_RATES = (0.01, 0.05, 0.10), np.geomspace(0.001, 0.5, 40)
#: The rule that takes a prediction by its word: PM2.5 above the threshold, or probability above a half.
PLAIN = "plain"
#: Method that the others are compared with.
BASELINE = "regression"
#: What regressors and classifiers share, over LightGBM's defaults: smaller trees on parts of the
#: columns and rows, for features that repeat each other, and small leaves: at the default 20 rows, a
#: hundred under-sampled rows leave nothing to split. Nothing stops early, so no row is needed to stop on.
BOOSTER = {
    "learning_rate": 0.1, "num_leaves": 15, "min_child_samples": 5, "colsample_bytree": 0.2,
    "subsample": 0.7, "subsample_freq": 1, "reg_lambda": 5.0, "max_bin": 63,
}  # fmt: skip
#: Regression -> what it is, its weights for rare targets, parameters of LightGBM.
REGRESSIONS = {
    BASELINE: ("mean regression of PM2.5", "none", {}),
    "upper-quantile": ("regression of the 0.9 quantile", "none", {"objective": "quantile", "alpha": 0.9}),
    "dense-weights": ("mean regression, DenseWeight (Steininger 2021)", "dense", {}),
    "inverse-density": ("mean regression, root of the inverse smoothed density (Yang 2021)", "lds", {}),
}
METHODS = (*REGRESSIONS, "none", *ROWS)
#: What runs unless methods are named. Strategies that only change the prior of the probabilities do not
#: change the order of the rows, and are left out.
DEFAULT_METHODS = (*REGRESSIONS, "none", "under-sample", "smote", "weights", "bagged-under")


# The question


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
    asked, what = describe(panel, above, group), PLURALS[group]
    reach, known, level = asked["groups_that_reach"], asked["groups"], f"{above:g} {PM25_UNIT}"
    if reach < MIN_GROUPS:
        worst = panel[TARGET].groupby(place_of_rows(panel, group)).max().dropna().astype("float64")
        hint = f"The panel has PM2.5 in {known} {what} only."
        if known >= MIN_GROUPS:
            tenths = np.ceil(np.round(np.sort(worst)[-MIN_GROUPS] * 10, 3)) - 1
            hint = f"{MIN_GROUPS} {what} exceed {tenths / 10:g} {PM25_UNIT}, the highest possible threshold."
        raise ValueError(
            f"PM2.5 exceeds {level} in {asked['hazardous']:,} of {asked['rows']:,} rows, in {reach} of "
            f"{known} {what}; at least {MIN_GROUPS} {what} must do so. {hint}"
        )
    if asked["share"] > 0.5:
        raise ValueError(
            f"PM2.5 is above {level} in {asked['share']:.0%} of the rows, so the class above it is not the "
            f"rare one; choose a threshold above the median, {panel[TARGET].median():.1f}."
        )
    if reach < cv:
        raise ValueError(f"{reach} {what} exceed {level}, fewer than the {cv} folds; take at most {reach}.")
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
    blank = panel.drop(columns=[TARGET, "aqi"], errors="ignore")
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


# The methods, and what they catch


@dataclass
class HazardComparison:
    """What a comparison found.

    `scores` has a row per method, rule and fold; `table` a row per method and rule, folds pooled: recall,
    false alarms, precision, their bootstrap intervals over places, and the difference to mean regression;
    `methods` a row per method with ranks and errors [µg m⁻³]; `curve` recall and false alarms as the cut-off
    moves; `held_out` every row with its scores. `settings` hold the question and the counts, `skipped` why a
    method was left out, `notes` what had to be changed to fit one.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    methods: pd.DataFrame
    curve: pd.DataFrame
    held_out: pd.DataFrame
    settings: dict
    skipped: dict
    notes: dict


def choose_methods(methods=None, seed=0):
    """Return by name an estimator and its meaning: of the default ones, those named, or those given.

    A classifier is named by what is done to the rows ("none", "smote" ...), perhaps with what is done to the
    probabilities ("none+prior"), see :mod:`imbalance.comparison.strategies`.
    """
    if isinstance(methods, Mapping):
        chosen = {str(name): (model, type(model).__name__) for name, model in methods.items()}
    else:
        chosen = {name: _named(name, seed) for name in (DEFAULT_METHODS if methods is None else methods)}
    if not chosen:
        raise ValueError(f"Name at least one method of {', '.join(METHODS)}.")
    return chosen


def _named(name, seed):
    if name in REGRESSIONS:
        from lightgbm import LGBMRegressor

        meaning, weights, own = REGRESSIONS[name]
        model = LGBMRegressor(**SETTINGS["lightgbm"], **BOOSTER, **own, random_state=seed)
        return weighted(model, weights), meaning
    rows, plus, ending = name.partition("+")
    ending = ending if plus else "raw"
    if rows.partition(":")[0] not in METHODS[len(REGRESSIONS) :] or ending not in ENDINGS:
        raise ValueError(
            f"No method {name!r}.{near_name(name, METHODS)} Choose from {', '.join(METHODS)}; those that are "
            f"no regression may end in {', '.join(f'+{one}' for one in ENDINGS if one != 'raw')}."
        )
    strategy, model = find_rows(rows), BoostedClassifier(random_state=seed, settings=BOOSTER)
    meaning = f"classifier: {strategy.meaning}; probabilities {ENDINGS[ending]}"
    return strategy.classifier(model, ending=ending, target="training", seed=seed), meaning


def rule_name(rate):
    """Return the name of the rule that asks for a share of false alarms, as in "5 % false alarms"."""
    return f"{rate * 100:g} % false alarms"


def compare_hazard(
    panel, above, *, group="auto", methods=None, rates=RATES, cv=5, recipe="retrospective", seed=0, n_jobs=1,
    out=None, advance=None,
):  # fmt: skip
    """Compare ways to catch the days on which PM2.5 lies above a threshold, in held-out places.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets, see :func:`airq.read_panel`.
    above : float
        A day is hazardous where PM2.5 exceeds this. [µg m⁻³]
    group : {"auto", "city", "site"}
        What is held out; "auto": cities, where there are five and none holds more than half of the rows.
    methods : sequence of str or mapping from str to estimator, optional
        Names of :data:`METHODS`, perhaps with an ending (``"smote+calibrated"``); or scikit-learn regressors
        of PM2.5 and classifiers of hazardous days.
    rates : sequence of float
        False alarms to ask for, as shares of the days that are not hazardous.
    cv : int
        Folds of whole places.
    recipe : {"retrospective", "live", "reference"}
        Features, see :func:`airq.features.recipe.make_recipe`.
    seed, n_jobs, out, advance
        As for :func:`imbalance.comparison.compare.compare`.

    Returns
    -------
    HazardComparison

    Raises
    ------
    ValueError, OSError
        If too few places exceed the threshold, or it makes no rare class, with counts; if no method can be
        fitted; if `out` cannot be written or holds fits of another question.
    """
    methods, rates = choose_methods(methods, seed), check_rates(rates)
    group = check_question(panel, above, group=group, cv=cv)
    asked = {"above": float(above), "group": group, "folds": cv, "recipe": recipe, "seed": seed}
    asked |= {"inner_folds": N_INNER, "versions": versions()}
    question = Question(panel, above, group, nested_folds(panel, above, group, cv), recipe)
    rows = list(panel.columns), pd.util.hash_pandas_object(panel, index=False).to_numpy()
    facts = {**asked, "rows": joblib.hash(rows)}
    folder = None if out is None else claim_parts(out, facts, what="comparison of hazardous days")
    models = {name: model for name, (model, _) in methods.items()}
    found = run_nested(models, question, folder=folder, n_jobs=n_jobs, advance=advance)
    skipped = {name: record["reason"] for (name, _), (record, _) in found.items() if record["reason"]}
    kept = {name: model for name, model in models.items() if name not in skipped}
    if not kept:
        name, reason = next(iter(skipped.items()))
        raise ValueError(f"No method can learn from these rows; {name}: {reason}")
    held_out = HeldOut(question, kept, {key: arrays for key, (_, arrays) in found.items()}, seed)
    scores, table = held_out.alarms(rates)
    settings = {
        **describe(panel, above, group),
        **asked,
        "rates": list(rates),
        "looks_ahead": question.recipe_for(0).looks_ahead,
        "methods": {name: methods[name][1] for name in kept},
        "booster": {**SETTINGS["lightgbm"], **BOOSTER},
        "panel": panel_metadata(panel).to_dict(),
    }
    notes = {name: said for name in kept if (said := found[name, 0][0]["notes"])}
    return HazardComparison(
        scores, table, held_out.figures(), held_out.curve(), held_out.rows(), settings, skipped, notes
    )


class HeldOut:
    """Scores of held-out rows and, from inner folds, of training rows; and the figures that they come to.

    Intervals resample whole held-out places; they hold for the fitted models and do not know how a fit on
    other places would differ, which the spread over folds shows.
    """

    def __init__(self, question, methods, found, seed=0):
        self.methods, self.above, self.panel = methods, question.above, question.panel
        hazardous, tests = hazardous_rows(self.panel, self.above), [fold[0].test for fold in question.folds]
        inner = [np.concatenate([split.test for split in fold[1:]]) for fold in question.folds]
        self.test, self.folds = np.concatenate(tests), range(len(tests))
        self.fold = np.repeat(self.folds, [len(test) for test in tests])
        self.event, self.inner_event = hazardous[self.test], [hazardous[rows] for rows in inner]
        self.places, held_out = pd.factorize(place_of_rows(self.panel, question.group)[self.test], sort=True)
        self.draws = group_draws(len(held_out), seed=seed)
        self.inner = {name: [found[name, fold]["inner"] for fold in self.folds] for name in methods}
        self.outer = {
            name: np.concatenate([found[name, fold]["outer"] for fold in self.folds]) for name in methods
        }

    def rows(self):
        """Return the held-out rows with their scores, sorted by site and day."""
        rows = self.panel.iloc[self.test]
        scores = {name: outer.astype("float32") for name, outer in self.outer.items()}
        known = {"fold": self.fold, "observed": rows[TARGET], "hazardous": self.event}
        rows = rows[[*dict.fromkeys([*KEYS, "city_id", "country"])]].assign(**known, **scores)
        return rows.sort_values(KEYS, ignore_index=True)

    def _cut(self, name, rate):
        """Return which held-out rows raise an alarm, and the cut-off of every fold; rate NaN: by its word."""
        cuts = np.full(len(self.folds), 0.5 if is_classifier(self.methods[name]) else self.above)
        if rate == rate:
            inner = zip(self.inner[name], self.inner_event, strict=True)
            cuts = np.array([threshold_at(*one, rate) for one in inner])
        return self.outer[name] > cuts[self.fold], cuts

    def _counts(self, name, rate):
        """Return hits, events, false alarms and other rows of every held-out place."""
        return count_alarms(self._cut(name, rate)[0], self.event, self.places)

    def alarms(self, rates):
        """Return recall, false alarms and precision by method, rule and fold, and pooled over the folds."""
        scores, table = [], []
        asked = {PLAIN: np.nan, **{rule_name(rate): rate for rate in rates}}
        for name, (rule, rate) in product(self.methods, asked.items()):
            alarm, cuts = self._cut(name, rate)
            folds = count_alarms(alarm, self.event, self.fold)
            figures = pd.DataFrame(alarm_rates(folds))
            known = {"method": name, "rule": rule, "fold": self.folds, "threshold": cuts}
            known |= dict(zip(("hits", "events", "false_alarms", "others"), folds.astype(int).T, strict=True))
            scores.append(pd.DataFrame(known).join(figures))
            baseline = self._counts(BASELINE, rate) if BASELINE in self.methods else None
            pooled = pooled_alarms(self._counts(name, rate), baseline, self.draws)
            spread = figures.std().add_suffix("_sd").to_dict()
            table.append({"method": name, "rule": rule, "asked": rate} | pooled | spread)
        return pd.concat(scores, ignore_index=True), pd.DataFrame(table)

    def curve(self, rates=CURVE_RATES):
        """Return recall and false alarms of held-out rows as the cut-off moves, folds pooled."""
        keys = list(product(self.methods, rates))
        counts = [self._counts(*key).sum(axis=0) for key in keys]
        return pd.DataFrame(keys, columns=["method", "asked"]).assign(**alarm_rates(counts))

    def figures(self):
        """Return a row per method with what needs no cut-off: ranks, errors of PM2.5 [µg m⁻³], losses of
        probabilities (log loss in nats)."""
        rows, known = [], {"classes": [False, True]}
        pm25 = self.panel[TARGET].to_numpy("float64")[self.test]
        for name, model in self.methods.items():
            scores, folds = self.outer[name], [self.fold == fold for fold in self.folds]
            precision = [average_precision_score(self.event[own], scores[own]) for own in folds]
            mean, sd = np.mean(precision), np.std(precision, ddof=1)
            row = {"method": name, "kind": "classifier" if is_classifier(model) else "regression"}
            row |= {"average_precision": mean, "average_precision_sd": sd}
            if is_classifier(model):
                probabilities = np.column_stack([1 - scores, scores])
                row["log_loss"] = weighted_log_loss(self.event, probabilities, **known)
                row["brier"] = brier(self.event, probabilities, **known)
            else:
                error = scores - pm25
                row["rmse"] = np.sqrt(np.mean(error**2))
                row["rmse_hazardous"] = np.sqrt(np.mean(error[self.event] ** 2))
                row["bias_hazardous"] = error[self.event].mean()
                row |= self._cost(error, pm25) if BASELINE in self.methods else {}
            rows.append(row)
        return pd.DataFrame(rows)

    def _cost(self, error, pm25):
        """Return by how much the RMSE is above the baseline's, with its interval. [µg m⁻³]"""
        squares = None, error**2, (self.outer[BASELINE] - pm25) ** 2
        rows, own, theirs = (np.bincount(self.places, one) for one in squares)
        drawn = [np.sqrt(self.draws @ one / (self.draws @ rows)) for one in (own, theirs)]
        cost = np.sqrt(own.sum() / rows.sum()) - np.sqrt(theirs.sum() / rows.sum())
        low, high = interval(drawn[0] - drawn[1])
        return {"rmse_cost": cost, "rmse_cost_low": low, "rmse_cost_high": high}


def pooled_alarms(counts, baseline, draws):
    """Return rates from the counts of every place, their intervals, and the recall less the baseline's."""
    total, drawn = alarm_rates(counts.sum(axis=0)), alarm_rates(draws @ counts)
    row = {"hits": int(counts[:, 0].sum()), "events": int(counts[:, 1].sum())}
    for figure, value in total.items():
        # Where nothing or everything is caught, every draw says the same, which is no certainty.
        low, high = interval(drawn[figure]) if 0 < value < 1 else (np.nan, np.nan)
        row |= {figure: float(value), f"{figure}_low": low, f"{figure}_high": high}
    if baseline is not None:
        row["vs_regression"] = row["recall"] - float(alarm_rates(baseline.sum(axis=0))["recall"])
        row["vs_low"], row["vs_high"] = interval(drawn["recall"] - alarm_rates(draws @ baseline)["recall"])
    return row
