"""Run the jobs of a comparison side by side, keep what each found, and go on after an interruption."""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from pickle import PicklingError
from uuid import uuid4

import joblib
import numpy as np
from joblib.externals.loky.process_executor import BrokenProcessPool

from airq.io import atomic_write, check_replaceable, check_writable, write_json
from airq.parallel import one_thread, opened, shared, workers

#: Folder of the finished jobs, and the file in it that says what they are jobs of.
PARTS, RUN = "parts", "run.json"
#: Folds of the training rows of a fold, where cut-offs are chosen.
N_INNER = 3


@dataclass(frozen=True)
class Job:
    """A piece of a comparison on one fold; `known` is a hash of all that changes its result but the fold."""

    name: str
    known: str
    fold: int

    @property
    def file_name(self):
        """Return the name of the result's file."""
        name = re.sub(r"[^\w.+-]+", "_", self.name)[:60]
        return f"{name}-{self.known}-{self.fold}.npz"


def run_jobs(jobs, problem, *, folder=None, n_jobs=1, returned=(), advance=None):
    """Run jobs, or read what earlier runs of them found; return record and arrays of each, in their order.

    Jobs are like :class:`Job` and have ``run(problem)``, which returns a record (what JSON holds) and arrays
    by name, the same in every process. They are pickled to `n_jobs` processes, each with one thread: small,
    without rows. The problem is written to a file once and mapped into the memory of each process. Results
    are kept in `folder`, see :func:`claim_parts`; of the arrays, those `returned` are held in memory.
    ``advance(done, total, text)`` is called after every job.
    """
    tell, done = advance or (lambda *_: None), {}
    for job in jobs if folder is not None else ():
        if (held := _read(folder / job.file_name, returned)) is not None:
            done[job.file_name] = held
    tell(len(done), len(jobs), "")
    left = [job for job in jobs if job.file_name not in done]
    try:
        with closing(_results(left, problem, n_jobs)) as results:
            for job, (record, arrays) in results:
                if folder is not None:
                    with atomic_write(folder / job.file_name) as unfinished:
                        np.savez(unfinished, record=json.dumps(record), **arrays)
                done[job.file_name] = record, {name: arrays[name] for name in returned}
                tell(len(done), len(jobs), job.name)
    except BrokenProcessPool:
        kept = "" if folder is None else " What is done is kept in the folder of the result."
        raise OSError(
            "A process was ended from outside, perhaps for want of memory. Run again with fewer "
            f"processes.{kept}"
        ) from None
    return [done[job.file_name] for job in jobs]


def _results(jobs, problem, n_jobs):
    """Yield jobs and what they found, as they end, in this process, in others or on a cluster."""
    n_jobs = n_jobs if len(jobs) > 1 else 1
    with (
        shared(problem, n_jobs) as given,
        workers(n_jobs, return_as="generator_unordered", max_nbytes=None) as run,
    ):
        # Ended early, `yield from` would close the processes itself, with a warning of joblib.
        for found in run(joblib.delayed(_fit)(job, given) for job in jobs):  # noqa: UP028
            yield found


def _fit(job, given):
    with one_thread():
        return job, job.run(opened(given))


def _read(path, returned):
    """Return the result that an earlier run kept, or None where there is no whole one."""
    try:
        # Opened here: NumPy leaves a file open that turns out to be damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as parts:
            return json.loads(str(parts["record"])), {name: parts[name] for name in returned}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def mark(value):
    """Return a short hash of an estimator, sampler or rule by its type and parameters.

    None where it holds what only this process knows, such as a function without a name: another run cannot
    know it again.

    >>> from imblearn.over_sampling import SMOTE
    >>> mark(SMOTE(k_neighbors=3)) == mark(SMOTE(k_neighbors=3)) != mark(SMOTE())
    True
    >>> mark(lambda y: {1: 10}) is None
    True
    """
    try:
        return joblib.hash(value)[:12]
    except (PicklingError, AttributeError, TypeError):
        return None


@dataclass(frozen=True)
class NestedJob(Job):
    """An estimator on a fold and its inner folds, `n_splits` together, see :func:`run_nested`."""

    estimator: object
    n_splits: int

    def run(self, problem):
        """Return notes, or the reason why it cannot learn, and predictions of all that is held out."""
        found, notes = [np.empty(0)], []
        try:
            for split in range(self.n_splits):
                predicted, said = problem.predicted(self.estimator, self.fold, split)
                found.append(np.asarray(predicted, dtype="float64"))
                notes = notes or said
        except ValueError as error:
            reason = " ".join(str(error).split()) or "it gives no reason"
            return {"reason": reason, "notes": []}, {"outer": np.empty(0), "inner": np.empty(0)}
        empty, outer, *inner = found
        return {"reason": "", "notes": notes}, {"outer": outer, "inner": np.concatenate([empty, *inner])}


def run_nested(estimators, problem, *, n_splits=1 + N_INNER, **options):
    """Run estimators by name on all folds of a problem; return record and arrays by name and fold.

    The problem fits: ``problem.predicted(estimator, fold, split)`` returns predictions and notes; split 0 is
    the fold itself.
    """
    known = {name: mark((model, n_splits)) or uuid4().hex[:12] for name, model in estimators.items()}
    jobs = [
        NestedJob(name, known[name], fold, model, n_splits)
        for fold in range(len(problem.folds))
        for name, model in estimators.items()
    ]
    results = run_jobs(jobs, problem, returned=("outer", "inner"), **options)
    return {(job.name, job.fold): result for job, result in zip(jobs, results, strict=True)}


def claim_parts(out, settings, *, what):
    """Claim a folder for the jobs of a run, see :func:`claim_folder`; return the folder in it for them."""
    out, marker = Path(out), f"{PARTS}/{RUN}"
    if not (out / marker).exists():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise FileExistsError(f"{out} exists and holds no {what}; choose another folder.")
        check_writable(out / marker)
    claim_folder(out, settings, marker=marker, what=what)
    return out / PARTS


def claim_folder(folder, settings, *, marker, what):
    """Make a folder that of a run, or make sure that it holds a run of the same settings.

    `marker` is the file that keeps them, and maybe more; `what` is what the run is called in an error:
    FileExistsError where the folder holds something else, ValueError where settings differ, which it names.
    """
    check_replaceable(folder, marker=marker)
    path, settings = Path(folder) / marker, json.loads(json.dumps(settings))
    if not path.exists():
        write_json(path, settings)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        held = {}
    if differing := [key for key, value in settings.items() if held.get(key) != value]:
        raise ValueError(
            f"{folder} holds a {what} with other {', '.join(differing)}; choose another folder, or repeat "
            "the command that began it."
        )
