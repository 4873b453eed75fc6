"""Fitted classifiers as folders without pickle, and their use: predict, correct, watch class shares."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from airq.io import atomic_folder, atomic_write, write_json
from airq.messages import versions, warn
from imbalance import reading
from imbalance.comparison.fits import ALWAYS, FURTHER
from imbalance.comparison.models import MEANINGS, choose_models, fit_row, seeded
from imbalance.comparison.problem import telling_columns, whole_groups
from imbalance.comparison.strategies import ENDINGS, ROWS, find_rows
from imbalance.decisions import cost_matrix, least_cost
from imbalance.estimators import PriorCorrectedClassifier
from imbalance.label_shift import LabelShiftAdapter, PriorTracker
from imbalance.probability import FEWEST_ROWS, correct_prior, parse_target_prior, resolve_prior

#: File that makes a folder that of a model; the other files are named in it with their hashes.
MARKER = "model.json"
TREE, ARRAYS = "classifier.json", "arrays.npz"
#: Of what else than plain values a classifier may consist.
PACKAGES = ("imbalance.", "imblearn.", "lightgbm.sklearn", "sklearn.")
#: What reading a model raises that somebody changed.
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration, BadZipFile)
#: Rows that are predicted before and after saving: equal, or nothing is saved.
ROWS_CHECKED = 100


@dataclass
class Bundle:
    """Classifier whose probabilities stand for the target, the same learner for unlabelled rows, how
    columns are read, facts, and what dates begin with and their month in each training row, by column."""

    classifier: PriorCorrectedClassifier
    adapter: LabelShiftAdapter
    columns: tuple
    facts: dict
    months: dict


def fit_bundle(
    table, *, model="logistic", rows="as they are", ending="calibrated", target="training", costs=None,
    seed=0, title="",
):  # fmt: skip
    """Fit a classifier as a row of a comparison is fitted, and one that follows other class shares."""
    classes, counts = np.unique(table.y, return_counts=True)
    names, shares = [str(label) for label in classes], counts / counts.sum()
    target = parse_target_prior(target) if isinstance(target, str) else target
    prior = resolve_prior(target, names, shares)
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
        "costs": [[*map(str, pair), cost] for pair, cost in (costs or {}).items()],
        "notes": [*table.notes, *telling_columns(table.X, table.y, groups), *said, *notes],
    }  # fmt: skip
    months = {name: (order, _months(days)) for name, (order, days) in table.dates.items()}
    return Bundle(classifier, adapter, table.columns, facts, months)


def _months(days):
    """Return the month, 1 to 12, of days since 1970; 0 where there is none."""
    return pd.to_datetime(days, unit="D").dt.month.fillna(0).to_numpy("int8")


def _forget_dates(adapter, columns):
    """Leave dates out of the test for label shift: batches of other times differ in them anyway."""
    days = [one for one in columns if one.kind == "days"]
    dates = {f"{one.name} {part}".strip() for one in days for part in ("", *one.words)}
    kept = [name not in dates for name in adapter._names]
    adapter._features = adapter._features[:, kept]
    adapter._names = [name for name in adapter._names if name not in dates]


def best_of(folder):
    """Return how to fit the best row of a comparison's folder, and how its table was read."""
    folder = Path(folder)
    try:
        table = json.loads((folder / "table.json").read_text(encoding="utf-8"))
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        best = next(row for row in table if row["ending"] != "em")
        asked = {name: best[name] for name in ("model", "rows", "ending")}
        asked["target"], names, costs = (settings[key] for key in ("target_prior", "classes", "costs"))
        rows = zip(names, costs or [], strict=bool(costs))
        pairs = {(true, told): cost for true, row in rows for told, cost in zip(names, row, strict=True)}
        asked["costs"] = {pair: cost for pair, cost in pairs.items() if pair[0] != pair[1]} or None
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{folder} holds no finished comparison of `imbalance compare`.") from None
    except (ValueError, KeyError, TypeError, StopIteration):
        raise ValueError(f"{folder}: the comparison is damaged or old; run it again.") from None
    choose_models([asked["model"]]), find_rows(asked["rows"])
    return asked, settings.get("table", {})


