"""The panel: one row per site and day, and the words for its columns.

Every table in the package is a pandas DataFrame of this form. Its units, its kind of day and
the origin of its target travel with it in ``DataFrame.attrs`` and in the metadata of the Parquet
file, see :class:`PanelMetadata`.

What must be known of a panel's PM2.5 before its figures are read.

The door: what a panel must be, and what is said when it is not.
"""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass

import numpy as np
import pandas as pd

from airq.messages import near_name
from airq.units import PM25_UNIT, is_aqi

KEYS = ["site_id", "date"]
PLACE = ["site_id", "city_id", "city", "country", "latitude", "longitude"]
IDENTITY = ["site_id", "city_id", "city", "country", "latitude", "longitude", "date"]
TARGET = "pm25"
#: Columns that must never become a feature: keys, places' names, and what is to be predicted.
NOT_FEATURES = [*IDENTITY, TARGET, "aqi"]

DAY_BASES = ("utc", "local")
ORIGINS = ("sensor", "index", "model", "simulated")
STATISTICS = ("mean", "median")

#: Full-scale readings that monitors repeat instead of measuring. [µg m⁻³]
SENSOR_CEILINGS = (985.0, 995.0, 999.0, 999.9, 999.99, 1000.0)

#: Days before it are taken for mistakes.
FIRST_DATE = pd.Timestamp("1970-01-01")


@dataclass(frozen=True)
class Column:
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
    """Facts about a panel that its rows cannot tell.

    Attributes
    ----------
    units : dict of str to str
        Unit of every numeric column.
    day_basis : {"utc", "local"}
        Whose midnight ends a day.
    pm25_origin : {"sensor", "index", "model", "simulated"}
        Where PM2.5 comes from: monitors, an inverted index, a model's field, a simulation.
    statistic : {"mean", "median"}
        What summarises the hours of a day.
    sources : tuple of str
        Where the rows come from, one phrase each.
    """

    units: dict = dataclasses.field(default_factory=dict)
    day_basis: str = "utc"
    pm25_origin: str = "sensor"
    statistic: str = "mean"
    sources: tuple = ()

    def __post_init__(self):
        _one_of("day_basis", self.day_basis, DAY_BASES)
        _one_of("pm25_origin", self.pm25_origin, ORIGINS)
        _one_of("statistic", self.statistic, STATISTICS)
        object.__setattr__(self, "units", dict(self.units))
        object.__setattr__(self, "sources", tuple(self.sources))

    def to_dict(self):
        """The same facts as plain lists, dicts and strings."""
        return {**dataclasses.asdict(self), "sources": list(self.sources)}

    @classmethod
    def from_dict(cls, facts):
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If the facts are not of this form.
        """
        if not isinstance(facts, dict) or not isinstance(facts.get("units", {}), dict):
            raise ValueError("The panel's metadata are damaged: `units` must map columns to units.")
        if not isinstance(facts.get("sources", []), (list, tuple)):
            raise ValueError("The panel's metadata are damaged: `sources` must be a list.")
        return cls(**{key: facts[key] for key in (f.name for f in dataclasses.fields(cls)) if key in facts})


def label_panel(panel, metadata):
    """The panel with its metadata attached; columns of the vocabulary get their unit.

    Parameters
    ----------
    panel : DataFrame
        A panel.
    metadata : PanelMetadata
        Its facts. Units of columns that the vocabulary lacks must stand in ``metadata.units`` to be
        known; others are marked ``"unknown"``.

    Returns
    -------
    DataFrame
        A shallow copy.
    """
    units = {}
    for name in panel.columns:
        if pd.api.types.is_numeric_dtype(panel[name]):
            known = COLUMNS[name].unit if name in COLUMNS else "unknown"
            units[name] = metadata.units.get(name, known)
    panel = panel.copy(deep=False)
    panel.attrs["airq"] = dataclasses.replace(metadata, units=units).to_dict()
    return panel


def panel_metadata(panel):
    """The metadata of a panel.

    Raises
    ------
    ValueError
        If it carries none.
    """
    if "airq" not in panel.attrs:
        raise ValueError("This table carries no panel metadata; make it with `airq ingest` or label_panel().")
    return PanelMetadata.from_dict(panel.attrs["airq"])


def feature_columns(panel):
    """Names of the numeric columns that a model may learn from, in the panel's order."""
    return [
        name
        for name in panel.columns
        if name not in NOT_FEATURES and pd.api.types.is_numeric_dtype(panel[name])
    ]


