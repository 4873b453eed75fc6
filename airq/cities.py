"""Cities and countries: the user's own table, the bundled one, and names that match.

The bundled table holds the African cities of 15,000 people or more from GeoNames
(https://www.geonames.org, CC BY 4.0).

Which city and country a place belongs to, where a table does not say.

Write the bundled table of cities, or a part of it.
"""

from __future__ import annotations

import functools
import importlib.resources
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from airq.geo import arc_km, distances_km, geocentric_km, nearest, pairs_within
from airq.io import atomic_write
from airq.messages import near_name
from airq.panel import COLUMNS

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
    codes = [_country_codes().get(plain(country)) for country in countries]
    keys = [(plain(name), code) for name, code in zip(names, codes, strict=True)]
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


#: Farthest that the nearest known city may be for its country to be taken. [km]
COUNTRY_KM = 300
#: Farthest that a place may lie from the city whose name it carries. [km]
NAME_KM = 100
#: Farthest apart that positions of one site may lie. [km]
SAME_PLACE_KM = 1
#: Longest step between sites that count as one city where no city is known. [km]
TOWN_KM = 10
#: Longest step between sites that carry one city's name. [km]
SPRAWL_KM = 50


def countries_of(places, cities=None, *, path):
    """Country of every place, from the city of its name nearby or else from the cities around.

    Where the nearest city is more than 100 km away, the country of most places in the table wins if
    it has a city at most twice as far.

    Parameters
    ----------
    places : DataFrame
        `city, latitude, longitude`.
    cities : DataFrame, optional
        Cities that are known; the bundled African ones by default.
    path : str or Path
        What to call the table in messages.

    Returns
    -------
    list of str
        ISO 3166-1 alpha-3 codes.

    Raises
    ------
    ValueError
        If a place is farther than 300 km from every known city, or latitude and longitude are swapped.
    """
    cities = bundled_cities() if cities is None else cities
    namesake = _namesakes(places, cities)
    _refuse_swapped(places, cities, namesake, path)
    position, distance = nearest(places, cities)
    unknown = (namesake < 0) & (distance > COUNTRY_KM)
    if unknown.any():
        first = places[unknown].iloc[0]
        raise ValueError(
            f"{path} has no country for {first['city']!r} at ({first['latitude']:g}, "
            f"{first['longitude']:g}), and no known city is near; add a country, or give --cities."
        )
    countries = cities["country"].to_numpy()[np.where(namesake >= 0, namesake, position)]
    usual = pd.Series(countries).value_counts().index[0]
    alone = np.flatnonzero((namesake < 0) & (distance > NAME_KM))
    compatriots = cities[cities["country"] == usual]
    if len(alone):
        _, home = nearest(places.iloc[alone], compatriots)
        countries[alone[home <= 2 * distance[alone]]] = usual
    return countries.tolist()


def _refuse_swapped(places, cities, namesake, path):
    exchanged = places.assign(latitude=places["longitude"], longitude=places["latitude"])
    exchanged = exchanged[exchanged["latitude"].abs() <= 90]
    swapped = (_namesakes(exchanged, cities) >= 0).sum()
    if swapped > max(len(places) / 2, (namesake >= 0).sum()):
        first = places.iloc[0]
        raise ValueError(
            f"{path}: latitude and longitude look swapped; {first['city']!r} is far from "
            f"({first['latitude']:g}, {first['longitude']:g})."
        )


def _namesakes(places, cities):
    """Row number of the nearest city of the same name within 100 km of each place, or -1."""
    rows = {}
    for row, name in enumerate(cities["city"].map(plain)):
        rows.setdefault(name, []).append(row)
    found = np.full(len(places), -1)
    for number, name in enumerate(places["city"].map(plain)):
        if name in rows:
            position, distance = nearest(places.iloc[[number]], cities.iloc[rows[name]])
            found[number] = rows[name][position[0]] if distance[0] <= NAME_KM else -1
    return found


def at_cities(places, cities=None, *, path):
    """Places with the identity of the nearest known city within 50 km, or else their own.

    Parameters
    ----------
    places : DataFrame
        `site_id, latitude, longitude`, and perhaps `city` and `country` ("" if unknown) of their own.
    cities : DataFrame, optional
        Cities that are known; the bundled African ones by default.
    path : str or Path
        What to call the table in messages.

    Returns
    -------
    DataFrame
        `places` with `city_id, city, country`. Places that no city is near to are cities of their own.
    """
    known = bundled_cities() if cities is None else cities
    own_city = places["city"] if "city" in places.columns else places["site_id"]
    country = places["country"] if "country" in places.columns else pd.Series("", index=places.index)
    position, distance = nearest(places, known)
    found = known.iloc[position].set_axis(places.index)
    country = country.where((country != "") | (distance > SPRAWL_KM), found["country"])
    near = (distance <= SPRAWL_KM) & (found["country"] == country)
    places = places.assign(city=own_city, country=country)
    nowhere = country == ""
    if nowhere.any():
        places.loc[nowhere, "country"] = countries_of(places[nowhere], known, path=path)
    places["city_id"] = _own_city_ids(places[~near]).reindex(places.index)
    return places.assign(
        city_id=places["city_id"].where(~near, found["city_id"]),
        city=places["city"].where(~near, found["city"]),
    )


