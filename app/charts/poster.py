"""One page about a city as a picture, to print or to send: the charts of its page, and a heading."""

from __future__ import annotations

import html
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa

from airq.report.charts import LOOKS, font_folders
from app import layers, scales, theme
from app.charts import city as charts
from app.charts import vega
from app.series import class_shares, days_of, how_counted
from app.text import shown

#: A4, of which every unit becomes two pixels; its margin; from where on the right half begins.
WIDTH, HEIGHT, LEFT, MIDDLE = 620, 877, 36, 330
#: Height of a chart.
ROW = 165
#: Longest line of small text. [characters]
LINE = 104


def poster(city, series, scale, over_all=None, *, simulated, sources=()):
    """Draw a page about a city as PNG (A4, 1240 x 1754 px); arguments as for :func:`poster_page`."""
    page = poster_page(city, series, scale, over_all, simulated=simulated, sources=sources)
    return vega.drawn(page)


def poster_page(city, series, scale, over_all=None, *, simulated, sources=()):
    """Lay out a page about a city.

    `city` is a row of :attr:`app.store.Store.cities`, `series` its predictions, `scale` the classes of the
    values, `over_all` what their mean is held against (by default the levels of the WHO); `simulated` puts
    SIMULATED on the page, `sources` tell where the numbers come from.

    A dict: `size` in units of which each becomes `scale` pixels, folders of `fonts`, `texts` (SVG), and
    `charts` with their place and their Vega-Lite specification.
    """
    spans, half = layers.SPANS[series.period], WIDTH - MIDDLE - LEFT
    texts, drawn = [*_heading(city, series, scale, over_all, simulated)], []
    title = theme.by_period("Day by day", series.period) + "; dashed: the levels" * scale.classed
    named = [
        f"{'thick ' * (entry.width >= 3)}{entry.kind}: {entry.name}"
        for entry in charts.legend_of(series).values()
    ]
    texts += [_text(LEFT, 222, title, 11), _text(LEFT, 236, "; ".join(named), 8, soft=True)]
    drawn.append(_chart(charts.time_series(series, scale), LEFT, 240, WIDTH - 2 * LEFT))
    if series.period != "year":
        texts.append(_text(LEFT, 426, "Mean of every month of the year", 11))
        drawn.append(_chart(charts.season(series), LEFT, 432, half))
    if scale.classed:
        texts.append(_text(MIDDLE, 426, f"Share of the {spans} in each class", 11))
        drawn.append(_chart(_classes(series, scale), MIDDLE, 432, half))
        texts.append(_text(LEFT, 618, f"Share of the known {spans} above each level, by year", 11))
        drawn.append(_chart(charts.days_above(series, scale.edges), LEFT, 624, WIDTH - 2 * LEFT))
    lines = _footer(series, scale, sources)
    texts += [_text(LEFT, HEIGHT - 72 + 11 * at, line, 8, soft=True) for at, line in enumerate(lines)]
    return {"size": [WIDTH, HEIGHT], "scale": 2, "fonts": font_folders(), "texts": texts, "charts": drawn}


def _heading(city, series, scale, over_all, simulated):
    yield _text(LEFT, 46, _plain(city["label"], 44), 22, bold=True)
    what = "US AQI" if theme.is_index(series.unit) else "PM2.5"
    span = theme.span_words(*series.dates[[0, -1]], series.period)
    yield _text(LEFT, 66, f"Predicted {what}, {span}", 12)
    known = series.dates[np.isfinite(series.amounts)]
    mean = np.nanmean(series.amounts) if len(known) else np.nan
    yield _text(LEFT, 118, theme.short_number(mean, series.unit), 34, bold=True)
    yield _text(LEFT, 134, f"mean of {theme.count_words(len(known), series.period)}", 11)
    if over_all is None:
        days = days_of(known, series.period)
        over_all = scales.scale("who", unit=series.unit, days=days, period=series.period)
    said = [over_all.verdict(mean), over_all.note] if over_all.classed else [over_all.note]
    lines = [line for words in said for line in textwrap.wrap(words, 60)]
    yield from (_text(LEFT, 150 + 12 * at, line, 9) for at, line in enumerate(lines))
    if scale.classed:
        met = class_shares(series, scale)[0]
        share = theme.chance_words(met) if np.isfinite(met) else "–"
        yield _text(MIDDLE + 50, 118, share, 34 if len(share) < 5 else 20, bold=True)
        yield _text(MIDDLE + 50, 134, f"of the {layers.SPANS[series.period]}: {scale.labels[0]}", 11)
        yield _text(MIDDLE + 50, 150, scale.heading, 9)
    if simulated:
        yield f'<rect x="{LEFT}" y="182" width="290" height="22" fill="#ffe08a"/>'
        yield _text(LEFT + 6, 198, "SIMULATED: not the air of any city", 14, bold=True)


def _text(x, y, words, size, *, bold=False, soft=False):
    ink, weight = theme.LIGHT["soft" if soft else "text"], "bold" if bold else "normal"
    look = f'font-family="{LOOKS["font"]}" font-size="{size}" font-weight="{weight}" fill="{ink}"'
    return f'<text x="{x}" y="{y}" {look}>{html.escape(words)}</text>'


def _chart(spec, x, y, width):
    room = {"width": width, "height": ROW, "autosize": {"type": "fit", "contains": "padding"}}
    return {"x": x, "y": y, "spec": {**vega.on_paper(spec), **room}}


def _classes(series, scale):
    shares = np.nan_to_num(class_shares(series, scale))
    number = np.arange(len(shares), dtype="int32")
    names = [label[:1].upper() + label[1:] for label in scale.labels]
    x = {"field": "share", "type": "quantitative", "scale": {"domain": [0, 1]}}
    return {
        "datasets": {"classes": pa.table({"name": names, "share": shares, "number": number})},
        "data": {"name": "classes"},
        "mark": {"type": "bar", "stroke": theme.LIGHT["soft"], "strokeWidth": 0.5},
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "axis": {"title": None, "labelLimit": 110},
            },
            "x": {**x, "axis": {"title": None, "format": "%", "values": [0, 0.5, 1]}},
            "fill": {"value": {"expr": vega.by_class(scale.colours)}},
        },
        "config": vega.config(False),
    }


def _footer(series, scale, sources):
    lines = ["Numbers are a model's predictions, not measurements. PM2.5: particles of up to 2.5 µm."]
    if scale.classed:
        how = theme.by_period(how_counted(series, scale.edges), series.period)
        spans = layers.SPANS[series.period]
        lines.append(f"Shares and {spans} above levels: {how[0].lower() + how[1:]}.")
    lines += [_plain(source, LINE) for source in list(sources)[:3]]
    return [*lines, f"Made with airq, {pd.Timestamp.now():%Y-%m-%d}"]


def _plain(value, limit):
    # Isolating characters would be drawn as boxes.
    return shown(value, limit=limit).replace("\u2068", "").replace("\u2069", "")
