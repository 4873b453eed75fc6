"""Exports of tables as the public client starts, follows and cancels them."""

import csv
import io
import urllib.request

import ee
import pytest
from patience import wait_until

TABLE = [{"n": 1, "x": 0.1}, {"n": 2}]


@pytest.fixture
def exported(connect):
    """Function that starts an export of two features, the second without `x`; the server and the task."""
    server = connect()

    def start(**options):
        points = [ee.Feature(ee.Geometry.Point(1, 2), own) for own in TABLE]
        settings = {"description": "two", "bucket": "bucket", "fileNamePrefix": "here/two"} | options
        task = ee.batch.Export.table.toCloudStorage(ee.FeatureCollection(points), **settings)
        task.start()
        return server, task

    return start


def _rows(url):
    with urllib.request.urlopen(url) as answer:
        return list(csv.DictReader(io.StringIO(answer.read().decode())))


def test_a_task_writes_a_file(exported):
    """What is selected is a column, and empty where a feature lacks it."""
    server, task = exported(selectors=["n", "x"])
    wait_until(lambda: task.status()["state"] == "COMPLETED", "The end of the task")
    assert _rows(f"{server.url}/storage/v1/b/bucket/o/here%2Ftwo.csv?alt=media") == [
        {"n": "1", "x": "0.1"},
        {"n": "2", "x": ""},
    ]


def test_without_selectors_the_service_adds_columns(exported):
    """An index and a geometry."""
    server, task = exported()
    wait_until(lambda: task.status()["state"] == "COMPLETED", "The end of the task")
    (name,) = server.exports.buckets["bucket"]
    assert list(_rows(f"{server.url}/storage/v1/b/bucket/o/{name.replace('/', '%2F')}?alt=media")[0]) == [
        "system:index",
        "n",
        "x",
        ".geo",
    ]


def test_operations_are_listed_with_their_description(exported):
    """By all that begins to look for it."""
    exported()
    (operation,) = ee.data.listOperations()
    assert operation["name"].startswith("projects/p/operations/")
    assert operation["metadata"]["description"] == "two"


def test_a_task_can_be_cancelled_while_it_waits(exported):
    """And then says so."""
    server, task = exported()
    server.exports.held = True
    _, task = exported(description="three")
    task.cancel()
    assert task.status()["state"] == "CANCELLED"


def test_a_request_id_starts_one_task(connect):
    """The second start of an id answers the first task."""
    server = connect()
    server.exports.held = True
    where = {"bucket": "bucket", "filenamePrefix": "x"}
    params = {"expression": ee.FeatureCollection([ee.Feature(None, {"n": 1})]), "description": "one"}
    params["fileExportOptions"] = {"fileFormat": "CSV", "cloudStorageDestination": where}
    names = {ee.data.exportTable("once", params)["name"] for _ in range(2)}
    assert len(names) == len(server.exports.states()) == 1


def test_a_bucket_that_is_not_there_fails_the_task(exported):
    """With a reason."""
    _, task = exported(bucket="nowhere")
    wait_until(lambda: task.status()["state"] == "FAILED", "The failure of the task")
    assert "bucket nowhere" in task.status()["error_message"]
