"""Class probabilities: priors and their correction, calibration, and the class shares of unlabelled rows.

Everything here works on arrays; labels of the unlabelled rows appear nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.polynomial import Polynomial
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax, softmax
from scipy.stats import entropy
from scipy.stats import t as student

#: Probabilities closer to zero than this count as this.
SMALLEST = 1e-15
#: Classes that a classifier separates perfectly would ask for an infinite slope or bias.
STEEPEST, FURTHEST = 10.0, 20.0
CALIBRATIONS = ("none", "prior", "sigmoid")
#: Fewer rows say too little about their class shares.
FEWEST_ROWS = 10
#: Rows at most that EM, and the test of plausibility on either side, look at.
MOST_ROWS = 5000
#: Of the test of label shift; draws as far off as the rows after which it ends.
SIGNIFICANCE, ENOUGH_DRAWS = 0.01, 20
#: Points at which distribution functions are compared.
GRID = 100


def check_prior(prior, *, name="prior"):
    """Return class shares, percent or counts of rows as an array that sums to one; refuse what is neither."""
    prior = by_name(prior)
    if isinstance(prior, Mapping):
        if list(prior) != list(range(len(prior))):
            raise ValueError(
                f"The {name} names classes ({', '.join(map(repr, prior))}), but which column is whose is "
                "not known here; give a list of shares in that order."
            )
        prior = list(prior.values())
    try:
        shares = np.asarray(prior, dtype="float64")
    except (TypeError, ValueError):
        shares = np.empty(0)
    if shares.ndim != 1 or not len(shares) or not np.all((shares >= 0) & np.isfinite(shares)):
        raise ValueError(f"The {name} must be a list of shares, none negative or missing, not {prior!r}.")
    total = shares.sum()
    counts = total > 100 and np.all(shares % 1 == 0)
    if not counts and not np.isclose(total, [1, 100], rtol=0.01).any():
        raise ValueError(
            f"The {name} sums to {total:g}, not to 1 (shares) or 100 (percent); counts of rows are whole "
            "numbers, more than 100 together."
        )
    return shares if total == 1 else shares / total


def parse_target_prior(text):
    """Return class shares written as ``a=.5,b=.5`` as a dict; "balanced" and "training" stay as they are."""
    if text in ("balanced", "training"):
        return text
    prior = {}
    for part in text.split(","):
        name, sign, share = part.strip().rpartition("=")
        try:
            value = float(share)
        except ValueError:
            value = None
        if not sign or value is None:
            raise ValueError(f"The target prior {text!r} is not of the form a=.5,b=.5, balanced or training.")
        if name.strip() in prior:
            raise ValueError(f"The target prior names {name.strip()!r} twice.")
        prior[name.strip()] = value
    return prior


def check_probabilities(probabilities, n_classes):
    """Return probabilities as an array (n_samples, n_classes) whose rows sum to one; refuse others."""
    probabilities = np.asarray(probabilities, dtype="float64")
    if probabilities.ndim != 2 or probabilities.shape[1] != n_classes:
        raise ValueError(f"Probabilities of shape {probabilities.shape} do not fit {n_classes} classes.")
    wrong = ~((np.abs(probabilities.sum(axis=1) - 1) <= 1e-3) & (probabilities.min(axis=1) >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"Row {row} of the probabilities, {probabilities[row].tolist()}, does not sum to one or has a "
            "negative or missing value."
        )
    return probabilities


def check_coverage(coverage, *, name="coverage"):
    """Raise ValueError unless a coverage is a share of rows or draws: a number between 0 and 1."""
    if not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise ValueError(f"The {name} must be a number between 0 and 1, got {coverage!r}.")


def by_name(values):
    """Return a series as a dict from its index; anything else as it is."""
    if not isinstance(values, pd.Series):
        return values
    if not values.index.is_unique:
        raise ValueError(f"A series by class names {values.index[values.index.duplicated()][0]!r} twice.")
    return values.to_dict()


def kl_divergence(prior, other):
    """Return the Kullback-Leibler divergence of `other` from `prior`. [nats]

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
    prior, other = _same_classes(prior, other, names=("prior", "other prior"))
    return float(entropy(prior, other))


