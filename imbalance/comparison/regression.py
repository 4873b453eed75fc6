"""Compare regressors where rare targets matter: weights x models on the same folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from uuid import uuid4

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

from imbalance.boosters import SETTINGS
from imbalance.comparison.runner import claim_parts, run_jobs, versions
from imbalance.comparison.strategies import mark
from imbalance.decisions import alarm_rates, count_alarms, threshold_at
from imbalance.folds import duplicate_groups, joined_groups
from imbalance.metrics import corrected_t_interval
from imbalance.regression import DenseWeightRegressor, relevance_of, relevance_points, sera

WEIGHTS = ("none", "dense", "lds")
N_INNER = 3
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
    seed : int
        Of the folds.
    n_jobs : int
        Processes, each of which fits with one thread. The result does not depend on it.
    out : str or Path, optional
        Folder for finished fits, by which an interrupted comparison goes on.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.

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
    frame = pd.DataFrame(X)
    groups = joined_groups(duplicate_groups(frame), np.arange(len(y)) if groups is None else groups)
    problem = Problem(X, y, groups, _splits(cv, X, y, groups, seed), points, above, check_rates(rates))
    estimators = {
        (model, rule): weighted(estimator, rule)
        for model, estimator in _models(models, seed).items()
        for rule in dict.fromkeys(["none", *weights])
    }
    jobs = [
        RegressorJob(*key, estimator, mark(estimator) or uuid4().hex[:12], fold)
        for key, estimator in estimators.items()
        for fold in range(len(problem.splits))
    ]
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    facts = {"data": joblib.hash((rows, *list(vars(problem).values())[1:])), "versions": versions()}
    parts = None if out is None else claim_parts(out, facts, what="comparison of regressors")
    results = run_jobs(jobs, problem, folder=parts, n_jobs=n_jobs, advance=advance)
    scores = pd.DataFrame([record for record, _ in results])
    share = np.mean([len(test) / len(train) for train, test in problem.splits])
    table = summary(scores, test_share=share / (1 + share))
    return RegressorComparison(scores, table, estimators, points, above, _answer(table))


def check_rates(rates):
    """Return shares of false alarms in order; refuse what does not lie between 0 and 1.

    >>> check_rates([0.1, 0.01])
    (0.01, 0.1)
    """
    wrong = [rate for rate in rates if not 0 < rate < 1]
    if wrong or not len(rates):
        raise ValueError(
            f"Rates of false alarms must lie between 0 and 1, not {wrong[0] if wrong else 'none'}."
        )
    return tuple(sorted(set(rates)))


def _models(models, seed):
    if isinstance(models, Mapping):
        return {str(name): model for name, model in models.items()}
    if models is not None:
        return {type(models).__name__: models}
    from lightgbm import LGBMRegressor

    return {
        "ridge": make_pipeline(SimpleImputer(), StandardScaler(), Ridge()),
        "lightgbm": LGBMRegressor(**SETTINGS["lightgbm"], random_state=seed),
    }


def weighted(estimator, rule):
    """Return a regressor with weights by name.

    >>> weighted(Ridge(), "lds:0.5")
    DenseWeightRegressor(alpha=0.5, estimator=Ridge(), method='lds')
    """
    method, _, strength = rule.partition(":")
    try:
        alpha = float(strength or 1)
    except ValueError:
        alpha = np.nan
    if method not in WEIGHTS or not 0 <= alpha < np.inf or (method == "none" and strength):
        raise ValueError(f"Unknown weights {rule!r}; use 'none', or 'dense' or 'lds', as in 'dense:0.5'.")
    return estimator if method == "none" else DenseWeightRegressor(estimator, method=method, alpha=alpha)


def _splits(cv, X, y, groups, seed):
    if isinstance(cv, Integral):
        n_groups = len(np.unique(groups))
        if not 2 <= cv <= n_groups:
            raise ValueError(f"cv must be 2 or more and at most the {n_groups} groups of rows, got {cv}.")
        cv = GroupKFold(n_splits=int(cv), shuffle=True, random_state=seed)
    splits = cv.split(X, y, groups) if hasattr(cv, "split") else cv
    return [(np.asarray(train), np.asarray(test)) for train, test in splits]


@dataclass(eq=False)
class Problem:
    """What the jobs of a comparison share."""

    X: object
    y: np.ndarray
    groups: np.ndarray
    splits: list
    points: np.ndarray
    above: float | None
    rates: tuple


@dataclass(frozen=True)
class RegressorJob:
    """A regressor on a fold, see :class:`imbalance.comparison.runner.Job`."""

    model: str
    weights: str
    estimator: object
    known: str
    fold: int

    @property
    def file_name(self):
        """Name of the result's file."""
        return f"{self.known}-{self.fold}.npz"

    @property
    def text(self):
        """What a progress bar says of it."""
        return f"{self.model}, {self.weights}, fold {self.fold + 1}"

    def run(self, problem):
        """Return the scores of the fold's test rows, and their predictions."""
        train, test = problem.splits[self.fold]
        y, predicted = problem.y[test], self._predicted(problem, train, test)
        relevance = relevance_of(y, problem.points)
        relevant = relevance >= RELEVANT
        record = {
            "model": self.model,
            "weights": self.weights,
            "fold": self.fold,
            "sera": sera(y, predicted, relevance=problem.points) / len(y),
            "rmse": root_mean_squared_error(y, predicted),
            "mae": mean_absolute_error(y, predicted),
            "rmse_relevant": root_mean_squared_error(y[relevant], predicted[relevant])
            if relevant.any()
            else np.nan,
        }
        if problem.above is not None:
            inner = self._inner_predictions(problem, train)
            for rate in problem.rates:
                cut = threshold_at(inner, problem.y[train] > problem.above, rate)
                counts = count_alarms(predicted > cut, y > problem.above, np.zeros(len(y), dtype=int))
                got = {name: float(value[0]) for name, value in alarm_rates(counts).items()}
                record |= {
                    f"recall_{rate:g}": got["recall"],
                    f"false_alarms_{rate:g}": got["false_alarm_rate"],
                }
        return record, {"test": test, "predicted": predicted}

    def _predicted(self, problem, train, test):
        model = clone(self.estimator).fit(_safe_indexing(problem.X, train), problem.y[train])
        return model.predict(_safe_indexing(problem.X, test))

    def _inner_predictions(self, problem, train):
        """Return predictions of the training rows by models that have not seen their groups."""
        inner = np.empty(len(train))
        for learn, out in GroupKFold(N_INNER).split(train, groups=problem.groups[train]):
            inner[out] = self._predicted(problem, train[learn], train[out])
        return inner


def summary(scores, *, test_share):
    """Return a row per model and weights, the lowest SERA first, see :class:`RegressorComparison`."""
    rows = []
    for (model, rule), own in scores.groupby(["model", "weights"], sort=False):
        figures = own.drop(columns=["model", "weights", "fold"])
        row = {"model": model, "weights": rule, **figures.mean().to_dict(), "sera_sd": own["sera"].std()}
        plain = scores[(scores["model"] == model) & (scores["weights"] == "none")].set_index("fold")
        for name in ("sera", "rmse") if rule != "none" else ():
            difference = own.set_index("fold")[name] - plain[name]
            row[f"{name}_vs_none"] = difference.mean()
            ends = corrected_t_interval(difference, test_share=test_share)
            row[f"{name}_low"], row[f"{name}_high"] = ends
        rows.append(row)
    return pd.DataFrame(rows).sort_values("sera", ignore_index=True, kind="stable")


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
