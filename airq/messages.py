"""What every command shows alike: one line for what is wrong, and a progress bar."""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import importlib.metadata
import os

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


class AirqWarning(UserWarning):
    """Something about data or model that a user should know before relying on the figures."""


#: Notes and progress; results themselves go to standard output.
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def exit_cleanly(command):
    """Turn bad input, a missing package, a full disk or Ctrl-C into one line and exit code 1."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError, ModuleNotFoundError) as error:
            if os.environ.get("AIRQ_DEBUG"):
                raise
            _complain(error)
        except (KeyboardInterrupt, ImportError) as error:
            # A compiled module that is interrupted while it is imported says that it cannot be.
            if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
                raise
            typer.echo("Interrupted; nothing was left half-written. Run the same command again.", err=True)
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
    if not notes.is_interactive:
        # Of a bar that no terminal shows, an empty line would be left.
        yield lambda done, total, text="": None
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
            told = f"{what} [dim]{escape(text)}[/]".strip()
            bar.update(task, completed=done, total=total, description=told)

        yield advance


def import_optional(module, what, *, package=None):
    """Import a module that only part of the package needs.

    Parameters
    ----------
    module : str
        Its name.
    what : str
        What needs it, in the plural, such as "CatBoost models".
    package : str, optional
        What to install; called like the module by default.

    Returns
    -------
    module

    Raises
    ------
    ModuleNotFoundError
        If it is not installed; the line says how to install it.

    Examples
    --------
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


def installed_versions(packages):
    """Return the versions of packages by name, of those that are installed."""
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def near_name(name, names):
    """A hint at the most similar name, or an empty string.

    >>> near_name("latitud", ["latitude", "city"])
    ' Did you mean latitude?'
    """
    near = difflib.get_close_matches(name, [str(other) for other in names], n=1)
    return f" Did you mean {near[0]}?" if near else ""
