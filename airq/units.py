"""Units, air-quality index tables and WHO classes.

Every number that enters or leaves the package carries the name of its unit. This module knows those names,
converts between them, and holds the US AQI tables (2012 and 2024) and the WHO levels of 2021. It never
guesses: an unknown unit is refused.
"""

from __future__ import annotations

import difflib
import functools
import html
import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

import numpy as np

PM25_UNIT = "µg m⁻³"

#: Names of the units that columns of the panel hold, and of those that tables hold them in.
KNOWN_UNITS = [
    *(PM25_UNIT, "mg m⁻³", "kg m⁻³", "mol m⁻²", "mmol m⁻²", "µmol m⁻²", "molec cm⁻²", "DU"),
    *("m s⁻¹", "km h⁻¹", "mph", "kt", "°C", "°F", "K", "%", "1", "Pa", "hPa", "kPa", "atm", "inHg", "mmHg"),
    *("mm", "cm", "m", "km", "in", "ft", "mol", "W", "MW", "nW cm⁻² sr⁻¹", "aqi-us-2012", "aqi-us-2024"),
]


class Magnitude(NamedTuple):
    """What a unit measures: value in SI base units = value in the unit * factor + offset.

    `dimension` holds the powers of kilogram, metre, second, mole and kelvin.
    """

    dimension: tuple[int, ...]
    factor: Fraction
    offset: Fraction = Fraction(0)


_PASCAL, _SPEED = (1, -1, -2, 0, 0), (0, 1, -1, 0, 0)

