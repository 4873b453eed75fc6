"""How many requests may be under way at once, and how long to repeat what fails."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long to repeat what fails."""

    #: Most attempts of one request; a refusal for want of room (429) is not one.
    attempts: int = 12
    #: A wait is drawn between 0 and base, 2 base, 4 base, … up to `longest`. [s]
    base: float = 1.0
    longest: float = 60.0
    #: All requests give up once nothing but failures has come for so long. [s]
    silence: float = 100.0
    #: Failures in a row, over all requests, without which nothing counts as silence; where more requests
    #: are under way, three for each of them.
    failures: int = 8
    #: Refusals in a row of a request that is alone, after which the service grants nothing.
    refusals: int = 15


DEFAULT_PATIENCE = Patience()


class Budget:
    """Limit of concurrent requests that follows what the service refuses.

    A refusal (429) lowers the limit to the requests that are still under way, so 38 refusals of 40
    leave 2. After `TRIAL` successes for each place that it adds, at a limit that was used up, the
    limit grows: by 1, then by 2, 4, … while that is accepted. A try that is refused doubles the
    successes that the next one takes: once settled, fewer than one request in twenty is refused.
    `limit` and `in_flight` are the requests at once that are allowed, and under way, now.
    """

    TRIAL = 20
    MOST_DOUBLINGS = 5
    #: Seconds between two looks at a stop event.
    TICK = 0.1

    def __init__(self, limit, *, patience=DEFAULT_PATIENCE, clock=time.monotonic):
        if limit < 1:
            raise ValueError(f"At least one request at a time is needed, not {limit}.")
        self.asked = self.limit = int(limit)
        self.in_flight = 0
        self.patience = patience
        self._clock = clock
        self._condition = threading.Condition()
        self._epoch = 0
        self._successes = 0
        self._step = 1
        self._doublings = 0
        self._trying = False
        self._refused_alone = 0
        self._paused_until = 0.0
        self._failures = 0
        self._failing_since = 0.0

    @property
    def silent(self):
        """Whether nothing but failures has come for long, over all requests."""
        enough = self._failures >= max(self.patience.failures, 3 * self.in_flight)
        return enough and self._clock() - self._failing_since >= self.patience.silence

    @property
    def pause(self):
        """Seconds until the next request may be sent."""
        return max(0.0, self._paused_until - self._clock())

    @property
    def exhausted(self):
        """Whether even single requests are refused, again and again."""
        return self._refused_alone >= self.patience.refusals

    def acquire(self, stop=None):
        """Wait for a place and take it.

        Returns the number of the limit that granted it, for `release`; None if the event `stop` is set.
        """
        with self._condition:
            while stop is None or not stop.is_set():
                pause = self.pause
                if pause == 0 and self.in_flight < self.limit:
                    self.in_flight += 1
                    return self._epoch
                self._condition.wait(min(self.TICK, pause) if pause > 0 else self.TICK)
        return None

    def release(self, epoch, outcome, *, restricted=False, retry_after=0.0):
        """Give a place back, with the `epoch` from `acquire` and what became of the request.

        `outcome` is "accepted" if the service worked on it, whatever the result; "refused" on 429; "failed"
        without an answer, or with one that says nothing about the limit. A `restricted` answer asks for less
        parallelism: a quarter less, once a round, and no growth. `retry_after` is the wait that a refusal
        asks for [s].
        """
        with self._condition:
            self.in_flight -= 1
            if outcome == "failed":
                if self._failures == 0:
                    self._failing_since = self._clock()
                self._failures += 1
            else:
                self._failures = 0
            if outcome == "refused":
                self._refusal(epoch == self._epoch, retry_after)
            elif outcome == "accepted":
                self._success(epoch == self._epoch, restricted)
            self._condition.notify_all()

    def _refusal(self, current, retry_after):
        if current:
            if self._trying:
                self._doublings = min(self._doublings + 1, self.MOST_DOUBLINGS)
            self._change(self.limit, step=1, trying=False)
        self._successes = 0
        self.limit = max(1, min(self.limit, self.in_flight))
        alone = 0.0
        if self.in_flight == 0:
            alone = self.patience.base * 2.0**self._refused_alone
            self._refused_alone += 1
        pause = min(max(retry_after, alone), self.patience.longest)
        self._paused_until = max(self._paused_until, self._clock() + pause)

    def _success(self, current, restricted):
        self._refused_alone = 0
        if not current:
            return
        if restricted:
            self._change(max(1, self.limit - max(1, self.limit // 4)), step=1, trying=False)
            return
        if self.in_flight + 1 >= self.limit:
            self._successes += 1
        needed = max(self.TRIAL * self._step * 2**self._doublings, self.limit)
        if self.limit < self.asked and self._successes >= needed:
            if self._trying:
                self._step *= 2
                self._doublings = 0
            self._change(min(self.asked, self.limit + self._step), step=self._step, trying=True)

    def _change(self, limit, *, step, trying):
        self.limit = limit
        self._epoch += 1
        self._successes = 0
        self._step = step
        self._trying = trying
