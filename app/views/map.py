"""Map: every city coloured for a day, a period's mean or the share of days above a level; their ranking."""

import numpy as np
import pandas as pd
import streamlit as st

from airq.units import PM25_UNIT
from app import layers, maps, parts, scales, session, surfaces, theme
from app.country_tables import few_of
from app.parts import file_button, span_box
from app.scales import ADVICE_TABLE, advice_for
from app.series import COUNTED, EXPECTED
from app.session import link, tied
from app.store import by_country, rank_words, ranking
from app.text import for_markdown, shown
from app.views import surface as surface_view
from app.views.surface import OFF

AS = {"cities": "Cities", "countries": "Countries"}
BESIDE = {"city": "Chosen city", "list": "Ranking"}
ORDERS = {"highest": "Highest first", "lowest": "Lowest first"}
EVERYWHERE = "all"
HOW = {
    "probability": f"{EXPECTED}, which counts the days that a smooth prediction misses.",
    "prediction": f"{COUNTED}, which misses days that lie above the level by chance: the file holds no "
    "probability of this one.",
}
COULD_BE = "The ranks that are possible where every value lies in its interval."
PEOPLE = "Where the file has none, those of the bundled table of cities (GeoNames)."
#: Cells of a grid beyond this are drawn as a surface alone: no box can list them.
MOST_CITIES = 20_000
PLAY_SECONDS = 1.0
#: Leaves room for a button beside the box on a telephone. [px]
CITY_WIDTH = 220
HOW_TO_MOVE = "Dragging moves the map; its buttons, Ctrl and the wheel, or two fingers zoom."
OUTSIDE = "Hollow or hatched: outside what the model was trained on."
ONE_DAY = "The surface is drawn under “One day” only."


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
    shown = _controls(store)
    playing = shown == "day" and st.session_state.get("playing")
    st.fragment(_picture, run_every=PLAY_SECONDS if playing else None)(shown)
    for note in store.notes:
        st.caption(note)
    return None


def _controls(store):
    # In this order the row takes two lines of a telephone; the scale stands by its legend.
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        look = {"label_visibility": "collapsed", "icon": ":material/search:", "width": CITY_WIDTH}
        session.city_box("Find a city", **look)
        with st.popover("Display", icon=":material/palette:"):
            tied(st.segmented_control, "Draw", "as", AS, "cities", required=True)
            tied(st.segmented_control, "Colours", "palette", theme.PALETTES, "readable", required=True)
            if link.palette() == "epa" and link.scale() == "who":
                st.caption("The EPA's colours belong to its own classes: choose an AQI scale to see them.")
        names = {name: theme.by_period(words, store.period) for name, words in layers.SHOWN.items()}
        look = {"label_visibility": "collapsed", "required": True}
        return tied(st.segmented_control, "Show", "show", names, "day", **look)


def _picture(shown):
    if st.session_state.pop("map_clicked", False):
        st.rerun(scope="app")
    store = session.store()
    points = link.choice("as", AS, "cities") == "cities"
    row = store.row(link.city())
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        when, layer = {"day": _day, "mean": _mean, "share": _share}[shown](store)
        date = (st.session_state.get("playing") or link.date()) if shown == "day" else None
        words = _title(when, date) if points else when
        st.header(words, anchor=False)
        if points:
            _draw_cities(store, layer, row, words, date)
        else:
            _draw_countries(store, layer, words)
    with right:
        session.scale_box(label_visibility="collapsed")
        _legends(store, layer, date, points=points)
        look = {"label_visibility": "collapsed", "required": True}
        beside = tied(st.segmented_control, "Beside the map", "beside", BESIDE, "city", **look)
        ranked = ranking(store.cities, layer.amounts, layer.lower, layer.upper)
        if beside == "city":
            _city_card(store, layer, row, ranked)
        else:
            _ranking(store, layer, ranked, when)


