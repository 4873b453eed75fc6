"""Give a number its class, words, colour and advice, which follow from the time that it averages.

The WHO has levels for a day and for a year, the air-quality index is made for days. So a day has daily
classes, a mean over 30 days or more (and of any month) is held against the annual levels, and a mean
between has no class. Advice is for days, in our own words, paraphrased from US EPA, "Air Quality Guide for
Particle Pollution" (EPA-456/F-15-005) and "Technical Assistance Document for the Reporting of Daily Air
Quality" (EPA-454/B-24-002, 2024); what a guideline is, from WHO, "WHO global air quality guidelines", 2021.
General advice, no medical one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airq.units import AQI_CLASSES, AQI_TABLES, PM25_UNIT, WHO_LEVELS, aqi_class, aqi_table
from app.style import EPA, READABLE, first_capital, is_index, unit_words

SCALES = {"who": "WHO 2021", "aqi-us-2024": "US AQI 2024", "aqi-us-2012": "US AQI 2012"}
#: Days of a value of a file, by its period; and from how many on the annual levels apply. [d]
DAYS = {"day": 1, "month": 30, "year": 365}
LONG, YEAR = 30, 365
#: Classes of the WHO's levels: what a value is, in a word and beside which level it lies.
WORDS = ("low", "slightly raised", "raised", "high", "very high", "extremely high")
BESIDE = ("within the guideline", "above the guideline", *(f"above interim target {n}" for n in (4, 3, 2, 1)))
#: Colours of numbers that have no class: another hue than that of classes.
UNCLASSED = ("#eff3ff", "#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08519c")
#: Words of a mean over too few days for a class.
FEW_DAYS = "too few days for a class"
#: Ends of steps of numbers that have no class, by unit.
STEPS = {PM25_UNIT: (10.0, 20.0, 30.0, 40.0, 60.0)}
POINT_STEPS = (25.0, 50.0, 75.0, 100.0, 150.0)
SHARE_STEPS = (5.0, 10.0, 25.0, 50.0, 75.0)
SHARE_WORDS = (
    "hardly any",
    "few",
    "up to a quarter",
    "up to a half",
    "more than half",
    "more than three quarters",
)
ADVICE_SOURCE = (
    "Our words after the US EPA's Air Quality Guide for Particle Pollution. Concentrations are advised on "
    "by the classes of the US AQI of 2024, whichever scale is chosen; "
    "the WHO holds that no level is free of harm (WHO global air quality guidelines, 2021). "
    "General advice: whoever is ill asks a doctor."
)
#: Index by whose classes concentrations are advised on.
ADVICE_TABLE = "aqi-us-2024"
SENSITIVE = "children, older people, pregnant women and people with a heart or lung disease"


@dataclass(frozen=True)
class Scale:
    """Classes of a number that averages a stated time, with colours and words.

    Attributes
    ----------
    name : str
        A key of :data:`SCALES`, ``"share"``, or ``"mean"`` for numbers that have no class.
    unit : str
        Unit of `edges`: µg m⁻³, an index, or ``"%"``.
    edges : tuple of float
        Upper ends of all classes but the last. [unit]
    labels : tuple of str
        Name of each class; empty words where there are no classes.
    colours : tuple of str
        Colour of each class.
    heading : str
        What the scale shows.
    days : float
        Time that a number averages. [d]
    note : str
        What must be known to read it rightly; empty where nothing is.
    """

    name: str
    unit: str
    edges: tuple
    labels: tuple
    colours: tuple
    heading: str
    days: float = 1
    note: str = ""

    @property
    def classed(self):
        """Whether numbers have classes."""
        return any(self.labels)

    @property
    def daily(self):
        """Whether a number stands for a day, so that advice for a day applies."""
        return self.days <= 1 and self.unit != "%"

    @property
    def guideline(self):
        """The WHO's guideline that numbers are held against [µg m⁻³], or None."""
        return self.edges[0] if self.name == "who" else None

    def index(self, values):
        """Return the class of every value, from 0; -1 where it is missing."""
        values = np.asarray(values, dtype="float64")
        if self.name in AQI_TABLES and self.unit == PM25_UNIT:
            return aqi_class(values, self.name)
        if is_index(self.unit) and self.classed:
            values = np.floor(values + 0.5)
        elif self.unit == PM25_UNIT:
            values = values.astype("float32").astype("float64") - 1e-6 * np.abs(values)
        return np.where(np.isnan(values), -1, np.searchsorted(self.edges, values))

    @property
    def ranges(self):
        """Words for the span of each class, such as ``"15 – 25"``."""
        marks = [f"{edge:g}" for edge in self.edges]
        lows = [f"{edge + 1:g}" for edge in self.edges] if is_index(self.unit) and self.classed else marks
        middle = [f"{low} – {high}" for low, high in zip(lows, marks[1:], strict=False)]
        return (f"up to {marks[0]}", *middle, f"above {marks[-1]}")

    def verdict(self, value):
        """Say what a value means, a plain word first; empty where it has no class.

        Examples
        --------
        >>> scale("who", unit="µg m⁻³").verdict(73.5)
        'Very high: 4.9 times the WHO daily guideline of 15 µg/m³'
        >>> scale("who", unit="µg m⁻³", days=184).verdict(4.0)
        'Low: within the WHO annual guideline of 5 µg/m³'
        """
        number = int(self.index([value])[0])
        if number < 0 or not self.classed:
            return ""
        if self.guideline is None:
            return first_capital(self.labels[number])
        level = f"the WHO {self.kind} guideline of {self.guideline:g} {unit_words(self.unit)}"
        ratio = value / self.guideline
        times = f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
        beside = "within" if number == 0 else "just above" if times == "1.0" else f"{times} times"
        return f"{WORDS[number].capitalize()}: {beside} {level}"

    @property
    def kind(self):
        """Whose levels apply: "daily" or "annual"."""
        return "daily" if self.daily else "annual"

    @property
    def level_names(self):
        """Names of the levels at `edges`."""
        if self.guideline is None:
            return tuple(f"end of “{label}”" for label in self.labels[:-1])
        return tuple(label.removeprefix("above ").removeprefix("the ") for label in self.labels[1:])

    def words(self, values, few=None):
        """Return the class of every value in words; `few` tells which average too few days for one."""
        found = np.array([*self.labels, ""], dtype=object)[self.index(values)]
        return found if few is None else np.where(np.asarray(few, dtype=bool), FEW_DAYS, found)


