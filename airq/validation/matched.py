"""Folds whose held-out places lie as far from training as the places to predict lie from the monitors.

k-fold nearest-neighbour distance matching (kNNDM [1]_) is the k-fold form of NNDM [2]_. The monitors are
clustered; clusters are merged into folds; of many numbers of clusters that one is chosen whose folds have the
distances most like those of the places to predict. Many small clusters give folds whose held-out places have
neighbours in training, few large ones give folds far from it.

Distances are compared by their logarithms, as in :mod:`airq.validation.proximity`; the paper compares the
distances themselves.

References
----------
.. [1] J. Linnenbrink, C. Milà, M. Ludwig, H. Meyer, kNNDM CV: k-fold nearest-neighbour distance
   matching cross-validation for map accuracy estimation, Geoscientific Model Development 17,
   5897-5912, 2024.
.. [2] C. Milà, J. Mateu, E. Pebesma, H. Meyer, Nearest neighbour distance matching leave-one-out
   cross-validation for map validation, Methods in Ecology and Evolution 13, 1304-1316, 2022.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance
from sklearn.cluster import KMeans

from airq.geo import arc_km
from airq.parallel import one_thread
from airq.validation.schemes import NEAR_KM

#: Numbers of clusters that are tried, and places up to which clusters are nested (Ward's method), which
#: needs the distance between all places; more are clustered by k-means.
N_STEPS, MOST_NESTED = 40, 4000
#: Largest share of the places that a fold may hold.
MOST_HELD_OUT = 0.5


def factor_between(distance, held_out):
    """Return the mean factor between two sets of distances [km], rank by rank; 1 where they are alike.

    It is the exponential of the Wasserstein-1 distance between the logarithms; distances below 1 km count as
    1 km.

    >>> round(factor_between([20.0, 200.0], [100.0, 10.0]), 6)
    2.0
    """
    logs = [np.log(np.maximum(values, NEAR_KM)) for values in (distance, held_out)]
    return float(np.exp(wasserstein_distance(*logs)))


def matched_folds(positions, distance, n_folds, *, seed=0):
    """Return the fold of every place, shape (n_places,), by kNNDM.

    `positions` are those of :func:`airq.geo.geocentric_km`, shape (n_places, 3) [km]; `distance` is that of
    the places to predict from the nearest of them, shape (n_targets,) [km]. No fold holds more than half of
    the places. `seed` is that of k-means, for more than 4,000 places; the folds of fewer do not depend on it.

    Examples
    --------
    Eight places in pairs, 10 km apart within a pair and about 1,000 km between pairs. To predict 10 km from a
    monitor, pairs are torn apart; to predict 1,000 km away, they are held out whole:

    >>> from airq.geo import geocentric_km
    >>> import pandas as pd
    >>> latitude = np.array([0.0, 0.09, 10.0, 10.09, 20.0, 20.09, 30.0, 30.09])
    >>> positions = geocentric_km(pd.DataFrame({"latitude": latitude, "longitude": 0.0}))
    >>> near, far = (matched_folds(positions, np.array([km]), 2) for km in (10.0, 1000.0))
    >>> (near[::2] != near[1::2]).all(), (far[::2] == far[1::2]).all()
    (np.True_, np.True_)
    """
    positions = np.asarray(positions, dtype="float64")
    choices = {}
    for labels in _clusterings(positions, n_folds, seed):
        folds = merged(positions, labels, n_folds)
        sizes = np.bincount(folds, minlength=n_folds)
        if sizes.min() > 0 and sizes.max() <= max(MOST_HELD_OUT * len(folds), len(folds) / n_folds + 1):
            choices.setdefault(factor_between(distance, apart_km(positions, folds)), folds)
    # Single places along the axis, which every ladder ends with, always make balanced folds.
    return choices[min(choices)]


def apart_km(positions, folds):
    """Return the distance [km] of every place to the nearest one of another fold, shape (n_places,)."""
    distance = np.empty(len(positions))
    for fold in np.unique(folds):
        inside = folds == fold
        distance[inside] = cKDTree(positions[~inside]).query(positions[inside])[0]
    return arc_km(distance)


def merged(positions, labels, n_folds):
    """Merge clusters into folds; return the fold of every place, shape (n_places,).

    A cluster of a fold's share of the places or more is a fold of its own. The others are dealt out in turn
    along the first principal axis of the places, as in the paper.
    """
    sizes = np.bincount(labels)
    if len(sizes) <= n_folds:
        return labels
    axis = np.linalg.svd(positions - positions.mean(axis=0), full_matrices=False)[2][0]
    order = np.argsort(np.bincount(labels, positions @ axis) / sizes, kind="stable")
    # One fold at least is left for the others.
    large = [cluster for cluster in order if sizes[cluster] >= len(labels) / n_folds][: n_folds - 1]
    small = [cluster for cluster in order if cluster not in large]
    fold = np.empty(len(sizes), dtype=int)
    fold[large] = np.arange(len(large))
    fold[small] = len(large) + np.arange(len(small)) % (n_folds - len(large))
    return fold[labels]


def _clusterings(positions, n_folds, seed):
    """Yield the cluster of every place, for numbers of clusters in a geometric ladder up to single places."""
    n_places = len(positions)
    ladder = np.unique(np.geomspace(n_folds, n_places, N_STEPS).round().astype(int))
    directions = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    tree = linkage(directions, "ward") if 1 < n_places <= MOST_NESTED else None
    for n_clusters in ladder[:-1]:
        if tree is not None:
            labels = fcluster(tree, n_clusters, criterion="maxclust")
        else:
            # One thread, because sums over several depend on their number.
            with one_thread():
                labels = KMeans(n_clusters, n_init=1, random_state=seed).fit_predict(directions)
        yield np.unique(labels, return_inverse=True)[1]
    yield np.arange(n_places)
