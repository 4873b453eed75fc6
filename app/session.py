"""What the pages share: the files that are open, the link in the address bar, the head of a page."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from airq.bundle_metadata import BUNDLE_JSON, read_metadata
from airq.panel import MEDIAN_WARNING, ORIGINS
from airq.workflows.app import EXAMPLES
from app import cube, jobs, scales, sources, surfaces, theme
from app.observations import read_observations
from app.series import lengths
from app.store import Store, largest, open_store
from app.text import age_words, for_markdown, short_path, words_of

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
#: What was chosen, among the state of a session.
CHOSEN = ("link", "link_seen", "link_wrong", "playing")
#: More than a page has below its title. [elements]
MANY = 50
LONG = 600


@dataclass(frozen=True)
class View:
    """What a page has to draw with: the store, or None where the page does not need predictions."""

    store: Store | None
    sources: sources.Sources


class Link:
    """What is chosen on all pages, kept in the address bar so that it can be shared.

    A value from the address bar is used only if it is one of the options; others are told in words.
    """

    def choice(self, name, options, default):
        """The chosen option of a name; the address bar counts first when it was changed by hand."""
        state = st.session_state.setdefault("link", {})
        seen = st.session_state.setdefault("link_seen", {})
        asked = st.query_params.get(name)
        if asked is not None and asked != seen.get(name):
            seen[name] = asked
            if asked in options:
                state[name] = asked
            else:
                self._wrong(name, asked)
        chosen = state.get(name, default)
        return chosen if chosen in options else default

    def set(self, **values):
        """Choose values by name, here and in the address bar."""
        state = st.session_state.setdefault("link", {})
        seen = st.session_state.setdefault("link_seen", {})
        for name, value in values.items():
            state[name] = seen[name] = value
            if st.query_params.get(name) != value:
                st.query_params[name] = value

    def forget(self, name):
        """Leave a value to its default, here and in the address bar."""
        st.session_state.setdefault("link", {}).pop(name, None)
        st.session_state.setdefault("link_seen", {}).pop(name, None)
        st.query_params.pop(name, None)

    def show(self):
        """Write what is chosen into the address bar, which another page has emptied."""
        self.set(**st.session_state.get("link", {}))

    def city(self):
        """Identifier of the chosen city; the most populous by default."""
        here = store()
        return self.choice("city", here.numbers, here.usual_city)

    def country(self):
        """Code of the chosen country, to which the chosen city then belongs; by default that of the city."""
        cities = store().cities
        of_city = cities["country"].iloc[store().row(self.city())]
        code = self.choice("country", set(cities["country"]), of_city)
        if code != of_city:
            choose_country(code)
        return code

    def date(self):
        """The chosen day as ``YYYY-MM-DD``; the last by default."""
        days = day_names()
        return self.choice("date", set(days), days[-1])

    def scale(self):
        """The chosen scale, a key of :data:`app.scales.SCALES`."""
        return self.choice("scale", scales.SCALES, "who")

    def palette(self):
        """The chosen palette, a key of :data:`app.theme.PALETTES`."""
        return self.choice("palette", theme.PALETTES, "readable")

    def warnings(self):
        """Words about values of the address bar that do not exist, told once."""
        return st.session_state.pop("link_wrong", {})

    def _wrong(self, name, asked):
        st.session_state.setdefault("link_wrong", {})[name] = asked


link = Link()


def open_view(title, *, needs=("predictions",)):
    """Begin a page: its title, what must be said first, and the files that it needs.

    Parameters
    ----------
    title : str
        Heading.
    needs : sequence of str
        Of :data:`app.sources.KINDS`; where one was not given, the page says so and stops.

    Returns
    -------
    View
    """
    opened = open_sources()
    if opened.predictions is not None:
        _look_at_store(opened.predictions)
    if opened.simulated or (opened.predictions and store().simulated):
        tell_simulated()
    if opened.simulated:
        _tell_folder(opened.predictions.parent)
    head(title)
    if opened.predictions is not None:
        _tell_origin(store())
    _tell_other_example(opened.example)
    for kind in needs:
        if getattr(opened, kind) is None:
            st.info(f"This page shows {sources.KINDS[kind]}", icon=":material/folder_open:")
            st.stop()
    here = store() if "predictions" in needs else None
    if here is not None:
        link.city(), link.date(), link.scale(), link.palette()
        tell_link()
    return View(here, opened)


def head(title):
    """Title of a page, and what is chosen in its address."""
    st.title(title, anchor=False)
    link.show()


def tell_simulated():
    """Say large that what follows is simulated."""
    st.warning(SIMULATED, icon=":material/science:")


def _tell_folder(folder):
    """Say where the files of a demonstration lie."""
    st.caption(f"The files of this demonstration lie in {for_markdown(short_path(folder), limit=200)}")


def _tell_other_example(open_now):
    """Offer the other example where one is open."""
    for name in EXAMPLES:
        if open_now is not None and name != open_now:
            _example_button(name, type="tertiary", icon=":material/swap_horiz:")


def _example_button(name, **look):
    if st.button(f"Open {EXAMPLES[name]}", key=f"open_{name}", **look):
        _open_example(name)


def _open_example(name):
    """Open an example on the map; what was chosen of the one before belongs to it alone."""
    for key in list(st.session_state):
        if key in CHOSEN or str(key).endswith(("_held", "_own")):
            del st.session_state[key]
    st.query_params.clear()
    link.set(example=name)
    # What boxes of another page hold is forgotten by leaving it, here and in the browser.
    pages = st.session_state.get("pages", {})
    if "map" in pages:
        st.switch_page(pages["map"])
    st.rerun()


def _tell_age(here):
    """Say what the file says it is, how old its last value is, and whether it looks ahead."""
    if told := here.told("description"):
        title, about = (for_markdown(text, limit=LONG) for text in (here.told("title"), told))
        st.info(f"**{title}.** {about}", icon=":material/info:")
    st.markdown(f":material/history: {age_of(here, pd.Timestamp.now().normalize())}")


def age_of(here, today):
    """How old the last value of a store is on a day, and whether there is a forecast, in a sentence or two.

    Parameters
    ----------
    here : app.store.Store
        Predictions.
    today : Timestamp
        A day.

    Returns
    -------
    str
    """
    last, as_of = here.dates[-1], pd.to_datetime(here.told("as_of"), errors="coerce")
    ends = last + pd.Timedelta(days=int(lengths(here.dates[-1:], here.period)[0]) - 1)
    named = theme.day_words(last, here.period)
    words = f"These data end {named}, {age_words(ends, today)}."
    if pd.isna(as_of) and ends > today:
        return f"{words} They look ahead; the file does not say when they were predicted."
    if pd.isna(as_of):
        return f"{words} There is no forecast."
    made = f"{words} They were predicted on {theme.day_words(as_of)}"
    if ends < as_of:
        return f"{made}; there is no forecast."
    if here.period == "day":
        return f"{made}; days from then on are forecasts."
    if last < as_of:
        return f"{made}; the end of {named} lay ahead then and is a forecast."
    return f"{made}; whatever lies after that day is a forecast."


def _tell_origin(here):
    _tell_age(here)
    origin = ORIGINS.get(here.trained_on)
    if origin and origin.warning and not here.simulated:
        st.warning(origin.warning)
    if here.facts.get("statistic") == "median":
        st.warning(MEDIAN_WARNING)


def tell_link():
    """Say which values of the address bar are not among the options, and what is shown instead."""
    for name, asked in link.warnings().items():
        first = "most populous" if store().cities["population"].notna().any() else "first"
        instead = {
            "city": f"the {first} city",
            "country": "the country of the chosen city",
            "date": "the last day",
            "level": "the lowest level of this scale",
        }.get(name, "the usual one")
        st.warning(
            f"The link asks for the {name} “{for_markdown(asked)}”, which is not here; {instead} is shown."
        )


def open_sources():
    """The files of this app: named ones, those of an example, those of ./demo; else a choice of examples."""
    try:
        given = sources.named()
        if given.example is None and given != sources.Sources():
            return given
        return _open_sources(given.example)
    except (ValueError, OSError) as error:
        stop(error)


def _open_sources(example):
    """The files of an example, which the link may name as well; the demonstration is made if need be."""
    asked = link.choice("example", EXAMPLES, example)
    if asked == "south-africa":
        return sources.south_africa()
    there = sources.found(sources.Sources())
    there = jobs.demonstration() if there == sources.Sources() else there
    return there or (_offer_examples() if asked is None else _make_demonstration())


def _offer_examples():
    """Show what there is to open, and end the page."""
    st.title("What to open?", anchor=False)
    if link.warnings():
        st.warning("The link asks for an example that is not here.")
    for name in EXAMPLES:
        with st.container(border=True):
            _example_button(name, type="primary" if name == "south-africa" else "secondary")
            st.caption(ABOUT_EXAMPLES[name])
    st.caption(f"Instead of these, {sources.KINDS['predictions']}.")
    st.stop()


def _make_demonstration():
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
    """The predictions as they were when the page was begun."""
    if "store" not in st.session_state:
        _look_at_store(open_sources().predictions)
    return st.session_state["store"][1]


def _look_at_store(path):
    """Open the predictions, anew if the file was changed; where that fails the page says why and stops."""
    try:
        stamp = cube.fingerprint(path)
        if st.session_state.get("store", (None,))[0] != stamp:
            st.session_state["store"] = (stamp, _store(str(path), stamp))
    except (ValueError, OSError) as error:
        stop(error)


def observations():
    """Observed PM2.5 of the panel, or None where none was given."""
    return _opened("panel", _observations)


def surface():
    """The surface that was named, or that the predictions are by themselves; None where there is none."""
    opened = open_sources()
    if opened.surface is not None:
        return _opened("surface", _surface)
    if opened.predictions is None:
        return None
    return surfaces.surface_in(store(), opened.predictions)


def answers():
    """The :class:`app.jobs.Answers` that were found with the panel and the bundle that are open."""
    return _answers(model_stamp())


def model_stamp():
    """A mark of the panel and the bundle that are open: another one where either has changed."""
    opened = open_sources()
    return cube.fingerprint(opened.panel) + cube.fingerprint(opened.bundle / BUNDLE_JSON)


def facts():
    """The facts of the bundle, or None where none was given."""
    return _opened("bundle", _facts, BUNDLE_JSON)


def _opened(kind, loader, inside=""):
    path = getattr(open_sources(), kind)
    if path is None:
        return None
    try:
        return loader(str(path), cube.fingerprint(Path(path) / inside))
    except (ValueError, OSError) as error:
        stop(error)


@st.cache_resource(show_spinner="Laying the predictions out, once …", max_entries=2)
def _store(path, stamp):
    return open_store(path)


@st.cache_resource(show_spinner="Reading the observations …", max_entries=1)
def _observations(path, stamp):
    return read_observations(path)


@st.cache_resource(show_spinner="Opening the surface …", max_entries=2)
def _surface(path, stamp):
    return surfaces.open_surface(path)


@st.cache_resource(show_spinner=False, max_entries=1)
def _answers(stamp):
    return jobs.Answers()


@st.cache_resource(show_spinner="Checking the bundle …", max_entries=1)
def _facts(path, stamp):
    return read_metadata(path)


def stop(error):
    """Say in words what is wrong with the input, and end the page."""
    st.error(for_markdown(words_of(error), limit=600), icon=":material/error:")
    st.stop()


def day_names():
    """All days of the store as ``YYYY-MM-DD``."""
    return store().day_names


def city_box(label="City", *, key, **look):
    """Search box for a city, tied to the link; returns the city's row. `look` goes to the box."""
    here = store()
    st.session_state[key] = here.row(link.city())

    def chosen():
        choose_city(here.cities["city_id"].iloc[st.session_state[key]])

    return st.selectbox(
        label,
        here.by_label,
        key=key,
        format_func=here.labels.__getitem__,
        on_change=chosen,
        help="Type a part of a name.",
        **look,
    )


def choose_city(city_id):
    """Choose a city; a country that was chosen before makes room for the city's own."""
    link.forget("country")
    link.set(city=city_id)


def choose_country(code):
    """Choose a country: the link names it, and the largest of its listed cities for the other pages."""
    cities = store().cities
    link.set(country=code, city=largest(cities[cities["country"] == code]))


def scale_box(*, key, **look):
    """Choice of the scale, tied to the link; returns its name. Index points have their own only.

    `look` goes to the switch.
    """
    here = store()
    if here.main == "aqi":
        return here.unit
    st.session_state[key] = link.scale()
    return st.segmented_control(
        "Scale",
        list(scales.SCALES),
        key=key,
        format_func=scales.SCALES.get,
        on_change=lambda: link.set(scale=st.session_state[key] or "who"),
        required=True,
        **look,
    )


def page_link(name, label):
    """Link to another page, with what is chosen; nothing where the pages are not known."""
    pages = st.session_state.get("pages", {})
    if name in pages:
        st.page_link(pages[name], label=label, icon=":material/arrow_forward:")
