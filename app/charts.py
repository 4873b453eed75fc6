"""Charts of a city's days: arrays in, Plotly figures out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app import theme
from app.text import for_plotly

#: Colours of other cities beside the chosen one, told apart by dash as well.
OTHERS = (("#8c6bb1", "dash"), ("#1b9e77", "dot"), ("#c2407a", "dashdot"), ("#7a7a00", "longdash"))
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
ROLLING_DAYS = 30
#: Products and what stands beside them among the reasons -> words; others keep their names.
REASON_WORDS = {
    "base": "start",
    "cams": "CAMS model of the air",
    "maiac": "aerosol depth (MAIAC)",
    "aerosol-index": "aerosol index",
    "no2": "nitrogen dioxide",
    "co": "carbon monoxide",
    "hcho": "formaldehyde",
    "so2": "sulphur dioxide",
    "o3": "ozone",
    "cloud": "clouds",
    "night-lights": "night lights",
    "position": "place on the map",
    "remainder": "limits of predictions",
}
#: Numbers of levels nearer than this share of the highest value would lie on each other.
CLOSEST_LEVELS = 0.045


@dataclass(frozen=True)
class Series:
    """Values of one place by day.

    Attributes
    ----------
    dates : DatetimeIndex of n_days
        Sorted; days may be missing.
    amounts : numpy.ndarray of shape (n_days,)
        In `unit`, NaN where unknown.
    unit : str
        µg m⁻³ or an index.
    lower, upper : numpy.ndarray of shape (n_days,), optional
        Ends of the interval.
    level : float, optional
        Its level.
    period : {"day", "month", "year"}
        What a value stands for.
    chances : dict of float to numpy.ndarray of shape (n_days,), optional
        Level to the probability that a day is above it.
    """

    dates: pd.DatetimeIndex
    amounts: np.ndarray
    unit: str
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    level: float | None = None
    period: str = "day"
    chances: dict | None = None

    def frame(self):
        """The values by day, with a row for every day of the calendar in between."""
        columns = {"value": self.amounts}
        if self.lower is not None:
            columns |= {"lower": self.lower, "upper": self.upper}
        frame = pd.DataFrame(columns, index=self.dates)
        step = {"day": "D", "month": "MS", "year": "YS"}[self.period]
        return frame.reindex(pd.date_range(self.dates[0], self.dates[-1], freq=step).union(self.dates))


def time_series(
    series, scale, *, observed=None, observed_name="observed", others=None, marked=None, dark=False
):
    """Values by day with their interval, the levels of a scale, observations and other places.

    Parameters
    ----------
    series : Series
        The city's predictions.
    scale : app.theme.Scale
        Its edges become lines, named by :func:`level_names`.
    observed : Series of float by date, optional
        What was measured. [unit of the series]
    observed_name : str
        What to call it.
    others : dict of str to array of shape (n_days,), optional
        Other places on the same days, by name.
    marked : str or Timestamp, optional
        Day to mark.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    tone = theme.tones(dark)
    frame = series.frame()
    days = _days(frame.index)
    traces = [_band(frame, days, tone, series.level)] if "lower" in frame else []
    for (name, values), (colour, dash) in zip((others or {}).items(), OTHERS, strict=False):
        line = {"color": colour, "width": 1.6, "dash": dash}
        traces.append(_line(days, _aligned(series, values, frame), for_plotly(name), line, series.unit))
    main = {"color": tone["line"], "width": 1.3 if series.period == "day" else 2.4}
    traces.append(_line(days, frame["value"], "predicted", main, series.unit))
    if series.period == "day" and len(frame) > 2 * ROLLING_DAYS:
        rolling = frame["value"].rolling(ROLLING_DAYS, center=True, min_periods=ROLLING_DAYS // 2).mean()
        line = {"color": tone["text"], "width": 3}
        traces.append(_line(days, rolling, f"mean over {ROLLING_DAYS} days", line, series.unit))
    if observed is not None and len(observed):
        traces.append(_observed(observed, for_plotly(observed_name), tone, series.unit))
    shapes, words = _levels(scale, np.nanmax(_highest(frame, observed)), tone)
    if marked is not None:
        day = f"{pd.Timestamp(marked):%Y-%m-%d}"
        line = {"color": tone["soft"], "dash": "dot"}
        shapes.append({"type": "line", "x0": day, "x1": day, "yref": "paper", "y0": 0, "y1": 1, "line": line})
    return theme.axes_figure(
        traces,
        dark=dark,
        height=420,
        yaxis={"title": {"text": theme.unit_words(series.unit)}, "rangemode": "tozero"},
        shapes=shapes,
        annotations=words,
        margin={"r": 44},
        hovermode="x unified",
        uirevision="series",
    )


def calendar(series, scale, *, dark=False):
    """Calendar: a row a month, a column a day of the month, coloured by class.

    Parameters
    ----------
    series : Series
        Days of one place.
    scale : app.theme.Scale
        Classes and colours.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    frame = series.frame()
    months, row = np.unique(frame.index.to_numpy().astype("datetime64[M]"), return_inverse=True)
    values = np.full((len(months), 31), np.nan)
    values[row, frame.index.day - 1] = frame["value"]
    number = scale.index(values)
    steps = len(scale.colours)
    unit = theme.unit_words(scale.unit)
    trace = dict(
        type="heatmap",
        x=np.arange(1, 32),
        y=[f"{MONTHS[number % 12]} {1970 + number // 12}" for number in months.astype(int).tolist()],
        z=np.where(number < 0, np.nan, number),
        zmin=-0.5,
        zmax=steps - 0.5,
        colorscale=steps_of(scale.colours),
        showscale=False,
        xgap=1.5,
        ygap=1.5,
        text=np.array(scale.labels)[number],
        customdata=values,
        hovertemplate=f"%{{x}} %{{y}}<br>%{{customdata:.1f}} {unit}, %{{text}}<extra></extra>",
    )
    return theme.axes_figure(
        [trace],
        dark=dark,
        height=70 + 24 * len(months),
        xaxis={"side": "top", "showgrid": False, "tickvals": [1, 5, 10, 15, 20, 25, 31]},
        yaxis={"autorange": "reversed", "showgrid": False, "type": "category"},
        margin={"t": 30, "b": 8},
    )


def season(series, *, dark=False):
    """Seasonal cycle: mean of every month of the year, and where eight of ten days lie.

    Parameters
    ----------
    series : Series
        Days of one place.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    tone = theme.tones(dark)
    months = by_month(series)
    names = [MONTHS[month - 1] for month in months.index]
    mean, low, high, days = months.to_numpy("float64").T
    unit = theme.unit_words(series.unit)
    trace = dict(
        type="bar",
        x=names,
        y=mean,
        marker={"color": tone["line"]},
        error_y={
            "type": "data",
            "array": high - mean,
            "arrayminus": mean - low,
            "color": tone["soft"],
            "thickness": 1.5,
        },
        customdata=np.column_stack([low, high, days]),
        hovertemplate=f"%{{x}}: mean %{{y:.1f}} {unit}<br>eight of ten days between "
        "%{customdata[0]:.1f} and %{customdata[1]:.1f}<br>%{customdata[2]:.0f} days<extra></extra>",
    )
    return theme.axes_figure(
        [trace],
        dark=dark,
        height=300,
        xaxis={"categoryorder": "array", "categoryarray": MONTHS},
        yaxis={"title": {"text": unit}, "rangemode": "tozero"},
    )


def by_month(series):
    """Mean, 10 % and 90 % quantile and number of days of every month of the year that has a day."""
    known = np.isfinite(series.amounts)
    amounts, months = np.asarray(series.amounts, dtype="float64")[known], series.dates.month.to_numpy()[known]
    groups = {month: amounts[months == month] for month in np.unique(months)}
    rows = [(part.mean(), *_tails(part), len(part)) for part in groups.values()]
    return pd.DataFrame(rows, index=list(groups), columns=["mean", "low", "high", "days"])


def _tails(part):
    """10 % and 90 % quantile as `numpy.quantile` gives them, in a tenth of its time."""
    return np.interp(np.array([0.1, 0.9]) * (len(part) - 1), np.arange(len(part)), np.sort(part))


def days_above(series, levels, *, dark=False):
    """Days above each level by year, as bars; see :func:`count_above`."""
    tone = theme.tones(dark)
    counts = count_above(series, levels)
    unit = theme.unit_words(series.unit)
    shades = np.linspace(1, 0.3, max(len(counts), 1))[::-1]
    traces = [
        dict(
            type="bar",
            x=[f"{level:g}" for level in levels],
            y=above,
            name=f"{year} ({known} days known)",
            marker={"color": _faint(tone["line"], shade)},
            text=above,
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{year}: %{{y:.0f}} days above %{{x}} {unit}<extra></extra>",
        )
        for (year, *above, known), shade in zip(
            counts.reset_index().to_numpy().tolist(), shades, strict=False
        )
    ]
    return theme.axes_figure(
        traces,
        dark=dark,
        height=300,
        xaxis={"title": {"text": f"level [{unit}]"}, "type": "category"},
        yaxis={"title": {"text": "days a year"}, "rangemode": "tozero"},
    )


def count_above(series, levels):
    """Number of days above each level, a row a year: expected where there are probabilities, else counted.

    A smooth prediction understates how often a level is exceeded.

    Parameters
    ----------
    series : Series
        Days of one place.
    levels : sequence of float
        In the unit of the series.

    Returns
    -------
    DataFrame
        A column a level, and `known`: the number of days with a value.
    """
    known = np.isfinite(series.amounts)
    years = series.dates.year.to_numpy()[known]
    above = np.column_stack([_above(series, level)[known] for level in levels])
    listed = np.unique(years)
    counts = [[*above[years == year].sum(axis=0).round(), (years == year).sum()] for year in listed]
    return pd.DataFrame(counts, index=listed, columns=[*levels, "known"], dtype="int64")


def share_met(series, scale):
    """Share of the known days in the lowest class of a scale: expected where there are probabilities."""
    known = np.isfinite(series.amounts)
    return 1 - _above(series, scale.edges[0])[known].mean() if known.any() else np.nan


def _above(series, level):
    """Probability of every day to be above a level; 0 or 1 where there is none."""
    counted = np.asarray(series.amounts, dtype="float32") > np.float32(level)
    chance = (series.chances or {}).get(level)
    return counted.astype("float64") if chance is None else np.where(np.isfinite(chance), chance, counted)


def steps_of(colours):
    """Colour scale of equal steps, one a class."""
    width = 1 / len(colours)
    return [[edge, one] for at, one in enumerate(colours) for edge in (at * width, (at + 1) * width)]


def _days(index):
    """Days of an index as text that JSON and Plotly take, faster than `strftime`."""
    return index.to_numpy().astype("datetime64[D]").astype("str")


def _band(frame, days, tone, level):
    """The interval as closed areas, one for every run of days without a gap."""
    lower, upper = (frame[name].to_numpy() for name in ("lower", "upper"))
    known = np.flatnonzero(np.isfinite(lower) & np.isfinite(upper))
    xs, ys = [], []
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        xs += [days[run], days[run[::-1]], [""]]
        ys += [upper[run], lower[run[::-1]], [np.nan]]
    return dict(
        type="scatter",
        x=np.concatenate(xs),
        y=np.concatenate(ys).astype("float32"),
        fill="toself",
        mode="none",
        fillcolor=_faint(tone["line"]),
        name=f"{level:.0%} interval" if level else "interval",
        hoverinfo="skip",
    )


def _line(days, values, name, line, unit):
    digits = 0 if theme.is_index(unit) else 1
    return dict(
        type="scatter",
        x=days,
        y=np.asarray(values, dtype="float32"),
        name=name,
        mode="lines",
        line=line,
        hovertemplate=f"%{{y:.{digits}f}}",
    )


def _observed(observed, name, tone, unit):
    digits = 0 if theme.is_index(unit) else 1
    return dict(
        type="scatter",
        x=_days(observed.index),
        y=observed.to_numpy("float32"),
        name=name,
        mode="markers",
        marker={"color": tone["second"], "size": 5, "symbol": "diamond"},
        hovertemplate=f"%{{y:.{digits}f}}",
    )


def _aligned(series, values, frame):
    return pd.Series(values, index=series.dates).reindex(frame.index)


def _highest(frame, observed):
    parts = [frame.to_numpy("float64").ravel(), [1.0]]
    if observed is not None:
        parts.append(np.asarray(observed, dtype="float64"))
    return np.concatenate(parts)


def _levels(scale, highest, tone):
    """A line at the upper end of every class but those far above the data, and its number beside it."""
    edges = [edge for edge in scale.edges if edge <= 1.1 * highest]
    line = {"color": tone["soft"], "width": 1, "dash": "dash"}
    shapes = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": edge, "y1": edge, "line": line}
        for edge in edges
    ]
    named = []
    for edge in edges:
        if not named or edge - named[-1] > CLOSEST_LEVELS * highest:
            named.append(edge)
    # Outside, where no day lies behind it.
    place = {"xref": "paper", "x": 1, "xshift": 4, "xanchor": "left", "yanchor": "middle"}
    font = {"size": 13, "color": tone["text"]}
    numbers = [{"text": f"{edge:g}", "y": edge, "showarrow": False, "font": font, **place} for edge in named]
    return shapes, numbers


