"""Compare strategies for rare classes on the same folds, for a population with other class shares."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from airq.io import check_writable
from airq.parallel import workers
from imbalance.boosters import MODELS, SETTINGS
from imbalance.comparison.fits import StrategyFailed
from imbalance.comparison.problem import make_problem, problem_facts
from imbalance.comparison.runs import claim_folder, killed_in_one_line, lasts, versions
from imbalance.comparison.strategies import STRATEGIES, Strategy, find_strategy
from imbalance.comparison.summary import (
    KEYS,
    REFERENCE,
    beside_the_shares,
    differences,
    estimated_priors,
    findings,
    mean_reliability,
    mean_sweep,
    summary_table,
)
from imbalance.comparison.tasks import Task, read_result, run_task

#: Folder of the finished pieces, and the file in it that says what they are pieces of.
PARTS, RUN = "parts", "run.json"


@dataclass
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    scores : DataFrame
        A row per strategy, model, repeat and fold: `log_loss` [nats], `brier`, `auc`,
        `average_precision`, `calibration_slope`, `calibration_intercept`, `recall_CLASS`, `prior_CLASS`
        (what the probabilities stand for) and `seconds` [s].
    table : DataFrame
        A row per strategy and model, see :func:`imbalance.comparison.summary.summary_table`.
    differences : DataFrame
        A row per model and pair of strategies, see :func:`imbalance.comparison.summary.differences`.
    sweep : DataFrame
        Mean log loss of `strategy, model` where the rarest class has the `share`; `follows` says whether
        the strategy corrects to each prior or stays as trained.
    reliability : DataFrame
        `strategy, model, class, bin, share, predicted, observed, rows`: means over a bin of predictions, on
        the target population, and the test rows in it (mean of the repetitions).
    settings : dict
        Data, folds, priors, strategies, models, versions.
    findings : list of str
        Sentences that the figures support.
    notes : list of str
        What was done to the rows on the way.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    differences: pd.DataFrame
    sweep: pd.DataFrame
    reliability: pd.DataFrame
    settings: dict
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)


def compare_strategies(
    X,
    y,
    *,
    strategies=None,
    models=("lightgbm",),
    target_prior="balanced",
    n_splits=5,
    n_repeats=2,
    groups=None,
    n_jobs=1,
    seed=0,
    out=None,
    title=None,
    notes=(),
    advance=None,
):
    """Compare strategies for rare classes by repeated cross-validation.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features: numbers, text, categories; values may be missing. Rows that are equal stay in one fold.
    y : array-like of shape (n_samples,)
        Class of every row.
    strategies : sequence of str or Strategy, optional
        Names from :data:`imbalance.comparison.strategies.STRATEGIES`, perhaps with a number behind a colon
        (``"under-sample:2"``, see :func:`imbalance.comparison.strategies.find_strategy`), or strategies of
        your own; all by default. "none" is always among them, since the others are compared to it. One that
        the rows do not allow is left out with a note, unless no other is left.
    models : sequence of {"lightgbm", "catboost"}
        Classifiers.
    target_prior : {"balanced", "training"}, str, mapping or array-like of shape (n_classes,)
        Class shares of the population to predict for: a text such as ``"a=.5,b=.5"``, a mapping from
        class to share in any order, or shares in the order of the sorted classes.
    n_splits, n_repeats : int
        Folds, and how often they are dealt.
    groups : array-like of shape (n_samples,), optional
        Rows of a group stay in one fold.
    n_jobs : int
        Processes, each of which fits with one thread. The result does not depend on it.
    seed : int
        Of folds, samplers and classifiers.
    out : str or Path, optional
        Folder for finished pieces, by which an interrupted comparison goes on; predictions of the test
        rows are in them.
    title : str, optional
        What to call the result.
    notes : sequence of str
        Further notes to keep with it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every piece.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the rows, the target prior or a name make no sense, or if `out` holds pieces of another
        comparison.
    OSError
        If `out` cannot be written.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio, Inference for the generalization error, Machine Learning 52, 239-281, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["common", "rare"], [180, 20])
    >>> X = rng.normal(size=(200, 2)) + (y == "rare")[:, None]
    >>> found = compare_strategies(X, y, strategies=["none", "none+prior"], n_splits=3, n_repeats=1)
    >>> found.table["strategy"].tolist()
    ['none+prior', 'none']
    """
    strategies, models = choose_strategies(strategies), _choose_models(models)
    problem, said = make_problem(
        X, y, target_prior=target_prior, n_splits=n_splits, n_repeats=n_repeats, groups=groups, seed=seed
    )
    facts = {**problem_facts(problem), "versions": versions()}
    tasks = _tasks(strategies, models, n_splits, n_repeats)
    results = _results(tasks, problem, None if out is None else _parts(out, facts), n_jobs, advance)
    left, left_out = _left_out(results, n_splits * n_repeats)
    strategies = [one for one in strategies if any(one.name == name for name, _ in left)]
    settings = {
        "title": title,
        **facts,
        "strategies": {strategy.name: strategy.meaning for strategy in strategies},
        "models": {model: SETTINGS[model] for model in models},
        "test_share": mean_test_share(problem.fold_of),
    }
    notes = [
        *notes,
        *said,
        *_remarks(strategies, problem.target, kept=out is not None),
        *left_out,
        *_counted([note for record in results for note in record["notes"]], len(results)),
    ]
    return _summary(results, left, strategies, settings, notes)


def choose_strategies(strategies=None):
    """Strategies by name, "none" always among them.

    Raises
    ------
    ValueError
        If a name is unknown or given to two strategies, or a number behind it makes no sense.
    """
    chosen = {}
    named = [strategies] if isinstance(strategies, (str, Strategy)) else strategies
    for one in STRATEGIES.values() if strategies is None else dict.fromkeys([REFERENCE, *named]):
        strategy = one if isinstance(one, Strategy) else find_strategy(str(one))
        if chosen.setdefault(strategy.name, strategy) != strategy:
            raise ValueError(f"Two strategies are called {strategy.name!r}.")
    return list(chosen.values())


def _choose_models(models):
    models = list(dict.fromkeys([models] if isinstance(models, str) else models))
    for name in models:
        if name not in MODELS:
            raise ValueError(f"Unknown model {name!r}; choose from {', '.join(MODELS)}.")
    if not models:
        raise ValueError(f"No model is named; choose from {', '.join(MODELS)}.")
    return models


def _tasks(strategies, models, n_splits, n_repeats):
    """Pieces of work, the longest first, so that no process is left alone with one at the end."""
    shared = {}
    for strategy in strategies:
        shared.setdefault(strategy.fit_key, []).append(strategy)
    bundles = sorted(shared.values(), key=lambda bundle: -_fits(bundle))
    return [
        Task(model, tuple(bundle), repeat, fold)
        for model in sorted(models)  # CatBoost takes longer than LightGBM
        for bundle in bundles
        for repeat in range(n_repeats)
        for fold in range(n_splits)
    ]


def _fits(bundle):
    return bundle[0].bag * (1 + 5 * any(strategy.calibrates for strategy in bundle))


def _parts(out, facts):
    """Folder of finished pieces, refused where they are of another comparison."""
    marker = f"{PARTS}/{RUN}"
    if not (Path(out) / marker).exists():
        if Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
            raise FileExistsError(f"{out} exists and holds no comparison; choose another folder.")
        check_writable(Path(out) / marker)
    claim_folder(out, json.loads(json.dumps(facts)), marker=marker, what="comparison")
    return Path(out) / PARTS


def _results(tasks, problem, folder, n_jobs, advance):
    """Result of every piece, in the order of the pieces: done before, or done now."""
    done = {} if folder is None else {task.file_name: read_result(task, folder) for task in tasks}
    done = {name: record for name, record in done.items() if record is not None}
    left = [task for task in tasks if task.file_name not in done]
    texts = {task.file_name: task.text for task in left}
    tell = advance or (lambda *_: None)
    tell(len(done), len(tasks), "")
    with tempfile.TemporaryDirectory(prefix="imbalance-") as scratch:
        path = str(Path(scratch) / "problem.joblib")
        joblib.dump(problem, path)
        with closing(_run(left, path, None if folder is None else str(folder), n_jobs)) as results:
            for name, record in results:
                done[name] = record
                tell(len(done), len(tasks), texts[name])
    return [done[task.file_name] for task in tasks]


def _run(tasks, path, folder, n_jobs):
    if n_jobs == 1 or len(tasks) < 2:
        yield from (run_task(task, path, folder) for task in tasks)
        return
    with (
        killed_in_one_line(kept=folder is not None),
        workers(n_jobs, return_as="generator_unordered", max_nbytes=None) as run,
    ):
        yield from run(joblib.delayed(run_task)(task, path, folder) for task in tasks)


def mean_test_share(fold_of):
    """Share of test rows whose ratio to the training rows is the mean ratio over all folds.

    Parameters
    ----------
    fold_of : numpy.ndarray of int, shape (n_repeats, n_samples)
        Fold that tests each row.

    Returns
    -------
    float

    Examples
    --------
    >>> mean_test_share(np.array([[0, 0, 0, 1]]))  # 3/1 and 1/3 have the mean 5/3
    0.625
    """
    sizes = np.concatenate([np.bincount(folds) for folds in fold_of])
    ratio = (sizes / (fold_of.shape[1] - sizes)).mean()
    return float(ratio / (1 + ratio))


def _remarks(strategies, target, *, kept):
    """What a reader should know of the ways of the comparison itself."""
    names, said = {strategy.name for strategy in strategies}, []
    if any(strategy.adapts for strategy in strategies):
        said.append(
            "EM sees rows without labels, drawn from the test fold so that classes have the target's shares."
        )
    if {"weights", "weights-target"} <= names and np.allclose(target, target[0]):
        said.append("The target is balanced, so weights and weights-target are the same.")
    passing = [strategy.name for strategy in strategies if kept and not lasts(repr(strategy.fit_key))]
    return said + [
        f"Strategy {name!r} holds an object that is known by its address only, such as a random generator: "
        "another run cannot know it again and fits it anew."
        for name in passing
    ]


def _left_out(results, n_folds):
    """Strategies and models that some fold does not allow, and a note for each.

    Raises
    ------
    StrategyFailed
        If "none" is one of them, or if no other is left.
    """
    failed = pd.DataFrame([row for record in results for row in record["failed"]], columns=[*KEYS, "reason"])
    left = {(row["strategy"], row["model"]) for record in results for row in record["scores"]}
    left -= set(failed[KEYS].itertuples(index=False, name=None))
    first = failed.drop_duplicates(KEYS)
    if len(failed) and not any(name != REFERENCE for name, _ in left):
        raise StrategyFailed(first["strategy"].iloc[0], first["reason"].iloc[0])
    notes = []
    for row in first.itertuples():
        times = int((failed[KEYS] == [row.strategy, row.model]).all(axis=1).sum())
        where = "" if times == n_folds else f" ({times} of {n_folds} folds)"
        notes.append(f"Strategy {row.strategy!r} with {row.model} was left out: {row.reason}{where}")
        if row.strategy == REFERENCE:
            raise StrategyFailed(row.strategy, row.reason)
    return left, notes


def _counted(notes, n_pieces):
    """Notes once each, with the number of pieces where some but not all have it."""
    counts = pd.Series(list(notes), dtype=object).value_counts(sort=False)
    return [note if n == 1 or n >= n_pieces else f"{note} (in {n} fits)" for note, n in counts.items()]


def _summary(results, left, strategies, settings, notes):
    order = {strategy.name: place for place, strategy in enumerate(strategies)}
    frames = {
        what: pd.DataFrame(
            [row for record in results for row in record[what] if (row["strategy"], row["model"]) in left]
        )
        for what in ("scores", "sweep", "reliability")
    }
    by = ["model", "strategy", "repeat", "fold"]
    scores = frames["scores"].sort_values(
        by, key=lambda column: column.map(order) if column.name == "strategy" else column
    )
    scores = scores.reset_index(drop=True)[["strategy", "model", "repeat", "fold", *scores.columns[4:]]]
    table = summary_table(scores, target=settings["target_prior"], test_share=settings["test_share"])
    pairs = differences(scores, test_share=settings["test_share"])
    adapting = [strategy.name for strategy in strategies if strategy.adapts]
    estimates = estimated_priors(scores, adapting, target=settings["target_prior"])
    return Comparison(
        scores=scores,
        table=table,
        differences=pairs,
        sweep=mean_sweep(frames["sweep"], settings["classes"].index(settings["rarest"])),
        reliability=mean_reliability(frames["reliability"], settings["n_repeats"]),
        settings=settings,
        findings=[*findings(table, pairs), *beside_the_shares(table, settings["target_prior"]), *estimates],
        notes=notes,
    )
