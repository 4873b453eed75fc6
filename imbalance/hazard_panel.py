"""The rare class in a PM2.5 panel: days above a level, the places that hold them, where PM2.5 comes from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.panel import TARGET
from airq.units import PM25_UNIT
from airq.validation.schemes import PLURALS, SCHEMES
from airq.validation.splitters import MIN_TRAINING_ROWS, Fold, training_groups

#: A level must be reached by so many groups, or nothing can be said of a new one.
MIN_GROUPS = 5
N_FOLDS = 5
N_INNER = 3
#: What may be held out: schemes of :mod:`airq.validation.splitters`.
GROUPS = ("city", "site")


def hazardous_rows(panel, above):
    """Which rows have a PM2.5 above a level.

    Parameters
    ----------
    panel : DataFrame of n_rows
        A checked panel.
    above : float
        Level. [µg m⁻³]

    Returns
    -------
    numpy.ndarray of bool, shape (n_rows,)
        False where PM2.5 is missing.

    Examples
    --------
    >>> hazardous_rows(pd.DataFrame({"pm25": np.float32([55.4, 55.5, np.nan])}), 55.4).tolist()
    [False, True, False]
    """
    # In the panel's own precision: 55.4 as float32 is a little more than 55.4.
    return panel[TARGET].to_numpy(dtype="float32") > np.float32(above)


def group_by(panel, group="auto"):
    """Name of the groups that are held out: ``"city"`` or ``"site"``.

    ``"auto"`` takes cities where there are at least five and none holds more than half of the rows.

    >>> group_by(None, "site")
    'site'
    """
    if group == "auto":
        return "city" if training_groups(panel) == SCHEMES["city"].column else "site"
    if group not in GROUPS:
        raise ValueError(f"Groups are 'city' or 'site' (or 'auto'), not {group!r}.")
    return group


def check_level(panel, above, group, n_folds=N_FOLDS):
    """Refuse a level that makes no rare class of which new groups can tell anything.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    above : float
        Level. [µg m⁻³]
    group : {"city", "site"}
        What is held out.
    n_folds : int
        Number of folds; each must hold a group that reaches the level.

    Raises
    ------
    ValueError
        With the counts, and the highest level that enough groups reach.
    """
    if not np.isfinite(above) or above < 0:
        raise ValueError(f"The level must be a PM2.5 of 0 {PM25_UNIT} or more, not {above:g}.")
    if n_folds < 2:
        raise ValueError(f"At least 2 folds are needed, not {n_folds}.")
    labelled = panel[panel[TARGET].notna()]
    days = (
        pd.Series(hazardous_rows(labelled, above)).groupby(labelled[SCHEMES[group].column].to_numpy()).sum()
    )
    reach, what = int((days > 0).sum()), PLURALS[group]
    if reach < MIN_GROUPS:
        raise ValueError(_too_few(labelled, above, group, days))
    share = days.sum() / len(labelled)
    if share > 0.5:
        raise ValueError(
            f"PM2.5 is above {above:g} {PM25_UNIT} in {share:.0%} of the rows, so the class above it is not "
            f"the rare one; choose a level above the median, {labelled[TARGET].median():.1f}."
        )
    if reach < n_folds:
        raise ValueError(
            f"{reach} {what} reach {above:g} {PM25_UNIT}, fewer than the {n_folds} folds; "
            f"take at most {reach} folds."
        )


def make_hazard_folds(panel, above, group, n_folds=N_FOLDS):
    """Folds of whole groups, each with its share of the groups that reach the level.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    above : float
        Level. [µg m⁻³]
    group : {"city", "site"}
        What stays together.
    n_folds : int
        Number of folds.

    Returns
    -------
    list of airq.validation.splitters.Fold
        Groups are dealt like cards, those with most hazardous days first, so that no fold goes without.
    """
    everything = np.arange(len(panel))
    labelled = everything[panel[TARGET].notna().to_numpy()]
    return _split(panel, above, group, everything, labelled, n_folds)


def inner_folds(panel, above, group, fold):
    """The training part of a fold split once more in the same way, to choose thresholds by.

    Returns
    -------
    list of airq.validation.splitters.Fold
        At most :data:`N_INNER`; their row numbers are those of the whole panel.
    """
    return _split(panel, above, group, fold.visible, fold.train, N_INNER)


def _split(panel, above, group, visible, labelled, n_folds):
    """Folds of the labelled rows by whole groups; of `visible` rows, training sees the other groups'."""
    groups = panel[SCHEMES[group].column].to_numpy(dtype=object)
    fold_of = _dealt(groups[labelled], hazardous_rows(panel, above)[labelled], n_folds)
    folds = []
    for number in range(n_folds):
        held_out = [name for name, fold in fold_of.items() if fold == number]
        out = np.isin(groups, held_out)
        test, train = labelled[out[labelled]], labelled[~out[labelled]]
        if len(train) < MIN_TRAINING_ROWS:
            raise ValueError(
                f"Fold {number + 1} leaves {len(train)} rows to learn from; {MIN_TRAINING_ROWS} are needed."
            )
        folds.append(Fold(group, number, test, train, visible[~out[visible]]))
    return folds


def _dealt(groups, hazardous, n_folds):
    """Number of the fold of every group, dealt back and forth so that rows even out, too."""
    table = pd.DataFrame({"group": groups, "days": hazardous}).groupby("group")["days"].agg(["sum", "size"])
    order = table.sort_values(["sum", "size"], ascending=False, kind="stable").index
    there_and_back = [*range(n_folds), *reversed(range(n_folds))]
    return {name: there_and_back[place % (2 * n_folds)] for place, name in enumerate(order)}


def _too_few(labelled, above, group, days):
    """The refusal of a level that too few groups reach."""
    column, what = SCHEMES[group].column, PLURALS[group]
    highest = np.sort(labelled.groupby(column)[TARGET].max().to_numpy(dtype="float64"))[::-1]
    reach = int((days > 0).sum())
    counts = (
        f"PM2.5 exceeds {above:g} {PM25_UNIT} in {int(days.sum()):,} of {len(labelled):,} rows, in {reach} "
        f"of {len(days)} {what}; at least {MIN_GROUPS} {what} must reach the level."
    )
    if len(days) < MIN_GROUPS:
        return f"{counts} The panel has PM2.5 in {len(days)} {what} only."
    # The last tenth that still lies below the fifth-highest maximum.
    level = (np.ceil(np.round(highest[MIN_GROUPS - 1] * 10, 3)) - 1) / 10
    return (
        f"{counts} {MIN_GROUPS} {what} exceed {level:g} {PM25_UNIT}, the highest level that can be asked for."
    )
