"""City: everything about one city, by day, season and year, and what to do about it."""

from contextlib import closing

import numpy as np
import pandas as pd
import streamlit as st

from airq.units import WHO_LEVELS, exceedance_column
from app import downloads, jobs, parts, scales, session, style
from app.charts import city as charts
from app.charts import vega
from app.evidence import agreement, agreement_words, averaged, headline, held_out_days, question
from app.scales import ADVICE_SOURCE, advice_for
from app.series import (
    EXPECTED,
    TREND_YEARS,
    Series,
    by_month,
    class_shares,
    days_of,
    how_counted,
    level_words,
    mean_ends,
    rolling,
    same_months,
    share_above,
    trend,
    years_of,
)
from app.session import link, tied
from app.style import for_file_name, for_markdown, shown, words_of

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
    series = _series(store, city["city_id"])
    if not np.isfinite(series.amounts).any():
        st.info("There is no prediction for this city.")
        st.stop()
    kind = {"unit": store.unit, "period": store.period}
    scale = scales.scale(link.scale(), palette=link.palette(), **kind)
    days = days_of(series.dates[np.isfinite(series.amounts)], store.period)
    over_all = scales.scale(link.scale(), days=days, **kind)
    _figures(store, city["city_id"], series, scale, over_all)
    _over_time(view, city, series, scale)
    _year(series, scale, shown(city["label"], limit=130))
    _day(store, city, series, scale)
    _picture(view, city, series, scale, over_all)
    session.tell_notes(store)


def _series(store, city_id):
    ends = {end: store.city(end, city_id) for end in ("lower", "upper") if store.has_interval}
    chances = {level: store.city(exceedance_column(level), city_id) for level in store.exceedance_thresholds}
    facts = {"level": store.level, "period": store.period, "chances": chances}
    return Series(store.dates, store.city(store.main, city_id), store.unit, **ends, **facts)


def _figures(store, city_id, series, scale, over_all):
    values = series.amounts[np.isfinite(series.amounts)]
    mean = values.mean(dtype="float64")
    spans = style.SPANS[store.period]
    worst = store.day_names[np.nanargmax(series.amounts)]
    months = [] if store.period == "year" else by_month(series)
    with st.container(horizontal=True):
        st.metric(
            f"Mean of {style.count_words(len(values), store.period)}", style.short_number(mean, store.unit)
        )
        if scale.classed:
            share, how = class_shares(series, scale)[0], how_counted(series, scale.edges)
            lowest = scale.labels[0] if scale.guideline else f"“{scale.labels[0]}”"
            words = f"{spans.capitalize()} {lowest}" + ", expected" * (how == EXPECTED)
            st.metric(words, style.chance_words(share), help=f"{style.by_period(how, store.period)}.")
        if len(months) > 1:
            month = max(months, key=lambda month: month.mean)
            of = "the year" if len(months) == 12 else f"{len(months)} months"
            st.metric(f"Worst month of {of}: {month.name}", style.short_number(month.mean, store.unit))
        highest = style.short_number(values.max(), store.unit)
        st.metric(f"Highest: {style.day_words(worst, store.period)}", highest)
        if store.has("inside_domain"):
            inside = store.city("inside_domain", city_id)
            inside = inside[np.isfinite(inside)]
            st.metric(
                f"{spans.capitalize()} outside the model's experience",
                style.chance_words(np.mean(inside < 1)) if len(inside) else "not told",
                help="Where inputs lie outside what the model was trained on, trust its predictions less.",
            )
    said = [] if over_all.daily or not over_all.classed else [f"**{over_all.verdict(mean)}**"]
    st.markdown(" · ".join([*said, *_years(store, city_id, series)]))
    if over_all.note:
        st.caption(over_all.note)
    if store.period != "year":
        st.markdown(f"**Better or worse?** {trend_words(series)}")


