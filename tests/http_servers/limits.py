"""What the services allow, and how Open-Meteo counts calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

#: Seconds of each period, and what Open-Meteo answers when its calls are used up.
PERIODS = {
    "minute": (60, "Minutely API request limit exceeded. Please try again in one minute."),
    "hour": (3600, "Hourly API request limit exceeded. Please try again in the next hour."),
    "day": (86400, "Daily API request limit exceeded. Please try again tomorrow."),
}


@dataclass(frozen=True)
class Limits:
    """Limits of the services; the defaults are the documented ones, infinity switches one off.

    Attributes
    ----------
    minute, hour, day : float
        Calls of Open-Meteo without a key. As there, a request passes while fewer than these are counted,
        however many calls it is itself, and periods are those of the clock (UTC), not sliding.
    places : int
        Places of a request to Open-Meteo.
    calls_per_error : float
        What a refused request to Open-Meteo counts.
    openaq_minute, openaq_hour : float
        Requests to the API of OpenAQ.
    """

    minute: float = 600
    hour: float = 5_000
    day: float = 10_000
    places: int = 1_000
    calls_per_error: float = 0
    openaq_minute: float = 60
    openaq_hour: float = 2_000

    def without(self):
        """Return these limits without those of calls and requests."""
        off = ("minute", "hour", "day", "openaq_minute", "openaq_hour")
        return replace(self, **dict.fromkeys(off, float("inf")))


def calls_of(variables, days, places=1, models=1):
    """Return what a request to Open-Meteo counts.

    Eight hourly variables of one place for a year, and of 28 places; short requests count 1 a place:

    >>> round(calls_of(8, 365), 2), round(calls_of(8, 365, places=28), 1)
    (20.86, 584.0)
    >>> calls_of(3, 1, places=5)
    5.0
    """
    weight = variables * models / 10
    return max(1.0, weight, weight * days / 14) * places


class Meter:
    """Calls in the current minute, hour and day of a clock.

    Parameters
    ----------
    clock : callable
        Returns seconds since 1970.
    """

    def __init__(self, clock):
        self._clock, self._used = clock, {}
        self._lock = threading.Lock()

    def used(self, period):
        """Return the calls counted in the current period."""
        with self._lock:
            number, calls = self._used.get(period, (None, 0.0))
        return calls if number == self._number(period) else 0.0

    def left(self, period):
        """Return the seconds until the period ends."""
        seconds = PERIODS[period][0]
        return seconds - self._clock() % seconds

    def add(self, calls):
        """Count calls."""
        with self._lock:
            for period in PERIODS:
                current = self._number(period)
                number, before = self._used.get(period, (current, 0.0))
                self._used[period] = (current, calls + before * (number == current))

    def reset(self):
        """Forget everything."""
        with self._lock:
            self._used.clear()

    def full(self, limits):
        """Return the first period whose limit {period: calls} is reached, or None."""
        return next((period for period, limit in limits.items() if self.used(period) >= limit), None)

    def _number(self, period):
        return int(self._clock() // PERIODS[period][0])
