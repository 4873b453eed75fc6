"""Tables of the Ugandan challenge: AirQo's sensors beside the columns of Sentinel-5P."""

from __future__ import annotations

import pandas as pd

from airq.cities import attach_places, bundled_cities, chained_cities, places_of, position_ids
from airq.panel import COLUMNS, TARGET
from airq.sources import cleaning, days
from airq.sources.cleaning import Tally

#: Column of the Ugandan tables -> column of the panel, in the same unit.
UGANDA_COLUMNS = {
    "site_latitude": "latitude",
    "site_longitude": "longitude",
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

#: How the names of Sentinel-5P's other columns end, by their unit in the Earth Engine catalogue.
SENTINEL5P_UNITS = {
    "°": ("_angle",),
    "Pa": ("_pressure",),
    "m": ("_height", "_altitude"),
    "mol m⁻²": ("_number_density", "_number_density_15km"),
    "K": ("_temperature",),
    "1": ("_amf", "_fraction", "_index", "_depth", "_albedo"),
}


def read_uganda(paths, *, cities=None):
    """Read the Ugandan challenge tables: AirQo sensors with Sentinel-5P columns.

    Takes tables with or without `pm2_5` [µg m⁻³]. Places are the coordinates at 3 decimals, about 100 m.
    Places that chain within 5 km make a city, named after one of `cities` (the bundled Ugandan ones by
    default). Where a column ``X_na`` is 1, ``X`` was filled in by the publisher and becomes missing again;
    so do a humidity or temperature of zero. The tables do not say whose midnight ends a day; AirQo's
    times are UTC, and so is the panel's day basis.
    """
    tally, files = Tally(), cleaning.name_of(paths)
    rows = pd.concat([_read_uganda_file(path, tally) for path in paths], ignore_index=True)
    rows = cleaning.with_coordinates(rows, tally, path=files)
    if TARGET in rows.columns:
        rows = cleaning.with_target(rows, tally, zero="drop")
    rows = cleaning.without_implausible(rows, tally, path=files)
    rows = rows.assign(latitude=rows["latitude"].round(3), longitude=rows["longitude"].round(3))
    places, number = places_of(rows, ["latitude", "longitude"])
    known = bundled_cities(countries=["UGA"]) if cities is None else cities
    chosen = known.iloc[chained_cities(places, known, radius_km=5)].reset_index(drop=True)
    places = chosen[["city_id", "city", "country"]].assign(site_id=position_ids(places))
    rows = cleaning.one_per_key(attach_places(rows, places, number), tally)
    units = {
        name: unit
        for name in rows.columns
        for unit, endings in SENTINEL5P_UNITS.items()
        if name not in COLUMNS and name.endswith(endings)
    }
    source = "AirQo sensors in Uganda with Sentinel-5P columns"
    return cleaning.to_panel(rows, tally, paths, source, units=units, day_basis="utc")


def _read_uganda_file(path, tally):
    """Return the rows of a file under the panel's names and in its units."""
    table = cleaning.read_format(path, "uganda", tally, text=("ID", "device"))
    for flag in [name for name in table.columns if name.endswith("_na") and name[:-3] in table.columns]:
        filled = table.pop(flag) == 1
        table[flag[:-3]] = tally.empty(table[flag[:-3]], filled, "filled in by the publisher")
    if "date" not in table.columns:
        parts = ["year", "month", "day"]
        cleaning.require_columns(table, parts, path, format="uganda")
        table = table.assign(date=days.joined(table[parts])).drop(columns=parts)
    for name in ("humidity", "temp_mean"):
        values = tally.numbers(table[name], name)
        table[name] = tally.empty(values, values == 0, f"{name} of zero")
    table["humidity"] *= 100
    table = table.rename(columns=UGANDA_COLUMNS)
    return days.with_days(table["date"], tally, table, column="date", path=path)
