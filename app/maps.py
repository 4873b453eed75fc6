"""Maps: cities as points or countries as areas, over outlines that the browser fetches once.

A map is a Vega-Lite specification, which Streamlit draws without asking any other server. Cities stand on
plain axes of longitude and latitude, which can be zoomed and moved; the projection of the outlines follows
these axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app import scales, theme, vega
from app.text import shown

#: Longitudes and latitudes of Africa. [°]
AFRICA = ((-26.0, 58.0), (-36.0, 38.0))
#: Up to so many cities have larger markers, which are easier to see and to hit.
FEW, FEW_LARGER = 100, 1.5
#: Smallest span of a map. [°]
LEAST_SPAN = 6.0
SIZES = (6.0, 17.0)
#: Width of the line of a hollow marker and of a cross. [px]
HOLLOW, CROSS = 2.4, 1.5
CROSS_PATH = "M-0.7,-0.7L0.7,0.7M-0.7,0.7L0.7,-0.7"
#: What a click and a change of the part that is seen are called in the selection of a chart.
CLICKED, VIEW = "clicked", "view"
#: Colour and words of a mean over too few days for a class; its number is the one after all classes.
NO_CLASS, FEW_DAYS = "#b5bdc2", "too few days for a class"
_SIZE = {"field": "size", "type": "quantitative", "scale": None}
#: What belongs to a map but is no answer to a pointer or a screen reader.
_BESIDE = {"clip": True, "aria": False, "tooltip": None}
#: Every click tells of a point, also of one that was clicked before.
_CLICK = {"name": CLICKED, "select": {"type": "point", "fields": ["place"], "toggle": "true"}}
#: Equirectangular, in step with the axes. [px per radian, px]
_ACROSS, _UP = "(domain('x')[1] - domain('x')[0])", "(domain('y')[1] - domain('y')[0])"
PROJECTION = {
    "type": "equirectangular",
    "scale": {"expr": f"180 / PI * width / {_ACROSS}"},
    "translate": {"expr": f"[-domain('x')[0] * width / {_ACROSS}, height + domain('y')[0] * height / {_UP}]"},
}


@dataclass(frozen=True)
class Layer:
    """What a map shows: a number for every city, with what belongs to it.

    Attributes
    ----------
    amounts : numpy.ndarray of shape (n_cities,)
        In the scale's unit.
    scale : app.scales.Scale
        Classes and colours.
    lower, upper : numpy.ndarray of shape (n_cities,), optional
        Ends of the interval.
    inside : numpy.ndarray of shape (n_cities,), optional
        Share of the sites where the model does not extrapolate; below 1 the marker is hollow.
    level : float, optional
        Level of the interval.
    days : numpy.ndarray of int of shape (n_cities,), optional
        Days that each number averages, where these differ.
    few : numpy.ndarray of bool of shape (n_cities,), optional
        Where these are too few for a class.
    """

    amounts: np.ndarray
    scale: scales.Scale
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    inside: np.ndarray | None = None
    level: float | None = None
    days: np.ndarray | None = None
    few: np.ndarray | None = None


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
    dict
        A Vega-Lite specification; `place` of a point that is clicked is the city's row.
    """
    tone, place = theme.tones(dark), _place(cities)
    layers = [_rims(place, tone), _points(layer, _marker(layer, tone, dark) | place)]
    datasets = {"cities": places(cities, layer)}
    if selected is not None:
        datasets["chosen"] = _chosen(cities.iloc[selected])
        layers = [_ring(place, tone), *layers, _name(place, tone)]
    return _frame(layers, datasets, place, outlines, tone, height, "Map of cities")


def countries_map(countries, scale, *, outlines, cities, selected=None, dark=False, height=560):
    """Map of countries as areas.

    Parameters
    ----------
    countries : DataFrame
        As :func:`app.store.by_country` makes it; `few`, if there, tells which have no class.
    scale : app.scales.Scale
        Classes and colours of `value`.
    outlines : str or dict
        Address of the outlines, or the outlines themselves (GeoJSON).
    cities : DataFrame
        The cities, which decide what part of the world is shown.
    selected : str, optional
        Code of the country to mark.
    dark : bool
        Whether the page is dark.
    height : int
        Height. [px]

    Returns
    -------
    dict
        A Vega-Lite specification; `place` of an area that is clicked is the country's code.
    """
    tone = theme.tones(dark)
    areas = {"name": "countries", "data": _outlines(outlines), "projection": PROJECTION}
    fields = ["place", "country", "value", "number", "people", "cities"]
    known = {"lookup": "id", "from": {"data": {"name": "countries"}, "key": "id", "fields": fields}}
    areas["transform"] = [known, {"filter": "isValid(datum.number) && datum.number >= 0"}, _said(scale)]
    areas["mark"] = {"type": "geoshape", "clip": True, "cursor": "pointer", **_border(tone)}
    of = "format(datum.cities, ',') + ' cities, ' + format(datum.people, ',') + ' people'"
    areas["encoding"] = {
        "fill": {"value": {"expr": vega.by_class((*scale.colours, NO_CLASS))}},
        "tooltip": {"value": {"expr": f"{{title: datum.country, Mean: datum.said, Of: {of}}}"}},
        "description": {"value": {"expr": "datum.country + ': ' + datum.said"}},
    }
    areas["params"] = [_CLICK]
    datasets = {"countries": _areas(countries, scale), "chosen": pd.DataFrame({"country": [selected or ""]})}
    layers, words = [areas, _round(outlines, tone)], "Map of countries"
    return _frame(layers, datasets, _place(cities), outlines, tone, height, words)


