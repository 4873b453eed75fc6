"""Stand-ins of Open-Meteo and OpenAQ on the loopback interface; everything they serve is SIMULATED.

Real HTTP servers for clients as they are: weather of the past, air quality and forecasts at grid cells of
the simulated atmosphere (:mod:`.air`), monitors around cities (:mod:`.monitors`) in OpenAQ's API and
archive, with the limits of the services and with faults on purpose. In a test::

    with AirServer(cities=cities, today="2024-06-30", faults=Faults(unavailable=0.3)) as server:
        requests.get(server.url + "/v1/archive", params={...})
        assert server.stats.calls("archive") == 1

or beside a command, which finds the address in the place of {url}::

    PYTHONPATH=tests python -m http_servers --cities cities.csv --today 2024-06-30 -- COMMAND {url}

Paths: /v1/archive, /v1/air-quality, /v1/forecast (Open-Meteo), /v3/locations (OpenAQ's API), / and /records/…
(its bucket); GET /stats, POST /stats/reset, /faults, /today, /down.
"""

from .air import Air
from .faults import Faults
from .limits import Limits, calls_of
from .monitors import TRAPS, Monitor, Monitors
from .server import AirServer
from .stats import Request, Stats

__all__ = [
    "TRAPS",
    "Air",
    "AirServer",
    "Faults",
    "Limits",
    "Monitor",
    "Monitors",
    "Request",
    "Stats",
    "calls_of",
]
