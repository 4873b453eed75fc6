"""What a bundle's metadata must look like before anything is made of them, as JSON Schema.

A hash tells whether a bundle is as it was written, not who wrote it. The schema keeps a bundle that
somebody changed on purpose, or that another program wrote, from ending the process or predicting nonsense.
"""

from __future__ import annotations

import math

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

MOST_THREADS, MOST_MEMBERS, MOST_FOLDS, MOST_FEATURES = 1024, 20, 1000, 100_000
#: Classes of distance, see :mod:`airq.models.shares`, and features that monitors add.
N_CLASSES, N_MONITOR_FEATURES = 9, 13
#: Most characters of a value that an error repeats.
MOST_SAID = 160


def _numbers(lowest=None, highest=None, *, above=None, kind="number"):
    """Return the schema of a number from `lowest` to `highest`, or one that is above another."""
    bounds = {"minimum": lowest, "maximum": highest, "exclusiveMinimum": above}
    return {"type": kind} | {name: bound for name, bound in bounds.items() if bound is not None}


def _or_null(schema):
    """Return the schema of a value that may be missing."""
    return {"anyOf": [{"type": "null"}, schema]}


def _lists(items, lowest=0, highest=None):
    """Return the schema of a list of `lowest` to `highest` entries."""
    bound = {} if highest is None else {"maxItems": highest}
    return {"type": "array", "items": items, "minItems": lowest} | bound


def _tables(entries, *, others=False):
    """Return the schema of a table that has all these entries, and maybe others."""
    closed = {} if others else {"additionalProperties": False}
    return {"type": "object", "properties": entries, "required": list(entries)} | closed


def _each(entry):
    """Return the schema of a table whose every entry is alike."""
    return {"type": "object", "additionalProperties": entry}


ANY_TABLE, TEXT = {"type": "object"}, {"type": "string"}
DAY = {"type": "string", "format": "date"}
#: The name of a file in the bundle's own folder.
FILE = {"type": "string", "pattern": r"^[^/\\]+$"}
SEED = _numbers(-(2**63), 2**63, kind="integer")