def sort_panel(panel):
    """The panel in its order, by site and day, with a plain index.

    The canonical columns come first; all columns of the vocabulary take its dtype.
    """
    first = [name for name in [*IDENTITY, TARGET, "aqi"] if name in panel.columns]
    panel = panel[first + [name for name in panel.columns if name not in first]]
    dtypes = {name: COLUMNS[name].dtype for name in panel.columns if name in COLUMNS}
    return panel.astype(dtypes).sort_values(KEYS, kind="stable", ignore_index=True)


def at_ceiling(pm25):
    """Where PM2.5 repeats a monitor's full-scale reading.

    Parameters
    ----------
    pm25 : Series or array-like of shape (n_samples,)
        PM2.5. [µg m⁻³]

    Returns
    -------
    numpy.ndarray of bool

    Examples
    --------
    >>> at_ceiling([998.0, 999.99, 985.0]).tolist()
    [False, True, True]
    """
    values = np.asarray(pm25, dtype="float64")
    return np.isclose(values[:, None], np.array(SENSOR_CEILINGS), rtol=0, atol=2e-3).any(axis=1)


def _one_of(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")


ORIGIN_WARNINGS = {
    "simulated": "SIMULATED: these figures describe a simulated atmosphere, not the air of any city.",
    "model": "MODEL FIELD: PM2.5 here is a model's output, so predicting it is emulation, not measurement.",
    "index": "INDEX: PM2.5 here was inverted from a published air-quality index, not measured as such.",
}
INPUTS_WARNING = (
    "SIMULATED inputs: these figures rest on invented satellite and weather values and say nothing about "
    "the air of a city."
)
MEDIAN_WARNING = "MEDIANS: daily medians; WHO and AQI levels are made for 24-hour means."


def origin_warnings(metadata):
    """What the origin of a panel calls for, a sentence each; nothing for the daily means of monitors.

    Parameters
    ----------
    metadata : PanelMetadata
        Facts about the panel.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from airq.panel import PanelMetadata
    >>> texts = origin_warnings(PanelMetadata(pm25_origin="index", statistic="median"))
    >>> [text.split(":")[0] for text in texts]
    ['INDEX', 'MEDIANS']
    """
    simulated = any("SIMULATED" in source for source in metadata.sources)
    warnings = [
        ORIGIN_WARNINGS.get(metadata.pm25_origin),
        INPUTS_WARNING * (simulated and metadata.pm25_origin != "simulated"),
        MEDIAN_WARNING * (metadata.statistic == "median"),
    ]
    return [warning for warning in warnings if warning]


def origin_warning(metadata):
    """The same as one text, empty where nothing must be known."""
    return " ".join(origin_warnings(metadata))


def origin_label(metadata):
    """The same in a word or two, for tables and pictures.

    >>> from airq.panel import PanelMetadata
    >>> origin_label(PanelMetadata(pm25_origin="simulated")), origin_label(PanelMetadata())
    ('SIMULATED', 'monitors')
    """
    return ", ".join(text.split(":")[0] for text in origin_warnings(metadata)) or "monitors"


def check_panel(panel, *, target="optional"):
    """Check a table at the door; return it sorted, with the dtypes of the vocabulary.

    Parameters
    ----------
    panel : DataFrame
        Table with panel metadata.
    target : {"optional", "required"}
        Whether at least one row must have a `pm25`.

    Returns
    -------
    DataFrame
        The panel, sorted by site and day.

    Raises
    ------
    ValueError
        At the first thing that is wrong, saying what, where, and what to do.
    """
    metadata = panel_metadata(panel)
    check_names(panel.columns)
    if panel.empty:
        raise ValueError("The panel has no rows.")
    _check_types(panel)
    _check_dates(panel)
    _check_coordinates(panel)
    _check_places(panel)
    _check_keys(panel)
    _check_units(panel, metadata)
    _check_target(panel, target)
    _check_ranges(panel)
    return sort_panel(panel)


def check_names(names):
    """Refuse names of columns that lack one of every panel's, or that repeat one."""
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
    last = pd.Timestamp(datetime.date.today()) + pd.Timedelta(days=366)
    if date.isna().any():
        raise ValueError(f"Column 'date' is empty in {_count(date.isna(), 'row')}.")
    if (date != date.dt.normalize()).any():
        raise ValueError(
            f"Column 'date' must be whole days; {date[date != date.dt.normalize()].iloc[0]} is not."
        )
    impossible = ~date.between(FIRST_DATE, last)
    if impossible.any():
        raise ValueError(
            f"Impossible date {date[impossible].iloc[0]:%Y-%m-%d} in {_count(impossible, 'row')}; "
            f"days lie between {FIRST_DATE:%Y-%m-%d} and a year from today."
        )


def _check_coordinates(panel):
    latitude, longitude = panel["latitude"], panel["longitude"]
    missing = latitude.isna() | longitude.isna()
    if missing.any():
        raise ValueError(
            f"Coordinates are empty in {_count(missing, 'row')}, first {_where(panel, missing)}."
        )
    for name, values, limit in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        outside = values.abs() > limit
        if outside.any():
            swapped = name == "latitude" and (longitude[outside].abs() <= 90).all()
            hint = " Are latitude and longitude swapped?" if swapped else ""
            raise ValueError(
                f"Column {name!r} is {values[outside].iloc[0]:g} at {_where(panel, outside)}; "
                f"it must lie within ±{limit}°.{hint}"
            )


def _check_places(panel):
    for name in ("site_id", "city_id", "country"):
        missing = panel[name].isna() | (panel[name].astype("str").str.strip() == "")
        if missing.any():
            raise ValueError(f"Column {name!r} is empty in {_count(missing, 'row')}.")
    places = panel[["site_id", "city_id", "latitude", "longitude"]].drop_duplicates()
    twice = places["site_id"].duplicated()
    if twice.any():
        raise ValueError(
            f"Site {places.loc[twice, 'site_id'].iloc[0]!r} has two positions or cities; "
            "give every site one latitude, longitude and city_id."
        )
    countries = panel[["city_id", "country"]].drop_duplicates()
    twice = countries["city_id"].duplicated()
    if twice.any():
        raise ValueError(
            f"City {countries.loc[twice, 'city_id'].iloc[0]!r} lies in two countries; give cities of one "
            "name in different countries a city_id of their own."
        )


def _check_keys(panel):
    repeated = panel.duplicated(KEYS)
    if repeated.any():
        raise ValueError(
            f"The panel repeats {_count(repeated, '(site_id, date) row')}, first {_where(panel, repeated)}. "
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
    has_target = TARGET in panel.columns and panel[TARGET].notna().any()
    if target == "required" and not has_target:
        aqi_only = "aqi" in panel.columns and panel["aqi"].notna().any()
        why = (
            " It holds AQI only, which is not a concentration."
            if aqi_only
            else near_name(TARGET, panel.columns)
        )
        raise ValueError(
            f"The panel has no PM2.5: column 'pm25' is missing or empty.{why} Add targets with `airq join`."
        )
    if not has_target:
        return
    values = panel[TARGET]
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(f"PM2.5 is infinite in {_count(infinite, 'row')}, first {_where(panel, infinite)}.")
    for problem, wrong in (("negative", values < 0), ("at a sensor's ceiling", at_ceiling(values))):
        if wrong.any():
            raise ValueError(
                f"PM2.5 is {problem} in {_count(wrong, 'row')}, first {_where(panel, wrong)} "
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
                f"{_where(panel, outside)} ({_count(outside, 'row')}); it must lie between "
                f"{column.low:g} and {column.high:g}. Wrong unit?"
            )


def _count(mask, what):
    number = int(np.sum(mask))
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _where(panel, mask):
    first = panel.loc[np.asarray(mask), KEYS].iloc[0]
    date = first["date"]
    day = f"{date:%Y-%m-%d}" if isinstance(date, pd.Timestamp) and not pd.isna(date) else str(date)
    return f"site {first['site_id']} on {day}"
