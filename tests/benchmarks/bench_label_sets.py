"""Coverage of label sets, class by class, in populations with other class shares than training.

Run with ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_label_sets.py --out FILE.jsonl [--draws 200]``.
In every draw 1,000 SIMULATED rows train, 10 % of them of the rare class; the sets of 90 % are judged on 1,000
new rows of each of four populations in which 5, 10, 20 and 50 % are rare. Draws that FILE holds already are
not done again. The aim: between 88 and 93 % for every class, learner and population. Beside it stands the
coverage of all rows together where the sets are made for the population (``target=``), and the mean size.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from imbalance.decisions import LabelSetClassifier
from imbalance.estimators import PriorCorrectedClassifier

LEARNERS = {
    "logistic": LogisticRegression,
    "lightgbm": lambda: LGBMClassifier(n_estimators=50, num_leaves=15, n_jobs=1, verbose=-1, random_state=0),
    "forest": lambda: RandomForestClassifier(20, n_jobs=1, random_state=0),
    "lightgbm, weighted and corrected": lambda: PriorCorrectedClassifier(
        LEARNERS["lightgbm"](), weights="balanced", trained_prior="count"
    ),
}
CENTRES = {2: [[0.0, 0.0], [1.5, 1.0]], 3: [[0.0, 0.0], [1.2, -0.6], [1.5, 1.0]]}
SHARES = (0.05, 0.1, 0.2, 0.5)
N_ROWS = 1000


def prior(n_classes, rare):
    "Shares of the classes, the last one rare, the first of three thrice the second."
    return np.append(1 - rare if n_classes == 2 else np.array([0.75, 0.25]) * (1 - rare), rare)


def population(shares, rng):
    "Rows of normal classes in two of six columns."
    y = rng.choice(len(shares), N_ROWS, p=shares)
    X = rng.normal(size=(N_ROWS, 6))
    X[:, :2] += np.array(CENTRES[len(shares)])[y]
    return X, y


def draw(learner, n_classes, seed):
    "Coverage by class and set size, for every population."
    rng = np.random.default_rng([n_classes, seed])
    X, y = population(prior(n_classes, 0.1), rng)
    model = LabelSetClassifier(LEARNERS[learner](), random_state=seed).fit(X, y)
    new = [population(prior(n_classes, share), rng) for share in SHARES]
    by_class = np.split(model.predict_set(np.concatenate([X for X, _ in new])).to_numpy(), len(SHARES))
    for share, (X, y), sets in zip(SHARES, new, by_class, strict=True):
        together = model.set_params(target=prior(n_classes, share)).predict_set(X).to_numpy()
        held = sets[np.arange(len(y)), y]
        yield {
            "learner": learner,
            "n_classes": n_classes,
            "seed": seed,
            "share": share,
            **{f"class {k}": held[y == k].mean() for k in range(n_classes)},
            "size": sets.sum(axis=1).mean(),
            "empty": np.mean(~sets.any(axis=1)),
            "together": together[np.arange(len(y)), y].mean(),
            "size together": together.sum(axis=1).mean(),
        }


def main():
    "Draw, write and print means with their standard errors."
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--learners", nargs="*", choices=LEARNERS, default=list(LEARNERS))
    arguments = parser.parse_args()
    lines = arguments.out.read_text().splitlines() if arguments.out.exists() else []
    done = {(r["learner"], r["n_classes"], r["seed"]) for r in map(json.loads, lines)}
    with arguments.out.open("a") as file:
        for seed in range(arguments.draws):
            for learner in arguments.learners:
                for n_classes in CENTRES:
                    if (learner, n_classes, seed) not in done:
                        records = draw(learner, n_classes, seed)
                        file.write("".join(json.dumps(record) + "\n" for record in records))
                        file.flush()
    found = pd.read_json(arguments.out, lines=True).drop(columns="seed")
    by = found.groupby(["learner", "n_classes", "share"], sort=False)
    print(
        by.mean().round(3).to_string(), by.sem().filter(like="class").max().round(4).to_string(), sep="\n\n"
    )


if __name__ == "__main__":
    main()
