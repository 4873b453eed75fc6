"""The service over HTTP: pages, latency, concurrency, faults, counts, the command line."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import ee
import pytest
import requests
from patience import FOR_EVER, PATIENCE, wait_until

from . import EarthEngineServer, Faults, Latency, Limits

NO2 = "COPERNICUS/S5P/OFFL/L3_NO2"


def _points(number):
    return ee.FeatureCollection([ee.Feature(ee.Geometry.Point(n, 0), {"n": n}) for n in range(number)])


def _reduced(number):
    return ee.Image([1, 2]).reduceRegions(_points(number), ee.Reducer.mean(), 1000)


def _table(number=4, **options):
    return ee.data.computeFeatures({"expression": _reduced(number), **options})


def _numbers(answer):
    return [feature["properties"]["n"] for feature in answer["features"]]


def _status(error):
    return error.value.__context__.resp.status


def _day(day="2020-01-01"):
    start = ee.Date(day)
    return ee.ImageCollection(NO2).filterDate(start, start.advance(1, "day")).select(["cloud_fraction"])


def test_pages(connect):
    """Five features by two are three pages; the server may give fewer than asked."""
    server = connect(limits=Limits(page_size=2))
    answer, pages = {"nextPageToken": None}, []
    while "nextPageToken" in answer:
        answer = _table(5, pageSize=1000, pageToken=answer["nextPageToken"])
        pages.append(_numbers(answer))
    assert pages == [[0, 1], [2, 3], [4]]
    assert [request.regions for request in server.stats.compute] == [2, 2, 1]


def test_the_client_follows_pages_by_itself(connect):
    """With a file format the client asks for page after page."""
    connect(limits=Limits(page_size=2))
    assert list(_table(5, fileFormat="PANDAS_DATAFRAME")["n"]) == [0, 1, 2, 3, 4]


def test_an_answer_takes_the_modelled_time(connect):
    """1.5 s, and 2.76 ms for each of 100 regions and 2 bands, at a tenth of the time: 0.205 s at least."""
    server = connect(latency=Latency(scale=0.1))
    _table(100)
    (request,) = server.stats.compute
    assert (request.regions, request.bands) == (100, 2)
    assert request.seconds >= 0.1 * (1.5 + 0.00276 * 200)


def test_too_long_a_computation_times_out(connect):
    """Beyond the limit the answer is 400, after the limit's 0.1 s, not the computation's 1000 s."""
    server = connect(latency=Latency(fixed=1_000_000, scale=0.001), limits=Limits(seconds=100))
    with pytest.raises(ee.EEException, match="Computation timed out") as error:
        _table()
    assert _status(error) == 400
    assert 0.1 <= server.stats.compute[0].seconds < PATIENCE


def test_one_request_too_many_is_refused(connect):
    """With a cap of 2, of 4 requests at once two are answered and two get 429."""
    finish = threading.Event()

    class Held(Latency):
        def seconds(self, regions, bands):
            finish.wait(PATIENCE)
            return 0.0

    server = connect(limits=Limits(concurrent=2), latency=Held())
    threads = [threading.Thread(target=_quietly) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: server.stats.max_concurrent == 2, "The arrival of two requests")
    for _ in range(2):
        _quietly()
    finish.set()
    for thread in threads:
        thread.join()
    assert server.stats.statuses() == {200: 2, 429: 2}
    assert server.stats.max_concurrent == 2


def _quietly():
    try:
        _table()
    except ee.EEException as error:
        if "Too many concurrent aggregations" not in str(error):
            raise


@pytest.mark.parametrize(("fault", "status"), [("unavailable", 503), ("internal", 500), ("too_many", 429)])
def test_answers_of_failure(connect, fault, status):
    """The first request fails with its status, the second succeeds."""
    connect(faults=Faults(**{fault: [0]}))
    with pytest.raises(ee.EEException) as error:
        _table()
    assert _status(error) == status
    assert _numbers(_table()) == [0, 1, 2, 3]


@pytest.mark.parametrize("fault", ["dropped", "dropped_midway", "truncated_length"])
def test_dropped_connections(connect, fault):
    """A connection that ends early is an error of the connection; the next request succeeds."""
    connect(faults=Faults(**{fault: [0]}))
    with pytest.raises(ConnectionError):
        _table()
    assert _numbers(_table()) == [0, 1, 2, 3]


@pytest.mark.parametrize("fault", ["truncated", "invalid_json", "html"])
def test_answers_that_are_no_json(connect, fault):
    """200 with a body that cannot be read: the client hands out its text as it is."""
    connect(faults=Faults(**{fault: [0]}))
    text = _table()
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert _numbers(_table()) == [0, 1, 2, 3]


def test_answers_that_lack_cities_or_shuffle_them(connect):
    """The first answer lacks every third city, the second has them in another order."""
    connect(faults=Faults(lacking=[0], shuffled=[1]))
    assert _numbers(_table(10)) == [1, 2, 4, 5, 7, 8]
    shuffled = _numbers(_table(10))
    assert shuffled != sorted(shuffled)
    assert sorted(shuffled) == list(range(10))


def test_a_slow_answer(connect):
    """An answer can come later than the client waits."""
    connect(faults=Faults(slow=[0], slow_seconds=FOR_EVER))
    ee.data.setDeadline(200)
    with pytest.raises(TimeoutError):
        _table()


def test_a_share_of_failures(connect):
    """With a share of 0.3, about 30 of 100 requests fail, the same ones for the same seed."""
    server = connect(faults=Faults(unavailable=0.3, seed=1))
    statuses = []
    for _ in range(2):
        server.faults = Faults(unavailable=0.3, seed=1)
        answers = [requests.post(f"{server.url}/v1/projects/p/value:compute", "{}") for _ in range(100)]
        statuses.append([answer.status_code for answer in answers])
    assert statuses[0] == statuses[1]
    assert 20 <= statuses[0].count(503) <= 40


def test_the_header_of_restricted_parallelism(connect):
    """Every compute answer can ask for fewer workers."""
    connect(faults=Faults(restricted=True))
    with pytest.warns(UserWarning, match="restricted mode"):
        _table()


@pytest.mark.parametrize(("status", "words"), [(403, "Permission"), (404, "not found"), (400, "not found")])
def test_a_refused_asset(connect, status, words):
    """An asset can be denied or gone, while others are there."""
    connect(faults=Faults(refused_assets={NO2: status}))
    with pytest.raises(ee.EEException, match=words) as error:
        ee.ImageCollection(NO2).limit(1).size().getInfo()
    assert _status(error) == status
    assert ee.ImageCollection("ECMWF/ERA5/HOURLY").limit(1).size().getInfo() == 1


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ("unregistered", "not registered"),
        ("disabled", "has not been used"),
    ],
)
def test_a_project_that_is_refused(connect, project, words):
    """A project without Earth Engine is refused as soon as the client asks for the algorithms."""
    with pytest.raises(ee.EEException, match=words):
        connect(faults=Faults(project=project))


def test_refused_credentials():
    """Credentials that do not count are answered 401."""
    with EarthEngineServer(faults=Faults(project="unauthenticated")) as server:
        answer = requests.get(f"{server.url}/v1/projects/p/algorithms")
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_counts(connect):
    """Requests are counted by path and status, with the workload tag; a reset forgets them."""
    server = connect()
    with ee.data.workloadTagContext("mine"):
        _table()
    (request,) = server.stats.compute
    assert (request.status, request.workload_tag, request.regions) == (200, "mine", 4)
    assert server.stats.requests["table:computeFeatures", 200] == 1
    assert server.stats.requests["discovery", 200] == 2
    server.stats.reset()
    assert not server.stats.requests


def test_the_pixel_under_the_centre(connect):
    """With pixels="centre" a disc of any radius is its centre's pixel."""
    connect(pixels="centre")
    disc = ee.Geometry.Point(32.5, 0.3).buffer(50_000)
    assert ee.Image(1).reduceRegion(ee.Reducer.count(), disc, 1000).getInfo() == {"constant": 1}


