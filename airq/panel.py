"""The panel: one row per site and day, the words for its columns, and its check.

Every table in the package is a pandas DataFrame of this form. Its units, its kind of day and the origin
of its PM2.5 are in ``DataFrame.attrs`` and in the metadata of the Parquet file, see
:class:`PanelMetadata`. :func:`check_panel` refuses whatever the rest of the package could not rely on.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from airq.messages import near_name
from airq.units import PM25_UNIT, is_aqi

KEYS = ["site_id", "date"]
PLACE = ["site_id", "city_id", "city", "country", "latitude", "longitude"]
IDENTITY = [*PLACE, "date"]
TARGET = "pm25"
#: Fewer rows with PM2.5 are too few to learn from.
MIN_TRAINING_ROWS = 20
#: Of what a value of PM2.5 was made.
MADE_OF = ["n_hours", "n_monitors"]
#: Columns that never become a feature: keys, names of places, what is predicted, and of what it was made.
NOT_FEATURES = [*IDENTITY, TARGET, "aqi", *MADE_OF]

DAY_BASES = ("utc", "local")
STATISTICS = ("mean", "median")


class Origin(NamedTuple):
    """Words for where the PM2.5 of a panel comes from.

    Attributes
    ----------
    words : str
        The end of "PM2.5 from …" and "The model learned from …".
    label : str
        A word or two for tables and pictures.
    series : str
        Name of such PM2.5 beside predictions in a chart.
    warning : str
        Sentence to read before any figure; empty for monitors.
    """

    words: str
    label: str
    series: str
    warning: str = ""


#: Where PM2.5 can come from.
ORIGINS = {
    "sensor": Origin("monitors", "monitors", "observed by sensors"),
    "index": Origin(
        "a published air-quality index, inverted",
        "INDEX",
        "observed, from an index",
        "INDEX: PM2.5 here was inverted from a published air-quality index, not measured as such.",
    ),
    "model": Origin(
        "a model's output",
        "MODEL FIELD",
        "a model's output, not observed",
        "MODEL FIELD: PM2.5 here is a model's output, so predicting it is emulation, not measurement.",
    ),
    "simulated": Origin(
        "a simulation",
        "SIMULATED",
        "simulated sensor",
        "SIMULATED: these figures describe a simulated atmosphere, not the air of any city.",
    ),
}
INPUTS_WARNING = (
    "SIMULATED inputs: these figures rest on invented satellite and weather values and say nothing about "
    "the air of a city."
)
MEDIAN_WARNING = "MEDIANS: daily medians; WHO and AQI levels are made for 24-hour means."

#: Full-scale readings that monitors repeat instead of measuring. [µg m⁻³]
SENSOR_CEILINGS = (985.0, 995.0, 999.0, 999.9, 999.99, 1000.0)
#: Earlier days are mistakes.
FIRST_DATE = pd.Timestamp("1970-01-01")


class Column(NamedTuple):
    """What a column of the panel holds.

    Attributes
    ----------
    dtype : str
        NumPy dtype, or ``"str"``.
    unit : str
        Unit as :func:`airq.units.unit_name` writes it; empty for text.
    low, high : float
        Plausible range, ends included. [unit]
    meaning : str
        What it is, in a few words.
    """

    dtype: str
    unit: str
    low: float = -np.inf
    high: float = np.inf
    meaning: str = ""


COLUMNS = {
    "site_id": Column("str", "", meaning="name of the place, unique"),
    "city_id": Column("str", "", meaning="name of the city that the site belongs to, unique"),
    "city": Column("str", "", meaning="city as people write it"),
    "country": Column("str", "", meaning="ISO 3166-1 alpha-3 code"),
    "latitude": Column("float64", "°", -90, 90, "north positive, WGS 84"),
    "longitude": Column("float64", "°", -180, 180, "east positive, WGS 84"),
    "date": Column("datetime64[us]", "", meaning="calendar day, midnight, without a time zone"),
    "pm25": Column("float32", PM25_UNIT, 0, 1500, "daily PM2.5"),
    "aqi": Column("float32", "aqi-us-2012", 0, 1500, "US air-quality index of daily PM2.5"),
    "n_hours": Column("float32", "h", 0, 25, "hours with a value that a daily value was made of"),
    "n_monitors": Column("float32", "1", 0, 1e4, "monitors whose mean the PM2.5 of a city is"),
    "no2": Column("float32", "mol m⁻²", -0.001, 0.02, "tropospheric NO2 column"),
    "co": Column("float32", "mol m⁻²", -0.1, 1.5, "CO column"),
    "hcho": Column("float32", "mol m⁻²", -0.01, 0.02, "tropospheric HCHO column"),
    "so2": Column("float32", "mol m⁻²", -0.1, 0.5, "SO2 column"),
    "o3": Column("float32", "mol m⁻²", 0, 0.5, "O3 column"),
    "aer_ai": Column("float32", "1", -25, 40, "UV aerosol index"),
    "cloud_fraction": Column("float32", "1", 0, 1, "cloud fraction"),
    "aod047": Column("float32", "1", -0.1, 8, "aerosol optical depth at 0.47 µm"),
    "aod055": Column("float32", "1", -0.1, 8, "aerosol optical depth at 0.55 µm"),
    "cams_pm25": Column("float32", PM25_UNIT, 0, 10000, "PM2.5 of the CAMS model"),
    "temp_air": Column("float32", "°C", -90, 65, "air temperature at 2 m, daily mean"),
    "temp_dew": Column("float32", "°C", -95, 45, "dew point at 2 m, daily mean"),
    "relative_humidity": Column("float32", "%", 0, 105, "relative humidity at 2 m, daily mean"),
    "wind_u": Column("float32", "m s⁻¹", -120, 120, "wind towards the east at 10 m"),
    "wind_v": Column("float32", "m s⁻¹", -120, 120, "wind towards the north at 10 m"),
    "precipitation": Column("float32", "mm", 0, 2000, "precipitation, daily sum"),
    "pressure": Column("float32", "hPa", 400, 1100, "surface pressure"),
    "boundary_layer_height": Column("float32", "m", 0, 10000, "boundary-layer height, daily mean"),
    "fire_power_50km": Column("float32", "MW", 0, 1e7, "fire radiative power within 50 km"),
    "fire_power_150km": Column("float32", "MW", 0, 1e7, "fire radiative power between 50 and 150 km"),
    "fire_power_300km": Column("float32", "MW", 0, 1e7, "fire radiative power between 150 and 300 km"),
    "night_lights": Column("float32", "nW cm⁻² sr⁻¹", 0, 1e5, "night lights"),
    "population": Column("float64", "people", 0, 5e7, "people of the city"),
    "elevation": Column("float32", "m", -450, 9000, "height above sea level"),
}


@dataclass(frozen=True)
class PanelMetadata:
    """What the rows of a panel cannot show: units, kind of day, origin, sources.

    Attributes
    ----------
    units : dict of str to str
        Unit of every numeric column.
    day_basis : {"utc", "local"}
        Whose midnight ends a day.
    pm25_origin : {"sensor", "index", "model", "simulated"}
        Where PM2.5 comes from, a key of :data:`ORIGINS`.
    statistic : {"mean", "median"}
        What summarises the hours of a day.
    sources : tuple of str
        Where the rows come from, one phrase each.
    kept : tuple of str
        Columns that somebody asked for by name, whatever they look like; see
        :func:`airq.features.inputs.not_inputs`.

    Raises
    ------
    ValueError
        If a word is not one of those listed.
    """

    units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    day_basis: str = "utc"
    pm25_origin: str = "sensor"
    statistic: str = "mean"
    sources: Iterable[str] = ()
    kept: Iterable[str] = ()

    def __post_init__(self):
        choices = {"day_basis": DAY_BASES, "pm25_origin": tuple(ORIGINS), "statistic": STATISTICS}
        for name, words in choices.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(words)}.")
        object.__setattr__(self, "units", dict(self.units))
        object.__setattr__(self, "sources", tuple(self.sources))
        object.__setattr__(self, "kept", tuple(self.kept))

    def to_dict(self) -> dict:
        """Return the metadata as plain lists, dicts and strings."""
        return {**dataclasses.asdict(self), "sources": list(self.sources), "kept": list(self.kept)}

    @classmethod
    def from_dict(cls, values: dict) -> PanelMetadata:
        """Invert :meth:`to_dict`; raise ValueError if the values are not of this form."""
        if not isinstance(values, dict) or not isinstance(values.get("units", {}), dict):
            raise ValueError("The panel's metadata are damaged: `units` must map columns to units.")
        for key in ("sources", "kept"):
            if not isinstance(values.get(key, []), (list, tuple)):
                raise ValueError(f"The panel's metadata are damaged: `{key}` must be a list.")
        return cls(**{key: values[key] for key in (f.name for f in dataclasses.fields(cls)) if key in values})


def label_panel(panel: pd.DataFrame, metadata: PanelMetadata) -> pd.DataFrame:
    """Attach metadata to a shallow copy of a panel; every numeric column gets its unit.

    It comes from the metadata, then from the vocabulary; a column that neither knows is ``"unknown"``.
    """
    units = {}
    for name in panel.columns:
        if pd.api.types.is_numeric_dtype(panel[name]):
            unit = COLUMNS[name].unit if name in COLUMNS else "unknown"
            units[name] = metadata.units.get(name, unit)
    panel = panel.copy(deep=False)
    panel.attrs["airq"] = Labels(dataclasses.replace(metadata, units=units).to_dict())
    return panel


class Labels(dict):
    """Metadata as a dict of words, of lists and of dicts of words: a deep copy takes little.

    pandas makes one for every column that is read, and for most other results.

    >>> import copy
    >>> labels = Labels(units={"pm25": "µg m⁻³"}, sources=["by hand"])
    >>> copied = copy.deepcopy(labels)
    >>> copied["units"]["pm25"] = "mg m⁻³"
    >>> labels["units"]["pm25"], copied["sources"]
    ('µg m⁻³', ['by hand'])
    """

    def __deepcopy__(self, memo):
        return Labels(
            {name: value.copy() if isinstance(value, dict | list) else value for name, value in self.items()}
        )


def panel_metadata(panel: pd.DataFrame) -> PanelMetadata:
    """Return the metadata of a panel; raise ValueError if it carries none."""
    if "airq" not in panel.attrs:
        raise ValueError(
            "This table carries no panel metadata; make it with `airq ingest` or airq.read_table()."
        )
    return PanelMetadata.from_dict(panel.attrs["airq"])


def origin_warnings(metadata: PanelMetadata) -> list[str]:
    """List what to know about a panel's PM2.5, a sentence each; nothing for daily means of monitors.

    >>> texts = origin_warnings(PanelMetadata(pm25_origin="index", statistic="median"))
    >>> [text.split(":")[0] for text in texts]
    ['INDEX', 'MEDIANS']
    """
    simulated = any("SIMULATED" in source for source in metadata.sources)
    warnings = [
        ORIGINS[metadata.pm25_origin].warning,
        INPUTS_WARNING * (simulated and metadata.pm25_origin != "simulated"),
        MEDIAN_WARNING * (metadata.statistic == "median"),
    ]
    return [warning for warning in warnings if warning]


def origin_warning(metadata: PanelMetadata) -> str:
    """Return :func:`origin_warnings` as one text, empty where there is none."""
    return " ".join(origin_warnings(metadata))


def origin_label(metadata: PanelMetadata) -> str:
    """Return the same in a word or two, for tables and pictures.

    >>> origin_label(PanelMetadata(pm25_origin="simulated")), origin_label(PanelMetadata())
    ('SIMULATED', 'monitors')
    """
    warnings = origin_warnings(metadata)
    return ", ".join(text.split(":")[0] for text in warnings) or ORIGINS[metadata.pm25_origin].label


def feature_columns(panel: pd.DataFrame) -> list[str]:
    """List the numeric columns that a model may learn from, in the panel's order."""
    numeric = [name for name in panel.columns if pd.api.types.is_numeric_dtype(panel[name])]
    return [name for name in numeric if name not in NOT_FEATURES]