def save_bundle(bundle, folder, *, X):
    """Write a model as a folder, whole or not at all; one in it is replaced, if it predicts `X` as before."""
    with atomic_folder(folder, marker=MARKER) as new:
        arrays = {}
        tree = _encoded([bundle.classifier, bundle.adapter, bundle.months], new, arrays)
        write_json(new / TREE, tree)
        np.savez_compressed(new / ARRAYS, **arrays)
        files = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(new.iterdir())}
        columns = [asdict(column) for column in bundle.columns]
        write_json(new / MARKER, {**bundle.facts, "columns": columns, "files": files})
        rows = X.iloc[:ROWS_CHECKED]
        before, after = (one.classifier.predict_proba(rows) for one in (bundle, load_bundle(new)))
        if not np.array_equal(before, after):
            raise TypeError("The saved classifier does not predict as the fitted one.")


def load_bundle(folder):
    """Read a model that :func:`save_bundle` wrote; every file is verified first, none is run.

    FileNotFoundError is raised if the folder holds none, ValueError if it was changed, is damaged or of
    another version.
    """
    folder = Path(folder)
    if not (folder / MARKER).is_file():
        raise FileNotFoundError(f"{folder} holds no model (no {MARKER}); `imbalance fit` makes one.")
    try:
        facts = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        files, held = {TREE: "", ARRAYS: "", **facts["files"]}, dict(facts["versions"])
        columns = tuple(reading.Column(**{**one, "words": tuple(one["words"])}) for one in facts["columns"])
        facts["costs"], facts["classes"], facts["training_prior"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{folder / MARKER} is damaged; fit the model again.") from None
    for name, known in files.items():
        path = folder / name
        there = Path(name).name == name and path.is_file()
        if not there or sha256(path.read_bytes()).hexdigest() != known:
            raise ValueError(f"{path} is missing or was changed since it was saved; fit the model again.")
    _check_versions(folder, held)
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            arrays = dict(stored)
        tree = json.loads((folder / TREE).read_text(encoding="utf-8"))
        classifier, adapter, months = _decoded(tree, folder, arrays)
    except DAMAGE as error:
        raise ValueError(
            f"{folder} is damaged or of another version ({type(error).__name__}: {error}); "
            "fit the model again."
        ) from None
    return Bundle(classifier, adapter, columns, facts, months)


def _check_versions(folder, held):
    now = versions()
    for name in ("scikit-learn", "airq"):
        if str(held.get(name)).split(".")[:2] != now[name].split(".")[:2]:
            raise ValueError(
                f"{folder} was saved with {name} {held.get(name, 'unknown')}, and this is {now[name]}; "
                "install that version or fit the model again."
            )
    other = [name for name in ("lightgbm", "catboost") if held.get(name) != now.get(name)]
    if other:
        warn(f"{folder} was saved with another version of {', '.join(other)}.")


#: Types -> their name in JSON, what JSON can hold of a value, and how it becomes the value again.
CODECS = {
    dict: ("dict", lambda one: [list(pair) for pair in one.items()], dict),
    tuple: ("tuple", list, tuple),
    set: ("set", list, set),
    slice: ("slice", lambda one: [one.start, one.stop, one.step], lambda ends: slice(*ends)),
    np.dtype: ("dtype", lambda one: one.str, np.dtype),
    type: ("scalar", lambda one: np.dtype(one).str, lambda name: np.dtype(name).type),
    float: ("float", str, float),
}


def _encoded(value, folder, arrays):
    """Return what JSON can hold for a value; arrays go into `arrays`, boosters into files of `folder`."""

    def inner(one):
        return _encoded(one, folder, arrays)

    if isinstance(value, np.generic):
        value = value.item()
    finite = not isinstance(value, float) or np.isfinite(value)
    if value is None or (isinstance(value, bool | int | float | str) and finite):
        return value
    if type(value) is list:
        return [inner(one) for one in value]
    if isinstance(value, np.ndarray) and value.dtype != object:
        arrays[name := f"a{len(arrays)}"] = value
        return {"array": name}
    if isinstance(value, np.ndarray):
        return {"objects": [inner(one) for one in value.ravel()], "shape": list(value.shape)}
    if not isinstance(value, type) or issubclass(value, np.generic):
        for kind, (name, plain, _) in CODECS.items():
            if isinstance(value, kind):
                return {name: inner(plain(value))}
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    path = folder / f"booster{len(list(folder.iterdir()))}.txt"
    if name.startswith("lightgbm") and kind.__name__ == "Booster":
        path.write_text(value.model_to_string(), encoding="utf-8")
        return {"lightgbm": path.name}
    if name.startswith("catboost"):
        path = path.with_suffix(".cbm")
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
    for name, _, again in CODECS.values():
        if kind == name:
            return again(inner(held))
    if kind == "array":
        return arrays[held]
    if kind == "objects":
        values = np.empty(len(held), dtype=object)
        values[:] = inner(held)
        return values.reshape(tree["shape"])
    if kind == "lightgbm":
        from lightgbm import Booster

        return Booster(model_str=(folder / Path(held).name).read_text(encoding="utf-8"))
    if kind == "catboost":
        from catboost import CatBoostClassifier

        return CatBoostClassifier().load_model(str(folder / Path(held).name))
    module, _, name = held.rpartition(".")
    if not held.startswith(PACKAGES):
        raise ValueError(f"{folder / TREE} asks for {held}, which no model holds.")
    made = object.__new__(getattr(import_module(module), name))
    vars(made).update({key: inner(one) for key, one in tree["state"].items()})
    return made


# Their use

PROBABILITY, CORRECTED = "p_", "_corrected"
#: Periods that a column of dates may be cut into, and seasons that they may be compared by: their months.
PERIODS = ("day", "week", "month", "quarter", "year")
SEASONS = {"month": 1, "quarter": 3}
#: A row of probabilities may miss one by so much, for rounding.
ROUNDING = 0.02


def write_rows(table, path):
    """Write a table as Parquet or CSV by the end of the name, whole or not at all; CSV without formulas."""
    if Path(path).suffix.lower() == ".parquet":
        with atomic_write(path) as unfinished:
            table.to_parquet(unfinished, index=False)
    else:
        reading.write_csv(table, path)


def predict_rows(bundle, table, *, target=None, keep=()):
    """Return the probabilities of a model and the label of least expected cost for every row, and notes."""
    X, notes = reading.read_alike(table, bundle.columns)
    classifier, facts = bundle.classifier, bundle.facts
    if target is None:
        probabilities = classifier.predict_proba(X)
    else:
        training = facts["training_prior"]
        prior = resolve_prior(parse_target_prior(target), list(training), list(training.values()))
        probabilities = classifier.proba_for(X, prior)
    costs = {(true, told): cost for true, told, cost in facts["costs"]} or None
    rows = table[list(keep)].reset_index(drop=True) if keep else pd.DataFrame({"row": range(1, len(X) + 1)})
    names = [f"{PROBABILITY}{label}" for label in facts["classes"]]
    if own := {*names, "prediction"} & set(rows):
        raise ValueError(f"the column {min(own)!r} is what the model adds; rename it, or keep others.")
    return rows.assign(
        **dict(zip(names, probabilities.T, strict=True)),
        prediction=least_cost(probabilities, costs, np.array(facts["classes"])),
    ), notes


def correct_rows(table, columns, *, trained, target):
    """Return a table with corrected probabilities beside its own, in columns that end in ``_corrected``."""
    for what, shares in (("trained", trained), ("target", target)):
        if len(shares) != len(columns):
            raise ValueError(f"{len(columns)} columns need as many {what} shares, not {len(shares)}.")
    table = table.assign(**{name: _numbers_of(table[name], name) for name in columns})
    values = table[list(columns)].to_numpy()
    if len(columns) == 1:
        (one,), (other,) = trained, target
        if not (0 < one < 1 and 0 < other < 1):
            raise ValueError(f"The shares must lie between 0 and 1, not be {one:g} and {other:g}.")
        values = np.column_stack([values, 1 - values])
        trained, target = [one, 1 - one], [other, 1 - other]
    sums = values.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > ROUNDING)
    if len(wrong):
        raise ValueError(
            f"The probabilities of row {wrong[0] + 1:,} sum to {sums[wrong[0]]:g}, not to 1: name a column "
            "for every class."
        )
    if own := {f"{name}{CORRECTED}" for name in columns} & set(table):
        raise ValueError(f"the column {min(own)!r} is what the correction adds; rename it.")
    corrected = correct_prior(values / sums[:, None], trained=trained, target=target)
    return table.assign(**{f"{name}{CORRECTED}": corrected[:, n] for n, name in enumerate(columns)})