def _same_classes(*priors, names):
    """Return two priors, checked to have as many classes."""
    first, second = (check_prior(prior, name=name) for prior, name in zip(priors, names, strict=True))
    if len(first) != len(second):
        raise ValueError(f"The priors have {len(first)} and {len(second)} shares; name the same classes.")
    return first, second


def correct_prior(probabilities, *, trained, target):
    """Return probabilities for a population of other class proportions [1]_ [2]_.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Posteriors of a classifier. A row that leaves no probability to any class of the target becomes the
        target's shares over those of training, normalised.
    trained, target : array-like of shape (n_classes,)
        Prior that the classifier saw, after resampling and weights; and that of the population to predict
        for, in the same order.

    Returns
    -------
    numpy.ndarray of shape (n_samples, n_classes)
        Rows sum to one.

    Raises
    ------
    ValueError
        If the shapes differ, a row is no probabilities, or `target` has a class that `trained` lacks.

    References
    ----------
    .. [1] C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    .. [2] M. Saerens et al., Adjusting the outputs of a classifier, Neural Computation 14, 21-41, 2002.

    Examples
    --------
    >>> correct_prior([[0.5, 0.5]], trained=[0.5, 0.5], target=[0.9, 0.1]).tolist()
    [[0.9, 0.1]]
    """
    trained, target = _same_classes(trained, target, names=("trained prior", "target prior"))
    probabilities = check_probabilities(probabilities, len(trained))
    if np.any((trained == 0) & (target > 0)):
        raise ValueError("The target prior has a class that training never saw; no correction can create it.")
    ratio = np.divide(target, trained, out=np.zeros_like(target), where=trained > 0)
    weighted = probabilities * ratio
    weighted = np.where(weighted.sum(axis=1, keepdims=True) == 0, ratio, weighted)
    return weighted / weighted.sum(axis=1, keepdims=True)


def resolve_prior(target, classes, training, *, name="target prior"):
    """Return shares in the order of `classes` from "training", "balanced", a mapping, a series or a list."""
    names = np.asarray(classes).tolist()
    if isinstance(target, str):
        if target not in ("training", "balanced"):
            raise ValueError(f"Unknown {name} {target!r}; use 'training', 'balanced' or shares by class.")
        return np.asarray(training) if target == "training" else np.full(len(names), 1 / len(names))
    target = by_name(target)
    if isinstance(target, Mapping):
        for found, what in ((set(target) - set(names), "names"), (set(names) - set(target), "lacks")):
            if found:
                never = "never saw" if what == "names" else "has"
                raise ValueError(
                    f"The {name} {what} {min(found, key=str)!r}, which training {never}; classes: {names}."
                )
        target = [target[name] for name in names]
    prior = check_prior(target, name=name)
    if len(prior) != len(names):
        raise ValueError(f"The {name} has {len(prior)} shares, but the classes are {names}.")
    return prior


def mean_corrected(members, priors, target):
    """Return the mean of several classifiers' probabilities, each corrected from its own prior."""
    pairs = zip(members, priors, strict=True)
    return np.mean([correct_prior(p, trained=prior, target=target) for p, prior in pairs], axis=0)


def log_clipped(probabilities):
    """Return the logarithm of probabilities, none taken smaller than 1e-15."""
    return np.log(np.clip(np.asarray(probabilities, dtype="float64"), SMALLEST, 1))


@dataclass(frozen=True)
class Calibrator:
    """Probabilities proportional to ``exp(slope * log p + bias)``: one slope, a bias for every class."""

    slope: float
    biases: np.ndarray

    def __call__(self, probabilities):
        """Return calibrated probabilities of shape (n_samples, n_classes)."""
        return softmax(self.slope * log_clipped(probabilities) + self.biases, axis=1)


