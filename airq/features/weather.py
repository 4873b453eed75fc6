"""Features computed from weather columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.features.shifts import day_line, numbers, window_statistic
from airq.meteorology import relative_humidity, ventilation, wind_direction, wind_speed

#: A day with less rain than this is dry. [mm]
DRY_BELOW = 1.0
#: A day with a mean wind at 10 m below this is calm. [m s⁻¹]
CALM_BELOW = 3.2


def stagnation(panel: pd.DataFrame, days: int = 3) -> pd.Series:
    """Compute the share of the last `days` days, today included, that were calm and dry [1].

    The panel has `wind_u`, `wind_v` [m s⁻¹] and `precipitation` [mm]. The share is that of the days whose
    wind and rain are known; NaN where none is. A day is stagnant if its mean wind at 10 m is below 3.2 m s⁻¹
    and its precipitation below 1 mm, the surface part of the definition of [1]_, which also asks for a weak
    wind at 500 hPa.

    References
    ----------
    .. [1] D. E. Horton, C. B. Skinner, D. Singh, N. S. Diffenbaugh, Occurrence and persistence of
       future atmospheric stagnation events, Nature Clim. Change 4, 698-703, 2014.
    """
    speed = wind_speed(numbers(panel, "wind_u"), numbers(panel, "wind_v"))
    rain = numbers(panel, "precipitation")
    stagnant = ((speed < CALM_BELOW) & (rain < DRY_BELOW)).astype("float64")
    stagnant[np.isnan(speed) | np.isnan(rain)] = np.nan
    line = day_line(panel, max(days - 1, 1))
    share = window_statistic(line.lay(stagnant), "mean", days - 1, 0)
    return pd.Series(line.take(share), index=panel.index, name="stagnation")


def days_since_rain(panel: pd.DataFrame) -> pd.Series:
    """Count the calendar days since the last day with at least 1 mm of `precipitation`, 0 on such a day.

    NaN where no rain is known yet, or where a day since then is missing, because it may have rained on it.
    [d]

    >>> panel = pd.DataFrame({"site_id": ["a"] * 4, "precipitation": [5.0, 0.0, 0.9, 0.0],
    ...     "date": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-05"])})
    >>> days_since_rain(panel).tolist()
    [0.0, 1.0, 2.0, nan]
    """
    line = day_line(panel, 1)
    rain = line.lay(numbers(panel, "precipitation"))
    position = np.arange(len(rain), dtype="float64")
    rained = np.maximum.accumulate(np.where(rain >= DRY_BELOW, position, -1))
    unknown = np.maximum.accumulate(np.where(np.isnan(rain), position, -1))
    dry = np.where(rained > unknown, position - rained, np.nan)
    return pd.Series(line.take(dry), index=panel.index, name="days_since_rain")


class Derived(NamedTuple):
    """A weather quantity: the columns that it needs, and its function of a panel."""

    inputs: tuple[str, ...]
    compute: Callable[[pd.DataFrame], np.ndarray | pd.Series]


def _from_columns(function, *inputs):
    return Derived(inputs, lambda panel: function(*(numbers(panel, name) for name in inputs)))


#: Name of a weather quantity -> its inputs and function. None looks ahead.
WEATHER = {
    "relative_humidity": _from_columns(relative_humidity, "temp_air", "temp_dew"),
    "wind_speed": _from_columns(wind_speed, "wind_u", "wind_v"),
    "wind_direction_sin": _from_columns(
        lambda u, v: np.sin(np.radians(wind_direction(u, v))), "wind_u", "wind_v"
    ),
    "wind_direction_cos": _from_columns(
        lambda u, v: np.cos(np.radians(wind_direction(u, v))), "wind_u", "wind_v"
    ),
    "ventilation": _from_columns(ventilation, "wind_u", "wind_v", "boundary_layer_height"),
    "stagnation": Derived(("wind_u", "wind_v", "precipitation"), stagnation),
    "days_since_rain": Derived(("precipitation",), days_since_rain),
}
