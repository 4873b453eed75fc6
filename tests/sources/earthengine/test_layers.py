"""Which products share a request, what it brings, and for which periods; worked out by hand."""

import dataclasses

import numpy as np
import pytest

from airq.sources.earthengine.catalogue import PRODUCTS, products_of
from airq.sources.earthengine.extraction import Extraction
from airq.sources.earthengine.layers import ONCE, Layer, disc_area, has_images, period_bounds
from airq.sources.site_days import day_labels


def extraction(recipe="default", only=None, **settings):
    return Extraction(recipe, products_of(recipe, only), **settings)


def layer_of(*keys, radius_km=5.0, quality=False):
    return Layer(tuple(PRODUCTS[key] for key in keys), radius_km, quality)


def outputs(layer):
    return [(output.column, output.band, output.reducer) for output in layer.outputs]


def days(layer, start, end):
    return layer.periods(start, end).astype(str).tolist()


def day(text):
    return np.datetime64(text, "D")


def test_default_recipe_is_seven_layers():
    "One disc for all daily products, three discs of fires, and three of what hardly changes."
    names = [layer.name for layer in extraction().layers]
    assert names == [
        "day-disc5km-1113p2m-mean",
        *(f"utcday-rings{radius}km-926p625m-sum" for radius in (50, 150, 300)),
        "year-disc5km-463p83m-mean",
        "year-disc5km-100m-mean",
        "once-disc5km-300m-mean",
    ]


@pytest.mark.parametrize("recipe", ["default", "live", "reference"])
@pytest.mark.parametrize("quality", [False, True])
def test_no_two_layers_share_a_name(recipe, quality):
    "Chunks are told apart by the layer's name."
    names = [layer.name for layer in extraction(recipe, quality=quality).layers]
    assert len(set(names)) == len(names)


def test_quality_parts_satellites_from_models():
    "Of NO2 and ERA5's rain, which share a request, only NO2 has a count and an age."
    layers = extraction(only=["no2", "era5-rain"], quality=True).layers
    assert [layer.columns for layer in layers] == [["no2", "no2_count", "no2_age"], ["precipitation"]]
    assert [layer.columns for layer in extraction(only=["no2", "era5-rain"]).layers] == [
        ["no2", "precipitation"]
    ]


def test_bands_are_numbered_through_the_layer():
    "CAMS has two bands, NO2 one."
    assert outputs(layer_of("cams", "no2")) == [
        ("cams_pm25", "v0", "mean"),
        ("cams_aod", "v1", "mean"),
        ("no2", "v2", "mean"),
    ]


def test_outputs_with_quality():
    "The count is of the values, the age is the mean of the times."
    assert outputs(layer_of("no2", quality=True)) == [
        ("no2", "v0", "mean"),
        ("no2_count", "v0", "count"),
        ("no2_age", "t0", "mean"),
    ]


def test_outputs_of_several_reducers():
    "With three reducers the columns are called after them."
    assert outputs(layer_of("reference-night-lights")) == [
        ("avg_vis_5000_mean", "v0", "mean"),
        ("avg_vis_5000_min", "v0", "min"),
        ("avg_vis_5000_max", "v0", "max"),
    ]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layer_of("no2"), ["v0_7"]),
        (layer_of("no2", quality=True), ["v0_7_mean", "v0_7_count", "t0_7_mean"]),
        (layer_of("reference-population"), ["v0_7_mean", "v0_7_min", "v0_7_max"]),
    ],
    ids=["one reducer", "quality", "three reducers"],
)
def test_names_in_an_answer(layer, expected):
    "Earth Engine adds the reducer's name where there are several."
    assert [layer.property_of(output, 7) for output in layer.outputs] == expected


def test_sizes():
    "NO2 and CAMS: three bands a day; with quality, NO2 and MAIAC (3 bands): six, and nine values."
    assert layer_of("no2", "cams").bands_per_period == 3
    both = layer_of("no2", "maiac", quality=True)
    assert (both.bands_per_period, len(both.outputs)) == (6, 9)