def _round(outlines, tone):
    """A line around the chosen country."""
    chosen = {"data": {"name": "chosen"}, "key": "country", "fields": ["country"]}
    return {
        "name": "chosen",
        "data": _outlines(outlines),
        "projection": PROJECTION,
        "transform": [{"lookup": "properties.country", "from": chosen}, {"filter": "isValid(datum.country)"}],
        "mark": {"type": "geoshape", "fill": None, "stroke": tone["line"], "strokeWidth": 3.5, **_BESIDE},
    }


def _areas(countries, scale):
    """A row for every outline of the countries that have a value."""
    number = _numbers(scale, countries["value"], countries.get("few"))
    rows = [
        (feature["id"], row)
        for row, code in enumerate(countries["country"])
        for feature in theme.outlines()["features"]
        if feature["properties"]["country"] == code
    ]
    at = np.array([row for _, row in rows], dtype="int32")
    mine = countries.iloc[at]
    return pd.DataFrame(
        {
            "id": [outline for outline, _ in rows],
            "place": mine["country"].to_numpy(dtype=object),
            "country": [shown(theme.country_name(code)) for code in mine["country"]],
            "value": mine["value"].to_numpy("float64"),
            "number": number[at].astype("int8"),
            "people": mine["people"].to_numpy("float64"),
            "cities": mine["cities"].to_numpy("int32"),
        }
    )


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


def places(cities, layer):
    """The table behind a map of points, the largest cities first, so that small ones lie on top.

    Returns
    -------
    DataFrame
        `place` (row of the city), `city`, `longitude`, `latitude` [°], `size` [px²], `value`, `number` (the
        class, -1 without a prediction), `hollow`, and `lower`, `upper` where the layer has intervals.
    """
    larger = FEW_LARGER if len(cities) <= FEW else 1.0
    columns = {
        "place": np.arange(len(cities), dtype="int32"),
        "city": cities["label"].to_numpy(dtype=object),
        "longitude": cities["longitude"].to_numpy("float32"),
        "latitude": cities["latitude"].to_numpy("float32"),
        "size": ((larger * sizes(cities["population"].to_numpy())) ** 2).astype("float32"),
        "value": np.asarray(layer.amounts, dtype="float32"),
        "number": _numbers(layer.scale, layer.amounts, layer.few).astype("int8"),
        "hollow": _outside(layer),
    }
    columns["hollow"] &= columns["number"] >= 0
    if layer.lower is not None:
        columns |= {"lower": layer.lower.astype("float32"), "upper": layer.upper.astype("float32")}
    order = np.argsort(-np.nan_to_num(cities["population"].to_numpy()), kind="stable")
    table = pd.DataFrame(columns).iloc[order]
    return table.dropna(subset=["longitude", "latitude"]).reset_index(drop=True)


def _numbers(scale, values, few):
    """Class of every value, -1 where it is missing, the one after all where it averages too few days."""
    number = scale.index(values)
    return number if few is None else np.where((number >= 0) & np.asarray(few), len(scale.labels), number)


def _outside(layer):
    if layer.inside is None:
        return np.zeros(len(layer.amounts), dtype=bool)
    return np.nan_to_num(layer.inside, nan=1.0) < 1


def _points(layer, encoding):
    return {
        "name": "cities",
        "data": {"name": "cities"},
        "transform": [_said(layer.scale)],
        "mark": {"type": "point", "opacity": 1, "clip": True, "cursor": "pointer"},
        "encoding": encoding,
        "params": [_CLICK],
    }


