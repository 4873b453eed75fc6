"""Peak memory and speed of what a bundle does with many rows, each in a process of its own.

`make bench-predict`: `airq predict`, beside one piece; and `airq explain` and `airq evaluate --bundle`.

Rows are SIMULATED: twelve cities again and again under other names, some kilometres apart. The bundle is a
short one (`fast`, twelve cities, sixty days), which bounds the time, not the memory of a row. In one piece
is what `predict_table` and `write_predictions` do.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import airq
from airq.io import ROW_GROUP, panel_writer
from airq.panel import panel_metadata

ONE_PIECE = """
import sys, airq
model = airq.load(sys.argv[3])
airq.write_predictions(model.predict_table(sys.argv[2]), sys.argv[5])
"""
#: Runs a program, then prints its peak memory [MB] and its seconds of processor.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss / 1000, used.ru_utime + used.ru_stime)
"""


def write_rows(cities, n_rows, path):
    """Write a panel of at least so many rows: copies of cities, each moved by up to three degrees.

    Row groups are as large as in panels that airq writes: the list of many small ones would take memory.
    """
    rng = np.random.default_rng(0)
    numbers = np.arange(-(-n_rows // len(cities)))
    with panel_writer(path, panel_metadata(cities)) as write:
        for some in np.array_split(numbers, -(-n_rows // ROW_GROUP)):
            part = pd.concat([copy_of(cities, number, rng) for number in some], ignore_index=True)
            part.attrs = cities.attrs
            write(part)


def copy_of(cities, number, rng):
    """Return cities under other names, moved."""
    return cities.assign(
        latitude=cities["latitude"] + rng.uniform(-3, 3),
        longitude=cities["longitude"] + rng.uniform(-3, 3),
        **{name: f"{number:06d} " + cities[name] for name in ("site_id", "city_id")},
    )


def calibrated(cities):
    """Return a quick model of the first two months, calibrated on errors that are made up."""
    days = cities[cities["date"] < "2020-03-01"]
    model = airq.PM25Regressor("fast").fit(days)
    days = days[days["pm25"].notna()]
    errors = days[["date", "site_id"]].assign(group=days["city_id"], observed=days["pm25"])
    model.predictor_.calibrate(errors.assign(predicted=20.0, scale_low=5.0, scale_high=5.0))
    return model


def measure(*command):
    """Return peak memory [MB] and seconds of processor of a Python program."""
    ran = [sys.executable, "-c", MEASURED, sys.executable, *map(str, command)]
    return map(float, subprocess.run(ran, check=True, capture_output=True, text=True).stdout.split())


def main():
    """Print a line for every number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument(
        "--one-piece", type=int, default=300_000, help="most rows that are tried in one piece"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    cities = airq.simulate(n_cities=12, start="2020-01-01", end="2020-12-31", random_state=0)
    print("rows, MB in blocks, µs a row, MB in one piece, µs a row, the same bytes")
    with tempfile.TemporaryDirectory() as folder:
        panel, bundle, out, other = (
            Path(folder) / name for name in ("p.parquet", "b", "o.parquet", "1.parquet")
        )
        calibrated(cities).save(bundle)
        for n_rows in arguments.rows:
            write_rows(cities, n_rows, panel)
            command = ["predict", panel, "--bundle", bundle, "--out", out]
            begun = time.monotonic()
            megabytes, seconds = measure("-m", "airq", *command)
            line = f"{n_rows:,}, {megabytes:.0f}, {1e6 * seconds / n_rows:.0f}"
            if n_rows <= arguments.one_piece:
                megabytes, seconds = measure("-c", ONE_PIECE, "-", panel, bundle, "-", other)
                same = out.read_bytes() == other.read_bytes()
                line += f", {megabytes:.0f}, {1e6 * seconds / n_rows:.0f}, {same}"
            print(f"{line}  ({time.monotonic() - begun:.0f} s)", flush=True)
            for name in ("explain", "evaluate"):
                megabytes, seconds = measure("-m", "airq", name, panel, "--bundle", bundle)
                print(f"  {name}: {megabytes:.0f} MB, {1e6 * seconds / n_rows:.0f} µs a row", flush=True)


if __name__ == "__main__":
    main()
