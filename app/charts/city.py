"""Charts of a city's days, as Vega-Lite specifications for a light or `dark` page, and the page to print.

What differs between cities is in the tables of a chart, not in its specification, so that the browser
changes a chart where another city is chosen instead of building it anew.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from app import scales, style
from app.charts import vega
from app.series import (
    MONTHS,
    ROLLING_DAYS,
    by_month,
    class_shares,
    days_of,
    how_counted,
    rolling,
    share_above,
)
from app.style import first_capital, shown

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
_POINTED = {"name": "pointed", "select": {"type": "point", "on": "pointerover", "clear": "pointerout"}}
#: The page to print: A4, of which every unit becomes two pixels; its margin; where its right half begins.
WIDTH, HEIGHT, LEFT, MIDDLE = 620, 877, 36, 330
#: Height of a chart of it, and its longest line of small text. [units, characters]
ROW, LINE = 165, 104


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
    highest = max(1.0, *(np.nanmax(values, initial=0.0) for name, values in days.items() if name != "day"))
    chosen = np.array([] if marked is None else [pd.Timestamp(marked)], dtype="datetime64[ms]")
    unit, ink = series.unit, style.tones(dark)
    thin = {"color": ink["soft"], "strokeDash": [2, 2], "clip": True, **vega.SILENT}
    layers = [
        _level_lines(ink, unit),
        *(_drawn(field, entry, unit) for field, entry in named.items()),
        *_alone(series, ink["line"]),
        vega.layer("rule", {"x": _day_at("day")}, data="marked", name="marked", **thin),
        _pointed(named, series, ink["soft"]),
    ]
    tables = {
        "days": pa.table(days),
        "levels": _level_table(scale, highest),
        "marked": pa.table({"day": _milliseconds(chosen)}),
    }
    padding = {"left": 4, "top": 8, "right": ROOM, "bottom": 4}
    what = style.by_period("Values by day", series.period)
    return vega.chart(what, layers, dark=dark, data=tables, padding=padding)


def legend_of(series, *, observed=None, others=None, observed_name="observed", dark=False):
    """Return an :class:`Entry` for each column that :func:`time_series` draws, the lowest layer first."""
    tone, found = style.tones(dark), {}
    if series.lower is not None:
        found["lower"] = Entry(style.interval_words(series.level), tone["line"], "band")
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
    """Return all that is drawn: columns by name, a row a day of the calendar or of what was observed."""
    values = series.spread(series.amounts)
    known = np.r_[False, np.isfinite(values), False]
    # No line can show a value without a known neighbour.
    lone = np.where(known[:-2] | known[2:], np.float32(np.nan), values)
    columns = {"day": _milliseconds(series.calendar), "value": values, "lone": lone}
    if series.lower is not None:
        columns |= {"lower": series.spread(series.lower), "upper": series.spread(series.upper)}
    if has_rolling(series):
        columns["rolling"] = rolling(values).astype("float32")
    for at, values in enumerate(list(others.values())[: len(OTHERS)]):
        columns[f"other{at}"] = series.spread(values)
    if observed is None or observed.empty:
        return columns
    table = pd.DataFrame(columns).set_index("day")
    measured = pd.Series(observed.to_numpy("float32"), index=_milliseconds(observed.index.to_numpy()))
    table = table.reindex(table.index.union(measured.index)).assign(observed=measured)
    return {"day": table.index.to_numpy(), **{name: table[name].to_numpy() for name in table}}


def _milliseconds(days):
    """Return days as milliseconds since 1970, which no browser moves by its zone."""
    return days.astype("datetime64[ms]").astype("int64").astype("float64")


def _day_at(field, **more):
    """Return the channel of days."""
    # Without a unit of its own, a day alone would be divided into hours.
    ticks = {"expr": "min(width / 110, domain('x')[1] - domain('x')[0] < 864e6 ? 2 : 1e3)"}
    axis = {"title": None, "labelOverlap": True, "grid": False, "tickCount": ticks}
    return {"field": field, "type": "temporal", "scale": {"type": "utc"}, "axis": axis, **more}


def _amount_at(field, unit):
    """Return the channel of amounts."""
    return vega.number_at(field, axis={"title": style.unit_words(unit), "tickCount": 6}, scale={"zero": True})


def _drawn(field, entry, unit):
    """Return a layer of the chart: a line, a band or points."""
    at = {"x": _day_at("day"), "y": _amount_at(field, unit)}
    look = {"name": field, "color": entry.colour, "clip": True, **vega.SILENT}
    if entry.kind == "band":
        return vega.layer("area", at | {"y2": {"field": "upper"}}, opacity=0.2, **look)
    if entry.kind == "point":
        look |= {"shape": "diamond", "size": 26, "filled": True, "opacity": 1}
        return vega.layer("point", at, where=f"isValid(datum.{field})", **look)
    return vega.layer("line", at, strokeWidth=entry.width, strokeDash=list(entry.dash), **look)


def _alone(series, colour):
    """Return points at values without a known neighbour, with their intervals."""
    look = {"where": "isValid(datum.lone)", "color": colour, "clip": True, **vega.SILENT}
    if series.lower is not None:
        ends = {"y": _amount_at("lower", series.unit), "y2": {"field": "upper"}}
        yield vega.layer(
            "rule", {"x": _day_at("day"), **ends}, name="alone_ends", opacity=0.4, strokeWidth=6, **look
        )
    at = {"x": _day_at("day"), "y": _amount_at("lone", series.unit)}
    yield vega.layer("point", at, name="alone", size=60, filled=True, opacity=1, **look)


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
    y = _amount_at("level", unit)
    line = {"y": y, "x": {"value": 0}, "x2": {"value": "width"}}
    text = {"y": y, "x": {"value": "width"}, "text": {"field": "words"}}
    layers = [
        vega.layer("rule", line, color=tone["soft"], strokeDash=[5, 4], **vega.SILENT),
        vega.layer("text", text, color=tone["text"], align="left", dx=5, clip=False, **vega.SILENT),
    ]
    return {"name": "levels", "data": {"name": "levels"}, "layer": layers}


def _pointed(named, series, colour):
    """Draw a column a day, seen under the pointer only, that tells all numbers of the day."""
    half, unit, parts = HALF[series.period], series.unit, []
    first = ["observed", "value", "lower", "rolling"]
    for field, entry in sorted(named.items(), key=lambda one: first.index(one[0]) if one[0] in first else 9):
        words = vega.amount(f"datum.{field}", unit)
        if entry.kind == "band":
            words = f"{vega.number('datum.lower', unit)} + ' to ' + {vega.amount('datum.upper', unit)}"
        parts.append((f"isValid(datum.{field})", entry.name, words))
    lit = {"param": "pointed", "empty": False, "value": 0.16}
    channels = {
        "x": _day_at("from"),
        "x2": {"field": "until"},
        **{"y": {"value": 0}, "y2": {"value": "height"}},
        "fillOpacity": {"condition": lit, "value": 0},
        "tooltip": vega.tooltip(f"utcFormat(datum.day, '{DAY_FORMAT[series.period]}')", parts),
    }
    made = vega.layer("rect", channels, name="pointed", color=colour, clip=True, aria=False)
    ends = (("from", f"datum.day - {half}"), ("until", f"datum.day + {half}"))
    return made | {
        "transform": [{"calculate": at, "as": name} for name, at in ends],
        "params": [_MOVE, _POINTED],
    }


def level_names(scale):
    """Name what the lines at the edges of a scale stand for.

    >>> level_names(scales.scale("who", unit="µg m⁻³")).split(", ")[:2]
    ['15 guideline', '25 interim target 4']
    """
    named = zip(scale.edges, scale.level_names, strict=True)
    return ", ".join(f"{edge:g} {name}" for edge, name in named)


def calendar(series, scale, *, dark=False):
    """Draw a calendar: a row a month, a column a day of the month, coloured by class of a scale."""
    tone = style.tones(dark)
    # Cells of classes that the page would swallow have a line around them.
    rims = [
        tone["border"] if style.contrast(one, tone["page"]) < LEAST_CONTRAST else one for one in scale.colours
    ]
    said = f"{vega.amount('datum.value', scale.unit)} + ', ' + {vega.by_class(scale.labels)}"
    when = "datum.column + ' ' + datum.month"
    bare = {"title": None, "ticks": False, "domain": False}
    heads = {**bare, "orient": "top", "labelAngle": 0, "values": [1, 5, 10, 15, 20, 25, 31]}
    columns = {"domain": list(range(1, 32)), "paddingInner": 0.06, "paddingOuter": 0}
    rows = {"paddingInner": 0.08, "paddingOuter": 0}
    cells = {
        "x": {"field": "column", "type": "ordinal", "scale": columns, "axis": heads},
        "y": {"field": "month", "type": "ordinal", "sort": None, "scale": rows, "axis": bare},
        "fill": vega.expression(vega.by_class(scale.colours)),
        "stroke": vega.expression(vega.by_class(rims)),
        "tooltip": vega.expression(f"{{title: {when}, Prediction: {said}}}"),
        "description": vega.expression(f"{when} + ': ' + {said}"),
    }
    layers = [vega.layer("rect", cells, name="cells", strokeWidth=0.7)]
    tables, height = {"days": _cells(series, scale)}, {"step": CALENDAR_ROW}
    return vega.chart(
        "Calendar of the days, coloured by class", layers, dark=dark, data=tables, height=height
    )


def _cells(series, scale):
    """Return the known days with their column, their month in words and their class."""
    known = np.isfinite(series.amounts)
    values = np.asarray(series.amounts, dtype="float32")[known]
    days = series.dates.to_numpy()[known].astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    listed, row = np.unique(months.astype("int64"), return_inverse=True)
    names = np.array([f"{MONTHS[month % 12]} {1970 + month // 12}" for month in listed.tolist()])
    columns = {"column": (days - months).astype("int32") + 1, "month": names[row], "value": values}
    return pa.table(columns | {"number": scale.index(values).astype("int32")})


def season(series, *, dark=False):
    """Draw the mean of every month of the year, and where eight of ten days lie."""
    tone, unit = style.tones(dark), series.unit
    low, high = (vega.number(f"datum.{end}", unit) for end in ("low", "high"))
    parts = [
        ("true", "Mean", vega.amount("datum.mean", unit)),
        ("true", style.by_period("Eight of ten days", series.period), f"{low} + ' to ' + {high}"),
        ("true", style.by_period("Days", series.period), "format(datum.days, ',')"),
    ]
    axis = {"title": None, "labelAngle": 0, "labelOverlap": True, "ticks": False, "grid": False}
    months = {"field": "name", "type": "ordinal", "scale": {"domain": MONTHS}, "axis": axis}
    means = vega.number_at("mean", axis={"title": style.unit_words(unit), "tickCount": 5})
    bars = {"y": means, "tooltip": vega.tooltip("datum.name", parts)}
    reach = {"y": vega.number_at("low"), "y2": {"field": "high"}}
    layers = [
        vega.layer("bar", bars, name="means", color=tone["line"]),
        vega.layer("rule", reach, color=tone["soft"], strokeWidth=2, **vega.SILENT),
    ]
    table = pa.Table.from_pylist([vars(month) for month in by_month(series)])
    look = {"dark": dark, "data": {"months": table}, "height": 270, "encoding": {"x": months}}
    return vega.chart("Mean of every month of the year", layers, **look)


def days_above(series, levels, *, dark=False):
    """Draw the share of the known days above each level by year, see :func:`app.series.share_above`."""
    tone, counts, unit = style.tones(dark), share_above(series, levels), style.unit_words(series.unit)
    years = [f"{one.year} ({style.count_words(one.known, series.period)} known)" for one in counts]
    table = {
        "level": [f"{level:g}" for level in levels] * len(years),
        "year": np.repeat(years, len(levels)),
        "share": [share for one in counts for share in one.above],
    }
    share = "datum.share > 0 && datum.share < 0.005 ? '<1%' : format(datum.share, '.0%')"
    parts = [
        ("true", "Above", f"datum.level + {vega.literal(f' {unit}')}"),
        ("true", "Share of the known days", share),
    ]
    axis = {"title": f"level [{unit}]", "labelAngle": 0, "ticks": False}
    heights = {"title": "share of the known days", "tickCount": 5, "format": "%"}
    encoding = {
        "x": {"field": "level", "type": "ordinal", "sort": None, "axis": axis},
        "xOffset": {"field": "year", "sort": None},
        "y": vega.number_at("share", scale={"domain": [0, 1]}, axis=heights),
    }
    shades = {"domain": years, "range": np.linspace(0.35, 1, len(years)).round(2).tolist()}
    opacity = {"field": "year", "type": "ordinal", "legend": vega.ABOVE, "scale": shades}
    bars = {"opacity": opacity, "tooltip": vega.tooltip("datum.year", parts)}
    text = {"text": vega.expression(share)}
    layers = [
        vega.layer("bar", bars, name="bars", color=tone["line"]),
        vega.layer("text", text, dy=-8, color=tone["text"], **vega.SILENT),
    ]
    look = {"dark": dark, "data": {"counts": pa.table(table)}, "height": 270, "encoding": encoding}
    return vega.chart("Share of the known days above each level by year", layers, **look)


def poster(city, series, scale, over_all=None, *, simulated, sources=()):
    """Draw a page about a city as PNG (A4, 1240 x 1754 px); arguments as for :func:`poster_page`."""
    page = poster_page(city, series, scale, over_all, simulated=simulated, sources=sources)
    return vega.drawn(page)


def poster_page(city, series, scale, over_all=None, *, simulated, sources=()):
    """Lay out a page about a city.

    `city` is a row of :attr:`app.store.Store.cities`, `series` its predictions, `scale` the classes of the
    values, `over_all` what their mean is held against (by default the levels of the WHO); `simulated` puts
    SIMULATED on the page, `sources` tell where the numbers come from.

    A dict: `size` in units of which each becomes `scale` pixels, `font` and folders of `fonts`, `texts`
    (SVG), and `charts` with their place and their Vega-Lite specification.
    """
    spans, half = style.SPANS[series.period], WIDTH - MIDDLE - LEFT
    texts, drawn = [*_heading(city, series, scale, over_all, simulated)], []
    title = style.by_period("Day by day", series.period) + "; dashed: the levels" * scale.classed
    named = [
        f"{'thick ' * (entry.width >= 3)}{entry.kind}: {entry.name}" for entry in legend_of(series).values()
    ]
    texts += [_text(LEFT, 222, title, 11), _text(LEFT, 236, "; ".join(named), 8, soft=True)]
    drawn.append(_chart(time_series(series, scale), LEFT, 240, WIDTH - 2 * LEFT))
    if series.period != "year":
        texts.append(_text(LEFT, 426, "Mean of every month of the year", 11))
        drawn.append(_chart(season(series), LEFT, 432, half))
    if scale.classed:
        texts.append(_text(MIDDLE, 426, f"Share of the {spans} in each class", 11))
        drawn.append(_chart(_classes(series, scale), MIDDLE, 432, half))
        texts.append(_text(LEFT, 618, f"Share of the known {spans} above each level, by year", 11))
        drawn.append(_chart(days_above(series, scale.edges), LEFT, 624, WIDTH - 2 * LEFT))
    lines = _footer(series, scale, sources)
    texts += [_text(LEFT, HEIGHT - 72 + 11 * at, line, 8, soft=True) for at, line in enumerate(lines)]
    # See app.charts.vega.of_picture.
    from airq.report.charts import LOOKS, font_folders

    letters = {"font": LOOKS["font"], "fonts": font_folders()}
    return {"size": [WIDTH, HEIGHT], "scale": 2, **letters, "texts": texts, "charts": drawn}


def _heading(city, series, scale, over_all, simulated):
    yield _text(LEFT, 46, _plain(city["label"], 44), 22, bold=True)
    what = "US AQI" if style.is_index(series.unit) else "PM2.5"
    span = style.span_words(*series.dates[[0, -1]], series.period)
    yield _text(LEFT, 66, f"Predicted {what}, {span}", 12)
    known = series.dates[np.isfinite(series.amounts)]
    mean = np.nanmean(series.amounts) if len(known) else np.nan
    yield _text(LEFT, 118, style.short_number(mean, series.unit), 34, bold=True)
    yield _text(LEFT, 134, f"mean of {style.count_words(len(known), series.period)}", 11)
    if over_all is None:
        days = days_of(known, series.period)
        over_all = scales.scale("who", unit=series.unit, days=days, period=series.period)
    said = [over_all.verdict(mean), over_all.note] if over_all.classed else [over_all.note]
    lines = [line for words in said for line in textwrap.wrap(words, 60)]
    yield from (_text(LEFT, 150 + 12 * at, line, 9) for at, line in enumerate(lines))
    if scale.classed:
        met = class_shares(series, scale)[0]
        share = style.chance_words(met) if np.isfinite(met) else "–"
        yield _text(MIDDLE + 50, 118, share, 34 if len(share) < 5 else 20, bold=True)
        yield _text(MIDDLE + 50, 134, f"of the {style.SPANS[series.period]}: {scale.labels[0]}", 11)
        yield _text(MIDDLE + 50, 150, scale.heading, 9)
    if simulated:
        yield f'<rect x="{LEFT}" y="182" width="290" height="22" fill="#ffe08a"/>'
        yield _text(LEFT + 6, 198, "SIMULATED: not the air of any city", 14, bold=True)


def _text(x, y, words, size, *, bold=False, soft=False):
    ink, weight = style.LIGHT["soft" if soft else "text"], "bold" if bold else "normal"
    look = f'font-size="{size}" font-weight="{weight}" fill="{ink}"'
    return f'<text x="{x}" y="{y}" {look}>{html.escape(words)}</text>'


def _chart(spec, x, y, width):
    room = {"width": width, "height": ROW, "autosize": {"type": "fit", "contains": "padding"}}
    return {"x": x, "y": y, "spec": {**vega.on_paper(spec), **room}}


def _classes(series, scale):
    shares = np.nan_to_num(class_shares(series, scale))
    names = [first_capital(label) for label in scale.labels]
    table = {"name": names, "share": shares, "number": np.arange(len(shares), dtype="int32")}
    axis = {"title": None, "format": "%", "values": [0, 0.5, 1]}
    encoding = {
        "y": vega.name_at("name", sort=None, axis={"title": None, "labelLimit": 110}),
        "x": vega.number_at("share", scale={"domain": [0, 1]}, axis=axis),
        "fill": vega.expression(vega.by_class(scale.colours)),
    }
    layers = [vega.layer("bar", {}, stroke=style.LIGHT["soft"], strokeWidth=0.5)]
    data = {"classes": pa.table(table)}
    return vega.chart("Share in each class", layers, dark=False, data=data, encoding=encoding)


def _footer(series, scale, sources):
    lines = ["Numbers are a model's predictions, not measurements. PM2.5: particles of up to 2.5 µm."]
    if scale.classed:
        how = style.by_period(how_counted(series, scale.edges), series.period)
        spans = style.SPANS[series.period]
        lines.append(f"Shares and {spans} above levels: {how[0].lower() + how[1:]}.")
    lines += [_plain(source, LINE) for source in list(sources)[:3]]
    return [*lines, f"Made with airq, {pd.Timestamp.now():%Y-%m-%d}"]


def _plain(value, limit):
    # Isolating characters would be drawn as boxes.
    return shown(value, limit=limit).replace("\u2068", "").replace("\u2069", "")
