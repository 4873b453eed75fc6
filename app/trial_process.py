"""The process that compares on an uploaded table: ``python -m app.trial_process FOLDER``.

It reads the job from the folder, writes a line of progress after every piece and the result as a folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import matplotlib

from app.trials import JOB, PROGRESS, RESULT, UPLOAD
from imbalance.comparison import compare_strategies
from imbalance.reading import read_labelled
from imbalance.report import write_comparison

NICE = 10


def work(folder):
    """Do the job of a folder.

    Parameters
    ----------
    folder : str or Path
        As :func:`app.trials.trial_folder` makes it.
    """
    folder, server = Path(folder), os.getppid()

    def advance(done, total, text=""):
        if os.getppid() != server:
            sys.exit("The server has gone.")
        tell(folder, done=done, total=total, text=text)

    try:
        job = json.loads((folder / JOB).read_text(encoding="utf-8"))
        write_comparison(_compare(folder, job, advance), folder / RESULT)
    except (ValueError, OSError) as error:
        tell(folder, error=str(error))


def tell(folder, **facts):
    """Add a line of progress."""
    with (folder / PROGRESS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")


def _compare(folder, job, advance):
    table = read_labelled(folder / UPLOAD, target=job["target"])
    rows, columns, classes = job["limits"]
    if len(table.X) > rows or table.X.shape[1] >= columns or len(set(table.y.tolist())) > classes:
        raise ValueError(f"At most {rows:,} rows, {columns} columns and {classes} classes are taken here.")
    return compare_strategies(
        table.X,
        table.y,
        strategies=job["strategies"],
        target_prior=job["target_prior"],
        n_splits=job["folds"],
        n_repeats=1,
        n_jobs=1,
        title="An uploaded table",
        notes=table.notes,
        advance=advance,
    )


if __name__ == "__main__":
    os.nice(NICE)
    # A dollar in the name of a class is no formula.
    matplotlib.rcParams["text.parse_math"] = False
    work(sys.argv[1])
