"""Tables of challenges, which hold sensors' values and satellite columns side by side."""

from __future__ import annotations

import pandas as pd

from airq.cities import attach_places, bundled_cities, chained_cities, places_of, position_ids
from airq.panel import COLUMNS, TARGET, PanelMetadata
from airq.sources.cleaning import (
    FORMAT_COLUMNS,
    Tally,
    days,
    file_names,
    finished,
    joined_days,
    named,
    numbers,
    one_per_key,
    plausible,
    read_table,
    require_columns,
    with_coordinates,
    with_target,
)

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
    rows = one_per_key(attach_places(rows, identity, number), tally)
    source = f"AirQo sensors in Uganda with Sentinel-5P columns ({file_names(paths)})"
    return finished(
        rows,
        PanelMetadata(units=_units_by_ending(rows), day_basis="utc", sources=[source]),
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
