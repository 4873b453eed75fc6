"""Units, air-quality index tables and WHO classes.

Every number that enters or leaves the package carries the name of its unit. This module knows those names,
converts between them, and holds the US AQI tables (2012 and 2024) and the WHO levels of 2021. It never
guesses: an unknown unit is refused.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

import numpy as np

PM25_UNIT = "µg m⁻³"

#: Other spellings of the units, by the name that the package uses. μ is Greek mu, µ the micro sign.
SPELLINGS = {
    PM25_UNIT: ("µg/m³", "μg/m³", "ug/m³", "µg/m3", "μg/m3", "ug/m3", "ug m-3", "µg m-3", "µg m^-3"),
    "mg m⁻³": ("mg/m3", "mg/m³"),
    "kg m⁻³": ("kg/m3", "kg/m³"),
    "mol m⁻²": ("mol/m²", "mol/m2", "mol m-2"),
    "m s⁻¹": ("m/s", "m s-1"),
    "km h⁻¹": ("km/h",),
    "°C": ("C", "degC", "celsius"),
    "K": ("kelvin",),
    "%": ("percent",),
    "1": ("fraction", "-", ""),
    "hPa": ("mb", "mbar"),
    "aqi-us-2012": ("us-aqi-2012",),
    "aqi-us-2024": ("us-aqi-2024",),
}
_NAMES = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}

#: (from, to) -> (scale, offset): value in `to` = value in `from` * scale + offset.
CONVERSIONS = {
    ("mg m⁻³", PM25_UNIT): (1e3, 0.0),
    ("kg m⁻³", PM25_UNIT): (1e9, 0.0),
    ("K", "°C"): (1.0, -273.15),
    ("1", "%"): (100.0, 0.0),
    ("%", "1"): (0.01, 0.0),
    ("Pa", "hPa"): (0.01, 0.0),
    ("km h⁻¹", "m s⁻¹"): (1 / 3.6, 0.0),
    ("m", "mm"): (1e3, 0.0),
    ("cm", "mm"): (10.0, 0.0),
    ("km", "m"): (1e3, 0.0),
}


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

KNOWN_UNITS = sorted({*SPELLINGS, *(unit for pair in CONVERSIONS for unit in pair)})


def unit_name(text: str) -> str:
    """Return the name of a unit as this package writes it.

    Raises
    ------
    ValueError
        If the unit is not known; the message names the nearest one.

    Examples
    --------
    >>> unit_name("ug/m3")
    'µg m⁻³'
    >>> unit_name("aqi-us-2012")
    'aqi-us-2012'
    """
    text = str(text).strip()
    if text in KNOWN_UNITS:
        return text
    if text in _NAMES:
        return _NAMES[text]
    near = difflib.get_close_matches(text, [*KNOWN_UNITS, *_NAMES], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"Unknown unit {text!r}{hint} Known units: {', '.join(KNOWN_UNITS)}.")


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
    if (unit, to) in CONVERSIONS:
        scale, offset = CONVERSIONS[unit, to]
        return values * scale + offset
    if (to, unit) in CONVERSIONS:
        scale, offset = CONVERSIONS[to, unit]
        return (values - offset) / scale
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
