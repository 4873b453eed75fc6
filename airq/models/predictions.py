"""The table of predictions: one row per place and period, with interval, classes and probabilities."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd

from airq.geo import nearest, sites_of
from airq.io import atomic_write, check_parquet_name, table_writer
from airq.messages import warn
from airq.models.intervals import DEFAULT_COVERAGE, MIN_SHARE, frequency_of, period_means
from airq.models.predictor import SCALE
from airq.panel import KEYS, PLACE
from airq.units import PM25_UNIT, aqi, exceedance_column, exceedance_thresholds, who_class

COLUMNS = [
    *PLACE,
    "population",
    "place",
    "date",
    "period",
    "n_days",
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
DESCRIBED = ["pm25", *SCALE, "inside_domain", "dissimilarity", "monitor_km"]
#: A site may be this far from where training had it. [km]
SAME_PLACE_KM = 1.0


def at_training_places(panel, places):
    """Return whether each row is of a place that a model learned from, by its name or by its position.

    `places` holds latitude and longitude [°] of the training places by site_id.
    """
    sites = sites_of(panel)
    trained = sites.index.isin(places)
    if places:
        there = pd.DataFrame(places.values(), columns=["latitude", "longitude"])
        trained |= nearest(sites, there)[1] <= SAME_PLACE_KM
    return panel["site_id"].isin(sites.index[trained]).to_numpy()


def prediction_rows(
    panel,
    described,
    *,
    calibration=None,
    places=None,
    coverage=DEFAULT_COVERAGE,
    aqi_table=DEFAULT_AQI_TABLE,
    period="day",
):
    """Return the table of predictions.

    `described` holds the `pm25` of every day of a checked panel, with its residual scale and `inside_domain`
    where there are any, see :meth:`airq.models.predictor.Predictor.describe`; the Calibration turns residual
    scales into intervals of a `coverage` and into probabilities; `places` are those of training, see
    :func:`at_training_places`; `aqi_table` is the index in which `aqi` is given. A row of a longer `period`
    (month, year) is a mean over one of which three quarters of the days are there; `date` is its first day.

    Returns
    -------
    DataFrame
        Columns in :data:`COLUMNS`, one for each of :func:`airq.units.exceedance_thresholds`, and
        `dissimilarity` [1], the distance from training behind `inside_domain` (of longer periods its mean),
        and `monitor_km`, that to the nearest monitor with a value on the day, missing without one and for
        longer periods [km].
        `place` is "training" or "new", missing where `places` is not given; `n_days` is the number of days
        behind a row. Without a calibration, or with too few places in it, intervals and probabilities are
        empty. The AQI, made for days, is empty for longer periods, and with it `aqi_table`; so is the WHO
        class of months, for which WHO has no level. A longer period lies inside the area of applicability
        where three quarters of its days do.
    """
    rows = day_rows(panel, described, places)
    if period != "day":
        rows, n_periods = period_rows(rows, period)
        check_periods(len(rows), n_periods, period)
    return classified_rows(rows, calibration, coverage=coverage, aqi_table=aqi_table, period=period)


def day_rows(panel, described, places):
    """Return the days of a panel with their predictions, see :func:`prediction_rows`."""
    rows = panel[[*PLACE, "date"]].copy()
    rows["population"] = panel["population"] if "population" in panel.columns else np.nan
    rows["place"] = None if places is None else np.where(at_training_places(panel, places), "training", "new")
    rows["n_days"] = 1
    for name in DESCRIBED:
        rows[name] = described[name].to_numpy(dtype="float64") if name in described else np.nan
    rows["monitor_km"] = rows["monitor_km"].replace(np.inf, np.nan)
    return rows


def classified_rows(rows, calibration, *, coverage, aqi_table=DEFAULT_AQI_TABLE, period="day"):
    """Return days, or means over a period, with intervals, classes and probabilities by site and date."""
    frequency_of(period)
    rows["period"] = period
    inside = (rows["inside_domain"] >= (1 if period == "day" else MIN_SHARE)).astype("boolean")
    rows["inside_domain"] = inside.mask(rows["inside_domain"].isna())
    rows["aqi"] = aqi(rows["pm25"], aqi_table) if period == "day" else np.nan
    rows["aqi_table"] = pd.Series(aqi_table, index=rows.index).where(rows["aqi"].notna())
    rows["who_class"] = None if period == "month" else who_class(rows["pm25"], period)
    rows = rows.astype({"place": "str", "aqi_table": "str", "who_class": "str"})
    thresholds = exceedance_thresholds(period, aqi_table)
    names = [exceedance_column(limit) for limit in thresholds]
    rows[["lower", "upper", "level", *names]] = np.nan
    if calibration is not None:
        described = rows["pm25"].to_numpy(), rows[SCALE].to_numpy()
        rows[["lower", "upper"]] = calibration.interval(*described, coverage, period)
        rows["level"] = rows["level"].mask(rows["lower"].notna(), coverage)
        rows[names] = calibration.exceedance(*described, thresholds, period)
    return rows[[*COLUMNS, *names, "dissimilarity", "monitor_km"]].sort_values(KEYS, ignore_index=True)


def period_rows(rows, period):
    """Return the means over the months or years of every site, and of how many there are days."""
    n_days = rows.groupby(["site_id", rows["date"].dt.to_period(frequency_of(period))]).size()
    means = period_means(rows.assign(monitor_km=np.nan), period, keys=["site_id"])
    periods = pd.MultiIndex.from_arrays([means["site_id"], means["date"].dt.to_period(frequency_of(period))])
    return means.assign(n_days=n_days.loc[periods].to_numpy()), len(n_days)


def check_periods(n_means, n_periods, period):
    """Refuse a panel without any mean over a period; warn if some of them have too few days."""
    if not n_means:
        raise ValueError(
            f"No site has {MIN_SHARE:.0%} of the days of a calendar {period} in the panel, so there is no "
            "mean to give; leave --period out for days."
        )
    if n_means < n_periods:
        warn(
            f"{n_periods - n_means:,} of {n_periods:,} calendar {period}s of a site are left out: "
            f"fewer than {MIN_SHARE:.0%} of their days are in the panel."
        )


class Figures:
    """Figures of predictions that come some at a time, by place: "new", "training", and "" for all."""

    def __init__(self):
        self.parts, self.period = {}, "day"

    def add(self, rows):
        """Count rows of a table of predictions."""
        self.period = rows["period"].iloc[0] if "period" in rows else "day"
        for place in ("", "new", "training") if "place" in rows else ("",):
            some = rows[rows["place"] == place] if place else rows
            if len(some):
                part = self.parts.setdefault(place, {"rows": 0, "total": 0.0, "highest": 0.0, "sites": set()})
                part["rows"] += len(some)
                part["total"] += float(some["pm25"].sum())
                part["highest"] = max(part["highest"], float(some["pm25"].max()))
                part["sites"] |= set(some["site_id"].unique())
                part["first"] = min(part.get("first", some["date"].min()), some["date"].min())
                part["last"] = max(part.get("last", some["date"].max()), some["date"].max())

    def of(self, place=""):
        """Return the figures of a place as plain values."""
        part = self.parts[place]
        return {
            "rows": part["rows"],
            "sites": len(part["sites"]),
            "first_day": f"{part['first']:%Y-%m-%d}",
            "last_day": f"{part['last']:%Y-%m-%d}",
            "pm25_mean": part["total"] / part["rows"],
            "pm25_max": part["highest"],
            "unit": PM25_UNIT,
        }


def write_predictions(rows: pd.DataFrame, path: str | Path) -> None:
    """Write a table of predictions, as `airq app` reads it.

    Parameters
    ----------
    rows : DataFrame
        From :meth:`airq.PM25Regressor.predict_table`; ``attrs["airq"]`` says where predictions come from.
    path : str or Path
        Parquet file, which gets these metadata; or a CSV file, by its name, which gets two of their columns.

    Raises
    ------
    ValueError
        If the table has lost its metadata, or the name ends in neither.
    """
    metadata = rows.attrs.get("airq")
    if metadata is None:
        raise ValueError("The predictions carry no metadata; write the table that predict_table returned.")
    with prediction_writer(path, metadata) as write:
        write(rows)


@contextlib.contextmanager
def prediction_writer(path, metadata):
    """Write a table of predictions to Parquet or CSV part by part, whole or not at all.

    Yields ``write(rows)``, which takes the next rows, see :func:`write_predictions`.
    """
    if str(path).lower().endswith(".csv"):
        with atomic_write(path) as unfinished, open(unfinished, "w", encoding="utf-8", newline="") as file:

            def write(rows):
                rows = rows.assign(unit=PM25_UNIT, trained_on=metadata["trained_on"])
                rows.to_csv(file, index=False, header=not file.tell())

            yield write
        return
    check_parquet_name(path)
    with table_writer(path, {"airq": metadata}) as write:
        yield write