def sort_panel(panel: pd.DataFrame) -> pd.DataFrame:
    """Sort a panel by site and day, with a plain index, the canonical columns first.

    Columns of the vocabulary get its dtype.
    """
    first = [name for name in NOT_FEATURES if name in panel.columns]
    panel = panel[first + [name for name in panel.columns if name not in first]]
    dtypes = {name: COLUMNS[name].dtype for name in panel.columns if name in COLUMNS}
    return panel.astype(dtypes).sort_values(KEYS, kind="stable", ignore_index=True)


def at_ceiling(pm25) -> np.ndarray:
    """Mark values [µg m⁻³] that repeat a monitor's full-scale reading, (n_samples,).

    >>> at_ceiling([998.0, 999.99, 985.0]).tolist()
    [False, True, True]
    """
    values = np.asarray(pm25, dtype="float64")
    return np.isclose(values[:, None], np.array(SENSOR_CEILINGS), rtol=0, atol=2e-3).any(axis=1)


def check_panel(panel: pd.DataFrame, *, target: Literal["optional", "required"] = "optional") -> pd.DataFrame:
    """Validate a panel; return it sorted by site and day, with the dtypes of the vocabulary.

    Parameters
    ----------
    panel : DataFrame
        Table with panel metadata.
    target : {"optional", "required"}
        Whether at least one row must have a `pm25`.

    Raises
    ------
    ValueError
        At the first fault: what is wrong, where, and what to do.
    """
    metadata = panel_metadata(panel)
    check_names(panel.columns)
    if panel.empty:
        raise ValueError("The panel has no rows.")
    _check_types(panel)
    _check_dates(panel)
    _check_coordinates(panel)
    check_places(panel)
    check_keys(panel)
    _check_units(panel, metadata)
    _check_target(panel, target)
    _check_ranges(panel)
    _check_finite(panel)
    return sort_panel(panel)


