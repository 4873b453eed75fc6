"""Maps: cities as points, countries as areas and a surface between them, over outlines and names.

A map is a dict that ``static/map.js`` draws on a canvas: Vega-Lite has no buttons, no tiles, no names that
avoid each other, and no way for a finger or a keyboard to a city. Outlines and names are files of this
server, which the browser fetches once.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app import scales, theme
from app.text import for_markdown, shown

#: Longitudes and latitudes of Africa. [°]
AFRICA = ((-26.0, 58.0), (-36.0, 38.0))
#: Smallest span of a map. [°]
LEAST_SPAN = 6.0
SIZES = (6.0, 17.0)
#: Colour and words of a mean over too few days for a class; its number is the one after all classes.
NO_CLASS, FEW_DAYS = "#b5bdc2", "too few days for a class"
#: Bits of a point: the model extrapolates, and the city trained the model.
HOLLOW, MONITOR = 1, 2
#: What a picture of a map owes to whom.
OUTLINES_CREDIT = "Outlines: Natural Earth. Names of cities: GeoNames, CC BY 4.0."
#: From so many points on some lie under others.
MANY = 100


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


def points_map(cities, layer, *, selected=None, alone=False, dark=False):
    """Return a map of cities as points, for :func:`app.parts.show_map`; `place` of a point is the city's row.

    `cities` are those of a store, `layer` is what to show of them, `selected` is the row of the city to mark;
    `alone` draws only that one, over a surface that shows the others.
    """
    table = places(cities, layer)
    table = table[table["place"] == selected] if alone else table
    points = {
        "labels": table["label"].tolist(),
        "lengths": _packed(table["length"], "uint8"),
        "thousands": _packed(table["thousands"], "uint16"),
        "flags": _packed(HOLLOW * table["hollow"] + MONITOR * table["monitor"], "uint8"),
        "place": _packed(table["place"], "int32"),
        "number": _packed(table["number"], "int8"),
    }
    columns = ("longitude", "latitude", "size", "value", "lower", "upper")
    points |= {name: _packed(table[name], "float32") for name in columns if name in table}
    return {
        **_frame(cities, layer, dark, "Map of cities"),
        "points": points,
        "chosen": None if selected is None else {"place": int(selected)},
    }


def countries_map(countries, scale, *, cities, selected=None, dark=False):
    """Return a map of countries as areas, for :func:`app.parts.show_map`; `place` of an area is its code.

    `countries` is what :func:`app.store.by_country` makes; `few`, if there, tells which have no class.
    `scale` has the classes of `value`, `cities` decide what part of the world is shown, `selected` is the
    code to mark.
    """
    number = numbers_of(scale, countries["value"], countries.get("few"))
    rows = countries.assign(number=number).set_index("country")
    areas = [
        {
            "id": feature["id"],
            "place": code,
            "title": shown(theme.country_name(code)),
            "number": int(rows["number"][code]),
            "value": float(rows["value"][code]),
            "of": f"Of {theme.count_words(int(rows['cities'][code]), 'city').replace('citys', 'cities')}, "
            f"{rows['people'][code]:,.0f} people",
        }
        for feature in theme.outlines()["features"]
        if (code := feature["properties"]["country"]) in rows.index and rows["number"][code] >= 0
    ]
    frame = _frame(cities, Layer(rows["value"].to_numpy(), scale), dark, "Map of countries")
    frame["look"]["what"] = "Mean"
    marked = any(area["place"] == selected for area in areas)
    return {**frame, "areas": areas, "chosen": {"place": selected} if marked else None}


def without_outline(codes):
    """Say in Markdown which countries have no outline on the map; empty where all have one.

    >>> without_outline(["KEN", "REU"])
    'Reunion has no outline on this map.'
    """
    drawn = {feature["properties"]["country"] for feature in theme.outlines()["features"]}
    lacking = sorted(for_markdown(theme.country_name(code), limit=40) for code in set(codes) - drawn)
    if not lacking:
        return ""
    named = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
    return f"{named} {'has' if len(lacking) == 1 else 'have'} no outline on this map."


def order_words(cities):
    """Say what lies on top where points overlap; empty where they are few."""
    if len(cities) <= MANY:
        return ""
    return "Where points overlap, the highest value lies on top; they part as the map is zoomed."


def saved_picture(title, scale, lines, *, simulated, surface=None):
    """Return what the picture of a map that is saved says around it, so that it can stand alone.

    `title` is what the map shows, with the day; `scale` its legend; `lines` are origin and caveats;
    `simulated` puts SIMULATED into it, and into the name of its file; `surface` is what a surface below
    shows, and its scale.
    """
    under = [{"words": surface[0]}, *_legend(surface[1])] if surface else []
    return {
        "title": "SIMULATED. " * simulated + title,
        "legend": [*_legend(scale), *under],
        "lines": [*filter(None, lines), OUTLINES_CREDIT],
        "file": "SIMULATED_" * simulated + "map.png",
    }


def _legend(scale):
    heading = f"{scale.heading} [{theme.unit_words(scale.unit)}]"
    classes = zip(scale.colours, scale.labels, scale.ranges, strict=True)
    named = [{"colour": one, "words": f"{label}: {span}" if label else span} for one, label, span in classes]
    return [{"words": heading}, *named]


def view_range(cities, least=LEAST_SPAN):
    """Choose what a map shows: Africa where the cities fill it, else the cities' own region.

    West and east, south and north. [°]
    """
    places = cities[["longitude", "latitude"]].dropna()
    if places.empty or _fills_africa(places):
        return AFRICA
    return (
        _with_margin(*_around(places["longitude"].to_numpy()), 720.0, least),
        _with_margin(places["latitude"].min(), places["latitude"].max(), 85.0, least),
    )


def _around(longitudes):
    """Return the ends of the shortest span that holds all longitudes; east of 180° it goes on counting.

    >>> _around(np.array([178.0, -179.0]))
    (178.0, 181.0)
    """
    ordered = np.unique(longitudes)
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    first = (int(gaps.argmax()) + 1) % len(ordered)
    west = float(ordered[first])
    return west, west + 360 - float(gaps.max())


def _with_margin(low, high, limit, least):
    margin = max(0.06 * (high - low), (least - (high - low)) / 2, least / 6)
    return max(float(low - margin), -limit), min(float(high + margin), limit)


def _fills_africa(places):
    """Tell whether all places lie in Africa and reach over more than half of it either way."""
    (west, east), (south, north) = AFRICA
    low, high = places.min(), places.max()
    inside = west <= low["longitude"] and high["longitude"] <= east
    inside = inside and south <= low["latitude"] and high["latitude"] <= north
    spans = (high - low) / pd.Series({"longitude": east - west, "latitude": north - south})
    return bool(inside and (spans > 0.5).all())


def sizes(population):
    """Return the diameter of a city's marker: it grows with the fourth root of its people. [px]

    >>> sizes(np.array([np.nan, 1e5, 1e7])).round(1).tolist()
    [6.0, 7.5, 17.0]
    """
    people = np.nan_to_num(population, nan=0.0).clip(2e4, 1e7)
    reach = (people**0.25 - 2e4**0.25) / (1e7**0.25 - 2e4**0.25)
    return np.round(SIZES[0] + reach * (SIZES[1] - SIZES[0]), 1)


def places(cities, layer):
    """Return the table behind a map of points, the highest values last, so that they lie on top.

    Columns: `place` (row of the city), `label`, `length` of the city's own name in it, `longitude, latitude`
    [°], `size` [px], `thousands` of people, `value`, `number` (the class, -1 without a prediction), `hollow`,
    `monitor`, and `lower`, `upper` where the layer has intervals.
    """
    people = np.nan_to_num(cities["population"].to_numpy(dtype="float64"))
    columns = {
        "place": np.arange(len(cities), dtype="int32"),
        "label": cities["label"].to_numpy(dtype=object),
        # As the browser counts letters.
        "length": [len(shown(city).encode("utf-16-le")) // 2 for city in cities["city"]],
        "longitude": cities["longitude"].to_numpy("float32"),
        "latitude": cities["latitude"].to_numpy("float32"),
        "size": sizes(cities["population"].to_numpy()),
        "thousands": np.rint(people / 1000).astype("int32"),
        "value": np.asarray(layer.amounts, dtype="float32"),
        "number": numbers_of(layer.scale, layer.amounts, layer.few).astype("int8"),
        "hollow": _outside(layer),
        "monitor": cities["trained"].to_numpy("bool"),
    }
    columns["hollow"] &= columns["number"] >= 0
    if layer.lower is not None:
        columns |= {"lower": layer.lower.astype("float32"), "upper": layer.upper.astype("float32")}
    # Of equal values the small city lies on top of the large one.
    order = np.lexsort((-people, np.nan_to_num(columns["value"], nan=-np.inf)))
    table = pd.DataFrame(columns).iloc[order]
    return table.dropna(subset=["longitude", "latitude"]).reset_index(drop=True)


def numbers_of(scale, values, few):
    """Return the class of every value: -1 where it is missing, the one after all where days are too few."""
    number = scale.index(values)
    return number if few is None else np.where((number >= 0) & np.asarray(few), len(scale.labels), number)


def _outside(layer):
    if layer.inside is None:
        return np.zeros(len(layer.amounts), dtype=bool)
    return np.nan_to_num(layer.inside, nan=1.0) < 1


def look_of(scale, what, level=None, *, dark=False):
    """Return the colours and words of a scale's classes, as a map draws and says them."""
    colours = [*scale.colours, NO_CLASS]
    return {
        "colours": colours,
        "rims": [theme.rim(one, dark=dark) for one in colours],
        "labels": [*scale.labels, FEW_DAYS] if scale.classed else [],
        "unit": theme.unit_words(scale.unit),
        "digits": 0 if theme.is_index(scale.unit) or scale.unit == "%" else 1,
        "what": what,
        "interval": f"{level:.0%} interval" if level else "Interval",
    }


def land_map(places, scale, *, dark=False):
    """Return a map of nothing but the land around some places, for a surface to lie on."""
    frame = _frame(places, Layer(np.zeros(0), scale), dark, "Map of a modelled surface")
    return {**frame, "range": view_range(places, least=0.5)}


def _frame(cities, layer, dark, words):
    """Return what every map has: its part of the world, colours and what it is called."""
    what = "Share" if layer.scale.unit == "%" else "Prediction"
    keys = "arrow keys go from place to place, Enter chooses one, plus and minus zoom, zero shows all"
    return {
        "words": f"{words}: {keys}",
        "tone": {**theme.tones(dark), "font": theme.FONT},
        "range": view_range(cities),
        "look": look_of(layer.scale, what, layer.level, dark=dark),
    }


def _packed(values, kind):
    """Return numbers as the browser unpacks them: little-endian bytes, in base64."""
    return base64.b64encode(np.asarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()).decode()
