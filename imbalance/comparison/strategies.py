"""What is compared: what is done to the rows, and what is done to the probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pickle import PicklingError

import joblib
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from airq.messages import near_name
from imbalance.classifiers import counts_its_prior
from imbalance.estimators import PriorCorrectedClassifier
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

    Examples
    --------
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> Strategy("repeat", "Repeat rows of the small classes", RandomOverSampler()).plain
    False
    """

    name: str
    meaning: str = ""
    sampler: object = None
    weights: object = None
    bag: int = 1

    def __post_init__(self):
        if self.bag < 1:
            raise ValueError(f"Strategy {self.name!r} has {self.bag} classifiers in its bag; use 1 or more.")

    @property
    def plain(self):
        """Whether the classifier sees the training rows as they are."""
        return self.sampler is None and self.weights is None

    def calibration(self, ending, model):
        """Kind of calibration: "prior" where a correction starts from a prior that cannot be counted."""
        if ending in ("calibrated", "em"):
            return "sigmoid"
        counted = counts_its_prior(model, self.sampler, self.weights)
        return "prior" if ending == "prior" and not counted else "none"

    def classifier(self, model, *, ending, target, seed=0):
        """The strategy with one ending as a scikit-learn classifier, not fitted.

        Parameters
        ----------
        model : scikit-learn classifier
            It is cloned when fitted.
        ending : str
            A key of :data:`ENDINGS`.
        target : array-like of shape (n_classes,)
            Class shares to predict for, in the order of the sorted classes.
        seed : int
            Of samplers and folds.

        Returns
        -------
        PriorCorrectedClassifier or LabelShiftAdapter
            The latter for "em": call ``adapt`` with unlabelled rows after ``fit``.
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
    """Name of a strategy with its ending: "smote", "smote+prior"."""
    return rows if ending == "raw" else f"{rows}+{ending}"


#: The strategy and ending that all others are compared with.
REFERENCE = label(AS_THEY_ARE, "raw")


def _under(rule):
    return RandomUnderSampler(sampling_strategy=rule)


def _smote_under(factor):
    return SMOTE(sampling_strategy=Grow(factor)), _under(AsManyAsTheOthers())


_AT_MOST = "the rows of a class at most, in multiples of the rarest, 1 or more"
#: Names that take a number behind a colon, as in "under-sample:2" -> what it is, its range, the meaning, the
#: sampler that it makes.
NUMBERED = {
    "drop-majority": (
        "the fraction of the largest class to drop, above 0 and below 1",
        lambda fraction: 0 < fraction < 1,
        "Drop {:.4g} of the largest class",
        lambda fraction: _under(DropMajority(fraction)),
    ),
    "under-sample": (
        _AT_MOST,
        lambda ratio: 1 <= ratio < np.inf,
        "Cut every class to at most {:.4g} times the rows of the rarest",
        lambda ratio: _under(AtMost(ratio)),
    ),
    "smote": (
        "the rows of a class at least, as a share of the largest, above 0 and at most 1",
        lambda share: 0 < share <= 1,
        "SMOTE every class to at least {:.4g} of the rows of the largest",
        lambda share: SMOTE(sampling_strategy=AtLeast(share)),
    ),
    "smote-under": (
        "the factor by which the other classes grow, 1 or more",
        lambda factor: 1 <= factor < np.inf,
        "SMOTE the others to {:.4g} times their rows, then cut the largest class to all others together",
        _smote_under,
    ),
    "bagged-under": (
        _AT_MOST,
        lambda ratio: 1 <= ratio < np.inf,
        "Mean of 10 classifiers, each under-sampled on its own to {:.4g} times the rarest",
        lambda ratio: _under(AtMost(ratio)),
    ),
}


def _numbered(name, number, base=None, bag=1):
    _, _, meaning, sampler = NUMBERED[base or name]
    return Strategy(name, meaning.format(number), sampler(number), bag=bag)


#: What may be done to the rows, by name and in the order of tables.
ROWS = {
    strategy.name: strategy
    for strategy in (
        Strategy(AS_THEY_ARE, "The training rows as they are"),
        _numbered("drop-majority", 5 / 6),
        _numbered("under-sample", 1),
        _numbered("smote", 1),
        _numbered("smote-under", 3),
        Strategy("weights", "Row weights: classes count alike", weights="balanced"),
        Strategy("weights-target", "Row weights: classes count as in the target", weights="target"),
        _numbered("bagged-under", 1, bag=10),
    )
}
#: Those that are compared where none is named; the others repeat what these show.
USUAL_ROWS = (AS_THEY_ARE, "under-sample", "smote", "weights", "bagged-under")
USUAL_ENDINGS = ("raw", "prior", "calibrated")


def find_rows(name):
    """What is done to the rows, by its name, perhaps with a number behind a colon.

    Parameters
    ----------
    name : str
        A name of :data:`ROWS`, or one of :data:`NUMBERED` with a number or a fraction; "none" is
        "as they are".

    Returns
    -------
    Strategy
        Called as asked for.

    Raises
    ------
    ValueError
        If the name is unknown, or the number is none, out of range or not wanted.

    Examples
    --------
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
    what, holds, *_ = NUMBERED[base]
    number = _number(text)
    if not holds(number):
        raise ValueError(f"{name!r}: {text!r} is not {what}.")
    return _numbered(name, number, base, ROWS[base].bag)


def _number(text):
    top, _, bottom = text.partition("/")
    try:
        return float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError):
        return np.nan


def choose_rows(rows=None):
    """Strategies for the rows, from names, samplers, strategies, a list of them or a mapping from name.

    Parameters
    ----------
    rows : str, sampler, Strategy, sequence or mapping, optional
        A sequence within the sequence is samplers in turn; "all" is all of :data:`ROWS`.

    Returns
    -------
    list of Strategy
        The usual ones if None.

    Raises
    ------
    ValueError
        If a name is unknown or given twice to different things, or something is no sampler.

    Examples
    --------
    >>> [one.name for one in choose_rows(["smote", SMOTE(), [SMOTE(), RandomUnderSampler()]])]
    ['smote', 'SMOTE', 'SMOTE, RandomUnderSampler']
    """
    if isinstance(rows, Mapping):
        given = [replace(_strategy(one), name=str(name)) for name, one in rows.items()]
    elif isinstance(rows, str) and rows == "all":
        given = list(ROWS.values())
    else:
        several = isinstance(rows, list | tuple)
        given = [_strategy(one) for one in (USUAL_ROWS if rows is None else rows if several else [rows])]
    if not given:
        raise ValueError(
            f"Nothing is to be done to the rows; name {AS_THEY_ARE!r} or others of {list(ROWS)}."
        )
    chosen = {}
    for strategy in given:
        if strategy.name == AS_THEY_ARE and not strategy.plain:
            raise ValueError(
                f"{AS_THEY_ARE!r} is what all others are compared with; give yours another name."
            )
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
    """Endings in the order of :data:`ENDINGS`, from a name or several; "all" is all of them.

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


def mark(value):
    """Short hash of an estimator, sampler or rule by its type and parameters.

    None where it holds what only this process knows, such as a function without a name: another run cannot
    know it again.

    >>> mark(SMOTE(k_neighbors=3)) == mark(SMOTE(k_neighbors=3)) != mark(SMOTE())
    True
    >>> mark(lambda y: {1: 10}) is None
    True
    """
    try:
        return joblib.hash(value)[:12]
    except (PicklingError, AttributeError, TypeError):
        return None
