"""What long runs share: versions, the claim to a folder, names that last, and an end from outside."""

from __future__ import annotations

import hashlib
import json
import types
from contextlib import contextmanager
from pathlib import Path

from joblib.externals.loky.process_executor import BrokenProcessPool

import airq
from airq.io import check_replaceable, write_json
from airq.messages import installed_versions

PACKAGES = ("catboost", "imbalanced-learn", "lightgbm", "numpy", "pandas", "scikit-learn")


def versions():
    """Versions of the packages that figures depend on, by name."""
    return {"airq": airq.__version__, **installed_versions(PACKAGES)}


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
        raise ValueError(f"{folder} holds a {what} with other {', '.join(differing)}; choose another folder.")


def lasting_text(value):
    """What a sampler, rule or function does, in words that mean the same in another process.

    Samplers are told by type and parameters, functions by name and code (what they call is not looked at),
    other objects by type and attributes. Where nothing of that is to be had, the text has the address of the
    object in it and does not last, see :func:`lasts`.

    Examples
    --------
    >>> lasting_text({"a": 2.0})
    "{'a': 2.0}"
    >>> lasts(lasting_text(lambda y: {1: 10})), lasts(lasting_text(object()))
    (True, False)
    """
    if hasattr(value, "get_params"):
        items = ", ".join(f"({k!r}, {lasting_text(v)})" for k, v in sorted(value.get_params().items()))
        return f"{type(value).__qualname__}([{items}])"
    text = repr(value)
    if lasts(text):
        return text
    if isinstance(value, types.FunctionType):
        return f"{value.__qualname__} {hashlib.sha256(_code_text(value).encode()).hexdigest()[:12]}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {lasting_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(lasting_text, value))})"
    if type(value).__repr__ is object.__repr__ and vars(type(value)).get("__dict__") and vars(value):
        return f"{type(value).__qualname__}({lasting_text(vars(value))})"
    return text


def lasts(text):
    """Whether a text of :func:`lasting_text` has no address in it."""
    return " at 0x" not in text


def _code_text(function):
    code = function.__code__
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    outside = lasting_text([function.__defaults__, function.__kwdefaults__, cells])
    return f"{code.co_code!r} {code.co_names} {_constants(code)} {outside}"


def _constants(code):
    """Constants of a function, with the code of functions inside it and sets in a fixed order."""
    return [
        (one.co_code, one.co_names, _constants(one))
        if isinstance(one, types.CodeType)
        else sorted(map(repr, one))
        if isinstance(one, frozenset)
        else one
        for one in code.co_consts
    ]


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
