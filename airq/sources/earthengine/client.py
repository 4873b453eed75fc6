"""Ask Earth Engine: a connection, and requests with their repetition.

Google's client sends its requests through :class:`Connection`, which has one session for each thread, its
own time-outs, and an error class for each kind of fault. It computes a collection in one attempt;
:func:`call_with_retries` repeats the attempt for as long as that can help. No other module sends anything.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import threading
import time
import warnings
from collections import Counter
from itertools import count
from urllib.parse import urlencode, urlsplit

import ee
import google.auth.credentials
import google.auth.exceptions
import google.auth.transport.requests
import googleapiclient.errors
import httplib2
import requests
import tenacity

from airq.sources.earthengine.budget import Patience
from airq.sources.earthengine.credentials import check_endpoint
from airq.sources.earthengine.errors import (
    SIGN_IN,
    Refused,
    Reply,
    Silent,
    Stopped,
    Throttled,
    TooLarge,
    Unavailable,
    classify,
    one_line,
)
from airq.sources.online.address import is_loopback
from airq.sources.online.errors import AGAIN

STANDARD_URL = "https://earthengine.googleapis.com"
#: Requests look up a proxy in the environment unless each scheme is told that there is none.
DIRECT = {"http": None, "https": None, "all": None}
#: Most requests at once, of any plan.
MOST_AT_ONCE = 100
#: Longest wait for a connection. [s]
CONNECT_SECONDS = 10.0
#: Longest wait for an answer while a connection is opened. [s]
OPENING_SECONDS = 60.0
#: For the three requests that open a connection.
OPENING = Patience(attempts=20, base=0.5, longest=4.0)


class Stats:
    """What went over the wire, counted by all threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self.clear()

    def clear(self):
        """Count anew."""
        self.requests = self.retries = self.bytes_sent = self.bytes_received = 0
        self.seconds = 0.0
        self.by_status = Counter()

    def add(self, **counts):
        """Count something, such as `requests` or seconds."""
        with self._lock:
            for name, number in counts.items():
                setattr(self, name, getattr(self, name) + number)

    def as_dict(self):
        """Return the counts at this moment, for a manifest."""
        with self._lock:
            counts = {name: number for name, number in vars(self).items() if name != "_lock"}
        return {
            **counts,
            "seconds": round(self.seconds, 3),
            "by_status": dict(sorted(self.by_status.items())),
        }


class _Here(threading.local):
    """What a thread knows of its own requests."""

    #: Last answer of the service, None where none came; seconds that the last attempt took.
    reply = None
    seconds = 0.0


