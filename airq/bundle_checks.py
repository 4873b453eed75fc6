"""Check what a bundle says before anything is made of it: types, shapes, finite numbers, plain file names.

A hash tells whether a bundle is as it was written, not who wrote it. What stands here keeps a bundle that
somebody changed on purpose, or that another program wrote, from ending the process or predicting nonsense.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from pathlib import PurePath

MOST_THREADS, MOST_MEMBERS, MOST_FOLDS = 1024, 20, 1000
KINDS = ("lightgbm", "catboost", "ridge")
#: Classes of distance, see :mod:`airq.models.shares`, and features that monitors add.
N_CLASSES, N_MONITOR_FEATURES = 9, 13


class Wrong(ValueError):
    """What is wrong with a value; the message goes on after the name of the value."""


def number(low=-math.inf, high=math.inf, *, above=-math.inf) -> Callable:
    """Return a check of a finite number between `low` and `high`, and `above` another."""

    def check(value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Wrong("is not a number")
        if not (math.isfinite(value) and low <= value <= high and value > above):
            raise Wrong(f"is {value}, out of its range")

    return check


def whole(low, high) -> Callable:
    """Return a check of a whole number between `low` and `high`."""

    def check(value):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"is no whole number from {low} to {high}")

    return check


def text(*choices) -> Callable:
    """Return a check of a text, one of the choices if there are any."""

    def check(value):
        if not isinstance(value, str):
            raise Wrong("is not text")
        if choices and value not in choices:
            raise Wrong(f"is none of {', '.join(choices)}")

    return check


def optional(check) -> Callable:
    """Return a check that lets null pass."""
    return lambda value: None if value is None else check(value)


def sequence(check, *, length=None, most=None) -> Callable:
    """Return a check of a list and of its entries."""

    def check_all(values):
        if not isinstance(values, list):
            raise Wrong("is not a list")
        if length is not None and len(values) != length:
            raise Wrong(f"has {len(values):,} entries, not {length:,}")
        if most is not None and not 0 < len(values) <= most:
            raise Wrong(f"has {len(values):,} entries, not 1 to {most:,}")
        for place, value in enumerate(values):
            _inside(f"[{place}]", check, value)

    return check_all


def table(checks, *, others=False) -> Callable:
    """Return a check of a table of names; `others` tells whether it may have more than those checked."""

    def check(values):
        if not isinstance(values, dict):
            raise Wrong("is not a table of names")
        for name, one in checks.items():
            _inside(f".{name}", one, values.get(name))
        if more := [name for name in values if name not in checks and not others]:
            raise Wrong(f"has an unknown entry {more[0]!r}")

    return check


def mapping(check) -> Callable:
    """Return a check of every value of a table of names."""

    def check_all(values):
        if not isinstance(values, dict):
            raise Wrong("is not a table of names")
        for name, value in values.items():
            _inside(f".{name}", check, value)

    return check_all


def day(value):
    """Check a day such as 2020-01-31."""
    try:
        datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong("is not a day") from None


def check_metadata(metadata, where):
    """Refuse metadata of a bundle that do not describe one; `where` names their file in the message."""
    name = "features"
    try:
        for name, check in _checks(metadata).items():
            check(metadata.get(name))
    except Wrong as error:
        raise ValueError(f"{where}: {name}{_joined(error)}; train the bundle again.") from None


def _checks(metadata):
    """Return the checks by entry; shapes follow from the number of features and members."""
    sequence(text(), most=100_000)(metadata.get("features"))
    features, names = len(metadata["features"]), set(metadata["files"])

    def file(value):
        text()(value)
        if PurePath(value).name != value or value not in names:
            raise Wrong(f"{value!r} is no file of the bundle")

    estimator = metadata["estimator"]
    members = estimator.get("members")
    sequence(table({}, others=True), most=MOST_MEMBERS)(members)
    seen = features + N_MONITOR_FEATURES * ("monitors" in estimator)
    member = {
        "kind": text(*KINDS),
        "power": number(0, 10),
        "parameters": mapping(lambda value: None),
        "prior": number(0, 1e6),
        "most": number(0, 1e6),
        "files": sequence(file, most=MOST_FOLDS),
        "rounds": sequence(whole(0, 10**7)),
    }
    booster = {
        "members": sequence(table(member), most=MOST_MEMBERS),
        "n_inner": whole(1, MOST_FOLDS),
        "seed": whole(-(2**63), 2**63),
        "threads": whole(1, MOST_THREADS),
        "weights": sequence(number(0, 1), length=len(members)),
        "ranges": sequence(sequence(optional(number(-3.5e38, 3.5e38)), length=seen), length=2),
        "highest": number(above=0, high=1e6),
        "inner_rmse": number(0, 1e6),
    }
    if "monitors" in estimator:
        kriging = {
            "range_km": number(above=0, high=1e5),
            "nugget": number(above=0, high=1e3),
            "lasting": number(0, 1),
        }
        booster["monitors"] = table(
            {
                "parameters": table(kriging),
                "lags": text("retrospective", "live"),
                "shares": sequence(number(0, 1), length=N_CLASSES),
            }
        )
    factors = sequence(sequence(number(above=0, high=1e6), length=2), length=N_CLASSES)
    area = {
        "threshold": number(0, 1e9),
        "mean_distance": number(above=0, high=1e9),
        "mean_distance_error": number(0, 1e9),
        "error": mapping(number()),
        "search": table({"n_searched": whole(1, 10**4), "n_candidates": whole(1, 10**6)}),
        "carried_up_to": sequence(number(0, 1 + 1e-6), most=10**4),
    }
    place = sequence(number(-180, 180), length=2)
    data = {"places": mapping(place), "first_day": day, "last_day": day, "rows": whole(1, 10**12)}
    panel = {"units": mapping(text()), "sources": sequence(text()), "kept": optional(sequence(text()))}
    uncertainty = {"calibrated_on": text(), "promises": sequence(text(), most=100)}
    lists = {name: sequence(table({}, others=True)) for name in ("coverage", "exceedance")}
    return {
        "libraries": mapping(text()),
        "recipe_inputs": sequence(text()),
        "looks_ahead": _truth,
        "settings": table({"model": text(), "seed": whole(-(2**63), 2**63)}, others=True),
        "recipe": table({"name": text()}, others=True),
        "estimator": table(booster),
        "residual_scale": optional(table({"exponent": number(0, 10), "factors": factors})),
        "applicability": optional(table(area, others=True)),
        "panel": table(panel, others=True),
        "target": table({"unit": text()}, others=True),
        "data": table(data, others=True),
        "uncertainty": table(uncertainty | lists, others=True),
        "evaluation": sequence(table({"scheme": text(), "rmse": optional(number())}, others=True)),
    }


def _truth(value):
    if not isinstance(value, bool):
        raise Wrong("is neither true nor false")


def _inside(name, check, value):
    """Check a value; a message names its place."""
    try:
        check(value)
    except Wrong as error:
        raise Wrong(f"{name}{_joined(error)}") from None


def _joined(error):
    message = str(error)
    return message if message.startswith((".", "[")) else f" {message}"
