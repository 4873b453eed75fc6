"""Cities and countries: tables of cities, names that match, and the city of a place without one.

The bundled table has the African cities of 15,000 people or more from GeoNames
(https://www.geonames.org, CC BY 4.0). A table may name a site's city and country, one of the two, or
neither; the second half of this module fills in what is missing from the known cities nearby.
"""

from __future__ import annotations

import difflib
import functools
import importlib.resources
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from airq.files.tables import read_file
from airq.geo import arc_km, distances_km, geocentric_km, nearest, pairs_within
from airq.messages import near_name
from airq.panel import COLUMNS

CITY_COLUMNS = ["city_id", "city", "country", "latitude", "longitude", "population"]

#: Farthest that the nearest known city may be for its country to be taken. [km]
COUNTRY_KM = 300
#: Farthest that a place may lie from the city whose name it carries. [km]
NAME_KM = 100
#: Farthest apart that positions of one site may lie. [km]
SAME_PLACE_KM = 1
#: Farthest that a place may lie from the nearest bundled city of its country without being suspect. [km]
HOME_KM = 500
#: Farthest apart that instruments of one monitoring station stand. [km]
STATION_KM = 0.1
#: Longest step between sites that count as one city where no city is known. [km]
TOWN_KM = 10
#: Longest step between sites that carry one city's name. [km]
SPRAWL_KM = 50


def bundled_cities(*, countries: Sequence[str] | None = None, min_population: float = 0) -> pd.DataFrame:
    """Return the bundled African cities of 15,000 people or more (GeoNames [1]_), by country and name.

    The columns are `city_id, city, country, latitude, longitude, population` [°, people]. `countries` are
    names or ISO codes, `min_population` the fewest people. Raise ValueError if one is unknown or no city is
    left.

    References
    ----------
    .. [1] GeoNames, https://www.geonames.org, CC BY 4.0.

    >>> bundled_cities(countries=["Uganda"], min_population=1_000_000)["city"].tolist()
    ['Kampala']
    """
    cities = _read_bundled("african_cities.csv")
    if countries is not None:
        cities = cities[cities["country"].isin([country_code(country) for country in countries])]
    cities = cities[cities["population"] >= min_population]
    if cities.empty:
        raise ValueError(
            "No bundled city fits: the table has African cities of 15,000 people or more. "
            "Lower --min-population, check --country, or give a city table of your own."
        )
    return cities.reset_index(drop=True)


def read_cities(cities: str | Path | pd.DataFrame, *, tolerated: float = 0.5) -> pd.DataFrame:
    """Read and check a table of cities, a DataFrame or a file; return the columns of the bundled one.

    It has `city, country, latitude, longitude` [°] and perhaps `city_id` and `population` [people]; `city_id`
    is made from country and name where it is missing. A file is .csv, .tsv, .txt or .parquet. Raise OSError
    if it cannot be read, ValueError if a column is missing or stands twice, a name empty, a coordinate or a
    population impossible, a country unknown, a city repeated, or more than a share `tolerated` of coordinates
    look swapped: in a table of monitors one slip must not stop the others, but a request for it costs.
    """
    name, needed = "The city table", ["city", "country", "latitude", "longitude"]
    if isinstance(cities, pd.DataFrame):
        table = cities
    else:
        name = str(cities)
        if Path(name.lower().removesuffix(".gz")).suffix not in (".csv", ".tsv", ".txt", ".parquet"):
            raise ValueError(f"{name}: a city table is a .csv, .tsv, .txt or .parquet file.")
        table = read_file(cities, text=["city_id", "city", "country"], needed=needed)
    for column in needed:
        if column not in table.columns:
            near = near_name(column, [other for other in table.columns if other not in needed])
            raise ValueError(
                f"{name} has no column {column!r}.{near} It has {', '.join(map(str, table.columns[:8]))}. "
                "A city table has city, country, latitude, longitude, and perhaps city_id and population."
            )
        if list(table.columns).count(column) > 1:
            raise ValueError(f"{name} has two columns {column!r}; leave one out.")
    for column in [column for column in ("city_id", "city") if column in table.columns]:
        if (table[column].isna() | (table[column].astype("str").str.strip() == "")).any():
            raise ValueError(f"{name} has rows without a {column}; fill in their names or remove them.")
    if "population" in table.columns:
        people = pd.to_numeric(table["population"], errors="coerce")
        wrong = table["population"].notna() & ~people.between(0, 1e9)
        if wrong.any():
            raise ValueError(
                f"{name}: population of {table.loc[wrong, 'city'].iloc[0]!r} is "
                f"{table.loc[wrong, 'population'].iloc[0]}, which is no number of people."
            )
    try:
        return check_cities(table, name=name, tolerated=tolerated)
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith(name) else f"{name}: {error}") from None


