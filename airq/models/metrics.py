"""Figures that judge predictions of daily PM2.5."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.panel import TARGET
from airq.units import PM25_UNIT, aqi_class

#: Table by which the classes of an evaluation are told.
AQI_TABLE = "aqi-us-2024"
#: A city counts as the worst only with this many rows. [days]
MIN_CITY_ROWS = 10
SMOOTHING_DAYS = 10


def rmse(observed, predicted):
    """Root-mean-square error. [unit of the arguments]

    >>> float(rmse([1.0, 3.0], [1.0, 1.0])) ** 2
    2.0000000000000004
    """
    return float(np.sqrt(np.mean(np.square(np.asarray(predicted) - np.asarray(observed)))))


def r2(observed, predicted):
    """Share of the variance that predictions explain; missing where observations do not vary. [1]"""
    observed = np.asarray(observed, dtype="float64")
    spread = np.sum(np.square(observed - observed.mean()))
    if spread == 0:
        return np.nan
    return float(1 - np.sum(np.square(np.asarray(predicted) - observed)) / spread)


def smoothed(panel, values, days=SMOOTHING_DAYS):
    """Mean of a site's values over the trailing calendar days, where at least half of them are there.

    Parameters
    ----------
    panel : DataFrame of n_samples rows
        `site_id` and `date`.
    values : array-like of shape (n_samples,)
        What to smooth.
    days : int
        Length of the window. [d]

    Returns
    -------
    numpy.ndarray of shape (n_samples,)
        Missing where fewer than half of the days have a value.
    """
    table = pd.DataFrame({"site_id": panel["site_id"].to_numpy(), "date": panel["date"].to_numpy()})
    table["value"] = np.asarray(values, dtype="float64")
    table["row"] = np.arange(len(table))
    table = table.sort_values(["site_id", "date"])
    window = table.set_index("date").groupby("site_id")["value"].rolling(f"{days}D", min_periods=days // 2)
    result = np.empty(len(table))
    result[table["row"].to_numpy()] = window.mean().to_numpy()
    return result


def scores(panel, predicted):
    """All figures of one set of held-out predictions.

    Parameters
    ----------
    panel : DataFrame of n_samples rows
        Rows with an observed `pm25`. [µg m⁻³]
    predicted : array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]

    Returns
    -------
    dict
        `n, rmse, mae, r2, bias, aqi_right, aqi_within_one, rmse_smoothed10, mae_smoothed10,
        worst_city, worst_city_rmse, unit, aqi_table`. Errors in µg m⁻³; shares of rows in [1].
    """
    observed = panel[TARGET].to_numpy(dtype="float64")
    predicted = np.asarray(predicted, dtype="float64")
    error = predicted - observed
    apart = np.abs(aqi_class(np.maximum(predicted, 0), AQI_TABLE) - aqi_class(observed, AQI_TABLE))
    smooth_error = smoothed(panel, predicted) - smoothed(panel, observed)
    smooth_error = smooth_error[~np.isnan(smooth_error)]
    city, city_rmse = worst_city(panel, predicted)
    return {
        "n": len(observed),
        "rmse": rmse(observed, predicted),
        "mae": float(np.abs(error).mean()),
        "r2": r2(observed, predicted),
        "bias": float(error.mean()),
        "aqi_right": float(np.mean(apart == 0)),
        "aqi_within_one": float(np.mean(apart <= 1)),
        "rmse_smoothed10": float(np.sqrt(np.mean(smooth_error**2))) if len(smooth_error) else np.nan,
        "mae_smoothed10": float(np.abs(smooth_error).mean()) if len(smooth_error) else np.nan,
        "worst_city": city,
        "worst_city_rmse": city_rmse,
        "unit": PM25_UNIT,
        "aqi_table": AQI_TABLE,
    }


def error_by_group(panel, predicted, column="city_id"):
    """Rows, RMSE, bias and means of every group.

    Parameters
    ----------
    panel : DataFrame of n_samples rows
        Rows with an observed `pm25`. [µg m⁻³]
    predicted : array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]
    column : str
        What groups the rows.

    Returns
    -------
    DataFrame
        Indexed by group: `n, rmse, bias, observed, predicted`.
    """
    observed = panel[TARGET].to_numpy(dtype="float64")
    table = pd.DataFrame(
        {"observed": observed, "predicted": np.asarray(predicted, dtype="float64")}, index=panel[column]
    )
    table["bias"] = table["predicted"] - table["observed"]
    table["square"] = table["bias"] ** 2
    groups = table.groupby(level=0)
    means = groups.mean()
    return pd.DataFrame(
        {
            "n": groups.size(),
            "rmse": np.sqrt(means["square"]),
            "bias": means["bias"],
            "observed": means["observed"],
            "predicted": means["predicted"],
        }
    )


def worst_city(panel, predicted):
    """Name and country of the city with the largest RMSE, and that RMSE. [µg m⁻³]

    Cities of fewer than ten rows count only where all are so small.
    """
    cities = error_by_group(panel, predicted)
    large = cities[cities["n"] >= MIN_CITY_ROWS]
    cities = large if len(large) else cities
    worst = panel[panel["city_id"] == cities["rmse"].idxmax()].iloc[0]
    return f"{worst['city']}, {worst['country']}", float(cities["rmse"].max())


def bootstrap_difference(panel, ours, theirs, *, n_draws=2000, level=0.95, seed=0):
    """Difference of two RMSEs with an interval from resampled cities.

    Parameters
    ----------
    panel : DataFrame of n_samples rows
        Rows with an observed `pm25`. [µg m⁻³]
    ours, theirs : array-like of shape (n_samples,)
        Two predictions of the same rows. [µg m⁻³]
    n_draws : int
        Number of bootstrap samples.
    level : float
        Level of the percentile interval.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict
        `difference` (ours minus theirs, negative where ours is better), `ci_low, ci_high`
        [µg m⁻³] and `resampled`, what was drawn: cities, or sites where there are fewer than
        five cities. The limits are missing where there are fewer than five sites, too.
    """
    observed = panel[TARGET].to_numpy(dtype="float64")
    column = "city_id" if panel["city_id"].nunique() >= 5 else "site_id"
    squares = pd.DataFrame(
        {
            "ours": np.square(np.asarray(ours) - observed),
            "theirs": np.square(np.asarray(theirs) - observed),
            "n": 1.0,
        }
    )
    sums = squares.groupby(panel[column].to_numpy()).sum().to_numpy()
    point = np.sqrt(sums[:, 0].sum() / sums[:, 2].sum()) - np.sqrt(sums[:, 1].sum() / sums[:, 2].sum())
    low = high = np.nan
    if len(sums) >= 5:
        draws = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), n_draws)
        total = draws @ sums
        differences = np.sqrt(total[:, 0] / total[:, 2]) - np.sqrt(total[:, 1] / total[:, 2])
        low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    return {
        "difference": float(point),
        "ci_low": float(low),
        "ci_high": float(high),
        "resampled": "cities" if column == "city_id" else "sites",
    }