def _own_city_ids(places):
    """First site of the group of places that chain within 10 km, so that neighbours share a city."""
    if places.empty:
        return pd.Series(dtype="str")
    group = chains(places, TOWN_KM)
    return places["site_id"].groupby(group).transform("min")


def chained_cities(places, cities, *, radius_km):
    """City of each place, where places that chain within a distance belong together.

    Each group takes the most populous of the cities that are nearest to its places, so that a name
    does not depend on which places of the group a table happens to hold.

    Parameters
    ----------
    places : DataFrame
        `latitude, longitude`.
    cities : DataFrame
        Cities that are known.
    radius_km : float
        Longest step of a chain. [km]

    Returns
    -------
    numpy.ndarray of int
        Row numbers in `cities`.
    """
    group = chains(places, radius_km)
    position, _ = nearest(places, cities)
    population = cities["population"].fillna(0).to_numpy()
    chosen = np.empty(len(places), dtype=int)
    for number in np.unique(group):
        own = position[group == number]
        chosen[group == number] = own[np.argmax(population[own])]
    return chosen


def chains(places, radius_km):
    """Number of the group of each place, where steps of at most `radius_km` lead through a group."""
    pairs = pairs_within(places, radius_km)
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(places), len(places)))
    return connected_components(links, directed=False)[1]


def city_ids(places):
    """Names of cities that are unique: country and city, with a position where two share a name.

    Places of one name are one city if steps of at most 50 km lead from one to the other.

    Parameters
    ----------
    places : DataFrame
        `city, country, latitude, longitude`, one row per site.

    Returns
    -------
    Series of str

    Examples
    --------
    >>> import pandas as pd
    >>> city_ids(pd.DataFrame({"city": ["Middelburg", "Middelburg", "Paarl"], "country": "ZAF",
    ...     "latitude": [-25.77, -31.49, -33.73], "longitude": [29.46, 25.02, 18.97]})).tolist()
    ['ZAF:Middelburg (-25.770, 29.460)', 'ZAF:Middelburg (-31.490, 25.020)', 'ZAF:Paarl']
    """
    names = places["country"] + ":" + places["city"]
    ids = names.copy()
    for name, own in places.groupby(names):
        group = chains(own, SPRAWL_KM)
        if group.any():
            ids[own.index] = [f"{name} ({position})" for position in _first_positions(own, group)]
    return ids


def _first_positions(places, group):
    """Position of the south-westernmost place of each place's group, as text."""
    ordered = places.assign(group=group).sort_values(["latitude", "longitude"])
    first = ordered.drop_duplicates("group").set_index("group")
    text = first["latitude"].map("{:.3f}".format) + first["longitude"].map(", {:.3f}".format)
    return text.loc[group]


def position_ids(places):
    """Names of sites by their position, to about 100 m.

    >>> import pandas as pd
    >>> position_ids(pd.DataFrame({"latitude": [0.3437], "longitude": [32.5513]})).tolist()
    ['0.344_32.551']
    """
    return places["latitude"].map("{:.3f}".format) + places["longitude"].map("_{:.3f}".format)


def places_of(rows, columns):
    """Distinct places of rows, and for every row the number of its place."""
    number = rows.groupby(columns, sort=True).ngroup().to_numpy()
    places = rows[columns].assign(number=number).drop_duplicates("number").sort_values("number")
    return places.drop(columns="number").reset_index(drop=True), number


def moving_sites(places):
    """Sites whose positions lie more than 1 km apart.

    Parameters
    ----------
    places : DataFrame
        `site_id, latitude, longitude`.

    Returns
    -------
    list of str
    """
    positions = places[["site_id", "latitude", "longitude"]].drop_duplicates()
    several = positions[positions["site_id"].duplicated(keep=False)]
    apart = {site: distances_km(own.iloc[[0]], own).max() for site, own in several.groupby("site_id")}
    return [site for site, distance in apart.items() if distance > SAME_PLACE_KM]


def settled(places, tally):
    """Places with one position per site, the first; :func:`moving_sites` tells which have no one place."""
    first = places[["latitude", "longitude"]].groupby(places["site_id"]).transform("first")
    shifted = (first != places[["latitude", "longitude"]]).any(axis=1)
    if shifted.any():
        number = places.loc[shifted, "site_id"].nunique()
        tally.notes.append(f"positions of {number} sites differ a little; the first counts")
    return places.assign(**first)


def attach_places(rows, places, number):
    """Rows with the columns of their place, by the place's number."""
    return rows.assign(**{name: places[name].to_numpy()[number] for name in places.columns})


def write_cities(out, *, countries=None, min_population=15000):
    """Write a city table as CSV.

    Parameters
    ----------
    out : str or Path
        File to write.
    countries : list of str, optional
        Names or ISO codes; all by default.
    min_population : float
        Fewest people. [people]

    Returns
    -------
    DataFrame
        The cities written.
    """
    table = bundled_cities(countries=countries, min_population=min_population)
    with atomic_write(out) as unfinished:
        table.to_csv(unfinished, index=False)
    return table
