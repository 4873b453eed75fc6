"""Imbalance: what helps when the class that matters is rare, as compared, as published, on your own table."""

import hashlib
import shlex
from contextlib import closing
from dataclasses import replace

import streamlit as st

from airq.panel import ORIGINS
from app import comparisons, cube, jobs, parts, session, theme, uploads
from app.charts import comparison as charts
from app.charts import vega
from app.session import tied
from app.text import for_markdown, shown

#: Classes at most whose shares can be typed one by one.
MOST_SHARES = 6
PARTS = {"comparison": "The comparison", "own": "Your own table"}
#: Column of a table -> heading, format and help.
COLUMNS = {
    "strategy": ("Strategy", None, None),
    "model": ("Model", None, None),
    "rows": ("Rows", None, "What is done to the rows."),
    "ending": ("Probabilities", None, "As the model gives them (raw), or what is done to them."),
    "level": (
        "Best?",
        None,
        "May be the best: no other row is told to be better (Hsu's multiple comparisons).",
    ),
    "log_loss": ("Log loss", "%.4f", "In nats; lower is better."),
    "log_loss_sd": ("±", "%.4f", "Standard deviation."),
    "vs_none": ("Against none", "%+.4f", "Log loss minus that of none, in nats; below zero is better."),
    "ci_low": ("95 % low", "%+.4f", "End of the interval of the difference."),
    "ci_high": ("95 % high", "%+.4f", "End of the interval of the difference."),
    "low": ("95 % low", "%+.4f", "End of the interval of the difference, over families."),
    "high": ("95 % high", "%+.4f", "End of the interval of the difference, over families."),
    "published": ("Published", "%.4f", "Log loss on a private set, in nats, by its author."),
    "wins": ("Wins", "%d", "Folds with less log loss."),
    "mismatch": ("Mismatch", "%.3f", "How far the class shares it stands for are from yours; 0 = none."),
    "cost": ("Cost", "%.4f", "Expected cost of a row, every decision the one that costs least."),
    "vs_rows": (
        "Against rows as they are",
        "%+.4f",
        "Minus that of the same probabilities and rows as they are.",
    ),
    "rows_low": ("95 % low", "%+.4f", "End of its interval, over families."),
    "rows_high": ("95 % high", "%+.4f", "End of its interval, over families."),
    "brier": ("Brier", "%.4f", None),
    "auc": ("AUC", "%.4f", None),
    "average_precision": ("AP", "%.4f", "Average precision."),
    "calibration_slope": ("Slope", "%.2f", "Of logistic recalibration; 1 where nothing is to mend."),
    "calibration_intercept": ("Intercept", "%+.2f", "Of logistic recalibration; 0 where nothing is to mend."),
    "seconds": ("Seconds", "%.2f", None),
    "families": ("Families", "%d", "Sources of the sets; sets of one source count once."),
    "sets": ("Sets", "%d", None),
    "families_below": ("Below none", "%d", "Families with a mean below none."),
}
SHOW = {
    "differences": "Against none",
    "losses": "Log loss",
    "shares": "Class shares",
    "reliability": "Reliability",
    "sweep": "Other populations",
}
MOST_LINES = 6
LINES = ("as they are", "as they are+calibrated", "under-sample", "smote")


def page():
    """Draw the page."""
    opened = session.open_sources()
    # No predictions are shown here: what is simulated says so itself, the published and an upload are not.
    session.head("Rare classes")
    st.write(
        "Days of dangerous air are rare, and so is the class that matters in many tables. What helps: "
        "drawing other rows, weighing them, or correcting the probabilities afterwards?"
    )
    if opened.comparison is None:
        _alone()
    else:
        look = {"label_visibility": "collapsed", "required": True}
        part = tied(st.segmented_control, "Show", "part", PARTS, "comparison", **look)
        _own_table() if part == "own" else _given(opened)


