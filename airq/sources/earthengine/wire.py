"""HTTP under the Earth Engine client: a session per thread, time-outs, faults by their kind."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import ee
import google.auth.credentials
import google.auth.exceptions
import googleapiclient.errors
import httplib2
import requests

from airq.sources.earthengine.credentials import is_loopback
from airq.sources.earthengine.errors import (
    SIGN_IN,
    Refused,
    Reply,
    Silent,
    Stopped,
    Unavailable,
    classify,
    one_line,
)

#: Requests look up a proxy in the environment unless each scheme is told that there is none.
DIRECT = {"http": None, "https": None, "all": None}


class Stats:
    """What went over the wire, counted by all threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self.clear()

    def clear(self):
        """Count anew."""
        self.requests = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.seconds = 0.0
        self.by_status = Counter()

    def add(self, status, *, sent, received, seconds):
        """Count one request; `status` is the HTTP status or the name of what went wrong."""
        with self._lock:
            self.requests += 1
            self.bytes_sent += sent
            self.bytes_received += received
            self.seconds += seconds
            self.by_status[str(status)] += 1

    def as_dict(self):
        """The counts at this moment, for a manifest."""
        with self._lock:
            return {
                "requests": self.requests,
                "bytes_sent": self.bytes_sent,
                "bytes_received": self.bytes_received,
                "seconds": round(self.seconds, 3),
                "by_status": dict(sorted(self.by_status.items())),
            }


class Transport:
    """HTTP of the Earth Engine client: a session per thread, own time-outs, faults by their kind.

    Parameters
    ----------
    url, project : str
        Address of the service, and who asks; for messages.
    connect_timeout, timeout : float
        Longest wait for a connection, and for an answer. [s]
    """

    def __init__(self, url, project, *, connect_timeout=10.0, timeout=330.0):
        self.url = url
        self.host = urlsplit(url).netloc
        self.project = project
        self.timeouts = (connect_timeout, timeout)
        self.stats = Stats()
        self._proxies = DIRECT if is_loopback(url) else None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions = []
        self.closed = False

    @property
    def reply(self):
        """Last answer of the service to this thread, None where none came."""
        return getattr(self._local, "reply", None)

    def request(self, uri, method="GET", body=None, headers=None, redirections=None, connection_type=None):
        """Send one request, as `httplib2.Http.request` does, once.

        Raises
        ------
        Throttled, Unavailable, TooLarge, Refused
            For every answer of the service but 2xx and 401, which the client wants to see.
        """
        self._local.reply = None
        if not uri.startswith(f"{self.url}/"):
            response = self._send(uri, method, body, headers, counted=False)
            return _as_httplib2(response), response.content
        response = self._send(uri, method, body, headers, counted=True)
        reply = self.reply
        if reply.status >= 300 and reply.status != 401:
            raise classify(reply, host=self.host, project=self.project)
        if method == "GET" and reply.status == 200:
            _check_json(response.content, host=self.host)
        return _as_httplib2(response), response.content

    def _send(self, uri, method, body, headers, *, counted):
        start = time.monotonic()
        sent = len(body or b"")
        status, received = "dropped", 0
        try:
            response = self._session().request(
                method,
                uri,
                data=body,
                headers=headers,
                timeout=self.timeouts,
                allow_redirects=False,
                proxies=self._proxies,
            )
            status, received = response.status_code, response.raw.tell()
        except requests.exceptions.RequestException as error:
            fault = _fault(error, host=urlsplit(uri).netloc, seconds=self.timeouts[1])
            status = "silent" if isinstance(fault, Silent) else status
            raise fault from error
        finally:
            seconds = time.monotonic() - start
            if counted:
                self.stats.add(status, sent=sent, received=received, seconds=seconds)
        if counted:
            content = response.content if status >= 300 else b""
            lower = {key.lower(): value for key, value in response.headers.items()}
            self._local.reply = Reply(status, lower, content, seconds)
        return response

    def _session(self):
        session = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # Else an entry of ~/.netrc would take the place of the token.
            session.auth = _unchanged
            with self._lock:
                self.check_open()
                self._sessions.append(session)
            self._local.session = session
        return session

    def check_open(self):
        """Raise `Stopped` once the connection is closed."""
        if self.closed:
            raise Stopped("The connection to Earth Engine is closed.")

    def close(self):
        """Close the sessions of all threads."""
        with self._lock:
            self.closed = True
            sessions, self._sessions = self._sessions, []
        self._local = threading.local()
        for session in sessions:
            session.close()


def _unchanged(request):
    return request


def _as_httplib2(response):
    headers = {key.lower(): value for key, value in response.headers.items()}
    # The client turns the first into a warning, and prints the second, from whatever thread.
    headers.pop("x-earth-engine-quota-status", None)
    headers.pop("x-earth-engine-init-message", None)
    return httplib2.Response({**headers, "status": response.status_code})


def _check_json(content, *, host):
    try:
        json.loads(content)
    except ValueError as error:
        raise Unavailable(f"{host} sent a description of itself that is not whole JSON.") from error


def _fault(error, *, host, seconds):
    if isinstance(error, requests.exceptions.ReadTimeout):
        return Silent(f"{host} did not answer within {seconds:g} s")
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(
            f"This machine does not trust the certificate of {host}. Behind a proxy that replaces it, "
            "name the proxy's own in REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Unavailable(f"no connection to {host} in time")
    if isinstance(error, requests.exceptions.ProxyError):
        return Unavailable(f"the proxy on the way to {host} does not answer")
    if isinstance(
        error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
    ):
        return Unavailable(f"the answer of {host} broke off")
    if isinstance(error, requests.exceptions.ConnectionError):
        return Unavailable(f"no connection to {host}, or it was lost")
    return Refused(f"No request can be sent to {host}: {one_line(error)}")


class SharedCredentials(google.auth.credentials.Credentials):
    """Credentials that several threads use: one of them refreshes the token, the others wait."""

    def __init__(self, credentials):
        super().__init__()
        self._credentials = credentials
        self._refreshing = threading.Lock()

    def before_request(self, request, method, url, headers):
        with self._refreshing:
            self._credentials.before_request(request, method, url, headers)
        # The client names the project itself, in other capitals, and must not for the first request.
        headers.pop("x-goog-user-project", None)

    def refresh(self, request):
        with self._refreshing:
            self._credentials.refresh(request)


@contextlib.contextmanager
def translated(transport):
    """Turn what the client raises beside the transport's own faults into these."""
    try:
        yield
    except google.auth.exceptions.GoogleAuthError as error:
        raise _credentials_fault(error, transport.host) from error
    except UnicodeDecodeError as error:
        raise Unavailable(f"{transport.host} sent an answer that is not text") from error
    except (ee.EEException, googleapiclient.errors.Error) as error:
        transport.check_open()
        reply = transport.reply
        if reply is None or reply.status < 300:
            raise
        raise classify(reply, host=transport.host, project=transport.project) from error


def _credentials_fault(error, host):
    if isinstance(error, google.auth.exceptions.TransportError) or error.retryable:
        return Unavailable("the service that renews Google credentials does not answer")
    if isinstance(error, google.auth.exceptions.InvalidOperation):
        return Refused(f"{host} wants credentials and takes no anonymous requests. {SIGN_IN}")
    words = str(error.args[0]) if error.args else ""
    known = ("invalid_grant", "invalid_client", "deleted_client", "unauthorized_client", "invalid_scope")
    reason = next((word for word in known if word in words), type(error).__name__)
    return Refused(
        f"Google does not renew the credentials ({reason}): they expired or were revoked. {SIGN_IN}"
    )
