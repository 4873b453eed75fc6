"""What every command shows alike: one line for an error, one for a warning, and a progress bar."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import importlib.metadata
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

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

import airq


class AirqWarning(UserWarning):
    """Something about data or model that a user should know before relying on the figures."""


_PACKAGE = f"{Path(__file__).parent}{os.sep}"


def warn(text: str) -> None:
    """Issue an :class:`AirqWarning` that points to the line, outside of the package, that called it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, AirqWarning, stacklevel=level)


#: Packages that figures depend on, besides this one.
FIGURE_PACKAGES = ("catboost", "imbalanced-learn", "lightgbm", "numpy", "pandas", "scikit-learn")
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
    last = time.monotonic()

    def advance(done, total, text=""):
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            notes.print(f"{what}: {done:,} of {total:,} {text}".rstrip(), markup=False)

    return advance


def import_optional(module: str, what: str, *, package: str | None = None) -> ModuleType:
    """Import a module that only part of the package needs.

    `what` needs it, in the plural, such as "CatBoost models"; `package` is what to install, by default called
    like the module. ModuleNotFoundError says how to install it where it is missing.

    >>> import_optional("no_such_module", "Examples")
    Traceback (most recent call last):
        ...
    ModuleNotFoundError: Examples need no_such_module, which is not installed: pip install no_such_module
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = package or module
        text = f"{what} need {package}, which is not installed: pip install {package}"
        raise ModuleNotFoundError(text, name=error.name) from None


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of packages by name, of those that are installed."""
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def versions() -> dict[str, str]:
    """Return the versions of airq and of the packages that figures depend on, by name."""
    return {"airq": airq.__version__, **installed_versions(FIGURE_PACKAGES)}


def near_name(name: str, names: Iterable, *, similarity: float = 0.6) -> str:
    """Return a hint at the most similar name, or an empty string if none is similar enough, 0 to 1.

    >>> near_name("latitud", ["latitude", "city"])
    ' Did you mean latitude?'
    """
    near = difflib.get_close_matches(name, [str(other) for other in names], n=1, cutoff=similarity)
    return f" Did you mean {near[0]}?" if near else ""