def _alone():
    """Show what there is where no comparison was given: the published one, and an upload."""
    # The comparison of an upload has the published one beside it.
    if "imbalance_found" not in st.session_state:
        _published(None)
    st.header(PARTS["own"], anchor=False)
    _own_table()
    st.caption(
        "For a larger table, `imbalance compare table.csv --target class --out comparison` writes a "
        "comparison, and `airq app --comparison comparison` shows it here."
    )


def _given(opened):
    folder = opened.comparison
    try:
        found = _opened(str(folder), _stamp(folder), None)
    except (ValueError, OSError) as error:
        session.stop(error)
    st.header(for_markdown(theme.with_page_units(found.title), limit=120), anchor=False)
    if found.kind == "suite":
        found = _suite(found, folder)
    if _of_demonstration(opened) and not found.warnings:
        found = replace(found, notes=(*found.notes, ORIGINS["simulated"].warning))
    _draw(found, "given")


def _of_demonstration(opened):
    """Tell whether the comparison lies beside the files of a demonstration, of which it may be made."""
    if opened.simulated:
        return True
    beside = opened.predictions and opened.predictions.resolve().parent == opened.comparison.resolve().parent
    return bool(beside) and session.store().simulated


def _stamp(folder):
    path = folder / "table.json"
    return cube.fingerprint(path if path.is_file() else folder)


@st.cache_resource(show_spinner="Reading the comparison …", max_entries=8)
def _opened(folder, stamp, name):
    return comparisons.open_comparison(folder) if name is None else comparisons.open_set(folder, name)


def _suite(found, folder):
    """Let a set of a suite be chosen; return it, or the suite itself."""
    if not found.sets:
        return found
    name = st.selectbox(
        "Set",
        [None, *found.sets],
        key="imbalance_set",
        format_func=lambda one: "All sets together" if one is None else shown(one),
    )
    if name is None:
        return found
    try:
        return _opened(str(folder), _stamp(folder / name), name)
    except (ValueError, OSError) as error:
        session.stop(error)


def _own_table():
    st.write(
        f"Upload a table (CSV, at most {uploads.MOST_MB} MB, {uploads.MOST_ROWS:,} rows and "
        f"{uploads.MOST_COLUMNS} columns), a row a case. It is compared on this "
        "machine, with LightGBM, and not kept."
    )
    file = st.file_uploader(
        "Table",
        type=["csv"],
        max_upload_size=uploads.MOST_MB,
        key="imbalance_upload",
        label_visibility="collapsed",
    )
    if file is None:
        st.session_state.pop("imbalance_table", None)
        _shown_trial()
        return
    content = file.getvalue()
    try:
        upload = _parsed(content)
        asked = _choices(upload)
    except ValueError as error:
        st.error(for_markdown(str(error), limit=600), icon=":material/error:")
        return
    with st.expander("The same in a terminal"):
        command = ["imbalance", "compare", shown(file.name, limit=100), *asked, "--out", "comparison"]
        st.code(shlex.join(command), language="bash", wrap_lines=True)
    if st.button("Compare", icon=":material/play_arrow:", key="imbalance_run"):
        _run(content, asked, upload)
    _shown_trial()


def _parsed(content):
    """Return the upload of this session, read once."""
    mark = hashlib.sha256(content).hexdigest()
    held = st.session_state.get("imbalance_table")
    if held is None or held[0] != mark:
        st.session_state.pop("imbalance_found", None)
        held = st.session_state["imbalance_table"] = (mark, uploads.read_upload(content))
    return held[1]


