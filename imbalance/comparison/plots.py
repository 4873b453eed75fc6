"""Pictures of a comparison: log loss with intervals, reliability, a sweep of targets."""

from __future__ import annotations

from matplotlib import rc_context
from matplotlib.figure import Figure

from airq.io import atomic_write
from imbalance.comparison.strategies import AS_THEY_ARE

#: Fewer test rows in a bin say too little of the share that comes true.
FEWEST_IN_BIN = 10
#: Told apart by all kinds of colour vision (Okabe & Ito 2008, without the yellow that paper swallows).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Marks of the axis of the sweep.
SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)
#: Rows of the table, and curves of a model, at most that are drawn.
MOST_ROWS, MOST_CURVES = 40, 7
NO_CLAIM = {"color": "0.6", "linewidth": 1}


def log_losses(comparison):
    """Draw the log loss of the best with its spread, and its difference to none with its interval. [nats]"""
    table = comparison.table.iloc[:MOST_ROWS][::-1].reset_index(drop=True)
    models = list(comparison.settings["models"])
    colors = [PALETTE[models.index(one) % len(PALETTE)] for one in table["model"]]
    figure = Figure(figsize=(10, 1.6 + 0.28 * len(table)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    reach = table["vs_none"] - table["ci_low"], table["ci_high"] - table["vs_none"]
    for axes, column, spread in ((left, "log_loss", table["log_loss_sd"]), (right, "vs_none", reach)):
        axes.errorbar(table[column], table.index, xerr=spread, fmt="none", ecolor="0.5", capsize=2)
        axes.scatter(table[column], table.index, c=colors, zorder=3)
        axes.grid(axis="x", color="0.92")
    left.set_title("Mean and standard deviation over folds", fontsize=10)
    left.set_xlabel("log loss on the target population [nats]")
    left.set_yticks(table.index, table["strategy"] + (", " + table["model"] if len(models) > 1 else ""))
    right.set_title("Difference to none, 95 % interval", fontsize=10)
    right.set_xlabel("log loss minus that of none, same folds [nats]")
    right.axvline(0, **NO_CLAIM)
    return figure


def reliability(comparison):
    """Draw predicted and observed share of the rarest class on the target population, a panel a model."""
    rarest = comparison.settings["rarest"]
    bins = comparison.reliability.query("`class` == @rarest and rows >= @FEWEST_IN_BIN")
    figure, panels = _curves(comparison, bins, "predicted", "observed", marker="o", markersize=3)
    for axes in panels.values():
        axes.plot([0, 1], [0, 1], linestyle="--", **NO_CLAIM)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"predicted probability of {rarest}")
        axes.set(ylabel=f"share of {rarest} on the target population")
    figure.supxlabel(f"Bins of {FEWEST_IN_BIN} test rows or more.", fontsize=8)
    return figure


def prior_sweep(comparison):
    """Draw the log loss along target populations in which the share of the rarest class varies. [nats]"""
    settings, rarest = comparison.settings, comparison.settings["rarest"]
    sweep = comparison.sweep[comparison.sweep["strategy"].isin(list(curve_styles(comparison)))]
    figure, panels = _curves(comparison, sweep, "share", "log_loss")
    for model, axes in panels.items():
        own = sweep[sweep["model"] == model]
        highest = min(own["log_loss"].max(), 3 * own.groupby("share")["log_loss"].median().max())
        axes.set_xscale("logit")
        axes.set(ylim=(0, highest * 1.05), xlabel=f"share of {rarest} in the population")
        axes.set(ylabel="log loss [nats]")
        for label in ("target", "training"):
            share = settings[f"{label}_prior"][rarest]
            axes.axvline(share, **NO_CLAIM)
            place = {"xycoords": ("data", "axes fraction"), "rotation": 90, "va": "top"}
            axes.annotate(label, (share, 1), fontsize=8, **place)
        axes.set_xticks(SHARES, [f"{share:g}" for share in SHARES])
        axes.xaxis.set_minor_formatter("")
    figure.supxlabel(
        "Solid: corrected to each target (EM: estimated from the unlabelled rows). Broken: stays as trained.",
        fontsize=8,
    )
    return figure


def curve_styles(comparison):
    """Return line style and colour of the best strategies, the best first, and of the one that all are
    compared with: solid where it follows the population."""
    names = list(dict.fromkeys(comparison.table["strategy"]))
    shown = [name for name in names if name in names[: MOST_CURVES - 1] or name == AS_THEY_ARE]
    follows = comparison.sweep.groupby("strategy")["follows"].all()
    return {
        name: {"color": PALETTE[number], "linestyle": "-" if follows[name] else "--"}
        for number, name in enumerate(shown)
    }


def _curves(comparison, table, x, y, **options):
    """Draw a curve for every strategy shown, in a panel for each model of the table."""
    models = [name for name in comparison.settings["models"] if name in set(comparison.table["model"])]
    figure = Figure(figsize=(4.6 * len(models) + 2.4, 4.4), layout="constrained")
    panels = dict(zip(models, figure.subplots(1, len(models), squeeze=False)[0], strict=True))
    for model, axes in panels.items():
        axes.set_title(model, fontsize=10)
        for name, style in curve_styles(comparison).items():
            own = table[(table["strategy"] == name) & (table["model"] == model)].sort_values(x)
            axes.plot(own[x], own[y], label=name, **style, **options)
    legend = panels[models[0]].get_legend_handles_labels()
    figure.legend(*legend, loc="outside right center", frameon=False, fontsize=8)
    return figure, panels


#: File of each picture -> function of a comparison that draws it.
PICTURES = {"log_loss.png": log_losses, "reliability.png": reliability, "sweep.png": prior_sweep}


def draw_pictures(comparison, folder):
    """Draw all pictures into a folder; return the names of their files."""
    for name, draw in PICTURES.items():
        # Names of classes are drawn as they are written, dollar signs too.
        with rc_context({"text.parse_math": False}), atomic_write(folder / name) as path:
            figure = draw(comparison)
            if title := comparison.settings["title"]:
                figure.suptitle(title, fontsize=11)
            figure.savefig(path, dpi=110)
    return list(PICTURES)
