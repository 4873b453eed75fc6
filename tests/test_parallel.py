"""Processes side by side, and what Ctrl-C does to them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest

from airq.parallel import workers


def square(number):
    return number**2


def number_of_process(stays):
    """Number of the process that runs this, or no end."""
    while stays:
        signal.pause()
    return os.getpid()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(n_jobs):
    "In this process and in two others; a second run in the same block starts where the first ended."
    with workers(n_jobs) as run:
        assert list(run(joblib.delayed(square)(number) for number in range(5))) == [0, 1, 4, 9, 16]
        assert list(run(joblib.delayed(square)(number) for number in (7, 8))) == [49, 64]


HEARS = """
import signal
import joblib
from airq.parallel import workers

def hears(_):
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])

with workers(2) as run:
    print([*run(joblib.delayed(hears)(number) for number in range(4)), hears(None)])
"""


def test_only_the_process_that_started_them_hears_ctrl_c():
    "The others have it blocked; in a process of its own, where nobody else has started any."
    ran = subprocess.run([sys.executable, "-c", HEARS], capture_output=True, text=True, check=True)
    assert ran.stdout == "[False, False, False, False, True]\n"


def test_processes_end_with_a_block_that_is_left_early():
    "By Ctrl-C after the first result, while other tasks run that never end; no warning is printed."
    with pytest.raises(KeyboardInterrupt), workers(2, return_as="generator_unordered") as run:
        number = next(run(joblib.delayed(number_of_process)(stays) for stays in (False, True, True)))
        raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    "It is killed outright while two of them compute: both end by themselves."
    program = tmp_path / "program.py"
    program.write_text(
        "import os, pathlib, sys, time\n"
        "import joblib\n"
        "from airq.parallel import workers\n"
        "def busy(folder):\n"
        "    pathlib.Path(folder, str(os.getpid())).touch()\n"
        "    while True:\n"
        "        time.sleep(0.01)\n"
        "if __name__ == '__main__':\n"
        "    with workers(2) as run:\n"
        "        list(run(joblib.delayed(busy)(sys.argv[1]) for _ in range(2)))\n"
    )
    folder = tmp_path / "processes"
    folder.mkdir()
    started = subprocess.Popen([sys.executable, program, folder], stderr=subprocess.DEVNULL)
    while len(list(folder.iterdir())) < 2:
        assert started.poll() is None
        time.sleep(0.05)
    started.kill()
    started.wait()
    for number in (int(path.name) for path in folder.iterdir()):
        # The test ends when they do; were they to stay, it would not.
        while _runs(number):
            time.sleep(0.05)


def _runs(number):
    """Tell whether a process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