class Connection:
    """Connection to Earth Engine, and the HTTP of Google's client: a session a thread, faults by their kind.

    Made by :func:`connect`; close it, or use it as a context manager. `timeout` is the longest wait for an
    answer [s]; `stats` counts requests, bytes and seconds since the opening.
    """

    def __init__(self, url, project, timeout):
        self.url = url
        self.host = urlsplit(url).netloc
        self.project = project
        self.timeout = timeout
        self.stats = Stats()
        #: Set once the connection is open.
        self.credentials = None
        self.here = _Here()
        self._closed = False
        # Threads share it: what they may send at once must fit.
        self._session = requests.Session()
        self._session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=MOST_AT_ONCE))
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=MOST_AT_ONCE))
        # Without an `auth` of its own, an entry of ~/.netrc would take the place of the token.
        self._session.auth = lambda request: request

    def __repr__(self):
        return f"Connection({self.url!r}, project={self.project!r})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, uri, method="GET", body=None, headers=None, redirections=None, connection_type=None):
        """Send one request, as `httplib2.Http.request` does, once.

        Raise Throttled, Unavailable, TooLarge or Refused for every answer of the service but 2xx and 401,
        which the client wants to see.
        """
        self.here.reply = None
        own = uri.startswith(f"{self.url}/")
        response = self._send(uri, method, body, headers, counted=own)
        if own:
            status = response.status_code
            if status >= 300 and status != 401:
                raise classify(self.here.reply, host=self.host, project=self.project)
            if method == "GET" and status == 200:
                try:
                    json.loads(response.content)
                except ValueError as error:
                    message = f"{self.host} sent a description of itself that is not whole JSON."
                    raise Unavailable(message) from error
        headers = {key.lower(): value for key, value in response.headers.items()}
        # The client turns the first into a warning, and prints the second, from whatever thread.
        headers.pop("x-earth-engine-quota-status", None)
        headers.pop("x-earth-engine-init-message", None)
        return httplib2.Response({**headers, "status": response.status_code}), response.content

    def _send(self, uri, method, body, headers, *, counted):
        self._check_open()
        start = time.monotonic()
        status, received = "dropped", 0
        try:
            settings = {"timeout": (CONNECT_SECONDS, self.timeout), "allow_redirects": False}
            settings["proxies"] = DIRECT if is_loopback(self.url) else None
            response = self._session.request(method, uri, data=body, headers=headers, **settings)
            status, received = response.status_code, response.raw.tell()
        except requests.exceptions.RequestException as error:
            fault = _fault(error, host=urlsplit(uri).netloc, seconds=self.timeout)
            status = "silent" if isinstance(fault, Silent) else status
            raise fault from error
        finally:
            seconds = time.monotonic() - start
            if counted:
                sizes = {"bytes_sent": len(body or b""), "bytes_received": received}
                self.stats.add(requests=1, **sizes, seconds=seconds, by_status=Counter({str(status): 1}))
        if counted:
            content = response.content if status >= 300 else b""
            self.here.reply = Reply(status, response.headers, content, seconds)
        return response

    def _check_open(self):
        """Raise `Stopped` once the connection is closed."""
        if self._closed:
            raise Stopped("The connection to Earth Engine is closed.")

    def get(self, url, params, *, refusal):
        """Return the content of a file or of a list of files at Google, in one attempt.

        Raise Refused with the words of `refusal` where these credentials may not read it or it is not there,
        Throttled or Unavailable where the same request may pass later.
        """
        self._check_open()
        headers = {}
        with self.translated():
            self.credentials.before_request(google.auth.transport.requests.Request(), "GET", url, headers)
        headers["x-goog-user-project"] = self.project
        response = self._send(f"{url}?{urlencode(params)}", "GET", None, headers, counted=True)
        if response.status_code < 300:
            return response.content
        error = classify(self.here.reply, host=urlsplit(url).netloc, project=self.project)
        if isinstance(error, Refused) and response.status_code in (400, 401, 403, 404):
            words = self.here.reply.message or f"status {response.status_code}"
            raise Refused(f"{refusal} Google says: {words}") from error
        raise error

    def compute(self, collection, *, rows):
        """Return the properties of every feature of a collection, in one attempt, `rows` features a page.

        They are a list of dict in the order of the answer; a property that is null is absent. Throttled and
        Unavailable say that the same request may pass later, TooLarge that less at a time may pass, Refused
        that nothing helps but what the message says.
        """
        features, token, seen = [], None, set()
        while True:
            params = {"expression": collection, "pageSize": rows} | ({"pageToken": token} if token else {})
            page = self._whole(ee.data.computeFeatures, params)
            # Pages may be empty, and then lack the list, but not the only one.
            missing = [] if token or (isinstance(page, dict) and page.get("nextPageToken")) else None
            if not isinstance(page, dict) or not isinstance(page.get("features", missing), list):
                raise Unavailable(f"{self.host} sent an answer that is not whole, or holds no features")
            for feature in page.get("features", []):
                properties = isinstance(feature, dict) and (feature.get("properties") or {})
                if not isinstance(properties, dict):
                    raise Unavailable(f"{self.host} sent something else than features")
                features.append(properties)
            token = page.get("nextPageToken")
            if not token:
                return features
            if token in seen:
                raise Unavailable(f"{self.host} repeats a page of its answer")
            seen.add(token)

    def pixels(self, params):
        """Return the pixels of an image as a structured array, in one attempt; errors are those of `compute`.

        `params` are those of `ee.data.computePixels`, but the format of the file.
        """
        return self._whole(ee.data.computePixels, {**params, "fileFormat": "NUMPY_NDARRAY"})

    def value(self, expression):
        """Return the value of an expression, in one attempt; errors are those of `compute`."""
        return self._whole(ee.data.computeValue, expression)

    def _whole(self, call, argument):
        """Return what the client makes of an answer, in one attempt."""
        self._check_open()
        try:
            with self.translated():
                return call(argument)
        except Refused:
            raise
        except (KeyError, TypeError, ValueError, EOFError) as error:
            raise Unavailable(f"{self.host} sent an answer that is not whole") from error

    def profiled(self, call):
        """Return what a function returns, and the EECU-seconds that its requests took, None if not told.

        The service profiles a computation where the client asks for it, and lists its parts as a table.
        """
        profiles = []
        with ee.data.profiling(profiles.append):
            result = call()
        try:
            with self.translated():
                text = ee.ApiFunction.call_("Profile.getProfiles", profiles).getInfo() if profiles else ""
        except (ConnectionError, TooLarge, Refused, ee.EEException):
            text = ""
        return result, eecu_seconds(text)

    @contextlib.contextmanager
    def translated(self):
        """Turn what the client raises beside the transport's own faults into these."""
        try:
            yield
        except google.auth.exceptions.GoogleAuthError as error:
            raise _credentials_fault(error, self.host) from error
        except UnicodeDecodeError as error:
            raise Unavailable(f"{self.host} sent an answer that is not text") from error
        except (ee.EEException, googleapiclient.errors.Error) as error:
            self._check_open()
            if self.here.reply is None or self.here.reply.status < 300:
                raise
            raise classify(self.here.reply, host=self.host, project=self.project) from error

    def close(self):
        """Close the connections of all threads and forget the credentials."""
        self._closed = True
        self._session.close()
        ee.Reset()


