"""Label shift: the class shares of unlabelled rows, and whether nothing but the shares has changed.

Everything here works on arrays of predicted probabilities; labels of the unlabelled rows appear nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance.priors import check_prior

#: Fewer rows say too little about their class shares.
FEWEST_ROWS = 10
#: Rows at most that the test of plausibility compares on either side.
MOST_COMPARED = 5000
#: A fit as bad as the observed one is that seldom under label shift.
SELDOM = 0.01
#: Numbers (rows x draws) at most that a batch of the bootstrap holds.
BATCH = 2_000_000


def estimate_prior(probabilities, *, trained, counts=None, tol=1e-7, max_iter=1000):
    """Class shares of unlabelled rows by expectation maximisation.

    The shares maximise the likelihood of the rows under label shift: each class looks as in training, only
    the shares differ. One more row, spread as the trained prior, keeps every share above zero.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Posteriors of a classifier for the unlabelled rows.
    trained : array-like of shape (n_classes,)
        Prior that these posteriors stand for.
    counts : array-like of shape (n_samples,) or (n_draws, n_samples), optional
        How often each row counts; for a bootstrap one line a draw.
    tol : float
        Largest change of a share at which to stop.
    max_iter : int
        Steps at most.

    Returns
    -------
    numpy.ndarray of shape (n_classes,) or (n_draws, n_classes)

    Raises
    ------
    ValueError
        With fewer than 10 rows, or where the trained prior lacks a class.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a classifier to new a
       priori probabilities, Neural Computation 14, 21-41, 2002.

    Examples
    --------
    Trained half and half; three in four of the new rows are clearly of the first class:

    >>> p = [[1.0, 0.0]] * 750 + [[0.0, 1.0]] * 250
    >>> estimate_prior(p, trained=[0.5, 0.5]).round(2).tolist()
    [0.75, 0.25]
    """
    probabilities = np.asarray(probabilities, dtype="float64")
    trained = check_prior(trained, name="trained prior")
    if len(probabilities) < FEWEST_ROWS:
        raise ValueError(
            f"{len(probabilities)} unlabelled rows say too little about their class shares; "
            f"give {FEWEST_ROWS} or more."
        )
    if np.any(trained == 0):
        raise ValueError("The trained prior lacks a class; its share cannot be estimated.")
    counts = np.ones(len(probabilities)) if counts is None else np.asarray(counts, dtype="float64")
    prior = _climb(probabilities / trained, np.atleast_2d(counts), trained, tol, max_iter)
    return prior if counts.ndim == 2 else prior[0]


def _climb(ratios, counts, trained, tol, max_iter):
    """EM steps for all draws at once, from the trained prior."""
    prior = np.tile(trained, (len(counts), 1))
    total = counts.sum(axis=1, keepdims=True)
    for _ in range(max_iter):
        likelihood = np.maximum(prior @ ratios.T, np.finfo("float64").tiny)
        expected = prior * ((counts / likelihood) @ ratios)
        step = (expected + trained) / (total + 1)
        step /= step.sum(axis=1, keepdims=True)
        change, prior = np.abs(step - prior).max(), step
        if change < tol:
            break
    return prior


def bootstrap_priors(probabilities, *, trained, n_bootstrap, rng):
    """Shares estimated from rows drawn with replacement, of shape (n_bootstrap, n_classes).

    Arguments as in :func:`estimate_prior`. The draws tell of the sampling of the unlabelled rows, not of
    errors of the classifier.
    """
    n = len(probabilities)
    at_once = max(1, BATCH // n)
    parts = [
        estimate_prior(
            probabilities,
            trained=trained,
            counts=rng.multinomial(n, np.full(n, 1 / n), size=min(at_once, n_bootstrap - start)),
            tol=1e-5,
        )
        for start in range(0, n_bootstrap, at_once)
    ]
    return np.concatenate(parts)


@dataclass(frozen=True)
class Plausibility:
    """How well some mixture of the training classes explains the predictions for unlabelled rows.

    Attributes
    ----------
    distance : float
        Largest difference of two distribution functions, of any class's predicted probability.
    worst : int
        Column of that class.
    p_value : float
        Share of draws under label shift with a distance at least as large.
    """

    distance: float
    worst: int
    p_value: float


def judge_label_shift(unlabelled, held_out, codes, *, trained, n_bootstrap=200, rng=None):
    """Judge whether the predictions for unlabelled rows look like a mixture of the training classes.

    Under label shift they are distributed as the held-out training predictions once these are weighted
    to the shares of the unlabelled rows. The distance is Kolmogorov-Smirnov's, the largest over the
    classes' probabilities; what is usual comes from drawing both sides from the held-out predictions and
    estimating the shares again (a parametric bootstrap).

    Parameters
    ----------
    unlabelled : array-like of shape (n_samples, n_classes)
        Predictions for the unlabelled rows.
    held_out : array-like of shape (n_held_out, n_classes)
        Predictions for training rows by classifiers that were not fitted on them.
    codes : array-like of shape (n_held_out,)
        Their classes, as columns.
    trained : array-like of shape (n_classes,)
        Prior that the predictions stand for.
    n_bootstrap : int
        Number of draws.
    rng : numpy.random.Generator, optional

    Returns
    -------
    Plausibility

    Notes
    -----
    It sees what the classifier sees: a change of the rows that leaves the predictions alone stays hidden.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    unlabelled = _at_most(np.asarray(unlabelled), rng)
    kept = _at_most(np.arange(len(codes)), rng)
    held_out, codes = np.asarray(held_out)[kept], np.asarray(codes)[kept]
    prior = estimate_prior(unlabelled, trained=trained, tol=1e-5)
    distances = _distances(unlabelled, held_out, _row_weights(codes, prior))
    rows = [np.flatnonzero(codes == code) for code in range(len(prior))]
    usual = [
        _usual_distance(held_out, codes, rows, prior, len(unlabelled), trained, rng)
        for _ in range(n_bootstrap)
    ]
    p_value = (1 + np.sum(np.array(usual) >= distances.max())) / (n_bootstrap + 1)
    return Plausibility(float(distances.max()), int(distances.argmax()), float(p_value))


