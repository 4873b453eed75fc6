"""The demonstration that the app makes when nothing was given: `airq demo`, kept in the cache folder.

It runs in a process of its own, so that the server does not keep what the training needed.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

from app import sources
from app.processes import EVERY, Step, Task, job_folder

DEMONSTRATION = Task(
    "app.demonstration_process",
    "demonstration",
    longest=7200,
    instead="Run `airq demo` in a terminal and start the app beside its folder.",
    begins="Starting",
)


def ready():
    """The demonstration that was made before, or None."""
    there = sources.in_folder(sources.demonstration_folder())
    return None if there == sources.Sources() else there


def make():
    """Make the demonstration; yields a :class:`app.processes.Step` several times a second.

    Closing the generator ends the process.

    Raises
    ------
    OSError, ValueError
        If it could not be made.
    """
    folder = sources.demonstration_folder()
    lock = FileLock(folder.with_suffix(".lock"))
    while not _taken(lock):
        yield Step(0, 0, "Another window is making it; this one waits.")
    try:
        if ready() is None:
            yield from _make(folder)
    finally:
        lock.release()


def _make(folder):
    scratch = Path(tempfile.mkdtemp(prefix=".demonstration.", dir=folder.parent))
    try:
        job = {"out": str(scratch / "demo")}
        with job_folder(job) as asked, closing(DEMONSTRATION.run(asked)) as steps:
            yield from steps
        shutil.rmtree(folder, ignore_errors=True)
        (scratch / "demo").rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _taken(lock):
    try:
        lock.acquire(timeout=EVERY)
    except Timeout:
        return False
    return True
