"""Pictures of an evaluation: predicted against observed, error by city, confusion of AQI classes.

Pictures of intervals and probabilities at held-out places.

Pictures of reasons: importance, partial dependence, one prediction taken apart, prices of products.

Picture of how far cities to predict lie from training, beside every scheme.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from airq.geo import with_points
from airq.models import OURS
from airq.models.explanation import BASE, REMAINDER
from airq.panel import origin_warning
from airq.report.words import PARTS
from airq.units import AQI_CLASSES, PM25_UNIT, aqi_class
from airq.validation.proximity import NEAR_KM
from airq.validation.scores import AQI_TABLE, error_by_group, rmse

SEQUENTIAL = "YlOrRd"


def draw_evaluation(predictions, metadata, folder, *, model=OURS):
    """Draw all pictures of an evaluation as PNG files.

    Parameters
    ----------
    predictions : DataFrame
        Held-out predictions, see :class:`airq.validation.evaluation.Evaluation`.
    metadata : PanelMetadata
        Facts about the panel; what they warn of stands in every picture.
    folder : str or Path
        Where the files go: ``observed_SCHEME.png``, ``map_SCHEME.png``, ``classes_SCHEME.png``.
    model : str
        Whose predictions are drawn.
    """
    for scheme, table in predictions.groupby("scheme", sort=False):
        if model not in table or table[model].isna().any():
            continue
        title = f"{model}, held out by {scheme}"
        with names_as_written():
            pictures = {
                "observed": observed_against_predicted(table, model, title),
                "map": error_map(table, model, title),
                "classes": class_confusion(table, model, title),
            }
            save_pictures(pictures, scheme, metadata, folder)


def names_as_written():
    """Within it, names of places with dollar signs are drawn as they are, not read as formulas."""
    return rc_context({"text.parse_math": False})


def save_pictures(pictures, scheme, metadata, folder):
    """Write figures of a scheme as ``NAME_SCHEME.png``, each with what the panel's origin warns of."""
    for name, figure in pictures.items():
        mark_origin(figure, metadata)
        figure.savefig(Path(folder) / f"{name}_{scheme.replace(' ', '_')}.png", dpi=120)


def observed_against_predicted(table, model, title):
    """Density of held-out rows over observed and predicted PM2.5. [µg m⁻³]"""
    figure, axes = new_figure(title)
    observed, predicted = table["observed"].to_numpy(), table[model].to_numpy()
    top = max(np.quantile(observed, 0.995), np.quantile(predicted, 0.995), 1.0)
    cells = axes.hexbin(
        observed, predicted, gridsize=50, extent=(0, top, 0, top), mincnt=1, cmap="viridis", norm=LogNorm()
    )
    axes.plot([0, top], [0, top], color="0.3", linewidth=1, linestyle="--")
    figure.colorbar(cells, ax=axes, label="rows")
    beyond = int(np.sum((observed > top) | (predicted > top)))
    axes.set(
        xlabel=f"observed PM2.5 [{PM25_UNIT}]",
        ylabel=f"predicted PM2.5 [{PM25_UNIT}]",
        xlim=(0, top),
        ylim=(0, top),
    )
    axes.set_aspect("equal")
    note = f"RMSE {rmse(observed, predicted):.2f} {PM25_UNIT}, {len(table):,} rows"
    axes.annotate(
        note + (f" ({beyond} beyond the axes)" if beyond else ""), (0.02, 0.96), xycoords="axes fraction"
    )
    return figure


def error_map(table, model, title):
    """RMSE of every city where it lies. [µg m⁻³]"""
    figure, axes = new_figure(title)
    part = table.rename(columns={"observed": "pm25"})
    cities = with_points(part.groupby("city_id")[["longitude", "latitude", "city"]].first())
    cities["rmse"] = error_by_group(part, part[model])["rmse"]
    cities = cities.sort_values("rmse")
    cities.plot(
        column="rmse", cmap=SEQUENTIAL, ax=axes, legend=True, edgecolor="0.3", markersize=45, linewidth=0.5,
        legend_kwds={"label": f"RMSE [{PM25_UNIT}]"},
    )  # fmt: skip
    for _, city in cities.tail(3).iterrows():
        axes.annotate(
            city["city"], (city["longitude"], city["latitude"]), xytext=(4, 4), textcoords="offset points"
        )
    axes.set(xlabel="longitude [°]", ylabel="latitude [°]")
    axes.margins(0.15)
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(color="0.9", zorder=0)
    return figure


