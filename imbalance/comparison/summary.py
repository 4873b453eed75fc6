"""What a comparison found: a row for each strategy and model, paired differences, and sentences."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import entr

from imbalance.comparison.strategies import AS_THEY_ARE, REFERENCE
from imbalance.metrics import corrected_t_interval
from imbalance.probability import kl_divergence

LEVEL = 0.95
KEYS = ["strategy", "model"]
#: Columns of the scores that are not averaged in the table.
PLACES = ["strategy", "model", "rows", "ending", "repeat", "fold", "log_loss"]
LAST = ["seconds", "calibration_slope", "calibration_intercept"]
#: Differences of the log loss smaller than this are rounding. [nats]
ROUNDING = 1e-9
#: Strategies or classes at most that a sentence lists by name.
LISTED = 4


def summary_table(scores, *, target, test_share):
    """One row per strategy and model, the lowest log loss first.

    Parameters
    ----------
    scores : DataFrame
        See :class:`imbalance.comparison.compare.Comparison`.
    target : dict of str to float
        Share of each class in the population to predict for.
    test_share : float
        Share of the rows that a fold tests on, for the intervals, see :func:`mean_test_share`.

    Returns
    -------
    DataFrame
        `strategy, model, rows, ending, log_loss, log_loss_sd, vs_none, ci_low, ci_high, wins, level,
        mismatch`, then the means of the other scores. `log_loss_sd` is the standard deviation over the
        folds; `vs_none` the mean difference to the same model with the rows as they are and nothing
        corrected, with its 95 % interval; `wins` the folds below that; `level` whether the row is not told
        apart from the first one, all rows considered (Bonferroni); `mismatch` the divergence of the target
        from the class shares that the probabilities stand for, as counted or, for EM, estimated.
        [nats; seconds in s]
    """
    losses = losses_by_fold(scores)
    best = losses.mean().idxmin()
    means = scores.drop(columns=[*PLACES, *(f"prior_{label}" for label in target)]).columns
    means = [*(name for name in means if name not in LAST and not _is_class_recall(name, target)), *LAST]
    rows = []
    for (strategy, model), own in scores.groupby(KEYS, sort=False):
        loss = losses[strategy, model]
        difference = _rounded(loss - losses[REFERENCE, model])
        low, high = corrected_t_interval(difference, test_share=test_share, level=LEVEL)
        rows.append(
            own[["strategy", "model", "rows", "ending"]].iloc[0].to_dict()
            | {
                "log_loss": loss.mean(),
                "log_loss_sd": loss.std(ddof=1),
                "vs_none": difference.mean(),
                "ci_low": low,
                "ci_high": high,
                "wins": int((difference < 0).sum()),
                "level": _is_level(loss - losses[best], test_share, len(losses.columns) - 1),
                "mismatch": _mismatch(own, target),
                **own[[*means, *(f"recall_{label}" for label in target)]].mean().to_dict(),
            }
        )
    return pd.DataFrame(rows).sort_values("log_loss", kind="stable").reset_index(drop=True)


def _is_class_recall(name, target):
    return name.startswith("recall_") and name.removeprefix("recall_") in target


def _is_level(difference, test_share, n_others):
    """Whether a difference to the lowest of all may be luck; any of the others might have been lowest."""
    level = 1 - (1 - LEVEL) / max(n_others, 1)
    return corrected_t_interval(_rounded(difference), test_share=test_share, level=level)[0] <= 0


def _mismatch(own, target):
    """Mean divergence over the folds, whose errors do not cancel."""
    stands_for = own[[f"prior_{label}" for label in target]].to_numpy()
    stands_for = stands_for / stands_for.sum(axis=1, keepdims=True)
    shares = list(target.values())
    return max(0.0, float(np.mean([kl_divergence(shares, prior) for prior in stands_for])))


def losses_by_fold(scores):
    """Log loss, a row per repeat and fold, a column per (strategy, model). [nats]"""
    table = scores.set_index(["repeat", "fold", *KEYS])["log_loss"].unstack(KEYS)  # noqa: PD010
    return table[list(dict.fromkeys(zip(scores["strategy"], scores["model"], strict=True)))]


def mean_test_share(splits):
    """Share of test rows whose ratio to the training rows is the mean ratio over all folds.

    Parameters
    ----------
    splits : list of (train, test)
        Row numbers.

    Returns
    -------
    float

    Examples
    --------
    >>> mean_test_share([([3], [0, 1, 2]), ([0, 1, 2], [3])])  # 3/1 and 1/3 have the mean 5/3
    0.625
    """
    ratio = np.mean([len(test) / len(train) for train, test in splits])
    return float(ratio / (1 + ratio))


def differences(scores, *, test_share):
    """Paired differences of the log loss between all pairs of rows of the table.

    Parameters
    ----------
    scores : DataFrame
        See :class:`imbalance.comparison.compare.Comparison`.
    test_share : float
        Share of the rows that a fold tests on.

    Returns
    -------
    DataFrame
        `strategy, model, other, other_model, difference, ci_low, ci_high, joint_low, joint_high, wins,
        folds`: log loss of `strategy` minus that of `other` [nats], its 95 % interval, and a wider one for
        the claim that the lowest of k is the best (Bonferroni, 1 - 5 % / (k - 1)): each of the others might
        have been the lowest by luck.
    """
    losses = losses_by_fold(scores)
    order = losses.mean().sort_values(kind="stable").index
    rows = []
    for one, other in combinations(order, 2):
        difference = _rounded(losses[one] - losses[other])
        row = dict(zip(["strategy", "model", "other", "other_model"], (*one, *other), strict=True))
        row["difference"] = difference.mean()
        for name, claims in (("ci", 1), ("joint", len(order) - 1)):
            level = 1 - (1 - LEVEL) / claims
            ends = corrected_t_interval(difference, test_share=test_share, level=level)
            row |= dict(zip([f"{name}_low", f"{name}_high"], ends, strict=True))
        rows.append(row | {"wins": int((difference < 0).sum()), "folds": len(difference)})
    columns = "strategy model other other_model difference ci_low ci_high joint_low joint_high wins folds"
    return pd.DataFrame(rows, columns=columns.split())


def _rounded(difference):
    return difference.where(difference.abs() > ROUNDING, 0.0)


def findings(table, scores, *, target):
    """Sentences that the figures support, the answer first.

    Parameters
    ----------
    table : DataFrame
        From :func:`summary_table`.
    scores : DataFrame
        See :class:`imbalance.comparison.compare.Comparison`.
    target : dict of str to float
        Share of each class in the population to predict for.

    Returns
    -------
    list of str
    """
    said = [
        answer(table),
        learner_or_rows(table),
        _why(table),
        beside_the_shares(table, target),
        _least_cost(table),
        estimated_prior(table, scores, target),
    ]
    return [sentence for sentence in said if sentence]


def answer(table):
    """The lowest log loss, what is not told apart from it, and how much better than nothing it is.

    Both are judged alike: it is not called better than nothing where it is not told apart from it.

    Examples
    --------
    >>> table = pd.DataFrame({"strategy": ["smote", "weights", "as they are"], "model": "lightgbm",
    ...     "log_loss": [0.3, 0.31, 0.54], "vs_none": [-0.24, -0.23, 0], "ci_low": [-0.43, -0.4, 0],
    ...     "ci_high": [-0.04, -0.1, 0], "level": [True, True, False]})
    >>> answer(table)
    'Cannot tell smote and weights apart on these rows; smote is 0.24 better than nothing (95 % 0.04 to \
0.43).'
    """
    best, names = table.iloc[0], _names(table)
    near = [name for name, level in zip(names, table["level"], strict=True) if level]
    if len(table) == 1:
        return f"{names[0]} has a log loss of {best['log_loss']:.3f}; there is nothing to compare it with."
    if len(near) == 1:
        told = f"{names[0]} has the lowest log loss, {best['log_loss']:.3f}, clearly below all others"
    elif len(near) == len(table):
        told = f"Cannot tell any of the {len(table)} apart on these rows; {names[0]} has the lowest log loss"
    elif len(near) <= LISTED:
        told = f"Cannot tell {_listed(near)} apart on these rows"
    else:
        told = (
            f"Cannot tell {len(near)} of {len(table)} apart on these rows; {names[0]} has the lowest log loss"
        )
    if best["strategy"] == REFERENCE:
        return f"{told}; it is nothing done to the rows and nothing corrected."
    who = "it" if names[0] in told.partition("Cannot")[0] or "; " in told else names[0]
    gain, low, high = (-best[name] for name in ("vs_none", "ci_high", "ci_low"))
    nothing = table[(table["strategy"] == REFERENCE) & (table["model"] == best["model"])]
    if not nothing["level"].any():
        return f"{told}; {who} is {gain:.2g} better than nothing (95 % {low:.2g} to {high:.2g})."
    alone = f", enough for one pair, not for the lowest of {len(table)}" if low > 0 else ""
    return (
        f"{told}; {who} is not clearly better than nothing (by {gain:.2g}, 95 % {low:.2g} to "
        f"{high:.2g}{alone})."
    )


def _names(table):
    """Name of each row: the strategy, with the model where there are several."""
    several = table["model"].nunique() > 1
    return (table["strategy"] + " with " + table["model"] if several else table["strategy"]).tolist()


def learner_or_rows(table):
    """By how much the learner moves the log loss, and what is done to the rows, once both are corrected.

    Examples
    --------
    >>> table = pd.DataFrame({"model": ["a", "a", "b", "b"], "rows": ["as they are", "smote"] * 2,
    ...     "ending": "prior", "log_loss": [0.3, 0.32, 0.5, 0.5]})
    >>> learner_or_rows(table)
    'The learner moves the log loss by 0.19 on average; what is done to the rows by 0.01 (prior).'
    """
    for ending in ("calibrated", "prior"):
        part = table[table["ending"] == ending]
        losses = part.pivot_table(index="rows", columns="model", values="log_loss").dropna()
        if losses.shape[0] > 1 and losses.shape[1] > 1:
            learner, rows = (np.ptp(losses.to_numpy(), axis=axis).mean() for axis in (1, 0))
            return (
                f"The learner moves the log loss by {learner:.2g} on average; what is done to the rows by "
                f"{rows:.2g} ({ending})."
            )
    return ""


def _why(table):
    """How much of what nothing loses is its prior: that alone is changed by the correction."""
    own = table[(table["rows"] == AS_THEY_ARE) & (table["model"] == table["model"].iloc[0])].set_index(
        "ending"
    )
    if not {"raw", "prior"} <= set(own.index) or not own.loc["prior", "ci_high"] < 0:
        return ""
    none, gain = own.loc["raw"], -own.loc["prior", "vs_none"]
    with_model = f" with {none['model']}" if table["model"].nunique() > 1 else ""
    return (
        f"{gain:.3f} of the {none['log_loss']:.3f} nats that the rows as they are lose{with_model} come from "
        "the wrong class shares: correcting these alone removes them."
    )


def beside_the_shares(table, target):
    """The log loss of a prediction without any model, the target's class shares: a sentence.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "strategy": ["weights", "smote"], "log_loss": [0.8, 0.5]})
    >>> beside_the_shares(table, {"a": 0.5, "b": 0.5})
    'Without a model, the class shares as every prediction, the log loss is 0.693: weights does worse.'
    """
    known = float(entr(np.array(list(target.values()))).sum())
    worse = [name for name, loss in zip(_names(table), table["log_loss"], strict=True) if loss > known]
    verdict = "all do better"
    if len(worse) > LISTED:
        verdict = f"{len(worse)} of {len(table)} do worse"
    elif worse:
        verdict = f"{_listed(worse)} {'does' if len(worse) == 1 else 'do'} worse"
    return f"Without a model, the class shares as every prediction, the log loss is {known:.3f}: {verdict}."


def _least_cost(table):
    if "cost" not in table:
        return ""
    place = int(table["cost"].to_numpy().argmin())
    first = (
        ""
        if place == 0
        else f"; {_names(table)[0]}, of the lowest log loss, costs {table['cost'].iloc[0]:.4g}"
    )
    return f"{_names(table)[place]} costs least, {table['cost'].iloc[place]:.4g} a row{first}."


def _listed(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def estimated_prior(table, scores, target):
    """What EM took the class shares for, in its best row: a sentence, nothing where there is none."""
    rows = table[table["ending"] == "em"]
    if rows.empty:
        return ""
    best = rows.iloc[0]
    own = scores[(scores["strategy"] == best["strategy"]) & (scores["model"] == best["model"])]
    found = [
        f"{label} {own[f'prior_{label}'].mean():.3f} ± {own[f'prior_{label}'].std(ddof=1):.3f} "
        f"({target[label]:.3g})"
        for label in sorted(target, key=target.get)[:LISTED]
    ]
    return (
        f"{_names(table)[rows.index[0]]} estimated the class shares, mean ± standard deviation over folds "
        f"(the truth in brackets): {', '.join(found)}{', …' if len(target) > LISTED else ''}."
    )


def mean_sweep(sweep, rare):
    """Mean log loss along the shares of the class at position `rare`. [nats]"""
    sweep = sweep.assign(share=sweep["prior"].str[rare])
    by = ["strategy", "model", "share"]
    return (
        sweep.groupby(by, sort=False)
        .agg(log_loss=("log_loss", "mean"), follows=("follows", "first"))
        .reset_index()
    )


def mean_reliability(bins, splits):
    """Bins of all folds together: means over the target population, each tested row counted once.

    Examples
    --------
    >>> bins = pd.DataFrame({"strategy": "s", "model": "m", "class": "a", "bin": [1, 1], "share": 0.5,
    ...     "predicted": 0.1, "observed": 0.2, "rows": 3})
    >>> twice = [([3], [0, 1, 2]), ([4], [0, 1, 2])]
    >>> mean_reliability(bins, twice)[["predicted", "observed", "rows"]].to_numpy().tolist()
    [[0.2, 0.4, 3.0]]
    """
    tested = np.concatenate([test for _, test in splits])
    summed = ["share", "predicted", "observed", "rows"]
    sums = bins.groupby(["strategy", "model", "class", "bin"])[summed].sum()
    sums[["predicted", "observed"]] = sums[["predicted", "observed"]].div(sums["share"], axis=0)
    sums["share"] /= sums.groupby(["strategy", "model", "class"])["share"].transform("sum")
    sums["rows"] /= len(tested) / len(np.unique(tested))
    return sums.reset_index()
