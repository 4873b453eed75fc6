"""The one place that asks Earth Engine: a connection, and its requests with their repetition."""

from __future__ import annotations

import logging
import socket
import threading
import warnings

import ee
import googleapiclient.errors
import tenacity

from airq.sources.earthengine.budget import DEFAULT_PATIENCE, Patience
from airq.sources.earthengine.credentials import check_endpoint
from airq.sources.earthengine.errors import AGAIN, Refused, Silent, Stopped, Throttled, TooLarge, Unavailable
from airq.sources.earthengine.wire import SharedCredentials, Transport, translated

STANDARD_URL = "https://earthengine.googleapis.com"

#: For the three requests that open a connection.
OPENING = Patience(attempts=20, base=0.5, longest=4.0)


class EarthEngine:
    """A connection; make it with `connect`, and close it (it is a context manager, too).

    Attributes
    ----------
    url, project : str
    """

    def __init__(self, transport):
        self._transport = transport
        self.url = transport.url
        self.host = transport.host
        self.project = transport.project

    def __repr__(self):
        return f"EarthEngine({self.url!r}, project={self.project!r})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def stats(self):
        """Requests, bytes, seconds since the connection stands."""
        return self._transport.stats

    @property
    def restricted(self):
        """Whether the last answer to this thread asked for less parallelism."""
        return self._transport.reply is not None and self._transport.reply.restricted

    def compute(self, collection, *, rows):
        """Properties of every feature of a collection, in one attempt (a request a page).

        Parameters
        ----------
        collection : ee.FeatureCollection
            What to compute.
        rows : int
            Features to ask for at a time.

        Returns
        -------
        list of dict
            In the order of the answer. A property that is null is absent.

        Raises
        ------
        Throttled, Unavailable
            The same request may pass later.
        TooLarge
            Less at a time may pass.
        Refused
            Nothing helps but what the message says.
        """
        self._transport.check_open()
        features, token, seen = [], None, set()
        while True:
            page = self._page(collection, rows, token)
            features += [_properties(feature, host=self.host) for feature in page.get("features", [])]
            token = page.get("nextPageToken")
            if not token:
                return features
            if token in seen:
                raise Unavailable(f"{self.host} repeats a page of its answer")
            seen.add(token)

    def _page(self, collection, rows, token):
        params = {"expression": collection, "pageSize": rows}
        if token:
            params["pageToken"] = token
        with translated(self._transport):
            page = ee.data.computeFeatures(params)
        first = token is None
        if not isinstance(page, dict) or not isinstance(page.get("features", None if first else []), list):
            raise Unavailable(f"{self.host} sent an answer that is not whole JSON, or holds no features")
        return page

    def close(self):
        """Close the connection and forget the credentials."""
        self._transport.close()
        ee.Reset()


def _properties(feature, *, host):
    if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
        raise Unavailable(f"{host} sent something else than features")
    return feature.get("properties") or {}


def connect(
    *,
    url=None,
    project,
    credentials,
    workload_tag=None,
    timeout=330.0,
    connect_timeout=10.0,
    patience=OPENING,
    stop=None,
):
    """Open a connection to Earth Engine. There is one at a time in a process.

    Parameters
    ----------
    url : str, optional
        Address of the service; the standard one by default.
    project : str
        Cloud project that asks.
    credentials : google.auth.credentials.Credentials
        From `load_credentials`.
    workload_tag : str, optional
        Label of the requests in the project's accounts: 1 to 63 of a-z, 0-9, - and _.
    timeout, connect_timeout : float
        Longest wait for an answer, and for a connection. [s]
    patience : Patience
        How long to repeat a failed opening.
    stop : threading.Event, optional
        Ends the waits.

    Returns
    -------
    EarthEngine
    """
    url = (url or STANDARD_URL).rstrip("/")
    check_endpoint(url, credentials)
    transport = Transport(url, project, connect_timeout=connect_timeout, timeout=min(timeout, 60.0))
    engine = EarthEngine(transport)
    # Else the client's remarks on each retry and refusal go to the console.
    logging.getLogger("googleapiclient").addHandler(logging.NullHandler())
    try:
        _opened(transport, credentials, patience, stop)
        ee.data.setDefaultWorkloadTag(workload_tag)
    except BaseException:
        engine.close()
        raise
    transport.timeouts = (connect_timeout, timeout)
    transport.stats.clear()
    return engine


