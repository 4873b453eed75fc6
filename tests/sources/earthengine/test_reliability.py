"""Extraction from a service that fails: the panel is the one of a service that does not."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest
from earthengine_server import Faults, Latency, Limits
from extractions import (
    CAMS,
    CELLS,
    CITIES,
    DAYS,
    END,
    MAIAC,
    PRODUCTS,
    SMALL,
    START,
    TINY,
    after,
    answered,
    cells,
    kept,
    panel,
    run,
    same,
    sent,
    simulated,
    six_cities,
    written,
)

from airq.sources.earthengine.errors import Refused, Unavailable
from airq.workflows.extract import ExtractionRequest


def test_the_undisturbed_panel_has_values(undisturbed):
    "Equal panels tell something: every column varies, and the satellite's has gaps."
    assert len(undisturbed) == 6 * DAYS
    assert (undisturbed[["aod047", "aod055", "cams_pm25", "cams_aod", "night_lights"]].nunique() >= 5).all()
    assert 0.2 < undisturbed["aod047"].isna().mean() < 0.9


# -- what passes on repetition


@pytest.mark.parametrize(
    "faults",
    [
        {"unavailable": 0.3},
        {"dropped": 0.1},
        {"dropped_midway": 0.1, "truncated": 0.1, "truncated_length": 0.1},
        {"invalid_json": 0.1, "internal": 0.1},
        {"lacking": 0.2},
    ],
    ids=lambda faults: " ".join(faults),
)
def test_faults_change_no_value(undisturbed, tmp_path, faults):
    "Requests that come back damaged are sent again, each as often as it was damaged."
    with simulated(faults=Faults(**faults, seed=1)) as server:
        report = run(server, tmp_path)
        damaged = [request for request in server.stats.compute if request.fault]
        assert len(damaged) >= 3
        assert report.requests == len(server.stats.compute)
        # An answer that is a number has no features to lack.
        harmless = [one for one in damaged if one.path == "value:compute" and one.fault == "lacking"]
        whole = [request for request in answered(server) if not request.fault] + harmless
        assert report.requests == len(whole) + report.smaller_tiles + report.splits + report.retries
    same(panel(tmp_path), undisturbed)


def test_the_opening_fails_too(undisturbed, tmp_path):
    "503 to the first request of all, half a description to the next."
    with simulated(limits=None, faults=Faults(unavailable=[0], truncated=[2], everywhere=True)) as server:
        run(server, tmp_path)
        assert server.stats.requests["discovery", 503] == 1
    same(panel(tmp_path), undisturbed)


def test_pages_of_html(undisturbed, tmp_path):
    "A gateway's page, with 200 and no JSON, in the place of the first three answers."
    with simulated(limits=None, faults=Faults(html=[0, 1, 2])) as server:
        assert run(server, tmp_path).retries == 3
    same(panel(tmp_path), undisturbed)


def test_answers_in_another_order(undisturbed, tmp_path):
    "The cities of every answer come shuffled, and nothing is asked twice."
    with simulated(faults=Faults(shuffled=1.0)) as server:
        assert run(server, tmp_path).retries == 0
        assert {request.fault for request in answered(server)} == {"shuffled"}
    same(panel(tmp_path), undisturbed)


def test_answers_in_pages(undisturbed, tmp_path):
    "Pages of four cities at most: six cities take two."
    with simulated(Limits(page_size=4)) as server:
        run(server, tmp_path)
        assert sorted(request.regions for request in answered(server) if request.bands == 1) == [2, 4]
    same(panel(tmp_path), undisturbed)


def test_answers_in_pages_that_break_off(undisturbed, tmp_path):
    "A page that is dropped or lacks cities costs its block another attempt, from the first page."
    faults = Faults(dropped=[1], lacking=[4])
    with simulated(Limits(page_size=4), faults=faults) as server:
        assert run(server, tmp_path, workers=1).retries > 0
    same(panel(tmp_path), undisturbed)


# -- how much is granted


@pytest.mark.long
def test_forty_workers_and_room_for_two(tmp_path):
    "Once settled fewer than one request in ten is refused, and never more than two are at work."
    asked = six_cities(tmp_path, end="2023-01-20", products=["maiac"])
    limits = Limits(concurrent=2, cells=2)
    with simulated(limits, latency=Latency(fixed=0.01, per_city_band=0)) as server:
        run(server, tmp_path, asked, workers=40)
        statuses = [request.status for request in server.stats.compute]
        assert server.stats.max_concurrent == 2
    assert statuses.count(429) >= 1
    settled = statuses[60:]
    assert len(settled) >= 60
    assert settled.count(429) < len(settled) / 10
    with simulated(limits=None) as server:
        run(server, tmp_path, asked, out="undisturbed")
    same(panel(tmp_path), panel(tmp_path, "undisturbed"))


@pytest.mark.long
def test_a_service_that_asks_for_fewer_requests(undisturbed, tmp_path):
    "Each answer asks for less parallelism: of eight requests at once one is left."
    latency = Latency(fixed=0.02, per_city_band=0)
    with simulated(TINY, faults=Faults(restricted=True), latency=latency) as server:
        run(server, tmp_path)
        times = sorted(
            (request.arrived, request.arrived + request.seconds) for request in server.stats.compute
        )
    late = times[-10:]
    assert all(end <= start + 0.005 for (_, end), (start, _) in itertools.pairwise(late))
    same(panel(tmp_path), undisturbed)


def test_little_memory(undisturbed, tmp_path):
    "Above 8 cities times bands: the first is tried with smaller tiles, all are divided, and few are refused."
    with simulated(SMALL) as server:
        report = run(server, tmp_path)
        sizes = [request.regions * request.bands for request in answered(server)]
        assert sum(sizes) == CELLS
        assert max(sizes) <= 8
        assert report.splits + report.smaller_tiles == len(server.stats.compute) - len(sizes)
        assert 0 < report.splits < len(sizes)
        assert report.smaller_tiles >= 2
    same(panel(tmp_path), undisturbed)


def test_little_memory_and_smaller_tiles(undisturbed, tmp_path):
    "Memory for 40 cells, for 160 with tiles of a quarter: 96 are sent again with them, not divided."
    with simulated(Limits(cells=40, tiles_help=True)) as server:
        report = run(server, tmp_path, workers=1)
        scales = [request.tile_scale for request in server.stats.compute if request.bands]
    assert scales == [1.0, 4.0, 1.0]
    assert (report.smaller_tiles, report.splits) == (1, 0)
    assert "1 with smaller tiles, 0 divided" in str(report)
    same(panel(tmp_path), undisturbed)


@pytest.mark.long
def test_memory_for_a_single_product(undisturbed, tmp_path):
    "One city and day of four bands is too large, so its two products are asked for one by one."
    with simulated(Limits(cells=2)) as server:
        run(server, tmp_path, six_cities(tmp_path, end="2023-01-03"))
        bands = [request.bands for request in answered(server) if request.bands]
    assert bands.count(2) == 2 * 18
    assert max(bands) == 2
    same(panel(tmp_path), first_days(undisturbed, 3))


def test_memory_for_nothing(tmp_path):
    "Where even a single product is too large, the line names it and says what to change."
    with simulated(Limits(cells=1)) as server, pytest.raises(Refused) as caught:
        run(server, tmp_path, six_cities(tmp_path, end="2023-01-03"))
    assert MAIAC in str(caught.value) or CAMS in str(caught.value)
    assert "smaller radius" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_computations_that_take_too_long(undisturbed, tmp_path):
    "16 s are granted and a city and band takes 2 s: requests are divided until they fit."
    latency = Latency(fixed=0, per_city_band=2.0, scale=1e-3)
    with simulated(Limits(seconds=16), latency=latency) as server:
        assert run(server, tmp_path).splits > 0
        assert max(request.regions * request.bands for request in answered(server)) <= 8
    same(panel(tmp_path), undisturbed)


@pytest.mark.slow
def test_a_server_that_hangs_for_some_requests(undisturbed, tmp_path):
    "Three requests get no answer within the time-out: less is asked for, and the rest comes."
    with simulated(faults=Faults(slow=[0, 1, 2], slow_seconds=600)) as server:
        begun = time.monotonic()
        report = run(server, tmp_path, workers=3, timeout=5.0)
        assert time.monotonic() - begun < 300
    assert report.splits >= 3
    same(panel(tmp_path), undisturbed)


# -- what is not there


def emptied(table, rows):
    """The table without MAIAC's values in some rows."""
    return table.assign(**{name: table[name].mask(rows) for name in ("aod047", "aod055")})


