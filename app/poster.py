"""One page about a city as a picture, to print or to send."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from app import charts, theme
from app.text import shown


def poster(city, series, scale, *, simulated, sources=()):
    """A page about a city.

    Parameters
    ----------
    city : Series
        A row of :attr:`app.store.Store.cities`.
    series : app.charts.Series
        Its predictions.
    scale : app.theme.Scale
        Classes and colours of daily values.
    simulated : bool
        Whether the numbers are simulated, which the page then says large.
    sources : sequence of str
        Where the numbers come from.

    Returns
    -------
    bytes
        PNG, 1240 x 1754 px: A4 at 150 dpi.
    """
    # Drawing takes memory that most sessions never need.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.268, 11.694), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 2, left=0.1, right=0.95, top=0.76, bottom=0.1, hspace=0.42, wspace=0.28)
    _heading(figure, city, series, scale, simulated)
    _days(figure.add_subplot(grid[0, :]), series, scale)
    _season(figure.add_subplot(grid[1, 0]), series)
    _classes(figure.add_subplot(grid[1, 1]), series, scale)
    _above(figure.add_subplot(grid[2, :]), series, scale)
    _footer(figure, series, sources)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _heading(figure, city, series, scale, simulated):
    ink = {"color": theme.LIGHT["text"], "parse_math": False}
    figure.text(0.06, 0.945, _plain(city["label"], 60), fontsize=22, weight="bold", **ink)
    first, last = (theme.day_words(day, series.period) for day in (series.dates[0], series.dates[-1]))
    what = "US AQI" if theme.is_index(series.unit) else "PM2.5"
    figure.text(0.06, 0.92, f"Predicted {what}, {first} to {last}", fontsize=12, **ink)
    mean = np.nanmean(series.amounts) if np.isfinite(series.amounts).any() else np.nan
    figure.text(0.06, 0.86, theme.number(mean, series.unit), fontsize=34, weight="bold", **ink)
    figure.text(0.06, 0.838, "mean of the days shown", fontsize=11, **ink)
    met = charts.share_met(series, scale)
    figure.text(0.55, 0.86, f"{met:.0%}" if np.isfinite(met) else "–", fontsize=34, weight="bold", **ink)
    figure.text(0.55, 0.838, f"of the days: {scale.labels[0]} ({scale.heading})", fontsize=11, **ink)
    if simulated:
        box = {"facecolor": "#ffe08a", "edgecolor": "none", "pad": 6}
        figure.text(0.06, 0.8, "SIMULATED: not the air of any city", fontsize=14, weight="bold", bbox=box)


def _days(axes, series, scale):
    frame = series.frame()
    if "lower" in frame:
        label = f"{series.level:.0%} interval" if series.level else "interval"
        axes.fill_between(
            frame.index, frame["lower"], frame["upper"], color="#0b5c8f", alpha=0.2, lw=0, label=label
        )
    axes.plot(frame.index, frame["value"], color="#0b5c8f", lw=0.9, label="predicted")
    for edge in scale.edges:
        if edge < np.nanmax([1.0, *frame["value"]]):
            axes.axhline(edge, color="#5b6870", lw=0.6, ls="--")
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    _finish(axes, "Day by day; dashed: the levels", theme.unit_words(series.unit))


def _season(axes, series):
    months = charts.by_month(series)
    axes.bar(months.index, months["mean"], color="#0b5c8f")
    axes.set_xticks(range(1, 13), [name[0] for name in charts.MONTHS])
    _finish(axes, "Mean of every month of the year", theme.unit_words(series.unit))


def _classes(axes, series, scale):
    number = scale.index(series.amounts)
    shares = [100 * np.mean(number[number >= 0] == one) if (number >= 0).any() else 0 for one in range(6)]
    axes.barh(range(6), shares, color=scale.colours, edgecolor="#5b6870", lw=0.5)
    axes.set_yticks(range(6), [label.replace(" for ", "\nfor ") for label in scale.labels], fontsize=8)
    axes.invert_yaxis()
    _finish(axes, "Share of the days in each class [%]", "")


def _above(axes, series, scale):
    counts = charts.count_above(series, scale.edges)
    width = 0.8 / max(len(counts), 1)
    shades = np.linspace(0.35, 1.0, max(len(counts), 1))
    for at, ((year, row), shade) in enumerate(zip(counts.iterrows(), shades, strict=False)):
        places = np.arange(len(scale.edges)) + at * width
        label = f"{year} ({int(row['known'])} days known)"
        bars = axes.bar(places, row[list(scale.edges)], width, color="#0b5c8f", alpha=shade, label=label)
        axes.bar_label(bars, fontsize=8)
    axes.set_xticks(
        np.arange(len(scale.edges)) + 0.4 - width / 2, [f"above {edge:g}" for edge in scale.edges]
    )
    axes.legend(frameon=False, fontsize=9)
    _finish(axes, f"Days above each level [{theme.unit_words(series.unit)}]", "days")


def _finish(axes, title, unit):
    axes.set_title(title, fontsize=11, loc="left", color=theme.LIGHT["text"])
    axes.set_ylabel(unit, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _footer(figure, series, sources):
    lines = ["Numbers are a model's predictions, not measurements. PM2.5: particles of up to 2.5 µm."]
    lines += [_plain(source, 110) for source in list(sources)[:3]]
    lines.append(f"Made with airq, {pd.Timestamp.now():%Y-%m-%d}")
    figure.text(
        0.06, 0.02, "\n".join(lines), fontsize=8, color=theme.LIGHT["soft"], parse_math=False, linespacing=1.4
    )


def _plain(value, limit):
    # matplotlib turns nothing in it into mathematics, but draws isolating characters as boxes.
    return shown(value, limit=limit).replace("\u2068", "").replace("\u2069", "")
