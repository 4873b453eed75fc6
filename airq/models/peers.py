"""Simple peers: what any predictor must beat.

Each has ``fit(panel, groups)`` and ``predict(panel)``, as the candidates of
:mod:`airq.models.evaluation` do. Boosters of others stand in :mod:`airq.models.peer_boosters`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.panel import TARGET

LATITUDE_BAND = 10.0


class TrainingMean:
    """The mean of the training rows, everywhere. [µg m⁻³]"""

    def fit(self, panel, groups=None):
        """Learn the mean of the panel's targets."""
        self.mean_ = float(panel[TARGET].mean())
        return self

    def predict(self, panel):
        """PM2.5 of every row, shape (n_rows,). [µg m⁻³]"""
        return np.full(len(panel), self.mean_)


class Climatology:
    """Mean of the calendar month in a band of latitude; of the month, then of all, where it is unknown.

    Parameters
    ----------
    band : float
        Width of the bands. [°]
    """

    def __init__(self, band=LATITUDE_BAND):
        self.band = band

    def fit(self, panel, groups=None):
        """Learn the means from the rows with a target."""
        labelled = panel[panel[TARGET].notna()]
        keys = self._keys(labelled)
        self.by_cell_ = labelled[TARGET].groupby([keys["month"], keys["band"]]).mean()
        self.by_month_ = labelled[TARGET].groupby(keys["month"]).mean()
        self.mean_ = float(labelled[TARGET].mean())
        return self

    def predict(self, panel):
        """PM2.5 of every row, shape (n_rows,). [µg m⁻³]"""
        keys = self._keys(panel)
        cells = pd.MultiIndex.from_frame(keys)
        values = pd.Series(self.by_cell_.reindex(cells).to_numpy(dtype="float64"))
        month = pd.Series(self.by_month_.reindex(keys["month"]).to_numpy(dtype="float64"))
        return values.fillna(month).fillna(self.mean_).to_numpy()

    def _keys(self, panel):
        band = np.floor(panel["latitude"] / self.band)
        return pd.DataFrame({"month": panel["date"].dt.month, "band": band}, index=panel.index)


class RawColumn:
    """A column of the panel as it is, such as a transport model's PM2.5.

    Parameters
    ----------
    column : str
        Name of the column. [µg m⁻³]
    """

    def __init__(self, column="cams_pm25"):
        self.column = column

    def fit(self, panel, groups=None):
        """Nothing to learn, except what to say where the column is missing."""
        self.mean_ = float(panel[TARGET].mean())
        return self

    def predict(self, panel):
        """The column; the mean of the training targets where it is missing. [µg m⁻³]"""
        return panel[self.column].fillna(self.mean_).to_numpy(dtype="float64")
