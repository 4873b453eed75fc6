"""Conformal label sets that hold for every class, whatever the class shares of the population."""

from __future__ import annotations

from imbalance.decisions import HeldOutClassifier


class LabelSetClassifier(HeldOutClassifier):
    """Classifier that predicts sets of labels which hold the true one at a stated rate, class by class."""

    def __init__(self, estimator, coverage=0.9, *, target=None, cv=5, random_state=None):
        self.estimator = estimator
        self.coverage = coverage
        self.target = target
        self.cv = cv
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None, **params):
        raise NotImplementedError

    def predict_set(self, X, coverage=None):
        """Return a boolean frame of shape (n_samples, n_classes), its columns the classes."""
        raise NotImplementedError
