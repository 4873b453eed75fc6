"""Compare regressors where rare targets matter: weights x models on the same folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import check_consistent_length

from airq.messages import versions
from imbalance.comparison.models import SETTINGS
from imbalance.comparison.problem import as_table, given_folds, hashed, whole_groups
from imbalance.comparison.runner import N_INNER, claim_parts, run_nested
from imbalance.comparison.summary import mean_test_share
from imbalance.decisions import threshold_at
from imbalance.metrics import corrected_t_interval
from imbalance.regression import DenseWeightRegressor, relevance_of, relevance_points, sera

WEIGHTS = ("none", "dense", "lds")
#: Rows of at least this relevance are the relevant part.
RELEVANT = 0.5


@dataclass
class RegressorComparison:
    """What a comparison of regressors found; in a notebook it shows its table.

    Attributes
    ----------
    scores : DataFrame
        A row per model, weights and fold: `sera` [unit², by row], `rmse`, `mae`, `rmse_relevant` [unit], and
        for every rate asked for `recall_RATE` and `false_alarms_RATE`, the share that held-out rows got.
    table : DataFrame
        A row per model and weights, lowest SERA first: means over the folds, and for `sera` and `rmse` the
        difference to the same model without weights, with its 95 % interval (Nadeau-Bengio).
    estimators : dict of (str, str) to estimator
        Model and weights -> the regressor, not fitted.
    relevance : numpy.ndarray of shape (n_points, 2)
        Control points of the relevance.
    above : float or None
        Targets above this are the events of the recalls.
    answer : str
        The result in one sentence.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    estimators: dict
    relevance: np.ndarray
    above: float | None
    answer: str

    def fit(self, X, y):
        """Fit the regressor of the lowest SERA on all rows and return it."""
        return clone(self.estimators[tuple(self.table.iloc[0][["model", "weights"]])]).fit(X, y)

    def _repr_html_(self):
        return f"<p>{self.answer}</p>{self.table.to_html(index=False, float_format='{:.4g}'.format)}"


def compare_regressors(
    X,
    y,
    *,
    models=None,
    weights=WEIGHTS,
    groups=None,
    cv=5,
    relevance="both",
    above=None,
    rates=(0.05,),
    seed=0,
    n_jobs=1,
    out=None,
    advance=None,
):
    """Compare weights for rare targets, in any regressors, by cross-validation.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features, as the models take them. Rows that are equal stay in one fold.
    y : array-like of shape (n_samples,)
        Targets.
    models : regressor or mapping from str to regressor, optional
        Their ``fit`` takes `sample_weight`; a ridge and LightGBM if None.
    weights : sequence of str
        "none" (always among them), "dense" and "lds", perhaps with a strength: "dense:0.5"; see
        :class:`imbalance.regression.DenseWeightRegressor`.
    groups : array-like of shape (n_samples,), optional
        Rows of a group stay in one fold, outer and inner.
    cv : int, splitter or iterable of (train, test)
        Outer folds.
    relevance : {"both", "high", "low"} or array-like of shape (n_points, 2)
        Which targets matter: the extremes of all targets, see :func:`imbalance.regression.relevance_points`,
        or control points. It is the question, the same in every fold; no model sees it.
    above : float, optional
        Targets above this are events; by default those whose relevance is 1, where high targets matter.
    rates : sequence of float
        False alarms to ask for. A fold's cut-offs are chosen on predictions of its training rows by inner
        folds, so that what its held-out rows get is another figure.
    seed, n_jobs, out, advance
        As for :func:`imbalance.comparison.compare.compare`.

    Returns
    -------
    RegressorComparison

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> y = np.exp(X[:, 0] + 0.2 * rng.normal(size=300))
    >>> found = compare_regressors(X, y, models=Ridge(), weights=["dense"], relevance="high")
    >>> found.table[["model", "weights"]].values.tolist()
    [['Ridge', 'dense'], ['Ridge', 'none']]
    """
    y = check_array(y, ensure_2d=False, dtype="float64", input_name="y")
    points = relevance_points(y, extremes=relevance) if isinstance(relevance, str) else np.asarray(relevance)
    relevance_of(y, points)
    if above is None and points[-1, 1] == 1:
        above = float(points[-1, 0])
    X = as_table(X)
    check_consistent_length(X, y)
    whole, _ = whole_groups(X, groups)
    whole = np.arange(len(y)) if whole is None else whole
    if isinstance(cv, Integral):
        n_groups = len(np.unique(whole))
        if not 2 <= cv <= n_groups:
            raise ValueError(f"cv must be 2 or more and at most the {n_groups} groups of rows, got {cv}.")
        cv = GroupKFold(n_splits=int(cv), shuffle=True, random_state=seed)
        groups = whole
    splits, _ = given_folds(cv, X, y, whole, given=groups)
    rates, inner = check_rates(rates), GroupKFold(N_INNER)
    folds = [
        [(train, test), *((train[a], train[b]) for a, b in inner.split(train, groups=whole[train]))]
        for train, test in splits
    ]
    if models is None:
        from lightgbm import LGBMRegressor

        models = {
            "ridge": make_pipeline(SimpleImputer(), StandardScaler(), Ridge()),
            "lightgbm": LGBMRegressor(**SETTINGS["lightgbm"], random_state=seed),
        }
    models = models if isinstance(models, Mapping) else {type(models).__name__: models}
    estimators = {
        (str(model), rule): weighted(estimator, rule)
        for model, estimator in models.items()
        for rule in dict.fromkeys(["none", *weights])
    }
    facts = {"data": joblib.hash((hashed(X), y, folds, above)), "versions": versions()}
    found = run_nested(
        {", ".join(key): estimator for key, estimator in estimators.items()}, RegressionProblem(X, y, folds),
        n_splits=1 if above is None else 1 + N_INNER, n_jobs=n_jobs, advance=advance,
        folder=None if out is None else claim_parts(out, facts, what="comparison of regressors"),
    )  # fmt: skip
    scores = []
    for (model, rule), (fold, sides) in product(estimators, enumerate(folds)):
        record, arrays = found[f"{model}, {rule}", fold]
        if record["reason"]:
            raise ValueError(f"{model}, weights {rule}: {record['reason']}")
        key = {"model": model, "weights": rule, "fold": fold}
        scores.append(key | _scores(y, sides, arrays, points, above, rates))
    scores = pd.DataFrame(scores)
    table = summary(scores, test_share=mean_test_share(splits))
    return RegressorComparison(scores, table, estimators, points, above, _answer(table))


