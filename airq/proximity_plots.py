"""Picture of how far cities to predict lie from training, beside every scheme."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from airq.models.proximity import NEAR_KM

COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb5566")


def draw_proximity(found, path):
    """Draw the distances of cities to predict and of held-out sites, as a PNG file.

    Above a histogram of the cities beside the scheme that applies, below the cumulative
    distributions of all schemes; schemes of the same distances share a line.

    Parameters
    ----------
    found : Proximity
        See :func:`airq.models.proximity.proximity`.
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
