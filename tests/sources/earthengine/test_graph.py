"""What the graphs ask for, evaluated by a simulated Earth Engine; values stand in test_brute_force."""

import json

import ee
import numpy as np
import pytest
from earthengine_server import EarthEngineServer
from scripted_server import ANONYMOUS

from airq.sources.earthengine import graph
from airq.sources.earthengine.catalogue import PRODUCTS
from airq.sources.earthengine.client import connect
from airq.sources.earthengine.layers import Layer

ERA5, NO2 = "ECMWF/ERA5/HOURLY", "COPERNICUS/S5P/OFFL/L3_NO2"
KAMPALA, NAIROBI = (32.6, 0.3), (36.8, -1.3)
#: Days in June 2020 without images.
MISSING = {
    ERA5: ["2020-06-02"],
    # All of the window before 2020-06-10, but not that day.
    NO2: [f"2020-06-{day:02d}" for day in range(5, 10)],
}


@pytest.fixture(scope="module")
def engine():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        patch.setenv("NO_PROXY", "127.0.0.1")
        with (
            EarthEngineServer(missing_days=MISSING) as server,
            connect(url=server.url, project="p", credentials=ANONYMOUS) as engine,
        ):
            yield engine


def layer_of(*keys, radius_km=5.0, quality=False):
    return Layer(tuple(PRODUCTS[key] for key in keys), radius_km, quality)


def june(*days):
    return np.array([f"2020-06-{day:02d}" for day in days], dtype="datetime64[D]")


def ask(engine, layer, periods, places=(KAMPALA,), **settings):
    """Properties by city."""
    table = graph.table(layer, places, periods, **settings)
    rows = engine.compute(table, rows=len(places))
    return {row.pop(graph.CITY): row for row in rows}


@pytest.mark.parametrize("quality", [False, True])
def test_the_stack_has_the_bands_that_it_says(engine, quality):
    "Two products of three bands, two days."
    layer = layer_of("no2", "cams", quality=quality)
    names = graph.band_names(layer, june(1, 2))
    assert graph.stack(layer, june(1, 2)).bandNames().getInfo() == names
    if not quality:
        assert names == ["v0_0", "v1_0", "v2_0", "v0_1", "v1_1", "v2_1"]


def test_values_come_before_times():
    "Of MAIAC, whose images bring two bands and their two times."
    assert graph.band_names(layer_of("maiac", quality=True), june(1)) == ["v0_0", "v1_0", "t0_0", "t1_0"]


def test_one_band_and_one_reducer_keep_the_bands_name(engine):
    "Earth Engine alone would call it `mean`."
    assert list(ask(engine, layer_of("elevation"), np.array(["1970-01-01"], "datetime64[D]"))[0]) == ["v0_0"]


def test_one_band_and_several_reducers_keep_the_bands_name(engine):
    "Earth Engine alone would call them `mean`, `min`, `max`."
    found = ask(engine, layer_of("reference-population"), np.array(["1970-01-01"], "datetime64[D]"))[0]
    assert sorted(found) == ["v0_0_max", "v0_0_mean", "v0_0_min"]
    assert found["v0_0_min"] < found["v0_0_mean"] < found["v0_0_max"]


@pytest.mark.parametrize("layer", [layer_of("no2", "maiac", quality=True), layer_of("era5", "era5-rain")])
def test_an_answer_has_the_names_that_the_layer_reads(engine, layer):
    "Every property of every city is one that `property_of` tells, and some city has each."
    answer = ask(engine, layer, june(1, 3), places=[(x, 0.5) for x in range(20, 40, 2)])
    wanted = {layer.property_of(output, day) for output in layer.outputs for day in (0, 1)}
    reduced = {f"{band}_{name}" for band in graph.band_names(layer, june(1, 3)) for name in layer.reducers}
    found = set().union(*answer.values())
    assert wanted <= found
    assert found <= wanted | reduced


def test_cities_keep_their_rows(engine):
    "Two cities asked for in either order have their own values."
    layer = layer_of("era5")
    one = ask(engine, layer, june(1), places=[KAMPALA, NAIROBI])
    other = ask(engine, layer, june(1), places=[NAIROBI, KAMPALA])
    assert (one[0], one[1]) == (other[1], other[0])
    assert one[0] != one[1]


def test_a_day_without_images_is_empty_and_spoils_no_other(engine):
    "ERA5 lacks the second of three days."
    found = ask(engine, layer_of("era5-rain"), june(1, 2, 3))[0]
    assert sorted(found) == ["v0_0", "v0_2"]


def test_only_days_without_images(engine):
    "One day, none of its images: a city without properties."
    assert ask(engine, layer_of("era5"), june(2)) == {0: {}}


def test_a_day_without_images_counts_no_pixel(engine):
    "With quality: zero valid pixels, no value, no time."
    found = ask(engine, layer_of("no2", quality=True), june(7))[0]
    assert found == {"v0_0_count": 0, "t0_0_count": 0}


def test_products_before_their_first_day_have_no_band():
    "HCHO begins half a year after NO2."
    days = np.array(["2018-08-01", "2019-08-01"], dtype="datetime64[D]")
    assert graph.band_names(layer_of("no2", "hcho"), days) == ["v0_0", "v0_1", "v1_1"]


def test_the_most_recent_pixel_is_never_of_the_day_itself(engine):
    "The five days before 10 June have no image, the day itself has: nothing comes."
    layer = layer_of("reference-no2")
    assert ask(engine, layer, june(10)) == {0: {}}
    assert ask(engine, layer, june(3)) != {0: {}}


def test_points_are_sent_and_buffered_by_the_service():
    "A request holds a point of two numbers for a city, and no polygon."
    text = json.dumps(ee.serializer.encode(graph.discs([KAMPALA, NAIROBI], 5000.0)))
    assert text.count("GeometryConstructors.Point") == 2
    assert "Polygon" not in text
    assert text.count("Geometry.buffer") + text.count("Feature.buffer") == 1


def test_an_answer_carries_no_geometry(engine):
    "Geometry is most of an answer."
    (feature,) = graph.table(layer_of("era5"), [KAMPALA], june(1)).getInfo()["features"]
    assert feature["geometry"] is None


def test_requests_grow_little_with_the_days(engine):
    "What days share is sent once: another day costs less than 1,000 bytes a product."
    layer = layer_of("no2", "co", "maiac")
    sizes = [len(graph.table(layer, [KAMPALA], june(*range(1, last + 1))).serialize()) for last in (10, 20)]
    assert (sizes[1] - sizes[0]) / 10 / 3 < 1000
