"""What the stand-ins say in figures: the table, orders counted, pairs compared."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import t as student

from imbalance.probability import kl_divergence
from imbalance.standin import CLASSES, PUBLISHED, READINGS, STAND_IN, TARGET_PRIOR, prior_in_order

LEVEL = 0.95
#: With fewer independent seeds than this, an interval would be a play of chance.
MIN_SEEDS = 5
#: The strategy with the published best log loss; the others are compared with it.
PUBLISHED_BEST = min(PUBLISHED, key=PUBLISHED.get)
PUBLISHED_ORDER = tuple(sorted(PUBLISHED, key=PUBLISHED.get))


def mark_of(scores):
    """What all figures of these scores are called: "STAND-IN", or "STAND-IN, TRIAL"."""
    return scores["data"].iloc[0]


def is_trial(scores):
    """Whether they are from fewer rows than the published ones, beside which they must not stand."""
    return mark_of(scores) != STAND_IN


def losses_by_seed(scores):
    """Log loss, a row a seed, a column a case named `strategy (model)`. [nats]"""
    named = scores.assign(case=case_names(scores))
    return named.pivot_table(index="seed", columns="case", values="log_loss")[list(named["case"].unique())]


def case_names(scores):
    """`strategy`, with the model where it is not LightGBM."""
    other = scores["model"] != "lightgbm"
    return scores["strategy"].where(~other, scores["strategy"] + " (" + scores["model"] + ")")


def reproduction_table(scores):
    """The published log losses beside ours on the stand-ins.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`imbalance.reproduction.reproduce`.

    Returns
    -------
    pandas.DataFrame
        `data` (what they are called), `strategy, model, published, log_loss, log_loss_sd, low, high,
        prior_kl, vs_best, ci_low, ci_high, wins, seeds, brier, auc, seconds`, lowest mean log loss first.
        Means over seeds; `low` and `high` are the least and largest log loss; `vs_best` is the mean paired
        difference to the published best strategy with its 95 % t interval (seeds are independent), `wins` the
        seeds with less log loss; a trial has no `published`; `prior_kl` is to the nominal prior: for SMOTE,
        repeated rows and weights boosted trees do not stand for the counted prior. [nats; seconds in s]
    """
    losses = losses_by_seed(scores)
    target = prior_in_order(TARGET_PRIOR)
    rows = []
    for name, part in scores.assign(case=case_names(scores)).groupby("case", sort=False):
        difference = losses[name] - losses[PUBLISHED_BEST]
        trained = part[[f"prior_{label}" for label in CLASSES]].mean().to_numpy()
        low, high = t_interval(difference)
        rows.append(
            {
                "data": mark_of(scores),
                "strategy": part["strategy"].iloc[0],
                "model": part["model"].iloc[0],
                "published": PUBLISHED.get(part["published"].iloc[0], np.nan),
                "log_loss": losses[name].mean(),
                "log_loss_sd": losses[name].std(ddof=1),
                "low": losses[name].min(),
                "high": losses[name].max(),
                # Never below zero but by rounding.
                "prior_kl": max(kl_divergence(target, trained / trained.sum()), 0.0),
                "vs_best": difference.mean(),
                "ci_low": low,
                "ci_high": high,
                "wins": int((difference < 0).sum()),
                "seeds": len(difference),
                **part[["brier", "auc", "seconds"]].mean().to_dict(),
            }
        )
    table = pd.DataFrame(rows).sort_values("log_loss", kind="stable", ignore_index=True)
    return table.drop(columns="published") if is_trial(scores) else table


def t_interval(differences):
    """95 % interval of a mean of independent differences; missing with fewer than five.

    Examples
    --------
    >>> low, high = t_interval([-0.2, -0.1, 0.0, 0.1, 0.2])
    >>> round(low, 3), round(high, 3)
    (-0.196, 0.196)
    """
    differences = np.asarray(differences, dtype="float64")
    n = len(differences)
    if n < MIN_SEEDS:
        return np.nan, np.nan
    reach = student.ppf((1 + LEVEL) / 2, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return float(differences.mean() - reach), float(differences.mean() + reach)


def _published_losses(scores, reading):
    """Log loss of the post's four strategies by seed, "weights" as one of its readings."""
    part = scores[(scores["published"] != "") & ~scores["strategy"].isin(set(READINGS) - {reading})]
    return part.pivot_table(index="seed", columns="published", values="log_loss")[list(PUBLISHED_ORDER)]


def order_counts(scores):
    """How often each order of the post's four strategies occurs.

    Returns
    -------
    pandas.DataFrame
        `data, weights, order, seeds, of, published`: a row per order that occurs, for each reading of the
        post's weights; the published order stands there even if it never occurs. A trial has no `published`.
    """
    rows = []
    for reading in READINGS:
        losses = _published_losses(scores, reading)
        orders = losses.apply(lambda row: tuple(row.sort_values(kind="stable").index), axis=1)
        counts = orders.value_counts().to_dict()
        if not is_trial(scores):
            counts.setdefault(PUBLISHED_ORDER, 0)
        rows += [
            {"data": mark_of(scores), "weights": reading, "order": " < ".join(order), "seeds": int(n),
             "of": len(losses), "published": order == PUBLISHED_ORDER}
            for order, n in sorted(counts.items(), key=lambda item: -item[1])
        ]  # fmt: skip
    orders = pd.DataFrame(rows)
    return orders.drop(columns="published") if is_trial(scores) else orders


def pair_counts(scores):
    """How often each published "A below B" holds, and by how much.

    Returns
    -------
    pandas.DataFrame
        `data, weights, better, worse, published_difference, difference, ci_low, ci_high, holds, of`:
        differences of the log loss, `better` minus `worse`; a trial has no published one. [nats]
    """
    rows = []
    for reading in READINGS:
        losses = _published_losses(scores, reading)
        for better, worse in combinations(PUBLISHED_ORDER, 2):
            difference = losses[better] - losses[worse]
            low, high = t_interval(difference)
            rows.append(
                {
                    "data": mark_of(scores),
                    "weights": reading,
                    "better": better,
                    "worse": worse,
                    "published_difference": PUBLISHED[better] - PUBLISHED[worse],
                    "difference": difference.mean(),
                    "ci_low": low,
                    "ci_high": high,
                    "holds": int((difference < 0).sum()),
                    "of": len(difference),
                }
            )
    pairs = pd.DataFrame(rows)
    return pairs.drop(columns="published_difference") if is_trial(scores) else pairs
