"""Pictures of a comparison: class shares, log loss with intervals, reliability, a sweep of targets."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from airq.io import atomic_write
from imbalance.comparison.strategies import REFERENCE

#: Fewer test rows in a bin say too little of the share that comes true.
FEWEST_IN_BIN = 10
#: Told apart by all kinds of colour vision (Okabe & Ito 2008, without the yellow that paper swallows).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Marks of the axis of the sweep.
SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)
#: Classes at most that a legend names, and letters at most of each name.
LEGEND_CLASSES, LEGEND_LETTERS = 12, 24
#: Rows of the table, and curves of a model, at most that are drawn.
MOST_ROWS, MOST_CURVES = 40, 7
NO_CLAIM = {"color": "0.6", "linewidth": 1}


def shown_strategies(comparison, most=MOST_CURVES):
    """The strategies of lowest log loss and the one that all are compared with, the best first."""
    names = list(dict.fromkeys(comparison.table["strategy"]))
    return [name for name in names if name in names[: most - 1] or name == REFERENCE]


def class_shares(comparison):
    """Class shares of the target, of the training rows, and those that each strategy predicts for."""
    settings, names = comparison.settings, shown_strategies(comparison, MOST_ROWS)
    seen = comparison.scores.groupby("strategy")[[f"prior_{name}" for name in settings["classes"]]].mean()
    rows = {
        "target": list(settings["target_prior"].values()),
        "training rows": list(settings["training_prior"].values()),
        **{name: seen.loc[name].tolist() for name in names},
    }
    figure = Figure(figsize=(8, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes, left = figure.add_subplot(), np.zeros(len(rows))
    for number, name in enumerate(settings["classes"]):
        shares = np.array([shares[number] for shares in rows.values()])
        bars = axes.barh(list(rows), shares, left=left, color=_color(number), height=0.75, label=name)
        texts = [f"{share:.3f}"[1:] if 0.06 < share < 1 else "" for share in shares]
        axes.bar_label(bars, texts, label_type="center", color="w", fontsize=8)
        left += shares
    axes.axhline(1.5, color="0.2", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of the class")
    axes.set_title("Class shares: yours, of the training rows, and what probabilities stand for", fontsize=10)
    class_legend(figure, *axes.get_legend_handles_labels())
    return figure


def class_legend(figure, handles, classes):
    """Name the first classes below a figure, long names cut."""
    names = [name if len(name) <= LEGEND_LETTERS else name[: LEGEND_LETTERS - 1] + "…" for name in classes]
    more = len(names) - LEGEND_CLASSES
    title = f"and {more} more" if more > 0 else None
    columns = max(1, min(len(names), LEGEND_CLASSES, 90 // (max(map(len, names)) + 6)))
    figure.legend(
        handles[:LEGEND_CLASSES], names[:LEGEND_CLASSES], title=title, loc="outside lower center",
        ncols=columns, frameon=False,
    )  # fmt: skip


def log_losses(comparison):
    """Log loss of the best with its spread, and its difference to none with its interval. [nats]"""
    table = comparison.table.iloc[:MOST_ROWS][::-1].reset_index(drop=True)
    models = list(comparison.settings["models"])
    names = table["strategy"] + (", " + table["model"] if len(models) > 1 else "")
    figure = Figure(figsize=(10, 1.6 + 0.28 * len(table)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    reach = np.abs(table[["ci_low", "ci_high"]].to_numpy().T - table["vs_none"].to_numpy())
    for axes, column, spread, title, heading in (
        (left, "log_loss", table["log_loss_sd"], "Mean and standard deviation over folds",
         "log loss on the target population [nats]"),
        (right, "vs_none", reach, "Difference to none, 95 % interval",
         "log loss minus that of none, same folds [nats]"),
    ):  # fmt: skip
        axes.errorbar(table[column], table.index, xerr=spread, fmt="none", ecolor="0.5", capsize=2)
        axes.scatter(
            table[column], table.index, c=[_color(models.index(one)) for one in table["model"]], zorder=3
        )
        axes.set_title(title, fontsize=10)
        axes.set(xlabel=heading)
        axes.grid(axis="x", color="0.92")
    left.set_yticks(table.index, names)
    right.axvline(0, **NO_CLAIM)
    return figure


def reliability(comparison):
    """Predicted and observed share of the rarest class on the target population, a panel a model."""
    rarest = comparison.settings["rarest"]
    bins = comparison.reliability[comparison.reliability["class"] == rarest]
    figure, panels = _panels(comparison, height=4.2)
    for model, axes in panels.items():
        axes.plot([0, 1], [0, 1], linestyle="--", **NO_CLAIM)
        for name, style in curve_styles(comparison).items():
            own = bins[(bins["strategy"] == name) & (bins["model"] == model)].sort_values("bin")
            own = own[own["rows"] >= FEWEST_IN_BIN]
            axes.plot(own["predicted"], own["observed"], marker="o", markersize=3, label=name, **style)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"predicted probability of {rarest}")
        axes.set(ylabel=f"share of {rarest} on the target population")
    _strategy_legend(figure, panels)
    figure.supxlabel(f"Bins of {FEWEST_IN_BIN} test rows or more.", fontsize=8)
    return figure


def prior_sweep(comparison):
    """Log loss along target populations in which the share of the rarest class varies. [nats]"""
    settings, styles = comparison.settings, curve_styles(comparison)
    sweep = comparison.sweep[comparison.sweep["strategy"].isin(list(styles))]
    figure, panels = _panels(comparison, height=4.6)
    for model, axes in panels.items():
        own = sweep[sweep["model"] == model]
        for name, style in styles.items():
            line = own[own["strategy"] == name]
            axes.plot(line["share"], line["log_loss"], label=name, **style)
        axes.set_xscale("logit")
        highest = min(own["log_loss"].max(), 3 * own.groupby("share")["log_loss"].median().max())
        axes.set_ylim(0, highest * 1.05)
        for label in ("target", "training"):
            share = settings[f"{label}_prior"][settings["rarest"]]
            axes.axvline(share, **NO_CLAIM)
            axes.annotate(
                label, (share, 1), xycoords=("data", "axes fraction"), rotation=90, fontsize=8, va="top"
            )
        axes.set(xlabel=f"share of {settings['rarest']} in the population", ylabel="log loss [nats]")
        axes.set_xticks(SHARES, [f"{share:g}" for share in SHARES])
        axes.xaxis.set_minor_formatter("")
    _strategy_legend(figure, panels)
    figure.supxlabel(
        "Solid: corrected to each target (EM: estimated from the unlabelled rows). Broken: stays as trained.",
        fontsize=8,
    )
    return figure


def curve_styles(comparison):
    """Line style and colour of the curves of each strategy shown: solid where it follows the population."""
    names = shown_strategies(comparison)
    follows = comparison.sweep.groupby("strategy")["follows"].all()
    return {
        name: {"color": _color(number), "linestyle": "-" if follows[name] else "--"}
        for number, name in enumerate(names)
    }


def _color(number):
    return PALETTE[number % len(PALETTE)]


def _panels(comparison, height):
    """A panel for each model that is in the table."""
    models = [name for name in comparison.settings["models"] if name in set(comparison.table["model"])]
    figure = Figure(figsize=(4.6 * len(models) + 2.4, height), layout="constrained")
    panels = dict(zip(models, figure.subplots(1, len(models), squeeze=False)[0], strict=True))
    for model, axes in panels.items():
        axes.set_title(model, fontsize=10)
    return figure, panels


def _strategy_legend(figure, panels):
    first = next(iter(panels.values()))
    figure.legend(*first.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)


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
