"""One page about a city as a picture, to print or to send."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from app import layers, scales, theme
from app.series import MONTHS, by_month, class_shares, days_of, how_counted, share_above
from app.text import shown

#: With more years the numbers of bars would lie on each other.
MOST_LABELLED = 4
#: Room for the legend above the highest value.
HEADROOM = 1.2
#: So few values have points; and so few are named one by one below the axis.
FEW, MOST_NAMED = 62, 4


def poster(city, series, scale, over_all=None, *, simulated, sources=()):
    """A page about a city.

    Parameters
    ----------
    city : Series
        A row of :attr:`app.store.Store.cities`.
    series : app.series.Series
        Its predictions.
    scale : app.scales.Scale
        Classes and colours of the values.
    over_all : app.scales.Scale, optional
        What their mean is held against; by default the levels of the WHO.
    simulated : bool
        Whether the numbers are simulated, which the page then says large.
    sources : sequence of str
        Where the numbers come from.

    Returns
    -------
    bytes
        PNG, 1240 x 1754 px: A4 at 150 dpi.
    """
    page = poster_figure(city, series, scale, over_all, simulated=simulated, sources=sources)
    picture = io.BytesIO()
    page.savefig(picture, format="png")
    return picture.getvalue()


def poster_figure(city, series, scale, over_all=None, *, simulated, sources=()):
    """The page as a matplotlib figure; arguments as for :func:`poster`."""
    # Drawing takes memory that most sessions never need.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.268, 11.694), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 2, left=0.1, right=0.95, top=0.745, bottom=0.115, hspace=0.42, wspace=0.5)
    _heading(figure, city, series, scale, over_all, simulated)
    _over_time(figure.add_subplot(grid[0, :]), series, scale)
    if series.period != "year":
        _season(figure.add_subplot(grid[1, 0]), series)
    if scale.classed:
        # Years have no season beside; the names of the classes need room on the left.
        wide = grid[1, :].subgridspec(1, 2, width_ratios=(1, 5))[1]
        _classes(figure.add_subplot(wide if series.period == "year" else grid[1, 1]), series, scale)
        _above(figure.add_subplot(grid[2, :]), series, scale)
    _footer(figure, series, scale, sources)
    return figure


def _heading(figure, city, series, scale, over_all, simulated):
    ink = {"color": theme.LIGHT["text"], "parse_math": False}
    figure.text(0.06, 0.945, _plain(city["label"], 60), fontsize=22, weight="bold", **ink)
    span = theme.span_words(*series.dates[[0, -1]], series.period)
    what = "US AQI" if theme.is_index(series.unit) else "PM2.5"
    figure.text(0.06, 0.92, f"Predicted {what}, {span}", fontsize=12, **ink)
    mean = np.nanmean(series.amounts) if np.isfinite(series.amounts).any() else np.nan
    figure.text(0.06, 0.86, theme.short_number(mean, series.unit), fontsize=34, weight="bold", **ink)
    spans, known = layers.SPANS[series.period], series.dates[np.isfinite(series.amounts)]
    figure.text(0.06, 0.838, f"mean of {theme.count_words(len(known), series.period)}", fontsize=11, **ink)
    if over_all is None:
        days = days_of(known, series.period)
        over_all = scales.scale("who", unit=series.unit, days=days, period=series.period)
    said = f"{over_all.verdict(mean)}\n{over_all.note}" if over_all.classed else over_all.note
    figure.text(0.06, 0.832, said, fontsize=9, va="top", wrap=True, **ink)
    if scale.classed:
        met = class_shares(series, scale)[0]
        share = theme.chance_words(met) if np.isfinite(met) else "–"
        figure.text(0.6, 0.86, share, fontsize=34 if len(share) < 5 else 20, weight="bold", **ink)
        figure.text(0.6, 0.838, f"of the {spans}: {scale.labels[0]}", fontsize=11, **ink)
        figure.text(0.6, 0.818, scale.heading, fontsize=9, **ink)
    if simulated:
        box = {"facecolor": "#ffe08a", "edgecolor": "none", "pad": 6}
        figure.text(0.06, 0.786, "SIMULATED: not the air of any city", fontsize=14, weight="bold", bbox=box)


def _over_time(axes, series, scale):
    days, values = series.calendar, series.spread(series.amounts)
    few = len(days) <= FEW
    if series.lower is not None:
        lower, upper = series.spread(series.lower), series.spread(series.upper)
        look = {"color": "#0b5c8f", "alpha": 0.2, "label": series.interval_words}
        # A band has no width over one value.
        if len(days) == 1:
            axes.vlines(days, lower, upper, lw=8, **look)
        else:
            axes.fill_between(days, lower, upper, lw=0, **look)
    axes.plot(days, values, color="#0b5c8f", lw=0.9, marker="o" if few else "", ms=4, label="predicted")
    for edge in scale.edges if scale.classed else ():
        if edge < np.nanmax([1.0, *values]):
            axes.axhline(edge, color="#5b6870", lw=0.6, ls="--")
    axes.set_ylim(0, HEADROOM * axes.get_ylim()[1])
    axes.margins(x=0.02 if few else 0)
    if few and len(days) <= MOST_NAMED:
        axes.set_xticks(days, [theme.day_words(day, series.period) for day in days])
    axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    title = theme.by_period("Day by day", series.period) + "; dashed: the levels" * scale.classed
    _finish(axes, title, theme.unit_words(series.unit))


def _season(axes, series):
    months = by_month(series)
    axes.bar([MONTHS.index(month.name) for month in months], [one.mean for one in months], color="#0b5c8f")
    axes.set_xticks(range(12), [name[0] for name in MONTHS])
    _finish(axes, "Mean of every month of the year", theme.unit_words(series.unit))


def _classes(axes, series, scale):
    shares = 100 * np.nan_to_num(class_shares(series, scale))
    axes.barh(range(6), shares, color=scale.colours, edgecolor="#5b6870", lw=0.5)
    axes.set_yticks(range(6), [label.replace(" for ", "\nfor ") for label in scale.labels], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    _finish(axes, f"Share of the {layers.SPANS[series.period]} in each class [%]", "")


def _above(axes, series, scale):
    counts = share_above(series, scale.edges)
    width = 0.8 / max(len(counts), 1)
    shades = np.linspace(0.35, 1.0, max(len(counts), 1))
    for at, (one, shade) in enumerate(zip(counts, shades, strict=True)):
        places = np.arange(len(scale.edges)) + at * width
        label = f"{one.year} ({theme.count_words(one.known, series.period)} known)"
        bars = axes.bar(places, one.above, width, color="#0b5c8f", alpha=shade, label=label)
        if len(counts) <= MOST_LABELLED:
            axes.bar_label(bars, fmt="{:.0%}", fontsize=8)
    axes.set_xticks(
        np.arange(len(scale.edges)) + 0.4 - width / 2, [f"above {edge:g}" for edge in scale.edges]
    )
    # Above a whole bar is room for its number and for the legend.
    axes.set_ylim(0, 1.2 + 0.13 * -(-len(counts) // MOST_LABELLED))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=MOST_LABELLED)
    spans = layers.SPANS[series.period]
    axes.yaxis.set_major_formatter("{x:.0%}")
    unit = theme.unit_words(series.unit)
    _finish(axes, f"Share of the known {spans} above each level [{unit}], by year", "")


def _finish(axes, title, unit):
    axes.set_title(title, fontsize=11, loc="left", color=theme.LIGHT["text"])
    axes.set_ylabel(unit, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _footer(figure, series, scale, sources):
    lines = ["Numbers are a model's predictions, not measurements. PM2.5: particles of up to 2.5 µm."]
    if scale.classed:
        lines.append(f"Shares and {layers.SPANS[series.period]} above levels: {_how(series, scale)}.")
    lines += [_plain(source, 110) for source in list(sources)[:3]]
    lines.append(f"Made with airq, {pd.Timestamp.now():%Y-%m-%d}")
    figure.text(
        0.06, 0.02, "\n".join(lines), fontsize=8, color=theme.LIGHT["soft"], parse_math=False, linespacing=1.4
    )


def _how(series, scale):
    words = theme.by_period(how_counted(series, scale.edges), series.period)
    return words[0].lower() + words[1:]


def _plain(value, limit):
    # matplotlib turns nothing in it into mathematics, but draws isolating characters as boxes.
    return shown(value, limit=limit).replace("\u2068", "").replace("\u2069", "")
