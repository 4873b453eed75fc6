"""How the pages write and colour: units, numbers, dates, names made safe to show, tones of light and dark.

A name may hold markup, formulas or anything else. It goes through one of the functions below on its way to
the page; which one depends on who reads it: a plain widget or a chart, Markdown, or a spreadsheet.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from airq.units import AQI_TABLES, PM25_UNIT, is_aqi

OUTLINES = Path(__file__).parent / "static" / "world.json"
CITY_NAMES = OUTLINES.with_name("cities.json")

#: Light to dark; for a deuteranope the closest pair is 18 Lab units apart, the EPA's colours 8.
READABLE = ("#ffffcc", "#fed976", "#fd8d3c", "#e31a1c", "#a50026", "#4d004b")
#: Colours that the US EPA prescribes for the classes of its index (EPA-454/B-24-002, 2024).
EPA = ("#00e400", "#ffff00", "#ff7e00", "#ff0000", "#8f3f97", "#7e0023")
PALETTES = {"readable": "Light to dark (readable for colour-blind people)", "epa": "Colours of the US EPA"}

UNIT_WORDS = {PM25_UNIT: "µg/m³", "aqi-us-2012": "AQI points (2012)", "aqi-us-2024": "AQI points (2024)"}
#: Several values, by what one stands for.
SPANS = {"day": "days", "month": "months", "year": "years"}
PERIOD_WORDS = {"day": "daily mean", "month": "monthly mean", "year": "annual mean"}

#: Where the name in full is not the one that people use.
SHORT = {
    "COD": "DR Congo",
    "COG": "Congo",
    "TZA": "Tanzania",
    "GMB": "Gambia",
    "USA": "United States",
    "IRN": "Iran",
    "KOR": "South Korea",
    "RUS": "Russia",
    "SYR": "Syria",
    "NLD": "Netherlands",
}

LIGHT = {
    "page": "#ffffff",
    "text": "#1c2529",
    "soft": "#5b6870",
    "grid": "#dde3e6",
    "land": "#e9edef",
    "sea": "#f8fbfd",
    "border": "#9aa6ad",
}
DARK = {
    "page": "#12181c",
    "text": "#edf2f4",
    "soft": "#a5b2b9",
    "grid": "#2f3a41",
    "land": "#2a353b",
    "sea": "#161d22",
    "border": "#63727a",
}
LINE = {"light": "#0b5c8f", "dark": "#5cb8f0"}
SECOND = {"light": "#b4520a", "dark": "#ffab66"}
#: Least contrast of a marker to the land without a strong rim (WCAG 2.2, 1.4.11).
LEAST_CONTRAST = 3.0
FONT = "Source Sans, Source Sans Pro, sans-serif"
#: Longest name on a page. [characters]
LIMIT = 60
#: Mean length of a year. [d]
YEAR = 365.25
#: Characters that steer the direction of what follows, up to the end of the line.
STEERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ISOLATE, END = "\u2068", "\u2069"
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&^=@])")
#: Where a browser would make a link of bare text: addresses and mail. An invisible letter stands there.
LINKS = re.compile(r"(?<=http)(?=://)|(?<=https)(?=://)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
WORD_JOINER = "\u2060"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
#: Most characters of a card, of a line, and of a cell of a table.
MOST, LONGEST_LINE, LONGEST_CELL = 60_000, 1_500, 120
#: A code span that can hold nothing but a name, a number or a hash.
CODE = re.compile(r"(`[A-Za-z0-9_.:+/= -]{1,80}`)")
#: What makes links, pictures, HTML, formulas, coloured text and addresses.
ACTIVE = re.compile(r"([\[\]<>!$:@`~&\\])")
CELL = re.compile(r"(?<!\\)\|")


def is_index(unit):
    """Tell whether a unit is one of the air-quality indices; other names are not refused."""
    return unit in AQI_TABLES and is_aqi(unit)


def unit_words(unit):
    """Write a unit as people read it.

    >>> unit_words("µg m⁻³")
    'µg/m³'
    """
    return UNIT_WORDS.get(unit, unit)


def with_page_units(text):
    """Return the text of a file, with the unit of PM2.5 as the pages write it.

    >>> with_page_units("RMSE 2.3 µg m⁻³")
    'RMSE 2.3 µg/m³'
    """
    return text.replace(PM25_UNIT, UNIT_WORDS[PM25_UNIT])


def number(value, unit=PM25_UNIT):
    """Write a number with its unit: one decimal below 100, none for an index.

    >>> number(15.25), number(151.4, "aqi-us-2012"), number(float("nan"))
    ('15.2 µg/m³', '151 AQI points (2012)', 'no prediction')
    """
    if value is None or not np.isfinite(value):
        return "no prediction"
    if unit == "%":
        return f"{value:.0f} %"
    digits = 0 if is_index(unit) or value >= 100 else 1
    return f"{value:,.{digits}f} {unit_words(unit)}"


def short_number(value, unit=PM25_UNIT):
    """Write a number with its unit for large letters; what stands beside it names an index's table.

    >>> short_number(15.25), short_number(151.4, "aqi-us-2012")
    ('15.2 µg/m³', '151 AQI')
    """
    return f"{value:.0f} AQI" if is_index(unit) and np.isfinite(value) else number(value, unit)


def chance_words(chance):
    """Write a probability as people say it, neither certain nor impossible unless it is.

    >>> chance_words(0.314), chance_words(0.9996), chance_words(0.0002), chance_words(0.0)
    ('31%', 'more than 99%', 'less than 1%', '0%')
    """
    if 0.995 <= chance < 1:
        return "more than 99%"
    return "less than 1%" if 0 < chance < 0.005 else f"{chance:.0%}"


def count_words(number, noun):
    """Write a number of things, one or many.

    >>> count_words(1, "day"), count_words(1_240, "month"), count_words(2, "city")
    ('1 day', '1,240 months', '2 cities')
    """
    several = f"{noun[:-1]}ies" if noun[-1] == "y" and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else several}"


def interval_words(level):
    """Name an interval by its level, which may be None.

    >>> interval_words(0.9), interval_words(None)
    ('90% interval', 'interval')
    """
    return f"{level:.0%} interval" if level else "interval"


def ends_words(low, high, unit=PM25_UNIT):
    """Write the ends of an interval.

    >>> ends_words(8.0, 21.5)
    '8.0 µg/m³ to 21.5 µg/m³'
    """
    return f"{number(low, unit)} to {number(high, unit)}"


def first_capital(words):
    """Return words with a capital letter in front, the others as they are.

    >>> first_capital("above the WHO guideline")
    'Above the WHO guideline'
    """
    return words[:1].upper() + words[1:]


def listed(sentences):
    """Return sentences, in Markdown, as a list; empty ones are left out."""
    return "\n".join(f"- {sentence}" for sentence in sentences if sentence)


@functools.lru_cache(maxsize=10_000)
def day_words(date, period="day"):
    """Write a date as people do.

    >>> day_words("2020-01-05"), day_words("2020-01-01", "month")
    ('5 January 2020', 'January 2020')
    """
    date = pd.Timestamp(date)
    if period == "year":
        return f"{date:%Y}"
    return f"{date:%B %Y}" if period == "month" else f"{date.day} {date:%B %Y}"


def span_words(start, end, period="day"):
    """Write a span in words.

    >>> span_words("2020-01-01", "2020-01-01", "year"), span_words("2020-01-01", "2020-02-01", "month")
    ('2020', 'January 2020 to February 2020')
    """
    first, last = day_words(start, period), day_words(end, period)
    return first if first == last else f"{first} to {last}"


def by_period(text, period):
    """Turn a text about days into one about the months or years that values stand for.

    >>> by_period("Days above a level", "month"), by_period("each day", "year")
    ('Months above a level', 'each year')
    """
    return text.replace("Day", period.capitalize()).replace("day", period)


@functools.cache
def outlines():
    """Return the outlines of countries (GeoJSON), with `id`, `name`, `country` and `scale` of each."""
    return json.loads(OUTLINES.read_text(encoding="utf-8"))


@functools.cache
def country_names():
    """Return the English name of every country by its alpha-3 code."""
    with files("airq._data").joinpath("countries.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, keep_default_na=False)
    # Of several spellings the longest without a comma is the one in full; of two as long the accented one.
    listed = zip(table["alpha3"], table["name"], strict=True)
    by_fullness = sorted(listed, key=lambda one: ("," not in one[1], len(one[1]), not one[1].isascii()))
    return {code: name.strip() for code, name in by_fullness} | SHORT


def country_name(code):
    """Return the English name of a country, or the code itself where it is unknown.

    >>> country_name("KEN"), country_name("XYZ")
    ('Kenya', 'XYZ')
    """
    return country_names().get(code, str(code))


def tones(dark):
    """Return colours of text, grid and land for a light or dark page, and of the first and second line."""
    mode = "dark" if dark else "light"
    return {**(DARK if dark else LIGHT), "line": LINE[mode], "second": SECOND[mode]}


def rim(colour, *, dark=False):
    """Return the line around a marker: strong where a dark page would swallow the colour itself."""
    tone = tones(dark)
    if dark and contrast(colour, tone["land"]) < LEAST_CONTRAST:
        return {"width": 1.3, "color": tone["text"]}
    return {"width": 0.6, "color": tone["soft"]}


def contrast(one, other):
    """Compute the contrast of two colours, from 1 to 21 (WCAG 2.2, relative luminance of sRGB).

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def shown(value, *, limit=LIMIT):
    """Write a name on one line, at most `limit` characters, so that it cannot turn the text around it.

    Examples
    --------
    >>> shown("Bamako\\n")
    'Bamako'
    >>> shown("x" * 100, limit=5)
    'xxxx…'
    """
    line = " ".join(str(value).split())
    line = "".join(
        letter
        for letter in line
        if letter not in STEERING and unicodedata.category(letter) not in ("Cc", "Cs", "Co", "Cn")
    )
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    if any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in line):
        return ISOLATE + line + END
    return line


