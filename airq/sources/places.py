"""Which city and country a place belongs to, where a table does not say."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from airq.cities import bundled_cities, plain
from airq.geography import distances_km, nearest, pairs_within

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


def spread(rows, places, number):
    """Rows with the columns of their place, by the place's number."""
    return rows.assign(**{name: places[name].to_numpy()[number] for name in places.columns})
