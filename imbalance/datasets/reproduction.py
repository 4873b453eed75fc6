"""The published recipes on real tables of three classes, re-weighted to the published validation shares."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from airq.io import atomic_write, write_json, write_text
from imbalance.cells import without_formulas
from imbalance.comparison.compare import compare
from imbalance.comparison.report import markdown_table, write_comparison
from imbalance.comparison.runner import claim_folder, versions
from imbalance.datasets.loading import available, install_hint, load_dataset
from imbalance.datasets.published import (
    CLASSES,
    TARGET_PRIOR,
    TRAINING_ROWS,
    recipe_cells,
    recipe_table,
    recipes_in_words,
)
from imbalance.datasets.suite import headed_cells, prefixed

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
    """What the recipes do on real tables.

    Attributes
    ----------
    table : DataFrame
        `strategy, model, wins, table, rows, ending, log_loss, vs_none, ci_low, ci_high, mismatch`: a row per
        real table, recipe and ending. [nats]
    findings, notes : list of str
        What the figures support, and which tables are not here.
    settings : dict
        Folds, seed, versions, classes and rows of every table.
    """

    table: pd.DataFrame
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    def cells(self):
        """Headings and cells of the real tables as text."""
        return headed_cells(self.table, HEADINGS)


def three_classes(name, *, seed=0):
    """Return a real table with three classes called as the published ones.

    Parameters
    ----------
    name : str
        A key of :data:`TABLES`.
    seed : int
        Of the rows that are drawn.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
    y : numpy.ndarray of str, shape (n_samples,)
    groups : numpy.ndarray of shape (n_samples,)
        Equal rows share one.
    """
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
    """Run the published recipes on real tables, re-weighted to the published validation shares.

    Parameters
    ----------
    out : str or Path
        Folder; each table gets one of its own in it, with which an interrupted run goes on.
    tables : sequence of str
        Of :data:`TABLES`; those whose package is not installed are left out with a note.
    seed, n_jobs, advance
        As for :func:`imbalance.comparison.compare.compare`.

    Returns
    -------
    Reproduction

    Raises
    ------
    FileExistsError, ValueError
        If the folder holds something else, or a run with other settings.
    """
    settings = {"what": "published comparison", "seed": seed, "folds": 5, "versions": versions()}
    claim_folder(out, settings, marker=SETTINGS_FILE, what="reproduction")
    parts, notes, rows = [], [], {}
    for place, name in enumerate(tables, start=1):
        if not available(name):
            notes.append(f"Left out {name}, whose package is not installed. {install_hint()}")
            continue
        X, y, groups = three_classes(name, seed=seed)
        found = compare(
            X, y, groups=groups, target=TARGET_PRIOR, models="lightgbm", rows=list(ROWS),
            ending=list(ENDINGS), cv=5, repeats=1, seed=seed, n_jobs=n_jobs, out=Path(out) / name, title=name,
            advance=prefixed(advance, f"{name} ({place} of {len(tables)})"),
        )  # fmt: skip
        write_comparison(found, Path(out) / name)
        parts.append(found.table.assign(table=name))
        rows[name] = dict(zip(*(one.tolist() for one in np.unique(y, return_counts=True)), strict=True))
    table = (
        pd.concat(parts)[["strategy", "model", "wins", *HEADINGS]].reset_index(drop=True)
        if parts
        else pd.DataFrame()
    )
    settings |= {"classes": {name: TABLES[name]["classes"] for name in rows}, "class_rows": rows}
    return Reproduction(table, _findings(table), notes, settings)


def _findings(table):
    """Whether correction helps each recipe, and whether doing nothing to the rows is then level."""
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
    folder = Path(folder)
    for name, table in (("published.csv", recipe_table()), ("table.csv", result.table)):
        with atomic_write(folder / name) as path:
            without_formulas(table).to_csv(path, index=False)
    write_json(folder / "table.json", result.table.to_dict("records"))
    parts = [markdown_table(*recipe_cells())]
    parts += [markdown_table(*result.cells())] if len(result.table) else []
    said = "\n".join(f"- {sentence}" for sentence in [*result.findings, *result.notes])
    write_text(folder / "table.md", "\n\n".join([*parts, said]) + "\n")
    write_json(folder / "findings.json", {"findings": result.findings, "notes": result.notes})
    held = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    write_json(folder / SETTINGS_FILE, held | result.settings)
