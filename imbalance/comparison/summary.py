"""What a comparison found: a row for each strategy and model, paired differences, and sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import entr
from scipy.stats import t as student

from imbalance.comparison.strategies import AS_THEY_ARE
from imbalance.metrics import corrected_error
from imbalance.probability import kl_divergence

LEVEL, DRAWS = 0.95, 5000
KEYS = ["strategy", "model"]
#: Columns of the scores that are not averaged in the table.
PLACES = [*KEYS, "rows", "ending", "repeat", "fold", "log_loss", "cost"]
LAST = ["seconds", "calibration_slope", "calibration_intercept"]
#: Differences smaller than this are rounding.
ROUNDING = 1e-9
#: Strategies or classes at most that a sentence lists by name.
LISTED = 4


def ranked_by(table):
    """Return the score that orders a table: the cost where costs were given, the log loss otherwise."""
    return "cost" if "cost" in table else "log_loss"


def summary_table(scores, *, target, test_share):
    """Return a row per strategy and model, the lowest cost first, or log loss where there are no costs.

    `log_loss_sd` is the standard deviation over the folds; `vs_none` the mean difference to the same model
    with the rows as they are and nothing corrected, with its 95 % interval; `wins` the folds below that;
    `level` whether no other row is told to be better, see :func:`may_be_best`; `mismatch` the divergence of
    the target from the class shares that the probabilities stand for, as counted or, for EM, estimated.
    `target` is the share of each class by name, `test_share` that of a fold's test rows among all.
    """
    figures = {name: by_fold(scores, name) for name in ("cost", "log_loss") if name in scores}
    dropped = [*PLACES, *LAST, *(f"{what}_{name}" for what in ("prior", "recall") for name in target)]
    means = [*scores.columns.drop(dropped, errors="ignore"), *LAST, *(f"recall_{name}" for name in target)]
    keyed = scores.groupby(KEYS, sort=False)
    table = keyed[["rows", "ending"]].first()
    for name, values in figures.items():
        table[name] = values.mean()
        if name == "log_loss":
            table["log_loss_sd"] = values.std()
        difference = values - values[[(AS_THEY_ARE, model) for _, model in values]].to_numpy()
        difference = difference.where(difference.abs() > ROUNDING, 0.0)
        table[list(_TO_NONE[name])] = np.transpose(_mean_interval(difference, test_share))
    table["wins"] = (difference < 0).sum()
    table["level"] = may_be_best(figures[ranked_by(scores)], test_share)
    # The mean over the folds, whose errors do not cancel.
    priors, shares = [f"prior_{label}" for label in target], list(target.values())
    of_folds = [kl_divergence(shares, prior / prior.sum()) for prior in scores[priors].to_numpy()]
    table["mismatch"] = scores[KEYS].assign(of=of_folds).groupby(KEYS, sort=False)["of"].mean().clip(lower=0)
    table = table.join(keyed[means].mean()).reset_index()
    return table.sort_values([*figures], kind="stable", ignore_index=True)


def _mean_interval(differences, test_share):
    """Return means of paired differences, a column each, and the ends of their intervals, see
    :func:`imbalance.metrics.corrected_t_interval`."""
    mean = np.asarray(differences).mean(axis=0)
    quantile = student.ppf((1 + LEVEL) / 2, len(differences) - 1)
    reach = quantile * corrected_error(np.asarray(differences), test_share)
    return mean, mean - reach, mean + reach


#: Score -> columns of its difference to none and of the ends of the interval.
_TO_NONE = {
    "log_loss": ("vs_none", "ci_low", "ci_high"),
    "cost": ("cost_vs_none", "cost_low", "cost_high"),
}


def by_fold(scores, name="log_loss"):
    """Return a score, a row per repeat and fold, a column per (strategy, model)."""
    table = scores.set_index(["repeat", "fold", *KEYS])[name].unstack(KEYS)  # noqa: PD010
    return table[list(dict.fromkeys(zip(scores["strategy"], scores["model"], strict=True)))]


def joint_reach(figures, test_share):
    """Return how far below each column (row) the mean of each other one (column) must lie to be told lower.

    Hsu's multiple comparisons with the best [1]_: an error of any of the comparisons with one column has a
    chance of 2.5 %, as at one end of a 95 % interval. The largest of them by luck is drawn as in a bootstrap,
    folds multiplied by Gaussian noise, so that columns which go up and down together count as few.

    References
    ----------
    .. [1] J. Hsu, Multiple comparisons: theory and methods, Chapman & Hall 1996, chapter 4.
    """
    rng, n, values = np.random.default_rng(0), len(figures), figures.to_numpy()
    noise = rng.standard_normal((DRAWS, n)) / np.sqrt(rng.chisquare(n - 1, (DRAWS, 1)) / (n - 1))
    centred, tail, reach = values - values.mean(axis=0), (1 + LEVEL) / 2, []
    drawn, alone = noise @ centred, student.ppf(tail, n - 1)
    for number in range(values.shape[1]):
        size = np.linalg.norm(centred[:, [number]] - centred, axis=0)
        moving, factor = size > ROUNDING, alone
        if moving.sum() > 1:
            largest = ((drawn[:, [number]] - drawn[:, moving]) / size[moving]).max(axis=1)
            factor = max(alone, np.quantile(largest, tail))
        reach.append(factor * corrected_error(values[:, [number]] - values, test_share))
    return np.array(reach)


def may_be_best(figures, test_share):
    """Return of each column whether no other one is told to be lower: the lowest in truth is among them."""
    reach, means = joint_reach(figures, test_share), figures.mean().to_numpy()
    above = means[:, None] - means
    return pd.Series(np.all(above <= np.maximum(reach, ROUNDING), axis=1), index=figures.columns)


def mean_test_share(splits):
    """Return the share of test rows whose ratio to the training rows is the mean ratio over all folds.

    >>> mean_test_share([([3], [0, 1, 2]), ([0, 1, 2], [3])])  # 3/1 and 1/3 have the mean 5/3
    0.625
    """
    ratio = np.mean([len(test) / len(train) for train, test in splits])
    return float(ratio / (1 + ratio))


def differences(scores, *, test_share):
    """Return a row per pair: log loss of `strategy` minus that of `other`, the lower first. [nats]

    `ci_low, ci_high` are its 95 % interval, `joint_low, joint_high` a wider one, by which `other` is compared
    with all at once, see :func:`joint_reach`.
    """
    losses = by_fold(scores)
    losses = losses[losses.mean().sort_values(kind="stable").index]
    one, other = np.triu_indices(losses.shape[1], 1)
    paired = losses.to_numpy()[:, one] - losses.to_numpy()[:, other]
    paired = np.where(np.abs(paired) > ROUNDING, paired, 0.0)
    mean, low, high = _mean_interval(paired, test_share)
    far, names = joint_reach(losses, test_share)[other, one], losses.columns.to_frame(index=False)
    others = names.iloc[other].set_axis(["other", "other_model"], axis=1).reset_index(drop=True)
    return pd.concat([names.iloc[one].reset_index(drop=True), others], axis=1).assign(
        difference=mean, ci_low=low, ci_high=high, joint_low=mean - far, joint_high=mean + far,
        wins=(paired < 0).sum(axis=0), folds=len(losses),
    )  # fmt: skip


def findings(table, scores, *, target):
    """Return the sentences that the figures support, the answer first."""
    said = [
        answer(table),
        _log_loss_beside(table),
        learner_or_rows(table),
        _why(table),
        beside_the_shares(table, target),
        estimated_prior(table, scores, target),
    ]
    return [sentence for sentence in said if sentence]


def answer(table):
    """Return the best, what is not told apart from it, and how much better than nothing it is.

    Both are judged alike: it is not called better than nothing where it is not told apart from it.

    >>> table = pd.DataFrame({"strategy": ["smote", "weights", "as they are"], "model": "lightgbm",
    ...     "log_loss": [0.3, 0.31, 0.54], "vs_none": [-0.24, -0.23, 0], "ci_low": [-0.43, -0.4, 0],
    ...     "ci_high": [-0.04, -0.1, 0], "level": [True, True, False]})
    >>> answer(table)
    'Cannot tell smote and weights apart on these rows; smote is 0.24 better than nothing (95 % 0.04 to \
0.43).'
    """
    best, names, score = table.iloc[0], _names(table), ranked_by(table)
    near = [name for name, level in zip(names, table["level"], strict=True) if level]
    has, lowest, value = {
        "log_loss": ("has a log loss of", "has the lowest log loss", f"{best['log_loss']:.3f}"),
        "cost": ("costs", "costs least", f"{best.get('cost', 0):.4g} a row"),
    }[score]
    if len(table) == 1:
        return f"{names[0]} {has} {value}; there is nothing to compare it with."
    who, told = "it", f"{names[0]} {lowest}, {value}, clearly below all others"
    if len(near) > 1:
        many = f"any of the {len(table)}" if len(near) == len(table) else f"{len(near)} of {len(table)}"
        told = f"Cannot tell {many} apart on these rows; {names[0]} {lowest}"
    if 1 < len(near) <= LISTED and len(near) < len(table):
        who, told = names[0], f"Cannot tell {_listed(near)} apart on these rows"
    if best["strategy"] == AS_THEY_ARE:
        return f"{told}; {who} is nothing done to the rows and nothing corrected."
    gain, high, low = (-best[name] for name in _TO_NONE[score])
    nothing = table[(table["strategy"] == AS_THEY_ARE) & (table["model"] == best["model"])]
    sure, interval = not nothing["level"].any(), f"95 % {low:.2g} to {high:.2g}"
    if not sure and low <= 0:
        return f"{told}; {who} is not clearly better than nothing (by {gain:.2g}, {interval})."
    luck = "" if sure else f", but the best of {len(table)} can be that much better by luck"
    return f"{told}; {who} is {gain:.2g} better than nothing ({interval}){luck}."


def _names(table):
    """Return the name of each row: the strategy, with the model where there are several."""
    several = table["model"].nunique() > 1
    return (table["strategy"] + " with " + table["model"] if several else table["strategy"]).tolist()


def _listed(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _log_loss_beside(table):
    """Return where the cheapest row stands by log loss."""
    if ranked_by(table) == "log_loss" or len(table) == 1:
        return ""
    first, losses = table["log_loss"].iloc[0], table["log_loss"].to_numpy()
    if first <= losses.min():
        return f"Its log loss, {first:.3f}, is the lowest, too."
    lowest = _names(table)[int(losses.argmin())]
    return f"{lowest} has the lowest log loss, {losses.min():.3f}; {_names(table)[0]} has {first:.3f}."


def learner_or_rows(table):
    """Return by how much the learner, and what is done to the rows, move the log loss of corrected rows."""
    for ending in ("calibrated", "prior"):
        part = table[table["ending"] == ending]
        losses = part.pivot_table(index="rows", columns="model", values="log_loss").dropna()
        if min(losses.shape) > 1:
            learner, rows = (np.ptp(losses.to_numpy(), axis=axis).mean() for axis in (1, 0))
            return (
                f"The learner moves the log loss by {learner:.2g} on average; what is done to the rows by "
                f"{rows:.2g} ({ending})."
            )
    return ""


def _why(table):
    """Return how much of what nothing loses is its prior: that alone is changed by the correction."""
    model, several = table["model"].iloc[0], table["model"].nunique() > 1
    own = table[(table["rows"] == AS_THEY_ARE) & (table["model"] == model)].set_index("ending")
    if not {"raw", "prior"} <= set(own.index) or not own.loc["prior", "ci_high"] < 0:
        return ""
    return (
        f"{-own.loc['prior', 'vs_none']:.3f} of the {own.loc['raw', 'log_loss']:.3f} nats that the rows as "
        f"they are lose{f' with {model}' if several else ''} come from the wrong class shares: correcting "
        "these alone removes them."
    )


def beside_the_shares(table, target):
    """Return a sentence on the log loss of a prediction without any model: the target's class shares.

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


