"""The demonstration that the app makes when nothing was given: `airq demo`, kept in the cache folder.

It runs in a process of its own, so that the server does not keep what the training needed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from filelock import FileLock

from app import sources

RUN = "import sys; from airq.cli import main; sys.argv = ['airq', 'demo', '--out', sys.argv[1]]; main()"


def ready():
    """The demonstration that was made before, or None."""
    there = sources.in_folder(sources.demonstration_folder())
    return None if there == sources.Sources() else there


def make():
    """Make the demonstration; yields the seconds that have gone by.

    Raises
    ------
    OSError
        If it could not be made; the message holds the last line that the process said.
    """
    folder = sources.demonstration_folder()
    started = time.monotonic()
    with FileLock(folder.with_suffix(".lock")):
        if ready() is not None:
            return
        scratch = Path(tempfile.mkdtemp(prefix=".demonstration.", dir=folder.parent))
        try:
            yield from _run(scratch / "demo", started)
            shutil.rmtree(folder, ignore_errors=True)
            (scratch / "demo").rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _run(out, started):
    command = [sys.executable, "-c", RUN, str(out)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        try:
            while process.poll() is None:
                yield int(time.monotonic() - started)
                time.sleep(1)
        finally:
            process.terminate()
            process.wait()
        if process.returncode:
            said.seek(0)
            lines = said.read().strip().splitlines() or ["no word"]
            raise OSError(f"The demonstration could not be made: {lines[-1]}")
