"""Numbers, texts, lists, dates and properties: results that a reader knows without computing."""

import ee
import pytest

CASES = {
    "division keeps decimals": (lambda: ee.Number(7).divide(2), 3.5),
    "the remainder": (lambda: ee.Number(7).mod(4), 3),
    "a comparison is 1 or 0": (lambda: ee.Number(7).gt(4), 1),
    "bits": (lambda: ee.Number(6).bitwiseAnd(3), 2),
    "a shift": (lambda: ee.Number(8).rightShift(2), 2),
    "texts join": (lambda: ee.String("a").cat("b"), "ab"),
    "a text is split": (lambda: ee.String("a-b").split("-"), ["a", "b"]),
    "a number as text": (lambda: ee.Number(5).format("%03d"), "005"),
    "a sequence includes its end": (lambda: ee.List.sequence(1, 3), [1, 2, 3]),
    "a function over a list": (lambda: ee.List([1, 2]).map(lambda n: ee.Number(n).multiply(10)), [10, 20]),
    "a function within a function": (
        lambda: ee.List([1, 2]).map(lambda a: ee.List([10, 20]).map(lambda b: ee.Number(a).add(b))),
        [[11, 21], [12, 22]],
    ),
    "a running sum": (lambda: ee.List([1, 2, 3]).iterate(lambda n, s: ee.Number(n).add(s), 0), 6),
    "the last element": (lambda: ee.List([1, 2, 3]).get(-1), 3),
    "a list's mean": (lambda: ee.List([1, 2, 6]).reduce(ee.Reducer.mean()), 3.0),
    "nulls are not counted": (lambda: ee.List([1, None, 3]).reduce(ee.Reducer.count()), 2.0),
    "keys in order": (lambda: ee.Dictionary({"b": 1, "a": 2}).keys(), ["a", "b"]),
    "dictionaries combine": (lambda: ee.Dictionary({"a": 1}).combine({"a": 2}).get("a"), 2),
    "only one case is computed": (
        lambda: ee.Algorithms.If(1, "yes", ee.ImageCollection("no/such/asset").size()),
        "yes",
    ),
    "the day after": (lambda: ee.Date("2020-02-28").advance(1, "day").format("YYYY-MM-dd"), "2020-02-29"),
    "a month later, the month's last day": (
        lambda: ee.Date("2020-01-31").advance(1, "month").format("YYYY-MM-dd"),
        "2020-02-29",
    ),
    "hours between dates": (lambda: ee.Date("2020-01-02").difference("2020-01-01", "hour"), 24.0),
    "milliseconds since 1970": (lambda: ee.Date("1970-01-02").millis(), 86_400_000),
    "a property": (lambda: ee.Feature(None, {"a": 1}).set("b", 2).get("b"), 2),
    "sorted features": (
        lambda: _features(3, 1, 2).sort("n", False).aggregate_array("n"),
        [3, 2, 1],
    ),
    "filtered features": (lambda: _features(3, 1, 2).filter(ee.Filter.lte("n", 2)).size(), 2),
    "a filter as text": (lambda: _features(3, 1, 2).filter("n > 1 && n != 3").aggregate_array("n"), [2]),
    "either filter": (
        lambda: _features(3, 1, 2).filter(ee.Filter.Or(ee.Filter.eq("n", 1), ee.Filter.eq("n", 2))).size(),
        2,
    ),
    "one of a list": (lambda: _features(3, 1, 2).filter(ee.Filter.inList("n", [1, 9])).size(), 1),
    "a filter fails where the property is missing": (lambda: _features(1).filter("m < 5").size(), 0),
    "merged indices get a prefix": (
        lambda: _features(1).merge(_features(2)).aggregate_array("system:index"),
        ["1_0", "2_0"],
    ),
    "flattened": (lambda: ee.FeatureCollection([_features(1, 2), _features(3)]).flatten().size(), 3),
    "a sum over features": (lambda: _features(1, 2).aggregate_sum("n"), 3.0),
}


def _features(*numbers):
    return ee.FeatureCollection([ee.Feature(None, {"n": number}) for number in numbers])


@pytest.mark.parametrize("name", CASES)
def test_result(server, name):
    """The client receives the value that the name of the case says."""
    expression, expected = CASES[name]
    assert expression().getInfo() == expected


def test_a_shared_value_is_computed_once(server):
    """25 doublings of a shared image are evaluated in moments; without sharing they are 33 million sums."""
    image = ee.Image(1)
    for _ in range(25):
        image = image.add(image)
    found = image.reduceRegion(ee.Reducer.first(), ee.Geometry.Point(0, 0), 1000)
    assert found.getInfo() == {"constant": 2.0**25}


def test_a_long_chain_is_evaluated(server):
    """A sum of 250 images, one after the other, is 250: as deep as the client itself goes."""
    image = ee.Image(0)
    for _ in range(250):
        image = image.add(1)
    assert image.reduceRegion(ee.Reducer.first(), ee.Geometry.Point(0, 0), 1000).getInfo() == {
        "constant": 250
    }