def _day(store):
    days = store.day_names
    date = _playing(days) or link.date()
    if len(days) > 1:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _play_button(days, date)
            _slider(store, date)
    layer = layers.day_layer(store, date, scale=link.scale(), palette=link.palette())
    return f"{store.value_words.capitalize()}, {theme.day_words(date, store.period)}", layer


def _slider(store, date):
    days, look = store.day_names, {"key": "date", "label_visibility": "collapsed"}

    def moved():
        st.session_state["playing"] = None
        link.set(date=session.near(st.session_state["date"]))

    if store.period == "day":
        ends = {"min_value": store.dates[0].date(), "max_value": store.dates[-1].date()}
        st.session_state["date"] = pd.Timestamp(date).date()
        st.slider("Day", **ends, format="D MMM YYYY", on_change=moved, **look)
        return
    st.session_state["date"] = date
    named = {day: theme.day_words(day, store.period) for day in days}
    label = store.period.capitalize()
    st.select_slider(label, days, format_func=named.get, on_change=moved, **look)


def _play_button(days, date):
    playing = st.session_state.get("playing")
    icon = ":material/stop:" if playing else ":material/play_arrow:"
    if not st.button("Stop" if playing else "Play", icon=icon):
        return
    link.set(date=days[0] if date == days[-1] and not playing else date)
    st.session_state["playing"] = st.session_state["map_begins"] = None if playing else link.date()
    st.rerun(scope="app")


def _playing(days):
    """Return the day to show while playing, the next one at each run; the address follows at the last."""
    date = st.session_state.get("playing")
    if date not in days or st.session_state.pop("map_begins", None):
        return date if date in days else None
    date = st.session_state["playing"] = days[min(days.index(date) + 1, len(days) - 1)]
    if date == days[-1]:
        st.session_state["playing"] = None
        link.set(date=date)
        st.rerun(scope="app")
    return date


def _mean(store):
    start, end = span_box(store)
    look = {"scale": link.scale(), "palette": link.palette()}
    layer = layers.mean_layer(store, start, end, calibration=session.calibration(), **look)
    return f"Mean, {theme.span_words(start, end, store.period)}", layer


def _share(store):
    start, end = span_box(store)
    levels = {f"{level:g}": words for level, words in layers.levels(store, link.scale()).items()}
    level = float(tied(st.selectbox, "Level", "level", levels, next(iter(levels))))
    layer = layers.share_layer(store, start, end, level)
    st.caption(theme.by_period(HOW[layers.how_counted(store, level)], store.period))
    return f"{layer.scale.heading}, {theme.span_words(start, end, store.period)}", layer


def _city_card(store, layer, row, ranked):
    value = layer.amounts[row]
    unit, known = layer.scale.unit, np.isfinite(value)
    with st.container(border=True):
        st.metric(for_markdown(store.cities["label"].iloc[row], limit=130), theme.number(value, unit))
        few = layer.few is not None and bool(layer.few[row])
        if layer.days is not None and known:
            st.markdown(
                f"Mean of {theme.count_words(int(layer.days[row]), 'day')}{', too few for a class' * few}"
            )
        if known and layer.scale.classed and not few:
            said = layer.scale.verdict(value)
            share = layer.scale.unit == "%"
            st.markdown(f"**{layer.scale.heading}**: {said.lower()}" if share else f"**{said}**")
        if known:
            words = [_interval_words(layer, row), rank_words(ranked, store.cities["city_id"].iloc[row])]
            st.markdown("  \n".join(words[layer.scale.unit != PM25_UNIT :]))
        if layer.inside is not None and layer.inside[row] < 1:
            st.markdown(":material/warning: Outside what the model was trained on: trust it less.")
        if known and layer.scale.daily:
            _advice_words(advice_for(value, unit), layer.scale)
        session.page_link("city", "All about this city")


def _interval_words(layer, row):
    if layer.lower is None or not np.isfinite(layer.lower[row]):
        return f"No interval is known for this {'day' if layer.scale.daily else 'mean'}."
    level = f"{layer.level:.0%} interval" if layer.level else "interval"
    low, high = (theme.number(one[row], layer.scale.unit) for one in (layer.lower, layer.upper))
    return f"{level}: {low} to {high}"