def eecu_seconds(text):
    r"""Return the sum of the first column of a profile, None where there is no number.

    >>> eecu_seconds(" EECU·s PeakMem Count  Description\n  0.072     47k    44  (plumbing)\n")
    0.072
    """
    numbers = re.findall(r"^\s*(\d+(?:\.\d+)?)\s", str(text), re.MULTILINE)
    return sum(map(float, numbers)) if numbers else None


def _fault(error, *, host, seconds):
    kinds = requests.exceptions
    if isinstance(error, kinds.ReadTimeout):
        return Silent(f"{host} did not answer within {seconds:g} s")
    if isinstance(error, kinds.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(
            f"This machine does not trust the certificate of {host}. Behind a proxy that replaces it, "
            "name the proxy's own in REQUESTS_CA_BUNDLE."
        )
    for kind, words in (
        (kinds.ConnectTimeout, f"no connection to {host} in time"),
        (kinds.ProxyError, f"the proxy on the way to {host} does not answer"),
        (kinds.ChunkedEncodingError, f"the answer of {host} broke off"),
        (kinds.ContentDecodingError, f"the answer of {host} broke off"),
        (kinds.ConnectionError, f"no connection to {host}, or it was lost"),
    ):
        if isinstance(error, kind):
            return Unavailable(words)
    return Refused(f"No request can be sent to {host}: {one_line(error)}")


def _credentials_fault(error, host):
    if isinstance(error, google.auth.exceptions.TransportError) or error.retryable:
        return Unavailable("the service that renews Google credentials does not answer")
    if isinstance(error, google.auth.exceptions.InvalidOperation):
        return Refused(f"{host} wants credentials and takes no anonymous requests. {SIGN_IN}")
    words = str(error.args[0]) if error.args else ""
    listed = ("invalid_grant", "invalid_client", "deleted_client", "unauthorized_client", "invalid_scope")
    reason = next((word for word in listed if word in words), type(error).__name__)
    return Refused(
        f"Google does not renew the credentials ({reason}): they expired or were revoked. {SIGN_IN}"
    )


class SharedCredentials(google.auth.credentials.Credentials):
    """Credentials that several threads use: one of them refreshes the token, the others wait."""

    def __init__(self, credentials):
        super().__init__()
        self._credentials = credentials
        self._refreshing = threading.Lock()

    def before_request(self, request, method, url, headers):
        """Add the credentials to the headers of a request."""
        with self._refreshing:
            self._credentials.before_request(request, method, url, headers)
        # The client names the project itself, in other capitals, and must not for the first request.
        headers.pop("x-goog-user-project", None)

    def refresh(self, request):
        """Get a new token, one thread at a time."""
        with self._refreshing:
            self._credentials.refresh(request)


def connect(*, url=None, project, credentials, workload_tag=None, timeout=330.0, patience=OPENING):
    """Open a Connection to Earth Engine. There is one at a time in a process.

    `url` is the standard one by default; `credentials` come from `load_credentials`; `workload_tag` labels
    the requests in the project's accounts (1 to 63 of a-z, 0-9, - and _); `timeout` is the longest wait for
    an answer [s]; `patience` is for the opening.
    """
    url = (url or STANDARD_URL).rstrip("/")
    check_endpoint(url, credentials)
    connection = Connection(url, project, OPENING_SECONDS)
    # Without a handler the client's remarks on each retry and refusal go to the console.
    logging.getLogger("googleapiclient").addHandler(logging.NullHandler())
    with contextlib.ExitStack() as unless_open:
        unless_open.callback(connection.close)
        connection.credentials = SharedCredentials(credentials)
        _open(connection, connection.credentials, patience)
        ee.data.setDefaultWorkloadTag(workload_tag)
        unless_open.pop_all()
    connection.timeout = timeout
    connection.stats.clear()
    return connection


def _open(connection, credentials, patience):
    def nothing_answers(state):
        return state.attempt_number >= 6 and set(connection.stats.by_status) <= {"dropped"}

    try:
        for attempt in _attempts(patience, None, on=(Throttled, Unavailable), until=nothing_answers):
            with attempt, connection.translated():
                _initialize(connection, credentials)
    except (Throttled, Unavailable, Silent) as error:
        raise Unavailable(
            f"Earth Engine at {connection.host} cannot be reached ({_words(error)}). Check the network."
        ) from error
    except (KeyError, TypeError, AttributeError, googleapiclient.errors.Error, ee.EEException) as error:
        raise Refused(f"{connection.host} does not answer as Earth Engine does. Check --ee-url.") from error


def _initialize(connection, credentials):
    ee.Reset()
    ee.data.setMaxRetries(0)
    before = socket.getdefaulttimeout()
    # The client looks for a list of deprecated assets without a time-out, and warns where there is none.
    socket.setdefaulttimeout(2.0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ee.Initialize(
                credentials, url=connection.url, project=connection.project, http_transport=connection
            )
    finally:
        socket.setdefaulttimeout(before)


def _attempts(patience, stop, *, on, until):
    """Return attempts of tenacity, repeated on the errors `on` until ``until(state)`` or patience ends."""
    stop = stop or threading.Event()
    jitter = tenacity.wait_random_exponential(multiplier=patience.base, max=patience.longest)

    def wait(state):
        asked = getattr(state.outcome.exception(), "retry_after", 0.0)
        return max(jitter(state), min(asked, patience.longest))

    def sleep(seconds):
        if stop.wait(seconds):
            raise Stopped("Stopped while waiting to repeat a request.")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(on),
        stop=lambda state: state.attempt_number >= patience.attempts or until(state),
        wait=wait,
        sleep=sleep,
        reraise=True,
    )


def call_with_retries(call, connection, *, budget, read=None, stop=None):
    """Return what a call of a connection without arguments returns, with as many attempts as it takes.

    `read` makes the result of what was returned, and raises Incomplete where that lacks something; all
    threads share the `budget` and its patience; the event `stop` ends every wait by Stopped. TooLarge and
    Refused are raised at once, since repetition does not help; Unavailable after the last attempt, or once
    nothing has been answered for long. The connection counts repetitions, and notes the seconds of the last
    attempt.
    """
    begun = count()
    attempts = _attempts(budget.patience, stop, on=Unavailable, until=lambda state: budget.silent)

    def attempt():
        answer = _in_turn(call, connection, budget, stop, begun)
        return answer if read is None else read(answer)

    try:
        return attempts(attempt)
    except Silent as error:
        if budget.silent:
            raise Unavailable(f"Earth Engine at {connection.host} does not answer. {AGAIN}") from error
        raise
    except Throttled as error:
        raise Unavailable(
            f"Earth Engine at {connection.host} grants no request now ({_words(error)}). {AGAIN}"
        ) from error
    except Unavailable as error:
        number = attempts.statistics["attempt_number"]
        raise Unavailable(
            f"Earth Engine at {connection.host} fails ({number} attempts, the last: {_words(error)}). {AGAIN}"
        ) from error


def _words(error):
    return str(error).rstrip(".")


def _in_turn(call, connection, budget, stop, begun):
    """Call once the budget has room, again and again while the service refuses for want of room."""
    while True:
        epoch = budget.acquire(stop)
        if epoch is None:
            raise Stopped("Stopped while waiting for a turn.")
        outcome, retry_after, start = "failed", 0.0, time.monotonic()
        if next(begun):
            connection.stats.add(retries=1)
        try:
            answer = call()
            outcome = "accepted"
            return answer
        except Throttled as error:
            outcome, retry_after = "refused", error.retry_after
            if budget.exhausted:
                raise
        except (TooLarge, Refused) as error:
            outcome = "failed" if isinstance(error, Silent) else "accepted"
            raise
        finally:
            connection.here.seconds = time.monotonic() - start
            restricted = connection.here.reply is not None and connection.here.reply.restricted
            budget.release(epoch, outcome, restricted=restricted, retry_after=retry_after)
