"""Which cities and days are asked for: labels of days, their clock, and a table of both that grows."""

from __future__ import annotations

import datetime
import functools
import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from airq.panel import FIRST_DATE

#: Coordinates that differ by less are the same. [°]
SAME_DEGREES = 1e-6
#: The one period of what never changes.
ONCE = np.datetime64("1970-01-01", "D")
#: Most days that are asked for at once: no product is older than some thirty years.
MOST_DAYS = 11_000
#: What to do about days to come.
LATER = "Run the same command again on later days; it fetches what is new."

_PLACE = ["city_id", "city", "country", "latitude", "longitude", "population"]


@dataclass
class SiteDays:
    """Cities, and the days of each that are asked for."""

    #: `city, country, latitude, longitude, population`, indexed by `city_id`, sorted.
    sites: pd.DataFrame
    #: First and last days, pairs of text by `city_id`, in order and apart from each other.
    spans: dict = field(default_factory=dict)

    @classmethod
    def from_cities(cls, cities, start, end):
        """Return the cities of a table with one span of days for all."""
        sites = cities[_PLACE].set_index("city_id").sort_index()
        return cls(sites, {site: [(f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}")] for site in sites.index})

    def union(self, other):
        """Return the cities and days of this and of the other; the other's facts of a city prevail.

        Raises ValueError if a city has other coordinates in the other.
        """
        both, place = self.sites.index.intersection(other.sites.index), ["latitude", "longitude"]
        moved = (self.sites.loc[both, place] - other.sites.loc[both, place]).abs().max(axis=1)
        if (moved > SAME_DEGREES).any():
            raise ValueError(
                f"City {moved.idxmax()!r} has other coordinates than when this folder was begun; "
                "values of two places would mix. Choose another --out, or give the city another city_id."
            )
        sites = pd.concat([self.sites.drop(index=both), other.sites]).sort_index()
        spans = {
            site: _merged([*self.spans.get(site, []), *other.spans.get(site, [])]) for site in sites.index
        }
        return SiteDays(sites, spans)

    @property
    def days(self):
        """All days from the first to the last of any city."""
        ends = [np.datetime64(day) for spans in self.spans.values() for span in spans for day in span]
        return np.arange(min(ends), max(ends) + 1)

    def mask(self, days):
        """Return which of the days are asked for of each city, shape (n_cities, n_days)."""
        mask = np.zeros((len(self.sites), len(days)), dtype=bool)
        for row, site in enumerate(self.sites.index):
            for start, end in self.spans[site]:
                mask[row] |= (days >= np.datetime64(start)) & (days <= np.datetime64(end))
        return mask

    @functools.cached_property
    def _rows(self):
        return {site: row for row, site in enumerate(self.sites.index)}

    def cells_of(self, chunk, periods):
        """Return rows and columns of a chunk in a table of cities and periods, those outside left out.

        With them comes a mask of the chunk's periods that are inside.
        """
        rows = np.array([self._rows[site] for site in chunk.sites if site in self._rows], dtype=int)
        columns = np.searchsorted(periods, chunk.periods)
        inside = columns < len(periods)
        inside[inside] = periods[columns[inside]] == chunk.periods[inside]
        return rows, columns[inside], inside

    @property
    def cities_hash(self):
        """Hash of the cities' names and coordinates."""
        table = self.sites[["latitude", "longitude"]].to_csv(lineterminator="\n")
        return hashlib.sha256(table.encode()).hexdigest()

    def to_dict(self):
        """Return the same as plain values."""
        return {
            site: {**facts, "days": self.spans[site]}
            for site, facts in self.sites.astype(object).to_dict(orient="index").items()
        }

    @classmethod
    def from_dict(cls, facts):
        """Return the inverse of :meth:`to_dict`."""
        rows = {site: {key: own[key] for key in _PLACE[1:]} for site, own in facts.items()}
        sites = pd.DataFrame.from_dict(rows, orient="index", columns=_PLACE[1:]).sort_index()
        sites = sites.astype(dict.fromkeys(["latitude", "longitude", "population"], "float64"))
        sites.index.name = "city_id"
        return cls(
            sites.astype({"city": "str", "country": "str"}),
            {site: [tuple(span) for span in own["days"]] for site, own in facts.items()},
        )


def _merged(spans):
    """Return spans in order, those that touch or overlap made one.

    >>> _merged([("2020-01-03", "2020-01-04"), ("2020-01-01", "2020-01-02")])
    [('2020-01-01', '2020-01-04')]
    """
    merged = []
    for start, end in sorted(spans):
        if merged and np.datetime64(start) <= np.datetime64(merged[-1][1]) + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def day_labels(start, end, *, on_day=None, ahead=0, advice=LATER):
    """Return the days from `start` to `end`, both ISO 8601 or time stamps, as Timestamps.

    Raises ValueError if a day is not ISO, the end lies before the start or, where the date in UTC is given
    (`on_day`, datetime64[D]), more than `ahead` days after it; then it says what to do by `advice`.
    """
    ends = {"start": start, "end": end}
    for name, day in ends.items():
        try:
            whole = datetime.date.fromisoformat(day) if isinstance(day, str) else day
            ends[name] = pd.Timestamp(whole).normalize()
        except ValueError:
            raise ValueError(f"The {name} {day!r} is not a day such as 2020-01-31.") from None
    start, end = ends.values()
    if end < start:
        raise ValueError(f"The end {end:%Y-%m-%d} lies before the start {start:%Y-%m-%d}.")
    if on_day is not None and end > pd.Timestamp(on_day) + pd.Timedelta(days=ahead):
        raise ValueError(f"The end {end:%Y-%m-%d} lies in the future: today is {on_day} (UTC). {advice}")
    if start < FIRST_DATE:
        raise ValueError(
            f"The start {start:%Y-%m-%d} lies before {FIRST_DATE:%Y-%m-%d}, the first day of panels."
        )
    if (n_days := (end - start).days + 1) > MOST_DAYS:
        raise ValueError(
            f"{start:%Y-%m-%d} to {end:%Y-%m-%d} are {n_days:,} days; one folder takes {MOST_DAYS:,}, some "
            "thirty years. Ask for a part."
        )
    return pd.date_range(start, end, freq="D")


def offset_hours(longitudes, day_basis):
    """Return the hours by which days begin before those in UTC; local ones follow the longitude [°]."""
    longitudes = np.asarray(longitudes, dtype="float64")
    hours = np.round(longitudes / 15) if day_basis == "local" else np.zeros(len(longitudes))
    return hours.astype(int)


def today():
    """Return today's date in UTC, datetime64[D]."""
    return utc_now().astype("datetime64[D]")


def utc_now():
    """Return the time in UTC, datetime64[ms]."""
    return np.datetime64(datetime.datetime.now(datetime.UTC).replace(tzinfo=None), "ms")
