"""The published comparison of four recipes, what explains it, and the same recipes on real tables.

J. Whitaker, In Brief: Playing with Class Imbalance, 2021: three classes of clock drawings, 31,208, 1,149 and
420 training rows, which are private, and a validation set with class shares of about .749, .171 and .080.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from airq.io import atomic_write, write_json, write_text
from imbalance.cells import without_formulas
from imbalance.comparison.compare import compare
from imbalance.comparison.report import format_cell, markdown_table, write_comparison
from imbalance.comparison.runs import claim_folder, versions
from imbalance.comparison.strategies import find_rows
from imbalance.datasets.loading import available, install_hint, load_dataset
from imbalance.datasets.suite import prefixed
from imbalance.probability import kl_divergence
from imbalance.resampling import resample

CLASSES = ("normal", "post_alzheimer", "pre_alzheimer")
TRAINING_ROWS = dict(zip(CLASSES, (31208, 1149, 420), strict=True))
TARGET_PRIOR = dict(zip(CLASSES, (0.749, 0.171, 0.080), strict=True))
#: Recipe, what it does to the rows here, and its log loss on the private validation rows. [nats]
PUBLISHED = (
    ("drop 5/6 of the largest class", "drop-majority", 0.556998),
    ("row weights in CatBoost, not told which", "", 0.559395),
    ("SMOTE, then under-sampling", "smote-under", 0.579939),
    ("nothing", "as they are", 0.674555),
)
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
MOST_ROWS = 15_000
SETTINGS_FILE = "settings.json"
HEADINGS = {
    "table": ("table", "s"), "rows": ("rows", "s"), "ending": ("probabilities", "s"),
    "log_loss": ("log loss", ".4f"), "vs_none": ("difference to none", "+.4f"),
    "ci_low": ("95 % low", "+.4f"), "ci_high": ("high", "+.4f"), "mismatch": ("mismatch", ".3f"),
}  # fmt: skip


@dataclass
class Reproduction:
    """The published figures beside those on real tables.

    Attributes
    ----------
    published : DataFrame
        From :func:`recipe_table`.
    table : DataFrame
        `table, rows, ending, log_loss, vs_none, ci_low, ci_high, mismatch`: a row per real table and recipe.
        [nats]
    findings, notes : list of str
        What the figures support, and which tables are not here.
    settings : dict
        Folds, seed, versions, classes and rows of every table.
    """

    published: pd.DataFrame
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    def cells(self):
        """Headings and cells of the real tables as text."""
        records = self.table.to_dict("records")
        rows = [[format_cell(row[name], form) for name, (_, form) in HEADINGS.items()] for row in records]
        return [heading for heading, _ in HEADINGS.values()], rows

    def published_cells(self):
        """Headings and cells of the published figures as text."""
        rows = [
            [row["recipe"], f"{row['published']:.6f}",
             "not told" if np.isnan(row["mismatch"]) else " / ".join(f"{row[name]:.3f}" for name in CLASSES),
             format_cell(row["mismatch"], ".3f")]
            for row in self.published.to_dict("records")
        ]  # fmt: skip
        return ["recipe", "log loss [nats]", "class shares trained on", "mismatch [nats]"], rows


def recipe_table():
    """Return the published log losses, the class shares that each recipe trains on, and their mismatch.

    Returns
    -------
    DataFrame
        `recipe, rows, published`, a share for every class, and `mismatch`: the Kullback-Leibler divergence
        of these shares from the validation shares. [nats]

    Examples
    --------
    >>> recipe_table().set_index("rows")["mismatch"].round(3).drop("").to_dict()
    {'drop-majority': 0.003, 'smote-under': 0.133, 'as they are': 0.238}
    """
    records = []
    for recipe, rows, published in PUBLISHED:
        shares = trained_shares(rows) if rows else [np.nan] * 3
        mismatch = kl_divergence(list(TARGET_PRIOR.values()), shares) if rows else np.nan
        shares = dict(zip(CLASSES, shares, strict=True))
        records.append(
            {"recipe": recipe, "rows": rows, "published": published} | shares | {"mismatch": mismatch}
        )
    return pd.DataFrame(records)


def trained_shares(rows):
    """Return the class shares of the published training rows after a recipe, as its samplers count them.

    >>> [round(share, 3) for share in trained_shares("drop-majority")]
    [0.768, 0.17, 0.062]
    """
    y = np.repeat(CLASSES, list(TRAINING_ROWS.values()))
    samplers = find_rows(rows).sampler or ()
    samplers = samplers if isinstance(samplers, tuple) else (samplers,)
    features = np.random.default_rng(0).normal(size=(len(y), 1))
    y = resample(samplers, features, y, seeds=[0] * len(samplers))[1]
    return [float(np.mean(y == name)) for name in CLASSES]


def recipes_in_words():
    """Return what the published figures say by themselves, in two sentences."""
    table = recipe_table().dropna().sort_values("mismatch")
    steps = ", ".join(f"{row.mismatch:.3f} ({row.published:.3f})" for row in table.itertuples())
    return (
        "The three recipes whose class shares are known rank by how far these are from the validation "
        f"shares: mismatch (log loss) {steps}. So the published order needs no better "
        "learning, only better shares: these can be corrected after the fit, which the post did not try."
    )


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
    table = pd.concat(parts)[list(HEADINGS)].reset_index(drop=True) if parts else pd.DataFrame()
    settings |= {"classes": {name: TABLES[name]["classes"] for name in rows}, "class_rows": rows}
    return Reproduction(recipe_table(), table, _findings(table), notes, settings)


def _findings(table):
    """Whether correction helps each recipe, and whether doing nothing to the rows is then level."""
    if table.empty:
        return [recipes_in_words()]
    losses = table.set_index(["table", "rows", "ending"])["log_loss"].unstack("ending")  # noqa: PD010
    gains = losses["calibrated"] - losses["raw"]
    by_table = losses.groupby("table")
    spread = by_table.max() - by_table.min()
    none = losses["calibrated"].xs("as they are", level="rows") - by_table["calibrated"].min()
    return [
        recipes_in_words(),
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
    for name, table in (("published.csv", result.published), ("table.csv", result.table)):
        with atomic_write(folder / name) as path:
            without_formulas(table).to_csv(path, index=False)
    write_json(folder / "table.json", result.table.to_dict("records"))
    parts = [markdown_table(*result.published_cells())]
    parts += [markdown_table(*result.cells())] if len(result.table) else []
    said = "\n".join(f"- {sentence}" for sentence in [*result.findings, *result.notes])
    write_text(folder / "table.md", "\n\n".join([*parts, said]) + "\n")
    write_json(folder / "findings.json", {"findings": result.findings, "notes": result.notes})
    held = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    write_json(folder / SETTINGS_FILE, held | result.settings)
