"""Which algorithms exist (Earth Engine's own list), and which of them this server implements."""

from __future__ import annotations

import functools
import importlib.resources
import inspect
import json
from dataclasses import dataclass

from .coercion import coerced
from .errors import EarthEngineError, not_implemented

#: Arguments that change how Earth Engine computes, but not what this server answers.
_WITHOUT_EFFECT = {
    "bestEffort",
    "evenOdd",
    "geodesic",
    "geodesics",
    "maxError",
    "maxPixels",
    "maxPixelsPerRegion",
    "parallelScale",
    "proj",
    "sameFootprint",
    "tileScale",
    "version",
}

_FUNCTIONS = {}


@dataclass(frozen=True)
class Call:
    """What an algorithm may need to know beside its arguments.

    Attributes
    ----------
    name : str
        The algorithm's name.
    archive : Archive
        Which images exist.
    work : Work
        Where the size of the computation is kept, and how regions are sampled.
    """

    name: str
    archive: object
    work: object


def algorithm(*names):
    """Decorator: the function implements these algorithms.

    Its parameters are the algorithm's, under Earth Engine's own names (a name that Python reserves
    ends in an underscore); one called `context` receives the :class:`Call`.
    """

    def register(function):
        for name in names:
            _FUNCTIONS[name] = (function, tuple(inspect.signature(function).parameters))
        return function

    return register


@functools.cache
def document(name):
    """One of the documents that ship with the client, as text."""
    return importlib.resources.files("ee.tests").joinpath(name).read_text("utf-8")


@functools.cache
def signatures():
    """Arguments of every algorithm of Earth Engine, by its name."""
    listed = json.loads(document("algorithms.json"))["algorithms"]
    return {entry["name"].removeprefix("algorithms/"): entry.get("arguments", []) for entry in listed}


def apply(name, arguments, archive, work):
    """Result of an algorithm for arguments by name.

    Raises
    ------
    EarthEngineError
        If Earth Engine does not know the algorithm or an argument, if a required argument is
        missing or of another type, or if this server does not implement it.
    """
    if name not in signatures():
        raise EarthEngineError(f"Unknown algorithm: '{name}'.")
    known = {argument["argumentName"]: argument for argument in signatures()[name]}
    for given in arguments:
        if given not in known:
            raise EarthEngineError(f"{name}: Unrecognized argument name '{given}'.")
    values = {key: _checked(name, facts, arguments.get(key)) for key, facts in known.items()}
    function, parameters = _implementation(name)
    _refuse_unused(name, known, values, parameters)
    chosen = {key: values[key.rstrip("_")] for key in parameters if key != "context"}
    if "context" in parameters:
        chosen["context"] = Call(name, archive, work)
    return function(**chosen)


def _implementation(name):
    if name not in _FUNCTIONS:
        raise not_implemented(f"the algorithm '{name}'")
    return _FUNCTIONS[name]


def _checked(name, argument, value):
    if value is None:
        value = argument.get("defaultValue")
    if value is None:
        if not argument.get("optional"):
            raise EarthEngineError(
                f"{name}: Parameter '{argument['argumentName']}' is required and may not be null."
            )
        return None
    return coerced(value, argument["type"], f"{name}, argument '{argument['argumentName']}'")


def _refuse_unused(name, known, values, parameters):
    used = {parameter.rstrip("_") for parameter in parameters}
    for key, value in values.items():
        default = known[key].get("defaultValue")
        if key not in used | _WITHOUT_EFFECT and value is not None and value != default:
            raise not_implemented(f"the argument '{key}' of '{name}'")