def _choices(upload):
    """Show the choices; return them as arguments of `imbalance compare`."""
    names = list(upload.candidates)
    target = st.selectbox(
        "Column of the classes",
        names,
        index=len(names) - 1,
        key="imbalance_target",
        format_func=shown,
        help=f"Columns with 2 to {uploads.MOST_CLASSES} different values.",
    )
    rows = uploads.class_rows(upload, target)
    listed = ", ".join(f"{for_markdown(name, limit=30)} {n:,}" for name, n in rows.items())
    st.caption(f"{upload.rows:,} rows: {listed}")
    strategies = st.multiselect(
        "What is done to the rows, beside nothing",
        list(uploads.QUICK),
        default=["under-sample", "weights"],
        key="imbalance_strategies",
        max_selections=uploads.MOST,
        format_func=lambda name: f"{name}: {uploads.QUICK[name]}",
    )
    left, right = st.columns([3, 1])
    with left:
        prior = _target_prior(rows)
    with right:
        folds = st.segmented_control(
            "Folds", uploads.FOLDS, default=uploads.FOLDS[0], key="imbalance_folds", required=True
        )
    return uploads.comparison_arguments(target=target, target_prior=prior, strategies=strategies, folds=folds)


def _target_prior(rows):
    words = {"balanced": "All classes alike", "training": "As in the table", "own": "Other shares"}
    options = list(words) if len(rows) <= MOST_SHARES else list(words)[:2]
    prior = st.segmented_control(
        "Population to predict for",
        options,
        default="balanced",
        key="imbalance_prior",
        format_func=words.get,
        required=True,
        help="Log losses are of a population with these class shares.",
    )
    if prior != "own":
        return prior
    cells = st.columns(len(rows))
    given = {
        name: cell.number_input(
            for_markdown(name, limit=24), min_value=0.0, value=1.0, step=0.1, key=f"imbalance_share_{place}"
        )
        for place, (name, cell) in enumerate(zip(rows, cells, strict=True))
    }
    shares = uploads.target_shares(given)
    st.caption(
        "Shares: " + ", ".join(f"{for_markdown(name, limit=24)} {one:.1%}" for name, one in shares.items())
    )
    return shares


def _run(content, asked, upload):
    """Run the comparison with progress; leaving the page or pressing any button ends it."""
    st.session_state.pop("imbalance_found", None)
    bar = st.progress(0.0, text=jobs.COMPARISON.begins)
    st.button("Stop", key="imbalance_stop", icon=":material/stop:")
    try:
        with uploads.as_file(content) as path:
            result = path.with_name("result")
            with closing(jobs.COMPARISON.run(path, *asked, "--jobs", 1, "--out", result)) as steps:
                for step in steps:
                    of = f" ({step.done} of {step.total} fits)" if step.total else ""
                    bar.progress(step.share, text=f"{step.text}{of}")
            found, files = comparisons.open_comparison(result), comparisons.archive(result)
    except (ValueError, OSError) as error:
        st.error(for_markdown(str(error), limit=600), icon=":material/error:")
        return
    st.session_state["imbalance_found"] = (asked[1], upload.rows, found, files)
    st.rerun()


def _shown_trial():
    if "imbalance_found" not in st.session_state:
        return
    target, rows, found, files = st.session_state["imbalance_found"]
    st.header(f"{rows:,} rows, classes of {for_markdown(target)}", anchor=False)
    st.download_button(
        "All tables and pictures (ZIP)",
        files,
        "comparison.zip",
        "application/zip",
        key="imbalance_zip",
        icon=":material/download:",
        on_click="ignore",
    )
    _draw(found, "trial")


def _draw(found, key):
    """Draw everything about a comparison; the keys of its widgets begin with "imbalance_" and `key`."""
    for warning in found.warnings:
        st.warning(for_markdown(warning, limit=600), icon=":material/science:")
    charts_of = {
        "comparison": _comparison,
        "suite": _all_sets,
        "reproduction": _reproduction,
        "hazards": _hazards,
    }
    charts_of[found.kind](found, key)
    _sentences("What the figures support", found.findings)
    st.header("Table", anchor=False)
    _table(found.table, key)
    if found.caption:
        st.caption(for_markdown(theme.with_page_units(found.caption), limit=3000))
    _sentences("Notes", found.notes)
    if found.kind != "hazards":
        _published(found)


