"""Rare values of a continuous target: score them, weigh them, and compare regressors that do."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator
from scipy.stats import gaussian_kde
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, root_mean_squared_error
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, check_array, get_tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from airq.messages import versions
from imbalance.comparison.models import SETTINGS
from imbalance.comparison.problem import as_table, given_folds, hashed, whole_groups
from imbalance.comparison.runner import N_INNER, claim_parts, run_nested
from imbalance.comparison.summary import mean_test_share
from imbalance.decisions import threshold_at
from imbalance.metrics import corrected_t_interval

GRID_POINTS = 512
#: The medcouple compares all pairs of values; of more values, so many order statistics stand for all.
MEDCOUPLE_VALUES = 2000


def relevance_points(y, *, extremes="both"):
    """Return control points (value, relevance), of shape (3, 2): 0 at the median, 1 from the whiskers on.

    The whiskers are those of the box plot adjusted for skewness (Hubert, Vandervieren, Computational
    Statistics & Data Analysis 52, 5186-5201, 2008): in a skewed target they lie farther out on the side of
    the long tail. A side without a value beyond its whisker is not relevant. `extremes` ("both", "high" or
    "low") says which rare values matter; `y` are best training targets. The box of 1 to 9 and 50 reaches
    from 3.25 to 7.75; its whisker ends at the 9:

    >>> relevance_points([1, 2, 3, 4, 5, 6, 7, 8, 9, 50]).tolist()
    [[1.0, 0.0], [5.5, 0.0], [9.0, 1.0]]
    """
    if extremes not in ("both", "high", "low"):
        raise ValueError(f"extremes must be 'both', 'high' or 'low', got {extremes!r}.")
    y = _finite(y)
    low, middle, high = np.quantile(y, [0.25, 0.5, 0.75])
    skew = medcouple(y)
    shorter, longer = 1.5 * np.exp(-4 * abs(skew)), 1.5 * np.exp(3 * abs(skew))
    below, above = (shorter, longer) if skew >= 0 else (longer, shorter)
    inside = y[(y >= low - below * (high - low)) & (y <= high + above * (high - low))]
    start, end = inside.min(), inside.max()
    rare_low = extremes != "high" and y.min() < start < middle
    rare_high = extremes != "low" and y.max() > end > middle
    if not (rare_low or rare_high):
        raise ValueError(
            "No target lies beyond the whiskers of the box plot, so none is rare; give control points of "
            "your own, such as relevance=[(median, 0), (threshold, 1)]."
        )
    first = (start, 1.0) if rare_low else (y.min(), 0.0)
    return np.array([first, (middle, 0.0), (end, 1.0) if rare_high else (y.max(), 0.0)])


def medcouple(values):
    """Return the medcouple, a robust skewness between -1 and 1; 0 for symmetric values.

    It is the median of ``((high - m) - (m - low)) / (high - low)`` over all pairs of a value above and one
    below the median m.

    >>> float(medcouple([1, 2, 3, 4, 5])), round(float(medcouple([1, 2, 3, 5, 9])), 3)
    (0.0, 0.333)
    """
    values = np.sort(_finite(values))
    if len(values) > MEDCOUPLE_VALUES:
        values = np.quantile(values, (np.arange(MEDCOUPLE_VALUES) + 0.5) / MEDCOUPLE_VALUES)
    values = values - np.median(values)
    low, high = values[values <= 0], values[values >= 0][:, None]
    with np.errstate(invalid="ignore"):
        kernel = (high + low) / (high - low)
    # Pairs of the median with itself: as many count for the one side as for the other.
    ties = np.arange(np.sum(values == 0))
    kernel[: len(ties), len(low) - len(ties) :] = np.sign(ties[:, None] - ties)
    return np.median(kernel)


def relevance_of(y, points):
    """Return the relevance of values, in 0 to 1, from two or more control points (value, relevance).

    Between them it is a monotone cubic (PCHIP), flat at both ends, beyond them constant. Half-way between
    two points a cubic that is flat at both has half the height, at a quarter 5/32 of it:

    >>> relevance_of([25, 30, 99], [(20, 0), (40, 1)]).tolist()
    [0.15625, 0.5, 1.0]
    """
    points = np.asarray(points, dtype="float64")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise ValueError(f"Control points are two or more pairs of value and relevance, not {points.shape}.")
    value, height = points.T
    if np.any(np.diff(value) <= 0) or height.min() < 0 or height.max() > 1:
        raise ValueError("Control points need increasing values, and relevances between 0 and 1.")
    # A flat piece on either side makes the slope at the ends zero.
    flat = PchipInterpolator([value[0] - 1, *value, value[-1] + 1], [height[0], *height, height[-1]])
    return np.clip(flat(np.clip(np.asarray(y, dtype="float64"), value[0], value[-1])), 0, 1)


def sera(y, predicted, *, relevance=None, sample_weight=None):
    """Return the squared error-relevance area [1]_: squared errors, each as far as its target matters.

    Parameters
    ----------
    y, predicted : array-like of shape (n_samples,)
        Targets and predictions.
    relevance : array-like of shape (n_points, 2), optional
        Control points, see :func:`relevance_of`, the same for scores that are compared; of `y` if None.
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        A sum over rows, in the squared unit of the target. [unit²]

    Notes
    -----
    The authors integrate, over cut-offs t from 0 to 1, the squared errors of the rows whose relevance is t or
    more. A row is in them for the cut-offs up to its own relevance: hence the sum of relevance times error.

    References
    ----------
    .. [1] R. P. Ribeiro, N. Moniz, Imbalanced regression, Machine Learning 109, 1803-1835, 2020.

    Examples
    --------
    An error of 2 where the relevance is 0.5, one of 3 where it is 1, one of 9 where it is 0:

    >>> sera([30, 50, 10], [32, 47, 19], relevance=[(20, 0), (40, 1)])
    11.0
    """
    y, predicted = _finite(y), _finite(predicted)
    check_consistent_length(y, predicted, sample_weight)
    weights = relevance_of(y, relevance_points(y) if relevance is None else relevance)
    if sample_weight is not None:
        weights = weights * _check_sample_weight(sample_weight, y)
    return float(np.sum(weights * np.square(predicted - y)))


def sera_scorer(relevance):
    """Return a scorer of :func:`sera` for scikit-learn, the higher the better, with these control points.

    >>> from sklearn.dummy import DummyRegressor
    >>> model = DummyRegressor(strategy="constant", constant=40).fit([[0]], [0])
    >>> sera_scorer([(20, 0), (40, 1)])(model, [[0], [0]], [10, 50])
    -100.0
    """
    return make_scorer(sera, greater_is_better=False, relevance=np.asarray(relevance, "float64").tolist())


def target_density(y, *, sample_weight=None):
    """Return the density of a target at its own values, by a Gaussian kernel of Scott's width. [1/unit]

    It is interpolated between 512 points, and 1 where all are alike; a row of weight w counts as w rows.
    """
    if y.min() == y.max():
        return np.ones(len(y))
    grid, rows, normal = np.linspace(y.min(), y.max(), GRID_POINTS), float(len(y)), 1 / len(y)
    if sample_weight is not None:
        rows, normal = sample_weight.sum(), np.sum(np.square(sample_weight / sample_weight.sum()))
    # scipy takes weights for precisions, not for counts; the factor undoes that.
    width = max(rows, 2.0) ** -0.2 * np.sqrt(max(rows, 2.0) / (max(rows, 2.0) - 1) * (1 - normal))
    return np.interp(y, grid, gaussian_kde(y, bw_method=width, weights=sample_weight)(grid))


def dense_weights(y, *, alpha=1.0, sample_weight=None):
    """Return the weights of DenseWeight, of mean 1: one less `alpha` times the scaled density.

    Strength 0 weighs all rows alike, 1 takes the weight of the densest target down to a millionth. Targets
    at both ends are rare (Steininger et al., Machine Learning 110, 2187-2211, 2021).

    >>> weights = dense_weights([10, 10, 10, 10, 90])
    >>> bool(weights[4] > weights[0]), float(weights.mean().round(6))
    (True, 1.0)
    """
    y = _finite(y)
    density = target_density(y, sample_weight=sample_weight)
    if density.min() == density.max():
        return np.ones(len(y))
    scaled = (density - density.min()) / (density.max() - density.min())
    weights = np.maximum(1 - alpha * scaled, 1e-6)
    return weights / np.average(weights, weights=sample_weight)


def inverse_density_weights(y, *, alpha=1.0, sample_weight=None):
    """Return the weights of label-distribution smoothing, of mean 1: the density to ``-alpha / 2``.

    Strength 1 is the root of the inverse, which the authors (Yang et al., ICML 2021) use where the density
    spans orders of magnitude; a kernel density takes the place of their smoothed histogram.
    """
    weights = target_density(_finite(y), sample_weight=sample_weight) ** (-alpha / 2)
    return weights / np.average(weights, weights=sample_weight)


METHODS = {"dense": dense_weights, "lds": inverse_density_weights}


class DenseWeightRegressor(RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """Regressor that is fitted with more weight on rare targets.

    Parameters
    ----------
    estimator : scikit-learn regressor whose ``fit`` takes `sample_weight`
        Or a pipeline that ends in one. It is cloned.
    method : {"dense", "lds"}
        :func:`dense_weights`, or label-distribution smoothing, :func:`inverse_density_weights`.
    alpha : float
        Strength, 0 or more; 0 is the estimator as it is.

    Attributes
    ----------
    estimator_ : estimator
        The fitted copy.
    weights_ : numpy.ndarray of shape (n_samples,)
        Weight of every training row, `sample_weight` included.

    Notes
    -----
    The gain among rare targets is paid for among common ones: choose `alpha` by a score that says what a rare
    target is worth to you, such as :func:`sera_scorer`.

    Examples
    --------
    Nine common values and a rare one; the plain mean is 4, the weighted one lies nearer to the rare one:

    >>> from sklearn.dummy import DummyRegressor
    >>> X, y = [[0]] * 10, [1] * 9 + [31]
    >>> model = DenseWeightRegressor(DummyRegressor(), method="lds").fit(X, y)
    >>> float(np.mean(y)), bool(model.predict([[0]])[0] > 4)
    (4.0, True)
    """

    def __init__(self, estimator, method="dense", alpha=1.0):
        self.estimator = estimator
        self.method = method
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None):
        """Weigh the rows by the density of their targets and fit; return self.

        A row of `sample_weight` w counts as w rows in the density, and its weight is multiplied by w.
        """
        if self.method not in METHODS:
            raise ValueError(f"Unknown method {self.method!r}; use 'dense' or 'lds'.")
        if not 0 <= self.alpha < np.inf:
            raise ValueError(f"alpha must be 0 or more, got {self.alpha}.")
        if y is None:
            raise ValueError("DenseWeightRegressor requires y to be passed, but the target y is None.")
        y = _finite(column_or_1d(y, warn=True))
        check_consistent_length(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        weights = METHODS[self.method](y, alpha=self.alpha, sample_weight=sample_weight)
        self.weights_ = weights if sample_weight is None else weights * sample_weight
        self.estimator_ = clone(self.estimator)
        # Each step of a pipeline would have to say whether it wants weights that only the last one is to get.
        with config_context(enable_metadata_routing=False):
            self.estimator_.fit(X, y, **{_weight_name(self.estimator_): self.weights_})
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict(self, X):
        """Return the prediction of the fitted estimator, of shape (n_samples,)."""
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.regressor_tags.poor_score = True
        return tags


def _weight_name(estimator):
    """Return the name under which an estimator, or the last step of a pipeline, takes row weights."""
    prefix = ""
    while hasattr(estimator, "steps"):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    parameters = inspect.signature(estimator.fit).parameters
    if "sample_weight" not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise ValueError(f"{type(estimator).__name__} takes no sample_weight; use a regressor that does.")
    return f"{prefix}sample_weight"


def _finite(y):
    """Return targets as floats of shape (n_samples,); refuse missing and infinite ones."""
    return check_array(y, ensure_2d=False, dtype="float64", input_name="y", ensure_min_samples=1).ravel()


# Comparison

WEIGHTS = ("none", *METHODS)
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
        :class:`DenseWeightRegressor`.
    groups : array-like of shape (n_samples,), optional
        Rows of a group stay in one fold, outer and inner.
    cv : int, splitter or iterable of (train, test)
        Outer folds.
    relevance : {"both", "high", "low"} or array-like of shape (n_points, 2)
        Which targets matter: the extremes of all targets, see :func:`relevance_points`,
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
