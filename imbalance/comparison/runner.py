"""Run the jobs of a comparison side by side, keep what each found, and go on after an interruption.

A job runs in any process and gives the same figures in each. With a folder its result is a file of its own.
"""

from __future__ import annotations

import functools
import json
import tempfile
import zipfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import joblib
import numpy as np
from joblib.externals.loky.process_executor import BrokenProcessPool

import airq
from airq.io import atomic_write, check_replaceable, check_writable, write_json
from airq.messages import installed_versions
from airq.parallel import one_thread, workers

#: Folder of the finished jobs, and the file in it that says what they are jobs of.
PARTS, RUN = "parts", "run.json"
PACKAGES = ("catboost", "imbalanced-learn", "lightgbm", "numpy", "pandas", "scikit-learn")


def versions():
    """Versions of the packages that figures depend on, by name."""
    return {"airq": airq.__version__, **installed_versions(PACKAGES)}


class Job(Protocol):
    """What :func:`run_jobs` runs.

    Attributes
    ----------
    file_name : str
        Name of the result's file (``.npz``); it changes with whatever changes the result.
    text : str
        What a progress bar says of it.
    """

    file_name: str
    text: str

    def run(self, shared) -> tuple[dict, dict]:
        """Return a record (what JSON holds) and arrays by name."""


def run_jobs(jobs, shared, *, folder=None, n_jobs=1, returned=(), advance=None):
    """Run jobs, or read what earlier runs of them found.

    Parameters
    ----------
    jobs : sequence of Job
        They are pickled to the processes: small, without rows.
    shared : object
        What all jobs read; written to a file once and mapped into the memory of each process.
    folder : str or Path, optional
        Where results are kept, see :func:`claim_parts`; nothing is kept if None.
    n_jobs : int
        Processes, each with one thread. The results do not depend on it.
    returned : sequence of str
        Names of the arrays to return; others are only kept in the folder.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every job.

    Returns
    -------
    list of (dict, dict of str to numpy.ndarray)
        Record and arrays of every job, in their order.

    Raises
    ------
    OSError
        If a process was ended from outside, or a file cannot be written.
    """
    returned, tell = tuple(returned), advance or (lambda *_: None)
    done = (
        {}
        if folder is None
        else {job.file_name: _read(Path(folder) / job.file_name, returned) for job in jobs}
    )
    done = {name: result for name, result in done.items() if result is not None}
    left = [job for job in jobs if job.file_name not in done]
    tell(len(done), len(jobs), "")
    with tempfile.TemporaryDirectory(prefix="imbalance-") as scratch:
        path = str(Path(scratch) / "shared.joblib")
        if left:
            joblib.dump(shared, path)
        with closing(_results(left, path, folder, returned, n_jobs)) as results:
            for job, result in results:
                done[job.file_name] = result
                tell(len(done), len(jobs), job.text)
    return [done[job.file_name] for job in jobs]


def _results(jobs, path, folder, returned, n_jobs):
    if n_jobs == 1 or len(jobs) < 2:
        yield from (_run(job, path, folder, returned) for job in jobs)
        return
    with (
        _killed_in_one_line(kept=folder is not None),
        workers(n_jobs, return_as="generator_unordered", max_nbytes=None) as run,
    ):
        yield from run(joblib.delayed(_run)(job, path, folder, returned) for job in jobs)


def _run(job, path, folder, returned):
    with one_thread():
        record, arrays = job.run(_load(path))
    if folder is not None:
        with atomic_write(Path(folder) / job.file_name) as unfinished:
            np.savez(unfinished, record=json.dumps(record), **arrays)
    return job, (record, {name: arrays[name] for name in returned})


@functools.lru_cache(maxsize=1)
def _load(path):
    return joblib.load(path, mmap_mode="r")


def _read(path, returned):
    """Result that an earlier run kept, or None where there is no whole one."""
    try:
        # Opened here: NumPy leaves a file open that turns out to be damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as parts:
            return json.loads(str(parts["record"])), {name: parts[name] for name in returned}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def claim_parts(out, settings, *, what):
    """Claim a folder for the jobs of a run, see :func:`claim_folder`; return the folder in it for them.

    Raises
    ------
    FileExistsError
        If the folder holds something else.
    """
    out, marker = Path(out), f"{PARTS}/{RUN}"
    if not (out / marker).exists():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise FileExistsError(f"{out} exists and holds no {what}; choose another folder.")
        check_writable(out / marker)
    claim_folder(out, settings, marker=marker, what=what)
    return out / PARTS


def claim_folder(folder, settings, *, marker, what):
    """Make a folder that of a run, or make sure that it holds a run of the same settings.

    Parameters
    ----------
    folder : str or Path
        Where results go.
    settings : dict
        What must agree, as JSON holds it.
    marker : str
        File in the folder that keeps them, and maybe more.
    what : str
        What the run is called in an error.

    Raises
    ------
    FileExistsError
        If the folder holds something else.
    ValueError
        If it holds a run with other settings; the line names them.
    """
    check_replaceable(folder, marker=marker)
    path, settings = Path(folder) / marker, json.loads(json.dumps(settings))
    if not path.exists():
        write_json(path, settings)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        held = {}
    differing = [key for key, value in settings.items() if held.get(key) != value]
    if differing:
        raise ValueError(f"{folder} holds a {what} with other {', '.join(differing)}; choose another folder.")


@contextmanager
def _killed_in_one_line(*, kept):
    try:
        yield
    except BrokenProcessPool:
        again = (
            "What is done is kept in the folder of the result; run again to go on, with fewer processes."
            if kept
            else "Run again with fewer processes."
        )
        raise OSError(f"A process was ended from outside, perhaps for want of memory. {again}") from None
