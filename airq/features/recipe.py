"""Recipes: which features a model sees, by name and in order.

What each named recipe makes of a table stands in :data:`PLANS`; that is the one place to change it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from airq.features.calendar import REFERENCE_CALENDAR
from airq.features.feature import KINDS, Feature, Workspace
from airq.features.shifts import numbers, site_numbers
from airq.features.weather import WEATHER
from airq.geo import pairs_within
from airq.messages import near_name
from airq.panel import KEYS, feature_columns

#: What tells groups apart without telling what a new one is like.
POSITION = ("latitude", "longitude", "day_number")
#: Fewer cities than this do not teach where a city lies.
GROUPS_FOR_POSITION = 5


@dataclass(frozen=True)
class Recipe:
    """Features in order, under a name.

    Attributes
    ----------
    name : str
        What it is called.
    features : tuple of Feature
        Features; no two have the same name.

    Raises
    ------
    ValueError
        If two features have the same name.

    Examples
    --------
    >>> recipe = Recipe("mine", (Feature("value", "no2"), Feature("lead", "no2", days=1)))
    >>> recipe.names, recipe.inputs, recipe.looks_ahead
    (['no2', 'no2_lead1'], ['no2'], True)
    """

    name: str
    features: tuple[Feature, ...]

    def __post_init__(self):
        object.__setattr__(self, "features", tuple(self.features))
        names = pd.Index(self.names)
        if not names.is_unique:
            repeated = names[names.duplicated()][0]
            raise ValueError(f"Recipe {self.name!r} has two features called {repeated!r}.")

    @property
    def names(self):
        """Names of the features, in order."""
        return [feature.name for feature in self.features]

    @property
    def inputs(self):
        """Columns of the panel that the features need, each once."""
        return list(dict.fromkeys(name for feature in self.features for name in feature.inputs))

    @property
    def looks_ahead(self):
        """Whether any feature may depend on later days."""
        return any(feature.looks_ahead for feature in self.features)

    def without(self, names):
        """The recipe less some features.

        >>> Recipe("mine", (Feature("value", "no2"), Feature("value", "co"))).without(["co"]).names
        ['no2']
        """
        return Recipe(self.name, tuple(feature for feature in self.features if feature.name not in names))

    def transform(self, panel):
        """Compute the features of a panel.

        Parameters
        ----------
        panel : DataFrame
            A panel; it stays as it is.

        Returns
        -------
        DataFrame of float32, shape (n_rows, n_features)
            Columns in the recipe's order, index of the panel.

        Raises
        ------
        ValueError
            If the panel lacks a column that a feature needs, or the column is not numeric.
        """
        self.check_inputs(panel)
        work = Workspace(panel, self.features)
        out = np.empty((len(self.features), len(panel)), dtype="float32")
        # Column by column, so that each is laid out once.
        for number in sorted(range(len(out)), key=lambda number: self.features[number].column):
            feature = self.features[number]
            out[number] = KINDS[feature.kind].compute(feature, work)
        return pd.DataFrame(out.T, index=panel.index, columns=self.names, copy=False)

    def check_inputs(self, panel):
        """Refuse a panel that lacks columns.

        Raises
        ------
        ValueError
            Naming the columns, and the nearest names that the panel has.
        """
        missing = [name for name in [*KEYS, *self.inputs] if name not in panel.columns]
        if missing:
            spare = [name for name in panel.columns if name not in self.inputs]
            listed = "; ".join(f"{name!r}.{near_name(name, spare)}".rstrip(".") for name in missing[:10])
            more = f"; and {len(missing) - 10} more" if len(missing) > 10 else ""
            raise ValueError(
                f"Recipe {self.name!r} needs {len(missing)} column{'s' * (len(missing) > 1)} "
                f"that the panel lacks: {listed}{more}."
            )

    def to_dict(self):
        """The recipe as plain lists, dicts, strings and numbers."""
        return {"name": self.name, "features": [feature.to_dict() for feature in self.features]}

    @classmethod
    def from_dict(cls, facts):
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If the facts are not those of a recipe.
        """
        try:
            return cls(facts["name"], tuple(Feature(**feature) for feature in facts["features"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"These are not the facts of a recipe: {error}.") from None


@dataclass(frozen=True)
class Plan:
    """What a recipe makes of the columns that a panel happens to have.

    Attributes
    ----------
    around : tuple of (kind, days)
        Made of every input that changes from day to day, for each of `radii_km` within which at
        least two sites stand.
    radii_km : tuple of float
        Distances. [km]
    alone : tuple of (kind, days)
        Made of these inputs where no two sites stand that near.
    calendar : tuple of str
        Names in :data:`airq.features.calendar.CALENDAR`.
    """

    around: tuple[tuple[str, int], ...]
    radii_km: tuple[float, ...]
    alone: tuple[tuple[str, int], ...]
    calendar: tuple[str, ...]


_CALENDAR = ("dayofyear", "year_sin", "year_cos", "dayofweek", "is_weekend", "month", "day")

#: The plan of every recipe that adapts to a panel. Beside what it lists, these recipes hold the
#: inputs as they are, the weather quantities whose inputs exist, latitude and longitude. Means over
#: areas and windows take the noise and the gaps out of single pixels; shifts beside them add little.
PLANS = {
    "retrospective": Plan(
        around=(("area", 1), ("area_centred", 7)),
        radii_km=(25, 100, 300),
        alone=(("mean_centred", 3), ("mean_centred", 7), ("lag", 1), ("lead", 1), ("difference", 1)),
        # The number of the day lets rows of one day, at any site, stand together.
        calendar=(*_CALENDAR, "day_number"),
    ),
    "live": Plan(
        around=(("area", 1), ("area", 7)),
        radii_km=(25, 100, 300),
        alone=(("mean", 3), ("mean", 7), ("lag", 1), ("difference", 1)),
        calendar=_CALENDAR,
    ),
}

RECIPES = ("reference", *PLANS)

SHIFTS = (1, 2, 3, 5)

_WEATHER = [
    "precipitable_water_entire_atmosphere",
    "relative_humidity_2m_above_ground",
    "specific_humidity_2m_above_ground",
    "temperature_2m_above_ground",
    "u_component_of_wind_10m_above_ground",
    "v_component_of_wind_10m_above_ground",
]

_SATELLITE = [
    "0_NO2_column_number_density",
    "0_NO2_slant_column_number_density",
    "0_absorbing_aerosol_index",
    "0_stratospheric_NO2_column_number_density",
    "0_tropopause_pressure",
    "1_O3_column_number_density",
    "1_O3_effective_temperature",
    "2_CO_column_number_density",
    "2_H2O_column_number_density",
    "2_cloud_height",
    "3_HCHO_slant_column_number_density",
    "3_tropospheric_HCHO_column_number_density",
    "3_tropospheric_HCHO_column_number_density_amf",
    "4_cloud_base_height",
    "4_cloud_base_pressure",
    "4_cloud_fraction",
    "4_cloud_optical_depth",
    "4_cloud_top_height",
    "4_cloud_top_pressure",
    "4_surface_albedo",
    "5_absorbing_aerosol_index",
    "5_sensor_altitude",
    "5_sensor_azimuth_angle",
    "5_sensor_zenith_angle",
    "5_solar_azimuth_angle",
    "5_solar_zenith_angle",
]

_STATIC = [
    f"{name}_5000_{statistic}"
    for name in ("avg_vis", "pop_density2010")
    for statistic in ("mean", "min", "max")
]

_SHIFTED = [
    "2_CO_column_number_density",
    "0_NO2_slant_column_number_density",
    "0_NO2_column_number_density",
    "3_tropospheric_HCHO_column_number_density",
    "0_tropopause_pressure",
    "3_HCHO_slant_column_number_density",
    "relative_humidity_2m_above_ground",
    "1_O3_column_number_density",
    "4_cloud_fraction",
    "0_stratospheric_NO2_column_number_density",
    "4_surface_albedo",
    "3_tropospheric_HCHO_column_number_density_amf",
    "u_component_of_wind_10m_above_ground",
    "4_cloud_optical_depth",
]


def make_recipe(name, panel):
    """The recipe of a name for the columns of a panel.

    Parameters
    ----------
    name : {"reference", "retrospective", "live"}
        ``reference``: the 163 columns of the published model, under its own names.
        ``retrospective``: what serves best on past days; it looks ahead. ``live``: nothing looks
        ahead.
    panel : DataFrame
        A checked panel. Only its inputs are looked at, never its PM2.5.

    Returns
    -------
    Recipe

    Raises
    ------
    ValueError
        If the name is unknown, or the panel lacks inputs of ``reference``.
    """
    if name not in RECIPES:
        raise ValueError(f"No recipe {name!r}.{near_name(name, RECIPES)} Choose from {', '.join(RECIPES)}.")
    if name == "reference":
        recipe = reference()
        recipe.check_inputs(panel)
        return recipe
    return _planned(name, panel)


def reference():
    """The 163 columns of the published CatBoost model, in its order.

    References
    ----------
    .. [1] J. Whitaker, air_quality_prediction, 2020,
       https://github.com/johnowhitaker/air_quality_prediction (CC0).
    """
    inputs = _values([*_WEATHER, *_SATELLITE, *_STATIC])
    return Recipe("reference", (*inputs, *_reference_shifts(_SHIFTED), *_calendar(REFERENCE_CALENDAR)))


def reference_method(panel):
    """The published model's method on the columns that a panel has: a baseline to compare with.

    Every input, those that change from day to day also shifted by 1, 2, 3 and 5 days either way,
    the 13 calendar columns, no coordinates.
    """
    inputs = feature_columns(panel)
    shifts = _reference_shifts(_changing(panel, inputs))
    return Recipe("reference-method", _first_of_name(_values(inputs), shifts, _calendar(REFERENCE_CALENDAR)))


def raw(panel):
    """The inputs and the position as they are: for baselines that make no features."""
    return Recipe("raw", _first_of_name(_values(feature_columns(panel)), _values(["latitude", "longitude"])))


def _planned(name, panel):
    plan = PLANS[name]
    inputs = feature_columns(panel)
    changing = _changing(panel, inputs)
    weather = [quantity for quantity, known in WEATHER.items() if set(known.inputs) <= set(inputs)]
    return Recipe(
        name,
        _first_of_name(
            _values(inputs),
            _around(plan, panel, changing) or _alone(plan, changing),
            [Feature("weather", quantity) for quantity in weather],
            _calendar(plan.calendar),
            _values(["latitude", "longitude"]),
        ),
    )


def _around(plan, panel, columns):
    places = panel.drop_duplicates("site_id")[["longitude", "latitude"]]
    radii = [radius for radius in plan.radii_km if len(pairs_within(places, radius))]
    return [
        Feature(kind, column, days=days, radius_km=radius)
        for column in columns
        for radius in radii
        for kind, days in plan.around
    ]


def _alone(plan, columns):
    return [Feature(kind, column, days=days) for column in columns for kind, days in plan.alone]


def _values(columns):
    return [Feature("value", column) for column in columns]


def _calendar(names):
    return [Feature("calendar", name) for name in names]


def _reference_shifts(columns):
    """The reference calls a value of `k` days earlier shiftk, one of `k` days later nshiftk."""
    return [
        Feature(kind, column, days=days, name=f"{column}{word}{days}")
        for days in SHIFTS
        for column in columns
        for kind, word in (("lag", "shift"), ("lead", "nshift"))
    ]


def _first_of_name(*groups):
    """All features in order; where a table brings a column of that name itself, the table's stays."""
    kept = {}
    for feature in itertools.chain(*groups):
        kept.setdefault(feature.name, feature)
    return tuple(kept.values())


def _changing(panel, columns):
    """Those of the columns that differ between days at some site."""
    order = np.argsort(site_numbers(panel), kind="stable")
    starts = np.flatnonzero(np.diff(site_numbers(panel)[order], prepend=-1))
    changing = []
    for column in columns if len(starts) else ():
        values = numbers(panel, column)[order]
        if np.any(np.fmax.reduceat(values, starts) > np.fmin.reduceat(values, starts)):
            changing.append(column)
    return changing
