"""Images that come late are not lost: a day without a value is looked at again, and asked for once it can be."""

import json

import numpy as np
import pytest
from extractions import MAIAC, hidden, kept, looks, panel, run, same, sent, simulated, six_cities

from airq.sources.arrivals import Arrivals
from airq.workflows.extract import EarthEngine, plan

#: Long after the four days of January 2023 that are extracted.
FIRST = np.datetime64("2023-06-01")
LATE = ["2023-01-02", "2023-01-04"]


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def costs(server, folder, day, asked=None, **settings):
    """Cities times bands that a run on a day brings, and how often it looks for images."""
    server.stats.reset()
    run(server, folder, asked, day=day, **settings)
    return sent(server), looks(server)


def test_late_images_are_fetched_once_they_are_there(undisturbed, tmp_path):
    "Two days of MAIAC come three days after the first run: 6 cities x 2 days x 2 bands are sent."
    with simulated() as server:
        server.hidden = hidden(MAIAC, *LATE)
        report = run(server, tmp_path, day=FIRST)
        (note,) = [note for note in report.notes if note.startswith("maiac")]
        assert "no image on 2 of 4 days (2023-01-02, 2023-01-04)" in note
        assert "asked again from 2023-06-02" in note
        assert costs(server, tmp_path, FIRST) == (0, 0)
        # A pause of one day, then one of two.
        assert costs(server, tmp_path, FIRST + 1) == (0, 1)
        assert costs(server, tmp_path, FIRST + 2) == (0, 0)
        server.hidden = lambda asset, image: False
        assert costs(server, tmp_path, FIRST + 2) == (0, 0)
        assert costs(server, tmp_path, FIRST + 3) == (6 * 2 * 2, 1)
        assert costs(server, tmp_path, FIRST + 4) == (0, 0)
    same(panel(tmp_path), undisturbed)


def test_pauses_grow_to_64_days(tmp_path):
    "While nothing comes, the days of looks are 1, 3, 7, 15, 31, 63, 127 and 191 days after the first."
    asked = six_cities(tmp_path, products=["maiac"], start="2023-01-02", end="2023-01-02")
    with simulated() as server:
        server.hidden = hidden(MAIAC, *LATE)
        run(server, tmp_path, asked, day=FIRST)
        days = [number for number in range(1, 200) if costs(server, tmp_path, FIRST + number, asked)[1]]
    assert days == [1, 3, 7, 15, 31, 63, 127, 191]


def test_a_plan_names_the_days_and_their_price(tmp_path):
    "Once the pause is over, the two days count as missing: 2 days x 2 bands in one request."
    with simulated() as server:
        server.hidden = hidden(MAIAC, *LATE)
        asked = six_cities(tmp_path)
        run(server, tmp_path, asked, day=FIRST)
        settings = {"products": asked.products, "out": tmp_path / "out"}
        settings["client"] = EarthEngine(url=server.url)
        for day, bands in ((FIRST, 0), (FIRST + 1, 4)):
            planned = plan(asked.cities, asked.start, asked.end, on_day=day, **settings)
            assert planned.cost.bands == bands
            (own,) = planned.waiting
            assert (own["product"], own["no_image"], own["again"]) == ("maiac", LATE, "2023-06-02")


def test_masked_days_are_told_from_days_without_images(tmp_path):
    "One city that MAIAC sees through clouds on some days: there are images, so it is not asked for again."
    asked = six_cities(tmp_path, products=["maiac"])
    asked.cities.write_text("\n".join(asked.cities.read_text().splitlines()[:2]))
    with simulated() as server:
        server.hidden = hidden(MAIAC, LATE[0])
        report = run(server, tmp_path, asked, day=FIRST)
        (own,) = report.waiting
        values = panel(tmp_path).set_index("date")["aod047"]
        empty = values.index[values.isna()].strftime("%Y-%m-%d").tolist()
        assert own["no_image"] == LATE[:1]
        assert own["masked"] == [day for day in empty if day != LATE[0]] != []
        for number in range(1, 10):
            assert costs(server, tmp_path, FIRST + number, asked)[0] == 0
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["images"]["maiac"]
    assert {day for day, (images, *_) in facts.items() if images} == set(own["masked"])


def test_an_outage_of_three_weeks(tmp_path):
    "Run every day; MAIAC's images from 8 to 28 January come on the 29th. In the end nothing is missing."
    days = np.arange("2023-01-08", "2023-01-29", dtype="datetime64[D]")
    end = np.datetime64("2023-02-10")
    asked = {"products": ["maiac", "cams"], "start": "2023-01-01"}
    with simulated(limits=None) as server:
        expected = 0
        for day in np.arange("2023-01-03", end + 1, dtype="datetime64[D]"):
            # Each day's images come on the next.
            gone = days if day < days[-1] + 1 else days[:0]
            server.hidden = hidden(MAIAC, *gone, *np.arange(day, end + 1))
            expected += run(
                server, tmp_path, six_cities(tmp_path, end=str(day - 1), **asked), day=day
            ).fetched
        server.hidden = lambda asset, image: False
        run(server, tmp_path, six_cities(tmp_path, end=str(end - 1), **asked), out="once", day=end)
        first = costs(server, tmp_path, end + 100, six_cities(tmp_path, end=str(end - 1), **asked))
    same(panel(tmp_path), panel(tmp_path, "once"))
    assert first[0] == 0
    # Nothing came twice: no chunk was fetched again for what another holds.
    assert expected == int(panel(tmp_path)[["aod047", "aod055", "cams_pm25", "cams_aod"]].count().sum())


