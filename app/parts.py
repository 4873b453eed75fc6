"""Parts that pages are put together from: charts, maps, tables and their legends."""

from __future__ import annotations

import functools
import html
import json
from pathlib import Path

import pandas as pd
import streamlit as st

from app import maps, scales, sources, theme

#: The app's own map: its script, in the order in which its parts build upon each other, and its look.
STATIC = Path(__file__).parent / "static"
MAP_SCRIPT, MAP_STYLE = ("map_ground.js", "map_marks.js", "map.js"), "map.css"
#: Looks of marks in a legend.
HOLLOW = "border-radius:50%;border:4px solid #7d888f"
HATCHED = "background:repeating-linear-gradient(-45deg,#333 0 1px,#ccc 1px 5px);border:1px solid #7d888f"
MONITOR = (
    "border-radius:50%;border:1px solid #7d888f;background:radial-gradient(#fff 0 18%,#333 18% 26%,#bbb 27%)"
)
#: What stands in a cell that has no value.
NO_VALUE = "–"
#: Height of a row of a table at the font size of the app. [px]
TABLE_ROW = 37
#: Look of entries in a row that wraps.
SIDE_BY_SIDE = "display:flex;flex-wrap:wrap;align-items:center;gap:.2rem 1.1rem"
#: Look of :func:`light_table`.
LIGHT_TABLE = """
.light-table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.light-table :is(td, th) { padding: .3rem .6rem; overflow-wrap: anywhere; }
.light-table th { position: sticky; top: 0; text-align: left; font-weight: 600; overflow-wrap: normal; }
.light-table :is(td, th):not(:last-child) { text-align: right; }
.light-table td:not(:last-child) { white-space: nowrap; }
.light-table tr + tr td { border-top: 1px solid #8884; }
"""


def dark():
    """Whether the page is dark."""
    return st.context.theme.type == "dark"


def map_height():
    """Height of a map: lower on a telephone, whose screen is narrow. [px]"""
    return 380 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


def show_chart(chart, key):
    """Show a chart of :mod:`app.charts`, a Vega-Lite specification."""
    st.container(key=key).vega_lite_chart(chart, key=f"{key}_chart", theme=None)


def lines_legend(entries):
    """Legend of lines, bands and points, a sample each (:class:`app.charts.city.Entry`)."""
    items = "".join(
        f'<span style="display:flex;align-items:center">'
        f'<span aria-hidden="true" style="margin-right:.45rem;{_sample(entry)}"></span>'
        f"<span>{html.escape(entry.name)}</span></span>"
        for entry in entries
    )
    st.html(f'<div role="group" aria-label="Lines" style="{SIDE_BY_SIDE}">{items}</div>')


def _sample(entry):
    """Look of a sample of a line, a band or a point."""
    if entry.kind == "band":
        return f"width:2.1rem;height:.9rem;opacity:.25;background:{entry.colour}"
    if entry.kind == "point":
        return f"width:.6rem;height:.6rem;transform:rotate(45deg);background:{entry.colour}"
    inks, at = [], 0
    for part, length in enumerate(entry.dash or (1,)):
        inks.append(f"{entry.colour if part % 2 == 0 else 'transparent'} {at}px {at + length}px")
        at += length
    width = max(round(entry.width), 2)
    return f"width:2.1rem;height:{width}px;background:repeating-linear-gradient(90deg,{','.join(inks)})"


def show_map(picture, key, *, height=None, on_click=None, on_cell=None):
    """Show a map of :mod:`app.maps`; a click on a place or on a cell of its surface calls a function.

    What was clicked is then in the state of the session, see :func:`clicked`.
    """
    data = {
        "key": key,
        "height": height or map_height(),
        "outlines": static_file(theme.OUTLINES),
        "names": static_file(theme.CITY_NAMES),
        "basemap": sources.basemap(),
        **picture,
    }
    calls = {"on_clicked_change": on_click, "on_cell_change": on_cell}
    with st.container(key=f"{key}_frame"):
        _draw_map()(data=data, key=key, **{name: call for name, call in calls.items() if call is not None})


@functools.cache
def _draw_map():
    """Return the function that mounts the app's own map; the browser loads its script once."""
    script = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in MAP_SCRIPT)
    style = (STATIC / MAP_STYLE).read_text(encoding="utf-8")
    return st.components.v2.component("airq_map", js=script, css=style)


def clicked(key, what="clicked"):
    """Return the `place` that was just clicked on a map, or the position of a cell; None where none was."""
    return st.session_state[key][what]


def table_height(rows, *, most):
    """Height of a table of so many rows, at most so much. [px]"""
    return min(TABLE_ROW * (rows + 1) + 2, most)


def light_table(columns, *, label, height):
    """Show columns of text as a table that the browser draws at once; `height` is the most it takes. [px]"""
    tone = theme.tones(dark())
    body = pd.DataFrame(columns).to_html(index=False, border=0, classes="light-table")
    st.html(
        f"<style>{LIGHT_TABLE} .light-table th {{ background: {tone['page']}; }}</style>"
        f'<div role="region" aria-label="{label}" tabindex="0" style="max-height:{height}px;overflow:auto;'
        f'border:1px solid {tone["grid"]};border-radius:.25rem">{body}</div>'
    )


def static_file(path):
    """Return the address of a file on this server, or its content where files are not served."""
    if not st.get_option("server.enableStaticServing"):
        return json.loads(path.read_text(encoding="utf-8"))
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/app/static/{path.name}".replace("//", "/")


def legend(scale, *, hollow=False, few=False, hatched=False, monitors=False):
    """Legend in words: colour, name and range of every class. Only the scale's own words are in it."""
    tone = theme.tones(dark())
    classes = [*zip(scale.colours, scale.labels, scale.ranges, strict=True)]
    if few:
        classes.append((maps.NO_CLASS, "no class", f"fewer than {scales.LONG} days known"))
    items = "".join(
        f'<span style="display:inline-flex;align-items:center;margin:0 1rem .1rem 0">'
        f'<span aria-hidden="true" style="width:1.1rem;height:1.1rem;border-radius:50%;background:{colour};'
        f'border:1px solid {tone["soft"]};margin-right:.45rem"></span>'
        f"<span><b>{label[:1].upper() + label[1:]}</b> {span}</span></span>"
        for colour, label, span in classes
    )
    items += _mark(HOLLOW, "Hollow", "outside what the model was trained on") * hollow
    items += _mark(HATCHED, "Hatched", "outside what the model was trained on") * hatched
    items += _mark(MONITOR, "Dotted", "trained the model: not a test of it") * monitors
    heading = f"{scale.heading} [{theme.unit_words(scale.unit)}]"
    st.html(
        f'<div role="group" aria-label="Legend" style="font-size:.9rem"><div>{heading}</div>{items}</div>'
    )
    if scale.note:
        st.caption(scale.note)


def _mark(look, name, words):
    """Entry of a legend for a kind of mark; `currentColor` is that of the text."""
    return (
        '<span style="display:inline-flex;align-items:center;margin:0 1rem .1rem 0"><span aria-hidden="true" '
        f'style="width:1.1rem;height:1.1rem;flex:none;margin-right:.45rem;{look}"></span>'
        f"<span><b>{name}</b> {words}</span></span>"
    )
