"""Weights that make a regressor look at rare targets: by how dense the targets lie."""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde

GRID_POINTS = 512


def target_density(target, *, points=GRID_POINTS):
    """Density of a target at its own values, by a Gaussian kernel of Scott's width.

    Parameters
    ----------
    target : array-like of shape (n_samples,)
        Training targets, not all alike.
    points : int
        Points between the lowest and the highest target at which the density is computed; it is
        interpolated between them.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Density. [1 / unit of the target]

    Raises
    ------
    ValueError
        If the targets are all alike, missing or infinite.
    """
    target = np.asarray(target, dtype="float64")
    if not np.isfinite(target).all() or not len(target) or target.min() == target.max():
        raise ValueError("Density weights need finite targets that are not all alike.")
    grid = np.linspace(target.min(), target.max(), points)
    return np.interp(target, grid, gaussian_kde(target)(grid))


def dense_weights(target, *, alpha=1.0, lowest=1e-6):
    """Weights of DenseWeight: one less the scaled density, so that rare targets weigh more.

    Rare are targets at both ends; those of PM2.5 are mostly the high ones.

    Parameters
    ----------
    target : array-like of shape (n_samples,)
        Training targets.
    alpha : float
        Strength: 0 weighs all rows alike, 1 takes the weight of the densest target down to `lowest`.
    lowest : float
        Smallest weight before scaling.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Weights with a mean of 1.

    References
    ----------
    .. [1] M. Steininger, K. Kobs, P. Davidson, A. Krause, A. Hotho, Density-based weighting for
       imbalanced regression, Machine Learning 110, 2187-2211, 2021.

    Examples
    --------
    >>> weights = dense_weights([10, 10, 10, 10, 90])
    >>> bool(weights[4] > weights[0]), float(weights.mean().round(6))
    (True, 1.0)
    """
    density = target_density(target)
    scaled = (density - density.min()) / (density.max() - density.min())
    weights = np.maximum(1 - alpha * scaled, lowest)
    return weights / weights.mean()


def inverse_density_weights(target, *, power=0.5):
    """Weights of label-distribution smoothing: a power of the inverse of the smoothed density.

    Parameters
    ----------
    target : array-like of shape (n_samples,)
        Training targets.
    power : float
        1 for the inverse, 0.5 for its square root, which the authors use where the density spans
        orders of magnitude.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Weights with a mean of 1.

    Notes
    -----
    The authors smooth a histogram of the labels; here the kernel density takes its place.

    References
    ----------
    .. [1] Y. Yang, K. Zha, Y. Chen, H. Wang, D. Katabi, Delving into deep imbalanced regression,
       ICML 2021.

    Examples
    --------
    >>> weights = inverse_density_weights([10, 10, 10, 10, 90])
    >>> bool(weights[4] > weights[0]), float(weights.mean().round(6))
    (True, 1.0)
    """
    weights = target_density(target) ** -power
    return weights / weights.mean()