def check_cities(cities, *, name="The city table", tolerated=0.5):
    """Check a table of cities; return it with the columns of the bundled one.

    `name` is what messages call the table; see :func:`read_cities`.
    """
    short = {"lat": "latitude", "lon": "longitude", "lng": "longitude"}
    cities = cities.rename(columns={name: full for name, full in short.items() if full not in cities.columns})
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
            city = cities.loc[wrong, "city"].iloc[0]
            raise ValueError(
                f"{name}: {column} of {city!r} is not a number within ±{limit}°. "
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
    check_swapped(cities, name=name, tolerated=tolerated)
    return cities[CITY_COLUMNS].reset_index(drop=True)


def check_swapped(places, *, name="The panel", tolerated=0.5):
    """Raise a ValueError if the coordinates of a table fit its countries only after an exchange.

    A place is suspect if it lies more than 500 km from every bundled city of its country, and less than
    250 km from one once latitude and longitude are exchanged. Places in countries without bundled
    cities do not count. A share of suspects up to `tolerated` passes, since a position or a country
    may be wrong otherwise.
    """
    known = places[places["country"].isin(_bundled_trees())]
    far = misplaced(known)
    suspects = far[far["swapped"]]
    if len(suspects) > tolerated * len(known):
        first = suspects.sort_values("country", kind="stable").iloc[0]
        raise ValueError(
            f"{name}: latitude and longitude look swapped; {first['city']!r} at "
            f"({first['latitude']:g}, {first['longitude']:g}) is far from every city of {first['country']}."
        )


def misplaced(places):
    """Return the places that lie more than 500 km from every bundled city of their country.

    They keep their columns, among them `country` (alpha-3), `latitude`, `longitude` [°]; `swapped` is added:
    whether they lie within 250 km of such a city once latitude and longitude are exchanged. Places in
    countries without bundled cities cannot be checked and are not returned.

    >>> places = pd.DataFrame({"site_id": ["a", "b"], "country": "UGA",
    ...     "latitude": [0.32, 32.58], "longitude": [32.58, 0.32]})
    >>> misplaced(places)
      site_id country  latitude  longitude  swapped
    1       b     UGA     32.58       0.32     True
    """
    far = places[places["country"].isin(_bundled_trees())]
    far = far[_home_km(far) > HOME_KM]
    exchanged = far.assign(latitude=far["longitude"], longitude=far["latitude"])
    exchanged = exchanged[exchanged["latitude"].abs() <= 90]
    home = pd.Series(_home_km(exchanged), index=exchanged.index)
    return far.assign(swapped=home.reindex(far.index, fill_value=np.inf) < HOME_KM / 2)


def place_findings(places, series=None):
    """List what is odd about the positions of sites, a sentence each.

    A site may lie far from its country (see :func:`misplaced`), have a latitude that equals its longitude, or
    stand where another site does: within 100 m.

    Parameters
    ----------
    places : DataFrame
        `site_id, country, latitude, longitude` [°]; of a site's rows the first counts. Impossible positions
        are passed over.
    series : DataFrame, optional
        `site_id, date, pm25` of the same sites, to tell whether sites at one position have equal values.

    >>> place_findings(pd.DataFrame({"site_id": ["a", "b"], "country": "UGA",
    ...     "latitude": [0.32, 0.32], "longitude": [32.58, 32.58]}))
    ['2 sites stand at the same position: a, b']
    """
    on_earth = places["latitude"].between(-90, 90) & places["longitude"].between(-180, 180)
    places = places[on_earth].drop_duplicates("site_id").reset_index(drop=True)
    return [*_far_sentences(places), *_twin_sentences(places, series)]


def _far_sentences(places):
    far = misplaced(places).sort_values("swapped", ascending=False, kind="stable")
    if len(far):
        first, lie = far.iloc[0], "lies" if len(far) == 1 else "lie"
        why = (
            "latitude and longitude swapped?"
            if first["swapped"]
            else "wrong coordinates, or another country?"
        )
        yield (
            f"{len(far):,} of {_sites(len(places))} {lie} far from every city of "
            f"{'its' if len(far) == 1 else 'their'} country, first {first['site_id']} "
            f"({country_name(first['country'])}) at {first['latitude']:g}, {first['longitude']:g}: {why}"
        )
    equal = places.loc[places["latitude"] == places["longitude"], "site_id"]
    if len(equal):
        yield f"latitude equals longitude at {_sites(len(equal))}: {_some(equal)}"


def _twin_sentences(places, series):
    stations = places.groupby(chains(places, STATION_KM))
    twins = [own for _, own in stations if len(own) > 1]
    for own in twins[:3]:
        same = len(own[["latitude", "longitude"]].drop_duplicates()) == 1
        where = "at the same position" if same else f"within {1000 * STATION_KM:g} m of each other"
        equal = "" if series is None else _equality(series[series["site_id"].isin(own["site_id"])], len(own))
        yield f"{_sites(len(own))} stand {where}: {_some(own['site_id'])}{equal}"
    if len(twins) > 3:
        yield f"{sum(map(len, twins[3:])):,} more sites stand where another does"


def _equality(series, n_sites):
    """Say on how many of their common days sites have equal PM2.5; nothing if on none."""
    days = series.dropna(subset="pm25").groupby("date")["pm25"].agg(["size", "min", "max"])
    common = days[days["size"] > 1]
    n_equal = int(np.isclose(common["min"], common["max"], rtol=1e-5, atol=1e-6).sum())
    if not n_equal:
        return ""
    if n_equal < len(common):
        return f", with equal values on {n_equal:,} of {len(common):,} days"
    names = "two names" if n_sites == 2 else f"{n_sites:,} names"
    return f", with equal values on {n_equal:,} day{'s' if n_equal > 1 else ''}: one monitor under {names}"


def _sites(number):
    return f"{number:,} site{'' if number == 1 else 's'}"


def _some(names):
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _home_km(places):
    """Return the distance [km] of each place from the nearest bundled city of its country."""
    positions, chord = geocentric_km(places), np.empty(len(places))
    for country, rows in places.groupby("country", observed=True).indices.items():
        chord[rows], _ = _bundled_trees()[country].query(positions[rows])
    return arc_km(chord)


@functools.cache
def _bundled_trees():
    """Return a search tree of the bundled cities for every country."""
    cities = _read_bundled("african_cities.csv")
    positions = geocentric_km(cities)
    return {country: cKDTree(positions[rows]) for country, rows in cities.groupby("country").indices.items()}


def match_cities(names, countries, cities):
    """Return for every name and country (name or ISO code) the row of its city in a checked city table.

    It is -1 where there is none or the country is unknown. Of several cities of one name in a country the
    most populous counts.
    """
    ranked = cities.reset_index(drop=True).sort_values("population", ascending=False, kind="stable")
    rows = {}
    for row, city, country in zip(ranked.index, ranked["city"], ranked["country"], strict=True):
        rows.setdefault((plain(city), country), row)
    keys = [(plain(name), _country_of(str(country))) for name, country in zip(names, countries, strict=True)]
    return np.array([rows.get(key, -1) for key in keys], dtype=int)


def country_code(text):
    """Return the ISO 3166-1 alpha-3 code of a country, from its English name or either ISO code.

    Names may be written as in tables of the UN, the WHO and the World Bank: turned round, with what the state
    calls itself before, behind or in brackets, abbreviated, without accents. A ValueError is raised if the
    country is unknown or could be two ("Korea"); the message names one that is written nearly so.

    >>> country_code("Côte d'Ivoire"), country_code("ug"), country_code("Tanzania, United Republic of")
    ('CIV', 'UGA', 'TZA')
    """
    code = _country_of(str(text))
    if not code:
        table, name = _read_bundled("countries.csv"), plain(text)
        known = dict(zip(table["name"].map(plain), table["alpha3"], strict=True))
        same_letter = [other for other in known if other[:1] == name[:1]]
        near = difflib.get_close_matches(name, same_letter, n=3, cutoff=0.8)
        hint = f" Did you mean {near[0]}?" if len({known[other] for other in near}) == 1 else ""
        raise ValueError(f"Unknown country {str(text)!r}: give an English name or an ISO code.{hint}")
    return code


def country_codes(names):
    """Return the ISO 3166-1 alpha-3 codes of many countries as a Series, "" where one is unknown.

    `names` is a Series, whose index the result keeps, or another sequence; see :func:`country_code`.

    >>> country_codes(["Uganda", "Narnia", "Gambia, The"]).tolist()
    ['UGA', '', 'GMB']
    """
    names = pd.Series(names, dtype="object")
    return names.map({name: _country_of(str(name)) for name in names.unique()}).astype("str")


#: Words that tables abbreviate in names of countries.
SHORT_WORDS = {"rep": "republic", "dem": "democratic", "st": "saint", "is": "islands", "eq": "equatorial"}
#: Words that say what a state calls itself; most tables leave them out.
STATE_WORDS = frozenset(
    word
    for words in (
        "republic democratic peoples kingdom state states sts federal fed federated federation federative",
        "united union islamic arab bolivarian rb plurinational socialist jamahiriya commonwealth great grand",
        "principality duchy sultanate hashemite independent special administrative region sar province",
        "former yugoslav fyr",
    )
    for word in words.split()
)
#: Words in brackets that tell two countries apart.
_TELLING = {"north", "northern", "south", "southern", "east", "eastern", "west", "western"}
#: Names that could be two countries without the words that are left out.
_AMBIGUOUS = {("congo",), ("korea",), ("china", "republic")}


@functools.cache
def _country_of(text):
    """Return the code of a country, or an empty text: as it is written, then without words of state."""
    codes, names = _country_codes()
    words, opening = _name_words(text), _name_words(re.sub(r"\([^)]*\)", " ", text))
    code = codes.get(plain(text)) or names.get(words, "")
    if code or words in _AMBIGUOUS:
        return code
    tries = [words, opening] if not _TELLING & (set(words) - set(opening)) else [words]
    shorter = [tuple(word for word in name if word not in STATE_WORDS) for name in tries]
    return next((names[key] for key in (*shorter, *tries) if key in names and key not in _AMBIGUOUS), "")


def _name_words(text):
    """Return the words of a country's name in alphabetical order, which "A, B of" and "B of A" share."""
    text = re.sub(r"[’‘ʼ`´′]", "'", text).replace("&", " and ")
    text = plain(text).replace("'s ", "s ").replace(".", ". ")
    text = re.sub(r"\b(\w)\. (?=\w\b)", r"\1", text)
    words = (SHORT_WORDS.get(word, word) for word in re.findall(r"\w+", text))
    return tuple(sorted(word for word in words if word not in ("the", "of", "and")))


def plain(text):
    """Return a name in lower case, without accents and outer blanks, for matching.

    >>> plain(" Medellín ")
    'medellin'
    """
    decomposed = unicodedata.normalize("NFKD", str(text).strip().casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def country_name(code):
    """Return an English name of a country by its alpha-3 code, or the code if it is unknown.

    >>> country_name("UGA")
    'Uganda'
    """
    table = _read_bundled("countries.csv")
    names = table.loc[(table["alpha3"] == code) & ~table["name"].str.contains(","), "name"]
    return next(iter(names), code)


@functools.cache
def _country_codes():
    """Return the alpha-3 codes by either ISO code in lower case, and by the words of a name."""
    table = _read_bundled("countries.csv")
    codes = {
        code.lower(): own
        for column in ("alpha2", "alpha3")
        for code, own in zip(table[column], table["alpha3"], strict=True)
    }
    return codes, dict(zip(table["name"].map(_name_words), table["alpha3"], strict=True))


@functools.cache
def _read_bundled(name):
    with importlib.resources.files("airq._data").joinpath(name).open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False)
    return table.astype({column: COLUMNS[column].dtype for column in table.columns if column in COLUMNS})


def countries_of(places, cities=None, *, path):
    """Return the country code of every place, from the city of its name nearby or else the cities around.

    Where the nearest city is more than 100 km away, the country of most places in the table wins if it
    has a city at most twice as far. A ValueError is raised if a place is farther than 300 km from every
    known city, or latitude and longitude are swapped. `places` has `city, latitude, longitude`; `cities`
    are by default the bundled ones; `path` is what messages call the table.
    """
    cities = bundled_cities() if cities is None else cities
    namesake = _namesakes(places, cities)
    exchanged = places.assign(latitude=places["longitude"], longitude=places["latitude"])
    n_swapped = (_namesakes(exchanged[exchanged["latitude"].abs() <= 90], cities) >= 0).sum()
    if n_swapped > max(len(places) / 2, (namesake >= 0).sum()):
        first = places.iloc[0]
        raise ValueError(
            f"{path}: latitude and longitude look swapped; {first['city']!r} is far from "
            f"({first['latitude']:g}, {first['longitude']:g})."
        )
    position, distance = nearest(places, cities)
    unknown = (namesake < 0) & (distance > COUNTRY_KM)
    if unknown.any():
        first = places[unknown].iloc[0]
        raise ValueError(
            f"{path} has no country for {first['city']!r} at ({first['latitude']:g}, "
            f"{first['longitude']:g}), and no known city is near; add a country, or give --cities."
        )
    countries = cities["country"].to_numpy()[np.where(namesake >= 0, namesake, position)]
    alone = np.flatnonzero((namesake < 0) & (distance > NAME_KM))
    if len(alone):
        usual = pd.Series(countries).value_counts().index[0]
        _, home = nearest(places.iloc[alone], cities[cities["country"] == usual])
        countries[alone[home <= 2 * distance[alone]]] = usual
    return countries.tolist()


def _namesakes(places, cities):
    """Find the row of the nearest city of the same name within 100 km of each place, or -1."""
    rows = pd.Series(range(len(cities))).groupby(cities["city"].map(plain).to_numpy()).groups
    namesake = np.full(len(places), -1)
    for number, name in enumerate(places["city"].map(plain)):
        if name in rows:
            position, distance = nearest(places.iloc[[number]], cities.iloc[rows[name]])
            namesake[number] = rows[name][position[0]] if distance[0] <= NAME_KM else -1
    return namesake


def at_cities(places, cities=None, *, path):
    """Add `city_id, city, country` of the nearest known city within 50 km to each place.

    Where no known city is near, places that chain within 10 km are one city, called after its first site.
    `places` has `site_id, latitude, longitude`, and perhaps a `city` and a `country` ("" if unknown) of its
    own, which count; `cities` are by default the bundled ones; `path` is what messages call the table.
    """
    known = bundled_cities() if cities is None else cities
    own_city = places["city"] if "city" in places.columns else places["site_id"]
    country = places["country"] if "country" in places.columns else pd.Series("", index=places.index)
    position, distance = nearest(places, known)
    city = known.iloc[position].set_axis(places.index)
    country = country.where((country != "") | (distance > SPRAWL_KM), city["country"])
    near = (distance <= SPRAWL_KM) & (city["country"] == country)
    places = places.assign(
        city=own_city.where(~near, city["city"]), country=country, city_id=city["city_id"].astype("str")
    )
    nowhere = country == ""
    if nowhere.any():
        places.loc[nowhere, "country"] = countries_of(places[nowhere], known, path=path)
    if not near.all():
        own = places[~near]
        places.loc[~near, "city_id"] = own["site_id"].groupby(chains(own, TOWN_KM)).transform("min")
    return places


def chained_cities(places, cities, *, radius_km):
    """Return the row in `cities` of each place's city; places that chain within a distance share one.

    Each group takes the most populous of the cities that are nearest to its places, so that a name
    does not depend on which places of the group a table happens to have.
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
    """Return the number of each place's group, in which steps of at most `radius_km` [km] lead on."""
    pairs = pairs_within(places, radius_km)
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(places), len(places)))
    return connected_components(links, directed=False)[1]


