"""Requests to Earth Engine: the real client, and a server on this machine that says what it is told."""

import concurrent.futures
import gzip
import json
import random
import threading
import time

import pytest
from scripted_server import (
    QUICK,
    ask,
    error,
    features,
    in_turn,
    opened,
    places,
    running,
    says,
)

from airq.sources.earthengine.budget import Budget, Patience
from airq.sources.earthengine.errors import (
    Incomplete,
    OutOfMemory,
    Refused,
    Stopped,
    Throttled,
    TooLarge,
    Unavailable,
)


@pytest.fixture(scope="module")
def connection():
    """One server and one connection for all tests here: opening takes longer than most of them."""
    with running() as server, opened(server, workload_tag="airq-42") as engine:
        yield server, engine


@pytest.fixture
def server(connection):
    server, engine = connection
    server.forget()
    engine.stats.clear()
    return server


@pytest.fixture
def engine(server, connection):
    return connection[1]


# -- what is asked and what comes back


def test_compute_returns_the_properties_of_every_feature(server, engine):
    "In the order of the answer; a feature without properties gives an empty dict."
    server.reply = says(200, features({"k": 2, "b": 0.5}, {"k": 1}, None))
    assert engine.compute(places(), rows=5) == [{"k": 2, "b": 0.5}, {"k": 1}, {}]


def test_a_request_says_how_many_rows_and_its_tag(server, engine):
    "Page size and workload tag stand in the request, the project in its header."
    engine.compute(places(), rows=7)
    (asked,) = server.asked
    assert (asked["pageSize"], asked["workloadTag"]) == (7, "airq-42")
    assert "pageToken" not in asked
    assert server.headers[0]["X-Goog-User-Project"] == "rain-or-shine"


def test_compute_follows_pages(server, engine):
    "Three pages, asked for by the token of the one before; the last may be empty."
    pages = [
        json.loads(features({"k": 1})) | {"nextPageToken": "second"},
        json.loads(features({"k": 2})) | {"nextPageToken": "third"},
        {"type": "FeatureCollection"},
    ]
    server.reply = in_turn(*(says(200, json.dumps(page).encode()) for page in pages))
    assert engine.compute(places(), rows=1) == [{"k": 1}, {"k": 2}]
    assert [asked.get("pageToken") for asked in server.asked] == [None, "second", "third"]


def test_pages_that_go_in_a_circle_end(server, engine):
    "A token that was there before is a fault of the service."
    server.reply = says(200, json.dumps(json.loads(features({"k": 1})) | {"nextPageToken": "on"}).encode())
    with pytest.raises(Unavailable, match="repeats a page"):
        engine.compute(places(), rows=1)
    assert len(server.asked) == 2


def test_compressed_answers_are_read(server, engine):
    "The answer is asked for compressed, and counted as it travels."
    packed = gzip.compress(features(*[{"k": 1}] * 100))
    server.reply = says(200, packed, Content_Encoding="gzip")
    assert len(engine.compute(places(), rows=100)) == 100
    assert "gzip" in server.headers[0]["accept-encoding"]
    assert engine.stats.bytes_received == len(packed)


def test_stats_count_requests_since_the_connection_stands(server, engine):
    "Two good, one refused: three requests, two of status 200, one of 503."
    server.reply = in_turn(says(200, features()), says(503), says(200, features()))
    assert engine.stats.requests == 0
    engine.compute(places(), rows=1)
    with pytest.raises(Unavailable):
        engine.compute(places(), rows=1)
    engine.compute(places(), rows=1)
    counts = engine.stats.as_dict()
    assert counts["requests"] == 3
    assert counts["by_status"] == {"200": 2, "503": 1}
    assert counts["bytes_received"] == 2 * len(features())
    assert counts["bytes_sent"] == sum(int(own["Content-Length"]) for own in server.headers)