def short_path(path):
    """Write a path as a person would: from the working folder, else from the home folder, else whole.

    >>> short_path(Path.cwd() / "demo")
    'demo'
    """
    path = Path(path).absolute()
    for folder, mark in ((Path.cwd(), "."), (Path.home(), "~")):
        if path.is_relative_to(folder):
            return str(Path(mark, path.relative_to(folder)))
    return str(path)


def age_words(day, today):
    """Say how long ago a day was, in words.

    >>> from datetime import date
    >>> age_words(date(2020, 8, 1), date(2026, 11, 29))
    'more than 6 years ago'
    >>> age_words(date(2020, 8, 1), date(2020, 11, 29))
    '120 days ago'
    >>> age_words(date(2020, 8, 4), date(2020, 8, 1))
    '3 days ahead'
    """
    days = (today - day).days
    if days < 0:
        return "tomorrow" if days == -1 else f"{-days} days ahead"
    if days < 2 * YEAR:
        return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    return f"more than {int(days / YEAR)} years ago"


def words_of(error):
    """Say what an error says, without the number that the system gives it.

    >>> words_of(FileNotFoundError(2, "No such file or directory", "here"))
    'No such file or directory: here'
    """
    if not (isinstance(error, OSError) and error.strerror):
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def for_markdown(value, *, limit=LIMIT):
    """Escape a name for Markdown: captions, messages, labels; no part of it becomes a link.

    >>> print(for_markdown("[a](b)"))
    \\[a\\]\\(b\\)
    >>> "http://" in for_markdown("http://a.b").replace("\\\\", "")
    False
    """
    return MARKDOWN.sub(r"\\\1", LINKS.sub(WORD_JOINER, shown(value, limit=limit)))


