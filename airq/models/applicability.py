"""Area of applicability: is a row like those that the model learned from?

The dissimilarity index [1]_ of a row is its distance to the nearest training row over the mean distance
between training rows, in features that are standardised and multiplied by their importance. What training
rows reach when the nearest row of *other* folds is asked for, outliers removed, is the threshold: beyond it
the model guesses.

A missing value is a state of its own, because the trees learn from it: it stands at the training mean and,
in a coordinate of its own, one standard deviation aside. So two rows that lack the same columns under the
same cloud are near, a row is far that lacks what matters and what training had, and a column of no
importance may be missing anywhere.

The rows are kept as principal components of the weighted features, and one coordinate more: the length of
what the components leave out, so that a row far off in a direction in which training never varied is far
off here too. A tree over the first few components names some candidates for the nearest row; the distance
to each is then taken in all components. How far the result is from brute force over all features is
measured whenever a area is fitted.

References
----------
.. [1] H. Meyer, E. Pebesma, Predicting into unknown space? Estimating the area of applicability of spatial
   prediction models, Methods in Ecology and Evolution 12, 1620-1633, 2021.

Features as coordinates: standardised, weighted, and turned into a few principal components.

A missing value is a coordinate of its own, see :mod:`airq.models.applicability`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

REFERENCE = "applicability_rows.parquet"
SPACE = "applicability_space.parquet"

#: At most so many rows, drawn by lot, find the components and the threshold.
N_SAMPLE = 30_000
#: So many pairs, drawn by lot, give the mean distance; all pairs where there are fewer.
N_PAIRS = 200_000
#: So many rows are compared with brute force.
N_CHECKED = 500
#: A candidate of the search may be this share farther than the one it replaces.
SLACK = 0.5


class AreaOfApplicability:
    """The part of the feature space that training knows.

    Parameters
    ----------
    carried : float
        Share of the weighted variance that the components must carry.
    max_components : int
        No more components than this, even if they carry less.
    n_searched : int
        Number of components that the tree stands in; its time grows steeply with them.
    n_candidates : int
        Number of training rows that the tree names for every row asked.
    seed : int
        Seed of the draws.
    threads : int
        Number of threads that search; results do not depend on it.

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
        Our index against brute force, on `rows` training rows that ask the other folds: `mean` of ours less
        the true one, `p95` of the absolute difference, `true_mean`, and `same_verdict`, the share of the rows
        that are inside, or outside, by both.

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
        """Learn distances and threshold from training rows.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
            Features of the training rows, possibly with missing values.
        weights : array-like of shape (n_features,)
            Importance of every feature, not negative.
        folds : array-like of int, shape (n_rows,)
            Inner fold of every row, see :func:`airq.models.ensemble.inner_folds`.

        Raises
        ------
        ValueError
            If weights or folds do not fit the rows, or there is one fold only.
        """
        weights, folds = _checked(X, weights, folds)
        rng = np.random.default_rng(self.seed)
        sample = np.sort(rng.permutation(len(X))[:N_SAMPLE])
        self.space_ = Space.of(X, weights, sample, self.carried, self.max_components)
        self.reference_ = self.space_.locate(X)
        self.mean_distance_, self.mean_distance_error_ = _mean_distance(self.reference_, rng)
        found = self._across_folds(folds, sample)
        self.threshold_ = whisker(found)
        checked = rng.permutation(len(sample))[:N_CHECKED]
        true = brute_force(self.space_, X, folds, sample[checked]) / self.mean_distance_
        self.error_ = _difference(found[checked], true)
        self._neighbours = self._index(self.reference_)
        return self

    def dissimilarity(self, X):
        """Dissimilarity index of every row.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
            The features of `fit`, in the same order.

        Returns
        -------
        numpy.ndarray of shape (n_rows,)
            0 for a row of the training table, 1 for one as far from all of them as they are from each
            other on average. [1]
        """
        if list(X.columns) != self.space_.names:
            raise ValueError("The features are not those that the area was fitted on.")
        return self._neighbours.distance(self.space_.locate(X), self.threads) / self.mean_distance_

    def inside(self, X):
        """Whether every row lies inside the area, of shape (n_rows,)."""
        return self.dissimilarity(X) <= self.threshold_

    def facts(self):
        """What the area is, as plain numbers."""
        return {
            "rows": len(self.reference_),
            "features": len(self.space_.names),
            "features_that_count": int(np.count_nonzero(self.space_.weights)),
            "components": len(self.space_.carried),
            "carried": self.space_.carried[-1],
            "searched": min(self.n_searched, len(self.space_.carried)),
            "carried_by_search": self.space_.carried[: self.n_searched][-1],
            "mean_distance": self.mean_distance_,
            "mean_distance_error": self.mean_distance_error_,
            "threshold": self.threshold_,
            "error": self.error_,
        }

    def save(self, folder):
        """Write the area's two Parquet files into a folder; return the facts to load them by."""
        names = [f"component_{number}" for number in range(self.reference_.shape[1])]
        pd.DataFrame(self.reference_, columns=names).to_parquet(folder / REFERENCE, index=False)
        self.space_.to_table().to_parquet(folder / SPACE, index=False)
        search = {"n_searched": self.n_searched, "n_candidates": self.n_candidates}
        return self.facts() | {"search": search, "carried_up_to": self.space_.carried}

    @classmethod
    def load(cls, folder, facts, *, threads=1):
        """Inverse of :meth:`save`."""
        area = cls(**facts["search"], threads=threads)
        area.space_ = Space.from_table(pd.read_parquet(folder / SPACE), facts["carried_up_to"])
        area.reference_ = pd.read_parquet(folder / REFERENCE).to_numpy(dtype="float32")
        area.mean_distance_ = facts["mean_distance"]
        area.mean_distance_error_ = facts["mean_distance_error"]
        area.threshold_ = facts["threshold"]
        area.error_ = facts["error"]
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