# -- what went wrong


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "Too many requests", Throttled),
        (400, "Too many concurrent aggregations.", Throttled),
        (403, "Quota exceeded for quota metric 'Requests'", Throttled),
        (500, "An internal error has occurred", Unavailable),
        (502, "", Unavailable),
        (503, "The service is currently unavailable.", Unavailable),
        (504, "", Unavailable),
        (413, "", TooLarge),
        (400, "User memory limit exceeded.", OutOfMemory),
        (400, "Earth Engine memory capacity exceeded.", OutOfMemory),
        (400, "Computation timed out.", TooLarge),
        (400, "Computation is too complex.", TooLarge),
        (400, "Image has too many bands: 5400, at most 5000.", TooLarge),
        (400, "ImageCollection.toBands: The maximum number of bands is 5000, got 5400.", TooLarge),
        (400, "Output of image computation is too large (20 bands for 9 pixels).", TooLarge),
        (400, "Request payload size exceeds the limit: 10485760 bytes.", TooLarge),
        (400, "Collection query aborted after accumulating over 5000 elements.", TooLarge),
        (400, "Band pattern 'Optical_Depth_047' did not match any bands.", Refused),
        (404, "Not found.", Refused),
        (403, "The caller does not have permission", Refused),
    ],
)
def test_what_an_answer_asks_for(server, engine, status, message, kind):
    "Wait, repeat, split or stop, by status and the service's words."
    server.reply = says(status, error(status, message))
    with pytest.raises(kind) as caught:
        engine.compute(places(), rows=1)
    assert type(caught.value) is kind
    assert engine.stats.requests == 1


def test_the_reason_counts_beside_the_message(server, engine):
    "403 with the reason rateLimitExceeded is a matter of waiting, whatever the words."
    server.reply = says(403, error(403, "Slow down", errors=[{"reason": "rateLimitExceeded"}]))
    with pytest.raises(Throttled):
        engine.compute(places(), rows=1)


@pytest.mark.parametrize(
    ("status", "message", "parts"),
    [
        (
            403,
            "Project rain-or-shine is not registered to use Earth Engine. Visit https://x to register.",
            [
                "rain-or-shine is not registered",
                "https://code.earthengine.google.com/register?project=rain-or-shine",
            ],
        ),
        (
            403,
            "Not signed up for Earth Engine or project is not registered.",
            ["https://code.earthengine.google.com/register?project=rain-or-shine"],
        ),
        (
            403,
            "Google Earth Engine API has not been used in project 12 before or it is disabled.",
            ["not enabled in project rain-or-shine", "earthengine.googleapis.com?project=rain-or-shine"],
        ),
        (
            403,
            "Caller does not have required permission to use project rain-or-shine. Grant the caller the "
            "roles/serviceusage.serviceUsageConsumer role",
            ["may not use project rain-or-shine", "Service Usage Consumer", "--ee-project"],
        ),
        (
            403,
            "Permission 'earthengine.computations.create' denied on resource "
            "'//earthengine.googleapis.com/projects/rain-or-shine' (or it may not exist).",
            ["may not use project rain-or-shine", "Earth Engine Resource"],
        ),
        (
            404,
            "Project 'project:rain-or-shine' not found or deleted.",
            ["no project rain-or-shine", "--ee-project"],
        ),
        (
            400,
            "ImageCollection.load: ImageCollection asset 'COPERNICUS/S5P/NONE' not found "
            "(does not exist or caller does not have access).",
            ["no asset COPERNICUS/S5P/NONE", "may not read it"],
        ),
        (
            403,
            "Permission denied on asset 'projects/other/assets/private'.",
            ["projects/other/assets/private", "may not read it"],
        ),
        (
            400,
            "Image.select: Band\n pattern 'x' did not match.",
            ["(400)", "Band pattern 'x' did not match."],
        ),
    ],
)
def test_a_refusal_says_what_to_do(server, engine, status, message, parts):
    "One line, with the project or asset, where to go, and nothing sent twice."
    server.reply = says(status, error(status, message))
    with pytest.raises(ValueError) as caught:
        ask(engine)
    line = str(caught.value)
    assert [part for part in parts if part not in line] == []
    assert "\n" not in line
    assert len(server.asked) == 1


