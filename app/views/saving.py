"""The choice of a format and the button that saves a file, as the pages share them."""

import streamlit as st

from app import downloads
from app.downloads import MIME

KINDS = {"csv": "CSV (spreadsheets)", "parquet": "Parquet (programs)", "geojson": "GeoJSON (maps)"}


def file_button(label, rows, facts, kind, *, stem, key):
    """Show a button for a file that is written only when it is asked for."""
    st.download_button(
        label,
        lambda: downloads.WRITERS[kind](rows(), facts),
        file_name=downloads.file_name(facts, kind, stem),
        mime=MIME[kind],
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )


def kind_box(key):
    """Show the choice of a format; return a key of :data:`KINDS`."""
    return st.segmented_control(
        "Format", list(KINDS), default="csv", format_func=KINDS.get, required=True, key=key
    )
