"""Map: every city coloured for a day, a period's mean or the share of days above a level; their ranking.

Where predictions lie on a grid, their surface lies below the cities, or stands alone.
"""

import numpy as np
import pandas as pd
import streamlit as st

from airq.units import PM25_UNIT
from app import maps, parts, scales, series, session, style
from app.scales import ADVICE_TABLE, advice_for
from app.series import COUNTED, EXPECTED
from app.session import BARE, link, tied
from app.store import by_country, few_of, rank_words, ranking
from app.style import first_capital, for_markdown, shown

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
EXTRAPOLATES = ":material/warning: Outside what the model was trained on: trust it less."
ONE_DAY = "The surface is drawn under “One day” only."
#: The view of a surface that is not drawn.
OFF = "off"
LONG = 400


def page():
    """Draw the page."""
    opened = session.open_sources()
    if opened.predictions is None and opened.surface is not None:
        return _surface_alone(session.surface())
    view = session.open_view("PM2.5 of cities")
    store, surface = view.store, session.surface()
    if len(store.cities) > MOST_CITIES and surface is not None:
        return _surface_alone(surface, titled=False)
    if surface is not None and surface.simulated and not store.simulated:
        st.warning(f"The surface: {session.SIMULATED}", icon=":material/science:")
    what = _controls(store)
    playing = what == "day" and st.session_state.get("playing")
    st.fragment(_picture, run_every=PLAY_SECONDS if playing else None)(what)
    session.tell_notes(store)
    return None


def _controls(store):
    # In this order the row takes two lines of a telephone; the scale stands by its legend.
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        look = {"label_visibility": "collapsed", "icon": ":material/search:", "width": CITY_WIDTH}
        session.city_box("Find a city", **look)
        with st.popover("Display", icon=":material/palette:"):
            tied(st.segmented_control, "Draw", "as", AS, "cities", required=True)
            tied(st.segmented_control, "Colours", "palette", style.PALETTES, "readable", required=True)
            if link.palette() == "epa" and link.scale() == "who":
                st.caption("The EPA's colours belong to its own classes: choose an AQI scale to see them.")
        names = {name: style.by_period(words, store.period) for name, words in series.SHOWN.items()}
        return tied(st.segmented_control, "Show", "show", names, "day", **BARE)


def _picture(what):
    if st.session_state.pop("map_clicked", False):
        st.rerun(scope="app")
    store = session.store()
    points = link.choice("as", AS, "cities") == "cities"
    row = store.row(link.city())
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        when, layer = {"day": _day, "mean": _mean, "share": _share}[what](store)
        date = (st.session_state.get("playing") or link.date()) if what == "day" else None
        surface, view, cells = _under()
        words = _heading(surface, view, date) if points and cells and date and view != "pm25" else when
        st.header(words, anchor=False)
        if points:
            _draw_cities(store, layer, row, words, date)
        else:
            _draw_countries(store, layer, words)
    with right:
        session.scale_box(label_visibility="collapsed")
        _legends(store, layer, date, points=points)
        beside = tied(st.segmented_control, "Beside the map", "beside", BESIDE, "city", **BARE)
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
    layer = series.day_layer(store, date, scale=link.scale(), palette=link.palette())
    return f"{store.value_words.capitalize()}, {style.day_words(date, store.period)}", layer


def _slider(store, date):
    def moved():
        st.session_state["playing"] = None
        link.set(date=session.near(st.session_state["date"]))

    look = {"key": "date", "label_visibility": "collapsed", "on_change": moved}
    if store.period == "day":
        st.session_state["date"] = pd.Timestamp(date).date()
        st.slider("Day", **session.limits(store), format="D MMM YYYY", **look)
        return
    st.session_state["date"] = date
    names = session.named_days(store)
    st.select_slider(store.period.capitalize(), store.day_names, format_func=names.get, **look)


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
    start, end = session.span_box(store)
    look = {"scale": link.scale(), "palette": link.palette()}
    layer = series.mean_layer(store, start, end, calibration=session.calibration(), **look)
    return f"Mean, {style.span_words(start, end, store.period)}", layer


