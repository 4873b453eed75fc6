"""Observed PM2.5 of the cities of a panel; the features of the panel stay on disk."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from airq.io import open_panel_file
from airq.panel import ORIGINS, TARGET, check_names


@dataclass(frozen=True, eq=False)
class Observations:
    """Daily PM2.5 by city.

    Attributes
    ----------
    days : Series of float
        Mean over a city's sites, indexed by `city_id` and `date`. [µg m⁻³]
    name : str
        What it is, in words.
    """

    days: pd.Series
    name: str

    def of(self, city_id):
        """Return values of a city by date; empty where it has none."""
        if city_id not in self.days.index.get_level_values(0):
            return pd.Series(dtype="float32", index=pd.DatetimeIndex([]))
        return self.days.loc[city_id]


def read_observations(path):
    """Return the observed PM2.5 of a panel.

    Parameters
    ----------
    path : str or Path
        Parquet file of a panel.

    Returns
    -------
    Observations

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not a panel.
    """
    with open_panel_file(path) as (file, metadata):
        check_names(file.schema_arrow.names)
        # The panel of an extraction has inputs only.
        observed = TARGET in file.schema_arrow.names
        rows = file.read(columns=["city_id", "date", *[TARGET] * observed]).to_pandas()
    if not observed:
        rows = rows.assign(**{TARGET: float("nan")})
    rows = rows.dropna(subset=TARGET)
    days = rows.groupby(["city_id", "date"], sort=True)[TARGET].mean()
    return Observations(days, ORIGINS[metadata.pm25_origin].series)
