"""Colours and words."""

import json

import numpy as np

from app import theme


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
