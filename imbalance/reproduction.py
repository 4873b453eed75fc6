"""The published comparison again, on a simulated STAND-IN for its private rows, beside our strategies.

Each seed draws a training table of the published shape and a fresh validation table with the target prior
(:mod:`imbalance.standin`); every strategy learns from the first and is judged by its log loss on the second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import delayed

from airq.io import write_json
from airq.parallel import workers
from imbalance.boosters import SETTINGS
from imbalance.comparison.runs import claim_folder, killed_in_one_line, versions
from imbalance.comparison.strategies import STRATEGIES, Strategy, make_model, predict_strategies
from imbalance.metrics import auc, brier, weighted_log_loss
from imbalance.standin import (
    CLASSES,
    READINGS,
    SEPARATION,
    STAND_IN,
    TARGET_PRIOR,
    TRAINING_ROWS,
    TRIAL,
    prior_in_order,
    rows_by_prior,
    standin_table,
)

VALIDATION_ROWS = 10_000
#: For time: 63 bins a column instead of about 255, and 200 trees of CatBoost's 1,000. All else is default.
MODEL_SETTINGS = {"lightgbm": {"max_bin": 63}, "catboost": {"iterations": 200, "border_count": 63}}
SETTINGS_FILE = "settings.json"
#: Fewer rows of a class are no class to learn: samplers and calibration take neighbours and folds from it.
MIN_CLASS_ROWS = 12
CALIBRATED_EM = Strategy(
    "calibrated+em",
    "Nothing, calibrated on held-out training rows, then corrected to the prior that EM finds",
    posthoc="calibrated-em",
)


@dataclass(frozen=True)
class Case:
    """A strategy with a model, as a row of the table.

    Attributes
    ----------
    strategy : Strategy
        What is done about the rare classes.
    model : str
        `lightgbm` or `catboost`.
    published : str
        Name in `imbalance.standin.PUBLISHED` where the post has it, else empty.
    """

    strategy: object
    model: str = "lightgbm"
    published: str = ""

    @property
    def name(self):
        """Name of the strategy."""
        return self.strategy.name


def reproduction_cases():
    """The post's strategies, "weights" in both readings, and the corrected ones beside them."""
    return [
        Case(STRATEGIES["drop-majority"], published="drop-majority"),
        *(Case(STRATEGIES[name], "catboost", "weights") for name in READINGS),
        Case(STRATEGIES["smote-under"], published="smote-under"),
        Case(STRATEGIES["none"], published="none"),
        *(Case(STRATEGIES[name]) for name in ("none+prior", "none+em", "calibrated+prior")),
        Case(CALIBRATED_EM),
        *(Case(_corrected(name)) for name in ("drop-majority", "bagged-under")),
    ]


def _corrected(name):
    """A strategy whose probabilities are corrected to the target prior, too; it shares the fit."""
    strategy = STRATEGIES[name]
    return replace(
        strategy,
        name=f"{name}+prior",
        meaning=f"{strategy.meaning}, then corrected to the known target prior",
        posthoc="prior",
    )


def reproduce(
    out, *, seeds=20, scale=1.0, validation_rows=VALIDATION_ROWS, n_jobs=1, cases=None, advance=None
):
    """Run the published comparison on so many stand-ins; go on where an earlier run stopped.

    Parameters
    ----------
    out : str or Path
        Folder. It gets a file a seed as soon as the seed is done.
    seeds : int
        Stand-ins, numbered from 0.
    scale : float
        Fraction of the published rows, over 0 and at most 1. Below 1 it is a trial, not the published shape,
        and called so.
    validation_rows : int
        Rows of each validation table.
    n_jobs : int
        Seeds at a time; each fit has one thread.
    cases : list of Case, optional
        :func:`reproduction_cases` by default.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every seed.

    Returns
    -------
    pandas.DataFrame
        `data` ("STAND-IN", or "STAND-IN, TRIAL"), `seed, strategy, model, published, log_loss, brier, auc,
        prior_CLASS, seconds`: a row per seed and case. [log loss in nats, seconds in s]

    Raises
    ------
    FileExistsError
        If `out` holds something else.
    ValueError
        If it holds a reproduction with other settings, or if a number makes no sense; if the scale leaves
        fewer than 12 rows of a class.
    OSError
        If a process was ended from outside.
    """
    if seeds < 1 or not 0 < scale <= 1 or validation_rows < 30:
        raise ValueError("Take 1 or more seeds, a scale in (0, 1] and 30 or more validation rows.")
    cases = reproduction_cases() if cases is None else cases
    rows = rows_at(scale)
    folder = Path(out)
    claim_folder(folder, _settings(cases, rows, validation_rows), marker=SETTINGS_FILE, what="reproduction")
    missing = [seed for seed in range(seeds) if not _seed_file(folder, seed).exists()]
    tell = advance or (lambda *_: None)
    tell(seeds - len(missing), seeds, "")
    with killed_in_one_line(kept=True), workers(n_jobs, return_as="generator_unordered") as run:
        finished = run(delayed(_run_seed)(folder, seed, cases, rows, validation_rows) for seed in missing)
        for done, seed in enumerate(finished, start=seeds - len(missing) + 1):
            tell(done, seeds, f"seed {seed}")
    return load_seeds(folder, seeds)


