"""How far cities to predict lie from training, beside what is held out."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from airq.validation.proximity import compare, held_out_distances, proximity, with_distances
from airq.validation.splitters import make_folds

#: Half a degree of latitude at the equator. [km]
STEP = 55.3
DAYS = pd.date_range("2020-01-01", periods=15).strftime("%Y-%m-%d").tolist()


@pytest.fixture
def panel(make_panel):
    "Six cities of one site each in a row from the equator to 2.5° north, 55.3 km apart, in three countries."
    panel = make_panel(dict.fromkeys("abcdef", DAYS), pm25=np.arange(90.0))
    panel["country"] = panel["site_id"].map(dict(zip("abcdef", "KKRRUU", strict=True)))
    return panel


def cities_at(*latitudes):
    "Cities on the meridian of the panel."
    names = [f"city {number}" for number, _ in enumerate(latitudes)]
    return pd.DataFrame({"city_id": names, "city": names, "latitude": latitudes, "longitude": 32.0})


def steps(distances):
    "Distances in steps of the row, sorted."
    return np.sort(distances) / STEP


def test_a_held_out_country_is_as_far_as_its_neighbour(panel):
    "Of a, b the nearest foreign site is c: two steps and one; of c, d one each; of e, f one and two."
    distances = held_out_distances(panel, make_folds(panel, "country"))
    npt.assert_allclose(steps(distances), [1, 1, 1, 1, 2, 2], rtol=0.002)


def test_a_buffer_puts_the_nearest_training_site_farther(panel):
    "One city at a time is one step from the next; with 60 km around it two."
    for buffer_km, apart in ((0, 1), (60, 2)):
        folds = make_folds(panel, "leave-city-out", buffer_km=buffer_km)
        npt.assert_allclose(steps(held_out_distances(panel, folds)), [apart] * 6, rtol=0.002)


def test_a_held_out_day_is_at_no_distance(panel):
    "Random folds leave other days of every site in training."
    npt.assert_array_equal(held_out_distances(panel, make_folds(panel, "random")), 0)


def test_cities_are_measured_to_monitors_only(panel):
    "Site b loses its PM2.5, so a city at its place is one step from a or c."
    panel["pm25"] = panel["pm25"].where(panel["site_id"] != "b")
    cities = with_distances(cities_at(0.0, 0.5, 3.5), panel)
    npt.assert_allclose(cities["distance_km"] / STEP, [0, 1, 2], atol=0.005)
    assert cities["nearest_site"].tolist()[::2] == ["a", "f"]
    assert cities["nearest_site"].iloc[1] in ("a", "c")


def test_the_scheme_of_like_distances_comes_first(panel):
    "Cities two steps beyond both ends are like held-out cities with 60 km around them, not without."
    schemes = ["city", "country", "leave-city-out"]
    far = proximity(panel, cities_at(-1.0, 3.5), schemes, buffer_km=60)
    assert far.nearest_scheme["scheme"] == "leave-city-out"
    assert far.nearest_scheme["factor"] == pytest.approx(1, abs=0.01)
    near = proximity(panel, cities_at(-0.25, 2.75), schemes, buffer_km=60)
    assert near.nearest_scheme["scheme"] == "city"
    assert near.nearest_scheme["farther"] < 0.6


def test_one_far_city_does_not_decide():
    "Three cities at 50 km, one at 4,000: a scheme that fits the three comes before one that fits the one."
    distance = np.array([50.0, 50.0, 50.0, 4000.0])
    three = compare(distance, np.array([50.0, 50.0, 50.0, 50.0]), "three")
    one = compare(distance, np.array([500.0, 500.0, 500.0, 4000.0]), "one")
    assert three["factor"] == pytest.approx(80 ** (1 / 4))
    assert one["factor"] == pytest.approx(10 ** (3 / 4))
    assert three["factor"] < one["factor"]
    assert (three["apart_km"], one["apart_km"]) == pytest.approx((3950 / 4, 3 * 450 / 4))


def test_places_nearer_than_a_kilometre_are_alike():
    "10 m and 900 m do not differ; 2 km are twice a kilometre."
    assert compare(np.array([0.01]), np.array([0.9]), "site")["factor"] == 1
    assert compare(np.array([0.0]), np.array([2.0]), "site")["factor"] == pytest.approx(2)


def test_a_city_beyond_all_schemes_is_marked(panel):
    "The farthest held-out site lies two steps from training; one city lies one step away, the other eleven."
    found = proximity(panel, cities_at(3.0, 8.0), ["city", "country"])
    assert found.farthest_km == pytest.approx(2 * STEP, rel=0.002)
    assert found.cities["beyond"].tolist() == [False, True]
    assert all(record["cities_beyond"] == 1 for record in found.records if record["scheme"] == "country")


def test_schemes_of_days_say_nothing_about_places(panel):
    "Random rows and seasons are left out with the reason, an unsupported scheme with its own."
    found = proximity(panel, cities_at(3.0), ["random", "season", "region", "buffer"], buffer_km=1000)
    assert "holds out days" in found.skipped["random"]
    assert "holds out days" in found.skipped["season"]
    assert "leaves 0 rows" in found.skipped["buffer"]
    assert [record["scheme"] for record in found.records] == ["region"]


def test_a_panel_that_supports_no_scheme_speaks_for_no_city(panel):
    "One city only: all cities lie beyond."
    found = proximity(panel.assign(city_id="x"), cities_at(0.0, 3.0), ["city"])
    assert found.nearest_scheme is None
    assert found.cities["beyond"].tolist() == [False, True]


def test_where_cities_have_one_site_the_city_split_is_named(panel):
    "Its distances are those of `site`, which asks another question."
    found = proximity(panel, cities_at(3.0), ["site", "city"])
    assert [record["scheme"] for record in found.records] == ["city", "site"]
    assert found.records[0]["factor"] == found.records[1]["factor"]
