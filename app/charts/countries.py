"""Charts of countries: each function returns a Vega-Lite specification for a light or `dark` page.

Tables come from :mod:`app.country_tables`; their rows are in the order of the picture from the top.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from app import theme
from app.charts import vega
from app.text import shown

#: Height of a country in a picture. [px]
ROW = 22
#: Most months with a name above a picture.
MOST_HEADS = 6


def shares(table, scale, *, dark=False):
    """Draw a bar a country: which share of its people, or of their days, lies in each class of a scale.

    `table` is that of :func:`app.country_tables.shares_above`; the classes lie between its levels.
    """
    above = np.column_stack([np.ones(len(table)), table.to_numpy(dtype="float64"), np.zeros(len(table))])
    country, number = np.nonzero(above[:, :-1] > above[:, 1:])
    columns = {
        "country": np.take(_names(table.index), country),
        "number": number,
        "from": 1 - above[country, number],
        "until": 1 - above[country, number + 1],
    }
    words = [f"{label} ({span})" for label, span in zip(scale.labels, scale.ranges, strict=True)]
    said = f"format(datum.until - datum.from, '.0%') + ' ' + {vega.by_class(words)}"
    axis = {"title": None, "format": "%", "values": [0, 0.5, 1], "orient": "top"}
    x = {"field": "from", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}
    return _rows_of_countries(
        _names(table.index),
        columns,
        "Share of the people, or of their days, in each class by country",
        {"type": "bar", "stroke": theme.tones(dark)["border"], "strokeWidth": 0.5},
        {"x": x, "x2": {"field": "until"}},
        said,
        scale,
        dark,
    )


def months(table, scale, *, dark=False):
    """Draw a heat map of countries and months, coloured by class of a scale.

    `table` is that of :func:`app.country_tables.monthly`.
    """
    values = table.to_numpy(dtype="float64")
    country, month = np.nonzero(np.isfinite(values))
    value = values[country, month]
    columns = {
        "country": np.take(_names(table.index), country),
        "month": np.take(table.columns.to_numpy().astype("datetime64[ms]").astype("float64"), month),
        "value": value,
        "number": scale.index(value),
    }
    when = "utcFormat(datum.month, '%B %Y')"
    words = vega.by_class([f", {label}" if label else "" for label in scale.labels])
    said = f"{when} + ', ' + {vega.amount('datum.value', scale.unit)} + {words}"
    # The last month is the one that people look for.
    listed = table.columns.to_numpy().astype("datetime64[ms]").astype("float64").tolist()
    heads = listed[:: -max(1, -(-len(listed) // MOST_HEADS))]
    label = "[utcFormat(datum.value, '%b'), utcFormat(datum.value, '%Y')]"
    axis = {"title": None, "orient": "top", "values": heads, "labelExpr": label, "labelAngle": 0}
    look = {"domain": False, "ticks": False, "labelOverlap": True, "labelPadding": 20}
    x = {"field": "month", "type": "ordinal", "scale": {"domain": listed}, "axis": {**axis, **look}}
    what = "Mean of every month by country, coloured by class"
    return _rows_of_countries(
        _names(table.index), columns, what, {"type": "rect"}, {"x": x}, said, scale, dark
    )


def _rows_of_countries(names, columns, what, mark, across, said, scale, dark):
    """Draw a row a country, whose marks have the colour of their class (`number`)."""
    axis = {"title": None, "ticks": False, "domain": False, "grid": False, "labelLimit": 150}
    scale_of_rows = {"domain": names, "padding": 0.1}
    rows = {"field": "country", "type": "nominal", "scale": scale_of_rows, "axis": axis}
    return {
        "description": what,
        "height": {"step": ROW},
        "data": {"name": "cells"},
        "datasets": {"cells": pa.table(columns)},
        "mark": mark,
        "encoding": {
            **across,
            "y": rows,
            "fill": {"value": {"expr": vega.by_class(scale.colours)}},
            "tooltip": {"value": {"expr": f"{{title: datum.country, Shown: {said}}}"}},
            "description": {"value": {"expr": f"datum.country + ': ' + {said}"}},
        },
        "config": vega.config(dark),
    }


def _names(codes):
    """Name countries for the axis of a picture, each once."""
    names = [shown(theme.country_name(code), limit=24) for code in codes]
    return [
        f"{name} ({shown(code, limit=12)})" if names.count(name) > 1 else name
        for name, code in zip(names, codes, strict=True)
    ]
