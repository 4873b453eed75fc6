"""How right the class shares of unlabelled rows are, by simulation: bias, coverage, and what the test sees.

Run ``python tests/benchmarks/bench_label_shift.py [LEARNER ...] [--draws N]``; LEARNER is logistic, lightgbm
or catboost. A draw trains on 2,000 rows with 5 % of a rare class, two of six normal features being
`separation` standard deviations apart together, and adapts to 500 rows of each share, and to 500 rows of
30 % whose features all moved by half a standard deviation, which is no label shift. About 5, 10 and 25
minutes for 100 draws on one core. SIMULATED data.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from imbalance import LabelShiftAdapter

SHARES, SEPARATIONS = (0.1, 0.3, 0.7), (1.3, 1.8, 2.5)
LEARNERS = {
    "logistic": LogisticRegression(),
    "lightgbm": LGBMClassifier(n_estimators=60, n_jobs=1, verbose=-1),
    "catboost": CatBoostClassifier(
        iterations=50, depth=4, thread_count=1, verbose=False, allow_writing_files=False
    ),
}


def population(n_rows, share, separation, rng, moved=0.0):
    """Rows of two classes; the direction between them has the slope 2/3."""
    y = (rng.random(n_rows) < share).astype(int)
    X = rng.normal(moved, size=(n_rows, 6))
    X[:, :2] += y[:, None] * np.array([3, 2]) / np.sqrt(13) * separation
    return X, y


def draw(learner, separation, seed):
    """Estimates, intervals and verdicts for one training set, and the verdict on moved rows."""
    rng = np.random.default_rng([seed, int(10 * separation)])
    adapter = LabelShiftAdapter(LEARNERS[learner], random_state=seed)
    adapter.fit(*population(2000, 0.05, separation, rng))
    rows = []
    for share in SHARES:
        adapter.adapt(population(500, share, separation, rng)[0])
        low, high = adapter.prior_interval_[1]
        em = adapter.estimates_["em"][1]
        rows.append((share, adapter.prior_[1], em, low <= share <= high, high - low, adapter.plausible_))
    adapter.adapt(population(500, 0.3, separation, rng, moved=0.5)[0])
    rows.append(("moved", np.nan, np.nan, np.nan, np.nan, adapter.plausible_))
    return rows


def main():
    """Print a line for each learner, separation and share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("learners", nargs="*", default=list(LEARNERS))
    parser.add_argument("--draws", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("learner   separation share   bias     sd em_bias coverage width recognised  n   [s]")
    for learner in options.learners:
        for separation in SEPARATIONS:
            began = time.perf_counter()
            rows = [row for seed in range(options.draws) for row in draw(learner, separation, seed)]
            columns = ["share", "found", "em", "holds", "width", "plausible"]
            seconds = time.perf_counter() - began
            for share, of in pd.DataFrame(rows, columns=columns).groupby("share", sort=False):
                true, holds = np.nan if share == "moved" else share, of["holds"].astype(float).mean()
                print(
                    f"{learner:10}{separation:10}{share!s:>6}{of['found'].mean() - true:7.3f}"
                    f"{of['found'].std():7.3f}{of['em'].mean() - true:8.3f}{holds:9.2f}"
                    f"{of['width'].mean():6.2f}{of['plausible'].mean():11.2f}{len(of):4}{seconds:6.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