def _share(store):
    start, end = session.span_box(store)
    levels = {f"{level:g}": words for level, words in series.levels(store, link.scale()).items()}
    level = float(tied(st.selectbox, "Level", "level", levels, next(iter(levels))))
    layer = series.share_layer(store, start, end, level)
    st.caption(style.by_period(HOW[store.how_counted(level)], store.period))
    return f"{layer.scale.heading}, {style.span_words(start, end, store.period)}", layer


def _city_card(store, layer, row, ranked):
    value, scale = layer.amounts[row], layer.scale
    known = np.isfinite(value)
    with st.container(border=True):
        st.metric(for_markdown(store.cities["label"].iloc[row], limit=130), style.number(value, scale.unit))
        few = layer.few is not None and bool(layer.few[row])
        if layer.days is not None and known:
            words = style.count_words(int(layer.days[row]), "day")
            st.markdown(f"Mean of {words}{', too few for a class' * few}")
        if known and scale.classed and not few:
            said = scale.verdict(value)
            st.markdown(f"**{scale.heading}**: {said.lower()}" if scale.unit == "%" else f"**{said}**")
        if known:
            words = [_interval_words(layer, row), rank_words(ranked, store.cities["city_id"].iloc[row])]
            st.markdown("  \n".join(words[scale.unit != PM25_UNIT :]))
        if layer.inside is not None and layer.inside[row] < 1:
            st.markdown(EXTRAPOLATES)
        if known and scale.daily:
            advice = advice_for(value, scale.unit)
            # The class that it is for, where the scale has other classes.
            by = f" Advice for “{advice.label}” of the {scales.SCALES[ADVICE_TABLE]}."
            st.caption(advice.short + by * (scale.unit == PM25_UNIT and scale.name != ADVICE_TABLE))
        session.page_link("city", "All about this city")


def _interval_words(layer, row):
    if layer.lower is None or not np.isfinite(layer.lower[row]):
        return f"No interval is known for this {'day' if layer.scale.daily else 'mean'}."
    ends = style.ends_words(layer.lower[row], layer.upper[row], layer.scale.unit)
    return f"{style.interval_words(layer.level)}: {ends}"


def _ranking(store, layer, ranked, when):
    """Draw the cities of a layer by rank; a click opens one."""
    if ranked.empty:
        st.info("No city has a prediction here.")
        return
    listed = _listed(ranked)
    unit = style.unit_words(layer.scale.unit)
    rows = [store.row(city_id) for city_id in listed["city_id"]]
    could_be = [f"{best} to {worst}" for best, worst in zip(listed["best"], listed["worst"], strict=True)]
    table = pd.DataFrame(
        {
            "Rank": listed["rank"],
            "City": store.cities["label"].iloc[rows].to_numpy(),
            unit: listed["value"].astype("float32"),
            "Could be": could_be,
            "Class": layer.scale.words(layer.amounts[rows], None if layer.few is None else layer.few[rows]),
            "People": store.cities["population"].iloc[rows].to_numpy(),
        }
    )
    lacking = ["Class"] * (not layer.scale.classed) + ["Could be"] * (layer.lower is None)
    digits = "%.0f" if unit == "%" or style.is_index(layer.scale.unit) else "%.1f"
    columns = {
        "People": (None, "localized", PEOPLE),
        "Could be": (None, None, COULD_BE),
        unit: (None, digits),
    }
    table, widths = table.drop(columns=lacking), {"Rank": 50, "City": 115, unit: 60, "Could be": 80}
    look = {"height": 300, "key": "ranking", "on_select": "rerun", "selection_mode": "single-row"}
    chosen = parts.show_table(table, columns, widths=widths, **look)
    st.caption("A click before a row opens its city; a click on a heading sorts.")
    facts = session.about(when)
    parts.rows_button("Ranking (CSV)", lambda: table, facts, "csv", stem="ranking", key="ranking_get")
    if chosen.selection.rows:
        session.choose_city(listed["city_id"].iloc[chosen.selection.rows[0]])
        session.open_page("city")