def _advice_words(advice, scale):
    """Show advice, with the class it is for where the scale has other classes."""
    other = scale.unit == PM25_UNIT and scale.name != ADVICE_TABLE
    by = f" Advice for “{advice.label}” of the {scales.SCALES[ADVICE_TABLE]}." if other else ""
    st.caption(advice.short + by)


def _ranking(store, layer, ranked, when):
    """Draw the cities of a layer by rank; a click opens one."""
    if ranked.empty:
        st.info("No city has a prediction here.")
        return
    listed = _listed(ranked)
    table, columns = _ranking_table(store, layer, listed)
    chosen = st.dataframe(
        table,
        hide_index=True,
        height=300,
        key="ranking",
        on_select="rerun",
        selection_mode="single-row",
        placeholder=parts.NO_VALUE,
        column_config=columns,
    )
    st.caption("A click before a row opens its city; a click on a heading sorts.")
    facts = session.about(when)
    file_button("Ranking (CSV)", lambda: table, facts, "csv", stem="ranking", key="ranking_get")
    if chosen.selection.rows:
        session.choose_city(listed["city_id"].iloc[chosen.selection.rows[0]])
        session.open_page("city")


def _listed(ranked):
    """Return the rows of a ranking that the visitor chose, in the chosen order."""
    countries = {code: shown(theme.country_name(code)) for code in sorted(set(ranked["country"]))}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        names = {EVERYWHERE: "All countries", **countries}
        look = {"label_visibility": "collapsed", "width": 165}
        within = tied(st.selectbox, "Country", "in", names, EVERYWHERE, **look)
        look = {"label_visibility": "collapsed", "width": 150}
        order = tied(st.selectbox, "Order", "order", ORDERS, "highest", **look)
    listed = ranked if within == EVERYWHERE else ranked[ranked["country"] == within]
    return (listed if order == "highest" else listed.iloc[::-1]).reset_index(drop=True)


def _ranking_table(store, layer, listed):
    """Return the table of a ranking, with the columns that its layer has, and how they are drawn."""
    unit = theme.unit_words(layer.scale.unit)
    rows = [store.row(city_id) for city_id in listed["city_id"]]
    could_be = [f"{best} to {worst}" for best, worst in zip(listed["best"], listed["worst"], strict=True)]
    table = pd.DataFrame(
        {
            "Rank": listed["rank"],
            "City": store.cities["label"].iloc[rows].to_numpy(),
            unit: listed["value"].astype("float32"),
            "Could be": could_be,
            "Class": _classes(layer, rows),
            "People": store.cities["population"].iloc[rows].to_numpy(),
        }
    )
    lacking = [] if layer.scale.classed else ["Class"]
    lacking += ["Could be"] if layer.lower is None else []
    digits = "%.0f" if unit == "%" or theme.is_index(layer.scale.unit) else "%.1f"
    columns = {
        "Rank": st.column_config.NumberColumn(width=50),
        "City": st.column_config.TextColumn(width=115),
        unit: st.column_config.NumberColumn(format=digits, width=60),
        "People": st.column_config.NumberColumn(format="localized", help=PEOPLE),
        "Could be": st.column_config.TextColumn(help=COULD_BE, width=80),
    }
    return table.drop(columns=lacking), columns


def _classes(layer, rows):
    words = np.array([*layer.scale.labels, ""], dtype=object)[layer.scale.index(layer.amounts[rows])]
    return words if layer.few is None else np.where(layer.few[rows], maps.FEW_DAYS, words)


def _under():
    """Return the surface, the view that is chosen, and whether it is that of the predictions themselves."""
    surface = session.surface()
    view = OFF if surface is None else surface_view.chosen_view(surface)
    return surface, view, view != OFF and surface.source is session.store()


