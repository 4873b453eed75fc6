"""Merge the sites of a panel: monitors that are one, and all monitors of a city."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.cities import STATION_KM, chains
from airq.panel import COLUMNS, KEYS, PLACE, TARGET, check_panel, feature_columns, label_panel, panel_metadata
from airq.sources.days import aggregation
from airq.units import aqi

#: Column that says of how many monitors a value of PM2.5 is the mean.
N_MONITORS = "n_monitors"
#: Fewest common days on which two monitors must read the same to be one.
_DAYS_OF_TWINS = 3


def merge_twins(panel: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Merge sites that stand within 100 m of each other and read the same PM2.5; name them.

    Returns
    -------
    panel : DataFrame
        The first of such sites, with the days of all; where it has no value, that of the next.
    merged : list of str
        A phrase for each site that went into another.
    """
    places = panel[PLACE].drop_duplicates("site_id").reset_index(drop=True)
    into, merged = {}, []
    series = dict(iter(panel.set_index("date").groupby("site_id")[TARGET])) if TARGET in panel else {}
    for _, sites in places.groupby(chains(places, STATION_KM))["site_id"]:
        first = sites.iloc[0]
        for site in sites.iloc[1:]:
            if _same_readings(series.get(first), series.get(site)):
                into[site] = first
                merged.append(f"{site} into {first}")
    if not into:
        return panel, []
    own = places.set_index("site_id")
    rows = panel.assign(site_id=panel["site_id"].replace(into))
    rows = rows.groupby(KEYS, sort=False, as_index=False).first()
    at_home = own.loc[rows["site_id"]].reset_index()
    return check_panel(label_panel(rows.assign(**at_home[PLACE]), panel_metadata(panel))), merged


def _same_readings(one, other):
    """Tell whether two monitors read the same on all common days, at least three, and not a constant."""
    if one is None or other is None:
        return False
    both = pd.concat([one, other], axis=1, join="inner").dropna()
    if len(both) < _DAYS_OF_TWINS or both.iloc[:, 0].nunique() == 1:
        return False
    return bool(np.isclose(both.iloc[:, 0], both.iloc[:, 1], rtol=1e-4, atol=0.01).all())


def mean_by_city(panel: pd.DataFrame) -> pd.DataFrame:
    """Average the sites of each city, day by day, as one site at their mean position; see :func:`means`.

    `n_monitors` counts the sites with PM2.5 that a row is the mean of. A row without any is kept.
    """
    numeric = [name for name in panel.columns if name in (TARGET, "aqi", "n_hours", *feature_columns(panel))]
    metadata = panel_metadata(panel)
    places = panel[PLACE].drop_duplicates("site_id")
    position = places.groupby("city_id")[["latitude", "longitude"]].mean()
    rows = means(panel, ["city_id", "date"], numeric, metadata.units.get("aqi", COLUMNS["aqi"].unit))
    names = panel.drop_duplicates("city_id").set_index("city_id")[["city", "country"]]
    rows = rows.join(names, on="city_id").join(position, on="city_id").assign(site_id=rows["city_id"])
    return check_panel(label_panel(rows, metadata))


def means(rows: pd.DataFrame, keys: list[str], names: list[str], table: str | None) -> pd.DataFrame:
    """Return the mean of the rows of each key, and how many monitors its PM2.5 is of.

    Directions are averaged as vectors. An index is that of the mean PM2.5, by the AQI `table`, as the mean
    of several indices is none.

    >>> rows = pd.DataFrame({"city_id": "a", "pm25": [5.0, 15.0], "wind_dir": [350.0, 20.0]})
    >>> means(rows, ["city_id"], ["pm25", "wind_dir"], None).round(3).values.tolist()
    [['a', 10.0, 5.0, 2.0]]
    """
    numbers = rows[keys].join(rows[names].astype("float64"))
    groups = numbers.groupby(keys, sort=False)
    result = groups[names].mean()
    for name in names:
        if aggregation(name, rows[name]) == "direction":
            result[name] = _mean_direction(numbers, keys, name)
    if TARGET in names:
        count = groups[TARGET].count()
        number = rows[N_MONITORS].fillna(1) if N_MONITORS in rows else pd.Series(1.0, rows.index)
        numbers[N_MONITORS] = number.where(numbers[TARGET].notna(), 0)
        result[N_MONITORS] = numbers.groupby(keys, sort=False)[N_MONITORS].sum()
        if "aqi" in names:
            result.loc[count > 1, "aqi"] = aqi(result.loc[count > 1, TARGET], table)
    kept = {name: rows[name].dtype for name in names if pd.api.types.is_float_dtype(rows[name])}
    return result.astype(kept).reset_index()


def _mean_direction(rows, keys, name):
    """Return the direction of the mean of unit vectors [°]."""
    angle = np.radians(rows[name])
    parts = rows[keys].assign(east=np.sin(angle), north=np.cos(angle)).groupby(keys, sort=False).mean()
    return np.degrees(np.arctan2(parts["east"], parts["north"])) % 360
