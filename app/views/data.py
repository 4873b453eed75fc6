"""Data: download any selection, predict cities of one's own, and how the numbers came about."""

import hashlib
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from airq.panel import ORIGINS
from app import downloads, jobs, parts, session, sources, style
from app.downloads import LICENCE, about_bundle, citation, method_lines
from app.session import span_box
from app.sources import EXCEEDANCE
from app.store import with_labels
from app.style import for_markdown, shown

LONG = 600
#: What a kind of file is good for.
KINDS_IN_WORDS = {
    "csv": "UTF-8 with a byte-order mark, as spreadsheets like it; unit, origin and licence stand in "
    "columns; cells that a spreadsheet would take for a formula begin with an apostrophe.",
    "parquet": "Units, origin and licence stand in the metadata; this app opens it again.",
    "geojson": "Points (WGS 84); units, origin and licence stand in the member “about”.",
}
TEMPLATE = "city,country,latitude,longitude\nKampala,Uganda,0.32,32.58\nNairobi,Kenya,-1.29,36.82\n"
#: Most rows of a list that the page shows.
LISTED = 500


def page():
    """Draw the page."""
    view = session.open_view("Data")
    store = view.store
    _download(store)
    _own_cities(view, store, view.simulated)
    _method(store, view.simulated)


def _download(store):
    st.header("Download", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        city_ids = _cities(store)
    with right:
        start, end = span_box(store)
        forms = {"each": f"each city and {store.period}", "mean": "each city: the mean"}
        form = session.switch("A row for", forms, "data_form")
    columns = _columns_box(store) if form == "each" else None
    kind = parts.format_box("data_kind")
    known = store.days_known(start, end)
    known = known if city_ids is None else known[[store.row(one) for one in city_ids]]
    number = int(known.sum() if form == "each" else (known > 0).sum())
    if words := _refusal(number, kind, columns):
        st.info(words)
        return

    def rows():
        if form == "mean":
            return downloads.means(store, city_ids, start, end)
        return downloads.selection(store, city_ids, start, end, columns)

    facts = session.about(style.span_words(start, end, store.period))
    words = f"Download {style.count_words(number, 'row')}"
    parts.rows_button(words, rows, facts, kind, stem="predictions", key="data_get")
    st.caption(KINDS_IN_WORDS[kind])


def _columns_box(store):
    possible, table = downloads.columns_of(store), downloads.index_of(store)
    return st.multiselect(
        "Columns beside place and day; probabilities of levels can be added",
        possible,
        default=[name for name in possible if not name.startswith(EXCEEDANCE)],
        format_func=lambda name: downloads.column_words(name, table),
        key="data_columns",
    )


def _refusal(number, kind, columns):
    if columns is not None and not columns:
        return "Choose at least one column."
    if number == 0:
        return "No prediction is in this selection."
    return downloads.too_many(number, kind)


def _cities(store):
    """Show the choice of cities; return their identifiers, or None for all."""
    cities = store.cities
    codes = sorted(cities["country"].unique(), key=style.country_name)
    chosen = st.multiselect(
        "Countries",
        codes,
        format_func=lambda code: shown(style.country_name(code)),
        placeholder="All countries",
        key="data_countries",
    )
    labels = cities["label"]
    possible = cities.index[cities["country"].isin(chosen)] if chosen else cities.index
    order = labels[possible].sort_values(key=lambda names: names.str.casefold()).index.tolist()
    rows = st.multiselect(
        "Cities",
        order,
        format_func=labels.tolist().__getitem__,
        placeholder="All cities of them" if chosen else "All cities",
        key="data_cities",
    )
    if rows:
        return cities["city_id"].iloc[rows].tolist()
    return cities["city_id"].loc[possible].tolist() if chosen else None


def _method(store, simulated):
    st.header("Method, sources, licence", anchor=False)
    st.markdown(style.listed(method_lines(store, simulated)))
    session.page_link("trust", "How good it is")
    used = store.facts.get("sources")
    if isinstance(used, list) and used:
        st.markdown("**Sources that the model learned from**")
        st.markdown(style.listed(for_markdown(source, limit=200) for source in used[:50]))
    st.markdown("**To cite**")
    st.code(citation(store), language=None, wrap_lines=True)
    licence = for_markdown(store.told("licence") or LICENCE, limit=LONG)
    st.markdown(f"**Licence.** {licence} Outlines of countries: Natural Earth, public domain.")
    st.markdown(
        "**Levels.** WHO global air quality guidelines 2021; US EPA air-quality index of 2012 and 2024."
    )
    if store.told("method"):
        # Another model than ours made them.
        return
    st.markdown(
        "**Methods.** Ke et al. 2017 (LightGBM), Prokhorenkova et al. 2018 (CatBoost), Cressie 1993 "
        "(kriging), Lee, Barber & Willett 2023 (hierarchical conformal prediction), Meyer & "
        "Pebesma 2021 (area of applicability)."
    )


def _own_cities(view, store, simulated):
    """Draw the part of the page that takes a list of cities."""
    st.header("Your own cities", anchor=False)
    st.markdown(
        "Upload a list of cities: CSV with the columns `city, country, latitude, longitude`, and `city_id` "
        "and `population` if they are known; at most 1 MB and 5,000 rows. It is read as data and not kept."
    )
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    with left:
        file = st.file_uploader("List of cities (CSV)", type=["csv"], max_upload_size=1, key="data_list")
    with right:
        name = "example_cities.csv"
        parts.download("An example of a list", TEMPLATE, name, "text/csv", "data_example", icon=None)
    if file is None:
        return
    try:
        cities = downloads.read_city_list(file.getvalue(), shown(file.name))
        if view.sources.panel is None or view.sources.bundle is None:
            _from_store(store, cities, simulated)
        else:
            _from_panel(view.sources, cities)
    except (ValueError, OSError) as error:
        st.error(for_markdown(error, limit=LONG), icon=":material/error:")


def _from_store(store, cities, simulated):
    found = downloads.match(cities, store.cities, key="city_id")
    st.markdown(downloads.match_words(found, "predictions that are open"))
    _found_table(found, store.cities.set_index("city_id")["label"])
    ids = list(dict.fromkeys(found["place"].dropna()))
    if ids:
        number = int(store.days_known()[[store.row(one) for one in ids]].sum())
        facts = downloads.about(store, simulated=simulated, span="uploaded list of cities")
        words, rows = f"Download their {number:,} predictions", lambda: downloads.selection(store, ids)
        _my_cities(words, number, rows, facts, "data_store")
    if (found["how"] == "").any():
        _what_to_run("The others need inputs, which a panel holds.")


def _from_panel(opened, cities):
    places = _places(str(opened.panel), sources.fingerprint(opened.panel))
    found = downloads.match(cities, places)
    st.markdown(downloads.match_words(found))
    _found_table(found, places.set_index("site_id")["label"])
    sites = sorted(set(found["place"].dropna()))
    if (found["how"] == "").any():
        _what_to_run("The panel has no inputs for the others.")
    if not sites:
        return
    days = int(places.set_index("site_id")["days"].reindex(sites).sum())
    if days > downloads.MOST_DAYS:
        st.info(
            f"These cities have {days:,} days in the panel; this page predicts at most "
            f"{downloads.MOST_DAYS:,} at once. Upload fewer cities, or run `airq predict panel.parquet "
            "--bundle bundle --out predictions.parquet`."
        )
        return
    asked = hashlib.sha256("|".join([session.model_stamp(), *sites]).encode()).hexdigest()
    if st.button(f"Predict {days:,} days of {style.count_words(len(sites), 'site')}", key="data_predict"):
        st.session_state["data_predicted"] = (asked, *_predict(opened, sites))
        st.rerun()
    kept = st.session_state.get("data_predicted")
    if kept is not None and kept[0] == asked:
        _predicted(*kept[1:])


def _predict(opened, sites):
    """Predict with progress; leaving the page or pressing any button ends it."""
    bar = st.progress(0.0, text=jobs.PREDICTION.begins)
    st.button("Stop", key="data_stop", icon=":material/stop:")
    facts = session.facts()
    with tempfile.TemporaryDirectory(prefix="airq-job-") as name:
        with closing(jobs.predict(Path(name), opened.panel, opened.bundle, sites)) as steps:
            for step in steps:
                bar.progress(step.share, text=step.text)
        rows = pd.read_parquet(Path(name, "rows.parquet"))
    return rows, about_bundle(facts, rows), sorted(set(sites) & set(facts["data"]["places"]))


def _predicted(rows, facts, trained):
    if warning := ORIGINS[facts["trained_on"]].warning:
        st.warning(warning)
    outside = ~np.asarray(rows["inside_domain"].fillna(True), dtype=bool)
    summary = rows.groupby(["city", "country"], as_index=False, sort=False).agg(
        days=("pm25", "size"),
        pm25=("pm25", "mean"),
        highest=("pm25", "max"),
        inside=("inside_domain", "mean"),
    )
    summary["inside"] = 100 * pd.to_numeric(summary["inside"]).astype("float64")
    summary["city"] = summary["city"].map(shown)
    summary["country"] = summary["country"].map(style.country_name)
    columns = {
        "city": ("City",),
        "country": ("Country",),
        "days": ("Days",),
        "pm25": ("Mean [µg/m³]", "%.1f"),
        "highest": ("Highest day [µg/m³]", "%.1f"),
        "inside": ("Days like the training [%]", "%.0f"),
    }
    parts.show_table(summary.head(LISTED), columns)
    if rows["lower"].isna().all():
        st.info("This bundle gives no intervals: too few places calibrate them.")
    if outside.any():
        st.warning(
            f"{outside.sum():,} of {len(rows):,} days lie outside what the model was trained on "
            "(`inside_domain` is false): there it guesses, and its intervals need not hold."
        )
    if trained:
        names = ", ".join(for_markdown(site, limit=30) for site in trained[:5])
        st.info(
            f"{len(trained):,} of these sites trained the model "
            f"({names}{' …' if len(trained) > 5 else ''}): there "
            "its predictions follow the monitor more closely than elsewhere."
        )
    _my_cities(f"Download {len(rows):,} predictions", len(rows), lambda: rows, facts, "data_predicted")


def _my_cities(label, number, rows, facts, key):
    """Show what downloads the predictions of uploaded cities; `rows` makes the table of so many."""
    kind = parts.format_box(f"{key}_kind")
    if words := downloads.too_many(number, kind):
        st.info(words)
    else:
        parts.rows_button(label, rows, facts, kind, stem="my_cities", key=f"{key}_get")


def _found_table(found, labels):
    """Show what was found for every city; `labels` names places by their identifier."""
    words = {"id": "by city_id", "position": "by position", "": "not found"}
    table = pd.DataFrame(
        {
            "City": found["city"].map(shown),
            "Country": found["country"].map(style.country_name),
            "Found": found["how"].map(words),
            "Place": found["place"].map(labels).fillna(""),
            "Away": found["distance"],
            "Identifier": found["place"].map(shown, na_action="ignore").fillna(""),
        }
    ).sort_values("Found", key=lambda how: how != "not found", kind="stable")
    columns = {
        "Place": (None, None, "What was found, as the app calls it."),
        "Away": ("Away [km]", "%.1f", "Distance of the nearest place, or of the one that was found."),
    }
    parts.show_table(table.head(LISTED), columns, most=260)
    if len(table) > LISTED:
        st.caption(f"The first {LISTED} of {len(table):,}.")


def _what_to_run(words):
    st.info(
        f"{words} To make one from satellites and weather, and predictions from it, for days of yours, run:"
    )
    st.code(
        "airq extract --cities cities.csv --start 2020-01-01 --end 2020-12-31 --out features --ee-project P\n"
        "airq predict features/panel.parquet --bundle bundle --out predictions.parquet\n"
        "airq app --predictions predictions.parquet --panel features/panel.parquet --bundle bundle",
        language="bash",
        wrap_lines=True,
    )


@st.cache_resource(show_spinner="Looking for the sites of the panel …", max_entries=1)
def _places(path, stamp):
    return with_labels(downloads.panel_places(path))