def test_days_without_images(undisturbed, tmp_path):
    "Two days lack all images of a product: its column is empty there, and nothing else changes."
    days = ["2023-01-02", "2023-01-04"]
    with simulated(missing_days={MAIAC: days}) as server:
        run(server, tmp_path)
    expected = emptied(undisturbed, undisturbed["date"].astype(str).isin(days))
    assert expected["aod047"].count() < undisturbed["aod047"].count()
    same(panel(tmp_path), expected)


@pytest.mark.parametrize("last_day", ["2023-01-02", pytest.param("2022-12-31", marks=pytest.mark.long)])
def test_a_product_that_ends_early(undisturbed, tmp_path, last_day):
    "Within the range or before it: the column is empty from then on."
    with simulated(last_days={MAIAC: last_day}) as server:
        run(server, tmp_path)
    expected = emptied(undisturbed, undisturbed["date"] > last_day)
    same(panel(tmp_path), expected)


def test_a_product_that_is_known_to_begin_later(tmp_path):
    "NO2 begins on 2018-06-28: it is empty on the days before, and a note says so."
    asked = six_cities(tmp_path, start="2018-06-26", end="2018-06-29", products=["no2", "cams"])
    with simulated() as server:
        report = run(server, tmp_path, asked)
    found = panel(tmp_path)
    assert found.loc[found["date"] < "2018-06-28", "no2"].isna().all()
    assert found.loc[found["date"] >= "2018-06-28", "no2"].notna().any()
    assert any("no2" in note and "2018-06-28" in note for note in report.notes)


