"""The app's entry point: the pages and how to go from one to another.

Run ``airq app``, or ``streamlit run app/main.py -- --predictions predictions.parquet``.
"""

import importlib
from pathlib import Path

import streamlit as st

from app import session, sources, style

#: Module of :mod:`app.views` -> heading in the menu, icon.
VIEWS = {
    "map": ("Map", ":material/map:"),
    "city": ("City", ":material/location_city:"),
    "countries": ("Countries", ":material/flag:"),
    "trust": ("Trust", ":material/verified:"),
    "imbalance": ("Imbalance", ":material/balance:"),
    "data": ("Data", ":material/download:"),
}
#: The page that the bare address opens.
FIRST = "map"
ICON = Path(__file__).parent / "static" / "icon.png"
STYLE = """
[data-testid=stMainBlockContainer] { padding-top: 4.5rem; padding-bottom: 2rem; }
/* The map must begin on the first screen of a telephone. */
[data-testid=stHeading] h1 { padding: 0.5rem 0 0.25rem; }
/* Streamlit's own download of a table lets formulas through; the app's buttons do not. Its picture of a
   chart has neither the legend nor the word SIMULATED, and its table of a chart no units. */
[data-testid=stElementToolbarButton]:has([aria-label^="Download as"], [aria-label^="Copy"],
  [aria-label="Show data"]) { display: none; }
[data-testid=stMetricValue] { font-size: 1.9rem; }
/* On a telephone the menu hides behind a sign without a name. */
[data-testid=stExpandSidebarButton]::after { content: "Menu"; margin-left: 0.3rem; font-size: 1rem; }
@media (max-width: 640px) {
  [data-testid=stMainBlockContainer] { padding-top: 3.6rem; }
  [data-testid=stHeading] h1 { font-size: 1.7rem; }
}
#vg-tooltip-element { overflow-wrap: anywhere; }
"""


def main():
    """Draw the menu and the page that is open."""
    st.set_page_config(page_title="PM2.5 of cities", page_icon=str(ICON), layout="wide")
    # Streamlit's own colours of captions, and of chosen entries on a dark page, are paler than people with
    # weak sight can read (WCAG 2.2, 1.4.3).
    tone = style.tones(session.dark())
    colours = (
        f"[data-testid=stCaptionContainer] {{ color: {tone['soft']}; opacity: 1; }}"
        f"[data-testid=stMultiSelect] [data-tag-index] * {{ color: {tone['page']}; }}"
    )
    st.html(f"<style>{STYLE}{colours}</style>")
    hidden = set() if _comparison_named() else {"imbalance"}
    pages = {
        name: st.Page(
            # What a page needs is loaded once it is visited.
            lambda name=name: importlib.import_module(f"app.views.{name}").page(),
            title=title,
            icon=icon,
            url_path="home" if name == FIRST else name,
            default=name == FIRST,
            visibility="hidden" if name in hidden else "visible",
        )
        for name, (title, icon) in VIEWS.items()
    }
    st.session_state["pages"] = pages
    # The first page is at the root; people guess its address from those of the others.
    guessed = st.Page(lambda: st.switch_page(pages[FIRST]), title="Map", url_path=FIRST, visibility="hidden")
    st.navigation([*pages.values(), guessed], position="top").run()


def _comparison_named():
    """Tell whether a comparison was named: a map of the air is no place for rare classes otherwise."""
    try:
        return sources.named().comparison is not None
    except ValueError:
        return False


if __name__ == "__main__":
    main()
