"""The map of the first page: cities as points or countries as areas, and a surface below."""

import pandas as pd
import streamlit as st

from app import maps, parts, session, surfaces
from app.country_tables import few_of
from app.store import by_country
from app.views import surface as surface_view
from app.views.surface import OFF

HOW_TO_MOVE = "Dragging moves the map; its buttons, Ctrl and the wheel, or two fingers zoom."
OUTSIDE = "Hollow or hatched: outside what the model was trained on."
ONE_DAY = "The surface is drawn under “One day” only."


def _under():
    """Return the surface, the view that is chosen, and whether it is that of the predictions themselves."""
    surface = session.surface()
    view = OFF if surface is None else surface_view.chosen_view(surface)
    return surface, view, view != OFF and surface.source is session.store()


def title(words, date):
    """Return the heading of a map: `words`, unless cells show another view of them on a `date`."""
    surface, view, cells = _under()
    return surface_view.heading(surface, view, date) if cells and date and view != "pm25" else words


def legends(store, layer, date, *, points=True):
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


def cities(store, layer, row, words, date):
    """Draw the cities; a click selects one.

    Parameters
    ----------
    store : app.store.Store
        Predictions.
    layer : app.maps.Layer
        What to show of them.
    row : int
        The chosen city.
    words : str
        What the map shows, with its day or span.
    date : str or None
        The day that it shows; None for a span.
    """
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


def countries(store, layer, words):
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
