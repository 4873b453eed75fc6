"""Imbalance: what helps when the class that matters is rare, as compared, as published, on your own table.

An uploaded table is read as data and nothing else, within limits that are checked before it is parsed.
"""

import hashlib
import shlex
import tempfile
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from airq.files.tables import find_header, read_file
from airq.panel import ORIGINS
from app import comparisons, jobs, parts, session, sources, style
from app.charts import vega
from app.parts import download
from app.session import BARE, switch, tied
from app.style import for_markdown, shown
from imbalance.reading import labels

#: Classes at most whose shares can be typed one by one.
MOST_SHARES = 6
PARTS = {"comparison": "The comparison", "own": "Your own table"}
#: Column of a table -> heading, format and help.
COLUMNS = {
    "strategy": ("Strategy",),
    "model": ("Model",),
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
    "brier": ("Brier", "%.4f"),
    "auc": ("AUC", "%.4f"),
    "average_precision": ("AP", "%.4f", "Average precision."),
    "calibration_slope": ("Slope", "%.2f", "Of logistic recalibration; 1 where nothing is to mend."),
    "calibration_intercept": ("Intercept", "%+.2f", "Of logistic recalibration; 0 where nothing is to mend."),
    "seconds": ("Seconds", "%.2f"),
    "families": ("Families", "%d", "Sources of the sets; sets of one source count once."),
    "sets": ("Sets", "%d"),
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
#: Limits of a table. [MB, rows, columns, classes]
MOST_MB, MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 5, 20_000, 200, 20
#: What is done to the rows, where it takes few fits; "as they are" is always compared with. Probabilities are
#: raw, corrected, and calibrated and corrected.
QUICK = {
    "under-sample": "cut every class to the rows of the rarest",
    "drop-majority": "drop 5/6 of the largest class",
    "weights": "weigh rows so that all classes count alike",
    "smote": "add made-up rows to the small classes (SMOTE)",
}
FEWEST, MOST = 1, 4
FOLDS = (3, 5)


def page():
    """Draw the page."""
    opened = session.open_sources()
    # No predictions are shown here: what is simulated says so itself, the published and an upload are not.
    session.head("Rare classes")
    st.write(
        "Days of dangerous air are rare, and so is the class that matters in many tables. What helps: "
        "drawing other rows, weighing them, or correcting the probabilities afterwards?"
    )
    if opened.comparison is not None:
        part = tied(st.segmented_control, "Show", "part", PARTS, "comparison", **BARE)
        _own_table() if part == "own" else _given(opened)
        return
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
    found = _read(opened.comparison)
    st.header(for_markdown(style.with_page_units(found.title), limit=120), anchor=False)
    if found.sets:
        names = {None: "All sets together"} | {name: shown(name) for name in found.sets}
        name = st.selectbox("Set", list(names), key="imbalance_set", format_func=names.get)
        found = found if name is None else _read(opened.comparison, name)
    # Beside the files of a demonstration it may be made of them.
    beside = opened.predictions and opened.predictions.resolve().parent == opened.comparison.resolve().parent
    simulated = opened.simulated or (beside and session.store().simulated)
    if simulated and not found.warnings:
        found = replace(found, notes=(*found.notes, ORIGINS["simulated"].warning))
    _draw(found, "given")


def _read(folder, name=None):
    """Return the comparison in a folder, or a set of a suite; else say why not, and stop."""
    inside = folder / (name or "")
    table = inside / "table.json"
    try:
        return _opened(str(folder), sources.fingerprint(table if table.is_file() else inside), name)
    except (ValueError, OSError) as error:
        session.stop(error)


@st.cache_resource(show_spinner="Reading the comparison …", max_entries=8)
def _opened(folder, stamp, name):
    return comparisons.open_comparison(folder) if name is None else comparisons.open_set(folder, name)


def _own_table():
    st.write(
        f"Upload a table (CSV, at most {MOST_MB} MB, {MOST_ROWS:,} rows and {MOST_COLUMNS} columns), a row a "
        "case. It is compared on this machine, with LightGBM, and not kept."
    )
    look = {"max_upload_size": MOST_MB, "label_visibility": "collapsed"}
    file = st.file_uploader("Table", type=["csv"], key="imbalance_upload", **look)
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
        held = st.session_state["imbalance_table"] = (mark, read_upload(content))
    return held[1]


def _choices(upload):
    """Show the choices; return them as arguments of `imbalance compare`."""
    names = list(upload)
    help = f"Columns with 2 to {MOST_CLASSES} different values."
    look = {"key": "imbalance_target", "format_func": shown, "help": help}
    target = st.selectbox("Column of the classes", names, len(names) - 1, **look)
    rows = class_rows(upload, target)
    listed = ", ".join(f"{for_markdown(name, limit=30)} {n:,}" for name, n in rows.items())
    st.caption(f"{len(upload):,} rows: {listed}")
    strategies = st.multiselect(
        "What is done to the rows, beside nothing",
        list(QUICK),
        default=["under-sample", "weights"],
        key="imbalance_strategies",
        max_selections=MOST,
        format_func=lambda name: f"{name}: {QUICK[name]}",
    )
    left, right = st.columns([3, 1])
    with left:
        prior = _target_prior(rows)
    with right:
        folds = switch("Folds", FOLDS, "imbalance_folds")
    return comparison_arguments(target=target, target_prior=prior, strategies=strategies, folds=folds)


def _target_prior(rows):
    words = {"balanced": "All classes alike", "training": "As in the table"}
    words |= {"own": "Other shares"} if len(rows) <= MOST_SHARES else {}
    help = "Log losses are of a population with these class shares."
    prior = switch("Population to predict for", words, "imbalance_prior", help=help)
    if prior != "own":
        return prior
    given = {}
    for place, (name, cell) in enumerate(zip(rows, st.columns(len(rows)), strict=True)):
        look = {"min_value": 0.0, "value": 1.0, "step": 0.1, "key": f"imbalance_share_{place}"}
        given[name] = cell.number_input(for_markdown(name, limit=24), **look)
    shares = target_shares(given)
    listed = (f"{for_markdown(name, limit=24)} {one:.1%}" for name, one in shares.items())
    st.caption(f"Shares: {', '.join(listed)}")
    return shares


def _run(content, asked, upload):
    """Run the comparison with progress; leaving the page or pressing any button ends it."""
    st.session_state.pop("imbalance_found", None)
    bar = st.progress(0.0, text=jobs.COMPARISON.begins)
    st.button("Stop", key="imbalance_stop", icon=":material/stop:")
    try:
        with as_file(content) as path:
            result = path.with_name("result")
            with closing(jobs.COMPARISON.run(path, *asked, "--jobs", 1, "--out", result)) as steps:
                for step in steps:
                    of = f" ({step.done} of {step.total} fits)" if step.total else ""
                    bar.progress(step.share, text=f"{step.text}{of}")
            found, files = comparisons.open_comparison(result), comparisons.archive(result)
    except (ValueError, OSError) as error:
        st.error(for_markdown(str(error), limit=600), icon=":material/error:")
        return
    st.session_state["imbalance_found"] = (asked[1], len(upload), found, files)
    st.rerun()


def _shown_trial():
    if "imbalance_found" not in st.session_state:
        return
    target, rows, found, files = st.session_state["imbalance_found"]
    st.header(f"{rows:,} rows, classes of {for_markdown(target)}", anchor=False)
    download("All tables and pictures (ZIP)", files, "comparison.zip", "application/zip", "imbalance_zip")
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
        st.caption(for_markdown(style.with_page_units(found.caption), limit=3000))
    _sentences("Notes", found.notes)
    if found.kind != "hazards":
        _published(found)


def _sentences(heading, sentences):
    if not sentences:
        return
    sentences = [for_markdown(style.with_page_units(sentence), limit=1500) for sentence in sentences]
    st.header(heading, anchor=False)
    st.markdown(style.listed(sentences[:6]))
    if rest := sentences[6:]:
        with st.expander(f"{len(rest)} more"):
            st.markdown(style.listed(rest[:200]))


def _table(table, key, *, name="table"):
    kept = table.rename(columns=lambda column: shown(column, limit=40))
    for column in kept.select_dtypes(["object", "str"]):
        kept[column] = kept[column].map(lambda value: shown(value) if isinstance(value, str) else value)
    others = {
        column: (
            shown(column.replace("recall_", "Recall "), limit=40),
            "%d" if (kept[column].dropna() % 1 == 0).all() else "%.3f",
        )
        for column in kept.select_dtypes("number")
    }
    parts.show_table(kept, others | COLUMNS, pinned="strategy", key=f"imbalance_{key}_{name}")
    csv = comparisons.as_csv(table)
    download("Table (CSV)", csv, f"{name}.csv", "text/csv", f"imbalance_{key}_{name}_csv")


def _chart(found, draw, *what, key, says="", **look):
    """Show a chart of :mod:`app.comparisons` and what it says."""
    simulated = any(warning.startswith("SIMULATED") for warning in found.warnings)
    lines = (f"{found.title}. {comparisons.UNITS.capitalize()}. Made with airq.",)
    origin = vega.Origin(lines, simulated, comparisons.as_csv)
    parts.show_chart(draw(*what, **look, dark=session.dark()), f"imbalance_{key}", origin=origin)
    if says:
        st.caption(says)


@st.fragment
def _comparison(found, key):
    options = {name: words for name, words in SHOW.items() if name != "shares" or found.scores is not None}
    show = switch("Chart", options, f"imbalance_{key}_show", label_visibility="collapsed")
    here = f"{key}_chart"
    if show == "differences":
        says = "Left of zero is better than doing nothing. Bars: 95 % intervals, each for itself."
        _chart(found, comparisons.differences, found.table, key=here, says=says)
        _pairs(found, key)
    elif show == "losses":
        says = "Lower is better. Bars: standard deviation over folds."
        _chart(found, comparisons.losses, found.table, key=here, says=says)
    elif show == "shares":
        says = (
            "The shares that each strategy's probabilities stand for, after sampler, weights and correction. "
            "Those that match the target lose nothing to a wrong prior."
        )
        _chart(found, comparisons.class_shares, found.settings, found.scores, key=here, says=says)
    elif show in found.tables:
        _curves(found, show, key)
    elif (picture := f"{show}.png") in found.pictures:
        st.image(found.pictures[picture], caption=comparisons.PICTURES[picture])
    else:
        st.info("The folder has no numbers for this chart; write the comparison again to have them.")


def _curves(found, show, key):
    chosen, table = _lines(found, key), found.tables[show]
    if show == "sweep":
        says = "Solid lines are corrected to each population; broken ones stay as they were trained."
        _chart(found, comparisons.sweep, table, found.settings, chosen, key=f"{key}_chart", says=says)
        return
    classes = found.settings["classes"]
    usual = classes.index(found.settings["rarest"])
    label = st.selectbox("Class", classes, usual, key=f"imbalance_{key}_class", format_func=shown)
    says = (
        "On the dashed line, what was told came true. Larger marks stand for more test rows; hollow ones for "
        f"fewer than {comparisons.FEWEST_IN_BIN}."
    )
    _chart(found, comparisons.reliability, table, chosen, label=label, key=f"{key}_chart", says=says)


def _lines(found, key):
    pairs = list(zip(found.table["strategy"], found.table["model"], strict=True))
    several = len({model for _, model in pairs}) > 1
    return st.multiselect(
        "Strategies",
        pairs,
        default=[pair for pair in pairs if pair[0] in LINES][:MOST_LINES],
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
    _chart(found, comparisons.family_means, found.table, key=f"{key}_families")
    if "sets" not in found.tables:
        return
    sets = found.tables["sets"]
    models = list(sets["model"].unique())
    model = switch("Model", models, f"imbalance_{key}_model") if len(models) > 1 else models[0]
    st.header("On every set", anchor=False)
    says = "Log loss minus that of none, in nats. Bold: the 95 % interval leaves zero out. Blue is better."
    one = sets[sets["model"] == model]
    _chart(found, comparisons.set_differences, one, key=f"{key}_sets", says=says)


def _reproduction(found, key):
    names = {name: for_markdown(name) for name in found.table["table"].unique()}
    chosen = switch("Table", names, f"imbalance_{key}_real")
    says = "The published recipes on a real table with the published class shares. Left of zero is better."
    one = found.table[found.table["table"] == chosen]
    _chart(found, comparisons.differences, one, key=f"{key}_recipes", says=says)


def _hazards(found, key):
    if "curve" in found.tables:
        says = "Higher and further left is better. Thresholds come from training places only."
        _chart(found, comparisons.alarm_curves, found.tables["curve"], key=f"{key}_alarms", says=says)
    if "methods" in found.tables:
        with st.expander("Ranks, probabilities, errors"):
            _table(found.tables["methods"], key, name="methods")


def _published(found):
    """Show the published log losses, with a comparison beside them unless it is None."""
    heading = "The published comparison" if found is None else "Beside it: the published comparison"
    st.header(heading, anchor=False)
    table = comparisons.published_table(found)
    columns = {
        name: (f"{style.first_capital(name)} [nats]", "%+.4f" if "minus" in name else "%.4f")
        for name in table.columns[1:]
    }
    parts.show_table(table, columns | {"recipe": ("Recipe",)}, key="imbalance_published")
    st.caption(comparisons.PUBLISHED_WORDS)
    if found is not None and found.kind in ("comparison", "suite"):
        st.caption("The comparison here is of other rows: compare the order and the signs, not the values.")


def read_upload(content):
    """Return the columns of an uploaded CSV that could be the classes, those of 2 to 20 different values.

    It is read as text, within limits that are checked before anything is parsed. ValueError if it is too
    large, no table, or has no such column.

    >>> read_upload(b"size,kind\\n1,a\\n2,b\\n3,a\\n")["kind"].tolist()
    ['a', 'b', 'a']
    """
    check_size(content)
    with as_file(content) as path:
        table = read_file(path, text=_header(content))
    if len(table) > MOST_ROWS or table.shape[1] > MOST_COLUMNS:
        raise ValueError(_too_large(f"{len(table):,} rows of {table.shape[1]:,} columns"))
    if table.shape[1] < 2:
        raise ValueError(
            "The file has one column only; a column of classes and others to learn from are needed."
        )
    kept = [name for name in table if 2 <= table[name].nunique() <= MOST_CLASSES]
    if not kept:
        raise ValueError(f"No column has 2 to {MOST_CLASSES} different values, so none can be the classes.")
    return table[kept].astype("str").astype("category")


def check_size(content):
    """Refuse more bytes, lines or columns than a table may have, before it is parsed."""
    if len(content) > MOST_MB * 1_000_000:
        raise ValueError(_too_large(f"{len(content) / 1e6:.1f} MB"))
    lines = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    if lines > MOST_ROWS + 1:
        raise ValueError(_too_large(f"{lines:,} lines"))
    names = _header(content)
    if len(names) > MOST_COLUMNS:
        raise ValueError(_too_large(f"{len(names):,} columns"))


def _too_large(what):
    return (
        f"The file has {what}; at most {MOST_MB} MB, {MOST_ROWS:,} rows and {MOST_COLUMNS} columns are taken "
        "here. For more, use `imbalance compare` in a terminal."
    )


def _header(content):
    """Return names in the header of a file, or none where it has no header."""
    try:
        return find_header(content.decode("utf-8-sig", errors="replace"), "The file").names
    except ValueError:
        return []


@contextmanager
def as_file(content):
    """Keep the upload under a name of our own; messages call it "The file"."""
    with tempfile.TemporaryDirectory(prefix="airq-upload-") as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(content)
        try:
            yield path
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(path), "The file")) from None


