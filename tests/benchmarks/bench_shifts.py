"""Time and memory of shifting columns by calendar days, beside pandas and the reference's way.

Run ``python tests/benchmarks/bench_shifts.py`` (or ``make bench``); about a minute and 3 GB.
"""

import statistics
import time
import tracemalloc

import numpy as np
import pandas as pd

from airq.features.recipe import Feature, Recipe

DAYS = (1, -1, 2, -2, 3, -3, 5, -5)
N_SITES, N_DAYS, N_COLUMNS = 555, 579, 14
REPEATS = 5


def simulated_panel(n_sites, n_days=N_DAYS, n_columns=N_COLUMNS, missing=0.0):
    """Random float32 columns over every site and day, a share of the rows left out."""
    rng = np.random.default_rng(0)
    n_rows = n_sites * n_days
    values = rng.random((n_columns, n_rows), dtype="float32")
    panel = pd.DataFrame(values.T, columns=[f"band{number}" for number in range(n_columns)], copy=False)
    sites = pd.Series([f"site{number:05d}" for number in range(n_sites)], dtype="str")
    panel["site_id"] = sites.repeat(n_days).to_numpy()
    panel["date"] = np.tile(pd.date_range("2019-01-01", periods=n_days).to_numpy(), n_sites)
    return panel[rng.random(n_rows) >= missing].reset_index(drop=True)


def ours(panel, columns):
    shifts = [Feature("lag" if day > 0 else "lead", c, days=abs(day)) for c in columns for day in DAYS]
    return Recipe("shifts", shifts).transform(panel)


def pandas_shift(panel, columns):
    """By row, not by day: what a gap in the calendar makes wrong."""
    return [panel.groupby("site_id")[columns].shift(days) for days in DAYS]


def reference_way(panel, columns):
    """One column and one shift at a time, through a function of each group."""
    return [
        panel.groupby("site_id")[column].transform(lambda values, days=days: values.shift(days))
        for column in columns
        for days in DAYS
    ]


def seconds(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    took = time.perf_counter() - start
    del result
    return took


def compare(missing):
    panel = simulated_panel(N_SITES, missing=missing)
    columns = [name for name in panel.columns if name.startswith("band")]
    times = {ours: [], pandas_shift: []}
    for _ in range(REPEATS):
        for function, taken in times.items():
            taken.append(seconds(function, panel, columns))
    median = {function: statistics.median(taken) for function, taken in times.items()}
    slow = seconds(reference_way, panel, columns)
    label = f"{N_COLUMNS} columns, {len(DAYS)} shifts, {N_SITES} sites x {N_DAYS} days"
    print(f"\n{label}, {missing:.0%} of the rows missing ({len(panel):,} rows)")
    print(f"{'':34}{'seconds':>9}{'to pandas':>12}")
    rows = [
        ("airq Recipe, by day", median[ours]),
        ("pandas groupby.shift, by row", median[pandas_shift]),
        ("groupby.transform(lambda), by row", slow),
    ]
    for name, took in rows:
        print(f"{name:34}{took:9.3f}{took / median[pandas_shift]:12.2f}")


def peak_over_result(panel, columns):
    tracemalloc.start()
    size = ours(panel, columns).to_numpy().nbytes
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / size, size


def scaling():
    print(f"\n{'sites':>6}{'rows':>12}{'seconds':>9}{'ns/value':>10}{'result MB':>11}{'peak/result':>13}")
    for n_sites in (100, 500, 1000, 2000, 4000):
        panel = simulated_panel(n_sites, missing=0.05)
        columns = [name for name in panel.columns if name.startswith("band")]
        took = statistics.median(seconds(ours, panel, columns) for _ in range(3))
        peak, size = peak_over_result(panel, columns)
        each = took / (len(panel) * len(columns) * len(DAYS)) * 1e9
        print(f"{n_sites:6}{len(panel):12,}{took:9.3f}{each:10.2f}{size / 1e6:11.0f}{peak:13.2f}")


if __name__ == "__main__":
    print("Shifts by calendar day: median of 5 interleaved runs, the last line once.")
    compare(missing=0.0)
    compare(missing=0.05)
    scaling()
