"""Jobs: commands that run in a process of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pandas as pd
import pytest
from filelock import FileLock
from patience import PATIENCE, wait_until

from airq.io import read_panel, write_panel
from app import jobs, sources
from app.jobs import EXPLANATION, Answers, Job, Step, explain

#: The command line of a package of the test: it waits for files, fails, or is killed, as its arguments ask.
SCRIPT = """
import os, shutil, subprocess, sys, time
from pathlib import Path

def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
    number = subprocess.Popen(sleep).pid if what == "start" else os.getpid()
    (folder / "begun").write_text(str(number))
    if what == "fail":
        print("Warning: beside it\\nError: Too small: here", file=sys.stderr)
        sys.exit(1)
    if what == "die":
        os.kill(os.getpid(), 9)
    if what == "demo":
        shutil.copytree(folder / "made", sys.argv[4])
    for done in range(3 if what in ("work", "start") else 0):
        print(f"Working: {done:,} of 1,003 piece {done}", file=sys.stderr, flush=True)
        while not (folder / f"seen{done}").exists():
            time.sleep(0.01)
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    "Function that makes a job of the package of the test."
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cli.py").write_text(SCRIPT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda what: Job(("own", what), "work", longest=PATIENCE, instead="Do less.")


def test_progress_is_told_and_never_goes_back(job, tmp_path):
    "Three of 1,003 pieces, each of which ends when it was seen."
    steps = []
    for step in job("work").run(tmp_path):
        steps.append(step)
        if step.total:
            (tmp_path / f"seen{step.done}").touch()
    assert steps[-1] == Step(2, 1003, "piece 2")
    assert [step.done for step in steps] == sorted(step.done for step in steps)


def test_a_refusal_is_told_in_the_words_of_the_command(job, tmp_path):
    "Warnings beside it are left out."
    with pytest.raises(ValueError, match="^Too small: here$"):
        list(job("fail").run(tmp_path))


def test_a_process_that_is_killed_is_told_in_words(job, tmp_path):
    "As a machine without memory does it."
    with pytest.raises(OSError, match="The work stopped before its end"):
        list(job("die").run(tmp_path))


def test_what_takes_too_long_is_ended(job, tmp_path):
    "The message says what to do instead."
    with pytest.raises(TimeoutError, match="Do less."):
        list(replace(job("work"), longest=0).run(tmp_path))


@pytest.mark.parametrize("what", ["work", "start"])
def test_leaving_ends_the_process_and_what_it_started(job, tmp_path, what):
    "Closing the steps kills what runs, and the next job can begin."
    own = job(what)
    with closing(own.run(tmp_path)) as steps:
        process = begun(tmp_path, steps)
        assert alive(process)
    wait_until(lambda: not alive(process), "The end of the process")
    assert own.slots.acquire(blocking=False)


def test_a_second_job_of_a_kind_waits(job):
    "It says so instead of starting."
    own = job("work")
    own.slots.acquire()
    with closing(own.run("nowhere")) as steps:
        assert next(steps).text.startswith("Another work is running")


@pytest.mark.slow
def test_a_process_ends_with_its_server(job, tmp_path):
    "The server is killed without a word to the process."
    run = f"from app.jobs import Job\nlist(Job(('own', 'work'), '', 3600, '').run({str(tmp_path)!r}))"
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    server = subprocess.Popen([sys.executable, "-c", run], env={**os.environ, "PYTHONPATH": path})
    process = begun(tmp_path, iter(lambda: time.sleep(0.1), 0))
    server.send_signal(signal.SIGKILL)
    server.wait()
    wait_until(lambda: not alive(process), "The end of the process without its server")
    assert not alive(process)


def begun(folder, steps):
    "Number of the process of a folder, once it works."
    for _ in steps:
        if (folder / "begun").is_file() and (number := (folder / "begun").read_text()):
            return int(number)
    raise AssertionError("It never began.")


