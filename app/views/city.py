"""City: everything about one city, by day, season and year, and what to do about it."""

from contextlib import closing

import numpy as np
import pandas as pd
import streamlit as st

from airq.units import WHO_LEVELS, exceedance_column
from app import agreement, jobs, layers, parts, scales, session, theme
from app.advice import SOURCE, advice_for
from app.charts import city as charts
from app.charts import vega
from app.evidence import gather, headline, question
from app.series import Series, by_month, class_shares, days_of, how_counted, years_of
from app.session import link
from app.text import for_file_name, for_markdown, shown, words_of

MOST_OTHERS = 4
MOST_MONTHS = 18
#: Products among the contributions -> words; others keep their names.
PRODUCTS = {
    "cams": "CAMS model of the air",
    "maiac": "aerosol depth (MAIAC)",
    "aerosol-index": "aerosol index",
    "no2": "nitrogen dioxide",
    "co": "carbon monoxide",
    "hcho": "formaldehyde",
    "so2": "sulphur dioxide",
    "o3": "ozone",
    "cloud": "clouds",
    "night-lights": "night lights",
    "position": "place on the map",
    "remainder": "limits of predictions",
}
NOT_OBSERVED = "No observations of this city were given; a panel of sensors would be drawn beside."


def page():
    """Draw the page."""
    view = session.open_view("One city")
    store = view.store
    left, right = st.columns([1, 1.5], vertical_alignment="bottom")
    with left:
        row = session.city_box(key="city_city")
    with right:
        session.scale_box(key="city_scale")
    city = store.cities.iloc[row]
    series = _series(store, city)
    if not np.isfinite(series.amounts).any():
        st.info("There is no prediction for this city.")
        st.stop()
    scale = scales.scale(link.scale(), unit=store.unit, period=store.period, palette=link.palette())
    days = days_of(series.dates[np.isfinite(series.amounts)], store.period)
    over_all = scales.scale(link.scale(), unit=store.unit, days=days, period=store.period)
    st.header(for_markdown(city["label"], limit=130), anchor=False)
    _figures(store, city["city_id"], series, scale, over_all)
    _over_time(view, city, series, scale)
    _year(series, scale)
    _day(store, city, series, scale)
    _picture(view, city, series, scale, over_all)
    for note in store.notes:
        st.caption(note)


def _series(store, city):
    interval = store.main == "pm25" and store.has("lower") and store.has("upper")
    return Series(
        dates=store.dates,
        amounts=store.city(store.main, city["city_id"]),
        unit=store.unit,
        lower=store.city("lower", city["city_id"]) if interval else None,
        upper=store.city("upper", city["city_id"]) if interval else None,
        level=store.level,
        period=store.period,
        chances={
            level: store.city(exceedance_column(level), city["city_id"])
            for level in store.exceedance_thresholds
        },
    )


def _figures(store, city_id, series, scale, over_all):
    values = series.amounts[np.isfinite(series.amounts)]
    spans = layers.SPANS[store.period]
    worst = store.day_names[np.nanargmax(series.amounts)]
    mean, highest = (
        theme.short_number(one, store.unit) for one in (values.mean(dtype="float64"), values.max())
    )
    with st.container(horizontal=True):
        st.metric(f"Mean of {theme.count_words(len(values), store.period)}", mean)
        if scale.classed:
            lowest, how = class_shares(series, scale)[0], how_counted(series, scale.edges)
            words = f"{spans.capitalize()} {_lowest_words(scale)}"
            st.metric(words, theme.chance_words(lowest), help=f"{theme.by_period(how, store.period)}.")
        st.metric(f"Highest: {theme.day_words(worst, store.period)}", highest)
        if store.has("inside_domain"):
            st.metric(
                f"{spans.capitalize()} outside the model's experience",
                _outside_words(store.city("inside_domain", city_id)),
                help="Where inputs lie outside what the model was trained on, trust its predictions less.",
            )
    if not over_all.daily:
        if over_all.classed:
            st.markdown(f"**{over_all.verdict(values.mean(dtype='float64'))}**")
        st.caption(over_all.note)


def _lowest_words(scale):
    """The lowest class after a number of days: "within the guideline", or the name of an index's class."""
    return scale.labels[0] if scale.guideline else f"“{scale.labels[0]}”"


def _outside_words(inside):
    known = np.isfinite(inside)
    return theme.chance_words(np.mean(inside[known] < 1)) if known.any() else "not told"


