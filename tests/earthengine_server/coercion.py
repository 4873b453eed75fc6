"""Types of arguments: what Earth Engine promotes, and what it refuses."""

from __future__ import annotations

from .errors import EarthEngineError
from .geometry import Combined, Disc, Shape
from .values import (
    Band,
    Collection,
    Date,
    DateRange,
    Feature,
    Filter,
    Image,
    Projection,
    collection_of,
)

GEOMETRIES = (Disc, Shape, Combined)


def coerced(value, kind, where):
    """A value as the type that an argument wants.

    Parameters
    ----------
    value : object
        Not None.
    kind : str
        Earth Engine's name of the type.
    where : str
        For the error.

    Raises
    ------
    EarthEngineError
        If the value is of another type and Earth Engine does not promote it.
    """
    convert = _CONVERSIONS.get(kind.split("<")[0])
    if convert is None:
        return value
    result = convert(value)
    if result is None:
        expected = f"Invalid type.\nExpected type: {kind}.\nActual type: {type_name(value)}."
        raise EarthEngineError(f"{where}: {expected}")
    return result


def type_name(value):
    """Earth Engine's name of a value's type."""
    if isinstance(value, Collection):
        return f"{value.holds}Collection"
    if isinstance(value, GEOMETRIES):
        return "Geometry"
    if isinstance(value, Image):
        return "Image<[" + ", ".join(value.bands) + "]>"
    names = {bool: "Boolean", int: "Integer", float: "Float", str: "String", list: "List<Object>"}
    names |= {dict: "Dictionary<Object>", type(None): "Null"}
    return names.get(type(value), type(value).__name__)


def constant(value, name="constant"):
    """A band of one value everywhere."""
    return Image({name: Band(lambda pixels: pixels.filled(float(value)))})


def _number(value):
    return value if isinstance(value, (int, float)) else None


def _whole(value):
    return int(value) if isinstance(value, (int, float)) else None


def _image(value):
    if isinstance(value, Image):
        return value
    if isinstance(value, (int, float)):
        return constant(value)
    return None


def _elements(holds):
    def convert(value):
        if isinstance(value, Collection):
            return value
        if isinstance(value, GEOMETRIES):
            value = Feature(value)
        if isinstance(value, (Feature, Image)):
            value = [value]
        if isinstance(value, list) and all(isinstance(item, (Feature, Image)) for item in value):
            return collection_of(value, holds)
        return None

    return convert


def _element(value):
    return value if isinstance(value, (Image, Feature, Collection)) else None


def _feature(value):
    return Feature(value) if isinstance(value, GEOMETRIES) else _element(value)


def _geometry(value):
    if isinstance(value, Feature):
        value = value.geometry
    if isinstance(value, Collection):
        value = Combined("union", tuple(feature.geometry for feature in value))
    return value if isinstance(value, GEOMETRIES) else None


def _date(value):
    if isinstance(value, Date):
        return value
    if isinstance(value, (int, float)):
        return Date(int(value))
    if isinstance(value, str):
        try:
            return Date.parse(value)
        except ValueError:
            raise EarthEngineError(f"Date: Bad date/time '{value}'.") from None
    return None


def _list(value):
    return value if isinstance(value, list) else None


def _dictionary(value):
    if isinstance(value, dict):
        return value
    return value.properties if isinstance(value, (Feature, Image)) else None


def _projection(value):
    if isinstance(value, str):
        return Projection(value)
    return value if isinstance(value, (Projection, dict)) else None


def _exactly(kind):
    return lambda value: value if isinstance(value, kind) else None


_CONVERSIONS = {
    "Boolean": lambda value: bool(value) if isinstance(value, (bool, int, float)) else None,
    "Date": _date,
    "DateRange": _exactly(DateRange),
    "Dictionary": _dictionary,
    "Element": _element,
    "Feature": _feature,
    "FeatureCollection": _elements("Feature"),
    "Filter": _exactly(Filter),
    "Float": _number,
    "Geometry": _geometry,
    "Image": _image,
    "ImageCollection": _elements("Image"),
    "Integer": _whole,
    "List": _list,
    "Long": _whole,
    "Number": _number,
    "Projection": _projection,
    "String": _exactly(str),
}
