"""Score predictions of daily PM2.5: errors, coverage of intervals, probabilities of exceedance.

The guarantee of :mod:`airq.models.intervals` is about a random day of a random group, so the records give
the mean over groups (`coverage_by_group`) beside the share of all rows. Parts of the rows show where coverage
is lower. The parts by *observed* concentration are for diagnosis only: no one knows them when predicting,
and high values lie above their prediction by selection. Readers of a prediction can use the parts by
*predicted* concentration.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.panel import TARGET
from airq.units import PM25_UNIT, WHO_CLASSES, aqi_class, who_class
from airq.validation.splitters import SEASONS, season_of

#: Table of the AQI classes of an evaluation.
AQI_TABLE = "aqi-us-2024"
#: A city counts as the worst only with this many rows. [days]
MIN_CITY_ROWS = 10
SMOOTHING_DAYS = 10
#: Fewer groups than this give no bootstrap interval.
MIN_BOOTSTRAP_GROUPS = 5
#: Share of the rows, those of the highest observations, whose part in the error is given. [1]
TOP_SHARE = 0.01
#: Edges of the classes of probability of a reliability table.
EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


def rmse(observed, predicted):
    """Return the root-mean-square error, in the unit of the arguments.

    >>> float(rmse([1.0, 3.0], [1.0, 1.0])) ** 2
    2.0000000000000004
    """
    return float(np.sqrt(np.mean(np.square(np.asarray(predicted) - np.asarray(observed)))))


def r2(observed, predicted):
    """Return the share of variance that predictions explain [1]; NaN where observations do not vary."""
    observed = np.asarray(observed, dtype="float64")
    total = np.sum(np.square(observed - observed.mean()))
    return float(1 - np.sum(np.square(np.asarray(predicted) - observed)) / total) if total else np.nan


def smoothed(panel, values, days=SMOOTHING_DAYS):
    """Return the mean of a site's values over so many trailing calendar days, in the order of the rows.

    It is NaN where fewer than half of the days have a value.
    """
    table = pd.DataFrame({"site_id": pd.factorize(panel["site_id"])[0], "date": panel["date"].to_numpy()})
    table["value"] = np.asarray(values, dtype="float64")
    table["row"] = np.arange(len(table))
    table = table.sort_values(["site_id", "date"])
    window = table.set_index("date").groupby("site_id")["value"].rolling(f"{days}D", min_periods=days // 2)
    result = np.empty(len(table))
    result[table["row"].to_numpy()] = window.mean().to_numpy()
    return result


def scores(panel, predicted):
    """Return all figures of the predictions [µg m⁻³] of a panel's rows, all of which have an observed `pm25`.

    `n, rmse, mae, r2, bias, aqi_right, aqi_within_one, rmse_smoothed10, mae_smoothed10, worst_city,
    worst_city_rmse, median_error` (median absolute error), `top1_share, rmse_without_top1` (see
    :func:`top_error`), `unit, aqi_table`. Errors in µg m⁻³; shares in [1].
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
        "median_error": float(np.median(np.abs(error))),
        **top_error(observed, predicted),
        "unit": PM25_UNIT,
        "aqi_table": AQI_TABLE,
    }


def top_error(observed, predicted):
    """Return how much of the error is that of the highest 1 % of the observations, one row at least.

    `top1_share` is their share of the squared error [1], `rmse_without_top1` the RMSE of the other rows, in
    the unit of the arguments; NaN where there is no error, or no other row.

    >>> top_error([10.0, 10.0, 90.0], [11.0, 9.0, 83.0])
    {'top1_share': 0.9607843137254902, 'rmse_without_top1': 1.0}
    """
    observed = np.asarray(observed, dtype="float64")
    square = np.square(np.asarray(predicted) - observed)
    order = np.argsort(observed, kind="stable")
    others = order[: len(order) - max(1, int(TOP_SHARE * len(order)))]
    return {
        "top1_share": float(1 - square[others].sum() / square.sum()) if square.sum() else np.nan,
        "rmse_without_top1": float(np.sqrt(square[others].mean())) if len(others) else np.nan,
    }


