"""Predict with a CatBoost model that was saved natively elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.features.recipe import make_recipe
from airq.messages import warn
from airq.models.boosters import load_foreign_catboost
from airq.models.predictions import DEFAULT_AQI_TABLE, prediction_rows
from airq.models.predictor import open_panel
from airq.panel import panel_metadata
from airq.units import PM25_UNIT, convert, is_aqi, unit_name


def predict_with_model_file(panel, model_file, *, unit, recipe="reference", period="day"):
    """Return predictions of a CatBoost model (.cbm) whose features are those of a recipe.

    `panel` is one with the recipe's input columns, or its file; `unit` is that of what the model predicts, a
    concentration or an index, which is inverted to PM2.5 by its own table; a row stands for a `period` (day,
    month, year). See :func:`airq.models.predictions.prediction_rows`.
    """
    unit = unit_name(unit)
    if unit != PM25_UNIT and not is_aqi(unit):
        raise ValueError(f"A model of PM2.5 predicts {PM25_UNIT} or an index, not {unit}.")
    panel = open_panel(panel)
    chosen = make_recipe(recipe, panel)
    model = load_foreign_catboost(model_file, chosen.names)
    raw = np.maximum(model.predict(chosen.transform(panel)), 0)
    table = unit if is_aqi(unit) else DEFAULT_AQI_TABLE
    described = pd.DataFrame({"pm25": convert(raw, unit, PM25_UNIT)})
    rows = prediction_rows(panel, described, aqi_table=table, period=period)
    rows.attrs["airq"] = {
        "unit": PM25_UNIT,
        "trained_on": "unknown",
        "model_unit": unit,
        "period": period,
        "validation": [],
        "inputs": list(panel_metadata(panel).sources),
    }
    warn(f"{model_file} was not validated here; it predicts in {unit}.")
    return rows
