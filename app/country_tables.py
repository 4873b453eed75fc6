"""Countries as the page shows them: means over their listed cities, months, shares of their people."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from airq.units import PM25_UNIT, WHO_LEVELS
from app import scales, theme
from app.charts import vega
from app.evidence import OURS
from app.layers import MOSTLY, mean_scale
from app.store import by_country, country_means
from app.text import for_markdown, shown

#: Fewest months of which one can be called the worst.
MIN_MONTHS = 3
#: A month counts with this share of its days.
MIN_SHARE_OF_MONTH = 0.5
SHARES = {"people": "People, by the mean of their city", "days": "Days of people"}
#: Height of a country in a picture. [px]
ROW = 22
#: Most months with a name above a picture.
MOST_HEADS = 6


@dataclass(frozen=True, eq=False)
class Span:
    """Days from `start` to `end`, both included, of a store.

    Attributes
    ----------
    start, end : str
        Dates.
    known : numpy.ndarray of int of shape (n_cities,)
        Days that the mean of each city averages. [d]
    annual : bool
        Whether the mean of the city that has most of them can be held against the levels for a year.
    few : numpy.ndarray of bool of shape (n_cities,)
        Cities that have too few days for these levels.
    """

    start: str
    end: str
    known: np.ndarray
    annual: bool
    few: np.ndarray


def span_of(store, start, end):
    """Return the span from `start` to `end`; only days on which a city has a prediction count."""
    days = store.days_averaged(start, end)
    annual = bool(scales.annual(days.max(initial=0), store.period))
    few = (days > 0) & annual & ~scales.annual(days, store.period)
    return Span(start, end, days, annual, few)


def few_of(cities, values, few):
    """Tell which countries have no class: cities of too few days are over a quarter of them.

    `values` are averaged over the `cities`, `few` says which of these have too few days, both of shape
    (n_cities,); the answer is in the order of :func:`app.store.by_country`.
    """
    share = by_country(cities, np.where(np.isnan(values), np.nan, few))["value"]
    return (share > 1 - MOSTLY).to_numpy()


def country_table(store, span, months=None):
    """Return a row a country: mean, people, cities, worst month, share of days outside the model's domain.

    `months`, if given, is what :func:`monthly` says of the span. The highest mean stands first. Columns:
    `country, value, people, cities, without_population, few, name, worst, worst_value, outside`; `value` and
    `worst_value` [store's unit] and the share `outside` are weighted by the people of the listed cities,
    `worst` is a month (Timestamp; missing with fewer than three months), `few` is what :func:`few_of` says.
    """
    means = store.mean(store.main, span.start, span.end)
    table = by_country(store.cities, means).assign(few=few_of(store.cities, means, span.few))
    table["name"] = [shown(theme.country_name(code)) for code in table["country"]]
    months = monthly(store, span) if months is None else months
    table["worst"], table["worst_value"] = _worst(months.reindex(table["country"]))
    table["outside"] = np.nan
    if store.has("inside_domain"):
        outside = by_country(store.cities, 1 - store.mean("inside_domain", span.start, span.end))
        table["outside"] = table["country"].map(outside.set_index("country")["value"])
    return table.sort_values("value", ascending=False, kind="stable", ignore_index=True)


def rows_of(table, store):
    """Return the table as a file holds it: the mean under the name of its quantity, months as ``YYYY-MM``."""
    kept = table.rename(columns={"value": store.main, "worst_value": f"worst_{store.main}"})
    kept["worst_month"] = pd.to_datetime(kept["worst"]).dt.strftime("%Y-%m")
    columns = ["country", "name", store.main, "people", "cities", "without_population"]
    columns += ["worst_month", f"worst_{store.main}", "outside"]
    return kept[columns].rename(columns={"outside": "share_outside"})


def monthly(store, span):
    """Average every country's listed cities by calendar month, weighted by people. [store's unit]

    A row is a country (code), a column a month (first day). A city counts in a month of which it has at least
    half the days that the store has.
    """
    if store.period == "year":
        return pd.DataFrame(index=sorted(store.cities["country"].unique()))
    span_of_days = store.days(span.start, span.end)
    days = store.dates[span_of_days]
    first = np.flatnonzero(np.r_[True, np.diff(days.year * 12 + days.month) != 0])
    values = store.array(store.main)[:, span_of_days]
    known = np.isfinite(values)
    number = np.add.reduceat(known, first, axis=1, dtype="int32")
    total = np.add.reduceat(np.where(known, values, 0), first, axis=1, dtype="float64")
    enough = number >= np.maximum(MIN_SHARE_OF_MONTH * np.diff(np.r_[first, len(days)]), 1)
    means = np.divide(total, number, out=np.full(total.shape, np.nan), where=enough)
    return pd.DataFrame(
        country_means(store.cities, means),
        index=sorted(store.cities["country"].unique()),
        columns=days[first].to_period("M").to_timestamp(),
    )


def _worst(months):
    """Return the month of the highest value, and the value, of every row."""
    known = months.notna().sum(axis=1).to_numpy() if months.shape[1] else np.zeros(len(months))
    worst = np.full(len(months), np.datetime64("NaT"), dtype="datetime64[us]")
    value = np.full(len(months), np.nan)
    enough = known >= MIN_MONTHS
    if enough.any():
        values = months.to_numpy(dtype="float64")[enough]
        at = np.nanargmax(values, axis=1)
        worst[enough] = months.columns.to_numpy()[at]
        value[enough] = values[np.arange(len(at)), at]
    return worst, value


def levels_of(store, span, how):
    """Return the levels against which people or days can be held, in rising order; empty where none apply.

    WHO has levels for a mean of a day and of a year: those of the year count for a city's mean over
    about a year, those of the day for days. Index points have the classes of their table.
    """
    if store.main == "aqi":
        return scales.scale("", unit=store.unit).edges if how == "days" and store.period == "day" else ()
    if how == "people":
        return WHO_LEVELS["year"] if span.annual else ()
    return WHO_LEVELS["day"] if store.period == "day" else ()


def shares_above(store, span, how):
    """Return the share of the people of a country's listed cities above each level, from 0 to 1.

    `how` is "people", whose city's mean of 30 days or more lies above an annual level, or "days" of theirs
    above a daily level, from the probabilities of the file where it holds them. A row is a country (code), a
    column a level.
    """
    columns = {}
    for level in levels_of(store, span, how):
        if how == "people":
            mean = store.mean(store.main, span.start, span.end)
            above = np.where(np.isnan(mean) | span.few, np.nan, mean.astype("float32") > np.float32(level))
        else:
            probable = store.main == "pm25" and level in store.exceedance_thresholds
            above = store.share_above(
                level, span.start, span.end, how="probability" if probable else "prediction"
            )
        columns[level] = by_country(store.cities, above).set_index("country")["value"]
    return pd.DataFrame(columns)


def people_above(store, span):
    """Return how many people of the listed cities live above each level, and of how many that is known.

    Columns: `level` (rising), `words, people, of`; empty where no level applies to a mean over the span, or
    no population is known. Cities of too few days do not count.
    """
    scale = mean_scale(store, span.known, "who")
    mean = store.mean(store.main, span.start, span.end)
    people = store.cities["population"].to_numpy(dtype="float64", na_value=np.nan)
    counts = np.isfinite(mean) & ~span.few & (people > 0)
    if not scale.classed or not counts.any():
        return pd.DataFrame(columns=["level", "words", "people", "of"])
    number = scale.index(mean)
    above = [people[counts & (number > at)].sum() for at in range(len(scale.edges))]
    words = (
        [label.removeprefix("above ") for label in scale.labels[1:]] if scale.guideline else scale.labels[:-1]
    )
    return pd.DataFrame({"level": scale.edges, "words": words, "people": above, "of": people[counts].sum()})


def scale_of(store, span, how):
    """Return the scale whose edges :func:`levels_of` are; that of days beside means has another hue."""
    if how == "people":
        return mean_scale(store, span.known, "who")
    daily = scales.scale("who", unit=store.unit)  # of index points their own
    return daily if span.known.max(initial=0) <= 1 else replace(daily, colours=scales.UNCLASSED)


def people_words(table):
    """Say over how many cities and people the means are.

    >>> people_words(pd.DataFrame({"people": [2e6], "cities": [3], "without_population": [1]}))
    '3 listed cities in 1 country, 2.0 million people; 1 of them has no known population and does not count'
    """
    cities, countries, people = int(table["cities"].sum()), len(table), table["people"].sum()
    missing = int(table.loc[table["people"] > 0, "without_population"].sum())
    text = (
        f"{cities:,} listed {'city' if cities == 1 else 'cities'} in {countries:,} "
        f"{'country' if countries == 1 else 'countries'}, {people_number(people)}"
    )
    if missing:
        text += (
            f"; {missing:,} of them {'has' if missing == 1 else 'have'} no known population and "
            f"{'does' if missing == 1 else 'do'} not count"
        )
    alike = int((table["people"] <= 0).sum())
    if alike:
        text += f"; in {alike:,} of the countries no population is known and all cities count alike"
    return text


def people_number(people):
    """Write a number of people as people say it.

    >>> people_number(3_240_000), people_number(45_000), people_number(0)
    ('3.2 million people', '45,000 people', 'people unknown')
    """
    if not people > 0:
        return "people unknown"
    return f"{people / 1e6:,.1f} million people" if people >= 1e6 else f"{people:,.0f} people"


def of_people(people, total):
    """Say a part of a number of people.

    >>> of_people(3_240_000, 439_000_000), of_people(0, 45_000)
    ('3.2 of 439.0 million (1%)', '0 of 45,000 (0%)')
    """
    share = theme.chance_words(people / total)
    if total >= 1e6:
        return f"{people / 1e6:,.1f} of {total / 1e6:,.1f} million ({share})"
    return f"{people:,.0f} of {total:,.0f} ({share})"


def uncertainty_words(records, coverage, unit=PM25_UNIT, period="day"):
    """Say in sentences how far a country's mean can be trusted, as far as an evaluation tells.

    `records` and `coverage` are those of :mod:`app.evidence`; `unit` and `period` are those of the
    predictions.
    """
    sentences = [
        "There is no interval for the mean of a country: the file has intervals of single cities and "
        f"{period}s, and the errors of cities of one country go together, so they do not cancel."
        if unit == PM25_UNIT
        else "Index points have no intervals here, neither of cities nor of countries; the errors of cities "
        "of one country go together, so they do not cancel in its mean."
    ]
    ours = {record["scheme"]: record for record in records if record["model"] in OURS}
    for scheme, where in (("country", "countries"), ("city", "cities")):
        if scheme in ours and unit == PM25_UNIT:
            bias = ours[scheme]["bias"]
            sentences.append(
                f"In {where} that the model had never seen, its predictions were {abs(bias):.1f} µg/m³ too "
                f"{'high' if bias > 0 else 'low'} on average, and a single day was off by "
                f"{ours[scheme]['mae']:.1f} µg/m³."
            )
            break
    known = [one for one in coverage if one["part"] == "country" and one["period"] == "day"]
    if known:
        low = min(known, key=lambda one: one["coverage"])
        sentences.append(
            f"Intervals of days held least in {for_markdown(theme.country_name(low['value']))}: "
            f"{round(100 * low['coverage'])} of 100 days."
        )
    return sentences


def draw_shares(table, scale, *, dark=False):
    """Draw a bar a country: which share of its people, or of their days, lies in each class of a scale.

    `table` is that of :func:`app.country_tables.shares_above`; the classes lie between its levels.
    """
    above = np.column_stack([np.ones(len(table)), table.to_numpy(dtype="float64"), np.zeros(len(table))])
    country, number = np.nonzero(above[:, :-1] > above[:, 1:])
    columns = {
        "country": np.take(_names(table.index), country),
        "number": number,
        "from": 1 - above[country, number],
        "until": 1 - above[country, number + 1],
    }
    words = [f"{label} ({span})" for label, span in zip(scale.labels, scale.ranges, strict=True)]
    said = f"format(datum.until - datum.from, '.0%') + ' ' + {vega.by_class(words)}"
    axis = {"title": None, "format": "%", "values": [0, 0.5, 1], "orient": "top"}
    x = {"field": "from", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}
    return _rows_of_countries(
        _names(table.index),
        columns,
        "Share of the people, or of their days, in each class by country",
        {"type": "bar", "stroke": theme.tones(dark)["border"], "strokeWidth": 0.5},
        {"x": x, "x2": {"field": "until"}},
        said,
        scale,
        dark,
    )


def draw_months(table, scale, *, dark=False):
    """Draw a heat map of countries and months, coloured by class of a scale.

    `table` is that of :func:`app.country_tables.monthly`.
    """
    values = table.to_numpy(dtype="float64")
    country, month = np.nonzero(np.isfinite(values))
    value = values[country, month]
    columns = {
        "country": np.take(_names(table.index), country),
        "month": np.take(table.columns.to_numpy().astype("datetime64[ms]").astype("float64"), month),
        "value": value,
        "number": scale.index(value),
    }
    when = "utcFormat(datum.month, '%B %Y')"
    words = vega.by_class([f", {label}" if label else "" for label in scale.labels])
    said = f"{when} + ', ' + {vega.amount('datum.value', scale.unit)} + {words}"
    # The last month is the one that people look for.
    listed = table.columns.to_numpy().astype("datetime64[ms]").astype("float64").tolist()
    heads = listed[:: -max(1, -(-len(listed) // MOST_HEADS))]
    label = "[utcFormat(datum.value, '%b'), utcFormat(datum.value, '%Y')]"
    axis = {"title": None, "orient": "top", "values": heads, "labelExpr": label, "labelAngle": 0}
    look = {"domain": False, "ticks": False, "labelOverlap": True, "labelPadding": 20}
    x = {"field": "month", "type": "ordinal", "scale": {"domain": listed}, "axis": {**axis, **look}}
    what = "Mean of every month by country, coloured by class"
    return _rows_of_countries(
        _names(table.index), columns, what, {"type": "rect"}, {"x": x}, said, scale, dark
    )


def _rows_of_countries(names, columns, what, mark, across, said, scale, dark):
    """Draw a row a country, whose marks have the colour of their class (`number`)."""
    axis = {"title": None, "ticks": False, "domain": False, "grid": False, "labelLimit": 150}
    scale_of_rows = {"domain": names, "padding": 0.1}
    rows = {"field": "country", "type": "nominal", "scale": scale_of_rows, "axis": axis}
    return {
        "description": what,
        "height": {"step": ROW},
        "data": {"name": "cells"},
        "datasets": {"cells": pa.table(columns)},
        "mark": mark,
        "encoding": {
            **across,
            "y": rows,
            "fill": {"value": {"expr": vega.by_class(scale.colours)}},
            "tooltip": {"value": {"expr": f"{{title: datum.country, Shown: {said}}}"}},
            "description": {"value": {"expr": f"datum.country + ': ' + {said}"}},
        },
        "config": vega.config(dark),
    }


def _names(codes):
    """Name countries for the axis of a picture, each once."""
    names = [shown(theme.country_name(code), limit=24) for code in codes]
    return [
        f"{name} ({shown(code, limit=12)})" if names.count(name) > 1 else name
        for name, code in zip(names, codes, strict=True)
    ]