MEMBER = _tables(
    {
        "kind": {"enum": ["lightgbm", "catboost", "ridge"]},
        "power": _numbers(0, 10),
        "parameters": ANY_TABLE,
        "prior": _numbers(0, 1e6),
        "most": _numbers(0, 1e6),
        "files": _lists(FILE, 1, MOST_FOLDS),
        "rounds": _lists(_numbers(0, 10**7, kind="integer")),
    }
)
MONITORS = _tables(
    {
        "parameters": _tables(
            {
                "range_km": _numbers(above=0, highest=1e5),
                "nugget": _numbers(above=0, highest=1e3),
                "lasting": _numbers(0, 1),
            }
        ),
        "lags": {"enum": ["retrospective", "live"]},
        "shares": _lists(_numbers(0, 1), N_CLASSES, N_CLASSES),
    }
)
ESTIMATOR = _tables(
    {
        "members": _lists(MEMBER, 1, MOST_MEMBERS),
        "n_inner": _numbers(1, MOST_FOLDS, kind="integer"),
        "seed": SEED,
        "threads": _numbers(1, MOST_THREADS, kind="integer"),
        "weights": _lists(_numbers(0, 1)),
        "ranges": _lists(_lists(_or_null(_numbers(-3.5e38, 3.5e38))), 2, 2),
        "highest": _numbers(above=0, highest=1e6),
        "inner_rmse": _numbers(0, 1e6),
    }
)
ESTIMATOR["properties"]["monitors"] = MONITORS
FACTORS = _lists(_numbers(above=0, highest=1e6), 2, 2)
APPLICABILITY = _tables(
    {
        "threshold": _numbers(0, 1e9),
        "mean_distance": _numbers(above=0, highest=1e9),
        "mean_distance_error": _numbers(0, 1e9),
        "error": _each(_numbers()),
        "search": _tables(
            {
                "n_searched": _numbers(1, 10**4, kind="integer"),
                "n_candidates": _numbers(1, 10**6, kind="integer"),
            }
        ),
        "carried_up_to": _lists(_numbers(0, 1 + 1e-6), 1, 10**4),
    },
    others=True,
)
SCHEMA = _tables(
    {
        "files": {**_each(TEXT), "propertyNames": FILE},
        "features": _lists(TEXT, 1, MOST_FEATURES),
        "libraries": _each(TEXT),
        "recipe_inputs": _lists(TEXT),
        "looks_ahead": {"type": "boolean"},
        "settings": _tables(
            {"model": TEXT, "seed": SEED, "inner_groups": {"enum": ["site_id", "city_id"]}}, others=True
        ),
        "recipe": _tables({"name": TEXT}, others=True),
        "estimator": ESTIMATOR,
        "residual_scale": _or_null(
            _tables({"exponent": _numbers(0, 10), "factors": _lists(FACTORS, N_CLASSES, N_CLASSES)})
        ),
        "applicability": _or_null(APPLICABILITY),
        "panel": _tables(
            {
                "units": _each(TEXT),
                "sources": _lists(TEXT),
                "kept": _or_null(_lists(TEXT)),
                "day_basis": TEXT,
                "pm25_origin": TEXT,
                "statistic": TEXT,
            },
            others=True,
        ),
        "target": _tables({"unit": TEXT}, others=True),
        "data": _tables(
            {
                "places": _each(_lists(_numbers(-180, 180), 2, 2)),
                "first_day": DAY,
                "last_day": DAY,
                "rows": _numbers(1, 10**12, kind="integer"),
            },
            others=True,
        ),
        "uncertainty": _tables(
            {
                "calibrated_on": TEXT,
                "promises": _lists(TEXT, 1, 100),
                "coverage": _lists(ANY_TABLE),
                "exceedance": _lists(ANY_TABLE),
            },
            others=True,
        ),
        "evaluation": _lists(
            _tables({"scheme": TEXT, "unit": TEXT, "rmse": _or_null(_numbers())}, others=True)
        ),
    },
    others=True,
)


def _finite(_, value):
    """Tell whether a value is a number: JSON Schema knows no NaN, which Python reads all the same."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(_, value):
    """Tell whether a value is a whole number, 4.0 not among them."""
    return isinstance(value, int) and not isinstance(value, bool)


VALIDATOR = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _finite, "integer": _whole}),
)(SCHEMA, format_checker=FormatChecker(["date"]))


def check_metadata(metadata, where):
    """Refuse metadata of a bundle that do not describe one; `where` names their file in the message."""
    wrong = best_match(VALIDATOR.iter_errors(metadata))
    if wrong is not None:
        place, message = wrong.json_path.removeprefix("$").removeprefix("."), wrong.message
        if len(message) > MOST_SAID:
            message = f"{message[: MOST_SAID // 2]} … {message[-MOST_SAID // 2 :]}"
        said = f"{place}: {message}" if place else message
    else:
        said = _misfit(metadata)
    if said:
        raise ValueError(f"{where}: {' '.join(said.split())}; train the bundle again.")


def _misfit(metadata):
    """Tell in words which shape or file of metadata does not fit the rest, or return None."""
    estimator = metadata["estimator"]
    members, weights = estimator["members"], estimator["weights"]
    if len(weights) != len(members):
        return f"estimator.weights has {len(weights)} entries for {len(members)} members"
    seen = len(metadata["features"]) + N_MONITOR_FEATURES * ("monitors" in estimator)
    for number, ends in enumerate(estimator["ranges"]):
        if len(ends) != seen:
            return f"estimator.ranges[{number}] has {len(ends):,} entries for {seen:,} features"
    unlisted = {file for member in members for file in member["files"]} - set(metadata["files"])
    if unlisted:
        return f"estimator.members names {min(unlisted)!r}, which is no file of the bundle"
    return None
