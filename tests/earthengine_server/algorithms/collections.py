"""Collections of images or features: filter, map, order, and composites over images."""

from __future__ import annotations

import itertools

import numpy as np

from ..coercion import GEOMETRIES
from ..errors import EarthEngineError
from ..reducers import STATISTICS, run
from ..registry import algorithm
from ..values import (
    Collection,
    Date,
    Feature,
    Filter,
    Image,
    collection_of,
    index_of,
    with_index,
)
from .expressions import filter_expression


@algorithm("ImageCollection.load")
def image_collection_load(context, id):
    return context.archive.collection(id)


@algorithm("ImageCollection.fromImages")
def image_collection_from_images(images):
    if not all(isinstance(image, Image) for image in images):
        raise EarthEngineError("ImageCollection.fromImages: Every element must be an image.")
    return collection_of(images, holds="Image")


@algorithm("Collection")
def collection(features):
    made = [Feature(item) if isinstance(item, GEOMETRIES) else item for item in features]
    if any(item is None for item in made):
        raise EarthEngineError("Collection: Element may not be null.")
    return collection_of(made)


@algorithm("Collection.filter")
def collection_filter(collection, filter):
    """The elements that pass; a text is a formula over their properties."""
    condition = filter_expression(filter) if isinstance(filter, str) else filter
    if not isinstance(condition, Filter):
        raise EarthEngineError("Collection.filter: A filter is required.")
    return collection.filtered(condition)


@algorithm("Collection.map")
def collection_map(context, collection, baseAlgorithm, dropNulls):
    """Elements keep their `system:index`."""

    def mapped():
        for element in collection:
            result = baseAlgorithm(element)
            context.work.images += isinstance(element, Image)
            if result is None and dropNulls:
                continue
            if not isinstance(result, (Image, Feature, Collection)):
                raise EarthEngineError("Collection.map: A mapped algorithm must return a Feature or Image.")
            yield with_index(result, index_of(element)) if index_of(element) is not None else result

    return Cached(mapped, collection.properties, collection.holds)


class Cached(Collection):
    """A collection that keeps what it made while it is listed."""

    def __init__(self, source, properties=None, holds="Feature"):
        super().__init__(source, properties, holds)
        self._made, self._rest = [], None

    def __iter__(self):
        if self._rest is None:
            self._rest = self._source()
        for number in itertools.count():
            if number == len(self._made):
                try:
                    self._made.append(next(self._rest))
                except StopIteration:
                    return
            yield self._made[number]

    @property
    def elements(self):
        return list(self)


@algorithm("Collection.limit")
def collection_limit(collection, limit, key, ascending):
    """The first elements, after sorting by a property if one is given."""

    def limited():
        elements = iter(collection)
        if key is not None:
            elements = sorted(elements, key=lambda element: _sort_key(element, key), reverse=not ascending)
        return itertools.islice(elements, limit)

    return Collection(limited, collection.properties, collection.holds)


def _sort_key(element, key):
    value = element.properties.get(key)
    return value is None, value.millis if isinstance(value, Date) else value


@algorithm("Collection.first")
def collection_first(collection):
    return next(iter(collection), None)


@algorithm("Collection.size")
def collection_size(collection):
    return sum(1 for _ in collection)


@algorithm("Collection.toList")
def collection_to_list(collection, count, offset):
    return list(itertools.islice(collection, offset, offset + count))


@algorithm("Collection.merge", "ImageCollection.merge")
def collection_merge(collection1, collection2):
    """Both after another; indices get the prefixes 1_ and 2_."""

    def merged():
        for prefix, part in (("1", collection1), ("2", collection2)):
            for element in part:
                yield with_index(element, f"{prefix}_{index_of(element)}")

    return Collection(merged, collection1.properties, collection1.holds)


@algorithm("Collection.flatten")
def collection_flatten(collection):
    def flat():
        for outer in collection:
            if not isinstance(outer, Collection):
                raise EarthEngineError("Collection.flatten: Every element must be a collection.")
            for element in outer:
                yield with_index(element, f"{index_of(outer)}_{index_of(element)}")

    first = next(iter(collection), None)
    return Collection(flat, {}, getattr(first, "holds", "Feature"))


@algorithm("Collection.iterate")
def collection_iterate(collection, function, first):
    result = first
    for element in collection:
        result = function(element, result)
    return result


@algorithm("Collection.distinct")
def collection_distinct(collection, properties):
    names = properties if isinstance(properties, list) else [properties]
    kept = {}
    for element in collection:
        kept.setdefault(tuple(str(element.properties.get(name)) for name in names), element)
    return Collection(lambda: iter(kept.values()), collection.properties, collection.holds)


@algorithm("Collection.reduceColumns")
def collection_reduce_columns(collection, reducer, selectors, weightSelectors):
    rows = [[element.properties.get(name) for name in selectors] for element in collection]
    rows = [row for row in rows if None not in row]
    table = np.array(rows, dtype=float).reshape(len(rows), len(selectors))
    blocks = [_block(column) for column in table.T]
    results = run(reducer, blocks)
    return {
        output.name: values[0].item() if known[0] else None
        for output, (values, known) in zip(reducer.outputs, results, strict=True)
    }


def _block(column):
    # Without any value, one masked value stands in, as statistics need a first axis.
    if not len(column):
        return np.zeros((1, 1)), np.zeros((1, 1), dtype=bool)
    return column[:, None], np.ones((len(column), 1), dtype=bool)


@algorithm(*(f"AggregateFeatureCollection.{name}" for name in ("mean", "sum", "min", "max", "product")))
def aggregate(context, collection, property):
    values = _property(collection, property)
    statistic = STATISTICS[context.name.rpartition(".")[2]]
    result, known = statistic(*_block(np.array(values, dtype=float)))
    return result[0].item() if known[0] else None


@algorithm("AggregateFeatureCollection.array")
def aggregate_array(collection, property):
    return _property(collection, property)


@algorithm("AggregateFeatureCollection.count")
def aggregate_count(collection, property):
    return len(_property(collection, property))


@algorithm("AggregateFeatureCollection.count_distinct")
def aggregate_count_distinct(collection, property):
    return len({str(value) for value in _property(collection, property)})


@algorithm("AggregateFeatureCollection.first")
def aggregate_first(collection, property):
    return next(iter(_property(collection, property)), None)


@algorithm("AggregateFeatureCollection.histogram")
def aggregate_histogram(collection, property):
    values = [str(value) for value in _property(collection, property)]
    return {value: values.count(value) for value in sorted(set(values))}


def _property(collection, name):
    values = [element.properties.get(name) for element in collection]
    return [value for value in values if value is not None]
