"""Train a predictor on a panel, judge it on held-out places, and save both as a bundle."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

import pandas as pd

from airq.bundle import save_bundle
from airq.bundle_metadata import BUNDLE_JSON, read_metadata
from airq.io import check_replaceable, check_writable
from airq.messages import notes, progress
from airq.models import OURS
from airq.models.intervals import DEFAULT_COVERAGE, PERIODS
from airq.models.predictor import default_candidate
from airq.models.tuning import Tuning
from airq.panel import KEYS, TARGET, panel_metadata
from airq.report.card import write_card
from airq.report.charts import draw_evaluation, draw_uncertainty
from airq.validation.evaluation import evaluate as score_candidates
from airq.validation.evaluation import held_out_errors, plan_folds
from airq.validation.schemes import SCHEMES
from airq.validation.splitters import training_groups
from airq.workflows.evaluate import evaluate_panel, refuse_unsupported
from airq.workflows.panels import open_training_panel

NOT_CALIBRATED = "No interval: no places were held out that could calibrate one."


def train(
    panel_path, *, out, model="lightgbm", recipe="retrospective", tune=0, schemes=None, seed=0, n_jobs=1
):
    """Train on a panel file and write a bundle.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    out : str or Path
        Folder of the bundle.
    model : {"blend", "lightgbm", "catboost"}
        Boosters.
    recipe : {"retrospective", "live", "reference"}
        Features.
    tune : int
        Number of trials of a search on inner folds; 0 for none.
    schemes : sequence of str, optional
        Schemes by which the bundle is judged; by default the groups that training keeps together,
        cities or sites. Empty for none.
    seed, n_jobs : int
        Seed, and number of processes.

    Returns
    -------
    dict
        The facts in the bundle.
    """
    panel = open_training_panel(panel_path)
    check_writable(out)
    check_replaceable(out, marker=BUNDLE_JSON)
    schemes = default_schemes(panel) if schemes is None else schemes
    if schemes:
        refuse_unsupported(*plan_folds(panel, schemes, seed=seed))
    tuning = Tuning(tune, journal_beside(out)) if tune else None
    make = functools.partial(default_candidate, model=model, recipe=recipe, seed=seed)
    settings = {"model": model, "seed": seed, "tuning_trials": tune}
    if tuning is None:
        predictor = fit_on_all(panel, make())
    else:
        notes.print(f"Trials are kept in {tuning.journal}; started again, the search goes on with them.")
        with progress("searching") as advance:
            told = dataclasses.replace(tuning, advance=advance)
            predictor = make(tuning=told)().fit(panel, training_groups(panel))
    evaluation = None
    if schemes:
        candidate = make(tuning=tuning)
        if tuning is not None:
            notes.print(
                "Coverage of the intervals is not measured with --tune: it would take ten more searches."
            )
        evaluation = evaluate_panel(
            panel,
            schemes,
            {OURS: candidate},
            level=DEFAULT_COVERAGE if tuning is None else None,
            seed=seed,
            n_jobs=n_jobs,
        )
        calibrate(predictor, panel, evaluation, candidate, seed=seed, n_jobs=n_jobs)
    return save_predictor(predictor, panel, settings, evaluation, out)


def calibrate(predictor, panel, evaluation, candidate, *, seed=0, n_jobs=1):
    """Calibrate a predictor of all places with predictions for places that were held out in turn.

    Parameters
    ----------
    predictor : Predictor
        Fitted on all labelled rows of `panel`.
    panel : DataFrame
        A checked panel with targets.
    evaluation : Evaluation
        Its predictions are used where the cities (or sites) that training keeps together were held out;
        else these are held out anew.
    candidate : callable
        Makes a predictor like the fitted one.
    """
    scheme = calibration_scheme(panel)
    if scheme not in set(evaluation.predictions["scheme"]):
        folds, skipped = plan_folds(panel, [scheme], seed=seed)
        if scheme in skipped:
            notes.print(f"[yellow]No interval: {skipped[scheme]}.[/]")
            return
        with progress("calibrating") as advance:
            evaluation = score_candidates(panel, {OURS: candidate}, folds, n_jobs=n_jobs, advance=advance)
    if reason := evaluation.skipped.get(f"{scheme}/{OURS}"):
        notes.print(f"[yellow]No interval: {reason}.[/]")
        return
    predictor.calibrate(held_out_errors(evaluation.predictions, scheme, OURS))


def fit_on_all(panel, candidate):
    """Fit a candidate on all labelled rows of a checked panel."""
    with notes.status(f"training on {panel[TARGET].notna().sum():,} rows"):
        return candidate().fit(panel, training_groups(panel))


def save_predictor(predictor, panel, settings, evaluation, out):
    """Write the bundle of a fitted predictor.

    Parameters
    ----------
    predictor : Predictor
        Fitted on all labelled rows of `panel`.
    panel : DataFrame
        A checked panel with targets.
    settings : dict
        `model`, `seed` and whatever else made the predictor.
    evaluation : Evaluation or None
        How good such a predictor is on held-out rows.
    out : str or Path
        Folder of the bundle.

    Returns
    -------
    dict
        The facts in the bundle.
    """
    metadata = panel_metadata(panel)
    facts = {
        "panel": metadata.to_dict(),
        "data": describe_data(panel),
        "target": {"column": TARGET, "unit": metadata.units[TARGET]},
        "settings": {**settings, "inner_groups": training_groups(panel)},
        "evaluation": evaluation.records if evaluation else [],
        "skipped": evaluation.skipped if evaluation else {},
        "uncertainty": describe_uncertainty(predictor, panel, evaluation),
    }

    def draw(folder):
        draw_evaluation(evaluation.predictions, metadata, folder)
        draw_uncertainty(evaluation, metadata, folder)

    save_bundle(out, predictor, facts, write_card, draw=draw if evaluation else None)
    return read_metadata(out)


def calibration_scheme(panel):
    """The scheme whose held-out groups are those that training keeps together."""
    return "site" if training_groups(panel) == "site_id" else "city"


def default_schemes(panel):
    """Schemes by which a bundle is judged unless the user names others.

    The groups that training keeps together; beside sites also cities where there are several.
    """
    schemes = ["site"] if training_groups(panel) == "site_id" else []
    if panel.loc[panel[TARGET].notna(), "city_id"].nunique() > 1:
        schemes.append("city")
    return schemes or ["site"]


def journal_beside(out):
    """File in which a search keeps its trials, so that it goes on where it stopped."""
    out = Path(out)
    return out.with_name(f"{out.name}.tuning.log")


def describe_data(panel):
    """Facts about the rows that a predictor learned from."""
    labelled = panel[panel[TARGET].notna()]
    return {
        "rows": len(labelled),
        "rows_without_target": len(panel) - len(labelled),
        "sites": labelled["site_id"].nunique(),
        "cities": labelled["city_id"].nunique(),
        "countries": labelled["country"].nunique(),
        "places": {
            site: [float(latitude), float(longitude)]
            for site, latitude, longitude in labelled.drop_duplicates("site_id")[
                ["site_id", "latitude", "longitude"]
            ].itertuples(index=False)
        },
        "first_day": f"{labelled['date'].min():%Y-%m-%d}",
        "last_day": f"{labelled['date'].max():%Y-%m-%d}",
        "pm25_mean": float(labelled[TARGET].mean()),
        "pm25_max": float(labelled[TARGET].max()),
        "hash": panel_hash(panel),
    }


def describe_uncertainty(predictor, panel, evaluation):
    """What is promised of the intervals, and what was measured at held-out places."""
    groups = SCHEMES[calibration_scheme(panel)].calibration_groups
    calibration = predictor.calibration_
    return {
        "calibrated_on": groups,
        "promises": [calibration.explain(DEFAULT_COVERAGE, period, groups=groups) for period in PERIODS]
        if calibration is not None
        else [NOT_CALIBRATED],
        "coverage": evaluation.coverage if evaluation else [],
        "exceedance": evaluation.exceedance if evaluation else [],
    }


def panel_hash(panel):
    """SHA-256 of a panel's keys and numbers, which does not depend on the file that held it."""
    columns = [*KEYS, *sorted(set(panel.columns) - set(KEYS))]
    rows = pd.util.hash_pandas_object(panel[columns], index=False)
    return hashlib.sha256("\0".join(columns).encode() + rows.to_numpy().tobytes()).hexdigest()
