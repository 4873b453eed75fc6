"""City: everything about one city, by day, season and year, and what to do about it."""

from contextlib import closing

import numpy as np
import pandas as pd
import streamlit as st

from airq.units import WHO_LEVELS, exceedance_column
from app import downloads, jobs, layers, parts, scales, session, theme
from app.charts import city as charts
from app.charts import vega
from app.evidence import agreement, agreement_words, averaged, gather, headline, held_out_days, question
from app.scales import ADVICE_SOURCE, advice_for
from app.series import (
    EXPECTED,
    TREND_YEARS,
    Series,
    by_month,
    class_shares,
    days_of,
    how_counted,
    rolling,
    same_months,
    share_above,
    trend,
    years_of,
)
from app.session import link, tied
from app.text import for_file_name, for_markdown, shown, words_of

MOST_OTHERS = 4
#: The mean of the country among the places to compare with.
COUNTRY = "*"
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
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        row = session.city_box(label_visibility="collapsed", icon=":material/search:", width=260)
        label = for_markdown(store.cities["label"].iloc[row], limit=130)
        st.header(label, anchor=False, width="content")
        session.scale_box(label_visibility="collapsed")
    city = store.cities.iloc[row]
    series = _series(store, city)
    if not np.isfinite(series.amounts).any():
        st.info("There is no prediction for this city.")
        st.stop()
    scale = scales.scale(link.scale(), unit=store.unit, period=store.period, palette=link.palette())
    days = days_of(series.dates[np.isfinite(series.amounts)], store.period)
    over_all = scales.scale(link.scale(), unit=store.unit, days=days, period=store.period)
    _figures(store, city["city_id"], series, scale, over_all)
    _over_time(view, city, series, scale)
    _year(series, scale, shown(city["label"], limit=130))
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
    months = [] if store.period == "year" else by_month(series)
    with st.container(horizontal=True):
        st.metric(f"Mean of {theme.count_words(len(values), store.period)}", mean)
        if scale.classed:
            share, how = class_shares(series, scale)[0], how_counted(series, scale.edges)
            lowest = scale.labels[0] if scale.guideline else f"“{scale.labels[0]}”"
            words = f"{spans.capitalize()} {lowest}" + ", expected" * (how == EXPECTED)
            st.metric(words, theme.chance_words(share), help=f"{theme.by_period(how, store.period)}.")
        if len(months) > 1:
            month = max(months, key=lambda month: month.mean)
            of = "the year" if len(months) == 12 else f"{len(months)} months"
            st.metric(f"Worst month of {of}: {month.name}", theme.short_number(month.mean, store.unit))
        st.metric(f"Highest: {theme.day_words(worst, store.period)}", highest)
        if store.has("inside_domain"):
            inside = store.city("inside_domain", city_id)
            inside = inside[np.isfinite(inside)]
            st.metric(
                f"{spans.capitalize()} outside the model's experience",
                theme.chance_words(np.mean(inside < 1)) if len(inside) else "not told",
                help="Where inputs lie outside what the model was trained on, trust its predictions less.",
            )
    said = (
        []
        if over_all.daily or not over_all.classed
        else [f"**{over_all.verdict(values.mean(dtype='float64'))}**"]
    )
    st.markdown(" · ".join([*said, *_years(store, city_id, series)]))
    if over_all.note:
        st.caption(over_all.note)
    if store.period != "year":
        st.markdown(f"**Better or worse?** {trend_words(series)}")


def trend_words(series):
    """Say whether the air of a place becomes better or worse, or that the file is too short to know."""
    unit, found = theme.unit_words(series.unit), trend(series)
    if found is not None:
        sure = "" if found.low > 0 or found.high < 0 else "No clear trend: "
        return (
            f"{sure}{found.change:+.1f} {unit} a year over {found.years} years (95% interval "
            f"{found.low:+.1f} to {found.high:+.1f}, from the scatter of the years; the model's own error is "
            "not in it)."
        )
    words = f"This file is too short for a trend, which takes {TREND_YEARS} years."
    if (change := same_months(series)) is not None:
        earlier, later, months, mean = change
        more = "higher" if mean > 0 else "lower"
        words += (
            f" In the {theme.count_words(months, 'month')} that {earlier} and {later} share, {later} was "
            f"{abs(mean):.1f} {unit} {more}."
        )
    return words


