"""Judge probabilities of exceeding a level at held-out places: reliability and Brier score."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.models.coverage import bootstrap_share
from airq.units import PM25_UNIT

#: Edges of the classes of probability of a reliability table.
EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


def brier(probability, happened):
    """Brier score: mean square of probability minus what happened (0 or 1). Lower is better. [1]

    References
    ----------
    .. [1] G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather
       Review 78, 1-3, 1950.

    Examples
    --------
    >>> brier([1.0, 0.5], [True, False])
    0.125
    """
    return float(np.mean(np.square(np.asarray(probability) - np.asarray(happened, dtype="float64"))))


def exceedance_scores(observed, probability, thresholds):
    """Figures of the probabilities of exceeding each threshold.

    Parameters
    ----------
    observed : array-like of shape (n_rows,)
        What was observed. [µg m⁻³]
    probability : array-like of shape (n_rows, n_thresholds)
        Probability that it would lie above each threshold. Rows without do not count.
    thresholds : sequence of float
        Thresholds. [µg m⁻³]

    Returns
    -------
    list of dict
        `threshold, n, frequency` (share of rows above it), `mean_probability, brier, skill` and
        `unit` of the threshold. The skill is 1 for perfect probabilities and 0 for those as good as
        the constant `frequency`, which no one knows beforehand; missing where that is never wrong.
    """
    observed, probability = np.asarray(observed, dtype="float64"), np.asarray(probability, dtype="float64")
    records = []
    for threshold, column in zip(thresholds, probability.T, strict=True):
        known = ~np.isnan(column) & ~np.isnan(observed)
        if not known.any():
            continue
        happened = observed[known] > threshold
        frequency = float(happened.mean())
        score, constant = brier(column[known], happened), frequency * (1 - frequency)
        records.append(
            {
                "threshold": float(threshold),
                "n": int(known.sum()),
                "frequency": frequency,
                "mean_probability": float(column[known].mean()),
                "brier": score,
                "skill": 1 - score / constant if constant > 0 else np.nan,
                "unit": PM25_UNIT,
            }
        )
    return records


def reliability(observed, probability, thresholds, units, *, edges=EDGES, n_draws=1000, seed=0):
    """How often a level was exceeded where its probability was said to be low, middling, high.

    Parameters
    ----------
    observed : array-like of shape (n_rows,)
        What was observed. [µg m⁻³]
    probability : array-like of shape (n_rows, n_thresholds)
        Probability that it would lie above each threshold.
    thresholds : sequence of float
        Thresholds. [µg m⁻³]
    units : array-like of shape (n_rows,)
        What each row belongs to.
    edges : sequence of float
        Edges of the classes of probability.
    n_draws, seed : int
        Number of bootstrap samples of units, and their seed.

    Returns
    -------
    DataFrame
        A row per threshold and class of probability that occurs: `threshold` [µg m⁻³],
        `low, high` (the class), `n, units, probability` (its mean), `frequency`, and `ci_low, ci_high`
        (95 % of the frequency, units resampled).
    """
    observed, probability = np.asarray(observed, dtype="float64"), np.asarray(probability, dtype="float64")
    units = np.asarray(units, dtype="str")
    rows = []
    for threshold, column in zip(thresholds, probability.T, strict=True):
        known = ~np.isnan(column) & ~np.isnan(observed)
        number = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
        for position in np.unique(number[known]):
            mask = known & (number == position)
            happened = observed[mask] > threshold
            low, high = bootstrap_share(happened, units[mask], n_draws=n_draws, seed=seed)
            rows.append(
                {
                    "threshold": float(threshold),
                    "low": edges[position],
                    "high": edges[position + 1],
                    "n": int(mask.sum()),
                    "units": len(np.unique(units[mask])),
                    "probability": float(column[mask].mean()),
                    "frequency": float(happened.mean()),
                    "ci_low": low,
                    "ci_high": high,
                }
            )
    return pd.DataFrame(rows)
