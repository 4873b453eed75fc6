"""The grammar of the app's Vega-Lite specifications, the charts that several pages draw, and files of them.

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
import pyarrow as pa

from airq.workflows.app import environment
from app import style

#: A legend above a chart, in fewer columns on a telephone.
ABOVE = {"title": None, "orient": "top", "labelLimit": 240, "columns": {"expr": "width < 420 ? 1 : 4"}}
#: Names of rows, in the order of the data.
NAMES = {"axis": {"title": None, "ticks": False, "domain": False, "labelLimit": 230}, "sort": None}
#: Shapes of marks that stay apart where they lie on each other.
SHAPES = [
    *("circle", "cross", "diamond", "square", "triangle-up", "triangle-down"),
    *("triangle-right", "triangle-left", "arrow", "wedge", "stroke"),
]
#: What no pointer and no screen reader has to find.
SILENT = {"tooltip": None, "aria": False}
#: Size of the plot, and the longest line above it. [px, characters]
WIDTH, LINE = 900, 135
RESOLUTION = 2
MIME = {"png": "image/png", "svg": "image/svg+xml"}


def chart(what, layers, *, dark, data=None, height=380, **more):
    """Return a specification of layers over the same rows.

    `what` it shows is what screen readers read; `data` is a DataFrame, a list of dicts, or a dict of Arrow
    tables by name, of which the first is that of layers without one of their own; `height` is that of the
    plot, or of a row of it where it is a dict. [px]
    """
    made = {"description": what, "height": height, **more, "layer": layers, "config": config(dark)}
    if isinstance(data, dict):
        return {**made, "data": {"name": next(iter(data))}, "datasets": data}
    if isinstance(data, pd.DataFrame):
        data = data.astype("object").where(data.notna(), None).to_dict("records")
    return {**made, "data": {"values": data}}


def layer(kind, channels, *, data=None, where=None, name=None, **look):
    """Return marks of a kind: their channels, the rows of `data` `where` an expression holds, and their look.

    `data` is the name of a dataset or a list of dicts.
    """
    made = {"mark": {"type": kind, **look}, "encoding": channels}
    if data is not None:
        made["data"] = {"name": data} if isinstance(data, str) else {"values": data}
    if where is not None:
        made["transform"] = [{"filter": where}]
    return made if name is None else {"name": name, **made}


def number_at(name, **more):
    """Return the channel of a field of numbers."""
    return {"field": name, "type": "quantitative", **more}


def name_at(name, **more):
    """Return the channel of a field of names."""
    return {"field": name, "type": "nominal", **more}


def expression(words):
    """Return the channel of an expression."""
    return {"value": {"expr": words}}


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
    digits = 0 if style.is_index(unit) or unit == "%" else 1
    return f"format({field}, ',.{digits}f')"


def amount(field, unit):
    """Return the expression for a number with its unit."""
    return f"{number(field, unit)} + {literal(f' {style.unit_words(unit)}')}"


def tooltip(title, parts):
    """Return the channel of the table beside a mark.

    `title` is the expression of its heading; each part of `parts` says when a line is shown (an expression),
    its name (plain text) and what it says (an expression).
    """
    lines = [f"({when} ? {{{literal(name)}: {said}}} : {{}})" for when, name, said in parts]
    return expression(f"merge({', '.join([f'{{title: {title}}}', *lines])})")


def told(*rows):
    """Return the channel of a tooltip: a field a row, its name, and the format of a number if it is one."""
    return [dict(zip(("field", "title", "format"), row, strict=False)) for row in rows]


def intervals(rows, heading, *, by, colours, tooltip, what, dark, fills=None, at=None, zero=True, **axis):
    """Draw a row for each `name` with its `value`, and a line from `low` to `high` where it has these.

    Parameters
    ----------
    rows : DataFrame or list of dict
        Columns as named above, and those of `by` and `tooltip`.
    heading : str
        What the values are.
    by : str
        Column whose values have colours and shapes of their own.
    colours, fills : dict of str to str
        Colour of the line and of the inside of marks by a value of `by`; filled by default.
    at : float, optional
        Where to draw a line across.
    zero : bool
        Whether the axis begins at zero.
    axis
        What further the axis of values has.
    """
    tone, x = style.tones(dark), {"title": heading, "scale": {"zero": zero}, "axis": axis}
    names, legend = list(colours), ABOVE if len(colours) > 1 else None
    inside = {"domain": names, "range": list((fills or colours).values())}
    marks = {
        "x": number_at("value", **x),
        "color": name_at(by, scale={"domain": names, "range": list(colours.values())}, legend=legend),
        "shape": name_at(by, scale={"domain": names, "range": SHAPES}, legend=legend),
        "fill": name_at(by, scale=inside, legend=None),
        "tooltip": tooltip,
    }
    reach = {"x": number_at("low", **x), "x2": {"field": "high"}}
    known = "isValid(datum.low) && isValid(datum.high)"
    layers = [
        layer("rule", reach, where=known, color=tone["soft"], strokeWidth=2),
        layer("point", marks, opacity=1, size=110, strokeWidth=2),
    ]
    if at is not None:
        across = {"x": number_at("at", **x), "y": None}
        layers.insert(0, layer("rule", across, data=[{"at": at}], color=tone["soft"]))
    encoding = {"y": name_at("name", **NAMES)}
    return chart(what, layers, dark=dark, data=rows, height={"step": 34}, encoding=encoding)


def shares(table, colours, what, heading, *, dark, legend=ABOVE, figures=False):
    """Draw a bar a row, which its pieces share.

    `table` holds shares from 0 to 1, a row a bar and a column a piece; `colours` are those of the pieces,
    `figures` writes the larger shares into them.
    """
    until = table.cumsum(axis=1)
    cells = [
        {
            "name": name,
            "class": piece,
            "share": share,
            "from": end - share,
            "until": end,
            "middle": end - share / 2,
        }
        for piece in table
        for name, share, end in zip(table.index, table[piece].tolist(), until[piece].tolist(), strict=True)
        if share > 0
    ]
    x = {"scale": {"domain": [0, 1]}, "axis": {"title": heading, "format": "%", "tickCount": 4}}
    pieces = {"domain": list(table.columns), "range": list(colours)}
    bars = {
        "x": number_at("from", **x),
        "x2": {"field": "until"},
        "color": name_at("class", scale=pieces, legend=legend),
        "tooltip": told(("name", "Name"), ("class", "Class"), ("share", "Share", ".1%")),
    }
    encoding = {"y": name_at("name", scale={"domain": list(table.index)}, **NAMES)}
    layers = [layer("bar", bars, stroke=style.tones(dark)["border"], strokeWidth=0.5)]
    if figures:
        text = {"x": number_at("middle", **x), "text": number_at("share", format=".0%")}
        layers.append(layer("text", text, where="datum.share > 0.06", color="black" if dark else "white"))
    return chart(what, layers, dark=dark, data=cells, height={"step": 26}, encoding=encoding)


def config(dark):
    """Return fonts and colours of a chart with axes."""
    tone = style.tones(dark)
    letters = {
        "labelColor": tone["text"],
        "labelFontSize": 14,
        "titleColor": tone["text"],
        "titleFontSize": 14,
    }
    lines = {"gridColor": tone["grid"], "domainColor": tone["grid"], "tickColor": tone["grid"]}
    return {
        "background": None,
        "font": style.FONT,
        "view": {"stroke": None},
        "axis": {**letters, **lines, "titleFontWeight": "normal"},
        "legend": {"labelColor": tone["text"], "labelFontSize": 14, "symbolFillColor": tone["line"]},
        "text": {"fontSize": 13},
    }


def of_picture(picture, says, *, dark):
    """Return a picture of :mod:`airq.report.charts` as a page shows it, in its fonts and colours.

    `says` is what it shows, in a sentence; the page itself says what the title does.
    """
    # With it come Altair and scikit-learn, which most sessions never need.
    from airq.report.charts import BLUE, DARK, GREY, PAPER, RED

    tone = style.tones(dark)
    inks = {BLUE: "line", RED: "second", GREY: "soft", DARK: "text", PAPER: "page"}
    spec = {name: part for name, part in picture.to_dict().items() if name not in ("title", "config")}
    text = style.with_page_units(json.dumps(spec, ensure_ascii=False))
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

    small = {"labelFontSize": 8, "titleFontSize": 8}
    paper = _plain(spec)
    paper["config"] |= {"font": LOOKS["font"], "text": {"fontSize": 8}}
    for part in ("axis", "legend"):
        paper["config"][part] |= small
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
    spec = alone(chart, title=heading, lines=origin.lines, entries=entries, tone=style.tones(dark))
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
    # Layers that share a channel stay together; the legend has none of theirs.
    single = "layer" not in plot or "encoding" in plot
    layers = [plot] if single else plot["layer"]
    spec = {
        "title": {
            "text": textwrap.wrap(title, 100),
            "subtitle": [line for text in lines for line in textwrap.wrap(text, LINE)],
            **{"anchor": "start", "offset": 14, "fontSize": 17, "subtitleFontSize": 13},
            **{"color": tone["text"], "subtitleColor": tone["text"]},
        },
        **{"width": WIDTH, "height": chart.get("height", 380), "padding": 20},
        "datasets": chart.get("datasets", {}),
        "layer": [*layers, _legend(entries, tone)] if entries else layers,
        "config": {**chart.get("config", {}), "background": tone["page"]},
    }
    if "data" in plot and not single:
        spec["data"] = plot["data"]
    if entries:
        # The classes of the legend are other colours than those of marks.
        spec["resolve"] = {name: {"color": "independent"} for name in ("scale", "legend")}
    return spec


def _legend(entries, tone):
    """Return a layer that draws nothing but a legend."""
    names, colours = [name for name, _ in entries], [colour for _, colour in entries]
    legend = {"title": None, "orient": "bottom", "columns": 3, "symbolType": "square", "symbolOpacity": 1}
    legend |= {"symbolStrokeColor": tone["border"], "symbolStrokeWidth": 0.7, "labelLimit": 400}
    scale = {"domain": names, "range": colours}
    rows = [{"name": name} for name in names]
    return layer(
        "square", {"color": name_at("name", sort=None, scale=scale, legend=legend)}, data=rows, opacity=0
    )


def table_of(chart):
    """Return the longest table of a chart, as a DataFrame; times in milliseconds become dates."""
    tables = [*chart.get("datasets", {}).values()] or [chart.get("data", {}).get("values", [])]
    table = max(tables, key=len)
    table = table.to_pandas() if isinstance(table, pa.Table) else pd.DataFrame(table)
    for name in {"day", "month"} & set(table.columns):
        if pd.api.types.is_numeric_dtype(table[name]):
            table[name] = pd.to_datetime(table[name], unit="ms")
    return table


def main():
    """Draw a chart `{spec, kind}` or a page, see :func:`app.charts.city.poster_page`."""
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
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="{page["font"]}"'
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
