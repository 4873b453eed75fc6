"""What can go wrong with a public service: a fault that passes, a refusal, a service that stays away."""

from __future__ import annotations

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
