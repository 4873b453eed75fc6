"""What is compared: what is done to the rows, and what is done to the probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from airq.messages import near_name
from imbalance.comparison.runner import mark
from imbalance.estimators import PriorCorrectedClassifier, counts_its_prior
from imbalance.label_shift import LabelShiftAdapter
from imbalance.resampling import AsManyAsTheOthers, AtLeast, AtMost, DropMajority, Grow

#: Nothing is done to the rows; with the ending "raw" it is what all others are compared with.
AS_THEY_ARE = "as they are"
#: What is done to the probabilities after the fit -> in words.
ENDINGS = {
    "raw": "as the classifier gives them",
    "prior": "corrected to the target's class shares",
    "calibrated": "calibrated on held-out training rows, then corrected to the target's class shares",
    "em": "calibrated, then corrected to class shares that EM estimates from rows without labels",
}


@dataclass(frozen=True)
class Strategy:
    """What is done to the training rows.

    Parameters
    ----------
    name : str
        Short, as on the command line.
    meaning : str
        A line for tables.
    sampler : imbalanced-learn sampler or tuple of them, optional
        Applied in turn.
    weights : None, "balanced", "target" or mapping
        Row weights by class, after the sampler.
    bag : int
        Classifiers, each on its own draw of the sampler; their probabilities are averaged.
    """

    name: str
    meaning: str = ""
    sampler: object = None
    weights: object = None
    bag: int = 1

    def __post_init__(self):
        if self.bag < 1:
            raise ValueError(f"Strategy {self.name!r} has {self.bag} classifiers in its bag; use 1 or more.")

    def calibration(self, ending, model):
        """Return the kind of calibration: "prior" where the prior to correct from cannot be counted."""
        if ending in ("calibrated", "em"):
            return "sigmoid"
        counted = counts_its_prior(model, self.sampler, self.weights)
        return "prior" if ending == "prior" and not counted else "none"

    def classifier(self, model, *, ending, target, seed=0):
        """Return the strategy with one of :data:`ENDINGS` as a classifier, not fitted.

        `target` has the class shares to predict for, in the order of the sorted classes. For "em" it is a
        LabelShiftAdapter: call ``adapt`` with unlabelled rows after ``fit``.
        """
        kind = self.calibration(ending, model)
        to_target = isinstance(self.weights, str) and self.weights == "target"
        base = PriorCorrectedClassifier(
            model,
            # Weights to the target make it the effective prior: it is known, but nothing is corrected.
            target_prior=target if ending in ("prior", "calibrated") or to_target else None,
            trained_prior="estimate" if kind == "prior" else "count",
            sampler=self.sampler,
            weights=self.weights,
            calibration="sigmoid" if kind == "sigmoid" else "none",
            n_members=self.bag,
            cv=5,
            random_state=seed,
        )
        return LabelShiftAdapter(base, method="em", random_state=seed) if ending == "em" else base


def label(rows, ending):
    """Return the name of a strategy with its ending: "smote", "smote+prior"."""
    return rows if ending == "raw" else f"{rows}+{ending}"


def _under(rule):
    return RandomUnderSampler(sampling_strategy=rule)


_AT_MOST = "the rows of a class at most, in multiples of the rarest, 1 or more"
#: Names that take a number behind a colon, as in "under-sample:2" -> their usual number, what it is, its
#: range, the meaning, the sampler that it makes.
NUMBERED = {
    "drop-majority": (
        5 / 6, "the fraction of the largest class to drop, above 0 and below 1", lambda x: 0 < x < 1,
        "Drop {:.4g} of the largest class", lambda x: _under(DropMajority(x)),
    ),
    "under-sample": (
        1, _AT_MOST, lambda x: 1 <= x < np.inf,
        "Cut every class to at most {:.4g} times the rows of the rarest", lambda x: _under(AtMost(x)),
    ),
    "smote": (
        1, "the rows of a class at least, as a share of the largest, above 0 and at most 1",
        lambda x: 0 < x <= 1, "SMOTE every class to at least {:.4g} of the rows of the largest",
        lambda x: SMOTE(sampling_strategy=AtLeast(x)),
    ),
    "smote-under": (
        3, "the factor by which the other classes grow, 1 or more", lambda x: 1 <= x < np.inf,
        "SMOTE the others to {:.4g} times their rows, then cut the largest class to all others together",
        lambda x: (SMOTE(sampling_strategy=Grow(x)), _under(AsManyAsTheOthers())),
    ),
    "bagged-under": (
        1, _AT_MOST, lambda x: 1 <= x < np.inf,
        "Mean of 10 classifiers, each under-sampled on its own to {:.4g} times the rarest",
        lambda x: _under(AtMost(x)),
    ),
}  # fmt: skip


def _numbered(base, number=None, name=None):
    usual, _, _, meaning, sampler = NUMBERED[base]
    number = usual if number is None else number
    bag = 10 if base == "bagged-under" else 1
    return Strategy(name or base, meaning.format(number), sampler(number), bag=bag)


#: What may be done to the rows, by name and in the order of tables.
ROWS = {
    AS_THEY_ARE: Strategy(AS_THEY_ARE, "The training rows as they are"),
    **{name: _numbered(name) for name in ("drop-majority", "under-sample", "smote", "smote-under")},
    "weights": Strategy("weights", "Row weights: classes count alike", weights="balanced"),
    "weights-target": Strategy("weights-target", "Row weights: classes as in the target", weights="target"),
    "bagged-under": _numbered("bagged-under"),
}
#: Those that are compared where none is named; the others repeat what these show.
USUAL_ROWS = [AS_THEY_ARE, "under-sample", "smote", "weights", "bagged-under"]
USUAL_ENDINGS = ["raw", "prior", "calibrated"]


def find_rows(name):
    """Return what is done to the rows by its name, perhaps with a number or fraction behind a colon.

    >>> find_rows("drop-majority:1/2").meaning
    'Drop 0.5 of the largest class'
    """
    name = AS_THEY_ARE if name == "none" else name
    if name in ROWS:
        return ROWS[name]
    base, colon, text = name.partition(":")
    if base not in ROWS or not colon:
        hint = near_name(base, ROWS)
        raise ValueError(f"Nothing called {name!r} is done to rows.{hint} Known: {', '.join(ROWS)}.")
    if base not in NUMBERED:
        raise ValueError(f"{base!r} takes no number, as in {name!r}; {', '.join(NUMBERED)} do.")
    _, what, holds, *_ = NUMBERED[base]
    top, _, bottom = text.partition("/")
    try:
        number = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError):
        number = np.nan
    if not holds(number):
        raise ValueError(f"{name!r}: {text!r} is not {what}.")
    return _numbered(base, number, name)


def choose_rows(rows=None):
    """Return strategies from names, samplers, strategies, a list of them or a mapping from name.

    A list within the list is samplers in turn; "all" is all of :data:`ROWS`; None the usual ones.

    >>> [one.name for one in choose_rows(["smote", SMOTE(), [SMOTE(), RandomUnderSampler()]])]
    ['smote', 'SMOTE', 'SMOTE, RandomUnderSampler']
    """
    if isinstance(rows, Mapping):
        given = [replace(_strategy(one), name=str(name)) for name, one in rows.items()]
    else:
        rows = USUAL_ROWS if rows is None else list(ROWS) if isinstance(rows, str) and rows == "all" else rows
        given = [_strategy(one) for one in (rows if isinstance(rows, list | tuple) else [rows])]
    if not given:
        raise ValueError(f"Nothing is to be done to the rows; name one or more of {list(ROWS)}.")
    chosen = {}
    for strategy in given:
        if strategy.name == AS_THEY_ARE and (strategy.sampler, strategy.weights) != (None, None):
            raise ValueError(f"{AS_THEY_ARE!r} is what all others are compared with; rename yours.")
        held = chosen.setdefault(strategy.name, strategy)
        if held is not strategy and (mark(held) is None or mark(held) != mark(strategy)):
            raise ValueError(
                f"Two things done to the rows are called {strategy.name!r}; name them in a dict."
            )
    return list(chosen.values())


def _strategy(one):
    if isinstance(one, Strategy):
        return one
    if isinstance(one, str):
        return find_rows(one)
    samplers = tuple(one) if isinstance(one, list | tuple) else (one,)
    for sampler in samplers:
        if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
            raise ValueError(f"{sampler!r} is neither a name nor a sampler of imbalanced-learn.")
    name = ", ".join(type(sampler).__name__ for sampler in samplers)
    return Strategy(name, f"{name} of imbalanced-learn", samplers)


def choose_endings(ending=None):
    """Return endings in the order of :data:`ENDINGS`, from a name or several; "all" is all of them.

    >>> choose_endings(["prior", "raw"])
    ['raw', 'prior']
    """
    if isinstance(ending, str):
        ending = list(ENDINGS) if ending == "all" else [ending]
    given = USUAL_ENDINGS if ending is None else list(ending)
    for name in given:
        if name not in ENDINGS:
            hint = near_name(str(name), ENDINGS)
            raise ValueError(f"Unknown ending {name!r}.{hint} Known: {', '.join(ENDINGS)}.")
    if not given:
        raise ValueError(f"No ending is named; choose from {', '.join(ENDINGS)}.")
    return [name for name in ENDINGS if name in given]
