"""Colours and words."""

import json
from importlib.resources import files

import numpy as np
import pandas as pd

from app import style


def lightness(colour):
    "CIE lightness L* of a colour."
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    y = np.dot([0.2126, 0.7152, 0.0722], linear)
    return 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


def test_the_usual_colours_get_darker_class_by_class():
    "Each class is at least 8 units of lightness darker than the one before; the EPA's colours are not."
    steps = -np.diff([lightness(colour) for colour in style.READABLE])
    assert (steps > 8).all()
    assert (np.diff([lightness(colour) for colour in style.EPA]) > 0).any()


def test_every_african_country_is_outlined_once():
    "57 outlines in 1:50m, each once; Somaliland's cities belong to Somalia. No code is unknown."
    features = json.loads(style.OUTLINES.read_text("utf-8"))["features"]
    with files("airq._data").joinpath("countries.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False)
    african = set(table["alpha3"][table["continent"] == "AF"])
    fine = [one["id"] for one in features if one["properties"]["country"] in african]
    assert len(fine) == len(set(fine)) == 57
    assert {one["properties"]["country"] for one in features} <= {*style.country_names(), ""}


def test_a_dark_page_gives_dark_markers_a_strong_rim():
    "Dark violet on dark land is seen by its rim alone; on a light page, or in yellow, a thin one is enough."
    assert style.rim("#4d004b", dark=True)["color"] == style.DARK["text"]
    assert style.rim("#4d004b", dark=True)["width"] > style.rim("#4d004b")["width"]
    assert style.rim("#fed976", dark=True)["width"] == style.rim("#fed976")["width"]
