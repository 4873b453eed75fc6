"""What the graphs ask for, evaluated by a simulated Earth Engine; values stand in test_brute_force."""

import json
from dataclasses import replace

import ee
import numpy as np
import pytest
from brute_force import DAILY, DAY, HOUR, expected
from earthengine_server import EarthEngineServer, answers
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
def server():
    missing_runs = {"ECMWF/CAMS/NRT": ["2020-06-02"]}
    with EarthEngineServer(missing_days=MISSING, missing_runs=missing_runs) as server:
        yield server


@pytest.fixture(scope="module")
def engine(server):
    with connect(url=server.url, project="p", credentials=ANONYMOUS) as engine:
        yield engine


def layer_of(*keys, radius_km=5.0, quality=False):
    return Layer(tuple(PRODUCTS[key] for key in keys), radius_km, quality)


def names_of(layer, periods):
    """Names of the bands of all stacks of a layer."""
    return [name for grid in layer.grids for name in graph.band_names(layer, periods, grid)]


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
    layer = layer_of("no2", "maiac", quality=quality)
    (grid,) = layer.grids
    names = graph.band_names(layer, june(1, 2), grid)
    near = graph.box_filter([KAMPALA], 10.0)
    assert graph.stack(layer, june(1, 2), grid, near).bandNames().getInfo() == names
    if not quality:
        assert names == ["v0_0", "v1_0", "v2_0", "v0_1", "v1_1", "v2_1"]


def test_products_of_other_pixels_have_a_stack_of_their_own():
    "NO2 of 0.01 degree and CAMS of 0.025: two stacks in one request, bands numbered through."
    layer = layer_of("no2", "cams")
    assert [graph.band_names(layer, june(1, 2), grid) for grid in layer.grids] == [
        ["v0_0", "v0_1"],
        ["v1_0", "v2_0", "v1_1", "v2_1"],
    ]


def test_values_come_before_times():
    "Of MAIAC, whose images bring two bands and their two times."
    assert names_of(layer_of("maiac", quality=True), june(1)) == ["v0_0", "v1_0", "t0_0", "t1_0"]


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
    answer = ask(engine, layer, june(11, 13), places=[(x, 0.5) for x in range(20, 40, 2)])
    wanted = {layer.property_of(output, day) for output in layer.outputs for day in (0, 1)}
    reduced = {f"{band}_{name}" for band in names_of(layer, june(11, 13)) for name in layer.reducers}
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
    found = ask(engine, layer_of("era5"), june(1, 2, 3))[0]
    assert {name[-1] for name in found} == {"0", "2"}


def test_rain_of_a_part_of_the_day_is_none(engine):
    "Without 2 June in UTC, the last hour of 1 June, which ends at midnight, is missing; 3 June is whole."
    found = ask(engine, layer_of("era5-rain"), june(1, 2, 3))[0]
    assert sorted(found) == ["v0_2"]


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
    assert names_of(layer_of("no2", "hcho"), days) == ["v0_0", "v0_1", "v1_1"]


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


# -- where images are read, and on which pixels


def boxes(places, reach_km=100.0):
    """West, south, east, north of the boxes that a filter holds."""
    encoded = json.dumps(ee.serializer.encode(graph.box_filter(places, reach_km), for_cloud_api=True))
    values = json.loads(encoded)["values"]
    text = json.dumps(values)
    decoder, found = json.JSONDecoder(), []
    for part in text.split('"coordinates": {"constantValue": ')[1:]:
        found.append(decoder.raw_decode(part)[0])
    return found


def test_the_box_holds_the_cities_and_their_discs():
    "Kampala and Nairobi and 100 km: 0.9° more on each side."
    ((west, south, east, north),) = boxes([KAMPALA, NAIROBI])
    assert [west, south, east, north] == pytest.approx([31.7, -2.2, 37.7, 1.2], abs=0.01)


