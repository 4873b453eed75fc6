"""Features as coordinates: standardised, weighted, and turned into a few principal components.

A missing value is a coordinate of its own, see :mod:`airq.models.applicability`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Rows that are laid out at a time.
CHUNK = 5_000


class Space:
    """Weighted features, and the components that carry most of their distances.

    Attributes
    ----------
    names : list of str
        Features.
    weights, means, scales : numpy.ndarray of shape (n_features,)
        Importance; training mean; one over the training standard deviation, 0 for a feature that never
        varied.
    missing : numpy.ndarray of shape (n_features,)
        Share of the training rows that lack it.
    loadings : numpy.ndarray of shape (2 n_features, n_components)
        Orthonormal columns: of the values, then of the marks of what is missing.
    carried : list of float
        Share of the weighted variance in the first component, in the first two, and so on.
    """

    def __init__(self, names, weights, means, scales, missing, loadings=None, carried=None):
        self.names = names
        self.weights = weights
        self.means = means
        self.scales = scales
        self.missing = missing
        self.loadings = loadings
        self.carried = carried

    @classmethod
    def of(cls, X, weights, sample, carried, max_components):
        """The space of training rows; components are found on a sample of them."""
        means, deviations = _moments(X)
        scales = np.divide(1, deviations, out=np.zeros(len(weights)), where=deviations > 0)
        space = cls(list(X.columns), weights, means, scales, X.isna().mean().to_numpy())
        scatter = np.zeros((2 * len(weights), 2 * len(weights)))
        for rows in chunks(len(sample)):
            laid = space.lay_out(X.iloc[sample[rows]])
            scatter += laid.T @ laid
        variances, vectors = np.linalg.eigh(scatter)
        shares = np.cumsum(variances[::-1]) / max(variances.sum(), np.finfo(float).tiny)
        n_components = min(int(np.searchsorted(shares, carried)) + 1, max_components, len(shares))
        space.loadings = vectors[:, ::-1][:, :n_components]
        space.carried = shares[:n_components].tolist()
        return space

    def lay_out(self, X):
        """Weighted coordinates of shape (n_rows, 2 n_features); their distances are the true ones."""
        values = X.to_numpy(dtype="float64")
        lacking = np.isnan(values)
        values = np.where(lacking, 0, (values - self.means) * (self.scales * self.weights))
        return np.hstack([values, (lacking - self.missing) * self.weights])

    def locate(self, X):
        """Components and the length of the rest, of shape (n_rows, n_components + 1)."""
        located = np.empty((len(X), self.loadings.shape[1] + 1), dtype="float32")
        for rows in chunks(len(X)):
            laid = self.lay_out(X.iloc[rows])
            components = laid @ self.loadings
            rest = np.sum(np.square(laid), axis=1) - np.sum(np.square(components), axis=1)
            located[rows] = np.column_stack([components, np.sqrt(np.maximum(rest, 0))])
        return located

    def to_table(self):
        """One row per feature."""
        table = {name: getattr(self, name) for name in ("weights", "means", "scales", "missing")}
        for number, (values, marks) in enumerate(zip(*np.split(self.loadings.T, 2, axis=1), strict=True)):
            table |= {f"value_{number}": values, f"missing_{number}": marks}
        return pd.DataFrame({"feature": self.names, **table})

    @classmethod
    def from_table(cls, table, carried):
        """Inverse of :meth:`to_table`."""
        parts = [table[name].to_numpy() for name in ("weights", "means", "scales", "missing")]
        n_components = sum(name.startswith("value_") for name in table.columns)
        loadings = [
            table[[f"{part}_{number}" for number in range(n_components)]].to_numpy()
            for part in ("value", "missing")
        ]
        return cls(table["feature"].tolist(), *parts, np.vstack(loadings), carried)


def _moments(X):
    """Mean and standard deviation of every column, missing values left out."""
    means, deviations = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    for number in range(X.shape[1]):
        values = X.iloc[:, number].to_numpy(dtype="float64")
        known = values[~np.isnan(values)]
        means[number] = known.mean() if len(known) else 0.0
        # Rounding gives many equal values a tiny deviation.
        deviations[number] = known.std(ddof=1) if len(known) and np.ptp(known) > 0 else 0.0
    return means, deviations


def chunks(n_rows):
    """Slices of at most :data:`CHUNK` rows."""
    return [slice(start, start + CHUNK) for start in range(0, n_rows, CHUNK)]
