"""Data: download any selection, predict cities of one's own, and how the numbers came about."""

import streamlit as st

from app import downloads, session, theme
from app.cube import EXCEEDANCE
from app.downloads import LICENCE
from app.provenance import citation, method_lines
from app.text import for_markdown, shown
from app.views.own_cities import own_cities
from app.views.saving import file_button, kind_box
from app.views.spans import span_box

LONG = 600
#: What a kind of file is good for.
KINDS_IN_WORDS = {
    "csv": "UTF-8 with a byte-order mark, as spreadsheets like it; unit, origin and licence stand in "
    "columns; cells that a spreadsheet would take for a formula begin with an apostrophe.",
    "parquet": "Units, origin and licence stand in the metadata; this app opens it again.",
    "geojson": "Points (WGS 84); units, origin and licence stand in the member “about”.",
}


def page():
    """Draw the page."""
    view = session.open_view("Data")
    store = view.store
    _download(store)
    own_cities(view, store, view.simulated)
    _method(store, view.simulated)


def _download(store):
    st.header("Download", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        city_ids = _cities(store)
    with right:
        start, end = span_box(store)
        form = _form_box(store)
    columns = _columns_box(store) if form == "each" else None
    kind = kind_box("data_kind")
    number = _number_of_rows(store, city_ids, start, end, form)
    words = _refusal(number, kind, columns)
    if words:
        st.info(words)
        return

    def rows():
        if form == "mean":
            return downloads.means(store, city_ids, start, end)
        return downloads.selection(store, city_ids, start, end, columns)

    facts = session.about(theme.span_words(start, end, store.period))
    words = f"Download {number:,} {'row' if number == 1 else 'rows'}"
    file_button(words, rows, facts, kind, stem="predictions", key="data_get")
    st.caption(KINDS_IN_WORDS[kind])


def _form_box(store):
    each = {"day": "day", "month": "month", "year": "year"}[store.period]
    return st.segmented_control(
        "A row for",
        ["each", "mean"],
        default="each",
        format_func={"each": f"each city and {each}", "mean": "each city: the mean"}.get,
        required=True,
        key="data_form",
    )


def _columns_box(store):
    possible, table = downloads.columns_of(store), downloads.index_of(store)
    return st.multiselect(
        "Columns beside place and day; probabilities of levels can be added",
        possible,
        default=[name for name in possible if not name.startswith(EXCEEDANCE)],
        format_func=lambda name: downloads.column_words(name, table),
        key="data_columns",
    )


def _number_of_rows(store, city_ids, start, end, form):
    known = store.days_known(start, end)
    if city_ids is not None:
        known = known[[store.row(one) for one in city_ids]]
    return int(known.sum() if form == "each" else (known > 0).sum())


def _refusal(number, kind, columns):
    if columns is not None and not columns:
        return "Choose at least one column."
    if number == 0:
        return "No prediction is in this selection."
    return downloads.too_many(number, kind)


def _cities(store):
    """Show the choice of cities; return their identifiers, or None for all."""
    cities = store.cities
    codes = sorted(cities["country"].unique(), key=theme.country_name)
    chosen = st.multiselect(
        "Countries",
        codes,
        format_func=lambda code: shown(theme.country_name(code)),
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
    st.markdown("\n".join(f"- {line}" for line in method_lines(store, simulated)))
    session.page_link("trust", "How good it is")
    sources = store.facts.get("sources")
    if isinstance(sources, list) and sources:
        st.markdown("**Sources that the model learned from**")
        st.markdown("\n".join(f"- {for_markdown(source, limit=200)}" for source in sources[:50]))
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
