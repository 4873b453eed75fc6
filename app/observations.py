"""Observed PM2.5 of the cities of a panel; the features of the panel stay on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.panel import TARGET, PanelMetadata

#: What a panel's PM2.5 is, as the pages say it.
ORIGIN_WORDS = {
    "sensor": "observed by sensors",
    "index": "observed, from an index",
    "model": "a model's field, not observed",
    "simulated": "simulated sensor",
}


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
        """Values of a city by date; empty where it has none."""
        if city_id not in self.days.index.get_level_values(0):
            return pd.Series(dtype="float32", index=pd.DatetimeIndex([]))
        return self.days.loc[city_id]


def read_observations(path):
    """The observed PM2.5 of a panel.

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
    path = Path(path)
    try:
        table = pq.read_table(path, columns=["city_id", "date", TARGET], partitioning=None)
    except pa.ArrowException as error:
        raise ValueError(f"{path} is not a panel: {str(error).splitlines()[0][:120]}") from None
    told = (table.schema.metadata or {}).get(b"airq")
    if told is None:
        raise ValueError(f"{path} is not a panel: it has no airq metadata. Make one with `airq ingest`.")
    rows = table.to_pandas().dropna(subset=TARGET)
    days = rows.groupby(["city_id", "date"], sort=True)[TARGET].mean()
    return Observations(days, ORIGIN_WORDS[PanelMetadata.from_dict(json.loads(told)).pm25_origin])