def station_ids(panel):
    """Return for every row of a panel the first `site_id` within 100 m, in steps, of the row's site.

    Sites that share it are one monitoring station: they must stay together when others are held out.

    >>> station_ids(pd.DataFrame({"site_id": ["b", "a", "c"], "latitude": [0.32, 0.32, 0.33],
    ...     "longitude": 32.58})).tolist()
    ['a', 'a', 'c']
    """
    sites = panel[["site_id", "latitude", "longitude"]].drop_duplicates("site_id").sort_values("site_id")
    first = sites["site_id"].groupby(chains(sites, STATION_KM)).transform("first")
    return panel["site_id"].map(dict(zip(sites["site_id"], first, strict=True)))


def city_ids(places):
    """Return unique names of cities: country and city, with a position where two share a name.

    Places of one name are one city if steps of at most 50 km lead from one to the other.

    >>> city_ids(pd.DataFrame({"city": ["Middelburg", "Middelburg", "Paarl"], "country": "ZAF",
    ...     "latitude": [-25.77, -31.49, -33.73], "longitude": [29.46, 25.02, 18.97]})).tolist()
    ['ZAF:Middelburg (-25.770, 29.460)', 'ZAF:Middelburg (-31.490, 25.020)', 'ZAF:Paarl']
    """
    names = places["country"] + ":" + places["city"]
    ids = names.copy()
    for name, own in places.groupby(names):
        group = chains(own, SPRAWL_KM)
        if group.any():
            # Each group is called after its south-westernmost place.
            first = own.assign(group=group).sort_values(["latitude", "longitude"]).drop_duplicates("group")
            text = first["latitude"].map("{:.3f}".format) + first["longitude"].map(", {:.3f}".format)
            ids[own.index] = [f"{name} ({position})" for position in text.set_axis(first["group"]).loc[group]]
    return ids


