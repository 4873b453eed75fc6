"""One feature: what it is called, what it needs, whether it looks ahead, how it is computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from airq.features.calendar import CALENDAR, calendar_values
from airq.features.neighbours import check_input, neighbourhood, radius_name
from airq.features.shifts import bounds, day_line, numbers, ratio, window_statistic
from airq.features.weather import WEATHER


@dataclass(frozen=True)
class Kind:
    """A way to make a feature.

    Attributes
    ----------
    name : callable
        Feature -> its usual name.
    compute : callable
        Feature, :class:`Workspace` -> values, an array of shape (n_rows,).
    looks_ahead : bool
        Whether a value may depend on later days.
    parameters : tuple of str
        Which parameters of the feature it takes.
    """

    name: Callable
    compute: Callable
    looks_ahead: bool = False
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feature:
    """A feature of a panel.

    Attributes
    ----------
    kind : str
        Name in :data:`KINDS`.
    column : str
        Input column; for the kinds ``calendar`` and ``weather`` the name of the quantity.
    days : int, optional
        Shift, or length of the window. [d]
    radius_km : float, optional
        Largest distance of neighbours. [km]
    name : str
        Name of the output; derived from the rest where it is not given.

    Raises
    ------
    ValueError
        If the kind or quantity is unknown, a parameter is missing or needless, or the column is
        what is to be predicted.

    Examples
    --------
    >>> Feature("mean_centred", "no2", days=7).name
    'no2_mean7c'
    >>> Feature("weather", "wind_speed").inputs
    ('wind_u', 'wind_v')
    >>> Feature("lead", "no2", days=1).looks_ahead
    True
    """

    kind: str
    column: str
    days: int | None = None
    radius_km: float | None = None
    name: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"No feature kind {self.kind!r}. Choose from {', '.join(KINDS)}.")
        check_input(self.column)
        self._check_parameters()
        if not self.name:
            object.__setattr__(self, "name", KINDS[self.kind].name(self))

    def _check_parameters(self):
        quantities = QUANTITIES.get(self.kind, [self.column])
        if self.column not in quantities:
            raise ValueError(f"No {self.kind} quantity {self.column!r}. Choose from {', '.join(quantities)}.")
        for parameter in ("days", "radius_km"):
            value, taken = getattr(self, parameter), parameter in KINDS[self.kind].parameters
            if taken and (value is None or not value > 0):
                raise ValueError(f"Feature {self.kind!r} of {self.column!r} needs {parameter} above 0.")
            if value is not None and not taken:
                raise ValueError(f"Feature {self.kind!r} of {self.column!r} takes no {parameter}.")
        if _align(self) == "centred":
            bounds(self.days, "centred")

    @property
    def inputs(self):
        """Columns of the panel that it needs beside the keys and the position."""
        if self.kind == "calendar":
            return ()
        return WEATHER[self.column].inputs if self.kind == "weather" else (self.column,)

    @property
    def looks_ahead(self):
        """Whether a value may depend on later days."""
        return KINDS[self.kind].looks_ahead

    def to_dict(self):
        """The feature as plain values, without what is not set."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


