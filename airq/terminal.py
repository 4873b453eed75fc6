"""What every command shows alike: one line for an error, one for a warning, and a progress bar."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator

import typer
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

from airq.messages import AirqWarning

#: Between two lines of progress where no terminal shows a bar. [s]
SECONDS_BETWEEN_LINES = float(os.environ.get("AIRQ_SECONDS_BETWEEN_LINES", 30))

#: Notes and progress; results themselves go to standard output.
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def exit_cleanly(command: Callable) -> Callable:
    """Print one line for an error or Ctrl-C, instead of a traceback, and exit with code 1.

    Warnings of airq get one line each. With ``AIRQ_DEBUG=1`` in the environment errors keep their traceback.
    """

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            with show_warnings():
                return command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt as interrupt:
            line = str(interrupt) or _INTERRUPTED
        except Exception as error:
            # A compiled module that is interrupted while it is imported raises an ImportError.
            interrupted = isinstance(error, ImportError) and isinstance(error.__cause__, KeyboardInterrupt)
            if os.environ.get("AIRQ_DEBUG") and not interrupted:
                raise
            line = _INTERRUPTED if interrupted else f"Error: {_describe(error)}"
        typer.echo(line, err=True)
        raise typer.Exit(1)

    # The help breaks lines where the terminal does, not where the source does.
    wrapped.__doc__ = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(command.__doc__ or ""))
    return wrapped


_INTERRUPTED = "Interrupted; nothing was left half-written. Run the same command again."


def _describe(error):
    """Say in one line what is wrong, and whose fault it is where the input is not to blame."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, (ValueError, OSError, ImportError)):
        return text
    if isinstance(error, MemoryError):
        return f"Not enough memory{text and f' ({text})'}; use fewer rows or columns, or fewer --jobs."
    return (
        f"This is a fault of airq, please report it: {type(error).__name__}{text and f': {text}'}; "
        "set AIRQ_DEBUG=1 to see where."
    )


@contextlib.contextmanager
def show_warnings() -> Iterator[None]:
    """Print every :class:`AirqWarning` as one line on standard error; leave others to Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", AirqWarning)
        usual = warnings.showwarning

        def show(message, category, *where, **more):
            if issubclass(category, AirqWarning):
                notes.print(f"[yellow]Warning: {escape(' '.join(str(message).split()))}[/]")
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable]:
    """Show a progress bar on a terminal, else a line now and then; yield ``advance(done, total, text)``."""
    if not notes.is_interactive:
        yield _lines(what)
        return
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
            described = f"{what} [dim]{escape(text)}[/]".strip()
            bar.update(task, completed=done, total=total, description=described)

        yield advance


def _lines(what):
    """Print a line of progress now and then: a file or a pipe shows no bar."""
    last, begin = time.monotonic(), f"{what}: " if what else ""

    def advance(done, total, text=""):
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            notes.print(f"{begin}{done:,} of {total:,} {text}".rstrip(), markup=False)

    return advance
