"""Rare values of a continuous target: which matter, how to score them, how to make a regressor learn them."""

from __future__ import annotations

import inspect

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.stats import gaussian_kde
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.metrics import make_scorer
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

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