def estimated_prior(table, scores, target):
    """Return a sentence on what EM took the class shares for, in its best row; "" where there is none."""
    rows = table[table["ending"] == "em"]
    if rows.empty:
        return ""
    own = scores.set_index(KEYS).loc[[tuple(rows.iloc[0][KEYS])]]
    own = own[[f"prior_{label}" for label in target]].set_axis(target, axis=1).agg(["mean", "std"])
    found = [
        f"{label} {own.loc['mean', label]:.3f} ± {own.loc['std', label]:.3f} ({target[label]:.3g})"
        for label in sorted(target, key=target.get)[:LISTED]
    ]
    return (
        f"{_names(table)[rows.index[0]]} estimated the class shares, mean ± standard deviation over folds "
        f"(the truth in brackets): {', '.join(found)}{', …' if len(target) > LISTED else ''}."
    )


def mean_sweep(sweep, rare):
    """Return the mean log loss along the shares of the class at position `rare`. [nats]"""
    sweep = sweep.assign(share=sweep["prior"].str[rare]).groupby([*KEYS, "share"], sort=False)
    return sweep.agg({"log_loss": "mean", "follows": "first"}).reset_index()


def mean_reliability(bins, splits):
    """Return the bins of all folds together: means over the target population, each tested row counted once.

    >>> bins = pd.DataFrame({"strategy": "s", "model": "m", "class": "a", "bin": [1, 1], "share": 0.5,
    ...     "predicted": 0.1, "observed": 0.2, "rows": 3})
    >>> twice = [([3], [0, 1, 2]), ([4], [0, 1, 2])]
    >>> mean_reliability(bins, twice)[["predicted", "observed", "rows"]].to_numpy().tolist()
    [[0.2, 0.4, 3.0]]
    """
    tested = np.concatenate([test for _, test in splits])
    sums = bins.groupby([*KEYS, "class", "bin"])[["share", "predicted", "observed", "rows"]].sum()
    sums[["predicted", "observed"]] = sums[["predicted", "observed"]].div(sums["share"], axis=0)
    sums["share"] /= sums.groupby([*KEYS, "class"])["share"].transform("sum")
    sums["rows"] /= len(tested) / len(np.unique(tested))
    return sums.reset_index()
