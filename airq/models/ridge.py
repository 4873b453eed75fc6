"""Ridge regression on the logarithm: the straight line beside the trees.

It extrapolates where trees cannot, errs otherwise than they do, and so belongs in a blend.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from airq.parallel import one_thread

#: Penalties that are tried, on standardised features. [1]
ALPHAS = np.logspace(0, 5, 11)
#: Rows whose errors are computed together.
ROWS_AT_ONCE = 5_000


@dataclass
class Ridge:
    """A fitted ridge regression on standardised features; a missing value counts as the median."""

    #: Of every feature, shape (n_features,), and the prediction where all are at their median.
    medians: np.ndarray
    slopes: np.ndarray
    base: float

    kind = "ridge"
    rounds = 0

    @classmethod
    def fit(cls, features, target):
        """Fit to a DataFrame, (n_samples, n_features), and logarithms of PM2.5, (n_samples,).

        The penalty is that of :data:`ALPHAS` with the least squared error of rows that are left out one by
        one. Rows that stop boosters do not choose it: a blend would trust it too much. The base is raised so
        that exponentials of predictions have the mean of those of the targets (Duan, Smearing estimate,
        Journal of the American Statistical Association 78, 605-610, 1983).
        """
        rows = Standardised(features.to_numpy())
        with one_thread():
            slopes, intercept = _by_leaving_one_out(rows, target)
            fitted = np.concatenate([part @ slopes for _, part in rows.tiles()]) + intercept
        lift = np.log(np.mean(np.exp(target)) / np.mean(np.exp(fitted)))
        return cls(rows.medians, slopes / rows.scale, float(intercept + lift))

    def predict(self, features):
        """Return raw predictions, shape (n_samples,), on the scale of the training target."""
        # Feature after feature, so that a row does not depend on how many stand beside it.
        return self.base + sum(self.contributions(features.to_numpy(dtype="float64")).T[:-1])

    def contributions(self, values):
        """Return what every feature adds to the base, which comes last: (n_samples, n_features + 1)."""
        apart = np.where(np.isnan(values), 0.0, values - self.medians)
        return np.column_stack([apart * self.slopes, np.full(len(values), self.base)])

    def save(self, path):
        """Write the numbers as JSON."""
        numbers = {"medians": self.medians.tolist(), "slopes": self.slopes.tolist(), "base": self.base}
        Path(path).write_text(json.dumps(numbers), encoding="utf-8")

    @classmethod
    def load(cls, path, n_features):
        """Read what :meth:`save` wrote; refuse a file that holds no ridge of so many features."""
        try:
            numbers = json.loads(Path(path).read_text(encoding="utf-8"))
            arrays = [np.array(numbers[name], dtype="float64") for name in ("medians", "slopes", "base")]
        except (KeyError, TypeError, ValueError, RecursionError):
            raise ValueError(f"{path} holds no ridge regression.") from None
        if [array.shape for array in arrays] != [(n_features,), (n_features,), ()] or not all(
            np.isfinite(array).all() for array in arrays
        ):
            raise ValueError(f"{path} holds no ridge regression of {n_features} finite features.")
        return cls(arrays[0], arrays[1], float(arrays[2]))


class Standardised:
    """Features in units of their deviation from the median, in double precision for some rows at a time.

    `values` are the features, (n_rows, n_features), of which a missing one counts as the median. `medians`
    and `scale`, (n_features,), are the medians and the standard deviations; of a feature that does not vary
    this is infinite.
    """

    def __init__(self, values):
        self.values = values
        self.medians, self.scale = np.zeros((2, values.shape[1]))
        for number in range(values.shape[1]):
            column = values[:, number].astype("float64")
            missing = np.isnan(column)
            if not missing.all():
                self.medians[number] = np.nanmedian(column)
            deviation = np.where(missing, 0.0, column - self.medians[number]).std()
            varies = deviation > 1e-12 * max(abs(self.medians[number]), 1e-300)
            self.scale[number] = deviation if varies else np.inf

    def tiles(self):
        """Yield the places of some rows, a slice, and these rows, (n_rows, n_features)."""
        for start in range(0, len(self.values), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            apart = (self.values[part] - self.medians) / self.scale
            yield part, np.nan_to_num(apart, copy=False)


def _by_leaving_one_out(rows, target):
    """Return slopes and intercept of the ridge whose penalty predicts rows that are left out one by one best.

    `rows` are :class:`Standardised`. With the eigenvectors of the covariance every penalty takes one product,
    and no row is left out in fact [1]_. It is what scikit-learn's RidgeCV finds, which holds the features in
    double precision four times over.

    References
    ----------
    .. [1] R. Rifkin, R. Lippert, Notes on regularized least squares, MIT-CSAIL-TR-2007-025, 2007.
    """
    means, mean = sum(part.sum(axis=0) for _, part in rows.tiles()) / len(target), target.mean()
    covariance = products = 0.0
    for part, values in rows.tiles():
        values -= means
        covariance = covariance + values.T @ values
        products = products + values.T @ (target[part] - mean)
    variances, axes = np.linalg.eigh(covariance)
    shrunk, errors = 1 / (variances + ALPHAS[:, None]), np.zeros(len(ALPHAS))
    for part, values in rows.tiles():
        along = (values - means) @ axes
        residual = (target[part] - mean)[:, None] - along @ (shrunk * (axes.T @ products)).T
        leverage = np.square(along) @ shrunk.T + 1 / len(target)
        errors += np.square(residual / (1 - leverage)).sum(axis=0)
    slopes = (axes * shrunk[errors.argmin()]) @ axes.T @ products
    return slopes, mean - means @ slopes
