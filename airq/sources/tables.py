"""Tables of challenges, which hold sensors' values and satellite columns side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.cities import bundled_cities
from airq.geography import distances_km
from airq.panel import COLUMNS, KEYS, PLACE, TARGET, PanelMetadata, at_ceiling
from airq.sources.cleaning import (
    Tally,
    days,
    file_names,
    finished,
    joined_days,
    named,
    numbers,
    one_per_key,
    plausible,
    with_coordinates,
    with_target,
    with_text,
)
from airq.sources.places import chained_cities, places_of, position_ids, spread
from airq.sources.reading import FORMAT_COLUMNS, read_table, require_columns

#: Column of the Ugandan tables -> column of the panel, in the same unit.
UGANDA_COLUMNS = {
    "pm2_5": "pm25",
    "temp_mean": "temp_air",
    "humidity": "relative_humidity",
    "NitrogenDioxide_tropospheric_NO2_column_number_density": "no2",
    "CarbonMonoxide_CO_column_number_density": "co",
    "Formaldehyde_tropospheric_HCHO_column_number_density": "hcho",
    "SulphurDioxide_SO2_column_number_density": "so2",
    "Ozone_O3_column_number_density": "o3",
    "UvAerosolIndex_absorbing_aerosol_index": "aer_ai",
    "Cloud_cloud_fraction": "cloud_fraction",
}

#: How the names of Sentinel-5P's other columns end -> unit, as the Earth Engine catalogue states it.
SENTINEL5P_UNITS = {
    "_angle": "°",
    "_pressure": "Pa",
    "_height": "m",
    "_altitude": "m",
    "_number_density": "mol m⁻²",
    "_number_density_15km": "mol m⁻²",
    "_temperature": "K",
    "_amf": "1",
    "_fraction": "1",
    "_index": "1",
    "_depth": "1",
    "_albedo": "1",
}

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


def read_uganda(paths, *, cities=None):
    """Read the Ugandan challenge tables: AirQo sensors with Sentinel-5P columns.

    Places are the coordinates at 3 decimals, about 100 m. Places that chain within 5 km make a city.
    Where a column ``X_na`` is 1, ``X`` was filled in by the publisher and becomes missing again; so do
    a humidity or temperature of zero. The tables do not say whose midnight ends a day; AirQo's times
    are UTC, and so is the panel's day basis.

    Parameters
    ----------
    paths : list of str or Path
        Tables with or without `pm2_5`. [µg m⁻³]
    cities : DataFrame, optional
        Cities to name the places after; the bundled Ugandan ones by default.

    Returns
    -------
    Reading
    """
    tally = Tally()
    rows = pd.concat([_uganda_rows(path, tally) for path in paths], ignore_index=True)
    rows = with_coordinates(rows, tally, path=named(paths))
    if TARGET in rows.columns:
        rows = with_target(rows, tally, zero="drop")
    rows = plausible(rows, tally, path=named(paths))
    rows = rows.assign(latitude=rows["latitude"].round(3), longitude=rows["longitude"].round(3))
    places, number = places_of(rows, ["latitude", "longitude"])
    known = bundled_cities(countries=["UGA"]) if cities is None else cities
    chosen = known.iloc[chained_cities(places, known, radius_km=5)].reset_index(drop=True)
    identity = chosen[["city_id", "city", "country"]].assign(site_id=position_ids(places))
    rows = one_per_key(spread(rows, identity, number), tally)
    source = f"AirQo sensors in Uganda with Sentinel-5P columns ({file_names(paths)})"
    return finished(
        rows,
        PanelMetadata(units=_units_by_ending(rows), day_basis="utc", sources=[source]),
        tally,
        path=named(paths),
    )


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


def _uganda_rows(path, tally):
    table = read_table(path, text=("ID", "device"))
    require_columns(table, FORMAT_COLUMNS["uganda"], path, format="uganda")
    tally.read += len(table)
    table = _restore_gaps(table, tally)
    if "date" not in table.columns:
        require_columns(table, ("year", "month", "day"), path, format="uganda")
        table = table.assign(date=joined_days(table[["year", "month", "day"]])).drop(
            columns=["year", "month", "day"]
        )
    for name in ("humidity", "temp_mean"):
        values, unreadable = numbers(table[name])
        values = tally.empty(values, unreadable, f"{name} is not a number")
        table[name] = tally.empty(values, values == 0, f"{name} of zero")
    table["humidity"] *= 100
    table = table.rename(columns=UGANDA_COLUMNS)
    table = table.rename(columns={"site_latitude": "latitude", "site_longitude": "longitude"})
    return days(table["date"], tally, table, column="date", path=path)


def _units_by_ending(rows):
    others = [name for name in rows.columns if name not in COLUMNS]
    return {
        name: unit for name in others for ending, unit in SENTINEL5P_UNITS.items() if name.endswith(ending)
    }


def _restore_gaps(table, tally):
    flags = [name for name in table.columns if name.endswith("_na") and name[:-3] in table.columns]
    restored = {name[:-3]: table[name[:-3]].mask(table[name] == 1) for name in flags}
    if flags:
        tally.count_emptied(int((table[flags] == 1).to_numpy().sum()), "filled in by the publisher")
    return table.assign(**restored).drop(columns=flags)


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
