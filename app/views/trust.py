"""Trust: how the model was judged, whether its intervals hold, where it applies, its card."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from airq.report import words
from airq.report.words import FIGURES, SHARES
from airq.units import PM25_UNIT, WHO_CLASSES, exceedance_column
from airq.validation.schemes import ALL_SCHEMES, HEADLINES
from app import evidence, maps, parts, scales, session, sources, style
from app.charts import vega
from app.series import Layer
from app.style import for_markdown, safe_card, shown

LONG = 600
SEASONS = {"DJF": "Dec–Feb", "MAM": "Mar–May", "JJA": "Jun–Aug", "SON": "Sep–Nov"}
#: Most schemes in the picture of errors, and most countries in that of coverage.
MOST_SCHEMES, MOST_COUNTRIES = 12, 12
INSIDE_EDGES = (5.0, 25.0, 50.0, 75.0, 95.0)
INSIDE_WORDS = ("hardly any", "few", "less than half", "more than half", "most", "nearly all")
#: Columns of held-out predictions that the pictures of a scheme are drawn from.
HELD_OUT = ["scheme", "city_id", "city", "latitude", "longitude", "observed", "default"]
#: Samples of cities for the intervals of the reliability.
N_DRAWS = 200
#: Pictures of held-out rows that `airq evaluate` writes, too -> name and what they show.
ROWS = {
    "observed": (
        "Observed and predicted",
        "Held-out days by what was observed and what was predicted; on the dashed line both are the same.",
    ),
    "cities": (
        "Error of every city",
        "Error of a day (RMSE) in every city while it was held out; the three worst are named.",
    ),
    "classes": (
        "Classes of the index",
        "Days by their observed and their predicted class of the US AQI; on the diagonal they agree.",
    ),
}


def page():
    """Draw the page."""
    view = session.open_view("How far to trust it", needs=())
    store = session.store() if view.sources.predictions is not None else None
    found = session.evidence_of(view.sources, store)
    if found.trained_on == "simulated" and not (view.sources.simulated or (store and store.simulated)):
        session.tell_simulated()
    told = store.told("method") if store is not None else ""
    if not found.records and told:
        st.markdown(for_markdown(told, limit=LONG))
        st.caption("Nothing here can check this: the file holds neither observations nor an evaluation.")
    elif not found.records:
        st.info(
            "Nothing here tells how good these predictions are. Give the folder that `airq evaluate --out "
            "evaluation` wrote (or the evaluation.json in it), `airq app --evaluation evaluation`, or the "
            "bundle that made them, `airq app --bundle bundle`.",
            icon=":material/folder_open:",
        )
    else:
        _in_short(found)
        _errors(found)
        _held_out(found)
        _intervals(found)
        _probabilities(found)
    if store is not None:
        _domain(store, found)
    if view.sources.bundle is not None:
        _card(view.sources.bundle)


def _chart(found, chart, key):
    parts.show_chart(chart, key, origin=session.origin_of_evidence(found.trained_on, found.source))


def _in_short(found):
    st.header("In short", anchor=False)
    record, sentences = evidence.headline(found.records), []
    if record is not None:
        covered = [
            evidence.said(words.coverage_sentence, one)
            for one in found.coverage
            if one["scheme"] == record["scheme"] and one["part"] == "all" and one["period"] == "day"
        ]
        last = (words.applicability_sentence, words.worst_city_sentence)
        sentences = [evidence.said(words.error_sentence, record), *covered]
        sentences += [evidence.said(one, record) for one in last]
    st.markdown(style.listed(sentences))
    st.caption(f"From {for_markdown(found.source)}.")


def _errors(found):
    st.header("Errors where it had no monitor", anchor=False)
    _chart(found, errors(found.records, dark=session.dark()), "trust_errors")
    st.markdown(style.listed(_scheme_sentences(found.records)))
    with st.expander("All figures"):
        figures = {
            heading: (None, f"%.{digits}f") for heading, digits in FIGURES.values() if digits is not None
        }
        parts.show_table(evaluation_table(found.records), figures)
        caption = evidence.said(lambda record: words.evaluation_caption([record]), found.records[0])
        st.caption(f"{caption} Shares in percent.")


def _scheme_sentences(records):
    """Return what every scheme asks, and how the predictor differs from the best baseline in it."""
    ours = {record["scheme"]: record for record in evidence.ours(records)}
    for scheme in dict.fromkeys(record["scheme"] for record in records):
        asked = f"**{for_markdown(evidence.short(scheme))}**"
        if scheme in ALL_SCHEMES:
            asked += f" (`{scheme}`): {for_markdown(evidence.question(scheme), limit=120)}"
        compared = evidence.said(words.comparison_sentence, ours[scheme]) if scheme in ours else ""
        if scheme in ALL_SCHEMES or compared:
            yield f"{asked}. {compared}".rstrip()


def _intervals(found):
    st.header("Do the intervals hold?", anchor=False)
    days = [one for one in found.coverage if one["part"] == "all"]
    for promise in found.promises[:1]:
        st.markdown(f"The promise: {for_markdown(style.with_page_units(promise), limit=LONG)}")
    if not days:
        st.info("No intervals were judged. `airq evaluate` judges them where there are enough places.")
        return
    scheme = _scheme_box(days, "trust_coverage_scheme")
    mine = [one for one in days if one["scheme"] == scheme]
    st.markdown(style.listed(evidence.said(words.coverage_sentence, one, found.coverage) for one in mine))
    judged = coverage_parts(found.coverage, scheme)
    _chart(found, coverage(judged, dark=session.dark()), "trust_coverage")
    countries = sum(one["part"] == "country" for one in judged)
    more = (
        f" Of {countries} countries the {MOST_COUNTRIES} whose intervals held least are drawn; the table has "
        "all."
    )
    st.caption(
        "Right of the dashed line more days lay in their interval than promised. Classes of the WHO are by "
        "the predicted value, as a reader knows it. Whiskers: 95 % if other places had been drawn."
        + more
        * (countries > MOST_COUNTRIES)
    )
    with st.expander("All figures of the intervals"):
        table = coverage_table(judged)
        formats = dict.fromkeys(table.columns[1:], (None, "%.0f"))
        formats |= dict.fromkeys(("Days", "Places"), (None, "localized"))
        parts.show_table(table, formats)


def _probabilities(found):
    if not found.exceedance:
        return
    st.header("Are the probabilities right?", anchor=False)
    scheme = _scheme_box(found.exceedance, "trust_probability_scheme")
    records = [one for one in found.exceedance if one["scheme"] == scheme]
    first = next((one for one in records if one["threshold"] == words.GUIDELINE), records[0])
    st.markdown(evidence.said(words.exceedance_sentence, first))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Days above a level [µg/m³]**")
        _chart(found, probabilities(records, dark=session.dark()), "trust_probabilities")
    with right:
        _reliability(found, scheme)


def _reliability(found, scheme):
    if found.held_out is None:
        st.caption(
            "The reliability of single probabilities is drawn from the folder of an evaluation that holds "
            "held_out.parquet: `airq app --evaluation evaluation`."
        )
        return
    try:
        levels = levels_of(found.held_out)
    except (ValueError, OSError) as error:
        st.info(for_markdown(error, limit=LONG))
        return
    if levels:
        names = {level: f"above {level:g} µg/m³" for level in levels}
        usual = levels.index(words.GUIDELINE) if words.GUIDELINE in levels else 0
        look = {"format_func": names.get, "key": "trust_level"}
        level = st.selectbox("When it said so, did it happen? Level", levels, usual, **look)
        says = "On the dashed line it happened as often as said. Bars: 95 % if other places had been drawn."
        lacking = "This way of judging has no probabilities."
        if _show_drawn(found, "reliability", scheme, level, lacking=lacking):
            st.caption(says)


def _show_drawn(found, kind, *asked, lacking):
    """Show a picture of the held-out rows, drawn once for all sessions, or what is lacking; tell whether."""
    path = found.held_out
    try:
        picture = _drawn(kind, str(path), sources.fingerprint(path), *asked, dark=session.dark())
    except (ValueError, OSError) as error:
        st.info(for_markdown(error, limit=LONG))
        return False
    if picture is None:
        st.caption(lacking)
    else:
        _chart(found, picture, f"trust_{kind}")
    return picture is not None


@st.cache_data(show_spinner="Reading the held-out days …", max_entries=64)
def _drawn(kind, path, stamp, *asked, dark):
    draw = {"reliability": reliability_picture, "rows": rows_picture}[kind]
    return draw(path, *asked, dark=dark)


def _held_out(found):
    """Show the pictures of single held-out days, which `airq evaluate` writes, too."""
    if found.held_out is None:
        return
    st.header("Held-out days", anchor=False)
    scheme = _scheme_box(found.records, "trust_rows_scheme")
    names = {what: name for what, (name, _) in ROWS.items()}
    what = session.switch("Show", names, "trust_rows_what", label_visibility="collapsed")
    with st.container(width=620):
        lacking = "The file of held-out days has none of this way of judging."
        if _show_drawn(found, "rows", scheme, what, lacking=lacking):
            st.caption(ROWS[what][1])


def _scheme_box(records, key):
    """Show the choice of a scheme of some records, where they have several."""
    schemes = list(dict.fromkeys(one["scheme"] for one in records))
    if len(schemes) == 1:
        return schemes[0]
    best = next((one for one in HEADLINES if one in schemes), schemes[0])
    names = {one: evidence.question(one) if one in ALL_SCHEMES else one[:60] for one in schemes}
    return st.selectbox("Judged in", schemes, schemes.index(best), format_func=names.get, key=key)


def _domain(store, found):
    st.header("Where the model applies", anchor=False)
    if not store.has("inside_domain"):
        st.info(
            "This file does not tell where the model extrapolates; `airq predict` with a new bundle does."
        )
        return
    share = 100 * store.mean("inside_domain")
    known = np.isfinite(share)
    rarely = int((share[known] < 50).sum())
    st.markdown(
        "A day is like those of the training if its satellite and weather values, and those around it, are "
        "like some that the model has learned from. Elsewhere it guesses, and neither its error nor its "
        f"interval is known. **{rarely:,} of {known.sum():,} cities** are outside on more than half of "
        "their days (hollow)."
    )
    heading, colours = "Share of days like those that the model was trained on", style.READABLE[::-1]
    scale = scales.Scale("share", "%", INSIDE_EDGES, INSIDE_WORDS, colours, heading)
    layer = Layer(share, scale, inside=np.where(known, share >= 50, np.nan))
    picture = maps.points_map(store.cities, layer, dark=session.dark())
    parts.show_map(picture, "trust_domain", height=480)
    parts.legend(layer.scale, hollow=True)
    records = evidence.ours(found.records)
    if said := style.listed(evidence.said(words.applicability_sentence, one) for one in records):
        st.markdown(said)


def _card(bundle):
    session.facts()
    st.header("The card", anchor=False)
    try:
        text = (bundle / "card.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        st.info(f"The card of this bundle cannot be read: {for_markdown(error, limit=LONG)}")
        return
    with st.expander("What it learned from, how it works, its limits"):
        st.markdown(safe_card(style.with_page_units(text)))
    parts.download("Download the card", text, "card.md", "text/markdown", "trust_card")


def evaluation_table(records):
    """Return the figures of an evaluation as a table of numbers.

    Columns have the headings of :data:`airq.report.words.FIGURES`, shares are in percent, columns without a
    single value are left out. `records` come from :func:`app.evidence.checked`.
    """
    table = pd.DataFrame(
        {heading: [_cell(record, name) for record in records] for name, (heading, _) in FIGURES.items()}
    )
    return table.dropna(axis=1, how="all")


def _cell(record, name):
    value = record.get(name)
    if name == "model" and value in evidence.OURS:
        return evidence.OUR_NAME
    if name == "groups":
        return shown(f"{value if value is not None else ''} {record.get('group', '')}") or None
    if FIGURES[name][1] is None:
        return shown(value) if isinstance(value, str) else None
    number = value if isinstance(value, (int, float)) else math.nan
    return 100 * number if name in SHARES else number


def errors(records, *, dark=False):
    """Draw the error of every scheme: the predictor's, and what other methods do on the same folds.

    `records` are those of an evaluation; the first :data:`MOST_SCHEMES` schemes are drawn.
    """
    schemes = list(dict.fromkeys(record["scheme"] for record in records))[:MOST_SCHEMES]
    rows = [_error(one) for one in records if one["scheme"] in schemes and math.isfinite(one["rmse"])]
    tone, others = style.tones(dark), [row["model"] for row in rows if row["model"] != evidence.OUR_NAME]
    ours = {evidence.OUR_NAME: tone["line"]}
    told = vega.told(
        ("model", "Model"),
        ("name", "Held out"),
        ("value", "RMSE [µg/m³]", ".1f"),
        ("mae", "Mean error [µg/m³]", ".1f"),
        ("bias", "Bias [µg/m³]", "+.1f"),
        ("n", "Days", ",.0f"),
    )
    return vega.intervals(
        rows,
        "Error of a day (RMSE) [µg/m³]",
        by="model",
        colours=ours | dict.fromkeys(others, tone["soft"]),
        fills=ours | dict.fromkeys(others, "transparent"),
        tooltip=told,
        what="Error of a day (RMSE) by what was held out, of this predictor and of other methods",
        dark=dark,
    )


def _error(record):
    ours, spread, error = record["model"] in evidence.OURS, record.get("rmse_sd"), record["rmse"]
    known = ours and isinstance(spread, float) and math.isfinite(spread)
    numbers = {name: record[name] for name in ("mae", "bias", "n") if math.isfinite(record[name])}
    return {
        "name": shown(evidence.short(record["scheme"]), limit=24),
        "model": evidence.OUR_NAME if ours else shown(record["model"], limit=24),
        "value": error,
        "low": error - spread if known else None,
        "high": error + spread if known else None,
        **numbers,
    }


def coverage(records, *, dark=False):
    """Draw how often intervals held: all days, by season, predicted class and country, in the worst city.

    `records` come from :func:`coverage_parts`; the first :data:`MOST_COUNTRIES` countries are drawn.
    """
    # See app.charts.vega.of_picture.
    from airq.report import charts

    countries = [one for one in records if one["part"] == "country"]
    drawn = [one for one in records if one["part"] != "country"] + countries[:MOST_COUNTRIES]
    says = "How often the observed value lay inside its interval, by part of the days"
    return vega.of_picture(charts.coverage_by_part(drawn, name=_part), says, dark=dark)


def coverage_parts(coverage, scheme, period="day"):
    """Return the records of a scheme and period: all days, seasons, classes, worst city, countries.

    Countries stand in the order of their coverage, the lowest first.
    """
    mine = [one for one in coverage if one["scheme"] == scheme and one["period"] == period]
    rising = sorted(mine, key=lambda one: one["coverage"])
    return [
        one
        for part in ("all", "season", "predicted_class", "worst_city", "country")
        for one in (rising if part == "country" else mine)
        if one["part"] == part
    ]


def coverage_table(records):
    """Return the records of :func:`coverage_parts` as a table of numbers; shares in percent.

    Columns: `Part, Inside [%], 95 % low, 95 % high, Mean width [µg/m³], Days, Places`.
    """
    columns = {"coverage": "Inside [%]", "ci_low": "95 % low", "ci_high": "95 % high"}
    columns |= {"width": f"Mean width [{style.unit_words(PM25_UNIT)}]", "n": "Days", "groups": "Places"}
    table = pd.DataFrame(records, columns=list(columns)).astype("float64")
    table[["coverage", "ci_low", "ci_high"]] *= 100
    table.insert(0, "Part", [_part(one) for one in records])
    return table.rename(columns=columns)


def _part(record):
    """Name a part of the days in words short enough for an axis."""
    part, value = record["part"], record["value"]
    if part == "all":
        return "all days" if record["period"] == "day" else f"all {record['period']}s"
    if part == "country":
        return shown(style.country_name(value), limit=24)
    if part == "worst_city":
        return f"worst: {shown(evidence.place_words(value), limit=22)}"
    if part == "predicted_class" and value in WHO_CLASSES:
        return scales.BESIDE[WHO_CLASSES.index(value)]
    return shown(SEASONS.get(value, value), limit=30)


def probabilities(records, *, dark=False):
    """Draw the share of days above each level: what the probabilities said, and what happened.

    `records` are those of exceedance of one scheme.
    """
    tone, rows = style.tones(dark), []
    for one in records:
        said, happened = {"value": one["mean_probability"]}, {"value": one["frequency"]}
        said |= {"told": "said", "low": said["value"], "high": happened["value"]}
        name = {"name": f"above {one['threshold']:g}"}
        rows += [name | said, name | happened | {"told": "happened"}]
    colours = {"said": tone["second"], "happened": tone["line"]}
    return vega.intervals(
        rows,
        "Share of days",
        by="told",
        colours=colours,
        fills=dict.fromkeys(colours, "transparent"),
        tooltip=vega.told(("name", "Days"), ("told", "What"), ("value", "Share", ".0%")),
        what="Share of days above each level as predicted and as observed",
        dark=dark,
        format="%",
    )


def levels_of(path):
    """Return the levels whose probabilities a table of held-out predictions holds. [µg m⁻³]

    OSError or ValueError if it cannot be read; no level if it holds no observations.
    """
    names = _columns(path)
    return levels_in(names) if {"observed", "scheme", "city_id"} <= set(names) else []


def levels_in(columns):
    """Return levels whose probability a table holds, in rising order. [µg m⁻³]

    >>> levels_in(["pm25", "p_above_15", "p_above_37.5"])
    [15.0, 37.5]
    """
    prefix = exceedance_column(0).removesuffix("0")
    return sorted(float(name.removeprefix(prefix)) for name in columns if name.startswith(prefix))


def reliability_picture(path, scheme, level, *, dark=False, n_draws=N_DRAWS):
    """Draw how often a level was exceeded where its probability was said to be low, middling or high.

    `path` is held_out.parquet of an evaluation, `level` one of :func:`levels_of` [µg m⁻³]; `n_draws` samples
    of cities give the intervals. None where the scheme has no probabilities.
    """
    # See app.charts.vega.of_picture.
    from airq.report import charts
    from airq.validation.scores import reliability

    rows = _rows(path, scheme, ["city_id", "observed", exceedance_column(level)]).dropna()
    if rows.empty:
        return None
    said = rows[[exceedance_column(level)]].to_numpy(dtype="float64")
    table = reliability(rows["observed"], said, [level], rows["city_id"], n_draws=n_draws)
    says = f"How often a day was above {level:g} µg/m³, by the probability that was told"
    return vega.of_picture(charts.reliability_of_thresholds(table.assign(scheme=scheme)), says, dark=dark)


def rows_picture(path, scheme, what, *, dark=False):
    """Draw the held-out rows of a scheme in one of the ways of :data:`ROWS`; None where there are none.

    `path` is held_out.parquet of an evaluation.
    """
    # See app.charts.vega.of_picture.
    from airq.report import charts

    if not set(HELD_OUT) <= set(_columns(path)):
        return None
    rows = _rows(path, scheme, HELD_OUT).dropna(subset=["observed", "default"])
    if rows.empty:
        return None
    rows["city"] = [shown(name, limit=24) for name in rows["city"].astype("str")]
    draw = {
        "observed": charts.observed_against_predicted,
        "cities": charts.error_map,
        "classes": charts.class_confusion,
    }
    return vega.of_picture(draw[what](rows, model="default"), ROWS[what][1], dark=dark)


def _rows(path, scheme, columns):
    """Read the held-out rows of a scheme; of repeated evaluations those of the first, as files do."""
    wanted = [("scheme", "=", scheme)] + [("repeat", "=", 0)] * ("repeat" in _columns(path))
    return pq.read_table(path, columns=columns, filters=wanted, partitioning=None).to_pandas()


def _columns(path):
    try:
        return pq.read_schema(path).names
    except pa.ArrowException as error:
        raise ValueError(f"{path} is not a whole Parquet file: {str(error).splitlines()[0][:120]}") from None