# -- what stops for good


class Changed(ExtractionRequest):
    """A request whose MAIAC has another band than the asset."""

    def extraction(self, url=None):
        """What to extract."""
        right = super().extraction(url)
        maiac, *others = right.products
        wrong = dataclasses.replace(maiac, bands=(dataclasses.replace(maiac.bands[0], band="no_such_band"),))
        return dataclasses.replace(right, products=(wrong, *others))


@pytest.mark.parametrize("status", [403, 404])
def test_an_asset_that_is_denied_or_not_there(tmp_path, status):
    "The run ends at once with a line that names the product and its asset."
    with simulated(faults=Faults(refused_assets={MAIAC: status})) as server:
        with pytest.raises(Refused, match=f"^maiac.*{MAIAC}") as caught:
            run(server, tmp_path)
        assert "\n" not in str(caught.value)
        assert len(server.stats.compute) <= 8


def test_an_asset_of_several_products_is_denied(tmp_path):
    "Both products are made of the one asset, and both are named."
    asked = six_cities(tmp_path, products=["era5", "era5-rain"])
    faults = Faults(refused_assets={"ECMWF/ERA5/HOURLY": 404})
    with simulated(faults=faults) as server, pytest.raises(Refused, match="^era5, era5-rain: "):
        run(server, tmp_path, asked)


def test_a_band_that_is_not_there(tmp_path):
    "The refusal does not name the asset: each product is tried alone, and the line names the one."
    with simulated() as server:
        with pytest.raises(Refused, match="^maiac .*no_such_band"):
            run(server, tmp_path, Changed(written(tmp_path), START, END, products=PRODUCTS))
        assert len(server.stats.compute) <= 8 + len(PRODUCTS)


