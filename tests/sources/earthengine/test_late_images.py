"""Images that come late are not lost: a day without a value is looked at, and asked for once it has any."""

import json

import numpy as np
import pandas as pd
import pytest
from earthengine_server.algorithms import collections
from earthengine_server.errors import EarthEngineError
from extractions import (
    CAMS,
    CITIES,
    MAIAC,
    hidden,
    kept,
    looks,
    panel,
    run,
    same,
    sent,
    simulated,
    six_cities,
)

from airq.sources.arrivals import Arrivals, View
from airq.sources.earthengine.catalogue import products_of
from airq.sources.earthengine.extraction import Extraction
from airq.sources.folder import Folder
from airq.sources.site_days import SiteDays
from airq.workflows.extract import EarthEngine, plan

#: Long after the four days of January 2023 that are extracted.
FIRST = np.datetime64("2023-06-01")
ERA5, DAY = "ECMWF/ERA5/HOURLY", 86_400_000
LATE = ["2023-01-02", "2023-01-04"]


def costs(server, folder, day, asked=None, **settings):
    """Cities times bands that a run on a day brings, and how often it looks for images."""
    server.stats.reset()
    run(server, folder, asked, day=day, **settings)
    return sent(server), looks(server)


@pytest.mark.slow
def test_late_images_are_fetched_once_they_are_there(undisturbed, tmp_path):
    "Two days of MAIAC come three days after the first run: 6 cities x 2 days x 2 bands are sent."
    with simulated() as server:
        server.hidden = hidden(MAIAC, *LATE)
        report = run(server, tmp_path, day=FIRST)
        (note,) = [note for note in report.notes if note.startswith("maiac")]
        assert "no or too few images on 2 of 4 days (2023-01-02, 2023-01-04)" in note
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
    site_days = SiteDays.from_cities(CITIES, *pd.to_datetime(["2023-01-02", "2023-01-02"]))
    folder = Folder(
        tmp_path, Extraction("default", products_of("default", ["maiac"])), site_days, on_day=FIRST
    )
    (request,) = folder.missing([])
    chunks = [folder.keep(request, np.full((6, 1, 2), np.nan))]
    days = []
    for view in folder.to_look_at(chunks, asked=True):
        folder.arrivals.note(view, 0, folder.now)
    for number in range(1, 200):
        folder.on_day = FIRST + number
        for view in folder.to_look_at(chunks):
            folder.arrivals.note(view, 0, folder.now)
            days.append(number)
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


@pytest.mark.long
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)], ids=["weekly", "daily"])
def test_an_outage_of_three_weeks(tmp_path, step):
    "MAIAC's images from 8 to 28 January come on the 29th. Weekly or daily runs: nothing is lost or repeated."
    outage = np.arange("2023-01-08", "2023-01-29", dtype="datetime64[D]")
    last, asked = np.datetime64("2023-02-11"), {"products": ["maiac", "cams"], "start": "2023-01-01"}
    with simulated(limits=None) as server:
        fetched = 0
        for day in np.arange(np.datetime64("2023-01-08"), last + 2, step):
            # Each day's images come on the next.
            missing = outage if day < np.datetime64("2023-01-29") else outage[:0]
            server.hidden = hidden(MAIAC, *missing, *np.arange(day, last + 1))
            fetched += run(server, tmp_path, six_cities(tmp_path, end=str(day - 1), **asked), day=day).fetched
        whole = six_cities(tmp_path, end=str(last), **asked)
        # The last looks at days that came in the outage, and at the last one.
        for day in (last + 7, last + 40):
            fetched += run(server, tmp_path, whole, day=day).fetched
        assert costs(server, tmp_path, last + 100, whole)[0] == 0
        server.hidden = lambda asset, image: False
        run(server, tmp_path, whole, out="once", day=last + 100)
    same(panel(tmp_path), panel(tmp_path, "once"))
    assert fetched == int(panel(tmp_path)[["aod047", "aod055", "cams_pm25", "cams_aod"]].count().sum())


def test_local_days_get_their_late_images(tmp_path):
    "Images of four days in UTC are parts of up to six local days: all are as if they had been there at once."
    asked = six_cities(tmp_path, products=["cams"], day_basis="local")
    with simulated() as server:
        run(server, tmp_path, asked, out="once")
        server.hidden = hidden(CAMS, *np.arange("2022-12-31", "2023-01-04", dtype="datetime64[D]"))
        run(server, tmp_path, asked, day=FIRST)
        server.hidden = lambda asset, image: False
        run(server, tmp_path, asked, day=FIRST + 1)
    same(panel(tmp_path), panel(tmp_path, "once"))


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