def _title(words, date):
    """Return the heading of a map: `words`, unless cells show another view of them on a `date`."""
    surface, view, cells = _under()
    return surface_view.heading(surface, view, date) if cells and date and view != "pm25" else words


def _legends(store, layer, date, *, points=True):
    """Show the legend of the points or areas, and of the surface below points."""
    surface, _, cells = _under()
    outside = points and layer.inside is not None
    parts.legend(
        layer.scale,
        hollow=outside and not cells,
        hatched=outside and cells,
        few=layer.few is not None and bool(layer.few.any()),
        monitors=points and bool(store.cities["trained"].any()),
    )
    if surface is not None and points:
        there = date is not None and not surface.absent(date, store.period)
        surface_view.tell(surface, date if there else None, beside=layer.scale)


def _draw_cities(store, layer, row, words, date):
    """Draw the cities of a layer, a click selects one; `date` is the day that it shows, None for a span."""
    surface, view, cells = _under()
    picture = maps.points_map(store.cities, layer, selected=row, alone=cells, dark=parts.dark())
    lacking, below = "", None
    if cells and (date is None or view == "pm25"):
        picture["surface"] = surfaces.layer_of_cells(surface, layer, dark=parts.dark())
    elif view != OFF:
        lacking = surface.absent(date, store.period) if date is not None else ONE_DAY
        if not lacking:
            scale = surface_view.scale_of(surface, view)
            picture["surface"] = surfaces.layer_of(surface, view, date, scale, dark=parts.dark())
            below = (f"Surface: {surface_view.heading(surface, view, date)}", scale)
    picture["picture"] = _saved(store, picture, words, layer, below)
    parts.show_map(picture, "map_points", on_click=_clicked, on_cell=_cell_clicked)
    if "surface" in picture:
        surface_view.say(surface)
    order = "" if cells else maps.order_words(store.cities)
    st.caption(" ".join(filter(None, [HOW_TO_MOVE, "A click selects a city.", order, lacking])))


def _draw_countries(store, layer, words):
    """Draw the means of countries; a click selects the largest city of one."""
    table = by_country(store.cities, layer.amounts)
    if layer.few is not None:
        table["few"] = few_of(store.cities, layer.amounts, layer.few)
    picture = maps.countries_map(table, layer.scale, cities=store.cities, dark=parts.dark())
    picture["picture"] = _saved(store, picture, words, layer)
    parts.show_map(picture, "map_countries", on_click=_country_clicked)
    st.caption(
        f"Mean of the listed cities of a country, {store.weight_words}; not of all its people. "
        f"A click selects the largest of them. {maps.without_outline(table['country'])}"
    )


def _saved(store, picture, words, layer, below=None):
    """Return what a saved picture of this map says around it."""
    surface, view, _ = _under()
    modelled = view != OFF and "surface" in picture
    lines = [surfaces.words_of(surface)] if modelled else []
    lines += [OUTSIDE] if layer.inside is not None and "points" in picture else []
    lines += [session.age_of(store, pd.Timestamp.now().normalize()), *store.notes]
    return maps.saved_picture(f"PM2.5: {words}", layer.scale, lines, simulated=store.simulated, surface=below)


def _clicked():
    row = parts.clicked("map_points")
    if row is not None:
        session.choose_city(session.store().cities["city_id"].iloc[int(row)])
        st.session_state["map_clicked"] = True


def _cell_clicked():
    """Choose the city that is the clicked cell, or keep the cell of a surface that is a file of its own."""
    surface, store = session.surface(), session.store()
    if surface is None or surface.source is not store:
        surface_view.remember("map_points")
        return
    place = parts.clicked("map_points", "cell")
    if place is not None and (row := surfaces.row_at(surface, *place)) is not None:
        session.choose_city(store.cities["city_id"].iloc[row])
        st.session_state["map_clicked"] = True


def _country_clicked():
    code = parts.clicked("map_countries")
    if code is not None:
        session.choose_country(code)
        st.session_state["map_clicked"] = True
