"""Filters: conditions on the properties of elements."""

from __future__ import annotations

import operator

import numpy as np
import shapely

from ..coercion import GEOMETRIES
from ..errors import EarthEngineError
from ..registry import algorithm
from ..values import Date, DateRange, Feature, Filter

_TIME = "system:time_start"


def _read(element, field):
    if element is None:
        return None
    properties = element if isinstance(element, dict) else getattr(element, "properties", {})
    return properties.get(field)


def _plain(value):
    return value.millis if isinstance(value, Date) else value


def _sides(element, leftField, rightValue, rightField, leftValue):
    left = _read(element, leftField) if leftField is not None else leftValue
    right = _read(element, rightField) if rightField is not None else rightValue
    return _plain(left), _plain(right)


def _comparison(compare, start=None, end=None):
    """A filter of two sides, of which one is a property; it fails where a side is missing.

    `start` and `end` turn the value that `system:time_start` is compared with into bounds.
    """

    def build(leftField, rightValue, rightField, leftValue):
        def passes(element):
            left, right = _sides(element, leftField, rightValue, rightField, leftValue)
            if left is None or right is None:
                return False
            try:
                return bool(compare(left, right))
            except TypeError:
                return False

        value = _plain(rightValue)
        if leftField != _TIME or not isinstance(value, (int, float)):
            return Filter(passes)
        return Filter(passes, start(value) if start else -np.inf, end(value) if end else np.inf)

    return build


def _same(value):
    return value


def _next(value):
    return value + 1


def _contains_date(left, right):
    return left.start <= right < left.end


_COMPARISONS = {
    ("equals", "eq"): _comparison(operator.eq, _same, _next),
    ("lessThan", "lt"): _comparison(operator.lt, end=_same),
    ("lessThanOrEquals", "lte"): _comparison(operator.le, end=_next),
    ("greaterThan", "gt"): _comparison(operator.gt, _same),
    ("greaterThanOrEquals", "gte"): _comparison(operator.ge, _same),
    ("notEquals", "neq"): _comparison(operator.ne),
    ("listContains",): _comparison(lambda left, right: right in [_plain(item) for item in left]),
    ("inList",): _comparison(lambda left, right: left in [_plain(item) for item in right]),
    ("stringContains",): _comparison(lambda left, right: right in left),
    ("stringStartsWith",): _comparison(lambda left, right: left.startswith(right)),
    ("stringEndsWith",): _comparison(lambda left, right: left.endswith(right)),
}
for _names, _build in _COMPARISONS.items():
    algorithm(*(f"Filter.{name}" for name in _names))(_build)


@algorithm("Filter.dateRangeContains")
def filter_date_range_contains(leftField, rightValue, rightField, leftValue):
    plain = _comparison(_contains_date)(leftField, rightValue, rightField, leftValue)
    if rightField == _TIME and isinstance(leftValue, DateRange):
        return Filter(plain.passes, leftValue.start, leftValue.end)
    return plain


@algorithm("Filter.and")
def filter_and(filters):
    return Filter(
        lambda element: all(condition.passes(element) for condition in filters),
        max((condition.start for condition in filters), default=-np.inf),
        min((condition.end for condition in filters), default=np.inf),
    )


@algorithm("Filter.or")
def filter_or(filters):
    return Filter(
        lambda element: any(condition.passes(element) for condition in filters),
        min((condition.start for condition in filters), default=-np.inf),
        max((condition.end for condition in filters), default=np.inf),
    )


@algorithm("Filter.not")
def filter_not(filter):
    return Filter(lambda element: not filter.passes(element))


@algorithm("Filter.always")
def filter_always():
    return Filter(lambda element: True)


@algorithm("Filter.never")
def filter_never():
    return Filter(lambda element: False)


@algorithm("Filter.notNull")
def filter_not_null(properties):
    return Filter(lambda element: all(_read(element, name) is not None for name in properties))


@algorithm("Filter.hasGeometry")
def filter_has_geometry():
    return Filter(lambda element: getattr(element, "geometry", None) is not None)


@algorithm("Filter.rangeContains")
def filter_range_contains(field, minValue, maxValue):
    low, high = _plain(minValue), _plain(maxValue)
    between = _comparison(lambda value, _: low <= value <= high)
    plain = between(field, 0, None, None)
    return Filter(plain.passes, low, high + 1) if field == _TIME else plain


_CALENDAR = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "day_of_month": lambda moment: moment.day,
    "day_of_week": lambda moment: moment.isoweekday(),
}


@algorithm("Filter.calendarRange")
def filter_calendar_range(start, end, field):
    """Whether the start of an image lies in a part of the calendar (UTC), both ends in it."""
    if field not in _CALENDAR:
        raise EarthEngineError(f"Filter.calendarRange: Unknown field '{field}'.")
    end = start if end is None else end

    def passes(element):
        time = _plain(_read(element, _TIME))
        if time is None:
            return False
        value = _CALENDAR[field](Date(time).moment)
        return start <= value <= end if start <= end else value >= start or value <= end

    return Filter(passes)


@algorithm("Filter.dayOfYear")
def filter_day_of_year(start, end):
    return filter_calendar_range(start, end, "day_of_year")


@algorithm("Filter.intersects", "Filter.contains", "Filter.isContained", "Filter.withinDistance")
def filter_intersects(leftField, rightValue, rightField, leftValue):
    """Images pass by their footprint, features by their centre; an image without one covers the Earth."""
    shape = getattr(rightValue, "geometry", rightValue)

    def passes(element):
        if not isinstance(shape, GEOMETRIES):
            return True
        if isinstance(element, Feature):
            if element.geometry is None:
                return False
            longitude, latitude = (np.array([degrees]) for degrees in element.geometry.centre)
            return bool(shape.contains(longitude, latitude)[0])
        footprint = _read(element, "system:footprint")
        return footprint is None or shapely.box(*footprint.bounds).intersects(shapely.box(*shape.bounds))

    return Filter(passes)