def test_a_refusal_tells_its_asset(server, engine):
    "By name, for who knows which product it belongs to."
    server.reply = says(400, error(400, "Image.load: Image asset 'A/B' not found."))
    with pytest.raises(Refused) as caught:
        engine.compute(places(), rows=1)
    assert caught.value.asset == "A/B"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b'{"features": [{"prop',
        b"[]",
        b"{}",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"features": 7}',
        b'{"features": [7]}',
    ],
)
def test_a_good_status_with_bad_content(server, engine, content):
    "It is as if nothing had come: the same request may pass again."
    server.reply = in_turn(says(200, content), says(200, features({"a": 1})))
    with pytest.raises(Unavailable):
        engine.compute(places(), rows=1)
    assert engine.compute(places(), rows=1) == [{"a": 1}]


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"null", b"7", b'{"error": "x"}', b"\xff", b'{"error": {"errors": 3}}']
)
def test_an_error_that_is_not_written_as_google_does(server, engine, content):
    "500 is a fault that passes, 404 of a stranger is told as such."
    server.reply = in_turn(says(500, content), says(404, content))
    with pytest.raises(Unavailable, match="answered 500"):
        engine.compute(places(), rows=1)
    with pytest.raises(Refused, match="Check --ee-url"):
        engine.compute(places(), rows=1)


@pytest.mark.parametrize(
    "reply",
    [
        lambda handler, _: handler.drop(),
        says(200, features({"a": 1})[:30], length=len(features({"a": 1}))),
        says(200, b"not gzip", Content_Encoding="gzip"),
        says(200, gzip.compress(features({"a": 1}), mtime=0)[:-20], Content_Encoding="gzip"),
    ],
    ids=["dropped", "truncated", "not gzip", "truncated gzip"],
)
def test_a_broken_connection(server, engine, reply):
    "Dropped before or within the answer, or damaged: repeated, and the second passes."
    server.reply = in_turn(reply, says(200, features({"a": 1})))
    with pytest.raises(Unavailable):
        engine.compute(places(), rows=1)
    assert engine.compute(places(), rows=1) == [{"a": 1}]


# -- repetition


def test_what_fails_is_repeated(server, engine):
    "503, a drop and half an answer, then a good one: four requests, one result."
    server.reply = in_turn(
        says(503), lambda handler, _: handler.drop(), says(200, b'{"fea'), says(200, features({"a": 1}))
    )
    assert ask(engine) == [{"a": 1}]
    assert len(server.asked) == 4


def test_an_incomplete_answer_is_repeated(server, engine):
    "The caller wants two features; the first answer has one."
    server.reply = in_turn(says(200, features({"k": 1})), says(200, features({"k": 1}, {"k": 2})))

    def both(found):
        if len(found) < 2:
            raise Incomplete("lacks one of 2 cities")
        return found

    assert ask(engine, read=both) == [{"k": 1}, {"k": 2}]


def test_what_is_too_large_is_not_repeated(server, engine):
    "Memory does not grow by asking again."
    server.reply = says(400, error(400, "User memory limit exceeded."))
    with pytest.raises(TooLarge):
        ask(engine)
    assert len(server.asked) == 1


def test_attempts_end(server, engine):
    "Five attempts at 503, then one line with the host, the reason and how to go on."
    server.reply = says(503)
    with pytest.raises(ConnectionError) as caught:
        ask(engine, patience=Patience(attempts=5, base=0.001))
    assert len(server.asked) == 5
    line = str(caught.value)
    assert "5 attempts" in line
    assert engine.host in line
    assert "503" in line
    assert "Run the same command again" in line
    assert "\n" not in line


def test_a_refusal_for_want_of_room_is_no_attempt(server, engine):
    "One attempt allowed: five 429 are waited out all the same."
    server.reply = in_turn(*[says(429, error(429, "Too many"))] * 5, says(200, features({"a": 1})))
    patience = Patience(attempts=1, base=0.001)
    assert ask(engine, patience=patience, budget=Budget(1, patience=patience)) == [{"a": 1}]
    assert len(server.asked) == 6


def test_a_service_that_grants_nothing_ends(server, engine):
    "Four lone refusals allowed: after them one line tells that it grants no request."
    server.reply = says(429, error(429, "Quota exceeded"))
    patience = Patience(base=0.001, refusals=4)
    with pytest.raises(ConnectionError, match=r"grants no request now \(Quota exceeded\)\. Run the same"):
        ask(engine, patience=patience, budget=Budget(1, patience=patience))
    assert len(server.asked) == 5