def _years(store, city_id, series):
    """Return the mean of each year, with its interval where there is one."""
    calibration, row = session.calibration(), store.row(city_id)
    for year in np.unique(years_of(series)).tolist():
        start, end = f"{year}-01-01", f"{year}-12-31"
        amounts = series.amounts[store.days(start, end)]
        known = np.isfinite(amounts)
        if not known.any():
            continue
        words = f"**{year}**: {theme.number(amounts[known].mean(dtype='float64'), store.unit)}"
        lower, upper = layers.mean_ends(store, start, end, calibration)
        if lower is not None and np.isfinite(lower[row]):
            ends = " to ".join(theme.number(one[row], store.unit) for one in (lower, upper))
            words += f" ({series.interval_words} {ends})"
        elif (
            store.period != "year"
            and days_of(series.dates[store.days(start, end)][known], store.period) < 365
        ):
            words += f" (of {theme.count_words(int(known.sum()), store.period)})"
        yield words


def _over_time(view, city, series, scale):
    store = view.store
    st.header("Over time", anchor=False)
    others = _others(store, city, series)
    observed, name = None, ""
    if store.main == "pm25" and (there := session.observations()) is not None:
        observed, name = there.of(city["city_id"]), there.name
    observed = None if observed is None or observed.empty else averaged(observed, store.period)
    drawn = {"observed": observed, "observed_name": name, "others": others, "dark": parts.dark()}
    legend = charts.legend_of(series, **drawn).values()
    parts.lines_legend(legend)
    span, name = theme.span_words(*series.dates[[0, -1]], store.period), shown(city["label"], limit=130)
    parts.show_chart(
        charts.time_series(series, scale, marked=link.date(), **drawn),
        "city_series",
        says=f"Predicted {theme.PERIOD_WORDS[store.period]}s of {name}, {span}: {said(series)}.",
        table=_table(store, city["city_id"]),
        entries=[(one.name, one.colour + "40" * (one.kind == "band")) for one in legend],
    )
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
    st.header("Against observations", anchor=False)
    rows, scheme = held_out_days(evidence.held_out, city["city_id"])
    outside = view.store.outside_training()
    if city["trained"] and outside is not None and outside.all():
        st.markdown("**This city trained the model**, but on other days than the line above shows.")
    elif city["trained"]:
        st.markdown(
            "**This city trained the model.** On days of training the line above follows its own monitor, so "
            "it is no evidence of how good the model is."
        )
    found, record = agreement(rows), headline(evidence.records)
    period = series.period
    if found is not None:
        single = "" if period == "day" else ", single days"
        st.markdown(f"Held out ({scheme}{single}), by a model that had not seen it: {agreement_words(found)}")
        # See app.charts.vega.of_picture.
        from airq.report.charts import observed_against_predicted

        with st.expander("Observed and predicted, held out"), st.container(width=520):
            picture = observed_against_predicted(
                rows.dropna(subset=["observed", "predicted"]).assign(scheme=scheme), model="predicted"
            )
            says = "Days of this city by what was observed and what was predicted while it was held out"
            parts.show_chart(vega.of_picture(picture, says, dark=parts.dark()), "city_held_out")
    elif city["trained"] and record is not None:
        st.markdown(
            f"For {question(record['scheme'])} a single day was off by {record['mae']:.1f} µg/m³ on average, "
            "held out."
        )
    if not city["trained"] and (found is None or period != "day"):
        ends = {"lower": series.lower, "upper": series.upper}
        rows = pd.DataFrame({"predicted": series.amounts, **ends}, index=series.dates)
        found = agreement(rows.assign(observed=observed.reindex(rows.index)))
        few = f"There are too few {layers.SPANS[period]} to compare."
        st.markdown(few if found is None else agreement_words(found, period))
    session.page_link("trust", "How the model was judged")


def _table(store, city_id):
    """Return the values of a city as a table that begins with what differs between its rows."""
    rows = downloads.selection(store, [city_id])
    return rows[sorted(rows.columns, key=lambda name: name in downloads.PLACE)]