def test_the_rest_of_a_day_comes_later(undisturbed, tmp_path):
    "Half of the images of a day are there on the next day, the others a week later: only that day is sent."
    day = np.datetime64("2023-01-04")
    with simulated() as server:
        server.hidden = lambda asset, image: (
            asset == MAIAC and hidden(MAIAC, day)(asset, image) and (image.time // 3_600_000 % 24 >= 10)
        )
        run(server, tmp_path, day=day + 1)
        assert costs(server, tmp_path, day + 2) == (0, 1)
        server.hidden = lambda asset, image: False
        assert costs(server, tmp_path, day + 7) == (6 * 2, 1)
    same(panel(tmp_path), undisturbed)


def test_a_service_that_does_not_tell_its_images(undisturbed, tmp_path, monkeypatch):
    "The two days are then asked for again after the same pauses: 6 cities x 2 days x 2 bands each time."
    monkeypatch.setattr("airq.sources.earthengine.graph.image_times", lambda windows: _unknown())
    with simulated() as server:
        server.hidden = hidden(MAIAC, *LATE)
        report = run(server, tmp_path, day=FIRST)
        assert any("maiac: no value in any city on 2 of 4 days" in note for note in report.notes)
        sizes = [costs(server, tmp_path, FIRST + number)[0] for number in range(1, 5)]
        assert sizes == [24, 0, 24, 0]
        server.hidden = lambda asset, image: False
        assert costs(server, tmp_path, FIRST + 7)[0] == 24
    same(panel(tmp_path), undisturbed)


def _unknown():
    import ee

    return ee.Image.loadGeoTIFF("gs://nowhere/none.tif").get("none")


def test_killed_after_a_look(undisturbed, tmp_path):
    "The images have come, the run ends after its first answer: the next one sends the rest."
    with simulated() as server:
        server.hidden = hidden(MAIAC, *LATE)
        run(server, tmp_path, day=FIRST)
        server.hidden = lambda asset, image: False
        server.stats.reset()

        def stop(progress):
            if progress.chunks:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(server, tmp_path, day=FIRST + 1, workers=1, report_progress=stop)
        before = sent(server)
        assert 0 < before < 24
        assert costs(server, tmp_path, FIRST + 1)[0] == 24 - before
    same(panel(tmp_path), undisturbed)


def test_a_span_is_fetched_anew(undisturbed, tmp_path):
    "Of the 2nd and 3rd MAIAC alone: 6 cities x 2 days x 2 bands, though nothing was missing."
    with simulated(limits=None) as server:
        run(server, tmp_path)
        only = six_cities(tmp_path, products=["maiac"])
        assert costs(server, tmp_path, None, only, refresh="2023-01-02..2023-01-03")[0] == 24
        assert costs(server, tmp_path, None) == (0, 0)
        assert len(kept(tmp_path)) == 3
        with pytest.raises(ValueError, match="no day from 2024-01-01 to 2024-01-02"):
            run(server, tmp_path, only, refresh=("2024-01-01", "2024-01-02"))
    same(panel(tmp_path), undisturbed)


def test_a_span_that_is_fetched_anew_goes_on(undisturbed, tmp_path):
    "Killed after four answers, the next run fetches the rest, with or without being told again."
    with simulated() as server:
        run(server, tmp_path)
        server.stats.reset()

        def stop(progress):
            if progress.chunks >= 4:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(server, tmp_path, refresh="2023-01-01..2023-01-04", workers=1, report_progress=stop)
        begun = sent(server)
        assert costs(server, tmp_path, None)[0] == 6 * 4 * 4 + 6 - begun
        assert costs(server, tmp_path, None) == (0, 0)
    same(panel(tmp_path), undisturbed)


def test_looks_are_noted():
    "More images than a request can have had are noted with the time, fewer or as many are not."
    from airq.sources.arrivals import View
    from airq.sources.earthengine.catalogue import products_of
    from airq.sources.earthengine.layers import Extraction

    part = Extraction("mine", products_of("default", ["no2"])).layers[0].parts[0]
    day, arrivals = np.datetime64("2023-01-02"), Arrivals()
    for images, when in ((3, "2023-01-03T10:00"), (3, "2023-01-04T10:00"), (5, "2023-01-05T10:00")):
        arrivals.note(View(part, day, day + 1), images, np.datetime64(when, "ms"))
        grown = arrivals.of("no2", [day]).grown[0]
        assert np.isnat(grown) == (images == 3)
    arrivals = Arrivals(json.loads(json.dumps(arrivals.to_dict())))
    found = arrivals.of("no2", [day])
    assert (found.images[0], str(found.since[0]), str(found.looked[0])) == (5, "2023-01-03", "2023-01-05")
    assert str(found.grown[0]) == "2023-01-05T10:00:00.000"
