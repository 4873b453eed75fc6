"""What the pages share: the files that are open, the link in the address bar, and boxes that follow it."""

from __future__ import annotations

import functools
import importlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from airq.panel import MEDIAN_WARNING, ORIGINS
from airq.units import PM25_UNIT
from airq.workflows.app import EXAMPLES
from app import downloads, maps, scales, sources, style
from app.charts import vega
from app.series import lengths
from app.store import Store, largest
from app.style import age_words, for_markdown, short_path, words_of

SIMULATED = (
    "**SIMULATED.** These numbers describe a simulated atmosphere, not the air of any city. "
    "They show what the app does."
)
#: What an example is and costs, for those who choose.
ABOUT_EXAMPLES = {
    "south-africa": "Real places and days, opened at once: what a model of 2020 predicted, as it was "
    "published. Points of an index, no concentrations; the last day is 1 August 2020.",
    "demonstration": "Not the air of any city: the app simulates an atmosphere, judges and trains a model on "
    "cities with sensors and predicts cities without. It takes some minutes, once, and shows every page.",
}
#: The address is the browser's to read: parts of a page change it without the rest.
COPY_LINK = st.components.v2.component(
    "copy_link",
    html="<button type=button>Copy link</button>",
    css="""button { font: inherit; font-size: .9rem; color: var(--st-text-color); cursor: pointer;
        background: none; border: 1px solid var(--st-border-color); border-radius: .25rem;
        padding: .3rem .8rem; white-space: nowrap }""",
    js="""export default ({parentElement}) => {
        const button = parentElement.querySelector("button");
        button.onclick = () => (navigator.clipboard?.writeText(location.href) ?? Promise.reject()).then(
            () => { button.textContent = "Link copied"; },
            () => window.prompt("Link to what is shown", location.href));
    }""",
)
#: What was chosen, among the state of a session.
CHOSEN = ("link", "playing")
#: What reads a file of a kind, in modules that are loaded only for such a file, and how many files of the
#: kind are kept in memory for all sessions.
READERS = {
    "predictions": ("app.store", "open_store", 2),
    "panel": ("app.evidence", "read_observations", 1),
    "surface": ("app.maps", "open_surface", 2),
    "bundle": ("airq.bundle_metadata", "read_metadata", 1),
    "calibration": ("app.evidence", "read_calibration", 1),
    "answers": ("app.jobs", "Answers", 1),
}
BUNDLE_JSON = "bundle.json"
CALIBRATION = "calibration.parquet"
#: Look of a switch whose label only screen readers need.
BARE = {"label_visibility": "collapsed", "required": True}
#: Years to choose from beside one another; earlier ones are found by their days.
MOST_YEARS = 4
#: More than a page has below its title. [elements]
MANY = 50
LONG = 600


@dataclass(frozen=True)
class View:
    """What a page has to draw with: the store, or None where the page does not need predictions."""

    store: Store | None
    sources: sources.Sources

    @property
    def simulated(self):
        """Whether the numbers are simulated."""
        return self.sources.simulated or self.store.simulated