def class_rows(upload, target):
    """Count the rows of every class of a column, by label.

    ValueError if the column cannot be the classes: a label is missing, or it looks continuous.
    """
    found = labels(upload[target].astype("str"), name=target)
    counts = pd.Series(found).value_counts().sort_index()
    return {str(label): int(n) for label, n in counts.items()}


def target_shares(given):
    """Scale numbers by class to shares that sum to one; ValueError if one is not above zero.

    >>> target_shares({"a": 3, "b": 1})
    {'a': 0.75, 'b': 0.25}
    """
    for name, share in given.items():
        if not share > 0:
            raise ValueError(f"The share of {name} must be above zero.")
    total = sum(given.values())
    return {name: share / total for name, share in given.items()}


def comparison_arguments(*, target, target_prior, strategies, folds):
    """Return what was chosen, as arguments of `imbalance compare`; ValueError for what is not on offer.

    `target` is the column of the classes, `target_prior` the population to predict for ("balanced",
    "training" or shares by class), `strategies` are one to four of :data:`QUICK`, `folds` is one of
    :data:`FOLDS`.

    >>> shares = {"a": 0.75, "b": 0.25}
    >>> print(*comparison_arguments(target="late", target_prior=shares, strategies=["smote"], folds=3))
    --target late --target-prior a=0.75,b=0.25 --models lightgbm --rows none,smote --folds 3 --repeats 1
    """
    if not FEWEST <= len(strategies) <= MOST or not set(strategies) <= set(QUICK):
        raise ValueError(f"Choose {FEWEST} to {MOST} of {', '.join(QUICK)}.")
    if folds not in FOLDS:
        raise ValueError(f"Choose {FOLDS[0]} or {FOLDS[1]} folds.")
    if isinstance(target_prior, dict):
        target_prior = ",".join(f"{label}={share:.6g}" for label, share in target_prior.items())
    chosen = {"--target": target, "--target-prior": target_prior, "--models": "lightgbm"}
    chosen |= {"--rows": ",".join(["none", *strategies]), "--folds": str(folds), "--repeats": "1"}
    return [part for option in chosen.items() for part in option]
