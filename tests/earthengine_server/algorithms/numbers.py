"""Numbers and truth: the operations of images, on single numbers."""

from __future__ import annotations

import numpy as np

from ..errors import EarthEngineError
from ..registry import algorithm
from .arithmetic import BINARY, UNARY

_WHOLE = ("and", "or", "not", "eq", "neq", "lt", "lte", "gt", "gte", "floor", "ceil", "round", "signum")


def _plain(result, whole):
    number = np.asarray(result, dtype=float).item()
    return int(number) if whole and number.is_integer() else number


def _binary(name, operation):
    def compute(left, right):
        whole = name in _WHOLE or (isinstance(left, int) and isinstance(right, int) and name != "divide")
        return _plain(operation(np.float64(left), np.float64(right)), whole)

    return compute


def _unary(name, operation):
    def compute(input):
        whole = "int" in name.lower() or name in _WHOLE or isinstance(input, int)
        return _plain(operation(np.float64(input)), whole)

    return compute


for _name, _operation in BINARY.items():
    algorithm(f"Number.{_name}")(_binary(_name, _operation))
for _name, _operation in UNARY.items():
    algorithm(f"Number.{_name}")(_unary(_name, _operation))


@algorithm("Number.parse")
def number_parse(input, radix):
    try:
        return int(input, int(radix))
    except ValueError:
        return float(input)


@algorithm("Number.format")
def number_format(number, pattern):
    """C's patterns: %d, %02d, %.3f, %s."""
    try:
        return pattern % (int(number) if "d" in pattern else number)
    except (TypeError, ValueError):
        raise EarthEngineError(f"Number.format: Bad pattern '{pattern}'.") from None


@algorithm("Number.clamp")
def number_clamp(number, min, max):
    return float(np.clip(number, min, max))


@algorithm("Number.unitScale")
def number_unit_scale(number, min, max):
    return (number - min) / (max - min)


@algorithm("IsEqual")
def is_equal(left, right):
    return left == right


@algorithm("Profile.getProfiles")
def profile_get_profiles(context, ids, format):
    """What computations took, as a table for people; EECU-seconds stand in its first column."""
    lines = [
        f"{context.work.profiles[name]:7.3f}     47k     1  Algorithm Image.reduceRegions" for name in ids
    ]
    return "\n".join([" EECU·s PeakMem Count  Description", *lines, "      -     47k    44  (plumbing)\n"])
