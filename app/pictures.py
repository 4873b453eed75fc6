"""A chart of a page as a file that stands alone: title, legend, unit, origin and SIMULATED are inside."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from app import theme

#: Size of the plot, and the longest line above it. [px, characters]
WIDTH, LINE = 900, 135
RESOLUTION = 2
MIME = {"png": "image/png", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Origin:
    """Where the numbers of a saved chart come from.

    Attributes
    ----------
    lines : sequence of str
        Unit, origin and whatever else must be known.
    simulated : bool
        Whether the numbers are simulated, which title and names of files then say first.
    to_csv : callable
        Writes a table of such numbers as bytes.
    """

    lines: tuple
    simulated: bool
    to_csv: Callable


def picture(chart, kind, origin, *, title, entries=(), dark=False):
    """Return a chart as PNG or SVG.

    Parameters
    ----------
    chart : dict
        Vega-Lite specification of one plot; its datasets may be Arrow tables.
    kind : {"png", "svg"}
        Format.
    origin : Origin
        What stands above it.
    title : str
        What it shows.
    entries : sequence of (str, str)
        Legend: name and colour (``#rrggbb``).
    dark : bool
        Whether the chart is drawn for a dark page.

    Returns
    -------
    bytes
    """
    # V8 takes memory that most sessions never need.
    import vl_convert

    heading = "SIMULATED. " * origin.simulated + title
    spec = alone(chart, title=heading, lines=origin.lines, entries=entries, tone=theme.tones(dark))
    if kind == "svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    return vl_convert.vegalite_to_png(spec, scale=RESOLUTION)


def alone(chart, *, title, lines, entries, tone):
    """Return the specification of a chart with what :func:`picture` puts around it, in tones of a page."""
    chart = json.loads(json.dumps(chart, default=rows_of).replace("NaN", "null"))
    whole = ("config", "datasets", "padding", "title", "description", "height")
    plot = {name: part for name, part in chart.items() if name not in whole}
    layers = [plot] if "layer" not in plot or "encoding" in plot else plot["layer"]
    if entries:
        layers = [*layers, _legend(entries, tone)]
    wrapped = [line for text in lines for line in textwrap.wrap(text, LINE)]
    return {
        "title": {
            "text": textwrap.wrap(title, 100),
            "subtitle": wrapped,
            "anchor": "start",
            "offset": 14,
            "fontSize": 17,
            "subtitleFontSize": 13,
            "color": tone["text"],
            "subtitleColor": tone["text"],
        },
        "width": WIDTH,
        "height": chart.get("height", 380),
        "padding": 20,
        "datasets": chart.get("datasets", {}),
        **({"data": plot["data"]} if "data" in plot and "layer" in plot and "encoding" not in plot else {}),
        "layer": layers,
        "resolve": {"scale": {"color": "independent"}, "legend": {"color": "independent"}},
        "config": {**chart.get("config", {}), "background": tone["page"]},
    }


def _legend(entries, tone):
    """Return a layer that draws nothing but a legend."""
    names, colours = [name for name, _ in entries], [colour for _, colour in entries]
    legend = {"title": None, "orient": "bottom", "columns": 3, "symbolType": "square", "symbolOpacity": 1}
    legend |= {"symbolStrokeColor": tone["border"], "symbolStrokeWidth": 0.7, "labelLimit": 400}
    colour = {"field": "name", "type": "nominal", "sort": None, "scale": {"domain": names, "range": colours}}
    return {
        "data": {"values": [{"name": name} for name in names]},
        "mark": {"type": "square", "opacity": 0},
        "encoding": {"color": {**colour, "legend": legend}},
    }


def rows_of(table):
    """Return an Arrow table as a list of rows."""
    return table.to_pylist()


def table_of(chart):
    """Return the first table of a chart, as a DataFrame; times that it holds in milliseconds become dates."""
    tables = [*chart.get("datasets", {}).values()] or [chart.get("data", {}).get("values", [])]
    table = tables[0].to_pandas() if hasattr(tables[0], "to_pandas") else pd.DataFrame(tables[0])
    for name in {"day", "month"} & set(table.columns):
        if pd.api.types.is_numeric_dtype(table[name]):
            table[name] = pd.to_datetime(table[name], unit="ms")
    return table
