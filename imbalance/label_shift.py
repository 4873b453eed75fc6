"""Label shift: the class shares of unlabelled rows, and whether nothing but the shares has changed.

Everything here works on arrays of predicted probabilities; labels of the unlabelled rows appear nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.stats import beta

from imbalance.priors import check_prior

#: Fewer rows say too little about their class shares.
FEWEST_ROWS = 10
#: Rows at most that EM, and the test of plausibility on either side, look at.
MOST_ROWS = 5000
#: A fit as bad as the observed one is that seldom under label shift.
SELDOM = 0.01
#: Points at which distribution functions are compared.
GRID = 100


def estimate_prior(probabilities, *, trained, tol=1e-7, max_iter=1000, max_rows=MOST_ROWS):
    """Class shares of unlabelled rows by expectation maximisation.

    The shares maximise the likelihood of the rows under label shift: each class looks as in training, only
    the shares differ [1]_. One more row, spread as the trained prior, keeps every share above zero.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Posteriors of a classifier for the unlabelled rows, calibrated: overconfident ones give shares too
        close to the trained prior. Of more than `max_rows`, that many are drawn.
    trained : array-like of shape (n_classes,)
        Prior that these posteriors stand for.
    tol : float
        Largest change of a share at which to stop.
    max_iter : int
        Steps at most.
    max_rows : int
        Rows at most.

    Returns
    -------
    numpy.ndarray of shape (n_classes,)

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
    check_enough(probabilities)
    if np.any(trained == 0):
        raise ValueError("The trained prior lacks a class; its share cannot be estimated.")
    ratios = probabilities[some_rows(len(probabilities), max_rows)] / trained
    prior = trained
    for _ in range(max_iter):
        likelihood = np.maximum(ratios @ prior, np.finfo("float64").tiny)
        step = prior * (ratios.T @ (1 / likelihood)) + trained
        step /= step.sum()
        change, prior = np.abs(step - prior).max(), step
        if change < tol:
            break
    return prior


def check_enough(rows):
    """Raise ValueError for fewer than 10 rows."""
    if len(rows) < FEWEST_ROWS:
        raise ValueError(
            f"{len(rows)} unlabelled rows say too little about their class shares; "
            f"give {FEWEST_ROWS} or more."
        )


def some_rows(n_rows, most, rng=None):
    """Positions of `most` of `n_rows` rows, drawn without replacement, or of all; in order."""
    if n_rows <= most:
        return np.arange(n_rows)
    rng = np.random.default_rng(0) if rng is None else rng
    return np.sort(rng.choice(n_rows, most, replace=False))


def some_rows_by_class(codes, most, rng=None):
    """Positions of `most` rows or a little more, as many of each class as there are, up to an equal part."""
    each = max(most // len(np.unique(codes)), 100)
    own = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    return np.sort(np.concatenate([rows[some_rows(len(rows), each, rng)] for rows in own]))


def deal(n_rows, n_copies):
    """Copy of the classifier that predicts each unlabelled row, at random and in equal parts.

    Held-out rows are predicted by one copy each; so must be what is compared with them row by row.
    """
    return np.random.default_rng(0).permutation(n_rows) % n_copies


def estimate_prior_pacc(unlabelled, held_out, codes, *, weights=None):
    """Class shares of unlabelled rows by probabilistic adjusted classify and count (PACC).

    Under label shift the mean prediction is the mixture of the mean predictions of the classes; the
    shares are the mixture that fits best in least squares [1]_. With hard predictions it is black box shift
    estimation [2]_. It holds for any classifier, calibrated or not, as long as both sides are predicted
    alike.

    Parameters
    ----------
    unlabelled : array-like of shape (n_samples, n_classes)
        Predictions for the unlabelled rows.
    held_out : array-like of shape (n_held_out, n_classes)
        Predictions for training rows by classifiers that were not fitted on them.
    codes : array-like of shape (n_held_out,)
        Their classes, as columns.
    weights : array-like of shape (n_held_out,), optional
        Weight of each held-out row.

    Returns
    -------
    numpy.ndarray of shape (n_classes,)

    References
    ----------
    .. [1] A. Bella, C. Ferri, J. Hernandez-Orallo, M. Ramirez-Quintana, Quantification via probability
       estimators, ICDM 2010.
    .. [2] Z. Lipton, Y.-X. Wang, A. Smola, Detecting and correcting for label shift with black box
       predictors, ICML 2018.

    Examples
    --------
    Rows of the first class get .2 on average, of the second .6; new rows get .5, three quarters of the way:

    >>> held_out = [[0.8, 0.2], [0.8, 0.2], [0.4, 0.6]]
    >>> estimate_prior_pacc([[0.5, 0.5]], held_out, [0, 0, 1]).round(2).tolist()
    [0.25, 0.75]
    """
    return fit_mixture(class_means(held_out, codes, weights=weights).T, np.mean(unlabelled, axis=0))


def class_means(held_out, codes, *, weights=None):
    """Mean prediction for the held-out rows of each class, shape (n_classes, n_classes)."""
    held_out, codes = np.asarray(held_out, dtype="float64"), np.asarray(codes)
    weights = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype="float64")
    own = [codes == code for code in range(held_out.shape[1])]
    return np.stack([np.average(held_out[of], axis=0, weights=weights[of]) for of in own])


