"""Held-out predictions read back: how often a level was exceeded where its probability was said."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from airq.units import exceedance_column
from airq.validation.scores import reliability
from app.trust_charts import levels_in

OBSERVED = "observed"


def levels_of(path):
    """Levels whose probabilities a table of held-out predictions holds. [µg m⁻³]

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or holds no observations.
    """
    try:
        names = pq.read_schema(path).names
    except pa.ArrowException as error:
        raise ValueError(f"{path} is not a whole Parquet file: {str(error).splitlines()[0][:120]}") from None
    return levels_in(names) if {OBSERVED, "scheme", "city_id"} <= set(names) else []


def reliability_table(path, scheme, level, *, n_draws=200):
    """Reliability of the probabilities of one level at the places that a scheme held out.

    Parameters
    ----------
    path : str or Path
        held_out.parquet of an evaluation.
    scheme : str
        Scheme.
    level : float
        One of :func:`levels_of`. [µg m⁻³]
    n_draws : int
        Bootstrap samples of cities.

    Returns
    -------
    DataFrame
        See :func:`airq.validation.scores.reliability`; empty where the scheme has no probabilities.
    """
    column = exceedance_column(level)
    rows = pq.read_table(
        path, columns=["city_id", OBSERVED, column], filters=[("scheme", "=", scheme)], partitioning=None
    ).to_pandas()
    rows = rows.dropna()
    if rows.empty:
        return pd.DataFrame()
    return reliability(
        rows[OBSERVED], rows[[column]].to_numpy(dtype="float64"), [level], rows["city_id"], n_draws=n_draws
    )
