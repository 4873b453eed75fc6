"""The command itself, killed, interrupted, started twice, on a full disk: the panel is the same."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import google.auth.environment_vars
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from earthengine_server import NO_LATENCY, Faults, Latency
from extractions import (
    CELLS,
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
    same,
    sent,
    simulated,
    written,
)
from scripted_server import running, says
from typer.testing import CliRunner

from airq.cli import app

AIRQ = [sys.executable, "-c", "from airq.cli import main; main()"]
#: Each request takes long enough for a signal to come before its answer.
SLOW = Latency(fixed=0.15, per_city_band=0)
#: What takes longer has stopped for good; no claim is about it. [s]
HANG = 300


def command(url, folder, *, workers=3, credentials="anonymous", project="p", out="out", end=END):
    """Arguments of the extraction as a user types them."""
    words = ["extract", "--cities", written(folder), "--start", START, "--end", end]
    words += ["--products", ",".join(PRODUCTS), "--out", folder / out, "--workers", workers]
    words += ["--ee-url", url, "--ee-credentials", credentials]
    return [str(word) for word in [*words, *(["--ee-project", project] if project else [])]]


def interruptible():
    """Let Ctrl-C interrupt the process, though the one that began it may ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begun(server, folder, *, end=END, preexec_fn=interruptible):
    """The command as a process of its own."""
    return subprocess.Popen(
        [*AIRQ, *command(server.url, folder, end=end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=preexec_fn,
    )


def here(url, folder, **settings):
    """The command in this process."""
    return CliRunner().invoke(app, command(url, folder, **settings))


def wait_for(found, *, seconds=HANG):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.01)


def one_line(stderr):
    """The one line that was printed."""
    (line,) = [line for line in stderr.splitlines() if line.strip()]
    return line


def hidden(folder):
    """What begins with a dot in a folder, but for the lock."""
    return [path for path in (folder / "out").rglob(".*") if path.name != ".lock"]


def completed(server, folder):
    """Run the command until its end."""
    result = here(server.url, folder)
    assert result.exit_code == 0, result.output
    return result


# -- killed


def killed(server, folder, draw):
    """Start the command, and kill it at one of its answers, the eighth to the eleventh."""
    process = begun(server, folder)
    dead = after(server, len(answered(server)) + draw.randint(8, 11), process.kill)
    wait_for(lambda: dead.is_set() or process.poll() is not None)
    process.communicate(timeout=HANG)
    wait_for(lambda: server.under_way == 0)


@pytest.mark.slow
def test_killed_and_started_again(undisturbed, tmp_path):
    "The second start asks for what no chunk holds and leaves no litter; the third sends nothing."
    with simulated(latency=SLOW) as server:
        killed(server, tmp_path, random.Random(4))
        held = cells(kept(tmp_path))
        answers = answered(server)
        assert 0 < held < CELLS
        # Answers under way when it was killed are lost: one a worker, and one not yet written.
        assert sent(server) - held <= sum(request.regions * request.bands for request in answers[-4:])
        for litter in ("chunks/.a.parquet.x7", ".panel.parquet.x7", ".manifest.json.x7"):
            (tmp_path / "out" / litter).mkdir()
            (tmp_path / "out" / litter / "half").write_bytes(b"PAR1")
        server.stats.reset()
        completed(server, tmp_path)
        assert sent(server) == CELLS - held
        assert hidden(tmp_path) == []
        server.stats.reset()
        assert "Nothing was missing, nothing was sent." in completed(server, tmp_path).stdout
        assert not server.stats.requests
    same(panel(tmp_path), undisturbed)


@pytest.mark.long
def test_killed_again_and_again(undisturbed, tmp_path):
    "Four processes are killed in turn; together they and the last one ask for hardly more than once."
    draw = random.Random(1)
    with simulated(TINY, latency=SLOW) as server:
        for _ in range(4):
            killed(server, tmp_path, draw)
        completed(server, tmp_path)
        assert CELLS <= sent(server) <= CELLS + 4 * 4 * TINY.cells
        assert hidden(tmp_path) == []
    same(panel(tmp_path), undisturbed)


# -- interrupted


def interrupted(process):
    """Press Ctrl-C; what the process printed, and how long it took to end."""
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=HANG)
    assert process.returncode == 1
    assert stdout == ""
    return one_line(stderr), time.monotonic() - begin


@pytest.mark.slow
def test_ctrl_c(undisturbed, tmp_path):
    "One line and exit code 1; the answers under way are kept, and the next run asks for the rest alone."
    with simulated(latency=Latency(fixed=0.4, per_city_band=0)) as server:
        process = begun(server, tmp_path)
        after(server, 4, lambda: process.send_signal(signal.SIGINT))
        stdout, stderr = process.communicate(timeout=HANG)
        assert (process.returncode, stdout) == (1, "")
        assert one_line(stderr).startswith("Interrupted; nothing was left half-written.")
        assert cells(kept(tmp_path)) == sent(server) < CELLS
        server.stats.reset()
        missing = CELLS - cells(kept(tmp_path))
        completed(server, tmp_path)
        assert sent(server) == missing
    same(panel(tmp_path), undisturbed)


@pytest.mark.long
def test_ctrl_c_while_requests_wait_for_their_turn(tmp_path):
    "Nothing but 503: the waits end at once, with the same line."
    with simulated(faults=Faults(unavailable=1.0)) as server:
        process = begun(server, tmp_path)
        wait_for(lambda: len(server.stats.compute) >= 3)
        # Left alone it would end with another line, after 100 s of failures.
        line, _ = interrupted(process)
        assert line.startswith("Interrupted;")


