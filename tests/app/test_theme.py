"""Classes, colours and words."""

import json

import numpy as np
import pytest

from airq.units import AQI_CLASSES, WHO_CLASSES, aqi_class, who_class
from app import theme

VALUES = np.array([0, 9.0, 9.1, 12.0, 15.0, 15.1, 35.4, 37.5, 37.6, 75, 76, 125.4, 225.5, 400, np.nan])


def test_who_classes_are_those_of_the_units():
    "Class by class the map says what `who_class` says."
    scale = theme.scale("who", unit="µg m⁻³")
    expected = [-1 if name is None else WHO_CLASSES.index(name) for name in who_class(VALUES)]
    assert scale.index(VALUES).tolist() == expected


@pytest.mark.parametrize("name", ["aqi-us-2012", "aqi-us-2024"])
def test_aqi_classes_are_those_of_the_units(name):
    "Class by class the map says what `aqi_class` says."
    assert theme.scale(name, unit="µg m⁻³").index(VALUES).tolist() == aqi_class(VALUES, name).tolist()


def test_points_of_an_index_keep_the_classes_of_their_table():
    "AQI 50 is Good, 151 Unhealthy, whichever scale is asked for; a level in µg/m³ never applies."
    scale = theme.scale("who", unit="aqi-us-2012")
    assert [AQI_CLASSES[one] for one in scale.index([50, 151])] == ["Good", "Unhealthy"]
    assert scale.unit == "aqi-us-2012"


def test_a_value_stored_in_four_bytes_keeps_its_class():
    "37.5 and 35.4 as float32 are what they are as float64."
    values = np.float32([15.0, 25.0, 37.5, 50.0, 75.0])
    assert theme.scale("who", unit="µg m⁻³").index(values).tolist() == [0, 1, 2, 3, 4]


def test_a_mean_over_a_year_has_the_annual_levels():
    "5 µg/m³ is the annual guideline, 15 the daily one."
    assert theme.scale("who", unit="µg m⁻³", days=366).edges[0] == 5
    assert theme.scale("who", unit="µg m⁻³", days=30).edges[0] == 15
    assert "year" in theme.scale("who", unit="µg m⁻³", days=30).note


def lightness(colour):
    "CIE lightness L* of a colour."
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    y = np.dot([0.2126, 0.7152, 0.0722], linear)
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def test_the_usual_colours_get_darker_class_by_class():
    "Each class is at least 8 units of lightness darker than the one before; the EPA's colours are not."
    steps = -np.diff([lightness(colour) for colour in theme.READABLE])
    assert (steps > 8).all()
    assert (np.diff([lightness(colour) for colour in theme.EPA]) > 0).any()


def test_ranges_say_where_a_class_begins_and_ends():
    "The words under the map are the levels themselves."
    assert theme.scale("who", unit="µg m⁻³").ranges[:2] == ("up to 15", "15 – 25")
    assert theme.scale("", unit="aqi-us-2024").ranges[1] == "51 – 100"


def test_every_african_country_is_outlined_once():
    "57 outlines with a code that the table of countries knows; Somaliland's cities belong to Somalia."
    features = json.loads(theme.OUTLINES.read_text("utf-8"))["features"]
    assert len({feature["id"] for feature in features}) == 57
    assert {feature["properties"]["country"] for feature in features} <= set(theme.country_names())


def test_a_dark_page_gives_dark_markers_a_strong_rim():
    "Dark violet on dark land is seen by its rim alone; on a light page, or in yellow, a thin one is enough."
    assert theme.rim("#4d004b", dark=True)["color"] == theme.DARK["text"]
    assert theme.rim("#4d004b", dark=True)["width"] > theme.rim("#4d004b")["width"]
    assert theme.rim("#fed976", dark=True)["width"] == theme.rim("#fed976")["width"]
