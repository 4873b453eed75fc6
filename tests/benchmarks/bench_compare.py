"""Time a comparison of strategies with one process and with several, and check that the figures are equal.

Run with ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_compare.py [--jobs 2] [--rows 10000]`` on an idle
machine. The aims: two processes at least 1.7 times as fast as one, and all strategies with LightGBM on
10,000 x 25 rows, 5 folds, 2 times, in less than 3 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
import pandas as pd

from imbalance.comparison import compare_strategies

COLUMNS = 25
RARE = 0.05


def table(n):
    "Rows of which the rare class differs in a third of the columns."
    rng = np.random.default_rng(0)
    y = np.where(rng.random(n) < RARE, "rare", "common")
    X = rng.normal(size=(n, COLUMNS))
    X[:, : COLUMNS // 3] += 0.4 * (y == "rare")[:, None]
    return pd.DataFrame(X).add_prefix("x"), y


def timed(X, y, **options):
    "Scores and seconds of the whole comparison, the start of its processes included."
    began, busy = time.perf_counter(), os.times()
    scores = compare_strategies(X, y, **options).scores
    used = sum(np.subtract(os.times()[:4], busy[:4]))
    return scores.drop(columns="seconds"), time.perf_counter() - began, used


def main():
    "Print both times, their ratio, and whether the figures agree."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    X, y = table(arguments.rows)
    one, alone, used = timed(X, y, n_repeats=arguments.repeats)
    what = (
        f"{one['strategy'].nunique()} strategies, {len(X):,} x {COLUMNS} rows, 5 x {arguments.repeats} folds"
    )
    print(f"{what}: 1 process {alone:.1f} s ({used:.1f} s of processor time)", flush=True)
    several, together, _ = timed(X, y, n_repeats=arguments.repeats, n_jobs=arguments.jobs)
    pd.testing.assert_frame_equal(one, several, check_exact=True)
    ratio = alone / together
    print(f"{arguments.jobs} processes {together:.1f} s: {ratio:.2f} times as fast, figures identical")
    print(f"load of the machine (1 minute): {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
