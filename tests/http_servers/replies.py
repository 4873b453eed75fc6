"""What is answered to a request: by the service, or by a fault instead of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .archive import error_xml
from .asked import Refused
from .faults import STATUSES, damaged
from .limits import PERIODS
from .stats import Request

JSON = "application/json; charset=utf-8"
TOO_HEAVY = (
    "Your API call requests too much data. "
    "Please reduce the number of variables, locations and/or weather models."
)


@dataclass
class Reply:
    """A status, a body, and what the statistics shall know.

    Attributes
    ----------
    status : int
        0: the connection ends without an answer.
    facts : dict
        Attributes of :class:`~.stats.Request`.
    """

    status: int
    body: bytes = b""
    kind: str = JSON
    headers: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)

    @classmethod
    def json(cls, facts, status=200, headers=None, **known):
        """Return a reply of JSON."""
        body = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, headers=headers or {}, facts=known)

    @classmethod
    def xml(cls, text, status=200):
        """Return a reply of XML."""
        return cls(status, text.encode(), "application/xml")

    @classmethod
    def down(cls, status):
        """Return what a service answers that is down."""
        return cls(0) if status is None else cls.json({"error": True, "reason": "down"}, status)

    def record(self, service, path, query, time, fault):
        """Return the request for the statistics."""
        return Request(
            service=service,
            path=path,
            query=query,
            status=self.status,
            time=time,
            sent=len(self.body) if self.status else 0,
            fault=fault,
            **{"calls": 0 if service in ("archive", "air-quality", "forecast") else 1, **self.facts},
        )


def answer(owner, service, path, query, headers, fault):
    """Return the reply of a server to a request, with a fault or None."""
    if fault == "dropped":
        return Reply(0)
    if fault == "html":
        return Reply(200, b"<!DOCTYPE html><title>Just a moment...</title>", "text/html; charset=UTF-8")
    if fault in STATUSES:
        again = {"Retry-After": f"{owner.faults.retry_after:g}"} if fault == "too_many_retry_after" else {}
        return _failed(service, STATUSES[fault], again)
    if service == "openaq":
        return _openaq(owner, path, query, {name.lower(): value for name, value in headers.items()})
    if service == "s3":
        return _s3(owner, path, query, headers, fault)
    return _open_meteo(owner, service, query, fault)


def _failed(service, status, headers):
    """Return a service's own way to say that it cannot."""
    words = {429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway"}
    reason = words.get(status, "Service Unavailable")
    if service == "s3":
        code = {429: "SlowDown", 500: "InternalError"}.get(status, "ServiceUnavailable")
        reply = Reply.xml(error_xml(code, reason), status)
    elif status in (502, 503):
        reply = Reply(status, f"<html><h1>{status} {reason}</h1></html>".encode(), "text/html")
    elif service == "openaq":
        reply = Reply.json({"detail": reason}, status)
    else:
        reason = PERIODS["minute"][1] if status == 429 else reason
        reply = Reply.json({"error": True, "reason": reason}, status)
    reply.headers |= headers
    return reply


def _open_meteo(owner, service, query, fault):
    """Return the answer of Open-Meteo; limits hold for requests without a key."""
    limits, key, known = owner.limits, query.get("apikey") or None, {}
    known["key"] = key
    try:
        if key is None:
            full = owner.meter.full({period: getattr(limits, period) for period in PERIODS})
            if full is not None:
                raise Refused(PERIODS[full][1], 429)
        ask = owner.open_meteo.read(service, query, places=limits.places)
        known |= {"places": len(ask.latitude), "variables": ask.n_variables, "days": ask.days}
        calls = owner.open_meteo.calls(ask)
        if key is None and calls > limits.hour:
            raise Refused(TOO_HEAVY)
        places = damaged(fault, owner.open_meteo.answer(ask), owner.faults)
    except Refused as refused:
        calls = limits.calls_per_error if refused.status == 400 else 0
        reply = Reply.json({"error": True, "reason": refused.reason}, refused.status)
    else:
        reply = Reply.json(places if len(places) > 1 else places[0])
    if key is None:
        owner.meter.add(calls)
    reply.facts = known | {"calls": calls}
    return reply


def _openaq(owner, path, query, headers):
    """Return the answer of OpenAQ's API, which counts requests, of whatever key."""
    key = headers.get("x-api-key") or None
    if key is None:
        return Reply.json({"detail": "Invalid credentials"}, 401)
    limits, meter = owner.limits, owner.openaq_meter
    full = meter.full({"minute": limits.openaq_minute, "hour": limits.openaq_hour})
    if full is None:
        meter.add(1)
    used = meter.used(full or "minute")
    limit = limits.openaq_hour if full == "hour" else limits.openaq_minute
    rates = {
        "x-ratelimit-limit": f"{limit:g}",
        "x-ratelimit-remaining": f"{max(limit - used, 0):g}",
        "x-ratelimit-used": f"{used:g}",
        "x-ratelimit-reset": str(int(meter.left(full or "minute")) + 1),
    }
    if full is not None:
        return Reply.json({"detail": "Too many requests"}, 429, rates, key=key)
    status, facts = owner.openaq.answer(path, query)
    return Reply.json(facts, status, rates, key=key)


def _s3(owner, path, query, headers, fault):
    """Return a listing or a file of the archive."""
    if path == "/":
        status, text = owner.bucket.listing(query, wrong_etag=fault == "wrong_etag")
        return Reply.xml(text, status)
    found = owner.bucket.file(path.lstrip("/"))
    if found is None:
        text = error_xml("NoSuchKey", "The specified key does not exist.", path.lstrip("/"))
        return Reply.xml(text, 404)
    content, own = found
    if headers.get("If-None-Match") == own["ETag"]:
        return Reply(304, b"", "binary/octet-stream", own)
    if fault == "wrong_etag":
        own = own | {"ETag": '"00000000000000000000000000000000"'}
    return Reply(200, content, "binary/octet-stream", own)
