"""Pictures of an evaluation: predicted against observed, error by city, confusion of AQI classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from airq.geography import with_points
from airq.models import OURS
from airq.models.metrics import AQI_TABLE, error_by_group, rmse
from airq.origin import origin_warning
from airq.units import AQI_CLASSES, PM25_UNIT, aqi_class

SEQUENTIAL = "YlOrRd"


def draw_evaluation(predictions, metadata, folder, *, model=OURS):
    """Draw all pictures of an evaluation as PNG files.

    Parameters
    ----------
    predictions : DataFrame
        Held-out predictions, see :class:`airq.models.evaluation.Evaluation`.
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
