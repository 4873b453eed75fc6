"""Tell whether a row is like those that the model learned from: the area of applicability.

The dissimilarity index [1]_ of a row is its distance to the nearest training row, divided by the mean
distance between training rows. Features are standardised and multiplied by their importance first. The
threshold is what training rows themselves reach when the nearest row of *other* inner folds is asked for,
outliers removed: beyond it the model guesses.

A missing value is a state of its own, because the trees learn from it. It lies at the training mean and,
in a coordinate of its own, one standard deviation aside. So two rows that lack the same columns under the
same cloud are near each other; a row that lacks an important column which training always had is far; and
a column of no importance may be missing anywhere.

Rows are stored as principal components of the weighted features, plus one coordinate: the length of what
the components leave out. A row far off in a direction in which training never varied is therefore far
here too. A tree over the first few components proposes candidates for the nearest row; the distance to
each candidate is then taken in all components. Every fit measures how far the result is from brute force
over all features.

References
----------
.. [1] H. Meyer, E. Pebesma, Predicting into unknown space? Estimating the area of applicability of spatial
   prediction models, Methods in Ecology and Evolution 12, 1620-1633, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from airq.parallel import product_by_row

REFERENCE = "applicability_rows.parquet"
SPACE = "applicability_space.parquet"
PER_FEATURE = ("weights", "means", "scales", "missing")

#: At most so many randomly drawn rows determine the components and the threshold.
N_SAMPLE = 30_000
#: So many randomly drawn pairs give the mean distance; all pairs where there are fewer.
N_PAIRS = 200_000
#: So many rows are compared with brute force.
N_CHECKED = 500
#: The tree may pass over a candidate that is nearer by at most this share.
SLACK = 0.5
#: Rows that are processed at a time.
CHUNK = 5_000


class AreaOfApplicability:
    """The part of the feature space that training knows.

    Parameters
    ----------
    carried : float
        Share of the weighted variance that the components must carry.
    max_components : int
        Largest number of components, even if they carry less.
    n_searched : int
        Number of components that the tree searches; its time grows steeply with them.
    n_candidates : int
        Number of training rows that the tree proposes for every row asked.
    seed : int
        Seed of the draws.
    threads : int
        Number of threads of the search; results do not depend on it.

    Attributes
    ----------
    space_ : Space
        The weighted features and their components.
    reference_ : numpy.ndarray of float32, shape (n_rows, n_components + 1)
        Training rows in that space.
    mean_distance_ : float
        Mean distance between two training rows.
    mean_distance_error_ : float
        Its relative standard error, 0 where all pairs were counted.
    threshold_ : float
        Largest dissimilarity that counts as inside.
    error_ : dict
        Our index against brute force, on `rows` training rows compared with the other folds: `mean` of ours
        minus the true one, `p95` of the absolute difference, `true_mean`, and `same_verdict`, the share of
        the rows that both call inside, or both outside.

    Examples
    --------
    >>> X = pd.DataFrame({"aod": [0.0, 1.0, 2.0, 3.0]})
    >>> area = AreaOfApplicability().fit(X, [1.0], [0, 1, 0, 1])
    >>> area.inside(pd.DataFrame({"aod": [2.5, 9.0]})).tolist()
    [True, False]
    """

    def __init__(self, *, carried=0.999, max_components=64, n_searched=8, n_candidates=32, seed=0, threads=1):
        self.carried = carried
        self.max_components = max_components
        self.n_searched = n_searched
        self.n_candidates = n_candidates
        self.seed = seed
        self.threads = threads

    def fit(self, X, weights, folds):
        """Learn distances and threshold from training rows X, (n_rows, n_features), possibly with gaps.

        `weights`, (n_features,), are the importances, not negative; `folds`, (n_rows,), the inner fold of
        every row, see :func:`airq.models.ensemble.inner_folds`. ValueError is raised if they do not fit the
        rows, or there is one fold only.
        """
        weights, folds = np.asarray(weights, dtype="float64"), np.asarray(folds)
        if weights.shape != (X.shape[1],) or not np.all(weights >= 0):
            raise ValueError(f"{X.shape[1]} features need as many weights, none of them negative.")
        if folds.shape != (len(X),) or len(np.unique(folds)) < 2:
            raise ValueError(f"{len(X)} rows need as many fold numbers, of at least two folds.")
        rng = np.random.default_rng(self.seed)
        sample = np.sort(rng.permutation(len(X))[:N_SAMPLE])
        self.space_ = Space.of(X, weights, sample, self.carried, self.max_components)
        self.reference_ = self.space_.locate(X)
        self.mean_distance_, self.mean_distance_error_ = _mean_distance(self.reference_, rng)
        across = self._across_folds(folds, sample)
        self.threshold_ = whisker(across)
        checked = rng.permutation(len(sample))[:N_CHECKED]
        true = brute_force(self.space_, X, folds, sample[checked]) / self.mean_distance_
        ours = across[checked]
        self.error_ = {
            "rows": len(ours),
            "mean": float(np.mean(ours - true)),
            "p95": float(np.quantile(np.abs(ours - true), 0.95)),
            "true_mean": float(np.mean(true)),
            "same_verdict": float(np.mean((ours <= whisker(ours)) == (true <= whisker(true)))),
        }
        self._neighbours = self._index(self.reference_)
        return self

    def dissimilarity(self, X):
        """Return the dissimilarity index of every row [1], shape (n_rows,).

        0 for a row of the training table, 1 for one as far from all of them as they are from each other on
        average. X holds the features of `fit`, in the same order.
        """
        if list(X.columns) != self.space_.names:
            raise ValueError("The features are not those that the area of applicability was fitted on.")
        return self._neighbours.distance(self.space_.locate(X), self.threads) / self.mean_distance_

    def inside(self, X):
        """Return whether every row lies inside the area, shape (n_rows,)."""
        return self.dissimilarity(X) <= self.threshold_

    def summary(self):
        """Return the figures of the area as a dict of plain numbers."""
        carried = self.space_.carried
        return {
            "rows": len(self.reference_),
            "features": len(self.space_.names),
            "features_that_count": int(np.count_nonzero(self.space_.weights)),
            "components": len(carried),
            "carried": carried[-1],
            "searched": min(self.n_searched, len(carried)),
            "carried_by_search": carried[: self.n_searched][-1],
            "mean_distance": self.mean_distance_,
            "mean_distance_error": self.mean_distance_error_,
            "threshold": self.threshold_,
            "error": self.error_,
        }

    def save(self, folder):
        """Write two Parquet files into a folder; return what :meth:`load` needs beside them."""
        names = [f"component_{number}" for number in range(self.reference_.shape[1])]
        pd.DataFrame(self.reference_, columns=names).to_parquet(folder / REFERENCE, index=False)
        self.space_.to_table().to_parquet(folder / SPACE, index=False)
        search = {"n_searched": self.n_searched, "n_candidates": self.n_candidates}
        return self.summary() | {"search": search, "carried_up_to": self.space_.carried}

    @classmethod
    def load(cls, folder, state, *, threads=1):
        """Read what :meth:`save` wrote."""
        area = cls(**state["search"], threads=threads)
        area.space_ = Space.from_table(pd.read_parquet(folder / SPACE), state["carried_up_to"])
        area.reference_ = pd.read_parquet(folder / REFERENCE).to_numpy(dtype="float32")
        for name in ("mean_distance", "mean_distance_error", "threshold", "error"):
            setattr(area, f"{name}_", state[name])
        shape = len(area.reference_), area.space_.loadings.shape[1] + 1
        whole = area.reference_.shape == shape and np.isfinite(area.reference_).all()
        if not (whole and len(area.reference_) and np.isfinite(area.space_.loadings).all()):
            raise ValueError(f"{folder / REFERENCE} holds no training rows of its space.")
        area._neighbours = area._index(area.reference_)
        return area

    def _index(self, rows):
        return Neighbours(rows, self.n_searched, self.n_candidates)

    def _across_folds(self, folds, rows):
        """Dissimilarity of training rows to the nearest row of another fold."""
        distance = np.empty(len(rows))
        for fold in np.unique(folds[rows]):
            mine = folds[rows] == fold
            others = self._index(self.reference_[folds != fold])
            distance[mine] = others.distance(self.reference_[rows[mine]], self.threads)
        return distance / self.mean_distance_


@dataclass
class Space:
    """Weighted features, and the components that carry most of their distances."""

    names: list
    #: Importance, training mean, and one over the training standard deviation, 0 for a feature that never
    #: varied; shape (n_features,).
    weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    #: Share of the training rows that lack it, shape (n_features,).
    missing: np.ndarray
    #: Orthonormal columns, of the values, then of the marks of missing values: (2 n_features, n_components).
    loadings: np.ndarray | None = None
    #: Share of the weighted variance in the first component, in the first two, and so on.
    carried: list | None = None

    @classmethod
    def of(cls, X, weights, sample, carried, max_components):
        """Return the space of training rows; components are found on a sample of them."""
        means, deviations = _moments(X)
        scales = np.divide(1, deviations, out=np.zeros(len(weights)), where=deviations > 0)
        space = cls(list(X.columns), weights, means, scales, X.isna().mean().to_numpy())
        scatter = np.zeros((2 * len(weights), 2 * len(weights)))
        for rows in chunks(len(sample)):
            coordinates = space.coordinates(X.iloc[sample[rows]])
            scatter += coordinates.T @ coordinates
        variances, vectors = np.linalg.eigh(scatter)
        shares = np.cumsum(variances[::-1]) / max(variances.sum(), np.finfo(float).tiny)
        n_components = min(int(np.searchsorted(shares, carried)) + 1, max_components, len(shares))
        space.loadings = vectors[:, ::-1][:, :n_components]
        space.carried = shares[:n_components].tolist()
        return space

    def coordinates(self, X):
        """Return weighted coordinates, shape (n_rows, 2 n_features); their distances are the true ones."""
        values = X.to_numpy(dtype="float64")
        lacking = np.isnan(values)
        values = np.where(lacking, 0, (values - self.means) * (self.scales * self.weights))
        return np.hstack([values, (lacking - self.missing) * self.weights])

    def locate(self, X):
        """Return the components and the length of the rest, shape (n_rows, n_components + 1)."""
        located = np.empty((len(X), self.loadings.shape[1] + 1), dtype="float32")
        for rows in chunks(len(X)):
            # The order of the memory decides in which order a row is added up.
            coordinates = np.ascontiguousarray(self.coordinates(X.iloc[rows]))
            components = product_by_row(coordinates, self.loadings)
            rest = np.sum(np.square(coordinates), axis=1) - np.sum(np.square(components), axis=1)
            located[rows] = np.column_stack([components, np.sqrt(np.maximum(rest, 0))])
        return located

    def to_table(self):
        """Return a table with one row per feature."""
        table = {name: getattr(self, name) for name in PER_FEATURE}
        for number, (values, marks) in enumerate(zip(*np.split(self.loadings.T, 2, axis=1), strict=True)):
            table |= {f"value_{number}": values, f"missing_{number}": marks}
        return pd.DataFrame({"feature": self.names, **table})

    @classmethod
    def from_table(cls, table, carried):
        """Return the space that :meth:`to_table` stored."""
        parts = [table[name].to_numpy() for name in PER_FEATURE]
        numbers = range(sum(name.startswith("value_") for name in table.columns))
        loadings = [table[[f"{part}_{n}" for n in numbers]].to_numpy() for part in ("value", "missing")]
        return cls(table["feature"].tolist(), *parts, np.vstack(loadings), carried)


class Neighbours:
    """Nearest of some rows, shape (n_rows, n_coordinates).

    A tree over the first coordinates and the length of the others proposes candidates; all of them decide.
    """

    def __init__(self, rows, n_searched, n_candidates):
        self.rows = rows
        self.n_searched = n_searched
        self.n_candidates = min(n_candidates, len(rows))
        self.tree = cKDTree(self._few(rows))

    def distance(self, points, threads=1):
        """Return the distance of every point, shape (n_points, n_coordinates), to its nearest row."""
        distance = np.empty(len(points))
        ranks = range(1, self.n_candidates + 1)
        for part in chunks(len(points)):
            asked = points[part]
            _, candidates = self.tree.query(self._few(asked), k=ranks, eps=SLACK, workers=threads)
            apart = self.rows[candidates] - asked[:, None]
            distance[part] = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart).min(axis=1))
        return distance

    def _few(self, rows):
        rest = np.linalg.norm(rows[:, self.n_searched :], axis=1)
        return np.column_stack([rows[:, : self.n_searched], rest])


def whisker(values):
    """Return the largest value that is no outlier: at most 1.5 interquartile ranges above the third quartile.

    The "outlier-removed maximum" of Meyer and Pebesma (2021), as in the R package CAST up to version 0.7.0;
    later versions take the bound itself, or the maximum where that is lower, see
    https://github.com/HannaMeyer/CAST/issues/65.

    >>> whisker([1, 2, 3, 4, 5, 6, 7, 30])
    7.0
    """
    values = np.asarray(values, dtype="float64")
    low, high = np.quantile(values, [0.25, 0.75])
    return float(values[values <= high + 1.5 * (high - low)].max())


def brute_force(space, X, folds, rows):
    """Return the distance of some training rows, given by number, to the nearest row of another fold.

    In all weighted features of the training rows X, shape (n_rows, n_features).
    """
    asked = space.coordinates(X.iloc[rows])
    nearest = np.full(len(rows), np.inf)
    for part in chunks(len(X)):
        others = space.coordinates(X.iloc[part])
        squared = np.sum(asked**2, axis=1)[:, None] + np.sum(others**2, axis=1) - 2 * asked @ others.T
        squared[folds[rows][:, None] == folds[part]] = np.inf
        nearest = np.minimum(nearest, squared.min(axis=1))
    return np.sqrt(np.maximum(nearest, 0))


def chunks(n_rows):
    """Return slices of at most :data:`CHUNK` rows."""
    return [slice(start, start + CHUNK) for start in range(0, n_rows, CHUNK)]


def _mean_distance(rows, rng):
    """Mean distance of pairs of different rows and its relative standard error."""
    n = len(rows)
    drawn = n * (n - 1) // 2 > N_PAIRS
    if drawn:
        first = rng.integers(n, size=N_PAIRS)
        second = (first + rng.integers(1, n, size=N_PAIRS)) % n
    else:
        first, second = np.triu_indices(n, 1)
    apart = [np.linalg.norm(rows[first[part]] - rows[second[part]], axis=1) for part in chunks(len(first))]
    distances = np.concatenate(apart).astype("float64")
    mean = float(distances.mean()) or 1.0
    return mean, float(distances.std() / mean / np.sqrt(N_PAIRS)) if drawn else 0.0


def _moments(X):
    """Mean and standard deviation of every column, missing values left out."""
    means, deviations = np.zeros((2, X.shape[1]))
    for number in range(X.shape[1]):
        values = X.iloc[:, number].to_numpy(dtype="float64")
        known = values[~np.isnan(values)]
        if len(known):
            means[number] = known.mean()
            # Rounding gives many equal values a tiny deviation.
            deviations[number] = known.std(ddof=1) if np.ptp(known) > 0 else 0.0
    return means, deviations
