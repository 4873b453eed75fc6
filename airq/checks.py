"""The door: what a panel must be, and what is said when it is not."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

from airq.panel import (
    COLUMNS,
    FIRST_DATE,
    IDENTITY,
    KEYS,
    TARGET,
    at_ceiling,
    near_name,
    panel_metadata,
    sort_panel,
)
from airq.units import PM25_UNIT, is_aqi


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