def test_a_refusal_in_the_middle(undisturbed, tmp_path):
    "Few requests follow it, what came before is kept, and the next run asks for the rest alone."
    with simulated(TINY, latency=Latency(fixed=0.05, per_city_band=0)) as server:

        def deny():
            server.faults = Faults(refused_assets={CAMS: 403})
            server.stats.reset()

        # Of 26 answers, half of them with values of CAMS; four are under way when the tenth is counted.
        after(server, 10, deny)
        with pytest.raises(Refused, match="^cams "):
            run(server, tmp_path, workers=4)
        assert len(server.stats.compute) <= 2 * 4 + len(PRODUCTS)
        # Of ten answers three may have been under way beside the first refusal.
        assert len(kept(tmp_path)) >= 6
        missing = CELLS - cells(kept(tmp_path))
        server.faults = Faults()
        server.stats.reset()
        run(server, tmp_path)
        assert sent(server) == missing
    same(panel(tmp_path), undisturbed)


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ("unregistered", "not registered"),
        ("disabled", "not enabled"),
        ("forbidden", "may not use project p"),
        ("unauthenticated", "credentials"),
    ],
)
def test_a_project_that_may_not_ask(tmp_path, project, words):
    "At the opening: one line, and no request for values."
    with simulated(faults=Faults(project=project)) as server:
        with pytest.raises(Refused, match=words) as caught:
            run(server, tmp_path)
        assert "\n" not in str(caught.value)
        assert not server.stats.compute


def test_a_project_that_loses_its_right(tmp_path):
    "In the middle of a run: the line speaks of the project, not of a product; few requests follow."
    with simulated(latency=Latency(fixed=0.05, per_city_band=0)) as server:

        def deny():
            server.faults = Faults(project="forbidden")
            server.stats.reset()

        after(server, 6, deny)
        with pytest.raises(Refused, match="^These credentials may not use project p"):
            run(server, tmp_path, workers=4)
        assert len(server.stats.compute) <= 2 * 4 + len(PRODUCTS)


# -- what goes away


def test_a_service_that_dies_in_the_middle(undisturbed, tmp_path):
    "One line within a bounded time; what came is kept, and a service at another address goes on."
    with simulated(latency=Latency(fixed=0.05, per_city_band=0)) as server:
        closed = after(server, 6, server.close)
        with pytest.raises(Unavailable, match="Run the same command again to go on") as caught:
            run(server, tmp_path, workers=4)
        assert closed.wait(300)
        assert "\n" not in str(caught.value)
        server.start()
    missing = CELLS - cells(kept(tmp_path))
    assert 0 < missing < CELLS
    with simulated() as server:
        run(server, tmp_path)
        assert sent(server) == missing
    same(panel(tmp_path), undisturbed)


def test_a_service_that_hangs_for_ever(tmp_path):
    "No request is answered: the run ends with a line about the service, not about the size of requests."
    with simulated(faults=Faults(slow=1.0, slow_seconds=600)) as server:
        begun = time.monotonic()
        with pytest.raises(
            Unavailable, match="^Earth Engine (at|hangs).* (Check the network|Run the same)"
        ) as caught:
            run(server, tmp_path, timeout=0.1)
        assert "did not answer within 0.1 s" in str(caught.value)
        assert time.monotonic() - begun < 300


def test_a_service_that_is_busy_for_ever(tmp_path):
    "Nothing but 503: the run ends with a line."
    words = "currently unavailable.*Run the same command again"
    with simulated(faults=Faults(unavailable=1.0)) as server, pytest.raises(Unavailable, match=words):
        run(server, tmp_path)


# -- what a folder holds


def first_days(table, days):
    """Rows of the first days of every city."""
    return table[table["date"] < table["date"].min() + np.timedelta64(days, "D")].reset_index(drop=True)


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(flip, id="a bit"),
        pytest.param(lambda content: content[:-7], id="cut off", marks=pytest.mark.long),
        pytest.param(lambda content: b"", id="empty"),
    ],
)
def test_a_damaged_chunk(undisturbed, tmp_path, damage):
    "It is found, named, and fetched again, and nothing else is."
    with simulated() as server:
        run(server, tmp_path)
        chunk = kept(tmp_path)[3]
        chunk.path.write_bytes(damage(chunk.path.read_bytes()))
        server.stats.reset()
        report = run(server, tmp_path)
        assert sent(server) == cells([chunk])
        assert any("1 damaged chunk" in note and chunk.path.name in note for note in report.notes)
        server.stats.reset()
        run(server, tmp_path)
        assert not server.stats.requests
    same(panel(tmp_path), undisturbed)