@pytest.mark.slow
def test_a_service_that_does_not_tell_its_images(undisturbed, tmp_path, monkeypatch):
    "The two days are then asked for again after the same pauses: 6 cities x 2 days x 2 bands each time."
    monkeypatch.setattr("airq.sources.earthengine.graph.image_facts", lambda *_: _unknown())
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
        for out in ("out", "new"):
            with pytest.raises(ValueError, match="no day from 2024-01-01 to 2024-01-02"):
                run(server, tmp_path, only, out=out, refresh=("2024-01-01", "2024-01-02"))
        assert not (tmp_path / "new").exists()
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
    part = Extraction("mine", products_of("default", ["no2"])).layers[0].parts[0]
    day, arrivals = np.datetime64("2023-01-02"), Arrivals()
    for images, when in ((3, "2023-01-03T10:00"), (3, "2023-01-04T10:00"), (5, "2023-01-05T10:00")):
        arrivals.note(View(part, day, np.array([True]), day + 1), images, np.datetime64(when, "ms"))
        grown = arrivals.of("no2", [day]).grown[0]
        assert np.isnat(grown) == (images == 3)
    arrivals = Arrivals(json.loads(json.dumps(arrivals.to_dict())))
    found = arrivals.of("no2", [day])
    assert (found.images[0], str(found.since[0]), str(found.looked[0])) == (5, "2023-01-03", "2023-01-05")
    assert str(found.grown[0]) == "2023-01-05T10:00:00.000"


@pytest.mark.parametrize(
    ("looks", "replaced"),
    [
        ([(3, "version a"), (2, "version b")], True),
        ([(3, "version a"), (3, None), (3, "version b")], True),
        ([(3, "version a"), (3, "index b")], False),
        ([(3, "version a"), (2, "version a")], False),
    ],
)
def test_images_of_another_version_are_noted(looks, replaced):
    "Also where one is gone, and where a look between did not tell them apart; another mark tells nothing."
    part = Extraction("mine", products_of("default", ["no2"])).layers[0].parts[0]
    day, arrivals = np.datetime64("2023-01-02"), Arrivals()
    for later, (images, identity) in enumerate(looks):
        now = np.datetime64("2023-01-03T10:00", "ms") + np.timedelta64(later, "D")
        arrivals.note(View(part, day, np.array([True]), day + 1), images, now, identity)
    assert np.isnat(arrivals.of("no2", [day]).grown[0]) != replaced


@pytest.mark.slow
def test_a_run_that_something_stood_in_for_comes_late(tmp_path):
    "CAMS' run of 00 UTC of the 2nd comes a day after the first run: its bands and ages are sent."
    asked, day = six_cities(tmp_path, products=["cams"], quality=True), np.datetime64("2023-01-10")
    with simulated() as server:
        run(server, tmp_path, asked, out="once")
        server.hidden = lambda asset, image: (
            hidden(CAMS, "2023-01-02")(asset, image) and image.properties["model_initialization_hour"] == 0
        )
        run(server, tmp_path, asked, day=day)
        first = panel(tmp_path)
        assert first["cams_pm25"].notna().all()
        server.hidden = lambda asset, image: False
        assert costs(server, tmp_path, day + 1, asked) == (6 * 1 * 4, 1)
    younger = first["cams_pm25_age"] - panel(tmp_path)["cams_pm25_age"]
    assert younger.groupby(first["date"]).mean().tolist() == [0, 0.5, 0, 0]
    same(panel(tmp_path), panel(tmp_path, "once"))


def test_rain_of_a_day_without_an_hour(tmp_path):
    "Of 24 hours 23 are there: no rain is made of them; once the last is there, 6 cities x 1 day are sent."
    asked = six_cities(tmp_path, products=["era5-rain"])
    with simulated() as server:
        server.hidden = lambda asset, image: hidden(ERA5, LATE[0])(asset, image) and image.time % DAY == 0
        report = run(server, tmp_path, asked, day=FIRST)
        # The hour that ends with the midnight of the 2nd is one of the 1st.
        assert panel(tmp_path).groupby("date")["precipitation"].count().tolist() == [0, 6, 6, 6]
        assert [own["no_image"] for own in report.waiting] == [["2023-01-01"]]
        server.hidden = lambda asset, image: False
        assert costs(server, tmp_path, FIRST + 1, asked) == (6, 1)
        run(server, tmp_path, asked, out="once")
    same(panel(tmp_path), panel(tmp_path, "once"))


