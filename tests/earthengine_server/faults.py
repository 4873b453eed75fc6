"""Faults on purpose: what a client must survive."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field, fields, replace

from .errors import EarthEngineError

#: Faults by name; each is an attribute of :class:`Faults` that says how often it happens.
KINDS = (
    "unavailable",
    "internal",
    "too_many",
    "dropped",
    "dropped_midway",
    "truncated",
    "truncated_length",
    "invalid_json",
    "html",
    "lacking",
    "shuffled",
    "slow",
)

_ERRORS = {
    "unavailable": EarthEngineError("The service is currently unavailable.", 503),
    "internal": EarthEngineError("An internal error has occurred.", 500),
    "too_many": EarthEngineError("Too many concurrent aggregations.", 429),
}


@dataclass(frozen=True)
class Faults:
    """How often which fault happens to a request.

    A number below 1 is the share of requests, drawn by `seed`; a list names requests by their
    number (the first is 0), which is the same every time.

    Attributes
    ----------
    unavailable, internal, too_many : float or list of int
        Answered 503, 500 or 429.
    dropped, dropped_midway : float or list of int
        The connection ends without an answer, or in the middle of one.
    truncated, truncated_length : float or list of int
        Half of the JSON: with the Content-Length of the half, or that of the whole.
    invalid_json, html : float or list of int
        200 with a body that is no JSON, or a page of HTML.
    lacking, shuffled : float or list of int
        A page of features lacks every third, or comes in another order.
    slow : float or list of int
        Answered only after `slow_seconds`.
    slow_seconds : float
        On the clock, whatever the time scale. [s]
    refused_assets : dict of str to int
        Assets that may not be seen: 403 permission denied, 404 not found.
    project : {None, "unregistered", "disabled", "forbidden", "unauthenticated"}
        What is wrong with the project or the credentials, answered to every request.
    restricted : bool
        Every compute answer carries ``x-earth-engine-quota-status: parallelism_restricted=true``.
    everywhere : bool
        Faults also happen to discovery and the list of algorithms.
    seed : int
        Of the shares.
    """

    unavailable: float | list[int] = 0.0
    internal: float | list[int] = 0.0
    too_many: float | list[int] = 0.0
    dropped: float | list[int] = 0.0
    dropped_midway: float | list[int] = 0.0
    truncated: float | list[int] = 0.0
    truncated_length: float | list[int] = 0.0
    invalid_json: float | list[int] = 0.0
    html: float | list[int] = 0.0
    lacking: float | list[int] = 0.0
    shuffled: float | list[int] = 0.0
    slow: float | list[int] = 0.0
    slow_seconds: float = 60.0
    refused_assets: dict = field(default_factory=dict)
    project: str | None = None
    restricted: bool = False
    everywhere: bool = False
    seed: int = 0

    def changed(self, facts):
        """These faults with some others.

        Raises
        ------
        ValueError
            If there is no fault of a name.
        """
        unknown = set(facts) - {attribute.name for attribute in fields(self)}
        if unknown:
            raise ValueError(f"No fault {min(unknown)!r}. Choose from {', '.join(KINDS)}.")
        return replace(self, **facts)

    def refusal(self, asset):
        """The error for an asset that may not be seen, or None."""
        status = self.refused_assets.get(asset)
        if status == 403:
            return EarthEngineError(
                f"Permission 'earthengine.assets.get' denied on resource '{asset}' (or it may not exist).",
                403,
            )
        if status is not None:
            return EarthEngineError(
                f"ImageCollection.load: ImageCollection asset '{asset}' not found "
                "(does not exist or caller does not have access).",
                status,
            )
        return None

    def project_error(self, project):
        """The error that every request of the project gets, or None."""
        if self.project is None:
            return None
        message, status = _PROJECT_ERRORS[self.project]
        return EarthEngineError(message.format(project=project), status)


_PROJECT_ERRORS = {
    "unregistered": (
        "Project '{project}' is not registered to use Earth Engine. Visit "
        "https://console.cloud.google.com/earth-engine/configuration?project={project} to register.",
        403,
    ),
    "disabled": (
        "Google Earth Engine API has not been used in project {project} before or it is disabled. Enable "
        "it by visiting https://console.developers.google.com/apis/api/earthengine.googleapis.com/overview"
        "?project={project} then retry.",
        403,
    ),
    "forbidden": (
        "Caller does not have required permission to use project {project}. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role.",
        403,
    ),
    "unauthenticated": (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
        "other valid authentication credential.",
        401,
    ),
}


class FaultPlan:
    """Which fault the next request gets.

    Parameters
    ----------
    faults : Faults
    """

    def __init__(self, faults):
        self._lock = threading.Lock()
        self.change(faults)

    def change(self, faults):
        """Start over with other faults."""
        with self._lock:
            self.faults = faults
            self._random = random.Random(faults.seed)
            self._number = 0

    def next(self):
        """Name of the fault of the next request, or None."""
        with self._lock:
            number, self._number = self._number, self._number + 1
            for kind in KINDS:
                when = getattr(self.faults, kind)
                listed = isinstance(when, (list, tuple, range))
                if number in when if listed else when and self._random.random() < when:
                    return kind
        return None


def fault_error(kind):
    """The error that a fault is answered with, or None if it is of another sort."""
    return _ERRORS.get(kind)


def damaged_features(kind, features, seed):
    """A page of features as a fault leaves it."""
    if kind == "lacking":
        return [feature for number, feature in enumerate(features) if number % 3]
    if kind == "shuffled":
        return random.Random(seed).sample(features, len(features))
    return features