def class_confusion(table, model, title):
    """Share of the rows of each observed AQI class that fall into each predicted class."""
    figure, axes = new_figure(title, width=7.5)
    observed = aqi_class(table["observed"], AQI_TABLE)
    predicted = aqi_class(np.maximum(table[model], 0), AQI_TABLE)
    counts = confusion_matrix(observed, predicted, labels=range(len(AQI_CLASSES)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.6 else "black"
        axes.annotate(f"{count:,}", (column, row), ha="center", va="center", color=color)
    names = [name.replace("Unhealthy for Sensitive Groups", "Unhealthy, sensitive") for name in AQI_CLASSES]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=f"predicted class ({AQI_TABLE})", ylabel="observed class")
    figure.colorbar(image, ax=axes, label="share of the observed class")
    return figure


def new_figure(title, *, width=6.5, height=5.2):
    """A figure with one titled axes; no window system is needed. Sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    return figure, axes


def mark_origin(figure, metadata):
    """Write above a figure what the origin of the panel warns of."""
    if warning := origin_warning(metadata):
        figure.suptitle(warning.split(":")[0], color="#a50026", fontsize=10)


COLOR = "#0b5394"
#: Levels whose reliability is drawn, at most.
N_LEVELS = 4


def draw_uncertainty(evaluation, metadata, folder):
    """Draw coverage and reliability of every scheme as PNG files.

    Parameters
    ----------
    evaluation : Evaluation
        See :class:`airq.validation.evaluation.Evaluation`.
    metadata : PanelMetadata
        Facts about the panel; what they warn of stands in every picture.
    folder : str or Path
        Where the files go: ``coverage_SCHEME.png``, and
        ``reliability_SCHEME.png`` where there are probabilities.
    """
    for scheme in dict.fromkeys(record["scheme"] for record in evaluation.coverage):
        records = [record for record in evaluation.coverage if record["scheme"] == scheme]
        table = evaluation.reliability[evaluation.reliability["scheme"] == scheme]
        title = f"held out by {scheme}"
        with names_as_written():
            pictures = {"coverage": coverage_by_part(records, f"intervals, {title}")}
            # Three cities give intervals of a low level, but no probabilities.
            if len(table):
                pictures["reliability"] = reliability_of_levels(table, f"probability of a day above, {title}")
            save_pictures(pictures, scheme, metadata, folder)


def coverage_by_part(records, title):
    """Coverage of the days' intervals in every part of the held-out rows, against their level."""
    days = [record for record in records if record["period"] == "day"]
    figure, axes = new_figure(title, width=9.0, height=1.6 + 0.24 * len(days))
    heights = -np.arange(len(days))
    for height, record in zip(heights, days, strict=True):
        if np.isfinite(record["ci_low"]):
            axes.plot([100 * record["ci_low"], 100 * record["ci_high"]], [height] * 2, color="0.6")
        axes.plot(100 * record["coverage"], height, "o", color=COLOR)
    axes.axvline(100 * days[0]["level"], color="0.3", linestyle="--", linewidth=1)
    labels = [
        f"{PARTS[record['part']]}: {record['value']}" if record["value"] else PARTS[record["part"]]
        for record in days
    ]
    axes.set_yticks(heights, [f"{label} ({r['n']:,})" for label, r in zip(labels, days, strict=True)])
    axes.set(
        xlabel=f"rows inside their {100 * days[0]['level']:g} % interval [%]\n(bar: 95 %, places resampled)"
    )
    axes.set_xlim(min(40.0, *(100 * record["coverage"] for record in days)) - 2, 102)
    axes.grid(axis="x", color="0.9")
    return figure


def reliability_of_levels(table, title):
    """How often levels were exceeded against the probability that was given, for some levels."""
    rows = table.groupby("threshold")["n"].sum().index
    busy = (
        table[table["low"].between(0.05, 0.95, inclusive="left")]
        .groupby("threshold")["n"]
        .sum()
        .reindex(rows, fill_value=0)
    )
    chosen = sorted(busy.sort_values(ascending=False).index[:N_LEVELS])
    figure, axes = new_figure(title)
    axes.plot([0, 1], [0, 1], color="0.3", linewidth=1, linestyle="--")
    markers = dict(zip(chosen, "os^D", strict=False))
    for position, level in enumerate(chosen):
        part = table[table["threshold"] == level]
        shift = 0.006 * (position - (len(chosen) - 1) / 2)
        color = f"C{position}"
        _whiskers(axes, part, shift, color)
        axes.plot(
            part["probability"] + shift, part["frequency"], markers[level], color=color, clip_on=False,
            label=f"{level:g} {PM25_UNIT}",
        )  # fmt: skip
    axes.set(xlabel="probability given", ylabel="share of the days above", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")
    axes.legend(title="level (line: 95 %, places resampled)", loc="upper left", frameon=False)
    return figure


def _whiskers(axes, part, shift, color):
    known = part[pd.notna(part["ci_low"])]
    axes.vlines(known["probability"] + shift, known["ci_low"], known["ci_high"], color=color, alpha=0.5)


UP, DOWN, PLAIN, UNCLEAR, WARNING = "#b2182b", "#2166ac", "#4d7ea8", "0.55", "#a50026"
N_BARS = 15


def importance_bars(importance, metadata):
    """Mean size of the contributions by product, and by the most important columns. [µg m⁻³]

    Parameters
    ----------
    importance : DataFrame
        From :meth:`airq.models.explanation.Contributions.importance`.
    metadata : PanelMetadata
        Facts about the panel; what they warn of stands in the picture.
    """
    parts = {by: importance[importance["by"] == by] for by in ("product", "column")}
    parts = {by: part[part["importance"] > 0].head(N_BARS) for by, part in parts.items()}
    figure = Figure(figsize=(11, 1.6 + 0.28 * max(map(len, parts.values()))), layout="constrained")
    for axes, (by, part) in zip(figure.subplots(1, 2), parts.items(), strict=True):
        axes.barh(range(len(part)), part["importance"], color=PLAIN)
        axes.set_yticks(range(len(part)), [_short(name) for name in part["name"]])
        axes.invert_yaxis()
        axes.set(xlabel=f"mean size of the contribution [{PM25_UNIT}]", title=f"by {by}")
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


def contribution_bars(table, title, metadata):
    """One prediction taken apart: from the base, product by product, to the prediction. [µg m⁻³]

    Parameters
    ----------
    table : DataFrame
        Contributions for one row, from :meth:`airq.models.explanation.Contributions.table`.
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


def drop_score_bars(records, metadata):
    """What every product saves in error, with its interval. [µg m⁻³]

    Parameters
    ----------
    records : list of dict
        From :func:`airq.workflows.explain.drop_product_scores`, of one scheme.
    metadata : PanelMetadata
        Facts about the panel.
    """
    figure = Figure(figsize=(7.5, 1.8 + 0.32 * len(records)), layout="constrained")
    axes = figure.add_subplot()
    for number, record in enumerate(records):
        clear = record["ci_low"] * record["ci_high"] > 0
        color = UNCLEAR if not clear else UP if record["increase"] > 0 else DOWN
        axes.plot([record["ci_low"], record["ci_high"]], [number, number], color=color, linewidth=2)
        axes.plot(record["increase"], number, "o", color=color)
    axes.axvline(0, color="0.4", linewidth=1)
    axes.set_yticks(range(len(records)), [_short(record["product"]) for record in records])
    axes.invert_yaxis()
    axes.set_xlabel(f"RMSE without it minus RMSE with it [{PM25_UNIT}]")
    axes.grid(axis="x", color="0.92")
    first = records[0]
    note = f"held out by {first['scheme']}; 95 % intervals over {first['resampled']}; coloured: clear of zero"
    axes.set_title(note, fontsize=9)
    _title(figure, "Drop-product scores: right of zero, the product helps", metadata)
    return figure


def _title(figure, title, metadata):
    warning = origin_warning(metadata)
    mark = f"{warning.split(':')[0]}: " if warning else ""
    figure.suptitle(mark + title, color=WARNING if warning else "black", fontsize=11)


def _short(name, width=38):
    return name if len(name) <= width else f"{name[: width - 12]}…{name[-11:]}"


COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566")


def draw_proximity(found, path):
    """Draw the distances of cities to predict and of held-out sites, as a PNG file.

    Above a histogram of the cities beside the scheme that applies, below the cumulative
    distributions of all schemes; schemes of the same distances share a line.

    Parameters
    ----------
    found : Proximity
        See :func:`airq.validation.proximity.proximity`.
    path : str or Path
        Where the file goes.
    """
    figure = Figure(figsize=(7.5, 7.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    nearest = found.nearest_scheme
    highlighted = nearest and nearest["scheme"]
    _histogram(above, found, highlighted)
    _cumulative(below, found, highlighted)
    above.set_title("Distance to the nearest training site")
    below.set(
        xlabel=f"distance to the nearest training site [km], {NEAR_KM:g} or less at the left",
        ylabel="share of places nearer [1]",
    )
    below.set_xscale("log")
    below.set_xticks(_ticks(below.get_xlim()), [f"{tick:,}" for tick in _ticks(below.get_xlim())])
    below.minorticks_off()
    figure.savefig(path, dpi=120)


def _histogram(axes, found, scheme):
    cities = np.maximum(found.cities["distance_km"], NEAR_KM)
    top = max([cities.max(), *(values.max() for values in found.held_out.values())])
    edges = np.geomspace(NEAR_KM, max(top, 10 * NEAR_KM) * 1.001, 25)
    weights = np.full(len(cities), 1 / len(cities))
    axes.hist(cities, edges, weights=weights, color="0.35", label="cities to predict")
    if scheme:
        held_out = np.maximum(found.held_out[scheme], NEAR_KM)
        weights = np.full(len(held_out), 1 / len(held_out))
        axes.hist(
            held_out, edges, weights=weights, histtype="step", linewidth=2, color=COLORS[0],
            label=f"held out by {scheme}",
        )  # fmt: skip
    axes.set_ylabel("share of places [1]")
    axes.legend(frameon=False)


def _cumulative(axes, found, highlighted):
    color = iter(COLORS[1:])
    cities = np.maximum(found.cities["distance_km"], NEAR_KM)
    for names, values in _distinct(found.held_out):
        chosen = highlighted in names
        axes.ecdf(
            np.maximum(values, NEAR_KM), color=COLORS[0] if chosen else next(color, "0.7"),
            linewidth=2.5 if chosen else 1.2, label=", ".join(names) + " (nearest)" * chosen,
        )  # fmt: skip
    axes.ecdf(cities, color="black", linewidth=2.5, linestyle="--", label="cities to predict")
    axes.legend(frameon=False, fontsize=9)
    axes.grid(color="0.9")


def _distinct(held_out):
    """Names of the schemes of the same distances, and these."""
    shared = {}
    for scheme, values in held_out.items():
        shared.setdefault(tuple(np.sort(values).round(6)), []).append(scheme)
    return [(names, np.array(values)) for values, names in shared.items()]


def _ticks(limits):
    """1, 2, 5, 10 ... within limits."""
    ticks = [step * 10**power for power in range(5) for step in (1, 2, 5)]
    return [tick for tick in ticks if limits[0] <= tick <= limits[1]]
