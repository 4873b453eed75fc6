"""Fits on the folds of hazardous days: every method, on the training rows and on their inner folds."""

from __future__ import annotations

from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd

from airq.models.folds import Fold
from airq.panel import TARGET
from imbalance.hazard_panel import (
    GROUP_COLUMNS,
    N_FOLDS,
    features_of,
    hazardous_rows,
    inner_folds,
    make_hazard_folds,
    recipe_for,
)
from imbalance.runs import killed_in_one_line


@dataclass
class HeldOut:
    """Scores that methods gave to the rows of one fold, and to its training rows from inner folds.

    Attributes
    ----------
    fold : airq.models.folds.Fold
        Whose rows.
    inner_rows : numpy.ndarray of int
        Training rows of the panel, in the order of the inner scores.
    inner, outer : dict of str to numpy.ndarray
        Method -> scores of `inner_rows` and of ``fold.test``.
    """

    fold: Fold
    inner_rows: np.ndarray
    inner: dict
    outer: dict


def held_out_scores(
    panel,
    above,
    methods,
    *,
    group="site",
    n_folds=N_FOLDS,
    recipe="retrospective",
    seed=0,
    n_jobs=1,
    advance=None,
):
    """Scores of held-out rows by several methods, with inner held-out scores to choose thresholds by.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    above : float
        Level. [µg m⁻³]
    methods : dict of str to method
        See :mod:`imbalance.hazard_methods`.
    group : {"city", "site"}
        What is held out, in outer and inner folds.
    n_folds : int
        Number of outer folds.
    recipe : {"retrospective", "live", "reference"}
        Features, see :func:`airq.features.recipe.make_recipe`.
    seed : int
        Seed of every fit.
    n_jobs : int
        Number of processes; each fits with one thread. Results do not depend on it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.

    Returns
    -------
    held_out : list of HeldOut
        One a fold. Only one fold's features are in memory at a time.
    skipped : dict of str to str
        Method -> why it could not be fitted in some fold; its scores are left out of all.
    notes : dict of str to list of str
        Method -> what had to be changed to fit it, as the first fit says.

    Raises
    ------
    OSError
        If a process was ended from outside.
    """
    found, parts, notes = {}, [], {}
    for fold in make_hazard_folds(panel, above, group, n_folds):
        splits = [fold, *inner_folds(panel, above, group, fold)]
        features = recipe_for(recipe, panel, fold, group)
        tell = _teller(advance, fold.number, n_folds, len(methods) * len(splits))
        fits = _fits(panel, above, methods, splits, features, group, seed, n_jobs)
        for done, (name, number, scores, said) in enumerate(fits, start=1):
            found[fold.number, name, number] = scores
            notes.setdefault(name, said)
            tell(done, name)
        parts.append(splits)
    skipped = {name: scores for (_, name, _), scores in found.items() if isinstance(scores, str)}
    able = [name for name in methods if name not in skipped]
    return [_gather(splits, able, found) for splits in parts], skipped, notes


def _fits(panel, above, methods, splits, features, group, seed, n_jobs):
    """Method, number of the split, scores and notes of every fit, in order."""
    pm25, hazardous = panel[TARGET].to_numpy(dtype="float64"), hazardous_rows(panel, above)
    groups = pd.factorize(panel[GROUP_COLUMNS[group]], sort=True)[0]
    jobs = [(name, number) for name in methods for number in range(len(splits))]
    with killed_in_one_line(kept=False), joblib.Parallel(n_jobs=n_jobs, return_as="generator") as parallel:
        matrices = list(parallel(joblib.delayed(features_of)(features, panel, split) for split in splits))
        tasks = (
            joblib.delayed(_fitted_scores)(
                methods[name], *matrices[number], pm25[rows], hazardous[rows], groups[rows], seed
            )
            for name, number in jobs
            for rows in (splits[number].train,)
        )
        for job, result in zip(jobs, parallel(tasks), strict=True):
            yield *job, *result


def _fitted_scores(method, learn, new, pm25, hazardous, groups, seed):
    """Scores of the new rows, and notes; a reason instead, where the method cannot learn from these."""
    try:
        return method.score(learn, pm25, hazardous, new, seed=seed, groups=groups)
    except ValueError as reason:
        return " ".join(str(reason).split()), []


def _teller(advance, fold, n_folds, jobs):
    def tell(done, name):
        if advance is not None:
            advance(fold * jobs + done, n_folds * jobs, f"fold {fold + 1} of {n_folds}: {name}")

    return tell


def _gather(splits, names, found):
    fold, *inner = splits
    rows = np.concatenate([split.test for split in inner])
    scores = {
        name: np.concatenate([found[fold.number, name, number] for number in range(1, len(splits))])
        for name in names
    }
    return HeldOut(fold, rows, scores, {name: found[fold.number, name, 0] for name in names})
