"""Charts of a city's days: each function returns a Vega-Lite specification for a light or `dark` page.

What differs between cities is in the tables of a chart, not in its specification, so that the browser
changes a chart where another city is chosen instead of building it anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from app import theme
from app.charts import vega
from app.series import MONTHS, ROLLING_DAYS, by_month, rolling, share_above
from app.text import shown

#: Colours of other cities beside the chosen one, and their dashes. [px]
OTHERS = (("#8c6bb1", (6, 3)), ("#1b9e77", (2, 2)), ("#c2407a", (8, 3, 2, 3)), ("#7a7a00", (12, 4)))
#: Numbers of levels nearer than this share of the highest value would lie on each other.
CLOSEST_LEVELS = 0.045
#: From a value half-way to the next one. [ms]
HALF = {"day": 0.5 * 86.4e6, "month": 15.2 * 86.4e6, "year": 182.6 * 86.4e6}
DAY_FORMAT = {"day": "%-d %B %Y", "month": "%B %Y", "year": "%Y"}
#: A row of the calendar. [px]
CALENDAR_ROW = 24
#: Cells with less contrast to the page have a line around them.
LEAST_CONTRAST = 1.3
#: Room for the numbers of the levels, right of the days. [px]
ROOM = 44
#: Dragging moves; the wheel alone goes on scrolling the page.
_MOVE = {
    "name": "view",
    "select": {
        "type": "interval",
        "encodings": ["x"],
        "zoom": "wheel![event.ctrlKey]",
        "translate": "[mousedown, window:mouseup] > window:mousemove!",
    },
    "bind": "scales",
}
#: What no pointer and no screen reader has to find.
_SILENT = {"tooltip": None, "aria": False}


@dataclass(frozen=True)
class Entry:
    """A line of a chart's legend.

    Attributes
    ----------
    name : str
        As it is shown.
    colour : str
        ``#rrggbb``.
    kind : {"line", "band", "point"}
        How it is drawn.
    width : float
        Width of a line. [px]
    dash : tuple of int
        Lengths of dashes and gaps; empty for a whole line. [px]
    """

    name: str
    colour: str
    kind: str = "line"
    width: float = 2
    dash: tuple = ()


def time_series(
    series, scale, *, observed=None, others=None, observed_name="observed", marked=None, dark=False
):
    """Draw values by day with their interval, the levels of a scale, observations and other places.

    Parameters
    ----------
    series : app.series.Series
        The city's predictions.
    scale : app.scales.Scale
        Its edges become lines, named by :func:`level_names`.
    observed : Series of float by date, optional
        What was measured, a value a day. [unit of the series]
    others : dict of str to array of shape (n_days,), optional
        Other places on the same days, by name.
    observed_name : str
        What to call what was measured.
    marked : str or Timestamp, optional
        Day to mark.
    """
    days = _days(series, observed, others or {})
    named = legend_of(series, observed=observed, others=others, observed_name=observed_name, dark=dark)
    tone = theme.tones(dark)
    layers = [_level_lines(tone, series.unit)]
    layers += [_drawn(field, entry, series.unit) for field, entry in named.items()]
    layers += [*_alone(series, tone), _marked(tone), _pointed(named, series, tone)]
    highest = max(1.0, *(np.nanmax(values, initial=0.0) for name, values in days.items() if name != "day"))
    chosen = [] if marked is None else [pd.Timestamp(marked)]
    return {
        "description": theme.by_period("Values by day", series.period),
        "height": 380,
        "padding": {"left": 4, "top": 8, "right": ROOM, "bottom": 4},
        "datasets": {
            "days": pa.table(days),
            "levels": _level_table(scale, highest),
            "marked": pa.table({"day": _milliseconds(np.array(chosen, dtype="datetime64[ms]"))}),
        },
        "layer": layers,
        "config": vega.config(dark),
    }


def legend_of(series, *, observed=None, others=None, observed_name="observed", dark=False):
    """Return an :class:`Entry` for each column that :func:`time_series` draws, the lowest layer first."""
    tone, found = theme.tones(dark), {}
    if series.lower is not None:
        found["lower"] = Entry(series.interval_words, tone["line"], "band")
    for at, (name, (colour, dash)) in enumerate(zip(others or {}, OTHERS, strict=False)):
        found[f"other{at}"] = Entry(shown(name), colour, width=1.8, dash=dash)
    found["value"] = Entry("predicted", tone["line"], width=1.3 if series.period == "day" else 2.4)
    if has_rolling(series):
        found["rolling"] = Entry(f"mean over {ROLLING_DAYS} days", tone["text"], width=3)
    if observed is not None and len(observed):
        found["observed"] = Entry(shown(observed_name), tone["second"], "point")
    return found


def has_rolling(series):
    """Tell whether days are so many that their mean over 30 days is drawn."""
    return series.period == "day" and series.spans[-1] - series.spans[0] >= 2 * ROLLING_DAYS


def _days(series, observed, others):
    """Return all that is drawn: columns by name, a row a day of the calendar."""
    values = series.spread(series.amounts)
    columns = {"day": _milliseconds(series.calendar), "value": values, "lone": _lone(values)}
    if series.lower is not None:
        columns |= {"lower": series.spread(series.lower), "upper": series.spread(series.upper)}
    if has_rolling(series):
        columns["rolling"] = _floats(rolling(columns["value"]))
    for at, values in enumerate(list(others.values())[: len(OTHERS)]):
        columns[f"other{at}"] = series.spread(values)
    return columns if observed is None or observed.empty else _with(columns, observed)


def _lone(values):
    """Return values without a known neighbour, which no line can show."""
    known = np.r_[False, np.isfinite(values), False]
    return np.where(known[:-2] | known[2:], np.float32(np.nan), values)


def _with(columns, observed):
    """Return the columns with what was observed, on these days and on others."""
    table = pd.DataFrame(columns).set_index("day")
    measured = pd.Series(_floats(observed), index=_milliseconds(observed.index.to_numpy()))
    table = table.reindex(table.index.union(measured.index)).assign(observed=measured)
    return {"day": table.index.to_numpy(), **{name: table[name].to_numpy() for name in table}}


def _milliseconds(days):
    """Return days as milliseconds since 1970, which no browser moves by its zone."""
    return days.astype("datetime64[ms]").astype("int64").astype("float64")


def _floats(values):
    return np.asarray(values, dtype="float32")


def _time_axis():
    # Without a unit of its own, a day alone would be divided into hours.
    ticks = {"expr": "min(width / 110, domain('x')[1] - domain('x')[0] < 864e6 ? 2 : 1e3)"}
    axis = {"title": None, "labelOverlap": True, "grid": False, "tickCount": ticks}
    return {"field": "day", "type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def _amount_axis(field, unit):
    axis = {"title": theme.unit_words(unit), "tickCount": 6}
    return {"field": field, "type": "quantitative", "axis": axis, "scale": {"zero": True}}


def _drawn(field, entry, unit):
    """Return a layer of the chart: a line, a band or points."""
    layer = {"name": field, "data": {"name": "days"}}
    if entry.kind == "band":
        layer["mark"] = {"type": "area", "color": entry.colour, "opacity": 0.2, "clip": True, **_SILENT}
        layer["encoding"] = {"x": _time_axis(), "y": _amount_axis("lower", unit), "y2": {"field": "upper"}}
        return layer
    if entry.kind == "point":
        look = {"type": "point", "shape": "diamond", "size": 26, "filled": True, "opacity": 1}
        layer["transform"] = [{"filter": f"isValid(datum.{field})"}]
    else:
        look = {"type": "line", "strokeWidth": entry.width, "strokeDash": list(entry.dash)}
    layer["mark"] = {**look, "color": entry.colour, "clip": True, **_SILENT}
    layer["encoding"] = {"x": _time_axis(), "y": _amount_axis(field, unit)}
    return layer


def _alone(series, tone):
    """Return points at values without a known neighbour, with their intervals."""
    valid = [{"filter": "isValid(datum.lone)"}]
    here = {"data": {"name": "days"}, "transform": valid}
    look = {"type": "point", "size": 60, "filled": True, "opacity": 1, "color": tone["line"], "clip": True}
    point = {
        "mark": {**look, **_SILENT},
        "encoding": {"x": _time_axis(), "y": _amount_axis("lone", series.unit)},
    }
    layers = [{"name": "alone", **here, **point}]
    if series.lower is not None:
        rule = {
            "type": "rule",
            "color": tone["line"],
            "opacity": 0.4,
            "strokeWidth": 6,
            "clip": True,
            **_SILENT,
        }
        ends = {"y": _amount_axis("lower", series.unit), "y2": {"field": "upper"}}
        layers.insert(0, {**here, "mark": rule, "encoding": {"x": _time_axis(), **ends}})
    return layers


def _level_table(scale, highest):
    """Return the upper ends of classes that are not far above the data, numbered where there is room."""
    edges = [edge for edge in scale.edges if scale.classed and edge <= 1.1 * highest]
    named = []
    for edge in edges:
        if not named or edge - named[-1] > CLOSEST_LEVELS * highest:
            named.append(edge)
    words = [f"{edge:g}" if edge in named else "" for edge in edges]
    return pa.table({"level": pa.array(edges, pa.float64()), "words": pa.array(words, pa.string())})


def _level_lines(tone, unit):
    """Return a line for each level, and its number right of the plot, where no day lies behind it."""
    y = _amount_axis("level", unit)
    line = {"type": "rule", "color": tone["soft"], "strokeDash": [5, 4], **_SILENT}
    text = {"type": "text", "align": "left", "dx": 5, "color": tone["text"], **_SILENT}
    text["clip"] = False
    across = {"x": {"value": 0}, "x2": {"value": "width"}}
    return {
        "name": "levels",
        "data": {"name": "levels"},
        "layer": [
            {"mark": line, "encoding": {"y": y, **across}},
            {"mark": text, "encoding": {"y": y, "x": {"value": "width"}, "text": {"field": "words"}}},
        ],
    }


def _marked(tone):
    """Return a line at the chosen day."""
    mark = {"type": "rule", "color": tone["soft"], "strokeDash": [2, 2], "clip": True, **_SILENT}
    return {"name": "marked", "data": {"name": "marked"}, "mark": mark, "encoding": {"x": _time_axis()}}


def _pointed(named, series, tone):
    """Draw a column a day, seen under the pointer only, that tells all numbers of the day."""
    half, unit = HALF[series.period], series.unit
    told = []
    first = ["observed", "value", "lower", "rolling"]
    for field, entry in sorted(named.items(), key=lambda one: first.index(one[0]) if one[0] in first else 9):
        words = vega.amount(f"datum.{field}", unit)
        if entry.kind == "band":
            words = f"{vega.number('datum.lower', unit)} + ' to ' + {vega.amount('datum.upper', unit)}"
        told.append((f"isValid(datum.{field})", entry.name, words))
    heading = f"utcFormat(datum.day, '{DAY_FORMAT[series.period]}')"
    lit = {"param": "pointed", "empty": False, "value": 0.16}
    return {
        "name": "pointed",
        "data": {"name": "days"},
        "transform": [
            {"calculate": f"datum.day - {half}", "as": "from"},
            {"calculate": f"datum.day + {half}", "as": "until"},
        ],
        "params": [
            _MOVE,
            {"name": "pointed", "select": {"type": "point", "on": "pointerover", "clear": "pointerout"}},
        ],
        "mark": {"type": "rect", "color": tone["soft"], "clip": True, "aria": False},
        "encoding": {
            "x": {"field": "from", "type": "temporal", "scale": {"type": "utc"}},
            "x2": {"field": "until"},
            "y": {"value": 0},
            "y2": {"value": "height"},
            "fillOpacity": {"condition": lit, "value": 0},
            "tooltip": {"value": {"expr": vega.tooltip(heading, told)}},
        },
    }


def level_names(scale):
    """Name what the lines at the edges of a scale stand for.

    >>> from app.scales import scale
    >>> level_names(scale("who", unit="µg m⁻³")).split(", ")[:2]
    ['15 guideline', '25 interim target 4']
    """
    names = (
        [label.removeprefix("above ").removeprefix("the ") for label in scale.labels[1:]]
        if scale.guideline
        else [f"end of {label}" for label in scale.labels[:-1]]
    )
    return ", ".join(f"{edge:g} {name}" for edge, name in zip(scale.edges, names, strict=True))


def calendar(series, scale, *, dark=False):
    """Draw a calendar: a row a month, a column a day of the month, coloured by class of a scale."""
    tone, table = theme.tones(dark), _cells(series, scale)
    said = f"{vega.amount('datum.value', scale.unit)} + ', ' + {vega.by_class(scale.labels)}"
    when = "datum.column + ' ' + datum.month"
    columns = {
        "field": "column",
        "type": "ordinal",
        "scale": {"domain": list(range(1, 32)), "paddingInner": 0.06, "paddingOuter": 0},
        "axis": {
            "orient": "top",
            "title": None,
            "values": [1, 5, 10, 15, 20, 25, 31],
            "labelAngle": 0,
            "ticks": False,
            "domain": False,
        },
    }
    rows = {
        "field": "month",
        "type": "ordinal",
        "sort": None,
        "scale": {"paddingInner": 0.08, "paddingOuter": 0},
        "axis": {"title": None, "ticks": False, "domain": False},
    }
    return {
        "name": "cells",
        "description": "Calendar of the days, coloured by class",
        "height": {"step": CALENDAR_ROW},
        "data": {"name": "days"},
        "datasets": {"days": table},
        "mark": {"type": "rect", "strokeWidth": 0.7},
        "encoding": {
            "x": columns,
            "y": rows,
            "fill": {"value": {"expr": vega.by_class(scale.colours)}},
            "stroke": {"value": {"expr": vega.by_class(_rims(scale, tone))}},
            "tooltip": {"value": {"expr": f"{{title: {when}, Prediction: {said}}}"}},
            "description": {"value": {"expr": f"{when} + ': ' + {said}"}},
        },
        "config": vega.config(dark),
    }


def _rims(scale, tone):
    """Return a line around the cells of classes that the page would swallow."""
    return [
        tone["border"] if theme.contrast(one, tone["page"]) < LEAST_CONTRAST else one for one in scale.colours
    ]


def _cells(series, scale):
    """Return the known days with their column, their month in words and their class."""
    known = np.isfinite(series.amounts)
    values, days = _floats(series.amounts)[known], series.dates.to_numpy()[known].astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    listed, row = np.unique(months.astype("int64"), return_inverse=True)
    names = np.array([f"{MONTHS[month % 12]} {1970 + month // 12}" for month in listed.tolist()])
    columns = {"column": (days - months).astype("int32") + 1, "month": names[row], "value": values}
    return pa.table(columns | {"number": scale.index(values).astype("int32")})


def season(series, *, dark=False):
    """Draw the mean of every month of the year, and where eight of ten days lie."""
    tone, months = theme.tones(dark), by_month(series)
    unit = theme.unit_words(series.unit)
    table = pa.Table.from_pylist([vars(month) for month in months])
    ends = [vega.number(f"datum.{end}", series.unit) for end in ("low", "high")]
    told = [
        ("true", "Mean", vega.amount("datum.mean", series.unit)),
        ("true", theme.by_period("Eight of ten days", series.period), f"{ends[0]} + ' to ' + {ends[1]}"),
        ("true", theme.by_period("Days", series.period), "format(datum.days, ',')"),
    ]
    axis = {"title": None, "labelAngle": 0, "labelOverlap": True, "ticks": False, "grid": False}
    names = {"field": "name", "type": "ordinal", "scale": {"domain": MONTHS}, "axis": axis}
    mean = {"field": "mean", "type": "quantitative", "axis": {"title": unit, "tickCount": 5}}
    reach = {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}}
    line = {"type": "rule", "color": tone["soft"], "strokeWidth": 2, **_SILENT}
    bar = {"type": "bar", "color": tone["line"]}
    tooltip = {"value": {"expr": vega.tooltip("datum.name", told)}}
    return {
        "description": "Mean of every month of the year",
        "height": 270,
        "data": {"name": "months"},
        "datasets": {"months": table},
        "encoding": {"x": names},
        "layer": [
            {"name": "means", "mark": bar, "encoding": {"y": mean, "tooltip": tooltip}},
            {"mark": line, "encoding": reach},
        ],
        "config": vega.config(dark),
    }


def days_above(series, levels, *, dark=False):
    """Draw the share of the known days above each level by year, see :func:`app.series.share_above`."""
    tone, counts = theme.tones(dark), share_above(series, levels)
    years = [f"{one.year} ({theme.count_words(one.known, series.period)} known)" for one in counts]
    table = pa.table(
        {
            "level": [f"{level:g}" for level in levels] * len(years),
            "year": np.repeat(years, len(levels)),
            "share": [share for one in counts for share in one.above],
        }
    )
    unit = theme.unit_words(series.unit)
    told = [("true", "Above", f"datum.level + {vega.literal(f' {unit}')}")]
    share = "datum.share > 0 && datum.share < 0.005 ? '<1%' : format(datum.share, '.0%')"
    told.append(("true", "Share of the known days", share))
    tooltip = {"value": {"expr": vega.tooltip("datum.year", told)}}
    legend = {"title": None, "orient": "top", "columns": 2}
    shades = {"domain": years, "range": np.linspace(0.35, 1, len(years)).round(2).tolist()}
    levels_axis = {"title": f"level [{unit}]", "labelAngle": 0, "ticks": False}
    return {
        "description": "Share of the known days above each level by year",
        "height": 270,
        "data": {"name": "counts"},
        "datasets": {"counts": table},
        "encoding": {
            "x": {"field": "level", "type": "ordinal", "sort": None, "axis": levels_axis},
            "xOffset": {"field": "year", "sort": None},
            "y": {
                "field": "share",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"title": "share of the known days", "tickCount": 5, "format": "%"},
            },
        },
        "layer": [
            {
                "name": "bars",
                "mark": {"type": "bar", "color": tone["line"]},
                "encoding": {
                    "opacity": {"field": "year", "type": "ordinal", "legend": legend, "scale": shades},
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "text", "dy": -8, "color": tone["text"], **_SILENT},
                "encoding": {"text": {"value": {"expr": share}}},
            },
        ],
        "config": vega.config(dark),
    }
