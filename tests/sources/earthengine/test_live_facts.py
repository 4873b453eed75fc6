"""Facts that the catalogue rests on, asserted of the service: ``EARTHENGINE_PROJECT=p pytest -m live``.

What is called unconfirmed there, and in the notes of `airq plan`, is settled by one test each.
"""

import ee
import numpy as np
import pytest

from airq.cities import bundled_cities
from airq.sources.earthengine.catalogue import PRODUCTS, products_of
from airq.sources.earthengine.client import connect
from airq.sources.earthengine.credentials import load_credentials, resolve_project
from airq.sources.earthengine.extraction import Extraction
from airq.sources.earthengine.planning import SampleRequest, sample_requests
from airq.sources.earthengine.product import SINUSOIDAL, SINUSOIDAL_METRES
from airq.sources.earthengine.sampler import probe
from airq.sources.folder import LayerRequest

pytestmark = pytest.mark.live

#: Burning savanna of Central Africa at the height of its season, and a box around it.
SEASON = "2023-01-15"
SAVANNA = [15.0, 4.0, 30.0, 10.0]


@pytest.fixture(scope="module")
def service():
    """A connection to Earth Engine; skip where this machine has no credentials for it."""
    try:
        credentials = load_credentials("default")
        project = resolve_project(None, credentials)
    except ValueError as error:
        pytest.skip(str(error))
    with connect(project=project, credentials=credentials) as engine:
        yield engine


def day_of(key, day=SEASON):
    """Images of a product on a day."""
    start = ee.Date(day)
    return ee.ImageCollection(PRODUCTS[key].asset).filterDate(start, start.advance(1, "day"))


def times_of(images):
    """Times of images, datetime64[s]."""
    return np.array(images.aggregate_array("system:time_start").getInfo(), "datetime64[ms]").astype("<M8[s]")


@pytest.mark.parametrize("key", ["fires", "fires-noaa21"])
def test_fire_power_is_in_tenths_of_a_megawatt(service, key):
    """The median of burning cells is taken to lie between 3 and 100 MW, and none to exceed 5,000 MW.

    An order of magnitude, which tells tenths from whole MW. Where it fails, compare the median with that of
    FIRMS' VNP14IMG for the same box and day before the factor 0.1 of the catalogue is changed.
    """
    image = day_of(key, "2024-01-15").select("MaxFRP").max()
    burning = image.updateMask(image.gt(0))
    both = ee.Reducer.median().combine(ee.Reducer.max(), None, True)
    found = burning.reduceRegion(
        both, ee.Geometry.Rectangle(SAVANNA, None, False), SINUSOIDAL_METRES, crs=SINUSOIDAL, maxPixels=1e8
    ).getInfo()
    assert 30 <= found["MaxFRP_median"] <= 1000
    assert found["MaxFRP_max"] * 0.1 < 5000


@pytest.mark.parametrize("key", ["no2", "maiac", "era5"])
def test_images_have_names_and_versions(service, key):
    "Each image has a name of its own and a version, which tell it from one that replaces it."
    images = day_of(key).limit(20)
    names, versions = (images.aggregate_array(f"system:{name}").getInfo() for name in ("index", "version"))
    assert len(set(names)) == len(versions) == images.size().getInfo()


@pytest.mark.parametrize("key", ["fires", "fires-noaa21"])
def test_fires_lie_on_the_sinusoidal_grid(service, key):
    "The native projection and the size of its cells are those that sums rest on."
    found = day_of(key, "2024-01-15").first().select("MaxFRP").projection().getInfo()
    assert found["crs"] == SINUSOIDAL or "inusoidal" in found.get("wkt", "")
    assert found["transform"][0] == pytest.approx(SINUSOIDAL_METRES, abs=1e-4)
    # Cells are whole numbers of cells away from the centre, as a grid by size alone has them.
    assert found["transform"][2] / SINUSOIDAL_METRES == pytest.approx(
        round(found["transform"][2] / SINUSOIDAL_METRES), abs=1e-3
    )


@pytest.mark.parametrize("key", ["fires", "fires-noaa21"])
def test_the_fire_mask_holds_its_classes(service, key):
    "Whole numbers from 0 to 9; land without fire (5) is seen in the dry season."
    found = (
        day_of(key, "2024-01-15")
        .first()
        .select("FireMask")
        .reduceRegion(
            ee.Reducer.frequencyHistogram(),
            ee.Geometry.Rectangle(SAVANNA, None, False),
            SINUSOIDAL_METRES,
            crs=SINUSOIDAL,
            maxPixels=1e8,
        )
        .getInfo()["FireMask"]
    )
    assert {float(value) for value in found} <= set(map(float, range(10)))
    assert found.get("5", 0) > 0