def check_rates(rates):
    """Return shares of false alarms in order; refuse what does not lie between 0 and 1.

    >>> check_rates([0.1, 0.01])
    (0.01, 0.1)
    """
    if wrong := [rate for rate in rates if not 0 < rate < 1] or ["none"] * (not len(rates)):
        raise ValueError(f"Rates of false alarms must lie between 0 and 1, not {wrong[0]}.")
    return tuple(sorted(set(rates)))


def weighted(estimator, rule):
    """Return a regressor with weights by name.

    >>> weighted(Ridge(), "lds:0.5")
    DenseWeightRegressor(alpha=0.5, estimator=Ridge(), method='lds')
    """
    method, _, strength = rule.partition(":")
    alpha = float(pd.to_numeric(strength or "1", errors="coerce"))
    if method not in WEIGHTS or not 0 <= alpha < np.inf or (method == "none" and strength):
        raise ValueError(f"Unknown weights {rule!r}; use 'none', or 'dense' or 'lds', as in 'dense:0.5'.")
    return estimator if method == "none" else DenseWeightRegressor(estimator, method=method, alpha=alpha)


@dataclass(eq=False)
class RegressionProblem:
    """What the jobs share: `folds` holds for each fold itself, then its inner ones, as (train, test)."""

    X: object
    y: np.ndarray
    folds: list

    def predicted(self, estimator, fold, split):
        """Fit a copy on the training rows of a split; return the predictions of the others, and notes."""
        train, test = self.folds[fold][split]
        model = clone(estimator).fit(_safe_indexing(self.X, train), self.y[train])
        return model.predict(_safe_indexing(self.X, test)), []


def _scores(y, sides, found, points, above, rates):
    """Return the scores of a fold's test rows, alarms by cut-offs of its inner held-out rows."""
    predicted, (test, *inner) = found["outer"], [test for _, test in sides]
    relevant, rmse = relevance_of(y[test], points) >= RELEVANT, root_mean_squared_error
    scores = {
        "sera": sera(y[test], predicted, relevance=points) / len(test),
        "rmse": rmse(y[test], predicted),
        "mae": mean_absolute_error(y[test], predicted),
        "rmse_relevant": rmse(y[test][relevant], predicted[relevant]) if relevant.any() else np.nan,
    }
    for rate in () if above is None else rates:
        event = y[test] > above
        alarm = predicted > threshold_at(found["inner"], y[np.concatenate(inner)] > above, rate)
        for name, rows in (("recall", event), ("false_alarms", ~event)):
            scores[f"{name}_{rate:g}"] = float(alarm[rows].mean()) if rows.any() else np.nan
    return scores


def summary(scores, *, test_share):
    """Return a row per model and weights, the lowest SERA first, see :class:`RegressorComparison`."""
    keys = ["model", "weights"]
    by_key = scores.drop(columns="fold").groupby(keys, sort=False)
    table = by_key.mean().assign(sera_sd=by_key["sera"].std())
    for name in ("sera", "rmse"):
        folds = scores.pivot_table(name, "fold", keys, sort=False)
        for model, rule in table.index[table.index.get_level_values("weights") != "none"]:
            difference = folds[model, rule] - folds[model, "none"]
            figures = difference.mean(), *corrected_t_interval(difference, test_share=test_share)
            table.loc[(model, rule), [f"{name}_vs_none", f"{name}_low", f"{name}_high"]] = figures
    return table.reset_index().sort_values("sera", ignore_index=True, kind="stable")


def _answer(table):
    best = table.iloc[0]
    sentence = f"{best['model']}, weights {best['weights']}, has the lowest SERA, {best['sera']:.4g} by row"
    if best["weights"] == "none":
        return f"{sentence}; no weights for rare targets lower it."
    sure = "less" if best["sera_high"] < 0 else "not clearly less"
    return (
        f"{sentence}: {sure} than without weights ({best['sera_vs_none']:+.4g}, 95 % interval "
        f"{best['sera_low']:+.4g} to {best['sera_high']:+.4g}), for {best['rmse_vs_none']:+.4g} of RMSE "
        f"({best['rmse_low']:+.4g} to {best['rmse_high']:+.4g})."
    )