#: Symbol -> dimension, factor, offset. Factors of customary units are exact by definition or those of NIST
#: Special Publication 811 (2008), appendix B; the mole is that of the SI of 2019 (6.02214076e23 molecules);
#: a Dobson unit is 2.6867e20 molecules per square metre (Basher, WMO Ozone Report 13, 1982).
SYMBOLS = {
    name: Magnitude(dimension, Fraction(factor), Fraction(*offset))
    for name, dimension, factor, *offset in [
        ("g", (1, 0, 0, 0, 0), "1e-3"),
        ("m", (0, 1, 0, 0, 0), 1),
        ("s", (0, 0, 1, 0, 0), 1),
        ("mol", (0, 0, 0, 1, 0), 1),
        ("K", (0, 0, 0, 0, 1), 1),
        ("Pa", _PASCAL, 1),
        ("bar", _PASCAL, 100_000),
        ("J", (1, 2, -2, 0, 0), 1),
        ("W", (1, 2, -3, 0, 0), 1),
        ("L", (0, 3, 0, 0, 0), "1e-3"),
        ("°C", (0, 0, 0, 0, 1), 1, "273.15"),
        ("°F", (0, 0, 0, 0, 1), Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
        ("atm", _PASCAL, 101_325),
        ("inHg", _PASCAL, "3386.389"),
        ("mmHg", _PASCAL, "133.3224"),
        ("mph", _SPEED, "0.44704"),
        ("kt", _SPEED, Fraction(1852, 3600)),
        ("in", (0, 1, 0, 0, 0), "0.0254"),
        ("ft", (0, 1, 0, 0, 0), "0.3048"),
        ("mi", (0, 1, 0, 0, 0), "1609.344"),
        ("min", (0, 0, 1, 0, 0), 60),
        ("h", (0, 0, 1, 0, 0), 3600),
        ("d", (0, 0, 1, 0, 0), 86_400),
        ("molec", (0, 0, 0, 1, 0), 1 / Fraction("6.02214076e23")),
        ("DU", (0, -2, 0, 1, 0), "4.4615e-4"),
        ("%", (0, 0, 0, 0, 0), "0.01"),
        ("sr", (0, 0, 0, 0, 0), 1),
        ("1", (0, 0, 0, 0, 0), 1),
    ]
}
PREFIXES = {
    prefix: (word, Fraction(f"1e{power}"))
    for prefix, word, power in [
        *(("T", "tera", 12), ("G", "giga", 9), ("M", "mega", 6), ("k", "kilo", 3), ("h", "hecto", 2)),
        *(("da", "deca", 1), ("d", "deci", -1), ("c", "centi", -2), ("m", "milli", -3)),
        *(("µ", "micro", -6), ("n", "nano", -9), ("p", "pico", -12)),
    ]
}
for _symbol in ("g", "m", "s", "mol", "Pa", "bar", "J", "W", "L"):
    _dimension, _factor, _ = SYMBOLS[_symbol]
    for _prefix, (_, _power) in PREFIXES.items():
        SYMBOLS.setdefault(_prefix + _symbol, Magnitude(_dimension, _factor * _power))

#: Words in lower case, of which case does not matter, and the symbols that they stand for.
WORDS = {
    word: symbol
    for symbol, words in {
        "g": "gram grams gramme grammes",
        "m": "meter meters metre metres",
        "s": "second seconds sec",
        "mol": "mole moles",
        "K": "kelvin kelvins",
        "Pa": "pascal pascals",
        "bar": "bars",
        "J": "joule joules",
        "W": "watt watts",
        "L": "liter liters litre litres",
        "°C": "celsius celcius centigrade",
        "°F": "fahrenheit",
        "atm": "atmosphere atmospheres",
        "mph": "mph",
        "kt": "knot knots kts kn",
        "in": "inch inches",
        "ft": "foot feet",
        "mi": "mile miles",
        "h": "hour hours hr hrs",
        "d": "day days",
        "molec": "molecule molecules molecs",
        "DU": "dobson dobsons",
        "%": "percent pct",
        "µg": "mcg",
        "hPa": "mb",
        "sr": "steradian steradians",
    }.items()
    for word in (symbol.lower(), *words.split())
    if len(word) > 1
}
WORDS |= {
    word + spelled: prefix + symbol
    for prefix, (word, _) in PREFIXES.items()
    for spelled, symbol in list(WORDS.items())
    if symbol in ("g", "m", "mol", "Pa", "bar", "J", "W", "L") and len(spelled) > 2
}
#: Whole spellings, in lower case, without blanks and `^`, that mean one thing however they are capitalised.
#: Nothing is folded otherwise: mg and Mg differ, and M is no metre.
WHOLE = {
    form.format(*parts): name
    for name, *parts in [
        (PM25_UNIT, "ug", "m", 3),
        ("kg m⁻³", "kg", "m", 3),
        ("mol m⁻²", "mol", "m", 2),
        ("µmol m⁻²", "umol", "m", 2),
        ("molec cm⁻²", "molec", "cm", 2),
        ("molec cm⁻²", "molecules", "cm", 2),
    ]
    for form in ("{}/{}{}", "{}{}-{}", "{}{}{}")
}
WHOLE |= {name.lower(): name for name in ("hPa", "kPa", "mm", "cm", "km", "aqi-us-2012", "aqi-us-2024")}
WHOLE["mbar"] = "hPa"
WHOLE |= {f"us-aqi-{year}": f"aqi-us-{year}" for year in (2012, 2024)}
WHOLE |= dict.fromkeys(["", "-", "fraction", "ratio", "unitless", "dimensionless", "0-1", "~"], "1")
WHOLE |= {"m/s": "m s⁻¹", "ms-1": "m s⁻¹", "mps": "m s⁻¹"}
WHOLE |= dict.fromkeys(["km/h", "km/hr", "kmh", "kmh-1", "kmph", "kph"], "km h⁻¹")


class AqiTable(NamedTuple):
    """Breakpoints of a US air-quality index for 24-hour PM2.5.

    Attributes
    ----------
    pm25_low, pm25_high : tuple of float
        Ends of each band. [µg m⁻³]
    aqi_low, aqi_high : tuple of int
        Ends of each band. [AQI points]
    classes : tuple of str
        Name of each band; the 2012 table has two Hazardous bands.
    """

    pm25_low: tuple[float, ...]
    pm25_high: tuple[float, ...]
    aqi_low: tuple[int, ...]
    aqi_high: tuple[int, ...]
    classes: tuple[str, ...]

    @property
    def knots(self):
        """Concentrations and index values of the band ends in rising order, each of shape (2 * bands,)."""
        pm25 = np.ravel(np.column_stack([self.pm25_low, self.pm25_high]))
        aqi = np.ravel(np.column_stack([self.aqi_low, self.aqi_high])).astype(float)
        return pm25, aqi


AQI_CLASSES = (
    "Good",
    "Moderate",
    "Unhealthy for Sensitive Groups",
    "Unhealthy",
    "Very Unhealthy",
    "Hazardous",
)

#: The tables by unit. Sources: US EPA, 78 FR 3086 (2013-01-15) and 89 FR 16202 (2024-03-06).
AQI_TABLES = {
    "aqi-us-2012": AqiTable(
        pm25_low=(0.0, 12.1, 35.5, 55.5, 150.5, 250.5, 350.5),
        pm25_high=(12.0, 35.4, 55.4, 150.4, 250.4, 350.4, 500.4),
        aqi_low=(0, 51, 101, 151, 201, 301, 401),
        aqi_high=(50, 100, 150, 200, 300, 400, 500),
        classes=(*AQI_CLASSES, "Hazardous"),
    ),
    "aqi-us-2024": AqiTable(
        pm25_low=(0.0, 9.1, 35.5, 55.5, 125.5, 225.5),
        pm25_high=(9.0, 35.4, 55.4, 125.4, 225.4, 325.4),
        aqi_low=(0, 51, 101, 151, 201, 301),
        aqi_high=(50, 100, 150, 200, 300, 500),
        classes=AQI_CLASSES,
    ),
}

#: WHO global air quality guidelines 2021, PM2.5, upper end of each class. [µg m⁻³]
WHO_LEVELS = {
    "day": (15.0, 25.0, 37.5, 50.0, 75.0),
    "year": (5.0, 10.0, 15.0, 25.0, 35.0),
}
WHO_CLASSES = (
    "guideline met",
    "interim target 4",
    "interim target 3",
    "interim target 2",
    "interim target 1",
    "above interim target 1",
)


def unit_name(text: str) -> str:
    """Return the name of a unit as this package writes it, from the ways in which archives print it.

    Blanks, dots, `*`, `^`, `**`, superscripts, both letters for micro, "per" and words such as "micrograms"
    and "cubic meter" are understood. Capitals count wherever they tell units apart: mg is not Mg.

    Raises
    ------
    ValueError
        If the unit is not known, or measures what no column of a panel holds. The message names a unit that
        may be meant only if it is the same but for a slip of spelling.

    Examples
    --------
    >>> unit_name("ug/m3"), unit_name("Micrograms/cubic meter (LC)"), unit_name("kg m**-3")
    ('µg m⁻³', 'µg m⁻³', 'kg m⁻³')
    >>> unit_name("aqi-us-2012")
    'aqi-us-2012'
    """
    text = str(text).strip()
    found = _named(text)
    if found is None:
        near = _near_unit(text)
        hint = f"; did you mean {near!r}?" if near else "."
        raise ValueError(f"Unknown unit {text!r}{hint} Known units: {', '.join(KNOWN_UNITS)}.")
    return found


@functools.cache
def _named(text):
    """Return the name of a unit, or None if it is unknown or measures what no column holds."""
    if text in KNOWN_UNITS:
        return text
    tidy = _tidied(text)
    whole = WHOLE.get(re.sub(r"[\s^]|(?<=m)et(er|re)s?", "", tidy.lower()).replace("µ", "u"))
    parts = _parts(tidy)
    if parts is None or not parts[1]:
        return whole
    value = _magnitude(parts)
    # A ratio of masses or of volumes is no percentage of saturation, though neither has a dimension.
    ratio = not any(value.dimension) and parts[1] not in ((("1", 1),), (("%", 1),))
    if ratio or value.dimension not in {known.dimension for known in _known_magnitudes()}:
        return whole
    return _known_magnitudes().get(value) or _written(parts)


#: What is replaced in turn before a unit is taken apart: signs, remarks, phrases that are one unit.
_REPLACED = [
    (re.compile(pattern, re.IGNORECASE), new)
    for pattern, new in [
        (r"[μµ]", "µ"),
        (r"[−–‐‑]", "-"),
        (r"\*\*", "^"),
        (r"\^\s*[({]\s*([-+]?\d+)\s*[)}]", r"^\1"),
        (r"<sup>\s*([-+]?\d+)\s*</sup>", r"^\1"),
        (r"[(\[]\s*(lc|sc|stp|ntp|(local|standard|ambient)( conditions)?|(0|20|25) ?°? ?c)\s*[)\]]$", ""),
        (r"\(rain(fall)?\)$", ""),
        (r"^\s*[(\[]([^()\[\]]*)[)\]]\s*$", r"\1"),
        (r"[·⋅∙•*×_]|(?<!\d)\.|\.(?!\d)", " "),
        (r"\bper\b", "/"),
        (r"(?<![a-z])(°|deg|degrees?)\s*(?=[cf]\b|celsius|celcius|centigrade|fahrenheit|kelvin|k\b)", ""),
        (r"\b(in|inch|inches|inhg)\s*[(-]?(of\s+)?(hg|mercury)\b\)?", "inHg"),
        (r"\b(mm|millimet(?:er|re)s?)\s*[(-]?(of\s+)?(hg|mercury)\b\)?", "mmHg"),
        (r"\bdobson units?\b", "DU"),
        (
            r"\b(cubic|cu|square|sq)\.?\s+([a-zµ]+)",
            lambda found: found[2] + ("^3" if found[1][0] in "cC" else "^2"),
        ),
        (r"\s+(cubed|squared)\b", lambda found: "^3" if found[1][0] in "cC" else "^2"),
        (r"\s+of air$|(?<=[%t])\s*(rh|relative humidity)$", ""),
        (r"(?<![a-zµ])([µu]|k|m)gm(?=\^?-\d)", r"\1g m"),
        (r"(?<![a-zµ])(m|µ|u)?molm(?=\^?-\d)", r"\1mol m"),
    ]
]


def _tidied(text):
    """Return a unit with signs of one kind, without remarks, its phrases made symbols."""
    # "Â" is left of signs that were written in UTF-8 and read in Latin-1: µ, ³, °.
    text = html.unescape(text).replace("Â", "")
    text = re.sub("[⁻⁺]?[⁰¹²³⁴-⁹]+", r"^\g<0>", text.replace("º", "°"))
    text = unicodedata.normalize("NFKC", text)
    for pattern, new in _REPLACED:
        text = pattern.sub(new, text)
    return text.strip()


#: Powers of one or two digits: no unit has more, and a larger one would take forever to compute.
_COEFFICIENT = re.compile(
    r"(?:(\d{1,9}(?:\.\d{1,9})?(?:e[-+]?\d{1,2})?)|10\^([-+]?\d{1,2}))(?![\d^])\s*(?=\S)", re.IGNORECASE
)
_PART = re.compile(r"\s*(/?)\s*(1$|[A-Za-zµ°%]+)(?:\^?([-+]?\d{1,2}))?(?=[\s/]|$)")


def _parts(tidy):
    """Take a tidied unit apart: its coefficient and pairs of symbol and power; None if it has none."""
    start = _COEFFICIENT.match(tidy)
    coefficient, end, parts = Fraction(1), 0, []
    if start:
        coefficient, end = Fraction(start[1] or f"1e{start[2]}"), start.end()
    divided = False
    while end < len(tidy):
        part = _PART.match(tidy, end)
        symbol = part and _symbol(part[2])
        if symbol is None or (divided and not part[1]):
            # What follows "a/b c" is refused, because some divide by c and some do not.
            return None
        divided = bool(part[1])
        parts.append((symbol, int(part[3] or 1) * (-1 if divided else 1)))
        end = part.end()
    shifted = any(SYMBOLS[symbol].offset for symbol, _ in parts)
    if not coefficient or (shifted and (coefficient, len(parts), parts[0][1]) != (1, 1, 1)):
        return None
    return coefficient, tuple(parts)


def _symbol(word):
    """Return the symbol that a word stands for, or None; C and F are temperatures, u is micro."""
    if word in ("C", "F"):
        return f"°{word}"
    if word in SYMBOLS:
        return word
    if word.startswith("u") and f"µ{word[1:]}" in SYMBOLS:
        return f"µ{word[1:]}"
    return WORDS.get(word.lower())


def magnitude(unit: str) -> Magnitude | None:
    """Return what a unit measures, also one that no column of a panel holds; None if it is not understood.

    >>> magnitude("kg m-2 s-1")
    Magnitude(dimension=(1, -2, -1, 0, 0), factor=Fraction(1, 1), offset=Fraction(0, 1))
    """
    parts = _parts(_tidied(str(unit).strip()))
    return _magnitude(parts) if parts and parts[1] else None


def _magnitude(parts):
    coefficient, powers = parts
    if len(powers) == 1 and powers[0][1] == 1 and coefficient == 1:
        return SYMBOLS[powers[0][0]]
    factor, dimension = coefficient, np.zeros(5, dtype=int)
    for symbol, power in powers:
        factor *= SYMBOLS[symbol].factor ** power
        dimension += power * np.array(SYMBOLS[symbol].dimension)
    return Magnitude(tuple(dimension.tolist()), factor)


@functools.cache
def _known_magnitudes():
    """Return the names of the known units that measure something, by what they measure."""
    return {_magnitude(_parts(_tidied(name))): name for name in KNOWN_UNITS if name not in AQI_TABLES}


def _written(parts):
    coefficient, powers = parts
    superscript = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    names = [symbol + (str(power).translate(superscript) if power != 1 else "") for symbol, power in powers]
    return " ".join([*([f"{float(coefficient):g}".replace("e+", "e")] if coefficient != 1 else []), *names])


def _near_unit(text):
    """Return the known unit that a text is but for a slip, or None: never another factor or quantity.

    A slip is a power that lost its sign or itself, or a letter too few, too many or wrong in a long word.
    """
    tidy = _tidied(text)
    parts = _parts(tidy)
    if parts is not None:
        return _same_but_for_signs(*parts)
    for word in re.findall(r"[A-Za-z]{5,}", tidy):
        near = difflib.get_close_matches(word.lower(), WORDS, n=3, cutoff=0.9)
        if word.lower() not in WORDS and len({WORDS[other] for other in near}) == 1:
            meant = _named(tidy.replace(word, near[0]))
            return meant if meant in KNOWN_UNITS else None
    return None


def _same_but_for_signs(coefficient, powers):
    if coefficient != 1 or len(powers) < 2 or powers[0][1] < 0:
        return None
    for name in KNOWN_UNITS:
        known = _parts(_tidied(name))
        if known is None or [symbol for symbol, _ in known[1]] != [symbol for symbol, _ in powers]:
            continue
        pairs = [(abs(power), abs(own)) for (_, power), (_, own) in zip(powers, known[1], strict=True)]
        if all(power in (1, own) for power, own in pairs):
            return name
    return None


def is_aqi(unit: str) -> bool:
    """Tell whether a unit is one of the air-quality indices.

    >>> is_aqi("aqi-us-2024"), is_aqi("µg/m³")
    (True, False)
    """
    return unit_name(unit) in AQI_TABLES


def convert(values, unit: str, to: str) -> np.ndarray:
    """Convert values from `unit` to another, in any known spelling, as float64.

    Raises
    ------
    ValueError
        If no conversion between the two is known, such as from an index to anything but PM2.5.

    Examples
    --------
    >>> float(convert(300.15, "K", "°C"))
    27.0
    >>> float(convert(50, "aqi-us-2012", "µg/m³"))
    12.0
    """
    values = np.asarray(values, dtype="float64")
    unit, to = unit_name(unit), unit_name(to)
    if unit == to:
        return values
    if unit in AQI_TABLES and to == PM25_UNIT:
        return pm25_from_aqi(values, unit)
    if unit == PM25_UNIT and to in AQI_TABLES:
        return aqi(values, to)
    if not {unit, to} & set(AQI_TABLES):
        ours, theirs = (_magnitude(_parts(_tidied(name))) for name in (unit, to))
        if ours.dimension == theirs.dimension:
            offset = (ours.offset - theirs.offset) / theirs.factor
            return values * float(ours.factor / theirs.factor) + float(offset)
    raise ValueError(f"No conversion from {unit!r} to {to!r}.")


def aqi_table(unit: str) -> AqiTable:
    """Return the table of an index by its unit; raise ValueError if `unit` is not an index."""
    name = unit_name(unit)
    if name not in AQI_TABLES:
        raise ValueError(f"{unit!r} is not an air-quality index. Choose one of {', '.join(AQI_TABLES)}.")
    return AQI_TABLES[name]


def aqi_points(pm25, table: str) -> np.ndarray:
    """Compute the air-quality index [AQI points, not rounded] as a continuous function of PM2.5 [µg m⁻³].

    It equals the official formula before rounding at every multiple of 0.1 µg m⁻³, crosses the gaps between
    bands (12.0 to 12.1, say) in a straight line, and continues the last band beyond its end, so that it has
    an inverse everywhere. PM2.5 is a 24-hour mean, not negative; missing values stay missing.

    >>> aqi_points([12.0, 12.05, 12.1], "aqi-us-2012").round(6).tolist()
    [50.0, 50.5, 51.0]
    """
    return _follow(_not_negative(pm25, "PM2.5"), *aqi_table(table).knots)


def pm25_from_aqi(aqi, table: str) -> np.ndarray:
    """Compute PM2.5 [µg m⁻³] from an index [AQI points]: the inverse of :func:`aqi_points`.

    >>> pm25_from_aqi([50, 151, 500, 600], "aqi-us-2012").round(1).tolist()
    [12.0, 55.5, 500.4, 651.8]
    """
    return _follow(_not_negative(aqi, "AQI"), *reversed(aqi_table(table).knots))


def aqi(pm25, table: str) -> np.ndarray:
    """Compute the air-quality index as it is reported: concentration truncated to 0.1, index rounded.

    `pm25` is a 24-hour mean [µg m⁻³]. The whole AQI points are float64, so that missing values can stay
    missing. Above the table the line of its last band continues, as the EPA has prescribed since 2024; the
    2012 rule only said "beyond the AQI".

    References
    ----------
    .. [1] US EPA, Technical Assistance Document for the Reporting of Daily Air Quality,
       EPA-454/B-24-002, 2024.

    Examples
    --------
    >>> aqi([35.4, 35.49, 35.5], "aqi-us-2012").tolist()
    [100.0, 100.0, 101.0]
    """
    return np.floor(aqi_points(_truncated(pm25), table) + 0.5)


def aqi_class(pm25, table: str) -> np.ndarray:
    """Return the number of the AQI class, 0 (Good) to 5 (Hazardous), -1 where PM2.5 is missing.

    It is a position in :data:`AQI_CLASSES`. Parameters as in :func:`aqi`.

    >>> aqi_class([12.0, 12.09, 12.1, 400, float("nan")], "aqi-us-2012").tolist()
    [0, 0, 1, 5, -1]
    """
    table = aqi_table(table)
    pm25 = _truncated(_not_negative(pm25, "PM2.5"))
    band = np.searchsorted(np.asarray(table.pm25_high[:-1]) + 0.05, pm25)
    position = np.array([AQI_CLASSES.index(name) for name in table.classes])
    return np.where(np.isnan(pm25), -1, position[band])


def who_class(pm25, period: str = "day") -> np.ndarray:
    """Return the WHO 2021 class of a daily or an annual mean [µg m⁻³], None where it is missing.

    The names are those of :data:`WHO_CLASSES`; `period` is "day" or "year". Source: WHO global air quality
    guidelines, 2021, table 0.1.

    >>> who_class([15.0, 15.1, 80.0]).tolist()
    ['guideline met', 'interim target 4', 'above interim target 1']
    >>> who_class([6.0], "year").tolist()
    ['interim target 4']
    """
    if period not in WHO_LEVELS:
        raise ValueError(f"WHO levels exist for {' and '.join(WHO_LEVELS)}, not for {period!r}.")
    pm25 = _not_negative(pm25, "PM2.5")
    names = np.array([*WHO_CLASSES, None], dtype=object)
    position = np.searchsorted(WHO_LEVELS[period], pm25)
    return names[np.where(np.isnan(pm25), len(WHO_CLASSES), position)]


def _truncated(pm25):
    # The small addition keeps a value stored as float32 (250.4 becomes 250.39999) in its own band.
    return np.floor(np.asarray(pm25, dtype="float64") * 10 + 5e-4) / 10


def _not_negative(values, name):
    values = np.asarray(values, dtype="float64")
    if np.any(values < 0):
        raise ValueError(f"{name} cannot be negative; the lowest value is {np.nanmin(values):g}.")
    return values


def _follow(x, knots_x, knots_y):
    """Interpolate linearly between the knots; continue the last line beyond them."""
    inside = np.interp(x, knots_x, knots_y)
    slope = (knots_y[-1] - knots_y[-2]) / (knots_x[-1] - knots_x[-2])
    return np.where(x > knots_x[-1], knots_y[-1] + (x - knots_x[-1]) * slope, inside)


def exceedance_thresholds(period: str = "day", table: str = "aqi-us-2024") -> tuple[float, ...]:
    """Return the PM2.5 [µg m⁻³] above which another class begins, in rising order.

    Days have the levels of the WHO and of the index, years those of the WHO; months have none.

    >>> exceedance_thresholds("year")
    (5.0, 10.0, 15.0, 25.0, 35.0)
    """
    levels = set(WHO_LEVELS.get(period, ()))
    if period == "day":
        index = aqi_table(table)
        bands = zip(index.pm25_high, index.classes, index.classes[1:], strict=False)
        levels |= {high for high, below, above in bands if below != above}
    return tuple(sorted(levels))


def exceedance_column(threshold: float) -> str:
    """Name the column for the probability of PM2.5 above a threshold [µg m⁻³].

    >>> exceedance_column(37.5)
    'p_above_37.5'
    """
    return f"p_above_{threshold:g}"
