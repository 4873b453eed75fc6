"""A simulated Earth Engine on the loopback interface, for the real, unmodified client.

It evaluates the expression graphs that the client sends on small arrays of invented, known values
(:mod:`.answers`), refuses what Earth Engine refuses, and injects faults. In a test::

    with EarthEngineServer(faults=Faults(unavailable=0.3)) as server:
        ee.Initialize(AnonymousCredentials(), url=server.url, project="p")

or beside a command, with no account at all::

    PYTHONPATH=tests python -m earthengine_server -- airq extract --ee-url {url} …

What it does not do: other projections than EPSG:4326, kernels, arrays, joins, classifiers, exports.
It names what it lacks in a 400 answer. Masks are 0 or 1, pixel types are not kept, and a pixel on the
edge of a region counts fully if its centre is inside and not at all otherwise.
"""

from .faults import Faults
from .limits import NO_LATENCY, Latency, Limits
from .server import EarthEngineServer
from .stats import ComputeRequest, Stats

__all__ = ["NO_LATENCY", "ComputeRequest", "EarthEngineServer", "Faults", "Latency", "Limits", "Stats"]
