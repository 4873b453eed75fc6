"""Judge predictors on held-out rows, sites, cities and countries, beside their peers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from airq.bundle import check_fits, load_bundle
from airq.card import evaluation_markdown
from airq.console import notes, progress
from airq.files import check_replaceable, check_writable, whole_folder, write_json, write_text
from airq.models.evaluation import Evaluation, judge, plan_folds
from airq.models.evaluation import evaluate as judge_candidates
from airq.models.folds import FEW_FITS, SCHEMES
from airq.models.intervals import DEFAULT_LEVEL, check_level
from airq.panel import TARGET, panel_metadata, write_table
from airq.plots import draw_evaluation
from airq.uncertainty_plots import draw_uncertainty
from airq.workflows.candidates import candidates
from airq.workflows.console import tell_trained
from airq.workflows.panels import open_training_panel

RECORDS = "evaluation.json"


def evaluate(
    panel_path,
    *,
    schemes=FEW_FITS,
    model="lightgbm",
    recipe="retrospective",
    peers=None,
    buffer_km=50.0,
    level=DEFAULT_LEVEL,
    seed=0,
    n_jobs=1,
    out=None,
    json_path=None,
):
    """Judge our predictor and its peers on a panel, by every scheme that it supports.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    schemes : sequence of str
        Names from :data:`airq.models.folds.SCHEMES`.
    model, recipe : str
        See :func:`airq.workflows.candidates.default_candidate`.
    peers : sequence of str, optional
        Names of peers; all that the panel supports by default.
    buffer_km : float
        Distance of the schemes `buffer` and `leave-city-out`. [km]
    level : float or None
        Level of the intervals, which need a fit for every pair of folds; None for none.
    seed, n_jobs : int
        Seed, and number of processes.
    out : str or Path, optional
        Folder for evaluation.json, evaluation.md, predictions.parquet and plots.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If the panel is unsound or supports none of the schemes.
    """
    if level is not None:
        check_level(level)
    panel = open_training_panel(panel_path)
    if out is not None:
        check_writable(out)
        check_replaceable(out, marker=RECORDS)
    if json_path is not None:
        check_writable(json_path)
    evaluation = evaluate_panel(
        panel,
        schemes,
        candidates(panel, model=model, recipe=recipe, seed=seed, chosen=peers),
        buffer_km=buffer_km,
        level=level,
        seed=seed,
        n_jobs=n_jobs,
    )
    if json_path is not None:
        write_json(json_path, evaluation.records)
    if out is not None:
        write_evaluation(evaluation, panel_metadata(panel), out)
    return evaluation


def evaluate_bundle(panel_path, *, bundle, json_path=None):
    """Judge a trained bundle on labelled rows.

    Rows of the sites that the bundle was trained on are judged apart, since it knows them.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    bundle : str or Path
        Folder of the bundle.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    Evaluation
        Schemes ``"new sites"`` and ``"known sites"``.
    """
    panel = open_training_panel(panel_path)
    predictor, facts = load_bundle(bundle)
    check_fits(panel, panel_metadata(panel), facts)
    tell_trained(facts, panel)
    predicted = predictor.predict(panel.drop(columns=TARGET))
    labelled = panel[TARGET].notna().to_numpy()
    known = panel["site_id"].isin(facts["data"]["places"]).to_numpy()
    evaluation = Evaluation()
    for scheme, rows in (("new sites", labelled & ~known), ("known sites", labelled & known)):
        if not rows.any():
            evaluation.skipped[scheme] = "the panel has none with PM2.5"
            continue
        part = panel[rows]
        groups = part["site_id"].nunique()
        evaluation.records.append(
            judge(
                part,
                predicted[rows],
                scheme=scheme,
                model="bundle",
                folds=1,
                groups=groups,
                group="sites",
                rmse_sd=None,
            )
        )
    if (labelled & known).any():
        notes.print(
            "[yellow]Rows of known sites are of places that the bundle learned from: their figures are no "
            "validation.[/]"
        )
    if json_path is not None:
        write_json(json_path, evaluation.records)
    return evaluation


def evaluate_panel(panel, schemes, contenders, *, buffer_km=50.0, level=DEFAULT_LEVEL, seed=0, n_jobs=1):
    """Judge candidates on a checked panel; see :func:`evaluate`."""
    folds, skipped = plan_folds(panel, schemes, buffer_km=buffer_km, seed=seed)
    for scheme, reason in skipped.items():
        notes.print(f"[yellow]skipped[/] {scheme}: {reason}")
    refuse_unsupported(folds, skipped)
    if "city" in folds and "buffer" in folds and _same_folds(folds["city"], folds["buffer"]):
        notes.print(
            f"No training place lies within {buffer_km:g} km of a held-out city: buffer repeats city."
        )
    with progress("evaluating") as advance:
        evaluation = judge_candidates(
            panel, contenders, folds, intervals=level, n_jobs=n_jobs, advance=advance
        )
    evaluation.skipped = skipped | evaluation.skipped
    return evaluation


def refuse_unsupported(folds, skipped):
    """Refuse a panel that supports none of the schemes asked for.

    Raises
    ------
    ValueError
        With the reason of every scheme.
    """
    if not skipped and not folds:
        raise ValueError(f"Name at least one scheme of {', '.join(SCHEMES)}.")
    if not folds:
        reasons = "; ".join(f"no {scheme} split, because {reason}" for scheme, reason in skipped.items())
        raise ValueError(f"The panel cannot be judged: {reasons}.")


def _same_folds(folds, others):
    return all(np.array_equal(fold.train, other.train) for fold, other in zip(folds, others, strict=True))


def write_evaluation(evaluation, metadata, out):
    """Write records, text, held-out predictions and plots into a folder."""
    with whole_folder(out, marker=RECORDS) as folder:
        write_summary(evaluation, metadata, folder)
        write_table(
            evaluation.predictions, folder / "held_out.parquet", metadata={"airq": metadata.to_dict()}
        )
        draw_evaluation(evaluation.predictions, metadata, folder)
        draw_uncertainty(evaluation, metadata, folder)


def write_summary(evaluation, metadata, folder):
    """Write evaluation.json and evaluation.md into a folder."""
    folder = Path(folder)
    write_json(folder / RECORDS, evaluation.records)
    write_json(folder / "coverage.json", evaluation.coverage)
    write_json(folder / "exceedance.json", evaluation.exceedance)
    write_text(folder / "evaluation.md", evaluation_markdown(evaluation, metadata))
