"""Time, memory and error of the area of applicability: 1,000,000 rows against 300,000 training rows.

Run ``python tests/benchmarks/bench_applicability.py``; some five minutes and 4 GB. The rows are days of
simulated cities with the features of the retrospective recipe, the importances those of boosters fitted on
some of them; no city is both asked and known.
"""

import resource
import time

import numpy as np
import pandas as pd

from airq.features.recipe import make_recipe
from airq.models.applicability import AreaOfApplicability
from airq.models.ensemble import BoosterEnsemble, inner_folds
from airq.panel import TARGET
from airq.sources.simulated import simulate

N_CITIES, N_KNOWN, N_ASKED = 1780, 411, 1_000_000
N_FITTED = 20_000
START, END = "2019-01-01", "2020-12-31"


def simulated_rows():
    """Features of known and of other cities, importances, and inner folds of the known ones."""
    panel = simulate(n_cities=N_CITIES, start=START, end=END, random_state=1)
    X = make_recipe("retrospective", panel).transform(panel)
    rng = np.random.default_rng(0)
    known = panel["city_id"].isin(rng.choice(panel["city_id"].unique(), N_KNOWN, replace=False)).to_numpy()
    groups = panel["city_id"].to_numpy(dtype=object)
    labelled = rng.choice(np.flatnonzero(known & panel[TARGET].notna()), N_FITTED, replace=False)
    ensemble = BoosterEnsemble(monitors=None).fit(
        X.iloc[labelled].reset_index(drop=True),
        panel[TARGET].to_numpy(dtype="float64")[labelled],
        groups[labelled],
    )
    asked = X[~known].iloc[:N_ASKED].reset_index(drop=True)
    return X[known].reset_index(drop=True), asked, ensemble.importances_, inner_folds(groups[known])


def timed(label, function, *arguments):
    """Result of a function; its seconds of wall and processor, and the peak memory, are printed."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{label:46}{wall:8.0f} s{processor:8.0f} s of processor{peak:8.0f} MB at most so far")
    return result


def main():
    known, asked, weights, folds = timed("features and importances", simulated_rows)
    print(f"{len(known):,} rows known, {len(asked):,} asked, {known.shape[1]} features")
    shares = pd.Series(weights, index=known.columns).nlargest(3)
    print("largest importances:", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    area = timed("fit", AreaOfApplicability(threads=2).fit, known, weights, folds)
    figures = area.summary()
    print(
        f"{figures['components']} components carry {figures['carried']:.2%}, "
        f"the {figures['searched']} searched {figures['carried_by_search']:.2%}; "
        f"threshold {figures['threshold']:.3f}"
    )
    error = figures["error"]
    print(
        f"against brute force on {error['rows']} rows: mean index {error['true_mean']:.4f}, ours less that "
        f"{error['mean']:+.4f}, 95 % within {error['p95']:.4f}, same verdict {error['same_verdict']:.1%}"
    )
    outside = timed("dissimilarity", area.dissimilarity, asked) > area.threshold_
    print(f"{outside.mean():.1%} of the rows asked lie outside")


if __name__ == "__main__":
    main()
