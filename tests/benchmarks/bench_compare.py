"""Compare `compare` with a plain loop over the same fits, and run it on a large table; SIMULATED rows.

Run with ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_compare.py [--large]``. The aims: at most 1.2 times
the processor time and memory of a loop that fits the same 50 times (LightGBM after five treatments of the
rows, 5 folds dealt twice, 10,000 x 25), each in a process of its own from its start to its end; and with
--large 200,000 x 100 rows of 20 classes within 4 GB. Processor time hardly depends on what else runs. It ends
with exit code 1 where an aim is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pandas as pd

RARE = 0.05
#: The aims: times the plain loop, and memory on the large table. [1, GB]
RATIO, MOST_GB = 1.2, 4.0


def table(n=10_000, columns=25):
    "Rows of which the rare class differs in a third of the columns."
    rng = np.random.default_rng(0)
    y = np.where(rng.random(n) < RARE, "rare", "common")
    X = rng.normal(size=(n, columns))
    X[:, : columns // 3] += 0.4 * (y == "rare")[:, None]
    return pd.DataFrame(X).add_prefix("x"), y


def treatments():
    "Samplers, or whether rows are weighted."
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    return {
        "none": None,
        "under": RandomUnderSampler(),
        "smote": SMOTE(),
        "over": RandomOverSampler(),
        "weights": None,
    }


def plain(repeats):
    "Fit in a loop, with the scores that one would take."
    from imblearn.pipeline import make_pipeline
    from lightgbm import LGBMClassifier
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
    from sklearn.model_selection import RepeatedStratifiedKFold
    from sklearn.utils import compute_sample_weight

    X, y = table()
    for train, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0).split(X, y):
        weights = compute_sample_weight("balanced", y[test])
        for name, sampler in treatments().items():
            model = LGBMClassifier(n_jobs=1, verbose=-1, random_state=0)
            pipeline = make_pipeline(
                *([] if sampler is None else [sampler.set_params(random_state=0)]), model
            )
            fit = {"lgbmclassifier__sample_weight": compute_sample_weight("balanced", y[train])}
            pipeline.fit(X.iloc[train], y[train], **(fit if name == "weights" else {}))
            p, rare = pipeline.predict_proba(X.iloc[test])[:, 1], y[test] == "rare"
            for score in (log_loss, brier_score_loss, roc_auc_score, average_precision_score):
                score(rare, p, sample_weight=weights)


def ours(repeats):
    "Compare by the same fits."
    from lightgbm import LGBMClassifier

    from imbalance import compare

    rows = {name: "weights" if name == "weights" else one or "none" for name, one in treatments().items()}
    rows["as they are"] = rows.pop("none")
    compare(*table(), models=LGBMClassifier(verbose=-1), rows=rows, ending="raw", cv=5, repeats=repeats)


def large(repeats):
    "Twenty classes, whose middles differ; a cheap model."
    from sklearn.naive_bayes import GaussianNB

    from imbalance import compare

    rng = np.random.default_rng(0)
    y = rng.choice(20, 200_000, p=(shares := 1 / np.arange(1, 21)) / shares.sum())
    X = rng.normal(size=(200_000, 100)) + 0.2 * rng.normal(size=(20, 100))[y]
    compare(X, y, models=GaussianNB(), rows=["none", "under-sample"], ending="all", cv=5, repeats=repeats)


def measured(part, repeats):
    "Processor seconds [s] and peak memory [GB] of a part in a process of its own."
    command = [sys.executable, __file__, "--part", part, "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    "Print the figures; exit code 1 where an aim is missed."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["plain", "ours", "large"])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.part:
        {"plain": plain, "ours": ours, "large": large}[arguments.part](arguments.repeats)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({"seconds": sum(os.times()[:2]), "memory": memory}))
        return 0
    if arguments.large:
        found = measured("large", 1)
        print(f"200,000 x 100, 20 classes: {found['seconds']:.0f} s, {found['memory']:.2f} GB at most")
        return int(found["memory"] > MOST_GB)
    one, other = measured("plain", arguments.repeats), measured("ours", arguments.repeats)
    ratios = {what: other[what] / one[what] for what in one}
    for what, unit in {"seconds": "s", "memory": "GB"}.items():
        print(f"{what}: plain {one[what]:.2f}, ours {other[what]:.2f} {unit}: {ratios[what]:.2f} times")
    return int(max(ratios.values()) > RATIO)


if __name__ == "__main__":
    sys.exit(main())