@pytest.mark.long
def test_ctrl_c_while_the_service_hangs(tmp_path):
    "Requests without an answer are waited for ten seconds, and not until their time-out."
    with simulated(faults=Faults(slow=1.0, slow_seconds=600)) as server:
        process = begun(server, tmp_path)
        wait_for(lambda: server.under_way >= 1)
        line, seconds = interrupted(process)
        assert line.startswith("Interrupted;")
        assert seconds < 200


# -- two at once


@pytest.mark.slow
def test_two_in_one_folder(undisturbed, tmp_path):
    "The second is told in one line and changes nothing; the first ends well."
    with simulated(latency=SLOW) as server:
        process = begun(server, tmp_path)
        stopped = after(server, 2, lambda: process.send_signal(signal.SIGSTOP))
        assert stopped.wait(HANG)
        second = here(server.url, tmp_path)
        process.send_signal(signal.SIGCONT)
        assert second.exit_code == 1
        assert one_line(second.stderr).startswith("Error: Another airq process is at work in")
        process.communicate(timeout=HANG)
        assert process.returncode == 0
        assert sent(server) == CELLS
    same(panel(tmp_path), undisturbed)


# -- a full disk


def full(limit):
    """Let no file of the process grow beyond a limit, as on a full disk. [bytes]"""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "file"),
    [
        (7000, "chunks"),
        pytest.param(1000, "manifest.json", marks=pytest.mark.long),
        pytest.param(11_000, "panel.parquet", marks=pytest.mark.long),
    ],
)
def test_no_room(tmp_path, limit, file):
    "One line that names the file, and exit code 1; no half file; with room again the run completes."
    with simulated(None) as server:
        process = begun(server, tmp_path, end="2023-02-09", preexec_fn=full(limit))
        _, stderr = process.communicate(timeout=HANG)
        assert process.returncode == 1
        assert one_line(stderr).startswith("Error: ")
        assert f"File too large: {tmp_path / 'out' / file}" in stderr
        assert hidden(tmp_path) == []
        for out in ("out", "undisturbed"):
            assert here(server.url, tmp_path, end="2023-02-09", out=out).exit_code == 0
    same(panel(tmp_path), panel(tmp_path, "undisturbed"))


# -- what a run tells


def secrets():
    """A service account's file, and the words of it and of its tokens that nobody may see."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key.decode(), [*key.decode().splitlines()[1:4], "T0KEN-OF-AN-HOUR"]


def test_nothing_secret_is_written_or_said(undisturbed, tmp_path, caplog, capfd):
    "Neither key nor token stands in any file, in any table's metadata, in what is printed or logged."
    caplog.set_level(0)
    key, words = secrets()
    with running() as tokens, simulated(faults=Faults(unavailable=[2])) as server:
        tokens.renew = says(200, json.dumps({"access_token": words[-1], "expires_in": 3600}).encode())
        account = {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "1",
            "private_key": key,
            "client_email": "someone@p.iam.gserviceaccount.com",
            "token_uri": f"{tokens.url}/token",
        }
        (tmp_path / "key.json").write_text(json.dumps(account))
        results = [here(server.url, tmp_path, credentials=tmp_path / "key.json")]
        server.faults = Faults(refused_assets={MAIAC: 403})
        results.append(here(server.url, tmp_path, credentials=tmp_path / "key.json", out="refused"))
        assert len(tokens.renewals) == 2
    assert [result.exit_code for result in results] == [0, 1]
    said = "".join(result.output + result.stderr for result in results) + caplog.text
    said += "".join(str(vars(record)) for record in caplog.records) + "".join(capfd.readouterr())
    for path in [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "key.json"]:
        said += path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            said += pd.read_parquet(path).to_csv()
    assert "someone@p" not in said
    assert [word for word in words if word in said] == []
    same(panel(tmp_path), undisturbed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"credentials": "no-such-file.json"}, "no such file"),
        ({"credentials": "cities.csv"}, "not JSON"),
        ({"credentials": "default"}, "earthengine authenticate"),
        ({"project": None}, "--ee-project"),
        ({"url": "http://192.0.2.1:80"}, "on this machine"),
    ],
    ids=lambda value: str(value),
)
def test_credentials_that_do_not_serve(tmp_path, monkeypatch, settings, words):
    "One line each, before anything is sent."
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("EARTHENGINE_PROJECT", raising=False)
    monkeypatch.delenv(google.auth.environment_vars.CREDENTIALS, raising=False)
    with simulated() as server:
        result = here(**{"url": server.url, "folder": tmp_path} | settings)
        assert not server.stats.requests
    assert result.exit_code == 1
    assert one_line(result.stderr).startswith("Error: ")
    assert words in result.stderr


def test_nothing_listens(tmp_path):
    "One line, after a few attempts."
    with simulated() as server:
        url = server.url
    result = here(url, tmp_path)
    assert result.exit_code == 1
    assert "cannot be reached" in one_line(result.stderr)


def test_a_refusal_is_one_line(tmp_path):
    "The product, its asset, what to do; exit code 1, nothing on standard output."
    with simulated(SMALL, latency=NO_LATENCY, faults=Faults(refused_assets={MAIAC: 404})) as server:
        process = begun(server, tmp_path)
        stdout, stderr = process.communicate(timeout=HANG)
    assert (process.returncode, stdout) == (1, "")
    assert one_line(stderr).startswith(f"Error: maiac: Earth Engine has no asset {MAIAC}")