def _listed(ranked):
    """Return the rows of a ranking that the visitor chose, in the chosen order."""
    countries = {code: shown(style.country_name(code)) for code in sorted(set(ranked["country"]))}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        look, names = {"label_visibility": "collapsed"}, {EVERYWHERE: "All countries", **countries}
        within = tied(st.selectbox, "Country", "in", names, EVERYWHERE, width=165, **look)
        order = tied(st.selectbox, "Order", "order", ORDERS, "highest", width=150, **look)
    listed = ranked if within == EVERYWHERE else ranked[ranked["country"] == within]
    return (listed if order == "highest" else listed.iloc[::-1]).reset_index(drop=True)


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
        _tell_surface(surface, date if there else None, beside=layer.scale)


def _draw_cities(store, layer, row, words, date):
    """Draw the cities of a layer, a click selects one; `date` is the day that it shows, None for a span."""
    surface, view, cells = _under()
    picture = maps.points_map(store.cities, layer, selected=row, alone=cells, dark=session.dark())
    lacking, below = "", None
    if cells and (date is None or view == "pm25"):
        picture["surface"] = maps.layer_of_cells(surface, layer, dark=session.dark())
    elif view != OFF:
        lacking = surface.absent(date, store.period) if date is not None else ONE_DAY
        if not lacking:
            scale = _scale_of(surface, view)
            picture["surface"] = maps.layer_of(surface, view, date, scale, dark=session.dark())
            below = (f"Surface: {_heading(surface, view, date)}", scale)
    picture["picture"] = _saved(store, picture, words, layer, below)
    parts.show_map(picture, "map_points", on_click=_clicked, on_cell=_cell_clicked)
    if "surface" in picture:
        _say_surface(surface)
    order = "" if cells else maps.order_words(store.cities)
    st.caption(" ".join(filter(None, [HOW_TO_MOVE, "A click selects a city.", order, lacking])))


def _draw_countries(store, layer, words):
    """Draw the means of countries; a click selects the largest city of one."""
    table = by_country(store.cities, layer.amounts)
    if layer.few is not None:
        table["few"] = few_of(store.cities, layer.amounts, layer.few)
    picture = maps.countries_map(table, layer.scale, cities=store.cities, dark=session.dark())
    picture["picture"] = _saved(store, picture, words, layer)
    parts.show_map(picture, "map_countries", on_click=_country_clicked)
    st.caption(
        f"Mean of the listed cities of a country, {store.weight_words}; not of all its people. "
        f"A click selects the largest of them. {maps.without_outline(table['country'])}"
    )


def _saved(store, picture, words, layer, below=None):
    """Return what a saved picture of this map says around it."""
    surface, view, _ = _under()
    lines = [maps.words_of(surface)] if view != OFF and "surface" in picture else []
    lines += [OUTSIDE] if layer.inside is not None and "points" in picture else []
    lines += [session.age_of(store), *store.notes]
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
        _remember("map_points")
        return
    place = parts.clicked("map_points", "cell")
    if place is not None and (row := maps.row_at(surface, *place)) is not None:
        session.choose_city(store.cities["city_id"].iloc[row])
        st.session_state["map_clicked"] = True


def _country_clicked():
    code = parts.clicked("map_countries")
    if code is not None:
        session.choose_country(code)
        st.session_state["map_clicked"] = True


