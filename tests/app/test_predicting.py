"""A list of cities is read as data, and its cities are found or not."""

import pandas as pd
import pytest

from app import predicting

HEAD = "city,country,latitude,longitude\n"
PLACES = pd.DataFrame(
    {
        "site_id": ["s1", "s2"],
        "city_id": ["kla", "nbo"],
        "latitude": [0.32, -1.29],
        "longitude": [32.58, 36.82],
    }
)


def listed(**columns):
    row = {"city_id": "x", "city": "X", "country": "UGA", "latitude": 0.0, "longitude": 0.0} | columns
    return pd.DataFrame({name: [value] for name, value in row.items()})


def test_semicolons_of_a_spreadsheet_are_understood():
    "With a byte-order mark, as spreadsheets write it."
    data = "\ufeffcity;country;latitude;longitude\r\nKampala;Uganda;0.32;32.58\r\n".encode()
    assert predicting.read_city_list(data)["country"].tolist() == ["UGA"]


def test_names_stay_text():
    "A formula, a number and markup are names like others."
    data = (HEAD + '=1+1,Uganda,0.3,32.5\n007,Uganda,0.4,32.6\n"<b>NA</b>",Uganda,0.5,32.7\n').encode()
    assert predicting.read_city_list(data)["city"].tolist() == ["=1+1", "007", "<b>NA</b>"]


WRONG = {
    "bytes": (b"x" * 1_000_001, "at most 1,000,000"),
    "rows": ((HEAD + "A,Uganda,0.3,32.5\n" * 5001).encode(), "more than 5,000 rows"),
    "columns": (("," * 60 + "\n").encode(), "more than 50 columns"),
    "empty": (b"", "is empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not text in UTF-8"),
    "other columns": (b"a,b\n1,2\n", "no column 'city'"),
    "no rows": (HEAD.encode(), "has no rows"),
    "a ragged row": ((HEAD + "A,Uganda,0.3,32.5,9,9\n").encode(), "."),
    "an open quote": ((HEAD + '"A,Uganda,0.3,32.5\n').encode(), "not a CSV table"),
    "a latitude of text": ((HEAD + "A,Uganda,north,32.5\n").encode(), "latitude of 'A'"),
    "an unknown country": ((HEAD + "A,Atlantis,0.3,32.5\n").encode(), "Unknown country 'Atlantis'"),
    "zeros": (b"\x00" * 100, "."),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_lists_are_refused_in_words(case):
    "Each with what is wrong, none with a traceback."
    data, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        predicting.read_city_list(data)


def test_a_city_is_found_by_its_identifier():
    "The same city_id, 1 km away."
    found = predicting.match(listed(city_id="kla", latitude=0.329, longitude=32.58), PLACES)
    assert found[["place", "how"]].to_numpy().tolist() == [["s1", "id"]]


def test_a_city_is_found_by_its_position():
    "Another identifier, 5 km from the site of Nairobi (0.045° of latitude are 5 km)."
    found = predicting.match(listed(latitude=-1.29 + 0.045, longitude=36.82), PLACES)
    assert found[["place", "how"]].to_numpy().tolist() == [["s2", "position"]]
    assert found["distance"].iloc[0] == pytest.approx(5.0, abs=0.05)


def test_the_same_identifier_far_away_is_another_city():
    "A list of another country may use kla as well."
    found = predicting.match(listed(city_id="kla", latitude=14.0, longitude=-17.0), PLACES)
    assert found["how"].tolist() == [""]
    assert found["place"].isna().all()


def test_the_same_identifier_far_away_leaves_the_place_nearby():
    "The identifier is Kampala's, the position Nairobi's: the position counts."
    found = predicting.match(listed(city_id="kla", latitude=-1.29, longitude=36.82), PLACES)
    assert found[["place", "how"]].to_numpy().tolist() == [["s2", "position"]]


def test_a_city_with_nothing_near_is_not_found():
    "20 km from the site (0.18° of latitude)."
    found = predicting.match(listed(latitude=-1.29 + 0.18, longitude=36.82), PLACES)
    assert found["how"].tolist() == [""]
