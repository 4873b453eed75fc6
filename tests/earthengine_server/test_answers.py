"""The invented fields: what their formulas promise."""

import numpy as np
import numpy.testing as npt
import pytest

from . import answers
from .assets import ASSETS, DAY

LONGITUDE, LATITUDE = (
    grid.ravel() for grid in np.meshgrid(np.arange(-179.5, 180, 7), np.arange(-55.5, 60, 5))
)


@pytest.mark.parametrize("asset", ASSETS)
def test_values_stay_in_their_range(asset):
    """No value of any band leaves the range that the table of assets gives, half a unit for whole ones."""
    time = answers.milliseconds(ASSETS[asset].first) + DAY // 2
    for band, (low, high) in ASSETS[asset].bands.items():
        values = answers.field(asset, band, LONGITUDE, LATITUDE, time)
        if band != "AOD_QA":
            margin = 0.5 if band in ASSETS[asset].whole_numbers else 0.0
            assert values.min() >= low - margin
            assert values.max() <= high + margin


def test_a_place_has_one_value_whichever_way_its_longitude_is_written():
    """200 degrees east is 160 degrees west."""
    west, east = answers.field("ECMWF/ERA5/HOURLY", "temperature_2m", [-160.0, 200.0], [5.0, 5.0], 0)
    npt.assert_allclose(west, east, rtol=1e-12)


def test_both_streams_of_sentinel_agree():
    """Near-real-time NO2 is that of the offline stream."""
    offline, live = (
        answers.field(f"COPERNICUS/S5P/{stream}/L3_NO2", "cloud_fraction", LONGITUDE, LATITUDE, 10 * DAY)
        for stream in ("OFFL", "NRTI")
    )
    npt.assert_array_equal(offline, live)


def test_the_orbits_of_a_day_see_the_whole_earth():
    """Every place lies in the swath of one of the 14 orbits, in the north of several."""
    asset, day = "COPERNICUS/S5P/OFFL/L3_AER_AI", answers.milliseconds("2020-01-01")
    places = answers.Places(LONGITUDE, LATITUDE)
    orbits = list(answers.images(asset, day, day + DAY))
    seen = sum(answers._in_swath(places, image.time, 2900.0).astype(int) for image in orbits)
    assert len(orbits) == 14
    assert seen.min() >= 1
    assert seen[LATITUDE > 50].max() > 1


def test_clouds_hide_some_pixels_of_a_clear_share():
    """NO2 misses between a quarter and half of what its orbits see; temperature misses nothing."""
    asset, day = "COPERNICUS/S5P/OFFL/L3_NO2", answers.milliseconds("2020-01-01")
    band = "tropospheric_NO2_column_number_density"
    images = answers.images(asset, day, day + DAY)
    seen = np.any([answers.valid(asset, band, LONGITUDE, LATITUDE, image.time) for image in images], axis=0)
    assert 0.5 < seen.mean() < 0.75
    assert answers.valid("ECMWF/ERA5/HOURLY", "temperature_2m", LONGITUDE, LATITUDE, day).all()


@pytest.mark.parametrize(
    ("asset", "day", "number"),
    [
        ("COPERNICUS/S5P/OFFL/L3_NO2", "2018-06-27", 0),
        ("COPERNICUS/S5P/OFFL/L3_NO2", "2018-06-28", 14),
        ("ECMWF/ERA5/HOURLY", "2020-02-29", 24),
        ("NASA/VIIRS/002/VNP14A1", "2020-01-01", 1),
        ("NOAA/GFS0P25", "2020-01-01", 4 * 25),
        ("NOAA/VIIRS/DNB/ANNUAL_V21", "2020-01-01", 1),
        ("NOAA/VIIRS/DNB/ANNUAL_V21", "2020-01-02", 0),
        ("JRC/GHSL/P2023A/GHS_POP", "2019-01-01", 0),
    ],
)
def test_a_day_has_its_images(asset, day, number):
    """An asset has images from its first day on, as many a day as its cadence says."""
    start = answers.milliseconds(day)
    assert len(list(answers.images(asset, start, start + DAY))) == number


def test_one_run_of_cams_holds_every_third_hour_once():
    """Of the runs of 00 UTC, the first 24 hours are 8 images of a day, one for every third hour."""
    day = answers.milliseconds("2020-01-01")
    hours = [
        (image.time - day) / 3_600_000
        for image in answers.images("ECMWF/CAMS/NRT", day, day + DAY)
        if image.properties["model_initialization_hour"] == 0 and image.properties["model_forecast_hour"] < 24
    ]
    assert hours == [0, 3, 6, 9, 12, 15, 18, 21]


def test_bands_that_came_later_are_missing_before():
    """CAMS PM10 exists from 2021-07-01; GFS rain exists in forecasts, not at hour 0."""
    (before,) = list(answers.images("ECMWF/CAMS/NRT", *_midnight("2021-06-30")))[:1]
    (after,) = list(answers.images("ECMWF/CAMS/NRT", *_midnight("2021-07-01")))[:1]
    later = "particulate_matter_d_less_than_10_um_surface"
    assert later not in answers.bands_of("ECMWF/CAMS/NRT", before)
    assert later in answers.bands_of("ECMWF/CAMS/NRT", after)
    rain = [
        "total_precipitation_surface" in answers.bands_of("NOAA/GFS0P25", image)
        for image in answers.images("NOAA/GFS0P25", *_midnight("2020-01-01"))
    ]
    assert rain[:3] == [False, True, True]


def test_clear_pixels_of_maiac_carry_the_clear_bits():
    """The lowest three bits of AOD_QA are 1 (clear), 2 (possibly cloudy) or 3 (cloudy)."""
    quality = answers.field("MODIS/061/MCD19A2_GRANULES", "AOD_QA", LONGITUDE, LATITUDE, 0).astype(int)
    assert set(quality & 0b111) == {1, 2, 3}


def _midnight(day):
    start = answers.milliseconds(day)
    return start, start + 1
