"""Opening and closing a connection to Earth Engine, and credentials in use."""

import concurrent.futures
import datetime
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import ee
import google.oauth2.credentials
import pytest
from scripted_server import (
    ANONYMOUS,
    QUICK,
    TOKEN,
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
from airq.sources.earthengine.client import connect
from airq.sources.earthengine.errors import Refused, Silent, Stopped

LONG_AGO = datetime.datetime(2020, 1, 1)


@pytest.fixture
def server():
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))


# -- opening and closing


def test_the_opening_survives_failures(server):
    "Two 503, a drop and half a document among the opening's requests."
    server.faults = iter(
        [
            says(503),
            None,
            lambda handler: handler.drop(),
            says(200, b'{"schemas": {'),
            None,
            None,
            says(503, Retry_After="0"),
        ]
    )
    with opened(server) as engine:
        assert engine.compute(places(), rows=1) == [{"a": 1}]


def test_nothing_listens():
    "A port without a server is told after a few attempts, by its address."
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=r"127.0.0.1:\d+ cannot be reached"):
        connect(url=url, project="p", credentials=ANONYMOUS, patience=QUICK)


def test_a_server_of_another_kind(server):
    "JSON that describes nothing is refused at once."
    server.discovery = b"{}"
    with pytest.raises(Refused, match="Check --ee-url"):
        opened(server)


def test_the_opening_tells_refusals(server):
    "An unregistered project is refused before the first computation."
    server.faults = iter(
        [None, None, says(403, error(403, "Project p is not registered to use Earth Engine."))]
    )
    with pytest.raises(Refused, match="rain-or-shine is not registered"):
        opened(server)


def test_anonymous_requests_go_nowhere_else():
    "Nothing is sent to Earth Engine without credentials."
    with pytest.raises(ValueError, match="on this machine"):
        connect(project="p", credentials=ANONYMOUS)


def test_no_test_leaves_this_machine():
    "Other addresses are behind a proxy that is not there."
    assert urllib.request.getproxies()["https"] == "http://127.0.0.1:9"


def test_no_test_leaves_this_machine_where_live_ones_are_left_out_by_name():
    "The word `live` is in the expression, and none of them is run."
    environment = {name: text for name, text in os.environ.items() if name.lower() != "https_proxy"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not live"]
    # Old versions may warn about each other.
    command += ["-W", "default", f"{__file__}::test_no_test_leaves_this_machine"]
    subprocess.run(command, env=environment, check=True, cwd=Path(__file__).parents[3])


def test_a_network_that_swallows_does_not_hold_up_the_opening(server, monkeypatch):
    "The client also asks another address for a list, here behind a proxy that never answers: 2 s do."
    with socket.create_server(("127.0.0.1", 0)) as swallowing:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{swallowing.getsockname()[1]}")
        # Else the proxy of the process's first look at another address counts.
        urllib.request.install_opener(None)
        start = time.monotonic()
        opened(server).close()
        seconds = time.monotonic() - start
        urllib.request.install_opener(None)
    assert 1.5 < seconds < 120


def test_the_opening_leaves_the_process_as_it_was(server):
    "Sockets that others open have no time-out again."
    opened(server).close()
    assert socket.getdefaulttimeout() is None


def test_a_proxy_is_not_asked_for_this_machine(server, monkeypatch):
    "With a dead proxy for everything, a server here is reached."
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with opened(server) as engine:
        assert engine.compute(places(), rows=1) == [{"a": 1}]


def test_a_closed_connection_sends_nothing(server):
    "Close forgets the credentials, too: the client is as before."
    engine = opened(server)
    collection = places()
    engine.close()
    assert not ee.data.is_initialized()
    with pytest.raises(Stopped, match="closed"):
        engine.compute(collection, rows=1)
    assert server.asked == []


def test_one_connection_after_the_other(server):
    "A second server in one process is asked, not the first."
    with opened(server) as engine:
        engine.compute(places(), rows=1)
    with running() as other:
        other.reply = says(200, features({"a": 2}))
        with opened(other) as engine:
            assert engine.compute(places(), rows=1) == [{"a": 2}]
    assert len(server.asked) == 1


def test_a_bad_tag_is_refused(server):
    "Capitals are not allowed in a tag."
    with pytest.raises(ValueError, match="Invalid tag"):
        opened(server, workload_tag="Airq")


def test_no_answer_in_time_asks_for_less(server):
    "0.2 s are granted, the answer never comes: split rather than repeat."
    done = threading.Event()
    server.reply = lambda handler, _: done.wait(600)
    with opened(server, timeout=0.2) as engine:
        with pytest.raises(Silent, match="did not answer within 0.2 s"):
            ask(engine)
        done.set()
        assert engine.stats.by_status == {"silent": 1}


def test_a_service_that_hangs_is_told(server):
    "Six in a row without an answer, for longer than the silence: it is not that too much was asked."
    done = threading.Event()
    server.reply = lambda handler, _: done.wait(600)
    patience = Patience(failures=6, silence=0.2)
    budget = Budget(1, patience=patience)
    with opened(server, timeout=0.1) as engine:
        for _ in range(5):
            with pytest.raises(Silent):
                ask(engine, budget=budget, patience=patience)
        with pytest.raises(ConnectionError, match="does not answer"):
            ask(engine, budget=budget, patience=patience)
        done.set()


def test_a_redirect_is_not_followed(server):
    "Neither the token nor the request goes where another server points."
    server.reply = says(302, Location="http://127.0.0.1:9/")
    engine = opened(server, google.oauth2.credentials.Credentials(token=TOKEN))
    with engine, pytest.raises(Refused, match="redirect"):
        engine.compute(places(), rows=1)


# -- credentials in use


@pytest.fixture
def tokens():
    """A server that renews tokens."""
    with running() as server:
        server.renew = says(200, json.dumps({"access_token": "new", "expires_in": 3600}).encode())
        yield server


@pytest.fixture
def expired(tokens):
    """Credentials whose token has to be renewed."""
    credentials = google.oauth2.credentials.Credentials(
        token="old",
        refresh_token=TOKEN,
        token_uri=f"{tokens.url}/token",
        client_id="1",
        client_secret=TOKEN,
        quota_project_id="another",
    )
    credentials.expiry = LONG_AGO
    return credentials


def test_a_token_is_sent_and_not_shown(server, capfd):
    "It is in the header of the request, and in no text about the connection."
    with opened(server, google.oauth2.credentials.Credentials(token=TOKEN)) as engine:
        engine.compute(places(), rows=1)
        server.reply = says(403, error(403, "no"))
        with pytest.raises(Refused) as caught:
            engine.compute(places(), rows=1)
        shown = f"{engine!r} {engine} {engine.stats.as_dict()} {vars(engine)} {caught.value!r}"
    assert server.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in shown
    assert TOKEN not in "".join(capfd.readouterr())


def test_files_are_read_with_the_same_token_and_project(server):
    "A list of files in a bucket, then a refusal, which has the caller's words before Google's."
    seen = []

    def listed(handler):
        seen.append((handler.path, handler.headers))
        handler.answer(200, b"{}")

    with opened(server, google.oauth2.credentials.Credentials(token=TOKEN)) as engine:
        server.faults = iter([listed, says(403, error(403, "no access"))])
        url = f"{server.url}/storage/v1/b/x/o"
        assert engine.get(url, {"prefix": "a/b"}, refusal="Cannot be read.") == b"{}"
        with pytest.raises(Refused, match=r"^Cannot be read\. Google says: no access$"):
            engine.get(url, {}, refusal="Cannot be read.")
    ((path, headers),) = seen
    assert path == "/storage/v1/b/x/o?prefix=a%2Fb"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-goog-user-project"] == "rain-or-shine"


def test_an_entry_of_netrc_does_not_replace_the_token(server, tmp_path):
    "A default entry is for other programs."
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    with opened(server, google.oauth2.credentials.Credentials(token=TOKEN)) as engine:
        engine.compute(places(), rows=1)
    assert server.headers[0]["authorization"] == f"Bearer {TOKEN}"


def test_an_expired_token_is_renewed_once_for_all_threads(server, tokens, expired):
    "Eight threads meet the expired token together; the token service hears of it once."
    with opened(server, expired) as engine:
        tokens.renewals.clear()
        expired.expiry = LONG_AGO
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: engine.compute(places(), rows=1), range(8)))
    assert len(tokens.renewals) == 1
    assert {own["authorization"] for own in server.headers} == {"Bearer new"}