def check_names(names: Iterable[str]) -> None:
    """Refuse column names that lack one of :data:`IDENTITY` or repeat one."""
    names = pd.Index(names)
    for name in IDENTITY:
        if name not in names:
            near = near_name(name, set(names) - set(IDENTITY))
            raise ValueError(f"The panel has no column {name!r}.{near}")
    repeated = names[names.duplicated()]
    if len(repeated):
        raise ValueError(f"The panel has two columns called {repeated[0]!r}.")


def _check_types(panel):
    for name, column in COLUMNS.items():
        if name not in panel.columns:
            continue
        numeric = pd.api.types.is_numeric_dtype(panel[name])
        if column.dtype.startswith("float") and (not numeric or pd.api.types.is_bool_dtype(panel[name])):
            raise ValueError(f"Column {name!r} must be numbers [{column.unit}], not {panel[name].dtype}.")
        if column.dtype == "str" and not pd.api.types.is_string_dtype(panel[name]):
            raise ValueError(f"Column {name!r} must be text, not {panel[name].dtype}.")
    if not pd.api.types.is_datetime64_dtype(panel["date"]):
        raise ValueError(f"Column 'date' must be days without a time zone, not {panel['date'].dtype}.")


def _check_dates(panel):
    date = panel["date"]
    if date.isna().any():
        raise ValueError(f"Column 'date' is empty in {_count(date.isna())}.")
    moments = date[date != date.dt.normalize()]
    if len(moments):
        raise ValueError(f"Column 'date' must be whole days; {moments.iloc[0]} is not.")
    impossible = ~date.between(FIRST_DATE, pd.Timestamp(datetime.date.today()) + pd.Timedelta(days=366))
    if impossible.any():
        raise ValueError(
            f"Impossible date {date[impossible].iloc[0]:%Y-%m-%d} in {_count(impossible)}; "
            f"dates must lie between {FIRST_DATE:%Y-%m-%d} and a year from today."
        )