def fit_calibrator(probabilities, codes, *, method="sigmoid", weights=None):
    """Fit the calibrator of largest likelihood on held-out rows: "prior" its biases only, which gives the
    mean prediction its right value, "sigmoid" the slope too (Platt 1999; Alexandari et al., ICML 2020)."""
    if method not in CALIBRATIONS:
        raise ValueError(f"Unknown calibration {method!r}; use one of {', '.join(CALIBRATIONS)}.")
    logs, codes = log_clipped(probabilities), np.asarray(codes)
    n_classes = logs.shape[1]
    if method == "none":
        return Calibrator(1.0, np.zeros(n_classes))
    weights = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype="float64")
    slopes = (1.0, 1.0) if method == "prior" else (0.0, STEEPEST)
    best = minimize(
        _loss_and_gradient,
        np.concatenate([[1.0], np.zeros(n_classes)]),
        args=(logs, np.eye(n_classes)[codes], weights / weights.sum()),
        jac=True,
        method="L-BFGS-B",
        bounds=[slopes] + [(-FURTHEST, FURTHEST)] * n_classes,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    return Calibrator(float(best.x[0]), best.x[1:] - best.x[1:].mean())


def _loss_and_gradient(parameters, logs, truth, shares):
    scores = log_softmax(parameters[0] * logs + parameters[1:], axis=1)
    excess = (np.exp(scores) - truth) * shares[:, None]
    gradient = np.concatenate([[np.sum(excess * logs)], excess.sum(axis=0)])
    return -np.sum(scores * truth * shares[:, None]), gradient


def estimate_prior(probabilities, *, trained):
    """Estimate the class shares of unlabelled rows by expectation maximisation (EM) [1]_.

    The shares maximise the likelihood of the rows under label shift: each class looks as in training, only
    the shares differ. One more row, spread as the trained prior, keeps every share above zero.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Posteriors of a classifier for the unlabelled rows, calibrated: overconfident ones give shares too
        close to the trained prior. Of more than 5,000 rows, that many are drawn.
    trained : array-like of shape (n_classes,)
        Prior that these posteriors stand for.

    Returns
    -------
    numpy.ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        With fewer than 10 rows, a row that is no probabilities, or where the trained prior lacks a class.

    References
    ----------
    .. [1] M. Saerens et al., Adjusting the outputs of a classifier, Neural Computation 14, 21-41, 2002.

    Examples
    --------
    Trained half and half; three in four of the new rows are clearly of the first class:

    >>> p = [[1.0, 0.0]] * 750 + [[0.0, 1.0]] * 250
    >>> estimate_prior(p, trained=[0.5, 0.5]).round(2).tolist()
    [0.75, 0.25]
    """
    trained = check_prior(trained, name="trained prior")
    probabilities = check_probabilities(probabilities, len(trained))
    check_enough(len(probabilities))
    if np.any(trained == 0):
        raise ValueError("The trained prior lacks a class; its share cannot be estimated.")
    ratios = probabilities[some_rows(len(probabilities), MOST_ROWS)] / trained
    prior = trained
    for _ in range(1000):
        likelihood = np.maximum(ratios @ prior, np.finfo("float64").tiny)
        step = prior * (ratios.T @ (1 / likelihood)) + trained
        step /= step.sum()
        change, prior = np.abs(step - prior).max(), step
        if change < 1e-7:
            break
    return prior


def check_enough(n_rows):
    """Raise ValueError for fewer than 10 rows."""
    if n_rows < FEWEST_ROWS:
        raise ValueError(f"{n_rows} unlabelled rows say too little about shares; give {FEWEST_ROWS} or more.")


def some_rows(n_rows, most, rng=0):
    """Return the positions of `most` of `n_rows` rows, drawn without replacement, or of all; in order."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(rng).choice(n_rows, most, replace=False))


def some_rows_by_class(codes, most, rng=0):
    """Return the positions of about `most` rows, of each class as many as it has, up to an equal part."""
    each, rng = max(most // len(np.unique(codes)), 100), np.random.default_rng(rng)
    own = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    return np.sort(np.concatenate([rows[some_rows(len(rows), each, rng)] for rows in own]))


def deal(predicted):
    """Return for each row the prediction of one copy, (n_rows, n_classes), as held-out rows have it."""
    rows = np.arange(predicted.shape[1])
    return predicted[np.random.default_rng(0).permutation(len(rows)) % len(predicted), rows]


def class_means(held_out, codes, *, weights=None):
    """Return the mean prediction for the held-out rows of each class, shape (n_classes, n_classes)."""
    weights = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype="float64")
    of_class = np.eye(np.shape(held_out)[1])[np.asarray(codes)].T * weights
    return of_class @ np.asarray(held_out, dtype="float64") / of_class.sum(axis=1, keepdims=True)


def fit_mixture(parts, whole):
    """Return the shares, none negative, of the columns of `parts` in the nearest mixture to `whole`."""
    weight = 1e3 * max(np.abs(parts).max(), 1.0)  # of the line that says that the shares sum to one
    shares, _ = nnls(np.vstack([parts, np.full(parts.shape[1], weight)]), np.append(whole, weight))
    return shares / shares.sum()


def pacc_with_intervals(unlabelled, held_out, codes, *, weights=None, coverage=0.95, n_copies=None):
    """Estimate class shares by PACC, less its bias, and an interval for each, of shape (n_classes, 2)."""
    # Probabilistic adjusted classify and count (Bella et al., ICDM 2010), the soft form of BBSE (Lipton et
    # al., ICML 2018): the mean unlabelled prediction as a mixture of the mean held-out ones of the classes.
    # It divides by differences that are estimated themselves: its bias is about their variance. As Fieller
    # did for a ratio (J. R. Stat. Soc. B 16, 1954), every possible share is tested; it stays unless it is
    # farther from the mean prediction than both sides vary under that share. For a classifier without
    # errors this is Wilson's interval (J. Am. Stat. Assoc. 22, 1927), the least width.
    check_coverage(coverage)
    held_out, codes = np.asarray(held_out, dtype="float64"), np.asarray(codes)
    weights = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype="float64")
    means = class_means(held_out, codes, weights=weights)
    shares = fit_mixture(means.T, np.mean(unlabelled, axis=0))
    n_classes = len(means)
    if np.linalg.matrix_rank(means, tol=1e-6) < n_classes:
        return shares, np.tile([0.0, 1.0], (n_classes, 1))
    # Scores whose mean in column c is one over the rows of class c and zero over those of the others.
    unmix = np.linalg.inv(means)
    old, new = held_out @ unmix, np.asarray(unlabelled) @ unmix
    # Each row taught all classifiers of the folds but one: their predictions depend on each other. That the
    # variance of their means is larger by this factor is what simulations with boosted trees ask for.
    dependence = 1 if n_copies is None else n_copies / (n_copies - 1)
    squares, errors, bias = np.empty_like(means), np.empty_like(means), np.zeros(n_classes)
    for code in range(n_classes):
        of, w = codes == code, weights[codes == code] / weights[codes == code].sum()
        off = old[of] - np.eye(n_classes)[code]
        scale = dependence / max(1 - w @ w, 1e-9)
        squares[code], errors[code] = w @ old[of] ** 2, scale * w**2 @ off**2
        bias += shares[code] * scale * w**2 @ (off * off[:, [code]])
    fewest = max(np.bincount(codes, minlength=n_classes).min() - 1, 1)
    reach = student.ppf((1 + coverage) / 2, fewest) ** 2
    low, high = np.transpose(
        [_interval(c, shares, new[:, c], squares[:, c], errors[:, c], reach) for c in range(n_classes)]
    )
    shares = np.clip(shares - bias, 0, None)
    shares = shares / shares.sum()
    more = reach / len(new)
    middle, half = shares + more / 2, np.sqrt(more * shares * (1 - shares) + more**2 / 4)
    wilson = np.clip([(middle - half) / (1 + more), (middle + half) / (1 + more)], 0, 1)
    return shares, np.column_stack([np.minimum(low, wilson[0]), np.maximum(high, wilson[1])])


def _interval(column, shares, scores, squares, errors, reach):
    """Solve ``(estimate - t)^2 <= reach * variance(t)`` for a share `t`; all terms are polynomials of it."""
    others = np.where(np.arange(len(shares)) == column, 0, shares)
    others = others / others.sum() if others.sum() else np.full(len(shares), 1 / (len(shares) - 1))
    t = Polynomial([0, 1])
    mixture = [t if c == column else (1 - t) * others[c] for c in range(len(shares))]
    spread = sum(s * m for s, m in zip(squares, mixture, strict=True)) - t**2
    usual = spread(shares[column])
    # Averaged over several classifiers, rows vary less than held-out rows, which one predicts.
    spread *= (scores.var() / usual if scores.var() > 1e-9 < usual else 1) / len(scores)
    variance = spread + sum(e * m**2 for e, m in zip(errors, mixture, strict=True))
    excess = (scores.mean() - t) ** 2 - reach * variance
    roots = [root.real for root in excess.roots() if abs(root.imag) < 1e-12]
    ends = [x for x in (0.0, 1.0, *roots) if 0 <= x <= 1 and excess(x) <= 1e-12]
    return [min(ends), max(ends)] if ends else [shares[column]] * 2  # none of them fits well


@dataclass(frozen=True)
class Plausibility:
    """Largest difference of distribution functions, in which column, and how often draws differ as much."""

    distance: float
    worst: int
    p_value: float


def label_shift_test(unlabelled, held_out, codes, *, weights=None, n_bootstrap=200, rng=0):
    """Test whether rows look, column by column, like the best-fitting mixture of the training classes."""
    rng, codes = np.random.default_rng(rng), np.asarray(codes)
    weights = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype="float64")
    kept = some_rows_by_class(codes, MOST_ROWS, rng)
    codes, weights = codes[kept], weights[kept]
    unlabelled = np.asarray(unlabelled)[some_rows(len(unlabelled), MOST_ROWS, rng)]
    new, old = _binned(unlabelled, np.asarray(held_out)[kept])
    rows = [np.flatnonzero(codes == c) for c in range(codes.max() + 1)]
    chances = [weights[of] / weights[of].sum() for of in rows]
    differences, shares = _misfit(new, old, rows, weights)
    as_far = drawn = 0
    # So many draws as far off tell a large p value well (Besag, Clifford, Biometrika 78, 1991).
    while drawn < n_bootstrap and as_far < ENOUGH_DRAWS:
        sizes = rng.multinomial(len(new), shares)
        parts = [rng.choice(of, n, p=p) for of, n, p in zip(rows, sizes, chances, strict=True)]
        reference = [rng.choice(of, len(of)) for of in rows]
        usual = _misfit(old[np.concatenate(parts)], old, reference, weights)[0].max()
        as_far += usual >= differences.max() - 1e-9  # but for rounding
        drawn += 1
    p_value = as_far / drawn if as_far == ENOUGH_DRAWS else (1 + as_far) / (n_bootstrap + 1)
    return Plausibility(float(differences.max()), int(differences.argmax()), float(p_value))


def _binned(new, old):
    """Return the bin of each row by the pooled quantiles of each column, for both sides."""
    bins = np.empty((len(new) + len(old), new.shape[1]), "int64")
    for column, values in enumerate(np.concatenate([new, old]).T):
        edges = np.unique(np.quantile(values, np.linspace(0, 1, GRID + 1)[1:-1], method="higher"))
        bins[:, column] = np.searchsorted(edges, values)
    return bins[: len(new)], bins[len(new) :]


def _misfit(new, old, rows, weights):
    """Return the distance by column from the best-fitting mixture of classes, and its shares."""
    whole = _distribution(new, np.ones(len(new)))
    parts = np.stack([_distribution(old[of], weights[of]) for of in rows], axis=-1)
    shares = fit_mixture(parts.reshape(-1, len(rows)), whole.ravel())
    return np.abs(parts @ shares - whole).max(axis=1), shares


def _distribution(bins, weights):
    """Return the distribution functions of binned columns, shape (n_columns, GRID)."""
    heights = [np.bincount(column, weights, GRID) for column in bins.T]
    return np.cumsum(heights, axis=1) / weights.sum()