def _numbers_of(column, name):
    """Return the probabilities of a column, checked."""
    numbers = (
        column if pd.api.types.is_numeric_dtype(column) else reading.as_numbers(reading.filled(column))[0]
    )
    wrong = np.flatnonzero(~((numbers >= 0) & (numbers <= 1)))
    if len(wrong):
        raise ValueError(
            f"Column {name!r} must hold probabilities from 0 to 1; row {wrong[0] + 1:,} has "
            f"{column.iloc[wrong[0]]!s}."
        )
    return numbers.astype("float64")


def batches(tables, by=None):
    """Cut tables, by file name, into batches by the values of a column, or by periods of its dates."""
    if by is None:
        return tables
    parts = {}
    for file, table in tables.items():
        values = _batch_of(table, by, file)
        for name, rows in table.groupby(values, sort=False):
            parts.setdefault(name, []).append(rows)
    numbers, names = pd.to_numeric(pd.Series(list(parts), dtype=object), errors="coerce"), list(parts)
    if ":" in by and by not in next(iter(tables.values())).columns:
        names = sorted(parts)
    elif numbers.notna().all():
        names = sorted(parts, key=float)
    return {name: pd.concat(parts[name], ignore_index=True) for name in names}


def _batch_of(table, by, file):
    """Return the batch of every row as text, missing where there is none."""
    column, colon, period = (by, "", "") if by in table.columns else by.rpartition(":")
    column, period = (column, period) if colon else (by, "")
    reading.check_columns(table, [column], file)
    if not period:
        return reading.filled(table[column])
    if period not in PERIODS:
        raise ValueError(f"{period!r} is no period; use one of {', '.join(PERIODS)}.")
    days = _days(table, column, file, period)
    periods = pd.to_datetime(days, unit="D").dt.to_period(period[0].upper())
    return periods.astype(object).where(periods.notna(), None).map(str, na_action="ignore")