class Neighbours:
    """Nearest of some rows: a tree over a few coordinates names candidates, all coordinates choose.

    Parameters
    ----------
    rows : numpy.ndarray of shape (n_rows, n_coordinates)
        Rows to search; the first coordinates carry most of the distances.
    n_searched : int
        Coordinates of the tree, beside the length of the others.
    n_candidates : int
        Candidates that it names.
    """

    def __init__(self, rows, n_searched, n_candidates):
        self.rows = rows
        self.n_searched = n_searched
        self.n_candidates = min(n_candidates, len(rows))
        self.tree = cKDTree(self._few(rows))

    def distance(self, points, threads=1):
        """Distance of every point of shape (n_points, n_coordinates) to its nearest row."""
        distance = np.empty(len(points))
        for part in chunks(len(points)):
            asked = points[part]
            _, found = self.tree.query(
                self._few(asked), k=range(1, self.n_candidates + 1), eps=SLACK, workers=threads
            )
            apart = self.rows[found] - asked[:, None]
            distance[part] = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart).min(axis=1))
        return distance

    def _few(self, rows):
        rest = np.linalg.norm(rows[:, self.n_searched :], axis=1)
        return np.column_stack([rows[:, : self.n_searched], rest])


def whisker(values):
    """Largest value that is no outlier: not above the third quartile plus 1.5 interquartile ranges.

    The "outlier-removed maximum" of [1]_, as in the R package CAST to version 0.7.0; later versions take the
    bound itself, or the maximum where that is lower.

    References
    ----------
    .. [1] H. Meyer, E. Pebesma, Methods in Ecology and Evolution 12, 1620-1633, 2021.
    .. [2] https://github.com/HannaMeyer/CAST/issues/65

    Examples
    --------
    >>> whisker([1, 2, 3, 4, 5, 6, 7, 30])
    7.0
    """
    values = np.asarray(values, dtype="float64")
    low, high = np.quantile(values, [0.25, 0.75])
    return float(values[values <= high + 1.5 * (high - low)].max())


def brute_force(space, X, folds, rows):
    """Distance of some training rows to the nearest row of another fold, in all weighted features.

    Parameters
    ----------
    space : Space
        The features' weights.
    X : DataFrame of shape (n_rows, n_features)
        Training rows.
    folds : numpy.ndarray of int, shape (n_rows,)
        Their folds.
    rows : numpy.ndarray of int, shape (n_asked,)
        Row numbers.

    Returns
    -------
    numpy.ndarray of shape (n_asked,)
    """
    asked = space.lay_out(X.iloc[rows])
    nearest = np.full(len(rows), np.inf)
    for part in chunks(len(X)):
        others = space.lay_out(X.iloc[part])
        squared = np.sum(asked**2, axis=1)[:, None] + np.sum(others**2, axis=1) - 2 * asked @ others.T
        squared[folds[rows][:, None] == folds[part]] = np.inf
        nearest = np.minimum(nearest, squared.min(axis=1))
    return np.sqrt(np.maximum(nearest, 0))


def _difference(ours, true):
    same = (ours <= whisker(ours)) == (true <= whisker(true))
    return {
        "rows": len(ours),
        "mean": float(np.mean(ours - true)),
        "p95": float(np.quantile(np.abs(ours - true), 0.95)),
        "true_mean": float(np.mean(true)),
        "same_verdict": float(np.mean(same)),
    }


def _mean_distance(rows, rng):
    """Mean distance of pairs of different rows and its relative standard error."""
    n = len(rows)
    drawn = n * (n - 1) // 2 > N_PAIRS
    if drawn:
        first = rng.integers(n, size=N_PAIRS)
        second = (first + rng.integers(1, n, size=N_PAIRS)) % n
    else:
        first, second = np.triu_indices(n, 1)
    parts = chunks(len(first))
    distances = np.concatenate(
        [np.linalg.norm(rows[first[part]] - rows[second[part]], axis=1).astype("float64") for part in parts]
    )
    mean = float(distances.mean()) or 1.0
    return mean, float(distances.std() / mean / np.sqrt(N_PAIRS)) if drawn else 0.0


def _checked(X, weights, folds):
    weights, folds = np.asarray(weights, dtype="float64"), np.asarray(folds)
    if weights.shape != (X.shape[1],) or not np.all(weights >= 0):
        raise ValueError(f"{X.shape[1]} features need as many weights, none of them negative.")
    if folds.shape != (len(X),) or len(np.unique(folds)) < 2:
        raise ValueError(f"{len(X)} rows need as many numbers of folds, and two folds at least.")
    return weights, folds


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