def level_names(scale):
    """What the lines at the edges of a scale stand for.

    >>> level_names(theme.scale("who", unit="µg m⁻³")).split(", ")[:2]
    ['15 guideline', '25 interim target 4']
    """
    names = [
        label.removesuffix(" met") if scale.name == "who" else f"end of {label}"
        for label in scale.labels[: len(scale.edges)]
    ]
    return ", ".join(f"{edge:g} {name}" for edge, name in zip(scale.edges, names, strict=True))


def _faint(colour, opacity=0.18):
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.2f})"


def reasons(table, *, dark=False):
    """What adds up to a prediction: a bar a product, from the largest contribution to the smallest.

    Parameters
    ----------
    table : DataFrame
        `product, contribution` [µg m⁻³] of one row, as :meth:`airq.reasons.Reasons.of` makes it.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    tone = theme.tones(dark)
    table = table[table["contribution"].abs() >= 0.05]
    amounts = table["contribution"].to_numpy("float64")
    fig = go.Figure(
        go.Waterfall(
            orientation="h",
            y=[for_plotly(name) for name in _reason_words(table["product"])],
            x=amounts,
            measure=["absolute"] + ["relative"] * (len(amounts) - 1),
            text=[f"{amount:+.1f}" for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": tone["second"]}},
            decreasing={"marker": {"color": tone["line"]}},
            totals={"marker": {"color": tone["soft"]}},
            connector={"line": {"color": tone["grid"]}},
            hovertemplate="%{y}: %{x:.1f} µg/m³<extra></extra>",
        )
    )
    theme.apply(fig, dark=dark, height=90 + 30 * len(table))
    fig.update_yaxes(autorange="reversed", showgrid=False)
    fig.update_layout(margin={"r": 60})
    return fig.update_xaxes(title="µg/m³")


def _reason_words(products):
    """Names that people know, or the products' own where two would be called alike."""
    words = [REASON_WORDS.get(name, name) for name in products]
    return words if len(set(words)) == len(words) else list(products)
