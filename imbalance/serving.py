"""What is done with a model or its probabilities: predict, correct, watch the class shares."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from airq.io import atomic_write
from imbalance.cells import as_days, as_numbers, filled, without_formulas
from imbalance.comparison.models import MEANINGS
from imbalance.comparison.scoring import ALWAYS, FURTHER
from imbalance.comparison.strategies import ENDINGS, ROWS
from imbalance.decisions import least_cost
from imbalance.label_shift import PriorTracker
from imbalance.probability import FEWEST_ROWS, correct_prior, resolve_prior
from imbalance.reading import check_columns, parse_target_prior, read_alike

PROBABILITY, CORRECTED = "p_", "_corrected"
#: Periods that a column of dates may be cut into.
PERIODS = ("day", "week", "month", "quarter", "year")
#: A row of probabilities may miss one by so much, for rounding.
ROUNDING = 0.02


def write_rows(table, path):
    """Write a table as Parquet or CSV by the end of the name, whole or not at all; CSV without formulas."""
    with atomic_write(path) as unfinished:
        if str(path).endswith(".parquet"):
            table.to_parquet(unfinished, index=False)
        else:
            without_formulas(table).to_csv(unfinished, index=False)


def predict_rows(bundle, table, *, target=None, keep=()):
    """Return the probabilities of a model and the label of least expected cost for every row, and notes."""
    X, notes = read_alike(table, bundle.columns)
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
    """Return a table with corrected probabilities, in columns that end in ``_corrected``, beside those
    that it has."""
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
    corrected = correct_prior(values / sums[:, None], trained=trained, target=target)
    return table.assign(**{f"{name}{CORRECTED}": corrected[:, n] for n, name in enumerate(columns)})


def _numbers_of(column, name):
    """Return the probabilities of a column, checked."""
    numbers = column if pd.api.types.is_numeric_dtype(column) else as_numbers(filled(column))[0]
    wrong = np.flatnonzero(~((numbers >= 0) & (numbers <= 1)))
    if len(wrong):
        raise ValueError(
            f"Column {name!r} must hold probabilities from 0 to 1; row {wrong[0] + 1:,} has "
            f"{column.iloc[wrong[0]]!s}."
        )
    return numbers.astype("float64")


def batches(tables, by=None):
    """Cut tables, by file name, into batches by the values of a column, or by the periods of a column of
    dates."""
    if by is None:
        return tables
    parts = {}
    for file, table in tables.items():
        values = _batch_of(table, by, file)
        for name, rows in table.groupby(values, sort=False):
            parts.setdefault(name, []).append(rows)
    numbers = pd.to_numeric(pd.Series(list(parts), dtype=object), errors="coerce")
    if ":" in by and by not in next(iter(tables.values())).columns:
        parts = dict(sorted(parts.items()))
    elif numbers.notna().all():
        parts = dict(sorted(parts.items(), key=lambda item: float(item[0])))
    return {name: pd.concat(rows, ignore_index=True) for name, rows in parts.items()}


def _batch_of(table, by, file):
    """Return the batch of every row as text, missing where there is none."""
    column, colon, period = (by, "", "") if by in table.columns else by.rpartition(":")
    column, period = (column, period) if colon else (by, "")
    check_columns(table, [column], file)
    if not period:
        return filled(table[column])
    if period not in PERIODS:
        raise ValueError(f"{period!r} is no period; use one of {', '.join(PERIODS)}.")
    days = as_days(table[column])[0]
    if days is None:
        raise ValueError(f"{file}: {column!r} holds no dates that can be told, so no {period} can be made.")
    periods = pd.to_datetime(days, unit="D").dt.to_period(period[0].upper())
    return periods.astype(object).where(periods.notna(), None).map(str, na_action="ignore")


def watch_shares(bundle, parts, *, advance=None):
    """Return the class shares of batches, `PriorTracker.history_`, and notes on batches too small and
    cells not understood."""
    tracker, noted = PriorTracker(bundle.adapter, horizon=len(parts)), {}
    for done, (batch, table) in enumerate(parts.items(), start=1):
        X, said = read_alike(table, bundle.columns)
        with warnings.catch_warnings():
            # Doubts have columns of their own in the history.
            warnings.simplefilter("ignore", UserWarning)
            tracker.update(X, when=str(batch))
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


def _few(batches):
    """Name a batch, or count several and name the first."""
    if len(batches) == 1:
        return f"Batch {batches[0]}"
    return f"{len(batches):,} batches ({', '.join(batches[:3])}{', …' if len(batches) > 3 else ''})"


def share_cells(history):
    """Return headings and cells of :func:`watch_shares`, a row per batch of rows enough."""
    classes, rows = history["label"].unique().tolist(), []
    for when, part in history[history["share"].notna()].groupby("when", sort=False):
        shares = [f"{row.share:.3f} ({row.low:.3f} to {row.high:.3f})" for row in part.itertuples()]
        rows.append([when, f"{part['n_rows'].iloc[0]:,}", *shares, "ALARM" if part["alarm"].any() else ""])
    return ["batch", "rows", *(f"{name}, 95 % interval" for name in classes), "alarm"], rows


def share_findings(history, facts):
    """Return sentences on :func:`watch_shares`: which batches need a look, and how the rarest class went."""
    rarest = min(facts["training_prior"], key=facts["training_prior"].get)
    known = history[history["share"].notna() & (history["label"].astype("str") == rarest)]
    alarms, fitting = known.loc[known["alarm"], "when"].tolist(), known[~known["alarm"]]
    expected, sentences = facts["target_prior"][rarest], []
    if alarms:
        sentences.append(
            f"ALARM: other class shares alone do not explain {_counted(alarms, len(known))}. Their rows "
            "changed, too, or are of a season that training lacks: label some of them before you trust "
            "predictions there."
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
            f"The 95 % interval leaves {expected:.1%} out in {_counted(off, len(known))}: predict those with "
            "--target-prior and their own shares."
        )
    return sentences


def _counted(names, of):
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names)} of {of} batches ({shown})"


def vocabulary():
    """Return what the options of `imbalance compare` may name: records of `option, name, meaning`."""
    rows = {name: strategy.meaning for name, strategy in ROWS.items()}
    options = {"--rows": rows, "--ending": ENDINGS, "--models": MEANINGS, "--scoring": ALWAYS | FURTHER}
    return [
        {"option": option, "name": name, "meaning": f"{meaning[:1].upper()}{meaning[1:]}"}
        for option, names in options.items()
        for name, meaning in names.items()
    ]
