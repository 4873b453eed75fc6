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
from imbalance.label_shift import ALL_COMPARED, LabelShiftAdapter, PriorTracker
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
    """Classifier whose probabilities stand for the target, the same learner for unlabelled rows, how columns
    are read, facts, and of its columns of dates the order and the month of every training row."""

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
    months = {
        # 0 where there is no date.
        name: (order, pd.to_datetime(days, unit="D").dt.month.fillna(0).to_numpy("int8"))
        for name, (order, days) in table.dates.items()
    }
    return Bundle(classifier, adapter, table.columns, facts, months)


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
        # Models of earlier versions hold no months.
        classifier, adapter, *months = _decoded(tree, folder, arrays)
    except DAMAGE as error:
        raise ValueError(
            f"{folder} is damaged or of another version ({type(error).__name__}: {error}); "
            "fit the model again."
        ) from None
    return Bundle(classifier, adapter, columns, facts, *(months or [{}]))


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
#: An interval of a share as wide as this tells nothing of it.
WIDE = 0.5
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


def batches(tables, by=None, *, dates=None, months=None):
    """Cut tables, by file name, into batches by the values of a column, or by periods of its dates.

    The column `dates`, and the one that is cut by periods, are read first; `months` are those of a
    :class:`Bundle`, whose order is that of dates that do not tell theirs.
    """
    first = next(iter(tables.values()))
    column, _, period = (by or "").rpartition(":") if by not in first.columns else ("", "", "")
    if period and column and period not in PERIODS:
        raise ValueError(f"{period!r} is no period; use one of {', '.join(PERIODS)}.")
    for name in dict.fromkeys(filter(None, [column, dates])):
        order = (months or {}).get(name, ("",))[0]
        for file, table in tables.items():
            reading.check_columns(table, [name], file)
        tables = {
            file: table.assign(**{name: reading.read_days(table[name], file, order=order)})
            for file, table in tables.items()
        }
    if by is None:
        return tables
    parts = {}
    for file, table in tables.items():
        for name, rows in table.groupby(_batch_of(table, by, column, period, file), sort=False):
            parts.setdefault(name, []).append(rows)
    numbers, names = pd.to_numeric(pd.Series(list(parts), dtype=object), errors="coerce"), list(parts)
    if column:
        names = sorted(parts)
    elif numbers.notna().all():
        names = sorted(parts, key=float)
    return {name: pd.concat(parts[name], ignore_index=True) for name in names}


def _batch_of(table, by, dates, period, file):
    """Return the batch of every row as text, missing where there is none."""
    if not dates:
        reading.check_columns(table, [by], file)
        return reading.filled(table[by])
    periods = table[dates].dt.to_period(period[0].upper())
    return periods.astype(object).where(periods.notna(), None).map(str, na_action="ignore")


def season_of(bundle, text, by=None):
    """Return the column of dates that tells seasons, and the season, a key of :data:`SEASONS`.

    `text` is a season, or column and season as in ``when:month``. By default the column is the one that `by`
    cuts by, or the only one that the model knows.
    """
    column, _, season = text.rpartition(":")
    known = list(bundle.months)
    cut = [name for name in known if by in (name, *(f"{name}:{period}" for period in PERIODS))]
    if not known:
        raise ValueError(
            "The model knows no dates of its training rows: fit it on a table with a column of which every "
            "cell is a date."
        )
    if column and column not in known:
        raise ValueError(f"The model knows dates in {', '.join(known)}, not in {column!r}.")
    found = [column] if column else cut or known
    if len(found) > 1:
        raise ValueError(f"The model knows dates in {', '.join(known)}: name one, as in {known[0]}:{season}.")
    return found[0], season


