from __future__ import annotations

import numpy as np
import pandas as pd

from airq.geo import distances_km
from airq.panel import COLUMNS, KEYS, PLACE, TARGET, PanelMetadata, at_ceiling
from airq.sources.cleaning import (
    FORMAT_COLUMNS,
    Tally,
    days,
    file_names,
    finished,
    named,
    numbers,
    one_per_key,
    plausible,
    read_table,
    require_columns,
    with_coordinates,
    with_text,
)

AIRATHON_UNITS = {
    "Column_WV": "cm",
    **{f"Optical_Depth_055_{statistic}": "1" for statistic in ("min", "max", "var", "std", "p95")},
}

#: Place names of the Airathon tables -> city, country, time zone, middle of the cells.
AIRATHON_PLACES = pd.DataFrame.from_dict(
    {
        "Delhi": ("Delhi", "IND", "Asia/Kolkata", 28.6, 77.2),
        "Taipei": ("Taipei", "TWN", "Asia/Taipei", 25.0, 121.5),
        "Los Angeles (SoCAB)": ("Los Angeles", "USA", "America/Los_Angeles", 34.0, -117.9),
    },
    orient="index",
    columns=["city", "country", "zone", "latitude", "longitude"],
)
#: Farthest that a cell may lie from that. [km]
AIRATHON_KM = 300


def read_airathon(paths, *, cities=None):
    """Read the Airathon tables: monitors in three cities with MAIAC aerosol optical depth.

    `datetime` is local midnight given in UTC, so a target belongs to the local date of `datetime`
    while the satellite's columns stay on `date`. The two are taken apart and joined again by cell
    and day; a day that has only one of them keeps it.

    Parameters
    ----------
    paths : list of str or Path
        Tables with `value`. [µg m⁻³]
    cities : DataFrame, optional
        Not used: the three cities are known.

    Returns
    -------
    Reading
        `aod055` is the cell's mean; the other columns keep their names.
    """
    tally = Tally()
    rows = pd.concat([_airathon_rows(path, tally) for path in paths], ignore_index=True)
    rows = with_coordinates(rows, tally, path=named(paths))
    _check_cells(rows, path=named(paths))
    inputs = rows.drop(columns=[TARGET, "target_day"])
    measured = [name for name in inputs.columns if name not in (*PLACE, "date")]
    inputs = inputs[inputs[measured].notna().any(axis=1)]
    targets = rows[[*PLACE, "target_day", TARGET]].rename(columns={"target_day": "date"})
    targets = targets[targets[TARGET].notna()]
    rows = tally.drop(rows, ~rows.index.isin(inputs.index.union(targets.index)), "without values")
    inputs = one_per_key(plausible(inputs, tally, path=named(paths)), tally)
    targets = one_per_key(targets, tally)
    joined = inputs.merge(targets, on=KEYS, how="outer", suffixes=("", "_target"))
    for name in PLACE[1:]:
        joined[name] = joined[name].fillna(joined.pop(f"{name}_target"))
    tally.notes.append("targets stand on the local date of `datetime`, satellite columns on `date`")
    source = f"NASA Airathon: monitors with MAIAC AOD ({file_names(paths)})"
    return finished(
        joined,
        PanelMetadata(units=AIRATHON_UNITS, day_basis="local", sources=[source]),
        tally,
        path=named(paths),
    )


def _airathon_rows(path, tally):
    table = read_table(path, text=("grid_id", "location"))
    require_columns(table, (*FORMAT_COLUMNS["airathon"], "lat", "lon", "value"), path, format="airathon")
    tally.read += len(table)
    table = with_text(table, ("grid_id", "location"), tally)
    unknown = set(table["location"]) - set(AIRATHON_PLACES.index)
    if unknown:
        raise ValueError(
            f"{path}: location {min(unknown)!r} has no known time zone; format airathon knows "
            f"{', '.join(AIRATHON_PLACES.index)}."
        )
    facts = AIRATHON_PLACES.loc[table["location"]].set_axis(table.index)
    table = table.assign(city=facts["city"], country=facts["country"])
    table["city_id"] = table["country"] + ":" + table["city"]
    table["target_day"] = _local_days(table["datetime"], facts["zone"])
    table[TARGET] = _monitor_values(table["value"], tally)
    unknown = table[TARGET].notna() & table["target_day"].isna()
    table[TARGET] = tally.empty(table[TARGET], unknown, "PM2.5 without a readable datetime")
    table = days(table["date"], tally, table, column="date", path=path)
    names = {"grid_id": "site_id", "lat": "latitude", "lon": "longitude", "Optical_Depth_055_avg": "aod055"}
    return table.drop(columns=["datetime", "location", "value"]).rename(columns=names)


def _check_cells(rows, *, path):
    cells = rows[["site_id", "city", "latitude", "longitude"]].drop_duplicates()
    for place in AIRATHON_PLACES.itertuples():
        own = cells[cells["city"] == place.city]
        distance = distances_km(AIRATHON_PLACES.loc[[place.Index]], own)[0] if len(own) else np.zeros(1)
        if distance.max() > AIRATHON_KM:
            raise ValueError(
                f"{path}: cell {own['site_id'].iloc[distance.argmax()]!r} lies {distance.max():,.0f} km from "
                f"{place.city}; are lat and lon swapped?"
            )


def _local_days(times, zones):
    times = pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce")
    local = pd.Series(pd.NaT, index=times.index, dtype="datetime64[us]")
    for zone, own in times.groupby(zones):
        local[own.index] = own.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    return local


def _monitor_values(values, tally):
    values, unreadable = numbers(values)
    values = tally.empty(values, unreadable, "PM2.5 is not a number")
    values = tally.empty(values, values < 0, "negative PM2.5")
    values = tally.empty(values, values == 0, "PM2.5 of zero")
    values = tally.empty(values, at_ceiling(values), "PM2.5 at a sensor's ceiling")
    return tally.empty(values, values > COLUMNS[TARGET].high, "PM2.5 above the plausible range")
