"""The command with --batch, killed, interrupted and cancelled: tasks go on, and no work is done twice."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from extractions import kept, panel, run, same, six_cities, written
from patience import PATIENCE
from typer.testing import CliRunner

from airq.cli import app

AIRQ = [sys.executable, "-c", "from airq.cli import main; main()"]
#: Three months and a year: four tasks.
START, END, PRODUCTS = "2023-01-30", "2023-03-02", "maiac,night-lights"


def command(server, folder, *more):
    """Arguments of the extraction as a user types them."""
    words = ["extract", "--cities", written(folder), "--start", START, "--end", END, "--products", PRODUCTS]
    words += ["--out", folder / "out", "--batch", "gs://bucket/x", "--ee-url", server.url]
    words += ["--ee-credentials", "anonymous", "--ee-project", "p", *more]
    return [str(word) for word in words]


def stopped(server, folder, call, number, end):
    """Run the command as a process until the server has answered a call so often; its words then.

    `end(process)` stops it.
    """
    own, there = getattr(server.exports, call), threading.Event()
    calls = []

    def counted(*arguments):
        answer = own(*arguments)
        calls.append(arguments)
        if len(calls) == number:
            there.set()
        return answer

    setattr(server.exports, call, counted)
    process = subprocess.Popen(
        [*AIRQ, *command(server, folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert there.wait(PATIENCE), process.communicate()
    end(process)
    words = process.communicate(timeout=PATIENCE)[1]
    setattr(server.exports, call, own)
    return words


@pytest.mark.long
@pytest.mark.slow
def test_killed_twice_once_while_it_starts_tasks_and_once_while_it_reads_files(server, tmp_path):
    "Four tasks in all, each with an id of its own; a task that failed has a fifth; values as at once."
    run(
        server, tmp_path, six_cities(tmp_path, start=START, end=END, products=PRODUCTS.split(",")), out="once"
    )
    exports = server.exports
    exports.failing = lambda body: "Internal error." if "-0_year" in body["description"] else None
    stopped(server, tmp_path, "start", 2, subprocess.Popen.kill)
    assert 2 <= len(exports.states()) <= 4
    stopped(server, tmp_path, "object", 2, subprocess.Popen.kill)
    assert 1 <= len(kept(tmp_path)) <= 3
    result = CliRunner().invoke(app, command(server, tmp_path))
    assert result.exit_code == 0, result.output
    assert len(exports.descriptions()) == len(set(exports.descriptions())) == 5
    same(panel(tmp_path), panel(tmp_path, "once"))


@pytest.mark.long
def test_ctrl_c_says_that_tasks_go_on_and_cancel_ends_them(server, tmp_path):
    "One line that names the place and both ways to go on; --cancel ends all four."
    server.exports.held = True
    words = stopped(server, tmp_path, "listed", 2, lambda process: process.send_signal(signal.SIGINT))
    assert words.splitlines() == [
        "Interrupted. 4 tasks go on at Earth Engine, and what they write waits in gs://bucket/x/. "
        "Run the same command again, on this or another machine, to go on; with --cancel it ends them."
    ]
    result = CliRunner().invoke(app, command(server, tmp_path, "--cancel"))
    assert "4 tasks were cancelled" in result.stdout
    assert server.exports.states() == ["CANCELLED"] * 4


def test_what_has_been_done_is_printed(server, tmp_path):
    "How many tasks wrote, and where."
    result = CliRunner().invoke(app, command(server, tmp_path))
    assert "4 tasks wrote into gs://bucket/x/; 4 were started in this run, 0 of them again" in result.stdout


def test_a_place_that_is_none_is_told(server, tmp_path):
    "In one line, before anything is sent."
    result = CliRunner().invoke(app, command(server, tmp_path, "--batch", "s3://x"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: --batch s3://x names no place for files: give gs://BUCKET/PREFIX")
    assert server.exports.states() == []
