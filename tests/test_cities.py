"""City tables, names that match, distances; places without a city or a country get theirs."""

import numpy.testing as npt
import pandas as pd
import pandas.testing as pdt
import pytest
from pyproj import Geod

from airq.cities import (
    at_cities,
    bundled_cities,
    chained_cities,
    check_cities,
    city_ids,
    countries_of,
    country_code,
    country_codes,
    match_cities,
    misplaced,
    moving_sites,
    place_findings,
    read_cities,
    settle,
)
from airq.geo import distances_km, nearest, pairs_within
from airq.sources.cleaning import Tally


def places(*rows):
    return pd.DataFrame(rows, columns=["city", "country", "latitude", "longitude"])


KAMPALA = ("Kampala", "UGA", 0.3163, 32.5822)
NAIROBI = ("Nairobi", "KEN", -1.2833, 36.8167)


def test_the_bundled_table_is_african_and_large():
    "About 4,000 cities of 15,000 people or more, within the continent's latitudes, without repeats."
    cities = bundled_cities()
    assert 3900 < len(cities) < 4200
    assert cities["population"].min() >= 15_000
    assert cities["latitude"].between(-35, 38).all()
    assert cities["city_id"].is_unique


def test_kampala_to_nairobi():
    "The distance is that of PROJ's geodesic on the WGS 84 ellipsoid, to half a percent."
    geodesic = Geod(ellps="WGS84").inv(*KAMPALA[:1:-1], *NAIROBI[:1:-1])[2] / 1000
    npt.assert_allclose(distances_km(places(KAMPALA), places(NAIROBI)), [[geodesic]], rtol=5e-3)


def test_a_degree_of_the_equator():
    "One degree of longitude at the equator is 111.32 km (6378.137 km × π / 180)."
    here, there = places(("a", "UGA", 0, 0)), places(("b", "UGA", 0, 1))
    npt.assert_allclose(distances_km(here, there), [[111.32]], atol=0.2)


def test_across_the_date_line():
    "179.5° E and 179.5° W at the equator are one degree apart."
    here, there = places(("a", "FJI", 0, 179.5)), places(("b", "FJI", 0, -179.5))
    npt.assert_allclose(distances_km(here, there), [[111.32]], atol=0.2)


def test_nearest_and_pairs():
    "Of places on the equator at 0, 1 and 5 degrees only the first two are within 120 km."
    line = places(("a", "UGA", 0, 0), ("b", "UGA", 0, 1), ("c", "UGA", 0, 5))
    assert sorted(map(tuple, pairs_within(line, 120))) == [(0, 1), (1, 0)]
    position, distance = nearest(line.iloc[[2]], line.iloc[:2])
    assert position.tolist() == [1]
    npt.assert_allclose(distance, [4 * 111.32], rtol=2e-3)


@pytest.mark.parametrize("text", ["Uganda", "uganda ", "UG", "uga"])
def test_countries_by_name_and_code(text):
    "English names and both ISO codes mean the same country."
    assert country_code(text) == "UGA"