def for_csv(value):
    """Guard a cell so that no spreadsheet takes it for a formula; numbers stay as they are.

    >>> for_csv("=cmd()"), for_csv("-1.5"), for_csv("Kano")
    ("'=cmd()", '-1.5', 'Kano')
    """
    if not isinstance(value, str) or not value.startswith(FORMULA) or NUMBER.fullmatch(value):
        return value
    return "'" + value


def for_file_name(value, *, limit=LIMIT):
    """Turn a name into part of a file's name: plain letters and digits, joined by hyphens.

    >>> for_file_name("São Tomé / ../x"), for_file_name("القاهرة")
    ('sao-tome-x', 'city')
    """
    plain = unicodedata.normalize("NFKD", str(value)[: 10 * limit]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:limit].strip("-") or "city"


def safe_card(text):
    """Return the text of card.md, headings two steps lower, with everything active written out.

    Emphasis, lists, tables and plain code spans stay; what could fetch, link or draw does not.

    >>> print(safe_card("# Card\\n![x](http://a.b) `no2` *city*"))
    ### Card
    \\!\\[x\\](http\\://a.b) `no2` *city*
    """
    lines = text[:MOST].splitlines()
    return "\n".join(_line(line) for line in lines) + ("\n\n…" if len(text) > MOST else "")


def _line(line):
    line = "".join(
        letter for letter in line if letter not in STEERING and (letter.isprintable() or letter == " ")
    )
    if line.startswith("|"):
        line = "|".join(_cut(cell, LONGEST_CELL) for cell in CELL.split(line))
    line = _cut(line, LONGEST_LINE)
    if re.match(r" {0,3}(```|~~~)", line):
        return ""
    heading = re.match(r"(#{1,4}) ", line)
    if heading:
        line = "##" + line
    parts = CODE.split(line.lstrip() if line.startswith("    ") else line)
    return "".join(part if number % 2 else _quiet(part) for number, part in enumerate(parts))


def _quiet(part):
    part = re.sub(r"www\.", r"www\\.", ACTIVE.sub(r"\\\1", part), flags=re.IGNORECASE)
    # A pipe that the card has escaped stays escaped.
    return part.replace("\\\\|", "\\|")


def _cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "…"
