"""Claims about the catalogue of Earth Engine products, with values worked out by hand."""

import datetime
import operator

import numpy as np
import pandas as pd
import pytest

from airq.features.recipe import reference
from airq.panel import COLUMNS
from airq.sources.earthengine.catalogue import EXTRACTIONS, PRODUCTS, RINGS_KM, products_of
from airq.sources.earthengine.layers import column_units
from airq.sources.earthengine.product import MODEL_METRES, Band, Mask, Product

COMPARE = {
    "eq": operator.eq,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def columns_of(recipe):
    return [column for product in products_of(recipe) for column in column_units(product, rings_km=RINGS_KM)]


def takes(product, **properties):
    """Whether a product takes an image of these properties."""
    return all(COMPARE[comparison](properties[name], value) for name, comparison, value in product.where)


def a_product(**changes):
    facts = {
        "key": "mine",
        "title": "mine",
        "asset": "MINE",
        "bands": (Band("no2", "b", "mol m⁻²"),),
        "start": "2020-01-01",
        "end": None,
        "citation": "me",
        "kind": "satellite",
        "resolution": 1000.0,
        "latency": 1,
    }
    return Product(**facts | changes)


def test_default_columns():
    "The default extraction fills these columns, in this order."
    assert columns_of("default") == [
        *("no2", "co", "hcho", "so2", "o3", "aer_ai", "cloud_fraction", "aod047", "aod055"),
        *("cams_pm25", "cams_aod"),
        *("temp_air", "temp_dew", "wind_u", "wind_v", "pressure", "boundary_layer_height", "precipitation"),
        *("fire_power_50km", "fire_power_150km", "fire_power_300km"),
        *("fire_seen_50km", "fire_seen_150km", "fire_seen_300km"),
        *("night_lights", "population_density", "elevation"),
    ]


def test_live_columns_are_known_to_default():
    "Live lacks what arrives late, and adds what GFS has instead."
    live, default = set(columns_of("live")), set(columns_of("default"))
    assert default - live == {"aod047", "aod055", "pressure"}
    assert live - default == {"relative_humidity", "precipitable_water"}


def test_reference_columns():
    "The reference extraction fills exactly what the published model's recipe reads."
    assert sorted(columns_of("reference")) == sorted(reference().inputs)


@pytest.mark.parametrize("recipe", EXTRACTIONS)
def test_columns_come_once(recipe):
    "No two products of a recipe fill one column."
    columns = columns_of(recipe)
    assert len(columns) == len(set(columns))


def test_units_of_the_vocabulary():
    "A column that the panel's vocabulary knows has the vocabulary's unit, whatever product fills it."
    units = [
        pair for product in PRODUCTS.values() for pair in column_units(product, rings_km=RINGS_KM).items()
    ]
    assert [
        (column, unit) for column, unit in units if column in COLUMNS and unit != COLUMNS[column].unit
    ] == []


def test_disc_population_is_not_the_city_population():
    "`population`, the people of the whole city, is left to the city table."
    assert all("population" not in column_units(product) for product in PRODUCTS.values())


@pytest.mark.parametrize(
    ("key", "column", "raw", "value"),
    [
        ("maiac", "aod047", 250, 0.25),
        ("maiac", "aod055", 180, 0.18),
        ("cams", "cams_pm25", 3.5e-8, 35.0),
        ("cams", "cams_aod", 0.4, 0.4),
        ("era5", "temp_air", 300.0, 26.85),
        ("era5", "temp_dew", 273.15, 0.0),
        ("era5", "pressure", 101_325.0, 1013.25),
        ("era5-rain", "precipitation", 0.0021, 2.1),
        ("gfs", "temp_air", 26.85, 26.85),
        ("gfs-rain", "precipitation", 2.1, 2.1),
        ("fires", "fire_power", 123, 12.3),
        ("population", "population_density", 40, 4000.0),
        ("reference-gfs", "temperature_2m_above_ground", 26.85, 26.85),
    ],
)
def test_scales(key, column, raw, value):
    "A pixel of the asset becomes this value of the column."
    band = next(band for band in PRODUCTS[key].bands if band.name == column)
    assert band.scale * raw + band.offset == pytest.approx(value)


@pytest.mark.parametrize(
    ("quality", "clear"),
    [
        (0b001, True),
        (0b0001_0000_0001_1001, True),
        (0b0000_0100_0000_0001, False),
        (0b0000_1011_0000_0001, False),
        (0b0000_0000_0010_0001, False),
        (0b000, False),
        (0b010, False),
        (0b011, False),
        (0b101, False),
    ],
)
def test_maiac_keeps_clear_pixels(quality, clear):
    "Clear (1 of 0, 2, 3, 5), nothing beside it, best quality; land, glint and aerosol model may be any."
    mask = PRODUCTS["maiac"].mask
    assert mask.band == "AOD_QA"
    assert ((quality & mask.bits) == mask.value) == clear


def test_sentinel_columns_lose_outliers_only():
    "Of the gases' columns, pixels below -0.001 mol/m² go; indices and fractions keep all."
    lows = {band.name: band.low for product in products_of("default")[:7] for band in product.bands}
    gases = dict.fromkeys(["no2", "co", "hcho", "so2", "o3"], -0.001)
    assert lows == {**gases, "aer_ai": None, "cloud_fraction": None}


def test_cams_hours_come_once():
    "Two runs a day for 120 hours: of them, the product takes each hour of a day once."
    runs = pd.date_range("2020-01-01", "2020-01-10", freq="12h")
    taken = [
        run + pd.Timedelta(hours=hour)
        for run in runs
        for hour in range(121)
        if takes(PRODUCTS["cams"], model_initialization_hour=run.hour, model_forecast_hour=hour)
    ]
    day = [time for time in taken if time.date() == datetime.date(2020, 1, 8)]
    assert [time.hour for time in day] == list(range(24))


@pytest.mark.parametrize("key", ["gfs", "gfs-2025"])
def test_gfs_hours_come_once(key):
    "Four runs a day for 120 hours: of them, the product takes each hour after midnight once."
    hours = [
        run + hour
        for run in (0, 6, 12, 18)
        for hour in range(121)
        if takes(PRODUCTS[key], forecast_hours=hour)
    ]
    assert hours == list(range(1, 25))


def test_gfs_rain_is_not_counted_twice():
    "One millimetre an hour makes 24 mm a day: hour F of a run holds the rain of its last (F-1)%6+1 hours."
    rain = [
        (hour - 1) % 6 + 1
        for _ in (0, 6, 12, 18)
        for hour in range(1, 121)
        if takes(PRODUCTS["gfs-rain"], forecast_hours=hour)
    ]
    assert PRODUCTS["gfs-rain"].composite == "sum"
    assert sum(rain) == 24


def test_reference_weather_is_the_analysis():
    "Of a run's images, all of one time, the reference's weather is hour 0."
    taken = [hour for hour in range(121) if takes(PRODUCTS["reference-gfs"], forecast_hours=hour)]
    assert taken == [0]
    assert PRODUCTS["reference-gfs"].composite == "first"


def test_reference_looks_back_five_days():
    "The reference's satellite columns are the most recent of five days before, under numbers 0 to 5."
    satellites = [product for product in products_of("reference") if product.kind == "satellite"]
    assert {(product.composite, product.window) for product in satellites} == {("recent", 5)}
    assert {product.asset: {band.name[:2] for band in product.bands} for product in satellites} == {
        "COPERNICUS/S5P/OFFL/L3_NO2": {"0_"},
        "COPERNICUS/S5P/OFFL/L3_O3": {"1_"},
        "COPERNICUS/S5P/OFFL/L3_CO": {"2_"},
        "COPERNICUS/S5P/OFFL/L3_HCHO": {"3_"},
        "COPERNICUS/S5P/OFFL/L3_CLOUD": {"4_"},
        "COPERNICUS/S5P/OFFL/L3_AER_AI": {"5_"},
    }


@pytest.mark.parametrize(("day", "taken"), [("2009-12-31", False), ("2010-01-01", True)])
def test_reference_layers_begin_with_2010(day, taken):
    "The first image from 2010-01-01 on is that of 2010."
    milliseconds = np.datetime64(day, "ms").astype(int)
    for key in ("reference-night-lights", "reference-population"):
        assert takes(PRODUCTS[key], **{"system:time_start": milliseconds}) == taken
        assert (PRODUCTS[key].composite, PRODUCTS[key].cadence) == ("first", "once")


def test_live_is_there_within_two_days():
    "What changes daily in live arrives within two days; default holds what does not."
    late = {
        recipe: {
            product.key for product in products_of(recipe) if product.cadence == "day" and product.latency > 2
        }
        for recipe in ("default", "live")
    }
    assert late["live"] == set()
    assert {"no2", "maiac", "era5", "fires"} <= late["default"]


def test_live_and_default_take_other_streams():
    "The same layers of Sentinel-5P, one offline, one in near real time."
    offline, quick = (
        [product.asset for product in products_of(recipe) if "S5P" in product.asset]
        for recipe in ("default", "live")
    )
    assert len(offline) == 7
    assert [asset.replace("OFFL", "NRTI") for asset in offline] == quick


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=list(PRODUCTS))
def test_citation(product):
    "Every product says where to read of it and on what terms it comes."
    assert "doi:" in product.citation or "https://" in product.citation
    assert "Terms: " in product.citation


