"""Cities and countries: the user's own table, the bundled one, and names that match.

The bundled table holds the African cities of 15,000 people or more from GeoNames
(https://www.geonames.org, CC BY 4.0).
"""

from __future__ import annotations

import functools
import importlib.resources
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from airq.geography import arc_km, geocentric_km
from airq.panel import COLUMNS, near_name

CITY_COLUMNS = ["city_id", "city", "country", "latitude", "longitude", "population"]


def bundled_cities(*, countries=None, min_population=0):
    """African cities of 15,000 people or more.

    Parameters
    ----------
    countries : list of str, optional
        Names or ISO codes; all by default.
    min_population : float
        Fewest people. [people]

    Returns
    -------
    DataFrame
        `city_id, city, country, latitude, longitude, population`, sorted by country and name.

    Raises
    ------
    ValueError
        If a country is unknown or none of its cities is left.

    References
    ----------
    .. [1] GeoNames, https://www.geonames.org, CC BY 4.0.

    Examples
    --------
    >>> cities = bundled_cities(countries=["Uganda"], min_population=1_000_000)
    >>> cities["city"].tolist()
    ['Kampala']
    """
    cities = _read_bundled("african_cities.csv")
    if countries is not None:
        codes = [country_code(country) for country in countries]
        cities = cities[cities["country"].isin(codes)]
    cities = cities[cities["population"] >= min_population]
    if cities.empty:
        raise ValueError(
            "No bundled city fits: the table holds African cities of 15,000 people or more. "
            "Lower --min-population, check --country, or give a city table of your own."
        )
    return cities.reset_index(drop=True)


def read_cities(path):
    """Read and check a table of cities.

    Parameters
    ----------
    path : str or Path
        CSV with `city, country, latitude, longitude` and, if there are, `city_id` and `population`.

    Returns
    -------
    DataFrame
        The columns of the bundled table; `city_id` is made from country and name where it is missing.

    Raises
    ------
    ValueError
        If a column is missing, a coordinate impossible, a country unknown or a city repeated.
    """
    path = Path(path)
    try:
        cities = pd.read_csv(
            path,
            dtype={"city_id": "str", "city": "str", "country": "str"},
            keep_default_na=False,
            na_values={"latitude": [""], "longitude": [""], "population": ["", "NA", "NaN"]},
        )
    except pd.errors.EmptyDataError:
        raise ValueError(
            f"{path} is empty; a city table has the columns city,country,latitude,longitude."
        ) from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV table in UTF-8: {str(error).splitlines()[0]}") from None
    return check_cities(cities, name=str(path))


def check_cities(cities, *, name="The city table"):
    """Check a table of cities; return it with the columns of the bundled one."""
    for column in ("city", "country", "latitude", "longitude"):
        if column not in cities.columns:
            raise ValueError(
                f"{name} has no column {column!r}.{near_name(column, cities.columns)} A city table has "
                "city, country, latitude, longitude, and city_id and population if they are known."
            )
    if cities.empty:
        raise ValueError(f"{name} has no rows.")
    cities = cities.copy()
    for column, limit in (("latitude", 90), ("longitude", 180)):
        cities[column] = pd.to_numeric(cities[column], errors="coerce").astype("float64")
        wrong = ~(cities[column].abs() <= limit)
        if wrong.any():
            row = cities[wrong].iloc[0]
            raise ValueError(
                f"{name}: {column} of {row['city']!r} is not a number within ±{limit}°. "
                "Are latitude and longitude swapped?"
            )
    cities["country"] = [country_code(country) for country in cities["country"]]
    if "city_id" not in cities.columns:
        cities["city_id"] = cities["country"] + ":" + cities["city"]
    if "population" not in cities.columns:
        cities["population"] = np.nan
    cities["population"] = pd.to_numeric(cities["population"], errors="coerce").astype("float64")
    repeated = cities["city_id"].duplicated()
    if repeated.any():
        first = cities.loc[repeated, "city_id"].iloc[0]
        raise ValueError(f"{name} repeats the city {first!r}; give each a city_id of its own.")
    check_swapped(cities, name=name)
    return cities[CITY_COLUMNS].reset_index(drop=True)