def trend_words(series):
    """Say whether the air of a place becomes better or worse, or that the file is too short to know."""
    unit, found = style.unit_words(series.unit), trend(series)
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
        words += (
            f" In the {style.count_words(months, 'month')} that {earlier} and {later} share, {later} was "
            f"{abs(mean):.1f} {unit} {'higher' if mean > 0 else 'lower'}."
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
        words = f"**{year}**: {style.number(amounts[known].mean(dtype='float64'), store.unit)}"
        lower, upper = mean_ends(store, start, end, calibration)
        days = days_of(series.dates[store.days(start, end)][known], store.period)
        if lower is not None and np.isfinite(lower[row]):
            ends = style.ends_words(lower[row], upper[row], store.unit)
            words += f" ({style.interval_words(series.level)} {ends})"
        elif store.period != "year" and days < 365:
            words += f" (of {style.count_words(int(known.sum()), store.period)})"
        yield words


def _over_time(view, city, series, scale):
    store = view.store
    st.header("Over time", anchor=False)
    others = _others(store, city, series)
    observed, name = None, ""
    if store.main == "pm25" and (there := session.observations()) is not None:
        observed, name = averaged(there.of(city["city_id"]), store.period), there.name
        observed = None if observed.empty else observed
    drawn = {"observed": observed, "observed_name": name, "others": others, "dark": session.dark()}
    legend = charts.legend_of(series, **drawn).values()
    parts.lines_legend(legend)
    span, name = style.span_words(*series.dates[[0, -1]], store.period), shown(city["label"], limit=130)
    rows = downloads.selection(store, [city["city_id"]])
    parts.show_chart(
        charts.time_series(series, scale, marked=link.date(), **drawn),
        "city_series",
        says=f"Predicted {style.PERIOD_WORDS[store.period]}s of {name}, {span}: {said(series)}.",
        # What differs between its rows stands first.
        table=rows[sorted(rows.columns, key=lambda name: name in downloads.PLACE)],
        entries=[(one.name, one.colour + "40" * (one.kind == "band")) for one in legend],
    )
    levels = f"{scale.heading} [{style.unit_words(scale.unit)}]: {charts.level_names(scale)}. "
    st.caption(
        f"Broken lines, {levels}"
        * scale.classed
        + f"Dotted: the chosen {store.period}. Ctrl and the wheel zoom, dragging moves, "
        "a double click shows all again." + f"\n\n{NOT_OBSERVED}" * (observed is None)
    )
    if observed is not None:
        _against(view, city, series, observed)


def _against(view, city, series, observed):
    """Say how the predictions of this city met what was observed; fitted ones are no evidence."""
    evidence = session.evidence_of(view.sources, view.store)
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
            rows = rows.dropna(subset=["observed", "predicted"]).assign(scheme=scheme)
            picture = observed_against_predicted(rows, model="predicted")
            says = "Days of this city by what was observed and what was predicted while it was held out"
            parts.show_chart(vega.of_picture(picture, says, dark=session.dark()), "city_held_out")
    elif city["trained"] and record is not None:
        st.markdown(
            f"For {question(record['scheme'])} a single day was off by {record['mae']:.1f} µg/m³ on average, "
            "held out."
        )
    if not city["trained"] and (found is None or period != "day"):
        ends = {"lower": series.lower, "upper": series.upper}
        rows = pd.DataFrame({"predicted": series.amounts, **ends}, index=series.dates)
        found = agreement(rows.assign(observed=observed.reindex(rows.index)))
        few = f"There are too few {style.SPANS[period]} to compare."
        st.markdown(few if found is None else agreement_words(found, period))
    session.page_link("trust", "How the model was judged")


def said(series):
    """Say what a chart of a series shows: its mean and its highest value."""
    mean, highest = (style.number(one(series.amounts), series.unit) for one in (np.nanmean, np.nanmax))
    day = style.day_words(series.dates[int(np.nanargmax(series.amounts))], series.period)
    return f"mean {mean}, highest {highest} ({day})"


def _others(store, city, series):
    """Return the places to compare with, by name: the nearest cities are offered first."""
    country = shown(style.country_name(city["country"]))
    everywhere = {COUNTRY: f"Mean of {country}", **store.by_label}
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
            on_change=lambda: _compare(st.session_state["with"]),
        )
        # The list of all cities is long: it is sent on demand.
        with st.popover("Another place", on_change="rerun", key="further") as further:
            if further.open:
                add = {"on_change": lambda: _compare([*chosen, st.session_state["added"]])}
                names = store.by_label
                st.selectbox("Place", names, format_func=names.get, index=None, key="added", **add)
    everywhere[COUNTRY] = f"Mean of the listed cities of {country}, {store.weight_words}"
    days = {
        everywhere[one]: store.country(store.main, city["country"])
        if one == COUNTRY
        else store.city(store.main, one)
        for one in chosen
    }
    for name, values in days.items():
        st.markdown(_beside(name, values, series))
    # Days of several places hide one another.
    if charts.has_rolling(series):
        days = {name: rolling(series.spread(values)) for name, values in days.items()}
        days = {name: values[series.spans - series.spans[0]] for name, values in days.items()}
    return days


def _compare(places):
    link.set(**{"with": places[-MOST_OTHERS:]})


def _beside(name, values, series):
    """Say how the mean of a place is beside that of another, over what both have."""
    both = np.isfinite(values) & np.isfinite(series.amounts)
    if not both.any():
        return f"{for_markdown(name, limit=130)} has no {series.period} in common with this city."
    here, there = (one[both].mean(dtype="float64") for one in (series.amounts, values))
    difference = style.number(abs(here - there), series.unit)
    more = f"{difference} {'lower' if there < here else 'higher'} than here"
    over = style.count_words(int(both.sum()), series.period)
    number = style.number(there, series.unit)
    return f"**{for_markdown(name, limit=130)}**: {number}, {more}, over the {over} that both have."