def same_season(bundle, dates, season, times):
    """Return which training rows are of the months, or quarters, of some times, none of them missing."""
    months, width = bundle.months[dates][1], SEASONS[season]
    return np.isin((months - 1) // width, (times.dt.month.unique() - 1) // width)


def watch_shares(bundle, parts, *, season=None, dates=None, advance=None):
    """Return the class shares of batches, `PriorTracker.history_`, and notes on batches too small and
    cells not understood.

    With a `season`, a key of :data:`SEASONS`, every batch is compared with the training rows of its own ones,
    by the times in its column `dates`; notes name those that have too few, and those without a date.
    """
    if not hasattr(bundle.adapter, "_reference"):
        raise ValueError("The model was fitted by an earlier version, which predicts only; fit it again.")
    if season and not any(table[dates].notna().any() for table in parts.values()):
        raise ValueError(f"No row has a date in {dates!r}, so there is no {season} to compare by.")
    tracker, noted = PriorTracker(bundle.adapter, horizon=len(parts)), {}
    for done, (batch, table) in enumerate(parts.items(), start=1):
        X, said = reading.read_alike(table, bundle.columns)
        like, times = None, table[dates].dropna() if season else ()
        if len(times):
            like = same_season(bundle, dates, season, times)
        with warnings.catch_warnings():
            # Doubts have columns of their own in the history.
            warnings.simplefilter("ignore", UserWarning)
            tracker.update(X, when=str(batch), reference=like)
        if season:
            said = [*said, *_about_season(season, dates, len(table) - len(times), len(table), tracker)]
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


def _about_season(season, dates, n_undated, n_rows, tracker):
    """Return notes on the season of the latest batch: rows without a date, too few in training."""
    if n_undated == n_rows:
        return [f"no row has a date in {dates!r}, so all rows of training were compared with."]
    notes = [f"{n_undated:,} rows have no date in {dates!r}; the others tell the {season}."] * (n_undated > 0)
    if ALL_COMPARED in tracker.history_["reason"].iloc[-1]:
        notes.append(
            f"training has fewer than {FEWEST_ROWS} rows of a class in the same {season}, so all its rows "
            "were compared with."
        )
    return notes


def _few(names, n_all=None):
    """Name a batch, or count several, perhaps of so many, and name the first."""
    if len(names) == 1 and n_all in (None, 1):
        return f"Batch {names[0]}"
    of = "" if n_all is None else f" of {n_all:,}"
    return f"{len(names):,}{of} batches ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def share_cells(history):
    """Return headings and cells of :func:`watch_shares`, a row per batch of rows enough."""
    classes, rows = history["label"].unique().tolist(), []
    for when, part in history[history["share"].notna()].groupby("when", sort=False):
        shares = [f"{row.share:.3f} ({row.low:.3f} to {row.high:.3f})" for row in part.itertuples()]
        rows.append([when, f"{part['n_rows'].iloc[0]:,}", *shares, "ALARM" if part["alarm"].any() else ""])
    return ["batch", "rows", *(f"{name}, 95 % interval" for name in classes), "alarm"], rows


def share_findings(history, bundle, *, season=None):
    """Return sentences on :func:`watch_shares`: which batches need a look, and how the rarest class went."""
    training, target = (bundle.facts[name] for name in ("training_prior", "target_prior"))
    rarest = min(training, key=training.get)
    known = history[history["share"].notna() & (history["label"].astype("str") == rarest)]
    alarmed, fitting = known[known["alarm"]], known[~known["alarm"]]
    expected, sentences, n_all = target[rarest], [], len(known)
    if len(alarmed):
        others = ""
        if season and alarmed["reason"].str.contains(ALL_COMPARED, regex=False).any():
            others = f", or are of a {season} of which training has too few rows"
        elif not season and bundle.months:
            others = ", or differ by season (--season month compares with the same season)"
        sentences.append(
            "ALARM: other class shares alone do not explain "
            f"{_few(alarmed['when'].tolist(), n_all)}. Their rows changed, too{others}: label some of them "
            "before you trust predictions there."
        )
    told = fitting[fitting["high"] - fitting["low"] <= WIDE]
    if len(told):
        least, most = told.loc[told["share"].idxmin()], told.loc[told["share"].idxmax()]
        ends = [f"{one['share']:.1%} ({one['when']})" for one in (least, most)]
        sentences.append(
            f"The share of {rarest} is estimated at {' to '.join(dict.fromkeys(ends))}; the model predicts "
            f"for {expected:.1%}."
        )
    off = fitting.loc[(fitting["low"] > expected) | (fitting["high"] < expected), "when"].tolist()
    if off:
        sentences.append(
            f"The 95 % interval leaves {expected:.1%} out in {_few(off, n_all)}: predict those with "
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
