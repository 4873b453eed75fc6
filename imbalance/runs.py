"""What long runs share: the versions they ran with, the claim to a folder, and an end from outside."""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from joblib.externals.loky.process_executor import BrokenProcessPool

from airq.files import check_replaceable, write_json

PACKAGES = ("airq", "catboost", "imbalanced-learn", "lightgbm", "numpy", "pandas", "scikit-learn")


def versions():
    """Versions of the packages that figures depend on, by name."""
    return {name: version(name) for name in PACKAGES}


def claim_folder(folder, settings, *, marker, what):
    """Make a folder that of a run, or make sure that it holds a run of the same settings.

    Parameters
    ----------
    folder : str or Path
        Where results go.
    settings : dict
        What must agree, as JSON holds it.
    marker : str
        File in the folder that keeps them, and maybe more.
    what : str
        What the run is called in an error.

    Raises
    ------
    FileExistsError
        If the folder holds something else.
    ValueError
        If it holds a run with other settings; the line names them.
    """
    check_replaceable(folder, marker=marker)
    path = Path(folder) / marker
    if not path.exists():
        write_json(path, settings)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        held = {}
    differing = [key for key, value in settings.items() if held.get(key) != value]
    if differing:
        raise ValueError(
            f"{folder} holds a {what} with other {', '.join(differing)}; choose another name for --out."
        )


@contextmanager
def killed_in_one_line(*, kept):
    """Turn the end of a process from outside into one line.

    Parameters
    ----------
    kept : bool
        Whether what is done is kept, so that another run goes on with it.

    Raises
    ------
    OSError
        If a process of a pool was killed inside.
    """
    try:
        yield
    except BrokenProcessPool:
        again = (
            "What is done is kept in the folder of the result; run again to go on, with fewer processes."
            if kept
            else "Run again with fewer processes."
        )
        raise OSError(f"A process was ended from outside, perhaps for want of memory. {again}") from None
