"""What a comparison found: one row a strategy, paired differences, and the sentences they support."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import entr

from imbalance.metrics import corrected_t_interval
from imbalance.probability import kl_divergence

REFERENCE = "none"
CORRECTED = "none+prior"
LEVEL = 0.95
KEYS = ["strategy", "model"]
FOLD = ["repeat", "fold"]
FIGURES = ["brier", "auc", "average_precision", "seconds", "calibration_slope", "calibration_intercept"]
#: Differences of the log loss smaller than this are rounding. [nats]
ROUNDING = 1e-9
JOINTLY = "all strategies judged jointly, Bonferroni"


def summary_table(scores, *, target, test_share):
    """One row per strategy and model, the lowest log loss of a model first.

    Parameters
    ----------
    scores : DataFrame
        See :class:`imbalance.comparison.compare.Comparison`.
    target : dict of str to float
        Share of each class in the population to predict for.
    test_share : float
        Share of the rows that a fold tests on, for the intervals; as the folds are, see
        :func:`imbalance.comparison.compare.mean_test_share`.

    Returns
    -------
    DataFrame
        `strategy, model, log_loss, log_loss_sd, vs_none, ci_low, ci_high, wins, prior_kl, brier, auc,
        average_precision, seconds, calibration_slope, calibration_intercept` and `recall_CLASS`. Means
        over the folds; `log_loss_sd` is their standard deviation, `vs_none` the mean difference to the
        same model under "none" with its corrected 95 % interval, each for itself, `wins` the folds with
        less log loss than "none", `prior_kl` the divergence of the target from the prior of the
        probabilities: for EM the estimated one, else as counted from labels and weights (for SMOTE,
        repeated rows and weights boosted trees do not stand for the counted prior). [nats; seconds in s]
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
    stands_for = own[[f"prior_{label}" for label in target]].to_numpy()
    stands_for = stands_for / stands_for.sum(axis=1, keepdims=True)
    mismatch = np.mean([kl_divergence(list(target.values()), prior) for prior in stands_for])
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
        "prior_kl": max(0.0, float(mismatch)),
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
        See :class:`imbalance.comparison.compare.Comparison`.
    test_share : float
        Share of the rows that a fold tests on.

    Returns
    -------
    DataFrame
        `model, strategy, other, difference, ci_low, ci_high, best_low, best_high, joint_low, joint_high,
        wins, folds`: log loss of `strategy` minus that of `other` [nats], its 95 % interval, and two wider
        ones (Bonferroni): for the claim that the lowest of k strategies is the best, 1 - 5 % / (k - 1),
        since each of the others might have been the lowest by luck; and for all pairs of the model together.
    """
    ends = ["ci_low", "ci_high", "best_low", "best_high", "joint_low", "joint_high"]
    columns = ["model", "strategy", "other", "difference", *ends]
    rows = []
    for model in scores["model"].unique():
        losses = losses_by_fold(scores, model)
        order = losses.mean().sort_values(kind="stable").index
        pairs = list(combinations(order, 2))
        for name, other in pairs:
            difference = _rounded(losses[name] - losses[other])
            intervals = [
                _interval(difference, test_share, level=1 - (1 - LEVEL) / claims)
                for claims in (1, len(order) - 1, len(pairs))
            ]
            values = (model, name, other, difference.mean(), *(end for pair in intervals for end in pair))
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
        said = [_best(part, own), _against_none(part), _among(own), _why(part)]
        sentences += [_of(model, table) + sentence for sentence in said if sentence]
    return sentences


def _of(model, table):
    """What a sentence begins with: the model, where there are several."""
    return f"{model}: " if table["model"].nunique() > 1 else ""


def _best(part, own):
    """The lowest mean was chosen after looking at all, so the strategies are judged together."""
    best = part.iloc[0]
    near = [row.other for row in own.itertuples() if row.strategy == best["strategy"] and row.best_high >= 0]
    sentence = (
        f"{best['strategy']} has the lowest mean log loss, {best['log_loss']:.3f} ± "
        f"{best['log_loss_sd']:.3f} (± standard deviation over folds)"
    )
    if len(part) == 1:
        return sentence + "; there is no other strategy to compare it with."
    if not near:
        return sentence + f", clearly lower than every other strategy ({JOINTLY})."
    return sentence + f", but not clearly lower than {_listed(near)} ({JOINTLY})."


def _against_none(part):
    others = part[part["strategy"] != REFERENCE]
    if others.empty:
        return ""
    lower = others.loc[others["ci_high"] < 0, "strategy"]
    higher = others.loc[others["ci_low"] > 0, "strategy"]
    neither = others.loc[~others["strategy"].isin([*lower, *higher]), "strategy"]
    said = [
        f"{verdict} {_listed(names)}"
        for verdict, names in [
            ("lower log loss with", lower),
            ("higher log loss with", higher),
            ("no clear difference with", neither),
        ]
        if len(names)
    ]
    return (
        f"Compared with none (rows as they are): {'; '.join(said)} (95 % interval of the paired difference, "
        "each strategy by itself)."
    )


def _among(own):
    if len(own) < 2:
        return ""
    clear = int(((own["ci_high"] < 0) | (own["ci_low"] > 0)).sum())
    joint = int(((own["joint_high"] < 0) | (own["joint_low"] > 0)).sum())
    return (
        f"Of {len(own)} pairs of strategies, {clear} differ clearly when each pair is judged by itself, "
        f"{joint} when all pairs are judged together (Bonferroni)."
    )


def _why(part):
    """How much of what none loses is its prior: it alone is changed by the correction."""
    rows = part.set_index("strategy")
    if CORRECTED not in rows.index or not rows.loc[CORRECTED, "ci_high"] < 0:
        return ""
    none, gain = rows.loc[REFERENCE], -rows.loc[CORRECTED, "vs_none"]
    return (
        f"Why: {gain:.3f} of the {none['log_loss']:.3f} nats of none's log loss come from the wrong class "
        f"prior, the only thing that {CORRECTED} changes. With exact posteriors that prior would cost "
        f"{none['prior_kl']:.3f} nats at most (a guide)."
    )


def beside_the_shares(table, target):
    """The log loss of a prediction without any model, the class shares: a sentence for each model.

    Parameters
    ----------
    table : DataFrame
        From :func:`summary_table`.
    target : dict of str to float
        Share of each class in the population to predict for.

    Returns
    -------
    list of str

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "strategy": ["none", "smote"], "log_loss": [0.8, 0.5]})
    >>> beside_the_shares(table, {"a": 0.5, "b": 0.5})
    ["Predicting the target's class shares for every row, without a model, has a log loss of 0.693 nats: \
none does worse."]
    """
    shares = np.array(list(target.values()))
    known = float(entr(shares).sum())
    sentences = []
    for model, part in table.groupby("model", sort=False):
        worse = part.loc[part["log_loss"] > known, "strategy"]
        verdict = "every strategy does better"
        if len(worse):
            verdict = f"{_listed(worse)} {'does' if len(worse) == 1 else 'do'} worse"
        sentences.append(
            f"{_of(model, table)}Predicting the target's class shares for every row, without a model, has a "
            f"log loss of {known:.3f} nats: {verdict}."
        )
    return sentences


def _listed(names):
    names = list(names)
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


#: Classes at most whose estimated shares a sentence lists.
LISTED = 4


def estimated_priors(scores, names, *, target):
    """What EM took the class shares for: a sentence for each model and strategy that estimates them.

    Parameters
    ----------
    scores : DataFrame
        See :class:`imbalance.comparison.compare.Comparison`.
    names : list of str
        Strategies that estimate the prior.
    target : dict of str to float
        True share of each class in the rows that EM saw, but for the luck of the draw.

    Returns
    -------
    list of str
    """
    shown = sorted(target, key=target.get)[:LISTED]
    sentences = []
    for (model, name), own in scores[scores["strategy"].isin(names)].groupby(
        ["model", "strategy"], sort=False
    ):
        shares = [own[f"prior_{label}"] for label in shown]
        found = [
            f"{label} {share.mean():.3f} ± {share.std(ddof=1):.3f} ({target[label]:.3g})"
            for label, share in zip(shown, shares, strict=True)
        ]
        sentences.append(
            f"{_of(model, scores)}{name} estimated the class shares, mean ± standard deviation over folds "
            "(the truth in brackets): "
            f"{', '.join(found)}{', …' if len(target) > LISTED else ''}."
        )
    return sentences


def mean_sweep(sweep, rare):
    """Mean log loss along the shares of the class at position `rare`. [nats]"""
    sweep = sweep.assign(share=sweep["prior"].str[rare])
    by = ["strategy", "model", "share"]
    return (
        sweep.groupby(by, sort=False)
        .agg(log_loss=("log_loss", "mean"), follows=("follows", "first"))
        .reset_index()
    )


def mean_reliability(bins, n_repeats):
    """Bins of all folds together: means over the target population, rows as in one repetition."""
    summed = ["share", "predicted", "observed", "rows"]
    sums = bins.groupby(["strategy", "model", "class", "bin"])[summed].sum()
    sums[["predicted", "observed"]] = sums[["predicted", "observed"]].div(sums["share"], axis=0)
    sums["share"] /= sums.groupby(["strategy", "model", "class"])["share"].transform("sum")
    sums["rows"] /= n_repeats
    return sums.reset_index()