def test_a_command_beside_the_server(tmp_path):
    """The command finds the server's address in its arguments, and its exit code is the server's."""
    ask = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1] + '/stats').read()); sys.exit(3)"
    command = [sys.executable, "-m", "earthengine_server", "--", sys.executable, "-c", ask, "{url}"]
    folder = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 3
    assert '"max_concurrent": 0' in done.stdout


def test_faults_of_a_running_process(connect):
    """Another process changes the faults by POST /faults and reads the counts by GET /stats."""
    server = connect()
    body = json.dumps({"unavailable": [0]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/faults", body)) as answer:
        assert json.load(answer)["unavailable"] == [0]
    with pytest.raises(ee.EEException):
        _table()
    with urllib.request.urlopen(f"{server.url}/stats") as answer:
        assert json.load(answer)["compute"][0]["status"] == 503


def test_closing_ends_connections(connect):
    """A server that closes does not wait for idle clients, whose connections would last."""
    server = connect()
    _table()
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < PATIENCE
    server.start()


def test_a_day_without_images_fails_the_stack(connect):
    """The composite of no images has no bands: renaming it fails, merging a masked image helps."""
    connect(missing_days={NO2: ["2020-01-01"]})
    assert _day().size().getInfo() == 0
    assert _day().mean().bandNames().getInfo() == []
    with pytest.raises(ee.EEException, match="must match the number of bands"):
        _day().mean().rename("no2").bandNames().getInfo()
    blank = ee.ImageCollection([ee.Image(0).rename("cloud_fraction").updateMask(0)])
    assert _day().merge(blank).mean().rename("no2").bandNames().getInfo() == ["no2"]


def test_a_product_can_end(connect):
    """After an asset's last day there are no images."""
    connect(last_days={NO2: "2020-01-01"})
    assert [_day(day=day).size().getInfo() for day in ("2020-01-01", "2020-01-02")] == [14, 0]


def test_more_than_the_memory_holds(connect):
    """Regions times bands above the limit end in the message of Earth Engine."""
    connect(limits=Limits(cells=5))
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(n, 0)) for n in range(3)])
    image = ee.Image([1, 2])
    with pytest.raises(ee.EEException, match="User memory limit exceeded") as error:
        image.reduceRegions(points, ee.Reducer.mean(), 1000).getInfo()
    assert _status(error) == 400
    assert image.reduceRegions(points.limit(2), ee.Reducer.mean(), 1000).size().getInfo() == 2
