"""The server as a process: alone, or beside one command that it serves.

    PYTHONPATH=tests python -m earthengine_server --port 8765 --latency reference
    PYTHONPATH=tests python -m earthengine_server -- airq extract --ee-url {url} …

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
from dataclasses import replace

from .faults import Faults
from .limits import NO_LATENCY, Latency, Limits
from .server import EarthEngineServer


def main(arguments=None):
    """Serve until interrupted, or until the command ends; its exit code is then ours."""
    arguments = sys.argv[1:] if arguments is None else arguments
    own, command = _split(arguments)
    options = _parser().parse_args(own)
    with _server(options) as server:
        message = f"Simulated Earth Engine at {server.url}"
        print(message, file=sys.stderr if command else sys.stdout, flush=True)
        if command:
            return _run([word.replace("{url}", server.url) for word in command])
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


def _run(command):
    """Exit code of a command, which handles Ctrl-C itself."""
    with subprocess.Popen(command) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _split(arguments):
    if "--" not in arguments:
        return arguments, []
    end = arguments.index("--")
    return arguments[:end], arguments[end + 1 :]


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
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an attribute of Faults, its value in JSON: unavailable=0.3, dropped=[1,5]; may be repeated",
    )
    return parser


def _server(options):
    latency = replace(Latency(), scale=options.time_scale) if options.latency == "reference" else NO_LATENCY
    limits = Limits(concurrent=options.max_concurrent, cells=options.max_cells, page_size=options.page_size)
    try:
        faults = Faults().changed(dict(map(_fault, options.fault)))
    except ValueError as error:
        raise SystemExit(f"--fault: {error}") from None
    return EarthEngineServer(
        port=options.port, limits=limits, latency=latency, faults=faults, pixels=options.pixels
    )


def _fault(text):
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
