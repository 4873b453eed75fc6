"""The main job on the embedded, SIMULATED atmosphere: evaluate, train, predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from airq.io import check_writable, write_panel
from airq.messages import notes
from airq.models.baselines import candidates
from airq.models.predictor import default_candidate
from airq.panel import TARGET, check_panel, panel_metadata
from airq.report.console import tell_origin
from airq.sources.simulated import simulate
from airq.workflows.evaluate import evaluate_panel, write_evaluation, write_summary
from airq.workflows.predict import predict
from airq.workflows.train import calibrate, fit_on_all, save_predictor

MODEL, RECIPE = "lightgbm", "retrospective"
SCHEMES = ("random", "city")
#: The slower baselines, `reference-method` and `airqo-job`, are left to `airq evaluate`.
BASELINES = ("mean", "climatology", "cams", "lightgbm-defaults")
N_CITIES, START, END = 48, "2019-08-01", "2020-01-31"
#: Every so many cities one has no sensor; the predictions are for these.
WITHOUT_SENSOR = 6


def demo(out, *, n_cities=N_CITIES, start=START, end=END, seed=0, n_jobs=1, advance=None):
    """Simulate a panel, judge and train the predictor on it, predict the cities without a sensor.

    Parameters
    ----------
    out : str or Path
        Folder for panel.parquet, evaluation.json, evaluation.md, bundle/ and predictions.parquet.
    n_cities : int
        How many cities to simulate.
    start, end : str
        First and last day.
    seed, n_jobs : int
        Seed, and number of processes.
    advance : callable, optional
        Called as ``advance(done, total, text)`` when a stage begins and after every fit of the judging,
        which takes nearly all of the time; no total before it is known.

    Returns
    -------
    Evaluation

    Raises
    ------
    OSError
        If `out` is a file, or cannot be written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out} is a file; choose another name for the folder of --out.")
    check_writable(out / "panel.parquet")
    stages = _Stages(advance or (lambda done, total, text: None))
    stages.begin("Simulating the atmosphere")
    panel = check_panel(hide_sensors(simulate(n_cities=n_cities, start=start, end=end, seed=seed)))
    tell_origin(panel_metadata(panel))
    cities = panel.groupby("site_id")[TARGET].count()
    notes.print(
        f"{len(panel):,} days of {len(cities)} cities, {np.sum(cities == 0)} of them without a sensor, "
        f"{start} to {end}"
    )
    write_panel(panel, out / "panel.parquet")
    contenders = candidates(panel, model=MODEL, recipe=RECIPE, seed=seed, chosen=BASELINES)
    stages.begin("Judging on held-out days and cities")
    evaluation = evaluate_panel(
        panel, SCHEMES, contenders, seed=seed, n_jobs=n_jobs, advance=stages.after_fit if advance else None
    )
    stages.begin("Writing the evaluation", left=3)
    write_evaluation(evaluation, panel_metadata(panel), out / "evaluation")
    write_summary(evaluation, panel_metadata(panel), out)
    stages.begin("Training on all cities with a sensor", left=2)
    candidate = default_candidate(model=MODEL, recipe=RECIPE, seed=seed)
    predictor = fit_on_all(panel, candidate)
    calibrate(predictor, panel, evaluation, candidate, seed=seed, n_jobs=n_jobs)
    settings = {"model": MODEL, "seed": seed, "tuning_trials": 0}
    save_predictor(predictor, panel, settings, evaluation, out / "bundle")
    stages.begin("Predicting the cities without a sensor", left=1)
    elsewhere = panel[panel["site_id"].isin(cities.index[cities == 0])]
    write_panel(elsewhere, out / "cities_without_sensor.parquet")
    predict(out / "cities_without_sensor.parquet", bundle=out / "bundle", out=out / "predictions.parquet")
    return evaluation


def hide_sensors(panel, every=WITHOUT_SENSOR):
    """The panel with the PM2.5 of every so many cities removed."""
    sites = sorted(panel["site_id"].unique())[::every]
    return panel.assign(**{TARGET: panel[TARGET].mask(panel["site_id"].isin(sites))})


class _Stages:
    """What a demonstration is at, told in fits: every stage after the judging counts as one."""

    AFTER = 3

    def __init__(self, advance):
        self._advance, self._total = advance, 0

    def begin(self, text, *, left=0):
        """Tell the stage that begins, with so many stages left."""
        self._advance(self._total - left, self._total, text)

    def after_fit(self, done, fits, text):
        """Tell a fit that is done."""
        self._total = fits + self.AFTER
        self._advance(done, self._total, f"Judging on held-out days and cities: {done} of {fits} fits")
