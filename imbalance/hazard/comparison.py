"""Compare ways to catch hazardous days: fits on nested folds of places, and the figures of held-out rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss
from sklearn.utils.validation import has_fit_parameter

from airq.messages import near_name
from airq.panel import KEYS, TARGET, panel_metadata
from imbalance.boosters import SETTINGS, make_model
from imbalance.comparison.regression import check_rates
from imbalance.comparison.runner import claim_parts, run_jobs, versions
from imbalance.comparison.strategies import ENDINGS, ROWS, find_rows, mark
from imbalance.decisions import alarm_rates, count_alarms, exceedance, group_draws, interval, threshold_at
from imbalance.hazard.panel import (
    N_FOLDS,
    N_INNER,
    Question,
    check_question,
    describe,
    hazardous_rows,
    nested_folds,
    place_of_rows,
    split_features,
)
from imbalance.metrics import corrected_t_interval
from imbalance.probability import fit_calibrator
from imbalance.regression import DenseWeightRegressor

#: False alarms asked for, as shares of the days that are not hazardous.
RATES = (0.01, 0.05, 0.10)
#: The rule that takes a prediction by its word: PM2.5 above the threshold, or probability above a half.
PLAIN = "plain"
#: Method that the others are compared with.
BASELINE = "regression"
UPPER_QUANTILE = 0.9
#: Shares of false alarms at which the curve is drawn.
CURVE_RATES = np.geomspace(0.001, 0.5, 40)
COUNTS = ("hits", "events", "false_alarms", "others")

#: What regressors and classifiers share, over LightGBM's defaults: smaller trees on parts of the
#: columns and rows, for features that repeat each other, and small leaves: at the default 20 rows, a
#: hundred under-sampled rows leave nothing to split. Nothing stops early, so no row is needed to stop on.
BOOSTER = {
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_child_samples": 5,
    "colsample_bytree": 0.2,
    "subsample": 0.7,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
    "max_bin": 63,
}
REGRESSIONS = {
    BASELINE: "mean regression of PM2.5",
    "upper-quantile": f"regression of the {UPPER_QUANTILE} quantile",
    "dense-weights": "mean regression, DenseWeight (Steininger 2021)",
    "inverse-density": "mean regression, root of the inverse smoothed density (Yang 2021)",
}
#: What runs unless methods are named. Strategies that only change the prior of the probabilities do not
#: change the order of the rows, and are left out.
DEFAULT_METHODS = (*REGRESSIONS, "none", "under-sample", "smote", "weights", "bagged-under")


@dataclass
class HazardComparison:
    """What a comparison found.

    `scores` has a row per method, rule and fold; `table` a row per method and rule, folds pooled: recall,
    false alarms, precision, their bootstrap intervals over places, and the difference to mean regression;
    `methods` a row per method with ranks, probabilities and errors [µg m⁻³]; `curve` recall and false alarms
    as the cut-off moves; `held_out` every row with its scores. `settings` hold the question and the counts,
    `skipped` why a method was left out, `notes` what had to be changed to fit one.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    methods: pd.DataFrame
    curve: pd.DataFrame
    held_out: pd.DataFrame
    settings: dict
    skipped: dict
    notes: dict


@dataclass(frozen=True)
class Method:
    """A way to call a day hazardous: an estimator whose score is the higher, the likelier the day is so.

    A regressor's score is PM2.5 [µg m⁻³], a classifier's the probability that PM2.5 lies above the threshold.
    """

    name: str
    meaning: str
    estimator: object
    #: Changes with what the method does; with every run, where an estimator cannot be known again.
    known: str

    @property
    def kind(self):
        """Either "classifier" or "regression"."""
        return "classifier" if is_classifier(self.estimator) else "regression"

    def plain_cut(self, above):
        """Return what the score must exceed to be taken by its word."""
        return 0.5 if self.kind == "classifier" else above

    def scores(self, learn, pm25, hazardous, places, new):
        """Fit a copy on some rows; return its scores of others, shape (n_new,), and notes on the fit."""
        model = clone(self.estimator)
        if self.kind == "regression":
            model.fit(learn.to_numpy(), pm25)
            return np.maximum(model.predict(new.to_numpy()), 0.0), []
        model.fit(learn, hazardous, **({"groups": places} if has_fit_parameter(model, "groups") else {}))
        if hasattr(model, "adapt"):
            model.adapt(new)
        return model.predict_proba(new)[:, 1], list(getattr(model, "notes_", []))