#: Names as tables of the UN, the WHO and the World Bank write them.
NAMES = {
    "CIV": [
        "Côte d’Ivoire",
        "Côte dʼIvoire",
        "Cote d`Ivoire",
        "COTE D'IVOIRE",
        "Côte d'Ivoire (Ivory Coast)",
    ],
    "PSE": ["Palestine", "State of Palestine", "Palestine, State of", "occupied Palestinian territory"],
    "GNB": ["Guinea Bissau", "Guinea-Bissau"],
    "GIN": ["Guinea", "Republic of Guinea"],
    "GNQ": ["Eq. Guinea", "Republic of Equatorial Guinea"],
    "TZA": ["Tanzania, United Republic of", "United Republic of Tanzania (the)"],
    "IRN": ["Iran (Islamic Republic of)", "Iran, Islamic Rep."],
    "BOL": ["Bolivia (Plurinational State of)"],
    "COG": ["Congo", "Republic of Congo", "Congo, Rep.", "Congo (the)", "Congo (Brazzaville)"],
    "COD": [
        "Congo (Democratic Republic of the)",
        "Congo, Dem. Rep.",
        "Dem. Rep. Congo",
        "D.R. Congo",
        "Zaire",
    ],
    "LBY": ["Libyan Arab Jamahiriya", "Libya"],
    "MAC": ["Macau", "Macao SAR, China"],
    "HKG": ["Hong Kong SAR, China", "China, Hong Kong Special Administrative Region"],
    "KOR": ["Korea, Rep.", "Republic of Korea", "Korea (the Republic of)", "Korea, South"],
    "PRK": ["Korea, Dem. People's Rep.", "Democratic People’s Republic of Korea"],
    "EGY": ["Egypt, Arab Rep."],
    "GMB": ["Gambia, The", "Gambia (Republic of The)"],
    "CPV": ["Cape Verde", "Cabo Verde"],
    "SWZ": ["Swaziland", "Eswatini (Kingdom of)"],
    "MMR": ["Burma", "Myanmar (Burma)"],
    "VNM": ["Viet Nam"],
    "LAO": ["Lao PDR", "Lao People's Democratic Republic"],
    "GBR": ["United Kingdom of Great Britain and Northern Ireland (the)", "U.K."],
    "USA": ["United States of America", "U.S.A."],
    "TUR": ["Türkiye", "Turkiye", "TURKEY"],
    "FSM": ["Micronesia (Federated States of)", "Micronesia, Fed. Sts."],
    "VEN": ["Venezuela, RB"],
    "YEM": ["Yemen, Rep."],
    "KGZ": ["Kyrgyz Republic"],
    "SVK": ["Slovak Republic"],
    "LCA": ["St. Lucia"],
    "STP": ["Sao Tome & Principe"],
    "MKD": ["The former Yugoslav Republic of Macedonia"],
    "DOM": ["Dominican Rep."],
    "DMA": ["Commonwealth of Dominica"],
    "SSD": ["S. Sudan", "Republic of South Sudan"],
    "NAM": ["NA", "NAM"],
}


@pytest.mark.parametrize(("code", "name"), [(code, name) for code, names in NAMES.items() for name in names])
def test_countries_as_international_tables_write_them(code, name):
    "Turned round, abbreviated, with what the state calls itself, with or without accents."
    assert country_code(name) == code


@pytest.mark.parametrize(
    "name", ["Korea", "Republic of China", "Virgin Islands", "Ireland (Northern)", "Republic"]
)
def test_a_name_that_could_be_two_countries_is_refused(name):
    "Whoever wrote it must say which."
    with pytest.raises(ValueError, match="Unknown country"):
        country_code(name)


@pytest.mark.parametrize("name", ["Trinidad", "Narnia", "World", "Guiana"])
def test_a_hint_at_a_country_does_not_mislead(name):
    "Nothing is written nearly like it, or two countries are: Guinea and Guyana."
    with pytest.raises(ValueError, match=r"ISO code\.$"):
        country_code(name)


def test_many_countries_keep_their_index_and_the_unknown_are_empty():
    "A reader drops the rows of Narnia and of an empty cell and counts them."
    codes = country_codes(pd.Series(["Uganda", "Narnia", None, "Gambia, The"], index=[7, 8, 9, 7]))
    pdt.assert_series_equal(codes, pd.Series(["UGA", "", "", "GMB"], index=[7, 8, 9, 7], dtype="str"))


def test_namibia_is_not_a_missing_value():
    "Namibia's alpha-2 code is NA."
    assert country_code("NA") == "NAM"


def test_an_unknown_country_names_the_near_one():
    "A misspelt country is refused with a hint."
    with pytest.raises(ValueError, match="Did you mean uganda"):
        country_code("Ugannda")


