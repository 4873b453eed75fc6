"""What a run costs before it begins, worked out by hand."""

import numpy as np
import pytest

from airq.sources.earthengine.catalogue import PRODUCTS, products_of
from airq.sources.earthengine.layers import Extraction, Layer
from airq.sources.earthengine.planning import (
    BYTES_PER_CITY,
    BYTES_PER_COMPOSITE,
    BYTES_PER_FEATURE,
    BYTES_PER_VALUE,
    Block,
    estimate,
)


def block(n_cities, n_days, *keys, quality=False):
    layer = Layer(tuple(PRODUCTS[key] for key in keys), 5.0, quality)
    return Block(layer, np.arange(n_cities), np.datetime64("2020-01-01") + np.arange(n_days))


def test_one_small_request():
    "10 cities x 2 days x 3 bands of two products: 60 cells, 6 bands, 4 composites, 60 values."
    cost = estimate([block(10, 2, "no2", "cams")], workers=20)
    assert (cost.requests, cost.bands, cost.cells) == (1, 6, 60)
    assert cost.bytes_sent == 10 * BYTES_PER_CITY + 4 * BYTES_PER_COMPOSITE
    assert cost.bytes_received == 60 * BYTES_PER_VALUE + 10 * BYTES_PER_FEATURE
    seconds = 1.5 + 60 * 0.00276
    assert cost.minutes == pytest.approx(seconds / 60)
    assert cost.compute_hours == pytest.approx(seconds / 3600)


def test_requests_at_once_share_the_time():
    "Two layers of 1.5 s and a little: one worker takes twice as long as two."
    blocks = [block(10, 2, "no2"), block(10, 2, "era5-rain")]
    alone, both = estimate(blocks, workers=1), estimate(blocks, workers=2)
    assert alone.minutes == pytest.approx(2 * both.minutes)
    assert alone.compute_hours == both.compute_hours


def test_quality_doubles_the_bands_and_triples_the_values():
    "A value, a count and an age of two bands."
    plain, quality = (estimate([block(10, 2, "no2", quality=on)], workers=1) for on in (False, True))
    assert quality.bands == 2 * plain.bands
    assert quality.bytes_received - plain.bytes_received == 2 * 20 * BYTES_PER_VALUE


def test_nothing_missing_costs_nothing():
    "No request, no minute."
    assert set(estimate([], workers=20).to_dict().values()) == {0}


@pytest.mark.parametrize("workers", [20, 40])
def test_the_reference_workload(workers):
    "555 cities x 579 days x 9 bands: at most 150 requests, 2.2 h of computing, minutes by workers."
    products = ("no2", "co", "hcho", "so2", "o3", "aerosol-index", "cloud", "maiac")
    cost = estimate([block(555, 579, *products)], workers=workers)
    assert cost.requests <= 150
    assert cost.cells == 2_892_105
    assert cost.compute_hours == pytest.approx((2_892_105 * 0.00276 + 1.5 * cost.requests) / 3600)
    assert cost.compute_hours * 60 / workers < cost.minutes < 1.15 * cost.compute_hours * 60 / workers


def test_time_grows_with_the_cities():
    "4,000 cities take four times as long as 1,000, within a twentieth."
    layers = Extraction("default", products_of("default")).layers
    days = np.datetime64("2020-01-01") + np.arange(365)

    def hours(n_cities):
        return estimate([Block(layers[0], np.arange(n_cities), days)], workers=40).compute_hours

    assert hours(4000) == pytest.approx(4 * hours(1000), rel=0.05)