def _days(table, column, file, period, order=""):
    """Return the dates of a column as days since 1970."""
    days = reading.as_days(table[column], order)[0]
    if days is None:
        raise ValueError(f"{file}: {column!r} holds no dates that can be told, so no {period} can be made.")
    return days


def date_column(bundle, by=None):
    """Return the column whose dates tell the seasons: the one that `by` cuts by, or the only one."""
    known = list(bundle.months)
    cut = [name for name in known if by in (name, *(f"{name}:{period}" for period in PERIODS))]
    if not known:
        raise ValueError("The model knows no dates of its training rows: fit it on a table that has them.")
    if len(cut or known) > 1:
        raise ValueError(f"The model knows dates in {', '.join(known)}: cut by one, as in {known[0]}:month.")
    return (cut or known)[0]


def same_season(bundle, table, season, dates):
    """Return which training rows are of the months, or quarters, that a table has dates in."""
    order, trained = bundle.months[dates]
    new = _months(_days(table, dates, "The table", season, order))
    return np.isin((trained - 1) // SEASONS[season], (new[new > 0] - 1) // SEASONS[season])


def watch_shares(bundle, parts, *, season=None, dates=None, advance=None):
    """Return the class shares of batches, `PriorTracker.history_`, and notes on batches too small and
    cells not understood.

    With a `season`, a key of :data:`SEASONS`, every batch is compared with the training rows of its own ones,
    by the column `dates`; a note names those that have too few.
    """
    tracker, noted = PriorTracker(bundle.adapter, horizon=len(parts)), {}
    lack = (
        f"training has fewer than {FEWEST_ROWS} rows of a class in the same {season}, so all its rows were "
        "compared with."
    )
    for done, (batch, table) in enumerate(parts.items(), start=1):
        X, said = reading.read_alike(table, bundle.columns)
        with warnings.catch_warnings():
            # Doubts have columns of their own in the history.
            warnings.simplefilter("ignore", UserWarning)
            like = None if season is None else same_season(bundle, table, season, dates)
            tracker.update(X, when=str(batch), reference=like)
        if like is not None and tracker.history_["n_held_out"].iloc[-1] not in (0, like.sum()):
            said = [*said, lack]
        for note in said:
            noted.setdefault(note, []).append(str(batch))
        if advance:
            advance(done, len(parts), str(batch))
    history = tracker.history_
    small = history.loc[history["share"].isna(), "when"].drop_duplicates().tolist()
    notes = [f"{_few(names)}: {note}" for note, names in noted.items()]
    if small:
        have = "has" if len(small) == 1 else "have"
        notes.append(f"{_few(small)} {have} fewer than {FEWEST_ROWS} rows: too few to tell class shares.")
    return history, notes


def _few(names, of=""):
    """Name a batch, or count several, perhaps of so many, and name the first."""
    if len(names) == 1 and not of:
        return f"Batch {names[0]}"
    return f"{len(names):,}{of} batches ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def share_cells(history):
    """Return headings and cells of :func:`watch_shares`, a row per batch of rows enough."""
    classes, rows = history["label"].unique().tolist(), []
    for when, part in history[history["share"].notna()].groupby("when", sort=False):
        shares = [f"{row.share:.3f} ({row.low:.3f} to {row.high:.3f})" for row in part.itertuples()]
        rows.append([when, f"{part['n_rows'].iloc[0]:,}", *shares, "ALARM" if part["alarm"].any() else ""])
    return ["batch", "rows", *(f"{name}, 95 % interval" for name in classes), "alarm"], rows


def share_findings(history, facts, *, season=None):
    """Return sentences on :func:`watch_shares`: which batches need a look, and how the rarest class went."""
    others = "" if season else ", or differ by season (--season month compares with the same one)"
    rarest = min(facts["training_prior"], key=facts["training_prior"].get)
    known = history[history["share"].notna() & (history["label"].astype("str") == rarest)]
    alarms, fitting = known.loc[known["alarm"], "when"].tolist(), known[~known["alarm"]]
    expected, sentences, of = facts["target_prior"][rarest], [], f" of {len(known):,}"
    if alarms:
        sentences.append(
            f"ALARM: other class shares alone do not explain {_few(alarms, of)}. Their rows "
            f"changed, too{others}: label some of them before you trust predictions there."
        )
    if len(fitting):
        least, most = fitting.loc[fitting["share"].idxmin()], fitting.loc[fitting["share"].idxmax()]
        sentences.append(
            f"The share of {rarest} is estimated at {least['share']:.1%} ({least['when']}) to "
            f"{most['share']:.1%} ({most['when']}); the model predicts for {expected:.1%}."
        )
    off = fitting.loc[(fitting["low"] > expected) | (fitting["high"] < expected), "when"].tolist()
    if off:
        sentences.append(
            f"The 95 % interval leaves {expected:.1%} out in {_few(off, of)}: predict those with "
            "--target-prior and their own shares."
        )
    return sentences


def vocabulary():
    """Return what the options of `imbalance compare` may name: records of `option, name, meaning`."""
    rows = {name: strategy.meaning for name, strategy in ROWS.items()}
    options = {"--rows": rows, "--ending": ENDINGS, "--models": MEANINGS, "--scoring": ALWAYS | FURTHER}
    return [
        {"option": option, "name": name, "meaning": f"{meaning[:1].upper()}{meaning[1:]}"}
        for option, names in options.items()
        for name, meaning in names.items()
    ]
