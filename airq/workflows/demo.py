"""The main job on the embedded, SIMULATED atmosphere: evaluate, train, predict."""

from __future__ import annotations

import warnings
from pathlib import Path

from airq.io import check_writable, write_panel
from airq.messages import AirqWarning
from airq.models import OURS
from airq.models.predictions import write_predictions
from airq.panel import TARGET, check_panel
from airq.regressor import PM25Regressor
from airq.sources.simulated import simulate
from airq.workflows.evaluate import evaluate

SCHEMES = ("random", "city")
#: A few that need no explanation; `airq evaluate` has more.
BASELINES = ("mean", "climatology", "cams", "lightgbm-defaults")
N_CITIES, START, END = 48, "2019-08-01", "2020-01-31"
#: Every sixth city has no sensor; the predictions are for these.
WITHOUT_SENSOR = 6
#: Stages after the evaluation: writing it, training, predicting.
AFTER = 3


def demo(out, *, n_cities=N_CITIES, start=START, end=END, random_state=0, n_jobs=1, advance=None):
    """Simulate a panel, evaluate and train the model, predict cities without a sensor; return the Evaluation.

    The folder `out` gets panel.parquet, evaluation.json, evaluation.md, bundle/ and predictions.parquet;
    OSError is raised if it is a file, or cannot be written. `n_cities`, `start`, `end` and `random_state` are
    those of :func:`airq.simulate`. ``advance(done, total, text)`` is called when a stage begins and after
    every fit of the evaluation, which takes nearly all of the time; total is 0 before it is known.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out} is a file; choose another name for the folder of --out.")
    check_writable(out / "panel.parquet")
    total = 0

    def report(text, *, left):
        if advance is not None:
            advance(total - left, total, text)

    def after_fit(done, fits, _text):
        nonlocal total
        total = fits + AFTER
        report(f"Evaluating on held-out days and cities: {done} of {fits} fits", left=total - done)

    report("Simulating the atmosphere", left=0)
    panel = simulate(n_cities=n_cities, start=start, end=end, random_state=random_state)
    panel = check_panel(hide_sensors(panel))
    write_panel(panel, out / "panel.parquet")
    report("Evaluating on held-out days and cities", left=0)
    model = PM25Regressor(random_state=random_state, n_jobs=n_jobs)
    with warnings.catch_warnings():
        # The folder, the console and every page say that the atmosphere is simulated.
        warnings.simplefilter("ignore", AirqWarning)
        evaluation = evaluate(
            {OURS: model},
            panel,
            SCHEMES,
            baselines=BASELINES,
            random_state=random_state,
            n_jobs=n_jobs,
            advance=after_fit,
        )
        report("Writing the evaluation", left=3)
        evaluation.save(out / "evaluation")
        evaluation.save_summary(out)
        report("Training on all cities with a sensor", left=2)
        model.fit(panel).calibrate(panel, evaluation=evaluation).save(out / "bundle")
        report("Predicting the cities without a sensor", left=1)
        elsewhere = panel[panel.groupby("site_id")[TARGET].transform("count") == 0]
        write_panel(elsewhere, out / "cities_without_sensor.parquet")
        rows = model.predict_table(elsewhere)
    write_predictions(rows, out / "predictions.parquet")
    return evaluation


def hide_sensors(panel, every=WITHOUT_SENSOR):
    """Return the panel with the PM2.5 of every n-th city removed."""
    sites = sorted(panel["site_id"].unique())[::every]
    return panel.assign(**{TARGET: panel[TARGET].mask(panel["site_id"].isin(sites))})
