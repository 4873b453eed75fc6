"""Countries: means over their listed cities, their worst months, their people above each level."""

import numpy as np
import streamlit as st

from app import country_tables, layers, maps, parts, session, theme
from app.country_tables import SHARES
from app.evidence import gather
from app.parts import file_button, span_box
from app.session import link, tied
from app.text import for_markdown, shown

#: Most countries of the pictures, unless all are asked for.
MOST = 25


def page():
    """Draw the page."""
    view = session.open_view("Countries")
    store = view.store
    code = link.country()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _country_box(store, code)
        session.scale_box()
    start, end = span_box(store)
    span = country_tables.span_of(store, start, end)
    months = country_tables.monthly(store, span)
    table = country_tables.country_table(store, span, months)
    if table.empty:
        st.info(f"No city has a prediction in these {layers.SPANS[store.period]}.")
        st.stop()
    scale = layers.mean_scale(store, span.known, link.scale(), palette=link.palette())
    table["few"] &= scale.classed
    st.markdown(
        f"Means over **{country_tables.people_words(table)}**, {store.weight_words}, "
        f"{theme.span_words(start, end, store.period)}. They describe the listed cities, not the whole of a "
        "country: people elsewhere are not counted."
    )
    _people(store, span)
    left, right = st.columns([1.4, 1], gap="medium")
    with left:
        _map(store, table, scale, code)
    with right:
        _card(store, table, scale, code)
        parts.legend(scale, few=bool(table["few"].any()))
    _table(store, table, scale)
    _download(store, table, theme.span_words(start, end, store.period))
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
    for note in store.notes:
        st.caption(note)


def _country_box(store, code):
    """Show the search box for a country, tied to the link."""
    names = {one: shown(theme.country_name(one)) for one in set(store.cities["country"])}
    names = dict(sorted(names.items(), key=lambda pair: pair[1]))
    look = {
        "changed": session.choose_country,
        "width": 260,
        "help": "Type a part of a name, or click the map.",
    }
    tied(st.selectbox, "Find a country", "country", names, code, **look)


def _people(store, span):
    """Say how many people live above each level, the first one large."""
    above = country_tables.people_above(store, span)
    if above.empty:
        return
    unit, kind = theme.unit_words(store.unit), layers.mean_scale(store, span.known, "who")
    words = [
        f"above {one.level:g} {unit} ({one.words}): {country_tables.of_people(one.people, one.of)}"
        for one in above.itertuples()
    ]
    st.markdown(f"**People {words[0]}.**")
    st.caption(f"{kind.heading}. People {'; '.join(words[1:])}.")


def _map(store, table, scale, code):
    picture = maps.countries_map(table, scale, cities=store.cities, selected=code, dark=parts.dark())
    parts.show_map(picture, "countries_map", height=min(440, parts.map_height()), on_click=_clicked)
    if lacking := maps.without_outline(table["country"]):
        st.caption(lacking)


def _clicked():
    code = parts.clicked("countries_map")
    if code is not None:
        session.choose_country(code)


def _card(store, table, scale, code):
    with st.container(border=True):
        name, rows = for_markdown(theme.country_name(code), limit=60), table[table["country"] == code]
        if rows.empty:
            st.markdown(f"No city of {name} has a prediction in these {layers.SPANS[store.period]}.")
        else:
            st.metric(name, theme.number(rows["value"].iloc[0], store.unit))
            _figures(store, table, rows.iloc[0], scale)
        city = store.cities["city"].iloc[store.row(link.city())]
        session.page_link("city", f"All about {for_markdown(city)}")


def _figures(store, table, row, scale):
    """Show what is known of a country, a row of the table."""
    if scale.classed:
        st.markdown("Too few days for a class." if row["few"] else f"**{scale.verdict(row['value'])}**")
    if row["worst"] == row["worst"]:
        worst = theme.number(row["worst_value"], store.unit)
        st.markdown(f"Worst month: {theme.day_words(row['worst'], 'month')}, {worst}")
    cities = f"{row['cities']:,} listed {'city' if row['cities'] == 1 else 'cities'}"
    st.markdown(f"{cities}, {country_tables.people_number(row['people'])}")
    st.caption(f"Number {row.name + 1} of {len(table)}, the highest first.")


