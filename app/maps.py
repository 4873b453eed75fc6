"""Maps: cities as points or countries as areas, over outlines that the browser fetches once.

Plotly asks a server elsewhere for a base map unless it is given another address; :data:`CONFIG` gives it
an empty one, so every map has to be shown with this configuration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pandas as pd

from app import theme
from app.charts import steps_of
from app.text import for_plotly

LAYERS = ("coastlines", "land", "ocean", "lakes", "rivers", "countries", "subunits")
_EMPTY = {"type": "Topology", "objects": {}, "arcs": []}
_EMPTY["objects"] = {name: {"type": "GeometryCollection", "geometries": []} for name in LAYERS}
#: Plotly appends a file name to the address; the # makes that a fragment.
EMPTY_BASE_MAP = f"data:application/json,{quote(json.dumps(_EMPTY, separators=(',', ':')))}#"
CONFIG = {
    "topojsonURL": EMPTY_BASE_MAP,
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "toImage"],
}
#: Longitudes and latitudes of Africa. [°]
AFRICA = ((-26.0, 58.0), (-36.0, 38.0))
#: Up to so many cities have larger markers, which are easier to see and to hit.
FEW, FEW_LARGER = 100, 1.5
#: Smallest span of a map. [°]
LEAST_SPAN = 6.0
SIZES = (6.0, 17.0)


@dataclass(frozen=True)
class Layer:
    """What a map shows: a number for every city, with what belongs to it.

    Attributes
    ----------
    amounts : numpy.ndarray of shape (n_cities,)
        In the scale's unit.
    scale : app.theme.Scale
        Classes and colours.
    lower, upper : numpy.ndarray of shape (n_cities,), optional
        Ends of the interval.
    inside : numpy.ndarray of shape (n_cities,), optional
        Share of the sites where the model does not extrapolate; below 1 the marker is hollow.
    level : float, optional
        Level of the interval.
    """

    amounts: np.ndarray
    scale: theme.Scale
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    inside: np.ndarray | None = None
    level: float | None = None


def points_map(cities, layer, *, outlines, selected=None, dark=False, height=560):
    """Map of cities as points.

    Parameters
    ----------
    cities : DataFrame of n_cities rows
        As :attr:`app.store.Store.cities`.
    layer : Layer
        What to show.
    outlines : str or dict
        Address of the outlines, or the outlines themselves (GeoJSON).
    selected : int, optional
        Row of the city to mark.
    dark : bool
        Whether the page is dark.
    height : int
        Height. [px]

    Returns
    -------
    plotly.graph_objects.Figure
        `customdata[0]` of a point is the city's row.
    """
    tone = theme.tones(dark)
    traces = [_land(outlines, tone)]
    order = np.argsort(-np.nan_to_num(cities["population"].to_numpy()), kind="stable")
    order = order[np.isfinite(cities[["latitude", "longitude"]].to_numpy()[order]).all(axis=1)]
    larger = FEW_LARGER if len(cities) <= FEW else 1.0
    places = _Places(cities, layer, larger * sizes(cities["population"].to_numpy()))
    number = layer.scale.index(layer.amounts)
    outside = _outside(layer)
    missing = order[number[order] < 0]
    traces.append(places.trace(missing, colour=tone["soft"], name="no prediction", symbol="x-thin-open"))
    for hollow in (False, True):
        for one, (colour, label) in enumerate(zip(layer.scale.colours, layer.scale.labels, strict=True)):
            rows = order[(number[order] == one) & (outside[order] == hollow)]
            if hollow:
                traces.append(places.rim(rows, colour=tone["text"]))
            traces.append(places.trace(rows, colour=colour, name=label, edge=tone["soft"], hollow=hollow))
    if selected is not None:
        traces.append(_mark(cities.iloc[selected], tone))
    return _frame(traces, cities, tone, dark, height)


def countries_map(countries, scale, *, outlines, cities, dark=False, height=560):
    """Map of countries as areas.

    Parameters
    ----------
    countries : DataFrame
        As :func:`app.store.by_country` makes it.
    scale : app.theme.Scale
        Classes and colours of `value`.
    outlines : str or dict
        Address of the outlines, or the outlines themselves (GeoJSON).
    cities : DataFrame
        The cities, which decide what part of the world is shown.
    dark : bool
        Whether the page is dark.
    height : int
        Height. [px]

    Returns
    -------
    plotly.graph_objects.Figure
        `customdata[0]` of an area is the country's row.
    """
    tone = theme.tones(dark)
    areas = [
        (feature["id"], row)
        for row, code in enumerate(countries["country"])
        for feature in theme.outlines()["features"]
        if feature["properties"]["country"] == code
    ]
    rows = np.array([row for _, row in areas], dtype=int)
    shown = countries.iloc[rows]
    number = scale.index(shown["value"])
    steps = len(scale.colours)
    traces = [_land(outlines, tone)]
    traces.append(
        dict(
            type="choropleth",
            geojson=outlines,
            locations=[area for area, _ in areas],
            z=np.where(number < 0, np.nan, number),
            zmin=-0.5,
            zmax=steps - 0.5,
            colorscale=steps_of(scale.colours),
            showscale=False,
            text=[for_plotly(theme.country_name(code)) for code in shown["country"]],
            customdata=np.column_stack([rows, shown["value"], shown["cities"], shown["people"]]),
            hovertemplate="<b>%{text}</b><br>%{customdata[1]:,.1f} "
            + theme.unit_words(scale.unit)
            + "<br>%{customdata[2]:,.0f} cities, %{customdata[3]:,.0f} people<extra></extra>",
            marker={"line": {"color": tone["border"], "width": 0.7}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    return _frame(traces, cities, tone, dark, height)


def country_of(area):
    """Code of the country that an outline belongs to, by the outline's id; empty where there is none."""
    countries = {one["id"]: one["properties"]["country"] for one in theme.outlines()["features"]}
    return countries.get(area, "")


