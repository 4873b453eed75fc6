"""Errors by what an answer of Earth Engine asks for: wait, repeat, split, or stop and say what to do."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from dataclasses import dataclass, field

from airq.sources.online.errors import Passing, retry_after

#: Seconds after which a gateway's time-out (504) means a long computation, not a weak gateway.
LONG = 60.0


class Throttled(Passing):
    """More requests than the service grants now: the same request passes later."""


class Unavailable(Passing):
    """The service or the way to it fails: the same request may pass on repetition."""


class Incomplete(Unavailable):
    """An answer that lacks some of what was asked for."""


class TooLarge(RuntimeError):
    """More than one request may hold or compute: ask for less at a time."""


class OutOfMemory(TooLarge):
    """More than the service holds in memory: smaller tiles may help, too."""


class Silent(TooLarge):
    """No answer within the time-out: too much was asked, or the service hangs."""


class Refused(ValueError):
    """A refusal that repetition cannot change; one line that says what to do.

    `asset` is the id that the refusal is about, where it names one.
    """

    def __init__(self, message, *, asset=None):
        super().__init__(message)
        self.asset = asset


class Stopped(RuntimeError):
    """The caller's stop event was set while a request waited for its turn."""


@dataclass(frozen=True)
class Reply:
    """Status, headers and, if it is an error, the content of an HTTP answer."""

    status: int
    headers: dict = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    seconds: float = 0.0

    @property
    def restricted(self):
        """Whether the service asks for fewer requests at once from this project."""
        return "parallelism_restricted=true" in self.headers.get("x-earth-engine-quota-status", "")

    @property
    def message(self):
        """The service's own words on one line, "" where the answer is not of its making."""
        return one_line(self._error.get("message") or "")

    @property
    def reasons(self):
        """Names of the reason beside the message, e.g. "rateLimitExceeded"."""
        listed = self._error.get("errors")
        listed = listed if isinstance(listed, list) else []
        names = [self._error.get("status"), *(own.get("reason") for own in listed if isinstance(own, dict))]
        return " ".join(str(name) for name in names if name)

    @property
    def broken(self):
        """Whether the content begins as JSON and does not end as such."""
        return self._json is None and self.content.lstrip().startswith(b"{")

    @property
    def _error(self):
        error = self._json.get("error") if isinstance(self._json, dict) else None
        return error if isinstance(error, dict) else {}

    @functools.cached_property
    def _json(self):
        """Return the content; None if it is not JSON."""
        with contextlib.suppress(ValueError):
            return json.loads(self.content)


SIGN_IN = (
    "Sign in with `earthengine authenticate` or `gcloud auth application-default login`, "
    "or name a service-account file with --ee-credentials."
)

