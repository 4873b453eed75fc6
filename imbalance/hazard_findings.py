"""Sentences about hazardous days that the figures of a comparison support, and no more."""

from __future__ import annotations

import math

from airq.units import PM25_UNIT
from airq.validation.schemes import PLURALS
from imbalance.hazard_scores import BASELINE, PLAIN, rule_name

#: With fewer held-out groups that reach the level, their bootstrap is called rough.
ENOUGH_GROUPS = 20
#: A class of more than this share of the rows is called common.
RARE_SHARE = 0.2
#: Of the rates of false alarms that were asked for, the one nearest to this stands first.
USUAL_RATE = 0.05


def headline_rate(settings):
    """The rate of false alarms that stands first.

    >>> headline_rate({"rates": [0.01, 0.05, 0.1]}), headline_rate({"rates": [0.2]})
    (0.05, 0.2)
    """
    return min(settings["rates"], key=lambda rate: abs(rate - USUAL_RATE))


def headlines(comparison):
    """The sentences that answer the question, for a terminal; :func:`findings` has them all.

    Parameters
    ----------
    comparison : imbalance.hazard.HazardComparison
        What was found.

    Returns
    -------
    list of str
    """
    settings, table = comparison.settings, comparison.table
    sentences = [
        _question(settings),
        _at_rate(table, headline_rate(settings)),
        _plain(table),
        _worst_class(comparison),
        *_costs(comparison),
        *_cautions(comparison),
    ]
    return [sentence for sentence in sentences if sentence]


def findings(comparison):
    """Sentences, each with its figures.

    Parameters
    ----------
    comparison : imbalance.hazard.HazardComparison
        What was found.

    Returns
    -------
    list of str
    """
    settings, table = comparison.settings, comparison.table
    sentences = [_question(settings), _plain(table), _worst_class(comparison)]
    sentences += [_at_rate(table, rate) for rate in settings["rates"]]
    sentences += [_got(table, settings), _ranks(comparison.methods), *_costs(comparison)]
    sentences += [_probabilities(comparison.methods, settings), *_cautions(comparison)]
    return [sentence for sentence in sentences if sentence]


def _cautions(comparison):
    """What a reader must know before believing the others."""
    yield _common(comparison.settings)
    yield _rough(comparison.settings)
    yield from (f"{name} is left out: {reason}" for name, reason in comparison.skipped.items())
    yield from _constant(comparison)
    yield from (f"{', '.join(names)}: {note}" for note, names in _by_note(comparison.notes).items())


def _constant(comparison):
    """Methods that learned nothing in some fold, whose figures are those of a coin."""
    folds = comparison.held_out.groupby("fold")
    for name in comparison.methods["method"]:
        if alike := int((folds[name].nunique() == 1).sum()):
            yield f"{name} gives all held-out rows one score in {alike} folds: it learned nothing there."


def _by_note(notes):
    names = {}
    for name, said in notes.items():
        for note in said:
            names.setdefault(note, []).append(name)
    return names


def _question(settings):
    what = PLURALS[settings["group"]]
    near = " A held-out site may stand in a city that training knows." * (settings["group"] == "site")
    return (
        f"PM2.5 exceeds {settings['above']:g} {PM25_UNIT} in {settings['hazardous']:,} of "
        f"{settings['rows']:,} rows ({settings['share']:.1%}), in {settings['groups_that_reach']} of "
        f"{settings['groups']} {what}.{near}"
    )


def _plain(table):
    row = _find(table, BASELINE, PLAIN)
    if row is None:
        return ""
    if row["hits"] == 0:
        return f"Mean regression taken by its word predicts none of the {row['events']:,} hazardous days."
    return (
        f"Mean regression taken by its word predicts {row['hits']:,} of the {row['events']:,} hazardous days "
        f"(recall {_with_interval(row, 'recall')}) and misses the other {row['events'] - row['hits']:,}; "
        f"{row['false_alarm_rate']:.2%} of the other days are false alarms."
    )


def _worst_class(comparison):
    counts = comparison.confusion
    if counts.empty:
        return ""
    worst = counts.index[counts.sum(axis=1) > 0][-1]
    days, right = int(counts.loc[worst].sum()), int(counts.loc[worst, worst])
    return (
        f"The worst AQI class that occurs, {worst} ({comparison.settings['aqi_table']}), has {days:,} "
        f"day{'s' * (days > 1)}; mean regression puts {f'{right:,}' if right else 'none'} there."
    )


