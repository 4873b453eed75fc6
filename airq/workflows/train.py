"""Train a model on a panel, score it on held-out places, and calibrate it with the same predictions."""

from __future__ import annotations

import warnings

from airq.messages import AirqWarning
from airq.models import OURS
from airq.models.intervals import DEFAULT_COVERAGE
from airq.panel import TARGET
from airq.validation.evaluation import plan_folds
from airq.workflows.evaluate import evaluate


def train(model, panel, *, schemes=None, advance=None, n_jobs=1):
    """Fit a model on a training panel, score it, and calibrate its intervals.

    `model` is an unfitted PM25Regressor, which is returned with its evaluation in ``metadata_``; the panel
    comes from :func:`airq.models.predictor.training_panel`. `schemes` are those by which the model is scored,
    by default :func:`default_schemes`; with none of them there are no intervals. ``advance(stage)`` returns a
    callable that is called as ``(done, total, text)`` while the stage ("training", "evaluating" or
    "calibrating") runs, or None.
    """
    advance = advance or (lambda stage: None)
    if schemes:
        # A scheme that the panel cannot support is refused before the fits.
        plan_folds(panel, schemes, seed=model.random_state)
    with warnings.catch_warnings():
        # Those about the panel were given when it was opened.
        warnings.simplefilter("ignore", AirqWarning)
        model.fit(panel, advance=advance("training"))
        schemes = default_schemes(panel, model.groups_) if schemes is None else schemes
        if not schemes:
            return model
        evaluation = evaluate(
            {OURS: model},
            panel,
            schemes,
            # With a search, coverage would take ten more searches.
            coverage=None if model.searches else DEFAULT_COVERAGE,
            baselines=False,
            random_state=model.random_state,
            n_jobs=n_jobs,
            advance=advance("evaluating"),
        )
    return model.calibrate(panel, evaluation=evaluation, advance=advance("calibrating"))


def default_schemes(panel, groups):
    """Return the schemes by which a model is scored unless the user names others.

    `groups` is the column that training keeps together; beside sites also cities are held out where there are
    several.
    """
    schemes = ["site"] if groups == "site_id" else []
    if panel.loc[panel[TARGET].notna(), "city_id"].nunique() > 1:
        schemes.append("city")
    return schemes or ["site"]
