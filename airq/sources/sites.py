"""Merge the sites of a panel: monitors that are one, and all monitors of a city."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.cities import STATION_KM, chains
from airq.panel import COLUMNS, KEYS, PLACE, TARGET, check_panel, feature_columns, label_panel, panel_metadata


def merge_twins(panel: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Merge sites that stand within 100 m of each other and read the same PM2.5; name them.

    Returns
    -------
    panel : DataFrame
        The first of such sites, with the days of all.
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
    rows = rows.drop_duplicates(KEYS, ignore_index=True)
    at_home = own.loc[rows["site_id"]].reset_index()
    return check_panel(label_panel(rows.assign(**at_home[PLACE]), panel_metadata(panel))), merged


def _same_readings(one, other):
    """Tell whether two monitors read the same on every day on which both have a value, at least one."""
    if one is None or other is None:
        return False
    both = pd.concat([one, other], axis=1, join="inner").dropna()
    return len(both) > 0 and bool(np.isclose(both.iloc[:, 0], both.iloc[:, 1], rtol=1e-4, atol=0.01).all())


def mean_by_city(panel: pd.DataFrame) -> pd.DataFrame:
    """Average the sites of each city, day by day, as one site at their mean position.

    `n_monitors` counts the sites with PM2.5 that a row is the mean of. A row without any is kept.
    """
    numeric = [name for name in panel.columns if name in (TARGET, "aqi", "n_hours", *feature_columns(panel))]
    places = panel[PLACE].drop_duplicates("site_id")
    position = places.groupby("city_id")[["latitude", "longitude"]].mean()
    rows = panel.groupby(["city_id", "date"], sort=False)
    means = rows[numeric].mean().astype({name: COLUMNS[name].dtype for name in numeric if name in COLUMNS})
    if TARGET in numeric:
        means["n_monitors"] = rows[TARGET].count()
    means = means.reset_index()
    names = panel.drop_duplicates("city_id").set_index("city_id")[["city", "country"]]
    means = means.join(names, on="city_id").join(position, on="city_id").assign(site_id=means["city_id"])
    return check_panel(label_panel(means, panel_metadata(panel)))