def rows_at(scale):
    """Training rows of each class at a fraction of the published ones.

    Raises
    ------
    ValueError
        If it leaves fewer than 12 of a class.

    Examples
    --------
    >>> rows_at(0.1)
    {'normal': 3121, 'post_alzheimer': 115, 'pre_alzheimer': 42}
    """
    rows = {name: round(scale * n) for name, n in TRAINING_ROWS.items()}
    rarest = min(rows, key=rows.get)
    if rows[rarest] < MIN_CLASS_ROWS:
        least = np.ceil(100 * MIN_CLASS_ROWS / TRAINING_ROWS[rarest]) / 100
        raise ValueError(
            f"A scale of {scale:g} leaves {rows[rarest]} rows of {rarest}; {MIN_CLASS_ROWS} are needed: take "
            f"{least:g} or more."
        )
    return rows


def data_mark(rows):
    """What figures from so many training rows are called: a stand-in, or a trial of one."""
    return STAND_IN if rows == TRAINING_ROWS else TRIAL


def load_seeds(folder, seeds):
    """Scores of the seeds that a folder holds, of the first `seeds`."""
    files = [_seed_file(Path(folder), seed) for seed in range(seeds)]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in files if path.exists()]
    return pd.DataFrame([{"data": STAND_IN} | row for scores in records for row in scores])


def _seed_file(folder, seed):
    return folder / "seeds" / f"seed-{seed:03d}.json"


def _settings(cases, rows, validation_rows):
    return {
        "what": f"{data_mark(rows)}: simulated tables of the published shape; the competition's rows are "
        "private",
        "training_rows": rows,
        "validation_rows": validation_rows,
        "target_prior": TARGET_PRIOR,
        "separation": SEPARATION,
        "cases": [
            [case.name, case.model, repr(case.strategy.fit_key), case.strategy.posthoc] for case in cases
        ],
        "model_settings": MODEL_SETTINGS,
        "model_defaults": SETTINGS,
        "versions": versions(),
    }


def _run_seed(folder, seed, cases, rows, validation_rows):
    X, y = standin_table(rows, seed=seed)
    new = standin_table(rows_by_prior(validation_rows), seed=seed, sample="validation")
    records = []
    for group in shared_fits(cases):
        outcomes = predict_strategies(
            [case.strategy for case in group],
            make_model(group[0].model, random_state=seed, **MODEL_SETTINGS[group[0].model]),
            X,
            y.to_numpy(),
            new[0],
            target_prior=TARGET_PRIOR,
            random_state=seed,
        )
        records += [
            {"data": data_mark(rows), **_record(seed, case, outcomes[case.name], new[1].to_numpy())}
            for case in group
        ]
    write_json(_seed_file(folder, seed), records)
    return seed


def shared_fits(cases):
    """Cases in groups that one fit serves."""
    groups = {}
    for case in cases:
        groups.setdefault((case.model, case.strategy.fit_key), []).append(case)
    return list(groups.values())


def _record(seed, case, outcome, y):
    scored = {"classes": CLASSES, "target": prior_in_order(TARGET_PRIOR)}
    return {
        "seed": seed,
        "strategy": case.name,
        "model": case.model,
        "published": case.published,
        "log_loss": weighted_log_loss(y, outcome.probabilities, **scored),
        "brier": brier(y, outcome.probabilities, **scored),
        "auc": auc(y, outcome.probabilities, **scored),
        **{f"prior_{name}": share for name, share in zip(CLASSES, np.asarray(outcome.prior), strict=True)},
        "seconds": outcome.seconds,
    }
