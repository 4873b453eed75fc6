"""Archive of monitors as city values: the World Air Quality Index project (WAQI)."""

from __future__ import annotations

import pandas as pd

from airq.cities import bundled_cities, match_cities
from airq.panel import TARGET
from airq.sources import cleaning, days
from airq.sources.cleaning import Tally
from airq.units import pm25_from_aqi

#: The index that WAQI's archive of 2015 to 2020 is written in, and the value that it never exceeds.
WAQI_UNIT = "aqi-us-2012"
WAQI_CEILING = 999


def read_waqi(paths, *, cities=None):
    """Read WAQI's archive of daily city values [1]_, and turn its PM2.5 index into concentrations.

    Takes long tables with `Date, Country, City, Specie, count, median` [AQI points, 2012 table]. Of several
    rows of one city and day, in one file or in several, the one made of the most samples counts. The
    panel's `pm25` [µg m⁻³] comes from the day's *median* index, which stays in `aqi`. Days are in UTC,
    positions come from `cities`.

    References
    ----------
    .. [1] World Air Quality Index project, https://aqicn.org/data-platform/covid19/.
    """
    tally = Tally()
    rows = pd.concat([_read_waqi_file(path, tally) for path in paths], ignore_index=True)
    rows = tally.drop(rows, rows.duplicated(), "repeated")
    rows = rows.assign(count=cleaning.numbers(rows["count"])[0])
    rows = rows.sort_values("count", ascending=False, kind="stable")
    again = rows.duplicated(["Country", "City", "date"])
    rows = tally.drop(rows, again, "fewer samples than another row of its day")
    rows = _located(rows, bundled_cities() if cities is None else cities, tally)
    if not rows.empty:
        rows = _inverted(rows, tally)
    return cleaning.to_panel(
        rows,
        tally,
        paths,
        "World Air Quality Index project, daily city values",
        hint="".join(f" There is {note}." for note in tally.notes),
        units={"aqi": WAQI_UNIT},
        day_basis="utc",
        pm25_origin="index",
        statistic="median",
    )


def _read_waqi_file(path, tally):
    table = cleaning.read_format(path, "waqi", tally, text=("Country", "City", "Specie"))
    table = tally.drop(table, table["Specie"].str.strip() != "pm25", "other species")
    if "count" not in table.columns:
        table = table.assign(count=0)
    if table.empty:
        table = table.assign(date=pd.Series(dtype="datetime64[us]"))
    else:
        table = days.with_days(table["Date"], tally, table, column="Date", path=path)
    return table[["Country", "City", "date", "count", "median"]]


def _located(rows, cities, tally):
    """Add the identity of each row's city; drop rows of unknown cities."""
    pairs = rows[["City", "Country"]].drop_duplicates().reset_index(drop=True)
    pairs["row"] = match_cities(pairs["City"], pairs["Country"], cities)
    missing = pairs[pairs["row"] < 0]
    if len(missing):
        first = ", ".join((missing["City"] + " (" + missing["Country"] + ")").head(3))
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        tally.notes.append(f"no position for {first}{more}; give a table with --cities")
    rows = rows.merge(pairs, on=["City", "Country"], how="left")
    rows = tally.drop(rows, rows["row"] < 0, "of a city without a known position")
    places = cities.iloc[rows["row"]].set_axis(rows.index)
    if places["population"].isna().all():
        places = places.drop(columns="population")
    return rows[["date", "median"]].join(places).assign(site_id=places["city_id"])


def _inverted(rows, tally):
    """Add the concentration that each row's index stands for."""
    aqi, unreadable = cleaning.numbers(rows["median"])
    reasons = {
        "AQI is not a number": unreadable,
        "missing AQI": aqi.isna(),
        "negative AQI": aqi < 0,
        "AQI of zero": aqi == 0,
        f"AQI at the ceiling of {WAQI_CEILING}": aqi >= WAQI_CEILING,
    }
    rows = tally.drop_each(rows.drop(columns="median").assign(aqi=aqi), reasons)
    rows = rows.assign(**{TARGET: pm25_from_aqi(rows["aqi"], WAQI_UNIT)})
    # Two cities of one name in a country, or two spellings of one, meet here.
    return cleaning.one_per_key(cleaning.with_target(rows, tally), tally)
