"""The same comparison on several real sets: suites, and the published recipes on tables of three classes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from airq.io import check_replaceable, check_writable, write_json
from airq.messages import versions
from airq.report.words import markdown_table
from imbalance.comparison.compare import StrategyFailed, compare
from imbalance.comparison.report import COLUMNS, headed_cells, write_comparison, write_tables
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
from imbalance.metrics import corrected_t_interval
from imbalance.resampling import TooFewRows

#: Column of the table of a suite -> heading and format.
HEADINGS = {
    "model": ("model", "s"), "rows": ("rows", "s"), "ending": ("probabilities", "s"),
    "families": ("families", "d"), "sets": ("sets", "d"), "vs_none": ("difference to none", "+.3f"),
    "low": ("95 % low", "+.3f"), "high": ("high", "+.3f"), "families_below": ("below none", "d"),
    "vs_rows": ("difference to rows as they are", "+.3f"), "rows_low": ("95 % low", "+.3f"),
    "rows_high": ("high", "+.3f"),
}  # fmt: skip
CAPTION = (
    "difference to none: log loss minus that of the same model with nothing done to rows or probabilities "
    "[nats], mean over families, each the mean of its sets, with a t interval over families, each for "
    "itself; below none: families with a mean below 0; difference to rows as they are: minus that of the "
    "same model with the same done to the probabilities, and nothing to the rows."
)


@dataclass
class SuiteResult:
    """What comparisons on several sets found.

    `table` has a row per model, rows and ending over all sets, or of the published recipes one per set,
    recipe and ending, see `headings`; `sets`, of a suite, the tables of all sets. [nats]
    """

    table: pd.DataFrame
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    sets: pd.DataFrame | None = None
    headings: dict = field(default_factory=lambda: HEADINGS)

    def cells(self):
        """Return headings and cells of the table as text."""
        return headed_cells(self.table, self.headings)


def compare_suite(suite, *, out, target="balanced", cv=5, repeats=2, seed=0, advance=None, **options):
    """Compare on every set of a suite; a folder a set, which an interrupted run goes on with."""
    if target not in ("balanced", "training"):
        raise ValueError("Sets of a suite differ in classes: the target must be balanced or training.")
    tables, findings, notes, names = [], [], [], suite_names(suite)
    folds = {"cv": cv, "repeats": repeats, "seed": seed}
    settings = {"what": "suite", "target_prior": target, **folds, "versions": versions()}
    check_writable(Path(out) / "suite.json")
    claim_folder(out, settings, marker="suite.json", what="suite")
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
    return SuiteResult(suite_table(sets), [*suite_findings(sets), *findings], notes, settings, sets)


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
    return values.mean(), *corrected_t_interval(values, test_share=0)


def _losses(sets):
    """Return the log losses of sets, a row per family, set and model, a column per rows and ending. [nats]"""
    return sets.pivot_table("log_loss", ["family", "set", "model"], ["rows", "ending"], sort=False)


def _changes(losses, done, than=(AS_THEY_ARE, "raw")):
    """Return what is done, as (rows, ending), minus something else, by family: means over its sets. [nats]"""
    return (losses[done] - losses.get(than, np.nan)).groupby("family").mean().dropna()


def suite_table(sets):
    """Return a row per model, rows and ending, as :data:`HEADINGS` lists; every family counts once."""
    losses, records = _losses(sets), []
    for (model, rows, ending), part in sets.groupby(["model", "rows", "ending"], sort=False):
        own = losses.xs(model, level="model")
        gain = _changes(own, (rows, ending))
        same = [] if rows == AS_THEY_ARE else _changes(own, (rows, ending), (AS_THEY_ARE, ending))
        figures = "vs_none", "low", "high", "vs_rows", "rows_low", "rows_high"
        records.append(
            {"strategy": label(rows, ending), "model": model, "rows": rows, "ending": ending}
            | {"families": len(gain), "sets": len(part), "families_below": int((gain < 0).sum())}
            | dict(zip(figures, (*mean_interval(gain), *mean_interval(same)), strict=True))
        )
    table = pd.DataFrame(records)[["strategy", *HEADINGS]]
    return table.sort_values(["model", "vs_none"], kind="stable", ignore_index=True)


def suite_findings(sets):
    """Return sentences on all sets together: what the probabilities, the rows and the model change [nats]."""
    losses, n_families = _losses(sets), sets["family"].nunique()
    endings = list(dict.fromkeys(sets["ending"]))
    over = f"Over {n_families} {'family' if n_families == 1 else 'families'} of sets"
    words = {
        "prior": "correcting the probabilities to the target's shares",
        "calibrated": "calibrating them first, then correcting,",
    }
    said = [
        f"{over}, {words[ending]} changes the log loss by {_said(_changes(losses, (AS_THEY_ARE, ending)))} "
        "with the rows as they are."
        for ending in endings
        if ending in words and (AS_THEY_ARE, ending) in losses
    ]
    for ending in endings:
        rows = [name for name, other in losses if other == ending and name != AS_THEY_ARE]
        changes = {name: _changes(losses, (name, ending), (AS_THEY_ARE, ending)) for name in rows}
        changes = {name: change for name, change in changes.items() if len(change)}
        if not changes or ending not in _VERDICTS:
            continue
        told = ", ".join(f"{name} {_said(change)}" for name, change in changes.items())
        lower = ", ".join(name for name, change in changes.items() if mean_interval(change)[2] < 0)
        begin, helps, never = _VERDICTS[ending]
        verdict = f"{helps} ({lower})" if lower else never
        said.append(f"{begin}, what is done to the rows {verdict}. Against rows as they are: {told}.")
    best = "calibrated" if "calibrated" in endings else endings[-1]
    if sets["model"].nunique() > 1 and (AS_THEY_ARE, best) in losses:
        of_sets = losses[AS_THEY_ARE, best].groupby(["family", "set"])
        spread = (of_sets.max() - of_sets.min()).groupby("family").mean()
        said.append(
            f"The choice of the model alone moves it by {spread.mean():.3f} in the mean (worst minus best "
            f"model on each set, rows as they are, {best})."
        )
    return said


#: What is done to the probabilities -> its words, and whether what is done to the rows helps, or never does.
_VERDICTS = {
    "raw": ("With raw probabilities", "helps", "helps nowhere clearly"),
    "calibrated": (
        "Once the probabilities are calibrated and corrected", "still helps",
        "hardly matters: no interval lies below 0",
    ),
}  # fmt: skip


def _said(changes):
    mean, low, high = mean_interval(changes)
    return f"{mean:+.3f}" if np.isnan(low) else f"{mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"


def write_suite(result, folder):
    """Write `sets.csv`, `table.csv`, `.md` and `.json`, `findings.json` and `suite.json` of a suite."""
    check_replaceable(Path(folder), marker="suite.json")
    parts = [markdown_table(*result.cells()), CAPTION]
    _write_result(result, folder, parts, {"sets": result.sets, "table": result.table})
    write_json(Path(folder) / "suite.json", result.settings)


def _write_result(result, folder, parts, tables):
    """Write tables as CSV, `table.md` from parts and sentences, `table.json` and `findings.json`."""
    said = "\n".join(f"- {sentence}" for sentence in [*result.findings, *result.notes])
    text = "\n\n".join([*parts, said]) + "\n"
    write_tables(Path(folder), tables, text, result.table.to_dict("records"))
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
PUBLISHED_HEADINGS = {
    "table": ("table", "s"), "rows": ("rows", "s"), "ending": ("probabilities", "s"),
    **{name: COLUMNS[name] for name in ("log_loss", "vs_none", "ci_low", "ci_high", "mismatch")},
}  # fmt: skip


def three_classes(name, *, seed=0):
    """Return features, classes called as the published ones, and groups of a real table."""
    X, y, groups, _ = load_dataset(name)
    known, thin = TABLES[name]["classes"], TABLES[name]["thin"]
    names = dict(zip(known, CLASSES, strict=True))
    y = np.array([names.get(str(label), "" if thin else CLASSES[2]) for label in y])
    rng, rows = np.random.default_rng(seed), np.arange(len(y))
    if thin:
        largest = min(np.sum(y == CLASSES[0]), MOST_ROWS)
        counts = {c: round(largest * TRAINING_ROWS[c] / TRAINING_ROWS[CLASSES[0]]) for c in CLASSES}
        rows = np.concatenate([rng.choice(np.flatnonzero(y == c), counts[c], replace=False) for c in CLASSES])
    rows = np.sort(rows)
    return X.iloc[rows].reset_index(drop=True), y[rows], groups[rows]


def reproduce(out, *, tables=tuple(TABLES), seed=0, n_jobs=1, advance=None):
    """Run the published recipes on tables re-weighted to the published validation shares, a folder each."""
    settings = {"what": "published comparison", "seed": seed, "folds": 5, "versions": versions()}
    claim_folder(out, settings, marker="settings.json", what="reproduction")
    notes, held = [], [pd.DataFrame(columns=["strategy", "model", "wins", *PUBLISHED_HEADINGS])]
    several = compare_each(
        tables, partial(three_classes, seed=seed), out, notes, advance, target=TARGET_PRIOR,
        rows=PUBLISHED_ROWS, models="lightgbm", cv=5, repeats=1, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip
    for name, found in several:
        held.append(found.table.assign(table=name)[held[0].columns])
        settings.setdefault("classes", {})[name] = TABLES[name]["classes"]
        settings.setdefault("class_rows", {})[name] = found.settings["class_rows"]
    table = pd.concat(held[1:] or held, ignore_index=True)
    findings = published_findings(table)
    return SuiteResult(table, findings, notes, settings, headings=PUBLISHED_HEADINGS)


def published_findings(table):
    """Return whether correction helps each recipe, and whether doing nothing to the rows is then level."""
    if table.empty:
        return [recipes_in_words()]
    losses = table.pivot_table("log_loss", ["table", "rows"], "ending", sort=False)
    gains = losses["calibrated"] - losses["raw"]
    by_table = losses.groupby("table")
    spread = by_table.max() - by_table.min()
    none = losses["calibrated"].xs("as they are", level="rows") - by_table["calibrated"].min()
    known = losses["raw"].unstack("rows")  # noqa: PD010
    known = known[["drop-majority", "smote-under", "as they are"]]
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
    _write_result(result, folder, parts, {"published": recipe_table(), "table": result.table})
    held = json.loads((Path(folder) / "settings.json").read_text(encoding="utf-8"))
    write_json(Path(folder) / "settings.json", held | result.settings)
