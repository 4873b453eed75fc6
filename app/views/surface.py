"""A surface on the map: which view of it, its legend, its words, and what it says of a cell."""

import numpy as np
import pandas as pd
import streamlit as st

from app import maps, parts, scales, session, surfaces, theme
from app.session import link, tied
from app.text import for_markdown

OFF = "off"
LONG = 400


def page(*, titled=True):
    """Draw the map of a surface alone, with a title unless the page has one (not `titled`)."""
    surface = session.surface()
    if titled:
        if surface.simulated:
            session.tell_simulated()
        session.open_view("PM2.5, modelled", needs=())
        st.markdown(f":material/history: {session.age_of(surface, pd.Timestamp.now().normalize())}")
    days = tuple(surface.dates.strftime("%Y-%m-%d"))
    date = link.choice("date", set(days), days[-1])
    view = chosen_view(surface, off=False)
    if len(days) > 1:
        named = {day: theme.day_words(day, surface.period) for day in days}
        tied(st.select_slider, "Day", "date", named, days[-1], label_visibility="collapsed")
    scale = scale_of(surface, view)
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        st.header(heading(surface, view, date), anchor=False)
        places = surfaces.corners(surface)
        picture = maps.land_map(places, scale, dark=parts.dark())
        picture["surface"] = surfaces.layer_of(surface, view, date, scale, dark=parts.dark())
        picture["picture"] = maps.saved_picture(
            heading(surface, view, date),
            scale,
            [surfaces.words_of(surface), *surface.notes],
            simulated=surface.simulated,
        )
        parts.show_map(picture, "surface_map", on_cell=lambda: remember("surface_map"))
        say(surface)
    with right:
        look = {"required": True, "label_visibility": "collapsed"}
        tied(st.segmented_control, "Scale", "scale", scales.SCALES, "who", **look)
        tell(surface, date, off=False)
        for note in surface.notes:
            st.caption(for_markdown(note, limit=LONG))


def warn(store):
    """Say that the surface is simulated, where the predictions of cities are not."""
    surface = session.surface()
    if surface is not None and surface.simulated and not store.simulated:
        st.warning(f"The surface: {session.SIMULATED}", icon=":material/science:")


def chosen_view(surface, *, off=True):
    """Return the view of a surface that the link asks for, :data:`OFF` for none."""
    return link.choice("surface", _options(surface, off), "pm25")


def _options(surface, off):
    return ({OFF: "not drawn"} if off else {}) | {
        name: words.lower() for name, words in surface.views.items()
    }


def scale_of(surface, view):
    """Return the scale of a view, with the classes and colours that the link asks for."""
    return surfaces.scale_of(surface, view, link.scale(), link.palette())


def heading(surface, view, date):
    """Return what a map of a view is called."""
    what = theme.PERIOD_WORDS[surface.period]
    of = f"{surfaces.VIEWS[view]} of the {what}" if view != "pm25" else what.capitalize()
    return f"{of}, {theme.day_words(date, surface.period)}"


def tell(surface, date, *, beside=None, off=True):
    """Show a choice of views, the legend of the chosen one and what it says of the cell that was clicked.

    Nothing is said of a date that is None; `beside` is the scale of the points on the same map.
    """
    with st.container(border=True):
        named = {name: f"Surface: {words}" for name, words in _options(surface, off).items()}
        tied(st.selectbox, "Surface", "surface", named, "pm25", label_visibility="collapsed")
        view = chosen_view(surface, off=off)
        if date is None or view == OFF:
            return
        scale = scale_of(surface, view)
        hatched = surface.has("inside_domain")
        if beside == scale:
            st.caption(
                "In the colours of the points." + " Hatched: outside what the model was trained on." * hatched
            )
        else:
            parts.legend(scale, hatched=hatched)
        _cell(surface, date)


def say(surface):
    """Say what a surface is."""
    st.caption(f"{surfaces.words_of(surface)} Blank: no prediction. A click tells of a cell.")


def remember(key):
    """Keep the cell that was clicked on a map."""
    if (place := parts.clicked(key, "cell")) is not None:
        st.session_state["map_cell"] = tuple(place)


def _cell(surface, date):
    place = st.session_state.get("map_cell")
    found = place and surfaces.cell_at(surface, *place, date)
    if not found:
        return
    longitude, latitude = place
    st.markdown(
        f"**{abs(latitude):.2f}°{'NS'[latitude < 0]} {abs(longitude):.2f}°{'EW'[longitude < 0]}, modelled: "
        f"{theme.number(found['pm25'])}**"
    )
    said = scale_of(surface, "pm25").verdict(found["pm25"])
    ends = [found.get(end, np.nan) for end in ("lower", "upper")]
    level = f"{surface.level:.0%} interval" if surface.level else "interval"
    if np.isfinite(ends).all():
        said += f". {level}: {theme.number(ends[0])} to {theme.number(ends[1])}"
    st.markdown(f"{said}." if said else "")
    if found["outside"]:
        st.markdown(":material/warning: Outside what the model was trained on: trust it less.")