def solve_pacc(unlabelled, held_out, codes, *, weights=None):
    """Shares as by :func:`estimate_prior_pacc`, summing to one, but not kept from falling below zero.

    For draws of a bootstrap: kept, those beyond the edge would pile up on it.
    """
    means = class_means(held_out, codes, weights=weights)
    # Every mean sums to one, so the solution does, too.
    return np.linalg.pinv(means.T) @ np.mean(unlabelled, axis=0)


def fit_mixture(parts, whole):
    """Shares, none negative, of the columns of `parts` in the mixture nearest to `whole` (least squares)."""
    weight = 1e3 * max(np.abs(parts).max(), 1.0)  # of the line that says that the shares sum to one
    shares, _ = nnls(np.vstack([parts, np.full(parts.shape[1], weight)]), np.append(whole, weight))
    return shares / shares.sum()


def share_intervals(draws, shares, n_rows, level):
    """Intervals of class shares: quantiles of the draws, never shorter than labels would give.

    Had the labels of the `n_rows` rows been seen, Clopper and Pearson's interval for a binomial share [1]_
    would remain, as wide as 3.7 / `n_rows` where a class was not seen (95 %). No classifier tells more.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_classes)
        Shares estimated again from rows drawn with replacement, unbounded (:func:`solve_pacc`) or not.
    shares : array-like of shape (n_classes,)
        The estimate.
    n_rows : int
        Number of unlabelled rows.
    level : float
        Probability of the interval.

    Returns
    -------
    numpy.ndarray of shape (n_classes, 2)

    References
    ----------
    .. [1] C. Clopper, E. Pearson, The use of confidence or fiducial limits illustrated in the case of the
       binomial, Biometrika 26, 404-413, 1934.

    Examples
    --------
    >>> share_intervals([[1.0, 0.0]] * 100, [1.0, 0.0], 300, 0.95).round(3).tolist()
    [[0.988, 1.0], [0.0, 0.012]]
    """
    tail, seen = (1 - level) / 2, np.asarray(shares) * n_rows
    unseen = n_rows - seen
    with np.errstate(invalid="ignore"):
        low = np.where(seen > 0, beta.ppf(tail, np.maximum(seen, 1e-9), unseen + 1), 0)
        high = np.where(unseen > 0, beta.ppf(1 - tail, seen + 1, np.maximum(unseen, 1e-9)), 1)
    drawn = np.clip(np.quantile(draws, [tail, 1 - tail], axis=0), 0, 1)
    return np.column_stack([np.minimum(drawn[0], low), np.maximum(drawn[1], high)])


