"""What the pages share: the files that are open, the link in the address bar, the head of a page."""

from __future__ import annotations

import html
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from airq.bundle_facts import FACTS, read_facts
from airq.origin import MEDIAN_WARNING, ORIGIN_WARNINGS
from app import cube, demonstration, maps, sources, theme
from app.explaining import Answers
from app.observations import read_observations
from app.processes import words_of
from app.store import Store, largest, open_store
from app.text import for_markdown, short_path

#: Configuration of every Plotly chart.
CHART = {"displayModeBar": False}
#: What stands in a cell that has no value.
NO_VALUE = "–"
#: Height of a row of a table at the font size of the app. [px]
TABLE_ROW = 37
SIDE_BY_SIDE = "display:flex;flex-wrap:wrap;align-items:center;gap:.2rem 1.1rem"
LIGHT_TABLE = """
.light-table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.light-table :is(td, th) { padding: .3rem .6rem; overflow-wrap: anywhere; }
.light-table th { position: sticky; top: 0; text-align: left; font-weight: 600; overflow-wrap: normal; }
.light-table :is(td, th):not(:last-child) { text-align: right; }
.light-table td:not(:last-child) { white-space: nowrap; }
.light-table tr + tr td { border-top: 1px solid #8884; }
"""
SIMULATED = (
    "**SIMULATED.** These numbers describe a simulated atmosphere, not the air of any city. "
    "They show what the app does."
)


@dataclass(frozen=True)
class View:
    """What a page has to draw with: the store, or None where the page does not need predictions."""

    store: Store | None
    sources: sources.Sources


class Link:
    """What is chosen on all pages, kept in the address bar so that it can be shared.

    A value from the address bar is used only if it is one of the options; others are told in words.
    """

    def choice(self, name, options, default):
        """The chosen option of a name; the address bar counts first when it was changed by hand."""
        state = st.session_state.setdefault("link", {})
        seen = st.session_state.setdefault("link_seen", {})
        asked = st.query_params.get(name)
        if asked is not None and asked != seen.get(name):
            seen[name] = asked
            if asked in options:
                state[name] = asked
            else:
                self._wrong(name, asked)
        chosen = state.get(name, default)
        return chosen if chosen in options else default

    def set(self, **values):
        """Choose values by name, here and in the address bar."""
        state = st.session_state.setdefault("link", {})
        seen = st.session_state.setdefault("link_seen", {})
        for name, value in values.items():
            state[name] = seen[name] = value
            if st.query_params.get(name) != value:
                st.query_params[name] = value

    def forget(self, name):
        """Leave a value to its default, here and in the address bar."""
        st.session_state.setdefault("link", {}).pop(name, None)
        st.session_state.setdefault("link_seen", {}).pop(name, None)
        st.query_params.pop(name, None)

    def show(self):
        """Write what is chosen into the address bar, which another page has emptied."""
        self.set(**st.session_state.get("link", {}))

    def city(self):
        """Identifier of the chosen city; the most populous by default."""
        here = store()
        return self.choice("city", here.numbers, here.usual_city)

    def country(self):
        """Code of the chosen country, to which the chosen city then belongs; by default that of the city."""
        cities = store().cities
        of_city = cities["country"].iloc[store().row(self.city())]
        code = self.choice("country", set(cities["country"]), of_city)
        if code != of_city:
            choose_country(code)
        return code

    def date(self):
        """The chosen day as ``YYYY-MM-DD``; the last by default."""
        days = day_names()
        return self.choice("date", set(days), days[-1])

    def scale(self):
        """The chosen scale, a key of :data:`app.theme.SCALES`."""
        return self.choice("scale", theme.SCALES, "who")

    def palette(self):
        """The chosen palette, a key of :data:`app.theme.PALETTES`."""
        return self.choice("palette", theme.PALETTES, "readable")

    def warnings(self):
        """Words about values of the address bar that do not exist, told once."""
        return st.session_state.pop("link_wrong", {})

    def _wrong(self, name, asked):
        st.session_state.setdefault("link_wrong", {})[name] = asked


link = Link()


def open_view(title, *, needs=("predictions",)):
    """Begin a page: its title, what must be said first, and the files that it needs.

    Parameters
    ----------
    title : str
        Heading.
    needs : sequence of str
        Of :data:`app.sources.KINDS`; where one was not given, the page says so and stops.

    Returns
    -------
    View
    """
    opened = open_sources()
    if opened.predictions is not None:
        _look_at_store(opened.predictions)
    if opened.simulated or (opened.predictions and store().simulated):
        tell_simulated()
    if opened.simulated:
        _tell_folder(opened.predictions.parent)
    head(title)
    if opened.predictions is not None:
        _tell_origin(store())
    for kind in needs:
        if getattr(opened, kind) is None:
            st.info(f"This page shows {sources.KINDS[kind]}", icon=":material/folder_open:")
            st.stop()
    here = store() if "predictions" in needs else None
    if here is not None:
        link.city(), link.date(), link.scale(), link.palette()
        tell_link()
    return View(here, opened)


