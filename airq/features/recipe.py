"""Recipes: the features that a model sees, by name and in order.

:data:`PLANS` holds what each named recipe makes of a table; that is the one place to change it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from airq.features.calendar import REFERENCE_CALENDAR
from airq.features.feature import KINDS, Feature, Workspace
from airq.features.shifts import numbers, site_numbers
from airq.features.weather import WEATHER
from airq.geo import pairs_within
from airq.messages import near_name
from airq.panel import KEYS, feature_columns

#: Features that tell groups apart, but not what a new group is like.
POSITION = ("latitude", "longitude", "day_number")
#: A model needs this many cities to learn anything from their position.
GROUPS_FOR_POSITION = 5


@dataclass(frozen=True)
class Recipe:
    """Features in order, under a name; ValueError is raised if two have the same name.

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
    def names(self) -> list[str]:
        """Names of the features, in order."""
        return [feature.name for feature in self.features]

    @property
    def inputs(self) -> list[str]:
        """Columns of the panel that the features need, each once."""
        return list(dict.fromkeys(name for feature in self.features for name in feature.inputs))

    @property
    def looks_ahead(self) -> bool:
        """Whether any feature may depend on later days."""
        return any(feature.looks_ahead for feature in self.features)

    @property
    def surroundings(self) -> Recipe:
        """The part that looks at other places."""
        return Recipe(self.name, tuple(feature for feature in self.features if feature.radius_km))

    @property
    def reach_km(self) -> float:
        """How far the features look; 0 where none looks at other places [km]."""
        return max((feature.radius_km or 0.0 for feature in self.features), default=0.0)

    @property
    def reach_days(self) -> int:
        """How many days before or after a day its shifts and windows look; some may look back further [d]."""
        return max((feature.days or 0 for feature in self.features), default=0)

    def without(self, names: Collection[str]) -> Recipe:
        """Drop some features.

        >>> Recipe("mine", (Feature("value", "no2"), Feature("value", "co"))).without(["co"]).names
        ['no2']
        """
        return Recipe(self.name, tuple(feature for feature in self.features if feature.name not in names))

    def transform(self, panel: pd.DataFrame, around: pd.DataFrame | None = None) -> pd.DataFrame:
        """Compute the features of a panel, which stays as it is: float32, (n_rows, n_features), its index.

        `around` holds rows of other places (or of other days of the same), with the columns of the features
        that have a radius, which look at them too. ValueError is raised if the panel lacks a column that a
        feature needs, or the column is not numeric.
        """
        self.check_inputs(panel)
        work = Workspace(panel, self.features, around)
        out = np.empty((len(self.features), len(panel)), dtype="float32")
        # Column by column, so that each is laid out once.
        for number in sorted(range(len(out)), key=lambda number: self.features[number].column):
            feature = self.features[number]
            out[number] = KINDS[feature.kind].compute(feature, work)
        return pd.DataFrame(out.T, index=panel.index, columns=self.names, copy=False)

    def check_inputs(self, panel: pd.DataFrame) -> None:
        """Raise ValueError if a panel lacks columns; name them, and the nearest ones that it has."""
        missing = [name for name in [*KEYS, *self.inputs] if name not in panel.columns]
        if missing:
            spare = [name for name in panel.columns if name not in self.inputs]
            listed = "; ".join(f"{name!r}.{near_name(name, spare)}".rstrip(".") for name in missing[:10])
            more = f"; and {len(missing) - 10} more" if len(missing) > 10 else ""
            raise ValueError(
                f"Recipe {self.name!r} needs {len(missing)} column{'s' * (len(missing) > 1)} "
                f"that the panel lacks: {listed}{more}."
            )

    def to_dict(self) -> dict:
        """Return the recipe as plain lists, dicts, strings and numbers."""
        return {"name": self.name, "features": [feature.to_dict() for feature in self.features]}

    @classmethod
    def from_dict(cls, values: dict) -> Recipe:
        """Invert :meth:`to_dict`; raise ValueError if the values do not describe a recipe."""
        try:
            return cls(values["name"], tuple(Feature(**feature) for feature in values["features"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"This is not a recipe: {error}.") from None


class FeaturePlan(NamedTuple):
    """What a recipe makes of the columns that a panel happens to have."""

    #: Kind and days of the features of every input that changes from day to day, for each of the distances
    #: [km] within which there are at least two sites.
    around: tuple[tuple[str, int], ...]
    radii_km: tuple[float, ...]
    #: Those of these inputs where no two sites are that near.
    alone: tuple[tuple[str, int], ...]
    #: Names in :data:`airq.features.calendar.CALENDAR`.
    calendar: tuple[str, ...]


_CALENDAR = ("dayofyear", "year_sin", "year_cos", "dayofweek", "is_weekend", "month", "day")

#: The plan of every recipe that adapts to a panel. These recipes also hold the inputs as they are, the
#: weather quantities whose inputs exist, latitude and longitude. Means over areas and windows take the
#: noise and the gaps out of single pixels; shifts beside them add little.
PLANS = {
    "retrospective": FeaturePlan(
        around=(("area", 1), ("area_centred", 7)),
        radii_km=(25, 100, 300),
        alone=(("mean_centred", 3), ("mean_centred", 7), ("lag", 1), ("lead", 1), ("difference", 1)),
        # The number of the day lets a tree group the rows of one day at all sites.
        calendar=(*_CALENDAR, "day_number"),
    ),
    "live": FeaturePlan(
        around=(("area", 1), ("area", 7)),
        radii_km=(25, 100, 300),
        alone=(("mean", 3), ("mean", 7), ("lag", 1), ("difference", 1)),
        calendar=_CALENDAR,
    ),
}

RECIPES = ("reference", *PLANS)

# fmt: off
#: Inputs of the published model: 6 of the weather, 26 of satellites, 6 that do not change.
_REFERENCE_INPUTS = [
    "precipitable_water_entire_atmosphere", "relative_humidity_2m_above_ground",
    "specific_humidity_2m_above_ground", "temperature_2m_above_ground",
    "u_component_of_wind_10m_above_ground", "v_component_of_wind_10m_above_ground",
    "0_NO2_column_number_density", "0_NO2_slant_column_number_density", "0_absorbing_aerosol_index",
    "0_stratospheric_NO2_column_number_density", "0_tropopause_pressure", "1_O3_column_number_density",
    "1_O3_effective_temperature", "2_CO_column_number_density", "2_H2O_column_number_density",
    "2_cloud_height", "3_HCHO_slant_column_number_density", "3_tropospheric_HCHO_column_number_density",
    "3_tropospheric_HCHO_column_number_density_amf", "4_cloud_base_height", "4_cloud_base_pressure",
    "4_cloud_fraction", "4_cloud_optical_depth", "4_cloud_top_height", "4_cloud_top_pressure",
    "4_surface_albedo", "5_absorbing_aerosol_index", "5_sensor_altitude", "5_sensor_azimuth_angle",
    "5_sensor_zenith_angle", "5_solar_azimuth_angle", "5_solar_zenith_angle", "avg_vis_5000_mean",
    "avg_vis_5000_min", "avg_vis_5000_max", "pop_density2010_5000_mean", "pop_density2010_5000_min",
    "pop_density2010_5000_max",
]

#: Those that the published model also shifts, and by how many days.
_REFERENCE_SHIFTED = [
    "2_CO_column_number_density", "0_NO2_slant_column_number_density", "0_NO2_column_number_density",
    "3_tropospheric_HCHO_column_number_density", "0_tropopause_pressure",
    "3_HCHO_slant_column_number_density", "relative_humidity_2m_above_ground", "1_O3_column_number_density",
    "4_cloud_fraction", "0_stratospheric_NO2_column_number_density", "4_surface_albedo",
    "3_tropospheric_HCHO_column_number_density_amf", "u_component_of_wind_10m_above_ground",
    "4_cloud_optical_depth",
]
# fmt: on
SHIFTS = (1, 2, 3, 5)


def make_recipe(name: str, panel: pd.DataFrame) -> Recipe:
    """Make a named recipe for the columns of a checked panel; its PM2.5 is never used.

    ``reference``: the 163 columns of the published model, under its own names. ``retrospective``: the best
    features for past days; it looks ahead. ``live``: nothing looks ahead. ValueError is raised if the name
    is unknown, or the panel lacks inputs of ``reference``.
    """
    if name not in RECIPES:
        raise ValueError(f"No recipe {name!r}.{near_name(name, RECIPES)} Choose from {', '.join(RECIPES)}.")
    if name == "reference":
        recipe = reference()
        recipe.check_inputs(panel)
        return recipe
    plan, inputs = PLANS[name], feature_columns(panel)
    changing = _changing(panel, inputs)
    weather = [quantity for quantity, needs in WEATHER.items() if set(needs.inputs) <= set(inputs)]
    alone = [Feature(kind, column, days=days) for column in changing for kind, days in plan.alone]
    groups = (
        _all("value", inputs),
        _around(plan, panel, changing) or alone,
        _all("weather", weather),
        _all("calendar", plan.calendar),
        _all("value", ["latitude", "longitude"]),
    )
    return Recipe(name, _first_of_name(*groups))


def reference() -> Recipe:
    """Return the 163 columns of the published CatBoost model, in its order.

    References
    ----------
    .. [1] J. Whitaker, air_quality_prediction, 2020,
       https://github.com/johnowhitaker/air_quality_prediction (CC0).
    """
    inputs = _all("value", _REFERENCE_INPUTS)
    shifts, calendar = _reference_shifts(_REFERENCE_SHIFTED), _all("calendar", REFERENCE_CALENDAR)
    return Recipe("reference", (*inputs, *shifts, *calendar))


def reference_method(panel: pd.DataFrame) -> Recipe:
    """Apply the method of the published model to the columns of a panel: a baseline.

    Every input, the 13 calendar columns, no coordinates; inputs that change from day to day are also shifted
    by 1, 2, 3 and 5 days either way.
    """
    inputs = feature_columns(panel)
    shifts, calendar = _reference_shifts(_changing(panel, inputs)), _all("calendar", REFERENCE_CALENDAR)
    return Recipe("reference-method", _first_of_name(_all("value", inputs), shifts, calendar))


def raw(panel: pd.DataFrame, calendar: Collection[str] = ()) -> Recipe:
    """Take the inputs and the position as they are: for baselines that make no features.

    `calendar` names date columns beside them, of :data:`airq.features.calendar.CALENDAR`.
    """
    inputs = _all("value", [*feature_columns(panel), "latitude", "longitude"])
    return Recipe("raw", _first_of_name(inputs, _all("calendar", calendar)))


def _all(kind, columns):
    return [Feature(kind, column) for column in columns]


def _around(plan, panel, columns):
    places = panel.drop_duplicates("site_id")[["longitude", "latitude"]]
    radii = [radius for radius in plan.radii_km if len(pairs_within(places, radius))]
    return [
        Feature(kind, column, days=days, radius_km=radius)
        for column in columns
        for radius in radii
        for kind, days in plan.around
    ]


def _reference_shifts(columns):
    """Name shifts as the reference does: shiftk for `k` days earlier, nshiftk for `k` days later."""
    return [
        Feature(kind, column, days=days, name=f"{column}{word}{days}")
        for days in SHIFTS
        for column in columns
        for kind, word in (("lag", "shift"), ("lead", "nshift"))
    ]


def _first_of_name(*groups):
    """Keep all features in order; a column of the table wins over a feature of the same name."""
    kept = {}
    for feature in itertools.chain(*groups):
        kept.setdefault(feature.name, feature)
    return tuple(kept.values())


def _changing(panel, columns):
    """Find the columns that differ between days at some site."""
    site = site_numbers(panel)
    order = np.argsort(site, kind="stable")
    starts = np.flatnonzero(np.diff(site[order], prepend=-1))
    changing = []
    for column in columns if len(starts) else ():
        values = numbers(panel, column)[order]
        if np.any(np.fmax.reduceat(values, starts) > np.fmin.reduceat(values, starts)):
            changing.append(column)
    return changing
