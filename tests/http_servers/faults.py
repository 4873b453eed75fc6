"""Faults on purpose: what a client of a public service must survive."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, fields, replace

SERVICES = ("archive", "air-quality", "forecast", "openaq", "s3")
#: Faults by name; each is an attribute of :class:`Faults` that says how often it happens.
KINDS = (
    *("too_many", "too_many_retry_after", "internal", "bad_gateway", "unavailable"),
    *("dropped", "dropped_midway", "slow"),
    *("truncated", "truncated_length", "invalid_json", "html", "truncated_gzip"),
    *("wrong_units", "swapped", "ends_early", "nulls", "wrong_etag"),
)
STATUSES = {
    "too_many": 429,
    "too_many_retry_after": 429,
    "internal": 500,
    "bad_gateway": 502,
    "unavailable": 503,
}


@dataclass(frozen=True)
class Faults:
    """How often which fault happens to a request.

    A number below 1 is the share of requests, drawn by `seed`; 1 is every request; a list names requests by
    their number (the first is 0, counted over `services` since the faults were set).

    Attributes
    ----------
    too_many, too_many_retry_after : float or list of int
        Answered 429 without and with the header Retry-After, of `retry_after` seconds.
    internal, bad_gateway, unavailable : float or list of int
        Answered 500, 502 and 503.
    dropped, dropped_midway : float or list of int
        The connection ends without an answer, or in the middle of one.
    slow : float or list of int
        Answered only after `slow_seconds`.
    truncated, truncated_length : float or list of int
        Half of the body: with the Content-Length of the half, or that of the whole.
    invalid_json, html : float or list of int
        200 with a body that is no JSON, or a page of HTML.
    truncated_gzip : float or list of int
        Half of the gzip stream, with the Content-Length of the half; JSON is compressed for it.
    wrong_units, swapped, ends_early, nulls : float or list of int
        Open-Meteo: other units than asked for; places in the opposite order; times that end `early_hours`
        before the last; every third value null.
    wrong_etag : float or list of int
        The ETag of a file or a listing's entries is not that of the content.
    retry_after, slow_seconds, early_hours : float
    services : tuple of str
        Which services; of :data:`SERVICES`.
    seed : int
        Of the shares.
    """

    too_many: float | list[int] = 0.0
    too_many_retry_after: float | list[int] = 0.0
    internal: float | list[int] = 0.0
    bad_gateway: float | list[int] = 0.0
    unavailable: float | list[int] = 0.0
    dropped: float | list[int] = 0.0
    dropped_midway: float | list[int] = 0.0
    slow: float | list[int] = 0.0
    truncated: float | list[int] = 0.0
    truncated_length: float | list[int] = 0.0
    invalid_json: float | list[int] = 0.0
    html: float | list[int] = 0.0
    truncated_gzip: float | list[int] = 0.0
    wrong_units: float | list[int] = 0.0
    swapped: float | list[int] = 0.0
    ends_early: float | list[int] = 0.0
    nulls: float | list[int] = 0.0
    wrong_etag: float | list[int] = 0.0
    retry_after: float = 1
    slow_seconds: float = 60.0
    early_hours: int = 24
    services: tuple[str, ...] = SERVICES
    seed: int = 0

    def changed(self, facts):
        """Return these faults with some others; raise ValueError if there is no fault of a name."""
        unknown = set(facts) - {attribute.name for attribute in fields(self)}
        if unknown:
            raise ValueError(f"No fault {min(unknown)!r}. Choose from {', '.join(KINDS)}.")
        foreign = set(facts.get("services", ())) - set(SERVICES)
        if foreign:
            raise ValueError(f"No service {min(foreign)!r}. Choose from {', '.join(SERVICES)}.")
        return replace(self, **facts)


class FaultPlan:
    """Which fault the next request gets.

    Parameters
    ----------
    faults : Faults
    """

    def __init__(self, faults):
        self._lock = threading.Lock()
        self.change(faults)

    def change(self, faults):
        """Start over with other faults."""
        with self._lock:
            self.faults = faults
            self._random = random.Random(faults.seed)
            self._number = 0

    def next(self, service):
        """Return the name of the fault of the next request to a service, or None."""
        with self._lock:
            if service not in self.faults.services:
                return None
            number, self._number = self._number, self._number + 1
            for kind in KINDS:
                when = getattr(self.faults, kind)
                listed = isinstance(when, (list, tuple, range))
                if number in when if listed else when and self._random.random() < when:
                    return kind
        return None


def damaged(kind, places, faults):
    """Return answers of Open-Meteo, one a place, as a fault leaves them."""
    if kind == "swapped":
        return places[::-1]
    for place in places:
        for section in ("hourly", "daily"):
            if section not in place:
                continue
            columns = place[section]
            if kind == "wrong_units":
                units = place[f"{section}_units"]
                units.update({name: _OTHER_UNITS.get(unit, unit) for name, unit in units.items()})
            elif kind == "ends_early":
                lost = faults.early_hours if section == "hourly" else -(-faults.early_hours // 24)
                place[section] = {name: values[:-lost] for name, values in columns.items()}
            elif kind == "nulls":
                for name in set(columns) - {"time"}:
                    columns[name][::3] = [None] * len(columns[name][::3])
    return places


_OTHER_UNITS = {
    "°C": "°F",
    "km/h": "kn",
    "m/s": "km/h",
    "mm": "inch",
    "hPa": "Pa",
    "m": "ft",
    "%": "fraction",
    "kg/m²": "g/kg",
    "\u03bcg/m³": "mg/m³",
}
