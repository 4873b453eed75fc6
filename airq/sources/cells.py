"""Read the cells of a table's columns: stray words, values that stand for none, directions of the wind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.sources import days
from airq.sources.cleaning import numbers
from airq.sources.mapping import TEXT
from airq.units import convert

#: Values that stand for none in archives of satellites and models, where they lie far from all others.
FILL_VALUES = (-9999.0, -9999.9, -999.0, -999.9, -99.0, -99999.0, 999.0, 999.9, 9999.0, 9999.9, 99999.0)
FILL_VALUES += (-32768.0, 32767.0, 65535.0, 1e20, -1e20, 1e30, -1e30, 9.96921e36, -3.4028235e38, 3.4028235e38)
_COMPASS = {
    point: 22.5 * number
    for number, point in enumerate(
        ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"]
    )
}


def own_values(values, name, tally):
    """Return a kept column; one that is mostly numbers becomes numbers, and its fill values missing."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        numeric, unreadable = numbers(values)
        filled = int(values.notna().sum())
        if name in TEXT or not filled or unreadable.sum() >= filled / 2 or numeric.notna().sum() == 0:
            return values
        values = tally.empty(numeric, unreadable, f"{name} is not a number")
    if days.aggregation(name, values) == "direction":
        values = tally.empty(values, ~values.between(0, 360) & values.notna(), f"{name} is no direction")
    return without_fill_values(values, name, tally)


def without_fill_values(values, name, tally):
    """Empty the values that stand for none, where they lie far from all others."""
    for fill in FILL_VALUES:
        wrong = np.isclose(values, fill, rtol=1e-6, atol=0)
        if wrong.any() and _is_far(values[~wrong].dropna(), fill, repeats=wrong.sum() > 1):
            values = tally.empty(values, wrong, f"{name} of {fill:g}")
    return values


def _is_far(others, fill, *, repeats):
    """Tell whether a value cannot be one of a column: below zero where no other is, or far from all others.

    Far is five times their spread; the spread itself is enough for a value that repeats.
    """
    if others.empty or (fill < 0 and others.min() >= 0):
        return True
    spread = max(others.max() - others.min(), others.abs().max() / 2, 1e-9)
    return min(abs(fill - others.max()), abs(fill - others.min())) > spread * (1 if repeats else 5)


def wind_components(table, source, tally):
    """Return both components from speed and direction; the direction is where the wind comes from."""
    speed = tally.numbers(table[source.columns[0]], source.columns[0])
    speed = pd.Series(convert(speed, source.unit or "m/s", "m/s"), index=table.index)
    words = table[source.columns[1]]
    named = words.astype("str").str.strip().str.upper().map(_COMPASS)
    degrees, unreadable = numbers(words.where(named.isna(), np.nan))
    calm = speed == 0
    wrong = (unreadable | ~degrees.between(0, 360) & degrees.notna()) & ~calm
    degrees = tally.empty(degrees, wrong, f"{source.columns[1]} is no direction")
    angle = np.radians(named.fillna(degrees).mask(calm, 0.0))
    return {"wind_u": -speed * np.sin(angle), "wind_v": -speed * np.cos(angle)}
