"""The choice of a span of days that pages share, tied to the link."""

import pandas as pd
import streamlit as st

from app import session, theme
from app.session import link
from app.text import for_markdown

OWN = "own"
MOST_YEARS = 12


def span_box(store, *, key, label="Period"):
    """Choice of a span: all days, a year, the last month, or days of one's own.

    Parameters
    ----------
    store : app.store.Store
        Predictions.
    key : str
        Begins the names of the widgets.
    label : str
        Label.

    Returns
    -------
    start, end : str
        Dates that the store has.
    """
    days = session.day_names()
    start, end = link.choice("from", set(days), days[0]), link.choice("to", set(days), days[-1])
    start, end = min(start, end), max(start, end)
    for asked in link.warnings().values():
        st.warning(f"The link asks for “{for_markdown(asked)}”, which is not here; the usual one is shown.")
    if len(days) == 1:
        return start, end
    known = spans(days, store.period)
    own = st.session_state.get(f"{key}_own", False)
    here = next((name for name, span in known.items() if span == (start, end)), OWN)
    st.session_state[f"{key}_span"] = OWN if own else here

    def chosen():
        name = st.session_state[f"{key}_span"]
        st.session_state[f"{key}_own"] = name == OWN
        if name in known:
            link.set(**dict(zip(("from", "to"), known[name], strict=True)))

    name = st.selectbox(
        label,
        [*known, OWN],
        key=f"{key}_span",
        format_func=lambda name: theme.by_period("Days of your own", store.period) if name == OWN else name,
        on_change=chosen,
    )
    if name == OWN:
        _ends(days, {"from": start, "to": end}, store.period, key)
    return start, end


def _ends(days, ends, period, key):
    """First and last day; whichever is set beyond the other takes the other with it."""
    for column, (name, label) in zip(st.columns(2), {"from": "From", "to": "To"}.items(), strict=True):
        widget = f"{key}_{name}"
        st.session_state[widget] = ends[name]
        column.selectbox(
            label,
            days,
            key=widget,
            format_func=lambda day: theme.day_words(day, period),
            on_change=_moved,
            args=(name, widget, ends),
        )


def _moved(name, widget, ends):
    chosen = st.session_state[widget]
    other = max(chosen, ends["to"]) if name == "from" else min(chosen, ends["from"])
    link.set(**{name: chosen, "to" if name == "from" else "from": other})


def spans(days, period="day"):
    """Spans to choose from, by name.

    Examples
    --------
    >>> spans(("2019-12-31", "2020-01-01"))
    {'All (31 December 2019 to 1 January 2020)': ('2019-12-31', '2020-01-01'), '2019': ('2019-12-31', \
'2019-12-31'), '2020': ('2020-01-01', '2020-01-01')}
    """
    known = {f"All ({theme.span_words(days[0], days[-1], period)})": (days[0], days[-1])}
    years = sorted({day[:4] for day in days})
    if 1 < len(years) <= MOST_YEARS and period != "year":
        for year in years:
            inside = [day for day in days if day.startswith(year)]
            known[year] = (inside[0], inside[-1])
    month = f"{pd.Timestamp(days[-1]) - pd.Timedelta(days=29):%Y-%m-%d}"
    if period == "day" and days[0] < month:
        known["The last 30 days"] = (next(day for day in days if day >= month), days[-1])
    return known