def make_estimator(name, seed=0):
    """Return the estimator of a name, and its meaning: one of :data:`REGRESSIONS`, or a classifier.

    A classifier is named by what is done to the rows ("none", "smote" ...), perhaps with what is done to the
    probabilities ("none+prior"), see :mod:`imbalance.comparison.strategies`.
    """
    rows, _, ending = name.partition("+")
    known = [*REGRESSIONS, "none", *ROWS]
    if name not in REGRESSIONS and rows.partition(":")[0] not in known[4:] or ending not in ("", *ENDINGS):
        raise ValueError(
            f"No method {name!r}.{near_name(name, known)} Choose from {', '.join(known)}; those that are no "
            f"regression may end in {', '.join(f'+{one}' for one in ENDINGS if one != 'raw')}."
        )
    if name not in REGRESSIONS:
        strategy, model = find_rows(rows), make_model("lightgbm", random_state=seed, **BOOSTER)
        meaning = f"classifier: {strategy.meaning}; probabilities {ENDINGS[ending or 'raw']}"
        return strategy.classifier(model, ending=ending or "raw", target="training", seed=seed), meaning
    from lightgbm import LGBMRegressor

    quantile = {"objective": "quantile", "alpha": UPPER_QUANTILE} if name == "upper-quantile" else {}
    estimator = LGBMRegressor(**SETTINGS["lightgbm"], **BOOSTER, **quantile, random_state=seed)
    if name in ("dense-weights", "inverse-density"):
        estimator = DenseWeightRegressor(estimator, method="dense" if name == "dense-weights" else "lds")
    return estimator, REGRESSIONS[name]


def choose_methods(methods=None, seed=0):
    """Return methods by name: the default ones, those named, or estimators of your own.

    >>> list(choose_methods(["weights", "regression"]))
    ['weights', 'regression']
    """
    if isinstance(methods, Mapping):
        chosen = {str(name): (model, type(model).__name__) for name, model in methods.items()}
    else:
        chosen = {
            name: make_estimator(name, seed) for name in (DEFAULT_METHODS if methods is None else methods)
        }
    if not chosen:
        raise ValueError(f"Name at least one method of {', '.join([*REGRESSIONS, 'none', *ROWS])}.")
    return {
        name: Method(name, meaning, model, mark(model) or uuid4().hex[:12])
        for name, (model, meaning) in chosen.items()
    }


def rule_name(rate):
    """Return the name of the rule that asks for a share of false alarms.

    >>> rule_name(0.05)
    '5 % false alarms'
    """
    return f"{rate * 100:g} % false alarms"


