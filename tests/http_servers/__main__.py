"""The servers as a process: alone, or beside one command that they serve.

    PYTHONPATH=tests python -m http_servers --cities cities.csv --today 2024-06-30 --port 8766
    PYTHONPATH=tests python -m http_servers --cities cities.csv -- COMMAND --url {url} …

The values are SIMULATED.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import threading

from airq.cities import bundled_cities, read_cities

from .air import Air
from .faults import Faults
from .limits import Limits
from .monitors import TRAPS, Monitors
from .server import AirServer


def main(arguments=None):
    """Serve until interrupted, or until the command ends; its exit code is then ours."""
    arguments = sys.argv[1:] if arguments is None else arguments
    own, command = arguments, []
    if "--" in arguments:
        end = arguments.index("--")
        own, command = arguments[:end], arguments[end + 1 :]
    with _server(_parser().parse_args(own)) as server:
        message = f"SIMULATED Open-Meteo and OpenAQ at {server.url}"
        print(message, file=sys.stderr if command else sys.stdout, flush=True)
        if command:
            return _run([word.replace("{url}", server.url) for word in command])
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


def _run(command):
    """Return the exit code of a command, which handles Ctrl-C itself."""
    with subprocess.Popen(command) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m http_servers",
        usage="%(prog)s [options] [-- COMMAND ...]",
        description="Stand-ins of Open-Meteo and OpenAQ. In COMMAND, {url} is their address.",
    )
    parser.add_argument("--cities", help="table of cities with monitors; default: none has one")
    parser.add_argument("--today", help="the services' date; default: the real one")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--random-state", type=int, default=0, help="of the atmosphere")
    parser.add_argument("--epoch", default="2019-01-01", help="first day of the atmosphere")
    parser.add_argument("--per-city", type=int, default=1, help="monitors of a city")
    parser.add_argument("--no-limits", action="store_true", help="count calls, but refuse none")
    parser.add_argument(
        "--trap",
        action="append",
        default=[],
        metavar="CITY=TRAP,…",
        help=f"what is wrong with a city's monitor: {', '.join(TRAPS)}; CITY is its id or row",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help='an attribute of Faults, its value in JSON: unavailable=0.3, services=["s3"]; may be repeated',
    )
    return parser


def _server(options):
    limits = Limits().without() if options.no_limits else Limits()
    cities = bundled_cities().head(0) if options.cities is None else read_cities(options.cities)
    try:
        air = Air(options.random_state, options.epoch)
        traps = dict(map(_trap, options.trap))
        monitors = Monitors(cities, air, options.per_city, traps=traps)
        faults = Faults().changed(dict(map(_fault, options.fault)))
    except ValueError as error:
        raise SystemExit(str(error)) from None
    asked = {"today": options.today, "faults": faults, "limits": limits, "port": options.port}
    return AirServer(air, cities if len(cities) else None, monitors=monitors, **asked)


def _trap(text):
    city, _, names = text.partition("=")
    return int(city) if city.isdigit() else city, names.split(",")


def _fault(text):
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
