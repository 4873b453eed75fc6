"""The same comparison on several real sets: suites, and the published recipes on tables of three classes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from airq.io import check_replaceable, check_writable, write_json, write_text
from airq.messages import versions
from imbalance.comparison.compare import compare
from imbalance.comparison.fits import StrategyFailed
from imbalance.comparison.report import headed_cells, markdown_table, write_comparison
from imbalance.comparison.runner import claim_folder
from imbalance.comparison.strategies import AS_THEY_ARE, label
from imbalance.datasets.loading import CATALOGUE, available, install_hint, load_dataset, suite_names
from imbalance.datasets.published import (
    CLASSES,
    TARGET_PRIOR,
    TRAINING_ROWS,
    recipe_cells,
    recipe_table,
    recipes_in_words,
)
from imbalance.reading import write_csv
from imbalance.resampling import TooFewRows

#: File that makes a folder that of a suite, and says what its sets have in common.
SETTINGS_FILE = "suite.json"
#: Column of the table of a suite -> heading and format.
HEADINGS = {
    "model": ("model", "s"),
    "rows": ("rows", "s"),
    "ending": ("probabilities", "s"),
    "families": ("families", "d"),
    "sets": ("sets", "d"),
    "vs_none": ("difference to none", "+.3f"),
    "low": ("95 % low", "+.3f"),
    "high": ("high", "+.3f"),
    "families_below": ("below none", "d"),
    "vs_rows": ("difference to rows as they are", "+.3f"),
    "rows_low": ("95 % low", "+.3f"),
    "rows_high": ("high", "+.3f"),
}
CAPTION = (
    "difference to none: log loss minus that of the same model with nothing done to rows or probabilities "
    "[nats], mean over families, each the mean of its sets, with a t interval over families, each for "
    "itself; below none: families with a mean below 0; difference to rows as they are: minus that of the "
    "same model with the same done to the probabilities, and nothing to the rows."
)


@dataclass
class SuiteResult:
    """What a comparison on several sets found: the tables of all, one of all together, sentences,
    settings."""

    sets: pd.DataFrame
    table: pd.DataFrame
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    def cells(self):
        """Return headings and cells of the table as text."""
        return headed_cells(self.table, HEADINGS)


def compare_suite(suite, *, out, target="balanced", cv=5, repeats=2, seed=0, advance=None, **options):
    """Compare on every set of a suite; a folder a set, which an interrupted run goes on with."""
    if target not in ("balanced", "training"):
        raise ValueError(
            "A suite has sets with different classes: its target prior is balanced or training, not shares."
        )
    tables, findings, notes, names = [], [], [], suite_names(suite)
    folds = {"cv": cv, "repeats": repeats, "seed": seed}
    settings = {"what": "suite", "target_prior": target, **folds, "versions": versions()}
    check_writable(Path(out) / SETTINGS_FILE)
    claim_folder(out, settings, marker=SETTINGS_FILE, what="suite")
    several = compare_each(names, load_dataset, out, notes, advance, target=target, **folds, **options)
    for name, found in several:
        tables.append(found.table.assign(set=name, family=CATALOGUE[name].family))
        findings += [f"{name}: {sentence}" for sentence in found.findings]
        notes += [f"{name}: {note}" for note in found.notes]
    if not tables:
        raise ValueError(f"No set of {suite!r} can be compared on: {' '.join(notes)}")
    sets = pd.concat(tables, ignore_index=True)
    sets = sets[["set", "family", *sets.columns.drop(["set", "family"])]]
    settings |= {"suite": suite, "sets": sets["set"].unique().tolist()}
    return SuiteResult(sets, suite_table(sets), [*suite_findings(sets), *findings], notes, settings)


def compare_each(names, load, out, notes, advance=None, **options):
    """Compare on every set in its own folder; yield its name and what was found, note what is left out."""
    for place, name in enumerate(names, start=1):
        if not available(name):
            notes.append(f"Left out {name}, whose package is not installed. {install_hint()}")
            continue
        X, y, groups, *_ = load(name)
        where = f"{name} ({place} of {len(names)})"

        def tell(done, total, text="", where=where):
            if advance:
                advance(done, total, f"{where} {text}".strip())

        try:
            found = compare(X, y, groups=groups, out=Path(out) / name, title=name, advance=tell, **options)
        except (TooFewRows, StrategyFailed) as reason:
            notes.append(f"Left out {name}: {reason}")
            continue
        write_comparison(found, Path(out) / name)
        yield name, found


def mean_interval(values):
    """Return mean and 95 % t interval of independent values; the interval is missing for fewer than two."""
    values = np.asarray(values, dtype="float64")
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return (values.mean() if len(values) else np.nan), np.nan, np.nan
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def suite_table(sets):
    """Return a row per model, rows and ending, as :data:`HEADINGS` lists; every family counts once."""
    none = losses(sets, rows=AS_THEY_ARE, ending="raw")
    records = []
    for (model, rows, ending), part in sets.groupby(["model", "rows", "ending"], sort=False):
        own = part.set_index(["family", "set", "model"])["log_loss"]
        gain = (own - none).dropna().groupby("family").mean()
        same = (own - losses(sets, rows=AS_THEY_ARE, ending=ending)).dropna().groupby("family").mean()
        (vs_none, low, high), (vs_rows, rows_low, rows_high) = mean_interval(gain), mean_interval(same)
        if rows == AS_THEY_ARE:
            vs_rows = rows_low = rows_high = np.nan
        records.append(
            {
                "strategy": label(rows, ending), "model": model, "rows": rows, "ending": ending,
                "families": len(gain), "sets": len(part), "vs_none": vs_none, "low": low, "high": high,
                "families_below": int((gain < 0).sum()),
                "vs_rows": vs_rows, "rows_low": rows_low, "rows_high": rows_high,
            }
        )  # fmt: skip
    return pd.DataFrame(records).sort_values(["model", "vs_none"], kind="stable").reset_index(drop=True)


def losses(sets, *, rows, ending):
    """Return the log loss of what is done to rows and probabilities, by family, set and model."""
    part = sets[(sets["rows"] == rows) & (sets["ending"] == ending)]
    return part.set_index(["family", "set", "model"])["log_loss"]


def suite_findings(sets):
    """Return sentences on all sets together: what the probabilities, the rows and the model change [nats]."""
    endings = list(dict.fromkeys(sets["ending"]))
    none, n_families = losses(sets, rows=AS_THEY_ARE, ending="raw"), sets["family"].nunique()
    over = f"Over {n_families} {'family' if n_families == 1 else 'families'} of sets"
    said = [
        f"{over}, {_ENDING_WORDS[ending]} changes the log loss by "
        f"{_change(losses(sets, rows=AS_THEY_ARE, ending=ending) - none)} with the rows as they are."
        for ending in endings
        if ending in _ENDING_WORDS
    ]
    said += [_rows_sentence(sets, ending) for ending in endings if ending in ("raw", "calibrated")]
    best = "calibrated" if "calibrated" in endings else endings[-1]
    own = losses(sets, rows=AS_THEY_ARE, ending=best)
    spread = (
        (own.groupby(["family", "set"]).max() - own.groupby(["family", "set"]).min()).groupby("family").mean()
    )
    if sets["model"].nunique() > 1 and len(own):
        said.append(
            f"The choice of the model alone moves it by {spread.mean():.3f} in the mean (worst minus best "
            f"model on each set, rows as they are, {best})."
        )
    return [sentence for sentence in said if sentence]


_ENDING_WORDS = {
    "prior": "correcting the probabilities to the target's shares",
    "calibrated": "calibrating them first, then correcting,",
}


def _rows_sentence(sets, ending):
    """Return what is done to the rows against nothing, with the same done to the probabilities."""
    own, changes = losses(sets, rows=AS_THEY_ARE, ending=ending), {}
    for rows in sets["rows"].unique():
        change = (losses(sets, rows=rows, ending=ending) - own).dropna()
        if rows != AS_THEY_ARE and len(change):
            changes[rows] = change
    if not changes:
        return ""
    lower = [
        rows for rows, change in changes.items() if mean_interval(change.groupby("family").mean())[2] < 0
    ]
    told = ", ".join(f"{rows} {_change(change)}" for rows, change in changes.items())
    if ending == "raw":
        begin = "With raw probabilities, what is done to the rows"
        verdict = f"helps ({', '.join(lower)})" if lower else "helps nowhere clearly"
    else:
        begin = "Once the probabilities are calibrated and corrected, what is done to the rows"
        verdict = f"still helps ({', '.join(lower)})" if lower else "hardly matters: no interval lies below 0"
    return f"{begin} {verdict}. Against rows as they are: {told}."


def _change(differences):
    mean, low, high = mean_interval(differences.dropna().groupby("family").mean())
    return f"{mean:+.3f}" if np.isnan(low) else f"{mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"


def write_suite(result, folder):
    """Write `sets.csv`, `table.csv`, `.md` and `.json`, `findings.json` and `suite.json` of a suite."""
    check_replaceable(Path(folder), marker=SETTINGS_FILE)
    parts = [markdown_table(*result.cells()), CAPTION]
    write_result(result, folder, parts, {"sets.csv": result.sets, "table.csv": result.table})
    write_json(Path(folder) / SETTINGS_FILE, result.settings)


def write_result(result, folder, parts, tables):
    """Write tables as CSV, `table.md` from parts and sentences, `table.json` and `findings.json`."""
    for name, table in tables.items():
        write_csv(table, Path(folder) / name)
    said = "\n".join(f"- {sentence}" for sentence in [*result.findings, *result.notes])
    write_text(Path(folder) / "table.md", "\n\n".join([*parts, said]) + "\n")
    write_json(Path(folder) / "table.json", result.table.to_dict("records"))
    write_json(Path(folder) / "findings.json", {"findings": result.findings, "notes": result.notes})


# The published recipes

#: What is run on the real tables; weights in both readings, and each with its probabilities corrected.
PUBLISHED_ROWS = ["as they are", "drop-majority", "smote-under", "weights", "weights-target"]
#: Real tables -> the classes that stand for normal, post and pre; others are merged into the last one, or
#: left out where `thin` says that rows are drawn to the published training shares.
TABLES = {
    "page-blocks": {"classes": ("1", "2", "other"), "thin": False},
    "satimage-soils": {"classes": ("1", "3", "4"), "thin": True},
    "hpc_data": {"classes": ("VF", "F", "M"), "thin": True},
    "fars": {"classes": ("Fatal_Injury", "No_Injury", "Incapaciting_Injury"), "thin": True},
}
#: Rows at most of a table, for time.
MOST_ROWS = 8_000
#: File that makes a folder that of a reproduction.
PUBLISHED_FILE = "settings.json"
PUBLISHED_HEADINGS = {
    "table": ("table", "s"), "rows": ("rows", "s"), "ending": ("probabilities", "s"),
    "log_loss": ("log loss", ".4f"), "vs_none": ("difference to none", "+.4f"),
    "ci_low": ("95 % low", "+.4f"), "ci_high": ("high", "+.4f"), "mismatch": ("mismatch", ".3f"),
}  # fmt: skip


@dataclass
class Reproduction:
    """What the recipes do on real tables: a table with a row per set, recipe and ending [nats], and
    sentences."""

    table: pd.DataFrame
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    def cells(self):
        """Return headings and cells of the real tables as text."""
        return headed_cells(self.table, PUBLISHED_HEADINGS)


def three_classes(name, *, seed=0):
    """Return features, classes called as the published ones, and groups of a real table."""
    X, y, groups, _ = load_dataset(name)
    known, thin = TABLES[name]["classes"], TABLES[name]["thin"]
    names = dict(zip(known, CLASSES, strict=True))
    last = "" if thin else CLASSES[2]
    y = np.array([names.get(str(label), last) for label in y])
    rng, rows = np.random.default_rng(seed), np.arange(len(y))
    if thin:
        largest = min(np.sum(y == CLASSES[0]), MOST_ROWS)
        counts = {c: round(largest * TRAINING_ROWS[c] / TRAINING_ROWS[CLASSES[0]]) for c in CLASSES}
        rows = np.concatenate([rng.choice(np.flatnonzero(y == c), counts[c], replace=False) for c in CLASSES])
    rows = np.sort(rows)
    return X.iloc[rows].reset_index(drop=True), y[rows], groups[rows]


def reproduce(out, *, tables=tuple(TABLES), seed=0, n_jobs=1, advance=None):
    """Run the published recipes on real tables, re-weighted to the published validation shares, a folder
    each."""
    settings = {"what": "published comparison", "seed": seed, "folds": 5, "versions": versions()}
    claim_folder(out, settings, marker=PUBLISHED_FILE, what="reproduction")
    notes, held = [], {}
    several = compare_each(
        tables, partial(three_classes, seed=seed), out, notes, advance, target=TARGET_PRIOR,
        rows=PUBLISHED_ROWS, models="lightgbm", cv=5, repeats=1, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip
    for name, found in several:
        held[name] = found.table.assign(table=name)
        settings.setdefault("classes", {})[name] = TABLES[name]["classes"]
        settings.setdefault("class_rows", {})[name] = found.settings["class_rows"]
    table = pd.DataFrame()
    if held:
        table = pd.concat(held.values(), ignore_index=True)[
            ["strategy", "model", "wins", *PUBLISHED_HEADINGS]
        ]
    return Reproduction(table, _published_findings(table), notes, settings)


def _published_findings(table):
    """Return whether correction helps each recipe, and whether doing nothing to the rows is then level."""
    if table.empty:
        return [recipes_in_words()]
    losses = table.set_index(["table", "rows", "ending"])["log_loss"].unstack("ending")  # noqa: PD010
    gains = losses["calibrated"] - losses["raw"]
    by_table = losses.groupby("table")
    spread = by_table.max() - by_table.min()
    none = losses["calibrated"].xs("as they are", level="rows") - by_table["calibrated"].min()
    known = losses["raw"].unstack("rows")[["drop-majority", "smote-under", "as they are"]]  # noqa: PD010
    same = int((known.diff(axis=1).iloc[:, 1:] > 0).all(axis=1).sum())
    return [
        recipes_in_words(),
        f"Raw, these three rank as published on {same} of {len(none)} real tables.",
        f"On {len(none)} real tables with these shares, calibrated and corrected probabilities have a lower "
        f"log loss than raw ones in {int((gains < 0).sum())} of {len(gains)} pairs of table and recipe. The "
        f"recipes then differ by {spread['calibrated'].max():.3f} nats at most; raw, by "
        f"{spread['raw'].max():.3f}.",
        f"Rows as they are, calibrated and corrected, are at most {none.max():.3f} nats above the best "
        f"recipe, and the best themselves on {int((none == 0).sum())} of {len(none)} tables.",
    ]


def write_reproduction(result, folder):
    """Write `published.csv`, `table.csv`, `.json` and `.md`, `findings.json` and `settings.json`."""
    parts = [markdown_table(*recipe_cells())]
    parts += [markdown_table(*result.cells())] if len(result.table) else []
    write_result(result, folder, parts, {"published.csv": recipe_table(), "table.csv": result.table})
    held = json.loads((Path(folder) / PUBLISHED_FILE).read_text(encoding="utf-8"))
    write_json(Path(folder) / PUBLISHED_FILE, held | result.settings)
