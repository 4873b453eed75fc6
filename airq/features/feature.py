"""One feature: its name, the columns it needs, whether it looks ahead, and its values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.features.calendar import CALENDAR, calendar_values
from airq.features.neighbours import neighbourhood
from airq.features.shifts import bounds, day_line, numbers, ratio, window_statistic
from airq.features.weather import WEATHER
from airq.panel import TARGET

#: What is predicted never becomes a feature: neighbours' PM2.5 would carry a held-out city's own
#: measurements. Means of it learn from training cities, so they belong into the `fit` of a model.
TARGETS = (TARGET, "aqi")


@dataclass(frozen=True)
class Feature:
    """A feature of a panel.

    ValueError is raised if the kind or quantity is unknown, a parameter is missing or does not apply, or the
    column is what is predicted.

    >>> Feature("mean_centred", "no2", days=7).name
    'no2_mean7c'
    >>> Feature("weather", "wind_speed").inputs
    ('wind_u', 'wind_v')
    >>> Feature("lead", "no2", days=1).looks_ahead
    True
    """

    #: Name in :data:`KINDS`.
    kind: str
    #: Input column; for the kinds ``calendar`` and ``weather`` the name of the quantity.
    column: str
    #: Shift, or length of the window with today in it. [d]
    days: int | None = None
    #: Largest distance of neighbours. [km]
    radius_km: float | None = None
    #: Name of the output; by default derived from the rest.
    name: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"No feature kind {self.kind!r}. Choose from {', '.join(KINDS)}.")
        if self.column in TARGETS:
            raise ValueError(f"Column {self.column!r} is what is predicted; it cannot become a feature.")
        quantities = {"calendar": CALENDAR, "weather": WEATHER}.get(self.kind, [self.column])
        if self.column not in quantities:
            raise ValueError(f"No {self.kind} quantity {self.column!r}. Choose from {', '.join(quantities)}.")
        for parameter in ("days", "radius_km"):
            value, taken = getattr(self, parameter), parameter in KINDS[self.kind].parameters
            if taken and (value is None or not value > 0):
                raise ValueError(f"Feature {self.kind!r} of {self.column!r} needs {parameter} above 0.")
            if value is not None and not taken:
                raise ValueError(f"Feature {self.kind!r} of {self.column!r} takes no {parameter}.")
        if KINDS[self.kind].align == "centred":
            bounds(self.days, "centred")
        if not self.name:
            object.__setattr__(self, "name", _name(self))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns of the panel that it needs beside the keys and the position."""
        if self.kind == "calendar":
            return ()
        return WEATHER[self.column].inputs if self.kind == "weather" else (self.column,)

    @property
    def looks_ahead(self) -> bool:
        """Whether a value may depend on later days."""
        return KINDS[self.kind].looks_ahead

    def compute(self, panel: pd.DataFrame) -> pd.Series:
        """Compute the feature of a panel, whose rows may be in any order, as a Series aligned with it.

        NaN where a day, neighbour or value that it needs is missing; the panel stays as it is.

        >>> panel = pd.DataFrame({"site_id": ["a", "a", "a"], "no2": [1.0, 2.0, 4.0],
        ...                       "date": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-04"])})
        >>> Feature("lag", "no2", days=1).compute(panel).tolist()
        [nan, 1.0, nan]
        >>> Feature("mean", "no2", days=3).compute(panel).tolist()
        [1.0, 1.5, 3.0]
        """
        values = KINDS[self.kind].compute(self, Workspace(panel, [self]))
        return pd.Series(np.asarray(values), index=panel.index, name=self.name)

    def to_dict(self) -> dict:
        """Return the feature as plain values, without what is not set."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


class Workspace:
    """What the `features` of one panel share: its line of days, the last column, the neighbours.

    `beside` holds rows of other places at which features with a radius look, too.
    """

    def __init__(self, panel, features, beside=None):
        # pandas copies the metadata of a table with every column that is read.
        self.panel, self.beside = (table if table is None else _bare(table) for table in (panel, beside))
        self.features = features
        self.line = day_line(panel, max((f.days or 1 for f in features), default=1))
        self._column = None
        self._neighbourhoods = {}

    def values(self, column):
        """Return a column in row order, float64."""
        if self._column != column:
            self._column = column
            self._values = numbers(self.panel, column).astype("float64", copy=False)
            self._cells = self._beside = None
            self._around = {}
        return self._values

    def cells(self, column):
        """Return a column on the line of days, float64."""
        values = self.values(column)
        if self._cells is None:
            self._cells = self.line.lay(values)
        return self._cells

    def shifted(self, column, days):
        """Return a column `days` earlier, in row order; negative `days` look ahead."""
        return self.line.take(self.cells(column), days)

    def around(self, feature):
        """Return sum and count over the sites around; all windows asked for come from one pass."""
        values, key = self.values(feature.column), _circle(feature)
        if key not in self._neighbourhoods:
            self._neighbourhoods[key] = neighbourhood(
                self.panel, feature.radius_km, itself=key[0], beside=self.beside
            )
        if key not in self._around:
            asked = [f for f in self.features if f.column == feature.column and _circle(f) == key]
            windows = sorted({_window(f) for f in asked})
            if self.beside is not None:
                if self._beside is None:
                    self._beside = np.append(values, numbers(self.beside, feature.column))
                values = self._beside
            sums = self._neighbourhoods[key].sums(values, windows)
            self._around[key] = dict(zip(windows, sums, strict=True))
        return self._around[key][_window(feature)]


class Kind(NamedTuple):
    """A way to make a feature."""

    #: Feature, :class:`Workspace` -> values, an array of shape (n_rows,).
    compute: Callable
    #: What stands before the days in the feature's name; for windows the statistic.
    word: str = ""
    #: Which parameters of the feature it takes.
    parameters: tuple[str, ...] = ()
    #: Whether a value may depend on later days.
    looks_ahead: bool = False
    #: Where a window has today, "trailing" or "centred".
    align: str = "trailing"
    #: What stands before the radius in the feature's name; ``area`` has the site itself in it.
    place: str = ""


def _name(feature):
    kind = KINDS[feature.kind]
    if not kind.parameters:
        return feature.column
    window = f"{kind.word}{feature.days}{'c' if kind.align == 'centred' else ''}"
    if not kind.place:
        return f"{feature.column}_{window}"
    place = f"{feature.column}_{kind.place}{feature.radius_km:g}km"
    return place if kind.word == "mean" and feature.days == 1 else f"{place}_{window}"


def _bare(table):
    table = table.copy(deep=False)
    table.attrs = {}
    return table


def _window(feature):
    return bounds(feature.days, KINDS[feature.kind].align)


def _circle(feature):
    """Return which sites are around: with or without the site itself, and how far."""
    return "included" if KINDS[feature.kind].place == "area" else "left out", feature.radius_km


def _over_window(feature, work):
    statistic = KINDS[feature.kind].word
    return work.line.take(window_statistic(work.cells(feature.column), statistic, *_window(feature)))


def _around_mean(feature, work):
    return ratio(*work.around(feature))


_SHIFT, _AROUND = ("days",), ("days", "radius_km")

_WINDOWS = {
    **{name: Kind(_over_window, name, _SHIFT) for name in ("mean", "max", "std", "count")},
    "near": Kind(_around_mean, "mean", _AROUND, place="near"),
    "near_count": Kind(lambda f, work: work.around(f)[1], "count", _AROUND, place="near"),
    "area": Kind(_around_mean, "mean", _AROUND, place="area"),
}

#: Every kind of feature by name.
KINDS = {
    "value": Kind(lambda f, work: work.values(f.column)),
    "lag": Kind(lambda f, work: work.shifted(f.column, f.days), "lag", _SHIFT),
    "lead": Kind(lambda f, work: work.shifted(f.column, -f.days), "lead", _SHIFT, looks_ahead=True),
    "difference": Kind(
        lambda f, work: work.values(f.column) - work.shifted(f.column, f.days), "diff", _SHIFT
    ),
    "difference_ahead": Kind(
        lambda f, work: work.values(f.column) - work.shifted(f.column, -f.days),
        "diffnext",
        _SHIFT,
        looks_ahead=True,
    ),
    **_WINDOWS,
    **{f"{name}_centred": w._replace(looks_ahead=True, align="centred") for name, w in _WINDOWS.items()},
    "calendar": Kind(lambda f, work: calendar_values(pd.DatetimeIndex(work.panel["date"]), f.column)),
    "weather": Kind(lambda f, work: WEATHER[f.column].compute(work.panel)),
}