def head(title):
    """Title of a page, and what is chosen in its address."""
    st.title(title, anchor=False)
    link.show()


def tell_simulated():
    """Say large that what follows is simulated."""
    st.warning(SIMULATED, icon=":material/science:")


def _tell_folder(folder):
    """Say where the files of a demonstration lie."""
    st.caption(f"The files of this demonstration lie in {for_markdown(short_path(folder), limit=200)}")


def _tell_origin(here):
    warning = ORIGIN_WARNINGS.get(here.trained_on)
    if warning and not here.simulated:
        st.warning(warning)
    if here.facts.get("statistic") == "median":
        st.warning(MEDIAN_WARNING)


def tell_link():
    """Say which values of the address bar are not among the options, and what is shown instead."""
    for name, asked in link.warnings().items():
        first = "most populous" if store().cities["population"].notna().any() else "first"
        instead = {
            "city": f"the {first} city",
            "country": "the country of the chosen city",
            "date": "the last day",
            "level": "the lowest level of this scale",
        }.get(name, "the usual one")
        st.warning(
            f"The link asks for the {name} “{for_markdown(asked)}”, which is not here; {instead} is shown."
        )


def open_sources():
    """The files of this app: named ones, those of ./demo, or the demonstration, made if need be."""
    try:
        opened = sources.found(sources.named())
        if opened == sources.Sources():
            opened = demonstration.ready() or _make_demonstration()
    except (ValueError, OSError) as error:
        stop(error)
    return opened


def _make_demonstration():
    tell_simulated()
    st.title("Making a demonstration", anchor=False)
    st.write(
        "No predictions were given, so the app makes some: it simulates an atmosphere, judges and trains a "
        "model on cities with sensors and predicts cities without. This takes some minutes, once."
    )
    bar = st.progress(0.0, text=demonstration.DEMONSTRATION.begins)
    with closing(demonstration.make()) as steps:
        for step in steps:
            bar.progress(step.share, text=step.text)
    st.rerun()


def store():
    """The predictions as they were when the page was begun."""
    if "store" not in st.session_state:
        _look_at_store(open_sources().predictions)
    return st.session_state["store"][1]


def _look_at_store(path):
    """Open the predictions, anew if the file was changed; where that fails the page says why and stops."""
    try:
        stamp = cube.fingerprint(path)
        if st.session_state.get("store", (None,))[0] != stamp:
            st.session_state["store"] = (stamp, _store(str(path), stamp))
    except (ValueError, OSError) as error:
        stop(error)


def observations():
    """Observed PM2.5 of the panel, or None where none was given."""
    return _opened("panel", _observations)


def answers():
    """The :class:`app.explaining.Answers` that were found with the panel and the bundle that are open."""
    return _answers(model_stamp())


def model_stamp():
    """A mark of the panel and the bundle that are open: another one where either has changed."""
    opened = open_sources()
    return cube.fingerprint(opened.panel) + cube.fingerprint(opened.bundle / FACTS)


def facts():
    """The facts of the bundle, or None where none was given."""
    return _opened("bundle", _facts, FACTS)


def _opened(kind, loader, inside=""):
    path = getattr(open_sources(), kind)
    if path is None:
        return None
    try:
        return loader(str(path), cube.fingerprint(Path(path) / inside))
    except (ValueError, OSError) as error:
        stop(error)


@st.cache_resource(show_spinner="Laying the predictions out, once …", max_entries=2)
def _store(path, stamp):
    return open_store(path)


@st.cache_resource(show_spinner="Reading the observations …", max_entries=1)
def _observations(path, stamp):
    return read_observations(path)


@st.cache_resource(show_spinner=False, max_entries=1)
def _answers(stamp):
    return Answers()


@st.cache_resource(show_spinner="Checking the bundle …", max_entries=1)
def _facts(path, stamp):
    return read_facts(path)


def stop(error):
    """Say in words what is wrong with the input, and end the page."""
    st.error(for_markdown(words_of(error), limit=600), icon=":material/error:")
    st.stop()


def dark():
    """Whether the page is dark."""
    return st.context.theme.type == "dark"


