"""Map: every city coloured for a day, a period's mean or the share of days above a level."""

import numpy as np
import streamlit as st

from airq.units import PM25_UNIT
from app import layers, parts, scales, session, theme
from app.advice import TABLE as ADVICE_TABLE
from app.advice import advice_for
from app.series import COUNTED, EXPECTED
from app.session import link
from app.store import ranking
from app.text import for_markdown
from app.views import drawing
from app.views import surface as surface_view
from app.views.spans import span_box

AS = {"cities": "Cities", "countries": "Countries"}
HOW = {
    "probability": f"{EXPECTED}, which counts the days that a smooth prediction misses.",
    "prediction": f"{COUNTED}, which misses days that lie above the level by chance: the file holds no "
    "probability of this one.",
}
#: Cells of a grid beyond this are drawn as a surface alone: no box can list them.
MOST_CITIES = 20_000
PLAY_SECONDS = 1.0
LISTED = 50
#: Leaves room for a button beside the box on a telephone. [px]
CITY_WIDTH = 220


def page():
    """Draw the page."""
    opened = session.open_sources()
    if opened.predictions is None and opened.surface is not None:
        return surface_view.page()
    view = session.open_view("PM2.5 of cities")
    if len(view.store.cities) > MOST_CITIES and session.surface() is not None:
        return surface_view.page(titled=False)
    surface_view.warn(view.store)
    store = view.store
    _controls(store)
    shown = link.choice("show", layers.SHOWN, "day")
    session.tell_link()
    playing = shown == "day" and st.session_state.get("playing", False)
    st.fragment(_picture, run_every=PLAY_SECONDS if playing else None)(shown)
    for note in store.notes:
        st.caption(note)
    return None


def _controls(store):
    # In this order the row takes two lines of a telephone; the scale stands by its legend.
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        session.city_box(
            "Find a city",
            key="map_city",
            label_visibility="collapsed",
            icon=":material/search:",
            width=CITY_WIDTH,
        )
        with st.popover("Display", icon=":material/palette:"):
            _switch("Draw", "as", AS, "cities")
            _switch("Colours", "palette", theme.PALETTES, "readable")
            if link.palette() == "epa" and link.scale() == "who" and store.main == "pm25":
                st.caption("The EPA's colours belong to its own classes: choose an AQI scale to see them.")
        names = {name: theme.by_period(words, store.period) for name, words in layers.SHOWN.items()}
        _switch("Show", "show", names, "day", label_visibility="collapsed")


def _switch(label, name, options, default, **look):
    key = f"map_{name}"
    st.session_state[key] = link.choice(name, options, default)
    st.segmented_control(
        label,
        list(options),
        key=key,
        format_func=options.get,
        required=True,
        on_change=lambda: link.set(**{name: st.session_state[key] or default}),
        **look,
    )


def _picture(shown):
    if st.session_state.pop("map_clicked", False):
        st.rerun(scope="app")
    store = session.store()
    when, layer = {"day": _day, "mean": _mean, "share": _share}[shown](store)
    date = link.date() if shown == "day" else None
    points = link.choice("as", AS, "cities") == "cities"
    row, words = store.row(link.city()), drawing.title(when, date) if points else when
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        st.subheader(words, anchor=False)
        if points:
            drawing.cities(store, layer, row, words, date)
        else:
            drawing.countries(store, layer, words)
    with right:
        session.scale_box(key="map_scale", label_visibility="collapsed")
        drawing.legends(store, layer, date, points=points)
        _city_card(store, layer, row)
        _ranking(store, layer)


def _day(store):
    days = session.day_names()
    if len(days) > 1:
        _step(days)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _play_button(days)
            st.session_state["map_day"] = link.date()
            st.select_slider(
                {"day": "Day", "month": "Month", "year": "Year"}[store.period],
                days,
                key="map_day",
                format_func=lambda day: theme.day_words(day, store.period),
                on_change=lambda: link.set(date=st.session_state["map_day"]),
                label_visibility="collapsed",
            )
    date = link.date()
    layer = layers.day_layer(store, date, scale=link.scale(), palette=link.palette())
    return f"{store.value_words.capitalize()}, {theme.day_words(date, store.period)}", layer


def _play_button(days):
    playing = st.session_state.get("playing", False)
    icon = ":material/stop:" if playing else ":material/play_arrow:"
    if not st.button("Stop" if playing else "Play", icon=icon):
        return
    if not playing and link.date() == days[-1]:
        link.set(date=days[0])
    st.session_state["playing"] = st.session_state["map_begins"] = not playing
    link.show()
    st.rerun(scope="app")


