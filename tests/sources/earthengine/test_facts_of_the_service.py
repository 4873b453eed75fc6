"""Facts of Earth Engine that the graphs rely on, asserted alike of the loopback server and the service.

The service itself needs credentials and a project: ``EARTHENGINE_PROJECT=p pytest -m live``.
"""

import ee
import numpy as np
import pytest
from earthengine_server import EarthEngineServer

from airq.sources.earthengine import graph
from airq.sources.earthengine.catalogue import products_of
from airq.sources.earthengine.client import connect
from airq.sources.earthengine.credentials import load_credentials, resolve_project
from airq.sources.earthengine.extraction import Extraction

NO2 = "COPERNICUS/S5P/OFFL/L3_NO2"
NO2_BANDS = ["tropospheric_NO2_column_number_density", "cloud_fraction"]
KAMPALA = [32.58, 0.31]


@pytest.fixture(params=["loopback", pytest.param("service", marks=pytest.mark.live)])
def engine(request):
    """A connection to the loopback server, or to Earth Engine itself."""
    if request.param == "service":
        credentials = load_credentials("default")
        with connect(project=resolve_project(None, credentials), credentials=credentials) as engine:
            yield engine
        return
    with EarthEngineServer(missing_days={NO2: ["2019-07-02"]}) as server:
        credentials = load_credentials("anonymous", url=server.url)
        with connect(url=server.url, project="p", credentials=credentials) as engine:
            yield engine


def no2(start="2019-07-01", end="2019-07-03"):
    return ee.ImageCollection(NO2).filterDate(start, end).select(NO2_BANDS)


def disc(radius=5000):
    return ee.FeatureCollection([ee.Feature(ee.Geometry.Point(KAMPALA).buffer(radius), {"c": 7})])


def reduced(image, reducer, radius=5000):
    return image.reduceRegions(collection=disc(radius), reducer=reducer, scale=1113.2)


def names(engine, collection):
    (properties,) = engine.compute(collection, rows=1)
    return sorted(properties)


def test_one_band_is_called_by_the_reducer(engine):
    "One band and one reducer: the property has the reducer's name, not the band's."
    image = ee.Image.constant(3).rename("x")
    assert names(engine, reduced(image, ee.Reducer.mean())) == ["c", "mean"]


def test_set_outputs_names_one_band(engine):
    "setOutputs gives it the name that the graph wants."
    image = ee.Image.constant(3).rename("x")
    assert names(engine, reduced(image, ee.Reducer.mean().setOutputs(["v0_0"]))) == ["c", "v0_0"]


def test_several_bands_keep_their_names(engine):
    "Several bands and one reducer: the properties have the bands' names."
    image = ee.Image.constant([3, 4]).rename(["x", "y"])
    assert names(engine, reduced(image, ee.Reducer.mean())) == ["c", "x", "y"]


def test_combined_reducers_append_their_names(engine):
    "Several bands and combined reducers: band_reducer."
    image = ee.Image.constant([3, 4]).rename(["x", "y"])
    both = ee.Reducer.mean().combine(ee.Reducer.count(), None, True)
    assert names(engine, reduced(image, both)) == ["c", "x_count", "x_mean", "y_count", "y_mean"]


def test_a_masked_region_lacks_the_property(engine):
    "A region without valid pixels keeps its row and lacks the property."
    image = ee.Image.constant([3, 4]).rename(["x", "y"])
    masked = image.updateMask(ee.Image.constant([0, 1]))
    assert engine.compute(reduced(masked, ee.Reducer.mean()), rows=1) == [{"c": 7, "y": 4}]


def test_a_composite_of_nothing_has_no_bands(engine):
    "A day without images has a composite without bands: asking for one of them is refused."
    empty = no2("1999-01-01", "1999-01-02").mean()
    with pytest.raises(ValueError, match=r"(?i)band"):
        engine.compute(reduced(empty.select(NO2_BANDS), ee.Reducer.mean()), rows=1)


def test_a_masked_image_stands_in_for_a_day_without_images(engine):
    "With a fully masked image merged in front, such a day has bands, and no values."
    blank = ee.ImageCollection([ee.Image.constant([0, 0]).rename(NO2_BANDS).updateMask(0)])
    empty = blank.merge(no2("1999-01-01", "1999-01-02")).mean()
    assert names(engine, reduced(empty.rename(["x", "y"]), ee.Reducer.mean())) == ["c"]


def test_a_masked_image_changes_no_value(engine):
    "On a day with images the masked image in front changes nothing."
    blank = ee.ImageCollection([ee.Image.constant([0, 0]).rename(NO2_BANDS).updateMask(0)])
    day = no2("2019-07-01", "2019-07-02")
    with_blank = engine.compute(reduced(blank.merge(day).mean(), ee.Reducer.mean()), rows=1)
    assert with_blank == engine.compute(reduced(day.mean(), ee.Reducer.mean()), rows=1)


def test_to_bands_keeps_the_order(engine):
    "toBands stacks images in the order of the list, so that bands can be renamed by position."
    images = [ee.Image.constant([number, 10 * number]).rename(["x", "y"]) for number in (1, 2)]
    stacked = ee.ImageCollection(images).toBands().rename(["a", "b", "c1", "d"])
    answer = engine.compute(reduced(stacked, ee.Reducer.mean()), rows=1)
    assert answer == [{"c": 7, "a": 1, "b": 10, "c1": 2, "d": 20}]


def test_a_mosaic_shows_the_last_image(engine):
    "In a mosaic later images lie on top, where they are valid."
    under, over = ee.Image.constant([1, 1]), ee.Image.constant([2, 2])
    images = ee.ImageCollection([under, over.updateMask(ee.Image.constant([1, 0]))])
    answer = engine.compute(reduced(images.mosaic().rename(["x", "y"]), ee.Reducer.mean()), rows=1)
    assert answer == [{"c": 7, "x": 2, "y": 1}]


@pytest.mark.parametrize("quality", [False, True])
@pytest.mark.parametrize("recipe", ["default", "live", "reference"])
def test_every_graph_is_taken(engine, recipe, quality):
    "One city and one day of every layer of every recipe: the answer has no property that was not asked for."
    extraction = Extraction(recipe, products_of(recipe), rings_km=(10.0,), quality=quality)
    day = np.datetime64("2025-03-01")
    for layer in extraction.layers:
        (answer,) = engine.compute(graph.table(layer, [KAMPALA], layer.periods(day, day)), rows=1)
        # With counts, times and what no satellite sees have counts, too.
        counts = (
            {f"{output.band}_0_count" for output in layer.outputs} if "count" in layer.reducers else set()
        )
        assert set(answer) <= {"c", *(layer.property_of(output, 0) for output in layer.outputs)} | counts
        assert answer["c"] == 0


def test_an_unknown_asset_is_refused_by_name(engine):
    "An asset that is not there is refused for good, and the refusal names it."
    image = ee.ImageCollection("COPERNICUS/S5P/OFFL/L3_NOTHING").mean()
    with pytest.raises(ValueError, match="COPERNICUS/S5P/OFFL/L3_NOTHING"):
        engine.compute(reduced(image, ee.Reducer.mean()), rows=1)
