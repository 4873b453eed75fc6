"""Ridge regression on the logarithm: the straight line beside the trees.

It extrapolates where trees cannot, errs otherwise than they do, and so belongs in a blend.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeCV

from airq.parallel import one_thread

#: Penalties that are tried, on standardised features. [1]
ALPHAS = np.logspace(0, 5, 11)


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
        # How a library adds up depends on the layout, too.
        values = np.array(features.to_numpy(), dtype="float64", order="F")
        del features
        known = ~np.isnan(values).all(axis=0)
        medians = np.zeros(values.shape[1])
        medians[known] = [np.nanmedian(column) for column in values.T[known]]
        # In place: one copy in double precision is twice as large as all features.
        values -= medians
        values[np.isnan(values)] = 0.0
        scale = values.std(axis=0)
        scale = np.where(scale > 1e-12 * np.maximum(np.abs(medians), 1e-300), scale, np.inf)
        values /= scale
        with one_thread():
            model = RidgeCV(ALPHAS).fit(values, target)
            fitted = model.predict(values)
        lift = np.log(np.mean(np.exp(target)) / np.mean(np.exp(fitted)))
        return cls(medians, model.coef_ / scale, float(model.intercept_ + lift))

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
