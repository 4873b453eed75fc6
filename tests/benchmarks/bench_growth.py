"""Growth of time with rows and places, and what large tasks cost on paper: `make bench-growth`.

Rows are SIMULATED, over the bundled African cities. Seconds are those of one processor. More rows are more
days of the same 50 sites; more places are more sites of 30 days each, to learn from and to predict alike, so
they stand nearer to each other, too. Boosters have 60 rounds whatever they see, so that early stopping, which
comes later with more rows, does not count as growth. An exponent is the slope of log time by log size over
the three largest sizes: 1 is proportional, below it fixed costs count. Those above 1.1 are marked; the text
that is printed says why.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import airq
from airq.io import write_panel
from airq.models.ensemble import MEMBERS, RIDGE, Member
from airq.models.predictions import prediction_rows
from airq.models.predictor import ROWS_AT_ONCE
from airq.panel import check_panel
from airq.workflows.predict_blocks import Run, Survey

#: Rounds of the boosters whose growth is measured.
ROUNDS = 60
#: Above this, an exponent is marked. [1]
PROPORTIONAL = 1.1
#: Why a step may be so.
REASONS = {
    "applicability": "a tree in eight dimensions is searched for the nearest of the training rows, which "
    "takes longer among more of them; for a model that stands, it is proportional to the rows predicted",
    "kriging": "more places stand nearer to each other, so the twelve monitors of more systems lie within "
    "1,000 km; and the means around a place look at every monitor there is",
    "train": "most of it is the kriging, for every radius within which monitors are hidden, where sites have "
    "few days; the search behind the area of applicability grows, too",
    "predict": "it holds the kriging and the search behind the area of applicability",
}
#: Rows to learn from and to predict; the cells of 0.1° are those of Africa's land.
TASKS = {
    "1,000 cities x 10 years": 3_652_000,
    "Africa's 0.1° grid x 1 year": 246_000 * 365,
    "100 million rows": 100_000_000,
}
WORKERS = (1, 16, 256)
#: Training with its scores by city: one fit of all, 5 that hold a fold out, 10 that hold out two.
N_FITS = 16
#: Sites and days of the default model whose time and memory stand for a training.
USUAL = (50, 400)
#: Memory of a machine. [bytes]
MEMORY = 64e9
ON_PAPER = f"""On paper.
Predictions are proportional to the rows, at the time of a row at the largest size above. The process that
asks checks, sorts and writes all rows by itself ("files"); workers predict the blocks. Training comes with
scores by city: {N_FITS} fits, each on one worker, in memory; its time grows with the exponent of `train` by
rows, at least 1, and further where more rows take more rounds. Disks and networks are not counted, nor
monitors of more places than those above."""


def tables(n_sites, n_days):
    """Return a panel to learn from, and one of as many places 20 km to the north of them to predict."""
    end = pd.Timestamp("2000-01-01") + pd.Timedelta(days=n_days - 1)
    panel = check_panel(airq.simulate(n_cities=n_sites, start="2000-01-01", end=end, random_state=0))
    new = panel.drop(columns="pm25").assign(latitude=panel["latitude"] + 0.2)
    for name in ("site_id", "city_id"):
        new[name] = "new " + new[name]
    new.attrs = panel.attrs
    return panel, check_panel(new)


def held_out(panel):
    """Return errors at held-out places, as they calibrate intervals: the same everywhere but for chance."""
    observed = panel["pm25"].fillna(20.0).to_numpy()
    predicted = observed * np.random.default_rng(0).lognormal(0, 0.3, len(panel))
    table = panel[["date"]].assign(group=panel["city_id"], observed=observed, predicted=predicted)
    return table.assign(scale_low=0.4 * predicted, scale_high=0.4 * predicted)


def measure(n_sites, n_days, folder):
    """Return the seconds of every step for so many sites and days."""
    seconds = {}

    @contextlib.contextmanager
    def timed(name):
        begun = time.process_time()
        yield
        seconds[name] = seconds.get(name, 0.0) + time.process_time() - begun

    panel, new = tables(n_sites, n_days)
    model = airq.PM25Regressor("fast")
    with timed("train"):
        model.fit(panel)
    predictor, estimator = model.predictor_, model.predictor_.estimator_
    with timed("features"):
        X = predictor.features(new)
    with timed("kriging"):
        X = estimator.with_monitors(X, new[["site_id", "date", "latitude", "longitude"]])
    for start in range(0, len(X), ROWS_AT_ONCE):
        part = X.iloc[start : start + ROWS_AT_ONCE]
        with timed("boosters"):
            estimator.predict(part)
        with timed("applicability"):
            predictor.applicability_.dissimilarity(part)
    described = predictor.describe(new)
    with timed("intervals"):
        predictor.calibrate(held_out(panel))
        prediction_rows(new, described, calibration=predictor.calibration_)
    del X, part, described
    write_panel(new, folder / "new.parquet")
    (folder / "work").mkdir(exist_ok=True)
    with timed("predict"):
        with timed("files"):
            survey = Survey(model, [folder / "new.parquet"], n_parts=1, advance=_say_nothing)
            run = Run(predictor, survey, folder / "work", 100_000)
            (run.work / "done").unlink(missing_ok=True)
            run.sort_into_blocks(_say_nothing)
        run.predict(_say_nothing)
        with timed("files"):
            run.write([folder / "out.parquet"], model.metadata_["data"]["places"], {}, 0.9, "day")
    return seconds


def _say_nothing(done, total, text):
    pass


def exponents(sizes, measured):
    """Return the slope of log time by log size over the three largest sizes, by step."""
    x = np.log(sizes[-3:])
    return {
        name: np.polyfit(x, np.log([max(one[name], 1e-6) for one in measured[-3:]]), 1)[0]
        for name in measured[0]
    }


def sweep(what, shapes, folder):
    """Measure and print all sizes of a kind; return the last rows, seconds and exponents."""
    sizes = [shape[0] if what == "places" else shape[0] * shape[1] for shape in shapes]
    print(f"\nSeconds by {what}")
    measured = []
    for size, shape in zip(sizes, shapes, strict=True):
        measured.append(measure(*shape, folder))
        if len(measured) == 1:
            print(f"{what:>10}" + "".join(f"{name:>14}" for name in measured[0]))
        print(f"{size:10,}" + "".join(f"{value:14.2f}" for value in measured[-1].values()), flush=True)
    found = exponents(sizes, measured)
    marked = (f"{value:.2f}{'*' if value > PROPORTIONAL else ' '}" for value in found.values())
    print(f"{'exponent':>10}" + "".join(f"{text:>14}" for text in marked))
    for name, value in found.items():
        if value > PROPORTIONAL:
            print(f"  * {name}: {REASONS.get(name, 'no reason is known')}.")
    return shapes[-1][0] * shapes[-1][1], measured[-1], found


def usual_training():
    """Return rows, seconds and bytes [over what the process had] of a training by the default model."""
    panel, _ = tables(*USUAL)
    before, begun = peak(), time.process_time()
    airq.PM25Regressor().fit(panel)
    return len(panel), time.process_time() - begun, peak() - before


def peak():
    """Return the largest memory that this process has had. [bytes]"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def on_paper(n_rows, seconds, growth, training):
    """Print what large tasks cost on several numbers of workers, and what holds them up first.

    `n_rows` took `seconds` by step; `growth` is the exponent of training by rows; `training` is that of
    :func:`usual_training`.
    """
    n_trained, of_a_fit, n_bytes = training
    print(f"\n{ON_PAPER}")
    print(f"The default model learned from {n_trained:,} rows in {of_a_fit:.0f} s.\n")
    print(f"{'':29}{'workers':>8}{'predict [h]':>13}{'train [h]':>11}  first bottlenecks")
    for name, n_asked in TASKS.items():
        files = seconds["files"] * n_asked / n_rows / 3600
        blocks = seconds["predict"] * n_asked / n_rows / 3600 - files
        fit = of_a_fit * (n_asked / n_trained) ** max(growth, 1.0) / 3600
        memory = n_bytes / n_trained * n_asked
        for n_workers in WORKERS:
            predict, train = blocks / n_workers + files, fit * -(-N_FITS // n_workers)
            slow = "files" if files > blocks / n_workers else "processors"
            held = "processors" if n_workers < N_FITS else f"no more than {N_FITS} fits"
            held = f"a fit needs {memory / 1e9:,.0f} GB" if memory > MEMORY else held
            print(f"{name:29}{n_workers:8}{predict:13.2f}{train:11.1f}  predict: {slow}; train: {held}")


def main():
    """Print both growths and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 300_000])
    parser.add_argument("--places", type=int, nargs="+", default=[50, 200, 1000, 4000])
    parser.add_argument("--days", type=int, default=30, help="days of each of the places")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    # First, because the largest memory of a process does not fall again.
    training = usual_training()
    MEMBERS["fast"] = Member("lightgbm", 1.0, {"rounds": ROUNDS, "patience": ROUNDS}), RIDGE
    with tempfile.TemporaryDirectory() as folder:
        rows = sweep("rows", [(50, max(n // 50, 1)) for n in arguments.rows], Path(folder))
        sweep("places", [(n, arguments.days) for n in arguments.places], Path(folder))
    n_rows, seconds, growth = rows
    on_paper(n_rows, seconds, growth["train"], training)


if __name__ == "__main__":
    main()