def _at_rate(table, rate):
    rule = rule_name(rate)
    part, base = table[table["rule"] == rule], _find(table, BASELINE, rule)
    if base is None or len(part) < 2:
        return ""
    others = part[part["method"] != BASELINE]
    more, less = others["vs_low"] > 0, others["vs_high"] < 0
    # A recall that more false alarms have bought is no gain, nor is one that fewer have cost a loss.
    dearer = others["false_alarm_rate"] > base["false_alarm_rate"]
    kinds = {
        "more, at no more false alarms": more & ~dearer,
        "more, at more false alarms": more & dearer,
        "less, at no more false alarms": less & ~dearer,
        "less, at more false alarms": less & dearer,
    }
    said = [f"{kind}: {_named(others[rows])}; " for kind, rows in kinds.items() if rows.any()]
    return (
        f"Asked for {rule}, thresholded mean regression catches {_with_interval(base, 'recall')} at "
        f"{base['false_alarm_rate']:.2%} on held-out rows; {''.join(said)}not told apart from it by 95 % "
        f"intervals of the difference: {len(others) - more.sum() - less.sum()} of {len(others)} methods "
        "(each compared alone)."
    )


def _named(rows):
    listed = [
        f"{row['method']} ({row['recall']:.3f} at {row['false_alarm_rate']:.2%})"
        for row in rows.sort_values("recall", ascending=False).to_dict("records")
    ]
    return ", ".join(listed)


def _got(table, settings):
    said = []
    for rate in settings["rates"]:
        got = table.loc[table["rule"] == rule_name(rate), "false_alarm_rate"]
        said.append(f"{rate * 100:g} % became {got.min():.2%} to {got.max():.2%}")
    return f"Rates of false alarms that held-out rows got, over the methods: {'; '.join(said)}."


def _ranks(methods):
    best = methods.loc[methods["average_precision"].idxmax()]
    sentence = (
        f"Highest average precision of {len(methods)} methods: {best['method']}, "
        f"{_with_interval(best, 'average_precision')}"
    )
    if "ap_vs_low" not in methods or best["method"] == BASELINE:
        return sentence + "."
    zero = "above zero" if best["ap_vs_low"] > 0 else "not clear of zero"
    return (
        f"{sentence}; {best['ap_vs_regression']:+.3f} against mean regression, interval "
        f"{best['ap_vs_low']:+.3f} to {best['ap_vs_high']:+.3f}, {zero} (the best of several looks better "
        "than it is)."
    )


def _costs(comparison):
    """What weights for rare values cost in RMSE, and what they bring."""
    methods = comparison.methods
    if "rmse_cost" not in methods:
        return
    for row in methods[methods["rmse_cost"].notna() & (methods["method"] != BASELINE)].to_dict("records"):
        alarm = _find(comparison.table, row["method"], PLAIN)
        sign = "costs" if row["rmse_cost"] >= 0 else "saves"
        yield (
            f"{row['method']} {sign} {abs(row['rmse_cost']):.2f} {PM25_UNIT} of RMSE (difference "
            f"{row['rmse_cost_low']:+.2f} to {row['rmse_cost_high']:+.2f}; {row['rmse']:.2f} in all); taken "
            f"by its word its recall is {alarm['vs_regression']:+.3f} ({alarm['vs_low']:+.3f} to "
            f"{alarm['vs_high']:+.3f}) against mean regression, at {alarm['false_alarm_rate']:.2%} false "
            "alarms."
        )


def _probabilities(methods, settings):
    share = settings["share"]
    constant = -share * math.log(share) - (1 - share) * math.log(1 - share)
    best = methods.loc[methods["log_loss_recalibrated"].idxmin()]
    sentence = (
        f"Lowest log loss after recalibration on inner folds: {best['method']}, "
        f"{best['log_loss_recalibrated']:.4f} ± {best['log_loss_recalibrated_sd']:.4f}; the share of the "
        f"class as a constant has {constant:.4f}."
    )
    if "log_loss" not in methods:
        return sentence
    worse = methods.loc[methods["log_loss"] > constant, "method"]
    return sentence + (f" Worse than that constant as they come: {', '.join(worse)}." if len(worse) else "")


def _common(settings):
    if settings["share"] <= RARE_SHARE:
        return ""
    return (
        f"{settings['share']:.0%} of the rows are above the level, so the class is not rare: what is made "
        "for rare classes has little to mend here. Was a higher level meant?"
    )


def _rough(settings):
    reach, what = settings["groups_that_reach"], PLURALS[settings["group"]]
    if reach >= ENOUGH_GROUPS:
        return ""
    return f"Only {reach} {what} reach the level: a bootstrap of so few is rough, its intervals too narrow."


def _with_interval(row, figure):
    low, high = row[f"{figure}_low"], row[f"{figure}_high"]
    known = "no interval" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
    return f"{row[figure]:.3f} ({known})"


def _find(table, method, rule):
    rows = table[(table["method"] == method) & (table["rule"] == rule)].to_dict("records")
    return rows[0] if rows else None
