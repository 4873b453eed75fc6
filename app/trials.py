"""A small comparison on a table that somebody uploaded: the table checked, the comparison in a process.

The server never fits a model: a process of its own does, one at a time, and ends with the page.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airq.files.tables import find_header, read_file
from app.processes import Task, job_folder
from imbalance.reading import labels

#: Limits of an upload. [MB, rows, columns, classes]
MOST_MB, MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 5, 20_000, 200, 20
#: What is done to the rows, where it takes few fits; "as they are" is always compared with. Probabilities are
#: raw, corrected, and calibrated and corrected.
QUICK = {
    "under-sample": "cut every class to the rows of the rarest",
    "drop-majority": "drop 5/6 of the largest class",
    "weights": "weigh rows so that all classes count alike",
    "smote": "add made-up rows to the small classes (SMOTE)",
}
FEWEST, MOST = 1, 4
FOLDS = (3, 5)
UPLOAD, RESULT = "table.csv", "result"
COMPARISON = Task(
    "app.trial_process",
    "comparison",
    longest=300,
    instead="Take fewer rows or strategies, or run it in a terminal.",
    begins="Reading the table",
)


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
        table = read_file(path, text=_header(content))
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
    """Names in the header of a file, or none where it has no header."""
    try:
        return find_header(content.decode("utf-8-sig", errors="replace"), "The file").names
    except ValueError:
        return []


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
        One to four of :data:`QUICK`.
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
        raise ValueError(f"Choose {FEWEST} to {MOST} of {', '.join(QUICK)}.")
    if folds not in FOLDS:
        raise ValueError(f"Choose {FOLDS[0]} or {FOLDS[1]} folds.")
    return {
        "target": target,
        "target_prior": target_prior,
        "strategies": list(strategies),
        "folds": folds,
        "limits": [MOST_ROWS, MOST_COLUMNS, MOST_CLASSES],
    }


def trial_folder(content, job):
    """A folder for one comparison, with the upload and the job in it; gone afterwards."""
    return job_folder(job, {UPLOAD: content})


def run(folder):
    """Run the comparison of a folder; see :meth:`app.processes.Task.run`."""
    try:
        yield from COMPARISON.run(folder)
    except ValueError as error:
        raise ValueError(str(error).replace(str(Path(folder) / UPLOAD), "The file")) from None