def error_by_group(panel, predicted, column="city_id"):
    """Return `n, rmse, bias, observed, predicted` (means, [µg m⁻³]) of every group of a panel's rows."""
    observed = panel[TARGET].to_numpy(dtype="float64")
    table = pd.DataFrame(
        {"observed": observed, "predicted": np.asarray(predicted, dtype="float64")}, index=panel[column]
    )
    table["bias"] = table["predicted"] - table["observed"]
    table["square"] = table["bias"] ** 2
    groups = table.groupby(level=0)
    means = groups.mean()
    means = means.assign(n=groups.size(), rmse=np.sqrt(means["square"]))
    return means[["n", "rmse", "bias", "observed", "predicted"]]


def worst_city(panel, predicted):
    """Return name and country of the city with the largest RMSE, and that RMSE [µg m⁻³].

    Cities of fewer than ten rows count only where all are so small.
    """
    cities = error_by_group(panel, predicted)
    large = cities[cities["n"] >= MIN_CITY_ROWS]
    cities = large if len(large) else cities
    worst = panel[panel["city_id"] == cities["rmse"].idxmax()].iloc[0]
    return f"{worst['city']}, {worst['country']}", float(cities["rmse"].max())


def bootstrap_difference(panel, ours, theirs, *, n_draws=2000, confidence=0.95, seed=0):
    """Return the difference of two RMSEs with an interval from resampled cities.

    `ours` and `theirs` are two predictions [µg m⁻³] of a panel's rows, all of which have an observed `pm25`;
    `confidence` belongs to the percentile interval. The result has `difference` (ours minus theirs, negative
    where ours is better), `ci_low, ci_high` [µg m⁻³] and `resampled`, what was drawn: cities, or sites where
    there are fewer than five cities. The limits are missing where there are fewer than five sites, too.
    """
    observed = panel[TARGET].to_numpy(dtype="float64")
    column = "city_id" if panel["city_id"].nunique() >= MIN_BOOTSTRAP_GROUPS else "site_id"
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
    if len(sums) >= MIN_BOOTSTRAP_GROUPS:
        total = _resampled(sums, n_draws, seed)
        differences = np.sqrt(total[:, 0] / total[:, 2]) - np.sqrt(total[:, 1] / total[:, 2])
        low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {
        "difference": float(point),
        "ci_low": float(low),
        "ci_high": float(high),
        "resampled": "cities" if column == "city_id" else "sites",
    }


def interval_scores(observed, interval, nominal):
    """Return coverage, mean width and mean Winkler score of intervals.

    `observed` has shape (n_rows,), `interval` (n_rows, 2) [µg m⁻³]; rows without an interval do not count.
    `nominal` is the coverage that the intervals were made for.

    Returns
    -------
    dict
        `coverage` [1], `width` and `winkler` [µg m⁻³]. The Winkler score is the width plus
        ``2 / (1 - nominal)`` times the distance to an observation outside: lower is better [1]_.
        Missing where no row has an interval.

    References
    ----------
    .. [1] T. Gneiting, A. Raftery, Strictly proper scoring rules, prediction, and estimation,
       Journal of the American Statistical Association 102, 359-378, 2007, section 6.2.

    Examples
    --------
    >>> interval_scores([5.0, 12.0], [[0.0, 10.0], [0.0, 10.0]], 0.5)
    {'coverage': 0.5, 'width': 10.0, 'winkler': 14.0}
    """
    return _means(_row_scores(observed, interval, nominal))