def test_cities_match_by_name_and_country():
    "The same name in another country is another city; accents and case do not matter."
    table = check_cities(places(("Bogota", "COL", 4.6, -74.1), ("Bogota", "USA", 40.9, -74.0)))
    countries = ["US", "Colombia", "PE"]
    assert match_cities(["BOGOTÁ", "Bogotá", "Bogotá"], countries, table).tolist() == [1, 0, -1]


def test_a_city_of_an_unknown_country_matches_none():
    "No country has the code QQ."
    table = check_cities(places(KAMPALA))
    assert match_cities(["Kampala", "Kampala"], ["QQ", "UG"], table).tolist() == [-1, 0]


def test_a_table_in_memory_is_checked_like_a_file(tmp_path):
    "The same rows, the same messages, and the table itself stays as it was."
    table = places(KAMPALA, NAIROBI)
    before = table.copy()
    table.to_csv(tmp_path / "cities.csv", index=False)
    pdt.assert_frame_equal(read_cities(table), read_cities(tmp_path / "cities.csv"))
    pdt.assert_frame_equal(table, before)
    with pytest.raises(ValueError, match="^The city table has no column 'country'"):
        read_cities(table.drop(columns="country"))


def test_swapped_coordinates_are_refused():
    "Kampala at 32.58° N, 0.32° E lies in Algeria."
    with pytest.raises(ValueError, match="look swapped; 'Kampala'"):
        check_cities(places(("Kampala", "UGA", 32.5822, 0.3163), ("Jinja", "UGA", 33.2, 0.44)))


def test_coordinates_that_cannot_be_exchanged_are_not_suspect():
    "A longitude of 120 is no latitude, and Fiji has no bundled city to judge by."
    far = places(("Kampala", "UGA", 0.3163, 120.0), ("Suva", "FJI", -18.14, 178.44))
    assert len(check_cities(far)) == 2


def test_a_minority_of_swapped_cities_passes():
    "One of three is a slip; the table as a whole is not swapped."
    swapped = ("Jinja", "UGA", 33.2, 0.44)
    assert len(check_cities(places(KAMPALA, NAIROBI, swapped))) == 3


def test_a_small_african_exclave_is_not_suspect():
    "Right coordinates pass."
    assert len(check_cities(places(KAMPALA, NAIROBI))) == 2


def stations(*rows):
    return pd.DataFrame(rows, columns=["site_id", "country", "latitude", "longitude"])


def test_places_far_from_their_country_are_named():
    "Of four sites in Uganda two are in Algeria, unless exchanged; one is in the Atlantic; Fiji is unknown."
    table = stations(
        ("k1", "UGA", 0.31, 32.5),
        ("k2", "UGA", 32.5, 0.31),
        ("k3", "UGA", 32.6, 0.35),
        ("k4", "UGA", 0.0, -30.0),
        ("suva", "FJI", 10.0, 10.5),
    )
    far = misplaced(table)
    assert far.set_index("site_id")["swapped"].to_dict() == {"k2": True, "k3": True, "k4": False}
    assert place_findings(table) == [
        "3 of 5 sites lie far from every city of their country, first k2 (Uganda) at 32.5, 0.31: latitude "
        "and longitude swapped?"
    ]


def test_a_far_place_that_no_exchange_brings_home():
    "A longitude of 120 is no latitude."
    assert place_findings(stations(("k", "UGA", 0.3, 120.0), ("l", "UGA", 0.3, 32.5))) == [
        "1 of 2 sites lies far from every city of its country, first k (Uganda) at 0.3, 120: wrong "
        "coordinates, or another country?"
    ]


def test_one_column_read_twice_is_said():
    "latitude = longitude = 32.57 is in the sea off Israel, 3,500 km from Uganda."
    far, equal = place_findings(stations(("a", "UGA", 32.57, 32.57), ("b", "UGA", 33.2, 33.2)))
    assert far.startswith("2 of 2 sites lie far")
    assert equal == "latitude equals longitude at 2 sites: a, b"


