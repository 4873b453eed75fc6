"""What the pages show: charts with what saves them, tables, downloads, maps and legends."""

from __future__ import annotations

import functools
import html
import json
from pathlib import Path

import pandas as pd
import streamlit as st

from app import downloads, maps, scales, sources, style
from app.charts import vega
from app.session import dark, origin_of_predictions, switch
from app.style import first_capital

#: The app's own map: its script, in the order in which its parts build upon each other, and its look.
STATIC = Path(__file__).parent / "static"
MAP_SCRIPT, MAP_STYLE = ("map_ground.js", "map_marks.js", "map.js"), "map.css"
#: Looks of marks in a legend.
ROUND = "width:1.1rem;height:1.1rem;border-radius:50%"
HOLLOW = f"{ROUND};border:4px solid #7d888f"
HATCHED = (
    "width:1.1rem;height:1.1rem;border:1px solid #7d888f;"
    "background:repeating-linear-gradient(-45deg,#333 0 1px,#ccc 1px 5px)"
)
MONITOR = f"{ROUND};border:1px solid #7d888f;background:radial-gradient(#fff 0 18%,#333 18% 26%,#bbb 27%)"
#: What stands in a cell that has no value.
NO_VALUE = "–"
#: Height of a row of a table at the font size of the app. [px]
TABLE_ROW = 37
FORMATS = {"csv": "CSV (spreadsheets)", "parquet": "Parquet (programs)", "geojson": "GeoJSON (maps)"}


def show_chart(chart, key, *, says="", table=None, entries=(), origin=None):
    """Show a chart, a Vega-Lite specification, and what saves its picture and its data.

    Parameters
    ----------
    chart : dict
        As the modules of charts make it.
    key : str
        Name among the widgets.
    says : str
        What it shows, in a sentence; by default its description. It is what screen readers read.
    table : DataFrame, optional
        Its data; by default the first table that it draws.
    entries : sequence of (str, str)
        Legend that stands beside it on the page: name and colour.
    origin : app.charts.vega.Origin, optional
        Where its numbers come from; by default the predictions that are open.
    """
    # A name may be markup; nothing obeys it here, and nothing shall.
    says = (says or chart.get("description", "")).translate({ord("<"): "‹", ord(">"): "›"})
    st.container(key=key).vega_lite_chart({**chart, "description": says}, key=f"{key}_chart", theme=None)
    # Made on demand: neither table nor picture is sent with the page.
    with st.popover("Picture, data", type="tertiary", key=f"{key}_files", on_change="rerun") as files:
        if files.open:
            shown = vega.table_of(chart) if table is None else table
            _files(chart, key, says, shown, entries, origin or origin_of_predictions())


def _files(chart, key, says, table, entries, origin):
    look = {"title": says.replace("**", ""), "entries": entries, "dark": dark()}
    name = f"{'SIMULATED_' * origin.simulated}{key}"
    with st.container(horizontal=True):
        for kind, mime in vega.MIME.items():
            draw = functools.partial(vega.picture, chart, kind, origin, **look)
            download(f"Picture ({kind.upper()})", draw, f"{name}.{kind}", mime, f"{key}_{kind}", icon=None)
        rows = functools.partial(origin.to_csv, table)
        download("Data (CSV)", rows, f"{name}.csv", downloads.MIME["csv"], f"{key}_csv", icon=None)
    show_table(table, {}, most=300)


def show_table(table, columns, *, most=None, pinned=None, widths=None, **look):
    """Show a table, and return what is chosen in it.

    `columns` name some of its columns: heading, format of numbers and help, as far as they have these; `most`
    is its largest height [px], `pinned` a column that stays, `widths` [px] are those of columns. `look` goes
    to the table.
    """
    config = {}
    for name in table.columns:
        heading, form, told = (*columns.get(name, ()), None, None, None)[:3]
        if table[name].dtype == bool:
            kind = st.column_config.CheckboxColumn
        elif pd.api.types.is_numeric_dtype(table[name].dtype):
            kind = functools.partial(st.column_config.NumberColumn, format=form)
        else:
            kind = st.column_config.TextColumn
        if name in columns or name in (widths or {}):
            config[name] = kind(heading, help=told, pinned=name == pinned, width=(widths or {}).get(name))
    look |= {} if most is None else {"height": min(TABLE_ROW * (len(table) + 1) + 2, most)}
    return st.dataframe(table, hide_index=True, placeholder=NO_VALUE, column_config=config, **look)


