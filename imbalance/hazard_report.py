"""What a comparison of high-pollution days comes to: sentences, tables, a picture and a folder."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from airq.io import atomic_write, write_json, write_table
from airq.report.words import markdown_table
from airq.units import PM25_UNIT
from airq.validation.schemes import PLURALS
from imbalance.comparison.report import headed_cells, write_tables
from imbalance.hazard import BASELINE, PLAIN, USUAL_SHARE, rule_name

#: With fewer held-out places above the threshold, intervals are called too narrow.
ENOUGH_PLACES = 20
#: The usual threshold is named where more than this share of the rows lies above another.
RARE_SHARE = 0.2
#: The rate of false alarms nearest to this one stands first.
USUAL_RATE = 0.05
#: Columns of the table on a terminal, and those of them that a narrow one does without.
SPARE = ("vs_regression", "vs_low", "vs_high")
HEADLINE = ("method", "recall", "recall_low", "recall_high", "false_alarm_rate", "precision", *SPARE, "rmse")


def headlines(comparison):
    """Return the answer, and what a reader must know before believing it, as sentences for a terminal."""
    settings, table = comparison.settings, comparison.table
    what, reach = PLURALS[settings["group"]], settings["groups_that_reach"]
    near = " A held-out site may stand in a city that training knows." * (settings["group"] == "site")
    said = _answer(comparison, _rates(settings)[0])
    said.append(
        f"PM2.5 exceeds {settings['above']:g} {PM25_UNIT} in {settings['hazardous']:,} of "
        f"{settings['rows']:,} rows ({settings['share']:.1%}), in {reach} of {settings['groups']} "
        f"{what}.{near}"
    )
    for row in table[(table["rule"] == PLAIN) & (table["method"] == BASELINE)].to_dict("records"):
        said.append(
            f"Taken by its word, mean regression predicts {row['hits']:,} of the {row['events']:,} hazardous "
            f"days, {_recall(row)}, at {row['false_alarm_rate']:.1%} false alarms."
        )
    if settings["share"] > RARE_SHARE:
        said.append(
            f"{settings['share']:.0%} of the rows are above the threshold, so the class is not rare and what "
            f"is made for rare classes has little to mend; about {USUAL_SHARE:.0%} lie above "
            f"{settings['usual_threshold']:g} {PM25_UNIT}."
        )
    if reach < ENOUGH_PLACES:
        said.append(f"Only {reach} {what} exceed the threshold: intervals from so few are too narrow.")
    said += [f"{name} is left out: {reason}" for name, reason in comparison.skipped.items()]
    folds, notes = comparison.held_out.groupby("fold"), {}
    for name in comparison.methods["method"]:
        if alike := int((folds[name].nunique() == 1).sum()):
            said.append(f"{name} learned nothing in {alike} folds: all held-out rows have one score there.")
        for note in comparison.notes.get(name, ()):
            notes.setdefault(note, []).append(name)
    return said + [f"{', '.join(names)}: {note}" for note, names in notes.items()]


def findings(comparison):
    """Return all sentences, the answer first."""
    others = _rates(comparison.settings)[1:]
    return headlines(comparison) + [text for rate in others for text in _answer(comparison, rate)]


def _rates(settings):
    """Return the shares of false alarms, the usual one first."""
    return sorted(settings["rates"], key=lambda rate: abs(rate - USUAL_RATE))


def _answer(comparison, rate):
    """Return what mean regression catches at a share of false alarms, and whether another catches more."""
    settings, rule = comparison.settings, rule_name(rate)
    table = comparison.table[comparison.table["rule"] == rule].set_index("method")
    name = BASELINE if BASELINE in table.index else table["recall"].idxmax()
    row, folds = table.loc[name], comparison.scores.query("method == @name and rule == @rule")
    got = folds["false_alarm_rate"]
    said = [
        f"{_origin(settings)}Asked for {rule}, {'mean ' * (name == BASELINE)}{name} catches {_recall(row)} "
        f"of the days above {settings['above']:g} {PM25_UNIT} in held-out {PLURALS[settings['group']]}; it "
        f"got {row['false_alarm_rate']:.1%} false alarms there, {got.min():.1%} to {got.max():.1%} by fold."
    ]
    others = table.drop(index=name)
    if name != BASELINE or others.empty:
        return said
    # A recall that more false alarms have bought is no gain.
    better = others[(others["false_alarm_rate"] <= row["false_alarm_rate"]) & (others["vs_low"] > 0)]
    if better.empty:
        none = f"None of {len(others)} other methods clearly catches more at no more false alarms."
        return [*said, none]
    top = better.loc[better["recall"].idxmax()]
    return [
        *said,
        f"{top.name} catches more, at no more false alarms: {top['recall']:.1%}, {top['vs_regression']:+.1%} "
        f"({top['vs_low']:+.1%} to {top['vs_high']:+.1%}; 95 % interval, each method compared alone).",
    ]


def _recall(row):
    low, high = row["recall_low"], row["recall_high"]
    known = "no interval" if math.isnan(low) else f"95 % interval {low:.1%} to {high:.1%}"
    return f"{row['recall']:.1%} ({known})"


def _origin(settings):
    return "" if settings["data"] == "monitors" else f"{settings['data']}. "


def headline_cells(comparison, width):
    """Return headings and cells of one share of false alarms, the highest recall first."""
    rule = rule_name(_rates(comparison.settings)[0])
    table = comparison.table[comparison.table["rule"] == rule].merge(comparison.methods, on="method")
    # Its difference to itself is none.
    table.loc[table["method"] == BASELINE, [name for name in SPARE if name in table]] = np.nan
    columns = [name for name in HEADLINE if name in table and (width >= 100 or name not in SPARE)]
    return cells(table.sort_values("recall", ascending=False, kind="stable")[columns])


def cells(table):
    """Return headings and cells of a table as text, a figure in the format that its name asks for.

    >>> cells(pd.DataFrame({"false_alarm_rate": [0.0512], "rmse_cost": [1.5], "recall": [float("nan")]}))
    (['false alarm rate', 'rmse cost', 'recall'], [['5.1%', '+1.50', '']])
    """
    forms = {}
    for name, column in table.items():
        signed = "+" * name.startswith(("vs_", "rmse_cost", "bias"))
        form = ".1%" if "alarm" in name else ".2f" if name.startswith(("rmse", "bias")) else ".3f"
        form = {"f": signed + form, "i": ",d"}.get(column.dtype.kind, "")
        forms[name] = name.replace("_", " "), form
    return headed_cells(table, forms)


def caption(settings):
    """Return what the figures are."""
    what = PLURALS[settings["group"]]
    ahead = "looks ahead in time" if settings["looks_ahead"] else "uses the day itself and earlier ones"
    return (
        f"PM2.5: {settings['data']}, {settings['first_day']} to {settings['last_day']}. recall: share of "
        "the hazardous days that raise an alarm; false alarm rate: what held-out rows got, a share of the "
        "other days; precision: share of the alarms that are right; vs regression: recall less the mean "
        f"regression's; low, high: 95 % bootstrap of held-out {what}; sd: over {settings['folds']} folds; "
        "plain: taken by its word, above the threshold or a half. Cut-offs come from "
        f"{settings['inner_folds']} inner folds of training {what}. rmse, its cost against mean regression "
        f"and bias in {PM25_UNIT}; log loss and Brier score of probabilities. Features: recipe "
        f"{settings['recipe']}, which {ahead}."
    )


def markdown(comparison):
    """Return findings, tables and caption as Markdown."""
    settings, hidden = comparison.settings, ["asked", "hits", "events"]
    parts = [
        f"# Days above {settings['above']:g} {PM25_UNIT} in held-out {PLURALS[settings['group']]}",
        *(f"**{warning}**" for warning in settings["warnings"]),
        "\n".join(f"- {sentence}" for sentence in findings(comparison)),
        f"## Alarms\n\n{markdown_table(*cells(comparison.table.drop(columns=hidden)))}",
        f"## Ranks and errors\n\n{markdown_table(*cells(comparison.methods))}",
        f"{caption(settings)}\n",
    ]
    return "\n\n".join(parts)


def records(comparison):
    """Return a record per method and rule, with the figures of the method and where its PM2.5 comes from."""
    table = comparison.table.merge(comparison.methods, on="method")
    return _marked(table, comparison.settings).to_dict("records")


def _marked(table, settings):
    """Return the table with a first column that says where its PM2.5 comes from."""
    return pd.concat([pd.Series(settings["data"], table.index, name="data"), table], axis=1)


def write_hazard(comparison, out):
    """Write a comparison as a folder; each file is whole or absent, `settings.json` comes last."""
    folder, settings = Path(out), comparison.settings
    tables = {name: _marked(getattr(comparison, name), settings) for name in ("table", "methods", "curve")}
    write_tables(folder, tables, markdown(comparison), records(comparison))
    for name, table in {"hazard": comparison.scores, "held_out": comparison.held_out}.items():
        write_table(_marked(table, settings), folder / f"{name}.parquet", metadata={"hazard": settings})
    with atomic_write(folder / "curve.png") as path:
        alarm_curves(comparison).savefig(path, dpi=120)
    said = {"skipped": comparison.skipped, "notes": comparison.notes, "findings": findings(comparison)}
    write_json(folder / "settings.json", {**settings, **said})


def alarm_curves(comparison):
    """Draw recall against false alarms on held-out rows; crosses: taken by its word."""
    settings, kinds = comparison.settings, comparison.methods.set_index("method")["kind"]
    plain = comparison.table[comparison.table["rule"] == PLAIN].set_index("method")
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots()
    for number, (name, curve) in enumerate(comparison.curve.groupby("method", sort=False)):
        color = "k" if name == BASELINE else f"C{number % 10}"
        style = {"color": color, "linestyle": "-" if kinds[name] == "regression" else "--"}
        axes.plot(curve["false_alarm_rate"], curve["recall"], label=name, **style)
        axes.plot(plain.loc[name, "false_alarm_rate"], plain.loc[name, "recall"], "x", color=color)
    for rate in settings["rates"]:
        axes.axvline(rate, color="0.85", linewidth=1, zorder=0)
    axes.set(xscale="log", xlim=(5e-4, 0.6), ylim=(-0.02, 1.02))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("false alarms that held-out rows got, share of the other days (grey: asked for)")
    axes.set_ylabel(f"recall of days above {settings['above']:g} {PM25_UNIT}")
    words = "solid: regression, dashed: classifier, x: taken by its word"
    figure.suptitle(f"{_origin(settings)}{words}", fontsize=10)
    figure.legend(loc="outside right center", frameon=False)
    return figure
