"""Judge predictors on held-out rows, sites, cities and countries, beside their baselines.

Tell how far cities to predict lie from training, and which scheme's figures apply to them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from airq.bundle import SAME_PLACE_KM, check_fits, load_bundle
from airq.cities import read_cities
from airq.geo import nearest, sites_of
from airq.io import atomic_folder, check_replaceable, check_writable, write_json, write_table, write_text
from airq.messages import notes, progress
from airq.models.baselines import candidates
from airq.models.intervals import DEFAULT_COVERAGE, check_coverage
from airq.panel import PLACE, TARGET, panel_metadata
from airq.report.card import evaluation_markdown
from airq.report.charts import draw_evaluation, draw_proximity, draw_uncertainty
from airq.report.console import tell_trained
from airq.report.words import proximity_markdown, proximity_records
from airq.units import exceedance_thresholds
from airq.validation.evaluation import (
    Evaluation,
    interval_figures,
    judge,
    plan_folds,
    score_applicability,
    score_calibration,
)
from airq.validation.evaluation import evaluate as score_candidates
from airq.validation.proximity import proximity as compare_distances
from airq.validation.schemes import FEW_FITS, PLACE_SCHEMES, SCHEMES, check_schemes
from airq.workflows.panels import open_training_panel

RECORDS = "evaluation.json"
#: Schemes of a bundle on labelled rows.
NEW, KNOWN = "new sites", "known sites"


def evaluate(
    panel_path,
    *,
    schemes=FEW_FITS,
    model="lightgbm",
    recipe="retrospective",
    baselines=None,
    buffer_km=50.0,
    level=DEFAULT_COVERAGE,
    seed=0,
    n_jobs=1,
    out=None,
    json_path=None,
):
    """Judge our predictor and its baselines on a panel, by every scheme that it supports.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    schemes : sequence of str
        Names from :data:`airq.validation.splitters.SCHEMES`.
    model, recipe : str
        See :func:`airq.models.predictor.default_candidate`.
    baselines : sequence of str, optional
        Names of baselines; all that the panel supports by default.
    buffer_km : float
        Distance of the schemes `buffer` and `leave-city-out`. [km]
    level : float or None
        Level of the intervals, which need a fit for every pair of folds; None for none.
    seed, n_jobs : int
        Seed, and number of processes.
    out : str or Path, optional
        Folder for evaluation.json, evaluation.md, coverage.json, exceedance.json, held_out.parquet and plots.
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
        check_coverage(level)
    panel = open_training_panel(panel_path)
    if out is not None:
        check_writable(out)
        check_replaceable(out, marker=RECORDS)
    if json_path is not None:
        check_writable(json_path)
    evaluation = evaluate_panel(
        panel,
        schemes,
        candidates(panel, model=model, recipe=recipe, seed=seed, chosen=baselines),
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


def evaluate_bundle(panel_path, *, bundle, level=DEFAULT_COVERAGE, json_path=None):
    """Judge a trained bundle on labelled rows.

    Rows of the sites that the bundle was trained on, under any name, are judged apart, since it knows
    them. Domain, intervals and probabilities, made by the bundle's own calibration, are judged at new
    sites only.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    bundle : str or Path
        Folder of the bundle.
    level : float or None
        Level of the intervals; None for none.
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    Evaluation
        Schemes ``"new sites"`` and ``"known sites"``.
    """
    if level is not None:
        check_coverage(level)
    panel = open_training_panel(panel_path)
    if json_path is not None:
        check_writable(json_path)
    predictor, facts = load_bundle(bundle)
    check_fits(panel, panel_metadata(panel), facts)
    tell_trained(facts, panel)
    described = predictor.describe(panel.drop(columns=TARGET))
    labelled = panel[TARGET].notna().to_numpy()
    known = at_training_places(panel, facts["data"]["places"])
    evaluation = Evaluation()
    for scheme, rows in ((NEW, labelled & ~known), (KNOWN, labelled & known)):
        if not rows.any():
            evaluation.skipped[scheme] = "the panel has none with PM2.5"
            continue
        facts_of_it = {"folds": 1, "groups": panel.loc[rows, "site_id"].nunique(), "group": "sites"}
        predicted = described.loc[rows, "pm25"]
        evaluation.records.append(
            judge(panel[rows], predicted, scheme=scheme, model="bundle", **facts_of_it, rmse_sd=None)
        )
        if scheme == NEW:
            _judge_description(evaluation, panel[rows], described[rows], predictor.calibration_, facts, level)
    if (labelled & known).any():
        notes.print(
            "[yellow]Rows of known sites are of places that the bundle learned from: their figures are no "
            "validation.[/]"
        )
    if json_path is not None:
        write_json(json_path, evaluation.records)
    return evaluation


def at_training_places(panel, places):
    """Whether each row is of a place that a bundle learned from, by name or because it lies there.

    Parameters
    ----------
    panel : DataFrame of n_rows
        A checked panel.
    places : dict of str to (float, float)
        Latitude and longitude of the training places, by site_id. [°]

    Returns
    -------
    numpy.ndarray of bool, shape (n_rows,)
    """
    there = pd.DataFrame(places.values(), columns=["latitude", "longitude"])
    sites = sites_of(panel)
    known = (nearest(sites, there)[1] <= SAME_PLACE_KM) | sites.index.isin(places)
    return panel["site_id"].isin(sites.index[known]).to_numpy()


def _judge_description(evaluation, panel, described, calibration, facts, level):
    """Judge what a bundle said of new places, beside their PM2.5."""
    table = panel[[*PLACE, "date"]].assign(scheme=NEW, observed=panel[TARGET])
    table = table.join(described.rename(columns={"pm25": "predicted"}).set_index(panel.index))
    if "inside_domain" in table:
        evaluation.records[-1] |= score_applicability(table)
    if level is None:
        return
    if calibration is None:
        evaluation.skipped[f"{NEW}/intervals"] = facts["uncertainty"]["promises"][0]
        return
    judged = score_calibration(
        table.reset_index(drop=True), calibration, nominal=level, thresholds=exceedance_thresholds()
    )
    evaluation.coverage, evaluation.exceedance, evaluation.reliability = judged
    if evaluation.coverage:
        evaluation.records[-1] |= interval_figures(evaluation.coverage)
    else:
        groups = facts["uncertainty"]["calibrated_on"]
        evaluation.skipped[f"{NEW}/intervals"] = calibration.explain(level, groups=groups)


def evaluate_panel(
    panel, schemes, contenders, *, buffer_km=50.0, level=DEFAULT_COVERAGE, seed=0, n_jobs=1, advance=None
):
    """Judge candidates on a checked panel; see :func:`evaluate`. A bar shows the fits, or `advance` tells."""
    folds, skipped = plan_folds(panel, schemes, buffer_km=buffer_km, seed=seed)
    for scheme, reason in skipped.items():
        notes.print(f"[yellow]skipped[/] {scheme}: {reason}")
    refuse_unsupported(folds, skipped)
    if "city" in folds and "buffer" in folds and _same_folds(folds["city"], folds["buffer"]):
        notes.print(
            f"No training place lies within {buffer_km:g} km of a held-out city: buffer repeats city."
        )
    with progress("evaluating") as bar:
        evaluation = score_candidates(
            panel, contenders, folds, intervals=level, n_jobs=n_jobs, advance=advance or bar
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
    with atomic_folder(out, marker=RECORDS) as folder:
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


PROXIMITY_RECORDS = "proximity.json"


def proximity(
    panel_path, cities_path, *, schemes=PLACE_SCHEMES, buffer_km=50.0, seed=0, out=None, json_path=None
):
    """Compare cities to predict with the held-out places of every scheme; nothing is fitted.

    Parameters
    ----------
    panel_path : str or Path
        Panel with targets.
    cities_path : str or Path
        City table (CSV) of the places to predict.
    schemes : sequence of str
        Names from :data:`airq.validation.splitters.SCHEMES`.
    buffer_km : float
        Distance of the schemes `buffer` and `leave-city-out`. [km]
    seed : int
        Seed of the scheme `region`.
    out : str or Path, optional
        Folder for proximity.json, proximity.md, distances.png and cities.csv (the city table with
        its distances).
    json_path : str or Path, optional
        File for the records.

    Returns
    -------
    airq.validation.proximity.Proximity

    Raises
    ------
    ValueError
        If panel or city table are unsound, or a scheme is unknown.
    """
    check_schemes(schemes)
    cities = read_cities(cities_path)
    panel = open_training_panel(panel_path)
    if out is not None:
        check_writable(out)
        check_replaceable(out, marker=PROXIMITY_RECORDS)
    if json_path is not None:
        check_writable(json_path)
    found = compare_distances(panel, cities, schemes, buffer_km=buffer_km, seed=seed)
    if json_path is not None:
        write_json(json_path, proximity_records(found))
    if out is not None:
        write_proximity(found, out)
    return found


def write_proximity(found, out):
    """Write records, text, plot and the city table with its distances into a folder."""
    with atomic_folder(out, marker=PROXIMITY_RECORDS) as folder:
        write_json(folder / PROXIMITY_RECORDS, proximity_records(found))
        write_text(folder / "proximity.md", proximity_markdown(found))
        found.cities.to_csv(folder / "cities.csv", index=False)
        draw_proximity(found, folder / "distances.png")
