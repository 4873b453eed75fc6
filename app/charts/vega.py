"""What all Vega-Lite specifications of the app share: words, classes, looks, and how one becomes a file.

Text from data reaches an expression as a literal only, which is never evaluated. The command
``python -m app.charts.vega`` reads a chart, or a page of charts, from its standard input and writes the
picture to its output: a process that ends afterwards, for what draws takes 100 MB.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from airq.workflows.app import environment
from app import theme

#: A legend above a chart, in fewer columns on a telephone.
ABOVE = {"title": None, "orient": "top", "labelLimit": 240, "columns": {"expr": "width < 420 ? 1 : 4"}}
#: Size of the plot, and the longest line above it. [px, characters]
WIDTH, LINE = 900, 135
RESOLUTION = 2
MIME = {"png": "image/png", "svg": "image/svg+xml"}


def literal(words):
    """Write a text, or a list, as a literal of an expression.

    >>> literal("it's")
    '"it\\'s"'
    """
    return json.dumps(words, ensure_ascii=False)


def by_class(values):
    """Return the expression for what belongs to the class (`number`) of a datum."""
    return f"{literal(list(values))}[datum.number]"


def number(field, unit):
    """Return the expression for a number in words, without its unit: whole for an index and a share.

    >>> number("datum.value", "%")
    "format(datum.value, ',.0f')"
    """
    digits = 0 if theme.is_index(unit) or unit == "%" else 1
    return f"format({field}, ',.{digits}f')"


def amount(field, unit):
    """Return the expression for a number with its unit."""
    return f"{number(field, unit)} + {literal(f' {theme.unit_words(unit)}')}"


def tooltip(title, parts):
    """Return the expression of the table beside a mark.

    `title` is the expression of its heading; each part of `parts` says when a line is shown (an expression),
    its name (plain text) and what it says (an expression).
    """
    lines = [f"({when} ? {{{literal(name)}: {said}}} : {{}})" for when, name, said in parts]
    return f"merge({', '.join([f'{{title: {title}}}', *lines])})"


def told(*rows):
    """Return the channel of a tooltip: a field a row, its name, and the format of a number if it is one."""
    return [dict(zip(("field", "title", "format"), row, strict=False)) for row in rows]


def config(dark):
    """Return fonts and colours of a chart with axes."""
    tone = theme.tones(dark)
    axis = {
        "labelColor": tone["text"],
        "titleColor": tone["text"],
        "labelFontSize": 14,
        "titleFontSize": 14,
        "titleFontWeight": "normal",
        "gridColor": tone["grid"],
        "domainColor": tone["grid"],
        "tickColor": tone["grid"],
    }
    legend = {"labelColor": tone["text"], "labelFontSize": 14, "symbolFillColor": tone["line"]}
    usual = {"background": None, "font": theme.FONT, "view": {"stroke": None}}
    return {**usual, "axis": axis, "legend": legend, "text": {"fontSize": 13}}


def of_picture(chart, says, *, dark):
    """Return a picture of :mod:`airq.report.charts` as a page shows it, in its fonts and colours.

    `says` is what it shows, in a sentence; the page itself says what the title does.
    """
    # With it come Altair and scikit-learn, which most sessions never need.
    from airq.report.charts import BLUE, DARK, GREY, PAPER, RED

    tone = theme.tones(dark)
    inks = {BLUE: "line", RED: "second", GREY: "soft", DARK: "text", PAPER: "page"}
    spec = {name: part for name, part in chart.to_dict().items() if name not in ("title", "config")}
    text = theme.with_page_units(json.dumps(spec, ensure_ascii=False))
    for paper, page in inks.items():
        text = text.replace(f'"{paper}"', f'"{tone[page]}"')
    looks = config(dark)
    looks |= {
        "axisY": {"labelLimit": 210},
        "axisX": {"labelOverlap": True, "titleAnchor": "end"},
        "text": {"fontSize": 13, "color": tone["text"]},
    }
    # Beside a chart a legend leaves it no room on a telephone.
    looks["legend"] |= {"orient": "top", "titleColor": tone["text"], "titleFontWeight": "normal"}
    return {**json.loads(text), "description": says, "config": looks}


def on_paper(spec):
    """Return a specification of the app as a file draws it: rows for tables, small letters, no pointer."""
    from airq.report.charts import LOOKS

    axis = {"labelFontSize": 8, "titleFontSize": 8}
    paper = _plain(spec)
    paper["config"]["font"] = LOOKS["font"]
    paper["config"]["axis"] |= axis
    paper["config"]["legend"] |= axis
    paper["config"]["text"] = {"fontSize": 8}
    return paper


def _plain(spec):
    """Return a specification without Arrow tables and NaN, which JSON does not know."""
    text = json.dumps(spec, default=lambda table: table.to_pylist())
    return json.loads(text, parse_constant=lambda _: None)


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
    """Return a chart of one plot as PNG or SVG; its datasets may be Arrow tables.

    `title` is what it shows, `entries` are its legend: name and colour (``#rrggbb``).
    """
    heading = "SIMULATED. " * origin.simulated + title
    spec = alone(chart, title=heading, lines=origin.lines, entries=entries, tone=theme.tones(dark))
    return drawn({"spec": spec, "kind": kind})


def drawn(order):
    """Return the picture that :func:`main` draws in a process of its own: drawing takes 100 MB."""
    command = [sys.executable, "-P", "-m", "app.charts.vega"]
    ran = subprocess.run(command, input=json.dumps(order).encode(), capture_output=True, env=environment())
    if ran.returncode:
        raise OSError("The picture could not be drawn; perhaps the machine is short of memory.")
    return ran.stdout


def alone(chart, *, title, lines, entries, tone):
    """Return the specification of a chart with what :func:`picture` puts around it, in tones of a page."""
    chart = _plain(chart)
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
        # The classes of the legend are other colours than those of marks.
        **({"resolve": {name: {"color": "independent"} for name in ("scale", "legend")}} if entries else {}),
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


def table_of(chart):
    """Return the longest table of a chart, as a DataFrame; times in milliseconds become dates."""
    tables = [*chart.get("datasets", {}).values()] or [chart.get("data", {}).get("values", [])]
    table = max(tables, key=len)
    table = table.to_pandas() if hasattr(table, "to_pandas") else pd.DataFrame(table)
    for name in {"day", "month"} & set(table.columns):
        if pd.api.types.is_numeric_dtype(table[name]):
            table[name] = pd.to_datetime(table[name], unit="ms")
    return table


def main():
    """Draw a chart `{spec, kind}` or a page, see :func:`app.charts.poster.poster_page`."""
    import vl_convert

    page = json.load(sys.stdin)
    if page.get("kind") == "svg":
        sys.stdout.buffer.write(vl_convert.vegalite_to_svg(page["spec"]).encode())
        return
    if page.get("kind") == "png":
        sys.stdout.buffer.write(vl_convert.vegalite_to_png(page["spec"], scale=RESOLUTION))
        return
    for folder in page["fonts"]:
        vl_convert.register_font_directory(folder)
    parts = page["texts"] + [_placed(vl_convert.vegalite_to_svg(one["spec"]), one) for one in page["charts"]]
    width, height = page["size"]
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    paper = f'<rect width="{width}" height="{height}" fill="white"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}{"".join(parts)}</svg>'
    sys.stdout.buffer.write(vl_convert.svg_to_png(svg, scale=page["scale"]))


def _placed(svg, chart):
    """Return a chart as a part of a page, whose names are of this part only."""
    place = f"{chart['x']}-{chart['y']}"
    svg = re.sub(r'(id="|url\(#)', rf"\1part{place}-", svg)
    return svg.replace("<svg ", f'<svg x="{chart["x"]}" y="{chart["y"]}" ', 1)


if __name__ == "__main__":
    main()
