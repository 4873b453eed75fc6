"""Figures of held-out scores: recall at a stated rate of false alarms, probabilities, RMSE.

Intervals resample whole held-out groups; they hold for the fitted models and do not know how a fit on
other groups would differ, which the spread over folds shows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from imbalance.alarms import alarm_rates, count_alarms, exceedance, group_draws, interval, threshold_at
from imbalance.metrics import brier, weighted_log_loss
from imbalance.probability import fit_calibrator

#: The rule that takes a prediction by its word: PM2.5 above the level, or probability above a half.
PLAIN = "plain"
#: Method that the others are compared with.
BASELINE = "regression"
#: Rates of false alarms at which the curve is drawn.
CURVE_RATES = np.geomspace(0.001, 0.5, 40)
#: Bootstrap samples of average precision, each of which weighs all rows anew.
AP_DRAWS = 200
CLASSES = (False, True)


def rule_name(rate):
    """Name of the rule that asks for a rate of false alarms.

    >>> rule_name(0.05)
    '5 % false alarms'
    """
    return f"{rate * 100:g} % false alarms"


def judge_alarms(held_out, methods, hazardous, groups, *, above, rates, seed=0):
    """Recall, false alarms and precision of every method and rule.

    Parameters
    ----------
    held_out : list of imbalance.hazard.HeldOut
        Scores, one entry a fold.
    methods : dict of str to method
        Those that have scores.
    hazardous : numpy.ndarray of bool, shape (n_rows,)
        Which rows of the panel are hazardous.
    groups : numpy.ndarray of int, shape (n_rows,)
        Number of the held-out group of every row.
    above : float
        Level. [µg m⁻³]
    rates : sequence of float
        False alarms asked for.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    scores : DataFrame
        A row per method, rule and fold: `threshold, hits, events, false_alarms, others` and the rates.
    table : DataFrame
        A row per method and rule, folds pooled: the rates with intervals, their spread over folds, and
        the difference of the recall to the thresholded mean regression's.
    """
    n_groups = int(groups.max()) + 1
    draws = group_draws(n_groups, seed=seed)
    rows, counts = [], {}
    for name, method in methods.items():
        for part in held_out:
            inner, outer = part.inner[name], part.outer[name]
            thresholds = {rule_name(r): threshold_at(inner, hazardous[part.inner_rows], r) for r in rates}
            for rule, threshold in {PLAIN: method.plain_threshold(above), **thresholds}.items():
                test = part.fold.test
                table = count_alarms(outer > threshold, hazardous[test], groups[test], n_groups)
                counts[name, rule] = counts.get((name, rule), 0) + table
                rows.append(_fold_row(name, rule, part.fold.number, threshold, table.sum(axis=0)))
    scores = pd.DataFrame(rows)
    asked = {PLAIN: np.nan, **{rule_name(rate): rate for rate in rates}}
    table = [
        {
            "method": name,
            "rule": rule,
            "asked": asked[rule],
            **_pooled(counts[name, rule], counts.get((BASELINE, rule)), draws),
            **_spread(scores[(scores["method"] == name) & (scores["rule"] == rule)]),
        }
        for name, rule in counts
    ]
    return scores, pd.DataFrame(table)


def judge_methods(held_out, methods, panel_pm25, hazardous, groups, *, above, seed=0):
    """Figures of every method that need no threshold.

    Parameters
    ----------
    panel_pm25 : numpy.ndarray of shape (n_rows,)
        PM2.5. [µg m⁻³]
    held_out, methods, hazardous, groups, above, seed
        As in :func:`judge_alarms`.

    Returns
    -------
    DataFrame
        A row per method. Ranks: `average_precision` (mean over folds) with `_sd`, interval, and its
        difference to the mean regression's. Probabilities: `log_loss` and `brier` as a classifier gives
        them, and recalibrated on the inner folds, which gives every method one. Regressors: `rmse`,
        that of the hazardous and of the other rows, and the cost against the mean regression. [µg m⁻³]
    """
    n_groups = int(groups.max()) + 1
    draws = group_draws(n_groups, seed=seed)
    precision = {
        name: [_precision_draws(part, name, hazardous, groups, draws[:AP_DRAWS]) for part in held_out]
        for name in methods
    }
    squares = {
        name: _squares(held_out, name, panel_pm25, groups, n_groups)
        for name, method in methods.items()
        if method.kind == "regression"
    }
    rows = []
    for name, method in methods.items():
        row = {"method": name, "kind": method.kind}
        row |= _precision_row(precision[name], precision.get(BASELINE))
        row |= _probability_row(held_out, name, method, hazardous, above)
        if name in squares:
            row |= _error_row(held_out, name, panel_pm25, hazardous, squares, draws)
        rows.append(row)
    return pd.DataFrame(rows)


def alarm_curve(held_out, methods, hazardous, rates=CURVE_RATES):
    """Recall and false alarms of held-out rows as the threshold moves; thresholds from inner folds.

    Returns
    -------
    DataFrame
        `method, asked, false_alarm_rate, recall, precision`, folds pooled.
    """
    rows = []
    for name in methods:
        events, share = [], []
        for part in held_out:
            quiet = part.inner[name][~hazardous[part.inner_rows]]
            share.append(exceedance(quiet, part.outer[name]))
            events.append(hazardous[part.fold.test])
        share, events = np.concatenate(share), np.concatenate(events)
        for rate in rates:
            counts = count_alarms(share <= rate, events, np.zeros(len(events), dtype=int)).sum(axis=0)
            figures = {figure: float(value) for figure, value in alarm_rates(counts).items()}
            rows.append({"method": name, "asked": float(rate), **figures})
    return pd.DataFrame(rows)


def average_precision_draws(scores, event, weights):
    """Average precision under several weightings of the rows.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher means more likely an event.
    event : array-like of bool, shape (n_samples,)
        Which rows are events.
    weights : array-like of shape (n_draws, n_samples)
        Weights of the rows, one row a draw.

    Returns
    -------
    numpy.ndarray of shape (n_draws,)
        NaN where no event has weight.

    Examples
    --------
    Of three alarms in order, the first and the third are events: (1/1 + 2/3) / 2.

    >>> average_precision_draws([3, 2, 1], [True, False, True], [[1, 1, 1]]).round(3).tolist()
    [0.833]
    """
    scores, event = np.asarray(scores, dtype="float64"), np.asarray(event, dtype=bool)
    order = np.argsort(-scores, kind="stable")
    # Rows that tie come in together.
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    weights = np.asarray(weights, dtype="float64")[:, order]
    hits = np.cumsum(weights * event[order], axis=1)[:, ends]
    alarms = np.cumsum(weights, axis=1)[:, ends]
    precision = np.divide(hits, alarms, out=np.zeros_like(hits), where=alarms > 0)
    total = hits[:, -1]
    area = np.sum(np.diff(hits, axis=1, prepend=0) * precision, axis=1)
    return np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0)


def _fold_row(name, rule, fold, threshold, counts):
    hits, events, false_alarms, others = (int(count) for count in counts)
    figures = {figure: float(value) for figure, value in alarm_rates(counts).items()}
    return {
        "method": name,
        "rule": rule,
        "fold": fold,
        "threshold": threshold,
        "hits": hits,
        "events": events,
        "false_alarms": false_alarms,
        "others": others,
        **figures,
    }


def _pooled(counts, baseline, draws):
    total, drawn = alarm_rates(counts.sum(axis=0)), alarm_rates(draws @ counts)
    reach = counts[counts[:, 1] > 0]
    row = {"hits": int(counts[:, 0].sum()), "events": int(counts[:, 1].sum())}
    for figure, value in total.items():
        row[figure] = float(value)
        # Where nothing or everything is caught, every draw says the same, which is no certainty.
        known = interval(drawn[figure]) if 0 < value < 1 else (np.nan, np.nan)
        row[f"{figure}_low"], row[f"{figure}_high"] = known
    row["false_alarm_rate_where_reached"] = float(alarm_rates(reach.sum(axis=0))["false_alarm_rate"])
    if baseline is not None:
        difference = drawn["recall"] - alarm_rates(draws @ baseline)["recall"]
        row["vs_regression"] = row["recall"] - float(alarm_rates(baseline.sum(axis=0))["recall"])
        row["vs_low"], row["vs_high"] = interval(difference)
    return row


def _spread(folds):
    return {f"{figure}_sd": _sd(folds[figure]) for figure in ("recall", "false_alarm_rate", "precision")}


def _sd(values):
    values = np.asarray(values, dtype="float64")
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def _precision_draws(part, name, hazardous, groups, draws):
    """Average precision of a fold: as it is first, then of every bootstrap sample."""
    test = part.fold.test
    weights = np.vstack([np.ones(len(test)), draws[:, groups[test]]])
    return average_precision_draws(part.outer[name], hazardous[test], weights)


def _precision_row(folds, baseline):
    drawn = _mean(folds)
    row = {"average_precision": float(drawn[0]), "average_precision_sd": _sd([fold[0] for fold in folds])}
    row["average_precision_low"], row["average_precision_high"] = interval(drawn[1:])
    if baseline is not None:
        difference = drawn - _mean(baseline)
        row["ap_vs_regression"] = float(difference[0])
        row["ap_vs_low"], row["ap_vs_high"] = interval(difference[1:])
    return row


def _mean(folds):
    """Mean over the folds of every draw, leaving out folds that a draw leaves without an event."""
    table = np.stack(folds)
    known = np.isfinite(table)
    total = np.where(known, table, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(len(total), np.nan), where=known.any(axis=0))


def _probability_row(held_out, name, method, hazardous, above):
    own, mended, truth = [], [], []
    for part in held_out:
        inner = _two_columns(method.probability(part.inner[name], above))
        outer = _two_columns(method.probability(part.outer[name], above))
        own.append(outer)
        mended.append(fit_calibrator(inner, hazardous[part.inner_rows].astype(int))(outer))
        truth.append(hazardous[part.fold.test])
    truth, row = np.concatenate(truth), {}
    judged = {"_recalibrated": np.concatenate(mended)}
    if method.kind == "classifier":
        judged[""] = np.concatenate(own)
    for suffix, probabilities in judged.items():
        row[f"log_loss{suffix}"] = weighted_log_loss(truth, probabilities, classes=CLASSES)
        row[f"brier{suffix}"] = brier(truth, probabilities, classes=CLASSES)
    by_fold = [
        weighted_log_loss(hazardous[part.fold.test], values, classes=CLASSES)
        for part, values in zip(held_out, mended, strict=True)
    ]
    return row | {"log_loss_recalibrated_sd": _sd(by_fold)}


def _two_columns(probability):
    return np.column_stack([1 - probability, probability])


def _squares(held_out, name, pm25, groups, n_groups):
    """Sum of squared errors and number of rows of every group, shape (n_groups, 2)."""
    total = np.zeros((n_groups, 2))
    for part in held_out:
        test = part.fold.test
        square = np.square(part.outer[name] - pm25[test])
        total[:, 0] += np.bincount(groups[test], weights=square, minlength=n_groups)
        total[:, 1] += np.bincount(groups[test], minlength=n_groups)
    return total


def _error_row(held_out, name, pm25, hazardous, squares, draws):
    test = np.concatenate([part.fold.test for part in held_out])
    error = np.concatenate([part.outer[name] for part in held_out]) - pm25[test]
    row = {
        "rmse": _root(squares[name].sum(axis=0)),
        "rmse_sd": _sd([_rmse(part.outer[name] - pm25[part.fold.test]) for part in held_out]),
        "rmse_hazardous": _rmse(error[hazardous[test]]),
        "bias_hazardous": float(error[hazardous[test]].mean()),
        "rmse_others": _rmse(error[~hazardous[test]]),
    }
    if BASELINE in squares:
        row["rmse_cost"] = row["rmse"] - _root(squares[BASELINE].sum(axis=0))
        difference = _root(draws @ squares[name]) - _root(draws @ squares[BASELINE])
        row["rmse_cost_low"], row["rmse_cost_high"] = interval(difference)
    return {figure: float(value) for figure, value in row.items()}


def _root(sums):
    return np.sqrt(sums[..., 0] / sums[..., 1])


def _rmse(error):
    return float(np.sqrt(np.mean(np.square(error))))