class Link:
    """What a page shows, kept in its address so that a link to it shows the same later, and elsewhere.

    Streamlit's own binding of widgets leaves defaults out, which follow the file: tomorrow's newest day is
    another one. A value of the address counts only if it is one of the options; others are told in words.
    """

    @property
    def chosen(self):
        """What was chosen in this session, by name."""
        return st.session_state.setdefault("link", {})

    def choice(self, name, options, default):
        """Return what the address says of a name, else what was chosen before, else `default`; it is kept."""
        asked = st.query_params.get(name, self.chosen.get(name, default))
        if asked not in options:
            if name in st.query_params:
                words = f"The link asks for the {name} “{for_markdown(asked)}”, which is not here"
                instead = "." if default is None else "; the usual one is shown."
                st.session_state.get("below_title", st).warning(words + instead)
            asked = default
        self.set(**{name: asked})
        return asked

    def choices(self, name, options, most):
        """Return those of the options that are chosen under a name, none by default; see :meth:`choice`."""
        asked = st.query_params.get_all(name) or self.chosen.get(name, [])
        kept = [one for one in dict.fromkeys(asked) if one in options][:most]
        self.set(**{name: kept})
        return kept

    def set(self, **values):
        """Choose values by name, here and in the address; None and an empty list leave it."""
        for name, value in values.items():
            if not value:
                self.chosen.pop(name, None)
                st.query_params.pop(name, None)
                continue
            self.chosen[name] = value
            if st.query_params.get_all(name) != (value if isinstance(value, list) else [value]):
                st.query_params[name] = value

    def city(self):
        """Return the identifier of the chosen city; the most populous by default."""
        return self.choice("city", store().numbers, store().usual_city)

    def country(self):
        """Return the code of the chosen country, by default that of the city, which always lies in it."""
        cities = store().cities
        of_city = cities["country"].iloc[store().row(self.city())]
        code = self.choice("country", set(cities["country"]), of_city)
        if code != of_city:
            choose_country(code)
        return code

    def date(self):
        """Return the chosen day as ``YYYY-MM-DD``; the last by default."""
        days = store().day_names
        return self.choice("date", days, days[-1])

    def scale(self):
        """Return the chosen scale, a key of :data:`app.scales.SCALES`; index points have their own only."""
        if open_sources().predictions is not None and store().main == "aqi":
            return store().unit
        return self.choice("scale", scales.SCALES, "who")

    def palette(self):
        """Return the chosen palette, a key of :data:`app.style.PALETTES`."""
        return self.choice("palette", style.PALETTES, "readable")


link = Link()


def dark():
    """Tell whether the page is dark."""
    return st.context.theme.type == "dark"


def open_view(title, *, needs=("predictions",)):
    """Begin a page: its title, what must be said first, and the files that it needs.

    `needs` are some of :data:`app.sources.KINDS`; where one was not given, the page says so and stops.
    """
    st.session_state.pop("below_title", None)
    opened = open_sources()
    if opened.predictions is not None:
        _look_at_store(opened.predictions)
    if opened.simulated or (opened.predictions and store().simulated):
        tell_simulated()
    if opened.simulated:
        folder = for_markdown(short_path(opened.predictions.parent), limit=200)
        st.caption(f"The files of this demonstration lie in {folder}")
    head(title, opened)
    st.session_state["below_title"] = st.container()
    if opened.predictions is not None:
        _tell_origin(store())
    for kind in needs:
        if getattr(opened, kind) is None:
            st.info(f"This page shows {sources.KINDS[kind]}", icon=":material/folder_open:")
            st.stop()
    return View(store() if "predictions" in needs else None, opened)