@dataclass(frozen=True)
class Plausibility:
    """How well some mixture of the training classes explains unlabelled rows.

    Attributes
    ----------
    distance : float
        Largest difference of two distribution functions, of any column.
    worst : int
        That column.
    p_value : float
        Share of draws under label shift with a distance at least as large.
    """

    distance: float
    worst: int
    p_value: float


def judge_label_shift(unlabelled, held_out, codes, *, weights=None, n_bootstrap=200, rng=None):
    """Judge whether unlabelled rows look like a mixture of the training classes.

    Under label shift the distributions of their predictions, and of their features, are one mixture of those
    of the training classes. The mixture is the one that fits best (least squares of distribution functions),
    not one of estimated shares; what remains is measured by Kolmogorov and Smirnov's distance, the largest
    over the columns. What is usual comes from drawing both sides from the training rows and fitting again (a
    parametric bootstrap).

    Parameters
    ----------
    unlabelled : array-like of shape (n_samples, n_columns)
        Predictions for the unlabelled rows, and features if wanted.
    held_out : array-like of shape (n_held_out, n_columns)
        The same for training rows, predicted by classifiers that were not fitted on them.
    codes, weights
        As for :func:`estimate_prior_pacc`.
    n_bootstrap : int
        Number of draws.
    rng : numpy.random.Generator, optional
        Source of the draws.

    Returns
    -------
    Plausibility

    Notes
    -----
    From predictions alone it sees little: a change of the rows that leaves them alone stays hidden, and so
    does one that moves them as another mixture would.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    weights = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype="float64")
    kept = some_rows_by_class(np.asarray(codes), MOST_ROWS, rng)
    codes, weights = np.asarray(codes)[kept], weights[kept]
    unlabelled = np.asarray(unlabelled)[some_rows(len(unlabelled), MOST_ROWS, rng)]
    new, old, n_bins = _binned(unlabelled, np.asarray(held_out)[kept])
    rows = [np.flatnonzero(codes == c) for c in range(codes.max() + 1)]
    differences, shares = _misfit(new, old, rows, weights, n_bins)
    usual = []
    for _ in range(n_bootstrap):
        sizes = rng.multinomial(len(new), shares)
        sample = np.concatenate([_choice(rng, of, n, weights) for of, n in zip(rows, sizes, strict=True)])
        reference = [rng.choice(of, len(of)) for of in rows]
        usual.append(_misfit(old[sample], old, reference, weights, n_bins)[0].max())
    as_far = np.array(usual) >= differences.max() - 1e-9  # but for rounding
    p_value = (1 + np.sum(as_far)) / (n_bootstrap + 1)
    return Plausibility(float(differences.max()), int(differences.argmax()), float(p_value))


def _choice(rng, rows, size, weights):
    return rng.choice(rows, size, p=weights[rows] / weights[rows].sum())


def _binned(new, old):
    """Bin of each row by the pooled quantiles of each column, for both sides, and the number of bins."""
    new_bins, old_bins = np.empty(new.shape, "int64"), np.empty(old.shape, "int64")
    for column in range(new.shape[1]):
        pooled = np.concatenate([new[:, column], old[:, column]])
        edges = np.unique(np.quantile(pooled, np.linspace(0, 1, GRID + 1)[1:-1], method="higher"))
        new_bins[:, column] = np.searchsorted(edges, new[:, column])
        old_bins[:, column] = np.searchsorted(edges, old[:, column])
    return new_bins, old_bins, GRID


def _misfit(new, old, rows, weights, n_bins):
    """Kolmogorov-Smirnov distance by column from the best-fitting mixture of classes, and its shares."""
    whole = _distribution(new, np.ones(len(new)), n_bins)
    parts = np.stack([_distribution(old[of], weights[of], n_bins) for of in rows], axis=-1)
    shares = fit_mixture(parts.reshape(-1, len(rows)), whole.ravel())
    return np.abs(parts @ shares - whole).max(axis=1), shares


def _distribution(bins, weights, n_bins):
    """Distribution functions of binned columns, shape (n_columns, n_bins)."""
    heights = [np.bincount(column, weights, n_bins) for column in bins.T]
    return np.cumsum(heights, axis=1) / weights.sum()
