"""The process that compares on an uploaded table: ``python -m app.trial_process FOLDER``.

It reads the job from the folder, writes a line of progress after every piece and the result as a folder.
"""

from __future__ import annotations

import matplotlib

from app.processes import serve
from app.trials import RESULT, UPLOAD
from imbalance.comparison.compare import compare
from imbalance.comparison.report import write_comparison
from imbalance.reading import read_labelled


def work(folder, job, advance):
    """Compare; see :func:`app.processes.serve`."""
    write_comparison(_compare(folder, job, advance), folder / RESULT)


def _compare(folder, job, advance):
    table = read_labelled(folder / UPLOAD, target=job["target"])
    rows, columns, classes = job["limits"]
    if len(table.X) > rows or table.X.shape[1] >= columns or len(set(table.y.tolist())) > classes:
        raise ValueError(f"At most {rows:,} rows, {columns} columns and {classes} classes are taken here.")
    found = compare(
        table.X,
        table.y,
        target=job["target_prior"],
        models="lightgbm",
        rows=["as they are", *job["strategies"]],
        cv=job["folds"],
        repeats=1,
        n_jobs=1,
        title="An uploaded table",
        notes=table.notes,
        advance=advance,
    )
    found.settings["table"] = table.asked
    return found


if __name__ == "__main__":
    # A dollar in the name of a class is no formula.
    matplotlib.rcParams["text.parse_math"] = False
    serve(work, nice=10)
