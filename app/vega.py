"""What all Vega-Lite specifications of the app share: words, classes and looks.

Text from data reaches an expression as a literal only, which is never evaluated.
"""

from __future__ import annotations

import json

from app import theme


def literal(words):
    """Text, or a list, as a literal of an expression.

    >>> literal("it's")
    '"it\\'s"'
    """
    return json.dumps(words, ensure_ascii=False)


def by_class(values):
    """Expression for what belongs to the class (`number`) of a datum."""
    return f"{literal(list(values))}[datum.number]"


def number(field, unit):
    """Expression for a number in words, without its unit: whole for an index and a share.

    >>> number("datum.value", "%")
    "format(datum.value, ',.0f')"
    """
    digits = 0 if theme.is_index(unit) or unit == "%" else 1
    return f"format({field}, ',.{digits}f')"


def amount(field, unit):
    """Expression for a number with its unit."""
    return f"{number(field, unit)} + {literal(f' {theme.unit_words(unit)}')}"


def tooltip(title, parts):
    """Expression of the table beside a mark.

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
    """Fonts and colours of a chart with axes."""
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
    return {**usual, "axis": axis, "legend": legend}