def alive(process):
    "Whether a process is there and no zombie."
    if not os.path.isdir("/proc/self"):
        pytest.skip("no /proc here")
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def asked(trained):
    "A city, a day in the middle of its predictions, and the value."
    rows = pd.read_parquet(trained / "predictions.parquet")
    rows = rows[rows["site_id"] == rows["site_id"].iloc[0]]
    row = rows.iloc[len(rows) // 2]
    return row["city_id"], f"{row['date']:%Y-%m-%d}", row["pm25"]


@pytest.mark.long
@pytest.mark.slow
def test_contributions_sum_to_the_prediction_for_a_week_to_either_side(trained):
    "The answer has a sentence with the day, and the days around it are known along with it."
    city_id, date, value = asked(trained)
    answers = Answers()
    list(explain(answers, trained / "panel.parquet", trained / "bundle", city_id, date))
    table, sentences = answers.get(city_id, date)
    assert table["contribution"].sum() == pytest.approx(value, abs=1e-3)
    assert date in sentences[0]
    near = f"{pd.Timestamp(date) - pd.Timedelta(days=5):%Y-%m-%d}"
    assert near in answers.get(city_id, near)[1][0]


def test_a_city_that_the_panel_lacks_gives_words(trained):
    "Nothing is kept."
    answers = Answers()
    with pytest.raises(ValueError, match="The panel has no row of this city"):
        list(explain(answers, trained / "panel.parquet", trained / "bundle", "atlantis", "2020-01-20"))
    assert answers.get("atlantis", "2020-01-20") is None


@pytest.mark.long
@pytest.mark.slow
def test_a_panel_that_does_not_fit_the_bundle_gives_words(trained, tmp_path):
    "The message names the column that is missing."
    write_panel(read_panel(trained / "panel.parquet").drop(columns="no2"), tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="lacks 1 of the bundle's .* 'no2'"):
        list(explain(Answers(), tmp_path / "other.parquet", trained / "bundle", *asked(trained)[:2]))


def test_an_answer_found_for_somebody_else_ends_the_wait(trained):
    "The same question of two sessions is worked on once: one waits and says so."
    (city_id, date, _), answers = asked(trained), Answers()
    EXPLANATION.slots.acquire()
    try:
        steps = explain(answers, trained / "panel.parquet", trained / "bundle", city_id, date)
        assert next(steps).text.startswith("Another explanation is running")
        answers.keep(city_id, {date: "found"})
        assert list(steps) == []
    finally:
        EXPLANATION.slots.release()


def test_the_oldest_answers_go_first():
    "Two are kept of three, each of its own city."
    answers = Answers(most=2)
    answers.keep("kla", {"2020-01-01": "a", "2020-01-02": "b"})
    answers.keep("nbo", {"2020-01-01": "c"})
    known = [
        answers.get(*one) for one in (("kla", "2020-01-01"), ("kla", "2020-01-02"), ("nbo", "2020-01-01"))
    ]
    assert known == [None, "b", "c"]


@pytest.mark.slow
def test_a_few_sites_are_predicted_as_all_are(trained, tmp_path):
    "The values of one site are those in the table of all sites."
    rows = pd.read_parquet(trained / "predictions.parquet")
    site = rows["site_id"].iloc[0]
    list(jobs.predict(tmp_path, trained / "panel.parquet", trained / "bundle", [site]))
    found = pd.read_parquet(tmp_path / "rows.parquet")
    assert set(found["site_id"]) == {site}
    assert found["pm25"].tolist() == pytest.approx(
        rows.loc[rows["site_id"] == site, "pm25"].tolist(), rel=0.5
    )


@pytest.fixture
def place(tmp_path, monkeypatch, job, make_rows, write_predictions):
    "A folder without ./demo whose demonstrations copy a small one, `made`; the cache lies in it."
    pytest.importorskip("streamlit")
    (tmp_path / "made").mkdir()
    rows = write_predictions(make_rows({"kla": [10.0, 20.0]}))
    shutil.move(rows, tmp_path / "made" / "predictions.parquet")
    monkeypatch.setattr("sys.argv", ["main.py", "--example", "demonstration"])
    own = replace(job("demo"), command=("own", "demo", str(tmp_path)), what="demonstration")
    monkeypatch.setattr(jobs, "DEMONSTRATION", own)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def page():
    "The map of the demonstration."
    from streamlit.testing.v1 import AppTest

    return AppTest.from_string("from app.views import map\nmap.page()\n", default_timeout=PATIENCE).run()


def test_simulated_is_said_while_the_demonstration_is_made(place, monkeypatch):
    "Before anything else; beside it the stage and how far it is."

    def make():
        yield Step(1, 4, "Training")
        raise ValueError("Stopped here.")

    monkeypatch.setattr(jobs, "make_demonstration", make)
    app = page()
    assert app.warning[0].value.startswith("**SIMULATED.**")
    bar = app.get("progress")[0].proto
    assert (bar.value, bar.text) == (25, "Training")
    assert app.error[0].value == r"Stopped here\."


def test_the_folder_of_the_demonstration_is_told_afterwards(place):
    "From where the app was started, with nothing that Markdown would take for markup."
    app = page()
    assert not app.exception
    assert not app.error
    assert app.caption[0].value == "The files of this demonstration lie in cache/airq/demonstration"
    assert app.warning[0].value.startswith("**SIMULATED.**")


def test_the_demonstration_is_made_once(place):
    "The second time it is there; nothing unfinished lies beside it."
    list(jobs.make_demonstration())
    made = jobs.demonstration().predictions.stat()
    list(jobs.make_demonstration())
    assert jobs.demonstration().predictions.stat() == made
    left = {path.name for path in sources.demonstration_folder().parent.iterdir()}
    assert {name for name in left if name.startswith(".")} == set()


def test_a_second_window_waits_in_words(place):
    "The lock is held by another."
    root = sources.demonstration_folder()
    with FileLock(root.with_suffix(".lock")), closing(jobs.make_demonstration()) as steps:
        assert "Another window" in next(steps).text
