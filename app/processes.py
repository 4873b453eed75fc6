"""Work that the server leaves to a process of its own, so that it stays small and answers meanwhile.

A job lies in a folder: what to do as JSON, files beside it, a line of progress after every piece, and the
words of an error. The process ends with the page that asked for it, with the server, or after its time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

JOB, PROGRESS = "job.json", "progress.jsonl"
#: How often the server looks at a process, and a process at its server. [s]
EVERY = 0.3


@dataclass(frozen=True)
class Step:
    """How far a job is: pieces done of `total`, and words; no total while it waits."""

    done: int
    total: int
    text: str

    @property
    def share(self):
        """Part that is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True)
class Task:
    """A kind of work that runs in a process of its own.

    Attributes
    ----------
    module : str
        Module that is run with the folder of a job; it calls :func:`serve`.
    what : str
        What is at work, in words.
    longest : int
        A job that takes longer is ended. [s]
    instead : str
        What to do where it takes too long, a sentence.
    begins : str
        Words until the process tells its own.
    slots : threading.BoundedSemaphore
        Jobs of this kind that run at the same time on this server; one by default.
    """

    module: str
    what: str
    longest: int
    instead: str
    begins: str = "Starting"
    slots: threading.BoundedSemaphore = field(default_factory=threading.BoundedSemaphore)

    def run(self, folder):
        """Do the job of a folder; yields a :class:`Step` several times a second.

        Closing the generator ends the process.

        Parameters
        ----------
        folder : Path
            As :func:`job_folder` makes it.

        Raises
        ------
        ValueError
            If the job cannot be done; the words are the process's.
        OSError
            If it took too long or the process was ended from outside.
        """
        while not self.slots.acquire(timeout=EVERY):
            yield Step(0, 0, f"Another {self.what} is running; this one begins when it ends.")
        try:
            yield from self._run(Path(folder))
        finally:
            self.slots.release()

    def _run(self, folder):
        quiet = subprocess.DEVNULL
        # A folder or file called app where the server was started is another's.
        command = [sys.executable, "-P", "-m", self.module, str(folder)]
        process = subprocess.Popen(
            command, env=_environment(), stdin=quiet, stdout=quiet, stderr=quiet, process_group=0
        )
        started = time.monotonic()
        try:
            while _runs(process):
                if time.monotonic() - started > self.longest:
                    raise TimeoutError(
                        f"The {self.what} took more than {self.longest // 60} minutes and was ended. "
                        f"{self.instead}"
                    )
                yield self._step(folder)
        finally:
            _end_group(process.pid)
            process.wait()
        last = _last(folder)
        if "error" in last:
            raise ValueError(last["error"])
        if process.returncode:
            raise OSError(f"The {self.what} stopped before its end; perhaps the machine is short of memory.")

    def _step(self, folder):
        last = _last(folder)
        return Step(last["done"], last["total"], last["text"]) if "total" in last else Step(0, 0, self.begins)


@contextmanager
def job_folder(job, files=None):
    """A folder for one job; gone afterwards.

    Parameters
    ----------
    job : dict
        What to do; JSON.
    files : dict of str to bytes, optional
        Files to lay into it, by name.

    Yields
    ------
    Path
    """
    with tempfile.TemporaryDirectory(prefix="airq-job-") as name:
        folder = Path(name)
        for file, content in (files or {}).items():
            (folder / file).write_bytes(content)
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
        (folder / PROGRESS).touch()
        yield folder


def serve(work, *, nice=0):
    """Do the job of the folder that the command line names; the whole life of such a process.

    Parameters
    ----------
    work : callable
        ``work(folder, job, advance)`` does the job and leaves its result in the folder;
        ``advance(done, total, text)`` tells how far it is. A ValueError or OSError is told in its words.
    nice : int
        How far a long job stands back behind the server.
    """
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(nice)

    def advance(done, total, text=""):
        _tell(folder, done=done, total=total, text=text)

    try:
        work(folder, json.loads((folder / JOB).read_text(encoding="utf-8")), advance)
    except (ValueError, OSError) as error:
        _tell(folder, error=words_of(error))


def words_of(error):
    """What an error says, without the number that the system gives it.

    >>> words_of(FileNotFoundError(2, "No such file or directory", "here"))
    'No such file or directory: here'
    """
    if not (isinstance(error, OSError) and error.strerror):
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def _runs(process):
    """Whether a process still runs after a moment."""
    try:
        process.wait(EVERY)
    except subprocess.TimeoutExpired:
        return True
    return False


def _environment():
    """The server's environment, with one thread a process and this package where it was found."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}


def _end_with(server):
    while os.getppid() == server:
        time.sleep(EVERY)
    if os.getpgrp() == os.getpid():
        _end_group(os.getpid())
    os._exit(1)


def _end_group(leader):
    """End a process and those that it started; it leads a group of its own, see :meth:`Task.run`."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _tell(folder, **facts):
    with (folder / PROGRESS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")


def _last(folder):
    """The last whole line that the process wrote."""
    lines = (folder / PROGRESS).read_text(encoding="utf-8").split("\n")[:-1]
    return json.loads(lines[-1]) if lines else {}
