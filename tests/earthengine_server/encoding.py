"""Values as the JSON that the service sends."""

from __future__ import annotations

import functools
import math

from .coercion import GEOMETRIES, type_name
from .errors import EarthEngineError
from .values import DEGREE, Collection, Date, DateRange, Feature, Image, Projection


def encoded(value, max_elements=5000):
    """A value as JSON can hold it.

    Raises
    ------
    EarthEngineError
        If a collection or list has more than `max_elements`, or the value has no JSON form.
    """
    if isinstance(value, (Collection, list)):
        count = len(value) if isinstance(value, list) else sum(1 for _ in value)
        if count > max_elements:
            raise EarthEngineError(
                f"Collection query aborted after accumulating over {max_elements} elements."
            )
    return _json(value)


def feature_json(feature):
    """A feature as GeoJSON; properties without value are left out."""
    if not isinstance(feature, Feature):
        raise EarthEngineError("The expression must evaluate to a collection of features.")
    return _json(feature)


@functools.singledispatch
def _json(value):
    if isinstance(value, GEOMETRIES):
        return value.geojson()
    raise EarthEngineError(f"Cannot encode an object of type {type_name(value)}.")


@_json.register(str)
@_json.register(bool)
@_json.register(int)
@_json.register(type(None))
def _(value):
    return value


@_json.register(float)
def _(value):
    return float(value) if math.isfinite(value) else None


@_json.register(list)
def _(value):
    return [_json(item) for item in value]


@_json.register(dict)
def _(value):
    return {key: _json(item) for key, item in value.items()}


@_json.register(Feature)
def _(feature):
    kept = {key: _json(value) for key, value in feature.properties.items() if value is not None}
    index = kept.pop("system:index", None)
    geometry = feature.geometry.geojson() if feature.geometry is not None else None
    answer = {"type": "Feature", "geometry": geometry, "properties": kept}
    return answer if index is None else {**answer, "id": index}


@_json.register(Image)
def _(image):
    grid = [image.scale / DEGREE, 0, 0, 0, image.scale / DEGREE, 0]
    kind = {"type": "PixelType", "precision": "double"}
    bands = [{"id": n, "data_type": kind, "crs": "EPSG:4326", "crs_transform": grid} for n in image.bands]
    properties = dict(image.properties)
    answer = {"type": "Image", "bands": bands}
    if "system:id" in properties:
        answer["id"] = properties.pop("system:id")
    return {**answer, "properties": _json(properties)}


@_json.register(Collection)
def _(collection):
    elements = list(collection)
    kind = "Image" if elements and isinstance(elements[0], Image) else collection.holds
    answer = {"type": f"{kind}Collection", "features": [_json(element) for element in elements]}
    if kind == "Feature":
        answer["columns"] = {}
    if "system:id" in collection.properties:
        answer["id"] = collection.properties["system:id"]
    return answer


@_json.register(Date)
def _(date):
    return {"type": "Date", "value": date.millis}


@_json.register(DateRange)
def _(dates):
    return {"type": "DateRange", "dates": [dates.start, dates.end]}


@_json.register(Projection)
def _(projection):
    size = projection.scale / DEGREE
    return {"type": "Projection", "crs": projection.crs, "transform": [size, 0, 0, 0, size, 0]}