def _check_coordinates(panel):
    latitude, longitude = panel["latitude"], panel["longitude"]
    missing = latitude.isna() | longitude.isna()
    if missing.any():
        raise ValueError(f"Coordinates are empty in {_count(missing)}, first {_first(panel, missing)}.")
    for name, limit in (("latitude", 90), ("longitude", 180)):
        outside = panel[name].abs() > limit
        if outside.any():
            swapped = name == "latitude" and (longitude[outside].abs() <= 90).all()
            hint = " Are latitude and longitude swapped?" if swapped else ""
            raise ValueError(
                f"Column {name!r} is {panel.loc[outside, name].iloc[0]:g} at {_first(panel, outside)}; "
                f"it must lie within ±{limit}°.{hint}"
            )


def check_places(panel):
    """Refuse empty names of places, a site of two positions or cities, and a city in two countries."""
    for name in ("site_id", "city_id", "country"):
        missing = panel[name].isna() | (panel[name].astype("str").str.strip() == "")
        if missing.any():
            raise ValueError(f"Column {name!r} is empty in {_count(missing)}.")
    site = _first_with_two(panel, "site_id", ["city_id", "latitude", "longitude"])
    if site is not None:
        raise ValueError(
            f"Site {site!r} has two positions or cities; give every site one latitude, longitude and city_id."
        )
    city = _first_with_two(panel, "city_id", ["country"])
    if city is not None:
        raise ValueError(
            f"City {city!r} lies in two countries; give cities of one name in different countries a city_id "
            "of their own."
        )


