"""Classes and words follow from the time that a number averages."""

import numpy as np
import pytest

from airq.units import AQI_CLASSES, WHO_CLASSES, aqi_class, who_class
from app.scales import BESIDE, UNCLASSED, WORDS, scale, share_scale

VALUES = np.array([0, 9.0, 9.1, 12.0, 15.0, 15.1, 35.4, 37.5, 37.6, 75, 76, 125.4, 225.5, 400, np.nan])


def test_who_classes_are_those_of_the_units():
    "Class by class the map says what `who_class` says."
    found = scale("who", unit="µg m⁻³")
    expected = [-1 if name is None else WHO_CLASSES.index(name) for name in who_class(VALUES)]
    assert found.index(VALUES).tolist() == expected


@pytest.mark.parametrize("name", ["aqi-us-2012", "aqi-us-2024"])
def test_aqi_classes_are_those_of_the_units(name):
    "Class by class the map says what `aqi_class` says."
    assert scale(name, unit="µg m⁻³").index(VALUES).tolist() == aqi_class(VALUES, name).tolist()


def test_points_of_an_index_keep_the_classes_of_their_table():
    "AQI 50 is Good, 151 Unhealthy, whichever scale is asked for; a level in µg/m³ never applies."
    found = scale("who", unit="aqi-us-2012")
    assert [AQI_CLASSES[one] for one in found.index([50, 151])] == ["Good", "Unhealthy"]
    assert found.unit == "aqi-us-2012"


def test_a_value_stored_in_four_bytes_keeps_its_class():
    "37.5 and 35.4 as float32 are what they are as float64."
    values = np.float32([15.0, 25.0, 37.5, 50.0, 75.0])
    assert scale("who", unit="µg m⁻³").index(values).tolist() == [0, 1, 2, 3, 4]


def test_ranges_say_where_a_class_begins_and_ends():
    "The words under the map are the levels themselves."
    assert scale("who", unit="µg m⁻³").ranges[:2] == ("up to 15", "15 – 25")
    assert scale("", unit="aqi-us-2024").ranges[1] == "51 – 100"


@pytest.mark.parametrize("days", [30, 184, 273, 274, 365, 579])
def test_a_mean_over_thirty_days_or_more_is_held_against_the_annual_levels(days):
    "32.6 is above 25 and within 35, the last but one annual class, at any length of the span."
    found = scale("who", unit="µg m⁻³", days=days)
    assert found.edges == (5.0, 10.0, 15.0, 25.0, 35.0)
    assert found.index([32.6]).tolist() == [4]
    assert found.verdict(32.6) == "Very high: 6.5 times the WHO annual guideline of 5 µg/m³"


def test_a_mean_of_part_of_a_year_says_which_part():
    "184 days are 184 of 365; a year and more need no such words."
    assert scale("who", unit="µg m⁻³", days=184).note == "Held against the annual guideline; 184 of 365 days."
    assert scale("who", unit="µg m⁻³", days=365).note == ""


@pytest.mark.parametrize(
    ("name", "unit", "days"),
    [
        ("who", "µg m⁻³", 2),
        ("who", "µg m⁻³", 29),
        ("aqi-us-2024", "µg m⁻³", 30),
        ("aqi-us-2012", "µg m⁻³", 365),
        ("who", "aqi-us-2012", 30),
    ],
)
def test_a_mean_that_no_level_is_made_for_has_no_class(name, unit, days):
    "Neither a word nor a verdict, and colours of another hue than those of classes."
    found = scale(name, unit=unit, days=days)
    assert not found.classed
    assert found.verdict(80.0) == ""
    assert found.colours == UNCLASSED
    assert len(found.labels) == len(found.colours) == len(found.edges) + 1


def test_only_a_day_takes_advice_for_a_day():
    "A mean over two days and a share of days are no daily value."
    assert scale("who", unit="µg m⁻³").daily
    assert not scale("who", unit="µg m⁻³", days=2).daily
    assert not share_scale(15.0).daily


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (15.0, "Low: within the WHO daily guideline of 15 µg/m³"),
        (15.2, "Slightly raised: just above the WHO daily guideline of 15 µg/m³"),
        (73.5, "Very high: 4.9 times the WHO daily guideline of 15 µg/m³"),
        (180.0, "Extremely high: 12 times the WHO daily guideline of 15 µg/m³"),
        (np.nan, ""),
    ],
)
def test_a_verdict_is_a_plain_word_and_how_many_times_the_guideline(value, words):
    "73.5 / 15 is 4.9; no verdict holds the word target."
    assert scale("who", unit="µg m⁻³").verdict(value) == words


def test_no_class_of_the_guidelines_sounds_like_a_target_reached():
    "Every class is named by the level that lies below it."
    assert len(BESIDE) == len(WORDS) == len(WHO_CLASSES)
    assert all(words.startswith(("within the guideline", "above ")) for words in BESIDE)