def test_retry_after_is_obeyed(server, engine):
    "A 503 that asks for 1 s: the second request comes no sooner, though the waits are of 0.01 s."
    times = []

    def reply(handler, number):
        times.append(time.monotonic())
        handler.answer(*((503, b"") if number == 0 else (200, features())), Retry_After="1")

    server.reply = reply
    ask(engine, patience=Patience(base=0.01))
    assert times[1] - times[0] >= 1


def test_a_third_of_failures_over_150_requests_changes_nothing(server, engine):
    "30 % of 503 from a seeded die, 10 threads: 150 requests, 150 results."
    dice = random.Random(7)
    faults = [dice.random() < 0.3 for _ in range(2000)]

    def reply(handler, number):
        handler.answer(*((503, b"") if faults[number] else (200, features({"a": 1}))))

    server.reply = reply
    patience = Patience(base=0.001, longest=0.02)
    budget = Budget(10, patience=patience)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(ask, engine, budget=budget, patience=patience) for _ in range(150)]
        assert [call.result() for call in calls] == [[{"a": 1}]] * 150
    assert engine.stats.by_status["200"] == 150
    assert engine.stats.by_status["503"] == sum(faults[: engine.stats.requests])


def test_a_service_that_is_down_is_told_soon(server, engine):
    "Every request fails: ten threads with 10,000 attempts give up after the silence of 0.5 s."
    server.reply = says(503)
    patience = Patience(attempts=10_000, base=0.01, longest=0.05, silence=0.5)
    budget, start = Budget(10, patience=patience), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(ask, engine, budget=budget, patience=patience) for _ in range(10)]
        for call in calls:
            assert isinstance(call.exception(), ConnectionError)
    assert 0.5 <= time.monotonic() - start < 120


@pytest.mark.parametrize(
    "reply", [says(503), says(429, error(429, "Too many"), Retry_After="3600")], ids=["503", "429"]
)
def test_a_stop_event_ends_the_waits(server, engine, reply):
    "Waits of up to an hour end with the event."
    server.reply, stop = reply, threading.Event()
    threading.Timer(0.3, stop.set).start()
    patience, start = Patience(base=3600.0, longest=3600.0), time.monotonic()
    with pytest.raises(Stopped):
        ask(engine, patience=patience, budget=Budget(1, patience=patience), stop=stop)
    assert time.monotonic() - start < 120


def test_the_budget_follows_a_cap(server, engine):
    "20 threads, at most 3 at once allowed: all 200 results, the limit ends near 3, few are refused."
    room = threading.Semaphore(3)

    def reply(handler, _):
        if not room.acquire(blocking=False):
            handler.answer(429, error(429, "Too many requests"))
            return
        time.sleep(0.02)
        room.release()
        handler.answer(200, features({"a": 1}))

    server.reply = reply
    budget = Budget(20, patience=QUICK)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(ask, engine, budget=budget) for _ in range(200)]
        assert [call.result() for call in calls] == [[{"a": 1}]] * 200
    assert engine.stats.by_status["200"] == 200
    assert engine.stats.by_status["429"] - 17 < 20
    assert budget.limit <= 4


def test_restricted_parallelism_is_seen_and_not_printed(server, engine, recwarn, capfd):
    "The header lowers the budget from 8 to 6; the client's own warning does not appear."
    header = {"x-earth-engine-quota-status": "parallelism_restricted=true"}
    server.reply = says(200, features({"a": 1}), **header)
    budget = Budget(8)
    ask(engine, budget=budget)
    assert (engine.here.reply.restricted, budget.limit) == (True, 6)
    assert not recwarn.list
    assert capfd.readouterr().err == ""


def test_nothing_is_written_on_the_console(server, engine, capfd):
    "Refusals and failures of every kind, and no remark of the client on any."
    server.reply = in_turn(
        says(403, b"x"), says(403, error(403, "no", status="PERMISSION_DENIED")), says(503)
    )
    for _ in range(3):
        with pytest.raises((Refused, Unavailable)):
            engine.compute(places(), rows=1)
    assert capfd.readouterr() == ("", "")