def compare_hazard(
    panel,
    above,
    *,
    group="auto",
    methods=None,
    rates=RATES,
    n_folds=N_FOLDS,
    recipe="retrospective",
    seed=0,
    n_jobs=1,
    out=None,
    advance=None,
):
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
        Names of :data:`REGRESSIONS` and of what is done to the rows of a classifier, perhaps with an ending
        (``"smote+calibrated"``); or scikit-learn regressors of PM2.5 and classifiers of hazardous days.
    rates : sequence of float
        False alarms to ask for, as shares of the days that are not hazardous.
    n_folds : int
        Folds of whole places.
    recipe : {"retrospective", "live", "reference"}
        Features, see :func:`airq.features.recipe.make_recipe`.
    seed : int
        Of every fit and of the bootstrap.
    n_jobs : int
        Processes, each of which fits with one thread. Results do not depend on it.
    out : str or Path, optional
        Folder for finished fits, by which an interrupted comparison goes on.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every method and fold.

    Returns
    -------
    HazardComparison

    Raises
    ------
    ValueError
        If too few places exceed the threshold, or it makes no rare class, with the counts; if a method is
        unknown, or none can be fitted; if `out` holds fits of another question.
    OSError
        If `out` holds something else or cannot be written.
    """
    methods, rates = choose_methods(methods, seed), check_rates(rates)
    group = check_question(panel, above, group=group, n_folds=n_folds)
    asked = {"above": float(above), "group": group, "folds": n_folds, "recipe": recipe, "seed": seed}
    question = Question(panel, above, group, nested_folds(panel, above, group, n_folds), recipe)
    rows = list(panel.columns), pd.util.hash_pandas_object(panel, index=False).to_numpy()
    facts = {**asked, "rows": joblib.hash(rows), "inner_folds": N_INNER, "versions": versions()}
    results = run_jobs(
        jobs := [FoldJob(method, fold) for fold in range(n_folds) for method in methods.values()],
        question,
        folder=None if out is None else claim_parts(out, facts, what="comparison of hazardous days"),
        n_jobs=n_jobs,
        returned=("outer", "inner"),
        advance=advance,
    )
    found = {(job.method.name, job.fold): result for job, result in zip(jobs, results, strict=True)}
    skipped = {name: record["reason"] for (name, _), (record, _) in found.items() if record["reason"]}
    methods = {name: method for name, method in methods.items() if name not in skipped}
    if not methods:
        name, reason = next(iter(skipped.items()))
        raise ValueError(f"No method can learn from these rows; {name}: {reason}")
    held_out = HeldOut(question, methods, {key: arrays for key, (_, arrays) in found.items()}, seed)
    return HazardComparison(
        *held_out.alarms(rates),
        held_out.figures(),
        held_out.curve(),
        held_out.rows(),
        {
            **describe(panel, above, group),
            **asked,
            "rates": list(rates),
            "inner_folds": N_INNER,
            "looks_ahead": question.recipe_for(0).looks_ahead,
            "methods": {name: method.meaning for name, method in methods.items()},
            "booster": {**SETTINGS["lightgbm"], **BOOSTER},
            "panel": panel_metadata(panel).to_dict(),
            "versions": versions(),
        },
        skipped,
        {name: notes for name in methods if (notes := found[name, 0][0]["notes"])},
    )


@dataclass(frozen=True)
class FoldJob:
    """A method on a fold and on its inner folds, see :class:`imbalance.comparison.runner.Job`."""

    method: Method
    fold: int

    @property
    def file_name(self):
        """Name of the result's file; it changes with what the method does."""
        name = re.sub(r"[^\w.+-]", "_", self.method.name)
        return f"{name}-{self.method.known}-{self.fold}.npz"

    @property
    def text(self):
        """What a progress bar says of it."""
        return f"fold {self.fold + 1}: {self.method.name}"

    def run(self, question):
        """Return notes, or the reason why the method cannot learn, and scores of held-out rows."""
        scores, notes = [], []
        try:
            for split in range(1 + N_INNER):
                learn, new = split_features(question, self.fold, split)
                found, said = self.method.scores(learn, *question.training(self.fold, split), new)
                scores.append(np.asarray(found, dtype="float64"))
                notes = notes or said
        except ValueError as error:
            reason = " ".join(str(error).split()) or "it gives no reason"
            return {"reason": reason, "notes": []}, {"outer": np.empty(0), "inner": np.empty(0)}
        return {"reason": "", "notes": notes}, {"outer": scores[0], "inner": np.concatenate(scores[1:])}