def head(title, opened=None):
    """Show the title of a page, what copies its address, and how old the newest day of open files is."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(title, anchor=False, width="content")
        COPY_LINK(key="copy_link", height="content", width="content")
        if opened is not None and opened.predictions is not None:
            st.markdown(f":material/history: {age_of(store())}", width="content")
        if opened is not None:
            _tell_other_example(opened.example)


def about(span=""):
    """Return what a file from this page tells of its numbers, see :func:`app.downloads.about`."""
    return downloads.about(store(), simulated=View(store(), open_sources()).simulated, span=span)


def origin_of_predictions():
    """Return where the numbers of the predictions come from: unit, what the model learned from, their age."""
    facts = about()
    said = f"Unit: {style.unit_words(facts['unit'])}. {learned_words(facts['trained_on'])}{age_of(store())}"
    return _origin(f"{said} Made with airq.", facts)


def origin_of_evidence(trained_on, source):
    """Return where the numbers of an evaluation come from: what was observed, and the file."""
    facts = {"unit": f"errors in {PM25_UNIT}", "trained_on": trained_on}
    return _origin(f"{learned_words(trained_on)}From {source}. Made with airq.", facts)


def learned_words(trained_on):
    """Return what a model learned from as a sentence and a blank; empty where nobody told."""
    known = ORIGINS.get(trained_on)
    return f"Predicted by a model that learned from {known.words}. " if known else ""


def _origin(line, facts):
    simulated = facts["trained_on"] == "simulated"
    return vega.Origin((line,), simulated, lambda table: downloads.to_csv(table, facts))


def tell_simulated():
    """Say large that what follows is simulated."""
    st.warning(SIMULATED, icon=":material/science:")


def _tell_other_example(open_now):
    """Offer the other example where one is open."""
    for name in EXAMPLES:
        if open_now is not None and name != open_now:
            _example_button(name, type="tertiary", icon=":material/swap_horiz:")


def _example_button(name, **look):
    """Show a button for an example; what was chosen of the one before belongs to it alone."""
    if not st.button(f"Open {EXAMPLES[name]}", key=f"open_{name}", **look):
        return
    for key in CHOSEN:
        st.session_state.pop(key, None)
    st.query_params.clear()
    link.set(example=name)
    # What boxes of another page hold is forgotten by leaving it, here and in the browser.
    open_page("map")


def age_of(here, today=None):
    """Say how old the last value of a store is on a day, and whether there is a forecast."""
    today = pd.Timestamp.now().normalize() if today is None else today
    last, as_of = here.dates[-1], pd.to_datetime(here.told("as_of"), errors="coerce")
    ends = last + pd.Timedelta(days=int(lengths(here.dates[-1:], here.period)[0]) - 1)
    named = style.day_words(last, here.period)
    words = f"These data end {named}, {age_words(ends, today)}."
    if pd.isna(as_of) and ends > today:
        return f"{words} They look ahead; the file does not say when they were predicted."
    if pd.isna(as_of):
        return f"{words} There is no forecast."
    made = f"{words} They were predicted on {style.day_words(as_of)}"
    if ends < as_of:
        return f"{made}; there is no forecast."
    if here.period == "day":
        return f"{made}; days from then on are forecasts."
    if last < as_of:
        return f"{made}; the end of {named} lay ahead then and is a forecast."
    return f"{made}; whatever lies after that day is a forecast."


def _tell_origin(here):
    """Say what the file says it is, and what must be known of the numbers that its model learned from."""
    if told := here.told("description"):
        title, about = (for_markdown(text, limit=LONG) for text in (here.told("title"), told))
        st.info(f"**{title}.** {about}", icon=":material/info:")
    origin = ORIGINS.get(here.trained_on)
    if origin and origin.warning and not here.simulated:
        st.warning(origin.warning)
    if here.facts.get("statistic") == "median":
        st.warning(MEDIAN_WARNING)
    if (outside := here.outside_training()) is not None and outside.any():
        days = style.span_words(*here.facts["trained_days"])
        st.warning(
            f"{outside.sum():,} of {style.count_words(len(outside), here.period)} lie outside the days of "
            f"training ({days}): the model extrapolates in time there, and its measured errors may not hold."
        )


def tell_notes(here):
    """Say what was averaged, left out or is missing in a store."""
    for note in here.notes:
        st.caption(note)


def open_sources():
    """Return the named files, else those of an example or of ./demo; else offer the examples."""
    try:
        given = sources.named()
        if given.example is None and given != sources.Sources():
            return given
        return _open_example(given.example)
    except (ValueError, OSError) as error:
        stop(error)


def _open_example(example):
    """Return the files of an example, which the link may name; make the demonstration if need be."""
    asked = link.choice("example", EXAMPLES, example)
    if asked == "south-africa":
        return sources.south_africa()
    # See READERS.
    from app import jobs

    there = sources.found(sources.Sources())
    there = jobs.demonstration() if there == sources.Sources() else there
    return there or (_offer_examples() if asked is None else _make_demonstration())


def _offer_examples():
    """Show what there is to open, and end the page."""
    st.title("What to open?", anchor=False)
    for name in EXAMPLES:
        with st.container(border=True):
            _example_button(name)
            st.caption(ABOUT_EXAMPLES[name])
    st.caption(f"Instead of these, {sources.KINDS['predictions']}.")
    st.stop()


def _make_demonstration():
    # See READERS.
    from app import jobs

    tell_simulated()
    head("Making a demonstration")
    st.write(
        "The app simulates an atmosphere, judges and trains a model on cities with sensors and predicts "
        "cities without. This takes some minutes, once."
    )
    _tell_other_example("demonstration")
    bar = st.progress(0.0, text=jobs.DEMONSTRATION.begins)
    # Streamlit leaves what the page showed before until the work ends: real numbers, under this heading.
    for _ in range(MANY):
        st.empty()
    with closing(jobs.make_demonstration()) as steps:
        for step in steps:
            bar.progress(step.share, text=step.text)
    st.rerun()


def store():
    """Return the predictions as they were when the page was begun."""
    if "store" not in st.session_state:
        _look_at_store(open_sources().predictions)
    return st.session_state["store"][1]


def _look_at_store(path):
    """Open the predictions, anew if the file was changed; where that fails the page says why and stops."""
    try:
        stamp = sources.fingerprint(path)
        if st.session_state.get("store", (None,))[0] != stamp:
            st.session_state["store"] = (stamp, _reader("predictions")(str(path), stamp))
    except (ValueError, OSError) as error:
        stop(error)


def observations():
    """Return the observed PM2.5 of the panel, or None where none was given."""
    return _opened("panel", open_sources().panel)


def surface():
    """Return the surface that was named, or that the predictions are by themselves, or None."""
    opened = open_sources()
    if opened.surface is not None:
        return _opened("surface", opened.surface)
    return None if opened.predictions is None else maps.surface_in(store(), opened.predictions)


def answers():
    """Return the :class:`app.jobs.Answers` that were found with the panel and the bundle that are open."""
    return _reader("answers")("", model_stamp())


def model_stamp():
    """Return a mark of the panel and the bundle that are open: another one where either has changed."""
    opened = open_sources()
    return sources.fingerprint(opened.panel) + sources.fingerprint(opened.bundle / BUNDLE_JSON)


def facts():
    """Return the facts of the bundle, or None where none was given."""
    return _opened("bundle", open_sources().bundle, BUNDLE_JSON)


def evidence_of(opened, here):
    """Return what is known of the predictor, see :func:`app.evidence.gather`; else say why not, and stop."""
    # See READERS.
    from app.evidence import gather

    try:
        return gather(opened, here, facts)
    except (ValueError, OSError) as error:
        stop(error)


def calibration():
    """Return the calibration of the bundle for intervals of means, or None where there is none."""
    path = open_sources().bundle
    if path is None or not (path / CALIBRATION).exists() or store().level is None:
        return None
    return _opened("calibration", path / CALIBRATION)


def _opened(kind, path, inside=""):
    """Return what a reader of :data:`READERS` makes of a file, by a mark of the file `inside`, or None."""
    if path is None:
        return None
    try:
        return _reader(kind)(str(path), sources.fingerprint(Path(path) / inside))
    except (ValueError, OSError) as error:
        stop(error)


@functools.cache
def _reader(kind):
    """Return what reads files of a kind and keeps the last of them."""
    module, name, most = READERS[kind]

    def read(path, stamp):
        reader = getattr(importlib.import_module(module), name)
        return reader(path) if path else reader()

    # Streamlit tells what it keeps by the name of the function.
    read.__qualname__ = f"read_{kind}"
    return st.cache_resource(show_spinner="Opening the files, once …", max_entries=most)(read)


def stop(error):
    """Say in words what is wrong with the input, and end the page."""
    st.error(for_markdown(words_of(error), limit=LONG), icon=":material/error:")
    st.stop()


def tied(widget, label, name, options, default, **look):
    """Show a widget of one choice that is tied to the link; return what is chosen.

    `widget` is one such as ``st.selectbox``, `name` stands in the address and is the widget's key, `options`
    are strings (a dict names them), `default` is one of them. `look` are further arguments of the widget, but
    for `changed`, which is called with a new choice.
    """
    st.session_state[name] = link.choice(name, options, default)
    if isinstance(options, dict):
        look["format_func"] = options.__getitem__
    changed = look.pop("changed", lambda chosen: link.set(**{name: chosen}))
    return widget(
        label, list(options), key=name, on_change=lambda: changed(st.session_state[name] or default), **look
    )


def switch(label, options, key, *, default=None, **look):
    """Show a choice of one that no link keeps; return it. `options` are values, or a dict that names them."""
    if isinstance(options, dict):
        look["format_func"] = options.__getitem__
    first = next(iter(options)) if default is None else default
    return st.segmented_control(label, list(options), default=first, required=True, key=key, **look)


def city_box(label="City", **look):
    """Show the search box for a city; return the city's row. `look` goes to the box."""
    here = store()
    help = "Type a part of a name."
    tied(st.selectbox, label, "city", here.by_label, here.usual_city, changed=choose_city, help=help, **look)
    return here.row(link.city())