def _opened(transport, credentials, patience, stop):
    shared = SharedCredentials(credentials)
    passing = (Throttled, Unavailable)
    try:
        for attempt in _retrying(
            patience, stop, on=passing, also=lambda state: _nothing_answers(state, transport)
        ):
            with attempt, translated(transport):
                _initialize(transport, shared)
    except (Throttled, Unavailable, Silent) as error:
        raise Unavailable(
            f"Earth Engine at {transport.host} cannot be reached ({_words(error)}). Check the network."
        ) from error
    except (KeyError, TypeError, AttributeError, googleapiclient.errors.Error, ee.EEException) as error:
        raise Refused(f"{transport.host} does not answer as Earth Engine does. Check --ee-url.") from error


def _initialize(transport, credentials):
    ee.Reset()
    ee.data.setMaxRetries(0)
    before = socket.getdefaulttimeout()
    # The client looks for a list of deprecated assets without a time-out, and warns where there is none.
    socket.setdefaulttimeout(2.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ee.Initialize(credentials, url=transport.url, project=transport.project, http_transport=transport)
    finally:
        socket.setdefaulttimeout(before)


def _nothing_answers(state, transport):
    return state.attempt_number >= 6 and set(transport.stats.by_status) <= {"dropped"}


def _retrying(patience, stop, *, on, also):
    stop = stop or threading.Event()

    def enough(state):
        return state.attempt_number >= patience.attempts or also(state)

    def wait(state):
        jittered = tenacity.wait_random_exponential(multiplier=patience.base, max=patience.longest)(state)
        return max(jittered, min(getattr(state.outcome.exception(), "retry_after", 0.0), patience.longest))

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(on),
        stop=enough,
        wait=wait,
        sleep=lambda seconds: _sleep(seconds, stop),
        reraise=True,
    )


def _sleep(seconds, stop):
    if stop.wait(seconds):
        raise Stopped("Stopped while waiting to repeat a request.")


def call_with_retries(engine, collection, *, rows, budget, check=None, patience=DEFAULT_PATIENCE, stop=None):
    """Properties of every feature, with as many attempts as it takes.

    Parameters
    ----------
    engine : EarthEngine
    collection : ee.FeatureCollection
    rows : int
        Features to ask for at a time.
    budget : Budget
        Shared by all threads.
    check : callable, optional
        Gets the list of properties; raises `Incomplete` where an answer lacks something.
    patience : Patience
    stop : threading.Event, optional
        Ends every wait.

    Returns
    -------
    list of dict

    Raises
    ------
    TooLarge, Refused
        At once: repetition does not help.
    Unavailable
        After the last attempt, or once nothing has been answered for long; one line for the user.
    Stopped
        If `stop` is set.
    """
    retrying = _retrying(patience, stop, on=Unavailable, also=lambda state: budget.silent)
    try:
        for attempt in retrying:
            with attempt:
                found = _admitted(engine, collection, rows, budget, stop)
                if check is not None:
                    check(found)
    except Silent as error:
        if budget.silent:
            raise Unavailable(f"Earth Engine at {engine.host} does not answer. {AGAIN}") from error
        raise
    except Throttled as error:
        raise Unavailable(
            f"Earth Engine at {engine.host} grants no request now ({_words(error)}). {AGAIN}"
        ) from error
    except Unavailable as error:
        count = retrying.statistics["attempt_number"]
        raise Unavailable(
            f"Earth Engine at {engine.host} fails ({count} attempts, the last: {_words(error)}). {AGAIN}"
        ) from error
    return found


def _words(error):
    return str(error).rstrip(".")


def _admitted(engine, collection, rows, budget, stop):
    while True:
        permit = budget.acquire(stop)
        if permit is None:
            raise Stopped("Stopped while waiting for a turn.")
        outcome, retry_after = "failed", 0.0
        try:
            found = engine.compute(collection, rows=rows)
            outcome = "accepted"
            return found
        except Throttled as error:
            outcome, retry_after = "refused", error.retry_after
            if budget.exhausted:
                raise
        except (TooLarge, Refused) as error:
            outcome = "failed" if isinstance(error, Silent) else "accepted"
            raise
        finally:
            budget.release(permit, outcome, restricted=engine.restricted, retry_after=retry_after)