class Workspace:
    """What the features of one panel share: its line of days, the last column, the neighbours.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    features : sequence of Feature
        Everything that will be computed on it.
    """

    def __init__(self, panel, features):
        self.panel = panel
        self.features = features
        self.line = day_line(panel, max((f.days or 1 for f in features), default=1))
        self._column = None
        self._neighbourhoods = {}
        self._around = {}

    def values(self, column):
        """A column in row order, float64."""
        self._open(column)
        return self._values

    def cells(self, column):
        """A column on the line of days, float64."""
        self._open(column)
        if self._cells is None:
            self._cells = self.line.lay(self._values)
        return self._cells

    def around(self, feature):
        """Sum and count over the sites around; all windows asked for come from one pass."""
        self._open(feature.column)
        key = (_itself(feature), feature.radius_km)
        if key not in self._around:
            asked = [f for f in self.features if f.column == feature.column and f.radius_km == key[1]]
            windows = sorted({_window(f) for f in asked if _itself(f) == key[0]})
            sums = self._neighbourhood(*key).sums(self._values, windows)
            self._around[key] = dict(zip(windows, sums, strict=True))
        return self._around[key][_window(feature)]

    def _open(self, column):
        if self._column != column:
            self._column = column
            self._values = numbers(self.panel, column).astype("float64", copy=False)
            self._cells = None
            self._around = {}

    def _neighbourhood(self, itself, radius_km):
        key = (itself, radius_km)
        if key not in self._neighbourhoods:
            self._neighbourhoods[key] = neighbourhood(self.panel, radius_km, itself=itself)
        return self._neighbourhoods[key]


def _align(feature):
    return "centred" if feature.kind.endswith("_centred") else "trailing"


def _window(feature):
    return bounds(feature.days, _align(feature))


def _shift(direction):
    return lambda feature, work: work.line.take(work.cells(feature.column), direction * feature.days)


def _change(direction):
    shift = _shift(direction)
    return lambda feature, work: work.values(feature.column) - shift(feature, work)


def _windowed(statistic):
    def compute(feature, work):
        return work.line.take(window_statistic(work.cells(feature.column), statistic, *_window(feature)))

    return compute


def _around_mean(feature, work):
    return ratio(*work.around(feature))


def _around_count(feature, work):
    return work.around(feature)[1]


def _calendar(feature, work):
    return calendar_values(pd.DatetimeIndex(work.panel["date"]), feature.column)


def _weather(feature, work):
    return np.asarray(WEATHER[feature.column].compute(work.panel))


def _itself(feature):
    return "included" if feature.kind.startswith("area") else "left out"


def _column_name(feature):
    return feature.column


def _days_name(ending):
    centred = {"trailing": "", "centred": "c"}
    return lambda feature: f"{feature.column}_{ending}{feature.days}{centred[_align(feature)]}"


def _radius_name(stem, statistic):
    return lambda f: radius_name(f"{f.column}_{stem}", statistic, f.radius_km, f.days, _align(f))


def _both(name, kind):
    """A kind of window, trailing and centred; the latter looks ahead."""
    return {name: kind, f"{name}_centred": dataclasses.replace(kind, looks_ahead=True)}


QUANTITIES = {"calendar": CALENDAR, "weather": WEATHER}

_DAYS, _AROUND = ("days",), ("days", "radius_km")

#: Every kind of feature by name.
KINDS = {
    "value": Kind(_column_name, lambda feature, work: work.values(feature.column)),
    "lag": Kind(_days_name("lag"), _shift(1), parameters=_DAYS),
    "lead": Kind(_days_name("lead"), _shift(-1), looks_ahead=True, parameters=_DAYS),
    "difference": Kind(_days_name("diff"), _change(1), parameters=_DAYS),
    "difference_ahead": Kind(_days_name("diffnext"), _change(-1), looks_ahead=True, parameters=_DAYS),
    **_both("mean", Kind(_days_name("mean"), _windowed("mean"), parameters=_DAYS)),
    **_both("max", Kind(_days_name("max"), _windowed("max"), parameters=_DAYS)),
    **_both("std", Kind(_days_name("std"), _windowed("std"), parameters=_DAYS)),
    **_both("count", Kind(_days_name("count"), _windowed("count"), parameters=_DAYS)),
    **_both("near", Kind(_radius_name("near", "mean"), _around_mean, parameters=_AROUND)),
    **_both("near_count", Kind(_radius_name("near", "count"), _around_count, parameters=_AROUND)),
    **_both("area", Kind(_radius_name("area", "mean"), _around_mean, parameters=_AROUND)),
    "calendar": Kind(_column_name, _calendar),
    "weather": Kind(_column_name, _weather),
}