def _year(series, scale, name):
    dark = session.dark()
    if series.period == "day":
        st.header("Calendar", anchor=False)
        recent = _recent(series)
        classes = zip(scale.labels, scale.ranges, scale.colours, strict=True)
        parts.show_chart(
            charts.calendar(recent, scale, dark=dark),
            "city_calendar",
            says=f"Calendar of the days of {name}, coloured by class: {said(recent)}.",
            table=pd.DataFrame({"date": recent.dates, scale.unit: recent.amounts}),
            entries=[(f"{label} {span}", colour) for label, span, colour in classes],
        )
    parts.legend(scale)
    left, right = st.columns(2, gap="large")
    several = series.period != "year" and len(by_month(series)) > 1
    if several:
        with left:
            _season(series, name)
    if series.period == "day":
        with right if several else left:
            st.header("Share of days above each level", anchor=False)
            shares = [[one.year, one.known, *one.above] for one in share_above(series, scale.edges)]
            columns = ["year", "days", *(f"above {edge:g}" for edge in scale.edges)]
            parts.show_chart(
                charts.days_above(series, scale.edges, dark=dark),
                "city_above",
                says=f"Share of the known days above each level by year in {name}.",
                table=pd.DataFrame(shares, columns=columns),
            )
            how = how_counted(series, scale.edges)
            st.caption(f"{how}. Shares of the days known in each year, which may be other seasons.")


def _season(series, name):
    st.header("Through the year", anchor=False)
    months = by_month(series)
    worst, best = (pick(months, key=lambda month: month.mean) for pick in (max, min))
    parts.show_chart(
        charts.season(series, dark=session.dark()),
        "city_season",
        says=f"Mean of every month in {name}: highest in {worst.name}, lowest in {best.name}.",
        table=pd.DataFrame([vars(month) for month in months]),
    )
    whiskers = any(month.low < month.high for month in months)
    spans = style.SPANS[series.period]
    st.caption("Bars: mean of the month." + f" Whiskers: where eight of ten {spans} lie." * whiskers)


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
        st.metric(style.day_words(link.date(), period), style.number(value, store.unit))
        if np.isfinite(value):
            st.markdown("\n\n".join(_words(store, series, scale, at)))
    with right:
        if np.isfinite(value) and period == "day":
            advice = advice_for(value, store.unit)
            said = f"- Everyone: {advice.everyone}\n- At risk: {advice.sensitive}"
            st.markdown(f"**US AQI class: {advice.label}**\n\n{said}")
            st.caption(ADVICE_SOURCE)
            _reasons(city, link.date())


def _words(store, series, scale, at):
    """Say what a value means, its interval and the chance that the guideline is exceeded."""
    words = [f"**{scale.verdict(series.amounts[at])}**"] if scale.classed else []
    if series.lower is not None and np.isfinite(series.lower[at]):
        ends = style.ends_words(series.lower[at], series.upper[at], store.unit)
        words.append(f"{style.interval_words(series.level)}: {ends}")
    daily = WHO_LEVELS["day"][:1] if store.period == "day" else ()
    for level in set(daily) & set(store.exceedance_thresholds):
        chance = series.chances[level][at]
        if np.isfinite(chance):
            # No chance is certain that a model tells.
            said = style.chance_words(np.clip(chance, 0.001, 0.999))
            words.append(f"Chance above {level_words(level)}: {said}")
    return words


def _reasons(city, date):
    opened = session.open_sources()
    if opened.bundle is None or opened.panel is None:
        return
    forget = {"on_change": st.session_state.pop, "args": ("city_refused", None)}
    if not st.toggle("Why this prediction?", key="city_why", **forget):
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
    says = f"What the inputs contributed to the prediction of {style.day_words(date)}"
    parts.show_chart(vega.of_picture(picture, says, dark=session.dark()), "city_reasons")
    st.caption("From the base, the mean of the training, every bar takes the prediction further.")
    with st.expander("In words"):
        st.code(style.with_page_units("\n".join(sentences)), language=None, wrap_lines=True)


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
    simulated, store = view.simulated, view.store
    first, last = (f"{series.dates[end]:%Y-%m-%d}" for end in (0, -1))
    what = "aqi" if style.is_index(series.unit) else "pm25"
    name = f"{'SIMULATED_' * simulated}{what}_{for_file_name(city['label'])}_{first}_{last}.png"
    cited = [store.told("cite")] if store.told("cite") else map(str, store.facts.get("sources", []))
    look = {"simulated": simulated, "sources": list(cited)}
    parts.download(
        "Download this city as one page (PNG)",
        lambda: charts.poster(city, series, scale, over_all, **look),
        name,
        "image/png",
        icon=":material/image:",
    )
