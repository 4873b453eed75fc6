"""Predict PM2.5 for the places and days of a panel."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.bundle import check_fits, load_bundle
from airq.features.recipe import make_recipe
from airq.io import atomic_write, check_parquet_name, check_writable, write_table
from airq.messages import notes
from airq.models.boosters import load_foreign_catboost
from airq.models.intervals import DEFAULT_COVERAGE, MIN_SHARE, check_coverage, frequency_of, period_means
from airq.models.predictor import SCALE
from airq.panel import KEYS, TARGET, panel_metadata
from airq.report.console import tell_trained
from airq.report.words import validation_sentence
from airq.units import (
    PM25_UNIT,
    aqi,
    convert,
    exceedance_column,
    exceedance_thresholds,
    is_aqi,
    unit_name,
    who_class,
)
from airq.workflows.panels import open_panel

COLUMNS = [
    "site_id",
    "city_id",
    "city",
    "country",
    "latitude",
    "longitude",
    "population",
    "date",
    "pm25",
    "lower",
    "upper",
    "level",
    "inside_domain",
    "aqi",
    "aqi_table",
    "who_class",
]
DEFAULT_AQI_TABLE = "aqi-us-2024"
#: What a prediction may be described by, see :meth:`airq.models.predictor.Predictor.describe`.
DESCRIBED = ["pm25", *SCALE, "inside_domain", "dissimilarity"]


def check_output(out):
    """Refuse an output that is neither Parquet nor CSV, or that cannot be written."""
    if not str(out).endswith(".csv"):
        check_parquet_name(out)
    check_writable(out)


def predict(panel_path, *, bundle, out, period="day", level=DEFAULT_COVERAGE, aqi_table=DEFAULT_AQI_TABLE):
    """Predict with a trained bundle.

    Parameters
    ----------
    panel_path : str or Path
        Panel with the bundle's input columns; PM2.5 in it is not looked at.
    bundle : str or Path
        Folder of the bundle.
    out : str or Path
        Parquet or CSV file of the predictions.
    period : {"day", "month", "year"}
        What a row stands for.
    level : float
        Level of the intervals.
    aqi_table : str
        Index in which `aqi` is given.

    Returns
    -------
    DataFrame
        The predictions, one row per site and period, see :func:`prediction_rows`.

    Raises
    ------
    ValueError
        Also if `level` does not lie between 0 and 1.
    """
    check_coverage(level)
    check_output(out)
    panel = open_panel(panel_path)
    predictor, facts = load_bundle(bundle)
    metadata = panel_metadata(panel)
    check_fits(panel, metadata, facts)
    _tell_gaps(panel, facts["recipe_inputs"])
    notes.print(validation_sentence(facts["evaluation"]))
    tell_trained(facts, panel)
    trained = facts["panel"]
    described = predictor.describe(panel.drop(columns=TARGET, errors="ignore"))
    calibration = predictor.calibration_
    rows = prediction_rows(
        panel, described, calibration=calibration, level=level, aqi_table=aqi_table, period=period
    )
    _tell_intervals(rows, _promise(calibration, facts, level, period))
    about = {
        "unit": PM25_UNIT,
        "trained_on": trained["pm25_origin"],
        "statistic": trained["statistic"],
        "day_basis": trained["day_basis"],
        "period": period,
        "intervals": _promise(calibration, facts, level, period),
        "applicability_threshold": facts["applicability"] and facts["applicability"]["threshold"],
        "recipe": facts["recipe"]["name"],
        "looks_ahead": facts["looks_ahead"],
        "validation": facts["evaluation"],
        "bundle_hash": facts["hash"],
        "sources": trained["sources"],
    }
    write_predictions(rows, out, about)
    return rows


def predict_with_model_file(panel_path, *, model_file, unit, out, recipe="reference", period="day"):
    """Predict with a CatBoost model that was saved natively elsewhere.

    Parameters
    ----------
    panel_path : str or Path
        Panel with the recipe's input columns.
    model_file : str or Path
        CatBoost model (.cbm) whose features are those of the recipe.
    unit : str
        Unit of what the model predicts, a concentration or an index.
    out : str or Path
        Parquet or CSV file of the predictions.
    recipe : str
        Recipe that makes its features.
    period : {"day", "month", "year"}
        What a row stands for.

    Returns
    -------
    DataFrame
        As :func:`predict`; an index is inverted to PM2.5 by its own table.
    """
    unit = unit_name(unit)
    if unit != PM25_UNIT and not is_aqi(unit):
        raise ValueError(f"A model of PM2.5 predicts {PM25_UNIT} or an index, not {unit}.")
    check_output(out)
    panel = open_panel(panel_path)
    chosen = make_recipe(recipe, panel)
    model = load_foreign_catboost(model_file, chosen.names)
    raw = np.maximum(model.predict(chosen.transform(panel)), 0)
    table = unit if is_aqi(unit) else DEFAULT_AQI_TABLE
    described = pd.DataFrame({"pm25": convert(raw, unit, PM25_UNIT)})
    rows = prediction_rows(panel, described, aqi_table=table, period=period)
    notes.print(f"Predicted by {model_file}, which was not validated here; its unit is {unit}.")
    write_predictions(
        rows,
        out,
        {"unit": PM25_UNIT, "trained_on": "unknown", "model_unit": unit, "period": period, "validation": []},
    )
    return rows


def prediction_rows(
    panel,
    described,
    *,
    calibration=None,
    level=DEFAULT_COVERAGE,
    aqi_table=DEFAULT_AQI_TABLE,
    period="day",
):
    """Rows of the prediction table.

    Parameters
    ----------
    panel : DataFrame of n_rows
        A checked panel.
    described : DataFrame of n_rows
        `pm25` of every day, with its residual_scale and `inside_domain` where they are known, see
        :meth:`airq.models.predictor.Predictor.describe`.
    calibration : Calibration, optional
        What turns a residual_scale into intervals and probabilities.
    level : float
        Level of the intervals.
    aqi_table : str
        Index in which `aqi` is given.
    period : {"day", "month", "year"}
        Days, or means over the calendar months or years of which three quarters of the days are there;
        `date` is then the first day.

    Returns
    -------
    DataFrame
        Columns in :data:`COLUMNS`, one for each of :func:`airq.units.exceedance_thresholds`, and
        `dissimilarity` [1], the distance from training behind `inside_domain` (of longer periods its mean).
        Without a calibration, or with too few places in it, intervals and probabilities are empty. The AQI,
        made for days, is empty for longer periods, and so is the WHO class of months, for which WHO has no
        level. A longer period lies inside the domain where three quarters of its days do.
    """
    frequency_of(period)
    rows = panel[["site_id", "city_id", "city", "country", "latitude", "longitude", "date"]].copy()
    rows["population"] = panel["population"] if "population" in panel.columns else np.nan
    for name in DESCRIBED:
        rows[name] = described[name].to_numpy(dtype="float64") if name in described else np.nan
    if period != "day":
        rows = _period_means(rows, period)
    inside = (rows["inside_domain"] >= (1 if period == "day" else MIN_SHARE)).astype("boolean")
    rows["inside_domain"] = inside.mask(rows["inside_domain"].isna())
    rows["aqi"] = aqi(rows["pm25"], aqi_table) if period == "day" else np.nan
    rows["aqi_table"] = aqi_table
    rows["who_class"] = None if period == "month" else who_class(rows["pm25"], period)
    rows["who_class"] = rows["who_class"].astype("str")
    levels = exceedance_thresholds(period, aqi_table)
    names = [exceedance_column(limit) for limit in levels]
    rows[["lower", "upper", "level", *names]] = np.nan
    if calibration is not None:
        described = rows["pm25"].to_numpy(), rows[SCALE].to_numpy()
        rows[["lower", "upper"]] = calibration.interval(*described, level, period)
        rows["level"] = rows["level"].mask(rows["lower"].notna(), level)
        rows[names] = calibration.exceedance(*described, levels, period)
    return rows[[*COLUMNS, *names, "dissimilarity"]].sort_values(KEYS, ignore_index=True)


def write_predictions(rows, out, about):
    """Write predictions as Parquet (facts in its metadata), or as CSV where the name ends so."""
    if str(out).endswith(".csv"):
        with atomic_write(out) as unfinished:
            rows.assign(unit=PM25_UNIT, trained_on=about["trained_on"]).to_csv(unfinished, index=False)
        return
    write_table(rows, out, metadata={"airq": about})


def describe_predictions(rows):
    """Figures about a table of predictions."""
    return {
        "rows": len(rows),
        "sites": rows["site_id"].nunique(),
        "first_day": f"{rows['date'].min():%Y-%m-%d}",
        "last_day": f"{rows['date'].max():%Y-%m-%d}",
        "pm25_mean": float(rows["pm25"].mean()),
        "pm25_max": float(rows["pm25"].max()),
        "unit": PM25_UNIT,
    }


def _period_means(rows, period):
    means = period_means(rows, period, keys=["site_id"])
    n_periods = len(rows.groupby(["site_id", rows["date"].dt.to_period(frequency_of(period))]).size())
    if len(means) < n_periods:
        notes.print(
            f"{n_periods - len(means):,} of {n_periods:,} calendar periods of a site are left out: fewer "
            f"than {MIN_SHARE:.0%} of their days are in the panel."
        )
    if means.empty:
        raise ValueError(
            f"No site has {MIN_SHARE:.0%} of the days of a calendar period in the panel, so there is no mean "
            "to give; leave --period out for days."
        )
    return means


def _promise(calibration, facts, level, period):
    uncertainty = facts["uncertainty"]
    if calibration is None:
        return uncertainty["promises"][0]
    return calibration.explain(level, period, groups=uncertainty["calibrated_on"])


def _tell_intervals(rows, promise):
    notes.print(promise)
    outside = (rows["inside_domain"] == False).sum()  # noqa: E712 (missing values are neither)
    if outside:
        notes.print(
            f"[yellow]{outside:,} of {len(rows):,} rows lie outside the domain of training[/] "
            "(`inside_domain` is false): there the predictor extrapolates and its intervals need not hold."
        )


def _tell_gaps(panel, inputs):
    empty = [name for name in inputs if panel[name].isna().all()]
    if empty:
        notes.print(
            f"[yellow]{len(empty)} of {len(inputs)} input columns are empty in this panel[/] "
            f"(first {empty[0]}); predictions lean on the others."
        )
