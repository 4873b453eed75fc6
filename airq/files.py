"""Files that are either whole or absent."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def whole_file(path):
    """Path to write to; it takes its final name only when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        Final name. Its folder is made where it is missing.

    Yields
    ------
    Path
        A temporary name in the same folder, with the same ending.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file.")
    made = _make_folder(path.parent)
    # Its own folder rather than its own name: writers then see the ending that they go by.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield scratch / path.name
        os.replace(scratch / path.name, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)
        shutil.rmtree(scratch, ignore_errors=True)
        _remove_empty(made)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def whole_folder(path, *, marker):
    """Folder to fill; it takes its final name only when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        Final name. A folder that stands there is replaced if it holds `marker` or nothing.
    marker : str
        Name of a file by which a folder of this kind is known.

    Yields
    ------
    Path
        A temporary folder beside it.

    Raises
    ------
    FileExistsError
        If something else stands under the final name.
    """
    path = Path(path)
    check_replaceable(path, marker=marker)
    made = _make_folder(path.parent)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        new = scratch / "new"
        new.mkdir()
        yield new
        if path.exists():
            os.replace(path, scratch / "old")
        os.replace(new, path)
    except BaseException:
        if (scratch / "old").exists() and not path.exists():
            os.replace(scratch / "old", path)
        shutil.rmtree(scratch, ignore_errors=True)
        _remove_empty(made)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def check_replaceable(path, *, marker):
    """Refuse the name of an output folder under which something else stands.

    Raises
    ------
    FileExistsError
        If it is neither new, nor empty, nor a folder that holds `marker`.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and ((path / marker).exists() or not any(path.iterdir()))):
        raise FileExistsError(f"{path} exists and has no {marker}; choose another name for --out.")


def check_writable(path):
    """Refuse an output name that could not be written, before hours of work go into it.

    Parameters
    ----------
    path : str or Path
        Final name of a file or folder.

    Raises
    ------
    OSError
        If the nearest folder that exists is not a folder or cannot be written.
    """
    if Path(path).is_dir() and Path(path).suffix:
        raise IsADirectoryError(f"{path} is a folder; give the name of a file.")
    folder = Path(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder, so {path} cannot be written.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(error.errno, f"Cannot write to the folder: {error.strerror}", str(folder)) from None


def _make_folder(folder):
    """Make a folder and its parents; return those that were new, deepest first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
    return missing


def _remove_empty(folders):
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def write_text(path, text):
    """Write a text file in UTF-8, whole or not at all."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path, facts):
    """Write facts as JSON in UTF-8, whole or not at all; numbers that are not finite become null."""
    write_text(path, json.dumps(plain_facts(facts), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def plain_facts(facts):
    """Facts as JSON can hold them: plain lists, dicts, strings and finite numbers.

    >>> plain_facts({"rmse": float("nan"), "folds": (1, 2)})
    {'rmse': None, 'folds': [1, 2]}
    """
    if isinstance(facts, dict):
        return {str(key): plain_facts(value) for key, value in facts.items()}
    if isinstance(facts, (list, tuple)):
        return [plain_facts(value) for value in facts]
    if hasattr(facts, "tolist"):
        return plain_facts(facts.tolist())
    if isinstance(facts, float) and not math.isfinite(facts):
        return None
    return facts
