"""Pictures of a comparison on hazardous days."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from airq.models.folds import PLURAL
from airq.units import PM25_UNIT
from imbalance.hazard_findings import origin_warning
from imbalance.hazard_scores import PLAIN


def alarm_curves(comparison):
    """Recall against false alarms on held-out rows, thresholds from inner folds; crosses: taken plainly."""
    settings, table = comparison.settings, comparison.table
    figure, axes = _figure(settings, width=9, height=5.2)
    kinds = comparison.methods.set_index("method")["kind"]
    for number, (name, curve) in enumerate(comparison.curve.groupby("method", sort=False)):
        color = colormaps["tab20"](number % 20)
        style = "-" if kinds[name] == "regression" else "--"
        axes.plot(curve["false_alarm_rate"], curve["recall"], style, color=color, label=name)
        plain = table[(table["method"] == name) & (table["rule"] == PLAIN)]
        axes.plot(plain["false_alarm_rate"], plain["recall"], "x", color=color)
    for rate in settings["rates"]:
        axes.axvline(rate, color="0.85", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set(
        xlim=(5e-4, 0.6),
        ylim=(-0.02, 1.02),
        xlabel="false alarms, share of the other days of held-out places",
        ylabel=f"recall of days above {settings['above']:g} {PM25_UNIT}",
    )
    axes.grid(axis="y", color="0.92")
    axes.set_title(
        f"Held-out {PLURAL[settings['group']]}; solid: regression, dashed: classifier, x: taken by its word",
        fontsize=10,
    )
    figure.legend(loc="outside right center", frameon=False)
    return figure


def weight_costs(comparison):
    """RMSE of the regressions against the mean regression's, and their recall taken by their word."""
    methods = comparison.methods[comparison.methods["kind"] == "regression"]
    figure = Figure(figsize=(9, 1.8 + 0.45 * len(methods)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    alarms = comparison.table[comparison.table["rule"] == PLAIN].set_index("method")
    names = list(methods["method"])
    if "rmse_cost" in methods:
        _bars(left, names, methods.set_index("method"), "rmse_cost")
    _bars(right, names, alarms, "recall")
    left.axvline(0, color="0.4", linewidth=1)
    left.set(xlabel=f"RMSE less that of mean regression [{PM25_UNIT}]")
    right.set(xlabel=f"recall of predictions above {comparison.settings['above']:g} {PM25_UNIT}", xlim=(0, 1))
    left.invert_yaxis()
    figure.suptitle(
        _warned(comparison.settings, "Price and yield of each regression, 95 % over groups"), fontsize=10
    )
    return figure


def _bars(axes, names, table, figure):
    places = np.arange(len(names))
    values = table.loc[names, figure].to_numpy(dtype="float64")
    limits = table.loc[names, [f"{figure}_low", f"{figure}_high"]].to_numpy(dtype="float64").T
    axes.barh(places, values, color="#4878a8", height=0.6)
    axes.errorbar(
        values, places, xerr=np.maximum(np.abs(limits - values), 0), fmt="none", ecolor="0.2", capsize=3
    )
    axes.set_yticks(places, names)
    axes.grid(axis="x", color="0.92", zorder=0)
    axes.set_axisbelow(True)


def _figure(settings, *, width, height):
    figure = Figure(figsize=(width, height), layout="constrained")
    if warning := _warned(settings, ""):
        figure.suptitle(warning, color="#a50026", fontsize=10)
    return figure, figure.add_subplot()


def _warned(settings, title):
    warning = origin_warning(settings["panel"]).split(":")[0]
    return ". ".join(filter(None, [warning, title]))
