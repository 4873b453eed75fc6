"""Parts that pages are put together from: charts, maps, tables and their legends."""

from __future__ import annotations

import functools
import html
import json
from pathlib import Path

import pandas as pd
import streamlit as st

from app import downloads, maps, scales, session, sources, theme
from app.charts import vega
from app.downloads import MIME
from app.session import link

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
KINDS = {"csv": "CSV (spreadsheets)", "parquet": "Parquet (programs)", "geojson": "GeoJSON (maps)"}
#: Years to choose from beside one another; earlier ones are found by their days.
MOST_YEARS = 4


def dark():
    """Tell whether the page is dark."""
    return st.context.theme.type == "dark"


def map_height():
    """Return the height of a map: lower on a telephone, whose screen is narrow. [px]"""
    return 380 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


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
            table = vega.table_of(chart) if table is None else table
            _files(chart, key, says, table, entries, origin or session.origin())


def _files(chart, key, says, table, entries, origin):
    title = str(says).replace("**", "")
    makers = {
        kind: lambda kind=kind: vega.picture(chart, kind, origin, title=title, entries=entries, dark=dark())
        for kind in vega.MIME
    }
    makers["csv"] = lambda: origin.to_csv(table)
    with st.container(horizontal=True):
        for kind, make in makers.items():
            st.download_button(
                "Data (CSV)" if kind == "csv" else f"Picture ({kind.upper()})",
                make,
                file_name=f"{'SIMULATED_' * origin.simulated}{key}.{kind}",
                mime={**vega.MIME, **downloads.MIME}[kind],
                on_click="ignore",
                key=f"{key}_{kind}",
            )
    st.dataframe(table, hide_index=True, height=table_height(len(table), most=300), placeholder=NO_VALUE)


def lines_legend(entries):
    """Show a legend of lines, bands and points, a sample each (:class:`app.charts.city.Entry`)."""
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
    """Return the height of a table of so many rows, at most so much. [px]"""
    return min(TABLE_ROW * (rows + 1) + 2, most)


def static_file(path):
    """Return the address of a file on this server, or its content where files are not served."""
    if not st.get_option("server.enableStaticServing"):
        return json.loads(path.read_text(encoding="utf-8"))
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/app/static/{path.name}".replace("//", "/")


def legend(scale, *, hollow=False, few=False, hatched=False, monitors=False):
    """Show a legend: colour, name and range of every class. Only the scale's own words are in it."""
    tone = theme.tones(dark())
    classes = [*zip(scale.colours, scale.labels, scale.ranges, strict=True)]
    if few:
        classes.append((maps.NO_CLASS, "no class", f"fewer than {scales.LONG} days known"))
    items = "".join(
        f'<span style="display:inline-flex;align-items:center;margin:0 1rem 0 0">'
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
        '<div role="group" aria-label="Legend" style="font-size:.9rem;line-height:1.45">'
        f"<div>{heading}</div>{items}</div>"
    )
    if scale.note:
        st.caption(scale.note)


def _mark(look, name, words):
    """Return an entry of a legend for a kind of mark."""
    return (
        '<span style="display:inline-flex;align-items:center;margin:0 1rem .1rem 0"><span aria-hidden="true" '
        f'style="width:1.1rem;height:1.1rem;flex:none;margin-right:.45rem;{look}"></span>'
        f"<span><b>{name}</b> {words}</span></span>"
    )


def file_button(label, rows, facts, kind, *, stem, key):
    """Show a button for a file that is written only when it is asked for."""
    st.download_button(
        label,
        lambda: downloads.WRITERS[kind](rows(), facts),
        file_name=downloads.file_name(facts, kind, stem),
        mime=MIME[kind],
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )


def kind_box(key):
    """Show the choice of a format; return a key of :data:`KINDS`."""
    return st.segmented_control(
        "Format", list(KINDS), default="csv", format_func=KINDS.get, required=True, key=key
    )


def span_box(store):
    """Show the choice of a span: all days, a year, 30 days or days of one's own; return its ends."""
    days = store.day_names
    start, end = sorted((link.choice("from", days, days[0]), link.choice("to", days, days[-1])))
    if len(days) == 1:
        return start, end
    known = spans(days, store.period)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state["span"] = next((name for name, span in known.items() if span == (start, end)), None)
        st.pills(
            "Period", list(known), key="span", on_change=lambda: _set(known.get(st.session_state["span"]))
        )
        _ends(store, start, end)
    return start, end


def _ends(store, start, end):
    """Show the first and the last day, or month or year."""
    if store.period != "day":
        st.session_state["ends"] = start, end
        st.select_slider(
            "From and to",
            store.day_names,
            key="ends",
            format_func=lambda day: theme.day_words(day, store.period),
            on_change=lambda: _set(st.session_state["ends"]),
        )
        return
    # A first day alone is one that waits for the last.
    if len(st.session_state.get("ends", ())) != 1:
        st.session_state["ends"] = pd.Timestamp(start).date(), pd.Timestamp(end).date()
    st.date_input(
        "From and to",
        min_value=store.dates[0].date(),
        max_value=store.dates[-1].date(),
        key="ends",
        format="YYYY-MM-DD",
        on_change=lambda: _set([session.near(day) for day in st.session_state["ends"]]),
        width=280,
    )


def _set(ends):
    if ends is not None and len(ends) == 2:
        link.set(**dict(zip(("from", "to"), ends, strict=True)))


def spans(days, period="day"):
    """Return spans to choose from, by name.

    Examples
    --------
    >>> spans(("2019-12-31", "2020-01-01"))
    {'All': ('2019-12-31', '2020-01-01'), '2019': ('2019-12-31', '2019-12-31'), '2020': ('2020-01-01', \
'2020-01-01')}
    """
    known = {"All": (days[0], days[-1])}
    years = sorted({day[:4] for day in days})
    if len(years) > 1 and period != "year":
        for year in years[-MOST_YEARS:]:
            inside = [day for day in days if day.startswith(year)]
            known[year] = (inside[0], inside[-1])
    month = f"{pd.Timestamp(days[-1]) - pd.Timedelta(days=29):%Y-%m-%d}"
    if period == "day" and days[0] < month:
        known["Last 30 days"] = (next(day for day in days if day >= month), days[-1])
    return known
