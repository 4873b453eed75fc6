"""Fits on the folds of hazardous days: every method, on the training rows and on their inner folds.

A fit runs in any process, in one thread, and gives the same scores in each. With a folder its scores are a
file of their own, by which an interrupted comparison goes on.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from airq.features.recipe import GROUPS_FOR_POSITION, POSITION, Recipe, make_recipe
from airq.io import atomic_write
from airq.panel import TARGET
from airq.parallel import one_thread, workers
from airq.validation.schemes import SCHEMES
from airq.validation.splitters import Fold
from imbalance.comparison.runs import killed_in_one_line
from imbalance.hazard_panel import N_FOLDS, N_INNER, hazardous_rows, inner_folds, make_hazard_folds


@dataclass
class HeldOut:
    """Scores that methods gave to the rows of one fold, and to its training rows from inner folds.

    Attributes
    ----------
    fold : airq.validation.splitters.Fold
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


def recipe_for(name, panel, fold, group):
    """The recipe of a name for what is visible in a fold; without position where groups are few."""
    recipe = make_recipe(name, fold.training_panel(panel))
    few = panel[SCHEMES[group].column].iloc[fold.train].nunique() < GROUPS_FOR_POSITION
    return recipe.without(POSITION) if few else recipe


def features_of(recipe, panel, fold):
    """Features of a fold's training rows and of its held-out rows.

    A training row sees the inputs of training places only. A held-out row sees its own place's
    inputs and, around it, those of the training places, as one new place would; where no training
    place around has a value, held-out ones stand in. PM2.5 is in neither.

    Parameters
    ----------
    recipe : Recipe
        What to compute.
    panel : DataFrame
        A checked panel.
    fold : airq.validation.splitters.Fold
        A split by whole groups.

    Returns
    -------
    learn, new : DataFrame of float32, shape (n_train, n_features), (n_test, n_features)
    """
    blank = panel.drop(columns=[name for name in (TARGET, "aqi") if name in panel.columns])
    seen = np.sort(fold.visible)
    learn = recipe.transform(blank.iloc[seen])[np.isin(seen, fold.train)]
    hidden = np.setdiff1d(np.arange(len(panel)), seen)
    new = recipe.transform(blank.iloc[hidden])
    around = Recipe(recipe.name, tuple(feature for feature in recipe.features if feature.radius_km))
    if around.features:
        known = np.isin(np.arange(len(panel)), seen)
        elsewhere = blank.assign(**{name: blank[name].where(known) for name in around.inputs})
        new = around.transform(elsewhere).iloc[hidden].combine_first(new)[recipe.names]
    new = new[np.isin(hidden, fold.test)]
    return learn.reset_index(drop=True), new.astype("float32").reset_index(drop=True)


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
    folder=None,
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
    folder : str or Path, optional
        Where the scores of every fit are kept; fits that it holds are not run again. It must be of the same
        question, see :func:`imbalance.comparison.runs.claim_folder`.
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
        If a process was ended from outside, or a file cannot be written.
    """
    found, parts = {}, []
    tell, total = advance or (lambda *_: None), n_folds * len(methods) * (1 + N_INNER)
    tell(0, total, "")
    for fold in make_hazard_folds(panel, above, group, n_folds):
        splits = [fold, *inner_folds(panel, above, group, fold)]
        inputs = _Inputs(panel, above, group, recipe_for(recipe, panel, fold, group), splits)
        with closing(_fits(inputs, methods, seed, n_jobs, folder)) as results:
            for name, number, result in results:
                found[fold.number, name, number] = result
                tell(len(found), total, f"fold {fold.number + 1} of {n_folds}: {name}")
        parts.append(splits)
    skipped = {name: scores for (_, name, _), (scores, _) in found.items() if isinstance(scores, str)}
    able = [name for name in methods if name not in skipped]
    notes = {name: found[0, name, 0][1] for name in methods}
    return [_gather(splits, able, found) for splits in parts], skipped, notes


@dataclass
class _Inputs:
    """What the fits of one fold have in common."""

    panel: pd.DataFrame
    above: float
    group: str
    recipe: Recipe
    splits: list

    def training(self, number):
        """PM2.5, whether it is hazardous, and the place of the training rows of a split."""
        rows = self.splits[number].train
        return (
            self.panel[TARGET].to_numpy(dtype="float64")[rows],
            hazardous_rows(self.panel, self.above)[rows],
            pd.factorize(self.panel[SCHEMES[self.group].column], sort=True)[0][rows],
        )


def _fits(inputs, methods, seed, n_jobs, folder):
    """Method, number of the split and result of every fit: of those done before, then of the others."""
    jobs = [(name, number) for name in methods for number in range(len(inputs.splits))]
    paths = {
        job: None if folder is None else Path(folder) / _file_name(methods[job[0]], inputs.splits[0], job[1])
        for job in jobs
    }
    held = {job: _read_result(path) for job, path in paths.items() if path is not None}
    left = [job for job in jobs if held.get(job) is None]
    yield from ((*job, held[job]) for job in jobs if job not in left)
    if not left:
        return
    numbers = sorted({number for _, number in left})
    with (
        killed_in_one_line(kept=folder is not None),
        workers(n_jobs) as run,
    ):
        made = run(
            joblib.delayed(_one_thread)(features_of, inputs.recipe, inputs.panel, inputs.splits[number])
            for number in numbers
        )
        tables = dict(zip(numbers, made, strict=True))
        tasks = (
            joblib.delayed(_one_thread)(
                _fit, methods[name], tables[number], inputs.training(number), seed, paths[name, number]
            )
            for name, number in left
        )
        for job, result in zip(left, run(tasks), strict=True):
            yield *job, result


def _one_thread(work, *arguments):
    """The same figures in every process: sums do not depend on how threads share them."""
    with one_thread():
        return work(*arguments)


def _fit(method, tables, training, seed, path):
    """Scores of the new rows and notes; a reason instead, where the method cannot learn from these."""
    (learn, new), (pm25, hazardous, groups) = tables, training
    try:
        scores, notes = method.score(learn, pm25, hazardous, new, seed=seed, groups=groups)
        result = np.asarray(scores, dtype="float64"), list(notes)
    except ValueError as reason:
        result = " ".join(str(reason).split()) or "it gives no reason", []
    if path is not None:
        _write_result(path, *result)
    return result


def _file_name(method, fold, number):
    """Name of the file of a fit; it changes with what the method does."""
    mark = hashlib.sha256(repr(method.key).encode()).hexdigest()[:12]
    return f"{method.name}-{mark}-{fold.number}-{number}.npz"


def _write_result(path, scores, notes):
    reason = scores if isinstance(scores, str) else None
    record = json.dumps({"reason": reason, "notes": notes})
    with atomic_write(path) as unfinished:
        np.savez(unfinished, record=record, scores=[] if reason else scores)


def _read_result(path):
    """Result of a fit that was done before, or None where there is no whole one."""
    try:
        # Opened here: NumPy leaves a file open that turns out to be damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as parts:
            record = json.loads(str(parts["record"]))
            return record["reason"] or parts["scores"], record["notes"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def panel_mark(panel):
    """Hash of a panel's rows, by which the fits of another panel are told.

    >>> panel_mark(pd.DataFrame({"pm25": [1.0]})) == panel_mark(pd.DataFrame({"pm25": [2.0]}))
    False
    """
    mark = hashlib.sha256(repr([(name, str(panel[name].dtype)) for name in panel]).encode())
    mark.update(pd.util.hash_pandas_object(panel, index=False).to_numpy().tobytes())
    return mark.hexdigest()[:16]


def _gather(splits, names, found):
    fold, *inner = splits
    rows = np.concatenate([split.test for split in inner])
    scores = {
        name: np.concatenate([found[fold.number, name, number][0] for number in range(1, len(splits))])
        for name in names
    }
    return HeldOut(fold, rows, scores, {name: found[fold.number, name, 0][0] for name in names})
