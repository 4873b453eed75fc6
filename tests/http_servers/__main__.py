"""The servers as a process: alone, or beside one command that they serve.

    PYTHONPATH=tests python -m http_servers --cities cities.csv --today 2024-06-30 --port 8766
    PYTHONPATH=tests python -m http_servers --cities cities.csv -- COMMAND --url {url} …

The values are SIMULATED.
"""

from __future__ import annotations

import argparse
import sys

from stand_ins import add_fault_option, faults_of, serve, split_command

from airq.cities import bundled_cities, read_cities

from .air import Air
from .faults import Faults
from .limits import Limits
from .monitors import TRAPS, Monitors
from .server import AirServer


def main(arguments=None):
    """Serve until interrupted, or until the command ends; its exit code is then ours."""
    own, command = split_command(arguments)
    return serve(_server(_parser().parse_args(own)), "SIMULATED Open-Meteo and OpenAQ", command)


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
    add_fault_option(parser)
    return parser


def _server(options):
    limits = Limits().without() if options.no_limits else Limits()
    cities = bundled_cities().head(0) if options.cities is None else read_cities(options.cities)
    try:
        air = Air(options.random_state, options.epoch)
        traps = dict(map(_trap, options.trap))
        monitors = Monitors(cities, air, options.per_city, traps=traps)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    asked = {
        "today": options.today,
        "faults": faults_of(options, Faults()),
        "limits": limits,
        "port": options.port,
    }
    return AirServer(air, cities if len(cities) else None, monitors=monitors, **asked)


def _trap(text):
    city, _, names = text.partition("=")
    return int(city) if city.isdigit() else city, names.split(",")


if __name__ == "__main__":
    sys.exit(main())
