"""Arithmetic of images, band by band."""

from __future__ import annotations

import numpy as np

from ..registry import algorithm
from ..values import Band, Image


def each(image, change):
    """The image with every band changed alone; it keeps its metadata."""

    def changed(pixels, raster):
        return change(*raster)

    return image.with_bands((name, Band(changed, (band,))) for name, band in image.bands.items())


def _safe_divide(left, right):
    """Earth Engine divides by 0 to 0."""
    return np.divide(left, right, out=np.zeros(np.broadcast(left, right).shape), where=right != 0)


def _whole(operation):
    return lambda left, right: operation(left.astype(np.int64), right.astype(np.int64)).astype(float)


def _truth(operation):
    return lambda left, right: operation(left, right).astype(float)


#: Operations of two images by name; masked where either is.
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": _safe_divide,
    "mod": lambda left, right: np.fmod(left, np.where(right == 0, np.nan, right)),
    "pow": np.power,
    "min": np.minimum,
    "max": np.maximum,
    "hypot": np.hypot,
    "atan2": np.arctan2,
    "first": lambda left, right: left,
    "eq": _truth(np.equal),
    "neq": _truth(np.not_equal),
    "lt": _truth(np.less),
    "lte": _truth(np.less_equal),
    "gt": _truth(np.greater),
    "gte": _truth(np.greater_equal),
    "and": _truth(np.logical_and),
    "or": _truth(np.logical_or),
    "bitwiseAnd": _whole(np.bitwise_and),
    "bitwiseOr": _whole(np.bitwise_or),
    "bitwiseXor": _whole(np.bitwise_xor),
    "leftShift": _whole(np.left_shift),
    "rightShift": _whole(np.right_shift),
}
_ALIASES = {
    "bitwise_and": "bitwiseAnd",
    "bitwise_or": "bitwiseOr",
    "bitwise_xor": "bitwiseXor",
    "left_shift": "leftShift",
    "right_shift": "rightShift",
}
BINARY |= {alias: BINARY[name] for alias, name in _ALIASES.items()}


def _whole_type(low, high):
    return lambda values: np.clip(np.trunc(values), low, high)


_INTEGERS = {
    ("int8",): (-(2**7), 2**7 - 1),
    ("uint8", "byte"): (0, 2**8 - 1),
    ("int16", "short"): (-(2**15), 2**15 - 1),
    ("uint16",): (0, 2**16 - 1),
    ("int32", "int"): (-(2**31), 2**31 - 1),
    ("uint32",): (0, 2**32 - 1),
    ("int64", "long"): (-(2**63), 2**63 - 1024),
}

#: Operations of one image by name. Casts to whole numbers cut off decimals.
UNARY = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": lambda values: np.floor(values + 0.5),
    "signum": np.sign,
    "not": lambda values: (values == 0).astype(float),
    "bitwiseNot": lambda values: (~values.astype(np.int64)).astype(float),
    "bitwise_not": lambda values: (~values.astype(np.int64)).astype(float),
    "float": lambda values: values.astype(np.float32).astype(float),
    "double": lambda values: values,
    **{name: _whole_type(*ends) for names, ends in _INTEGERS.items() for name in names},
}
UNARY |= {
    f"to{name.capitalize()}": UNARY[name]
    for name in ("float", "double", "int", "long", "short", "byte", *(n for k in _INTEGERS for n in k))
}


def combined(operation, left, right):
    """Image of an operation on two images' bands, matched as Earth Engine matches them.

    A single band goes with all of the other image; bands of equal names go together; equally many
    bands go together in order. What is no number becomes masked. The result has no metadata.
    """

    def compute(pixels, a, b):
        with np.errstate(all="ignore"):
            values = operation(a[0], b[0])
        known = np.isfinite(values)
        return np.where(known, values, 0.0), a[1] & b[1] & known

    pairs = _operands(left, right)
    return Image({name: Band(compute, both) for name, both in pairs.items()}, scale=left.scale)


def _operands(left, right):
    if len(left.bands) == 1 and len(right.bands) > 1:
        only = next(iter(left.bands.values()))
        return {name: (only, band) for name, band in right.bands.items()}
    if len(right.bands) == 1:
        only = next(iter(right.bands.values()))
        return {name: (band, only) for name, band in left.bands.items()}
    if len(left.bands) == len(right.bands) and set(left.bands) != set(right.bands):
        pairs = zip(left.bands.items(), right.bands.values(), strict=True)
        return {name: (band, other) for (name, band), other in pairs}
    return {name: (band, right.bands[name]) for name, band in left.bands.items() if name in right.bands}


def changed(operation, image):
    """Image of an operation on every band; what is no number becomes masked."""

    def compute(values, valid):
        with np.errstate(all="ignore"):
            result = operation(values)
        known = np.isfinite(result)
        return np.where(known, result, 0.0), valid & known

    return each(image, compute)


def _binary(operation):
    return lambda image1, image2: combined(operation, image1, image2)


def _unary(operation):
    return lambda value: changed(operation, value)


for _name, _operation in BINARY.items():
    algorithm(f"Image.{_name}")(_binary(_operation))
for _name, _operation in UNARY.items():
    algorithm(f"Image.{_name}")(_unary(_operation))