def coverage_table(rows, nominal, *, period="day", n_draws=2000, seed=0):
    """Return the coverage of all held-out rows, and of their parts.

    `rows` have `group, city_id, city, country, date, observed, predicted, lower, upper` [µg m⁻³]; those
    without an interval or an observation do not count. `nominal` is the coverage that the intervals were made
    for. A row stands for a `period`: classes exist for days and years only, seasons for days and months.
    `n_draws` and `seed` are those of the bootstrap samples of groups.

    Returns
    -------
    list of dict
        `part` (all, country, season, predicted_class, observed_class, worst_city), `value` (which one),
        `n, groups, coverage, ci_low, ci_high` (95 % of the coverage, groups resampled; missing with
        fewer than five), `coverage_by_group, width, winkler, level, period, unit`. Empty where no row
        has an interval.
    """
    rows = rows.dropna(subset=["observed", "lower", "upper"]).reset_index(drop=True)
    if rows.empty:
        return []
    table = _row_scores(rows["observed"], rows[["lower", "upper"]], nominal).assign(group=rows["group"])
    shared = {"level": nominal, "period": period, "unit": PM25_UNIT}
    return [
        {"part": part, "value": value, **_record(table[mask], n_draws, seed), **shared}
        for part, value, mask in _parts(rows, table, period)
    ]


def worst_city_rows(rows, inside):
    """Return the name of the city that is covered least, and a mask of its rows.

    `inside` holds whether the observation of a row lies in its interval. Cities of fewer than ten rows count
    only where all are so small.
    """
    cities = pd.DataFrame({"inside": np.asarray(inside, dtype="float64")}).groupby(rows["city_id"].to_numpy())
    share, n = cities["inside"].mean(), cities.size()
    worst = (share[n >= MIN_CITY_ROWS] if (n >= MIN_CITY_ROWS).any() else share).idxmin()
    mask = (rows["city_id"] == worst).to_numpy()
    first = rows[mask].iloc[0]
    return f"{first['city']}, {first['country']}", mask


def bootstrap_share(inside, groups, *, confidence=0.95, n_draws=2000, seed=0):
    """Return the percentile interval of a share of rows, whole groups drawn with replacement.

    `inside` holds zeros and ones, `groups` what each row belongs to. Both ends are NaN with fewer than five
    groups.
    """
    sums = pd.DataFrame({"inside": np.asarray(inside, dtype="float64"), "n": 1.0})
    sums = sums.groupby(group_numbers(groups)).sum().to_numpy()
    if len(sums) < MIN_BOOTSTRAP_GROUPS:
        return np.nan, np.nan
    total = _resampled(sums, n_draws, seed)
    low, high = np.quantile(total[:, 0] / total[:, 1], [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def group_numbers(groups):
    """Return the number of the group of every row, (n_rows,), by their order as text; numbers stay.

    >>> group_numbers(["b", "a", "b"]).tolist()
    [1, 0, 1]
    """
    if getattr(groups, "dtype", None) == np.intp:
        return np.asarray(groups)
    number, names = pd.factorize(np.asarray(groups) if isinstance(groups, list) else groups)
    # Rows are numbers: as text they would take as much as all their figures.
    return np.argsort(np.argsort(np.asarray(names, dtype="str"), kind="stable"))[number]


def _resampled(sums, n_draws, seed):
    """Return the sums over groups that are drawn with replacement, of shape (n_draws, n_columns)."""
    draws = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), n_draws)
    return draws @ sums


def _row_scores(observed, interval, nominal):
    observed = np.asarray(observed, dtype="float64")
    lower, upper = np.asarray(interval, dtype="float64").T
    outside = np.maximum(lower - observed, 0) + np.maximum(observed - upper, 0)
    table = pd.DataFrame({"coverage": (outside == 0).astype("float64"), "width": upper - lower})
    table["winkler"] = table["width"] + 2 / (1 - nominal) * outside
    return table.where(table["width"].notna())


def _means(table):
    return {name: float(table[name].mean()) for name in ("coverage", "width", "winkler")}


def _record(table, n_draws, seed):
    means = _means(table)
    low, high = bootstrap_share(table["coverage"], table["group"], n_draws=n_draws, seed=seed)
    by_group = table.groupby("group")["coverage"].mean()
    return {
        "n": len(table),
        "groups": len(by_group),
        "coverage": means.pop("coverage"),
        "ci_low": low,
        "ci_high": high,
        "coverage_by_group": float(by_group.mean()),
        **means,
    }