def scale(name, *, unit, days=None, period="day", most=False, palette="readable"):
    """Return the scale by which numbers are classed and coloured.

    Parameters
    ----------
    name : str
        A key of :data:`SCALES`. Index points have the classes of their own table, whatever is asked for.
    unit : str
        Unit of the numbers.
    days : float, optional
        Days that a number averages: as many as its span has values for; by default those of any one value
        of the period. [d]
    period : {"day", "month", "year"}
        What a value of the file stands for. A month is long enough for the annual levels, February too.
    most : bool
        Whether `days` are those of the number that averages most of them.
    palette : {"readable", "epa"}
        Colours; those of the EPA apply to its own classes only.

    Returns
    -------
    Scale
        Without classes for a mean that neither daily nor annual levels are made for.

    Examples
    --------
    >>> scale("who", unit="µg m⁻³").edges, scale("who", unit="µg m⁻³", days=30).edges
    ((15.0, 25.0, 37.5, 50.0, 75.0), (5.0, 10.0, 15.0, 25.0, 35.0))
    >>> scale("who", unit="µg m⁻³", days=28).name, scale("who", unit="µg m⁻³", days=28, period="month").name
    ('mean', 'who')
    >>> scale("who", unit="aqi-us-2012").name, scale("aqi-us-2024", unit="µg m⁻³", days=365).classed
    ('aqi-us-2012', False)
    """
    each, days = days is None, DAYS[period] if days is None else days
    if days > 1 and (is_index(unit) or name != "who" or not annual(days, period)):
        return _unclassed(name, unit, days)
    if is_index(unit) or name != "who":
        return _aqi_scale(unit if is_index(unit) else name, unit, palette)
    if days <= 1:
        return Scale("who", PM25_UNIT, WHO_LEVELS["day"], BESIDE, READABLE, "WHO 2021, daily levels", days)
    counted = f"a {period} each" if each else f"{'up to ' * most}{days:.0f} of {YEAR} days"
    held = f"Held against the annual guideline; {counted}." if days < YEAR else ""
    return Scale(
        "who", PM25_UNIT, WHO_LEVELS["year"], BESIDE, READABLE, "WHO 2021, annual levels", days, held
    )


