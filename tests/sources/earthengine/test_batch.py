"""Tasks of Earth Engine: the same chunks as requests bring, whatever happens to tasks and to this machine."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from earthengine_server import Faults, Limits
from earthengine_server.errors import EarthEngineError
from extractions import CITIES, MAIAC, QUICK, hidden, kept, panel, run, same, simulated, six_cities

from airq.sources.earthengine import catalogue
from airq.sources.earthengine.batch import read_features
from airq.sources.earthengine.catalogue import PRODUCTS
from airq.sources.earthengine.destinations import Bucket, DriveFolder, read_destination
from airq.workflows.extract import EarthEngine, cancel_tasks, plan

HERE = "gs://bucket/africa"


def batch(server, folder, asked=None, *, batch=HERE, **settings):
    """Extract by tasks; the report."""
    return run(server, folder, asked, batch=batch, **settings)


def manifest(folder, out):
    return json.loads((folder / out / "manifest.json").read_text())


def interrupted(server, folder, out, asked=None, *, tasks=2):
    """Press Ctrl-C as soon as Earth Engine has so many tasks, which wait; the words of the interrupt."""

    def ctrl_c(progress):
        if progress.under_way == tasks:
            raise KeyboardInterrupt

    server.exports.held = True
    with pytest.raises(KeyboardInterrupt) as caught:
        batch(server, folder, asked, out=out, report_progress=ctrl_c)
    return str(caught.value)


# -- the same as requests bring


@pytest.mark.parametrize("where", [HERE, "drive:airq"])
def test_tasks_bring_what_requests_bring(server, tmp_path, undisturbed, where):
    "Two tasks, days and years, write files that make the panel of an extraction at once."
    report = batch(server, tmp_path, batch=where)
    same(panel(tmp_path), undisturbed)
    assert (report.chunks, report.started, report.restarted) == (2, 2, 0)
    assert not [one for one in server.stats.compute if one.path == "table:computeFeatures"]


@pytest.mark.parametrize(
    "more", [{"quality": True}, pytest.param({"day_basis": "local"}, marks=pytest.mark.long)]
)
def test_counts_ages_rings_sums_and_local_days_are_the_same(server, tmp_path, more):
    "Every kind of column: means, counts, ages, rings and sums of people; fingerprints and settings agree."
    asked = six_cities(tmp_path, products=["maiac", "fires", "population", "elevation"], **more)
    run(server, tmp_path, asked, out="requests")
    batch(server, tmp_path, asked, out="tasks")
    same(panel(tmp_path, "tasks"), panel(tmp_path, "requests"))
    one, other = manifest(tmp_path, "tasks"), manifest(tmp_path, "requests")
    for facts in ("fingerprint", "extraction", "assets", "cities", "cities_sha256"):
        assert one[facts] == other[facts]
    tasks, requests = (
        {(own.layer, *own.fingerprints.items()) for own in kept(tmp_path, out)}
        for out in ("tasks", "requests")
    )
    assert tasks == requests


def test_files_in_parts_make_one_chunk(server, tmp_path, undisturbed):
    "Three files of two cities each are read as one."
    server.exports.files_of = lambda rows: [rows[:2], rows[2:4], rows[4:]]
    batch(server, tmp_path)
    same(panel(tmp_path), undisturbed)
    assert len(server.exports.buckets["bucket"]) == 6


def test_the_service_own_columns_and_empty_cells_are_left_out():
    "A column of text and a cell without a pixel are no numbers."
    content = b'system:index,c,v0_0,v0_1,.geo\n0_1,1,0.25,,"{""type"":""MultiPoint""}"\n'
    assert read_features([content, b"c,v0_0\n0,1e-05\n"]) == [{"c": 1, "v0_0": 0.25}, {"c": 0, "v0_0": 1e-5}]


@pytest.mark.long
def test_faults_on_the_way_change_nothing(tmp_path, undisturbed):
    "A third of all requests fails or is cut off; the panel is the same."
    faults = Faults(unavailable=0.1, dropped=0.1, dropped_midway=0.1, invalid_json=0.05)
    with simulated(limits=None, faults=faults) as server:
        report = batch(server, tmp_path)
        assert server.exports.states() == ["SUCCEEDED"] * 2
    same(panel(tmp_path), undisturbed)
    assert report.started == 2


def test_a_plan_tells_the_tasks_and_their_time(tmp_path):
    "A minute each and 2.76 ms a cell, two at once: the longer one has 96 cells."
    asked = six_cities(tmp_path)
    planned = plan(asked.cities, asked.start, asked.end, products=asked.products)
    assert planned.batch.requests == 2
    assert planned.batch.minutes == pytest.approx((60 + 96 * 0.00276) / 60)


# -- any machine


def test_another_machine_takes_up_what_is_finished(server, tmp_path, undisturbed):
    "A folder that nobody has seen before is filled from the bucket; no task is started."
    batch(server, tmp_path, out="here")
    report = batch(server, tmp_path, out="there")
    assert (report.chunks, report.started) == (2, 0)
    same(panel(tmp_path, "there"), undisturbed)
    assert batch(server, tmp_path, out="there").requests == 0, "What is there is not asked for."


@pytest.mark.long
def test_files_are_enough_where_tasks_are_no_longer_listed(server, tmp_path, undisturbed):
    "Operations that are too old to be listed are not missed."
    batch(server, tmp_path, out="here")
    server.exports.operations.clear()
    assert batch(server, tmp_path, out="there").started == 0
    same(panel(tmp_path, "there"), undisturbed)


def test_another_machine_takes_up_what_runs(server, tmp_path, undisturbed):
    "Ctrl-C here leaves two tasks, which a run in another folder waits for."
    words = interrupted(server, tmp_path, "here")
    assert words.startswith("Interrupted. 2 tasks go on at Earth Engine") and "--cancel" in words
    server.exports.release()
    assert batch(server, tmp_path, out="there").started == 0
    assert len(server.exports.states()) == 2
    same(panel(tmp_path, "there"), undisturbed)


def test_cities_and_days_that_are_added_leave_running_tasks_their_names(server, tmp_path, undisturbed):
    """Two tasks of five cities and three days go on; what is new is started beside them.

    A task a layer brings the sixth city, and one the fourth day of the five.
    """
    first = six_cities(tmp_path, cities=CITIES[:5], end="2023-01-03")
    interrupted(server, tmp_path, "out", first)
    before = server.exports.descriptions()
    server.exports.release()
    report = batch(server, tmp_path)
    assert server.exports.descriptions()[:2] == before
    assert (report.started, report.chunks) == (3, 5)
    same(panel(tmp_path), undisturbed)
    assert "tasks" not in manifest(tmp_path, "out"), "None is waited for."


def test_a_divided_task_is_taken_up_in_halves_when_a_city_is_added(tmp_path):
    "Ctrl-C comes once a block of five cities and two days was divided: its halves keep their names."
    first = six_cities(tmp_path, cities=CITIES[:5], end="2023-01-02", products=["cams"])
    with simulated(limits=Limits(cells=10)) as server:

        def ctrl_c(progress):
            if progress.splits and progress.under_way:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            batch(server, tmp_path, first, report_progress=ctrl_c)
        batch(server, tmp_path, six_cities(tmp_path, end="2023-01-02", products=["cams"]))
        blocks = {own.split("-")[1] for own in server.exports.descriptions()}
    assert len(blocks) == 4, "The block, its halves, and the sixth city."


def test_halves_of_days_that_came_at_two_times_are_taken_up_and_cancelled(tmp_path):
    """Two days that came at different times are fetched anew; Ctrl-C comes once their block was divided.

    It failed for three sizes of tiles, and both of its halves wait: no other is begun, and both are ended.
    """
    two_days = six_cities(tmp_path, cities=CITIES[:5], end="2023-01-02", products=["cams"])
    with simulated(limits=Limits(cells=10)) as server:
        for end, on_day in (("2023-01-01", "2023-02-01"), ("2023-01-02", "2023-02-02")):
            days = six_cities(tmp_path, cities=CITIES[:5], end=end, products=["cams"])
            run(server, tmp_path, days, day=on_day)
        again = {"refresh": ("2023-01-01", "2023-01-02"), "day": "2023-02-03"}

        def ctrl_c(progress):
            server.exports.held |= progress.splits > 0
            if progress.under_way == 2:
                raise KeyboardInterrupt

        def interrupted_again():
            with pytest.raises(KeyboardInterrupt, match="with --cancel and without --refresh it ends them"):
                batch(server, tmp_path, two_days, report_progress=ctrl_c, **again)
            return Counter(server.exports.states())

        assert interrupted_again() == interrupted_again() == {"FAILED": 3, "PENDING": 2}
        command = {"out": tmp_path / "out", "batch": HERE, "on_day": np.datetime64("2023-02-03")}
        command["client"] = EarthEngine("p", "anonymous", server.url, 8, QUICK)
        assert cancel_tasks(two_days, **command) == 2


@pytest.mark.parametrize("refused", [False, True])
def test_a_second_start_makes_no_second_task(server, tmp_path, undisturbed, refused):
    "Who read the list before another machine started tasks gets these, a refused repetition or not."
    server.exports.repeats_refused = refused
    interrupted(server, tmp_path, "here")
    listed, before = server.exports.listed, iter([{"operations": []}])
    server.exports.listed = lambda: next(before, None) or listed()
    server.exports.release()
    batch(server, tmp_path, out="there")
    assert len(server.exports.states()) == 2
    same(panel(tmp_path, "there"), undisturbed)


@pytest.mark.long
def test_blocks_that_are_left_keep_their_names(server, tmp_path):
    "Whatever is there, a block of the rest is named as before; another place for files gives other names."
    asked = six_cities(tmp_path, start="2023-01-30", end="2023-02-02")
    names = []
    for out, where in (("one", HERE), ("one", HERE), ("two", HERE), ("three", "gs://bucket/other")):
        batch(server, tmp_path, asked, out=out, batch=where)
        names.append(server.exports.descriptions())
        for chunk in kept(tmp_path, out)[:1]:
            chunk.path.unlink()
    assert names[0] == names[1] == names[2]
    assert len(set(names[3])) == 2 * len(names[0])


@pytest.mark.long
def test_a_full_queue_is_waited_for(server, tmp_path, undisturbed, monkeypatch):
    "Where one task at a time may wait or run, the second is started after the first."
    monkeypatch.setattr("earthengine_server.exports.MOST_WAITING", 1)
    assert batch(server, tmp_path).started == 2
    same(panel(tmp_path), undisturbed)


@pytest.mark.long
def test_requests_that_are_always_refused_as_repeated_end(server, tmp_path):
    "After three ids nobody can tell of, the run gives up and says what the service said."
    server.exports.repeats_refused = True
    batch(server, tmp_path, out="here")
    server.exports.operations.clear()
    server.exports.buckets["bucket"].clear()
    assert batch(server, tmp_path, out="there").started == 2

    def refuse(*_):
        raise EarthEngineError("requestId is used already.", 409)

    server.exports.start = refuse
    with pytest.raises(
        ValueError, match=r"night-lights, 2023, 6 cities: .*requestId is used already \(after 3"
    ):
        batch(server, tmp_path, out="elsewhere", batch="gs://bucket/other")


def test_states_and_times_may_be_told_otherwise(server, tmp_path, undisturbed):
    "Tasks as the client calls their states, empty values as null, and files without a time."
    exports, words = server.exports, {"PENDING": "READY", "SUCCEEDED": "COMPLETED"}
    listed, objects = exports.listed, exports.objects

    def listed_otherwise():
        found = listed()["operations"]
        for own in found:
            facts = own["metadata"]
            own["metadata"] = {"state": words.get(facts["state"], facts["state"]), "startTime": None}
            own["metadata"]["description"] = facts["description"]
        return {"operations": [*found, {"name": "projects/p/operations/x", "metadata": None, "error": None}]}

    def objects_without_times(*arguments):
        page = objects(*arguments)
        return page | {"items": [{"name": own["name"]} for own in page.get("items", [])]}

    exports.listed, exports.objects = listed_otherwise, objects_without_times
    assert batch(server, tmp_path).restarted == 0
    same(panel(tmp_path), undisturbed)


# -- tasks that fail


def once(server, text, reason):
    """Fail the first attempt of tasks whose description has a text."""

    def failing(body):
        return reason if text in body["description"] and "-0_" in body["description"] else None

    server.exports.failing = failing


def test_a_failed_task_is_started_again(server, tmp_path, undisturbed):
    "Its second attempt has another id, and brings the same."
    once(server, "_day", "Internal error.")
    report = batch(server, tmp_path)
    assert (report.started, report.restarted) == (3, 1)
    first, second = (own.split("_")[0] for own in server.exports.descriptions() if "_day" in own)
    assert (first[:-1], first[-1], second[-1]) == (second[:-1], "0", "1")
    same(panel(tmp_path), undisturbed)


def test_a_task_that_always_fails_is_named_with_its_reason(server, tmp_path):
    "Three starts; the other task's chunk is kept, and a later run starts the failed one only."
    server.exports.failing = lambda body: "Internal error." if "_day" in body["description"] else None
    words = r"1 of 2 tasks brought nothing: maiac, cams, 2023-01-01 to 2023-01-04, 6 cities: Internal error"
    with pytest.raises(ValueError, match=words):
        batch(server, tmp_path)
    assert server.exports.states().count("FAILED") == 3
    assert [own.layer.split("-")[0] for own in kept(tmp_path)] == ["year"]
    assert not (tmp_path / "out" / "panel.parquet").exists()
    server.exports.failing = lambda body: None
    assert batch(server, tmp_path).started == 1


@pytest.mark.long
def test_a_refusal_that_would_come_again_is_not_repeated(server, tmp_path):
    "A task that may not write is started once."
    server.exports.failing = lambda body: "Permission denied on the bucket."
    with pytest.raises(ValueError, match="another start would not help"):
        batch(server, tmp_path)
    assert len(server.exports.states()) == 2


def test_without_memory_tiles_get_smaller_and_then_blocks(tmp_path, undisturbed):
    """Three cells fit, 12 and 48 with smaller tiles.

    The block of 96 cells fails three times, and each of its halves twice; that of 6 cells fails once.
    """
    with simulated(limits=Limits(cells=3, tiles_help=True)) as server:
        report = batch(server, tmp_path)
        same(panel(tmp_path), undisturbed)
        assert report.splits == 1
        assert Counter(server.exports.states()) == {"FAILED": 3 + 2 * 2 + 1, "SUCCEEDED": 3}
        # Another machine divides what is known to fail, and finds the halves.
        assert batch(server, tmp_path, out="there").started == 0
    same(panel(tmp_path, "there"), undisturbed)


def test_a_task_that_is_cancelled_is_named_and_started_by_the_next_run(server, tmp_path, undisturbed):
    "Cancelled by hand while a run waits: the run says so; the same command starts it again."
    exports = server.exports
    exports.held = True

    def cancelled(progress):
        for name, own in list(exports.operations.items()):
            if "_day" in own.body["description"]:
                exports.cancel(name)
        if len(exports.operations) == 2:
            exports.release()

    with pytest.raises(
        ValueError, match=r"maiac, cams, .* its task projects/p/operations/T\d+ was cancelled"
    ):
        batch(server, tmp_path, report_progress=cancelled)
    assert batch(server, tmp_path).restarted == 1
    same(panel(tmp_path), undisturbed)


def test_all_tasks_of_a_command_can_be_cancelled(server, tmp_path):
    "Two tasks are ended, and another command's task is not."
    interrupted(server, tmp_path, "one")
    interrupted(server, tmp_path, "two", six_cities(tmp_path, products=["no2"]), tasks=1)
    command = {"out": tmp_path / "one", "batch": HERE}
    command["client"] = EarthEngine("p", "anonymous", server.url, 8, QUICK)
    assert cancel_tasks(six_cities(tmp_path), **command) == 2
    assert server.exports.states() == ["CANCELLED", "CANCELLED", "PENDING"]
    assert cancel_tasks(six_cities(tmp_path), **command) == 0


# -- a product that is corrected


def halved(monkeypatch, key, n_bands):
    "Correct the scale of a product's first bands, as a later version of the catalogue does."
    product = PRODUCTS[key]
    bands = [dataclasses.replace(band, scale=band.scale / 2) for band in product.bands[:n_bands]]
    monkeypatch.setitem(catalogue.PRODUCTS, key, dataclasses.replace(product, bands=tuple(bands)))


@pytest.mark.parametrize("n_bands", [2, 1])
def test_a_corrected_product_alone_is_paid_for(server, tmp_path, monkeypatch, n_bands):
    """Two tasks run when the catalogue corrects MAIAC: one more brings it alone, with as many bands or fewer.

    What the running task says of MAIAC is not taken, and CAMS' bands keep the numbers that they had in it.
    """
    interrupted(server, tmp_path, "out")
    halved(monkeypatch, "maiac", n_bands)
    server.exports.release()
    report = batch(server, tmp_path)
    assert (report.started, report.chunks) == (1, 3)
    selectors = list(server.exports.operations.values())[-1].body["selectors"]
    assert selectors == ["c", *(f"v{band}_{day}" for day in range(4) for band in range(n_bands))]
    run(server, tmp_path, out="new")
    same(panel(tmp_path), panel(tmp_path, "new"))


def test_a_task_with_a_corrected_product_that_fails_is_not_started_again(server, tmp_path, monkeypatch):
    "The other product's task is then a new one: with MAIAC's two are started, and none a second time."
    interrupted(server, tmp_path, "out")
    halved(monkeypatch, "maiac", 2)
    server.exports.failing = lambda body: "Internal error." if "v3_0" in body["selectors"] else None
    server.exports.release()
    report = batch(server, tmp_path)
    assert (report.started, report.restarted) == (2, 0)
    run(server, tmp_path, out="new")
    same(panel(tmp_path), panel(tmp_path, "new"))


def test_tasks_with_a_corrected_product_are_cancelled(server, tmp_path, monkeypatch):
    "Both are ended, though MAIAC is no longer what one of them brings."
    interrupted(server, tmp_path, "out")
    halved(monkeypatch, "maiac", 2)
    client = EarthEngine("p", "anonymous", server.url, 8, QUICK)
    assert cancel_tasks(six_cities(tmp_path), out=tmp_path / "out", batch=HERE, client=client) == 2


# -- files


def test_a_bucket_that_is_not_there_is_said_before_anything_starts(server, tmp_path):
    "One sentence with its name and the roles that are needed."
    with pytest.raises(ValueError, match="Bucket nowhere is not there.*Storage Object"):
        batch(server, tmp_path, batch="gs://nowhere/x")
    assert server.exports.states() == []


@pytest.mark.long
def test_a_file_that_is_gone_is_written_again(server, tmp_path, undisturbed):
    "A finished task whose file was deleted counts as failed."
    batch(server, tmp_path, out="here")
    server.exports.buckets["bucket"].clear()
    assert batch(server, tmp_path, out="there").restarted == 2
    same(panel(tmp_path, "there"), undisturbed)


@pytest.mark.long
def test_a_file_that_lacks_cities_is_written_again(server, tmp_path, undisturbed):
    "Half a file is no chunk."
    batch(server, tmp_path, out="here")
    for own in server.exports.buckets["bucket"].values():
        own.content = own.content[: len(own.content) // 2]
    assert batch(server, tmp_path, out="there").restarted == 2
    same(panel(tmp_path, "there"), undisturbed)


@pytest.mark.long
def test_a_spreadsheet_of_drive_is_refused(server, tmp_path):
    "Drive rounds what it turns into a spreadsheet."
    batch(server, tmp_path, out="here", batch="drive:airq")
    for own in server.exports.drive:
        own.kind = "application/vnd.google-apps.spreadsheet"
    with pytest.raises(ValueError, match="spreadsheet, which rounds numbers"):
        batch(server, tmp_path, out="there", batch="drive:airq")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("gs://my-bucket/airq/africa/", Bucket("my-bucket", "airq/africa/")),
        ("gs://my-bucket", Bucket("my-bucket", "")),
        ("drive:air quality", DriveFolder("air quality")),
    ],
)
def test_places_for_files(text, place):
    "A prefix is a folder whether it ends with a stroke or not."
    assert read_destination(text) == place


@pytest.mark.parametrize("text", ["s3://bucket/x", "bucket", "gs://", "gs://B/x", "drive:", "drive:a/b", ""])
def test_other_places_are_refused(text, tmp_path, server):
    "The message names both kinds."
    with pytest.raises(ValueError, match="gs://BUCKET/PREFIX, or drive:FOLDER"):
        batch(server, tmp_path, batch=text)
    assert not (tmp_path / "out").exists()


# -- later


def test_late_images_are_asked_for_by_a_task_of_another_name(server, tmp_path, undisturbed):
    "The file of a day without images is not taken for that of the same day once they are there."
    server.hidden = hidden(MAIAC, "2023-01-02")
    batch(server, tmp_path, day="2023-01-20")
    server.hidden = lambda asset, image: False
    report = batch(server, tmp_path, day="2023-01-25")
    assert report.started == 1
    same(panel(tmp_path), undisturbed)


@pytest.mark.long
def test_days_that_were_recent_when_a_task_ran_are_asked_for_again(server, tmp_path):
    "A machine that takes up old files asks for what was not complete when they were written."
    asked = six_cities(tmp_path, products=["cams"])
    batch(server, tmp_path, asked, out="here")
    for own in server.exports.operations.values():
        own.started = "2023-01-04T12:00:00.000001Z"
    assert batch(server, tmp_path, asked, out="there").started == 1
    same(panel(tmp_path, "there"), panel(tmp_path, "here"))
