"""Class priors: how far two of them are apart, and how probabilities follow from one to another."""

from __future__ import annotations

import numpy as np


def check_prior(prior, *, name="prior"):
    """A class prior as an array.

    Parameters
    ----------
    prior : array-like of shape (n_classes,)
        Share of each class.
    name : str
        What to call it in a message.

    Returns
    -------
    numpy.ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a share is negative or missing, or if the shares do not sum to one.
    """
    prior = np.asarray(prior, dtype="float64")
    if prior.ndim != 1 or not len(prior) or not np.all(prior >= 0):
        raise ValueError(
            f"The {name} must be a list of shares, none negative or missing, not {prior.tolist()}."
        )
    if not np.isclose(prior.sum(), 1, rtol=0, atol=1e-6):
        raise ValueError(f"The {name} sums to {prior.sum():g}, not to 1.")
    return prior


def kl_divergence(prior, other):
    """Kullback-Leibler divergence of `other` from `prior`. [nats]

    Under pure label shift it bounds the excess log loss that exact posteriors for `other` have on a
    population with `prior`.

    Parameters
    ----------
    prior, other : array-like of shape (n_classes,)
        Shares of the classes.

    Returns
    -------
    float
        Infinite where `other` lacks a class that `prior` has.

    Examples
    --------
    >>> round(kl_divergence([0.749, 0.171, 0.080], [0.952, 0.035, 0.013]), 3)
    0.237
    """
    prior, other = check_prior(prior), check_prior(other)
    here = prior > 0
    if np.any(other[here] == 0):
        return float("inf")
    return float(np.sum(prior[here] * np.log(prior[here] / other[here])))


def correct_prior(probabilities, *, trained, target):
    """Probabilities for a population of other class proportions.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Posteriors of a classifier.
    trained : array-like of shape (n_classes,)
        Prior that the classifier saw, after resampling and weights.
    target : array-like of shape (n_classes,)
        Prior of the population to predict for, in the same order.

    Returns
    -------
    numpy.ndarray of shape (n_samples, n_classes)
        Rows sum to one.

    Raises
    ------
    ValueError
        If the shapes differ, or if `target` has a class that `trained` lacks.

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    .. [2] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a classifier to new a
       priori probabilities, Neural Computation 14, 21-41, 2002.

    Examples
    --------
    >>> correct_prior([[0.5, 0.5]], trained=[0.5, 0.5], target=[0.9, 0.1]).tolist()
    [[0.9, 0.1]]
    """
    probabilities = np.asarray(probabilities, dtype="float64")
    trained, target = check_prior(trained, name="trained prior"), check_prior(target, name="target prior")
    if probabilities.ndim != 2 or not probabilities.shape[1] == len(trained) == len(target):
        raise ValueError(
            f"Probabilities of shape {probabilities.shape} do not fit priors of {len(trained)} and "
            f"{len(target)} classes."
        )
    if np.any((trained == 0) & (target > 0)):
        raise ValueError("The target prior has a class that training never saw; no correction can create it.")
    ratio = np.divide(target, trained, out=np.zeros_like(target), where=trained > 0)
    weighted = probabilities * ratio
    return weighted / weighted.sum(axis=1, keepdims=True)
