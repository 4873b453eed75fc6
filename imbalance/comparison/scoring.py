"""What a prediction scores: our own scores by name, costs, and scikit-learn's scorers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names

from airq.messages import near_name
from imbalance import metrics
from imbalance.decisions import cost_matrix, expected_cost, threshold_at

#: Name of a score that every comparison has -> what it is.
ALWAYS = {
    "log_loss": "Mean of -log(probability of the true class), classes weighted to the target [nats]",
    "brier": "Mean squared error of the probabilities of all classes, weighted to the target",
    "auc": "Chance that a row of the rarest class gets a higher probability of it than another row; of "
    "three or more classes, the mean of each against the others",
    "average_precision": "Mean precision over the recalls of the rarest class; of three or more, as for auc",
}
#: Further scores -> what they are.
FURTHER = {
    "recall@0.05": "Recall of the rarest class at 5 % (or another rate) of false alarms",
    "cost": "Expected cost of a row where every decision costs least, with --costs",
    "balanced_accuracy": "and every other score of scikit-learn by its name",
}
RECALL_AT = "recall@"


class _Predicted(ClassifierMixin, BaseEstimator):
    """Predictions that are there already, as a fitted classifier for scorers."""

    def __init__(self, probabilities=None, classes=None):
        self.probabilities = probabilities
        self.classes = self.classes_ = classes

    def predict_proba(self, X):
        return self.probabilities

    def predict(self, X):
        return self.classes_[np.argmax(self.probabilities, axis=1)]


@dataclass(frozen=True)
class Scoring:
    """Scores beside those that every comparison has.

    `costs`: by true class (row) and predicted class (column), or None; `rates`: false alarms at which recall
    is wanted; `scorers`: scikit-learn's and their like, by name.
    """

    costs: np.ndarray | None = None
    rates: tuple = ()
    scorers: dict = field(default_factory=dict)

    def scores(self, problem, X, y, outcome, y_train):
        """Return the scores of test rows by name, on the target; `y_train` labels ``outcome.held_out``."""
        p, classes = outcome.probabilities, problem.classes
        known = {"classes": classes, "target": problem.target}
        # The rarest class of all rows: that of a fold may be another.
        found = known | {"positive": problem.rarest}
        slope, intercept = metrics.calibration(y, p, **found)
        recalls = metrics.recalls(y, p, classes=classes)
        scores = {
            "log_loss": metrics.weighted_log_loss(y, p, **known),
            "brier": metrics.brier(y, p, **known),
            "auc": metrics.auc(y, p, **found),
            "average_precision": metrics.average_precision(y, p, **found),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
            **{f"recall_{name}": float(one) for name, one in zip(problem.names, recalls, strict=True)},
        }
        if self.costs is not None:
            scores["cost"] = expected_cost(y, p, self.costs, **known)
        for rate in self.rates:
            scores |= _recall_at(rate, problem, y, outcome, y_train)
        shared = _Predicted(p, classes), X, y, metrics.row_weights(y, classes, problem.target), problem.rarest
        return scores | {name: _scored(name, one, *shared) for name, one in self.scorers.items()}

    @property
    def names(self):
        """Return the names of the further scores, in the order of tables."""
        at = [f"{what}@{rate:g}" for rate in self.rates for what in ("recall", "false_alarms")]
        return [*(["cost"] if self.costs is not None else []), *at, *self.scorers]


def _recall_at(rate, problem, y, outcome, y_train):
    """Return recall and false alarms of the rarest class, in the target, at a threshold of training rows."""
    column = int(np.flatnonzero(problem.classes == problem.rarest)[0])
    train, test = (metrics.row_weights(one, problem.classes, problem.target) for one in (y_train, y))
    threshold = threshold_at(
        outcome.held_out[:, column], y_train == problem.rarest, rate, sample_weight=train
    )
    alarm, event = outcome.probabilities[:, column] > threshold, y == problem.rarest
    return {
        f"recall@{rate:g}": float(alarm[event].mean()),
        f"false_alarms@{rate:g}": float(np.average(alarm[~event], weights=test[~event])),
    }


def _scored(name, scorer, predicted, X, y, weights, rarest):
    function = getattr(scorer, "_score_func", None)
    taken = {} if function is None else inspect.signature(function).parameters
    classes, chosen = predicted.classes_.tolist(), getattr(scorer, "_kwargs", {})
    named = "pos_label" in taken and not {"pos_label", "labels"} & set(chosen)
    if len(classes) == 2 and named and taken["pos_label"].default not in classes:
        # Of two classes called otherwise than 0 and 1, the rarest is the positive one.
        order = np.argsort(predicted.classes_ == rarest)
        predicted, y = _Predicted(predicted.probabilities[:, order], np.arange(2)), (y == rarest).astype(int)
    options = {"sample_weight": weights} if "sample_weight" in taken else {}
    try:
        return float(scorer(predicted, X, y, **options))
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"Scoring {name!r} cannot be computed here: {reason}") from None


def choose_scoring(scoring=None, costs=None, *, classes=()):
    """Return scores from names, scorers, a list of them or a mapping; classes in costs may be named as text.

    >>> choose_scoring(["brier", "recall@0.05", "balanced_accuracy"]).names
    ['recall@0.05', 'false_alarms@0.05', 'balanced_accuracy']
    """
    if not isinstance(scoring, Mapping):
        several = scoring if isinstance(scoring, list | tuple | set) else [] if scoring is None else [scoring]
        scoring = {one if isinstance(one, str) else _name(one): one for one in several}
    rates, scorers = [], {}
    for name, one in scoring.items():
        if isinstance(one, str) and one.startswith(RECALL_AT):
            rates.append(_rate(one))
        elif isinstance(one, str) and one not in (*ALWAYS, *get_scorer_names()):
            hint = near_name(one, [*ALWAYS, "recall@0.05", *get_scorer_names()])
            raise ValueError(
                f"Unknown score {one!r}.{hint} Known: {', '.join(ALWAYS)}, recall@0.05 and its like, "
                "scikit-learn's scorers by name, and scorers."
            )
        elif not isinstance(one, str) and not callable(one):
            raise ValueError(f"{one!r} is neither the name of a score nor a scorer.")
        elif not isinstance(one, str) or one not in ALWAYS:
            scorers[str(name)] = get_scorer(one)
    if isinstance(costs, Mapping):
        own = {str(label): label for label in np.asarray(classes).tolist()}
        costs = {tuple(own.get(str(label), label) for label in pair): cost for pair, cost in costs.items()}
    return Scoring(None if costs is None else cost_matrix(costs, classes), tuple(rates), scorers)


def _name(scorer):
    function = getattr(scorer, "_score_func", scorer)
    return getattr(function, "__name__", type(scorer).__name__)


def _rate(name):
    try:
        rate = float(name.removeprefix(RECALL_AT))
    except ValueError:
        rate = np.nan
    if not 0 < rate < 1:
        raise ValueError(f"{name!r}: the rate of false alarms must lie between 0 and 1, as in recall@0.05.")
    return rate