def _surface_alone(surface, *, titled=True):
    """Draw the map of a surface alone, with a title unless the page has one (not `titled`)."""
    if titled:
        if surface.simulated:
            session.tell_simulated()
        session.open_view("PM2.5, modelled", needs=())
        st.markdown(f":material/history: {session.age_of(surface)}")
    names = session.named_days(surface)
    days = list(names)
    date = link.choice("date", names, days[-1])
    view = link.choice("surface", _views(surface, off=False), "pm25")
    if len(days) > 1:
        tied(st.select_slider, "Day", "date", names, days[-1], label_visibility="collapsed")
    scale, words = _scale_of(surface, view), _heading(surface, view, date)
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        st.header(words, anchor=False)
        picture = maps.land_map(maps.corners(surface), scale, dark=session.dark())
        picture["surface"] = maps.layer_of(surface, view, date, scale, dark=session.dark())
        lines = [maps.words_of(surface), *surface.notes]
        picture["picture"] = maps.saved_picture(words, scale, lines, simulated=surface.simulated)
        parts.show_map(picture, "surface_map", on_cell=lambda: _remember("surface_map"))
        _say_surface(surface)
    with right:
        session.scale_box(label_visibility="collapsed")
        _tell_surface(surface, date, off=False)
        for note in surface.notes:
            st.caption(for_markdown(note, limit=LONG))


def _under():
    """Return the surface, the view that is chosen, and whether it is that of the predictions themselves."""
    surface = session.surface()
    view = OFF if surface is None else link.choice("surface", _views(surface), "pm25")
    return surface, view, view != OFF and surface.source is session.store()


def _views(surface, *, off=True):
    """Return the views of a surface by name, and :data:`OFF` for none."""
    known = {name: words.lower() for name, words in surface.views.items()}
    return {OFF: "not drawn", **known} if off else known


def _scale_of(surface, view):
    """Return the scale of a view, with the classes and colours that the link asks for."""
    return maps.scale_of(surface, view, link.scale(), link.palette())


def _heading(surface, view, date):
    """Return what a map of a view is called."""
    what = style.PERIOD_WORDS[surface.period]
    of = f"{maps.VIEWS[view]} of the {what}" if view != "pm25" else what.capitalize()
    return f"{of}, {style.day_words(date, surface.period)}"


def _tell_surface(surface, date, *, beside=None, off=True):
    """Show a choice of views, the legend of the chosen one and what it says of the cell that was clicked.

    Nothing is said of a date that is None; `beside` is the scale of the points on the same map.
    """
    with st.container(border=True):
        names = {name: f"Surface: {words}" for name, words in _views(surface, off=off).items()}
        view = tied(st.selectbox, "Surface", "surface", names, "pm25", label_visibility="collapsed")
        if date is None or view == OFF:
            return
        scale, hatched = _scale_of(surface, view), surface.has("inside_domain")
        if beside == scale:
            outside = " Hatched: outside what the model was trained on."
            st.caption("In the colours of the points." + outside * hatched)
        else:
            parts.legend(scale, hatched=hatched)
        _tell_cell(surface, date)


def _say_surface(surface):
    """Say what a surface is."""
    st.caption(f"{maps.words_of(surface)} Blank: no prediction. A click tells of a cell.")


def _remember(key):
    """Keep the cell that was clicked on a map."""
    if (place := parts.clicked(key, "cell")) is not None:
        st.session_state["map_cell"] = tuple(place)


def _tell_cell(surface, date):
    place = st.session_state.get("map_cell")
    found = place and maps.cell_at(surface, *place, date)
    if not found:
        return
    longitude, latitude = place
    where = f"{abs(latitude):.2f}°{'NS'[latitude < 0]} {abs(longitude):.2f}°{'EW'[longitude < 0]}"
    st.markdown(f"**{where}, modelled: {style.number(found['pm25'])}**")
    words = [_scale_of(surface, "pm25").verdict(found["pm25"])]
    ends = [found.get(end, np.nan) for end in ("lower", "upper")]
    if np.isfinite(ends).all():
        words.append(f"{style.interval_words(surface.level)}: {style.ends_words(*ends)}")
    st.markdown("".join(f"{first_capital(one)}. " for one in words if one))
    if found["outside"]:
        st.markdown(EXTRAPOLATES)
