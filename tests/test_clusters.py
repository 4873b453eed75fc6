"""Urban centres: which cells belong together, what is filled and smoothed, how they are called."""

import numpy as np
import pandas as pd
import pytest

from airq.clusters import centre_table, name_centres, urban_centres


def people_of(*rows):
    "Thousands of people per cell of 1 km², a digit each."
    return 1000.0 * np.array([[int(cell) for cell in row] for row in rows])


def test_exactly_the_thresholds_are_enough():
    "1,500 people per km² and 50,000 together: one less of either, and there is none."
    people = np.array([[2000.0] + [1500.0] * 32])
    assert people.sum() == 50_000
    assert (urban_centres(people, 1.0) == 1).all()
    people[0, 0] -= 1
    assert urban_centres(people, 1.0).max() == 0
    people[0, 0], people[0, 32] = 2001, 1499
    assert urban_centres(people, 1.0).max() == 0


def test_corners_do_not_join():
    "Two blocks of 54,000 that touch at a corner are two; the larger one has the number 1."
    people = people_of("99900000", "99900000", "00099900", "00099920")
    centres = urban_centres(people, 1.0)
    assert centres[0, 0] == 2 and centres[3, 3] == 1


def test_density_counts_the_area_of_the_cell():
    "2,000 people in 0.86 km² are dense enough, in 1.4 km² they are not."
    people = np.full((2, 30), 2000.0)
    centres = urban_centres(people, np.array([[0.86], [1.4]]))
    assert centres[0].tolist() == [1] * 30 and centres[1].tolist() == [0] * 30


def test_a_gap_is_filled_and_a_large_one_is_not():
    "A park of 14.9 km² belongs to the city, of one of 15 km² no more than the four corners."
    people = np.full((8, 8), 9000.0)
    people[2:6, 2:6] = 0
    assert (urban_centres(people, 14.9 / 16) == 1).all()
    assert (urban_centres(people, 15 / 16) == 0).sum() == 16 - 4


def test_edges_are_smoothed():
    "A notch with five of eight neighbours inside joins; a corner with three does not."
    centres = urban_centres(people_of("09909", "99999", "99999"), 1.0)
    assert centres.tolist() == [[0, 1, 1, 1, 1], [1] * 5, [1] * 5]


def test_no_cell_beyond_the_border_joins():
    "Neither a gap nor a notch."
    people = people_of("99909", "90999", "99999")
    people[0, 3] = people[1, 1] = np.nan
    centres = urban_centres(people, 1.0)
    assert centres[0, 3] == 0 and centres[1, 1] == 0 and (centres == 1).sum() == 13


def test_position_is_that_of_the_people():
    "Three quarters of them live in the eastern of two cells."
    people = np.array([[25_000.0, 75_000.0]])
    table = centre_table(urban_centres(people, 1.0), people, 1.0, np.array([[30.0, 31.0]]), np.array([[2.0]]))
    assert table.iloc[0].tolist() == [2.0, 30.75, 100_000, 2.0]


@pytest.fixture
def table():
    "Three urban centres, a degree apart."
    return pd.DataFrame(
        {
            "latitude": [0.0, 1.0, 2.0],
            "longitude": 30.0,
            "population": [9e5, 8e4, 6e4],
            "area_km2": [90.0, 9.0, 8.0],
        }
    )


def test_names(table):
    "The largest city inside, else the nearest within 10 km, else the position."
    cities = pd.DataFrame(
        {
            "city": ["Suburb", "Town", "Near", "Far"],
            "latitude": [0.01, 0.0, 1.05, 2.2],
            "longitude": 30.0,
            "population": [1e4, 8e5, np.nan, 5e5],
        }
    )
    named = name_centres(table, np.array([1, 1, 0, 0]), cities, "UGA")
    assert named["city"].tolist() == ["Town", "Near", "Uganda 2.000, 30.000"]
    assert named["city_id"].tolist() == ["UGA:Town", "UGA:Near", "UGA:Uganda 2.000, 30.000"]


def test_namesakes_have_positions_in_their_ids(table):
    "Two cities of one name."
    cities = pd.DataFrame(
        {"city": "Middelburg", "latitude": [0.0, 1.0], "longitude": 30.0, "population": 1e5}
    )
    named = name_centres(table.head(2), np.array([1, 2]), cities, "ZAF")
    assert named["city_id"].tolist() == [
        "ZAF:Middelburg (0.000, 30.000)",
        "ZAF:Middelburg (1.000, 30.000)",
    ]
