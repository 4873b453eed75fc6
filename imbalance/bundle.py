"""Fitted classifiers as folders without pickle: JSON, arrays, boosters in their own formats."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from airq.io import atomic_folder, write_json
from airq.messages import versions, warn
from imbalance.comparison.models import choose_models, fit_row, seeded
from imbalance.comparison.problem import whole_groups
from imbalance.comparison.strategies import find_rows
from imbalance.decisions import cost_matrix
from imbalance.estimators import PriorCorrectedClassifier
from imbalance.label_shift import LabelShiftAdapter
from imbalance.probability import resolve_prior
from imbalance.reading import Column, parse_target_prior, telling_columns

#: File that makes a folder that of a model; the other files are named in it with their hashes.
MARKER = "model.json"
TREE, ARRAYS = "classifier.json", "arrays.npz"
#: Of what else than plain values a classifier may consist.
PACKAGES = ("imbalance.", "imblearn.", "lightgbm.sklearn", "sklearn.")
#: Rows that are predicted before and after saving: equal, or nothing is saved.
ROWS_CHECKED = 100


@dataclass
class Bundle:
    """Classifier whose probabilities stand for the target, the same learner for unlabelled rows, how
    columns are read, and facts."""

    classifier: PriorCorrectedClassifier
    adapter: LabelShiftAdapter
    columns: tuple
    facts: dict


def fit_bundle(
    table, *, model="logistic", rows="as they are", ending="calibrated", target="training", costs=None,
    seed=0, title="",
):  # fmt: skip
    """Fit a classifier as a row of a comparison is fitted, and one that follows other class shares."""
    classes, counts = np.unique(table.y, return_counts=True)
    names, shares = [str(label) for label in classes], counts / counts.sum()
    target = parse_target_prior(target) if isinstance(target, str) else target
    prior = resolve_prior(target, names, shares)
    labels = dict(zip(names, classes.tolist(), strict=True))
    costs = {tuple(labels.get(str(one), one) for one in pair): cost for pair, cost in (costs or {}).items()}
    if costs:
        cost_matrix(costs, classes)
    (learner,), strategy = choose_models([model])[0].values(), find_rows(rows)
    groups, said = whole_groups(table.X, table.groups)
    shared = {"ending": ending, "target": prior, "groups": groups, "seed": seed}
    classifier, notes = fit_row(seeded(learner, seed), strategy, table.X, table.y, **shared)
    base = strategy.classifier(classifier.estimator, ending="raw", target=prior, seed=seed)
    adapter = LabelShiftAdapter(base, random_state=seed).fit(table.X, table.y, groups=groups)
    _forget_dates(adapter, table.columns)
    facts = {
        "what": "imbalance model", "title": title, "model": model, "rows": rows, "ending": ending,
        "seed": seed, "versions": versions(), "classes": classes.tolist(),
        "class_rows": dict(zip(names, counts.tolist(), strict=True)),
        "training_prior": dict(zip(names, shares.tolist(), strict=True)),
        "target_prior": dict(zip(names, classifier.target_prior_.tolist(), strict=True)),
        "costs": [[*pair, cost] for pair, cost in costs.items()],
        "notes": [*table.notes, *telling_columns(table.X, table.y, groups), *said, *notes],
    }  # fmt: skip
    return Bundle(classifier, adapter, table.columns, facts)


def _forget_dates(adapter, columns):
    """Leave dates out of the test for label shift: batches of other times differ in them anyway."""
    days = [one for one in columns if one.kind == "days"]
    dates = {f"{one.name} {part}".strip() for one in days for part in ("", *one.words)}
    kept = [name not in dates for name in adapter._names]
    adapter._features = adapter._features[:, kept]
    adapter._names = [name for name in adapter._names if name not in dates]


def best_of(folder):
    """Return how to fit the best row of a comparison's folder, for :func:`fit_bundle`, and how its table
    was read."""
    folder = Path(folder)
    try:
        table = json.loads((folder / "table.json").read_text(encoding="utf-8"))
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        best = next(row for row in table if row["ending"] != "em")
        asked = {name: best[name] for name in ("model", "rows", "ending")}
        asked["target"], names, costs = (settings[key] for key in ("target_prior", "classes", "costs"))
        asked["costs"] = costs and {
            (true, told): costs[row][column]
            for row, true in enumerate(names)
            for column, told in enumerate(names)
            if row != column
        }
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{folder} holds no finished comparison of `imbalance compare`.") from None
    except (ValueError, KeyError, TypeError, StopIteration):
        raise ValueError(
            f"{folder}: the comparison is damaged or of an older version; run it again."
        ) from None
    choose_models([asked["model"]]), find_rows(asked["rows"])
    return asked, settings.get("table", {})


def save_bundle(bundle, folder, *, X):
    """Write a model as a folder, whole or not at all; one in it is replaced, if it predicts `X` as before."""
    with atomic_folder(folder, marker=MARKER) as new:
        arrays = {}
        tree = _encoded([bundle.classifier, bundle.adapter], new, arrays)
        write_json(new / TREE, tree)
        np.savez_compressed(new / ARRAYS, **arrays)
        files = {path.name: _hash(path) for path in sorted(new.iterdir())}
        columns = [asdict(column) for column in bundle.columns]
        write_json(new / MARKER, {**bundle.facts, "columns": columns, "files": files})
        rows = X.iloc[:ROWS_CHECKED]
        before, after = (one.classifier.predict_proba(rows) for one in (bundle, load_bundle(new)))
        if not np.array_equal(before, after):
            raise TypeError("The saved classifier does not predict as the fitted one.")


def load_bundle(folder):
    """Read a model that :func:`save_bundle` wrote; every file is verified first, none is run."""
    folder = Path(folder)
    if not (folder / MARKER).is_file():
        raise FileNotFoundError(f"{folder} holds no model (no {MARKER}); `imbalance fit` makes one.")
    try:
        facts = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        files, columns, held = facts["files"], facts["columns"], facts["versions"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{folder / MARKER} is damaged; fit the model again.") from None
    for name, known in files.items():
        if Path(name).name != name or not (folder / name).is_file() or _hash(folder / name) != known:
            raise ValueError(
                f"{folder / name} is missing or was changed since it was saved; fit the model again."
            )
    _check_versions(folder, held)
    with np.load(folder / ARRAYS, allow_pickle=False) as stored:
        arrays = dict(stored)
    parts = _decoded(json.loads((folder / TREE).read_text(encoding="utf-8")), folder, arrays)
    if not isinstance(parts, list):
        raise ValueError(f"{folder} was saved by an older version; fit the model again.")
    columns = tuple(Column(**{**one, "words": tuple(one["words"])}) for one in columns)
    return Bundle(*parts, columns, facts)


def _check_versions(folder, held):
    now = versions()
    for name in ("scikit-learn", "airq"):
        if held.get(name, "").split(".")[:2] != now[name].split(".")[:2]:
            raise ValueError(
                f"{folder} was saved with {name} {held.get(name, 'unknown')}, and this is {now[name]}; "
                "install that version or fit the model again."
            )
    other = [name for name in ("lightgbm", "catboost") if held.get(name) != now.get(name)]
    if other:
        warn(f"{folder} was saved with another version of {', '.join(other)}.")


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _encoded(value, folder, arrays):
    """Return what JSON can hold for a value; arrays go into `arrays`, boosters into files of `folder`."""

    def inner(one):
        return _encoded(one, folder, arrays)

    if isinstance(value, float) and not np.isfinite(value):
        return {"float": str(float(value))}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return inner(value.item())
    if isinstance(value, np.ndarray) and value.dtype != object:
        arrays[name := f"a{len(arrays)}"] = value
        return {"array": name}
    if isinstance(value, np.ndarray):
        return {"objects": [inner(one) for one in value.ravel()], "shape": list(value.shape)}
    if type(value) is list:
        return [inner(one) for one in value]
    if type(value) in (tuple, set):
        return {type(value).__name__: [inner(one) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[inner(key), inner(one)] for key, one in value.items()]}
    if type(value) is slice:
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return {"dtype" if isinstance(value, np.dtype) else "scalar": np.dtype(value).str}
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name.startswith("lightgbm") and kind.__name__ == "Booster":
        path = folder / f"booster{len(list(folder.iterdir()))}.txt"
        path.write_text(value.model_to_string(), encoding="utf-8")
        return {"lightgbm": path.name}
    if name.startswith("catboost"):
        path = folder / f"booster{len(list(folder.iterdir()))}.cbm"
        value.save_model(str(path))
        return {"catboost": path.name}
    if name.startswith(PACKAGES) and hasattr(value, "__dict__"):
        return {"object": name, "state": {key: inner(one) for key, one in vars(value).items()}}
    raise TypeError(f"A classifier with a {name} in it cannot be saved without pickle.")


def _decoded(tree, folder, arrays):
    """Return the value of :func:`_encoded`; of classes, only those of :data:`PACKAGES` are made."""

    def inner(one):
        return _decoded(one, folder, arrays)

    if isinstance(tree, list):
        return [inner(one) for one in tree]
    if not isinstance(tree, dict):
        return tree
    kind, held = next(iter(tree.items()))
    if kind == "array":
        return arrays[held]
    if kind == "objects":
        values = np.empty(len(held), dtype=object)
        values[:] = [inner(one) for one in held]
        return values.reshape(tree["shape"])
    if kind == "dict":
        return {inner(key): inner(one) for key, one in held}
    if kind in ("tuple", "set"):
        return (tuple if kind == "tuple" else set)(inner(one) for one in held)
    if kind in ("slice", "float"):
        return slice(*held) if kind == "slice" else float(held)
    if kind in ("dtype", "scalar"):
        return np.dtype(held) if kind == "dtype" else np.dtype(held).type
    if kind == "lightgbm":
        from lightgbm import Booster

        return Booster(model_str=(folder / held).read_text(encoding="utf-8"))
    if kind == "catboost":
        from catboost import CatBoostClassifier

        return CatBoostClassifier().load_model(str(folder / held))
    module, _, name = held.rpartition(".")
    if not held.startswith(PACKAGES):
        raise ValueError(f"{folder / TREE} asks for {held}, which no model holds.")
    made = object.__new__(getattr(import_module(module), name))
    vars(made).update({key: inner(one) for key, one in tree["state"].items()})
    return made