def download(label, data, name, mime, key=None, icon=":material/download:"):
    """Show a button for a file; its data, or what makes them, are asked for on a click only."""
    st.download_button(label, data, name, mime, key=key, icon=icon, on_click="ignore")


def rows_button(label, rows, facts, kind, *, stem, key):
    """Show a button for a file of rows that is written only when it is asked for."""
    name = downloads.file_name(facts, kind, stem)
    download(label, lambda: downloads.WRITERS[kind](rows(), facts), name, downloads.MIME[kind], key)


def format_box(key):
    """Show the choice of a format; return a key of :data:`FORMATS`."""
    return switch("Format", FORMATS, key)


def map_height():
    """Return the height of a map: lower on a telephone, whose screen is narrow. [px]"""
    return 380 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


def show_map(picture, key, *, height=None, on_click=None, on_cell=None):
    """Show a map of :mod:`app.maps`; a click on a place or on a cell of its surface calls a function.

    What was clicked is then in the state of the session, see :func:`clicked`.
    """
    data = {
        "key": key,
        "height": height or map_height(),
        "outlines": static_file(style.OUTLINES),
        "names": static_file(style.CITY_NAMES),
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
    look = (STATIC / MAP_STYLE).read_text(encoding="utf-8")
    return st.components.v2.component("airq_map", js=script, css=look)


def clicked(key, what="clicked"):
    """Return the `place` that was just clicked on a map, or the position of a cell; None where none was."""
    return st.session_state[key][what]


def static_file(path):
    """Return the address of a file on this server, or its content where files are not served."""
    if not st.get_option("server.enableStaticServing"):
        return json.loads(path.read_text(encoding="utf-8"))
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/app/static/{path.name}".replace("//", "/")


def legend(scale, *, hollow=False, few=False, hatched=False, monitors=False):
    """Show a legend: colour, name and range of every class. Only the scale's own words are in it."""
    rim = style.tones(dark())["soft"]
    classes = [*zip(scale.colours, scale.labels, scale.ranges, strict=True)]
    if few:
        classes.append((maps.NO_CLASS, "no class", f"fewer than {scales.LONG} days known"))
    outside = "outside what the model was trained on"
    entries = [
        *(
            (f"{ROUND};background:{colour};border:1px solid {rim}", first_capital(label), span)
            for colour, label, span in classes
        ),
        *([(HOLLOW, "Hollow", outside)] * hollow),
        *([(HATCHED, "Hatched", outside)] * hatched),
        *([(MONITOR, "Dotted", "trained the model: not a test of it")] * monitors),
    ]
    _legend("Legend", f"<div>{scale.heading} [{style.unit_words(scale.unit)}]</div>", entries)
    if scale.note:
        st.caption(scale.note)


def lines_legend(entries):
    """Show a legend of lines, bands and points, a sample each (:class:`app.charts.city.Entry`)."""
    _legend("Lines", "", [(_sample(entry), "", html.escape(entry.name)) for entry in entries])


def _legend(label, heading, entries):
    """Show marks by their look (CSS), each with a bold and a plain word (HTML)."""
    items = "".join(
        '<span style="display:inline-flex;align-items:center;margin:0 1rem .1rem 0">'
        f'<span aria-hidden="true" style="flex:none;margin-right:.45rem;{look}"></span>'
        f"<span>{f'<b>{name}</b> ' if name else ''}{words}</span></span>"
        for look, name, words in entries
    )
    look = "font-size:.9rem;line-height:1.45"
    st.html(f'<div role="group" aria-label="{label}" style="{look}">{heading}{items}</div>')


def _sample(entry):
    """Return the look of a sample of a line, a band or a point."""
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
