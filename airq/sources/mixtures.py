"""Find rows of a table that do not mean the same, before anything is averaged."""

from __future__ import annotations

import re

import pandas as pd

from airq.features.inputs import READING
from airq.panel import TARGET
from airq.units import unit_name

#: Columns that say what a row is rather than what was measured, whatever else differs within a day.
MEANING = re.compile(
    r"param|pollut|species?\b|specie$|unit|averag|interval|duration|valid|(?<![a-z])(qc|qa)|flag|status|method|"
    r"agg.?type|sample|(?<![a-z])poc(?![a-z])",
    re.IGNORECASE,
)
#: Of these, columns that must be the same for all values of PM2.5.
QUANTITY = re.compile(r"param|pollut|species?\b|specie$|unit(?!ed)", re.IGNORECASE)
#: Columns that tell instruments of one site apart.
INSTRUMENT = re.compile(
    r"sensor|device|instrument|monitor|channel|(?<![a-z])(type|class|code)", re.IGNORECASE
)
#: Columns that mark values not to be used.
VALIDITY = re.compile(r"valid|(?<![a-z])(qc|qa)|flag|status", re.IGNORECASE)
#: Whole numbers with at most so many different values may be codes.
FEW_VALUES = 10


def may_be_code(values, name):
    """Tell whether a column may say what a row is: words, or whole numbers of few values."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return values.nunique() <= max(len(values) / 2, FEW_VALUES)
    distinct = values.dropna().unique()
    whole = bool((distinct % 1 == 0).all())
    if MEANING.search(str(name)):
        return whole
    enough = INSTRUMENT.search(str(name)) is not None or len(values) >= 5 * len(distinct)
    return whole and enough and len(distinct) <= FEW_VALUES


def refuse_mixtures(rows, codes, rules, path):
    """Refuse to average rows of one site and day, or time, that do not mean the same."""
    codes = codes.drop(columns=[*rules.over, *rules.where], errors="ignore")
    codes = codes[[name for name in codes.columns if codes[name].nunique() > 1]]
    if codes.empty or rows.empty:
        return
    day = rows["begin"].dt.normalize()
    moment = rows["begin"].where(rows["hourly"], day)
    site = pd.factorize(rows["site_id"])[0]
    mixed = {
        name: values
        for name in codes.columns
        if (values := _mixed(codes[name], site, day if MEANING.search(str(name)) else moment))
    }
    mixed |= {name: values for name in codes.columns if (values := _quantities(codes[name], name, rows))}
    meaning = {name: values for name, values in mixed.items() if MEANING.search(str(name))}
    if mixed:
        mixed = meaning or mixed
        when = "day" if meaning else "time"
        said = " and ".join(f"{name!r} ({', '.join(values)})" for name, values in mixed.items())
        chosen = ", ".join(f'"{name}" = {_proposed(name, values)}' for name, values in mixed.items())
        raise ValueError(
            f"{path}: rows of one site and {when} differ in {said}, so their mean would mean nothing. Choose "
            f"rows in the mapping: where = {{ {chosen} }}, or allow it with over = {[*mixed]}."
        )


def _proposed(name, values):
    """Return the value to choose by, or dots where only the user can tell which rows are valid."""
    value = next((value for value in values if READING.search(value)), values[0])
    return "…" if VALIDITY.search(str(name)) else f'"{value}"'


def _quantities(values, name, rows):
    """List different quantities or units that values of PM2.5 have, at most four; none if they have one."""
    words = sorted(values.dropna().astype("str").str.strip().unique())
    if TARGET not in rows.columns or not QUANTITY.search(str(name)) or len(words) < 2:
        return []
    try:
        same = len({unit_name(word) for word in words}) == 1
    except ValueError:
        same = all(READING.search(word) for word in words)
    return [] if same else words[:4]


def _mixed(values, site, time):
    """List different values of rows of one site and time, at most four; none if they never differ."""
    rows = pd.DataFrame({"site": site, "time": time, "value": pd.factorize(values)[0]}).drop_duplicates()
    several = rows.index[rows.duplicated(["site", "time"], keep=False)]
    return sorted(values.loc[several].astype("str").str.strip().unique())[:4]


def unchosen(codes, rules):
    """Yield notes on columns that may mark values not to be used, if the mapping does not choose by them."""
    for name in codes.columns:
        words = sorted(codes[name].dropna().astype("str").str.strip().unique())
        if VALIDITY.search(str(name)) and name not in (*rules.where, *rules.over) and len(words) > 1:
            yield (
                f"column {name!r} has {', '.join(words[:4])}; if some of these mark values not to be used, "
                f'choose the others: where = {{ "{name}" = … }}'
            )
