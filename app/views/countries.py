"""Countries: means over their listed cities, their worst months, their people above each level."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from airq.units import PM25_UNIT, WHO_LEVELS
from app import maps, parts, scales, session, style
from app.charts import vega
from app.evidence import OURS, bias_words
from app.series import mean_scale
from app.session import link, tied
from app.store import by_country, country_means, few_of
from app.style import count_words, for_markdown, shown

#: Most countries of the pictures, unless all are asked for.
MOST = 25
#: Fewest months of which one can be called the worst.
MIN_MONTHS = 3
#: A month counts with this share of its days.
MIN_SHARE_OF_MONTH = 0.5
SHARES = {"people": "People, by the mean of their city", "days": "Days of people"}
#: Height of a country in a picture. [px]
ROW = 22
#: Most months with a name above a picture.
MOST_HEADS = 6


def page():
    """Draw the page."""
    view = session.open_view("Countries")
    store = view.store
    code = link.country()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {one: shown(style.country_name(one)) for one in set(store.cities["country"])}
        names = dict(sorted(names.items(), key=lambda pair: pair[1]))
        look = {"changed": session.choose_country, "help": "Type a part of a name, or click the map."}
        tied(st.selectbox, "Find a country", "country", names, code, width=260, **look)
        session.scale_box()
    start, end = session.span_box(store)
    span = span_of(store, start, end)
    months = monthly(store, span)
    table = country_table(store, span, months)
    if table.empty:
        st.info(f"No city has a prediction in these {style.SPANS[store.period]}.")
        st.stop()
    scale = mean_scale(store, span.known, link.scale(), palette=link.palette())
    table["few"] &= scale.classed
    days = style.span_words(start, end, store.period)
    st.markdown(
        f"Means over **{people_words(table)}**, {store.weight_words}, {days}. They describe the listed "
        "cities, not the whole of a country: people elsewhere are not counted."
    )
    _people(store, span)
    left, right = st.columns([1.4, 1], gap="medium")
    with left:
        _map(store, table, scale, code)
    with right:
        _card(store, table, scale, code)
        parts.legend(scale, few=bool(table["few"].any()))
    _table(store, table, scale)
    facts, rows = session.about(days), lambda: rows_of(table, store)
    parts.rows_button("Table (CSV)", rows, facts, "csv", stem="countries", key="countries_get")
    listed = table
    if len(table) > MOST and not st.toggle(f"All {len(table)} countries below", key="countries_all"):
        listed = table.head(MOST)
        st.caption(f"Below are the {MOST} countries of the highest mean.")
    left, right = st.columns(2, gap="large")
    several = months.shape[1] > 1
    if several:
        with left:
            _months(months, listed, scale)
    with right if several else left:
        _shares(store, span, listed)
    _uncertainty(view, store, table)
    session.tell_notes(store)


def _people(store, span):
    """Say how many people live above each level, the first one large."""
    above = people_above(store, span)
    if above.empty:
        return
    unit, kind = style.unit_words(store.unit), mean_scale(store, span.known, "who")
    words = [
        f"above {one.level:g} {unit} ({one.words}): {of_people(one.people, one.of)}"
        for one in above.itertuples()
    ]
    st.markdown(f"**People {words[0]}.**")
    st.caption(f"{kind.heading}. People {'; '.join(words[1:])}.")


def _map(store, table, scale, code):
    picture = maps.countries_map(table, scale, cities=store.cities, selected=code, dark=session.dark())
    parts.show_map(picture, "countries_map", height=min(440, parts.map_height()), on_click=_clicked)
    if lacking := maps.without_outline(table["country"]):
        st.caption(lacking)


def _clicked():
    code = parts.clicked("countries_map")
    if code is not None:
        session.choose_country(code)


def _card(store, table, scale, code):
    with st.container(border=True):
        name, rows = for_markdown(style.country_name(code), limit=60), table[table["country"] == code]
        if rows.empty:
            st.markdown(f"No city of {name} has a prediction in these {style.SPANS[store.period]}.")
        else:
            row = rows.iloc[0]
            st.metric(name, style.number(row["value"], store.unit))
            if scale.classed:
                few = "Too few days for a class."
                st.markdown(few if row["few"] else f"**{scale.verdict(row['value'])}**")
            if pd.notna(row["worst"]):
                worst = style.number(row["worst_value"], store.unit)
                st.markdown(f"Worst month: {style.day_words(row['worst'], 'month')}, {worst}")
            st.markdown(f"{count_words(row['cities'], 'listed city')}, {people_number(row['people'])}")
            st.caption(f"Number {row.name + 1} of {len(table)}, the highest first.")
        city = store.cities["city"].iloc[store.row(link.city())]
        session.page_link("city", f"All about {for_markdown(city)}")


def _table(store, table, scale):
    unit, number = style.unit_words(store.unit), "%.0f" if style.is_index(store.unit) else "%.1f"
    cells = table.assign(
        classed=scale.words(table["value"], table["few"]),
        worst=[style.day_words(month, "month") if pd.notna(month) else None for month in table["worst"]],
        outside=100 * table["outside"],
        people=table["people"].where(table["people"] > 0),
    )
    columns = {
        "name": ("Country",),
        "value": (f"Mean [{unit}]", number),
        "classed": ("Class",),
        "worst": ("Worst month",),
        "worst_value": (f"Its mean [{unit}]", number),
        "people": ("People", "localized", "Of the listed cities."),
        "cities": ("Cities",),
        "outside": (
            "Outside [%]",
            "%.0f",
            "Share of the predictions, by people, for which the model extrapolates.",
        ),
    }
    there = {"classed": scale.classed, "outside": table["outside"].notna().any()}
    there |= dict.fromkeys(("worst", "worst_value"), table["worst"].notna().any())
    kept = [name for name in columns if there.get(name, True)]
    parts.show_table(cells[kept], columns, most=420, pinned="name")


def _months(months, table, scale):
    st.header("Month by month", anchor=False)
    picture = draw_months(months.reindex(table["country"]), scale, dark=session.dark())
    parts.show_chart(picture, "countries_months")
    st.caption("The highest mean is at the top. Months of which less than half the days are here are empty.")


def _shares(store, span, table):
    possible = {how: words for how, words in SHARES.items() if levels_of(store, span, how)}
    st.header("People and levels", anchor=False)
    if not possible:
        # Concentrations of a span have levels for its days or, from 30 days or a month on, for a year.
        st.info(
            "The levels of the WHO are concentrations; they do not apply to the index points of this file."
        )
        return
    how = next(iter(possible))
    if len(possible) > 1:
        how = session.switch("Count", possible, "countries_how")
    shares = shares_above(store, span, how).reindex(table["country"])
    scale = shares_scale(store, span, how)
    st.markdown(_shares_words(store, how))
    parts.show_chart(draw_shares(shares, scale, dark=session.dark()), "countries_shares")
    parts.legend(scale)
    with st.expander("As a table"):
        percent = (100 * shares).set_axis([f"above {level:g} [%]" for level in shares.columns], axis=1)
        percent.insert(0, "Country", table["name"].to_numpy())
        parts.show_table(percent, dict.fromkeys(percent.columns[1:], (None, "%.0f")))


def _shares_words(store, how):
    if how == "people":
        return (
            "Share of the people of the listed cities by the class of their city's mean, against the WHO's "
            "**annual** levels."
        )
    if store.main == "aqi":
        return f"Share of the days of the listed cities in each class, {store.weight_words}."
    daily = (
        "Share of the days of the listed cities in each class of the WHO's **daily** levels, "
        f"{store.weight_words}."
    )
    if store.exceedance_thresholds:
        daily += " From the probability of every day, which counts the days that a smooth prediction misses."
    return daily


def _uncertainty(view, store, table):
    st.header("How sure this is", anchor=False)
    evidence = session.evidence_of(view.sources, store)
    sentences = uncertainty_words(evidence.records, evidence.coverage, store.unit, store.period)
    if table["outside"].notna().any():
        share = np.average(table["outside"].fillna(0), weights=table["people"].where(table["people"] > 0, 1))
        sentences.append(
            f"The model extrapolates in {100 * share:.0f} % of these predictions (by people): there its "
            "error is not known."
        )
    st.markdown(style.listed(sentences))
    session.page_link("trust", "How the model was judged")


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


def country_table(store, span, months):
    """Return a row a country: mean, people, cities, worst month, share of days outside the model's domain.

    `months` is what :func:`monthly` says of the span. The highest mean stands first. Columns:
    `country, value, people, cities, without_population, few, name, worst, worst_value, outside`; `value` and
    `worst_value` [store's unit] and the share `outside` are weighted by the people of the listed cities,
    `worst` is a month (Timestamp; missing with fewer than three months), `few` is what :func:`few_of` says.
    """
    means = store.mean(store.main, span.start, span.end)
    table = by_country(store.cities, means).assign(few=few_of(store.cities, means, span.few))
    table["name"] = [shown(style.country_name(code)) for code in table["country"]]
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
            above = store.share_above(level, span.start, span.end, how=store.how_counted(level))
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


def shares_scale(store, span, how):
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
    missing = int(table.loc[table["people"] > 0, "without_population"].sum())
    cities, countries = (
        count_words(int(table["cities"].sum()), "listed city"),
        count_words(len(table), "country"),
    )
    text = f"{cities} in {countries}, {people_number(table['people'].sum())}"
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
    share = style.chance_words(people / total)
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
            off = f"{ours[scheme]['mae']:.1f} µg/m³{bias_words(ours[scheme]['bias'])}"
            sentences.append(
                f"In {where} that the model had never seen, its predictions of a day were off by {off}."
            )
            break
    known = [one for one in coverage if one["part"] == "country" and one["period"] == "day"]
    if known:
        low = min(known, key=lambda one: one["coverage"])
        sentences.append(
            f"Intervals of days held least in {for_markdown(style.country_name(low['value']))}: "
            f"{round(100 * low['coverage'])} of 100 days."
        )
    return sentences


def draw_shares(table, scale, *, dark=False):
    """Draw a bar a country: which share of its people, or of their days, lies in each class of a scale.

    `table` is that of :func:`shares_above`; the classes lie between its levels.
    """
    above = np.column_stack([np.ones(len(table)), table.to_numpy(dtype="float64"), np.zeros(len(table))])
    words = [f"{label} ({span})" for label, span in zip(scale.labels, scale.ranges, strict=True)]
    pieces = pd.DataFrame(-np.diff(above, axis=1), index=_names(table.index), columns=words)
    what = "Share of the people, or of their days, in each class by country"
    return vega.shares(pieces, scale.colours, what, None, dark=dark, legend=None)


def draw_months(table, scale, *, dark=False):
    """Draw a heat map of countries and months, coloured by class of a scale.

    `table` is that of :func:`monthly`.
    """
    values, names = table.to_numpy(dtype="float64"), _names(table.index)
    times = table.columns.to_numpy().astype("datetime64[ms]").astype("float64")
    country, month = np.nonzero(np.isfinite(values))
    value = values[country, month]
    cells = {"country": np.take(names, country), "month": times[month], "value": value}
    cells["number"] = scale.index(value)
    words = vega.by_class([f", {label}" if label else "" for label in scale.labels])
    when = "utcFormat(datum.month, '%B %Y')"
    said = f"{when} + ', ' + {vega.amount('datum.value', scale.unit)} + {words}"
    bare = {"title": None, "ticks": False, "domain": False, "labelOverlap": True}
    # The last month is the one that people look for.
    heads = {**bare, "orient": "top", "values": times.tolist()[:: -max(1, -(-len(times) // MOST_HEADS))]}
    heads |= {"labelAngle": 0, "labelPadding": 20}
    heads["labelExpr"] = "[utcFormat(datum.value, '%b'), utcFormat(datum.value, '%Y')]"
    rows = {"domain": names, "padding": 0.1}
    channels = {
        "x": {"field": "month", "type": "ordinal", "scale": {"domain": times.tolist()}, "axis": heads},
        "y": vega.name_at("country", scale=rows, axis={**bare, "grid": False, "labelLimit": 150}),
        "fill": vega.expression(vega.by_class(scale.colours)),
        "tooltip": vega.expression(f"{{title: datum.country, Shown: {said}}}"),
        "description": vega.expression(f"datum.country + ': ' + {said}"),
    }
    what, look = "Mean of every month by country, coloured by class", {"height": {"step": ROW}}
    return vega.chart(
        what, [vega.layer("rect", channels)], dark=dark, data={"cells": pa.table(cells)}, **look
    )


def _names(codes):
    """Name countries for the axis of a picture, each once."""
    names = [shown(style.country_name(code), limit=24) for code in codes]
    return [
        f"{name} ({shown(code, limit=12)})" if names.count(name) > 1 else name
        for name, code in zip(names, codes, strict=True)
    ]
