"""Time a comparison of strategies with one process and with several, and check that the figures are equal.

Run with ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_compare.py [--jobs 2] [--rows 10000]`` on an idle
machine. The aims: two processes at least 1.7 times as fast as one on 2 cores or more, identical figures, and
all strategies with LightGBM on 10,000 x 25 rows, 5 folds, 2 times, in less than 3 minutes. It ends with exit
code 1 where one is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np
import pandas as pd

from imbalance.comparison.compare import compare_strategies

COLUMNS = 25
RARE = 0.05
#: The aims: at least so many times as fast with two processes, and at most so many seconds for the whole.
RATIO, SECONDS = 1.7, 180


def table(n):
    "Rows of which the rare class differs in a third of the columns."
    rng = np.random.default_rng(0)
    y = np.where(rng.random(n) < RARE, "rare", "common")
    X = rng.normal(size=(n, COLUMNS))
    X[:, : COLUMNS // 3] += 0.4 * (y == "rare")[:, None]
    return pd.DataFrame(X).add_prefix("x"), y


def timed(X, y, **options):
    "Scores, seconds and processor seconds of a whole comparison, the start of its processes included."
    began, busy = time.perf_counter(), os.times()
    scores = compare_strategies(X, y, **options).scores
    used = sum(np.subtract(os.times()[:4], busy[:4]))
    return scores.drop(columns="seconds"), time.perf_counter() - began, used


def shortcomings(one, several, *, ratio, seconds, cores, whole):
    "What the aims are missed by, a line each; time is an aim for the whole comparison only."
    missed = []
    if not one.equals(several):
        missed.append("the figures of one process and of several differ")
    if cores >= 2 and ratio < RATIO:
        missed.append(f"{ratio:.2f} times as fast, less than {RATIO}")
    if whole and seconds > SECONDS:
        missed.append(f"{seconds:.0f} s, more than {SECONDS}")
    return missed


def main():
    "Print both times, their ratio, and whether the figures agree; exit code 1 where an aim is missed."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    X, y = table(arguments.rows)
    one, alone, used = timed(X, y, n_repeats=arguments.repeats)
    print(
        f"{one['strategy'].nunique()} strategies x LightGBM, {len(X):,} x {COLUMNS} rows, "
        f"5 x {arguments.repeats} folds: 1 process {alone:.1f} s ({used:.1f} s of processor time)",
        flush=True,
    )
    several, together, _ = timed(X, y, n_repeats=arguments.repeats, n_jobs=arguments.jobs)
    ratio, cores = alone / together, len(os.sched_getaffinity(0))
    print(f"{arguments.jobs} processes: {together:.1f} s")
    print(f"ratio sequential / parallel: {ratio:.2f}")
    print(f"figures identical: {'yes' if one.equals(several) else 'no'}")
    print(f"load of the machine (1 minute): {os.getloadavg()[0]:.1f} on {cores} cores")
    whole = len(X) >= 10_000 and arguments.repeats >= 2
    missed = shortcomings(one, several, ratio=ratio, seconds=together, cores=cores, whole=whole)
    for line in missed:
        print(f"Missed: {line}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
