"""A small comparison on a table that somebody uploaded: the table checked, the comparison in a process.

The server never fits a model: a process of its own does, one at a time, and ends with the page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airq.sources.reading import SEPARATORS, read_table
from imbalance.reading import labels

#: Limits of an upload. [MB, rows, columns, classes]
MOST_MB, MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 5, 20_000, 200, 20
#: Strategies of which few fits are made -> what they do; "none" is always compared with.
QUICK = {
    "none+prior": "correct the probabilities to the shares told below",
    "none+em": "correct them to shares estimated from rows without labels",
    "under-sample": "cut every class to the rows of the rarest",
    "drop-majority": "drop 5/6 of the largest class",
    "weights": "weigh rows so that all classes count alike",
    "smote": "add made-up rows to the small classes (SMOTE)",
}
FEWEST, MOST = 2, 4
FOLDS = (3, 5)
#: A comparison that takes longer is ended. [s]
LONGEST = 300
UPLOAD, JOB, PROGRESS, RESULT = "table.csv", "job.json", "progress.jsonl", "result"
#: Comparisons that run at the same time on this server.
SLOTS = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class Upload:
    """A table that may be compared on.

    Attributes
    ----------
    rows : int
        Its rows.
    columns : tuple of str
        All columns; text from data.
    candidates : DataFrame
        Columns with 2 to 20 different values, as text.
    """

    rows: int
    columns: tuple
    candidates: pd.DataFrame


@dataclass(frozen=True)
class Step:
    """How far a comparison is: pieces done of `total`, and words; no total while it waits."""

    done: int
    total: int
    text: str


def read_upload(content):
    """Read an uploaded CSV as data, within limits that are checked before anything is parsed.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    Upload

    Raises
    ------
    ValueError
        If it is too large, no table, or has no column that could be the classes.

    Examples
    --------
    >>> read_upload(b"size,kind\\n1,a\\n2,b\\n3,a\\n").rows
    3
    """
    check_size(content)
    with _as_file(content) as path:
        table = read_table(path, text=_header(content))
    if len(table) > MOST_ROWS or table.shape[1] > MOST_COLUMNS:
        raise ValueError(_too_large(f"{len(table):,} rows of {table.shape[1]:,} columns"))
    if table.shape[1] < 2:
        raise ValueError(
            "The file has one column only; a column of classes and others to learn from are needed."
        )
    kept = [name for name in table if 2 <= table[name].nunique() <= MOST_CLASSES]
    if not kept:
        raise ValueError(f"No column has 2 to {MOST_CLASSES} different values, so none can be the classes.")
    return Upload(len(table), tuple(map(str, table.columns)), table[kept].astype("str").astype("category"))


def check_size(content):
    """Refuse more bytes, lines or columns than a table may have, before it is parsed."""
    if len(content) > MOST_MB * 1_000_000:
        raise ValueError(_too_large(f"{len(content) / 1e6:.1f} MB"))
    lines = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    if lines > MOST_ROWS + 1:
        raise ValueError(_too_large(f"{lines:,} lines"))
    names = _header(content)
    if len(names) > MOST_COLUMNS:
        raise ValueError(_too_large(f"{len(names):,} columns"))


def _too_large(what):
    return (
        f"The file has {what}; at most {MOST_MB} MB, {MOST_ROWS:,} rows and {MOST_COLUMNS} columns are taken "
        "here. For more, use `imbalance compare` in a terminal."
    )


def _header(content):
    """Names in the first line that is no comment, split by whichever separator is in it most often."""
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    separator = max(SEPARATORS, key=first.count)
    return [name.strip().strip('"') for name in first.split(separator)]


@contextmanager
def _as_file(content):
    """The upload under a name of our own; messages call it "The file"."""
    with tempfile.TemporaryDirectory(prefix="airq-upload-") as folder:
        path = Path(folder) / UPLOAD
        path.write_bytes(content)
        try:
            yield path
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(path), "The file")) from None


def class_rows(upload, target):
    """Rows of every class of a column, by label.

    Raises
    ------
    ValueError
        If the column cannot be the classes: a label is missing, or it looks continuous.
    """
    found = labels(upload.candidates[target].astype("str"), name=target)
    counts = pd.Series(found).value_counts().sort_index()
    return {str(label): int(n) for label, n in counts.items()}


def target_shares(given):
    """Shares that sum to one, from numbers by class that need not.

    Raises
    ------
    ValueError
        If one is not above zero.

    Examples
    --------
    >>> target_shares({"a": 3, "b": 1})
    {'a': 0.75, 'b': 0.25}
    """
    for name, share in given.items():
        if not share > 0:
            raise ValueError(f"The share of {name} must be above zero.")
    total = sum(given.values())
    return {name: share / total for name, share in given.items()}


def make_job(*, target, target_prior, strategies, folds):
    """What the process is to do, checked.

    Parameters
    ----------
    target : str
        Column of the classes.
    target_prior : {"balanced", "training"} or dict of str to float
        Population to predict for.
    strategies : sequence of str
        Two to four of :data:`QUICK`.
    folds : int
        One of :data:`FOLDS`.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a choice is none of those on offer.
    """
    if not FEWEST <= len(strategies) <= MOST or not set(strategies) <= set(QUICK):
        raise ValueError(f"Choose {FEWEST} to {MOST} strategies of {', '.join(QUICK)}.")
    if folds not in FOLDS:
        raise ValueError(f"Choose {FOLDS[0]} or {FOLDS[1]} folds.")
    return {
        "target": target,
        "target_prior": target_prior,
        "strategies": list(strategies),
        "folds": folds,
        "limits": [MOST_ROWS, MOST_COLUMNS, MOST_CLASSES],
    }


@contextmanager
def trial_folder(content, job):
    """A folder for one comparison, with the upload and the job in it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="airq-trial-") as folder:
        path = Path(folder)
        (path / UPLOAD).write_bytes(content)
        (path / JOB).write_text(json.dumps(job), encoding="utf-8")
        (path / PROGRESS).touch()
        yield path


