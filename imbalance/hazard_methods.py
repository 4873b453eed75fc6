"""Ways to call a day hazardous: regression with a threshold, and classification.

Every method gives a row a score, the higher the likelier hazardous. A regressor's is PM2.5
[µg m⁻³], a classifier's the probability that PM2.5 lies above the level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airq.messages import near_name
from imbalance.boosters import SETTINGS, make_model
from imbalance.comparison.runs import lasting_text
from imbalance.comparison.strategies import STRATEGIES, Strategy
from imbalance.density import dense_weights, inverse_density_weights

UPPER_QUANTILE = 0.9

#: What regressors and classifiers share, over LightGBM's defaults: smaller trees on parts of the
#: columns and rows, for features that repeat each other, and small leaves: at the default 20 rows, a
#: hundred under-sampled rows leave nothing to split. Nothing stops early, so no row is needed to stop on.
BOOSTER = {
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_child_samples": 5,
    "colsample_bytree": 0.2,
    "subsample": 0.7,
    "subsample_freq": 1,
    "reg_lambda": 5.0,
    "max_bin": 63,
}
ROUNDS = SETTINGS["lightgbm"]["n_estimators"]


@dataclass(frozen=True)
class Regression:
    """LightGBM regression of PM2.5; the prediction is the score.

    Attributes
    ----------
    name, meaning : str
        What it is called, and what it does in a few words.
    objective : {"regression", "quantile"}
        Mean, or the upper quantile :data:`UPPER_QUANTILE`.
    weigh : callable, optional
        ``weigh(pm25)`` gives the training rows weights.
    """

    name: str
    meaning: str
    objective: str = "regression"
    weigh: Callable | None = None

    kind = "regression"

    @property
    def key(self):
        """What it does, in words that mean the same in another process."""
        return self.objective, UPPER_QUANTILE, lasting_text(self.weigh)

    def plain_threshold(self, above):
        """What the prediction must exceed to be taken by its word: the level. [µg m⁻³]"""
        return above

    def probability(self, scores, above):
        """Something in 0 to 1 to recalibrate, shape (n_samples,): its odds are PM2.5 over the level."""
        return scores / (scores + above)

    def score(self, learn, pm25, hazardous, new, *, seed=0, groups=None):
        """Fit on some rows and predict others.

        Parameters
        ----------
        learn, new : DataFrame of float32, shape (n_samples, n_features), (n_new, n_features)
            Features of the training rows, and of the rows to predict.
        pm25 : numpy.ndarray of shape (n_samples,)
            Targets. [µg m⁻³]
        hazardous : numpy.ndarray of bool, shape (n_samples,)
            Which of them are above the level; a regression does not look at it.
        seed : int
            Seed of the fit, which runs in one thread.
        groups : numpy.ndarray of shape (n_samples,), optional
            Place of each training row: one stays together in the folds of a calibration; a regression has
            none.

        Returns
        -------
        scores : numpy.ndarray of shape (n_new,)
            PM2.5, not below zero. [µg m⁻³]
        notes : list of str
            What had to be changed to fit.
        """
        import lightgbm

        settings = {
            **SETTINGS["lightgbm"],
            **BOOSTER,
            "objective": self.objective,
            "alpha": UPPER_QUANTILE,
            "seed": seed,
        }
        rounds = settings.pop("n_estimators")
        weights = None if self.weigh is None else self.weigh(pm25)
        data = lightgbm.Dataset(learn.to_numpy(), pm25, weight=weights, params=settings)
        model = lightgbm.train(settings, data, rounds)
        return np.maximum(model.predict(new.to_numpy(), num_threads=1), 0), []


@dataclass(frozen=True)
class Classification:
    """A strategy for rare classes on LightGBM; the probability of a hazardous day is the score.

    Attributes
    ----------
    strategy : imbalance.comparison.strategies.Strategy
        What to do about the rare class. Where it corrects to a known prior, that is the training
        rows'; EM finds one in the features of the rows to predict.
    """

    strategy: Strategy

    kind = "classifier"

    @property
    def name(self):
        """That of the strategy."""
        return self.strategy.name

    @property
    def key(self):
        """What the strategy does, in words that mean the same in another process."""
        return self.strategy.fit_key, self.strategy.posthoc

    @property
    def meaning(self):
        """That of the strategy."""
        return f"classifier: {self.strategy.meaning}"

    def plain_threshold(self, above):
        """What the probability must exceed to be taken by its word."""
        return 0.5

    def probability(self, scores, above):
        """The scores themselves."""
        return scores

    def score(self, learn, pm25, hazardous, new, *, seed=0, groups=None):
        """Fit on some rows and give others the probability of a hazardous day, shape (n_new,), and notes.

        Arguments as in :meth:`Regression.score`; `pm25` is not looked at.
        """
        model = make_model("lightgbm", random_state=seed, **BOOSTER)
        classifier = self.strategy.classifier(model, target_prior="training", random_state=seed)
        classifier.fit(learn, hazardous, groups=groups)
        if self.strategy.adapts:
            classifier.adapt(new)
        return classifier.predict_proba(new)[:, 1], list(getattr(classifier, "notes_", []))


REGRESSIONS = {
    method.name: method
    for method in (
        Regression("regression", "mean regression of PM2.5"),
        Regression("upper-quantile", f"regression of the {UPPER_QUANTILE} quantile", objective="quantile"),
        Regression("dense-weights", "mean regression, DenseWeight (Steininger 2021)", weigh=dense_weights),
        Regression(
            "inverse-density",
            "mean regression, root of the inverse smoothed density (Yang 2021)",
            weigh=inverse_density_weights,
        ),
    )
}


def all_methods():
    """Every method by name: the regressions, and a classifier for each strategy."""
    return REGRESSIONS | {name: Classification(strategy) for name, strategy in STRATEGIES.items()}


def default_methods():
    """Names of the methods that a comparison runs unless told otherwise.

    Strategies that only change the prior of the probabilities are left out, because they do not change
    the order of the rows.
    """
    own = [s.name for s in STRATEGIES.values() if s.posthoc == "none" and s.weights != "target"]
    return [*REGRESSIONS, *own]


def chosen_methods(names=None):
    """Methods by name, :func:`default_methods` if None.

    Raises
    ------
    ValueError
        If a name is unknown or there is none.
    """
    known = all_methods()
    names = default_methods() if names is None else list(dict.fromkeys(names))
    if not names:
        raise ValueError(f"Name at least one method of {', '.join(known)}.")
    for name in names:
        if name not in known:
            raise ValueError(f"No method {name!r}.{near_name(name, known)} Choose from {', '.join(known)}.")
    return {name: known[name] for name in names}
