"""Faults on purpose: what a client must survive."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import ClassVar

from stand_ins import CommonFaults

from .errors import EarthEngineError

_ERRORS = {
    "unavailable": EarthEngineError("The service is currently unavailable.", 503),
    "internal": EarthEngineError("An internal error has occurred.", 500),
    "too_many": EarthEngineError("Too many concurrent aggregations.", 429),
}


@dataclass(frozen=True)
class Faults(CommonFaults):
    """How often which fault happens to a request; see :class:`stand_ins.CommonFaults`.

    Attributes
    ----------
    lacking, shuffled : float or list of int
        A page of features lacks every third, or comes in another order.
    refused_assets : dict of str to int
        Assets that may not be seen: 403 permission denied, 404 not found.
    project : {None, "unregistered", "disabled", "forbidden", "unauthenticated"}
        What is wrong with the project or the credentials, answered to every request.
    restricted : bool
        Every compute answer carries ``x-earth-engine-quota-status: parallelism_restricted=true``.
    everywhere : bool
        Faults also happen to discovery and the list of algorithms.
    """

    kinds: ClassVar = (
        *("unavailable", "internal", "too_many", "dropped", "dropped_midway", "truncated"),
        *("truncated_length", "invalid_json", "html", "lacking", "shuffled", "slow"),
    )

    lacking: float | list[int] = 0.0
    shuffled: float | list[int] = 0.0
    refused_assets: dict = field(default_factory=dict)
    project: str | None = None
    restricted: bool = False
    everywhere: bool = False

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