def test_right_places_have_no_findings():
    "0.001 degrees are 111 m."
    table = stations(("a", "UGA", 0.32, 32.58), ("b", "UGA", 0.321, 32.58), ("c", "KEN", -1.28, 36.82))
    assert place_findings(table) == []
    assert place_findings(table.iloc[:0]) == []
    assert place_findings(table.assign(latitude=[float("nan"), 95.0, 0.3], country="UGA")) == []


def twin_series(values):
    table = pd.DataFrame(values)
    table["date"] = pd.date_range("2020-01-01", periods=len(table))
    return table.melt("date", var_name="site_id", value_name="pm25")


@pytest.mark.parametrize(
    ("values", "end"),
    [
        (
            {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]},
            ", with equal values on 3 days: one monitor under two names",
        ),
        ({"a": [1.0, 2.0, 3.0], "b": [1.0, None, 3.5]}, ", with equal values on 1 of 2 days"),
        ({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0]}, ""),
        ({"a": [1.0, None], "b": [None, 1.0]}, ""),
    ],
)
def test_twins_are_told_with_their_values(values, end):
    "Equal days are those on which both have a value, the same."
    table = stations(("a", "UGA", 0.32, 32.58), ("b", "UGA", 0.32, 32.58), ("c", "UGA", 0.5, 32.58))
    assert place_findings(table, twin_series(values)) == [f"2 sites stand at the same position: a, b{end}"]


def test_many_twins_are_counted():
    "55 m are within 100 m; of five shared positions three are named, of five sites at one three."
    near = stations(*[(f"s{i}{j}", "UGA", 0.1 * i + 0.0005 * j, 32.5) for i in range(5) for j in range(2)])
    five = stations(*[(f"t{j}", "UGA", 1.0, 32.5) for j in range(5)])
    assert place_findings(five) == ["5 sites stand at the same position: t0, t1, t2 and 2 more"]
    found = place_findings(near)
    assert found[0] == "2 sites stand within 100 m of each other: s00, s01"
    assert found[3:] == ["4 more sites stand where another does"]