def _table(store, table, scale):
    unit = theme.unit_words(store.unit)
    number = "%.0f" if theme.is_index(store.unit) else "%.1f"
    classes = np.array([*scale.labels, ""], dtype=object)[scale.index(table["value"])]
    classes[table["few"]] = maps.FEW_DAYS
    cells = table.assign(
        classed=classes,
        worst=[theme.day_words(month, "month") if month == month else None for month in table["worst"]],
        outside=100 * table["outside"],
        people=table["people"].where(table["people"] > 0),
    )
    columns = ["name", "value", *(["classed"] if scale.classed else [])]
    columns += ["worst", "worst_value"] if table["worst"].notna().any() else []
    columns += ["people", "cities"]
    columns += ["outside"] if table["outside"].notna().any() else []
    st.dataframe(
        cells[columns],
        hide_index=True,
        placeholder=parts.NO_VALUE,
        height=parts.table_height(len(cells), most=420),
        column_config={
            "name": st.column_config.TextColumn("Country", pinned=True),
            "value": st.column_config.NumberColumn(f"Mean [{unit}]", format=number),
            "classed": st.column_config.TextColumn("Class"),
            "people": st.column_config.NumberColumn(
                "People", format="localized", help="Of the listed cities."
            ),
            "cities": st.column_config.NumberColumn("Cities"),
            "worst": st.column_config.TextColumn("Worst month"),
            "worst_value": st.column_config.NumberColumn(f"Its mean [{unit}]", format=number),
            "outside": st.column_config.NumberColumn(
                "Outside [%]",
                format="%.0f",
                help="Share of the predictions, by people, for which the model extrapolates.",
            ),
        },
    )


def _download(store, table, span):
    file_button(
        "Table (CSV)",
        lambda: country_tables.rows_of(table, store),
        session.about(span),
        "csv",
        stem="countries",
        key="countries_get",
    )


def _months(months, table, scale):
    st.header("Month by month", anchor=False)
    picture = country_tables.draw_months(months.reindex(table["country"]), scale, dark=parts.dark())
    parts.show_chart(picture, "countries_months")
    st.caption("The highest mean is at the top. Months of which less than half the days are here are empty.")


def _shares(store, span, table):
    possible = [how for how in SHARES if country_tables.levels_of(store, span, how)]
    st.header("People and levels", anchor=False)
    if not possible:
        # Concentrations of a span have levels for its days or, from 30 days or a month on, for a year.
        st.info(
            "The levels of the WHO are concentrations; they do not apply to the index points of this file."
        )
        return
    how = possible[0]
    if len(possible) > 1:
        how = st.segmented_control(
            "Count", possible, default=possible[0], format_func=SHARES.get, required=True, key="countries_how"
        )
    shares = country_tables.shares_above(store, span, how).reindex(table["country"])
    scale = country_tables.scale_of(store, span, how)
    st.markdown(_shares_words(store, how))
    picture = country_tables.draw_shares(shares, scale, dark=parts.dark())
    parts.show_chart(picture, "countries_shares")
    parts.legend(scale)
    with st.expander("As a table"):
        percent = (100 * shares).set_axis([f"above {level:g} [%]" for level in shares.columns], axis=1)
        percent.insert(0, "Country", table["name"].to_numpy())
        st.dataframe(
            percent,
            hide_index=True,
            placeholder=parts.NO_VALUE,
            column_config={
                name: st.column_config.NumberColumn(format="%.0f") for name in percent.columns[1:]
            },
        )


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
    try:
        evidence = gather(view.sources, store, session.facts)
    except (ValueError, OSError) as error:
        session.stop(error)
    sentences = country_tables.uncertainty_words(
        evidence.records, evidence.coverage, store.unit, store.period
    )
    if table["outside"].notna().any():
        share = np.average(table["outside"].fillna(0), weights=table["people"].where(table["people"] > 0, 1))
        sentences.append(
            f"The model extrapolates in {100 * share:.0f} % of these predictions (by people): there its "
            "error is not known."
        )
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    session.page_link("trust", "How the model was judged")