def said(series):
    """Say what a chart of a series shows: its mean and its highest value."""
    mean, highest = (theme.number(one(series.amounts), series.unit) for one in (np.nanmean, np.nanmax))
    day = theme.day_words(series.dates[int(np.nanargmax(series.amounts))], series.period)
    return f"mean {mean}, highest {highest} ({day})"


def _others(store, city, series):
    """Return the places to compare with, by name: the nearest cities are offered first."""
    everywhere = {COUNTRY: f"Mean of {shown(theme.country_name(city['country']))}", **store.by_label}
    nearby = {COUNTRY: everywhere[COUNTRY]} if (store.cities["country"] == city["country"]).sum() > 1 else {}
    for one, km in store.nearest(city.name).items():
        other = store.cities.iloc[store.row(one)]
        # Of a neighbour in the same country the name is enough, so that all stand in one row.
        name = shown(other["city"]) if other["country"] == city["country"] else store.by_label[one]
        nearby[one] = f"{name} ({km:,.0f} km)"
    if not nearby:
        return {}
    chosen = [one for one in link.choices("with", everywhere, MOST_OTHERS) if one != city["city_id"]]
    offered = nearby | {one: everywhere[one] for one in chosen if one not in nearby}
    st.session_state["with"] = chosen
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.pills(
            "Compare with (nearest first)",
            list(offered),
            format_func=lambda one: for_markdown(offered[one]),
            selection_mode="multi",
            key="with",
            on_change=lambda: link.set(**{"with": st.session_state["with"][-MOST_OTHERS:]}),
        )
        # The list of all cities is long: it is sent on demand.
        with st.popover("Another place", on_change="rerun", key="further") as further:
            if further.open:
                _further(store, chosen)
    days = {
        _named(store, one, city): store.country(store.main, city["country"])
        if one == COUNTRY
        else store.city(store.main, one)
        for one in chosen
    }
    for name, values in days.items():
        st.markdown(_beside(name, values, series))
    return {name: _smooth(values, series) for name, values in days.items()}


def _beside(name, values, series):
    """Say how the mean of a place is beside that of another, over what both have."""
    both = np.isfinite(values) & np.isfinite(series.amounts)
    if not both.any():
        return f"{for_markdown(name, limit=130)} has no {series.period} in common with this city."
    here, there = (one[both].mean(dtype="float64") for one in (series.amounts, values))
    number = theme.number(there, series.unit)
    difference = theme.number(abs(here - there), series.unit)
    more = f"{difference} {'lower' if there < here else 'higher'} than here"
    over = theme.count_words(int(both.sum()), series.period)
    return f"**{for_markdown(name, limit=130)}**: {number}, {more}, over the {over} that both have."


def _further(store, chosen):
    def add():
        link.set(**{"with": [*chosen, st.session_state["added"]][-MOST_OTHERS:]})

    st.selectbox(
        "Place", store.by_label, format_func=store.by_label.get, index=None, key="added", on_change=add
    )


def _named(store, one, city):
    if one != COUNTRY:
        return store.by_label[one]
    return f"Mean of the listed cities of {shown(theme.country_name(city['country']))}, {store.weight_words}"


def _smooth(values, series):
    """Return means over 30 days where the chart has them: days of several places hide one another."""
    if not charts.has_rolling(series):
        return values
    return rolling(series.spread(values))[series.spans - series.spans[0]]