BAD_TABLES = {
    "empty file": ("", "is empty"),
    "misspelt column": (
        "city,country,lattitude,longitude\nK,UGA,1,2\n",
        "no column 'latitude'. Did you mean lattitude",
    ),
    "no rows": ("city,country,latitude,longitude\n", "no rows"),
    "text as number": (
        "city,country,latitude,longitude\nK,UGA,north,32\n",
        "latitude of 'K' is not a number",
    ),
    "repeated": ("city,country,latitude,longitude\nK,UGA,0.3,32\nK,UGA,0.3,32\n", "repeats the city 'UGA:K'"),
    "unknown country": ("city,country,latitude,longitude\nK,Narnia,0.3,32\n", "Unknown country 'Narnia'"),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
def test_bad_city_tables_get_one_line(tmp_path, fault):
    "What is wrong in a user's own table, in one line."
    text, message = BAD_TABLES[fault]
    path = tmp_path / "cities.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_cities(path)


CITIES = pd.DataFrame(
    {
        "city_id": ["big", "small", "far"],
        "city": ["Grandville", "Petitville", "Loin"],
        "country": ["AAA", "AAA", "BBB"],
        "latitude": [0.0, 0.1, 5.0],
        "longitude": [30.0, 30.0, 30.0],
        "population": [1e6, 2e4, 5e5],
    }
)


def sites(**columns):
    return pd.DataFrame(columns)


def test_the_country_is_that_of_the_nearest_city():
    "0.02 degrees north of Petitville is in AAA, near Loin in BBB."
    found = countries_of(
        sites(city=["x", "y"], latitude=[0.12, 5.1], longitude=[30.0, 30.0]), CITIES, path="f"
    )
    assert found == ["AAA", "BBB"]


def test_a_namesake_nearby_beats_a_nearer_city():
    "Loin, of BBB, is 77 km away; a town of AAA is right here."
    border = pd.concat([CITIES, CITIES.iloc[[0]].assign(city_id="b", latitude=4.3)], ignore_index=True)
    place = sites(city=["Loin"], latitude=[4.3], longitude=[30.0])
    assert countries_of(place, border, path="f") == ["BBB"]


def test_a_place_far_from_every_city_has_no_country():
    "10 degrees are 1,100 km."
    with pytest.raises(ValueError, match="f has no country for 'x'.*--cities"):
        countries_of(sites(city=["x"], latitude=[15.0], longitude=[30.0]), CITIES, path="f")


def test_a_lonely_place_goes_with_its_table():
    "155 km from the nearest city, of BBB, and 287 km from the next, of AAA, where the other places are."
    lonely = sites(city=["p", "q", "x"], latitude=[0.0, 0.1, 2.7], longitude=[30.0, 30.0, 30.0])
    nearer = CITIES.assign(latitude=[0.0, 0.1, 4.1])
    assert countries_of(lonely, nearer, path="f") == ["AAA", "AAA", "AAA"]


def test_exchanged_coordinates_are_known_by_the_names():
    "Kampala lies at 0.3 N 32.6 E; 32.6 N 0.3 E is in the Atlas."
    with pytest.raises(ValueError, match="swapped"):
        countries_of(
            sites(city=["Kampala", "Jinja"], latitude=[32.58, 33.2], longitude=[0.32, 0.44]), path="f"
        )


def test_a_site_belongs_to_the_known_city_within_50_km():
    "Loin is 11 km away; a site 330 km from every city is its own."
    found = at_cities(
        sites(site_id=["s", "t"], latitude=[5.1, 2.6], longitude=[30.0, 32.0], country=["", "CCC"]),
        CITIES,
        path="f",
    )
    assert found["city_id"].tolist() == ["far", "t"]
    assert found["country"].tolist() == ["BBB", "CCC"]


def test_a_city_across_the_border_is_not_the_sites():
    "The site says that it is in CCC, so it cannot belong to Loin of BBB."
    found = at_cities(
        sites(site_id=["s"], latitude=[5.1], longitude=[30.0], country=["CCC"]), CITIES, path="f"
    )
    assert found[["city_id", "country"]].iloc[0].tolist() == ["s", "CCC"]


def test_sites_of_an_unknown_town_share_a_city():
    "5 km apart and far from every known city; held out together, or one would tell of the other."
    found = at_cities(
        sites(site_id=["s", "t"], latitude=[20.0, 20.045], longitude=[30.0, 30.0], country=["CCC", "CCC"]),
        CITIES,
        path="f",
    )
    assert found["city_id"].tolist() == ["s", "s"]


def test_a_chain_of_places_takes_its_most_populous_city():
    "Steps of 4.4 km join four places from Grandville to Petitville; the fifth stands alone."
    line = sites(latitude=[0.0, 0.04, 0.08, 0.12, 0.2], longitude=[30.0] * 5)
    assert chained_cities(line, CITIES, radius_km=5).tolist() == [0, 0, 0, 0, 1]


def test_one_city_of_many_sites_has_one_id():
    "Two sites 11 km apart in one city; a namesake 500 km away is another city."
    ids = city_ids(sites(city=["A", "A", "A"], country="AAA", latitude=[0.0, 0.1, 5.0], longitude=[30.0] * 3))
    assert ids.tolist() == ["AAA:A (0.000, 30.000)", "AAA:A (0.000, 30.000)", "AAA:A (5.000, 30.000)"]


def test_a_site_keeps_its_first_position():
    "0.001 degrees are 111 m."
    tally = Tally()
    found = settle(sites(site_id=["a", "a"], latitude=[0.0, 0.001], longitude=[30.0] * 2), tally)
    assert found["latitude"].tolist() == [0.0, 0.0]
    assert len(tally.notes) == 1


def test_a_site_with_positions_far_apart_moves():
    "0.001 degrees are 111 m; 0.1 degrees are 11 km."
    moving = sites(site_id=["a", "a", "b", "b"], latitude=[0.0, 0.001, 0.0, 0.1], longitude=[30.0] * 4)
    assert moving_sites(moving) == ["b"]
