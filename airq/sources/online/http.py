"""Ask a public service over HTTP, again where that can help, and say in one line why it cannot.

No message shows the parameters of an address, because a key may be among them.
"""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import tenacity
import urllib3

import airq
from airq.sources.online.address import check_address, is_loopback, moved_to
from airq.sources.online.errors import AGAIN, Passing, Refused, Unavailable, retry_after

#: Longest wait that a service may ask for without ending the run. [s]
LONGEST_WAIT = 900.0


@dataclass(frozen=True)
class Patience:
    """How long to repeat what fails.

    Attributes
    ----------
    attempts : int
        Most attempts of one request.
    base, longest : float
        A wait is drawn between 0 and base, 2 base, 4 base, … up to `longest`. [s]
    timeout : float
        Longest wait for an answer. [s]
    """

    attempts: int = 9
    base: float = 1.0
    longest: float = 60.0
    timeout: float = 60.0


@dataclass
class Client:
    """Connections to services, and counts of what went over them. Threads may share one.

    Attributes
    ----------
    url : str, optional
        Address whose scheme and host take the place of every service's own.
    patience : Patience
        How long to repeat what fails.
    headers : dict of str to str
        Sent with every request; they may hold a key and are shown nowhere.
    exhausted : dict of str to float
        Words of a refusal for want of room (429) that say what is used up, and how long such a span is,
        counted from midnight UTC. [s]
    requests, retries, bytes_received : int
        Attempts, those of them that repeated one, and bytes of their answers.
    """

    url: str | None = None
    patience: Patience = Patience()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    exhausted: Mapping[str, float] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    bytes_received: int = 0

    def __post_init__(self):
        if self.url is not None:
            check_address(self.url)
        self._lock, self._local = threading.Lock(), threading.local()
        #: Set to end waits between attempts.
        self.stop = threading.Event()

    def get(
        self,
        address: str,
        params: Mapping = (),
        *,
        read: Callable = bytes,
        before: Callable | None = None,
        unsent: Callable | None = None,
        stored: bool = False,
    ):
        """Return what `read` makes of the content of an answer.

        Parameters
        ----------
        address : str
            Of the service, such as ``https://example.org/v1/things``.
        params : dict
            Parameters of the query.
        read : callable
            Takes the content (bytes) and headers; raises :class:`Passing` if the answer is not whole, so that
            it is asked for again.
        before : callable, optional
            Called before every attempt, such as to wait for a turn.
        unsent : callable, optional
            Called after an attempt that the service cannot have got.
        stored : bool
            Whether `read` gets a file's bytes as they are stored, also where the service says that they are
            compressed; by default they are inflated then.

        Raises
        ------
        Refused
            If the service refuses for good.
        Unavailable
            If it stays away for all attempts.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.patience.attempts)
            | tenacity.stop_when_event_set(self.stop),
            sleep=tenacity.sleep_using_event(self.stop),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(Passing),
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    if before is not None:
                        before()
                    repeated = attempt.retry_state.attempt_number > 1
                    try:
                        answer = self._once(address, params, repeated, stored)
                    except Passing as error:
                        if unsent is not None and not error.reached:
                            unsent()
                        raise
                    return read(*answer)
        except Passing as error:
            raise Unavailable(f"{error}, {self.patience.attempts} times. {AGAIN}") from None

    def _wait(self, state):
        """Return the seconds before the next attempt: as the service asks, or a longer and longer draw."""
        drawn = tenacity.wait_random_exponential(self.patience.base, self.patience.longest)(state)
        return max(drawn, getattr(state.outcome.exception(), "retry_after", 0.0))

    def _refill(self, reason):
        """Return the seconds until what a refusal calls used up is granted again, 0 where it says nothing."""
        spans = [span for word, span in self.exhausted.items() if word in reason.lower()]
        return spans[0] - time.time() % spans[0] + 1 if spans else 0.0

    def _once(self, address, params, repeated, stored):
        """Return content and headers of one attempt."""
        moved = moved_to(address, self.url)
        host = urlsplit(moved).netloc
        with self._lock:
            self.requests += 1
            self.retries += repeated
        try:
            # Headers may hold a key, which must not follow to another host.
            settings = {
                "timeout": self.patience.timeout,
                "stream": stored,
                "allow_redirects": not self.headers,
            }
            answer = self._session().get(moved, params=dict(params), **settings)
            content = answer.raw.read(decode_content=False) if stored and answer.ok else answer.content
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise Passing(f"{host} did not answer within {self.patience.timeout:g} s") from None
        except (
            requests.ConnectionError,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
            urllib3.exceptions.HTTPError,
        ) as error:
            raise Passing(f"No connection to {host}, or it broke off", reached=_reached(error)) from None
        except requests.RequestException as error:
            raise Refused(f"{host} cannot be asked: {type(error).__name__}.") from None
        with self._lock:
            self.bytes_received += len(content)
        if answer.ok and not answer.is_redirect:
            return content, answer.headers
        reason = reason_of(content)
        if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
            message = f"{host} answered {answer.status_code}{reason and f' ({reason})'}"
            wait, refill = retry_after(answer.headers), self._refill(reason)
            if max(wait, refill) > LONGEST_WAIT:
                until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=max(wait, refill))
                raise Unavailable(f"{message}. Go on after {until:%Y-%m-%d %H:%M} UTC. {AGAIN}")
            raise Passing(message, retry_after=max(wait, min(refill, self.patience.longest)))
        raise Refused(
            f"{host} refused {urlsplit(moved).path} ({answer.status_code}){reason and f': {reason}'}",
            status=answer.status_code,
        )

    def _session(self):
        """Return the connections of this thread."""
        if not hasattr(self._local, "session"):
            session = requests.Session()
            # A proxy has no way to this machine.
            session.trust_env = not is_loopback(self.url)
            session.headers.update({"User-Agent": f"airq/{airq.__version__}", **self.headers})
            self._local.session = session
        return self._local.session


def read_json(content: bytes, _headers: Mapping) -> object:
    """Return the values of a JSON answer; one that is cut off or no JSON is asked for again."""
    try:
        return json.loads(content)
    except ValueError:
        raise Passing("An answer was cut off, or is no JSON") from None


def reason_of(content: bytes) -> str:
    """Return what an error answer says in words, in one short line; empty if it says nothing readable.

    >>> reason_of(b'{"error": true, "reason": "No such variable."}')
    'No such variable.'
    """
    try:
        facts = json.loads(content)
    except ValueError:
        return ""
    if not isinstance(facts, dict):
        return ""
    texts = [facts[name] for name in ("reason", "message", "detail") if isinstance(facts.get(name), str)]
    return " ".join(texts[0].split())[:200] if texts else ""


def _reached(error):
    """Return whether a service may have got the request that ended in an error of the connection."""
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    return not isinstance(cause, urllib3.exceptions.NewConnectionError)
