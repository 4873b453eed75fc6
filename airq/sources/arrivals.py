"""Arrivals: which images of a period a service had when it was last looked at, and when to look again.

Images come days or months after their day, and after an outage of weeks. So that none is lost for good, a
period is looked at again after growing pauses: while no city has a value of it, and otherwise for some time
after its end. Only where images have come since, or replaced others, is it asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Days after which what had not yet arrived is asked for again, where no look tells more, by cadence. [d]
ASK_AGAIN = {"day": 1, "year": 30, "once": 30}
#: Longest pause between two looks; the first is one day, and each doubles the one before. [d]
LONGEST_PAUSE = 64
#: Days after its end for which further images of a period are looked for, by cadence. [d]
LOOK_DAYS = {"day": 64, "year": 730, "once": 0}
#: Numbers of images that are none: the service does not tell it, or was not asked.
UNTOLD, UNASKED = -1, -2
#: Before anything was fetched.
NEVER = np.datetime64("0001-01-01", "ms")


@dataclass
class Looks:
    """What looks at some periods of a product found, an array element for each period."""

    #: Images, :data:`UNTOLD` or :data:`UNASKED`.
    images: np.ndarray
    #: Days of the first and the last look; NaT without one.
    since: np.ndarray
    looked: np.ndarray
    #: When images were seen that no request before can have had, datetime64[ms]; NaT if never.
    grown: np.ndarray
    #: Of how many cities the surroundings were looked at, 0 without a look.
    cities: np.ndarray


class Arrivals:
    """Looks at the periods of products, as a manifest keeps them."""

    def __init__(self, facts=None):
        #: By product and period: images (None where untold), since, looked, grown (None if never), cities,
        #: and what tells the images from others that replace them (None where untold).
        self._facts = {key: dict(own) for key, own in (facts or {}).items()}

    def of(self, key, periods, *, near=0):
        """Return the Looks at some periods of a product.

        More images of one period are taken for more images of the `near` ones on either side, too. [d]
        """
        facts = self._facts.get(key, {})
        rows = [facts.get(str(period), [UNASKED, None, None, None, 0])[:5] for period in periods]
        images, since, looked, grown, cities = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        own = np.array(grown, dtype="datetime64[ms]")
        grown = own.copy()
        for number in np.flatnonzero(~np.isnat(own)) if near else ():
            beside = np.abs(periods - periods[number]).astype(int) <= near
            grown[beside] = np.fmax(grown[beside], own[number])
        return Looks(
            np.array([UNTOLD if number is None else number for number in images], dtype=int),
            np.array(since, dtype="datetime64[D]"),
            np.array(looked, dtype="datetime64[D]"),
            grown,
            np.array(cities, dtype=int),
        )

    def note(self, view, images, now, identity=None):
        """Note how many images a View has now (datetime64[ms]), None where the service does not tell.

        An `identity`, such as ``version 1a2b``, tells these images from others; where its first word is
        another than before, nothing can be told.
        """
        own = self._facts.setdefault(view.part.key, {})
        today = str(now.astype("datetime64[D]"))
        first = today if np.isnat(view.since) else str(view.since)
        before, since, _, grown, cities, *rest = own.get(str(view.period), [None, first, None, None, 0])
        known = rest[0] if rest else None
        more = images is not None and images > (before or 0) and (view.doubt or str(view.period) in own)
        if images and known and identity and known != identity and cities == view.cities.sum():
            more = known.split()[0] == identity.split()[0]
        if more and not view.widened:
            grown = str(now)
        if images is not None:
            # A look that did not tell them apart leaves what is known of the same number of images.
            known = identity or (known if images == before else None)
            before, cities = images, int(view.cities.sum())
        own[str(view.period)] = [before, since, today, grown, cities, known]

    def to_dict(self):
        """Return the same as plain values."""
        return {key: dict(sorted(own.items())) for key, own in sorted(self._facts.items()) if own}


@dataclass
class View:
    """A period of a part, a layer with one product alone, whose images are counted."""

    part: object
    period: np.datetime64
    #: The cities near which they are counted, a mask of all.
    cities: np.ndarray
    #: Day on which it was first asked for, NaT if it was not.
    since: np.datetime64
    #: Whether a request before the first look may have lacked some of the images.
    doubt: bool = False
    #: Whether they were just counted near fewer cities: more of them are not more than there were.
    widened: bool = False


@dataclass
class Held:
    """What a folder holds of one part of a layer, by city and period."""

    part: object
    periods: np.ndarray
    #: Which are asked for, and when they were fetched (:data:`NEVER` if they were not), datetime64[ms]; both
    #: of shape (n_cities, n_periods).
    asked: np.ndarray
    fetched: np.ndarray
    #: Which are held as other settings of the product made them, and which have no value that may still come,
    #: of the same shape.
    outdated: np.ndarray
    late: np.ndarray
    #: Periods of which any city has a value.
    filled: np.ndarray
    looks: Looks

    @property
    def expected(self):
        """First day on which all images of a period are normally there, by period."""
        return np.array([self.part.complete_from(period) for period in self.periods], dtype="datetime64[D]")

    @property
    def ends(self):
        """First day after a period, by period."""
        return np.array([self.part.period_end(period) for period in self.periods], dtype="datetime64[D]")

    @property
    def first(self):
        """Day on which any city's value of a period was fetched first, by period; NaT if none was."""
        held = self.asked & (self.fetched > NEVER)
        days = np.where(held, self.fetched, np.datetime64("9999-01-01", "ms")).min(axis=0)
        return np.where(held.any(axis=0), days, np.datetime64("NaT")).astype("datetime64[D]")

    def counted_before(self, number):
        """Return near which cities a period's images were counted before others asked for it, else None.

        Near the others there may be more images, which are new to none that holds the period.
        """
        before = self.asked[:, number] & (self.fetched[:, number] > NEVER)
        counted = self.looks.cities[number]
        return before if counted == before.sum() and 0 < counted < self.asked[:, number].sum() else None

    @property
    def empty(self):
        """Periods that were fetched for all cities and of which none has a value."""
        return ~self.filled & ~np.isnat(self.first) & ~(self.asked & (self.fetched == NEVER)).any(axis=0)

    def lacking(self, on_day):
        """Return what must be asked for, shape (n_cities, n_periods).

        That is what was never fetched, or before all images were there: by the looks if these tell, else by
        the calendar. A clock that ran ahead is not believed.
        """
        day, known = self.fetched.astype("datetime64[D]"), self.looks.images >= 0
        early = (day < self.expected) & (on_day - day >= ASK_AGAIN[self.part.cadence]) & ~known
        untold = (self.looks.images == UNTOLD) & self.empty & (day < self.looks.looked)
        behind = self.fetched < self.looks.grown
        late = self.late & (day < on_day)
        return self.asked & ((self.fetched == NEVER) | (day > on_day) | early | untold | behind | late)

    def again(self):
        """Return the day from which a period may be looked at again, NaT where that is over."""
        looked = np.where(np.isnat(self.looks.looked), self.first, self.looks.looked)
        since = np.where(np.isnat(self.looks.since), self.first, self.looks.since)
        passed = np.maximum((looked - np.fmax(since, self.expected)).astype(int), 0)
        waits = (self.looks.images >= 0) & (looked < self.ends + LOOK_DAYS[self.part.cadence])
        # Without an image it may come at any time; where nobody tells, asking costs, and has an end.
        waits |= self.empty & (self.looks.images <= 0)
        waits &= (self.looks.images != UNTOLD) | (passed < 2 * LONGEST_PAUSE - 1)
        # Looks after pauses of 1, 2, 4 … days come 1, 3, 7 … days after the first.
        pauses = np.clip(passed + 1, ASK_AGAIN[self.part.cadence], LONGEST_PAUSE)
        return np.where(waits & ~np.isnat(self.first), looked + pauses, np.datetime64("NaT"))
