"""The server as a process: alone, or beside one command that it serves.

    PYTHONPATH=tests python -m earthengine_server --port 8765 --latency reference
    PYTHONPATH=tests python -m earthengine_server -- airq extract --ee-url {url} …

The values are SIMULATED.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from stand_ins import add_fault_option, faults_of, serve, split_command

from .faults import Faults
from .limits import NO_LATENCY, Latency, Limits
from .server import EarthEngineServer


def main(arguments=None):
    """Serve until interrupted, or until the command ends; its exit code is then ours."""
    own, command = split_command(arguments)
    return serve(_server(_parser().parse_args(own)), "Simulated Earth Engine", command)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m earthengine_server",
        usage="%(prog)s [options] [-- COMMAND ...]",
        description="A simulated Earth Engine for the real client. In COMMAND, {url} is its address.",
    )
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument(
        "--latency",
        choices=["none", "reference"],
        default="none",
        help="reference: 1.5 s a request and 2.76 ms a city and band",
    )
    parser.add_argument("--time-scale", type=float, default=1.0, help="length of a modelled second [s]")
    parser.add_argument(
        "--max-concurrent", type=int, default=Limits.concurrent, help="compute requests at once"
    )
    parser.add_argument("--max-cells", type=float, default=Limits.cells, help="cities times bands in memory")
    parser.add_argument("--page-size", type=int, default=Limits.page_size, help="features of a page")
    parser.add_argument(
        "--pixels", choices=["all", "centre"], default="all", help="centre: quick, one a city"
    )
    add_fault_option(parser)
    return parser


def _server(options):
    latency = replace(Latency(), scale=options.time_scale) if options.latency == "reference" else NO_LATENCY
    limits = Limits(concurrent=options.max_concurrent, cells=options.max_cells, page_size=options.page_size)
    faults = faults_of(options, Faults())
    return EarthEngineServer(
        port=options.port, limits=limits, latency=latency, faults=faults, pixels=options.pixels
    )


if __name__ == "__main__":
    sys.exit(main())
