"""The choice of a span of days that pages share, tied to the link."""

import pandas as pd
import streamlit as st

from app import session, theme
from app.session import link

#: Years to choose from beside one another; earlier ones are found by their days.
MOST_YEARS = 4


def span_box(store):
    """Show the choice of a span: all days, a year, the last 30 days, or days of one's own.

    Parameters
    ----------
    store : app.store.Store
        Predictions.

    Returns
    -------
    start, end : str
        Dates that the store has.
    """
    days = store.day_names
    start, end = sorted((link.choice("from", days, days[0]), link.choice("to", days, days[-1])))
    if len(days) == 1:
        return start, end
    known = spans(days, store.period)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state["span"] = next((name for name, span in known.items() if span == (start, end)), None)
        st.pills(
            "Period", list(known), key="span", on_change=lambda: _set(known.get(st.session_state["span"]))
        )
        _ends(store, start, end)
    return start, end


def _ends(store, start, end):
    """Show the first and the last day, or month or year."""
    if store.period != "day":
        st.session_state["ends"] = start, end
        st.select_slider(
            "From and to",
            store.day_names,
            key="ends",
            format_func=lambda day: theme.day_words(day, store.period),
            on_change=lambda: _set(st.session_state["ends"]),
        )
        return
    # A first day alone is one that waits for the last.
    if len(st.session_state.get("ends", ())) != 1:
        st.session_state["ends"] = pd.Timestamp(start).date(), pd.Timestamp(end).date()
    st.date_input(
        "From and to",
        min_value=store.dates[0].date(),
        max_value=store.dates[-1].date(),
        key="ends",
        format="YYYY-MM-DD",
        on_change=lambda: _set([session.near(day) for day in st.session_state["ends"]]),
        width=280,
    )


def _set(ends):
    if ends is not None and len(ends) == 2:
        link.set(**dict(zip(("from", "to"), ends, strict=True)))


def spans(days, period="day"):
    """Return spans to choose from, by name.

    Examples
    --------
    >>> spans(("2019-12-31", "2020-01-01"))
    {'All': ('2019-12-31', '2020-01-01'), '2019': ('2019-12-31', '2019-12-31'), '2020': ('2020-01-01', \
'2020-01-01')}
    """
    known = {"All": (days[0], days[-1])}
    years = sorted({day[:4] for day in days})
    if len(years) > 1 and period != "year":
        for year in years[-MOST_YEARS:]:
            inside = [day for day in days if day.startswith(year)]
            known[year] = (inside[0], inside[-1])
    month = f"{pd.Timestamp(days[-1]) - pd.Timedelta(days=29):%Y-%m-%d}"
    if period == "day" and days[0] < month:
        known["Last 30 days"] = (next(day for day in days if day >= month), days[-1])
    return known
