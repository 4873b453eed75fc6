"""Places without a name find their city, names without a country their country."""

import pandas as pd
import pytest

from airq.cities import at_cities, chained_cities, city_ids, countries_of, moving_sites, settled
from airq.sources.cleaning import Tally

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


def places(**columns):
    return pd.DataFrame(columns)


def test_the_country_is_that_of_the_nearest_city():
    "0.02 degrees north of Petitville is in AAA, near Loin in BBB."
    found = countries_of(
        places(city=["x", "y"], latitude=[0.12, 5.1], longitude=[30.0, 30.0]), CITIES, path="f"
    )
    assert found == ["AAA", "BBB"]


def test_a_namesake_nearby_beats_a_nearer_city():
    "Loin, of BBB, is 77 km away; a town of AAA is right here."
    border = pd.concat([CITIES, CITIES.iloc[[0]].assign(city_id="b", latitude=4.3)], ignore_index=True)
    place = places(city=["Loin"], latitude=[4.3], longitude=[30.0])
    assert countries_of(place, border, path="f") == ["BBB"]


def test_a_place_far_from_every_city_has_no_country():
    "10 degrees are 1,100 km."
    with pytest.raises(ValueError, match="f has no country for 'x'.*--cities"):
        countries_of(places(city=["x"], latitude=[15.0], longitude=[30.0]), CITIES, path="f")


def test_a_lonely_place_goes_with_its_table():
    "155 km from the nearest city, of BBB, and 287 km from the next, of AAA, where the other places are."
    lonely = places(city=["p", "q", "x"], latitude=[0.0, 0.1, 2.7], longitude=[30.0, 30.0, 30.0])
    nearer = CITIES.assign(latitude=[0.0, 0.1, 4.1])
    assert countries_of(lonely, nearer, path="f") == ["AAA", "AAA", "AAA"]


def test_exchanged_coordinates_are_known_by_the_names():
    "Kampala lies at 0.3 N 32.6 E; 32.6 N 0.3 E is in the Atlas."
    with pytest.raises(ValueError, match="swapped"):
        countries_of(
            places(city=["Kampala", "Jinja"], latitude=[32.58, 33.2], longitude=[0.32, 0.44]), path="f"
        )


def test_a_site_belongs_to_the_known_city_within_50_km():
    "Loin is 11 km away; a site 330 km from every city is its own."
    found = at_cities(
        places(site_id=["s", "t"], latitude=[5.1, 2.6], longitude=[30.0, 32.0], country=["", "CCC"]),
        CITIES,
        path="f",
    )
    assert found["city_id"].tolist() == ["far", "t"]
    assert found["country"].tolist() == ["BBB", "CCC"]


def test_a_city_across_the_border_is_not_the_sites():
    "The site says that it is in CCC, so it cannot belong to Loin of BBB."
    found = at_cities(
        places(site_id=["s"], latitude=[5.1], longitude=[30.0], country=["CCC"]), CITIES, path="f"
    )
    assert found[["city_id", "country"]].iloc[0].tolist() == ["s", "CCC"]


def test_sites_of_an_unknown_town_share_a_city():
    "5 km apart and far from every known city; held out together, or one would tell of the other."
    found = at_cities(
        places(site_id=["s", "t"], latitude=[20.0, 20.045], longitude=[30.0, 30.0], country=["CCC", "CCC"]),
        CITIES,
        path="f",
    )
    assert found["city_id"].tolist() == ["s", "s"]


def test_a_chain_of_places_takes_its_most_populous_city():
    "Steps of 4.4 km join four places from Grandville to Petitville; the fifth stands alone."
    line = places(latitude=[0.0, 0.04, 0.08, 0.12, 0.2], longitude=[30.0] * 5)
    assert chained_cities(line, CITIES, radius_km=5).tolist() == [0, 0, 0, 0, 1]


def test_one_city_of_many_sites_has_one_id():
    "Two sites 11 km apart in one city; a namesake 500 km away is another city."
    ids = city_ids(
        places(city=["A", "A", "A"], country="AAA", latitude=[0.0, 0.1, 5.0], longitude=[30.0] * 3)
    )
    assert ids.tolist() == ["AAA:A (0.000, 30.000)", "AAA:A (0.000, 30.000)", "AAA:A (5.000, 30.000)"]


def test_a_site_keeps_its_first_position():
    "0.001 degrees are 111 m."
    tally = Tally()
    found = settled(places(site_id=["a", "a"], latitude=[0.0, 0.001], longitude=[30.0] * 2), tally)
    assert found["latitude"].tolist() == [0.0, 0.0]
    assert len(tally.notes) == 1


def test_a_site_with_positions_far_apart_moves():
    "0.001 degrees are 111 m; 0.1 degrees are 11 km."
    sites = places(site_id=["a", "a", "b", "b"], latitude=[0.0, 0.001, 0.0, 0.1], longitude=[30.0] * 4)
    assert moving_sites(sites) == ["b"]