def view_range(cities):
    """Longitudes and latitudes to show: Africa where the cities fill it, else the cities' own region.

    Returns
    -------
    tuple of two (float, float)
        West and east, south and north. [°]
    """
    places = cities[["longitude", "latitude"]].dropna()
    if places.empty:
        return AFRICA
    if _fills_africa(places):
        return AFRICA
    ranges = []
    for name, limit in (("longitude", 180.0), ("latitude", 90.0)):
        low, high = places[name].min(), places[name].max()
        margin = max(0.06 * (high - low), (LEAST_SPAN - (high - low)) / 2, 1.0)
        ranges.append((max(low - margin, -limit), min(high + margin, limit)))
    return tuple(ranges)


def _fills_africa(places):
    """Whether all places lie in Africa and reach over more than half of it either way."""
    (west, east), (south, north) = AFRICA
    low, high = places.min(), places.max()
    inside = west <= low["longitude"] and high["longitude"] <= east
    inside = inside and south <= low["latitude"] and high["latitude"] <= north
    spans = (high - low) / pd.Series({"longitude": east - west, "latitude": north - south})
    return bool(inside and (spans > 0.5).all())


def sizes(population):
    """Diameter of a city's marker: it grows with the fourth root of its people. [px]

    >>> sizes(np.array([np.nan, 1e5, 1e7])).round(1).tolist()
    [6.0, 7.5, 17.0]
    """
    people = np.nan_to_num(population, nan=0.0).clip(2e4, 1e7)
    reach = (people**0.25 - 2e4**0.25) / (1e7**0.25 - 2e4**0.25)
    return np.round(SIZES[0] + reach * (SIZES[1] - SIZES[0]), 1)


