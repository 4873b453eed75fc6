"""What the commands show: one line for what is wrong, a progress bar, tables."""

from __future__ import annotations

import contextlib
import functools
import os
import sys

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

# A file or a pipe has no width to respect.
screen = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 110)
#: Notes and progress; results themselves go to standard output.
aside = Console(stderr=True, highlight=False, soft_wrap=True)


def plainly(command):
    """Turn bad input, a missing package, a full disk or Ctrl-C into one line and exit code 1."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError, ModuleNotFoundError) as error:
            if os.environ.get("AIRQ_DEBUG"):
                raise
            _complain(error)
        except KeyboardInterrupt:
            typer.echo("Interrupted; what is done is kept. Run the same command again to go on.", err=True)
        raise typer.Exit(1)

    return wrapped


def _complain(error):
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    typer.echo("Error: " + " ".join(text.split()), err=True)


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
    with Progress(*columns, console=aside, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done, total, text=""):
            bar.update(
                task, completed=done, total=total, description=f"{what} [dim]{escape(text)}[/]".strip()
            )

        yield advance


def print_table(headings, rows, *, left=2, sections=None):
    """Print text cells as a table.

    Parameters
    ----------
    headings : sequence of str
        Of the columns.
    rows : sequence of sequence of str
        Cells.
    left : int
        Columns that hold words; the others hold numbers.
    sections : int, optional
        Column whose change a line marks.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right", no_wrap=True)
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        ends = sections is not None and after is not None and after[sections] != row[sections]
        table.add_row(*map(escape, row), end_section=ends)
    screen.print(table, soft_wrap=False)


def listed(text):
    """Names separated by commas, or None for none.

    >>> listed("a, b")
    ['a', 'b']
    """
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