def _year(series, scale, name):
    dark = parts.dark()
    if series.period == "day":
        st.header("Calendar", anchor=False)
        recent = _recent(series)
        parts.show_chart(
            charts.calendar(recent, scale, dark=dark),
            "city_calendar",
            says=f"Calendar of the days of {name}, coloured by class: {said(recent)}.",
            table=pd.DataFrame({"date": recent.dates, scale.unit: recent.amounts}),
            entries=[
                *zip(map(" ".join, zip(scale.labels, scale.ranges, strict=True)), scale.colours, strict=True)
            ],
        )
    parts.legend(scale)
    left, right = st.columns(2, gap="large")
    several = series.period != "year" and len(by_month(series)) > 1
    if several:
        with left:
            st.header("Through the year", anchor=False)
            months = by_month(series)
            worst, best = (pick(months, key=lambda month: month.mean) for pick in (max, min))
            parts.show_chart(
                charts.season(series, dark=dark),
                "city_season",
                says=f"Mean of every month in {name}: highest in {worst.name}, lowest in {best.name}.",
                table=pd.DataFrame([vars(month) for month in months]),
            )
            st.caption(_season_words(series))
    if series.period == "day":
        with right if several else left:
            st.header("Share of days above each level", anchor=False)
            years = share_above(series, scale.edges)
            shares = [[one.year, one.known, *one.above] for one in years]
            parts.show_chart(
                charts.days_above(series, scale.edges, dark=dark),
                "city_above",
                says=f"Share of the known days above each level by year in {name}.",
                table=pd.DataFrame(
                    shares, columns=["year", "days", *(f"above {edge:g}" for edge in scale.edges)]
                ),
            )
            how = how_counted(series, scale.edges)
            st.caption(f"{how}. Shares of the days known in each year, which may be other seasons.")


def _season_words(series):
    words = "Bars: mean of the month."
    if any(month.low < month.high for month in by_month(series)):
        return f"{words} Whiskers: where eight of ten {layers.SPANS[series.period]} lie."
    return words


def _recent(series):
    """Return the last months of a series, or the year that is chosen where there are many."""
    months = series.dates.to_numpy().astype("datetime64[M]").astype("int64")
    if months[-1] - months[0] < MOST_MONTHS:
        return series
    numbers = years_of(series)
    years = [str(year) for year in np.unique(numbers)[::-1].tolist()]
    year = tied(st.segmented_control, "Year", "year", years, years[0], required=True)
    mine = numbers == int(year)
    return Series(series.dates[mine], series.amounts[mine], series.unit)


def _day(store, city, series, scale):
    period = store.period
    st.header("What to do on a day" if period == "day" else "One value", anchor=False)
    left, right = st.columns([1, 2.4], gap="large")
    with left:
        session.day_box(period.capitalize())
        at = store.day_names.index(link.date())
        value = series.amounts[at]
        st.metric(theme.day_words(link.date(), period), theme.number(value, store.unit))
        if np.isfinite(value):
            st.markdown("\n\n".join(_words(store, series, scale, at)))
    with right:
        if np.isfinite(value) and store.period == "day":
            advice = advice_for(value, store.unit)
            said = f"- Everyone: {advice.everyone}\n- At risk: {advice.sensitive}"
            st.markdown(f"**US AQI class: {advice.label}**\n\n{said}")
            st.caption(ADVICE_SOURCE)
            _reasons(city, link.date())


def _words(store, series, scale, at):
    """Say what a value means, its interval and the chance that the guideline is exceeded."""
    words = [f"**{scale.verdict(series.amounts[at])}**"] if scale.classed else []
    if series.lower is not None and np.isfinite(series.lower[at]):
        low, high = (theme.number(one[at], store.unit) for one in (series.lower, series.upper))
        words.append(f"{series.interval_words}: {low} to {high}")
    daily = WHO_LEVELS["day"][:1] if store.period == "day" else ()
    for level in set(daily) & set(store.exceedance_thresholds):
        chance = series.chances[level][at]
        if np.isfinite(chance):
            # No chance is certain that a model tells.
            said = theme.chance_words(np.clip(chance, 0.001, 0.999))
            words.append(f"Chance above {layers.level_words(level)}: {said}")
    return words


def _reasons(city, date):
    opened = session.open_sources()
    if opened.bundle is None or opened.panel is None:
        return
    if not st.toggle(
        "Why this prediction?", key="city_why", on_change=st.session_state.pop, args=("city_refused", None)
    ):
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
    says = f"What the inputs contributed to the prediction of {theme.day_words(date)}"
    parts.show_chart(vega.of_picture(picture, says, dark=parts.dark()), "city_reasons")
    st.caption("From the base, the mean of the training, every bar takes the prediction further.")
    with st.expander("In words"):
        st.code(theme.with_page_units("\n".join(sentences)), language=None, wrap_lines=True)


def _answer(place, opened, city_id, date):
    """Return the reasons, found with progress where they are not kept; leaving the page ends the work."""
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


def _picture(view, city, series, scale, over_all):
    simulated = view.simulated
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
