"""The process that makes the demonstration: ``python -m app.demonstration_process FOLDER``."""

from __future__ import annotations

import os

from airq.workflows.demo import demo
from app.processes import serve


def work(folder, job, advance):
    """Make it; see :func:`app.processes.serve` and :func:`app.demonstration.make`."""
    demo(job["out"], n_jobs=os.cpu_count() or 1, advance=advance)


if __name__ == "__main__":
    serve(work)
