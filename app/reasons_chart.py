"""Chart of what adds up to a prediction."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from airq.units import PM25_UNIT
from app import theme, vega
from app.text import shown

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
#: Smaller contributions are not drawn. [µg m⁻³]
LEAST = 0.05


def reasons(table, *, dark=False):
    """What adds up to a prediction: a bar a product, from the largest contribution to the smallest.

    Parameters
    ----------
    table : DataFrame
        `product, contribution` [µg m⁻³] of one row, see
        :meth:`airq.models.explanation.Contributions.table`.
    dark : bool
        Whether the page is dark.

    Returns
    -------
    dict
        A Vega-Lite specification.
    """
    tone, bars = theme.tones(dark), steps(table)
    colour = f"datum.step == 0 ? '{tone['soft']}' : datum.amount > 0 ? '{tone['second']}' : '{tone['line']}'"
    said = f"datum.product + ': ' + {vega.amount('datum.amount', PM25_UNIT)}"
    names = {"title": None, "labelLimit": 190, "ticks": False, "domain": False, "grid": False}
    y = {"field": "product", "type": "ordinal", "sort": None, "axis": names}
    axis = {"title": theme.unit_words(PM25_UNIT), "tickCount": 5}
    from_, until = ({"field": end, "type": "quantitative", "axis": axis} for end in ("from", "until"))
    signed = {"value": {"expr": "format(datum.amount, datum.step == 0 ? '.1f' : '+.1f')"}}
    text = {"type": "text", "align": "left", "dx": 5, "fontSize": 14, "color": tone["text"]}
    return {
        "description": "What adds up to the prediction",
        "height": 30 * bars.num_rows,
        "padding": {"left": 4, "top": 4, "right": 44, "bottom": 4},
        "data": {"name": "bars"},
        "datasets": {"bars": bars},
        "layer": [
            {
                "name": "bars",
                "mark": {"type": "bar"},
                "encoding": {
                    "y": y,
                    "x": from_,
                    "x2": {"field": "until"},
                    "fill": {"value": {"expr": colour}},
                    "tooltip": {"value": {"expr": said}},
                    "description": {"value": {"expr": said}},
                },
            },
            {
                "name": "amounts",
                "transform": [{"calculate": "max(datum.from, datum.until)", "as": "end"}],
                "mark": {**text, "tooltip": None, "aria": False},
                "encoding": {"y": y, "x": {**until, "field": "end"}, "text": signed},
            },
        ],
        "config": vega.config(dark),
    }


def steps(table):
    """The bars from top to bottom: every one begins where the one above it ends.

    Returns
    -------
    pyarrow.Table
        `step, product` (as people know it), `amount`, `from`, `until` [µg m⁻³].
    """
    table = table[table["contribution"].abs() >= LEAST]
    amounts = table["contribution"].to_numpy("float64")
    until = np.cumsum(amounts)
    return pa.table(
        {
            "step": np.arange(len(table), dtype="int32"),
            "product": [shown(name) for name in _words(table["product"])],
            "amount": amounts,
            "from": until - amounts,
            "until": until,
        }
    )


def _words(products):
    """Names that people know, or the products' own where two would be called alike."""
    words = [REASON_WORDS.get(name, name) for name in products]
    return words if len(set(words)) == len(words) else list(products)