@pytest.mark.parametrize(("radius", "power", "seen"), [(50, 1, 1), (150, 1, 3), (300, 2, 6), (1000, 6, 20)])
def test_rings_are_sums_of_cells(radius, power, seen):
    "Tenths of MW by cells; the mean of a block of 2 x 2 cells stands for four; what was seen is an area."
    layer = layer_of("fires", radius_km=float(radius))
    first, second = layer.outputs
    assert (first.column, first.reducer) == (f"fire_power_within_{radius}km", "sum")
    assert first.scale == pytest.approx(0.1 * power**2)
    assert (second.column, second.unit) == (f"fire_seen_within_{radius}km", "km²")
    assert second.scale == pytest.approx((0.926625433 * seen) ** 2)


def test_shares_of_rings():
    "Seen: all of the inner disc, half of the outer one: (half of 150² - 50²) over (150² - 50²) of the ring."
    ring = extraction(only=["fires"], rings_km=(50, 150))
    inner, outer = disc_area(50.0), disc_area(150.0)
    columns = {f"fire_power_within_{radius}km": np.zeros(1) for radius in (50, 150)}
    columns |= {"fire_seen_within_50km": np.array([inner]), "fire_seen_within_150km": np.array([outer / 2])}
    found = ring.derived(columns)
    assert found["fire_seen_50km"] == pytest.approx([1.0])
    assert found["fire_seen_150km"] == pytest.approx([(150**2 / 2 - 50**2) / (150**2 - 50**2)], rel=1e-3)


def test_the_price_of_a_city_day_is_less_than_half_of_what_it_was():
    """Pixels times bands: once 18 bands of 63.4 pixels and three discs of fires of 926.6 m."""
    area = disc_area(5.0) / 1.1132**2
    before = 18 * area + sum(disc_area(radius) / 0.926625**2 for radius in (50.0, 150.0, 300.0))
    daily = [layer for layer in extraction().layers if layer.cadence == "day"]
    assert before == pytest.approx(421_800, rel=0.001)
    assert sum(layer.pixels for layer in daily) < before / 2


def test_products_with_their_own_layers():
    "Fires stand in three layers; CO and NO2 share one and come apart."
    parts = [part for layer in extraction(only=["no2", "co", "fires"]).layers for part in layer.parts]
    pairs = [(part.products[0], part) for part in parts]
    assert [(product.key, layer.columns) for product, layer in pairs] == [
        ("no2", ["no2"]),
        ("co", ["co"]),
        *(
            ("fires", [f"fire_power_within_{radius}km", f"fire_seen_within_{radius}km"])
            for radius in (50, 150, 300)
        ),
    ]


def test_periods_by_cadence():
    "Two days around a new year: two days, two years, one period for what never changes."
    assert days(layer_of("no2"), "2020-12-31", "2021-01-01") == ["2020-12-31", "2021-01-01"]
    assert days(layer_of("population"), "2020-12-31", "2021-01-01") == ["2020-01-01", "2021-01-01"]
    assert days(layer_of("elevation"), "2020-12-31", "2021-01-01") == [str(ONCE)]


def test_periods_without_images_are_left_out():
    "HCHO begins on 2018-12-05; a day east of Greenwich may touch it a day earlier, so one day is kept."
    assert days(layer_of("hcho"), "2018-12-01", "2018-12-06") == ["2018-12-04", "2018-12-05", "2018-12-06"]
    assert days(layer_of("hcho"), "2018-11-01", "2018-11-30") == []


def test_periods_in_which_any_product_has_images():
    "NO2 began in June 2018: the days of November stay for it."
    assert days(layer_of("hcho", "no2"), "2018-11-29", "2018-11-30") == ["2018-11-29", "2018-11-30"]


@pytest.mark.parametrize("key", ["night-lights", "population"])
def test_the_earliest_image_serves_the_years_before(key):
    "Of 1950, before both."
    assert has_images(PRODUCTS[key], day("1950-01-01"))