def test_the_project_said_is_the_one_that_asks(server, expired):
    "The project that the credentials name beside it does not travel, not even twice in one header."
    with opened(server, expired) as engine:
        engine.compute(places(), rows=1)
    (headers,) = server.headers
    assert [value for name, value in headers.items() if name.lower() == "x-goog-user-project"] == [
        "rain-or-shine"
    ]


def test_a_token_that_is_rejected_is_renewed(server, tokens, expired):
    "401 once: a new token, and the request passes within one call."
    with opened(server, expired) as engine:
        tokens.renewals.clear()
        server.reply = in_turn(says(401, error(401, "expired")), says(200, features({"a": 1})))
        assert engine.compute(places(), rows=1) == [{"a": 1}]
        assert engine.stats.by_status == {"401": 1, "200": 1}
    assert len(tokens.renewals) == 1


def test_revoked_credentials(server, tokens, expired):
    "The token service says invalid_grant: one line on signing in, without what was sent."
    tokens.renew = says(400, json.dumps({"error": "invalid_grant", "error_description": TOKEN}).encode())
    with pytest.raises(Refused) as caught:
        opened(server, expired)
    line = str(caught.value)
    assert "invalid_grant" in line
    assert "earthengine authenticate" in line
    assert TOKEN not in line


def test_a_token_service_that_fails_for_a_moment(server, tokens, expired):
    "A drop and a 503, then a token: the opening goes on."
    good, answers = (
        tokens.renew,
        iter([lambda handler: handler.drop(), says(503, b'{"error": "internal_failure"}')]),
    )
    tokens.renew = lambda handler: next(answers, good)(handler)
    with opened(server, expired) as engine:
        assert engine.compute(places(), rows=1) == [{"a": 1}]


def test_credentials_that_are_rejected_for_good(server, expired):
    "401 again after the renewal; and 401 to anonymous requests."
    server.reply = says(401, error(401, "Request had invalid authentication credentials."))
    with opened(server, expired) as engine, pytest.raises(Refused, match="does not accept the credentials"):
        ask(engine)
    with opened(server) as engine, pytest.raises(Refused, match="takes no anonymous requests"):
        ask(engine)
