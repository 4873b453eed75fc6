"""Time and memory of turning hourly readings into days, beside plain pandas for the same result.

Run ``python tests/benchmarks/bench_days.py`` (or ``make bench-days``); about a minute and 2 GB. Look at the
ratios; ours also counts hours, drops incomplete days and finds readings that repeat.
"""

import statistics
import time
import tracemalloc

import numpy as np
import pandas as pd

from airq.sources.cleaning import Tally
from airq.sources.days import to_days

N_SITES, N_HOURS, REPEATS = 190, 26_280, 5


def readings(seed=0):
    """Five million hourly readings, a tenth without PM2.5."""
    rng = np.random.default_rng(seed)
    begin = pd.date_range("2019-01-01", periods=N_HOURS, freq="h").astype("datetime64[us]")
    rows = pd.DataFrame({"site_id": np.repeat([f"s{number}" for number in range(N_SITES)], N_HOURS)})
    rows["begin"] = np.tile(begin, N_SITES)
    rows["pm25"] = rng.gamma(2, 20, len(rows))
    rows.loc[rng.random(len(rows)) < 0.1, "pm25"] = np.nan
    rows["precipitation"] = rng.gamma(0.1, 1, len(rows))
    return rows.assign(temp_air=rng.normal(20, 5, len(rows)))


def ours(rows):
    return to_days(rows, Tally(), min_hours=1)


def plain_pandas(rows):
    how = {
        "pm25": ("pm25", "mean"),
        "precipitation": ("precipitation", "sum"),
        "temp_air": ("temp_air", "mean"),
    }
    return rows.groupby(["site_id", rows["begin"].dt.normalize()]).agg(**how, n_hours=("pm25", "count"))


def seconds(work, rows):
    start = time.perf_counter()
    work(rows)
    return time.perf_counter() - start


def peak(work, rows):
    tracemalloc.start()
    work(rows)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def main():
    for order, rows in (("in order", readings()), ("shuffled", readings().sample(frac=1, random_state=0))):
        np.testing.assert_allclose(
            ours(rows).sort_values(["site_id", "date"])["pm25"], plain_pandas(rows)["pm25"], rtol=1e-9
        )
        pairs = [(seconds(ours, rows), seconds(plain_pandas, rows)) for _ in range(REPEATS)]
        ratio = statistics.median(one / other for one, other in pairs)
        memory = peak(ours, rows) / peak(plain_pandas, rows)
        fastest = [min(times) for times in zip(*pairs, strict=True)]
        print(f"{len(rows):,} readings {order}: {fastest[0]:.2f} s, plain pandas {fastest[1]:.2f} s")
        print(f"  time {ratio:.2f} times, memory {memory:.2f} times that of plain pandas (aim: 1.5)")


if __name__ == "__main__":
    main()
