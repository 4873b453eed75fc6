"""Pictures of reasons: importance, partial dependence, one prediction taken apart, prices of products."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from airq.models.contributions import BASE, REMAINDER
from airq.origin import origin_warning
from airq.units import PM25_UNIT

UP, DOWN, PLAIN, UNCLEAR, WARNING = "#b2182b", "#2166ac", "#4d7ea8", "0.55", "#a50026"
N_BARS = 15


def importance_bars(importance, metadata):
    """Mean size of the contributions by product, and by the most important columns. [µg m⁻³]

    Parameters
    ----------
    importance : DataFrame
        From :meth:`airq.reasons.Reasons.importance`.
    metadata : PanelMetadata
        Facts about the panel; what they warn of stands in the picture.
    """
    parts = {level: importance[importance["level"] == level] for level in ("product", "column")}
    parts = {level: part[part["importance"] > 0].head(N_BARS) for level, part in parts.items()}
    figure = Figure(figsize=(11, 1.6 + 0.28 * max(map(len, parts.values()))), layout="constrained")
    for axes, (level, part) in zip(figure.subplots(1, 2), parts.items(), strict=True):
        axes.barh(range(len(part)), part["importance"], color=PLAIN)
        axes.set_yticks(range(len(part)), [_short(name) for name in part["name"]])
        axes.invert_yaxis()
        axes.set(xlabel=f"mean size of the contribution [{PM25_UNIT}]", title=f"by {level}")
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
    rows = int(importance["rows"].iloc[0])
    _title(figure, f"What the predictions rest on ({rows:,} rows)", metadata)
    return figure


def dependence_curves(dependence, metadata):
    """Mean prediction against the value of every column; dots are quantiles of the panel's values."""
    tables = list(dependence.groupby("column", sort=False))
    n_columns = min(3, len(tables))
    n_rows = math.ceil(len(tables) / n_columns)
    figure = Figure(figsize=(3.8 * n_columns, 0.6 + 2.8 * n_rows), layout="constrained")
    all_axes = np.ravel(figure.subplots(n_rows, n_columns, sharey=True, squeeze=False))
    for axes, (name, table) in zip(all_axes, tables, strict=False):
        axes.plot(table["value"], table["pm25"], color=PLAIN, marker=".", markersize=5)
        axes.set_title(_short(name), fontsize=9)
        axes.set_xlabel(f"[{table['unit'].iloc[0]}]", fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
        axes.grid(color="0.92")
    for axes in all_axes[len(tables) :]:
        axes.remove()
    figure.supylabel(f"mean prediction [{PM25_UNIT}]", fontsize=10)
    _title(figure, "How the model answers to one column (not an effect in nature)", metadata)
    return figure


def reason_bars(table, title, metadata):
    """One prediction taken apart: from the base, product by product, to the prediction. [µg m⁻³]

    Parameters
    ----------
    table : DataFrame
        Reasons for one row, from :meth:`airq.reasons.Reasons.of`.
    title : str
        Place and day.
    metadata : PanelMetadata
        Facts about the panel.
    """
    base = float(table.loc[table["product"] == BASE, "contribution"].iloc[0])
    prediction = table["contribution"].sum()
    steps = table[
        (table["product"] != BASE) & ((table["contribution"] != 0) | (table["product"] == REMAINDER))
    ]
    ends = base + steps["contribution"].cumsum().to_numpy()
    figure = Figure(figsize=(7.5, 1.4 + 0.32 * len(steps)), layout="constrained")
    axes = figure.add_subplot()
    starts = np.concatenate([[base], ends[:-1]])
    colors = np.where(steps["contribution"] > 0, UP, DOWN)
    axes.barh(range(len(steps)), steps["contribution"], left=starts, color=colors)
    room = max(np.ptp([base, *ends]) * 0.015, 0.01)
    for number, (amount, start, end) in enumerate(zip(steps["contribution"], starts, ends, strict=True)):
        axes.text(max(start, end) + room, number, f"{amount:+.1f}", va="center", fontsize=8)
    axes.axvline(base, color="0.5", linewidth=1, linestyle=":", label=f"base {base:.1f}")
    axes.axvline(prediction, color="0.2", linewidth=1, linestyle="--", label=f"prediction {prediction:.1f}")
    axes.set_yticks(range(len(steps)), [_short(name) for name in steps["product"]])
    axes.invert_yaxis()
    axes.set_xlim(min([base, *ends]) - 3 * room, max([base, *ends]) + 8 * room)
    axes.set(xlabel=f"PM2.5 [{PM25_UNIT}]")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    _title(figure, title, metadata)
    return figure


def price_bars(prices, metadata):
    """What every product saves in error, with its interval. [µg m⁻³]

    Parameters
    ----------
    prices : list of dict
        From :func:`airq.workflows.prices.price_records`, of one scheme.
    metadata : PanelMetadata
        Facts about the panel.
    """
    figure = Figure(figsize=(7.5, 1.8 + 0.32 * len(prices)), layout="constrained")
    axes = figure.add_subplot()
    for number, record in enumerate(prices):
        clear = record["ci_low"] * record["ci_high"] > 0
        color = UNCLEAR if not clear else UP if record["price"] > 0 else DOWN
        axes.plot([record["ci_low"], record["ci_high"]], [number, number], color=color, linewidth=2)
        axes.plot(record["price"], number, "o", color=color)
    axes.axvline(0, color="0.4", linewidth=1)
    axes.set_yticks(range(len(prices)), [_short(record["product"]) for record in prices])
    axes.invert_yaxis()
    axes.set_xlabel(f"RMSE without it minus RMSE with it [{PM25_UNIT}]")
    axes.grid(axis="x", color="0.92")
    first = prices[0]
    note = f"held out by {first['scheme']}; 95 % intervals over {first['resampled']}; coloured: clear of zero"
    axes.set_title(note, fontsize=9)
    _title(figure, "The price of a product: right of zero, it helps", metadata)
    return figure


def _title(figure, title, metadata):
    warning = origin_warning(metadata)
    mark = f"{warning.split(':')[0]}: " if warning else ""
    figure.suptitle(mark + title, color=WARNING if warning else "black", fontsize=11)


def _short(name, width=38):
    return name if len(name) <= width else f"{name[: width - 12]}…{name[-11:]}"