def map_height():
    """Height of a map: lower on a telephone, whose screen is narrow. [px]"""
    return 380 if "Mobi" in (st.context.headers.get("User-Agent") or "") else 560


def show_chart(chart, key):
    """Show a chart of :mod:`app.charts`, a Vega-Lite specification."""
    st.vega_lite_chart(chart, key=key, theme=None)


def lines_legend(entries):
    """Legend of lines, bands and points, a sample each (:class:`app.charts.Entry`)."""
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


def show_map(picture, key, *, on_select="ignore"):
    """Show a map of :mod:`app.maps`; `on_select` is called when it is clicked, zoomed or moved."""
    if on_select == "ignore":
        st.container(key=key).vega_lite_chart(picture, theme=None)
        return
    # Only what is selected outlasts a change of the data: without the view every day would undo a zoom.
    modes = [maps.CLICKED, maps.VIEW]
    st.vega_lite_chart(picture, key=key, theme=None, on_select=on_select, selection_mode=modes)


def clicked(key):
    """The `place` that was clicked on a map since it was last asked; None where nothing was."""
    points = st.session_state[key]["selection"].get(maps.CLICKED) or []
    # A click beside the cities, or on the ring around one, has no place.
    now = {point["place"] for point in points if point.get("place") is not None}
    changed = now ^ st.session_state.get(f"{key}_held", set())
    st.session_state[f"{key}_held"] = now
    return changed.pop() if len(changed) == 1 else None


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


def outlines():
    """Address of the outlines on this server, or the outlines themselves where files are not served."""
    if not st.get_option("server.enableStaticServing"):
        return theme.outlines()
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/app/static/{theme.OUTLINES.name}".replace("//", "/")


def day_names():
    """All days of the store as ``YYYY-MM-DD``."""
    return store().day_names


def city_box(label="City", *, key, **look):
    """Search box for a city, tied to the link; returns the city's row. `look` goes to the box."""
    here = store()
    st.session_state[key] = here.row(link.city())

    def chosen():
        choose_city(here.cities["city_id"].iloc[st.session_state[key]])

    return st.selectbox(
        label,
        here.by_label,
        key=key,
        format_func=here.labels.__getitem__,
        on_change=chosen,
        help="Type a part of a name.",
        **look,
    )


def choose_city(city_id):
    """Choose a city; a country that was chosen before makes room for the city's own."""
    link.forget("country")
    link.set(city=city_id)


def choose_country(code):
    """Choose a country: the link names it, and the largest of its listed cities for the other pages."""
    cities = store().cities
    link.set(country=code, city=largest(cities[cities["country"] == code]))


def scale_box(*, key, **look):
    """Choice of the scale, tied to the link; returns its name. Index points have their own only.

    `look` goes to the switch.
    """
    here = store()
    if here.main == "aqi":
        return here.unit
    st.session_state[key] = link.scale()
    return st.segmented_control(
        "Scale",
        list(theme.SCALES),
        key=key,
        format_func=theme.SCALES.get,
        on_change=lambda: link.set(scale=st.session_state[key] or "who"),
        required=True,
        **look,
    )


def page_link(name, label):
    """Link to another page, with what is chosen; nothing where the pages are not known."""
    pages = st.session_state.get("pages", {})
    if name in pages:
        st.page_link(pages[name], label=label, icon=":material/arrow_forward:")


def legend(scale, *, hollow=False):
    """Legend in words: colour, name and range of every class. Only the scale's own words are in it."""
    tone = theme.tones(dark())
    items = "".join(
        f'<span style="display:inline-flex;align-items:center;margin:0 1rem .1rem 0">'
        f'<span aria-hidden="true" style="width:1.1rem;height:1.1rem;border-radius:50%;background:{colour};'
        f'border:1px solid {tone["soft"]};margin-right:.45rem"></span>'
        f"<span><b>{label[0].upper() + label[1:]}</b> {span}</span></span>"
        for colour, label, span in zip(scale.colours, scale.labels, scale.ranges, strict=True)
    )
    if hollow:
        items += (
            '<span style="display:inline-flex;align-items:center;margin:0 0 .1rem 0">'
            '<span aria-hidden="true" style="width:1.1rem;height:1.1rem;border-radius:50%;'
            f'border:4px solid {tone["soft"]};margin-right:.45rem"></span>'
            "<span><b>Hollow</b> outside what the model was trained on</span></span>"
        )
    heading = f"{scale.heading} [{theme.unit_words(scale.unit)}]"
    st.html(
        f'<div role="group" aria-label="Legend" style="font-size:.9rem"><div>{heading}</div>{items}</div>'
    )
    if scale.note:
        st.caption(scale.note)