def check_swapped(places, *, name="The panel", tolerated=0.5):
    """Refuse places whose coordinates fit their country only after an exchange.

    A place is suspect if it lies far from every bundled city of its country and near one once
    latitude and longitude are exchanged. Countries without bundled cities cannot be judged.

    Parameters
    ----------
    places : DataFrame
        `city, country, latitude, longitude`.
    name : str
        What to call the table in the message.
    tolerated : float
        Share of the places that may be suspect, since a position or a country may be wrong otherwise.

    Raises
    ------
    ValueError
        If more of the places that can be judged are suspect.
    """
    judged = places[places["country"].isin(_bundled_trees())]
    far = judged[_home_km(judged) > 500]
    exchangeable = far[far["longitude"].abs() <= 90]
    exchanged = exchangeable.assign(latitude=exchangeable["longitude"], longitude=exchangeable["latitude"])
    suspects = exchangeable[_home_km(exchanged) < 250]
    if len(suspects) > tolerated * len(judged):
        first = suspects.sort_values("country", kind="stable").iloc[0]
        raise ValueError(
            f"{name}: latitude and longitude look swapped; {first['city']!r} at "
            f"({first['latitude']:g}, {first['longitude']:g}) is far from every city of {first['country']}."
        )


def _home_km(places):
    """Distance of each place from the nearest bundled city of its country. [km]"""
    positions, chord = geocentric_km(places), np.empty(len(places))
    for country, rows in places.groupby("country", observed=True).indices.items():
        chord[rows], _ = _bundled_trees()[country].query(positions[rows])
    return arc_km(chord)


@functools.cache
def _bundled_trees():
    """Positions of the bundled cities, a search tree for every country."""
    cities = _read_bundled("african_cities.csv")
    positions = geocentric_km(cities)
    return {country: cKDTree(positions[rows]) for country, rows in cities.groupby("country").indices.items()}


def match_cities(names, countries, cities):
    """Find the rows of a city table by name and country.

    Parameters
    ----------
    names, countries : sequence of str
        Name of each city, and its country's name or ISO code.
    cities : DataFrame
        A checked city table.

    Returns
    -------
    numpy.ndarray of int
        Row number in `cities`, -1 where there is none. Of several cities of one name in a
        country the most populous counts.
    """
    ranked = cities.assign(row=np.arange(len(cities))).sort_values(
        "population", ascending=False, kind="stable"
    )
    rows = {}
    for city, country, row in zip(ranked["city"], ranked["country"], ranked["row"], strict=True):
        rows.setdefault((plain(city), country), row)
    keys = [(plain(name), country_code(country)) for name, country in zip(names, countries, strict=True)]
    return np.array([rows.get(key, -1) for key in keys], dtype=int)


def country_code(text):
    """ISO 3166-1 alpha-3 code of a country.

    Parameters
    ----------
    text : str
        English name, alpha-2 or alpha-3 code.

    Raises
    ------
    ValueError
        If the country is unknown; the message names the nearest one.

    Examples
    --------
    >>> country_code("Côte d'Ivoire"), country_code("ug"), country_code("ZAF")
    ('CIV', 'UGA', 'ZAF')
    """
    codes = _country_codes()
    key = plain(text)
    if key not in codes:
        hint = near_name(key, codes)
        raise ValueError(f"Unknown country {str(text)!r}: give an English name or an ISO code.{hint}")
    return codes[key]


def plain(text):
    """A name in lower case, without accents and outer blanks, for matching.

    >>> plain(" Medellín ")
    'medellin'
    """
    decomposed = unicodedata.normalize("NFKD", str(text).strip().casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@functools.cache
def _country_codes():
    table = _read_bundled("countries.csv")
    codes = {}
    for column in ("name", "alpha2", "alpha3"):
        codes.update(zip(table[column].map(plain), table["alpha3"], strict=True))
    return codes


@functools.cache
def _read_bundled(name):
    with importlib.resources.files("airq._data").joinpath(name).open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False)
    dtypes = {column: COLUMNS[column].dtype for column in table.columns if column in COLUMNS}
    return table.astype(dtypes)