def position_ids(places):
    """Name sites by their position, to about 100 m.

    >>> position_ids(pd.DataFrame({"latitude": [0.3437], "longitude": [32.5513]})).tolist()
    ['0.344_32.551']
    """
    return places["latitude"].map("{:.3f}".format) + places["longitude"].map("_{:.3f}".format)


def places_of(rows, columns):
    """Return the distinct places of rows, and for every row the number of its place."""
    number = rows.groupby(columns, sort=True).ngroup().to_numpy()
    places = rows[columns].assign(number=number).drop_duplicates("number").sort_values("number")
    return places.drop(columns="number").reset_index(drop=True), number


def attach_places(rows, places, number):
    """Add the columns of their place to rows, by the place's number; see :func:`places_of`."""
    return rows.assign(**{name: places[name].to_numpy()[number] for name in places.columns})


def moving_sites(places):
    """List the sites (`site_id`) whose positions lie more than 1 km apart."""
    positions = places[["site_id", "latitude", "longitude"]].drop_duplicates()
    several = positions[positions["site_id"].duplicated(keep=False)]
    apart = {site: distances_km(own.iloc[[0]], own).max() for site, own in several.groupby("site_id")}
    return [site for site, distance in apart.items() if distance > SAME_PLACE_KM]


def settle(places, tally):
    """Give each site its first position; :func:`moving_sites` lists those that have no one place."""
    first = places[["latitude", "longitude"]].groupby(places["site_id"]).transform("first")
    shifted = (first != places[["latitude", "longitude"]]).any(axis=1)
    if shifted.any():
        number = places.loc[shifted, "site_id"].nunique()
        tally.notes.append(f"positions of {number} sites differ by less than 1 km; the first one counts")
    return places.assign(**first)