def test_counts_and_ages():
    "Satellites bring count and age on request, CAMS the age of its run; weather, lights and rings none."
    assert column_units(PRODUCTS["maiac"], quality=True) == {
        "aod047": "1",
        "aod047_count": "1",
        "aod047_age": "d",
        "aod055": "1",
        "aod055_count": "1",
        "aod055_age": "d",
    }
    assert column_units(PRODUCTS["cams"], quality=True) == {
        "cams_pm25": "µg m⁻³",
        "cams_pm25_age": "d",
        "cams_aod": "1",
        "cams_aod_age": "d",
    }
    for key in ("era5", "night-lights", "fires"):
        assert column_units(PRODUCTS[key], quality=True) == column_units(PRODUCTS[key])


def test_rings():
    "Rings of other radii have other columns."
    assert column_units(PRODUCTS["fires"], rings_km=(25.0, 100.0)) == {
        "fire_power_25km": "MW",
        "fire_power_100km": "MW",
        "fire_seen_25km": "1",
        "fire_seen_100km": "1",
    }


def test_several_reducers():
    "With several reducers, a column's name ends in the reducer's."
    assert list(column_units(PRODUCTS["reference-population"])) == [
        "pop_density2010_5000_mean",
        "pop_density2010_5000_min",
        "pop_density2010_5000_max",
    ]


