"""Compare what is done about rare classes: to the rows, to the probabilities, by which learner."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(repr=False)
class Comparison:
    """What a comparison found; see :func:`compare`."""

    scores: pd.DataFrame
    table: pd.DataFrame
    differences: pd.DataFrame
    sweep: pd.DataFrame
    reliability: pd.DataFrame
    settings: dict
    findings: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def fit(self, X, y, *, groups=None, strategy=None, model=None):
        """Fit the winner, or any other row of the table, on rows; return an ordinary classifier."""
        raise NotImplementedError


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
    costs : mapping from (true, predicted) to float, optional
        Cost of predicting one class for another; pairs that are not named cost nothing.
    scoring : str, callable, sequence or mapping, optional
        Further scores, beside log loss, Brier score, AUC, average precision and expected cost: "recall@0.05"
        (recall of the rarest class at 5 % false alarms, the threshold from training rows), names of
        scikit-learn's scorers, or scorers.
    n_jobs : int
        Processes, each of which fits with one thread. The result does not depend on it.
    seed : int
        Of folds, samplers and classifiers.
    out : str or Path, optional
        Folder for finished pieces, by which an interrupted comparison goes on.
    title : str, optional
        What to call the result.
    notes : sequence of str
        Further notes to keep with it.
    advance : callable, optional
        Called as ``advance(done, total, text)`` after every piece.

    Returns
    -------
    Comparison
    """
    raise NotImplementedError