def _first_with_two(panel, name, columns):
    """Return the first value of `name` that has two rows of `columns`, or None."""
    rows = panel[[name, *columns]].drop_duplicates()
    return next(iter(rows.loc[rows[name].duplicated(), name]), None)


def check_keys(panel):
    """Refuse a day that a site has twice."""
    repeated = panel.duplicated(KEYS)
    if repeated.any():
        raise ValueError(
            f"The panel repeats {_count(repeated, '(site_id, date) row')}, first {_first(panel, repeated)}. "
            'Average them before, or ingest the table with several = "mean".'
        )


def _check_units(panel, metadata):
    for name, column in COLUMNS.items():
        if name not in panel.columns or column.unit in ("", "°", "people") or name == "aqi":
            continue
        unit = metadata.units.get(name, column.unit)
        if unit != column.unit:
            raise ValueError(
                f"Column {name!r} is in {unit}, but panels hold it in {column.unit}; convert it at ingest."
            )
    if "aqi" in panel.columns and not is_aqi(metadata.units.get("aqi", COLUMNS["aqi"].unit)):
        raise ValueError(f"Column 'aqi' is in {metadata.units['aqi']}, which is not an air-quality index.")


def _check_target(panel, target):
    filled = [name for name in (TARGET, "aqi") if name in panel.columns and panel[name].notna().any()]
    if TARGET not in filled:
        if target == "required":
            aqi_only = " It holds AQI only, which is not a concentration."
            why = aqi_only if filled else near_name(TARGET, panel.columns)
            raise ValueError(
                f"The panel has no PM2.5: column 'pm25' is missing or empty.{why} "
                "Add targets with `airq join`."
            )
        return
    values = panel[TARGET]
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(f"PM2.5 is infinite in {_count(infinite)}, first {_first(panel, infinite)}.")
    for problem, wrong in (("negative", values < 0), ("at a sensor's ceiling", at_ceiling(values))):
        if wrong.any():
            raise ValueError(
                f"PM2.5 is {problem} in {_count(wrong)}, first {_first(panel, wrong)} "
                f"({values[wrong].iloc[0]:g} {PM25_UNIT}); remove these rows, or ingest the raw table, "
                "which drops them."
            )


def _check_ranges(panel):
    for name, column in COLUMNS.items():
        if name not in panel.columns or not column.dtype.startswith("float"):
            continue
        outside = (panel[name] < column.low) | (panel[name] > column.high)
        if outside.any():
            raise ValueError(
                f"Column {name!r} is {panel.loc[outside, name].iloc[0]:g} {column.unit} at "
                f"{_first(panel, outside)} ({_count(outside)}); it must lie between "
                f"{column.low:g} and {column.high:g}. Wrong unit?"
            )


def _check_finite(panel):
    """Refuse numbers that are infinite, also those that become so as float32, which models compute with."""
    largest = np.finfo("float32").max
    for name in feature_columns(panel):
        infinite = panel[name].abs() > largest
        if infinite.any():
            raise ValueError(
                f"Column {name!r} is infinite or too large in {_count(infinite)}, first "
                f"{_first(panel, infinite)}; leave such values empty."
            )


def _count(mask, what="row"):
    number = int(np.sum(mask))
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _first(panel, mask):
    """Name the site and day of the first row that a mask marks."""
    first = panel.loc[np.asarray(mask), KEYS].iloc[0]
    return f"site {first['site_id']} on {first['date']:%Y-%m-%d}"
