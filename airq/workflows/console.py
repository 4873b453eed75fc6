"""What workflows tell while they run: progress, notes, and the warnings that a table calls for."""

from __future__ import annotations

import contextlib

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from airq.card import origin_warning

#: Notes and progress; results themselves go to standard output.
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def tell_origin(metadata):
    """Print what must be known about the origin of a panel's PM2.5."""
    if warning := origin_warning(metadata):
        notes.print(f"[bold yellow]{warning}[/]")


@contextlib.contextmanager
def progress(what):
    """Progress bar; yields ``advance(done, total, text)``."""
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done, total, text=""):
            bar.update(task, completed=done, total=total, description=f"{what} [dim]{text}[/]".strip())

        yield advance
