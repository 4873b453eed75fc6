"""The same comparison on a list of real sets; sets of one source family count once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from airq.io import atomic_write, check_replaceable, check_writable, write_json, write_text
from airq.messages import versions
from imbalance.cells import without_formulas
from imbalance.comparison.compare import compare
from imbalance.comparison.fits import StrategyFailed
from imbalance.comparison.report import format_cell, markdown_table, write_comparison
from imbalance.comparison.runner import claim_folder
from imbalance.comparison.strategies import AS_THEY_ARE, label
from imbalance.datasets.catalogue import CATALOGUE
from imbalance.datasets.loading import available, install_hint, load_dataset, suite_names
from imbalance.folds import TooFewRows

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


def headed_cells(table, headings):
    """Return headings and cells as text, from a mapping of columns to their headings and formats."""
    rows = [
        [format_cell(row[name], form) for name, (_, form) in headings.items()]
        for row in table.to_dict("records")
    ]
    return [heading for heading, _ in headings.values()], rows


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
        begin = f"{name} ({place} of {len(names)})"
        tell = advance and partial(_tell, advance, begin)
        try:
            found = compare(X, y, groups=groups, out=Path(out) / name, title=name, advance=tell, **options)
        except (TooFewRows, StrategyFailed) as reason:
            notes.append(f"Left out {name}: {reason}")
            continue
        write_comparison(found, Path(out) / name)
        yield name, found


def _tell(advance, begin, done, total, text=""):
    advance(done, total, f"{begin} {text}".strip())


def mean_interval(values, *, level=0.95):
    """Return mean and t interval of independent values; the interval is missing for fewer than two."""
    values = np.asarray(values, dtype="float64")
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return (values.mean() if len(values) else np.nan), np.nan, np.nan
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
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
        with atomic_write(Path(folder) / name) as path:
            without_formulas(table).to_csv(path, index=False)
    said = "\n".join(f"- {sentence}" for sentence in [*result.findings, *result.notes])
    write_text(Path(folder) / "table.md", "\n\n".join([*parts, said]) + "\n")
    write_json(Path(folder) / "table.json", result.table.to_dict("records"))
    write_json(Path(folder) / "findings.json", {"findings": result.findings, "notes": result.notes})