def _sentences(heading, sentences):
    if not sentences:
        return
    sentences = [for_markdown(theme.with_page_units(sentence), limit=1500) for sentence in sentences]
    first, rest = sentences[:6], sentences[6:]
    st.header(heading, anchor=False)
    st.markdown("\n".join(f"- {sentence}" for sentence in first))
    if rest:
        with st.expander(f"{len(rest)} more"):
            st.markdown("\n".join(f"- {sentence}" for sentence in rest[:200]))


def _table(table, key, *, name="table"):
    kept = table.rename(columns=lambda column: shown(column, limit=40))
    for column in kept.select_dtypes(["object", "str"]):
        kept[column] = kept[column].map(lambda value: shown(value) if isinstance(value, str) else value)
    config = {
        column: st.column_config.NumberColumn(heading, format=form, help=told)
        if form
        else st.column_config.CheckboxColumn(heading, help=told)
        if kept[column].dtype == bool
        else st.column_config.TextColumn(heading, help=told, pinned=column == "strategy")
        for column, (heading, form, told) in COLUMNS.items()
        if column in kept
    }
    config |= {
        column: st.column_config.NumberColumn(
            shown(column.replace("recall_", "Recall "), limit=40),
            format="%d" if (kept[column].dropna() % 1 == 0).all() else "%.3f",
        )
        for column in kept.select_dtypes("number")
        if column not in config
    }
    st.dataframe(
        kept, hide_index=True, column_config=config, key=f"imbalance_{key}_{name}", placeholder=parts.NO_VALUE
    )
    st.download_button(
        "Table (CSV)",
        comparisons.as_csv(table),
        f"{name}.csv",
        "text/csv",
        key=f"imbalance_{key}_{name}_csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _chart(found, chart, key):
    simulated = any(warning.startswith("SIMULATED") for warning in found.warnings)
    lines = (f"{found.title}. {comparisons.UNITS.capitalize()}. Made with airq.",)
    origin = vega.Origin(lines, simulated, comparisons.as_csv)
    parts.show_chart(chart, key, origin=origin)


@st.fragment
def _comparison(found, key):
    options = [name for name in SHOW if name != "shares" or found.scores is not None]
    show = st.segmented_control(
        "Chart",
        options,
        default="differences",
        key=f"imbalance_{key}_show",
        format_func=SHOW.get,
        label_visibility="collapsed",
        required=True,
    )
    dark = parts.dark()
    if show == "differences":
        _chart(found, charts.differences(found.table, dark=dark), f"imbalance_{key}_chart")
        st.caption("Left of zero is better than doing nothing. Bars: 95 % intervals, each for itself.")
        _pairs(found, key)
    elif show == "losses":
        _chart(found, charts.losses(found.table, dark=dark), f"imbalance_{key}_chart")
        st.caption("Lower is better. Bars: standard deviation over folds.")
    elif show == "shares":
        _chart(found, charts.class_shares(found.settings, found.scores, dark=dark), f"imbalance_{key}_chart")
        st.caption(
            "The shares that each strategy's probabilities stand for, after sampler, weights and correction. "
            "Those that match the target lose nothing to a wrong prior."
        )
    else:
        _curves(found, show, key, dark)


def _curves(found, show, key, dark):
    if show not in found.tables:
        picture = f"{show}.png"
        if picture in found.pictures:
            st.image(found.pictures[picture], caption=comparisons.PICTURES[picture])
        else:
            st.info("The folder has no numbers for this chart; write the comparison again to have them.")
        return
    chosen = _lines(found, key)
    if show == "sweep":
        _chart(
            found,
            charts.sweep(found.tables["sweep"], found.settings, chosen, dark=dark),
            f"imbalance_{key}_chart",
        )
        st.caption("Solid lines are corrected to each population; broken ones stay as they were trained.")
        return
    classes = found.settings["classes"]
    rarest = found.settings["rarest"]
    label = st.selectbox(
        "Class", classes, index=classes.index(rarest), key=f"imbalance_{key}_class", format_func=shown
    )
    figure = charts.reliability(found.tables["reliability"], chosen, label=label, dark=dark)
    _chart(found, figure, f"imbalance_{key}_chart")
    st.caption(
        "On the dashed line, what was told came true. Larger marks stand for more test rows; hollow ones for "
        f"fewer than {charts.FEWEST_IN_BIN}."
    )


def _lines(found, key):
    pairs = list(zip(found.table["strategy"], found.table["model"], strict=True))
    several = len({model for _, model in pairs}) > 1
    usual = [pair for pair in pairs if pair[0] in LINES][:MOST_LINES]
    return st.multiselect(
        "Strategies",
        pairs,
        default=usual,
        key=f"imbalance_{key}_lines",
        max_selections=MOST_LINES,
        format_func=lambda pair: shown(f"{pair[0]}, {pair[1]}" if several else pair[0]),
    )


def _pairs(found, key):
    if "differences" not in found.tables:
        return
    with st.expander("All pairs of strategies"):
        st.caption(
            "Log loss of the first minus that of the second, in nats: a 95 % interval for each pair by "
            "itself, and a wider one with all pairs judged together."
        )
        _table(found.tables["differences"], key, name="pairs")


def _all_sets(found, key):
    dark = parts.dark()
    _chart(found, charts.family_means(found.table, dark=dark), f"imbalance_{key}_families")
    if "sets" not in found.tables:
        return
    sets = found.tables["sets"]
    models = list(sets["model"].unique())
    model = models[0]
    if len(models) > 1:
        model = st.segmented_control(
            "Model", models, default=model, key=f"imbalance_{key}_model", required=True
        )
    st.header("On every set", anchor=False)
    figure = charts.set_differences(sets[sets["model"] == model], dark=dark)
    _chart(found, figure, f"imbalance_{key}_sets")
    st.caption(
        "Log loss minus that of none, in nats. Bold: the 95 % interval leaves zero out. Blue is better."
    )


def _reproduction(found, key):
    tables = list(found.table["table"].unique())
    chosen = st.segmented_control(
        "Table",
        tables,
        default=tables[0],
        key=f"imbalance_{key}_real",
        required=True,
        format_func=for_markdown,
    )
    figure = charts.differences(found.table[found.table["table"] == chosen], dark=parts.dark())
    _chart(found, figure, f"imbalance_{key}_recipes")
    st.caption(
        "The published recipes on a real table with the published class shares. Left of zero is better."
    )


def _hazards(found, key):
    if "curve" in found.tables:
        _chart(
            found, charts.alarm_curves(found.tables["curve"], dark=parts.dark()), f"imbalance_{key}_alarms"
        )
        st.caption("Higher and further left is better. Thresholds come from training places only.")
    if "methods" in found.tables:
        with st.expander("Ranks, probabilities, errors"):
            _table(found.tables["methods"], key, name="methods")


def _published(found):
    """Show the published log losses, with a comparison beside them unless it is None."""
    st.header(
        "The published comparison" if found is None else "Beside it: the published comparison", anchor=False
    )
    table = comparisons.published_table(found)
    config = {
        name: st.column_config.NumberColumn(
            f"{name[0].upper()}{name[1:]} [nats]", format="%+.4f" if "minus" in name else "%.4f"
        )
        for name in table.columns[1:]
    }
    config["recipe"] = st.column_config.TextColumn("Recipe")
    st.dataframe(
        table, hide_index=True, column_config=config, key="imbalance_published", placeholder=parts.NO_VALUE
    )
    st.caption(comparisons.PUBLISHED_WORDS)
    if found is not None and found.kind in ("comparison", "suite"):
        st.caption("The comparison here is of other rows: compare the order and the signs, not the values.")
