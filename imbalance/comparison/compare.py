"""Compare what is done about rare classes: to the rows, to the probabilities, by which learner."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from airq.messages import versions
from imbalance.comparison import report, summary
from imbalance.comparison.fits import choose_scoring, make_jobs
from imbalance.comparison.models import choose_models, fit_row, seeded
from imbalance.comparison.problem import as_table, class_labels, make_problem, problem_facts, whole_groups
from imbalance.comparison.runner import claim_parts, run_jobs
from imbalance.comparison.strategies import AS_THEY_ARE, ENDINGS, ROWS, choose_endings, choose_rows, label
from imbalance.estimators import last_step
from imbalance.reading import features, read_alike


class StrategyFailed(ValueError):
    """What was asked for cannot be done with these rows; the message names it and says why."""


@dataclass(repr=False)
class Comparison:
    """What a comparison found; in a notebook it shows its answer and its table.

    Attributes
    ----------
    scores : DataFrame
        A row per strategy, model, repeat and fold: `strategy, model, rows, ending, repeat, fold, log_loss`
        [nats], `brier, auc, average_precision, calibration_slope, calibration_intercept, recall_CLASS`,
        further scores, `prior_CLASS` (what the probabilities stand for) and `seconds` [s].
    table : DataFrame
        A row per strategy and model, the best first: of least cost where costs were given, else of least log
        loss; see :func:`imbalance.comparison.summary.summary_table`.
    differences : DataFrame
        A row per pair, see :func:`imbalance.comparison.summary.differences`.
    sweep : DataFrame
        Mean log loss of `strategy, model` where the rarest class has the `share`; `follows` says whether
        the strategy corrects to each target or stays as trained.
    reliability : DataFrame
        `strategy, model, class, bin, share, predicted, observed, rows`: means over a bin of predictions, on
        the target population, and the test rows in it (each once, however often it was tested).
    settings : dict
        Data, folds, target, strategies, models, versions.
    findings, notes : list of str
        Sentences that the figures support, the answer first; what was done to the rows on the way.
    """

    scores: pd.DataFrame
    table: pd.DataFrame
    differences: pd.DataFrame
    sweep: pd.DataFrame
    reliability: pd.DataFrame
    settings: dict
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    #: What :meth:`fit` makes a classifier of: models, those by name, strategies, costs.
    recipe: dict = field(default_factory=dict)

    def fit(self, X, y, *, groups=None, strategy=None, model=None):
        """Fit the winner, or another row of the table, to all rows.

        Parameters
        ----------
        X, y, groups
            As for :func:`compare`: the same rows, or more of their kind.
        strategy, model : str, optional
            The row of the table; the best of those that know the target's shares if None. A row of "em" is
            an adapter, which learns the shares from unlabelled rows: ``imbalance.adapt(model, X)``.

        Returns
        -------
        scikit-learn classifier
            Fitted. Its probabilities are for the target (raw ones for what they stand for); it predicts the
            least expected cost where costs were given. A model by name warns of cells that it cannot read
            and of rows beyond those it learned from.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> y = np.repeat(["a", "b"], [90, 30])
        >>> X = np.random.default_rng(0).normal(size=(120, 1)) + (y == "b")[:, None]
        >>> found = compare(X, y, models=GaussianNB(), rows="none", cv=3, repeats=1)
        >>> found.fit(X, y, strategy="as they are+prior").classes_.tolist()
        ['a', 'b']
        """
        chosen = self._chosen(strategy, model)
        y, learned, reader = class_labels(y), as_table(X), None
        held = [str(label) for label in np.unique(y)]
        if held != self.settings["classes"]:
            raise ValueError(f"The rows hold the classes {held}, not {self.settings['classes']}.")
        if chosen["model"] in self.recipe["by_name"] and not issparse(X):
            # A frame made anew would forget which columns are days.
            frame = learned if isinstance(learned, pd.DataFrame) else pd.DataFrame(learned)
            learned, _, columns = features(frame)
            reader = FunctionTransformer(read_as_learned, kw_args={"columns": columns}).fit(X)
        fitted, _ = fit_row(
            self.recipe["models"][chosen["model"]],
            self.recipe["strategies"][chosen["rows"]],
            learned,
            y,
            ending=chosen["ending"],
            target=np.array(list(self.settings["target_prior"].values())),
            groups=whole_groups(learned, groups)[0],
            costs=self.recipe["costs"],
            seed=self.settings["seed"],
        )
        return fitted if reader is None else make_pipeline(reader, fitted)

    def _chosen(self, strategy, model):
        """Return the row of the table that is meant."""
        part = self.table
        for name, value in {"strategy": strategy, "model": model}.items():
            if value is not None and value not in set(part[name]):
                raise ValueError(f"There is no {name} {value!r}; there are {', '.join(part[name].unique())}.")
            part = part if value is None else part[part[name] == value]
        known = part[part["ending"] != "em"] if strategy is None else part
        return (part if known.empty else known).iloc[0]

    def to_markdown(self):
        """Return the table with its sentences in Markdown."""
        return report.markdown(self)

    def __repr__(self):
        return report.plain(self)

    def _repr_html_(self):
        return report.html_table(self)


def read_as_learned(X, columns):
    """Return other rows read as those that a model by name learned from; warn of what it never saw."""
    if issparse(X):
        raise ValueError("The model learned from a table of named columns; give one, not sparse rows.")
    X = as_table(X)
    X, notes = read_alike(X if isinstance(X, pd.DataFrame) else pd.DataFrame(X), columns)
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    return X


def compare(
    X,
    y,
    *,
    target="balanced",
    models=None,
    rows=None,
    ending=None,
    groups=None,
    cv=5,
    repeats=2,
    costs=None,
    scoring=None,
    n_jobs=1,
    seed=0,
    out=None,
    title=None,
    notes=(),
    advance=None,
):
    """Compare what is done to the rows and to the probabilities, for one or several classifiers.

    Parameters
    ----------
    X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
        Features as the classifiers take them. Rows that are equal stay in one fold.
    y : array-like of shape (n_samples,)
        Class of every row.
    target : {"balanced", "training"}, str, mapping or array-like of shape (n_classes,)
        Class shares of the population to predict for: a text such as ``"a=.5,b=.5"``, a mapping from
        class to share in any order, or shares in the order of the sorted classes.
    models : str, classifier, sequence or mapping from name to classifier, optional
        Names of {"logistic", "lightgbm", "catboost"}, or any scikit-learn classifiers with
        ``predict_proba``. All three names by default.
    rows : str, sampler, Strategy, sequence or mapping, optional
        What is done to the rows: names of :data:`imbalance.comparison.strategies.ROWS`, perhaps with a
        number behind a colon (``"under-sample:2"``), samplers of imbalanced-learn, or lists of samplers
        applied in turn. "all" is all names.
    ending : str or sequence of str, optional
        What is done to the probabilities: of {"raw", "prior", "calibrated", "em"}; "all" is all four. Raw,
        prior and calibrated by default.
    groups : array-like of shape (n_samples,), optional
        Rows of a group stay in one fold.
    cv : int, splitter or iterable of (train, test)
        Stratified folds, or a scikit-learn splitter, or folds of your own.
    repeats : int
        How often the folds are dealt, where `cv` is their number.
    costs : mapping from (true, predicted) to float, DataFrame or array-like, optional
        Cost of predicting one class for another, see :func:`imbalance.decisions.cost_matrix`. With costs the
        order, the marks and the answer are by mean cost; the log loss stands beside it.
    scoring : str, callable, sequence or mapping, optional
        Further scores, beside log loss, Brier score, AUC, average precision and expected cost: "recall@0.05"
        (recall of the rarest class at 5 % false alarms, the threshold from training rows), names of
        scikit-learn's scorers, or scorers.
    n_jobs : int, optional
        Processes, each of which fits with one thread. The result does not depend on it.
    seed : int
        Of folds, samplers and classifiers.
    out : str or Path, optional
        Folder for finished pieces, by which an interrupted comparison goes on.
    title, notes : str, optional; sequence of str
        What to call the result, and further notes to keep with it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every piece.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError, OSError
        If the rows or an argument make no sense, if nothing can be done with these rows, or if `out` cannot
        be written or holds pieces of another comparison.

    Notes
    -----
    No test row touches training, scaling, stopping, calibration or resampling. "As they are" with "raw" is
    always among what is compared: the differences are to it. What the rows do not allow is left out with a
    note, unless nothing else is left. Boosters by name learn as many trees as predict held-out training rows
    best, original ones.

    In `out`, pieces are known again by type and parameters of models and samplers; a function or class of
    your own by its name: after changing what it does, choose another folder.

    Intervals of differences are those of :func:`imbalance.metrics.corrected_t_interval`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["common", "rare"], [180, 20])
    >>> X = rng.normal(size=(200, 2)) + (y == "rare")[:, None]
    >>> found = compare(X, y, models="logistic", rows="none", ending="prior", cv=3, repeats=1)
    >>> found.table["strategy"].tolist()
    ['as they are+prior', 'as they are']
    """
    n_jobs = 1 if n_jobs is None else n_jobs
    for name, value in {"repeats": repeats, "n_jobs": n_jobs, "seed": seed}.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ValueError(f"{name} must be a whole number, not {value!r}.")
    if n_jobs == 0 or seed < 0:
        wrong = "n_jobs must not be 0; 1" if n_jobs == 0 else f"seed must not be {seed}; 0"
        raise ValueError(f"{wrong} or more is needed.")
    models, by_name = choose_models(models, sparse=issparse(X))
    models = {name: seeded(model, seed) for name, model in models.items()}
    chosen, endings = choose_rows(rows), choose_endings(ending)
    problem, said = make_problem(
        X, y, target=target, cv=cv, repeats=repeats, groups=groups, seed=seed, by_name=bool(by_name)
    )
    scoring = choose_scoring(scoring, costs, classes=problem.classes)
    pairs = _with_endings(chosen, endings)
    jobs, passing = make_jobs(models, by_name, pairs, scoring, len(problem.splits))
    facts = {**problem_facts(problem), "versions": versions()}
    if not isinstance(cv, Integral):
        facts["splits"] = joblib.hash(problem.splits)[:16]
    folder = None if out is None else claim_parts(out, facts, what="comparison")
    records = [record for record, _ in run_jobs(jobs, problem, folder=folder, n_jobs=n_jobs, advance=advance)]
    strategies = {one.name: one for one, _ in pairs}
    recipe = {"models": models, "by_name": by_name, "strategies": strategies, "costs": scoring.costs}
    settings = {"title": title, **facts, "scores": scoring.names}
    comparison = _summarised(problem, recipe, jobs, records, settings)
    remarks = _remarks(models, strategies, endings, problem.target, passing if out is not None else [])
    comparison.notes = [*notes, *said, *remarks, *comparison.notes]
    return comparison


def _with_endings(chosen, endings):
    """Return pairs of a strategy and its endings: first the rows as they are, raw among the endings."""
    strategies = {one.name: one for one in [ROWS[AS_THEY_ARE], *chosen]}
    of_each = dict.fromkeys(strategies, endings)
    asked = endings if any(one.name == AS_THEY_ARE for one in chosen) else []
    of_each[AS_THEY_ARE] = [ending for ending in ENDINGS if ending == "raw" or ending in asked]
    return [(one, tuple(of_each[name])) for name, one in strategies.items()]


def _summarised(problem, recipe, jobs, records, settings):
    """Return the comparison that the records of the jobs come to, with the notes of the fits."""
    kept, left_out = _kept(jobs, records)
    scores, sweep, reliability = (
        pd.DataFrame([row for one in records for row in one[what] if (row["strategy"], row["model"]) in kept])
        for what in ("scores", "sweep", "reliability")
    )
    models, strategies, costs = (recipe[name] for name in ("models", "strategies", "costs"))
    order = {"model": list(models), "rows": list(strategies), "ending": list(ENDINGS)}
    scores = scores.sort_values(
        [*order, "repeat", "fold"], ignore_index=True,
        key=lambda column: column.map(order[column.name].index) if column.name in order else column,
    )  # fmt: skip
    target, test_share = settings["target_prior"], summary.mean_test_share(problem.splits)
    table = summary.summary_table(scores, target=target, test_share=test_share)
    used = {ending for job in jobs for ending in job.endings}
    settings = settings | {
        "strategies": {name: one.meaning for name, one in strategies.items()},
        "endings": {ending: meaning for ending, meaning in ENDINGS.items() if ending in used},
        "models": {name: str(model).splitlines()[0][:200] for name, model in models.items()},
        "ranked_by": summary.ranked_by(table),
        "costs": None if costs is None else costs.tolist(),
        "test_share": test_share,
    }
    return Comparison(
        scores,
        table,
        summary.differences(scores, test_share=test_share),
        summary.mean_sweep(sweep, problem.names.index(str(problem.rarest))),
        summary.mean_reliability(reliability, problem.splits),
        settings,
        summary.findings(table, scores, target=target),
        [*left_out, *_counted(records)],
        recipe,
    )


def _remarks(models, strategies, endings, target, passing):
    """Return what a reader should know of the ways of the comparison itself."""
    said = [
        f"{name} was fitted before: what it scores holds only if it was fitted on none of these rows."
        for name, model in models.items()
        if isinstance(last_step(model), FrozenEstimator)
    ]
    if "em" in endings:
        said.append("EM sees unlabelled rows of the test fold, drawn to the class shares of the target.")
    if {"weights", "weights-target"} <= set(strategies) and np.allclose(target, target[0]):
        said.append("The target is balanced, so weights and weights-target are the same.")
    return said + [
        f"{name!r} holds what only this run knows, such as a nameless function: another run fits it anew."
        for name in passing
    ]


def _kept(jobs, records):
    """Return the pairs of strategy and model that every fold allows, and a note for each other.

    Raises StrategyFailed if for no model anything is left beside the rows as they are, or not even these.
    """
    failed = pd.DataFrame(
        [
            (job.strategy.name, job.model, ending, reason, job.fold)
            for job, record in zip(jobs, records, strict=True)
            for ending, reason in record["failed"].items()
        ],
        columns=["rows", "model", "ending", "reason", "fold"],
    )
    gone = {(label(row.rows, row.ending), row.model) for row in failed.itertuples()}
    kept = {(row["strategy"], row["model"]) for record in records for row in record["scores"]} - gone
    kept = {(name, model) for name, model in kept if (AS_THEY_ARE, model) in kept}
    if len(failed) and not any(name != AS_THEY_ARE for name, _ in kept):
        rows, model, ending, reason, _ = failed.iloc[0]
        raise StrategyFailed(f"{label(rows, ending)} with {model}: {reason}")
    n_folds, notes = 1 + max(job.fold for job in jobs), []
    for (rows, model), part in failed.groupby(["rows", "model"], sort=False):
        nothing_left = (AS_THEY_ARE, model) in gone
        if nothing_left and rows != AS_THEY_ARE:
            continue
        endings = [ending for ending in ENDINGS if ending in set(part["ending"])]
        what = model if nothing_left else f"{rows} ({', '.join(endings)}) with {model}"
        times = part["fold"].nunique()
        where = "" if times == n_folds else f" ({times} of {n_folds} folds)"
        notes.append(f"{what} was left out: {part['reason'].iloc[0]}{where}")
    return kept, notes


def _counted(records):
    """Return the notes of the fits once each, with their number where some but not all have it."""
    notes = [note for record in records for note in record["notes"]]
    counts = pd.Series(notes, dtype=object).value_counts(sort=False)
    return [note if n == 1 or n >= len(records) else f"{note} (in {n} fits)" for note, n in counts.items()]