class _Places:
    """Traces of a part of the cities."""

    def __init__(self, cities, layer, diameters):
        self.lon = cities["longitude"].to_numpy("float32")
        self.lat = cities["latitude"].to_numpy("float32")
        self.text = cities["hover"].to_numpy(dtype=object)
        self.diameters = diameters.astype("float32")
        self.layer = layer

    def trace(self, rows, *, colour, name, symbol="circle", edge=None, hollow=False):
        layer = self.layer
        columns = [rows, layer.amounts[rows]]
        if layer.lower is not None:
            columns += [layer.lower[rows], layer.upper[rows]]
        symbol = "circle-open" if hollow else symbol
        line = {"width": 2, "color": colour} if hollow else {"width": 0.6, "color": edge or colour}
        return dict(
            type="scattergeo",
            lon=self.lon[rows],
            lat=self.lat[rows],
            text=self.text[rows],
            customdata=np.column_stack(columns).astype("float32"),
            name=name,
            mode="markers",
            marker={
                "color": colour,
                "size": self.diameters[rows],
                "symbol": symbol,
                "line": line,
                "opacity": 1,
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate=self._hover(name, hollow),
            showlegend=False,
        )

    def rim(self, rows, *, colour):
        """A dark ring under a hollow marker, so that pale ones stand out from the land."""
        return dict(
            type="scattergeo",
            lon=self.lon[rows],
            lat=self.lat[rows],
            mode="markers",
            marker={
                "color": colour,
                "size": self.diameters[rows],
                "symbol": "circle-open",
                "opacity": 1,
                "line": {"width": 3.4, "color": colour},
            },
            unselected={"marker": {"opacity": 1}},
            hoverinfo="skip",
            showlegend=False,
        )

    def _hover(self, name, hollow):
        scale, unit = self.layer.scale, theme.unit_words(self.layer.scale.unit)
        if name == "no prediction":
            return "<b>%{text}</b><br>no prediction<extra></extra>"
        digits = 0 if theme.is_index(scale.unit) or scale.unit == "%" else 1
        lines = ["<b>%{text}</b>", f"%{{customdata[1]:,.{digits}f}} {unit}, {name}"]
        if self.layer.lower is not None:
            level = f"{self.layer.level:.0%} interval" if self.layer.level else "interval"
            lines.append(f"{level} %{{customdata[2]:,.{digits}f}} to %{{customdata[3]:,.{digits}f}} {unit}")
        if hollow:
            lines.append("outside what the model was trained on")
        return "<br>".join(lines) + "<extra></extra>"


def _outside(layer):
    if layer.inside is None:
        return np.zeros(len(layer.amounts), dtype=bool)
    return np.nan_to_num(layer.inside, nan=1.0) < 1


def _land(outlines, tone):
    ids = [feature["id"] for feature in theme.outlines()["features"]]
    return dict(
        type="choropleth",
        geojson=outlines,
        locations=ids,
        z=np.zeros(len(ids), dtype="int8"),
        colorscale=[[0, tone["land"]], [1, tone["land"]]],
        showscale=False,
        hoverinfo="skip",
        marker={"line": {"color": tone["border"], "width": 0.7}},
        unselected={"marker": {"opacity": 1}},
    )


def _mark(city, tone):
    return dict(
        type="scattergeo",
        lon=[city["longitude"]],
        lat=[city["latitude"]],
        text=[for_plotly(city["city"], limit=30)],
        mode="markers+text",
        textposition="top center",
        textfont={"size": 16, "color": tone["text"], "weight": "bold"},
        marker={
            "size": 26,
            "symbol": "circle-open",
            "color": tone["line"],
            "line": {"width": 4, "color": tone["line"]},
        },
        unselected={"marker": {"opacity": 1}, "textfont": {"color": tone["text"]}},
        hoverinfo="skip",
        showlegend=False,
    )


def _frame(traces, cities, tone, dark, height):
    (west, east), (south, north) = view_range(cities)
    layout = theme.layout(dark=dark, height=height) | {
        "geo": {
            "visible": False,
            "bgcolor": "rgba(0,0,0,0)",
            "projection": {"type": "equirectangular"},
            "lonaxis": {"range": [west, east]},
            "lataxis": {"range": [south, north]},
        },
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "uirevision": "map",
        "clickmode": "event+select",
        "dragmode": "pan",
    }
    return theme.plain_figure(traces, **layout)
