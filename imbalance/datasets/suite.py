"""The same comparison on a list of real sets; sets of one source family count once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from airq.io import atomic_write, check_replaceable, check_writable, write_json, write_text
from imbalance.comparison.compare import compare_strategies
from imbalance.comparison.folds import TooFewRows
from imbalance.comparison.report import format_cell, markdown_table, write_comparison
from imbalance.comparison.runs import claim_folder, versions
from imbalance.comparison.strategies import StrategyFailed
from imbalance.comparison.summary import CORRECTED, REFERENCE
from imbalance.datasets.loading import available, install_hint, load_dataset, suite_names

#: File that makes a folder that of a suite, and says what its sets have in common.
SETTINGS_FILE = "suite.json"

#: Column of the table of a suite -> heading and format.
HEADINGS = {
    "strategy": ("strategy", "s"),
    "model": ("model", "s"),
    "families": ("families", "d"),
    "sets": ("sets", "d"),
    "vs_none": ("vs none", "+.4f"),
    "vs_none_sd": ("±", ".4f"),
    "families_below": ("below none", "d"),
    "sets_clearly_below": ("clearly below", "d"),
    "sets_clearly_above": ("clearly above", "d"),
    "rank": ("rank", ".1f"),
}
CAPTION = (
    "vs none: log loss minus that of none [nats], mean over families (±: their standard deviation), each "
    "family the mean of its sets; below none: families with a mean below 0; clearly: sets whose paired "
    "difference has a Nadeau-Bengio 95 % interval without 0, each for itself; rank by log loss, 1 the lowest."
)


@dataclass
class SuiteResult:
    """What a comparison on several sets found.

    Attributes
    ----------
    sets : DataFrame
        The tables of all sets below each other, with `set` and `family` in front.
    table : DataFrame
        A row per strategy and model: `families, sets, vs_none, vs_none_sd, families_below,
        sets_clearly_below, sets_clearly_above, rank`. [nats]
    findings, notes : list of str
        Sentences on all sets and on each, and what was left out.
    settings : dict
        Seed, folds, target prior and versions, and the sets.
    """

    sets: pd.DataFrame
    table: pd.DataFrame
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    def cells(self):
        """Headings and cells of the table as text."""
        rows = [
            [format_cell(row[name], form) for name, (_, form) in HEADINGS.items()]
            for row in self.table.to_dict("records")
        ]
        return [heading for heading, _ in HEADINGS.values()], rows


def compare_suite(
    suite, *, out, target_prior="balanced", n_splits=5, n_repeats=2, seed=0, advance=None, **options
):
    """Compare strategies on every set of a suite; a folder a set, which an interrupted run goes on with.

    Parameters
    ----------
    suite : str
        Name of a suite, or names of sets separated by commas, see
        :func:`imbalance.datasets.loading.suite_names`.
    out : str or Path
        Folder; each set gets one of its own in it.
    target_prior : {"balanced", "training"}
        Population to predict for; shares by class would not fit several sets.
    n_splits, n_repeats, seed : int
        As in :func:`imbalance.comparison.compare.compare_strategies`.
    advance : callable, optional
        Called as ``advance(done, total, text)``.
    **options
        Passed to :func:`imbalance.comparison.compare.compare_strategies`.

    Returns
    -------
    SuiteResult

    Raises
    ------
    ValueError
        If the name is unknown, if no set of the suite can be compared on, or if the folder holds a suite
        with other settings.
    FileExistsError
        If the folder holds something else.
    """
    if target_prior not in ("balanced", "training"):
        raise ValueError(
            "A suite has sets with different classes: its target prior is balanced or training, not shares."
        )
    tables, findings, notes = [], [], []
    names = suite_names(suite)
    folds = {"n_splits": n_splits, "n_repeats": n_repeats, "seed": seed}
    settings = {"what": "suite", "target_prior": target_prior, **folds, "versions": versions()}
    check_writable(Path(out) / SETTINGS_FILE)
    claim_folder(out, settings, marker=SETTINGS_FILE, what="suite")
    for place, name in enumerate(names, start=1):
        if not available(name):
            notes.append(f"Left out {name}, whose package is not installed. {install_hint()}")
            continue
        loaded = load_dataset(name)
        tell = _named(advance, f"{name} ({place} of {len(names)})")
        try:
            found = compare_strategies(
                loaded.X, loaded.y, groups=loaded.groups, out=Path(out) / name, title=name,
                target_prior=target_prior, advance=tell, **folds, **options,
            )  # fmt: skip
        except (TooFewRows, StrategyFailed) as reason:
            notes.append(f"Left out {name}: {reason}")
            continue
        write_comparison(found, Path(out) / name)
        tables.append(found.table.assign(set=name, family=loaded.facts["family"]))
        findings += [f"{name}: {sentence}" for sentence in found.findings]
        notes += [f"{name}: {note}" for note in found.notes]
    if not tables:
        raise ValueError(f"No set of {suite!r} can be compared on: {' '.join(notes)}")
    sets = pd.concat(tables, ignore_index=True)
    sets = sets[["set", "family", *sets.columns.drop(["set", "family"])]]
    table = suite_table(sets)
    settings |= {"suite": suite, "sets": sets["set"].unique().tolist()}
    return SuiteResult(sets, table, [*suite_findings(table), *findings], notes, settings)


def _named(advance, name):
    if advance is None:
        return None
    return lambda done, total, text="": advance(done, total, f"{name} {text}".strip())


def suite_table(sets):
    """One row per strategy and model over several sets, every family counted once.

    Parameters
    ----------
    sets : DataFrame
        `set, family, strategy, model, log_loss, vs_none, ci_low, ci_high` of every set. [nats]

    Returns
    -------
    DataFrame
        See :class:`SuiteResult`; the lowest mean difference of a model first.
    """
    sets = sets.assign(
        rank=sets.groupby(["set", "model"])["log_loss"].rank(),
        below=sets["ci_high"] < 0,
        above=sets["ci_low"] > 0,
    )
    rows = []
    for (strategy, model), part in sets.groupby(["strategy", "model"], sort=False):
        families = part.groupby("family")[["vs_none", "rank"]].mean()
        rows.append(
            {
                "strategy": strategy,
                "model": model,
                "families": len(families),
                "sets": len(part),
                "vs_none": families["vs_none"].mean(),
                "vs_none_sd": families["vs_none"].std(ddof=1),
                "families_below": int((families["vs_none"] < 0).sum()),
                "sets_clearly_below": int(part["below"].sum()),
                "sets_clearly_above": int(part["above"].sum()),
                "rank": families["rank"].mean(),
            }
        )
    return pd.DataFrame(rows).sort_values(["model", "vs_none"], kind="stable").reset_index(drop=True)


def suite_findings(table):
    """Sentences on all sets together, the families being the cases.

    Parameters
    ----------
    table : DataFrame
        From :func:`suite_table`.

    Returns
    -------
    list of str
        Per model: the lowest mean difference to none, which is chosen after looking and so not tested;
        and in how many families none+prior, named beforehand, is below none, with the p-value of a
        two-sided sign test where there are several.
    """
    sentences = []
    several = table["model"].nunique() > 1
    for model, part in table.groupby("model", sort=False):
        best, of = part.iloc[0], f"{model}: " if several else ""
        if best["strategy"] == REFERENCE:
            sentences.append(
                f"{of}Over {_families(best['families'])}, no strategy has a lower mean log loss than none."
            )
        else:
            sentences.append(
                f"{of}Over {_families(best['families'])}, {best['strategy']} has the lowest mean difference "
                f"to none, {best['vs_none']:+.3f} nats (chosen after looking, so not tested); it is below "
                f"none in {best['families_below']} of them."
            )
        sentences += [
            f"{of}{CORRECTED}, named beforehand, is below none in {row.families_below} of "
            f"{_families(row.families)} (mean difference {row.vs_none:+.3f} nats; "
            f"{_sign_test(int(row.families_below), int(row.families))})."
            for row in part[part["strategy"] == CORRECTED].itertuples()
        ]
    return sentences


def _families(n):
    return f"{n} {'family' if n == 1 else 'families'}"


def _sign_test(below, families):
    if families == 1:
        return "one family, so no test"
    return f"sign test p = {binomtest(below, families).pvalue:.2g}"


def write_suite(result, folder):
    """Write `sets.csv`, `table.csv`, `.md` and `.json`, `findings.json` and `suite.json` of a suite.

    Raises
    ------
    OSError
        If a file cannot be written, or if the folder is not a suite's.
    """
    folder = Path(folder)
    check_replaceable(folder, marker=SETTINGS_FILE)
    for name, table in [("sets.csv", result.sets), ("table.csv", result.table)]:
        with atomic_write(folder / name) as path:
            table.to_csv(path, index=False)
    sentences = "\n".join(f"- {sentence}" for sentence in [*result.findings, *result.notes])
    text = f"{markdown_table(*result.cells())}\n\n{CAPTION}\n\n{sentences}\n"
    write_text(folder / "table.md", text)
    write_json(folder / "table.json", result.table.to_dict("records"))
    write_json(folder / "findings.json", {"findings": result.findings, "notes": result.notes})
    write_json(folder / SETTINGS_FILE, result.settings)
