"""Pictures of a comparison: class shares, log loss with intervals, reliability, a sweep of targets."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from airq.io import atomic_write
from imbalance.comparison.strategies import REFERENCE

#: Fewer test rows in a bin say too little of the share that comes true.
FEWEST_IN_BIN = 10
#: Told apart by all kinds of colour vision (Okabe & Ito 2008, without the yellow that paper swallows).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Of curves: solid follows the population, broken stays as trained.
BROKEN = (":", "--", "-.")
#: Marks of the axis of the sweep.
SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)
#: Classes at most that a legend names, and letters at most of each name.
LEGEND_CLASSES, LEGEND_LETTERS = 12, 24
#: Strategies at most of a model that are drawn one by one.
MOST = 12
NO_CLAIM = {"color": "0.6", "linewidth": 1}


def shown_strategies(comparison):
    """The strategies of lowest log loss and the one that all are compared with, the best first."""
    names = list(dict.fromkeys(comparison.table["strategy"]))
    return [name for name in names if name in names[: MOST - 1] or name == REFERENCE]


def class_shares(comparison):
    """Class shares of the target, of the training rows, and those that each strategy predicts for."""
    settings, names = comparison.settings, shown_strategies(comparison)
    seen = comparison.scores.groupby("strategy")[[f"prior_{name}" for name in settings["classes"]]].mean()
    rows = {
        "target": list(settings["target_prior"].values()),
        "training rows": list(settings["training_prior"].values()),
        **{name: seen.loc[name].tolist() for name in names},
    }
    figure = Figure(figsize=(8, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes, left = figure.add_subplot(), np.zeros(len(rows))
    for number in range(len(settings["classes"])):
        shares = np.array([shares[number] for shares in rows.values()])
        bars = axes.barh(list(rows), shares, left=left, color=_color(number), height=0.75)
        texts = [f"{share:.3f}"[1:] if share > 0.06 else "" for share in shares]
        axes.bar_label(bars, texts, label_type="center", color="w", fontsize=8)
        left += shares
    axes.axhline(1.5, color="0.2", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of the class")
    axes.set_title(
        "Class shares: yours, of the training rows, and those that probabilities stand for", fontsize=10
    )
    _class_legend(figure, settings["classes"])
    return figure


def _class_legend(figure, classes):
    names = [name if len(name) <= LEGEND_LETTERS else name[: LEGEND_LETTERS - 1] + "…" for name in classes]
    patches = [Patch(color=_color(number), label=name) for number, name in enumerate(names[:LEGEND_CLASSES])]
    if len(names) > LEGEND_CLASSES:
        patches.append(Patch(color="none", label=f"and {len(names) - LEGEND_CLASSES} more"))
    columns = max(1, min(len(patches), 90 // (max(map(len, names)) + 6)))
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False)


def log_losses(comparison):
    """Log loss of the best with its spread, and its difference to none with its interval. [nats]"""
    table = comparison.table.iloc[: 3 * MOST][::-1].reset_index(drop=True)
    several = table["model"].nunique() > 1
    names = table["strategy"] + (", " + table["model"] if several else "")
    figure = Figure(figsize=(10, 1.6 + 0.28 * len(table)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places, colors = np.arange(len(table)), _model_colors(table["model"])
    left.errorbar(table["log_loss"], places, xerr=table["log_loss_sd"], fmt="none", ecolor="0.5", capsize=2)
    left.scatter(table["log_loss"], places, c=colors, zorder=3)
    left.set_yticks(places, names)
    left.set(xlabel="log loss on the target population [nats]")
    left.set_title("Mean and standard deviation over folds", fontsize=10)
    reach = np.abs(table[["ci_low", "ci_high"]].to_numpy().T - table["vs_none"].to_numpy())
    right.errorbar(table["vs_none"], places, xerr=reach, fmt="none", ecolor="0.5", capsize=2)
    right.scatter(table["vs_none"], places, c=colors, zorder=3)
    right.axvline(0, **NO_CLAIM)
    right.set(xlabel="log loss minus that of none, same folds [nats]")
    right.set_title("Difference to none, 95 % interval", fontsize=10)
    for axes in (left, right):
        axes.grid(axis="x", color="0.92")
    return figure


def reliability(comparison):
    """Predicted and observed share of the rarest class on the target population, a panel a strategy."""
    strategies, rarest = shown_strategies(comparison), comparison.settings["rarest"]
    figure, panels = _grid(len(strategies))
    bins = comparison.reliability[comparison.reliability["class"] == rarest]
    for axes, name in zip(panels, strategies, strict=False):
        axes.plot([0, 1], [0, 1], linestyle="--", **NO_CLAIM)
        for number, model in enumerate(comparison.settings["models"]):
            own = bins[(bins["strategy"] == name) & (bins["model"] == model)]
            _draw_bins(axes, own, bins["rows"].max(), color=_color(number), label=model)
        axes.set_title(name, fontsize=10)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    figure.supxlabel(
        f"predicted probability of {rarest}\n"
        f"Area: test rows in the bin (the largest: {bins['rows'].max():,.0f}). Grey ring: fewer than "
        f"{FEWEST_IN_BIN} rows.",
        fontsize=9,
    )
    figure.supylabel(f"share of {rarest} on the target population", fontsize=9)
    _model_legend(figure, panels[0], comparison)
    return figure


def _draw_bins(axes, bins, most, *, color, label):
    """Marks as large as their rows, with a line between bins side by side; rings where rows are few."""
    bins = bins.sort_values("bin")
    few = bins["rows"] < FEWEST_IN_BIN
    thin, sound = bins[few], bins[~few]
    axes.scatter(
        thin["predicted"], thin["observed"], s=10, facecolor="none", edgecolor="0.6", clip_on=False, zorder=2
    )
    for _, run in sound.groupby(sound["bin"] - np.arange(len(sound))):
        axes.plot(run["predicted"], run["observed"], color=color, linewidth=1, clip_on=False)
    axes.scatter(
        sound["predicted"], sound["observed"], s=6 + 90 * sound["rows"] / most, color=color, label=label,
        alpha=0.8, linewidth=0, clip_on=False, zorder=3,
    )  # fmt: skip


def prior_sweep(comparison):
    """Log loss along target populations in which the share of the rarest class varies. [nats]"""
    settings, names = comparison.settings, shown_strategies(comparison)
    sweep = comparison.sweep[comparison.sweep["strategy"].isin(names)]
    figure, panels = _grid(len(settings["models"]), columns=2, size=(6.4, 4.6))
    for axes, model in zip(panels, settings["models"], strict=False):
        own = sweep[sweep["model"] == model]
        for name, style in curve_styles(sweep, names).items():
            line = own[own["strategy"] == name]
            axes.plot(line["share"], line["log_loss"], label=name, **style)
        axes.set_xscale("logit")
        axes.set_ylim(
            0, min(own["log_loss"].max(), 3 * own.groupby("share")["log_loss"].median().max()) * 1.05
        )
        for label in ("target", "training"):
            share = settings[f"{label}_prior"][settings["rarest"]]
            if 0 < share < 1:
                axes.axvline(share, **NO_CLAIM)
                axes.annotate(
                    label, (share, 1), xycoords=("data", "axes fraction"), rotation=90, fontsize=8, va="top"
                )
        axes.set(xlabel=f"share of {settings['rarest']} in the population", ylabel="log loss [nats]")
        axes.set_title(model, fontsize=10)
        axes.set_xticks(SHARES, [f"{share:g}" for share in SHARES])
        axes.xaxis.set_minor_formatter("")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, fontsize=8, handlelength=3.5)
    figure.supxlabel(
        "Solid: corrected to each prior (EM: estimated from the unlabelled rows). Broken: stays as trained.",
        fontsize=8,
    )
    return figure


def curve_styles(sweep, strategies):
    """Line style, width and colour of each strategy's curve, by its name, no two alike up to 21.

    Parameters
    ----------
    sweep : DataFrame
        `strategy` and `follows`: whether it is corrected to each population.
    strategies : sequence of str
        Names in order.

    Returns
    -------
    dict of str to dict
    """
    follows = sweep.groupby("strategy")["follows"].all()
    broken, solid, styles = 0, 0, {}
    for name in strategies:
        if follows[name]:
            marker = None if solid < len(PALETTE) else "osv"[solid // len(PALETTE) % 3]
            styles[name] = {"linestyle": "-", "linewidth": 2, "color": _color(solid), "marker": marker}
            solid += 1
        else:
            style = BROKEN[broken % len(BROKEN)]
            styles[name] = {"linestyle": style, "linewidth": 1.4, "color": _color(broken)}
            broken += 1
    return styles


def _color(number):
    return PALETTE[number % len(PALETTE)]


def _grid(number, *, columns=4, size=(2.6, 2.6)):
    columns = min(columns, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(columns * size[0] + 0.6, rows * size[1] + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in panels[number:]:
        axes.set_visible(False)
    for axes in panels[:number][-columns:]:
        axes.tick_params(labelbottom=True)
    return figure, panels


def _model_colors(models):
    numbers = {model: number for number, model in enumerate(sorted(models.unique()))}
    return [_color(numbers[model]) for model in models]


def _model_legend(figure, axes, comparison):
    if len(comparison.settings["models"]) > 1:
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", frameon=False)


#: File of each picture -> function of a comparison that draws it.
PICTURES = {
    "classes.png": class_shares,
    "log_loss.png": log_losses,
    "reliability.png": reliability,
    "sweep.png": prior_sweep,
}


def draw_pictures(comparison, folder):
    """Draw all pictures into a folder; return the names of their files."""
    for name, draw in PICTURES.items():
        # Names of classes are drawn as they are written, dollar signs too.
        with rc_context({"text.parse_math": False}), atomic_write(folder / name) as path:
            figure = draw(comparison)
            if title := comparison.settings.get("title"):
                figure.suptitle(title, fontsize=11)
            figure.savefig(path, dpi=110)
    return list(PICTURES)
