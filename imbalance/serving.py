"""What is done with probabilities that somebody has: predict with a model, correct, watch the class shares."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from airq.io import atomic_write
from imbalance.cells import as_days, as_numbers, filled, without_formulas
from imbalance.comparison.problem import parse_target_prior
from imbalance.decisions import least_cost
from imbalance.probability import correct_prior, mean_corrected, resolve_prior
from imbalance.reading import check_columns, read_alike

PROBABILITY, CORRECTED = "p_", "_corrected"
#: Periods that a column of dates may be cut into.
PERIODS = ("day", "week", "month", "quarter", "year")
#: Fewer rows say nothing about class shares.
FEWEST_ROWS = 10
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
    """Return the probabilities of a model and the label of least expected cost for every row of a table.

    Parameters
    ----------
    bundle : imbalance.bundle.Bundle
        From :func:`imbalance.bundle.load_bundle`.
    table : DataFrame
        From :func:`imbalance.reading.read_rows`.
    target : str, optional
        Class shares to predict for; those that the model was fitted for if None.
    keep : sequence of str
        Columns of the table that stand in front.

    Returns
    -------
    rows : DataFrame
        `keep` or `row`, counted from 1; `p_CLASS` for every class; `prediction`.
    notes : list of str
        Cells that were not understood.
    """
    X, notes = read_alike(table, bundle.columns)
    classifier, facts = bundle.classifier, bundle.facts
    prior = _target(facts, target)
    probabilities = _probabilities(classifier, X, prior)
    costs = {(true, told): cost for true, told, cost in facts["costs"]} or None
    rows = table[list(keep)].reset_index(drop=True) if keep else pd.DataFrame({"row": range(1, len(X) + 1)})
    names = [f"{PROBABILITY}{label}" for label in facts["classes"]]
    return rows.assign(
        **dict(zip(names, probabilities.T, strict=True)),
        prediction=least_cost(probabilities, costs, np.array(facts["classes"])),
    ), notes


def _target(facts, target):
    names = [str(label) for label in facts["classes"]]
    if target is None:
        return np.array([facts["target_prior"][name] for name in names])
    training = [facts["training_prior"][name] for name in names]
    return resolve_prior(parse_target_prior(target), names, training)


def _probabilities(classifier, X, prior):
    own, classifier.prior_ = classifier.prior_, prior
    try:
        return classifier.predict_proba(X)
    finally:
        classifier.prior_ = own


def correct_rows(table, columns, *, trained, target):
    """Return a table with corrected probabilities beside those that it has.

    Parameters
    ----------
    table : DataFrame
        From :func:`imbalance.reading.read_rows`.
    columns : sequence of str
        The probabilities of the classes, in the order of the shares; or one of two classes.
    trained, target : sequence of float
        Class shares that the probabilities stand for, and those to predict for. For one column, the share of
        its class.

    Returns
    -------
    DataFrame
        The columns end in ``_corrected``.

    Raises
    ------
    ValueError
        If a cell is no probability, a row does not sum to one, or the numbers of shares and columns differ.

    Examples
    --------
    >>> table = pd.DataFrame({"case": ["A"], "p": [0.5]})
    >>> correct_rows(table, ["p"], trained=[0.5], target=[0.05])["p_corrected"].tolist()
    [0.05]
    """
    for what, shares in (("trained", trained), ("target", target)):
        if len(shares) != len(columns):
            raise ValueError(f"{len(columns)} columns need as many {what} shares, not {len(shares)}.")
    values = np.column_stack([_numbers_of(table[name], name) for name in columns])
    if len(columns) == 1:
        (one,), (other,) = trained, target
        values, trained, target = np.column_stack([values, 1 - values]), [one, 1 - one], [other, 1 - other]
    sums = values.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > ROUNDING)
    if len(wrong):
        raise ValueError(
            f"The probabilities of row {wrong[0] + 1:,} sum to {sums[wrong[0]]:g}, not to 1: name a column for "
            "every class."
        )
    corrected = correct_prior(values / sums[:, None], trained=trained, target=target)
    return table.assign(**{f"{name}{CORRECTED}": corrected[:, n] for n, name in enumerate(columns)})


def _numbers_of(column, name):
    """Probabilities of a column, checked."""
    numbers = column if pd.api.types.is_numeric_dtype(column) else as_numbers(filled(column))[0]
    wrong = np.flatnonzero(~((numbers >= 0) & (numbers <= 1)))
    if len(wrong):
        raise ValueError(
            f"Column {name!r} must hold probabilities from 0 to 1; row {wrong[0] + 1:,} has "
            f"{column.iloc[wrong[0]]!r}."
        )
    return numbers.to_numpy("float64")