def test_recent_looks_back_over_the_products_end():
    "Images until the 10th serve the five days after it, and a local day that begins on the 15th in UTC."
    recent = dataclasses.replace(PRODUCTS["reference-no2"], end="2020-01-10")
    found = [has_images(recent, day(f"2020-01-{number}")) for number in (15, 16, 17)]
    assert found == [True, True, False]


def test_bounds_of_a_local_day():
    "At 8° west, midnight comes an hour after that in UTC."
    bounds = period_bounds(layer_of("no2"), day("2020-03-01"), -1)
    assert [str(time) for time in bounds] == ["2020-03-01T01:00:00", "2020-03-02T01:00:00"]


@pytest.mark.parametrize(
    ("layer", "period", "expected"),
    [
        (layer_of("fires", radius_km=50.0), "2020-03-01", ["2020-03-01", "2020-03-02"]),
        (layer_of("population"), "2020-01-01", ["2020-01-01", "2021-01-01"]),
    ],
    ids=["day", "year"],
)
def test_images_of_whole_days_and_years_keep_utc(layer, period, expected):
    "A local day takes the fires of its date, a year does not move."
    assert [str(time) for time in period_bounds(layer, day(period), -1)] == [
        f"{date}T00:00:00" for date in expected
    ]


@pytest.mark.parametrize(
    ("basis", "expected"), [("utc", [0, 0, 0, 0]), ("local", [0, 3, -1, 2])], ids=["utc", "local"]
)
def test_offsets_by_longitude(basis, expected):
    "15° an hour, to the nearest hour."
    found = Extraction("mine", (), day_basis=basis).offset_hours([7.4, 39.6, -17.4, 32.6])
    assert found.tolist() == expected


@pytest.mark.parametrize("rings", [(), (50, 50), (150, 50)])
def test_rings_must_grow(rings):
    "No ring, two of one radius, or one inside the other."
    with pytest.raises(ValueError, match="rings need at least one radius, each larger"):
        Extraction("mine", (), rings_km=rings)


@pytest.mark.parametrize("radius", [0, -1, 1001, float("nan")])
def test_radius_must_be_positive(radius):
    "A radius of nothing, or of a continent."
    with pytest.raises(ValueError, match="is not between 0 and 1,000 km"):
        Extraction("mine", (), radius_km=radius)


def test_fingerprint_knows_what_decides_a_value():
    "Rings of 50 and 50.0 km are the same; a radius, a product or the kind of day are not."
    same = extraction(rings_km=(50, 150, 300)).fingerprint
    assert extraction(rings_km=(50.0, 150.0, 300.0)).fingerprint == same
    others = [extraction(radius_km=6), extraction(only=["no2"]), extraction(day_basis="local")]
    assert same not in [other.fingerprint for other in others]


def test_days():
    "Both ends belong to them, and the leap day."
    assert day_labels("2020-02-28", "2020-03-01").strftime("%d").tolist() == ["28", "29", "01"]


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2020-01-02", "2020-01-01", "end 2020-01-01 lies before the start 2020-01-02"),
        ("2020-13-01", "2020-01-01", "is not a day such as"),
        ("", "2020-01-01", "is not a day such as"),
        ("2020-01-01", "03/04/2020", "is not a day such as"),
        ("2020-01-01T00:00Z", "2020-01-02", "is not a day such as"),
    ],
)
def test_days_that_are_none(start, end, words):
    "An end before the start, a thirteenth month, nothing, a day of April or March, a time."
    with pytest.raises(ValueError, match=words):
        day_labels(start, end)


@pytest.mark.parametrize("recipe", ["default", "live", "reference"])
@pytest.mark.parametrize("day_basis", ["utc", "local"])
@pytest.mark.parametrize("quality", [False, True])
def test_names_of_layers_are_unique(recipe, day_basis, quality):
    "Chunks are told apart by their layer's name: two layers of one name would mix."
    extraction = Extraction(recipe, products_of(recipe), quality=quality, day_basis=day_basis)
    names = [layer.name for layer in extraction.layers]
    assert len(set(names)) == len(names)
