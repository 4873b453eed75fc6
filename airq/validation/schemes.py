"""The validation schemes: what each holds out, and what it is called everywhere.

Every scheme asks another question. `random` asks about a missing day of a known monitor, `site` about a new
monitor in a known city, `city` about a city without any, `country` about a country without any, `buffer`
about a city whose surroundings have none either, `region` about several neighbouring cities without any,
`season` about a part of the year that no monitor has seen. `leave-city-out` (buffered) and
`leave-country-out` hold out one group at a time, which needs as many fits as there are groups. `knndm` asks
about given places: its held-out sites lie as far from training as those, see :mod:`airq.validation.matched`.
Sites within 100 m of each other are held out together: they may be one monitor under two names.
"""

from __future__ import annotations

from dataclasses import dataclass

from airq.messages import near_name

#: Places nearer than this are one place for a satellite's pixel. [km]
NEAR_KM = 1.0
PLURALS = {
    "row": "rows",
    "site": "sites",
    "city": "cities",
    "country": "countries",
    "region": "regions",
    "season": "seasons",
}


@dataclass(frozen=True)
class Scheme:
    """What a validation scheme holds out."""

    #: What a held-out group is called; a key of :data:`PLURALS`.
    group: str
    #: Column whose values stay together in a fold; None where no column says what is held out.
    column: str | None
    #: What the scheme asks about, and the same in two or three words.
    question: str
    short: str
    #: What the predictor had not seen, as a noun phrase.
    unseen: str
    #: Whether the surroundings of a held-out city are hidden, too.
    buffered: bool = False
    #: Whether every group is a fold of its own.
    one_by_one: bool = False
    #: Whether the folds depend on the places to predict.
    for_cities: bool = False
    #: Rank among the schemes that stand for a city without a monitor; None for those that do not.
    headline: int | None = None

    @property
    def groups(self):
        """Return what several held-out groups are called."""
        return PLURALS[self.group]

    @property
    def places(self):
        """Return whether places are held out; the other schemes hold out days of known places."""
        return self.column is not None

    @property
    def calibration_column(self):
        """Return the column of the groups that calibrate and score intervals."""
        return "site_id" if self.group == "site" else "city_id"

    @property
    def calibration_groups(self):
        """Return what the groups that calibrate and score intervals are called."""
        return "sites" if self.group == "site" else "cities"


SCHEMES = {
    "random": Scheme(
        "row",
        None,
        "a missing day of a known monitor (too easy to be a headline)",
        "a missing day",
        "days that it had not seen, of cities that it knew",
    ),
    "site": Scheme(
        "site",
        "site_id",
        "a new site among known ones",
        "a new site",
        "sites that it had never seen",
        headline=5,
    ),
    "city": Scheme(
        "city",
        "city_id",
        "a city without any monitor",
        "a new city",
        "cities that it had never seen",
        headline=1,
    ),
    "country": Scheme(
        "country",
        "country",
        "a country without any monitor",
        "a new country",
        "countries that it had never seen",
        headline=7,
    ),
    "buffer": Scheme(
        "city",
        "city_id",
        "a city far from every monitor",
        "a remote city",
        "cities far from all that it had seen",
        buffered=True,
        headline=3,
    ),
    "region": Scheme(
        "region",
        "city_id",
        "a region of several cities without any monitor",
        "a new region",
        "regions that it had never seen",
        headline=6,
    ),
    "season": Scheme(
        "season",
        None,
        "a season that no monitor has seen",
        "a new season",
        "seasons that it had never seen",
    ),
    "leave-city-out": Scheme(
        "city",
        "city_id",
        "one city at a time, far from every monitor",
        "one new city",
        "cities that it had never seen, one at a time",
        buffered=True,
        one_by_one=True,
        headline=2,
    ),
    "leave-country-out": Scheme(
        "country",
        "country",
        "one country at a time, without any monitor",
        "one new country",
        "countries that it had never seen, one at a time",
        one_by_one=True,
        headline=8,
    ),
    "knndm": Scheme(
        "site",
        "site_id",
        "places as far from every monitor as the cities to predict",
        "your cities",
        "places as far from all that it had seen as the cities to predict",
        for_cities=True,
    ),
}

#: How a bundle is evaluated on labelled rows: nothing is held out, the rows are new or are not.
BUNDLE_SCHEMES = {
    "new sites": Scheme(
        "site",
        "site_id",
        "sites that the bundle was not trained on",
        "new sites",
        "sites that it was not trained on",
        headline=4,
    ),
    "known sites": Scheme(
        "site",
        "site_id",
        "sites that the bundle was trained on (too easy to be evidence)",
        "known sites",
        "sites that it was trained on",
    ),
}
ALL_SCHEMES = SCHEMES | BUNDLE_SCHEMES

#: Schemes with few folds, the default of `airq evaluate`; the others need a fit for every group, or cities.
FEW_FITS = tuple(name for name, scheme in SCHEMES.items() if not scheme.one_by_one and not scheme.for_cities)
#: Schemes that hold places out of any panel.
PLACE_SCHEMES = tuple(name for name, scheme in SCHEMES.items() if scheme.places and not scheme.for_cities)
#: Schemes that stand for a city without a monitor, the best first.
HEADLINES = tuple(
    sorted(
        (name for name, scheme in ALL_SCHEMES.items() if scheme.headline),
        key=lambda name: ALL_SCHEMES[name].headline,
    )
)


def check_schemes(names):
    """Raise ValueError at the first name that is no scheme."""
    for name in names:
        if name not in SCHEMES:
            raise ValueError(
                f"Unknown scheme {name!r}; choose from {', '.join(SCHEMES)}.{near_name(name, SCHEMES)}"
            )