def _over_time(view, city, series, scale):
    store = view.store
    st.subheader("Over time", anchor=False)
    others = _others(store, city)
    observed, name = None, ""
    if store.main == "pm25" and (there := session.observations()) is not None:
        observed, name = there.of(city["city_id"]), there.name
    observed = None if observed is None or observed.empty else agreement.averaged(observed, store.period)
    drawn = {"observed": observed, "observed_name": name, "others": others, "dark": parts.dark()}
    parts.lines_legend(charts.legend_of(series, **drawn).values())
    parts.show_chart(charts.time_series(series, scale, marked=link.date(), **drawn), "city_series")
    unit = theme.unit_words(scale.unit)
    levels = f"Broken lines, {scale.heading} [{unit}]: {charts.level_names(scale)}. "
    st.caption(
        (levels if scale.classed else "")
        + f"Dotted: the chosen {store.period}. Ctrl and the wheel zoom, dragging moves, "
        "a double click shows all again." + ("" if drawn["observed"] is not None else f"\n\n{NOT_OBSERVED}")
    )
    if observed is not None:
        _against(view, city, series, observed)


def _against(view, city, series, observed):
    """Say how the predictions of this city met what was observed; fitted ones are no evidence."""
    try:
        evidence = gather(view.sources, view.store, session.facts)
    except (ValueError, OSError) as error:
        session.stop(error)
    st.subheader("Against observations", anchor=False)
    rows, scheme = agreement.held_out_days(evidence.held_out, city["city_id"])
    if city["trained"]:
        st.markdown(
            "**This city trained the model.** The line above follows its own monitor, so it is no evidence "
            "of how good the model is."
        )
    found, record = agreement.agreement(rows), headline(evidence.records)
    period = series.period
    if found is not None:
        single = "" if period == "day" else ", single days"
        st.markdown(f"Held out ({scheme}{single}), by a model that had not seen it: {agreement.words(found)}")
        # See app.charts.vega.of_picture.
        from airq.report.charts import observed_against_predicted

        with st.expander("Observed and predicted, held out"), st.container(width=520):
            picture = observed_against_predicted(
                rows.dropna(subset=["observed", "predicted"]).assign(scheme=scheme), model="predicted"
            )
            parts.show_chart(vega.of_picture(picture, dark=parts.dark()), "city_held_out")
    elif city["trained"] and record is not None:
        st.markdown(
            f"For {question(record['scheme'])} a single day was off by {record['mae']:.1f} µg/m³ on average, "
            "held out."
        )
    if not city["trained"] and (found is None or period != "day"):
        ends = {"lower": series.lower, "upper": series.upper}
        rows = pd.DataFrame({"predicted": series.amounts, **ends}, index=series.dates)
        found = agreement.agreement(rows.assign(observed=observed.reindex(rows.index)))
        few = f"There are too few {layers.SPANS[period]} to compare."
        st.markdown(few if found is None else agreement.words(found, period))
    session.page_link("trust", "How the model was judged")


def _others(store, city):
    """Days of the places to compare with, by name; the list of them is long, so it is shown on demand."""
    if not st.toggle("Compare with other places", key="city_compare"):
        return {}
    country = theme.country_name(city["country"])
    mean = f"Mean of the listed cities of {shown(country)}, {store.weight_words}"
    chosen = st.multiselect(
        "Compare with",
        ["country", *(row for row in store.by_label if row != city.name)],
        key="city_others",
        max_selections=MOST_OTHERS,
        format_func=lambda one: mean if one == "country" else store.labels[one],
        placeholder="Other cities, or the country",
    )
    return {
        mean if one == "country" else store.labels[one]: store.country(store.main, city["country"])
        if one == "country"
        else store.city(store.main, store.cities["city_id"].iloc[one])
        for one in chosen
    }


def _year(series, scale):
    dark = parts.dark()
    if series.period == "day":
        st.subheader("Calendar", anchor=False)
        parts.show_chart(charts.calendar(_recent(series), scale, dark=dark), "city_calendar")
    parts.legend(scale)
    left, right = st.columns(2, gap="large")
    if series.period != "year":
        with left:
            st.subheader("Through the year", anchor=False)
            parts.show_chart(charts.season(series, dark=dark), "city_season")
            st.caption(_season_words(series))
    if series.period == "day":
        with right:
            st.subheader("Share of days above each level", anchor=False)
            parts.show_chart(charts.days_above(series, scale.edges, dark=dark), "city_above")
            how = how_counted(series, scale.edges)
            st.caption(f"{how}. Shares of the days known in each year, which may be other seasons.")


def _season_words(series):
    words = "Bars: mean of the month."
    if any(month.low < month.high for month in by_month(series)):
        return f"{words} Whiskers: where eight of ten {layers.SPANS[series.period]} lie."
    return words


