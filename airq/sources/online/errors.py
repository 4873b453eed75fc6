"""What can go wrong with a public service: faults that pass and when, refusals, services that stay away."""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Mapping

AGAIN = "Run the same command again to go on: what is finished is kept."


class Passing(ConnectionError):
    """A fault that may be gone at the next attempt, not before `retry_after` [s].

    `reached` says whether the service may have got the request.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0, reached: bool = True):
        super().__init__(message)
        self.retry_after, self.reached = retry_after, reached


class Refused(ValueError):
    """A refusal that repetition cannot change; `status` is its code."""

    def __init__(self, message: str, *, status: int = 0):
        super().__init__(message)
        self.status = status


class Unavailable(ConnectionError):
    """A service that stays away, or grants nothing more for now."""


def retry_after(headers: Mapping) -> float:
    """Return the seconds that an answer asks to wait, given as seconds or as a date; 0 where it does not.

    Services that say how much of a limit is left also say in how many seconds it begins anew.

    >>> retry_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "41"})
    41.0
    """
    value = str(headers.get("Retry-After", "")).strip()
    if not value and str(headers.get("x-ratelimit-remaining", "")).strip() == "0":
        value = str(headers.get("x-ratelimit-reset", "")).strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=datetime.UTC)
    return max(0.0, (until - datetime.datetime.now(datetime.UTC)).total_seconds())
