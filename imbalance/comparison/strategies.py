"""What can be done about rare classes: a sampler, a weight rule and what happens to the probabilities.

>>> from imblearn.over_sampling import RandomOverSampler
>>> _ = register(Strategy("repeat", "Repeat rows of the small classes", sampler=RandomOverSampler()))
>>> STRATEGIES.pop("repeat").posthoc
'none'
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler

from airq.messages import near_name
from imbalance.boosters import MODELS, make_model
from imbalance.comparison.fits import StrategyFailed, deployment_rows, predict_strategies
from imbalance.comparison.runs import lasting_text
from imbalance.estimators import PriorCorrectedClassifier, learns_as_counted
from imbalance.label_shift import LabelShiftAdapter
from imbalance.resampling import AsManyAsTheOthers, AtLeast, AtMost, DropMajority, Grow

__all__ = [
    "MODELS",
    "STRATEGIES",
    "Strategy",
    "StrategyFailed",
    "deployment_rows",
    "find_strategy",
    "make_model",
    "predict_strategies",
    "register",
]

POSTHOC = ("none", "prior", "em", "calibrated-prior", "calibrated-em")


@dataclass(frozen=True)
class Strategy:
    """A way to treat rare classes.

    Parameters
    ----------
    name : str
        Short, as on the command line.
    meaning : str
        A line for tables.
    sampler : imbalanced-learn sampler or tuple of them, optional
        For the training rows.
    weights : None, "balanced", "target" or mapping
        Row weights by class, after the sampler.
    posthoc : {"none", "prior", "em", "calibrated-prior", "calibrated-em"}
        Leave the probabilities; correct them to the known target prior, from the counted one or, after a
        sampler or weights, from one estimated on held-out original rows; or calibrate them on these rows,
        then correct them to the target prior, or to the one that EM finds in unlabelled rows ("em" is
        "calibrated-em").
    bag : int
        Classifiers, each on its own draw of the sampler.
    """

    name: str
    meaning: str = ""
    sampler: object = None
    weights: object = None
    posthoc: str = "none"
    bag: int = 1

    def __post_init__(self):
        if self.posthoc not in POSTHOC:
            raise ValueError(
                f"Strategy {self.name!r} has posthoc {self.posthoc!r}; use one of {', '.join(POSTHOC)}."
            )
        if self.adapts and self.weights == "target":
            raise ValueError(f"Strategy {self.name!r} weights to a known prior and estimates it; choose one.")
        if self.bag < 1:
            raise ValueError(f"Strategy {self.name!r} has {self.bag} classifiers in its bag; use 1 or more.")

    @property
    def fit_key(self):
        """Strategies of equal key differ only in what happens after the fit, and can share it."""
        samplers = self.sampler if isinstance(self.sampler, list | tuple) else [self.sampler]
        return tuple(map(lasting_text, samplers)), lasting_text(self.weights), self.bag

    @property
    def adapts(self):
        """Whether it estimates the prior from unlabelled rows instead of being told."""
        return self.posthoc.endswith("em")

    @property
    def calibrates(self):
        """Whether it calibrates on held-out original rows, which takes more fits; EM needs that."""
        return self.posthoc.startswith("calibrated") or self.adapts

    def calibration(self, model):
        """Kind of calibration: "prior" where a correction starts from a prior that cannot be counted."""
        if self.calibrates:
            return "sigmoid"
        counted = self.sampler is None and self.weights is None and learns_as_counted(model)
        return "prior" if self.posthoc == "prior" and not counted else "none"

    def classifier(self, model, *, target_prior, random_state=0):
        """The strategy as one scikit-learn classifier, not fitted.

        Parameters
        ----------
        model : scikit-learn classifier
            It is cloned when fitted.
        target_prior : {"training", "balanced"}, mapping or array-like of shape (n_classes,)
            Class shares to predict for; for "none" and "em" it does not matter, unless weights follow it.
        random_state : int
            Of samplers and folds.

        Returns
        -------
        PriorCorrectedClassifier or LabelShiftAdapter
            The latter where the strategy `adapts`: call ``adapt`` with unlabelled rows after ``fit``.
        """
        base = self.uncorrected(model, target_prior, random_state)
        if self.adapts:
            return LabelShiftAdapter(
                base.set_params(target_prior="training"),
                method="em",
                n_bootstrap=100,
                random_state=random_state,
            )
        corrected = {} if self.posthoc == "none" else {"target_prior": target_prior}
        return base.set_params(calibration=self.calibration(model), **corrected)

    def uncorrected(self, model, target_prior, random_state):
        """The classifier without what follows the fit, which strategies of equal `fit_key` share."""
        return PriorCorrectedClassifier(
            model,
            # Weights to the target make it the effective prior: it is known, but nothing is corrected.
            target_prior=target_prior if self.weights == "target" else None,
            trained_prior="count",
            sampler=self.sampler,
            weights=self.weights,
            n_members=self.bag,
            cv=5,
            random_state=random_state,
        )


#: Strategies by name, in the order of tables; :func:`register` adds to them.
STRATEGIES = {}


def register(strategy):
    """Add a strategy, which comparisons then know by its name; return it.

    Raises
    ------
    ValueError
        If another strategy has the name.
    """
    if strategy.name in STRATEGIES and STRATEGIES[strategy.name] != strategy:
        raise ValueError(f"There is a strategy {strategy.name!r} already; give yours another name.")
    STRATEGIES[strategy.name] = strategy
    return strategy


def _under(rule):
    return RandomUnderSampler(sampling_strategy=rule)


SMOTE_UNDER = (SMOTE(sampling_strategy=Grow(3)), _under(AsManyAsTheOthers()))

for _strategy in (
    Strategy("none", "Nothing: the training rows as they are"),
    Strategy("drop-majority", "Drop 5/6 of the largest class", _under(DropMajority(5 / 6))),
    Strategy("under-sample", "Cut every class to the rows of the rarest", _under(AtMost(1))),
    Strategy("smote", "SMOTE every class to the rows of the largest", SMOTE()),
    Strategy(
        "smote-under",
        "SMOTE the others to 3 times their rows, then cut the largest class to all others together",
        SMOTE_UNDER,
    ),
    Strategy("weights", "Row weights: classes count alike", weights="balanced"),
    Strategy("weights-target", "Row weights: classes count as in the target prior", weights="target"),
    Strategy(
        "bagged-under", "Mean of 10 classifiers, each under-sampled on its own", _under(AtMost(1)), bag=10
    ),
    Strategy("none+prior", "Nothing, then corrected to the known target prior", posthoc="prior"),
    Strategy(
        "none+em",
        "Nothing, calibrated on held-out training rows, then corrected to the prior that EM finds in "
        "unlabelled rows",
        posthoc="em",
    ),
    Strategy(
        "calibrated+prior",
        "Nothing, calibrated on held-out training rows, then corrected to the known target prior",
        posthoc="calibrated-prior",
    ),
):
    register(_strategy)


#: Strategies that take a number behind a colon, as in "under-sample:2" -> what it is, in which range, the
#: meaning and the sampler that it makes.
NUMBERED = {
    "drop-majority": (
        "the fraction of the largest class to drop, above 0 and below 1",
        lambda fraction: 0 < fraction < 1,
        "Drop {:.4g} of the largest class",
        lambda fraction: _under(DropMajority(fraction)),
    ),
    "under-sample": (
        "the rows of a class at most, in multiples of the rarest, 1 or more",
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
        lambda factor: (SMOTE(sampling_strategy=Grow(factor)), _under(AsManyAsTheOthers())),
    ),
    "bagged-under": (
        "the rows of a class at most, in multiples of the rarest, 1 or more",
        lambda ratio: 1 <= ratio < np.inf,
        "Mean of 10 classifiers, each under-sampled on its own to {:.4g} times the rarest",
        lambda ratio: _under(AtMost(ratio)),
    ),
}


def find_strategy(name):
    """Strategy by its name, perhaps with a number behind a colon.

    Parameters
    ----------
    name : str
        A name of :data:`STRATEGIES`, or one of :data:`NUMBERED` with a number.

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
    >>> find_strategy("drop-majority:.5").meaning
    'Drop 0.5 of the largest class'
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    base, colon, text = name.partition(":")
    if base not in STRATEGIES or not colon:
        known = ", ".join(STRATEGIES)
        raise ValueError(f"Unknown strategy {name!r}.{near_name(base, STRATEGIES)} Known: {known}.")
    if base not in NUMBERED:
        raise ValueError(f"Strategy {base!r} takes no number, as in {name!r}; {', '.join(NUMBERED)} do.")
    what, holds, meaning, sampler = NUMBERED[base]
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not holds(number):
        raise ValueError(f"Strategy {name!r}: {text!r} is not {what}.")
    return replace(STRATEGIES[base], name=name, meaning=meaning.format(number), sampler=sampler(number))
