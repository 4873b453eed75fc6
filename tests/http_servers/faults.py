"""Faults on purpose: what a client of a public service must survive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stand_ins import CommonFaults

SERVICES = ("archive", "air-quality", "forecast", "openaq", "s3")
STATUSES = {
    "too_many": 429,
    "too_many_retry_after": 429,
    "internal": 500,
    "bad_gateway": 502,
    "unavailable": 503,
}


@dataclass(frozen=True)
class Faults(CommonFaults):
    """How often which fault happens to a request; see :class:`stand_ins.CommonFaults`.

    Attributes
    ----------
    too_many_retry_after : float or list of int
        Answered 429 with the header Retry-After, of `retry_after` seconds.
    bad_gateway : float or list of int
        Answered 502.
    truncated_gzip : float or list of int
        Half of the gzip stream, with the Content-Length of the half; JSON is compressed for it.
    wrong_units, swapped, ends_early, nulls : float or list of int
        Open-Meteo: other units than asked for; places in the opposite order; times that end `early_hours`
        before the last; every third value null.
    wrong_etag : float or list of int
        The ETag of a file or a listing's entries is not that of the content.
    services : tuple of str
        Which services; of :data:`SERVICES`.
    """

    kinds: ClassVar = (
        *("too_many", "too_many_retry_after", "internal", "bad_gateway", "unavailable"),
        *("dropped", "dropped_midway", "slow"),
        *("truncated", "truncated_length", "invalid_json", "html", "truncated_gzip"),
        *("wrong_units", "swapped", "ends_early", "nulls", "wrong_etag"),
    )

    too_many_retry_after: float | list[int] = 0.0
    bad_gateway: float | list[int] = 0.0
    truncated_gzip: float | list[int] = 0.0
    wrong_units: float | list[int] = 0.0
    swapped: float | list[int] = 0.0
    ends_early: float | list[int] = 0.0
    nulls: float | list[int] = 0.0
    wrong_etag: float | list[int] = 0.0
    retry_after: float = 1
    early_hours: int = 24
    services: tuple[str, ...] = SERVICES

    def changed(self, facts):
        """Return these faults with some others; raise ValueError if one has no such name."""
        foreign = set(facts.get("services", ())) - set(SERVICES)
        if foreign:
            raise ValueError(f"No service {min(foreign)!r}. Choose from {', '.join(SERVICES)}.")
        return super().changed(facts)


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
