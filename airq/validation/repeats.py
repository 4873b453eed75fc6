"""Join evaluations of the same models that differ in their seed only."""

from __future__ import annotations

import numpy as np
import pandas as pd

from airq.panel import TARGET
from airq.validation.evaluation import HeldOutScores
from airq.validation.scores import bootstrap_difference

#: Figures whose lowest and highest value of the repeats are given.
SPREAD = ("rmse", "mae")
#: What is that of the first repeat, as it names one place.
OF_THE_FIRST = ("worst_city", "worst_city_rmse")
#: What makes a record of one repeat that of another.
KEYS = {
    "coverage_records": ("scheme", "model", "period", "part", "value"),
    "exceedance_records": ("scheme", "model", "threshold"),
}


def mean_of_repeats(repeats):
    """Return the :class:`HeldOutScores` of several repeats of an evaluation, one at least.

    Every number of a record is the mean over the repeats that scored its scheme and model, but for
    `worst_city` and `worst_city_rmse`, which are those of the first. New are `repeats`, their number;
    `rmse_low, rmse_high, mae_low, mae_high`, the lowest and the highest of them [µg m⁻³]; and `ranked_first`,
    in how many repeats the model had the lowest RMSE of its scheme. The best baseline is that of the lowest
    mean RMSE. `predictions` hold all repeats, told apart by `repeat`; `reliability` is that of the first.
    """
    first = repeats[0]
    result = HeldOutScores(
        records=_records(repeats), described=first.described, reliability=first.reliability
    )
    for name, keys in KEYS.items():
        listed = [
            one
            for number, repeat in enumerate(repeats)
            for one in getattr(repeat, name)
            if not (number and one.get("part") == "worst_city")
        ]
        setattr(result, name, [_mean(records) for records in _grouped(listed, keys).values()])
    result.skipped = _skipped([repeat.skipped for repeat in repeats])
    result.predictions = pd.concat(
        [repeat.predictions.assign(repeat=number) for number, repeat in enumerate(repeats)],
        ignore_index=True,
    )
    if len(repeats) > 1:
        _compare_again(result)
    return result


def _records(repeats):
    firsts = [_firsts(repeat.records) for repeat in repeats]
    listed = [one for repeat in repeats for one in repeat.records]
    means = []
    for key, records in _grouped(listed, ("scheme", "model")).items():
        mean = _mean(records) | {name: records[0][name] for name in OF_THE_FIRST if name in records[0]}
        mean["repeats"] = len(records)
        for name in SPREAD:
            values = [one[name] for one in records]
            mean |= {f"{name}_low": min(values), f"{name}_high": max(values)}
        means.append(mean | {"ranked_first": sum(key in first for first in firsts)})
    return means


def _firsts(records):
    """Return scheme and model of the lowest RMSE of every scheme, several where they are equal."""
    lowest = {}
    for one in records:
        lowest[one["scheme"]] = min(one["rmse"], lowest.get(one["scheme"], np.inf))
    return {(one["scheme"], one["model"]) for one in records if one["rmse"] == lowest[one["scheme"]]}


def _grouped(records, keys):
    groups = {}
    for one in records:
        groups.setdefault(tuple(one.get(key) for key in keys), []).append(one)
    return groups


def _mean(records):
    """Return the first record with the mean of its numbers over all records that have them.

    >>> _mean([{"n": 3, "rmse": 1.0, "unit": "m"}, {"n": 4, "rmse": 2.0, "unit": "m"}])
    {'n': 4, 'rmse': 1.5, 'unit': 'm'}
    """
    if len(records) == 1:
        return dict(records[0])
    mean = {}
    for name in dict.fromkeys(name for one in records for name in one):
        values = [one[name] for one in records if one.get(name) is not None]
        mean[name] = values[0] if values else None
        if values and isinstance(values[0], (int, float)):
            finite = [value for value in values if np.isfinite(value)]
            kind = round if isinstance(values[0], int) else float
            mean[name] = kind(np.mean(finite)) if finite else np.nan
    return mean


def _skipped(listed):
    """Return what was left out and why, with the number of repeats where it was not in all."""
    skipped = {}
    for name in dict.fromkeys(name for one in listed for name in one):
        reasons = [one[name] for one in listed if name in one]
        few = f" (in {len(reasons)} of {len(listed)} repeats)" if len(reasons) < len(listed) else ""
        skipped[name] = reasons[0] + few
    return skipped


def _compare_again(result):
    """Compare described models with the baseline of the lowest mean RMSE, repeat by repeat."""
    for record in result.records:
        others = [
            one
            for one in result.records
            if one["scheme"] == record["scheme"] and one["model"] not in result.described
        ]
        if "best_baseline" not in record or not others:
            continue
        best = min(others, key=lambda one: one["rmse"])["model"]
        rows = result.predictions[result.predictions["scheme"] == record["scheme"]]
        rows = rows.dropna(subset=[record["model"], best]).rename(columns={"observed": TARGET})
        differences = [
            bootstrap_difference(part, part[record["model"]], part[best])
            for _, part in rows.groupby("repeat")
        ]
        record |= {"best_baseline": best, **_mean(differences)}