def test_only_keeps_the_order():
    "A choice of products comes in the recipe's order."
    assert [product.key for product in products_of("live", only=["gfs", "no2-nrti"])] == ["no2-nrti", "gfs"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("defualt",), "No extraction recipe 'defualt'. Did you mean default?"),
        (("default", ["n02"]), "Recipe 'default' has no product 'n02'. Did you mean no2?"),
        (("default", ["gfs"]), "Recipe 'default' has no product 'gfs'."),
    ],
)
def test_unknown_names(arguments, message):
    "An unknown name is refused in one line with the nearest known one."
    with pytest.raises(ValueError, match=".") as caught:
        products_of(*arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "radar"}, "kind is 'radar'"),
        ({"composite": "median"}, "composite is 'median'"),
        ({"cadence": "week"}, "cadence is 'week'"),
        ({"shape": "square"}, "shape is 'square'"),
        ({"reducers": ("mean", "mode")}, "reducers is 'mode'"),
        ({"where": (("hour", "ne", 0.0),)}, "where is 'ne'"),
        ({"bands": ()}, "needs bands"),
        ({"bands": (Band("no2", "a", "1"), Band("no2", "b", "1"))}, "each with a column of its own"),
        ({"end": "2019-12-31"}, "ends on 2019-12-31, before it starts on 2020-01-01"),
        ({"start": "1 May 2020"}, "1 May 2020"),
    ],
)
def test_product_refuses(changes, message):
    "A product of unknown words, of no or equal columns, or of a wrong range is refused."
    with pytest.raises(ValueError, match=message):
        a_product(**changes)


@pytest.mark.parametrize(("bits", "value"), [(0, 0), (0b011, 0b100)])
def test_mask_refuses(bits, value):
    "A mask that keeps all pixels, or none, is refused."
    with pytest.raises(ValueError, match="Mask of 'QA'"):
        Mask("QA", bits=bits, value=value)


def test_cams_has_a_second_run():
    "Runs of 12 UTC, hours 12 to 35: each hour of the next day once."
    where = PRODUCTS["cams"].instead
    hours = [
        12 + ahead - 24
        for run in (0, 12)
        for ahead in range(121)
        if all(
            COMPARE[comparison]({"model_initialization_hour": run, "model_forecast_hour": ahead}[name], value)
            for name, comparison, value in where
        )
    ]
    assert hours == list(range(24))


def test_what_is_unconfirmed_is_said_of_the_product():
    "Five rest on facts that no document confirms; citations are about makers and terms alone."
    unsure = {key for key, product in PRODUCTS.items() if product.unconfirmed}
    assert unsure == {"maiac", "fires", "fires-noaa21", "night-lights", "gfs-rain"}
    assert not any("unconfirmed" in product.citation for product in PRODUCTS.values())


def share_of_disc(west_of, pixel, latitude, longitude, radius=5.0):
    """Area west of a meridian as a share of a disc: exact, and by pixels weighted as Earth Engine does.

    A pixel counts by the share of it that is covered, in 255 steps, and lies where its centre does. [°, km]
    """
    steps = np.linspace(-1, 1, 201)
    x, y = (part[np.hypot(*np.meshgrid(steps, steps)) <= 1] for part in np.meshgrid(steps, steps))
    degrees = radius / 111.195
    east = longitude + x * degrees / np.cos(np.radians(latitude))
    north = latitude + y * degrees
    cells, points = np.unique(np.floor([east / pixel, north / pixel]), axis=1, return_counts=True)
    whole = (pixel * 100 / degrees) ** 2 * np.cos(np.radians(latitude))
    weights = np.floor(255 * np.minimum(points / whole, 1)) / 255
    return (east < west_of).mean(), weights[(cells[0] + 0.5) * pixel < west_of].sum() / weights.sum()


@pytest.mark.parametrize("edge", [30.125, 30.25, 30.2, 30.4])
def test_discs_of_models_hold_the_right_share_of_each_cell(edge):
    "Edges of cells of 0.25° and 0.4° are edges of pixels: shares are right to 0.5 %, not to 7 % as at 0.01°."
    pixel = MODEL_METRES / 111_319.49079327358
    random = np.random.default_rng(0)
    pairs = [
        share_of_disc(edge, pixel, random.uniform(-55, 55), edge + random.uniform(-0.04, 0.04))
        for _ in range(8)
    ]
    exact, found = np.transpose(pairs)
    assert np.abs(exact - found).max() < 0.005
    assert np.ptp(exact) > 0.1
