"""How work is cut into requests, how their size follows the answers, and what a run costs, by hand."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airq.sources.earthengine.catalogue import PRODUCTS, products_of
from airq.sources.earthengine.extraction import Extraction
from airq.sources.earthengine.layers import Layer
from airq.sources.earthengine.planning import (
    BYTES_PER_CITY,
    BYTES_PER_COMPOSITE,
    BYTES_PER_FEATURE,
    BYTES_PER_VALUE,
    MOST_BANDS,
    MOST_CELLS,
    MOST_CITIES,
    SECONDS_PER_CELL,
    TARGET_SECONDS,
    RequestQueue,
    SampleRequest,
    estimate,
    plan_requests,
    price_of,
    remember_prices,
    sample_requests,
)
from airq.sources.online.calls import user_file

ONE = Layer((PRODUCTS["no2"],), 5.0)
#: The seven Sentinel-5P products and MAIAC: nine bands.
NINE = Layer(
    tuple(PRODUCTS[key] for key in ("no2", "co", "hcho", "so2", "o3", "aerosol-index", "cloud", "maiac")),
    5.0,
)


def request(n_cities, n_days, layer=ONE, first_city=0):
    days = np.datetime64("2020-01-01") + np.arange(n_days)
    return SampleRequest(layer, np.arange(first_city, first_city + n_cities), days)


def first_pace(layer):
    return request(1, 1, layer).first_pace()


def cells_of(requests):
    return [(row, day) for one in requests for row in one.rows.tolist() for day in one.periods.tolist()]


def taken(queue):
    requests = []
    while (one := queue.take()) is not None:
        requests.append(one)
    return requests


def makespan(requests, workers, seconds_per_cell=SECONDS_PER_CELL):
    """Seconds until the last of the requests ends, each begun by the first worker that is free."""
    free = [0.0] * workers
    for one in requests:
        first = free.index(min(free))
        free[first] += 1.5 + seconds_per_cell * one.cells
    return max(free)


@settings(max_examples=150)
@given(
    n_cities=st.integers(1, 2500),
    n_days=st.integers(1, 700),
    cells=st.integers(1, 60_000),
    layer=st.sampled_from([ONE, NINE]),
)
def test_a_cut_loses_and_repeats_nothing(n_cities, n_days, cells, layer):
    "The first request and the rest hold every city and day once; the request keeps within the limits."
    whole = request(n_cities, n_days, layer)
    first, rest = whole.split(cells)
    held = np.zeros((n_cities, n_days), dtype=int)
    for one in (first, *rest):
        assert one.cells > 0
        held[np.ix_(one.rows, (one.periods - whole.periods[0]).astype(int))] += 1
    assert (held == 1).all()
    assert len(first.rows) <= MOST_CITIES
    assert len(first.periods) * layer.bands_per_period <= MOST_BANDS
    assert first.cells <= max(2 * cells, layer.bands_per_period)


@settings(max_examples=30)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 60)), min_size=1, max_size=4),
    workers=st.integers(1, 40),
)
def test_all_work_is_taken_once(sizes, workers):
    "Whatever the requests and the workers: every city and day is in one request."
    requests, row = [], 0
    for n_cities, n_days in sizes:
        requests.append(request(n_cities, n_days, first_city=row))
        row += n_cities
    queue = RequestQueue(workers)
    queue.add(requests)
    found = cells_of(taken(queue))
    assert len(found) == len(set(found))
    assert set(found) == set(cells_of(requests))
    assert queue.cells == 0


def test_days_are_divided_into_equal_parts():
    "100 cities x 30 days in requests of about 2,000: fifteen days each, rather than 20 and 10."
    first, rest = request(100, 30).split(2000)
    assert (len(first.rows), len(first.periods)) == (100, 15)
    assert [(len(one.rows), len(one.periods)) for one in rest] == [(100, 15)]


def test_cities_are_divided_where_a_request_would_hold_few_days():
    "100 cities x 30 days in requests of 300 would be three days each: 17 cities with 15 days instead."
    first, rest = request(100, 30).split(300)
    assert (len(first.rows), len(first.periods)) == (17, 15)
    assert [(len(one.rows), len(one.periods)) for one in rest] == [(17, 15), (83, 30)]


def test_many_cities_are_divided_before_days():
    "1,500 cities, at most 1,000 a request: two halves."
    first, rest = request(1500, 1).split(10_000)
    assert len(first.rows) == 750
    assert [len(one.rows) for one in rest] == [750]


def test_one_city_and_day_is_the_least():
    "A request cannot be smaller, whatever the size asked for."
    first, rest = request(1, 1, NINE).split(1)
    assert (first.cells, rest) == (9, [])


def test_one_city_of_years_stays_below_the_most_bands():
    "3,000 days of nine bands: 5,000 bands are 555 days."
    first, _ = request(1, 3000, NINE).split(MOST_CELLS)
    assert len(first.periods) == 555


@pytest.mark.parametrize("workers", [20, 40])
def test_the_reference_workload_takes_150_requests_and_ends_together(workers):
    "555 cities x 579 days x 9 bands: 7,982 s of cells; no worker waits long for the last one."
    queue = RequestQueue(workers)
    queue.add([request(555, 579, NINE)])
    requests = taken(queue)
    assert sum(one.cells for one in requests) == 555 * 579 * 9
    assert len(requests) <= 150
    even = (555 * 579 * 9 * SECONDS_PER_CELL + 1.5 * len(requests)) / workers
    assert makespan(requests, workers) < 1.15 * even


@pytest.mark.parametrize("workers", [20, 40])
def test_the_reference_workload_is_twenty_and_thirty_five_times_faster(workers):
    "Against 579 requests of 1.5 s and 555 x 9 cells, one after another."
    queue = RequestQueue(workers)
    queue.add([request(555, 579, NINE)])
    one_by_one = 579 * 1.5 + 555 * 579 * 9 * SECONDS_PER_CELL
    ratio = one_by_one / makespan(taken(queue), workers)
    assert ratio > {20: 20, 40: 35}[workers]


def test_requests_take_half_a_minute_to_a_minute():
    "Of the reference workload, as long as there is enough."
    queue = RequestQueue(20)
    queue.add([request(555, 579, NINE)])
    seconds = [1.5 + SECONDS_PER_CELL * one.cells for one in taken(queue)]
    assert min(seconds) > 30
    assert max(seconds) < 66


def test_first_guess_of_a_small_disc():
    "A disc of 5 km has 63 pixels, which cost less than the cell itself."
    assert first_pace(ONE).seconds_per_cell == SECONDS_PER_CELL


def test_first_guess_counts_the_pixels_of_a_large_disc():
    "150 km: pi (150,000 / 926.625)² = 82,324 pixels of 1e-7 s, and a ninth of them; two bands share them."
    pace = first_pace(Layer((PRODUCTS["fires"],), 150.0))
    assert pace.seconds_per_cell == pytest.approx((82_324 + 9_147) / 2 * 1e-7, rel=1e-3)


def test_pace_grows_while_answers_are_fast():
    "Answers of a tenth of the guess: requests become larger, up to twice the largest that came back."
    pace = first_pace(ONE)
    sizes = []
    for _ in range(8):
        size = pace.size(TARGET_SECONDS)
        sizes.append(size)
        pace.came_back(size, 1.5 + 0.1 * SECONDS_PER_CELL * size)
    assert sizes == sorted(sizes)
    assert sizes[-1] == MOST_CELLS
    assert all(later <= 2 * size for size, later in zip(sizes, sizes[1:], strict=False))


def test_pace_shrinks_while_answers_are_slow():
    "Answers that take ten times the guess end at requests of a tenth, which take as long as wanted."
    pace = first_pace(ONE)
    for _ in range(20):
        size = pace.size(TARGET_SECONDS)
        pace.came_back(size, 1.5 + 10 * SECONDS_PER_CELL * size)
    assert pace.size(TARGET_SECONDS) == pytest.approx(TARGET_SECONDS / (10 * SECONDS_PER_CELL), rel=0.01)


def test_pace_halves_what_was_too_large():
    "1,000 cells ran out of memory at once: 500, then 250, then 125."
    pace, sizes = first_pace(ONE), []
    for cells in (1000, 500, 250):
        pace.was_too_large(cells, 0.5)
        sizes.append(pace.size(TARGET_SECONDS))
    assert sizes == [500, 250, 125]


def test_pace_stays_below_what_failed_and_tries_again_later():
    "After 1,000 cells failed requests grow to 750; after 20 good answers a little further."
    pace = first_pace(ONE)
    pace.was_too_large(1000, 0.5)
    sizes = []
    for _ in range(25):
        sizes.append(pace.size(TARGET_SECONDS))
        pace.came_back(sizes[-1], 1.6)
    assert sizes[0] == 500
    assert max(sizes[:20]) == 750
    assert sizes[-1] == 1125


def test_one_cell_is_never_halved():
    "The least size is one."
    pace = first_pace(ONE)
    pace.was_too_large(1, 300.0)
    assert pace.size(TARGET_SECONDS) == 1


def test_a_request_that_was_too_large_is_taken_again_in_parts():
    "100 cities x 10 days failed: two requests of half, all cities and days once."
    queue = RequestQueue(1)
    queue.add([request(100, 10)])
    first = queue.take()
    assert first.cells == 1000
    queue.pace(first).was_too_large(first.cells, 10.0)
    queue.add([first])
    again = taken(queue)
    assert [one.cells for one in again] == [500, 500]
    assert sorted(cells_of(again)) == sorted(cells_of([request(100, 10)]))


def test_memory_is_met_by_smaller_tiles_first():
    "Tiles of a fourth, then a sixteenth, for this request and those after it; then there is nothing smaller."
    queue = RequestQueue(1)
    queue.add([request(100, 10)])
    scales = []
    while True:
        one = queue.take()
        scales.append((one.tile_scale, one.cells))
        if not queue.pace(one).ran_out_of_memory(one.tile_scale):
            break
        queue.add([one])
    assert scales == [(1, 1000), (4, 1000), (16, 1000)]
    assert queue.pace(one).tile_scale == 16


def test_cities_of_a_request_lie_together():
    "Forty cities of two continents, mixed by name: the first half of the rows is one continent."
    rows = np.arange(40)
    places = np.array([(20.0 if row % 2 else -60.0, 0.1 * row) for row in rows])
    (one,) = sample_requests([request(40, 10)], places)
    assert {tuple(rows % 2) for rows in (one.rows[:20], one.rows[20:])} == {(0,) * 20, (1,) * 20}
    assert sorted(one.rows) == rows.tolist()


def test_few_workers_do_not_cut_small_work():
    "What takes 3 s goes in one request, however many workers there are."
    queue = RequestQueue(40)
    queue.add([request(50, 10)])
    assert len(taken(queue)) == math.ceil(50 * 10 * SECONDS_PER_CELL / 45)


# -- what a run costs


def costly(n_cities, n_days, *keys, quality=False):
    return request(n_cities, n_days, Layer(tuple(PRODUCTS[key] for key in keys), 5.0, quality))


def cost_of(requests, *, workers):
    return estimate(plan_requests(requests, workers=workers), workers=workers)


def test_one_small_request():
    "10 cities x 2 days x 3 bands of two products: 60 cells, 6 bands, 4 composites, 60 values."
    cost = cost_of([costly(10, 2, "no2", "cams")], workers=20)
    assert (cost.requests, cost.bands, cost.cells) == (1, 6, 60)
    assert cost.bytes_sent == 10 * BYTES_PER_CITY + 4 * BYTES_PER_COMPOSITE
    assert cost.bytes_received == 60 * BYTES_PER_VALUE + 10 * BYTES_PER_FEATURE
    seconds = 1.5 + 60 * 0.00276
    assert cost.minutes == pytest.approx(seconds / 60)
    assert cost.compute_hours == pytest.approx(seconds / 3600)


def test_requests_at_once_share_the_time():
    "Two layers of 1.5 s and a little: one worker takes twice as long as two."
    requests = [costly(10, 2, "no2"), costly(10, 2, "era5-rain")]
    alone, both = cost_of(requests, workers=1), cost_of(requests, workers=2)
    assert alone.minutes == pytest.approx(2 * both.minutes)
    assert alone.compute_hours == both.compute_hours


def test_quality_doubles_the_bands_and_triples_the_values():
    "A value, a count and an age of two bands."
    plain, quality = (cost_of([costly(10, 2, "no2", quality=on)], workers=1) for on in (False, True))
    assert quality.bands == 2 * plain.bands
    assert quality.bytes_received - plain.bytes_received == 2 * 20 * BYTES_PER_VALUE


def test_nothing_missing_costs_nothing():
    "No request, no minute."
    assert set(dataclasses.astuple(cost_of([], workers=20))) == {0}


@pytest.mark.parametrize("workers", [20, 40])
def test_the_reference_workload(workers):
    "555 cities x 579 days x 9 bands: at most 150 requests, 2.2 h of computing, minutes by workers."
    products = ("no2", "co", "hcho", "so2", "o3", "aerosol-index", "cloud", "maiac")
    cost = cost_of([costly(555, 579, *products)], workers=workers)
    assert cost.requests <= 150
    assert cost.cells == 2_892_105
    assert cost.compute_hours == pytest.approx((2_892_105 * 0.00276 + 1.5 * cost.requests) / 3600)
    assert cost.compute_hours * 60 / workers < cost.minutes < 1.15 * cost.compute_hours * 60 / workers


def test_time_grows_with_the_cities():
    "4,000 cities take four times as long as 1,000, within a twentieth."
    layers = Extraction("default", products_of("default")).layers
    days = np.datetime64("2020-01-01") + np.arange(365)

    def hours(n_cities):
        return cost_of([SampleRequest(layers[0], np.arange(n_cities), days)], workers=40).compute_hours

    assert hours(4000) == pytest.approx(4 * hours(1000), rel=0.05)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"key": 1}', '{"key": {"on": "2024-01-01"}}'])
def test_damaged_measurements_are_taken_as_none(tmp_path, monkeypatch, text):
    "A file of another kind holds no price; the next measurement replaces it."
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (layer,) = Extraction("default", products_of("default", ["no2"])).layers
    remember_prices("service", {layer: 1.0})
    user_file("eecu", "service").write_text(text)
    assert price_of("service", layer) == (None, None)
    remember_prices("service", {layer: 2.5})
    assert price_of("service", layer)[0] == 2.5