def _recent(series):
    """The last months of a series, or the year that is chosen where there are many."""
    months = series.dates.to_numpy().astype("datetime64[M]").astype("int64")
    if months[-1] - months[0] < MOST_MONTHS:
        return series
    numbers = years_of(series)
    years = [str(year) for year in np.unique(numbers)[::-1].tolist()]
    st.session_state["city_year"] = link.choice("year", years, years[0])
    st.segmented_control(
        "Year",
        years,
        key="city_year",
        required=True,
        on_change=lambda: link.set(year=st.session_state["city_year"] or years[0]),
    )
    mine = numbers == int(st.session_state["city_year"])
    return Series(series.dates[mine], series.amounts[mine], series.unit)


def _day(store, city, series, scale):
    days, period = session.day_names(), store.period
    st.subheader("What to do on a day" if period == "day" else "One value", anchor=False)
    st.session_state["city_date"] = link.date()
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        st.selectbox(
            {"day": "Day", "month": "Month", "year": "Year"}[store.period],
            days,
            key="city_date",
            format_func=lambda day: theme.day_words(day, period),
            on_change=lambda: link.set(date=st.session_state["city_date"]),
        )
        at = days.index(link.date())
        value = series.amounts[at]
        words = [f"## {theme.number(value, store.unit)}"]
        st.markdown("\n\n".join(words + (_words(store, series, scale, at) if np.isfinite(value) else [])))
    with right:
        if np.isfinite(value) and store.period == "day":
            advice = advice_for(value, store.unit)
            said = f"- Everyone: {advice.everyone}\n- At risk: {advice.sensitive}"
            st.markdown(f"**US AQI class: {advice.label}**\n\n{said}")
            st.caption(SOURCE)
            _reasons(city, link.date())


def _words(store, series, scale, at):
    """What a value means, its interval and the chance of the guideline's being exceeded: a paragraph each."""
    words = [f"**{scale.verdict(series.amounts[at])}**"] if scale.classed else []
    if series.lower is not None and np.isfinite(series.lower[at]):
        low, high = (theme.number(one[at], store.unit) for one in (series.lower, series.upper))
        words.append(f"{series.interval_words}: {low} to {high}")
    daily = WHO_LEVELS["day"][:1] if store.period == "day" else ()
    for level in set(daily) & set(store.exceedance_thresholds):
        chance = series.chances[level][at]
        if np.isfinite(chance):
            words.append(f"Chance above {layers.level_words(level)}: {theme.chance_words(chance)}")
    return words


def _reasons(city, date):
    opened = session.open_sources()
    if opened.bundle is None or opened.panel is None:
        return
    if not st.toggle("Why this prediction?", key="city_why", on_change=_forget_refusal):
        return
    place = st.empty()
    try:
        table, sentences = _answer(place, opened, city["city_id"], date)
    except (ValueError, OSError) as error:
        place.info(for_markdown(words_of(error), limit=400))
        return
    # See app.charts.vega.of_picture.
    from airq.report.charts import contribution_bars

    picture = contribution_bars(table, "", names=PRODUCTS)
    parts.show_chart(vega.of_picture(picture, dark=parts.dark()), "city_reasons")
    st.caption("From the base, the mean of the training, every bar takes the prediction further.")
    with st.expander("In words"):
        st.code(theme.with_page_units("\n".join(sentences)), language=None, wrap_lines=True)


def _answer(place, opened, city_id, date):
    """The reasons, found with progress where they are not kept; leaving the page ends the work."""
    answers = session.answers()
    if answers.get(city_id, date) is None:
        question = (session.model_stamp(), city_id, date)
        refused, words = st.session_state.get("city_refused", (None, ""))
        if refused == question:
            raise ValueError(words)
        status = place.status(jobs.EXPLANATION.begins)
        try:
            with closing(jobs.explain(answers, opened.panel, opened.bundle, city_id, date)) as steps:
                for step in steps:
                    status.update(label=f"{step.text} …")
        except ValueError as error:
            st.session_state["city_refused"] = (question, str(error))
            raise
        place.empty()
    return answers.get(city_id, date)


def _forget_refusal():
    st.session_state.pop("city_refused", None)


def _picture(view, city, series, scale, over_all):
    simulated = _simulated(view)
    first, last = (f"{series.dates[end]:%Y-%m-%d}" for end in (0, -1))
    what = "aqi" if theme.is_index(series.unit) else "pm25"
    stem = f"{what}_{for_file_name(city['label'])}_{first}_{last}"

    def draw():
        # See app.charts.poster: drawing takes memory that most sessions never need.
        from app.charts.poster import poster

        store = view.store
        sources = [store.told("cite")] if store.told("cite") else map(str, store.facts.get("sources", []))
        return poster(city, series, scale, over_all, simulated=simulated, sources=sources)

    st.download_button(
        "Download this city as one page (PNG)",
        draw,
        file_name=f"{'SIMULATED_' * simulated}{stem}.png",
        mime="image/png",
        icon=":material/image:",
        on_click="ignore",
    )


def _simulated(view):
    return view.sources.simulated or view.store.simulated