def _at_most(rows, rng):
    if len(rows) <= MOST_COMPARED:
        return rows
    return rows[np.sort(rng.choice(len(rows), MOST_COMPARED, replace=False))]


def _row_weights(codes, prior):
    shares = np.bincount(codes, minlength=len(prior)) / len(codes)
    return (prior / np.maximum(shares, 1 / len(codes)))[codes]


def _usual_distance(held_out, codes, rows, prior, n_samples, trained, rng):
    drawn = np.concatenate(
        [rng.choice(of, n) for of, n in zip(rows, rng.multinomial(n_samples, prior), strict=True) if len(of)]
    )
    reference = np.concatenate([rng.choice(of, len(of)) for of in rows if len(of)])
    sample = held_out[drawn]
    again = estimate_prior(sample, trained=trained, tol=1e-5) if len(sample) >= FEWEST_ROWS else prior
    return _distances(sample, held_out[reference], _row_weights(codes[reference], again)).max()


def _distances(sample, reference, weights):
    return np.array([_distance(s, r, weights) for s, r in zip(sample.T, reference.T, strict=True)])


def _distance(sample, reference, weights):
    """Kolmogorov-Smirnov distance between a sample and a weighted one."""
    values = np.concatenate([sample, reference])
    steps = np.concatenate([np.full(len(sample), 1 / len(sample)), -weights / weights.sum()])
    order = np.argsort(values, kind="stable")
    heights, values = np.cumsum(steps[order]), values[order]
    ends = np.append(values[1:] != values[:-1], True)  # equal values step together
    return np.abs(heights[ends]).max()
