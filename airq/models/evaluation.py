"""Out-of-fold predictions of several candidates on the same folds, and their figures.

A *candidate* is anything that makes a fresh predictor of panels: ``candidate()`` returns an object
with ``fit(panel, groups)`` and ``predict(panel)``, see :mod:`airq.predictor` and
:mod:`airq.models.peers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import joblib
import numpy as np
import pandas as pd

from airq.models.boosters import CannotFit
from airq.models.folds import (
    GROUP_COLUMN,
    GROUP_NAME,
    PLURAL,
    SCHEMES,
    UnsupportedScheme,
    inner_column,
    make_folds,
)
from airq.models.metrics import bootstrap_difference, rmse, scores
from airq.panel import TARGET, panel_metadata

OURS = "default"


@dataclass
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    records : list of dict
        One per scheme and model, see :func:`airq.models.metrics.scores`.
    skipped : dict of str to str
        Scheme -> why the panel cannot support it; ``"scheme/model"`` -> why a model was left out.
    predictions : DataFrame
        One row per scheme and held-out row: keys, `scheme, fold, observed` and a column per model.
        [µg m⁻³]
    """

    records: list = field(default_factory=list)
    skipped: dict = field(default_factory=dict)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)


def plan_folds(panel, schemes, **options):
    """Folds of every scheme that the panel supports, and the reasons for the others.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    schemes : sequence of str
        Names from :data:`airq.models.folds.SCHEMES`.
    **options
        Passed to :func:`airq.models.folds.make_folds`.

    Returns
    -------
    folds : dict of str to list of Fold
    skipped : dict of str to str
    """
    folds, skipped = {}, {}
    unknown = [scheme for scheme in schemes if scheme not in SCHEMES]
    if unknown:
        raise ValueError(f"Unknown scheme {unknown[0]!r}; choose from {', '.join(SCHEMES)}.")
    one_site_a_city = panel["site_id"].nunique() == panel["city_id"].nunique()
    for scheme in dict.fromkeys(schemes):
        if scheme == "site" and "city" in schemes and one_site_a_city:
            skipped[scheme] = "every city has one site, so it would repeat the city split"
            continue
        try:
            folds[scheme] = make_folds(panel, scheme, **options)
        except UnsupportedScheme as reason:
            skipped[scheme] = str(reason)
    return folds, skipped


def evaluate(panel, candidates, folds, *, n_jobs=1, advance=None):
    """Judge candidates on the same folds.

    Parameters
    ----------
    panel : DataFrame
        A checked panel with targets.
    candidates : dict of str to callable
        Name -> function that makes a fresh predictor.
    folds : dict of str to list of Fold
        From :func:`plan_folds`.
    n_jobs : int
        Number of processes; each fits with one thread. Results do not depend on it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every fit.

    Returns
    -------
    Evaluation
        Without the schemes that were skipped before.
    """
    jobs = [
        (scheme, fold, name) for scheme, listed in folds.items() for fold in listed for name in candidates
    ]
    # The slowest first, so that no process is left alone with one at the end.
    jobs.sort(key=lambda job: job[2] != OURS)
    tasks = (
        joblib.delayed(_held_out)(panel, fold, name, candidates[name], inner_column(scheme, panel))
        for scheme, fold, name in jobs
    )
    held_out = {}
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", max_nbytes=None)
    for done, (scheme, number, name, values) in enumerate(parallel(tasks), start=1):
        held_out[scheme, number, name] = values
        if advance is not None:
            advance(done, len(jobs), f"{scheme}: {name}")
    return _summary(panel, candidates, folds, held_out)


def judge(panel, predicted, *, scheme, model, **facts):
    """The record of one set of predictions that nothing was fitted for.

    Parameters
    ----------
    panel : DataFrame of n_samples rows
        Rows with an observed `pm25`.
    predicted : array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]
    scheme, model : str
        What to call them.
    **facts
        Further entries.
    """
    origin = panel_metadata(panel).pm25_origin
    return {
        "scheme": scheme,
        "model": model,
        **facts,
        **scores(panel, predicted),
        "pm25_origin": origin,
    }


def _held_out(panel, fold, name, candidate, groups):
    predictor = candidate()
    try:
        predictor.fit(fold.training_panel(panel), groups)
    except CannotFit as reason:
        return fold.scheme, fold.number, name, str(reason)
    rows = _rows_to_predict(panel, fold)
    values = np.full(len(panel), np.nan)
    values[rows] = predictor.predict(panel.iloc[rows].drop(columns=TARGET).reset_index(drop=True))
    return fold.scheme, fold.number, name, values[fold.test]


def _rows_to_predict(panel, fold):
    """Rows that a user would hand over: all of the held-out places, or the whole table."""
    hidden = np.setdiff1d(np.arange(len(panel)), fold.visible)
    return hidden if len(hidden) else np.arange(len(panel))


def _summary(panel, candidates, folds, held_out):
    evaluation = Evaluation()
    tables = []
    for scheme, listed in folds.items():
        rows = np.concatenate([fold.test for fold in listed])
        part = panel.iloc[rows]
        table = part[["site_id", "city_id", "city", "country", "latitude", "longitude", "date"]].copy()
        table["scheme"] = scheme
        table["fold"] = np.repeat([fold.number for fold in listed], [len(fold.test) for fold in listed])
        table["observed"] = part[TARGET]
        able = []
        for name in candidates:
            values = [held_out[scheme, fold.number, name] for fold in listed]
            reasons = [value for value in values if isinstance(value, str)]
            if reasons:
                evaluation.skipped[f"{scheme}/{name}"] = reasons[0]
            else:
                table[name] = np.concatenate(values)
                able.append(name)
        records = [_record(scheme, name, part, table, listed) for name in able]
        _compare(records, part, table)
        evaluation.records += records
        tables.append(table)
    evaluation.predictions = pd.concat(tables, ignore_index=True)
    return evaluation


def _record(scheme, name, part, table, listed):
    by_fold = [rmse(group["observed"], group[name]) for _, group in table.groupby("fold") if len(group)]
    column = GROUP_COLUMN[scheme]
    return judge(
        part,
        table[name],
        scheme=scheme,
        model=name,
        folds=len(listed),
        groups=len(part) if column is None else int(part[column].nunique()),
        group=PLURAL[GROUP_NAME[scheme]],
        rmse_sd=float(np.std(by_fold, ddof=1)) if len(by_fold) > 1 else np.nan,
    )


def _compare(records, part, table):
    """Add to our record its difference to the best peer, with an interval over cities."""
    ours = [record for record in records if record["model"] == OURS]
    peers = [record for record in records if record["model"] != OURS]
    if not ours or not peers:
        return
    best = min(peers, key=lambda record: record["rmse"])["model"]
    ours[0].update(best_peer=best, **bootstrap_difference(part, table[OURS], table[best]))
