"""What a comparison found: one row a strategy, paired differences, and the sentences they support."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from imbalance.metrics import corrected_t_interval
from imbalance.priors import kl_divergence
from imbalance.strategies import StrategyFailed

REFERENCE = "none"
CORRECTED = "none+prior"
LEVEL = 0.95
KEYS = ["strategy", "model"]
FOLD = ["repeat", "fold"]
FIGURES = ["brier", "auc", "average_precision", "seconds", "calibration_slope", "calibration_intercept"]
#: Differences of the log loss smaller than this are rounding. [nats]
ROUNDING = 1e-9


def summary_table(scores, *, target, test_share):
    """One row per strategy and model, the lowest log loss of a model first.

    Parameters
    ----------
    scores : DataFrame
        See :class:`imbalance.comparison.Comparison`.
    target : dict of str to float
        Share of each class in the population to predict for.
    test_share : float
        Share of the rows that a fold tests on, for the intervals; as the folds are, see
        :func:`imbalance.comparison.mean_test_share`.

    Returns
    -------
    DataFrame
        `strategy, model, log_loss, log_loss_sd, vs_none, ci_low, ci_high, wins, prior_kl, brier, auc,
        average_precision, seconds, calibration_slope, calibration_intercept` and `recall_CLASS`. Means
        over the folds; `log_loss_sd` is their standard deviation, `vs_none` the mean difference to the
        same model under "none" with its corrected 95 % interval, `wins` the folds with less log loss
        than "none", `prior_kl` the divergence of the target from the nominal prior of the probabilities,
        as counted from labels and weights: for SMOTE, repeated rows and weights boosted trees do not stand
        for the counted prior. [nats; seconds in s]
    """
    rows = []
    for model in scores["model"].unique():
        part = scores[scores["model"] == model]
        losses = losses_by_fold(part, model)
        found = [_row(part, losses, name, model, target, test_share) for name in losses.columns]
        rows += sorted(found, key=lambda row: row["log_loss"])
    return pd.DataFrame(rows)


def _row(part, losses, name, model, target, test_share):
    own = part[part["strategy"] == name]
    low, high = _interval(losses[name] - losses[REFERENCE], test_share)
    difference = _rounded(losses[name] - losses[REFERENCE])
    stands_for = own[[f"prior_{label}" for label in target]].mean().to_numpy()
    recalls = [f"recall_{label}" for label in target]
    return {
        "strategy": name,
        "model": model,
        "log_loss": losses[name].mean(),
        "log_loss_sd": losses[name].std(ddof=1),
        "vs_none": difference.mean(),
        "ci_low": low,
        "ci_high": high,
        "wins": int((difference < 0).sum()),
        "prior_kl": max(0.0, kl_divergence(list(target.values()), stands_for / stands_for.sum())),
        **own[FIGURES + recalls].mean().to_dict(),
    }


def losses_by_fold(scores, model):
    """Log loss of a model, a row per repeat and fold, a column per strategy. [nats]"""
    part = scores[scores["model"] == model]
    table = part.set_index([*FOLD, "strategy"])["log_loss"].unstack()  # noqa: PD010
    return table[list(part["strategy"].unique())]


def differences(scores, *, test_share):
    """Paired differences of the log loss between all pairs of strategies of a model.

    Parameters
    ----------
    scores : DataFrame
        See :class:`imbalance.comparison.Comparison`.
    test_share : float
        Share of the rows that a fold tests on.

    Returns
    -------
    DataFrame
        `model, strategy, other, difference, ci_low, ci_high, joint_low, joint_high, wins, folds`: log loss
        of `strategy` minus that of `other` [nats], its 95 % interval, and the one that holds for all pairs
        of the model together (Bonferroni).
    """
    columns = ["model", "strategy", "other", "difference", "ci_low", "ci_high", "joint_low", "joint_high"]
    rows = []
    for model in scores["model"].unique():
        losses = losses_by_fold(scores, model)
        order = losses.mean().sort_values(kind="stable").index
        pairs = list(combinations(order, 2))
        for name, other in pairs:
            difference = _rounded(losses[name] - losses[other])
            low, high = _interval(difference, test_share)
            joint = _interval(difference, test_share, level=1 - (1 - LEVEL) / len(pairs))
            values = (model, name, other, difference.mean(), low, high, *joint)
            facts = {"wins": int((difference < 0).sum()), "folds": len(difference)}
            rows.append(dict(zip(columns, values, strict=True)) | facts)
    return pd.DataFrame(rows, columns=[*columns, "wins", "folds"])


def _rounded(difference):
    return difference.where(difference.abs() > ROUNDING, 0.0)


def _interval(difference, test_share, *, level=LEVEL):
    return corrected_t_interval(_rounded(difference), test_share=test_share, level=level)


def findings(table, pairs):
    """Sentences that the figures support, and no more.

    Parameters
    ----------
    table : DataFrame
        From :func:`summary_table`.
    pairs : DataFrame
        From :func:`differences`.

    Returns
    -------
    list of str
    """
    sentences = []
    for model in table["model"].unique():
        part, own = table[table["model"] == model], pairs[pairs["model"] == model]
        sentences += [
            f"{model}: {sentence}"
            for sentence in filter(
                None, [_best(part, own), _against_none(part, own), _among(own), _why(part)]
            )
        ]
    return sentences


def _best(part, own):
    best = part.iloc[0]
    near = [row.other for row in own.itertuples() if row.strategy == best["strategy"] and row.ci_high >= 0]
    sentence = (
        f"the lowest mean log loss is {best['log_loss']:.3f} ± {best['log_loss_sd']:.3f}, {best['strategy']}"
    )
    if not near:
        return sentence + ", less than that of every other strategy beyond noise."
    return sentence + f"; the folds do not tell it from {_listed(near)}."


def _against_none(part, own):
    others = part[part["strategy"] != REFERENCE]
    if others.empty:
        return ""
    better = others.loc[others["ci_high"] < 0, "strategy"]
    worse = others.loc[others["ci_low"] > 0, "strategy"]
    neither = others.loc[~others["strategy"].isin([*better, *worse]), "strategy"]
    said = [
        f"{verdict} {_listed(names)}"
        for verdict, names in [
            ("better is", better) if len(better) == 1 else ("better are", better),
            ("worse is", worse) if len(worse) == 1 else ("worse are", worse),
            ("no difference shows for", neither),
        ]
        if len(names)
    ]
    return f"against none, {'; '.join(said)} (95 % intervals of the paired difference)."


def _among(own):
    if len(own) < 2:
        return ""
    clear = int(((own["ci_high"] < 0) | (own["ci_low"] > 0)).sum())
    joint = int(((own["joint_high"] < 0) | (own["joint_low"] > 0)).sum())
    return (
        f"of {len(own)} pairs of strategies {clear} differ beyond noise one by one, {joint} when all pairs "
        "are judged together (Bonferroni)."
    )


def _why(part):
    """How much of what none loses is its prior: it alone is changed by the correction."""
    rows = part.set_index("strategy")
    if CORRECTED not in rows.index or not rows.loc[CORRECTED, "ci_high"] < 0:
        return ""
    none, gain = rows.loc[REFERENCE], -rows.loc[CORRECTED, "vs_none"]
    return (
        f"why: {gain:.3f} of the {none['log_loss']:.3f} that none loses go when nothing but the prior of its "
        f"probabilities is corrected; for exact posteriors at most {none['prior_kl']:.3f} would (a guide)."
    )


def _listed(names):
    names = list(names)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def check_finite(scores):
    """Refuse scores with a missing log loss, which no mean or interval could hide.

    Raises
    ------
    StrategyFailed
        Naming the first strategy and fold.
    """
    bad = scores[~np.isfinite(scores["log_loss"])]
    if len(bad):
        first = bad.iloc[0]
        raise StrategyFailed(
            f"Strategy {first['strategy']!r} has no log loss in fold {first['fold'] + 1} of repetition "
            f"{first['repeat'] + 1}: its probabilities are not numbers."
        )
