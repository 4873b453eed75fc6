"""Coverage of prediction intervals in unseen cities of the simulated atmosphere, over many seeds.

Run with ``OMP_NUM_THREADS=1 python tests/benchmarks/bench_intervals.py --out FILE.jsonl [--seeds 20]``.
Every seed is another atmosphere over 160 cities; 60 of them train and calibrate (out-of-fold, 5 folds of
cities, then a fit on all), the other 100 only judge. The seeds that FILE holds already are not done again.
The aims: coverage of 90 % intervals within the error of the draw of what is guaranteed, not above 93 % on
average, narrower than intervals of constant width; for months likewise.

``--boosters small`` replaces the default's boosters by one LightGBM of at most 250 rounds without kriging,
which is several times as fast.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from airq.features.recipe import make_recipe
from airq.models.ensemble import BoosterEnsemble, Member
from airq.models.intervals import Calibration, ResidualScale, period_means
from airq.models.predictor import GROUPS_FOR_POSITION, Predictor, default_candidate
from airq.panel import TARGET
from airq.sources.simulated import simulate
from airq.units import exceedance_thresholds
from airq.validation.scores import bootstrap_share, exceedance_scores, interval_scores, reliability
from airq.validation.splitters import make_folds

LEVEL = 0.9
SMALL = Member("lightgbm", 1.0, {"rounds": 250, "learning_rate": 0.1, "patience": 20})
COLUMNS = ["group", "date", "observed", "predicted", "scale_low", "scale_high"]


def candidate(boosters):
    "Our predictor, without the domain of applicability, which intervals do not use."
    if boosters == "default":
        return functools.partial(
            default_candidate(model="lightgbm", recipe="retrospective"), applicability=None
        )
    recipe = functools.partial(make_recipe, "retrospective")
    estimator = functools.partial(BoosterEnsemble, [SMALL], monitors=None)
    return functools.partial(
        Predictor, recipe, estimator, groups_for_position=GROUPS_FOR_POSITION, residual_scale=ResidualScale
    )


def described(predictor, panel):
    "What a predictor says of the labelled rows of a panel that it never saw."
    rows = predictor.describe(panel.drop(columns=TARGET)).rename(columns={"pm25": "predicted"})
    rows = rows.assign(unit=panel["city_id"], date=panel["date"], observed=panel[TARGET].astype("float64"))
    return rows.loc[rows["observed"].notna(), COLUMNS].reset_index(drop=True)


def split(panel, n_cities, seed):
    "Panels of the first `n_cities` of the shuffled cities, and of the others."
    cities = np.random.default_rng(seed).permutation(sorted(panel["city_id"].unique()))
    first = panel["city_id"].isin(set(cities[:n_cities]))
    parts = panel[first].reset_index(drop=True), panel[~first].reset_index(drop=True)
    for part in parts:
        part.attrs = panel.attrs
    return parts


def held_out(make, panel):
    "Out-of-fold rows of the training cities."
    parts = []
    for fold in make_folds(panel, "city"):
        predictor = make().fit(fold.training_panel(panel), "city_id")
        hidden = np.setdiff1d(np.arange(len(panel)), fold.visible)
        parts.append(described(predictor, panel.iloc[hidden].reset_index(drop=True)))
    return pd.concat(parts, ignore_index=True)


def judged(calibrating, rows, period):
    "Scores of the intervals of rows, by group as the guarantee has it."
    calibration = Calibration.from_held_out(calibrating)
    rows = period_means(rows, period)
    interval = calibration.interval(
        rows["predicted"], rows[["scale_low", "scale_high"]], LEVEL, period=period
    )
    inside = (rows["observed"] >= interval[:, 0]) & (rows["observed"] <= interval[:, 1])
    by_group = inside.groupby(rows["group"]).mean()
    return {
        **interval_scores(rows["observed"], interval, LEVEL),
        "by_group": float(by_group.mean()),
        "worst_unit": float(by_group.min()),
        "bootstrap": bootstrap_share(inside, rows["group"]),
        "calibrated_on": calibration.n_groups(period),
    }


def exceeded(calibrating, rows):
    "Scores and reliability of the probabilities of exceedance."
    levels = exceedance_thresholds()
    residual_scale = rows[["scale_low", "scale_high"]]
    probability = Calibration.from_held_out(calibrating).exceedance(rows["predicted"], residual_scale, levels)
    table = reliability(rows["observed"], probability, levels, rows["group"], n_draws=2)
    columns = ["threshold", "low", "high", "n", "probability", "frequency"]
    return {
        "scores": exceedance_scores(rows["observed"], probability, levels),
        "reliability": table[columns].to_dict("records"),
    }


def one_seed(seed, boosters, cities, training, start, end):
    "The record of a seed."
    began = time.perf_counter()
    panel = simulate(n_cities=cities, start=start, end=end, random_state=seed)
    train, test = split(panel, training, seed)
    make = candidate(boosters)
    calibrating = held_out(make, train)
    rows = described(make().fit(train, "city_id"), test)
    constant = {"scale_low": 1.0, "scale_high": 1.0}
    record = {
        "seed": seed,
        "boosters": boosters,
        "cities": cities,
        "training": training,
        "start": start,
        "end": end,
    }
    for period in ("day", "month"):
        record[period] = judged(calibrating, rows, period)
        record[f"{period}_constant"] = judged(calibrating.assign(**constant), rows.assign(**constant), period)
    record["exceedance"] = exceeded(calibrating, rows)
    record["rmse"] = float(np.sqrt(np.mean(np.square(rows["predicted"] - rows["observed"]))))
    return record | {"seconds": time.perf_counter() - began}


def summarise(records):
    "Print means over seeds beside what is guaranteed."
    first = records[0]
    print(
        f"\n{len(records)} seeds, {first['cities']} cities, {first['start']} to {first['end']}, "
        f"{first['boosters']} boosters, intervals of {LEVEL:.0%}"
    )
    print(
        f"Guarantee of split calibration on {first['day']['calibrated_on']} cities: a random day of a random "
        f"new city is covered with {LEVEL:.0%} or more."
    )
    for period in ("day", "month"):
        for name in (period, f"{period}_constant"):
            table = pd.DataFrame([record[name] for record in records])
            by_group = table["by_group"]
            error = 1.96 * by_group.std(ddof=1) / np.sqrt(len(table))
            print(
                f"{name:14} coverage {by_group.mean():.3f} ({by_group.mean() - error:.3f} to "
                f"{by_group.mean() + error:.3f}), SD {by_group.std(ddof=1):.3f}, seeds at the level or above "
                f"{np.mean(by_group >= LEVEL):.0%}, by rows {table['coverage'].mean():.3f}, worst city "
                f"{table['worst_unit'].mean():.2f}, width {table['width'].mean():.1f}, Winkler "
                f"{table['winkler'].mean():.1f} µg m⁻³"
            )
    _summarise_exceedance(records)


def _summarise_exceedance(records):
    scores = pd.DataFrame([row for record in records for row in record["exceedance"]["scores"]])
    print(scores.groupby("threshold")[["frequency", "mean_probability", "brier", "skill"]].mean().round(4))
    table = pd.DataFrame([row for record in records for row in record["exceedance"]["reliability"]])
    table[["probability", "frequency"]] = table[["probability", "frequency"]].mul(table["n"], axis=0)
    sums = table.groupby(["low", "high"])[["n", "probability", "frequency"]].sum()
    sums[["probability", "frequency"]] = sums[["probability", "frequency"]].div(sums["n"], axis=0)
    print(sums.round(3))


def main():
    "Run the seeds that are missing, then print the summary of all."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--cities", type=int, default=160)
    parser.add_argument("--training", type=int, default=60, help="cities that train and calibrate")
    parser.add_argument("--start", default="2019-12-01")
    parser.add_argument("--end", default="2020-01-31")
    parser.add_argument("--boosters", choices=["default", "small"], default="default")
    options = parser.parse_args()
    lines = options.out.read_text(encoding="utf-8").splitlines() if options.out.exists() else []
    records = [json.loads(line) for line in lines]
    for seed in sorted(
        set(range(options.first, options.first + options.seeds)) - {record["seed"] for record in records}
    ):
        record = one_seed(
            seed, options.boosters, options.cities, options.training, options.start, options.end
        )
        records.append(record)
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(f"seed {seed}: {record['day']['by_group']:.3f}, {record['seconds']:.0f} s", flush=True)
    summarise(records)


if __name__ == "__main__":
    main()
