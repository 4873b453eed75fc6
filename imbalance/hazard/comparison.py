"""Compare ways to catch hazardous days: fits on nested folds of places, and the figures of held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import joblib
import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.metrics import average_precision_score

from airq.messages import near_name, versions
from airq.panel import KEYS, TARGET, panel_metadata
from imbalance.boosters import SETTINGS, make_model
from imbalance.comparison.regression import check_rates, weighted
from imbalance.comparison.runner import N_INNER, claim_parts, run_nested
from imbalance.comparison.strategies import ENDINGS, ROWS, find_rows
from imbalance.decisions import alarm_rates, count_alarms, group_draws, interval, threshold_at
from imbalance.hazard.panel import (
    Question,
    check_question,
    describe,
    hazardous_rows,
    nested_folds,
    place_of_rows,
)

#: False alarms asked for, as shares of the days that are not hazardous, and those of the curve.
RATES, CURVE_RATES = (0.01, 0.05, 0.10), np.geomspace(0.001, 0.5, 40)
#: The rule that takes a prediction by its word: PM2.5 above the threshold, or probability above a half.
PLAIN = "plain"
#: Method that the others are compared with.
BASELINE = "regression"
COUNTS = ("hits", "events", "false_alarms", "others")
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
    rows, _, ending = name.partition("+")
    if rows.partition(":")[0] not in METHODS[len(REGRESSIONS) :] or ending not in ("", *ENDINGS):
        raise ValueError(
            f"No method {name!r}.{near_name(name, METHODS)} Choose from {', '.join(METHODS)}; those that are "
            f"no regression may end in {', '.join(f'+{one}' for one in ENDINGS if one != 'raw')}."
        )
    strategy, model = find_rows(rows), make_model("lightgbm", random_state=seed, **BOOSTER)
    meaning = f"classifier: {strategy.meaning}; probabilities {ENDINGS[ending or 'raw']}"
    return strategy.classifier(model, ending=ending or "raw", target="training", seed=seed), meaning


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
    question = Question(panel, above, group, nested_folds(panel, above, group, cv), recipe)
    asked |= {"inner_folds": N_INNER, "versions": versions()}
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
        self.pm25 = self.panel[TARGET].to_numpy("float64")[self.test]
        self.places, held_out = pd.factorize(place_of_rows(self.panel, question.group)[self.test], sort=True)
        self.draws = group_draws(len(held_out), seed=seed)
        self.inner = {name: [found[name, fold]["inner"] for fold in self.folds] for name in methods}
        self.outer = {
            name: np.concatenate([found[name, fold]["outer"] for fold in self.folds]) for name in methods
        }

    def rows(self):
        """Return the held-out rows with their scores, sorted by site and day."""
        rows = self.panel.iloc[self.test][[*dict.fromkeys([*KEYS, "city_id", "country"])]].copy()
        rows["fold"], rows["observed"] = self.fold, self.panel[TARGET].iloc[self.test]
        rows["hazardous"] = self.event
        rows = rows.assign(**{name: outer.astype("float32") for name, outer in self.outer.items()})
        return rows.sort_values(KEYS, ignore_index=True)

    def _cut(self, name, rate):
        """Return which held-out rows raise an alarm, and the cut-off of every fold; rate NaN: by its word."""
        cuts = np.full(len(self.folds), 0.5 if is_classifier(self.methods[name]) else self.above)
        if rate == rate:
            inner = zip(self.inner[name], self.inner_event, strict=True)
            cuts = np.array([threshold_at(*one, rate) for one in inner])
        return self.outer[name] > cuts[self.fold], cuts

    def alarms(self, rates):
        """Return recall, false alarms and precision by method, rule and fold, and pooled over the folds."""
        asked = {PLAIN: np.nan, **{rule_name(rate): rate for rate in rates}}
        scores, counts, spread = [], {}, {}
        for key in product(self.methods, asked):
            alarm, cuts = self._cut(key[0], asked[key[1]])
            folds = count_alarms(alarm, self.event, self.fold)
            figures = pd.DataFrame(alarm_rates(folds))
            known = {"method": key[0], "rule": key[1], "fold": self.folds, "threshold": cuts}
            known |= dict(zip(COUNTS, folds.astype(int).T, strict=True))
            scores.append(pd.DataFrame(known).join(figures))
            counts[key] = count_alarms(alarm, self.event, self.places)
            spread[key] = figures.std().add_suffix("_sd").to_dict()
        table = [
            {"method": name, "rule": rule, "asked": asked[rule]}
            | pooled_alarms(own, counts.get((BASELINE, rule)), self.draws)
            | spread[name, rule]
            for (name, rule), own in counts.items()
        ]
        return pd.concat(scores, ignore_index=True), pd.DataFrame(table)

    def curve(self, rates=CURVE_RATES):
        """Return recall and false alarms of held-out rows as the cut-off moves, folds pooled."""
        keys = list(product(self.methods, rates))
        counts = [count_alarms(self._cut(*key)[0], self.event, self.places).sum(axis=0) for key in keys]
        return pd.DataFrame(keys, columns=["method", "asked"]).assign(**alarm_rates(counts))

    def figures(self):
        """Return a row per method with what needs no cut-off: ranks, and errors of regressions."""
        rows = []
        for name, model in self.methods.items():
            folds = [self.fold == fold for fold in self.folds]
            precision = [average_precision_score(self.event[own], self.outer[name][own]) for own in folds]
            row = {"method": name, "kind": "classifier" if is_classifier(model) else "regression"}
            row |= {"average_precision": np.mean(precision)}
            row |= {"average_precision_sd": np.std(precision, ddof=1)}
            rows.append(row | ({} if is_classifier(model) else self._errors(name)))
        return pd.DataFrame(rows)

    def _errors(self, name):
        """Return RMSE and bias, of all rows and of the hazardous ones, and the price against the baseline."""
        error = self.outer[name] - self.pm25
        row = {
            "rmse": np.sqrt(np.mean(error**2)),
            "rmse_hazardous": np.sqrt(np.mean(error[self.event] ** 2)),
            "bias_hazardous": error[self.event].mean(),
        }
        if BASELINE in self.methods:
            weights = None, error**2, (self.outer[BASELINE] - self.pm25) ** 2
            rows, own, theirs = (np.bincount(self.places, one) for one in weights)
            row["rmse_cost"] = row["rmse"] - np.sqrt(theirs.sum() / rows.sum())
            drawn = [np.sqrt(self.draws @ one / (self.draws @ rows)) for one in (own, theirs)]
            row["rmse_cost_low"], row["rmse_cost_high"] = interval(drawn[0] - drawn[1])
        return row


def pooled_alarms(counts, baseline, draws):
    """Return rates from the counts of every place, their intervals, and the recall less the baseline's."""
    total, drawn = alarm_rates(counts.sum(axis=0)), alarm_rates(draws @ counts)
    row = {"hits": int(counts[:, 0].sum()), "events": int(counts[:, 1].sum())}
    for figure, value in total.items():
        row[figure] = float(value)
        # Where nothing or everything is caught, every draw says the same, which is no certainty.
        known = interval(drawn[figure]) if 0 < value < 1 else (np.nan, np.nan)
        row[f"{figure}_low"], row[f"{figure}_high"] = known
    if baseline is not None:
        row["vs_regression"] = row["recall"] - float(alarm_rates(baseline.sum(axis=0))["recall"])
        row["vs_low"], row["vs_high"] = interval(drawn["recall"] - alarm_rates(draws @ baseline)["recall"])
    return row