def _step(days):
    """Go on by a day while playing, and stop at the last one; the address bar follows when it stops."""
    if not st.session_state.get("playing") or st.session_state.pop("map_begins", False):
        return
    following = min(days.index(link.date()) + 1, len(days) - 1)
    st.session_state.setdefault("link", {})["date"] = days[following]
    if days[following] == days[-1]:
        st.session_state["playing"] = False
        link.show()
        st.rerun(scope="app")


def _mean(store):
    start, end = span_box(store, key="map")
    layer = layers.mean_layer(store, start, end, scale=link.scale(), palette=link.palette())
    return f"Mean, {theme.span_words(start, end, store.period)}", layer


def _share(store):
    first, second = st.columns(2)
    with first:
        start, end = span_box(store, key="map")
    names = layers.levels(store, link.scale())
    options = {f"{level:g}": level for level in names}
    usual = next(iter(options))
    text = link.choice("level", options, usual)
    if st.session_state["link"].get("level") not in (None, text):
        # Of the scale that was chosen before.
        link.forget("level")
    with second:
        st.session_state["map_level"] = text
        st.selectbox(
            "Level",
            list(options),
            key="map_level",
            format_func=lambda text: names[options[text]],
            on_change=lambda: link.set(level=st.session_state["map_level"]),
        )
    session.tell_link()
    level = options[text]
    layer = layers.share_layer(store, start, end, level)
    st.caption(theme.by_period(HOW[layers.how_counted(store, level)], store.period))
    return f"{layer.scale.heading}, {theme.span_words(start, end, store.period)}", layer


def _city_card(store, layer, row):
    value = layer.amounts[row]
    unit, known = layer.scale.unit, np.isfinite(value)
    with st.container(border=True):
        st.markdown(f"**{for_markdown(store.cities['label'].iloc[row], limit=130)}**")
        st.markdown(f"## {theme.number(value, unit)}")
        few = layer.few is not None and bool(layer.few[row])
        if layer.days is not None and known:
            st.markdown(
                f"Mean of {theme.count_words(int(layer.days[row]), 'day')}{', too few for a class' * few}"
            )
        if known and layer.scale.classed and not few:
            _class_words(layer.scale, value)
        if layer.lower is not None and known:
            level = f"{layer.level:.0%} interval" if layer.level else "interval"
            low, high = theme.number(layer.lower[row], unit), theme.number(layer.upper[row], unit)
            told = np.isfinite(layer.lower[row])
            st.markdown(
                f"{level}: {low} to {high}"
                if told
                else f"No interval is known for this {'day' if layer.scale.daily else 'mean'}."
            )
        if layer.inside is not None and layer.inside[row] < 1:
            st.markdown(":material/warning: Outside what the model was trained on: trust it less.")
        if known and layer.scale.daily:
            _advice_words(advice_for(value, unit), layer.scale)
        session.page_link("city", "All about this city")


def _class_words(scale, value):
    said = scale.verdict(value)
    st.markdown(f"**{scale.heading}**: {said.lower()}" if scale.unit == "%" else f"**{said}**")


def _advice_words(advice, scale):
    """Advice, with the class it is for where the scale has other classes."""
    other = scale.unit == PM25_UNIT and scale.name != ADVICE_TABLE
    by = f" Advice for “{advice.label}” of the {scales.SCALES[ADVICE_TABLE]}." if other else ""
    st.caption(advice.short + by)


def _ranking(store, layer):
    ranked = ranking(store.cities, layer.amounts)
    if ranked.empty:
        st.info("No city has a prediction here.")
        return
    unit = theme.unit_words(layer.scale.unit)
    names = dict(zip(store.cities["city_id"], store.cities["label"], strict=True))
    best_first = st.toggle("Cleanest first", key="map_order")
    listed = (ranked.iloc[::-1] if best_first else ranked).head(LISTED)
    place = ranked.loc[ranked["city_id"] == link.city(), "rank"]
    if len(place):
        st.caption(f"This city is number {place.iloc[0]:,} of {len(ranked):,}, the highest first.")
    digits = "{:.0f}" if unit == "%" or theme.is_index(layer.scale.unit) else "{:.1f}"
    table = {
        "Rank": listed["rank"].map("{:,}".format),
        unit: listed["value"].map(digits.format),
        "City": listed["city_id"].map(names),
    }
    parts.light_table(table, label="Ranking of cities", height=380)
    if len(ranked) > LISTED:
        st.caption(f"{LISTED} of {len(ranked):,} cities; the page Data has all of them.")
