"""Pictures of intervals and probabilities at held-out places."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.plots import names_as_written, new_figure, save_pictures
from airq.uncertainty_text import PARTS
from airq.units import PM25_UNIT

COLOR = "#0b5394"
#: Levels whose reliability is drawn, at most.
N_LEVELS = 4


def draw_uncertainty(evaluation, metadata, folder):
    """Draw coverage and reliability of every scheme as PNG files.

    Parameters
    ----------
    evaluation : Evaluation
        See :class:`airq.models.evaluation.Evaluation`.
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
