"""Features, their properties, and geometries."""

from __future__ import annotations

import re

import numpy as np
import shapely

from ..errors import EarthEngineError, not_implemented
from ..geometry import EARTH_RADIUS, Combined, Disc, Shape
from ..registry import algorithm
from ..values import Collection, Feature, Image, Projection


@algorithm("Feature")
def feature(geometry, metadata):
    return Feature(geometry, dict(metadata or {}))


@algorithm("Element.get")
def element_get(object, property):
    return object.properties.get(property)


@algorithm("Element.getNumber", "Element.getString", "Element.getArray")
def element_get_of_type(object, property):
    return object.properties.get(property)


@algorithm("Element.set")
def element_set(object, key, value):
    return object.with_properties({**object.properties, key: value})


@algorithm("Element.setMulti")
def element_set_multi(object, properties):
    return object.with_properties({**object.properties, **properties})


@algorithm("Element.propertyNames")
def element_property_names(element):
    return list(element.properties)


@algorithm("Element.toDictionary")
def element_to_dictionary(element, properties):
    names = properties or [name for name in element.properties if not name.startswith("system:")]
    return {name: element.properties.get(name) for name in names}


@algorithm("Element.copyProperties", "Image.copyProperties")
def element_copy_properties(destination, source, properties, exclude):
    """Without a list, properties of the system are not copied."""
    names = properties or [name for name in source.properties if not name.startswith("system:")]
    copied = {name: source.properties[name] for name in names if name in source.properties}
    copied = {name: value for name, value in copied.items() if name not in (exclude or ())}
    return destination.with_properties({**destination.properties, **copied})


@algorithm("Element.replaceProperties")
def element_replace_properties(destination, source):
    return destination.with_properties(dict(source.properties))


@algorithm("Feature.id")
def feature_id(element):
    return element.properties.get("system:index")


@algorithm("Feature.geometry", "Element.geometry", "Image.geometry")
def feature_geometry(feature):
    if isinstance(feature, Image):
        return Shape(shapely.box(-180, -90, 180, 90))
    if isinstance(feature, Collection):
        return Combined("union", tuple(item.geometry for item in feature))
    return feature.geometry


@algorithm("Feature.setGeometry")
def feature_set_geometry(feature, geometry):
    return Feature(geometry, feature.properties)


@algorithm("Feature.select")
def feature_select(input, propertySelectors, newProperties, retainGeometry):
    """Properties by name or regular expression; `system:index` stays."""
    chosen = [name for selector in propertySelectors for name in _selected(input.properties, selector)]
    names = newProperties or chosen
    if len(names) != len(chosen):
        raise EarthEngineError("Feature.select: Selectors and new names differ in number.")
    kept = {new: input.properties[old] for new, old in zip(names, chosen, strict=True)}
    if "system:index" in input.properties:
        kept["system:index"] = input.properties["system:index"]
    return Feature(input.geometry if retainGeometry else None, kept)


def _selected(properties, selector):
    if selector in properties:
        return [selector]
    pattern = re.compile(selector)
    return [name for name in properties if pattern.fullmatch(name)]


@algorithm("Feature.buffer")
def feature_buffer(feature, distance):
    return Feature(geometry_buffer(_shape(feature), distance), feature.properties)


@algorithm("Feature.centroid")
def feature_centroid(feature):
    return Feature(geometry_centroid(_shape(feature)), feature.properties)


@algorithm("Feature.bounds")
def feature_bounds(feature):
    return Feature(geometry_bounds(_shape(feature)), feature.properties)


@algorithm("Feature.difference", "Feature.union", "Feature.intersection")
def feature_combine(context, left, right):
    kind = context.name.partition(".")[2]
    return Feature(Combined(kind, (_shape(left), _shape(right))), left.properties)


def _shape(feature):
    if feature.geometry is None:
        raise EarthEngineError("Feature: Feature has no geometry.")
    return feature.geometry


@algorithm("Geometry.buffer")
def geometry_buffer(geometry, distance):
    """The disc around a point."""
    return geometry.buffered(distance)


@algorithm("Geometry.difference", "Geometry.union", "Geometry.intersection")
def geometry_combine(context, left, right):
    return Combined(context.name.partition(".")[2], (left, right))


@algorithm("Geometry.centroid")
def geometry_centroid(geometry):
    return Disc(*geometry.centre)


@algorithm("Geometry.bounds")
def geometry_bounds(geometry):
    return Shape(shapely.box(*geometry.bounds))


@algorithm("Geometry.coordinates")
def geometry_coordinates(geometry):
    return geometry.geojson()["coordinates"]


@algorithm("Geometry.type")
def geometry_type(geometry):
    return geometry.geojson()["type"]


@algorithm("Geometry.area")
def geometry_area(geometry):
    """Area of a disc on the sphere. [m²]"""
    if not isinstance(geometry, Disc):
        raise not_implemented("the area of anything but discs")
    return 2 * np.pi * EARTH_RADIUS**2 * (1 - np.cos(geometry.radius / EARTH_RADIUS))


@algorithm("GeometryConstructors.Point")
def geometry_point(coordinates):
    longitude, latitude = coordinates
    return Disc(longitude, latitude)


@algorithm("GeometryConstructors.MultiPoint")
def geometry_multi_point(coordinates):
    return Combined("union", tuple(Disc(*point) for point in coordinates))


@algorithm("GeometryConstructors.Polygon")
def geometry_polygon(coordinates):
    shell, *holes = coordinates
    return Shape(shapely.Polygon(shell, holes))


@algorithm("GeometryConstructors.MultiPolygon")
def geometry_multi_polygon(coordinates):
    return Combined("union", tuple(geometry_polygon(rings) for rings in coordinates))


@algorithm("GeometryConstructors.Rectangle")
def geometry_rectangle(coordinates):
    corners = np.array(coordinates, dtype=float).reshape(-1, 2)
    return Shape(shapely.box(*corners.min(axis=0), *corners.max(axis=0)))


@algorithm("GeometryConstructors.BBox")
def geometry_bbox(west, south, east, north):
    return Shape(shapely.box(west, south, east, north))


@algorithm("GeometryConstructors.MultiGeometry")
def geometry_multi_geometry(geometries):
    return Combined("union", tuple(geometries))


@algorithm("Projection")
def projection(crs):
    return crs if isinstance(crs, Projection) else Projection(crs)


@algorithm("Projection.atScale")
def projection_at_scale(projection, meters):
    return Projection(projection.crs, meters)


@algorithm("Projection.nominalScale")
def projection_nominal_scale(proj):
    return proj.scale


@algorithm("Projection.crs")
def projection_crs(projection):
    return projection.crs


@algorithm("ErrorMargin")
def error_margin(value, unit):
    return {"type": "ErrorMargin", "value": value, "unit": unit}
