"""Work in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest
from patience import PATIENCE, wait_until

from app.processes import Step, Task, job_folder

SCRIPT = """
import os, subprocess, sys, time
from pathlib import Path
from app.processes import serve

def work(folder, job, advance):
    sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
    number = subprocess.Popen(sleep).pid if job.get("starts") else os.getpid()
    (folder / "begun").write_text(str(number))
    for done in range(job.get("pieces", 0)):
        advance(done, job["pieces"], "piece " + str(done))
        while job.get("waits") and not (folder / f"seen{done}").exists():
            time.sleep(0.01)
    if "error" in job:
        raise OSError(2, job["error"], "here")
    if job.get("ends"):
        os.kill(os.getpid(), 9)
    (folder / "result").write_text("made of " + (folder / "part").read_text())

if __name__ == "__main__":
    serve(work)
"""


@pytest.fixture
def task(tmp_path, monkeypatch):
    "A kind of work whose module lies in the test's folder."
    (tmp_path / "own_work.py").write_text(SCRIPT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Task("own_work", "work", longest=PATIENCE, instead="Do less.")


def done(task, **job):
    "Do a job to its end; its steps."
    with job_folder(job) as folder, closing(task.run(folder)) as steps:
        return list(steps)


def test_the_result_of_a_job_is_there_at_its_end(task):
    "It was made of a file that lay beside the job; the folder goes afterwards."
    with job_folder({}, {"part": b"this"}) as folder:
        list(task.run(folder))
        assert (folder / "result").read_text() == "made of this"
    assert not folder.exists()


def test_progress_is_told_and_never_goes_back(task):
    "Three pieces, each of which ends when it was seen."
    steps = []
    with job_folder({"pieces": 3, "waits": True}, {"part": b""}) as folder:
        for step in task.run(folder):
            steps.append(step)
            if step.text.startswith("piece"):
                (folder / f"seen{step.done}").touch()
    assert steps[-1] == Step(2, 3, "piece 2")
    assert [step.done for step in steps] == sorted(step.done for step in steps)


def test_words_of_an_error_arrive_without_its_number(task):
    "An error of the system in the process becomes one sentence."
    with pytest.raises(ValueError, match="^Too small: here$"):
        done(task, error="Too small")


def test_a_process_that_is_killed_is_told_in_words(task):
    "As a machine without memory does it."
    with pytest.raises(OSError, match="The work stopped before its end"):
        done(task, ends=True)


def test_what_takes_too_long_is_ended(task):
    "The message says what to do instead."
    with pytest.raises(TimeoutError, match="Do less."):
        done(replace(task, longest=0), pieces=1, waits=True)


def test_leaving_ends_the_process_and_lets_the_next_begin(task):
    "Closing the steps kills what runs."
    with job_folder({"pieces": 1, "waits": True}) as folder:
        with closing(task.run(folder)) as steps:
            process = begun(folder, steps)
            assert alive(process)
        assert not alive(process)
    assert task.slots.acquire(blocking=False)


def test_what_a_process_started_ends_with_it(task):
    "A process of the process, as a pool has them."
    with job_folder({"starts": True, "pieces": 1, "waits": True}) as folder:
        with closing(task.run(folder)) as steps:
            process = begun(folder, steps)
            assert alive(process)
        wait_until(lambda: not alive(process), "The end of what the process had started")


def test_a_second_job_of_a_kind_waits(task):
    "It says so instead of starting."
    task.slots.acquire()
    with closing(task.run("nowhere")) as steps:
        assert next(steps).text.startswith("Another work is running")


def test_a_process_ends_with_its_server(task, tmp_path):
    "The server is killed without a word to the process."
    with job_folder({"pieces": 1, "waits": True}) as folder:
        run = f"from app.processes import Task\nlist(Task('own_work', '', 3600, '').run({str(folder)!r}))"
        path = os.pathsep.join([str(tmp_path), os.getcwd()])
        server = subprocess.Popen([sys.executable, "-c", run], env={**os.environ, "PYTHONPATH": path})
        process = begun(folder, iter(lambda: time.sleep(0.1), 0))
        server.send_signal(signal.SIGKILL)
        server.wait()
        wait_until(lambda: not alive(process), "The end of the process without its server")


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