def _parts(rows, table, period):
    """Yield part, value and mask of every record, in order."""
    yield "all", "", np.ones(len(rows), dtype=bool)
    yield from _by("country", rows["country"], sorted(rows["country"].unique()))
    if period != "year":
        yield from _by("season", season_of(rows["date"]), SEASONS)
    if period != "month":
        for part, column in (("predicted_class", "predicted"), ("observed_class", "observed")):
            yield from _by(part, who_class(np.maximum(rows[column], 0), period), WHO_CLASSES)
    yield "worst_city", *worst_city_rows(rows, table["coverage"])


def _by(part, labels, values):
    labels = np.asarray(labels)
    for value in values:
        if (labels == value).any():
            yield part, value, labels == value


def brier(probability, happened):
    """Return the Brier score [1]_, the mean square of probability minus outcome (0 or 1); lower is better.

    References
    ----------
    .. [1] G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather
       Review 78, 1-3, 1950.

    Examples
    --------
    >>> brier([1.0, 0.5], [True, False])
    0.125
    """
    return float(np.mean(np.square(np.asarray(probability) - np.asarray(happened, dtype="float64"))))


def exceedance_scores(observed, probability, thresholds):
    """Return figures of the probabilities of exceeding each threshold.

    `observed` has shape (n_rows,) [µg m⁻³], `probability` (n_rows, n_thresholds) for thresholds in µg m⁻³.
    Rows without an observation or a probability do not count. The records have `threshold, n, frequency`
    (share of rows above it), `mean_probability, brier, skill` and `unit` of the threshold. The skill is 1 for
    perfect probabilities and 0 for those as good as the climatology, the constant `frequency`; NaN where the
    climatology is perfect.
    """
    observed, probability = np.asarray(observed, dtype="float64"), np.asarray(probability, dtype="float64")
    records = []
    for threshold, column in zip(thresholds, probability.T, strict=True):
        complete = ~np.isnan(column) & ~np.isnan(observed)
        if not complete.any():
            continue
        happened = observed[complete] > threshold
        frequency = float(happened.mean())
        score, constant = brier(column[complete], happened), frequency * (1 - frequency)
        records.append(
            {
                "threshold": float(threshold),
                "n": int(complete.sum()),
                "frequency": frequency,
                "mean_probability": float(column[complete].mean()),
                "brier": score,
                "skill": 1 - score / constant if constant > 0 else np.nan,
                "unit": PM25_UNIT,
            }
        )
    return records


def reliability(observed, probability, thresholds, groups, *, edges=EDGES, n_draws=1000, seed=0):
    """Return how often thresholds were exceeded, by class of predicted probability.

    `observed` and `groups` have shape (n_rows,), `probability` (n_rows, n_thresholds) for thresholds in
    µg m⁻³; `edges` separate the classes of probability. The table has a row per threshold and class of
    probability that occurs: `threshold` [µg m⁻³], `low, high` (the class), `n, groups, probability` (its
    mean), `frequency`, and `ci_low, ci_high` (95 % of the frequency, groups resampled).
    """
    observed, probability = np.asarray(observed, dtype="float64"), np.asarray(probability, dtype="float64")
    groups, rows = group_numbers(groups), []
    for threshold, column in zip(thresholds, probability.T, strict=True):
        complete = ~np.isnan(column) & ~np.isnan(observed)
        number = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
        for position in np.unique(number[complete]):
            mask = complete & (number == position)
            happened = observed[mask] > threshold
            low, high = bootstrap_share(happened, groups[mask], n_draws=n_draws, seed=seed)
            rows.append(
                {
                    "threshold": float(threshold),
                    "low": edges[position],
                    "high": edges[position + 1],
                    "n": int(mask.sum()),
                    "groups": len(np.unique(groups[mask])),
                    "probability": float(column[mask].mean()),
                    "frequency": float(happened.mean()),
                    "ci_low": low,
                    "ci_high": high,
                }
            )
    return pd.DataFrame(rows)