def _marker(layer, tone, dark):
    """What a city looks like: full, hollow where the model extrapolates, a cross without a prediction."""
    colours = (*layer.scale.colours, NO_CLASS)
    rims = [theme.rim(one, dark=dark) for one in colours]
    colour = vega.by_class(colours)
    rim, width = (vega.by_class([one[key] for one in rims]) for key in ("color", "width"))
    look = {
        "fill": f"datum.hollow || datum.number < 0 ? 'transparent' : {colour}",
        "stroke": f"datum.hollow ? {colour} : datum.number < 0 ? '{tone['soft']}' : {rim}",
        "strokeWidth": f"datum.hollow ? {HOLLOW} : datum.number < 0 ? {CROSS} : {width}",
        "shape": f"datum.number < 0 ? '{CROSS_PATH}' : 'circle'",
        "tooltip": _tooltip(layer),
        "description": "datum.city + ': ' + datum.said",
    }
    return {"size": _SIZE} | {channel: {"value": {"expr": one}} for channel, one in look.items()}


def _tooltip(layer):
    """Expression of the table that is shown beside a point."""
    what = "Share" if layer.scale.unit == "%" else "Prediction"
    parts = [f"{{title: datum.city, {what}: datum.said}}"]
    if layer.lower is not None:
        level = f"{layer.level:.0%} interval" if layer.level else "interval"
        low, high = (vega.number(f"datum.{end}", layer.scale.unit) for end in ("lower", "upper"))
        unit = vega.literal(f" {theme.unit_words(layer.scale.unit)}")
        ends = f"{{{vega.literal(level)}: {low} + ' to ' + {high} + {unit}}}"
        parts.append(f"(datum.number < 0 || !isFinite(datum.lower) ? {{}} : {ends})")
    parts.append("(datum.hollow ? {Note: 'outside what the model was trained on'} : {})")
    return f"merge({', '.join(parts)})"


def _said(scale):
    """The number with its unit and class, in words, as `said`."""
    words = vega.amount("datum.value", scale.unit)
    words += f" + ', ' + {vega.by_class((*scale.labels, FEW_DAYS))}" if scale.classed else ""
    return {"calculate": f"datum.number < 0 ? 'no prediction' : {words}", "as": "said"}


def _rims(place, tone):
    """A dark ring under every hollow marker, so that pale ones stand out from the land."""
    return {
        "data": {"name": "cities"},
        "transform": [{"filter": "datum.hollow"}],
        "mark": {"type": "point", "opacity": 1, "stroke": tone["text"], "strokeWidth": 3.8, **_BESIDE},
        "encoding": {"size": _SIZE, **place},
    }


def _chosen(city):
    columns = {"longitude": [city["longitude"]], "latitude": [city["latitude"]]}
    return pd.DataFrame({**columns, "city": [shown(city["city"], limit=30)]})


def _ring(place, tone):
    mark = {"type": "point", "opacity": 1, "size": 680, "stroke": tone["line"], "strokeWidth": 4, **_BESIDE}
    return {"name": "chosen", "data": {"name": "chosen"}, "mark": mark, "encoding": place}


def _name(place, tone):
    mark = {"type": "text", "dy": -24, "fontSize": 16, "fontWeight": "bold", "color": tone["text"], **_BESIDE}
    encoding = {"text": {"field": "city"}, **place}
    return {"data": {"name": "chosen"}, "mark": mark, "encoding": encoding}


def _place(cities):
    """Axes of longitude and latitude: the part to show, a degree as long on both."""
    (west, east), (south, north) = view_range(cities)
    wide, high = east - west, north - south
    return {
        "x": _axis("longitude", (west + east) / 2, f"max({wide}, {high} * width / height)"),
        "y": _axis("latitude", (south + north) / 2, f"max({high}, {wide} * height / width)"),
    }


def _axis(field, centre, span):
    ends = {"domainMin": {"expr": f"{centre} - {span} / 2"}, "domainMax": {"expr": f"{centre} + {span} / 2"}}
    scale = {**ends, "nice": False, "zero": False}
    return {"field": field, "type": "quantitative", "axis": None, "scale": scale}


def _outlines(outlines):
    how = {"format": {"type": "json", "property": "features"}}
    return {"url": outlines, **how} if isinstance(outlines, str) else {"values": outlines, **how}


def _border(tone):
    return {"stroke": tone["border"], "strokeWidth": 0.7}


def _frame(layers, datasets, place, outlines, tone, height, words):
    """The land, and axes that move with the wheel and the pointer, under the layers of a map."""
    moved = {
        "data": {"values": [{"longitude": 0, "latitude": 0}]},
        "mark": {"type": "point", "opacity": 0, **_BESIDE},
        "encoding": place,
        "params": [{"name": VIEW, "select": "interval", "bind": "scales"}],
    }
    land = {
        "name": "land",
        "data": _outlines(outlines),
        "projection": PROJECTION,
        "mark": {"type": "geoshape", "fill": tone["land"], **_border(tone), **_BESIDE},
    }
    return {
        "description": words,
        "height": height,
        "padding": 0,
        "datasets": datasets,
        "layer": [moved, land, *layers],
        "config": {"background": None, "font": theme.FONT, "view": {"stroke": None}},
    }