def test_a_box_over_the_antimeridian_is_two():
    "Fiji and Samoa, 178° east and 172° west: no box around the Earth."
    first, second = boxes([(178.0, -18.0), (-172.0, -13.8)])
    assert [first[0], first[2]] == pytest.approx([177.05, 180.0], abs=0.01)
    assert [second[0], second[2]] == pytest.approx([-180.0, -171.05], abs=0.01)


@pytest.mark.parametrize("places", [[(10.0, 89.9)], [(-170.0, 0.0), (-60.0, 0.0), (50.0, 0.0), (120.0, 0.0)]])
def test_a_box_that_goes_round_is_the_earths(places):
    "At a pole, or for cities all around the Earth with discs of 10,000 km."
    ((west, _, east, _),) = boxes(places, 10_000.0)
    assert (west, east) == (-180.0, 180.0)


def images_read(engine, server, layer, periods, places):
    """Images that were prepared for a request."""
    before = len(server.stats.compute)
    ask(engine, layer, periods, places=places)
    return sum(one.images for one in server.stats.compute[before:])


def test_tiles_far_from_the_cities_are_not_read(engine, server):
    "Of 288 tiles of 15° Kampala lies in one, and a disc at the corner of four in four."
    once = np.array(["1970-01-01"], "datetime64[D]")
    assert images_read(engine, server, layer_of("elevation"), once, [(40.0, 5.0)]) == 1
    assert images_read(engine, server, layer_of("elevation"), once, [(30.0, 0.0)]) == 4


def test_a_disc_over_the_antimeridian_has_both_sides(engine):
    "Its pixels are as many as those of a disc inland, and all have a height."
    layer = layer_of("elevation", quality=True)
    once = np.array(["1970-01-01"], "datetime64[D]")
    found = ask(engine, layer, once, places=[(179.99, 0.5), (40.0, 0.5)])
    assert found[0]["v0_0_count"] == pytest.approx(found[1]["v0_0_count"], rel=0.02)


def test_a_cell_at_the_pole_ends_there(engine):
    "Half a degree around 89.9° north reaches from 89.65° to 90°."
    (cell,) = graph.squares([(0.0, 89.9)], 0.5).getInfo()["features"]
    corners = np.array(cell["geometry"]["coordinates"][0])
    assert sorted(set(corners[:, 1])) == pytest.approx([89.65, 90.0])


def test_tile_scale_is_sent_only_where_it_is_asked_for():
    "By default the service's own; 4 where a request ran out of memory."
    layer = layer_of("no2")
    assert "tileScale" not in graph.table(layer, [KAMPALA], june(1)).serialize()
    assert '"tileScale"' in graph.table(layer, [KAMPALA], june(1), tile_scale=4).serialize()


def test_a_missing_run_of_cams_is_replaced(engine):
    "On 2 June the run of 00 UTC is missing: that of 12 UTC before stands in, half a day older."
    layer = layer_of("cams", quality=True)
    found = ask(engine, layer, june(1, 2, 3))[0]
    starts = [answers.milliseconds(f"2020-06-0{day}") for day in (1, 2, 3)]
    ages = [(start + DAY - found[f"t0_{at}_mean"]) / DAY for at, start in enumerate(starts)]
    assert ages == pytest.approx([1.0, 1.5, 1.0])
    # In this stand-in a forecast of an hour is the same in every run.
    days = [f"2020-06-0{day}" for day in (1, 2, 3)]
    column = replace(DAILY["cams_pm25"], factor=1.0)
    wanted = expected([KAMPALA], days, {"pm25": column})["pm25"][0]
    assert [found[f"v0_{at}_mean"] for at in range(3)] == pytest.approx(wanted.tolist())


def test_a_local_day_takes_what_there_is_of_each_run(engine):
    "At 30° east 2 June begins at 22 UTC on the 1st; its later hours are of the older run."
    found = ask(engine, layer_of("cams", quality=True), june(2), offset_hours=2)[0]
    # Hours 0, 3, … 21 of 2 June are of the run of 12 UTC on 1 June, 34 hours before the end of the day.
    end = answers.milliseconds("2020-06-03") - 2 * HOUR
    assert (end - found["t0_0_mean"]) / HOUR == pytest.approx(34.0)
