"""Tables of NASA's Airathon: monitors in three cities beside aerosol optical depth (MAIAC)."""

from __future__ import annotations

import pandas as pd

from airq.geo import distances_km
from airq.panel import COLUMNS, KEYS, PLACE, TARGET, at_ceiling
from airq.sources import cleaning, days
from airq.sources.cleaning import Tally

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


def read_airathon(paths, *, cities=None):  # noqa: ARG001 (every reader takes it)
    """Read the Airathon tables: monitors in three cities with MAIAC aerosol optical depth.

    `datetime` is local midnight given in UTC, so a target `value` [µg m⁻³] belongs to the local date of
    `datetime` while the satellite's columns stay on `date`. The two are taken apart and joined again by
    cell and day; a day that has only one of them keeps it. `aod055` is the cell's mean; the other columns
    keep their names. The three cities are known, so `cities` is not used.
    """
    tally, files = Tally(), cleaning.name_of(paths)
    rows = pd.concat([_read_airathon_file(path, tally) for path in paths], ignore_index=True)
    rows = cleaning.with_coordinates(rows, tally, path=files)
    for city, cells in rows.drop_duplicates(["site_id", "latitude", "longitude"]).groupby("city"):
        distance = distances_km(AIRATHON_PLACES[AIRATHON_PLACES["city"] == city], cells)[0]
        if distance.max() > AIRATHON_KM:
            raise ValueError(
                f"{files}: cell {cells['site_id'].iloc[distance.argmax()]!r} lies {distance.max():,.0f} km "
                f"from {city}; are lat and lon swapped?"
            )
    inputs = rows.drop(columns=[TARGET, "target_day"])
    measured = [name for name in inputs.columns if name not in (*PLACE, "date")]
    inputs = inputs[inputs[measured].notna().any(axis=1)]
    targets = rows[[*PLACE, "target_day", TARGET]].rename(columns={"target_day": "date"})
    targets = targets[targets[TARGET].notna()]
    tally.drop(rows, ~rows.index.isin(inputs.index.union(targets.index)), "without values")
    inputs = cleaning.one_per_key(cleaning.without_implausible(inputs, tally, path=files), tally)
    targets = cleaning.one_per_key(targets, tally)
    joined = inputs.merge(targets, on=KEYS, how="outer", suffixes=("", "_target"))
    for name in PLACE[1:]:
        joined[name] = joined[name].fillna(joined.pop(f"{name}_target"))
    tally.notes.append("targets are on the local date of `datetime`, satellite columns on `date`")
    source = "NASA Airathon: monitors with MAIAC AOD"
    return cleaning.to_panel(joined, tally, paths, source, units=AIRATHON_UNITS, day_basis="local")


def _read_airathon_file(path, tally):
    """Return the rows of a file under the panel's names, with the day that each target belongs to."""
    table = cleaning.read_format(path, "airathon", tally, text=("grid_id", "location"))
    table = cleaning.with_text(table, ("grid_id", "location"), tally)
    unknown = set(table["location"]) - set(AIRATHON_PLACES.index)
    if unknown:
        raise ValueError(
            f"{path}: location {min(unknown)!r} has no known time zone; format airathon knows "
            f"{', '.join(AIRATHON_PLACES.index)}."
        )
    place = AIRATHON_PLACES.loc[table["location"]].set_axis(table.index)
    table = table.assign(city=place["city"], country=place["country"])
    table["city_id"] = table["country"] + ":" + table["city"]
    table["target_day"] = _local_days(table["datetime"], place["zone"])
    table[TARGET] = _without_impossible(table["value"], table["target_day"], tally)
    table = days.with_days(table["date"], tally, table, column="date", path=path)
    names = {"grid_id": "site_id", "lat": "latitude", "lon": "longitude", "Optical_Depth_055_avg": "aod055"}
    return table.drop(columns=["datetime", "location", "value"]).rename(columns=names)


def _local_days(times, zones):
    times = pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce")
    local = pd.Series(pd.NaT, index=times.index, dtype="datetime64[us]")
    for zone, own in times.groupby(zones):
        local[own.index] = own.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    return local


def _without_impossible(values, days, tally):
    """Make missing what no monitor can have measured of PM2.5 [µg m⁻³]."""
    values = tally.numbers(values, "PM2.5")
    reasons = {
        "negative PM2.5": values < 0,
        "PM2.5 of zero": values == 0,
        "PM2.5 at a sensor's ceiling": at_ceiling(values),
        "PM2.5 above the plausible range": values > COLUMNS[TARGET].high,
        "PM2.5 without a readable datetime": days.isna(),
    }
    for reason, wrong in reasons.items():
        values = tally.empty(values, wrong & values.notna(), reason)
    return values
