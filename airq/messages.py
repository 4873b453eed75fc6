"""Words that any part of the package may need: warnings, packages that are missing, names that are near."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.metadata
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

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
