"""Keep within what a free service grants: calls in every minute, hour and day, over processes and runs.

What was spent stands in a ledger on disk, because tomorrow's run, and another folder's, share the allowance.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import filelock
import numpy as np

#: Lengths of the windows that limits are given for. [s]
WINDOWS = (60.0, 3600.0, 86_400.0)
#: Requests may arrive later than they are sent: windows are longer by so much. [s]
SLACK = 1.0


class CallBudget:
    """Calls that may be sent in every sliding minute, hour and day.

    Parameters
    ----------
    limits : sequence of float, optional
        Most calls in a minute, an hour and a day; None: no limits.
    ledger : path, optional
        File that remembers what was spent, shared by processes; without one, this object remembers it.
    clock : callable
        Returns the time. [s]

    Examples
    --------
    >>> budget = CallBudget((600, 5000, 10_000), clock=lambda: 0.0)
    >>> budget.take(600.0), budget.take(1.0)
    (0.0, 61.0)
    """

    def __init__(
        self,
        limits: Sequence[float] | None,
        *,
        ledger: str | Path | None = None,
        clock: Callable[[], float] = time.time,
    ):
        if limits is not None and (
            len(limits) != len(WINDOWS) or not all(0 < own < np.inf for own in limits)
        ):
            raise ValueError(f"Limits are calls a minute, an hour and a day, all above 0, not {limits}.")
        self.limits, self.clock = limits, clock
        self._ledger = None if ledger is None else Path(ledger)
        self._spent: list[list[float]] = []

    def take(self, calls: float) -> float:
        """Spend calls and return 0, or return how long to wait before asking again [s] and spend nothing.

        Raises ValueError if so many are never granted at once.
        """
        if self.limits is None:
            return 0.0
        if calls > min(self.limits):
            raise ValueError(f"A request of {calls:g} calls exceeds the limit of {min(self.limits):g}.")
        with self._locked():
            now = self.clock()
            # An entry of a clock that ran ahead by more than a day is not believed.
            spent = [one for one in self._read() if abs(now - one[0]) <= WINDOWS[-1] + SLACK]
            windows = zip(WINDOWS, self.limits, strict=True)
            pause = max(_pause(spent, calls, now, window + SLACK, limit) for window, limit in windows)
            if pause == 0:
                self._write([*spent, [now, calls]])
        return pause

    def give_back(self, calls: float) -> None:
        """Take back calls that were spent last on a request that did not reach the service."""
        with self._locked():
            spent = self._read()
            same = [number for number, (_, size) in enumerate(spent) if size == calls]
            self._write([one for number, one in enumerate(spent) if number not in same[-1:]])

    @contextlib.contextmanager
    def _locked(self):
        if self._ledger is None:
            yield
            return
        self._ledger.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._ledger.with_suffix(".lock")):
            yield

    def _read(self):
        if self._ledger is None:
            return self._spent
        try:
            entries = json.loads(self._ledger.read_text(encoding="utf-8"))
            return [[float(when), float(calls)] for when, calls in entries]
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def _write(self, spent):
        self._spent = spent
        if self._ledger is not None:
            # The lock keeps others out; a rename keeps it whole if this process is killed here.
            unfinished = self._ledger.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(spent), encoding="utf-8")
            os.replace(unfinished, self._ledger)


def _pause(spent, calls, now, window, limit):
    """Return the seconds until so many calls fit into a window that ends then."""
    inside = sorted((when, size) for when, size in spent if when > now - window)
    total, pause = sum(size for _, size in inside) + calls, 0.0
    for when, size in inside:
        if total <= limit + 1e-9:
            break
        total, pause = total - size, when + window - now
    return pause


def ledger_of(service: str) -> Path:
    """Return the file of this user that remembers what was asked of a service."""
    return user_file("calls", service)


def user_file(kind: str, service: str) -> Path:
    """Return the file of this user that keeps facts of a kind about a service."""
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in service)
    return Path(folder) / "airq" / f"{kind}-{name}.json"