def test_times_of_maiac_are_those_of_the_overpass(service):
    "Granules of a day have many times, and not all are midnight."
    times = times_of(day_of("maiac").filterBounds(ee.Geometry.Rectangle(SAVANNA, None, False)))
    assert len(np.unique(times)) >= 2
    assert (times != np.datetime64(f"{SEASON}T00:00:00")).any()


def test_maiac_has_the_quality_bits_that_the_mask_reads(service):
    "Some pixels of a region and day pass, and fewer than pass the cloud mask alone."
    box = ee.Geometry.Rectangle(SAVANNA, None, False)
    granules, mask = day_of("maiac").filterBounds(box), PRODUCTS["maiac"].mask

    def share(bits, value):
        kept = granules.map(lambda image: image.select(mask.band).bitwiseAnd(bits).eq(value)).mean()
        return kept.rename("share").reduceRegion(ee.Reducer.mean(), box, 5000).getInfo()["share"]

    assert 0 < share(mask.bits, mask.value) < share(0b111, 1) < 1


def test_years_of_night_lights(service):
    "One image a year; which is the first decides what serves the years before it."
    times = times_of(ee.ImageCollection(PRODUCTS["night-lights"].asset))
    years = np.sort(times.astype("datetime64[Y]"))
    assert len(np.unique(years)) == len(years)
    assert years[0] in (np.datetime64("2012"), np.datetime64("2022")), years
    assert (np.diff(years).astype(int) == 1).all()


def test_an_image_of_era5_holds_the_hour_before_its_time(service):
    "24 images a day at whole hours, so that rain of a day is that of 01 to 24 o'clock."
    times = times_of(day_of("era5-rain"))
    assert len(times) == PRODUCTS["era5-rain"].fewest
    assert set((times - times.astype("datetime64[h]")).astype(int)) == {0}


def test_cams_has_two_runs_that_forecast_the_same_hours(service):
    "Hours 0 to 23 of the run of 00 UTC and 12 to 35 of that of 12 UTC before have the same times."
    product, images = PRODUCTS["cams"], day_of("cams")

    def times(where):
        own = images
        for name, comparison, value in where:
            own = own.filter(getattr(ee.Filter, comparison)(name, value))
        return np.unique(times_of(own))

    assert len(times(product.where)) in (8, 24)
    assert (times(product.where) == times(product.instead)).all()


def test_images_of_gfs_rain_are_four_a_day(service):
    "Four runs, one image of hour 6 each."
    images = day_of("gfs-rain")
    for name, comparison, value in PRODUCTS["gfs-rain"].where:
        images = images.filter(getattr(ee.Filter, comparison)(name, value))
    assert images.size().getInfo() == PRODUCTS["gfs-rain"].fewest


@pytest.mark.parametrize("key", [key for key in PRODUCTS if not key.startswith("reference")])
def test_images_near_a_city_pass_the_filter_by_place(service, key):
    "Outlines of images are good enough for filterBounds: Kampala keeps the value that it has without."
    product = PRODUCTS[key]
    near = ee.Geometry.Rectangle([32.5, 0.2, 32.7, 0.4], None, False)
    images = ee.ImageCollection(product.asset)
    if product.cadence == "day":
        images = day_of(key, "2025-03-01")
    band, point = product.bands[0].band, ee.Geometry.Point([32.58, 0.31])
    means = [
        own.select(band).mean().reduceRegion(ee.Reducer.mean(), point.buffer(5000), 1113.2).getInfo()
        for own in (images, images.filterBounds(near))
    ]
    assert means[0] == means[1]


def test_a_real_block_of_seventy_scattered_cities_and_seventeen_days(service):
    "The widest request that a run sends: it comes back whole, with a value in most columns."
    cities = bundled_cities().sample(70, random_state=0)
    places = cities[["longitude", "latitude"]].to_numpy()
    days = np.datetime64(SEASON) + np.arange(17)
    layer = Extraction("default", products_of("default")).layers[0]
    (request,) = sample_requests([LayerRequest(layer, np.arange(70), days)], places)
    values, took = service.profiled(lambda: probe(service, request, places))
    assert values.shape == (70, 17, len(layer.outputs))
    filled = np.isfinite(values).mean(axis=(0, 1))
    assert (filled > 0).all(), dict(zip(layer.columns, filled, strict=True))
    assert took is None or took > 0


def test_a_profile_tells_eecu_seconds(service):
    "What `airq extract --check` measures is there, and positive."
    layer = Extraction("default", products_of("default", ["no2"])).layers[0]
    request = SampleRequest(layer, np.array([0]), np.array([np.datetime64(SEASON)]))
    _, took = service.profiled(lambda: probe(service, request, np.array([[32.58, 0.31]])))
    assert took > 0