def choose_city(city_id):
    """Choose a city; a country that was chosen before makes room for the city's own."""
    link.set(country=None, city=city_id)


def choose_country(code):
    """Choose a country: the link names it, and the largest of its listed cities for the other pages."""
    cities = store().cities
    link.set(country=code, city=largest(cities[cities["country"] == code]))


def scale_box(**look):
    """Show the choice of the scale; index points have their own only. `look` goes to the switch."""
    if open_sources().predictions is None or store().main == "pm25":
        # A level is one of its scale.
        look |= {"changed": lambda chosen: link.set(scale=chosen, level=None), "required": True}
        tied(st.segmented_control, "Scale", "scale", scales.SCALES, "who", **look)


def day_box(label, **look):
    """Show the choice of a day, month or year of the file; a day that it lacks makes room for one near."""
    here = store()
    if here.period != "day":
        tied(st.selectbox, label, "date", named_days(here), here.day_names[-1], **look)
        return
    st.session_state["date"] = pd.Timestamp(link.date()).date()
    look |= {"on_change": lambda: link.set(date=near(st.session_state["date"]))}
    st.date_input(label, **limits(here), key="date", format="YYYY-MM-DD", **look)


def named_days(here):
    """Return the days, months or years of a store or a surface in words, by their ``YYYY-MM-DD``."""
    return {f"{day:%Y-%m-%d}": style.day_words(day, here.period) for day in here.dates}


