"""The API of OpenAQ, version 3: locations. All of them are SIMULATED.

Parameters, bounds, the shape of answers, the headers of limits and the errors follow its sources
(openaq/openaq-api-v2); belief is that an unknown id is answered 404. `found` is a number, or ">100" where
a page of 100 is full. Coordinates are cut after four digits, as there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.geo import distances_km

FARTHEST = 25_000
KNOWN = {
    *("coordinates", "radius", "bbox", "iso", "countries_id", "parameters_id", "limit", "page"),
    *("mobile", "monitor", "providers_id", "order_by", "sort_order"),
}


class OpenAQ:
    """Answers of the API.

    Parameters
    ----------
    monitors : Monitors
    now : callable
        Returns the moment (naive, UTC).
    strict : bool
        Refuse unknown parameters, which the service ignores.
    """

    def __init__(self, monitors, now, *, strict=True):
        self._monitors, self._now, self._strict = monitors, now, strict

    def answer(self, path, query):
        """Return status and body of a request with a key."""
        parts = path.strip("/").split("/")
        if parts[:2] != ["v3", "locations"] or len(parts) > 3:
            return 404, {"detail": "Not Found"}
        if len(parts) == 3:
            return self._one(parts[2])
        try:
            return self._list(query)
        except ValueError as error:
            return 422, {"detail": [{"loc": ["query"], "msg": str(error), "type": "value_error"}]}

    def _one(self, number):
        try:
            monitor = self._monitors[int(number)]
        except ValueError:
            return 422, {"detail": [{"loc": ["path", "locations_id"], "msg": "not a number", "type": "int"}]}
        except KeyError:
            return 404, {"detail": "Location not found"}
        return 200, _page([self._monitors.describe(monitor, self._now())], 1, 100)

    def _list(self, query):
        unknown = sorted(set(query) - KNOWN)
        if unknown and self._strict:
            raise ValueError(f"Stand-in: unknown parameter {unknown[0]!r} (the service would ignore it)")
        limit, page = _whole(query, "limit", 100), _whole(query, "page", 1)
        if not 0 < limit <= 1000 or page < 1:
            raise ValueError("limit must be 1 to 1000, page at least 1")
        now = self._now()
        found = []
        for monitor, distance in self._near(query, now):
            described = self._monitors.describe(monitor, now, distance)
            if _fits(described, query):
                found.append(described)
        if query.get("sort_order", "asc").lower() == "desc":
            found.reverse()
        return 200, _page(found[(page - 1) * limit : page * limit], page, limit)

    def _near(self, query, now):
        """Return monitors within the circle or the box, and their distance from the middle [m] or None."""
        monitors = list(self._monitors)
        places = np.array([monitor.position(now.date()) for monitor in monitors]).reshape(-1, 2)
        if ("coordinates" in query) != ("radius" in query):
            raise ValueError("Coordinates must be passed with a radius")
        if "coordinates" in query:
            if "bbox" in query:
                raise ValueError("Cannot pass both bounding box and coordinate/radius query in the same URL")
            radius = _whole(query, "radius", 1000)
            if not 0 < radius <= FARTHEST:
                raise ValueError(f"radius must be 1 to {FARTHEST}")
            latitude, longitude = _floats(query["coordinates"], 2)
            if abs(latitude) > 90 or abs(longitude) > 180:
                raise ValueError("Invalid coordinates")
            here = pd.DataFrame({"latitude": [latitude], "longitude": [longitude]})
            metres = 1000 * distances_km(pd.DataFrame(places, columns=["latitude", "longitude"]), here)[:, 0]
            pairs = zip(monitors, metres.tolist(), strict=True)
            return [(monitor, distance) for monitor, distance in pairs if distance <= radius]
        inside = np.ones(len(monitors), dtype=bool)
        if "bbox" in query:
            west, south, east, north = _floats(query["bbox"], 4)
            if west > east or south > north:
                raise ValueError("Invalid bounding box")
            inside = (places >= [south, west]).all(axis=1) & (places <= [north, east]).all(axis=1)
        return [(monitor, None) for monitor, own in zip(monitors, inside, strict=True) if own]


def _fits(described, query):
    """Tell whether a location has what a query asks for."""
    if "iso" in query and described["country"]["code"] != query["iso"].upper():
        return False
    for name, number in (("countries_id", "country"), ("providers_id", "provider")):
        if name in query and described[number]["id"] not in _wholes(query[name]):
            return False
    for name, flag in (("mobile", "isMobile"), ("monitor", "isMonitor")):
        if name in query and described[flag] != (query[name].lower() in ("true", "1")):
            return False
    if "parameters_id" in query:
        own = {sensor["parameter"]["id"] for sensor in described["sensors"]}
        return bool(own & set(_wholes(query["parameters_id"])))
    return True


def _page(results, page, limit):
    found = f">{limit}" if len(results) == limit else len(results)
    meta = {"name": "openaq-api", "website": "/", "page": page, "limit": limit, "found": found}
    return {"meta": meta, "results": results}


def _whole(query, name, default):
    try:
        return int(query.get(name, default))
    except ValueError:
        raise ValueError(f"{name} must be a whole number") from None


def _wholes(text):
    return [int(entry) for entry in text.split(",")]


def _floats(text, number):
    """Return numbers, cut after four digits."""
    values = [np.trunc(float(entry) * 1e4) / 1e4 for entry in text.split(",")]
    if len(values) != number:
        raise ValueError(f"expected {number} numbers, got {text!r}")
    return values
