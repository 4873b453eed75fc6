"""Alarms for a rare event: thresholds at a stated rate of false alarms, and what they catch.

An *alarm* is a score above a threshold. *Recall* is the share of the events that raise one, the
*false-alarm rate* the share of the other rows that do.
"""

from __future__ import annotations

import numpy as np

N_DRAWS = 1000


def threshold_at(scores, event, rate):
    """The lowest threshold that keeps false alarms within a rate.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher means more likely an event.
    event : array-like of bool, shape (n_samples,)
        Which rows are events.
    rate : float
        Largest share of the other rows that may raise an alarm.

    Returns
    -------
    float
        An alarm is a score *above* it; scores that tie with it raise none.

    Raises
    ------
    ValueError
        If every row is an event.

    Examples
    --------
    >>> threshold_at([1, 2, 3, 4, 9], [False, False, False, False, True], 0.25)
    3.0
    """
    scores, event = np.asarray(scores, dtype="float64"), np.asarray(event, dtype=bool)
    others = np.sort(scores[~event])[::-1]
    if not len(others):
        raise ValueError("Every row is an event; no rate of false alarms can be stated.")
    # The small addition keeps 0.29 * 100 = 28.999... whole.
    allowed = int(np.floor(rate * len(others) + 1e-9))
    return float(others[allowed]) if allowed < len(others) else -np.inf


def exceedance(reference, scores):
    """Share of reference scores that are at least as high as each score.

    With the scores of rows that are not events as the reference it puts the scores of several models
    on one scale: a row is an alarm at a rate of false alarms where its exceedance is at most the rate.

    Parameters
    ----------
    reference : array-like of shape (n_reference,)
        Scores to compare with.
    scores : array-like of shape (n_samples,)
        Scores to place.

    Returns
    -------
    numpy.ndarray of shape (n_samples,)

    Examples
    --------
    >>> exceedance([1, 2, 3, 4], [0, 2.5, 4, 9]).tolist()
    [1.0, 0.5, 0.25, 0.0]
    """
    reference = np.sort(np.asarray(reference, dtype="float64"))
    return 1 - np.searchsorted(reference, np.asarray(scores, dtype="float64"), side="left") / len(reference)


def count_alarms(alarm, event, group, n_groups=0):
    """Hits and false alarms of every group.

    Parameters
    ----------
    alarm, event : array-like of bool, shape (n_samples,)
        Which rows raise an alarm, and which should.
    group : array-like of int, shape (n_samples,)
        Number of the group of every row, from 0.
    n_groups : int
        At least so many groups are counted.

    Returns
    -------
    numpy.ndarray of shape (n_groups, 4)
        Hits, events, false alarms, other rows.

    Examples
    --------
    >>> count_alarms([True, False, True], [True, True, False], [0, 0, 1]).tolist()
    [[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """
    alarm, event = np.asarray(alarm, dtype=bool), np.asarray(event, dtype=bool)
    marks = np.stack([alarm & event, event, alarm & ~event, ~event])
    return np.stack([np.bincount(group, weights=mark, minlength=n_groups) for mark in marks], axis=1)


def alarm_rates(counts):
    """Recall, false-alarm rate and precision from counts.

    Parameters
    ----------
    counts : array-like of shape (..., 4)
        Hits, events, false alarms, other rows, see :func:`count_alarms`.

    Returns
    -------
    dict of str to numpy.ndarray of shape (...)
        `recall, false_alarm_rate, precision`; NaN where a denominator is zero.

    Examples
    --------
    >>> {name: float(value) for name, value in alarm_rates([3, 4, 1, 10]).items()}
    {'recall': 0.75, 'false_alarm_rate': 0.1, 'precision': 0.75}
    """
    hits, events, false, others = np.moveaxis(np.asarray(counts, dtype="float64"), -1, 0)
    return {
        "recall": _ratio(hits, events),
        "false_alarm_rate": _ratio(false, others),
        "precision": _ratio(hits, hits + false),
    }


def group_draws(n_groups, *, n_draws=N_DRAWS, seed=0):
    """How often each group stands in every bootstrap sample of whole groups.

    Returns
    -------
    numpy.ndarray of int, shape (n_draws, n_groups)
        Rows sum to `n_groups`.
    """
    return np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_draws)


def interval(values, *, level=0.95):
    """Percentile interval of bootstrap values; missing ones are left out.

    >>> interval([float("nan"), 0, 1, 2, 3, 4], level=0.5)
    (1.0, 3.0)
    """
    values = np.asarray(values, dtype="float64")
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _ratio(part, whole):
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