class HeldOut:
    """Scores of held-out rows and, from inner folds, of training rows; and the figures that they come to.

    Intervals resample whole held-out places; they hold for the fitted models and do not know how a fit on
    other places would differ, which the spread over folds shows.
    """

    def __init__(self, question, methods, found, seed=0):
        panel = question.panel
        self.methods, self.above, self.panel = methods, question.above, panel
        self.found = {(name, fold): arrays for (name, fold), arrays in found.items() if name in methods}
        self.pm25, self.hazardous = panel[TARGET].to_numpy("float64"), hazardous_rows(panel, question.above)
        self.tests = [fold[0].test for fold in question.folds]
        self.test = np.concatenate(self.tests)
        self.places = np.full(len(panel), -1)
        self.places[self.test], held_out = pd.factorize(
            place_of_rows(panel, question.group)[self.test], sort=True
        )
        self.draws = group_draws(len(held_out), seed=seed)
        self.inner_rows = [np.concatenate([split.test for split in fold[1:]]) for fold in question.folds]

    def outer(self, name):
        """Return the scores of a method for all held-out rows, in the order of `test`."""
        return np.concatenate([self.found[name, fold]["outer"] for fold in range(len(self.tests))])

    def folds(self, name):
        """Yield rows, whether they are hazardous and scores of each fold, then the same two of inner rows."""
        for fold, (test, inner) in enumerate(zip(self.tests, self.inner_rows, strict=True)):
            arrays = self.found[name, fold]
            yield test, self.hazardous[test], arrays["outer"], self.hazardous[inner], arrays["inner"]

    def rows(self):
        """Return the held-out rows with their scores, sorted by site and day."""
        rows = self.panel.iloc[self.test][[*dict.fromkeys([*KEYS, "city_id", "country"])]].copy()
        rows["fold"] = np.repeat(np.arange(len(self.tests)), [len(test) for test in self.tests])
        rows["observed"], rows["hazardous"] = self.panel[TARGET].iloc[self.test], self.hazardous[self.test]
        for name in self.methods:
            rows[name] = self.outer(name).astype("float32")
        return rows.sort_values(KEYS, ignore_index=True)

    def alarms(self, rates):
        """Return recall, false alarms and precision by method, rule and fold, and pooled over the folds."""
        asked = {PLAIN: np.nan, **{rule_name(rate): rate for rate in rates}}
        rows, counts = [], {}
        for name, method in self.methods.items():
            for fold, (test, event, outer, inner_event, inner) in enumerate(self.folds(name)):
                for rule, rate in asked.items():
                    plain = rule == PLAIN
                    cut = method.plain_cut(self.above) if plain else threshold_at(inner, inner_event, rate)
                    table = count_alarms(outer > cut, event, self.places[test], self.draws.shape[1])
                    counts[name, rule] = counts.get((name, rule), 0) + table
                    total = dict(zip(COUNTS, map(int, table.sum(axis=0)), strict=True))
                    row = {"method": name, "rule": rule, "fold": fold, "threshold": cut, **total}
                    rows.append(row | {k: float(v) for k, v in alarm_rates(table.sum(axis=0)).items()})
        scores = pd.DataFrame(rows)
        spread = scores.groupby(["method", "rule"])[["recall", "false_alarm_rate", "precision"]].std()
        spread = spread.add_suffix("_sd").to_dict("index")
        table = [
            {"method": name, "rule": rule, "asked": asked[rule]}
            | pooled_alarms(counts[name, rule], counts.get((BASELINE, rule)), self.draws)
            | spread[name, rule]
            for name, rule in counts
        ]
        return scores, pd.DataFrame(table)

    def curve(self, rates=CURVE_RATES):
        """Return recall and false alarms of held-out rows as the cut-off moves, folds pooled."""
        rows, event = [], self.hazardous[self.test]
        for name in self.methods:
            share = [exceedance(inner[~quiet], outer) for _, _, outer, quiet, inner in self.folds(name)]
            for rate in rates:
                alarm = np.concatenate(share) <= rate
                figures = alarm_rates(count_alarms(alarm, event, np.zeros(len(event), dtype=int))[0])
                rows.append({"method": name, "asked": rate} | {k: float(v) for k, v in figures.items()})
        return pd.DataFrame(rows)

    def figures(self):
        """Return a row per method with what needs no cut-off: ranks, probabilities, errors."""
        precision = {
            name: np.array(
                [average_precision_score(event, outer) for _, event, outer, *_ in self.folds(name)]
            )
            for name in self.methods
        }
        rows = []
        for name, method in self.methods.items():
            row = {"method": name, "kind": method.kind, "average_precision": precision[name].mean()}
            row["average_precision_sd"] = precision[name].std(ddof=1)
            if BASELINE in precision:
                difference = precision[name] - precision[BASELINE]
                row["ap_vs_regression"] = difference.mean()
                share = 1 / len(difference)
                row["ap_vs_low"], row["ap_vs_high"] = corrected_t_interval(difference, test_share=share)
            row |= self._probabilities(name, method)
            rows.append(row | (self._errors(name) if method.kind == "regression" else {}))
        return pd.DataFrame(rows)

    def _probabilities(self, name, method):
        """Return log loss and Brier score, as a classifier gives them and recalibrated on the inner folds."""
        own, mended, row = self.outer(name), [], {}
        for _, _, outer, inner_event, inner in self.folds(name):
            if method.kind == "regression":
                # The odds are PM2.5 over the threshold.
                outer, inner = outer / (outer + self.above), inner / (inner + self.above)
            calibrate = fit_calibrator(np.column_stack([1 - inner, inner]), inner_event.astype(int))
            mended.append(calibrate(np.column_stack([1 - outer, outer]))[:, 1])
        judged = {"_recalibrated": np.concatenate(mended)} | (
            {"": own} if method.kind == "classifier" else {}
        )
        for suffix, probabilities in judged.items():
            row[f"log_loss{suffix}"] = log_loss(self.hazardous[self.test], probabilities)
            row[f"brier{suffix}"] = brier_score_loss(self.hazardous[self.test], probabilities)
        return row

    def _errors(self, name):
        """Return RMSE and bias, of all rows and of the hazardous ones, and the price against the baseline."""
        error, event = self.outer(name) - self.pm25[self.test], self.hazardous[self.test]
        by_fold = [
            np.sqrt(np.mean((outer - self.pm25[test]) ** 2)) for test, _, outer, *_ in self.folds(name)
        ]
        row = {
            "rmse": np.sqrt(np.mean(error**2)),
            "rmse_sd": np.std(by_fold, ddof=1),
            "rmse_hazardous": np.sqrt(np.mean(error[event] ** 2)),
            "bias_hazardous": error[event].mean(),
            "rmse_others": np.sqrt(np.mean(error[~event] ** 2)),
        }
        if BASELINE in self.methods:
            theirs = self.outer(BASELINE) - self.pm25[self.test]
            row["rmse_cost"] = row["rmse"] - np.sqrt(np.mean(theirs**2))
            places, n_places = self.places[self.test], self.draws.shape[1]
            rows = self.draws @ np.bincount(places, minlength=n_places)
            drawn = [
                np.sqrt(self.draws @ np.bincount(places, one**2, n_places) / rows) for one in (error, theirs)
            ]
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
    reach = counts[counts[:, 1] > 0].sum(axis=0)
    row["false_alarm_rate_where_reached"] = float(alarm_rates(reach)["false_alarm_rate"])
    if baseline is not None:
        row["vs_regression"] = row["recall"] - float(alarm_rates(baseline.sum(axis=0))["recall"])
        row["vs_low"], row["vs_high"] = interval(drawn["recall"] - alarm_rates(draws @ baseline)["recall"])
    return row
