"""Trust: how the model was judged, whether its intervals hold, where it applies, its card."""

import numpy as np
import streamlit as st

from airq.report import words
from airq.validation.schemes import ALL_SCHEMES, HEADLINES
from app import cube, evidence, maps, parts, session, theme
from app.charts import trust as charts
from app.text import for_markdown, safe_card

LONG = 600


def page():
    """Draw the page."""
    view = session.open_view("How far to trust it", needs=())
    store = session.store() if view.sources.predictions is not None else None
    try:
        found = evidence.gather(view.sources, store, session.facts)
    except (ValueError, OSError) as error:
        session.stop(error)
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
    sentences = []
    record = evidence.headline(found.records)
    if record is not None:
        sentences.append(evidence.said(words.error_sentence, record))
        covered = [
            one
            for one in found.coverage
            if one["scheme"] == record["scheme"] and one["part"] == "all" and one["period"] == "day"
        ]
        sentences += [evidence.said(words.coverage_sentence, one) for one in covered]
        sentences.append(evidence.said(words.applicability_sentence, record))
        sentences.append(evidence.said(words.worst_city_sentence, record))
    st.markdown("\n".join(f"- {sentence}" for sentence in filter(None, sentences)))
    st.caption(f"From {for_markdown(found.source)}.")


def _errors(found):
    st.header("Errors where it had no monitor", anchor=False)
    _chart(found, charts.errors(found.records, dark=parts.dark()), "trust_errors")
    st.markdown("\n".join(f"- {sentence}" for sentence in _scheme_sentences(found.records)))
    with st.expander("All figures"):
        table = charts.evaluation_table(found.records)
        digits = dict(words.FIGURES.values())
        st.dataframe(
            table,
            hide_index=True,
            placeholder=parts.NO_VALUE,
            column_config={
                name: st.column_config.NumberColumn(format=f"%.{digits[name]}f")
                for name in table.columns
                if digits.get(name) is not None
            },
        )
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
        st.markdown(f"The promise: {for_markdown(theme.with_page_units(promise), limit=LONG)}")
    if not days:
        st.info("No intervals were judged. `airq evaluate` judges them where there are enough places.")
        return
    schemes = list(dict.fromkeys(one["scheme"] for one in days))
    scheme = _scheme_box(schemes, "trust_coverage_scheme")
    st.markdown(
        "\n".join(
            f"- {evidence.said(words.coverage_sentence, one, found.coverage)}"
            for one in days
            if one["scheme"] == scheme
        )
    )
    judged = charts.coverage_parts(found.coverage, scheme)
    _chart(found, charts.coverage(judged, dark=parts.dark()), "trust_coverage")
    countries = sum(one["part"] == "country" for one in judged)
    more = ""
    if countries > charts.MOST_COUNTRIES:
        more = (
            f" Of {countries} countries the {charts.MOST_COUNTRIES} whose intervals held least are "
            "drawn; the table has all."
        )
    st.caption(
        "Right of the dashed line more days lay in their interval than promised. Classes of the WHO are by "
        f"the predicted value, as a reader knows it. Whiskers: 95 % if other places had been drawn.{more}"
    )
    with st.expander("All figures of the intervals"):
        table = charts.coverage_table(judged)
        st.dataframe(
            table,
            hide_index=True,
            placeholder=parts.NO_VALUE,
            column_config={
                name: st.column_config.NumberColumn(
                    format="localized" if name in ("Days", "Places") else "%.0f"
                )
                for name in table.columns[1:]
            },
        )


def _probabilities(found):
    if not found.exceedance:
        return
    st.header("Are the probabilities right?", anchor=False)
    scheme = _scheme_box(
        list(dict.fromkeys(one["scheme"] for one in found.exceedance)), "trust_probability_scheme"
    )
    records = [one for one in found.exceedance if one["scheme"] == scheme]
    first = next((one for one in records if one["threshold"] == words.GUIDELINE), records[0])
    st.markdown(evidence.said(words.exceedance_sentence, first))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Days above a level [µg/m³]**")
        _chart(found, charts.probabilities(records, dark=parts.dark()), "trust_probabilities")
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
        levels = charts.levels_of(found.held_out)
        if not levels:
            return
        level = st.selectbox(
            "When it said so, did it happen? Level",
            levels,
            index=levels.index(words.GUIDELINE) if words.GUIDELINE in levels else 0,
            format_func=lambda level: f"above {level:g} µg/m³",
            key="trust_level",
        )
        picture = _reliability_picture(*_file(found.held_out), scheme, level, dark=parts.dark())
    except (ValueError, OSError) as error:
        st.info(for_markdown(error, limit=LONG))
        return
    if picture is None:
        st.caption("This way of judging has no probabilities.")
        return
    _chart(found, picture, "trust_reliability")
    st.caption("On the dashed line it happened as often as said. Bars: 95 % if other places had been drawn.")


def _file(path):
    return str(path), cube.fingerprint(path)


@st.cache_data(show_spinner="Reading the held-out days …", max_entries=32)
def _reliability_picture(path, stamp, scheme, level, *, dark):
    return charts.reliability_picture(path, scheme, level, dark=dark)


@st.cache_data(show_spinner="Reading the held-out days …", max_entries=32)
def _rows_picture(path, stamp, scheme, what, *, dark):
    return charts.rows_picture(path, scheme, what, dark=dark)


def _held_out(found):
    """Show the pictures of single held-out days, which `airq evaluate` writes, too."""
    if found.held_out is None:
        return
    st.header("Held-out days", anchor=False)
    scheme = _scheme_box(list(dict.fromkeys(one["scheme"] for one in found.records)), "trust_rows_scheme")
    what = st.segmented_control(
        "Show",
        list(charts.ROWS),
        default="observed",
        required=True,
        format_func=lambda what: charts.ROWS[what][0],
        label_visibility="collapsed",
        key="trust_rows_what",
    )
    try:
        picture = _rows_picture(*_file(found.held_out), scheme, what, dark=parts.dark())
    except (ValueError, OSError) as error:
        st.info(for_markdown(error, limit=LONG))
        return
    if picture is None:
        st.caption("The file of held-out days has none of this way of judging.")
        return
    st.caption(charts.ROWS[what][1])
    with st.container(width=620):
        _chart(found, picture, "trust_rows")


def _scheme_box(schemes, key):
    if len(schemes) == 1:
        return schemes[0]
    best = next((one for one in HEADLINES if one in schemes), schemes[0])
    return st.selectbox(
        "Judged in",
        schemes,
        index=schemes.index(best),
        format_func=lambda scheme: evidence.question(scheme) if scheme in ALL_SCHEMES else scheme[:60],
        key=key,
    )


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
    layer = maps.Layer(share, charts.inside_scale(), inside=np.where(known, share >= 50, np.nan))
    picture = maps.points_map(store.cities, layer, dark=parts.dark())
    parts.show_map(picture, "trust_domain", height=480)
    parts.legend(layer.scale, hollow=True)
    sentences = [evidence.said(words.applicability_sentence, one) for one in evidence.ours(found.records)]
    if any(sentences):
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences if sentence))


def _card(bundle):
    session.facts()
    st.header("The card", anchor=False)
    card = bundle / "card.md"
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        st.info(f"The card of this bundle cannot be read: {for_markdown(error, limit=LONG)}")
        return
    with st.expander("What it learned from, how it works, its limits"):
        st.markdown(safe_card(theme.with_page_units(text)))
    st.download_button(
        "Download the card",
        text,
        file_name="card.md",
        mime="text/markdown",
        icon=":material/download:",
        on_click="ignore",
        key="trust_card",
    )
