"""Archive of monitors as city values: the World Air Quality Index project (WAQI)."""

from __future__ import annotations

import pandas as pd

from airq.cities import bundled_cities, country_code, match_cities
from airq.panel import TARGET, PanelMetadata
from airq.sources.cleaning import (
    FORMAT_COLUMNS,
    Tally,
    days,
    file_names,
    finished,
    named,
    numbers,
    one_per_key,
    read_table,
    require_columns,
    with_target,
)
from airq.units import pm25_from_aqi

#: The index that WAQI's archive of 2015 to 2020 is written in, and the value that it never exceeds.
WAQI_UNIT = "aqi-us-2012"
WAQI_CEILING = 999


def read_waqi(paths, *, cities=None):
    """Read WAQI's archive of daily city values, and turn its PM2.5 index into concentrations.

    Of rows about the same city and day, in one file or in several, the one made of the most
    samples counts.

    Parameters
    ----------
    paths : list of str or Path
        Long tables with `Date, Country, City, Specie, count, median`. [AQI points, 2012 table]
    cities : DataFrame, optional
        Positions of the cities; the bundled African ones by default.

    Returns
    -------
    Reading
        `pm25` from the day's *median* index, the index itself in `aqi`. Days are in UTC.

    References
    ----------
    .. [1] World Air Quality Index project, https://aqicn.org/data-platform/covid19/.
    """
    tally = Tally()
    rows = pd.concat([_waqi_rows(path, tally) for path in paths], ignore_index=True)
    rows = _reconciled(rows, tally)
    rows = _located(rows, bundled_cities() if cities is None else cities, tally)
    metadata = PanelMetadata(
        units={"aqi": WAQI_UNIT},
        day_basis="utc",
        pm25_origin="index",
        statistic="median",
        sources=[f"World Air Quality Index project, daily city values ({file_names(paths)})"],
    )
    if not rows.empty:
        rows = _inverted(rows, tally)
    hint = "".join(f" There is {note}." for note in tally.notes)
    return finished(rows, metadata, tally, path=named(paths), hint=hint)


def _waqi_rows(path, tally):
    table = read_table(path, text=("Country", "City", "Specie"))
    require_columns(table, FORMAT_COLUMNS["waqi"], path, format="waqi")
    tally.read += len(table)
    table = tally.drop(table, table["Specie"].str.strip() != "pm25", "other species")
    if "count" not in table.columns:
        table = table.assign(count=0)
    if table.empty:
        table = table.assign(date=pd.Series(dtype="datetime64[us]"))
    else:
        table = days(table["Date"], tally, table, column="Date", path=path)
    return table[["Country", "City", "date", "count", "median"]]


def _reconciled(rows, tally):
    """One row per city and day: the one with the largest count."""
    key = ["Country", "City", "date"]
    rows = tally.drop(rows, rows.duplicated(), "repeated")
    rows = rows.assign(count=numbers(rows["count"])[0])
    rows = rows.sort_values("count", ascending=False, kind="stable")
    return tally.drop(rows, rows.duplicated(key), "fewer samples than another row of its day")


def _located(rows, cities, tally):
    """Rows with the identity of their city; those of cities that are not known are dropped."""
    pairs = rows[["City", "Country"]].drop_duplicates().reset_index(drop=True)
    known = [_is_country(country) for country in pairs["Country"]]
    pairs["row"] = -1
    pairs.loc[known, "row"] = match_cities(pairs["City"][known], pairs["Country"][known], cities)
    missing = pairs[pairs["row"] < 0]
    if len(missing):
        first = [
            f"{city} ({country})" for city, country in zip(missing["City"], missing["Country"], strict=True)
        ]
        more = f" and {len(first) - 3} more" if len(first) > 3 else ""
        tally.notes.append(f"no position for {', '.join(first[:3])}{more}; give a table with --cities")
    rows = rows.merge(pairs, on=["City", "Country"], how="left")
    rows = tally.drop(rows, rows["row"] < 0, "of a city without a known position")
    found = cities.iloc[rows["row"]].set_axis(rows.index)
    if found["population"].isna().all():
        found = found.drop(columns="population")
    return rows[["date", "median"]].join(found).assign(site_id=found["city_id"])


def _is_country(text):
    try:
        country_code(text)
    except ValueError:
        return False
    return True


def _inverted(rows, tally):
    values, unreadable = numbers(rows["median"])
    rows = rows.drop(columns="median").assign(aqi=values)
    rows = tally.drop(rows, unreadable, "AQI is not a number")
    rows = tally.drop(rows, rows["aqi"].isna(), "missing AQI")
    rows = tally.drop(rows, rows["aqi"] < 0, "negative AQI")
    rows = tally.drop(rows, rows["aqi"] == 0, "AQI of zero")
    rows = tally.drop(rows, rows["aqi"] >= WAQI_CEILING, "AQI at the ceiling of 999")
    rows = rows.assign(**{TARGET: pm25_from_aqi(rows["aqi"], WAQI_UNIT)})
    # Two cities of one name in a country, or two spellings of one, meet here.
    return one_per_key(with_target(rows, tally), tally)
