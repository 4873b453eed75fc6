"""What all Vega-Lite specifications of the app share: words, classes and looks.

Text from data reaches an expression as a literal only, which is never evaluated.
"""

from __future__ import annotations

import json

from app import theme

#: A legend above a chart, in fewer columns on a telephone.
ABOVE = {
    "title": None,
    "orient": "top",
    "labelLimit": 240,
    "columns": {"expr": "width < 420 ? 1 : 4"},
}


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

    Parameters
    ----------
    title : str
        Expression of its heading.
    parts : sequence of (str, str, str)
        When a line is shown (an expression), its name (plain text) and what it says (an expression).

    Returns
    -------
    str
    """
    lines = [f"({when} ? {{{literal(name)}: {said}}} : {{}})" for when, name, said in parts]
    return f"merge({', '.join([f'{{title: {title}}}', *lines])})"


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


def of_picture(chart, *, dark):
    """Return a picture of :mod:`airq.report.charts` as a page shows it, in its fonts and colours.

    The page itself says what the title does.
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
    return {**json.loads(text), "config": looks}


def on_paper(spec):
    """Return a specification of the app as a file draws it: rows for tables, small letters, no pointer."""
    from airq.report.charts import LOOKS

    axis = {"labelFontSize": 8, "titleFontSize": 8}
    paper = json.loads(json.dumps(spec, default=_rows).replace("NaN", "null"))
    paper["config"]["font"] = LOOKS["font"]
    paper["config"]["axis"] |= axis
    paper["config"]["legend"] |= axis
    paper["config"]["text"] = {"fontSize": 8}
    return paper


def _rows(table):
    return table.to_pylist()