def annual(days, period="day"):
    """Tell whether a mean over so many days can be held against the levels for a year; arrays work as well.

    >>> annual(28), annual(28, "month")
    (False, True)
    """
    return days >= (LONG if period == "day" else 1)


def share_scale(level, *, unit=PM25_UNIT, span="days"):
    """Return the scale of the share of days above a level. [%]"""
    heading = f"Share of {span} above {level:g} {unit_words(unit)}"
    return Scale("share", "%", SHARE_STEPS, SHARE_WORDS, READABLE, heading)


def _aqi_scale(name, unit, palette):
    """Return the classes of an index, whose numbers are its points or remain concentrations."""
    table, points = aqi_table(name), is_index(unit)
    tops = dict(zip(table.classes, table.aqi_high if points else table.pm25_high, strict=True))
    edges = tuple(float(tops[label]) for label in AQI_CLASSES[:-1])
    note = (
        "" if points else "Colours follow the classes of the index; numbers remain concentrations in µg/m³."
    )
    colours = EPA if palette == "epa" else READABLE
    return Scale(name, unit, edges, AQI_CLASSES, colours, f"Classes of the {SCALES[name]}", note=note)


def _unclassed(name, unit, days):
    """Return the steps of a mean that no class is made for, in another hue."""
    if is_index(unit) or name != "who":
        note = f"The {SCALES.get(unit, SCALES.get(name))} is made for single days: a mean has no class of it."
    else:
        note = f"The WHO has levels for a day and for a year: a mean over {days:.0f} days has no class."
    steps = STEPS.get(unit, POINT_STEPS)
    return Scale("mean", unit, steps, ("",) * (len(steps) + 1), UNCLASSED, "Mean", days, note)


@dataclass(frozen=True)
class Advice:
    """Advice for a day of a class of the AQI: in one sentence, for everyone, and for people at risk."""

    label: str
    short: str
    everyone: str
    sensitive: str


ADVICE = (
    Advice("Good", "A good day to be outside.", "A good day to be outside.", "No need to change plans."),
    Advice(
        "Moderate",
        "Fine for most people; the very sensitive may notice it.",
        "No need to change plans.",
        "Whoever is unusually sensitive takes hard effort outdoors a little easier.",
    ),
    Advice(
        "Unhealthy for Sensitive Groups",
        "People at risk should take it easier outdoors.",
        "Being outside is fine.",
        f"For {SENSITIVE}: shorter and lighter effort outdoors, more breaks, medicine at hand.",
    ),
    Advice(
        "Unhealthy",
        "Everyone should shorten hard effort outdoors.",
        "Shorten long or hard effort outdoors and take breaks.",
        f"For {SENSITIVE}: move effort indoors or to a cleaner day.",
    ),
    Advice(
        "Very Unhealthy",
        "Avoid long effort outdoors.",
        "Avoid long or hard effort outdoors; move it indoors or to another day.",
        f"For {SENSITIVE}: no effort outdoors; stay where the air is cleaner.",
    ),
    Advice(
        "Hazardous",
        "Stay indoors if you can.",
        "Avoid all effort outdoors; keep windows shut while it is worse outside.",
        f"For {SENSITIVE}: stay inside, move little, keep the indoor air clean: no smoke, no frying.",
    ),
)


def advice_for(value, unit=PM25_UNIT):
    """Return the advice for the value of a day; a mean over more days has none.

    Concentrations [µg m⁻³] are classed by the index of 2024, points of an index by its own table.

    >>> advice_for(8.0).label, advice_for(151, "aqi-us-2012").label
    ('Good', 'Unhealthy')
    """
    if unit == PM25_UNIT:
        return ADVICE[int(aqi_class(value, ADVICE_TABLE))]
    return ADVICE[int(np.ravel(scale("", unit=unit).index([value]))[0])]