def test_a_panel_that_was_deleted(undisturbed, tmp_path):
    "It is made again from the chunks; nothing is sent."
    with simulated() as server:
        run(server, tmp_path)
        (tmp_path / "out" / "panel.parquet").unlink()
        server.stats.reset()
        run(server, tmp_path)
        assert not server.stats.requests
    same(panel(tmp_path), undisturbed)


def test_a_manifest_that_is_damaged(undisturbed, tmp_path):
    "The line says to delete it; then the chunks are used as they are."
    with simulated() as server:
        run(server, tmp_path)
        manifest = tmp_path / "out" / "manifest.json"
        manifest.write_text(manifest.read_text()[:-9])
        with pytest.raises(ValueError, match=r"manifest.json is damaged, .* Delete it"):
            run(server, tmp_path)
        manifest.unlink()
        server.stats.reset()
        run(server, tmp_path)
        assert not server.stats.requests
    same(panel(tmp_path), undisturbed)


@pytest.mark.long
def test_chunks_of_a_city_that_moved_are_no_use(tmp_path):
    "Without the manifest, too, values of the old place are not taken for those of the new one."
    moved = CITIES.assign(latitude=CITIES["latitude"].where(CITIES["city_id"] != "c03", 1.0))
    with simulated() as server:
        run(server, tmp_path)
        run(server, tmp_path, six_cities(tmp_path, cities=moved), out="moved")
        (tmp_path / "out" / "manifest.json").unlink()
        run(server, tmp_path, six_cities(tmp_path, cities=moved))
    same(panel(tmp_path), panel(tmp_path, "moved"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"cities": CITIES.assign(latitude=CITIES["latitude"] + 0.1)},
            "City 'c\\d\\d' has other coordinates",
        ),
        ({"radius_km": 10.0}, "radius_km"),
        ({"day_basis": "local"}, "day_basis"),
        ({"recipe": "live", "products": ["cams"]}, "product maiac"),
    ],
    ids=["places", "radius", "day", "recipe"],
)
def test_a_folder_takes_one_kind_of_values(finished, changed, words):
    "Another kind is refused before anything is sent, and the folder stays as it is."
    server, folder = finished
    before = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    server.stats.reset()
    with pytest.raises(ValueError, match=words) as caught:
        run(server, folder, six_cities(folder, **changed))
    assert "--out" in str(caught.value)
    assert not server.stats.requests
    assert before == {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A server, and a folder that was filled from it."""
    folder = tmp_path_factory.mktemp("finished")
    with simulated() as server:
        run(server, folder)
        yield server, folder


def test_a_folder_grows_by_days_and_cities(undisturbed, tmp_path):
    "Later days, then earlier ones, then more cities: each time what is new alone is fetched."
    few = CITIES.iloc[:4]
    steps = [
        (six_cities(tmp_path, cities=few, start="2023-01-02", end="2023-01-02"), 4 * (4 + 1)),
        (six_cities(tmp_path, cities=few, start="2023-01-02", end="2023-01-03"), 4 * 4),
        (six_cities(tmp_path, cities=few, start="2023-01-01", end="2023-01-01"), 4 * 4),
        (six_cities(tmp_path, cities=few), 4 * 4),
    ]
    with simulated() as server:
        for asked, new in steps:
            server.stats.reset()
            run(server, tmp_path, asked)
            assert sent(server) == new
        server.stats.reset()
        run(server, tmp_path, six_cities(tmp_path))
        assert sent(server) == 2 * (4 * 4 + 1)
    same(panel(tmp_path), undisturbed)


# -- what a run leaves


def test_no_thread_is_left(tmp_path):
    "After a run that went well and after one that was refused, as many threads as before."
    with simulated(latency=Latency(fixed=0.02, per_city_band=0)) as server:
        before = set(threading.enumerate())
        run(server, tmp_path, workers=20)
        server.faults = Faults(refused_assets={MAIAC: 404})
        with pytest.raises(Refused):
            run(server, tmp_path, out="other", workers=20)
        end = time.monotonic() + 120
        while (left := our_threads(before)) and time.monotonic() < end:
            time.sleep(0.01)
    assert not left


def our_threads(before):
    """Threads that are new and not the server's."""
    return [
        thread.name for thread in set(threading.enumerate()) - before if "process_request" not in thread.name
    ]