def run(folder):
    """Run the comparison of a folder; yields a :class:`Step` several times a second.

    Closing the generator ends the process.

    Raises
    ------
    ValueError
        If the table or a choice does not allow the comparison; the line says why.
    OSError
        If it took too long or the process was ended from outside.
    """
    while not SLOTS.acquire(timeout=0.3):
        yield Step(0, 0, "Another comparison is running; this one begins when it ends.")
    try:
        yield from _run(folder)
    finally:
        SLOTS.release()


def _run(folder):
    command = [sys.executable, "-m", "app.trial_process", str(folder)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=_environment(), stdin=quiet, stdout=quiet, stderr=quiet)
    started = time.monotonic()
    try:
        while process.poll() is None:
            if time.monotonic() - started > LONGEST:
                raise TimeoutError(
                    f"The comparison took more than {LONGEST // 60} minutes and was ended. Take fewer rows "
                    "or strategies, or run it in a terminal."
                )
            yield _progress(folder)
            time.sleep(0.3)
    finally:
        process.kill()
        process.wait()
    last = _last(folder)
    if "error" in last:
        raise ValueError(last["error"].replace(str(Path(folder) / UPLOAD), "The file"))
    if process.returncode or not (Path(folder) / RESULT / "settings.json").is_file():
        raise OSError("The comparison stopped before its end; perhaps the machine is short of memory.")


def _environment():
    """The server's environment, with one thread a process and this package where it was found."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}


def _progress(folder):
    last = _last(folder)
    if "total" not in last:
        return Step(0, 0, "Reading the table")
    return Step(last["done"], last["total"], last["text"])


def _last(folder):
    """The last whole line that the process wrote."""
    lines = (Path(folder) / PROGRESS).read_text(encoding="utf-8").split("\n")[:-1]
    return json.loads(lines[-1]) if lines else {}
