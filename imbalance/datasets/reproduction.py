"""The published recipes on real tables of three classes, re-weighted to the published validation shares."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from airq.io import write_json
from airq.messages import versions
from imbalance.comparison.report import markdown_table
from imbalance.comparison.runner import claim_folder
from imbalance.datasets.loading import load_dataset
from imbalance.datasets.published import (
    CLASSES,
    TARGET_PRIOR,
    TRAINING_ROWS,
    recipe_cells,
    recipe_table,
    recipes_in_words,
)
from imbalance.datasets.suite import compare_each, headed_cells, write_result

#: What is run on the real tables; weights in both readings, and each with its probabilities corrected.
ROWS = ("as they are", "drop-majority", "smote-under", "weights", "weights-target")
ENDINGS = ("raw", "prior", "calibrated")
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
SETTINGS_FILE = "settings.json"
HEADINGS = {
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
        return headed_cells(self.table, HEADINGS)


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
    claim_folder(out, settings, marker=SETTINGS_FILE, what="reproduction")
    notes, held = [], {}
    several = compare_each(
        tables, partial(three_classes, seed=seed), out, notes, advance, target=TARGET_PRIOR, rows=list(ROWS),
        models="lightgbm", ending=list(ENDINGS), cv=5, repeats=1, seed=seed, n_jobs=n_jobs,
    )  # fmt: skip
    for name, found in several:
        held[name] = found.table.assign(table=name)
        settings.setdefault("classes", {})[name] = TABLES[name]["classes"]
        settings.setdefault("class_rows", {})[name] = found.settings["class_rows"]
    table = pd.DataFrame()
    if held:
        table = pd.concat(held.values(), ignore_index=True)[["strategy", "model", "wins", *HEADINGS]]
    return Reproduction(table, _findings(table), notes, settings)


def _findings(table):
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
    held = json.loads((Path(folder) / SETTINGS_FILE).read_text(encoding="utf-8"))
    write_json(Path(folder) / SETTINGS_FILE, held | result.settings)
