"""Imbalance: what helps when the class that matters is rare, as compared, as published, on your own table."""

import hashlib
import shlex
from contextlib import closing
from dataclasses import replace

import streamlit as st

from airq.panel import ORIGINS
from app import comparisons, cube, jobs, session, theme, uploads
from app.session import tied
from app.text import for_markdown, shown
from app.views.comparison import draw, published

#: Classes at most whose shares can be typed one by one.
MOST_SHARES = 6
PARTS = {"comparison": "The comparison", "own": "Your own table"}


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
    elif _part() == "own":
        _own_table()
    else:
        _given(opened)


def _part():
    look = {"label_visibility": "collapsed", "required": True}
    return tied(st.segmented_control, "Show", "part", PARTS, "comparison", **look)


def _alone():
    """Show what there is where no comparison was given: the published one, and an upload."""
    # The comparison of an upload has the published one beside it.
    if "imbalance_found" not in st.session_state:
        published(None)
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
    draw(found, "given")


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
    draw(found, "trial")