def limits(here):
    """Return the first and the last day of a store, as boxes for a date take them."""
    return {"min_value": here.dates[0].date(), "max_value": here.dates[-1].date()}


def near(day):
    """Return the day of the file that is nearest to a date, as ``YYYY-MM-DD``."""
    here = store()
    return here.day_names[here.dates.get_indexer([pd.Timestamp(day)], method="nearest")[0]]


def span_box(here):
    """Show the choice of a span: all days, a year, 30 days or days of one's own; return its ends."""
    days = here.day_names
    start, end = sorted((link.choice("from", days, days[0]), link.choice("to", days, days[-1])))
    if len(days) == 1:
        return start, end
    known = spans(days, here.period)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state["span"] = next((name for name, span in known.items() if span == (start, end)), None)
        changed = {"on_change": lambda: _set(known.get(st.session_state["span"]))}
        st.pills("Period", list(known), key="span", **changed)
        _ends_box(here, start, end)
    return start, end


def _ends_box(here, start, end):
    """Show the first and the last day, or month or year."""
    look = {"label": "From and to", "key": "ends"}
    if here.period != "day":
        st.session_state["ends"] = start, end
        look |= {"options": here.day_names, "format_func": named_days(here).get}
        st.select_slider(**look, on_change=lambda: _set(st.session_state["ends"]))
        return
    # A first day alone is one that waits for the last.
    if len(st.session_state.get("ends", ())) != 1:
        st.session_state["ends"] = pd.Timestamp(start).date(), pd.Timestamp(end).date()
    changed = {"on_change": lambda: _set([near(day) for day in st.session_state["ends"]])}
    st.date_input(**look, **limits(here), format="YYYY-MM-DD", width=280, **changed)


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


def page_link(name, label):
    """Link to another page, with what is chosen; nothing where the pages are not known."""
    pages = st.session_state.get("pages", {})
    if name in pages:
        st.page_link(pages[name], label=label, icon=":material/arrow_forward:")


def open_page(name):
    """Go on to another page; where the pages are not known, draw this one again."""
    pages = st.session_state.get("pages", {})
    if name in pages:
        st.switch_page(pages[name])
    st.rerun()