@pytest.mark.long
def test_late_images_of_days_before(tmp_path):
    "What the 2nd to the 6th take from the 1st comes late: of those 5 days all are sent, and none after."
    asked = six_cities(tmp_path, products=["reference-o3"], recipe="reference", end="2023-01-08")
    day = np.datetime64("2023-01-10")
    with simulated(limits=None) as server:
        server.hidden = hidden("COPERNICUS/S5P/OFFL/L3_O3", "2023-01-01")
        run(server, tmp_path, asked, day=day)
        server.hidden = lambda asset, image: False
        # Once the images are normally there, there is a pause of a day.
        assert sum(costs(server, tmp_path, day + number, asked)[0] for number in range(1, 14)) == 6 * 5 * 2
        run(server, tmp_path, asked, out="once")
    same(panel(tmp_path), panel(tmp_path, "once"))


def test_more_cities_are_not_more_images(tmp_path):
    "Cities far from two others have granules of their own: the two are not asked for again."
    day = np.datetime64("2023-01-20")
    asked = six_cities(tmp_path, products=["maiac"], cities=CITIES.iloc[:2])
    with simulated(limits=None) as server:
        run(server, tmp_path, asked, day=day)
        more = six_cities(tmp_path, products=["maiac"])
        assert costs(server, tmp_path, day + 1, more)[0] == 4 * 4 * 2
        assert [costs(server, tmp_path, day + number, more)[0] for number in (2, 5, 12, 30)] == [0, 0, 0, 0]


def test_late_images_are_seen_when_cities_are_added(tmp_path):
    "Images of the 2nd come before the run that adds four cities: for the two others, too, that day is sent."
    day = np.datetime64("2023-01-20")
    with simulated(limits=None) as server:
        run(server, tmp_path, six_cities(tmp_path, products=["maiac"]), out="once")
        server.hidden = hidden(MAIAC, LATE[0])
        run(server, tmp_path, six_cities(tmp_path, products=["maiac"], cities=CITIES.iloc[:2]), day=day)
        server.hidden = lambda asset, image: False
        more = six_cities(tmp_path, products=["maiac"])
        assert costs(server, tmp_path, day + 1, more)[0] == 4 * 4 * 2 + 2 * 2
    same(panel(tmp_path), panel(tmp_path, "once"))


# -- images that replace others


def told_by(folder):
    "By what the manifest tells MAIAC's images of the 2nd from others."
    facts = json.loads((folder / "out" / "manifest.json").read_text())["images"]["maiac"]
    return facts["2023-01-02"][5] and facts["2023-01-02"][5].split()[0]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({}, {"system:version": 2}, "version"),
        ({"system:version": None}, {"system:version": None, "system:index": "other"}, "index"),
    ],
)
def test_images_that_replace_others_are_fetched(tmp_path, before, after, kind):
    "As many as before, of another version or, without these, name: 6 cities x 1 day x 2 bands are sent."
    asked, day = six_cities(tmp_path, products=["maiac"]), np.datetime64("2023-01-20")
    late = hidden(MAIAC, LATE[0])
    with simulated(limits=None) as server:
        server.stated = lambda asset, image: before
        run(server, tmp_path, asked, day=day)
        assert costs(server, tmp_path, day + 1, asked) == (0, 1)
        server.stated = lambda asset, image: after if late(asset, image) else before
        assert costs(server, tmp_path, day + 7, asked) == (6 * 1 * 2, 1)
        assert told_by(tmp_path) == kind
        assert [costs(server, tmp_path, day + number, asked)[0] for number in (8, 20)] == [0, 0]


@pytest.mark.parametrize("answer", [[], None, EarthEngineError("No such property.")])
def test_a_service_that_knows_neither_name_nor_version(tmp_path, monkeypatch, answer):
    "Times are counted as ever, and the manifest says that nothing tells images from those that replace them."
    asked, day = six_cities(tmp_path, products=["maiac"]), np.datetime64("2023-01-20")
    usual = collections._property

    def unknown(collection, name):
        if name == "system:time_start":
            return usual(collection, name)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(collections, "_property", unknown)
    with simulated(limits=None) as server:
        server.hidden = hidden(MAIAC, LATE[0])
        run(server, tmp_path, asked, day=day)
        server.hidden = lambda asset, image: False
        assert costs(server, tmp_path, day + 1, asked) == (6 * 2, 1)
    assert told_by(tmp_path) is None