#: Statuses, words of the message, and what such an answer is: a kind of error, or refused with advice. The
#: first that fits decides.
RULES = (
    (
        (400, 403, 429),
        r"(EECU|compute).{0,99}(quota|budget|limit)|(monthly|month).{0,99}(quota|budget|limit)",
        "Project {project} has used up its compute budget of this month. Go on next month, or see "
        "https://console.cloud.google.com/earth-engine/configuration?project={project}",
    ),
    ((429,), "", Throttled),
    ((413,), "", TooLarge),
    (
        (400, 403),
        r"too many concurrent|rate ?limit ?exceeded|too many requests"
        r"|quota.{0,99}exceeded|exceed.{0,99}quota|exhausted",
        Throttled,
    ),
    ((400, 500, 504), r"memory (limit|capacity)|out of memory", OutOfMemory),
    (
        (400, 500, 504),
        r"timed out|deadline exceeded|too complex|too large"
        r"|(too many|maximum|limit|exceed|more than|over \d).{0,60}(bands|elements|nodes)"
        r"|(bands|elements|nodes).{0,60}(maximum|limit|exceed)"
        r"|(payload|request|response) size exceeds|exceeds the limit|too deep|maximum depth",
        TooLarge,
    ),
    (range(500, 600), "", Unavailable),
    ((408, 425), "", Unavailable),
    ((401,), "", "Earth Engine does not accept the credentials (401). " + SIGN_IN),
    (
        (400, 403, 404),
        r"asset .{0,300}(not found|does not exist|denied)|caller does not have access|permission.{0,99}asset",
        "Earth Engine has no asset {asset}, or these credentials may not read it. "
        "Check its name in the recipe, or ask its owner for access.",
    ),
    (
        (400, 403, 404),
        r"not registered|not signed up",
        "Project {project} is not registered for Earth Engine. "
        "Register it at https://code.earthengine.google.com/register?project={project}",
    ),
    (
        (400, 403),
        r"has not been used in project|is disabled|SERVICE_DISABLED|accessNotConfigured",
        "The Earth Engine API is not enabled in project {project}. Enable it at "
        "https://console.cloud.google.com/apis/library/earthengine.googleapis.com?project={project}",
    ),
    (
        (400, 403, 404),
        r"project.{0,99}(not found|deleted|invalid|does not exist)",
        "Google knows no project {project}. Name one with --ee-project, by its id (not its title).",
    ),
    (
        (403,),
        r"permission to use project|serviceusage|denied on resource .{0,60}/projects/[^/]+('| |$)",
        "These credentials may not use project {project}. Ask its owner for the roles "
        "Service Usage Consumer and Earth Engine Resource Viewer at "
        "https://console.cloud.google.com/iam-admin/iam?project={project}, "
        "or name another with --ee-project.",
    ),
    (
        (400, 403, 404),
        r"quota project",
        "The credentials name no project that pays for the requests. Name one with --ee-project.",
    ),
)


def classify(reply, *, host, project):
    """Return the Throttled, Unavailable, TooLarge or Refused that an HTTP answer other than 2xx stands for.

    >>> memory = Reply(400, content=b'{"error": {"message": "User memory limit exceeded."}}')
    >>> classify(memory, host="localhost", project="p")
    OutOfMemory('User memory limit exceeded.')
    """
    text = f"{reply.message} {reply.reasons}"
    message = reply.message or f"{host} answered {reply.status}"
    if reply.status == 504 and reply.seconds >= LONG:
        return TooLarge(message)
    listed = ((words, kind) for statuses, words, kind in RULES if reply.status in statuses)
    kind = next((kind for words, kind in listed if re.search(words, text, re.IGNORECASE)), None)
    if kind is None:
        return _unlisted(reply, host)
    if isinstance(kind, type):
        return kind(
            message, **({"retry_after": retry_after(reply.headers)} if issubclass(kind, Passing) else {})
        )
    asset = asset_of(reply.message)
    return Refused(kind.format(project=project, asset=asset or "of that name"), asset=asset)


def _unlisted(reply, host):
    if reply.broken:
        return Unavailable(f"{host} sent an error ({reply.status}) that is not whole JSON")
    if 300 <= reply.status < 400:
        what = f"{host} answers with a redirect ({reply.status}): that is not Earth Engine. Check --ee-url."
    elif not reply.message:
        what = f"{host} answers {reply.status}, not as Earth Engine does. Check --ee-url and the proxy."
    else:
        what = f"Earth Engine refuses the request ({reply.status}), and would again: {reply.message}"
    return Refused(what)


def asset_of(message):
    """Return the asset id that a message names, or None.

    >>> asset_of("Image.load: Image asset 'COPERNICUS/S5P/X' not found (does not exist or ...).")
    'COPERNICUS/S5P/X'
    """
    patterns = [
        r"asset\(?s?\)? ['\"]([^'\"]+)['\"]",
        r"['\"](?:projects/earthengine-public/assets/)([^'\"]+)['\"]",
        r"['\"](projects/[^'\"]+/assets/[^'\"]+)['\"]",
    ]
    match = next((match for pattern in patterns if (match := re.search(pattern, message))), None)
    return match[1].removeprefix("projects/earthengine-public/assets/") if match else None


def one_line(text, *, longest=400):
    r"""Return the text without line breaks, cut where it is longer than any sentence.

    >>> one_line("a\n  b")
    'a b'
    """
    text = " ".join(str(text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
